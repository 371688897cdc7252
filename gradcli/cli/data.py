"""The data of a formula on the command line: the files of --data and --params."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gradcli.cli import arguments
from gradcli.cli.arguments import Problem
from gradcli.cli.batch import curve
from gradcli.cli.options import Data
from gradcli.cli.output import note
from gradcli.errors import FileError, NameValueError, ShapeError, UsageError, few, printable
from gradcli.language.names import CONSTANTS, KEYWORDS, is_name, is_reserved, names_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gradcli.cli.batch import Request
    from gradcli.cli.output import Output
    from gradcli.cli.uncertain import Errors
    from gradcli.data.cells import Dates
    from gradcli.data.source import Source
    from gradcli.errors import GradcliError
    from gradcli.plotting.data import Against
    from gradcli.plotting.scattered import Scattered
    from gradcli.point import Point
    from gradcli.tables.formula import RowFormula
    from gradcli.tables.sums import Sums
    from gradcli.uncertainty.inputs import Saved


def reading(options: Data, dates: Mapping[str, Dates] | None = None) -> dict[str, Any]:
    """Return how the files are to be read, as keywords of rows.columns.opened.

    `dates` are those of other data, from whose origins these are to count.
    """
    from gradcli.data.cells import TextOptions

    point, mark = options.decimal or ".", options.thousands or ""
    if len(point) != 1 or point not in ".,":
        message = f"--decimal is . or , and not '{printable(point, 40)}'"
        raise UsageError(message, hint="for example --decimal ,")
    if mark and (len(mark) != 1 or mark not in ",.' _\u00a0\u202f" or mark == point):
        message = f"--thousands cannot be '{printable(mark, 40)}'"
        if mark == point:
            message = f"--thousands and the decimal point are both {point}"
        raise UsageError(message, hint="for example --thousands , or --thousands . --decimal ,")
    header = [name.strip() for name in options.header.split(",")] if options.header else []
    for name in header:
        if header.count(name) > 1:
            message = f"--header names {printable(name, 40) or 'nothing'} twice"
            raise UsageError(message, hint="for example --header x,y")
    text = TextOptions(
        options.separator,
        point,
        mark,
        tuple(header),
        options.skip_lines,
        frozenset(options.skip),
        tuple(options.missing),
        options.encoding,
    )
    return {
        "matrix": options.matrix,
        "classes": list(dict.fromkeys(options.classes)),
        "table": text,
        "columns": options.column,
        "dates": dates or _dates(options),
        "drop_missing": options.drop_missing,
        "stdin": None if sys.stdin is None else sys.stdin.buffer,
    }


def _dates(options: Data) -> dict[str, Dates]:
    """Return the columns of dates; those of a saved fit count from the same date as there."""
    from gradcli.data.cells import Dates

    found: dict[str, Dates] = {}
    saved: dict[str, datetime] = {}
    if options.dates and options.params is not None:
        from gradcli.data.parameters import origins

        saved = origins(options.params)
    for word in options.dates:
        name, equals, form = word.partition("=")
        if not is_name(name) or (equals and "%" not in form):
            message = f"--dates takes NAME or NAME=FORM, not '{printable(word, 60)}'"
            raise UsageError(message, hint="for example --dates t, or --dates 't=%d.%m.%Y'")
        found[name] = Dates(form if equals else None, saved.get(name))
    return found


def check(options: Data, words: Sequence[str]) -> bool:
    """Return whether there are data. Raises UsageError for what says nothing about their files."""
    if not options.data:
        return False
    if words and words[0] == "-" and "-" in options.data:
        message = "the formula and the data are both to be read from stdin"
        raise UsageError(message, hint="put one of them into a file: @FILE or --data FILE")
    reading(options)
    return True


def parameters(options: Data) -> dict[str, Any]:
    """Return the values of --params by name. Raises FileError."""
    if options.params is None:
        return {}
    from gradcli.data.parameters import load

    return dict(load(options.params, "--params"))


def needed(options: Data, text: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of --params for the names of a formula.

    Raises NameValueError for a name that is among `values` too.
    """
    known = parameters(options)
    for name in known:
        if name in values:
            raise arguments.given_twice(name)
    return arguments.needed(known, text)


def covariance(options: Data) -> Saved | None:
    """Return what the fit of --params knows about the errors of its parameters."""
    if options.params is None:
        return None
    from gradcli.data.parameters import covariance as load
    from gradcli.uncertainty.inputs import Saved

    found = load(options.params)
    return None if found is None else Saved(*found)


def scattered(options: Data, path: str) -> Scattered:
    """Return the points of --points; the options for files are its own where there is no data.

    Raises FileError for a file that has not two or three columns of numbers.
    """
    from gradcli.data.source import open_source, read
    from gradcli.plotting.scattered import Scattered, check_columns

    how = reading(Data() if options.data else options)
    classes, patterns = how.pop("classes"), how.pop("matrix")
    if patterns:
        message = "--matrix makes arrays, and --points takes numbers"
        raise UsageError(message, hint="leave out --matrix")
    source = open_source([path], **how)
    check_columns(path, list(source.columns))
    if classes:
        source = source.classified(classes)
    names = list(source.columns)
    found = Scattered(path, read(source, names), source.classes, source.headings)
    say_read(source, "--points: ")
    return found


@contextmanager
def opened(
    options: Data,
    request: Request,
    x: str | None = None,
    curves: Sequence[str] = (),
    *,
    wanted: Collection[str] = (),
) -> Iterator[OverRows]:
    """Open the files for a formula with its values.

    A plot may stand against the formula `x` of columns, and `curves` are formulas beside it.
    `wanted` are other columns.
    After the block, notes say how texts became numbers and how many rows were left out.
    """
    from gradcli.cli.sharing import shares
    from gradcli.rows import columns
    from gradcli.tables.formula import RowFormula

    how = reading(options)
    text, where = request.text, request.where
    values, errors = arguments.without_errors(request.values)
    for name, value in {**values, **request.beside}.items():
        if hasattr(value, "listed"):
            message = f"{name} is a range, and --data needs one value"
            raise NameValueError(message, hint=f"write {name}=1")
    known = needed(options, text, values)
    check_syntax(text, [*values, *known])
    paths = options.data
    others = {*names_in(x or ""), *wanted}
    source, names = columns.opened(paths, text, others, **how)
    with shares(options) as share:
        formula = RowFormula(text, {**known, **values}, source, names, paths, others, share)
        for sentence in formula.formula.origin.notes if formula.formula.origin else ():
            note(where + sentence)
        say_classes(source, names, where)
        over = OverRows(formula, where)
        over.errors = errors
        saved = parameters(options) if curves or x else {}
        if x is not None:
            over.against = _against(x, over, {**arguments.needed(saved, x), **request.beside})
        over.curves = [curve(each, request.beside, saved) for each in curves]
        yield over
    say_read(source, where)


def _against(text: str, over: OverRows, values: Mapping[str, Any]) -> Against:
    """Return the formula of --x over the rows. Raises FileError for a name that no column has."""
    from gradcli.data.columns import unknown_column
    from gradcli.plotting.data import Against

    formula = over.formula
    for name in sorted(names_in(text)):
        known = name in formula.columns or name in values or name in CONSTANTS
        if not known and not is_reserved(name) and name not in KEYWORDS:
            error = unknown_column(formula.paths[0], name, list(formula.source.columns))
            error.message = f"--x: {error.message}"
            raise error
    own = names_in(text)
    return Against.read(text, formula, {n: v for n, v in values.items() if n in own})


class OverRows:
    """A formula over the rows of files, for a command; `where` is its line if it is one of many."""

    def __init__(self, formula: RowFormula, where: str = "") -> None:
        self.formula = formula
        self.where = where
        self.per_row = formula.per_row
        self.against: Against | None = None
        """What the rows are plotted against, if that is asked for."""
        self.curves: list[Problem] = []
        """The formulas of curves in their plot."""
        self.errors: dict[str, Any] = {}
        """The standard errors of names that were given with one."""

    def problem(self) -> Problem:
        """Return the formula with its values, and its columns where they are in memory."""
        found = self.formula
        data = found.data if found.held is not None else dict.fromkeys(found.columns)
        problem = Problem(found.formula, found.values, self.where, {}, data)
        problem.errors = self.errors
        return problem

    def at_values(
        self, wrt: Sequence[str] = (), *, allow_nonfinite: bool, digits: int | None = None
    ) -> Point | Sums:
        """Return the formula over all rows, with what is needed to differentiate by `wrt`."""
        if self.formula.sums is None:
            return self.held(allow_nonfinite=allow_nonfinite, digits=digits)
        from gradcli.tables.sums import Sums

        return Sums(self.formula, wrt, allow_nonfinite=allow_nonfinite)

    def held(self, *, allow_nonfinite: bool, digits: int | None = None) -> Point:
        """Return the formula over all rows, which are in memory then."""
        found = self.formula
        found.hold()
        return found.at(found.data, allow_nonfinite=allow_nonfinite, certain=True, digits=digits)

    def is_held_for(self, errors: Errors | None, output: Output) -> bool:
        """Whether the one value has an error, and all rows are in memory for it.

        Where only a saved fit would give it and memory has no room for them, a note says so.
        """
        problem = self.problem()
        if errors is None or not errors.are_wanted(problem, output) or errors.of(problem) is None:
            return False
        try:
            self.formula.hold()
        except FileError as error:
            if errors.are_needed(problem):
                raise
            note(f"{self.where}the value has no standard error: {error.message}")
            return False
        return True

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


def say_read(source: Source, where: str = "") -> None:
    """Say what the last pass left out, and what the numbers of dates count."""
    for name, dates in source.origins.items():
        if dates.origin is not None:
            note(f"{where}{name} counts {dates.unit} since {dates.origin.isoformat(' ')}")
    if source.comments:
        lines = "comment line stands" if source.comments == 1 else "comment lines stand"
        note(f"{where}{source.comments} {lines} among the rows")
    if source.dropped:
        rows = "row is" if source.dropped == 1 else "rows are"
        note(f"{where}{source.dropped} {rows} left out because a value is missing")


def say_classes(source: Source, names: Collection[str], where: str = "") -> None:
    """Say which number stands for which text."""
    for name, texts in source.classes.items():
        if name in names:
            shown = [f"{printable(text, 30)} = {number}" for number, text in enumerate(texts)]
            note(f"{where}{name}: {few(shown)}")
