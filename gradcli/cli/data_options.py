"""The options that give a formula its data: --data, --params and how their files are read."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

from gradcli.cli import arguments
from gradcli.cli.arguments import Problem
from gradcli.cli.batch import curve
from gradcli.cli.options import Option
from gradcli.cli.output import note
from gradcli.errors import NameValueError, ShapeError, UsageError, printable
from gradcli.language.names import CONSTANTS, KEYWORDS, is_name, is_reserved, names_in
from gradcli.point import few

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gradcli.cli.batch import Request
    from gradcli.data.cells import Dates
    from gradcli.data.source import Source
    from gradcli.errors import GradcliError
    from gradcli.plotting.data import Against
    from gradcli.plotting.scattered import Scattered
    from gradcli.point import Point
    from gradcli.tables.formula import RowFormula
    from gradcli.tables.sums import Sums
    from gradcli.uncertainty.inputs import Saved


class DataOptions(NamedTuple):
    """The options as they were typed."""

    paths: Annotated[
        list[str] | None,
        Option(
            "--data",
            "Columns for the formula: a table of text (CSV …), Excel, JSON, Parquet, Arrow, NPZ, "
            "NPY or IDX file, a folder, a pattern, or - for stdin; repeatable.",
            "FILE",
        ),
    ] = None
    params: Annotated[
        str | None, Option("--params", "Values that minimize --save wrote.", "FILE")
    ] = None
    separator: Annotated[
        str | None,
        Option("--separator", "Between the cells of --data (tab, ; or , or blanks).", "C"),
    ] = None
    decimal: Annotated[
        str | None, Option("--decimal", "The decimal point of the numbers in --data (.).", "C")
    ] = None
    thousands: Annotated[
        str | None, Option("--thousands", "Between groups of three digits in --data.", "C")
    ] = None
    header: Annotated[
        str | None,
        Option("--header", "Names of the columns of --data that has no header.", "NAMES"),
    ] = None
    skip_lines: Annotated[
        str | None, Option("--skip-lines", "Leave out the first N lines of --data.", "N")
    ] = None
    skip: Annotated[
        list[str] | None,
        Option("--skip", "Leave out line N of --data, such as one of units; repeatable.", "N"),
    ] = None
    column: Annotated[
        list[str] | None,
        Option("--column", "Another name for a column, 't=Time (s)'; repeatable.", "NAME=HEADING"),
    ] = None
    dates: Annotated[
        list[str] | None,
        Option(
            "--dates",
            "A column of dates (ISO 8601, or of a form, 't=%d.%m.%Y') as days since the first, "
            "or as seconds; repeatable.",
            "NAME[=FORM]",
        ),
    ] = None
    missing: Annotated[
        list[str] | None,
        Option("--missing", "A text or number that means a missing value; repeatable.", "TEXT"),
    ] = None
    drop_missing: Annotated[
        bool, Option("--drop-missing", "Leave out rows of --data in which a value is missing.")
    ] = False
    encoding: Annotated[
        str | None, Option("--encoding", "The encoding of --data (UTF-8).", "NAME")
    ] = None
    matrix: Annotated[
        list[str] | None,
        Option(
            "--matrix",
            "Columns of --data as one array, as 'img=pixel*'; repeatable.",
            "NAME=PATTERN",
        ),
    ] = None
    classes: Annotated[
        list[str] | None,
        Option("--classes", "A column of text, as whole numbers; repeatable.", "NAME"),
    ] = None

    def check(self, points: str | None = None) -> bool:
        """Return whether there is data. Raises UsageError for options that belong to it.

        Without data they say how the file of `points` is to be read.
        """
        if self.paths:
            return True
        if points is not None:
            return False
        for field, annotation in get_type_hints(type(self), include_extras=True).items():
            (option,) = annotation.__metadata__
            if field != "params" and getattr(self, field):
                message = f"{option.flag} belongs to --data"
                raise UsageError(message, hint=f"for example --data points.csv {option.flag}")
        return False

    def files(self) -> dict[str, list[str] | None]:
        """Return the files that are read, by option."""
        return {"--data": self.paths, "--params": [self.params] if self.params else None}

    def reading(self, dates: Mapping[str, Dates] | None = None) -> dict[str, Any]:
        """Return how the files are to be read, as keywords of rows.columns.opened.

        `dates` are those of other data, from whose origins these are to count.
        """
        from gradcli.data.head import TextOptions

        point, mark = self.decimal or ".", self.thousands or ""
        if len(point) != 1 or point not in ".,":
            message = f"--decimal is . or , and not '{printable(point, 40)}'"
            raise UsageError(message, hint="for example --decimal ,")
        if mark and (len(mark) != 1 or mark not in ",.' _\u00a0\u202f" or mark == point):
            message = f"--thousands cannot be '{printable(mark, 40)}'"
            if mark == point:
                message = f"--thousands and the decimal point are both {point}"
            raise UsageError(message, hint="for example --thousands , or --thousands . --decimal ,")
        header = [name.strip() for name in (self.header or "").split(",")] if self.header else []
        for name in header:
            if header.count(name) > 1:
                message = f"--header names {printable(name, 40) or 'nothing'} twice"
                raise UsageError(message, hint="for example --header x,y")
        text = TextOptions(
            self.separator,
            point,
            mark,
            tuple(header),
            arguments.whole("--skip-lines", self.skip_lines, 0) or 0,
            frozenset(arguments.whole("--skip", line, 1) or 0 for line in self.skip or ()),
            tuple(self.missing or ()),
            self.encoding,
        )
        return {
            "matrix": self.patterns(),
            "classes": list(dict.fromkeys(self.classes or ())),
            "table": text,
            "columns": self._columns(),
            "dates": dates or self._dates(),
            "drop_missing": self.drop_missing,
            "stdin": None if sys.stdin is None else sys.stdin.buffer,
        }

    def _columns(self) -> dict[str, str]:
        return _named("--column", self.column or (), "'t=Time (s)'")

    def _dates(self) -> dict[str, Dates]:
        """Return the columns of dates; those of a saved fit count from the same date as there."""
        from gradcli.data.cells import Dates

        found: dict[str, Dates] = {}
        saved: dict[str, datetime] = {}
        if self.dates and self.params is not None:
            from gradcli.data.parameters import origins

            saved = origins(self.params)
        for word in self.dates or ():
            name, equals, form = word.partition("=")
            if not is_name(name) or (equals and "%" not in form):
                message = f"--dates takes NAME or NAME=FORM, not '{printable(word, 60)}'"
                raise UsageError(message, hint="for example --dates t, or --dates 't=%d.%m.%Y'")
            found[name] = Dates(form if equals else None, saved.get(name))
        return found

    def if_any(self, words: Sequence[str], points: str | None = None) -> DataOptions | None:
        """Return the options if there is data. Raises UsageError for those that make no sense."""
        if not self.check(points):
            return None
        self.check_stdin(words)
        self.reading()
        return self

    def parameters(self) -> dict[str, Any]:
        """Return the values of --params by name. Raises FileError."""
        if self.params is None:
            return {}
        from gradcli.data.parameters import load

        return dict(load(self.params, "--params"))

    def covariance(self) -> Saved | None:
        """Return what the fit of --params knows about the errors of its parameters."""
        if self.params is None:
            return None
        from gradcli.data.parameters import covariance
        from gradcli.uncertainty.inputs import Saved

        found = covariance(self.params)
        return None if found is None else Saved(*found)

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
        if words and words[0] == "-" and "-" in (self.paths or ()):
            message = "the formula and the data are both to be read from stdin"
            raise UsageError(message, hint="put one of them into a file: @FILE or --data FILE")

    def patterns(self) -> dict[str, str]:
        """Return what --matrix says, the pattern of the columns by name. Raises UsageError."""
        return _named("--matrix", self.matrix or (), "'img=pixel*'")

    def scattered(self, path: str) -> Scattered:
        """Return the points of --points; the options for files are its own where there is no data.

        Raises FileError for a file that has not two or three columns of numbers.
        """
        from gradcli.data.source import open_source, read
        from gradcli.plotting.scattered import Scattered, check_columns

        options = DataOptions().reading() if self.paths else self.reading()
        classes, patterns = options.pop("classes"), options.pop("matrix")
        if patterns:
            message = "--matrix makes arrays, and --points takes numbers"
            raise UsageError(message, hint="leave out --matrix")
        source = open_source([path], **options)
        check_columns(path, list(source.columns))
        if classes:
            source = source.classified(classes)
        names = list(source.columns)
        found = Scattered(path, read(source, names), source.classes, source.headings)
        say_read(source, "--points: ")
        return found

    @contextmanager
    def opened(
        self,
        request: Request,
        x: str | None = None,
        curves: Sequence[str] = (),
        *,
        is_plot: bool = True,
    ) -> Iterator[OverRows]:
        """Open the files for a formula with its values.

        A plot may stand against the formula `x` of columns, and `curves` are formulas beside it;
        without one, `x` only names columns that are wanted.
        After the block, notes say how texts became numbers and how many rows were left out.
        """
        from gradcli.rows.columns import opened
        from gradcli.tables.formula import RowFormula

        options = self.reading()
        text, where = request.text, request.where
        values, errors = arguments.without_errors(request.values)
        for name, value in {**values, **request.beside}.items():
            if hasattr(value, "listed"):
                message = f"{name} is a range, and --data needs one value"
                raise NameValueError(message, hint=f"write {name}=1")
        known = self.needed(text, values)
        check_syntax(text, [*values, *known])
        paths = self.paths or ()
        others = names_in(x or "")
        source, names = opened(paths, text, others, **options)
        formula = RowFormula(text, {**known, **values}, source, names, paths, others)
        for sentence in formula.formula.origin.notes if formula.formula.origin else ():
            note(where + sentence)
        say_classes(source, names, where)
        over = OverRows(formula, where)
        over.errors = errors
        parameters = self.parameters() if curves or x else {}
        if x is not None and is_plot:
            over.against = _against(x, over, {**arguments.needed(parameters, x), **request.beside})
        over.curves = [curve(each, request.beside, parameters) for each in curves]
        yield over
        say_read(source, where)


def _named(option: str, words: Sequence[str], example: str) -> dict[str, str]:
    """Return what NAME=TEXT words say, the text by name. Raises UsageError."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not text or not is_name(name):
            message = f"{option} takes NAME=…, not '{printable(word, 60)}'"
            raise UsageError(message, hint=f"for example {option} {example}")
        if is_reserved(name) or name in CONSTANTS or name in KEYWORDS:
            message = f"{name} means something else in a formula"
            raise UsageError(message, hint=f"give another name, as {option} {example}")
        if name in found:
            message = f"{option} gives {name} twice"
            raise UsageError(message)
        found[name] = text
    return found


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

    def at_values(self, wrt: Sequence[str] = (), *, allow_nonfinite: bool) -> Point | Sums:
        """Return the formula over all rows, with what is needed to differentiate by `wrt`."""
        if self.formula.sums is None:
            return self.formula.at(self.formula.data, allow_nonfinite=allow_nonfinite)
        from gradcli.tables.sums import Sums

        return Sums(self.formula, wrt, allow_nonfinite=allow_nonfinite)

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
