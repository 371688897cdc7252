"""Residuals and Jacobians over data, against sympy, in one block and in many."""

from __future__ import annotations

import functools
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sympy

import gradcli.minimize.residuals
from gradcli.calculus.squares import squares
from gradcli.errors import MathematicsError
from gradcli.formula import parse
from gradcli.graph.node import Node
from gradcli.graph.shapes import sized
from gradcli.minimize.fit import Weighting
from gradcli.minimize.objective import WEIGHT, Layout, Objective
from gradcli.minimize.residuals import ModelResiduals
from gradcli.rows.columns import by_rows

ROWS = 300
X = np.linspace(0.5, 3, ROWS)
Y = 2 * np.exp(-0.7 * X) + 0.1 * np.sin(40 * X)


def residuals(
    source: str, start: dict[str, Any], weights: Any = None, **data: Any
) -> tuple[ModelResiduals, Any]:
    values = {"x": X, "y": Y, **data}
    shapes = {name: np.shape(value) for name, value in {**values, **start}.items()}
    entries = {name: np.shape(value)[1:] for name, value in values.items()}
    read = functools.partial(parse, source)
    over = by_rows(read, shapes, entries, ROWS)
    formula = read(shapes) if over is None else over
    constants = {name: value for name, value in values.items() if name in formula.free_names}
    objective = Objective(formula.graph, formula.id, list(start), formula.origin, constants)
    found = squares(formula.graph, formula.id, objective.nodes.values())
    assert found is not None
    vector = Layout(objective.shapes).vector([np.asarray(v, dtype=float) for v in start.values()])
    weight = None
    if weights is not None:
        residual = Node(formula.graph, found.residual)
        shape = sized(residual.shape, ROWS)
        objective.constants[WEIGHT] = np.reshape(weights, shape)
        weight = Weighting(weights).node(residual, len(weights))
    return ModelResiduals(objective, found.residual, weight), vector


@pytest.mark.parametrize(
    "model", ["a*exp(-b*x)", "a*x^b", "a/(1 + exp(b - x))", "a + b*x", "sin(a*x) + b", "a + 0*b"]
)
def test_residuals_and_jacobian_are_those_of_sympy(model: str) -> None:
    computed, point = residuals(f"y ~ {model}", {"a": 1.5, "b": 0.8})
    a, b, x = sympy.symbols("a b x")
    exact = sympy.sympify(model, {"a": a, "b": b, "x": x})
    ((values, jacobian),) = computed.blocks(point)
    for expression, column in [
        (exact, Y - values),
        (exact.diff(a), -jacobian[:, 0]),
        (exact.diff(b), -jacobian[:, 1]),
    ]:
        function = sympy.lambdify((a, b, x), expression, "numpy")
        np.testing.assert_allclose(column, function(*point, X) + 0 * X, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(values, next(computed.values(point)))


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(
    "model", ["a*exp(-b*x)", "a*x^b", "a/(1 + exp(b - x))", "a + b*x", "sin(a*x) + b", "a + 0*b"]
)
def test_how_the_jacobian_changes_along_a_direction_is_that_of_sympy(
    model: str, is_weighted: bool
) -> None:
    weights = np.linspace(0.1, 4, ROWS) if is_weighted else None
    computed, point = residuals(f"y ~ {model}", {"a": 1.5, "b": 0.8}, weights)
    direction = np.array([0.3, -2.0])
    a, b, x = sympy.symbols("a b x")
    exact = sympy.sympify(model, {"a": a, "b": b, "x": x})
    ((values, jacobian, turned),) = computed.along(point, direction)
    roots = 1 if weights is None else np.sqrt(weights)
    for name, column in zip((a, b), turned.T, strict=True):
        slope = exact.diff(name)
        expression = 0.3 * slope.diff(a) - 2 * slope.diff(b)
        function = sympy.lambdify((a, b, x), expression, "numpy")
        expected = -roots * (function(*point, X) + 0 * X)
        np.testing.assert_allclose(column, expected, rtol=1e-12, atol=1e-12)
    ((same, slopes),) = computed.blocks(point)
    np.testing.assert_array_equal(values, same)
    np.testing.assert_array_equal(jacobian, slopes)


@pytest.mark.parametrize(
    ("source", "linear"),
    [
        ("y ~ a + b*x", True),
        ("y ~ a*sin(x) + b*log(x)", True),
        ("y ~ (a*x + b)/x", True),
        ("y ~ a*exp(-b*x)", False),
        ("y ~ a*b*x", False),
        ("y ~ where(x > 1, a, b)*x", True),
    ],
)
def test_a_constant_jacobian_makes_a_model_linear(source: str, linear: bool) -> None:
    assert residuals(source, {"a": 1.0, "b": 2.0})[0].is_linear is linear


@pytest.mark.parametrize(
    ("source", "start", "data"),
    [
        ("y ~ a*exp(-b*x)", {"a": 1.0, "b": 2.0}, {}),
        ("y ~ tanh(M @ w)", {"w": np.array([1.0, -2.0])}, {"M": np.stack([X, X**2], axis=1)}),
        ("y ~ c[0] + c[1]*x", {"c": np.array([1.0, 2.0])}, {}),
        ("M ~ a*[[1, 2]] + b", {"a": 1.0, "b": 2.0}, {"M": np.stack([X, X**2], axis=1)}),
    ],
)
def test_blocks_of_rows_are_parts_of_the_whole(
    source: str, start: dict[str, Any], data: dict[str, Any]
) -> None:
    weights = np.linspace(0.5, 2, ROWS * (2 if source.startswith("M") else 1))
    whole, point = residuals(source, start, weights, **data)
    ((values, jacobian),) = whole.blocks(point)
    with mock.patch.object(gradcli.minimize.residuals, "BLOCK_NUMBERS", 128 * len(point)):
        parts, _ = residuals(source, start, weights, **data)
        blocks = list(parts.blocks(point))
    assert len(blocks) > 1
    np.testing.assert_allclose(np.concatenate([r for r, _ in blocks]), values, rtol=1e-14)
    np.testing.assert_allclose(np.concatenate([j for _, j in blocks]), jacobian, rtol=1e-14)
    np.testing.assert_allclose(np.concatenate([*parts.values(point)]), values, rtol=1e-14)


def test_a_model_that_needs_all_rows_is_never_cut() -> None:
    with mock.patch.object(gradcli.minimize.residuals, "BLOCK_NUMBERS", 128):
        computed, point = residuals("y ~ a*(x - mean(x)) + b", {"a": 1.0, "b": 2.0})
        assert len(list(computed.blocks(point))) == 1


def test_weights_scale_residuals_by_their_roots() -> None:
    plain, point = residuals("y ~ a*x + b", {"a": 1.0, "b": 2.0})
    scaled, _ = residuals("y ~ a*x + b", {"a": 1.0, "b": 2.0}, np.full(ROWS, 4.0))
    np.testing.assert_array_equal(next(scaled.values(point)), 2 * next(plain.values(point)))


def test_undefined_residuals_are_an_error() -> None:
    computed, point = residuals("y ~ log(a*x) + b", {"a": 1.0, "b": 2.0})
    with pytest.raises(MathematicsError):
        list(computed.values(-point))
    with pytest.raises(MathematicsError):
        list(computed.blocks(-point))
