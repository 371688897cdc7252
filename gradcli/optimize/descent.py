"""Gradient descent: the rules that turn a gradient into a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rule(Protocol):
    """A first-order method: it may keep a memory of earlier gradients."""

    name: str

    def step(self, point: Sequence[float], slope: Sequence[float], rate: float) -> list[float]:
        """Return the next point, given the gradient at this one and the learning rate."""


class GradientDescent:
    """p ← p - rate·g, as torch.optim.SGD without momentum."""

    name = "gd"

    def step(self, point: Sequence[float], slope: Sequence[float], rate: float) -> list[float]:
        """Return the point one step down the gradient."""
        return [p - rate * g for p, g in zip(point, slope, strict=True)]
