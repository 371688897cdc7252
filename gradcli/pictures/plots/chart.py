"""What a plot shows, before anybody draws it: panels of lines, points, bands, fields and arrows.

`figure` draws a chart with matplotlib and `characters` with plain characters. All texts are as the
user typed them; whoever draws makes them harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    """The way from a start to an end."""

    x: Vector
    y: Vector
    z: Vector | None = None
    """The height of each point over a field, for a way on its surface."""


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
    import numpy as np

    found = values[np.isfinite(values) & (values != 0)]
    return bool(found.size and found.min() > 0 and found.max() > 10.0**DECADES * found.min())


def positive(values: Vector) -> Vector:
    """Return the numbers with nan for those that a logarithmic scale cannot show."""
    import numpy as np

    shown: Vector = np.where(values > 0, values, np.nan)
    return shown
