"""The points of a file over a chart: two columns, and perhaps a third that colours them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.data.input import shown
from gradcli.errors import FileError, few
from gradcli.graph.literals import number_text
from gradcli.pictures.plots.chart import CLASSES, Field, Points, Trail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.pictures.plots.chart import Chart, Panel, Vector


class Scattered(NamedTuple):
    """The columns of a file by name; `texts` are those that the numbers of a column stand for."""

    path: str
    columns: Mapping[str, Vector]
    texts: Mapping[str, Sequence[str]]
    headings: Mapping[str, str]


def check_columns(path: str, names: Sequence[str]) -> None:
    """Raise FileError for a file that has not two or three columns."""
    if len(names) not in {2, 3}:
        message = f"{shown(path)} has {len(names)} columns, and --points takes two or three: "
        message += "x, y and what colours them"
        raise FileError(message, hint=f"keep three of its columns: {few(names)}")


def can_hold(chart: Chart) -> bool:
    """Return whether a chart has a contour or a curve for points to lie over."""
    return bool(_chosen(chart))


def _chosen(chart: Chart) -> list[Panel]:
    contours = [p for p in chart.panels if any(isinstance(m, Field | Trail) for m in p.marks)]
    return contours or [panel for panel in chart.panels[:1] if not panel.counted]


def laid(chart: Chart, points: Scattered) -> Chart:
    """Return the chart with the points over its contour, or else over its first curve.

    A column that has the name of an axis belongs to it; the others follow in their order.
    """
    chosen = _chosen(chart)
    notes = list(chart.notes)
    panels = [
        _over(panel, points, notes) if any(panel is one for one in chosen) else panel
        for panel in chart.panels
    ]
    return chart._replace(panels=panels, notes=notes)


def _over(panel: Panel, points: Scattered, notes: list[str]) -> Panel:
    """Return the panel with the points; a contour ends where it did, and hides what is beyond."""
    made = _marks(panel, points)
    field = panel.field
    if field is not None:
        hidden = 0
        for place, mark in enumerate(made):
            inside = _within(mark.x, field.x) & _within(mark.y, field.y)
            hidden += int((~inside).sum())
            colour = None if mark.colour is None else mark.colour[inside]
            made[place] = mark._replace(x=mark.x[inside], y=mark.y[inside], colour=colour)
        if hidden:
            count = sum(len(mark.x) for mark in made) + hidden
            notes.append(f"{hidden} of {count} points are outside of the plot")
        made = [mark for mark in made if len(mark.x)]
    limits = panel.limits
    if limits is not None:
        y = np.concatenate([mark.y for mark in made])
        limits = min(limits[0], float(y.min())), max(limits[1], float(y.max()))
    return panel._replace(marks=[*panel.marks, *made], limits=limits)


def _within(values: Vector, ends: Vector) -> Vector:
    found: Vector = (values >= ends.min()) & (values <= ends.max())
    return found


def _marks(panel: Panel, points: Scattered) -> list[Points]:
    names = list(points.columns)
    across = panel.x_label if panel.x_label in names else None
    up = panel.y_label if panel.y_label in names and panel.y_label != across else None
    rest = [name for name in names if name not in {across, up}]
    across = across or rest.pop(0)
    up = up or rest.pop(0)
    x, y = points.columns[across], points.columns[up]
    if not rest:
        return [Points(x, y, points.path)]
    (colour,) = rest
    return coloured(
        x, y, points.columns[colour], points.headings[colour], points.texts.get(colour, ())
    )


def coloured(
    x: Vector, y: Vector, colour: Vector, label: str, texts: Sequence[str] = ()
) -> list[Points]:
    """Return points of a kind for each of a few numbers, or of colours along a scale for many."""
    kinds = np.unique(colour)
    if len(kinds) > CLASSES:
        return [Points(x, y, label, colour=colour)]
    found = []
    for kind in kinds.tolist():
        own = colour == kind
        text = texts[int(kind)] if texts else number_text(kind)
        found.append(Points(x[own], y[own], f"{label} = {text}"))
    return found
