"""gradcli minimize: the way down, step by step, and what a fit says about its parameters."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli import arguments, report, steps
from gradcli.cli.output import is_terminal
from gradcli.errors import ExitCode, ShapeError, UsageError, printable
from gradcli.objective import entries
from gradcli.optimize.stopping import Ending
from gradcli.point import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.output import Output
    from gradcli.minimum import Iterate

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
    fix: Sequence[str] = ()
    bounds: Sequence[str] = ()
    starts: str | None = None
    seed: int = 0
    data: Sequence[str] = ()
    separator: str | None = None
    weights: str | None = None
    sigma: str | None = None
    absolute_sigma: bool = False
    loss: str | None = None
    confidence: str | None = None
    every: str | None = None
    log: str | None = None
    save: str | None = None


def minimize(words: Sequence[str], output: Output, options: Options) -> ExitCode:
    """Print the minimum, and on a terminal the steps; the exit code says whether it converged."""
    from gradcli.minimization import minimize as run

    settings = _settings(options)
    stride = arguments.whole("--every", options.every, least=1)
    _check_files(options)
    start = arguments.start(words, options.fix, options.bounds, options.seed)
    columns = _columns(start, options)
    given = {**columns, **start.fixed, **start.values}
    formula = arguments.formula(start.source, {n: shape_of(x, n) for n, x in given.items()})
    names = entries(start.values)
    table = steps.Table(stride) if output.pretty else None
    with steps.log_file(options.log) as file:
        watchers: list[steps.Watcher] = [] if table is None else [table]
        if file is not None and options.log is not None:
            watchers.append(steps.LogFile(names, file, json=options.log.endswith(".jsonl")))
        if stride is not None and table is None and not output.json:
            watchers.append(steps.Rows(names, output, stride))
        live = steps.LiveLine() if is_terminal(sys.stderr) else steps.Watcher()

        def observe(iterate: Iterate) -> None:
            for watcher in watchers:
                watcher.see(iterate)

        try:
            found = run(
                formula,
                start.values,
                origin=formula.origin,
                fixed=start.fixed,
                data=columns,
                settings=settings._replace(bounds=start.bounds),
                observe=observe,
                watch=live.see,
            )
        finally:
            live.end()
        for watcher in watchers:
            watcher.end()
    if table is not None:
        table.show(names, output)
    if stride is None or output.pretty or output.json:
        report.show(found, output, settings.confidence)
    output.finish()
    report.say(found, output)
    if options.save is not None:
        from gradcli.data import parameters

        parameters.save(options.save, found.parameters, report.about(found))
    return _CODES[found.ending]


def _check_files(options: Options) -> None:
    """Raise UsageError for files whose ending does not say how to write them."""
    if options.log is not None and not options.log.endswith((".csv", ".jsonl")):
        message = f"--log writes a .csv or a .jsonl file, not '{printable(options.log, 60)}'"
        raise UsageError(message)
    if options.save is not None:
        from gradcli.data import parameters

        parameters.check_ending("--save", options.save)


def _settings(options: Options) -> Any:
    """Return the options as numbers. Raises UsageError for what is none or out of range."""
    from gradcli.task import Settings

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
        confidence=0.95 if confidence is None else confidence,
    )


def _columns(start: arguments.Start, options: Options) -> dict[str, Any]:
    """Return the columns of --data that the formula mentions."""
    others = [name for name in (options.weights, options.sigma) if name is not None]
    if not options.data:
        if options.separator is not None:
            message = "--separator belongs to --data"
            raise UsageError(message, hint="for example --data points.csv --separator ';'")
        if others:
            message = f"{others[0]} is to be a column, and there is no --data"
            raise UsageError(message, hint="for example --data points.csv")
        return {}
    from gradcli.columns import read

    _check_syntax(start)
    stdin = sys.stdin.buffer if sys.stdin is not None else None
    given = {**start.fixed, **start.values}
    shapes = {name: shape_of(value, name) for name, value in given.items()}
    return read(
        options.data, start.source, others, shapes, separator=options.separator, stdin=stdin
    )


def _check_syntax(start: arguments.Start) -> None:
    """Raise FormulaError for a formula that is wrong whatever the data are."""
    from gradcli.formula import parse

    with suppress(ShapeError):  # it takes arrays
        parse(start.source, [*start.values, *start.fixed])
