"""The way down from the command line: methods, limits, starts, files, streams and exit codes."""

from __future__ import annotations

import csv
import json
import math
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pexpect
import pytest
from scipy import optimize

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Ran, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

REFERENCE = Path(__file__).parents[1] / "reference"
VALLEY = ("minimize", "(1-x)^2 + 100*(y-x^2)^2", "x=-1.2", "y=1")
FUNCTIONS = {"rosenbrock": VALLEY[1]}
FIELDS = {
    "schema",
    "expression",
    "method",
    "converged",
    "reason",
    "steps",
    "evaluations",
    "minimum",
    "parameters",
    "gradient_norm",
    "statistics",
    "warnings",
    "digits",
}
LEARNING = (
    *("minimize", "mean((a*t - y)^2)", "a=0", "--data", "d.csv"),
    *("--batch", "3", "--epochs", "100000000", "--lr", "1e-9"),
)
ENDLESS = (
    *("minimize", "(x - 3)^2 + (y + 1)^2", "x=0", "y=0"),
    *("--lr", "1e-9", "--tol", "0", "--steps", "1000000000"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(ran: Ran, code: int = 0) -> dict[str, Any]:
    """The JSON of a run that ended with this code."""
    assert (ran.code, ran.err) == (code, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


def refused(ran: Ran, *parts: str, code: int = 2) -> None:
    """Nothing on stdout, one sentence and perhaps its place and a repair on stderr."""
    assert (ran.code, ran.out) == (code, "")
    first, *rest = ran.err.splitlines()
    assert first.startswith("error: ")
    assert len(rest) <= 4
    assert all(line.startswith("  ") for line in rest)
    assert "Traceback" not in ran.err
    assert "unexpected fault" not in ran.err
    for part in parts:
        assert part in ran.err


# ------------------------------------------------------------ methods

TRACES = [
    trace
    for trace in json.loads((REFERENCE / "torch/traces.json").read_text())
    if trace["function"] in FUNCTIONS
]


@pytest.mark.parametrize("trace", TRACES, ids=[trace["method"] for trace in TRACES])
def test_first_order_methods_are_those_of_torch(inside: Inside, trace: dict[str, Any]) -> None:
    """The points after so many steps, from reference/torch."""
    words = ["minimize", FUNCTIONS[trace["function"]], *map("{}={!r}".format, "xy", trace["start"])]
    last = max(map(int, trace["points"]))
    options = ["--method", trace["method"], "--lr", repr(trace["lr"]), "--steps", str(last)]
    ran = inside([*words, *options, "--tol", "0", "--every", "1"])
    header, *rows = ran.rows

    assert ran.code == 0
    assert header == ["step", "value", "x", "y", "gradient_norm", "learning_rate"]
    assert len(rows) == last + 1
    for step, point in trace["points"].items():
        assert [float(cell) for cell in rows[int(step)][2:4]] == pytest.approx(point, rel=1e-11)


SCHEDULES = [
    case
    for case in json.loads((REFERENCE / "torch/schedules.json").read_text())
    if not case["schedule"].startswith("plateau")  # it follows the values, not the steps
]


@pytest.mark.parametrize("case", SCHEDULES, ids=[case["schedule"] for case in SCHEDULES])
def test_schedules_are_those_of_torch(inside: Inside, case: dict[str, Any]) -> None:
    """The rate of each step is that of reference/torch; row 0 shows the first step's."""
    rates = case["lr_at_step"]
    ran = inside(
        [
            *("minimize", "x", "x=0", "--lr", repr(case["lr"]), "--schedule", case["schedule"]),
            *("--steps", str(len(rates)), "--every", "1"),
        ]
    )
    shown = [float(row[-1]) for row in ran.rows[2:]]

    assert ran.code == 0
    assert shown == pytest.approx(rates, rel=1e-12, abs=1e-15)
    # Plain descent on x itself goes down by each rate.
    moved = np.diff([float(row[2]) for row in ran.rows[1:]])
    assert -moved == pytest.approx(rates, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("method", ["newton", "lbfgs", "lm"])
def test_second_order_methods_reach_the_valley(inside: Inside, method: str) -> None:
    found = document(inside([*VALLEY, "--method", method, "--json"]))

    assert found["method"] == method
    assert found["parameters"] == pytest.approx({"x": 1, "y": 1}, abs=1e-7)
    assert found["steps"] < 60


@pytest.mark.parametrize(
    ("words", "method", "why"),
    [
        (("x^2", "x=1"), "lm", "the model is linear in its parameters"),
        (("(x^2 - 1)^2", "x=3"), "lm", "the objective is a sum of squares"),
        (("x^4", "x=1"), "newton", "1 parameter, few enough for the exact Hessian"),
        (
            ("abs(x)", "x=1"),
            "newton",
            "1 parameter, few enough for the exact Hessian; kinks are rounded at first",
        ),
        (("x@x", "x=ones(50)"), "newton", "50 parameters, few enough for the exact Hessian"),
        (("x@x", "x=ones(51)"), "lbfgs", "51 parameters, too many for the Hessian"),
        (("x^2", "x=1", "--lr", "0.3"), "gd", "--lr asks for gradient descent"),
        (("x^2", "x=1", "--schedule", "constant"), "gd", "--schedule asks for gradient descent"),
        (("x^2", "x=1", "--method", "rprop"), "rprop", "--method asks for it"),
    ],
)
def test_the_method_and_why(inside: Inside, words: tuple[str, ...], method: str, why: str) -> None:
    ran = inside(["minimize", *words])

    assert ran.err.startswith(f"note: {method} ({why}) ")


PROBLEMS = [
    problem
    for problem in json.loads((REFERENCE / "minima.json").read_text())
    if problem["smooth_at_argmin"] and not problem["local_minima"]
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=[problem["name"] for problem in PROBLEMS])
def test_published_problems(inside: Inside, problem: dict[str, Any]) -> None:
    """Moré, Garbow and Hillstrom's problems and others, from their own starts."""
    start = [f"{name}={value}" for name, value in problem["start"].items()]
    found = document(inside(["minimize", problem["expr"], *start, "--json"]))

    assert found["converged"]
    assert found["minimum"] == pytest.approx(problem["minimum"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--method", "bfgs"), ("there is no method 'bfgs'", "did you mean 'lbfgs'?")),
        (("--method", ""), ("--method is empty",)),
        (("--method", "adam("), ("a ')' is missing",)),
        (("--method", "adam(beta3=1)"), ("adam has no setting 'beta3'", "'beta1'")),
        (("--method", "adam(beta1=1)"), ("must be at least 0 and below 1, not 1",)),
        (("--method", "adam(lr=1)"), ("--lr",)),
        (("--method", "newton(3)"), ("newton has no settings",)),
        (("--method", "newton", "--lr", "1"), ("newton has no learning rate",)),
        (("--method", "lm", "--schedule", "constant"), ("lm has no learning rate",)),
        (("--schedule", "cosin(t_max=3)"), ("did you mean 'cosine'?",)),
        (("--schedule", "cosine"), ("cosine needs the setting t_max",)),
        (("--schedule", "cosine(t_max=0)"), ("whole number of at least 1, not 0",)),
        (("--weights", "w"), ("there is no --data",)),
        (("--absolute-sigma",), ("belong to a model y ~",)),
        (("--loss", "huber"), ("belong to a model y ~",)),
        (("--separator", ";"), ("--separator belongs to --data",)),
        (("--confidence", "1"), ("--confidence must be between 0 and 1, not 1",)),
        (("--seconds", "0"), ("--seconds must be greater than 0",)),
        (("--starts", "0"), ("--starts must be a whole number from 1",)),
        (("--save", "p.csv"), ("--save writes a .json or .npz file, not 'p.csv'",)),
        (("--fix", "x=2"), ("x has a start and is fixed as well",)),
        (("--fix", "z=2"), ("the formula does not use z",)),
        (("--fix", "z=2", "--fix", "z=3"), ("z is given twice",)),
        (("--fix", "z"), ("'z' is not of the form NAME=VALUE",)),
        (("--bounds", "x=2:1"), ("the lower bound of x, 2, is not below the upper one, 1",)),
        (("--bounds", "x=1:1"), ("--fix x=1",)),
        (("--bounds", "x=2:3"), ("the start of x, 1, is outside its bounds 2:3",)),
        (("--bounds", "x=1"), ("'x=1' is not of the form NAME=LOW:HIGH",)),
        (("--bounds", "x=0:1:2"), ("is not of the form NAME=LOW:HIGH",)),
        (("--bounds", "z=0:1"), ("z has bounds and is no parameter", "parameters are x")),
        (("--bounds", "x=nan:1"), ("must be a finite number, not nan",)),
        (("--bounds", "x=[1,2]:3"), ("a bound of x is an array",)),
        (("--bounds", "x=0:2", "--bounds", "x=0:3"), ("x has bounds twice",)),
        (("--method", "lm"), ("lm minimises sums of squares",)),
    ],
)
def test_wrong_options(
    folder: Path, inside: Inside, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    refused(inside(["minimize", "x^2 + 1", "x=1", *words]), *parts)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            ("x^2", "x=1:2:1"),
            (
                "x is a range, and minimize needs one value",
                "write x=1 --bounds x=1:2",
            ),
        ),
        (("x^2", "x=-2..2"), ("2..2 is not a number", "write x=-2 --bounds x=-2:2 to stay")),
        (("x^2", "x=-2:2"), ("a start, a stop and a step", "write x=-2 --bounds x=-2:2 to stay")),
        (("x^2",), ("no value is given for x",)),
        (("3",), ("there is nothing to minimise",)),
        (("3", "x=1"), ("the formula does not use x",)),
        (("x^2", "x=[1,2]"), ("a derivative needs a single number",)),
        (("sum(x^2)", "x=zeros(0)"), ()),
        (("x*y", "--fix", "x=1", "--fix", "y=1"), ("there is nothing to minimise",)),
        (("y ~ a*x", "a=1"), ("no value is given for y, x",)),
    ],
)
def test_wrong_operands(inside: Inside, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    refused(inside(["minimize", *words]), *parts)


# ------------------------------------------------------------ --fix, --bounds, --starts


def test_fixed_names_stay(inside: Inside) -> None:
    """The valley on the line y = 4, against a scalar minimiser of scipy."""
    found = document(inside(["minimize", VALLEY[1], "x=1.5", "--fix", "y=4", "--json"]))
    expected = optimize.minimize_scalar(
        lambda x: (1 - x) ** 2 + 100 * (4 - x**2) ** 2, bracket=(1.5, 2.5), tol=1e-14
    )

    assert found["parameters"] == {"x": pytest.approx(expected.x, rel=1e-9)}
    assert found["minimum"] == pytest.approx(expected.fun, rel=1e-12)


def test_a_fixed_array(inside: Inside) -> None:
    found = document(
        inside(["minimize", "sum((x - c)^2)", "x=0", "--fix", "c=[1, 2, 6]", "--json"])
    )

    assert found["parameters"] == {"x": pytest.approx(3, rel=1e-15)}
    assert found["minimum"] == pytest.approx(14, rel=1e-15)


@pytest.mark.parametrize("method", ["newton", "lbfgs", "gd"])
@pytest.mark.parametrize("bounds", [(-2.0, 0.5), (-0.5, 0.25), (-math.inf, 0.8), (1.25, math.inf)])
def test_bounds(inside: Inside, method: str, bounds: tuple[float, float]) -> None:
    """The valley with limits for x, against scipy's L-BFGS-B."""
    low, high = bounds
    start = min(max(-1.2, low), high)
    words = ["minimize", VALLEY[1], f"x={start!r}", "y=1", "--method", method, "--json"]
    if method == "gd":
        words += ["--lr", "1e-3", "--steps", "40000", "--tol", "1e-7"]
    typed = ":".join("" if math.isinf(x) else repr(x) for x in bounds)
    found = document(inside([*words, "--bounds", f"x={typed}"]))

    def valley(point: Any) -> float:
        x, y = point
        return float((1 - x) ** 2 + 100 * (y - x**2) ** 2)

    expected = optimize.minimize(
        valley,
        [start, 1.0],
        method="L-BFGS-B",
        bounds=optimize.Bounds([low, -math.inf], [high, math.inf]),
        options={"ftol": 1e-15, "gtol": 1e-10},
    )

    assert low <= found["parameters"]["x"] <= high
    assert found["minimum"] == pytest.approx(expected.fun, rel=1e-6, abs=1e-9)
    assert list(found["parameters"].values()) == pytest.approx(expected.x.tolist(), abs=1e-4)


def test_bounds_hold_for_every_entry_and_every_step(inside: Inside) -> None:
    words = ["minimize", "sum((x - [3, -3, 0.5])^2)", "x=zeros(3)", "--bounds", "x=-1:2"]
    found = document(inside([*words, "--json"]))
    steps = inside([*words, "--every", "1"])

    assert found["parameters"] == {"x": pytest.approx([2, -1, 0.5], abs=1e-9)}
    for row in steps.rows[1:]:
        assert all(-1 <= float(cell) <= 2 for cell in row[2:5])


def test_a_limit_where_the_formula_ends(inside: Inside) -> None:
    """The formula has no value at its own lower limit."""
    found = document(inside(["minimize", "x*log(x)", "x=3", "--bounds", "x=0:", "--json"]))

    assert found["parameters"]["x"] == pytest.approx(1 / math.e, rel=1e-9)


def test_starts(inside: Inside) -> None:
    """Every minimum within the bounds, found again by scipy from a grid."""
    words = ["minimize", "sin(x) + sin(10*x/3)", "x=4.5", "--bounds", "x=2.7:7.5", "--starts", "25"]
    found = document(inside([*words, "--json"]))
    grid = np.linspace(2.7, 7.5, 4001)
    curve = np.sin(grid) + np.sin(10 * grid / 3)
    inner = (curve[1:-1] < curve[:-2]) & (curve[1:-1] < curve[2:])
    lowest = np.sort(curve[1:-1][inner])

    assert found.keys() == FIELDS | {"minima"}
    assert found["minimum"] == found["minima"][0]["minimum"]
    assert found["minimum"] == pytest.approx(lowest[0], abs=1e-6)
    inside_minima = [
        each["minimum"] for each in found["minima"] if 2.7 < each["parameters"]["x"] < 7.5
    ]
    assert inside_minima == pytest.approx(lowest.tolist(), abs=1e-5)
    assert sum(each["times"] for each in found["minima"]) == 25
    assert document(inside([*words, "--json"])) == found, "the same seed, the same runs"


def test_starts_say_how_many_led_there(inside: Inside) -> None:
    ran = inside(["minimize", "(x^2 - 1)^2", "x=0.5", "--bounds", "x=-2:2", "--starts", "12"])

    assert ran.code == 0
    assert "of 12 starts" in ran.err
    assert "2 different ends" in ran.err
    assert "built-in" not in ran.err


def test_starts_follow_the_seed(inside: Inside) -> None:
    words = ["minimize", "cos(x) + x/50", "x=0", "--starts", "9", "--steps", "0", "--json"]
    first, again, other = (document(inside([*words, "--seed", seed]))["minima"] for seed in "001")

    assert first == again != other


def test_starts_without_a_value(inside: Inside) -> None:
    found = document(inside(["minimize", "x*log(x)", "x=0.1", "--starts", "9", "--json"]))

    assert found["parameters"]["x"] == pytest.approx(1 / math.e, rel=1e-9)


def test_the_log_of_several_starts_is_that_of_the_best(folder: Path, inside: Inside) -> None:
    words = ["minimize", "(x^2 - 1)^2 + x/10", "x=0.5", "--starts", "8", "--log", "log.csv"]
    found = document(inside([*words, "--json"]))
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))

    assert [int(row["step"]) for row in rows] == list(range(found["steps"] + 1))
    assert float(rows[-1]["value"]) == found["minimum"]


# ------------------------------------------------------------ when it stops


def test_tolerance(inside: Inside) -> None:
    loose, tight = (
        document(inside(["minimize", "x^4", "x=1", "--method", "lbfgs", "--tol", tol, "--json"]))
        for tol in ("1e-2", "1e-10")
    )

    assert 1e-10 < loose["gradient_norm"] <= 1e-2
    assert tight["gradient_norm"] <= 1e-10
    assert loose["steps"] < tight["steps"]
    assert "is below 0.01" in loose["reason"]


def test_no_steps(inside: Inside) -> None:
    found = document(inside([*VALLEY, "--steps", "0", "--json"]))

    assert found["parameters"] == {"x": -1.2, "y": 1}
    assert found["steps"] == 0
    assert found["reason"] == "completed the 0 steps asked for"


@pytest.mark.parametrize("method", ["newton", "lbfgs", "adam", "gd"])
def test_so_many_steps(inside: Inside, method: str) -> None:
    ran = inside([*VALLEY, "--method", method, "--steps", "3", "--every", "1"])

    assert ran.code == 0
    assert [row[0] for row in ran.rows[1:]] == ["0", "1", "2", "3"]
    assert "completed the 3 steps asked for" in ran.err


def test_seconds(inside: Inside) -> None:
    begin = time.monotonic()
    found = document(inside([*ENDLESS, "--seconds", "0.3", "--json"]), 3)

    assert 0.3 <= time.monotonic() - begin < 30  # it would never end by itself
    assert not found["converged"]
    assert found["reason"].startswith("stopped after 0.3 seconds and ")
    assert found["steps"] > 10


UNBOUNDED = [("x^3", "x=1"), ("-x^2", "x=1"), ("-x^2", "x=0"), ("x*y", "x=0", "y=0"), ("x", "x=1")]


@pytest.mark.parametrize("words", UNBOUNDED, ids=[words[0] for words in UNBOUNDED])
@pytest.mark.parametrize("method", ["newton", "lbfgs"])
def test_without_limit(inside: Inside, words: tuple[str, ...], method: str) -> None:
    if method == "lbfgs" and (words[1] == "x=0" or words[0] == "x^3"):
        pytest.skip("without second derivatives a saddle is not left")
    found = document(inside(["minimize", *words, "--method", method, "--json"]), 3)

    assert not found["converged"]
    assert found["reason"].startswith("diverged: ")
    assert found["minimum"] < -1e6
    assert math.isfinite(found["gradient_norm"])


def test_newton_leaves_a_saddle(inside: Inside) -> None:
    found = document(inside(["minimize", "x^4 - 2*x^2 + y^2", "x=0", "y=1", "--json"]))

    assert found["minimum"] == pytest.approx(-1, abs=1e-14)
    assert abs(found["parameters"]["x"]) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    "words",
    [
        ("abs(x)", "x=1"),
        ("max(x, -2*x)", "x=3"),
        ("abs(x) + abs(y - 1)", "x=1", "y=3"),
        ("max(abs(x), abs(y))", "x=1", "y=0.5"),
        ("where(x > 0, x, -x)", "x=3"),
    ],
)
def test_a_kink_is_reached_and_named_as_one(inside: Inside, words: tuple[str, ...]) -> None:
    ran = inside(["minimize", *words, "--json"])
    found = json.loads(ran.out)

    assert found["minimum"] == pytest.approx(0, abs=1e-6)
    assert found["converged"] == (ran.code == 0)
    if ran.code:
        assert ran.code == 3
        assert "kink" in found["reason"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("log(x)", "x=-1"), "log is undefined at -1"),
        (("sqrt(x)", "x=0"), "the derivative of sqrt(x) is infinite at x = 0"),
        (("1/x", "x=0"), "division by zero"),
        (("x^2", "x=1e200"), "too large for a double"),
        (("sum(log(x))", "x=[1, 2, -1]"), "log is undefined at -1"),
    ],
)
@pytest.mark.parametrize("method", ["newton", "lbfgs", "gd"])
def test_undefined_at_the_start(
    inside: Inside, words: tuple[str, ...], part: str, method: str
) -> None:
    ran = inside(["minimize", *words, "--method", method])

    refused(ran, "error: the objective is undefined at the start: ", part, code=1)


@pytest.mark.parametrize("words", [("(x-1)^2*1e300", "x=0"), ("x^2", "x=1e154"), ("x^4", "x=1e77")])
def test_huge_values(inside: Inside, words: tuple[str, ...]) -> None:
    found = document(inside(["minimize", *words, "--json"]))

    assert found["minimum"] < 1e-3 * 1e300


def test_a_gradient_that_is_not_finite_is_no_minimum(inside: Inside) -> None:
    """At 1e-300 the square of the logarithm falls with a slope of 1e303."""
    found = json.loads(inside(["minimize", "log(x)^2", "x=1e-300", "--json"]).out)

    assert not (found["converged"] and found["minimum"] > 1e-8)


# ------------------------------------------------------------ what is said and shown


def test_every_field_of_the_json(inside: Inside) -> None:
    found = document(inside([*VALLEY, "--json"]))

    assert list(found) == [
        *("schema", "expression", "method", "converged", "reason", "steps", "evaluations"),
        "minimum",
        *("parameters", "gradient_norm", "statistics", "warnings", "digits"),
    ]
    assert found["expression"] == VALLEY[1]
    assert found["converged"] is True
    assert found["evaluations"] > found["steps"] > 0
    assert found["statistics"] is None
    assert found["warnings"] == []


def test_json_of_arrays(inside: Inside) -> None:
    found = document(
        inside(["minimize", "sum((W - [[1, 2], [3, 4]])^2) + b^2", "W=zeros(2,2)", "b=1", "--json"])
    )

    assert found["parameters"] == {"W": [[1, 2], [3, 4]], "b": 0}


def test_the_streams(inside: Inside) -> None:
    ran = inside([*VALLEY, "--digits", "6"])

    assert ran.code == 0
    assert ran.out == "minimum\t0\nx\t1\ny\t1\n"
    assert ran.err.startswith("note: lm (")
    assert ran.err.count("\n") == 1
    assert inside([*VALLEY, "--digits", "6", "--csv"]).out == "name,value\nminimum,0\nx,1\ny,1\n"


def test_a_run_that_does_not_converge_prints_its_best_point(inside: Inside) -> None:
    lost = inside(["minimize", "x^2", "x=1", "--lr", "1.5"])

    assert lost.code == 3
    assert lost.rows == [["minimum", "1"], ["x", "1"]]
    assert "note: best: 1 at x = 1" in lost.err.splitlines()
    assert "try a smaller --lr" in lost.err


def test_rows_are_parameters_whatever_the_method(inside: Inside) -> None:
    words = ["minimize", "(x - 3)^2 + y^2", "x=0", "y=1", "--tol", "1e-9"]

    for method in ("newton", "lbfgs", "lm", "gd", "adam", "rprop"):
        rate = [] if method in {"newton", "lbfgs", "lm"} else ["--lr", "0.1"]
        ran = inside([*words, "--method", method, *rate])
        assert [row[0] for row in ran.rows] == ["minimum", "x", "y"], method
        assert [float(row[1]) for row in ran.rows] == pytest.approx([0, 3, 0], abs=1e-5)


def test_a_run_that_no_test_ends_shows_its_steps(inside: Inside) -> None:
    words = ["minimize", "x^2", "x=1", "--lr", "0.25", "--steps", "2", "--tol", "0"]

    assert [row[:3] for row in inside(words).rows] == [
        ["step", "value", "x"],
        *(["0", "1", "1"], ["1", "0.25", "0.5"], ["2", "0.0625", "0.25"]),
    ]


def test_every(inside: Inside) -> None:
    words = ["minimize", "x^2", "x=1", "--lr", "0.1", "--steps", "7", "--every", "3"]

    assert [row[0] for row in inside(words).rows] == ["step", "0", "3", "6", "7"]
    assert inside([*words, "--csv"]).out == inside(words).out.replace("\t", ",")
    both = inside([*words, "--json"])
    assert (both.code, both.out) == (2, "")
    assert "--every shows steps, and --json is one object" in both.err


def test_the_log_of_an_array(folder: Path, inside: Inside) -> None:
    words = ["minimize", "sum((W - 1)^2) + b^2", "W=[[2, 3]]", "b=4", "--lr", "0.25"]
    assert inside([*words, "--steps", "2", "--log", "log.csv"]).code == 0
    assert inside([*words, "--steps", "2", "--log", "log.jsonl"]).code == 0
    rows = list(csv.reader((folder / "log.csv").read_text().splitlines()))
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]

    # Each step halves what is left of the way: 0.25 times the derivative 2*(W - 1).
    assert rows == [
        ["step", "value", "W[0,0]", "W[0,1]", "b", "gradient_norm", "learning_rate"],
        ["0", "21.0", "2.0", "3.0", "4.0", repr(math.sqrt(84)), "0.25"],
        ["1", "5.25", "1.5", "2.0", "2.0", repr(math.sqrt(21)), "0.25"],
        ["2", "1.3125", "1.25", "1.5", "1.0", repr(math.sqrt(5.25)), "0.25"],
    ]
    for row, line in zip(rows[1:], lines, strict=True):
        assert list(line) == rows[0]
        assert [float(cell) for cell in row] == list(line.values())


def test_save(folder: Path, inside: Inside) -> None:
    words = ["minimize", "sum((W - 1/3)^2) + (b - 0.1)^2", "W=zeros(2,2)", "b=1"]
    found = document(inside([*words, "--json", "--save", "p.json"]))
    assert inside([*words, "--save", "p.npz"]).code == 0
    saved = json.loads((folder / "p.json").read_text())

    assert saved["parameters"] == found["parameters"]
    assert (saved["expression"], saved["minimum"]) == (found["expression"], found["minimum"])
    with np.load(folder / "p.npz", allow_pickle=False) as archive:
        assert {name: archive[name].tolist() for name in archive.files} == found["parameters"]
    first = (folder / "p.npz").read_bytes()
    assert inside([*words, "--save", "p.npz"]).code == 0
    assert (folder / "p.npz").read_bytes() == first, "the same parameters, the same bytes"


def test_save_keeps_the_best_point_of_a_run_that_diverges(folder: Path, inside: Inside) -> None:
    assert inside(["minimize", "x^2", "x=1", "--lr", "9", "--save", "p.json"]).code == 3
    saved = json.loads((folder / "p.json").read_text())

    assert saved["parameters"] == {"x": 1}
    assert saved["converged"] is False


def test_save_where_there_is_no_folder(folder: Path, inside: Inside) -> None:
    ran = inside(["minimize", "x^2", "x=1", "--save", "nosuch/p.json"])

    assert ran.code == 1
    assert "error: cannot write 'nosuch/p.json': no such file or directory" in ran.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["step", "value", "gradient_norm", "learning_rate"])
def test_a_parameter_named_as_a_column_of_the_log(folder: Path, inside: Inside, name: str) -> None:
    ran = inside(["minimize", f"({name} - 3)^2", f"{name}=1", "--log", "log.csv"])

    assert (
        ran.code == 2 or len(set((folder / "log.csv").read_text().splitlines()[0].split(","))) == 5
    )


def test_greek_names(folder: Path, inside: Inside) -> None:
    words = ["minimize", "(ξ - 2)^2 + α", "ξ=0", "--fix", "α=1", "--log", "log.csv"]

    assert inside(words).rows == [["minimum", "1"], ["ξ", "2"]]
    assert (folder / "log.csv").read_text("utf-8").startswith("step,value,ξ,")


def test_many_parameters(inside: Inside) -> None:
    names = [f"p{i}" for i in range(200)]
    formula = " + ".join(f"(1 + {i})*({name} - {i})^2" for i, name in enumerate(names))
    found = document(inside(["minimize", formula, *[f"{name}=0.5" for name in names], "--json"]))

    assert found["method"] == "lbfgs"
    assert list(found["parameters"].values()) == pytest.approx(list(range(200)), abs=1e-8)


# ------------------------------------------------------------ signals


def wait_for(path: Path, seconds: float = 15) -> None:
    """Return once some steps are made, which the log file shows while the run goes on."""
    deadline = time.monotonic() + seconds
    while _size(path / "log.csv") < 1000 and time.monotonic() < deadline:
        time.sleep(0.02)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_ctrl_c_prints_the_best_point(gradcli: Command) -> None:
    with gradcli.started(*ENDLESS, "--log", "log.csv", "--save", "p.json") as process:
        wait_for(gradcli.folder)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    header, *_, line = out.splitlines()
    rows = dict(zip(header.split("\t"), line.split("\t"), strict=True))
    saved = json.loads((gradcli.folder / "p.json").read_text())
    *_, last = (gradcli.folder / "log.csv").read_text().splitlines()

    assert process.returncode == 130
    assert "interrupted after step" in err
    assert "Traceback" not in err
    assert {"value", "x", "y"} < rows.keys()
    for name in "xy":
        assert float(rows[name]) == pytest.approx(saved["parameters"][name], rel=1e-8)
    assert 0 < saved["parameters"]["x"] < 3
    assert float(rows["value"]) < 10
    # The last step may have been made while the row before it was written.
    assert float(last.split(",")[1]) == pytest.approx(float(rows["value"]), rel=1e-8)


def test_ctrl_c_with_json(gradcli: Command) -> None:
    with gradcli.started(*ENDLESS, "--log", "log.csv", "--json") as process:
        wait_for(gradcli.folder)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    found = json.loads(out)

    assert (process.returncode, err) == (130, "")
    assert found["converged"] is False
    assert found["reason"] == f"interrupted after step {found['steps']}"


def test_ctrl_c_during_several_starts(gradcli: Command) -> None:
    with gradcli.started(*ENDLESS, "--starts", "50", "--json") as process:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    found = json.loads(out)

    assert process.returncode == 130
    assert sum(each["times"] for each in found["minima"]) < 50
    assert found["reason"].startswith("interrupted")


def test_ctrl_c_on_a_terminal_shows_the_steps_and_the_best_point(terminal: Terminal) -> None:
    child = terminal.started(*ENDLESS, "--log", "log.csv")
    wait_for(terminal.folder)
    child.sendintr()
    for part in ("step", "interrupted after step", "minimum ", "x = ", "y = "):
        child.expect(part)
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 130


@pytest.mark.parametrize("words", [ENDLESS, LEARNING], ids=["steps", "epochs"])
@pytest.mark.parametrize(
    ("signaled", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_loses_nothing(
    gradcli: Command, words: tuple[str, ...], signaled: signal.Signals, code: int
) -> None:
    """The parameters saved are those of the last row of the log, or of the next step."""
    (gradcli.folder / "log.csv").write_text("old")
    (gradcli.folder / "d.csv").write_text("t,y\n" + "".join(f"{t},{2 * t}\n" for t in range(9)))
    with gradcli.started(*words, "--log", "log.csv", "--save", "p.json", "--json") as process:
        wait_for(gradcli.folder)
        process.send_signal(signaled)
        out, err = process.communicate(timeout=10)
    found = json.loads(out)
    saved = json.loads((gradcli.folder / "p.json").read_text())
    lines = (gradcli.folder / "log.csv").read_text().splitlines()

    assert process.returncode == code
    assert "Traceback" not in err
    assert found["reason"].startswith("interrupted after step ")
    assert saved["parameters"] == found["parameters"]
    assert {line.count(",") for line in lines} == {lines[0].count(",")}, "every row is whole"
    assert sorted(path.name for path in gradcli.folder.iterdir()) == ["d.csv", "log.csv", "p.json"]


def test_a_long_run_says_on_a_terminal_that_it_is_at_work(terminal: Terminal) -> None:
    screen = terminal(*ENDLESS, "--seconds", "1.2")

    assert screen.code == 3
    assert "(Ctrl-C stops)" in screen.raw
    assert "\x1b[K" in screen.raw.rsplit("(Ctrl-C stops)", 1)[1], "the line is taken away"
