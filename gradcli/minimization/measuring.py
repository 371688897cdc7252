"""A formula over rows as a function of the values of its parameters, such as an error rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradcli.minimization.rows_objective import RowsObjective
from gradcli.point import Point, checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.data.rows import FileRows
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin


def measure(
    formula: Node,
    origin: Origin | None,
    fixed: Mapping[str, Any],
    parameters: Mapping[str, Any],
    data: Mapping[str, Any] | FileRows,
) -> Callable[[Mapping[str, Any]], float]:
    """Return the function from the parameters to the value of the formula on these rows.

    Rows in files are read for every call if the formula has the length ROWS, and else held in
    memory. Raises NameValueError for names without a value.
    """
    names = formula.graph.variables([formula.id])
    known = {name: value for name, value in {**fixed, **parameters}.items() if name in names}
    if not isinstance(data, Mapping):
        checked(formula, known, origin, data.entries)
        if formula.graph.columns:
            moving = [name for name in parameters if name in names]
            others = {name: fixed[name] for name in fixed if name in names}
            objective = RowsObjective(formula, moving, origin, others, data)
            return lambda values: objective.value([values[name] for name in moving])
        data = data.hold().held
    columns = {name: value for name, value in data.items() if name in names}
    checked(formula, {**known, **columns}, origin)

    def value(values: Mapping[str, Any]) -> float:
        now = {name: values.get(name, given) for name, given in known.items()}
        found: float = Point(formula.graph, formula.id, {**now, **columns}, origin).value
        return found

    return value
