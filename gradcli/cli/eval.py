"""gradcli eval: the value of a formula, and with --trace every value on the way."""

from __future__ import annotations

from gradcli.cli.batch import Formulas, answered, known_errors
from gradcli.cli.options import Uncertain
from gradcli.cli.output import Output, said_of_digits, say_notes
from gradcli.errors import ExitCode, UsageError
from gradcli.options import spelled
from gradcli.sheets import ERROR, NODE, VALUE, documents, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.batch import Request
    from gradcli.cli.options import Eval
    from gradcli.cli.uncertain import Errors
    from gradcli.point import Point
    from gradcli.tables.sums import Sums

ERRORS = *Uncertain.records(), "samples", "errors"
"""The options that ask for the standard error of the value."""


def run(words: Sequence[str], options: Eval) -> ExitCode:
    """Print the value of each formula; with --trace, the forward pass node by node.

    With files of data, print the value in each of their rows, or the one for all of them. A plot
    shows the values over ranges or rows, and takes the place of their table on stdout.
    """
    output = Output.of(options)
    trace, allow_nonfinite = options.trace, options.allow_nonfinite
    plot = None
    if options.plot is not None:
        from gradcli.cli import plots

        plot = plots.target(options, output, words)
        if trace:
            message = "--trace shows one point, and --plot many"
            raise UsageError(message, hint="leave out one of them")
    has_data, known = False, None
    if options.given("data", "params", "points"):
        from gradcli.cli import data

        has_data = data.check(options, words)
        known = None if has_data else data.parameters(options)
    if options.x is not None and not has_data:
        message = "--x is a column of --data, and there is none"
        raise UsageError(message, hint="for example --data points.csv --x t")
    errors = _errors(options)
    beside = [*options.curves, *([] if options.x is None else [options.x])]
    formulas = Formulas(words, options.seed, known, beside=beside)

    def answer(request: Request) -> None:
        if has_data:
            _over_rows(request, output, options, errors)
            return
        problem = formulas.problem(request)
        if trace:
            here = problem.without_ranges("--trace").at_values(
                allow_nonfinite=allow_nonfinite, digits=output.digits
            )
            _trace(problem, here, output, errors)
        else:
            show_value(problem, output, errors, allow_nonfinite=allow_nonfinite)

    with output:
        if plot is None:
            return answered(formulas, output, answer)
        if has_data:
            one = formulas.one("--plot over data")
            wanted = () if errors is None else errors.columns.values()
            with data.opened(options, one, options.x, options.curves, wanted=wanted) as over:
                plots.over_rows(
                    over, (), plot, output, allow_nonfinite=allow_nonfinite, errors=errors
                )
            return ExitCode.DONE
        shown = [(problem, (), ()) for problem in formulas.problems()]
        curves = [formulas.curve(text) for text in options.curves]
        plots.over_ranges(
            shown,
            plot,
            output,
            allow_nonfinite=allow_nonfinite,
            data=options,
            beside=curves,
            errors=errors,
        )
    return ExitCode.DONE


def _errors(options: Eval) -> Errors | None:
    """Return what the options and a saved fit say about errors; None where they say nothing."""
    if not options.given(*ERRORS, "params"):
        return None
    from gradcli.cli import data
    from gradcli.cli.uncertain import Errors

    for field in options.given("samples", "confidence") if options.trace else ():
        message = f"--trace shows standard errors alone, and {spelled(field)} asks for more"
        raise UsageError(message, hint="leave out one of them")
    return Errors(options, data.covariance(options))


def show_value(
    problem: Problem, output: Output, errors: Errors | None, *, allow_nonfinite: bool = False
) -> Point | None:
    """Print the value, or with ranges the table; return the point where there is one."""
    if problem.ranges:
        from gradcli.cli import tables

        tables.show(problem, output, allow_nonfinite=allow_nonfinite, errors=errors)
        return None
    here = problem.at_values(allow_nonfinite=allow_nonfinite, digits=output.digits)
    _answer(problem, here, output, errors)
    return here


def _over_rows(request: Request, output: Output, options: Eval, errors: Errors | None) -> None:
    from gradcli.cli import data, tables

    allow_nonfinite = options.allow_nonfinite
    wanted = () if errors is None else errors.columns.values()
    with data.opened(options, request, wanted=wanted) as over:
        known = known_errors(over.problem(), errors)
        if over.per_row:
            if options.trace:
                raise over.needs_one("--trace")
            tables.show_rows(over, output, allow_nonfinite=allow_nonfinite, errors=errors)
        elif options.trace or over.is_held_for(known, output):
            here = over.held(allow_nonfinite=allow_nonfinite, digits=output.digits)
            show_it = _trace if options.trace else _answer
            show_it(over.problem(), here, output, errors)
        else:
            found = over.at_values(allow_nonfinite=allow_nonfinite, digits=output.digits)
            _value(over.problem(), found, output)


def _answer(problem: Problem, here: Point, output: Output, errors: Errors | None) -> None:
    """Show a value, with its error where the words, the options or a saved fit say one."""
    known = known_errors(problem, errors)
    result = None if known is None else known.at(here, problem, output)
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


def _trace(problem: Problem, here: Point, output: Output, errors: Errors | None) -> None:
    run = here.run(backward=False)
    steps, more = run.steps, {}
    columns = [*NODE]
    known = known_errors(problem, errors)
    result = None if known is None else known.at(here, problem, output)
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
