"""Checkpoints: the state of a run in one file, which reads back bit for bit or not at all.

It is an NPZ archive, as files of parameters are. Its comment says that it is a checkpoint; beside
the arrays, which are numbered, it holds the structure as JSON. There every list begins with what it
stands for: ["list", …], ["array"] for the next of the arrays, ["float", "7ff0…"] for a number that
JSON lacks. Nothing in a file is ever run.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from gradcli.data import files
from gradcli.data.formats import ZIP, unlike
from gradcli.errors import FileError, printable

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NAME = b"gradcli checkpoint "
VERSION = b"4"
"""Of the state that a run keeps, not only of the form of the file."""
EARLIER = re.compile(NAME + rb"([0-9]{1,20})\n")
"""How files of versions below 4 begin."""

DEEPEST = 64
"""How deep dictionaries and lists may be nested."""

LARGEST_INTEGER = 1 << 1024
"""Whole numbers are smaller, either way; the state of a generator has 128 bits."""

LONGEST_STRUCTURE = 64 * 1024 * 1024
"""Bytes of JSON, 64 MiB: names, texts and single numbers. Arrays do not count."""

LARGEST_ARRAYS = 8 * 1024 * 1024 * 1024
"""Bytes of all arrays together, 8 GiB: what is read has to fit into memory."""


def write(path: str, content: Any) -> None:
    """Put `content` into the file `path`, whole or not at all, and onto the disk.

    It is made of dictionaries with texts as keys, lists, texts, truth values, None, whole numbers
    of up to 1024 bits, floats, and float64 arrays; all of them read back bit for bit. The file that
    was there before stays as files.previous(path). Raises FileError, and TypeError or ValueError
    for content of another kind.
    """
    from gradcli.data import npz

    arrays: list[Array] = []
    encoded = _encoded(content, arrays, 0)
    structure = json.dumps(encoded, allow_nan=False, separators=(",", ":")).encode()
    size = sum(array.nbytes for array in arrays)
    if len(structure) > LONGEST_STRUCTURE or size > LARGEST_ARRAYS:
        raise FileError(
            f"cannot write '{printable(path, 200)}': a checkpoint of "
            f"{len(structure) + size} bytes is too large"
        )
    numbered = {str(number): array for number, array in enumerate(arrays)}
    with files.writing(path, "wb", keep_previous=True) as file:
        npz.write(file, numbered, NAME + VERSION, structure)  # type: ignore[arg-type]


def read(path: str) -> Any:
    """Return the content that `write` put into the file. Raises FileError for any other file."""
    try:
        with files.reading(path) as file:
            return _read(file, printable(path, 200))
    except FileError as error:
        with suppress(ValueError):  # what cannot be a path
            older = files.previous(path)
            if os.path.isfile(older):  # noqa: PTH113
                error.hint = error.hint or f"the one before it is '{printable(older, 200)}'"
        raise


def check_writable(path: str) -> None:
    """Raise FileError at once if a checkpoint could never be written there; see files."""
    files.check_writable(path, plain=True)


def _read(file: IO[bytes], where: str) -> Any:
    from gradcli.data import npz

    start = file.read(64)
    file.seek(0)
    if not start:
        raise FileError(f"{where}: the file is empty, which a checkpoint never is")
    if earlier := EARLIER.match(start):
        raise _of_version(earlier[1], where)
    if ZIP.startswith(start):
        raise _damaged(where, "it is cut off")
    other = unlike(f"{where}: this is not a checkpoint of gradcli", start)
    if not start.startswith(ZIP):
        raise other
    with npz.opened(file, where, "the checkpoint is damaged: it is cut off") as archive:
        said = archive.comment
        if npz.TEXT not in archive.NameToInfo or not said.startswith(NAME[: len(said)]):
            raise other
        if len(said) <= len(NAME):
            raise _damaged(where, "it is cut off")
        if said != NAME + VERSION:
            raise _of_version(said.removeprefix(NAME), where)
        try:
            return _content(archive)
        except (FileError, KeyError, ValueError, struct.error, RecursionError):
            raise _damaged(where) from None


def _of_version(version: bytes, where: str) -> FileError:
    return FileError(
        f"{where}: this is a checkpoint of version {version.decode('latin-1')[:20]}",
        hint=f"this gradcli reads version {VERSION.decode()}; use the gradcli that wrote it",
    )


def _damaged(where: str, how: str = "") -> FileError:
    return FileError(f"{where}: the checkpoint is damaged{': ' if how else ''}{how}")


def _content(archive: zipfile.ZipFile) -> Any:
    """Return what was written. Raises FileError, KeyError and ValueError for what never was."""
    from gradcli.data import npz

    infos = npz.members(archive, "")
    if len(archive.infolist()) != len(infos) + 1:
        raise ValueError
    with npz.member(archive, archive.getinfo(npz.TEXT), "") as stream:
        structure = json.loads(stream.read(LONGEST_STRUCTURE), parse_constant=int)
    arrays, left = [], LARGEST_ARRAYS // 8
    for number in range(len(infos)):
        arrays.append(npz.array_of(archive, infos[str(number)], "", left))
        left -= arrays[-1].size
    waiting = iter(arrays)
    content = _decoded(structure, waiting, 0)
    if next(waiting, None) is not None:
        raise ValueError
    return content


def _encoded(value: Any, arrays: list[Array], depth: int) -> Any:
    """Return a value as JSON has it, and append its arrays."""
    if depth > DEEPEST:
        raise ValueError(f"content is nested deeper than {DEEPEST}")
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if abs(value) >= LARGEST_INTEGER:
            raise ValueError("a whole number of more than 1024 bits")
        return int(value)
    if isinstance(value, float):
        value = float(value)  # from NumPy's kind of float
        return value if math.isfinite(value) else ["float", struct.pack(">d", value).hex()]
    if isinstance(value, list):
        return ["list", *(_encoded(item, arrays, depth + 1) for item in value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"a key is {type(key).__name__}, not str")
        return {key: _encoded(item, arrays, depth + 1) for key, item in value.items()}
    import numpy as np

    if not isinstance(value, np.ndarray) or value.dtype.newbyteorder("=") != np.float64:
        kind = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"a checkpoint cannot hold {kind}")
    arrays.append(np.require(value, "<f8", "C"))
    return ["array"]


def _decoded(value: Any, arrays: Iterator[Array], depth: int) -> Any:
    """Return a value that JSON has. Raises ValueError for what `_encoded` never makes."""
    if depth > DEEPEST:
        raise ValueError
    if isinstance(value, dict):
        return {key: _decoded(item, arrays, depth + 1) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kind, *rest = value or [None]
    if kind == "list":
        return [_decoded(item, arrays, depth + 1) for item in rest]
    if kind == "array" and not rest and (array := next(arrays, None)) is not None:
        return array
    if kind == "float" and len(rest) == 1 and isinstance(rest[0], str):
        return struct.unpack(">d", bytes.fromhex(rest[0]))[0]
    raise ValueError
