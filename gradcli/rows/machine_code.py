"""Formulas of the numbers of each row as machine code that fills arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli import engines
from gradcli.graph.node import Graph
from gradcli.rows.hoisting import one_row
from gradcli.runtime.generated import function
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.data.columns import Array, Block


class MachineCode:
    """A first formula and others, in every row."""

    def __init__(
        self,
        before: Callable[..., Sequence[float]],
        fill: Callable[..., bool],
        columns: Sequence[str],
        count: int,
    ) -> None:
        self._before = before
        self._fill = fill
        self._columns = columns
        self._count = count

    def __call__(
        self, values: Sequence[Any], block: Block, length: int
    ) -> tuple[Array, Array] | None:
        """Return the first formula in each of `length` rows, and the others as columns.

        `values` are those of the names that have the same in every row. None where a step may have
        no value.
        """
        try:
            shared = self._before(*values)
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
        columns = [np.ascontiguousarray(block[name], np.float64) for name in self._columns]
        first, others = np.empty(length), np.empty((length, self._count - 1), order="F")
        fault = self._fill(length, *shared, *columns, first, *others.T)
        return None if fault else (first, others)


def machine_code(
    graph: Graph, formulas: Sequence[int], names: Sequence[str], choice: str
) -> MachineCode | None:
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
    before = program(own, [own.adopt(graph, node) for node in row.shared.values()])
    columns = [name for name in whole.variables if name in graph.columns]
    fill = found.filling(whole, columns, list(row.shared))
    return MachineCode(function(before, names), fill, columns, len(formulas))
