"""The answers of eval and grad: values and derivatives at a point, in a table or in a plot.

Of many formulas each is answered as it comes, so that a program may ask and read in turns. A wrong
one has an empty line, or with --json an error object, in place of its answer, and the others go on.
"""

from __future__ import annotations

from gradcli.cli.batch import Formulas
from gradcli.cli.output import LONGEST_ERROR, Output, complain, error_document, error_text
from gradcli.errors import ExitCode, GradcliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from gradcli.cli.arguments import Problem
    from gradcli.cli.batch import Request
    from gradcli.cli.data import OverRows
    from gradcli.cli.options import Eval, Grad

SHOWN_ERRORS = 20
"""How many errors are written out; of more only the number."""


def answered(
    words: Sequence[str],
    options: Eval | Grad,
    one: Callable[[Problem, Output, Any], object],
    over_all: Callable[[OverRows, Output, Any], None],
    wrt: Callable[[Problem, Output, Any], Sequence[str]],
    *,
    beside: Sequence[str] = (),
    structure: bool = False,
) -> ExitCode:
    """Answer the formulas of eval or grad, and return how the command ends.

    `one` shows a formula at one point, and `over_all` the one value of all rows of --data. A
    formula with many values, over ranges or in each row, has a table or a plot of its values and of
    its derivatives with respect to the names that `wrt` returns; without --wrt a plot over ranges
    has those with respect to them. Values may belong to formulas `beside`. With `structure` names
    may have shapes without values, where formulas and not numbers are shown.
    """
    output = Output(options)
    plot = None
    if options.plot is not None:
        from gradcli.cli import plots

        plot = plots.target(options, output)
    if options.data:
        from gradcli.cli import data

        data.check(options, words)
    structure = structure and plot is None and not options.data
    formulas = Formulas(words, options, structure=structure, beside=beside)

    def answer(request: Request) -> None:
        if not options.data:
            problem = formulas.problem(request)
            if problem.ranges:
                from gradcli.cli import tables

                tables.show(problem, output, wrt(problem, output, options))
            else:
                one(problem, output, options)
            return
        with data.opened(options, request, formulas.known) as over:
            if plot is not None:
                plots.over_rows(over, wrt(over.problem(), output, options), plot, output)
            elif over.per_row:
                from gradcli.cli import tables

                tables.show_rows(over, output, wrt(over.problem(), output, options))
            else:
                over_all(over, output, options)

    with output:
        if plot is None:
            return _each_answered(formulas, output, answer)
        if options.data:
            answer(formulas.one("--plot over data"))
        else:
            shown = [(problem, wrt(problem, output, options)) for problem in formulas.problems()]
            curves = [formulas.curve(text) for text in getattr(options, "curves", ())]
            plots.over_ranges(shown, plot, output, options, curves)
    return ExitCode.DONE


def _each_answered(
    formulas: Formulas, output: Output, answer: Callable[[Request], None]
) -> ExitCode:
    """Answer each formula and return how the command ends: with the exit code of the first error.

    The error of a formula that is the only one is raised, and nothing is written.
    """
    if not formulas.are_many:
        answer(next(formulas.requests()))
        return ExitCode.DONE
    complaints = Complaints(output)
    requests = formulas.requests()
    is_first = True
    while True:
        try:
            request = next(requests, None)
        except GradcliError as problem:
            if is_first:
                raise  # there is no formula at all
            complaints.take(problem, None)
            break
        if request is None:
            break
        is_first = False
        try:
            output.label = request.text
            answer(request)
        except GradcliError as problem:
            complaints.take(problem, request)
        output.send()
    output.send()
    complaints.end()
    return complaints.code


class Complaints:
    """The errors of many formulas, each said where it belongs."""

    def __init__(self, output: Output) -> None:
        self.code = ExitCode.DONE
        self.count = 0
        self._output = output
        self._shown = 0
        self._left = LONGEST_ERROR

    def take(self, problem: GradcliError, request: Request | None) -> None:
        """Say what is wrong with a formula, or without one with all of them together."""
        self.count += 1
        if self.count == 1:
            self.code = problem.exit_code
        output = self._output
        output.discard()
        if request is not None:
            if not problem.message.startswith(request.where):
                problem.message = request.where + problem.message
            problem.source = problem.source or request.typed
        if output.json:
            output.document(error_document(problem))
            return
        if request is not None:
            output.line("")
        text = error_text(problem)
        size = len(text.encode("utf-8", "backslashreplace"))
        is_next = self._shown == self.count - 1  # none was passed over
        if is_next and self._shown < SHOWN_ERRORS and (size <= self._left or not self._shown):
            self._shown += 1
            self._left -= size
            output.send()
            complain(text)

    def end(self) -> None:
        """Say how many errors were not written out."""
        more = self.count - self._shown
        if more and not self._output.json:
            complain(f"error: and {more} more line{'s have' if more > 1 else ' has'} an error")
