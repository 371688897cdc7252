"""L-BFGS, a quasi-Newton method that remembers a few steps instead of a matrix.

How far a step goes along its direction, so that the method converges, follows from the Wolfe
conditions, at the end of the module.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers import stopping
from gradcli.solvers.trust_region import NOTHING, Progress
from gradcli.solvers.vectors import EPSILON, Box, finite_norm

if TYPE_CHECKING:
    from collections.abc import Callable

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
"""Steps in a row without a lower value after which the run ends."""


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
        self._point_changes: list[Vector] = []
        self._gradient_changes: list[Vector] = []
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
        """Return None: the curvature is guessed from steps, and may be that of another point."""

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
        found = self._searched(self._direction(), 1.0) if self._point_changes else None
        if found is None:
            # The memory may mislead; the gradient alone does not.
            self._point_changes, self._gradient_changes = [], []
            # Its slope along itself is its square, which must not be infinite.
            unit = self.gradient_norm if self.gradient_norm > STEEP else 1.0
            found = self._searched(-self._slope / unit, self._first_length() * unit)
            if found is None:
                return self._end()
        length = float(np.max(np.abs(found.point - self.point)))
        self._remember(found)
        self.rate = found.length
        self._settle(found.point, found.value, found.gradient)
        self._reach = max(self._reach, float(np.max(np.abs(self.point))))
        self._steepest = max(self._steepest, self.gradient_norm)
        # Next to nothing is no step, however much lower a value near 0 becomes.
        lower = self.value if length > NOTHING * self._reach else math.inf
        self._progress.observe(lower, self.gradient_norm, 2 * EPSILON)
        return None

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, besides the function."""
        return {
            "point": self.point,
            "value": self.value,
            "gradient": self._gradient,
            "rate": self.rate,
            "moves": list(self._point_changes),
            "bends": list(self._gradient_changes),
            "curvature": self._curvature,
            "progress": self._progress.state(),
            "steepest": self._steepest,
            "reach": self._reach,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state as if the run had never stopped."""
        point, gradient = (np.array(state[key], dtype=float) for key in ("point", "gradient"))
        self._point_changes, self._gradient_changes = (
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
        pairs = list(zip(self._point_changes, self._gradient_changes, strict=True))
        direction = -self._slope
        if not self._open and fixed.any():
            pairs = [(np.where(fixed, 0.0, s), np.where(fixed, 0.0, y)) for s, y in pairs]
            direction[fixed] = 0.0
        curved = [(s, y, sy) for s, y in pairs if (sy := float(s @ y)) > CURVATURE * float(y @ y)]
        weights = []
        for move, bend, product in reversed(curved):
            weights.append(float(move @ direction) / product)
            direction -= weights[-1] * bend
        if curved:
            _, bend, product = curved[-1]
            direction *= product / float(bend @ bend)
        for (move, bend, product), weight in zip(curved, reversed(weights), strict=True):
            direction += (weight - float(bend @ direction) / product) * move
        return direction

    def _searched(self, direction: Vector, first: float) -> LinePoint | None:
        """Return the end of a search along a direction; None where it leads nowhere lower."""
        slope = float(self._gradient @ direction)
        if not -math.inf < slope < 0:
            return None
        start = LinePoint(0.0, self.point, self.value, self._gradient, slope)
        rounding = NOISE * abs(self.value) + 1e-3 * NOISE * self._progress.first
        search = Search(self._function, start, direction, rounding)
        longest = self._longest(direction)
        return (
            wolfe(search, first, longest) if first <= longest else armijo(search, self._box, first)
        )

    def _longest(self, direction: Vector) -> float:
        """Return how far along a direction the box reaches."""
        if self._open:
            return math.inf
        limit = np.where(direction > 0, self._box.upper, self._box.lower)
        nonzero = direction != 0
        lengths = (limit[nonzero] - self.point[nonzero]) / direction[nonzero]
        return float(np.min(lengths, initial=math.inf))

    def _first_length(self) -> float:
        """Return the first length along the gradient: a tenth of the point's own, at most 1."""
        size = finite_norm(self._slope)
        if self._first is not None:
            return self._first / size
        return min(1.0, 0.1 * max(1.0, finite_norm(self.point)) / size)

    def _remember(self, end: LinePoint) -> None:
        move, bend = end.point - self.point, end.gradient - self._gradient
        product, square = float(move @ bend), float(bend @ bend)
        if product > CURVATURE * square:
            self._point_changes = [*self._point_changes, move][-self._memory :]
            self._gradient_changes = [*self._gradient_changes, bend][-self._memory :]
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


# ---------------------------------------------------------------- the line search

FALL = 1e-4
"""The share c1 of the fall along the tangent that a step must make."""
SLOPE = 0.9
"""The share c2 of the first slope that may be left after it."""
TRIALS = 60
"""The most points that one line search evaluates."""
GROWTH = 4.0
"""How much longer a trial is than the one before, while the value falls steeply."""


class LinePoint(NamedTuple):
    """A point on the line, with value and gradient of the function there."""

    length: float
    point: Vector
    value: float
    gradient: Vector
    slope: float
    """The derivative along the line."""


class Search(NamedTuple):
    """A line that is searched for a lower value."""

    function: Callable[[Vector], tuple[float, Vector]]
    start: LinePoint
    """The point at length 0."""
    direction: Vector
    rounding: float = 0.0
    """Values that differ by less are equal."""

    def at(self, length: float) -> LinePoint | None:
        """Return the point at a length; None where the function is undefined."""
        point = self.start.point + length * self.direction
        try:
            value, gradient = self.function(point)
        except MathematicsError:
            return None
        return LinePoint(length, point, value, gradient, float(gradient @ self.direction))

    def is_low(self, value: float, slope: float, fall: float) -> bool:
        """Whether a value is low enough where the tangent at the start falls by `fall`, below 0.

        That is Armijo's condition. Values equal but for rounding will do where the slope, in the
        unit of the fall, has not grown as steep upwards as it was downwards: Hager and Zhang, SIAM
        J. Optim. 16 (2005).
        """
        if value <= self.start.value + FALL * fall:
            return True
        is_level = abs(value - self.start.value) <= self.rounding
        return is_level and slope <= (2 * FALL - 1) * fall

    def ends(self, there: LinePoint) -> bool:
        """Whether little of the slope is left."""
        return abs(there.slope) <= -SLOPE * self.start.slope

    def is_above(self, there: LinePoint, low: LinePoint) -> bool:
        """Whether a point is no better than the best one so far, which it should be below."""
        slope, fall = there.length * there.slope, there.length * self.start.slope
        is_low = self.is_low(there.value, slope, fall)
        return not is_low or there.value > low.value + self.rounding


def wolfe(search: Search, first: float, longest: float = math.inf) -> LinePoint | None:
    """Return a point that meets the strong Wolfe conditions, or nearly; None where none is lower.

    From the length `first` up to `longest`: Nocedal and Wright, "Numerical Optimization" (2006),
    algorithms 3.5 and 3.6. Where the function is undefined the line is taken to go up.
    """
    low = search.start
    length = min(first, longest)
    for _ in range(TRIALS):
        there = search.at(length)
        if there is None or search.is_above(there, low):
            return _between(search, low, there, length)
        if search.ends(there):
            return there
        if there.slope >= 0:
            return _between(search, there, low, low.length)
        low = there
        if length >= longest:
            break
        length = min(GROWTH * length, longest)
    return low


def armijo(search: Search, box: Box, first: float) -> LinePoint | None:
    """Return the first of the lengths 1, 1/2, 1/4, … with a low value on a line bent at limits.

    Lengths are in units of `first`. None where no length does. Bertsekas, "Projected Newton methods
    for optimization problems with simple constraints", 1982.
    """
    start = search.start
    length = 1.0
    for _ in range(TRIALS):
        point = box.clipped(start.point + length * first * search.direction)
        step = point - start.point
        fall = float(start.gradient @ step)
        try:
            value, gradient = search.function(point)
        except MathematicsError:
            length *= 0.1
            continue
        slope = float(gradient @ step)
        if fall < 0 and search.is_low(value, slope, fall):
            return LinePoint(length, point, value, gradient, slope)
        length *= 0.5
    return None


def _between(
    search: Search, low: LinePoint, high: LinePoint | None, end: float
) -> LinePoint | None:
    """Return a point between the best one so far and a length `end` that is too far.

    `high` is the point there, None where the function is undefined.
    """
    for _ in range(TRIALS):
        length = _guess(low, high, end)
        if length in {low.length, end} or abs(end - low.length) <= 1e-12 * low.length:
            break
        there = search.at(length)
        if there is None or search.is_above(there, low):
            high, end = there, length
            continue
        if search.ends(there):
            return there
        if there.slope * (end - low.length) >= 0:
            high, end = low, low.length
        low = there
    return low if low is not search.start else None


def _guess(low: LinePoint, high: LinePoint | None, end: float) -> float:
    """Return the minimum of the cubic through both points, kept off the ends of the interval."""
    width = end - low.length
    if high is None:
        return low.length + 0.1 * width
    first = low.slope + high.slope - 3 * (low.value - high.value) / (low.length - high.length)
    inside = first * first - low.slope * high.slope
    share = 0.5
    if 0 <= inside < math.inf:
        root = math.copysign(math.sqrt(inside), width)
        below = high.slope - low.slope + 2 * root
        if below != 0:
            share = 1 - (high.slope + root - first) / below
    return low.length + min(max(share, 0.1), 0.9) * width
