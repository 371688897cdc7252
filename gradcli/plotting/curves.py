"""A formula and its derivatives along a range, as curves that are broken where they are.

Of a range with many points a curve keeps, for each piece that is too narrow to be seen, its first,
last, lowest and highest point, so that nothing that could be seen is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.graph.literals import number_text
from gradcli.pictures.plots import breaks
from gradcli.tables.ranges import BLOCK

if TYPE_CHECKING:
    from gradcli.pictures.plots.chart import Vector
    from gradcli.plotting.function import Function

PIECES = 2000
"""Into how many pieces a long curve is divided, about one for each point that a screen shows."""


class Curves(NamedTuple):
    """The value of a formula and its derivatives along a range."""

    lines: list[tuple[Vector, Vector]]
    limits: list[tuple[float, float] | None]
    notes: list[str]


def curves(function: Function) -> Curves:
    """Return the curves of a formula and its derivatives, broken where it is."""
    x, columns, missing, notes = _sampled(function)
    lines, limits = [], []
    (name,) = function.ranges
    for place, (points, y) in enumerate(zip(x, columns, strict=True)):

        def evaluate(at: Vector, place: int = place) -> Vector:
            found = function.columns(at)[place]
            return np.where(np.isfinite(found), found, np.nan)

        what = "the formula" if place == 0 else f"its derivative by {function.wrt[place - 1]}"
        if missing[place].gaps:
            notes.append(function.where + missing[place].sentence(what, name))
        cut = breaks.limits(points, y, evaluate)
        if cut is not None:
            ends = " and ".join(number_text(float(f"{end:.3g}")) for end in cut)
            notes.append(f"{function.where}{what} has a pole; its axis is cut at {ends}")
        limits.append(cut)
        lines.append(breaks.with_gaps(points, y, breaks.broken(points, y, evaluate)))
    return Curves(lines, limits, notes)


class Missing(NamedTuple):
    """The points at which there is no value."""

    gaps: int
    of: int
    first: float

    def sentence(self, what: str, name: str) -> str:
        """Return what is to be said about them."""
        at = number_text(float(f"{self.first:.12g}"))
        if self.gaps == 1:
            return f"{what} has no value at {name} = {at}: a gap in the plot"
        return (
            f"{what} has no value at {self.gaps} of {self.of} points, "
            f"the first at {name} = {at}: gaps in the plot"
        )


class Samples(NamedTuple):
    """The points of each curve, those without a value, and what is to be said of kinks."""

    x: list[Vector]
    y: list[Vector]
    missing: list[Missing]
    kinks: list[str]


def _sampled(function: Function) -> Samples:
    """Return the points of each curve, thinned where they are many.

    Raises MathematicsError when the formula has a value nowhere.
    """
    (given,) = function.ranges.values()
    size = min(-(-given.length // PIECES), BLOCK)
    kept_x: list[list[Vector]] = [[] for _ in range(1 + len(function.wrt))]
    kept_y: list[list[Vector]] = [[] for _ in kept_x]
    missing = [Missing(0, given.length, 0.0) for _ in kept_x]
    table = function.table(function.ranges)
    for block in table.blocks():
        x = np.asarray(block.inputs[0], dtype=np.float64)
        for place, column in enumerate((block.value, *block.slopes)):
            gaps = np.flatnonzero(~np.isfinite(column))
            y = np.where(np.isfinite(column), column, np.nan)
            if gaps.size:
                count, of, first = missing[place]
                missing[place] = Missing(
                    count + gaps.size, of, first if count else float(x[gaps[0]])
                )
            places = outline(y, size)
            kept_x[place].append(x[places])
            kept_y[place].append(y[places])
    if missing[0].gaps == given.length:
        raise function.nowhere()
    return Samples(
        [np.concatenate(parts) for parts in kept_x],
        [np.concatenate(parts) for parts in kept_y],
        missing,
        function.kinks(table),
    )


def outline(y: Vector, size: int) -> Vector:
    """Return the places of the points to keep: of each `size`, both ends, lowest and highest.

    The first gap among them is kept as well.
    """
    if size <= 4:
        return np.arange(len(y))
    count = -(-len(y) // size)
    pieces = np.pad(y, (0, count * size - len(y)), "edge").reshape(count, size)
    gaps = np.isnan(pieces)
    starts = np.arange(count) * size
    found = [
        starts,
        starts + np.where(gaps, np.inf, pieces).argmin(axis=1),
        starts + np.where(gaps, -np.inf, pieces).argmax(axis=1),
        starts + gaps.argmax(axis=1),
        np.minimum(starts + size, len(y)) - 1,
    ]
    return np.unique(np.concatenate(found))
