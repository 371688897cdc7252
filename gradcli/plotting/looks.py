"""What a reader asks for in the looks of a plot: title, labels, logarithmic axes, size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import UsageError
from gradcli.options import spelled
from gradcli.plotting.chart import Arrows, Field, Trail, positive
from gradcli.plotting.units import ACROSS, UP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.plotting.chart import Chart, Mark, Panel


class Looks(NamedTuple):
    """The wishes; None and False leave a chart as it is."""

    title: str | None = None
    x_label: str | None = None
    y_label: str | None = None
    log_x: bool = False
    log_y: bool = False
    size: tuple[float, float] | None = None
    """Width and height: inches of a picture, columns and rows of characters."""


def dressed(chart: Chart, looks: Looks, headings: Mapping[str, str] | None = None) -> Chart:
    """Return the chart with the looks that are asked for.

    Labels and logarithmic scales are those of its first panel, and of all that share its x. A
    label that names a column gets its heading, which has the unit. Raises UsageError for a
    logarithmic scale on a contour.
    """
    known = headings or {}
    notes = list(chart.notes)
    panels = []
    for place, panel in enumerate(chart.panels):
        named = panel._replace(
            x_label=known.get(panel.x_label, panel.x_label),
            y_label=known.get(panel.y_label, panel.y_label),
        )
        is_first = not place
        if (is_first or chart.stacked) and looks.x_label is not None:
            named = named._replace(x_label=looks.x_label)
        if is_first and looks.y_label is not None:
            named = named._replace(y_label=looks.y_label)
        if (is_first or chart.stacked) and looks.log_x:
            named = _logarithmic(named, "x", notes if is_first else [])
        if is_first and looks.log_y:
            named = _logarithmic(named, "y", notes)
        panels.append(named)
    title = chart.title if looks.title is None else looks.title
    return chart._replace(title=title, panels=panels, notes=notes, size=looks.size)


def _logarithmic(panel: Panel, axis: str, notes: list[str]) -> Panel:
    """Return the panel with a logarithmic scale, gaps where a number has no place on it."""
    if any(isinstance(mark, Field | Arrows | Trail) for mark in panel.marks):
        option = spelled(f"log_{axis}")
        message = f"{option} is for curves and points, and this is a contour"
        raise UsageError(message, hint=f"leave out {option}")
    names = ACROSS if axis == "x" else UP[:3]
    given = [getattr(mark, n) for mark in panel.marks for n in names if hasattr(mark, n)]
    numbers = np.concatenate([np.ravel(values) for values in given])
    lost = int((numbers <= 0).sum())
    if lost and not (numbers > 0).any():
        notes.append(f"no number along {axis} is above 0, so its scale is not logarithmic")
        return panel
    if lost:
        what = "one number" if lost == 1 else f"{lost} numbers"
        verb = "has" if lost == 1 else "have"
        notes.append(f"{what} along {axis} that {verb} no logarithm: gaps in the plot")
    marks: list[Mark] = []
    for mark in panel.marks:
        shown: Any = mark
        for name in names:
            if hasattr(mark, name):
                shown = shown._replace(**{name: positive(getattr(mark, name))})
        marks.append(shown)
    if axis == "x":
        return panel._replace(marks=marks, log_x=True)
    return panel._replace(marks=marks, log=True, limits=None)
