"""Columns as records: what a table shows of each item, written once for every form of it.

Rows in a pipe, CSV and logs have every digit below the key of a column; a terminal has short
numbers and maybe another heading; JSON has the value itself.
"""

from __future__ import annotations

from gradcli.cli.output import TERMINAL_DIGITS
from gradcli.headings import ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from gradcli.cli.output import Output


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
        self._get = get
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
        return [getattr(item, self.key) if self._get is None else self._get(item)]

    def text(self, value: Any, output: Output) -> str:
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
        self._entries = get

    def values(self, item: Any) -> Sequence[Any]:
        """Return what stands below the names for an item."""
        return self._entries(item)

    def headings(self, form: str, *, are_many: bool = False) -> list[str]:  # noqa: ARG002
        """Return the names."""
        return [] if self._headings[form] is None else self._names


def headings(columns: Iterable[Column], form: str, *, are_many: bool = False) -> list[str]:
    """Return the headings of a table; ours step aside for those of the user."""
    listed = list(columns)
    theirs = [name for column in listed if column.is_users for name in column.headings(form)]
    found = []
    for column in listed:
        own = column.headings(form, are_many=are_many)
        found += own if column.is_users else ours(own, theirs)
    return found


def cells(columns: Iterable[Column], item: Any, output: Output) -> list[str]:
    """Return the texts of a row."""
    shown = [column for column in columns if column.headings(output.form)]
    return [column.text(value, output) for column in shown for value in column.values(item)]


def show(columns: Sequence[Column], items: Iterable[Any], output: Output) -> None:
    """Add a table to the output."""
    shown = [column for column in columns if column.headings(output.form)]
    labels, left = sum(c.is_label for c in shown), sum(c.is_left for c in shown)
    rows = [cells(columns, item, output) for item in items]
    are_many = output.label is not None
    found = headings(columns, output.form, are_many=are_many)
    output.table(found, rows, right=left, labels=labels)


def documents(columns: Sequence[Column], items: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the items as objects of JSON."""
    keys = headings(columns, "json")
    shown = [column for column in columns if column.headings("json")]
    return [
        dict(zip(keys, [value for column in shown for value in column.values(item)], strict=True))
        for item in items
    ]


NODE = (
    Column("node", lambda step: step.id, json="id", write="#{}".format, is_label=True),
    Column("name", is_label=True),
    Column("formula", many="part", is_label=True),
    Column("operation", rows=None, terminal=None),
    Column("value"),
    Column("digits", write=lambda digits: "" if digits is None else str(digits)),
)
"""The nodes of a formula, in the order in which they are worked out."""

ERROR = Column("standard_error", terminal="std. error")
"""The standard error of the value of an input, or of the result."""

VALUE = (Column("value", lambda value: value),)
"""The value of a formula."""
