"""Derivatives between the nodes that the user named, all that lies in between taken together.

An unnamed node is passed through: local derivatives are multiplied along each path from one named
node to the next, and summed over the paths. That is the partial derivative of the upper node as a
function of the named nodes that it reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.calculus.forward import rate_between
from gradcli.calculus.readable import readable
from gradcli.calculus.reverse import gradient
from gradcli.calculus.spelling import spelled
from gradcli.graph.operations import VARIABLE
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.graph.node import Graph

LARGEST_READABLE = 300
"""How many nodes may lie between two named ones for the derivative to be written readably."""


class Link(NamedTuple):
    """A named node that another one reads."""

    node: int
    derivative: int | None
    """The partial derivative with respect to it, to be computed with; None where it is no array of
    the size of either node, because each number of the one depends on many of the other."""
    readable: int | None
    """The same as a mathematician would write it."""


def named_nodes(graph: Graph, result: int) -> list[int]:
    """Return the inputs, the nodes that the user named and the result, inputs before users."""
    return [
        node
        for node in graph.reachable([result])
        if node == result or graph.names.get(node) or graph.rows[node][0] is VARIABLE
    ]


def links(graph: Graph, result: int) -> dict[int, list[Link]]:
    """Return for each named node which others it reads, in the order of its text."""
    nodes = named_nodes(graph, result)
    named = frozenset(nodes)
    found: dict[int, dict[int, int | None]] = {}
    short: dict[int, int] = {}
    long: list[int] = []
    for node in nodes:
        stops = named - {node}
        inside = graph.below(node, stops)
        reads = _read(graph, node, stops)
        derivatives = found[node] = _derivatives(graph, node, inside, reads)
        slopes = {below: slope for below, slope in derivatives.items() if slope is not None}
        if len(inside) <= LARGEST_READABLE:
            shorter = _derivatives(graph, node, inside, reads, others_stay=False)
            short |= {slope: shorter[below] or slope for below, slope in slopes.items()}
        else:
            long += slopes.values()
    own = graph.reachable(nodes)
    shown: dict[int | None, int] = {}
    shown |= zip(long, spelled(graph, own, long, named), strict=True)
    shown |= zip(short, readable(graph, own, list(short.values()), named), strict=True)
    return {
        node: [Link(below, slope, shown.get(slope)) for below, slope in derivatives.items()]
        for node, derivatives in found.items()
    }


def named_gradient(
    graph: Graph, result: int, between: Mapping[int, list[Link]]
) -> tuple[dict[int, int], list[int]]:
    """Return the gradients of the named nodes that inputs move, and all derivatives to compute."""
    dependent = graph.depending_on(graph.variables([result]).values(), graph.reachable([result]))
    slopes = gradient(graph, result, [node for node in between if node in dependent])
    links_of = [d for listed in between.values() for _, d, _ in listed if d is not None]
    return slopes, [*slopes.values(), *links_of]


def _read(graph: Graph, node: int, stops: Collection[int]) -> list[int]:
    """Return which of `stops` the node reads, in the order in which its text has them."""
    rows = graph.rows
    found = graph.walk([node], lambda below: () if below in stops else reversed(rows[below][1]))
    return [below for below in found if below in stops]


def _derivatives(
    graph: Graph,
    node: int,
    inside: Sequence[int],
    reads: Sequence[int],
    *,
    others_stay: bool = True,
) -> dict[int, int | None]:
    """Return the derivative of a node with respect to each one it reads; `inside` lies in between.

    It is None where the derivative is no array of the size of either; `others_stay` is that of
    `reverse.gradient`.
    """
    if not graph.shape(node):
        slopes = gradient(graph, node, reads, inside, free=reads, others_stay=others_stay)
        return {**slopes}
    return {
        below: rate_between(graph, node, inside, below, others_stay=others_stay)
        if not graph.shape(below) or _is_elementwise(graph, inside, below)
        else None
        for below in reads
    }


def _is_elementwise(graph: Graph, inside: Sequence[int], below: int) -> bool:
    """Return whether each number of a node depends on one number of the array `below`."""
    dependent = graph.depending_on([below], inside)
    dependent.discard(below)
    operations = [graph.rows[node][0] for node in dependent]
    return not any(o.structural or o.expansion is not None for o in operations)
