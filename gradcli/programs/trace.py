"""One run of a formula, node by node: values, gradients and the local derivative on every edge.

What tables, JSON and pictures show. A chain of the same associative operation is one step, as it is
written: `3*x*y` has three inputs. Or a step is all that lies between nodes that the user named.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gradcli.graph.operations import ADD, MULTIPLY
from gradcli.graph.printing import label, write
from gradcli.programs.explain import taken
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gradcli.graph.node import Graph


LONGEST_PRODUCT = 12
"""How many factors are shown as one step; each has all the others in its local derivative."""

LONGEST_FORMULA = 1000
"""Characters of what lies between named nodes; what is longer refers to its arguments as #id."""

FORMULA = "formula"
"""The operation of a step that is more than one operation on its inputs."""


class Edge(NamedTuple):
    """An input of a step."""

    node: int
    """Id of the step that the value comes from."""
    local: float | None
    """Derivative of the step with respect to this input alone; None if undefined or not needed."""
    formula: tuple[int, ...] = ()
    """The nodes whose product is the local derivative as a formula, when it is known."""
    live: bool = True
    """Whether the step reads it: False from the branch of a `where` that is not taken."""


class Part(NamedTuple):
    """A part of an operation that binds a name, as it is shown on request."""

    what: str
    value: float | None = None
    """None for what is said in words alone."""


class Step(NamedTuple):
    """One node after a run."""

    id: int
    name: str | None
    """The user's name for it: of a definition or a free name."""
    formula: str
    operation: str
    """Name of its row in the table of operations, or FORMULA."""
    value: float | None
    """None without values, and on a branch that is not taken where it has no value."""
    gradient: float | None
    """Derivative of the result with respect to this step.

    None for constants and without a backward pass.
    """
    inputs: tuple[Edge, ...]
    live: bool
    """Whether the result reads it: False on the branch of a `where` that is not taken."""
    tangents: Mapping[str, Any] = {}
    """Derivative of this step with respect to each input, found by a forward pass."""
    standard_error: Any = None
    """That of the value of an input that has one, and of the result then."""
    share: float | None = None
    """The part of the variance of the result that comes from an input with an error."""
    digits: int | None = None
    """How many significant digits of the value are certain in doubles; None without a value."""
    parts: tuple[Part, ...] = ()
    """Those of an operation that binds a name, where they were asked for."""


class Seen(NamedTuple):
    """What a run found of each node; nothing without one."""

    numbers: Mapping[int, float] | None = None
    faults: Collection[int] = ()
    """The nodes without a value."""
    live: Collection[int] | None = None
    """The nodes that the result reads; None for all."""
    gradient: Mapping[int, float] | None = None
    """The derivatives of the result."""

    def step(
        self, graph: Graph, node: int, formula: str, operation: str, inputs: Iterable[Edge]
    ) -> Step:
        """Return a node as a step."""
        return Step(
            node,
            graph.name_of(node),
            formula,
            operation,
            None if self.numbers is None or node in self.faults else self.numbers[node],
            self.gradient.get(node) if self.gradient else None,
            tuple(inputs),
            self.live is None or node in self.live,
        )


NOTHING = Seen()


def steps(
    graph: Graph,
    result: int,
    seen: Seen = NOTHING,
    *,
    local: Mapping[tuple[int, int], float] | None = None,
    formulas: Mapping[tuple[int, int], int] | None = None,
) -> list[Step]:
    """Return the steps that lead to `result`, inputs before their users.

    `seen` is what a run found; `local` are the local derivatives by edge (node, position), and
    `formulas` the nodes that are these.
    """
    nodes = graph.reachable([result])
    merged = _merged(graph, nodes)
    edges: dict[int, list[Edge]] = {}
    listed: list[Step] = []
    for node in nodes:
        operation, arguments, _ = graph.rows[node]
        read = taken(graph, node, seen.numbers)
        collected: list[Edge] = []
        for position, argument in enumerate(arguments):
            slope = local.get((node, position)) if local else None
            own = formulas.get((node, position)) if formulas else None
            formula = () if own is None else (own,)
            if position == 0 and argument in merged:
                # Of a sum the slopes are 1, and its edges are taken over as they are.
                collected = edges.pop(argument)
                if operation is MULTIPLY:
                    collected = [_through(e, slope, formula) for e in collected]
            else:
                collected.append(Edge(argument, slope, formula, position in read))
        if node in merged:
            edges[node] = collected
            continue
        listed.append(seen.step(graph, node, label(graph, node), operation.name, collected))
    return listed


def with_formulas(run: Iterable[Step], structure: Iterable[Step]) -> list[Step]:
    """Return the steps of a run with the local derivatives, as formulas, of the same steps."""
    return [
        step._replace(
            inputs=tuple(
                edge._replace(formula=same.formula)
                for edge, same in zip(step.inputs, other.inputs, strict=True)
            )
        )
        for step, other in zip(run, structure, strict=True)
    ]


def named_steps(
    graph: Graph,
    links: Mapping[int, Iterable[tuple[int, int | None, int | None]]],
    seen: Seen = NOTHING,
    derivatives: Mapping[int, float] | None = None,
) -> list[Step]:
    """Return a step for each named node, whose inputs are the named nodes that it reads.

    `links` are these inputs by node, in order: each a node, the derivative with respect to it,
    and one that is the same to be read. `derivatives` are the values of the derivatives.
    """
    names = {node: name for node in links if (name := graph.name_of(node)) is not None}
    listed = []
    for node, below in links.items():
        read = _read(graph, node, links, seen.numbers)
        inputs = []
        for other, derivative, readable in below:
            slope = None
            if derivatives and derivative is not None and node not in seen.faults:
                slope = derivatives.get(derivative)
            nodes = () if readable is None else (readable,)
            inputs.append(Edge(other, slope, nodes, other in read))
        operation, arguments, _ = graph.rows[node]
        is_one = arguments == tuple(edge.node for edge in inputs)
        own = {other: name for other, name in names.items() if other != node}
        formula = write(graph, node, own, LONGEST_FORMULA) or label(graph, node)
        listed.append(
            seen.step(graph, node, formula, operation.name if is_one else FORMULA, inputs)
        )
    return listed


def _read(
    graph: Graph, root: int, stops: Collection[int], numbers: Mapping[int, float] | None
) -> list[int]:
    """Return the nodes that `root` reads at these values, down to `stops`."""

    def into(node: int) -> Iterable[int]:
        arguments = graph.rows[node][1]
        is_end = node != root and node in stops
        return () if is_end else [arguments[position] for position in taken(graph, node, numbers)]

    return graph.walk([root], into)


def _through(edge: Edge, slope: float | None, formula: tuple[int, ...]) -> Edge:
    """Return an edge of a shorter product as one of the longer product."""
    factors = (*formula, *edge.formula) if edge.formula else ()
    local = None if slope is None or edge.local is None else slope * edge.local
    return Edge(edge.node, local, factors, edge.live)


def _merged(graph: Graph, nodes: Sequence[int]) -> set[int]:
    """Return the nodes that are shown as part of their user: the left part of a longer chain."""
    uses = Counter(argument for node in nodes for argument in graph.rows[node][1])
    found: set[int] = set()
    lengths: dict[int, int] = {}
    for node in nodes:
        operation, arguments, _ = graph.rows[node]
        if operation in {ADD, MULTIPLY}:
            left = arguments[0]
            if (
                graph.rows[left][0] is operation
                and uses[left] == 1
                and not graph.names.get(left)
                and (operation is ADD or lengths.get(left, 2) < LONGEST_PRODUCT)
            ):
                found.add(left)
                lengths[node] = lengths.get(left, 2) + 1
    return found
