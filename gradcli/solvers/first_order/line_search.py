"""How far to go along a direction so that a quasi-Newton method converges: the Wolfe conditions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.solver import Vector

FALL = 1e-4
"""The share c1 of the fall along the tangent that a step must make."""
SLOPE = 0.9
"""The share c2 of the first slope that may be left after it."""
TRIALS = 60
GROWTH = 4.0


class Place(NamedTuple):
    """A point on the line, with value and gradient of the function there."""

    length: float
    point: Vector
    value: float
    gradient: Vector
    slope: float
    """The derivative along the line."""


def looking(
    function: Callable[[Vector], tuple[float, Vector]], point: Vector, direction: Vector
) -> Callable[[float], Place]:
    """Return what finds the place at a length; it raises MathematicsError where there is none."""

    def look(length: float) -> Place:
        there = point + length * direction
        value, gradient = function(there)
        return Place(length, there, value, gradient, float(gradient @ direction))

    return look


class Search(NamedTuple):
    """A line that is searched: what looks at a length, the place at 0, and how exact values are."""

    look: Callable[[float], Place]
    start: Place
    rounding: float = 0.0
    """Values that differ by less are equal."""

    def at(self, length: float) -> Place | None:
        """Return the place at a length; None where the function is undefined."""
        try:
            return self.look(length)
        except MathematicsError:
            return None

    def falls(self, there: Place) -> bool:
        """Whether the value is low enough for the length (Armijo's condition).

        Values equal but for rounding will do where the slope has not grown as steep upwards as it
        was downwards: Hager and Zhang, SIAM J. Optim. 16 (2005).
        """
        if there.value <= self.start.value + FALL * there.length * self.start.slope:
            return True
        level = abs(there.value - self.start.value) <= self.rounding
        return level and there.slope <= (2 * FALL - 1) * self.start.slope

    def ends(self, there: Place) -> bool:
        """Whether little of the slope is left."""
        return abs(there.slope) <= -SLOPE * self.start.slope

    def is_above(self, there: Place, low: Place) -> bool:
        """Whether a place is no better than the best one so far, which it should be below."""
        return not self.falls(there) or there.value > low.value + self.rounding


def wolfe(search: Search, first: float, longest: float = math.inf) -> Place | None:
    """Return a place that meets the strong Wolfe conditions, or nearly; None where none is lower.

    From the length `first` up to `longest`: Nocedal and Wright, "Numerical Optimization" (2006),
    algorithms 3.5 and 3.6. Where the function is undefined the line is taken to go up.
    """
    low = search.start
    length = min(first, longest)
    for _ in range(TRIALS):
        there = search.at(length)
        if there is None or search.is_above(there, low):
            return _between(search, low, there, length)
        if search.ends(there):
            return there
        if there.slope >= 0:
            return _between(search, there, low, low.length)
        low = there
        if length >= longest:
            break
        length = min(GROWTH * length, longest)
    return low


def armijo(
    function: Callable[[Vector], tuple[float, Vector]],
    path: Callable[[float], Vector],
    start: Place,
    rounding: float,
) -> Place | None:
    """Return the first of the lengths 1, 1/2, 1/4, … whose value is low enough on a bent path.

    A step s must make a share of the fall g·s; None where no length does. Bertsekas, "Projected
    Newton methods for optimization problems with simple constraints", 1982.
    """
    length = 1.0
    for _ in range(TRIALS):
        point = path(length)
        step = point - start.point
        promise = float(start.gradient @ step)
        try:
            value, gradient = function(point)
        except MathematicsError:
            length *= 0.1
            continue
        slope = float(gradient @ step)
        lower = value <= start.value + FALL * promise
        level = abs(value - start.value) <= rounding and slope <= (2 * FALL - 1) * promise
        if promise < 0 and (lower or level):
            return Place(length, point, value, gradient, slope)
        length *= 0.5
    return None


def _between(search: Search, low: Place, high: Place | None, end: float) -> Place | None:
    """Return a place between the best one so far and a length `end` that is too far.

    `high` is the place there, None where the function is undefined.
    """
    for _ in range(TRIALS):
        length = _guess(low, high, end)
        if length in {low.length, end} or abs(end - low.length) <= 1e-12 * low.length:
            break
        there = search.at(length)
        if there is None or search.is_above(there, low):
            high, end = there, length
            continue
        if search.ends(there):
            return there
        if there.slope * (end - low.length) >= 0:
            high, end = low, low.length
        low = there
    return low if low is not search.start else None


def _guess(low: Place, high: Place | None, end: float) -> float:
    """Return the minimum of the cubic through both places, kept off the ends of the interval."""
    width = end - low.length
    if high is None:
        return low.length + 0.1 * width
    first = low.slope + high.slope - 3 * (low.value - high.value) / (low.length - high.length)
    inside = first * first - low.slope * high.slope
    share = 0.5
    if 0 <= inside < math.inf:
        root = math.copysign(math.sqrt(inside), width)
        below = high.slope - low.slope + 2 * root
        if below != 0:
            share = 1 - (high.slope + root - first) / below
    return low.length + min(max(share, 0.1), 0.9) * width
