"""The exact value of what is rational: whole numbers and decimals under + - × ÷ and the like."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gradcli.exact.alarm import FLOATS
from gradcli.exact.numbers import Number, Target
from gradcli.graph.operations import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.operations import Operation

MOST_BITS = 20_000
"""Bits of numerator and denominator; what has more is left to other arithmetic."""
LARGEST_FACTORIAL = 2_000


class NotRationalError(ArithmeticError):
    """A value is no fraction, or too long a one."""


class Rational(Number):
    """A fraction of whole numbers."""

    __slots__ = ()

    def _with(self, function: Callable[..., Any], x: Any, y: Any) -> Rational:
        found = super()._with(function, x, y)
        return found if found.value is None or is_short(found.value) else Rational(None)


def is_short(value: Fraction) -> bool:
    """Return whether a fraction has no more than MOST_BITS."""
    return max(value.numerator.bit_length(), value.denominator.bit_length()) <= MOST_BITS


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return a power that is a fraction. Raises NotRationalError for any other."""
    if exponent.denominator != 1:
        if base < 0:
            raise NotRationalError
        return power(root(base, exponent.denominator), Fraction(exponent.numerator))
    count = exponent.numerator
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if base and abs(base) != 1 and size * abs(count) > MOST_BITS:
        raise NotRationalError
    return base ** (count % 2 + 2 if abs(base) == 1 else count)


def root(value: Fraction, degree: int) -> Fraction:
    """Return a root that is a fraction. Raises NotRationalError for any other."""
    parts = []
    for part in (abs(value.numerator), value.denominator):
        if degree > part.bit_length():
            found = 1 if part else 0
        elif degree == 2:
            found = math.isqrt(part)
        else:
            found = _whole_root(part, degree)
        if found**degree != part:
            raise NotRationalError
        parts.append(found)
    return Fraction(parts[0] if value >= 0 else -parts[0], parts[1])


def _whole_root(value: int, degree: int) -> int:
    """Return the largest whole number whose power is not above the value, by Newton's method."""
    found = 1 << -(-value.bit_length() // degree)
    while True:
        better = ((degree - 1) * found + value // found ** (degree - 1)) // degree
        if better >= found:
            return found
        found = better


def logarithm(value: Fraction, base: Fraction) -> Fraction:
    """Return a logarithm that is a whole number. Raises NotRationalError for any other."""
    if value <= 0 or base <= 0 or base == 1:
        raise NotRationalError
    guess = (math.log2(value.numerator) - math.log2(value.denominator)) / (
        math.log2(base.numerator) - math.log2(base.denominator)
    )
    count = round(guess)
    if power(base, Fraction(count)) != value:
        raise NotRationalError
    return Fraction(count)


def factorial(value: Fraction) -> Fraction:
    """Return the factorial of a whole number."""
    if value.denominator != 1 or not 0 <= value <= LARGEST_FACTORIAL:
        raise NotRationalError
    return Fraction(math.factorial(value.numerator))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pow": power,
    "root": lambda x, degree: root(x, degree.numerator),
    "sqrt": lambda x: root(x, 2),
    "log to a base": logarithm,
    "log2": lambda x: logarithm(x, Fraction(2)),
    "log10": lambda x: logarithm(x, Fraction(10)),
    "factorial": factorial,
    "gamma": lambda x: factorial(x - 1),
    "floor": math.floor,
    "ceil": math.ceil,
}
PLAIN = frozenset({0, 1})
"""Of these numbers the functions are fractions that doubles have exactly, or no fractions."""
EXACT = frozenset({0.0, 0.25, 0.5, 1.0})
"""What doubles give of them, if it is a fraction."""


class Rationals(Target):
    """Fractions; a function whose value is none has no value."""

    number = Rational
    own = frozenset(_FUNCTIONS)

    def __getattr__(self, name: str) -> Callable[..., Number]:
        """Return a function of fractions."""
        function = _FUNCTIONS.get(name)

        def value(*given: Fraction) -> Fraction | None:
            if function is None:
                row = TABLE[name]
                # The last of the arguments would be its payload, which is no number of this kind.
                return _plain(row, list(given), None) if row.payload is None else None
            try:
                found = Fraction(function(*given))
            except ArithmeticError:
                return None
            return found if is_short(found) else None

        return lambda *arguments: self.applied(value, *arguments)

    def of_whole(self, count: Callable[..., int], *numbers: Any) -> Number:
        """Return a function of whole numbers."""

        def value(*given: Fraction) -> Fraction | None:
            are_whole = all(x.denominator == 1 for x in given)
            return Fraction(count(*[x.numerator for x in given])) if are_whole else None

        return self.applied(value, *numbers)

    def apply(self, operation: Operation, inputs: list[Any], payload: Any) -> Any:
        """Return the fraction that is the value of a row; None where it is none."""
        found = super().apply(operation, inputs, payload)
        if found is not None or operation.binds is not None:
            return found
        return _plain(operation, inputs, payload)


def _plain(operation: Operation, inputs: list[Any], payload: Any) -> Fraction | None:
    """Return the value of a row at 0 and 1, if it is a fraction."""
    if not PLAIN.issuperset(inputs):
        return None
    value = FLOATS.value(operation, payload, [float(x) for x in inputs])
    return Fraction(value) if value in EXACT else None


RATIONALS = Rationals()
Rational.target = RATIONALS
