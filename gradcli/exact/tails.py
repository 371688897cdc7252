"""How fast functions decay: bounds of integrals to infinity, and up to where a body has no bound.

A number here is a function of u for all u from a start T on: c + k u^p exp(a u^r + …), where the
coefficients k, p and a are balls that hold them for each of these u. The bodies of rows run on such
numbers as on any others. At an end of an interval, x is ±u, or the end and 1/u from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flint import arb

from gradcli.exact.balls import BALLS, CONSTANTS, Ball, power
from gradcli.exact.numbers import Target
from gradcli.graph.operations import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Powers = tuple[tuple[Any, Any], ...]
"""Pairs of r and a."""
LARGEST_LOG = (8, 2.944)
"""log(u) is at most 8/e of the eighth root of u."""


class UnboundedError(ArithmeticError):
    """No bound of a function is known."""


class Asymptote:
    """k u^p exp(a u^r + …)."""

    __slots__ = ("k", "p", "powers")
    start: Any = arb(1)
    """The least u."""

    def __init__(self, k: Any, p: Any = 0, powers: Powers = ()) -> None:
        self.k, self.p, self.powers = k, arb(p), powers

    def times(self, other: Asymptote) -> Asymptote:
        """Return the product."""
        return Asymptote(self.k * other.k, self.p + other.p, _summed(self.powers, other.powers))

    def inverse(self) -> Asymptote:
        """Return 1/f."""
        if self.k.contains(arb(0)):
            raise UnboundedError
        return Asymptote(1 / self.k, -self.p, tuple([(r, -a) for r, a in self.powers]))

    def largest(self) -> Any:
        """Return a bound of u^p exp(…) from the start on."""
        if not self.powers:
            if self.p <= 0:
                return (self.start**self.p).upper()
            raise UnboundedError
        highest, rate = max(self.powers, key=lambda pair: float(pair[0]))
        if not rate < 0:
            raise UnboundedError
        # u times the derivative of the logarithm is at most u^highest times this.
        slope = rate.upper() * highest
        for r, a in [*self.powers, (arb(0), self.p)]:
            if r is not highest and not a < 0:
                if not r < highest:
                    raise UnboundedError
                factor = r if r != 0 else 1
                slope += abs(a).upper() * factor * self.start ** (r - highest)
        if not slope < 0:
            raise UnboundedError
        logarithm = self.p * self.start.log()
        for r, a in self.powers:
            logarithm += a * self.start**r
        return logarithm.exp().upper()

    def within(self) -> Any:
        """Return a ball of all values."""
        return self.k * between(0, self.largest())

    def vanishes(self) -> bool:
        """Return whether the limit is 0."""
        try:
            return bool(self.powers or self.p < 0) and self.largest().is_finite()
        except UnboundedError:
            return False

    def plus(self, other: Asymptote) -> Asymptote:
        """Return the sum, with the form of the one that is larger far out."""
        for one, less in ((self, other), (other, self)):
            ratio = Asymptote(arb(1), less.p - one.p, _summed(less.powers, one.powers, -1))
            if ratio.p == 0 and not ratio.powers:
                return Asymptote(one.k + less.k, one.p, one.powers)
            try:
                part = between(0, ratio.largest())
            except UnboundedError:
                continue
            return Asymptote(one.k + less.k * part, one.p, one.powers)
        raise UnboundedError

    def area(self) -> Any:
        """Return a ball of the integral from the start to infinity."""
        more = arb(1) if self.powers else -(self.p + 1)
        if not more > 0:
            raise UnboundedError
        steep = Asymptote(arb(1), self.p + 1 + more if self.powers else 0, self.powers)
        return self.k * between(0, (steep.largest() * self.start**-more / more).upper())


def between(low: Any, high: Any) -> Any:
    """Return the ball of an interval."""
    return arb(low).union(arb(high))


def _summed(one: Powers, other: Powers, sign: int = 1) -> Powers:
    found = list(one)
    for r, a in other:
        for position, (own, rate) in enumerate(found):
            if own.is_exact() and r.is_exact() and own == r:
                same = sign < 0 and rate is a
                found[position] = (own, arb(0) if same else rate + sign * a)
                break
        else:
            found.append((r, sign * a))
    return tuple([pair for pair in found if not pair[1].is_zero()])


class Function:
    """c + f: a constant, and what changes or None."""

    __slots__ = ("c", "f")

    def __init__(self, c: Any, f: Asymptote | None = None) -> None:
        if f is not None and not (c == 0 or f.vanishes()):
            c, f = arb(0), f.plus(Asymptote(c))
        self.c, self.f = c, f

    def __neg__(self) -> Function:
        """Return -f."""
        return Function(-self.c, self.f and Asymptote(-self.f.k, self.f.p, self.f.powers))

    def __add__(self, other: Function) -> Function:
        """Return the sum."""
        both = [f for f in (self.f, other.f) if f is not None]
        changing = both[0].plus(both[1]) if len(both) > 1 else both[0] if both else None
        return Function(self.c + other.c, changing)

    def __sub__(self, other: Function) -> Function:
        """Return the difference."""
        found = self + -other
        if self.c is other.c:  # the same number, though not known exactly
            found = Function(arb(0), found.f)
        return found

    def __mul__(self, other: Function) -> Function:
        """Return the product."""
        found = Function(self.c * other.c)
        if self.f is not None and other.f is not None:
            found = found + Function(arb(0), self.f.times(other.f))
        for one, two in ((self, other), (other, self)):
            if one.f is not None and not two.c.is_zero():
                found = found + Function(arb(0), one.f.times(Asymptote(two.c)))
        return found

    def __truediv__(self, other: Function) -> Function:
        """Return the quotient."""
        if other.f is None:
            return self * Function(1 / other.c)
        if other.c.is_zero():
            return self * Function(arb(0), other.f.inverse())
        slope = -1 / other.within() ** 2
        return self * Function(1 / other.c, other.f.times(Asymptote(slope)))

    def __abs__(self) -> Function:
        """Return |f| of a function that keeps its sign."""
        sign = self.sign()
        if sign is None:
            raise UnboundedError
        return -self if sign < 0 else self

    def sign(self) -> int | None:
        """Return the sign that all values have; None where it is open."""
        values = self.within() if self.f is None or not self.c.is_zero() else self.f.k
        if values == 0:
            return 0
        return 1 if values > 0 else -1 if values < 0 else None

    def within(self) -> Any:
        """Return a ball of all values."""
        return self.c if self.f is None else self.c + self.f.within()


class Tail(Ball):
    """A function far out."""

    __slots__ = ()

    @staticmethod
    def held(value: Any) -> Any:
        """Return a ball as a function that is constant."""
        return Function(value)

    def order(self, other: Any) -> int | None:
        """Return -1, 0 or 1 as the function is less, equal or greater; None when that is open."""
        difference: Function = self.value - self.of(other)
        return difference.sign()


class Tails(Target):
    """Functions far out."""

    number = Tail
    constants = CONSTANTS
    own = frozenset({"exp", "log", "sqrt", "pow", "sinh", "cosh", "tanh", "atan", "erf", "erfc"})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a function of functions."""
        return lambda *numbers, **options: Tail(
            _in_general(name, [*map(Tail.of, numbers)], options)
        )

    def exp(self, x: Any) -> Any:
        """Return the exponential function."""
        inner = Tail.of(x)
        f = inner.f
        if f is None or inner.f.vanishes():
            return Tail(_in_general("exp", [inner], {}))
        if f.powers or not f.p > 0:
            return Tail(Function(arb(0), Asymptote(inner.within().exp())))
        return Tail(Function(arb(0), Asymptote(arb(1), 0, ((f.p, f.k),))))

    def log(self, x: Any) -> Any:
        """Return the logarithm: that of u is less than any power of it."""
        inner = Tail.of(x)
        f = inner.f
        if f is None or not inner.c.is_zero():
            return Tail(_in_general("log", [inner], {}))
        root, most = LARGEST_LOG
        found = Function(f.k.log())
        for k, r in ((f.p * between(0, most), arb(1) / root), *[(a, r) for r, a in f.powers]):
            found = found + Function(arb(0), Asymptote(k, r))
        return Tail(found)

    def pow(self, x: Any, y: Any) -> Any:
        """Return x^y."""
        base, exponent = Tail.of(x), Tail.of(y)
        if exponent.f is not None:
            return self.exp(Tail(exponent) * self.log(x))
        f, n = base.f, exponent.c
        if f is None or not base.c.is_zero():
            return Tail(_in_general("power", [base, exponent], {}))
        if f.k.contains(arb(0)) and not n > 0:
            raise UnboundedError
        powers = tuple([(r, a * n) for r, a in f.powers])
        return Tail(Function(arb(0), Asymptote(power(f.k, n), f.p * n, powers)))

    def sqrt(self, x: Any) -> Any:
        """Return the square root."""
        return self.pow(x, 0.5)

    def root(self, x: Any, degree: int) -> Any:
        """Return a root."""
        return self.pow(x, self.number(Function(1 / arb(degree))))

    def sinh(self, x: Any) -> Any:
        """Return the hyperbolic sine."""
        return (self.exp(x) - self.exp(-x)) / 2.0

    def cosh(self, x: Any) -> Any:
        """Return the hyperbolic cosine."""
        return (self.exp(x) + self.exp(-x)) / 2.0

    def tanh(self, x: Any) -> Any:
        """Return the hyperbolic tangent."""
        shrunk = self.exp(-2.0 * abs(x))
        size = (1.0 - shrunk) / (1.0 + shrunk)
        return self.where(x < 0.0, -size, size)

    def atan(self, x: Any) -> Any:
        """Return the arc tangent."""
        inner = Tail.of(x)
        if inner.f is None or not inner.c.is_zero() or inner.f.vanishes():
            return Tail(_in_general("atan", [inner], {}))
        right = self.named("pi") / 2.0 - self.atan(1.0 / abs(x))
        return self.where(x < 0.0, -right, right)

    def erf(self, x: Any) -> Any:
        """Return the error function."""
        return 1.0 - self.erfc(x)

    def erfc(self, x: Any) -> Any:
        """Return 1 - erf(x), which is at most exp(-x²) to the right of 0."""
        shrunk = self.exp(-x * x) * Tail(Function(arb(0), Asymptote(between(0, 1))))
        return self.where(x < 0.0, 2.0 - shrunk, shrunk)


TAILS = Tails()
Tail.target = TAILS


def _in_general(name: str, arguments: list[Function], options: dict[str, int]) -> Function:
    """Return a function by balls of its arguments, or of its derivative if these change little."""
    operation = TABLE.get(name)
    bounded = [_ball_of(x) for x in arguments]
    if operation is None:
        return _held(getattr(BALLS, name)(*map(Ball, bounded), **options).value)
    found = BALLS.apply(operation, bounded, None)
    changing = [(i, x.f) for i, x in enumerate(arguments) if x.f is not None]
    is_far = len(changing) > 1 or not all(f.vanishes() for _, f in changing)
    if operation.jump is not None or operation.kink is not None or is_far:
        return _held(found)
    value = _finite(BALLS.apply(operation, [x.c for x in arguments], None))
    if not changing:
        return Function(value)
    ((position, f),) = changing
    slope = operation.partial(position, Ball(found), tuple(map(Ball, bounded)), None)
    return Function(value, f.times(Asymptote(_finite(Ball.of(slope)))))


def _held(values: Any) -> Function:
    return Function(arb(0), Asymptote(_finite(values)))


def _finite(values: Any) -> Any:
    if values is None or not values.is_finite():
        raise UnboundedError
    return values


def _ball_of(x: Function) -> Any:
    try:
        return x.within()
    except UnboundedError:
        return arb(0, float("inf"))


def rest(
    body: Callable[[Target, tuple[Any, ...]], Any], end: Any, side: int, taken: Iterable[Any]
) -> Any:
    """Return a ball of the integral beside an end: from where u is the start. Else raises an error.

    `side` is 1 where the interval is left of the end, and -1 where it is right of it.
    """
    if end.is_finite():
        x = Function(end, Asymptote(arb(-side), -1))
    else:
        x = Function(arb(0), Asymptote(arb(side), 1))
    found = body(TAILS, (x, *map(Function, taken)))
    if found.f is None and found.c.is_zero():
        return arb(0)
    changing = (
        found.f if found.c.is_zero() else Asymptote(found.c + (found.f.within() if found.f else 0))
    )
    if end.is_finite():
        changing = changing.times(Asymptote(arb(1), -2))
    elif not changing.powers and 2 * abs(changing.k.mid()) < changing.k.rad():
        raise UnboundedError  # it swings, too often before it is small
    return _finite(changing.area())
