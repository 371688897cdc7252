"""Tables of text, read strictly: a cell that is no number is an error with its line and column.

Cells may be quoted; blanks around a number or a name do not count.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING

import numpy as np

from gradcli.data import decimals
from gradcli.data.cells import (
    MAY_VANISH,
    MINUS,
    CellError,
    Dates,
    Dialect,
    TextOptions,
    date_hint,
    is_percentage,
)
from gradcli.data.columns import DROP_HINT, Part, Reader, no_rows, quoted
from gradcli.data.head import cells_of, head_of, repair
from gradcli.data.input import PIECE, Input, Section
from gradcli.data.text import LineFilter, line_blocks, line_feeds, records
from gradcli.errors import FileError, listed, printable
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.cells import Codes
    from gradcli.data.columns import Array, Block
    from gradcli.data.text import Lines

PLAIN = b"0123456789+-.eE \t"
"""The bytes of numbers. With no others float() and NumPy read just what cells.NUMBER reads."""

PART = 1 << 23
"""Bytes of a part of a table, 8 MiB; it goes on to the end of the line. The first one holds all
lines of the head."""

FORTRAN = bytes.maketrans(b"dD", b"ee")
"""Exponents as Fortran writes them, 1.0D+00."""

BLANKS = rb"  +"


class Wanted(NamedTuple):
    """The columns to convert, as positions in a row, and the texts of those that are no numbers."""

    positions: list[int]
    codes: list[Codes | Dates | None]


class TextReader(Reader):
    """A table of text; `unit` is what its rows are called in messages."""

    def __init__(
        self,
        source: Input,
        options: TextOptions | None = None,
        *,
        drop_missing: bool = False,
        unit: str = "line",
    ) -> None:
        """Read the head of the table. Raises FileError."""
        super().__init__(source, drop_missing=drop_missing)
        self._options = options or TextOptions()
        self._notation = self._options.notation
        self._unit = unit
        first = next(line_blocks(source, self._options.encoding), None)
        assert first is not None  # noqa: S101 - an empty file is an error of line_blocks
        self._head = head_of(first, self.path, self._options)
        self._is_plain = self._options.encoding is None and b"%" not in first.text
        self._is_plain &= max([0, *self._head.left_out]) <= line_feeds(first.text)
        """Whether what the first lines say holds for the others, wherever they stand."""
        self._dialect = Dialect(self._head.separator)
        self._names = self._head.headings
        self.columns = {name: () for name in self._names if name}
        self._percentages: dict[int, bool] = {}
        self.unnamed = self._names.count("")
        self.header = f": {unit} {self._head.line}" if self._head.line else ""

    def blocks(
        self, names: Sequence[str], codes: Mapping[str, Codes | Dates], part: Part | None = None
    ) -> Iterator[Block]:
        """Yield the columns; see columns.Reader."""
        for name in names:
            self._check_single(name)
        if part is not None:
            yield from self._of_part(part, names, codes)
            return
        self._percentages = {}
        kept = self._kept()
        empty = True
        for block in self._columns(self._source, kept, names, codes):
            empty = False
            yield block
        self.comments = kept.comments
        if empty:
            raise no_rows(self._where, self.repair)

    def _kept(self, *, is_start: bool = True) -> LineFilter:
        """Return which lines count, of a part of the file without the head unless `is_start`."""
        blanks, head = self._dialect.blanks.encode(), self._head
        return LineFilter(blanks, head.left_out, head.first_row) if is_start else LineFilter(blanks)

    def parts(self, rows: int) -> Sequence[Part]:  # noqa: ARG002 - nobody knows how long a row is
        """Return parts of so many bytes, cut where a line ends; see columns.Reader."""
        size = self._source.size()
        if type(self._source) is not Input or size is None or size <= PART or not self._is_plain:
            return ()
        cuts = [0]
        with self._source.open() as file:
            if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
                return ()
            while cuts[-1] + PART < size:
                file.seek(cuts[-1] + PART)
                at = cuts[-1] + PART
                while piece := file.read(PIECE):
                    found = piece.find(b"\n")
                    at += len(piece) if found < 0 else found + 1
                    if found >= 0:
                        break
                cuts.append(at)
        ends = [*cuts[1:], size] if cuts[-1] < size else cuts[1:]
        return [
            Part(start, stop, f"bytes {start + 1} to {stop}")
            for start, stop in zip(cuts, ends, strict=False)
        ]

    def _of_part(
        self, part: Part, names: Sequence[str], codes: Mapping[str, Codes | Dates]
    ) -> Iterator[Block]:
        """Yield the columns of a part.

        A fault in it is found again by a pass over the file, which knows the number of its line.
        """
        # A percentage is a fault here: the other parts would not know of it.
        self._percentages = {self._names.index(name): False for name in names}
        section = Section(self._source, part.start, part.stop)
        try:
            yield from self._columns(section, self._kept(is_start=part.start == 0), names, codes)
        except FileError:
            for _ in self.blocks(names, codes):
                pass
            message = f"{self._where}: {part.name} cannot be read without the others"
            hint = "a percentage or a line break in quotes may be why; store it as several files"
            raise FileError(message, hint=hint) from None

    def _columns(
        self,
        source: Input,
        kept: LineFilter,
        names: Sequence[str],
        codes: Mapping[str, Codes | Dates],
    ) -> Iterator[Block]:
        """Yield the columns of the lines that count, in blocks that have rows."""
        wanted = Wanted([self._names.index(name) for name in names], [*map(codes.get, names)])
        for lines in self._lines(source, kept):
            columns = self._by_columns(lines, wanted)
            if columns is None:
                # Blank lines are looked for where they are in the way, since that takes a while.
                filled = kept.without_blanks(lines)
                if filled is None:
                    continue
                columns = self._by_columns(filled, wanted) or self._by_cells(filled, wanted)
            if len(columns[0]):
                yield dict(zip(names, columns, strict=True))

    def _lines(self, source: Input, kept: LineFilter) -> Iterator[Lines]:
        """Yield the lines of the file that count, blank ones included."""
        return filter(None, map(kept.of, line_blocks(source, self._options.encoding)))

    def line_of(self, row: int) -> str | None:
        """Return where a row, counted from 0, begins: "line 7". Reads the file again."""
        kept, before = self._kept(), 0
        for lines in self._lines(self._source, kept):
            if lines.numbers is None and b'"' not in lines.text:
                count = line_feeds(lines.text)
                if before + count > row:
                    return f"{self._unit} {lines.number + row - before}"
                before += count
                continue
            for number, _, line in records(lines):
                if not line.strip(self._dialect.blanks):
                    continue
                if before == row:
                    return f"{self._unit} {number}"
                before += 1
        return None

    @property
    def repair(self) -> str | None:
        """What to do where a column is missing because the header is not the first line."""
        return repair(self._head)

    def _check_single(self, name: str) -> None:
        """Raise FileError for a heading that several columns have."""
        if self._names.count(name) > 1:
            first = self._names.index(name)
            column = self._names.index(name, first + 1) + 1
            line = self._head.line or 1
            headings = [
                f"{each}_{i}" if each == name and i > first else each
                for i, each in enumerate(self._names)
            ]
            raise FileError(
                f"{self._where}: {self._unit} {line}, column {column}: a second column "
                f"{quoted(name)}",
                hint=f"--skip-lines {line} --header {','.join(headings)}"
                if len(headings) < 10
                else None,
            )

    # The rows.

    def _by_columns(self, lines: Lines, wanted: Wanted) -> list[Array] | None:
        """Return the columns if every cell is plain; None leaves it to `_by_cells`."""
        text, options = lines.text, self._options
        if b'"' in text or any(self._percentages.values()):
            return None
        separator = self._head.separator.encode()
        if separator == b" ":
            text = _single_blanks(text)
        if self._head.trailing:
            rows = line_feeds(text)
            if text.count(separator + b"\n") != rows:
                return None
            text = text.replace(separator + b"\n", b"\n")
        numeric = all(code is None for code in wanted.codes)
        if numeric:
            text = text if text.isascii() else text.replace(MINUS.encode(), b"-")
            if options.thousands and options.thousands.encode() in text:
                return None
            if options.decimal != ".":
                if b"." in text:
                    return None
                text = text.replace(options.decimal.encode(), b".")
        width = len(self._names)
        others = text.translate(None, PLAIN + separator + b"\n") if numeric else b"x"
        if others and numeric and not others.strip(b"dD"):
            text, others = text.translate(FORTRAN), b""
        columns = None
        if not others:
            columns = decimals.columns(text, separator, width, wanted.positions)
        if columns is None:
            rows = line_feeds(text)
            outline = text.translate(None, _all_but(separator + b"\n"))
            if outline != (separator * (width - 1) + b"\n") * rows:
                return None
            if others:
                columns = self._mixed(text, separator, width, wanted)
            else:
                columns = _all_plain(text, rows, self._head.separator, wanted.positions)
        return None if columns is None else self._without_missing(columns, wanted)

    def _without_missing(self, columns: list[Array], wanted: Wanted) -> list[Array] | None:
        """Return the columns with nan for numbers that mean a missing value; None for a fault."""
        for position, code in zip(wanted.positions, wanted.codes, strict=True):
            if code is None:
                self._percentages.setdefault(position, False)
        if not self._notation.missing_numbers:
            return columns
        found = []
        for column, code in zip(columns, wanted.codes, strict=True):
            missing = np.isin(column, list(self._notation.missing_numbers))
            if code is None and missing.any():
                if not self._drop_missing:
                    return None
                column = np.where(missing, np.nan, column)  # noqa: PLW2901
            found.append(column)
        return found

    def _by_cells(self, lines: Lines, wanted: Wanted) -> list[Array]:
        """Return the columns, cell by cell. Raises FileError for the first that is wrong."""
        width = len(self._names)
        columns: list[list[float]] = [[] for _ in wanted.positions]
        separator = self._head.separator
        for line_number, _, line in records(lines):
            if not line.strip(self._dialect.blanks):
                continue
            if separator != " ":
                # Counted before they are split: a line may hold millions.
                count = line.count(separator) + 1
                if count > width + 1 and '"' not in line:
                    raise self._wrong_count(line_number, count, line)
            cells = cells_of(line_number, line, self._dialect, self._where, self._unit)
            if self._head.trailing and not cells[-1].strip(" \t"):
                cells.pop()
            if len(cells) != width:
                raise self._wrong_count(line_number, len(cells), line)
            for column, position, code in zip(columns, wanted.positions, wanted.codes, strict=True):
                column.append(self._value(line_number, position, cells, code))
        return [np.array(column, dtype=np.float64) for column in columns]

    def _wrong_count(self, line_number: int, count: int, line: str) -> FileError:
        cells = "1 cell" if count == 1 else f"{count} cells"
        columns = "1 column" if len(self._names) == 1 else f"{len(self._names)} columns"
        hint = self._before_numbers(line_number)
        if hint is None:
            hint = f"--skip {line_number} leaves that line out"
            if len(self._names) < 10:
                hint += f"; columns: {listed(self._names, 10)}; the line is {quoted(line)}"
        named = "--header" if self._head.line is None else f"{self._unit} {self._head.line}"
        message = (
            f"{self._where}: {self._unit} {line_number} has {cells}, but {named} names {columns}"
        )
        return FileError(message, hint=hint)

    def _before_numbers(self, line_number: int) -> str | None:
        """Return the repair for a line that stands between the header and the first numbers."""
        numbers_at, names_at = self._head.numbers_at, self._head.names_at
        if numbers_at is None or line_number >= numbers_at or names_at is None:
            return None
        if line_number == names_at[0] and self._head.line == line_number - 1:
            return f"--skip {line_number} leaves that line out"
        return self.repair

    def _value(
        self, line_number: int, position: int, cells: list[str], code: Codes | Dates | None
    ) -> float:
        """Return the number of a cell, or of its text. Raises FileError."""
        cell, name = cells[position], printable(self._names[position], 40)
        where = f"{self._where}: {self._unit} {line_number}, column {position + 1} ({name})"
        if self._notation.is_missing(cell):
            if self._drop_missing:
                return np.nan
            what = "the cell is empty" if not cell.strip() else f"{quoted(cell)} is no value"
            raise FileError(f"{where}: {what}", hint=DROP_HINT)
        try:
            if code is None:
                value = self._notation.number(cell)
                self._check_percentage(line_number, position, percentage=is_percentage(cell))
                return value
            return code[cell.strip(" \t")]
        except CellError as error:
            hint = self._repair(line_number, position, cells, code, error.hint)
            raise FileError(f"{where}: {quoted(cell)} {error.reason}", hint=hint) from None

    def _check_percentage(self, line_number: int, position: int, *, percentage: bool) -> None:
        """Raise CellError where a column holds percentages and other numbers."""
        if self._percentages.setdefault(position, percentage) != percentage:
            kinds = "numbers and percentages" if percentage else "percentages and numbers"
            raise CellError(f"mixes {kinds} in one column", self._left_out(line_number))

    def _left_out(self, line_number: int) -> str:
        return f"--skip {line_number} leaves that line out"

    def _repair(
        self,
        line_number: int,
        position: int,
        cells: list[str],
        code: Codes | Dates | None,
        hint: str | None,
    ) -> str | None:
        """Return the option that repairs a cell which is no number; `hint` may name another."""
        cell, name = cells[position].strip(" \t"), self._names[position]
        may_date = code is None or isinstance(code, Dates)
        dated = date_hint(printable(name, 40), cell) if may_date else None
        if hint is not None:
            return hint if code is None else dated or hint
        before = self._before_numbers(line_number)
        if before is not None:
            return before
        if dated is not None:
            return dated
        hint = self._left_out(line_number)
        if "'" not in cell and len(cell) < 40 and cell.isprintable():
            word = cell if re.fullmatch(r"[\w.+-]+", cell) else f"'{cell}'"
            hint += f"; --missing {word} --drop-missing all lines with this text"
        return hint

    def _mixed(
        self, text: bytes, separator: bytes, width: int, wanted: Wanted
    ) -> list[Array] | None:
        """Return the columns of a table that holds text too, or None if a cell is not right."""
        cells = text.replace(b"\n", separator).split(separator)
        cells.pop()
        columns = []
        for position, code in zip(wanted.positions, wanted.codes, strict=True):
            column = cells[position::width]
            array = _numbers(column) if code is None else self._texts(column, code)
            if array is None:
                return None
            columns.append(array)
        return columns

    def _texts(self, cells: list[bytes], code: Codes | Dates) -> Array | None:
        texts = [cell.strip(b" \t").decode("utf-8") for cell in cells]
        if any(map(self._notation.is_missing, set(texts))):
            return None
        try:
            return np.fromiter(map(code.__getitem__, texts), np.float64, len(texts))
        except CellError:
            return None


def _all_but(kept: bytes) -> bytes:
    return bytes(set(range(256)) - set(kept))


def _single_blanks(text: bytes) -> bytes:
    """Return lines without blanks at their ends and with one between cells."""
    text = text.replace(b"\t", b" ")
    text = re.sub(BLANKS, b" ", text).replace(b" \n", b"\n").replace(b"\n ", b"\n")
    return text.removeprefix(b" ")


def _all_plain(text: bytes, rows: int, separator: str, positions: list[int]) -> list[Array] | None:
    """Return the columns of a table of nothing but numbers, or None if one is not right."""
    try:
        table = np.loadtxt(
            io.StringIO(text.decode("ascii")),
            delimiter=separator,
            comments=None,
            usecols=positions,
            ndmin=2,
        )
    except ValueError:
        return None
    # loadtxt skips blank lines and reads 1e400 as inf.
    if len(table) != rows or not _is_exact(table, text):
        return None
    return list(table.T)


def _numbers(cells: list[bytes]) -> Array | None:
    joined = b" ".join(cells)
    if joined.translate(None, PLAIN):
        return None
    try:
        array = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return array if _is_exact(array, joined) else None


def _is_exact(numbers: Array, text: bytes) -> bool:
    """Return whether no number can have left the range of doubles, up or down."""
    if not np.isfinite(numbers).all():
        return False
    return bool((numbers != 0).all()) or re.search(MAY_VANISH, text) is None
