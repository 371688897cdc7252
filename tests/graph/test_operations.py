"""Every row of the table of operations against mpmath: values, domains, derivatives, code.

A row that has no counterpart below fails: a new operation brings its own mathematics along.
"""

from __future__ import annotations

import itertools
import math
import operator
import pickle
import random
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from mpmath import mp, mpf

from gradcli.calculus import forward, reverse
from gradcli.errors import MathematicsError
from gradcli.formula import Formula
from gradcli.graph.forms import FORMS
from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE, WHERE, Operation
from gradcli.programs import generated, interpreter
from gradcli.programs.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Exact = Any
"""A number of mpmath, which has no types."""
Point = tuple[float, ...]

NAMES = "abcd"
LARGEST = 1.7976931348623157e308
HALF_AN_ULP_MORE = 2**1024 - 2**970
"""Sizes from here on round to infinity."""


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    """Compute every expected number with 50 digits."""
    with mp.workdps(50):
        yield


# ---------------------------------------------------------------- arguments to try

TINY = [5e-324, 2.2250738585072014e-308, 1e-300, 1e-160, 1e-20, 1e-8, 1e-3]
MIDDLE = [0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 1 - 2**-53, 1.0, 1 + 2**-52, 1.1, 1.5, 2.0, 2.5]
MIDDLE += [math.e, 3.0, math.pi, 4.0, 4.5, 7.0, 10.0, 17.3, 40.0, 100.5, 170.0, 345.6]
HUGE = [1e3, 1e8, 2.0**52 + 1, 1e16, 1e22, 1e100, 1e200, 1e300, LARGEST]
# The fractional parts of k·φ fill the interval evenly, the same way each time.
EVEN = [k * 0.6180339887498949 % 1 for k in range(1, 60)]
SPREAD = [2.0 ** (80 * u - 40) for u in EVEN] + [30 * u for u in EVEN]


def signed(values: Iterable[float]) -> list[float]:
    return [sign * value for value in values for sign in (1.0, -1.0)]


def near(*values: float) -> list[Point]:
    """Neighbours of values, one ulp away and further, and the values themselves."""
    steps = [0.0, 1e-15, -1e-15, 1e-9, -1e-9, 1e-4, -1e-4]
    beside = [math.nextafter(v, to) for v in values for to in (-math.inf, math.inf)]
    return [(v,) for v in [*beside, *(v + h for v in values for h in steps)]]


REAL: list[Point] = [(x,) for x in signed([0.0, *TINY, *MIDDLE, *HUGE, *SPREAD])]
FEW = signed([0.0, 5e-324, 1e-300, 1e-9, 0.5, 1.0, 1.7, 2.0, 3.0, 7.25, 1e5, 1e150, 1e300, LARGEST])
PAIRS: list[Point] = [*itertools.product(FEW, FEW)]
PAIRS += [(10 * u - 5, 10 * v - 5) for u, v in zip(EVEN, EVEN[7:], strict=False)]
SOME = signed([0.0, 1e-300, 0.5, 1.0, 2.0, 1e300])
TRIPLES: list[Point] = [*itertools.product(SOME, SOME, SOME)]
# mpmath knows no -0; signed zeros of atan2 have a test of their own.
DIRECTIONS = [pair for pair in PAIRS if pair[0] != 0 or math.copysign(1, pair[0]) > 0]
SMALL = [x for x in REAL if abs(x[0]) < 1e6]
GAMMAS = [x for x in REAL if -170 < x[0] < 172] + near(0.0, -1.0, -2.0, -33.0)
BEYOND_GAMMA: list[Point] = [(172.0,), (1e3,), (1e16,)]

POSITIVE: list[Point] = [(0.01,), (0.3,), (1.7,), (25.0,), (1e4,)]
ANY: list[Point] = [(-2.3,), (-0.4,), (0.2,), (1.9,), (4.4,)]
WITHIN_ONE: list[Point] = [(-0.95,), (-0.3,), (0.1,), (0.8,)]
TWO: list[Point] = [(1.3, 2.1), (-0.7, 3.2), (2.9, -1.6), (-4.1, -0.9)]
MANY: list[Point] = [(1.3, 2.1), (3.0, -1.6), (1.0, 3.0, 2.0), (4.0, -1.0, 2.0, 0.5)]
NO_POLES: list[Point] = [(0.2,), (0.9,), (2.3,), (5.5,), (-0.4,), (-1.3,), (-2.7,)]


# ---------------------------------------------------------------- the mathematics of each row


def fraction(x: Exact) -> Fraction:
    """An mpf as the exact fraction that it is."""
    sign, mantissa, exponent, _ = mpf(x)._mpf_  # mpmath has no other way
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -size if sign else size


def rational(function: Callable[..., Fraction | int]) -> Callable[..., Exact]:
    """The value by exact fractions, for what no number of digits would decide."""

    def exact(*arguments: Exact) -> Exact:
        result = Fraction(function(*[fraction(x) for x in arguments]))
        return mpf(result.numerator) / result.denominator

    return exact


def half_away_from_zero(x: Fraction) -> int:
    size = math.floor(abs(x) + Fraction(1, 2))
    return -size if x < 0 else size


def remainder(x: Exact, y: Exact) -> Exact:
    """The remainder in the branch of the rounded quotient, which is 10 for 1 and 0.1."""
    a, b = fraction(x), fraction(y)
    quotient = attempt(operator.truediv, float(a), float(b))
    if not math.isfinite(quotient):
        return rational(operator.mod)(x, y)
    has_parts = a.denominator * b.denominator > 1 and abs(quotient) < 2**50
    if has_parts and quotient == math.floor(quotient) != a // b:
        moved = a - Fraction(float(a)) - int(quotient) * (b - Fraction(float(b)))
        return mpf(moved.numerator) / moved.denominator
    return rational(operator.mod)(x, y)


def math_gcd(x: Fraction, y: Fraction) -> int:
    return math.gcd(int(x), int(y))


def math_lcm(x: Fraction, y: Fraction) -> int:
    return math.lcm(int(x), int(y))


def truth(test: Callable[..., bool]) -> Callable[..., Exact]:
    return lambda *arguments: mpf(1 if test(*arguments) else 0)


def power(x: Exact, y: Exact) -> Exact:
    if x == 0:
        return mpf(1) if y == 0 else mpf(0)
    if x < 0:
        return mp.exp(y * mp.log(-x)) * (-1 if int(fraction(y)) % 2 else 1)
    return mp.exp(y * mp.log(x))


def powlog(x: Exact, y: Exact, k: int) -> Exact:
    return mpf(0) if x == 0 else mp.exp(y * mp.log(x)) * mp.log(x) ** k


def xlogx(x: Exact) -> Exact:
    return mpf(0) if x == 0 else x * mp.log(x)


def sinc(x: Exact) -> Exact:
    return mpf(1) if x == 0 else mp.sin(x) / x


def spherical_bessel(x: Exact, n: int) -> Exact:
    if x == 0:
        return mpf(1 if n == 0 else 0)
    size = abs(x)
    value = mp.sqrt(mp.pi / (2 * size)) * mp.besselj(n + mpf(1) / 2, size)
    return -value if x < 0 and n % 2 else value  # j_n(-x) = (-1)^n j_n(x)


def log_gamma(x: Exact) -> Exact:
    if x > 0:
        return mp.re(mp.loggamma(x))
    # Γ(x)·Γ(1 - x) = π/sin(πx), and Γ(1 - x) = -x·Γ(-x)
    return mp.log(mp.pi / abs(x * mp.sinpi(x))) - mp.re(mp.loggamma(-x))


def erfc(x: Exact) -> Exact:
    return mpf(0) if x > 100 else mp.erfc(x)  # erfc(100) is 10^-4346 and mpmath ends somewhere


def sigmoid(x: Exact) -> Exact:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Exact) -> Exact:
    return x + mp.log1p(mp.exp(-x)) if x > 0 else mp.log1p(mp.exp(x))


def gelu(x: Exact) -> Exact:
    return x * erfc(-x / mp.sqrt(2)) / 2


def whole(x: float) -> bool:
    return x == math.floor(x)


def by_nonzero(_: float, y: float) -> bool:
    return y != 0


def has_power(x: float, y: float) -> bool:
    return x > 0 or (x == 0 and y >= 0) or (x < 0 and whole(y))


def not_a_pole(x: float, *_: object) -> bool:
    return x > 0 or not whole(x)


class Case(NamedTuple):
    """What a row should be, from mathematics and not from the row."""

    exact: Callable[..., Exact]
    """The value at mpf arguments (and a payload), with all digits."""
    smooth: list[Point]
    """A few points at which it is smooth and of moderate size."""
    candidates: list[Point] = REAL
    """Arguments to try, in the domain or not."""
    inside: Callable[..., bool] = lambda *_: True
    """Whether the arguments (and the payload) are in the domain."""
    payloads: tuple[Any, ...] = (None,)
    interior: Callable[..., bool] | None = None
    """Where there are derivatives by all arguments, if that is not the domain."""
    scales: tuple[float, ...] = (0, 0, 0, 0)
    """What an argument counts as at least where its last unit is spoken of."""
    still: tuple[int, ...] = ()
    """The positions of arguments that there is no derivative with respect to."""
    terms: Callable[..., Exact] = lambda *_: mpf(0)
    """The size of the terms that a second derivative is the sum of, where they cancel."""
    saturates: int = 0
    """How many digits more it takes to see that it is not constant."""

    def has_derivatives(self, *arguments: Any) -> bool:
        """Whether the row has derivatives by all arguments, apart from kinks and jumps."""
        return bool((self.interior or self.inside)(*arguments))


CASES: dict[str, Case] = {
    "add": Case(operator.add, TWO, PAIRS),
    "subtract": Case(operator.sub, TWO, PAIRS),
    "multiply": Case(operator.mul, TWO, PAIRS),
    "divide": Case(operator.truediv, TWO, PAIRS, by_nonzero),
    "negate": Case(operator.neg, ANY),
    "constant power": Case(
        power,
        [(0.3,), (1.7,), (25.0,)],
        inside=has_power,
        payloads=(2.0, 3.0, 4.0, -1.0, 0.5, 1.0, 0.0, -2.0, 5.0, 1.5, -0.5, 1 / 3, 17.0, -40.0),
        interior=lambda x, n: x > 0 or (x < 0 and whole(n)),
    ),
    "power": Case(
        power,
        [(1.3, 2.1), (0.2, -1.4), (7.5, 0.3)],
        PAIRS,
        has_power,
        interior=lambda x, _: x > 0,
        scales=(0, 1),
    ),
    "powlog": Case(
        powlog,
        [(1.3, 2.1), (0.2, -1.4), (7.5, 0.3)],
        PAIRS,
        lambda x, y, _: x > 0 or (x == 0 < y),
        payloads=(1, 2, 3),
        interior=lambda x, *_: x > 0,
        scales=(0, 1),
    ),
    "scaled": Case(operator.mul, TWO, PAIRS),
    "ratio": Case(
        lambda x, y: mpf(0) if x == y == 0 else x / y,
        TWO,
        PAIRS,
        lambda x, y: y != 0 or x == 0,
        interior=by_nonzero,
    ),
    "exp": Case(mp.exp, ANY),
    "expm1": Case(mp.expm1, ANY, saturates=700),
    "log": Case(mp.log, POSITIVE, REAL + near(1.0), lambda x: x > 0),
    "log to a base": Case(
        lambda x, base: mp.log(x) / mp.log(base),
        [(3.0, 2.0), (0.4, 10.0), (5.0, 0.3)],
        [*PAIRS, *itertools.product([0.3, 1 + 2**-52, 8.0, 1e300], [2.0, 10.0, 0.9, 1 - 2**-53])],
        lambda x, base: x > 0 and base > 0 and base != 1,
    ),
    "log2": Case(lambda x: mp.log(x, 2), POSITIVE, REAL + near(1.0), lambda x: x > 0),
    "log10": Case(mp.log10, POSITIVE, REAL + near(1.0), lambda x: x > 0),
    "log1p": Case(
        mp.log1p, [(-0.9,), (-0.2,), (3.1,), (1e3,)], REAL + near(-1.0), lambda x: x > -1
    ),
    "sqrt": Case(mp.sqrt, POSITIVE, inside=lambda x: x >= 0, interior=lambda x: x > 0),
    "cbrt": Case(lambda x: mp.sign(x) * mp.cbrt(abs(x)), ANY, interior=lambda x: x != 0),
    "xlogx": Case(xlogx, POSITIVE, REAL + near(1.0), lambda x: x >= 0, interior=lambda x: x > 0),
    "sin": Case(mp.sin, ANY, REAL + near(math.pi, -math.tau, 710 * math.pi)),
    "cos": Case(mp.cos, ANY, REAL + near(math.pi / 2, -1.5 * math.pi)),
    "tan": Case(mp.tan, ANY, REAL + near(math.pi / 2, math.pi)),
    "cathetus": Case(
        lambda x: mp.sqrt((1 - x) * (1 + x)),
        WITHIN_ONE,
        REAL + near(1.0, -1.0),
        lambda x: -1 <= x <= 1,
        interior=lambda x: -1 < x < 1,
    ),
    "asin": Case(
        mp.asin,
        WITHIN_ONE,
        REAL + near(1.0, -1.0),
        lambda x: -1 <= x <= 1,
        interior=lambda x: -1 < x < 1,
    ),
    "acos": Case(
        mp.acos,
        WITHIN_ONE,
        REAL + near(1.0, -1.0),
        lambda x: -1 <= x <= 1,
        interior=lambda x: -1 < x < 1,
    ),
    "atan": Case(mp.atan, ANY),
    "atan2": Case(mp.atan2, TWO[:3], DIRECTIONS, lambda y, x: x != 0 or y != 0),
    "sinh": Case(mp.sinh, ANY),
    "cosh": Case(mp.cosh, ANY),
    "tanh": Case(mp.tanh, ANY, saturates=700),
    "sech_squared": Case(lambda x: mp.sech(x) ** 2, ANY),
    "logistic_density": Case(lambda x: sigmoid(x) * sigmoid(-x), ANY, saturates=700),
    "asinh": Case(mp.asinh, ANY),
    "acosh": Case(
        mp.acosh,
        [(1.2,), (3.0,), (50.0,)],
        REAL + near(1.0),
        lambda x: x >= 1,
        interior=lambda x: x > 1,
    ),
    "atanh": Case(mp.atanh, WITHIN_ONE, REAL + near(1.0, -1.0), lambda x: -1 < x < 1),
    "hypot": Case(mp.hypot, TWO, PAIRS),
    "direction": Case(
        lambda x, y: x / mp.hypot(x, y) if x or y else mpf(0),
        TWO,
        PAIRS,
        interior=lambda x, y: x != 0 or y != 0,
    ),
    "sinc": Case(sinc, ANY, REAL + near(math.pi, 3 * math.pi)),
    "sphericalj": Case(
        spherical_bessel,
        ANY,
        [x for x in REAL if 1e-300 <= abs(x[0]) < 1e3 or x[0] == 0],
        payloads=(0, 1, 2, 3, 6),
    ),
    "abs": Case(abs, ANY),
    "sign": Case(mp.sign, ANY),
    "floor": Case(rational(math.floor), ANY, REAL + near(1.0, -3.0)),
    "ceil": Case(rational(math.ceil), ANY, REAL + near(1.0, -3.0)),
    "round": Case(rational(half_away_from_zero), ANY, REAL + near(0.5, -2.5, 2.0**51 + 0.5)),
    "mod": Case(
        remainder,
        TWO,
        PAIRS,
        by_nonzero,
        interior=lambda x, y: y != 0 and abs(Fraction(x) / Fraction(y)) < 2**50,
    ),
    "max": Case(max, MANY, PAIRS + TRIPLES),
    "min": Case(min, MANY, PAIRS + TRIPLES),
    "clip": Case(
        lambda x, low, high: min(max(x, low), high),
        [(0.4, -1.0, 2.0), (-3.0, -1.0, 2.0), (5.0, -1.0, 2.0)],
        TRIPLES,
    ),
    "less": Case(truth(operator.lt), TWO, PAIRS),
    "less or equal": Case(truth(operator.le), TWO, PAIRS),
    "greater": Case(truth(operator.gt), TWO, PAIRS),
    "greater or equal": Case(truth(operator.ge), TWO, PAIRS),
    "equal": Case(truth(operator.eq), TWO, PAIRS),
    "not equal": Case(truth(operator.ne), TWO, PAIRS),
    "and": Case(truth(lambda x, y: x != 0 and y != 0), TWO, PAIRS, interior=lambda *x: all(x)),
    "or": Case(truth(lambda x, y: x != 0 or y != 0), TWO, PAIRS, interior=lambda *x: all(x)),
    "not": Case(truth(lambda x: x == 0), ANY, interior=lambda *x: all(x)),
    "where": Case(
        lambda condition, x, y: x if condition != 0 else y,
        [(1.0, 2.5, -3.0), (-0.5, 2.5, -3.0)],
        TRIPLES,
        interior=lambda condition, *_: condition != 0,
    ),
    "gamma": Case(mp.gamma, NO_POLES, GAMMAS + BEYOND_GAMMA, not_a_pole),
    "lgamma": Case(
        log_gamma,
        NO_POLES,
        SMALL,
        not_a_pole,
    ),
    "digamma": Case(
        mp.digamma,
        NO_POLES,
        SMALL,
        not_a_pole,
    ),
    "polygamma": Case(
        lambda x, n: mp.polygamma(n, x),
        NO_POLES,
        [x for x in REAL if -40 < x[0] < 1e6],
        not_a_pole,
        payloads=(0, 1, 2, 3, 5),
    ),
    "factorial": Case(
        lambda x: mp.gamma(x + 1),
        NO_POLES,
        GAMMAS + BEYOND_GAMMA,
        lambda x: x >= 0 or not whole(x),
    ),
    "erf": Case(mp.erf, ANY, saturates=700),
    "erfc": Case(erfc, ANY, saturates=700),
    "sigmoid": Case(sigmoid, ANY, saturates=700),
    "softplus": Case(softplus, ANY, saturates=700),
    "relu": Case(lambda x: max(x, mpf(0)), ANY),
    "leaky_relu": Case(lambda x: x if x > 0 else mpf(0.01) * x, ANY),
    "elu": Case(lambda x: x if x > 0 else mp.expm1(x), ANY, saturates=700),
    "silu": Case(lambda x: x * sigmoid(x), ANY, saturates=700),
    "gelu": Case(gelu, ANY, saturates=700),
}


def whole_numbers(*numbers: float) -> bool:
    return all(x == math.floor(x) and abs(x) <= 2**53 for x in numbers)


def counts(n: float, k: float) -> bool:
    return whole_numbers(n, k) and n >= 0 and k >= 0


def spread(count: int, *intervals: tuple[float, float]) -> list[Point]:
    """Points that fill intervals evenly, those of exponents of 10."""
    return [
        tuple(
            10 ** (low + (high - low) * (k * step % 1))
            for (low, high), step in zip(intervals, GOLDEN, strict=False)
        )
        for k in range(1, count + 1)
    ]


GOLDEN = (0.6180339887498949, 0.7548776662466927, 0.8191725133961645)


def of_w(z: Exact, order: int) -> Exact:
    """The derivative of w(z) = exp(-z²) erfc(-iz), by its recurrence with digits to spare."""
    with mp.workdps(mp.dps + 60):
        before, found = mpf(0), mp.exp(-z * z) * mp.erfc(-1j * z)
        for k in range(order):
            step = -2 * (z * found + k * before) + (2j / mp.sqrt(mp.pi) if k == 0 else 0)
            before, found = found, step
        return found


def voigt(x: Exact, sigma: Exact, gamma: Exact, which: int = 0) -> Exact:
    order, is_imaginary = divmod(which, 2)
    if sigma == 0:
        found = 1j / mp.pi * (-1) ** order * mp.factorial(order) / mp.mpc(x, gamma) ** (order + 1)
    else:
        root = sigma * mp.sqrt(2)
        scale = root**order * sigma * mp.sqrt(2 * mp.pi)
        found = of_w(mp.mpc(x, gamma) / root, order) / scale
    return found.imag if is_imaginary else found.real


def is_profile(x: float, sigma: float, gamma: float, *_: object) -> bool:
    return not math.isnan(x) and sigma >= 0 and gamma >= 0 and sigma + gamma > 0


def erfcx_derivative(x: Exact, order: int = 0) -> Exact:
    return mp.re(of_w(mp.mpc(0, x), order) * mp.mpc(0, 1) ** order)


def bessel_inside(n: float, x: float) -> bool:
    return x > 0 or whole(n) or (x == 0 and n > 0)


def bessel_smooth(n: float, x: float) -> bool:
    return x > 0 or (x < 0 and whole(n))


def right(*arguments: float) -> bool:
    return arguments[-1] > 0


def both_positive(a: float, b: float, *_: object) -> bool:
    return a > 0 and b > 0


def complete(m: Exact, part: str) -> Exact:
    """The integrals of sin² and cos² over Δ, from K and E with digits to spare."""
    with mp.workdps(mp.dps * 2 + 30):
        k, e = mp.ellipk(m), mp.ellipe(m)
        return {"b": (e - (1 - m) * k) / m, "d": (k - e) / m}[part]


def elliptic_c(m: Exact, order: int) -> Exact:
    """The derivatives of the integral of sin² cos² over Δ³, which is hypergeometric."""
    factor = mp.rf(mpf(3) / 2, order) ** 2 / mp.rf(3, order) * mp.pi / 16
    return factor * mp.hyp2f1(mpf(3) / 2 + order, mpf(3) / 2 + order, 3 + order, m)


def branch(x: float, *_: object) -> bool:
    return x > -math.exp(-1)


SIGNS = (1.0, -1.0)
LINE: list[Point] = [(s * x,) for (x,) in spread(30, (-4, 2)) for s in SIGNS]
PROFILES: list[Point] = [
    (s * x, a, g) for x, a, g in spread(14, (-3, 2), (-2, 1), (-3, 1)) for s in SIGNS
]
PROFILES += [(1.5, 0.0, 0.5), (0.5, 2.0, 0.0), (-3.0, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, -1.0, 2.0)]
ORDERS: list[float] = [0.0, 1.0, 2.0, 3.0, 7.0, 0.5, 1.5, 4.25, 11.0]
WAVES: list[Point] = [(n, x) for n in ORDERS for (x,) in spread(4, (-2, 1.7))]
WAVES += [(-1.0, 2.0), (-0.5, 3.0), (1.0, -2.0), (0.5, -2.0), (2.0, 0.0), (0.5, 0.0)]
TAILS: list[Point] = [*spread(24, (-2, 2), (-2, 2)), (0.0, 1.0), (-1.0, 2.0), (2.0, -1.0)]
SHARES: list[Point] = [(a, b, x % 1) for a, b, x in spread(60, (-1.5, 2), (-1.5, 2), (-2, 2))]
SHARES += [(0.0, 1.0, 0.5), (1.0, 1.0, -0.5), (2.0, 2.0, 1.5)]
MODULI: list[Point] = [(x,) for (x,) in LINE if x <= 1]
MODULI += [(-1e5,), (1 - 1e-9,), (0.5,), (1.5,), (0.99,)]
COUNTED: list[Point] = [
    (float(n), float(k)) for n in (0, 1, 5, 52, 300, 1e6) for k in (0, 1, 3, 7, 26, 150)
]
COUNTED += [(1000.0, 500.0), (5.5, 2.0), (-3.0, 2.0), (5.0, -1.0)]

CASES |= {
    "cot": Case(mp.cot, ANY, REAL + near(math.pi / 2, math.pi), lambda x: x != 0),
    "sec": Case(mp.sec, ANY, REAL + near(math.pi / 2)),
    "csc": Case(mp.csc, ANY, REAL + near(math.pi), lambda x: x != 0),
    "degrees": Case(lambda x: x * 180 / mp.pi, ANY),
    "radians": Case(lambda x: x * mp.pi / 180, ANY),
    "trunc": Case(rational(math.trunc), ANY, REAL + near(1.0, -3.0)),
    "frac": Case(rational(lambda x: x - math.trunc(x)), ANY, REAL + near(1.0, -3.0)),
    "erfcx": Case(erfcx_derivative, ANY, [(x,) for (x,) in LINE if x > -26]),
    "erfcx_derivative": Case(
        erfcx_derivative, ANY, [(x,) for (x,) in LINE if x > -20], payloads=(0, 1, 2, 3)
    ),
    "voigt": Case(voigt, [(0.3, 1.0, 0.5), (-2.0, 0.7, 0.2)], PROFILES, is_profile),
    "voigt_derivative": Case(
        voigt, [(0.3, 1.0, 0.5), (-2.0, 0.7, 0.2)], PROFILES[::2], is_profile, payloads=(1, 2)
    ),
    "besselj": Case(
        lambda n, x: mp.re(mp.besselj(n, x)),
        [(0.0, 1.7), (2.5, 3.0)],
        WAVES,
        bessel_inside,
        still=(0,),
        interior=bessel_smooth,
    ),
    "bessely": Case(mp.bessely, [(0.0, 1.7), (2.5, 3.0)], WAVES[::2], right, still=(0,)),
    "besseli": Case(
        lambda n, x: mp.re(mp.besseli(n, x)),
        [(0.0, 1.7), (2.5, 3.0)],
        WAVES,
        bessel_inside,
        still=(0,),
        interior=bessel_smooth,
    ),
    "besselk": Case(mp.besselk, [(0.0, 1.7), (2.5, 3.0)], WAVES[::2], right, still=(0,)),
    "beta": Case(
        mp.beta,
        [(1.3, 2.1), (7.5, 0.3)],
        TAILS,
        both_positive,
        terms=lambda a, b: mp.beta(a, b) * mp.psi(1, a + b),
    ),
    "lbeta": Case(
        lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
        [(1.3, 2.1), (7.5, 0.3)],
        TAILS,
        both_positive,
    ),
    "polygamma_difference": Case(
        lambda a, b, n: mp.psi(n, a + b) - mp.psi(n, a),
        [(1.3, 2.1), (7.5, 0.3)],
        TAILS,
        both_positive,
        payloads=(0, 1),
    ),
    "gammap": Case(
        lambda a, x: mp.gammainc(a, 0, x, regularized=True),
        [(1.3, 2.1), (7.5, 3.0)],
        TAILS,
        lambda a, x: a > 0 and x >= 0,
        still=(0,),
        saturates=300,
    ),
    "gammaq": Case(
        lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
        [(1.3, 2.1), (7.5, 3.0)],
        TAILS,
        lambda a, x: a > 0 and x >= 0,
        still=(0,),
        saturates=300,
    ),
    "gamma_density": Case(
        lambda a, x: x ** (a - 1) * mp.exp(-x) * mp.rgamma(a),
        [(1.3, 2.1), (17.5, 13.0)],
        TAILS,
        lambda a, x: a > 0 and (x > 0 or (x == 0 and a >= 1)),
        still=(0,),
    ),
    "betainc": Case(
        lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        [(1.3, 2.1, 0.3), (7.5, 3.0, 0.8)],
        SHARES,
        lambda a, b, x: a > 0 and b > 0 and 0 <= x <= 1,
        still=(0, 1),
        saturates=300,
    ),
    "beta_density": Case(
        lambda a, b, x: x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b),
        [(1.3, 2.1, 0.3), (17.5, 13.0, 0.8)],
        SHARES,
        lambda a, b, x: a > 0 and b > 0 and 0 <= x <= 1,
        still=(0, 1),
    ),
    "zeta": Case(mp.zeta, [(1.5,), (2.5,), (7.0,)], LINE + near(2.0), lambda s: s > 1),
    "zeta_derivative": Case(
        lambda s, n: mp.zeta(s, derivative=n),
        [(1.5,), (2.5,), (7.0,)],
        [(0.5,), (1.0,), (1.01,), (1.5,), (3.0,), (11.0,), (40.0,)],
        lambda s, _: s > 1,
        payloads=(1, 2),
    ),
    "ellipk": Case(mp.ellipk, ANY[:3], MODULI, lambda m: m < 1),
    "ellipe": Case(mp.ellipe, ANY[:3], MODULI, lambda m: m <= 1, interior=lambda m: m < 1),
    **{
        f"elliptic_{part}": Case(
            lambda m, part=part: complete(m, part), ANY[:3], MODULI, lambda m: m < 1
        )
        for part in "bd"
    },
    "elliptic_c": Case(
        elliptic_c, ANY[1:2], [*MODULI[::3], (1.5,)], lambda m, _: m < 1, payloads=(0, 1)
    ),
    "lambertw": Case(
        lambda x: mp.re(mp.lambertw(x)), [(-0.2,), (0.3,), (1.9,), (40.0,)], REAL, branch
    ),
    "lambertw_slope": Case(
        lambda x: mp.exp(-mp.lambertw(x).real) / (1 + mp.lambertw(x).real),
        [(-0.2,), (0.3,), (1.9,), (40.0,)],
        [x for x in REAL if abs(x[0]) < 1e100],
        branch,
    ),
    "gcd": Case(rational(math_gcd), [(12.0, 18.0)], PAIRS, whole_numbers, still=(0, 1)),
    "lcm": Case(rational(math_lcm), [(4.0, 6.0)], PAIRS, whole_numbers, still=(0, 1)),
    "nCr": Case(mp.binomial, [(5.0, 2.0)], COUNTED, counts, still=(0, 1)),
    "nPr": Case(mp.ff, [(5.0, 2.0)], COUNTED, counts, still=(0, 1)),
}

ROWS = [(row, CASES[row.name]) for row in TABLE.values() if row.name in CASES]
EACH = pytest.mark.parametrize(("row", "case"), ROWS, ids=[row.name for row, _ in ROWS])


OF_DOUBLES = {"mod", "leaky_relu"}
"""Of these, what doubles mean is expected: a branch by a rounded quotient, 0.01 as a double."""


def payload_arguments(payload: Any) -> tuple[Any, ...]:
    return () if payload is None else (payload,)


def everything(case: Case) -> Iterator[tuple[Point, Any]]:
    """All candidates with all payloads."""
    return itertools.product(case.candidates, case.payloads)


def within_domain(case: Case) -> Iterator[tuple[Point, Any, Exact]]:
    """The candidates of the domain and their exact values."""
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        if case.inside(*point, *extra):
            yield point, payload, case.exact(*map(mpf, point), *extra)


def single(row: Operation, count: int, payload: Any = None) -> Formula:
    """The row as a formula of the names a, b, c and so on."""
    graph = Graph()
    names = tuple([graph.variable(name) for name in NAMES[:count]])
    return Formula(graph, graph.add(row, names, payload))


def moving(
    row: Operation, case: Case, point: Point, payload: Any
) -> tuple[Formula, dict[str, float]]:
    """The row as a formula of the arguments that have derivatives, and the values of these."""
    graph = Graph()
    nodes = [
        graph.constant(x) if place in case.still else graph.variable(NAMES[place])
        for place, x in enumerate(point)
    ]
    values = {NAMES[i]: x for i, x in enumerate(point) if i not in case.still}
    return Formula(graph, graph.add(row, tuple(nodes), payload)), values


def named(point: Point) -> dict[str, float]:
    return dict(zip(NAMES, point, strict=False))


def unconditional(formula: Formula, point: Point) -> float:
    """The value of a formula by the rules of IEEE 754, which may be inf or nan."""
    return float(formula.at_values(named(point), allow_nonfinite=True).value)


def attempt(function: Callable[..., float], *arguments: Any) -> float:
    """The value, or nan where the row says by an exception that there is none."""
    try:
        return function(*arguments)
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


SUBNORMAL = 2.0**-1022
"""Below this a double has fewer digits."""


def ulp(exact: Exact) -> float:
    return math.ulp(float(exact)) if abs(exact) < HALF_AN_ULP_MORE else math.inf


def misses(
    row: Operation,
    case: Case,
    point: Point,
    payload: Any,
    got: float,
    exact: Exact,
    more: float = 0,
) -> bool:
    """Whether a value is not the exact one within the bound that the row states."""
    if abs(exact) >= HALF_AN_ULP_MORE:
        return math.isfinite(got)
    if not math.isfinite(got):
        return bool(abs(exact) < LARGEST * (1 - 1e-14))
    error = abs(mpf(got) - exact)
    allowed = mpf(row.error(payload)[0] + more) * ulp(exact)
    if abs(exact) < 64 * SUBNORMAL:
        allowed += 64 * mpf(5e-324)  # what is lost to intermediate results that are subnormal
    moved = row.error(payload)[1] + (1 if more else 0)
    if error > allowed and moved:
        allowed += moved * conditioning(case, point, payload, (0,) * len(point))
    return bool(error > allowed)


def derivative(case: Case, point: Iterable[Exact], payload: Any, orders: tuple[int, ...]) -> Exact:
    """A partial derivative of order 0 to 2, by differences with as many digits as it takes.

    Steps are small beside the arguments, so nothing is too near to a pole or to 0.
    """
    extra = payload_arguments(payload)
    sizes = [abs(mpf(x)) for x in point if x] or [mpf(1)]
    spread = mp.log10(max(1, *sizes)) - mp.log10(min(1, *sizes))
    with mp.workdps(200 + case.saturates + int(4 * spread)):
        start = [mpf(x) for x in point]
        steps = [min(1, *sizes) * mpf(10) ** -55] * len(start)
        if sum(orders) == 0:
            return +case.exact(*start, *extra)

        def at(*shifts: int) -> Exact:
            moved = [x + shift * h for x, h, shift in zip(start, steps, shifts, strict=True)]
            return case.exact(*moved, *extra)

        i, *others = [place for place, order in enumerate(orders) for _ in range(order)]
        zero = [0] * len(start)
        unit = [int(place == i) for place in range(len(start))]
        less = [-x for x in unit]
        middle = at(*zero)
        if not others:
            found, scale = at(*unit) - at(*less), 2 * steps[i]
        elif others == [i]:
            found, scale = at(*unit) - 2 * middle + at(*less), steps[i] ** 2
        else:
            (j,) = others
            corners = [
                sign * other * at(*[sign * x + other * (k == j) for k, x in enumerate(unit)])
                for sign, other in itertools.product((1, -1), repeat=2)
            ]
            found, scale = sum(corners), 4 * steps[i] * steps[j]
        noise = abs(middle) * mpf(10) ** (10 - mp.dps)
        return found / scale if abs(found) > noise else mpf(0)


def conditioning(case: Case, point: Point, payload: Any, orders: tuple[int, ...]) -> Exact:
    """How much a derivative changes when each argument does by a unit in its last place."""
    total = mpf(0)
    here = derivative(case, point, payload, orders)
    for place, x in enumerate(point):
        moved = [*map(mpf, point)]
        moved[place] += mpf(math.ulp(max(abs(x), case.scales[place]))) / 1024
        total += abs(derivative(case, moved, payload, orders) - here) * 1024
    return total


# ---------------------------------------------------------------- values


def test_pickle_finds_every_row_again() -> None:
    rows = [*TABLE.values(), *FORMS.values()]
    assert all(pickle.loads(pickle.dumps(row)) is row for row in rows)  # noqa: S301 - our own


def test_every_row_has_a_counterpart() -> None:
    assert {name for name, row in TABLE.items() if row.value is not None} == set(CASES)


@EACH
def test_value(row: Operation, case: Case) -> None:
    assert row.value
    wrong = []
    for point, payload, exact in within_domain(case):
        got = attempt(row.value, *point, *payload_arguments(payload))
        if misses(row, case, point, payload, got, exact):
            wrong.append((point, payload, got, mp.nstr(exact, 20)))
    assert wrong == []


NUMPY_ULPS = 4
"""NumPy's own functions are off by less than so many units, whatever the processor."""


@EACH
def test_the_quick_functions_of_fits(row: Operation, case: Case) -> None:
    columns: dict[tuple[Any, int], list[tuple[Point, Exact]]] = {}
    for point, payload, exact in within_domain(case):
        columns.setdefault((payload, len(point)), []).append((point, exact))
    wrong = []
    for (payload, count), rows in columns.items():
        formula = single(row, count, payload)
        whole = program(formula.graph, [formula.id])._replace(has_arrays=True)
        compute = generated.function(whole, NAMES[:count])
        (found,) = compute(*np.array([point for point, _ in rows]).T)
        numbers = np.broadcast_to(found, len(rows)).tolist()
        for (point, exact), got in zip(rows, numbers, strict=True):
            if misses(row, case, point, payload, got, exact, NUMPY_ULPS):
                wrong.append((point, payload, got, mp.nstr(exact, 20)))
    assert wrong == []


@EACH
def test_formula_and_generated_code_give_the_value_bit_for_bit(row: Operation, case: Case) -> None:
    assert row.value
    for payload in case.payloads:
        for count in {len(point) for point in case.candidates}:
            formula = single(row, count, payload)
            function = generated.function(program(formula.graph, [formula.id]), NAMES[:count])
            nodes = formula.graph.reachable([formula.id])
            for point in case.candidates:
                extra = payload_arguments(payload)
                if len(point) != count or not case.inside(*point, *extra):
                    continue
                value = attempt(row.value, *point, *extra)
                found = interpreter.run(formula.graph, nodes, named(point))
                compiled = attempt(lambda *x, f=function: f(*x)[0], *point)
                assert (formula.id in found.faults) == (not math.isfinite(value)), point
                if math.isfinite(value):
                    assert found.numbers[formula.id] == value == compiled, (point, payload)
                else:
                    assert not math.isfinite(compiled), (point, payload)


@EACH
def test_generated_code_of_numbers(row: Operation, case: Case) -> None:
    assert row.value
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        value = attempt(row.value, *point, *extra)
        if case.inside(*point, *extra) and math.isfinite(value) and point in case.smooth:
            graph = Graph()
            root = graph.add(row, tuple([graph.constant(x) for x in point]), payload)
            assert generated.function(program(graph, [root]), [])() == (value,)
            assert Formula(graph, root).at_values(certain=False).value == value


@pytest.mark.parametrize(
    ("y", "x", "angle"),
    [
        (0.0, 1.0, 0.0),
        (-0.0, 1.0, -0.0),
        (0.0, -1.0, math.pi),
        (-0.0, -1.0, -math.pi),
        (-0.0, -5e-324, -math.pi),
        (1.0, -0.0, math.pi / 2),
        (-1.0, 0.0, -math.pi / 2),
    ],
)
def test_atan2_knows_the_sign_of_zero(y: float, x: float, angle: float) -> None:
    row = TABLE["atan2"]
    for got in (attempt(row.value or abs, y, x), generated.ieee_function(row, 2, None)(y, x)):
        assert got == angle
        assert math.copysign(1, got) == math.copysign(1, angle)


@pytest.mark.parametrize(
    ("x", "rounded"),
    [(0.5, 1), (1.5, 2), (2.5, 3), (-0.5, -1), (-2.5, -3), (0.49999999999999994, 0)],
)
def test_halves_are_rounded_away_from_zero(x: float, rounded: float) -> None:
    assert single(TABLE["round"], 1).evaluate(a=x) == rounded


@pytest.mark.parametrize(
    ("x", "y", "remainder"), [(7, 3, 1), (-7, 3, 2), (7, -3, -2), (-7, -3, -1), (6, 3, 0)]
)
def test_the_remainder_has_the_sign_of_the_divisor(x: float, y: float, remainder: float) -> None:
    assert single(TABLE["mod"], 2).evaluate(a=x, b=y) == remainder


def test_factorials_of_whole_numbers_are_correctly_rounded() -> None:
    factorial = single(TABLE["factorial"], 1)
    for n in range(171):
        assert factorial.at_values(a=n, certain=False).value == float(math.factorial(n))


def test_roots_and_logarithms_of_powers_are_exact() -> None:
    cube_root, logarithm = TABLE["cbrt"].value, TABLE["log to a base"].value
    for root in range(1000):
        assert repr(cube_root(float(-(root**3)))) == repr(float(-root))
    for base in (1.5, 2, 3, 5, 6, 7, 10, 11, 12, 16, 100, 1000, 99991):
        for exponent in range(1, 54):
            power = Fraction(base) ** exponent
            if float(power) != power:
                break
            assert logarithm(float(power), float(base)) == exponent
            assert logarithm(float(1 / power), float(base)) == -exponent


# ---------------------------------------------------------------- domains


@EACH
def test_domain(row: Operation, case: Case) -> None:
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        defined = row.domain is None or bool(row.domain[0](*point, *extra))
        assert defined == case.inside(*point, *extra), (point, payload)


OUTSIDE = [pair for pair in ROWS if pair[0].domain]


@pytest.mark.parametrize(("row", "case"), OUTSIDE, ids=[row.name for row, _ in OUTSIDE])
def test_outside_the_domain_is_no_value_and_an_error_that_names_it(
    row: Operation, case: Case
) -> None:
    assert row.value
    assert row.domain
    said = {
        "divide": "division by zero",
        "power": "^",
        "constant power": "^",
        "log to a base": "log is undefined at",
    }.get(row.name, f"{row.name} is undefined at")
    tried = 0
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        if case.inside(*point, *extra):
            continue
        tried += 1
        assert not math.isfinite(attempt(row.value, *point, *extra)), (point, payload)
        array = generated.ieee_function(row, len(point), payload)(*point)
        assert not math.isfinite(array), ("array", point, payload, array)
        formula = single(row, len(point), payload)
        with pytest.raises(MathematicsError) as caught:
            formula.evaluate(named(point))
        assert said in caught.value.message
        assert row.undefined or f"(needs {row.domain[1]})" in caught.value.message
        shown = [float(line.split(" = ")[1]) for line in caught.value.values]
        assert shown == [*point], "the message shows the numbers"
        assert not math.isfinite(unconditional(formula, point))
    assert tried


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("exp", (710.0,)),
        ("expm1", (710.0,)),
        ("sinh", (-711.0,)),
        ("cosh", (711.0,)),
        ("gamma", (171.7,)),
        ("factorial", (171.0,)),
        ("add", (1e308, 1e308)),
        ("subtract", (-1e308, 1e308)),
        ("multiply", (1e200, -1e200)),
        ("divide", (1e200, 1e-200)),
        ("power", (10.0, 309.0)),
        ("hypot", (1.5e308, 1.5e308)),
        ("lgamma", (1e306,)),
        ("xlogx", (1e306,)),
    ],
)
def test_too_large_for_a_double(name: str, point: Point) -> None:
    formula = single(TABLE[name], len(point))
    with pytest.raises(MathematicsError, match="too large for a double"):
        formula.evaluate(named(point))
    assert math.isinf(unconditional(formula, point))


# ---------------------------------------------------------------- infinities and nan

HALF_PI = math.pi / 2
LIMITS: dict[str, dict[Point, float]] = {
    "exp": {(math.inf,): math.inf, (-math.inf,): 0},
    "expm1": {(math.inf,): math.inf, (-math.inf,): -1},
    "log": {(math.inf,): math.inf, (0.0,): -math.inf},
    "log2": {(math.inf,): math.inf, (0.0,): -math.inf},
    "log10": {(math.inf,): math.inf, (0.0,): -math.inf},
    "log1p": {(math.inf,): math.inf, (-1.0,): -math.inf},
    "sqrt": {(math.inf,): math.inf},
    "cbrt": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "atan": {(math.inf,): HALF_PI, (-math.inf,): -HALF_PI},
    "sinh": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "cosh": {(math.inf,): math.inf, (-math.inf,): math.inf},
    "tanh": {(math.inf,): 1, (-math.inf,): -1},
    "asinh": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "acosh": {(math.inf,): math.inf},
    "atanh": {(1.0,): math.inf, (-1.0,): -math.inf},
    "erf": {(math.inf,): 1, (-math.inf,): -1},
    "erfc": {(math.inf,): 0, (-math.inf,): 2},
    "gamma": {(math.inf,): math.inf},
    "lgamma": {(math.inf,): math.inf, (0.0,): math.inf, (-1.0,): math.inf},
    "sigmoid": {(math.inf,): 1, (-math.inf,): 0},
    "softplus": {(math.inf,): math.inf, (-math.inf,): 0},
    "relu": {(math.inf,): math.inf, (-math.inf,): 0},
    "elu": {(math.inf,): math.inf, (-math.inf,): -1},
    "floor": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "ceil": {(math.inf,): math.inf},
    "round": {(math.inf,): math.inf},
    "abs": {(-math.inf,): math.inf},
    "sign": {(-math.inf,): -1, (math.inf,): 1},
    "add": {(math.inf, 1.0): math.inf, (math.inf, -math.inf): math.nan},
    "multiply": {(math.inf, 0.0): math.nan, (math.inf, -2.0): -math.inf},
    "divide": {(1.0, math.inf): 0, (1.0, 0.0): math.inf, (0.0, 0.0): math.nan},
    "power": {
        (0.5, math.inf): 0,
        (2.0, math.inf): math.inf,
        (1.0, math.nan): 1,
        (math.nan, 0.0): 1,
    },
    "hypot": {(math.inf, math.nan): math.inf, (1.0, -math.inf): math.inf},
    "scaled": {(0.0, math.inf): 0, (0.0, math.nan): 0, (2.0, math.inf): math.inf},
    "atan2": {(math.inf, 1.0): HALF_PI, (0.0, math.inf): 0},
    "max": {(math.inf, 1.0): math.inf, (-math.inf, 1.0): 1},
    "min": {(math.inf, 1.0): 1, (-math.inf, 1.0): -math.inf},
}


def unconditionally(row: Operation, point: Point, payload: Any = None) -> float:
    """The value that --allow-nonfinite prints, for arguments that may be infinite or nan."""
    formula = single(row, len(point), payload)
    nodes = formula.graph.reachable([formula.id])
    return interpreter.run(formula.graph, nodes, named(point), ieee=True).numbers[formula.id]


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    for point, limit in LIMITS[name].items():
        array = generated.ieee_function(TABLE[name], len(point), None)(*point)
        assert array == pytest.approx(limit, rel=1e-15, nan_ok=True), point
        value = unconditionally(TABLE[name], point)
        assert value == pytest.approx(limit, rel=1e-15, nan_ok=True), point


def hides_nan(name: str, position: int) -> bool:
    """Whether IEEE 754 or the meaning of the row lets it ignore a nan at this position."""
    comparisons = {"less", "less or equal", "greater", "greater or equal", "equal", "not equal"}
    conditions = {("where", 0), ("where", 2)}  # the smooth points of where take the first branch
    return name in comparisons | {"and", "or", "not"} or (name, position) in conditions


@EACH
def test_nan_goes_through(row: Operation, case: Case) -> None:
    for point in case.smooth:
        for position in range(len(point)):
            if hides_nan(row.name, position):
                continue
            spoilt = (*point[:position], math.nan, *point[position + 1 :])
            assert math.isnan(
                generated.ieee_function(row, len(point), case.payloads[0])(*spoilt)
            ), spoilt
            assert math.isnan(unconditionally(row, spoilt, case.payloads[0])), spoilt


# ---------------------------------------------------------------- derivatives


DERIVATIVE_ULPS = 16
"""How far a first or second derivative may be off, in units in its last place, or as if arguments
were: the same for both, and for every row."""


def orders_of(count: int) -> Iterator[tuple[int, ...]]:
    """The first and second partial derivatives of a function of so many arguments."""
    units = [tuple([int(i == j) for j in range(count)]) for i in range(count)]
    yield from units
    for one, other in itertools.combinations_with_replacement(units, 2):
        yield tuple(map(operator.add, one, other))


def derived(
    row: Operation,
    case: Case,
    count: int,
    payload: Any,
    bounds: dict[tuple[int, ...], float] | None = None,
) -> dict[tuple[int, ...], Callable[..., float]]:
    """The derivatives as functions of IEEE 754, each made of rows of the table.

    `bounds` are told how far each may be off: no less than twice what one of those rows states.
    """
    formula = single(row, count, payload)
    graph, root = formula.graph, formula.id
    found: dict[tuple[int, ...], Callable[..., float]] = {}
    for orders in orders_of(count):
        if any(orders[place] for place in case.still):
            continue
        node = root
        for place, order in enumerate(orders):
            for _ in range(order):
                node = reverse.gradient(graph, node, [place])[place]
        order_of_nodes = graph.reachable([node])
        if bounds is not None:
            used = [graph.rows[below] for below in order_of_nodes]
            stated = [each.error(extra)[0] for each, inputs, extra in used if inputs]
            bounds[orders] = max([DERIVATIVE_ULPS, *(2 * error for error in stated)])

        def evaluate(*point: float, node: int = node, nodes: Any = order_of_nodes) -> float:
            return float(interpreter.run(graph, nodes, named(point), ieee=True).numbers[node])

        found[orders] = evaluate
    return found


def wrong_derivatives(
    row: Operation, case: Case, points: Iterable[Point], payload: Any
) -> tuple[list[Any], int]:
    """The derivatives of a row that are not within the bound, and how many were compared."""
    wrong, compared = [], 0
    extra = payload_arguments(payload)
    functions: dict[int, dict[tuple[int, ...], Callable[..., float]]] = {}
    bounds: dict[tuple[int, ...], float] = {}
    for point in points:
        count = len(point)
        if count not in functions:
            functions[count] = derived(row, case, count, payload, bounds)
        if not case.has_derivatives(*point, *extra) or is_special(row, point, extra):
            continue
        if any(x and not 1e-300 <= abs(x) <= 1e300 for x in point):
            continue  # there intermediate results are no normal doubles
        expected = {orders: derivative(case, point, payload, orders) for orders in functions[count]}
        is_too_large = any(abs(exact) > LARGEST / 1e10 for exact in expected.values())
        for orders, evaluate in functions[count].items():
            got, exact = evaluate(*point), expected[orders]
            if abs(exact) > LARGEST / 1e10 or (exact == 0 and is_too_large):
                continue
            compared += 1
            error = abs(mpf(got) - exact) if math.isfinite(got) else mp.inf
            allowed = bounds[orders] * mpf(ulp(exact)) + 1e-290
            if sum(orders) == 2:
                allowed += bounds[orders] * mpf(ulp(case.terms(*map(mpf, point), *extra)))
            if error > allowed:
                allowed += bounds[orders] * conditioning(case, point, payload, orders)
            if error > allowed:
                wrong.append((point, payload, orders, got, mp.nstr(exact, 17)))
    return wrong, compared


def is_special(row: Operation, point: Point, extra: tuple[Any, ...]) -> bool:
    """Whether the point is at a kink or a jump."""
    return any(test and test[0](*point, *extra) for test in (row.kink, row.jump))


@EACH
def test_derivatives(row: Operation, case: Case) -> None:
    for payload in case.payloads:
        wrong, compared = wrong_derivatives(row, case, case.smooth, payload)
        assert wrong == []
        assert compared or len(case.still) == row.arity[0]


@EACH
def test_arguments_without_a_derivative_say_so(row: Operation, case: Case) -> None:
    for place in case.still:
        formula = single(row, row.arity[0], case.payloads[0])
        with pytest.raises(MathematicsError, match="has no derivative with respect to its"):
            formula.gradient(named(case.smooth[0]), wrt=[NAMES[place]])


@pytest.mark.slow
@EACH
def test_derivatives_on_the_whole_domain(row: Operation, case: Case) -> None:
    total = 0
    generator = random.Random(13)  # noqa: S311 - points to try
    for payload in case.payloads:
        points = generator.sample(case.candidates, min(MOST_POINTS, len(case.candidates)))
        wrong, compared = wrong_derivatives(row, case, points, payload)
        total += compared
        assert wrong == [], len(wrong)
    print(f"{row.name}: {total} derivatives compared")  # noqa: T201 - with -s


MOST_POINTS = 150
"""How many points of a row are tried; mpmath is slow at hundreds of digits."""


@EACH
def test_forward_mode_equals_reverse_mode(row: Operation, case: Case) -> None:
    for point, payload in itertools.product(case.smooth, case.payloads):
        formula, values = moving(row, case, point, payload)
        graph, root = formula.graph, formula.id
        names = [graph.variable(name) for name in values]
        # f² + arctan f, so that two paths meet in every argument.
        square = graph.add(TABLE["multiply"], (root, root))
        result = graph.add(TABLE["add"], (square, graph.add(TABLE["atan"], (root,))))
        backward = reverse.gradient(graph, result, names)
        upward = forward.gradient(graph, result, names)
        graph.check()
        wanted = graph.reachable([result, *backward.values(), *upward.values()])
        numbers = interpreter.run(graph, wanted, values, ieee=True).numbers
        slope = max(map(abs, formula.gradient(values).values()), default=0.0)
        terms = slope * max(1.0, 2 * abs(numbers[root]))
        for name in names:
            one, other = numbers[backward[name]], numbers[upward[name]]
            assert abs(one - other) <= 2 * math.ulp(terms), (point, payload, name, one, other)


@EACH
def test_generated_derivatives_equal_interpreted_ones(row: Operation, case: Case) -> None:
    for point, payload in itertools.product(case.smooth, case.payloads):
        formula, values = moving(row, case, point, payload)
        value, *slopes = formula.compiled([*values])(*values.values())
        here = formula.at_values(values, certain=False)
        assert value == here.value
        assert slopes == [*here.gradient().values()]


# Both modes go through where by its masks, and not by its partial derivatives.
RULED = [(row, case) for row, case in ROWS if row is not WHERE]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "case"), RULED, ids=[row.name for row, _ in RULED])
def test_a_wrong_partial_is_noticed(
    row: Operation, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = row.partials
    for position in {*range(max(map(len, case.smooth)))} - {*case.still}:

        def wrong(place: int, *arguments: Any, spoilt: int = position) -> Any:
            rule = right[place] if isinstance(right, tuple) else right
            given = arguments if isinstance(right, tuple) else (place, *arguments)
            partial = rule(*given)
            return partial * 1.001 + 0.01 if place == spoilt else partial

        monkeypatch.setattr(row, "partials", wrong)
        wrong_rules = [
            wrong_derivatives(row, case, case.smooth, payload)[0] for payload in case.payloads
        ]
        assert any(wrong_rules)


# ---------------------------------------------------------------- kinks and jumps

KINKS: dict[str, dict[Point, tuple[float, ...]]] = {
    "abs": {(0.0,): (0.0,)},
    "trunc": {(2.0,): (0.0,), (-3.0,): (0.0,)},
    "frac": {(2.0,): (1.0,), (-3.0,): (1.0,)},
    "sign": {(0.0,): (0.0,)},
    "floor": {(2.0,): (0.0,), (-3.0,): (0.0,), (1e300,): (0.0,)},
    "ceil": {(2.0,): (0.0,), (0.0,): (0.0,)},
    "round": {(2.5,): (0.0,), (-0.5,): (0.0,), (1000000.5,): (0.0,)},
    "mod": {(6.0, 3.0): (1.0, -2.0), (-6.0, 3.0): (1.0, 2.0), (0.0, 3.0): (1.0, 0.0)},
    "max": {(2.0, 2.0): (0.5, 0.5), (3.0, 1.0, 3.0): (0.5, 0.0, 0.5), (1.0,) * 4: (0.25,) * 4},
    "min": {(2.0, 2.0): (0.5, 0.5), (3.0, 1.0, 1.0): (0.0, 0.5, 0.5), (1.0,) * 3: (1 / 3,) * 3},
    "clip": {(-1.0, -1.0, 2.0): (0.5, 0.5, 0.0), (2.0, -1.0, 2.0): (0.5, 0.0, 0.5)},
    "relu": {(0.0,): (0.0,)},
    "leaky_relu": {(0.0,): (0.01,)},
    "hypot": {(0.0, 0.0): (0.0, 0.0)},
    "power": {(0.0, 0.0): (0.0, -math.inf)},
    "less": {(2.0, 2.0): (0.0, 0.0)},
    "less or equal": {(2.0, 2.0): (0.0, 0.0)},
    "greater": {(2.0, 2.0): (0.0, 0.0)},
    "greater or equal": {(2.0, 2.0): (0.0, 0.0)},
    "equal": {(2.0, 2.0): (0.0, 0.0)},
    "not equal": {(2.0, 2.0): (0.0, 0.0)},
}


def test_every_kink_and_jump_has_its_points() -> None:
    # Those of arrays are tried beside the other rows for arrays.
    rows = {name for name, row in TABLE.items() if not row.structural and (row.kink or row.jump)}
    assert rows == set(KINKS)


@pytest.mark.parametrize("name", KINKS)
def test_kinks_and_jumps_give_the_documented_derivative_and_a_note(name: str) -> None:
    row = TABLE[name]
    words = next(special[1] for special in (row.kink, row.jump) if special)
    for point, expected in KINKS[name].items():
        formula = single(row, len(point))
        at_point = formula.at_values(named(point), allow_nonfinite=True)
        assert tuple(at_point.gradient().values()) == pytest.approx(expected), point
        notes = at_point.notes()
        assert [note.sentence for note in notes] == [words], point
        assert notes[0].formula == str(formula)


@EACH
def test_smooth_points_have_no_notes(row: Operation, case: Case) -> None:
    for point, payload in itertools.product(case.smooth, case.payloads):
        formula, values = moving(row, case, point, payload)
        assert formula.run(values).notes == []


def test_the_derivative_of_sinc_beside_zero() -> None:
    # -x/3 to first order, so it is 0 or the last bit beside 0 for the smallest number there is.
    sinc_formula = single(TABLE["sinc"], 1)
    for x in (0.0, 5e-324, -5e-324, 1e-310):
        assert abs(sinc_formula.gradient(a=x)["a"]) <= 1e-310


@pytest.mark.slow
def test_polygamma_far_below_zero_takes_no_longer_than_near_it() -> None:
    trigamma = single(TABLE["polygamma"], 1, 1)

    def seconds(x: float) -> float:
        begun = time.process_time()
        # π²/sin²(πx) is π² halfway between poles; the rest is as small as 1/x.
        assert trigamma.evaluate(a=x) == pytest.approx(math.pi**2, rel=1e-4)
        return time.process_time() - begun

    near_zero = min(seconds(-1e5 - 0.5) for _ in range(3))
    assert seconds(-1e8 - 0.5) < 30 * near_zero + 0.1


# ---------------------------------------------------------------- more digits


def is_a_decimal(payload: Any) -> bool:
    """Whether a payload means the same as a decimal and as a double."""
    return payload is None or float(payload * 1024).is_integer()


@EACH
def test_fractions_balls_and_discs_hold_the_value_of_every_row(row: Operation, case: Case) -> None:
    flint = pytest.importorskip("flint")
    from gradcli.exact import balls
    from gradcli.exact.numbers import RATIONALS
    from gradcli.exact.proofs import DISCS

    flint.ctx.prec = 200
    held = 0
    points = itertools.product([*case.smooth, *case.candidates[::7]], case.payloads)
    with mp.workdps(80):
        for point, payload in points:
            extra = payload_arguments(payload)
            if row.name in OF_DOUBLES or not is_a_decimal(payload):
                continue
            exact = case.exact(*map(mpf, point), *extra) if case.inside(*point, *extra) else mp.nan
            if not (mp.isfinite(exact) and mpf(2) ** -2000 < abs(exact) < mpf(2) ** 2000):
                continue
            truth = flint.arb(flint.fmpq(*fraction(exact).as_integer_ratio()))
            truth += flint.arb(0, 1) * abs(truth) * flint.arb(10) ** -35
            found = RATIONALS.apply(row, [Fraction(x) for x in point], payload)
            if found is not None:
                assert truth.contains(balls.ball(found)), (point, payload)
            real = [balls.ball(Fraction(x)) for x in point]
            ball = balls.BALLS.apply(row, real, payload)
            assert found is not None or ball.is_finite(), (point, payload)
            assert ball is None or not ball.is_finite() or ball.overlaps(truth), (point, payload)
            held += found is not None or bool(ball.rad() <= abs(truth) * flint.arb(10) ** -30)
            near = flint.arb(0, 1e-9)
            around = [flint.acb(x + near * abs(x), flint.arb(0, 1e-12)) for x in real]
            try:
                disc = DISCS.apply(row, around, payload)
            except ArithmeticError:
                continue
            assert not disc.is_finite() or disc.overlaps(flint.acb(truth)), (point, payload)
    assert held or row.name in OF_DOUBLES


@EACH
def test_fractions_of_0_and_1_are_what_doubles_give(row: Operation, case: Case) -> None:
    from gradcli.exact.numbers import RATIONALS

    count = len(case.candidates[0])
    for numbers, payload in itertools.product(
        itertools.product((0, 1), repeat=count), case.payloads
    ):
        found = RATIONALS.apply(row, list(map(Fraction, numbers)), payload)
        if found is not None:
            value = row.value(*map(float, numbers), *payload_arguments(payload))
            assert float(found) == pytest.approx(value, rel=1e-15)
