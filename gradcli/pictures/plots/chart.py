"""What a plot shows, before anybody draws it: panels of lines, points, bands, fields and arrows.

`figure` draws a chart with matplotlib and `characters` with plain characters. All texts are as the
user typed them; whoever draws makes them harmless. Both have its
axes and their round numbers.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.literals import number_text
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[Any]


CURVES = 32
"""How many curves are distinguished, by style and colour or by their characters."""
CLASSES = 6
"""How many kinds of points are distinguished, by colour and shape or by their characters."""
DECADES = 2
"""Positive numbers that span more powers of ten than this are shown on a logarithmic scale."""


class Line(NamedTuple):
    """A curve through points in order; nan is a gap."""

    x: Vector
    y: Vector
    label: str = ""


class Points(NamedTuple):
    """Single points, each perhaps with an error to both sides, or a number that colours it."""

    x: Vector
    y: Vector
    label: str = ""
    error: Vector | None = None
    colour: Vector | None = None


class Band(NamedTuple):
    """The area between two curves; nan is a gap."""

    x: Vector
    low: Vector
    high: Vector
    label: str = ""


class Field(NamedTuple):
    """A number at each point of a grid: z[j, i] at x[i], y[j]; nan where there is none."""

    x: Vector
    y: Vector
    z: Vector
    label: str = ""
    log: bool = False
    limits: tuple[float, float] | None = None
    """The values between which levels are chosen; None for all."""
    marked: Sequence[float] = ()
    """The values whose places are marked by lines, as boundaries are."""


class Arrows(NamedTuple):
    """Directions at points, which end at u, v away from where they begin."""

    x: Vector
    y: Vector
    u: Vector
    v: Vector
    label: str = ""


class Trail(NamedTuple):
    """The trajectory of a run, from its start to its end."""

    x: Vector
    y: Vector
    z: Vector | None = None
    """The height of each point over a field, for a trajectory on its surface."""


Mark = Line | Points | Band | Field | Arrows | Trail


class Panel(NamedTuple):
    """A pair of axes and what is drawn in them."""

    x_label: str
    y_label: str
    marks: Sequence[Mark]
    log: bool = False
    """Whether y has a logarithmic scale."""
    limits: tuple[float, float] | None = None
    """The ends of the axis of y; None for those of the numbers."""
    counted: bool = False
    """Whether x counts something, and so has only whole numbers."""
    height: float = 1.0
    """How high it is, against the others above and below it."""
    log_x: bool = False
    """Whether x has a logarithmic scale."""
    surface: bool = False
    """Whether its field is drawn as a surface in three dimensions."""

    @property
    def field(self) -> Field | None:
        """The field that fills the panel, if there is one."""
        return next((mark for mark in self.marks if isinstance(mark, Field)), None)


class Chart(NamedTuple):
    """One or more panels under a title."""

    title: str
    panels: Sequence[Panel]
    stacked: bool = False
    """Whether the panels stand above each other and share x."""
    notes: Sequence[str] = ()
    """What a reader should know about it, in sentences."""
    size: tuple[float, float] | None = None
    """Width and height: inches of a picture, columns and rows of characters; None for the usual."""


def is_wide(values: Vector) -> bool:
    """Return whether a logarithmic scale helps: the numbers span more than two powers of ten.

    None may be negative. Zeros do not count, and have no place on such a scale; see `positive`.
    """
    found = values[np.isfinite(values) & (values != 0)]
    return bool(found.size and found.min() > 0 and found.max() > 10.0**DECADES * found.min())


def positive(values: Vector) -> Vector:
    """Return the numbers with nan for those that a logarithmic scale cannot show."""
    shown: Vector = np.where(values > 0, values, np.nan)
    return shown


# ---------------------------------------------------------------- axes

MOST_TICKS = 100
"""Up to so many round numbers are tried to have two of them on a short logarithmic axis."""


class Axis(NamedTuple):
    """The numbers at both ends of an axis, exponents of ten on a logarithmic one."""

    low: float
    high: float
    log: bool = False

    def positions(self, values: Vector, length: int) -> Vector:
        """Return where values are, from 0 to length - 1; nan for those outside the axis."""
        with np.errstate(all="ignore"):
            scaled = np.log10(positive(values)) if self.log else values
            # Halves first: the difference of the ends may be too large for a double.
            share = (scaled / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
            found: Vector = share * (length - 1)
        return found

    def labels(self, most: int) -> list[tuple[float, str]]:
        """Return shares of the length from 0 to 1, and what stands there."""
        if self.log:
            found, texts = powers(self.low, self.high, most)
        else:
            found = ticks(self.low, self.high, most)
            step = found[1] - found[0] if len(found) > 1 else abs(found[0]) if found else 1.0
            texts = [tick_text(value, step or 1.0) for value in found]
        size = (self.high - self.low) or 1.0
        return [((value - self.low) / size, text) for value, text in zip(found, texts, strict=True)]


def axes(panel: Panel) -> tuple[Axis, Axis]:
    """Return the axes that hold all marks."""
    xs: list[Vector] = []
    ys: list[Vector] = []
    for mark in panel.marks:
        xs.append(np.ravel(mark.x))
        if isinstance(mark, Band):
            ys += [mark.low, mark.high]
        elif isinstance(mark, Points) and mark.error is not None:
            ys += [mark.y - mark.error, mark.y + mark.error]
        else:
            ys.append(np.ravel(mark.y))
    across = _axis(np.concatenate(xs), log=panel.log_x)
    if panel.limits is not None and not panel.log:
        return across, Axis(*panel.limits)
    return across, _axis(np.concatenate(ys), log=panel.log)


def _axis(values: Vector, *, log: bool) -> Axis:
    if log:
        return _axis(np.log10(positive(values)), log=False)._replace(log=True)
    found = values[np.isfinite(values)]
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    if low == high:
        room = abs(low) / 2 or 1.0
        return Axis(low - room, high + room)
    return Axis(low, high)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten between two numbers, at most so many."""
    rough = (high - low) / max(most, 1)
    if not rough > 0 or math.isinf(rough):
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10, 20) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def decades(low: float, high: float, most: int) -> list[float]:
    """Return whole powers of ten between two exponents, as exponents."""
    found = ticks(low, high, most)
    if len(found) > 1 and found[1] - found[0] >= 1:
        return [float(round(tick)) for tick in found]
    return [float(power) for power in range(math.ceil(low), math.floor(high) + 1)]


def powers(low: float, high: float, most: int) -> tuple[list[float], list[str]]:
    """Return round numbers on a logarithmic axis between two exponents: exponents and texts.

    They are powers of ten, on a short axis multiples of them by 2 and 5, and on a shorter one the
    round numbers of a linear axis.
    """
    found = decades(low, high, most)
    if len(found) > 1:
        return found, [f"1e{int(exponent)}" for exponent in found]
    tens = range(math.floor(low), math.floor(high) + 1)
    values = [float(f"{digit}e{power}") for power in tens for digit in (1, 2, 5)]
    values = [value for value in values if value > 0 and low <= math.log10(value) <= high]
    while len(values) < 2 and most < MOST_TICKS:
        most *= 2
        values = [tick for tick in ticks(10.0**low, 10.0**high, most) if tick > 0]
    step = min([b - a for a, b in pairwise(values)], default=values[0] if values else 1.0)
    return [math.log10(value) for value in values], [tick_text(value, step) for value in values]


def tick_text(value: float, step: float) -> str:
    """Return a tick as short as its distance to the next one allows."""
    if value == 0 or abs(value) < 1e-9 * step:
        return "0"
    digits = max(1, 1 + math.floor(math.log10(abs(value))) - math.floor(math.log10(step)))
    return number_text(float(f"{value:.{min(digits + 1, 15)}g}"))
