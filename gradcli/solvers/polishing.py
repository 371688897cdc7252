"""Steps without damping, for the digits that a trust region cannot see.

Close to the minimum the objective changes by less than its rounding and no longer tells a better
point from a worse one. The gradient still does: the length of the Gauss–Newton step is the measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers.solver import each
from gradcli.solvers.triangle import (
    full_step,
    linearised,
    reduced,
    scaling,
    solution,
    solve_triangular,
)
from gradcli.solvers.vectors import EPSILON, norm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.solvers.losses import Loss
    from gradcli.solvers.solver import Mask, Matrix, Residuals, Vector
    from gradcli.solvers.triangle import Triangle
    from gradcli.solvers.vectors import Box

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


MOST_PARAMETERS = 50
"""Up to so many a pass over the rows for each of them is worth its time."""


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


def half_hessian_times(
    blocks: Iterable[tuple[Vector, Matrix, Matrix]], direction: Vector, loss: Loss | None
) -> Vector:
    """Return how the half gradient Jᵀψ(r) changes along a direction; ψ is r without a loss."""
    total = np.zeros_like(direction)
    for values, jacobian, turned in blocks:
        moved = jacobian @ direction
        if loss is not None:
            values, slopes = loss.influence(values)  # noqa: PLW2901 - what counts of each
            moved = slopes * moved
        total += jacobian.T @ moved + turned.T @ values
    return total
