"""The first sheet of a workbook, read through python-calamine, as a table of text."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from gradcli.data.csv import TextReader
from gradcli.data.input import Written, shown
from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from gradcli.data.head import TextOptions
    from gradcli.data.input import Input

LARGEST = 256 * 1024 * 1024
"""The most bytes of a workbook, which is held in memory."""


def sheet(source: Input, options: TextOptions, *, drop_missing: bool) -> TextReader:
    """Return the rows of the first sheet that holds any. Raises FileError."""
    where = shown(source.path)
    try:
        from python_calamine import CalamineWorkbook
    except ImportError:
        message = "reading Excel files needs python-calamine: pip install 'gradcli[excel]'"
        raise FileError(message) from None
    content = source.start(LARGEST + 1)
    if len(content) > LARGEST:
        raise FileError(f"{where}: a workbook of more than {LARGEST >> 20} MiB")
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = (workbook.get_sheet_by_index(i) for i in range(len(workbook.sheet_names)))
        rows = next(
            (rows for each in sheets if (rows := each.to_python(skip_empty_area=False))), []
        )
    except Exception as error:  # noqa: BLE001 - calamine raises many kinds, panics among them
        reason = printable(" ".join(str(error).split()), 120)
        raise FileError(f"{where}: this is not a workbook that can be read: {reason}") from None
    table = [[_cell(value) for value in row] for row in rows]
    if not table:
        raise FileError(f"{where}: the workbook holds no cells")
    written = Written(source.path, lambda: iter(table))
    options = options._replace(separator=",")
    return TextReader(written, options, drop_missing=drop_missing, unit="row")


def _cell(value: Any) -> str:
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
