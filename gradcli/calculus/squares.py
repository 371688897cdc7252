"""Sums of squares, recognised from the graph: what the residuals are, and how they are counted."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from gradcli.graph.operations import (
    ADD,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    SUBTRACT,
    TABLE,
)
from gradcli.graph.shapes import broadcast, sized
from gradcli.graph.simplify import DerivedNode

if TYPE_CHECKING:
    from collections.abc import Collection

    from gradcli.graph.node import Graph

SUM, MEAN, MSE, DOT, NORM = (TABLE[name] for name in ("sum", "mean", "mse", "dot", "norm"))


class Squares(NamedTuple):
    """An objective that is a positive constant times the sum of weighted squared residuals."""

    residual: int
    """The node of the residuals, without their weights; its squares are added up."""
    weight: int | None
    """The node of the weights of the squares; None when all are 1."""
    response: int | None
    """The one term of the residual that is data, as y in y - a*x - b; None without one."""
    factor: float = 1.0
    """What the sum is multiplied with."""


def squares(
    graph: Graph, result: int, parameters: Collection[int], rows: int = 0
) -> Squares | None:
    """Return the residuals whose sum of squares `result` is; None when it is something else.

    The length ROWS stands for so many `rows`.

    Recognised are sum and mean of e^2, e*e, weight*e^2 and e^2/divisor, mse(a, b), dot(e, e) and
    norm(e)^2, all of them times or divided by positive numbers; a weight or divisor must not depend
    on the parameters.
    """
    moving = graph.depending_on(parameters, graph.reachable([result]))
    summed, factor = _without_factors(graph, result)
    operation, arguments, payload = graph.rows[summed]
    if operation in {MEAN, MSE}:
        factor /= prod(sized(broadcast(*map(graph.shape, arguments)), rows))
    if operation in {SUM, MEAN} and payload is None:
        found = _weighted_square(graph, arguments[0], moving)
    elif operation is MSE:
        found = graph.add(SUBTRACT, arguments), None
    elif operation is DOT and arguments[0] == arguments[1]:
        found = arguments[0], None
    elif operation is CONSTANT_POWER and payload == 2:
        inner, parts, axis = graph.rows[arguments[0]]
        found = (parts[0], None) if inner is NORM and axis is None else None
    else:
        found = None
    if found is None:
        return None
    residual, weight = found
    moving = graph.depending_on(parameters, graph.below(residual))
    if residual not in moving:
        return None
    return Squares(residual, weight, _response(graph, residual, moving), factor)


def _without_factors(graph: Graph, node: int) -> tuple[int, float]:
    """Return the node without the positive numbers that it is multiplied with, and their product.

    Divisors count as factors too.
    """
    factor = 1.0
    while True:
        operation, arguments, _ = graph.rows[node]
        if operation not in {MULTIPLY, DIVIDE}:
            return node, factor
        first, second = [graph.fixed(argument) for argument in arguments]
        if operation is MULTIPLY and first is not None and first > 0:
            factor, node = factor * first, arguments[1]
        elif second is not None and second > 0:
            factor = factor / second if operation is DIVIDE else factor * second
            node = arguments[0]
        else:
            return node, factor


def _weighted_square(
    graph: Graph, node: int, moving: Collection[int]
) -> tuple[int, int | None] | None:
    """Return residual and weight of weight*e^2; None when the node is something else."""
    weight: DerivedNode | None = None
    while True:
        operation, arguments, payload = graph.rows[node]
        if operation is CONSTANT_POWER and payload == 2:
            return arguments[0], None if weight is None else weight.id
        if operation not in {MULTIPLY, DIVIDE}:
            return None
        left, right = arguments
        if operation is MULTIPLY and left == right:
            return left, None if weight is None else weight.id
        if operation is MULTIPLY and left not in moving:
            factor, node = DerivedNode(graph, left), right
        elif right not in moving:
            factor, node = DerivedNode(graph, right), left
            factor = 1 / factor if operation is DIVIDE else factor
        else:
            return None
        weight = factor if weight is None else weight * factor


def _response(graph: Graph, residual: int, moving: Collection[int]) -> int | None:
    """Return the one term of the residual that is data, as y in y - a*x - b; None without one."""
    fixed = [term for term, _ in _terms(graph, residual, moving) if term not in moving]
    data = [term for term in fixed if graph.fixed(term) is None]
    return data[0] if len(data) == 1 else None


def _terms(graph: Graph, root: int, moving: Collection[int]) -> list[tuple[int, int]]:
    """Return the terms of a sum and their signs; what no parameter changes is not taken apart."""
    found: list[tuple[int, int]] = []
    waiting = [(root, 1)]
    while waiting:
        node, sign = waiting.pop()
        operation, arguments, _ = graph.rows[node]
        if node in moving and operation in {ADD, SUBTRACT}:
            second = -sign if operation is SUBTRACT else sign
            waiting += [(arguments[1], second), (arguments[0], sign)]
        elif node in moving and operation is NEGATE:
            waiting.append((arguments[0], -sign))
        else:
            found.append((node, sign))
    return found


def sum_of_terms(graph: Graph, result: int, parameters: Collection[int]) -> int | None:
    """Return the node of the residuals of a sum such as 100*(y - x^2)^2 + (1 - x)^2, as an array.

    Each term must be a square times a positive number; None when one is something else.
    """
    moving = graph.depending_on(parameters, graph.reachable([result]))
    residuals: list[int] = []
    for term, sign in _terms(graph, result, moving):
        found = _scaled_square(graph, term, moving)
        if found is None or sign * found[1] <= 0 or graph.shape(found[0]):
            return None
        residual = DerivedNode(graph, found[0]) * (sign * found[1]) ** 0.5
        residuals.append(residual.id)
    return graph.add(TABLE["array"], tuple(residuals))


def _scaled_square(graph: Graph, node: int, moving: Collection[int]) -> tuple[int, float] | None:
    """Return e and c of c*e^2; None when the node is something else, or does not move."""
    factor = 1.0
    while node in moving:
        operation, arguments, payload = graph.rows[node]
        if operation is CONSTANT_POWER and payload == 2:
            return arguments[0], factor
        if operation not in {MULTIPLY, DIVIDE}:
            return None
        left, right = arguments
        if operation is MULTIPLY and left == right:
            return left, factor
        first, second = graph.fixed(left), graph.fixed(right)
        if operation is MULTIPLY and first is not None:
            factor, node = factor * first, right
        elif second is None or second == 0:
            return None
        elif operation is MULTIPLY:
            factor, node = factor * second, left
        else:
            factor, node = factor / second, left
    return None
