"""Further runs of a fit whose end is in doubt, and what is said about the one that is kept."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from gradcli.errors import MathematicsError
from gradcli.minimize.attempts import Attempts
from gradcli.solvers import stopping
from gradcli.solvers.multistart import STEPS
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.minimize.doubts import Doubts, Run
    from gradcli.minimize.task import Task
    from gradcli.solvers.run import Outcome
    from gradcli.solvers.solver import Vector

    Start = Callable[[Vector, int], Run]
    """From a point and the most steps to their run."""

EVALUATIONS, MOST_ROWS = 5_000, 4_000_000
"""How often the residuals may be worked out, and of how many rows altogether, to find a fit."""
TIMES = 5
"""The same, in units of what the first run took, where that is more."""
LOWER = 1e-6
"""How much lower, relative to it, the sum of squares of another run must be to take its place."""


class Refit:
    """The lowest of the runs of a fit, whose first one is None where its start has no value.

    `r_squared` is that of the first one, where there is one.
    """

    def __init__(
        self,
        problem: Task,
        first: Run | None,
        r_squared: float | None,
        seed: int,
        doubts: Callable[[Run], Doubts],
    ) -> None:
        self._problem = problem
        self._first = self._best = first
        self._r_squared = r_squared
        self._seed = seed
        self._doubts = doubts
        self._number = 1
        self._agreeing = False
        self._most = 0
        self.starts = 1
        """How many were tried."""

    @property
    def best(self) -> Run | None:
        """The lowest run; None where no start has a value."""
        return self._best

    def look(self, start: Start, is_over: Callable[[], bool]) -> None:
        """Make further runs until one is beyond doubt, and another one agrees with it.

        A run that differs from the first in its linear parameters alone needs no other.
        """
        fit = self._problem.fit
        assert fit is not None  # noqa: S101 - only fits are tried again
        objective, box = self._problem.objective, self._problem.box()
        point = objective.layout.vector(self._problem.start)
        rows = max(1, fit.residuals.count)
        most = max(min(EVALUATIONS, MOST_ROWS // rows), TIMES * objective.evaluations)
        self._most = objective.evaluations + most
        attempts = Attempts(objective, fit, point, box, self._seed, most // 5)
        near = attempts.near()
        if near is not None and self._ends(near, start, is_over, is_near=True):
            return
        for drawn in attempts.drawn():
            if self._ends(drawn, start, is_over):
                return

    def _ends(
        self, point: Vector, start: Start, is_over: Callable[[], bool], *, is_near: bool = False
    ) -> bool:
        """Whether the run from a point is the last that is needed."""
        try:
            run = start(point, STEPS)
        except MathematicsError:
            return False
        self.starts += 1
        if self._best is None or _is_lower(run.outcome, self._best.outcome):
            self._best, self._number, self._agreeing = run, self.starts, is_near
        elif self._best is not self._first and _is_same(run.outcome, self._best.outcome):
            self._agreeing = True
        if is_over() or self._problem.objective.evaluations > self._most:
            return True
        return self._agreeing and not self._doubts(self._best).are_any

    def sentence(self) -> str:
        """Return which start led to the fit."""
        if self._best is self._first or self._best is None:
            others = self.starts - 1
            return f"{others} other start{'s' * (others != 1)} led to no lower end"
        which = f"start {self._number} of {self.starts}"
        if self._first is None:
            return f"the first start has no value; the fit was found from {which}"
        what = f"the value {stopping.short(self._first.outcome.record.value)}"
        if self._r_squared is not None:
            what = f"R² {stopping.short(self._r_squared)}"
        return f"the first end had {what}; a better one was found from {which}"


def _is_lower(one: Outcome, other: Outcome) -> bool:
    """Return whether a fit ended clearly lower than another one, or as low and better."""
    values = one.record.value, other.record.value
    if not all(map(isfinite, values)):
        return isfinite(values[0])
    if values[0] < values[1] * (1 - LOWER):
        return True
    arrived = [run.reason.ending is Ending.CONVERGED for run in (one, other)]
    return values[0] <= values[1] and arrived == [True, False]


def _is_same(one: Outcome, other: Outcome) -> bool:
    """Return whether two fits ended equally low."""
    return abs(one.record.value - other.record.value) <= LOWER * abs(other.record.value)
