"""Formulas of sums over rows of numbers, in one pass over the rows, against NumPy.

Derivatives by a complex step are exact up to rounding. (Squire and Trapp, Using complex variables
to estimate derivatives of real functions, SIAM Review 40, 1998.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special

from gradcli import parse
from gradcli.errors import MathematicsError, NameValueError
from gradcli.graph.shapes import Rows
from gradcli.minimize.objective import SUMMED_ROWS
from gradcli.minimize.rows_objective import RowsObjective
from gradcli.minimize.task import objective_over
from gradcli.programs import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = 3 * SUMMED_ROWS + 5
POINT = {"a": 1.5, "b": 0.5, "c": 0.25}
GENERATOR = np.random.default_rng(5)
X = GENERATOR.uniform(0.1, 4, ROWS)
Y = 2 * np.exp(-0.7 * X) + 0.3 + GENERATOR.normal(0, 0.1, ROWS)


STEP = 1e-200


def greater(x: Any, y: Any) -> Any:
    """Which real part is greater."""
    return np.real(x) > np.real(y)


def absolute(x: Any) -> Any:
    return np.where(greater(x, 0), x, -x)


def greatest(x: Any, *others: Any) -> Any:
    for y in others:
        x = np.where(greater(x, y), x, y)
    return x


def gelu(x: Any) -> Any:
    return x / 2 * special.erfc(-x / np.sqrt(2))


def value_and_gradient(function: Any, point: Sequence[float], *columns: Any) -> tuple[float, Any]:
    """The value of a function of numbers and columns, and the derivative by each number."""
    moved = [np.array(point, dtype=complex) for _ in point]
    for place, each in enumerate(moved):
        each[place] += 1j * STEP
    slopes = [float(np.imag(function(*each, *columns))) / STEP for each in moved]
    return float(np.real(function(*point, *columns))), slopes


FORMULAS: list[tuple[str, Any]] = [
    (
        "mean((a*exp(-b*x) + c - y)^2)",
        lambda a, b, c, x, y: np.mean((a * np.exp(-b * x) + c - y) ** 2),
    ),
    ("sum((a*x + b*c - y)^2)", lambda a, b, c, x, y: np.sum((a * x + b * c - y) ** 2)),
    ("mse(a*x^2 + b*x + c, y)", lambda a, b, c, x, y: np.mean((a * x**2 + b * x + c - y) ** 2)),
    (
        "dot(sin(a*x)/b, cos(c*x) - y)",
        lambda a, b, c, x, y: np.sin(a * x) / b @ (np.cos(c * x) - y),
    ),
    (
        "sqrt(mean((a*x - y)^2)) + b^2*mean(abs(c*x - y))",
        lambda a, b, c, x, y: (
            np.sqrt(np.mean((a * x - y) ** 2)) + b**2 * np.mean(absolute(c * x - y))
        ),
    ),
    (
        "log(sum(exp(a*x))/sum(x^b)) - c*mean(y)",
        lambda a, b, c, x, y: np.log(np.sum(np.exp(a * x)) / np.sum(x**b)) - c * np.mean(y),
    ),
    (
        "mean(where(x > c, a*log(x), b*y)) + sum(-(a*3)/7 + 0*x)",
        lambda a, b, c, x, y: (
            np.mean(np.where(greater(x, c), a * np.log(x), b * y)) - len(x) * (a * 3) / 7
        ),
    ),
    (
        "mean(softplus(-y*(a*x + b))) + c*mean(x)*mean(y)",
        lambda a, b, c, x, y: (
            np.mean(np.log1p(np.exp(-y * (a * x + b)))) + c * np.mean(x) * np.mean(y)
        ),
    ),
    (
        "mean(((a*x)^2)^2*x^3*(b*y)^2*(c*y)^2*x*y)",
        lambda a, b, c, x, y: np.mean(
            ((a * x) ** 2) ** 2 * x**3 * (b * y) ** 2 * (c * y) ** 2 * x * y
        ),
    ),
    (
        "mean(max(a*x, b*y, 4*c)) + mean(gelu(a*x - 1/x)*erf(b*x)) + mean(x)^2",
        lambda a, b, c, x, y: (
            np.mean(greatest(a * x, b * y, 4 * c))
            + np.mean(gelu(a * x - 1 / x) * special.erf(b * x))
            + np.mean(x) ** 2
        ),
    ),
]


def over_rows(text: str, columns: dict[str, Any]) -> tuple[Any, list[float]]:
    """The objective of a formula, and the start of its parameters."""
    formula = parse(text, dict.fromkeys(columns, (Rows(ROWS),)))
    names = [name for name in POINT if name in formula.free_names]
    used = {name: value for name, value in columns.items() if name in formula.free_names}
    objective, _ = objective_over(formula, formula.origin, names, used)
    assert isinstance(objective, RowsObjective)
    return objective, [POINT[name] for name in names]


@pytest.mark.parametrize("block", [8192, 1000, 37, ROWS, ROWS - 1])
@pytest.mark.parametrize(("text", "function"), FORMULAS)
def test_value_and_gradient_of_numpy(
    text: str, function: Any, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BLOCK", block)
    # Only the pass over the rows may give the result.
    monkeypatch.setattr(RowsObjective, "whole", None)
    monkeypatch.setattr(RowsObjective, "_by_blocks", None)
    objective, _ = over_rows(text, {"x": X, "y": Y})
    point = [POINT[name] for name in objective.parameters]
    value, slopes = objective(point)

    expected, gradient = value_and_gradient(function, [*POINT.values()], X, Y)
    by_name = dict(zip(POINT, gradient, strict=True))
    scale = max(abs(slope) for slope in gradient)
    assert value == pytest.approx(expected, rel=1e-13)
    for name, slope in zip(objective.parameters, slopes, strict=True):
        assert slope == pytest.approx(by_name[name], rel=1e-12, abs=1e-13 * scale)


def test_parameters_may_be_arrays() -> None:
    text = "mean((w[0]*exp(-w[1]*x) + sum(w^2) - y)^2)"
    formula = parse(text, {"w": (2,), "x": (ROWS,), "y": (ROWS,)})
    w = np.array([1.5, 0.5])

    value, slope = formula.compiled(["w"], data={"x": X, "y": Y})(w)

    def loss(v: Any, w: Any) -> Any:
        return np.mean((v * np.exp(-w * X) + v**2 + w**2 - Y) ** 2)

    expected, gradient = value_and_gradient(loss, w.tolist())
    assert value == pytest.approx(expected, rel=1e-13)
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
