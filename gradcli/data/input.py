"""The bytes of a data file, plain, packed by gzip, remote or from stdin, read as a stream."""

from __future__ import annotations

import io
import os
import re
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from gradcli.data.files import failure, reading
from gradcli.data.remote import is_address, size_of
from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_BYTES = 256 * 1024 * 1024
"""The most bytes of stdin, a workbook or a JSON document, which are held in memory."""

GZIP = b"\x1f\x8b"
"""How gzip data begins."""

KNOWN_BYTES = 1 << 12
"""How many first bytes are kept, by which the kind of a file is known."""

PIECE = 256 * 1024
"""Bytes that are read at a time, so few that the numbers in them stay in the cache."""


class Stream(Protocol):
    """What a reader needs of a file."""

    def read(self, count: int, /) -> bytes:
        """Return up to `count` bytes, none at the end."""


def shown(path: str) -> str:
    """Return the name of a file as messages write it."""
    return printable(path, 200)


INHERITED = r"/dev/fd/[0-9]+|/proc/self/fd/[0-9]+|/dev/stdin"
"""The names of open files that a process inherits, as <(command) does; they may be pipes."""


class Input:
    """A file that can be opened again and again; `path` is its name in messages."""

    def __init__(
        self, path: str, *, compressed: bool = False, content: bytes | None = None
    ) -> None:
        self.path = path
        self.compressed = compressed
        self._content = content
        self._start = b""
        self._file = path

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs, whose folder may be another one."""
        path = self._file
        return {**vars(self), "_file": path if is_address(path) else os.path.abspath(path)}  # noqa: PTH100

    @classmethod
    def of(cls, path: str, stdin: IO[bytes] | None = None) -> Input:
        """Return a file by its name, "-" being stdin. Raises FileError.

        Gzip data is known by its first bytes. Stdin and inherited pipes are held in memory and
        hold at most 256 MiB.
        """
        content = None
        if path == "-":
            content = _all_of("stdin", stdin)
            path = "stdin"
        elif _is_pipe(path) and re.fullmatch(INHERITED, path):
            with open(path, "rb") as pipe:  # noqa: PTH123 - a descriptor
                content = _all_of(path, pipe)
        found = cls(path, content=content)
        found._start = found.start(KNOWN_BYTES)
        if found._start.startswith(GZIP):
            found._start, found.compressed = b"", True
        return found

    @property
    def name(self) -> str:
        """The path without .gz and, of an address, without its query; it says the format."""
        path = self.path.partition("?")[0] if is_address(self.path) else self.path
        return path[:-3] if path.lower().endswith(".gz") else path

    def start(self, count: int) -> bytes:
        """Return the first bytes, uncompressed. Raises FileError."""
        if self._start and (count <= len(self._start) or len(self._start) < KNOWN_BYTES):
            return self._start[:count]
        with self.stream(count) as stream:
            return stream.read(count)

    def whole(self, what: str, hint: str | None = None) -> bytes:
        """Return all bytes, uncompressed; `what` they are, for messages. Raises FileError."""
        content = self.start(HELD_BYTES + 1)
        if len(content) > HELD_BYTES:
            message = f"{shown(self.path)}: {what} of more than {HELD_BYTES >> 20} MiB"
            raise FileError(message, hint=hint)
        return content

    @contextmanager
    def open(self, *, in_order: bool = False, first: int | None = None) -> Iterator[IO[bytes]]:
        """Open the bytes as they are stored, for a block; see files.reading. Raises FileError."""
        if self._content is not None:
            yield io.BytesIO(self._content)
            return
        hint = "data from a pipe is read from stdin, whose name is -"
        with reading(self._file, in_order=in_order, first=first, hint=hint) as file:
            yield file

    @contextmanager
    def stream(self, first: int | None = None) -> Iterator[Stream]:
        """Open the bytes for a block, uncompressed on the way. Raises FileError, also in `read`.

        Where `first` is given no more are read.
        """
        with self.open(in_order=True, first=None if self.compressed else first) as file:
            if not self.compressed:
                yield _Guarded(file, self.path)
                return
            import gzip

            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _Guarded(unpacked, self.path)

    def size(self) -> int | None:
        """Return how many bytes `stream` will give, or None when only reading can tell.

        It is known of a file that can be read in parts.
        """
        if self._content is not None:
            return len(self._content)
        if self.compressed:
            return None
        if is_address(self.path):
            return size_of(self.path)
        with self.open() as file:
            return file.seek(0, os.SEEK_END)


class Section(Input):
    """The bytes of a plain file from `start` to before `stop`."""

    def __init__(self, source: Input, start: int, stop: int) -> None:
        super().__init__(source.path)
        self._source = source
        self._ends = start, stop

    @contextmanager
    def stream(self, first: int | None = None) -> Iterator[Stream]:  # noqa: ARG002
        """Open the bytes for a block."""
        start, stop = self._ends
        with self._source.open() as file:
            file.seek(start)
            yield Pieces(_first(_Guarded(file, self.path), stop - start))


class Pieces:
    """A stream of the pieces that an iterator yields, none of which is empty."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._ready = b""

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, none at the end."""
        found = self._ready or next(self._pieces, b"")
        self._ready = found[count:]
        return found[:count]


def _first(stream: Stream, count: int) -> Iterator[bytes]:
    """Yield the first bytes of a stream."""
    while count and (piece := stream.read(min(count, PIECE))):
        count -= len(piece)
        yield piece


def _all_of(path: str, file: IO[bytes] | None) -> bytes:
    """Return all bytes of a stream. Raises FileError when there are more than 256 MiB."""
    if file is None:
        raise FileError(f"cannot read {path}: it is closed")
    pieces, length = [], 0
    try:
        while piece := file.read(PIECE):
            pieces.append(piece)
            length += len(piece)
            if length > HELD_BYTES:
                raise FileError(
                    f"{path} holds more than {HELD_BYTES >> 20} MiB",
                    hint="put the data into a file: a file may be of any length",
                )
    except OSError as error:
        raise failure("read", path, error) from None
    return b"".join(pieces)


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


class _Guarded:
    """A stream whose failures are sentences."""

    def __init__(self, file: Stream, path: str) -> None:
        self._file = file
        self._path = path

    def read(self, count: int) -> bytes:
        import zlib

        try:
            return self._file.read(count)
        except EOFError:
            raise FileError(f"{shown(self._path)}: the gzip data is cut off") from None
        except zlib.error:
            raise FileError(f"{shown(self._path)}: the gzip data is damaged") from None
        except OSError as error:
            if error.errno is None:  # how the module gzip reports bytes that are not gzip
                raise FileError(f"{shown(self._path)}: the gzip data is damaged") from None
            raise failure("read", self._path, error) from None
