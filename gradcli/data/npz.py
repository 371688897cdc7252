"""NPZ, a zip archive of NPY arrays: columns of data, parameters, and the state of a run.

What is read of an archive is bit for bit what was written, or an error: zip has a checksum for each
member.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from contextlib import contextmanager
from math import prod
from typing import IO, TYPE_CHECKING

import numpy as np

from gradcli.data.arrays import (
    Layout,
    check_end,
    check_layout,
    check_size,
    npy_header,
    payload,
    refuse_classes,
)
from gradcli.data.columns import MOST_COLUMNS, Reader, checked, quoted, rows_at_once
from gradcli.data.formats import unlike
from gradcli.errors import FileError, ShapeError
from gradcli.graph import shapes
from gradcli.limits import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.cells import Codes, Dates
    from gradcli.data.columns import Array, Block, Part
    from gradcli.data.input import Input

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # a version, or a way of packing, that is unknown
    OSError,
    OverflowError,
    RuntimeError,  # an archive with a password
    ValueError,
)
"""What the module zipfile raises for an archive that it cannot read."""

TEXT = "state.json"
"""The name of a member that is no array."""


@contextmanager
def opened(
    file: IO[bytes], where: str, damaged: str = "the archive is damaged"
) -> Iterator[zipfile.ZipFile]:
    """Open an archive to be read in a block. Raises FileError, also for what is damaged in it."""
    start = file.read(64)
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except DAMAGE:
        if start.startswith(b"PK"):
            raise FileError(f"{where}: {damaged}") from None
        raise unlike(f"{where}: this is not an NPZ archive", start) from None


def members(archive: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays of an archive by name. Raises FileError for a name used twice."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            name = info.filename.removesuffix(".npy")
            if name in found:
                raise FileError(f"{where}: two members are called {quoted(name)}")
            found[name] = info
    if len(found) > MOST_COLUMNS:
        raise FileError(f"{where}: the archive holds more than {MOST_COLUMNS} arrays")
    return found


@contextmanager
def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Iterator[IO[bytes]]:
    """Open a member of an archive to be read in a block. Raises FileError, also for damage."""
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FileError(f"{where}: packed in a way that NumPy does not use")
    try:
        with archive.open(info) as file:
            yield file
    except DAMAGE:
        raise FileError(f"{where}: the data is damaged") from None


def array_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, most: int) -> Array:
    """Return an array of at most so many numbers as doubles. Raises FileError."""
    with member(archive, info, where) as stream:
        layout, offset = npy_header(stream, where)
        try:
            count = prod(shapes.checked(layout.shape))
        except ShapeError as error:
            raise FileError(f"{where}: {error.message}") from None
        if count > most:
            raise FileError(f"{where}: the arrays together have more than {ELEMENTS} numbers")
        check_size(layout, offset, info.file_size, where)
        array = np.empty(layout.shape)
        rows = layout._replace(shape=layout.shape or (1,))  # a single number is read as one row
        target, row = array.reshape(rows.shape), 0
        for part in payload(stream, rows, rows_at_once({"": rows.row}), where):
            target[row : row + len(part)] = part
            row += len(part)
        check_end(stream, where)
    return array


def write(file: IO[bytes], arrays: Mapping[str, Array], comment: bytes, text: bytes = b"") -> None:
    """Write an archive of arrays, and of a text that is no array; the same are the same bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        if text:
            archive.writestr(zipfile.ZipInfo(TEXT), text)
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy")  # without a date
            info.file_size = array.nbytes  # of which zip must know whether it needs 64 bits
            with archive.open(info, "w") as stream:
                np.lib.format.write_array(stream, array)
        archive.comment = comment


class NpzReader(Reader):
    """An NPZ file. A member that holds no numbers is an error where it is asked for."""

    def __init__(self, source: Input, *, drop_missing: bool = False) -> None:
        """Read the header of each member. Raises FileError."""
        super().__init__(source, drop_missing=drop_missing)
        self._layouts: dict[str, Layout] = {}
        self._faults: dict[str, FileError] = {}
        with self._archive() as archive:
            found = members(archive, self._where)
            if not found:
                raise FileError(f"{self._where}: the archive holds no arrays")
            for name, info in found.items():
                try:
                    self._layouts[name] = self._look_at(archive, name, info)
                    self.columns[name] = self._layouts[name].row
                except FileError as error:  # only a fault when the column is used
                    self._faults[name] = error
                    self.columns[name] = ()
        lengths = {layout.shape[0] for layout in self._layouts.values()}
        self.rows = lengths.pop() if len(lengths) == 1 else None

    def blocks(
        self,
        names: Sequence[str],
        codes: Mapping[str, Codes | Dates],
        part: Part | None = None,  # noqa: ARG002 - the members are read as wholes
    ) -> Iterator[Block]:
        """Yield the columns; see columns.Reader."""
        refuse_classes(codes, self._where)
        for name in names:
            if name in self._faults:
                fault = self._faults[name]
                raise FileError(fault.message, hint=fault.hint)
        self._check_lengths(names)
        at_once = rows_at_once({name: self.columns[name] for name in names})
        with self._archive() as archive:
            found = members(archive, self._where)
            if not found.keys() >= set(names):
                raise FileError(f"{self._where}: the file changed while it was read")
            parts = [self._rows(archive, name, found[name], at_once) for name in names]
            for arrays in zip(*parts, strict=True):
                yield dict(zip(names, arrays, strict=True))

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        with self._source.open() as file, opened(file, self._where) as archive:
            yield archive

    def _rows(
        self, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo, at_once: int
    ) -> Iterator[Array]:
        where = f"{self._where}: {quoted(name)}"
        with member(archive, info, where) as stream:
            layout, _ = npy_header(stream, where)
            if layout != self._layouts[name]:
                raise FileError(f"{where}: the file changed while it was read")
            row = 1
            for part in payload(stream, layout, at_once, where):
                yield checked(part, where, row, drop_missing=self._drop_missing)
                row += len(part)
            check_end(stream, where)

    def _check_lengths(self, names: Sequence[str]) -> None:
        first, *others = names
        rows = self._layouts[first].shape[0]
        for other in others:
            if self._layouts[other].shape[0] != rows:
                raise FileError(
                    f"{self._where}: {quoted(first)} has {rows} rows, "
                    f"{quoted(other)} has {self._layouts[other].shape[0]}"
                )

    def _look_at(self, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> Layout:
        """Return how the numbers of a member lie. Raises FileError if it cannot be used."""
        where = f"{self._where}: {quoted(name)}"
        with member(archive, info, where) as stream:
            layout, offset = npy_header(stream, where)
            check_layout(layout, where)
            check_size(layout, offset, info.file_size, where)
            return layout
