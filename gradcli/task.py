"""What is to be minimised: an objective, where it starts, its limits, and the fit that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import FileError, NameValueError, UsageError, printable
from gradcli.fit import WEIGHT, Fit, Weighting, recognised, scalar_squares, weighted
from gradcli.graph import text
from gradcli.language.choices import choice
from gradcli.language.names import suggestion
from gradcli.objective import Objective
from gradcli.point import checked, few

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.calculus.squares import Squares
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin
    from gradcli.optimize.bounds import Box
    from gradcli.optimize.losses import Loss
    from gradcli.optimize.solver import Vector

Limits = tuple[float, float]


class Settings(NamedTuple):
    """How to minimise; the fields are the options of the command."""

    method: str | None = None
    rate: float | None = None
    schedule: str | None = None
    steps: int | None = None
    tolerance: float | None = None
    seconds: float | None = None
    starts: int = 1
    seed: int = 0
    bounds: Mapping[str, Limits] | None = None
    weights: Any = None
    sigma: Any = None
    absolute_sigma: bool = False
    loss: str | None = None
    confidence: float = 0.95


class Task(NamedTuple):
    """A problem, checked and ready to be handed to a method."""

    expression: str
    objective: Objective
    start: list[Any]
    """The value of each parameter."""
    limits: list[Limits] | None
    """The bounds of each parameter; None when there are none at all."""
    fit: Fit | None
    """The residuals, when the objective is a sum of squares over data."""
    loss: Loss | None

    def box(self) -> Box:
        """Return the bounds of every number of the parameters."""
        import numpy as np

        from gradcli.objective import Layout
        from gradcli.optimize.bounds import Box

        layout = Layout(self.objective.shapes)
        if self.limits is None:
            return Box.unbounded(layout.count)
        lower, upper = np.array(self.limits, dtype=np.float64).T
        return Box(layout.repeated(lower.tolist()), layout.repeated(upper.tolist()))


def task(
    formula: Node,
    origin: Origin | None,
    start: Mapping[str, Any],
    fixed: Mapping[str, Any],
    data: Mapping[str, Any],
    settings: Settings,
) -> Task:
    """Return the task of minimising a formula, which has the shapes of what is given already.

    `start` are the parameters, `fixed` the names that keep their values and `data` the columns that
    the formula may use; `origin` is where it was typed. Raises NameValueError and UsageError for
    what does not fit together.
    """
    values = _values(formula, origin, start, fixed, data)
    point = {name: values[name] for name in start if name in values}
    constants = {name: value for name, value in values.items() if name not in start}
    if not any(getattr(value, "size", 1) for value in point.values()):
        message = "there is nothing to minimise: no name has a start"
        raise NameValueError(message, hint="give one, for example x=1")
    expression = origin.source if origin else text.formula(formula.graph, formula.id)
    nodes = formula.graph.variables([formula.id])
    moving = {name: nodes[name] for name in point}
    squares = recognised(formula, moving, constants)
    loss = _loss(settings.loss)
    weighting = Weighting(
        _column("--weights", settings.weights, data),
        _column("--sigma", settings.sigma, data),
        settings.absolute_sigma,
    )
    factors: Vector | None = None
    if loss is not None or weighting.is_given:
        squares = _of_model(origin, squares)
        factors = weighting.factors(_count(formula, squares))
        if factors is not None:
            shape = formula.graph.shape(squares.residual)
            constants[WEIGHT] = factors.reshape(shape)
        formula = weighted(formula, squares, loss, has_weights=factors is not None)
    objective = Objective(formula.graph, formula.id, list(point), origin, constants)
    if squares is None and (settings.method or "").strip() == "lm":
        squares = scalar_squares(formula, moving)
    fit = None
    if squares is not None:
        fit = Fit(objective, squares, weighting, loss, factors)
        fit = fit if fit.has_positive_weights else None
    limits = _limits(settings.bounds or {}, point)
    return Task(expression, objective, list(point.values()), limits, fit, loss)


def _column(option: str, given: Any, data: Mapping[str, Any]) -> Any:
    """Return the column of a name, and anything else as it is."""
    if not isinstance(given, str) or given in data:
        return data[given] if isinstance(given, str) else given
    close = suggestion(given, data)
    hint = f"did you mean '{close}'?" if close else f"its columns are {few(list(data))}"
    message = f"{option} {printable(given, 60)}: the data have no such column"
    raise NameValueError(message, hint=hint if data else "for example --data points.csv")


def _count(formula: Node, squares: Squares) -> int:
    from math import prod

    return prod(formula.graph.shape(squares.residual))


def _loss(typed: str | None) -> Loss | None:
    if typed is None:
        return None
    from gradcli.optimize.losses import loss

    name, positional, given = choice("--loss", typed)
    return loss(name, positional, given)


def _of_model(origin: Origin | None, squares: Squares | None) -> Squares:
    """Return the squares of a model. Raises UsageError for a formula, which says how rows count."""
    if squares is None or origin is None or not origin.is_model:
        message = "weights, sigma and a loss belong to a model y ~ … with data"
        raise UsageError(
            message, hint="write the model as y ~ a*x + b, or the weights into the sum"
        )
    return squares


def _values(
    formula: Node,
    origin: Origin | None,
    start: Mapping[str, Any],
    fixed: Mapping[str, Any],
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the value of every free name. Raises NameValueError for names that do not fit."""
    for name in fixed:
        if name in start:
            message = f"{name} has a start and is fixed as well"
            raise NameValueError(message, hint=f"leave out {name}=… or --fix {name}=…")
    for name in (*start, *fixed):
        if name in data:
            message = f"{name} is a column of the data and a parameter as well"
            raise NameValueError(message, hint=f"use another name, or leave out {name}=…")
    nodes = formula.graph.variables([formula.id])
    missing = [
        name for name in nodes if name not in start and name not in fixed and name not in data
    ]
    if missing and data:
        close = suggestion(missing[0], data)
        hint = f"did you mean '{close}'?" if close else f"its columns are {few(list(data))}"
        message = f"{printable(missing[0], 60)} has no start and is no column of the data"
        raise FileError(
            message,
            hint=hint + f"; a parameter has a start, {missing[0]}=1",
            source=origin.source if origin else None,
            span=origin.spans().get(nodes[missing[0]]) if origin else None,
        )
    used = {name: value for name, value in data.items() if name in nodes}
    return checked(formula, {**start, **fixed, **used}, origin)


def _limits(bounds: Mapping[str, Limits], point: Mapping[str, Any]) -> list[Limits] | None:
    """Return the bounds of each parameter. Raises NameValueError for a start outside of them."""
    for name, (low, high) in bounds.items():
        if name not in point:
            close = suggestion(name, point)
            message = f"{printable(name, 60)} has bounds and is no parameter"
            hint = f"did you mean '{close}'?" if close else f"the parameters are {few(list(point))}"
            raise NameValueError(message, hint=hint)
        if not low < high:
            message = f"the lower bound of {name}, {low:g}, is not below the upper one, {high:g}"
            raise NameValueError(message, hint=f"to keep a value use --fix {name}={low:g}")
        value = point[name]
        least, most = (value, value) if isinstance(value, float) else (value.min(), value.max())
        if not low <= least <= most <= high:
            outside = least if least < low else most
            message = f"the start of {name}, {outside:g}, is outside its bounds {low:g}:{high:g}"
            raise NameValueError(message, hint=f"start {name} between its bounds")
    return [bounds.get(name, (float("-inf"), float("inf"))) for name in point] if bounds else None
