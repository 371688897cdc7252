"""Residuals and Jacobian as machine code against those of NumPy, and fits with either."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli import MathematicsError, UsageError, parse
from gradcli.minimization.residuals import BLOCK_ROWS
from gradcli.minimization.task import Settings, Task, task
from gradcli.native import rows

GENERATOR = np.random.default_rng(3)
ROWS = BLOCK_ROWS + 77
X = GENERATOR.uniform(0.5, 4, ROWS)
Y = 2 * np.exp(-0.7 * X) + 0.3 + GENERATOR.normal(0, 0.1, ROWS)
U = GENERATOR.uniform(1, 2, ROWS)
DATA = {"x": X, "y": Y, "u": U}
START = {"a": 1.5, "b": 0.5, "c": 0.25}

MODELS = [
    "y ~ a*exp(-b*x) + c",
    "y ~ a + b*x + c*x^2",
    "log(y + 3) ~ a*sin(b*x)^c",
    "y ~ where(x > b, a*x, c*x^2)",
    "sum((a*x + b*c - y)^2)",
    "y ~ a*x + b + 0*c",
]


def fit_of(text: str, engine: str, start: dict[str, Any] | None = None, **settings: Any) -> Task:
    start = start or START
    shapes = {name: np.shape(value) for name, value in {**DATA, **start}.items()}
    formula = parse(text, shapes)
    return task(formula, formula.origin, start, {}, DATA, Settings(engine=engine, **settings))


def stacked(found: Task, point: Any) -> tuple[Any, Any]:
    assert found.fit is not None
    parts = list(found.fit.residuals.blocks(point))
    values = list(found.fit.residuals.values(point))
    np.testing.assert_array_equal(np.concatenate(values), np.concatenate([v for v, _ in parts]))
    return np.concatenate([v for v, _ in parts]), np.concatenate([m for _, m in parts])


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each block that machine code has filled."""
    filled: list[int] = []
    original = rows.filling

    def counting(*arguments: Any) -> Any:
        run = original(*arguments)

        def counted(count: int, *values: Any) -> bool:
            filled.append(count)
            return run(count, *values)

        return counted

    monkeypatch.setattr(rows, "filling", counting)
    return filled


@pytest.mark.parametrize("weights", [None, "u"])
@pytest.mark.parametrize("text", MODELS)
def test_the_residuals_and_jacobian_of_numpy(
    text: str, weights: str | None, kernels: list[int]
) -> None:
    if weights and "~" not in text:
        weights = None
    point = np.array([*START.values()])

    found, jacobian = stacked(fit_of(text, "native", weights=weights), point)

    assert kernels == [BLOCK_ROWS, 77] * 2
    expected, matrix = stacked(fit_of(text, "python", weights=weights), point)
    assert kernels == [BLOCK_ROWS, 77] * 2
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(jacobian, matrix, rtol=1e-12, atol=1e-14)


def test_parameters_that_are_arrays(kernels: list[int]) -> None:
    text, start = "y ~ w[0]*exp(-w[1]*x) + w[2]", {"w": np.array([1.5, 0.5, 0.25])}

    found, jacobian = stacked(fit_of(text, "native", start), start["w"])

    assert kernels
    e = np.exp(-0.5 * X)
    np.testing.assert_allclose(np.abs(found), np.abs(1.5 * e + 0.25 - Y), rtol=1e-13, atol=1e-14)
    signs = np.sign(jacobian[0, 0])
    columns = np.column_stack([e, -1.5 * X * e, np.ones(ROWS)])
    np.testing.assert_allclose(signs * jacobian, columns, rtol=1e-13)


def test_where_there_is_no_value_both_engines_refuse() -> None:
    for engine in ("native", "python"):
        with pytest.raises(MathematicsError):
            stacked(fit_of("y ~ a*log(x - b) + c", engine), np.array([1.0, 2.0, 0.0]))


def test_fits_agree(kernels: list[int]) -> None:
    formula = parse("y ~ a*exp(-b*x) + c")
    native = formula.minimize(START, data={"x": X, "y": Y}, engine="native")
    python = formula.minimize(START, data={"x": X, "y": Y}, engine="python")

    assert kernels
    assert native.converged
    assert native.parameters == pytest.approx(python.parameters, rel=1e-11)
    assert native.statistics is not None
    assert python.statistics is not None
    assert native.statistics.rss == pytest.approx(python.statistics.rss, rel=1e-13)


def test_engines_of_compiled_functions() -> None:
    formula = parse("mean((a*x - y)^2)")
    for engine in ("auto", "python", "native"):
        value, slope = formula.compiled(["a"], data={"x": X, "y": Y}, engine=engine)(1.5)
        residual = 1.5 * X - Y
        assert value == pytest.approx(float(np.mean(residual**2)), rel=1e-13)
        assert slope == pytest.approx(float(np.mean(2 * residual * X)), rel=1e-13)
    with pytest.raises(UsageError, match="auto, python, native"):
        formula.compiled(["a"], data={"x": X, "y": Y}, engine="fortran")
