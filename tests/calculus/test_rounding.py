"""Rounded kinks: nearly the same formula, smooth, and the closer the narrower."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli import parse
from gradcli.calculus.kinks import WIDTH, kinks, rounded
from gradcli.formula import Formula
from gradcli.graph.operations import POWER_OF, TABLE

NUMBERS = st.floats(-100, 100)
FORMULAS = [
    "abs(x)",
    "hypot(x, y)",
    "max(x, y)",
    "max(x, y, 3)",
    "min(x, 2*y, x + y)",
    "clip(x, -1, y^2)",
    "relu(x - y)",
    "leaky_relu(x)",
    "abs(x - max(y, 1))",
]


def rounded_at(text: str, x: float, y: float, width: float) -> tuple[float, dict[str, float]]:
    """The value and gradient of the rounded formula."""
    formula = parse(text)
    nodes = kinks(formula.graph, formula.id, formula.graph.variables([formula.id]).values())
    smooth = rounded(formula, dict.fromkeys(nodes, 1.0))
    here = Formula(smooth.graph, smooth.id)
    values = {name: {"x": x, "y": y, WIDTH: width}[name] for name in here.free_names}
    point = here.at_values(values)
    return point.value, point.gradient()


def test_every_kink_of_numbers_can_be_rounded() -> None:
    """But for that of a power, at a base of 0."""
    numbers = [row for row in TABLE.values() if not row.structural]

    assert [row.name for row in numbers if row.kink and not row.rounded] == [POWER_OF.name]
    assert [row.name for row in numbers if row.rounded and not row.kink] == []


@pytest.mark.parametrize("text", FORMULAS)
@given(x=NUMBERS, y=NUMBERS, width=st.floats(1e-9, 1))
def test_it_is_off_by_no_more_than_the_widths(text: str, x: float, y: float, width: float) -> None:
    formula = parse(text)
    exact = formula.evaluate({name: {"x": x, "y": y}[name] for name in formula.free_names})
    value, _ = rounded_at(text, x, y, width)

    assert abs(value - exact) <= 2 * width + 1e-12


@pytest.mark.parametrize("text", FORMULAS)
def test_at_a_kink_the_gradient_is_one_between_those_of_the_sides(text: str) -> None:
    _, slopes = rounded_at(text, 0.0, 0.0, 1e-3)

    assert all(math.isfinite(slope) and abs(slope) <= 2 for slope in slopes.values())


def test_only_kinks_that_parameters_reach_count() -> None:
    formula = parse("abs(x) + max(y, 2) + abs(3)")
    names = formula.graph.variables([formula.id])

    assert len(kinks(formula.graph, formula.id, [names["x"]])) == 1
    assert len(kinks(formula.graph, formula.id, names.values())) == 2
