"""What doubles can hold, and Euclidean norms that no square on the way overflows or loses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gradcli.solvers.solver import Matrix, Vector

EPSILON = float(np.finfo(float).eps)
"""The distance from 1 to the next double."""
TINY = float(np.finfo(float).tiny)
"""The least positive double with all its digits."""
LARGEST = float(np.finfo(float).max)

SHORT = 200
"""Numbers up to which Python's own function for the norm is the faster one."""

SAFE_SQUARE = 1e-200
"""A sum of squares above it has lost nothing to underflow."""


def norm(array: Any) -> float:
    """Return the norm of all numbers of an array."""
    vector = array.ravel()
    if vector.size <= SHORT:
        return math.hypot(*vector.tolist())
    with np.errstate(over="ignore"):
        square = float(vector @ vector)
    if SAFE_SQUARE < square < math.inf:
        return math.sqrt(square)
    size = float(np.max(np.abs(vector)))
    if not 0 < size < math.inf:
        return size
    scaled = vector / size
    return size * math.sqrt(float(scaled @ scaled))


def finite_norm(array: Any) -> float:
    """Return the norm, or the largest double where it is larger."""
    return min(norm(array), LARGEST)


def norms(matrix: Matrix) -> Vector:
    """Return the norms of the columns."""
    size = np.max(np.abs(matrix), axis=0, initial=0.0)
    safe = np.where(size == 0, 1.0, size)
    return np.asarray(size * np.sqrt(np.sum((matrix / safe) ** 2, axis=0)))
