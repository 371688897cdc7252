"""Learning in batches on the command line: a bar while it goes on, and a row for each epoch."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from gradcli.cli import steps
from gradcli.cli.data import reading
from gradcli.cli.minimize_arguments import formula_over
from gradcli.cli.options import MEMORY_OF_MANY
from gradcli.cli.output import is_terminal
from gradcli.errors import FileError, NameValueError
from gradcli.minimize.training import Batches, Training
from gradcli.rows.columns import rows, values_of
from gradcli.sheets import Column
from gradcli.solvers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.cli.minimize_arguments import MinimizeProblem
    from gradcli.cli.options import Minimize
    from gradcli.cli.output import Output
    from gradcli.minimize.minimum import Epoch, Minimum

    Measure = Callable[[Mapping[str, Any]], float]

EPOCH = (
    Column("epoch"),
    Column("step"),
    Column("value"),
    Column("validation"),
    Column("metric"),
    Column("learning_rate", terminal="rate"),
)
"""What is shown of each epoch."""


def learn(
    problem: MinimizeProblem,
    output: Output,
    options: Minimize,
    others: Sequence[Observer],
    resumed: dict[str, Any] | None,
) -> Minimum:
    """Return where the epochs lead; each is shown when it is over. `others` observe too."""
    assert problem.rows is not None  # noqa: S101 - checked with the options
    epochs = options.epochs or 1
    validation = metric = None
    if options.validate:
        validation = _measure(problem, options, problem.start.source, "--validate")
        if options.metric is not None:
            metric = _measure(problem, options, options.metric, "--metric")
    training = Training(
        problem.request._replace(data=problem.rows),
        Batches(options.batch, epochs),
        validation=validation,
        metric=metric,
    )
    if resumed is not None:
        training.restore(resumed)
    is_measured = {"validation": validation is not None, "metric": metric is not None}
    columns = [column for column in EPOCH if is_measured.get(column.key, True)]
    with steps.log_file(options.log, columns) as log:
        quiet = output.json or options.plot == "-"  # the plot takes the place of the rows
        rows = None if quiet else steps.Stream(columns, output)
        screen = Screen(rows, problem.rows.count, epochs, options.every or 1)
        observers = [screen, log, *others]
        minimum = training.run([each for each in observers if each is not None])
    if output.json:
        output.document(minimum.document())
    elif output.pretty:
        for line in ("", f"{minimum.method}: {minimum.why}", minimum.reason):
            output.line(line)
    return minimum


# ---------------------------------------------------------------- what is measured


def _measure(problem: MinimizeProblem, options: Minimize, text: str, option: str) -> Measure:
    """Return the function from the parameters to the value of a formula on the rows of --validate.

    Raises errors for a formula that is no single number or uses names that have no value.
    """
    from gradcli.minimize.rows_objective import measure

    start = problem.start
    dates = None if problem.source is None else problem.source.origins
    keywords, memory = reading(options, dates), MEMORY_OF_MANY << 20
    validated, source = rows(options.validate, text, (), start.shapes(), memory, **keywords)
    if problem.source is not None:
        for name, texts in source.classes.items():
            if texts != problem.source.classes.get(name):
                message = f"{name} of --validate has other texts than --data"
                raise FileError(message, hint="give the classes as numbers in both files")
    formula = formula_over(validated, text, start.shapes())
    if formula.shape:
        message = f"{option} needs a single number, and the formula has shape {formula.shape}"
        raise NameValueError(message, hint="take its sum or mean")
    return measure(formula, formula.origin, start.fixed, start.values, values_of(validated))


# ---------------------------------------------------------------- what is shown


class Screen(Observer):
    """Shows a bar on a terminal, and every epoch as a row."""

    def __init__(self, rows: steps.Stream | None, count: int, epochs: int, stride: int) -> None:
        self._rows = rows
        self._count = count
        self._epochs = epochs
        self._stride = stride
        self._bar: Any = None
        self._task: Any = None
        self._next = math.inf

    def start(self) -> None:
        """Begin to count the seconds until the bar is shown."""
        if is_terminal(sys.stderr):
            self._next = time.monotonic() + steps.QUIET_SECONDS

    def batch(self, epoch: int, rows: int, value: float) -> None:
        """Bring the bar up to date, ten times a second."""
        if self._next == math.inf:
            return
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.1
        done = (epoch - 1) * self._count + rows
        if self._bar is None:
            self._open(done)
        self._bar.start()
        text, speed = f"epoch {epoch} of {self._epochs}", self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            completed=done,
            description=text,
            value=f"{value:.4g}",
            speed="" if speed is None else f"{speed:,.0f} rows/s",
        )

    def _open(self, done: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("objective {task.fields[value]}", markup=False),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task(
            "", total=self._epochs * self._count, completed=done, value="", speed=""
        )

    def epoch(self, epoch: Epoch, point: Sequence[Any] | None) -> None:  # noqa: ARG002
        """Print the row of an epoch, the bar out of the way."""
        is_shown = epoch.epoch % self._stride == 0 or epoch.epoch == self._epochs
        if self._rows is None or not is_shown:
            return
        if self._bar is not None:
            self._bar.stop()
        self._rows.row(epoch)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
