"""The second derivative of the objective in the metric of the Jacobian, by differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.optimize.least_squares.triangular import linearised, solve_triangular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcli.optimize.bounds import Box
    from gradcli.optimize.least_squares.losses import Loss
    from gradcli.optimize.solver import Matrix, Residuals, Vector

DIFFERENCE = 1e-5
"""The length of a difference, relative to the parameter that moves most."""

MOST_PARAMETERS = 50


def curvature(
    residuals: Residuals,
    point: Vector,
    triangle: Matrix,
    free: NDArray[np.bool_],
    box: Box,
    loss: Loss | None,
) -> Matrix | None:
    """Return C = R⁻ᵀ H R⁻¹ of half the Hessian H by the free parameters, R upper triangular.

    C is the identity where residuals have no curvature, so that the Gauss–Newton step -R⁻¹q is
    Newton's; elsewhere Newton's is -R⁻¹C⁻¹q. Gradients are exact, and their central differences
    have about nine correct digits. None when a gradient is undefined or outside of the box, when C
    is not positive definite, or for so many parameters that it would take long.
    """
    count = len(triangle)
    if count > MOST_PARAMETERS or np.any(np.diagonal(triangle) == 0):
        return None
    columns = []
    for direction in solve_triangular(triangle, np.eye(count)).T:
        sizes = np.abs(point[free])
        moving = (direction != 0) & (sizes > 0)
        least = np.min(sizes[moving] / np.abs(direction[moving]), initial=np.inf)
        length = DIFFERENCE * (least if np.isfinite(least) else 1.0)
        change = np.zeros_like(point)
        change[free] = length * direction
        ends = point + change, point - change
        if any(np.any(box.clipped(end) != end) for end in ends):
            return None
        try:
            ahead, behind = (linearised(residuals, end, loss).gradient for end in ends)
        except MathematicsError:
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            columns.append((ahead - behind)[free] / (4 * length))
    gradients = np.array(columns).T
    if not np.all(np.isfinite(gradients)):
        return None
    found = solve_triangular(triangle, gradients, transposed=True)
    found = (found + found.T) / 2
    if not np.all(np.isfinite(found)) or np.linalg.eigvalsh(found)[0] <= 0:
        return None
    return np.asarray(found)
