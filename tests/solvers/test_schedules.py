"""Learning rates step by step, against those of PyTorch (see reference/torch/SOURCE.md)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from mpmath import mp, mpf

from gradcli import UsageError
from gradcli.language.bindings import choice
from gradcli.solvers.first_order.schedules import SCHEDULES, Schedule, schedule

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "reference/torch/schedules.json").read_text(encoding="utf-8")
)


def made(text: str) -> Schedule:
    return schedule(*choice("--schedule", text))


def rates(text: str, steps: int, base: float = 0.1) -> list[float]:
    plan = made(text)
    return [plan.rate(t, base) for t in range(steps)]


def test_every_schedule_has_a_case() -> None:
    assert {choice("--schedule", case["schedule"])[0] for case in CASES} == set(SCHEDULES)


@pytest.mark.parametrize("case", CASES, ids=[case["schedule"] for case in CASES])
def test_rates_are_those_of_torch(case: dict[str, Any]) -> None:
    plan = made(case["schedule"])

    got = []
    for t in range(len(case["lr_at_step"])):
        got.append(plan.rate(t, case["lr"]))
        plan.observe(case["values"][t] if "values" in case else 1.0)

    # torch multiplies the rate before by a factor, which loses digits, most of them near 0
    assert got == pytest.approx(case["lr_at_step"], rel=1e-12, abs=1e-16)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("step(3, 0.7)", lambda t: mpf("0.1") * mpf("0.7") ** (t // 3)),
        ("exponential(0.9)", lambda t: mpf("0.1") * mpf("0.9") ** t),
        ("linear(0.5, 1, 8)", lambda t: mpf("0.1") * (1 + mpf(min(t, 8)) / 8) / 2),
        ("polynomial(9, 3)", lambda t: mpf("0.1") * (1 - mpf(min(t, 9)) / 9) ** 3),
        ("cosine(9, 0.02)", lambda t: mpf("0.02") + mpf("0.04") * (1 + mp.cos(mp.pi * t / 9))),
    ],
)
def test_rates_far_on_keep_their_digits(text: str, formula: Any) -> None:
    steps = (0, 1, 8, 9, 10, 200, 1001)
    plan = made(text)

    with mp.workdps(40):
        expected = [float(formula(t)) for t in steps]

    assert [plan.rate(t, 0.1) for t in steps] == pytest.approx(expected, rel=1e-12, abs=1e-17)


def test_one_cycle_keeps_its_last_rate() -> None:
    got = rates("onecycle(max_lr=0.5, total_steps=10)", 40)

    assert got[9] == pytest.approx(0.5 / 25 / 1e4, rel=1e-12)
    assert set(got[9:]) == {got[9]}
    assert set(rates("onecycle(0.5, 10, pct_start=1)", 20)[9:]) == {0.5}


@pytest.mark.parametrize(
    ("text", "first"),
    # torch.optim has the first number and divides by 0 for the others
    [("onecycle(0.5, 1)", 2e-6), ("onecycle(0.5, 10, 0.1)", 0.5), ("onecycle(0.5, 1, 1)", 0.5)],
)
def test_one_cycle_may_have_no_way_up(text: str, first: float) -> None:
    assert rates(text, 1) == pytest.approx([first], rel=1e-12)


@pytest.mark.parametrize("text", ["onecycle(0.5, 20)", "cyclic(0.1, 0.5, 5)"])
def test_schedules_with_rates_of_their_own_do_not_use_the_base(text: str) -> None:
    assert rates(text, 30, base=0.1) == rates(text, 30, base=7.0)


def test_a_growing_rate_may_overflow() -> None:
    with pytest.raises(OverflowError):
        made("exponential(10)").rate(400, 0.1)


def test_a_plateau_goes_on_from_its_state() -> None:
    values = [3.0, 2.0, 2.0, 2.0, 1.9, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]

    def heard(plan: Schedule, start: int, end: int) -> list[float]:
        got = []
        for t in range(start, end):
            got.append(plan.rate(t, 0.1))
            plan.observe(values[t])
        return got

    whole = heard(made("plateau(0.5, 1)"), 0, len(values))
    for cut in range(len(values)):
        before, after = made("plateau(0.5, 1)"), made("plateau(0.5, 1)")
        start = heard(before, 0, cut)
        after.restore(before.state())
        assert start + heard(after, cut, len(values)) == whole
    assert len(set(whole)) > 3
    assert math.isclose(min(whole), 0.1 / 16)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("cosin(5)", "there is no schedule 'cosin'", "did you mean 'cosine'?"),
        ("step", "step needs the setting step_size", "step(step_size=…), a whole number"),
        ("step(0)", "step_size of step must be a whole number of at least 1, not 0", ""),
        ("step(2.5)", "step_size of step must be a whole number of at least 1, not 2.5", ""),
        ("step(1, 2, 3)", "step has 2 settings, not 3", "the order is step_size, gamma"),
        ("exponential(0)", "gamma of exponential must be greater than 0, not 0", ""),
        (
            "multistep([5, 3])",
            "milestones of multistep must be a list of whole numbers that rise, not [5, 3]",
            "",
        ),
        ("multistep(5)", "whole numbers that rise, not 5", ""),
        ("cosine([5])", "t_max of cosine must be a whole number of at least 1, not [5]", ""),
        ("linear(start_factor=0)", "must be greater than 0 and at most 1, not 0", "the default is"),
        ("plateau(threshold=1)", "threshold of plateau must be at least 0 and below 1, not 1", ""),
        ("plateau(lr=0.1)", "plateau has no setting 'lr'", "rate"),
    ],
)
def test_errors_say_what_a_schedule_wants(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(text)

    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
