"""Residuals and their Jacobian as QR factors, which hold all that a step needs, and the steps."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers.solver import each
from gradcli.solvers.trust_region import multiplier
from gradcli.solvers.vectors import EPSILON, LARGEST, finite_norm, norm, norms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.solvers.robust import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector
    from gradcli.solvers.vectors import Box

NEGLIGIBLE = 1e-8
"""The effect of a parameter, as a whole, relative to the largest, below which it counts as this."""


RANK_TOLERANCE = 1e-14
"""The part of the largest singular value, with columns of length 1, below which one counts as 0."""


class QRFactors(NamedTuple):
    """A linear least-squares problem |J s + r| in p rows, and the objective where it was made."""

    factor: Matrix
    """The upper triangular R of J = QR, shape (p, p)."""
    rotated: Vector
    """Qᵀr, shape (p,)."""
    norm: float
    """The square root of the objective: |r|, or of what a loss makes of r."""

    @property
    def column_norms(self) -> Vector:
        """The norms of the columns of J, shape (p,)."""
        return norms(self.factor)

    @property
    def gradient(self) -> Vector:
        """The gradient of the objective, 2 Jᵀr, shape (p,); too large an entry is infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(2 * (self.factor.T @ self.rotated))

    def negligible(self, point: Vector) -> Mask:
        """Return which parameters change next to nothing over their own size, or over 1."""
        effects = self.column_norms * np.maximum(np.abs(point), 1.0)
        return np.asarray(effects <= NEGLIGIBLE * max(float(np.max(effects, initial=0)), self.norm))

    def cosines(self, scale: Vector) -> Vector:
        """Return |cos| of the angles between r and the columns of J, of lengths `scale`."""
        size = self.norm if self.norm > 0 else 1.0
        return np.asarray(np.abs((self.factor / scale).T @ (self.rotated / size)))


def scaling(lengths: Vector, sizes: Vector) -> Vector:
    """Return what parameters are multiplied with so that none counts more than others.

    It is the length of each column of J; but where a parameter of that size changes next to
    nothing, as the place of a peak outside of the data does, it is more, lest the parameter be sent
    to infinity.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        least = NEGLIGIBLE * np.max(lengths * sizes, initial=0.0) / sizes
    found = np.where(np.isfinite(least), np.maximum(lengths, least), lengths)
    return np.where(found == 0, 1.0, found)


def solve_triangular(triangle: Matrix, right: Matrix, *, transposed: bool = False) -> Matrix:
    """Return the X of R X = B, or of RᵀX = B, for an upper triangular R.

    R has no 0 on its diagonal. This is what LAPACK's dtrtrs gives: elimination finds nothing to do
    in an upper triangle, so that the general solver only substitutes; and a lower one is an upper
    one with its rows and columns in reverse. (scipy.linalg has the routine itself, but importing it
    takes longer than a fit.)
    """
    if transposed:
        return np.asarray(np.linalg.solve(triangle.T[::-1, ::-1], right[::-1])[::-1])
    return np.asarray(np.linalg.solve(triangle, right))


def reduced(rows: Matrix) -> Matrix:
    """Return the upper triangular R of the QR factorisation."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def triangle_of(
    blocks: Iterable[tuple[Vector, Matrix]], loss: Loss | None = None, free: Mask | None = None
) -> tuple[Matrix, float]:
    """Return the triangle of rows [J r] given in blocks, and the square root of their objective.

    Each block is put under the triangle of those before it and made triangular again by
    Householder reflections, so that memory does not grow with the number of rows. (Golub and
    Van Loan, Matrix Computations, 4th edition, section 6.5.) The rows are rescaled for a loss, and
    have the columns of J that are `free`.
    """
    sizes: list[float] = []
    found: Matrix | None = None
    for values, jacobian in blocks:
        sizes.append(objective_norm(values, loss))
        rows = (values, jacobian) if loss is None else loss.rescaled(values, jacobian)
        some = rows[1] if free is None else rows[1][:, free]
        found = _below(found, np.column_stack([some, rows[0]]))
    assert found is not None  # noqa: S101 - there is always a row
    return found, norm(np.array(sizes))


def _below(triangle: Matrix | None, rows: Matrix) -> Matrix:
    return reduced(rows if triangle is None else np.vstack([triangle, rows]))


def joined(triangles: Iterable[Matrix], parameters: int) -> tuple[Matrix, Vector]:
    """Return R, shape (p, p), and Qᵀr, shape (p,), of triangles of rows [J r].

    Two that follow each other are made one, again and again, so that the result depends on nothing
    but their order. Fewer rows than parameters give rows of zeros.
    """
    level = list(triangles)
    while len(level) > 1:
        pairs = [reduced(np.vstack(level[i : i + 2])) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    full = np.zeros((parameters + 1, parameters + 1))
    full[: len(level[0])] = level[0]
    return full[:parameters, :parameters].copy(), full[:parameters, parameters].copy()


def linearised(residuals: Residuals, point: Vector, loss: Loss | None = None) -> QRFactors:
    """Return the triangle of the residuals at a point, rescaled for a loss.

    Raises MathematicsError where a residual, a derivative or the objective is not finite.
    """
    found = [*each(residuals, "blocks", triangle_of, (point,), loss)]
    factor, rotated = joined([triangle for triangle, _ in found], len(point))
    if not (np.all(np.isfinite(factor)) and np.all(np.isfinite(rotated))):
        message = "the Jacobian of the residuals is too large"
        raise MathematicsError(message)
    return QRFactors(factor, rotated, checked(norm(np.array([size for _, size in found]))))


def size_of(blocks: Iterable[Vector], loss: Loss | None = None) -> float:
    """Return the square root of the objective of residuals given in blocks."""
    return norm(np.array([objective_norm(values, loss) for values in blocks]))


def objective_norm(values: Vector, loss: Loss | None = None) -> float:
    """Return the square root of the objective that residuals make."""
    return norm(values) if loss is None else loss.norm(values)


def checked(size: float) -> float:
    """Return the square root of an objective. Raises MathematicsError when its square is inf."""
    if not size < LARGEST**0.5:
        message = "the sum of squares is too large"
        raise MathematicsError(message)
    return size


def solution(factor: Matrix, rotated: Vector, tolerance: float | None = None) -> tuple[Vector, int]:
    """Return the s that minimises |R s + q|, and the rank of R; R has columns of similar length.

    R is square and upper triangular. Where its rank is smaller than p, by the singular values
    above `tolerance` (p·eps) of the largest, s is the shortest one.
    """
    count = len(rotated)
    least = 4 * count * EPSILON if tolerance is None else tolerance
    diagonal = np.abs(np.diagonal(factor))
    if count and diagonal.min() > least * diagonal.max():
        inverse = solve_triangular(factor, np.eye(count))
        if np.linalg.norm(factor, 1) * np.linalg.norm(inverse, 1) * least < 1:
            return solve_triangular(factor, -rotated), count
    step, _, rank, _ = np.linalg.lstsq(factor, -rotated, rcond=least)
    return np.asarray(step), int(rank)


def step_within(factor: Matrix, rotated: Vector, radius: float) -> Vector:
    """Return the s that minimises |A s + q| with |s| at most `radius`, give or take a tenth.

    `factor` is A, shape (p, p), with columns of similar length. With the singular values σ of A the
    step is a sum of singular vectors, each times σ uᵀq/(σ² + λ), so that AᵀA is never made; the λ
    of the radius is the root of the same equation as for a quadratic model (Moré, The
    Levenberg-Marquardt algorithm: implementation and theory, 1978).
    """
    left, sizes, directions = np.linalg.svd(factor)
    order = slice(None, None, -1)  # the least first
    left, sizes, directions = left[:, order], sizes[order], directions[order]
    size = norm(rotated)
    parts = left.T @ (rotated / (size if size > 0 else 1.0))
    has_effect = sizes > 4 * len(sizes) * EPSILON * sizes[-1]
    inside = np.divide(parts, sizes, out=np.zeros_like(parts), where=has_effect)
    longest = radius / size if size > 0 else np.inf
    if norm(inside) > 1.1 * longest:
        unit = sizes[-1]  # squares of numbers about 1 do not underflow
        sizes = sizes / unit
        with np.errstate(all="ignore"):
            damping = multiplier(sizes * parts, sizes**2, unit * longest, 0.1)
        inside = sizes * parts / (sizes**2 + damping) / unit
    return np.asarray(-size * (directions.T @ inside))


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
    active = (lower < upper) & (np.any(factor != 0, axis=0))
    found = np.zeros(len(rotated))
    if size == 0 or not np.any(active):
        return found
    from scipy.optimize import lsq_linear  # takes longer to import than most searches last

    result = lsq_linear(
        factor[:, active],
        -rotated / size,
        (lower[active] / size, upper[active] / size),
        method="bvls",
        tol=1e-14,
        max_iter=10 * len(rotated),
    )
    found[active] = np.clip(result.x * size, lower[active], upper[active])
    side = np.zeros(len(rotated), dtype=int)
    side[active] = result.active_mask
    found = np.where(side < 0, lower, np.where(side > 0, upper, found))
    return _sharpened(factor, rotated, found, (lower, upper), active & (side == 0))


def full_step(
    factors: QRFactors, point: Vector, box: Box, scale: Vector, tolerance: float | None = None
) -> Vector:
    """Return the Gauss–Newton step from a point that the box allows, not damped.

    `scale` makes columns of J of similar length; `tolerance` is that of `solution`.
    """
    factor = factors.factor / scale
    if box.is_unbounded:
        change, _ = solution(factor, factors.rotated, tolerance)
    else:
        lower, upper = box.room(point)
        change = step_between(factor, factors.rotated, lower * scale, upper * scale)
    return np.asarray(change / scale)


class LinearisedResiduals:
    """A point of a box with the residuals linearised there, and the Gauss–Newton step they make.

    The objective is `factor` times the sum of squares, or of what a loss makes of them. Raises
    MathematicsError where a residual, a derivative or the objective is not finite.
    """

    def __init__(
        self,
        residuals: Residuals,
        point: Vector,
        box: Box,
        loss: Loss | None = None,
        factor: float = 1.0,
    ) -> None:
        self.point = point
        self.factors = linearised(residuals, point, loss)
        self._box = box
        self._factor = factor

    @property
    def value(self) -> float:
        """The objective."""
        return self._factor * self.factors.norm**2

    @property
    def gradient_norm(self) -> float:
        """The norm of its gradient, without what a limit stops."""
        followed = self._box.free_gradient(self.point, self.factors.gradient)
        return self._factor * finite_norm(followed)

    @cached_property
    def scale(self) -> Vector:
        """What the parameters are multiplied with here so that none counts more than others."""
        return scaling(self.factors.column_norms, np.abs(self.point))

    @cached_property
    def step(self) -> Vector:
        """The undamped step that the box allows."""
        return full_step(self.factors, self.point, self._box, self.scale)

    @cached_property
    def length(self) -> float:
        """How long that step is relative to the parameters."""
        return relative(self.step, self.point, self.scale)


def relative(change: Vector, point: Vector, scale: Vector) -> float:
    """Return the largest change of a parameter relative to the parameter.

    A parameter that is 0 but for rounding counts as large as rounding makes it; `scale` are the
    norms of the columns of the Jacobian.
    """
    least = EPSILON * norm(scale * point) / scale
    sizes = np.maximum(np.abs(point), least)
    nonzero = change != 0
    with np.errstate(over="ignore", divide="ignore"):
        return float(np.max(np.abs(change[nonzero]) / sizes[nonzero], initial=0.0))


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
