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
    formulas = Formulas(words, seed, parameters, beside=[*curves, *([] if x is None else [x])])

    def answer(request: Request) -> None:
        if files is not None:
            _over_rows(request, output, files, trace, allow_nonfinite)
            return
        problem = formulas.problem(request)
        if trace:
            problem.without_ranges("--trace")
        if problem.ranges:
            from gradcli.cli import tables

            tables.show(problem, output, allow_nonfinite=allow_nonfinite)
        elif trace:
            _trace(problem, problem.at_values(allow_nonfinite=allow_nonfinite), output)
        else:
            here = problem.at_values(allow_nonfinite=allow_nonfinite)
            _value(problem, here.value, output, here.doubts())

    with output:
        if plot is None:
            return answered(formulas, output, answer)
        from gradcli.cli import plots

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
    request: Request, output: Output, data: DataOptions, trace: bool, allow_nonfinite: bool
) -> None:
    from gradcli.cli import tables

    with data.opened(request) as over:
        if over.per_row:
            if trace:
                raise over.needs_one("--trace")
            tables.show_rows(over, output, allow_nonfinite=allow_nonfinite)
        elif trace:
            formula = over.formula
            formula.hold()
            here = formula.at(formula.data, allow_nonfinite=allow_nonfinite)
            _trace(over.problem(), here, output)
        else:
            value = over.at_values(allow_nonfinite=allow_nonfinite).value
            _value(over.problem(), value, output)


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
