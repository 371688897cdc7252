"""The worked examples that courses on backpropagation go through by hand, to the digit."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import sympy

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside

LOG = "log(x^2 + sin(3*x*y))"
GRAPH = "e = a*b; f = e + c; f*d"
AT = ("a=2", "b=-3", "c=10", "d=-2")


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-14)


def nodes_of(inside: Inside, *words: str) -> dict[str, Any]:
    """The nodes of the backward pass, by what they compute."""
    document = json.loads(inside(["grad", *words, "--nodes", "--json"]).out)
    return {node["formula"]: node for node in document["nodes"]}


def test_value_of_the_logarithm(gradcli: Command) -> None:
    ran = gradcli("eval", LOG, "x=2", "y=3")

    assert ran == (0, "1.178351181957291\n", "")
    assert float(ran.out) == pytest.approx(math.log(2**2 + math.sin(3 * 2 * 3)), rel=1e-15)


def test_gradient_of_the_logarithm(gradcli: Command) -> None:
    x, y = sympy.symbols("x y")
    formula = sympy.log(x**2 + sympy.sin(3 * x * y))
    exact = [sympy.diff(formula, name).evalf(30, subs={x: 2, y: 3}) for name in (x, y)]

    ran = gradcli("grad", LOG, "x=2", "y=3")

    assert ran.code == 0
    assert ran.err == ""
    assert ran.rows[0] == ["value", "1.178351181957291"]
    assert [row[0] for row in ran.rows[1:]] == ["x", "y"]
    assert [float(row[1]) for row in ran.rows[1:]] == [close(float(slope)) for slope in exact]
    assert [f"{float(row[1]):.3f}" for row in ran.rows[1:]] == ["3.060", "1.219"]


def test_backward_pass_of_the_logarithm(inside: Inside) -> None:
    nodes = nodes_of(inside, LOG, "x=2", "y=3")
    shown = {formula: node["gradient"] for formula, node in nodes.items()}
    total = 4 + math.sin(18)

    assert shown.pop("3") is None
    assert shown == {
        LOG: 1,
        "x^2 + sin(3*x*y)": close(1 / total),
        "sin(3*x*y)": close(1 / total),
        "3*x*y": close(math.cos(18) / total),
        "x^2": close(1 / total),
        "x": close((4 + 9 * math.cos(18)) / total),
        "y": close(6 * math.cos(18) / total),
    }
    assert f"{shown['sin(3*x*y)']:.8f}" == "0.30778580"
    assert f"{shown['3*x*y']:.8f}" == "0.20323611"


def test_local_derivatives_of_the_logarithm(inside: Inside) -> None:
    nodes = nodes_of(inside, LOG, "x=2", "y=3")
    formula_of = {node["id"]: formula for formula, node in nodes.items()}
    locals_of = {
        formula: {formula_of[edge["node"]]: edge["local"] for edge in node["inputs"]}
        for formula, node in nodes.items()
    }

    assert locals_of == {
        LOG: {"x^2 + sin(3*x*y)": close(1 / (4 + math.sin(18)))},
        "x^2 + sin(3*x*y)": {"x^2": 1, "sin(3*x*y)": 1},
        "sin(3*x*y)": {"3*x*y": close(math.cos(18))},
        "3*x*y": {"3": None, "x": 9, "y": 6},
        "x^2": {"x": 4},
        "x": {},
        "y": {},
        "3": {},
    }
    assert f"{locals_of[LOG]['x^2 + sin(3*x*y)']:.4f}" == "0.3078"
    assert f"{locals_of['sin(3*x*y)']['3*x*y']:.4f}" == "0.6603"


def test_forward_pass_of_the_logarithm(gradcli: Command) -> None:
    ran = gradcli("eval", LOG, "x=2", "y=3", "--trace")
    values = {row[2]: float(row[3]) for row in ran.rows[1:]}

    assert ran.rows[0] == ["node", "name", "formula", "value", "digits"]
    assert {name: close(value) for name, value in values.items()} == {
        "x": 2,
        "x^2": 4,
        "3": 3,
        "y": 3,
        "3*x*y": 18,
        "sin(3*x*y)": math.sin(18),
        "x^2 + sin(3*x*y)": 4 + math.sin(18),
        LOG: math.log(4 + math.sin(18)),
    }
    assert ran.rows[-1][2] == LOG, "inputs stand before their users"


def test_hessian_of_the_logarithm(inside: Inside) -> None:
    names = sympy.symbols("x y")
    x, y = names
    formula = sympy.log(x**2 + sympy.sin(3 * x * y))
    exact = {
        str(first): {
            str(second): close(float(sympy.diff(formula, first, second).evalf(30, {x: 2, y: 3})))
            for second in names
        }
        for first in names
    }

    ran = inside(["grad", LOG, "x=2", "y=3", "--hessian", "--json"])

    assert json.loads(ran.out)["hessian"] == exact


def test_product_of_sums(inside: Inside) -> None:
    assert inside(["eval", "(a*b + c)*d", *AT]).out == "-8\n"
    assert inside(["grad", "(a*b + c)*d", *AT]).rows == [
        ["value", "-8"],
        ["a", "6"],
        ["b", "-4"],
        ["c", "-2"],
        ["d", "4"],
    ]


def test_parabola(inside: Inside) -> None:
    assert inside(["eval", "3*x^2 - 4*x + 5", "x=4"]).out == "37\n"
    assert inside(["grad", "3*x^2 - 4*x + 5", "x=4"]).rows == [["value", "37"], ["x", "20"]]


def test_slope_of_the_parabola_where_it_is_flat(inside: Inside) -> None:
    ran = inside(["grad", "3*x^2 - 4*x + 5", "x=2/3"])

    assert float(ran.rows[1][1]) == pytest.approx(0, abs=1e-15)


def test_factor_times_sum(inside: Inside) -> None:
    ran = inside(["grad", "c*(a+b)", "a=1", "b=3", "c=2"])

    assert ran.rows[0] == ["value", "8"]
    assert dict(ran.rows[1:]) == {"a": "2", "b": "2", "c": "4"}


def test_line(inside: Inside) -> None:
    ran = inside(["grad", "a*x+b", "a=2", "x=-3", "b=10"])

    assert ran.rows[0] == ["value", "4"]
    assert dict(ran.rows[1:]) == {"a": "-3", "x": "2", "b": "1"}


def test_derivatives_of_a_line_as_formulas(inside: Inside) -> None:
    ran = inside(["grad", "a*x + b"])

    assert ran == (0, "a\tx\nx\ta\nb\t1\n", "")


def test_named_intermediates_in_the_forward_pass(gradcli: Command) -> None:
    ran = gradcli("eval", GRAPH, *AT, "--trace")
    named = {row[1]: (row[2], row[3]) for row in ran.rows[1:]}

    assert ran.code == 0
    assert named == {
        "a": ("a", "2"),
        "b": ("b", "-3"),
        "c": ("c", "10"),
        "d": ("d", "-2"),
        "e": ("a*b", "-6"),
        "f": ("e + c", "4"),
        "": ("f*d", "-8"),
    }
    assert ran.err.startswith("note: e ")
    assert ran.err.count("\n") == 1


def test_named_intermediates_in_the_backward_pass(gradcli: Command) -> None:
    ran = gradcli("grad", GRAPH, *AT, "--nodes")
    header, *rows = ran.rows
    table = {row[2]: dict(zip(header, row, strict=True)) for row in rows}

    assert rows[0][2] == "f*d", "the result comes first"
    assert table["f*d"]["gradient"] == "1"
    assert table["f*d"]["local derivatives"] == "f: -2, d: 4"
    assert (table["e + c"]["name"], table["e + c"]["gradient"]) == ("f", "-2")
    assert table["e + c"]["local derivatives"] == "e: 1, c: 1"
    assert (table["a*b"]["name"], table["a*b"]["gradient"]) == ("e", "-2")
    assert table["a*b"]["local derivatives"] == "a: -3, b: 2"
    assert {name: table[name]["gradient"] for name in "abcd"} == {
        "a": "6",
        "b": "-4",
        "c": "-2",
        "d": "4",
    }
    assert ran.err.startswith("note: e ")


@pytest.mark.parametrize("command", ["eval", "grad"])
def test_eulers_number_needs_no_note_while_it_is_eulers_number(
    inside: Inside, command: str
) -> None:
    assert inside([command, "e^x", "x=1"]).err == ""
    assert inside([command, "a = e; a*x", "x=1"]).err == ""


def test_descent_of_the_parabola(gradcli: Command) -> None:
    ran = gradcli(
        "minimize", "a^2 - 10*a + 28", "a=6", "--lr", "0.1", "--steps", "20", "--every", "1"
    )
    header, *rows = ran.rows
    points = [float(row[header.index("a")]) for row in rows]
    values = [float(row[header.index("value")]) for row in rows]

    assert ran.code == 0
    assert [row[0] for row in rows] == [str(step) for step in range(21)]
    assert points == [pytest.approx(5 + 0.8**step, rel=1e-14) for step in range(21)]
    assert [f"{point:.3f}" for point in points[:4]] == ["6.000", "5.800", "5.640", "5.512"]
    assert f"{points[19]:.6f}" == "5.014412"
    assert f"{points[20]:.6f}" == "5.011529"
    assert f"{values[20]:.6f}" == "3.000133"
    assert "completed the 20 steps" in ran.err


def test_descent_of_the_parabola_from_the_other_side(inside: Inside) -> None:
    words = ["minimize", "a^2 - 10*a + 28", "a=0", "--lr", "0.1", "--steps", "50", "--json"]
    ran = inside(words)
    document = json.loads(ran.out)

    assert ran.code == 0
    assert document["parameters"]["a"] == close(5 - 5 * 0.8**50)
    assert document["minimum"] == pytest.approx(3, abs=1e-8)
    assert document["steps"] == 50
