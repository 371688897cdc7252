"""Steps without damping, for the digits that a trust region cannot see.

Close to the minimum the objective changes by less than its rounding and no longer tells a better
point from a worse one. The gradient still does: the length of the Gauss–Newton step is the measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers.least_squares.curvature import curvature
from gradcli.solvers.least_squares.levenberg import full_step
from gradcli.solvers.least_squares.triangular import (
    linearised,
    reduced,
    scaling,
    solution,
)
from gradcli.solvers.norms import EPSILON, norm

if TYPE_CHECKING:
    from gradcli.solvers.bounds import Box
    from gradcli.solvers.least_squares.losses import Loss
    from gradcli.solvers.least_squares.triangular import Triangle
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector

TIGHTEST = 1e-15
"""The relative step at which nothing is left to be done."""

MOST_STEPS = 60
PATIENCE = 3
"""Steps in a row after which the next one may be no shorter than the shortest so far."""

CURVED = 1e-11
"""The relative step from which on the curvature of the residuals is taken into account.

Where it is large, Gauss–Newton steps lead away from the minimum.
"""

SLOW = 0.1
"""Steps that shrink by less than this are combined with those before them."""

LONGEST = 10.0
"""A step so many times longer than the point is none of polishing: its parameters are lost."""

MEMORY = 5


class Place(NamedTuple):
    """A point, its triangle, the Gauss–Newton step from there, and how long that is."""

    point: Vector
    triangle: Triangle
    change: Vector
    length: float


def relative(change: Vector, point: Vector, scale: Vector) -> float:
    """Return the largest change of a parameter relative to the parameter.

    A parameter that is 0 but for rounding counts as large as rounding makes it; `scale` are the
    norms of the columns of the Jacobian.
    """
    least = EPSILON * norm(scale * point) / scale
    sizes = np.maximum(np.abs(point), least)
    moved = change != 0
    with np.errstate(over="ignore", divide="ignore"):
        return float(np.max(np.abs(change[moved]) / sizes[moved], initial=0.0))


class Polishing:
    """Gauss–Newton steps from a point as long as each leads to a shorter one.

    Where they shrink slowly, because the residuals are large and curved, they are combined as
    Anderson (1965) does: the combination of the last points whose steps cancel best (Walker and Ni,
    Anderson acceleration for fixed-point iterations, SIAM J. Numer. Anal. 49, 2011).
    """

    def __init__(
        self,
        residuals: Residuals,
        place: tuple[Vector, Triangle],
        box: Box,
        loss: Loss | None,
        scale: Vector,
    ) -> None:
        self.residuals = residuals
        self.box = box
        self.loss = loss
        self.scale = scale
        self.best = self._measured(*place)
        self._trail = [self.best]
        self._taken = 0
        self._curvature: tuple[Mask, Matrix] | None = None

    def step(self) -> bool:
        """Make `best` the next point with a shorter step from it; False when there is none."""
        if self._shorter():
            return True
        if self.best.length <= CURVED or self._curvature is not None:
            return False
        self._curvature = self._curved()
        self._trail = [self.best]
        return self._curvature is not None and self._shorter()

    def _shorter(self) -> bool:
        if self.best.length <= TIGHTEST:
            return False
        for _ in range(PATIENCE):
            if self._taken >= MOST_STEPS:
                break
            self._taken += 1
            place = self._next()
            if place is None:
                break
            self._trail = [*self._trail[-MEMORY:], place]
            if place.length < self.best.length:
                self.best = place
                return True
        return False

    def _curved(self) -> tuple[Mask, Matrix] | None:
        point, triangle = self.best[:2]
        free = self.box.inside(point)
        if not np.any(free):
            return None
        factor = reduced(triangle.factor[:, free])
        found = curvature(self.residuals, point, factor, free, self.loss)
        return None if found is None else (free, found)

    def _next(self) -> Place | None:
        """Return the next point; None where the objective is undefined or clearly larger."""
        last = self._trail[-1]
        change = self._combined() if self._curvature is None else self._newton(*self._curvature)
        if norm(self.scale * change) > LONGEST * norm(self.scale * last.point):
            return None
        point = self.box.reached(last.point, change)
        try:
            triangle = linearised(self.residuals, point, self.loss)
        except MathematicsError:
            return None
        before = self.best.triangle
        noise = EPSILON * float(np.max(before.column_norms * np.abs(self.best.point), initial=0.0))
        if triangle.norm > before.norm * (1 + 1e-8) + 16 * noise:
            return None
        return self._measured(point, triangle)

    def _measured(self, point: Vector, triangle: Triangle) -> Place:
        scale = scaling(triangle.column_norms, np.abs(point))
        change = full_step(triangle, point, self.box, scale)
        return Place(point, triangle, change, relative(change, point, self.scale))

    def _newton(self, free: Mask, second: Matrix) -> Vector:
        """Return Newton's step from the last point, with the curvature of an earlier one."""
        point, triangle = self._trail[-1][:2]
        count = int(np.sum(free))
        rows = reduced(np.column_stack([triangle.factor[:, free], triangle.rotated]))
        change = np.zeros_like(point)
        step = np.asarray(np.linalg.solve(second, rows[:count, count]), dtype=np.float64)
        change[free], _ = solution(rows[:count, :count], step)
        return change

    def _combined(self) -> Vector:
        """Return the step from the last point, combined with those before if they are slow."""
        *before, last = self._trail
        if not before or last.length <= SLOW * before[-1].length:
            return last.change
        changes = np.array([p.change * self.scale for p in self._trail])
        points = np.array([p.point * self.scale for p in self._trail])
        differences = np.diff(changes, axis=0)
        shares, *_ = np.linalg.lstsq(differences.T, changes[-1], rcond=1e-8)
        combined = changes[-1] - shares @ (differences + np.diff(points, axis=0))
        return np.asarray(combined / self.scale)
