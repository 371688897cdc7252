"""What a picture tells those who point at a part of it, or hear it read aloud."""

from __future__ import annotations

import math
from itertools import permutations

import pytest

from gradcli.formula import parse
from gradcli.graph.operations import TABLE
from gradcli.pictures.graph.words import (
    LONGEST,
    about_edge,
    about_picture,
    about_step,
    marks,
    symbol,
)

NUMBERS = {"x": 2.0, "y": 3.0}


def said(source: str, values: dict[str, float] | None = NUMBERS) -> dict[str, str]:
    """The sentence on each step, by its formula."""
    formula = parse(source)
    steps = formula.structure() if values is None else formula.run(values).steps
    return {step.formula: about_step(formula.graph, step, live=step.live) for step in steps}


def edges(source: str, values: dict[str, float] | None = NUMBERS) -> list[str]:
    """The sentences on the arrows into the last step."""
    formula = parse(source)
    steps = formula.structure() if values is None else formula.run(values).steps
    return [about_edge(formula.graph, steps[-1], edge) for edge in steps[-1].inputs]


def test_each_node_is_a_sentence_with_its_numbers() -> None:
    found = said("log(x^2 + sin(3*x*y))")
    sine, slope = math.sin(18), 1 / (4 + math.sin(18))
    assert sine == pytest.approx(-0.7510, abs=5e-5)
    assert slope == pytest.approx(0.3078, abs=5e-5)
    assert found["sin(3*x*y)"] == "sin of 3*x*y: value −0.751, gradient 0.3078"
    assert found["3*x*y"] == "product of 3, x and y: value 18, gradient 0.2032"
    assert found["x^2 + sin(3*x*y)"].startswith("sum of x^2 and sin(3*x*y): value 3.249")
    assert found["x^2"] == "x^2: value 4, gradient 0.3078"
    assert found["y"].startswith("input y: value 3, gradient 1.219")
    assert found["3"] == "constant 3: value 3"


def test_names_of_the_user_come_first() -> None:
    found = said("e = x*y; f = e + y; f/x")
    assert found["x*y"].startswith("e, the product of x and y: value 6")
    assert found["e + y"].startswith("f, the sum of e and y: value 9")
    assert found["f/x"].startswith("quotient of f and x: value 4.5")


def test_a_branch_that_is_not_taken_says_so() -> None:
    found = said("where(x > 0, log(x), x^2)", {"x": -2})
    assert found["log(x)"] == "log of x: not taken, no value, gradient 0"
    assert found["x > 0"].startswith("x > 0: value 0")


def test_without_values_there_are_no_numbers() -> None:
    assert said("sin(x) - y", None) == {
        "x": "input x",
        "sin(x)": "sin of x",
        "y": "input y",
        "sin(x) - y": "difference of sin(x) and y",
    }


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        ("sin(3*x*y)", ["∂/∂(3*x*y) sin = cos(3*x*y) = 0.6603"]),
        ("x*y", ["∂/∂x (x*y) = y = 3", "∂/∂y (x*y) = x = 2"]),
        ("x - y", ["∂/∂x (x - y) = 1", "∂/∂y (x - y) = -1"]),
        ("3*x", ["3 in 3*x", "∂/∂x (3*x) = 3"]),
        ("x^2", ["∂/∂x (x^2) = 2*x = 4"]),
        ("u = sin(x); u*y", ["∂/∂u (u*y) = y = 3", "∂/∂y (u*y) = u = 0.9093"]),
        ("u = x*y; u", ["∂/∂x u = y = 3", "∂/∂y u = x = 2"]),
    ],
)
def test_an_arrow_tells_its_local_derivative(source: str, sentences: list[str]) -> None:
    values = {name: NUMBERS[name] for name in parse(source).free_names}
    assert edges(source, values) == sentences


def test_an_arrow_without_values_tells_the_formula() -> None:
    assert edges("sin(3*x*y)", None) == ["∂/∂(3*x*y) sin = cos(3*x*y)"]


def test_where_there_is_no_value_there_is_no_slope() -> None:
    formula = parse("where(x > 0, log(x), x^2)")
    steps = {step.formula: step for step in formula.run({"x": -2}).steps}
    log = steps["log(x)"]
    assert about_edge(formula.graph, log, log.inputs[0]) == "∂/∂x log = 1/x"


def test_the_whole_picture_in_words() -> None:
    formula = parse("log(x^2 + sin(3*x*y))")
    slope = 1 / (4 + math.sin(18))
    by_x, by_y = slope * (4 + 9 * math.cos(18)), slope * 6 * math.cos(18)
    assert (f"{by_x:.4g}", f"{by_y:.4g}") == ("3.06", "1.219")
    assert about_picture(formula.run(NUMBERS).steps) == (
        "The value is 1.178 at x = 2 and y = 3. "
        "The derivative is 3.06 with respect to x and 1.219 with respect to y."
    )
    without = "The computation graph, without values. It depends on x and y."
    assert about_picture(formula.structure()) == without
    assert about_picture(parse("2 + 3").run().steps) == "The value is 5."


def test_sentences_stay_short() -> None:
    names = [f"a_rather_long_name_number_{i}" for i in range(40)]
    formula = parse(" + ".join(names))
    steps = formula.run(dict.fromkeys(names, 1.0)).steps
    sentence = about_step(formula.graph, steps[-1], "result")
    assert len(sentence) <= LONGEST
    assert sentence.endswith("value 40, gradient 1")
    assert "29 more" in about_picture(steps)
    assert all(len(about_edge(formula.graph, steps[-1], e)) <= LONGEST for e in steps[-1].inputs)


def test_the_order_of_arguments_is_marked_where_it_matters() -> None:
    assert marks("subtract", 2) == ("1st", "2nd")
    assert marks("divide", 2) == marks("atan2", 2) == marks("mod", 2) == ("1st", "2nd")
    assert marks("power", 2) == ("base", "exp.")
    assert marks("where", 3) == ("if", "then", "else")
    assert marks("clip", 3) == ("of", "low", "high")
    assert marks("add", 2) == marks("max", 3) == marks("sin", 1) == ()


@pytest.mark.parametrize(
    "name", [name for name, row in TABLE.items() if row.arity[1] not in {0, 1}]
)
def test_every_operation_is_marked_unless_its_arguments_can_be_exchanged(name: str) -> None:
    operation = TABLE[name]
    count = max(2, operation.arity[0])
    if operation.value is None:  # on arrays only
        assert bool(marks(name, count)) == (name not in {"dot", "mse"})
        return
    payload = () if operation.payload is None else (1,)
    tries = [(1.5, 2.5, 0.25), (3.0, 0.5, 7.0), (0.25, 0.75, 0.5), (12.0, 18.0, 4.0)]
    same = all(
        len({repr(operation.value(*order, *payload)) for order in permutations(numbers[:count])})
        == 1
        for numbers in tries
    )
    assert (marks(name, count) == ()) == same
    assert len(marks(name, count)) in {0, count}


def test_every_part_of_an_array_has_its_index() -> None:
    assert marks("array", 1) == ("[0]",)
    assert marks("array", 5) == ("[0]", "[1]", "[2]", "[3]", "[4]")


def test_symbols() -> None:
    formula = parse("-x^0.5*y/(x - y)!")
    steps = formula.structure()
    found = {step.operation: symbol(formula.graph, step) for step in steps if step.inputs}
    assert found == {
        "constant power": "^0.5",
        "negate": "−",
        "multiply": "×",
        "subtract": "−",
        "factorial": "!",
        "divide": "÷",
    }
