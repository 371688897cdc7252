"""Data files as one source of named columns, read in blocks of rows as often as needed."""

from __future__ import annotations

import os
import re
import sys
from math import prod
from typing import IO, TYPE_CHECKING

import numpy as np

from gradcli.data.cells import Codes, Dates, Notation, TextOptions
from gradcli.data.columns import (
    NUMBERS_AT_ONCE,
    Part,
    ambiguous_column,
    concatenated,
    length_of,
    named,
    quoted,
    rebatched,
    rows_at_once,
    unknown_column,
)
from gradcli.data.formats import reader as reader_of
from gradcli.data.input import shown
from gradcli.data.remote import at_once, files_at, is_address
from gradcli.errors import FileError, TooManyRowsError, listed
from gradcli.graph import shapes
from gradcli.limits import ELEMENTS
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gradcli.data.columns import Block, Reader
    from gradcli.graph.shapes import Shape


PIECE_NUMBERS = 1 << 20
"""How many numbers a piece of a file has where that can be chosen, 8 MiB of doubles."""


class Piece(NamedTuple):
    """A part of the rows that is read without the others."""

    name: str
    """Where it stands, for messages: "d.parquet, row group 3"."""
    parts: tuple[tuple[int, Part | None], ...]
    """The number of its file, and the part of it, for each of the files that lie side by side."""


def open_source(
    paths: Sequence[str],
    *,
    table: TextOptions | None = None,
    columns: Mapping[str, str] | None = None,
    dates: Mapping[str, Dates] | None = None,
    stdin: IO[bytes] | None = None,
    drop_missing: bool = False,
) -> Source:
    """Return the rows of data files, one file after another. Raises FileError and UsageError.

    The ending of a name or the first bytes say the format; `-` is stdin, of which all, at most
    256 MiB, is held in memory. A folder, or a pattern such as 'runs/*.csv', stands for its files
    in the order of their names, character by character, so that run10 comes before run9. A name
    may be an address, such as 's3://bucket/part-*.parquet'. Files of one array each (NPY, IDX) are
    columns side by side: `img` and `label` of two IDX files, or x of x.npy and y of y.npy. `table`
    says how tables of text are to be read, `columns` what heading each of these names stands for,
    and `dates` which columns hold dates. Where drop_missing, rows in which a used value is missing
    (empty, NA, nan, null …) are left out and counted; else they are errors.
    """
    if not paths:
        raise ValueError("no data files")
    if list(paths).count("-") > 1:
        raise FileError("stdin, -, can be read only once")
    pipe = stdin if stdin is not None else getattr(sys.stdin, "buffer", None)

    def opened(path: str) -> Reader:
        return reader_of(path, table or TextOptions(), pipe, drop_missing=drop_missing)

    files = [path for given in paths for path in _expanded(given)]
    readers = at_once(opened, files) if any(map(is_address, files)) else list(map(opened, files))
    source = Source(readers, drop_missing=drop_missing, names=columns or {})
    return source.dated(dates) if dates else source


def _expanded(path: str) -> list[str]:
    """Return the files that a path stands for: itself, those of a folder, those of a pattern."""
    if is_address(path):
        return files_at(path)
    if os.path.isdir(path):  # noqa: PTH112
        found = [os.path.join(path, name) for name in sorted(os.listdir(path))]  # noqa: PTH118, PTH208
        files = [each for each in found if os.path.isfile(each)]  # noqa: PTH113
        files = [each for each in files if not os.path.basename(each).startswith(".")]  # noqa: PTH119
        if not files:
            raise FileError(f"{shown(path)}: the folder holds no files")
        return files
    if any(mark in path for mark in "*?[") and not os.path.exists(path):  # noqa: PTH110
        import glob

        found = sorted(glob.glob(path))  # noqa: PTH207
        if not found:
            raise FileError(f"no file matches {quoted(path, 200)}")
        return found
    return [path]


class Source:
    """Rows of named columns, from one or several files.

    Files of the same columns follow each other in the order given. `names` are those that columns
    get besides their own, each with its heading; `codes` say how columns that hold no numbers
    become numbers; `vectors` are columns made of several columns side by side.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        *,
        drop_missing: bool = False,
        names: Mapping[str, str] | None = None,
        codes: Mapping[str, Codes | Dates] | None = None,
        vectors: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._readers = list(readers)
        self._chains = _side_by_side(readers)
        self._drop_missing = drop_missing
        self._chosen = dict(names or {})
        self._codes = dict(codes or {})
        self._vectors = dict(vectors or {})
        self._path = readers[0].path
        entries = {
            name: shape for chain in self._chains for name, shape in chain[0].columns.items()
        }
        self.headings, self.ambiguous = named(entries, self._chosen, shown(self._path))
        """The heading of each column as it stands in the files, and words with which several
        headings begin, so that no column is known by them."""
        self.columns: dict[str, Shape] = {
            **{name: entries[heading] for name, heading in self.headings.items()},
            **{name: (len(parts),) for name, parts in self._vectors.items()},
        }
        """The shape of one row's entry of each column: () for a number."""
        self.dropped = 0
        """How many rows the last pass left out because a value was missing."""
        self._counts: dict[int, int] = {}
        """How many rows each file of a chain holds that was read to its end."""
        self.classes = {
            name: tuple(code) for name, code in self._codes.items() if isinstance(code, Codes)
        }
        """The texts of each column of classes; the text at place i is the number i."""
        self.origins = {name: code for name, code in self._codes.items() if isinstance(code, Dates)}
        """The columns of dates, each with the date that counts as 0 once it was read."""

    @property
    def rows(self) -> int | None:
        """How many rows there are, or None when only reading can tell."""
        counts = [reader.rows for reader in self._chains[0]]
        if self._drop_missing:
            return None
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def unnamed(self) -> int:
        """How many columns have no heading, so that no formula can name them."""
        return self._readers[0].unnamed

    @property
    def comments(self) -> int:
        """How many comment lines stood among the rows in the last pass."""
        return sum(reader.comments for reader in self._readers)

    @property
    def repair(self) -> str | None:
        """What to do where columns are missing because the header is not where it should be."""
        return self._readers[0].repair

    def location(self, row: int) -> str:
        """Return where a row, counted from 0, stands: " of d.csv (line 7)". "" if not known."""
        if self.dropped:
            return f", not counting the {self.dropped} left out so far"
        if len(self._chains) > 1:
            return ""
        for number, reader in enumerate(self._readers):
            count = reader.rows or self._counts.get(number)
            if count is None or row < count:
                break
            row -= count
        line = reader.line_of(row)
        if len(self._readers) == 1:
            return f" of {shown(reader.path)}" + (f" ({line})" if line is not None else "")
        return f", {line or f'row {row + 1}'} of {shown(reader.path)}"

    def blocks(self, names: Sequence[str], size: int) -> Iterator[Block]:
        """Yield the columns in blocks of `size` rows, the last maybe shorter; a pass of its own.

        Each array has shape (rows, *shape of an entry). All numbers are finite. Raises FileError.
        """
        if not names or size < 1:
            raise ValueError("a pass over data needs columns and a size")
        stored = self._stored(names)
        blocks = rebatched(self._kept(self._together(stored)), size)
        return (self._stacked(names, block) for block in blocks)

    def pieces(self, names: Sequence[str]) -> list[Piece]:
        """Return the pieces that all rows of these columns are made of, in order.

        They are parts of files where these have some, else whole files.
        """
        names = self._stored(names)
        rows = rows_at_once({name: self.columns[name] for name in names}, PIECE_NUMBERS)
        found: list[list[tuple[int, Part | None]]] = []
        for chain, _ in self._wanted(names):
            parts: list[tuple[int, Part | None]] = []
            for number, file in enumerate(chain):
                parts += [(number, part) for part in file.parts(rows)] or [(number, None)]
            found.append(parts)
        chain = self._wanted(names)[0][0]
        if any([*map(_ends, parts)] != [*map(_ends, found[0])] for parts in found):
            return [Piece(f"all of {shown(chain[0].path)}", ())]

        def name(index: int, part: Part | None) -> str:
            return shown(chain[index].path) + ("" if part is None else f", {part.name}")

        return [Piece(name(*each[0]), each) for each in zip(*found, strict=True)]

    def piece(self, piece: Piece, names: Sequence[str]) -> tuple[Block, int]:
        """Return the columns of a piece, maybe of no rows, and how many rows were left out.

        Raises FileError.
        """
        stored = self._stored(names)
        joined: Block = {}
        if piece.parts:
            for (chain, own), (number, part) in zip(self._wanted(stored), piece.parts, strict=True):
                joined |= self._whole(self._of_file(chain[number], own, part), own)
        else:
            joined = self._whole(self._together(stored), stored)
        complete, dropped = self._complete(joined)
        return self._stacked(names, complete), dropped

    def _stored(self, names: Sequence[str]) -> list[str]:
        """Return the columns of the files that columns are made of. Raises FileError."""
        self._check_known(names)
        return list(
            dict.fromkeys(part for name in names for part in self._vectors.get(name, [name]))
        )

    def _stacked(self, names: Sequence[str], block: Block) -> Block:
        """Return the wanted columns of a block of the columns that they are made of."""
        return {
            name: np.stack([block[part] for part in self._vectors[name]], axis=1)
            if name in self._vectors
            else block[name]
            for name in names
        }

    def _whole(self, blocks: Iterable[Block], names: Sequence[str]) -> Block:
        """Return blocks, maybe none, as one."""
        empty = {name: np.empty((0, *self.columns[name])) for name in names}
        return concatenated([empty, *blocks])

    def passed(self, pieces: Sequence[Piece], counts: Sequence[tuple[int, int]]) -> None:
        """Take note of the rows that pieces had, and of how many were left out of each."""
        self.dropped = sum(dropped for _, dropped in counts)
        self._counts = {}
        for piece, (rows, _) in zip(pieces, counts, strict=True):
            for number, _ in piece.parts[:1]:
                self._counts[number] = self._counts.get(number, 0) + rows

    def dated(self, dates: Mapping[str, Dates]) -> Source:
        """Return this source with columns of dates as days or seconds since their origins."""
        self._check_known(dates)
        return self._with(codes=dates)

    def with_classes(self, texts: Mapping[str, Sequence[str]]) -> Source:
        """Return this source with columns of text as places in the lists of texts given."""
        self._check_known(texts)
        return self._with(codes={name: Codes(name, known) for name, known in texts.items()})

    def classified(self, names: Sequence[str]) -> Source:
        """Return this source with columns of text as whole numbers 0, 1, … in their sorted order.

        Texts that are all numbers are sorted by value. Reads all files once. Raises FileError.
        """
        self._check_known(names)
        growing = {name: Codes(name, growing=True) for name in names}
        for _ in self._with(codes=growing).blocks(names, NUMBERS_AT_ONCE):
            pass
        return self.with_classes({name: _in_order(code) for name, code in growing.items()})

    def gathered(self, patterns: Mapping[str, str]) -> Source:
        """Return this source with a new column of row vectors for each name.

        Its entries are those of the columns that match the pattern, in the order of the file; `*`
        stands for any characters and `?` for one. Raises FileError when none matches, when one
        holds vectors itself, or when the new name is taken.
        """
        vectors = {}
        for name, pattern in patterns.items():
            if name in self.columns:
                raise FileError(
                    f"the data has a column {quoted(name)} already",
                    hint=f"give {quoted(pattern)} another name",
                )
            vectors[name] = self._matching(pattern)
        return self._with(vectors=vectors)

    def _matching(self, pattern: str) -> list[str]:
        """Return the columns that match, in order. Raises FileError."""
        import fnmatch

        matches = re.compile(fnmatch.translate(pattern.replace("[", "[[]")))  # [ is not special
        parts = [
            name
            for name, heading in self.headings.items()
            if matches.fullmatch(name) or matches.fullmatch(heading)
        ]
        if not parts:
            hint = f"columns: {listed(self.columns)}"
            raise FileError(f"no column matches {quoted(pattern)}", hint=hint)
        for part in parts:
            if self.columns[part] or part in self.classes:
                what = "vectors" if self.columns[part] else "classes"
                raise FileError(f"{quoted(part)} holds {what}, which cannot be gathered")
        return parts

    def _with(
        self,
        *,
        codes: Mapping[str, Codes | Dates] | None = None,
        vectors: Mapping[str, Sequence[str]] | None = None,
    ) -> Source:
        """Return a source of the same files with more codes, or more columns made of several."""
        return Source(
            self._readers,
            drop_missing=self._drop_missing,
            names=self._chosen,
            codes={**self._codes, **(codes or {})},
            vectors={**self._vectors, **(vectors or {})},
        )

    def _check_known(self, names: Iterable[str]) -> None:
        """Raise FileError for a name that no column has."""
        for name in names:
            if name not in self.columns:
                headings = self.ambiguous.get(name)
                if headings:
                    raise ambiguous_column(self._path, name, headings)
                error = unknown_column(self._path, name, list(self.columns))
                error.hint = self.repair or error.hint
                raise error

    def _kept(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Leave out the rows that hold nan, and count them."""
        self.dropped = 0
        kept = 0
        for block in blocks:
            complete, dropped = self._complete(block)
            self.dropped += dropped
            kept += length_of(complete)
            yield complete
        if not kept:
            raise FileError(
                f"{shown(self._path)}: every one of the {self.dropped} rows lacks a value"
            )

    def _complete(self, block: Block) -> tuple[Block, int]:
        """Return the rows of a block that are not to be left out, and how many others it has."""
        if not self._drop_missing:
            return block, 0
        missing = np.zeros(length_of(block), bool)
        for array in block.values():
            missing |= np.isnan(array).any(axis=tuple(range(1, array.ndim)))
        dropped = int(missing.sum())
        return {n: a[~missing] for n, a in block.items()} if dropped else block, dropped

    def _wanted(self, names: Sequence[str]) -> list[tuple[list[Reader], list[str]]]:
        """Return the chains of files that hold some of the columns, with these."""
        wanted = [
            (chain, [name for name in names if self.headings[name] in chain[0].columns])
            for chain in self._chains
        ]
        return [(chain, own) for chain, own in wanted if own]

    def _together(self, names: Sequence[str]) -> Iterator[Block]:
        """Yield the blocks of files side by side, nan where a value is missing."""
        wanted = self._wanted(names)
        if len(wanted) == 1:
            yield from self._following(*wanted[0])
            return
        size = rows_at_once({name: self.columns[name] for name in names})
        passes = [rebatched(self._following(chain, own), size) for chain, own in wanted]
        for blocks in zip(*passes, strict=True):
            joined = {name: array for block in blocks for name, array in block.items()}
            yield {name: joined[name] for name in names}

    def _following(self, chain: Sequence[Reader], names: Sequence[str]) -> Iterator[Block]:
        """Yield the blocks of files one after another."""
        for number, file in enumerate(chain):
            count = 0
            for block in self._of_file(file, names):
                count += length_of(block)
                yield block
            self._counts[number] = count

    def _of_file(
        self, file: Reader, names: Sequence[str], part: Part | None = None
    ) -> Iterator[Block]:
        """Yield the blocks of a file, or of a part of it."""
        own = {self.headings[name]: name for name in names}
        codes = {self.headings[name]: code for name, code in self._codes.items() if name in names}
        for block in file.blocks(list(own), codes, part):
            yield {own[heading]: array for heading, array in block.items()}


def _ends(one: tuple[int, Part | None]) -> tuple[int, ...]:
    """Return what the pieces of files side by side must have alike."""
    number, part = one
    return (number,) if part is None else (number, part.start, part.stop)


def read(source: Source, names: Sequence[str]) -> Block:
    """Return whole columns in memory. Raises FileError, also for more than a graph's array holds.

    Each is of shape (rows, *shape of an entry). While reading, up to one and a half times their
    size is used where the number of rows is not known before.
    """
    entries = {name: source.columns.get(name, ()) for name in names}
    most = ELEMENTS // max(1, max(map(prod, entries.values()), default=1))
    size = rows_at_once(entries)
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


def _too_large(rows: int, most: int) -> TooManyRowsError:
    return TooManyRowsError(
        f"{rows} rows or more are too many to hold in memory; at most {most} of these columns",
        hint="--batch reads the data in pieces",
    )


def _in_order(texts: Codes) -> list[str]:
    """Return texts in order: by value if all are numbers, else by their characters."""
    notation = Notation()
    if all(map(notation.is_number, texts)):
        return sorted(texts, key=lambda text: (notation.number(text), text))
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
    where = shown(other.path) + other.header
    lacks = [name for name in first.columns if name not in other.columns]
    extra = [name for name in other.columns if name not in first.columns]
    if lacks:
        raise FileError(
            f"{where} has no column {quoted(lacks[0])}, as {shown(first.path)} has",
            hint=f"columns: {listed(other.columns)}",
        )
    if extra:
        raise FileError(
            f"{where} has a column {quoted(extra[0])}, unlike {shown(first.path)}",
            hint=f"columns: {listed(first.columns)}",
        )
    for name, shape in first.columns.items():
        if other.columns[name] != shape:
            raise FileError(
                f"{quoted(name)} has rows of shape {shapes.shown(shape)} in {shown(first.path)}, "
                f"of {shapes.shown(other.columns[name])} in {shown(other.path)}"
            )
