"""CSV, read strictly: a cell that is no number is an error with its line and column.

The first line holds the names of the columns. Cells may be quoted; blanks around a number or a
name do not count; blank lines may follow the last row and stand nowhere else.
"""

from __future__ import annotations

import io
import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.data import decimals
from gradcli.data.cells import NUMBER, CellError, Dialect, is_missing, number
from gradcli.data.columns import DROP_HINT, MOST_COLUMNS, listed, no_rows, quoted
from gradcli.data.input import shown
from gradcli.data.lines import blank_line, line_blocks, line_feeds
from gradcli.errors import FileError, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.columns import Array, Block, Codes
    from gradcli.data.input import Input
    from gradcli.data.lines import Lines
    from gradcli.graph.shapes import Shape

SEPARATORS = {"comma": ",", "semicolon": ";", "space": " ", "tab": "\t"}
"""The separators that have a word; a blank as separator stands for any number of them."""

PLAIN = b"0123456789+-.eE \t"
"""The bytes of numbers. With no others float() and NumPy read just what cells.NUMBER reads."""


def separator_of(word: str) -> str:
    """Return the character that --separator means. Raises UsageError."""
    character = SEPARATORS.get(word.lower(), word)
    if character == r"\t":
        return "\t"
    usable = len(character) == 1 and character.isascii() and not character.isalnum()
    if not usable or character in '"+-._' or not (character.isprintable() or character == "\t"):
        raise UsageError(
            f"--separator cannot be {quoted(word)}",
            hint=f"one character, or one of the words {', '.join(SEPARATORS)}",
        )
    return character


BLANKS = re.compile(rb"  +")


class Wanted(NamedTuple):
    """The columns to convert, as places in a row, and the texts of those that are classes."""

    places: list[int]
    codes: list[Codes | None]


class CsvReader:
    """A CSV file."""

    single = False
    rows: int | None = None

    def __init__(self, source: Input, separator: str = ",", *, drop_missing: bool = False) -> None:
        """Read the header. Raises FileError."""
        self.path = source.path
        self._source = source
        self._dialect = Dialect.of(separator)
        self._drop_missing = drop_missing
        self._line_blanks = b" " if separator in "\t " else b" \t"
        first = next(line_blocks(source, self._line_blanks), None)
        if first is None:
            raise FileError(f"{shown(self.path)}: the file holds nothing but blank lines")
        self._header_length, names = self._header(first)
        self.columns: dict[str, Shape] = dict.fromkeys(names, ())
        self._names = names

    def blocks(self, names: Sequence[str], codes: Mapping[str, Codes]) -> Iterator[Block]:
        """Yield the columns; see columns.Reader."""
        place = {name: i for i, name in enumerate(self._names)}
        wanted = Wanted([place[name] for name in names], [codes.get(name) for name in names])
        empty = True
        for lines in self._rows():
            columns = self._quickly(lines, wanted)
            if columns is None:
                columns = self._carefully(lines, wanted)
            empty = False
            yield dict(zip(names, columns, strict=True))
        if empty:
            raise no_rows(shown(self.path))

    def _rows(self) -> Iterator[Lines]:
        """Yield the lines after the header."""
        blocks = line_blocks(self._source, self._line_blanks)
        first = next(blocks, None)
        if first is None:
            raise FileError(f"{shown(self.path)}: the file was emptied while it was read")
        rest = first.text[self._header_length :]
        if rest:
            number = first.number + first.text.count(b"\n", 0, self._header_length)
            blocks = chain([first._replace(number=number, text=rest)], blocks)
        for lines in blocks:
            if self._dialect.separator == " " and b'"' not in lines.text:
                yield lines._replace(text=_single_blanks(lines.text))
            else:
                yield lines

    # The header.

    def _header(self, first: Lines) -> tuple[int, list[str]]:
        """Return the bytes of the header line and the names in it. Raises FileError."""
        _, end, line = next(records(first))
        if not line.strip(self._line_blanks.decode()):
            raise FileError(
                f"{shown(self.path)}: line 1 is blank",
                hint="the first line holds the names of the columns",
            )
        if line.count(self._dialect.separator) >= MOST_COLUMNS and self._dialect.separator != " ":
            raise self._too_many()
        names = [name.strip(" \t") for name in self._cells(first.number, line)]
        if len(names) > MOST_COLUMNS:
            raise self._too_many()
        self._check_names(names, line)
        return end, names

    def _too_many(self) -> FileError:
        return FileError(f"{shown(self.path)}: line 1 names more than {MOST_COLUMNS} columns")

    def _check_names(self, names: list[str], line: str) -> None:
        if all(NUMBER.fullmatch(name) for name in names):
            raise FileError(
                f"{shown(self.path)}: line 1 holds numbers, not names of columns",
                hint="put a first line of names before the data, such as x,y",
            )
        if len(names) == 1 and '"' not in line:
            self._check_separator(line)
        seen: set[str] = set()
        for column, name in enumerate(names, start=1):
            if not name:
                raise FileError(f"{shown(self.path)}: line 1, column {column} has no name")
            if name in seen:
                place = f"line 1, column {column}"
                raise FileError(f"{shown(self.path)}: {place}: a second column {quoted(name)}")
            seen.add(name)

    def _check_separator(self, line: str) -> None:
        """Raise FileError if the only column looks like several, with another separator."""
        for separator, word in ((",", "','"), (";", "';'"), ("\t", "tab"), ("|", "'|'")):
            if separator in line.strip(" \t"):
                raise FileError(
                    f"{shown(self.path)}: line 1 is one column, {quoted(line)}",
                    hint=f"--separator {word} splits it",
                )

    # The rows.

    def _quickly(self, lines: Lines, wanted: Wanted) -> list[Array] | None:
        """Return the columns if every cell is plain; None leaves it to the careful way."""
        text = lines.text
        if b'"' in text:
            return None
        separator = self._dialect.separator.encode()
        width = len(self._names)
        numeric = all(code is None for code in wanted.codes)
        plain = numeric and not text.translate(None, PLAIN + separator + b"\n")
        quickest = decimals.columns(text, separator, width, wanted.places) if plain else None
        if quickest is not None:
            return quickest
        rows = line_feeds(text)
        outline = text.translate(None, _all_but(separator + b"\n"))
        if outline != (separator * (width - 1) + b"\n") * rows:
            return None
        if plain:
            return _all_plain(text, rows, self._dialect.separator, wanted.places)
        return _mixed(text, separator, width, wanted)

    def _carefully(self, lines: Lines, wanted: Wanted) -> list[Array]:
        """Return the columns, cell by cell. Raises FileError for the first that is wrong."""
        width = len(self._names)
        columns: list[list[float]] = [[] for _ in wanted.places]
        for line_number, _, line in records(lines):
            if not line.strip(self._line_blanks.decode()):
                raise blank_line(self.path, line_number)
            if self._dialect.separator != " ":
                # Counted before they are split: a line may hold millions.
                count = line.count(self._dialect.separator) + 1
                if count != width and '"' not in line:
                    raise self._wrong_count(line_number, count, line)
            cells = self._cells(line_number, line)
            if len(cells) != width:
                raise self._wrong_count(line_number, len(cells), line)
            for column, place, code in zip(columns, wanted.places, wanted.codes, strict=True):
                column.append(self._value(line_number, place, cells[place], code))
        return [np.array(column, dtype=np.float64) for column in columns]

    def _cells(self, line_number: int, line: str) -> list[str]:
        try:
            return self._dialect.cells(line)
        except CellError as error:
            place = f"line {line_number}, column {(error.column or 0) + 1}"
            message = f"{shown(self.path)}: {place} {error.reason}"
            raise FileError(message, hint=error.hint) from None

    def _wrong_count(self, line_number: int, count: int, line: str) -> FileError:
        cells = "1 cell" if count == 1 else f"{count} cells"
        columns = "1 column" if len(self._names) == 1 else f"{len(self._names)} columns"
        hint = None
        if len(self._names) < 10:
            hint = f"columns: {listed(self._names, 10)}; the line is {quoted(line)}"
        message = f"{shown(self.path)}: line {line_number} has {cells}, but line 1 names {columns}"
        return FileError(message, hint=hint)

    def _value(self, line_number: int, place: int, cell: str, code: Codes | None) -> float:
        """Return the number of a cell, or of its text. Raises FileError."""
        name = printable(self._names[place], 40)
        where = f"{shown(self.path)}: line {line_number}, column {place + 1} ({name})"
        if is_missing(cell):
            if self._drop_missing:
                return np.nan
            what = "the cell is empty" if not cell.strip() else f"{quoted(cell)} is not a number"
            raise FileError(f"{where}: {what}", hint=DROP_HINT)
        if code is not None:
            value = code[cell.strip(" \t")]
            if value < 0:
                message = f"{where}: {quoted(cell)} is not one of the classes"
                raise FileError(message, hint=f"classes: {listed(code)}")
            return value
        try:
            return number(cell)
        except CellError as error:
            message = f"{where}: {quoted(cell)} {error.reason}"
            raise FileError(message, hint=error.hint) from None


def records(lines: Lines) -> Iterator[tuple[int, int, str]]:
    """Yield number, end in bytes and text of each line; a quoted cell may run over several."""
    text, start, line_number = lines.text, 0, lines.number
    has_quotes = b'"' in text
    while start < len(text):
        end = text.index(b"\n", start)
        if has_quotes:
            quotes = text.count(b'"', start, end)
            while quotes % 2:
                after = text.index(b"\n", end + 1)
                quotes += text.count(b'"', end, after)
                end = after
        yield line_number, end + 1, text[start:end].decode("utf-8")
        line_number += text.count(b"\n", start, end + 1)
        start = end + 1


def _all_but(kept: bytes) -> bytes:
    return bytes(set(range(256)) - set(kept))


def _single_blanks(text: bytes) -> bytes:
    """Return lines without blanks at their ends and with one between cells."""
    text = BLANKS.sub(b" ", text).replace(b" \n", b"\n").replace(b"\n ", b"\n")
    return text.removeprefix(b" ")


def _all_plain(text: bytes, rows: int, separator: str, places: list[int]) -> list[Array] | None:
    """Return the columns of a table of nothing but numbers, or None if one is not right."""
    try:
        table = np.loadtxt(
            io.StringIO(text.decode("ascii")),
            delimiter=separator,
            comments=None,
            usecols=places,
            ndmin=2,
        )
    except ValueError:
        return None
    # loadtxt skips blank lines and reads 1e400 as inf.
    if len(table) != rows or not np.isfinite(table).all():
        return None
    return list(table.T)


def _mixed(text: bytes, separator: bytes, width: int, wanted: Wanted) -> list[Array] | None:
    """Return the columns of a table that holds text too, or None if a cell is not right."""
    cells = text.replace(b"\n", separator).split(separator)
    cells.pop()
    columns = []
    for place, code in zip(wanted.places, wanted.codes, strict=True):
        column = cells[place::width]
        array = _numbers(column) if code is None else _classes(column, code)
        if array is None:
            return None
        columns.append(array)
    return columns


def _numbers(cells: list[bytes]) -> Array | None:
    if b"".join(cells).translate(None, PLAIN):
        return None
    try:
        array = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return array if np.isfinite(array).all() else None


def _classes(cells: list[bytes], code: Codes) -> Array | None:
    texts = [cell.strip(b" \t").decode("utf-8") for cell in cells]
    if any(map(is_missing, set(texts))):
        return None
    array = np.fromiter(map(code.__getitem__, texts), np.float64, len(texts))
    return None if (array < 0).any() else array
