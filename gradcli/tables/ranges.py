"""A formula over ranges of its names: a table, computed block by block.

Formulas of numbers run as NumPy programs over whole blocks, formulas with arrays point by point.
Everything is computed once before anything is passed on, so that a point without a value is an
error and never half a table; the memory needed is that of a block.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError, ShapeError
from gradcli.exact.decimals import ENOUGH
from gradcli.graph.literals import number_text
from gradcli.language.origin import where
from gradcli.limits import ELEMENTS
from gradcli.options import spelled
from gradcli.records import NamedTuple
from gradcli.values import names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from gradcli.formula import Formula
    from gradcli.point import Point
    from gradcli.tables.columns import Columns

EXACT = 2**53
"""Whole numbers up to here are doubles, so that their quotient is rounded once."""
SLACK = 1e-9
"""The last point is the stop of the range if it misses it by at most this part of a step."""
BLOCK = 65_536
"""Points that are computed together."""
FEW = 2_000
"""Up to so many steps of all points together it takes longer to import NumPy."""


class Numbers(list[float]):
    """A column of few numbers, with what is asked of an array of them."""

    ndim = 1

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self)

    def tolist(self) -> list[float]:
        """Return the numbers."""
        return self

    def __getitem__(self, key: Any) -> Any:
        """Return a number, or a part as a column."""
        found = super().__getitem__(key)
        return Numbers(found) if isinstance(found, list) else found


class Range(NamedTuple):
    """The values that a name takes, in order; computed when they are needed.

    They are (`first` + k `step`) / `unit` with whole numbers, each rounded once: the doubles
    nearest to the multiples of the step that were typed.
    """

    length: int
    start: float
    """The first value."""
    first: int = 0
    step: int = 0
    unit: int = 1
    stop: float | None = None
    """The last value where it is the stop of the range, which the last multiple misses by SLACK."""
    listed: Any = None
    """A NumPy array of the values, when they are listed one by one."""

    @classmethod
    def stepped(
        cls, name: str, start: Fraction, stop: Fraction, step: Fraction, *, is_exact: bool = True
    ) -> Range:
        """Return start, start + step, … up to stop, which is included when it is hit.

        Unless they are exact, a point that misses stop by a hair hits it. Raises NameValueError for
        a step of 0, one that leads away from stop, or too many points.
        """
        low, high = float(start), float(stop)
        distance = stop - start
        if step == 0 or distance * step < 0:
            way = -step if step else math.copysign(1, distance)
            first, last, size = map(number_text, (low, high, float(way)))
            message = f"the step of the range of {name} does not lead from {first} to {last}"
            raise NameValueError(message, hint=f"write {name}={first}:{last}:{size}")
        if math.isinf(high - low):
            message = f"the range of {name} spans more than the largest double"
            raise NameValueError(message, hint=f"for example {name}=-1e300:1e300:1e299")
        steps = distance / step
        if steps > ELEMENTS:
            message = f"the range of {name} has more than {ELEMENTS} points"
            raise NameValueError(message)
        count = int(steps)
        is_hit = False
        if not is_exact:
            # A step such as sqrt(0.02) is rounded, so that the last point may miss stop by a hair.
            count = int(steps + SLACK)
            is_hit = count > 0 and abs(steps - count) <= SLACK
        unit = math.lcm(start.denominator, step.denominator)
        return cls(
            count + 1,
            low + 0.0,
            int(start * unit),
            int(step * unit) if count else 0,
            unit,
            high if is_hit else None,
        )

    @classmethod
    def through(cls, points: Any) -> Range:
        """Return the range of points that are listed."""
        return cls(len(points), float(points[0]), listed=points)

    def each(self) -> Numbers:
        """Return all values of few that are not listed."""
        # Python rounds the quotient of two whole numbers of any length once.
        found = [(self.first + self.step * index) / self.unit for index in range(self.length)]
        if self.stop is not None:
            found[-1] = self.stop
        return Numbers(found)

    def at(self, indices: Any) -> Any:
        """Return the values at an array of indices."""
        if self.listed is not None:
            return self.listed[indices]
        last = self.first + self.step * (self.length - 1)
        if max(abs(self.first), abs(last), self.unit) <= EXACT:
            found = (self.first + self.step * indices) / self.unit
        else:
            import numpy as np

            # Python rounds the quotient of two whole numbers of any length once.
            exact = [(self.first + self.step * index) / self.unit for index in indices.tolist()]
            found = np.array(exact, dtype=np.float64)
        if self.stop is not None:
            found[indices == self.length - 1] = self.stop
        return found


class Block(NamedTuple):
    """Some rows of the table: a column for each range, the value, and each derivative."""

    inputs: list[Any]
    value: Any
    slopes: list[Any]
    second: Sequence[Any] = ()
    """The second derivatives, where they are wanted: the lower triangle of their matrix.

    Where there is none it is not finite.
    """

    @classmethod
    def of(cls, inputs: Mapping[str, Any], found: Sequence[Any], count: int) -> Block:
        """Return a block of columns: the value, so many derivatives, and second ones."""
        value, *derived = found
        return cls(list(inputs.values()), value, derived[:count], derived[count:])


class Table:
    """Values, and derivatives with respect to `wrt`, of a formula over the grid of its ranges.

    With `second` there are second derivatives too. The last range varies fastest. Raises
    MathematicsError for a point without a value, naming it; with `gaps` such a value or derivative
    is nan instead. A formula without the name of a range has one value along it.
    """

    def __init__(
        self,
        formula: Formula,
        values: Mapping[str, Any],
        ranges: Mapping[str, Range],
        wrt: Sequence[str] = (),
        *,
        allow_nonfinite: bool = False,
        gaps: bool = False,
        certain: bool = True,
        digits: int | None = None,
        second: bool = False,
    ) -> None:
        self._varying = [name for name in ranges if name in formula.free_names]
        formula.checked({**values, **{name: ranges[name].start for name in self._varying}})
        shape = formula.graph.shape(formula.id)
        if shape:
            message = f"over a range the formula must be a single number, and it has shape {shape}"
            hint = "take its sum, mean or norm, or one entry"
            raise ShapeError(message, hint=hint, **where(formula.origin))
        for name, node in names_to_nodes(formula.graph, formula.id, wrt).items():
            if formula.graph.shape(node):
                message = (
                    f"over a range derivatives are with respect to numbers, and {name} is an array"
                )
                text = where(formula.origin, node)
                raise ShapeError(message, hint=f"choose names with {spelled('wrt')}", **text)
        self._formula, self._values, self._ranges = formula, dict(values), dict(ranges)
        self._wrt, self._second, self._digits = list(wrt), second, digits
        self._nonfinite, self._gaps = allow_nonfinite, gaps and not allow_nonfinite
        self._short = 0
        """How many rows, computed one by one, have too few certain digits."""
        self._shape = tuple(r.length for r in ranges.values())
        self.rows = math.prod(self._shape)
        if self.rows > ELEMENTS:
            message = f"the grid of the ranges has more than {ELEMENTS} points"
            raise NameValueError(message)
        is_listed = any(r.listed is not None for r in ranges.values())
        size = self.rows * len(formula.graph.reachable([formula.id]))
        self._is_small = size <= FEW and not (wrt or gaps or is_listed or formula.graph.has_arrays)
        self.kinks: Mapping[str, None] = {}
        """Notes about kinks and jumps, in order, once the blocks have been computed."""
        self._columns: Columns | None = None
        if not (formula.graph.has_arrays or self._is_small):
            from gradcli.tables.columns import Columns

            self._columns = Columns(
                formula,
                values,
                wrt,
                allow_nonfinite=allow_nonfinite,
                gaps=self._gaps,
                certain=certain,
                digits=digits,
                second=second,
            )
            self.kinks = self._columns.kinks

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order; the first of them only if all have values."""
        if self._is_small:
            yield self._small_block()
            return
        over = self._columns
        if not (self._gaps or self._nonfinite):
            for columns in self._inputs():
                if over is None:
                    self._point_by_point(columns)
                else:
                    over.doubles(columns, partial(self._explain, columns))
        self._short = 0
        for columns in self._inputs():
            found = self._point_by_point(columns) if over is None else over.rounded(columns)
            yield Block.of(columns, found, len(self._wrt))

    def notes(self) -> list[str]:
        """Return the notes about digits, once the blocks have been computed."""
        if self._short:
            rows = "1 row" if self._short == 1 else f"{self._short} rows"
            return [f"fewer than {self._digits or ENOUGH} digits are certain in {rows}"]
        return [] if self._columns is None else self._columns.notes()

    def _inputs(self) -> Iterator[dict[str, Any]]:
        """Yield the columns of the ranges, block by block."""
        import numpy as np

        for start in range(0, self.rows, BLOCK):
            points = np.arange(start, min(start + BLOCK, self.rows))
            indices = np.unravel_index(points, self._shape)
            yield {
                name: r.at(index)
                for (name, r), index in zip(self._ranges.items(), indices, strict=True)
            }

    def _point_by_point(self, columns: Mapping[str, Any]) -> list[Any]:
        """Return value and derivatives of a formula with arrays."""
        import numpy as np

        rows = zip(*[column.tolist() for column in columns.values()], strict=True)
        return [*np.array([self._at(row) for row in rows]).T]

    def _explain(self, columns: Mapping[str, Any], index: int, certain: bool) -> None:
        """Raise the error of a row that has no value or no derivative."""
        self._at([float(column[index]) for column in columns.values()], certain=certain)

    def _small_block(self) -> Block:
        """Return all rows, made without NumPy."""
        from itertools import product

        rows = list(product(*[r.each() for r in self._ranges.values()]))
        value = Numbers([self._at(row)[0] for row in rows])
        return Block([Numbers(column) for column in zip(*rows, strict=True)], value, [])

    def _at(self, row: Sequence[float], *, certain: bool = True) -> list[float]:
        """Return value and derivatives at one point; nan for what is a gap."""
        point = dict(zip(self._ranges, row, strict=True))
        values = {**self._values, **{name: point[name] for name in self._varying}}
        if not self._gaps:
            here = self._formula.at_values(
                values, allow_nonfinite=self._nonfinite, certain=certain, digits=self._digits
            )
            found = [here.value, *(here.gradient(self._wrt).values() if self._wrt else ())]
            self._short += bool(here.lost)
            return found + (self._second_at(here) if self._second else [])
        found = [float("nan")] * (1 + len(self._wrt))
        with suppress(MathematicsError):
            here = self._formula.at_values(values)
            found[0] = here.value
            for position, name in enumerate(self._wrt, 1):
                with suppress(MathematicsError):
                    found[position] = here.gradient([name])[name]
        return found

    def _second_at(self, here: Point) -> list[float]:
        """Return the second derivatives at a point; nan for all where there are none."""
        names = self._wrt
        try:
            matrix = here.hessian(names)
        except MathematicsError:
            return [math.nan] * (len(names) * (len(names) + 1) // 2)
        return [matrix[a][b] for i, a in enumerate(names) for b in names[: i + 1]]
