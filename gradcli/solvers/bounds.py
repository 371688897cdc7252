"""A box that a point must not leave: a lower and an upper limit for each number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.solvers.norms import EPSILON

if TYPE_CHECKING:
    from gradcli.solvers.solver import Mask, Vector


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
