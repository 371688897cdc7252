"""Fits without a start, starts without a value, and ends that are in doubt, as a user sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
