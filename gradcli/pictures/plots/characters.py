"""A chart drawn with characters: Braille dots and blocks where they can be shown, else ASCII.

A Braille character has two by four dots, so that lines are fine; their patterns distinguish them,
and colours only where they are wanted. In ASCII each curve has a character of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import columns
from gradcli.pictures.graph.words import fit
from gradcli.pictures.plots.chart import (
    Arrows,
    Axis,
    Band,
    Field,
    Line,
    Points,
    Trail,
    axes,
    positive,
)
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.pictures.plots.chart import Axis, Chart, Panel, Vector

BRAILLE = 0x2800
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bits of the dots in a Braille character, by row and column."""
PATTERNS = ("1", "11110000", "1100", "1111100100", "100000", "1111111111000", "1010000")
"""Which dots along a curve are set: solid, dashed, dotted, dash and dot, and rarer ones."""
LETTERS = "*+ox#@%&abcdefghijklmnpqrstuvwyz"
"""The characters of curves in ASCII, as many as there can be."""
KINDS = {True: "•○×◆△+", False: "oX+#%@"}
"""The characters of kinds of points, where such can be shown and in ASCII."""
BOUNDARIES = "=~&*"
"""The characters of lines where a field has a value, none of them a shade or a kind."""
LEVELS = "0123456789"
"""Low to high, of points that a number colours."""
SHADES = {True: " ░▒▓█", False: " .:+#"}
"""Low to high, where blocks can be shown and in ASCII."""
COLOURS = (34, 33, 32, 35, 36, 31)
"""Terminal colours of curves: blue, yellow, green, magenta, cyan, red."""


class Style(NamedTuple):
    """How wide, with which characters and whether with colours."""

    width: int = 80
    unicode: bool = True
    colored: bool = False


def shortened(text: str, room: int) -> str:
    """Return a text that is harmless and takes at most so many columns."""
    found = fit(text, room)
    while columns(found) > room:
        found = found[:-2] + "…"
    return found


def wrapped(words: Sequence[str], room: int) -> list[str]:
    """Return lines of whole words that take at most so many columns, longer words cut."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word[:room]
    return lines


class Canvas:
    """Characters in rows and columns, on which marks are drawn."""

    def __init__(self, across: int, rows: int, style: Style, x_axis: Axis, y_axis: Axis) -> None:
        self.columns = across
        self._rows = rows
        self._style = style
        self._x, self._y = x_axis, y_axis
        self._across, self._up = (2, 4) if style.unicode else (1, 1)
        shape = (rows, across)
        self._text = np.full(shape, " ", dtype="<U1")
        self._colour = np.zeros(shape, dtype=np.int64)
        self._bits = np.zeros(shape, dtype=np.int64)

    def rows(self) -> Iterator[str]:
        """Yield the rows as text, with colours where they are wanted."""
        for text, colours in zip(self._text.tolist(), self._colour.tolist(), strict=True):
            line, last = "", 0
            for character, colour in zip(text, colours, strict=True):
                if self._style.colored and colour != last:
                    line += f"\x1b[{colour}m"
                    last = colour
                line += character
            yield line + ("\x1b[0m" if last else "")

    def draw(self, panel: Panel) -> list[str]:
        """Draw the marks, and return what stands below the panel to explain them."""
        key: list[str] = []
        number = kind = 0
        for mark in sorted(panel.marks, key=lambda mark: isinstance(mark, Points)):
            if isinstance(mark, Field):
                key += self._field(mark)
            elif isinstance(mark, Line):
                sample = self._line(mark, number)
                number += 1
                if mark.label:
                    key.append(f"  {sample} {self._cut(mark.label)}")
            elif isinstance(mark, Points):
                key += self._points(mark, kind)
                kind += 1
            elif isinstance(mark, Band):
                for edge in (mark.low, mark.high):
                    self._curve(mark.x, edge, "." if not self._style.unicode else "10", 36)
                sample = "⠁⠁" if self._style.unicode else "."
                if mark.label:
                    key.append(f"  {sample} {self._cut(mark.label)}")
            elif isinstance(mark, Arrows):
                self._arrows(mark)
                key.append(shortened(f"  arrows: {mark.label}", self._style.width))
            elif isinstance(mark, Trail):
                key.append(self._trail(mark))
        return key

    def _cut(self, text: str) -> str:
        """Return a text that fits beside a sample of its curve."""
        return shortened(text, self._style.width - 14)

    # ------------------------------------------------------------ marks

    def _line(self, mark: Line, number: int) -> str:
        """Draw a curve, and return a sample of it."""
        colour = COLOURS[number % len(COLOURS)]
        if not self._style.unicode:
            letter = LETTERS[number % len(LETTERS)]
            self._curve(mark.x, mark.y, letter, colour)
            return letter
        pattern = PATTERNS[number % len(PATTERNS)]
        self._curve(mark.x, mark.y, pattern, colour)
        dots = np.resize(np.array(list(pattern)) == "1", 20).reshape(10, 2)
        sample = "".join(chr(BRAILLE + int(bits)) for bits in dots @ DOTS[1])
        return f"\x1b[{colour}m{sample}\x1b[0m" if self._style.colored else sample

    def _curve(self, x: Vector, y: Vector, pattern: str, colour: int) -> None:
        """Draw a broken line: the pattern of its dots, or in ASCII its letter."""
        across, up = self.columns * self._across, self._rows * self._up
        at_x, at_y = self._x.positions(x, across), up - 1 - self._y.positions(y, up)
        dot_x, dot_y = _dots(at_x, at_y, up)
        if self._style.unicode:
            on = np.resize(np.array(list(pattern)) == "1", len(dot_x))
            dot_x, dot_y = dot_x[on], dot_y[on]
        row, column = dot_y // self._up, dot_x // self._across
        inside = (row >= 0) & (row < self._rows) & (column >= 0) & (column < self.columns)
        row, column = row[inside], column[inside]
        if self._style.unicode:
            bits = DOTS[dot_y[inside] % 4, dot_x[inside] % 2]
            self._bits[~np.isin(self._text, [chr(BRAILLE + b) for b in range(256)])] = 0
            np.bitwise_or.at(self._bits, (row, column), bits)
            self._text[row, column] = [chr(BRAILLE + b) for b in self._bits[row, column].tolist()]
        else:
            self._text[row, column] = pattern
        self._colour[row, column] = colour

    def _cells(self, x: Vector, y: Vector) -> tuple[Vector, Vector, Vector]:
        """Return row and column of points, and which of the points they are: those inside."""
        column = self._x.positions(x, self.columns)
        row = self._rows - 1 - self._y.positions(y, self._rows)
        indices = np.flatnonzero(np.isfinite(row) & np.isfinite(column))
        row, column = np.rint(row[indices]), np.rint(column[indices])
        inside = (row >= 0) & (row < self._rows) & (column >= 0) & (column < self.columns)
        return row[inside].astype(int), column[inside].astype(int), indices[inside]

    def _points(self, mark: Points, kind: int) -> list[str]:
        """Draw points, and return what their characters stand for."""
        if mark.colour is None:
            kinds = KINDS[self._style.unicode]
            character = kinds[kind % len(kinds)]
            if mark.error is not None:
                self._bars(mark, mark.error)
            self._put(mark.x, mark.y, character)
            label = self._cut(mark.label)
            return [f"  {character} {label}"] if mark.label else []
        low, high = float(mark.colour.min()), float(mark.colour.max())
        # Halves first: the difference of the ends may be too large for a double.
        share = (mark.colour / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
        level = np.rint(share * (len(LEVELS) - 1)).astype(int)
        row, column, indices = self._cells(mark.x, mark.y)
        self._text[row, column] = np.array(list(LEVELS))[level[indices]]
        self._colour[row, column] = 0
        label = self._cut(mark.label)
        return [f"  {LEVELS[0]} {low:.3g} … {LEVELS[-1]} {high:.3g}: {label}"]

    def _bars(self, mark: Points, error: Vector) -> None:
        """Draw the error of each point as a line up and down."""
        ends = np.stack([mark.y - error, mark.y + error, np.full(len(error), np.nan)], axis=1)
        self._curve(np.repeat(mark.x, 3), ends.ravel(), "1" if self._style.unicode else "|", 36)

    def _put(self, x: Vector, y: Vector, character: str, colour: int = 0) -> None:
        row, column, _ = self._cells(x, y)
        self._text[row, column] = character
        self._colour[row, column] = colour

    def _field(self, mark: Field) -> list[str]:
        """Fill the panel with shades, and return what each of them stands for."""
        if np.isnan(mark.z).all():
            self._text[:] = "?"
            return ["  ? no value"]
        shades = SHADES[self._style.unicode]
        z = np.log10(np.maximum(mark.z, np.nanmin(positive(mark.z)))) if mark.log else mark.z
        low, high = mark.limits or (float(np.nanmin(z)), float(np.nanmax(z)))
        across = np.rint(np.linspace(0, len(mark.x) - 1, self.columns)).astype(int)
        up = np.rint(np.linspace(0, len(mark.y) - 1, self._rows)).astype(int)
        if mark.x[0] > mark.x[-1]:
            across = across[::-1]
        if mark.y[0] < mark.y[-1]:
            up = up[::-1]
        shown = z[np.ix_(up, across)]
        with np.errstate(all="ignore"):
            share = (shown - low) / ((high - low) or 1.0)
        gaps = np.isnan(share)
        level = np.clip((np.where(gaps, 0, share) * len(shades)).astype(int), 0, len(shades) - 1)
        self._text = np.where(gaps, "?", np.array(list(shades))[level])
        marked = self._marked(mark, mark.z[np.ix_(up, across)])
        if low == high:
            return [f"  {10.0**low if mark.log else low:.3g} everywhere", *marked]
        ends = [low + (high - low) * k / len(shades) for k in range(len(shades) + 1)]
        texts = [f"{10.0**end if mark.log else end:.2g}" for end in ends]
        texts = [text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e") for text in texts]
        parts = [f"{text} [{shade}]" for text, shade in zip(texts, shades, strict=False)]
        found = wrapped([*parts, texts[-1]], self._style.width - 2)
        key = [f"  {line}" for line in found] + marked
        return [*key, "  ? no value"] if gaps.any() else key

    def _marked(self, mark: Field, shown: Vector) -> list[str]:
        """Draw lines between the characters below a value and those above, and explain them."""
        key = []
        for number, level in enumerate(mark.marked):
            above = shown >= level
            edge = np.zeros(above.shape, dtype=bool)
            edge[:, 1:] |= above[:, 1:] != above[:, :-1]
            edge[1:] |= above[1:] != above[:-1]
            letter = BOUNDARIES[number % len(BOUNDARIES)]
            self._text[edge & ~np.isnan(shown)] = letter
            self._colour[edge] = COLOURS[-1]
            key.append(f"  {letter} {self._cut(mark.label)} = {level:.6g}")
        return key

    def _arrows(self, mark: Arrows) -> None:
        eight = "→↗↑↖←↙↓↘" if self._style.unicode else ">/^\\<,v\\"
        span = (self._x.high - self._x.low) / self.columns / 2, (self._y.high - self._y.low)
        turn = np.arctan2(mark.v / (span[1] / self._rows), mark.u / span[0]) / (np.pi / 4)
        which = np.rint(turn).astype(int) % 8
        row, column, indices = self._cells(mark.x, mark.y)
        self._text[row, column] = np.array(list(eight))[which[indices]]

    def _trail(self, mark: Trail) -> str:
        self._curve(mark.x, mark.y, "1" if self._style.unicode else "o", COLOURS[-1])
        self._put(mark.x[:1], mark.y[:1], "S", COLOURS[-1])
        self._put(mark.x[-1:], mark.y[-1:], "E", COLOURS[-1])
        return shortened("  S start, E end of the steps", self._style.width)


def _dots(x: Vector, y: Vector, height: int) -> tuple[Vector, Vector]:
    """Return the dots of a broken line, in order, those above and below the panel left out."""
    single = np.isfinite(x) & np.isfinite(y)
    alone = single & ~np.append(single[1:], False) & ~np.append(False, single[:-1])
    whole = single[:-1] & single[1:]
    x0, x1, y0, y1 = x[:-1][whole], x[1:][whole], y[:-1][whole], y[1:][whole]
    # The parts of the way, from 0 to 1, between the upper and the lower edge of the panel.
    with np.errstate(all="ignore"):
        upper, lower = (-1 - y0) / (y1 - y0), (height - y0) / (y1 - y0)
    first = np.clip(np.nan_to_num(np.fmin(upper, lower), nan=0.0, posinf=1, neginf=0), 0, 1)
    last = np.clip(np.nan_to_num(np.fmax(upper, lower), nan=1.0, posinf=1, neginf=0), 0, 1)
    length = np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)) * (last - first)
    count = np.ceil(length).astype(np.int64) + 1
    which = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    share = first[which] + (last - first)[which] * step / np.maximum(count - 1, 1)[which]
    dot_x = np.rint(x0[which] + (x1 - x0)[which] * share).astype(np.int64)
    dot_y = np.rint(y0[which] + (y1 - y0)[which] * share).astype(np.int64)
    dot_x = np.append(dot_x, np.rint(x[alone]).astype(np.int64))
    dot_y = np.append(dot_y, np.rint(np.clip(y[alone], -9, height + 9)).astype(np.int64))
    again = (np.diff(dot_x) == 0) & (np.diff(dot_y) == 0)
    inside = (dot_y >= 0) & (dot_y < height)
    inside[1:] &= ~again
    return dot_x[inside], dot_y[inside]


ROWS = 20
"""Rows of characters of a single panel, and of each of several."""
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
    across, up = zip(*map(axes, chart.panels), strict=True)
    labels = [axis.labels(max(2, rows // 4)) for axis, rows in zip(up, heights, strict=True)]
    widest = [max([len(text) for _, text in each], default=0) for each in labels]
    margins = [min(width + 1, style.width // 2) for width in widest]
    if chart.stacked:
        margins = [max(margins)] * len(margins)
        low, high = min(axis.low for axis in across), max(axis.high for axis in across)
        across = tuple(axis._replace(low=low, high=high) for axis in across)
    for n, panel in enumerate(chart.panels):
        if n:
            yield ""
        shown = _panel(panel, across[n], up[n], labels[n], heights[n], margins[n], style)
        yield from map(str.rstrip, shown)


def _panel(
    panel: Panel,
    x_axis: Axis,
    y_axis: Axis,
    labels: Sequence[tuple[float, str]],
    rows: int,
    margin: int,
    style: Style,
) -> Iterator[str]:
    if sum(isinstance(mark, Line) for mark in panel.marks) > len(PATTERNS):
        style = style._replace(unicode=False)
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
        column = start + round(share * (length - 1)) - len(text) // 2
        column = min(column, start + length - len(text))
        if column > len(line) or not line:
            line = line.ljust(max(0, column)) + text
    return line[: start + length]
