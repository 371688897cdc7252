"""From a formula, its starts and its data to a minimum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError
from gradcli.minimize.diagnostics import Run, certainty, end_of, reported, rss_of, value_of
from gradcli.minimize.methods import LM_PARAMETERS
from gradcli.minimize.minimum import Minimum
from gradcli.minimize.runs import Runs
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request, task
from gradcli.options import spelled
from gradcli.records import NamedTuple
from gradcli.solvers import stopping
from gradcli.solvers.observer import Each, Observers
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gradcli.data.rows import Rows
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin
    from gradcli.minimize.minimum import Iterate
    from gradcli.minimize.predictions import Predictions
    from gradcli.minimize.task import Task
    from gradcli.solvers.observer import Observer


def minimize(
    formula: Node,
    start: Mapping[str, Any],
    *,
    origin: Origin | None = None,
    fixed: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | Rows | None = None,
    settings: Settings | None = None,
    observers: Iterable[Observer] | None = None,
    resumed: Mapping[str, Any] | None = None,
    predicts: bool = False,
    influences: bool = False,
) -> Minimum:
    """Return the minimum or maximum reached from `start`; `Formula.minimize` says more.

    The `observers` watch it; without any its steps are kept in the history. A run that is `resumed`
    from a state that one of them kept goes on as if it had never stopped. Where it `predicts`, a
    formula that is no fit raises UsageError at once; its table has the influence of each row
    where `influences`.
    """
    settings = settings or Settings()
    history: list[Iterate] = []
    seen = [Each(history.append)] if observers is None else observers
    watched = Observers(seen, is_maximum=settings.maximize)
    if settings.maximize:
        if origin is not None and origin.is_model:
            own = spelled("maximize")
            message = f"a model y ~ … is fitted by a minimum, and {own} asks for a maximum"
            raise UsageError(message, hint=f"leave out {own}")
        formula = -formula
    request = Request(formula, origin, start, fixed or {}, data or {}, settings)
    if settings.subject_to:
        from gradcli.minimize import constrained

        others = {"checkpoint": watched.wants_state, "resume": resumed is not None}
        constrained.check(settings, {**others, "predictions": predicts or influences})
        found = constrained.optimum(request, watched)
    else:
        found = _minimum(request, watched, resumed, predicts=predicts, influences=influences)
    found = found._replace(history=history)
    return found.swapped() if settings.maximize else found


def _minimum(
    request: Request,
    watched: Observers,
    resumed: Mapping[str, Any] | None,
    *,
    predicts: bool,
    influences: bool,
) -> Minimum:
    """Return the minimum of what is not constrained."""
    problem, settings = task(request), request.settings
    if predicts and (problem.fit is None or problem.fit.is_plain):
        message = f"{spelled('predictions')} needs a model y ~ … or a sum of squares over data"
        raise UsageError(message, hint=f"for example 'y ~ a*x + b', with {spelled('data')}")
    asks = settings.errors is not None or settings.profile
    if asks:
        from gradcli.minimize import likelihood

        likelihood.check(problem, settings)
    if influences and problem.fit is not None:
        problem.fit.check_influence()
    runs = Runs(problem, settings, watched)
    with watched:
        best = runs.lowest(resumed)
    growth = stopping.growth(best.outcome.first, best.outcome.record.value)
    end = runs.iterate(best.outcome.record)
    best, statistics, more = reported(problem, best, runs.diagnose)
    value = value_of(problem, best)
    if asks:
        at = end_of(problem, best), value, best.outcome.reason.ending
        fit = statistics, more
        statistics, more = likelihood.report(
            problem, settings, request.origin, *at, fit, watched.stop
        )
    extreme = "maximum" if settings.maximize else "minimum"
    digits, digit_warnings = certainty(problem, best, statistics, extreme=extreme)
    return Minimum(
        problem.expression,
        end.parameters,
        value,
        end.gradient_norm,
        best.method.name,
        best.method.why,
        best.outcome.reason.sentence,
        best.outcome.reason.ending,
        best.outcome.steps,
        problem.objective.evaluations,
        statistics,
        [*runs.warnings, *([] if growth is None else [growth]), *more, *digit_warnings],
        minima=runs.minima,
        starts=runs.starts,
        predictions=_predictions(problem, settings, best, request.data, influences=influences),
        latest=[runs.iterate(record) for record in best.outcome.latest],
        best=runs.best_of(best),
        digits=digits,
        confidence=settings.confidence,
    )


def _predictions(
    problem: Task,
    settings: Settings,
    best: Run,
    data: Mapping[str, Any] | Rows,
    *,
    influences: bool,
) -> Predictions | None:
    """Return the table of fitted values where the run ended; None for no fit."""
    fit = problem.fit
    if fit is None or fit.is_plain:
        return None
    from gradcli.minimize.predictions import Predictions

    point = end_of(problem, best)
    is_large = len(point) > LM_PARAMETERS
    return Predictions(
        fit,
        point,
        list(data if isinstance(data, Mapping) else data.entries),
        problem.box().inside(point),
        settings.confidence,
        rss_of(problem, best),
        missing=f"there are more than {LM_PARAMETERS} parameters" if is_large else None,
        names=problem.names if influences else None,
    )


# ---------------------------------------------------------------- what other processes need


def not_shared() -> UsageError:
    """Return the error for a formula that cannot be computed in pieces of the rows."""
    message = "only sums and means over rows are shared among workers, and this needs all rows"
    options = f"{spelled('workers')} and {spelled('cluster')}"
    return UsageError(message, hint=f"leave out {options}, or take the sum or mean")


class Recipe(NamedTuple):
    """A formula as it was typed, with its values: plain data, no code."""

    text: str
    start: Mapping[str, Any]
    """The values of the names to differentiate with respect to."""
    fixed: Mapping[str, Any]
    settings: Settings | None = None
    """How to minimise; None where value and gradient are all that is wanted."""

    @classmethod
    def of(
        cls, text: str, start: Mapping[str, Any], fixed: Mapping[str, Any], settings: Settings
    ) -> Recipe:
        """Return the recipe of a minimisation, without what only this process knows."""
        own = {name: value for name, value in vars(settings).items() if hasattr(Settings, name)}
        return cls(text, start, fixed, Settings().replaced(**{**own, "location": None}))

    def prepared(self, rows: Rows, location: Callable[[int], str]) -> dict[str, Any]:
        """Return what computes pieces of the rows, by the name of its class.

        `location` returns where a row is. Raises UsageError for an engine that is not installed.
        """
        from gradcli.rows.columns import over_rows, typed

        values = {**self.fixed, **self.start}
        shapes = {name: shape_of(value, name) for name, value in values.items()}
        formula = over_rows(partial(typed, self.text), rows, shapes)
        origin = formula.origin
        found: list[Any] = []
        if self.settings is None:
            from gradcli.minimize.rows_objective import RowsObjective

            start, fixed = list(self.start), self.fixed
            found = [RowsObjective(formula, start, origin, fixed, rows, "python", location)]
        else:
            from gradcli.minimize.constrained import lagrangian

            settings = self.settings.replaced(location=location)
            node = -formula if settings.maximize else formula
            request = Request(node, origin, self.start, self.fixed, rows, settings)
            problem = lagrangian(request)[0] if settings.subject_to else task(request)
            found = [problem.objective]
            if problem.fit is not None:
                found += [problem.fit, problem.fit.residuals]
        return {type(each).__name__: each for each in found}
