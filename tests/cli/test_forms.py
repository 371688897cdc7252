"""Forms of output: decimals, second derivatives as formulas, estimates, trees, colours."""

from __future__ import annotations

import json
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import run_inside

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def rounded(text: str, places: int) -> Decimal:
    """A decimal with so many places, by the arithmetic of decimals; a half goes away from 0."""
    return Decimal(text).quantize(Decimal((0, (1,), -places)), ROUND_HALF_UP, Context(prec=400))


DECIMALS = st.one_of(
    st.floats(-1e12, 1e12).map(repr),
    st.decimals(-1000, 1000, places=3).map(str),
    st.integers(-(10**39), 10**39).map(str),
)


@settings(max_examples=100, deadline=None)
@given(DECIMALS, st.integers(0, 17))
def test_decimals_are_those_of_the_decimal_that_is_typed(number: str, places: int) -> None:
    ran = run_inside(["eval", "x", f"x={number}", "--fixed", str(places)])

    text = f"{rounded(number, places):f}"
    assert (ran.code, ran.out) == (0, (text if float(text) else text.lstrip("-")) + "\n")


@settings(max_examples=100, deadline=None)
@given(st.decimals(-1000, 1000, places=4), st.integers(1, 9), st.booleans())
def test_digits_are_those_of_the_decimal_that_is_typed(
    number: Decimal, digits: int, as_array: bool
) -> None:
    source, word = ("x/2", f"x={2 * number}") if not as_array else ("[x, 0]", f"x={number}")
    ran = run_inside(["eval", source, word, "--digits", str(digits)])

    wanted = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(number)
    assert ran.code == 0
    assert Decimal(ran.out.strip("[\n").partition(",")[0]) == wanted


def test_a_half_is_rounded_alike_everywhere(inside: Inside) -> None:
    assert inside(["eval", "x", "x=2.665:2.695:0.01", "--fixed", "2"]).rows[1:] == [
        [text, text] for text in ("2.67", "2.68", "2.69", "2.70")
    ]
    assert inside(["eval", "[2.675, 1.005]", "--digits", "3"]).out == "[2.68, 1.01]\n"
    assert json.loads(inside(["eval", "2.675", "--fixed", "2", "--json"]).out)["value"] == 2.68
    assert inside(["grad", "x^2/2", "x=2.675", "--digits", "3"]).rows[1] == ["x", "2.68"]
    assert inside(["eval", "3^40", "--fixed", "1"]).out == "12157665459056928801.0\n"


def test_decimals_everywhere(inside: Inside) -> None:
    assert inside(["eval", "x/3", "x=0:2:1", "--fixed", "2"]).rows[1:] == [
        ["0.00", "0.00"],
        ["1.00", "0.33"],
        ["2.00", "0.67"],
    ]
    assert json.loads(inside(["grad", "x/3", "x=1", "--fixed", "2", "--json"]).out)["value"] == 0.33
    ran = inside(["eval", "1", "--fixed", "2", "--digits", "3"])
    assert (ran.code, ran.out) == (2, "")
    assert "--digits and --fixed exclude each other" in ran.err


@pytest.mark.parametrize("text", ["x^2*y", "exp(x*y)", "x*sin(y)/y", "log(x + y^3)"])
def test_second_derivatives_as_formulas(inside: Inside, text: str) -> None:
    """They are those of sympy, and can be pasted back."""
    header, *rows = inside(["grad", text, "--hessian"]).rows
    names = header[1:]
    x, y = sympy.symbols("x y")
    function = sympy.sympify(text.replace("^", "**"))
    found = json.loads(inside(["grad", text, "--hessian", "--json"]).out)["hessian"]

    assert names == ["x", "y"]
    for first, *cells in rows:
        for second, cell in zip(names, cells, strict=True):
            exact = sympy.diff(function, first, second).subs({x: 0.7, y: 1.3})
            own = [f"{n}={v}" for n, v in (("x", 0.7), ("y", 1.3)) if re.search(rf"\b{n}\b", cell)]
            value = float(inside(["eval", cell, *own]).out)
            assert value == pytest.approx(float(exact), rel=1e-12, abs=1e-12)
            assert found[first][second] == cell
    assert r"\frac{\partial^{2} f}{\partial x \partial y}" in (
        inside(["grad", text, "--hessian", "--latex"]).out
    )


def test_the_estimate_of_a_step(inside: Inside) -> None:
    """Of x^2 the forward difference is 2x + h, and its error h."""
    words = ["grad", "x^2 + 3*y", "x=4", "y=1", "--step", "0.5", "--step", "0.25"]
    header, *rows = inside(words).rows

    assert header == ["name", "step", "estimate", "derivative", "error"]
    assert rows == [
        ["x", "0.5", "8.5", "8", "0.5"],
        ["x", "0.25", "8.25", "8", "0.25"],
        ["y", "0.5", "3", "3", "0"],
        ["y", "0.25", "3", "3", "0"],
    ]
    found = json.loads(inside([*words, "--json"]).out)
    assert found["increments"][0] == {
        "name": "x",
        "step": 0.5,
        "estimate": 8.5,
        "derivative": 8.0,
        "error": 0.5,
    }


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("logistic(x)**2", "2*logistic(x)**2*logistic(-x)"),
        ("sigmoid(x)^2", "2*sigmoid(x)^2*sigmoid(-x)"),
        ("ln(x)**3", "3*ln(x)**2/x"),
        ("log(x)^3", "3*log(x)^2/x"),
    ],
)
def test_functions_and_powers_are_shown_as_typed(inside: Inside, typed: str, shown: str) -> None:
    assert inside(["grad", typed]).out == f"x\t{shown}\n"
    trace = inside(["eval", typed, "x=2", "--trace"]).out
    assert ("**" in trace) == ("**" in typed)


def test_a_terminal_gets_the_graph_as_a_tree(terminal: Terminal) -> None:
    screen = terminal("draw", "u = 3*x*y; log(x^2 + sin(u)) + u", "x=2", "y=3")
    rows = [line.split() for line in screen.text.splitlines() if line.strip()]

    assert rows[0] == ["value", "gradient"]
    assert ["u", "=", "3*x*y", "18", "1.20324"] in rows
    assert ["u", "=", "3*x*y", "(above)"] in rows, "a part that is shared is shown once"
    assert ["x", "2", "12.0603"] in rows
    assert screen.text.splitlines()[3].startswith("    x^2 + sin(u)")
    assert "-o graph.svg" in screen.text
    assert "value" not in terminal("draw", "x*y").text


def test_draw_takes_columns_and_saved_parameters(gradcli: Command) -> None:
    (gradcli.folder / "d.csv").write_text("x,y\n1,2\n2,4\n3,7\n")
    (gradcli.folder / "p.json").write_text('{"parameters": {"a": 2, "unused": 5}}')
    words = ("draw", "sum((a*x - y)^2)", "--data", "d.csv", "--params", "p.json")
    found = json.loads(gradcli(*words, "--format", "json").out)

    assert found["value"] == 1
    ran = gradcli("draw", "a*x", "a=1", "--data", "d.csv")
    assert (ran.code, ran.out) == (2, "")
    assert "draw needs one value" in ran.err


def test_errors_and_notes_have_colours_on_a_terminal(terminal: Terminal) -> None:
    red, bold = "\x1b[31merror:\x1b[0m unknown", "\x1b[1m  ^^^^\x1b[0m"
    screen = terminal("eval", "sinn(x)")

    assert red in screen.raw
    assert bold in screen.raw
    assert "\x1b" not in terminal("eval", "sinn(x)", env={"NO_COLOR": "1"}).raw
    assert "\x1b[34mnote:\x1b[0m abs" in terminal("grad", "abs(x)", "x=0").raw


def test_json_says_its_form(inside: Inside) -> None:
    for words in (["eval", "1"], ["grad", "x^2"], ["minimize", "x^2", "x=1"], ["help"]):
        assert next(iter(json.loads(inside([*words, "--json"]).out).items())) == ("schema", 1)
