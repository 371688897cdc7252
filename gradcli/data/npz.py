"""NPZ, a zip archive of NPY arrays, each a column whose rows are read as a stream."""

from __future__ import annotations

import struct
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

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
from gradcli.errors import FileError

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


class NpzReader(Reader):
    """An NPZ file. A member that holds no numbers is an error where it is asked for."""

    def __init__(self, source: Input, *, drop_missing: bool = False) -> None:
        """Read the header of each member. Raises FileError."""
        super().__init__(source, drop_missing=drop_missing)
        self._layouts: dict[str, Layout] = {}
        self._faults: dict[str, FileError] = {}
        with self._archive() as archive:
            for name, info in self._members(archive).items():
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
        with ExitStack() as stack:
            archive = stack.enter_context(self._archive())
            members = self._members(archive)
            parts = []
            for name in names:
                if name not in members:
                    raise FileError(f"{self._where}: the file changed while it was read")
                member = stack.enter_context(self._member(archive, name, members[name]))
                parts.append(self._rows(name, member, at_once))
            for arrays in zip(*parts, strict=True):
                yield dict(zip(names, arrays, strict=True))

    def _rows(self, name: str, member: _Member, at_once: int) -> Iterator[Array]:
        layout, _ = npy_header(member, member.where)
        if layout != self._layouts[name]:
            raise FileError(f"{member.where}: the file changed while it was read")
        row = 1
        for part in payload(member, layout, at_once, member.where):
            yield checked(part, member.where, row, drop_missing=self._drop_missing)
            row += len(part)
        check_end(member, member.where)

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
        with self._member(archive, name, info) as member:
            layout, offset = npy_header(member, member.where)
            check_layout(layout, member.where)
            check_size(layout, offset, info.file_size, member.where)
            return layout

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        with self._source.open() as file:
            start = file.read(8)
            file.seek(0)
            try:
                archive = zipfile.ZipFile(file)
            except DAMAGE:
                message = f"{self._where}: this is not a zip archive that can be read"
                raise unlike(message, start) from None
            with archive:
                yield archive

    def _members(self, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
        """Return the arrays of the archive by name. Raises FileError for a name used twice."""
        members: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            name = info.filename.removesuffix(".npy")
            if name in members:
                raise FileError(f"{self._where}: two members are called {quoted(name)}")
            members[name] = info
        if not members:
            raise FileError(f"{self._where}: the archive holds no arrays")
        if len(members) > MOST_COLUMNS:
            raise FileError(f"{self._where}: the archive holds more than {MOST_COLUMNS} arrays")
        return members

    @contextmanager
    def _member(
        self, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo
    ) -> Iterator[_Member]:
        where = f"{self._where}: {quoted(name)}"
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise FileError(f"{where}: packed in a way that NumPy does not use")
        try:
            file = archive.open(info)
        except DAMAGE:
            raise FileError(f"{where}: the member cannot be read") from None
        with file:
            yield _Member(file, where)


class _Member:
    """A member as a stream whose failures are sentences."""

    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file = file
        self.where = where

    def read(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except DAMAGE:
            raise FileError(f"{self.where}: the data is damaged") from None
