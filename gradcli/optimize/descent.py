"""Gradient descent: the rules that turn a gradient into a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gradcli.errors import UsageError, printable

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


METHODS = {"gd": GradientDescent, "sgd": GradientDescent}
"""The rules by the names that users give them."""


def rule(name: str) -> Rule:
    """Return the method of a name. Raises UsageError, with a suggestion, for an unknown one."""
    if name not in METHODS:
        message = f"there is no method '{printable(name, 60)}'"
        raise UsageError(message, hint=f"the methods are {', '.join(METHODS)}")
    return METHODS[name]()
