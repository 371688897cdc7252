"""Which formulas are recognised as sums of squares, and what their residuals are."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.calculus.squares import squares, sum_of_terms
from gradcli.formula import Formula, parse
from gradcli.graph.printing import formula as text_of

ROWS = 5
SHAPES = {"x": (ROWS,), "y": (ROWS,), "w": (ROWS,), "X": (ROWS, 2), "v": (2,)}


def read(source: str) -> tuple[Formula, dict[str, int]]:
    formula = parse(source, SHAPES)
    nodes = formula.graph.variables([formula.id])
    return formula, {name: nodes[name] for name in nodes if name in {"a", "b", "v"}}


@pytest.mark.parametrize(
    ("source", "residual", "weight", "response"),
    [
        ("y ~ a*x + b", "y - (a*x + b)", None, "y"),
        ("log(y) ~ a*x + b", "log(y) - (a*x + b)", None, "log(y)"),
        ("sum((y - a*x)^2)", "y - a*x", None, "y"),
        ("mean((a*x - y)^2)", "a*x - y", None, "y"),
        ("mean((a*x + b - y)**2)", "a*x + b - y", None, "y"),
        ("sum((y - a*x)*(y - a*x))", "y - a*x", None, "y"),
        ("sum((y - a*x - b)^2)/2", "y - a*x - b", None, "y"),
        ("0.5*mean((y - a*x - b)^2)/len(x)", "y - a*x - b", None, "y"),
        ("mse(a*x, y)", "a*x - y", None, "y"),
        ("norm(y - a*x)^2", "y - a*x", None, "y"),
        ("u = y - a*x; dot(u, u)", "y - a*x", None, "y"),
        ("sum(w*(y - a*x)^2)", "y - a*x", "w", "y"),
        ("sum((y - a*x)^2/w)", "y - a*x", "1/w", "y"),
        ("sum(w*(y - a*x)^2/x)", "y - a*x", "1/x*w", "y"),
        ("sum((y - x - a)^2)", "y - x - a", None, "y - x"),
        ("sum((1 - a*x + y)^2)", "1 - a*x + y", None, "y"),
        ("sum((x*a + w*b)^2)", "x*a + w*b", None, None),
        ("sum((y - X @ v)^2)", "y - X @ v", None, "y"),
    ],
)
def test_what_is_a_sum_of_squares(
    source: str, residual: str, weight: str | None, response: str | None
) -> None:
    formula, parameters = read(source)
    found = squares(formula.graph, formula.id, parameters.values())
    assert found is not None
    shown = [
        None if node is None else text_of(formula.graph, node)
        for node in (found.residual, found.weight, found.response)
    ]
    assert shown == [residual, weight, response]


@pytest.mark.parametrize(
    "source",
    [
        "sum(y - a*x)",
        "sum(abs(y - a*x))",
        "sum((y - a*x)^3)",
        "-sum((y - a*x)^2)",
        "sum((y - a*x)^2) + a^2",
        "sum((y - a*x)^2)*a",
        "sum((y - a*x)^2*a)",
        "sum((y - a*x)^2/a)",
        "sqrt(sum((y - a*x)^2))",
        "norm(y - a*x)",
        "dot(y - a*x, x)",
        "sum((y - x)^2) + a",
        "a*sum((y - x)^2)",
        "sum((y - a*x)^2)/0",
        "max((y - a*x)^2)",
    ],
)
def test_what_is_none(source: str) -> None:
    formula, parameters = read(source)
    assert squares(formula.graph, formula.id, parameters.values()) is None


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("100*(b - a^2)^2 + (1 - a)^2", {"a": -1.2, "b": 1.0}),
        ("(a - 1)^2/4 - -(b*b)", {"a": 3.0, "b": 0.5}),
        ("(a + 10*b)^2 + 5*(a - b)^2 + 2*(3*(sin(a) - 2*b)^2)", {"a": 3.0, "b": -1.0}),
        ("a^2", {"a": 3.0}),
    ],
)
def test_a_sum_of_squared_terms_is_the_sum_of_the_squared_residuals(
    source: str, at: dict[str, float]
) -> None:
    formula, parameters = read(source)
    node = sum_of_terms(formula.graph, formula.id, parameters.values())
    assert node is not None
    residuals = Formula(formula.graph, node).evaluate(at)
    assert float(np.sum(residuals**2)) == pytest.approx(formula.evaluate(at), rel=1e-14)


@pytest.mark.parametrize(
    "source", ["a^2 - b^2", "a^2 + 3", "a^4 + b^2", "a^2 + b", "a^2 + b*a", "-2*a^2", "a^2/b^2"]
)
def test_a_sum_of_other_terms_is_none(source: str) -> None:
    formula, parameters = read(source)
    assert sum_of_terms(formula.graph, formula.id, parameters.values()) is None
