"""What a reader asks for in the looks of a plot: title, labels, logarithmic axes, size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph.literals import number_text
from gradcli.options import spelled
from gradcli.pictures.plots.chart import Arrows, Field, Line, Points, Trail, positive
from gradcli.pictures.plots.units import ACROSS, UP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.pictures.plots.chart import Chart, Mark, Panel


class Looks(NamedTuple):
    """The wishes; None and False leave a chart as it is."""

    title: str | None = None
    x_label: str | None = None
    y_label: str | None = None
    log_x: bool = False
    log_y: bool = False
    size: tuple[float, float] | None = None
    """Width and height: inches of a picture, columns and rows of characters."""
    levels: Sequence[float] = ()
    """The values whose places are marked."""
    surface: bool = False
    """Whether a contour is to be a surface in three dimensions."""


def dressed(chart: Chart, looks: Looks, headings: Mapping[str, str] | None = None) -> Chart:
    """Return the chart with the looks that are asked for.

    Labels and logarithmic scales are those of its first panel, and of all that share its x. A
    label that names a column gets its heading, which has the unit. Raises UsageError for a
    logarithmic scale on a contour, and for a surface of anything else.
    """
    chart = _marked(chart, looks.levels)
    if looks.surface:
        chart = _raised(chart)
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


def _marked(chart: Chart, levels: Sequence[float]) -> Chart:
    """Return the chart with lines where its first contour, or else its first curve, has values."""
    if not levels:
        return chart
    place = next((k for k, panel in enumerate(chart.panels) if panel.field is not None), 0)
    panel, notes = chart.panels[place], list(chart.notes)
    field = panel.field
    marks: list[Mark] = []
    for mark in panel.marks:
        shown: Any = mark
        if mark is field:
            # Both sides of a boundary are to be seen; a logarithmic scale spreads the lower one.
            shown = mark._replace(marked=tuple(levels), log=False)
        marks.append(shown)
    known = [getattr(mark, "z" if field is not None else "y", None) for mark in panel.marks]
    numbers = np.concatenate([np.ravel(values) for values in known if values is not None])
    for level in levels:
        if not np.nanmin(numbers) <= level <= np.nanmax(numbers):
            notes.append(
                f"nothing in the plot has the value {number_text(level)} of {spelled('level')}"
            )
        if field is None:
            x = np.concatenate([mark.x for mark in panel.marks])
            ends = np.array([np.nanmin(x), np.nanmax(x)])
            marks.append(Line(ends, np.full(2, level), f"{panel.y_label} = {number_text(level)}"))
    panels = [*chart.panels]
    panels[place] = panel._replace(marks=marks)
    return chart._replace(panels=panels, notes=notes)


def _raised(chart: Chart) -> Chart:
    """Return the chart with its contours as surfaces. Raises UsageError where there is none."""
    panels = [panel._replace(surface=panel.field is not None) for panel in chart.panels]
    if not any(panel.surface for panel in panels):
        own = spelled("surface")
        message = f"{own} is for a formula over two ranges, or a run of two parameters"
        raise UsageError(message, hint=f"leave out {own}")
    if any(isinstance(mark, Points | Arrows) for p in panels if p.surface for mark in p.marks):
        message = "points and arrows lie in a contour, and would hide behind a surface"
        raise UsageError(message, hint=f"leave out {spelled('surface')}")
    return chart._replace(panels=panels)


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
