"""Formulas that are made of sums and means over rows, taken apart into these reductions.

Such a formula is a small one over its reductions: mean(e) is sum(e)/n, and every block of rows adds
its part to the sum. Value and gradient follow by the chain rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.calculus.rows import is_rowwise
from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import TABLE, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gradcli.graph.operations import Operation


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
    terms: list[int | None]
    """What each reduction sums, a node of the original graph; None where it is no plain sum."""


class Totals:
    """The reductions of all rows, and `each` derivatives of every one, added up block by block."""

    def __init__(self, is_mean: Sequence[bool], each: int) -> None:
        self._is_mean = is_mean
        self._each = each
        self._rows = 0
        self._sums: list[Any] = [0.0] * (len(is_mean) * (1 + each))
        self._only: list[Any] | None = None
        """What was found for the only block: a mean, whose sum may be too large for a double."""

    def add(self, rows: int, found: Sequence[Any]) -> None:
        """Add the reductions of so many rows, and behind them the derivatives of each."""
        self._only = None if self._rows else list(found)
        self._rows += rows
        for place, (total, more) in enumerate(zip(self._sums, found, strict=True)):
            self._sums[place] = total + (rows * more if self._has_mean(place) else more)

    def _has_mean(self, place: int) -> bool:
        count = len(self._is_mean)
        return self._is_mean[place if place < count else (place - count) // self._each]

    def found(self) -> tuple[list[Any], list[list[Any]]]:
        """Return the reductions of all rows, and the derivatives of each."""
        count, each = len(self._is_mean), self._each
        found = self._only or [
            total / self._rows if self._has_mean(place) else total
            for place, total in enumerate(self._sums)
        ]
        starts = [count + place * each for place in range(count)]
        return found[:count], [found[start : start + each] for start in starts]


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
    terms: list[int | None] = []
    for node in _down_to_reductions(graph, formula.id, active, data):
        kind = _kind(graph, node, data) if node in active else None
        if kind is not None:
            copies[node] = outer.variable(reduction_name(len(parts)))
            parts.append(node)
            is_mean.append(kind in MEANS)
            terms.append(_term(graph, node))
            continue
        operation, arguments, payload = graph.rows[node]
        if node in data or any(argument not in copies for argument in arguments):
            return None
        if operation is VARIABLE:
            copies[node] = outer.variable(payload, graph.shape(node))
        else:
            mapped = tuple([copies[argument] for argument in arguments])
            copies[node] = outer.add(operation, mapped, payload)
    return Split(outer, copies[formula.id], parts, is_mean, terms)


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


def _term(graph: Graph, node: int) -> int | None:
    """Return what a sum or mean over rows adds up; None where that is no node."""
    operation, arguments, _ = graph.rows[node]
    if operation in {SUM, MEAN}:
        return arguments[0]
    if operation in {MSE, DOT}:
        first, second = [Node(graph, argument) for argument in arguments]
        return ((first - second) ** 2 if operation is MSE else first * second).id
    return None
