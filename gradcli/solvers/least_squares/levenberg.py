"""The step of Levenberg and Marquardt: the best one of a linear model within a trust region."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.solvers.least_squares.triangular import reduced, solution, solve_triangular
from gradcli.solvers.norms import EPSILON, TINY, norm

if TYPE_CHECKING:
    from gradcli.solvers.bounds import Box
    from gradcli.solvers.least_squares.triangular import Triangle
    from gradcli.solvers.solver import Mask, Matrix, Vector


class Step(NamedTuple):
    """A step, in scaled parameters, and the damping that made it short enough."""

    change: Vector
    damping: float


def step_within(factor: Matrix, rotated: Vector, radius: float, damping: float) -> Step:
    """Return the s that minimises |A s + q| with |s| at most `radius`, give or take a tenth.

    `factor` is the upper triangular A, shape (p, p), with columns of similar length, and `damping`
    the guess of the λ in (AᵀA + λI) s = -Aᵀq, best the one of the step before. λ is found by
    Newton's iteration on |s(λ)|, safeguarded, each time with a QR factorisation and never with
    AᵀA. (Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1978; the routine
    lmpar of MINPACK.)
    """
    change, rank = solution(factor, rotated)
    excess = norm(change) - radius
    if excess <= 0.1 * radius:
        return Step(change, 0.0)
    lower = 0.0
    if rank == len(change):
        lower = excess / radius * _slope(factor, change)
    upper = norm(factor.T @ rotated) / radius
    if upper == 0:
        upper = TINY / min(radius, 0.1)
    damping = min(max(damping, lower), upper)
    if damping == 0:
        damping = norm(factor.T @ rotated) / norm(change)
    for _ in range(10):
        if damping == 0:
            damping = max(TINY, 0.001 * upper)
        triangle, change = _damped(factor, rotated, damping)
        before, excess = excess, norm(change) - radius
        if abs(excess) <= 0.1 * radius or (lower == 0 and excess <= before < 0):
            break
        correction = excess / radius * _slope(triangle, change)
        if excess > 0:
            lower = max(lower, damping)
        else:
            upper = min(upper, damping)
        damping = max(lower, damping + correction)
    return Step(change, damping)


def _damped(factor: Matrix, rotated: Vector, damping: float) -> tuple[Matrix, Vector]:
    """Return the triangle of A above √λ I, and the step."""
    count = len(rotated)
    rows = np.zeros((2 * count, count + 1))
    rows[:count, :count] = factor
    rows[:count, count] = rotated
    rows[count:, :count] = np.sqrt(damping) * np.eye(count)
    triangle = reduced(rows)[:count]
    if np.any(np.abs(np.diagonal(triangle)) < TINY):
        return triangle[:, :count], np.zeros(count)
    factor, rotated = triangle[:, :count], triangle[:, count]
    return factor, solve_triangular(factor, -rotated)


def _slope(triangle: Matrix, change: Vector) -> float:
    """Return 1 over |T⁻ᵀ s/|s||², the Newton correction of λ for a relative excess of 1."""
    size = norm(change)
    if size == 0:
        return 0.0
    solved = solve_triangular(triangle, change / size, transposed=True)
    length = max(norm(solved), EPSILON)
    return 1 / length / length  # its square may be too large for a double


def step_between(factor: Matrix, rotated: Vector, lower: Vector, upper: Vector) -> Vector:
    """Return the s that minimises |A s + q| with every entry between its limits.

    0 lies between the limits. The entries that end on a limit are found by an active-set method
    (Stark and Parker, Bounded-variable least squares, 1995, in scipy.optimize.lsq_linear), the
    others follow from a triangular system.
    """
    step, _ = solution(factor, rotated)
    if np.all((lower <= step) & (step <= upper)):
        return step
    size = norm(rotated)
    moving = (lower < upper) & (np.any(factor != 0, axis=0))
    found = np.zeros(len(rotated))
    if size == 0 or not np.any(moving):
        return found
    from scipy.optimize import lsq_linear  # takes longer to import than most searches last

    result = lsq_linear(
        factor[:, moving],
        -rotated / size,
        (lower[moving] / size, upper[moving] / size),
        method="bvls",
        tol=1e-14,
        max_iter=10 * len(rotated),
    )
    found[moving] = np.clip(result.x * size, lower[moving], upper[moving])
    side = np.zeros(len(rotated), dtype=int)
    side[moving] = result.active_mask
    found = np.where(side < 0, lower, np.where(side > 0, upper, found))
    return _sharpened(factor, rotated, found, (lower, upper), moving & (side == 0))


def full_step(
    triangle: Triangle, point: Vector, box: Box, scale: Vector, tolerance: float | None = None
) -> Vector:
    """Return the Gauss–Newton step from a point that the box allows, not damped.

    `scale` makes columns of J of similar length; `tolerance` is that of `solution`.
    """
    factor = triangle.factor / scale
    if box.is_unbounded:
        change, _ = solution(factor, triangle.rotated, tolerance)
    else:
        lower, upper = box.room(point)
        change = step_between(factor, triangle.rotated, lower * scale, upper * scale)
    return np.asarray(change / scale)


def _sharpened(
    factor: Matrix,
    rotated: Vector,
    step: Vector,
    limits: tuple[Vector, Vector],
    free: Mask,
) -> Vector:
    """Return the step with its free entries solved for by QR, when they stay between the limits."""
    if not np.any(free):
        return step
    rest = rotated + factor @ np.where(free, 0.0, step)
    rows = reduced(np.column_stack([factor[:, free], rest]))
    count = int(np.sum(free))
    better = step.copy()
    better[free], _ = solution(rows[:count, :count], rows[:count, count])
    inside = np.all((limits[0] <= better) & (better <= limits[1]))
    return better if inside else step
