"""Forward mode: derivatives of every node by one of them, as nodes, in one pass upwards.

An independent loop over the same rows as reverse mode, so that each checks the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.calculus.reverse import local
from gradcli.graph.operations import WHERE
from gradcli.graph.simplify import DerivedNode, simplified

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gradcli.graph.node import Graph


def tangents(graph: Graph, results: Sequence[int], seeds: Mapping[int, int]) -> list[int]:
    """Return the directional derivatives of the results.

    `seeds` gives the direction: for each node that moves, the node of its rate. One seed of 1 is
    the partial derivative by that node.
    """
    order = graph.reachable(results)
    active = graph.depending_on(seeds, order)
    rates: dict[int, int] = {}
    for node in order:
        if node in seeds:
            rates[node] = seeds[node]
        elif node in active:
            rate = _rate(graph, node, rates)
            if rate is not None:
                rates[node] = rate
    zero = graph.constant(0)
    return [rates.get(result, zero) for result in results]


def gradient(graph: Graph, result: int, by: Iterable[int]) -> dict[int, int]:
    """Return the nodes that are the derivatives of `result` by each of `by`, one pass for each."""
    one = graph.constant(1)
    return {node: tangents(graph, [result], {node: one})[0] for node in by}


def _rate(graph: Graph, node: int, rates: Mapping[int, int]) -> int | None:
    """Return the rate of change of a node whose arguments change at `rates`; None for 0."""
    operation, arguments, _ = graph.rows[node]
    if operation is WHERE:
        condition, chosen, other = arguments
        if chosen not in rates and other not in rates:
            return None
        zero = graph.constant(0)
        branches = (condition, rates.get(chosen, zero), rates.get(other, zero))
        return simplified(graph, WHERE, branches, None)
    total: DerivedNode | None = None
    for position, argument in enumerate(arguments):
        if argument not in rates:
            continue
        partial = local(graph, node, position)
        if partial is None:
            continue
        term = DerivedNode(graph, rates[argument]) * DerivedNode(graph, partial)
        total = term if total is None else total + term  # type: ignore[assignment]
    return None if total is None else total.id
