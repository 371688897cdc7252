"""Where a sampled curve is broken: at jumps and poles, across which no line may be drawn.

An interval whose ends differ much is halved again and again, always into the half with the larger
difference. For a continuous function that difference goes to 0; where at least half of it is left
between neighbouring doubles, or a point without a value is met, the curve is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.pictures.plots.chart import Vector

    Evaluate = Callable[[Vector], Vector]
    """The values at some points; nan where there is none."""

HALVINGS = 1100
"""From the widest interval of doubles to neighbouring ones, the smallest doubles included."""
CENTRAL = (0.05, 0.95)
"""The quantiles between which a curve with a pole is sure to be shown."""
SEEN = 1e-3
"""How large a part of the height a jump must be to be seen, and not to be rounding."""
FAR = 4
"""How many times the central part an axis must be long to be cut at a pole."""
GROWTH = 1e4
"""How much larger than the largest sample the values near a pole become."""


def broken(x: Vector, y: Vector, evaluate: Evaluate) -> Vector:
    """Return the places i such that the curve is broken between x[i] and x[i + 1]."""
    with np.errstate(invalid="ignore", over="ignore"):
        jumps = np.abs(np.diff(y))
    jumps[~np.isfinite(jumps)] = 0
    around = np.concatenate([[0], jumps, [0]])
    places = np.flatnonzero(
        (jumps > SEEN * _height(y)) & (jumps >= around[:-2]) & (jumps >= around[2:])
    )
    left, right = x[places], x[places + 1]
    at_left, at_right = y[places], y[places + 1]
    enough = jumps[places] / 2
    found: list[int] = []
    for _ in range(HALVINGS):
        if not places.size:
            break
        middle = left + (right - left) / 2
        at_middle = evaluate(middle)
        with np.errstate(over="ignore"):
            goes_left = np.abs(at_middle - at_left) >= np.abs(at_right - at_middle)
            ends = (middle == left) | (middle == right) | ~np.isfinite(at_middle)
            found += places[ends].tolist()
            left, at_left = np.where(goes_left, (left, at_left), (middle, at_middle))
            right, at_right = np.where(goes_left, (middle, at_middle), (right, at_right))
            going = ~ends & (np.abs(at_right - at_left) >= enough)
        places, enough, left, right, at_left, at_right = [
            array[going] for array in (places, enough, left, right, at_left, at_right)
        ]
    return np.array(sorted(found), dtype=np.intp)


def _height(y: Vector) -> float:
    """Return how high the central part of a curve is; of one with a few large steps, all of it."""
    finite = y[np.isfinite(y)]
    if not finite.size:
        return 0.0
    low, high = np.quantile(finite / 2, CENTRAL).tolist()  # the difference must not overflow
    return 2 * (high - low) or float(np.ptp(finite))


def with_gaps(x: Vector, y: Vector, places: Vector) -> tuple[Vector, Vector]:
    """Return the curve with a nan in the middle of each interval where it is broken."""
    middle = x[places] + (x[places + 1] - x[places]) / 2
    return np.insert(x, places + 1, middle), np.insert(y, places + 1, np.nan)


def limits(x: Vector, y: Vector, evaluate: Evaluate) -> tuple[float, float] | None:
    """Return where to cut the axis of a curve that goes to infinity; None to show all of it.

    It is cut only where a pole makes the axis more than four times as long as the central 90 % of
    the values need.
    """
    finite = y[np.isfinite(y)]
    if finite.size < 3:
        return None
    low, high = np.quantile(finite, CENTRAL).tolist()
    with np.errstate(over="ignore"):
        is_far = np.ptp(finite) > FAR * (high - low) > 0
    if not is_far or not _has_pole(x, y, evaluate):
        return None
    room = (high - low) / 2
    return max(low - room, float(finite.min())), min(high + room, float(finite.max()))


def _has_pole(x: Vector, y: Vector, evaluate: Evaluate) -> bool:
    """Return whether the values grow without limit near the largest one."""
    place = int(np.nanargmax(np.abs(y)))
    largest = abs(float(y[place]))
    low, high = x[max(place - 1, 0)], x[min(place + 1, len(x) - 1)]
    for _ in range(60):
        points = np.linspace(low, high, 9)
        values = np.abs(evaluate(points))
        if np.isnan(values).any() or values.max() > GROWTH * largest:
            return True
        top = int(np.argmax(values))
        low, high = points[max(top - 1, 0)], points[min(top + 1, 8)]
    return False
