"""What the words and options of `minimize` say: read, checked, and with the data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli import arguments, starts
from gradcli.cli.data_options import DataOptions, check_syntax
from gradcli.cli.output import note
from gradcli.cli.plot_options import PlotOptions
from gradcli.cli.written import check_written
from gradcli.errors import ShapeError, UsageError, printable
from gradcli.point import few, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.data.cells import Dates
    from gradcli.data.rows import FileRows, HeldRows
    from gradcli.data.source import Source
    from gradcli.formula import Formula
    from gradcli.minimization.task import Settings

LEARNING_BYTES = 1 << 30
"""How much data is held in memory for learning in batches, 1 GiB; more is shuffled in blocks."""


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
    maximize: bool = False
    subject_to: Sequence[str] = ()
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
    plot: PlotOptions = PlotOptions()
    overlay: Sequence[str] = ()
    report: Sequence[str] = ()
    influence: bool = False

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


def read(words: Sequence[str], options: Options) -> Given:
    """Return the formula, its starts and its data."""
    settings = _settings(options)
    start = starts.start(words, options.fix, options.bounds, options.seed)
    if options.data.check(options.plot.points):
        check_syntax(start.source, [*start.values, *start.fixed])
    start = _with_parameters(start, options)
    rows, source = _rows(start, options)
    shapes = {n: shape_of(x, n) for n, x in {**start.fixed, **start.values}.items()}
    if rows is not None:
        shapes = {**dict.fromkeys(rows.entries, ()), **shapes}
    try:
        formula = formula_over(rows, start.source, shapes)
    except ShapeError as error:
        raise arguments.explained(error, start.source, shapes) from None
    columns = () if source is None else (*source.columns, *[""] * source.unnamed)
    if not start.values:
        start = _without_start(formula, start, columns)
        settings = settings._replace(looks=bool(start.values))
    settings = settings._replace(bounds=start.bounds, columns=columns)
    if source is not None:
        settings = settings._replace(place=source.place)
    return Given(formula, start, settings, rows, source)


def formula_over(rows: HeldRows | FileRows | None, text: str, shapes: Mapping[str, Any]) -> Formula:
    """Return the formula that the text stands for over rows, after its notes are said."""
    from gradcli.formula import parse

    if rows is None:
        return arguments.formula(text, shapes)
    from gradcli.rows.columns import over_rows

    return arguments.said(over_rows(partial(parse, text), rows, shapes))


def _without_start(formula: Formula, start: starts.Start, columns: Sequence[str]) -> starts.Start:
    """Return the start of a model over data that was given none: all its parameters at 1."""
    from gradcli.minimization.task import unstarted

    values = unstarted(formula, formula.origin, start.fixed, columns)
    if values:
        names = few(list(values))
        note(f"no start is given: {names} start{'s' * (len(values) == 1)} at 1")
    return start._replace(values=values)


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
        options.data, start, options.data.paths or (), others, usual if most is None else most << 20
    )


def rows_of(
    data: DataOptions,
    start: starts.Start,
    paths: Sequence[str],
    others: Sequence[str],
    memory: int,
    text: str | None = None,
    dates: Mapping[str, Dates] | None = None,
) -> tuple[HeldRows | FileRows, Source]:
    """Return the rows of files, read as the options say; `text` is the formula if not the own.

    `dates` are those of other data, from whose origins these count.
    """
    from gradcli.rows.columns import rows

    shapes = {n: shape_of(x, n) for n, x in {**start.fixed, **start.values}.items()}
    source = start.source if text is None else text
    return rows(paths, source, others, shapes, memory, **data.reading(dates))


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
        starts=arguments.whole("--starts", options.starts, 1, 1_000_000),
        seed=options.seed,
        weights=options.weights,
        sigma=options.sigma,
        absolute_sigma=options.absolute_sigma,
        loss=options.loss,
        engine=options.engine,
        maximize=options.maximize,
        subject_to=options.subject_to,
        confidence=0.95 if confidence is None else confidence,
    )


def check(options: Options, *, json: bool = False) -> None:
    """Raise UsageError for files that cannot be written so, and options that do not go together."""
    if json and options.every is not None:
        message = "--every shows steps, and --json is one object"
        raise UsageError(message, hint="--log steps.csv writes every step to a file")
    for option, is_given in (
        ("--confidence", options.confidence is not None),
        ("--absolute-sigma", options.absolute_sigma),
    ):
        if is_given and options.learns:
            message = f"{option} does not go with --batch and --epochs"
            raise UsageError(message, hint="standard errors need a fit to all rows at once")
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
        ("--overlay", "--plot", options.overlay and options.plot.plot is None),
        ("--influence", "--predictions", options.influence and options.predictions is None),
    ):
        if is_alone:
            message = f"{option} belongs to {other}"
            raise UsageError(message, hint=f"give {other} too, or leave out {option}")


def check_paths(words: Sequence[str], options: Options) -> dict[str, str]:
    """Return all files and the options they belong to.

    Raises an error for a file that would be read and written, or that cannot be written.
    """
    read = dict.fromkeys(options.data.paths or (), "--data")
    read |= dict.fromkeys(options.validate, "--validate")
    read |= dict.fromkeys(options.overlay, "--overlay")
    if options.plot.points is not None:
        read[options.plot.points] = "--points"
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
        check_written(option, path, {**read, **written})
        written[path] = option
    return {**read, **written}
