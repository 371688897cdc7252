"""Derivatives between named nodes, against those of sympy and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from gradcli.calculus.named import links, named_nodes
from gradcli.formula import Formula, parse

CHAIN = {
    "u": "x**2*y + sin(x)",
    "v": "exp(u/10)*cos(3*x*y)",
    "w": "u*v + v/(1 + x**2) + u",
    "f": "log(u**2 + v**2 + 1)*w**2/(1 + u**2) + tanh(w*x)",
}
"""Definitions that read several others on several paths, the result last."""


def named_edges(formula: Formula, values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """The local derivatives by the names of both ends; the result without a name is f."""
    steps = formula.at_values(values).run(only_named=True).steps
    names = {step.id: step.name or "f" for step in steps}
    return {
        (names[step.id], names[edge.node]): edge.local for step in steps for edge in step.inputs
    }


def chain() -> Formula:
    """The definitions as one formula."""
    *definitions, result = [f"{name} = {text}" for name, text in CHAIN.items()]
    return parse("; ".join([*definitions, result.removeprefix("f = ")]))


NAMES = sympy.symbols("x y u v w")
FORMULAS = {name: sympy.sympify(text) for name, text in CHAIN.items()}
VALUES = {name: sympy.lambdify(NAMES, text, "mpmath") for name, text in FORMULAS.items()}
SLOPES = {
    (name, str(below)): sympy.lambdify(NAMES, text.diff(below), "mpmath")
    for name, text in FORMULAS.items()
    for below in text.free_symbols
}
"""The partial derivative of each definition by each name in it."""


@given(x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_each_edge_is_the_partial_derivative_of_what_was_typed(x: float, y: float) -> None:
    here = dict.fromkeys(map(str, NAMES), 0.0) | {"x": x, "y": y}
    for name in "uvw":
        here[name] = float(VALUES[name](**here))
    found = named_edges(chain(), {"x": x, "y": y})
    assert found.keys() == SLOPES.keys()
    for edge, slope in SLOPES.items():
        assert found[edge] == pytest.approx(float(slope(**here)), rel=1e-9, abs=1e-9)


def test_readable_and_exact_derivatives_agree() -> None:
    formula = chain()
    graph = formula.graph
    nodes = named_nodes(graph, formula.id)
    assert [graph.name_of(node) for node in nodes] == ["x", "y", "u", "v", "w", None]
    at = formula.at_values(x=0.7, y=-1.2)
    for listed in links(graph, formula.id).values():
        for link in listed:
            assert link.derivative is not None
            assert link.readable is not None
            exact, shown = [
                Formula(graph, node).evaluate(
                    {name: at.variables[name] for name in graph.variables([node])}
                )
                for node in (link.derivative, link.readable)
            ]
            assert shown == pytest.approx(exact, rel=1e-12)


def test_the_gradient_is_the_sum_over_paths_of_products() -> None:
    steps = chain().at_values(x=0.7, y=-1.2).run(only_named=True).steps
    arrived = {steps[-1].id: 1.0}
    for step in reversed(steps):
        assert step.gradient == pytest.approx(arrived[step.id], rel=1e-12)
        for edge in step.inputs:
            assert edge.local is not None
            part = arrived[step.id] * edge.local
            arrived[edge.node] = arrived.get(edge.node, 0.0) + part


def test_inputs_come_in_the_order_of_the_text() -> None:
    formula = parse("u = y - x; z*u - x*y + u")
    result = formula.structure(only_named=True)[-1]
    names = [formula.graph.name_of(edge.node) for edge in result.inputs]
    assert names == ["z", "u", "x", "y"]


def test_a_branch_that_is_not_taken_hands_on_nothing() -> None:
    formula = parse("u = log(x); v = x^2; w = where(x > 0, u, v); 3*w + where(x > 0, 0, v)")
    steps = formula.at_values(x=-2.0).run(only_named=True).steps
    by_name = {step.name or "f": step for step in steps}
    assert [by_name[name].live for name in "xuvwf"] == [True, False, True, True, True]
    assert by_name["u"].value is None
    assert by_name["u"].inputs[0].local is None
    x, u, v = by_name["w"].inputs
    assert (x.live, u.live, v.live) == (True, False, True)
    assert (x.local, u.local, v.local) == (0, 0, 1)
    assert [by_name[name].gradient for name in "xuvwf"] == [-16, 0, 4, 3, 1]


def test_arrays() -> None:
    x = np.array([0.5, -1.0, 2.0])
    a = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    source = "u = sin(x)*k; p = A @ u; q = p*k + 1; sum(q^2) + mean(u)"
    formula = parse(source, {"x": (3,), "A": (2, 3)})
    found = named_edges(formula, {"x": x, "A": a, "k": 1.5})
    u = np.sin(x) * 1.5
    q = a @ u * 1.5 + 1
    assert found["u", "x"] == pytest.approx(np.cos(x) * 1.5)
    assert found["u", "k"] == pytest.approx(np.sin(x))
    # Each number of p depends on many of u and of A: there is no array of their shape to show.
    assert found["p", "u"] is None
    assert found["p", "A"] is None
    assert found["q", "p"] == pytest.approx([1.5, 1.5])
    assert found["q", "k"] == pytest.approx(a @ u)
    # A single number has a derivative by every array.
    assert found["f", "q"] == pytest.approx(2 * q)
    assert found["f", "u"] == pytest.approx([1 / 3] * 3)


def test_gradients_are_those_of_the_whole_graph() -> None:
    formula = chain()
    whole = formula.run(x=0.3, y=0.8)
    named = formula.at_values(x=0.3, y=0.8).run(only_named=True)
    by_id = {step.id: step for step in whole.steps}
    assert named.gradient == whole.gradient
    for step in named.steps:
        assert (step.value, step.gradient) == (by_id[step.id].value, by_id[step.id].gradient)
