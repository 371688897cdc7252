"""Residuals and their Jacobian, compressed to a triangle that holds all a step needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers.norms import EPSILON, LARGEST, finite_norm, norm, norms
from gradcli.solvers.solver import each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.solvers.bounds import Box
    from gradcli.solvers.least_squares.losses import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector


NEGLIGIBLE = 1e-8
"""The effect of a parameter, as a whole, relative to the largest, below which it counts as this."""


class Triangle(NamedTuple):
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

    def free_gradient_norm(self, box: Box, point: Vector) -> float:
        """Return the norm of the gradient at a point, without what a limit of the box stops."""
        return finite_norm(box.free_gradient(point, self.gradient))

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


def linearised(residuals: Residuals, point: Vector, loss: Loss | None = None) -> Triangle:
    """Return the triangle of the residuals at a point, rescaled for a loss.

    Raises MathematicsError where a residual, a derivative or the objective is not finite.
    """
    found = [*each(residuals, "blocks", triangle_of, (point,), loss)]
    factor, rotated = joined([triangle for triangle, _ in found], len(point))
    if not (np.all(np.isfinite(factor)) and np.all(np.isfinite(rotated))):
        message = "the Jacobian of the residuals is too large"
        raise MathematicsError(message)
    return Triangle(factor, rotated, checked(norm(np.array([size for _, size in found]))))


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
