"""Arrays as they lie in a file, read as rows of doubles: NPY, the members of NPZ, and IDX alike."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from gradcli.data.columns import NUMBERS_AT_ONCE, Part, checked, no_rows
from gradcli.data.input import shown
from gradcli.errors import FileError, ShapeError, printable
from gradcli.graph import shapes
from gradcli.limits import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from gradcli.data.cells import Dates
    from gradcli.data.columns import Array, Block, Codes
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


class ArrayReader:
    """A file that holds one array, which is one column."""

    single = True

    def __init__(
        self, source: Input, name: str, read_header: ReadHeader, *, drop_missing: bool = False
    ) -> None:
        """Read the header. Raises FileError."""
        self.path = source.path
        self._source = source
        self._read_header = read_header
        self._drop_missing = drop_missing
        self._where = shown(source.path)
        with source.stream() as stream:
            self._layout, offset = read_header(stream, self._where)
        check_layout(self._layout, self._where)
        check_size(self._layout, offset, source.size(), self._where)
        self._name = name
        self.columns: dict[str, Shape] = {name: self._layout.row}
        self.rows: int | None = self._layout.shape[0]

    def blocks(self, names: Sequence[str], codes: Mapping[str, Codes | Dates]) -> Iterator[Block]:
        """Yield the column; see columns.Reader."""
        refuse_classes(codes, self._where)
        where = f"{self._where}: {printable(self._name, 40)}"
        with self._source.stream() as stream:
            layout, _ = self._read_header(stream, self._where)
            if layout != self._layout:
                raise FileError(f"{self._where}: the file changed while it was read")
            row = 1
            for part in payload(stream, layout, rows_at_once(layout.row), self._where):
                yield dict.fromkeys(
                    names, checked(part, where, row, drop_missing=self._drop_missing)
                )
                row += len(part)
            check_end(stream, self._where)

    def parts(self, rows: int) -> Sequence[Part]:
        """Return parts of so many rows; see columns.Divisible."""
        count = self._layout.shape[0]
        if self._layout.fortran or self._source.size() is None:
            return ()
        starts = range(0, count, rows)
        ends = [min(start + rows, count) for start in starts]
        return [Part(a, b, f"rows {a + 1} to {b}") for a, b in zip(starts, ends, strict=True)]

    def part(
        self, part: Part, names: Sequence[str], codes: Mapping[str, Codes | Dates]
    ) -> Iterator[Block]:
        """Yield the column of a part; see columns.Divisible."""
        refuse_classes(codes, self._where)
        where = f"{self._where}: {printable(self._name, 40)}"
        layout = self._layout._replace(shape=(part.stop - part.start, *self._layout.row))
        with self._source.open() as file:
            _, offset = self._read_header(file, self._where)
            file.seek(offset + part.start * prod(layout.row) * layout.dtype.itemsize)
            row = part.start + 1
            for array in payload(file, layout, rows_at_once(layout.row), self._where):
                found = checked(array, where, row, drop_missing=self._drop_missing)
                yield dict.fromkeys(names, found)
                row += len(array)


def refuse_classes(codes: Mapping[str, Codes | Dates], where: str) -> None:
    """Raise FileError for a column of classes: arrays hold numbers already."""
    for name in codes:
        raise FileError(
            f"{where}: {printable(name, 40)} holds numbers, not texts",
            hint="--classes is for columns of text in CSV and Parquet",
        )


def rows_at_once(row: Shape) -> int:
    """Return how many rows of a shape make about 512 KiB of doubles, at least one."""
    return max(1, NUMBERS_AT_ONCE // prod(row))


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
