"""Nonlinear least squares by Levenberg and Marquardt, to the last digit that doubles allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.polishing import TIGHTEST, Polishing, relative
from gradcli.solvers.solver import each
from gradcli.solvers.triangle import (
    checked,
    linearised,
    scaling,
    size_of,
    step_between,
    step_within,
)
from gradcli.solvers.trust_region import ACCEPTED, Trial, TrustRegion
from gradcli.solvers.vectors import EPSILON, norm

if TYPE_CHECKING:
    from gradcli.solvers.losses import Loss
    from gradcli.solvers.solver import Mask, Residuals, Vector
    from gradcli.solvers.stopping import Reason
    from gradcli.solvers.triangle import Triangle
    from gradcli.solvers.vectors import Box

FIRST_RADIUS = 1.0
"""The first radius of the trust region in lengths of the start.

MINPACK has 100, which goes so far that an exponential can be lost in its flat end.
"""

INVISIBLE = 1e-13
"""A predicted decrease, relative to the objective, that rounding hides."""

CLEAR = 1e-6
"""A relative step, or a cosine between residuals and Jacobian, that only a minimum has."""

RENEWED = 1 - 1e-6
"""The share of the objective that it must be below before a stalled run is begun anew again."""

UNMOVED = "no parameter changes the residuals here; choose another start"

_Place = tuple["Vector", "Triangle"]


class LevenbergMarquardt(TrustRegion[_Place]):
    """The method on residuals from a start, within a box.

    First a trust region, as MINPACK has it (Moré 1978), with the columns of the Jacobian scaled by
    the largest norm each has had. When its predicted decrease is lost in rounding, undamped
    Gauss–Newton steps follow: they see the gradient, which is accurate long after the objective has
    stopped to change. `tolerance` ends the run earlier, at a relative step or a cosine between
    residuals and Jacobian that is not above it, and `least` at residuals that are this share of the
    first ones. The start is moved into the box.
    """

    name = "lm"

    def __init__(
        self,
        residuals: Residuals,
        start: Vector,
        box: Box,
        *,
        tolerance: float | None = None,
        loss: Loss | None = None,
        least: float = 0.0,
    ) -> None:
        self.residuals = residuals
        self.box = box
        self.tolerance = tolerance
        self.loss = loss
        self.point = box.clipped(np.array(start, dtype=float))
        self.triangle = linearised(residuals, self.point, loss)
        self._end: Reason | None = None
        self._least = least
        self._first_norm = self.triangle.norm
        self._stalled = np.inf  # the value where the run last found no way on
        self._begin()

    def _begin(self) -> None:
        """Forget all but the point: scales and radius are those of a start."""
        self._lengths = self._sizes = np.zeros(len(self.point))
        self._rescale()
        length = norm(self._scale * self.point)
        self._radius = FIRST_RADIUS * (length if length > 0 else 1.0)
        self._damping = 0.0
        self._is_hopeful = True
        self._polishing: Polishing | None = None

    @property
    def value(self) -> float:
        """The sum of squares, or of what the loss makes of them."""
        return self.triangle.norm**2

    @property
    def gradient_norm(self) -> float:
        """The norm of the gradient, 2 Jᵀr, without what a limit stops."""
        return self.triangle.free_gradient_norm(self.box, self.point)

    def suspects(self) -> Mask:
        """Return which parameters change the residuals next to nothing here."""
        return self.triangle.negligible(self.point)

    def arrived(self) -> Reason | None:
        """Return why the run is over: residuals of 0, a Jacobian of 0, or `tolerance` is met."""
        if self._end is None and self.triangle.norm == 0:
            return stopping.converged(0.0, 0.0)
        if self.triangle.norm <= self._least * self._first_norm:
            return stopping.vanished(self.triangle.norm / self._first_norm, self._least)
        if not self.triangle.factor.any():
            return stopping.stuck(UNMOVED, 0.0)
        if self._end is None and self.tolerance is not None:
            cosine = self._cosine()
            if cosine <= self.tolerance:
                return stopping.orthogonal(cosine, self.tolerance)
        return self._end

    def _is_settled(self) -> bool:
        return self._polishing is not None

    def _polish(self) -> bool:
        """Whether a Gauss–Newton step without damping led to a shorter one."""
        if self._polishing is None:
            place = self.point, self.triangle
            self._polishing = Polishing(self.residuals, place, self.box, self.loss, self._scale)
        if not self._polishing.step():
            return False
        self.point, self.triangle = self._polishing.best[:2]
        return True

    def _goes_on(self) -> bool:
        """Whether there is a way on with fresh scales: one huge old column may have ruled them.

        It must have brought something since the last time.
        """
        if not self.value < RENEWED * self._stalled:
            return False
        self._stalled = self.value
        self._begin()
        return self._descend()

    def _verdict(self) -> Reason:
        """Return how good the point is from which polishing found no better one."""
        assert self._polishing is not None  # noqa: S101 - steps without damping came before
        place = self._polishing.best
        if place.length <= TIGHTEST:
            return stopping.settled(place.length, TIGHTEST)
        if place.length <= CLEAR:
            return stopping.rounded(place.length)
        if self._cosine() <= CLEAR:
            return stopping.level(self.gradient_norm)
        return stopping.stuck("no step makes the residuals smaller", self.gradient_norm)

    def _trial(self) -> Trial | None:
        step = self._within()
        length = norm(step)
        if length <= EPSILON * norm(self._scale * self.point) or length == 0:
            return None
        change = step / self._scale
        along = self.triangle.factor @ change / self.triangle.norm
        rotated = self.triangle.rotated / self.triangle.norm
        promised = -float((2 * rotated + along) @ along)
        if promised <= INVISIBLE:
            return None
        point = self.box.reached(self.point, change)
        return Trial(point, length, promised, 2 * float(rotated @ along))

    def _within(self) -> Vector:
        """Return the scaled step that the region allows: a ball, or near limits the box around."""
        factor = self.triangle.factor / self._scale
        rotated = self.triangle.rotated
        lower, upper = (limit * self._scale for limit in self.box.room(self.point))
        guess = self._damping / self._radius
        step, damping = step_within(factor, rotated, self._radius, guess)
        self._damping = damping * self._radius
        if np.all((lower <= step) & (step <= upper)):
            return step
        lower = np.maximum(lower, -self._radius)
        upper = np.minimum(upper, self._radius)
        return step_between(factor, rotated, lower, upper)

    def _look(self, trial: Trial) -> tuple[float, _Place | None]:
        """Return the fall as a share of the objective, and the point with its triangle.

        After a step that was taken the next one most likely is, and the Jacobian, which it needs,
        comes with the residuals; else these are looked at first.
        """
        enough = ACCEPTED * trial.promised
        hopeful, self._is_hopeful = self._is_hopeful, False
        try:
            if not hopeful:
                sizes = [*each(self.residuals, "values", size_of, (trial.point,), self.loss)]
                fall = self._fall(checked(norm(np.array(sizes))))
                if fall < enough:
                    return fall, None
            triangle = linearised(self.residuals, trial.point, self.loss)
        except MathematicsError:
            return -np.inf, None
        fall = self._fall(triangle.norm)
        self._is_hopeful = fall >= enough
        return fall, (trial.point, triangle) if self._is_hopeful else None

    def _fall(self, size: float) -> float:
        share = size / self.triangle.norm
        return 1 - share * share

    def _accept(self, there: _Place) -> None:
        """Go to a point; end the run where the step was not above the tolerance."""
        change = there[0] - self.point
        self.point, self.triangle = there
        self._rescale()
        if self.tolerance is not None and self.tolerance > 0:
            length = relative(change, self.point, self._scale)
            if length <= self.tolerance:
                self._end = stopping.settled(length, self.tolerance)

    def _rescale(self) -> None:
        self._lengths = np.maximum(self._lengths, self.triangle.column_norms)
        self._sizes = np.maximum(self._sizes, np.abs(self.point))
        self._scale = scaling(self._lengths, self._sizes)

    def _cosine(self) -> float:
        free = self.box.free_gradient(self.point, self.triangle.gradient) != 0
        scale = scaling(self.triangle.column_norms, np.abs(self.point))
        return float(np.max(self.triangle.cosines(scale)[free], initial=0.0))
