"""gradcli eval: the value of a formula, and with --trace every value on the way."""

from __future__ import annotations

from gradcli.cli.batch import answered
from gradcli.cli.output import NODE, said_of_digits, say_notes
from gradcli.errors import ExitCode, UsageError
from gradcli.options import spelled
from gradcli.sheets import Column, documents, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.data import OverRows
    from gradcli.cli.options import Eval
    from gradcli.cli.output import Output
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
    if options.trace and options.plot is not None:
        message = "--trace shows one point, and --plot many"
        raise UsageError(message, hint="leave out one of them")
    if options.x is not None and not options.data:
        message = "--x is a column of --data, and there is none"
        raise UsageError(message, hint="for example --data points.csv --x t")
    for field in options.given("samples", "confidence") if options.trace else ():
        message = f"--trace shows standard errors alone, and {spelled(field)} asks for more"
        raise UsageError(message, hint="leave out one of them")
    beside = [*options.curves, *([] if options.x is None else [options.x])]
    return answered(words, options, _show, _over_all, _wrt, beside=beside)


def _show(problem: Problem, output: Output, options: Eval) -> None:
    (_trace if options.trace else show_value)(problem, problem.at_values(output), output)


def _over_all(over: OverRows, output: Output, options: Eval) -> None:
    """Print the one value of all rows of the data."""
    if options.trace or over.is_held_for_errors(output):
        point = over.held(output)
        (_trace if options.trace else show_value)(over.problem(), point, output)
    else:
        _value(over.problem(), over.at_values(output), output)


def _wrt(problem: Problem, _: Output, options: Eval) -> Sequence[str]:
    """Return no names: a table has values alone. Raises errors where one point is asked for."""
    if options.trace:
        raise problem.needs_one_value("--trace")
    return ()


def show_value(problem: Problem, point: Point, output: Output) -> None:
    """Print a value, with its error where the words, the options or a saved fit say one."""
    result = problem.with_error(point, output)
    if result is not None:
        from gradcli.cli.uncertain import show as show_result

        show_result(problem, result, output)
        return
    _value(problem, point, output)


def _value(problem: Problem, point: Point | Sums, output: Output) -> None:
    value = point.value
    say_notes(point.remarks, problem.prefix)
    if output.json:
        said = {"notes": [str(remark) for remark in point.remarks]} if point.remarks else {}
        output.document(problem.document() | {"value": value} | said_of_digits(point) | said)
        return
    output.label = None  # of many formulas each has one line, in which there is but its value
    if output.csv:
        show(VALUE, [value], output)
    else:
        output.line(output.number(value))


def _trace(problem: Problem, point: Point, output: Output) -> None:
    run = point.run(backward=False)
    steps, more = run.steps, {}
    columns = [*NODE]
    result = problem.with_error(point, output)
    if result is not None:
        steps, columns, more = result.with_errors(steps), [*columns, ERROR], result.document()
    if output.json:
        document = problem.document() | {"value": run.value} | said_of_digits(point)
        output.document(document | more | {"nodes": documents(columns, steps)})
    else:
        show(columns, steps, output)
    if result is not None:
        say_notes(result.notes, problem.prefix)
        result.say(problem.prefix)
