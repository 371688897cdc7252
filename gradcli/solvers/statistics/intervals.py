"""Student's t and other distributions, and the ends of intervals from the profile of a likelihood.

scipy.special has Student's t too, but importing it takes longer than a whole fit. It is asked where
there are so many data that this does not matter, and a continued fraction would lose digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.solver import Vector
    from gradcli.solvers.vectors import Box

MANY = 10_000
"""Degrees of freedom from which on scipy is asked."""
SMALLEST = 1e-300
"""Stands for a 0 that a continued fraction would divide by."""
LARGE = 100.0
"""From here on the terms of the series for a ratio of gamma functions have all digits."""


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


def chi_squared_tail(value: float, freedom: int) -> float:
    """Return the probability of a value at least as large, of χ² with degrees of freedom."""
    from scipy.special import chdtrc

    return float(chdtrc(freedom, value))


def variance_ratio_tail(value: float, above: int, below: int) -> float:
    """Return the probability of a ratio at least as large, of F with degrees of freedom."""
    from scipy.special import fdtrc

    return float(fdtrc(above, below, value))


def finite(value: float) -> float | None:
    """Return the number, or None when it is infinite or nan."""
    return float(value) if math.isfinite(value) else None


TIGHT = 1e-9
"""How exactly an end is found, relative to its distance."""
TRIALS = 100
"""Values of one number that are tried for one end of its interval."""
FARTHEST = 1e6
"""How many standard errors away an end is looked for."""
GROWTH = 4.0
"""How much farther away a trial is than the one before, at most."""
NARROWEST = 1e-3
"""Below this share of the way, an end is not looked for closer to where there is no fit."""
NOISE = 1e-7
"""A deviance so far below 0 is a lower minimum, and not rounding."""


class Held(NamedTuple):
    """The lowest objective with one number held."""

    deviance: float
    slope: float
    """The derivative of the deviance with respect to the number held."""
    point: Vector


class Profile(Protocol):
    """The lowest objective as a function of one number."""

    def __call__(self, index: int, start: Vector) -> Held:
        """Return it with number `index` held where `start` has it, looked for from there.

        Raises MathematicsError where there is none.
        """


class _Missing(Exception):  # noqa: N818 - a signal inside this module, not an error for users
    """There is no end, and this is why."""


def ends(
    profile: Profile,
    index: int,
    best: Vector,
    direction: Vector,
    quantile: float,
    box: Box,
    stop: Callable[[], bool],
) -> tuple[list[float | None], list[str]]:
    """Return both ends of the interval of a number, None where there is none, and why.

    `best` is the minimum and `direction` the way that it moves, per standard error of the number.
    """
    found: list[float | None] = []
    why = []
    for sign, side in ((-1.0, "lower"), (1.0, "upper")):
        limit = float((box.lower if sign < 0 else box.upper)[index])
        try:
            found.append(_end(profile, index, best, sign * direction, quantile, limit, stop))
        except _Missing as missing:
            found.append(None)
            why.append(f"no {side} end: {missing}")
    return found, why


def _end(
    profile: Profile,
    index: int,
    best: Vector,
    direction: Vector,
    quantile: float,
    limit: float,
    stop: Callable[[], bool],
) -> float:
    """Return where the root of the deviance reaches the quantile; raise _Missing if it does not.

    Newton's method on the root, which is nearly linear, kept between a value below and one above.
    """
    low, high, near, tangent = 0.0, math.inf, best, direction
    error = float(direction[index])
    most = (limit - best[index]) / error
    trial = min(quantile, most)
    for _ in range(TRIALS):
        if stop():
            message = "the run was interrupted"
            raise _Missing(message)
        value = limit if trial == most else float(best[index] + trial * error)
        try:
            held = _held(profile, index, value, near + (trial - low) * tangent, near)
            why = "the likelihood rises again"
        except MathematicsError as problem:
            held, why = None, f"no fit is found ({problem.message})"
        if held is not None and held.deviance < -NOISE:
            message = f"there is a lower minimum, near {value:.6g}; start there"
            raise _Missing(message)
        root = 0.0 if held is None else math.sqrt(max(held.deviance, 0.0))
        slope = 0.0 if held is None or root == 0 else held.slope * error / (2 * root)
        if held is None or (root < quantile and slope < 0):
            high = trial
            if trial - low <= NARROWEST * trial:
                message = f"beyond {near[index]:.6g} {why}"
                raise _Missing(message)
            trial = (low + trial) / 2
            continue
        step = trial + (quantile - root) / slope if slope > 0 else math.inf
        if abs(step - trial) <= TIGHT * trial:
            return float(best[index] + step * error)
        if root < quantile:
            if trial == most:
                message = f"the limit {limit:g} comes first"
                raise _Missing(message)
            if trial >= FARTHEST and math.isinf(high):
                message = f"the likelihood hardly falls as far as {value:.3g}"
                raise _Missing(message)
            tangent = (held.point - near) / (trial - low)
            low, near = trial, held.point
        else:
            high = trial
        trial = min(_next(step, low, high), most)
    message = f"it was not found in {TRIALS} trials"
    raise _Missing(message)


def _held(profile: Profile, index: int, value: float, start: Vector, near: Vector) -> Held:
    """Return the lowest objective with a number held, from a start or else from the last point."""
    start, near = start.copy(), near.copy()
    start[index] = near[index] = value
    try:
        return profile(index, start)
    except MathematicsError:
        return profile(index, near)


def _next(step: float, low: float, high: float) -> float:
    """Return the next value to try, a step of Newton's where that is between the ends."""
    if math.isinf(high):
        return min(max(step, 1.1 * low), GROWTH * low)
    return step if low < step < high else (low + high) / 2
