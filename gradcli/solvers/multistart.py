"""Several runs from different starts, for functions with more than one minimum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gradcli.solvers.solver import Outcome, Vector
    from gradcli.solvers.vectors import Box

RADII = (1.0, 0.5, 3.0, 2.0, 10.0)
"""Half the width of the cubes around the start, in units of the start's own size."""
STEPS = 200
"""Steps enough for one run of several, but the first: valleys that lead to infinity take all."""
DRAWS = 20
"""The most draws for one start, until one has a value."""
SAME_VALUE = 1e-8
SAME_POINT = 1e-4


class Runs(NamedTuple):
    """What came of several starts."""

    outcomes: list[Outcome]
    """The end of each run, the one from the given start first if it has a value there."""
    undefined: int
    """How many starts were drawn again, or given up, for want of a value."""


class Minimum(NamedTuple):
    """An end that one or more runs had."""

    outcome: Outcome
    """The run with the lowest value."""
    times: int
    """How many runs ended there."""
    is_converged: bool
    """Whether one of these converged: else it is where runs stopped, and no minimum."""


def points(start: Vector, box: Box, count: int, seed: int) -> list[Vector]:
    """Return `count` starts, the given one first; the same ones for the same seed.

    Variables with two finite limits are spread evenly between them, one start in each of count - 1
    equal slices: McKay, Beckman and Conover, "A comparison of three methods for selecting values
    of input variables", Technometrics 21 (1979). The others are spread alike in cubes around the
    start, from half to ten times its size; the size of a variable is its own absolute value for
    every other start, and at least 1 for the rest.
    """
    generator = np.random.default_rng(seed)
    samples = hypercube(generator, max(count - 1, 0), len(start))
    others = [_placed(start, box, shares, index) for index, shares in enumerate(samples)]
    return [np.array(start, dtype=float), *others]


def runs(
    attempt: Callable[[Vector], Outcome],
    start: Vector,
    box: Box,
    count: int,
    seed: int,
    known: Sequence[Vector] = (),
) -> Runs:
    """Return the ends of `count` runs; `attempt` makes the run from one start.

    Behind the given start come those that are `known` to be good, where there are any. After the
    first third, starts are moved from around the given one to around the lowest end so
    far, since low minima often lie beside each other (Wales and Doye, "Global optimization by
    basin-hopping", J. Phys. Chem. A 101, 1997). Where `attempt` raises MathematicsError another
    start is drawn, up to 20 times. Raises the first of these errors when no start at
    all has a value.
    """
    outcomes: list[Outcome] = []
    undefined = 0
    first: MathematicsError | None = None
    for index, point in enumerate(points(start, box, count, seed)):
        if 0 < index <= len(known):
            point = known[index - 1]  # noqa: PLW2901 - the point to start from
        elif index > count // 3:
            point = _recentered(point, start, box, outcomes)  # noqa: PLW2901 - the point to start from
        for other in _redrawn(point, start, box, index, seed):
            try:
                outcomes.append(attempt(other))
            except MathematicsError as error:
                undefined += 1
                first = first or error
            else:
                break
    if first is not None and not outcomes:
        raise first
    return Runs(outcomes, undefined)


def distinct(
    outcomes: Iterable[Outcome],
    same_value: float = SAME_VALUE,
    same_point: float = SAME_POINT,
) -> list[Minimum]:
    """Return the different ends, lowest value first.

    Two ends are the same when their values differ by at most `same_value` and each of their numbers
    by at most `same_point`, both relative to the larger of 1 and the numbers themselves. Runs that
    did not converge count where they came lower than all that did; runs that diverged, only when
    all did.
    """
    finite = [o for o in outcomes if math.isfinite(o.record.value)]
    bounded = [o for o in finite if o.reason.ending is not Ending.DIVERGED] or finite
    arrived = [o for o in bounded if _is_converged(o)]
    lowest = min((o.record.value for o in arrived), default=math.inf)
    ended = [o for o in bounded if _is_converged(o) or o.record.value < lowest]
    found: list[Minimum] = []
    for outcome in sorted(ended, key=lambda o: o.record.value):
        for index, known in enumerate(found):
            if _same(known.outcome, outcome, same_value, same_point):
                both = known.is_converged or _is_converged(outcome)
                found[index] = Minimum(known.outcome, known.times + 1, both)
                break
        else:
            found.append(Minimum(outcome, 1, _is_converged(outcome)))
    return found


def _is_converged(outcome: Outcome) -> bool:
    return outcome.reason.ending is Ending.CONVERGED


@np.errstate(over="ignore")  # ends that are so far apart are not the same
def _same(one: Outcome, other: Outcome, same_value: float, same_point: float) -> bool:
    values = one.record.value, other.record.value
    if abs(values[0] - values[1]) > same_value * max(1.0, abs(values[0])):
        return False
    here, there = np.asarray(one.record.point), np.asarray(other.record.point)
    return bool(np.all(np.abs(here - there) <= same_point * np.maximum(1.0, np.abs(here))))


def hypercube(generator: np.random.Generator, count: int, numbers: int) -> Vector:
    """Return `count` points in the unit cube, one in each slice of each axis."""
    slices = np.array([generator.permutation(count) for _ in range(numbers)], dtype=float)
    inside = generator.random((count, numbers))
    return np.asarray((slices.reshape(numbers, count).T + inside) / max(count, 1))


@np.errstate(over="ignore", invalid="ignore")  # what overflows is not used, or clipped
def _placed(start: Vector, box: Box, shares: Sequence[float] | Vector, index: int) -> Vector:
    """Return a point of the unit cube as a start; its index decides how far around it may be."""
    lower, upper = box
    shares = np.asarray(shares)
    enclosed = np.isfinite(lower) & np.isfinite(upper)
    size = np.abs(start)
    size = np.where(size > 0, size, 1.0) if index % 2 else np.maximum(size, 1.0)
    radius = RADII[index // 2 % len(RADII)] * size
    around = start + radius * (2 * shares - 1)
    # Beyond a limit, as far on the other side of it: a start on the limit itself is a rare one.
    around = np.where(around < lower, 2 * lower - around, around)
    around = np.where(around > upper, 2 * upper - around, around)
    low, high = np.where(enclosed, lower, 0.0), np.where(enclosed, upper, 0.0)
    # Half the width, since the whole one may be too large for a double.
    inside = 2 * (low / 2 + shares * (high / 2 - low / 2))
    around = np.clip(around, -LARGEST, LARGEST)
    return box.clipped(np.where(enclosed, inside, around))


def _recentered(point: Vector, start: Vector, box: Box, outcomes: Sequence[Outcome]) -> Vector:
    """Return a start as far from the lowest end as it was from the given start, in a box nearer."""
    bounded = [o for o in outcomes if o.reason.ending is not Ending.DIVERGED]
    if not bounded:
        return point
    best = min(bounded, key=lambda o: o.record.value)
    enclosed = np.isfinite(box.lower) & np.isfinite(box.upper)
    share = np.where(enclosed, 0.25, 1.0)
    with np.errstate(over="ignore"):
        shifted = np.asarray(best.record.point) + (share * point - share * start)
    return box.clipped(np.clip(shifted, -LARGEST, LARGEST))


def _redrawn(point: Vector, start: Vector, box: Box, index: int, seed: int) -> Iterator[Vector]:
    """Yield the point and then others in its stead."""
    yield point
    generator = np.random.default_rng([seed, index])
    for draw in range(DRAWS):
        # Nearer and nearer to the start, whose surroundings more likely have values.
        near = index if draw < DRAWS // 2 else index % 2
        yield _placed(start, box, generator.random(len(start)), near)
