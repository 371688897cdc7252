"""Data files as one source of named columns, read in blocks of rows as often as needed."""

from __future__ import annotations

import re
import sys
from math import prod
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np

from gradcli.data.cells import NUMBER
from gradcli.data.columns import (
    NUMBERS_AT_ONCE,
    Codes,
    length_of,
    listed,
    quoted,
    rebatched,
    unknown_column,
)
from gradcli.data.input import Input, shown
from gradcli.errors import FileError
from gradcli.graph import shapes
from gradcli.limits import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.columns import Block, Reader
    from gradcli.graph.shapes import Shape

ENDINGS = ".csv, .tsv, .parquet, .npz, .npy, .idx, -idx3-ubyte"
"""The endings of data files, for messages; all but .parquet and .npz may be followed by .gz."""

IDX = re.compile(r"(?:\.idx|[-.]idx[0-9]{1,3}-[a-z]+)\Z")


class Source(Protocol):
    """Rows of named columns."""

    @property
    def columns(self) -> Mapping[str, Shape]:
        """The shape of one row's entry of each column: () for a number."""

    @property
    def rows(self) -> int | None:
        """How many rows there are, or None when only reading can tell."""

    @property
    def dropped(self) -> int:
        """How many rows the last pass left out because a value was missing."""

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """The texts of each column of classes; the text at place i is the number i."""

    def blocks(self, names: Sequence[str], size: int) -> Iterator[Block]:
        """Yield the columns in blocks of `size` rows, the last maybe shorter; a pass of its own.

        Each array has shape (rows, *shape of an entry). All numbers are finite. Raises FileError.
        """


def open_source(
    paths: Sequence[str],
    *,
    separator: str | None = None,
    stdin: IO[bytes] | None = None,
    drop_missing: bool = False,
) -> FileSource:
    """Return the rows of data files, one file after another. Raises FileError and UsageError.

    The ending of a name says the format; `-` is stdin, as CSV, of which all, at most 256 MiB, is
    held in memory. Files of one array each (NPY, IDX) are columns side by side: `img` and `label`
    of two IDX files, or x of x.npy and y of y.npy. Where drop_missing, rows in which a used value
    is missing (empty, NA, nan, null) are left out and counted; else they are errors.
    """
    if not paths:
        raise ValueError("no data files")
    if list(paths).count("-") > 1:
        raise FileError("stdin, -, can be read only once")
    readers = [_reader(path, separator, stdin, drop_missing=drop_missing) for path in paths]
    return FileSource(readers, drop_missing=drop_missing)


def _reader(
    path: str, separator: str | None, stdin: IO[bytes] | None, *, drop_missing: bool
) -> Reader:
    """Return the reader for the ending of a file's name. Raises FileError."""
    if path == "-":
        from gradcli.data.csv import CsvReader, separator_of

        source = Input.of_stdin(stdin if stdin is not None else getattr(sys.stdin, "buffer", None))
        return CsvReader(source, separator_of(separator or ","), drop_missing=drop_missing)
    name = path.lower()
    compressed = name.endswith(".gz")
    stem = name.removesuffix(".gz")
    source = Input(path, compressed=compressed)
    if stem.endswith((".csv", ".tsv")):
        from gradcli.data.csv import CsvReader, separator_of

        usual = "\t" if stem.endswith(".tsv") else ","
        return CsvReader(source, separator_of(separator or usual), drop_missing=drop_missing)
    if separator is not None:
        raise FileError(f"{shown(path)}: --separator is for CSV")
    if stem.endswith(".npy"):
        from gradcli.data.npy import npy_reader

        return npy_reader(source, drop_missing=drop_missing)
    if IDX.search(stem):
        from gradcli.data.idx import idx_reader

        return idx_reader(source, drop_missing=drop_missing)
    if stem.endswith(".npz") and not compressed:
        from gradcli.data.npz import NpzReader

        return NpzReader(source, drop_missing=drop_missing)
    if stem.endswith(".parquet") and not compressed:
        from gradcli.data.parquet import ParquetReader

        return ParquetReader(source, drop_missing=drop_missing)
    raise FileError(
        f"{shown(path)}: the name does not end like that of a data file",
        hint=f"data files end with {ENDINGS}, and may be compressed: .csv.gz",
    )


class FileSource:
    """One or several files. Files of the same columns follow each other in the order given."""

    def __init__(
        self,
        readers: Sequence[Reader],
        *,
        drop_missing: bool = False,
        codes: Mapping[str, Codes] | None = None,
    ) -> None:
        self._readers = list(readers)
        self._chains = _side_by_side(readers)
        self._drop_missing = drop_missing
        self._codes = dict(codes or {})
        self.columns: dict[str, Shape] = {}
        for chain in self._chains:
            self.columns.update(chain[0].columns)
        self.dropped = 0
        self.classes = {name: tuple(code) for name, code in self._codes.items()}

    @property
    def rows(self) -> int | None:
        """How many rows there are, or None when only reading can tell."""
        counts = [reader.rows for reader in self._chains[0]]
        if self._drop_missing:
            return None
        return None if None in counts else sum(count or 0 for count in counts)

    def blocks(self, names: Sequence[str], size: int) -> Iterator[Block]:
        """Yield the columns in blocks of `size` rows; see Source. Raises FileError."""
        names = list(dict.fromkeys(names))
        if not names or size < 1:
            raise ValueError("a pass over data needs columns and a size")
        for name in names:
            if name not in self.columns:
                raise unknown_column(self._readers[0].path, name, list(self.columns))
        return rebatched(self._kept(self._together(names)), size)

    def with_classes(self, texts: Mapping[str, Sequence[str]]) -> FileSource:
        """Return this source with columns of text as places in the lists of texts given."""
        for name in texts:
            if name not in self.columns:
                raise unknown_column(self._readers[0].path, name, list(self.columns))
        codes = {name: Codes(name, known) for name, known in texts.items()}
        return self._with_codes({**self._codes, **codes})

    def classified(self, names: Sequence[str]) -> FileSource:
        """Return this source with columns of text as whole numbers 0, 1, … in their sorted order.

        Texts that are all numbers are sorted by value. Reads all files once. Raises FileError.
        """
        growing = {name: Codes(name, growing=True) for name in names}
        for _ in self._with_codes(growing).blocks(names, NUMBERS_AT_ONCE):
            pass
        return self.with_classes({name: _in_order(code) for name, code in growing.items()})

    def _with_codes(self, codes: Mapping[str, Codes]) -> FileSource:
        return FileSource(self._readers, drop_missing=self._drop_missing, codes=codes)

    def _kept(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Leave out the rows that hold nan, and count them."""
        self.dropped = 0
        kept = 0
        for block in blocks:
            missing = np.zeros(length_of(block), bool)
            if self._drop_missing:
                for array in block.values():
                    missing |= np.isnan(array).any(axis=tuple(range(1, array.ndim)))
            count = int(missing.sum())
            self.dropped += count
            kept += len(missing) - count
            yield {name: array[~missing] for name, array in block.items()} if count else block
        if not kept:
            path = shown(self._readers[0].path)
            raise FileError(f"{path}: every one of the {self.dropped} rows lacks a value")

    def _together(self, names: Sequence[str]) -> Iterator[Block]:
        """Yield the blocks of files side by side, nan where a value is missing."""
        wanted = [
            (chain, [name for name in names if name in chain[0].columns]) for chain in self._chains
        ]
        wanted = [(chain, own) for chain, own in wanted if own]
        if len(wanted) == 1:
            yield from self._following(*wanted[0])
            return
        width = max(prod(self.columns[name]) for name in names)
        size = max(1, NUMBERS_AT_ONCE // width)
        passes = [rebatched(self._following(chain, own), size) for chain, own in wanted]
        for blocks in zip(*passes, strict=True):
            joined = {name: array for block in blocks for name, array in block.items()}
            yield {name: joined[name] for name in names}

    def _following(self, chain: Sequence[Reader], names: Sequence[str]) -> Iterator[Block]:
        """Yield the blocks of files one after another."""
        codes = {name: code for name, code in self._codes.items() if name in names}
        for reader in chain:
            yield from reader.blocks(names, codes)


def read(source: Source, names: Sequence[str]) -> Block:
    """Return whole columns in memory. Raises FileError, also for more than a graph's array holds.

    Each is of shape (rows, *shape of an entry). While reading, up to one and a half times their
    size is used where the number of rows is not known before.
    """
    widths = {name: prod(source.columns.get(name, ())) for name in names}
    most = ELEMENTS // max(1, max(widths.values(), default=1))
    size = max(1, NUMBERS_AT_ONCE // max(1, sum(widths.values())))
    expected = source.rows
    if expected is not None and expected > most:
        raise _too_large(expected, most)
    whole: Block = {}
    filled = 0
    for block in source.blocks(names, size):
        end = filled + length_of(block)
        if end > most:
            raise _too_large(end, most)
        for name, array in block.items():
            if name not in whole:
                whole[name] = np.empty((expected or end, *array.shape[1:]))
            column = whole[name]
            if end > len(column):
                # In place, where the system can move pages instead of copying them.
                column.resize((end + end // 2, *array.shape[1:]), refcheck=False)
            column[filled:end] = array
        filled = end
    for column in whole.values():
        column.resize((filled, *column.shape[1:]), refcheck=False)
    return whole


def _too_large(rows: int, most: int) -> FileError:
    return FileError(
        f"{rows} rows or more are too many to hold in memory; at most {most} of these columns",
        hint="--batch reads the data in pieces",
    )


def _in_order(texts: Codes) -> list[str]:
    """Return texts in order: by value if all are numbers, else by their characters."""
    if all(NUMBER.fullmatch(text) for text in texts):
        return sorted(texts, key=lambda text: (float(text), text))
    return sorted(texts)


def _side_by_side(readers: Sequence[Reader]) -> list[list[Reader]]:
    """Return chains of files that follow each other. Raises FileError for what does not fit."""
    first = readers[0]
    chains: dict[tuple[str, ...], list[Reader]] = {}
    for reader in readers:
        key = tuple(reader.columns) if reader.single and first.single else ()
        chain = chains.setdefault(key, [])
        chain.append(reader)
        _check_same_columns(chain[0], reader)
    several = list(chains.values())
    counts = [sum(reader.rows or 0 for reader in chain) for chain in several]
    for chain, count in zip(several, counts, strict=True):
        if count != counts[0] and len(several) > 1:
            raise FileError(
                f"{shown(several[0][0].path)} has {counts[0]} rows, but {shown(chain[0].path)} "
                f"has {count}" + (", with the files that follow" if len(readers) > 2 else "")
            )
    return several


def _check_same_columns(first: Reader, other: Reader) -> None:
    """Raise FileError if a file has not the columns of the one that it follows."""
    lacks = [name for name in first.columns if name not in other.columns]
    extra = [name for name in other.columns if name not in first.columns]
    if lacks:
        raise FileError(
            f"{shown(other.path)} has no column {quoted(lacks[0])}, as {shown(first.path)} has",
            hint=f"columns: {listed(other.columns)}",
        )
    if extra:
        raise FileError(
            f"{shown(other.path)} has a column {quoted(extra[0])}, unlike {shown(first.path)}",
            hint=f"columns: {listed(first.columns)}",
        )
    for name, shape in first.columns.items():
        if other.columns[name] != shape:
            raise FileError(
                f"{quoted(name)} has rows of shape {shapes.shown(shape)} in {shown(first.path)}, "
                f"of {shapes.shown(other.columns[name])} in {shown(other.path)}"
            )
