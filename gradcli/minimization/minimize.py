"""From a formula, its starts and its data to a minimum."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import MathematicsError, UsageError
from gradcli.minimization.methods import (
    LM_PARAMETERS,
    also_worth_trying,
    chosen,
    solver,
)
from gradcli.minimization.minimum import Best, Found, Iterate, Minimum
from gradcli.minimization.settings import Settings
from gradcli.minimization.task import task
from gradcli.minimization.vector_objective import VectorObjective
from gradcli.optimize import stopping
from gradcli.optimize.run import DEFAULT_STEPS, every_step, run
from gradcli.optimize.stopping import Ending
from gradcli.options import spelled
from gradcli.point import few

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.data.rows import FileRows
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin
    from gradcli.minimization.fit import Fit
    from gradcli.minimization.methods import Method
    from gradcli.minimization.predictions import Predictions
    from gradcli.minimization.task import Task
    from gradcli.optimize.run import Outcome, Record
    from gradcli.optimize.solver import Solver, Vector
    from gradcli.optimize.statistics.summary import Statistics
    from gradcli.optimize.stopping import Reason
    from gradcli.optimize.surroundings import Lower

CLEARLY = 1e-8
"""How much lower, relative to the value, an end must be to count as another minimum."""


def minimize(
    formula: Node,
    start: Mapping[str, Any],
    *,
    origin: Origin | None = None,
    fixed: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | FileRows | None = None,
    settings: Settings | None = None,
    observe: Callable[[Iterate], None] | None = None,
    watch: Callable[[Iterate], None] = lambda _: None,
    keep: Callable[[int, dict[str, Any]], None] | None = None,
    resumed: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] = lambda: False,
    following: Callable[[int], int | None] = every_step,
    predicts: bool = False,
    influences: bool = False,
) -> Minimum:
    """Return the minimum reached from `start`; `Formula.minimize` says what the parts mean.

    `observe` hears of the steps of the run that ended lowest, and `watch` of those of all runs as
    they are made: at least the start, the end, and those that are wanted, of which `following`
    tells the next one after a step, or None. `keep` is given the state after them, and a run that
    is `resumed` from such a state goes on as if it had never stopped. Where it `predicts`, a
    formula that is no fit raises UsageError at once; its table tells the influence of each row
    where that is wanted.
    """
    how = settings or Settings()
    problem = task(formula, origin, start, fixed or {}, data or {}, how)
    if predicts and (problem.fit is None or problem.fit.is_plain):
        message = f"{spelled('predictions')} needs a model y ~ … or a sum of squares over data"
        raise UsageError(message, hint=f"for example 'y ~ a*x + b', with {spelled('data')}")
    if influences and problem.fit is not None:
        problem.fit.check_influence()
    history: list[Iterate] = []
    see = history.append if observe is None else observe
    runs = Runs(problem, how, see, watch, stop, following)
    best = runs.lowest(keep, resumed)
    growth = stopping.growth(best.outcome.first, best.outcome.record.value)
    end = runs.iterate(best.outcome.record)
    statistics, more = _statistics(problem, how, best)
    return Minimum(
        problem.expression,
        end.parameters,
        _value(problem, best, end),
        end.gradient_norm,
        best.method.name,
        best.method.why,
        best.outcome.reason.sentence,
        best.outcome.reason.ending,
        best.outcome.steps,
        problem.objective.evaluations,
        statistics,
        [*runs.warnings, *([] if growth is None else [growth]), *more],
        history,
        runs.minima,
        runs.starts,
        [],
        _predictions(problem, how, best, data or {}, influences=influences),
        [runs.iterate(record) for record in best.outcome.latest],
        runs.best_of(best),
    )


class Run(NamedTuple):
    """A run that is over."""

    method: Method
    outcome: Outcome
    records: list[Record]


class Runs:
    """All runs of a minimisation: one, or several from which the lowest end is taken."""

    def __init__(
        self,
        problem: Task,
        how: Settings,
        observe: Callable[[Iterate], None],
        watch: Callable[[Iterate], None],
        stop: Callable[[], bool],
        following: Callable[[int], int | None],
    ) -> None:
        self._problem = problem
        self._stop = stop
        self._following = following
        self._how = how
        self._observe = observe
        self._watch = watch
        self._layout = problem.objective.layout
        self._method = chosen(problem, how)
        self._end = None if how.seconds is None else time.monotonic() + how.seconds
        self.minima: list[Found] = []
        self.warnings: list[str] = [*problem.warnings, *problem.unmet(how)]
        self.starts = 1
        self._frozen: dict[str, int] = {}
        """The parameters with respect to which the derivative is 0 everywhere."""

    def lowest(
        self,
        keep: Callable[[int, dict[str, Any]], None] | None,
        resumed: Mapping[str, Any] | None,
    ) -> Run:
        """Return the run that ended lowest, of one or several starts, or continued."""
        problem, start = self._problem, self._problem.start
        is_one, is_continued = self._how.starts == 1, not (keep is None and resumed is None)
        if is_continued and not is_one:
            message = f"{spelled('starts')} makes many runs, and a checkpoint holds one"
            raise UsageError(
                message, hint=f"leave out {spelled('starts')} or {spelled('checkpoint')}"
            )
        self._frozen = problem.without_slope(problem.check(start) if is_one else None)
        if len(self._frozen) == len(start):
            return self._unmoved()
        if self._frozen:
            self.warnings.append(problem.why_flat(self._frozen))
        if is_continued:
            return self._run(self._method, start, observe=self._observe, keep=keep, resumed=resumed)
        return self._from_one_start() if is_one else self._from_several_starts()

    def iterate(self, record: Record) -> Iterate:
        """Return a step with the parameters by name."""
        values = self._problem.objective.values(_blocks(self._problem, record.point))
        step, value, _, norm, rate = record
        return Iterate(step, value, values, norm, rate)

    def best_of(self, run: Run) -> Best | None:
        """Return the lowest point of a run that is not the one it ended at; None without one."""
        outcome = run.outcome
        if outcome.reason.ending is not Ending.COMPLETED:
            return None
        if not outcome.best.value < outcome.record.value:
            return None
        best = self.iterate(outcome.best)
        return Best(best.value, best.parameters)

    def _unmoved(self) -> Run:
        """Return the run that stays at its start, where no method finds a way."""
        start = self._problem.start
        self._problem.check(start)
        found = self._run(self._method, start, steps=0, observe=self._observe)
        reason = stopping.stalled(self._problem.why_flat(self._frozen))
        return found._replace(outcome=found.outcome._replace(reason=reason))

    def _from_one_start(self) -> Run:
        """Return the run from the start that was given, or one from there that ended lower."""
        point = self._problem.start
        others = also_worth_trying(self._problem, self._method, self._how)
        if not others:
            return self._run(self._method, point, observe=self._observe)
        best = self._run(self._method, point)
        for method, first in others:
            if best.outcome.reason.ending in {Ending.DIVERGED, Ending.INTERRUPTED}:
                break
            with suppress(MathematicsError):
                other = self._run(method, point, first=first)
                if other.outcome.reason.ending is Ending.INTERRUPTED:
                    stopped = best.outcome._replace(reason=other.outcome.reason)
                    best = best._replace(outcome=stopped)
                if _is_clearly_lower(other.outcome, best.outcome):
                    best = other
        self._show(best)
        return best

    def _from_several_starts(self) -> Run:
        """Return the lowest of the runs from several starts; `minima` then holds all ends."""
        from gradcli.optimize import multistart

        ended: list[Run] = []

        def attempt(point: Vector) -> Outcome:
            # The first run takes the time it needs; of the others, most end where one ended before.
            steps = self._how.steps
            if ended and steps is None:
                steps = multistart.STEPS
            blocks = self._layout.blocks(point)
            self._problem.check(blocks)
            ended.append(self._run(self._method, blocks, steps=steps))
            outcome = ended[-1].outcome
            if outcome.reason.ending is Ending.INTERRUPTED or self._seconds_left() == 0:
                raise _Enough
            if ended[1:] and self._how.steps is None and outcome.steps == steps:
                outcome = outcome._replace(reason=stopping.exhausted(outcome.steps))
                ended[-1] = ended[-1]._replace(outcome=outcome)
            return outcome

        how, problem = self._how, self._problem
        start = self._layout.vector(problem.start)
        with suppress(_Enough):
            found = multistart.runs(attempt, start, problem.box(), how.starts, how.seed)
            if found.undefined:
                times = f"{found.undefined} start{'s' * (found.undefined != 1)}"
                self.warnings.append(f"{times} had no value, and others were tried instead")
        self.starts = len(ended)
        distinct = multistart.distinct([run.outcome for run in ended])
        for minimum in distinct:
            end = self.iterate(minimum.outcome.record)
            self.minima.append(Found(end.value, end.parameters, minimum.times))
        best = next(run for run in ended if run.outcome is distinct[0].outcome)
        last = ended[-1].outcome.reason
        if last.ending is Ending.INTERRUPTED:
            best = best._replace(outcome=best.outcome._replace(reason=last))
        elif best.outcome.reason.ending is Ending.EXHAUSTED and how.steps is None:
            point = _blocks(problem, best.outcome.record.point)
            best = self._run(self._method, point)  # now as long as it takes
        self._show(best)
        return best

    def _run(
        self,
        method: Method,
        point: Sequence[Any],
        *,
        first: float | None = None,
        steps: int | None = None,
        observe: Callable[[Iterate], None] | None = None,
        keep: Callable[[int, dict[str, Any]], None] | None = None,
        resumed: Mapping[str, Any] | None = None,
    ) -> Run:
        """Return the run of a method from a point, its records shown to `observe` or else kept."""
        records: list[Record] = []

        def see(record: Record) -> None:
            if resumed is not None and record.step == resumed["step"]:
                # Steps that were taken again to get here are not counted again.
                self._problem.objective.evaluations = resumed["evaluations"]
            iterate = self.iterate(record)
            self._watch(iterate)
            if observe is None:
                records.append(record)
            else:
                observe(iterate)

        objective = self._problem.objective

        def keep_all(step: int, state: dict[str, Any]) -> None:
            if keep is not None:
                keep(step, {**state, "evaluations": objective.evaluations})

        working = solver(self._problem, method, self._how, point, first, self._frozen)
        outcome = run(
            working,
            steps=self._how.steps if steps is None else steps,
            seconds=self._seconds_left(),
            allowed=self._how.seconds,
            observe=see,
            following=self._following,
            keep=None if keep is None else keep_all,
            resumed=resumed,
            stop=self._stop,
        )
        outcome = outcome._replace(reason=self._judged(working, outcome))
        return Run(method, outcome, records)

    def _judged(self, working: Solver, outcome: Outcome) -> Reason:
        """Return why a run ended, after a look at what the objective does around its end."""
        reason, point = outcome.reason, outcome.record.point
        if reason.ending not in {Ending.CONVERGED, Ending.STALLED}:
            return reason
        suspects = working.suspects()
        if reason.ending is Ending.CONVERGED and suspects is not None and not suspects.any():
            return reason
        from gradcli.optimize.surroundings import Lower, around, is_kinked

        problem, tolerance = self._problem, self._how.tolerance
        tolerance = stopping.TOLERANCE if tolerance is None else tolerance
        function, box = VectorObjective(problem.objective), problem.box()
        here = self._layout.vector(_blocks(problem, point))
        with suppress(MathematicsError):
            if reason.ending is Ending.STALLED:
                if outcome.record.gradient_norm <= tolerance:
                    return reason
                shortest = is_kinked(function, here, box, tolerance)
                return reason if shortest is None else stopping.kinked(shortest, tolerance)
            slope = max(outcome.record.gradient_norm, tolerance)
            found = around(function, here, box, slope, suspects)
            if isinstance(found, Lower):
                where = self._moved(here, found)
                return stopping.lower(where, found.value, is_flat=found.is_flat)
            if found is not None:
                return stopping.flat()
        return reason

    def _moved(self, here: Vector, found: Lower) -> str:
        """Return the numbers of another point that are not those of this one, by name."""
        names = self._problem.names
        pairs = zip(names, here.tolist(), found.point.tolist(), strict=True)
        return few([f"{name} = {stopping.short(y)}" for name, x, y in pairs if x != y])

    def _seconds_left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def _show(self, best: Run) -> None:
        for record in best.records:
            self._observe(self.iterate(record))


def _is_clearly_lower(one: Outcome, other: Outcome) -> bool:
    """Return whether a run came to its end, and to a lower one than another run."""
    if one.reason.ending in {Ending.DIVERGED, Ending.INTERRUPTED} or one.steps >= DEFAULT_STEPS:
        return False
    value = other.record.value
    return value - one.record.value > CLEARLY * max(1.0, abs(value))


def _blocks(problem: Task, point: Any) -> list[Any]:
    """Return the values of the parameters at a point of any solver."""
    return point if isinstance(point, list) else problem.objective.layout.blocks(point)


class _Enough(Exception):  # noqa: N818 - a signal inside this module, not an error for users
    """The run of one start ended all: Ctrl-C, or the time is over."""


def _value(problem: Task, best: Run, end: Iterate) -> float:
    """Return the objective at the end: what the formula itself gives there.

    Least squares adds up the squares in another order, and differs in the last digits.
    """
    if best.method.name == "lm":
        with suppress(MathematicsError):
            return problem.objective(_blocks(problem, best.outcome.record.point))[0]
    return end.value


def _statistics(problem: Task, how: Settings, best: Run) -> tuple[Statistics | None, list[str]]:
    """Return the report of a fit where the run ended, and its warnings; None for no fit."""
    fit = problem.fit
    if fit is None or fit.is_plain:
        return None, []
    names = problem.names
    if len(names) > LM_PARAMETERS:
        return None, [f"there is no report of a fit for more than {LM_PARAMETERS} parameters"]
    point, rss = _end(problem, fit, best)
    try:
        report, warnings = fit.statistics(point, names, problem.box(), how.confidence, rss)
    except MathematicsError as error:
        return None, [f"there is no report of the fit: {error.message}"]
    if best.outcome.reason.ending is not Ending.CONVERGED:
        why = "the run did not converge, so the report is not that of a minimum"
        warnings = [why, *warnings]
    return report, warnings


def _end(problem: Task, fit: Fit, best: Run) -> tuple[Vector, float | None]:
    """Return where the run of a fit ended, and its sum of squares where the run knows it best."""
    record = best.outcome.record
    point = problem.objective.layout.vector(_blocks(problem, record.point))
    # A linear model adds up its squares with twice the digits.
    is_summed = best.method.name == "lm" and fit.is_linear
    return point, record.value / fit.factor if is_summed else None


def _predictions(
    problem: Task,
    how: Settings,
    best: Run,
    data: Mapping[str, Any] | FileRows,
    *,
    influences: bool,
) -> Predictions | None:
    """Return the table of fitted values where the run ended; None for no fit."""
    fit = problem.fit
    if fit is None or fit.is_plain:
        return None
    point, rss = _end(problem, fit, best)
    columns = list(data if isinstance(data, Mapping) else data.entries)
    missing = None
    if len(point) > LM_PARAMETERS:
        missing = f"there are more than {LM_PARAMETERS} parameters"
    names = problem.names if influences else None
    return fit.predictions(point, columns, problem.box(), how.confidence, rss, missing, names)
