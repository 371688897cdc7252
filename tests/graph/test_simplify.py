"""Identities of derived nodes: shorter, and the same value for every double there is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradcli import parse
from gradcli.calculus import forward, reverse
from gradcli.graph import printing
from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import TABLE, Operation
from gradcli.graph.simplify import DerivedNode, is_condition, simplified
from gradcli.programs import interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLES = st.floats() | st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 2.0**53, 5e-324, 1.7976931348623157e308, math.inf, math.nan]
)
CONSTANTS = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, 2.0**53, 2.0**53 + 2, 1e300]
)


class Step(NamedTuple):
    """An operation on earlier parts, counted from the last one."""

    name: str
    parts: tuple[int, ...]
    payload: float | int | None = None


OPERATIONS = ["add", "subtract", "multiply", "divide"] * 3 + ["negate", "not", "and", "or", "where"]
OPERATIONS += ["constant power", "powlog", "less", "equal", "sin", "max", "scaled"]


@st.composite
def recipes(draw: st.DrawFn) -> tuple[list[float | str], list[Step]]:
    """Constants and names, and operations to put them together."""
    leaves = draw(st.lists(CONSTANTS | st.sampled_from(["x", "y", "e"]), min_size=2, max_size=5))
    steps = []
    for made in range(len(leaves), len(leaves) + draw(st.integers(1, 10))):
        name = draw(st.sampled_from(OPERATIONS))
        place = st.integers(-min(made, 5), -1)
        parts = [draw(place) for _ in range(max(TABLE[name].arity[0], 1))]
        payload: float | int | None = None
        if name == "constant power":
            payload = draw(st.sampled_from([0.0, 1.0, 2.0, -1.0, 0.5, -0.0]))
        elif name == "powlog":
            payload = draw(st.integers(1, 2))
        steps.append(Step(name, tuple(parts), payload))
    return leaves, steps


def cooked(
    recipe: tuple[list[float | str], list[Step]],
    make: Callable[[Graph, Operation, tuple[int, ...], Any], int],
    graph: Graph,
) -> list[int]:
    """The nodes of a recipe, made by `make`."""
    leaves, steps = recipe
    nodes = []
    for leaf in leaves:
        if leaf == "e":
            nodes.append(graph.add(TABLE["named constant"], (), "e"))
        elif isinstance(leaf, str):
            nodes.append(graph.variable(leaf))
        else:
            nodes.append(graph.constant(leaf))
    for name, parts, payload in steps:
        nodes.append(make(graph, TABLE[name], tuple([nodes[part] for part in parts]), payload))
    return nodes


def same(one: float, other: float) -> bool:
    """Equal, or nan both; the sign of a zero does not count."""
    return one == other or (math.isnan(one) and math.isnan(other))


@settings(max_examples=400)
@given(recipes(), DOUBLES, DOUBLES)
def test_values_stay_for_every_double(
    recipe: tuple[list[float | str], list[Step]], x: float, y: float
) -> None:
    graph = Graph()
    plain = cooked(recipe, Graph.add, graph)
    short = cooked(recipe, simplified, graph)
    graph.check()
    needed = graph.reachable([*plain, *short])
    numbers = interpreter.run(graph, needed, {"x": x, "y": y}, ieee=True).numbers
    for one, other in zip(plain, short, strict=True):
        # A zero of the other sign is allowed, and what divides by it is then of the other sign.
        assume(numbers[one] != 0 or math.copysign(1, numbers[one]) > 0)
        assert same(numbers[one], numbers[other]), (
            printing.formula(graph, one),
            printing.formula(graph, other),
            numbers[one],
            numbers[other],
        )


@given(recipes())
def test_no_more_nodes_than_as_written(recipe: tuple[list[float | str], list[Step]]) -> None:
    plain, short = Graph(), Graph()
    written = cooked(recipe, Graph.add, plain)[-1]
    derived = cooked(recipe, simplified, short)[-1]
    # 2*x for x + x brings its own constant.
    assert len(short.reachable([derived])) <= len(plain.reachable([written])) + 1


def derived(formula: str) -> str:
    """The text of a formula whose nodes were all made as derived ones are."""
    typed = parse(formula)
    graph = Graph()
    made: dict[int, int] = {}
    for node in typed.graph.reachable([typed.id]):
        operation, arguments, payload = typed.graph.rows[node]
        made[node] = simplified(graph, operation, tuple([made[a] for a in arguments]), payload)
    graph.check()
    return printing.formula(graph, made[typed.id])


@pytest.mark.parametrize(
    ("typed", "short"),
    [
        ("x*1", "x"),
        ("1*x", "x"),
        ("x*-1", "-x"),
        ("-1*x", "-x"),
        ("x + 0", "x"),
        ("0 + x", "x"),
        ("x - 0", "x"),
        ("0 - x", "-x"),
        ("x/1", "x"),
        ("x/-1", "-x"),
        ("--x", "x"),
        ("---x", "-x"),
        ("x^1", "x"),
        ("x^0", "1"),
        ("x + x", "2*x"),
        ("x + -y", "x - y"),
        ("-x + y", "y - x"),
        ("x - -y", "x + y"),
        ("-x*-y", "x*y"),
        ("-x*y", "-(x*y)"),
        ("x*-y", "-(x*y)"),
        ("-x/-y", "x/y"),
        ("-x/y", "-(x/y)"),
        ("x/-y", "-(x/y)"),
        ("2*3 + 4", "10"),
        ("2 - 5", "-3"),
        ("6/3", "2"),
        ("2*(3 - 3) + x", "x"),
        ("where(c, x, x)", "x"),
        ("where(c, x*1, x + 0)", "x"),
        ("not not (x < y)", "x < y"),
        ("x < y and x < y", "x < y"),
        ("(not x) or (not x)", "not x"),
    ],
)
def test_identities(typed: str, short: str) -> None:
    assert derived(typed) == short


@pytest.mark.parametrize(
    "formula",
    [
        "0*x",
        "x*0",
        "0/x",
        "x - x",
        "x/x",
        "0*x + y",
        "x + 0.1 + 0.2",
        "0.1*3",
        "1/3",
        "7/2",
        "2^3",
        "x^2",
        "0*(1/x)",
        "not not x",
        "x and x",
        "x or x",
        "where(c, x, y)",
        "1e300*10",
        "sin(0)",
        "x*y/y",
        "1/0",
    ],
)
def test_what_could_change_a_value_stays(formula: str) -> None:
    assert derived(formula) == printing.formula(parse(formula).graph, parse(formula).id)


def test_zero_times_x_hides_neither_infinity_nor_nan() -> None:
    graph = Graph()
    x = DerivedNode(graph, graph.variable("x"))
    product = 0 * x
    for value in (math.inf, math.nan):
        needed = graph.reachable([product.id])
        assert math.isnan(
            interpreter.run(graph, needed, {"x": value}, ieee=True).numbers[product.id]
        )


def test_what_the_user_typed_is_kept_as_it_was_typed() -> None:
    for typed in ("x*1 + 0", "--x", "x^1", "x + x", "2 + 3", "where(c, x, x)", "not not x < y"):
        assert str(parse(typed)) == typed


def test_python_arithmetic_on_derived_nodes_goes_through_the_identities() -> None:
    graph = Graph()
    x = DerivedNode(graph, graph.variable("x"))
    for same_as_x in (1 * x, x * 1, x + 0, 0 + x, x - 0, x / 1, x**1, -x * -1):
        assert isinstance(same_as_x, DerivedNode)
        assert same_as_x == x
    assert Node(graph, x.id) * 1 != x, "a plain node is kept as written"


def test_conditions() -> None:
    for formula in ("x < y", "x == y", "x and y", "x or y", "not x", "x < y < z"):
        parsed = parse(formula)
        assert is_condition(parsed.graph, parsed.id)
    for formula in ("x", "x + y", "where(x, y, z)", "1", "sign(x)", "max(x < y, z)"):
        parsed = parse(formula)
        assert not is_condition(parsed.graph, parsed.id)


@pytest.mark.parametrize(
    "formula",
    [
        "log(x^2 + sin(3*x*y))",
        "where(x > 0, log(x)*y, x^y) + where(x > 0, y, x)",
        "max(x, y, x*y) + min(x, y) + clip(x, 0, y)",
        "x^y^x + (x*y)! + gelu(x) + hypot(x, y) + mod(x, y) + sinc(x*y)",
        "u = x*y; v = u + 1; where(u > v, u, where(v > 2, v^2, sqrt(u)))",
    ],
)
def test_the_graph_is_sound_after_every_pass(formula: str) -> None:
    parsed = parse(formula)
    graph, root = parsed.graph, parsed.id
    graph.check()
    names = list(graph.variables([root]).values())
    before = list(graph.rows)
    reverse.gradient(graph, root, names)
    graph.check()
    forward.gradient(graph, root, names)
    graph.check()
    forward.hessian(graph, root, names)
    graph.check()
    for derivative in parsed.derivatives().values():
        derivative.derivatives()
    graph.check()
    other = Graph()
    other.adopt(graph, root)
    other.check()
    assert graph.rows[: len(before)] == before, "nodes are never changed"


def test_check_finds_a_broken_graph() -> None:
    for damage in ("order", "twice", "payload", "arity"):
        graph = Graph()
        x = graph.variable("x")
        y = graph.add(TABLE["sin"], (x,))
        if damage == "order":
            graph.rows[x] = (TABLE["sin"], (y,), None)
        elif damage == "twice":
            graph.rows.append(graph.rows[y])
        elif damage == "payload":
            graph.add(TABLE["cos"], (x,), 2.0)
        else:
            graph.add(TABLE["atan2"], (x,))
        with pytest.raises((AssertionError, KeyError)):
            graph.check()
