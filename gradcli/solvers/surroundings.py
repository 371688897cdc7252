"""What an objective does around a point: whether the end of a run is a minimum, and the way down.

A small gradient does not distinguish a minimum from a plateau, a saddle or a maximum, nor a large
one a slope from a minimum on a kink. A look around does, and so do the gradients on all sides
of a kink.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers.vectors import norm, norms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.solvers.solver import Mask, Matrix, Vector
    from gradcli.solvers.vectors import Box

    Function = Callable[[Vector], tuple[float, Vector]]

DISTANCES = (1e-3, 1e-6, 1e-9, 1e-12)
"""How far to look for the other sides, as a share of the size of each variable."""
LENGTHS = 10.0 ** np.arange(1, -13, -0.5)
"""The step lengths that are tried, as multiples of the size of each variable."""
FALL = 1e-4
ROUNDING = 1e-14
"""Weights, and lengths relative to the longest vector, below this are rounding."""
ROUNDS = 3
"""How often each vector may be taken up for the shortest one: finitely often, but for rounding."""
NEAR = (1e-12, 1e-10, 1e-8)
"""Distances at which the sides of a kink that may be a minimum are probed, as DISTANCES."""
AXES = 20
"""The most variables that are probed one by one; more are probed only together."""
FIRST = 1e-7
"""The first distance of a look, as a share of the variable, or of 1 for 0."""
FAR = (0.01, 0.03, 0.1, 0.4, 0.7, 0.9, 0.97, 0.99, 0.999, 1.0, 2.5, 6.0, 16.0, 40.0, 100.0)
"""The last distances, in units of the variable or of 1, whichever is larger; also down to 0."""
HIDDEN = 1e-12
"""Changes below this share of the value may be rounding."""
CLEAR = 1e-9
"""A fall must exceed this share of the value to count."""
AROUND = 1e-3
"""A function that changes only farther away than this, as DISTANCES, is flat around the point."""


class Lower(NamedTuple):
    """A point from which no rise separates the end of the run, and which is lower."""

    point: Vector
    value: float
    is_flat: bool
    """Whether the objective does not change right around the end, as on a plateau."""


class Surroundings:
    """What there is around a point of a box: its function may have kinks and gaps."""

    def __init__(self, function: Function, point: Vector, box: Box) -> None:
        self._function = function
        self._point = point
        self._box = box
        self._value, self._gradient = function(point)
        self._sizes: Vector = np.maximum(np.abs(point), 1.0)

    def way_down(self, sizes: Vector) -> Vector | None:
        """Return a point that is lower, along the steepest descent on all sides; None at a minimum.

        That direction is opposite to the shortest vector in the convex hull of the gradients
        nearby, which are taken at a small distance along each axis, in units of `sizes`: Burke,
        Lewis and Overton, "A robust gradient sampling algorithm for nonsmooth, nonconvex
        optimization", SIAM J. Optim. 15 (2005), without the randomness. Takes 2p evaluations, for p
        variables, at each of four distances, and up to 26 more along the direction.
        """
        for distance in DISTANCES:
            sides = [self._gradient, *(slope for _, _, slope in self._sides(distance * sizes))]
            rows = self._followed(sides) * sizes
            if not np.all(np.isfinite(rows)):
                return None
            steepest = shortest(rows)
            slope = norm(steepest)
            if slope <= 1e-9 * max(norm(g * sizes) for g in sides):
                continue
            found = self._lowest(sizes * steepest / slope, slope)
            if found is not None:
                return found
        return None

    def lower(self, slope: float, suspects: Mask | None = None, slack: float = 0.0) -> Lower | bool:
        """Return what shows that the point is no minimum: a lower one, or True for a plateau.

        From the point one looks along the variables that are `suspects`, all by default, and along
        two diagonals, outwards until the value rises. A fall counts when it is larger than a convex
        function with a gradient of norm `slope` at the point can make it, and than the `slack`, so
        that a point near a minimum passes. Takes two or more evaluations for each variable.
        """
        mask = np.ones(len(self._point), dtype=bool) if suspects is None else suspects
        slack += CLEAR * abs(self._value)
        changes = not (mask.any() and mask.all())
        for direction in _directions(mask, self._sizes):
            for sign in (1.0, -1.0):
                found = self._along(sign * direction, slope, slack)
                if isinstance(found, Lower):
                    return found
                changes = changes or found
        return not changes

    def kink(self, tolerance: float) -> float | None:
        """Return the norm of the shortest subgradient at a minimum on a kink; None without one.

        That is a point where the shortest one is at most `tolerance` and nothing around is lower.
        """
        found = self._shortest_subgradient()
        if found > tolerance:
            return None
        # The kink itself, which is lower, is not far away.
        slack = 2 * norm(self._gradient) * NEAR[-1] * float(np.max(self._sizes, initial=1.0))
        return None if self.lower(tolerance, slack=slack) else found

    def _shortest_subgradient(self) -> float:
        """Return the norm of the shortest vector in the hull of the gradients right beside.

        0 lies in the subdifferential where it is 0: so it is at a minimum on a kink. Infinite where
        the value jumps beside the point.
        """
        found = np.inf
        for distance in NEAR:
            sides = [self._gradient]
            for there, reached, slope in self._sides(distance * self._sizes):
                most = 2 * (norm(slope) + norm(self._gradient)) * norm(there - self._point)
                if abs(reached - self._value) > most + HIDDEN * abs(self._value):
                    return np.inf
                sides.append(slope)
            rows = self._followed(sides)
            if np.all(np.isfinite(rows)):
                found = min(found, norm(shortest(rows)))
        return found

    def _at(self, there: Vector) -> tuple[float, Vector] | None:
        """Return value and gradient at a point; None where there are none."""
        try:
            return self._function(there)
        except MathematicsError:
            return None

    def _sides(self, lengths: Vector) -> Iterator[tuple[Vector, float, Vector]]:
        """Yield the points so far away along each axis, within the box, with value and gradient."""
        for axis in np.diag(lengths):
            for there in map(self._box.clipped, (self._point + axis, self._point - axis)):
                found = self._at(there)
                if found is not None:
                    yield (there, *found)

    def _followed(self, gradients: list[Vector]) -> Matrix:
        return np.array([self._box.free_gradient(self._point, g) for g in gradients])

    def _lowest(self, direction: Vector, slope: float) -> Vector | None:
        """Return the lowest point against a direction that is clearly lower; None where none is."""
        best, lowest = None, self._value
        for length in LENGTHS:
            there = self._box.clipped(self._point - length * direction)
            found = self._at(there)
            if found is None:
                continue
            if found[0] < min(lowest, self._value - FALL * length * slope):
                best, lowest = there, found[0]
            elif best is not None:
                break
        return best

    def _along(self, direction: Vector, slope: float, slack: float) -> Lower | bool:
        """Return the lowest point along a direction before it rises, else whether it changes."""
        point, value = self._point, self._value
        is_flat, changes = True, False
        lower: Lower | None = None
        before = point
        for share in _distances(point, self._sizes, direction):
            there = self._box.clipped(point + share * direction)
            if np.array_equal(there, before):
                continue
            before = there
            found = self._at(there)
            if found is None:
                return lower or True
            reached = found[0]
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


def shortest(rows: Matrix) -> Vector:
    """Return the shortest vector in the convex hull of the rows.

    Wolfe, "Finding the nearest point in a polytope", Math. Program. 11 (1976).
    """
    # A power of two changes no digit, and squares of numbers about 1 do not overflow.
    unit = 2.0 ** min(int(np.frexp(np.max(np.abs(rows), initial=0.0))[1]), 1000)
    rows = rows / unit
    lengths = norms(rows.T)
    used = [int(np.argmin(lengths))]
    weights = np.ones(1)
    best = rows[used[0]]
    for _ in range(ROUNDS * len(rows)):
        along = rows @ best
        index = int(np.argmin(along))
        least = best @ best
        if index in used or along[index] >= least - ROUNDING * np.max(lengths) * norm(best):
            break
        used.append(index)
        weights = np.append(weights, 0.0)
        while np.any((wanted := _nearest(rows[used])) < 0):
            # As far to the nearest point of the plane as all weights stay above 0.
            falling = wanted < 0
            part = float(np.min(weights[falling] / (weights - wanted)[falling]))
            weights = weights + part * (wanted - weights)
            keeps = (weights > ROUNDING) | ~falling
            used = [number for number, keep in zip(used, keeps, strict=True) if keep]
            weights = weights[keeps]
        weights = wanted
        found = weights @ rows[used]
        if not norm(found) < norm(best):
            break
        best = found
    return np.asarray(best * unit)


def _nearest(rows: Matrix) -> Vector:
    """Return the weights, 1 in all, of the point nearest to 0 in the plane through the rows."""
    rest = np.linalg.lstsq((rows[1:] - rows[0]).T, -rows[0], rcond=None)[0]
    return np.concatenate([[1 - np.sum(rest)], rest])


def _directions(mask: Mask, sizes: Vector) -> Iterator[Vector]:
    """Yield the axes of the suspects, unless they are many, and diagonals of several."""
    places = np.flatnonzero(mask)
    if len(places) <= AXES:
        for index in places:
            yield np.where(np.arange(len(mask)) == index, sizes, 0.0)
    if len(places) > 1:
        yield np.where(mask, sizes, 0.0)
        alternating = np.zeros(len(mask))
        alternating[places] = sizes[places] * np.where(np.arange(len(places)) % 2, -1.0, 1.0)
        yield alternating


def _distances(point: Vector, sizes: Vector, direction: Vector) -> Iterator[float]:
    """Yield how far to look along a direction, from a tiny share of its smallest variable on."""
    nonzero = direction != 0
    own = np.where(point == 0, 1.0, np.abs(point))
    share = FIRST * float(np.min(own[nonzero] / sizes[nonzero]))
    share = max(share, 1e-15)
    while share < FAR[0]:
        yield share
        share *= 10
    yield from FAR
