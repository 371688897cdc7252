"""A formula over the rows of data files as a table, computed block by block."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import NameValueError, ShapeError
from gradcli.language.origin import where
from gradcli.options import spelled
from gradcli.tables.columns import Columns
from gradcli.tables.ranges import Block
from gradcli.values import names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.tables.formula import RowFormula


class RowTable(Columns):
    """Values, and derivatives with respect to `wrt`, of a formula in each row of the data.

    They are with respect to parameters that are numbers, and columns of one number a row. Raises
    ShapeError for others, and NameValueError for columns when all rows are needed at once.
    """

    def __init__(self, formula: RowFormula, wrt: Sequence[str] = (), **settings: Any) -> None:
        """Take what is to be computed; `settings` are keywords of Columns."""
        if wrt:
            _check_derivatives(formula, wrt)
        needs_all = formula.held is not None
        super().__init__(formula.of_one_row(), formula.values, wrt, needs_all=needs_all, **settings)
        self._formula = formula
        self._wrt = list(wrt)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order, checked block by block.

        Raises MathematicsError for a row without a value, naming it.
        """
        first = 0
        for columns in self._formula.blocks():
            explain = None if self._nonfinite else partial(self._explain, columns, first)
            found = self.rounded(columns, explain)
            yield Block.of(columns, found, len(self._wrt))
            first += len(found[0])

    def _explain(self, columns: Mapping[str, Any], first: int, index: int, certain: bool) -> None:
        """Raise the error of a row that has no value or no derivative."""
        if not self._needs_all:
            columns = {name: column[index : index + 1] for name, column in columns.items()}
            first += index
        point = self._formula.at(columns, first, certain=certain, digits=self._digits)
        if self._wrt:
            graph, root = self._formula.formula.graph, self._formula.formula.id
            point.slopes(names_to_nodes(graph, root, self._wrt))


def _check_derivatives(formula: RowFormula, wrt: Sequence[str]) -> None:
    """Raise the error for what cannot be differentiated in each row."""
    origin = formula.formula.origin
    if formula.entry:
        message = "derivatives in each row are those of a number, and the formula has several there"
        raise ShapeError(message, hint="take one entry, or their sum", **where(origin))
    nodes = names_to_nodes(formula.formula.graph, formula.formula.id, wrt)
    option = spelled("wrt")
    for name, node in nodes.items():
        shape = formula.formula.graph.shape(node)
        if name in formula.columns and formula.held is not None:
            message = f"each row depends on several rows of {name}: it has no derivative"
            hint = f"choose parameters with {option}, or take the sum or mean of the formula"
            raise NameValueError(message, hint=hint, **where(origin, node))
        if shape[name in formula.columns :]:
            message = f"derivatives in each row are with respect to numbers, and {name} is an array"
            raise ShapeError(message, hint=f"choose names with {option}", **where(origin, node))
