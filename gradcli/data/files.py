"""Files, read whole or written whole: a failure leaves the old file as it was."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = ".gradcli-"
TEMPORARY = re.compile(re.escape(PREFIX) + "[a-z0-9_]{8}")
"""What a file is called until it takes the place of its target."""

NO_FILE = "without -o the result goes to stdout"
"""The repair for a target that is a device or a pipe."""

STALE_SECONDS = 3600.0
"""How long a temporary file must have been untouched before it can count as left behind."""

NOT_FOR_FOLDERS = {errno.EBADF, errno.EINVAL, errno.ENOTSUP}
"""How file systems say that only files, not folders, can be flushed to the disk."""


def failure(verb: str, path: str, error: OSError) -> FileError:
    """Return the error for a file that the system refuses, in its words."""
    reason = (error.strerror or str(error)).lower()
    return FileError(f"cannot {verb} '{printable(path, 200)}': {reason}")


def read_text(path: str, longest: int) -> str:
    """Return the text of a file of at most `longest` bytes; bytes that are not UTF-8 are kept.

    They come as lone surrogates, which the scanner refuses with their place. Raises FileError.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(longest + 1)
    except OSError as error:
        raise failure("read", path, error) from None
    except ValueError:
        message = f"'{printable(path, 200)}' is not a path"
        raise FileError(message) from None
    if len(data) > longest:
        message = f"'{printable(path, 200)}' is longer than {longest} bytes"
        raise FileError(message)
    return data.decode("utf-8", "surrogateescape")


@contextmanager
def reading(path: str) -> Iterator[IO[bytes]]:
    """Open a plain file for a block. Never waits for the writer of a pipe. Raises FileError."""
    with _sentences("read", path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except ValueError:
            message = f"'{printable(path, 200)}' is not a path"
            raise FileError(message) from None
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            os.close(handle)
            what = "a folder" if stat.S_ISDIR(kind) else "not a plain file"
            message = f"cannot read '{printable(path, 200)}': it is {what}"
            raise FileError(message)
        with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
            yield file


@contextmanager
def replacing(path: str, mode: str = "w", *, keep_previous: bool = False) -> Iterator[IO[str]]:
    """Open a text file that takes the place of `path` when the block ends well.

    It is written beside the target, flushed to the disk and renamed over it; after an exception
    it is removed and the target is untouched. A symbolic link is followed once. Anything that is
    not a plain file is refused. With `keep_previous` the file that is replaced stays as
    previous(path), where the file system has hard links. Raises FileError; when the disk fails
    only after the renaming, the new file stands there, whole, but may not outlast a loss of power.
    """
    temporary = ""
    try:
        with _sentences("write", path):
            target = _target(path, None if keep_previous else NO_FILE)
            folder = os.path.dirname(target)  # noqa: PTH120
            temporary = _temporary(folder)
            handle = _created(temporary)
            encoding = None if "b" in mode else "utf-8"
            newline = None if "b" in mode else ""
            with open(handle, mode, encoding=encoding, newline=newline) as file:  # noqa: PTH123 - a descriptor
                yield file
                file.flush()
                os.fsync(handle)
                os.fchmod(handle, _permissions(target))
            if keep_previous:
                _keep(target)
            os.replace(temporary, target)  # noqa: PTH105
            temporary = ""
            _flush_folder(folder)
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108


@contextmanager
def growing(path: str) -> Iterator[Callable[[str], None]]:
    """Give the block a function that adds lines to the file `path`, where they are seen at once.

    The first call begins the file anew; without one it stays as it was. Raises FileError, when the
    block begins if the file could not be written.
    """
    check_writable(path)
    file: IO[str] | None = None

    def add(lines: str) -> None:
        nonlocal file
        with _sentences("write", path):
            if file is None:
                file = open(path, "w", 1, encoding="utf-8", newline="")  # noqa: PTH123, SIM115
            file.write(lines)

    try:
        yield add
    finally:
        if file is not None:
            with _sentences("write", path), file:
                file.flush()
                os.fsync(file.fileno())


def write(path: str, *pieces: bytes | memoryview, keep_previous: bool = False) -> None:
    """Put the pieces, joined, into the file `path`, whole or not at all. Raises FileError."""
    with replacing(path, "wb", keep_previous=keep_previous) as file:
        for piece in pieces:
            file.write(piece)  # type: ignore[arg-type]


def previous(path: str) -> str:
    """Return the name under which the file that `path` replaced is kept."""
    link = os.path.islink(path)  # noqa: PTH114
    return (os.path.realpath(path) if link else path) + ".previous"


def check_writable(path: str) -> None:
    """Raise FileError if the file could not be written now, without touching it.

    For the start of a long run. What dead runs left in the folder is removed on the way.
    """
    with _sentences("write", path):
        folder = os.path.dirname(_target(path))  # noqa: PTH120
        temporary = _temporary(folder)
        try:
            with open(_created(temporary), "wb") as file:
                file.write(b"\n")
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108
        sweep(folder)


def sweep(folder: str) -> None:
    """Remove the temporary files of one's own that killed runs left behind in a folder.

    Such a file has a name that `replacing` gives, has not changed for an hour, and nobody holds
    its lock, which the system takes from a process that dies. In doubt a file stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name):
                with suppress(OSError):
                    _remove_if_stale(entry.path)


def _remove_if_stale(path: str) -> None:
    try:
        import fcntl
    except ImportError:  # Windows, where nothing tells a living writer from a dead one
        return
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(handle)
        untouched = time.time() - max(status.st_mtime, status.st_ctime)
        own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if own and untouched >= STALE_SECONDS:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an error while its writer lives
            os.unlink(path)  # noqa: PTH108
    finally:
        os.close(handle)


def _temporary(folder: str) -> str:
    """Return a name for a new file in the folder; see `sweep`.

    It is known before the file is there, so that a signal in between leaves no file behind.
    """
    while True:
        name = os.path.join(folder, PREFIX + os.urandom(4).hex())  # noqa: PTH118
        if not os.path.lexists(name):
            return name


def _created(name: str) -> int:
    """Return the new file of that name, open for writing, and locked while it is; see `sweep`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(name, flags, 0o600)
    with suppress(ImportError, OSError):  # a file system without locks
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _keep(target: str) -> None:
    """Give the target its second name; at no time is it, or what has that name, without one."""
    if not os.path.exists(target):  # noqa: PTH110
        return
    folder = os.path.dirname(target)  # noqa: PTH120
    third = _temporary(folder)
    with suppress(OSError):
        os.link(target, third)
        try:
            os.replace(third, previous(target))  # noqa: PTH105
        finally:
            # Where both were names of one file already, the system has done nothing.
            with suppress(FileNotFoundError):
                os.unlink(third)  # noqa: PTH108


def _flush_folder(folder: str) -> None:
    """Make a renaming outlast a loss of power, where the system lets a folder be flushed."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a folder that may be written but not read, and every one on Windows
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(handle)


@contextmanager
def _sentences(verb: str, path: str) -> Iterator[None]:
    """Turn what the system refuses in a block into a FileError, but for a broken pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise failure(verb, path, error) from None


def _target(path: str, hint: str | None = None) -> str:
    """Return where a file is to be written, links followed. Raises FileError and OSError.

    `hint` is for a target that is neither a file nor a folder.
    """
    if not path:
        message = "the name of the file to write is empty"
        raise FileError(message)
    shown = printable(path, 200)
    if path.endswith(os.sep):
        message = f"cannot write '{shown}': that is the name of a folder"
        raise FileError(message)
    try:
        target = os.path.realpath(path)
        kind = os.stat(path).st_mode  # noqa: PTH116
    except FileNotFoundError:
        if os.path.islink(target):  # noqa: PTH114 - a link that leads nowhere
            message = f"cannot write '{shown}': a symbolic link leads nowhere"
            raise FileError(message) from None
        kind = stat.S_IFREG
    except ValueError:
        message = f"'{shown}' is not a path"
        raise FileError(message) from None
    if stat.S_ISDIR(kind):
        message = f"cannot write '{shown}': it is a folder"
        raise FileError(message)
    if not stat.S_ISREG(kind):
        message = f"cannot write '{shown}': it is not a plain file"
        raise FileError(message, hint=hint)
    return target


def _permissions(target: str) -> int:
    try:
        return stat.S_IMODE(os.stat(target).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
