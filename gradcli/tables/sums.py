"""A formula of sums and means over the rows of data files, and its derivatives, block by block.

One fast pass gives value and derivatives. Where it finds none, and where notes depend on the values
of every step, another pass checks each step of each block.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from gradcli.data.rows import PieceRows
from gradcli.graph.shapes import sized
from gradcli.minimize.rows_objective import RowsObjective
from gradcli.programs.explain import MOST_TESTED
from gradcli.values import check_single

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gradcli.findings import Note
    from gradcli.tables.formula import RowFormula


class Sums:
    """What a Point says of a formula over all rows, its value and the gradient.

    Raises MathematicsError where it has no value, naming the row if one is at fault, ShapeError for
    derivatives of an array, and FileError.
    """

    def __init__(
        self, formula: RowFormula, wrt: Sequence[str] = (), *, allow_nonfinite: bool = False
    ) -> None:
        node, rows, values = formula.formula, formula.sums, formula.values
        assert rows is not None  # noqa: S101 - the caller has seen that
        if wrt:
            check_single(node.graph, node.id, node.origin)
        self.value: Any
        self.gradient: dict[str, Any]
        """The derivative with respect to each of the names."""
        self.notes: list[Note] = []
        """Notes about the derivatives: kinks and jumps."""
        self.digits: dict[str, int] = {}
        self.lost: list[Note] = []
        self.remarks: list[Note] = []
        """Of sums over blocks no digits are counted."""
        constants = {name: value for name, value in values.items() if name not in wrt}
        point = [values[name] for name in wrt]
        location = formula.source.location
        if isinstance(rows, PieceRows):
            from gradcli.minimize.minimize import Recipe

            rows = rows.bound(Recipe(formula.text, dict(zip(wrt, point, strict=True)), constants))
        objective = RowsObjective(node, wrt, node.origin, constants, rows, "python", location)
        if not _is_to_be_looked_at(formula, wrt):
            found = objective.fast(point)
            if found is not None:
                self.value, self.gradient = found[0], dict(zip(wrt, found[1], strict=True))
                return
        checked = objective.closely(point, allow_nonfinite=allow_nonfinite)
        self.value, self.gradient, self.notes = checked.value, checked.gradient, checked.notes


def _is_to_be_looked_at(formula: RowFormula, wrt: Sequence[str]) -> bool:
    """Return whether the values of all steps are needed: for an array, or to find kinks.

    As anywhere, numbers of each row are not searched for kinks when there are very many.
    """
    graph, root, rows = formula.formula.graph, formula.formula.id, formula.sums
    if graph.shape(root):
        return True
    count = formula.source.rows or (rows.least if rows else 0)
    nodes = graph.variables([root])
    for node in graph.depending_on([nodes[n] for n in wrt], graph.reachable([root])):
        operation = graph.rows[node][0]
        is_small = prod(sized(graph.shape(node), count)) <= MOST_TESTED
        if (operation.kink or operation.jump) and (operation.structural or is_small):
            return True
    return False
