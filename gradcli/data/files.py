"""Files, read whole or written whole: a failure leaves the old file as it was."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator


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
def replacing(path: str, mode: str = "w") -> Iterator[IO[str]]:
    """Open a text file that takes the place of `path` when the block ends well.

    It is written beside the target, flushed to the disk and renamed over it; after an exception
    it is removed and the target is untouched. A symbolic link is followed once. Anything that is
    not a plain file is refused. Raises FileError.
    """
    if not path:
        message = "the name of the file to write is empty"
        raise FileError(message)
    temporary = ""
    try:
        target = os.path.realpath(path)
        _check_target(path, target)
        handle, temporary = tempfile.mkstemp(prefix=".gradcli-", dir=os.path.dirname(target))  # noqa: PTH120
        encoding = None if "b" in mode else "utf-8"
        newline = None if "b" in mode else ""
        with open(handle, mode, encoding=encoding, newline=newline) as file:  # noqa: PTH123 - a descriptor
            yield file
            file.flush()
            os.fsync(handle)
            os.fchmod(handle, _permissions(target))
        os.replace(temporary, target)  # noqa: PTH105
        temporary = ""
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise failure("write", path, error) from None
    except ValueError:
        message = f"'{printable(path, 200)}' is not a path"
        raise FileError(message) from None
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108


def write(path: str, content: bytes) -> None:
    """Put `content` into the file `path`, whole or not at all. Raises FileError."""
    with replacing(path, "wb") as file:
        file.write(content)  # type: ignore[arg-type]


def _check_target(path: str, target: str) -> None:
    """Raise FileError for a target that cannot be replaced by a new file."""
    if path.endswith(os.sep):
        message = f"cannot write '{printable(path, 200)}': that is the name of a folder"
        raise FileError(message)
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116
    except FileNotFoundError:
        if os.path.islink(target):  # noqa: PTH114 - a link that leads nowhere
            message = f"cannot write '{printable(path, 200)}': a symbolic link leads nowhere"
            raise FileError(message) from None
        return
    if stat.S_ISDIR(kind):
        message = f"cannot write '{printable(path, 200)}': it is a folder"
        raise FileError(message)
    if not stat.S_ISREG(kind):
        message = f"cannot write '{printable(path, 200)}': it is not a plain file"
        raise FileError(message, hint="without -o the result goes to stdout")


def _permissions(target: str) -> int:
    try:
        return stat.S_IMODE(os.stat(target).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
