"""A formula over two ranges: its levels, and arrows along its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.graph.text import number_text
from gradcli.plotting import breaks
from gradcli.plotting.chart import Arrows, Chart, Field, Panel, is_wide
from gradcli.plotting.function import joined
from gradcli.table import Range

if TYPE_CHECKING:
    from gradcli.plotting.chart import Mark, Vector
    from gradcli.plotting.function import Function

GRID = 300
"""How many points a contour has at the most along each side."""
ARROWS = 16
"""How many arrows stand in a row."""


def contour(function: Function) -> Chart:
    """Return the contour over two ranges, with arrows along the gradient where it is wanted."""
    thinned = {name: _thinned(given) for name, given in function.ranges.items()}
    x, y = [r.at(np.arange(r.length)) for r in thinned.values()]
    blocks = function.table(thinned).blocks()
    columns = joined([[block.value, *block.slopes] for block in blocks])
    # The last range varies fastest, and the last axis of a field is x.
    z, *slopes = [column.reshape(len(x), len(y)).T for column in columns]
    z = np.where(np.isfinite(z), z, np.nan)
    gaps = int(np.isnan(z).sum())
    if gaps == z.size:
        raise function.nowhere()
    notes = []
    if gaps:
        points = f"{gaps} of {z.size} points" if gaps > 1 else "one point"
        notes.append(f"the formula has no value at {points}: gaps in the plot")
    for (name, given), shown in zip(function.ranges.items(), thinned.values(), strict=True):
        if shown.length < given.length:
            notes.append(f"the plot shows {shown.length} of {given.length} points along {name}")
    log = is_wide(z)
    cut = None if log else _field_limits(z)
    if cut is not None:
        ends = " and ".join(number_text(float(f"{end:.3g}")) for end in cut)
        notes.append(f"the colours end at {ends}; values beyond have the colours of the ends")
    across, up = function.ranges
    marks: list[Mark] = [Field(x, y, z, "value", log, cut)]
    if [*function.wrt] == [across, up]:
        marks.append(_arrows(x, y, *slopes))
    return Chart(function.text, [Panel(across, up, marks)], notes=notes)


def _thinned(given: Range) -> Range:
    """Return the range, or evenly spaced points of it when they are many, both ends among them."""
    if given.length <= GRID:
        return given
    places = np.unique(np.linspace(0, given.length - 1, GRID).round().astype(np.int64))
    return Range.through(given.at(places))


def _field_limits(z: Vector) -> tuple[float, float] | None:
    """Return the values between which the colours change; None for all of a field without gaps.

    Beside a gap there may be a pole, whose values would leave one colour to all others.
    """
    finite = z[np.isfinite(z)]
    low, high = np.quantile(finite, breaks.CENTRAL).tolist()
    if finite.size == z.size or not np.ptp(finite) > breaks.FAR * (high - low) > 0:
        return None
    return low, high


def _arrows(x: Vector, y: Vector, by_x: Vector, by_y: Vector) -> Arrows:
    """Return arrows of one length along the gradient, not more of them than can be seen."""
    across, up = [
        np.unique(np.linspace(0, n - 1, min(n, ARROWS) + 2)[1:-1].round().astype(np.int64))
        for n in (len(x), len(y))
    ]
    u, v = by_x[np.ix_(up, across)], by_y[np.ix_(up, across)]
    width, height = abs(float(x[-1] - x[0])), abs(float(y[-1] - y[0]))
    with np.errstate(all="ignore"):
        length = np.hypot(u / width, v / height) * ARROWS * 1.4
        u, v = u / length, v / length
    at_x, at_y = np.meshgrid(x[across], y[up])
    shown = np.isfinite(u) & np.isfinite(v)
    return Arrows(at_x[shown], at_y[shown], u[shown], v[shown], "direction of the gradient")
