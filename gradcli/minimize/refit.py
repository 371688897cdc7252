"""Further runs of a fit whose end is in doubt: from where, and what is said about the one kept.

Many parameters of a model are linear: once the others are known, one system of equations gives
them (Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate", SIAM J. Numer. Anal. 10, 1973). So starts are drawn for the
others alone, of the sizes that follow from the formula and its data, and a run is made from the
best of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.minimize.magnitudes import Magnitudes
from gradcli.solvers import stopping
from gradcli.solvers.multistart import STEPS, hypercube
from gradcli.solvers.qr import linearised
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import norm, norms

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.minimize.diagnostics import Diagnostics, Run
    from gradcli.minimize.fit import Fit
    from gradcli.minimize.objective import Objective
    from gradcli.minimize.task import Task
    from gradcli.solvers.solver import Outcome, Vector
    from gradcli.solvers.vectors import Box

    Start = Callable[[Vector, int], Run]
    """From a point and the most steps to their run."""

DRAWN, MOST_DRAWN = 64, 512
"""Starts that are drawn for one parameter that is not linear, and for many."""
WAVES = 400
"""The least that are drawn for the number of waves, which has a minimum beside each other one."""
FEWEST = 16
"""The least that are drawn, even where the rows are many."""
RUNS = 12
"""The most drawn starts from which a run is made."""
RANK = 1e-10
"""Below this share of the largest singular value linear parameters keep their start."""
EVALUATIONS, MOST_ROWS = 5_000, 4_000_000
"""How often the residuals may be worked out, and of how many rows altogether, to find a fit."""
TIMES = 5
"""The same limit as a multiple of the evaluations of the first run, where that is more."""
LOWER = 1e-6
"""How much lower, relative to it, the sum of squares of another run must be to take its place."""


class Attempts:
    """The further starts of a fit from a given one, those most like it first.

    All parameters are single numbers. The same `seed` draws the same starts. The residuals may be
    worked out about `most` times to choose them.
    """

    def __init__(
        self, objective: Objective, fit: Fit, start: Vector, box: Box, seed: int, most: int
    ) -> None:
        self._objective = objective
        self._fit = fit
        self._box = box
        self._start = box.clipped(start)
        self._seed = seed
        self._most = max(FEWEST, most)
        linear = fit.residuals.linear()
        movable = box.lower < box.upper
        self._linear = np.flatnonzero(linear & movable)
        self._others = np.flatnonzero(~linear & movable).tolist()

    def near(self) -> Vector | None:
        """Return the given start with other linear parameters; None where that is no other one."""
        solved = self._solved(self._start)
        if solved is None or np.array_equal(solved[1], self._start):
            return None
        return solved[1]

    def drawn(self, runs: int = RUNS) -> list[Vector]:
        """Return the best of each of `runs` parts of the draws, with the lowest residuals first."""
        if not self._others:
            return []
        magnitudes = Magnitudes(
            self._objective.graph,
            self._fit.squares.residual,
            self._objective.nodes,
            self._objective.in_memory(),
            self._fit.response(),
        )
        count = min(DRAWN * 2 ** (len(self._others) - 1), MOST_DRAWN)
        if magnitudes.has_waves:
            count = max(count, WAVES)
        count = max(min(count, self._most), runs)
        generator = np.random.default_rng(self._seed)
        best: list[tuple[float, Vector]] = [(math.inf, self._start)] * runs
        for index, shares in enumerate(hypercube(generator, count, len(self._others))):
            point = magnitudes.drawn(shares, self._start, self._others)
            found = self._solved(self._enclosed(point, shares))
            part = index % runs
            if found is not None and found[0] < best[part][0]:
                best[part] = found
        best.sort(key=lambda pair: pair[0])
        return [start for size, start in best if math.isfinite(size)]

    def _enclosed(self, point: Vector, shares: Vector) -> Vector:
        """Return the point with what has two limits drawn between them."""
        for number, share in zip(self._others, shares.tolist(), strict=True):
            low, high = self._box.lower[number], self._box.upper[number]
            if math.isfinite(low) and math.isfinite(high):
                point[number] = (1 - share) * low + share * high
        return point

    def _solved(self, point: Vector) -> tuple[float, Vector] | None:
        """Return the norm of the residuals and the point with the best linear parameters.

        None where the residuals have no value.
        """
        point = self._box.clipped(point)
        try:
            with np.errstate(all="ignore"):
                factors = linearised(self._fit.residuals, point)
        except MathematicsError:
            return None
        if not self._linear.size:
            return factors.norm, point
        columns = factors.factor[:, self._linear]
        lengths = norms(columns)
        lengths[lengths == 0] = 1.0
        change, *_ = np.linalg.lstsq(columns / lengths, -factors.rotated, rcond=RANK)
        change /= lengths
        rest = factors.norm**2 - norm(factors.rotated) ** 2
        after = point.copy()
        after[self._linear] += change
        after = self._box.clipped(after)
        left = norm(factors.rotated + columns @ (after - point)[self._linear])
        return math.sqrt(max(rest, 0.0) + left**2), after


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
        diagnose: Callable[[Run], Diagnostics],
    ) -> None:
        self._problem = problem
        self._first = self._best = first
        self._r_squared = r_squared
        self._seed = seed
        self._diagnose = diagnose
        self._number = 1
        self._agreeing = False
        self._most = 0
        self.starts = 1
        """How many starts were tried."""

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
        return self._agreeing and not self._diagnose(self._best).are_any

    def sentence(self) -> str:
        """Return which start led to the fit."""
        if self._best is self._first or self._best is None:
            others = self.starts - 1
            return f"{stopping.counted(others, 'other start')} led to no lower end"
        which = f"start {self._number} of {self.starts}"
        if self._first is None:
            return f"the first start has no value; the fit was found from {which}"
        quality = f"the value {stopping.short(self._first.outcome.record.value)}"
        if self._r_squared is not None:
            quality = f"R² {stopping.short(self._r_squared)}"
        return f"the first end had {quality}; a better one was found from {which}"


def _is_lower(one: Outcome, other: Outcome) -> bool:
    """Return whether a fit ended clearly lower than another one, or as low and better."""
    values = one.record.value, other.record.value
    if not all(map(math.isfinite, values)):
        return math.isfinite(values[0])
    if values[0] < values[1] * (1 - LOWER):
        return True
    arrived = [run.reason.ending is Ending.CONVERGED for run in (one, other)]
    return values[0] <= values[1] and arrived == [True, False]


def _is_same(one: Outcome, other: Outcome) -> bool:
    """Return whether two fits ended equally low."""
    return abs(one.record.value - other.record.value) <= LOWER * abs(other.record.value)
