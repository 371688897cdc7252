"""The words of the command line: where the formula is, and what its names are to be."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import (
    FileError,
    FormulaError,
    GradcliError,
    MathematicsError,
    NameValueError,
    UsageError,
    printable,
)
from gradcli.formula import Formula, parse
from gradcli.language.bindings import NUMBER, Binding, bindings
from gradcli.language.origin import Origin
from gradcli.limits import SOURCE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.point import Point

_WHOLE = re.compile(r"[0-9]+")


def is_option(word: str) -> bool:
    """Return whether a word is an option rather than a formula: --name, -o or -h.

    `-x^2` and `--3` are formulas.
    """
    return word in {"-o", "-h"} or (word.startswith("--") and word[2:3].isalpha())


class Problem(NamedTuple):
    """A formula with the values of its names; `where` says which line of stdin it is."""

    formula: Formula
    values: dict[str, float]
    where: str = ""

    @property
    def source(self) -> str:
        """The formula as it was typed."""
        return self.formula.origin.source if self.formula.origin else str(self.formula)

    def document(self) -> dict[str, Any]:
        """Return what the JSON of every command begins with."""
        return {"expression": self.source, "variables": self.values}

    def at_values(self, *, allow_nonfinite: bool = False) -> Point:
        """Return the formula at these values."""
        return self.formula.at_values(self.values, allow_nonfinite=allow_nonfinite)


def problem(words: Sequence[str]) -> Problem:
    """Return the formula and values of a command that takes one formula.

    "-" reads the formula from stdin and "@FILE" from a file.
    """
    source, given = _split(words)
    if source == "-":
        source = _stdin().rstrip("\n")
    return _problem(source, given)


def problems(words: Sequence[str]) -> Iterator[Problem]:
    """Yield the formulas of a command that takes many: with "-", every line of stdin is one.

    Errors carry the number of their line.
    """
    source, given = _split(words)
    if source != "-":
        yield _problem(source, given)
        return
    lines = [
        (number, line) for number, line in enumerate(_stdin().split("\n"), 1) if line.strip(" \t\r")
    ]
    if not lines:
        message = "stdin holds no formula"
        raise FormulaError(message, hint="write one a line, for example 'x^2 + 1'")
    for number, line in lines:
        where = f"line {number}: " if len(lines) > 1 else ""
        try:
            found = _problem(line, given)
        except GradcliError as error:
            error.message = where + error.message
            raise
        yield found._replace(where=where)


def _split(words: Sequence[str]) -> tuple[str, list[Binding]]:
    if not words:
        message = "no formula is given"
        raise UsageError(message, hint="for example: gradcli eval 'x^2 + 1' x=3")
    first, *rest = words
    given = bindings(rest)
    if first.startswith("@"):
        from gradcli.data.files import read_text

        return read_text(first[1:], 4 * SOURCE_CHARACTERS), given
    return first, given


def _problem(source: str, given: Sequence[Binding]) -> Problem:
    from gradcli.cli.output import note

    formula = parse(source, [binding.name for binding in given])
    for sentence in formula.origin.notes if formula.origin else ():
        note(sentence)
    names = set(formula.free_names)
    # An unused name is reported before any value is worked out; `checked` finds it again.
    return Problem(formula, {b.name: _value(b) if b.name in names else 0.0 for b in given})


def _value(binding: Binding) -> float:
    """Return the number that a NAME=VALUE word stands for."""
    if binding.number is not None:
        return binding.number
    assert binding.graph is not None  # noqa: S101 - a binding is a number or a formula
    formula = Formula(binding.graph, binding.result, Origin(binding.text, start="value"))
    try:
        return formula.evaluate()
    except MathematicsError as error:
        message = f"in the value of {binding.name}: {error.message}"
        raise NameValueError(
            message, source=error.source, span=error.span, values=error.values
        ) from None


def _stdin() -> str:
    if sys.stdin is None:
        message = "stdin is closed"
        raise FileError(message)
    try:
        data = sys.stdin.buffer.read()
    except OSError as error:
        message = f"cannot read stdin: {(error.strerror or str(error)).lower()}"
        raise FileError(message) from None
    text: str = data.decode("utf-8", "surrogateescape")
    return text


def positive(option: str, text: str | None) -> float | None:
    """Return the number > 0 of an option, None when it is not given. Raises UsageError."""
    value = _number(option, text)
    if value is not None and value <= 0:
        message = f"{option} must be greater than 0, not {printable(str(text), 60)}"
        raise UsageError(message, hint=f"for example {option} 0.1")
    return value


def not_negative(option: str, text: str | None) -> float | None:
    """Return the number >= 0 of an option, None when it is not given. Raises UsageError."""
    value = _number(option, text)
    if value is not None and value < 0:
        message = f"{option} must not be negative, but is {printable(str(text), 60)}"
        raise UsageError(message, hint=f"for example {option} 1e-8")
    return value


def _number(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    if not NUMBER.fullmatch(text):
        message = f"{option} must be a number, not '{printable(text, 60)}'"
        raise UsageError(message, hint=f"for example {option} 0.1")
    value = float(text)
    if value - value != 0:
        message = f"{option} is too large for a double (at most 1.8e308)"
        raise UsageError(message)
    return value


def whole(option: str, text: str | None, least: int, most: int = 10**18) -> int | None:
    """Return the whole number of an option, None when it is not given. Raises UsageError."""
    if text is None:
        return None
    if not _WHOLE.fullmatch(text) or len(text) > 30 or not least <= int(text) <= most:
        limits = f"from {least} to {most}" if most < 10**18 else f"of at least {least}"
        message = f"{option} must be a whole number {limits}, not '{printable(text, 60)}'"
        raise UsageError(message, hint=f"for example {option} {max(least, 10)}")
    return int(text)
