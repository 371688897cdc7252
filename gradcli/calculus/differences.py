"""Derivatives by finite differences: the check that knows nothing of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

FIRST_STEP = 0.02
"""First step of the extrapolation, relative to the size of the argument."""
SHRINK = 1.6
ROWS = 14
EPSILON = 2.0**-52
"""The relative rounding error of a value of the function."""


SHARP_STEP = 2.0**-66
"""The step, relative to the argument, between values that are known to SHARP_DIGITS."""
SHARP_DIGITS = 150
"""Significant digits of values of which differences keep those of a double."""


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


def sharp(function: Callable[[Fraction], Fraction | None], x: Fraction) -> Difference | None:
    """Return the derivative at `x` from values of SHARP_DIGITS; None where one is missing.

    It is Richardson's extrapolation of two central differences, of a small step and half of it.
    """
    from fractions import Fraction

    step = abs(x or Fraction(1)) * Fraction(SHARP_STEP)
    slopes = []
    for h in (step, step / 2):
        right, left = function(x + h), function(x - h)
        if right is None or left is None:
            return None
        slopes.append((right - left) / (2 * h))
        unseen = max(abs(right), abs(left)) / h / 10**SHARP_DIGITS
    try:
        better = slopes[1] + (slopes[1] - slopes[0]) / 3
        return Difference(float(better), float(abs(slopes[1] - slopes[0]) + unseen))
    except OverflowError:
        return None


def forward_difference(function: Callable[[float], float], x: float, step: float) -> float:
    """Return (f(x + h) - f(x)) / h, the definition without its limit."""
    return (function(x + step) - function(x)) / step
