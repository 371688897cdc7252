"""The exact value of numbers joined by + - * / and whole powers, as they were typed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NAMED_VALUES,
    NEGATE,
    SUBTRACT,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation

LONGEST = 400
"""Characters of a number that is read exactly; of a longer one its double is taken."""

MOST_BITS = 4096
"""Bits of numerator and denominator; what has more is rounded to its double."""

_ARITHMETIC: dict[Operation, Callable[..., Fraction]] = {
    ADD: Fraction.__add__,
    SUBTRACT: Fraction.__sub__,
    MULTIPLY: Fraction.__mul__,
    DIVIDE: Fraction.__truediv__,
    NEGATE: Fraction.__neg__,
}


class Rational(NamedTuple):
    """A value, and whether it is exact: pi, sqrt(2) and the like stand for their doubles."""

    value: Fraction
    is_exact: bool


def rational(graph: Graph, node: int, texts: Mapping[int, str]) -> Rational | None:
    """Return the value of a node made of numbers, or None for any other.

    `texts` are the typed numbers by node: 0.1 is one tenth, not the double nearest to it.
    """
    values: dict[int, Fraction] = {}
    is_exact = True
    for step in graph.reachable([node]):
        operation, arguments, payload = graph.rows[step]
        inputs = [values[argument] for argument in arguments]
        try:
            if operation is CONSTANT:
                text = texts.get(step, repr(payload))
                found = Fraction(text if len(text) <= LONGEST and payload else payload)
            elif (arithmetic := _ARITHMETIC.get(operation)) is not None:
                found = arithmetic(*inputs)
            elif operation is CONSTANT_POWER and _is_small(inputs[0], payload):
                found = inputs[0] ** int(payload)
            elif operation is NAMED_CONSTANT:
                found, is_exact = Fraction(NAMED_VALUES[payload]), False
            elif operation.value is None or operation.structural:
                return None
            else:
                extra = () if payload is None else (payload,)
                found = Fraction(operation.value(*map(float, inputs), *extra))
                is_exact = False
            if _bits(found) > MOST_BITS:
                found = Fraction(float(found))
        except (ArithmeticError, ValueError):
            return None
        values[step] = found
    return Rational(values[node], is_exact)


def _is_small(base: Fraction, exponent: float) -> bool:
    """Return whether a power is one of a whole number, and not too long to be written out."""
    return exponent == exponent // 1 and _bits(base) * abs(exponent) <= MOST_BITS


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())
