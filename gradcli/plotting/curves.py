"""A formula and its derivatives along a range, as curves that are broken at jumps and poles.

Of a range with many points a curve keeps, for each piece that is too narrow to be seen, its first,
last, lowest and highest point, so that nothing that could be seen is lost.

To find a jump, an interval whose ends differ much is halved again and again, always into the half
with the larger difference. For a continuous function that difference goes to 0; where at least half
of it is left between neighbouring doubles, or a point without a value is met, the curve is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError, UsageError
from gradcli.graph.literals import number_text
from gradcli.pictures.plots.chart import CURVES
from gradcli.records import NamedTuple
from gradcli.tables.ranges import BLOCK, Range, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.formula import Formula
    from gradcli.pictures.plots.chart import Vector
    from gradcli.tables.uncertain import RowErrors

    Evaluate = Callable[[Vector], Vector]
    """The values at some points; nan where there is none."""

PIECES = 2000
"""Pieces into which a long curve is divided, about one for each pixel across a screen."""


class Function(NamedTuple):
    """A formula, the values of its names, the ranges of others, and what is to be shown of it."""

    formula: Formula
    values: Mapping[str, Any]
    ranges: Mapping[str, Range]
    wrt: Sequence[str] = ()
    allow_nonfinite: bool = False
    errors: RowErrors | None = None
    """The uncertain numbers among its values, whose errors make a band."""
    prefix: str = ""
    """Which line of several it is, for messages."""

    def table(self, ranges: Mapping[str, Range]) -> Table:
        """Return its table over ranges, in which nan stands for what does not exist."""
        nonfinite = self.allow_nonfinite
        return Table(
            self.formula,
            self.values,
            ranges,
            self.wrt,
            allow_nonfinite=nonfinite,
            gaps=True,
            certain=False,
        )

    def columns(self, points: Vector) -> list[Vector]:
        """Return value and derivatives at points of its one range; nan where there is none."""
        (name,) = self.ranges
        blocks = self.table({name: Range.through(points)}).blocks()
        return joined([[block.value, *block.slopes] for block in blocks])

    def error(self, points: Vector) -> Vector | None:
        """Return the standard error of the value at points of its one range; None without any."""
        if self.errors is None:
            return None
        from gradcli.tables.uncertain import with_errors

        (name,) = self.ranges
        known = self.errors._replace(second=False)
        table = self._replace(wrt=known.names).table({name: Range.through(points)})
        blocks = with_errors(table.blocks(), known, [name])
        return joined([block.slopes for block in blocks])[0]

    def kinks(self, table: Table) -> list[str]:
        """Return what is to be said about derivatives that are one-sided somewhere in a table."""
        return [self.prefix + sentence for sentence in list(table.kinks)[:5]]

    def no_value(self) -> MathematicsError:
        """Return the error for a formula that has no value at any point: that of the first."""
        start = {name: float(r.at(np.array([0]))[0]) for name, r in self.ranges.items()}
        try:
            self.formula.at_values({**self.values, **start})
        except MathematicsError as error:
            error.message = f"{self.prefix}no point of the range has a value: {error.message}"
            return error
        return MathematicsError(f"{self.prefix}no point of the range has a finite value")


def joined(blocks: Sequence[Sequence[Vector]]) -> list[Vector]:
    """Return whole columns from those of blocks."""
    return [np.concatenate(column) for column in zip(*blocks, strict=True)]


class Curves(NamedTuple):
    """The value of a formula and its derivatives along a range."""

    lines: list[tuple[Vector, Vector]]
    limits: list[tuple[float, float] | None]
    notes: list[str]


def curves(function: Function) -> Curves:
    """Return the curves of a formula and its derivatives, broken where it is."""
    x, columns, missing, notes = _sampled(function)
    lines, limits = [], []
    (name,) = function.ranges
    for index, (points, y) in enumerate(zip(x, columns, strict=True)):

        def evaluate(at: Vector, index: int = index) -> Vector:
            found = function.columns(at)[index]
            return np.where(np.isfinite(found), found, np.nan)

        title = (
            "the formula"
            if index == 0
            else f"its derivative with respect to {function.wrt[index - 1]}"
        )
        if missing[index].gaps:
            notes.append(function.prefix + missing[index].sentence(title, name))
        cut = limits_at_pole(points, y, evaluate)
        if cut is not None:
            notes.append(f"{function.prefix}{title} has a pole; its axis is cut at {both(cut)}")
        limits.append(cut)
        lines.append(with_gaps(points, y, broken(points, y, evaluate)))
    return Curves(lines, limits, notes)


class Missing(NamedTuple):
    """The points at which there is no value."""

    gaps: int
    of: int
    first: float

    def sentence(self, title: str, name: str) -> str:
        """Return what is to be said about them."""
        at = number_text(float(f"{self.first:.12g}"))
        if self.gaps == 1:
            return f"{title} has no value at {name} = {at}: a gap in the plot"
        return (
            f"{title} has no value at {self.gaps} of {self.of} points, "
            f"the first at {name} = {at}: gaps in the plot"
        )


class Samples(NamedTuple):
    """The points of each curve, those without a value, and what is to be said of kinks."""

    x: list[Vector]
    y: list[Vector]
    missing: list[Missing]
    kinks: list[str]


def _sampled(function: Function) -> Samples:
    """Return the points of each curve, thinned where they are many.

    Raises MathematicsError when the formula has a value nowhere.
    """
    (points,) = function.ranges.values()
    size = min(-(-points.length // PIECES), BLOCK)
    kept_x: list[list[Vector]] = [[] for _ in range(1 + len(function.wrt))]
    kept_y: list[list[Vector]] = [[] for _ in kept_x]
    missing = [Missing(0, points.length, 0.0) for _ in kept_x]
    table = function.table(function.ranges)
    for block in table.blocks():
        x = np.asarray(block.inputs[0], dtype=np.float64)
        for index, column in enumerate((block.value, *block.slopes)):
            gaps = np.flatnonzero(~np.isfinite(column))
            y = np.where(np.isfinite(column), column, np.nan)
            if gaps.size:
                count, of, first = missing[index]
                missing[index] = Missing(
                    count + gaps.size, of, first if count else float(x[gaps[0]])
                )
            indices = outline(y, size)
            kept_x[index].append(x[indices])
            kept_y[index].append(y[indices])
    if missing[0].gaps == points.length:
        raise function.no_value()
    return Samples(
        [np.concatenate(parts) for parts in kept_x],
        [np.concatenate(parts) for parts in kept_y],
        missing,
        function.kinks(table),
    )


def outline(y: Vector, size: int) -> Vector:
    """Return the indices of the points to keep: of each `size`, both ends, lowest and highest.

    The first gap among them is kept as well.
    """
    if size <= 4:
        return np.arange(len(y))
    count = -(-len(y) // size)
    pieces = np.pad(y, (0, count * size - len(y)), "edge").reshape(count, size)
    gaps = np.isnan(pieces)
    starts = np.arange(count) * size
    found = [
        starts,
        starts + np.where(gaps, np.inf, pieces).argmin(axis=1),
        starts + np.where(gaps, -np.inf, pieces).argmax(axis=1),
        starts + gaps.argmax(axis=1),
        np.minimum(starts + size, len(y)) - 1,
    ]
    return np.unique(np.concatenate(found))


HALVINGS = 1100
"""From the widest interval of doubles to neighbouring ones, the smallest doubles included."""
CENTRAL = (0.05, 0.95)
"""The quantiles between which a curve with a pole is sure to be shown."""
SEEN = 1e-3
"""The least jump that breaks a curve, as a share of its height; smaller ones may be rounding."""
FAR = 4
"""An axis is cut at a pole when it is longer than this many times the central part."""
GROWTH = 1e4
"""Values near a pole exceed the largest sample by at least this factor."""


def broken(x: Vector, y: Vector, evaluate: Evaluate) -> Vector:
    """Return the indices i such that the curve is broken between x[i] and x[i + 1]."""
    with np.errstate(invalid="ignore", over="ignore"):
        jumps = np.abs(np.diff(y))
    jumps[~np.isfinite(jumps)] = 0
    around = np.concatenate([[0], jumps, [0]])
    indices = np.flatnonzero(
        (jumps > SEEN * _height(y)) & (jumps >= around[:-2]) & (jumps >= around[2:])
    )
    left, right = x[indices], x[indices + 1]
    at_left, at_right = y[indices], y[indices + 1]
    enough = jumps[indices] / 2
    found: list[int] = []
    for _ in range(HALVINGS):
        if not indices.size:
            break
        middle = left + (right - left) / 2
        at_middle = evaluate(middle)
        with np.errstate(over="ignore"):
            goes_left = np.abs(at_middle - at_left) >= np.abs(at_right - at_middle)
            ends = (middle == left) | (middle == right) | ~np.isfinite(at_middle)
            found += indices[ends].tolist()
            left, at_left = np.where(goes_left, (left, at_left), (middle, at_middle))
            right, at_right = np.where(goes_left, (middle, at_middle), (right, at_right))
            going = ~ends & (np.abs(at_right - at_left) >= enough)
        indices, enough, left, right, at_left, at_right = [
            array[going] for array in (indices, enough, left, right, at_left, at_right)
        ]
    return np.array(sorted(found), dtype=np.intp)


def _height(y: Vector) -> float:
    """Return how high the central part of a curve is; of one with a few large steps, all of it."""
    finite = y[np.isfinite(y)]
    if not finite.size:
        return 0.0
    low, high = np.quantile(finite / 2, CENTRAL).tolist()  # the difference must not overflow
    return 2 * (high - low) or float(np.ptp(finite))


def with_gaps(x: Vector, y: Vector, indices: Vector) -> tuple[Vector, Vector]:
    """Return the curve with a nan in the middle of each interval where it is broken."""
    middle = x[indices] + (x[indices + 1] - x[indices]) / 2
    return np.insert(x, indices + 1, middle), np.insert(y, indices + 1, np.nan)


def limits_at_pole(x: Vector, y: Vector, evaluate: Evaluate) -> tuple[float, float] | None:
    """Return where to cut the axis of a curve that goes to infinity; None to show all of it.

    It is cut only where a pole makes the axis more than four times as long as the central 90 % of
    the values need.
    """
    finite = y[np.isfinite(y)]
    if finite.size < 3:
        return None
    low, high = np.quantile(finite, CENTRAL).tolist()
    cut = ends_around(finite, low, high)
    return None if cut is None or not _has_pole(x, y, evaluate) else cut


def ends_around(values: Vector, low: float, high: float) -> tuple[float, float] | None:
    """Return where to cut an axis of values that go far beyond a range; None where they do not."""
    if not is_far(values, low, high):
        return None
    room = (high - low) / 2
    return max(low - room, float(values.min())), min(high + room, float(values.max()))


def is_far(values: Vector, low: float, high: float) -> bool:
    """Return whether finite values go far beyond a range, their central part."""
    with np.errstate(over="ignore"):
        return bool(np.ptp(values) > FAR * (high - low) > 0)


def check_curves(count: int, hint: str) -> None:
    """Raise UsageError for more curves than one plot can distinguish; the hint is what to do."""
    if count > CURVES:
        message = f"one plot tells {CURVES} curves apart, and there are {count}"
        raise UsageError(message, hint=hint)


def both(ends: tuple[float, float]) -> str:
    """Return the two ends at which something is cut, for a note."""
    return " and ".join(number_text(float(f"{end:.3g}")) for end in ends)


def _has_pole(x: Vector, y: Vector, evaluate: Evaluate) -> bool:
    """Return whether the values grow without limit near the largest one."""
    index = int(np.nanargmax(np.abs(y)))
    largest = abs(float(y[index]))
    low, high = x[max(index - 1, 0)], x[min(index + 1, len(x) - 1)]
    for _ in range(60):
        points = np.linspace(low, high, 9)
        values = np.abs(evaluate(points))
        if np.isnan(values).any() or values.max() > GROWTH * largest:
            return True
        top = int(np.argmax(values))
        low, high = points[max(top - 1, 0)], points[min(top + 1, 8)]
    return False
