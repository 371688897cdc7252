"""Roots of functions of one number: Newton's method, kept between signs once these are known."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

from gradcli.graph.quadrature import or_nan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[[float], float]

EPSILON = sys.float_info.epsilon
MOST_STEPS = 100
"""Give up Newton's method after so many steps."""
STEPS_BETWEEN = 2100
"""Steps between two signs: halving comes down to a double from any distance."""
SMALL = 1e-13
"""A value is 0 but for rounding when it is smaller than this, relative to those around it."""


class NoRoot(ValueError):  # noqa: N818 - a sentence about the mathematics
    """No root is found; the text says what was tried."""


def from_start(f: Function, slope: Function, start: float) -> float:
    """Return a root of f near a start. Raises NoRoot."""
    f, slope = or_nan(f), or_nan(slope)
    x, y = start, f(start)
    if y == 0:
        return x
    visited = [(x, y)] if y - y == 0 else []
    bracket = None
    if visited:
        taken: list[float] = []
        for _ in range(MOST_STEPS):
            rate = slope(x)
            step = -y / rate if rate and rate - rate == 0 else math.nan
            if step - step != 0:
                break
            taken.append(step)
            step *= _multiplicity(taken)
            largest = 10 * (1 + abs(x))
            step = max(-largest, min(largest, step))
            moved, found = x + step, f(x + step)
            for _ in range(60):
                if found - found == 0 and abs(found) <= 2 * abs(y):
                    break
                step /= 2
                moved, found = x + step, f(x + step)
            if found == 0 and not _underflows(f, moved, step):
                return moved
            if found == 0 or found - found != 0:
                break
            if y < 0 < found or found < 0 < y:
                return between(f, slope, x, moved)
            has_converged = moved == x or abs(step) <= 4 * EPSILON * abs(moved)
            x, y = moved, found
            if has_converged:
                break
            visited.append((x, y))
        bracket = _opposite(visited)
        if bracket is None and _is_zero(f, x, y):
            return x
    bracket = bracket or _search(f, start)
    if bracket is not None:
        return between(f, slope, *bracket)
    best = min(visited, key=lambda pair: abs(pair[1]), default=None)
    closest = "" if best is None else f"; the value closest to 0 is {best[1]:.6g}, at {best[0]:.6g}"
    message = (
        f"no root is found from {start:.6g}: Newton's method and a search for a change of sign"
        f" ended without one{closest}"
    )
    raise NoRoot(message)


def _multiplicity(steps: list[float]) -> int:
    """Return how often a root counts to which Newton's steps fall by the same factor again."""
    if len(steps) < 3:
        return 1
    ratios = [after / before for before, after in pairwise(steps[-3:])]
    if not 0.4 < ratios[1] < 0.97 or abs(ratios[0] - ratios[1]) > 0.01 * (1 - ratios[1]):
        return 1
    steps.clear()
    return round(1 / (1 - ratios[1]))


def between(f: Function, slope: Function, low: float, high: float) -> float:
    """Return a root of f between two numbers at which its signs differ. Raises NoRoot."""
    f, slope = or_nan(f), or_nan(slope)

    def value(x: float) -> float:
        y = f(x)
        if y - y != 0:
            raise _no_root(low, high, f"no value at {x:.6g}")
        return y

    if not (left := value(low)):
        return low
    if not (right := value(high)):
        return high
    if (left < 0) == (right < 0):
        raise _no_root(low, high, f"the signs there are the same ({left:.6g} and {right:.6g})")
    below, above = (low, high) if left < 0 else (high, low)
    x, width = (low + high) / 2, abs(high - low)
    for _ in range(STEPS_BETWEEN):
        y = value(x)
        if y == 0:
            return x
        if y < 0:
            below = x
        else:
            above = x
        rate = slope(x)
        new = x - y / rate if rate and rate - rate == 0 else math.nan
        first, last = min(below, above), max(below, above)
        moved = abs(new - x)
        if not first < new < last or moved > width / 2:
            if first <= new <= last and moved <= 2 * EPSILON * abs(x):
                x = new
                break
            new = first + (last - first) / 2
        width = abs(new - x)
        if new in {x, first, last}:
            break
        if width <= EPSILON * abs(new) / 2:
            x = new
            break
        x = new
    size, best = min((abs(f(point)), point) for point in (x, below, above))
    if size > 1e-3 * max(abs(left), abs(right)) and size > 1:
        raise _no_root(low, high, "the sign changes at a pole")
    return best


def _no_root(low: float, high: float, why: str) -> NoRoot:
    return NoRoot(f"no root is found between {low:.6g} and {high:.6g}: {why}")


def _opposite(visited: list[tuple[float, float]]) -> tuple[float, float] | None:
    """Return two neighbouring points with different signs."""
    neighbours = pairwise(sorted(visited))
    return next(((x, other) for (x, y), (other, z) in neighbours if (y < 0) != (z < 0)), None)


def _search(f: Function, start: float) -> tuple[float, float] | None:
    """Return the change of sign nearest to a start, searched in steps that grow."""
    step = max(abs(start), 1.0) / 64
    ends = [(start, f(start)), (start, f(start))]
    for _ in range(120):
        for side, direction in enumerate((1.0, -1.0)):
            x, y = ends[side]
            moved = x + direction * step
            found = f(moved)
            if y < 0 < found or found < 0 < y:
                return x, moved
            if found == 0 and not _underflows(f, moved, direction):
                return moved, moved
            ends[side] = (moved, found)
        step *= 1.2
    return None


def _underflows(f: Function, x: float, step: float) -> bool:
    """Return whether a function only becomes too small for a double on the way, as exp(x) does."""
    further = math.copysign(1 + abs(x), step)
    return f(x + further) == 0 == f(x + 2 * further)


def _is_zero(f: Function, x: float, y: float) -> bool:
    """Return whether a value is 0 but for rounding, beside the values around it."""
    distance = 0.01 * (1 + abs(x))
    around = [abs(f(x - distance)), abs(f(x + distance))]
    return all(abs(y) <= SMALL * value for value in around)
