"""A formula whose kinks are rounded: the same but within a width of where the derivative jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gradcli.graph.node import Graph, Node

WIDTH = "width of a kink"
"""The name of the width in a rounded formula; no name that anyone can type."""


def kinks(graph: Graph, result: int, moving: Collection[int]) -> list[int]:
    """Return the nodes below the result with a kink that the nodes `moving` can reach."""
    below = graph.reachable([result])
    active = graph.depending_on(moving, below)
    return [node for node in below if node in active and graph.rows[node][0].rounded is not None]


def rounded(formula: Node, sizes: Mapping[int, float]) -> Node:
    """Return the formula with the kinks of these nodes rounded.

    Each is off by about its size times the name WIDTH at the kink, and by less the farther away.
    """
    graph = formula.graph
    width = formula.at(graph.variable(WIDTH))
    copies: dict[int, int] = {}
    for node in graph.reachable([formula.id]):
        operation, arguments, payload = graph.rows[node]
        given = tuple([copies[argument] for argument in arguments])
        if node in sizes and operation.rounded is not None:
            handles = [formula.at(argument) for argument in given]
            copies[node] = operation.rounded(sizes[node] * width, *handles).id
        else:
            copies[node] = node if given == arguments else graph.add(operation, given, payload)
    return formula.at(copies[formula.id])
