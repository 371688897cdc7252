"""Value and gradient of a formula of sums over rows of numbers, from one pass over the rows.

The chain rule parts the work in three. Before the pass, everything that is the same in every row is
computed: b^2 in sum((b^2*x - y)^2). The pass sums the terms and their derivatives by these shared
numbers, as sums of products of two numbers of each row. After it, value and gradient follow from
the sums. Nothing is checked: where a sum is not finite, or vanishes, there is no result.
"""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.reverse import gradient
from gradcli.data.columns import length_of
from gradcli.graph.node import Graph
from gradcli.graph.shapes import COUNT
from gradcli.graph.simplify import DerivedNode
from gradcli.limits import GENERATED_NODES
from gradcli.programs import engines
from gradcli.programs.program import Program, function, program
from gradcli.records import NamedTuple
from gradcli.rows.hoisting import one_row, summands

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gradcli.data.columns import Array, Block
    from gradcli.graph.shapes import Shape
    from gradcli.rows.hoisting import OneRow, Summand
    from gradcli.rows.reductions import Split

    InRows = Callable[[Sequence[Any], Block, int], tuple[Array, Array] | None]
    """From the values that are the same in every row, and some rows of data and their number, to a
    first formula in each row, and to others as columns; None where a step may have no value."""

LEAST = 1e-250
"""A sum below this may have lost products that are too small for a double; it is not trusted."""


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
    moving = _moving(graph, row, parameters)
    roots = list(row.roots)
    for term in row.roots:
        slopes = gradient(row.graph, term, moving.values())
        roots += [slopes[node] for node in moving.values()]
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
    sum_of = {pair: index for index, pair in enumerate(pairs)}
    after = _after(graph, row, parts, parameters, found, sum_of, moving)
    return Sums(
        function(_before(graph, row, inner), names),
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


def _moving(graph: Graph, row: OneRow, parameters: Collection[str]) -> dict[str, int]:
    """Return what is the same in every row and moves: its names, and their nodes in the row."""
    nodes = row.graph.variables(row.roots)
    return {
        name: nodes[name]
        for name, node in row.shared.items()
        if not set(parameters).isdisjoint(graph.variables([node]))
    }


def _before(graph: Graph, row: OneRow, inner: OneRow) -> Program:
    """Return the program of what the pass over the rows needs to know."""
    own = Graph()
    _share(graph, row, own)
    return program(own, [own.adopt(row.graph, node) for node in inner.shared.values()])


def _share(graph: Graph, row: OneRow, into: Graph) -> dict[str, int]:
    """Return the shared numbers of a row as formulas in another graph, by name.

    They stand for these names in whatever is adopted there from the row.
    """
    shared = {name: into.adopt(graph, node) for name, node in row.shared.items()}
    nodes = row.graph.variables(row.roots)
    into.identify(row.graph, {nodes[name]: node for name, node in shared.items()})
    return shared


def _after(
    graph: Graph,
    row: OneRow,
    parts: Split,
    parameters: Mapping[str, Shape],
    found: Sequence[Summand],
    sum_of: Mapping[tuple[int, int], int],
    moving: Collection[str],
) -> Program:
    """Return the program of value and gradient, given the sums over the rows.

    `found` are what is summed for each reduction, then for each its derivatives by the numbers
    `moving`; `sum_of` say which sum belongs to a pair of factors.
    """
    own, outer = Graph(), parts.outer
    shared = _share(graph, row, own)

    def total(each: Summand) -> DerivedNode:
        name = COUNT if each.pair is None else sum_name(sum_of[each.pair])
        factor = DerivedNode(own, own.adopt(row.graph, each.factor))
        return factor * factor.at(own.variable(name))

    count, each = len(parts.parts), len(moving)
    totals = [total(summand) for summand in found]
    for k, is_mean in enumerate(parts.is_mean):
        if is_mean:
            first = count + k * each
            for i in (k, *range(first, first + each)):
                totals[i] = totals[i] / totals[i].at(own.variable(COUNT))
    derived = parts.slopes(parameters)
    known = zip(map(outer.variable, parts.names), totals, strict=False)
    own.identify(outer, {node: reduction.id for node, reduction in known})
    value = own.adopt(outer, parts.result)
    slopes = [DerivedNode(own, own.adopt(outer, node)) for node in derived]
    direct, weights = slopes[: len(parameters)], slopes[len(parameters) :]
    rates = {
        shared[name]: sum(
            [w * totals[count + k * each + index] for k, w in enumerate(weights)],
            start=DerivedNode(own, own.constant(0.0)),
        )
        for index, name in enumerate(moving)
    }
    through = _through(own, rates, parameters)
    return program(own, [value, *[(a + b).id for a, b in zip(direct, through, strict=True)]])


def _through(
    own: Graph, rates: Mapping[int, DerivedNode], parameters: Mapping[str, Shape]
) -> list[DerivedNode]:
    """Return the gradient through some nodes, from the derivatives with respect to these."""
    chain = Graph()
    terms = DerivedNode(chain, chain.constant(0.0))
    for node, rate in rates.items():
        held = terms.at(chain.variable(f"rate of {node}"))
        own.identify(chain, {held.id: rate.id})
        terms = terms + held * terms.at(chain.adopt(own, node))
    by = [chain.variable(name, shape) for name, shape in parameters.items()]
    slopes = gradient(chain, terms.id, by)
    return [DerivedNode(own, own.adopt(chain, slopes[node])) for node in by]


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
