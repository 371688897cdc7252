"""From a formula, its starts and its data to a minimum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError
from gradcli.minimize import likelihood
from gradcli.minimize.certainty import certainty
from gradcli.minimize.doubts import Run, end_of, reported, rss_of, value_of
from gradcli.minimize.methods import LM_PARAMETERS
from gradcli.minimize.minimum import Iterate, Minimum
from gradcli.minimize.runs import Runs
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import task
from gradcli.options import spelled
from gradcli.solvers import stopping
from gradcli.solvers.run import every_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.data.pieces import PieceRows
    from gradcli.data.rows import FileRows
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin
    from gradcli.minimize.predictions import Predictions
    from gradcli.minimize.task import Task


def minimize(
    formula: Node,
    start: Mapping[str, Any],
    *,
    origin: Origin | None = None,
    fixed: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | FileRows | PieceRows | None = None,
    settings: Settings | None = None,
    observe: Callable[[Iterate], None] | None = None,
    watch: Callable[[Iterate], None] = lambda _: None,
    keep: Callable[[int, dict[str, Any]], None] | None = None,
    resumed: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] = lambda: False,
    following: Callable[[int], int | None] = every_step,
    predicts: bool = False,
    influences: bool = False,
    ended: Callable[[], None] = lambda: None,
) -> Minimum:
    """Return the minimum reached from `start`; `Formula.minimize` says what the parts mean.

    `observe` hears of the steps of the run that ended lowest, and `watch` of those of all runs as
    they are made: at least the start, the end, and those that are wanted, of which `following`
    tells the next one after a step, or None. `keep` is given the state after them, and a run that
    is `resumed` from such a state goes on as if it had never stopped. Where it `predicts`, a
    formula that is no fit raises UsageError at once; its table tells the influence of each row
    where that is wanted. `ended` is called when the runs are over and what is said about them
    follows.
    """
    how = settings or Settings()
    problem = task(formula, origin, start, fixed or {}, data or {}, how)
    if predicts and (problem.fit is None or problem.fit.is_plain):
        message = f"{spelled('predictions')} needs a model y ~ … or a sum of squares over data"
        raise UsageError(message, hint=f"for example 'y ~ a*x + b', with {spelled('data')}")
    likelihood.check(problem, how)
    if influences and problem.fit is not None:
        problem.fit.check_influence()
    history: list[Iterate] = []
    see = history.append if observe is None else observe
    runs = Runs(problem, how, see, watch, stop, following)
    best = runs.lowest(keep, resumed)
    ended()
    growth = stopping.growth(best.outcome.first, best.outcome.record.value)
    end = runs.iterate(best.outcome.record)
    best, statistics, more = reported(problem, how, best)
    value = value_of(problem, best)
    if how.errors is not None or how.profile:
        at = end_of(problem, best), value, best.outcome.reason.ending
        statistics, more = likelihood.report(problem, how, origin, *at, (statistics, more), stop)
    digits, few = certainty(
        problem, best, statistics, what="maximum" if how.maximize else "minimum"
    )
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
        [*runs.warnings, *([] if growth is None else [growth]), *more, *few],
        history,
        runs.minima,
        runs.starts,
        [],
        _predictions(problem, how, best, data or {}, influences=influences),
        [runs.iterate(record) for record in best.outcome.latest],
        runs.best_of(best),
        digits=digits,
    )


def _predictions(
    problem: Task,
    how: Settings,
    best: Run,
    data: Mapping[str, Any] | FileRows | PieceRows,
    *,
    influences: bool,
) -> Predictions | None:
    """Return the table of fitted values where the run ended; None for no fit."""
    fit = problem.fit
    if fit is None or fit.is_plain:
        return None
    point, rss = end_of(problem, best), rss_of(problem, best)
    columns = list(data if isinstance(data, Mapping) else data.entries)
    missing = None
    if len(point) > LM_PARAMETERS:
        missing = f"there are more than {LM_PARAMETERS} parameters"
    names = problem.names if influences else None
    return fit.predictions(point, columns, problem.box(), how.confidence, rss, missing, names)
