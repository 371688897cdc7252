"""grad --mode forward --nodes: tangents of every node; and derivatives with respect to parts."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import mpmath
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Inside, Terminal

FORMULA = "u = 3*x*y; v = sin(u); log(x^2 + v)"
POINT = {"x": 2.0, "y": 3.0}
WORDS = ["grad", FORMULA, "x=2", "y=3"]


def slope(formula: str, name: str, point: dict[str, float] | None = None) -> float:
    """The derivative of a formula by mpmath with 40 digits, from its text."""
    at = {"u": 18.0, "v": float(mpmath.sin(18)), **POINT} if point is None else point

    def value(x: Any) -> Any:
        known = {other: mpmath.mpf(number) for other, number in at.items()} | {name: x}
        words = {"sin": mpmath.sin, "log": mpmath.log, **known}
        return eval(formula.replace("^", "**"), words)  # noqa: S307 - a formula of this file

    with mpmath.workdps(40):
        return float(mpmath.diff(value, at[name]))


def unfolded(formula: str) -> str:
    """The text of a node with the parts written out."""
    for name, part in (("v", "sin(u)"), ("u", "(3*x*y)")):
        formula = formula.replace(name, part)
    return formula


def check_rows(rows: list[dict[str, str]]) -> None:
    assert rows[-1]["formula"] == "log(x^2 + v)"
    for row in rows:
        for name in ("x", "y"):
            wanted = slope(unfolded(row["formula"]), name)
            assert float(row[f"∂/∂{name}"]) == pytest.approx(wanted, rel=1e-13, abs=1e-14)


def test_tangents_in_a_pipe(inside: Inside) -> None:
    ran = inside([*WORDS, "--mode", "forward", "--nodes"])
    assert (ran.code, ran.err) == (0, "")
    header, *rows = ran.rows
    check_rows([dict(zip(header, row, strict=True)) for row in rows])
    assert "gradient" not in header


def test_tangents_as_csv(inside: Inside) -> None:
    ran = inside([*WORDS, "--mode", "forward", "--nodes", "--csv"])
    check_rows(list(csv.DictReader(io.StringIO(ran.out))))


def test_tangents_as_json(inside: Inside) -> None:
    found = json.loads(inside([*WORDS, "--mode", "forward", "--nodes", "--json"]).out)
    for node in found["nodes"]:
        assert "gradient" not in node
        for name, tangent in node["tangents"].items():
            wanted = slope(unfolded(node["formula"]), name)
            assert tangent == pytest.approx(wanted, rel=1e-13, abs=1e-14)
    assert found["nodes"][-1]["tangents"] == found["gradient"]
    # The rule of the chain, node by node.
    by_id = {node["id"]: node for node in found["nodes"]}
    for node in found["nodes"]:
        for name in POINT if node["inputs"] else ():
            parts = [
                edge["local"] * by_id[edge["node"]]["tangents"][name]
                for edge in node["inputs"]
                if edge["local"] is not None
            ]
            assert node["tangents"][name] == pytest.approx(sum(parts), rel=1e-13)


def test_tangents_on_a_terminal(terminal: Terminal) -> None:
    shown = terminal(*WORDS, "--mode", "forward", "--nodes", columns=140)
    assert shown.code == 0
    assert "∂/∂x" in shown.text
    assert "∂/∂y" in shown.text
    last = next(line for line in shown.lines if "log(x^2 + v)" in line)
    assert last.split()[-2:] == [f"{slope(unfolded('log(x^2 + v)'), name):.6g}" for name in "xy"]


def test_a_column_for_each_number_of_an_array(inside: Inside) -> None:
    ran = inside(["grad", "b*sum(w*w)", "w=[1, 2, 3]", "b=2", "--mode", "forward", "--nodes"])
    header, *rows = ran.rows
    assert header[-4:] == ["∂/∂b", "∂/∂w[0]", "∂/∂w[1]", "∂/∂w[2]"]
    assert rows[-1][-4:] == ["14", "4", "8", "12"]  # sum(w^2), 2*b*w
    squares = next(row for row in rows if row[2] == "w*w")
    assert squares[-4:] == ["0", "[2, 0, 0]", "[0, 4, 0]", "[0, 0, 6]"]


def test_only_the_names_that_are_asked_for(inside: Inside) -> None:
    ran = inside([*WORDS, "--mode", "forward", "--nodes", "--wrt", "y"])
    assert ran.rows[0][-3:] == ["value", "digits", "∂/∂y"]
    backward = inside([*WORDS, "--nodes", "--wrt", "y"])
    gradients = {row[2]: row[-1] for row in backward.rows}
    assert gradients["x^2"] == ""
    assert float(gradients["y"]) == pytest.approx(slope(unfolded("log(x^2 + v)"), "y"), rel=1e-13)


def test_an_array_of_many_numbers_is_refused(inside: Inside) -> None:
    words = ["grad", "sum(w*w)*x", "w=zeros(200)", "x=1", "--mode", "forward", "--nodes"]
    ran = inside(words)
    assert (ran.code, ran.out) == (2, "")
    assert "w has 200 numbers" in ran.err
    assert inside([*words, "--wrt", "x"]).code == 0  # the repair


def test_a_branch_that_is_not_taken(inside: Inside) -> None:
    words = ["grad", "where(x > 0, x^2, log(x - 5))", "x=3", "--mode", "forward", "--nodes"]
    ran = inside(words)
    assert ran.code == 0
    assert ran.rows[-1][-1] == "6"
    assert "nan" not in ran.out
    nodes = json.loads(inside([*words, "--json"]).out)["nodes"]
    assert next(n for n in nodes if n["formula"] == "log(x - 5)")["tangents"] == {"x": None}


@pytest.mark.parametrize("mode", ["reverse", "forward", "finite"])
def test_derivatives_with_respect_to_parts(inside: Inside, mode: str) -> None:
    ran = inside([*WORDS, "--wrt", "u,v,x", "--mode", mode])
    assert (ran.code, ran.err) == (0, "")
    found = {name: float(number) for name, number in ran.rows}
    rel = 1e-10 if mode == "finite" else 1e-13
    assert found["u"] == pytest.approx(slope("log(x^2 + sin(u))", "u"), rel=rel)
    assert found["v"] == pytest.approx(slope("log(x^2 + v)", "v"), rel=rel)
    assert found["x"] == pytest.approx(slope(unfolded("log(x^2 + v)"), "x"), rel=rel)


def test_parts_in_other_forms(inside: Inside, terminal: Terminal) -> None:
    wanted = slope("log(x^2 + sin(u))", "u")
    checked = inside([*WORDS, "--wrt", "u", "--check"]).rows
    assert [float(cell) for cell in checked[1][1:]] == pytest.approx([wanted] * 3, rel=1e-10)
    assert inside([*WORDS, "--wrt", "u", "--step", "0.001"]).code == 0
    formulas = inside(["grad", FORMULA, "--wrt", "u"]).out
    assert formulas == "u\tu = 3*x*y; v = sin(u); cos(u)/(x^2 + v)\n"
    table = inside(["grad", FORMULA, "x=2", "y=2:3:1", "--wrt", "u"]).rows
    assert float(table[2][-1]) == pytest.approx(wanted, rel=1e-13)
    assert "18" in terminal(*WORDS, "--wrt", "u").text


def test_parts_that_do_not_exist_and_second_derivatives(inside: Inside) -> None:
    unknown = inside([*WORDS, "--wrt", "q"])
    assert unknown.code == 2
    assert "no name 'q'" in unknown.err
    assert "x, y, u, v" in unknown.err
    second = inside([*WORDS, "--wrt", "u", "--hessian"])
    assert second.code == 2
    assert "free names" in second.err
