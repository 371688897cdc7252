"""The loop: record, stop or step."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import MathematicsError
from gradcli.optimize import stopping
from gradcli.optimize.stopping import Ending, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

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
    observe: Callable[[Record], None] = lambda _: None,
) -> Outcome:
    """Return the outcome of letting the solver step until it is done.

    The run also ends after `steps` steps, after `seconds`, on Ctrl-C, and when the objective has no
    finite value (the solver raises MathematicsError then). With no `steps`, 10,000 are the most.
    `observe` sees every record as it is made.
    """
    limit = DEFAULT_STEPS if steps is None else steps
    end = None if seconds is None else time.monotonic() + seconds
    last = best = _record(0, solver)
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
                reason = stopping.out_of_time(last.step, seconds)
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
    except KeyboardInterrupt:
        reason = stopping.interrupted(last.step)
    planned = reason.ending in {Ending.CONVERGED, Ending.COMPLETED}
    return Outcome(last if planned else best, reason, last.step)


def _record(step: int, solver: Solver) -> Record:
    return Record(step, solver.value, solver.point, solver.gradient_norm, solver.rate)
