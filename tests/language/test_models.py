"""Model lines: y ~ f stands for the sum of the squares of y - f."""

from __future__ import annotations

import pytest

from gradcli.errors import FormulaError
from gradcli.formula import parse


def test_a_model_is_the_sum_of_its_squared_residuals() -> None:
    formula = parse("y ~ a*x + b", {"x": (3,), "y": (3,)})
    assert formula.is_model
    value = formula.evaluate(x=[1, 2, 3], y=[2, 4, 7], a=2, b=0.5)
    assert value == 0.5**2 + 0.5**2 + 0.5**2
    assert str(formula) == "sum((y - (a*x + b))^2)"


def test_definitions_come_before_a_model() -> None:
    formula = parse("u = exp(-b*x)\nlog(y) ~ a*u", {"x": (2,), "y": (2,)})
    assert formula.is_model
    assert str(formula) == "u = exp(-b*x); sum((log(y) - a*u)^2)"


def test_a_formula_is_no_model() -> None:
    assert not parse("sum((y - a*x)^2)", {"x": (3,), "y": (3,)}).is_model


@pytest.mark.parametrize(
    "source", ["y ~", "~ x", "y ~ x ~ z", "(y ~ x)", "sin(y ~ x)", "y ~ x; 3", "u = y ~ x; u", "~"]
)
def test_a_tilde_stands_once_between_two_sides(source: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(source)
    assert caught.value.span is not None
    assert caught.value.hint is None or "traceback" not in caught.value.hint
