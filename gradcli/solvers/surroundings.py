"""Whether the end of a run is a minimum: what the objective does around it.

A small gradient does not tell a minimum from a plateau, a saddle or a maximum, and a large one does
not tell a slope from a minimum on a kink. A look around does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers.kinks import NEAR, shortest_subgradient
from gradcli.solvers.norms import norm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.solvers.bounds import Box
    from gradcli.solvers.solver import Mask, Vector

    Function = Callable[[Vector], tuple[float, Vector]]

AXES = 20
"""Up to so many variables are looked along one by one, more only all together."""
FIRST = 1e-7
"""The first distance of a look, as a share of the variable, or of 1 for 0."""
FAR = (0.01, 0.03, 0.1, 0.4, 0.7, 0.9, 0.97, 0.99, 0.999, 1.0, 2.5, 6.0, 16.0, 40.0, 100.0)
"""The last distances, in units of the variable or of 1, whichever is larger; also down to 0."""
HIDDEN = 1e-12
"""A change that is so small a share of the value may be rounding."""
CLEAR = 1e-9
"""A fall by so large a share of the value is none."""
AROUND = 1e-3
"""What changes only farther away than this, in the same units, is flat around the point."""


class Lower(NamedTuple):
    """A point from which no rise separates the end of the run, and which is lower."""

    point: Vector
    value: float
    is_flat: bool
    """Whether the objective does not change right around the end, as on a plateau."""


class Level(NamedTuple):
    """Nothing around the end of the run is higher or lower."""

    reach: float
    """How far the looks went, in units of the variables or of 1, whichever is larger."""


def around(
    function: Function,
    point: Vector,
    box: Box,
    slope: float,
    suspects: Mask | None = None,
    slack: float = 0.0,
) -> Lower | Level | None:
    """Return what shows that a point is no minimum; None where nothing does.

    From the point one looks along the variables that are `suspects`, all by default, and along two
    diagonals, outwards until the value rises. A fall counts when it is larger than a convex
    function with a gradient of norm `slope` at the point can make it, so that a point near a
    minimum passes; and larger than `slack`. Takes two or more evaluations for each variable.
    """
    mask = np.ones(len(point), dtype=bool) if suspects is None else suspects
    if not mask.any():
        return None
    value = function(point)[0]
    slack += CLEAR * abs(value)
    sizes = np.maximum(np.abs(point), 1.0)
    changes = False
    for direction in _directions(mask, sizes):
        for sign in (1.0, -1.0):
            found = _along(function, point, value, box, (slope, slack), sizes, sign * direction)
            if isinstance(found, Lower):
                return found
            changes = changes or found
    return None if changes or not mask.all() else Level(FAR[-1])


def is_kinked(function: Function, point: Vector, box: Box, tolerance: float) -> float | None:
    """Return the norm of the shortest subgradient at a minimum on a kink; None where there is none.

    That is a point where the shortest one is at most `tolerance` and nothing around is lower.
    """
    value, gradient = function(point)
    found = shortest_subgradient(function, point, value, gradient, box)
    if found > tolerance:
        return None
    # The kink itself, which is lower, is not far away.
    slack = 2 * norm(gradient) * NEAR[-1] * max(1.0, float(np.max(np.abs(point), initial=0.0)))
    lower = around(function, point, box, tolerance, slack=slack)
    return found if lower is None else None


def _directions(mask: Mask, sizes: Vector) -> Iterator[Vector]:
    """Yield the axes of the suspects, unless they are many, and diagonals of several."""
    places = np.flatnonzero(mask)
    if len(places) <= AXES:
        for place in places:
            yield np.where(np.arange(len(mask)) == place, sizes, 0.0)
    if len(places) > 1:
        yield np.where(mask, sizes, 0.0)
        alternating = np.zeros(len(mask))
        alternating[places] = sizes[places] * np.where(np.arange(len(places)) % 2, -1.0, 1.0)
        yield alternating


def _along(
    function: Function,
    point: Vector,
    value: float,
    box: Box,
    allowed: tuple[float, float],
    sizes: Vector,
    direction: Vector,
) -> Lower | bool:
    """Return the lowest point along a direction before it rises, else whether it changes."""
    slope, slack = allowed
    is_flat, changes = True, False
    lower: Lower | None = None
    before = point
    for share in _distances(point, sizes, direction):
        there = box.clipped(point + share * direction)
        if np.array_equal(there, before):
            continue
        before = there
        try:
            reached = function(there)[0]
        except MathematicsError:
            return lower or True
        fall = value - reached
        if lower is not None:
            if reached >= lower.value:
                break
            lower = lower._replace(point=there, value=reached)
            continue
        if -fall > HIDDEN * abs(value):
            return True
        changes = changes or fall > HIDDEN * abs(value)
        is_flat = is_flat and not (changes and share <= AROUND)
        if fall > 2 * slope * norm(there - point) + slack:
            lower = Lower(there, reached, is_flat)
    return changes if lower is None else lower


def _distances(point: Vector, sizes: Vector, direction: Vector) -> Iterator[float]:
    """Yield how far to look along a direction, from a tiny share of its smallest variable on."""
    moving = direction != 0
    own = np.where(point == 0, 1.0, np.abs(point))
    share = FIRST * float(np.min(own[moving] / sizes[moving]))
    share = max(share, 1e-15)
    while share < FAR[0]:
        yield share
        share *= 10
    yield from FAR
