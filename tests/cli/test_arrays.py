"""Arrays on the command line: how they are given, printed, differentiated and minimised."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Screen, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def values(*command: str, run: Inside) -> Any:
    """What a command says in JSON."""
    ran = run([*command, "--json"])
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# ---------------------------------------------------------------- NAME=VALUE


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("w=[0.1, 0.2]", [0.1, 0.2]),
        ("w=[0.1,0.2]", [0.1, 0.2]),
        ("w=[ -1 , +2e3 ]", [-1, 2000]),
        ("w=[[1,2],[3,4]]", [[1, 2], [3, 4]]),
        ("w=[[[1],[2]]]", [[[1], [2]]]),
        ("w=[5]", [5]),
        ("w=[pi/2, 1/3, 2^0.5]", [np.pi / 2, 1 / 3, 2**0.5]),
        ("w=zeros(2,3)", [[0, 0, 0], [0, 0, 0]]),
        ("w=zeros(0)", []),
        ("w=ones(2)", [1, 1]),
        ("w=eye(2)", [[1, 0], [0, 1]]),
        ("w=range(3)", [0, 1, 2]),
        ("w=linspace(0,1,5)*2", [0, 0.5, 1, 1.5, 2]),
        ("w=[1,2] + [3,4]", [4, 6]),
        ("w=[[1,2],[3,4]] @ [1,1]", [3, 7]),
        ("w=[1,2,3][::-1]", [3, 2, 1]),
        ("w=softmax([0, 0])", [0.5, 0.5]),
        ("w=[[1,2],[3,4]].T", [[1, 3], [2, 4]]),
    ],
)
def test_arrays_as_values(inside: Inside, word: str, expected: list[Any]) -> None:
    found = values("eval", "w*1", word, run=inside)

    assert found.pop("digits")["value"] >= 15
    assert found.pop("value") == pytest.approx(np.array(expected), rel=1e-14)
    assert found == {"schema": 1, "expression": "w*1", "variables": {"w": expected}}


def test_an_array_and_a_number(gradcli: Command) -> None:
    assert gradcli("eval", "w @ x + b", "w=[0.1, 0.2]", "x=[1, 2]", "b=-1") == (0, "-0.5\n", "")
    assert gradcli("eval", "A @ [1, 1]", "A=[[1,2],[3,4]]") == (0, "[3, 7]\n", "")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("w=[1,", "in the value of w"),
        ("w=[1, a]", "uses the name a"),
        ("w=[]", "in the value of w"),
        ("w=[1, [2]]", "in the value of w: the parts of an array must have one shape"),
        ("w=[1, log(-1)]", "in the value of w: log is undefined at -1"),
        ("w=[1, 1e999]", "in the value of w"),
        ("w=[1, inf]", "inf"),
        ("w=zeros(2.5)", "in the value of w: a size must be a whole number"),
        ("w=zeros(-1)", "negative"),
        ("w=zeros(10^9, 10^9)", "more than 50000000 numbers"),
        ("w=[1,2] @ [1,2,3]", "(2,) @ (3,)"),
        ("w=[1,2][5]", "index 5"),
        ("w=uniform(1, -1, 3)", "uniform"),
        ("w=uniform(-1e308, 1e308, 3)", "uniform"),
        ("w=normal(-3)", "negative"),
        ("w=log(-1)*normal(3)", "log is undefined at -1"),
        ("w=normal(2.5)", "whole number"),
        ("w=linspace(0, 1e308*10, 3) + 1", "in the value of w"),
    ],
)
def test_values_that_are_no_arrays(inside: Inside, word: str, message: str) -> None:
    ran = inside(["eval", "sum(w)", word])

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.startswith("error: ")
    assert "unexpected" not in ran.err
    assert len(ran.err) < 800


def test_a_name_used_for_its_length_alone(inside: Inside) -> None:
    assert inside(["eval", "len(x)", "x=[1, 2]"]) == (0, "2\n", "")


# ---------------------------------------------------------------- what is printed

THIRDS = (
    np.random.default_rng(4).normal(size=(40, 5)) * 10.0 ** np.arange(-150, 50)[::5, None]
) / 3


def test_a_pipe_gets_every_number_exactly(gradcli: Command, inside: Inside) -> None:
    word = f"x={THIRDS.tolist()}"
    plain = gradcli("eval", "x", word)
    (_, cell) = csv.reader(io.StringIO(inside(["eval", "x", word, "--csv"]).out))

    assert json.loads(plain.out) == THIRDS.tolist()
    assert json.loads(inside(["eval", "x", word, "--json"]).out)["value"] == THIRDS.tolist()
    assert json.loads(cell[0]) == THIRDS.tolist()
    assert "…" not in plain.out


def test_what_is_printed_can_be_given_again(inside: Inside) -> None:
    for word in (
        "x=[0.1, -0.0, 5e-324, 1.7976931348623157e308]",
        "x=[[1e22, 1e-7]]",
        "x=zeros(2,0)",
    ):
        out = inside(["eval", "x", word]).out.strip()
        if "zeros" not in word:
            assert inside(["eval", "x", f"x={out}"]).out.strip() == out


def test_short_arrays(inside: Inside) -> None:
    assert inside(["eval", "x/3", "x=[[1,2],[3,4]]"]).out == (
        "[[0.3333333333333333, 0.6666666666666666], [1, 1.3333333333333333]]\n"
    )
    assert inside(["eval", "zeros(0)"]).out == "[]\n"
    assert inside(["eval", "zeros(2, 0)"]).out == "[[], []]\n"
    assert inside(["eval", "x/3", "x=[1,2]", "--digits", "3"]).out == "[0.333, 0.667]\n"
    assert inside(["eval", "[1, 2]", "--csv"]).out == 'value\n"[1, 2]"\n'


def test_numbers_that_are_not_finite(inside: Inside) -> None:
    words = ["eval", "log(x)", "x=[-1, 0, 1]"]

    assert inside([*words, "--allow-nonfinite"]).out == "[nan, -inf, 0]\n"
    assert values(*words, "--allow-nonfinite", run=inside)["value"] == ["nan", "-inf", 0]
    assert inside(words).code == 1


def test_a_terminal_gets_short_arrays_whole(terminal: Terminal) -> None:
    assert terminal("eval", "x/3", "x=[1,2,3]") == (0, "[0.333333, 0.666667, 1]\n")
    assert terminal("eval", "A", "A=[[1,2],[3,4]]") == (0, "[[1, 2], [3, 4]]\n")


def widest(screen: Screen) -> int:
    return max(len(line) for line in screen.text.split("\n"))


def test_a_terminal_gets_the_ends_of_long_arrays(terminal: Terminal) -> None:
    screen = terminal("eval", "range(100)/3")

    assert screen.code == 0
    assert "(100,)" in screen.text, "the shape"
    assert "0, 0.333333, 0.666667" in screen.text, "the first"
    assert "32.3333, 32.6667, 33" in screen.text, "the last"
    assert len(screen.lines) <= 2
    assert widest(screen) <= 80


def test_tables_of_arrays_fit_a_terminal(terminal: Terminal) -> None:
    for words in (
        ("grad", "sum(x^2)*a", "x=range(1000)/3", "a=3"),
        ("grad", "sum(x^2)*a", "x=range(1000)/3", "a=3", "--nodes"),
        ("eval", "u = x @ x; u + sum(x)", "x=range(1000)/7", "--trace"),
        ("minimize", "sum((x - 1)^2)", "x=zeros(100)", "--steps", "3"),
    ):
        screen = terminal(*words)

        assert screen.code == 0
        table = [line for line in screen.text.split("\n") if not line.startswith("x = ")]
        assert max(map(len, table)) <= 80, words
        assert "…" in screen.text or "more parameters" in screen.text
    assert "97 more parameters" in screen.text or "more parameters do not fit" in screen.text
    assert "(100,)" in screen.text


def test_numbers_in_the_table_of_a_gradient(terminal: Terminal) -> None:
    screen = terminal("grad", "sum(x^2)*a", "x=[1, 2]", "a=3")

    assert ["x", "[1,", "2]", "[6,", "12]"] in [line.split() for line in screen.lines]
    assert ["a", "3", "5"] in [line.split() for line in screen.lines]
    assert screen.lines[0] == "value 15"


# ---------------------------------------------------------------- grad

QUADRATIC = ("sum((A @ x)^2)*b", "A=[[1, 2], [3, 4]]", "x=[1, -1]", "b=2")
BY_A, BY_X, BY_B = [[-4, 4], [-4, 4]], [-16, -24], 2


def test_gradients_in_json(gradcli: Command) -> None:
    ran = gradcli("grad", *QUADRATIC, "--json")

    assert json.loads(ran.out) == {
        "schema": 1,
        "expression": QUADRATIC[0],
        "variables": {"A": [[1, 2], [3, 4]], "x": [1, -1], "b": 2},
        "value": 4,
        "gradient": {"A": BY_A, "x": BY_X, "b": BY_B},
        "digits": {"value": 17, "gradient": {"A": 17, "x": 17, "b": 17}},
        "notes": [],
    }


@pytest.mark.parametrize("mode", ["reverse", "forward", "finite"])
def test_gradients_in_every_mode(inside: Inside, mode: str) -> None:
    found = values("grad", *QUADRATIC, "--mode", mode, run=inside)["gradient"]

    for name, slope in (("A", BY_A), ("x", BY_X), ("b", BY_B)):
        np.testing.assert_allclose(found[name], slope, rtol=1e-9 if mode == "finite" else 1e-15)


def test_gradients_in_a_pipe(inside: Inside) -> None:
    assert inside(["grad", *QUADRATIC]).out == (
        "value\t4\nA\t[[-4, 4], [-4, 4]]\nx\t[-16, -24]\nb\t2\n"
    )
    assert inside(["grad", *QUADRATIC, "--csv"]).out == (
        'name,derivative\nvalue,4\nA,"[[-4, 4], [-4, 4]]"\nx,"[-16, -24]"\nb,2\n'
    )
    assert inside(["grad", *QUADRATIC, "--wrt", "b,x"]).out == "value\t4\nb\t2\nx\t[-16, -24]\n"


def test_second_derivatives_have_names(inside: Inside) -> None:
    words = ("grad", "sum(W^2)*b", "W=[[1, 2]]", "b=3", "--hessian")
    matrix = {
        "W[0,0]": {"W[0,0]": 6, "W[0,1]": 0, "b": 2},
        "W[0,1]": {"W[0,0]": 0, "W[0,1]": 6, "b": 4},
        "b": {"W[0,0]": 2, "W[0,1]": 4, "b": 0},
    }

    assert json.loads(inside([*words, "--json"]).out)["hessian"] == matrix
    assert inside([*words]).rows == [
        ["", *matrix],
        *[[name, *map(str, row.values())] for name, row in matrix.items()],
    ]
    assert list(csv.reader(io.StringIO(inside([*words, "--csv"]).out)))[1] == [
        "W[0,0]",
        "6",
        "0",
        "2",
    ]


def test_second_derivatives_by_one_array(inside: Inside) -> None:
    found = values("grad", "w @ w*b", "w=[1,2]", "b=3", "--hessian", "--wrt", "w", run=inside)

    assert found["hessian"] == {"w[0]": {"w[0]": 6, "w[1]": 0}, "w[1]": {"w[0]": 0, "w[1]": 6}}
    assert found["gradient"] == {"w": [6, 12]}


def test_check(inside: Inside) -> None:
    found = json.loads(inside(["grad", *QUADRATIC, "--check", "--json"]).out)["check"]
    rows = inside(["grad", *QUADRATIC, "--check"]).rows

    assert found["reverse"] == found["forward"] == {"A": BY_A, "x": BY_X, "b": BY_B}
    np.testing.assert_allclose(found["finite"]["A"], BY_A, rtol=1e-9)
    assert found["largest_difference"] < 1e-9
    assert rows[0] == ["name", "reverse", "forward", "finite"]
    assert rows[1][:3] == ["A", "[[-4, 4], [-4, 4]]", "[[-4, 4], [-4, 4]]"]
    assert rows[-1][0] == "largest difference"


def test_nodes(inside: Inside) -> None:
    words = ["grad", "u = w*x; sum(u) + 1", "w=[1, 2]", "x=3"]
    found = values(*words, "--nodes", run=inside)["nodes"]
    by_formula = {node["formula"]: node for node in found}
    product = by_formula["w*x"]
    local = {edge["node"]: edge["local"] for edge in product["inputs"]}

    assert product["name"] == "u"
    assert product["value"] == [3, 6]
    assert product["gradient"] == [1, 1]
    assert local[by_formula["w"]["id"]] == 3
    assert local[by_formula["x"]["id"]] == [1, 2]
    assert by_formula["w"]["gradient"] == [3, 3]
    assert by_formula["x"]["gradient"] == 3
    assert by_formula["sum(u)"]["gradient"] == 1
    assert by_formula["sum(u)"]["inputs"] == [{"node": product["id"], "local": None}]
    assert ["#0", "w", "w", "", "[1, 2]", "17", "[3, 3]"] in inside([*words, "--nodes"]).rows


def test_the_forward_pass(inside: Inside) -> None:
    found = values(
        "eval", "u = A @ x; norm(u)", "A=[[3,0],[0,4]]", "x=[1,1]", "--trace", run=inside
    )

    assert found["value"] == 5
    assert [node["value"] for node in found["nodes"]][-2:] == [[3, 4], 5]
    assert [node["operation"] for node in found["nodes"]][-2:] == ["matmul", "norm"]
    rows = inside(["eval", "u = A @ x; norm(u)", "A=[[3,0],[0,4]]", "x=[1,1]", "--trace"]).rows
    assert rows[-2][1:] == ["u", "A @ x", "[3, 4]", "17"]


def test_steps_are_for_numbers(inside: Inside) -> None:
    ran = inside(["grad", "sum(x)*y", "x=[1,2]", "y=1", "--step", "0.1"])

    assert ran.code == 2
    assert "x is an array" in ran.err
    assert inside(["grad", "sum(x)*y", "x=[1,2]", "y=1", "--step", "0.1", "--wrt", "y"]).code == 0


@pytest.mark.parametrize(
    ("formula", "value", "slope", "note"),
    [
        ("max(x)", "[1,3,3]", [0, 0.5, 0.5], "max has a tie"),
        ("norm(x)", "[0,0]", [0, 0], "norm has a kink at 0"),
        ("std(x)", "[1,1]", [0, 0], "std has a kink"),
        ("sum(abs(x))", "[0,-2]", [0, -1], "abs has a kink at 0"),
        ("sum(relu(x))", "[[0],[2]]", [[0], [1]], "relu has a kink at 0"),
    ],
)
def test_kinks(inside: Inside, formula: str, value: str, slope: list[Any], note: str) -> None:
    words = ["grad", formula, f"x={value}"]
    ran = inside([*words, "--json"])
    strict = inside([*words, "--strict"])

    assert json.loads(ran.out)["gradient"]["x"] == slope
    assert len(json.loads(ran.out)["notes"]) == 1
    assert ran.err.startswith(f"note: {note}")
    assert ran.err.count("\n") == 1
    assert (strict.code, strict.out) == (1, "")
    assert note in strict.err


def test_lines_of_stdin(inside: Inside) -> None:
    ran = inside(["grad", "-", "x=[1, 2]"], "x @ x\nsum(x)\nx[0]*x[1]\n")

    assert ran.rows == [
        ["x @ x", "value", "5", "x", "[2, 4]"],
        ["sum(x)", "value", "3", "x", "[1, 1]"],
        ["x[0]*x[1]", "value", "2", "x", "[2, 1]"],
    ]


# ---------------------------------------------------------------- random starts


def drawn(seed: int) -> tuple[Any, Any, Any]:
    """The numbers of three words, one after the other."""
    generator = np.random.default_rng(seed)
    first = generator.standard_normal((2, 3))
    second = generator.uniform(-1, 2, (4,))
    return first, second, generator.standard_normal((1,)) * 0.01


@pytest.mark.parametrize("seed", [None, 0, 1, 12345])
def test_random_starts_are_those_of_numpy(inside: Inside, seed: int | None) -> None:
    words = ["a=normal(2,3)", "b=uniform(-1,2,4)", "c=normal(1)*0.01"]
    option = [] if seed is None else ["--seed", str(seed)]
    found = values("eval", "sum(a) + sum(b) + sum(c)", *words, *option, run=inside)["variables"]
    expected = drawn(seed or 0)

    for name, numbers in zip("abc", expected, strict=True):
        assert found[name] == numbers.tolist()


def test_random_starts_follow_the_order_of_the_words(inside: Inside) -> None:
    first = values("eval", "b @ a", "a=normal(2)", "b=normal(2)", run=inside)["variables"]
    second = values("eval", "b @ a", "b=normal(2)", "a=normal(2)", run=inside)["variables"]

    assert first["a"] == second["b"]
    assert first["b"] == second["a"]
    assert first["a"] != first["b"]


def test_several_draws_in_one_word(inside: Inside) -> None:
    generator = np.random.default_rng(3)
    expected = generator.standard_normal(2) - 2 * generator.uniform(0, 1, 2)
    found = values("eval", "x", "x=normal(2) - 2*uniform(0,1,2)", "--seed", "3", run=inside)

    assert found["value"] == expected.tolist()


def test_every_command_takes_a_seed(gradcli: Command, inside: Inside) -> None:
    x = np.random.default_rng(7).standard_normal(3)
    words = ("x=normal(3)", "--seed", "7", "--json")

    assert json.loads(gradcli("eval", "x", *words).out)["value"] == x.tolist()
    assert json.loads(inside(["grad", "x @ x", *words]).out)["gradient"]["x"] == (2 * x).tolist()
    run = ["minimize", "x @ x", *words, "--steps", "0"]
    assert json.loads(gradcli(*run).out)["parameters"]["x"] == x.tolist()
    assert inside(run).out == gradcli(*run).out, "the same seed, the same numbers"


def test_numbers_have_random_starts_too(inside: Inside) -> None:
    first = np.random.default_rng(0).uniform(-1, 1)

    assert values("eval", "x", "x=uniform(-1, 1)", run=inside)["value"] == first
    assert values("eval", "x", "x=uniform(-1, 1, 1)[0]", run=inside)["value"] == first


@pytest.mark.parametrize("formula", ["normal(3)", "x + uniform(0, 1, 2)", "sum(normal(2)*x)"])
def test_formulas_have_no_random_numbers(inside: Inside, formula: str) -> None:
    ran = inside(["eval", formula, "x=1"])

    assert (ran.code, ran.out) == (2, "")
    assert "random start" in ran.err
    assert "NAME=VALUE" in ran.err


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", ""])
def test_seeds_are_whole_numbers(inside: Inside, seed: str) -> None:
    ran = inside(["eval", "sum(x)", "x=normal(2)", "--seed", seed])

    assert (ran.code, ran.out) == (2, "")
    assert "--seed" in ran.err


# ---------------------------------------------------------------- minimize

BOWL = ("minimize", "sum((W - [[1, 2]])^2) + (b - 3)^2 + v @ v", "b=0", "W=zeros(1,2)", "v=[4, 5]")


def test_rows_of_a_run(gradcli: Command) -> None:
    ran = gradcli(*BOWL, "--lr", "0.5", "--steps", "5", "--every", "1")

    assert ran.code == 0
    assert ran.rows == [
        [
            "step",
            "value",
            "b",
            "W[0,0]",
            "W[0,1]",
            "v[0]",
            "v[1]",
            "gradient_norm",
            "learning_rate",
        ],
        ["0", "55", "0", "0", "0", "4", "5", str(2 * 55**0.5), "0.5"],
        ["1", "0", "3", "1", "2", "0", "0", "0", "0.5"],
    ]


def test_a_run_in_json(inside: Inside) -> None:
    found = values(*BOWL, "--lr", "0.25", "--steps", "2", run=inside)

    assert found["parameters"] == {"W": [[0.75, 1.5]], "b": 2.25, "v": [1, 1.25]}
    assert found["steps"] == 2


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_columns_of_a_log(gradcli: Command, ending: str) -> None:
    name = f"log.{ending}"
    ran = gradcli(*BOWL, "--lr", "0.3", "--steps", "3", "--log", name, "--json")
    text = (gradcli.folder / name).read_text(encoding="utf-8")
    if ending == "csv":
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]
    else:
        rows = [json.loads(line) for line in text.splitlines()]
    last = json.loads(ran.out)

    assert ran.code == 0
    assert [row["step"] for row in rows] == [0, 1, 2, 3]
    assert list(rows[0]) == [
        *("step", "value", "b", "W[0,0]", "W[0,1]", "v[0]", "v[1]"),
        *("gradient_norm", "learning_rate"),
    ]
    assert [[rows[3]["W[0,0]"], rows[3]["W[0,1]"]]] == last["parameters"]["W"]
    assert [rows[3]["v[0]"], rows[3]["v[1]"]] == last["parameters"]["v"]
    assert rows[3]["value"] == last["minimum"]


def test_columns_of_a_log_read_as_csv(gradcli: Command, inside: Inside) -> None:
    """A comma in a name is no separator."""
    gradcli(*BOWL, "--steps", "1", "--log", "log.csv")
    header, *rows = csv.reader(io.StringIO((gradcli.folder / "log.csv").read_text()))

    assert "W[0,1]" in header
    assert all(len(row) == len(header) == 9 for row in rows)
    printed = list(
        csv.reader(io.StringIO(inside([*BOWL, "--steps", "1", "--every", "1", "--csv"]).out))
    )
    assert all(len(row) == 9 for row in printed)


def test_regression_by_descent(inside: Inside) -> None:
    formula = "mse([[1, 2], [3, 5], [4, -1], [0, 2]] @ w + b, [1, 2, 3, 4])"
    found = values("minimize", formula, "w=normal(2)", "b=0", "--lr", "0.05", run=inside)
    x = np.array([[1, 2, 1], [3, 5, 1], [4, -1, 1], [0, 2, 1.0]])
    exact = np.linalg.lstsq(x, np.array([1, 2, 3, 4.0]), rcond=None)[0]

    assert found["converged"]
    np.testing.assert_allclose(
        [*found["parameters"]["w"], found["parameters"]["b"]], exact, atol=1e-7
    )


def test_a_run_that_leaves_the_domain(inside: Inside) -> None:
    ran = inside(["minimize", "sum(x - log(x))", "x=[0.5, 2]", "--lr", "100"])

    assert ran.code == 3
    assert "diverged" in ran.err
    assert "log is undefined" in ran.err
    start = inside(["minimize", "sum(x - log(x))", "x=[0.5, -2]"])
    assert (start.code, start.out) == (1, "")
    assert "log is undefined at -2" in start.err


@pytest.mark.parametrize(
    "formula",
    [
        "sum(where(log(x) > 0, 1, 2)*x^2)",
        "sum(sign(1/(x + 1))*x^2)",
        "sum(clip(1/(x + 1), -1, 1) + x^2)",
        "sum((sqrt(x) > 1)*x^2 + x^2)",
    ],
)
def test_a_start_without_value_is_an_error_of_every_command(inside: Inside, formula: str) -> None:
    """An infinity or nan on the way is no value, even where the end is finite."""
    assert inside(["eval", formula, "x=[-1, 2]"]).code == 1
    assert inside(["grad", formula, "x=[-1, 2]"]).code == 1

    ran = inside(["minimize", formula, "x=[-1, 2]", "--steps", "1"])

    assert (ran.code, ran.out) == (1, "")
    assert "^" in ran.err


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("eval", "1 + sum(x + y)", "x=[1,2]", "y=[1,2,3]"), "x + y"),
        (("eval", "A @ x", "A=[[1,2],[3,4]]", "x=[1,2,3]"), "A @ x"),
        (("eval", "x[2] + 1", "x=[1,2]"), "x[2]"),
        (("eval", "x[0, 0]", "x=[1,2]"), "x[0, 0]"),
        (("eval", "sum(x, axis=1)", "x=[1,2]"), "sum(x, axis=1)"),
        (("eval", "1 + mean(x)", "x=zeros(0)"), "mean(x)"),
        (("eval", "sum([[1,2],[3]])"), "[[1,2],[3]]"),
        (("grad", "2*x", "x=[1,2]"), "2*x"),
        (("grad", "x @ y", "x=[1,2]", "y=3"), "x @ y"),
        (("minimize", "x @ [1, 2, 3]", "x=[1,2]"), "x @ [1, 2, 3]"),
        (("minimize", "2*x", "x=[1,2]"), "2*x"),
        (("eval", "cross_entropy(s, t)", "s=[1,2]", "t=[0,1,0]"), "cross_entropy(s, t)"),
    ],
)
def test_shapes_that_do_not_fit(inside: Inside, words: tuple[str, ...], part: str) -> None:
    ran = inside([*words])
    _, source, caret = ran.err.splitlines()[:3]
    start = caret.index("^")

    assert (ran.code, ran.out) == (2, "")
    assert source.strip() == words[1]
    assert source[start : start + caret.count("^")] == part
    assert ran.err.count("error: ") == 1


def test_an_error_of_shape_on_the_command_line(gradcli: Command) -> None:
    ran = gradcli("eval", "1 + sum(x + y)", "x=[1,2]", "y=[1,2,3]")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "error: shapes (2,) and (3,) do not fit together: 2 and 3 differ",
        "  1 + sum(x + y)",
        "          ^^^^^",
    ]


def test_an_error_of_shape_in_json(inside: Inside) -> None:
    ran = inside(["eval", "1 + sum(x + y)", "x=[1,2]", "y=[1,2,3]", "--json"])
    found = json.loads(ran.err)["error"]

    assert (ran.code, ran.out) == (2, "")
    assert found["kind"] == "shape"
    assert found["span"] == [8, 13]
    assert found["expression"] == "1 + sum(x + y)"
    assert "(2,)" in found["message"]
    assert "(3,)" in found["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("eval", "sum(log(x))", "x=[1,-2]"), "log is undefined at -2 (needs a number > 0) at [1]"),
        (("eval", "1/x", "x=[[1,2],[3,0]]"), "division by zero at [1, 1]"),
        (("eval", "exp(x)", "x=[1,1000]"), "too large for a double"),
        (("eval", "sum(x)", "x=[1e308,1e308]"), "sum"),
        (("eval", "onehot(x, 2)", "x=[0, 2]"), "2"),
        (("eval", "cross_entropy(x, 2)", "x=[1, 2]"), "2"),
        (("eval", "cross_entropy(x, 0.5)", "x=[1, 2]"), "0.5"),
        (("grad", "sum(sqrt(x))", "x=[0, 1]"), "is infinite"),
        (("grad", "sum(x^0.5)", "x=[0, 1]"), "is infinite"),
        (("grad", "norm(x)", "x=[0, 0]", "--hessian"), "the second derivative"),
    ],
)
def test_mathematics_that_has_no_value(
    inside: Inside, words: tuple[str, ...], message: str
) -> None:
    ran = inside([*words])

    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err.splitlines()[0]
    assert "unexpected" not in ran.err
    assert "^" in ran.err or "--hessian" in words


@pytest.mark.parametrize(
    "words",
    [
        ("grad", "norm(x)", "x=3"),
        ("grad", "norm(x)", "x=0"),
        ("grad", "std(x)", "x=3"),
        ("eval", "cumsum(x)", "x=3"),
        ("grad", "cumsum(x)", "x=3"),
        ("grad", "softmax(x)", "x=3"),
        ("grad", "argmax(x) + x", "x=3"),
        ("grad", "f(t) = cumsum(t); sum(f(A))", "A=[[1,2],[3,4]]"),
        ("grad", "sum(x)", "x=zeros(0)"),
        ("grad", "sum(x)", "x=zeros(0)", "--hessian"),
        ("grad", "sum(x)", "x=zeros(0)", "--check"),
        ("grad", "sum(x)", "x=zeros(2,0)", "--nodes"),
        ("minimize", "sum(x)", "x=zeros(0)"),
        ("eval", "sum(linspace(0, 1e308*10, 3))"),
        ("eval", "[" * 70 + "1" + "]" * 70),
        ("eval", "sum(" + "[" * 70 + "x" + "]" * 70 + ")", "x=1"),
        ("eval", "sum(x)", "x=" + "[" * 70 + "1" + "]" * 70),
        ("grad", "sum([x, 2*x])"),
        ("grad", "sum([x, 2*x])", "--latex"),
        ("grad", "sum(x)*x[0]", "x=[1,2]", "--latex"),
        ("grad", "sum(x)", "x=[1,2]", "--strict"),
        ("grad", "sum(x/y)", "x=[1,2]", "y=0"),
        ("grad", "sum(sqrt(x))", "x=[0,1]", "--nodes"),
        ("grad", "sum(sqrt(x))", "x=[0,1]", "--check"),
        ("grad", "sum(sqrt(x))", "x=[0,1]", "--allow-nonfinite"),
        ("grad", "sum(x)", "x=[1,2]", "--wrt", "x[0]"),
        ("eval", "x[9007199254740993]", "x=[1]"),
        ("eval", "x[-9007199254740992:9007199254740992:9007199254740992]", "x=[1]"),
        ("eval", "range(9007199254740992, -9007199254740992)"),
        ("eval", "linspace(1, 2, 2)^1000 * 1e300"),
        ("draw", "sum(x*y)", "x=[1,2]", "y=3", "--format", "dot"),
    ],
)
def test_nothing_is_unexpected(inside: Inside, words: tuple[str, ...]) -> None:
    ran = inside([*words])

    assert "unexpected" not in ran.err
    assert "Traceback" not in ran.err
    assert "Warning" not in ran.err
    assert ran.code in {0, 1, 2}
    assert (ran.code == 0) == bool(ran.out)


# ---------------------------------------------------------------- start-up

LISTED = """\
import sys
from gradcli.cli.app import run
code = run({words})
print(*sorted(name.split(".")[0] for name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "x^2", "x=3"),
        ("eval", "sin(x)*y + 1", "x=1/3", "y=pi"),
        ("eval", "max(x, 2)", "x=1", "--json"),
        ("eval", "f(t) = t^2; f(x)", "x=2", "--trace"),
        ("grad", "x^2*y", "x=3", "y=1"),
        ("grad", "x^2*y", "x=3", "y=1", "--hessian", "--check"),
        ("grad", "x^2*y"),
        ("minimize", "x^2", "x=3", "--steps", "2", "--lr", "0.1"),
        ("eval", "x + ", "x=3"),
        ("eval", "x[0]", "x=3"),
    ],
)
def test_formulas_of_numbers_load_no_numpy(words: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LISTED.format(words=list(words))],
        capture_output=True,
        check=False,
        text=True,
    )

    loaded = set(ran.stderr.splitlines()[-1].split())
    assert "gradcli" in loaded
    assert loaded & {"numpy", "scipy"} == set()
