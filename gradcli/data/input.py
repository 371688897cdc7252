"""The bytes of a data file, from a plain file, a gzip file or stdin, read as a stream."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from gradcli.data.files import failure
from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_STDIN = 256 * 1024 * 1024
"""The most bytes of stdin; they are held in memory, since data is read more than once."""

PIECE = 256 * 1024
"""Bytes that are read at a time, so few that the numbers in them stay in the cache."""


class Stream(Protocol):
    """What a reader needs of a file."""

    def read(self, count: int, /) -> bytes:
        """Return up to `count` bytes, none at the end."""


def shown(path: str) -> str:
    """Return the name of a file as messages write it."""
    return printable(path, 200)


class Input:
    """A file that can be opened again and again; `path` is its name in messages."""

    def __init__(
        self, path: str, *, compressed: bool = False, content: bytes | None = None
    ) -> None:
        self.path = path
        self.compressed = compressed
        self._content = content

    @classmethod
    def of_stdin(cls, stdin: IO[bytes] | None) -> Input:
        """Return all of stdin, held in memory. Raises FileError when it is longer than 256 MiB."""
        if stdin is None:
            raise FileError("cannot read stdin: it is closed")
        pieces, length = [], 0
        try:
            while piece := stdin.read(PIECE):
                pieces.append(piece)
                length += len(piece)
                if length > LONGEST_STDIN:
                    raise FileError(
                        f"stdin holds more than {LONGEST_STDIN >> 20} MiB",
                        hint="put the data into a file: a file may be of any length",
                    )
        except OSError as error:
            raise failure("read", "stdin", error) from None
        return cls("stdin", content=b"".join(pieces))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the bytes as they are stored, for a block. Raises FileError."""
        if self._content is not None:
            yield io.BytesIO(self._content)
            return
        with open(_descriptor(self.path), "rb") as file:
            yield file

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """Open the bytes for a block, uncompressed on the way. Raises FileError, also in `read`."""
        with self.open() as file:
            if not self.compressed:
                yield _Guarded(file, self.path)
                return
            import gzip

            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _Guarded(unpacked, self.path)

    def size(self) -> int | None:
        """Return how many bytes `stream` will give, or None when only reading can tell."""
        if self._content is not None:
            return len(self._content)
        if self.compressed:
            return None
        with self.open() as file:
            return os.fstat(file.fileno()).st_size


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


def _descriptor(path: str) -> int:
    """Return a descriptor of a plain file. Raises FileError; never waits for a pipe's writer."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise failure("read", path, error) from None
    except ValueError:
        raise FileError(f"'{shown(path)}' is not a path") from None
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return handle
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise FileError(f"cannot read '{shown(path)}': it is a folder")
    raise FileError(
        f"cannot read '{shown(path)}': it is not a plain file",
        hint="data from a pipe is read from stdin, whose name is -",
    )
