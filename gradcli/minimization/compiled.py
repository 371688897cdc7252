"""Formulas as Python functions of their parameters, to value and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.minimization.objective import with_gradient
from gradcli.optimize import engines
from gradcli.point import checked, names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.graph.node import Graph, Node
    from gradcli.language.origin import Origin


def compiled(
    graph: Graph,
    result: int,
    parameters: Sequence[str],
    engine: str = "auto",
) -> Callable[..., tuple[Any, ...]]:
    """Return a Python function from the parameters' values to (value, derivative by each).

    It checks nothing: where there is no value it raises ValueError, OverflowError or
    ZeroDivisionError, or returns nan or inf. Raises UsageError for an engine that does not exist or
    is not installed.
    """
    engines.check(engine)
    program = with_gradient(graph, result, parameters, ())
    made = engines.Compiled(program, parameters, engine, same_bits=True)
    if engine == "native":
        made.speed_up()
    return made.run


def compiled_over(
    formula: Node,
    origin: Origin | None,
    parameters: Sequence[str],
    columns: Mapping[str, Any],
    engine: str = "auto",
) -> Callable[..., tuple[Any, ...]]:
    """Return the function from the parameters' values to (value, derivative by each).

    Raises UsageError for an engine that does not exist or is not installed.
    """
    from gradcli.minimization.rows_objective import objective_over

    engines.check(engine)
    names_to_nodes(formula.graph, formula.id, parameters)
    constants = checked(formula, columns, origin, parameters)
    objective, _ = objective_over(formula, origin, parameters, constants, engine)

    def value_and_gradient(*point: Any) -> tuple[Any, ...]:
        value, slopes = objective(point)
        return value, *slopes

    return value_and_gradient
