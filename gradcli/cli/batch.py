"""The formulas of a command: one, or many of which each is a line of stdin or of a file."""

from __future__ import annotations

from gradcli.cli import arguments
from gradcli.cli.options import Uncertain
from gradcli.errors import (
    FileError,
    FormulaError,
    GradcliError,
    NameValueError,
    UsageError,
    few,
)
from gradcli.language.names import names_in
from gradcli.language.scanner import END, SCANNER
from gradcli.limits import SOURCE_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from gradcli.cli.arguments import Problem
    from gradcli.cli.options import Draw, Eval, Grad
    from gradcli.cli.uncertain import Errors
    from gradcli.language.scanner import Tokens

ERRORS = *Uncertain.records(), "samples", "errors", "params"
"""The options that may say something about standard errors."""

LONGEST_LINE = 4 * SOURCE_CHARACTERS
"""The most bytes of a line: four for each character of the longest formula."""

MOST_PIECES = 4
"""How many times that length is passed over in search of the end of a line."""


class Request:
    """One formula of a command with the values of its names."""

    __slots__ = ("beside", "typed", "values", "where")

    def __init__(
        self,
        typed: str | None,
        values: dict[str, Any],
        where: str,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        self.typed = typed
        """The formula; None for a line that is too long to be kept."""
        self.values = values
        self.where = where
        """What a message about it begins with, "line 3: "; empty where it is the only one."""
        self.beside = beside or {}
        """The values of names of formulas beside it, such as a curve of its plot."""

    @property
    def text(self) -> str:
        """The formula. Raises FormulaError for a line that is too long."""
        if self.typed is None:
            raise FormulaError(f"the formula is longer than {LONGEST_LINE} bytes")
        return self.typed


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
        self.known: Errors | None = None
        """What options and a saved fit say about errors."""
        if options.given(*(name for name in ERRORS if hasattr(options, name))):
            from gradcli.cli.uncertain import Errors

            self.known = Errors(options)
        self._text, given = arguments.split(words)
        shapes = arguments.shapes_of(given, self._parameters) if structure else {}
        self._has_shapes = bool(shapes)
        self._values = {**shapes} if shapes else arguments.values(given, options.seed)
        mentioned = {name for text in beside for name in names_in(text)}
        self._beside = {name: self._values[name] for name in self._values if name in mentioned}
        self._used = set(self._beside)
        self._lines: Iterator[tuple[int, str | None]] | None = None
        self._place = "stdin"
        if self._text == "-" and not lines:
            self._text = arguments.stdin()
        elif self._text == "-":
            self._lines = _stdin_lines()
        elif lines and words[0].startswith("@") and _holds_many(self._text):
            self._lines = enumerate(self._text.split("\n"), 1)
            self._place = "the file"

    @property
    def are_many(self) -> bool:
        """Whether each is a line of its own."""
        return self._lines is not None

    def one(self, command: str) -> Request:
        """Return the only formula, for a command that takes no more. Raises UsageError."""
        found = self.requests()
        request = next(found)
        if next(found, None) is not None:
            message = f"{command} takes one formula, and {self._place} holds more"
            raise UsageError(message, hint="write its definitions in one line, separated by ;")
        return request

    def problem(self, request: Request) -> Problem:
        """Return a formula with the values of its names. Raises as arguments.problem_of."""
        values, shapes = ({}, request.values) if self._has_shapes else (request.values, {})
        problem = arguments.problem_of(
            request.text, values, request.where, self._parameters, shapes
        )
        return knowing(problem, self.known)

    def curve(self, text: str) -> Problem:
        """Return a formula beside those of the words, with the values of its names."""
        return curve(text, self._beside, self._parameters)

    def problems(self) -> Iterator[Problem]:
        """Yield the formulas with their values, for a command that shows them together.

        Raises the first error, which names its line.
        """
        for request in self.requests():
            try:
                yield self.problem(request)
            except GradcliError as error:
                error.message = request.where + error.message
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
            where = f"line {number}: "
            if line is None:
                is_empty = False
                yield Request(None, {}, where)
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
            yield Request(text, values, where)
        if is_empty:
            message = f"{self._place} holds no formula"
            raise FormulaError(message, hint="write one a line, for example 'x^2 + 1'")
        unused = [name for name in self._values if name not in self._used]
        if unused:
            message = f"no line uses {few(unused)}"
            raise NameValueError(message, hint=f"remove {unused[0]}=…")


def curve(text: str, values: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> Problem:
    """Return the formula of --with; a name that takes many values becomes one without any."""
    mentioned = names_in(text)
    own = {n: v for n, v in values.items() if n in mentioned and not hasattr(v, "listed")}
    return arguments.problem_of(text, own, "--with: ", parameters)


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
    for place, kind in enumerate(tokens.kinds):
        depth += (kind in {"LPAR", "LSQB"}) - (kind in {"RPAR", "RSQB"})
        if kind == END or (kind == "SEPARATOR" and depth <= 0):
            yield start, place
            start = place + 1


def _stdin_lines() -> Iterator[tuple[int, str | None]]:
    """Yield number and text of each line as it comes; None for one that is too long to be kept."""
    stream = arguments.stdin_stream()
    number = 0
    while True:
        number += 1
        line = arguments.read_stdin(stream.readline, LONGEST_LINE + 1)
        if not line:
            return
        if len(line) <= LONGEST_LINE:
            yield number, line.removesuffix(b"\n").decode("utf-8", "surrogateescape")
            continue
        yield number, None
        for _ in range(MOST_PIECES):
            line = arguments.read_stdin(stream.readline, LONGEST_LINE + 1)
            if not line or line.endswith(b"\n"):
                break
        else:
            message = f"line {number} of stdin has no end within {MOST_PIECES * LONGEST_LINE} bytes"
            raise FileError(message)


def knowing(problem: Problem, known: Errors | None = None) -> Problem:
    """Return the problem, which knows of errors what its words, options and a saved fit say."""
    if known is None and problem.errors:
        from gradcli.cli.uncertain import Errors

        known = Errors()
    problem.known = known
    return problem
