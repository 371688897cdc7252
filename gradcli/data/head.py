"""The head of a table of text: its separator, the names of its columns, where its rows begin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gradcli.data.cells import CellError, Dialect, Notation, TextOptions
from gradcli.data.columns import MOST_COLUMNS, quoted
from gradcli.data.input import shown
from gradcli.data.text import NOT_AVAILABLE, records
from gradcli.errors import FileError, UsageError, printable
from gradcli.language.names import is_name
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.data.text import Lines

SEPARATORS = {"comma": ",", "semicolon": ";", "space": " ", "tab": "\t"}
"""The separators that have a word; a blank as separator stands for any number of them."""

CANDIDATES = "\t;, "
"""The separators that are recognised, the first of equals first."""

SAMPLE = 50
"""How many lines are looked at to recognise the separator and the first row of numbers."""

COMMENTS = "#%!;"
"""What begins a comment line before the first row of numbers; ";" where it is no separator."""

SEPARATOR_LINE = r'(?i)"?sep=(.)"?\Z'
"""The line with which spreadsheets name the separator."""


class Head(NamedTuple):
    """What the first lines of a table say."""

    separator: str
    headings: list[str]
    """The name of each column as it stands there."""
    line: int | None
    """The line that holds the headings; None where they were given."""
    first_row: int
    """The first line that may be a row."""
    left_out: frozenset[int]
    """Lines from there on that are comments before the first numbers, or are to be skipped."""
    trailing: bool
    """Whether every line ends with a separator."""
    names_at: tuple[int, str] | None
    """The line right above the first row of numbers, and its text, where that is not the header."""
    numbers_at: int | None
    """The first row of numbers, if the sample holds one."""


class _Line(NamedTuple):
    number: int
    text: str


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


def head_of(first: Lines, path: str, options: TextOptions) -> Head:
    """Return what the head of a table says; `first` are its first lines. Raises FileError."""
    notation = options.notation
    lines = _sample(first, options)
    separator = None if options.separator is None else separator_of(options.separator)
    left_out = set(options.skip)
    if lines and (match := re.match(SEPARATOR_LINE, lines[0].text.strip())):
        separator = separator or match[1]
        left_out.add(lines.pop(0).number)
    plain = [line for line in lines if not _is_comment(line.text, COMMENTS)]
    if separator is None:
        separator = _recognised([line.text for line in plain], notation)
    dialect = Dialect(separator)
    comments = COMMENTS.replace(separator, "")
    at, begin = _first_numbers(lines, plain, dialect, notation)
    remarks = [line for line in lines[:begin] if _is_comment(line.text, comments)]
    left_out |= {line.number for line in remarks}
    kept = [line for line in lines if line.number not in left_out]
    if not kept:
        what = "comments and blank lines" if lines else "blank lines"
        raise FileError(f"{shown(path)}: the file holds nothing but {what}")
    start = kept[0]
    numbers_at = None if at is None else lines[at].number
    above = remarks[-1] if remarks and begin < len(lines) and lines[begin] == start else None
    names: list[str] | None = list(options.header) or None
    line: int | None = None
    first_row = start.number
    if names is None:
        names = _commented(above, _cells(start, dialect, path), dialect)
        line = None if names is None or above is None else above.number
    if names is None and start.number == numbers_at:
        raise _no_names(start, dialect, path)
    if names is None:
        names, line = _cells(start, dialect, path), start.number
        first_row = line + 1 + start.text.count("\n")
    following = next((each for each in kept if each.number >= first_row), None)
    trailing = separator != " " and _trails(names, following, dialect)
    if trailing and names and not names[-1].strip():
        names.pop()
    names_at = None
    if at is not None and at > 0 and line is not None and lines[at - 1].number != line:
        names_at = (lines[at - 1].number, lines[at - 1].text)
    head = Head(
        separator,
        [name.strip(" \t") for name in names],
        line,
        first_row,
        frozenset(left_out),
        trailing,
        names_at,
        numbers_at,
    )
    _check(head, start, None if at is None else lines[at].text, path)
    return head


def _sample(first: Lines, options: TextOptions) -> list[_Line]:
    """Return the first lines that are neither blank nor skipped."""
    found = []
    for number, _, text in records(first):
        if number > options.skip_lines and number not in options.skip and text.strip(" \t"):
            found.append(_Line(number, text))
            if len(found) == SAMPLE:
                break
    return found


def _is_comment(line: str, signs: str) -> bool:
    """Return whether a line begins with one of the signs of a comment, and is no row."""
    text = line.lstrip(" \t")
    return text[:1] in signs and re.match(NOT_AVAILABLE, text) is None


def _first_numbers(
    lines: Sequence[_Line], plain: Sequence[_Line], dialect: Dialect, notation: Notation
) -> tuple[int | None, int]:
    """Return the place of the first row of numbers, if any, and that of the first row.

    In a table with a column of text no row is all numbers, and some numbers make a row.
    """
    some = None
    for i, line in enumerate(lines):
        numbers = _numbers_in(line.text, dialect, notation)
        if numbers == 1:
            return i, i
        if numbers and some is None and line in plain:
            some = i
    return None, len(lines) if some is None else some


def _recognised(lines: Sequence[str], notation: Notation) -> str:
    """Return the separator with which most lines have as many cells, most of them numbers."""
    best, most = ",", 0.0
    for separator in CANDIDATES:
        if separator in {notation.decimal, notation.thousands}:
            continue
        dialect = Dialect(separator)
        split: dict[int, list[list[str]]] = {}
        for line in lines:
            if line.count(separator) > MOST_COLUMNS:
                return separator
            if cells := _cells_if_any(line, dialect):
                split.setdefault(len(cells), []).append(cells)
        width = max(split, key=lambda width: (width > 1, len(split[width]), width), default=1)
        count = len(split.get(width, ()))
        if width == 1 or 2 * count < len(lines):
            continue
        numbers = sum(_numeric(cell, notation) for cells in split[width] for cell in cells)
        if not numbers and count < len(lines):
            continue
        # A line of names counts as much as one cell: what splits it is better than nothing.
        score = (1 + numbers) / (1 + width * count) * (count / len(lines)) ** 2
        if score > most:
            best, most = separator, score
    return best


def _numeric(cell: str, notation: Notation) -> bool:
    """Return whether a cell looks like a number, perhaps with another decimal point."""
    text = cell.strip(' \t"')
    return (
        notation.is_number(text) or re.fullmatch(r"[-+]?[0-9]+(?:[.,][0-9]+)+%?", text) is not None
    )


def _numbers_in(line: str, dialect: Dialect, notation: Notation) -> float:
    """Return which part of the cells of a line that are not missing are numbers."""
    cells = [cell for cell in _cells_if_any(line, dialect) if not notation.is_missing(cell)]
    return sum(_numeric(cell, notation) for cell in cells) / max(1, len(cells))


def _commented(comment: _Line | None, row: list[str], dialect: Dialect) -> list[str] | None:
    """Return the headings in the comment above the first row, None where it holds no such."""
    if comment is None:
        return None
    text = comment.text.lstrip(" \t" + COMMENTS).rstrip()
    widths = {len(row), len(row) - (not row[-1].strip(" \t"))}
    for separator in dict.fromkeys((dialect.separator, *CANDIDATES)):
        names = [name.strip(" \t") for name in _cells_if_any(text, Dialect(separator))]
        if names and not names[-1]:
            names.pop()
        if len(names) in widths and all(names) and not any(map(Notation().is_number, names)):
            return names
    return None


def _no_names(row: _Line, dialect: Dialect, path: str) -> FileError:
    width = len(_cells(row, dialect, path))
    names = "xyz"[:width] if width <= 3 else "xy…"
    return FileError(
        f"{shown(path)}: line {row.number} holds numbers, not names of columns: {quoted(row.text)}",
        hint=f"--header {','.join(names)} names the columns",
    )


def _cells(line: _Line, dialect: Dialect, path: str) -> list[str]:
    if line.text.count(dialect.separator) >= MOST_COLUMNS and dialect.separator != " ":
        raise _too_many(path, line.number)
    return cells_of(line.number, line.text, dialect, shown(path))


def cells_of(number: int, line: str, dialect: Dialect, where: str, unit: str = "line") -> list[str]:
    """Return the cells of a line. Raises FileError for a stray quote."""
    try:
        return dialect.cells(line)
    except CellError as error:
        location = f"{unit} {number}, column {(error.column or 0) + 1}"
        raise FileError(f"{where}: {location} {error.reason}", hint=error.hint) from None


def _cells_if_any(line: str, dialect: Dialect) -> list[str]:
    """Return the cells of a line; none of one with a stray quote, or with too many."""
    if line.count(dialect.separator) > MOST_COLUMNS:
        return []
    try:
        return dialect.cells(line)
    except CellError:
        return []


def _trails(names: Sequence[str], row: _Line | None, dialect: Dialect) -> bool:
    """Return whether the header and the first row, or that row alone, end with a separator."""
    cells = [] if row is None else _cells_if_any(row.text, dialect)
    if len(cells) < 2 or cells[-1].strip(" \t"):
        return False
    return len(cells) == (len(names) if not names[-1].strip() else len(names) + 1)


def _too_many(path: str, line: int) -> FileError:
    return FileError(f"{shown(path)}: line {line} names more than {MOST_COLUMNS} columns")


def _check(head: Head, start: _Line, row: str | None, path: str) -> None:
    """Raise FileError for headings that cannot be those of a table with a row of numbers."""
    if len(head.headings) > MOST_COLUMNS:
        raise _too_many(path, start.number)
    if len(head.headings) == 1 and head.line is not None and '"' not in start.text:
        for separator in "|:/":
            parts = start.text.split(separator)
            are_names = len(parts) > 1 and all(is_name(part.strip()) for part in parts)
            if are_names and (row is None or row.count(separator) == len(parts) - 1):
                raise FileError(
                    f"{shown(path)}: line {start.number} is one column, {quoted(start.text)}",
                    hint=f"--separator '{separator}' splits it",
                )
    if not any(head.headings):
        raise FileError(f"{shown(path)}: line {start.number} names no column")


def repair(head: Head) -> str | None:
    """Return what to do about a table whose header is not its first line, None if it is."""
    if head.names_at is None:
        return None
    number, text = head.names_at
    return (
        f"--skip-lines {number - 1} takes line {number}, '{printable(text, 40)}', "
        "for the names of the columns"
    )
