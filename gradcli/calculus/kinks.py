"""Kinks and jumps: a formula whose kinks are rounded, and one that depends on names by jumps alone.

The rounded one is the same but within a width of where the derivative jumps; by jumps alone the
derivative is 0 everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.calculus.reverse import gradient, local
from gradcli.graph.operations import TABLE
from gradcli.graph.simplify import DerivedNode
from gradcli.graph.structural import vjp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gradcli.graph.node import Graph, Node

WIDTH = "width of a kink"
"""The name of the width in a rounded formula; no name that anyone can type."""


def without_slope(graph: Graph, result: int, by: Iterable[int]) -> list[int]:
    """Return those of the nodes `by` with respect to which the derivative is 0 everywhere.

    This is decided on the graph: such as floor(x) is, but not x^2 at 0.
    """
    return [node for node, slope in gradient(graph, result, by).items() if _is_zero(graph, slope)]


def explained(graph: Graph, result: int, by: Sequence[int]) -> str:
    """Return why the derivative with respect to such nodes is 0, and what to write instead."""
    from gradcli.graph.printing import formula, label

    ends = _ends(graph, result, by)
    equal = next((node for node in ends if graph.rows[node][0] is TABLE["equal"]), None)
    if equal is not None:
        left, right = (formula(graph, side) for side in graph.rows[equal][1])
        return f"{label(graph, equal)} is 1 or 0 and has no slope; write {left} ~ {right}"
    if not ends:
        return "it does not depend on them" if len(by) > 1 else "it does not depend on it"
    return f"{label(graph, ends[0])} changes only by jumps; put something smooth in its place"


def _is_zero(graph: Graph, node: int) -> bool:
    while graph.rows[node][0] is TABLE["broadcast"]:
        node = graph.rows[node][1][0]
    return graph.number(node) == 0


def _ends(graph: Graph, result: int, by: Sequence[int]) -> list[int]:
    """Return the first nodes on the way from the result that have no slope in any argument."""
    active = graph.depending_on(by, graph.reachable([result]))
    found: list[int] = []

    def sloping(node: int) -> list[int]:
        if node in by or node not in active:
            return []
        arguments = [
            argument
            for position, argument in enumerate(graph.rows[node][1])
            if argument in active and _has_slope(graph, node, position)
        ]
        if not arguments:
            found.append(node)
        return arguments

    graph.walk([result], sloping)
    return found


def _has_slope(graph: Graph, node: int, position: int) -> bool:
    operation, _, payload = graph.rows[node]
    if operation.expansion is not None:
        return True
    if not operation.structural:
        return local(graph, node, position) is not None
    at_node = DerivedNode(graph, node)
    found = vjp(operation, position, at_node, at_node, at_node.inputs, payload)
    return isinstance(found, DerivedNode)


def kinks(graph: Graph, result: int, varying: Collection[int]) -> list[int]:
    """Return the nodes below the result with a kink that the nodes `varying` can reach."""
    below = graph.reachable([result])
    active = graph.depending_on(varying, below)
    return [node for node in below if node in active and graph.rows[node][0].rounded is not None]


def rounded(formula: Node, sizes: Mapping[int, float]) -> Node:
    """Return the formula with the kinks of these nodes rounded.

    Each is off by about its size times the name WIDTH at the kink, and by less the farther away.
    """
    graph = formula.graph
    width = formula.at(graph.variable(WIDTH))
    copies: dict[int, int] = {}
    for node in graph.reachable([formula.id]):
        operation, arguments, _ = graph.rows[node]
        if node in sizes and operation.rounded is not None:
            handles = [formula.at(copies[argument]) for argument in arguments]
            copies[node] = operation.rounded(sizes[node] * width, *handles).id
        else:
            graph.copy(graph, [node], copies)
    return formula.at(copies[formula.id])
