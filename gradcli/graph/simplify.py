"""Value-preserving identities, applied to a derived node while it is made.

Each identity holds for every double, infinities and nan included (`0*x` is not 0 for all x, so it
stays). The user's own formula never passes through here: it is kept as it was typed.
"""

from __future__ import annotations

import operator
from functools import partial

from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import (
    ADD,
    AND_ALSO,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT_SO,
    OR_ELSE,
    POWER_OF,
    POWLOG,
    SUBTRACT,
    TABLE,
    WHERE,
    Operation,
)
from gradcli.graph.precedence import COMPARISON
from gradcli.graph.shapes import indexed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Self

    from gradcli.graph.shapes import Shape

BROADCAST, INDEX, RESHAPE = TABLE["broadcast"], TABLE["index"], TABLE["reshape"]

_SHORTENED = frozenset({CONSTANT, NEGATE})
"""Operations of the operands that most identities are about."""

LARGEST_WHOLE = 2.0**53
"""Whole numbers up to here are exact, so folding them changes nothing and reads better."""


class DerivedNode(Node):
    """A node whose arithmetic leaves out what changes no value: x*1, x+0, --x, x^1."""

    __slots__ = ()

    def build(self, operation: Operation, arguments: tuple[int, ...], payload: Any = None) -> Self:
        """Return the node of an operation, or a shorter one that always has the same value."""
        return self.at(simplified(self.graph, operation, arguments, payload))


def simplified(
    graph: Graph, operation: Operation, arguments: tuple[int, ...], payload: Any = None
) -> int:
    """Return the id of the shortest node known to have the value of `operation`."""
    if graph.has_arrays:
        arguments = _narrow(graph, operation, arguments)
        if operation is BROADCAST and graph.shape(arguments[0]) == payload:
            return arguments[0]
        if operation is INDEX:
            source, inputs, _ = graph.rows[arguments[0]]
            if source is BROADCAST and not graph.shape(inputs[0]):
                shape = indexed(graph.shape(arguments[0]), payload)
                return graph.add(BROADCAST, inputs, shape) if shape else inputs[0]
    identity = _IDENTITIES.get(operation)
    node = identity(graph, arguments, payload) if identity else None
    return graph.add(operation, arguments, payload) if node is None else node


def broadcast_to(graph: Graph, node: int, shape: Shape) -> int:
    """Return the node repeated along new axes and those of length 1, so that it has the shape."""
    if graph.shape(node) == shape:
        return node
    return simplified(graph, BROADCAST, (node,), shape)


def _narrow(graph: Graph, operation: Operation, arguments: tuple[int, ...]) -> tuple[int, ...]:
    """Return the arguments without broadcasts that the operation itself implies."""
    if operation is BROADCAST:
        source, inputs, _ = graph.rows[arguments[0]]
        return inputs if source is RESHAPE and not graph.shape(inputs[0]) else arguments
    if operation.structural or len(arguments) != 2:
        return arguments
    narrow = list(arguments)
    for position, other in ((0, 1), (1, 0)):
        source, inputs, shape = graph.rows[narrow[position]]
        opposite = graph.shape(narrow[other])
        if (source is BROADCAST and opposite == shape) or (
            source is RESHAPE and not graph.shape(inputs[0]) and len(opposite) >= len(shape)
        ):
            narrow[position] = inputs[0]
    return tuple(narrow)


def _negated(graph: Graph, node: int) -> int | None:
    """Return x when `node` is -x and not a number, else None."""
    operation, arguments, _ = graph.rows[node]
    return arguments[0] if operation is NEGATE and graph.number(node) is None else None


def _negate(graph: Graph, node: int) -> int:
    operation, arguments, _ = graph.rows[node]
    if operation is NEGATE:
        return arguments[0]
    return graph.add(NEGATE, (node,))


def _arithmetic(
    function: Callable[[float, float], float],
    identity: Callable[[Graph, int, int, float | None, float | None], int | None],
) -> Callable[[Graph, tuple[int, ...], object], int | None]:
    """Return the identities of an operator: whole numbers are folded, else `identity` is asked.

    It takes both operands, and those of them that are numbers; it is not asked about two different
    operands of which none is a number or a negation.
    """

    def apply(graph: Graph, arguments: tuple[int, ...], _: object) -> int | None:
        x, y = arguments
        rows = graph.rows
        if x != y and rows[x][0] not in _SHORTENED and rows[y][0] not in _SHORTENED:
            return None
        a, b = graph.number(x), graph.number(y)
        if a is not None and b is not None and (b or function is not operator.truediv):
            values = (a, b, function(a, b))
            if all(v == int(v) and abs(v) <= LARGEST_WHOLE for v in values):
                return graph.constant(values[-1] + 0.0)
        return identity(graph, x, y, a, b)

    return apply


def _add(graph: Graph, x: int, y: int, a: float | None, b: float | None) -> int | None:
    if a == 0 or b == 0:
        return y if a == 0 else x
    if x == y:
        return simplified(graph, MULTIPLY, (graph.constant(2), x))
    for first, second in ((x, y), (y, x)):
        negated = _negated(graph, second)
        if negated is not None:
            return simplified(graph, SUBTRACT, (first, negated))
    return None


def _subtract(graph: Graph, x: int, y: int, a: float | None, b: float | None) -> int | None:
    if b == 0:
        return x
    if a == 0:
        return _negate(graph, y)
    negated = _negated(graph, y)
    return None if negated is None else simplified(graph, ADD, (x, negated))


def _scaled(
    operation: Operation, graph: Graph, x: int, y: int, a: float | None, b: float | None
) -> int | None:
    """Return a product or quotient without a factor 1 or -1, or with the signs of both before it.

    `a` and `b` are the numbers that x and y are.
    """
    for factor, other in ((None if operation is DIVIDE else a, y), (b, x)):
        if factor in {1, -1}:
            return other if factor == 1 else _negate(graph, other)
    left, right = _negated(graph, x), _negated(graph, y)
    if left is None and right is None:
        return None
    parts = (x if left is None else left, y if right is None else right)
    found = simplified(graph, operation, parts)
    return _negate(graph, found) if left is None or right is None else found


def _power(graph: Graph, arguments: tuple[int, ...], exponent: float) -> int | None:
    if exponent == 1:
        return arguments[0]
    if exponent == 0 and not graph.shape(arguments[0]):
        return graph.constant(1)
    return None


def _powlog(graph: Graph, arguments: tuple[int, ...], _: object) -> int | None:
    """e^y·ln(e)^k is e^y, since the logarithm of e is exactly 1."""
    base = graph.rows[arguments[0]]
    return graph.add(POWER_OF, arguments) if base[0] is NAMED_CONSTANT and base[2] == "e" else None


def _not(graph: Graph, arguments: tuple[int, ...], _: object) -> int | None:
    """A double negation is 1 or 0, which its operand is only if it is a condition itself."""
    operation, inner, _ = graph.rows[arguments[0]]
    if operation is NOT_SO and is_condition(graph, inner[0]):
        return inner[0]
    return None


def _of_same(graph: Graph, arguments: tuple[int, ...], _: object) -> int | None:
    """A condition and, or or, itself is that condition."""
    x, y = arguments
    return x if x == y and is_condition(graph, x) else None


def _where(graph: Graph, arguments: tuple[int, ...], _: object) -> int | None:
    condition, x, y = arguments
    number = graph.number(condition)
    if number is not None and graph.shape(x) == graph.shape(y):
        return y if number == 0 else x
    if x != y or len(graph.shape(condition)) > len(graph.shape(x)):
        return None
    return x if graph.shape(condition) in {(), graph.shape(x)} else None


def is_condition(graph: Graph, node: int) -> bool:
    """Return whether the node's value is always 1 or 0."""
    return graph.rows[node][0].level <= COMPARISON


_IDENTITIES = {
    ADD: _arithmetic(operator.add, _add),
    SUBTRACT: _arithmetic(operator.sub, _subtract),
    MULTIPLY: _arithmetic(operator.mul, partial(_scaled, MULTIPLY)),
    DIVIDE: _arithmetic(operator.truediv, partial(_scaled, DIVIDE)),
    NEGATE: lambda graph, arguments, _: _negate(graph, arguments[0]),
    CONSTANT_POWER: _power,
    POWLOG: _powlog,
    NOT_SO: _not,
    AND_ALSO: _of_same,
    OR_ELSE: _of_same,
    WHERE: _where,
}
