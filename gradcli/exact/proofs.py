"""Integrals, sums, products and roots by balls: what is found is proved.

An integral is Arb's (Petras' algorithm: where a body is analytic on a disc around an interval, the
error of Gauss's rule is bounded by its size there; else the interval is halved), and beside ends
that are infinite or poles it is bounded by how fast the body decays (gradcli.exact.tails). On discs
a row must be analytic, and is refused where it is not; on the real line it is that of `balls`. A
root is enclosed by an interval Newton step around the root that a run in doubles finds.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from flint import acb, acb_series, arb, ctx

from gradcli.exact.balls import (
    BALLS,
    Ball,
    Balls,
    Clock,
    derivative_of_voigt,
    of_series,
)
from gradcli.exact.numbers import OPEN, Number, Target
from gradcli.graph import forms
from gradcli.graph.operations import LEAVES, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.graph.forms import Bound
    from gradcli.graph.operations import Operation

MOST_TERMS = 20_000
"""A sum of more terms is not worked out by balls."""
WIDEST = 1e-3
"""Half the width of the largest interval in which a root is looked for, relative to the root."""
SPARE = 30
"""Bits by which the bound of a tail may exceed the rounding error of the integral."""
TRIED = (*range(9), *range(10, 16, 2), *range(20, 40_000, 12))
"""Exponents of the powers of 2 at which a tail may begin, tried in turn."""
FAR, DEEPEST = 30, 8
"""Without a bound at the first power none is looked for; nor beyond so many times the bits."""
MOST_EVALUATIONS = 60_000
"""So often the body of an integral is evaluated at most."""
MOST_NEWTON = 60
"""Steps that narrow a root; each doubles its digits."""


NONE = acb("nan", "nan")
"""What no disc is; it is not real, so that no comparison with it is one of real numbers."""


class NotAnalyticError(ArithmeticError):
    """A function is not known to be analytic on a disc."""


def is_real(x: Any) -> bool:
    """Return whether a complex ball is one of real numbers."""
    return bool(x.imag.is_zero())


class Disc(Ball):
    """A complex ball of Arb."""

    __slots__ = ()

    @staticmethod
    def held(value: Any) -> Any:
        """Return a ball as a complex one."""
        return acb(value)

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


_ANALYTIC: dict[str, Callable[..., Any]] = {
    "pow": _power,
    "sqrt": lambda x: x.sqrt(analytic=True),
    "root": lambda x, n: x.root(int(n.real.unique_fmpz())) if x.real > 0 else NONE,
    "log": lambda x: x.log(analytic=True),
    "atan": lambda x: _analytic(_off_the_axis(x), x.atan()),
    "asinh": lambda x: _analytic(_off_the_axis(x), x.asinh()),
    "atan2": _angle,
    "derivative_of_voigt": derivative_of_voigt,
}
"""Functions with cuts inside of where rows are defined, or which are no functions of acb's."""


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
        elif operation in LEAVES:
            values[node] = target.leaf(operation, payload)
        else:
            found = target.apply(operation, [values[argument] for argument in arguments], payload)
            if found is None:
                raise NotAnalyticError
            values[node] = found
    return values[root]


def integral(target: Target, bound: Bound, low: Any, high: Any, *taken: Any) -> Any:
    """Return a ball of the integral.

    Where the body has no value at an end, or this is infinite, there is a bound beside it.
    """
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

    positions, rests, bits = [acb(low), acb(high)], acb(0), 0
    for side, end in enumerate(positions):
        if not (end.is_finite() and f(end, False).is_finite()):
            _analytic(all(map(is_real, (*positions, *given))), end)
            exponent, positions[side], found = _rest(bound, low, high, side, taken)
            rests += found
            bits = max(bits, exponent if end.is_finite() and end != 0 else 0)
    tolerance = arb(2) ** -ctx.prec
    first, last = positions
    with ctx.extraprec(bits):  # to distinguish points from the end
        found = acb.integral(
            f,
            first,
            last,
            rel_tol=tolerance,
            depth_limit=(DEEPEST + 2) * ctx.prec,
            eval_limit=MOST_EVALUATIONS,
        )
    Clock.check()
    found += rests
    if target is DISCS:
        return found
    return _analytic(found.is_finite() and found.imag.contains(arb(0)), found.real)


def _rest(
    bound: Bound, low: Any, high: Any, side: int, taken: tuple[Any, ...]
) -> tuple[int, Any, Any]:
    """Return a point beside an end, and a ball of the integral between both that is small.

    The position is x = ±u, or 1/u from the end, where u is 2 to the power that comes first.
    """
    from gradcli.exact.tails import Asymptote, rest

    def body(target: Target, numbers: tuple[Any, ...]) -> Any:
        return evaluated(target, bound, bound.roots[0], numbers)

    ends = [_real(x) for x in (low, high)]
    way = 1 if ends[0] < ends[1] else -1
    end, other = ends[side], ends[1 - side]
    inwards = way if side == 0 else -way
    is_finite = end.is_finite()
    middles = [float(_real(x).mid()) for x in (low, high, *taken)]
    size = forms.integrated(bound, *middles).size
    enough = arb(size) * arb(2) ** (SPARE - ctx.prec)
    # Nothing nearer to an end than the radius of its ball can be distinguished from it.
    last = DEEPEST * ctx.prec if end.is_exact() or not is_finite else ctx.prec - SPARE
    best = None
    for exponent in TRIED:
        if exponent > last or (exponent > FAR and best is None):
            break
        Clock.check()
        Asymptote.start = arb(2) ** exponent
        with ctx.extraprec(exponent):
            position = end + inwards / Asymptote.start if is_finite else -inwards * Asymptote.start
        if not (position - other) * inwards < 0:
            continue
        try:
            found = rest(body, end, -inwards, map(_real, taken))
        except (ArithmeticError, ValueError, TypeError, AttributeError):
            continue
        best = exponent, acb(position), found * way
        if abs(found) < enough:
            break
    if best is None:
        raise NotAnalyticError
    return best


def _real(x: Any) -> Any:
    return x if isinstance(x, arb) else x.real


def _terms(
    target: Target, bound: Bound, position: int, limits: tuple[Any, Any], taken: tuple[Any, ...]
) -> Iterator[Number]:
    first, last = [acb(x) for x in limits]
    for limit in (first, last):
        _analytic(limit.is_exact() and is_real(limit) and limit.real.is_integer(), limit)
    low, high = [int(limit.real.unique_fmpz() or 0) for limit in (first, last)]
    _analytic(high - low < MOST_TERMS, low)
    kind = type(limits[0])
    for k in range(low, high + 1):
        numbers = (kind(k), *taken)
        yield target.number(evaluated(target, bound, bound.roots[position], numbers))


def sum_over(target: Target, bound: Bound, low: Any, high: Any, *taken: Any) -> Any:
    """Return a ball of the sum."""
    total: Any = target.number(type(low)(0))
    for term in _terms(target, bound, 0, (low, high), taken):
        total = total + term
    return total.value


def product_over(target: Target, bound: Bound, low: Any, high: Any, *taken: Any) -> Any:
    """Return a ball of the product, or of a derivative of it."""
    positions = range(len(bound.roots))
    factors = [_terms(target, bound, position, (low, high), taken) for position in positions]
    return target.number.of(forms.multiplied(factors))


def root(target: Target, bound: Bound, *arguments: Any) -> Any:
    """Return a ball of the root, which is proved to be the only one in it.

    Newton's step from a ball is inside of it only around a root, which then is the only one there.
    """
    _analytic(target is not DISCS, target)
    taken = arguments[bound.limits :]
    start = forms.root(bound, *[float(x.mid()) for x in arguments])
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


Balls.forms.update(integral=integral, sum_over=sum_over, product_over=product_over, root=root)


class Discs(Balls):
    """Complex balls: real ones as balls are, others where a function is analytic."""

    number = Disc

    def __getattr__(self, name: str) -> Callable[..., Number]:
        """Return a function of discs."""
        on_balls = getattr(BALLS, name)
        on_discs = _ANALYTIC.get(name) or getattr(acb, name)

        def apply(*arguments: Any, **options: int) -> Number:
            def value(*given: Any) -> Any:
                if all(map(is_real, given)):
                    return acb(on_balls(*[Ball(x.real) for x in given], **options).value)
                return on_discs(*given, **options)

            return self.applied(value, *arguments)

        setattr(self, name, apply)
        return apply

    def _floor(self, x: Any) -> Any:
        return acb(x.real.floor()) if is_real(x) else x.real_floor(analytic=True)

    def derivative(self, name: str, x: Any, order: int) -> Number:
        """Return a derivative of a function of python-flint."""
        return self.applied(lambda x: of_series(name, x, order, acb_series), x)

    def apply(self, operation: Operation, inputs: list[Any], payload: Any) -> Any:
        """Return what computes for the value of a row; not a number where it has none here."""
        if not is_defined(operation, inputs, payload):
            raise NotAnalyticError
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


def is_defined(operation: Operation, inputs: list[Any], payload: Any) -> bool:
    """Return whether a row is defined for all real parts of some arguments, or these are real.

    The cuts of a function, and its poles, are all outside of where it is defined: a product of
    intervals, or of whole numbers.
    """
    if operation.domain is None or operation.binds or all(map(is_real, inputs)):
        return True
    corners = itertools.product(*[_ends(x) for x in inputs])
    return all(operation.is_defined(corner, payload) for corner in corners)


def _ends(x: Any) -> tuple[float, ...]:
    if is_real(x) and x.is_exact():
        return (float(x.real),)
    low, high = float(x.real.lower()), float(x.real.upper())
    return math.nextafter(low, -math.inf), math.nextafter(high, math.inf)


DISCS = Discs()
Disc.target = DISCS
