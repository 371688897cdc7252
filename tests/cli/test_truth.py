"""What is said about the end of a run is true: converged, minimum, parameters, best, and names.

Which formulas have minima where, and which have none, follows from their definitions; values at the
printed parameters are worked out here by NumPy.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Inside

FIRST_ORDER = ["gd", "adam", "rmsprop", "rprop", "sgd(momentum=0.9)"]
METHODS = [None, "newton", "lbfgs", *FIRST_ORDER]
X, Y = np.arange(6.0), np.array([1.1, 2.9, 5.2, 7.1, 8.8, 11.1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of data."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{x},{y}\n" for x, y in zip(X, Y, strict=True))
    (tmp_path / "d.csv").write_text("x,y\n" + rows)
    return tmp_path


def run(inside: Inside, *words: str, method: str | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of a run; every warning is in the document."""
    chosen = [] if method is None else ["--method", method]
    ran = inside(["minimize", *words, *chosen, "--json"])
    assert ran.err == ""
    return ran.code, json.loads(ran.out)


# ------------------------------------------------------------ converged


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cos(x) == x", "x=1"), "write cos(x) ~ x"),
        (("floor(x) + 3", "x=1.5"), "floor(x) changes only by jumps"),
        (("x > 3", "x=1"), "x > 3 changes only by jumps"),
        (("mean(argmax([x*y, 1]))", "x=1", "y=3"), "changes only by jumps"),
        (("x - x", "x=3.5"), "it does not depend on it"),
        (("tanh(x)^2", "x=25"), "flat around this point, and lower at x = 0"),
        (("atan(sinh(x))^2", "x=500"), "flat around this point, and lower at x = 0"),
        (("where(x>1, (x-2)^2, 5)", "x=0"), "flat around this point, and lower"),
        (("(y-1)^2 + tanh(x)^2", "x=25", "y=1"), "flat around this point, and lower at x = 0"),
        (("x^2 + floor(y)", "x=0", "y=1.5"), "lower at y"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_a_plateau_is_no_minimum(
    inside: Inside, words: tuple[str, ...], said: str, method: str | None
) -> None:
    code, found = run(inside, *words, method=method)

    if code == 0:  # a method may find its way off a plateau that is not quite flat
        assert words[0] in {"tanh(x)^2", "(y-1)^2 + tanh(x)^2"}
        assert found["minimum"] == pytest.approx(0, abs=1e-12)
        return
    assert (code, found["converged"]) == (3, False)
    assert found["reason"].startswith("stopped without converging: ")
    assert said in found["reason"]


@pytest.mark.parametrize("method", ["lbfgs", *FIRST_ORDER])
@pytest.mark.parametrize("words", [("-x^2", "x=0"), ("cos(x)", "x=0"), ("x*y", "x=0", "y=0")])
def test_nor_is_a_maximum_or_a_saddle(inside: Inside, words: tuple[str, ...], method: str) -> None:
    code, found = run(inside, *words, method=method)

    assert (code, found["converged"]) == (3, False)
    assert "this is no minimum, and lower at " in found["reason"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("y ~ a*tanh(b*x) + c", "a=5", "b=1000", "c=1", "--starts", "1"), "lower at b = "),
        (("y ~ floor(a)*x", "a=1.5"), "floor(a) changes only by jumps"),
        (("mean((a*x == y)*1)", "a=2"), "write a*x ~ y"),
        (("mean(round(a*x) != y)", "a=2", "--batch", "2"), "round(a*x) != y changes only by jumps"),
    ],
)
def test_with_data_too(inside: Inside, words: tuple[str, ...], said: str) -> None:
    code, found = run(inside, *words, "--data", "d.csv")

    assert (code, found["converged"]) == (3, False)
    assert said in found["reason"]


def test_a_name_without_slope_beside_others_stays_and_is_named(inside: Inside) -> None:
    code, found = run(inside, "(x-1)^2 + floor(y)", "x=5", "y=0.5", "--bounds", "y=0:1")
    assert found["parameters"]["y"] == 0.5
    assert any("with respect to y is 0 everywhere" in warning for warning in found["warnings"])
    assert code == 0, "floor(y) is 0 up to y = 1"

    code, found = run(inside, "x^2 + 0*y", "x=1", "y=1")
    assert (code, found["parameters"]) == (0, {"x": 0, "y": 1})


@pytest.mark.parametrize(
    ("words", "least"),
    [
        (("hypot(x-1, y-2)", "x=0", "y=0"), 0),
        (("norm(v - [1, 2])", "v=[0, 0]"), 0),
        (("abs(x) + x^2", "x=1"), 0),
        (("abs(x)", "x=1"), 0),
        (("max(x, -2*x)", "x=3"), 0),
        (("abs(x) + abs(y - 1)", "x=1", "y=3"), 0),
        (("max(abs(x), abs(y))", "x=1", "y=0.5"), 0),
        (("where(x > 1, x, 2 - x)", "x=4"), 1),
        (("sqrt(abs(x))", "x=1"), 0),
    ],
)
def test_a_minimum_on_a_kink_is_one(inside: Inside, words: tuple[str, ...], least: float) -> None:
    code, found = run(inside, *words)

    assert (code, found["converged"]) == (0, True)
    assert found["minimum"] == pytest.approx(least, abs=1e-7)


@pytest.mark.usefixtures("folder")
def test_a_breakpoint_on_a_row_of_the_data_is_one(inside: Inside) -> None:
    """The weighted median of 0 to 5, with themselves as weights, is 4: 1 + 2 + 3 < 4 + 5."""
    code, found = run(inside, "sum(x*abs(x - c))", "c=0.5", "--data", "d.csv")
    assert (code, found["converged"]) == (0, True), found["reason"]
    assert found["parameters"]["c"] == pytest.approx(4, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "words",
    [
        ("x^4", "x=0"),
        ("(x-1)^4 + (y-2)^4", "x=1", "y=2"),
        ("relu(x-1)", "x=0"),
        ("7 + x^6", "x=0"),
        ("x^2*(x < 1)", "x=3.5"),
    ],
)
def test_a_minimum_without_curvature_is_one(
    inside: Inside, words: tuple[str, ...], method: str | None
) -> None:
    code, found = run(inside, *words, method=method)
    assert (code, found["converged"]) == (0, True), found["reason"]


# ------------------------------------------------------------ one point


def valley(x: float, y: float) -> tuple[float, float]:
    """Value and gradient norm of (1-x)^2 + 100*(y-x^2)^2, by hand."""
    by_x, by_y = -2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2, math.hypot(by_x, by_y)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("steps", ["0", "1", "7", "40", None])
@pytest.mark.parametrize("method", ["newton", "lbfgs", "lm", "adam", "sgd(momentum=0.9)"])
def test_all_that_json_says_is_of_one_point(inside: Inside, method: str, steps: str | None) -> None:
    words = ["(1-x)^2 + 100*(y-x^2)^2", "x=-1.2", "y=1", "--log", "log.csv"]
    words += [] if method in {"newton", "lbfgs", "lm"} else ["--lr", "0.001"]
    words += [] if steps is None else ["--steps", steps]
    _, found = run(inside, *words, method=method)
    with Path("log.csv").open(encoding="utf-8", newline="") as file:
        logged = [{name: float(x) for name, x in row.items()} for row in csv.DictReader(file)]
    value, slope = valley(**found["parameters"])
    lowest = min(row["value"] for row in logged)

    assert found["minimum"] == pytest.approx(value, rel=1e-12, abs=1e-300)
    assert found["gradient_norm"] == pytest.approx(slope, rel=1e-9, abs=1e-12)
    if steps is not None:
        assert found["parameters"] == {name: logged[-1][name] for name in "xy"}
        assert ("best" in found) == (lowest < logged[-1]["value"])
        assert found.get("best", found)["minimum"] == pytest.approx(lowest, rel=1e-12, abs=1e-300)
        best = found.get("best", found)
        assert valley(**best["parameters"])[0] == pytest.approx(best["minimum"], rel=1e-12)
        grew = found["minimum"] > logged[0]["value"]
        assert grew == any("the value grew from 24.2 to " in w for w in found["warnings"])
    else:
        assert "best" not in found
        assert found["minimum"] == pytest.approx(lowest, rel=1e-9, abs=1e-20)


def test_a_run_that_diverges_reports_the_best_and_one_that_grows_says_so(inside: Inside) -> None:
    code, found = run(inside, "x^2", "x=1", "--lr", "1.5")
    assert (code, found["minimum"], found["parameters"]) == (3, 1, {"x": 1})
    assert found["reason"].startswith("diverged: ")

    code, found = run(inside, "x^2", "x=1", "--lr", "1.5", "--steps", "3")
    # By hand: each step is x - 3x = -2x.
    assert (code, found["minimum"], found["parameters"]) == (0, 64, {"x": -8})
    assert found["best"] == {"minimum": 1, "parameters": {"x": 1}}
    assert found["warnings"] == ["the value grew from 1 to 64; try a smaller --lr"]
    ran = inside(["minimize", "x^2", "x=1", "--lr", "1.5", "--steps", "3"])
    assert "note: lower on the way: 1 at x = 1\n" in ran.err


def line(a: float, b: float) -> tuple[float, float]:
    """The mean of (a*x + b - y)^2 over all rows, and the norm of its gradient."""
    residual = a * X + b - Y
    slopes = 2 * np.mean(residual * X), 2 * np.mean(residual)
    return float(np.mean(residual**2)), math.hypot(*slopes)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("rate", ["0.001", "0.03", "0.08", "0.3", "1e200"])
@pytest.mark.parametrize("size", ["1", "4", "6", "100"])
@pytest.mark.parametrize("epochs", ["1", "20"])
def test_with_batches_it_is_that_of_all_rows(
    inside: Inside, rate: str, size: str, epochs: str
) -> None:
    words = ["mean((a*x + b - y)^2)", "a=0", "b=0", "--data", "d.csv", "--lr", rate]
    code, found = run(inside, *words, "--batch", size, "--epochs", epochs)
    value, slope = line(**found["parameters"])
    start = line(0, 0)[0]

    assert code == (3 if found["reason"].startswith("diverged") else 0)
    assert found["minimum"] == pytest.approx(value, rel=1e-12)
    assert found["gradient_norm"] == pytest.approx(slope, rel=1e-9)
    if code == 3:
        assert found["minimum"] <= start * (1 + 1e-12)
        assert "best" not in found
    assert (value > start * (1 + 1e-9)) == any("grew" in warning for warning in found["warnings"])
    if "best" in found:
        assert found["best"]["minimum"] < found["minimum"]
        assert line(**found["best"]["parameters"])[0] == pytest.approx(found["best"]["minimum"])


# ------------------------------------------------------------ names


OURS = ["minimum", "value", "step", "gradient_norm", "learning_rate", "parameter", "rss", "best"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("more", [[], ["--lr", "0.1", "--every", "1"], ["--csv"]])
def test_names_of_the_user_stay_and_ours_step_aside(
    inside: Inside, name: str, more: list[str]
) -> None:
    """Without the clash, the same output stands under the same headings."""

    def outputs(called: str) -> list[list[list[str]]]:
        words = ["minimize", f"({called} - 1)^2", f"{called}=3", "--log", "log.csv", *more]
        ran = inside(words)
        assert ran.code == 0
        shown = [line.replace("\t", ",").split(",") for line in ran.out.splitlines()]
        with Path("log.csv").open(encoding="utf-8", newline="") as file:
            return [shown, list(csv.reader(file))]

    def renamed(cell: str) -> str:
        if cell == "x":
            return name
        return f"gradcli.{name}" if cell == name else cell

    for clashing, usual in zip(outputs(name), outputs("x"), strict=True):
        heads = clashing[0], [row[0] for row in clashing]
        assert all(len(set(head)) == len(head) > 1 for head in heads)
        expected = [[renamed(cell) for cell in row] for row in usual]
        if usual[0][0] == "name":  # the heading of a column of names is not beside them
            expected[0] = usual[0]
        assert clashing == expected


@pytest.mark.usefixtures("folder")
def test_in_json_lines_and_tables_of_fits_and_rows(inside: Inside) -> None:
    words = ["minimize", "y ~ rss*x + value", "rss=1", "value=1", "--data", "d.csv"]
    ran = inside([*words, "--log", "log.jsonl"])
    first = [row[0] for row in ran.rows if row[0]]
    assert ran.code == 0
    assert first[:4] == ["parameter", "rss", "value", "observations"]
    assert "gradcli.rss" in first
    assert len(set(first)) == len(first)
    for text in Path("log.jsonl").read_text("utf-8").splitlines():
        row = json.loads(text)
        assert row.keys() == {
            *("step", "gradcli.value", "rss", "value", "gradient_norm", "learning_rate")
        }

    Path("low.csv").write_text("low,fitted\n0,1\n1,3\n2,5.5\n3,7\n")
    words = ["minimize", "fitted ~ a*low + b", "a=1", "b=1", "--data", "low.csv"]
    assert inside([*words, "--predictions", "p.csv"]).code == 0
    header = Path("p.csv").read_text().splitlines()[0]
    assert header == "low,fitted,gradcli.fitted,residual,gradcli.low,high"


# ------------------------------------------------------------ exit codes


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("more", [[], ["--data", "d.csv"]])
def test_a_missing_start_is_a_fault_of_the_words(inside: Inside, more: list[str]) -> None:
    ran = inside(
        ["minimize", "sum((k*x - 1)^2)" if more else "(k*z - 1)^2", *more, "z=1"][: 2 + len(more)]
    )
    assert (ran.code, ran.out) == (2, "")
    assert "k" in ran.err
