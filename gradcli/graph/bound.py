"""Operations that bind a name: integrals, sums and products over a number, and roots.

Such a node holds the formula that it is applied to, its body, as a graph of its own: the payload is
a `Bound`. What the body takes from outside, besides numbers, are arguments of the node behind its
limits: free names, and parts that the user named. So the node is one more function of numbers, and
whatever works on functions of numbers works on it.
"""

from __future__ import annotations

from itertools import count

from gradcli.errors import FormulaError
from gradcli.graph.bodies import applied
from gradcli.graph.node import Graph
from gradcli.graph.operations import (
    DEFERRED,
    PLACEHOLDER,
    SUBTRACT,
    TABLE,
    VARIABLE,
    known_number,
)
from gradcli.graph.simplify import simplified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

DEEPEST = 6
"""How many bound names may stand inside of each other: each multiplies the time."""

_FREE = frozenset({VARIABLE, PLACEHOLDER, DEFERRED})
_serial = count()


class Bound:
    """A body, or several of the same names: the bound name, and `taken` numbers from outside.

    In `graph` the free name "0" is the bound one and "1", "2" … are the arguments of the node
    behind its `limits`. Two are equal when they are alike but for the bound name.
    """

    def __init__(
        self, graph: Graph, roots: tuple[int, ...], name: str, limits: int, taken: int
    ) -> None:
        self.graph = graph
        self.roots = roots
        """The nodes of the bodies: the formula itself first, then what belongs to it."""
        self.name = name
        """The bound name as typed."""
        self.limits = limits
        """How many arguments of the node stand before those that the bodies take."""
        self.taken = taken
        self.serial = next(_serial)
        inner = [payload.depth for operation, _, payload in graph.rows if operation.binds]
        self.depth = 1 + max(inner, default=0)
        """How many bound names stand inside of each other."""
        # Derivatives will be added to the graph.
        self._identity = limits, taken, roots, tuple(graph.rows)
        self._hash = hash(self._identity)
        self._functions: dict[int, Callable[..., float]] = {}
        self.wasted = 0.0
        """Seconds spent on more digits that could not be had (gradcli.exact.certain)."""

    def __eq__(self, other: object) -> bool:
        """Return whether both are alike but for the bound name."""
        return self is other or (
            isinstance(other, Bound)
            and self._hash == other._hash
            and self._identity == other._identity
        )

    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it is made of; functions are made again."""
        return Bound, (self.graph, self.roots, self.name, self.limits, self.taken)

    def __str__(self) -> str:
        """Return what tells it from others in the names of generated functions."""
        return str(self.serial)

    def over(self, *roots: int) -> Bound:
        """Return the same with other roots, nodes of its graph."""
        return Bound(self.graph, roots, self.name, self.limits, self.taken)

    def leaf(self, position: int) -> int:
        """Return the node of the bound name (0), or of a number from outside (1, 2 …)."""
        return self.graph.variable(str(position))

    def body(self, root: int) -> Callable[..., Any]:
        """Return a node of the body as a function of a target and numbers, as those of rows are."""
        rows = self.graph.rows
        nodes = self.graph.reachable([root])

        def body(m: Any, *numbers: Any) -> Any:
            values: dict[int, Any] = {}
            for node in nodes:
                operation, arguments, payload = rows[node]
                if operation is VARIABLE:
                    values[node] = numbers[int(payload)]
                elif (number := known_number(operation, payload)) is not None:
                    values[node] = m.literal(number)
                else:
                    inputs = [values[argument] for argument in arguments]
                    values[node] = applied(operation, m, *operation.with_payload(inputs, payload))
            return values[root]

        return body

    def function(self, node: int) -> Callable[..., float]:
        """Return a node of the body as a Python function of the bound name and of what is taken.

        It raises ValueError, OverflowError or ZeroDivisionError, or returns nan or inf, where there
        is no value.
        """
        if node not in self._functions:
            from gradcli.graph.bodies import PYTHON

            self._functions[node] = PYTHON.function(self.body(node), 1 + self.taken)
        return self._functions[node]

    def at(self, node: int, taken: Sequence[float]) -> Callable[[float], float]:
        """Return such a function of the bound name alone, for these numbers from outside."""
        body = self.function(node)
        return lambda x: body(x, *taken)


def closed(
    graph: Graph, roots: Sequence[int], leaf: int, name: str, limits: int
) -> tuple[Bound, tuple[int, ...]]:
    """Return bodies of the bound name `leaf`, and the nodes that they take from outside.

    These are the free names, what the user named, and operations on arrays, as far as they do not
    depend on the bound name. Raises FormulaError for a body that is no number, or too deep.
    """
    rows = graph.rows
    below = graph.reachable(roots)
    inside = graph.depending_on([leaf], below)
    free = graph.depending_on([node for node in below if rows[node][0] in _FREE], below)
    taken: dict[int, int] = {}
    made = Graph()
    copies: dict[int, int] = {}

    def is_taken(node: int) -> bool:
        operation = rows[node][0]
        if node in inside or node == leaf:
            return False
        if operation in _FREE or operation.structural:
            return True
        return node in free and node in graph.names

    def into(node: int) -> Sequence[int]:
        return () if is_taken(node) else rows[node][1][::-1]

    order = graph.walk(reversed(roots), into)
    for node in order:  # as they are typed, so that they stay in this order
        if node == leaf:
            copies[leaf] = made.variable("0")
        elif is_taken(node):
            taken[node] = len(taken) + 1
            copies[node] = made.variable(str(taken[node]))
    if any(rows[node][0].structural for node in order if node not in copies):
        message = f"an array that depends on the bound name {name} has no meaning here"
        raise FormulaError(message, hint="write it out with numbers")
    made.copy(graph, sorted(order), copies)
    bound = Bound(made, tuple([copies[root] for root in roots]), name, limits, len(taken))
    if bound.depth > DEEPEST:
        raise FormulaError(f"at most {DEEPEST} bound names may stand inside of each other")
    return bound, tuple(taken)


def inlined(
    graph: Graph,
    bound: Bound,
    root: int,
    numbers: Sequence[int],
    replaced: Mapping[int, int] | None = None,
    *,
    as_typed: bool = False,
) -> int:
    """Return a node of a body as a node of `graph`, with nodes in place of its free names.

    `replaced` are nodes of the body for which others of `graph` stand. Nodes are made as short as
    they can be, or `as_typed`.
    """
    body = bound.graph
    known = {node: numbers[int(name)] for name, node in body.variables([root]).items()}
    known |= replaced or {}
    add = Graph.add if as_typed else simplified
    return graph.copy(body, body.reachable([root]), known, add)[root]


def residual(graph: Graph, root: int) -> int:
    """Return the node that is 0 where an equation holds: x - y for x == y, else the node itself."""
    operation, arguments, _ = graph.rows[root]
    return graph.add(SUBTRACT, arguments) if operation is TABLE["equal"] else root
