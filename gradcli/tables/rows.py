"""A formula over the rows of data files as a table, worked out block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError, ShapeError
from gradcli.point import names_to_nodes
from gradcli.runtime import faults, interpreter
from gradcli.tables.faults import fault, fault_of_row, placed
from gradcli.tables.ranges import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.tables.formula import RowFormula


class RowTable:
    """Values, and derivatives by `wrt`, of a formula in each row of the data.

    Derivatives are by single numbers: parameters, and columns of one number a row. Raises
    ShapeError for others, and NameValueError for columns when all rows are needed at once.
    """

    def __init__(
        self, formula: RowFormula, wrt: Sequence[str] = (), *, allow_nonfinite: bool = False
    ) -> None:
        self.kinks: dict[int, str] = {}
        """What is to be said about derivatives, by node, once the blocks have been worked out."""
        self._formula = formula
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        if wrt:
            _check_derivatives(formula, wrt)
        self._graph, self._slopes = self._derivatives()

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order, checked block by block.

        Raises MathematicsError for a row without a value, naming it.
        """
        first = 0
        for columns in self._formula.blocks():
            block = self._worked_out(columns, first)
            yield block
            first += len(block.value)

    def _worked_out(self, columns: Mapping[str, Any], first: int) -> Block:
        import numpy as np

        graph, root = self._formula.formula.graph, self._formula.formula.id
        given = {**self._formula.values, **columns}
        nodes = graph.reachable([root])
        found = interpreter.run(graph, nodes, given, ieee=self._nonfinite)
        if interpreter.first_fault(graph, [root], found) is not None:
            raise fault(self._formula, columns, first)
        value: Any = found.numbers[root]
        slopes = []
        if self._slopes:
            order = self._graph.reachable(self._slopes)
            known = found if self._graph is graph else None
            rates = interpreter.run(
                self._graph, order, given, ieee=True, known=known, columns=known is None
            ).numbers
            slopes = [np.broadcast_to(rates[slope], value.shape) for slope in self._slopes]
        if slopes and not self._nonfinite:
            good = np.all(np.isfinite(slopes), axis=0)
            for row in np.flatnonzero(~good)[:1].tolist():
                raise self._no_derivative(columns, row, first)
        if self._wrt:
            moving = names_to_nodes(graph, root, self._wrt).values()
            active = graph.depending_on(moving, nodes)
            self.kinks |= faults.kinks(graph, sorted(active - self.kinks.keys()), found.numbers)
        return Block(list(columns.values()), value, slopes)

    def _derivatives(self) -> tuple[Graph, list[int]]:
        """Return the derivative in each row by each name, as nodes of a graph.

        They are those of one row, as at a point. Where a row has arrays they are found forward:
        each row depends on its own row of a column only, so one pass with all its numbers moving
        gives the derivatives in all rows.
        """
        from gradcli.calculus.forward import tangents
        from gradcli.calculus.reverse import gradient
        from gradcli.graph.simplify import broadcast_to

        single = self._formula.single() if self._wrt else None
        if single is not None:
            by = names_to_nodes(single.graph, single.id, self._wrt).values()
            found = gradient(single.graph, single.id, by)
            return single.graph, [found[node] for node in by]
        graph, root = self._formula.formula.graph, self._formula.formula.id
        slopes = []
        for node in names_to_nodes(graph, root, self._wrt).values():
            rate = broadcast_to(graph, graph.constant(1), graph.shape(node))
            slopes += tangents(graph, [root], {node: rate})
        return graph, slopes

    def _no_derivative(self, columns: Mapping[str, Any], row: int, first: int) -> MathematicsError:
        error = fault_of_row(self._formula, columns, row, self._wrt)
        if error is None:
            error = MathematicsError("a derivative is infinite, too large or does not exist")
        return placed(self._formula, error, first + row)


def _check_derivatives(formula: RowFormula, wrt: Sequence[str]) -> None:
    """Raise the error for what cannot be differentiated in each row."""
    origin = formula.formula.origin
    source = origin.source if origin else None
    span = None if source is None else (0, len(source))
    if formula.entry:
        message = "derivatives in each row are those of a number, and the formula has several there"
        raise ShapeError(message, source=source, span=span, hint="take one entry, or their sum")
    nodes = names_to_nodes(formula.formula.graph, formula.formula.id, wrt)
    for name, node in nodes.items():
        shape = formula.formula.graph.shape(node)
        where = formula.formula.span(node)
        if name in formula.columns and formula.held is not None:
            message = f"each row depends on several rows of {name}, so it has no derivative by it"
            hint = "choose parameters with --wrt, or take the sum or mean of the formula"
            raise NameValueError(message, source=source, span=where, hint=hint)
        if shape[name in formula.columns :]:
            message = f"derivatives in each row are by single numbers, and {name} has several"
            raise ShapeError(message, source=source, span=where, hint="choose names with --wrt")
