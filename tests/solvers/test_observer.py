"""Observers are told what they have a method for, in their order, and of a maximum as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import gradcli
from gradcli.errors import MathematicsError
from gradcli.minimize.minimize import minimize
from gradcli.minimize.settings import Settings
from gradcli.solvers.observer import Each, Observer, Observers

if TYPE_CHECKING:
    from gradcli.minimize.minimum import Iterate


class Noted(Observer):
    """Notes what it is told, under a name."""

    def __init__(self, name: str, notes: list[tuple[str, str, Any]], stride: int | None) -> None:
        self.name, self.notes, self.stride = name, notes, stride

    def start(self) -> None:
        self.notes.append((self.name, "start", None))

    def step(self, record: Iterate) -> None:
        self.notes.append((self.name, "step", record.step))

    def following(self, step: int) -> int | None:
        return None if self.stride is None else step - step % self.stride + self.stride

    def end(self) -> None:
        self.notes.append((self.name, "end", None))


class Live(Noted):
    """One that sees all runs."""

    sees_all_runs = True


def test_who_is_told_what_and_when() -> None:
    notes: list[tuple[str, str, Any]] = []
    formula = gradcli.parse("x^4 - x^2 + x/5")
    live, kept = Live("live", notes, None), Noted("kept", notes, 1)
    found = minimize(formula, {"x": 1.0}, settings=Settings(starts=5), observers=[live, kept])

    assert notes[:2] == [("live", "start", None), ("kept", "start", None)]
    assert notes.count(("live", "step", 0)) == 5
    lowest = [step for name, event, step in notes if (name, event) == ("kept", "step")]
    assert lowest == list(range(found.steps + 1))
    assert notes[-2:] == [("live", "end", None), ("kept", "end", None)]
    assert found.history == []


def test_the_end_is_told_after_an_error_too() -> None:
    notes: list[tuple[str, str, Any]] = []
    with pytest.raises(MathematicsError):
        minimize(gradcli.parse("log(x)"), {"x": -1.0}, observers=[Noted("one", notes, 1)])
    assert notes == [("one", "start", None), ("one", "end", None)]


def test_one_that_asks_for_nothing_lets_steps_be_taken_at_once_and_the_first_wish_counts() -> None:
    one, other = Noted("a", [], 7), Noted("b", [], 5)
    assert Observers([Observer()]).following(3) is None
    assert [Observers([one, Observer(), other]).following(step) for step in (0, 5, 12)] == [
        5,
        7,
        14,
    ]
    assert Observers([one, Each(print)]).following(12) == 13


def test_a_maximum_is_seen_as_one() -> None:
    seen: list[Iterate] = []
    how = Settings(maximize=True)
    found = minimize(
        gradcli.parse("3 - x^2"), {"x": 2.0}, settings=how, observers=[Each(seen.append)]
    )
    assert (seen[0].value, seen[-1].value) == (-1.0, found.minimum) == (-1.0, 3.0)
