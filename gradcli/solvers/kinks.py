"""A kink seen from all sides: the way down from it, or the proof that it is a minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers.norms import norm, norms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.solvers.bounds import Box
    from gradcli.solvers.solver import Matrix, Vector

DISTANCES = (1e-3, 1e-6, 1e-9, 1e-12)
"""How far to look for the other sides, as a share of the size of each variable."""
LENGTHS = 10.0 ** np.arange(1, -13, -0.5)
"""The lengths that are tried, in the same units."""
FALL = 1e-4
ROUNDING = 1e-14
"""A share of the longest vector, or a weight, that rounding makes."""
ROUNDS = 3
"""How often each vector may be taken up for the shortest one: finitely often, but for rounding."""
NEAR = (1e-12, 1e-10, 1e-8)
"""How far to look for the other sides of a kink that may be a minimum, in the same units."""


def way_down(
    function: Callable[[Vector], tuple[float, Vector]],
    point: Vector,
    value: float,
    gradient: Vector,
    box: Box,
    sizes: Vector,
) -> Vector | None:
    """Return a point that is lower, along the steepest descent on all sides; None at a minimum.

    That direction is opposite to the shortest vector in the convex hull of the gradients nearby,
    which are taken at a small distance along each axis: Burke, Lewis and Overton, "A robust
    gradient sampling algorithm for nonsmooth, nonconvex optimization", SIAM J. Optim. 15 (2005),
    without the randomness. Takes 2p evaluations, for p variables, at each of four distances, and up
    to 26 more along the direction.
    """
    for distance in DISTANCES:
        around = _around(function, point, box, distance * sizes)
        sides = [gradient, *(slope for _, _, slope in around)]
        rows = np.array([box.free_gradient(point, g) * sizes for g in sides])
        if not np.all(np.isfinite(rows)):
            return None
        steepest = shortest(rows)
        slope = norm(steepest)
        if slope <= 1e-9 * max(norm(g * sizes) for g in sides):
            continue
        found = _lowest(function, point, value, box, sizes * steepest / slope, slope)
        if found is not None:
            return found
    return None


def shortest_subgradient(
    function: Callable[[Vector], tuple[float, Vector]],
    point: Vector,
    value: float,
    gradient: Vector,
    box: Box,
) -> float:
    """Return the norm of the shortest vector in the hull of the gradients right beside a point.

    0 lies in the subdifferential where it is 0: so it is at a minimum on a kink. Infinite where the
    value jumps beside the point.
    """
    sizes = np.maximum(np.abs(point), 1.0)
    found = np.inf
    for distance in NEAR:
        sides = [gradient]
        for there, reached, slope in _around(function, point, box, distance * sizes):
            steepest = norm(slope) + norm(gradient)
            if abs(reached - value) > 2 * steepest * norm(there - point) + 1e-12 * abs(value):
                return np.inf
            sides.append(slope)
        rows = np.array([box.free_gradient(point, side) for side in sides])
        if np.all(np.isfinite(rows)):
            found = min(found, norm(shortest(rows)))
    return found


def _around(
    function: Callable[[Vector], tuple[float, Vector]], point: Vector, box: Box, lengths: Vector
) -> Iterator[tuple[Vector, float, Vector]]:
    """Yield the points so far away along each axis, within the box, with value and gradient."""
    for axis in np.diag(lengths):
        for there in (box.clipped(point + axis), box.clipped(point - axis)):
            try:
                yield (there, *function(there))
            except MathematicsError:
                continue


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
        place = int(np.argmin(along))
        least = best @ best
        if place in used or along[place] >= least - ROUNDING * np.max(lengths) * norm(best):
            break
        used.append(place)
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


def _lowest(
    function: Callable[[Vector], tuple[float, Vector]],
    point: Vector,
    value: float,
    box: Box,
    direction: Vector,
    slope: float,
) -> Vector | None:
    best = None
    lowest = value
    for length in LENGTHS:
        there = box.clipped(point - length * direction)
        try:
            reached = function(there)[0]
        except MathematicsError:
            continue
        if reached < min(lowest, value - FALL * length * slope):
            best, lowest = there, reached
        elif best is not None:
            break
    return best
