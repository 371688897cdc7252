"""Second derivatives: forward mode over the gradient that reverse mode built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.calculus.forward import tangents
from gradcli.calculus.reverse import gradient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.graph.node import Graph


def hessian(graph: Graph, result: int, by: Sequence[int]) -> list[list[int]]:
    """Return the matrix of nodes that are the second derivatives of `result`.

    Each pair is differentiated once and stands on both sides of the diagonal.
    """
    first = gradient(graph, result, by)
    rows: list[list[int]] = [[0] * len(by) for _ in by]
    one = graph.constant(1)
    for i, moving in enumerate(by):
        column = tangents(graph, [first[node] for node in by[: i + 1]], {moving: one})
        for j, entry in enumerate(column):
            rows[i][j] = rows[j][i] = entry
    return rows


def hessian_times(
    graph: Graph, result: int, by: Sequence[int], direction: Mapping[int, int]
) -> list[int]:
    """Return the nodes of the Hessian times a direction, at the cost of a few gradients.

    `direction` maps nodes of `by` to the nodes of the vector's entries.
    """
    first = gradient(graph, result, by)
    return tangents(graph, [first[node] for node in by], direction)
