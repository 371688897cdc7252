"""The second derivative of the objective in the metric of the Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers.least_squares.triangular import solve_triangular
from gradcli.solvers.solver import each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.solvers.least_squares.losses import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector

MOST_PARAMETERS = 50
"""Up to so many a pass over the rows for each of them is worth its time."""


def curvature(
    residuals: Residuals, point: Vector, triangle: Matrix, free: Mask, loss: Loss | None
) -> Matrix | None:
    """Return C = R⁻ᵀ H R⁻¹ of half the Hessian H by the free parameters, R upper triangular.

    C is the identity where residuals have no curvature, so that the Gauss–Newton step -R⁻¹q is
    Newton's; elsewhere Newton's is -R⁻¹C⁻¹q. H is exact. None when it is undefined, when C is not
    positive definite, or for so many parameters that it would take long.
    """
    count = len(triangle)
    if count > MOST_PARAMETERS or np.any(np.diagonal(triangle) == 0):
        return None
    columns = []
    for part in solve_triangular(triangle, np.eye(count)).T:
        direction = np.zeros_like(point)
        direction[free] = part
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                turned = (point, direction)
                parts = each(residuals, "along", half_hessian_times, turned, direction, loss)
                columns.append(np.sum([*parts], axis=0)[free])
        except MathematicsError:
            return None
    gradients = np.array(columns).T
    if not np.all(np.isfinite(gradients)):
        return None
    found = solve_triangular(triangle, gradients, transposed=True)
    found = (found + found.T) / 2
    if not np.all(np.isfinite(found)) or np.linalg.eigvalsh(found)[0] <= 0:
        return None
    return np.asarray(found)


def half_hessian_times(
    blocks: Iterable[tuple[Vector, Matrix, Matrix]], direction: Vector, loss: Loss | None
) -> Vector:
    """Return how the half gradient Jᵀψ(r) changes along a direction; ψ is r without a loss."""
    total = np.zeros_like(direction)
    for values, jacobian, turned in blocks:
        moved = jacobian @ direction
        if loss is not None:
            values, slopes = loss.influence(values)  # noqa: PLW2901 - what counts of each
            moved = slopes * moved
        total += jacobian.T @ moved + turned.T @ values
    return total
