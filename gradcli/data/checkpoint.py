"""Checkpoints: the state of a run in one file, which reads back bit for bit or not at all.

A line "gradcli checkpoint 2", the SHA-256 of all the rest, the lengths of the two parts, and the
parts: the structure as JSON, then the numbers of its arrays, in order, as little-endian doubles.
In the JSON every list begins with what it stands for: ["list", …], ["array", 2, 3] for an array of
that shape, ["float", "7ff0…"] for a number that JSON lacks. Nothing in a file is ever run.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from contextlib import suppress
from math import prod
from typing import IO, TYPE_CHECKING, Any, NoReturn

from gradcli.data import files
from gradcli.data.formats import unlike
from gradcli.errors import FileError, ShapeError, printable
from gradcli.graph import shapes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NAME = b"gradcli checkpoint "
VERSION = b"3"
"""Of the state that a run keeps, not only of the form of the file."""
MAGIC = NAME + VERSION + b"\n"
DIGEST = 32
LENGTHS = struct.Struct("<QQ")
START = len(MAGIC) + DIGEST + LENGTHS.size

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
    arrays: list[Array] = []
    structure = json.dumps(
        _encoded(content, arrays, 0), allow_nan=False, separators=(",", ":")
    ).encode()
    size = sum(array.nbytes for array in arrays)
    if len(structure) > LONGEST_STRUCTURE or size > LARGEST_ARRAYS:
        raise FileError(
            f"cannot write '{printable(path, 200)}': a checkpoint of "
            f"{len(structure) + size} bytes is too large"
        )
    lengths = LENGTHS.pack(len(structure), size)
    parts: list[bytes | memoryview] = [
        MAGIC,
        b"",
        lengths,
        structure,
        *(array.data for array in arrays),
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    parts[1] = digest.digest()
    files.write(path, *parts, keep_previous=True)


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
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(START)
    _check_magic(start, where)
    digest = hashlib.sha256(MAGIC)
    stored = start[len(MAGIC) : len(MAGIC) + DIGEST]
    lengths = start[len(MAGIC) + DIGEST :]
    if len(lengths) < LENGTHS.size:
        raise _damaged(where, "it is cut off")
    digest.update(lengths)
    length, numbers = LENGTHS.unpack(lengths)
    # Nothing is taken on trust: memory is only used for as many bytes as there are in the file.
    if size != START + length + numbers:
        raise _damaged(where, "it is cut off" if size < START + length + numbers else "")
    if length > LONGEST_STRUCTURE or numbers > LARGEST_ARRAYS:
        raise _damaged(where, "it is too large")
    structure = file.read(length)
    digest.update(structure)
    content = _Decoder(file, digest, numbers, where).content(structure)
    if digest.digest() != stored:
        raise _damaged(where)
    return content


def _check_magic(start: bytes, where: str) -> None:
    if start.startswith(MAGIC):
        return
    if not start:
        raise FileError(f"{where}: the file is empty, which a checkpoint never is")
    name, newline, _ = start.partition(b"\n")
    version = name.removeprefix(NAME)
    if newline and name.startswith(NAME) and version.isdigit():
        raise FileError(
            f"{where}: this is a checkpoint of version {version.decode()[:20]}",
            hint=f"this gradcli reads version {VERSION.decode()}; use the gradcli that wrote it",
        )
    if MAGIC.startswith(start):
        raise _damaged(where, "it is cut off")
    raise unlike(f"{where}: this is not a checkpoint of gradcli", start)


def _damaged(where: str, how: str = "") -> FileError:
    return FileError(f"{where}: the checkpoint is damaged{': ' if how else ''}{how}")


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
    return ["array", *_appended(value, arrays)]


def _appended(value: Any, arrays: list[Array]) -> tuple[int, ...]:
    """Append an array in the order and with the bytes that the file has; return its shape."""
    import numpy as np

    if not isinstance(value, np.ndarray) or value.dtype.newbyteorder("=") != np.float64:
        kind = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"a checkpoint cannot hold {kind}")
    arrays.append(np.ascontiguousarray(value, dtype="<f8"))
    shape: tuple[int, ...] = value.shape
    return shape


class _Decoder:
    """Reads the structure, and the arrays from the file as it meets them."""

    def __init__(self, file: IO[bytes], digest: hashlib._Hash, numbers: int, where: str) -> None:
        self._file = file
        self._digest = digest
        self._left = numbers
        self._where = where

    def content(self, structure: bytes) -> Any:
        """Return what was written. Raises FileError."""
        try:
            written = json.loads(structure, parse_constant=self._refuse)
        except (ValueError, RecursionError):  # also a number with thousands of digits
            self._refuse()
        content = self._decoded(written, 0)
        if self._left:
            self._refuse()
        return content

    def _decoded(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            self._refuse()
        if isinstance(value, dict):
            return {key: self._decoded(item, depth + 1) for key, item in value.items()}
        if not isinstance(value, list):
            return value
        kind = value[0] if value else None
        if kind == "list":
            return [self._decoded(item, depth + 1) for item in value[1:]]
        if kind == "array":
            return self._array(tuple(value[1:]))
        if kind == "float" and len(value) == 2 and isinstance(value[1], str):
            try:
                (number,) = struct.unpack(">d", bytes.fromhex(value[1]))
            except (ValueError, struct.error):
                self._refuse()
            return number
        return self._refuse()

    def _array(self, shape: tuple[Any, ...]) -> Array:
        import numpy as np

        if not all(type(length) is int for length in shape):
            self._refuse()
        try:
            size = 8 * prod(shapes.checked(shape))
            if size > self._left:
                self._refuse()
            array: Array = np.empty(shape, dtype="<f8")
        except (ShapeError, ValueError):
            self._refuse()
        if size:
            if self._file.readinto(array.data) != size:  # type: ignore[attr-defined]
                self._refuse()
            self._digest.update(array.data)
        self._left -= size
        return array.astype(np.float64, copy=False)

    def _refuse(self, _: str = "") -> NoReturn:
        raise _damaged(self._where)
