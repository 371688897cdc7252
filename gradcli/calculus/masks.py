"""Masks: nodes that say of which numbers something holds, such as that the result reads them.

A number of a mask is not 0 where it holds, like a condition of `where`; None stands for
"everywhere". A mask may be smaller than the array that it speaks of: it is broadcast.

Which nodes move at all when some nodes do is a mask too: what 0 times an infinite partial
derivative is. `sqrt(b*x)` does not move with b where x is 0. Its derivative with respect to b is 0
there, although the chain rule multiplies an infinite partial by 0. That is read from the graph: a
factor that does not depend on b is 0. A rate that is 0 is not enough: `((c - 3)^4)^0.2` moves at 3,
and its derivative there is infinite. Both modes ask for the condition, and only where a partial can
be infinite, so that other formulas pay nothing.
"""

from __future__ import annotations

from gradcli.graph import shapes
from gradcli.graph.operations import (
    AND_ALSO,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT_SO,
    OR_ELSE,
    SCALED,
    TABLE,
    WHERE,
)
from gradcli.graph.simplify import DerivedNode, broadcast_to, is_condition, simplified
from gradcli.graph.structural import EACH, jvp, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape

Mask = int | None


def branch(graph: Graph, node: int, position: int) -> int:
    """Return where a `where` has the numbers of the branch at this position, 1 or 2."""
    condition = graph.rows[node][1][0]
    return condition if position == 1 else simplified(graph, NOT_SO, (condition,))


def both(graph: Graph, first: Mask, second: Mask) -> Mask:
    """Return where two masks hold."""
    if first is None or second is None:
        return first if second is None else second
    return simplified(graph, AND_ALSO, (first, second))


def either(graph: Graph, masks: Iterable[Mask]) -> Mask:
    """Return where at least one of the masks holds; a mask and its opposite hold everywhere."""
    found: int | None = None
    for mask in masks:
        if mask is None or (found is not None and is_opposite(graph, found, mask)):
            return None
        found = mask if found is None else simplified(graph, OR_ELSE, (found, mask))
    return graph.constant(0) if found is None else found


def is_opposite(graph: Graph, first: int, second: int) -> bool:
    """Return whether one of two masks is written as the negation of the other."""
    return any(
        graph.rows[node][0] is NOT_SO and graph.rows[node][1] == (condition,)
        for node, condition in ((first, second), (second, first))
    )


def kept(graph: Graph, mask: Mask, value: int) -> int:
    """Return the value where the mask holds, else 0."""
    if mask is None:
        return value
    return simplified(graph, WHERE, (mask, value, graph.constant(0)))


def counted(graph: Graph, mask: Mask, shape: Shape) -> int:
    """Return an array of the shape with 1 where the mask holds and 0 elsewhere."""
    if mask is None or not is_condition(graph, mask):
        mask = kept(graph, mask, graph.constant(1))
    return broadcast_to(graph, mask, shape)


def _counts(graph: Graph, mask: Mask, node: int) -> DerivedNode:
    """Return the same in the shape of a node."""
    return DerivedNode(graph, counted(graph, mask, graph.shape(node)))


def narrowed(graph: Graph, mask: int, whole: Shape, shape: Shape) -> int:
    """Return the mask of an array of `shape` from that of the same broadcast to `whole`.

    The mask holds for a number when it does for one of its copies.
    """
    if shapes.broadcast(graph.shape(mask), shape) == shape:
        return mask
    return graph.add(TABLE["collapse"], (counted(graph, mask, whole),), shape)


def pushforward(graph: Graph, node: int, masks: Mapping[int, Mask]) -> int:
    """Return which numbers of a linear operation depend on those of its arguments in the masks.

    `masks` are given by the position of the argument; the other arguments stay, and what is
    multiplied with a 0 of theirs has no effect.
    """
    operation, arguments, payload = graph.rows[node]
    stay = len(masks) < len(arguments) and operation.linear == EACH
    units = [_counts(graph, argument if stay else None, argument) for argument in arguments]
    counts = {i: _counts(graph, mask, arguments[i]) for i, mask in masks.items()}
    return int(jvp(operation, counts, DerivedNode(graph, node), units, payload).id)


def pullback(graph: Graph, node: int, mask: Mask) -> Callable[[int], int]:
    """Return which numbers of an argument, by its position, an operation on arrays reads.

    `mask` says which numbers of its value count.
    """
    operation, arguments, payload = graph.rows[node]
    # All factors are 1: nothing that is read is taken for 0.
    units = [_counts(graph, None, argument) for argument in arguments]
    f, count = DerivedNode(graph, node), _counts(graph, mask, node)
    return lambda position: int(read(operation, position, count, f, units, payload).id)


class Movement:
    """The masks of the numbers that move when the nodes `free` do; `active` depend on those."""

    def __init__(self, graph: Graph, free: Collection[int], active: Collection[int]) -> None:
        self._graph = graph
        self._free = free
        self._active = active
        self._moving: dict[int, Mask] = {}
        self._nonzero: dict[int, Mask] = {}

    def mask(self, node: int) -> Mask:
        """Return where an active node moves."""
        if node not in self._moving:
            for below in self._graph.below(node, self._moving):
                self._nonzero[below] = self._not_zero(below)
                self._moving[below] = self._moves(below) if below in self._active else None
        return self._moving[node]

    def _moves(self, node: int) -> Mask:
        graph = self._graph
        operation, arguments, _ = graph.rows[node]
        if node in self._free:
            return None
        masks = {
            position: self._moving[argument]
            for position, argument in enumerate(arguments)
            if argument in self._active
        }
        if operation.structural:
            if not operation.linear or all(mask is None for mask in masks.values()):
                return None
            return pushforward(graph, node, masks)
        if operation is WHERE:
            masks = {i: both(graph, branch(graph, node, i), way) for i, way in masks.items() if i}
        return both(graph, either(graph, masks.values()), self._nonzero[node])

    def _not_zero(self, node: int) -> Mask:
        """Return where the factors of a product that do not move are not 0."""
        operation, arguments, payload = self._graph.rows[node]
        if node not in self._active:
            is_number = operation is NAMED_CONSTANT or bool(self._graph.number(node))
            return None if is_number else node
        if operation is MULTIPLY or operation is SCALED:
            return both(self._graph, *[self._nonzero[argument] for argument in arguments])
        if operation in {NEGATE, DIVIDE} or (operation is CONSTANT_POWER and payload > 0):
            return self._nonzero[arguments[0]]
        return None
