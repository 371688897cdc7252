"""A formula over columns of numbers as one of the numbers of a single row.

What is the same in every row is hoisted out of the loop over the rows: it becomes a name of its
own. The factor that all rows share is taken out of a sum over rows, which leaves a product of two
numbers of each row.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gradcli.graph.node import Graph
from gradcli.graph.operations import (
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    TABLE,
)
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MOST_FACTORS = 8
"""Products of more factors are left as they are: a power of a power has very many."""


class OneRow(NamedTuple):
    """Formulas of the numbers of one row."""

    graph: Graph
    """All its nodes are numbers."""
    roots: list[int]
    """The node of each formula."""
    shared: dict[str, int]
    """The names of what is the same in every row, and their nodes in the formulas' own graph."""


def one_row(graph: Graph, roots: Sequence[int], columns: Collection[str]) -> OneRow | None:
    """Return the formulas `roots` for a single row; None where a row has more than one number.

    `columns` are the names of the data, with a length or without. A root may be the same in every
    row.
    """
    nodes = graph.reachable(roots)
    names = {node: name for name, node in graph.variables(roots).items() if name in columns}
    active = graph.depending_on(names, nodes)
    shapes = {graph.shape(node) for node in active.intersection(nodes)}
    if len(shapes) > 1 or any(len(shape) > 1 for shape in shapes):
        return None
    shape = next(iter(shapes), ())
    row = Graph()
    copies: dict[int, int] = {}
    shared: dict[str, int] = {}

    def number(node: int) -> int | None:
        """Return the copy of a node; None for an array that has none."""
        operation, _, payload = graph.rows[node]
        if node not in copies and graph.shape(node) == ():
            if operation is CONSTANT or operation is NAMED_CONSTANT:
                copies[node] = row.add(operation, (), payload)
            else:
                name = f"shared {len(shared)}"  # no name that anyone can type
                shared[name] = node
                copies[node] = row.variable(name)
        return copies.get(node)

    for node in nodes:
        operation, arguments, payload = graph.rows[node]
        if node in names:
            copies[node] = row.variable(names[node])
        elif node in active or (shape and graph.shape(node) == shape):
            mapped = [number(argument) for argument in arguments]
            known = [copy for copy in mapped if copy is not None]
            if operation is TABLE["broadcast"] and known:
                copies[node] = known[0]
            elif arguments and len(known) == len(mapped) and not operation.structural:
                copies[node] = row.add(operation, tuple(known), payload)
            elif node in active:
                return None
    found = [number(root) for root in roots]
    ends = [copy for copy in found if copy is not None]
    if len(ends) < len(found):
        return None
    read = row.variables(ends)
    return OneRow(row, ends, {name: node for name, node in shared.items() if name in read})


class Summand(NamedTuple):
    """What a number of each row contributes to a sum over rows: factor * left * right."""

    factor: int
    """The node of what all rows share."""
    pair: tuple[int, int] | None
    """The nodes of the other two factors, -1 for a right one that is 1; None if both are 1."""


def summands(graph: Graph, roots: Sequence[int], columns: Collection[str]) -> list[Summand]:
    """Return the formulas of one row as products whose sums over rows are to be taken.

    Nodes are added to the graph. Sums of different formulas have as much in common as can be: the
    factor that most of them have stands on the left.
    """
    nodes = graph.reachable(roots)
    variables = graph.variables(roots)
    active = graph.depending_on([variables[n] for n in columns if n in variables], nodes)
    products = [_factors(graph, root, active) for root in roots]
    uses = Counter(factor for _, own in products for factor in set(own))
    found: list[Summand] = []
    for common, own in products:
        factor = graph.constant(1.0)
        for node in common:
            factor = node if graph.number(factor) == 1 else graph.add(MULTIPLY, (factor, node))
        ordered = sorted(own, key=lambda node: (-uses[node], node))
        if not ordered:
            found.append(Summand(factor, None))
            continue
        left, *others = ordered
        right = others[0] if others else -1
        for node in others[1:]:
            right = graph.add(MULTIPLY, (right, node))
        found.append(Summand(factor, (left, right)))
    return found


def _factors(graph: Graph, root: int, active: Collection[int]) -> tuple[list[int], list[int]]:
    """Return the factors of a product that all rows share, and those of each row."""
    common: list[int] = []
    own: list[int] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        operation, arguments, payload = graph.rows[node]
        if node not in active:
            if graph.number(node) != 1:
                common.append(node)
        elif len(waiting) + len(own) >= MOST_FACTORS:
            own.append(node)
        elif operation is MULTIPLY:
            waiting += reversed(arguments)
        elif operation is NEGATE:
            common.append(graph.constant(-1.0))
            waiting.append(arguments[0])
        elif operation is DIVIDE and arguments[1] not in active:
            one = graph.constant(1.0)
            common.append(graph.add(DIVIDE, (one, arguments[1])))
            waiting.append(arguments[0])
        elif operation is CONSTANT_POWER and payload == 2:
            waiting += [arguments[0], arguments[0]]
        else:
            own.append(node)
    return common, own
