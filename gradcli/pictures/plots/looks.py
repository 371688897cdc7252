"""A chart made ready to be drawn: the looks that a reader asks for, and numbers fit for an axis.

Around the largest doubles an axis has no room for its margins, and the smallest ones look like 0 to
matplotlib. A linear axis then counts in a power of ten, which its label says; a logarithmic one
has gaps for what is too large.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph.literals import number_text
from gradcli.options import spelled
from gradcli.pictures.plots.chart import Arrows, Chart, Field, Line, Points, Trail, positive
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gradcli.pictures.plots.chart import Mark, Panel, Vector


SMALLEST, LARGEST = 1e-280, 1e290
"""The least and greatest magnitudes that are drawn unscaled."""
SMALLEST_UNIT = 1e-307
"""The smallest power of ten with all its digits."""
ACROSS = ("x", "u")
"""The fields of marks that lie along x."""
UP = ("y", "low", "high", "error", "v")
HIGH = ("z", "limits", "marked")


class Looks(NamedTuple):
    """The wishes; None and False leave a chart as it is."""

    title: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None
    log_x: bool = False
    log_y: bool = False
    size: tuple[float, float] | None = None
    """Width and height: inches of a picture, columns and rows of characters."""
    level: Sequence[float] = ()
    """The values whose places are marked."""
    surface: bool = False
    """Whether a contour is to be a surface in three dimensions."""


def dressed(chart: Chart, looks: Looks, headings: Mapping[str, str] | None = None) -> Chart:
    """Return the chart with the looks that are asked for.

    Labels and logarithmic scales are those of its first panel, and of all that share its x. A
    label that names a column gets its heading, which has the unit. Raises UsageError for a
    logarithmic scale on a contour, and for a surface of anything else.
    """
    chart = _marked(chart, looks.level)
    if looks.surface:
        chart = _raised(chart)
    known = headings or {}
    notes = list(chart.notes)
    panels = []
    for index, panel in enumerate(chart.panels):
        named = panel._replace(
            x_label=known.get(panel.x_label, panel.x_label),
            y_label=known.get(panel.y_label, panel.y_label),
        )
        is_first = not index
        if (is_first or chart.stacked) and looks.xlabel is not None:
            named = named._replace(x_label=looks.xlabel)
        if is_first and looks.ylabel is not None:
            named = named._replace(y_label=looks.ylabel)
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
    index = next((k for k, panel in enumerate(chart.panels) if panel.field is not None), 0)
    panel, notes = chart.panels[index], list(chart.notes)
    field = panel.field
    marks: list[Mark] = [
        # Both sides of a boundary are to be seen; a logarithmic scale spreads the lower one.
        field._replace(marked=tuple(levels), log=False)
        if field is not None and mark is field
        else mark
        for mark in panel.marks
    ]
    known = _fields(panel, ["z" if field is not None else "y"])
    numbers = np.concatenate([np.ravel(values) for values in known])
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
    panels[index] = panel._replace(marks=marks)
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
    numbers = np.concatenate([np.ravel(values) for values in _fields(panel, names)])
    lost = int((numbers <= 0).sum())
    if lost and not (numbers > 0).any():
        notes.append(f"no number along {axis} is above 0, so its scale is not logarithmic")
        return panel
    if lost:
        amount = "one number" if lost == 1 else f"{lost} numbers"
        verb = "has" if lost == 1 else "have"
        notes.append(f"{amount} along {axis} that {verb} no logarithm: gaps in the plot")
    marks = [_changed(mark, names, positive) for mark in panel.marks]
    if axis == "x":
        return panel._replace(marks=marks, log_x=True)
    return panel._replace(marks=marks, log=True, limits=None)


# ---------------------------------------------------------------- numbers fit for an axis


def drawable(chart: Chart) -> Chart:
    """Return the chart with numbers that an axis can hold, in units and with gaps."""
    lost = 0
    panels = []
    ranges = [_largest(_fields(panel, ("x",))) for panel in chart.panels]
    if chart.stacked:
        ranges = [max(ranges)] * len(ranges)
    for panel, across in zip(chart.panels, ranges, strict=True):
        cut, large = _cut(panel)
        lost += large
        panels.append(_in_units(cut, _unit(across)))
    if not lost:
        return chart._replace(panels=panels)
    points = "one number" if lost == 1 else f"{lost} numbers"
    note = f"{points} beyond {number_text(LARGEST)} cannot be drawn: gaps in the plot"
    return chart._replace(panels=panels, notes=[*chart.notes, note])


def _cut(panel: Panel) -> tuple[Panel, int]:
    """Return the panel with gaps for what is too large for a logarithmic scale, and how many."""
    lost = 0

    def cut(values: Vector) -> Vector:
        nonlocal lost
        large = np.abs(values) > LARGEST
        lost += int(large.sum())
        return np.where(large, np.nan, values)

    along = ["x"] * panel.log_x + ["y"] * panel.log
    marks: list[Mark] = []
    for mark in panel.marks:
        if isinstance(mark, Field):
            marks.append(_changed(mark, ["z"] * mark.log, cut))
        else:
            marks.append(_changed(mark, along, cut) if isinstance(mark, Line | Points) else mark)
    return panel._replace(marks=marks), lost


def _in_units(panel: Panel, across: float) -> Panel:
    """Return the panel with x in a unit, and the rest in units where it needs them."""
    across = 1.0 if panel.log_x else across
    up = 1.0 if panel.log else _unit(_largest(_fields(panel, UP)))
    field = panel.field
    high = 1.0 if field is None or field.log else _unit(_largest([field.z]))
    marks = []
    for mark in panel.marks:
        scaled: Any = _divided(_divided(mark, ACROSS, across), UP, up)
        scaled = _divided(scaled, HIGH, high)
        if isinstance(mark, Field):
            scaled = scaled._replace(label=_label(mark.label, high))
        marks.append(scaled)
    return _divided(panel, ("limits",), up)._replace(  # type: ignore[no-any-return]
        marks=marks, x_label=_label(panel.x_label, across), y_label=_label(panel.y_label, up)
    )


def _divided(thing: Any, names: Iterable[str], unit: float) -> Any:
    """Return a mark or panel with some of its fields in a unit."""

    def divided(value: Any) -> Any:
        return tuple(x / unit for x in value) if isinstance(value, tuple) else value / unit

    return thing if unit == 1 else _changed(thing, names, divided)


def _changed(thing: Any, names: Iterable[str], change: Callable[[Any], Any]) -> Any:
    """Return a mark or panel with a change made to some of its fields, where it has them."""
    known = {name: getattr(thing, name, None) for name in names}
    changed = {name: change(value) for name, value in known.items() if value is not None}
    return thing._replace(**changed)


def _fields(panel: Panel, names: Iterable[str]) -> list[Vector]:
    """Return the fields of these names that the marks of a panel have."""
    known = [getattr(mark, name, None) for mark in panel.marks for name in names]
    return [values for values in known if values is not None]


def _largest(arrays: Iterable[Vector]) -> float:
    """Return the largest absolute value of any that is finite; 0 if there is none."""
    sizes = [np.abs(array[np.isfinite(array)]) for array in map(np.asarray, arrays)]
    return max((float(size.max()) for size in sizes if size.size), default=0.0)


def _unit(size: float) -> float:
    """Return what numbers up to such a size are counted in: 1, or a power of ten."""
    if size == 0 or SMALLEST <= size <= LARGEST:
        return 1.0
    return max(10.0 ** math.floor(math.log10(size)), SMALLEST_UNIT)


def _label(text: str, unit: float) -> str:
    return text if unit == 1 else f"{text} / {number_text(unit)}"
