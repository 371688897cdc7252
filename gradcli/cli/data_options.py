"""The options that give a formula its data: --data, --params and how their files are read."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli import arguments
from gradcli.cli.arguments import Problem
from gradcli.cli.output import note
from gradcli.errors import MathematicsError, NameValueError, ShapeError, UsageError, printable
from gradcli.language.names import CONSTANTS, KEYWORDS, is_function, is_name, names_in
from gradcli.point import few

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gradcli.data.source import Source
    from gradcli.errors import GradcliError
    from gradcli.point import Point
    from gradcli.rows.formula import RowFormula
    from gradcli.rows.sums import RowSums


class DataOptions(NamedTuple):
    """The options as they were typed."""

    paths: Sequence[str] = ()
    params: str | None = None
    separator: str | None = None
    drop_missing: bool = False
    matrix: Sequence[str] = ()
    classes: Sequence[str] = ()

    def check(self) -> bool:
        """Return whether there is data. Raises UsageError for options that belong to it."""
        given = {
            "--separator": self.separator is not None,
            "--drop-missing": self.drop_missing,
            "--matrix": bool(self.matrix),
            "--classes": bool(self.classes),
        }
        for option, is_given in given.items():
            if is_given and not self.paths:
                message = f"{option} belongs to --data"
                raise UsageError(message, hint=f"for example --data points.csv {option}")
        return bool(self.paths)

    def parameters(self) -> dict[str, Any]:
        """Return the values of --params by name. Raises FileError."""
        if self.params is None:
            return {}
        from gradcli.data.parameters import load

        return dict(load(self.params, "--params"))

    def needed(self, text: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of --params for the names of a formula.

        Raises NameValueError for a name that is among `values` too.
        """
        parameters = self.parameters()
        for name in parameters:
            if name in values:
                raise arguments.given_twice(name)
        return arguments.needed(parameters, text)

    def check_stdin(self, words: Sequence[str]) -> None:
        """Raise UsageError when stdin is to be the formula and the data."""
        if words and words[0] == "-" and "-" in self.paths:
            message = "the formula and the data are both to be read from stdin"
            raise UsageError(message, hint="put one of them into a file: @FILE or --data FILE")

    def patterns(self) -> dict[str, str]:
        """Return what --matrix says, the pattern of the columns by name. Raises UsageError."""
        found: dict[str, str] = {}
        for word in self.matrix:
            name, equals, pattern = word.partition("=")
            if not equals or not pattern or not is_name(name):
                message = f"--matrix takes NAME=PATTERN, not '{printable(word, 60)}'"
                raise UsageError(message, hint="for example --matrix 'img=pixel*'")
            if is_function(name) or name in CONSTANTS or name in KEYWORDS:
                message = f"{name} means something else in a formula"
                raise UsageError(message, hint=f"write --matrix 'img={printable(pattern, 60)}'")
            if name in found:
                message = f"--matrix gives {name} twice"
                raise UsageError(message)
            found[name] = pattern
        return found

    @contextmanager
    def opened(self, words: Sequence[str], seed: int) -> Iterator[OverRows]:
        """Open the files for the formula and values that the words give.

        After the block, notes say how texts became numbers and how many rows were left out.
        """
        from gradcli.rows.columns import opened
        from gradcli.rows.faults import place
        from gradcli.rows.formula import RowFormula

        self.check_stdin(words)
        patterns = self.patterns()
        text, values = arguments.operands(words, seed)
        for name, value in values.items():
            if hasattr(value, "listed"):
                message = f"{name} is a range, and --data needs one value"
                raise NameValueError(message, hint=f"write {name}=1")
        known = self.needed(text, values)
        check_syntax(text, [*values, *known])
        source, names = opened(
            self.paths,
            text,
            matrix=patterns,
            classes=list(dict.fromkeys(self.classes)),
            separator=self.separator,
            drop_missing=self.drop_missing,
            stdin=None if sys.stdin is None else sys.stdin.buffer,
        )
        formula = RowFormula(text, {**known, **values}, source, names, self.paths)
        for sentence in formula.formula.origin.notes if formula.formula.origin else ():
            note(sentence)
        say_classes(source, names)
        try:
            yield OverRows(formula)
        except MathematicsError as error:
            place(formula, error)
            raise
        say_dropped(source)


class OverRows:
    """A formula over the rows of files, for a command."""

    def __init__(self, formula: RowFormula) -> None:
        self.formula = formula
        self.per_row = formula.per_row

    def problem(self) -> Problem:
        """Return the formula with its values, and its columns where they are in memory."""
        found = self.formula
        data = found.data if found.held is not None else dict.fromkeys(found.columns)
        return Problem(found.formula, found.values, "", {}, data)

    def at_values(self, wrt: Sequence[str] = (), *, allow_nonfinite: bool) -> Point | RowSums:
        """Return the formula over all rows, with what is needed to differentiate by `wrt`."""
        if self.formula.sums is None:
            return self.problem().at_values(allow_nonfinite=allow_nonfinite)
        from gradcli.rows.sums import RowSums

        return RowSums(self.formula, self.formula.sums, wrt, allow_nonfinite=allow_nonfinite)

    def needs_one(self, option: str) -> GradcliError:
        """Return the error for an option that makes no sense for many values."""
        message = f"the formula has a value in each row of the data, and {option} needs one value"
        return UsageError(message, hint="take its sum or mean")


def check_syntax(text: str, names: Sequence[str]) -> None:
    """Raise FormulaError for a formula that is wrong whatever the data are."""
    from gradcli.formula import parse

    if not names_in(text).isdisjoint({"len", "max", "min"}):
        return  # they take arrays, and which names are arrays is not known yet
    with suppress(ShapeError):  # it takes arrays
        parse(text, names)


def say_dropped(source: Source) -> None:
    """Say how many rows the last pass left out."""
    if source.dropped:
        rows = "row is" if source.dropped == 1 else "rows are"
        note(f"{source.dropped} {rows} left out because a value is missing")


def say_classes(source: Source, names: Collection[str]) -> None:
    """Say which number stands for which text."""
    for name, texts in source.classes.items():
        if name in names:
            shown = [f"{printable(text, 30)} = {number}" for number, text in enumerate(texts)]
            note(f"{name}: {few(shown)}")
