"""Formulas of sums and means over rows as functions to be minimised, worked out by blocks of rows.

The rows need not fit in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.calculus.reverse import gradient
from gradcli.calculus.rows import resized
from gradcli.data.columns import NUMBERS_AT_ONCE, length_of
from gradcli.data.rows import HeldRows, numbered, width
from gradcli.errors import MathematicsError
from gradcli.graph.operations import TABLE
from gradcli.minimization.objective import Objective, total_of
from gradcli.minimization.reductions import Totals, reduction_name
from gradcli.minimization.sums import sums
from gradcli.point import Point
from gradcli.runtime.generated import function
from gradcli.runtime.interpreter import finite
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.graph.node import Graph, Node
    from gradcli.language.origin import Origin
    from gradcli.minimization.reductions import Split

MANY_ROWS = 1 << 16
"""From so many rows on, blocks of them that stay in the cache are faster than all at once."""
REPAYS = 200_000_000
"""From so many rows on, all evaluations together, machine code is made. NumPy took about a second
for them, which is more than it takes to make it; but LLVM also needs 80 MB of memory, and most fits
are over before."""


class RowsObjective(Objective):
    """An objective over rows, computed by blocks: of files, or of memory that fits the cache.

    `formula` was read for any number of rows; its data are the entries of `rows`, `parameters` and
    `constants` the rest. `engine` is "native" for machine code, "python", or "auto".
    """

    def __init__(
        self,
        formula: Node,
        parameters: Sequence[str],
        origin: Origin | None,
        constants: Mapping[str, Any],
        rows: Rows,
        parts: Split,
        engine: str = "auto",
    ) -> None:
        super().__init__(
            formula.graph, formula.id, parameters, origin, constants, is_compiled=False
        )
        free = formula.graph.variables([formula.id])
        self._rows = rows
        self._engine = engine
        self._parts = parts
        self._names = [name for name in rows.entries if name in free]
        self._block = max(1, NUMBERS_AT_ONCE // width(rows.entries))
        self._made: dict[int, Callable[..., tuple[Any, ...]]] = {}
        self._outer: Callable[..., tuple[Any, ...]] | None = None
        self._whole: Objective | None = None
        self._sums = sums(
            formula.graph,
            parts,
            {name: free[name] for name in self._names},
            dict(zip(self.parameters, self.shapes, strict=True)),
            list(self.constants),
        )

    def __call__(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        self.evaluations += 1
        found = None
        if self._sums is not None:
            try:
                found = self._sums(
                    point, self.constants.values(), self._pass(), native=self.is_native()
                )
            except (ValueError, OverflowError, ZeroDivisionError):
                found = None
        outcome = None if found is None else self._finite(found)
        if outcome is None and self._is_small:
            return self.whole()(point)
        if outcome is None:
            outcome = self._finite(self._by_blocks(point))
        if outcome is None:
            message = "the objective or its gradient is not finite"
            raise MathematicsError(message)
        return outcome

    def obstacle(self) -> str | None:
        """Return why this cannot be machine code, None if it can; imports llvmlite."""
        if self._sums is None:
            return "the formula is no sum of numbers, one of each row"
        from gradcli.native.emitter import obstacle

        return obstacle(self._sums.of_a_row)

    def is_native(self) -> bool:
        """Return whether machine code repays what making it takes.

        It is a matter of evaluations, not of time, so that a run always gives the same numbers.
        """
        if self._engine == "auto":
            return self.evaluations * self._rows.count >= REPAYS
        return self._engine == "native"

    def _finite(self, outputs: Sequence[Any]) -> tuple[float, list[Any]] | None:
        """Return value and gradient as floats and arrays; None if one is not finite."""
        value = float(outputs[0])
        found = [f if p else float(f) for f, p in zip(outputs[1:], self.shapes, strict=True)]
        total = value + total_of(found, self.shapes)
        return (value, found) if total - total == 0 else None

    def _pass(self) -> Iterator[Block]:
        """Yield the rows as they are: all at once in memory, or block by block from files."""
        if self._rows.held is not None:
            yield self._rows.held
        else:
            yield from self._rows.blocks(self._block)

    def value(self, point: Sequence[Any]) -> float:
        """Return the value alone. Raises MathematicsError where it is not finite."""
        return self(point)[0]

    def use(self, values: Mapping[str, Any]) -> None:
        """Give those of the constants and columns that are named other values, as many."""
        super().use(values)
        if self._rows.held is not None:
            self._whole = None
            self._rows = HeldRows({n: values.get(n, old) for n, old in self._rows.held.items()})

    def in_memory(self) -> dict[str, Any]:
        """Return all values that stay and are in memory, by name."""
        return {**self.constants, **(self._rows.held or {})}

    def whole(self) -> Objective:
        """Return the same objective over all rows at once; they must be in memory."""
        if self._whole is None:
            names = self.graph.variables([self.result])
            constants = {name: value for name, value in self.in_memory().items() if name in names}
            self._whole = Objective(
                self.graph, self.result, self.parameters, self._origin, constants
            )
        return self._whole

    def checked(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return what a call does, every step checked if the rows are few."""
        return self.whole().checked(point) if self._is_small else self(point)

    @property
    def _is_small(self) -> bool:
        """Whether the formula can be worked out for all rows at once, to find what is wrong."""
        return self._rows.held is not None and self._rows.count < MANY_ROWS

    def _by_blocks(self, point: Sequence[Any]) -> list[Any]:
        """Return value and gradient for rows of any shape. Raises MathematicsError."""
        if self._outer is None:
            self._outer = self._compiled_outer()
        totals, slopes = self._summed(point)
        fixed = tuple(self.constants.values())
        try:
            value, *by = self._outer(*point, *fixed, *totals)
        except (ValueError, OverflowError, ZeroDivisionError):
            message = "the objective is undefined"
            raise MathematicsError(message) from None
        count = len(self.parameters)
        found = list(by[:count])
        for weight, slope in zip(by[count:], slopes, strict=True):
            found = [f + weight * s for f, s in zip(found, slope, strict=True)]
        return [value, *found]

    def _compiled_outer(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function of parameters, constants and reductions to value and slopes."""
        outer, result = self._parts.outer, self._parts.result
        reductions = [reduction_name(place) for place in range(len(self._parts.parts))]
        by = [
            outer.variable(name, shape)
            for name, shape in zip(self.parameters, self.shapes, strict=True)
        ]
        by += [outer.variable(name) for name in reductions]
        slopes = gradient(outer, result, by)
        names = [*self.parameters, *self.constants, *reductions]
        return function(program(outer, [result, *(slopes[node] for node in by)]), names)

    def _summed(self, point: Sequence[Any]) -> tuple[list[float], list[list[Any]]]:
        """Return the reductions and, for each, its derivatives by the parameters."""
        totals = Totals(self._parts.is_mean, len(self.parameters))
        for start, block in numbered(self._rows, self._block):
            length = length_of(block)
            outputs = self._of_block(point, block, length)
            if outputs is None:
                self._explain(point, block, start)
                outputs = ()
            totals.add(length, outputs)
        return totals.found()

    def _of_block(self, point: Sequence[Any], block: Block, length: int) -> tuple[Any, ...] | None:
        """Return the reductions of some rows, then their slopes; None if one is not finite."""
        if length not in self._made:
            self._made[length] = self._compiled(length)
        data = [block[name] for name in self._names]
        try:
            outputs = self._made[length](*point, *self.constants.values(), *data)
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
        return outputs if all(map(finite, outputs)) else None

    def _resized(self, length: int) -> tuple[Graph, list[int]]:
        """Return a graph with the sums for so many rows."""
        shapes = {name: (length, *self._rows.entries[name]) for name in self._names}
        listed = self.graph.add(TABLE["array"], tuple(self._parts.parts))
        graph, node = resized(self.graph, listed, shapes)
        return graph, list(graph.rows[node][1])

    def _compiled(self, length: int) -> Callable[..., tuple[Any, ...]]:
        """Return the function from all values to the sums for so many rows and their slopes."""
        graph, parts = self._resized(length)
        by = [
            graph.variable(name, shape)
            for name, shape in zip(self.parameters, self.shapes, strict=True)
        ]
        outputs = [*parts]
        for part in parts:
            slopes = gradient(graph, part, by)
            outputs += [slopes[node] for node in by]
        return function(program(graph, outputs), [*self.parameters, *self.constants, *self._names])

    def _explain(self, point: Sequence[Any], block: Block, start: int) -> None:
        """Raise MathematicsError for a block whose sum is not finite, naming the part at fault."""
        graph, parts = self._resized(length_of(block))
        values = {**dict(zip(self.parameters, point, strict=True)), **self.constants}
        values |= {name: block[name] for name in self._names}
        for part in parts:
            names = graph.variables([part])
            here = Point(graph, part, {name: values[name] for name in names})
            here.gradient([name for name in self.parameters if name in names])
        message = f"the sum over the rows from {start + 1} on is not finite"
        raise MathematicsError(message)
