"""How far the fitted values of a model are known.

The band is that of the fitted value, not of a further observation: with the row's derivatives j of
the model by the parameters, R of the weighted Jacobian, and the deviation s of a residual of weight
1, it is fitted ± t s |R⁻ᵀj|. (The delta method; Seber and Wild, Nonlinear Regression, 1989,
section 5.1.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers.norms import norms
from gradcli.solvers.statistics.covariance import VISIBLE, inverse
from gradcli.solvers.statistics.evidence import evidence
from gradcli.solvers.statistics.inference import central_quantile

if TYPE_CHECKING:
    from gradcli.solvers.least_squares.losses import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector
    from gradcli.solvers.statistics.covariance import Inverse
    from gradcli.solvers.statistics.evidence import Evidence, Weights


class Band(NamedTuple):
    """How far the fitted value of any row is known."""

    half: float
    """Half the width for a row with |R⁻ᵀj| = 1: the quantile times the deviation."""
    free: Mask
    """Which numbers of the parameters are not taken as known."""
    inverse: Inverse
    """(RᵀR)⁻¹."""

    def halves(self, jacobian: Matrix) -> Vector:
        """Return half the width for each row of a Jacobian; nan where the data do not tell."""
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
        found = evidence(residuals, point, free, weights, loss)
    except MathematicsError as error:
        return None, error.message
    if rss is not None and loss is None:
        found = found.with_rss(rss)
    freedom = found.observations - int(np.sum(free))
    known = is_sigma_known and loss is None
    deviation, why = (1.0, None) if known else _deviation(found, freedom)
    if deviation is None:
        return None, why
    half = central_quantile(confidence, None if known else freedom) * deviation
    return Band(half, free, inverse(found.factor)), None


def _deviation(found: Evidence, freedom: int) -> tuple[float | None, str | None]:
    """Return the deviation of a residual of weight 1, the same as that of the standard errors."""
    if freedom <= 0:
        return None, "no degrees of freedom are left"
    if found.spread is None:
        return math.sqrt(found.rss / freedom), None
    if math.isnan(found.spread):
        return None, "too many residuals lie beyond the scale of the loss"
    return found.spread, None
