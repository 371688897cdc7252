"""What is drawn: which boxes and arrows there are, and how much gradient flows along them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from gradcli.formula import parse
from gradcli.pictures.graph.sketch import Sketch, sketch
from gradcli.programs.trace import Edge, Step

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_constant_has_a_box_for_each_use(sketched: Callable[..., Sketch]) -> None:
    found = sketched("3*x + 3*y + sin(3)", {"x": 1, "y": 1})
    constants = [box for box in found.boxes if box.role == "constant"]
    assert [box.step.formula for box in constants] == ["3", "3", "3"]
    assert len({arrow.tail.key for arrow in found.arrows if arrow.tail.role == "constant"}) == 3


def test_boxes_are_numbered_in_order_and_inputs_come_first(
    sketched: Callable[..., Sketch],
) -> None:
    found = sketched("log(x^2 + sin(3*x*y))", {"x": 2, "y": 3})
    assert [box.key for box in found.boxes] == [f"n{i}" for i in range(8)]
    assert [arrow.key for arrow in found.arrows] == [f"e{i}" for i in range(8)]
    position = {box.key: i for i, box in enumerate(found.boxes)}
    assert all(position[arrow.tail.key] < position[arrow.head.key] for arrow in found.arrows)


def test_roles(sketched: Callable[..., Sketch]) -> None:
    roles = {box.step.formula: box.role for box in sketched("sin(x)*2", {"x": 1}).boxes}
    assert roles == {"x": "input", "sin(x)": "operation", "2": "constant", "sin(x)*2": "result"}
    assert [box.role for box in sketched("x", {"x": 1}).boxes] == ["result"]
    assert [box.role for box in sketched("7").boxes] == ["result"]


def test_a_branch_that_is_not_taken_is_idle(sketched: Callable[..., Sketch]) -> None:
    found = sketched("where(x > 0, log(x), x^2 + y)", {"x": -2, "y": 1})
    assert [box.step.formula for box in found.boxes if not box.live] == ["log(x)"]
    idle = [(a.tail.step.formula, a.head.step.operation) for a in found.arrows if not a.live]
    assert idle == [("x", "log"), ("log(x)", "where")]


def test_an_arrow_to_a_branch_is_idle_even_when_its_input_is_used_elsewhere(
    sketched: Callable[..., Sketch],
) -> None:
    found = sketched("where(x > 0, x, y) + 2*y", {"x": 1, "y": 5})
    arrows = {
        (a.tail.step.formula, a.position): a.live
        for a in found.arrows
        if a.head.step.operation == "where"
    }
    assert arrows == {("x > 0", 0): True, ("x", 1): True, ("y", 2): False}
    assert all(box.live for box in found.boxes)


def test_without_values_every_branch_is_live(sketched: Callable[..., Sketch]) -> None:
    found = sketched("where(x > 0, log(x), x^2)")
    assert all(box.live for box in found.boxes)
    assert all(arrow.live for arrow in found.arrows)
    assert all(arrow.strength is None for arrow in found.arrows)


def test_the_strength_of_an_arrow_is_its_share_of_the_strongest_flow(
    sketched: Callable[..., Sketch],
) -> None:
    found = sketched("log(x^2 + sin(3*x*y))", {"x": 2, "y": 3})
    slope, cosine = 1 / (4 + math.sin(18)), math.cos(18)
    flows = {
        ("x", "constant power"): slope * 4,
        ("x", "multiply"): slope * cosine * 9,
        ("y", "multiply"): slope * cosine * 6,
        ("3", "multiply"): None,
        ("3*x*y", "sin"): slope * cosine,
        ("x^2", "add"): slope,
        ("sin(3*x*y)", "add"): slope,
        ("x^2 + sin(3*x*y)", "log"): slope,
    }
    strongest = slope * cosine * 9
    assert {
        (a.tail.step.formula, a.head.step.operation): a.strength for a in found.arrows
    } == pytest.approx({k: None if f is None else f / strongest for k, f in flows.items()})


@pytest.mark.parametrize("slope", [math.inf, math.nan, 1e308, 5e-324, 0.0, -1.0])
@pytest.mark.parametrize("local", [math.inf, math.nan, -1e308, 5e-324, 0.0])
def test_strengths_are_finite_whatever_flows(slope: float, local: float) -> None:
    formula = parse("x + y")
    x, y = formula.graph.variables([formula.id]).values()
    leaf = Step(x, "x", "x", "variable", 1.0, 1.0, (), live=True)
    steps = [
        leaf,
        leaf._replace(id=y, name="y"),
        Step(
            *(formula.id, None, "x + y", "add", 2.0, slope),
            inputs=(Edge(x, local), Edge(y, 1.0)),
            live=True,
        ),
    ]
    for arrow in sketch(formula.graph, formula.id, steps).arrows:
        assert arrow.strength is None or 0 <= arrow.strength <= 1


def test_a_formula_without_sharing_is_laid_out_as_written(sketched: Callable[..., Sketch]) -> None:
    assert all(box.tree for box in sketched("2*tanh(a*b + 2*c)").boxes)
    shared = {box.step.formula: box.tree for box in sketched("a*b + sin(a)").boxes}
    assert shared == {"a": True, "b": True, "a*b": False, "sin(a)": False, "a*b + sin(a)": False}


@pytest.mark.parametrize(
    ("source", "letter"),
    [
        ("x^2", "f"),
        ("f^2", "g"),
        ("e = a*b; f = e + c; f*d", "g"),
        ("loss = (x - y)^2; loss", "loss"),
        ("mean_squared_error = (x - y)^2; mean_squared_error", "f"),
        ("+".join("fghFGHpqrzABC"), "result"),
    ],
)
def test_the_result_has_a_letter_of_its_own(
    sketched: Callable[..., Sketch], source: str, letter: str
) -> None:
    assert sketched(source).letter == letter
