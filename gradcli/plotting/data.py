"""A formula over the rows of data as a chart: a point for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import UsageError
from gradcli.plotting.chart import Chart, Panel, Points
from gradcli.plotting.units import drawable
from gradcli.tables.rows import RowTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.plotting.chart import Vector
    from gradcli.tables.formula import RowFormula

ROWS = 20_000
"""Of more than twice as many rows each second one is drawn, or each fourth, and so on."""


def chart(formula: RowFormula, wrt: Sequence[str] = (), *, allow_nonfinite: bool = False) -> Chart:
    """Return the plot of value and derivatives in each row, against the only column or its number.

    Raises UsageError for a formula that has no number in each row.
    """
    if not formula.per_row:
        message = "--plot needs a value in each row of the data, and the formula has one for all"
        raise UsageError(message, hint="leave out the sum or mean")
    if formula.entry:
        message = f"--plot needs a number in each row, and the formula has shape {formula.entry}"
        raise UsageError(message, hint="take its sum, mean or norm with axis=1, or one entry")
    names = list(formula.columns)
    single = len(names) == 1 and not formula.columns[names[0]]
    kept: list[list[Vector]] = []
    stride, first = 1, 0
    for block in RowTable(formula, wrt, allow_nonfinite=allow_nonfinite).blocks():
        count = len(block.value)
        x = block.inputs[0] if single else np.arange(first + 1.0, first + count + 1)
        chosen = slice(-first % stride, None, stride)
        kept.append([np.array(column[chosen]) for column in (x, block.value, *block.slopes)])
        first += count
        while sum(len(part[0]) for part in kept) > 2 * ROWS:
            kept = [[np.concatenate(column)[::2] for column in zip(*kept, strict=True)]]
            stride *= 2
    x, *columns = [np.concatenate(column) for column in zip(*kept, strict=True)]
    labels = ["value", *[f"∂f/∂{name}" for name in wrt]]
    panels = [
        Panel(names[0] if single else "row of the data", label, [Points(x, y)], counted=not single)
        for label, y in zip(labels, columns, strict=True)
    ]
    notes = [f"the plot shows one of each {stride} rows of the data"] if stride > 1 else []
    origin = formula.formula.origin
    title = origin.source if origin else str(formula.formula)
    return drawable(Chart(title, panels, stacked=True, notes=notes))
