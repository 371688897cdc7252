"""gradcli eval: the value of a formula, and with --trace every value on the way."""

from __future__ import annotations

from gradcli.cli.batch import Formulas, answered
from gradcli.cli.output import NODE, Output, said_of_digits, say_notes
from gradcli.errors import ExitCode, UsageError
from gradcli.options import spelled
from gradcli.sheets import Column, documents, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.batch import Request
    from gradcli.cli.options import Eval
    from gradcli.cli.plots import Target
    from gradcli.cli.uncertain import Errors
    from gradcli.point import Point
    from gradcli.tables.sums import Sums

VALUE = (Column("value", lambda value: value),)
"""The value of a formula."""

ERROR = Column("standard_error", terminal="std. error")
"""The standard error of the value of an input, or of the result."""


def run(words: Sequence[str], options: Eval) -> ExitCode:
    """Print the value of each formula; with --trace, the forward pass node by node.

    With files of data, print the value in each of their rows, or the one for all of them. A plot
    shows the values over ranges or rows, and takes the place of their table on stdout.
    """
    output = Output(options)
    plot = None
    if options.plot is not None:
        from gradcli.cli import plots

        plot = plots.target(options, output)
        if options.trace:
            message = "--trace shows one point, and --plot many"
            raise UsageError(message, hint="leave out one of them")
    if options.data:
        from gradcli.cli import data

        data.check(options, words)
    elif options.x is not None:
        message = "--x is a column of --data, and there is none"
        raise UsageError(message, hint="for example --data points.csv --x t")
    for field in options.given("samples", "confidence") if options.trace else ():
        message = f"--trace shows standard errors alone, and {spelled(field)} asks for more"
        raise UsageError(message, hint="leave out one of them")
    beside = [*options.curves, *([] if options.x is None else [options.x])]
    formulas = Formulas(words, options, beside=beside)

    def answer(request: Request) -> None:
        if options.data:
            _over_rows(request, output, options, plot, formulas.known)
            return
        problem = formulas.problem(request)
        if options.trace:
            _trace(problem, problem.without_ranges("--trace").at_values(output), output)
        else:
            show_value(problem, output)

    with output:
        if plot is None:
            return answered(formulas, output, answer)
        if options.data:
            answer(formulas.one("--plot over data"))
        else:
            shown = [(problem, (), ()) for problem in formulas.problems()]
            curves = [formulas.curve(text) for text in options.curves]
            plots.over_ranges(shown, plot, output, options, curves)
    return ExitCode.DONE


def show_value(problem: Problem, output: Output) -> Point | None:
    """Print the value, or with ranges the table; return the point where there is one."""
    if problem.ranges:
        from gradcli.cli import tables

        tables.show(problem, output)
        return None
    here = problem.at_values(output)
    _answer(problem, here, output)
    return here


def _over_rows(
    request: Request, output: Output, options: Eval, plot: Target | None, known: Errors | None
) -> None:
    from gradcli.cli import data, tables

    with data.opened(options, request, known) as over:
        if plot is not None:
            from gradcli.cli import plots

            plots.over_rows(over, (), plot, output)
        elif over.per_row:
            if options.trace:
                raise over.needs_one("--trace")
            tables.show_rows(over, output)
        elif options.trace or over.is_held_for_errors(output):
            here = over.held(output)
            show_it = _trace if options.trace else _answer
            show_it(over.problem(), here, output)
        else:
            _value(over.problem(), over.at_values(output), output)


def _answer(problem: Problem, here: Point, output: Output) -> None:
    """Show a value, with its error where the words, the options or a saved fit say one."""
    result = problem.with_error(here, output)
    if result is not None:
        from gradcli.cli.uncertain import show as show_result

        show_result(problem, result, output)
        return
    _value(problem, here, output)


def _value(problem: Problem, here: Point | Sums, output: Output) -> None:
    value = here.value
    say_notes(here.remarks, problem.where)
    if output.json:
        said = {"notes": [str(remark) for remark in here.remarks]} if here.remarks else {}
        output.document(problem.document() | {"value": value} | said_of_digits(here) | said)
        return
    output.label = None  # of many formulas each has one line, in which there is but its value
    if output.csv:
        show(VALUE, [value], output)
    else:
        output.line(output.number(value))


def _trace(problem: Problem, here: Point, output: Output) -> None:
    run = here.run(backward=False)
    steps, more = run.steps, {}
    columns = [*NODE]
    result = problem.with_error(here, output)
    if result is not None:
        steps, columns, more = result.with_errors(steps), [*columns, ERROR], result.document()
    if output.json:
        document = problem.document() | {"value": run.value} | said_of_digits(here)
        output.document(document | more | {"nodes": documents(columns, steps)})
    else:
        show(columns, steps, output)
    if result is not None:
        say_notes(result.notes, problem.where)
        result.say(problem.where)
