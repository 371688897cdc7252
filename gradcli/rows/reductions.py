"""Which formulas over rows can be computed for some of the rows at a time.

A node is computed row by row when each row of its value depends on the same row of the data alone.
A formula that is made of sums and means of such nodes is a small one over its reductions: mean(e)
is sum(e)/n, and every block of rows adds its part to the sum. Value and gradient follow by the
chain rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.calculus.reverse import gradient
from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, TABLE
from gradcli.graph.shapes import ROWS
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.graph.shapes import Shape

SUM, MEAN, MSE, DOT, CROSS_ENTROPY, INDEX, MATMUL, ONEHOT = (
    TABLE[name]
    for name in ("sum", "mean", "mse", "dot", "cross_entropy", "index", "matmul", "onehot")
)
MEANS = {MEAN, MSE, CROSS_ENTROPY}
AXIS = "axis"
"""The payload of an operation along an axis, or over all."""
EVERYTHING = (None, None, None)
"""The slice that takes all of an axis."""


class Split(NamedTuple):
    """A formula as an outer one over reductions, each of which is a sum over rows."""

    outer: Graph
    result: int
    """The formula's node in the outer graph, where reduction k is the name `reduction_name(k)`."""
    parts: list[int]
    """The nodes of the reductions in the original graph."""
    is_mean: list[bool]
    """Whether a reduction is a mean over rows; otherwise it is a sum."""
    terms: list[int | None]
    """What each reduction sums, a node of the original graph; None where it is another one."""

    @property
    def names(self) -> list[str]:
        """The names of the reductions in the outer formula."""
        return [reduction_name(index) for index in range(len(self.parts))]

    def are_means(self, each: int) -> list[bool]:
        """Return whether reductions, and behind them `each` derivatives of every one, are means."""
        return [*self.is_mean, *(is_mean for is_mean in self.is_mean for _ in range(each))]

    def slopes(self, parameters: Mapping[str, Shape]) -> list[int]:
        """Return the derivatives of the outer formula: with respect to parameters, reductions."""
        wrt = {**parameters, **dict.fromkeys(self.names, ())}
        nodes = [self.outer.variable(name, shape) for name, shape in wrt.items()]
        found = gradient(self.outer, self.result, nodes)
        return [found[node] for node in nodes]


class Totals:
    """The reductions of all rows, and `each` derivatives of every one, added up block by block."""

    def __init__(self, split: Split, each: int) -> None:
        self._count, self._each = len(split.parts), each
        self._are_means = split.are_means(each)
        self._rows = 0
        self._sums: list[Any] = [0.0] * len(self._are_means)
        self._only: list[Any] | None = None
        """What was found for the only block: a mean, whose sum may be too large for a double."""

    def add(self, rows: int, found: Sequence[Any]) -> None:
        """Add the reductions of so many rows, and behind them the derivatives of each."""
        self._only = None if self._rows else list(found)
        self._rows += rows
        self._sums = [
            total + (rows * more if is_mean else more)
            for total, more, is_mean in zip(self._sums, found, self._are_means, strict=True)
        ]

    def found(self) -> tuple[list[Any], list[list[Any]]]:
        """Return the reductions of all rows, and the derivatives of each."""
        count, each = self._count, self._each
        found = self._only or [
            total / self._rows if is_mean else total
            for total, is_mean in zip(self._sums, self._are_means, strict=True)
        ]
        starts = [count + index * each for index in range(count)]
        return found[:count], [found[start : start + each] for start in starts]


def reduction_name(index: int) -> str:
    """Return the name of a reduction in the outer formula; no name that anyone can type."""
    return f"reduction {index}"


def is_rowwise(graph: Graph, root: int) -> bool:
    """Return whether the node has a value in each row of the data, computed from that row alone."""
    return ROWS in graph.shape(root) and all(_keeps_rows(graph, node) for node in graph.below(root))


def _keeps_rows(graph: Graph, node: int) -> bool:
    """Return whether an operation on nodes that are computed row by row is so itself."""
    operation, arguments, payload = graph.rows[node]
    shapes = [graph.shape(argument) for argument in arguments]
    if not any(ROWS in shape for shape in shapes):
        return True
    if operation.payload == AXIS:
        return payload is not None and payload > 0
    if operation is INDEX:
        return bool(payload) and payload[0] == EVERYTHING
    if operation is MATMUL:
        return ROWS not in shapes[1] and len(shapes[0]) == 2
    return operation is ONEHOT or not operation.structural


def _mixes_rows(graph: Graph, node: int) -> bool:
    """Return whether what an operation makes of a row depends on the other rows as well."""
    if _keeps_rows(graph, node):
        return False
    return ROWS not in graph.shape(node) or graph.rows[node][0].payload == AXIS


def inner(formula: Node) -> list[int]:
    """Return the nodes that mix rows, but for those of which the formula is a linear combination.

    Of a formula for rows of length ROWS these are statistics such as mean(x) in
    sum((x - mean(x))^2): over some of the rows they have another value than over all of them.
    """
    graph = formula.graph
    nodes = graph.reachable([formula.id])
    mixing = [node for node in nodes if _mixes_rows(graph, node)]
    below = graph.depending_on(mixing, nodes)

    def into(node: int) -> Sequence[int]:
        """Return the mixing arguments of which a node is a linear combination."""
        operation, arguments, _ = graph.rows[node]
        found = [argument for argument in arguments if argument in below]
        scaled = {MULTIPLY: arguments, DIVIDE: arguments[:1]}.get(operation, ())
        is_linear = operation in {ADD, SUBTRACT, NEGATE} or (len(found) == 1 and found[0] in scaled)
        return found if is_linear else ()

    outer = [node for node in graph.walk([formula.id], into) if not into(node)]
    return [node for node in mixing if node not in outer]


def split(formula: Node) -> Split | None:
    """Return the formula as a formula of reductions over rows; None when it needs all at once.

    New nodes are added to the formula's graph.
    """
    graph = formula.graph
    terms: dict[int, int | None] = {}

    def into(node: int) -> Sequence[int]:
        is_reduction, term = _reduced(graph, node)
        if is_reduction:
            terms[node] = term
        return () if is_reduction else graph.rows[node][1]

    if any(ROWS in graph.shape(node) for node in graph.walk([formula.id], into)):
        return None
    outer = Graph()
    parts = sorted(terms)
    names = {part: outer.variable(reduction_name(index)) for index, part in enumerate(parts)}
    outer.identify(graph, names)
    return Split(
        outer,
        outer.adopt(graph, formula.id),
        parts,
        [graph.rows[part][0] in MEANS for part in parts],
        [terms[part] for part in parts],
    )


def _reduced(graph: Graph, node: int) -> tuple[bool, int | None]:
    """Return whether a node is a sum or mean over rows, and the node that it adds up if any."""
    operation, arguments, payload = graph.rows[node]
    if not any(ROWS in graph.shape(argument) for argument in arguments):
        return False, None
    if operation is CROSS_ENTROPY and len(graph.shape(arguments[0])) == 2:
        return all(is_rowwise(graph, argument) for argument in arguments), None
    if operation in {SUM, MEAN} and payload is None:
        term = arguments[0]
    elif operation in {MSE, DOT}:
        first, second = [Node(graph, argument) for argument in arguments]
        term = ((first - second) ** 2 if operation is MSE else first * second).id
    else:
        return False, None
    return is_rowwise(graph, term), term
