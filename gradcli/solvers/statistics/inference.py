"""Tests, intervals and criteria of normal theory, as numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcli.solvers.statistics import student

if TYPE_CHECKING:
    from gradcli.solvers.statistics.evidence import Evidence


def tail_probability(t: float, freedom: int | None) -> float:
    """Return the probability of a value at least as far from 0, of Student's t.

    `freedom` are its degrees of freedom; None stands for the normal distribution.
    """
    if freedom is None:
        return math.erfc(abs(t) / math.sqrt(2))
    return student.two_sided(t, freedom)


def central_quantile(confidence: float, freedom: int | None) -> float:
    """Return the number between whose two signs a part `confidence` of Student's t lies."""
    if freedom is None:
        from statistics import NormalDist

        return NormalDist().inv_cdf(0.5 + confidence / 2)
    return student.quantile(confidence, freedom)


def chi_squared_tail(value: float, freedom: int) -> float:
    """Return the probability of a value at least as large, of χ² with degrees of freedom."""
    from scipy.special import chdtrc

    return float(chdtrc(freedom, value))


def variance_ratio_tail(value: float, above: int, below: int) -> float:
    """Return the probability of a ratio at least as large, of F with degrees of freedom."""
    from scipy.special import fdtrc

    return float(fdtrc(above, below, value))


def information(
    found: Evidence, parameters: int, *, is_sigma_known: bool
) -> tuple[float | None, float | None]:
    """Return AIC and BIC, -2 log L + k p with k of 2 and log n; None for residuals of 0.

    L is the normal likelihood at its maximum. p counts its variance as a parameter, unless that is
    known; then L is the likelihood of the known deviations. (logLik for nls and lm in R.)
    """
    count = found.observations
    if count == 0:
        return None, None
    if is_sigma_known:
        twice = count * math.log(2 * math.pi) + found.rss
    elif found.size > 0:
        variance = 2 * math.log(found.size) - math.log(count)
        twice = count * (math.log(2 * math.pi) + 1 + variance)
        parameters += 1
    else:
        return None, None
    twice -= found.log_weights
    return finite(twice + 2 * parameters), finite(twice + math.log(count) * parameters)


def finite(value: float) -> float | None:
    """Return the number, or None when it is infinite or nan."""
    return float(value) if math.isfinite(value) else None
