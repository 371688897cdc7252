"""Forward mode: derivatives of every node with respect to one of them, in one pass upwards.

An independent loop over the same rows as reverse mode, so that each checks the other. Second
derivatives are forward mode over the gradient that reverse mode built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.calculus import reverse
from gradcli.calculus.reverse import Movement, expansion, kept, local
from gradcli.graph.operations import ADD, MULTIPLY, WHERE
from gradcli.graph.simplify import DerivedNode, broadcast_to, simplified
from gradcli.graph.structural import jvp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph


def tangents(graph: Graph, results: Sequence[int], seeds: Mapping[int, int]) -> list[int]:
    """Return the directional derivatives of the results.

    `seeds` gives the direction: for each node that moves, the node of its rate. One seed of 1 is
    the partial derivative with respect to that node.
    """
    rates = tangents_of_all(graph, results, seeds)
    zero = graph.constant(0)
    return [broadcast_to(graph, rates.get(result, zero), graph.shape(result)) for result in results]


def tangents_of_all(
    graph: Graph, results: Sequence[int], seeds: Mapping[int, int]
) -> dict[int, int]:
    """Return the directional derivative of every node below `results` that moves. As `tangents`."""
    return _sweep(graph, graph.reachable(results), dict(seeds))


def rate_name(name: str) -> str:
    """Return what the rate of a name is called in a graph; no name that anyone can type."""
    return f"rate of {name}"


def gradient(graph: Graph, result: int, by: Iterable[int]) -> dict[int, int]:
    """Return the nodes of the derivatives of `result` with respect to `by`, one pass for each.

    For an array there is one pass for each of its numbers.
    """
    found = {}
    for node in by:
        shape = graph.shape(node)
        total = broadcast_to(graph, graph.constant(0), shape)
        for key, unit in units(graph, node):
            slope = tangents(graph, [result], {node: unit})[0]
            if shape:
                term = DerivedNode(graph, slope).apply("scatter", payload=(key, shape))
                slope = simplified(graph, ADD, (total, term.id))
            total = slope
        found[node] = total
    return found


def units(graph: Graph, node: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield the index of each number of a node, and the rate at which it alone moves, by 1."""
    from gradcli.graph.structural import entries

    one, shape = DerivedNode(graph, graph.constant(1)), graph.shape(node)
    for key in entries(shape):
        yield key, one.apply("scatter", payload=(key, shape)).id if shape else one.id


def rate_between(
    graph: Graph, root: int, inside: Sequence[int], by: int, *, others_stay: bool = True
) -> int:
    """Return how `root` changes when `by` does at rate 1, in all of its numbers if it is an array.

    `inside` are the nodes from `root` down to `by` and others that count as free, in topological
    order; `others_stay` is that of `reverse.gradient`.
    """
    one = broadcast_to(graph, graph.constant(1), graph.shape(by))
    rate = _sweep(graph, inside, {by: one}, others_stay=others_stay).get(root, graph.constant(0))
    return broadcast_to(graph, rate, graph.shape(root))


def _sweep(
    graph: Graph, order: Sequence[int], rates: dict[int, int], *, others_stay: bool = True
) -> dict[int, int]:
    """Return the rates of all nodes in `order` that move; `rates` holds those that are given."""
    active = graph.depending_on(rates, order)
    movement = Movement(graph, set(rates), active) if others_stay else None
    for node in order:
        if node in active and node not in rates:
            rate = _rate(graph, node, rates, movement)
            if rate is not None:
                rates[node] = broadcast_to(graph, rate, graph.shape(node))
    return rates


def _rate(
    graph: Graph, node: int, rates: Mapping[int, int], movement: Movement | None
) -> int | None:
    """Return the rate of change of a node whose arguments change at `rates`; None for 0.

    Where an argument does not move at all its rate is 0, even where its partial is infinite.
    """
    operation, arguments, payload = graph.rows[node]
    if operation is WHERE:
        condition, chosen, other = arguments
        if chosen not in rates and other not in rates:
            return None
        zero = graph.constant(0)
        branches = (condition, rates.get(chosen, zero), rates.get(other, zero))
        return simplified(graph, WHERE, branches)
    if operation.expansion is not None:
        expanded = expansion(graph, node)
        varying = {argument: rates[argument] for argument in arguments if argument in rates}
        return _sweep(graph, graph.below(expanded, arguments), varying).get(expanded)
    if operation.structural:
        by_position = {
            position: DerivedNode(graph, rates[argument])
            for position, argument in enumerate(arguments)
            if argument in rates
        }
        at_node = DerivedNode(graph, node)
        rate = jvp(operation, by_position, at_node, at_node.inputs, payload)
        return rate.id if isinstance(rate, DerivedNode) else None
    total: int | None = None
    for position, argument in enumerate(arguments):
        if argument not in rates:
            continue
        partial = local(graph, node, position)
        if partial is None:
            continue
        term = simplified(graph, MULTIPLY, (rates[argument], partial))
        if movement is not None and position == 0 and operation.is_steep(payload):
            term = kept(graph, movement.mask(argument), term)
        total = term if total is None else simplified(graph, ADD, (total, term))
    return total


# ---------------------------------------------------------------- second derivatives


def hessian(graph: Graph, result: int, by: Sequence[int]) -> list[list[int]]:
    """Return the matrix of nodes that are the second derivatives of `result`.

    Each pair is differentiated once and stands on both sides of the diagonal.
    """
    first = reverse.gradient(graph, result, by)
    rows: list[list[int]] = [[0] * len(by) for _ in by]
    one = graph.constant(1)
    for i, varying in enumerate(by):
        column = tangents(graph, [first[node] for node in by[: i + 1]], {varying: one})
        for j, entry in enumerate(column):
            rows[i][j] = rows[j][i] = entry
    return rows


def hessian_times(
    graph: Graph, result: int, by: Sequence[int], direction: Mapping[int, int]
) -> list[int]:
    """Return the nodes of the Hessian times a direction, at the cost of a few gradients.

    `direction` maps nodes of `by` to the nodes of the vector's entries.
    """
    first = reverse.gradient(graph, result, by)
    return tangents(graph, [first[node] for node in by], direction)
