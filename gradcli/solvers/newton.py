"""Newton's method with the exact Hessian, made safe by a trust region.

For a function with kinks there is the same method on the function with rounded kinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.quadratic import QuadraticModel, boxed, change
from gradcli.solvers.stopping import Ending
from gradcli.solvers.surroundings import Surroundings
from gradcli.solvers.trust_region import (
    ACCEPTED,
    NOTHING,
    SHRINKING,
    Progress,
    Trial,
    TrustRegion,
)
from gradcli.solvers.vectors import EPSILON, Box, finite_norm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.solvers.solver import Function, Mask, Vector
    from gradcli.solvers.stopping import Reason

FIRST = 0.1
"""The first radius, as a share of the length of the start; larger ones leave its valley."""
NOISE = 1e-10
"""Below this share of the value, falls are read from the gradients: differences are rounding."""
FARTHEST = 1e4
"""The largest size of a variable that counts: a run from far away may end at numbers about 1."""
IDLE = 200
"""Steps in a row that lower the value by next to nothing, after which the run ends."""
LEAST = 1e-12
"""The share of the value that IDLE steps must gain together, if the gradient does not shrink."""
LEAST_ASTRAY = 1e-6
"""LEAST far away from the start, in valleys that may lead to infinity."""
SHORTEST = 2e-15
"""A relative step below this is lost in rounding."""
BEYOND = 100.0
"""So many of these steps farther the slope must have turned, if they lead to a minimum."""
SLOW = 0.3
"""A Newton step of a larger share of the one before is one of a geometric series."""
LEVEL = 1e-12
"""Decreases below this share of the value are rounding."""
CURVED = 1e-3
"""A curvature that raises the value by a larger share over the size of a variable is one."""
FAR = 1e-3
"""So much of the size of a variable is far for a Newton step from a minimum."""
ASTRAY = 1e4
"""So far out, in sizes of the start, a flat valley is one that may lead to infinity."""


class Newton(TrustRegion[QuadraticModel]):
    """Trust region steps with the exact Hessian, indefinite ones included, inside a box.

    Variables are scaled by the roots of the curvatures. Once the gradient norm is at most
    `tolerance`, or falls of the value drown in rounding, undamped Newton steps follow while they
    become shorter; saddles and maxima are left along negative curvature. Meant for at
    most some 50 variables. Raises MathematicsError where the function has no value or gradient at
    the start.
    """

    name = "newton"

    @np.errstate(all="ignore")
    def __init__(
        self,
        function: Function,
        start: Vector,
        *,
        box: Box | None = None,
        tolerance: float = stopping.TOLERANCE,
    ) -> None:
        self._function = function
        self._box = Box.unbounded(len(start)) if box is None else box
        self._tolerance = tolerance
        point = self._box.clipped(np.array(start, dtype=float))
        self._at = self._first_model(point, *function(point))
        self._progress = Progress(point, self.value, self.gradient_norm, IDLE)
        self._reach = self._progress.sizes  # how far out each variable has been
        self._radius = FIRST * finite_norm(self._at.scales * self._reach)

    def suspects(self) -> Mask:
        """Return along which variables the curvature is next to nothing."""
        sizes = np.maximum(np.abs(self.point), 1.0)
        curvatures = np.diagonal(self._at.hessian) * sizes**2
        return np.asarray(curvatures <= CURVED * abs(self.value))

    def arrived(self) -> Reason | None:
        """Return None: only another step shows that a point cannot be made better."""
        return None

    @np.errstate(all="ignore")  # what overflows is refused as not finite
    def step(self) -> Reason | None:
        """Move to a lower point, or to one with a smaller gradient, or return why there is none."""
        return super().step()

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, besides the function: numbers and vectors."""
        return {
            "point": self.point,
            "value": self.value,
            "gradient": self._at.gradient,
            "radius": self._radius,
            "progress": self._progress.state(),
            "reach": self._reach,
        }

    @np.errstate(all="ignore")
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state as if the run had never stopped."""
        point, gradient, self._reach = (
            np.array(state[key], dtype=float) for key in ("point", "gradient", "reach")
        )
        self._at = self._first_model(point, float(state["value"]), gradient)
        self._radius = float(state["radius"])
        self._progress.restore(state["progress"])

    # ------------------------------------------------------------ descending

    def _given_up(self) -> Reason | None:
        falling = self._progress.falling(self.point, self.value)
        if falling is not None:
            return falling
        least = LEAST_ASTRAY if self._is_astray else LEAST
        self._progress.observe(self.value, self.gradient_norm, least)
        return self._verdict() if self._progress.is_over else None

    def _is_settled(self) -> bool:
        here = self._at
        hidden = 2 * EPSILON * abs(here.value)
        is_flat = here.gradient_norm <= self._tolerance or not here.promises(hidden)
        return is_flat and here.is_convex

    def _trial(self) -> Trial | None:
        here = self._at
        room = self._box.room(here.point)
        # Without a gradient both ways along negative curvature are as good, but for the box.
        signs = (1.0,) if here.gradient_norm > self._tolerance else (1.0, -1.0)

        def model(step: Vector) -> float:
            return change(here.gradient, here.hessian, step)

        steps = [
            boxed(here.gradient, here.hessian, here.scales, self._radius, room, sign)
            for sign in signs
        ]
        best = min(steps, key=model)
        promised = -model(best)
        point = self._box.clipped(here.point + best)
        step = point - here.point
        if promised <= 0 or np.all(np.abs(step) <= NOTHING * self._sizes):
            return None
        return Trial(point, finite_norm(here.scales * step), promised, float(here.gradient @ step))

    def _look(self, trial: Trial) -> tuple[float, QuadraticModel | None]:
        """Return how much the value falls, and what there is where that is enough."""
        if not np.isfinite(trial.promised):  # too large for a double is none
            return -np.inf, None
        try:
            value, gradient = self._function(trial.point)
            fall = self._fall(trial.point, value, gradient)
            if fall < ACCEPTED * trial.promised:
                return fall, None
            return fall, self._model(trial.point, value, gradient)
        except MathematicsError:
            return -np.inf, None

    def _fall(self, point: Vector, value: float, gradient: Vector) -> float:
        """Return how much lower the value is there.

        Where the values agree in most digits the trapezoid rule finds their difference from the
        gradients, which lose none.
        """
        fall = self.value - value
        if abs(fall) > self._noise(value):
            return fall
        return float(-0.5 * (self._at.gradient + gradient) @ (point - self.point))

    def _noise(self, value: float) -> float:
        return NOISE * max(abs(self.value), abs(value), 1e-5 * self._progress.first)

    def _goes_on(self) -> bool:
        """Whether the gradients on all sides of the point show a way down."""
        here = self._at
        sizes = np.maximum(np.abs(here.point), 1e-3 * self._reach)
        found = Surroundings(self._function, here.point, self._box).way_down(sizes)
        there = None if found is None else self._seen(found)
        if there is None:
            return False
        self._radius = finite_norm(here.scales * (there.point - here.point))
        self._accept(there)
        return True

    # ------------------------------------------------------------ the end

    def _polish(self) -> bool:
        return self._at.is_convex and (super()._polish() or self._slipped())

    def _undamped(self) -> Iterator[QuadraticModel]:
        """Yield where the Newton step leads, unless the value is higher there.

        At a minimum without curvature every step is the same share of the one before; first comes
        the sum of this geometric series.
        """
        here = self._at
        there = self._polished(1.0)
        if there is None:
            return
        share = there.length / here.length
        if SLOW < share < SHRINKING:
            limit = self._polished(1 / (1 - share))
            if limit is not None:
                yield limit
        yield there

    def _polished(self, factor: float) -> QuadraticModel | None:
        """Return what is at a multiple of the Newton step; None where it is not to be taken."""
        point = self._box.clipped(self.point + factor * self._at.newton_step)
        if np.all(np.abs(point - self.point) <= NOTHING * self._sizes):
            return None
        there = self._seen(point)
        is_higher = there is None or there.value > self.value + self._noise(there.value)
        return None if is_higher else there

    def _slipped(self) -> bool:
        """Whether a flat direction led to a lower value, as from the stationary point of x^3."""
        here = self._at
        for step in here.flat_steps():
            there = self._seen(self._box.clipped(self.point + step))
            expected = 1e-13 * abs(here.value) + 10 * abs(here.gradient @ step)
            if there is not None and here.value - there.value > expected:
                self._accept(there)
                self._radius = finite_norm(there.scales * step)
                return True
        return False

    def _verdict(self) -> Reason:
        """Return why a run ends here.

        Far away from the start a direction without curvature is a valley that may lead to infinity,
        and not a minimum.
        """
        here = self._at
        if here.gradient_norm <= self._tolerance and self._falls_on():
            return stopping.faded(here.gradient_norm, self._tolerance)
        if here.gradient_norm <= self._tolerance:
            return stopping.converged(here.gradient_norm, self._tolerance)
        is_valley = self._is_astray and not here.spectrum.is_positive
        if here.is_convex and np.isfinite(here.promise) and not is_valley:
            if here.relative_step <= SHORTEST and self._turns():
                return stopping.settled(here.relative_step, SHORTEST)
            if here.promise <= LEVEL * abs(here.value):
                return stopping.level(here.gradient_norm)
        if self._progress.is_over:
            why = f"the last {IDLE} steps made neither the value nor the gradient clearly smaller"
        elif is_valley:
            why = "the value hardly falls any more in a flat valley that leads far away"
        elif self._has_hessian():
            why = "no lower value was found next to the point, as at a kink or a jump"
        else:
            why = "a second derivative is not finite here; choose another start or method"
        return stopping.stuck(why, here.gradient_norm)

    def _turns(self) -> bool:
        """Whether the slope along the Newton step changes its sign not far behind its end.

        At a minimum it does. Where only the curvature is so large that the step is lost in
        rounding, it does not.
        """
        here, step = self._at, self._at.newton_step
        try:
            _, gradient = self._function(self._box.clipped(here.point + BEYOND * step))
        except MathematicsError:
            return False
        followed = self._box.free_gradient(here.point, gradient)
        return float(followed @ step) >= 0 > float(here.gradient @ step)

    def _falls_on(self) -> bool:
        """Whether the slope is small but a minimum far, and not where it leads: exp(-x), 1/x."""
        here, step = self._at, self._at.newton_step
        if not np.any(np.abs(step) > FAR * np.maximum(np.abs(here.point), 1.0)):
            return False
        beyond = here.point + BEYOND * step
        there = self._seen(beyond) if np.all(self._box.clipped(beyond) == beyond) else None
        if there is None or there.value > here.value:
            return False
        return float(there.gradient @ step) <= 0

    def _has_hessian(self) -> bool:
        try:
            self._function.hessian(self.point)
        except MathematicsError:
            return False
        return True

    @property
    def _is_astray(self) -> bool:
        return bool(np.any(np.abs(self.point) > ASTRAY * self._progress.sizes))

    @property
    def _sizes(self) -> Vector:
        return np.minimum(self._reach, FARTHEST)

    # ------------------------------------------------------------ models

    def _seen(self, point: Vector) -> QuadraticModel | None:
        """Return what there is at a point; None where something is undefined."""
        try:
            return self._model(point, *self._function(point))
        except MathematicsError:
            return None

    def _model(self, point: Vector, value: float, gradient: Vector) -> QuadraticModel:
        return QuadraticModel(self._box, point, value, gradient, self._function.hessian(point))

    def _first_model(self, point: Vector, value: float, gradient: Vector) -> QuadraticModel:
        """Return what there is at the start, where a Hessian may be missing."""
        try:
            hessian = self._function.hessian(point)
        except MathematicsError:
            # Without curvature the first step is one down the gradient.
            hessian = np.zeros((len(point), len(point)))
        return QuadraticModel(self._box, point, value, gradient, hessian)

    def _accept(self, there: QuadraticModel) -> None:
        self._at = there
        self._reach = np.maximum(self._reach, np.abs(there.point))


# ---------------------------------------------------------------- functions with kinks

NARROWER = 0.03
"""The factor by which the width of rounded kinks shrinks after each minimum."""
WIDEST, NARROWEST = 0.1, 1e-13
"""The first and the last width of rounded kinks; wider ones may leave the valley of the start."""
CLOSE = 1e-10
"""How much of the value, or of 1, the rounding may change at the end."""
STEPS = 100
"""The most steps for one width, but the last."""


class RoundedNewton:
    """The method on a function from a start, within a box.

    Where a minimum lies on kinks, gradients on its sides hold little information on the way along
    the valley that the kinks make. Rounded over a width, the function is smooth; the minimum moves
    with the width to that of the function itself, and each is a good start for the next. At the end
    the gradient of the rounded function is a convex combination of those on all sides: a
    subgradient.
    (Chen, "Smoothing methods for nonsmooth, nonconvex minimization", Math. Program. 134, 2012.)

    `rounded` returns the function with kinks rounded over a width, in units of how far the start is
    from them. Values are those of the function itself. Raises MathematicsError where it has none at
    the start.
    """

    name = "newton"
    rate = 1.0

    def __init__(
        self,
        function: Function,
        rounded: Callable[[float], Function],
        start: Vector,
        box: Box,
        tolerance: float = stopping.TOLERANCE,
    ) -> None:
        self._function = function
        self._rounded = rounded
        self._box = box
        self._tolerance = tolerance
        self._width = WIDEST
        self._shortest = np.inf  # the gradient norm at the last width but one
        self.point = box.clipped(np.array(start, dtype=float))
        self.value, _ = function(self.point)
        self._begin()

    def _begin(self) -> None:
        function = self._rounded(self._width)
        self._inner = Newton(function, self.point, box=self._box, tolerance=self._tolerance)
        self._steps = 0

    @property
    def gradient_norm(self) -> float:
        """The norm of the gradient of the rounded function: of a subgradient at the end."""
        return self._inner.gradient_norm

    def suspects(self) -> Mask | None:
        """Return along which variables the rounded function has next to no curvature."""
        return self._inner.suspects()

    def arrived(self) -> Reason | None:
        """Return None: only the next width shows how good a point is."""
        return None

    def step(self) -> Reason | None:
        """Take a step for the width, or the first one for the next width that has one."""
        while True:
            reason = None if self._is_long else self._inner.step()
            if reason is None and not self._is_long:
                self._steps += 1
                return self._accept()
            if reason is not None and reason.ending is Ending.DIVERGED:
                return reason
            if self._is_narrow:
                return self._end(reason)
            self._shortest = self.gradient_norm
            self._width *= NARROWER
            self._begin()

    @property
    def _is_narrow(self) -> bool:
        gap = abs(self._inner.value - self.value)
        return gap <= CLOSE * max(1.0, abs(self.value)) or self._width < NARROWEST

    @property
    def _is_long(self) -> bool:
        return self._steps >= STEPS and not self._is_narrow

    def _accept(self) -> Reason | None:
        """Stand where the rounded function led; return why not, where that has no value."""
        point = self._inner.point
        try:
            self.value, _ = self._function(point)
        except MathematicsError as error:
            return stopping.stuck(error.message, self.gradient_norm)
        self.point = point
        return None

    def _end(self, reason: Reason | None) -> Reason:
        """Return why the run is over: that of the function itself where it is smooth there."""
        here = Newton(self._function, self.point, box=self._box, tolerance=self._tolerance)
        if here.gradient_norm <= self._tolerance:
            return stopping.converged(here.gradient_norm, self._tolerance)
        # Across a narrow kink doubles do not resolve the gradient that a wider one has shown.
        shortest = min(self.gradient_norm, self._shortest)
        if shortest <= self._tolerance:
            return stopping.kinked(shortest, self._tolerance)
        return reason or stopping.level(self.gradient_norm)
