"""The loop of a trust region, for every model of an objective: newton's and that of lm.

A model proposes the step that makes it lowest within the region. The step is taken where the
objective keeps enough of what the model promised, and the region follows how well both agree (Conn,
Gould and Toint, "Trust-Region Methods", 2000, algorithm 6.1.1). Where no decrease can be
distinguished from rounding, undamped steps polish the point, which is judged then. `Progress`
decides when a run has stalled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from gradcli.records import NamedTuple
from gradcli.solvers import stopping
from gradcli.solvers.solver import Evaluated
from gradcli.solvers.stopping import Ending, Reason
from gradcli.solvers.vectors import LARGEST, TINY, finite_norm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.solvers.solver import Vector

ACCEPTED = 1e-4
"""The share of the promised fall that a step must make."""
POOR, GOOD = 0.25, 0.75
"""Shares of the promised fall up to which the region shrinks, and from which on it grows."""
INSIDE = 0.8
"""A step shorter than this share of the radius was not stopped by it."""
TRIALS = 400
"""Trial steps for one that is accepted; the region shrinks at least by half between two."""

NOTHING = 1e-20
"""A step below this share of the largest coordinate so far is no step, even at 0."""
FAR = 1e15
"""The distance, in units of the start or of 1, beyond which the run diverges."""
DEEP = 1e100
"""A value below minus this times the magnitude at the start diverges to -infinity."""
DEEPEST = 1e300
SHRINKING = 0.9
"""A gradient or step that is not below this share of the smallest so far does not shrink."""


class Model(Evaluated, Protocol):
    """An objective at a point, as far as steps need to know it."""

    @property
    def length(self) -> float:
        """How long the undamped step from the point is: how far the minimum still is."""


AnyModel = TypeVar("AnyModel", bound=Model)


class AtModel(Generic[AnyModel]):
    """A solver that is where its current model was made."""

    rate = 1.0
    _at: AnyModel

    @property
    def point(self) -> Vector:
        """The current point."""
        point: Vector = self._at.point
        return point

    @property
    def value(self) -> float:
        """The objective there."""
        return self._at.value

    @property
    def gradient_norm(self) -> float:
        """The norm of the gradient there, without what a limit of the box stops."""
        return self._at.gradient_norm


class Trial(NamedTuple):
    """The step of a model within the region."""

    point: Vector
    """Where it leads."""
    length: float
    """How long it is in the scaled variables, in which the region is a ball."""
    promised: float
    """How much lower the model is there: above 0, in any unit."""
    slope: float
    """How much lower the tangent is, as a number below 0, in the same unit."""


class TrustRegion(AtModel[AnyModel], ABC):
    """A solver that asks a model for steps; each step is one accepted point.

    The radius follows the rule of MINPACK (Moré, The Levenberg-Marquardt algorithm: implementation
    and theory, 1978).
    """

    _radius: float

    def step(self) -> Reason | None:
        """Move to a lower point, or to one nearer to the minimum, or return why there is none."""
        over = self._given_up()
        if over is not None:
            return over
        if (not self._is_settled() and self._descend()) or self._polish():
            return None
        reason = self._verdict()
        return None if reason.ending is Ending.STALLED and self._goes_on() else reason

    def _descend(self) -> bool:
        """Whether a trial step inside the region, shrunk as often as needed, made it lower."""
        for _ in range(TRIALS):
            trial = self._trial()
            if trial is None:
                return False
            fall, there = self._look(trial)
            self._resize(fall, trial)
            if there is not None:
                self._accept(there)
                return True
        return False

    def _polish(self) -> bool:
        """Whether an undamped step led to a point from which the next one is shorter.

        Close to a minimum the objective changes by less than its rounding and no longer
        distinguishes a better point from a worse one; the gradient, which makes the step, still
        does.
        """
        for there in self._undamped():
            if there.length < SHRINKING * self._at.length:
                self._accept(there)
                return True
        return False

    def _resize(self, fall: float, trial: Trial) -> None:
        """Shrink or grow the region by what came of a step."""
        ratio = fall / trial.promised
        if ratio <= POOR:
            slope = min(trial.slope, 0.0)
            # Where the parabola through the fall is lowest, or a tenth of the way.
            shrink = 0.5 if fall >= 0 else max(0.1, 0.5 * slope / (slope + fall))
            self._radius = shrink * min(trial.length, self._radius)
        elif ratio >= GOOD or trial.length < INSIDE * self._radius:
            self._radius = min(2 * trial.length, 0.1 * LARGEST)

    def _given_up(self) -> Reason | None:
        """Return why no further step is worth its time; None while one is."""
        return None

    @abstractmethod
    def _is_settled(self) -> bool:
        """Whether the objective is too flat here to distinguish a better point from a worse one."""

    @abstractmethod
    def _trial(self) -> Trial | None:
        """Return the step that the region allows; None where the model does not fall."""

    @abstractmethod
    def _look(self, trial: Trial) -> tuple[float, AnyModel | None]:
        """Return how much lower the objective is at the end of a step, -inf where undefined.

        The unit is that of the promise. Beside it is what there is, None where the fall is no
        share `ACCEPTED` of the promise.
        """

    @abstractmethod
    def _accept(self, there: AnyModel) -> None:
        """Go to a point."""

    @abstractmethod
    def _undamped(self) -> Iterator[AnyModel]:
        """Yield the points to which undamped steps lead, best first."""

    @abstractmethod
    def _verdict(self) -> Reason:
        """Return what the point is from which no step leads on."""

    @abstractmethod
    def _goes_on(self) -> bool:
        """Whether there is another way on from a point that is no minimum."""


SECULAR_STEPS = 60
SECULAR_TOLERANCE = 1e-10
"""How exactly the length of a step is the radius, relative to it."""


def multiplier(
    parts: Vector, shifted: Vector, radius: float, tolerance: float = SECULAR_TOLERANCE
) -> float:
    """Return the root t > 0 of 1/|s(t)| = 1/radius, s = parts/(shifted + t), by Newton's method.

    That is how long a step s of a model with the curvatures `shifted` is when each is raised by t.
    The left side is nearly linear in t. `shifted` is sorted and has no negative number.
    """
    bound = finite_norm(parts) / radius
    # |parts|/(shifted + t) is at least |s| with the lowest number, and at most with the highest.
    low, high = max(0.0, bound - float(shifted[-1])), max(0.0, bound - float(shifted[0]))
    guess = max(low, TINY, abs(float(parts[0])) / radius - float(shifted[0]))
    for _ in range(SECULAR_STEPS):
        raised = np.maximum(shifted + guess, TINY)
        step = parts / raised
        length = finite_norm(step)
        if abs(length - radius) <= tolerance * radius or not np.isfinite(length):
            break
        if length > radius:
            low = max(low, guess)
        else:
            high = min(high, guess)
        slope = float(np.sum(step * step / raised))
        following = guess + (length - radius) / radius * length * length / slope
        last, guess = guess, following if low < following < high else 0.5 * (low + high)
        if guess == last:
            break
    return max(guess, TINY)


class Progress:
    """Where a run began, and how long ago value or gradient were clearly lower than ever before.

    `patience` steps in a row that bring next to nothing are the end.
    """

    def __init__(self, point: Vector, value: float, gradient_norm: float, patience: int) -> None:
        self.sizes: Vector = np.maximum(np.abs(point), 1.0)
        """How large the variables were at the start, at least 1."""
        self.first = abs(value)
        """How large the value was."""
        self._lowest = value
        self._smallest = gradient_norm
        self._patience = patience
        self._idle = 0

    def falling(self, point: Vector, value: float) -> Reason | None:
        """Return the reason of a run that is on its way to minus infinity; None while it is not."""
        deep = value < -min(DEEP * max(1.0, self.first), DEEPEST)
        if not deep and np.all(np.abs(point) <= FAR * self.sizes):
            return None
        return stopping.unbounded(value)

    @property
    def is_over(self) -> bool:
        """Whether nothing was brought for too long."""
        return self._idle >= self._patience

    def observe(self, value: float, gradient_norm: float, least: float) -> None:
        """Take note of where a step led.

        Steps must together bring more than the share `least` of the value, unless the gradient
        shrinks.
        """
        fell = self._lowest - value > least * abs(self._lowest)
        if fell or gradient_norm < SHRINKING * self._smallest:
            self._idle = 0
            self._lowest = min(self._lowest, value)
            self._smallest = min(self._smallest, gradient_norm)
        else:
            self._idle += 1

    def state(self) -> list[float]:
        """Return all that the answers to come depend on."""
        return [self._lowest, self._smallest, self._idle, self.first, *self.sizes.tolist()]

    def restore(self, state: list[float]) -> None:
        """Go on from a state."""
        self._lowest, self._smallest, idle, self.first, *sizes = map(float, state)
        self._idle = int(idle)
        self.sizes = np.array(sizes)
