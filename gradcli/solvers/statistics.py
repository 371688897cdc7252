"""What a fit says about its parameters: errors, tests, intervals and measures of the whole.

Definitions are those of summary() for nls and lm in R: s² = RSS/(n-p), covariance s² (JᵀJ)⁻¹,
Student's t with n-p degrees of freedom, and the logarithm of the normal likelihood at its maximum,
with the variance of the residuals as one more parameter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gradcli.errors import MathematicsError, enumerated, listed
from gradcli.records import NamedTuple
from gradcli.solvers.covariance import (
    Evidence,
    Weights,
    determination,
    evidence,
    information,
    strong_correlations,
    triangle,
)
from gradcli.solvers.distributions import central_quantile, finite, tail_probability
from gradcli.solvers.vectors import EPSILON, TINY, norm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.solvers.robust import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector
    from gradcli.solvers.vectors import Box

NAMED = 5
"""The most names that one warning lists."""

Numbers = dict[str, "float | None"]
Interval = tuple["float | None", "float | None"] | None
"""Both ends; one of them may not exist."""


class Statistics(NamedTuple):
    """The report of a fit; None stands for what does not exist, and a warning says why."""

    observations: int | None
    degrees_of_freedom: int | None
    rss: float | None
    residual_standard_error: float | None
    r_squared: float | None
    aic: float | None
    bic: float | None
    standard_errors: Numbers
    t_values: Numbers
    p_values: Numbers
    confidence_intervals: dict[str, Interval]
    correlation: dict[str, Numbers]
    is_sigma_known: bool = False
    """Whether the errors of the data are known, so that those of parameters are not estimated."""
    chi_squared: float | None = None
    """The sum of the squared residuals, each divided by its known variance."""
    chi_squared_p_value: float | None = None
    """How probable one at least as large is, where the model is true."""
    errors: str = "jacobian"
    """What the standard errors are from: the Jacobian of the residuals, or the Hessian."""
    intervals: str = "standard_errors"
    """What the intervals are from: standard errors, or the profile of the likelihood."""

    @property
    def covariance(self) -> dict[str, Any]:
        """The covariance matrix of the numbers that have errors, and its degrees of freedom.

        The freedom is None where the errors of the data are known.
        """
        errors = {name: e for name, e in self.standard_errors.items() if e is not None}
        matrix = [
            [x * y * (self.correlation[a][b] or 0.0) for b, y in errors.items()]
            for a, x in errors.items()
        ]
        freedom = None if self.is_sigma_known else self.degrees_of_freedom
        return {"names": list(errors), "matrix": matrix, "degrees_of_freedom": freedom}

    def document(self) -> dict[str, Any]:
        """Return the fields as plain values, intervals as lists, and the covariance."""
        intervals = {
            name: None if both is None else list(both)
            for name, both in self.confidence_intervals.items()
        }
        fields = {**self._asdict(), "confidence_intervals": intervals}
        del fields["is_sigma_known"]
        return {**fields, "covariance": self.covariance}


def summary(
    residuals: Residuals,
    point: Vector,
    names: Sequence[str],
    *,
    free: Mask | None = None,
    rss: float | None = None,
    total: float | None = None,
    weights: Weights | None = None,
    confidence: float = 0.95,
    absolute_sigma: bool = False,
    loss: Loss | None = None,
) -> tuple[Statistics, list[str]]:
    """Return the report of a fit at a point, and warnings about it.

    `residuals` are weighted: multiplied with the roots of weights. `names` are those of all
    numbers; those that are not `free` (all are) are taken as known. `rss` is the sum of
    squares when it is known better than from the residuals, and `total` that of the response about
    its mean, both weighted. With `absolute_sigma` weights are 1/σ² of known deviations σ.
    """
    chosen = np.ones(len(point), dtype=bool) if free is None else free
    found = evidence(residuals, point, chosen, weights, loss, rss)
    known = absolute_sigma and loss is None
    warnings = at_limits(names, chosen)
    if absolute_sigma and not known:
        warnings.append(
            "with a robust loss the spread of the residuals tells the errors, so that the sigmas"
            " count as relative ones, not as absolute ones"
        )
    deviation, why = found.deviation(is_sigma_known=known)
    if why is not None:
        is_robust = found.robust_deviation is not None and found.freedom > 0
        repair = "; a larger scale may help" if is_robust else ""
        warnings.append(f"{why}, so standard errors do not exist{repair}")
    elif deviation == 0 and loss is None:
        warnings.append(
            "all residuals are 0, so standard errors are 0 and t values, AIC and BIC do not exist"
        )
    freedom = None if known else found.freedom
    fields, more = estimates(found.factor, names, point, chosen, deviation, freedom, confidence)
    warnings += more
    r_squared = aic = bic = None
    if loss is not None:
        warnings.append(
            "R², AIC and BIC are those of least squares and do not exist for a robust loss"
        )
    else:
        r_squared = _r_squared(found, point[chosen], total, warnings)
        aic, bic = information(found, is_sigma_known=known)
    if found.size > 0 and found.rss < TINY:
        warnings.append(
            "the residuals are so small that their sum of squares underflows; the residual"
            " standard error and the standard errors do not"
        )
    has_chi_squared = known and found.freedom > 0
    return Statistics(
        observations=found.observations,
        degrees_of_freedom=found.freedom,
        rss=found.rss,
        residual_standard_error=(
            found.size / math.sqrt(found.freedom) if found.freedom > 0 else None
        ),
        r_squared=r_squared,
        aic=aic,
        bic=bic,
        chi_squared=found.rss if has_chi_squared else None,
        chi_squared_p_value=_chi_squared_tail(found) if has_chi_squared else None,
        is_sigma_known=known,
        **fields,
    ), warnings


def _chi_squared_tail(evidence: Evidence) -> float:
    """Return the probability of a sum of squares at least as large, of χ²."""
    from scipy.special import chdtrc  # takes longer to import than most fits last

    return float(chdtrc(evidence.freedom, evidence.rss))


def _r_squared(
    found: Evidence, point: Vector, total: float | None, warnings: list[str]
) -> float | None:
    """Return 1 - RSS/TSS; what keeps it from meaning anything becomes a warning."""
    if total is None:
        return None
    # For a linear model |R p| is the norm of the fitted values, which rounding errors follow.
    fitted = norm(found.factor @ point)
    if 0 < found.size <= 32 * EPSILON * max(math.sqrt(total), fitted):
        warnings.append("the residuals are rounding errors of a perfect fit, and so are all errors")
    if total < TINY and max(fitted, found.size) < math.sqrt(TINY):
        warnings.append("the sum of squares of the response underflows, so R² is unknown")
        return None
    if total == 0:
        warnings.append("the response is constant, so R² does not exist")
        return None
    return finite(1 - found.rss / total)


def estimates(
    factor: Matrix,
    names: Sequence[str],
    point: Vector,
    free: Mask,
    deviation: float | None,
    freedom: int | None,
    confidence: float,
    unseen: str = "change of the residuals (singular Jacobian)",
) -> tuple[dict[str, Any], list[str]]:
    """Return what is known about each parameter, by the fields of `Statistics`, and warnings.

    The covariance of the parameters that are `free` is that of `deviation`² (RᵀR)⁻¹ with the
    triangular `factor` R; without a deviation nothing is known. t has so many degrees of `freedom`,
    or with None is normal. `unseen` says what holds no information about a parameter that is not
    determined.
    """
    known = determination(factor)
    own = [name for name, is_free in zip(names, free, strict=True) if is_free]
    warnings = []
    lost = [name for name, ok in zip(own, known.is_determined, strict=True) if not ok]
    if lost:
        one = len(lost) == 1
        warnings.append(
            f"the data do not determine {_named(lost)}: {'it' if one else 'they'} can change"
            f" without any {unseen}, so"
            f" {'it has' if one else 'they have'} no standard error{'' if one else 's'}"
        )
    exists = known.is_determined & (deviation is not None)
    warning = strong_correlations(own, known.correlation, exists)
    if warning is not None:
        warnings.append(warning)
    with np.errstate(over="ignore"):
        sizes = ((deviation or 0.0) * known.errors).tolist()
    values = dict(zip(names, point.tolist(), strict=True))
    errors: Numbers = dict.fromkeys(names)
    correlation: dict[str, Numbers] = {name: dict.fromkeys(names) for name in names}
    for i in np.flatnonzero(exists):
        errors[own[i]] = finite(sizes[i])
        for j in np.flatnonzero(exists):
            correlation[own[i]][own[j]] = float(known.correlation[i, j])
    t_values = {name: finite(values[name] / e) if e else None for name, e in errors.items()}
    has_any = any(error is not None for error in errors.values())
    quantile = central_quantile(confidence, freedom) if has_any else 0.0
    fields = {
        "standard_errors": errors,
        "t_values": t_values,
        "p_values": {
            name: None if t is None else tail_probability(t, freedom)
            for name, t in t_values.items()
        },
        "confidence_intervals": {
            name: None if error is None else _around(values[name], quantile * error)
            for name, error in errors.items()
        },
        "correlation": correlation,
    }
    return fields, warnings


def _around(value: float, half: float) -> Interval:
    low, high = finite(value - half), finite(value + half)
    return None if low is None or high is None else (low, high)


def at_limits(names: Sequence[str], free: Mask) -> list[str]:
    """Return the warning of parameters at their limits, if there are any that are not `free`."""
    stopped = [name for name, is_free in zip(names, free, strict=True) if not is_free]
    if not stopped:
        return []
    are = "is at its limit" if len(stopped) == 1 else "are at their limits"
    it = "it has" if len(stopped) == 1 else "they have"
    plural = "s" * (len(stopped) > 1)
    return [f"{_named(stopped)} {are}, so {it} no standard error{plural}"]


def _named(names: Sequence[str]) -> str:
    return enumerated(names) if len(names) <= NAMED else listed(names)


UNSEEN = "rise of the objective (its Hessian is not positive definite)"


def likelihood(
    hessian: Matrix,
    names: Sequence[str],
    point: Vector,
    free: Mask,
    value: float,
    observations: int | None,
    confidence: float,
) -> tuple[Statistics, list[str]]:
    """Return the report of a negative log-likelihood at its minimum, and warnings.

    `hessian` is that with respect to the numbers that are `free`, and `value` the negative
    logarithm of the likelihood there. BIC needs the number of observations.
    """
    factor = triangle(hessian)
    fields, warnings = estimates(factor, names, point, free, 1.0, None, confidence, UNSEEN)
    count = len(hessian)
    bic = None if not observations else finite(2 * value + math.log(observations) * count)
    return Statistics(
        observations=observations,
        degrees_of_freedom=None,
        rss=None,
        residual_standard_error=None,
        r_squared=None,
        aic=finite(2 * value + 2 * count),
        bic=bic,
        errors="hessian",
        **fields,
    ), [*at_limits(names, free), *warnings]


# ---------------------------------------------------------------- intervals from the profile

TIGHT = 1e-9
"""The tolerance of an end of an interval, relative to its distance from the estimate."""
TRIALS = 100
"""Values of one number that are tried for one end of its interval."""
FARTHEST = 1e6
"""The farthest point, in standard errors, at which an end of an interval is searched."""
GROWTH = 4.0
"""How much farther away a trial is than the one before, at most."""
NARROWEST = 1e-3
"""Below this share of the way, an end is not looked for closer to where there is no fit."""
NOISE = 1e-7
"""A deviance below minus this shows a lower minimum; above it is rounding."""


class ProfilePoint(NamedTuple):
    """The lowest objective with one number fixed."""

    deviance: float
    slope: float
    """The derivative of the deviance with respect to the fixed number."""
    point: Vector


class Profile(Protocol):
    """The lowest objective as a function of one number."""

    def __call__(self, index: int, start: Vector) -> ProfilePoint:
        """Return it with number `index` fixed where `start` has it, looked for from there.

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
            lowest = _refit(profile, index, value, near + (trial - low) * tangent, near)
            why = "the likelihood rises again"
        except MathematicsError as problem:
            lowest, why = None, f"no fit is found ({problem.message})"
        if lowest is not None and lowest.deviance < -NOISE:
            message = f"there is a lower minimum, near {value:.6g}; start there"
            raise _Missing(message)
        root = 0.0 if lowest is None else math.sqrt(max(lowest.deviance, 0.0))
        slope = 0.0 if lowest is None or root == 0 else lowest.slope * error / (2 * root)
        if lowest is None or (root < quantile and slope < 0):
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
            tangent = (lowest.point - near) / (trial - low)
            low, near = trial, lowest.point
        else:
            high = trial
        trial = min(_next(step, low, high), most)
    message = f"it was not found in {TRIALS} trials"
    raise _Missing(message)


def _refit(profile: Profile, index: int, value: float, start: Vector, near: Vector) -> ProfilePoint:
    """Return the lowest objective with a number fixed, from a start or else from the last point."""
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
