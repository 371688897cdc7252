"""First-order methods at work: blocks of parameters that follow a rule, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.first_order.fused import ArrayUpdate, FusedLoop
from gradcli.solvers.first_order.methods import NUMBERS, array_functions
from gradcli.solvers.solver import Advance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.programs.engines import Formula
    from gradcli.solvers.first_order.methods import Functions, Memory, Method
    from gradcli.solvers.first_order.schedules import Schedule
    from gradcli.solvers.stopping import Reason

SINGLE_STEPS = 100
"""Steps that are taken one by one before many at once, so that short runs compile nothing."""

_FIRST, _SECOND = itemgetter(0), itemgetter(1)

Bounds = Sequence["tuple[Any, Any] | None"]
"""The least and the greatest value of each block; None for one that may have any."""


class Descent:
    """The Solver that follows a first-order rule, with a learning rate that may have a schedule.

    The point is a list of blocks, one for each parameter: floats, or arrays of doubles. `function`
    returns the value and the list of gradients, of the same kinds, at such a point, and raises
    MathematicsError where one of these is not finite. Arrays that come and go are not changed
    afterwards, on either side.

    `settings` are all settings of the method, by default those of its table, and `rate` is its own
    without one. `bounds` has (low, high), or None, for each block: points outside go to the nearest
    one inside. The point has arrived when the norm of the gradient is at most `tolerance`; with a
    tolerance of 0 it never does, so that runs of a given length have every step. With `formula`,
    the function of numbers as a program, many steps can be taken at once. `engine` says how arrays
    are updated: "python" by NumPy, "native" by machine code, "auto" by what is faster.
    """

    def __init__(
        self,
        function: Callable[[list[Any]], tuple[float, list[Any]]],
        start: Sequence[Any],
        method: Method,
        settings: Mapping[str, Any] | None = None,
        *,
        rate: float | None = None,
        schedule: Schedule | None = None,
        tolerance: float = stopping.TOLERANCE,
        bounds: Bounds | None = None,
        formula: Formula | None = None,
        engine: str = "auto",
    ) -> None:
        self.name = method.name
        self.tolerance = tolerance
        self.steps = 0
        self._function = function
        self._rule = method.rule(**settings or {})
        self.base = method.rate if rate is None else rate
        """The learning rate before any schedule; it may be set between two steps."""
        self._schedule = schedule
        self._bounds = bounds
        self._has_arrays = not all(isinstance(block, int | float) for block in start)
        arrays = array_functions() if self._has_arrays else NUMBERS
        self._kinds = [NUMBERS if isinstance(block, int | float) else arrays for block in start]
        fused = ArrayUpdate(self._rule, engine)
        self._updates = [self._rule.update if of is NUMBERS else fused for of in self._kinds]
        self._memory = [self._rule.memory] * len(start)
        self.point = [_block(block) for block in start]
        if bounds is not None:
            self.point = self._projected(self.point, bounds)
        self.value, self._gradient = function(self.point)
        self._known_norm: float | None = None
        self._fused: FusedLoop | None = None
        if formula is not None and (schedule is None or schedule.is_fixed):
            limits = [None] * len(start) if bounds is None else bounds
            self._fused = FusedLoop(formula, self._rule, limits, tolerance)
        self.rate = self.base if schedule is None else self._scheduled(schedule)

    @property
    def gradient_norm(self) -> float:
        """The Euclidean norm of the part of the gradient that the bounds let the point follow."""
        if self._known_norm is None:
            self._known_norm = self.norm_of(self.point, self._gradient)
        return self._known_norm

    def suspects(self) -> None:
        """Return None: gradients alone do not distinguish a minimum from a plateau."""

    def arrived(self) -> Reason | None:
        """Return that the gradient is small enough; never with a tolerance of 0."""
        if self.gradient_norm <= self.tolerance > 0:
            return stopping.converged(self.gradient_norm, self.tolerance)
        return None

    def step(self) -> None:
        """Move to the next point.

        Raises MathematicsError, and stays, when a parameter, the value or the gradient is no longer
        finite.
        """
        rate = self.base if self._schedule is None else self._scheduled(self._schedule)
        point, memory = self._next_point(rate)
        value, gradient = self._function(point)
        if value - value != 0:
            raise MathematicsError(f"the objective became {_fault(value)}")
        self._known_norm = None
        self.point, self.value, self._gradient, self._memory = point, value, gradient, memory
        self.rate = rate
        self.steps += 1
        if self._schedule is not None:
            self._schedule.observe(value)

    def advance(self, most: int, remaining: int, lowest: float) -> Advance:
        """Take up to `most` steps at once; see `Advancing`."""
        fused = self._fused
        if fused is None or (self.steps < SINGLE_STEPS and not fused.is_made):
            return Advance(0, None)
        state = (self.value, self.point, self._gradient, self._memory)
        order = fused.order(self.steps, state, self._fixed_rates(most), most, lowest)
        found = fused.take(order, remaining)
        if not found.steps:
            return Advance(0, None)
        self.value, self.point, self._gradient, self._memory = fused.unpacked(found.state)
        self._known_norm = None
        self.rate = order.rate(found.steps)
        self.steps += found.steps
        best = None
        if found.best:
            value, point, gradient, _ = fused.unpacked(found.best_state)
            norm = self.norm_of(point, gradient)
            best = (found.best, value, point, norm, order.rate(found.best))
        return Advance(found.steps, best)

    def _fixed_rates(self, count: int) -> float | list[float]:
        """Return the rate of all the next steps, or of each as far as it is finite."""
        schedule = self._schedule
        if schedule is None:
            return float(self.base)
        rates: list[float] = []
        with suppress(OverflowError):
            steps = range(self.steps, self.steps + count)
            rates.extend(schedule.rate(step, self.base) for step in steps)
        return rates

    def follow(self, gradient: list[Any]) -> None:
        """Move along a gradient that was found elsewhere, such as that of a few rows of the data.

        The value stays that of the start. Raises MathematicsError, and stays, when a parameter is
        no longer finite.
        """
        self._gradient, self._known_norm = gradient, None
        self.point, self._memory = self._next_point(self.base)
        self.rate = self.base
        self.steps += 1

    def state(self) -> dict[str, Any]:
        """Return all that the steps to come depend on, besides how this was made.

        The values are numbers, dictionaries of numbers, and lists of blocks; `memory` is a list of
        such lists, one for each block. The arrays are not to be changed.
        """
        return {
            "steps": self.steps,
            "point": list(self.point),
            "value": self.value,
            "gradient": list(self._gradient),
            "rate": self.rate,
            "memory": [list(memory) for memory in self._memory],
            "schedule": {} if self._schedule is None else self._schedule.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a solver that was made alike, as if it had never stopped."""
        self.steps = state["steps"]
        self.point = list(state["point"])
        self.value = state["value"]
        self._gradient = list(state["gradient"])
        self.rate = state["rate"]
        self._memory = [tuple(memory) for memory in state["memory"]]
        self._known_norm = None
        if self._schedule is not None:
            self._schedule.restore(state["schedule"])

    def _scheduled(self, schedule: Schedule) -> float:
        """Return the learning rate of the next step."""
        try:
            return schedule.rate(self.steps, self.base)
        except OverflowError:
            raise MathematicsError("the learning rate became infinite") from None

    def _next_point(self, rate: float) -> tuple[list[Any], list[Memory]]:
        """Return the next point and memory. Raises MathematicsError when a step is not finite."""
        try:
            now = self._rule.coefficients(self.steps + 1, rate, NUMBERS)
            blocks = (self.point, self._gradient, self._memory, repeat(now), self._kinds)
            if self._has_arrays:
                import numpy as np

                with np.errstate(all="ignore"):  # what is not finite is found
                    pairs = zip(self._updates, zip(*blocks, strict=False), strict=True)
                    updated = [update(*block) for update, block in pairs]
            else:
                updated = [*map(self._rule.update, *blocks)]
        except OverflowError:
            raise MathematicsError("a parameter became infinite") from None
        except ZeroDivisionError:  # 0/0, of a gradient that is 0 and an eps of 0
            raise MathematicsError("a parameter became undefined") from None
        point = [*map(_FIRST, updated)]
        numbers = [x for x in point if isinstance(x, float)] if self._has_arrays else point
        if not all(map(math.isfinite, numbers)):
            lost = next(x for x in numbers if not math.isfinite(x))
            raise MathematicsError(f"a parameter became {_fault(lost)}")
        if self._bounds is not None:
            point = self._projected(point, self._bounds)
        return point, [*map(_SECOND, updated)]

    def _projected(self, point: list[Any], bounds: Bounds) -> list[Any]:
        """Return the nearest point within the bounds."""
        return [
            p if limits is None else of.clip(p, *limits)
            for p, limits, of in zip(point, bounds, self._kinds, strict=True)
        ]

    def norm_of(self, point: list[Any], gradient: list[Any]) -> float:
        """Return the norm of the part of the gradient that the bounds let the point follow."""
        if self._bounds is not None:
            parts = zip(point, gradient, self._bounds, self._kinds, strict=True)
            gradient = [
                g if limits is None else _free(p, g, *limits, of) for p, g, limits, of in parts
            ]
        if self._has_arrays:
            from gradcli.solvers.vectors import norm

            gradient = [g if isinstance(g, float) else norm(g) for g in gradient]
        return math.hypot(*gradient)


def _block(start: Any) -> Any:
    """Return a block of one's own, a float or an array of doubles."""
    return float(start) if isinstance(start, int | float) else start.astype(float)


def _free(p: Any, g: Any, low: Any, high: Any, of: Functions) -> Any:
    """Return the gradient with 0 where a limit stops the way down."""
    return of.where(((p <= low) & (g > 0)) | ((p >= high) & (g < 0)), 0.0, g)


def _fault(value: float) -> str:
    return "infinite" if math.isinf(value) else "undefined"
