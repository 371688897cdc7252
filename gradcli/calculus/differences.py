"""Derivatives by finite differences: the check that knows nothing of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_STEP = 0.02
"""First step of the extrapolation, relative to the size of the argument."""
SHRINK = 1.6
ROWS = 14
EPSILON = 2.0**-52
"""The relative rounding error of a value of the function."""


class Difference(NamedTuple):
    """A derivative and how far it may be off; what rounding leaves unseen is part of that."""

    value: float
    error: float


def derivative(function: Callable[[float], float], x: float) -> Difference:
    """Return the derivative at `x` by central differences with Richardson extrapolation.

    Ridders' method (Adv. Eng. Software 4, 1982): a triangle of extrapolations to step 0, of which
    the entry that agrees best with its neighbours is taken. `function` returns nan where it has no
    value; steps that reach there are passed over, and the result is nan when all do.
    """
    best = Difference(float("nan"), float("inf"))
    step = FIRST_STEP * max(1.0, abs(x))
    unseen = EPSILON * abs(function(x)) / step
    before: list[float] = []
    for _ in range(ROWS):
        # The points, not the step, are what the function sees: divide by their true distance.
        right, left = x + step, x - step
        row = [(function(right) - function(left)) / (right - left)]
        factor = 1.0
        for column, coarser in enumerate(before):
            factor *= SHRINK * SHRINK
            finer = row[column]
            better = finer + (finer - coarser) / (factor - 1.0)
            error = max(abs(better - finer), abs(better - coarser), unseen)
            if error < best.error:
                best = Difference(better, error)
            row.append(better)
        before = row if row[0] - row[0] == 0 else []
        step /= SHRINK
    return best


def forward_difference(function: Callable[[float], float], x: float, step: float) -> float:
    """Return (f(x + h) - f(x)) / h, the definition without its limit."""
    return (function(x + step) - function(x)) / step
