"""The exact value of what is rational: whole numbers and decimals under + - × ÷ and the like."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gradcli.exact.numbers import Number, Target

if TYPE_CHECKING:
    from collections.abc import Callable

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


def rounded(value: Fraction) -> Fraction:
    """Return the nearest whole number; a half is rounded away from 0."""
    size = math.floor(abs(value) + Fraction(1, 2))
    return Fraction(size if value >= 0 else -size)


def hypotenuse(x: Fraction, y: Fraction) -> Fraction:
    """Return a length that is a fraction."""
    return root(x * x + y * y, 2)


def direction(x: Fraction, y: Fraction) -> Fraction:
    """Return x/hypot(x, y), and 0 at the origin."""
    return x / hypotenuse(x, y) if x or y else Fraction(0)


def remainder(x: Fraction, y: Fraction) -> Fraction:
    """Return the remainder with the sign of the divisor."""
    return x - y * math.floor(x / y)


def clipped(x: Fraction, low: Fraction, high: Fraction) -> Fraction:
    """Return x between low and high; high where low is above it."""
    return min(max(x, low), high)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pow": power,
    "power": power,
    "constant power": power,
    "sqrt": lambda x: root(x, 2),
    "cbrt": lambda x: root(x, 3),
    "hypot": hypotenuse,
    "direction": direction,
    "log to a base": logarithm,
    "log2": lambda x: logarithm(x, Fraction(2)),
    "log10": lambda x: logarithm(x, Fraction(10)),
    "factorial": factorial,
    "gamma": lambda x: factorial(x - 1),
    "floor": math.floor,
    "ceil": math.ceil,
    "round": rounded,
    "mod": remainder,
    "max": max,
    "min": min,
    "clip": clipped,
    "copysign": lambda x, y: -abs(x) if y < 0 else abs(x),
}
_AT_ZERO = dict.fromkeys(("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh"), 0) | {
    "erf": 0,
    "expm1": 0,
    "log1p": 0,
    "gelu": 0,
    "exp": 1,
    "cos": 1,
    "cosh": 1,
    "erfc": 1,
}
_AT_ONE = {"log": 0, "acos": 0, "acosh": 0, "lgamma": 0}


class Rationals(Target):
    """Fractions; a function whose value is none has no value."""

    number = Rational
    own = frozenset(_FUNCTIONS) | {"gelu", "lgamma", "degrees", "radians"}

    def __getattr__(self, name: str) -> Callable[..., Rational]:
        """Return a function of fractions."""
        function = _FUNCTIONS.get(name)

        def apply(*arguments: Any) -> Rational:
            given = [Rational.of(argument) for argument in arguments]
            if any(x is None for x in given):
                return Rational(None)
            try:
                if function is not None:
                    found = Fraction(function(*given))
                elif name in _AT_ZERO and given == [0]:
                    found = Fraction(_AT_ZERO[name])
                elif name in _AT_ONE and given == [1]:
                    found = Fraction(_AT_ONE[name])
                else:
                    return Rational(None)
            except ArithmeticError:
                return Rational(None)
            return Rational(found if is_short(found) else None)

        return apply


RATIONALS = Rationals()
