"""One formula over one or two ranges as a chart, or several over the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph.literals import number_text
from gradcli.pictures.plots.chart import CURVES, Band, Chart, Line, Panel
from gradcli.pictures.plots.units import LARGEST
from gradcli.plotting.contour import contour
from gradcli.plotting.curves import curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.plotting.curves import Curves
    from gradcli.plotting.function import Function


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
    if len(functions) > CURVES:
        message = f"one plot tells {CURVES} curves apart, and there are {len(functions)}"
        raise UsageError(message, hint="draw them in several plots")
    found = [curves(function) for function in functions]
    notes = [note for curve in found for note in curve.notes]
    (name,) = first.ranges
    is_one = len(functions) == 1
    panels = []
    for place, title in enumerate(["value", *[f"∂f/∂{other}" for other in first.wrt]]):
        labels = ["" if is_one or place else function.text for function in functions]
        lines = [Line(*curve.lines[place], text) for curve, text in zip(found, labels, strict=True)]
        bands = [] if place else _bands(functions, found)
        panels.append(Panel(name, title, [*bands, *lines], limits=_hull(found, place)))
    title = first.text if is_one else f"{len(functions)} formulas"
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
        message = f"{function.where}--plot needs a range, and every name has one value"
        example = next(iter(function.formula.free_names), "x")
        raise UsageError(message, hint=f"for example {example}=-5:5:0.01")
    if len(names) > 2:
        message = f"{function.where}a plot has one or two ranges, and there are {len(names)}"
        raise UsageError(message, hint=f"give one value to {names[-1]}")
    if names != list(first.ranges):
        message = f"{function.where}the formulas have other ranges, and share no axis"
        raise UsageError(message, hint="draw them in several plots")
    if list(function.wrt) != list(first.wrt):
        message = f"{function.where}the formulas have derivatives by other names"
        raise UsageError(message, hint="choose the same names with --wrt")
    if function is not first and len(names) == 2:
        message = "contours of several formulas do not fit into one plot"
        raise UsageError(message, hint="draw them one by one, or over one range")
    for name, given in function.ranges.items():
        ends = given.at(np.array([0, given.length - 1]))
        if np.abs(ends).max() > LARGEST:
            message = (
                f"the range of {name} goes beyond {number_text(LARGEST)}, and no axis is so long"
            )
            raise UsageError(message, hint=f"for example {name}=-5:5:0.01")
        if given.length < 2:
            message = f"the range of {name} has one point, and a plot needs two"
            raise UsageError(message, hint=f"for example {name}=-5:5:0.01")


def _hull(found: Sequence[Curves], place: int) -> tuple[float, float] | None:
    """Return the limits of several curves in one panel: those that hold the limits of each."""
    if all(curve.limits[place] is None for curve in found):
        return None
    ends = []
    for curve in found:
        y = curve.lines[place][1]
        own = curve.limits[place]
        if own is None and np.isfinite(y).any():
            own = float(np.nanmin(y)), float(np.nanmax(y))
        if own is not None:
            ends.append(own)
    return min(low for low, _ in ends), max(high for _, high in ends)
