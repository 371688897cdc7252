"""What is to be minimised: an objective, where it starts, its limits, and the fit that it is."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import FileError, MathematicsError, NameValueError, UsageError, listed
from gradcli.graph.node import Node
from gradcli.graph.shapes import sized
from gradcli.language.bindings import choice
from gradcli.language.names import is_name, names_in, suggestion
from gradcli.language.origin import where
from gradcli.minimize.fit import Column, Fit, Weighting, plain_squares, recognised, weighted
from gradcli.minimize.objective import WEIGHT, Objective, is_for_blocks
from gradcli.options import example, spelled
from gradcli.programs import engines
from gradcli.records import NamedTuple
from gradcli.values import checked, entries, names_to_nodes, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gradcli.calculus.squares import Squares
    from gradcli.data.rows import Rows
    from gradcli.language.origin import Origin
    from gradcli.minimize.settings import Settings
    from gradcli.solvers.robust import Loss
    from gradcli.solvers.vectors import Box

Limits = tuple[float, float]

PLAIN_PARAMETERS = 50
"""The most numbers in the parameters for which a sum of squares without data is fitted by lm."""
CHECKED_NUMBERS = 1_000_000
"""The most numbers of data for which every step of the formula is checked at a start."""


class Request(NamedTuple):
    """What is to be minimised, before it is checked."""

    formula: Node
    origin: Origin | None
    """Where the formula was typed."""
    start: Mapping[str, Any]
    """The parameters, with their values at the start."""
    fixed: Mapping[str, Any]
    """The names that keep their values."""
    data: Any
    """The columns that the formula may use, or rows that are read in blocks where that can be."""
    settings: Settings


class Task(NamedTuple):
    """A problem, checked and ready for a method."""

    expression: str
    objective: Objective
    start: list[Any]
    """The value of each parameter."""
    limits: list[Limits] | None
    """The bounds of each parameter; None when there are none at all."""
    fit: Fit | None
    """The residuals, when the objective is a sum of squares over data."""
    loss: Loss | None
    is_streamed: bool = False
    """Whether the data are read in blocks for every evaluation."""
    warnings: list[str] = []  # noqa: RUF012 - never changed

    @property
    def names(self) -> list[str]:
        """The names of the numbers of the parameters."""
        return entries(dict(zip(self.objective.parameters, self.start, strict=True)))

    def check(self, start: Sequence[Any]) -> list[Any] | None:
        """Return the gradient at a start, where the data are not too many for a closer look.

        Raises MathematicsError, naming the part, where a step of the formula has no value.
        """
        sizes = [getattr(value, "size", 1) for value in self.objective.constants.values()]
        if sum(sizes) > CHECKED_NUMBERS:
            return None
        try:
            return self.objective.checked(start)[1]
        except MathematicsError as error:
            error.message = f"the objective is undefined at the start: {error.message}"
            error.hint = error.hint or self._way_out(error)
            raise

    def _way_out(self, error: MathematicsError) -> str | None:
        """Return what helps where a start of a model over data has no value."""
        if self.fit is None or self.fit.is_plain:
            return None
        low, high = error.span or (0, None)
        at_fault = names_in((error.source or "")[low:high])
        if at_fault and not at_fault & set(self.objective.parameters):
            return "no start changes that; leave the row out, or write another formula"
        if self.fit.is_linear:
            return "start elsewhere"
        return "start elsewhere, or give no start at all and one is looked for"

    def kinks(self) -> list[int]:
        """Return the nodes with a kink, of an objective of numbers alone."""
        from gradcli.calculus.kinks import kinks

        objective = self.objective
        if objective.graph.has_arrays:
            return []
        return kinks(objective.graph, objective.result, objective.nodes.values())

    def without_slope(self, slopes: Sequence[Any] | None) -> dict[str, int]:
        """Return the parameters with respect to which the derivative is 0 everywhere.

        `slopes` is the gradient at a start, where it is known.
        """
        nodes = self.objective.nodes
        if slopes is not None:
            # Only what is 0 there can be 0 everywhere.
            pairs = zip(nodes.items(), slopes, strict=True)
            nodes = {name: node for (name, node), slope in pairs if not any(numbers_of(slope))}
        if not nodes:
            return {}
        from gradcli.calculus.kinks import without_slope

        flat = without_slope(self.objective.graph, self.objective.result, nodes.values())
        return {name: node for name, node in nodes.items() if node in flat}

    def why_flat(self, names: Mapping[str, int]) -> str:
        """Return why the derivative with respect to these parameters is 0 everywhere."""
        from gradcli.calculus.kinks import explained

        why = explained(self.objective.graph, self.objective.result, list(names.values()))
        return f"the derivative with respect to {listed(list(names))} is 0 everywhere: {why}"

    def engine_warnings(self, settings: Settings, *, has_steps: bool = True) -> list[str]:
        """Return a warning about what runs in Python though another engine was asked for.

        There is one at most. `has_steps` says whether the schedule is one of steps, not of epochs.
        """
        if not engines.repays(settings.engine, 0.0):
            return []
        option = example("engine", settings.engine)
        obstacle = self.objective.obstacle()
        if obstacle is not None:
            return [f"{option}: {obstacle}, so it is computed in Python"]
        plan = settings.plan if has_steps else None
        if plan is not None and not plan.is_fixed:
            name, *_ = choice(spelled("schedule"), settings.schedule or "")
            why = f"the schedule {name} looks at each value"
            return [f"{option}: {why}, so the steps are taken in Python"]
        return []

    def box(self, start: Sequence[Any] = (), frozen: Collection[str] = ()) -> Box:
        """Return the bounds of every number of the parameters; those `frozen` keep their start."""
        import numpy as np

        from gradcli.solvers.vectors import Box

        layout = self.objective.layout
        box = Box.unbounded(layout.count)
        if self.limits is not None:
            lower, upper = np.array(self.limits, dtype=np.float64).T
            box = Box(layout.repeated(lower.tolist()), layout.repeated(upper.tolist()))
        if frozen:
            mask = layout.repeated([float(name in frozen) for name in self.objective.parameters])
            point = layout.vector(start)
            box = Box(*(np.where(mask, point, limit) for limit in box))
        return box


def task(request: Request) -> Task:
    """Return the task of minimising a formula, which has the shapes of its values already.

    Where it has the length ROWS it may be worked out for some rows of the data at a time. Raises
    NameValueError and UsageError for what does not fit together.
    """
    formula, origin, start, fixed, data, settings = request
    engines.check(settings.engine)
    files = None if isinstance(data, Mapping) else data
    columns: Mapping[str, Any] = data if isinstance(data, Mapping) else data.entries
    values = _values(formula, origin, start, fixed, columns, settings.columns)
    weighting = weighting_of(settings, columns)
    if files is not None and not (formula.graph.columns and weighting.is_of_rows):
        found = task(request._replace(data=files.hold().held))
        why = "the formula is no sum or mean over rows, so all rows are held in memory"
        return found._replace(warnings=[why])
    point, constants = _split(values, start)
    nodes = formula.graph.variables([formula.id])
    parameters = {name: nodes[name] for name in point if name in nodes}
    used = [name for name in formula.graph.columns if name in constants]
    count = files.count if files is not None else len(constants[used[0]]) if used else 0
    squares = recognised(formula, origin, parameters, {**constants, **columns}, count)
    loss = _loss(settings.loss)
    if origin is None:
        from gradcli.graph import printing

        expression = printing.formula(formula.graph, formula.id)
    else:
        expression = origin.source
    if loss is not None or weighting.is_given:
        squares = _of_model(origin, squares)
        shape = sized(formula.graph.shape(squares.residual), count)
        weighting.check()
        if weighting.column is None and (factors := weighting.factors(prod(shape))) is not None:
            constants[WEIGHT] = factors.reshape(shape)
        residual = Node(formula.graph, squares.residual)
        squares = squares._replace(weight=weighting.node(residual, prod(shape)))
        formula = weighted(formula, squares, loss)
    objective, over = objective_over(
        formula, origin, list(point), constants, settings.engine, files, settings.location
    )
    is_plain = squares is None and files is None and settings.may_be_lm
    if is_plain and (settings.method or not (columns or objective.size > PLAIN_PARAMETERS)):
        squares = plain_squares(formula, parameters, count)
        if squares is not None:  # its residuals are none of rows
            objective, over = objective.whole(), None
    fit = None
    if squares is not None:
        fit = Fit(objective, squares, weighting, loss, over, is_plain=is_plain)
        fit = fit if fit.has_positive_weights else None
    limits = _limits(settings.bounds or {}, point)
    return Task(
        expression,
        objective,
        list(point.values()),
        limits,
        fit,
        loss,
        is_streamed=files is not None,
    )


def objective_over(
    formula: Node,
    origin: Origin | None,
    parameters: Sequence[str],
    constants: Mapping[str, Any],
    engine: str = engines.AUTO,
    files: Rows | None = None,
    location: Callable[[int], str] | None = None,
) -> tuple[Objective, Rows | None]:
    """Return the objective, computed by blocks of rows if they are many and it can be.

    The rows are returned beside it then. Those of `files` are not among the `constants`.
    """
    graph = formula.graph
    columns = {name: constants[name] for name in graph.columns if name in constants}
    count = len(next(iter(columns.values()), ()))
    rows: Rows | None = files
    if columns and is_for_blocks(count, engine, is_plain=True):
        from gradcli.data.rows import HeldRows
        from gradcli.rows.reductions import split
        from gradcli.rows.sums import is_plain

        parts = split(formula)
        if parts is not None and is_for_blocks(count, engine, is_plain=is_plain(graph, parts)):
            rows = HeldRows(columns)
            constants = {name: value for name, value in constants.items() if name not in columns}
    if rows is None:
        whole = Objective(
            graph, formula.id, parameters, origin, constants, engine=engine, location=location
        )
        return whole, None
    from gradcli.minimize.rows_objective import RowsObjective

    return RowsObjective(formula, parameters, origin, constants, rows, engine, location), rows


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
    engines.check(engine)
    names_to_nodes(formula.graph, formula.id, parameters)
    constants = checked(formula, columns, origin, parameters)
    objective, _ = objective_over(formula, origin, parameters, constants, engine)

    def value_and_gradient(*point: Any) -> tuple[Any, ...]:
        value, slopes = objective(point)
        return value, *slopes

    return value_and_gradient


def unstarted(
    formula: Node, origin: Origin | None, fixed: Collection[str], columns: Collection[str]
) -> dict[str, float]:
    """Return a start of 1 for each parameter of a model over data that was given none at all.

    Parameters are the names that are neither columns nor fixed. None is returned where one is
    nearly that of a column which the model lacks: it is more likely misspelt.
    """
    names = formula.graph.variables([formula.id])
    found = dict.fromkeys([n for n in names if n not in fixed and n not in columns], 1.0)
    is_model = origin is not None and origin.is_model and bool(columns)
    unused = [column for column in columns if column not in names]
    if not is_model or any(suggestion(name, unused) for name in found):
        return {}
    return found


def _split(
    values: Mapping[str, Any], start: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values that move, in the order of their starts, and those that stay."""
    point = {name: values[name] for name in start if name in values}
    if not any(getattr(value, "size", 1) for value in point.values()):
        message = "there is nothing to minimise: no name has a start"
        raise NameValueError(message, hint="give one, for example x=1")
    return point, {name: value for name, value in values.items() if name not in start}


def weighting_of(settings: Settings, data: Mapping[str, Any]) -> Weighting:
    """Return how much each row counts. Raises NameValueError for a column that does not exist."""
    return Weighting(
        _column("weights", settings.weights, data, settings.columns),
        _column("sigma", settings.sigma, data, settings.columns),
        settings.absolute_sigma,
    )


def _column(field: str, value: Any, data: Mapping[str, Any], columns: Collection[str]) -> Any:
    """Return the column of a name, and anything else as it is."""
    if not isinstance(value, str):
        return value
    if value in data:
        found = data[value]
        return Column(value, found) if isinstance(found, tuple) else found
    known = list(columns or data)
    close = suggestion(value, known)
    hint = f"did you mean '{close}'?" if close else f"its columns are {listed(known)}"
    message = f"{example(field, listed([value]))}: the data have no such column"
    raise NameValueError(message, hint=hint if data else f"give {spelled('data')} too")


def _loss(typed: str | None) -> Loss | None:
    if typed is None:
        return None
    from gradcli.solvers.robust import loss

    name, positional, keywords = choice(spelled("loss"), typed)
    return loss(name, positional, keywords)


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
    columns: Collection[str],
) -> dict[str, Any]:
    """Return the value of every free name but columns in files, of which only shapes are known.

    Raises NameValueError for names that do not fit.
    """
    for name in fixed:
        if name in start:
            message = f"{name} has a start and is fixed as well"
            raise NameValueError(message, hint=f"leave out one of {name}=… and {spelled('fix')}")
    for name in (*start, *fixed):
        if name in data:
            message = f"{name} is a column of the data and a parameter as well"
            raise NameValueError(message, hint=f"use another name, or leave out {name}=…")
    nodes = formula.graph.variables([formula.id])
    missing = [
        name for name in nodes if name not in start and name not in fixed and name not in data
    ]
    if missing and data:
        from gradcli.language.notations import correction

        named = [name for name in columns or data if name]
        known = named if named == list(columns or data) else [*named, "one without a name"]
        unused = [name for name in known if name not in nodes]
        misspelt = [name for name in missing if suggestion(name, unused)]
        missing = misspelt or missing
        close = suggestion(missing[0], known)
        hint = f"did you mean '{close}'?" if close else f"its columns are {listed(known)}"
        message = f"{listed(missing[:1])} has no start and is no column of the data"
        # A header that no formula can name is a fault of the file, not of the words.
        error = NameValueError if all(map(is_name, known)) else FileError
        raise error(
            message,
            hint=correction(missing[0]) or f"{hint}; a parameter has a start, {missing[0]}=1",
            **where(origin, nodes[missing[0]]),
        )
    in_files = [name for name, value in data.items() if isinstance(value, tuple)]
    used = {name: value for name, value in data.items() if name in nodes and name not in in_files}
    return checked(formula, {**start, **fixed, **used}, origin, in_files)


def _limits(bounds: Mapping[str, Limits], point: Mapping[str, Any]) -> list[Limits] | None:
    """Return the bounds of each parameter. Raises NameValueError for a start outside of them."""
    for name, (low, high) in bounds.items():
        if name not in point:
            close = suggestion(name, point)
            message = f"{listed([name])} has bounds and is no parameter"
            hint = f"did you mean '{close}'?" if close else f"the parameters are {listed(point)}"
            raise NameValueError(message, hint=hint)
        if not low < high:
            message = f"the lower bound of {name}, {low:g}, is not below the upper one, {high:g}"
            raise NameValueError(
                message, hint=f"to keep a value use {spelled('fix')} {name}={low:g}"
            )
        value = point[name]
        least, most = (value, value) if isinstance(value, float) else (value.min(), value.max())
        if not low <= least <= most <= high:
            outside = least if least < low else most
            message = f"the start of {name}, {outside:g}, is outside its bounds {low:g}:{high:g}"
            raise NameValueError(message, hint=f"start {name} between its bounds")
    return [bounds.get(name, (float("-inf"), float("inf"))) for name in point] if bounds else None
