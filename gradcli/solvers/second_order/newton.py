"""Newton's method with the exact Hessian, made safe by a trust region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.bounds import Box
from gradcli.solvers.kinks import way_down
from gradcli.solvers.norms import EPSILON, LARGEST, finite_norm
from gradcli.solvers.second_order.falling import NOTHING, Start
from gradcli.solvers.second_order.place import Place
from gradcli.solvers.second_order.progress import SHRINKING, Progress
from gradcli.solvers.second_order.quadratic import boxed, change
from gradcli.solvers.second_order.verdict import verdict
from gradcli.solvers.stopping import Ending, Reason

if TYPE_CHECKING:
    from gradcli.solvers.solver import Function, Mask, Vector

ACCEPTED = 1e-4
"""The share of the promised fall that a step must make."""
FIRST = 0.1
"""The first radius, as a share of the length of the start; larger ones leave its valley."""
TRIALS = 400
"""Trial points for one step; the region shrinks at least by half between two."""
EXACT = 1e-3
"""A fall that agrees so well with the model's shows that the model holds much farther out."""
NOISE = 1e-10
"""Below this share of the value, falls are read from the gradients: differences are rounding."""
FARTHEST = 1e4
"""That far at most: a run from far away may end at numbers about 1."""
CURVED = 1e-3
"""A curvature that raises the value by a larger share over the size of a variable is one."""
ASTRAY = 1e4
"""So far out, in sizes of the start, a flat valley is one that may lead to infinity."""


class Newton:
    """Trust region steps with the exact Hessian, indefinite ones included, inside a box.

    Each step is one accepted point: Conn, Gould and Toint, "Trust-Region Methods" (2000),
    algorithm 6.1.1, in variables scaled by the roots of the curvatures. Once the gradient norm is
    at most `tolerance`, or falls of the value drown in rounding, undamped Newton steps follow while
    they make the gradient smaller; saddles and maxima are left along negative curvature. Meant for
    at most some 50 variables. Raises MathematicsError where the function has no value or gradient
    at the start.
    """

    name = "newton"
    rate = 1.0

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
        self._polished = np.inf  # the length of the last polishing step
        point = self._box.clipped(np.array(start, dtype=float))
        self._move(self._first_place(point, *function(point)))
        self._start = Start(point, self.value)
        self._progress = Progress(self.value, self.gradient_norm)
        self._reach = self._start.sizes  # how far out each variable has been
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
        falling = self._start.falling(self.point, self.value)
        if falling is not None:
            return falling
        self._progress.hear(self.value, self.gradient_norm, is_astray=self._is_astray)
        if self._progress.is_over:
            return self._end()
        here = self._at
        flat = here.norm <= self._tolerance or not here.promises(2 * EPSILON * abs(here.value))
        if flat and here.is_convex:
            return None if self._polish() or self._slipped() else self._end()
        if self._descend():
            return None
        reason = self._end()
        stuck = reason.ending is Ending.STALLED
        return None if stuck and self._leave_kink() else reason

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, besides the function: numbers and vectors."""
        return {
            "point": self.point,
            "value": self.value,
            "gradient": self._at.gradient,
            "radius": self._radius,
            "polished": self._polished,
            "progress": self._progress.state(),
            "first_value": self._start.value,
            "start": self._start.sizes,
            "reach": self._reach,
        }

    @np.errstate(all="ignore")
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state as if the run had never stopped."""
        point, gradient, start, self._reach = (
            np.array(state[key], dtype=float) for key in ("point", "gradient", "start", "reach")
        )
        self._move(self._first_place(point, float(state["value"]), gradient))
        self._radius = float(state["radius"])
        self._polished = float(state["polished"])
        self._progress.restore(state["progress"])
        self._start = Start(start, float(state["first_value"]))

    # ------------------------------------------------------------ descending

    def _descend(self) -> bool:
        """Whether a trial step inside the region, shrunk as often as needed, made it lower."""
        here = self._at
        room = self._box.room(here.point)
        # Without a gradient both ways along negative curvature are as good, but for the box.
        signs = (1.0,) if here.norm > self._tolerance else (1.0, -1.0)

        def model(step: Vector) -> float:
            return change(here.gradient, here.hessian, step)

        for _ in range(TRIALS):
            steps = [
                boxed(here.gradient, here.hessian, here.scales, self._radius, room, sign)
                for sign in signs
            ]
            best = min(steps, key=model)
            trial = self._box.clipped(here.point + best)
            step = trial - here.point
            promised = -model(best)
            if promised <= 0 or np.all(np.abs(step) <= NOTHING * self._sizes):
                return False
            length = finite_norm(here.scales * step)
            # A promise that is too large for a double is none.
            there = self._look(trial, ACCEPTED * promised) if np.isfinite(promised) else None
            ratio = (
                -np.inf
                if there is None
                else self._fall(there.point, there.value, there.gradient) / promised
            )
            if ratio < 0.25:
                self._radius = min(0.25 * length, 0.5 * self._radius)
            elif ratio > 0.75 and length > 0.8 * self._radius:
                growth = 8.0 if abs(ratio - 1) < EXACT else 2.0
                self._radius = min(growth * self._radius, 0.1 * LARGEST)
            if there is not None:
                self._accept(there)
                return True
        return False

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
        return NOISE * max(abs(self.value), abs(value), 1e-5 * self._start.value)

    def _leave_kink(self) -> bool:
        """Whether the gradients on all sides of the point show a way down."""
        here = self._at
        sizes = np.maximum(np.abs(here.point), 1e-3 * self._reach)
        found = way_down(self._function, here.point, here.value, here.gradient, self._box, sizes)
        there = None if found is None else self._look(found)
        if there is None:
            return False
        self._radius = finite_norm(here.scales * (there.point - here.point))
        self._accept(there)
        return True

    # ------------------------------------------------------------ the end

    def _polish(self) -> bool:
        """Whether an undamped Newton step made the gradient smaller."""
        step = self._at.newton_step
        length = finite_norm(step)
        share = length / self._polished
        if share > SHRINKING:
            return False
        # At a minimum without curvature every step is the same share of the one before; all of them
        # together are the sum of a geometric series.
        factors = (1 / (1 - share), 1.0) if share > 0.3 else (1.0,)
        for factor in factors:
            trial = self._box.clipped(self.point + factor * step)
            if np.all(np.abs(trial - self.point) <= NOTHING * self._sizes):
                return False
            there = self._look(trial)
            if (
                there is not None
                and there.norm < SHRINKING * self.gradient_norm
                and there.value <= self.value + self._noise(there.value)
            ):
                self._accept(there)
                self._polished = length
                return True
        return False

    def _slipped(self) -> bool:
        """Whether a flat direction led to a lower value, as from the stationary point of x^3."""
        here = self._at
        for step in here.flat_steps():
            there = self._look(self._box.clipped(self.point + step))
            expected = 1e-13 * abs(here.value) + 10 * abs(here.gradient @ step)
            if there is not None and here.value - there.value > expected:
                self._accept(there)
                self._radius = finite_norm(there.scales * step)
                return True
        return False

    def _end(self) -> Reason:
        """Return why no step leads on."""
        return verdict(
            self._function,
            self._at,
            self._tolerance,
            is_astray=self._is_astray,
            is_idle=self._progress.is_over,
        )

    @property
    def _is_astray(self) -> bool:
        return bool(np.any(np.abs(self.point) > ASTRAY * self._start.sizes))

    @property
    def _sizes(self) -> Vector:
        return np.minimum(self._reach, FARTHEST)

    # ------------------------------------------------------------ places

    def _look(self, point: Vector, least: float = -np.inf) -> Place | None:
        """Return what there is at a point; None where the value falls less, or all is undefined."""
        try:
            value, gradient = self._function(point)
            if self._fall(point, value, gradient) < least:
                return None
            return Place(self._box, point, value, gradient, self._function.hessian(point))
        except MathematicsError:
            return None

    def _first_place(self, point: Vector, value: float, gradient: Vector) -> Place:
        """Return what there is at the start, where a Hessian may be missing."""
        try:
            hessian = self._function.hessian(point)
        except MathematicsError:
            # Without curvature the first step is one down the gradient.
            hessian = np.zeros((len(point), len(point)))
        return Place(self._box, point, value, gradient, hessian)

    def _accept(self, there: Place) -> None:
        self._move(there)
        self._reach = np.maximum(self._reach, np.abs(there.point))
        self._polished = np.inf

    def _move(self, place: Place) -> None:
        self._at = place
        self.point = place.point
        self.value = place.value
        self.gradient_norm = place.norm
