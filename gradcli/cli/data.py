"""The data of a formula on the command line: the files of --data and --params."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.cli import arguments
from gradcli.cli.arguments import Problem, curve
from gradcli.cli.options import MEMORY_OF_MANY, Beside, Data, Sharing
from gradcli.cli.output import note
from gradcli.errors import FileError, ShapeError, UsageError, listed, printable
from gradcli.graph.shapes import ROWS
from gradcli.language.names import is_free, names_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gradcli.cli.arguments import Request
    from gradcli.cli.options import Minimize
    from gradcli.cli.output import Output
    from gradcli.cli.uncertain import Errors
    from gradcli.cluster.session import Session
    from gradcli.data.cells import Dates
    from gradcli.data.rows import PieceRows
    from gradcli.data.source import Source
    from gradcli.formula import Formula
    from gradcli.options import Options
    from gradcli.plotting.data import Against, ScatterPoints
    from gradcli.point import Point
    from gradcli.tables.formula import RowFormula
    from gradcli.tables.sums import Sums


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

    saved: dict[str, datetime] = {}
    if options.dates and options.params is not None:
        from gradcli.data.parameters import origins

        saved = origins(options.params)
    return {name: Dates(form or None, saved.get(name)) for name, form in options.dates.items()}


def check(options: Data, words: Sequence[str]) -> None:
    """Raise UsageError for what says nothing about the files of --data."""
    if not options.data:
        return
    if words and words[0] == "-" and "-" in options.data:
        message = "the formula and the data are both to be read from stdin"
        raise UsageError(message, hint="put one of them into a file: @FILE or --data FILE")
    reading(options)


def read_points(options: Data, path: str) -> ScatterPoints:
    """Return the points of --points; the options for files are its own where there is no data.

    Raises FileError for a file that has not two or three columns of numbers.
    """
    from gradcli.data.source import open_source, read
    from gradcli.plotting.data import ScatterPoints, check_columns

    keywords = reading(Data() if options.data else options)
    classes, patterns = keywords.pop("classes"), keywords.pop("matrix")
    if patterns:
        message = "--matrix makes arrays, and --points takes numbers"
        raise UsageError(message, hint="leave out --matrix")
    source = open_source([path], **keywords)
    check_columns(path, list(source.columns))
    if classes:
        source = source.classified(classes)
    names = list(source.columns)
    found = ScatterPoints(path, read(source, names), source.classes, source.headings)
    say_read(source, "--points: ")
    return found


@contextmanager
def opened(options: Data, request: Request, known: Errors | None = None) -> Iterator[OverRows]:
    """Open the files for a formula with its values, and for what stands beside it in a plot.

    `known` are the errors that options and a saved fit give, which may be columns. After the block,
    notes say how texts became numbers and how many rows were left out.
    """
    from gradcli.rows import columns
    from gradcli.tables.formula import RowFormula

    keywords = reading(options)
    x, curves = (options.x, options.curves) if isinstance(options, Beside) else (None, ())
    text, prefix = request.text, request.prefix
    values, errors = arguments.without_errors(request.values)
    for name, value in {**values, **request.beside}.items():
        if hasattr(value, "listed"):
            raise arguments.needs_one_value(name, "--data")
    saved = arguments.parameters(options)
    values = {**arguments.needed(saved, text, values), **values}
    check_syntax(text, [*values])
    paths = options.data
    others = {*names_in(x or ""), *(() if known is None else known.columns.values())}
    source, names = columns.opened(paths, text, others, **keywords)
    with shares(options) as share:
        formula = RowFormula(text, values, source, names, paths, others, share)
        arguments.said(formula.formula, prefix)
        say_classes(source, names, prefix)
        over = OverRows(formula, prefix, errors, known)
        if x is not None:
            over.against = _against(x, over, {**arguments.needed(saved, x), **request.beside})
        over.curves = [curve(each, request.beside, saved) for each in curves]
        yield over
    say_read(source, prefix)


def _against(text: str, over: OverRows, values: Mapping[str, Any]) -> Against:
    """Return the formula of --x over the rows. Raises FileError for a name that no column has."""
    from gradcli.data.columns import unknown_column
    from gradcli.plotting.data import Against

    formula = over.formula
    for name in sorted(names_in(text)):
        if name not in formula.columns and name not in values and is_free(name):
            error = unknown_column(formula.paths[0], name, list(formula.source.columns))
            error.message = f"--x: {error.message}"
            raise error
    own = names_in(text)
    return Against.read(text, formula, {n: v for n, v in values.items() if n in own})


class OverRows:
    """A formula over the rows of files, for a command; `prefix` of messages is its line of many."""

    def __init__(
        self,
        formula: RowFormula,
        prefix: str = "",
        errors: Mapping[str, Any] | None = None,
        known: Errors | None = None,
    ) -> None:
        self.formula = formula
        self.prefix = prefix
        self.per_row = formula.per_row
        self.against: Against | None = None
        """What the rows are plotted against, if that is asked for."""
        self.curves: list[Problem] = []
        """The formulas of curves in their plot."""
        self._errors = errors
        """The standard errors of names that were given with one."""
        self._known = known

    def problem(self) -> Problem:
        """Return the formula with its values, and its columns where they are in memory."""
        found = self.formula
        data = found.data if found.held is not None else dict.fromkeys(found.columns)
        more: dict[str, Any] = {"data": data, "errors": self._errors, "known": self._known}
        return Problem(found.formula, found.values, self.prefix, **more)

    def at_values(self, output: Output, wrt: Sequence[str] = ()) -> Point | Sums:
        """Return the formula over all rows, with the derivatives with respect to `wrt`."""
        if self.formula.sums is None:
            return self.held(output)
        from gradcli.tables.sums import Sums

        return Sums(self.formula, wrt, allow_nonfinite=output.allow_nonfinite)

    def held(self, output: Output) -> Point:
        """Return the formula over all rows, which are in memory then."""
        found = self.formula
        found.hold()
        nonfinite, digits = output.allow_nonfinite, output.digits
        return found.at(found.data, allow_nonfinite=nonfinite, certain=True, digits=digits)

    def is_held_for_errors(self, output: Output) -> bool:
        """Whether the one value has an error, and all rows are in memory for it.

        Where only a saved fit would give it and memory has no room for them, a note says so.
        """
        problem = self.problem()
        errors = problem.known
        if errors is None or not errors.are_wanted(problem, output) or errors.of(problem) is None:
            return False
        try:
            self.formula.hold()
        except FileError as error:
            if errors.are_needed(problem):
                raise
            note(f"{self.prefix}the value has no standard error: {error.message}")
            return False
        return True


def check_syntax(text: str, names: Sequence[str]) -> None:
    """Raise FormulaError for a formula that is wrong whatever the data are."""
    from gradcli.formula import parse

    if not names_in(text).isdisjoint({"len", "max", "min"}):
        return  # they take arrays, and which names are arrays is not known yet
    with suppress(ShapeError):  # it takes arrays
        parse(text, names)


def say_read(source: Source, prefix: str = "") -> None:
    """Say what the last pass left out, and what the numbers of dates count."""
    for name, dates in source.origins.items():
        if dates.origin is not None:
            note(f"{prefix}{name} counts {dates.unit} since {dates.origin.isoformat(' ')}")
    if source.comments:
        lines = "comment line stands" if source.comments == 1 else "comment lines stand"
        note(f"{prefix}{source.comments} {lines} among the rows")
    if source.dropped:
        rows = "row is" if source.dropped == 1 else "rows are"
        note(f"{prefix}{source.dropped} {rows} left out because a value is missing")


def say_classes(source: Source, names: Collection[str], prefix: str = "") -> None:
    """Say which number stands for which text."""
    for name, texts in source.classes.items():
        if name in names:
            shown = [f"{printable(text, 30)} = {number}" for number, text in enumerate(texts)]
            note(f"{prefix}{name}: {listed(shown)}")


# ---------------------------------------------------------------- files that are written


def check_files(options: Options, words: Sequence[str]) -> None:
    """Raise UsageError for a file that would be written over, being used otherwise as well.

    `words` are the operands, of which the first may name a file.
    """
    files = options.files()
    users = [(name, path) for use, name, path in files if use == "read"]
    if words and words[0].startswith("@"):
        users.append(("the formula", words[0][1:]))
    for name, path in [(name, path) for use, name, path in files if use == "write"]:
        for user, other in users:
            if path != "-" and os.path.realpath(other) == os.path.realpath(path):
                message = f"{name} would write over '{printable(path, 200)}', the file of {user}"
                raise UsageError(message, hint="give it another name")
        users.append((name, path))


def check_writable(options: Options) -> None:
    """Raise FileError for a file that cannot be written, before a run that may be long."""
    for use, _, path in options.files():
        if use == "write" and path != "-":
            from gradcli.data import files

            files.check_writable(path)


# ---------------------------------------------------------------- rows in pieces

MESSAGE = 3e-3
"""Seconds that a message to all workers and back takes."""
NUMBER = 2e-9
"""Seconds that NumPy takes for a number, roughly."""


class Shares:
    """What makes rows in pieces; workers are found or started when the first rows are wanted."""

    def __init__(self, options: Sharing) -> None:
        self._options = options
        self._session: Session | None = None

    def __call__(self, source: Source, names: Sequence[str]) -> PieceRows:
        """Return rows in pieces. Raises FileError, UsageError and ClusterError."""
        options = self._options
        limit = getattr(options, "memory", None)
        memory = (MEMORY_OF_MANY if limit is None else limit) << 20
        if options.cluster is None and not options.workers:
            from gradcli.data.rows import PieceRows

            found = PieceRows(source, names, memory)
            note(f"{found.about}, {found.count} rows")
            return found
        from gradcli.cluster.session import Choice, Session, SharedRows

        if self._session is None:
            choice = Choice(options.workers or 0, options.cluster, options.insecure)
            self._session = Session(choice, note)
        found = SharedRows(self._session, source, names, memory)
        note(f"{found.about}, {found.count} rows")
        return found

    def bound(
        self, rows: Any, formula: Formula, start: Sequence[Any], options: Minimize
    ) -> PieceRows:
        """Return the rows for a minimisation of a formula.

        `start` are its text, starts and fixed values. Raises UsageError for no sum over rows.
        """
        from gradcli.minimize.minimize import Recipe, not_shared

        if not formula.graph.columns:
            raise not_shared()
        if options.learns:
            if options.engine == "auto":
                options = options.replaced(engine="python")  # as training has it
            count = min(options.batch or rows.count, rows.count)
            if self._session is not None and count * _numbers(formula) * NUMBER < MESSAGE:
                advice = f"a batch of {count} rows is computed sooner than a message is sent"
                note(f"{advice}; without workers the run is faster")
        found: PieceRows = rows.bound(Recipe.of(start[0], start[1], start[2], options))
        return found

    def close(self) -> None:
        """End the workers that were started, let the others go."""
        if self._session is not None:
            self._session.close()


@contextmanager
def shares(options: Options) -> Iterator[Shares | None]:
    """Give the block what makes rows in pieces; None where the options do not ask for it.

    Raises UsageError.
    """
    if not isinstance(options, Sharing) or not options.given("workers", "cluster"):
        yield None
        return
    if options.workers is not None and options.cluster is not None:
        message = "--workers starts workers on this machine, and --cluster takes those of a cluster"
        raise UsageError(message, hint="leave out one of them")
    if options.cluster is not None:
        from gradcli.cluster.session import Choice

        Choice(0, options.cluster, options.insecure).check()
    found = Shares(options)
    try:
        yield found
    finally:
        found.close()


def _numbers(formula: Formula) -> int:
    """Return how many numbers are computed for each row, with their derivatives."""
    graph = formula.graph
    shapes = map(graph.shape, graph.reachable([formula.id]))
    return 3 * sum(prod(shape[1:]) for shape in shapes if ROWS in shape)
