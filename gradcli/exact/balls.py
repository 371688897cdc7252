"""Balls: a midpoint and a radius that holds the true value, by Arb in python-flint.

One more target of the bodies of rows. A condition that a ball leaves open makes a ball of both
branches; where no more digits are tried, `Deciding` takes what cannot be told apart as equal.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from flint import acb, arb, ctx, fmpq

from gradcli.exact.numbers import OPEN, Number, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction


class Ball(Number):
    """A ball of Arb."""

    __slots__ = ()

    @staticmethod
    def convert(value: Fraction) -> Any:
        """Return the ball of a fraction."""
        return ball(value)

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
        return self.undecided(x, y)

    @staticmethod
    def undecided(x: Any, y: Any) -> int | None:  # noqa: ARG004 - Decided reads them
        """Return the order of balls that overlap."""
        return None


class Decided(Ball):
    """A ball that is equal to others which it overlaps."""

    __slots__ = ()

    @staticmethod
    def undecided(x: Any, y: Any) -> int | None:
        """Return the order of balls that overlap."""
        return 0 if x.is_finite() and y.is_finite() else None


def ball(value: Fraction) -> Any:
    """Return the ball of a fraction."""
    if value.denominator == 1:
        return arb(value.numerator)
    return arb(fmpq(value.numerator, value.denominator))


CONSTANTS = {
    "pi": arb.pi,
    "e": arb.const_e,
    "tau": lambda: 2 * arb.pi(),
    "inf": arb.pos_inf,
    "-inf": arb.neg_inf,
}


def _power(x: Any, y: Any) -> Any:
    if y.is_exact() and y.is_integer():
        return x ** int(y.unique_fmpz())
    if x == 0 and y > 0:
        return arb(0)
    found = x**y
    if not found.is_finite() and x.contains(arb(0)) and y > 0 and x.is_finite():
        # Of a base that may be 0 the power is between 0 and that of the upper end.
        return arb(0).union(x.upper() ** y)
    return found


def _root(x: Any) -> Any:
    found = x.sqrt()
    if not found.is_finite() and x.contains(arb(0)):
        return arb(0).union(x.upper().sqrt())
    return found


def _cube_root(x: Any) -> Any:
    if x < 0:
        return -((-x).root(3))
    if x >= 0:
        return x.root(3)
    return (
        -((-x.lower()).root(3))
        if x.upper() == 0
        else (-((-x.lower()).root(3))).union(x.upper().root(3))
    )


def _log_of_gamma(x: Any) -> Any:
    return x.lgamma() if x > 0 else abs(x.gamma()).log()


def _polygamma(x: Any, n: Any) -> Any:
    if x > 0:
        order = int(n.unique_fmpz())
        found = arb(order + 1).zeta(x) * arb(order).fac() if order else x.digamma()
        return found if order % 2 or not order else -found
    return acb(x).polygamma(acb(n)).real


def _spherical_bessel(x: Any, n: Any) -> Any:
    order = int(n.unique_fmpz())
    if x == 0:
        return arb(0 if order else 1)
    size = abs(x)
    found = (arb.pi() / (2 * size)).sqrt() * size.bessel_j(arb(order) + arb(1) / 2)
    return -found if order % 2 and x < 0 else found


def _direction(x: Any, y: Any) -> Any:
    if x == 0 and y == 0:
        return arb(0)
    return x / _root(x * x + y * y)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(arb, name) for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tan")},
    **{name: getattr(arb, name) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh")},
    **{name: getattr(arb, name) for name in ("asinh", "acosh", "atanh", "erf", "erfc")},
    **{name: getattr(arb, name) for name in ("gamma", "digamma")},
    "log2": lambda x: x.log() / arb.const_log2(),
    "log10": lambda x: x.log() / arb.const_log10(),
    "log to a base": lambda x, base: x.log() / base.log(),
    "sqrt": _root,
    "cbrt": _cube_root,
    "pow": _power,
    "power": _power,
    "constant power": _power,
    "atan2": arb.atan2,
    "hypot": lambda x, y: _root(x * x + y * y),
    "direction": _direction,
    "lgamma": _log_of_gamma,
    "factorial": lambda x: (x + 1).gamma(),
    "polygamma": _polygamma,
    "sphericalj": _spherical_bessel,
    "sinc": arb.sinc,
    "gelu": lambda x: x * (-x / _root(arb(2))).erfc() / 2,
    "degrees": lambda x: x * 180 / arb.pi(),
    "radians": lambda x: x * arb.pi() / 180,
    "max": lambda *x: _extreme(x, 1),
    "min": lambda *x: _extreme(x, -1),
    "clip": lambda x, low, high: _extreme((_extreme((x, low), 1), high), -1),
    "copysign": lambda x, y: -abs(x) if y < 0 else abs(x),
}


def _extreme(balls: Any, sign: int) -> Any:
    """Return the greatest or least; the ball itself of the one that it is for certain."""
    found = balls[0]
    for other in balls[1:]:
        low, high = (found, other) if sign > 0 else (other, found)
        if low < high:
            found = other
        elif not low >= high and found is not other:
            found = found.max(other) if sign > 0 else found.min(other)
    return found


class Balls(Target):
    """Balls of Arb."""

    number: type[Number] = Ball
    constants: Mapping[str, Callable[[], Any]] = CONSTANTS
    own = frozenset(FUNCTIONS) | {"floor", "ceil", "round", "mod"}

    def __getattr__(self, name: str) -> Callable[..., Number]:
        """Return a function of balls."""
        function = FUNCTIONS[name]

        def apply(*arguments: Any) -> Number:
            return self.applied(function, *arguments)

        setattr(self, name, apply)
        return apply

    def applied(self, function: Callable[..., Any], *arguments: Any) -> Number:
        """Return a function of balls at numbers; no number where one of them is none.

        A method of a ball that is called with None ends the process.
        """
        balls = [self.number.of(argument) for argument in arguments]
        return self.number(None if any(x is None for x in balls) else function(*balls))

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
        return self.number(-self._floor(-self.number.of(x)))

    def round(self, x: Any) -> Any:
        """Return the nearest whole number; a half is rounded away from 0."""
        inner = self.number.of(x)
        size = self._floor(abs(inner) + arb(1) / 2)
        if inner >= 0 or size.is_zero():
            return self.number(size)
        return self.number(-size if inner < 0 else size.union(-size))

    def mod(self, x: Any, y: Any) -> Number:
        """Return the remainder with the sign of the divisor."""
        one, other = self.number.of(x), self.number.of(y)
        return self.number(one - other * self._floor(one / other))


class Deciding(Balls):
    """Balls that are equal to what they overlap."""

    number = Decided

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Return x where the condition holds, else y; no number where that cannot be told."""
        return self.number(arb.nan()) if condition is OPEN else x if condition else y

    def _floor(self, x: Any) -> Any:
        whole = x.unique_fmpz()
        return x.floor() if whole is None else arb(whole)


BALLS, DECIDING = Balls(), Deciding()


class Clock:
    """When to give up what takes long, as time.perf_counter() has it."""

    end = math.inf

    @classmethod
    def check(cls) -> None:
        """Raise OutOfTimeError when it is too late."""
        if time.perf_counter() > cls.end:
            raise OutOfTimeError


class OutOfTimeError(ArithmeticError):
    """There is no time left for more digits."""


def set_end(seconds: float) -> None:
    """Let what takes long be given up at a time of time.perf_counter()."""
    Clock.end = seconds


def set_precision(bits: int) -> None:
    """Let balls have midpoints of so many bits from now on."""
    ctx.prec = bits


def is_finite(x: Any) -> bool:
    """Return whether a ball is bounded."""
    return bool(x.is_finite())


def ends(x: Any) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return both ends of a ball, each as (m, e) for m 2^e; None where it is not bounded."""
    if not x.is_finite():
        return None
    low, high = x.lower(), x.upper()
    return _dyadic(low), _dyadic(high)


def middle(x: Any) -> tuple[int, int]:
    """Return the midpoint of a ball."""
    return _dyadic(x.mid())


def _dyadic(x: Any) -> tuple[int, int]:
    mantissa, exponent = x.man_exp()
    return int(mantissa), int(exponent)
