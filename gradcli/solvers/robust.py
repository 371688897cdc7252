"""A robust loss at its scale: what residuals cost, their influence, and the model of a step."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.reverse import gradient
from gradcli.graph.node import Graph, Node
from gradcli.options import POSITIVE
from gradcli.programs.program import function, program
from gradcli.solvers.losses import LOSSES
from gradcli.solvers.settings import Setting, checked
from gradcli.solvers.vectors import EPSILON, TINY, norm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.solvers.solver import Matrix, Vector

LEAST_CURVATURE = 1e-3
"""The smallest curvature of a residual's cost that a step sees, relative to its weight.

The curvature of huber is 0 beyond its scale and that of cauchy is negative. A step with a larger
one is shorter, but still downhill; the minimum does not depend on it, for the gradient is exact.
"""


LARGEST_RATIO = 1e300
"""The largest square of a residual over the scale; no number made of it is infinite."""


@lru_cache
def _with_derivatives(rho: Callable[[Node], Node]) -> Callable[[Vector], tuple[Any, Any, Any]]:
    """Return the function from z >= 0 to ρ, ρ' and ρ'' there."""
    graph = Graph()
    z = graph.variable("z")
    cost = rho(Node(graph, z)).id
    first = gradient(graph, cost, [z])[z]
    second = gradient(graph, first, [z])[z]
    # Everything is elementwise: a formula of a number holds for arrays as well.
    whole = program(graph, [cost, first, second])._replace(has_arrays=True)
    return function(whole, ["z"])  # type: ignore[return-value]


class Loss:
    """A loss at a scale: the size, in units of the residuals, from which they count less."""

    def __init__(self, name: str, scale: float = 1.0) -> None:
        self.name = name
        self.scale = scale
        self._rho = LOSSES[name]

    def _at(self, residuals: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        with np.errstate(over="ignore", under="ignore"):
            z = np.minimum((residuals / self.scale) ** 2, LARGEST_RATIO)
        rho, first, second = _with_derivatives(self._rho)(z)
        # A derivative may be the same number everywhere.
        return z, rho, *(np.broadcast_to(part, z.shape) for part in (first, second))

    def formula(self, square: Node) -> Node:
        """Return C² ρ(s/C²) as a formula of the squared residuals s."""
        return self.scale**2 * self._rho(square / self.scale**2)

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
        """Return ψ and ψ': half the first and second derivative of each cost with respect to r.

        ψ' is 0 where nothing but rounding is left of it, as of huber's beyond the scale.
        """
        z, _, first, second = self._at(residuals)
        slope = first + 2 * z * second
        return first * residuals, np.where(np.abs(slope) > 4 * EPSILON * first, slope, 0.0)

    def rescaled(self, residuals: Vector, jacobian: Matrix) -> tuple[Vector, Matrix]:
        """Return residuals and Jacobian whose Gauss–Newton model is that of the loss.

        Jᵀr is half the gradient of the objective, and JᵀJ half its second derivative without the
        curvature of the residuals, both as scipy.optimize.least_squares has them (Triggs,
        McLauchlan, Hartley and Fitzgibbon, Bundle Adjustment: A Modern Synthesis, 2000).
        """
        z, _, first, second = self._at(residuals)
        curvature = np.maximum(first + 2 * z * second, LEAST_CURVATURE * first)
        root = np.sqrt(np.maximum(curvature, TINY))
        return first / root * residuals, root[:, None] * jacobian


SCALE = Setting("scale", 1.0, POSITIVE)
"""The one setting of each: the size of a residual from which it counts less."""


def loss(name: str, positional: Sequence[Any] = (), named: Mapping[str, Any] | None = None) -> Loss:
    """Return the loss of a name with its settings: huber, huber(1.35), huber(scale=1.35).

    Raises UsageError for a name or setting that does not exist, and for a scale that is not a
    finite number above 0.
    """
    table = dict.fromkeys(LOSSES, (SCALE,))
    settings = checked("loss", name, table, positional, named or {}, ordered=True)
    return Loss(name, **settings)
