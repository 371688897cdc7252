"""Text in whole lines, UTF-8 and ended by LF, without blank lines and comments.

UTF-16 is known by its byte order mark, other encodings by their name; CRLF and CR end a line too.
"""

from __future__ import annotations

import codecs
import re
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from gradcli.data.formats import looks_like
from gradcli.data.input import PIECE, Pieces, shown
from gradcli.errors import FileError, UsageError, printable
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from gradcli.data.input import Input, Stream

LONGEST_LINE = 16 * 1024 * 1024
"""The most bytes of a line."""

BYTE_ORDER_MARK = codecs.BOM_UTF8
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

COMMENT = rb"#"
"""What begins a comment line anywhere in a file."""
NOT_AVAILABLE = r"#(?:N/A|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!)[ \t]*(?:[-+.0-9,;\t|]|$)"
"""A row that begins with an error of a spreadsheet, in the place of a number: no comment."""


class Lines(NamedTuple):
    """Whole lines, each ended by LF, of which no quoted cell sticks out; not empty."""

    number: int
    """The number of the first of them, from 1."""
    text: bytes
    numbers: NDArray[np.intp] | None = None
    """The number of each line where some were left out between them."""


class LineFilter:
    """Which lines of a file count: those that are not blank, no comment and not left out."""

    def __init__(self, blanks: bytes, left_out: Collection[int] = (), first: int = 1) -> None:
        """Lines before `first` and those in `left_out` do not count; `blanks` make a blank line."""
        self._left_out = sorted(left_out)
        self._first = first
        between = b"[" + re.escape(blanks) + b"]*"
        comment = rb"(?!" + NOT_AVAILABLE.encode() + rb")" + COMMENT + rb"[^\n]*"
        self._ignored = re.compile(rb"(?m)^(?:" + between + rb"(?:" + comment + rb")?\n)+")
        self.comments = 0
        """How many comment lines the last pass left out after `first`."""

    def of(self, lines: Lines) -> Lines | None:
        """Return those of the lines that count; None when none does."""
        number, text, _ = lines
        if self._first > number:
            skipped = self._first - number
            at = 0
            for _ in range(skipped):
                at = text.find(b"\n", at) + 1
                if not at:
                    return None
            number, text = self._first, text[at:]
            if not text:
                return None
        # Most blocks have none; the search for them is that of a byte.
        if COMMENT not in text and not (self._left_out and self._left_out[-1] >= number):
            return Lines(number, text)
        return self._without(number, text)

    def without_blanks(self, lines: Lines) -> Lines | None:
        """Return the lines that are not blank; None when all are."""
        if lines.numbers is not None:
            return lines  # they were left out together with comments
        return self._without(lines.number, lines.text)

    def _without(self, number: int, text: bytes) -> Lines | None:
        dropped: list[tuple[int, int]] = []
        has_quotes = b'"' in text
        checked, quotes = 0, 0
        for match in self._ignored.finditer(text):
            if has_quotes:
                quotes += text.count(b'"', checked, match.start())
                checked = match.start()
                if quotes % 2:
                    continue
            dropped.append(match.span())
            if COMMENT in match[0]:
                self.comments += sum(COMMENT in line for line in match[0].split(b"\n"))
        count = line_feeds(text)
        at, line = 0, number
        for wanted in self._left_out:
            if number <= wanted < number + count:
                for _ in range(wanted - line):
                    at = text.index(b"\n", at) + 1
                line = wanted
                dropped.append((at, text.index(b"\n", at) + 1))
        if not dropped:
            return Lines(number, text)
        pieces: list[bytes] = []
        is_kept = np.ones(count, np.bool_)
        end, index = 0, 0
        for start, stop in sorted(dropped):
            if stop <= end:
                continue  # a comment that is left out by its number too
            pieces.append(text[end:start])
            index += text.count(b"\n", end, start)
            gone = text.count(b"\n", start, stop)
            is_kept[index : index + gone] = False
            index += gone
            end = stop
        pieces.append(text[end:])
        kept = b"".join(pieces)
        return Lines(number, kept, number + np.flatnonzero(is_kept)) if kept else None


def line_blocks(source: Input, encoding: str | None = None) -> Iterator[Lines]:
    """Yield all lines of a file, about 256 KiB at a time.

    Raises FileError for an empty file and for what is not text.
    """
    number, waiting, inside = 1, b"", 0
    with source.stream() as raw:
        stream = _utf_8(raw, source.path, encoding)
        piece = stream.read(PIECE)
        if not piece:
            raise FileError(f"{shown(source.path)}: the file is empty")
        while piece:
            # A CR at the end may belong to an LF that is still to come.
            while piece.endswith(b"\r") and (following := stream.read(1)):
                piece += following
            waiting += _with_line_feeds(piece)
            piece = stream.read(PIECE)
            if not piece and not waiting.endswith(b"\n"):
                waiting += b"\n"
            cut = _cut(waiting, inside)
            if (waiting.find(b"\n", 0, cut) if cut else len(waiting)) > LONGEST_LINE:
                raise FileError(
                    f"{shown(source.path)}: line {number} is longer than 16 MiB",
                    hint='is a quote " left open?' if b'"' in waiting else None,
                )
            # Where no line ends outside quotes, none of these ends is looked at again.
            inside = 0 if cut else waiting.rfind(b"\n") + 1
            if not cut:
                continue
            text, waiting = waiting[:cut], waiting[cut:]
            _check_text(source.path, number, text)
            yield Lines(number, text)
            number += line_feeds(text)
        if waiting:
            raise _unclosed_quote(source.path, number, waiting)


def records(lines: Lines) -> Iterator[tuple[int, int, str]]:
    """Yield number, end in bytes and text of each line; a quoted cell may run over several."""
    text, start, index = lines.text, 0, 0
    has_quotes = b'"' in text
    while start < len(text):
        end = text.index(b"\n", start)
        if has_quotes:
            quotes = text.count(b'"', start, end)
            while quotes % 2:
                after = text.index(b"\n", end + 1)
                quotes += text.count(b'"', end, after)
                end = after
        number = lines.number + index if lines.numbers is None else int(lines.numbers[index])
        yield number, end + 1, text[start:end].decode("utf-8")
        index += text.count(b"\n", start, end + 1)
        start = end + 1


def line_feeds(text: bytes) -> int:
    """Return how many lines a text ends; bytes.count takes ten times as long."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))


def _with_line_feeds(text: bytes) -> bytes:
    """Return the text with LF where a line ends with CRLF or CR."""
    if b"\r" not in text:
        return text
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _transcoded(pieces: Iterator[bytes], encoding: str, path: str) -> Iterator[bytes]:
    """Yield the UTF-8 of text in another encoding. Raises FileError."""
    try:
        for text in codecs.iterdecode(pieces, encoding):
            yield text.encode("utf-8", "surrogatepass")
    except UnicodeError:  # of UTF-16 without a mark it is not a UnicodeDecodeError
        message = f"{shown(path)}: this is not {printable(encoding, 40)} text"
        hint = "--encoding names another one"
        if encoding in {"utf-16", "utf-32"}:
            message = f"{shown(path)}: there is no byte order mark"
            hint = f"--encoding {encoding}-le or --encoding {encoding}-be says the order"
        raise FileError(message, hint=hint) from None


def _utf_8(stream: Stream, path: str, encoding: str | None) -> Stream:
    """Return the stream as UTF-8 without a byte order mark. Raises FileError and UsageError."""
    start = stream.read(PIECE)
    mark = b""
    if encoding is None:
        kind = looks_like(start)
        mark = next((each for each in UTF_16 if start.startswith(each)), BYTE_ORDER_MARK)
        encoding = UTF_16.get(mark)
        if kind is not None and (encoding is None or kind != "UTF-16 text"):
            raise FileError(f"{shown(path)}: this is not CSV; it looks like {kind}")
        if start.startswith(BYTE_ORDER_MARK * 2):
            raise FileError(f"{shown(path)}: the file begins with two byte order marks")
    else:
        try:
            encoding = codecs.lookup(encoding).name
            "".encode(encoding)
        except LookupError:
            message = f"--encoding: there is no encoding '{printable(encoding, 40)}'"
            raise UsageError(message, hint="for example latin-1, cp1252, utf-8, utf-16") from None
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    rest = iter(lambda: stream.read(PIECE), b"")
    pieces = filter(None, chain([start.removeprefix(mark)], rest))
    return Pieces(pieces if encoding is None else _transcoded(pieces, encoding, path))


def _cut(text: bytes, inside: int) -> int:
    """Return the end of the last line after which no quote is open, or 0.

    All lines that end up to `inside` end inside quotes.
    """
    cut = text.rfind(b"\n", inside) + 1
    if cut <= inside:
        return 0
    quotes = bool(inside) + text.count(b'"', inside, cut)
    while quotes % 2:
        # The line must end before the last quote, which opens a cell or closes one.
        last = text.rfind(b'"', inside, cut)
        before = text.rfind(b"\n", inside, max(last, inside)) + 1
        if before <= inside:
            return 0
        quotes -= text.count(b'"', before, cut)
        cut = before
    return cut


def _check_text(path: str, number: int, text: bytes) -> None:
    """Raise FileError for a NUL byte and for what is not UTF-8."""
    at = text.find(b"\0")
    if at >= 0:
        line = number + text.count(b"\n", 0, at)
        raise FileError(
            f"{shown(path)}: line {line} holds a NUL byte",
            hint="is this UTF-16 without a mark, or not text at all? --encoding names it",
        )
    if text.isascii():
        return
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = number + text.count(b"\n", 0, error.start)
        byte = text[error.start]
        raise FileError(
            f"{shown(path)}: line {line} is not UTF-8: byte 0x{byte:02x}",
            hint="--encoding latin-1 reads it, if it is Latin-1",
        ) from None


def _unclosed_quote(path: str, number: int, text: bytes) -> FileError:
    """Return the error for a quote that the end of the file leaves open."""
    line = number
    for content in text.split(b"\n"):
        if content.count(b'"') % 2:
            break
        line += 1
    return FileError(f'{shown(path)}: a quote " on line {line} is not closed')
