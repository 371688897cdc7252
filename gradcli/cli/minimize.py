"""gradcli minimize: the way down, step by step, and what a fit says about its parameters."""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli import arguments, report, starts, steps
from gradcli.cli.data_options import DataOptions, check_syntax, say_classes, say_dropped
from gradcli.cli.interrupts import after_the_step
from gradcli.cli.output import is_terminal, note
from gradcli.errors import ExitCode, ShapeError, UsageError, printable
from gradcli.language.names import CONSTANTS, is_function, names_in
from gradcli.minimization.objective import entries
from gradcli.optimize.stopping import Ending
from gradcli.point import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.cli.output import Output
    from gradcli.cli.plots import MinimumPlot
    from gradcli.data.rows import FileRows, HeldRows
    from gradcli.data.source import Source
    from gradcli.formula import Formula
    from gradcli.minimization.continuing import Keeper
    from gradcli.minimization.minimum import Iterate, Minimum
    from gradcli.minimization.task import Settings

LEARNING_BYTES = 1 << 30
"""How much data is held in memory for learning in batches, 1 GiB; more is shuffled in blocks."""

_CODES = {
    Ending.CONVERGED: ExitCode.DONE,
    Ending.COMPLETED: ExitCode.DONE,
    Ending.EXHAUSTED: ExitCode.NOT_CONVERGED,
    Ending.DIVERGED: ExitCode.NOT_CONVERGED,
    Ending.INTERRUPTED: ExitCode.INTERRUPTED,
}


class Options(NamedTuple):
    """The options of the command as they were typed."""

    method: str | None = None
    lr: str | None = None
    schedule: str | None = None
    steps: str | None = None
    tol: str | None = None
    seconds: str | None = None
    engine: str = "auto"
    fix: Sequence[str] = ()
    bounds: Sequence[str] = ()
    starts: str | None = None
    seed: int = 0
    data: DataOptions = DataOptions()
    memory: str | None = None
    weights: str | None = None
    sigma: str | None = None
    absolute_sigma: bool = False
    loss: str | None = None
    confidence: str | None = None
    batch: str | None = None
    epochs: str | None = None
    validate: Sequence[str] = ()
    metric: str | None = None
    checkpoint: str | None = None
    checkpoint_every: str | None = None
    resume: str | None = None
    every: str | None = None
    log: str | None = None
    save: str | None = None
    predictions: str | None = None
    plot: str | None = None

    @property
    def learns(self) -> bool:
        """Whether the rows are taken in batches, epoch after epoch."""
        return self.batch is not None or self.epochs is not None


class Given(NamedTuple):
    """What the words and options say, read and checked, and the data."""

    formula: Formula
    start: starts.Start
    settings: Settings
    rows: HeldRows | FileRows | None
    source: Source | None


def minimize(words: Sequence[str], output: Output, options: Options) -> ExitCode:
    """Print the minimum, and on a terminal the steps; the exit code says whether it converged."""
    stride = arguments.whole("--every", options.every, least=1)
    _check(options)
    files = _check_paths(words, options)
    plot = None
    if options.plot is not None:
        from gradcli.cli.plots import MinimumPlot

        plot = MinimumPlot(options.plot, output, files)
    given = _given(words, options)
    with ExitStack() as stack:
        stop = stack.enter_context(after_the_step())
        keeper, resumed = _continued(given, options)
        if keeper is not None:
            stack.enter_context(keeper)
        if options.learns:
            from gradcli.cli.learning import learn

            found = learn(given, output, options, keeper, resumed, stop, stride or 1)
        else:
            found = _run(given, output, options, stride, keeper, resumed, stop, plot)
    if plot is not None and plot.is_text:
        plot.show(found, given)
    output.finish()
    report.say(found, output)
    _say_rows(given)
    if options.learns and options.save is None and not output.json:
        note("the parameters are lost without --save FILE or --json")
    if options.save is not None:
        from gradcli.data import parameters

        parameters.save(options.save, found.parameters, report.about(found))
    if options.predictions is not None and found.predictions is not None:
        from gradcli.cli import predictions

        classes = {} if given.source is None else given.source.classes
        predictions.write(options.predictions, found.predictions, classes)
    if plot is not None and not plot.is_text:
        plot.show(found, given)
    return _CODES[found.ending]


def _run(
    given: Given,
    output: Output,
    options: Options,
    stride: int | None,
    keeper: Keeper | None,
    resumed: dict[str, Any] | None,
    stop: Callable[[], bool],
    plot: MinimumPlot | None,
) -> Minimum:
    """Return where the run over all rows at once leads; its steps are shown as they are made.

    They are kept for a `plot`; one on stdout takes the place of their table.
    """
    from gradcli.minimization.minimize import minimize as run
    from gradcli.rows.columns import values_of

    names = entries(given.start.values)
    taken = {"step", "value", "gradient_norm", "learning_rate"} & set(names)
    if taken and (options.log is not None or stride is not None):
        message = f"{taken.pop()} is a column of the steps, and a parameter as well"
        raise UsageError(message, hint="give the parameter another name")
    if stride is None and not output.pretty and _is_first_order(options):
        stride = 1  # its steps are what one wants to see; the last one is the result
    is_drawn = plot is not None and plot.is_text
    table = steps.Table(stride) if output.pretty and not is_drawn else None
    stride = None if is_drawn else stride
    with steps.log_file(options.log) as file:
        watchers: list[steps.Watcher] = [w for w in (table, plot) if w is not None]
        if file is not None and options.log is not None:
            watchers.append(steps.LogFile(names, file, json=options.log.endswith(".jsonl")))
        if stride is not None and table is None and not output.json:
            watchers.append(steps.Rows(names, output, stride))
        live = steps.LiveLine() if is_terminal(sys.stderr) else steps.Watcher()

        def observe(iterate: Iterate) -> None:
            for watcher in watchers:
                watcher.see(iterate)

        def following(step: int) -> int | None:
            wanted = [watcher.following(step) for watcher in watchers]
            if keeper is not None:
                wanted.append(keeper.following(step))
            return min([other for other in wanted if other is not None], default=None)

        try:
            found = run(
                given.formula,
                given.start.values,
                origin=given.formula.origin,
                fixed=given.start.fixed,
                data={} if given.rows is None else values_of(given.rows),
                settings=given.settings,
                observe=observe,
                watch=live.see,
                keep=None if keeper is None else keeper.keep,
                resumed=resumed,
                stop=stop,
                following=following,
                predicts=options.predictions is not None,
            )
        finally:
            live.end()
        for watcher in watchers:
            watcher.end()
    if table is not None:
        table.show(names, output, found.latest)
    if stride is None or output.pretty or output.json:
        report.show(found, output, given.settings.confidence)
    return found


def _is_first_order(options: Options) -> bool:
    """Return whether a first-order method is asked for."""
    from gradcli.minimization.methods import SECOND_ORDER

    if options.method is None:
        return options.lr is not None or options.schedule is not None
    return options.method.partition("(")[0].strip() not in SECOND_ORDER


# ---------------------------------------------------------------- what is given


def _given(words: Sequence[str], options: Options) -> Given:
    """Return the formula, its starts and its data."""
    settings = _settings(options)
    start = starts.start(words, options.fix, options.bounds, options.seed)
    if options.data.check():
        check_syntax(start.source, [*start.values, *start.fixed])
    start = _with_parameters(start, options)
    rows, source = _rows(start, options)
    shapes = {n: shape_of(x, n) for n, x in {**start.fixed, **start.values}.items()}
    if rows is not None:
        from gradcli.rows.columns import shapes_of

        shapes = {**shapes_of(rows, start.source, shapes), **shapes}
    try:
        formula = arguments.formula(start.source, shapes)
    except ShapeError as error:
        raise _explained(error, start.source, shapes) from None
    columns = () if source is None else tuple(source.columns)
    settings = settings._replace(bounds=start.bounds, columns=columns)
    return Given(formula, start, settings, rows, source)


def _explained(error: ShapeError, source: str, shapes: Mapping[str, Any]) -> ShapeError:
    """Return the error, its repair being a value for the name that was taken for a number."""
    unknown = [
        name
        for name in sorted(names_in(source) - shapes.keys() - CONSTANTS.keys())
        if not is_function(name) and not re.search(rf"\b{name}\b\s*(?:\([^)]*\))?\s*=", source)
    ]
    if unknown:
        error.hint = f"{unknown[0]} has no value and is taken for a number; add {unknown[0]}=…"
    return error


def _with_parameters(start: starts.Start, options: Options) -> starts.Start:
    """Return the start with the values of --params for the names of the formula."""
    known = options.data.needed(start.source, start.values)
    more = {name: value for name, value in known.items() if name not in start.fixed}
    return start._replace(values={**start.values, **more})


def _rows(
    start: starts.Start, options: Options
) -> tuple[HeldRows | FileRows | None, Source | None]:
    """Return the rows of --data with the columns that the formula mentions."""
    from gradcli.rows.columns import HELD_BYTES

    others = [name for name in (options.weights, options.sigma) if name is not None]
    if not options.data.paths:
        if others:
            message = f"{others[0]} is to be a column, and there is no --data"
            raise UsageError(message, hint="for example --data points.csv")
        if options.learns:
            message = "--batch and --epochs take rows, and there is no --data"
            raise UsageError(message, hint="for example --data train.npz")
        return None, None
    most = arguments.whole("--memory", options.memory, 0)
    usual = LEARNING_BYTES if options.learns else HELD_BYTES
    return rows_of(
        options.data, start, options.data.paths, others, usual if most is None else most << 20
    )


def rows_of(
    data: DataOptions,
    start: starts.Start,
    paths: Sequence[str],
    others: Sequence[str],
    memory: int,
    text: str | None = None,
) -> tuple[HeldRows | FileRows, Source]:
    """Return the rows of files, read as the options say; `text` is the formula if not the own."""
    from gradcli.rows.columns import rows

    shapes = {n: shape_of(x, n) for n, x in {**start.fixed, **start.values}.items()}
    return rows(
        paths,
        start.source if text is None else text,
        others,
        shapes,
        memory,
        matrix=data.patterns(),
        classes=list(dict.fromkeys(data.classes)),
        separator=data.separator,
        drop_missing=data.drop_missing,
        stdin=None if sys.stdin is None else sys.stdin.buffer,
    )


def _settings(options: Options) -> Settings:
    """Return the options as numbers. Raises UsageError for what is none or out of range."""
    from gradcli.minimization.task import Settings

    confidence = arguments.positive("--confidence", options.confidence)
    if confidence is not None and confidence >= 1:
        message = (
            f"--confidence must be between 0 and 1, not {printable(str(options.confidence), 60)}"
        )
        raise UsageError(message, hint="for example --confidence 0.95")
    return Settings(
        method=options.method,
        rate=arguments.positive("--lr", options.lr),
        schedule=options.schedule,
        steps=arguments.whole("--steps", options.steps, least=0),
        tolerance=arguments.not_negative("--tol", options.tol),
        seconds=arguments.positive("--seconds", options.seconds),
        starts=arguments.whole("--starts", options.starts, 1, 1_000_000) or 1,
        seed=options.seed,
        weights=options.weights,
        sigma=options.sigma,
        absolute_sigma=options.absolute_sigma,
        loss=options.loss,
        engine=options.engine,
        confidence=0.95 if confidence is None else confidence,
    )


def _check(options: Options) -> None:
    """Raise UsageError for files that cannot be written so, and options that lack another one."""
    if options.log is not None and not options.log.endswith((".csv", ".jsonl")):
        message = f"--log writes a .csv or a .jsonl file, not '{printable(options.log, 60)}'"
        raise UsageError(message)
    if options.save is not None:
        from gradcli.data import parameters

        parameters.check_ending("--save", options.save)
    if options.predictions is not None:
        from gradcli.cli import predictions

        if options.learns:
            message = "--predictions does not go with --batch and --epochs"
            raise UsageError(message, hint="a confidence band needs a fit to all rows at once")
        predictions.check_ending(options.predictions)
    for option, other, is_alone in (
        ("--metric", "--validate", options.metric and not options.validate),
        ("--validate", "--epochs", options.validate and not options.learns),
        ("--checkpoint-every", "--checkpoint", options.checkpoint_every and not options.checkpoint),
        ("--memory", "--data", options.memory and not options.data.paths),
    ):
        if is_alone:
            message = f"{option} belongs to {other}"
            raise UsageError(message, hint=f"give {other} too, or leave out {option}")


def _check_paths(words: Sequence[str], options: Options) -> dict[str, str]:
    """Return all files and the options they belong to.

    Raises an error for a file that would be read and written, or that cannot be written.
    """
    read = dict.fromkeys(options.data.paths, "--data")
    read |= dict.fromkeys(options.validate, "--validate")
    if words and words[0].startswith("@"):
        read[words[0][1:]] = "the formula"
    options.data.check_stdin(words)
    if "" in read or options.data.separator == "":
        option = "--separator" if options.data.separator == "" else read[""]
        message = f"{option} is empty"
        raise UsageError(message)
    written: dict[str, str] = {}
    for option, path in (
        ("--log", options.log),
        ("--save", options.save),
        ("--predictions", options.predictions),
        ("--checkpoint", options.checkpoint),
    ):
        if path is None:
            continue
        for other, user in {**read, **written}.items():
            if os.path.realpath(other) == os.path.realpath(path):
                shown = printable(path, 200)
                message = f"{option} would write over '{shown}', the file of {user}"
                raise UsageError(message, hint="give it another name")
        from gradcli.data.files import check_writable

        check_writable(path)
        written[path] = option
    return {**read, **written}


# ---------------------------------------------------------------- checkpoints


def _continued(given: Given, options: Options) -> tuple[Keeper | None, dict[str, Any] | None]:
    """Return what writes the checkpoint, and the state to go on from."""
    every = arguments.whole("--checkpoint-every", options.checkpoint_every, least=1)
    if options.checkpoint is None and options.resume is None:
        return None, None
    from gradcli.data.rows import fingerprint
    from gradcli.minimization.continuing import Keeper, identity, state_of

    start, settings = given.start, given.settings
    if settings.starts > 1:
        message = "--starts makes many runs, and a checkpoint holds one"
        raise UsageError(message, hint="leave out --starts or --checkpoint")
    same = {
        "method": settings.method,
        "lr": settings.rate,
        "schedule": settings.schedule,
        "tol": settings.tolerance,
        "weights": settings.weights,
        "sigma": settings.sigma,
        "loss": settings.loss,
    }
    if options.learns:
        size = arguments.whole("--batch", options.batch, least=1)
        same |= {"batch": size or "all rows", "seed": options.seed}
        if given.rows is not None and given.rows.held is None:
            same["memory"] = options.memory  # rows are shuffled in blocks of that size
    else:
        same["batch"] = None
    who = identity(
        start.source,
        start.values,
        start.fixed,
        start.bounds,
        None if given.rows is None else fingerprint(given.rows),
        same,
    )
    state = None if options.resume is None else state_of(options.resume, who)
    keeper = None if options.checkpoint is None else Keeper(options.checkpoint, every, who)
    return keeper, state


def _say_rows(given: Given) -> None:
    """Say on stderr what a reader of the result should know about the rows."""
    if given.source is None or given.rows is None:
        return
    say_classes(given.source, given.rows.entries)
    say_dropped(given.source)
    if given.rows.held is None:
        note("the data are read in blocks, again and again; --memory says how much may be held")
