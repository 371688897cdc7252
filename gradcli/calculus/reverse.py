"""Reverse mode: one backward pass that gives the derivative of one node by all others, as nodes.

The adjoint of a node is a pair (mask, value). The mask is the condition under which the result
reads that node at all; None is "always". `where(c, a, b)` hands (m and c, g) to a and
(m and not c, g) to b, every other operation multiplies the value and keeps the mask, and where
paths with different masks meet, each value is gated by its own. So a branch that is not taken
contributes 0 even when its derivative is infinite there, and graphs without `where` pay nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcli.graph.operations import ADD, AND_ALSO, MULTIPLY, NOT_SO, OR_ELSE, WHERE
from gradcli.graph.simplify import DerivedNode, simplified

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gradcli.graph.node import Graph


class Adjoint(NamedTuple):
    """The derivative of the result by a node: `value` where `mask` holds, 0 elsewhere."""

    mask: int | None
    value: int


class Derivatives(NamedTuple):
    """The outcome of one backward pass."""

    gradient: dict[int, int]
    """For each node asked for, the node that is the derivative by it."""
    locals: dict[tuple[int, int], int]
    """For each edge (node, position of the argument), the local partial derivative."""


def gradient(graph: Graph, result: int, by: Iterable[int]) -> dict[int, int]:
    """Return the nodes that are the derivatives of `result` by each of the nodes `by`.

    They are added to the same graph. A node that the result does not depend on gets 0.
    """
    return backward(graph, result, by).gradient


def backward(graph: Graph, result: int, by: Iterable[int]) -> Derivatives:
    """Return the derivatives of `result` by the nodes `by`, and all local partial derivatives.

    Only edges that lead to one of `by` are followed, so `by` may be a few of very many.
    """
    by = list(by)
    order = graph.reachable([result])
    active = graph.depending_on(by, order)
    one = graph.constant(1)
    adjoints: dict[int, Adjoint] = {result: Adjoint(None, one)}
    partials: dict[tuple[int, int], int] = {}
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is None or node not in active:
            continue
        operation, arguments, _ = graph.rows[node]
        for position, argument in enumerate(arguments):
            if argument not in active:
                continue
            partial = local(graph, node, position)
            if partial is None:
                continue
            partials[node, position] = partial
            if operation is WHERE:
                handed = Adjoint(_branch(graph, adjoint.mask, node, position), adjoint.value)
            else:
                handed = Adjoint(adjoint.mask, _product(graph, adjoint.value, partial))
            before = adjoints.get(argument)
            adjoints[argument] = handed if before is None else _meet(graph, before, handed)
    return Derivatives({node: gated(graph, adjoints.get(node)) for node in by}, partials)


def local(graph: Graph, node: int, position: int) -> int | None:
    """Return the partial derivative of a node by one of its arguments; None where it is 0."""
    operation, arguments, payload = graph.rows[node]
    handles = tuple([DerivedNode(graph, argument) for argument in arguments])
    partial = operation.partial(position, DerivedNode(graph, node), handles, payload)
    if isinstance(partial, DerivedNode):
        return partial.id
    return None if partial == 0 else graph.constant(partial)


def gated(graph: Graph, adjoint: Adjoint | None) -> int:
    """Return the derivative as one node: the value where the mask holds, 0 elsewhere."""
    if adjoint is None:
        return graph.constant(0)
    if adjoint.mask is None:
        return adjoint.value
    return simplified(graph, WHERE, (adjoint.mask, adjoint.value, graph.constant(0)), None)


def _product(graph: Graph, value: int, partial: int) -> int:
    return simplified(graph, MULTIPLY, (value, partial), None)


def _sum(graph: Graph, first: int, second: int) -> int:
    return simplified(graph, ADD, (first, second), None)


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
    total = _sum(graph, gated(graph, first), gated(graph, second))
    if first.mask is None or second.mask is None:
        return Adjoint(None, total)
    return Adjoint(simplified(graph, OR_ELSE, (first.mask, second.mask), None), total)


def _either_or(graph: Graph, first: Adjoint, second: Adjoint) -> tuple[int | None, int | None]:
    """Return (mask, value) when the masks are c and not c, perhaps both below an outer mask."""
    masks: Mapping[int, tuple[int | None, int]] = {
        mask: _innermost(graph, mask) for mask in (first.mask, second.mask) if mask is not None
    }
    (outer, inner), (other_outer, other_inner) = masks[first.mask], masks[second.mask]  # type: ignore[index]
    if outer != other_outer:
        return None, None
    zero_value = None
    if _is_not(graph, other_inner, inner):
        zero_value = (inner, first.value, second.value)
    elif _is_not(graph, inner, other_inner):
        zero_value = (other_inner, second.value, first.value)
    if zero_value is None:
        return None, None
    return outer, simplified(graph, WHERE, zero_value, None)


def _innermost(graph: Graph, mask: int) -> tuple[int | None, int]:
    operation, arguments, _ = graph.rows[mask]
    return (arguments[0], arguments[1]) if operation is AND_ALSO else (None, mask)


def _is_not(graph: Graph, node: int, condition: int) -> bool:
    operation, arguments, _ = graph.rows[node]
    return operation is NOT_SO and arguments[0] == condition
