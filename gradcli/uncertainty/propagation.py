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
    from collections.abc import Sequence

    from gradcli.point import Point
    from gradcli.programs.trace import Step
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
        from gradcli.solvers.distributions import central_quantile

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
    with np.errstate(all="ignore"):
        deviation, shares = first_order(parts, uncertain.correlation)
    error = float(deviation)
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


def with_errors(steps: Sequence[Step], given: Inputs, found: Uncertainty) -> list[Step]:
    """Return the steps of a run; inputs and result have their errors, inputs their shares."""
    shares: dict[str, float] = {}
    for name, share in found.shares.items():
        base = name.partition("[")[0]
        shares[base] = shares.get(base, 0.0) + share
    named = [
        step._replace(standard_error=given.of(step.name, step.value), share=shares[step.name])
        if step.name in shares and not step.inputs
        else step
        for step in steps
    ]
    return [*named[:-1], named[-1]._replace(standard_error=found.standard_error)]


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


def first_order(parts: Matrix, correlation: Matrix) -> tuple[Matrix, Matrix]:
    """Return the root of pᵀRp, without overflow, and each part's share of it.

    A part is a number, or of many points an array of them.
    """
    size = np.max(np.abs(parts), axis=0, initial=0.0)
    scaled = parts / np.where(size == 0.0, 1.0, size)
    products = scaled * np.tensordot(correlation, scaled, 1)
    total = np.maximum(np.sum(products, axis=0), 0.0)
    return size * np.sqrt(total), products / np.where(total == 0.0, 1.0, total)


def second_order(
    value: Matrix, error: Matrix, hessian: Matrix, errors: Matrix, correlation: Matrix
) -> tuple[Matrix, Matrix]:
    """Return value and standard error to second order, from those of first order.

    Of many points each number is an array of them. Where there are none they are not finite.
    """
    scaled = errors[:, None] * hessian * errors[None]
    product = np.einsum("ik...,kj->ij...", scaled, correlation)
    half = np.sqrt(np.maximum(np.einsum("ij...,ji...->...", product, product), 0.0) / 2)
    return value + np.einsum("ii...->...", product) / 2, np.hypot(error, half)


def _second_order(point: Point, given: Inputs, value: float, error: float) -> Order:
    names = given.names
    columns = point.hessian(given.bases) if names else {}
    hessian = np.array([[columns[a][b] for b in names] for a in names]).reshape(2 * [len(names)])
    one = np.asarray(value), np.asarray(error)
    with np.errstate(all="ignore"):
        found = second_order(*one, hessian, given.errors, given.correlation)
    if not np.isfinite(found).all():
        raise MathematicsError("the second order is too large for a double")
    return Order(*map(float, found))


def _freedom(given: Inputs, parts: Matrix, error: float) -> int | None:
    """Return the degrees of freedom of the error, of which only a fit's part has few."""
    if given.freedom is None or not error:
        return None
    own = [i for i, name in enumerate(given.names) if name in given.fitted]
    fitted, _ = first_order(parts[own], given.correlation[np.ix_(own, own)])
    if not fitted:
        return None
    return max(int(given.freedom * (error / float(fitted)) ** 4 * (1 + 1e-12)), 1)
