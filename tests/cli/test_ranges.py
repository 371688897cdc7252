"""Ranges: a formula over many values of its names is a table, whole or not at all."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gradcli import MathematicsError, parse
from tests.cli.conftest import run_inside

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def columns(run: Inside, *words: str) -> Any:
    """What a command says in JSON about a range."""
    ran = run([*words, "--json"])
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# ---------------------------------------------------------------- the table


def test_rows_in_a_pipe(gradcli: Command) -> None:
    ran = gradcli("eval", "sin(x)", "x=-5:5:0.25")
    header, *rows = ran.rows

    assert (ran.code, ran.err) == (0, "")
    assert header == ["x", "value"]
    assert [float(x) for x, _ in rows] == [-5 + 0.25 * k for k in range(41)]
    assert [float(y) for _, y in rows] == pytest.approx(
        [math.sin(-5 + 0.25 * k) for k in range(41)], rel=1e-15, abs=1e-16
    )


def test_csv_and_json(inside: Inside) -> None:
    words = ("eval", "x^2*a", "x=0:1:0.5", "a=3")

    assert inside([*words, "--csv"]) == (0, "x,value\n0,0\n0.5,0.75\n1,3\n", "")
    assert json.loads(inside([*words, "--json"]).out) == {
        "schema": 1,
        "expression": "x^2*a",
        "columns": {"x": [0, 0.5, 1]},
        "value": [0, 0.75, 3],
    }


def test_every_digit_in_a_pipe(inside: Inside) -> None:
    x = [k / 7 for k in range(1, 40)]
    rows = inside(["eval", "exp(x)/3", "x=1/7:39/7:1/7"]).rows[1:]
    found = columns(inside, "eval", "exp(x)/3", "x=1/7:39/7:1/7")
    table = list(
        csv.reader(io.StringIO(inside(["eval", "exp(x)/3", "x=1/7:39/7:1/7", "--csv"]).out))
    )

    assert found["columns"]["x"] == pytest.approx(x, rel=1e-15)
    assert [[float(cell) for cell in row] for row in rows] == [
        list(pair) for pair in zip(found["columns"]["x"], found["value"], strict=True)
    ]
    assert table[1:] == rows


def test_digits(inside: Inside) -> None:
    assert (
        inside(["eval", "x/3", "x=1:2:1", "--digits", "3"]).out == "x\tvalue\n1\t0.333\n2\t0.667\n"
    )


def test_a_file(gradcli: Command) -> None:
    assert gradcli("eval", "x", "x=1:3:1", "-o", "table.csv", "--csv") == (0, "", "")
    assert (gradcli.folder / "table.csv").read_text() == "x,value\n1,1\n2,2\n3,3\n"


def test_a_table_on_a_terminal(terminal: Terminal) -> None:
    screen = terminal("eval", "sin(x)*y", "x=0:1:0.5", "y=0:1:1")

    assert screen.code == 0
    assert max(len(line) for line in screen.text.split("\n")) <= 80
    rows = [line.split() for line in screen.lines]
    assert ["x", "y", "value"] in rows
    assert ["0.5", "1", "0.479426"] in rows
    assert sum(len(row) == 3 and row[0][0].isdigit() for row in rows) == 6


def test_a_wide_table_on_a_terminal(terminal: Terminal) -> None:
    names = "abcdghkm"
    words = [f"{name}=0.123456:0.2:1" for name in names]
    screen = terminal("grad", "exp(" + "*".join(names) + ")", *words)

    assert screen.code == 0
    assert max(len(line) for line in screen.text.split("\n")) <= 80
    assert "…" not in screen.text, "a number that is cut is wrong"
    for name in names:
        assert f"d/d{name}" in screen.text.split()


def test_a_long_table_on_a_terminal_shows_its_ends(terminal: Terminal) -> None:
    screen = terminal("eval", "x", "x=1:1000:1")
    first = [line.split()[0] for line in screen.lines if line]

    assert screen.code == 0
    assert len(screen.lines) < 60
    assert {"1", "2", "999", "1000", "…"} <= set(first)
    numbers = [line.split()[0] for line in screen.lines if len(line.split()) == 2]
    hidden = 1000 - sum(cell.isdigit() for cell in numbers)
    assert any(line.startswith(f"{hidden} rows") for line in screen.lines)


@pytest.mark.parametrize("rows", [40, 41, 42])
def test_nothing_is_hidden_to_show_that_something_is_hidden(terminal: Terminal, rows: int) -> None:
    screen = terminal("eval", "x", f"x=1:{rows}:1")
    shown = [
        line.split()[0] for line in screen.lines if len(line.split()) == 2 and line[0].isdigit()
    ]

    assert rows - len(shown) != 1, "the row that is hidden takes the place of the row that says so"
    assert ("…" in screen.text) == (len(shown) < rows)


# ---------------------------------------------------------------- the points


@pytest.mark.parametrize(
    ("word", "points"),
    [
        ("x=0:1:0.1", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ("x=0:1:0.3", [0, 0.3, 0.6, 0.9]),
        ("x=1:0:-0.25", [1, 0.75, 0.5, 0.25, 0]),
        ("x=-1:-2:-0.5", [-1, -1.5, -2]),
        ("x=2:2:1", [2]),
        ("x=2:2:-1", [2]),
        ("x=0:1:5", [0]),
        ("x=0:pi:pi/2", [0, math.pi / 2, math.pi]),
        ("x=-pi:pi:pi", [-math.pi, 0, math.pi]),
        ("x=1e-9:3e-9:1e-9", [1e-9, 2e-9, 3e-9]),
        ("x=1e15:1e15+3:1", [1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3]),
        ("x=0:0.3:0.1", [0, 0.1, 0.2, 0.3]),
        ("x=0.1:0.7:0.2", [0.1, 0.3, 0.5, 0.7]),
        ("x=-0.3:0.3:0.1", [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        ("x= 0 : 2 : 1 ", [0, 1, 2]),
        ("x=(1+1):2^2:1", [2, 3, 4]),
        ("x=linspace(0,1,5)", [0, 0.25, 0.5, 0.75, 1]),
        ("x=linspace(1,0,3)", [1, 0.5, 0]),
        ("x=linspace(3,4,1)", [3]),
    ],
)
def test_points(inside: Inside, word: str, points: list[float]) -> None:
    found = columns(inside, "eval", "2*x", word)

    assert found["columns"]["x"] == pytest.approx(points, rel=1e-14, abs=1e-15)
    assert found["value"] == [2 * x for x in found["columns"]["x"]]


def test_the_stop_is_exact_when_it_is_hit(inside: Inside) -> None:
    assert columns(inside, "eval", "x", "x=0:1:0.1")["value"][10:] == [1.0]
    assert columns(inside, "eval", "x", "x=0:0.7:0.1")["value"][7:] == [0.7]
    assert columns(inside, "eval", "x", "x=1:0:-0.1")["value"][10:] == [0.0]
    assert inside(["eval", "x", "x=0:1:0.1"]).out.endswith("\n1\t1\n")
    # Functions are rounded, and are meant to hit all the same.
    assert columns(inside, "eval", "x", "x=0:sqrt(2):sqrt(0.02)")["value"][10:] == [2**0.5]
    assert columns(inside, "eval", "x", "x=0:tau:pi/3")["value"][6:] == [math.tau]


digits = st.integers(1, 20).flatmap(lambda count: st.integers(-(10**count), 10**count))
decimals = st.builds(
    lambda form, number, exponent: form.format(n=number, e=exponent),
    st.sampled_from(["{n}", "{n}.", "{n}.25", "{n}e{e}", "{n}.5e{e}", "({n}/8)", "({n}*0.1)"]),
    digits,
    st.integers(-30, 30),
)
"""Numbers as they are typed, of any size and with up to 20 digits."""


@settings(max_examples=150, deadline=None)
@given(start=decimals, step=decimals, count=st.integers(0, 40), part=st.sampled_from([0, 0.5]))
@example(start="0", step="0.1", count=7, part=0)
@example(start="-0", step="0.30", count=3, part=0)
@example(start="0", step="0.3333333333333333", count=3, part=0)
@example(start="0.1234567890123456789012345", step="1e-22", count=9, part=0)
def test_points_are_the_multiples_of_the_step_as_typed(
    inside: Inside, start: str, step: str, count: int, part: float
) -> None:
    """Each is the double nearest to start + k*step in fractions, and that of stop if it is hit."""
    first, width = exact(start), exact(step)
    assume(width)
    end = first + (count + Fraction(part)) * width
    stop = f"({end.numerator}/{end.denominator})"
    assume(max(map(len, (stop, start))) < 300)
    expected = [float(first + k * width) + 0.0 for k in range(count + 1)]

    found = columns(inside, "eval", "x*1", f"x={start}:{stop}:{step}")["columns"]["x"]

    assert [repr(float(x)) for x in found] == list(map(repr, expected))


def exact(text: str) -> Fraction:
    """The value of a number, or of two with a sign between them, in fractions."""
    inside = text.strip("()")
    for sign, operation in (("/", Fraction.__truediv__), ("*", Fraction.__mul__)):
        if sign in inside:
            return operation(*map(Fraction, inside.split(sign)))
    return Fraction(inside)


@pytest.mark.parametrize(
    ("formula", "points", "word"),
    [("abs(x - 0.3)", "x=0:0.7:0.1", "kink"), ("max(x, 0.7)", "x=-5:5:0.1", "tie")],
)
def test_kinks_are_met_where_the_decimal_is_exact(
    inside: Inside, formula: str, points: str, word: str
) -> None:
    ran = inside(["grad", formula, points])

    assert ran.err.startswith("note: ")
    assert word in ran.err


def test_steps_are_counted(inside: Inside) -> None:
    for step, factor, count in (("0.1", 10, 64), ("0.05", 20, 21), ("0.25", 4, 9)):
        stop = Fraction(step) * (count - 1)
        found = columns(inside, "eval", f"floor({factor}*x)", f"x=0:{float(stop)}:{step}")
        assert found["value"] == list(range(count))


def test_a_grid_varies_its_last_range_fastest(gradcli: Command) -> None:
    ran = gradcli("eval", "x + 10*y", "y=0:1:1", "x=0:2:1")

    assert ran.rows[0] == ["y", "x", "value"]
    assert [[float(cell) for cell in row] for row in ran.rows[1:]] == [
        [y, x, x + 10 * y] for y, x in itertools.product([0, 1], [0, 1, 2])
    ]


def test_a_grid_of_three(inside: Inside) -> None:
    found = columns(
        inside,
        "eval",
        "a*b + c",
        "a=1:2:1",
        "b=0:4:2",
        "c=linspace(5,6,2)",
    )
    points = list(itertools.product([1, 2], [0, 2, 4], [5, 6]))

    assert list(found["columns"]) == ["a", "b", "c"]
    assert list(zip(*found["columns"].values(), strict=True)) == points
    assert found["value"] == [a * b + c for a, b, c in points]


def test_more_points_than_one_block(inside: Inside) -> None:
    found = columns(inside, "eval", "x - y", "x=1:400:1", "y=1:400:1")
    points = list(itertools.product(range(1, 401), repeat=2))

    assert len(found["value"]) == 160_000 > 2 * 65_536
    assert found["columns"]["x"] == [x for x, _ in points]
    assert found["value"] == [x - y for x, y in points]
    rows = inside(["eval", "x - y", "x=1:400:1", "y=1:400:1"]).rows
    assert len(rows) == 160_001
    assert rows.count(["x", "y", "value"]) == 1


# ---------------------------------------------------------------- what it agrees with

FORMULAS = [
    "x^3 - 2*x",
    "exp(-x^2)",
    "x!",
    "where(x > 0, log(x), x^2)",
    "where(x > 0, sqrt(x), where(x < -1, -x, 0))",
    "abs(x) + sign(x)",
    "floor(x) + mod(x, 2)",
    "log(x + 5, 10) + log2(x + 5)",
    "gelu(x) + silu(x) + softplus(x)",
    "erf(x)*gamma(x + 4.5)",
    "sinc(x) + xlogx(x^2)",
    "x < 1 and not x < -1",
    "f(t) = t^2 + 1; f(x)*f(2*x)",
    "x^x^0",
    "max(x, 1, 2*x) + clip(x, -1, 1)",
    "atan2(x, 2) + hypot(x, 1)",
    "2",
]


@pytest.mark.parametrize("formula", [f for f in FORMULAS if f != "2"])
def test_the_table_is_what_each_point_gives_alone(inside: Inside, formula: str) -> None:
    word = "x=-2.75:3.25:0.5"
    alone = parse(formula)
    found = columns(inside, "eval", formula, word)
    slopes = columns(inside, "grad", formula, word)

    assert len(found["value"]) == 13
    for x, value, slope in zip(
        found["columns"]["x"], found["value"], slopes["gradient"]["x"], strict=True
    ):
        assert value == pytest.approx(alone.evaluate(x=x), rel=1e-13, abs=1e-15)
        assert slope == pytest.approx(alone.gradient(x=x)["x"], rel=1e-13, abs=1e-15)
    assert slopes["value"] == found["value"]


@pytest.mark.parametrize(
    "formula",
    [
        "log(x)",
        "1/x",
        "sqrt(x) + 1",
        "1/(1/x)",
        "atan(1/x)",
        "exp(-1/x^2)",
        "where(log(x) > 0, 1, 2)",
        "tanh(log(x))",
        "min(log(x), 3)",
        "sigmoid(1/x)",
        "sign(1/x)",
        "log(x) < 5",
        "clip(1/x, -1, 1)",
        "0*sqrt(x) > -1",
        "1/(x - 1)",
        "atan2(x, 0*x)",
        "erf(1/x)",
        "exp(1000*x)/exp(1000*x + 0/x)",
        "1/exp(1000*x)",
        "x!/x!",
        "asin(x + 0.5)",
        "x^-0.5",
    ],
)
@pytest.mark.parametrize("command", ["eval", "grad"])
def test_a_point_without_value_is_an_error(inside: Inside, command: str, formula: str) -> None:
    """As it is for the point alone: an infinity on the way is no value, whatever follows it."""
    alone = parse(formula)
    messages = []
    for x in (-1.0, 0.0, 1.0):
        try:
            here = alone.at_values(x=x)
            if command == "grad":
                here.gradient()
        except MathematicsError as error:
            messages.append(error.message)
    ran = inside([command, formula, "x=-1:1:1"])

    assert messages, "the formula was chosen to have no value somewhere"
    assert (ran.code, ran.out) == (1, "")
    assert messages[0] in ran.err
    assert "^" in ran.err


def test_the_point_is_named(gradcli: Command) -> None:
    ran = gradcli("eval", "y*log(x - 2)", "x=0:3:0.5", "y=1:2:1")

    assert (ran.code, ran.out) == (1, "")
    sentence, source, caret, values = ran.err.splitlines()
    assert sentence == "error: log is undefined at -2 (needs a number > 0)"
    assert source[caret.index("^") : caret.index("^") + caret.count("^")] == "log(x - 2)"
    assert "x = 0" in values
    assert "y = " not in values, "the logarithm does not read it"


def test_an_error_behind_the_first_block_leaves_stdout_empty(inside: Inside) -> None:
    ran = inside(["eval", "log(150000.5 - x)", "x=0:150001:1"])

    assert (ran.code, ran.out) == (1, "")
    assert "x = 150001" in ran.err


def test_an_idle_branch_may_have_no_value(inside: Inside) -> None:
    found = columns(inside, "grad", "where(x > 0, log(x), x^2)", "x=-1:1:1")

    assert found["value"] == [1, 0, 0]
    assert found["gradient"]["x"] == [-2, 0, 1]


def test_values_that_are_not_finite_can_be_allowed(inside: Inside) -> None:
    words = ["eval", "log(x)", "x=-1:1:1", "--allow-nonfinite"]

    assert inside(words).out == "x\tvalue\n-1\tnan\n0\t-inf\n1\t0\n"
    assert columns(inside, *words)["value"] == ["nan", "-inf", 0]


# ---------------------------------------------------------------- grad


def test_derivatives_point_by_point(gradcli: Command, inside: Inside) -> None:
    words = ("grad", "x^2*y", "x=0:1:0.5", "y=2")

    assert gradcli(*words) == (
        0,
        "x\tvalue\td/dx\td/dy\n0\t0\t0\t0\n0.5\t0.5\t2\t0.25\n1\t2\t4\t1\n",
        "",
    )
    assert (
        inside([*words, "--csv", "--wrt", "y"]).out == "x,value,d/dy\n0,0,0\n0.5,0.5,0.25\n1,2,1\n"
    )
    assert json.loads(inside([*words, "--json"]).out) == {
        "schema": 1,
        "expression": "x^2*y",
        "columns": {"x": [0, 0.5, 1]},
        "value": [0, 0.5, 2],
        "gradient": {"x": [0, 2, 4], "y": [0, 0.25, 1]},
    }


def test_derivatives_on_a_grid(inside: Inside) -> None:
    found = columns(inside, "grad", "sin(x)*y", "x=0:1:0.5", "y=1:3:1")
    points = list(zip(found["columns"]["x"], found["columns"]["y"], strict=True))

    assert found["gradient"]["x"] == pytest.approx([math.cos(x) * y for x, y in points], rel=1e-14)
    assert found["gradient"]["y"] == pytest.approx([math.sin(x) for x, _ in points], rel=1e-14)


def test_kinks_in_a_range_are_noted(inside: Inside) -> None:
    ran = inside(["grad", "abs(x)", "x=-1:1:1"])

    assert ran.out == "x\tvalue\td/dx\n-1\t1\t-1\n0\t0\t0\n1\t1\t1\n"
    assert ran.err.startswith("note: abs has a kink at 0")


def test_kinks_are_noted_where_inf_is_allowed_too(inside: Inside) -> None:
    ran = inside(["grad", "abs(x)", "x=-1:1:1", "--allow-nonfinite"])
    assert ran.err == "note: abs has a kink at 0, where its derivative is taken as 0: abs(x)\n"


def test_a_limit_with_respect_to_which_there_is_no_derivative_is_underlined(
    inside: Inside,
) -> None:
    ran = inside(["grad", "1 + sum(k*x, k, 1, n)", "n=1:3:1", "x=2", "--wrt", "n"])
    assert ran.code == 2
    assert "\n  1 + sum(k*x, k, 1, n)\n      ^^^^^^^^^^^^^^^^^\n" in ran.err


def test_no_row_is_nan_where_too_many_have_digits_only_beyond_doubles(inside: Inside) -> None:
    """More digits are sought for 10,000 rows at most; the others would have no value."""
    ran = inside(["eval", "exp(x)^20/exp(x)^20", "x=30:60:0.001"])
    assert (ran.code, ran.out) == (1, "")
    assert "the power is too large for a double" in ran.err


@pytest.mark.parametrize("command", ["eval", "grad"])
def test_a_sum_of_one_number_gets_a_note(inside: Inside, command: str) -> None:
    ran = inside([command, "sum(x) + mean(a*x)", "x=0:2:1", "a=2"])
    assert ran.code == 0
    assert [line.split(" has one number")[0] for line in ran.err.splitlines()] == [
        "note: sum",
        "note: mean",
    ]
    assert inside([command, "sum(x)", "x=[1, 2, 3]"]).err == "", "the repair that it names"
    for words in (("x*sum([1, 2])",), ("x*sum(a)", "a=1"), ("sum([x, 1])",)):
        assert inside([command, *words, "x=0:2:1"]).err == ""


# ---------------------------------------------------------------- with arrays


def test_formulas_with_arrays(inside: Inside) -> None:
    words = ("sum(A @ [x, 1])*b", "A=[[1,2],[3,4]]", "x=0:1:0.5", "b=2")

    assert inside(["eval", *words]).out == "x\tvalue\n0\t12\n0.5\t16\n1\t20\n"
    assert inside(["grad", *words, "--wrt", "x,b"]).out == (
        "x\tvalue\td/dx\td/db\n0\t12\t8\t6\n0.5\t16\t8\t8\n1\t20\t8\t10\n"
    )


def test_a_formula_with_arrays_whose_point_has_no_value(inside: Inside) -> None:
    ran = inside(["eval", "sum(log([x, 1]))", "x=-1:1:1"])

    assert (ran.code, ran.out) == (1, "")
    assert "log is undefined at -1" in ran.err


@pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
def test_arrays_in_the_cells(inside: Inside, form: list[str]) -> None:
    """Values and derivatives that are arrays are cells of the table, or refused."""
    for words, name, expected in [
        (["eval", "[x, x^2]", "x=0:2:1"], None, [[0, 0], [1, 1], [2, 4]]),
        (["grad", "sum(w*x)", "w=[1, 2]", "x=0:2:1"], "w", [[0, 0], [1, 1], [2, 2]]),
    ]:
        ran = inside([*words, *form])

        assert "unexpected" not in ran.err
        assert ran.code in {0, 2}
        assert (ran.code == 0) == bool(ran.out)
        if ran.code == 2:
            assert ("span" if form == ["--json"] else "^") in ran.err
            continue
        if form == ["--json"]:
            found = json.loads(ran.out)
            assert (found["gradient"][name] if name else found["value"]) == expected
            continue
        table = csv.reader(io.StringIO(ran.out), delimiter="," if form else "\t")
        rows = {row[0]: row for row in table}
        cell = rows["2"][rows["x"].index(f"d/d{name}" if name else "value")]
        assert json.loads(cell) == expected[2]


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("eval", "x", "x=0:1:0"), "step"),
        (("eval", "x", "x=0:1:-0.1"), "does not lead from 0 to 1"),
        (("eval", "x", "x=1:0:0.1"), "does not lead from 1 to 0"),
        (("eval", "x", "x=0:1"), "in the value of x"),
        (("eval", "x", "x=0:1:0.1:2"), "in the value of x"),
        (("eval", "x", "x=::"), "in the value of x"),
        (("eval", "x", "x=0::1"), "in the value of x"),
        (("eval", "x", "x=0:a:1"), "uses the name a"),
        (("eval", "x", "x=0:log(-1):1"), "log is undefined"),
        (("eval", "x", "x=0:1/0:1"), "division by zero"),
        (("eval", "x", "x=0:inf:1"), "inf"),
        (("eval", "x", "x=[0, 1]:3:1"), "array"),
        (("eval", "x", "x=0:[1]:1"), "array"),
        (("eval", "x", "x=0:1:1e-12"), "more than"),
        (("eval", "x", "x=-1e308:1e308:1"), "more than"),
        (("eval", "x", "x=-1e308:1e308:1e307"), "more than the largest double"),
        (("eval", "x*y", "x=1:10000:1", "y=1:10000:1"), "more than"),
        (("eval", "x", "x=linspace(0, 1, 0)"), "x"),
        (("eval", "x", "x=linspace(0, 1, 1e10)"), "more than"),
        (("eval", "x", "x=linspace(0, 1, 2.5)"), "whole number"),
        (("eval", "x", "x=linspace(0, 1e308*10, 3)"), "x"),
        (("eval", "x", "x=0:1:1", "y=0:1:1"), "does not use y"),
        (("eval", "x*z", "x=0:1:1"), "no value is given for z"),
        (("eval", "x", "x=0:1:1", "x=0:2:1"), "x is given twice"),
        (("eval", "1", "x=0:1:1"), "does not use x"),
        (("eval", "x[0]", "x=0:1:1"), "number cannot be indexed"),
        (("grad", "x^2", "x=0:1:1", "--wrt", "y"), "no name 'y'"),
        (("minimize", "x^2", "x=0:1:0.5"), "x is a range"),
        (("minimize", "x^2 + y", "y=1", "x=linspace(0,1,3)"), "x is a range"),
        (("draw", "x^2", "x=0:1:0.5"), "x is a range"),
        (("eval", "x^2", "x=0:1:0.5", "--trace"), "x is a range"),
        (("grad", "x^2", "x=0:1:0.5", "--nodes"), "x is a range"),
        (("grad", "x^2", "x=0:1:0.5", "--hessian"), "x is a range"),
        (("grad", "x^2", "x=0:1:0.5", "--check"), "x is a range"),
        (("grad", "x^2", "x=0:1:0.5", "--step", "0.1"), "x is a range"),
        (("grad", "x^2", "x=0:1:0.5", "--latex"), "x is a range"),
        (("grad", "x^2", "x=0:1:0.5", "--mode", "forward"), "x is a range"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_ranges_that_make_no_sense(
    inside: Inside, words: tuple[str, ...], message: str, form: list[str]
) -> None:
    if words[0] == "draw" and form:
        form = ["--no-grad"]
    ran = inside([*words, *form])

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "unexpected" not in ran.err
    assert ran.err.count("\n") <= 5


def test_lines_of_stdin_over_a_range(inside: Inside) -> None:
    both = inside(["eval", "-", "x=1:2:1"], "x\nx^2\n")
    broken = inside(["eval", "-", "x=1:2:1"], "x\nlog(-x)\n")
    table = "formula\tx\tvalue\nx\t1\t1\nx\t2\t2\n"

    assert both.out == table + "x^2\t1\t1\nx^2\t2\t4\n"
    assert (broken.code, broken.out) == (1, table + "\n")
    assert "line 2: log is undefined at -1" in broken.err


def test_a_reader_that_leaves(gradcli: Command) -> None:
    ran = gradcli.shell('{ "$@"; echo "code $?" >&2; } | head -n 3', "eval", "x", "x=0:1:0.000002")

    assert ran.out == "x\tvalue\n0\t0\n2e-6\t2e-6\n"
    assert ran.err == "code 141\n"


# ---------------------------------------------------------------- large tables

PEAK = """\
import sys
from pathlib import Path
from gradcli.cli.app import run
code = run({words})
sys.stdout.flush()
(peak,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def peak(points: int, *words: str) -> int:
    """Kilobytes that a table takes which a pipe reads, and how it must end."""
    script = PEAK.format(words=[*words, f"x=1:{points}:1"])
    ran = subprocess.run(
        ["sh", "-c", '"$@" | tail -n 1', "sh", sys.executable, "-c", script],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    assert ran.stdout.startswith(f"{points}\t")
    return int(ran.stderr)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read as Linux tells it")
@pytest.mark.parametrize("words", [("eval", "sin(x)*x"), ("grad", "sin(x)*x")])
def test_a_million_points(words: tuple[str, ...]) -> None:
    assert peak(4_000_000, *words) / peak(1_000_000, *words) < 1.2


@pytest.mark.slow
def test_a_million_points_in_a_file(gradcli: Command) -> None:
    ran = gradcli("eval", "x^2", "x=1:1000000:1", "-o", "table.tsv")
    lines = (gradcli.folder / "table.tsv").read_text().splitlines()

    assert ran == (0, "", "")
    assert len(lines) == 1_000_001
    assert lines[-1] == "1000000\t1000000000000"


@pytest.mark.slow
def test_formulas_with_arrays_over_many_points(gradcli: Command) -> None:
    ran = gradcli("eval", "sum(x*[1, 2])", "x=1:20000:1")

    assert ran.code == 0
    assert ran.rows[-1] == ["20000", "60000"]


@settings(max_examples=60, deadline=None)
@given(
    st.decimals(-100, 100, places=9),
    st.decimals("0.5", 50, places=9),
    st.decimals("0.1", 2, places=9),
)
def test_the_repair_of_a_step_keeps_every_digit(low: Any, width: Any, step: Any) -> None:
    refused = run_inside(["eval", "x", f"x={low}:{low + width}:{-step}"])
    assert refused.code == 2
    typed = refused.err.splitlines()[1].strip().removeprefix("write ")
    assert [Fraction(part) for part in typed.removeprefix("x=").split(":")] == [
        Fraction(number) for number in (low, low + width, step)
    ]
    assert run_inside(["eval", "x", typed]).code == 0
