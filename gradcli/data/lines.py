"""Text in whole lines: UTF-8, LF or CRLF, no line without end, blank ones only after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.data.input import PIECE, shown
from gradcli.data.signature import looks_like
from gradcli.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.data.input import Input

LONGEST_LINE = 16 * 1024 * 1024
"""The most bytes of a line."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines(NamedTuple):
    """Whole lines, each ended by LF, of which no quoted cell sticks out; not empty."""

    number: int
    """The number of the first of them, from 1."""
    text: bytes


def line_blocks(source: Input, blanks: bytes) -> Iterator[Lines]:
    """Yield all lines of a file, about 256 KiB at a time; `blanks` may stand on a blank line.

    Blank lines at the end are left out. Raises FileError for an empty file, for a blank line that
    another line follows, and for what is not text.
    """
    blank_at = 0
    ends = b"\n" + blanks
    for number, text in _pieces(source):
        _check_text(source.path, number, text)
        kept = text.rstrip(ends)
        if not kept:
            blank_at = blank_at or number
            continue
        if blank_at:
            raise blank_line(source.path, blank_at)
        # The last line keeps its trailing blanks: with tabs between them they are empty cells.
        end = text.find(b"\n", len(kept)) + 1
        if end < len(text):
            blank_at = number + text.count(b"\n", 0, end)
        yield Lines(number, text[:end])


def line_feeds(text: bytes) -> int:
    """Return how many lines a text ends; bytes.count takes ten times as long."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))


def blank_line(path: str, number: int) -> FileError:
    """Return the error for a blank line between others."""
    return FileError(f"{shown(path)}: line {number} is blank")


def _pieces(source: Input) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines and the number of their first."""
    number, waiting, inside = 1, b"", 0
    with source.stream() as stream:
        piece = stream.read(PIECE)
        _check_start(source.path, piece)
        piece = piece.removeprefix(BYTE_ORDER_MARK)
        while piece:
            waiting += piece
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
            yield number, _with_line_feeds(source.path, number, text)
            number += line_feeds(text)
        if waiting:
            raise _unclosed_quote(source.path, number, waiting)


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


def _check_start(path: str, start: bytes) -> None:
    if not start:
        raise FileError(f"{shown(path)}: the file is empty")
    kind = looks_like(start)
    if kind is not None:
        raise FileError(f"{shown(path)}: this is not CSV; it looks like {kind}")
    if start.startswith(BYTE_ORDER_MARK * 2):
        raise FileError(f"{shown(path)}: the file begins with two byte order marks")


def _with_line_feeds(path: str, number: int, text: bytes) -> bytes:
    """Return lines that end with CRLF as lines that end with LF."""
    if b"\r" not in text:
        return text
    text = text.replace(b"\r\n", b"\n")
    at = text.find(b"\r")
    if at >= 0:
        line = number + text.count(b"\n", 0, at)
        raise FileError(
            f"{shown(path)}: line {line} holds a carriage return without a line feed",
            hint="lines end with LF or CRLF",
        )
    return text


def _check_text(path: str, number: int, text: bytes) -> None:
    """Raise FileError for a NUL byte and for what is not UTF-8."""
    at = text.find(b"\0")
    if at >= 0:
        line = number + text.count(b"\n", 0, at)
        raise FileError(
            f"{shown(path)}: line {line} holds a NUL byte",
            hint="is this UTF-16, or not text at all? CSV is read as UTF-8",
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
            hint="iconv -f latin1 -t utf-8 converts the file, if it is Latin-1",
        ) from None


def _unclosed_quote(path: str, number: int, text: bytes) -> FileError:
    """Return the error for a quote that the end of the file leaves open."""
    line = number
    for content in text.split(b"\n"):
        if content.count(b'"') % 2:
            break
        line += 1
    return FileError(f'{shown(path)}: a quote " on line {line} is not closed')
