"""Formulas of sums over rows of numbers, in one pass over the rows, against JAX in doubles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli import parse
from gradcli.errors import MathematicsError, NameValueError
from gradcli.minimization.choice import SUMMED_ROWS, objective_over
from gradcli.minimization.rows_objective import RowsObjective
from gradcli.runtime import rows

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy

ROWS = 3 * SUMMED_ROWS + 5
POINT = {"a": 1.5, "b": 0.5, "c": 0.25}
GENERATOR = np.random.default_rng(5)
X = GENERATOR.uniform(0.1, 4, ROWS)
Y = 2 * np.exp(-0.7 * X) + 0.3 + GENERATOR.normal(0, 0.1, ROWS)


def pick(condition: Any, x: Any, y: Any) -> Any:
    """What `where` is in JAX."""
    return jnp.where(condition, x, y)


FORMULAS: list[tuple[str, Any]] = [
    (
        "mean((a*exp(-b*x) + c - y)^2)",
        lambda a, b, c, x, y: jnp.mean((a * jnp.exp(-b * x) + c - y) ** 2),
    ),
    ("sum((a*x + b*c - y)^2)", lambda a, b, c, x, y: jnp.sum((a * x + b * c - y) ** 2)),
    ("mse(a*x^2 + b*x + c, y)", lambda a, b, c, x, y: jnp.mean((a * x**2 + b * x + c - y) ** 2)),
    (
        "dot(sin(a*x)/b, cos(c*x) - y)",
        lambda a, b, c, x, y: jnp.sin(a * x) / b @ (jnp.cos(c * x) - y),
    ),
    (
        "sqrt(mean((a*x - y)^2)) + b^2*mean(abs(c*x - y))",
        lambda a, b, c, x, y: (
            jnp.sqrt(jnp.mean((a * x - y) ** 2)) + b**2 * jnp.mean(jnp.abs(c * x - y))
        ),
    ),
    (
        "log(sum(exp(a*x))/sum(x^b)) - c*mean(y)",
        lambda a, b, c, x, y: jnp.log(jnp.sum(jnp.exp(a * x)) / jnp.sum(x**b)) - c * jnp.mean(y),
    ),
    (
        "mean(where(x > c, a*log(x), b*y)) + sum(-(a*3)/7 + 0*x)",
        lambda a, b, c, x, y: jnp.mean(pick(x > c, a * jnp.log(x), b * y)) - len(x) * (a * 3) / 7,
    ),
    (
        "mean(softplus(-y*(a*x + b))) + c*mean(x)*mean(y)",
        lambda a, b, c, x, y: (
            jnp.mean(jax.nn.softplus(-y * (a * x + b))) + c * jnp.mean(x) * jnp.mean(y)
        ),
    ),
    (
        "mean(((a*x)^2)^2*x^3*(b*y)^2*(c*y)^2*x*y)",
        lambda a, b, c, x, y: jnp.mean(
            ((a * x) ** 2) ** 2 * x**3 * (b * y) ** 2 * (c * y) ** 2 * x * y
        ),
    ),
    (
        "mean(max(a*x, b*y, 4*c)) + mean(gelu(a*x - 1/x)*erf(b*x)) + mean(x)^2",
        lambda a, b, c, x, y: (
            jnp.mean(jnp.maximum(jnp.maximum(a * x, b * y), 4 * c))
            + jnp.mean(jax.nn.gelu(a * x - 1 / x, approximate=False) * jax.scipy.special.erf(b * x))
            + jnp.mean(x) ** 2
        ),
    ),
]


def over_rows(text: str, columns: dict[str, Any]) -> tuple[Any, list[float]]:
    """The objective of a formula, and the start of its parameters."""
    formula = parse(text, {name: np.shape(value) for name, value in columns.items()})
    names = [name for name in POINT if name in formula.free_names]
    used = {name: value for name, value in columns.items() if name in formula.free_names}
    objective, _ = objective_over(formula, formula.origin, names, used, list(used))
    assert isinstance(objective, RowsObjective)
    return objective, [POINT[name] for name in names]


@pytest.mark.parametrize("block", [8192, 1000, 37, ROWS, ROWS - 1])
@pytest.mark.parametrize(("text", "function"), FORMULAS)
def test_value_and_gradient_of_jax(
    text: str, function: Any, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BLOCK", block)
    # Only the pass over the rows may give the result.
    monkeypatch.setattr(RowsObjective, "whole", None)
    monkeypatch.setattr(RowsObjective, "_by_blocks", None)
    objective, _ = over_rows(text, {"x": X, "y": Y})
    point = [POINT[name] for name in objective.parameters]
    value, slopes = objective(point)

    expected, gradient = jax.value_and_grad(function, argnums=(0, 1, 2))(*POINT.values(), X, Y)
    by_name = dict(zip(POINT, gradient, strict=True))
    scale = max(abs(float(slope)) for slope in gradient)
    assert value == pytest.approx(float(expected), rel=1e-13)
    for name, slope in zip(objective.parameters, slopes, strict=True):
        assert slope == pytest.approx(float(by_name[name]), rel=1e-12, abs=1e-13 * scale)


def test_parameters_may_be_arrays() -> None:
    text = "mean((w[0]*exp(-w[1]*x) + sum(w^2) - y)^2)"
    formula = parse(text, {"w": (2,), "x": (ROWS,), "y": (ROWS,)})
    w = np.array([1.5, 0.5])

    value, slope = formula.compiled(["w"], data={"x": X, "y": Y})(w)

    def loss(w: Any) -> Any:
        return jnp.mean((w[0] * jnp.exp(-w[1] * X) + jnp.sum(w**2) - Y) ** 2)

    expected, gradient = jax.value_and_grad(loss)(w)
    assert value == pytest.approx(float(expected), rel=1e-13)
    np.testing.assert_allclose(slope, gradient, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-170, 1e-100, 1.0, 1e150])
def test_products_that_would_vanish_or_overflow(scale: float) -> None:
    # (x*x)*u would be 0 or inf where (u*x)*x is neither.
    x = X * scale
    columns = {"x": x, "u": np.full(ROWS, scale**-1)}

    value, slope = parse("mean(a*u*x*x)").compiled(["a"], data=columns)(2.0)

    assert value == pytest.approx(2 * float(np.mean(columns["u"] * x * x)), rel=1e-12)
    assert slope == pytest.approx(value / 2, rel=1e-14)


@pytest.mark.parametrize("count", [1, 2, SUMMED_ROWS, SUMMED_ROWS + 1])
def test_compiled_with_data_of_any_length(count: int) -> None:
    function = parse("mean((a*x - y)^2)").compiled(["a"], data={"x": X[:count], "y": Y[:count]})
    residual = 1.5 * X[:count] - Y[:count]

    assert function(1.5) == pytest.approx(
        (float(np.mean(residual**2)), float(np.mean(2 * residual * X[:count]))), rel=1e-13
    )


def test_compiled_with_numbers_that_stay() -> None:
    function = parse("mean((a*x + k)^2)").compiled(["a"], data={"x": X, "k": 3})

    assert function(2.0)[0] == pytest.approx(float(np.mean((2 * X + 3) ** 2)), rel=1e-13)


def test_compiled_says_where_there_is_no_value() -> None:
    function = parse("mean(log(a - x))").compiled(["a"], data={"x": X})
    with pytest.raises(MathematicsError, match="log is undefined at"):
        function(1.0)
    with pytest.raises(NameValueError, match="no value is given for y"):
        parse("mean(a*x - y)").compiled(["a"], data={"x": X})
    with pytest.raises(NameValueError):
        parse("mean(a*x)").compiled(["b"], data={"x": X})


def test_data_do_not_change_with_what_was_given() -> None:
    x = X.copy()
    function = parse("mean(a*x)").compiled(["a"], data={"x": x})
    before = function(2.0)

    x[:] = 0

    assert function(2.0) == before


def test_other_rows_of_a_batch() -> None:
    objective, point = over_rows("mean((a*x - y)^2)", {"x": X, "y": Y})
    first = objective(point)

    objective.use({"x": Y, "y": X})
    value, _ = objective(point)

    assert value == pytest.approx(float(np.mean((1.5 * Y - X) ** 2)), rel=1e-13)
    assert objective.whole()(point)[0] == pytest.approx(value, rel=1e-13)
    objective.use({"x": X, "y": Y})
    assert objective(point) == first
