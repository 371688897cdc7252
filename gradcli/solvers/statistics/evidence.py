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
    weights: Vector | None,
    loss: Loss | None,
) -> Evidence:
    """Return what the residuals at a point tell about the parameters that are free there.

    Raises MathematicsError when the sum of squares, which a loss may have kept small, is infinite.
    """
    used = None if weights is None else weights > 0
    count = int(np.sum(free))
    found = [*each(residuals, "blocks", told, (point,), free, loss, used)]
    factor, _ = joined([part.triangle for part in found], count)
    observations = residuals.count if used is None else int(np.sum(used))
    logarithms = 0.0 if weights is None else float(np.sum(np.log(weights[used])))
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


def told(
    blocks: Iterable[tuple[Vector, Matrix]], free: Mask, loss: Loss | None, used: Mask | None
) -> Told:
    """Return what rows tell that are of blocks; with a loss only those count that are `used`."""
    influences: list[tuple[Vector, Vector]] = [(np.zeros(0), np.zeros(0))]

    def passing() -> Iterator[tuple[Vector, Matrix]]:
        for values, jacobian in blocks:
            if loss is not None:
                influences.append(loss.influence(values))
            yield values, jacobian

    triangle, size = triangle_of(passing(), None, free)
    first, second = (np.concatenate(parts) for parts in zip(*influences, strict=True))
    if used is not None and loss is not None:
        first, second = first[used], second[used]
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
