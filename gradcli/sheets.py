"""Columns as records: what a table shows of each item, written once for every form of it.

Rows in a pipe, CSV and logs have every digit below the key of a column; a terminal, and what Python
prints of a result, have short numbers and maybe another heading; JSON has the value itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from operator import attrgetter

from gradcli.graph.literals import Numeral, number_text, to_decimals, to_digits, value_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Row = Sequence[str]

PREFIX = "gradcli."
"""What our heading begins with where a name of the user's is the same; no name has a dot."""

TERMINAL_DIGITS = 6
"""Significant digits in a table on a terminal; everywhere else every digit is shown."""

ARRAY_WIDTH = 24
"""Characters of an array in a table on a terminal: its first numbers and its shape."""


class Sheet(ABC):
    """Where lines and tables are written, and how numbers are shown there.

    It is `pretty` for a reader: tables have short numbers. `digits` and `decimals` round all
    numbers to so many.
    """

    label: str | None = None
    """The formula that is being answered, one of many: the first cell of its lines."""

    def __init__(
        self, *, pretty: bool = True, digits: int | None = None, decimals: int | None = None
    ) -> None:
        self.pretty = pretty
        self.digits = digits
        self.decimals = decimals

    @abstractmethod
    def line(self, text: str) -> None:
        """Add a line."""

    @abstractmethod
    def table(self, headers: Row, rows: Iterable[Row], right: int = 0, labels: int = 0) -> None:
        """Add a table; the columns from number `right` on are aligned right.

        The first columns, as many as `labels` and at least one, stand in every part of a table that
        is too wide for one.
        """

    def number(self, value: Any) -> str:
        """Return a number as text: every digit, or as many as were asked for.

        An array is written as it is typed; a long one on a terminal by its shape and ends.
        """
        if value is None:
            return ""
        if isinstance(value, int | float):
            return self._number(value, self.digits)
        digits = TERMINAL_DIGITS if self.pretty and self.digits is None else self.digits
        if value.dtype == object:
            digits = None
        return value_text(value, 8 if self.pretty else -1, lambda x: self._number(x, digits))

    def _number(self, value: float, digits: int | None) -> str:
        """Return a number as text, with the zeros of --fixed behind it."""
        if self.decimals is not None and value - value == 0:
            return to_decimals(value, self.decimals)
        return number_text(self._round(value, digits))

    def _round(self, value: float, digits: int | None) -> float:
        """Return a number with so many significant digits, or with the decimals of --fixed."""
        if value - value != 0 or isinstance(value, Numeral):
            return value
        if self.decimals is not None:
            return float(to_decimals(value, self.decimals))
        return value if digits is None else to_digits(float(value), digits)

    @property
    def is_rounded(self) -> bool:
        """Whether the user says how many digits numbers have."""
        return self.digits is not None or self.decimals is not None

    def cell(self, value: Any, digits: int | None = TERMINAL_DIGITS) -> str:
        """Return a number for a table: on a terminal, where it must fit, with so many digits."""
        if not isinstance(value, int | float):
            text = self.number(value)
            if not self.pretty or len(text) <= ARRAY_WIDTH:
                return text
            shape = f"… {value.shape}"
            return text[: ARRAY_WIDTH - len(shape)] + shape
        if self.pretty and not self.is_rounded and digits is not None and value - value == 0:
            return number_text(to_digits(value, digits))
        return self.number(value)

    @property
    def form(self) -> str:
        """The form of a table, which says what columns it has and what they are called."""
        return "terminal" if self.pretty else "rows"


class Column:
    """A column of a table with a heading of ours."""

    is_users = False

    def __init__(
        self,
        key: str,
        get: Callable[[Any], Any] | None = None,
        *,
        terminal: str | None = "",
        rows: str | None = "",
        json: str | None = "",
        many: str = "",
        digits: int | None = TERMINAL_DIGITS,
        write: Callable[[Any], str] | None = None,
        is_label: bool = False,
        is_text: bool = False,
    ) -> None:
        """Write the record; the value is the attribute `key` of an item unless `get` says more.

        The heading in `rows`, on a `terminal` and in `json` is the key; None leaves the column out.
        Beside a column of `many` formulas it is that. A terminal shows so many `digits` unless
        others are asked for, all for None. `write` makes the text of a value. Labels say which row
        it is and stand in each part of a table that is split; they and texts are aligned left.
        """
        self.key = key
        self._get = get or attrgetter(key)
        self._headings = {"rows": rows, "terminal": terminal, "json": json}
        self._many = many
        self._digits = digits
        self._write = write
        self.is_label = is_label
        self.is_left = is_label or is_text

    def headings(self, form: str, *, are_many: bool = False) -> list[str]:
        """Return the headings in a form: one, or none where the column does not belong."""
        heading = self._headings[form]
        return [] if heading is None else [(are_many and self._many) or heading or self.key]

    def values(self, item: Any) -> Sequence[Any]:
        """Return what stands below the headings for an item."""
        return [self._get(item)]

    def text(self, value: Any, output: Sheet) -> str:
        """Return a value as the text of a cell."""
        if value is None:
            return ""
        if self._write is not None:
            return self._write(value)
        if isinstance(value, str | int):
            return str(value)
        return output.cell(value, self._digits)


class Entries(Column):
    """A column for each of some names of the user's; `get` returns their values."""

    is_users = True

    def __init__(
        self, names: Iterable[str], get: Callable[[Any], Sequence[Any]], **more: Any
    ) -> None:
        super().__init__("", get, **more)
        self._names = list(names)

    def values(self, item: Any) -> Sequence[Any]:
        """Return what stands below the names for an item."""
        found: Sequence[Any] = self._get(item)
        return found

    def headings(self, form: str, *, are_many: bool = False) -> list[str]:  # noqa: ARG002
        """Return the names."""
        return [] if self._headings[form] is None else self._names


def ours(headings: Sequence[str], theirs: Iterable[str]) -> list[str]:
    """Return our headings for a table, row or JSON object in which `theirs` stand too.

    Where one of ours is also one of theirs it becomes `gradcli.value`, and with it all that are
    parts of the same array: `value[0]`, `value[1]`. All others stay as they are.
    """
    taken = set(theirs)
    clashing = {_stem(heading) for heading in headings if heading in taken}
    return [PREFIX + name if _stem(name) in clashing else name for name in headings]


def _stem(heading: str) -> str:
    """Return the name of the array that a heading is a part of; any other heading as it is."""
    return heading.partition("[")[0]


def headings(columns: Iterable[Column], form: str, *, are_many: bool = False) -> list[str]:
    """Return the headings of a table; ours step aside for those of the user."""
    listed = list(columns)
    theirs = [name for column in listed if column.is_users for name in column.headings(form)]
    found = []
    for column in listed:
        own = column.headings(form, are_many=are_many)
        found += own if column.is_users else ours(own, theirs)
    return found


def cells(columns: Iterable[Column], item: Any, output: Sheet) -> list[str]:
    """Return the texts of a row."""
    shown = [column for column in columns if column.headings(output.form)]
    return [column.text(value, output) for column in shown for value in column.values(item)]


def show(columns: Sequence[Column], items: Iterable[Any], output: Sheet) -> None:
    """Add a table to the output."""
    shown = [column for column in columns if column.headings(output.form)]
    labels, left = sum(c.is_label for c in shown), sum(c.is_left for c in shown)
    rows = [cells(columns, item, output) for item in items]
    are_many = output.label is not None
    found = headings(columns, output.form, are_many=are_many)
    output.table(found, rows, right=left, labels=labels)


class Lines(Sheet):
    """Lines of plain text, tables aligned with blanks."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(text)

    def table(self, headers: Row, rows: Iterable[Row], right: int = 0, labels: int = 0) -> None:  # noqa: ARG002 - long lines stay whole
        """Add a table; the columns from number `right` on are aligned right."""
        listed = [headers, *rows]
        widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
        for row in listed:
            padded = [
                cell.rjust(width) if index >= right else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  ".join(padded).rstrip())


class Html(Lines):
    """Lines and tables as a notebook shows them."""

    def line(self, text: str) -> None:
        """Add a line."""
        from html import escape

        self.lines.append(f"<div>{escape(text) or '&nbsp;'}</div>")

    def table(self, headers: Row, rows: Iterable[Row], right: int = 0, labels: int = 0) -> None:  # noqa: ARG002 - a notebook aligns it
        """Add a table."""
        from html import escape

        self.lines.append("<table>")
        for kind, row in [("th", headers), *[("td", row) for row in rows]]:
            cells = "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in row)
            self.lines.append(f"<tr>{cells}</tr>")
        self.lines.append("</table>")


def documents(columns: Sequence[Column], items: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the items as objects of JSON."""
    keys = headings(columns, "json")
    shown = [column for column in columns if column.headings("json")]
    return [
        dict(zip(keys, [value for column in shown for value in column.values(item)], strict=True))
        for item in items
    ]
