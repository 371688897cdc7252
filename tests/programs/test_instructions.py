"""Instructions as the page of a lesson runs them, against mpmath and the interpreter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath import mp

from gradcli.formula import parse
from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE
from gradcli.programs.instructions import LIBRARY, MOST_NUMBERS, ORDERED, Instructions
from tests.graph.test_operations import ROWS, everything, misses, payload_arguments
from tests.javascript import NODE, runs

if TYPE_CHECKING:
    from collections.abc import Iterator

FREE = LIBRARY - ORDERED
"""Functions of the library that the page has for all arguments."""
WANTED = 1e-13
"""Relative error that is allowed in any case; the rows say where it is more."""
MOST_POINTS = 150

in_node = pytest.mark.skipif(NODE is None, reason="needs node")


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """Compute with 50 digits."""
    with mp.workdps(50):
        yield


def of_row(name: str, count: int, payload: Any) -> tuple[Instructions, Any]:
    """The program of one row, and its result; None without a body for it."""
    graph = Graph()
    names = [f"x{slot}" for slot in range(count)]
    node = graph.add(TABLE[name], tuple([graph.variable(n) for n in names]), payload)
    m = Instructions(count)
    return m, m.run(graph, [node], dict(zip(names, m.inputs, strict=True)))[node]


@in_node
def test_every_row_with_a_body_agrees_with_mpmath() -> None:
    jobs, points = [], []
    for row, case in ROWS:
        listed = [
            (point, payload)
            for point, payload in everything(case)
            if case.inside(*point, *payload_arguments(payload))
        ]
        groups: dict[Any, list[Any]] = {}
        for point, payload in listed[:: 1 + len(listed) // MOST_POINTS]:
            exact = case.exact(*map(mp.mpf, point), *payload_arguments(payload))
            groups.setdefault((len(point), payload), []).append((point, exact))
        for (count, payload), members in groups.items():
            m, result = of_row(row.name, count, payload)
            assert (result is None) == (row.library and row.name not in FREE), row.name
            if result is not None:
                given = [point for point, _ in members]
                jobs.append({"program": m.program(), "points": given, "results": [result.slot]})
                points.append((row, case, payload, members))
    wrong = []
    for (row, case, payload, members), found in zip(points, runs(jobs), strict=True):
        for (point, exact), (got,) in zip(members, found, strict=True):
            is_near = np.isfinite(got) and abs(got - exact) <= WANTED * abs(exact)
            if not is_near and misses(row, case, point, payload, got, exact, more=1):
                wrong.append((row.name, point, payload, got, mp.nstr(exact, 17)))
    assert wrong == []


@in_node
@pytest.mark.parametrize("name", sorted(ORDERED))
def test_bessel_functions_of_whole_order_agree_with_mpmath(name: str) -> None:
    row, case = next((row, case) for row, case in ROWS if row.name == name)
    orders = (-3.0, 0.0, 1.0, 2.0, 5.0, 12.0)
    points = [(1e-8,), (0.1,), (1.0,), (2.4,), (3.8,), (7.5,), (15.0,), (39.0,), (80.0,), (600.0,)]
    jobs = []
    for order in orders:
        graph = Graph()
        node = graph.add(row, (graph.constant(order), graph.variable("x")), None)
        m = Instructions(1)
        slot = m.run(graph, [node], {"x": m.inputs[0]})[node].slot
        jobs.append({"program": m.program(), "points": points, "results": [slot]})
    wrong = []
    for order, found in zip(orders, runs(jobs), strict=True):
        for (x,), (got,) in zip(points, found, strict=True):
            exact = case.exact(mp.mpf(order), mp.mpf(float(x)))
            is_near = abs(got - exact) <= WANTED * abs(exact)
            if not is_near and misses(row, case, (order, float(x)), None, got, exact, more=1):
                wrong.append((order, x, got, mp.nstr(exact, 17)))
    assert wrong == []


MATRIX, VECTOR = [[1.0, 2.0], [-3.0, 4.0]], [0.5, -1.5]
FORMULAS: list[tuple[str, dict[str, Any]]] = [
    ("log(x^2 + sin(3*x*y))", {"x": 2.0, "y": 3.0}),
    ("besselj(1, x)*y + bessely(0, x) + besselk(2, y)", {"x": 2.0, "y": 3.0}),
    ("where(x > 0, log(x), x^2) + max(x, y, 1)", {"x": -2.0, "y": 0.5}),
    ("sum((a*w + b - y)^2)*a", {"a": 2.0, "b": 0.5, "w": VECTOR, "y": [1.0, 2.0]}),
    ("sum((A @ w - y)^2)", {"A": MATRIX, "w": VECTOR, "y": [1.0, 2.0]}),
    ("dot(w, w)*mean(w) + w[0]*max(w) - min(w)", {"w": VECTOR}),
    ("sum(A @ A) + sum(transpose(A)*A) + prod(A)", {"A": MATRIX}),
    ("sum(softmax(w)*w) + norm(w) + logsumexp(w)", {"w": VECTOR}),
    ("logsumexp(A) + sum(logsumexp(A, axis=0)^2)", {"A": MATRIX}),
    ("sum([b, b^2, w[1]]) + mse(w, [b, 1]) + sum(cumsum(w)^2)", {"w": VECTOR, "b": 2.0}),
    ("sum((argmax(A, axis=1) + argmax(w) + 2)*w^2)", {"A": MATRIX, "w": VECTOR}),
    ("cross_entropy(A, [0, 1]) + std(A) + sum(var(A, axis=0)^2)", {"A": MATRIX}),
    ("cross_entropy(A, [[0, 1], [0.5, 0.5]]) + sum(reshape(A, 4)[::2])", {"A": MATRIX}),
    ("sum(max(A, axis=1)^3) + sum(logsoftmax(A, axis=1)*A) + sum(eye(2)*A)", {"A": MATRIX}),
]


@in_node
@pytest.mark.parametrize(("source", "values"), FORMULAS, ids=[s for s, _ in FORMULAS])
def test_values_and_gradients_are_those_of_the_command(source: str, values: dict[str, Any]) -> None:
    formula = parse(source, {name: np.shape(value) for name, value in values.items()})
    names = formula.free_names
    sizes = {name: np.size(values[name]) for name in names}
    m = Instructions(sum(sizes.values()))
    left = iter(m.inputs)
    given: dict[str, Any] = {}
    for name in names:
        taken = np.array([next(left) for _ in range(sizes[name])], object)
        shape = np.shape(values[name])
        given[name] = taken.reshape(shape) if shape else taken[0]
    slopes = formula.derivatives()
    roots = [formula.id, *[slopes[name].id for name in names]]
    found = m.run(formula.graph, roots, given)
    slots = [x.slot for root in roots for x in np.ravel(found[root])]
    point = np.concatenate([np.ravel(values[name]) for name in names])
    program = json.loads(json.dumps(m.program()))
    ((got,),) = runs([{"program": program, "points": [point], "results": slots}])
    gradient = formula.gradient(values)
    expected = [formula.evaluate(values), *[gradient[name] for name in names]]
    np.testing.assert_allclose(
        got, np.concatenate([*map(np.ravel, expected)]), rtol=1e-12, atol=1e-15
    )


def test_what_depends_on_a_value_from_elsewhere_has_no_instructions() -> None:
    formula = parse("u = zeta(x); v = x^2; u*v + v")
    m = Instructions(1)
    found = m.run(formula.graph, [formula.id], {"x": m.inputs[0]})
    named = {formula.graph.name_of(node): value for node, value in found.items()}
    assert found[formula.id] is None
    assert named["u"] is None
    assert named["v"] is not None
    for source in ("integrate(t*x, t, 0, 1)", "x*median([x, 2, 3])", "besselj(0.5, x)"):
        integral = parse(source)
        m = Instructions(1)
        assert m.run(integral.graph, [integral.id], {"x": m.inputs[0]})[integral.id] is None


def test_large_arrays_have_no_instructions() -> None:
    formula = parse("sum(w^2)", {"w": (MOST_NUMBERS + 1,)})
    m = Instructions(MOST_NUMBERS + 1)
    found = m.run(formula.graph, [formula.id], {"w": np.array(m.inputs, object)})
    assert found[formula.id] is None
    assert len(m.program()["code"]) == 0


def test_what_is_computed_twice_is_there_once() -> None:
    formula = parse("sin(x*y)*sin(x*y) + cos(x*y)*sin(x*y)")
    m = Instructions(2)
    m.run(formula.graph, [formula.id], dict(zip(["x", "y"], m.inputs, strict=True)))
    assert [step[0] for step in m.program()["code"]].count("sin") == 1
