"""First-order rules as programs: many steps of numbers at once, and a step of arrays in one pass.

A rule is run once on nodes of a graph instead of numbers, and the graph is compiled.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError
from gradcli.graph.node import Graph, Node
from gradcli.programs.engines import Steps, faster, repays
from gradcli.programs.loop import POINT, RATE, SLOPE, TIME, Loop, Order, Stepping, coefficient, slot
from gradcli.programs.program import program
from gradcli.records import NamedTuple
from gradcli.solvers.first_order.methods import Functions
from gradcli.solvers.solver import LATEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.programs.engines import Formula
    from gradcli.programs.loop import Stretch
    from gradcli.solvers.first_order.methods import Coefficients, Memory, Next, Rule

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
        *map(slot, range(len(rule.memory))),
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
    names = [TIME, RATE, POINT, SLOPE, *map(slot, range(len(rule.memory)))]
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


State = tuple[float, "list[float]", "list[float]", "list[Memory]"]
"""Value, point, gradient and memory."""


class FusedLoop:
    """Takes many steps of numbers in one call, in Python or as machine code."""

    def __init__(
        self,
        formula: Formula,
        rule: Rule,
        bounds: Sequence[tuple[float, float] | None],
        tolerance: float,
    ) -> None:
        self._formula = formula
        self._rule = rule
        self._bounds = bounds
        self._tolerance = tolerance
        self._engine = self._made() if repays(formula.engine, 0.0) else None

    @property
    def is_made(self) -> bool:
        """Whether the loop is generated already."""
        return self._engine is not None

    def order(
        self,
        before: int,
        state: State,
        rates: float | Sequence[float],
        most: int,
        lowest: float,
    ) -> Order:
        """Return the order for up to `most` steps from a state that `before` steps led to."""
        value, point, gradient, memory = state
        flat = [value, *point, *gradient, *(number for kept in memory for number in kept)]
        return Order(flat, before, rates, most, self._threshold(), lowest)

    def take(self, order: Order, remaining: int) -> Stretch:
        """Return where the steps of an order lead, of `remaining` ones; see `Advancing`."""
        if self._engine is None:
            self._engine = self._made()
        found = self._engine.take(order, remaining)
        if found.steps < order.most:
            # The run may end here, and its last records are wanted one by one.
            most = max(found.steps - LATEST, 0)
            found = self._engine.take(order._replace(most=most), remaining)
        self._formula.counted(found.steps)
        return found

    def unpacked(self, state: Sequence[float]) -> State:
        """Return value, point, gradient and memory, as far as the numbers of a state have them."""
        count, width = len(self._bounds), len(self._rule.memory)
        end = 1 + 2 * count
        memory = [tuple(state[end + i * width : end + (i + 1) * width]) for i in range(count)]
        return state[0], list(state[1 : 1 + count]), list(state[1 + count : end]), memory

    def _made(self) -> Steps:
        formula = self._formula
        names = list(formula.constants)
        stepping = traced(self._rule)
        loop = Loop(formula.program, formula.parameters, names, stepping, self._bounds)
        return Steps(loop, list(formula.constants.values()), formula.engine)

    def _threshold(self) -> float:
        """Return the square of a norm at which the point may have arrived, or -1."""
        if self._tolerance == 0:
            return -1.0
        # A little more, because the norm that decides is rounded otherwise.
        return max(self._tolerance * self._tolerance * (1 + 1e-9), sys.float_info.min)


SMALL = 2_000
"""The most numbers of an array for which NumPy is faster than a call of machine code."""


class ArrayUpdate:
    """The `Update` of a rule for arrays; both ways give the same bits.

    `engine` is "python" for NumPy, "native" for machine code, or "auto" for machine code as soon
    as it is worth it.
    """

    def __init__(self, rule: Rule, engine: str) -> None:
        self._rule = rule
        self._engine = engine
        self._fused: Callable[..., bool] | None = None
        self._spent = 0.0
        self._is_final = False

    def __call__(self, p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        """Return the next point and memory. Raises MathematicsError for a point not finite."""
        import numpy as np  # steps of numbers do without

        if p.size <= SMALL:
            return self._passes(p, g, memory, now, of)
        if self._fused is None and not self._is_final and repays(self._engine, self._spent):
            self._is_final = True
            self._fused = self._compiled(len(now))
        if self._fused is None:
            start = time.perf_counter()
            updated = self._passes(p, g, memory, now, of)
            self._spent += time.perf_counter() - start
            return updated
        arguments = [_whole(x, p.shape) for x in (p, g, *memory)]
        found = [np.empty(p.shape) for _ in (p, *memory)]
        if self._fused(p.size, *now, *arguments, *found):
            return self._passes(p, g, memory, now, of)
        return found[0], tuple(found[1:])

    def _passes(self, *arguments: Any) -> Next:
        import numpy as np

        updated = self._rule.update(*arguments)
        if not np.isfinite(updated[0]).all():
            fault = "undefined" if np.isnan(updated[0]).any() else "infinite"
            raise MathematicsError(f"a parameter became {fault}")
        return updated

    def _compiled(self, coefficients: int) -> Callable[..., bool] | None:
        update = traced(self._rule).update
        found = faster(self._engine, update)
        columns = [POINT, SLOPE, *map(slot, range(len(self._rule.memory)))]
        shared = [*map(coefficient, range(coefficients))]
        return None if found is None else found.filling(update, columns, shared)


def _whole(x: Any, shape: tuple[int, ...]) -> Any:
    """Return a number or an array as an array without gaps."""
    import numpy as np

    return np.full(shape, x) if isinstance(x, float) else np.ascontiguousarray(x)
