"""The loop: record, stop or step."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import MathematicsError
from gradcli.optimize import stopping
from gradcli.optimize.solver import Continuable
from gradcli.optimize.stopping import Ending, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.optimize.solver import Solver

DEFAULT_STEPS = 10_000


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


def run(
    solver: Solver,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    allowed: float | None = None,
    observe: Callable[[Record], None] = lambda _: None,
    keep: Callable[[int, dict[str, Any]], None] | None = None,
    resumed: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Return the outcome of letting the solver step until it is done.

    The run also ends after `steps` steps, after `seconds` (of `allowed` ones, which the reason then
    names), on Ctrl-C, and when the objective has no
    finite value (the solver raises MathematicsError then). With no `steps`, 10,000 are the most.
    `observe` sees every record as it is made. `keep` is given the state after each step, and a run
    that is `resumed` from such a state goes on as if it had never stopped. Where `stop` says so,
    the run is interrupted before its next step.
    """
    limit = DEFAULT_STEPS if steps is None else steps
    end = None if seconds is None else time.monotonic() + seconds
    last = best = _record(0, solver)
    if resumed is not None:
        last, best = _restored(solver, resumed)
    try:
        while True:
            observe(last)
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
            if stop():
                reason = stopping.interrupted(last.step)
                break
            try:
                over = solver.step()
            except MathematicsError as error:
                reason = stopping.diverged(last.step + 1, error.message, last.value)
                break
            if over is not None:
                reason = over
                break
            last = _record(last.step + 1, solver)
            if last.value < best.value:
                best = last
            if keep is not None:
                keep(last.step, _state(solver, last, best))
    except KeyboardInterrupt:
        reason = stopping.interrupted(last.step)
    planned = reason.ending in {Ending.CONVERGED, Ending.COMPLETED}
    return Outcome(last if planned else best, reason, last.step)


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
