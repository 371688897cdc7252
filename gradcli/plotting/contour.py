"""A formula over two ranges: its levels, and arrows along its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.graph.literals import number_text
from gradcli.pictures.plots import breaks
from gradcli.pictures.plots.chart import Arrows, Chart, Field, Panel, is_wide
from gradcli.plotting.function import joined
from gradcli.tables.ranges import Range

if TYPE_CHECKING:
    from gradcli.pictures.plots.chart import Mark, Vector
    from gradcli.plotting.function import Function

GRID = 300
"""How many points a contour has at the most along each side."""
ARROWS = 16
"""How many arrows stand in a row."""


def contour(function: Function) -> Chart:
    """Return the contour over two ranges, with arrows along the gradient where it is wanted.

    Derivatives by other names than those of the ranges have contours of their own.
    """
    thinned = {name: _thinned(given) for name, given in function.ranges.items()}
    x, y = [r.at(np.arange(r.length)) for r in thinned.values()]
    table = function.table(thinned)
    columns = joined([[block.value, *block.slopes] for block in table.blocks()])
    # The last range varies fastest, and the last axis of a field is x.
    z, *slopes = [
        np.where(np.isfinite(column), column, np.nan).reshape(len(x), len(y)).T
        for column in columns
    ]
    if np.isnan(z).all():
        raise function.nowhere()
    notes = function.kinks(table)
    for (name, given), shown in zip(function.ranges.items(), thinned.values(), strict=True):
        if shown.length < given.length:
            notes.append(f"the plot shows {shown.length} of {given.length} points along {name}")
    across, up = function.ranges
    marks: list[Mark] = [_field(x, y, z, "value", "the formula", notes)]
    panels = [Panel(across, up, marks)]
    by = dict(zip(function.wrt, slopes, strict=True))
    if by.keys() == {across, up}:
        marks.append(_arrows(x, y, by[across], by[up]))
    else:
        for name, slope in by.items():
            field = _field(x, y, slope, f"∂f/∂{name}", f"its derivative by {name}", notes)
            panels.append(Panel(across, up, [field]))
    return Chart(function.text, panels, notes=notes)


def _field(x: Vector, y: Vector, z: Vector, label: str, what: str, notes: list[str]) -> Field:
    """Return the field of some values, after what is to be said about them is noted."""
    gaps = int(np.isnan(z).sum())
    if gaps:
        points = f"{gaps} of {z.size} points" if gaps > 1 else "one point"
        notes.append(f"{what} has no value at {points}: gaps in the plot")
    log = is_wide(z)
    cut = None if log else _field_limits(z)
    if cut is not None:
        ends = " and ".join(number_text(float(f"{end:.3g}")) for end in cut)
        notes.append(f"the colours of {what} end at {ends}, and go on for values beyond")
    return Field(x, y, z, label, log, cut)


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
    if not finite.size:
        return None
    low, high = np.quantile(finite, breaks.CENTRAL).tolist()
    with np.errstate(over="ignore"):
        is_far = np.ptp(finite) > breaks.FAR * (high - low) > 0
    if finite.size == z.size or not is_far:
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
