"""Minimising from Python: all that the command's JSON holds, and every step."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import optimize

import gradcli
from gradcli import parse
from gradcli.errors import FileError, GradcliError, MathematicsError, NameValueError, UsageError
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from pathlib import Path

    from gradcli.minimize.minimum import Iterate, Minimum

TIMES = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10], dtype=float)
DECAY = np.array([5.02, 3.75, 2.94, 2.41, 1.86, 1.63, 1.43, 1.18, 1.09])
DATA = {"t": TIMES, "y": DECAY}
MODEL = "y ~ a*exp(-b*t) + c"
START = {"a": 5, "b": 1, "c": 0}
VALLEY = "(1-x)^2 + 100*(y-x^2)^2"


def plain(value: Any) -> Any:
    """Arrays and tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def write(path: Path) -> str:
    rows = "".join(f"{t!r},{y!r}\n" for t, y in zip(TIMES.tolist(), DECAY.tolist(), strict=True))
    path.write_text("t,y\n" + rows)
    return str(path)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    from gradcli.cli.app import run

    run(["minimize", *words, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def valley(point: Any) -> float:
    x, y = point
    return float((1 - x) ** 2 + 100 * (y - x * x) ** 2)


# ------------------------------------------------------------ the same as the command


def test_a_fit_is_that_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "decay.csv")
    words = [f"{name}={value}" for name, value in START.items()]
    expected = command(capsys, MODEL, *words, "--data", path)

    assert plain(parse(MODEL).minimize(START, data=DATA).document()) == expected
    assert plain(parse(MODEL).minimize(START, data=path).document()) == expected
    assert expected["statistics"]["observations"] == len(TIMES)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ((), {}),
        (("--method", "lbfgs", "--tol", "1e-5"), {"method": "lbfgs", "tol": 1e-5}),
        (("--lr", "1e-3", "--steps", "50"), {"lr": 1e-3, "steps": 50}),
        (
            ("--method", "adam(beta1=0.8)", "--schedule", "cosine(t_max=30)", "--steps", "30"),
            {"method": "adam(beta1=0.8)", "schedule": "cosine(t_max=30)", "steps": 30},
        ),
        (("--bounds", "x=-2:0.5"), {"bounds": {"x": (-2, 0.5)}}),
        (("--bounds", "x=-2:2", "--starts", "4"), {"bounds": {"x": (-2, 2)}, "starts": 4}),
        (("--starts", "4", "--seed", "9"), {"starts": 4, "seed": 9}),
        (("--lr", "1"), {"lr": 1}),
    ],
)
def test_a_minimum_is_that_of_the_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], options: dict[str, Any]
) -> None:
    found = parse(VALLEY).minimize(x=-1.2, y=1, **options)
    # Sentences name an option as whoever reads them writes it.
    found = found._replace(reason=found.reason.replace("a smaller lr", "a smaller --lr"))

    assert plain(found.document()) == command(capsys, VALLEY, "x=-1.2", "y=1", *words)


def test_arrays_and_fixed_names_are_those_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    formula = "sum((W - c)^2) + b^2"
    found = parse(formula).minimize(W=np.zeros((2, 2)), b=1, fix={"c": np.array([[1, 2], [3, 4]])})
    words = ["W=zeros(2,2)", "b=1", "--fix", "c=[[1,2],[3,4]]"]

    assert plain(found.document()) == command(capsys, formula, *words)
    assert isinstance(found.parameters["W"], np.ndarray)
    assert found.parameters["W"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("loss", "words"),
    [("huber(0.05)", ("--loss", "huber(0.05)")), (None, ("--confidence", "0.5"))],
)
def test_settings_of_a_fit_are_those_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loss: str | None, words: tuple[str, ...]
) -> None:
    path = write(tmp_path / "decay.csv")
    confidence = 0.95 if loss else 0.5
    found = parse(MODEL).minimize(START, data=path, loss=loss, confidence=confidence)
    start = [f"{name}={value}" for name, value in START.items()]

    assert plain(found.document()) == command(capsys, MODEL, *start, "--data", path, *words)


# ------------------------------------------------------------ what is found


def test_the_parts_of_a_minimum() -> None:
    found = parse(VALLEY).minimize(x=-1.2, y=1)

    assert found.expression == VALLEY
    assert found.converged
    assert found.ending is Ending.CONVERGED
    assert (found.method, found.why) == ("lm", "the objective is a sum of squares")
    assert found.reason.startswith("converged: ")
    assert found.parameters == pytest.approx({"x": 1, "y": 1})
    assert found.minimum == valley(found.parameters.values())
    assert found.steps == len(found.history) - 1
    assert found.evaluations > found.steps
    assert found.statistics is None
    assert found.warnings == []
    assert found.minima == []
    assert found.starts == 1


def test_the_history() -> None:
    found = parse(VALLEY).minimize(x=-1.2, y=1, lr=1e-3, steps=20)

    assert [iterate.step for iterate in found.history] == list(range(21))
    assert found.history[0].parameters == {"x": -1.2, "y": 1}
    assert found.history[-1].parameters == found.parameters
    x, y = -1.2, 1.0
    for iterate in found.history:
        assert iterate.parameters == pytest.approx({"x": x, "y": y}, rel=1e-12)
        assert iterate.value == pytest.approx(valley((x, y)), rel=1e-12)
        slope = optimize.rosen_der([x, y])
        assert iterate.gradient_norm == pytest.approx(math.hypot(*slope), rel=1e-12)
        assert iterate.learning_rate == 1e-3
        x, y = x - 1e-3 * slope[0], y - 1e-3 * slope[1]


def test_the_history_of_arrays_is_not_changed_afterwards() -> None:
    found = parse("sum((W - 1)^2)").minimize(W=np.zeros(2), lr=0.25, steps=3)

    assert [iterate.parameters["W"].tolist() for iterate in found.history] == [
        [0, 0],
        [0.5, 0.5],
        [0.75, 0.75],
        [0.875, 0.875],
    ]


def test_the_start_is_not_changed() -> None:
    start = np.zeros(2)
    parse("sum((W - 1)^2)").minimize(W=start)

    assert start.tolist() == [0, 0]


def test_observed_as_it_runs() -> None:
    seen: list[Iterate] = []
    kept = parse(MODEL).minimize(START, data=DATA).history
    found = parse(MODEL).minimize(START, data=DATA, observe=seen.append)

    assert seen == kept
    assert found.history == []


def test_an_observer_may_stop_the_run() -> None:
    def stop(iterate: Iterate) -> None:
        if iterate.step == 5:
            raise KeyboardInterrupt

    found = parse("x^2").minimize(x=1, lr=0.01, observe=stop)

    assert found.ending is Ending.INTERRUPTED
    assert found.reason == "interrupted after step 5"
    assert found.parameters["x"] == pytest.approx(0.98**5)


def test_several_starts() -> None:
    found = parse("(x^2 - 1)^2 + x/10").minimize(x=0.8, bounds={"x": (-2, 2)}, starts=12)
    roots = np.roots([4, 0, -4, 0.1])
    values = sorted((r * r - 1) ** 2 + r / 10 for r in roots.real if abs(r) > 0.5)

    assert [each.minimum for each in found.minima] == pytest.approx(values)
    assert found.parameters == found.minima[0].parameters
    assert found.starts == sum(each.times for each in found.minima) == 12
    assert found.history[-1].parameters == found.parameters


def test_weights_and_sigma_as_arrays() -> None:
    """Against scipy.optimize.curve_fit."""
    sigma = np.linspace(0.1, 0.02, len(TIMES))
    expected, covariance = optimize.curve_fit(
        lambda t, a, b, c: a * np.exp(-b * t) + c,
        TIMES,
        DECAY,
        p0=[5, 1, 0],
        sigma=sigma,
        absolute_sigma=True,
        xtol=1e-15,
        ftol=1e-15,
    )
    formula = parse(MODEL)
    known = formula.minimize(START, data=DATA, sigma=sigma, absolute_sigma=True)
    relative = formula.minimize(START, data=DATA, weights=1 / sigma**2)

    assert list(known.parameters.values()) == pytest.approx(expected.tolist(), rel=1e-6)
    assert list(relative.parameters.values()) == pytest.approx(expected.tolist(), rel=1e-6)
    assert known.statistics is not None
    assert relative.statistics is not None
    errors = np.sqrt(np.diag(covariance))
    assert list(known.statistics.standard_errors.values()) == pytest.approx(errors, rel=1e-5)
    spread = relative.statistics.residual_standard_error
    assert spread is not None
    assert list(relative.statistics.standard_errors.values()) == pytest.approx(
        spread * errors, rel=1e-5
    )


def test_weights_by_name_of_a_column() -> None:
    weights = np.arange(1.0, 10)
    named = parse(MODEL).minimize(START, data={**DATA, "w": weights}, weights="w")
    given = parse(MODEL).minimize(START, data=DATA, weights=weights)

    assert plain(named.document()) == plain(given.document())


def test_lists_are_data_too() -> None:
    lists = {name: column.tolist() for name, column in DATA.items()}
    found = parse(MODEL).minimize(START, data=lists)

    assert plain(found.document()) == plain(parse(MODEL).minimize(START, data=DATA).document())


@pytest.mark.parametrize("rows", [3, 3000])
def test_squares_of_means_of_any_number_of_rows(rows: int) -> None:
    x = np.linspace(1, 2, rows)
    found = parse("(mean(a*x) - 1)^2 + (a - 2)^2").minimize(a=1, data={"x": x}, method="lm")

    # By hand: 2*m*(m*a - 1) + 2*(a - 2) = 0 for the mean m of x.
    assert found.parameters["a"] == pytest.approx(3.5 / 3.25, rel=1e-14)


def test_data_that_the_formula_does_not_use() -> None:
    found = parse(MODEL).minimize(START, data={**DATA, "more": np.zeros(3)})

    assert found.parameters["a"] == pytest.approx(4.04504, rel=1e-5)


def test_a_formula_built_in_python() -> None:
    x, y = gradcli.variables("x y")
    found = ((1 - x) ** 2 + 100 * (y - x * x) ** 2).minimize(x=-1.2, y=1)

    assert found.parameters == pytest.approx({"x": 1, "y": 1})


def test_a_run_that_diverges() -> None:
    found = parse("x^2").minimize(x=1, lr=10)

    assert not found.converged
    assert found.ending is Ending.DIVERGED
    assert found.parameters == {"x": 1}
    assert all(math.isfinite(iterate.value) for iterate in found.history)


# ------------------------------------------------------------ mistakes


def run(formula: str, start: dict[str, Any], **options: Any) -> Minimum:
    return parse(formula).minimize(start, **options)


@pytest.mark.parametrize(
    ("formula", "start", "options", "kind", "part"),
    [
        ("x^2", {}, {}, NameValueError, "x"),
        ("x^2", {"x": 1, "y": 1}, {}, NameValueError, "does not use y"),
        ("x^2", {"x": float("nan")}, {}, NameValueError, "x"),
        ("x^2", {"x": 1}, {"fix": {"x": 1}}, NameValueError, "fixed as well"),
        ("x^2", {"x": 1}, {"bounds": {"x": (2, 3)}}, NameValueError, "outside its bounds"),
        ("x^2", {"x": 1}, {"bounds": {"x": (2, 1)}}, NameValueError, "not below"),
        ("x^2", {"x": 1}, {"bounds": {"z": (0, 1)}}, NameValueError, "no parameter"),
        ("x^2", {"x": 1}, {"method": "nosuch"}, UsageError, "no method"),
        ("x^2", {"x": 1}, {"method": "newton", "lr": 1}, UsageError, "learning rate"),
        ("x^2", {"x": 1}, {"loss": "huber"}, UsageError, "model"),
        ("x^2", {"x": 1}, {"sigma": 1}, UsageError, "model"),
        (MODEL, {**START, "t": 1}, {"data": DATA}, NameValueError, "a column of the data"),
        (MODEL, START, {"data": DATA, "weights": np.ones(3)}, NameValueError, "3 weights for 9"),
        (MODEL, START, {"data": DATA, "weights": -np.ones(9)}, FileError, "row 1"),
        (MODEL, START, {"data": DATA, "sigma": np.zeros(9)}, FileError, "row 1"),
        (MODEL, START, {"data": DATA, "weights": np.zeros(9)}, FileError, "all weights"),
        (MODEL, START, {"data": DATA, "loss": "tukey"}, UsageError, "no loss"),
        (MODEL, START, {"data": {**DATA, "y": DECAY[:4]}}, GradcliError, "fit together"),
        (MODEL, START, {"data": {"y": DECAY}}, GradcliError, "t"),
        (MODEL, START, {"data": "nosuch.csv"}, GradcliError, "nosuch.csv"),
        ("log(x)", {"x": -1}, {}, MathematicsError, "undefined at the start"),
    ],
)
def test_mistakes(
    formula: str, start: dict[str, Any], options: dict[str, Any], kind: type[Exception], part: str
) -> None:
    with pytest.raises(kind) as caught:
        run(formula, start, **options)
    assert part in str(caught.value)


@pytest.mark.parametrize("bounds", [(0,), (math.nan, 1), ("a", 1)])
def test_bounds_that_are_none(bounds: Any) -> None:
    with pytest.raises((GradcliError, ValueError, TypeError)):
        run("x^2", {"x": 1}, bounds={"x": bounds})


@pytest.mark.parametrize(
    "options",
    [
        {"steps": -1},
        {"steps": 1.5},
        {"lr": -1.0},
        {"lr": float("nan")},
        {"tol": -1.0},
        {"starts": 0},
        {"seconds": -1.0},
        {"confidence": 1.0},
        {"confidence": 95},
    ],
    ids=str,
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    """What the command refuses is refused here as well."""
    with pytest.raises((NameValueError, UsageError)):
        run("x^2", {"x": 1}, **options)
