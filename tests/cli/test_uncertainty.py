"""Values with errors on the command line: eval, grad, minimize, draw."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, stats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Command, Inside, Ran, Terminal

    Run = Callable[..., Ran]

T = np.array([0.0, 1, 2, 3, 4, 5])
Y = np.array([5.1, 3.2, 1.8, 1.2, 0.7, 0.45])
FIT = ("minimize", "y ~ a*exp(-b*t)", "a=1", "b=1", "--data", "decay.csv")


@pytest.fixture
def run(inside: Inside) -> Run:
    """Gradcli in this process, word by word."""
    return lambda *words: inside(words)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with decay.csv in it."""
    monkeypatch.chdir(tmp_path)
    lines = [f"{t!r},{y!r}\n" for t, y in zip(T.tolist(), Y.tolist(), strict=True)]
    (tmp_path / "decay.csv").write_text("t,y\n" + "".join(lines))
    return tmp_path


def delta_method() -> tuple[float, float]:
    """The half-life of the decay and its standard error, by SciPy's fit and the delta method."""
    (_, b), covariance = optimize.curve_fit(lambda t, a, b: a * np.exp(-b * t), T, Y, p0=[5, 0.5])
    rate = float(b)
    return math.log(2) / rate, math.log(2) / rate**2 * math.sqrt(covariance[1, 1])


def test_the_forms_of_a_value_with_an_error(gradcli: Command, terminal: Terminal) -> None:
    words = ("eval", "x^2*y", "x=3±0.2", "y=2+-0.1", "--correlate", "x,y=0.5")
    error = math.sqrt(2.4**2 + 0.9**2 + 2.4 * 0.9)
    rows = dict(gradcli(*words).rows)
    assert list(rows) == [
        *("value", "standard_error", "second_order_value", "second_order_standard_error")
    ]
    assert float(rows["standard_error"]) == pytest.approx(error, rel=1e-14)
    document = json.loads(gradcli(*words, "--json").out)
    assert document["variables"] == {"x": 3.0, "y": 2.0}
    assert document["standard_error"] == float(rows["standard_error"])
    assert sum(document["budget"].values()) == pytest.approx(1)
    header, numbers = gradcli(*words, "--csv").out.splitlines()
    assert dict(zip(header.split(","), numbers.split(","), strict=True)) == rows
    assert terminal(*words).text.splitlines()[0] == "18.0 ± 3.0"
    many = gradcli("eval", "-", "x=3±0.2", stdin="x\n2*x\n1+1\n").out.splitlines()
    errors = [line.split("\t")[:2] for line in many if "\tstandard_error" in line]
    assert errors == [["x", "standard_error"], ["2*x", "standard_error"]]
    assert many[-1] == "2"


def test_intervals_and_draws(gradcli: Command, terminal: Terminal) -> None:
    words = ("eval", "exp(x)", "x=1±0.3", "--confidence", "0.9", "--samples", "20000")
    rows = dict(gradcli(*words).rows)
    half = stats.norm.ppf(0.95) * float(rows["standard_error"])
    assert float(rows["high"]) == pytest.approx(math.e + half)
    assert float(rows["monte_carlo_mean"]) == pytest.approx(math.exp(1.045), rel=0.02)
    assert "does not hold" in terminal(*words).text
    curved = gradcli("eval", "x^2", "x=0±10")
    assert "from 0 to 141.4" in curved.err
    assert terminal("eval", "x^2", "x=0±10").text.splitlines()[:2] == [
        *("0 ± 0", "100 ± 140 to second order")
    ]


@pytest.mark.parametrize("name", ["fit.json", "fit.npz"])
def test_a_saved_fit_brings_its_covariance(folder: Path, run: Run, name: str) -> None:
    assert folder
    fit = run(*FIT, "--save", name, "--report", "half = log(2)/b", "--json")
    half, error = delta_method()
    report = json.loads(fit.out)["report"]["half"]
    assert report["value"] == pytest.approx(half, rel=1e-7)
    assert report["standard_error"] == pytest.approx(error, rel=1e-6)
    quantile = stats.t.ppf(0.975, 4)
    assert report["interval"] == pytest.approx([half - quantile * error, half + quantile * error])
    alone = run("eval", "log(2)/b", "--params", name)
    assert float(alone.out) == report["value"]
    rows = dict(run("eval", "log(2)/b", "--params", name, "--errors").rows)
    assert float(rows["standard_error"]) == report["standard_error"]
    # Parameters are correlated: of a*exp(-b*t) the error is that of the band.
    run(*FIT, "--predictions", "out.csv", "--save", name)
    band = run("eval", "(high - fitted)", "--data", "out.csv").rows
    table = run("eval", "a*exp(-b*t)", "t=0:5:1", "--params", name, "--errors")
    assert table.rows[0] == ["t", "value", "standard_error"]
    for row, other in zip(table.rows[1:], band[1:], strict=True):
        assert float(row[2]) * quantile == pytest.approx(float(other[-1]), rel=1e-9)


def test_quantities_stand_in_the_report(folder: Path, run: Run, terminal: Terminal) -> None:
    fit = run(*FIT, "--report", "half = log(2)/b", "--report", "r = a/b")
    names = [row[0] for row in fit.rows[:5]]
    assert names == ["parameter", "a", "b", "half", "r"]
    shown = terminal(*FIT, "--report", "half = log(2)/b")
    assert folder
    assert "half" in shown.text
    plain = run("minimize", "(x - 1)^2", "x=3", "--report", "z = 2*x")
    assert dict(plain.rows)["z"] == "2"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("half", "NAME = FORMULA"),
        ("a = 2*b", "means something else"),
        ("q = log(2)/k", "which is no parameter"),
        ("q = [a, b]", "is an array"),
        ("q = a +", "--report q"),
    ],
)
def test_quantities_that_are_none(folder: Path, run: Run, word: str, said: str) -> None:
    assert folder
    ran = run(*FIT, "--report", word)
    assert ran.code == 2
    assert said in ran.err


def test_rows_and_ranges_have_errors(folder: Path, run: Run) -> None:
    assert folder
    table = run("eval", "t^2*k", "k=2±0.1", "--data", "decay.csv", "--sigma-of", "t=y")
    assert table.rows[0] == ["t", "y", "value", "standard_error"]
    for t, y, row in zip(T, Y, table.rows[1:], strict=True):
        assert float(row[3]) == pytest.approx(math.hypot(4 * t * y, 0.1 * t * t))
    ranged = json.loads(run("eval", "x^2", "x=0:2:1", "--sigma-of", "x=0.1", "--json").out)
    assert ranged["standard_error"] == pytest.approx([0, 0.2, 0.4])
    one = dict(run("eval", "mean(y)*k", "k=2±0.1", "--data", "decay.csv").rows)
    assert float(one["standard_error"]) == pytest.approx(0.1 * float(np.mean(Y)))


def test_the_budget_of_grad(run: Run, terminal: Terminal) -> None:
    words = ("grad", "x^2*y", "x=1±0.1", "y=2±0.1", "--relative")
    document = json.loads(run(*words, "--json").out)
    assert document["relative"] == {"x": 2.0, "y": 1.0}
    assert document["budget"]["x"] == {
        "derivative": 4.0,
        "standard_error": 0.1,
        "contribution": pytest.approx(0.4),
        "share": pytest.approx(16 / 17),
    }
    rows = run(*words).rows
    assert rows[1] == ["x", "4", "2"]
    assert rows[3][0] == "standard_error"
    assert rows[5] == ["name", "derivative", "standard_error", "contribution", "share"]
    csv = run(*words, "--csv").rows
    assert [row[0].split(",")[0] for row in csv] == ["name", "value", "x", "y"]
    assert "share" in terminal(*words).text
    assert run("grad", "x^2", "x=0", "--relative").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("minimize", "x^2", "x=1±0.1"), "takes plain values"),
        (("minimize", "x^2 + y", "x=1", "--fix", "y=1±0.1"), "takes plain values"),
        (("grad", "x^2*y", "x=0:1:0.1", "y=1±0.1"), "without standard errors"),
        (("eval", "x", "x=1", "--errors"), "no name of the formula has an error"),
        (("eval", "x", "x=1±0.1", "--correlate", "x=0.5"), "--correlate takes"),
        (("eval", "x", "x=1", "--sigma-of", "y=0.5"), "does not use"),
        (("eval", "x", "x=1±0.1", "--sigma-of", "x=0.5"), "has two errors"),
        (("eval", "x", "x=1±0.1", "--confidence", "1.5"), "between 0 and 1"),
        (("eval", "x*y", "x=0:1:1", "y=1±0.1", "--samples", "9"), "for one value"),
        (("eval", "[x, 2]", "x=1±0.1"), "needs a single number"),
        (("eval", "x + y", "x=1±0.1", "y=1±1", "--correlate", "x,y=2"), "between -1 and 1"),
    ],
)
def test_refusals(run: Run, words: tuple[str, ...], said: str) -> None:
    ran = run(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err


def test_pictures_show_errors(run: Run, gradcli: Command) -> None:
    nodes = json.loads(run("draw", "x^2*y", "x=1±0.1", "y=2", "--format", "json").out)["nodes"]
    errors = {node["formula"]: node.get("standard_error") for node in nodes}
    assert errors == {"x": 0.1, "x^2": None, "y": None, "x^2*y": pytest.approx(0.4)}
    picture = gradcli("draw", "x^2*y", "x=1±0.1", "y=2").out
    assert "1 ± 0.1" in picture
    assert "2 ± 0.4" in picture
