"""Inference from residuals and Jacobian at a solution: errors, correlations, bands, AIC and BIC."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers.distributions import central_quantile, finite
from gradcli.solvers.qr import (
    RANK_TOLERANCE,
    checked,
    joined,
    solution,
    solve_triangular,
    triangle_of,
)
from gradcli.solvers.solver import each
from gradcli.solvers.stopping import counted
from gradcli.solvers.vectors import EPSILON, TINY, norm, norms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gradcli.solvers.robust import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector


class Weights(NamedTuple):
    """What there is to know of the weights of all residuals."""

    observations: int
    """How many residuals have a weight other than 0."""
    log_sum: float
    """The sum of the logarithms of these weights."""
    least: float
    """The least weight, nan where one is none; of a sum of squares it is not negative."""

    @classmethod
    def of(cls, weights: Vector) -> Weights:
        """Return what is to be known of some weights, at least one."""
        used = weights[weights > 0]
        return cls(len(used), float(np.sum(np.log(used))), float(np.min(weights)))

    @classmethod
    def total(cls, parts: Iterable[Weights]) -> Weights:
        """Return what is to be known of all weights, from that of parts of them."""
        counts, sums, least = zip(*parts, strict=True)
        return cls(sum(counts), math.fsum(sums), float(np.min(least)))


class Evidence(NamedTuple):
    """What residuals and Jacobian at the solution determine."""

    factor: Matrix
    """The upper triangular R of the weighted Jacobian, shape (p, p)."""
    rss: float
    """The weighted sum of squares; 0 where it underflows."""
    observations: int
    """How many residuals have a weight other than 0."""
    log_weights: float = 0.0
    """The sum of the logarithms of the weights other than 0."""
    robust_deviation: float | None = None
    """The deviation to multiply errors with when a loss was used; None for least squares."""
    size: float = 0.0
    """The square root of the sum of squares, which does not underflow."""

    @property
    def parameters(self) -> int:
        """How many parameters are free."""
        return len(self.factor)

    @property
    def freedom(self) -> int:
        """The degrees of freedom, below 1 where none are left."""
        return self.observations - self.parameters

    def deviation(self, *, is_sigma_known: bool) -> tuple[float | None, str | None]:
        """Return the deviation of a residual of weight 1; None, and why, where it is unknown."""
        if is_sigma_known:
            return 1.0, None
        if self.freedom <= 0:
            counts = counted(self.observations, "observation")
            leave = f"leave{'s' * (self.observations == 1)} no degrees of freedom"
            return None, f"{counts} for {counted(self.parameters, 'parameter')} {leave}"
        if self.robust_deviation is None:
            return self.size / math.sqrt(self.freedom), None
        if math.isnan(self.robust_deviation):
            return None, "too many residuals lie beyond the scale of the loss"
        return self.robust_deviation, None


def evidence(
    residuals: Residuals,
    point: Vector,
    free: Mask,
    weights: Weights | None,
    loss: Loss | None,
    rss: float | None = None,
) -> Evidence:
    """Return the evidence of the residuals at a point about the parameters that are free there.

    With a loss and weights the residuals yield by `used` only the rows of a weight other than 0,
    whose influence is not that of a residual of 0. `rss` is the sum of squares where it is known
    better than from the residuals. Raises MathematicsError when the sum of squares, which a loss
    may have kept small, is infinite.
    """
    count = int(np.sum(free))
    form = "blocks" if weights is None or loss is None else "used"
    found = [*each(residuals, form, rows_evidence, (point,), free, loss)]
    factor, _ = joined([part.triangle for part in found], count)
    observations, logarithms, _ = weights or Weights(residuals.count, 0.0, 1.0)
    size = checked(norm(np.array([part.size for part in found])))
    if loss is None:
        # A smaller sum of squares has lost digits, or all of them.
        size = size if rss is None or rss < TINY else math.sqrt(rss)
        rss = size**2 if rss is None else rss
        return Evidence(factor, rss, observations, logarithms, None, size)
    robust = _robust_deviation(found, count) if observations > count else math.nan
    return Evidence(factor, size**2, observations, logarithms, robust, size)


class RowsEvidence(NamedTuple):
    """The evidence of some rows: their factor R, and with a loss the influence ψ and slope ψ'."""

    triangle: Matrix
    size: float
    """The square root of their sum of squares."""
    number: int
    """How many residuals they have, with a loss."""
    mean: float
    """The mean of ψ'."""
    scatter: float
    """The sum of (ψ' - mean)²."""
    influence: float
    """The norm of ψ."""


def rows_evidence(
    blocks: Iterable[tuple[Vector, Matrix]], free: Mask, loss: Loss | None
) -> RowsEvidence:
    """Return the evidence of rows that come in blocks."""
    influences: list[tuple[Vector, Vector]] = [(np.zeros(0), np.zeros(0))]

    def passing() -> Iterator[tuple[Vector, Matrix]]:
        for values, jacobian in blocks:
            if loss is not None:
                influences.append(loss.influence(values))
            yield values, jacobian

    triangle, size = triangle_of(passing(), None, free)
    first, second = (np.concatenate(parts) for parts in zip(*influences, strict=True))
    mean = float(np.mean(second)) if len(second) else 0.0
    scatter = float(np.sum((second - mean) ** 2))
    return RowsEvidence(triangle, size, len(second), mean, scatter, norm(first))


def _robust_deviation(parts: Sequence[RowsEvidence], parameters: int) -> float:
    """Return what takes the place of s for an M-estimate, from ψ and ψ' of its residuals.

    K² (Σψ²/(n-p)) / (mean ψ')² is the factor of (JᵀJ)⁻¹, with K = 1 + p/n · var ψ' / (mean ψ')²
    (Huber, Robust Statistics, 1981, equation 6.5; the covariance H1 of statsmodels). nan when the
    mean of ψ' is not positive.
    """
    count = sum(part.number for part in parts)
    mean = math.fsum(part.number * part.mean for part in parts) / count
    if mean <= 0:
        return math.nan
    scatter = math.fsum(part.scatter + part.number * (part.mean - mean) ** 2 for part in parts)
    correction = 1 + parameters / count * (scatter / count) / mean**2
    size = norm(np.array([part.influence for part in parts]))
    return correction * size / math.sqrt(count - parameters) / mean


VISIBLE = 1e-6
"""The least part that a parameter has in a direction without effect to be counted in it."""

STRONG = 0.999
"""A correlation, without its sign, above which there is a warning."""

LISTED = 5
"""The most pairs of parameters that the warning of correlations lists."""


class Inverse(NamedTuple):
    """(RᵀR)⁻¹ = D⁻¹ W Wᵀ D⁻¹, as far as it exists."""

    scale: Vector
    """The diagonal of D, the lengths of the columns of R, shape (p,)."""
    root: Matrix
    """W, shape (p, rank)."""
    null: Matrix
    """Directions that change no residual, shape (p - rank, p), for scaled parameters."""


def inverse(factor: Matrix) -> Inverse:
    """Return (RᵀR)⁻¹ of the upper triangular R, shape (p, p), or its pseudo-inverse.

    R is inverted with its columns scaled to length 1; products like JᵀJ are not made.
    """
    lengths = norms(factor)
    scale = np.where(lengths == 0, 1.0, lengths)
    count = len(scale)
    scaled = factor / scale
    _, rank = solution(scaled, np.zeros(count), RANK_TOLERANCE)
    if rank == count:
        return Inverse(scale, solve_triangular(scaled, np.eye(count)), np.zeros((0, count)))
    _, sizes, directions = np.linalg.svd(scaled)
    rank = int(np.sum(sizes > RANK_TOLERANCE * sizes[0]))
    return Inverse(scale, directions[:rank].T / sizes[:rank], directions[rank:])


class Determination(NamedTuple):
    """What (RᵀR)⁻¹ says about each parameter."""

    errors: Vector
    """The roots of its diagonal, shape (p,): standard errors for residuals of deviation 1."""
    correlation: Matrix
    """Its entries divided by those of two `errors`, shape (p, p)."""
    is_determined: Mask
    """False for each parameter that can move, with others, without any change of the residuals."""


def determination(factor: Matrix) -> Determination:
    """Return what (RᵀR)⁻¹ of the upper triangular R, shape (p, p), says about the parameters.

    When R is singular, the parameters that take no part in its null space keep their errors.
    """
    scale, rows, null = inverse(factor)
    roots = norms(rows.T)
    unit = rows / np.where(roots == 0, 1.0, roots)[:, None]
    correlation = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    with np.errstate(over="ignore"):
        return Determination(roots / scale, correlation, norms(null) <= VISIBLE)


def strong_correlations(names: Sequence[str], correlation: Matrix, exists: Mask) -> str | None:
    """Return a warning of strongly correlated pairs, strongest first; None for none."""
    pairs = [
        (i, j)
        for i in range(len(names))
        for j in range(i)
        if exists[i] and exists[j] and abs(correlation[i, j]) > STRONG
    ]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: -abs(correlation[pair]))
    shown = ", ".join(
        f"{names[j]} and {names[i]} ({_shown(float(correlation[i, j]))})" for i, j in pairs[:LISTED]
    )
    more = f" and {len(pairs) - LISTED} more pairs" if len(pairs) > LISTED else ""
    return f"strongly correlated estimates: {shown}{more}; the data hardly tell them apart"


def _shown(correlation: float) -> str:
    """Return a correlation with as many digits as distinguish it from 1, up to ten."""
    distance = max(1 - abs(correlation), 1e-9)
    return f"{correlation:.{math.ceil(-math.log10(distance)) + 1}f}"


class Band(NamedTuple):
    """How far the fitted value of any row is known."""

    half: float
    """Half the width for a row with |R⁻ᵀj| = 1: the quantile times the deviation."""
    free: Mask
    """Which numbers of the parameters are not taken as known."""
    inverse: Inverse
    """(RᵀR)⁻¹."""

    def halves(self, jacobian: Matrix) -> Vector:
        """Return half the width for each row of a Jacobian; nan where it is not determined."""
        with np.errstate(over="ignore", invalid="ignore"):
            rows = jacobian[:, self.free] / self.inverse.scale
            found = self.half * norms((rows @ self.inverse.root).T)
        lost = norms(self.inverse.null @ rows.T) > VISIBLE * norms(rows.T)
        return np.where(lost | ~np.isfinite(found), np.nan, found)


def band(
    residuals: Residuals,
    point: Vector,
    free: Mask,
    weights: Weights | None,
    loss: Loss | None,
    confidence: float,
    *,
    rss: float | None = None,
    is_sigma_known: bool = False,
) -> tuple[Band | None, str | None]:
    """Return the band of a fit at a point; None, and why, where no standard error exists.

    `residuals` are weighted, and the other arguments those of `summary`. A parameter
    that is not determined does not matter where the fitted value does not depend on it.
    """
    if not free.any():
        return None, "all parameters are at their limits"
    try:
        found = evidence(residuals, point, free, weights, loss, rss)
    except MathematicsError as error:
        return None, error.message
    known = is_sigma_known and loss is None
    deviation, why = found.deviation(is_sigma_known=known)
    if deviation is None:
        return None, why
    half = central_quantile(confidence, None if known else found.freedom) * deviation
    return Band(half, free, inverse(found.factor)), None


def information(evidence: Evidence, *, is_sigma_known: bool) -> tuple[float | None, float | None]:
    """Return AIC and BIC, -2 log L + k p with k of 2 and log n; None for residuals of 0.

    L is the normal likelihood at its maximum. p counts its variance as a parameter, unless that is
    known; then L is the likelihood of the known deviations. (logLik for nls and lm in R.)
    """
    count, parameters = evidence.observations, evidence.parameters
    if count == 0:
        return None, None
    if is_sigma_known:
        twice = count * math.log(2 * math.pi) + evidence.rss
    elif evidence.size > 0:
        variance = 2 * math.log(evidence.size) - math.log(count)
        twice = count * (math.log(2 * math.pi) + 1 + variance)
        parameters += 1
    else:
        return None, None
    twice -= evidence.log_weights
    return finite(twice + 2 * parameters), finite(twice + math.log(count) * parameters)


def triangle(hessian: Matrix) -> Matrix:
    """Return the upper triangular R with RᵀR = H, shape (p, p), as far as H is positive.

    Along directions in which it is not, R is 0. H is scaled to a diagonal of 1 before.
    """
    sizes = np.sqrt(np.abs(np.diagonal(hessian)))
    scale = np.where(sizes == 0, 1.0, sizes)
    curvatures, directions = np.linalg.eigh(hessian / scale / scale[:, None])
    least = len(scale) * EPSILON * np.max(np.abs(curvatures), initial=0.0)
    roots = np.sqrt(np.where(curvatures > least, curvatures, 0.0))
    return np.asarray(np.linalg.qr(roots[:, None] * directions.T * scale, mode="r"))
