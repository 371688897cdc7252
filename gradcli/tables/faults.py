"""Which row of the data is at fault where a formula over rows has no value, for messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, ShapeError
from gradcli.point import shape_of
from gradcli.runtime import interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.formula import Formula
    from gradcli.tables.formula import RowFormula

AT_ROW = re.compile(r" at \[[0-9]+(?:, )?([^]]*)\]\Z")
"""The place of a number in an array of rows; the row is said in other words."""


def fault(formula: RowFormula, block: Mapping[str, Any], first: int = 0) -> MathematicsError:
    """Return the error for a block in which a formula has no value, naming its row.

    `first` is the number of rows before the block.
    """
    row = _row_at_fault(formula, block, formula.formula.id)
    if row is not None and formula.held is None:
        error = fault_of_row(formula, block, row)
        if error is not None:
            return placed(formula, error, first + row)
        block = {name: column[row : row + 1] for name, column in block.items()}
    try:
        _read_for(formula, block).at_values({**formula.values, **block})
    except MathematicsError as error:
        return error if row is None else placed(formula, error, first + row)
    return MathematicsError("the formula has no finite value")


def place(formula: RowFormula, error: MathematicsError) -> None:
    """Name the row in the error of a formula over all rows, when a row is at fault."""
    if formula.held is not None:
        row = _row_at_fault(formula, formula.data, formula.formula.id, one_step=True)
        if row is not None:
            placed(formula, error, row)


def fault_of_part(
    formula: RowFormula, error: MathematicsError, part: int, block: Mapping[str, Any], first: int
) -> MathematicsError:
    """Return the error of a part of a formula, a node over a block, naming the row at fault.

    It shows the numbers of that row, where the formula read for it fails at the same place. An
    error that is no row's fault stays as it is.
    """
    row = _row_at_fault(formula, block, part, one_step=True)
    if row is None:
        return error
    single = fault_of_row(formula, block, row)
    same = (_without_row(error.message), error.span)
    if single is not None and (single.message, single.span) == same:
        error = single
    return placed(formula, error, first + row)


def fault_of_row(
    formula: RowFormula, block: Mapping[str, Any], row: int, wrt: Sequence[str] = ()
) -> MathematicsError | None:
    """Return the error of one row alone, in which the entries of columns are what they are.

    None when the formula cannot be read for one row, or has a value there.
    """
    entries = {n: x[row] if x.ndim > 1 else float(x[row]) for n, x in block.items()}
    try:
        single = _read_for(formula, entries)
        here = single.at_values({**formula.values, **entries})
        if wrt and not single.shape:
            here.gradient(wrt)
    except MathematicsError as error:
        return error
    except ShapeError:
        return None
    return None


def placed(formula: RowFormula, error: MathematicsError, row: int) -> MathematicsError:
    """Return the error with the row, counted from 0, in its message."""
    error.message = f"{_without_row(error.message)} in row {row + 1}"
    error.message += formula.source.place(row)
    return error


def _without_row(message: str) -> str:
    return AT_ROW.sub(r" at [\1]", message).removesuffix(" at []")


def _read_for(formula: RowFormula, block: Mapping[str, Any]) -> Formula:
    """Return the formula read for the columns of a block."""
    shapes = {n: shape_of(value, n) for n, value in {**formula.values, **block}.items()}
    return formula.formula.with_shapes(shapes)


def _row_at_fault(
    formula: RowFormula, block: Mapping[str, Any], root: int, *, one_step: bool = False
) -> int | None:
    """Return the first row in which a step that a node reads has no value; None if there is none.

    A step that does not depend on the data is no row's fault. With `one_step` only the first step
    without a value counts.
    """
    import numpy as np

    graph = formula.formula.graph
    nodes = graph.reachable([root])
    found = interpreter.run(graph, nodes, {**formula.values, **block})
    read = interpreter.masks(graph, [root], found.numbers)
    active = graph.depending_on(formula.column_nodes().values(), nodes)
    first = interpreter.first_fault(graph, [root], found)
    if first not in active:  # what follows from it is no row's fault either
        return None
    steps = {first} if one_step else found.faults
    count = len(next(iter(block.values())))
    bad = np.zeros(count, dtype=bool)
    for node in steps & active:
        wrong = ~np.isfinite(found.numbers[node]) & read.get(node, False)
        if wrong.shape[:1] == (count,):
            bad |= wrong.reshape(count, -1).any(axis=1)
    places = np.flatnonzero(bad)
    return int(places[0]) if len(places) else None
