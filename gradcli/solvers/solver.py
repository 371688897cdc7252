"""What every method of minimising is, and the loop that lets one run: record, stop or step."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from gradcli.errors import MathematicsError
from gradcli.records import NamedTuple
from gradcli.solvers import stopping
from gradcli.solvers.observer import Observer
from gradcli.solvers.stopping import Ending, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]


class Evaluated(Protocol):
    """A point at which an objective was evaluated."""

    @property
    def point(self) -> Any:
        """A vector, or for first-order methods a list with the value of each parameter."""

    @property
    def value(self) -> float:
        """The objective at the point."""

    @property
    def gradient_norm(self) -> float:
        """The Euclidean norm of its gradient; within bounds, of the part that can be followed."""


class Solver(Evaluated, Protocol):
    """A method at work: where it stands, and how it goes on.

    What it minimises is given when it is made, and is evaluated at the start then: an error there
    is passed on, for there is no point to return.
    """

    @property
    def name(self) -> str:
        """What the method is called."""

    @property
    def rate(self) -> float:
        """The learning rate of a first-order method, the length of a line search, 1 for others."""

    def suspects(self) -> Mask | None:
        """Return along which variables no curvature is known at the point; None for all."""

    def arrived(self) -> Reason | None:
        """Return why the point is as good as the minimum; None when it is not known to be."""

    def step(self) -> Reason | None:
        """Move to the next point and return None, or stay and return why the run is over."""


@runtime_checkable
class Continuable(Protocol):
    """A solver whose state can be kept, to go on from there bit for bit."""

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on: numbers, texts, vectors and lists of these."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from such a state of a solver that was made alike."""


class Advance(NamedTuple):
    """Some steps that were taken at once."""

    steps: int
    """How many; 0 when the next one must be taken by itself."""
    best: tuple[int, float, Any, float, float] | None
    """The step, from 1, to the lowest value among them, if that is below the lowest so far; the
    value, point, gradient norm and rate there."""


@runtime_checkable
class Advancing(Protocol):
    """A solver that can take many steps at once, the same ones, faster."""

    def advance(self, most: int, remaining: int, lowest: float) -> Advance:
        """Take up to `most` steps, of `remaining` ones; `lowest` is the lowest value so far.

        It ends some steps before one that may have arrived or may not be possible: the last records
        of a run are wanted one by one.
        """


class Function(Protocol):
    """A smooth function of a vector."""

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return value and gradient; raise MathematicsError where either is not finite."""

    def hessian(self, point: Vector) -> Matrix:
        """Return the exact second derivatives; raise MathematicsError where one is not finite."""


class Residuals(Protocol):
    """A vector function of a vector, whose sum of squares is to be as small as possible."""

    count: int
    """How many residuals there are."""

    def values(self, point: Vector) -> Iterator[Vector]:
        """Yield the residuals in blocks; raise MathematicsError where one is not finite."""

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield the residuals r, shape (k,), and their Jacobian dr/dp, shape (k, p), in blocks.

        Blocks are rows that follow each other; both arrays are the caller's to change. Raises
        MathematicsError where a number is not finite.
        """

    def along(self, point: Vector, direction: Vector) -> Iterator[tuple[Vector, Matrix, Matrix]]:
        """Yield residuals, Jacobian and its derivative along a direction, dJ/dt, as `blocks`."""


T = TypeVar("T")


def each(
    residuals: Residuals,
    form: str,
    work: Callable[..., T],
    arguments: tuple[Any, ...],
    *more: Any,
) -> Iterable[T]:
    """Yield what `work` makes of the rows of each piece, of all of them where there are none.

    Residuals whose pieces are computed separately, maybe in other processes, have a method `each`.
    `form` is "values", "blocks" or "along", the method of the residuals that takes the `arguments`
    and yields the rows; `work` takes these and what there is `more`. Its result should be small,
    and it must be a function of a module, for another process knows it by its name. Raises
    MathematicsError where a number is not finite.
    """
    if hasattr(residuals, "each"):
        yield from residuals.each(form, work, arguments, *more)
    else:
        yield work(getattr(residuals, form)(*arguments), *more)


DEFAULT_STEPS = 10_000
LATEST = 3
"""How many of the last records an outcome keeps."""
FIRST_ADVANCE = 100
"""Steps of the first batch that a fast loop takes at once; later batches adapt to MOMENT."""
MOMENT = 0.01
"""Seconds that a batch of steps should take, so that observers are called often enough."""


class Record(NamedTuple):
    """The state before a step is taken; record 0 is the start."""

    step: int
    value: float
    point: Any
    gradient_norm: float
    learning_rate: float


class Outcome(NamedTuple):
    """Where a run ended and why."""

    record: Record
    """The last record, or the best one of a run that did not end well."""
    reason: Reason
    steps: int
    first: float
    """The value at the start."""
    best: Record
    """The record with the lowest value, the first of several."""
    latest: list[Record] = []  # noqa: RUF012 - never changed
    """The last records in their order, but for those passed over by steps taken at once."""


def run(
    solver: Solver,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    allowed: float | None = None,
    observer: Observer | None = None,
    resumed: Mapping[str, Any] | None = None,
) -> Outcome:
    """Return the outcome of letting the solver step until it is done.

    The run also ends after `steps` steps, after `seconds` (of `allowed` ones, which the reason then
    names), on Ctrl-C, and when the objective has no finite value (the solver raises
    MathematicsError then). With no `steps`, 10,000 are the most.
    The `observer` sees the records that it wants as they are made, and others. A run that is
    `resumed` from a state that it was given goes on as if it had never stopped.
    """
    watched = observer or Observer()
    limit = DEFAULT_STEPS if steps is None else steps
    end = None if seconds is None else time.monotonic() + seconds
    last = best = _record(0, solver)
    first = last.value
    if resumed is not None:
        last, best = _restored(solver, resumed)
    latest = deque([last], maxlen=LATEST)
    walk = _Walk(solver)
    try:
        while True:
            watched.step(last)
            over = solver.arrived()
            if over is not None:
                reason = over
                break
            if last.step >= limit:
                reason = stopping.exhausted(limit) if steps is None else stopping.completed(limit)
                break
            if end is not None and seconds is not None and time.monotonic() >= end:
                reason = stopping.out_of_time(last.step, allowed or seconds)
                break
            if watched.stop():
                reason = stopping.interrupted(last.step)
                break
            wanted = watched.following(last.step)
            ahead = min(limit if wanted is None else wanted, limit) - last.step
            over, record, best = walk.on(last, best, ahead, limit - last.step)
            if over is not None:
                reason = over
                break
            last = record
            latest.append(last)
            if watched.wants_state:
                watched.save(last.step, _state(solver, last, best))
    except KeyboardInterrupt:
        reason = stopping.interrupted(last.step)
    planned = reason.ending in {Ending.CONVERGED, Ending.COMPLETED}
    record = last if planned else best
    ending = [each for each in latest if each.step > last.step - LATEST]
    return Outcome(record, reason, last.step, first, best, ending)


class _Walk:
    """Steps one by one, or so many at once that they take a moment, and no longer."""

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        self._advancing = solver if isinstance(solver, Advancing) else None
        self._most = FIRST_ADVANCE

    def on(
        self, last: Record, best: Record, ahead: int, remaining: int
    ) -> tuple[Reason | None, Record, Record]:
        """Return the last and the best record after up to `ahead` steps of `remaining` ones.

        When there is no next step they stay, and the reason comes with them.
        """
        most = min(ahead, self._most, remaining - LATEST)  # the last records are wanted one by one
        if self._advancing is not None and most > 1:
            taken = self._advance(self._advancing, most, remaining, best.value)
            if taken.steps:
                if taken.best is not None:
                    step, value, point, norm, rate = taken.best
                    best = Record(last.step + step, value, point, norm, rate)
                return None, _record(last.step + taken.steps, self._solver), best
        try:
            over = self._solver.step()
        except MathematicsError as error:
            over = stopping.diverged(last.step + 1, error.message, last.value)
        if over is not None:
            return over, last, best
        last = _record(last.step + 1, self._solver)
        return None, last, last if last.value < best.value else best

    def _advance(self, solver: Advancing, most: int, remaining: int, lowest: float) -> Advance:
        start = time.monotonic()
        taken = solver.advance(most, remaining, lowest)
        if taken.steps == self._most:
            spent = time.monotonic() - start
            if spent < MOMENT:
                self._most *= 2
            elif spent > 4 * MOMENT:
                self._most = max(self._most // 2, 1)
        return taken


def _state(solver: Solver, last: Record, best: Record) -> dict[str, Any]:
    """Return all that the rest of a run depends on."""
    state = solver.state() if isinstance(solver, Continuable) else None
    return {"step": last.step, "solver": state, "best": list(best)}


def _restored(solver: Solver, state: Mapping[str, Any]) -> tuple[Record, Record]:
    """Bring a solver to a state, and return the last record and the best one.

    A solver that cannot be restored takes its steps again; it takes few.
    """
    if isinstance(solver, Continuable):
        solver.restore(state["solver"])
    else:
        for _ in range(state["step"]):
            solver.step()
    return _record(state["step"], solver), Record(*state["best"])


def _record(step: int, solver: Solver) -> Record:
    return Record(step, solver.value, solver.point, solver.gradient_norm, solver.rate)
