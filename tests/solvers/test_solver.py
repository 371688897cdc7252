"""How runs end, and which record they end with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gradcli import MathematicsError
from gradcli.solvers import solver as loop
from gradcli.solvers.observer import Each
from gradcli.solvers.solver import Record, run
from gradcli.solvers.stopping import Ending, Reason, converged, stuck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Scripted:
    """A solver with a value for each step; an exception instead of one is raised."""

    name = "scripted"
    gradient_norm = 1.0

    def __init__(
        self, values: Sequence[float | BaseException | Reason], arrival: int | None = None
    ) -> None:
        first, *self._rest = values
        assert isinstance(first, float)
        self.value = first
        self.point = [0.0]
        self.rate = 0.5
        self._arrival = arrival

    def suspects(self) -> None:
        return None

    def arrived(self) -> Reason | None:
        return converged(1e-9, 1e-8) if self.point[0] == self._arrival else None

    def step(self) -> Reason | None:
        following = self._rest.pop(0)
        if isinstance(following, BaseException):
            raise following
        if isinstance(following, Reason):
            return following
        self.value = following
        self.point = [self.point[0] + 1]
        self.rate /= 2
        return None


def test_a_run_of_a_given_length_returns_the_last_record() -> None:
    seen: list[Record] = []
    outcome = run(Scripted([3.0, 1.0, 2.0, 0.0]), steps=2, observer=Each(seen.append))

    assert seen == [
        Record(0, 3.0, [0.0], 1.0, 0.5),
        Record(1, 1.0, [1.0], 1.0, 0.25),
        Record(2, 2.0, [2.0], 1.0, 0.125),
    ]
    assert outcome.record is seen[2]
    assert outcome.steps == 2
    assert outcome.reason == Reason(Ending.COMPLETED, "completed the 2 steps asked for")


def test_a_run_of_no_steps_returns_the_start() -> None:
    outcome = run(Scripted([3.0]), steps=0)

    assert outcome.record == Record(0, 3.0, [0.0], 1.0, 0.5)
    assert outcome.reason.sentence == "completed the 0 steps asked for"


def test_a_run_without_a_length_is_exhausted_and_returns_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "DEFAULT_STEPS", 3)
    outcome = run(Scripted([3.0, 1.0, 2.0, 1.0]))

    assert (outcome.record.step, outcome.record.value, outcome.steps) == (1, 1.0, 3)
    assert outcome.reason.ending is Ending.EXHAUSTED
    assert outcome.reason.sentence.startswith("stopped after 3 steps without converging")


@pytest.mark.parametrize("steps", [None, 2, 50])
def test_a_run_ends_on_arrival_with_the_last_record(steps: int | None) -> None:
    outcome = run(Scripted([3.0, 1.0, 2.0], arrival=2), steps=steps)

    assert (outcome.record.step, outcome.steps) == (2, 2)
    assert outcome.reason == converged(1e-9, 1e-8)


def test_a_solver_that_finds_no_way_on_ends_the_run_with_the_best() -> None:
    why = stuck("the line search failed", 1.0)
    outcome = run(Scripted([1.0, 2.0, why]))

    assert (outcome.record.step, outcome.steps) == (0, 1)
    assert outcome.reason == why


def test_a_solver_that_arrives_while_it_steps_ends_the_run_with_the_last() -> None:
    outcome = run(Scripted([1.0, 2.0, converged(0.0, 1e-8)]))

    assert (outcome.record.step, outcome.steps) == (1, 1)


def test_a_value_that_is_lost_is_divergence_and_returns_the_best() -> None:
    outcome = run(Scripted([3.0, 2.0, 4.0, MathematicsError("log of -1 is undefined")]), steps=9)

    assert (outcome.record.step, outcome.record.value, outcome.steps) == (1, 2.0, 2)
    assert outcome.reason.ending is Ending.DIVERGED
    sentence = "diverged: log of -1 is undefined at step 3 (last finite value 4)"
    assert outcome.reason.sentence.startswith(sentence)


def test_control_c_within_a_step_returns_the_best() -> None:
    seen: list[Record] = []
    outcome = run(Scripted([3.0, 2.0, 4.0, KeyboardInterrupt()]), observer=Each(seen.append))

    assert [record.step for record in seen] == [0, 1, 2]
    assert (outcome.record.step, outcome.steps) == (1, 2)
    assert outcome.reason == Reason(Ending.INTERRUPTED, "interrupted after step 2")


def test_control_c_while_observed_returns_the_best() -> None:
    def observe(record: Record) -> None:
        if record.step == 1:
            raise KeyboardInterrupt

    outcome = run(Scripted([3.0, 2.0, 1.0]), observer=Each(observe))

    assert (outcome.record.step, outcome.steps) == (1, 1)
    assert outcome.reason.ending is Ending.INTERRUPTED


def test_other_errors_are_passed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        run(Scripted([3.0, ZeroDivisionError()]))


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so much whenever it is read."""
    now = -seconds

    def clock() -> float:
        nonlocal now
        now += seconds
        return now

    return clock


def test_a_time_limit_ends_the_run_with_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", ticking(1.0))
    outcome = run(Scripted([3.0, 2.0, 4.0, 1.0]), seconds=3)

    assert (outcome.record.step, outcome.steps) == (1, 2)
    assert outcome.reason.ending is Ending.EXHAUSTED
    sentence = "stopped after 3 seconds and 2 steps without converging"
    assert outcome.reason.sentence == sentence


def test_a_run_that_is_done_in_time_is_completed() -> None:
    assert run(Scripted([3.0, 2.0]), steps=1, seconds=1e6).reason.ending is Ending.COMPLETED
