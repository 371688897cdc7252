"""Products of a matrix and a vector as if computed with twice the digits, in doubles alone.

A number is carried as a sum of two doubles. The transformations are exact on every machine with
IEEE 754 arithmetic; a longer type of float is not needed. (Ogita, Rump and Oishi, Accurate sum and
dot product, SIAM J. Sci. Comput. 26, 2005.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gradcli.solvers.solver import Matrix, Vector

SPLITTER = 2.0**27 + 1


def two_sum(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """Return a + b and its rounding error (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def two_product(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """Return a·b and its rounding error (Dekker, Veltkamp); no number may be above 1e300."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


def _split(a: Vector) -> tuple[Vector, Vector]:
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def multiplied(matrix: Matrix, vector: Vector, offset: Vector) -> tuple[Vector, Vector]:
    """Return offset + A v, shape (k,), as high and low parts."""
    high, low = offset, np.zeros_like(offset)
    for column, factor in zip(matrix.T, vector, strict=True):
        product, product_error = two_product(column, np.full_like(column, factor))
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
