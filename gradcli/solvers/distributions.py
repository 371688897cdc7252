"""Student's t and other distributions of statistics.

scipy.special has Student's t too, but importing it takes longer than a whole fit. It is asked where
there are so many data that this does not matter, and a continued fraction would lose digits.
"""

from __future__ import annotations

import math

MANY = 10_000
"""The fewest degrees of freedom for which scipy computes the distribution."""
SMALLEST = 1e-300
"""Replaces a 0 by which a continued fraction would divide (modified Lentz method)."""
LARGE = 100.0
"""The least argument for which the series of a ratio of gamma functions has all digits."""


def tail_probability(t: float, freedom: int | None) -> float:
    """Return the probability of a value at least as far from 0 as t, with 12 digits or more.

    `freedom` are the degrees of freedom; None stands for the normal distribution. It is the
    regularised incomplete beta function I(n/2, 1/2) at n/(n + t²), for n degrees of freedom, by its
    continued fraction. (NIST Digital Library of Mathematical Functions, 8.17.)
    """
    if freedom is None:
        return math.erfc(abs(t) / math.sqrt(2))
    if freedom > MANY:
        from scipy.special import stdtr

        return float(2 * stdtr(freedom, -abs(t)))
    if math.isinf(t):
        return 0.0
    half = freedom / 2
    ratio = abs(t) / math.sqrt(freedom)
    hypotenuse = math.hypot(1, ratio)
    near, far = 1 / hypotenuse**2 if ratio < 1e150 else 0.0, ratio / hypotenuse
    logarithm = -math.log1p(ratio**2) if ratio < 1 else -2 * math.log(hypotenuse)
    front = math.exp(half * logarithm) * far * _gamma_ratio(half) / math.sqrt(math.pi)
    if near < (half + 1) / (half + 2.5):
        return front / half * _fraction(half, 0.5, near)
    return 1 - 2 * front * _fraction(0.5, half, far**2)


def central_quantile(confidence: float, freedom: int | None) -> float:
    """Return the number between whose two signs lies a part `confidence` of all values.

    It is found by Newton's method on the logarithm of the probability as a function of log t; this
    is concave and falls, so that after one step every other comes closer from the same side.
    """
    if freedom is None:
        from statistics import NormalDist

        return NormalDist().inv_cdf(0.5 + confidence / 2)
    if not 0 < confidence < 1:
        return math.inf if confidence else 0.0
    if freedom > MANY:
        from scipy.special import stdtrit

        return float(stdtrit(freedom, 0.5 + confidence / 2))
    outside = 1 - confidence
    half = freedom / 2
    height = _gamma_ratio(half) / math.sqrt(math.pi * freedom)
    t = 1.0
    for _ in range(1000):
        probability = tail_probability(t, freedom)
        density = height * math.exp(-(half + 0.5) * math.log1p(t * t / freedom))
        step = math.log(probability / outside) * probability / (2 * t * density)
        t *= math.exp(min(step, 1.0))  # further, and the probability might be 0
        if abs(step) < 1e-14:
            break
    return t


def _fraction(a: float, b: float, x: float) -> float:
    """Return 1/(1 + d₁/(1 + d₂/(1 + …))) of the incomplete beta function, by Lentz's method."""
    above, below = 1.0, 1 / (1 - (a + b) * x / (a + 1) or SMALLEST)
    found = below
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            below = 1 / (1 + term * below or SMALLEST)
            above = 1 + term / above or SMALLEST
            found *= above * below
        if abs(above * below - 1) < 1e-16:
            break
    return found


def _gamma_ratio(a: float) -> float:
    """Return Γ(a + 1/2)/Γ(a) for whole and half a, by a series where these are large.

    (NIST Digital Library of Mathematical Functions, 5.11.13.)
    """
    if a < LARGE:
        return math.gamma(a + 0.5) / math.gamma(a)
    r = 1 / a
    series = 1 + r * (
        -1 / 8 + r * (1 / 128 + r * (5 / 1024 + r * (-21 / 32768 + r * -399 / 262144)))
    )
    return math.sqrt(a) * series


def finite(value: float) -> float | None:
    """Return the number, or None when it is infinite or nan."""
    return float(value) if math.isfinite(value) else None
