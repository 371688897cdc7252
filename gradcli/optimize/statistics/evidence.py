"""What residuals and their Jacobian at a solution tell: all that statistics are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.optimize.least_squares.triangular import checked, compress
from gradcli.optimize.norms import TINY, norm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.optimize.least_squares.losses import Loss
    from gradcli.optimize.solver import Mask, Matrix, Residuals, Vector


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
    sizes: list[float] = []
    influences: list[tuple[Vector, Vector]] = []

    def blocks() -> Iterator[tuple[Vector, Matrix]]:
        for values, jacobian in residuals.blocks(point):
            sizes.append(norm(values))
            if loss is not None:
                influences.append(loss.influence(values))
            yield values, jacobian[:, free]

    count = int(np.sum(free))
    factor, _ = compress(blocks(), count)
    used = None if weights is None else weights > 0
    observations = residuals.count if used is None else int(np.sum(used))
    logarithms = 0.0 if weights is None else float(np.sum(np.log(weights[used])))
    size = checked(norm(np.array(sizes)))
    if loss is None:
        return Evidence(factor, size**2, observations, logarithms, None, size)
    first = np.concatenate([influence for influence, _ in influences])
    second = np.concatenate([slope for _, slope in influences])
    if used is not None:
        first, second = first[used], second[used]
    spread = _spread(first, second, count) if observations > count else math.nan
    return Evidence(factor, size**2, observations, logarithms, spread, size)


def _spread(influence: Vector, slope: Vector, parameters: int) -> float:
    """Return what takes the place of s for an M-estimate, from ψ and ψ' of its residuals.

    K² (Σψ²/(n-p)) / (mean ψ')² is the factor of (JᵀJ)⁻¹, with K = 1 + p/n · var ψ' / (mean ψ')²
    (Huber, Robust Statistics, 1981, equation 6.5; the covariance H1 of statsmodels). nan when the
    mean of ψ' is not positive.
    """
    count = len(influence)
    mean = float(np.mean(slope))
    if mean <= 0:
        return math.nan
    correction = 1 + parameters / count * float(np.var(slope)) / mean**2
    return correction * norm(influence) / math.sqrt(count - parameters) / mean
