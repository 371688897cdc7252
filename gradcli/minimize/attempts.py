"""Where else a fit may start when its first end is in doubt.

Many parameters of a model are linear: once the others are known, one system of equations gives
them (Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate", SIAM J. Numer. Anal. 10, 1973). So starts are drawn for the
others alone, of the sizes that the formula and its data tell, and the best of them are worth a run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.minimize.magnitudes import Magnitudes
from gradcli.solvers.least_squares.triangular import linearised
from gradcli.solvers.multistart import hypercube
from gradcli.solvers.norms import norm, norms

if TYPE_CHECKING:
    from gradcli.minimize.fit import Fit
    from gradcli.minimize.objective import Objective
    from gradcli.solvers.bounds import Box
    from gradcli.solvers.solver import Vector

DRAWN, MOST_DRAWN = 64, 512
"""Starts that are drawn for one parameter that is not linear, and for many."""
WAVES = 400
"""The least that are drawn for the number of waves, which has a minimum beside each other one."""
FEWEST = 16
"""The least that are drawn, even where the rows are many."""
RUNS = 12
"""How many of the drawn starts are worth a run."""
RANK = 1e-10
"""Below this share of the largest singular value linear parameters keep their start."""


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
            self._fit.residual,
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
        for place, shares in enumerate(hypercube(generator, count, len(self._others))):
            point = magnitudes.drawn(shares, self._start, self._others)
            found = self._solved(self._enclosed(point, shares))
            part = place % runs
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
                triangle = linearised(self._fit.residuals, point)
        except MathematicsError:
            return None
        if not self._linear.size:
            return triangle.norm, point
        columns = triangle.factor[:, self._linear]
        lengths = norms(columns)
        lengths[lengths == 0] = 1.0
        change, *_ = np.linalg.lstsq(columns / lengths, -triangle.rotated, rcond=RANK)
        change /= lengths
        rest = triangle.norm**2 - norm(triangle.rotated) ** 2
        after = point.copy()
        after[self._linear] += change
        after = self._box.clipped(after)
        left = norm(triangle.rotated + columns @ (after - point)[self._linear])
        return math.sqrt(max(rest, 0.0) + left**2), after
