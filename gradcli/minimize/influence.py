"""What each observation does to a fit: leverage, Cook's distance, and how the parameters follow it.

With the weighted Jacobian J of the residuals and R of its QR factors, the leverage of a row j of J
is h = |R⁻ᵀj|², and Cook's distance r² h / (p s² (1-h)²) (Cook 1977). The derivative of the
parameters by a response y is that of the implicit function: H dθ/dy = -∂²S/∂θ∂y, where H is the
exact Hessian of the sum of squares S, and not JᵀJ alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.errors import UsageError
from gradcli.options import spelled
from gradcli.solvers.norms import norms

if TYPE_CHECKING:
    from gradcli.minimize.residuals import ModelResiduals
    from gradcli.solvers.solver import Mask, Matrix, Vector


class Influence(NamedTuple):
    """What is the same for all rows of a fit."""

    free: Mask
    root: Matrix
    """R⁻¹."""
    turned: Matrix
    """(I + R⁻ᵀ K R⁻¹)⁻¹, K being what the curvature of the model adds to JᵀJ in the Hessian."""
    variance: float
    """s², of a residual of weight 1."""

    def of_rows(
        self, residual: Vector, jacobian: Matrix, weights: Vector | None
    ) -> tuple[Vector, Vector, Matrix]:
        """Return leverage, Cook's distance and the derivatives of the parameters of some rows.

        `residual` is response - fitted and `jacobian` its derivative, both without weights.
        """
        ones = np.ones(len(residual)) if weights is None else weights
        rows = jacobian[:, self.free] @ self.root
        with np.errstate(all="ignore"):
            leverage = ones * norms(rows.T) ** 2
            count = int(np.sum(self.free)) * self.variance
            distance = ones * residual**2 * leverage / (count * (1.0 - leverage) ** 2)
        follows = np.zeros((len(residual), len(self.free)))
        follows[:, self.free] = -ones[:, None] * (rows @ self.turned.T @ self.root.T)
        return leverage, distance, follows


def influence(residuals: ModelResiduals, point: Vector, free: Mask, rss: float | None) -> Influence:
    """Return what the influence of rows is made of, in passes over all of them.

    Raises UsageError where the data do not determine the parameters, or leave no freedom.
    """
    factor: Matrix = np.zeros((0, int(np.sum(free))))
    squares = 0.0
    for values, jacobian in residuals.blocks(point):
        factor = np.array(np.linalg.qr(np.vstack([factor, jacobian[:, free]]), mode="r"))
        squares += float(values @ values)
    freedom = residuals.count - factor.shape[1]
    diagonal = np.abs(np.diag(factor))
    scale = norms(factor)
    if freedom <= 0 or not factor.size or np.any(diagonal <= 1e-14 * scale):
        needs = "a fit whose data determine all parameters, and some more"
        message = f"{spelled('influence')} needs {needs}"
        raise UsageError(message, hint="fix the parameters that are not determined")
    root = np.linalg.solve(factor, np.eye(len(factor)))
    curvature = np.zeros_like(root)
    if not residuals.is_linear:
        for column, place in enumerate(np.flatnonzero(free)):
            direction = np.zeros(len(point))
            direction[place] = 1.0
            for values, _, turns in residuals.along(point, direction):
                curvature[:, column] += values @ turns[:, free]
    inner = np.eye(len(root)) + root.T @ ((curvature + curvature.T) / 2) @ root
    variance = (squares if rss is None else rss) / freedom
    turned = np.array(np.linalg.inv(inner), dtype=np.float64)
    return Influence(free, np.array(root, dtype=np.float64), turned, variance)
