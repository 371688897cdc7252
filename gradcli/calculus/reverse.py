"""Reverse mode: one backward pass for the derivatives of one node with respect to all others.

The cotangent of a node is a pair (mask, value). The mask is the condition under which the result
reads that node at all; None is "always". `where(c, a, b)` passes (m and c, g) to a and
(m and not c, g) to b, every other operation multiplies the value and keeps the mask, and where
paths with different masks meet, each value is masked with its own. So a branch that is not taken
contributes 0 even when its derivative is infinite there, and graphs without `where` pay nothing.

The cotangent of an array has its shape: what broadcasting repeated is summed again, and of a number
that was repeated the mask holds when it does for one of its copies.

Which nodes move at all when some nodes do is a mask too: what 0 times an infinite partial
derivative is. `sqrt(b*x)` does not move with b where x is 0. Its derivative with respect to b is 0
there, although the chain rule multiplies an infinite partial by 0. That is read from the graph: a
factor that does not depend on b is 0. A rate that is 0 is not enough: `((c - 3)^4)^0.2` moves at 3,
and its derivative there is infinite. Both modes ask for the condition, and only where a partial can
be infinite, so that other formulas pay nothing.
"""

from __future__ import annotations

from functools import cached_property

from gradcli.graph import shapes
from gradcli.graph.node import Growing
from gradcli.graph.operations import (
    ADD,
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
from gradcli.graph.simplify import INDEX, DerivedNode, broadcast_to, is_condition, simplified
from gradcli.graph.structural import EACH, jvp, read, vjp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from gradcli.graph.node import Graph

COLLAPSE = TABLE["collapse"]
Mask = int | None
"""Says of which numbers of a node something holds: a node that is not 0 there, or None, which is
"everywhere". A mask may be smaller than the array that it speaks of: it is broadcast."""
Cotangent = tuple[Mask, int]
"""The derivative of the result with respect to a node, (mask, value): the value where the mask
holds, 0 elsewhere."""


def gradient(
    graph: Graph,
    result: int,
    by: Iterable[int],
    inside: Sequence[int] | None = None,
    *,
    free: Collection[int] | None = None,
    others_stay: bool = True,
) -> dict[int, int]:
    """Return the nodes that are the derivatives of `result` with respect to each of the nodes `by`.

    They are added to the same graph. A node that the result does not depend on gets 0. For an
    array as `result` they are the derivatives of the sum of its numbers. Where 0 meets an infinite
    partial, they are right as long as the other names stay; without `others_stay` they have no
    value there, are shorter, and can be differentiated by any name. `inside` and `free` are the
    `order` and `free` of a `Sweep`; by default all that the result depends on is passed through.
    """
    order = graph.reachable([result]) if inside is None else inside
    return Sweep(graph, order, by, free=free, others_stay=others_stay).gradient_of(result, by)


def backward(
    graph: Graph, result: int, by: Iterable[int], inside: Sequence[int] | None = None
) -> Sweep:
    """Return the derivatives of `result` with respect to the nodes `by`, and all local partials.

    Only edges that lead to one of `by` are followed, so `by` may be a few of very many.
    """
    order = graph.reachable([result]) if inside is None else inside
    sweep = Sweep(graph, order, by, keeps_locals=True)
    sweep.gradient_of(result, by)
    return sweep


def input_cotangents(
    graph: Graph, node: int, slope: int, inputs: Collection[int], by: Collection[int]
) -> dict[int, int]:
    """Return what one node adds to the cotangents of those of its `inputs` that are in `by`.

    `slope` is the derivative of the result with respect to the node, and has its shape. All that
    lies between the node and its inputs is passed through.
    """
    cotangents = _passed(graph, node, (None, slope), inputs, by)
    return {below: masked(graph, below, part) for below, part in cotangents.items()}


def _passed(
    graph: Graph, root: int, cotangent: Cotangent, inputs: Collection[int], by: Collection[int]
) -> dict[int, Cotangent]:
    """Return what a node adds to the cotangents of those of `inputs` below it that are in `by`."""
    sweep = Sweep(graph, graph.below(root, inputs), by, free=by)
    cotangents = sweep.run({root: cotangent})
    return {below: cotangents[below] for below in by if below in cotangents}


class Sweep:
    """Passes cotangents from users to arguments, in reverse order.

    `order` are nodes in topological order. The nodes `by` that depend on others of them move with
    those, unless they are given as `free`.
    """

    def __init__(
        self,
        graph: Graph,
        order: Sequence[int],
        by: Iterable[int],
        *,
        free: Collection[int] | None = None,
        others_stay: bool = True,
        keeps_locals: bool = False,
    ) -> None:
        self.graph = graph
        self._keeps_locals = keeps_locals
        self.gradient: dict[int, int] = {}
        """For each node asked for, the node that is the derivative with respect to it."""
        self.locals: dict[tuple[int, int], int] = {}
        """For each edge (node, position of the argument), the local partial derivative, where the
        pass `keeps_locals`."""
        self.moving: dict[int, int] = {}
        """For some nodes the mask of where their first argument moves; the others' always does."""
        by = set(by)
        self._order = order
        self._active = graph.depending_on(by, order)
        self._others_stay = others_stay
        if free is None:
            free = {node for node in by if self._active.isdisjoint(graph.rows[node][1])}
        self._free = free

    def gradient_of(self, root: int, by: Iterable[int]) -> dict[int, int]:
        """Return the derivatives of a node, or of the sum of its numbers, with respect to nodes."""
        graph = self.graph
        one = broadcast_to(graph, graph.constant(1), graph.shape(root))
        with Growing():
            cotangents = self.run({root: (None, one)})
            self.gradient = {node: masked(graph, node, cotangents.get(node)) for node in by}
        return self.gradient

    def run(self, cotangents: dict[int, Cotangent]) -> dict[int, Cotangent]:
        """Return the cotangents of all nodes that can be changed and are read."""
        graph, rows, active = self.graph, self.graph.rows, self._active
        for node in reversed(self._order):
            cotangent = cotangents.get(node)
            if cotangent is None or node not in active:
                continue
            operation = rows[node][0]
            parts: Iterable[tuple[int, Cotangent]]
            if operation.expansion is not None:
                arguments = dict.fromkeys(rows[node][1])
                wanted = [argument for argument in arguments if argument in active]
                expanded = expansion(graph, node)
                parts = _passed(graph, expanded, cotangent, arguments, wanted).items()
            elif operation.structural:
                parts = self._structural_vjp(node, cotangent)
            else:
                parts = self._elementwise_vjp(node, cotangent)
            for argument, part in parts:
                before = cotangents.get(argument)
                cotangents[argument] = part if before is None else _accumulated(graph, before, part)
        return cotangents

    def _elementwise_vjp(self, node: int, cotangent: Cotangent) -> Iterator[tuple[int, Cotangent]]:
        """Yield what an elementwise operation adds to the cotangents of its arguments."""
        graph = self.graph
        operation, arguments, payload = graph.rows[node]
        mask, value = cotangent
        at_node = DerivedNode(graph, node)
        handles = at_node.inputs
        for position, argument in enumerate(arguments):
            if argument not in self._active:
                continue
            partial = _partial(at_node, handles, position)
            if partial.__class__ is not DerivedNode and partial == 0:
                continue
            if self._keeps_locals:
                self.locals[node, position] = as_node(graph, partial)
            here, slope = mask, value
            if operation is WHERE:
                here = both(graph, mask, branch(graph, node, position))
            elif partial.__class__ is DerivedNode or partial != 1:
                slope = simplified(graph, MULTIPLY, (value, as_node(graph, partial)))
            if not position and self._others_stay and operation.is_steep(payload):
                moving = self._movement.mask(argument)
                if moving is not None:
                    self.moving[node] = moving
                    here = both(graph, mask, moving)
            if graph.has_arrays:
                here, slope = _summed_to_argument(graph, node, argument, (here, slope))
            yield argument, (here, slope)

    def _structural_vjp(self, node: int, cotangent: Cotangent) -> Iterator[tuple[int, Cotangent]]:
        """Yield what an operation on arrays adds to the cotangents of its arguments."""
        graph = self.graph
        operation, arguments, payload = graph.rows[node]
        mask, value = cotangent
        value = broadcast_to(graph, value, graph.shape(node))
        mask_of = None
        if mask is not None and graph.shape(mask):
            value = masked(graph, node, cotangent)
            mask_of = pullback(graph, node, mask)
        elif operation is INDEX and arguments[0] in self._steep:
            mask = both(graph, mask, pullback(graph, node, None)(0))
        at_node, slope = DerivedNode(graph, node), DerivedNode(graph, value)
        handles = at_node.inputs
        for position, argument in enumerate(arguments):
            if argument not in self._active:
                continue
            part = vjp(operation, position, slope, at_node, handles, payload)
            if isinstance(part, DerivedNode):
                if mask_of is not None:
                    # Nobody asks what a name is read for once its cotangent is 0 where it is not.
                    mask = mask_of(position) if graph.rows[argument][1] else None
                yield argument, (mask, part.id)

    @cached_property
    def _movement(self) -> Movement:
        return Movement(self.graph, self._free, self._active)

    @cached_property
    def _steep(self) -> Collection[int]:
        """The nodes that depend on one whose derivative can be infinite, or are such a one."""
        rows = self.graph.rows
        steep = [
            node
            for node in self._order
            if node in self._active and rows[node][0].is_steep(rows[node][2])
        ]
        return self.graph.depending_on(steep, self._order) if steep else ()


def _summed_to_argument(graph: Graph, node: int, argument: int, cotangent: Cotangent) -> Cotangent:
    """Return the cotangent of an argument that was broadcast to the shape of its user."""
    mask, value = cotangent
    whole, shape = graph.shape(node), graph.shape(argument)
    value = broadcast_to(graph, value, whole)
    if whole == shape:
        return mask, value
    if mask is not None and shapes.broadcast(graph.shape(mask), shape) != shape:
        # Numbers of different masks are about to be added up: each is masked before.
        value = masked(graph, node, cotangent)
        seen = graph.add(COLLAPSE, (counted(graph, mask, node).id,), shape)
        mask = seen if graph.rows[argument][1] else None
    return mask, graph.add(COLLAPSE, (value,), shape)


def expansion(graph: Graph, node: int) -> int:
    """Return the node of an operation written out in simpler ones."""
    operation, _, payload = graph.rows[node]
    at_node = DerivedNode(graph, node)
    assert operation.expansion is not None  # noqa: S101 - the caller has seen it
    expanded = operation.expansion(at_node, *operation.with_payload(at_node.inputs, payload))
    assert isinstance(expanded, DerivedNode)  # noqa: S101 - rules return nodes
    return expanded.id


def local(graph: Graph, node: int, position: int) -> int | None:
    """Return the partial derivative of a node with respect to an argument; None where it is 0."""
    at_node = DerivedNode(graph, node)
    partial = _partial(at_node, at_node.inputs, position)
    if not isinstance(partial, DerivedNode) and partial == 0:
        return None
    return as_node(graph, partial)


def _partial(node: DerivedNode, inputs: tuple[DerivedNode, ...], position: int) -> Any:
    """Return a local partial derivative, a node or a number; `inputs` are those of the node."""
    operation, _, payload = node.graph.rows[node.id]
    if operation.binds:  # to know it one must differentiate
        from gradcli.calculus import bound

        return bound.partial(node.graph, node.id, position, slope)
    return operation.partial(position, node, inputs, payload)


def slope(graph: Graph, root: int, by: int) -> int:
    """Return the derivative of a number with respect to one node."""
    return gradient(graph, root, [by])[by]


def as_node(graph: Graph, partial: DerivedNode | float) -> int:
    """Return what a rule of the table gave, a node or a number, as a node."""
    return partial.id if isinstance(partial, DerivedNode) else graph.constant(partial)


def masked(graph: Graph, node: int, cotangent: Cotangent | None) -> int:
    """Return a cotangent as one node: the value where the mask holds, else 0."""
    shape = graph.shape(node)
    value = graph.constant(0) if cotangent is None else kept(graph, *cotangent)
    return broadcast_to(graph, value, shape)


def _accumulated(graph: Graph, first: Cotangent, second: Cotangent) -> Cotangent:
    """Return the sum of two cotangents of the same node, from different paths."""
    mask, value = first
    other_mask, other_value = second
    if mask == other_mask:
        return mask, simplified(graph, ADD, (value, other_value))
    if mask is not None and other_mask is not None:
        chosen = _either_or(graph, (mask, value), (other_mask, other_value))
        if chosen is not None:
            return chosen
    both_kept = kept(graph, *first), kept(graph, *second)
    total = simplified(graph, ADD, both_kept)
    if mask is None or other_mask is None:
        return None, total
    return simplified(graph, OR_ELSE, (mask, other_mask)), total


def _either_or(graph: Graph, first: tuple[int, int], second: tuple[int, int]) -> Cotangent | None:
    """Return the sum when the masks are c and not c, perhaps both below an outer mask."""
    outer, inner = _innermost(graph, first[0])
    other_outer, other_inner = _innermost(graph, second[0])
    here, there = (inner, first[1]), (other_inner, second[1])
    for (condition, value), (opposite, otherwise) in ((here, there), (there, here)):
        if outer == other_outer and is_negation(graph, opposite, condition):
            return outer, simplified(graph, WHERE, (condition, value, otherwise))
    return None


def _innermost(graph: Graph, mask: int) -> tuple[int | None, int]:
    operation, arguments, _ = graph.rows[mask]
    return (arguments[0], arguments[1]) if operation is AND_ALSO else (None, mask)


# ---------------------------------------------------------------- masks


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
        if mask is None:
            return None
        if found is not None and (
            is_negation(graph, found, mask) or is_negation(graph, mask, found)
        ):
            return None
        found = mask if found is None else simplified(graph, OR_ELSE, (found, mask))
    return graph.constant(0) if found is None else found


def is_negation(graph: Graph, mask: int, condition: int) -> bool:
    """Return whether a mask is written as the negation of a condition."""
    operation, arguments, _ = graph.rows[mask]
    return operation is NOT_SO and arguments == (condition,)


def kept(graph: Graph, mask: Mask, value: int) -> int:
    """Return the value where the mask holds, else 0."""
    if mask is None:
        return value
    return simplified(graph, WHERE, (mask, value, graph.constant(0)))


def counted(graph: Graph, mask: Mask, node: int) -> DerivedNode:
    """Return an array of the shape of a node with 1 where the mask holds and 0 elsewhere."""
    if mask is None or not is_condition(graph, mask):
        mask = kept(graph, mask, graph.constant(1))
    return DerivedNode(graph, broadcast_to(graph, mask, graph.shape(node)))


def pushforward(graph: Graph, node: int, masks: Mapping[int, Mask]) -> int:
    """Return which numbers of a linear operation depend on those of its arguments in the masks.

    `masks` are given by the position of the argument; the other arguments stay, and what is
    multiplied with a 0 of theirs has no effect.
    """
    operation, arguments, payload = graph.rows[node]
    stay = len(masks) < len(arguments) and operation.linear == EACH
    units = [counted(graph, argument if stay else None, argument) for argument in arguments]
    counts = {i: counted(graph, mask, arguments[i]) for i, mask in masks.items()}
    return int(jvp(operation, counts, DerivedNode(graph, node), units, payload).id)


def pullback(graph: Graph, node: int, mask: Mask) -> Callable[[int], int]:
    """Return which numbers of an argument, by its position, an operation on arrays reads.

    `mask` says which numbers of its value count.
    """
    operation, arguments, payload = graph.rows[node]
    # All factors are 1: nothing that is read is taken for 0.
    units = [counted(graph, None, argument) for argument in arguments]
    f, count = DerivedNode(graph, node), counted(graph, mask, node)
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
