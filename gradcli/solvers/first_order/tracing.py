"""First-order rules as programs: they are run once on nodes of a graph instead of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.node import Graph, Node
from gradcli.programs.loop import POINT, RATE, SLOPE, TIME, Stepping, coefficient, kept
from gradcli.programs.program import program
from gradcli.solvers.first_order.rules import Functions

if TYPE_CHECKING:
    from gradcli.solvers.first_order.rules import Rule

NODES = Functions(
    lambda x: x.apply("sqrt"),
    lambda x, y: x.apply("max", y),
    lambda x: x.apply("sign"),
    lambda x, low, high: x.apply("clip", low, high),
    lambda condition, x, y: condition.apply("where", x, y),
)


def traced(rule: Rule) -> Stepping:
    """Return the steps of a rule for numbers as programs."""
    t, rate = _variables(TIME, RATE)
    coefficients = [_node(t, c) for c in rule.coefficients(t, rate, NODES)]
    p, g, *rest = _variables(
        POINT,
        SLOPE,
        *map(kept, range(len(rule.memory))),
        *map(coefficient, range(len(coefficients))),
    )
    memory, now = rest[: len(rule.memory)], rest[len(rule.memory) :]
    following, remembered = rule.update(p, g, tuple(memory), tuple(now), NODES)
    outputs = [_node(p, value) for value in (following, *remembered)]
    update = program(p.graph, [node.id for node in outputs])
    used = [
        n if coefficient(i) in update.variables else t.number(0) for i, n in enumerate(coefficients)
    ]
    return Stepping(program(t.graph, [node.id for node in used]), update)


class Step(NamedTuple):
    """One step of a rule for a number as nodes of a graph."""

    graph: Graph
    names: list[str]
    """TIME, RATE, POINT, SLOPE and what is kept."""
    outputs: list[int]
    """The next point, and what is kept then."""


def in_one(rule: Rule) -> Step:
    """Return a step of a rule, its coefficients worked out in it."""
    names = [TIME, RATE, POINT, SLOPE, *map(kept, range(len(rule.memory)))]
    t, rate, p, g, *memory = _variables(*names)
    now = tuple(_node(p, c) for c in rule.coefficients(t, rate, NODES))
    following, remembered = rule.update(p, g, tuple(memory), now, NODES)
    outputs = [_node(p, value).id for value in (following, *remembered)]
    return Step(p.graph, names, outputs)


def _variables(*names: str) -> list[Node]:
    graph = Graph()
    return [Node(graph, graph.variable(name)) for name in names]


def _node(one: Node, value: Any) -> Node:
    """Return a number as a node of the same graph as one."""
    return value if isinstance(value, Node) else one.number(value)
