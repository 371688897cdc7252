"""One formula over one or two ranges as a chart, or several over the same one.

Over one range it is a curve, over two a contour, with arrows along its gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph.literals import number_text
from gradcli.pictures.plots.chart import Arrows, Band, Chart, Field, Line, Panel, is_wide
from gradcli.pictures.plots.looks import LARGEST
from gradcli.plotting.curves import CENTRAL, both, check_curves, curves, is_far, joined
from gradcli.tables.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.pictures.plots.chart import Mark, Vector
    from gradcli.plotting.curves import Curves, Function


def chart(functions: Sequence[Function]) -> Chart:
    """Return the plot of one formula over one or two ranges, or of several over the same one.

    Raises UsageError for ranges that do not make a plot, and MathematicsError where a formula has
    no value anywhere.
    """
    first = functions[0]
    for function in functions:
        _check(function, first)
    if len(first.ranges) == 2:
        return contour(first)
    check_curves(len(functions), "draw them in several plots")
    found = [curves(function) for function in functions]
    notes = [note for curve in found for note in curve.notes]
    (name,) = first.ranges
    is_one = len(functions) == 1
    panels = []
    for index, title in enumerate(["value", *[f"∂f/∂{other}" for other in first.wrt]]):
        labels = ["" if is_one or index else function.formula.source for function in functions]
        lines = [Line(*curve.lines[index], text) for curve, text in zip(found, labels, strict=True)]
        bands = [] if index else _bands(functions, found)
        panels.append(Panel(name, title, [*bands, *lines], limits=_hull(found, index)))
    title = first.formula.source if is_one else f"{len(functions)} formulas"
    return Chart(title, panels, stacked=True, notes=notes)


def _bands(functions: Sequence[Function], found: Sequence[Curves]) -> list[Band]:
    """Return the values with their standard errors as areas around the curves."""
    bands: list[Band] = []
    for function, curve in zip(functions, found, strict=True):
        x, y = curve.lines[0]
        error = function.error(x)
        if error is not None:
            bands.append(Band(x, y - error, y + error, "" if bands else "± standard error"))
    return bands


def _check(function: Function, first: Function) -> None:
    """Raise UsageError for ranges that do not make one plot."""
    names = list(function.ranges)
    if not names:
        message = f"{function.prefix}--plot needs a range, and every name has one value"
        example = next(iter(function.formula.free_names), "x")
        raise UsageError(message, hint=f"for example {example}=-5:5:0.01")
    if len(names) > 2:
        message = f"{function.prefix}a plot has one or two ranges, and there are {len(names)}"
        raise UsageError(message, hint=f"give one value to {names[-1]}")
    if names != list(first.ranges):
        message = f"{function.prefix}the formulas have other ranges, and share no axis"
        raise UsageError(message, hint="draw them in several plots")
    if list(function.wrt) != list(first.wrt):
        message = f"{function.prefix}the formulas have derivatives by other names"
        raise UsageError(message, hint="choose the same names with --wrt")
    if function is not first and len(names) == 2:
        message = "contours of several formulas do not fit into one plot"
        raise UsageError(message, hint="draw them one by one, or over one range")
    for name, points in function.ranges.items():
        ends = points.at(np.array([0, points.length - 1]))
        if np.abs(ends).max() > LARGEST:
            message = (
                f"the range of {name} goes beyond {number_text(LARGEST)}, and no axis is so long"
            )
            raise UsageError(message, hint=f"for example {name}=-5:5:0.01")
        if points.length < 2:
            message = f"the range of {name} has one point, and a plot needs two"
            raise UsageError(message, hint=f"for example {name}=-5:5:0.01")


def _hull(found: Sequence[Curves], index: int) -> tuple[float, float] | None:
    """Return the limits of several curves in one panel: those that hold the limits of each."""
    if all(curve.limits[index] is None for curve in found):
        return None
    ends = []
    for curve in found:
        y = curve.lines[index][1]
        own = curve.limits[index]
        if own is None and np.isfinite(y).any():
            own = float(np.nanmin(y)), float(np.nanmax(y))
        if own is not None:
            ends.append(own)
    return min(low for low, _ in ends), max(high for _, high in ends)


GRID = 300
"""How many points a contour has at the most along each side."""
ARROWS = 16
"""Arrows of a gradient field along each side."""


def contour(function: Function) -> Chart:
    """Return the contour over two ranges, with arrows along the gradient where it is wanted.

    Derivatives by other names than those of the ranges have contours of their own.
    """
    thinned = {name: _thinned(points) for name, points in function.ranges.items()}
    x, y = [r.at(np.arange(r.length)) for r in thinned.values()]
    table = function.table(thinned)
    columns = joined([[block.value, *block.slopes] for block in table.blocks()])
    # The last range varies fastest, and the last axis of a field is x.
    z, *slopes = [
        np.where(np.isfinite(column), column, np.nan).reshape(len(x), len(y)).T
        for column in columns
    ]
    if np.isnan(z).all():
        raise function.no_value()
    notes = function.kinks(table)
    for (name, points), shown in zip(function.ranges.items(), thinned.values(), strict=True):
        if shown.length < points.length:
            notes.append(f"the plot shows {shown.length} of {points.length} points along {name}")
    across, up = function.ranges
    marks: list[Mark] = [_field(x, y, z, "value", "the formula", notes)]
    panels = [Panel(across, up, marks)]
    by = dict(zip(function.wrt, slopes, strict=True))
    if by.keys() == {across, up}:
        marks.append(_arrows(x, y, by[across], by[up]))
    else:
        for name, slope in by.items():
            field = _field(
                x, y, slope, f"∂f/∂{name}", f"its derivative with respect to {name}", notes
            )
            panels.append(Panel(across, up, [field]))
    return Chart(function.formula.source, panels, notes=notes)


def _field(x: Vector, y: Vector, z: Vector, label: str, subject: str, notes: list[str]) -> Field:
    """Return the field of some values, after what is to be said about them is noted."""
    gaps = int(np.isnan(z).sum())
    if gaps:
        points = f"{gaps} of {z.size} points" if gaps > 1 else "one point"
        notes.append(f"{subject} has no value at {points}: gaps in the plot")
    log = is_wide(z)
    cut = None if log else _field_limits(z)
    if cut is not None:
        notes.append(f"the colours of {subject} end at {both(cut)}, and go on for values beyond")
    return Field(x, y, z, label, log, cut)


def _thinned(points: Range) -> Range:
    """Return the range, or evenly spaced points of it when they are many, both ends among them."""
    if points.length <= GRID:
        return points
    indices = np.unique(np.linspace(0, points.length - 1, GRID).round().astype(np.int64))
    return Range.through(points.at(indices))


def _field_limits(z: Vector) -> tuple[float, float] | None:
    """Return the values between which the colours change; None for all of a field without gaps.

    Beside a gap there may be a pole, whose values would leave one colour to all others.
    """
    finite = z[np.isfinite(z)]
    if not finite.size:
        return None
    low, high = np.quantile(finite, CENTRAL).tolist()
    return (low, high) if finite.size < z.size and is_far(finite, low, high) else None


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
