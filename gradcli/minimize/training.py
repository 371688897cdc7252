"""Learning from rows a few at a time: epochs of steps of a first-order method, on batches."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, cast

from gradcli.data.columns import length_of
from gradcli.data.rows import PieceRows
from gradcli.errors import MathematicsError, UsageError, listed
from gradcli.graph.printing import label
from gradcli.language.bindings import choice
from gradcli.minimize.methods import first_order
from gradcli.minimize.minimum import Best, Epoch, Minimum
from gradcli.minimize.objective import WEIGHT
from gradcli.minimize.settings import SECOND_ORDER
from gradcli.minimize.task import Request, task, weighting_of
from gradcli.options import spelled
from gradcli.records import NamedTuple
from gradcli.rows.columns import Typed, by_rows, read_by_rows, with_shapes
from gradcli.rows.reductions import inner
from gradcli.solvers import stopping
from gradcli.solvers.first_order.descent import Descent
from gradcli.solvers.first_order.methods import METHODS
from gradcli.solvers.observer import Observers
from gradcli.solvers.stopping import Ending
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.graph.shapes import Shape
    from gradcli.minimize.methods import Method
    from gradcli.minimize.objective import Objective
    from gradcli.minimize.rows_objective import RowsObjective
    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Task
    from gradcli.solvers.observer import Observer
    from gradcli.solvers.stopping import Reason

    Measure = Callable[[Mapping[str, Any]], float]
    """A number that follows from the values of the parameters."""

DEFAULT_METHOD = "sgd"


class Batches(NamedTuple):
    """How the rows are taken; a `size` of None is all of them at once."""

    size: int | None = None
    epochs: int = 1


class _End(NamedTuple):
    """A point as all rows together see it."""

    value: float
    point: list[Any]
    gradient_norm: float


class Training:
    """A run of a first-order method on batches of rows, epoch after epoch.

    The formula is read anew for the rows of a batch; the data of the request are Rows. A schedule
    counts epochs. `validation` and `metric` are measured after each epoch. Raises NameValueError
    and UsageError for what does not fit together, and MathematicsError where the first batch has no
    value at the start.
    """

    def __init__(
        self,
        request: Request,
        batches: Batches,
        *,
        validation: Measure | None = None,
        metric: Measure | None = None,
    ) -> None:
        formula, origin, start, fixed, rows, settings = request
        _check(settings)
        self._formula = Typed(formula.graph, formula.id, origin)
        self._values = {**fixed, **start}
        self._shapes = {name: shape_of(value, name) for name, value in self._values.items()}
        self._fixed = fixed
        self._rows: Rows = rows
        self._settings = settings
        self._measures = validation, metric
        self._epochs = batches.epochs
        self._size: int = min(rows.count, batches.size or rows.count)
        self.method = _method(settings)
        self._warnings: list[str] = []
        self._unmoved: str | None = None
        """Why no parameter moves, whatever the rows; None where one does."""
        self._over_rows = by_rows(self._read, self._shapes, rows.entries)
        """The formula for any number of rows; None when it must be read for those of a batch."""
        self._whole: Objective | None = None
        """The objective of all rows, once it is asked for."""
        self._warnings += self._of_batches()
        self.task = self._first_task(start)
        self._objective = self.task.objective
        self._length = self._size
        """How many rows there were in the last batch."""
        self._schedule = settings.plan
        self._solver = self._working()
        self._last_valid = self._solver.point
        """The last point at which the objective is known to have a value."""
        self._value = self._solver.value
        """The objective of the last batch that had one."""
        self.epochs: list[Epoch] = []
        """The epochs that are over."""
        self._lowest = self._solver.point
        """Where the epoch with the lowest value ended."""
        self._taken = 0
        self._total = 0.0
        self._earlier = 0
        """Evaluations of other objectives, and before the run was continued, less those that were
        needed to start anew."""

    # ------------------------------------------------------------ the run

    def run(self, observers: Iterable[Observer] = ()) -> Minimum:
        """Return where the epochs lead; Ctrl-C and a time limit end them earlier."""
        watched = Observers(observers)
        with watched:
            for epoch in self.epochs:
                watched.epoch(epoch, None)
            return self._minimum(self._run_epochs(watched))

    def _run_epochs(self, watched: Observers) -> Reason:
        """Take all steps that are left, and return why no more were taken."""
        seconds = self._settings.seconds
        end = None if seconds is None else time.monotonic() + seconds
        reason = stopping.learnt(self._epochs)
        if self._unmoved is not None:
            return stopping.stalled(self._unmoved)
        try:
            for _ in self._steps(watched):
                if watched.wants_state:
                    watched.save(self._solver.steps, self.state(), ends_epoch=self._taken == 0)
                if watched.stop():
                    reason = stopping.interrupted(self._solver.steps)
                    break
                if end is not None and seconds is not None and time.monotonic() >= end:
                    reason = stopping.out_of_time(self._solver.steps, seconds)
                    break
        except MathematicsError as error:
            step = self._solver.steps + 1
            self._solver.point = self._last_valid
            reason = stopping.diverged(step, error.message, self._value)
        except KeyboardInterrupt:
            reason = stopping.interrupted(self._solver.steps)
        return reason

    def _steps(self, watched: Observers) -> Iterator[None]:
        """Take all steps that are left, yielding after each."""
        while len(self.epochs) < self._epochs:
            epoch = len(self.epochs)
            if self._schedule is not None:
                self._solver.base = self._schedule.rate(epoch, self._rate)
            batches = self._rows.batches(self._size, self._settings.seed, epoch, self._taken)
            for batch in batches:
                length = batch.count if isinstance(batch, PieceRows) else length_of(batch)
                value = self._step(batch, length)
                self._total += value * length
                self._taken += 1
                rows = min(self._taken * self._size, self._rows.count)
                watched.batch(epoch + 1, rows, self._mean())
                if self._taken == math.ceil(self._rows.count / self._size):
                    watched.epoch(self._end_of_epoch(), self._solver.point)
                yield

    def _step(self, batch: Block | PieceRows, length: int) -> float:
        """Take one step and return the objective of the batch before it."""
        if isinstance(batch, PieceRows):
            cast("RowsObjective", self._objective).use_rows(batch)
        elif self._over_rows is None and length != self._length:
            self._earlier += self._objective.evaluations
            self._objective = self._of_batch(batch, self._start()).objective
        else:
            self._objective.use({**batch, **self._weights(batch, length)})
        self._length = length
        point = self._solver.point
        value, gradient = self._objective(point)
        self._last_valid, self._value = point, value
        self._solver.follow(gradient)
        return value

    def _weights(self, batch: Block, length: int) -> Block:
        """Return what the rows of a batch count in the objective of a model, if they have weights.

        Raises FileError for a weight that is none.
        """
        known = self._objective.in_memory()
        if WEIGHT not in known:
            return {}
        shape = (length, *known[WEIGHT].shape[1:])
        factors = weighting_of(self._settings, batch).factors(math.prod(shape))
        return {} if factors is None else {WEIGHT: factors.reshape(shape)}

    def _end_of_epoch(self) -> Epoch:
        """Return the epoch that is over, with its measures, and prepare the next one."""
        parameters = self.task.objective.values(self._solver.point)
        value = self._total / self._rows.count
        validation, metric = [measure and measure(parameters) for measure in self._measures]
        number, solver = len(self.epochs) + 1, self._solver
        done = Epoch(number, solver.steps, value, validation, metric, solver.rate)
        if all(value < earlier.value for earlier in self.epochs):
            self._lowest = solver.point
        self.epochs.append(done)
        self._taken, self._total = 0, 0.0
        if self._schedule is not None:
            self._schedule.observe(value)
        return done

    def _mean(self) -> float:
        """Return the last mean objective that is known."""
        if self._taken:
            return self._total / min(self._taken * self._size, self._rows.count)
        return self.epochs[-1].value if self.epochs else self._solver.value

    @property
    def _evaluations(self) -> int:
        """How often the formula was evaluated on a batch."""
        return self._earlier + self._objective.evaluations

    def _minimum(self, reason: Reason) -> Minimum:
        """Return the last point of the run, or the best of one that diverged, as all rows see it.

        One pass over all rows is made for it. Where the last epoch is not known to be the lowest,
        the start and the end of the lowest one are looked at as well.
        """
        end = self._over_all_rows(self._solver.point)
        values = [epoch.value for epoch in self.epochs]
        is_lowest = len(values) > 1 and values[-1] <= min(values)
        ends, start = [end], None
        if reason.ending in {Ending.COMPLETED, Ending.DIVERGED} and not (end and is_lowest):
            start = self._over_all_rows(self.task.start)
            ends += [start, self._over_all_rows(self._lowest)]
        best = min([each for each in ends if each], key=lambda each: each.value, default=None)
        if end is None and reason.ending is Ending.COMPLETED:
            reason = stopping.diverged(self._solver.steps, self._warnings.pop(), self._value)
        if reason.ending is Ending.DIVERGED:
            end = best
        if end is None:
            end = _End(math.nan, self._solver.point, math.nan)
        if start is not None and (growth := stopping.growth(start.value, end.value)):
            self._warnings.append(growth)
        named = self.task.objective.values
        return Minimum(
            expression=origin.source if (origin := self._formula.origin) else self.task.expression,
            parameters=named(end.point),
            minimum=end.value,
            gradient_norm=end.gradient_norm,
            method=self.method.name,
            why=self.method.why,
            reason=reason.sentence,
            ending=reason.ending,
            steps=self._solver.steps,
            evaluations=self._evaluations,
            statistics=None,
            warnings=[
                *self.task.engine_warnings(self._settings, has_steps=False),
                *self._warnings,
            ],
            epochs=self.epochs,
            best=Best(best.value, named(best.point)) if best and best.value < end.value else None,
        )

    def _over_all_rows(self, point: list[Any]) -> _End | None:
        """Return what all rows together say about a point; None, and a warning, where nothing."""
        if self._whole is None:
            over = self._over_rows
            formula = self._formula if over is None else over
            self._whole = self._task(self._rows, self._start(), formula).objective
        try:
            value, gradient = self._whole(point)
        except MathematicsError as error:
            warning = f"the objective has no value over all rows: {error.message}"
        except KeyboardInterrupt:
            warning = "the objective over all rows was not worked out: the run was interrupted"
        else:
            return _End(value, point, self._solver.norm_of(point, gradient))
        if warning not in self._warnings:
            self._warnings.append(warning)
        return None

    # ------------------------------------------------------------ to be continued

    def state(self) -> dict[str, Any]:
        """Return all that the steps to come depend on, besides how this was made."""
        return {
            "solver": self._solver.state(),
            "schedule": {} if self._schedule is None else self._schedule.state(),
            "epochs": [list(epoch) for epoch in self.epochs],
            "good": list(self._last_valid),
            "lowest": list(self._lowest),
            "value": self._value,
            "taken": self._taken,
            "total": self._total,
            "evaluations": self._evaluations,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a training that was made alike, as if it had never stopped."""
        self._solver.restore(state["solver"])
        if self._schedule is not None:
            self._schedule.restore(state["schedule"])
        self.epochs = [Epoch(*epoch) for epoch in state["epochs"]]
        self._last_valid = list(state["good"])
        self._lowest = list(state["lowest"])
        self._taken = state["taken"]
        self._total = state["total"]
        self._value = state["value"]
        self._earlier += state["evaluations"] - self._evaluations

    # ------------------------------------------------------------ what it is made of

    def _start(self) -> dict[str, Any]:
        return {name: self._values[name] for name in self.task.objective.parameters}

    def _first_task(self, start: Mapping[str, Any]) -> Task:
        """Return the task of minimising the formula on the first batch; it checks all names."""
        rows: Rows = self._rows
        over = self._over_rows
        if over is not None and isinstance(rows, PieceRows):  # it looks at all weights
            self._whole = self._task(rows, start, over).objective
        batch = next(rows.batches(self._size, self._settings.seed, 0))
        found = self._of_batch(batch, start)
        flat = found.without_slope(found.check(found.start))
        if flat:
            why = found.why_flat(flat)
            if len(flat) == len(found.start):
                self._unmoved = why
            else:
                self._warnings.append(why)
        return found

    def _of_batches(self) -> list[str]:
        """Return a warning of the statistics inside the formula, which are those of a batch."""
        if self._size == self._rows.count:
            return []
        shapes, entries = self._shapes, self._rows.entries
        formula = read_by_rows(self._read, shapes, entries, self._size)
        mixed = [] if formula is None else inner(formula)
        if formula is None or not mixed:
            return []
        names = listed([label(formula.graph, node) for node in mixed])
        are = "is that" if len(mixed) == 1 else "are those"
        return [f"{names} {are} of each batch, not of all rows"]

    def _of_batch(self, batch: Block | PieceRows, start: Mapping[str, Any]) -> Task:
        """Return the task of minimising the formula on a batch."""
        formula = self._over_rows
        if isinstance(batch, PieceRows):
            assert formula is not None  # noqa: S101 - no others are shared
        elif formula is None:
            formula = self._read({**self._shapes, **{n: array.shape for n, array in batch.items()}})
        return self._task(batch, start, formula)

    def _read(self, shapes: Mapping[str, Shape]) -> Typed:
        """Return the formula read for these shapes."""
        return with_shapes(self._formula, self._formula.origin, shapes)

    def _task(self, data: Block | Rows, start: Mapping[str, Any], formula: Typed) -> Task:
        """Return the task of minimising the formula, read for these rows."""
        settings = self._settings
        if isinstance(data, dict) or getattr(data, "batch", None):  # whose rows nobody can find
            settings = settings.replaced(location=None)
        if settings.engine == "auto":
            # Machine code would begin after a number of evaluations, and a resumed run counts anew.
            settings = settings.replaced(engine="python")
        return task(Request(formula, formula.origin, start, self._fixed, data, settings))

    def _working(self) -> Descent:
        row = METHODS[self.method.name]
        self._rate = row.rate if self._settings.lr is None else self._settings.lr
        return Descent(
            self.task.objective,
            self.task.start,
            row,
            self.method.settings,
            rate=self._rate,
            bounds=self.task.limits,
            engine=self._settings.engine,
        )


def _check(settings: Settings) -> None:
    """Raise UsageError for options that mean nothing to a run over batches."""
    for field in settings.given("steps", "tol", "starts"):
        message = f"{spelled(field)} does not go with {spelled('batch')} and {spelled('epochs')}"
        raise UsageError(message, hint=f"{spelled('epochs')} says how long the run is")


def _method(settings: Settings) -> Method:
    if settings.method is None:
        return first_order(
            DEFAULT_METHOD, [], {}, f"{spelled('batch')} and {spelled('epochs')} ask for it"
        )
    name, positional, keywords = choice(spelled("method"), settings.method)
    if name in SECOND_ORDER:
        message = f"{name} needs all rows at once, and takes no {spelled('batch')}"
        raise UsageError(
            message, hint="choose a first-order method such as adam, or leave them out"
        )
    return first_order(name, positional, keywords, f"{spelled('method')} asks for it")
