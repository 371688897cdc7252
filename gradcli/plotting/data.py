"""The rows of files in charts: a formula over them, and the points of a file over a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.input import shown
from gradcli.errors import FileError, UsageError, listed
from gradcli.formula import parse
from gradcli.graph.literals import number_text
from gradcli.graph.shapes import ROWS
from gradcli.pictures.plots.chart import CLASSES, Chart, Field, Line, Panel, Points, Trail
from gradcli.plotting.curves import check_curves
from gradcli.plotting.curves import curves as curves_of
from gradcli.programs import interpreter
from gradcli.records import NamedTuple
from gradcli.rows.reductions import is_rowwise
from gradcli.tables.ranges import Range
from gradcli.tables.rows import RowTable
from gradcli.values import checked, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.formula import Formula
    from gradcli.pictures.plots.chart import Vector
    from gradcli.plotting.curves import Function
    from gradcli.tables.formula import RowFormula
    from gradcli.tables.uncertain import RowErrors

ROWS_SHOWN = 20_000
"""Rows that are drawn; of more than twice as many each second one, or each fourth, and so on."""
CURVE = 1001
"""Points at which the curve through the rows is computed."""


class Against(NamedTuple):
    """What the rows are drawn against: a column, or a formula of columns."""

    label: str
    formula: Formula
    values: Mapping[str, Any]
    column: str | None
    """Its name if it is a column as it stands."""

    @classmethod
    def read(cls, text: str, over: RowFormula, values: Mapping[str, Any]) -> Against:
        """Return the formula of a text over the same rows as another.

        Raises UsageError for one that has no number in each row, by that row alone.
        """
        count: Any = ROWS if over.held is None else len(next(iter(over.held.values())))
        shapes = {name: (count, *shape) for name, shape in over.columns.items()}
        known = {name: shape_of(value, name) for name, value in values.items()}
        formula = parse(text, {**known, **shapes})
        own = {n: s for n, s in over.columns.items() if n in formula.free_names}
        if formula.shape != (count,) or not own:
            message = "--x needs one number in each row of the data"
            raise UsageError(message, hint="--x NAME is a column")
        if over.held is None and not is_rowwise(formula.graph, formula.id):
            message = "--x is worked out row by row, and this formula needs all rows at once"
            raise UsageError(message, hint="--x NAME is a column")
        column = text.strip() if text.strip() in own else None
        return cls(text, formula, checked(formula, values, formula.origin, own), column)

    def at(self, columns: Mapping[str, Any]) -> Vector:
        """Return x in some rows; nan where there is none."""
        nodes = self.formula.graph.reachable([self.formula.id])
        values = {**self.values, **columns}
        found = interpreter.run(self.formula.graph, nodes, values, ieee=True)
        x: Vector = np.asarray(found.numbers[self.formula.id], dtype=np.float64)
        return np.where(np.isfinite(x), x, np.nan)


def chart(
    formula: RowFormula,
    wrt: Sequence[str] = (),
    against: Against | None = None,
    curves: Sequence[Function] = (),
    *,
    errors: RowErrors | None = None,
    allow_nonfinite: bool = False,
    log_x: bool = False,
) -> Chart:
    """Return the plot of value and derivatives in each row, with curves among the values.

    The rows are drawn `against` something, else against the only column or their numbers. A curve
    is a formula of the column that they are drawn against, over its range. Raises UsageError for a
    formula that has no number in each row, and for curves where there is no such column.
    """
    if not formula.per_row:
        message = "--plot needs a value in each row of the data, and the formula has one for all"
        raise UsageError(message, hint="leave out the sum or mean")
    if formula.entry:
        message = f"--plot needs a number in each row, and the formula has shape {formula.entry}"
        raise UsageError(message, hint="take its sum, mean or norm with axis=1, or one entry")
    names = list(formula.columns)
    own = [name for name in names if name in formula.formula.free_names]
    single = against is None and len(own) == 1 and not formula.columns[own[0]]
    column = against.column if against is not None else own[0] if single else None
    if curves and column is None:
        message = "--with is a curve over a column, and the rows are not drawn against one"
        how = "add" if against is None else "write"
        raise UsageError(message, hint=f"{how} --x {own[0]}")
    blocks: list[list[Vector]] = []
    stride, first, lost = 1, 0, 0
    by = wrt if errors is None else errors.names
    computed = RowTable(formula, by, allow_nonfinite=allow_nonfinite).blocks()
    if errors is not None:
        from gradcli.tables.uncertain import with_errors

        computed = with_errors(computed, errors._replace(second=False), names)
    for block in computed:
        count = len(block.value)
        if against is not None:
            x = against.at(dict(zip(names, block.inputs, strict=True)))
            lost += int(np.isnan(x).sum())
        else:
            x = (
                block.inputs[names.index(own[0])]
                if single
                else np.arange(first + 1.0, first + count + 1)
            )
        chosen = slice(-first % stride, None, stride)
        blocks.append([np.array(part[chosen]) for part in (x, block.value, *block.slopes)])
        first += count
        while sum(len(part[0]) for part in blocks) > 2 * ROWS_SHOWN:
            blocks = [[np.concatenate(part)[::2] for part in zip(*blocks, strict=True)]]
            stride *= 2
    x, *columns = [np.concatenate(part) for part in zip(*blocks, strict=True)]
    title = formula.formula.source
    notes = [f"the plot shows one of each {stride} rows of the data"] if stride > 1 else []
    if lost:
        notes.append(f"--x has no value in {lost} of {first} rows")
    label = against.label if against is not None else own[0] if single else "row of the data"
    y_label = title.strip() if title.strip() in names else "value"
    counted = against is None and not single
    error = None if errors is None else columns.pop()
    bars = "" if errors is None else "value ± standard error"
    panels = [
        Panel(label, each, [Points(x, y, bars, error)], counted=counted)
        for each, y in zip([y_label, *[f"∂f/∂{n}" for n in wrt]], columns, strict=True)
    ]
    if curves and column is not None:
        drawn = _lines(curves, column, x, notes, log_x=log_x)
        points = Points(x, columns[0], bars or "data", error)
        panels[0] = panels[0]._replace(marks=[points, *drawn])
    return Chart(title, panels, stacked=True, notes=notes)


def _lines(
    curves: Sequence[Function], name: str, x: Vector, notes: list[str], *, log_x: bool
) -> list[Line]:
    """Return curves over the range of the rows, evenly sampled along the axis."""
    check_curves(len(curves), "draw them in several plots")
    shown = x[x > 0] if log_x else x[np.isfinite(x)]
    if not shown.size or shown.min() == shown.max():
        message = f"--with is drawn over the range of {name}, and all rows have the same {name}"
        raise UsageError(message, hint="leave out --with")
    ends = float(shown.min()), float(shown.max())
    points = (np.geomspace if log_x else np.linspace)(*ends, CURVE)
    lines = []
    for function in curves:
        found = curves_of(function._replace(ranges={name: Range.through(points)}))
        notes += found.notes
        lines.append(Line(*found.lines[0], function.formula.source))
    return lines


# ---------------------------------------------------------------- points over a chart


class ScatterPoints(NamedTuple):
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
        raise FileError(message, hint=f"keep three of its columns: {listed(names)}")


def takes_points(chart: Chart) -> bool:
    """Return whether a chart has a contour or a curve for points to lie over."""
    return bool(_panels_for_points(chart))


def _panels_for_points(chart: Chart) -> list[Panel]:
    contours = [p for p in chart.panels if any(isinstance(m, Field | Trail) for m in p.marks)]
    return contours or [panel for panel in chart.panels[:1] if not panel.counted]


def with_points(chart: Chart, points: ScatterPoints) -> Chart:
    """Return the chart with the points over its contour, or else over its first curve.

    A column that has the name of an axis belongs to it; the others follow in their order.
    """
    panels_for_points = _panels_for_points(chart)
    notes = list(chart.notes)
    panels = [
        _over(panel, points, notes) if any(panel is one for one in panels_for_points) else panel
        for panel in chart.panels
    ]
    return chart._replace(panels=panels, notes=notes)


def _over(panel: Panel, points: ScatterPoints, notes: list[str]) -> Panel:
    """Return the panel with the points; a contour ends where it did, and hides what is beyond."""
    made = _marks(panel, points)
    field = panel.field
    if field is not None:
        hidden = 0
        for index, mark in enumerate(made):
            inside = _within(mark.x, field.x) & _within(mark.y, field.y)
            hidden += int((~inside).sum())
            colour = None if mark.colour is None else mark.colour[inside]
            made[index] = mark._replace(x=mark.x[inside], y=mark.y[inside], colour=colour)
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


def _marks(panel: Panel, points: ScatterPoints) -> list[Points]:
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
