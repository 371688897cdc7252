"""The formulas of a command, one or many, and the answers of eval and grad.

Of many, each is a line of stdin or of a file, and is answered as it comes, so that a program may
ask and read in turns. A wrong one has an empty line, or with --json an error object, in place of
its answer, and the others go on.
"""

from __future__ import annotations

from gradcli.cli import arguments
from gradcli.cli.arguments import Request
from gradcli.cli.options import Uncertain
from gradcli.cli.output import LONGEST_ERROR, Output, complain, error_document, error_text
from gradcli.errors import (
    ExitCode,
    FileError,
    FormulaError,
    GradcliError,
    NameValueError,
    UsageError,
    listed,
)
from gradcli.language.names import names_in
from gradcli.language.scanner import END, SCANNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from gradcli.cli.arguments import Problem
    from gradcli.cli.data import OverRows
    from gradcli.cli.options import Draw, Eval, Grad
    from gradcli.cli.uncertain import Errors
    from gradcli.language.scanner import Tokens

ERRORS = *Uncertain.records(), "samples", "errors", "params"
"""The options that may say something about standard errors."""

SHOWN_ERRORS = 20
"""The most errors that are written out; of further ones only the number is said."""

MOST_PIECES = 4
"""A line longer than this many times LONGEST_LINE, in bytes, ends the reading of stdin."""


class Formulas:
    """The formulas that the words of a command stand for.

    Lines of stdin, and a file more than one of whose lines is a formula by itself, are many; a
    file that defines names, line by line, and ends with a formula is one.
    """

    def __init__(
        self,
        words: Sequence[str],
        options: Eval | Grad | Draw,
        *,
        structure: bool = False,
        beside: Sequence[str] = (),
        lines: bool = True,
    ) -> None:
        """Read the words, and the values and errors that the options give.

        With `structure`, names may have shapes without values. Values may belong to formulas
        `beside` those of the words. Without `lines`, stdin and a file hold one formula.
        """
        self._parameters = None if options.data else arguments.parameters(options)
        self._text, pairs = arguments.split(words)
        shapes = arguments.shapes_of(pairs, self._parameters) if structure else {}
        self._has_shapes = bool(shapes)
        self._values = {**shapes} if shapes else arguments.values(pairs, options.seed)
        self.known: Errors | None = None
        """The errors of words, options and a saved fit, where any of them has some."""
        say_errors = options.given(*(name for name in ERRORS if hasattr(options, name)))
        if say_errors or any(binding.error is not None for binding in pairs):
            from gradcli.cli.uncertain import Errors

            self.known = Errors(options)
        mentioned = {name for text in beside for name in names_in(text)}
        self._beside = {name: self._values[name] for name in self._values if name in mentioned}
        self._used = set(self._beside)
        self._lines: Iterator[tuple[int, str | None]] | None = None
        self._source = "stdin"
        if self._text == "-" and not lines:
            self._text = arguments.stdin()
        elif self._text == "-":
            self._lines = _stdin_lines()
        elif lines and words[0].startswith("@") and _holds_many(self._text):
            self._lines = enumerate(self._text.split("\n"), 1)
            self._source = "the file"

    @property
    def are_many(self) -> bool:
        """Whether each is a line of its own."""
        return self._lines is not None

    def one(self, command: str) -> Request:
        """Return the only formula, for a command that takes no more. Raises UsageError."""
        found = self.requests()
        request = next(found)
        if next(found, None) is not None:
            message = f"{command} takes one formula, and {self._source} holds more"
            raise UsageError(message, hint="write its definitions in one line, separated by ;")
        return request

    def problem(self, request: Request) -> Problem:
        """Return a formula with the values of its names. Raises as arguments.problem_of."""
        values, shapes = ({}, request.values) if self._has_shapes else (request.values, {})
        text, prefix = request.text, request.prefix
        optional = arguments.needed(self._parameters or {}, text, values)
        return arguments.problem_of(text, values, prefix, optional, shapes, self.known)

    def curve(self, text: str) -> Problem:
        """Return a formula beside those of the words, with the values of its names."""
        return arguments.curve(text, self._beside, self._parameters)

    def problems(self) -> Iterator[Problem]:
        """Yield the formulas with their values, for a command that shows them together.

        Raises the first error, which names its line.
        """
        for request in self.requests():
            try:
                yield self.problem(request)
            except GradcliError as error:
                error.message = request.prefix + error.message
                raise

    def requests(self) -> Iterator[Request]:
        """Yield the formulas in order. Raises FormulaError when there is none, and FileError."""
        if self._lines is None:
            own = names_in(self._text) if self._beside else ()
            values = {n: v for n, v in self._values.items() if n in own or n not in self._beside}
            yield Request(self._text, values, "", self._beside)
            return
        is_empty = True
        for number, line in self._lines:
            prefix = f"line {number}: "
            if line is None:
                is_empty = False
                yield Request(None, {}, prefix)
                continue
            text = line.rstrip("\r").removeprefix(arguments.BYTE_ORDER_MARK)
            if not text.partition("#")[0].strip(" \t\r"):
                continue
            is_empty = False
            values = self._values
            if values:
                mentioned = names_in(text)
                values = {name: value for name, value in values.items() if name in mentioned}
                self._used.update(values)
            yield Request(text, values, prefix)
        if is_empty:
            message = f"{self._source} holds no formula"
            raise FormulaError(message, hint="write one a line, for example 'x^2 + 1'")
        unused = [name for name in self._values if name not in self._used]
        if unused:
            message = f"no line uses {listed(unused)}"
            raise NameValueError(message, hint=f"remove {unused[0]}=…")


def _holds_many(text: str) -> bool:
    """Return whether a line of a file, other than the last, is a formula and no definition.

    A line ends where the language says so: not within parentheses.
    """
    if "\n" not in text.strip():
        return False
    tokens = SCANNER.scan(text)
    *before, _ = statements(tokens)
    return any(
        tokens.texts[end].endswith("\n") and "EQUALS" not in tokens.kinds[start:end]
        for start, end in before
    )


def statements(tokens: Tokens) -> Iterator[tuple[int, int]]:
    """Yield the first token of each statement and the one behind its last: a separator, the end."""
    start, depth = 0, 0
    for index, kind in enumerate(tokens.kinds):
        depth += (kind in {"LPAR", "LSQB"}) - (kind in {"RPAR", "RSQB"})
        if kind == END or (kind == "SEPARATOR" and depth <= 0):
            yield start, index
            start = index + 1


def _stdin_lines() -> Iterator[tuple[int, str | None]]:
    """Yield number and text of each line as it comes; None for one that is too long to be kept."""
    stream = arguments.stdin_stream()
    number = 0
    while True:
        number += 1
        line = arguments.read_stdin(stream.readline, arguments.LONGEST_LINE + 1)
        if not line:
            return
        if len(line) <= arguments.LONGEST_LINE:
            yield number, line.removesuffix(b"\n").decode("utf-8", "surrogateescape")
            continue
        yield number, None
        for _ in range(MOST_PIECES):
            line = arguments.read_stdin(stream.readline, arguments.LONGEST_LINE + 1)
            if not line or line.endswith(b"\n"):
                break
        else:
            most = MOST_PIECES * arguments.LONGEST_LINE
            message = f"line {number} of stdin has no end within {most} bytes"
            raise FileError(message)


# ---------------------------------------------------------------- answers


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
            if not problem.message.startswith(request.prefix):
                problem.message = request.prefix + problem.message
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
