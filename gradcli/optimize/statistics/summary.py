"""What a fit says about its parameters: errors, tests, intervals and measures of the whole.

Definitions are those of summary() for nls and lm in R: s² = RSS/(n-p), covariance s² (JᵀJ)⁻¹,
Student's t with n-p degrees of freedom, and the logarithm of the normal likelihood at its maximum,
with the variance of the residuals as one more parameter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.optimize.norms import EPSILON, TINY, norm
from gradcli.optimize.statistics.covariance import determination, strong_correlations
from gradcli.optimize.statistics.evidence import Evidence, evidence
from gradcli.optimize.statistics.inference import (
    central_quantile,
    finite,
    information,
    tail_probability,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.optimize.least_squares.losses import Loss
    from gradcli.optimize.solver import Mask, Residuals, Vector
    from gradcli.optimize.statistics.covariance import Determination

NAMED = 5
"""The most names that one warning lists."""

Numbers = dict[str, "float | None"]


class Statistics(NamedTuple):
    """The report of a fit; None stands for what does not exist, and a warning says why."""

    observations: int
    degrees_of_freedom: int
    rss: float
    residual_standard_error: float | None
    r_squared: float | None
    aic: float | None
    bic: float | None
    standard_errors: Numbers
    t_values: Numbers
    p_values: Numbers
    confidence_intervals: dict[str, tuple[float, float] | None]
    correlation: dict[str, Numbers]
    is_sigma_known: bool = False
    """Whether the errors of the data are known, so that those of parameters are not estimated."""

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
        """Return the fields as plain values, intervals as lists."""
        intervals = {
            name: None if both is None else list(both)
            for name, both in self.confidence_intervals.items()
        }
        fields = {**self._asdict(), "confidence_intervals": intervals}
        del fields["is_sigma_known"]
        return fields

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
    weights: Vector | None = None,
    confidence: float = 0.95,
    absolute_sigma: bool = False,
    loss: Loss | None = None,
) -> tuple[Statistics, list[str]]:
    """Return the report of a fit at a point, and warnings about it.

    `residuals` are weighted: multiplied with the roots of `weights`. `names` are those of the
    numbers that are `free` (all of them); the others are taken as known. `rss` is the sum of
    squares when it is known better than from the residuals, and `total` that of the response about
    its mean, both weighted. With `absolute_sigma` weights are 1/σ² of known deviations σ.
    """
    chosen = np.ones(len(point), dtype=bool) if free is None else free
    found = evidence(residuals, point, chosen, weights, loss)
    if rss is not None and loss is None:
        found = found.with_rss(rss)
    known = absolute_sigma and loss is None
    ignored = absolute_sigma and loss is not None
    report = _Report(found, list(names), point[chosen], confidence, is_sigma_known=known)
    if ignored:
        report.warnings.append(
            "with a robust loss the spread of the residuals tells the errors, so that the sigmas"
            " count as relative ones, not as absolute ones"
        )
    return report.statistics(total, has_loss=loss is not None), report.warnings


class _Report:
    """The statistics of one fit, and the warnings that come up on the way."""

    def __init__(
        self,
        found: Evidence,
        names: list[str],
        point: Vector,
        confidence: float,
        *,
        is_sigma_known: bool,
    ) -> None:
        self.warnings: list[str] = []
        self._found = found
        self._names = names
        self._point = point
        self._confidence = confidence
        self._is_sigma_known = is_sigma_known
        self._freedom = found.observations - len(names)
        self._known_freedom = None if is_sigma_known else self._freedom
        self._residual_error: float | None = None
        if self._freedom > 0:
            self._residual_error = found.size / math.sqrt(self._freedom)

    def statistics(self, total: float | None, *, has_loss: bool) -> Statistics:
        """Return the report."""
        found, names = self._found, self._names
        known = determination(found.factor)
        errors = self._errors(known)
        t_values = [
            finite(value / error) if error else None
            for value, error in zip(self._point.tolist(), errors, strict=True)
        ]
        if has_loss:
            self.warnings.append(
                "R², AIC and BIC are those of least squares and do not exist for a robust loss"
            )
            r_squared = aic = bic = None
        else:
            r_squared = self._r_squared(total)
            aic, bic = information(found, len(names), is_sigma_known=self._is_sigma_known)
        if found.size > 0 and found.rss < TINY:
            self.warnings.append(
                "the residuals are so small that their sum of squares underflows; the residual"
                " standard error and the standard errors do not"
            )
        correlation = self._correlation(known)
        return Statistics(
            observations=found.observations,
            degrees_of_freedom=self._freedom,
            rss=found.rss,
            residual_standard_error=self._residual_error,
            r_squared=r_squared,
            aic=aic,
            bic=bic,
            standard_errors=dict(zip(names, errors, strict=True)),
            t_values=dict(zip(names, t_values, strict=True)),
            p_values={
                name: None if t is None else tail_probability(t, self._known_freedom)
                for name, t in zip(names, t_values, strict=True)
            },
            confidence_intervals=self._intervals(errors),
            correlation=correlation,
            is_sigma_known=self._is_sigma_known,
        )

    def _errors(self, known: Determination) -> list[float | None]:
        """Return the standard errors, None where there is none."""
        lost = [n for n, ok in zip(self._names, known.is_determined, strict=True) if not ok]
        if lost:
            one = len(lost) == 1
            self.warnings.append(
                f"the data do not determine {_few(lost)}: {'it' if one else 'they'} can change"
                " without any change of the residuals (singular Jacobian), so"
                f" {'it has' if one else 'they have'} no standard error{'' if one else 's'}"
            )
        deviation = self._deviation()
        if deviation is None:
            return [None] * len(self._names)
        with np.errstate(over="ignore"):
            errors = (deviation * known.errors).tolist()
        return [
            finite(error) if ok else None
            for error, ok in zip(errors, known.is_determined, strict=True)
        ]

    def _deviation(self) -> float | None:
        """Return the deviation of a residual; None, with a warning, when it cannot be known."""
        if self._is_sigma_known:
            return 1.0
        if self._residual_error is None:
            count = self._found.observations
            self.warnings.append(
                f"{_counted(count, 'observation')} for {_counted(len(self._names), 'parameter')}"
                f" leave{'s' * (count == 1)} no degrees of freedom, so standard errors do not exist"
            )
            return None
        if self._found.spread is None:
            if self._found.size == 0:
                self.warnings.append(
                    "all residuals are 0, so standard errors are 0 and t values, AIC and BIC do"
                    " not exist"
                )
            return self._residual_error
        if math.isnan(self._found.spread):
            self.warnings.append(
                "too many residuals lie beyond the scale of the loss, so standard errors do not"
                " exist; a larger scale may help"
            )
            return None
        return self._found.spread

    def _correlation(self, known: Determination) -> dict[str, Numbers]:
        names, exists = self._names, known.is_determined
        if self._deviation_is_missing():
            exists = np.zeros(len(names), dtype=bool)
        warning = strong_correlations(names, known.correlation, exists)
        if warning is not None:
            self.warnings.append(warning)
        return {
            name: {
                other: float(known.correlation[i, j]) if exists[i] and exists[j] else None
                for j, other in enumerate(names)
            }
            for i, name in enumerate(names)
        }

    def _deviation_is_missing(self) -> bool:
        if self._is_sigma_known:
            return False
        spread = self._found.spread
        return self._residual_error is None or (spread is not None and math.isnan(spread))

    def _intervals(self, errors: list[float | None]) -> dict[str, tuple[float, float] | None]:
        intervals: dict[str, tuple[float, float] | None] = {}
        quantile = 0.0
        if any(error is not None for error in errors):
            quantile = central_quantile(self._confidence, self._known_freedom)
        for name, value, error in zip(self._names, self._point.tolist(), errors, strict=True):
            if error is None:
                intervals[name] = None
                continue
            low, high = finite(value - quantile * error), finite(value + quantile * error)
            intervals[name] = None if low is None or high is None else (low, high)
        return intervals

    def _r_squared(self, total: float | None) -> float | None:
        """Return 1 - RSS/TSS."""
        if total is None:
            return None
        # For a linear model |R p| is the norm of the fitted values, which rounding errors follow.
        fitted = norm(self._found.factor @ self._point)
        if 0 < self._found.size <= 32 * EPSILON * max(math.sqrt(total), fitted):
            self.warnings.append(
                "the residuals are rounding errors of a perfect fit, and so are all errors"
            )
        if total < TINY and max(fitted, self._found.size) < math.sqrt(TINY):
            self.warnings.append("the sum of squares of the response underflows, so R² is unknown")
            return None
        if total == 0:
            self.warnings.append("the response is constant, so R² does not exist")
            return None
        return finite(1 - self._found.rss / total)


def _few(names: Sequence[str]) -> str:
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        return f"{', '.join(shown)} and {len(names) - NAMED} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
