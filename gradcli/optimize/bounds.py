"""A box that a point must not leave: a lower and an upper limit for each number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gradcli.optimize.solver import Vector


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

    def free_gradient(self, point: Vector, gradient: Vector) -> Vector:
        """Return the gradient with 0 where a limit stops the way down."""
        stopped = ((point <= self.lower) & (gradient > 0)) | (
            (point >= self.upper) & (gradient < 0)
        )
        return np.where(stopped, 0.0, gradient)
