"""Sums and means over rows, computed block by block, against the formula over all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

from gradcli import parse
from gradcli.data import columns as data_columns
from gradcli.data.rows import HeldRows
from gradcli.errors import MathematicsError, ShapeError
from gradcli.graph.shapes import Rows
from gradcli.minimize.objective import Objective
from gradcli.minimize.rows_objective import RowsObjective
from gradcli.rows.reductions import split

ROWS = 1000
Values = dict[str, Any]


def data() -> Values:
    """Columns of a thousand rows."""
    generator = np.random.default_rng(7)
    return {
        "x": generator.uniform(0.5, 2, ROWS),
        "y": generator.normal(size=ROWS),
        "img": generator.normal(size=(ROWS, 4)),
        "label": generator.integers(0, 3, ROWS).astype(float),
        "u": generator.uniform(0.5, 2, ROWS),
    }


def parameters() -> Values:
    """Parameters: numbers, a vector and a matrix."""
    generator = np.random.default_rng(8)
    return {
        "a": 1.25,
        "b": 0.5,
        "w": generator.normal(size=4),
        "W": generator.normal(size=(4, 3)),
        "c": generator.normal(size=3),
    }


def read(text: str) -> tuple[Any, Values, Values]:
    """A formula, its parameters, and its columns."""
    given, columns = parameters(), data()
    shapes = {name: np.shape(value) for name, value in given.items()}
    shapes |= {name: (Rows(ROWS), *value.shape[1:]) for name, value in columns.items()}
    formula = parse(text, shapes)
    free = formula.free_names
    moving = {name: value for name, value in given.items() if name in free}
    return formula, moving, {name: value for name, value in columns.items() if name in free}


def by_blocks(text: str, constants: Values | None = None) -> tuple[RowsObjective, list[Any]]:
    formula, moving, columns = read(text)
    fixed = constants or {}
    moving = {name: value for name, value in moving.items() if name not in fixed}
    objective = RowsObjective(formula, list(moving), formula.origin, fixed, HeldRows(columns))
    return objective, list(moving.values())


SUMS = [
    "sum((a*x + b - y)^2)",
    "mean((a*x + b - y)^2)",
    "mse(a*x + b, y)",
    "mse(img @ w, y)",
    "mse(y, a)",
    "dot(img @ w, exp(-a*x))",
    "dot(x, y)*a",
    "cross_entropy(img @ W + c, label)",
    "cross_entropy(tanh(img @ W) + c, label)",
    "mean(u*(a*x + b - y)^2)",
    "sum(u*abs(img @ w - y))/sum(u)",
    "mean((img @ w - y)^2) + 0.1*sum(w^2)",
    "cross_entropy(img @ W + c, label) + 0.01*sum(W^2) + 0.5*max(abs(c))",
    "sqrt(mean((a*x + b - y)^2))",
    "log(sum(exp(a*x)))",
    "log(mean(exp(a*x)) + a^2)",
    "mean(exp(a*x))^2 / mean(x^b) - sum(log(x + a^2))/100",
    "sum(img @ w * y) * b",
    "mean(img^2 @ w^2)",
    "mean(sum((img @ W)^2, axis=1) * x)",
    "mean(img * a)",
    "sum(where(x > 1, a*x, b))",
    "mean(max(a*x, y))",
    "m = mean(a*x); m*exp(m)",
]


@pytest.mark.parametrize("numbers", [1 << 20, 300, 37])
@pytest.mark.parametrize("text", SUMS)
def test_blocks_give_value_and_gradient(
    text: str, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_columns, "NUMBERS_AT_ONCE", numbers)
    blocks, point = by_blocks(text)
    formula, moving, columns = read(text)
    whole = Objective(formula.graph, formula.id, list(moving), formula.origin, columns)

    value, slopes = blocks(point)
    expected, gradient = whole(point)

    assert value == pytest.approx(expected, rel=1e-12)
    scale = max(float(np.max(np.abs(slope))) for slope in gradient)
    for found, slope in zip(slopes, gradient, strict=True):
        assert np.shape(found) == np.shape(slope)
        np.testing.assert_allclose(found, slope, rtol=1e-12, atol=1e-12 * scale)
    assert blocks(point)[0] == value
    assert blocks.whole()(point)[0] == pytest.approx(expected, rel=1e-12)


def test_numbers_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_columns, "NUMBERS_AT_ONCE", 300)
    d, p = data(), parameters()
    residual = d["img"] @ p["w"] - d["y"]
    blocks, point = by_blocks("mean((img @ w - y)^2) + 0.1*sum(w^2)")
    value, (slope,) = blocks(point)
    assert value == pytest.approx(
        float(np.mean(residual**2) + 0.1 * np.sum(p["w"] ** 2)), rel=1e-13
    )
    expected = 2 * residual @ d["img"] / ROWS + 0.2 * p["w"]
    np.testing.assert_allclose(slope, expected, rtol=1e-12)

    blocks, point = by_blocks("cross_entropy(img @ W + c, label)")
    logs = log_softmax(d["img"] @ p["W"] + p["c"], axis=1)
    label = d["label"].astype(int)
    value, (matrix, vector) = blocks(point)
    assert value == pytest.approx(float(-logs[np.arange(ROWS), label].mean()), rel=1e-13)
    by_scores = (np.exp(logs) - np.eye(3)[label]) / ROWS
    np.testing.assert_allclose(matrix, d["img"].T @ by_scores, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(vector, by_scores.sum(axis=0), rtol=1e-11, atol=1e-15)


def test_names_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_columns, "NUMBERS_AT_ONCE", 300)
    blocks, point = by_blocks("mean((a*x + b - y)^2) + b^2", {"b": 0.75})
    d = data()

    value, slopes = blocks(point)

    residual = 1.25 * d["x"] + 0.75 - d["y"]
    assert value == pytest.approx(float(np.mean(residual**2)) + 0.75**2, rel=1e-13)
    assert slopes == [pytest.approx(float(np.mean(2 * residual * d["x"])), rel=1e-12)]


@pytest.mark.parametrize(
    "text",
    [
        "sum((x - mean(x))^2)*a",
        "mean((a*x - mean(y))^2)",
        "std(a*x)",
        "var(a*x)",
        "norm(a*x - y)",
        "max(a*x)",
        "prod(a*x)",
        "a*x[0]",
        "sum(a*x[1:])",
        "a*sum(x[1:]*x[:-1])",
        "sum(cumsum(a*x))",
        "sum(x[::-1]*y)*a",
        "logsumexp(a*x)",
        "sum(softmax(a*x)*y)",
        "sum(transpose(img) @ img)*a",
        "sum(transpose(img) @ y)*a",
        "sum(sum(img, axis=0)*w)",
        "sum(cross_entropy(img[0]*a, 1)) + mean(x)",
    ],
)
def test_what_needs_all_rows_at_once(text: str) -> None:
    try:
        formula, _, _ = read(text)
    except ShapeError:
        return

    assert split(formula) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("mean(a*x)", 1),
        ("mean(a*x) + mean(a*x)", 1),
        ("sum(a*x)/sum(y)", 2),
        ("mse(a*x, y) + dot(x, y) + mean(u)", 3),
    ],
)
def test_each_sum_is_computed_once(text: str, count: int) -> None:
    formula, _, _ = read(text)
    parts = split(formula)

    assert parts is not None
    assert len(parts.parts) == len(parts.is_mean) == count


@pytest.mark.parametrize(
    ("text", "point", "part"),
    [
        ("mean(log(x - a))", [1.25], "log"),
        ("mean(sqrt(x - a))", [1.25], "sqrt"),
        ("sum(1/(x - a))", None, ""),
        ("sum(exp(1000*a*x))", [1.25], "exp"),
        ("log(mean(a*x) - 100)", [1.25], ""),
        ("sqrt(mean(0*a*x))", [1.25], ""),
    ],
)
@pytest.mark.parametrize("numbers", [1 << 20, 37])
def test_rows_without_a_value(
    text: str, point: Any, part: str, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_columns, "NUMBERS_AT_ONCE", numbers)
    objective, _ = by_blocks(text)
    last = [float(data()["x"][-1])]  # a row of the last block has no value there

    with pytest.raises(MathematicsError) as caught:
        objective(point or last)

    assert part in caught.value.message


def test_a_branch_that_is_not_taken_is_no_fault() -> None:
    # In a third of the rows the logarithm has no value, and is not asked for one.
    text = "mean(where(x > 1.25, log(x - 1.25), x)*a)"
    objective, point = by_blocks(text)
    x = data()["x"]
    expected = np.mean(np.where(x > 1.25, np.log(np.where(x > 1.25, x - 1.25, 1)), x)) * 1.25

    assert objective(point)[0] == pytest.approx(float(expected), rel=1e-12)
