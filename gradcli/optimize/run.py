"""The loop: evaluate, record, stop or step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import MathematicsError
from gradcli.optimize import stopping
from gradcli.optimize.stopping import Ending, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.optimize.descent import Rule

Objective = "Callable[[Sequence[float]], tuple[float, list[float]]]"

DEFAULT_RATE = 1e-3
DEFAULT_STEPS = 10_000
DEFAULT_TOLERANCE = 1e-8


class Record(NamedTuple):
    """The state before a step is taken; record 0 is the start."""

    step: int
    value: float
    point: list[float]
    gradient_norm: float
    learning_rate: float


class Outcome(NamedTuple):
    """Where a run ended and why."""

    record: Record
    """The last record, or the best one of a run that did not end well."""
    reason: Reason
    steps: int
    evaluations: int


def norm(slope: Sequence[float]) -> float:
    """Return the Euclidean norm, without overflow on the way."""
    return math.hypot(*slope)


def descend(
    objective: Callable[[Sequence[float]], tuple[float, list[float]]],
    start: Sequence[float],
    rule: Rule,
    *,
    rate: float = DEFAULT_RATE,
    steps: int | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    observe: Callable[[Record], None],
) -> Outcome:
    """Return the outcome of following `rule` from `start`.

    `objective` returns value and gradient at a point and raises MathematicsError where there is
    none. The run ends when the norm of the gradient is at most `tolerance`, after `steps` steps, or
    when the objective has no finite value; `observe` sees every record as it is made. With no
    `steps`, 10,000 are the most. An error at the start is passed on: there is no point to return.
    """
    point = list(start)
    value, slope = objective(point)
    last = best = Record(0, value, point, norm(slope), rate)
    evaluations = 1
    limit = DEFAULT_STEPS if steps is None else steps
    try:
        while True:
            observe(last)
            if last.gradient_norm <= tolerance:
                reason = stopping.converged(last.gradient_norm, tolerance)
                return Outcome(last, reason, last.step, evaluations)
            if last.step >= limit:
                reason = (
                    stopping.completed(limit) if steps is not None else stopping.exhausted(limit)
                )
                end = last if reason.ending is Ending.COMPLETED else best
                return Outcome(end, reason, last.step, evaluations)
            point = rule.step(point, slope, rate)
            evaluations += 1
            try:
                value, slope = objective(point)
            except MathematicsError as error:
                reason = stopping.diverged(last.step + 1, error.message, last.value)
                return Outcome(best, reason, last.step, evaluations)
            last = Record(last.step + 1, value, point, norm(slope), rate)
            if value < best.value:
                best = last
    except KeyboardInterrupt:
        return Outcome(best, stopping.interrupted(last.step), last.step, evaluations)
