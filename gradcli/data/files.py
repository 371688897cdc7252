"""Files, read whole or written whole: a failure leaves the old file as it was.

What is no plain file, such as a device, a pipe or /dev/stdout, is written to and never replaced.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import stat
import sys
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from gradcli.data import remote
from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = ".gradcli-"
TEMPORARY = re.escape(PREFIX) + "[a-z0-9_]{8}"
"""What a file is called until it takes the place of its target."""

DESCRIPTORS = r"(?:/proc/(?P<process>\d+)(?:/task/\d+)?|/dev)/fd"
"""The folders in which open descriptors have names, links followed."""

MOST_LINKS = 40
"""How many symbolic links are followed, as Linux does it."""

STALE_SECONDS = 3600.0
"""How long a temporary file must have been untouched before it can count as left behind."""

NO_DISK = {errno.EBADF, errno.EINVAL, errno.ENOTSUP}
"""How the system says that a folder, a pipe or a device cannot be flushed to the disk."""


def ending(path: str) -> str:
    """Return the ending of the name of a file, in small letters and without its dot."""
    return os.path.splitext(path)[1].lower().removeprefix(".")  # noqa: PTH122


def failure(verb: str, path: str, error: OSError) -> FileError:
    """Return the error for a file that the system refuses, in its words."""
    return _refused(verb, path, (error.strerror or str(error)).lower())


def _refused(verb: str, path: str, reason: str, hint: str | None = None) -> FileError:
    return FileError(f"cannot {verb} '{printable(path, 200)}': {reason}", hint=hint)


def _no_path(path: str) -> FileError:
    return FileError(f"'{printable(path, 200)}' is not a path")


def read_text(path: str, longest: int) -> str:
    """Return the text of a file of at most `longest` bytes; bytes that are not UTF-8 are kept.

    They come as lone surrogates, which the scanner refuses with their place. Raises FileError.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes long to import
            data = file.read(longest + 1)
    except OSError as error:
        raise failure("read", path, error) from None
    except ValueError:
        raise _no_path(path) from None
    if len(data) > longest:
        message = f"'{printable(path, 200)}' is longer than {longest} bytes"
        raise FileError(message)
    return data.decode("utf-8", "surrogateescape")


@contextmanager
def reading(
    path: str, *, in_order: bool = False, first: int | None = None, hint: str | None = None
) -> Iterator[IO[bytes]]:
    """Open a plain file, or that at an address such as s3://bucket/name, for a block.

    Never waits for the writer of a pipe, which `hint` says how to read. A remote file is fetched
    from start to end where it is read `in_order`, else in parts; only so many of its `first` bytes
    where that is given. Raises FileError.
    """
    if remote.is_address(path):
        with remote.opened(path, in_order=in_order, first=first) as file:
            yield file
        return
    with _sentences("read", path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except ValueError:
            raise _no_path(path) from None
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            os.close(handle)
            is_folder = stat.S_ISDIR(kind)
            what = "it is a folder" if is_folder else "it is not a plain file"
            raise _refused("read", path, what, None if is_folder else hint)
        with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
            yield file


@contextmanager
def writing(path: str, mode: str = "w", *, keep_previous: bool = False) -> Iterator[IO[str]]:
    """Open a file to be written in a block; `mode` is "w" for text or "wb".

    A plain file is written beside `path`, flushed to the disk and renamed over it when the block
    ends well; after an exception it is removed and the old one is untouched. A symbolic link is
    followed. A device, a pipe, or the name of an open descriptor is written to as it is, behind
    what is there; of a pipe the reader is waited for. With `keep_previous` only a plain file will
    do, and the one that is replaced stays as previous(path), where the file system has hard links.

    Raises FileError; when the disk fails only after the renaming, the new file stands there, whole,
    but may not outlast a loss of power.
    """
    form = {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    with _sentences("write", path):
        if is_special(path) and not keep_previous:
            with open(_opened(path), mode, **form) as file:  # type: ignore[call-overload]
                yield file
            return
        target = _target(path)
        folder = os.path.dirname(target)  # noqa: PTH120
        with _temporary(folder) as (handle, temporary):
            with open(handle, mode, **form) as file:  # type: ignore[call-overload]  # noqa: PTH123 - a descriptor
                yield file
                file.flush()
                os.fsync(handle)
                os.fchmod(handle, _permissions(target))
            if keep_previous:
                _keep(target)
            os.replace(temporary, target)  # noqa: PTH105
        _flush_folder(folder)


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
                place = _opened(path) if is_special(path) else path
                file = open(place, "w", 1, encoding="utf-8", newline="")  # noqa: PTH123, SIM115
            file.write(lines)

    try:
        yield add
    finally:
        if file is not None:
            with _sentences("write", path), file:
                file.flush()
                _flush_disk(file.fileno())


def write(path: str, *pieces: bytes | memoryview, keep_previous: bool = False) -> None:
    """Write the pieces, joined, to `path`; see `writing`. Raises FileError."""
    with writing(path, "wb", keep_previous=keep_previous) as file:
        for piece in pieces:
            file.write(piece)  # type: ignore[arg-type]


def is_special(path: str) -> bool:
    """Return whether a path leads to something to be written to: no plain file, no folder."""
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return _descriptor(path) is not None
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) or _descriptor(path) is not None


def _descriptor(path: str) -> tuple[str, int] | None:
    """Return the process and the number of the open descriptor that a path names, or None.

    What a descriptor leads to may be a plain file: where the shell opened it for >>, only the
    descriptor itself writes behind what is there.
    """
    for _ in range(MOST_LINKS):
        folder, name = os.path.split(path)
        folder = os.path.realpath(folder or os.curdir)
        found = re.fullmatch(DESCRIPTORS, folder)
        if found and name.isascii() and name.isdecimal():
            return found["process"] or str(os.getpid()), int(name)
        try:
            path = os.path.join(folder, os.readlink(os.path.join(folder, name)))  # noqa: PTH115, PTH118
        except (OSError, ValueError):
            return None  # it is no link
    return None


def _opened(path: str) -> int:
    """Return a descriptor that writes to a device, a pipe or what an open descriptor leads to."""
    process, number = _descriptor(path) or ("", -1)
    if process != str(os.getpid()):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()  # what was written before comes before
    return os.dup(number)


def previous(path: str) -> str:
    """Return the name under which the file that `path` replaced is kept."""
    link = os.path.islink(path)  # noqa: PTH114
    return (os.path.realpath(path) if link else path) + ".previous"


def check_writable(path: str, *, plain: bool = False) -> None:
    """Raise FileError if the file could not be written now, without touching it.

    For the start of a long run. What dead runs left in the folder is removed on the way. With
    `plain` only a plain file will do.
    """
    with _sentences("write", path):
        if is_special(path) and not plain:
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        folder = os.path.dirname(_target(path))  # noqa: PTH120
        with _temporary(folder) as (handle, _), open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(b"\n")
        sweep(folder)


def sweep(folder: str) -> None:
    """Remove the temporary files of one's own that killed runs left behind in a folder.

    Such a file has a name that `writing` gives, has not changed for an hour, and nobody holds
    its lock, which the system takes from a process that dies. In doubt a file stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if re.fullmatch(TEMPORARY, entry.name):
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


@contextmanager
def _temporary(folder: str) -> Iterator[tuple[int, str]]:
    """Give the block a new file in the folder, to be closed by it, and its name; see `sweep`."""
    with _unused(folder) as name:
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with suppress(ImportError, OSError):  # a file system without locks
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield handle, name


@contextmanager
def _unused(folder: str) -> Iterator[str]:
    """Give the block the name of a temporary file that does not exist.

    What has that name afterwards is removed: after the block, or when the process ends, since
    Ctrl-C may come at any time. So the name is known before there is a file.
    """
    name = os.path.join(folder, PREFIX + os.urandom(4).hex())  # noqa: PTH118
    while os.path.lexists(name):
        name = os.path.join(folder, PREFIX + os.urandom(4).hex())  # noqa: PTH118
    _unfinished.add(name)
    try:
        yield name
    finally:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        _unfinished.discard(name)


_unfinished: set[str] = set()
"""The names of temporary files that there may be."""


def _remove_unfinished(process: int) -> None:
    """Remove what Ctrl-C left behind in spite of all; a child that was forked removes nothing."""
    if _unfinished and process == os.getpid():
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for name in _unfinished:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108


atexit.register(_remove_unfinished, os.getpid())


def _keep(target: str) -> None:
    """Give the target its second name; at no time is it, or what has that name, without one."""
    if not os.path.exists(target):  # noqa: PTH110
        return
    folder = os.path.dirname(target)  # noqa: PTH120
    with suppress(OSError), _unused(folder) as third:
        os.link(target, third)
        # Where both were names of one file already, the system does nothing.
        os.replace(third, previous(target))  # noqa: PTH105


def _flush_folder(folder: str) -> None:
    """Make a renaming outlast a loss of power, where the system lets a folder be flushed."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a folder that may be written but not read, and every one on Windows
        return
    try:
        _flush_disk(handle)
    finally:
        os.close(handle)


def _flush_disk(handle: int) -> None:
    """Flush a file, or a folder, to the disk; what has no disk below it has nothing to flush."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_DISK:
            raise


@contextmanager
def _sentences(verb: str, path: str) -> Iterator[None]:
    """Turn what the system refuses in a block into a FileError, but for a broken pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise failure(verb, path, error) from None


def _target(path: str) -> str:
    """Return where a plain file is to be written, links followed. Raises FileError and OSError."""
    if not path:
        message = "the name of the file to write is empty"
        raise FileError(message)
    if remote.is_address(path):
        raise _refused("write", path, "what lies at an address is only read")
    if path.endswith(os.sep):
        raise _refused("write", path, "that is the name of a folder")
    try:
        target = os.path.realpath(path)
        kind = os.stat(path).st_mode  # noqa: PTH116
    except FileNotFoundError:
        if os.path.islink(target):  # noqa: PTH114 - a link that leads nowhere
            raise _refused("write", path, "a symbolic link leads nowhere") from None
        kind = stat.S_IFREG
    except ValueError:
        raise _no_path(path) from None
    if stat.S_ISDIR(kind):
        raise _refused("write", path, "it is a folder")
    if not stat.S_ISREG(kind):
        raise _refused("write", path, "it is not a plain file")
    return target


def _permissions(target: str) -> int:
    try:
        return stat.S_IMODE(os.stat(target).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
