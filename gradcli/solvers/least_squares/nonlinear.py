"""Nonlinear least squares by Levenberg and Marquardt, to the last digit that doubles allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.least_squares.levenberg import Step, step_between, step_within
from gradcli.solvers.least_squares.polishing import TIGHTEST, Polishing, relative
from gradcli.solvers.least_squares.triangular import (
    checked,
    linearised,
    scaling,
    size_of,
)
from gradcli.solvers.norms import EPSILON, norm
from gradcli.solvers.solver import each
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from gradcli.solvers.bounds import Box
    from gradcli.solvers.least_squares.losses import Loss
    from gradcli.solvers.least_squares.polishing import Place
    from gradcli.solvers.solver import Mask, Residuals, Vector
    from gradcli.solvers.stopping import Reason

ACCEPTED, POOR, GOOD = 1e-4, 0.25, 0.75
"""Ratios of the true to the predicted decrease: a step is taken, the region shrinks, it grows."""

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


class LevenbergMarquardt:
    """The method on residuals from a start, within a box.

    First a trust region, as MINPACK has it (Moré 1978), with the columns of the Jacobian scaled by
    the largest norm each has had. When its predicted decrease is lost in rounding, undamped
    Gauss–Newton steps follow: they see the gradient, which is accurate long after the objective has
    stopped to change. `tolerance` ends the run earlier, at a relative step or a cosine between
    residuals and Jacobian that is not above it, and `least` at residuals that are this share of the
    first ones. The start is moved into the box.
    """

    name = "lm"
    rate = 1.0

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
        self._is_first = True
        self._damping = 0.0
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

    def step(self) -> Reason | None:
        """Take one step that is accepted, or return why there is none."""
        if self._polishing is None:
            if self._descend():
                return None
            if self._end is not None:
                return self._end
            place = self.point, self.triangle
            self._polishing = Polishing(self.residuals, place, self.box, self.loss, self._scale)
        if self._polishing.step():
            self.point, self.triangle = self._polishing.best[:2]
            return None
        reason = self._verdict(self._polishing.best)
        return None if reason.ending is Ending.STALLED and self._goes_on() else reason

    def _goes_on(self) -> bool:
        """Whether there is a way on with fresh scales: one huge old column may have ruled them.

        It must have brought something since the last time.
        """
        if not self.value < RENEWED * self._stalled:
            return False
        self._stalled = self.value
        self._begin()
        return self._descend()

    def _verdict(self, place: Place) -> Reason:
        """Return how good the point is from which polishing found no better one."""
        if place.length <= TIGHTEST:
            return stopping.settled(place.length, TIGHTEST)
        if place.length <= CLEAR:
            return stopping.rounded(place.length)
        if self._cosine() <= CLEAR:
            return stopping.level(self.gradient_norm)
        return stopping.stuck("no step makes the residuals smaller", self.gradient_norm)

    def _descend(self) -> bool:
        """Try steps of the trust region until one is accepted; False when it has settled."""
        while True:
            step = self._trial()
            change = step.change / self._scale
            length = norm(step.change)
            if length <= EPSILON * norm(self._scale * self.point) or length == 0:
                return False
            along = self.triangle.factor @ change / self.triangle.norm
            rotated = self.triangle.rotated / self.triangle.norm
            predicted = -float((2 * rotated + along) @ along)
            slope = float(rotated @ along)
            if predicted <= INVISIBLE:
                return False
            if self._is_first:
                self._radius = min(self._radius, length)
            point = self.box.reached(self.point, change)
            size = self._size(point)
            share = 0.0 if size is None else size / self.triangle.norm
            actual = -1.0 if size is None else 1 - share * share
            is_accepted = actual >= ACCEPTED * predicted
            if is_accepted and not self._move(point):
                is_accepted, actual = False, -1.0
            self._resize(actual, predicted, slope, length, step.damping)
            if is_accepted:
                self._is_first = False
                self._settle(change)
                return True

    def _trial(self) -> Step:
        """Return the step that the region allows: a ball, or near limits the box around it."""
        factor = self.triangle.factor / self._scale
        rotated = self.triangle.rotated
        lower, upper = (limit * self._scale for limit in self.box.room(self.point))
        step = step_within(factor, rotated, self._radius, self._damping)
        if np.all((lower <= step.change) & (step.change <= upper)):
            return step
        lower = np.maximum(lower, -self._radius)
        upper = np.minimum(upper, self._radius)
        return Step(step_between(factor, rotated, lower, upper), step.damping)

    def _resize(
        self, actual: float, predicted: float, slope: float, length: float, damping: float
    ) -> None:
        """Shrink or grow the region by what came of a step."""
        ratio = actual / predicted
        if ratio <= POOR:
            shrink = 0.5 if actual >= 0 else 0.5 * slope / (slope + 0.5 * actual)
            if actual <= -0.99:  # undefined, or ten times as large: MINPACK shrinks by as much
                shrink = 0.1
            shrink = max(shrink, 0.1)
            self._radius = shrink * min(self._radius, length / 0.1)
            self._damping = damping / shrink
        elif damping == 0 or ratio >= GOOD:
            self._radius = 2 * length
            self._damping = 0.5 * damping

    def _size(self, point: Vector) -> float | None:
        try:
            sizes = [*each(self.residuals, "values", size_of, (point,), self.loss)]
            return checked(norm(np.array(sizes)))
        except MathematicsError:
            return None

    def _move(self, point: Vector) -> bool:
        """Go to a point; False where the Jacobian is undefined."""
        try:
            self.triangle = linearised(self.residuals, point, self.loss)
        except MathematicsError:
            return False
        self.point = point
        self._rescale()
        return True

    def _rescale(self) -> None:
        self._lengths = np.maximum(self._lengths, self.triangle.column_norms)
        self._sizes = np.maximum(self._sizes, np.abs(self.point))
        self._scale = scaling(self._lengths, self._sizes)

    def _settle(self, change: Vector) -> None:
        """End the run when the step was not above the tolerance."""
        if self.tolerance is not None and self.tolerance > 0:
            length = relative(change, self.point, self._scale)
            if length <= self.tolerance:
                self._end = stopping.settled(length, self.tolerance)

    def _cosine(self) -> float:
        free = self.box.free_gradient(self.point, self.triangle.gradient) != 0
        scale = scaling(self.triangle.column_norms, np.abs(self.point))
        return float(np.max(self.triangle.cosines(scale)[free], initial=0.0))
