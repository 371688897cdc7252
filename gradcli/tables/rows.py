"""A formula over the rows of data files as a table, computed block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import NameValueError, ShapeError
from gradcli.point import names_to_nodes, where
from gradcli.runtime import interpreter
from gradcli.tables.ranges import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.tables.formula import RowFormula


class RowTable:
    """Values, and derivatives with respect to `wrt`, of a formula in each row of the data.

    They are parameters that are numbers, and columns of one number a row. Raises ShapeError for
    others, and NameValueError for columns when all rows are needed at once.
    """

    def __init__(
        self, formula: RowFormula, wrt: Sequence[str] = (), *, allow_nonfinite: bool = False
    ) -> None:
        self.kinks: dict[int, str] = {}
        """What is to be said about derivatives, by node, once the blocks have been computed."""
        self._formula = formula
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        if wrt:
            _check_derivatives(formula, wrt)
        self._single: tuple[Graph, list[int]] | None = None
        """The graph of one row, if it has only numbers, and its derivatives in it."""
        single = formula.single() if wrt else None
        if single is not None:
            from gradcli.calculus.reverse import gradient

            by = names_to_nodes(single.graph, single.id, wrt).values()
            slopes = gradient(single.graph, single.id, by)
            self._single = single.graph, [slopes[node] for node in by]

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order, checked block by block.

        Raises MathematicsError for a row without a value, naming it.
        """
        import numpy as np

        first = 0
        for columns in self._formula.blocks():
            here = self._formula.at(columns, first, allow_nonfinite=self._nonfinite)
            value, slopes = here.value, []
            if self._wrt:
                found = self._of_one_row(columns)
                if found is None or not (self._nonfinite or all(map(interpreter.finite, found))):
                    found = here.of_rows(self._wrt)
                slopes = [np.broadcast_to(slope, value.shape) for slope in found]
                self.kinks |= here.kinks(self._wrt)
            yield Block(list(columns.values()), value, slopes)
            first += len(value)

    def _of_one_row(self, columns: Mapping[str, Any]) -> list[Any] | None:
        """Return the derivatives as they are at a point, to the last bit, but in each row.

        None where a row has arrays.
        """
        if self._single is None:
            return None
        graph, slopes = self._single
        given, order = {**self._formula.values, **columns}, graph.reachable(slopes)
        rates = interpreter.run(graph, order, given, ieee=True, columns=True).numbers
        return [rates[slope] for slope in slopes]


def _check_derivatives(formula: RowFormula, wrt: Sequence[str]) -> None:
    """Raise the error for what cannot be differentiated in each row."""
    origin = formula.formula.origin
    if formula.entry:
        message = "derivatives in each row are those of a number, and the formula has several there"
        raise ShapeError(message, hint="take one entry, or their sum", **where(origin))
    nodes = names_to_nodes(formula.formula.graph, formula.formula.id, wrt)
    for name, node in nodes.items():
        shape = formula.formula.graph.shape(node)
        if name in formula.columns and formula.held is not None:
            message = f"each row depends on several rows of {name}: it has no derivative"
            hint = "choose parameters with --wrt, or take the sum or mean of the formula"
            raise NameValueError(message, hint=hint, **where(origin, node))
        if shape[name in formula.columns :]:
            message = f"derivatives in each row are with respect to numbers, and {name} is an array"
            raise ShapeError(message, hint="choose names with --wrt", **where(origin, node))
