"""L-BFGS: a quasi-Newton method that remembers a few steps instead of a matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.solvers import stopping
from gradcli.solvers.first_order.line_search import Place, Search, armijo, looking, wolfe
from gradcli.solvers.trust_region import NOTHING, Progress
from gradcli.solvers.vectors import EPSILON, Box, finite_norm

if TYPE_CHECKING:
    from gradcli.solvers.solver import Function, Mask, Vector
    from gradcli.solvers.stopping import Reason

MEMORY = 10
CURVATURE = EPSILON
"""Pairs with s·y at most this share of y·y are forgotten, as in Byrd, Lu, Nocedal and Zhu, 1995."""
NOISE = 1e-12
"""Values that differ by less than this share of themselves are compared by their slopes."""
STEEP = 1e150
"""A gradient norm whose square may be too large for a double."""
IDLE = 10
"""So many steps in a row that make nothing lower are the end."""


class LBFGS:
    """Steps along -H·g, where H stands for the inverse Hessian and is made of the last steps.

    Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35 (1980), with line
    searches that meet the strong Wolfe conditions. In a box, variables at a limit that the gradient
    pushes outwards stand still for a step, and the others are searched along a path bent at the
    limits (Bertsekas, "Projected Newton methods", SIAM J. Control Optim. 20, 1982). Stops when no
    entry of the gradient is above `tolerance`, or where rounding hides every fall. Time and memory
    of a step are a few dozen vectors. `first` is how long the first trial step is. Raises
    MathematicsError where the function has no value or gradient at the start.
    """

    name = "lbfgs"

    def __init__(
        self,
        function: Function,
        start: Vector,
        *,
        box: Box | None = None,
        tolerance: float = stopping.TOLERANCE,
        memory: int = MEMORY,
        first: float | None = None,
    ) -> None:
        self._function = function
        self._box = Box.unbounded(len(start)) if box is None else box
        self._open = self._box.is_unbounded
        self._tolerance = tolerance
        self._memory = memory
        self._first = first
        self._moves: list[Vector] = []
        self._bends: list[Vector] = []
        self.rate = 0.0
        point = self._box.clipped(np.array(start, dtype=float))
        value, gradient = function(point)
        self._settle(point, value, gradient)
        self._curvature = 1.0
        self._progress = Progress(point, value, self.gradient_norm, IDLE)
        self._steepest = self.gradient_norm
        self._reach = max(1.0, float(np.max(np.abs(point), initial=0.0)))

    # ------------------------------------------------------------ the solver

    def suspects(self) -> None:
        """Return None: the curvature is guessed from steps, and may be that of another place."""

    def arrived(self) -> Reason | None:
        """Return why the point is as good as the minimum; None when it is not known to be."""
        largest = float(np.max(np.abs(self._slope), initial=0.0))
        if largest <= self._tolerance:
            return stopping.converged(largest, self._tolerance)
        return None

    @np.errstate(all="ignore")  # what overflows is refused as not finite
    def step(self) -> Reason | None:
        """Move along a quasi-Newton direction, or return why there is no way down."""
        falling = self._progress.falling(self.point, self.value)
        if falling is not None:
            return falling
        if self._progress.is_over:
            return self._end()
        found = self._searched(self._direction(), 1.0) if self._moves else None
        if found is None:
            # The memory may mislead; the gradient alone does not.
            self._moves, self._bends = [], []
            # Its slope along itself is its square, which must not be infinite.
            unit = self.gradient_norm if self.gradient_norm > STEEP else 1.0
            found = self._searched(-self._slope / unit, self._first_length() * unit)
            if found is None:
                return self._end()
        moved = float(np.max(np.abs(found.point - self.point)))
        self._remember(found)
        self.rate = found.length
        self._settle(found.point, found.value, found.gradient)
        self._reach = max(self._reach, float(np.max(np.abs(self.point))))
        self._steepest = max(self._steepest, self.gradient_norm)
        # Next to nothing is no step, however much lower a value near 0 becomes.
        lower = self.value if moved > NOTHING * self._reach else math.inf
        self._progress.observe(lower, self.gradient_norm, 2 * EPSILON)
        return None

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, besides the function."""
        return {
            "point": self.point,
            "value": self.value,
            "gradient": self._gradient,
            "rate": self.rate,
            "moves": list(self._moves),
            "bends": list(self._bends),
            "curvature": self._curvature,
            "progress": self._progress.state(),
            "steepest": self._steepest,
            "reach": self._reach,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state as if the run had never stopped."""
        point, gradient = (np.array(state[key], dtype=float) for key in ("point", "gradient"))
        self._moves, self._bends = (
            [np.array(vector, dtype=float) for vector in state[key]] for key in ("moves", "bends")
        )
        self.rate = float(state["rate"])
        self._curvature = float(state["curvature"])
        self._progress.restore(state["progress"])
        self._steepest = float(state["steepest"])
        self._reach = float(state["reach"])
        self._settle(point, float(state["value"]), gradient)

    # ------------------------------------------------------------ a step

    def _direction(self) -> Vector:
        """Return -H·g; variables that it would push out of the box stand still."""
        fixed = self._fixed
        direction = self._product(fixed)
        if not self._open:
            for _ in range(3):
                out = ((self.point <= self._box.lower) & (direction < 0)) | (
                    (self.point >= self._box.upper) & (direction > 0)
                )
                if not out.any():
                    break
                fixed = fixed | out
                direction = self._product(fixed)
        return direction

    def _product(self, fixed: Mask) -> Vector:
        """Return -H·g by two loops over the remembered steps, among the variables that may move."""
        pairs = list(zip(self._moves, self._bends, strict=True))
        direction = -self._slope
        if not self._open and fixed.any():
            pairs = [(np.where(fixed, 0.0, s), np.where(fixed, 0.0, y)) for s, y in pairs]
            direction[fixed] = 0.0
        kept = [(s, y, sy) for s, y in pairs if (sy := float(s @ y)) > CURVATURE * float(y @ y)]
        weights = []
        for move, bend, product in reversed(kept):
            weights.append(float(move @ direction) / product)
            direction -= weights[-1] * bend
        if kept:
            _, bend, product = kept[-1]
            direction *= product / float(bend @ bend)
        for (move, bend, product), weight in zip(kept, reversed(weights), strict=True):
            direction += (weight - float(bend @ direction) / product) * move
        return direction

    def _searched(self, direction: Vector, first: float) -> Place | None:
        """Return the end of a search along a direction; None where it leads nowhere lower."""
        slope = float(self._gradient @ direction)
        if not -math.inf < slope < 0:
            return None
        start = Place(0.0, self.point, self.value, self._gradient, slope)
        rounding = NOISE * abs(self.value) + 1e-3 * NOISE * self._progress.first
        longest = self._longest(direction)
        if first <= longest:
            look = looking(self._function, self.point, direction)
            return wolfe(Search(look, start, rounding), first, longest)
        return armijo(
            self._function,
            lambda length: self._box.clipped(self.point + length * first * direction),
            start,
            rounding,
        )

    def _longest(self, direction: Vector) -> float:
        """Return how far along a direction the box reaches."""
        if self._open:
            return math.inf
        limit = np.where(direction > 0, self._box.upper, self._box.lower)
        moving = direction != 0
        lengths = (limit[moving] - self.point[moving]) / direction[moving]
        return float(np.min(lengths, initial=math.inf))

    def _first_length(self) -> float:
        """Return the first length along the gradient: a tenth of the point's own, at most 1."""
        size = finite_norm(self._slope)
        if self._first is not None:
            return self._first / size
        return min(1.0, 0.1 * max(1.0, finite_norm(self.point)) / size)

    def _remember(self, found: Place) -> None:
        move, bend = found.point - self.point, found.gradient - self._gradient
        product, square = float(move @ bend), float(bend @ bend)
        if product > CURVATURE * square:
            self._moves = [*self._moves, move][-self._memory :]
            self._bends = [*self._bends, bend][-self._memory :]
            self._curvature = square / product

    def _settle(self, point: Vector, value: float, gradient: Vector) -> None:
        self.point = point
        self.value = value
        self._gradient = gradient
        self._slope = gradient if self._open else self._box.free_gradient(point, gradient)
        self._fixed = self._slope != gradient
        self.gradient_norm = finite_norm(self._slope)

    def _end(self) -> Reason:
        """Return why no way leads down."""
        promise = self.gradient_norm * (self.gradient_norm / self._curvature)
        smooth = self.gradient_norm <= 1e-3 * self._steepest  # at a kink it does not become small
        if smooth and (promise <= 1e-10 * abs(self.value) or self._progress.is_over):
            return stopping.level(self.gradient_norm)
        why = "no lower value was found along the gradient, as at a kink or a jump"
        return stopping.stuck(why, self.gradient_norm)
