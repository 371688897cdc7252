"""Reverse mode: one backward pass that gives the derivative of one node by all others, as nodes.

The adjoint of a node is a pair (mask, value). The mask is the condition under which the result
reads that node at all; None is "always". `where(c, a, b)` hands (m and c, g) to a and
(m and not c, g) to b, every other operation multiplies the value and keeps the mask, and where
paths with different masks meet, each value is gated by its own. So a branch that is not taken
contributes 0 even when its derivative is infinite there, and graphs without `where` pay nothing.

The adjoint of an array has its shape: what broadcasting repeated is summed again.
"""

from __future__ import annotations

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
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape


class Adjoint:
    """The derivative of the result by a node: `value` where `mask` holds, 0 elsewhere."""

    __slots__ = ("mask", "value")

    def __init__(self, mask: int | None, value: int) -> None:
        self.mask = mask
        self.value = value


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
    return backward(graph, result, by).gradient


def backward(graph: Graph, result: int, by: Iterable[int]) -> Derivatives:
    """Return the derivatives of `result` by the nodes `by`, and all local partial derivatives.

    Only edges that lead to one of `by` are followed, so `by` may be a few of very many.
    """
    by = list(by)
    order = graph.reachable([result])
    active = graph.depending_on(by, order)
    one = spread(graph, graph.constant(1), graph.shape(result))
    adjoints: dict[int, Adjoint] = {result: Adjoint(None, one)}
    partials: dict[tuple[int, int], int] = {}
    _sweep(graph, order, active, adjoints, partials)
    return Derivatives({node: gated(graph, node, adjoints.get(node)) for node in by}, partials)


def derivatives_between(
    graph: Graph, root: int, inside: Sequence[int], by: Collection[int]
) -> dict[int, int]:
    """Return the derivatives of a number by the nodes `by`, which count as free.

    `inside` are the nodes from `root` down to `by`, in topological order.
    """
    adjoints = {root: Adjoint(None, graph.constant(1))}
    _sweep(graph, inside, graph.depending_on(by, inside), adjoints, {})
    return {node: gated(graph, node, adjoints.get(node)) for node in by}


def handed(
    graph: Graph, node: int, slope: int, inputs: Collection[int], by: Collection[int]
) -> dict[int, int]:
    """Return what a node hands back to those of its `inputs` that are in `by`, as nodes.

    `slope` is the derivative of the result by the node, and has its shape. All that lies between
    the node and its inputs is passed through.
    """
    inside = between(graph, node, inputs)
    adjoints = {node: Adjoint(None, slope)}
    _sweep(graph, inside, {*by, *graph.depending_on(by, inside)}, adjoints, {})
    return {below: gated(graph, below, adjoints[below]) for below in by if below in adjoints}


def _sweep(
    graph: Graph,
    order: Sequence[int],
    active: Collection[int],
    adjoints: dict[int, Adjoint],
    partials: dict[tuple[int, int], int],
) -> None:
    """Hand the adjoints down from users to arguments, in reverse order."""
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is None or node not in active:
            continue
        operation, arguments, _ = graph.rows[node]
        if operation.expansion is not None:
            for argument, handed in _through(graph, node, adjoint, active).items():
                _hand(graph, adjoints, argument, handed)
            continue
        for position, argument in enumerate(arguments):
            if argument not in active:
                continue
            if operation.structural:
                moved = _moved(graph, node, position, adjoint)
                if moved is not None:
                    _hand(graph, adjoints, argument, moved)
                continue
            partial = local(graph, node, position)
            if partial is not None:
                partials[node, position] = partial
                handed = _multiplied(graph, node, position, adjoint, partial)
                _hand(graph, adjoints, argument, handed)


def _hand(graph: Graph, adjoints: dict[int, Adjoint], node: int, handed: Adjoint) -> None:
    before = adjoints.get(node)
    adjoints[node] = handed if before is None else _meet(graph, before, handed)


def _multiplied(graph: Graph, node: int, position: int, adjoint: Adjoint, partial: int) -> Adjoint:
    """Return what an elementwise operation hands to one of its arguments."""
    operation, arguments, _ = graph.rows[node]
    if operation is WHERE:
        handed = Adjoint(_branch(graph, adjoint.mask, node, position), adjoint.value)
    else:
        product = simplified(graph, MULTIPLY, (adjoint.value, partial), None)
        handed = Adjoint(adjoint.mask, product)
    if not graph.has_arrays:
        return handed
    shape = graph.shape(arguments[position])
    value = spread(graph, handed.value, graph.shape(node))
    if graph.shape(value) == shape:
        return Adjoint(handed.mask, value)
    # Numbers of different masks are about to be added up: each must be gated before.
    return Adjoint(None, _collapsed(graph, gated(graph, node, handed), shape))


def _moved(graph: Graph, node: int, position: int, adjoint: Adjoint) -> Adjoint | None:
    """Return what an operation on whole arrays hands to one of its arguments."""
    operation, arguments, payload = graph.rows[node]
    mask = adjoint.mask
    value = spread(graph, adjoint.value, graph.shape(node))
    if mask is not None and graph.shape(mask):
        mask, value = None, gated(graph, node, adjoint)
    handles = tuple([DerivedNode(graph, argument) for argument in arguments])
    at_node = DerivedNode(graph, node)
    pulled = operation.pulled(position, DerivedNode(graph, value), at_node, handles, payload)
    return Adjoint(mask, pulled.id) if isinstance(pulled, DerivedNode) else None


def _through(
    graph: Graph, node: int, adjoint: Adjoint, active: Collection[int]
) -> dict[int, Adjoint]:
    """Return what an operation hands to its arguments that is differentiated by its expansion."""
    arguments = graph.rows[node][1]
    expanded = expansion(graph, node)
    wanted = [argument for argument in dict.fromkeys(arguments) if argument in active]
    order = between(graph, expanded, arguments)
    adjoints = {expanded: adjoint}
    _sweep(graph, order, graph.depending_on(wanted, order), adjoints, {})
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
    if isinstance(partial, DerivedNode):
        return partial.id
    return None if partial == 0 else graph.constant(partial)


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
    if adjoint is None:
        return spread(graph, graph.constant(0), shape)
    if adjoint.mask is None:
        return spread(graph, adjoint.value, shape)
    branches = (adjoint.mask, adjoint.value, graph.constant(0))
    return spread(graph, simplified(graph, WHERE, branches, None), shape)


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
    if first.mask == second.mask:
        return Adjoint(first.mask, _sum(graph, first.value, second.value))
    if first.mask is not None and second.mask is not None:
        outer, chosen = _either_or(graph, first, second)
        if chosen is not None:
            return Adjoint(outer, chosen)
    total = _sum(graph, _gate(graph, first), _gate(graph, second))
    if first.mask is None or second.mask is None:
        return Adjoint(None, total)
    return Adjoint(simplified(graph, OR_ELSE, (first.mask, second.mask), None), total)


def _gate(graph: Graph, adjoint: Adjoint) -> int:
    if adjoint.mask is None:
        return adjoint.value
    branches = (adjoint.mask, adjoint.value, graph.constant(0))
    return simplified(graph, WHERE, branches, None)


def _sum(graph: Graph, first: int, second: int) -> int:
    return simplified(graph, ADD, (first, second), None)


def _either_or(graph: Graph, first: Adjoint, second: Adjoint) -> tuple[int | None, int | None]:
    """Return (mask, value) when the masks are c and not c, perhaps both below an outer mask."""
    masks: Mapping[int | None, tuple[int | None, int]] = {
        mask: _innermost(graph, mask) for mask in (first.mask, second.mask) if mask is not None
    }
    (outer, inner), (other_outer, other_inner) = masks[first.mask], masks[second.mask]
    if outer != other_outer:
        return None, None
    if _is_not(graph, other_inner, inner):
        branches = (inner, first.value, second.value)
    elif _is_not(graph, inner, other_inner):
        branches = (other_inner, second.value, first.value)
    else:
        return None, None
    return outer, simplified(graph, WHERE, branches, None)


def _innermost(graph: Graph, mask: int) -> tuple[int | None, int]:
    operation, arguments, _ = graph.rows[mask]
    return (arguments[0], arguments[1]) if operation is AND_ALSO else (None, mask)


def _is_not(graph: Graph, node: int, condition: int) -> bool:
    operation, arguments, _ = graph.rows[node]
    return operation is NOT_SO and arguments[0] == condition
