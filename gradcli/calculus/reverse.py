"""Reverse mode: one backward pass that gives the derivative of one node by all others, as nodes.

The adjoint of a node is a pair (mask, value). The mask is the condition under which the result
reads that node at all; None is "always". `where(c, a, b)` hands (m and c, g) to a and
(m and not c, g) to b, every other operation multiplies the value and keeps the mask, and where
paths with different masks meet, each value is gated by its own. So a branch that is not taken
contributes 0 even when its derivative is infinite there, and graphs without `where` pay nothing.

The adjoint of an array has its shape: what broadcasting repeated is summed again.
"""

from __future__ import annotations

from gradcli.graph.node import Growing
from gradcli.graph.operations import (
    ADD,
    AND_ALSO,
    MULTIPLY,
    NOT_SO,
    OR_ELSE,
    TABLE,
    WHERE,
)
from gradcli.graph.simplify import DerivedNode, simplified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape


Adjoint = tuple[int | None, int]
"""The derivative of the result by a node, (mask, value): the value where the mask holds, 0
elsewhere."""


class Derivatives:
    """The outcome of one backward pass."""

    __slots__ = ("gradient", "locals")

    def __init__(self, gradient: dict[int, int], local: dict[tuple[int, int], int]) -> None:
        self.gradient = gradient
        """For each node asked for, the node that is the derivative by it."""
        self.locals = local
        """For each edge (node, position of the argument), the local partial derivative."""


def gradient(graph: Graph, result: int, by: Iterable[int]) -> dict[int, int]:
    """Return the nodes that are the derivatives of `result` by each of the nodes `by`.

    They are added to the same graph. A node that the result does not depend on gets 0. For an
    array as `result` they are the derivatives of the sum of its numbers.
    """
    return _backward(graph, result, by, None)


def backward(graph: Graph, result: int, by: Iterable[int]) -> Derivatives:
    """Return the derivatives of `result` by the nodes `by`, and all local partial derivatives.

    Only edges that lead to one of `by` are followed, so `by` may be a few of very many.
    """
    partials: dict[tuple[int, int], int] = {}
    return Derivatives(_backward(graph, result, by, partials), partials)


def _backward(
    graph: Graph, result: int, by: Iterable[int], partials: dict[tuple[int, int], int] | None
) -> dict[int, int]:
    by = list(by)
    order = graph.reachable([result])
    active = graph.depending_on(by, order)
    one = spread(graph, graph.constant(1), graph.shape(result))
    adjoints: dict[int, Adjoint] = {result: (None, one)}
    with Growing():
        _sweep(graph, order, active, adjoints, partials)
    return {node: gated(graph, node, adjoints.get(node)) for node in by}


def derivatives_between(
    graph: Graph, root: int, inside: Sequence[int], by: Collection[int]
) -> dict[int, int]:
    """Return the derivatives of a number by the nodes `by`, which count as free.

    `inside` are the nodes from `root` down to `by`, in topological order.
    """
    adjoints: dict[int, Adjoint] = {root: (None, graph.constant(1))}
    with Growing():
        _sweep(graph, inside, graph.depending_on(by, inside), adjoints, None)
    return {node: gated(graph, node, adjoints.get(node)) for node in by}


def handed(
    graph: Graph, node: int, slope: int, inputs: Collection[int], by: Collection[int]
) -> dict[int, int]:
    """Return what a node hands back to those of its `inputs` that are in `by`, as nodes.

    `slope` is the derivative of the result by the node, and has its shape. All that lies between
    the node and its inputs is passed through.
    """
    inside = between(graph, node, inputs)
    adjoints: dict[int, Adjoint] = {node: (None, slope)}
    _sweep(graph, inside, {*by, *graph.depending_on(by, inside)}, adjoints, None)
    return {below: gated(graph, below, adjoints[below]) for below in by if below in adjoints}


def _sweep(
    graph: Graph,
    order: Sequence[int],
    active: Collection[int],
    adjoints: dict[int, Adjoint],
    partials: dict[tuple[int, int], int] | None,
) -> None:
    """Hand the adjoints down from users to arguments, in reverse order; note the partials."""
    rows = graph.rows
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is None or node not in active:
            continue
        operation, arguments, payload = rows[node]
        if operation.expansion is not None:
            for argument, handed in _through(graph, node, adjoint, active).items():
                _hand(graph, adjoints, argument, handed)
            continue
        at_node = DerivedNode(graph, node)
        handles = tuple([DerivedNode(graph, argument) for argument in arguments])
        for position, argument in enumerate(arguments):
            if argument not in active:
                continue
            if operation.structural:
                moved = _moved(graph, node, position, adjoint)
                if moved is not None:
                    _hand(graph, adjoints, argument, moved)
                continue
            partial = operation.partial(position, at_node, handles, payload)
            if partial.__class__ is not DerivedNode and partial == 0:
                continue
            if partials is not None:
                partials[node, position] = as_node(graph, partial)
            handed = _multiplied(graph, node, position, adjoint, partial)
            _hand(graph, adjoints, argument, handed)


def _hand(graph: Graph, adjoints: dict[int, Adjoint], node: int, handed: Adjoint) -> None:
    before = adjoints.get(node)
    adjoints[node] = handed if before is None else _meet(graph, before, handed)


def _multiplied(
    graph: Graph, node: int, position: int, adjoint: Adjoint, partial: DerivedNode | float
) -> Adjoint:
    """Return what an elementwise operation hands to one of its arguments."""
    operation, arguments, _ = graph.rows[node]
    mask, value = adjoint
    if operation is WHERE:
        mask = _branch(graph, mask, node, position)
    elif partial.__class__ is DerivedNode or partial != 1:
        value = simplified(graph, MULTIPLY, (value, as_node(graph, partial)), None)
    if not graph.has_arrays:
        return mask, value
    shape = graph.shape(arguments[position])
    value = spread(graph, value, graph.shape(node))
    if graph.shape(value) == shape:
        return mask, value
    # Numbers of different masks are about to be added up: each must be gated before.
    return None, _collapsed(graph, gated(graph, node, (mask, value)), shape)


def _moved(graph: Graph, node: int, position: int, adjoint: Adjoint) -> Adjoint | None:
    """Return what an operation on whole arrays hands to one of its arguments."""
    operation, arguments, payload = graph.rows[node]
    mask, value = adjoint
    value = spread(graph, value, graph.shape(node))
    if mask is not None and graph.shape(mask):
        mask, value = None, gated(graph, node, adjoint)
    handles = tuple([DerivedNode(graph, argument) for argument in arguments])
    at_node = DerivedNode(graph, node)
    pulled = operation.pulled(position, DerivedNode(graph, value), at_node, handles, payload)
    return (mask, pulled.id) if isinstance(pulled, DerivedNode) else None


def _through(
    graph: Graph, node: int, adjoint: Adjoint, active: Collection[int]
) -> dict[int, Adjoint]:
    """Return what an operation hands to its arguments that is differentiated by its expansion."""
    arguments = graph.rows[node][1]
    expanded = expansion(graph, node)
    wanted = [argument for argument in dict.fromkeys(arguments) if argument in active]
    order = between(graph, expanded, arguments)
    adjoints = {expanded: adjoint}
    _sweep(graph, order, graph.depending_on(wanted, order), adjoints, None)
    return {argument: adjoints[argument] for argument in wanted if argument in adjoints}


def expansion(graph: Graph, node: int) -> int:
    """Return the node of an operation written out in simpler ones."""
    operation, arguments, payload = graph.rows[node]
    handles = tuple([DerivedNode(graph, argument) for argument in arguments])
    extra = () if operation.payload is None else (payload,)
    assert operation.expansion is not None  # noqa: S101 - the caller has seen it
    expanded = operation.expansion(DerivedNode(graph, node), *handles, *extra)
    assert isinstance(expanded, DerivedNode)  # noqa: S101 - rules return nodes
    return expanded.id


def between(graph: Graph, root: int, stops: Collection[int]) -> list[int]:
    """Return the nodes above `stops` that lead to `root`, in topological order."""
    found = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node not in found and node not in stops:
            found.add(node)
            waiting.extend(graph.rows[node][1])
    return sorted(found)


def local(graph: Graph, node: int, position: int) -> int | None:
    """Return the partial derivative of a node by one of its arguments; None where it is 0."""
    operation, arguments, payload = graph.rows[node]
    handles = tuple([DerivedNode(graph, argument) for argument in arguments])
    partial = operation.partial(position, DerivedNode(graph, node), handles, payload)
    if not isinstance(partial, DerivedNode) and partial == 0:
        return None
    return as_node(graph, partial)


def as_node(graph: Graph, partial: DerivedNode | float) -> int:
    """Return what a rule of the table gave, a node or a number, as a node."""
    return partial.id if isinstance(partial, DerivedNode) else graph.constant(partial)


def spread(graph: Graph, node: int, shape: Shape) -> int:
    """Return the node repeated so that it has the shape."""
    if graph.shape(node) == shape:
        return node
    return simplified(graph, TABLE["broadcast"], (node,), shape)


def _collapsed(graph: Graph, node: int, shape: Shape) -> int:
    return node if graph.shape(node) == shape else graph.add(TABLE["collapse"], (node,), shape)


def gated(graph: Graph, node: int, adjoint: Adjoint | None) -> int:
    """Return the derivative by a node as one node: the value where the mask holds, 0 elsewhere."""
    shape = graph.shape(node)
    value = graph.constant(0) if adjoint is None else _gate(graph, adjoint)
    return spread(graph, value, shape)


def _branch(graph: Graph, mask: int | None, node: int, position: int) -> int:
    """Return the mask of a branch of `where`: the mask so far, and the branch's condition."""
    condition = graph.rows[node][1][0]
    if position == 2:
        condition = simplified(graph, NOT_SO, (condition,), None)
    if mask is None:
        return condition
    return simplified(graph, AND_ALSO, (mask, condition), None)


def _meet(graph: Graph, first: Adjoint, second: Adjoint) -> Adjoint:
    """Return the sum of two adjoints of the same node that came by different paths."""
    mask, value = first
    other_mask, other_value = second
    if mask == other_mask:
        return mask, _sum(graph, value, other_value)
    if mask is not None and other_mask is not None:
        chosen = _either_or(graph, (mask, value), (other_mask, other_value))
        if chosen is not None:
            return chosen
    total = _sum(graph, _gate(graph, first), _gate(graph, second))
    if mask is None or other_mask is None:
        return None, total
    return simplified(graph, OR_ELSE, (mask, other_mask), None), total


def _gate(graph: Graph, adjoint: Adjoint) -> int:
    mask, value = adjoint
    if mask is None:
        return value
    return simplified(graph, WHERE, (mask, value, graph.constant(0)), None)


def _sum(graph: Graph, first: int, second: int) -> int:
    return simplified(graph, ADD, (first, second), None)


def _either_or(graph: Graph, first: tuple[int, int], second: tuple[int, int]) -> Adjoint | None:
    """Return the sum when the masks are c and not c, perhaps both below an outer mask."""
    outer, inner = _innermost(graph, first[0])
    other_outer, other_inner = _innermost(graph, second[0])
    if outer != other_outer:
        return None
    if _is_not(graph, other_inner, inner):
        branches = (inner, first[1], second[1])
    elif _is_not(graph, inner, other_inner):
        branches = (other_inner, second[1], first[1])
    else:
        return None
    return outer, simplified(graph, WHERE, branches, None)


def _innermost(graph: Graph, mask: int) -> tuple[int | None, int]:
    operation, arguments, _ = graph.rows[mask]
    return (arguments[0], arguments[1]) if operation is AND_ALSO else (None, mask)


def _is_not(graph: Graph, node: int, condition: int) -> bool:
    operation, arguments, _ = graph.rows[node]
    return operation is NOT_SO and arguments[0] == condition
