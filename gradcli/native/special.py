"""The functions behind gamma and sinc as machine code: digamma, polygamma, spherical Bessel.

All without branches, as series that the argument is brought into the reach of. Accurate to a few
units in the last place, but for the surroundings of zeros (those of digamma for x > 0 excepted).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, reduce
from operator import mul
from typing import TYPE_CHECKING

from gradcli.graph.special import cotangent_derivative
from gradcli.native.doubles import Double, call, intrinsic, where

if TYPE_CHECKING:
    from collections.abc import Sequence

HIGHEST = {"polygamma": 20, "sphericalj": 10}
"""The highest order of each function for which these series were made."""
_BERNOULLI = [
    *(Fraction(1, 6), Fraction(-1, 30), Fraction(1, 42), Fraction(-1, 30), Fraction(5, 66)),
    *(Fraction(-691, 2730), Fraction(7, 6), Fraction(-3617, 510), Fraction(43867, 798)),
    Fraction(-174611, 330),
]
"""B_2, B_4 … B_20 (DLMF 24.2)."""
_FAR = 10
"""From here, and the order more, the asymptotic series are exact to a double."""
_ZERO = Fraction("1.46163214496836234126265954232572132846819620400644629512598")
"""Where digamma is zero (OEIS A030169)."""
_TERMS = 40
"""So many of the series around that are enough from 1 to 2."""


def digamma(x: Double) -> Double:
    """Return ψ(x); nan at whole numbers up to 0."""
    right = where(x < 0.0, 1.0 - x, x)
    inverse = 1.0 / right
    square = inverse * inverse
    far = call("log", right) - inverse * 0.5 - square * _polynomial(square, _digamma_tail())
    # ψ(z+1) = ψ(z) + 1/z leads from 0 … 10 to 1 … 2.
    is_small = right < 1.0
    near, total = where(is_small, right + 1.0, right), where(is_small, -inverse, 0.0)
    for _ in range(_FAR - 2):
        is_large = near > 2.0
        near = where(is_large, near - 1.0, near)
        total = total + where(is_large, 1.0 / near, 0.0)
    zero = float(_ZERO)
    away = (near - zero) - float(_ZERO - Fraction(zero))
    found = where(right < _FAR, away * _polynomial(away, _around_zero()) + total, far)
    return _reflected(x, found, 0)


def polygamma(x: Double, n: int) -> Double:
    """Return the n-th derivative of ψ(x), n > 0; nan at whole numbers up to 0.

    For x > 0 it is ±n! ζ(n+1, x) (DLMF 5.15.1), the first terms of which are added up where x is
    small, and the rest by the formula of Euler and Maclaurin (25.11.5).
    """
    right = where(x < 0.0, 1.0 - x, x)
    count = _FAR + n
    is_near = right < count
    terms = [_reciprocal_power(right + float(k), n + 1) for k in reversed(range(count))]
    first = where(is_near, sum(terms[1:], terms[0]), 0.0)
    start = where(is_near, right + float(count), right)
    inverse = 1.0 / start
    square = inverse * inverse
    tail = inverse * 0.5 + square * _polynomial(square, _zeta_tail(n + 1))
    rest = _reciprocal_power(start, n) * (1 / n + tail)
    sign = 1.0 if n % 2 else -1.0
    return _reflected(x, sign * math.factorial(n) * (first + rest), n)


def sphericalj(x: Double, n: int) -> Double:
    """Return the spherical Bessel function j_n(x).

    By its power series up to n + 1 (DLMF 10.53.1), and from there by recurrence (10.51.1).
    """
    size = abs(x)
    square = size * size * -0.5
    leading = reduce(mul, [size] * n, x.of(1.0)) / math.prod(range(1, 2 * n + 2, 2))
    near = leading * _polynomial(square, _bessel_series(n))
    sine, cosine = call("sin", size), call("cos", size)
    before, far = cosine / size, sine / size
    for k in range(n):
        before, far = far, (2 * k + 1) / size * far - before
    found = where(size <= n + 1.0, near, far)
    return where(x < 0.0, -found, found) if n % 2 else found


def _reflected(x: Double, right: Double, n: int) -> Double:
    """Return polygamma of x from that of 1 - x where x < 0 (DLMF 5.15.6)."""
    cotangent = 1.0 / call("tan", (x - intrinsic("rint", x)) * math.pi)
    slope = _polynomial(cotangent, cotangent_derivative(n)) * math.pi
    left = (-right if n % 2 else right) - slope
    is_pole = (x <= 0.0) & x.equals(intrinsic("floor", x))
    return where(is_pole, math.nan, where(x < 0.0, left, right))


def _reciprocal_power(x: Double, n: int) -> Double:
    """Return x to the power -n."""
    if n > 3:
        return call("pow", x, x.of(-float(n)))
    inverse = 1.0 / x
    return reduce(mul, [inverse] * n)


def _polynomial(x: Double, coefficients: Sequence[float]) -> Double:
    """Return the polynomial with these coefficients, that of x^0 first."""
    return reduce(
        lambda found, c: found * x + c, reversed(coefficients[:-1]), x.of(coefficients[-1])
    )


@cache
def _digamma_tail() -> list[float]:
    """Return z² (log(z) - 1/(2z) - ψ(z)) as a polynomial in 1/z² (DLMF 5.11.2)."""
    return [float(number / (2 * k)) for k, number in enumerate(_BERNOULLI, 1)]


@cache
def _zeta_tail(s: int) -> list[float]:
    """Return a² (ζ(s, a) a^(s-1) - 1/(s-1) - 1/(2a)) as a polynomial in 1/a² (DLMF 25.11.5)."""
    return [
        float(number * math.perm(s + 2 * k - 2, 2 * k - 1) / math.factorial(2 * k))
        for k, number in enumerate(_BERNOULLI, 1)
    ]


@cache
def _around_zero() -> list[float]:
    """Return ψ(z) / (z - its zero) as a polynomial in z - its zero: its terms are ±ζ(s, zero)."""
    zero, found = float(_ZERO), []
    for s in range(2, _TERMS + 2):
        count = _FAR + s
        start = zero + count
        tail = 1 / (s - 1) + 0.5 / start
        tail += sum(c * start ** (-2 * k) for k, c in enumerate(_zeta_tail(s), 1))
        zeta = math.fsum([*((zero + k) ** -s for k in range(count)), tail * start ** (1 - s)])
        found.append(zeta if s % 2 == 0 else -zeta)
    return found


@cache
def _bessel_series(n: int) -> list[float]:
    """Return j_n(x) (2n+1)!! / x^n as a polynomial in -x²/2, as far as it counts up to n + 1."""
    found = [Fraction(1)]
    most = Fraction((n + 1) ** 2, 2)
    while found[-1] * most ** (len(found) - 1) > Fraction(1, 2**60):
        k = len(found)
        found.append(found[-1] / (k * (2 * n + 2 * k + 1)))
    return [float(c) for c in found]
