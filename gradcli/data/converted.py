"""Workbooks and JSON as tables of text, which are then read by the same rules as everywhere.

Of a workbook it is the first sheet that holds anything, read through python-calamine. JSON is a
list of objects, an object of lists, or an object on each line.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from gradcli.data.columns import quoted
from gradcli.data.csv import TextReader
from gradcli.data.input import Input, Pieces, Stream, shown
from gradcli.data.text import BYTE_ORDER_MARK, LONGEST_LINE
from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gradcli.data.cells import TextOptions

ROWS_AT_ONCE = 4096
"""How many rows become CSV at a time."""


class Converted(Input):
    """Rows of cells as CSV, made anew for each pass."""

    def __init__(self, path: str, rows: Callable[[], Iterator[Sequence[str]]]) -> None:
        super().__init__(path)
        self._rows = rows

    @contextmanager
    def stream(self, first: int | None = None) -> Iterator[Stream]:  # noqa: ARG002
        """Open the rows for a block, as CSV."""
        yield Pieces(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        rows = self._rows()
        while some := list(islice(rows, ROWS_AT_ONCE)):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(some)
            yield text.getvalue().encode("utf-8", "surrogatepass")


def _table(
    source: Input,
    rows: Callable[[], Iterator[Sequence[str]]],
    options: TextOptions,
    unit: str,
    *,
    drop_missing: bool,
) -> TextReader:
    converted, options = Converted(source.path, rows), options._replace(separator=",")
    return TextReader(converted, options, drop_missing=drop_missing, unit=unit)


# ---------------------------------------------------------------- workbooks


def sheet(source: Input, options: TextOptions, *, drop_missing: bool) -> TextReader:
    """Return the rows of the first sheet that holds any. Raises FileError."""
    where = shown(source.path)
    try:
        from python_calamine import CalamineWorkbook
    except ImportError:
        message = "reading Excel files needs python-calamine: pip install 'gradcli[excel]'"
        raise FileError(message) from None
    content = io.BytesIO(source.whole("a workbook"))
    try:
        workbook = CalamineWorkbook.from_filelike(content)
        sheets = (workbook.get_sheet_by_index(i) for i in range(len(workbook.sheet_names)))
        rows = next(
            (rows for each in sheets if (rows := each.to_python(skip_empty_area=False))), []
        )
    except Exception as error:  # noqa: BLE001 - calamine raises many kinds, panics among them
        reason = printable(" ".join(str(error).split()), 120)
        raise FileError(f"{where}: this is not a workbook that can be read: {reason}") from None
    table = [[_cell_of_sheet(value) for value in row] for row in rows]
    if not table:
        raise FileError(f"{where}: the workbook holds no cells")
    return _table(source, lambda: iter(table), options, "row", drop_missing=drop_missing)


def _cell_of_sheet(value: Any) -> str:
    """Return what a cell holds as text: numbers with every digit, dates as ISO 8601."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---------------------------------------------------------------- JSON


TABLE_LINE = "table line"
"""What rows of JSON are called: line 1 of the table holds the names, so row n is on line n + 1."""


class _Numeral(str):
    """A number as it stands in the text, so that no digit is lost."""

    __slots__ = ()


def json_table(source: Input, options: TextOptions, *, drop_missing: bool) -> TextReader:
    """Return the rows of a JSON document. Raises FileError."""
    where = shown(source.path)
    hint = "write an object on each line and call it .jsonl"
    document = _loaded(source.whole("a JSON document", hint), where)
    if isinstance(document, dict):
        rows = _of_lists(document, where)
    elif isinstance(document, list):
        rows = _of_objects(((i, row) for i, row in enumerate(document, 1)), where)
    else:
        raise FileError(f"{where}: the JSON is neither a list nor an object")
    held = list(rows)
    return _table(source, lambda: iter(held), options, TABLE_LINE, drop_missing=drop_missing)


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

    return _table(source, rows, options, TABLE_LINE, drop_missing=drop_missing)


def _loaded(content: bytes, where: str) -> Any:
    try:
        text = content.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        return json.loads(text, parse_float=_Numeral, parse_int=_Numeral, parse_constant=_Numeral)
    except RecursionError:
        raise FileError(f"{where}: the JSON is nested too deeply") from None
    except ValueError as error:
        reason = getattr(error, "msg", "it is not UTF-8")
        at = getattr(error, "lineno", None)
        location = f" at line {at}, column {getattr(error, 'colno', 0)}" if at else ""
        raise FileError(f"{where}: this is not JSON: {reason.lower()}{location}") from None


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
