"""What the commands print: plain rows in a pipe, rich tables on a terminal, JSON, CSV."""

from __future__ import annotations

import os
import sys
import time

from gradcli.errors import GradcliError, UsageError, printable
from gradcli.sheets import Column, Sheet, cells, ours, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import Any

    from rich.console import RenderableType
    from typing_extensions import Self

    from gradcli.findings import Note
    from gradcli.options import Options
    from gradcli.point import Point
    from gradcli.sheets import Row
    from gradcli.tables.sums import Sums

LABEL_WIDTHS = 24, 20, 16, 12
"""Columns that a label of words takes in a table on a terminal; longer ones are wrapped. Narrower
ones are tried before a table is split."""

SHOWN_NOTES = 5
"""The most notes of one formula that are said; of further ones only the number."""

RED, BOLD, BLUE, PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[34m", "\x1b[0m"

LONGEST_ERROR = 3800
"""Bytes of one message on stderr, cut below the 4 KiB that a terminal or log should bear."""

NODE = (
    Column("node", lambda step: step.id, json="id", write="#{}".format, is_label=True),
    Column("name", is_label=True),
    Column("formula", many="part", is_label=True),
    Column("operation", rows=None, terminal=None),
    Column("value"),
    Column("digits", write=lambda digits: "" if digits is None else str(digits)),
)
"""The nodes of a formula, in the order in which they are worked out."""


class Output(Sheet):
    """Collects the result of a command and writes it when it is complete.

    Of the options `json` and `csv` choose the form, `digits` and `decimals` round the numbers to so
    many digits or decimals, `path` names a file to write instead of stdout. With
    `allow_nonfinite`, inf and nan are results, not errors.
    """

    def __init__(self, options: Options | None = None) -> None:
        """Take what a command's options say, as far as they are about it."""

        def said(field: str) -> Any:
            return getattr(options, field, None)

        self.json, self.csv = bool(said("json")), bool(said("csv"))
        self.path: str | None = said("path")
        is_shown = self.path is None and not self.json and not self.csv
        super().__init__(
            pretty=is_shown and is_terminal(sys.stdout),
            digits=said("digits"),
            decimals=said("decimals"),
        )
        self.allow_nonfinite = bool(said("allow_nonfinite"))
        color = said("color") or "auto"
        for first, second, both in (
            ("--json", "--csv", self.json and self.csv),
            ("--digits", "--fixed", self.digits is not None and self.decimals is not None),
        ):
            if both:
                message = f"{first} and {second} exclude each other"
                raise UsageError(message, hint="give one of them")
        self.colored = color == "always" or (
            color == "auto"
            and not os.environ.get("NO_COLOR")
            and (
                bool(os.environ.get("FORCE_COLOR"))
                or (self.pretty and os.environ.get("TERM") != "dumb")
            )
        )
        self._parts: list[str] = []
        self._headers: list[str] = []
        """Those of the last table: tables of many formulas with the same headers are one."""
        self._sent_headers: list[str] = []
        self._last_flush = 0.0
        self._opened: Any = None
        self._file: Any = None
        """The file that was named, open from the first text on."""

    def __enter__(self) -> Self:
        """Begin a result, which is complete after the block; after an error a file is as it was."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file that was named."""
        if kind is None:
            self.finish()
        elif self._opened is not None:
            self._opened.__exit__(kind, error, traceback)

    # ------------------------------------------------------------ lines and tables

    def line(self, text: str) -> None:
        """Add a line to the result."""
        self._parts.append(text + "\n")

    def cells(self, cells: Sequence[str]) -> None:
        """Add a line of cells, the first of which is the formula where there are many."""
        self.line("\t".join(self.labelled(cells)))

    def lines(self, texts: Sequence[str]) -> None:
        """Add lines; of many formulas each has one, which begins with it."""
        if self.label is not None:
            self.cells(texts)
        else:
            for text in texts:
                self.line(text)

    def facts(self, columns: Sequence[Column], items: Iterable[Any]) -> None:
        """Add rows to what a pipe gets: a name with a value, below headings only in CSV."""
        if self.csv:
            show(columns, items, self)
        else:
            self.lines(["\t".join(cells(columns, item, self)) for item in items])

    def labelled(self, cells: Sequence[str]) -> list[str]:
        """Return the cells of a row, behind the formula where there are many."""
        if self.label is None:
            return list(cells)
        return [printable(self.label.replace("\t", " ").strip()), *cells]

    def heading(self, headers: Sequence[str]) -> list[list[str]]:
        """Return the row of headers of a table, or none where the table goes on."""
        named = self._named(headers)
        if named == self._headers and (self.csv or self.label is not None):
            return []
        self._headers = named
        return [named]

    def _named(self, headers: Sequence[str]) -> list[str]:
        """Return the headers, where there are many formulas behind that of their column."""
        if self.label is None:
            return list(headers)
        return [*ours(["formula"], headers), *headers]

    def document(self, content: dict[str, Any]) -> None:
        """Add one JSON object to the result, on a line of its own."""
        from gradcli.graph.literals import SCHEMA, json_text

        self.line(json_text({"schema": SCHEMA, **self._cut(content)}))

    def _cut(self, content: Any) -> Any:
        """Return the content of a document with as many digits as were asked for."""
        if not self.is_rounded:
            return content
        if isinstance(content, dict):
            return {key: self._cut(value) for key, value in content.items()}
        if isinstance(content, list | tuple):
            return [self._cut(value) for value in content]
        if isinstance(content, float):
            return self._round(content, self.digits)
        if hasattr(content, "ravel") and content.dtype != object:
            return self._cut(content.tolist())
        return content

    def table(self, headers: Row, rows: Iterable[Row], right: int = 0, labels: int = 0) -> None:
        """Add a table; only on a terminal columns are aligned, and tables that are wide parted."""
        if self.pretty:
            listed = [self.labelled(row) for row in rows]
            if self.label is not None:
                headers, right, labels = self._named(headers), right + 1, labels + 1
            for columns in fitting_columns(headers, listed, right, width(), labels):
                part = [[row[i] for i in columns] for row in listed]
                left = sum(i < right for i in columns)
                self._parts.append(self._rich_table([headers[i] for i in columns], part, left))
            return
        self._parts.append(self.text([*self.heading(headers), *map(self.labelled, rows)]))

    def text(self, rows: Iterable[Row]) -> str:
        """Return the lines of rows in a pipe: as CSV, or with tabs between the cells."""
        return csv_text(rows) if self.csv else "".join("\t".join(row) + "\n" for row in rows)

    def _rich_table(self, headers: Row, rows: Iterable[Row], right: int) -> str:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, header in enumerate(headers):
            numeric = index >= right
            justify: Any = "right" if numeric else "left"
            table.add_column(Text(header), justify=justify, no_wrap=numeric, overflow="fold")
        for row in rows:
            table.add_row(*[Text(cell) for cell in row])
        return self.rendered(table)

    def rendered(self, table: RenderableType) -> str:
        """Return a table or the like of Rich as the text that the terminal is to get."""
        from io import StringIO

        from rich.console import Console

        buffer = StringIO()
        console = Console(
            file=buffer,
            force_terminal=True,
            no_color=not self.colored,
            color_system="standard" if self.colored else None,
            width=width(),
            height=100,  # without one a TERM=dumb would be 80 columns wide
            markup=False,
            emoji=False,
            highlight=False,
        )
        console.print(table)
        return buffer.getvalue()

    # ------------------------------------------------------------ streams

    def stream(self, text: str) -> None:
        """Write a line to stdout now; ten times a second it really leaves, so readers see it."""
        out = _stdout()
        out.write(text + "\n")
        now = time.monotonic()
        if now - self._last_flush > 0.1:
            self._last_flush = now
            out.flush()

    def block(self, lines: list[str]) -> None:
        """Add many lines; they go at once, so that a long table needs no memory."""
        self._parts.append("\n".join(lines) + "\n")
        self._write()

    def send(self) -> None:
        """Let a reader have what there is so far."""
        self._write()
        if self.path is None:
            _stdout().flush()
        elif self._file is not None:
            self._file.flush()

    def discard(self) -> None:
        """Forget what was added since the last time that something was sent."""
        self._parts.clear()
        self._headers = self._sent_headers

    def finish(self) -> None:
        """Write the rest; a file that was named has its name from here on."""
        self._write()
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.__exit__(None, None, None)
        if self.path is None:
            _stdout().flush()

    def _write(self) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        self._sent_headers = self._headers
        if self.path is None:
            _stdout().write(text)
            return
        if self._opened is None:
            from gradcli.data import files

            self._opened = files.writing(self.path)
            self._file = self._opened.__enter__()
        self._file.write(text)

    def binary(self, content: bytes) -> None:
        """Write bytes, such as a picture, to stdout or to the file that was named."""
        if self.path is not None:
            from gradcli.data import files

            files.write(self.path, content)
            return
        out = _stdout()
        out.flush()
        out.buffer.write(content)
        out.buffer.flush()


def fitting_columns(
    headers: Row, rows: Sequence[Row], right: int, room: int, labels: int = 0
) -> list[list[int]]:
    """Return the columns of each part of a table that is too wide: labels, then those that fit.

    The first columns, as many as `labels` and at least one, stand in every part. Texts, which stand
    before column `right`, can be wrapped; a number is never cut.
    """
    labels = max(labels, 1)
    parts = [_parts(headers, rows, right, room, labels, widest) for widest in LABEL_WIDTHS]
    return min(parts, key=len)


def _parts(
    headers: Row, rows: Sequence[Row], right: int, room: int, labels: int, widest: int
) -> list[list[int]]:
    sizes = [max(len(row[i]) for row in (headers, *rows)) + 3 for i in range(len(headers))]
    sizes[:right] = [min(size, widest) for size in sizes[:right]]
    parts: list[list[int]] = [[*range(labels)]]
    left = room - sum(sizes[:labels])
    for index in range(labels, len(headers)):
        left -= sizes[index]
        if left < 0 and len(parts[-1]) > labels:
            parts.append([*range(labels)])
            left = room - sum(sizes[:labels]) - sizes[index]
        parts[-1].append(index)
    return parts


def said_of_digits(point: Point | Sums) -> dict[str, Any]:
    """Return what a document says about digits: how many of the value and of derivatives.

    Where all that binds a name in them is proved, it says so.
    """
    if not point.digits:
        return {}
    names = {name: n for name, n in point.digits.items() if name}
    said: dict[str, Any] = {
        "digits": {"value": point.digits[""]} | ({"gradient": names} if names else {})
    }
    proofs = getattr(point, "proofs", {})
    return said | ({"proved": True} if proofs and all(proofs.values()) else {})


def note(text: str) -> None:
    """Say something beside the result, on stderr, after what was written so far."""
    if sys.stdout is not None:
        sys.stdout.flush()
    complain(f"{styled('note:', BLUE)} {printable(text, 1000)}")


def say_notes(notes: Sequence[Note], prefix: str = "") -> None:
    """Say the notes about derivatives, of many only the first and their number."""
    for remark in notes[:SHOWN_NOTES]:
        note(prefix + str(remark))
    if len(notes) > SHOWN_NOTES:
        note(f"{prefix}and {len(notes) - SHOWN_NOTES} more; in JSON are all")


def error(problem: GradcliError, *, json: bool = False) -> None:
    """Say on stderr what went wrong: sentence, location and repair, or one JSON object."""
    if json:
        from gradcli.graph.literals import json_text

        complain(json_text(error_document(problem)))
    else:
        complain(error_text(problem))


def error_text(problem: GradcliError) -> str:
    """Return what went wrong as lines for a reader: sentence, location and repair."""
    first, *rest = problem.render(min(width(sys.stderr), 200)).split("\n")
    lines = [styled(line, BOLD) if line and not line.strip(" ^") else line for line in rest]
    return "\n".join([f"{styled('error:', RED)} {first}", *lines])


def styled(text: str, style: str) -> str:
    """Return a text for stderr in a colour or bold, where a terminal shows that."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    wanted = is_terminal(sys.stderr) or bool(os.environ.get("FORCE_COLOR"))
    return f"{style}{text}{PLAIN}" if wanted else text


def error_document(problem: GradcliError) -> dict[str, Any]:
    """Return what went wrong as the object for a program."""
    return {
        "error": {
            "kind": problem.kind,
            "message": printable(problem.message, 600),
            "expression": None if problem.source is None else printable(problem.source, 600),
            "span": None if problem.span is None else list(problem.span),
            "hint": None if problem.hint is None else printable(problem.hint, 600),
        }
    }


def complain(text: str) -> None:
    """Write to stderr, if there is one; a message that cannot be written is not worth a crash."""
    if sys.stderr is None:
        return
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) > LONGEST_ERROR:
        text = encoded[:LONGEST_ERROR].decode("utf-8", "ignore") + "…"
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        pass


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV, cells quoted where they must be."""
    import csv
    from io import StringIO

    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def listed(rows: Iterable[tuple[str, str]], size: int, room: int) -> Iterator[str]:
    """Yield the lines of words and what they mean, in two columns, the first `size` wide."""
    import textwrap

    indent = " " * (size + 4)
    for left, right in rows:
        first_indent = f"  {left:{size}}  "
        if not right or len(left) > size:
            yield f"  {left}"
            first_indent = indent
        yield from textwrap.wrap(right, room, initial_indent=first_indent, subsequent_indent=indent)


def width(stream: Any = None) -> int:
    """Return how many columns the terminal has; 80 when there is none."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and columns.isascii():
        return max(20, min(int(columns[:5]), 1000))
    try:
        return max(20, os.get_terminal_size((stream or sys.stdout).fileno()).columns)
    except (OSError, AttributeError, ValueError):
        return 80


def is_terminal(stream: Any) -> bool:
    """Return whether a stream leads to a terminal."""
    return stream is not None and stream.isatty()


def _stdout() -> Any:
    if sys.stdout is None:
        message = "stdout is closed"
        raise GradcliError(message)
    return sys.stdout
