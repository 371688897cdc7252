"""JSON as tables: a list of objects, an object of lists, or an object on each line.

The rows become those of a table of text, so that numbers, missing values, dates and classes are
read by the same rules as everywhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gradcli.data.columns import quoted
from gradcli.data.csv import TextReader
from gradcli.data.input import Input, Stream, Written, shown
from gradcli.data.text import BYTE_ORDER_MARK
from gradcli.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.data.head import TextOptions

MOST_BYTES = 256 * 1024 * 1024
"""The most bytes of a JSON document, which is held in memory; JSON lines may be of any length."""

LONGEST_LINE = 16 * 1024 * 1024
"""The most bytes of a line of JSON lines."""


class _Numeral(str):
    """A number as it stands in the text, so that no digit is lost."""

    __slots__ = ()


def json_table(source: Input, options: TextOptions, *, drop_missing: bool) -> TextReader:
    """Return the rows of a JSON document. Raises FileError."""
    where = shown(source.path)
    content = source.start(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        message = f"{where}: a JSON document of more than {MOST_BYTES >> 20} MiB"
        raise FileError(message, hint="write an object on each line and call it .jsonl")
    document = _loaded(content, where)
    if isinstance(document, dict):
        rows = _of_lists(document, where)
    elif isinstance(document, list):
        rows = _of_objects(((i, row) for i, row in enumerate(document, 1)), where)
    else:
        raise FileError(f"{where}: the JSON is neither a list nor an object")
    held = list(rows)
    return _table(source.path, lambda: iter(held), options, drop_missing=drop_missing)


def json_lines(source: Input, options: TextOptions, *, drop_missing: bool) -> TextReader:
    """Return the rows of a file with a JSON object on each line. Raises FileError."""
    where = shown(source.path)

    def rows() -> Iterator[Sequence[str]]:
        with source.stream() as stream:
            objects = (
                (number, _loaded(line, f"{where}: line {number}"))
                for number, line in enumerate(_lines(stream, where), 1)
                if line.strip()
            )
            yield from _of_objects(objects, where)

    return _table(source.path, rows, options, drop_missing=drop_missing)


def _table(path: str, rows: Any, options: TextOptions, *, drop_missing: bool) -> TextReader:
    options = options._replace(separator=",")
    # Line 1 of the table holds the names, so row n is on line n + 1.
    return TextReader(Written(path, rows), options, drop_missing=drop_missing, unit="table line")


def _loaded(content: bytes, where: str) -> Any:
    try:
        text = content.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        return json.loads(text, parse_float=_Numeral, parse_int=_Numeral, parse_constant=_Numeral)
    except RecursionError:
        raise FileError(f"{where}: the JSON is nested too deeply") from None
    except ValueError as error:
        reason = getattr(error, "msg", "it is not UTF-8")
        at = getattr(error, "lineno", None)
        place = f" at line {at}, column {getattr(error, 'colno', 0)}" if at else ""
        raise FileError(f"{where}: this is not JSON: {reason.lower()}{place}") from None


def _of_lists(document: dict[str, Any], where: str) -> Iterator[Sequence[str]]:
    lengths = {}
    for name, column in document.items():
        if not isinstance(column, list):
            raise FileError(f"{where}: {quoted(name)} is not a list of values")
        lengths[name] = len(column)
    if len(set(lengths.values())) > 1:
        first, *_ = lengths
        other = next(name for name in lengths if lengths[name] != lengths[first])
        raise FileError(
            f"{where}: {quoted(first)} has {lengths[first]} values, "
            f"{quoted(other)} has {lengths[other]}"
        )
    yield list(document)
    for number, row in enumerate(zip(*document.values(), strict=True), 1):
        yield [_cell(value, where, number) for value in row]


def _of_objects(objects: Iterator[tuple[int, Any]], where: str) -> Iterator[Sequence[str]]:
    names: list[str] = []
    for number, row in objects:
        if not isinstance(row, dict):
            raise FileError(f"{where}: entry {number} is not an object with names and values")
        if not names:
            names = list(row)
            yield names
        if row.keys() - set(names):
            extra = next(name for name in row if name not in names)
            raise FileError(
                f"{where}: entry {number} has {quoted(extra)}, which the first one lacks"
            )
        yield [_cell(row.get(name), where, number) for name in names]


def _cell(value: Any, where: str, number: int) -> str:
    """Return a value as the text of a cell; null is a missing value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise FileError(f"{where}: entry {number} holds a list or an object inside a row")


def _lines(stream: Stream, where: str) -> Iterator[bytes]:
    waiting = b""
    while piece := stream.read(1 << 18):
        *lines, waiting = (waiting + piece).split(b"\n")
        yield from lines
        if len(waiting) > LONGEST_LINE:
            raise FileError(f"{where}: a line is longer than {LONGEST_LINE >> 20} MiB")
    yield waiting
