"""Which formulas can be computed row by row, found from the graph and checked by doing it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.calculus.rows import is_rowwise, resized
from gradcli.formula import Formula, parse

ROWS = 6
SHAPES = {"x": (ROWS,), "y": (ROWS,), "X": (ROWS, 3), "v": (3,), "W": (3, 2), "c": (3,)}
DATA = {"x", "y", "X"}


def read(source: str) -> tuple[Formula, list[int]]:
    formula = parse(source, SHAPES)
    nodes = formula.graph.variables([formula.id])
    return formula, [nodes[name] for name in nodes if name in DATA]


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
        "X[:, 1] - y",
        "onehot(argmax(X), 3) - softmax(X)",
        "clip(x, 0, 1) + hypot(x, y)",
    ],
)
def test_what_is_computed_row_by_row(source: str) -> None:
    formula, data = read(source)
    assert is_rowwise(formula.graph, formula.id, data)
    generator = np.random.default_rng(3)
    values: dict[str, Any] = {
        name: generator.uniform(0.5, 2, shape) if shape else 1.25
        for name, shape in [(n, SHAPES.get(n, ())) for n in formula.free_names]
    }
    whole = formula.evaluate(values)
    some = {name: value[2:4] if name in DATA else value for name, value in values.items()}
    shapes = {name: np.shape(value) for name, value in some.items()}
    graph, node = resized(formula.graph, formula.id, shapes)
    graph.check()
    np.testing.assert_allclose(Formula(graph, node).evaluate(some), whole[2:4], rtol=1e-14)


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
    formula, data = read(source)
    assert not is_rowwise(formula.graph, formula.id, data)


def test_a_square_matrix_does_not_meet_rows_with_columns() -> None:
    # By NumPy's rules (3, 3) - (3,) is defined, but takes the rows for columns.
    formula = parse("X - y", {"X": (3, 3), "y": (3,)})
    assert not is_rowwise(
        formula.graph, formula.id, list(formula.graph.variables([formula.id]).values())
    )
