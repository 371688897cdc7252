"""Models fitted from the command line, against scipy.optimize.curve_fit, numpy and NIST."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

import numpy as np
import pytest
from scipy import optimize, stats

from gradcli.cli.steps import PATIENCE
from gradcli.minimize.diagnostics import reported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tests.cli.conftest import Command, Inside, Ran, Terminal

    Vector = NDArray[np.float64]

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

NIST = Path(__file__).parents[1] / "reference/nist"
SETS: dict[str, Any] = json.loads((NIST / "index.json").read_text())["sets"]

STATISTICS = {
    "observations",
    "degrees_of_freedom",
    "rss",
    "residual_standard_error",
    "r_squared",
    "aic",
    "bic",
    "standard_errors",
    "t_values",
    "p_values",
    "confidence_intervals",
    "correlation",
    "covariance",
    "chi_squared",
    "chi_squared_p_value",
    "errors",
    "intervals",
}

TIMES = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10], dtype=float)
DECAY = np.array([5.02, 3.75, 2.94, 2.41, 1.86, 1.63, 1.43, 1.18, 1.09])
SIGMA = np.array([0.1, 0.1, 0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.02])
MODEL = ("minimize", "y ~ a*exp(-b*t) + c", "a=5", "b=1", "c=0", "--data", "decay.csv")


def decay(t: Vector, a: float, b: float, c: float) -> Vector:
    return np.asarray(a * np.exp(-b * t) + c)


def decay_slopes(t: Vector, a: float, b: float, c: float) -> Vector:
    del c
    return np.stack([np.exp(-b * t), -a * t * np.exp(-b * t), np.ones_like(t)], axis=1)


def write(path: Path, **columns: Sequence[float] | Vector) -> None:
    """Write columns as CSV whose numbers read back exactly."""
    rows = zip(*[np.asarray(column).tolist() for column in columns.values()], strict=True)
    text = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    path.write_text(",".join(columns) + "\n" + text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with decay.csv in it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "decay.csv", t=TIMES, y=DECAY, s=SIGMA, w=1 / SIGMA**2)
    return tmp_path


def document(ran: Ran, code: int = 0) -> dict[str, Any]:
    """The JSON of a run that ended with this code."""
    assert (ran.code, ran.err) == (code, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


def refused(ran: Ran, *parts: str, code: int) -> None:
    """Nothing on stdout, one sentence and perhaps its place and a repair on stderr."""
    assert (ran.code, ran.out) == (code, "")
    first, *rest = ran.err.splitlines()
    assert first.startswith("error: ")
    assert len(rest) <= 4
    assert all(line.startswith("  ") for line in rest)
    assert "unexpected fault" not in ran.err
    for part in parts:
        assert part in ran.err


def close(found: Mapping[str, float], expected: Sequence[float] | Vector, rel: float) -> None:
    assert list(found.values()) == pytest.approx(list(expected), rel=rel)


# ------------------------------------------------------------ the numbers of a fit


def curve_fit(
    model: Callable[..., Vector], slopes: Callable[..., Vector], start: Sequence[float], **more: Any
) -> tuple[Vector, Vector]:
    """The parameters and their covariance as scipy finds them, with an exact Jacobian."""
    found, covariance = optimize.curve_fit(
        model, TIMES, DECAY, p0=start, jac=slopes, xtol=1e-15, ftol=1e-15, gtol=1e-15, **more
    )
    return np.asarray(found), np.asarray(covariance)


def test_a_model(folder: Path, inside: Inside) -> None:
    """Every number of the report, against scipy and the formulas of R's summary and logLik."""
    del folder
    found = document(inside([*MODEL, "--json"]))
    expected, covariance = curve_fit(decay, decay_slopes, [5, 1, 0])
    errors = np.sqrt(np.diag(covariance))
    rss = float(np.sum((DECAY - decay(TIMES, *expected)) ** 2))
    report = found["statistics"]
    count, freedom = 9, 6
    likelihood = -0.5 * count * (math.log(2 * math.pi) + 1 - math.log(count) + math.log(rss))

    assert found["method"] == "lm"
    assert found["converged"]
    assert found["warnings"] == []
    assert report.keys() == STATISTICS
    close(found["parameters"], expected, 1e-9)
    assert found["minimum"] == pytest.approx(rss, rel=1e-11)
    assert report["observations"] == count
    assert report["degrees_of_freedom"] == freedom
    assert report["rss"] == pytest.approx(rss, rel=1e-11)
    assert report["residual_standard_error"] == pytest.approx(math.sqrt(rss / freedom), rel=1e-11)
    total = np.sum((DECAY - DECAY.mean()) ** 2)
    assert report["r_squared"] == pytest.approx(1 - rss / total, rel=1e-13)
    assert report["aic"] == pytest.approx(2 * 4 - 2 * likelihood, rel=1e-11)
    assert report["bic"] == pytest.approx(4 * math.log(count) - 2 * likelihood, rel=1e-11)
    close(report["standard_errors"], errors, 1e-7)
    close(report["t_values"], expected / errors, 1e-7)
    close(report["p_values"], 2 * stats.t.sf(np.abs(expected / errors), freedom), 1e-6)
    half = stats.t.ppf(0.975, freedom) * errors
    for (low, high), middle, width in zip(
        report["confidence_intervals"].values(), expected, half, strict=True
    ):
        assert (low, high) == pytest.approx((middle - width, middle + width), rel=1e-7)
    correlation = covariance / np.outer(errors, errors)
    for row, numbers in zip(report["correlation"].values(), correlation, strict=True):
        close(row, numbers, 1e-6)
    assert report["covariance"]["names"] == ["a", "b", "c"]
    assert np.allclose(report["covariance"]["matrix"], covariance, rtol=1e-6, atol=0)
    assert (report["chi_squared"], report["chi_squared_p_value"]) == (None, None)


def test_the_evaluations_of_a_fit_are_counted(folder: Path, inside: Inside) -> None:
    del folder
    found = document(inside([*MODEL, "--json"]))

    assert found["evaluations"] > found["steps"] > 3


@pytest.mark.parametrize("option", [("--sigma", "s"), ("--weights", "w")])
def test_weights(folder: Path, inside: Inside, option: tuple[str, str]) -> None:
    del folder
    found = document(inside([*MODEL, *option, "--json"]))
    expected, covariance = curve_fit(decay, decay_slopes, [5, 1, 0], sigma=SIGMA)
    rss = float(np.sum(((DECAY - decay(TIMES, *expected)) / SIGMA) ** 2))
    weights = 1 / SIGMA**2
    mean = np.sum(weights * DECAY) / np.sum(weights)

    close(found["parameters"], expected, 1e-8)
    close(found["statistics"]["standard_errors"], np.sqrt(np.diag(covariance)), 1e-6)
    assert found["statistics"]["rss"] == pytest.approx(rss, rel=1e-10)
    total = np.sum(weights * (DECAY - mean) ** 2)
    assert found["statistics"]["r_squared"] == pytest.approx(1 - rss / total, rel=1e-10)


def test_sigma_that_is_known(folder: Path, inside: Inside) -> None:
    del folder
    found = document(inside([*MODEL, "--sigma", "s", "--absolute-sigma", "--json"]))
    expected, covariance = curve_fit(
        decay, decay_slopes, [5, 1, 0], sigma=SIGMA, absolute_sigma=True
    )
    errors = np.sqrt(np.diag(covariance))
    half = stats.norm.ppf(0.975) * errors
    low, high = np.array(list(found["statistics"]["confidence_intervals"].values())).T

    close(found["statistics"]["standard_errors"], errors, 1e-6)
    assert low == pytest.approx(expected - half, rel=1e-6)
    assert high == pytest.approx(expected + half, rel=1e-6)
    chi_squared = float(np.sum(((DECAY - decay(TIMES, *expected)) / SIGMA) ** 2))
    assert found["statistics"]["chi_squared"] == pytest.approx(chi_squared, rel=1e-10)
    probability = found["statistics"]["chi_squared_p_value"]
    assert probability == pytest.approx(stats.chi2.sf(chi_squared, 6), rel=1e-9)
    lines = inside([*MODEL, "--sigma", "s", "--absolute-sigma"]).out.splitlines()
    assert lines[-1] == f"chi_squared_p_value\t{probability!r}"


@pytest.mark.parametrize("confidence", ["0.5", "0.9", "0.999"])
def test_confidence(folder: Path, inside: Inside, confidence: str) -> None:
    del folder
    report = document(inside([*MODEL, "--confidence", confidence, "--json"]))["statistics"]
    factor = stats.t.ppf(0.5 + float(confidence) / 2, 6)

    for name, (low, high) in report["confidence_intervals"].items():
        assert (high - low) / 2 == pytest.approx(factor * report["standard_errors"][name])


@pytest.mark.parametrize(("name", "scale"), [("huber", 0.03), ("soft_l1", 0.1), ("cauchy", 0.05)])
def test_a_robust_loss(
    folder: Path, inside: Inside, name: Literal["huber", "soft_l1", "cauchy"], scale: float
) -> None:
    """With an outlier, against scipy.optimize.least_squares, which halves the cost."""
    y = DECAY.copy()
    y[4] += 2
    write(folder / "decay.csv", t=TIMES, y=y)
    found = document(inside([*MODEL, "--loss", f"{name}({scale})", "--json"]))

    def residuals(point: Vector) -> Any:
        return np.subtract(decay(TIMES, *point), y)

    expected = optimize.least_squares(
        residuals,
        list(found["parameters"].values()),
        loss=name,
        f_scale=scale,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )

    close(found["parameters"], expected.x, 1e-6)
    assert found["minimum"] == pytest.approx(2 * expected.cost, rel=1e-9)
    assert found["parameters"]["a"] == pytest.approx(4.04504, rel=0.02), "the outlier counts little"
    assert found["statistics"]["r_squared"] is None
    assert found["warnings"] == [
        "R², AIC and BIC are those of least squares and do not exist for a robust loss"
    ]


@pytest.mark.parametrize("start", [pytest.param("start1", marks=pytest.mark.slow), "start2"])
@pytest.mark.parametrize("name", [name for name, row in SETS.items() if row["start1"]])
def test_nist(inside: Inside, name: str, start: str) -> None:
    """The certified parameters, deviations and sums of squares, which have 11 digits."""
    row = SETS[name]
    words = [f"{parameter}={value!r}" for parameter, value in row[start].items()]
    model = f"{row['response']} ~ {row['model']}"
    found = document(
        inside(["minimize", model, *words, "--data", str(NIST / row["csv"]), "--json"])
    )

    close(found["parameters"], [row["certified"][p] for p in row[start]], 1e-8)
    close(found["statistics"]["standard_errors"], list(row["certified_sd"].values()), 1e-6)
    if row["rss"] > 1e-20:  # Lanczos' data are exact but for rounding
        assert found["statistics"]["rss"] == pytest.approx(row["rss"], rel=1e-8)


@pytest.mark.parametrize("name", ["Longley", "Filip"])
def test_nist_linear(inside: Inside, name: str) -> None:
    row = SETS[name]
    words = [f"{parameter}=1" for parameter in row["certified"]]
    model = f"{row['response']} ~ {row['model']}"
    found = document(
        inside(["minimize", model, *words, "--data", str(NIST / row["csv"]), "--json"])
    )

    assert found["reason"] == "converged: the model is linear and was solved at once"
    close(found["parameters"], list(row["certified"].values()), 1e-6)
    close(found["statistics"]["standard_errors"], list(row["certified_sd"].values()), 1e-6)


# ------------------------------------------------------------ what is a fit

LINE_X = np.array([1.0, 2, 3, 4, 5, 7])
LINE_Y = np.array([2.1, 3.9, 6.2, 7.8, 10.1, 13.7])


@pytest.fixture
def line(folder: Path) -> Path:
    """The current folder, with line.csv in it."""
    write(folder / "line.csv", x=LINE_X, y=LINE_Y, w=np.arange(1.0, 7), zero=np.zeros(6))
    return folder


def fit(inside: Inside, *words: str, code: int = 0) -> dict[str, Any]:
    return document(inside(["minimize", *words, "--data", "line.csv", "--json"]), code)


@pytest.mark.parametrize(
    ("formula", "factor"),
    [
        ("y ~ a*x + b", 1),
        ("sum((y - a*x - b)^2)", 1),
        ("sum((a*x + b - y)^2)", 1),
        ("mean((y - a*x - b)^2)", 1 / 6),
        ("mse(a*x + b, y)", 1 / 6),
        ("0.5*sum((y - a*x - b)^2)", 0.5),
        ("u = y - a*x - b; sum(u*u)", 1),
        ("f(t) = a*t + b; y ~ f(x)", 1),
        ("y ~ a*(x - mean(x)) + (b + a*mean(x))", 1),
    ],
)
def test_sums_and_means_of_squares(line: Path, inside: Inside, formula: str, factor: float) -> None:
    """All are the same line, of scipy.stats.linregress."""
    del line
    found = fit(inside, formula, "a=1", "b=0")
    expected = stats.linregress(LINE_X, LINE_Y)
    rss = np.sum((LINE_Y - expected.slope * LINE_X - expected.intercept) ** 2)

    assert found["method"] == "lm"
    assert found["parameters"]["a"] == pytest.approx(expected.slope, rel=1e-12)
    assert found["parameters"]["b"] == pytest.approx(expected.intercept, rel=1e-11)
    assert found["statistics"]["standard_errors"] == pytest.approx(
        {"a": expected.stderr, "b": expected.intercept_stderr}, rel=1e-11
    )
    assert found["statistics"]["rss"] == pytest.approx(rss, rel=1e-11)
    assert found["minimum"] == pytest.approx(factor * rss, rel=1e-11)


@pytest.mark.parametrize("start", [(), ("a=1", "b=1")])
def test_a_formula_of_rows_is_answered_with_its_model(
    line: Path, inside: Inside, start: tuple[str, ...]
) -> None:
    ran = inside(["minimize", "a*x + b", *start, "--data", str(line / "line.csv")])

    assert ran.code == 2
    assert "has a value in each row of the data, and minimize needs one number" in ran.err
    assert "write 'y ~ a*x + b' for a fit" in ran.err


@pytest.mark.parametrize("formula", ["y ~ a*x + b", "y ~ a*x + 3*b - 2", "y ~ b - (a - 1)*x"])
def test_a_linear_model_is_solved_at_once(line: Path, inside: Inside, formula: str) -> None:
    del line
    found = fit(inside, formula, "a=1e3", "b=-1e3")

    assert found["reason"] == "converged: the model is linear and was solved at once"
    assert found["steps"] <= 1


@pytest.mark.parametrize(
    "formula",
    [
        "sum((y - a*x - b)^2) + 0.1*a^2",
        "sum(abs(y - a*x - b)^3)",
        "norm(y - a*x - b)",
        "sum((y - a*x - b)^4)",
    ],
)
def test_what_is_no_sum_of_squares(line: Path, inside: Inside, formula: str) -> None:
    del line
    found = fit(inside, formula, "a=1", "b=0")

    assert found["method"] == "newton"
    assert found["statistics"] is None


def test_weights_in_the_formula(line: Path, inside: Inside) -> None:
    del line
    inner = fit(inside, "sum(w*(y - a*x - b)^2)", "a=1", "b=0")
    outer = fit(inside, "y ~ a*x + b", "a=1", "b=0", "--weights", "w")
    slope, intercept = np.polyfit(LINE_X, LINE_Y, 1, w=np.sqrt(np.arange(1.0, 7)))

    assert inner["parameters"] == pytest.approx({"a": slope, "b": intercept}, rel=1e-10)
    assert outer["parameters"] == pytest.approx({"a": slope, "b": intercept}, rel=1e-10)
    assert inner["statistics"]["standard_errors"] == pytest.approx(
        outer["statistics"]["standard_errors"], rel=1e-12
    )


def test_arrays_as_parameters(folder: Path, inside: Inside) -> None:
    """A plane through points, against numpy.linalg.lstsq."""
    generator = np.random.default_rng(5)
    matrix, y = generator.normal(size=(40, 3)), generator.normal(size=40)
    np.savez(folder / "plane.npz", X=matrix, y=y)
    words = ["minimize", "y ~ X @ w + b", "w=zeros(3)", "b=0", "--data", "plane.npz"]
    found = document(inside([*words, "--json"]))
    design = np.column_stack([matrix, np.ones(40)])
    expected, (rss,), _, _ = np.linalg.lstsq(design, y)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss / 36)

    assert [*found["parameters"]["w"], found["parameters"]["b"]] == pytest.approx(expected.tolist())
    assert list(found["statistics"]["standard_errors"]) == ["w[0]", "w[1]", "w[2]", "b"]
    close(found["statistics"]["standard_errors"], errors, 1e-10)


def test_fixed_with_data(folder: Path, inside: Inside) -> None:
    del folder
    words = ["minimize", MODEL[1], "a=5", "b=1", "--fix", "c=1", "--data", "decay.csv", "--json"]
    found = document(inside(words))
    expected, covariance = curve_fit(
        lambda t, a, b: decay(t, a, b, 1), lambda t, a, b: decay_slopes(t, a, b, 1)[:, :2], [5, 1]
    )

    close(found["parameters"], expected, 1e-9)
    close(found["statistics"]["standard_errors"], np.sqrt(np.diag(covariance)), 1e-7)
    assert found["statistics"]["degrees_of_freedom"] == 7


@pytest.mark.parametrize("words", [("y ~ a*x + b", "--fix", "b=0"), ("y ~ a*x + std(x)",)])
def test_every_model_has_its_share_of_variance(
    line: Path, inside: Inside, words: tuple[str, ...]
) -> None:
    del line
    report = fit(inside, *words, "a=1")["statistics"]
    total = np.sum((LINE_Y - LINE_Y.mean()) ** 2)

    assert report["r_squared"] == pytest.approx(1 - report["rss"] / total)


def test_a_parameter_at_its_limit(folder: Path, inside: Inside) -> None:
    del folder
    found = document(inside([*MODEL, "--bounds", "c=:0.5", "--json"]))
    expected, covariance = curve_fit(
        lambda t, a, b: decay(t, a, b, 0.5),
        lambda t, a, b: decay_slopes(t, a, b, 0.5)[:, :2],
        [5, 1],
    )
    errors = np.sqrt(np.diag(covariance))

    assert found["parameters"] == pytest.approx(
        {"a": expected[0], "b": expected[1], "c": 0.5}, rel=1e-7
    )
    assert found["statistics"]["standard_errors"] == {
        "a": pytest.approx(errors[0], rel=1e-6),
        "b": pytest.approx(errors[1], rel=1e-6),
        "c": None,
    }
    assert any("c is at its limit" in warning for warning in found["warnings"])


@pytest.mark.parametrize("method", ["newton", "lbfgs", "lm"])
def test_another_method_gives_the_same_report(folder: Path, inside: Inside, method: str) -> None:
    del folder
    found = document(inside([*MODEL, "--method", method, "--json"]))
    expected, covariance = curve_fit(decay, decay_slopes, [5, 1, 0])

    close(found["parameters"], expected, 1e-6)
    close(found["statistics"]["standard_errors"], np.sqrt(np.diag(covariance)), 1e-5)


def test_a_model_of_parameters_and_transformed_data(line: Path, inside: Inside) -> None:
    del line
    found = fit(inside, "log(y) ~ a*log(x) + b", "a=1", "b=0")
    slope, intercept = np.polyfit(np.log(LINE_X), np.log(LINE_Y), 1)

    assert found["parameters"] == pytest.approx({"a": slope, "b": intercept}, rel=1e-11)


def test_starts_of_a_fit(folder: Path, inside: Inside) -> None:
    """A sine whose frequency is not found from the start alone."""
    t = np.linspace(0, 10, 60)
    write(folder / "wave.csv", t=t, y=2 * np.sin(3.1 * t + 0.4))
    words = ["minimize", "y ~ a*sin(k*t + p)", "a=1", "k=1", "p=0", "--data", "wave.csv"]
    limits = ["--bounds", "a=0:5", "--bounds", "k=0:6", "--bounds", "p=-3.2:3.2"]
    found = document(inside([*words, *limits, "--starts", "40", "--json"]))

    assert found["parameters"] == pytest.approx({"a": 2, "k": 3.1, "p": 0.4}, rel=1e-9)
    assert found["minima"][0]["minimum"] == found["minimum"]


# ------------------------------------------------------------ what cannot be known


@pytest.mark.parametrize(
    ("formula", "start", "lost"),
    [
        ("y ~ a*b*x", ("a=1", "b=1"), "a and b"),
        ("y ~ (a + b)*x", ("a=1", "b=1"), "a and b"),
        ("y ~ a*x + b*x + c", ("a=1", "b=1", "c=1"), "a and b"),
        ("y ~ a*x + 0*b", ("a=1", "b=1"), "b"),
        ("y ~ b*zero + a*x", ("a=1", "b=1"), "b"),
        ("y ~ sum(p)*x", ("p=[1, 0]",), "p[0] and p[1]"),
    ],
)
def test_parameters_that_are_not_determined(
    line: Path, inside: Inside, formula: str, start: tuple[str, ...], lost: str
) -> None:
    """A linear model has its minimum all the same; another one has not arrived at one."""
    del line
    is_linear = formula != "y ~ a*b*x"
    found = fit(inside, formula, *start, code=0 if is_linear else 3)
    errors = found["statistics"]["standard_errors"]

    assert is_linear or "the data do not determine a, b" in found["reason"]
    assert any(
        warning.startswith(f"the data do not determine {lost}: ") for warning in found["warnings"]
    )
    assert [name for name, error in errors.items() if error is None] == lost.split(" and ")


def test_parameters_that_are_hardly_told_apart(folder: Path, inside: Inside) -> None:
    """Years far from 0: the correlation of slope and intercept, from numpy."""
    years = np.arange(1990.0, 2010)
    y = 0.1 * years - 194 + np.sin(years) / 50
    write(folder / "years.csv", year=years, y=y)
    words = ["minimize", "y ~ a*year + b", "a=1", "b=0", "--data", "years.csv", "--json"]
    found = document(inside(words))
    _, covariance = np.polyfit(years, y, 1, cov=True)
    expected = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])

    assert found["statistics"]["correlation"]["a"]["b"] == pytest.approx(expected, abs=1e-8)
    (warning,) = found["warnings"]
    assert warning.startswith("strongly correlated estimates: a and b (-0.99999")


def test_as_many_parameters_as_rows(folder: Path, inside: Inside) -> None:
    write(folder / "two.csv", x=[1.0, 2], y=[3.0, 5.5])
    found = document(
        inside(["minimize", "y ~ a*x + b", "a=1", "b=0", "--data", "two.csv", "--json"])
    )

    assert found["parameters"] == pytest.approx({"a": 2.5, "b": 0.5})
    assert found["statistics"]["degrees_of_freedom"] == 0
    assert found["statistics"]["standard_errors"] == {"a": None, "b": None}
    assert any("no degrees of freedom" in warning for warning in found["warnings"])


@pytest.mark.parametrize("rows", [1, 4])
def test_rows_that_are_all_the_same(folder: Path, inside: Inside, rows: int) -> None:
    write(folder / "same.csv", x=[1.0] * rows, y=[2.0] * rows)
    found = document(
        inside(["minimize", "y ~ a*x + b", "a=1", "b=0", "--data", "same.csv", "--json"])
    )

    assert sum(found["parameters"].values()) == pytest.approx(2)
    assert found["statistics"]["standard_errors"] == {"a": None, "b": None}
    assert any("do not determine a and b" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    ("formula", "start"),
    [
        ("y ~ a*b*x", ("a=0", "b=0")),
        ("y ~ a*exp(-b*(x + 2000))", ("a=1", "b=1")),
    ],
)
def test_a_start_where_nothing_changes_is_no_minimum(
    line: Path, inside: Inside, formula: str, start: tuple[str, ...]
) -> None:
    del line
    ran = inside(["minimize", formula, *start, "--data", "line.csv", "--json"])
    found = json.loads(ran.out)

    assert not found["converged"] or found["minimum"] < 10


def test_tiny_data(folder: Path, inside: Inside) -> None:
    write(folder / "line.csv", x=LINE_X, y=LINE_Y * 1e-200)
    found = fit(inside, "y ~ a*x + b", "a=1", "b=0")
    slope, _ = np.polyfit(LINE_X, LINE_Y, 1)

    assert found["parameters"]["a"] == pytest.approx(slope * 1e-200, rel=1e-9)
    assert not any("constant" in warning for warning in found["warnings"])


def test_large_data(folder: Path, inside: Inside) -> None:
    write(folder / "line.csv", x=LINE_X, y=LINE_Y * 1e150)
    found = fit(inside, "y ~ a*x + b", "a=1", "b=0")
    slope, _ = np.polyfit(LINE_X, LINE_Y, 1)

    assert found["parameters"]["a"] == pytest.approx(slope * 1e150, rel=1e-9)


# ------------------------------------------------------------ files


def test_several_files_follow_each_other(line: Path, inside: Inside) -> None:
    write(line / "one.csv", x=LINE_X[:2], y=LINE_Y[:2])
    write(line / "two.csv", y=LINE_Y[2:], x=LINE_X[2:])
    words = ["minimize", "y ~ a*x + b", "a=1", "b=0"]
    apart = inside([*words, "--data", "one.csv", "--data", "two.csv", "--json"])

    assert document(apart) == fit(inside, *words[1:])


def test_stdin_as_data(line: Path, inside: Inside) -> None:
    text = (line / "line.csv").read_text()
    words = ["minimize", "y ~ a*x + b", "a=1", "b=0"]

    assert document(inside([*words, "--data", "-", "--json"], text)) == fit(inside, *words[1:])
    refused(
        inside([*words, "--data", "-", "--data", "-"], text),
        "stdin, -, can be read only once",
        code=1,
    )


@pytest.mark.parametrize(
    ("separator", "character"),
    [(";", ";"), ("semicolon", ";"), ("tab", "\t"), ("\t", "\t"), ("space", " "), ("|", "|")],
)
def test_separators(line: Path, inside: Inside, separator: str, character: str) -> None:
    text = (line / "line.csv").read_text().replace(",", character)
    (line / "other.csv").write_text(text)
    words = ["minimize", "y ~ a*x + b", "a=1", "b=0"]
    found = inside([*words, "--data", "other.csv", "--separator", separator, "--json"])

    assert document(found) == fit(inside, *words[1:])
    if character != "\t":
        (line / "other.tsv").write_text(text.replace(character, "\t"))
        assert document(inside([*words, "--data", "other.tsv", "--json"])) == document(found)


@pytest.mark.parametrize("separator", [";;", "1", "."])
def test_no_separators(line: Path, inside: Inside, separator: str) -> None:
    del line
    words = ["minimize", "y ~ a*x", "a=1", "--data", "line.csv", "--separator", separator]

    refused(inside(words), f"--separator cannot be '{separator}'", code=2)


def test_marks_and_line_ends_of_other_systems(line: Path, inside: Inside) -> None:
    text = (line / "line.csv").read_text()
    (line / "dos.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    words = ["minimize", "y ~ a*x + b", "a=1", "b=0"]

    assert document(inside([*words, "--data", "dos.csv", "--json"])) == fit(inside, *words[1:])


def test_greek_columns(folder: Path, inside: Inside) -> None:
    write(folder / "greek.csv", β=[1.0, 2, 3], υ=[2.0, 4, 6.3])
    found = document(inside(["minimize", "υ ~ α*β", "α=1", "--data", "greek.csv", "--json"]))

    assert found["parameters"] == pytest.approx({"α": 28.9 / 14})


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ("the file is empty",)),
        ("x,y\n", ("there are no rows",)),
        ("x,y\n1,2\n2\n", ("line 3 has 1 cell",)),
        ("x,y\n1,2\n2,3,4\n", ("line 3 has 3 cells",)),
        ("x,y\n1,2\n2,abc\n", ("line 3, column 2 (y)", "'abc' is not a number")),
        ("x,y\n1,2\n2,\n", ("line 3, column 2 (y)", "empty")),
        ("x,y\n1,nan\n2,3\n", ("line 2, column 2 (y)", "'nan'")),
        ("x,y\ninf,1\n2,3\n", ("line 2, column 1 (x)", "'inf' is not a finite number")),
        ("x,y\n1,2\n2,1e400\n", ("line 3, column 2 (y)", "too large for a double")),
        ("x,y,x\n1,2,3\n", ("line 1, column 3", "second column 'x'")),
        ('x,y\n1,"2\n3,4\n', ("line 2 is not closed",)),
        ("x,y\n1,\x002\n", ("line 2 holds a NUL byte",)),
        ("x|y\n1|2\n", ("--separator '|' splits it",)),
        ("x,y\n1,\x1b[31m\n", ("line 2, column 2 (y)", r"\x1b[31m")),
        ("<html>", ("HTML",)),
    ],
)
def test_bad_files(folder: Path, inside: Inside, content: str, parts: tuple[str, ...]) -> None:
    (folder / "bad.csv").write_text(content)
    ran = inside(["minimize", "y ~ a*x", "a=1", "--data", "bad.csv"])

    refused(ran, "bad.csv: ", *parts, code=1)
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("name", ["nosuch.csv", "data.txt", "nosuch.npz"])
@pytest.mark.usefixtures("folder")
def test_files_that_cannot_be_read(inside: Inside, name: str) -> None:
    refused(inside(["minimize", "y ~ a*x", "a=1", "--data", name]), name, code=1)


def test_hints_name_only_options_that_exist(folder: Path, inside: Inside) -> None:
    (folder / "bad.csv").write_text("x,y\n1,2\n2,\n")
    words = ["minimize", "y ~ a*x", "a=1", "--data", "bad.csv"]
    hint = inside(words).err

    assert "--drop-missing" not in hint or inside([*words, "--drop-missing"]).code == 0


def test_the_data_are_never_written_over(line: Path, inside: Inside) -> None:
    text = (line / "line.csv").read_text()
    words = ["minimize", "y ~ a*x + b", "a=1", "b=0", "--data", "line.csv"]

    refused(inside([*words, "--log", "line.csv"]), "line.csv", code=2)
    assert (line / "line.csv").read_text() == text


def test_files_of_other_columns(line: Path, inside: Inside) -> None:
    write(line / "other.csv", x=[1.0], z=[2.0], w=[1.0], zero=[0.0])
    words = ["minimize", "y ~ a*x", "a=1", "--data", "line.csv", "--data", "other.csv"]

    refused(inside(words), "other.csv: line 1 has no column 'y', as line.csv has", code=1)


# ------------------------------------------------------------ names and options


@pytest.mark.parametrize(
    ("words", "parts", "code"),
    [
        (("y ~ a*x", "a=1", "x=3"), ("x is a column of the data and a parameter as well",), 2),
        (("y ~ a*x", "a=1", "--fix", "x=3"), ("x is a column of the data",), 2),
        (("y ~ a*x", "a=1", "y=3"), ("y is a column of the data",), 2),
        (("y ~ 3*x",), ("there is nothing to minimise",), 2),
        (("y ~ a*x", "a=1", "b=2"), ("the formula does not use b",), 2),
        (("a*x", "a=1"), ("minimize needs one number", "write 'y ~ a*x' for a fit"), 2),
        (("y ~ a*x ~ y", "a=1"), ("'~' stands once",), 2),
        (("y ~ a*x + [1, 2]", "a=1"), ("do not fit together",), 2),
        (("y ~ p*x", "p=[1, 2]"), ("do not fit together",), 2),
        (("y ~ p[2]*x", "p=[1, 2]"), ("index 2 is outside an axis of length 2",), 2),
        (("a^2", "a=1"), ("uses no column of line.csv", "x, y, w, zero"), 1),
        (("y ~ sinn(a*x)", "a=1"), ("did you mean 'sin'?",), 2),
        (("y ~ a*x", "a=1", "--sigma", "w", "--weights", "w"), ("exclude each other",), 2),
        (("y ~ a*x", "a=1", "--absolute-sigma"), ("--absolute-sigma needs --sigma",), 2),
        (("y ~ a*x", "a=1", "--weights", "w", "--absolute-sigma"), ("needs --sigma",), 2),
        (("y ~ a*x", "a=1", "--sigma", "nosuch"), ("no such column",), 2),
        (("y ~ a*x", "a=1", "--loss", "tukey"), ("there is no loss 'tukey'",), 2),
        (("y ~ a*x", "a=1", "--loss", "huber(0)"), ("greater than 0",), 2),
        (("y ~ a*x", "a=1", "--loss", "huber(1, 2)"), ("huber has 1 setting, not 2",), 2),
        (("sum((y - a*x)^2)", "a=1", "--sigma", "w"), ("belong to a model y ~",), 2),
        (("y ~ log(a*x)", "a=-1"), ("undefined at the start", "log is undefined at -1"), 1),
        (("y ~ a/zero", "a=1"), ("undefined at the start", "division by zero"), 1),
        (("y ~ a*x", "a=1e300"), ("undefined at the start", "too large"), 1),
    ],
)
def test_mistakes(
    line: Path, inside: Inside, words: tuple[str, ...], parts: tuple[str, ...], code: int
) -> None:
    del line
    refused(inside(["minimize", *words, "--data", "line.csv"]), *parts, code=code)


@pytest.mark.parametrize("option", ["--sigma", "--weights"])
def test_bad_weights_are_named_with_their_row(folder: Path, inside: Inside, option: str) -> None:
    write(folder / "bad.csv", x=[1.0, 2, 3], y=[1.0, 2, 3], s=[1.0, -2, 1])
    ran = inside(["minimize", "y ~ a*x", "a=1", "--data", "bad.csv", option, "s"])

    assert ran.code in {1, 2}
    refused(ran, "row 2", "-2", code=ran.code)


@pytest.mark.parametrize("method", ["lm", "adam", "lbfgs"])
def test_the_row_at_fault_is_named(folder: Path, inside: Inside, method: str) -> None:
    write(folder / "bad.csv", x=[4.0, 0, 1, -1], y=[1.0, 2, 3, 4])
    ran = inside(["minimize", "y ~ a*log(x)", "a=1", "--data", "bad.csv", "--method", method])

    assert ran.err.splitlines() == [
        (
            "error: the objective is undefined at the start: log is undefined at 0 "
            "(needs a number > 0) in row 2 of bad.csv (line 3)"
        ),
        "  y ~ a*log(x)",
        "        ^^^^^^",
        "  where x = 0",
        "  no start changes that; leave the row out, or write another formula",
    ]
    assert (ran.code, ran.out) == (1, "")


def test_weights_of_0(line: Path, inside: Inside) -> None:
    del line
    words = ["minimize", "y ~ a*x", "a=1", "--data", "line.csv", "--weights", "zero"]
    ran = inside(words)

    refused(ran, "all weights are 0", code=ran.code)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("Y ~ a*x", "a=1"), "did you mean 'y'?"),
        (("yy ~ a*x", "a=1"), "did you mean 'y'?"),
        (("q ~ a*x", "a=1"), "its columns are x, y, w, zero"),
        (("y ~ a*x", "a=1", "--weights", "W"), "did you mean 'w'?"),
        (("y ~ a*x", "a=1", "--sigma", "nosuch"), "its columns are x, y, w, zero"),
    ],
)
def test_a_missing_column_is_found_among_all(
    line: Path, inside: Inside, words: tuple[str, ...], part: str
) -> None:
    del line
    ran = inside(["minimize", *words, "--data", "line.csv"])

    refused(ran, part, code=ran.code)


def test_the_number_of_rows(line: Path, inside: Inside) -> None:
    del line
    found = fit(inside, "sum((y - a*x)^2)/len(x) + 0*a", "a=1")

    assert found["parameters"]["a"] == pytest.approx(LINE_X @ LINE_Y / (LINE_X @ LINE_X))


def test_errors_as_json(line: Path, inside: Inside) -> None:
    del line
    ran = inside(["minimize", "y ~ a*log(x - 2)", "a=1", "--data", "line.csv", "--json"])
    error = json.loads(ran.err)["error"]

    assert (ran.code, ran.out) == (1, "")
    assert error["kind"] == "mathematics"
    assert error["expression"] == "y ~ a*log(x - 2)"
    assert error["span"] == [6, 16]


# ------------------------------------------------------------ what is shown


def test_the_plain_report(folder: Path, inside: Inside) -> None:
    del folder
    ran = inside(list(MODEL))
    found = document(inside([*MODEL, "--json"]))
    report = found["statistics"]
    table, numbers = (part.splitlines() for part in ran.out.split("\n\n"))
    header, *rows = (line.split("\t") for line in table)

    assert header == ["parameter", "value", "standard_error", "t_value", "p_value", "low", "high"]
    for name, *cells in rows:
        assert [float(cell) for cell in cells] == [
            found["parameters"][name],
            *(report[key][name] for key in ("standard_errors", "t_values", "p_values")),
            *report["confidence_intervals"][name],
        ]
    assert {name: float(value) for name, value in (line.split("\t") for line in numbers)} == {
        name: value for name, value in report.items() if isinstance(value, int | float)
    }
    assert ran.err.startswith("note: lm (the objective is a sum of squares over data) converged: ")
    assert ran.err.count("\n") == 1


def test_the_report_as_csv(folder: Path, inside: Inside) -> None:
    del folder
    plain, ran = inside(list(MODEL)), inside([*MODEL, "--csv"])

    assert ran.out == plain.out.split("\n\n")[0].replace("\t", ",") + "\n"


def test_what_does_not_exist_is_an_empty_cell(folder: Path, inside: Inside) -> None:
    write(folder / "two.csv", x=[1.0, 2], y=[3.0, 5])
    words = ["minimize", "y ~ a*x + b", "a=1", "b=0", "--data", "two.csv", "--digits", "3"]
    first, *_ = inside(words).out.split("\n\n")

    assert [line.split("\t")[2:] for line in first.splitlines()[1:]] == [[""] * 5] * 2
    assert "nan" not in first


def test_the_log_of_a_fit(folder: Path, inside: Inside) -> None:
    found = document(inside([*MODEL, "--json", "--log", "log.csv", "--save", "p.json"]))
    first, *_, last = csv.DictReader((folder / "log.csv").read_text().splitlines())

    assert {name: float(first[name]) for name in "abc"} == {"a": 5, "b": 1, "c": 0}
    assert {name: float(last[name]) for name in "abc"} == found["parameters"]
    assert float(last["value"]) == pytest.approx(found["minimum"], rel=1e-12)
    assert json.loads((folder / "p.json").read_text())["parameters"] == found["parameters"]


@pytest.mark.parametrize(
    "columns",
    [80, pytest.param(60, marks=pytest.mark.slow), pytest.param(120, marks=pytest.mark.slow)],
)
def test_the_report_on_a_terminal(terminal: Terminal, columns: int) -> None:
    write(terminal.folder / "decay.csv", t=TIMES, y=DECAY)
    screen = terminal(*MODEL, columns=columns)
    words = [line.split() for line in screen.lines]

    assert screen.code == 0
    assert max(len(line) for line in screen.text.splitlines() if "R²" not in line) <= columns
    assert "lm: the objective is a sum of squares over data" in screen.lines
    for value in ("4.04504", "0.360644", "0.964935", "0.04822", "0.01121"):
        assert any(value in line for line in words), "no number is cut"
    assert "from … to: 95 % confidence interval" in screen.lines
    assert ["observations", "9"] in words
    assert ["degrees", "of", "freedom", "6"] in words
    assert "correlation of the estimates" in screen.lines
    assert "…" not in screen.text.replace("from … to", "")


def test_every_line_of_the_report_fits(terminal: Terminal) -> None:
    write(terminal.folder / "decay.csv", t=TIMES, y=DECAY)
    screen = terminal(*MODEL, columns=80)

    assert max(len(line) for line in screen.text.splitlines()) <= 80


def test_warnings_on_a_terminal(terminal: Terminal) -> None:
    write(terminal.folder / "line.csv", x=LINE_X, y=LINE_Y)
    screen = terminal(
        *("minimize", "y ~ a*b*x", "a=1", "b=1", "--data", "line.csv", "--confidence", "0.9")
    )

    assert screen.code == 3
    assert "from … to: 90 % confidence interval" in screen.lines
    assert "the data do not determine a and b" in screen.text
    assert "None" not in screen.text
    assert "nan" not in screen.text


def test_steps_asked_for_on_a_terminal(terminal: Terminal) -> None:
    write(terminal.folder / "decay.csv", t=TIMES, y=DECAY)
    screen = terminal(*MODEL, "--steps", "2", columns=100)

    assert screen.code == 0
    assert "completed the 2 steps asked for" in screen.lines


# ------------------------------------------------------------ many rows

ROWS = 1_000_000


MEASURED = """\
import sys
from gradcli.cli.app import run
code = run(sys.argv[1:])
with open("/proc/self/status") as file:
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
sys.exit(code)
"""
"""Runs a command and says its peak in KiB. That of rusage is no smaller than the parent's."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted in KiB on Linux")
def test_a_million_rows(gradcli: Command) -> None:
    """A fit over 16 MB of numbers ends below 10 times that, of which 75 MB are the libraries."""
    generator = np.random.default_rng(3)
    x = np.linspace(0, 10, ROWS)
    y = 3 * np.exp(-0.3 * x) + 1 + generator.normal(0, 0.1, ROWS)
    np.savetxt(gradcli.folder / "big.csv", np.c_[x, y], delimiter=",", header="x,y", comments="")
    words = ("minimize", "y ~ a*exp(-b*x) + c", "a=1", "b=1", "c=0", "--data", "big.csv", "--json")
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        cwd=gradcli.folder,
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(ran.stdout)
    peak = 1024 * int(ran.stderr)

    assert found["statistics"]["observations"] == ROWS
    assert found["parameters"] == pytest.approx({"a": 3, "b": 0.3, "c": 1}, rel=2e-3)
    for name, true in (("a", 3), ("b", 0.3), ("c", 1)):
        error = found["statistics"]["standard_errors"][name]
        assert abs(found["parameters"][name] - true) < 5 * error
    assert peak < 10 * 16 * ROWS


DOSES = np.array([0, 0.5, 1, 2, 4, 8, 16, 32], dtype=float)
NOISE = 0.01 * np.array([1, -2, 1.5, -0.5, 1, -1, 0.5, -1.5])
AT_ZERO: dict[str, tuple[str, Callable[..., Vector], dict[str, float], dict[str, float]]] = {
    "hill": (
        "a*(x/c)^b/(1 + (x/c)^b)",
        lambda x, a, c, b: a * (x / c) ** b / (1 + (x / c) ** b),
        {"a": 2, "c": 4, "b": 0.8},
        {"a": 1.5, "c": 3, "b": 0.7},
    ),
    "weibull": (
        "a*(1 - exp(-(x/c)^b))",
        lambda x, a, c, b: a * (1 - np.exp(-((x / c) ** b))),
        {"a": 2, "c": 5, "b": 0.7},
        {"a": 1.5, "c": 4, "b": 0.9},
    ),
    "stretched exponential": (
        "a*exp(-(k*x)^b)",
        lambda x, a, k, b: a * np.exp(-((k * x) ** b)),
        {"a": 2, "k": 0.2, "b": 0.6},
        {"a": 1, "k": 0.3, "b": 0.8},
    ),
    "dose response": (
        "a + (d - a)/(1 + (x/c)^b)",
        lambda x, a, d, c, b: a + (d - a) / (1 + (x / c) ** b),
        {"a": 2, "d": 0.5, "c": 4, "b": 0.9},
        {"a": 1.5, "d": 0.2, "c": 3, "b": 0.7},
    ),
    "growth": (
        "a*(1 - exp(-k*x))^b",
        lambda x, a, k, b: a * (1 - np.exp(-k * x)) ** b,
        {"a": 2, "k": 0.2, "b": 0.7},
        {"a": 1.5, "k": 0.3, "b": 0.9},
    ),
    "root": (
        "sqrt(a*x) + b",
        lambda x, a, b: np.sqrt(a * x) + b,
        {"a": 2, "b": 0.3},
        {"a": 1, "b": 1},
    ),
    "branches": (
        "where(x > 100, sqrt(a), a*x)",
        lambda x, a: a * x,
        {"a": 2},
        {"a": -1},
    ),
}


@pytest.mark.parametrize("engine", ["python", "native"])
@pytest.mark.parametrize("name", AT_ZERO)
def test_a_row_that_is_0(inside: Inside, folder: Path, name: str, engine: str) -> None:
    text, model, true, start = AT_ZERO[name]
    y = model(DOSES, **true) + NOISE
    write(folder / "doses.csv", x=DOSES, y=y)
    words = [f"{n}={value}" for n, value in start.items()]
    options = ("--data", "doses.csv", "--json", "--engine", engine)
    found = document(inside(["minimize", f"y ~ {text}", *words, *options]))
    wanted, covariance = optimize.curve_fit(model, DOSES, y, p0=list(true.values()))

    assert list(found["parameters"].values()) == pytest.approx(wanted, rel=1e-5)
    errors = list(found["statistics"]["standard_errors"].values())
    assert errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-3)


def test_a_signal_during_the_report_loses_nothing(folder: Path, inside: Inside) -> None:
    """The run is over, so what follows may take longer than a step may after a signal."""

    def slow(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE + 0.2)
        return reported(*arguments)

    with mock.patch("gradcli.minimize.minimize.reported", slow):
        ran = inside([*MODEL, "--save", "p.json"])

    assert ran.code == 143
    assert ran.out == inside(MODEL).out
    saved = json.loads((folder / "p.json").read_text())["parameters"]
    assert [float(row[1]) for row in ran.rows[1:4]] == list(saved.values())
