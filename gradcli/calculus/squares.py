"""Sums of squares, recognised from the graph: what the residuals are, and how they are counted."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from gradcli.graph.operations import (
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    SUBTRACT,
    TABLE,
)
from gradcli.graph.shapes import broadcast, sized
from gradcli.graph.simplify import DerivedNode
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

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
    sign: int = 1
    """1 or -1, the sign that the response has in the residual."""
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
    varying = graph.depending_on(parameters, graph.reachable([result]))
    summed, factors = _split(graph, result, lambda node: (graph.fixed(node) or 0) > 0)
    factor = _scale(graph, factors)
    operation, arguments, payload = graph.rows[summed]
    if operation in {MEAN, MSE}:
        factor /= prod(sized(broadcast(*map(graph.shape, arguments)), rows))
    if operation in {SUM, MEAN} and payload is None:
        found = _weighted_square(graph, arguments[0], varying)
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
    varying = graph.depending_on(parameters, graph.below(residual))
    if residual not in varying:
        return None
    return Squares(residual, weight, *_response(graph, residual, varying), factor)


def _split(
    graph: Graph, node: int, is_factor: Callable[[int], bool]
) -> tuple[int, list[tuple[int, bool]]]:
    """Return a node without its factors, and these with whether they divide.

    `is_factor` says what counts as a factor.
    """
    factors: list[tuple[int, bool]] = []
    while True:
        operation, arguments, _ = graph.rows[node]
        if operation not in {MULTIPLY, DIVIDE}:
            return node, factors
        left, right = arguments
        if operation is MULTIPLY and is_factor(left):
            factors.append((left, False))
            node = right
        elif is_factor(right):
            factors.append((right, operation is DIVIDE))
            node = left
        else:
            return node, factors


def _scale(graph: Graph, factors: Iterable[tuple[int, bool]]) -> float:
    """Return the product of factors; 0 where one depends on a name."""
    scale = 1.0
    for factor, divides in factors:
        number = graph.fixed(factor)
        if not number:
            return 0.0
        scale = scale / number if divides else scale * number
    return scale


def _square(
    graph: Graph, node: int, varying: Collection[int]
) -> tuple[int, list[tuple[int, bool]]] | None:
    """Return e of c*e^2, and the factors of c with whether they divide; None for anything else.

    The factors are not `varying`.
    """
    square, factors = _split(graph, node, lambda factor: factor not in varying)
    operation, arguments, payload = graph.rows[square]
    is_square = operation is CONSTANT_POWER and payload == 2
    is_product = operation is MULTIPLY and arguments[0] == arguments[1]
    return (arguments[0], factors) if is_square or is_product else None


def _weighted_square(
    graph: Graph, node: int, varying: Collection[int]
) -> tuple[int, int | None] | None:
    """Return residual and weight of weight*e^2; None when the node is something else."""
    found = _square(graph, node, varying)
    if found is None:
        return None
    weight: DerivedNode | None = None
    for each, divides in found[1]:
        factor = 1 / DerivedNode(graph, each) if divides else DerivedNode(graph, each)
        weight = factor if weight is None else weight * factor
    return found[0], None if weight is None else weight.id


def _response(graph: Graph, residual: int, varying: Collection[int]) -> tuple[int | None, int]:
    """Return the one term of the residual that is data, and 1 or -1, its sign there.

    That of y - a*x - b is y; None without one.
    """
    fixed = [pair for pair in graph.terms(residual, varying.__contains__) if pair[0] not in varying]
    data = [pair for pair in fixed if graph.fixed(pair[0]) is None]
    if len(data) != 1:
        return None, 1
    ((response, sign),) = data
    operation, arguments, _ = graph.rows[residual]
    if operation is SUBTRACT and arguments[0] == response:
        return response, 1  # the left side of a model, which keeps its sign: -y ~ a*x
    while graph.rows[response][0] is NEGATE:
        response, sign = graph.rows[response][1][0], -sign
    return response, sign


def sum_of_terms(graph: Graph, result: int, parameters: Collection[int]) -> int | None:
    """Return the node of the residuals of a sum such as 100*(y - x^2)^2 + (1 - x)^2, as an array.

    Each term must be a square times a positive number; None when one is something else.
    """
    varying = graph.depending_on(parameters, graph.reachable([result]))
    residuals: list[int] = []
    for term, sign in graph.terms(result, varying.__contains__):
        found = _square(graph, term, varying) if term in varying else None
        scale = 0.0 if found is None else sign * _scale(graph, found[1])
        if found is None or scale <= 0 or graph.shape(found[0]):
            return None
        residuals.append((DerivedNode(graph, found[0]) * scale**0.5).id)
    return graph.add(TABLE["array"], tuple(residuals))
