"""The error of a result from those of its inputs, of first and second order.

First order is linear: the variance is gᵀΣg for the gradient g and the covariance matrix Σ (GUM
5.2.2). Second order takes the Hessian H too: the mean is f + tr(HΣ)/2 and the variance
gᵀΣg + tr((HΣ)²)/2, exact for normal inputs where f is a polynomial of degree 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.uncertainty.number import shown

if TYPE_CHECKING:
    from gradcli.point import Point
    from gradcli.uncertainty.inputs import Inputs, Matrix

MOST_INPUTS = 50
"""More uncertain numbers than these have no second order: their Hessian takes too long."""
REMARKABLE = 0.05
"""A change of the error by this part, from first to second order, is worth saying."""


class Order(NamedTuple):
    """A value and its standard error, to one order."""

    value: float
    standard_error: float


class Share(NamedTuple):
    """What one uncertain number contributes."""

    derivative: float
    standard_error: float
    contribution: float
    """The size of derivative times standard error: the error that this number alone makes."""
    share: float
    """The part of the variance; with correlations it can be negative. They add up to 1."""


class Uncertainty(NamedTuple):
    """The value of a formula with its standard error, and where that comes from."""

    value: float
    standard_error: float
    second_order: Order | None
    """None where there are too many uncertain numbers, or second derivatives do not exist."""
    budget: dict[str, Share]
    freedom: int | None
    """The effective degrees of freedom (Welch and Satterthwaite, GUM G.4); None for many."""

    def __str__(self) -> str:
        """Return the value with its error, to two digits of the error."""
        return shown(self.value, self.standard_error)

    @property
    def shares(self) -> dict[str, float]:
        """The parts of the variance by name."""
        return {name: each.share for name, each in self.budget.items()}

    @property
    def is_curved(self) -> bool:
        """Whether the second order moves the error by more than 5 %."""
        if self.second_order is None:
            return False
        first, second = self.standard_error, self.second_order.standard_error
        return abs(second - first) > REMARKABLE * max(first, second)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval that holds the true value with this probability (Student's t)."""
        from gradcli.optimize.statistics.inference import central_quantile

        half = central_quantile(confidence, self.freedom) * self.standard_error
        return self.value - half, self.value + half


def propagate(point: Point, given: Inputs) -> Uncertainty:
    """Return the value of a formula at a point with its standard error.

    Raises ShapeError for an array, and MathematicsError where a derivative does not exist.
    """
    uncertain = given.only([n for n, e in zip(given.names, given.errors, strict=True) if e > 0])
    names, bases = uncertain.names, uncertain.bases
    slopes = _flat(point.gradient(bases)) if bases else {}
    gradient = np.array([slopes[name] for name in names])
    with np.errstate(all="ignore"):
        parts = gradient * uncertain.errors
    for name, part in zip(names, parts.tolist(), strict=True):
        if not math.isfinite(part):  # with --allow-nonfinite
            message = f"the derivative with respect to {name} is not finite, nor is the error"
            raise MathematicsError(message, hint="leave out its error")
    error, shares = _variance_of(parts, uncertain.correlation)
    budget = {name: Share(0.0, 0.0, 0.0, 0.0) for name in given.names}
    for place, name in enumerate(names):
        numbers = (gradient[place], uncertain.errors[place], abs(parts[place]), shares[place])
        budget[name] = Share(*map(float, numbers))
    value = float(point.value)
    if not math.isfinite(error):
        raise MathematicsError("the standard error is too large for a double")
    second = None
    if len(names) <= MOST_INPUTS:
        try:
            second = _second_order(point, uncertain, value, error)
        except MathematicsError:
            second = None  # a kink or the end of a domain: the first order stands alone
    return Uncertainty(value, error, second, budget, _freedom(uncertain, parts, error))


def _flat(slopes: dict[str, Any]) -> dict[str, float]:
    """Return derivatives by the names of numbers."""
    from gradcli.graph.structural import entries
    from gradcli.values import entry_name

    found: dict[str, float] = {}
    for name, slope in slopes.items():
        array = np.asarray(slope)
        keys = [entry_name(name, key) for key in entries(array.shape)]
        found |= dict(zip(keys, array.ravel().tolist(), strict=True))
    return found


def _variance_of(parts: Matrix, correlation: Matrix) -> tuple[float, Matrix]:
    """Return the root of pᵀRp, without overflow, and each part's share of it."""
    size = float(np.max(np.abs(parts), initial=0.0))
    if size == 0.0:
        return 0.0, parts * 0.0
    scaled = parts / size
    products = scaled * (correlation @ scaled)
    total = max(math.fsum(products.tolist()), 0.0)
    return size * math.sqrt(total), products / total if total else products * 0.0


def _second_order(point: Point, given: Inputs, value: float, error: float) -> Order:
    names = given.names
    if not names:
        return Order(value, error)
    columns = point.hessian(given.bases)
    hessian = np.array([[columns[a][b] for b in names] for a in names])
    with np.errstate(all="ignore"):
        scaled = given.errors[:, None] * hessian * given.errors
        product = scaled @ given.correlation
    half = math.sqrt(max(float(np.sum(product * product.T)), 0.0) / 2)
    found = Order(value + float(np.trace(product)) / 2, math.hypot(error, half))
    if not all(map(math.isfinite, found)):
        raise MathematicsError("the second order is too large for a double")
    return found


def _freedom(given: Inputs, parts: Matrix, error: float) -> int | None:
    """Return the degrees of freedom of the error, of which only a fit's part has few."""
    if given.freedom is None or not error:
        return None
    own = [i for i, name in enumerate(given.names) if name in given.fitted]
    fitted, _ = _variance_of(parts[own], given.correlation[np.ix_(own, own)])
    if not fitted:
        return None
    return max(int(given.freedom * (error / fitted) ** 4 * (1 + 1e-12)), 1)
