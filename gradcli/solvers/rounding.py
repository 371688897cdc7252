"""Newton's method on a function with kinks, which are rounded at first, and ever less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.newton import Newton
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.solver import Function, Mask, Vector
    from gradcli.solvers.stopping import Reason
    from gradcli.solvers.vectors import Box

NARROWER = 0.03
"""How wide a kink is rounded after a minimum was found, relative to before."""
WIDEST, NARROWEST = 0.1, 1e-13
"""The first width and the last: wider ones may lead out of the valley of the start."""
CLOSE = 1e-10
"""How much of the value, or of 1, the rounding may change at the end."""
STEPS = 100
"""The most steps for one width, but the last."""


class RoundedNewton:
    """The method on a function from a start, within a box.

    Where a minimum lies on kinks, gradients on its sides tell little of the way along the valley
    that the kinks make. Rounded over a width, the function is smooth; the minimum moves with the
    width to that of the function itself, and each is a good start for the next. At the end the
    gradient of the rounded function is a convex combination of those on all sides: a subgradient.
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
                return self._moved()
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

    def _moved(self) -> Reason | None:
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
