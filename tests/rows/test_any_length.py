"""One graph for every number of rows: what it gives is what the graph of that very number gives.

All floats are compared by their bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli import parse
from gradcli.calculus.forward import tangents
from gradcli.calculus.reverse import gradient
from gradcli.errors import ShapeError
from gradcli.graph.shapes import ROWS, Rows, broadcast, checked, matmul, sized
from gradcli.graph.simplify import broadcast_to
from gradcli.point import Point
from gradcli.programs.program import function, program

if TYPE_CHECKING:
    from gradcli.formula import Formula

DATA = {"x": (), "y": (), "M": (3,), "label": ()}
OTHERS: dict[str, tuple[int, ...]] = {"a": (), "b": (), "w": (3,), "W": (3, 2), "c": (2,)}


def values_of(rows: int) -> dict[str, Any]:
    generator = np.random.default_rng(rows)
    found = {name: generator.uniform(0.5, 2, (rows, *entry)) for name, entry in DATA.items()}
    found |= {name: generator.uniform(0.5, 2, shape) for name, shape in OTHERS.items()}
    found["label"] = generator.integers(0, 2, rows).astype(float)
    return {name: x if np.ndim(x) else float(x) for name, x in found.items()}


def of_length(text: str, rows: Any) -> Formula:
    return parse(text, OTHERS | {name: (rows, *entry) for name, entry in DATA.items()})


def bits(value: Any) -> tuple[tuple[int, ...], bytes]:
    return np.shape(value), np.asarray(value, dtype=np.float64).tobytes()


def outcomes(formula: Formula, values: dict[str, Any], by: list[str]) -> list[Any]:
    """Value and gradient from the interpreter, from generated code, and forward mode."""
    graph, root = formula.graph, formula.id
    used = {name: values[name] for name in graph.variables([root])}
    here = Point(graph, root, used)
    slopes = here.gradient(by)
    nodes = graph.variables([root])
    derived = gradient(graph, root, [nodes[name] for name in by])
    rates = []
    for name in by:
        one = broadcast_to(graph, graph.constant(1), graph.shape(nodes[name]))
        rates += tangents(graph, [root], {nodes[name]: one})
    steps = program(graph, [root, *derived.values(), *rates])
    found = function(steps, list(used))(*used.values())
    return [bits(x) for x in (here.value, *slopes.values(), *found)]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "text",
    [
        "mean((a*x + b - y)^2)",
        "sum((M @ w - y)^2)/2",
        "mean(tanh(M @ W + c))",
        "cross_entropy(M @ W + c, label)",
        "cross_entropy(M @ W, onehot(label, 2))",
        "log(mean(exp(a*x))) + b",
        "mse(M @ w, y*a)",
        "mse(a, y)",
        "dot(a*x, y)",
        "sum(where(x > 1, a*x, b))",
        "mean(M*w)",
        "sum(sum((M @ W)^2, axis=1)*x)",
        "mean(logsumexp(M*w, axis=1) - M[:, 1])",
        "norm(a*x - y)",
        "sum(softmax(M @ W)*c)",
        "max(a*x) - min(b*y)",
        "sum(cumsum(a*x)*y)",
        "sum(x[::-1]*y*a)",
        "sum((x - mean(a*x))^2)",
        "sum((M.T @ (x*a))^2)",
        "logsumexp(a*x)",
    ],
)
def test_values_and_derivatives_have_the_same_bits(text: str, rows: int) -> None:
    values = values_of(rows)
    over, exact = of_length(text, ROWS), of_length(text, rows)
    by = [name for name in over.free_names if name in OTHERS]
    over.graph.check()

    assert outcomes(over, values, by) == outcomes(exact, values, by)


def test_one_program_runs_for_every_number_of_rows() -> None:
    formula = of_length("mean(x^2) + a*sum(y)", ROWS)
    graph = formula.graph
    slope = gradient(graph, formula.id, [graph.columns["x"]])[graph.columns["x"]]
    run = function(program(graph, [slope]), ["x"])

    for rows in (1, 5, 1000):
        x = values_of(rows)["x"]
        np.testing.assert_allclose(run(x)[0], 2 * x / rows, rtol=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        *("len(x)*a", "sum(x[1:]*a)", "x[0]*a", "sum(x*[1, 2, 3, 4])", "sum(x*ones(7))"),
        *("reshape(x, 7)", "sum(x + zeros(len(x)))", "sum(w*x)", "sum(M + x)", "sum(x @ M[0])"),
    ],
)
def test_what_asks_for_the_number_is_refused(text: str) -> None:
    with pytest.raises(ShapeError):
        of_length(text, ROWS)


@pytest.mark.parametrize("text", ["prod(a*x)", "var(a*x)", "std(a*x)"])
def test_derivatives_that_ask_for_the_number_are_refused(text: str) -> None:
    formula = of_length(text, ROWS)
    with pytest.raises(ShapeError, match="the number of rows"):
        formula.derivatives(["a"])


def test_a_number_that_is_known_is_told_to_len_alone() -> None:
    text, values = "sum(a*x)/len(x)", values_of(7)
    over, exact = of_length(text, Rows(7)), of_length(text, 7)

    assert outcomes(over, values, ["a"]) == outcomes(exact, values, ["a"])
    with pytest.raises(ShapeError):
        of_length("sum(x[1:])", Rows(7))


def test_shapes_with_rows() -> None:
    assert broadcast((ROWS, 3), (3,), (ROWS, 1), ()) == (ROWS, 3)
    assert broadcast((ROWS,), (1,)) == (ROWS,)
    assert matmul((ROWS, 3), (3, 2)) == (ROWS, 2)
    assert matmul((3, ROWS), (ROWS,)) == (3,)
    assert sized((ROWS, 3), 5) == (5, 3)
    assert Rows(3) == Rows(4) == ROWS
    assert ROWS not in (3, 4)
    for unfit in ((ROWS, ROWS), (-1, ROWS), (10**9, ROWS)):
        with pytest.raises(ShapeError):
            checked(unfit)
    for fits, shapes in (
        (broadcast, [(ROWS, 3), (ROWS,)]),
        (broadcast, [(ROWS,), (2,)]),
        (matmul, [(ROWS,), (3,)]),
    ):
        with pytest.raises(ShapeError, match="differ"):
            fits(*shapes)
