"""Numbers of other arithmetic, on which the bodies of rows run; fractions are one kind of them.

A number wraps what computes, so that the plain constants of a body count as the decimals that they
are. Comparisons of balls that overlap are `OPEN`, and so are conditions that depend on them.
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from gradcli.graph.literals import Numeral
from gradcli.graph.operations import CONSTANT, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from typing_extensions import Self

    from gradcli.graph.bodies import Body
    from gradcli.graph.forms import Bound
    from gradcli.graph.operations import Operation


@cache
def fraction(value: float) -> Fraction:
    """Return the decimal that a double stands for: the shortest one, or that of its own text."""
    if isinstance(value, Numeral):
        return Fraction(value.text)
    if value.is_integer() and abs(value) < 1e15:
        return Fraction(int(value))
    return Fraction(repr(float(value)))


class Open:
    """A condition that is not decided: more digits might."""

    def __and__(self, other: Any) -> Any:
        """Return whether both hold."""
        return other if other is False else self

    def __or__(self, other: Any) -> Any:
        """Return whether one of both holds."""
        return other if other is True else self

    def __xor__(self, other: Any) -> Any:
        """Return whether only one of both holds."""
        return self

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__


OPEN = Open()


class Number:
    """A number of a target; None as its value is no number.

    It can stand in the place of a node too, where a row says how it is typed.
    """

    __slots__ = ("value",)
    target: ClassVar[Target]

    def __init__(self, value: Any) -> None:
        self.value = value

    def apply(self, name: str, *others: Any, payload: Any = None) -> Any:
        """Return the value of the row `name` at this number and others."""
        return self.target.value(TABLE[name], (self, *others), payload)

    def constant(self, name: str) -> Any:
        """Return π or e."""
        return self.target.named(name)

    def __pow__(self, other: Any) -> Any:
        """Return the power."""
        return self.apply("power", other)

    @classmethod
    def of(cls, x: Any) -> Any:
        """Return what computes for a number of this kind or a double."""
        return x.value if isinstance(x, Number) else cls.convert(fraction(float(x)))

    @staticmethod
    def held(value: Any) -> Any:
        """Return what computes for a number of the arithmetic that this one is made of."""
        return value

    @classmethod
    def convert(cls, value: Fraction) -> Any:
        """Return what computes for a fraction."""
        return value

    def _with(self, function: Callable[..., Any], x: Any, y: Any) -> Self:
        try:
            return type(self)(function(self.of(x), self.of(y)))
        except (TypeError, ZeroDivisionError):
            return type(self)(None)

    def __neg__(self) -> Self:
        """Return the number with the other sign."""
        return type(self)(None if self.value is None else -self.value)

    def __abs__(self) -> Self:
        """Return the number without its sign."""
        return type(self)(None if self.value is None else abs(self.value))

    def order(self, other: Any) -> int | None:
        """Return -1, 0 or 1 as the number is less, equal or greater; None when that is open."""
        own, others = self.value, self.of(other)
        return None if own is None or others is None else (own > others) - (own < others)

    __hash__ = None  # type: ignore[assignment]


def _arithmetic(function: Callable[..., Any], name: str) -> None:
    """Add a function of two numbers as an operator, from both sides."""
    setattr(Number, f"__{name}__", lambda x, y: x._with(function, x, y))  # noqa: SLF001 - its own
    setattr(Number, f"__r{name}__", lambda y, x: y._with(function, x, y))  # noqa: SLF001


for _function in (operator.add, operator.sub, operator.mul, operator.truediv):
    _arithmetic(_function, _function.__name__)


def _comparison(function: Callable[[int, int], bool]) -> Callable[..., Any]:
    def compared(self: Number, other: Any) -> Any:
        order = self.order(other)
        return OPEN if order is None else function(order, 0)

    return compared


for _function in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
    setattr(Number, f"__{_function.__name__}__", _comparison(_function))


class Target:
    """A target of bodies whose numbers are of the class `number`.

    It has functions of its own, besides what rows say that is right to any number of digits.
    """

    number: type[Number] = Number
    own: frozenset[str]
    constants: Mapping[str, Callable[[], Any]] = {}
    """What computes for pi, tau and e, if they are numbers here."""

    def of(self, x: Any) -> Number:
        """Return a number of this target or a double as a number of it."""
        return x if isinstance(x, Number) else self.number(self.number.of(x))

    def constant(self, x: Any) -> float | None:
        """Return the value of a number that is known now."""
        return None if isinstance(x, Number) else x

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Return x where the condition holds, else y; no number where that is open."""
        return self.number(None) if condition is OPEN else x if condition else y

    def choose(self, condition: Any, f: Body, g: Body, *arguments: Any) -> Any:
        """Return f(m, *arguments) where the condition holds, else g(m, *arguments)."""
        return self.where(condition, f(self, *arguments), g(self, *arguments))

    def named(self, name: str) -> Any:
        """Return pi, tau or e. Raises LookupError where it is no number."""
        return self.number(self.number.held(self.constants[name]()))

    def leaf(self, operation: Operation, payload: Any) -> Any:
        """Return what computes for a constant; None where it is no number here."""
        if operation is CONSTANT:
            return self.number.convert(fraction(payload))
        made = self.constants.get(payload)
        return None if made is None else self.number.held(made())

    def applied(self, function: Callable[..., Any], *arguments: Any) -> Number:
        """Return a function of what computes at numbers; no number where one of them is none.

        A method of a ball that is called with None ends the process.
        """
        given = [self.number.of(argument) for argument in arguments]
        return self.number(None if any(x is None for x in given) else function(*given))

    def has(self, name: str) -> bool:
        """Return whether there is a function of the name of a row that is better than its body."""
        return name in self.own

    def value(self, operation: Operation, numbers: Sequence[Any], payload: Any) -> Any:
        """Return the value of a row; raises an exception, or is None, where it has none here."""
        numbers = numbers if payload is None else (*numbers, payload)
        if operation.name in self.own:
            return getattr(self, operation.name)(*numbers)
        if operation.exact is not None:
            return operation.exact(self, *numbers)
        body = None if operation.for_doubles else operation.body
        if body is None and operation.spelled is not None:
            return operation.spelled(None, *numbers)
        if body is None or self.has(operation.name):
            return getattr(self, operation.name)(*numbers)
        return body(self, *numbers)

    def form(self, operation: Operation, inputs: list[Any], bound: Bound) -> Any:
        """Return the value of an operation that binds a name; None where it has none here."""

    def apply(self, operation: Operation, inputs: list[Any], payload: Any) -> Any:
        """Return what computes for the value of a row; None where it has none here."""
        try:
            if operation.binds:
                return self.form(operation, inputs, payload)
            numbers = [self.number(x) for x in inputs]
            return self.number.of(self.value(operation, numbers, payload))
        except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError):
            return None


# ---------------------------------------------------------------- fractions

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
        if found is not None or operation.binds:
            return found
        return _plain(operation, inputs, payload)


def _plain(operation: Operation, inputs: list[Any], payload: Any) -> Fraction | None:
    """Return the value of a row at 0 and 1, if it is a fraction."""
    if not PLAIN.issuperset(inputs):
        return None
    value = operation.at([float(x) for x in inputs], payload)
    return Fraction(value) if value in EXACT else None


RATIONALS = Rationals()
Rational.target = RATIONALS
