"""Confidence intervals from the profile of a likelihood: how it falls when one number is held.

The deviance of a value of one number is what the lowest objective with it held there exceeds the
minimum by, in units in which its root is a deviation: RSS/s² or twice the negative log-likelihood.
The end of an interval is where the root is the quantile of Student's t or of the normal
distribution. (Bates and Watts, Nonlinear Regression Analysis, 1988, section 6.1; confint of R.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gradcli.errors import MathematicsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.bounds import Box
    from gradcli.solvers.solver import Vector

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
