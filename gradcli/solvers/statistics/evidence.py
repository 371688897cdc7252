"""What residuals and their Jacobian at a solution tell: all that statistics are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.solvers.least_squares.triangular import checked, joined, triangle_of
from gradcli.solvers.norms import TINY, norm
from gradcli.solvers.solver import each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gradcli.solvers.least_squares.losses import Loss
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
    """What the residuals and their Jacobian at the solution tell."""

    factor: Matrix
    """The upper triangular R of the weighted Jacobian, shape (p, p)."""
    rss: float
    """The weighted sum of squares; 0 where it underflows."""
    observations: int
    """How many residuals have a weight other than 0."""
    log_weights: float = 0.0
    """The sum of the logarithms of the weights other than 0."""
    spread: float | None = None
    """The deviation to multiply errors with when a loss was used; None for least squares."""
    size: float = 0.0
    """The square root of the sum of squares, which does not underflow."""

    def with_rss(self, rss: float) -> Evidence:
        """Return the same with a sum of squares that is known better."""
        # A smaller sum of squares has lost digits, or all of them.
        return self._replace(rss=rss, size=math.sqrt(rss) if rss >= TINY else self.size)


def evidence(
    residuals: Residuals,
    point: Vector,
    free: Mask,
    weights: Weights | None,
    loss: Loss | None,
) -> Evidence:
    """Return what the residuals at a point tell about the parameters that are free there.

    With a loss and weights the residuals yield by `used` only the rows of a weight other than 0,
    whose influence is not that of a residual of 0. Raises MathematicsError when the sum of squares,
    which a loss may have kept small, is infinite.
    """
    count = int(np.sum(free))
    form = "blocks" if weights is None or loss is None else "used"
    found = [*each(residuals, form, told, (point,), free, loss)]
    factor, _ = joined([part.triangle for part in found], count)
    observations, logarithms, _ = weights or Weights(residuals.count, 0.0, 1.0)
    size = checked(norm(np.array([part.size for part in found])))
    if loss is None:
        return Evidence(factor, size**2, observations, logarithms, None, size)
    spread = _spread([part.moments for part in found], count) if observations > count else math.nan
    return Evidence(factor, size**2, observations, logarithms, spread, size)


class Moments(NamedTuple):
    """What is needed of the influence ψ and its slope ψ' of some residuals."""

    number: int
    mean: float
    """The mean of ψ'."""
    apart: float
    """The sum of (ψ' - mean)²."""
    size: float
    """The norm of ψ."""


class Told(NamedTuple):
    """What some rows tell."""

    triangle: Matrix
    size: float
    """The square root of their sum of squares."""
    moments: Moments


def told(blocks: Iterable[tuple[Vector, Matrix]], free: Mask, loss: Loss | None) -> Told:
    """Return what rows tell that are given in blocks."""
    influences: list[tuple[Vector, Vector]] = [(np.zeros(0), np.zeros(0))]

    def passing() -> Iterator[tuple[Vector, Matrix]]:
        for values, jacobian in blocks:
            if loss is not None:
                influences.append(loss.influence(values))
            yield values, jacobian

    triangle, size = triangle_of(passing(), None, free)
    first, second = (np.concatenate(parts) for parts in zip(*influences, strict=True))
    mean = float(np.mean(second)) if len(second) else 0.0
    apart = float(np.sum((second - mean) ** 2))
    return Told(triangle, size, Moments(len(second), mean, apart, norm(first)))


def _spread(parts: Sequence[Moments], parameters: int) -> float:
    """Return what takes the place of s for an M-estimate, from ψ and ψ' of its residuals.

    K² (Σψ²/(n-p)) / (mean ψ')² is the factor of (JᵀJ)⁻¹, with K = 1 + p/n · var ψ' / (mean ψ')²
    (Huber, Robust Statistics, 1981, equation 6.5; the covariance H1 of statsmodels). nan when the
    mean of ψ' is not positive.
    """
    count = sum(part.number for part in parts)
    mean = math.fsum(part.number * part.mean for part in parts) / count
    if mean <= 0:
        return math.nan
    apart = math.fsum(part.apart + part.number * (part.mean - mean) ** 2 for part in parts)
    correction = 1 + parameters / count * (apart / count) / mean**2
    size = norm(np.array([part.size for part in parts]))
    return correction * size / math.sqrt(count - parameters) / mean
