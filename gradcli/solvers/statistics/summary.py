"""What a fit says about its parameters: errors, tests, intervals and measures of the whole.

Definitions are those of summary() for nls and lm in R: s² = RSS/(n-p), covariance s² (JᵀJ)⁻¹,
Student's t with n-p degrees of freedom, and the logarithm of the normal likelihood at its maximum,
with the variance of the residuals as one more parameter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import few
from gradcli.records import NamedTuple
from gradcli.solvers.statistics.evidence import (
    Evidence,
    Weights,
    determination,
    evidence,
    information,
    strong_correlations,
    triangle,
)
from gradcli.solvers.statistics.intervals import (
    central_quantile,
    chi_squared_tail,
    finite,
    tail_probability,
)
from gradcli.solvers.vectors import EPSILON, TINY, norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.solvers.losses import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector

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

    def with_fixed(self, names: Sequence[str]) -> Statistics:
        """Return the report for all `names` in their order; those it lacks have no errors."""
        return self._replace(
            standard_errors={name: self.standard_errors.get(name) for name in names},
            t_values={name: self.t_values.get(name) for name in names},
            p_values={name: self.p_values.get(name) for name in names},
            confidence_intervals={name: self.confidence_intervals.get(name) for name in names},
            correlation={
                name: {other: self.correlation.get(name, {}).get(other) for other in names}
                for name in names
            },
        )


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

    `residuals` are weighted: multiplied with the roots of weights. `names` are those of the
    numbers that are `free` (all of them); the others are taken as known. `rss` is the sum of
    squares when it is known better than from the residuals, and `total` that of the response about
    its mean, both weighted. With `absolute_sigma` weights are 1/σ² of known deviations σ.
    """
    chosen = np.ones(len(point), dtype=bool) if free is None else free
    found = evidence(residuals, point, chosen, weights, loss, rss)
    known = absolute_sigma and loss is None
    warnings = []
    if absolute_sigma and not known:
        warnings.append(
            "with a robust loss the spread of the residuals tells the errors, so that the sigmas"
            " count as relative ones, not as absolute ones"
        )
    deviation, why = found.deviation(is_sigma_known=known)
    if why is not None:
        repair = "" if found.spread is None or found.freedom <= 0 else "; a larger scale may help"
        warnings.append(f"{why}, so standard errors do not exist{repair}")
    elif deviation == 0 and loss is None:
        warnings.append(
            "all residuals are 0, so standard errors are 0 and t values, AIC and BIC do not exist"
        )
    freedom = None if known else found.freedom
    fields, more = estimates(found.factor, names, point[chosen], deviation, freedom, confidence)
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
        chi_squared_p_value=(
            chi_squared_tail(found.rss, found.freedom) if has_chi_squared else None
        ),
        is_sigma_known=known,
        **fields,
    ), warnings


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
    deviation: float | None,
    freedom: int | None,
    confidence: float,
    unseen: str = "change of the residuals (singular Jacobian)",
) -> tuple[dict[str, Any], list[str]]:
    """Return what is known about each parameter, by the fields of `Statistics`, and warnings.

    The covariance is that of `deviation`² (RᵀR)⁻¹ with the triangular `factor` R; without a
    deviation nothing is known. t has so many degrees of `freedom`, or with None is normal. `unseen`
    says what tells nothing about a parameter that is not determined.
    """
    known = determination(factor)
    warnings = []
    lost = [name for name, ok in zip(names, known.is_determined, strict=True) if not ok]
    if lost:
        one = len(lost) == 1
        warnings.append(
            f"the data do not determine {_few(lost)}: {'it' if one else 'they'} can change"
            f" without any {unseen}, so"
            f" {'it has' if one else 'they have'} no standard error{'' if one else 's'}"
        )
    exists = known.is_determined & (deviation is not None)
    warning = strong_correlations(names, known.correlation, exists)
    if warning is not None:
        warnings.append(warning)
    with np.errstate(over="ignore"):
        sizes = ((deviation or 0.0) * known.errors).tolist()
    errors = [finite(size) if ok else None for size, ok in zip(sizes, exists, strict=True)]
    t_values = [
        finite(value / error) if error else None
        for value, error in zip(point.tolist(), errors, strict=True)
    ]
    has_any = any(error is not None for error in errors)
    quantile = central_quantile(confidence, freedom) if has_any else 0.0
    fields = {
        "standard_errors": dict(zip(names, errors, strict=True)),
        "t_values": dict(zip(names, t_values, strict=True)),
        "p_values": {
            name: None if t is None else tail_probability(t, freedom)
            for name, t in zip(names, t_values, strict=True)
        },
        "confidence_intervals": {
            name: None if error is None else _around(value, quantile * error)
            for name, value, error in zip(names, point.tolist(), errors, strict=True)
        },
        "correlation": {
            name: {
                other: float(known.correlation[i, j]) if exists[i] and exists[j] else None
                for j, other in enumerate(names)
            }
            for i, name in enumerate(names)
        },
    }
    return fields, warnings


def _around(value: float, half: float) -> Interval:
    low, high = finite(value - half), finite(value + half)
    return None if low is None or high is None else (low, high)


def with_limits(
    found: Statistics, warnings: list[str], names: Sequence[str], free: Mask
) -> tuple[Statistics, list[str]]:
    """Return the report for all `names`, and warnings; those that are not `free` have no errors."""
    stopped = [name for name, is_free in zip(names, free, strict=True) if not is_free]
    if not stopped:
        return found, warnings
    are = "is at its limit" if len(stopped) == 1 else "are at their limits"
    it = "it has" if len(stopped) == 1 else "they have"
    plural = "s" * (len(stopped) > 1)
    why = f"{_few(stopped)} {are}, so {it} no standard error{plural}"
    return found.with_fixed(names), [why, *warnings]


def _few(names: Sequence[str]) -> str:
    *others, last = names
    return few(names) if len(names) > NAMED or not others else f"{', '.join(others)} and {last}"


UNSEEN = "rise of the objective (its Hessian is not positive definite)"


def likelihood(
    hessian: Matrix,
    names: Sequence[str],
    point: Vector,
    value: float,
    observations: int | None,
    confidence: float,
) -> tuple[Statistics, list[str]]:
    """Return the report of a negative log-likelihood at its minimum, and warnings.

    `value` is the negative logarithm of the likelihood there. BIC needs the number of observations.
    """
    found, warnings = estimates(triangle(hessian), names, point, 1.0, None, confidence, UNSEEN)
    count = len(names)
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
        **found,
    ), warnings
