"""Formulas over rows: which ones can be computed for some of the rows at a time.

The rows of the data are the first axis of its arrays. A node is computed row by row when its own
first axis is that of the rows, and each of its rows depends on the same row of the data alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.graph.shapes import Shape

ALONG_AXIS = {
    TABLE[name]
    for name in (
        *("sum", "mean", "prod", "var", "std", "norm", "greatest", "least"),
        *("argmax", "cumsum", "logsumexp", "softmax", "logsoftmax"),
    )
}
EVERYTHING = (None, None, None)
"""The slice that takes all of an axis."""


def is_rowwise(graph: Graph, root: int, data: Collection[int]) -> bool:
    """Return whether the node can be computed row by row, `data` being the nodes with the rows.

    False also when it does not depend on the data at all.
    """
    nodes = graph.reachable([root])
    active = graph.depending_on(data, nodes)
    data = set(data)
    return root in active and all(
        node in data or _keeps_rows(graph, node, active) for node in nodes if node in active
    )


def _keeps_rows(graph: Graph, node: int, active: Collection[int]) -> bool:
    """Return whether an operation on nodes that are computed row by row is so itself."""
    operation, arguments, payload = graph.rows[node]
    if operation in ALONG_AXIS:
        return payload is not None and payload > 0
    if operation is TABLE["index"]:
        return bool(payload) and payload[0] == EVERYTHING
    if operation is TABLE["matmul"]:
        left, right = arguments
        return right not in active and len(graph.shape(left)) == 2
    if operation is TABLE["onehot"]:
        return True
    if operation.structural:
        return False
    axes = len(graph.shape(node))
    for argument in arguments:
        shape = graph.shape(argument)
        if argument in active:
            if len(shape) != axes:  # its rows would meet another axis
                return False
        elif len(shape) == axes and shape[0] != 1:  # an array with numbers for each row
            return False
    return True


def resized(graph: Graph, root: int, shapes: Mapping[str, Shape]) -> tuple[Graph, int]:
    """Return a graph of its own with a copy of the node, names having other shapes.

    Meant for other numbers of rows; what is written with explicit sizes is copied as it is.
    """
    copy = Graph()
    names = graph.variables([root])
    known = {names[n]: copy.variable(n, shape) for n, shape in shapes.items() if n in names}
    return copy, copied(graph, [root], copy, known)[0]


def copied(
    graph: Graph, roots: Sequence[int], into: Graph, known: Mapping[int, int] | None = None
) -> list[int]:
    """Return the copies of some nodes in another graph, those of `known` being there already."""
    copies = dict(known or {})
    for node in graph.reachable(roots):
        if node in copies:
            continue
        operation, arguments, payload = graph.rows[node]
        if operation is VARIABLE:
            copies[node] = into.variable(payload, graph.shape(node))
        else:
            mapped = tuple([copies[argument] for argument in arguments])
            copies[node] = into.add(operation, mapped, payload)
    return [copies[root] for root in roots]
