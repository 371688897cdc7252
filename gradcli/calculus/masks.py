"""Masks: nodes that say of which numbers something holds, such as that the result reads them.

A number of a mask is not 0 where it holds, like a condition of `where`; None stands for
"everywhere". A mask may be smaller than the array that it speaks of: it is broadcast.
"""

from __future__ import annotations

from gradcli.graph import shapes
from gradcli.graph.operations import AND_ALSO, NOT_SO, OR_ELSE, TABLE, WHERE
from gradcli.graph.simplify import DerivedNode, broadcast_to, is_condition, simplified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape

Mask = int | None


def branch(graph: Graph, node: int, position: int) -> int:
    """Return where a `where` has the numbers of the branch at this position, 1 or 2."""
    condition = graph.rows[node][1][0]
    return condition if position == 1 else simplified(graph, NOT_SO, (condition,), None)


def both(graph: Graph, first: Mask, second: Mask) -> Mask:
    """Return where two masks hold."""
    if first is None or second is None:
        return first if second is None else second
    return simplified(graph, AND_ALSO, (first, second), None)


def either(graph: Graph, masks: Iterable[Mask]) -> Mask:
    """Return where at least one of the masks holds; a mask and its opposite hold everywhere."""
    found: int | None = None
    for mask in masks:
        if mask is None or (found is not None and is_opposite(graph, found, mask)):
            return None
        found = mask if found is None else simplified(graph, OR_ELSE, (found, mask), None)
    return graph.constant(0) if found is None else found


def is_opposite(graph: Graph, first: int, second: int) -> bool:
    """Return whether one of two masks is written as the negation of the other."""
    return any(
        graph.rows[node][0] is NOT_SO and graph.rows[node][1] == (condition,)
        for node, condition in ((first, second), (second, first))
    )


def counted(graph: Graph, mask: Mask, shape: Shape) -> int:
    """Return an array of the shape with 1 where the mask holds and 0 elsewhere."""
    one = graph.constant(1)
    if mask is None:
        return broadcast_to(graph, one, shape)
    if not is_condition(graph, mask):
        mask = simplified(graph, WHERE, (mask, one, graph.constant(0)), None)
    return broadcast_to(graph, mask, shape)


def narrowed(graph: Graph, mask: int, whole: Shape, shape: Shape) -> int:
    """Return which numbers of an array of `shape` are meant when it was broadcast to `whole`.

    A number is meant when the mask holds for one of its copies.
    """
    if shapes.broadcast(graph.shape(mask), shape) == shape:
        return mask
    return graph.add(TABLE["collapse"], (counted(graph, mask, whole),), shape)


def carrier(graph: Graph, node: int, rule: Callable[..., Any]) -> Callable[[int, Mask, Shape], int]:
    """Return what carries a mask along a linear operation: `rule` is its `pushed` or `pulled`.

    It takes the position of the argument, the mask and the shape of what that speaks of.
    """
    _, arguments, payload = graph.rows[node]
    # All factors are 1: nothing that is read is taken for 0.
    units = tuple([DerivedNode(graph, counted(graph, None, graph.shape(a))) for a in arguments])
    at_node = DerivedNode(graph, node)

    def carry(position: int, mask: Mask, shape: Shape) -> int:
        count = DerivedNode(graph, counted(graph, mask, shape))
        carried: int = rule(position, count, at_node, units, payload).id
        return carried

    return carry


def read_of(graph: Graph, node: int, mask: Mask) -> Callable[[int], Mask]:
    """Return which numbers of an argument, by its position, an operation on arrays reads.

    `mask` says which numbers of its value count.
    """
    operation, arguments, axis = graph.rows[node]
    whole = graph.shape(node)
    if mask is None or not graph.shape(mask):
        return lambda _: mask
    if operation.linear:
        pull = carrier(graph, node, operation.pulled)
        return lambda position: pull(position, mask, whole)
    if operation.payload != "axis":
        return lambda _: narrowed(graph, mask, whole, ())
    # Every number along the axis is read for every one along it.
    shape = graph.shape(arguments[0])
    count = DerivedNode(graph, counted(graph, mask, whole))
    if whole == shape:
        count = count.apply("sum", payload=axis)
    kept = count.apply("reshape", payload=shapes.kept(shape, axis)) if shape else count
    return lambda _: broadcast_to(graph, kept.id, shape)
