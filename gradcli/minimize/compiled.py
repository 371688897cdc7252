"""Formulas as Python functions of their parameters: to value and gradient, or to the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradcli.minimize.objective import with_gradient
from gradcli.point import Point
from gradcli.programs import engines
from gradcli.values import checked, names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.data.pieces import PieceRows
    from gradcli.data.rows import FileRows
    from gradcli.graph.node import Graph, Node
    from gradcli.language.origin import Origin


def compiled(
    graph: Graph,
    result: int,
    parameters: Sequence[str],
    engine: str = "auto",
) -> Callable[..., tuple[Any, ...]]:
    """Return a Python function from the parameters' values to the value and the gradient.

    It checks nothing: where there is no value it raises ValueError, OverflowError or
    ZeroDivisionError, or returns nan or inf. Raises UsageError for an engine that does not exist or
    is not installed.
    """
    engines.check(engine)
    program = with_gradient(graph, result, parameters, ())
    made = engines.Compiled(program, parameters, engine, same_bits=True)
    if engines.repays(engine, 0.0):
        made.speed_up()
    return made.run


def compiled_over(
    formula: Node,
    origin: Origin | None,
    parameters: Sequence[str],
    columns: Mapping[str, Any],
    engine: str = "auto",
) -> Callable[..., tuple[Any, ...]]:
    """Return the function from the parameters' values to the value and the gradient.

    Raises UsageError for an engine that does not exist or is not installed.
    """
    from gradcli.minimize.rows_objective import objective_over

    engines.check(engine)
    names_to_nodes(formula.graph, formula.id, parameters)
    constants = checked(formula, columns, origin, parameters)
    objective, _ = objective_over(formula, origin, parameters, constants, engine)

    def value_and_gradient(*point: Any) -> tuple[Any, ...]:
        value, slopes = objective(point)
        return value, *slopes

    return value_and_gradient


def measure(
    formula: Node,
    origin: Origin | None,
    fixed: Mapping[str, Any],
    parameters: Mapping[str, Any],
    data: Mapping[str, Any] | FileRows | PieceRows,
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
            from gradcli.minimize.rows_objective import RowsObjective

            moving = [name for name in parameters if name in names]
            others = {name: fixed[name] for name in fixed if name in names}
            objective = RowsObjective(formula, moving, origin, others, data)
            return lambda values: objective([values[name] for name in moving])[0]
        data = data.hold().held
    columns = {name: value for name, value in data.items() if name in names}
    checked(formula, {**known, **columns}, origin)

    def value(values: Mapping[str, Any]) -> float:
        now = {name: values.get(name, given) for name, given in known.items()}
        found: float = Point(formula.graph, formula.id, {**now, **columns}, origin).value
        return found

    return value
