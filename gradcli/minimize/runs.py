"""The runs of a minimisation: one, or several from which the lowest end is taken."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, UsageError, listed
from gradcli.minimize.diagnostics import Run, blocks_of, diagnose, value_of
from gradcli.minimize.methods import also_worth_trying, chosen, solver
from gradcli.minimize.minimum import Best, Found, Iterate
from gradcli.minimize.objective import VectorObjective
from gradcli.options import spelled
from gradcli.solvers import stopping
from gradcli.solvers.observer import Observer
from gradcli.solvers.solver import DEFAULT_STEPS, run
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.minimize.diagnostics import Diagnostics
    from gradcli.minimize.methods import Method
    from gradcli.minimize.refit import Refit
    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Task
    from gradcli.solvers.observer import Observers
    from gradcli.solvers.solver import Outcome, Record, Solver, Vector
    from gradcli.solvers.stopping import Reason
    from gradcli.solvers.surroundings import Lower

CLEARLY = 1e-8
"""An end is clearly lower when it is by this share of the value, or of 1."""
LEAST = 1e-16
"""A sum of squares below this share of the first one, or of 1, is the least possible: 0."""
DRAWN = 1000
"""How often the residuals may be worked out to draw starts, besides 8 times for each of them."""
FIRST_STEPS = 1000
"""So many steps a fit takes before it is tried from other starts, and as many as it needs after."""


class Runs:
    """All runs of a minimisation: one, or several from which the lowest end is taken."""

    def __init__(
        self,
        problem: Task,
        settings: Settings,
        watched: Observers,
    ) -> None:
        self.problem = problem
        self._settings = settings
        self.watched = watched
        self.of_all = watched.those(see_all_runs=True)
        self._of_lowest = watched.those(see_all_runs=False)
        self._layout = problem.objective.layout
        self._method = chosen(problem, settings)
        self._end = None if settings.seconds is None else time.monotonic() + settings.seconds
        self.minima: list[Found] = []
        self.warnings: list[str] = [*problem.warnings, *problem.engine_warnings(settings)]
        self.starts = 1
        self._frozen: dict[str, int] = {}
        """The parameters with respect to which the derivative is 0 everywhere."""
        self._interrupted: Reason | None = None
        self._ended: Run | None = None
        """The last run that is over."""
        self._diagnosed: tuple[Run, Diagnostics] | None = None
        """The last run whose end was judged, and how."""

    def lowest(self, resumed: Mapping[str, Any] | None = None) -> Run:
        """Return the run that ended lowest, of one or several starts, or continued."""
        best = self._lowest(resumed)
        if self._interrupted is None:
            return best
        return best._replace(outcome=best.outcome._replace(reason=self._interrupted))

    def _lowest(self, resumed: Mapping[str, Any] | None) -> Run:
        problem, start = self.problem, self.problem.start
        is_one = self._settings.starts in {None, 1}
        is_continued = self.watched.wants_state or resumed is not None
        if is_continued and not is_one:
            many, one = spelled("starts"), spelled("checkpoint")
            message = f"{many} makes many runs, and a checkpoint holds one"
            raise UsageError(message, hint=f"leave out {many} or {one}")
        try:
            slopes = problem.check(start) if is_one else None
        except MathematicsError:
            if not (self._settings.may_replace_start and self._may_fit_again()):
                raise
            return self._best_fit(has_start=False)
        self._frozen = problem.without_slope(slopes)
        if len(self._frozen) == len(start):
            return self._stay_at_start()
        if self._frozen:
            self.warnings.append(problem.why_flat(self._frozen))
        if is_continued:
            return self._run(self._method, start, is_shown=True, resumed=resumed)
        return self._from_one_start() if is_one else self._from_several_starts()

    def iterate(self, record: Record) -> Iterate:
        """Return a step with the parameters by name."""
        values = self.problem.objective.values(blocks_of(self.problem, record.point))
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

    def _stay_at_start(self) -> Run:
        """Return the run that stays at its start, where no method finds a way."""
        start = self.problem.start
        self.problem.check(start)
        found = self._run(self._method, start, steps=0, is_shown=True)
        reason = stopping.stalled(self.problem.why_flat(self._frozen))
        return found._replace(outcome=found.outcome._replace(reason=reason))

    def _from_one_start(self) -> Run:
        """Return the run from the start that was given, or one from there that ended lower."""
        point = self.problem.start
        if self._may_fit_again():
            return self._best_fit()
        others = also_worth_trying(self.problem, self._method, self._settings)
        if not others:
            return self._run(self._method, point, is_shown=True)
        best = self._run(self._method, point)
        for method, first, goes_on, is_last in others:
            outcome = best.outcome
            if outcome.reason.ending is Ending.DIVERGED or self._is_over() or _is_least(best):
                break
            if is_last and not self._is_in_doubt(outcome):
                continue
            with self._interruptible(), suppress(MathematicsError):
                here = blocks_of(self.problem, outcome.record.point) if goes_on else point
                other = self._run(method, here, first=first)
                # From there newton knows better why no step leads on.
                explains = goes_on and outcome.reason.ending is Ending.STALLED
                if explains or _is_clearly_better(other.outcome, outcome):
                    best = other
        self._show(best)
        return best

    def _is_in_doubt(self, outcome: Outcome) -> bool:
        """Whether a sum of squares may have lower ends: one of so few that all could be 0."""
        fit = self.problem.fit
        is_small = fit is not None and fit.residuals.count <= 2 * self.problem.objective.size
        return is_small or outcome.reason.ending is not Ending.CONVERGED

    def _may_fit_again(self) -> bool:
        """Whether a fit may be tried from other starts when the end of the first is in doubt."""
        return self._is_drawn and self._settings.steps is None and self._settings.starts is None

    @property
    def _is_drawn(self) -> bool:
        """Whether starts of a fit can be derived from formula and data."""
        fit = self.problem.fit
        if fit is None or fit.is_plain or fit.is_linear or self.problem.is_streamed:
            return False
        return self._method.name == "lm" and not any(self.problem.objective.shapes)

    def _best_fit(self, *, has_start: bool = True) -> Run:
        """Return the lowest run of a fit: the first one, or further ones where that is in doubt."""
        problem, method = self.problem, self._method

        def fit(point: Sequence[Any], steps: int | None = None) -> Run:
            return self._run(method, point, steps=steps)

        best = first = fit(problem.start, FIRST_STEPS) if has_start else None
        refit: Refit | None = None
        with self._interruptible():
            found = None if first is None or self._is_over() else self.diagnose(first)
            if first is None or (found is not None and found.are_any):
                from gradcli.minimize.refit import Refit

                r_squared = None if found is None else found.r_squared
                refit = Refit(problem, first, r_squared, self._settings.seed, self.diagnose)
                refit.look(
                    lambda point, steps: fit(self._layout.blocks(point), steps), self._is_over
                )
        if refit is not None:
            self.starts = refit.starts
            self.warnings.append(refit.sentence())
            best = refit.best
        if best is None:
            problem.check(problem.start)  # raises why
            best = fit(problem.start)
        elif best.outcome.reason.ending is Ending.COMPLETED:
            outcome = best.outcome
            if not self._is_over():  # now as long as it takes
                point = blocks_of(problem, outcome.record.point)
                longer = fit(problem.start if best is first else point)
                if longer.outcome.record.value <= outcome.record.value:  # not so after a signal
                    best = longer
            elif self._interrupted is None:
                reason = stopping.out_of_time(outcome.steps, self._settings.seconds or 0.0)
                best = best._replace(outcome=outcome._replace(reason=reason))
        self._show(best)
        return best

    def diagnose(self, run: Run) -> Diagnostics:
        """Return what is doubtful about where the run of a fit ended; that of the last is kept."""
        if self._diagnosed is None or self._diagnosed[0] is not run:
            self._diagnosed = run, diagnose(self.problem, self._settings, run)
        return self._diagnosed[1]

    def _is_over(self) -> bool:
        """Whether no other run may follow."""
        if self._interrupted is None and self._ended is not None and self.watched.stop():
            self._interrupted = stopping.interrupted(self._ended.outcome.steps)
        return self._interrupted is not None or self._seconds_left() == 0

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let a signal end what the block does, once there is a run whose end can be kept."""
        try:
            yield
        except KeyboardInterrupt:
            if self._ended is None:
                raise
            self._interrupted = stopping.interrupted(self._ended.outcome.steps)

    def _from_several_starts(self) -> Run:
        """Return the lowest of the runs from several starts; `minima` then holds all ends."""
        from gradcli.solvers import multistart

        ended: list[Run] = []

        def attempt(point: Vector) -> Outcome:
            # The first run takes the time it needs; of the others, most end where one ended before.
            steps = self._settings.steps
            if ended and steps is None:
                steps = multistart.STEPS
            blocks = self._layout.blocks(point)
            self.problem.check(blocks)
            ended.append(self._run(self._method, blocks, steps=steps))
            outcome = ended[-1].outcome
            if self._is_over():
                raise _AllOver
            if ended[1:] and self._settings.steps is None and outcome.steps == steps:
                outcome = outcome._replace(reason=stopping.exhausted(outcome.steps))
                ended[-1] = ended[-1]._replace(outcome=outcome)
            return outcome

        settings, problem = self._settings, self.problem
        start, box, count = self._layout.vector(problem.start), problem.box(), settings.starts or 1
        known: Sequence[Vector] = ()
        if self._is_drawn and problem.fit is not None and count > 1:
            from gradcli.minimize.refit import Attempts

            attempts = Attempts(
                problem.objective, problem.fit, start, box, settings.seed, DRAWN + 8 * count
            )
            known = attempts.drawn(count - 1)
        with self._interruptible(), suppress(_AllOver):
            found = multistart.runs(attempt, start, box, count, settings.seed, known)
            if found.undefined:
                times = stopping.counted(found.undefined, "start")
                self.warnings.append(f"{times} had no value, and others were tried instead")
        self.starts = len(ended)
        distinct = multistart.distinct([run.outcome for run in ended])
        for minimum in distinct:
            best = next(run for run in ended if run.outcome is minimum.outcome)
            parameters = self.iterate(minimum.outcome.record).parameters
            self.minima.append(Found(value_of(problem, best), parameters, minimum.times))
        best = next(run for run in ended if run.outcome is distinct[0].outcome)
        is_cut = best.outcome.reason.ending is Ending.EXHAUSTED and settings.steps is None
        if is_cut and self._interrupted is None:
            point = blocks_of(problem, best.outcome.record.point)
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
        is_shown: bool = False,
        resumed: Mapping[str, Any] | None = None,
    ) -> Run:
        """Return the run of a method from a point, its records shown as they are made or kept."""
        records: list[Record] = []
        watch = _RunObserver(self, None if is_shown else records, resumed)
        working = solver(self.problem, method, self._settings, point, first, self._frozen)
        outcome = run(
            working,
            steps=self._settings.steps if steps is None else steps,
            seconds=self._seconds_left(),
            allowed=self._settings.seconds,
            observer=watch,
            resumed=resumed,
        )
        try:
            reason = self._judged(working, outcome)
        except KeyboardInterrupt:
            reason = stopping.interrupted(outcome.steps)
        outcome = outcome._replace(reason=reason)
        if outcome.reason.ending is Ending.INTERRUPTED:
            self._interrupted = outcome.reason
        self._ended = Run(method, outcome, records)
        return self._ended

    def _judged(self, working: Solver, outcome: Outcome) -> Reason:
        """Return why a run ended, after a look at what the objective does around its end."""
        reason, point = outcome.reason, outcome.record.point
        if reason.ending not in {Ending.CONVERGED, Ending.STALLED}:
            return reason
        suspects = working.suspects()
        if reason.ending is Ending.CONVERGED and suspects is not None and not suspects.any():
            return reason
        from gradcli.solvers.surroundings import Lower, Surroundings

        problem, tolerance = self.problem, self._settings.tol
        tolerance = stopping.TOLERANCE if tolerance is None else tolerance
        function, box = VectorObjective(problem.objective), problem.box()
        here = self._layout.vector(blocks_of(problem, point))
        with suppress(MathematicsError):
            if reason.ending is Ending.STALLED:
                if outcome.record.gradient_norm <= tolerance:
                    return reason
                shortest = Surroundings(function, here, box).kink(tolerance)
                return reason if shortest is None else stopping.kinked(shortest, tolerance)
            slope = max(outcome.record.gradient_norm, tolerance)
            found = Surroundings(function, here, box).lower(slope, suspects)
            if isinstance(found, Lower):
                changes = self._changed_values(here, found)
                return stopping.lower(changes, found.value, is_flat=found.is_flat)
            if found:
                return stopping.flat()
        return reason

    def _changed_values(self, point: Vector, lower: Lower) -> str:
        """Return the numbers of another point that are not those of this one, by name."""
        names = self.problem.names
        pairs = zip(names, point.tolist(), lower.point.tolist(), strict=True)
        return listed([f"{name} = {stopping.short(y)}" for name, x, y in pairs if x != y])

    def _seconds_left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def _show(self, best: Run) -> None:
        for record in best.records:
            self._of_lowest.step(self.iterate(record))


class _RunObserver(Observer):
    """Passes the steps of one run on, or records them and passes them to those who see all runs."""

    def __init__(
        self, runs: Runs, records: list[Record] | None, resumed: Mapping[str, Any] | None
    ) -> None:
        self._runs = runs
        self._records = records
        self._resumed = resumed
        self.wants_state = runs.watched.wants_state

    def step(self, record: Record) -> None:
        """Pass a step on with the parameters by name."""
        if self._resumed is not None and record.step == self._resumed["step"]:
            # Steps that were taken again to get here are not counted again.
            self._runs.problem.objective.evaluations = self._resumed["evaluations"]
        iterate = self._runs.iterate(record)
        if self._records is None:
            self._runs.watched.step(iterate)
        else:
            self._runs.of_all.step(iterate)
            self._records.append(record)

    def following(self, step: int) -> int | None:
        """Return the next step that anyone wants to see."""
        return self._runs.watched.following(step)

    def stop(self) -> bool:
        """Return whether anyone says so."""
        return self._runs.watched.stop()

    def save(self, step: int, state: dict[str, Any], *, ends_epoch: bool | None = None) -> None:
        """Keep how often the objective was evaluated, too."""
        whole = {**state, "evaluations": self._runs.problem.objective.evaluations}
        self._runs.watched.save(step, whole, ends_epoch=ends_epoch)


def _is_least(run: Run) -> bool:
    """Return whether a sum of squares is next to the least there can be, 0."""
    value = run.outcome.record.value
    return run.method.name == "lm" and value <= LEAST * max(1.0, run.outcome.first)


def _is_clearly_better(one: Outcome, other: Outcome) -> bool:
    """Return whether a run arrived, lower than another one, or as low as one that did not."""
    if one.reason.ending in {Ending.DIVERGED, Ending.INTERRUPTED} or one.steps >= DEFAULT_STEPS:
        return False
    value = other.record.value
    least = CLEARLY * max(1.0, abs(value))
    arrived = [run.reason.ending is Ending.CONVERGED for run in (one, other)]
    return value - one.record.value > (-least if arrived == [True, False] else least)


class _AllOver(Exception):  # noqa: N818 - a signal inside this module, not an error for users
    """The run of one start ended all: Ctrl-C, or the time is over."""
