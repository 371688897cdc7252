"""Numbers near the ends of what a double holds, made fit for an axis.

Around the largest ones an axis has no room for its margins, and the smallest ones look like 0 to
matplotlib. A linear axis then counts in a power of ten, which its label says; a logarithmic one
has gaps for what is too large.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.literals import number_text
from gradcli.pictures.plots.chart import Chart, Field, Line, Points

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.pictures.plots.chart import Mark, Panel, Vector

SMALLEST, LARGEST = 1e-280, 1e290
"""Between them a number is drawn as it is."""
SMALLEST_UNIT = 1e-307
"""The smallest power of ten with all its digits."""
ACROSS = ("x", "u")
"""The fields of marks that lie along x."""
UP = ("y", "low", "high", "error", "v")
HIGH = ("z", "limits", "marked")


def drawable(chart: Chart) -> Chart:
    """Return the chart with numbers that an axis can hold, in units and with gaps."""
    lost = 0
    panels = []
    ranges = [_size(panel, ("x",)) for panel in chart.panels]
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

    marks: list[Mark] = []
    for mark in panel.marks:
        if isinstance(mark, Field) and mark.log:
            marks.append(mark._replace(z=cut(mark.z)))
        elif isinstance(mark, Line | Points):
            y = cut(mark.y) if panel.log else mark.y
            marks.append(mark._replace(x=cut(mark.x) if panel.log_x else mark.x, y=y))
        else:
            marks.append(mark)
    return panel._replace(marks=marks), lost


def _in_units(panel: Panel, across: float) -> Panel:
    """Return the panel with x in a unit, and the rest in units where it needs them."""
    across = 1.0 if panel.log_x else across
    up = 1.0 if panel.log else _unit(_size(panel, UP))
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


def _has(mark: Mark, name: str) -> bool:
    return getattr(mark, name, None) is not None


def _divided(thing: Any, names: Iterable[str], unit: float) -> Any:
    """Return a mark or panel with some of its fields in a unit."""
    if unit == 1:
        return thing
    given = {name: getattr(thing, name) for name in names if _has(thing, name)}
    return thing._replace(
        **{
            name: tuple(x / unit for x in value) if isinstance(value, tuple) else value / unit
            for name, value in given.items()
        }
    )


def _size(panel: Panel, names: Iterable[str]) -> float:
    found = [getattr(mark, name) for mark in panel.marks for name in names if _has(mark, name)]
    return _largest(found)


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
