"""Formulas of sums and means over rows as functions to be minimised, worked out by blocks of rows.

The rows need not fit in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.calculus.reverse import gradient
from gradcli.data.columns import NUMBERS_AT_ONCE, length_of
from gradcli.data.rows import HeldRows, numbered, width
from gradcli.errors import MathematicsError
from gradcli.minimization.objective import Objective, total_of
from gradcli.point import Point
from gradcli.rows.reductions import Totals, reduction_name, split
from gradcli.rows.sums import is_plain, sums
from gradcli.runtime.generated import function
from gradcli.runtime.interpreter import finite
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import FileRows, Rows
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin

SUMMED_ROWS = 1 << 10
"""From so many rows on it repays to take sums over rows of numbers apart."""
MANY_ROWS = 1 << 16
"""From so many rows on, blocks of them that stay in the cache are faster than all at once."""
REPAYS = 200_000_000
"""From so many rows on, all evaluations together, machine code is made. NumPy took about a second
for them, which is more than it takes to make it; but LLVM also needs 80 MB of memory, and most fits
are over before."""


class RowsObjective(Objective):
    """An objective over rows, computed by blocks: of files, or of memory that fits the cache.

    `formula` is one of sums and means, with the length ROWS; its data are the entries of `rows`,
    `parameters` and `constants` the rest. `engine` is "native" for machine code, "python", or
    "auto".
    """

    def __init__(
        self,
        formula: Node,
        parameters: Sequence[str],
        origin: Origin | None,
        constants: Mapping[str, Any],
        rows: Rows,
        engine: str = "auto",
    ) -> None:
        parts = split(formula)
        assert parts is not None  # noqa: S101 - the caller has seen that it is one of sums
        super().__init__(
            formula.graph, formula.id, parameters, origin, constants, is_compiled=False
        )
        free = formula.graph.variables([formula.id])
        self._rows = rows
        self._engine = engine
        self._parts = parts
        self._names = [name for name in rows.entries if name in free]
        self._block = max(1, NUMBERS_AT_ONCE // width(rows.entries))
        self._inner: Callable[..., tuple[Any, ...]] | None = None
        self._outer: Callable[..., tuple[Any, ...]] | None = None
        self._whole: Objective | None = None
        self._is_few = False
        """Whether these are rows for which blocks do not repay."""
        self._sums = sums(
            formula.graph,
            parts,
            dict(zip(self.parameters, self.shapes, strict=True)),
            list(self.constants),
        )

    def __call__(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        self.evaluations += 1
        found = None
        if self._sums is not None and not self._is_few:
            try:
                found = self._sums(
                    point, self.constants.values(), self._pass(), native=self.is_native()
                )
            except (ValueError, OverflowError, ZeroDivisionError):
                found = None
        outcome = None if found is None else self._finite(found)
        if outcome is None and (self._is_few or self._is_small):
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
        """Give those of the constants and columns that are named other values."""
        super().use(values)
        if self._whole is not None:
            self._whole.use(values)
        if self._rows.held is not None:
            self._rows = HeldRows({n: values.get(n, old) for n, old in self._rows.held.items()})
            self._is_few = not _repays(
                self._rows.count, self._engine, is_plain=self._sums is not None
            )

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
            totals.add(length_of(block), self._of_block(point, block, start))
        return totals.found()

    def _of_block(self, point: Sequence[Any], block: Block, start: int) -> tuple[Any, ...]:
        """Return the reductions of some rows, then their slopes. Raises MathematicsError."""
        if self._inner is None:
            self._inner = self._compiled_inner()
        data = [block[name] for name in self._names]
        try:
            outputs = self._inner(*point, *self.constants.values(), *data)
        except (ValueError, OverflowError, ZeroDivisionError):
            outputs = ()
        if not outputs or not all(map(finite, outputs)):
            raise self._fault(point, block, start)
        return outputs

    def _compiled_inner(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function from all values to the sums over some rows and their slopes."""
        outputs = list(self._parts.parts)
        for part in self._parts.parts:
            outputs += gradient(self.graph, part, self.nodes.values()).values()
        names = [*self.parameters, *self.constants, *self._names]
        return function(program(self.graph, outputs), names)

    def _fault(self, point: Sequence[Any], block: Block, start: int) -> MathematicsError:
        """Return why a sum over a block is not finite, the error of the part at fault."""
        values = {**dict(zip(self.parameters, point, strict=True)), **self.constants, **block}
        for part in self._parts.parts:
            names = self.graph.variables([part])
            try:
                here = Point(self.graph, part, values)
                here.gradient([name for name in self.parameters if name in names])
            except MathematicsError as error:
                return error
        message = f"the sum over the rows from {start + 1} on is not finite"
        return MathematicsError(message)


def objective_over(
    formula: Node,
    origin: Origin | None,
    parameters: Sequence[str],
    constants: Mapping[str, Any],
    engine: str = "auto",
    files: FileRows | HeldRows | None = None,
) -> tuple[Objective, Rows | None]:
    """Return the objective, computed by blocks of rows if they are many and it can be.

    The rows are returned beside it then. Those of `files` are not among the `constants`.
    """
    graph = formula.graph
    if files is not None:
        return RowsObjective(formula, parameters, origin, constants, files, engine), files
    held = {name: constants[name] for name in graph.columns if name in constants}
    count = len(next(iter(held.values()), ()))
    parts = split(formula) if held and _repays(count, engine, is_plain=True) else None
    if parts is not None and _repays(count, engine, is_plain=is_plain(graph, parts)):
        others = {name: value for name, value in constants.items() if name not in held}
        rows = HeldRows(held)
        return RowsObjective(formula, parameters, origin, others, rows, engine), rows
    return Objective(graph, formula.id, parameters, origin, constants, engine=engine), None


def _repays(count: int, engine: str, *, is_plain: bool) -> bool:
    """Return whether so many rows are worked out by blocks rather than all at once.

    `is_plain` says whether what is summed is one number of each row.
    """
    least = 1 if engine == "native" else SUMMED_ROWS
    return count >= MANY_ROWS or (count >= least and is_plain)
