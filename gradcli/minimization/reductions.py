"""Formulas of sums and means over rows, computed from blocks of rows that need not fit in memory.

Such a formula is a small one over its reductions: mean(e) is sum(e)/n, and every block of rows adds
its part to the sum. Value and gradient follow by the chain rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.calculus.reverse import gradient
from gradcli.calculus.rows import is_rowwise, resized
from gradcli.data.columns import NUMBERS_AT_ONCE, length_of
from gradcli.data.rows import width
from gradcli.errors import MathematicsError
from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import TABLE, VARIABLE
from gradcli.minimization.objective import Objective, total_of
from gradcli.point import Point
from gradcli.runtime.generated import function
from gradcli.runtime.interpreter import finite
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.graph.operations import Operation
    from gradcli.language.origin import Origin


SUM, MEAN, MSE, DOT, CROSS_ENTROPY = (
    TABLE[name] for name in ("sum", "mean", "mse", "dot", "cross_entropy")
)
MEANS = {MEAN, MSE, CROSS_ENTROPY}


class Split(NamedTuple):
    """A formula as an outer one over reductions, each of which is a sum over rows."""

    outer: Graph
    result: int
    """The formula's node in the outer graph, where reduction k is the name `reduction_name(k)`."""
    parts: list[int]
    """The nodes of the reductions in the original graph."""
    is_mean: list[bool]
    """Whether a reduction is a mean over rows; otherwise it is a sum."""


def reduction_name(place: int) -> str:
    """Return the name of a reduction in the outer formula; no name that anyone can type."""
    return f"reduction {place}"


def split(formula: Node, data: Collection[int]) -> Split | None:
    """Return the formula as a formula of reductions over rows; None when it needs all at once.

    `data` are the nodes whose rows these are, and new nodes are added to the formula's graph.
    """
    graph = formula.graph
    nodes = graph.reachable([formula.id])
    active = graph.depending_on(data, nodes)
    outer = Graph()
    copies: dict[int, int] = {}
    parts: list[int] = []
    is_mean: list[bool] = []
    for node in _down_to_reductions(graph, formula.id, active, data):
        kind = _kind(graph, node, data) if node in active else None
        if kind is not None:
            copies[node] = outer.variable(reduction_name(len(parts)))
            parts.append(node)
            is_mean.append(kind in MEANS)
            continue
        operation, arguments, payload = graph.rows[node]
        if node in data or any(argument not in copies for argument in arguments):
            return None
        if operation is VARIABLE:
            copies[node] = outer.variable(payload, graph.shape(node))
        else:
            mapped = tuple([copies[argument] for argument in arguments])
            copies[node] = outer.add(operation, mapped, payload)
    return Split(outer, copies[formula.id], parts, is_mean)


def _down_to_reductions(
    graph: Graph, root: int, active: Collection[int], data: Collection[int]
) -> list[int]:
    """Return the nodes of the outer formula, reductions included, in topological order."""
    found: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found.add(node)
        if node not in active or _kind(graph, node, data) is None:
            waiting.extend(graph.rows[node][1])
    return sorted(found)


def _kind(graph: Graph, node: int, data: Collection[int]) -> Operation | None:
    """Return the operation of a node that is a sum or mean over rows; None for any other."""
    operation, arguments, payload = graph.rows[node]
    if operation in {SUM, MEAN}:
        return operation if payload is None and is_rowwise(graph, arguments[0], data) else None
    if operation in {MSE, DOT}:
        first, second = [Node(graph, argument) for argument in arguments]
        return operation if is_rowwise(graph, (first - second).id, data) else None
    if operation is CROSS_ENTROPY and len(graph.shape(arguments[0])) == 2:
        by_rows = [is_rowwise(graph, argument, data) for argument in arguments]
        return operation if all(by_rows) else None
    return None


class RowsObjective(Objective):
    """An objective over rows, computed by blocks: of files, or of memory that fits the cache.

    `formula` was read for any number of rows; its data are the entries of `rows`, `parameters` and
    `constants` the rest.
    """

    def __init__(
        self,
        formula: Node,
        parameters: Sequence[str],
        origin: Origin | None,
        constants: Mapping[str, Any],
        rows: Rows,
        parts: Split,
    ) -> None:
        super().__init__(
            formula.graph, formula.id, parameters, origin, constants, is_compiled=False
        )
        free = formula.graph.variables([formula.id])
        self._rows = rows
        self._parts = parts
        self._names = [name for name in rows.entries if name in free]
        self._block = max(1, NUMBERS_AT_ONCE // width(rows.entries))
        self._made: dict[int, Callable[..., tuple[Any, ...]]] = {}
        names = [*self.parameters, *self.constants, *map(reduction_name, range(len(parts.parts)))]
        outer, result = parts.outer, parts.result
        by = [
            outer.variable(name, shape)
            for name, shape in zip(self.parameters, self.shapes, strict=True)
        ]
        by += [outer.variable(reduction_name(place)) for place in range(len(parts.parts))]
        slopes = gradient(outer, result, by)
        self._outer = function(program(outer, [result, *(slopes[node] for node in by)]), names)

    def __call__(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        self.evaluations += 1
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
        value = float(value)
        found = [f if shape else float(f) for f, shape in zip(found, self.shapes, strict=True)]
        total = value + total_of(found, self.shapes)
        if total - total != 0:
            message = "the objective or its gradient is not finite"
            raise MathematicsError(message)
        return value, found

    def value(self, point: Sequence[Any]) -> float:
        """Return the value alone. Raises MathematicsError where it is not finite."""
        return self(point)[0]

    def in_memory(self) -> dict[str, Any]:
        """Return all values that stay and are in memory, by name."""
        return {**self.constants, **(self._rows.held or {})}

    def whole(self) -> Objective:
        """Return the same objective over all rows at once; they must be in memory."""
        names = self.graph.variables([self.result])
        constants = {name: value for name, value in self.in_memory().items() if name in names}
        return Objective(self.graph, self.result, self.parameters, self._origin, constants)

    def checked(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return what a call does: every block is checked anyway."""
        return self(point)

    def _summed(self, point: Sequence[Any]) -> tuple[list[float], list[list[Any]]]:
        """Return the reductions and, for each, its derivatives by the parameters."""
        each = len(self.parameters)
        totals = [0.0] * len(self._parts.parts)
        slopes: list[list[Any]] = [[0.0] * each for _ in totals]
        for start, block in self._blocks():
            length = length_of(block)
            outputs = self._of_block(point, block, length)
            if outputs is None:
                self._explain(point, block, start)
                outputs = ()
            for k, is_mean in enumerate(self._parts.is_mean):
                share = length / self._rows.count if is_mean else 1.0
                totals[k] += share * float(outputs[k])
                first = len(totals) + k * each
                parts = outputs[first : first + each]
                slopes[k] = [a + share * b for a, b in zip(slopes[k], parts, strict=True)]
        return totals, slopes

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

    def _blocks(self) -> Iterator[tuple[int, Block]]:
        start = 0
        for block in self._rows.blocks(self._block):
            yield start, block
            start += length_of(block)

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
