"""Value and gradient of a formula of sums over rows of numbers, from one pass over the rows.

The chain rule splits the work in three. Before the pass, everything that is the same in every row
is hoisted and computed: b^2 in sum((b^2*x - y)^2). The pass sums the terms and their derivatives
with respect to these shared numbers, as sums of products of two numbers of each row, once the
factor that all rows share is taken out. After it, value and gradient follow from the sums. Nothing
is checked: where a sum is not finite, or vanishes, there is no result.
"""

from __future__ import annotations

from collections import Counter
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.reverse import Sweep, gradient, masked
from gradcli.data.columns import length_of
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
from gradcli.graph.shapes import COUNT
from gradcli.graph.simplify import DerivedNode
from gradcli.limits import GENERATED_NODES
from gradcli.programs import engines
from gradcli.programs.program import Program, function, program
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gradcli.data.columns import Array, Block
    from gradcli.graph.shapes import Shape
    from gradcli.rows.reductions import Split

    InRows = Callable[[Sequence[Any], Block, int], tuple[Array, Array] | None]
    """From the values that are the same in every row, and some rows of data and their number, to a
    first formula in each row, and to others as columns; None where a step may have no value."""

MOST_FACTORS = 8
"""Products of more factors are left as they are: a power of a power has very many."""
LEAST = 1e-250
"""A sum below this may have lost products that are too small for a double; it is not trusted."""


# ---------------------------------------------------------------- a single row


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


# ---------------------------------------------------------------- sums over rows


class Pass(NamedTuple):
    """What is summed over the rows."""

    program: Program
    """The numbers of one row."""
    pairs: list[tuple[int, int]]
    """Outputs of the program whose products are summed; -1 as the second one stands for 1."""
    columns: list[str]
    shared: list[str]
    """The names of what is the same in every row."""


class Sums:
    """Value and gradient at a point over all rows."""

    def __init__(
        self,
        before: Callable[..., tuple[float, ...]],
        over: Pass,
        after: Callable[..., tuple[Any, ...]],
    ) -> None:
        self._before = before
        self._over = over
        self._after = after
        self._run = engines.engine(engines.PYTHON).sums(*over)
        self._is_final = False

    def of_block(
        self, values: Sequence[Any], block: Block, choice: str = engines.PYTHON
    ) -> list[float] | None:
        """Return the sums over some rows, to the last digit; None if they cannot be trusted.

        `values` are those of the parameters and of the other names that stay. With a `choice` of
        another engine that one sums from now on, if it can. Raises ValueError, OverflowError or
        ZeroDivisionError where there is no value.
        """
        if choice != engines.PYTHON and not self._is_final:
            self._is_final = True
            found = engines.faster(choice, self._over.program)
            self._run = self._run if found is None else found.sums(*self._over)
        columns = [np.ascontiguousarray(block[name], np.float64) for name in self._over.columns]
        parts = self._run(0, length_of(block), *self._before(*values), *columns)
        return None if parts is None else [fsum(each) for each in zip(*parts, strict=True)]

    def found(
        self, values: Sequence[Any], sums_of: Sequence[Sequence[float]], count: int
    ) -> tuple[Any, ...] | None:
        """Return value and gradient from the sums over blocks of `count` rows in all.

        None if they cannot be trusted.
        """
        if not all(sums_of):  # there are no rows
            return None
        totals = [fsum(each) for each in zip(*sums_of, strict=True)]
        if all(LEAST < abs(total) < np.inf for total in totals):
            return self._after(*values, *totals, float(count))
        return None

    @property
    def of_a_row(self) -> Program:
        """The program that runs in each row."""
        return self._over.program


def sums(
    graph: Graph, parts: Split, parameters: Mapping[str, Shape], constants: Sequence[str]
) -> Sums | None:
    """Return value and gradient of a formula that is split into reductions over rows.

    `constants` are the names of the other values that stay. None if a row has more than one number
    somewhere, or the formula is too large.
    """
    columns = graph.columns
    row = _row(graph, parts)
    if row is None or len(graph.reachable(parts.parts)) > GENERATED_NODES:
        return None
    variables = row.graph.variables(row.roots)
    varying = [n for n, node in row.shared.items() if parameters.keys() & graph.variables([node])]
    roots = list(row.roots)
    for term in row.roots:
        roots += gradient(row.graph, term, [variables[name] for name in varying]).values()
    found = summands(row.graph, roots, columns)
    pairs = list(dict.fromkeys([each.pair for each in found if each.pair is not None]))
    ends = dict.fromkeys([node for pair in pairs for node in pair if node >= 0])
    inner = one_row(row.graph, list(ends), columns)
    if inner is None or len(inner.graph) > GENERATED_NODES:
        return None
    index = dict(zip(ends, inner.roots, strict=True)) | {-1: -1}
    over = Pass(
        program(inner.graph, inner.roots),
        [(index[left], index[right]) for left, right in pairs],
        [name for name in inner.graph.variables(inner.roots) if name in columns],
        list(inner.shared),
    )
    names = [*parameters, *constants]
    own = Graph()
    shared = {name: own.adopt(graph, node) for name, node in row.shared.items()}
    own.identify(row.graph, {variables[name]: node for name, node in shared.items()})
    before = program(own, [own.adopt(row.graph, node) for node in inner.shared.values()])
    sum_of = {pair: index for index, pair in enumerate(pairs)}
    moved = [shared[name] for name in varying]
    after = _after(own, row.graph, parts, parameters, found, sum_of, moved)
    return Sums(
        function(before, names),
        over,
        function(after, [*names, *map(sum_name, range(len(pairs))), COUNT]),
    )


def is_plain(graph: Graph, parts: Split) -> bool:
    """Return whether the reductions are sums in which no row has more than one number."""
    return _row(graph, parts) is not None


def _row(graph: Graph, parts: Split) -> OneRow | None:
    terms = [term for term in parts.terms if term is not None]
    return one_row(graph, terms, graph.columns) if len(terms) == len(parts.terms) else None


def sum_name(index: int) -> str:
    """Return the name of a sum over the rows; no name that anyone can type."""
    return f"sum {index}"


def _after(
    own: Graph,
    row: Graph,
    parts: Split,
    parameters: Mapping[str, Shape],
    found: Sequence[Summand],
    sum_of: Mapping[tuple[int, int], int],
    varying: Sequence[int],
) -> Program:
    """Return the program of value and gradient, given the sums over the rows.

    `found` are what is summed of a row for each reduction, then for each its derivatives with
    respect to the nodes `varying`; `sum_of` say which sum belongs to a pair of factors.
    """
    outer, count, each = parts.outer, len(parts.parts), len(varying)

    def total(summand: Summand, is_mean: bool) -> DerivedNode:
        name = COUNT if summand.pair is None else sum_name(sum_of[summand.pair])
        factor = DerivedNode(own, own.adopt(row, summand.factor))
        found = factor * factor.at(own.variable(name))
        return found / found.at(own.variable(COUNT)) if is_mean else found

    totals = list(map(total, found, parts.are_means(each)))
    derived = parts.slopes(parameters)
    known = zip(map(outer.variable, parts.names), totals, strict=False)
    own.identify(outer, {node: reduction.id for node, reduction in known})
    value = own.adopt(outer, parts.result)
    slopes = [DerivedNode(own, own.adopt(outer, node)) for node in derived]
    direct, weights = slopes[: len(parameters)], slopes[len(parameters) :]
    zero = DerivedNode(own, own.constant(0.0))
    rates = {
        node: sum([w * totals[count + k * each + i] for k, w in enumerate(weights)], start=zero).id
        for i, node in enumerate(varying)
    }
    wrt = [own.variable(name, shape) for name, shape in parameters.items()]
    sweep = Sweep(own, own.reachable(rates), wrt)
    cotangents = sweep.run({node: (None, rate) for node, rate in rates.items()})
    through = [DerivedNode(own, masked(own, node, cotangents.get(node))) for node in wrt]
    return program(own, [value, *[(a + b).id for a, b in zip(direct, through, strict=True)]])


# ---------------------------------------------------------------- the numbers of each row


def machine_code(
    graph: Graph, formulas: Sequence[int], names: Sequence[str], choice: str
) -> InRows | None:
    """Return the formulas as machine code of the engine chosen; None where it cannot be.

    `names` are those of all values but the columns of the data.
    """
    row = one_row(graph, formulas, graph.columns)
    if row is None:
        return None
    whole = program(row.graph, row.roots)
    found = engines.faster(choice, whole)
    if found is None:
        return None
    own = Graph()
    before = function(program(own, [own.adopt(graph, n) for n in row.shared.values()]), names)
    columns = [name for name in whole.variables if name in graph.columns]
    fill = found.filling(whole, columns, list(row.shared))

    def run(values: Sequence[Any], block: Block, length: int) -> tuple[Array, Array] | None:
        try:
            shared = before(*values)
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
        data = [np.ascontiguousarray(block[name], np.float64) for name in columns]
        first, others = np.empty(length), np.empty((length, len(formulas) - 1), order="F")
        fault = fill(length, *shared, *data, first, *others.T)
        return None if fault else (first, others)

    return run
