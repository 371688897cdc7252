"""Which formulas are computed row by row: one graph gives the rows of any part of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.errors import ShapeError
from gradcli.formula import parse
from gradcli.graph.shapes import ROWS, sized
from gradcli.point import Point
from gradcli.rows.reductions import is_rowwise

COUNT = 6
SHAPES = {"x": (ROWS,), "y": (ROWS,), "X": (ROWS, 3), "v": (3,), "W": (3, 2), "c": (3,)}


@pytest.mark.parametrize(
    "source",
    [
        "y - a*exp(-b*x)",
        "where(x > a, log(x), y)",
        "X @ v - y",
        "tanh(X @ W + 1)",
        "sum(X, axis=1)*x",
        "logsumexp(X + c, axis=1) - y",
        "softmax(X*c)",
        "median(X - c, axis=1)*quantile(X*c, 0.3, axis=1)",
        "X[:, 1] - y",
        "onehot(argmax(X), 3) - softmax(X)",
        "clip(x, 0, 1) + hypot(x, y)",
    ],
)
def test_what_is_computed_row_by_row(source: str) -> None:
    formula = parse(source, SHAPES)
    graph, root = formula.graph, formula.id
    assert is_rowwise(graph, root)
    generator = np.random.default_rng(3)
    shapes = {name: sized(graph.shape(n), COUNT) for name, n in graph.variables([root]).items()}
    values: dict[str, Any] = {
        name: generator.uniform(0.5, 2, shape) if shape else 1.25 for name, shape in shapes.items()
    }
    whole = parse(source, shapes).evaluate(values)
    for first, last in ((0, COUNT), (2, 4), (5, 6)):
        some = {n: x[first:last] if n in graph.columns else x for n, x in values.items()}
        np.testing.assert_array_equal(Point(graph, root, some).value, whole[first:last])


@pytest.mark.parametrize(
    "source",
    [
        "x - mean(x)",
        "cumsum(x)",
        "x[1:]",
        "x[::-1]",
        "x*[1, 2, 3, 4, 5, 6]",
        "x*ones(6)",
        "transpose(X)",
        "X.T @ x",
        "softmax(X, axis=0)",
        "sum(X, axis=0)",
        "x/norm(x)",
        "a + b",
        "[1, 2, 3, 4, 5, 6]*a",
        "reshape(x, 6)",
    ],
)
def test_what_needs_all_rows_at_once(source: str) -> None:
    try:
        formula = parse(source, SHAPES)
    except ShapeError:
        return  # it asks for the number of rows
    assert not is_rowwise(formula.graph, formula.id)


def test_rows_do_not_meet_columns() -> None:
    # By NumPy's rules (3, 3) - (3,) is defined, but takes the rows for columns.
    with pytest.raises(ShapeError, match="do not fit together"):
        parse("X - y", {"X": (ROWS, 3), "y": (ROWS,)})
