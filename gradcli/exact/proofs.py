"""Integrals, sums, products and roots by balls: what is found is proved.

An integral is Arb's (Petras' algorithm: where a body is analytic on a disc around an interval, the
error of Gauss's rule is bounded by its size there; else the interval is halved). On discs a row
must be analytic, and is refused where it is not; on the real line it is that of `balls`. A root is
enclosed by an interval Newton step around the root that a run in doubles finds.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from flint import acb, arb

from gradcli.exact.balls import CONSTANTS, FUNCTIONS, Balls, Clock, Deciding, ball
from gradcli.exact.numbers import OPEN, Number, Target, fraction
from gradcli.graph import bound_values
from gradcli.graph.operations import CONSTANT, NAMED_CONSTANT, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from gradcli.graph.bound import Bound
    from gradcli.graph.operations import Operation

MOST_TERMS = 20_000
"""A sum of more terms is not worked out by balls."""
WIDEST = 1e-3
"""How far around a root of doubles, relative to it, the root is looked for."""
MOST_NEWTON = 60
"""Steps that narrow a root; each doubles its digits."""


NONE = acb("nan", "nan")
"""What no disc is; it is not real, so that no comparison with it is one of real numbers."""


class NotAnalyticError(ArithmeticError):
    """A function is not known to be analytic on a disc."""


def is_real(x: Any) -> bool:
    """Return whether a complex ball is one of real numbers."""
    return bool(x.imag.is_zero())


class Disc(Number):
    """A complex ball of Arb."""

    __slots__ = ()

    @staticmethod
    def convert(value: Fraction) -> Any:
        """Return the ball of a fraction."""
        return acb(ball(value))

    def __abs__(self) -> Disc:
        """Return the size of a real number, continued from the real line."""
        x = self.value
        return Disc(acb(abs(x.real)) if is_real(x) else x.real_abs(analytic=True))

    def order(self, other: Any) -> int | None:
        """Return -1, 0 or 1 as the number is less, equal or greater; None when that is open.

        Of complex numbers the real parts decide, so that on each side it is always the same.
        """
        x, y = self.value, self.of(other)
        if x.real < y.real:
            return -1
        if x.real > y.real:
            return 1
        if not (is_real(x) and is_real(y)):
            raise NotAnalyticError
        return 0 if x is y or (x.is_exact() and y.is_exact()) else None


def _analytic(holds: Any, value: Any) -> Any:
    if not holds:
        raise NotAnalyticError
    return value


def _power(x: Any, y: Any) -> Any:
    if is_real(y) and y.is_exact() and y.real.is_integer():
        return x ** int(y.real.unique_fmpz())
    return x.pow(y, analytic=True)


def _odd(x: Any, function: Callable[[Any], Any]) -> Any:
    """Return an odd function that is analytic right of 0."""
    if x.real > 0:
        return function(x)
    return -_analytic(x.real < 0, function(-x))


def _within_one(x: Any) -> bool:
    return abs(x.real) < 1 or not x.imag.contains(arb(0))


def _off_the_axis(x: Any) -> bool:
    return abs(x.imag) < 1 or not x.real.contains(arb(0))


def _angle(y: Any, x: Any) -> Any:
    if x.real > 0:
        found = y / x
        return _analytic(_off_the_axis(found), found.atan())
    found = x / y
    quarter = acb.pi() / 2 if y.real > 0 else -acb.pi() / 2
    is_off = not y.real.contains(arb(0)) and _off_the_axis(found)
    return _analytic(is_off, quarter - found.atan())


def _length(x: Any, y: Any) -> Any:
    return (x * x + y * y).sqrt(analytic=True)


def _spherical_bessel(x: Any, n: Any) -> Any:
    order = int(n.real.unique_fmpz())
    half = acb(2 * order + 1) / 2

    def right(z: Any) -> Any:
        return (acb.pi() / (2 * z)).sqrt(analytic=True) * z.bessel_j(half)

    if x.real > 0:
        return right(x)
    found = _analytic(x.real < 0, right(-x))
    return -found if order % 2 else found


def _extreme(choose: Callable[..., Any], numbers: Any) -> Any:
    found = numbers[0]
    for other in numbers[1:]:
        found = choose(found, other, analytic=True)
    return found


def _log(x: Any) -> Any:
    return x.log(analytic=True)


_ANALYTIC: dict[str, Callable[..., Any]] = {
    **{name: getattr(acb, name) for name in ("exp", "expm1", "sin", "cos", "tan", "sinh")},
    **{name: getattr(acb, name) for name in ("cosh", "tanh", "erf", "erfc", "gamma", "digamma")},
    "sinc": acb.sinc,
    "log": _log,
    "log1p": lambda x: _log(1 + x),
    "log2": lambda x: _log(x) / arb.const_log2(),
    "log10": lambda x: _log(x) / arb.const_log10(),
    "log to a base": lambda x, base: _log(x) / _log(base),
    "sqrt": lambda x: x.sqrt(analytic=True),
    "cbrt": lambda x: _odd(x, lambda z: z.root(3)),
    **dict.fromkeys(("pow", "power", "constant power"), _power),
    "asin": lambda x: _analytic(_within_one(x), x.asin()),
    "acos": lambda x: _analytic(_within_one(x), x.acos()),
    "atanh": lambda x: _analytic(_within_one(x), x.atanh()),
    "atan": lambda x: _analytic(_off_the_axis(x), x.atan()),
    "asinh": lambda x: _analytic(_off_the_axis(x), x.asinh()),
    "acosh": lambda x: _analytic(x.real > 1, x.acosh()),
    "atan2": _angle,
    "hypot": _length,
    "direction": lambda x, y: x / _length(x, y),
    "lgamma": lambda x: _analytic(x.real > 0, x.lgamma()),
    "factorial": lambda x: (x + 1).gamma(),
    "polygamma": lambda x, n: _analytic(x.real > 0, x.polygamma(n)),
    "sphericalj": _spherical_bessel,
    "gelu": lambda x: x * (-x / acb(2).sqrt()).erfc() / 2,
    "degrees": lambda x: x * 180 / arb.pi(),
    "radians": lambda x: x * arb.pi() / 180,
    "max": lambda *x: _extreme(acb.real_max, x),
    "min": lambda *x: _extreme(acb.real_min, x),
    "clip": lambda x, low, high: acb.real_min(
        acb.real_max(x, low, analytic=True), high, analytic=True
    ),
    "copysign": lambda x, y: _odd(y, lambda _: x.real_abs(analytic=True)),
    "floor": lambda x: x.real_floor(analytic=True),
    "ceil": lambda x: x.real_ceil(analytic=True),
    "round": lambda x: (x + acb(1) / 2).real_floor(analytic=True),
    "mod": lambda x, y: x - y * (x / y).real_floor(analytic=True),
}


def _constant(name: str) -> Any:
    return acb(CONSTANTS[name]())


def evaluated(target: Target, bound: Bound, root: int, numbers: tuple[Any, ...]) -> Any:
    """Return a node of a body at the bound name and what is taken from outside.

    Raises ArithmeticError where there is no value.
    """
    Clock.check()
    values: dict[int, Any] = {}
    rows = bound.graph.rows
    for node in bound.graph.reachable([root]):
        operation, arguments, payload = rows[node]
        if operation is VARIABLE:
            values[node] = numbers[int(payload)]
        elif operation is CONSTANT:
            values[node] = target.number.convert(fraction(payload))
        elif operation is NAMED_CONSTANT:
            values[node] = target.constants[payload]()
        else:
            found = target.apply(operation, [values[argument] for argument in arguments], payload)
            if found is None:
                raise NotAnalyticError
            values[node] = found
    return values[root]


def integral(target: Target, bound: Bound, low: Any, high: Any, *taken: Any) -> Any:
    """Return a ball of the integral."""
    Clock.check()
    given = [acb(x) for x in taken]

    def f(x: Any, analytic: bool) -> Any:
        # An exception would not get through Arb; what is not finite ends the search in time.
        try:
            if analytic and is_real(x):
                return NONE
            return evaluated(DISCS, bound, bound.roots[0], (x, *given))
        except (ArithmeticError, ValueError, TypeError, AttributeError):
            return NONE

    ends = acb(low), acb(high)
    if not all(end.is_finite() and f(end, False).is_finite() for end in ends):
        raise NotAnalyticError  # all halves beside such an end would be tried in vain
    found = acb.integral(f, *ends)
    Clock.check()
    return found if target is DISCS else _real_part(found)


def _real_part(x: Any) -> Any:
    return _analytic(x.is_finite() and x.imag.contains(arb(0)), x.real)


def _terms(
    target: Target, bound: Bound, place: int, limits: tuple[Any, Any], taken: tuple[Any, ...]
) -> Iterator[Number]:
    first, last = [acb(x) for x in limits]
    for limit in (first, last):
        _analytic(limit.is_exact() and is_real(limit) and limit.real.is_integer(), limit)
    low, high = [int(limit.real.unique_fmpz() or 0) for limit in (first, last)]
    _analytic(high - low < MOST_TERMS, low)
    kind = type(limits[0])
    for k in range(low, high + 1):
        numbers = (kind(k), *taken)
        yield target.number(evaluated(target, bound, bound.roots[place], numbers))


def sum_over(target: Target, bound: Bound, low: Any, high: Any, *taken: Any) -> Any:
    """Return a ball of the sum."""
    total: Any = target.number(type(low)(0))
    for term in _terms(target, bound, 0, (low, high), taken):
        total = total + term
    return total.value


def product_over(target: Target, bound: Bound, low: Any, high: Any, *taken: Any) -> Any:
    """Return a ball of the product, or of a derivative of it."""
    places = range(len(bound.roots))
    factors = [_terms(target, bound, place, (low, high), taken) for place in places]
    return target.number.of(bound_values.multiplied(factors))


def root(target: Target, bound: Bound, *arguments: Any) -> Any:
    """Return a ball of the root, which is proved to be the only one in it.

    Newton's step from a ball is inside of it only around a root, which then is the only one there.
    """
    _analytic(target is not DISCS, target)
    taken = arguments[bound.limits :]
    start = bound_values.root(bound)(*[float(x.mid()) for x in arguments])
    middle = arb(start)
    reach = 16 * math.ulp(start)
    largest = WIDEST * (1 + abs(start))
    while True:
        around = arb(start, reach)
        inside = _newton(target, bound, around, middle, taken)
        if around.contains_interior(inside):
            break
        _analytic(reach < largest, reach)
        reach *= 256
    for _ in range(MOST_NEWTON):
        better = _newton(target, bound, inside, inside.mid(), taken)
        if not better.is_finite():
            break
        better = better.intersection(inside)
        if not better.rad() < inside.rad() * 0.75:
            break
        inside = better
    return inside


def _newton(target: Target, bound: Bound, x: Any, middle: Any, taken: tuple[Any, ...]) -> Any:
    value = evaluated(target, bound, bound.roots[1], (middle, *taken))
    slope = evaluated(target, bound, bound.roots[2], (x, *taken))
    return middle - value / slope


FORMS: dict[str, Callable[..., Any]] = {
    "integral": integral,
    "sum_over": sum_over,
    "product_over": product_over,
    "root": root,
}
"""The forms that bind a name."""


class Proving(Balls):
    """Balls that know the forms that bind a name."""

    own = Balls.own | FORMS.keys()

    def __getattr__(self, name: str) -> Callable[..., Number]:
        """Return a form, or a function of balls."""
        if name not in FORMS:
            return super().__getattr__(name)
        form = FORMS[name]

        def apply(*arguments: Any) -> Number:
            *numbers, bound = arguments
            return self.applied(partial(form, self, bound), *numbers)

        return apply


class DecidingToo(Proving, Deciding):
    """Balls that know the forms, and are equal to what they overlap."""


class Discs(Proving):
    """Complex balls: real ones as balls are, others where a function is analytic."""

    number = Disc
    constants = {name: partial(_constant, name) for name in CONSTANTS}  # noqa: RUF012 - never changed

    def __getattribute__(self, name: str) -> Any:
        """Return a function of discs, in place of that of balls."""
        if name not in _ANALYTIC:
            return super().__getattribute__(name)
        on_balls = FUNCTIONS.get(name)
        on_discs = _ANALYTIC[name]

        def apply(*arguments: Any) -> Number:
            given = [Disc.of(argument) for argument in arguments]
            if not all(map(is_real, given)):
                return Disc(on_discs(*given))
            reals = [x.real for x in given]
            if on_balls is not None:
                return Disc(acb(on_balls(*reals)))
            return Disc(acb(getattr(BALLS, name)(*map(BALLS.number, reals)).value))

        return apply

    def apply(self, operation: Operation, inputs: list[Any], payload: Any) -> Any:
        """Return what computes for the value of a row; not a number where it has none here."""
        found = super().apply(operation, inputs, payload)
        return NONE if found is None else found

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Return x where the condition holds, else y; a ball of both where that is open."""
        if condition is OPEN:
            one, other = Disc.of(x), Disc.of(y)
            if not (is_real(one) and is_real(other)):
                raise NotAnalyticError
            return Disc(one.union(other))
        return x if condition else y


BALLS, DECIDING, DISCS = Proving(), DecidingToo(), Discs()
