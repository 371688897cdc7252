"""A chart drawn with characters: Braille dots and blocks where they can be shown, else ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.errors import columns
from gradcli.pictures.plots.axis import Axis, axes
from gradcli.pictures.plots.canvas import PATTERNS, Canvas, Style, shortened
from gradcli.pictures.plots.chart import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.pictures.plots.chart import Chart, Panel

ROWS = 20
"""Lines of a single panel, and of each of several."""
SMALLER = 14


def lines(chart: Chart, style: Style) -> Iterator[str]:
    """Yield the lines of a chart, none wider than `style.width`."""
    rows = None
    if chart.size is not None:
        width, rows = map(int, chart.size)
        style = style._replace(width=width)
    title = shortened(chart.title, style.width)
    yield " " * ((style.width - columns(title)) // 2) + title
    rows = rows or (ROWS if len(chart.panels) == 1 else SMALLER)
    heights = [max(2, round(rows * panel.height)) for panel in chart.panels]
    margins = [
        min(_widest(axes(panel)[1], height) + 1, style.width // 2)
        for panel, height in zip(chart.panels, heights, strict=True)
    ]
    if chart.stacked:
        margins = [max(margins)] * len(margins)
    across = [axes(panel)[0] for panel in chart.panels]
    if chart.stacked:
        low, high = min(axis.low for axis in across), max(axis.high for axis in across)
        across = [axis._replace(low=low, high=high) for axis in across]
    for number, panel in enumerate(chart.panels):
        if number:
            yield ""
        for line in _panel(panel, across[number], heights[number], margins[number], style):
            yield line.rstrip()


def _labels(axis: Axis, rows: int) -> list[tuple[float, str]]:
    return axis.labels(max(2, rows // 4))


def _widest(axis: Axis, rows: int) -> int:
    return max([len(text) for _, text in _labels(axis, rows)], default=0)


def _panel(panel: Panel, x_axis: Axis, rows: int, margin: int, style: Style) -> Iterator[str]:
    if sum(isinstance(mark, Line) for mark in panel.marks) > len(PATTERNS):
        style = style._replace(unicode=False)
    _, y_axis = axes(panel)
    labels = _labels(y_axis, rows)
    canvas = Canvas(max(8, style.width - margin - 1), rows, style, x_axis, y_axis)
    key = canvas.draw(panel)
    beside = {round((1 - share) * (rows - 1)): text for share, text in labels}
    bar, corner, dash = ("│", "└", "─") if style.unicode else ("|", "+", "-")
    yield shortened(panel.y_label, style.width)
    for row, text in enumerate(canvas.rows()):
        tick = beside.get(row, "")[: margin - 1].rjust(margin - 1)
        mark = ("┤" if style.unicode else "+") if row in beside else bar
        yield f"{tick} {mark}{text}".rstrip()
    yield " " * margin + corner + dash * canvas.columns
    yield _below(x_axis, margin + 1, canvas.columns)
    name = shortened(panel.x_label, canvas.columns)
    yield " " * (margin + 1 + (canvas.columns - columns(name)) // 2) + name
    yield from key


def _below(axis: Axis, start: int, length: int) -> str:
    """Return the numbers below an axis, each under its place, none touching the one before."""
    line = ""
    for share, text in axis.labels(max(2, length // 10)):
        place = start + round(share * (length - 1)) - len(text) // 2
        place = min(place, start + length - len(text))
        if place > len(line) or not line:
            line = line.ljust(max(0, place)) + text
    return line[: start + length]
