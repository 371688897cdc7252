"""Arrays as they lie in a file, read as rows of doubles: NPY, the members of NPZ, and IDX alike.

A header is checked before memory is taken, and nothing is unpickled. NPY is NEP 1, "A Simple File
Format for NumPy Arrays"; `x.npy` is the column x. IDX is described at the end of the page "The
MNIST database of handwritten digits" (LeCun, Cortes, Burges): an array of labels is the column
`label`; one of pictures, with two axes or more, is the column `img`, each row laid out as one
vector.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

import numpy as np

from gradcli.data.columns import (
    NUMBERS_AT_ONCE,
    Part,
    Reader,
    checked,
    no_rows,
    quoted,
    rows_at_once,
)
from gradcli.data.formats import unlike
from gradcli.data.input import Section, shown
from gradcli.errors import FileError, ShapeError, printable
from gradcli.graph import shapes
from gradcli.limits import ELEMENTS
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from gradcli.data.cells import Codes, Dates
    from gradcli.data.columns import Array, Block
    from gradcli.data.input import Input, Stream
    from gradcli.graph.shapes import Shape


class Layout(NamedTuple):
    """How an array lies in a file: the type of its numbers, its shape, and the order of axes."""

    dtype: np.dtype[np.generic]
    shape: Shape
    fortran: bool = False

    @property
    def row(self) -> Shape:
        """The shape of one row."""
        return self.shape[1:]

    @property
    def bytes(self) -> int:
        """How many bytes the numbers take."""
        return prod(self.shape) * self.dtype.itemsize


class ReadHeader(Protocol):
    """How a format says the layout of its array."""

    def __call__(self, stream: Stream, where: str, /) -> tuple[Layout, int]:
        """Return the layout and the length of the header in bytes. Raises FileError."""


class ArrayReader(Reader):
    """A file that holds one array, which is one column."""

    single = True

    def __init__(
        self, source: Input, name: str, read_header: ReadHeader, *, drop_missing: bool = False
    ) -> None:
        """Read the header. Raises FileError."""
        super().__init__(source, drop_missing=drop_missing)
        self._read_header = read_header
        with source.stream() as stream:
            self._layout, self._offset = read_header(stream, self._where)
        check_layout(self._layout, self._where)
        check_size(self._layout, self._offset, source.size(), self._where)
        self.columns = {name: self._layout.row}
        self.rows = self._layout.shape[0]

    def blocks(
        self, names: Sequence[str], codes: Mapping[str, Codes | Dates], part: Part | None = None
    ) -> Iterator[Block]:
        """Yield the column; see columns.Reader."""
        refuse_classes(codes, self._where)
        source, layout, row = self._source, self._layout, 1
        if part is not None:
            each = prod(layout.row) * layout.dtype.itemsize
            ends = (self._offset + place * each for place in (part.start, part.stop))
            source, row = Section(source, *ends), part.start + 1
            layout = layout._replace(shape=(part.stop - part.start, *layout.row))
        where = f"{self._where}: {printable(next(iter(self.columns)), 40)}"
        with source.stream() as stream:
            if part is None and self._read_header(stream, self._where)[0] != layout:
                raise FileError(f"{self._where}: the file changed while it was read")
            for array in payload(stream, layout, rows_at_once(self.columns), self._where):
                found = checked(array, where, row, drop_missing=self._drop_missing)
                yield dict.fromkeys(names, found)
                row += len(array)
            check_end(stream, self._where)

    def parts(self, rows: int) -> Sequence[Part]:
        """Return parts of so many rows; see columns.Reader."""
        count = self._layout.shape[0]
        if self._layout.fortran or self._source.size() is None:
            return ()
        starts = range(0, count, rows)
        ends = [min(start + rows, count) for start in starts]
        return [Part(a, b, f"rows {a + 1} to {b}") for a, b in zip(starts, ends, strict=True)]


def refuse_classes(codes: Mapping[str, Codes | Dates], where: str) -> None:
    """Raise FileError for a column of classes: arrays hold numbers already."""
    for name in codes:
        raise FileError(
            f"{where}: {printable(name, 40)} holds numbers, not texts",
            hint="--classes is for columns of text in CSV and Parquet",
        )


def check_layout(layout: Layout, where: str) -> None:
    """Raise FileError for an array that has no rows of numbers."""
    if not layout.shape:
        raise FileError(f"{where}: a single number has no rows")
    if not layout.shape[0]:
        raise no_rows(where)
    if not prod(layout.row):
        raise FileError(f"{where}: rows of shape {shapes.shown(layout.row)} hold no numbers")
    try:
        shapes.checked(layout.row)
    except ShapeError as error:
        raise FileError(f"{where}: {error.message}") from None


def check_size(layout: Layout, offset: int, size: int | None, where: str) -> None:
    """Raise FileError if the file does not hold as many bytes as its header says."""
    if size is None or size == offset + layout.bytes:
        return
    if size > offset + layout.bytes:
        raise _longer(where)
    raise FileError(
        f"{where}: the header says {layout.bytes} bytes of numbers, but the file holds "
        f"{max(0, size - offset)}"
    )


def check_end(stream: Stream, where: str) -> None:
    """Raise FileError for bytes after the array."""
    if stream.read(1):
        raise _longer(where)


def _longer(where: str) -> FileError:
    return FileError(f"{where}: there are more bytes than the header says")


def payload(stream: Stream, layout: Layout, at_once: int, where: str) -> Iterator[Array]:
    """Yield the rows as doubles, `at_once` at a time. Raises FileError when they are cut off.

    Of an array whose columns lie one after another all is read first.
    """
    rows = layout.shape[0]
    whole = _in_fortran_order(stream, layout, where) if layout.fortran else None
    for start in range(0, rows, at_once):
        count = min(at_once, rows - start)
        if whole is not None:
            part = whole[start : start + count]
        else:
            part = _numbers(stream, layout.dtype, count * prod(layout.row), where)
        with np.errstate(all="ignore"):  # a signalling nan is found by whoever checks the numbers
            yield part.astype(np.float64, order="C").reshape((count, *layout.row))


def _in_fortran_order(stream: Stream, layout: Layout, where: str) -> NDArray[np.generic]:
    if prod(layout.shape) > ELEMENTS:
        raise FileError(
            f"{where}: an array in Fortran order of more than {ELEMENTS} numbers",
            hint="save it in C order: numpy.ascontiguousarray",
        )
    parts = []
    left = prod(layout.shape)
    while left:
        parts.append(_numbers(stream, layout.dtype, min(left, NUMBERS_AT_ONCE), where))
        left -= len(parts[-1])
    return np.concatenate(parts).reshape(layout.shape, order="F")


def _numbers(
    stream: Stream, dtype: np.dtype[np.generic], count: int, where: str
) -> NDArray[np.generic]:
    data = exactly(stream, count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise FileError(f"{where}: the numbers are cut off")
    if dtype.kind == "b":  # any byte but 0 is true, and a stray one must not count as 2
        true: NDArray[np.bool_] = np.frombuffer(data, np.uint8) != 0
        return true
    return np.frombuffer(data, dtype)


def exactly(stream: Stream, count: int) -> bytes:
    """Return `count` bytes, or what there is before the end."""
    data = stream.read(count)
    if len(data) == count or not data:
        return data
    pieces = [data]
    left = count - len(data)
    while left and (data := stream.read(left)):
        pieces.append(data)
        left -= len(data)
    return b"".join(pieces)


# ---------------------------------------------------------------- NPY

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 65_536

HEADER = re.compile(
    r"\{(?=.*'descr': *(?P<descr>'[^']*'|\[))"
    r"(?=.*'fortran_order': *(?P<fortran>True|False)\b)"
    r"(?=.*'shape': *\((?P<shape>[0-9, ]*)\)).*\} *\n?",
    re.DOTALL,
)
"""The dictionary of an NPY header, as NumPy writes it."""

NUMERIC = re.compile(r"[<>|=](?:[iu][1248]|f[248]|b1)")
"""The types of numbers that a double can hold, or round: whole, floating and boolean ones."""


def npy(source: Input, *, drop_missing: bool = False) -> ArrayReader:
    """Return the reader of an NPY file. Raises FileError."""
    return ArrayReader(source, PurePath(source.name).stem, npy_header, drop_missing=drop_missing)


def npy_header(stream: Stream, where: str) -> tuple[Layout, int]:
    """Return the layout that an NPY header tells and its length in bytes. Raises FileError.

    The layout is as it stands there; check_layout says whether it can be used.
    """
    start = exactly(stream, 8)
    if not start.startswith(MAGIC):
        raise unlike(f"{where}: this is not the NPY format", start)
    field = {1: 2, 2: 4, 3: 4}.get(start[6]) if len(start) == 8 else None
    if field is None:
        raise FileError(f"{where}: the NPY header is of an unknown version")
    size = exactly(stream, field)
    length = int.from_bytes(size, "little")
    text = exactly(stream, min(length, LONGEST_HEADER))
    if len(size) < field or len(text) < length:
        raise FileError(f"{where}: the NPY header is cut off or too long")
    match = HEADER.fullmatch(text.decode("latin-1"))
    if match is None:
        raise FileError(f"{where}: the NPY header is not what NumPy writes")
    descr = match["descr"].strip("'")
    if NUMERIC.fullmatch(descr) is None:
        raise FileError(f"{where}: {_type_name(descr)} cannot be read as numbers")
    axes = match["shape"].replace(" ", "").removesuffix(",")
    lengths = axes.split(",") if axes else []
    if len(lengths) > 32 or not all(axis.isdigit() and len(axis) < 20 for axis in lengths):
        raise FileError(f"{where}: the NPY header gives the shape ({match['shape'][:40]})")
    layout = Layout(np.dtype(descr), tuple(map(int, lengths)), match["fortran"] == "True")
    return layout, 8 + field + length


def _type_name(descr: str) -> str:
    """Return what the values of a type are called."""
    if descr == "[":
        return "a table of records"
    kinds = {"c": "complex numbers", "O": "pickled objects", "S": "bytes", "U": "text"}
    kinds |= {"M": "dates", "m": "time spans"}
    return kinds.get(descr[1:2], f"values of type {quoted(descr)}")


# ---------------------------------------------------------------- IDX

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The third byte of the file and the type of number that it means."""


def idx(source: Input, *, drop_missing: bool = False) -> ArrayReader:
    """Return the reader of an IDX file. Raises FileError."""
    with source.stream() as stream:
        layout, _ = idx_header(stream, shown(source.path))
    name = "img" if layout.row else "label"
    return ArrayReader(source, name, idx_header, drop_missing=drop_missing)


def idx_header(stream: Stream, where: str) -> tuple[Layout, int]:
    """Return the layout, rows flattened, and the length of the header. Raises FileError."""
    start = exactly(stream, 4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not start[3]:
        raise unlike(f"{where}: this is not the IDX format", start)
    axes = start[3]
    sizes = exactly(stream, 4 * axes)
    if len(sizes) < 4 * axes:
        raise FileError(f"{where}: the IDX header is cut off")
    rows, *row = (int(size) for size in np.frombuffer(sizes, ">u4"))
    shape = (rows, prod(row)) if row else (rows,)
    return Layout(np.dtype(TYPES[start[2]]), shape), 4 + 4 * axes
