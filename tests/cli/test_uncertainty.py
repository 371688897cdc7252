"""Values with errors on the command line: eval, grad, minimize, draw."""

from __future__ import annotations

import json
import math
import re
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
TABLE = ["value", "standard_error", "second_order_value", "second_order_standard_error"]
"""What a table shows of a value with an error."""
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
    assert table.rows[0] == ["t", *TABLE]
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
    assert table.rows[0] == ["t", "y", *TABLE]
    for t, y, row in zip(T, Y, table.rows[1:], strict=True):
        assert float(row[3]) == pytest.approx(math.hypot(4 * t * y, 0.1 * t * t))
        # Of t²k, t normal with error y: the terms of second order of GUM 5.1.2, note.
        assert float(row[4]) == pytest.approx(2 * (t * t + y * y))
        second = [4 * t * y, 0.1 * t * t, math.sqrt(2) * 2 * y * y, 0.2 * t * y]
        assert float(row[5]) == pytest.approx(math.hypot(*second))
    ranged = json.loads(run("eval", "x^2", "x=0:2:1", "--sigma-of", "x=0.1", "--json").out)
    assert ranged["standard_error"] == pytest.approx([0, 0.2, 0.4])
    one = dict(run("eval", "mean(y)*k", "k=2±0.1", "--data", "decay.csv").rows)
    assert float(one["standard_error"]) == pytest.approx(0.1 * float(np.mean(Y)))


@pytest.mark.parametrize("command", ["eval", "grad"])
@pytest.mark.parametrize("formula", ["mean(k*y)", "sum(k*y)", "max(y)*k"])
@pytest.mark.parametrize("sigma", ["0.1", "t"])
def test_errors_of_a_column_are_not_taken_for_none_in_a_sum(
    folder: Path, run: Run, command: str, formula: str, sigma: str
) -> None:
    assert folder.is_dir()
    words = (command, formula, "k=2", "--data", "decay.csv", "--sigma-of", f"y={sigma}")
    refused = run(*words)
    assert refused.code == 2
    assert "leave out --sigma-of y" in refused.err


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


SLOPE, SIGMA, VALUE = 4.6, 0.137, 2.3
"""Of x² and the value of x, and the error of x: no other number is like their product."""
ERROR = SLOPE * SIGMA
WORDS = {
    "a sign": ("x=2.3±0.137",),
    "plus and minus": ("x=2.3+-0.137",),
    "an option": ("x=2.3", "--sigma-of", "x=0.137"),
    "a fit": ("--params", "fit.json"),
    "a fit's, asked for": ("--params", "fit.json", "--errors"),
}
FORMS = {
    "value": (),
    "json": ("--json",),
    "csv": ("--csv",),
    "trace": ("--trace",),
    "trace as json": ("--trace", "--json"),
    "trace as csv": ("--trace", "--csv"),
    "draws": ("--samples", "9"),
    "draws and trace": ("--samples", "9", "--trace"),
    "confidence": ("--confidence", "0.9"),
    "digits": ("--digits", "8"),
    "over a range": ("k=1:2:1",),
    "over a range as json": ("k=1:2:1", "--json"),
    "over rows": ("--data", "k.csv"),
    "over rows as json": ("--data", "k.csv", "--json"),
    "plot": ("k=1:2:0.1", "--plot", "-"),
    "plot and table": ("k=1:2:1", "--plot", "p.svg", "--csv"),
    "plot of rows": ("--data", "k.csv", "--plot", "-"),
    "contour": ("k=1:2:0.5", "j=1:2:0.5", "--plot", "p.svg"),
}
PICTURES = {
    **{form: ("--format", form) for form in ("svg", "dot", "json", "html")},
    "without gradients": ("--format", "svg", "--no-grad"),
    "of what is named": ("--format", "svg", "--only-named"),
}
SLOPES = {
    "numbers": (),
    "json": ("--json",),
    "csv": ("--csv",),
    "nodes": ("--nodes",),
    "hessian": ("--hessian",),
    "check": ("--check",),
    "latex": ("--latex",),
    "one of two": ("--csv", "--nodes"),
    "steps": ("--step", "0.1"),
    "wrt": ("--wrt", "x"),
    "range": ("k=1:2:1",),
    "rows": ("--data", "k.csv"),
    "relative": ("--relative",),
    "plot": ("k=1:2:0.1", "--plot", "-"),
}


def has_error(text: str) -> bool:
    """Whether a text shows the error of x², to three digits at least."""
    found = re.findall(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?", text)
    return any(math.isclose(float(each), ERROR, rel_tol=5e-3) for each in found)


@pytest.fixture
def saved(folder: Path) -> Path:
    """A fit whose x has the error, and rows that use it."""
    matrix = {"names": ["x"], "matrix": [[SIGMA**2]], "degrees_of_freedom": None}
    fit = {"covariance": matrix, "parameters": {"x": VALUE}}
    (folder / "fit.json").write_text(json.dumps(fit))
    (folder / "k.csv").write_text("k\n1\n2\n")
    return folder


@pytest.mark.parametrize("source", WORDS)
@pytest.mark.parametrize("form", FORMS)
def test_no_error_is_dropped_by_eval(saved: Path, run: Run, source: str, form: str) -> None:
    """Each form shows it, or refuses with a repair, or says that it is left out.

    A pipe gets only the values where --params alone gives errors.
    """
    assert saved
    words, options = WORDS[source], FORMS[form]
    has_k = "k=" in str(options) or "--data" in options
    formula = "x^2" + "*k" * has_k + "*j" * ("j=" in str(options))
    ran = run("eval", formula, *words, *options)
    if ran.code == 2:
        assert form in {"draws and trace", "contour"} or "a fit" in source, ran.err
        assert ran.err.count("\n") == 2
    elif options[-1:] == ("-",):
        assert "± standard error" in ran.out
    elif form == "contour":
        assert source == "a fit"
        assert "no standard errors" in ran.err
    elif source == "a fit" and "--json" not in options and "--samples" not in options:
        if form != "confidence":
            assert not has_error(ran.out)
    else:
        assert has_error(ran.out), ran.out


@pytest.mark.parametrize("source", ["a sign", "plus and minus", "a fit"])
@pytest.mark.parametrize("form", PICTURES)
def test_no_error_is_dropped_by_draw(saved: Path, run: Run, source: str, form: str) -> None:
    assert saved
    ran = run("draw", "u = x^2; u*y", *WORDS[source], "y=1", *PICTURES[form])
    assert ran.code == 0
    assert has_error(ran.out)
    share = '"share": 1.0' if form == "json" else "100 %"
    assert share in ran.out


@pytest.mark.parametrize("source", ["a sign", "plus and minus", "an option"])
@pytest.mark.parametrize("form", SLOPES)
def test_no_error_is_dropped_by_grad(saved: Path, run: Run, source: str, form: str) -> None:
    assert saved
    options = SLOPES[form]
    has_k = "k=" in str(options) or "--data" in options
    ran = run("grad", "x^2" + "*k" * has_k, *WORDS[source], *options)
    if ran.code == 2:
        assert form in {"range", "rows", "plot", "one of two"}
        assert ran.err.count("\n") == 2
    else:
        assert has_error(ran.out)


def test_what_a_fit_alone_cannot_give_is_said(saved: Path, run: Run) -> None:
    assert saved
    for words in (("grad", "x*k", "k=1:2:1"), ("grad", "x*k", "--data", "k.csv")):
        ran = run(*words, "--params", "fit.json", "--json")
        assert ran.code == 0
        assert "many derivatives are shown without standard errors" in ran.err
    over = (("k=1:2:1",), ("--data", "k.csv"))
    formulas = [("[x, 1]",), *[("sqrt(x - 2.3)*k", *each) for each in over]]
    for form in formulas:
        ran = run("eval", *form, "--params", "fit.json", "--json")
        assert ran.code == 0
        assert "no standard error" in ran.err
        assert run("eval", *form, "--params", "fit.json", "--errors").code in {1, 2}


def test_a_kink_is_said_where_it_hides_an_error(run: Run) -> None:
    ran = run("eval", "abs(x)", "x=0±0.1")
    assert "abs has a kink at 0" in ran.err
    assert json.loads(run("eval", "abs(x)", "x=0±0.1", "--json").out)["notes"]


def test_pictures_show_errors_with_their_correlations(saved: Path, run: Run) -> None:
    matrix = {"names": ["a", "b"], "matrix": [[0.04, -0.02], [-0.02, 0.09]]}
    fit = {"covariance": {**matrix, "degrees_of_freedom": 3}, "parameters": {"a": 2.0, "b": 3.0}}
    (saved / "fit.json").write_text(json.dumps(fit))
    ran = run("draw", "a*b", "--params", "fit.json", "--format", "json")
    nodes = {node["formula"]: node for node in json.loads(ran.out)["nodes"]}
    variance = 9 * 0.04 + 4 * 0.09 - 2 * 6 * 0.02
    assert nodes["a*b"]["standard_error"] == pytest.approx(math.sqrt(variance))
    assert nodes["a"]["standard_error"] == pytest.approx(0.2)
    assert nodes["a"]["share"] == pytest.approx((9 * 0.04 - 6 * 0.02) / variance)
    assert "share" not in nodes["a*b"]
    page = run("draw", "a*b", "--params", "fit.json", "--format", "html").out
    assert "Of its variance comes 50 % from a and 50 % from b." in page


def test_a_terminal_shows_errors_in_the_tree(terminal: Terminal) -> None:
    head, *rows = terminal("draw", "x^2", "x=2.3±0.137").text.splitlines()
    assert head.split() == ["value", "std.", "error", "gradient"]
    assert rows[0].split() == ["x^2", "5.29", "0.6302", "1"]
    assert rows[1].split() == ["x", "2.3", "0.137", "4.6"]
