"""Which objective works a formula out: all at once, or by blocks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.minimization.objective import Objective

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.data.rows import Rows
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin

SUMMED_ROWS = 1 << 10
"""From so many rows on it repays to take sums over rows of numbers apart."""


def objective_over(
    formula: Node,
    origin: Origin | None,
    parameters: Sequence[str],
    constants: Mapping[str, Any],
    columns: Collection[str],
    engine: str = "auto",
) -> tuple[Objective, Rows | None]:
    """Return the objective, computed by blocks of rows if they are many and it can be.

    `columns` are those of the names that stay which are data. The rows are returned beside it then.
    """
    held = {name: constants[name] for name in columns if getattr(constants[name], "ndim", 0)}
    lengths = {len(array) for array in held.values()}
    least = 1 if engine == "native" else SUMMED_ROWS
    if len(lengths) == 1 and min(lengths) >= least:
        from gradcli.data.rows import HeldRows
        from gradcli.minimization.reductions import split
        from gradcli.minimization.rows_objective import MANY_ROWS, RowsObjective
        from gradcli.minimization.sums import is_plain

        nodes = formula.graph.variables([formula.id])
        data = {name: nodes[name] for name in held}
        parts = split(formula, list(data.values()))
        if parts is not None and (
            min(lengths) >= MANY_ROWS or is_plain(formula.graph, parts, data)
        ):
            others = {name: value for name, value in constants.items() if name not in held}
            rows = HeldRows(held)
            return RowsObjective(formula, parameters, origin, others, rows, parts, engine), rows
    whole = Objective(formula.graph, formula.id, parameters, origin, constants, engine=engine)
    return whole, None
