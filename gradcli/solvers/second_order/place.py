"""All that a second-order method knows about a function at one point."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gradcli.solvers.norms import TINY, finite_norm
from gradcli.solvers.second_order.quadratic import Spectrum, newton_fall, newton_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.solvers.bounds import Box
    from gradcli.solvers.solver import Mask, Matrix, Vector

SMALLEST = 1.5e-154
"""Scales are not below this, so that products of two are not 0; roots are never too large."""
FLAT = 1e-10
"""Curvatures below this share of the largest one are taken for rounding."""
PROBES = (1e-3, 1e-2)
"""How far, for numbers about 1, a last look along the flattest direction goes."""


class Place:
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
        self.norm = finite_norm(followed)
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

    @property
    def promise(self) -> float:
        """How much the value would fall over a full Newton step; inf without curvature."""
        return newton_fall(self.slope, self.spectrum)

    def promises(self, fall: float) -> bool:
        """Whether the promise is above a number; where that is clear, without the spectrum."""
        # With entries up to 1 no eigenvalue is above their number.
        return bool(self.slope @ self.slope > 2 * len(self.slope) * fall) or self.promise > fall

    @property
    def newton_step(self) -> Vector:
        """The step to where the model is stationary."""
        return self._among_all(newton_step(self.slope, self.spectrum))

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
