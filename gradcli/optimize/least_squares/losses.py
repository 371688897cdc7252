"""Robust losses: what a residual costs when large ones are to count less than their squares.

The objective is Σ C² ρ((r/C)²), with C the scale: small residuals cost their squares, r².
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gradcli.optimize.norms import norm
from gradcli.optimize.settings import POSITIVE, Setting, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.graph.node import Node
    from gradcli.optimize.solver import Matrix, Vector

LEAST_CURVATURE = 1e-3
"""The smallest curvature of a residual's cost that a step sees, relative to its weight.

The curvature of huber is 0 beyond its scale and that of cauchy is negative. A step with a larger
one is shorter, but still downhill; the minimum does not depend on it, for the gradient is exact.
"""


LARGEST_RATIO = 1e300
"""The largest square of a residual over the scale; no number made of it is infinite."""


class Shape(Protocol):
    """A function ρ of z = (r/C)², with ρ(0) = 0 and ρ'(0) = 1."""

    def __call__(self, z: Vector) -> tuple[Vector, Vector, Vector]:
        """Return ρ, ρ' and ρ'' at z ≥ 0."""


class Loss:
    """A loss at a scale: the size, in units of the residuals, from which they count less."""

    __slots__ = ("name", "scale", "shape")

    def __init__(self, name: str, shape: Shape, scale: float = 1.0) -> None:
        self.name = name
        self.shape = shape
        self.scale = scale

    def _at(self, residuals: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        with np.errstate(over="ignore", under="ignore"):
            z = np.minimum((residuals / self.scale) ** 2, LARGEST_RATIO)
            return (z, *self.shape(z))

    def values(self, residuals: Vector) -> Vector:
        """Return what each residual costs, C² ρ((r/C)²)."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(self.scale**2 * self._at(residuals)[1])

    def norm(self, residuals: Vector) -> float:
        """Return the square root of what all residuals cost, where the squares of small ones are 0.

        Far below the scale they cost their squares, up to rounding.
        """
        if np.max(np.abs(residuals), initial=0.0) <= 1e-9 * self.scale:
            return norm(residuals)
        with np.errstate(over="ignore", under="ignore"):
            return self.scale * float(np.sqrt(np.sum(self._at(residuals)[1])))

    def influence(self, residuals: Vector) -> tuple[Vector, Vector]:
        """Return ψ and ψ': half the first and half the second derivative of each cost by r."""
        z, _, first, second = self._at(residuals)
        return first * residuals, first + 2 * z * second

    def rescaled(self, residuals: Vector, jacobian: Matrix) -> tuple[Vector, Matrix]:
        """Return residuals and Jacobian whose Gauss–Newton model is that of the loss.

        Jᵀr is half the gradient of the objective, and JᵀJ half its second derivative without the
        curvature of the residuals, both as scipy.optimize.least_squares has them (Triggs,
        McLauchlan, Hartley and Fitzgibbon, Bundle Adjustment: A Modern Synthesis, 2000).
        """
        z, _, first, second = self._at(residuals)
        curvature = np.maximum(first + 2 * z * second, LEAST_CURVATURE * first)
        tiny = np.finfo(float).tiny
        root = np.sqrt(np.maximum(curvature, tiny))
        return first / root * residuals, root[:, None] * jacobian


def _huber(z: Vector) -> tuple[Vector, Vector, Vector]:
    inside = z <= 1
    safe = np.where(inside, 1.0, z)
    root = np.sqrt(safe)
    return (
        np.where(inside, z, 2 * root - 1),
        np.where(inside, 1.0, 1 / root),
        np.where(inside, 0.0, -0.5 / root / safe),
    )


def _soft_l1(z: Vector) -> tuple[Vector, Vector, Vector]:
    root = np.sqrt(1 + z)
    # 2(√(1+z) - 1) without the cancellation at small z
    return 2 * z / (1 + root), 1 / root, -0.5 / root / (1 + z)


def _cauchy(z: Vector) -> tuple[Vector, Vector, Vector]:
    first = 1 / (1 + z)
    return np.log1p(z), first, -(first**2)


def huber(scale: float = 1.0) -> Loss:
    """Return the loss of Huber: squares up to the scale, straight lines beyond."""
    return Loss("huber", _huber, scale)


def soft_l1(scale: float = 1.0) -> Loss:
    """Return the loss 2(√(1+z) - 1), a smooth relative of huber."""
    return Loss("soft_l1", _soft_l1, scale)


def cauchy(scale: float = 1.0) -> Loss:
    """Return the loss log(1+z), for which far outliers count almost nothing."""
    return Loss("cauchy", _cauchy, scale)


LOSSES = {"huber": huber, "soft_l1": soft_l1, "cauchy": cauchy}
"""The losses by the names that users give them."""

SCALE = Setting("scale", 1.0, POSITIVE)
"""The one setting of each: the size of a residual from which it counts less."""


def loss(name: str, positional: Sequence[Any] = (), given: Mapping[str, Any] | None = None) -> Loss:
    """Return the loss of a name with its settings: huber, huber(1.35), huber(scale=1.35).

    Raises UsageError for a name or setting that does not exist, and for a scale that is not a
    finite number above 0.
    """
    table = dict.fromkeys(LOSSES, (SCALE,))
    settings = checked("loss", name, table, positional, given or {}, ordered=True)
    return LOSSES[name](**settings)


def rho(chosen: Loss, square: Node) -> Node:
    """Return C² ρ(s/C²) as a formula of the squared residuals s."""
    factor = chosen.scale**2
    z = square / factor
    if chosen.name == "huber":
        # the root is taken of 1 at least, so that it has a slope where it is not used
        line = 2 * z.apply("max", 1.0).apply("sqrt") - 1
        cost = z.apply("less or equal", 1.0).apply("where", z, line)
    elif chosen.name == "soft_l1":
        cost = 2 * z / (1 + (1 + z).apply("sqrt"))
    else:
        cost = z.apply("log1p")
    return factor * cost
