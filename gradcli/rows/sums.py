"""A formula of sums and means over the rows of data files, and its derivatives, block by block.

One quick pass gives value and derivatives. Where it finds none, and where every row must be looked
at for what is to be said about it, another one checks each step of each block.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError
from gradcli.minimization.rows_objective import RowsObjective
from gradcli.point import check_single
from gradcli.rows.checked_sums import CheckedSums
from gradcli.runtime.faults import MOST_TESTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.findings import Note
    from gradcli.rows.formula import InSums, RowFormula


class RowSums:
    """What a Point says of a formula over all rows, its value and derivatives by names `wrt`.

    `sums` are those of the formula. Raises MathematicsError where it has no value, naming the row
    if one is at fault, ShapeError for derivatives of an array, and FileError.
    """

    def __init__(
        self,
        formula: RowFormula,
        sums: InSums,
        wrt: Sequence[str] = (),
        *,
        allow_nonfinite: bool = False,
    ) -> None:
        self._formula = formula
        self._node = formula.formula
        self._sums = sums
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        self.notes: list[Note] = []
        """What is to be said about the derivatives: kinks and jumps."""
        if wrt:
            check_single(self._node.graph, self._node.id, self._node.origin)
        quick = None if self._is_to_be_looked_at() else self._quick()
        self.value: Any
        self.gradient: dict[str, Any]
        """The derivative by each of the names."""
        self.value, self.gradient = self._checked() if quick is None else quick

    def _is_to_be_looked_at(self) -> bool:
        """Return whether the values of all steps are needed: for an array, or to find kinks.

        As anywhere, numbers of each row are not searched for kinks when there are very many.
        """
        graph, root = self._node.graph, self._node.id
        if graph.shape(root):
            return True
        nodes = graph.variables([root])
        rows = graph.depending_on(
            self._formula.column_nodes().values(), graph.reachable(self._sums.parts.parts)
        )
        count = self._formula.source.rows or self._sums.rows.least
        for node in graph.depending_on([nodes[n] for n in self._wrt], graph.reachable([root])):
            operation = graph.rows[node][0]
            if operation.kink is None and operation.jump is None:
                continue
            numbers = count * prod(graph.shape(node)[1:]) if node in rows else 1
            if operation.structural or numbers <= MOST_TESTED:
                return True
        return False

    def _quick(self) -> tuple[float, dict[str, Any]] | None:
        """Return value and derivatives as an optimiser gets them; None where one is not finite."""
        values = self._formula.values
        objective = RowsObjective(
            self._node,
            self._wrt,
            self._node.origin,
            {name: value for name, value in values.items() if name not in self._wrt},
            self._sums.rows,
            self._sums.parts,
            "python",
        )
        try:
            value, slopes = objective([values[name] for name in self._wrt])
        except MathematicsError:
            return None
        return value, dict(zip(self._wrt, slopes, strict=True))

    def _checked(self) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives, and keep what is to be said about them."""
        checked = CheckedSums(self._formula, self._sums, self._wrt, allow_nonfinite=self._nonfinite)
        found = checked()
        self.notes = list(checked.notes)
        return found
