"""What the Hessian of a negative log-likelihood says about the parameters at its minimum.

The covariance is the inverse of the Hessian, the observed information (Efron and Hinkley,
Biometrika 65, 1978); estimates are taken as normal. AIC and BIC are those of R's logLik.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcli.solvers.norms import EPSILON
from gradcli.solvers.statistics.inference import finite
from gradcli.solvers.statistics.summary import Statistics, estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.solvers.solver import Matrix, Vector

UNSEEN = "rise of the objective (its Hessian is not positive definite)"


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
