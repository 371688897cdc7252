"""gradcli eval: the value of a formula, and with --trace every value on the way."""

from __future__ import annotations

from gradcli.cli.batch import Formulas, answered
from gradcli.cli.output import node_heading, say_notes
from gradcli.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.batch import Request
    from gradcli.cli.data_options import DataOptions
    from gradcli.cli.output import Output
    from gradcli.cli.plot_options import Against
    from gradcli.cli.plots import Target
    from gradcli.cli.uncertain import Errors, UncertainOptions
    from gradcli.findings import Note
    from gradcli.point import Point


def evaluate(
    words: Sequence[str],
    output: Output,
    *,
    trace: bool = False,
    allow_nonfinite: bool = False,
    seed: int = 0,
    data: DataOptions | None = None,
    plot: Target | None = None,
    against: Against | None = None,
    uncertain: UncertainOptions | None = None,
    samples: str | None = None,
    errors: bool = False,
) -> ExitCode:
    """Print the value of each formula; with `trace`, the forward pass node by node.

    With files of `data`, print the value in each of their rows, or the one for all of them. A
    `plot` shows the values over ranges or rows, and takes the place of their table on stdout;
    `against` says what stands beside them.
    """
    x, curves = (None, ()) if against is None else (against.x, against.curves or ())
    if trace and plot is not None:
        message = "--trace shows one point, and --plot many"
        raise UsageError(message, hint="leave out one of them")
    files = None if data is None else data.if_any(words, plot and plot.points)
    if x is not None and files is None:
        message = "--x is a column of --data, and there is none"
        raise UsageError(message, hint="for example --data points.csv --x t")
    parameters = None if data is None or files is not None else data.parameters()
    known = None
    if uncertain is not None or samples is not None or errors:
        from gradcli.cli.uncertain import Errors

        saved = None if data is None else data.covariance()
        known = Errors(uncertain, saved, is_asked=errors, samples=samples, seed=seed)
    formulas = Formulas(words, seed, parameters, beside=[*curves, *([] if x is None else [x])])

    def answer(request: Request) -> None:
        if files is not None:
            _over_rows(request, output, files, trace, allow_nonfinite, known)
            return
        problem = formulas.problem(request)
        if trace:
            problem.without_ranges("--trace")
        if problem.ranges:
            from gradcli.cli import tables

            tables.show(problem, output, allow_nonfinite=allow_nonfinite, errors=known)
        elif trace:
            _trace(problem, problem.at_values(allow_nonfinite=allow_nonfinite), output)
        else:
            here = problem.at_values(allow_nonfinite=allow_nonfinite)
            _answer(problem, here, output, known)

    if trace and known is not None and known.is_asked:
        message = "--trace shows values without their standard errors"
        raise UsageError(message, hint="leave out --trace, or the options for errors")
    with output:
        if plot is None:
            return answered(formulas, output, answer)
        from gradcli.cli import plots

        if known is not None and known.is_asked:
            message = "a plot shows values without their standard errors"
            raise UsageError(message, hint="leave out --plot, or the options for errors")
        if files is not None:
            with files.opened(formulas.one("--plot over data"), x, curves) as over:
                plots.over_rows(over, (), plot, output, allow_nonfinite=allow_nonfinite)
            return ExitCode.DONE
        shown = [(problem, (), ()) for problem in formulas.problems()]
        beside = [formulas.curve(text) for text in curves]
        plots.over_ranges(
            shown, plot, output, allow_nonfinite=allow_nonfinite, beside=beside, data=data
        )
    return ExitCode.DONE


def _over_rows(
    request: Request,
    output: Output,
    data: DataOptions,
    trace: bool,
    allow_nonfinite: bool,
    errors: Errors | None,
) -> None:
    from gradcli.cli import tables

    beside = () if errors is None else errors.columns.values()
    with data.opened(request, " + ".join(beside) or None, is_plot=False) as over:
        if over.per_row:
            if trace:
                raise over.needs_one("--trace")
            tables.show_rows(over, output, allow_nonfinite=allow_nonfinite, errors=errors)
        elif trace:
            formula = over.formula
            formula.hold()
            here = formula.at(formula.data, allow_nonfinite=allow_nonfinite)
            _trace(over.problem(), here, output)
        elif over.errors or (errors is not None and errors.is_asked):
            formula = over.formula
            formula.hold()
            here = formula.at(formula.data, allow_nonfinite=allow_nonfinite)
            _answer(over.problem(), here, output, errors)
        else:
            value = over.at_values(allow_nonfinite=allow_nonfinite).value
            _value(over.problem(), value, output)


def _answer(problem: Problem, here: Point, output: Output, errors: Errors | None) -> None:
    """Show a value, with its error where the words, the options or a saved fit say one."""
    if errors is not None or problem.errors:
        from gradcli.cli import uncertain

        errors = errors or uncertain.Errors()
        given = errors.of(problem)
        if given is not None and errors.is_wanted(problem, output):
            found = errors.at(here, problem, given)
            if found is not None:
                uncertain.show(problem, found, errors, given, output)
                return
    _value(problem, here.value, output, here.doubts())


def _value(problem: Problem, value: float, output: Output, notes: Sequence[Note] = ()) -> None:
    if output.json:
        said = {"notes": [str(remark) for remark in notes]} if notes else {}
        output.document(problem.document() | {"value": value} | said)
        return
    say_notes(notes, problem.where)
    output.label = None  # of many formulas each has one line, in which there is but its value
    if output.csv:
        output.table(["value"], [[output.number(value)]])
    else:
        output.line(output.number(value))


def _trace(problem: Problem, here: Point, output: Output) -> None:
    run = here.run(backward=False)
    if output.json:
        nodes = [
            {
                "id": step.id,
                "name": step.name,
                "formula": step.formula,
                "operation": step.operation,
                "value": step.value,
            }
            for step in run.steps
        ]
        output.document(problem.document() | {"value": run.value, "nodes": nodes})
        return
    rows = [
        [f"#{step.id}", step.name or "", step.formula, output.cell(step.value)]
        for step in run.steps
    ]
    output.table(["node", "name", node_heading(output), "value"], rows, right=3)
