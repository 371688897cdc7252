"""Nonlinear least squares by Levenberg and Marquardt, to the last digit that doubles allow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.qr import (
    LinearisedResiduals,
    checked,
    reduced,
    relative,
    scaling,
    size_of,
    solution,
    solve_triangular,
    step_between,
    step_within,
)
from gradcli.solvers.solver import each
from gradcli.solvers.trust_region import ACCEPTED, Trial, TrustRegion
from gradcli.solvers.vectors import EPSILON, norm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gradcli.solvers.robust import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector
    from gradcli.solvers.stopping import Reason
    from gradcli.solvers.vectors import Box

FIRST_RADIUS = 1.0
"""The first radius of the trust region in lengths of the start.

MINPACK has 100, which goes so far that an exponential can be lost in its flat end.
"""

INVISIBLE = 1e-13
"""A predicted decrease below this share of the objective is hidden by rounding."""

CLEAR = 1e-6
"""A relative step, or a cosine between residuals and Jacobian, that only a minimum has."""

RENEWED = 1 - 1e-6
"""The share of the objective that it must be below before a stalled run is restarted again."""

UNMOVED = "no parameter changes the residuals here; choose another start"

TIGHTEST = 1e-15
"""The relative step below which a run ends, whatever its tolerance."""

PATIENCE = 3
"""Undamped steps in a row after which the next one must be shorter."""

CURVED = 1e-11
"""The relative step from which on the curvature of the residuals is taken into account.

Where it is large, Gauss–Newton steps lead away from the minimum, or to it slowly.
"""

LONGEST = 10.0
"""An undamped step so many times longer than the point loses its parameters."""

MOST_PARAMETERS = 50
"""The most parameters for which second derivatives of the residuals are computed."""


class LevenbergMarquardt(TrustRegion[LinearisedResiduals]):
    """The method on residuals from a start, within a box.

    First a trust region, as MINPACK has it (Moré 1978), with the columns of the Jacobian scaled by
    the largest norm each has had. When its predicted decrease is lost in rounding, undamped steps
    follow: Gauss–Newton's, then with the exact curvature of the residuals where these shrink
    slowly. `tolerance` ends the run earlier, at a relative step or a cosine between residuals and
    Jacobian that is not above it, and `least` at residuals that are this share of the first ones.
    The objective is `factor` times the sum of squares. The start is moved into the box.
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
        factor: float = 1.0,
    ) -> None:
        self.residuals = residuals
        self.box = box
        self.tolerance = tolerance
        self.loss = loss
        self._model = partial(LinearisedResiduals, residuals, box=box, loss=loss, factor=factor)
        self._at = self._model(box.clipped(np.array(start, dtype=float)))
        self._end: Reason | None = None
        self._least = least
        self._first_norm = self._at.factors.norm
        self._stalled = np.inf  # the value where the run last found no way on
        self._begin()

    def _begin(self) -> None:
        """Forget all but the point: scales and radius are those of a start."""
        self._lengths = self._sizes = np.zeros(len(self.point))
        self._rescale()
        length = norm(self._scale * self.point)
        self._radius = FIRST_RADIUS * (length if length > 0 else 1.0)
        self._is_hopeful = True
        self._is_polishing = False
        self._curvature: tuple[Mask, Matrix] | None = None

    def suspects(self) -> Mask:
        """Return which parameters change the residuals next to nothing here."""
        return self._at.factors.negligible(self.point)

    def arrived(self) -> Reason | None:
        """Return why the run is over: residuals of 0, a Jacobian of 0, or `tolerance` is met."""
        if self._end is None and self._at.factors.norm == 0:
            return stopping.converged(0.0, 0.0)
        if self._at.factors.norm <= self._least * self._first_norm:
            return stopping.vanished(self._at.factors.norm / self._first_norm, self._least)
        if not self._at.factors.factor.any():
            return stopping.stuck(UNMOVED, 0.0)
        if self._end is None and self.tolerance is not None:
            cosine = self._cosine()
            if cosine <= self.tolerance:
                return stopping.orthogonal(cosine, self.tolerance)
        return self._end

    def _is_settled(self) -> bool:
        return self._is_polishing

    def _undamped(self) -> Iterator[LinearisedResiduals]:
        """Yield the ends of Gauss–Newton steps, then of Newton's, which follow each other."""
        self._is_polishing = True
        if self._at.length <= TIGHTEST:
            return
        yield from self._followed()
        if self._at.length > CURVED and self._curvature is None:
            free = self.box.inside(self.point)
            factor = reduced(self._at.factors.factor[:, free])
            found = curvature(self.residuals, self.point, factor, free, self.loss)
            if found is not None:
                self._curvature = free, found
                yield from self._followed()

    def _followed(self) -> Iterator[LinearisedResiduals]:
        """Yield the ends of some steps, up to one that is undefined, too long, or clearly higher.

        After the first one they need not become shorter: rounding makes them longer at times.
        """
        here = last = self._at
        size = here.factors.norm
        noise = EPSILON * float(np.max(here.factors.column_norms * np.abs(here.point), initial=0))
        for _ in range(PATIENCE):
            step = last.step if self._curvature is None else newton_step(last, *self._curvature)
            if norm(self._scale * step) > LONGEST * norm(self._scale * last.point):
                return
            try:
                last = self._model(self.box.reached(last.point, step))
            except MathematicsError:
                return
            if last.factors.norm > size * (1 + 1e-8) + 16 * noise:
                return
            yield last

    def _goes_on(self) -> bool:
        """Whether the run can go on with scales reset: one huge old column may have dominated them.

        It must have brought something since the last time.
        """
        if not self.value < RENEWED * self._stalled:
            return False
        self._stalled = self.value
        self._begin()
        return self._descend()

    def _verdict(self) -> Reason:
        """Return how good the point is from which polishing found no better one."""
        length = self._at.length
        if length <= TIGHTEST:
            return stopping.settled(length, TIGHTEST)
        if length <= CLEAR:
            return stopping.rounded(length)
        if self._cosine() <= CLEAR:
            return stopping.level(self.gradient_norm)
        return stopping.stuck("no step makes the residuals smaller", self.gradient_norm)

    def _trial(self) -> Trial | None:
        step = self._within()
        length = norm(step)
        if length <= EPSILON * norm(self._scale * self.point) or length == 0:
            return None
        change = step / self._scale
        along = self._at.factors.factor @ change / self._at.factors.norm
        rotated = self._at.factors.rotated / self._at.factors.norm
        promised = -float((2 * rotated + along) @ along)
        if promised <= INVISIBLE:
            return None
        point = self.box.reached(self.point, change)
        return Trial(point, length, promised, 2 * float(rotated @ along))

    def _within(self) -> Vector:
        """Return the scaled step that the region allows: a ball, or near limits the box around."""
        factor = self._at.factors.factor / self._scale
        rotated = self._at.factors.rotated
        lower, upper = (limit * self._scale for limit in self.box.room(self.point))
        step = step_within(factor, rotated, self._radius)
        if np.all((lower <= step) & (step <= upper)):
            return step
        lower = np.maximum(lower, -self._radius)
        upper = np.minimum(upper, self._radius)
        return step_between(factor, rotated, lower, upper)

    def _look(self, trial: Trial) -> tuple[float, LinearisedResiduals | None]:
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
            there = self._model(trial.point)
        except MathematicsError:
            return -np.inf, None
        fall = self._fall(there.factors.norm)
        self._is_hopeful = fall >= enough
        return fall, there if self._is_hopeful else None

    def _fall(self, size: float) -> float:
        share = size / self._at.factors.norm
        return 1 - share * share

    def _accept(self, there: LinearisedResiduals) -> None:
        """Go to a point; end the run where the step was not above the tolerance."""
        change = there.point - self.point
        self._at = there
        self._rescale()
        if self.tolerance is not None and self.tolerance > 0:
            length = relative(change, self.point, self._scale)
            if length <= self.tolerance:
                self._end = stopping.settled(length, self.tolerance)

    def _rescale(self) -> None:
        self._lengths = np.maximum(self._lengths, self._at.factors.column_norms)
        self._sizes = np.maximum(self._sizes, np.abs(self.point))
        self._scale = scaling(self._lengths, self._sizes)

    def _cosine(self) -> float:
        free = self.box.free_gradient(self.point, self._at.factors.gradient) != 0
        scale = scaling(self._at.factors.column_norms, np.abs(self.point))
        return float(np.max(self._at.factors.cosines(scale)[free], initial=0.0))


def curvature(
    residuals: Residuals, point: Vector, triangle: Matrix, free: Mask, loss: Loss | None
) -> Matrix | None:
    """Return C = R⁻ᵀ H R⁻¹ of half the Hessian H by the free parameters, R upper triangular.

    C is the identity where residuals have no curvature, so that the Gauss–Newton step -R⁻¹q is
    Newton's; elsewhere Newton's is -R⁻¹C⁻¹q. H is exact. None when it is undefined, when C is not
    positive definite, or for so many parameters that it would take long.
    """
    count = len(triangle)
    if count > MOST_PARAMETERS or np.any(np.diagonal(triangle) == 0):
        return None
    columns = []
    for part in solve_triangular(triangle, np.eye(count)).T:
        direction = np.zeros_like(point)
        direction[free] = part
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                turned = (point, direction)
                parts = each(residuals, "along", half_hessian_times, turned, direction, loss)
                columns.append(np.sum([*parts], axis=0)[free])
        except MathematicsError:
            return None
    gradients = np.array(columns).T
    if not np.all(np.isfinite(gradients)):
        return None
    found = solve_triangular(triangle, gradients, transposed=True)
    found = (found + found.T) / 2
    if not np.all(np.isfinite(found)) or np.linalg.eigvalsh(found)[0] <= 0:
        return None
    return np.asarray(found)


def newton_step(here: LinearisedResiduals, free: Mask, second: Matrix) -> Vector:
    """Return Newton's step with the curvature C of the free parameters near a point."""
    count = int(np.sum(free))
    rows = reduced(np.column_stack([here.factors.factor[:, free], here.factors.rotated]))
    step = np.zeros_like(here.point)
    right = np.asarray(np.linalg.solve(second, rows[:count, count]), dtype=np.float64)
    step[free], _ = solution(rows[:count, :count], right)
    return step


def half_hessian_times(
    blocks: Iterable[tuple[Vector, Matrix, Matrix]], direction: Vector, loss: Loss | None
) -> Vector:
    """Return how the half gradient Jᵀψ(r) changes along a direction; ψ is r without a loss."""
    total = np.zeros_like(direction)
    for values, jacobian, turned in blocks:
        change = jacobian @ direction
        if loss is not None:
            values, slopes = loss.influence(values)  # noqa: PLW2901 - what counts of each
            change = slopes * change
        total += jacobian.T @ change + turned.T @ values
    return total
