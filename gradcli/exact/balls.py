"""Balls: a midpoint and a radius that holds the true value, by Arb in python-flint.

One more target of the bodies of rows. A condition that a ball leaves open makes a ball of both
branches; where no more digits are tried, `Deciding` takes balls that overlap as equal.
"""

from __future__ import annotations

import math
import time
from fractions import Fraction
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from flint import acb, arb, arb_series, ctx, fmpq

from gradcli.exact.numbers import OPEN, Number, Target
from gradcli.graph.operations import EXACT_VALUES
from gradcli.graph.special import recurred

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.graph.bodies import Body
    from gradcli.graph.forms import Bound
    from gradcli.graph.operations import Operation


class Ball(Number):
    """A ball of Arb."""

    __slots__ = ()
    decides = False
    """Whether balls that overlap are equal."""

    @classmethod
    def convert(cls, value: Fraction) -> Any:
        """Return what computes for the ball of a fraction."""
        return cls.held(ball(value))

    def order(self, other: Any) -> int | None:
        """Return -1, 0 or 1 as the number is less, equal or greater; None when that is open."""
        x, y = self.value, self.of(other)
        if x < y:
            return -1
        if x > y:
            return 1
        # Of a node of the graph there is one ball: what is the same is equal.
        if x is y or (x.is_exact() and y.is_exact()):
            return 0
        return 0 if self.decides and x.is_finite() and y.is_finite() else None


class Decided(Ball):
    """A ball that is equal to others which it overlaps."""

    __slots__ = ()
    decides = True


def ball(value: Fraction) -> Any:
    """Return the ball of a fraction, for equal ones the same."""
    return _ball(f"{value.numerator:x}", f"{value.denominator:x}", ctx.prec)


@lru_cache(10_000)
def _ball(above: str, below: str, bits: int) -> Any:  # noqa: ARG001 - a part of the key
    """Return a ball by texts, which differ in their hashes; all powers of two have 61."""
    numerator, denominator = int(above, 16), int(below, 16)
    return arb(numerator) if denominator == 1 else arb(fmpq(numerator, denominator))


def _constant(body: Body) -> Any:
    """Return a constant that a body makes of others."""
    return body(BALLS).value


CONSTANTS: dict[str, Callable[[], Any]] = {
    "pi": arb.pi,
    "e": arb.const_e,
    "inf": arb.pos_inf,
    "-inf": arb.neg_inf,
}
CONSTANTS |= {name: partial(_constant, body) for name, body in EXACT_VALUES.items()}


def power(x: Any, y: Any) -> Any:
    """Return a power; 0 is an end of it where a base may be 0 or less."""
    if y.is_exact() and y.is_integer():
        return x ** int(y.unique_fmpz())
    if x == 0 and y > 0:
        return arb(0)
    found = x**y
    if not found.is_finite() and x.contains(arb(0)) and y > 0 and x.is_finite():
        # Of a base that may be 0 the power is between 0 and that of the upper end.
        return arb(0).union(x.upper() ** y)
    return found


def root(x: Any, degree: Any) -> Any:
    """Return a root, as above."""
    if x == 0:
        return x
    found = x.root(int(degree.unique_fmpz()))
    if not found.is_finite() and x.is_finite() and x.contains(arb(0)):
        return arb(0).union(root(x.upper(), degree))
    return found


def derivative_of_voigt(x: Any, sigma: Any, gamma: Any, which: Any) -> Any:
    """Return a derivative of the Voigt profile, as gradcli.graph.scientific has it.

    Re f(x + iγ) is (f(x + iγ) + f(-x + iγ))/2, which is analytic in x and γ; it is the same for Im.
    """
    n, is_imaginary = divmod(int(which.real.unique_fmpz()), 2)

    def at(x: Any) -> Any:
        z = acb(x) + acb(0, 1) * gamma
        if sigma == 0:
            return acb(0, 1) * arb(n).fac() * arb(-1) ** n / (arb.pi() * z ** (n + 1))
        scale = acb(sigma) * arb(2).sqrt()
        z = z / scale
        value = (-z * z).exp() * (acb(0, -1) * z).erfc()
        found = recurred(-2, z, n, value, acb(0, 2) / arb.pi().sqrt())
        return found / (scale ** (n + 1) * arb.pi().sqrt())

    right, left = at(x), at(-x) * (-1) ** n
    return (right - left) / acb(0, 2) if is_imaginary else (right + left) / 2


def of_series(name: str, position: Any, order: int, series: Any) -> Any:
    """Return a derivative of a function of python-flint, from its power series there."""
    before, ctx.cap = ctx.cap, order + 1
    try:
        return getattr(series([position, 1], prec=order + 1), name)()[order] * arb(order).fac()
    finally:
        ctx.cap = before


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pow": power,
    "sqrt": lambda x: root(x, arb(2)),
    "root": root,
    "derivative_of_voigt": derivative_of_voigt,
}
"""Functions of balls; all others are python-flint's own, for real or else complex balls."""


class Balls(Target):
    """Balls of Arb."""

    number: type[Number] = Ball
    constants: Mapping[str, Callable[[], Any]] = CONSTANTS
    own = frozenset({"pow", "sqrt", "floor", "ceil"})
    forms: ClassVar[dict[str, Callable[..., Any]]] = {}
    """The operations that bind a name, which gradcli.exact.proofs adds."""

    def has(self, name: str) -> bool:
        """Return whether there is a function of the name of a row that is better than its body."""
        return hasattr(arb, name) or hasattr(acb, name)

    def __getattr__(self, name: str) -> Callable[..., Number]:
        """Return a function of balls."""
        function = FUNCTIONS.get(name) or getattr(arb, name, None)
        if function is None:
            in_general = getattr(acb, name)

            def function(x: Any, *others: Any) -> Any:
                return in_general(acb(x), *others)

        def apply(*arguments: Any, **options: int) -> Number:
            return self.applied(lambda *x: real_part(function(*x, **options)), *arguments)

        setattr(self, name, apply)
        return apply

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Return x where the condition holds, else y; a ball of both where that is open."""
        if condition is OPEN:
            return self.number(self.number.of(x).union(self.number.of(y)))
        return x if condition else y

    def floor(self, x: Any) -> Number:
        """Return the greatest whole number that is not above x."""
        return self.applied(self._floor, x)

    def _floor(self, x: Any) -> Any:
        return x.floor()

    def ceil(self, x: Any) -> Number:
        """Return the least whole number that is not below x."""
        return self.applied(lambda x: -self._floor(-x), x)

    def derivative(self, name: str, x: Any, order: int) -> Number:
        """Return a derivative of a function of python-flint."""
        return self.applied(lambda x: of_series(name, x, order, arb_series), x)

    def form(self, operation: Operation, inputs: list[Any], bound: Bound) -> Any:
        """Return the value of an operation that binds a name: an integral, sum, product or root."""
        if any(x is None for x in inputs):
            return None
        return self.forms[operation.name](self, bound, *inputs)


def real_part(x: Any) -> Any:
    """Return the ball of a number that is known to be real."""
    if isinstance(x, arb):
        return x
    return x.real if x.imag.contains(arb(0)) else arb.nan()


class Deciding(Balls):
    """Balls that are equal to what they overlap."""

    number = Decided

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Return x where the condition holds, else y; no number where that is open."""
        return self.number(arb.nan()) if condition is OPEN else x if condition else y

    def _floor(self, x: Any) -> Any:
        whole = x.unique_fmpz()
        return x.floor() if whole is None else arb(whole)


BALLS, DECIDING = Balls(), Deciding()
Ball.target, Decided.target = BALLS, DECIDING


class Clock:
    """When to give up what takes long, as time.process_time() has it."""

    end = math.inf

    @classmethod
    def check(cls) -> None:
        """Raise OutOfTimeError when it is too late."""
        if time.process_time() > cls.end:
            raise OutOfTimeError


class OutOfTimeError(ArithmeticError):
    """There is no time left for more digits."""


LARGEST_EXPONENT = 60_000
"""Bits of numbers that are written out; beyond, a value is too large or too small for anything."""


def ends_and_middle(x: Any) -> tuple[Fraction, Fraction, Fraction] | None:
    """Return both ends of a ball and its midpoint; None where it is not bounded, or enormous."""
    if not x.is_finite():
        return None
    found = []
    for exact in (x.lower(), x.upper(), x.mid()):
        mantissa, exponent = map(int, exact.man_exp())
        if exponent > LARGEST_EXPONENT:
            return None
        is_tiny = mantissa.bit_length() + exponent < -LARGEST_EXPONENT
        found.append(Fraction(0) if is_tiny else mantissa * Fraction(2) ** exponent)
    low, high, middle = found
    return low, high, middle
