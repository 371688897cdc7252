"""Formulas of arrays without values: w=shape(3), and what is said about names that have none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradcli import parse

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside


def test_a_shape_makes_a_name_an_array(inside: Inside) -> None:
    ran = inside(["grad", "std(w)", "w=shape(3)"])
    assert (ran.code, ran.out, ran.err) == (0, "w\t(w - mean(w))/(3*std(w))\n", "")


@pytest.mark.parametrize(
    ("words", "shapes"),
    [
        (["mean((a*x + b - y)^2)", "x=shape(4)", "y=shape(4)"], {"x": (4,), "y": (4,)}),
        (["sum((A @ w)^2)*c", "A=shape(2, 3)", "w=shape(3)"], {"A": (2, 3), "w": (3,)}),
        (["shape*sum(w)", "w=shape(2)"], {"w": (2,)}),
    ],
)
def test_what_is_printed_has_the_values_of_the_gradient(
    inside: Inside, words: list[str], shapes: dict[str, tuple[int, ...]]
) -> None:
    ran = inside(["grad", *words, "--json"])
    assert ran.code == 0, ran.err
    assert ran.err == ""
    said = json.loads(ran.out)
    assert said["notes"] == []
    formula = parse(words[0], shapes)
    numbers = np.random.default_rng(3)
    values = {name: numbers.normal(size=shapes.get(name, ())) for name in formula.free_names}
    for name, slope in formula.gradient(values).items():
        again = parse(said["derivatives"][name], shapes)
        got = again.evaluate({free: values[free] for free in again.free_names})
        np.testing.assert_allclose(np.broadcast_to(got, np.shape(slope)), slope, rtol=1e-12)


def test_every_line_of_stdin_may_use_the_shapes(inside: Inside, gradcli: Command) -> None:
    ran = gradcli("grad", "-", "w=shape(2)", "x=shape(2)", stdin="w @ x\nsum(w)\ny^2\n")
    assert (ran.code, ran.err) == (0, "")
    assert ran.rows == [
        ["w @ x", "w", "x", "x", "w"],
        ["sum(w)", "w", "ones(2)"],
        ["y^2", "y", "2*y"],
    ]
    assert inside(["grad", "len(w)*y", "w=shape(7)"]).out == "y\t7\n"


@pytest.mark.parametrize("words", [["draw", "--format", "json"], ["draw", "--format", "dot"]])
def test_a_picture_takes_shapes_too(inside: Inside, words: list[str]) -> None:
    ran = inside([*words, "w @ x", "w=shape(2)", "x=shape(2)"])
    assert (ran.code, ran.err) == (0, "")
    assert "w @ x" in ran.out


@pytest.mark.parametrize(
    ("words", "complaint", "repair"),
    [
        (["grad", "sum(w)*a", "w=shape(3)", "a=2"], "a has a value", "w=normal(3)"),
        (["draw", "sum(w)*a", "w=shape(2, 3)", "a=2"], "a has a value", "w=normal(2, 3)"),
        (["grad", "sum(w)*a", "w=shape(3)", "a=0:1:0.5"], "a has a value", "w=normal(3)"),
        (["eval", "sum(w)", "w=shape(3)"], "only a shape", "w=zeros(3)"),
        (["minimize", "sum(w^2)", "w=shape(3)"], "only a shape", "w=normal(3)"),
        (["grad", "sum(w)", "w=shape(3)*2"], "has no value", "w=shape(3)"),
        (["grad", "sum(w)", "w=shape(3)", "--nodes"], "--nodes needs values", "w=…"),
        (["grad", "w @ x"], "a matrix product needs two arrays", "w=shape(3)"),
        (["grad", "w @ x", "w=shape(3)"], "a matrix product needs two arrays", "x=shape(3)"),
        (["draw", "dot(w, w)"], "dot takes two vectors", "w=shape(3)"),
        (["grad", "w[0]^2"], "a single number cannot be indexed", "w=shape(3)"),
        (["grad", "sum(w)", "q=shape(3)"], "does not use q", "remove q=…"),
        (["grad", "w^2", "w=shape(3)"], "a derivative needs a single number", "sum"),
        (["grad", "sum(w)", "w=shape(2.5)"], "must be a whole number", ""),
    ],
)
def test_what_cannot_be_is_said_with_a_repair(
    inside: Inside, words: list[str], complaint: str, repair: str
) -> None:
    ran = inside(words)
    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err
    assert repair in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "repaired"),
    [
        (["grad", "sum(w)*a", "w=shape(3)", "a=2"], "w=normal(3)"),
        (["eval", "sum(w)", "w=shape(2, 3)"], "w=zeros(2, 3)"),
        (["minimize", "sum(w^2)", "w=shape(3)"], "w=normal(3)"),
    ],
)
def test_the_repair_works_when_it_is_typed(inside: Inside, words: list[str], repaired: str) -> None:
    assert repaired in inside(words).err
    ran = inside([repaired if word.startswith("w=") else word for word in words])
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("formula", "operations"),
    [
        ("mean((a*x + b - y)^2)", ["mean"]),
        ("std(w)", ["std"]),
        ("sum(x) + logsumexp(y)", ["sum", "logsumexp"]),
        ("mse(x, y)*sum(2)", ["mse"]),
        ("softmax(x)*x", ["softmax"]),
    ],
)
@pytest.mark.parametrize("command", ["grad", "draw"])
def test_an_operation_on_arrays_that_has_one_number_gets_a_note(
    inside: Inside, command: str, formula: str, operations: list[str]
) -> None:
    ran = inside([command, formula, *(["--format", "dot"] if command == "draw" else [])])
    assert ran.code == 0
    notes = ran.err.splitlines()
    assert [line.split()[1] for line in notes] == operations
    assert all("=shape(3)" in line and "characters" in line for line in notes)
    if command == "grad":
        said = json.loads(inside(["grad", formula, "--json"]).out)
        assert [f"note: {remark}" for remark in said["notes"]] == notes


@pytest.mark.parametrize("formula", ["x^2", "sum([x, y])", "sum([1, 2])*x", "[x, y] @ [1, 2]"])
def test_other_formulas_get_none(inside: Inside, formula: str) -> None:
    assert inside(["grad", formula]).err == ""
    assert json.loads(inside(["grad", formula, "--json"]).out)["notes"] == []


def test_shape_and_scatter_in_the_language(inside: Inside) -> None:
    """`shape` means something in a value only; a name may be called so."""
    assert inside(["eval", "shape^2", "shape=3"]).out == "9\n"
    assert inside(["eval", "shape(3)"]).code == 2
    assert inside(["eval", "scatter([1, 2], zeros(5)[1:4:2])"]).out == "[0, 1, 0, 2, 0]\n"
    assert inside(["eval", "scatter(7, zeros(2, 2)[1, 0])"]).out == "[[0, 0], [7, 0]]\n"
    for wrong in ("scatter([1], zeros(5)[1:4])", "scatter([1], [0, 0][1:])", "scatter(1)"):
        ran = inside(["eval", wrong])
        assert (ran.code, ran.out) == (2, "")
        assert "scatter" in ran.err
