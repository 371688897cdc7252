"""Vectors: what doubles hold of them, their norms, and the box that a point must not leave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from gradcli.solvers.solver import Mask, Matrix, Vector

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


class Box(NamedTuple):
    """The points between two corners, both included; inf and -inf stand for no limit."""

    lower: Vector
    upper: Vector

    @classmethod
    def unbounded(cls, count: int) -> Box:
        """Return the box that holds every point of `count` numbers."""
        return cls(np.full(count, -np.inf), np.full(count, np.inf))

    @property
    def is_unbounded(self) -> bool:
        """Whether there is no limit at all."""
        return bool(np.all(np.isneginf(self.lower)) and np.all(np.isposinf(self.upper)))

    def clipped(self, point: Vector) -> Vector:
        """Return the nearest point of the box."""
        return np.clip(point, self.lower, self.upper)

    def room(self, point: Vector) -> Box:
        """Return the box of the steps from a point that stay inside."""
        return Box(self.lower - point, self.upper - point)

    def inside(self, point: Vector) -> Mask:
        """Return which numbers are on no limit."""
        return np.asarray((self.lower < point) & (point < self.upper))

    def reached(self, point: Vector, change: Vector) -> Vector:
        """Return point + change within the box; what comes to a limit but for rounding is on it."""
        after = self.clipped(point + change)
        slack = 4 * EPSILON * np.maximum(np.abs(point), np.abs(after))
        after = np.where(after - self.lower <= slack, self.lower, after)
        return np.where(self.upper - after <= slack, self.upper, after)

    def free_gradient(self, point: Vector, gradient: Vector) -> Vector:
        """Return the gradient with 0 where a limit stops the way down."""
        stopped = ((point <= self.lower) & (gradient > 0)) | (
            (point >= self.upper) & (gradient < 0)
        )
        return np.where(stopped, 0.0, gradient)
