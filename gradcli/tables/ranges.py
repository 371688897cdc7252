"""A formula over ranges of its names: a table, computed block by block.

Formulas of numbers run as NumPy programs over whole blocks, formulas with arrays point by point.
Everything is computed once before anything is passed on, so that a point without a value is an
error and never half a table; the memory needed is that of a block.
"""

from __future__ import annotations

import math
from contextlib import suppress
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
    from gradcli.graph.node import Graph
    from gradcli.point import Point
    from gradcli.programs.interpreter import Values
    from gradcli.tables.certain import CertainColumns

EXACT = 2**53
"""Whole numbers up to here are doubles, so that their quotient is rounded once."""
SLACK = 1e-9
"""The part of a step by which the last point may miss the end that it was meant to hit."""
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
    """The last value where it is not one of these, but what they were meant to hit."""
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


def derivatives(graph: Graph, root: int, nodes: Sequence[int], *, second: bool) -> list[int]:
    """Return the derivatives with respect to nodes, and then the second ones where wanted."""
    from gradcli.calculus.forward import hessian
    from gradcli.calculus.reverse import gradient

    slopes = gradient(graph, root, nodes)
    matrix = hessian(graph, root, nodes) if second else []
    triangle = [entry for index, row in enumerate(matrix) for entry in row[: index + 1]]
    return [*(slopes[node] for node in nodes), *triangle]


def _worked(block: Block) -> list[Any]:
    """Return the columns of a block that are worked out."""
    return [block.value, *block.slopes, *block.second]


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
        self._second = second
        self._counts_digits = certain and not formula.graph.has_arrays
        self._digits = digits
        self._certain: CertainColumns | None = None
        self._short = 0
        """How many rows, looked at one by one, have too few certain digits."""
        self._moving = [name for name in ranges if name in formula.free_names]
        formula.checked({**values, **{name: ranges[name].start for name in self._moving}})
        shape = formula.graph.shape(formula.id)
        if shape:
            message = f"over a range the formula must be a single number, and it has shape {shape}"
            hint = "take its sum, mean or norm, or one entry"
            raise ShapeError(message, hint=hint, **where(formula.origin))
        nodes = names_to_nodes(formula.graph, formula.id, wrt)
        for name in wrt:
            if formula.graph.shape(nodes[name]):
                message = (
                    f"over a range derivatives are with respect to numbers, and {name} is an array"
                )
                text = where(formula.origin, nodes[name])
                raise ShapeError(message, hint=f"choose names with {spelled('wrt')}", **text)
        self.kinks: dict[int, str] = {}
        """What is to be said about derivatives, by node, once the blocks have been computed."""
        self._formula = formula
        self._values = dict(values)
        self._ranges = dict(ranges)
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        self._gaps = gaps and not allow_nonfinite
        self._shape = tuple(r.length for r in ranges.values())
        self.rows = 1
        for length in self._shape:
            self.rows *= length
        if self.rows > ELEMENTS:
            message = f"the grid of the ranges has more than {ELEMENTS} points"
            raise NameValueError(message)
        is_listed = any(r.listed is not None for r in ranges.values())
        size = self.rows * len(formula.graph.reachable([formula.id]))
        self._is_small = size <= FEW and not (wrt or gaps or is_listed or formula.graph.has_arrays)
        self._roots: list[int] = []
        """The value and the derivatives as nodes, where whole columns are computed."""
        if not (formula.graph.has_arrays or self._is_small):
            slopes = derivatives(formula.graph, formula.id, [*nodes.values()], second=second)
            self._roots = [formula.id, *slopes]

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order; the first of them only if all have values."""
        if self._is_small:
            yield self._small_block()
            return
        if not (self._gaps or self._nonfinite):
            for inputs in self._inputs():
                self._check(*self._evaluated(inputs))
        for inputs in self._inputs():
            yield self._finished(inputs)

    def notes(self) -> list[str]:
        """Return what is to be said about digits, once the blocks have been worked out."""
        if self._short:
            rows = "1 row" if self._short == 1 else f"{self._short} rows"
            return [f"fewer than {self._digits or ENOUGH} digits are certain in {rows}"]
        return self._certain.notes() if self._certain is not None else []

    def _inputs(self) -> Iterator[list[Any]]:
        """Yield the columns of the ranges, block by block."""
        import numpy as np

        for start in range(0, self.rows, BLOCK):
            points = np.arange(start, min(start + BLOCK, self.rows))
            indices = np.unravel_index(points, self._shape)
            yield [r.at(index) for r, index in zip(self._ranges.values(), indices, strict=True)]

    def _evaluated(self, inputs: list[Any]) -> tuple[Block, Values | None]:
        """Return a block and the run that it comes from; None where each row has been looked at."""
        import numpy as np

        if not self._roots:
            rows = zip(*[column.tolist() for column in inputs], strict=True)
            return self._block(inputs, [*np.array([self._at(row) for row in rows]).T]), None
        from gradcli.programs.interpreter import run

        graph = self._formula.graph
        found = run(graph, graph.reachable(self._roots), self._values_over(inputs), columns=True)
        columns = [np.broadcast_to(found.numbers[root], len(inputs[0])) for root in self._roots]
        return self._block(inputs, columns), found

    def _finished(self, inputs: list[Any]) -> Block:
        """Return a block with gaps where they are allowed, and with the digits that are certain."""
        block, found = self._evaluated(inputs)
        if self._gaps:
            import numpy as np

            bad = self._without_value(block, found)
            columns = [np.where(bad | ~np.isfinite(each), np.nan, each) for each in _worked(block)]
            block = self._block(inputs, columns)
        if found is None or not self._counts_digits:
            return block
        from gradcli.exact.certain import bounds, worked_out
        from gradcli.tables.certain import CertainColumns

        graph, values = self._formula.graph, self._values_over(inputs)
        numbers = {**found.numbers, **dict(zip(self._roots, _worked(block), strict=True))}

        def row(index: int) -> list[Any]:
            point = {
                name: float(column[index])
                for name, column in zip(self._ranges, inputs, strict=True)
            }
            made = worked_out(graph, self._roots, self._values | point, self._digits)
            return [made[root] for root in self._roots]

        if self._certain is None:
            self._certain = CertainColumns(
                self._digits, allow_nonfinite=self._nonfinite, gaps=self._gaps
            )
        errors = bounds(graph, graph.reachable(self._roots), numbers, values)
        worked = [(numbers[node], errors[node]) for node in self._roots]
        return self._block(inputs, self._certain.of_block(worked, row))

    def _values_over(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the values of all names, some of them columns."""
        return {**self._values, **dict(zip(self._ranges, inputs, strict=True))}

    def _block(self, inputs: list[Any], columns: Sequence[Any]) -> Block:
        """Return a block of inputs, and the value with its derivatives."""
        value, *derived = columns
        count = len(self._wrt)
        return Block(inputs, value, derived[:count], derived[count:])

    def _small_block(self) -> Block:
        """Return all rows, made without NumPy."""
        from itertools import product

        rows = list(product(*[r.each() for r in self._ranges.values()]))
        value = Numbers([self._at(row)[0] for row in rows])
        return Block([Numbers(column) for column in zip(*rows, strict=True)], value, [])

    def _at(self, row: Sequence[float]) -> list[float]:
        """Return value and derivatives at one point; nan for what is a gap."""
        point = dict(zip(self._ranges, row, strict=True))
        values = {**self._values, **{name: point[name] for name in self._moving}}
        if not self._gaps:
            here = self._formula.at_values(
                values, allow_nonfinite=self._nonfinite, digits=self._digits
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

    def _check(self, block: Block, found: Values | None) -> None:
        """Raise the error of the first row that has no value or no derivative."""
        import numpy as np

        bad = self._without_value(block, found)
        wrong: Any = ~np.isfinite([block.value, *block.slopes]).all(axis=0)
        for row in np.flatnonzero(wrong | bad):
            here = self._at([float(column[row]) for column in block.inputs])
            if not np.isfinite(here[: 1 + len(block.slopes)]).all():
                message = "the formula has no finite value in this range"
                raise MathematicsError(message)

    def _without_value(self, block: Block, found: Values | None) -> Any:
        """Return which rows read a step without a value.

        A step may be infinite and the result finite, as in 1/(1/x) at 0: that is an error for one
        point, and so it is here. A branch of `where` that a row does not take is not read.
        """
        if found is None:
            return False
        from gradcli.programs.explain import Explainer

        graph, root = self._formula.graph, self._formula.id
        columns = names_to_nodes(graph, root, self._moving).values()
        explainer = Explainer(graph, root, found, columns)
        moving = names_to_nodes(graph, root, self._wrt).values()
        self.kinks |= explainer.kinks(graph.depending_on(moving, graph.reachable([root])))
        return explainer.wrong_rows(len(block.value))
