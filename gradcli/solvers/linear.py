"""Least squares of residuals that are linear in the parameters: one system, solved exactly.

It is refined with products of a matrix and a vector as if computed with twice the digits: a number
is carried as a sum of two doubles, and the transformations are exact on every machine with IEEE 754
arithmetic. (Ogita, Rump and Oishi, Accurate sum and dot product, SIAM J. Sci. Comput. 26, 2005.)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.graph.special import two_product
from gradcli.solvers import stopping
from gradcli.solvers.qr import (
    RANK_TOLERANCE,
    LinearisedResiduals,
    full_step,
    reduced,
    solution,
    solve_triangular,
)
from gradcli.solvers.solver import each
from gradcli.solvers.trust_region import AtModel
from gradcli.solvers.vectors import LARGEST, norm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector
    from gradcli.solvers.stopping import Reason
    from gradcli.solvers.vectors import Box


def two_sum(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """Return a + b and its rounding error (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def multiplied(matrix: Matrix, vector: Vector, offset: Vector) -> tuple[Vector, Vector]:
    """Return offset + A v, shape (k,), as high and low parts."""
    high, low = offset, np.zeros_like(offset)
    for column, factor in zip(matrix.T, vector, strict=True):
        product, product_error = two_product(column, factor)
        high, sum_error = two_sum(high, product)
        low += sum_error + product_error
    return two_sum(high, low)


def transposed(matrix: Matrix, high: Vector, low: Vector) -> tuple[Vector, Vector]:
    """Return Aᵀ(high + low), shape (p,), as high and low parts."""
    products, errors = two_product(matrix, high[:, None])
    errors = errors + matrix * low[:, None]
    return summed(products, errors)


def summed(high: Matrix, low: Matrix) -> tuple[Vector, Vector]:
    """Return the sums of the columns of high + low, as high and low parts."""
    while len(high) > 1:
        half = len(high) // 2
        odd_high, odd_low = high[2 * half :], low[2 * half :]
        total, error = two_sum(high[:half], high[half : 2 * half])
        rest = low[:half] + low[half : 2 * half] + error
        high, low = np.vstack([total, odd_high]), np.vstack([rest, odd_low])
    if not len(high):
        return np.zeros(high.shape[1]), np.zeros(high.shape[1])
    return two_sum(high[0], low[0])


MOST_REFINEMENTS = 40
"""Each brings some 16 digits less the condition's; the start may be 1e300 times the solution."""

UNMOVED = "no parameter changes the residuals"


class LinearLeastSquares(AtModel[LinearisedResiduals]):
    """The method on residuals r(p) = A p + c, from a start, within a box; it takes one step.

    The answer is that of the doubles in A and c, to the last digits: A is brought to triangular
    form with columns of length 1, and the solution is refined with residuals and gradient computed
    as if with twice the digits. Corrections follow from the triangle alone, RᵀR d = -Aᵀr, so that A
    is never stored (Björck, Stability analysis of the method of seminormal equations, 1987). Where
    parameters are not determined they stay as near to the start as the column lengths allow.
    """

    name = "lm"

    def __init__(
        self, residuals: Residuals, start: Vector, box: Box, *, factor: float = 1.0
    ) -> None:
        self.residuals = residuals
        self.box = box
        self._model = partial(LinearisedResiduals, residuals, box=box, factor=factor)
        self._at = self._model(box.clipped(np.array(start, dtype=float)))
        self._is_solved = False

    def suspects(self) -> Mask:
        """Return that no parameter can be on a plateau: the model is linear."""
        return np.zeros(len(self.point), dtype=bool)

    def arrived(self) -> Reason | None:
        """Return the reason of a solved system once the step is taken."""
        return stopping.solved() if self._is_solved else None

    def step(self) -> Reason | None:
        """Go to the minimum, or return why there is none: a Jacobian of 0."""
        here = self._at.factors
        if here.norm > 0 and not here.factor.any():
            return stopping.stuck(UNMOVED, 0.0)
        self._at = self._model(self._refined(self._first()))
        found = self._gradient(self.point, np.ones_like(self.point))
        if found is not None:
            self._at.factors = self._at.factors._replace(norm=found[1])
        self._is_solved = True
        return None

    def _first(self) -> Vector:
        """Return the minimum to the accuracy of one QR factorisation."""
        scale = _safe(self._at.factors.column_norms)
        change = full_step(self._at.factors, self.point, self.box, scale, RANK_TOLERANCE)
        return self.box.reached(self.point, change)

    def _refined(self, point: Vector) -> Vector:
        """Return the point, corrected until corrections no longer shrink."""
        free = self.box.inside(point)
        # Powers of two change no digit, and keep all numbers far from the largest double.
        scale = np.exp2(np.round(np.log2(_safe(self._at.factors.column_norms))))
        triangle = reduced(self._at.factors.factor[:, free] / scale[free])
        if not np.any(free) or solution(triangle, np.zeros(len(triangle)))[1] < len(triangle):
            return point
        last = np.inf
        for _ in range(MOST_REFINEMENTS):
            found = self._gradient(point, scale)
            if found is None:
                break
            change = np.zeros_like(point)
            change[free] = _corrected(triangle, found[0][free])
            length = norm(change)
            if not length < 0.5 * last:
                break
            point = self.box.reached(point, change / scale)
            last = length
        return point

    def _gradient(self, point: Vector, scale: Vector) -> tuple[Vector, float] | None:
        """Return Aᵀ(A p + c), columns divided by `scale`, and |A p + c|; None if one is too large.

        c are the residuals of parameters 0: of a model y ~ … those are the data themselves, exact.
        """
        origin = (np.zeros_like(point),)
        try:
            found = [*each(self.residuals, "blocks", gradient_of, origin, point, scale)]
            with np.errstate(all="ignore"):
                gradient = summed(*(np.array([part[i] for part in found]) for i in (0, 1)))[0]
        except MathematicsError:
            return None
        size = norm(np.array([part[2] for part in found]))
        return (gradient, size) if np.all(np.isfinite(gradient)) and size < LARGEST**0.5 else None


def gradient_of(
    blocks: Iterable[tuple[Vector, Matrix]], point: Vector, scale: Vector
) -> tuple[Vector, Vector, float]:
    """Return Aᵀ(A p + c) of rows, as high and low parts, and |A p + c|; see `_gradient`."""
    sums, sizes = [], []
    with np.errstate(all="ignore"):
        for offset, matrix in blocks:
            scaled, scaled_point = matrix / scale, point * scale
            # Another power of two, lest rounding errors of tiny data be 0.
            unit = _unit(offset, scaled_point)
            high, low = multiplied(scaled, scaled_point / unit, offset / unit)
            sums.append([unit * part for part in transposed(scaled, high, low)])
            sizes.append(unit * norm(high))
        high, low = summed(*(np.array(parts) for parts in zip(*sums, strict=True)))
    return high, low, norm(np.array(sizes))


def _unit(*vectors: Vector) -> float:
    """Return a power of two that is about as large as the largest number."""
    largest = max(float(np.max(np.abs(vector), initial=0.0)) for vector in vectors)
    return float(np.ldexp(1.0, min(max(int(np.frexp(largest)[1]), -1000), 1000)))


def _corrected(triangle: Matrix, gradient: Vector) -> Vector:
    """Return the d of RᵀR d = -g."""
    half = solve_triangular(triangle, -gradient, transposed=True)
    return solve_triangular(triangle, half)


def _safe(lengths: Vector) -> Vector:
    return np.where(lengths == 0, 1.0, lengths)
