"""Fits without a start, starts without a value, and ends that are in doubt, as a user sees them."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest

from gradcli.cli.steps import PATIENCE
from gradcli.minimize import runs
from gradcli.minimize.refit import Attempts
from gradcli.minimize.runs import FIRST_STEPS
from gradcli.minimize.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.cli.conftest import Ran

    Inside = Callable[..., Ran]

T = np.linspace(0, 50, 26)
DECAY = 4 * np.exp(-T / 9) + 0.5 + 0.01 * np.sin(37 * T)
NOISE = np.random.default_rng(1).normal(size=len(T))


def write(path: Path, **columns: NDArray[np.float64]) -> None:
    """Write columns as CSV."""
    rows = zip(*[column.tolist() for column in columns.values()], strict=True)
    lines = [",".join(columns), *[",".join(map(repr, row)) for row in rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.csv", time=T, y=DECAY, noise=NOISE)
    return "d.csv"


def test_a_model_needs_no_start(inside: Inside, data: str) -> None:
    ran = inside(["minimize", "y ~ a*exp(-time/q) + c", "--data", data])

    assert ran.code == 0
    assert "note: no start is given: a, q, c start at 1" in ran.err.splitlines()
    names = [row[0] for row in ran.rows[1:4]]
    values = [float(row[1]) for row in ran.rows[1:4]]
    assert names == ["a", "q", "c"]
    assert values == pytest.approx([4, 9, 0.5], rel=0.02)


def test_fixed_names_have_a_value_and_no_start(inside: Inside, data: str) -> None:
    ran = inside(["minimize", "y ~ a*exp(-time/q) + c", "--fix", "c=0.5", "--data", data, "--json"])

    assert list(json.loads(ran.out)["parameters"]) == ["a", "q"]


@pytest.mark.parametrize(
    ("words", "at_fault"),
    [
        (["y ~ a*exp(-tme/q) + c"], "tme has no start"),
        (["y ~ a*exp(-Time/q) + c"], "Time has no start"),
        (["y ~ a*exp(-time/q) + c", "a=1"], "q has no start"),
        (["sum((y - a*time)^2)"], "a has no start"),
    ],
)
def test_a_misspelt_column_and_one_missing_start_are_errors(
    inside: Inside, data: str, words: list[str], at_fault: str
) -> None:
    ran = inside(["minimize", *words, "--data", data])

    assert (ran.code, ran.out) == (2, "")
    assert at_fault in ran.err


def test_a_parameter_beside_its_column_is_none_misspelt(inside: Inside, data: str) -> None:
    ran = inside(["minimize", "y ~ a*exp(-(time - time0)/9) + c", "--data", data, "--json"])

    assert list(json.loads(ran.out)["parameters"]) == ["a", "time0", "c"]


@pytest.mark.parametrize(
    ("words", "row", "line", "way_out"),
    [
        (["y ~ a/(time - b)", "a=1", "b=4"], 3, 4, "give no start at all"),
        (["y ~ a*(time - b)^c", "a=1", "b=1", "c=1"], 1, 2, "give no start at all"),
        (["y ~ a*log(time) + b^2", "a=1", "b=1"], 1, 2, "leave the row out"),
    ],
)
def test_a_start_without_a_value_names_the_row(
    inside: Inside, data: str, words: list[str], row: int, line: int, way_out: str
) -> None:
    ran = inside(["minimize", *words, "--data", data])

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: the objective is undefined at the start: ")
    assert f"in row {row} of {data} (line {line})" in ran.err.splitlines()[0]
    assert way_out in ran.err.splitlines()[-1]
    assert "[" not in ran.err, "a dump of an array"


def test_the_way_out_works(inside: Inside, data: str) -> None:
    ran = inside(["minimize", "y ~ a*(time - b)^c", "--data", data, "--json"])
    found = json.loads(ran.out)

    assert ran.code == 0
    assert found["statistics"]["r_squared"] > 0.9
    assert any("the first start has no value" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["noise ~ a*exp(-b*time)", "a=1", "b=1"], None, "the first end had R² "),
        (["y ~ a*sin(3*time + b)^2", "a=1", "b=1", "--starts", "1"], None, "R² is "),
        (["y ~ a*b*exp(-time/q)", "a=1", "b=1", "q=9"], 3, "the data do not determine a and b"),
        (["y ~ a + b*time^2 + c^2", "a=1", "b=0", "c=1"], 3, "the data do not determine a and c"),
        (["y ~ a + b^2*time", "a=1", "b=0.1", "--starts", "1"], 0, "neighbouring residuals"),
    ],
)
def test_a_bad_fit_is_never_silent(
    inside: Inside, data: str, words: list[str], code: int | None, said: str
) -> None:
    ran = inside(["minimize", *words, "--data", data, "--json"])
    found = json.loads(ran.out)

    assert code is None or ran.code == code
    assert any(said in warning for warning in found["warnings"]), found["warnings"]


def test_a_linear_model_is_the_best_there_is(inside: Inside, data: str) -> None:
    ran = inside(["minimize", "noise ~ a + b*time", "--data", data, "--json"])
    found = json.loads(ran.out)

    assert found["statistics"]["r_squared"] < 0.2
    assert found["warnings"] == []


def _signaled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gets one signal, and takes longer than a step may after one."""
    calls = iter([True])

    def slow(*arguments: Any) -> Any:
        if next(calls, False):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(PATIENCE + 0.2)
        return function(*arguments)

    return slow


@pytest.mark.parametrize("part", [(Attempts, "drawn"), (Attempts, "near"), (runs, "diagnose")])
@pytest.mark.parametrize(
    "response",
    ["y", pytest.param("noise", marks=pytest.mark.slow)],
    ids=["cut", "ended"],
)
def test_a_signal_during_further_attempts_loses_nothing(
    inside: Inside, data: str, part: tuple[Any, str], response: str
) -> None:
    """What is printed and saved is at most as high as where the run from the start ended."""
    model = f"{response} ~ a*exp(-time*b) + c"
    words = ["minimize", model, "a=1", "b=-1", "c=1", "--data", data, "--json"]
    alone = json.loads(inside([*words, "--starts", "1", "--steps", str(FIRST_STEPS)]).out)
    where, name = part
    with mock.patch.object(where, name, _signaled(getattr(where, name))):
        ran = inside([*words, "--save", "p.json"])
    found = json.loads(ran.out)

    assert ran.code == 128 + signal.SIGTERM
    assert found["reason"].startswith("interrupted after step ")
    assert found["minimum"] <= alone["minimum"]
    assert json.loads(Path("p.json").read_text())["parameters"] == found["parameters"]


def test_a_signal_during_several_starts_keeps_those_that_ended(inside: Inside, data: str) -> None:
    words = ["minimize", "y ~ a*exp(-time*b) + c", "a=1", "b=0.2", "c=1", "--data", data, "--json"]
    ends: list[Any] = []

    def check(self: Task, point: Any) -> Any:
        ends.append(point)
        return _signaled(original)(self, point) if len(ends) == 3 else original(self, point)

    original = Task.check
    with mock.patch.object(Task, "check", check):
        ran = inside([*words, "--starts", "20"])
    found = json.loads(ran.out)

    assert ran.code == 128 + signal.SIGTERM
    assert found["reason"].startswith("interrupted after step ")
    assert list(found["parameters"].values()) == pytest.approx([4, 1 / 9, 0.5], rel=0.02)
