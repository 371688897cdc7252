"""Files at an address, such as s3://bucket/part-1.parquet, read through fsspec.

What an address begins with names a file system of fsspec: s3, gs, az, http, https, memory and
others. Each has its own ways to know who asks, from variables and files of the environment. Only
what is used is fetched: the parts of a Parquet file that hold the wanted columns, or a table of
text in blocks. A web server that gives no parts of a file gives it whole, into a temporary file.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, TypeVar

from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Buffer

T = TypeVar("T")

ADDRESS = r"([A-Za-z][A-Za-z0-9+.-]*)://"
"""How an address begins."""

WEB = ("http", "https")
"""The file systems that know neither folders nor, always, the size of a file."""

STREAMED_BYTES = 1 << 22
"""The least that is asked for where a file is read from its start to its end, 4 MiB; one that is
no longer is fetched whole.
"""

SEARCHED_BYTES = 1 << 18
"""The least that is asked for where a file is read in parts, 256 KiB; its columns are longer."""

AT_ONCE = 8
"""How many files are opened at a time: each waits for answers, several times."""

SECONDS = 30.0
"""How long a web server may take to answer, or be silent between two pieces."""


def is_address(path: str) -> bool:
    """Return whether a path is an address, as s3://bucket/name is."""
    return "://" in path and re.match(ADDRESS, path) is not None


@contextmanager
def opened(address: str, *, in_order: bool, first: int | None) -> Iterator[IO[bytes]]:
    """Open a file for a block, to be read from start to end where it is read `in_order`.

    Where `first` is given only so many bytes at its start are read. Raises FileError, also in
    `read`.
    """
    with _sentences(address):
        raw = _Raw(address, in_order=in_order, first=first)
    ahead = STREAMED_BYTES if in_order else SEARCHED_BYTES
    with io.BufferedReader(raw, min(first or ahead, ahead)) as file:
        yield file


def size_of(address: str) -> int | None:
    """Return how many bytes a file has; None where a server gives only the whole. Raises FileError.

    Such a file is better read to its end than in parts, for each of which it would be fetched.
    """
    with _sentences(address), _stored(address, in_order=False) as file:
        try:
            size = file.seek(-1, os.SEEK_END) + 1
            file.read(1)
        except ValueError:
            return None
        return int(size)


def files_at(address: str) -> list[str]:
    """Return the files that an address stands for: itself, those of a folder, those of a pattern.

    A web address ends with / where it is a folder. They are in the order of their names. Raises
    FileError.
    """
    with _sentences(address):
        system, path = _system(address)
        system.invalidate_cache()  # what was listed before may have changed
        is_web = _scheme(address) in WEB
        begin, _, rest = address.partition("://")
        if re.search(r"/.*[*\[]" if is_web else r"[*?\[]", rest):  # a host may be [::1]
            found, fault = system.glob(path), "no file matches the pattern"
        elif address.endswith("/") if is_web else system.isdir(path):
            listed = system.ls(path, detail=True)
            found = [each["name"] for each in listed if each["type"] == "file"]
            fault = "the folder holds no files"
        else:
            return [address]
        slash = "/" if rest.startswith("/") else ""
        names = [
            name if is_address(name) else f"{begin}://{slash}{name.lstrip('/')}"
            for name in map(str, found)
            if not re.search(r"/(?:\.[^/]*)?$", name)  # a mark of a folder, or hidden
        ]
        if not names:
            raise FileNotFoundError(fault)
        return sorted(names)


def at_once(action: Callable[[str], T], paths: Sequence[str]) -> list[T]:
    """Return what an action makes of each path, of which some are waited for at the same time.

    Raises what the action raises for the first path for which it fails.
    """
    from concurrent.futures import Future
    from threading import Thread

    results: list[Future[T]] = [Future() for _ in paths]
    waiting = list(reversed(list(zip(paths, results, strict=True))))

    def work() -> None:
        with suppress(IndexError):
            while True:
                path, result = waiting.pop()
                try:
                    result.set_result(action(path))
                except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                    result.set_exception(error)

    # At the end of the process nobody waits for them, as it would for those of an executor.
    for _ in range(min(AT_ONCE, len(paths))):
        Thread(target=work, daemon=True).start()
    try:
        return [result.result() for result in results]
    finally:
        waiting.clear()


class _Raw(io.RawIOBase):
    """The bytes of a remote file, which has a place of its own even where fsspec shares files."""

    def __init__(self, address: str, *, in_order: bool, first: int | None) -> None:
        super().__init__()
        self._address = address
        self._file = _stored(address, in_order=in_order, first=first)
        self._at = 0
        self._is_copy = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: a copy is made of a file in which there is no going back."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; see io.IOBase. Raises FileError."""
        with _sentences(self._address):
            if whence == os.SEEK_END:
                self._at = self._going(lambda: self._end() + offset)
            else:
                self._at = offset + (self._at if whence == os.SEEK_CUR else 0)
        return self._at

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Read some bytes; none at the end. Raises FileError."""
        target = memoryview(buffer).cast("B")
        with _sentences(self._address):
            data = self._going(lambda: self._piece(len(target)))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _end(self) -> int:
        self._file.seek(0, os.SEEK_END)
        return int(self._file.tell())

    def _piece(self, count: int) -> bytes:
        if self._file.tell() != self._at:
            self._file.seek(self._at)
        return bytes(self._file.read(count))

    def _going(self, action: Any) -> Any:
        """Do what needs a place in the file, in a copy where the server gives only the whole."""
        try:
            return action()
        except ValueError:
            if self._is_copy or _scheme(self._address) not in WEB:
                raise
        import shutil
        import tempfile

        copy = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed by close
        self._file.close()
        with _stored(self._address, in_order=True) as whole:
            shutil.copyfileobj(whole, copy, SEARCHED_BYTES)
        self._file, self._is_copy = copy, True
        return action()


def _stored(address: str, *, in_order: bool, first: int | None = None) -> Any:
    """Return the open file of fsspec."""
    system, path = _system(address)
    if not in_order or _scheme(address) not in WEB:
        file = system.open(path, "rb", block_size=SEARCHED_BYTES, cache_type="none")
        size = getattr(file, "size", None)
        if in_order or not size or size > STREAMED_BYTES:
            return file
        with file:  # one question costs less than several for its parts
            return io.BytesIO(file.read(size))
    # One answer of the server, read as it comes; a known size spares a question for it.
    whole = {"block_size": 0, "size": 1}
    if first is None:
        return system.open(path, "rb", **whole)
    try:
        return system.open(path, "rb", headers={"Range": f"bytes=0-{first - 1}"}, **whole)
    except Exception as error:
        if getattr(error, "status", None) == 416:  # there is no first byte
            return io.BytesIO()
        raise


def _system(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path there. Raises FileError."""
    scheme = _scheme(address)
    try:
        import fsspec

        options = {}
        if scheme in WEB:
            from aiohttp import ClientTimeout

            timeout = ClientTimeout(total=None, sock_connect=SECONDS, sock_read=SECONDS)
            options["client_kwargs"] = {"timeout": timeout, "trust_env": True}
        elif scheme not in fsspec.available_protocols():
            message = f"cannot read '{printable(address, 200)}': {scheme}:// is not known"
            hint = "addresses begin with s3://, gs://, az://, https://, http:// or memory://"
            raise FileError(message, hint=hint)
        system = fsspec.filesystem(scheme, **options)
    except ImportError as error:
        lacks = error if error.name is not None else error.__cause__
        package = getattr(lacks, "name", None) or "fsspec"
        wanted = "'gradcli[remote]'" if package in {"fsspec", "aiohttp"} else package
        message = f"reading '{printable(address, 200)}' needs {package}: pip install {wanted}"
        raise FileError(message) from None
    return system, system._strip_protocol(address)  # noqa: SLF001 - what url_to_fs calls too


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


@contextmanager
def _sentences(address: str) -> Iterator[None]:
    """Turn what a file system refuses in a block into a FileError."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - each file system raises errors of its own
        reason = _reason(error, address)
        raise FileError(f"cannot read '{printable(address, 200)}': {reason}") from None


def _reason(error: Exception, address: str) -> str:
    """Return why a file cannot be read."""
    import asyncio
    import ssl

    cause = error.__cause__ or error  # a web server's answer is the cause of a missing file
    said = getattr(error, "strerror", None) or str(error)
    status = getattr(cause, "status", None)
    if status == 404 or (isinstance(cause, FileNotFoundError) and said.lstrip("/") in address):
        return "there is no such file"
    if type(error).__name__ == "ClientPayloadError":
        return "the answer of the server is cut off"
    if isinstance(status, int):
        said = f"the server answers {status} {getattr(cause, 'message', '')}"
    elif isinstance(cause, TimeoutError | asyncio.TimeoutError):
        return f"no answer within {SECONDS:g} seconds"
    elif isinstance(cause, OSError):
        below = getattr(cause, "os_error", cause)  # what aiohttp has wrapped
        number = 0 if isinstance(below, ssl.SSLError) else below.errno or 0
        said = (os.strerror(number) if number > 0 else below.strerror or str(below)).lower()
    return printable(" ".join(said.split()), 120) or type(error).__name__
