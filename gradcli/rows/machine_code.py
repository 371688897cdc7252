"""Formulas of the numbers of each row as machine code that fills arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.node import Graph
from gradcli.programs import engines
from gradcli.programs.generated import function
from gradcli.programs.program import program
from gradcli.rows.hoisting import one_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.data.columns import Array, Block

    InRows = Callable[[Sequence[Any], Block, int], tuple[Array, Array] | None]
    """From the values that are the same in every row, and some rows of data and their number, to a
    first formula in each row, and to others as columns; None where a step may have no value."""


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
