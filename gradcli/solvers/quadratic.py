"""The quadratic model of a function at a point, and its minimum inside a trust region and a box.

The model is g·s + s·H·s/2 for a step s, with a symmetric H that may be indefinite or singular. The
trust region is |D s| <= radius for positive scales D, one for each variable.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gradcli.records import NamedTuple
from gradcli.solvers.trust_region import multiplier
from gradcli.solvers.vectors import EPSILON, TINY, finite_norm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.solvers.solver import Mask, Matrix, Vector
    from gradcli.solvers.vectors import Box


class Spectrum(NamedTuple):
    """A symmetric matrix as its eigenvalues, lowest first, and eigenvectors in columns."""

    values: Vector
    vectors: Matrix

    @classmethod
    def of(cls, matrix: Matrix) -> Spectrum:
        """Return the spectrum; each eigenvector's largest entry is positive."""
        if not matrix.size:
            return cls(np.empty(0), np.empty((0, 0)))
        values, vectors = np.linalg.eigh(matrix)
        places = np.argmax(np.abs(vectors), axis=0)
        signs = np.sign(vectors[places, np.arange(len(values))])
        return cls(values, vectors * signs)

    @property
    def lowest(self) -> float:
        """The lowest eigenvalue, 0 where there is none."""
        return float(self.values[0]) if len(self.values) else 0.0

    @property
    def size(self) -> float:
        """The largest absolute eigenvalue."""
        return float(np.max(np.abs(self.values), initial=0.0))

    @property
    def is_positive(self) -> bool:
        """Whether every eigenvalue is above 0 by more than rounding."""
        return bool(np.all(self.values > len(self.values) * EPSILON * self.size))


def change(gradient: Vector, hessian: Matrix, step: Vector) -> float:
    """Return how much the model changes over a step; below 0 where it falls, or not finite."""
    return float(gradient @ step + 0.5 * (step @ hessian @ step))


def minimum(gradient: Vector, spectrum: Spectrum, radius: float, sign: float = 1.0) -> Vector:
    """Return the minimum of the model over |s| <= radius, to about ten digits.

    Moré and Sorensen, "Computing a trust region step", SIAM J. Sci. Stat. Comput. 4 (1983): s is
    -(H + μI)⁻¹g for the μ >= 0 that makes H + μI positive semidefinite and |s| the radius, or μ = 0
    inside. In the hard case, where no μ makes it that long, the rest is an eigenvector of the
    lowest eigenvalue, taken forwards or, with `sign` -1, backwards.
    """
    unit, curvature, largest = _units(gradient, spectrum, radius)
    values, vectors = spectrum.values * curvature, spectrum.vectors
    parts = vectors.T @ (gradient / largest)
    radius /= unit
    lowest = float(values[0])
    if spectrum.is_positive:
        inside = -parts / values
        if finite_norm(inside) <= radius:
            return np.asarray(unit * (vectors @ inside))
    shifted = values + max(0.0, -lowest)
    hard = _hard_case(parts, shifted, radius)
    if hard is not None:
        step, missing = hard
        step[0] += missing if sign > 0 else -missing
        return np.asarray(unit * (vectors @ step))
    step = -parts / (shifted + multiplier(parts, shifted, radius))
    return np.asarray(unit * (vectors @ step))


def _units(gradient: Vector, spectrum: Spectrum, radius: float) -> tuple[float, float, float]:
    """Return units of the step, the curvature and the gradient, in which no number is above 1.

    They are powers of two, which change no digit, so that norms of the model's numbers do not
    overflow however large its values are. The unit of the curvature is what it is multiplied with.
    """
    reach = min(math.frexp(radius)[1], 1000)
    sizes = [float(np.max(np.abs(gradient), initial=0.0)), spectrum.size]
    exponents = [math.frexp(s)[1] + r for s, r in zip(sizes, (0, reach), strict=True) if s > 0]
    largest = min(max(exponents, default=0), 1000)
    powers = reach, min(reach - largest, 1000), largest
    unit, curvature, steepest = (math.ldexp(1.0, max(power, -1000)) for power in powers)
    return unit, curvature, steepest


def _hard_case(parts: Vector, shifted: Vector, radius: float) -> tuple[Vector, float] | None:
    """Return the step at the lowest μ and how far it is from the boundary; None if it passes it."""
    lowest = shifted <= EPSILON * len(shifted) * max(float(shifted[-1]), TINY)
    if finite_norm(parts[lowest]) > EPSILON * finite_norm(parts):
        return None
    step = np.divide(-parts, shifted, out=np.zeros_like(parts), where=~lowest)
    length = finite_norm(step)
    if length > radius:
        return None
    return step, float(np.sqrt((radius - length) * (radius + length)))


def boxed(
    gradient: Vector,
    hessian: Matrix,
    scales: Vector,
    radius: float,
    room: tuple[Vector, Vector],
    sign: float = 1.0,
) -> Vector:
    """Return a good step inside the trust region and between room[0] <= 0 and room[1] >= 0.

    Variables that leave the room are put on its wall one after the other, and the rest is minimised
    again; a step down the gradient, bent at the walls, is taken instead where it does better, so
    that the model falls at least as far as convergence needs (Lin and Moré, "Newton's method for
    large bound-constrained optimization problems", SIAM J. Optim. 9, 1999).
    """
    lower, upper = room
    movable = lower < upper
    movable &= ~(((lower >= 0) & (gradient > 0)) | ((upper <= 0) & (gradient < 0)))
    step = np.zeros_like(gradient)
    candidates = []
    while movable.any():
        spent = finite_norm((scales * step)[~movable]) / radius
        if spent >= 1 - 5e-13:
            break
        left = radius * math.sqrt((1 - spent) * (1 + spent))
        slope = gradient[movable] + hessian[np.ix_(movable, ~movable)] @ step[~movable]
        own = scales[movable]
        spectrum = Spectrum.of(hessian[np.ix_(movable, movable)] / np.outer(own, own))
        step[movable] = minimum(slope / own, spectrum, left, sign) / own
        bent = np.clip(step, lower, upper)
        candidates.append(bent)
        if np.array_equal(bent, step):
            break
        # How much of the step each variable can make before it meets its wall.
        shares = np.divide(bent, step, out=np.ones_like(step), where=movable & (bent != step))
        first = int(np.argmin(shares))
        step[first] = bent[first]
        movable[first] = False
    else:
        candidates.append(np.clip(step, lower, upper))
    if not np.all(np.isneginf(lower) & np.isposinf(upper)):
        candidates.append(_down(gradient, hessian, scales, radius, room))
    if not candidates:
        return np.zeros_like(gradient)
    return min(candidates, key=lambda s: change(gradient, hessian, s))


def _down(
    gradient: Vector, hessian: Matrix, scales: Vector, radius: float, room: tuple[Vector, Vector]
) -> Vector:
    """Return the best of some steps down the gradient, bent at the walls."""
    slope = gradient / scales
    length = finite_norm(slope)
    best = np.zeros_like(gradient)
    if length == 0:
        return best
    direction = -(slope / length) / scales
    lowest = 0.0
    for halvings in range(30):
        step = np.clip(direction * (radius * 0.5**halvings), *room)
        fall = change(gradient, hessian, step)
        if fall < lowest:
            best, lowest = step, fall
        elif lowest < 0:
            break
    return best


SMALLEST = 1.5e-154
"""Scales are not below this, so that products of two are not 0; roots are never too large."""
FLAT = 1e-10
"""Eigenvalues below this share of the largest one count as 0: rounding."""
PROBES = (1e-3, 1e-2)
"""How far, for numbers about 1, a last look along the flattest direction goes."""


class QuadraticModel:
    """A point of a box with value, gradient and Hessian, and the quadratic model they make.

    `scales` are the roots of the largest entry in each row of the Hessian: in variables multiplied
    by them no entry is above 1, so that curvature is told from rounding however differently the
    variables are scaled. `free` are the variables that no limit stops on the way down.
    """

    def __init__(
        self, box: Box, point: Vector, value: float, gradient: Vector, hessian: Matrix
    ) -> None:
        self.box = box
        self.point = point
        self.value = value
        self.gradient = gradient
        self.hessian = hessian
        followed = box.free_gradient(point, gradient)
        self.gradient_norm = finite_norm(followed)
        self.free: Mask = (followed == gradient) & (box.lower < box.upper)
        self.scales = _scales(hessian)
        self.slope: Vector = (gradient / self.scales)[self.free]

    @cached_property
    def spectrum(self) -> Spectrum:
        """The eigenvalues of the Hessian, scaled, among the free variables."""
        scales = self.scales[self.free]
        among = self.hessian[np.ix_(self.free, self.free)]
        return Spectrum.of(among / scales / scales[:, None])

    @property
    def is_convex(self) -> bool:
        """Whether no curvature is negative by more than rounding."""
        return self.spectrum.lowest >= -FLAT * self.spectrum.size

    @cached_property
    def _parts(self) -> tuple[Vector, Mask]:
        """The gradient along the eigenvectors, and which of these have more than no curvature."""
        values, vectors = self.spectrum
        curved = np.abs(values) > max(TINY, EPSILON * self.spectrum.size)
        return vectors.T @ self.slope, curved

    @property
    def promise(self) -> float:
        """How much the value would fall over a full Newton step; inf without curvature."""
        parts, curved = self._parts
        if finite_norm(parts[~curved]) > 1e-3 * finite_norm(parts):
            return float("inf")
        return float(0.5 * np.sum(parts[curved] ** 2 / np.abs(self.spectrum.values[curved])))

    def promises(self, fall: float) -> bool:
        """Whether the promise is above a number; where that is clear, without the spectrum."""
        # With entries up to 1 no eigenvalue is above their number.
        return bool(self.slope @ self.slope > 2 * len(self.slope) * fall) or self.promise > fall

    @cached_property
    def newton_step(self) -> Vector:
        """The step to where the model is stationary, with |λ| in place of a negative λ.

        Directions in which the curvature is 0 up to rounding are left out.
        """
        (parts, curved), (values, vectors) = self._parts, self.spectrum
        steps = np.divide(parts, np.abs(values), out=np.zeros_like(parts), where=curved)
        return self._among_all(-(vectors @ steps))

    @property
    def length(self) -> float:
        """The length of that step."""
        return finite_norm(self.newton_step)

    @property
    def relative_step(self) -> float:
        """The largest share of a variable that the Newton step would change."""
        sizes = np.maximum(np.abs(self.point), TINY)
        return float(np.max(np.abs(self.newton_step) / sizes, initial=0.0))

    def flat_steps(self) -> Iterator[Vector]:
        """Yield short steps along the lowest curvature and along all that are nearly 0."""
        spectrum = self.spectrum
        flat = spectrum.values <= 1e-6 * spectrum.size
        flat[:1] = True
        for direction in spectrum.vectors.T[flat]:
            along = self._among_all(direction)
            along /= np.max(np.abs(along) / np.maximum(np.abs(self.point), 1.0))
            for length in PROBES:
                yield length * along
                yield -length * along

    def _among_all(self, scaled: Vector) -> Vector:
        """Return a step of the free variables, in scaled ones, as a step of all variables."""
        step = np.zeros(len(self.point))
        step[self.free] = scaled
        return np.asarray(step / self.scales)


def _scales(hessian: Matrix) -> Vector:
    rows = np.sqrt(np.max(np.abs(hessian), axis=0, initial=0.0))
    largest = float(np.max(rows, initial=0.0))
    if largest == 0:
        return np.ones(len(rows))
    return np.asarray(np.maximum(rows, max(1e-8 * largest, SMALLEST)))
