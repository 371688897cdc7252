"""gradcli minimize: the way down, step by step, and what a fit says about its parameters."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from gradcli.cli import data, report, steps
from gradcli.cli.data import shares
from gradcli.cli.minimize_arguments import check, read
from gradcli.cli.output import Output, note
from gradcli.errors import ExitCode, UsageError
from gradcli.solvers.stopping import Ending
from gradcli.values import entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.minimize_arguments import MinimizeProblem
    from gradcli.cli.options import Minimize
    from gradcli.cli.plots import MinimumPlot
    from gradcli.formula import Formula
    from gradcli.minimize.checkpoints import CheckpointWriter
    from gradcli.minimize.minimum import Minimum
    from gradcli.solvers.observer import Observer

_CODES = {
    Ending.CONVERGED: ExitCode.DONE,
    Ending.COMPLETED: ExitCode.DONE,
    Ending.EXHAUSTED: ExitCode.NOT_CONVERGED,
    Ending.STALLED: ExitCode.NOT_CONVERGED,
    Ending.DIVERGED: ExitCode.NOT_CONVERGED,
    Ending.INTERRUPTED: ExitCode.INTERRUPTED,
}


def run(words: Sequence[str], options: Minimize) -> ExitCode:
    """Print the minimum, and on a terminal the steps; the exit code says whether it converged."""
    output = Output(options)
    check(options)
    data.check(options, words)
    data.check_writable(options)
    plot = None
    if options.plot is not None:
        from gradcli.cli.plots import MinimumPlot, target

        plot = MinimumPlot(target(options, output), output, options)
    lesson = None
    if options.lesson is not None:
        from gradcli.cli.plots import Lesson

        lesson = Lesson(options.lesson)
    comparison: report.Comparison | None = None
    with ExitStack() as stack:
        problem = read(words, options, stack.enter_context(shares(options)))
        values = {**problem.start.fixed, **problem.start.values}
        derived = report.read_quantities(options.report, values)
        if plot is not None:
            plot.check(problem)
        stop = stack.enter_context(steps.after_the_step())
        checkpoint_writer, resumed = _continued(problem, options)
        if checkpoint_writer is not None:
            stack.callback(checkpoint_writer.write)
        recorders = [each for each in (plot, lesson, checkpoint_writer) if each is not None]
        if options.learns:
            from gradcli.cli.learning import learn

            minimum = learn(problem, output, options, [*recorders, stop], resumed)
        else:
            if problem.also:
                comparison = report.Comparison(problem, stop)
            minimum = _run(problem, output, options, [stop, *recorders], resumed, derived)
            if comparison is not None:
                comparison.run(minimum)
                comparison.show(output)
        stop.end()
        _conclude(minimum, problem, output, options, plot, comparison)
        if lesson is not None:
            lesson.write(minimum, problem)
    fits = [minimum] if comparison is None else comparison.fits
    code = max(_CODES[fit.ending] for fit in fits)
    return ExitCode(stop.code or code)


def _conclude(
    minimum: Minimum,
    problem: MinimizeProblem,
    output: Output,
    options: Minimize,
    plot: MinimumPlot | None,
    comparison: report.Comparison | None,
) -> None:
    """Write all that is to be written of a run that is over, however it ended."""
    others = [] if comparison is None else comparison.fits[1:]
    if plot is not None and plot.is_text:
        plot.show(minimum, problem, others)
    output.finish()
    if comparison is None:
        report.say(minimum, output)
    else:
        comparison.say(output)
    _say_rows(problem)
    if options.has("confidence") and minimum.statistics is None:
        note("--confidence is that of a fit with data, and this is none: there are no intervals")
    if options.learns and options.save is None and not output.json:
        note("the parameters are lost without --save FILE or --json")
    if options.save is not None:
        from gradcli.data import parameters

        about = report.about(minimum)
        origins = {} if problem.source is None else problem.source.origins
        if origins:
            first = {name: dates.origin for name, dates in origins.items()}
            about[parameters.DATES] = {n: d.isoformat() for n, d in first.items() if d is not None}
        parameters.save(options.save, minimum.parameters, about)
    if options.predictions is not None and minimum.predictions is not None:
        classes = {} if problem.source is None else problem.source.classes
        report.write_predictions(options.predictions, minimum.predictions, classes)
    if plot is not None and not plot.is_text:
        plot.show(minimum, problem, others)


def _run(
    problem: MinimizeProblem,
    output: Output,
    options: Minimize,
    others: Sequence[Observer],
    resumed: dict[str, Any] | None,
    derived: Mapping[str, Formula],
) -> Minimum:
    """Return where the run over all rows at once leads; its steps are shown as they are made.

    There are `others` who watch it; a plot on stdout takes the place of the table of the steps.
    """
    from gradcli.minimize.minimize import minimize

    names = entries(problem.start.values)
    stride = options.every
    if stride is None and not output.pretty and options.is_first_order and options.tol == 0:
        stride = 1  # no test ends the run: its steps are what is asked for
    is_drawn = options.plot == "-"
    is_shown = output.pretty and not is_drawn and (stride is not None or not problem.also)
    table = steps.Table(stride) if is_shown else None
    stride = None if is_drawn else stride
    with steps.log_file(options.log, steps.columns(names)) as log:
        observers = [steps.Reader(output), steps.LiveLine(problem.about), table, *others, log]
        if stride is not None and table is None and not output.json:
            observers.append(steps.Rows(names, output, stride))
        minimum = minimize(
            **problem.request._asdict(),
            observers=[each for each in observers if each is not None],
            resumed=resumed,
            predicts=options.predictions is not None or bool(problem.also),
            influences=options.influence,
        )
    if table is not None:
        table.show(names, output, minimum.latest)
    quantities: Sequence[report.Quantity] = ()
    if derived:
        quantities = report.evaluated(derived, minimum, problem.start.fixed)
    if problem.also:
        return minimum
    if stride is None or output.pretty or output.json:
        report.show(minimum, output, problem.settings.confidence, quantities)
    else:  # the steps take the place of the table
        for each in quantities:
            note(f"{each.name} = {each.known or each.value}")
    return minimum


# ---------------------------------------------------------------- checkpoints


def _continued(
    problem: MinimizeProblem, options: Minimize
) -> tuple[CheckpointWriter | None, dict[str, Any] | None]:
    """Return what writes the checkpoint, and the state to go on from."""
    if options.checkpoint is None and options.resume is None:
        return None, None
    from gradcli.data.rows import FileRows, fingerprint
    from gradcli.minimize.checkpoints import CheckpointWriter, identity, state_of

    start = problem.start
    if (options.starts or 1) > 1:
        message = "--starts makes many runs, and a checkpoint holds one"
        raise UsageError(message, hint="leave out --starts or --checkpoint")
    same = options.identity()
    if options.learns:
        same |= {"batch": options.batch or "all rows", "seed": options.seed}
        if isinstance(problem.rows, FileRows):
            same["memory"] = options.memory  # rows are shuffled in blocks of that size
    else:
        same["batch"] = None
    run_identity = identity(
        start.source,
        start.values,
        start.fixed,
        start.bounds,
        None if problem.rows is None else fingerprint(problem.rows),
        same,
    )
    state = None if options.resume is None else state_of(options.resume, run_identity)
    checkpoint_writer = (
        None
        if options.checkpoint is None
        else CheckpointWriter(options.checkpoint, options.checkpoint_every, run_identity)
    )
    return checkpoint_writer, state


def _say_rows(problem: MinimizeProblem) -> None:
    """Say on stderr what a reader of the result should know about the rows."""
    if problem.source is None or problem.rows is None:
        return
    from gradcli.data.rows import FileRows

    data.say_classes(problem.source, problem.rows.entries)
    data.say_read(problem.source)
    if isinstance(problem.rows, FileRows):
        note("the data are read in blocks, again and again; --memory says how much may be held")
