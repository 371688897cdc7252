"""One formula over one or two ranges as a chart, or several over the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph.text import number_text
from gradcli.plotting.chart import CURVES, LARGEST, Chart, Line, Panel, drawable
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
        return drawable(contour(first))
    if len(functions) > CURVES:
        message = f"one plot tells {CURVES} curves apart, and there are {len(functions)}"
        raise UsageError(message, hint="draw them in several plots")
    found = [curves(function) for function in functions]
    notes = [note for curve in found for note in curve.notes]
    (name,) = first.ranges
    if len(functions) == 1:
        labels = ["value", *[f"∂f/∂{other}" for other in first.wrt]]
        panels = [
            Panel(name, title, [Line(x, y)], limits=limits)
            for title, (x, y), limits in zip(labels, found[0].lines, found[0].limits, strict=True)
        ]
        return drawable(Chart(first.text, panels, stacked=True, notes=notes))
    lines = [
        Line(*curve.lines[0], function.text)
        for function, curve in zip(functions, found, strict=True)
    ]
    title = f"{len(functions)} formulas"
    panel = Panel(name, "value", lines, limits=_hull(found))
    return drawable(Chart(title, [panel], notes=notes))


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


def _hull(found: Sequence[Curves]) -> tuple[float, float] | None:
    """Return the limits of several curves in one panel: those that hold the limits of each."""
    if all(curve.limits[0] is None for curve in found):
        return None
    ends = []
    for curve in found:
        y = curve.lines[0][1]
        ends.append(curve.limits[0] or (float(np.nanmin(y)), float(np.nanmax(y))))
    return min(low for low, _ in ends), max(high for _, high in ends)


# ---------------------------------------------------------------- contours
