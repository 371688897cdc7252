"""The rows of some columns: in memory, read from their files for every pass, or in pieces.

Files are read in pieces of their own, and the rows are cut into groups of the same number of rows,
whatever the pieces are, so that what is made of a group depends on neither who computes it nor when
nor on how the rows were stored. One process computes all groups, or several share them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.columns import length_of, rebatched, rows_at_once, width
from gradcli.errors import FileError
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from gradcli.data.columns import Array, Block
    from gradcli.data.source import Piece, Source
    from gradcli.graph.shapes import Shape

    Counts = NDArray[np.int64]


GROUP_NUMBERS = 1 << 19
"""How many numbers are in the rows that are added up together, 4 MiB of doubles.

Sums over the rows are the sums of such groups, which follow each other from the first row on. So
their bits depend on neither how the rows are cut into files nor who computes a group.
"""
SHUFFLED_BYTES = 1 << 26
"""How much of files that are not held in memory is shuffled at a time, 64 MiB."""


class Rows(ABC):
    """A number of rows, each with an entry of every column."""

    entries: Mapping[str, Shape]
    """The shape of one row's entry of each column: () for a number."""
    held: Block | None = None
    """The whole columns; None when they are not in memory."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many rows there are."""

    @abstractmethod
    def hold(self) -> HeldRows:
        """Return the same rows in memory. Raises FileError when they are too many."""

    @abstractmethod
    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all rows in order, `size` at a time, the last block maybe shorter."""

    @abstractmethod
    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[Any]:
        """Yield all rows in the order of an epoch, `size` at a time, without the first `skip`.

        The order depends on seed and epoch alone.
        """

    def over(self, work: Callable[..., Any], *arguments: Any) -> Iterable[Any]:
        """Yield what a method makes of each group of rows, in their order.

        It takes the columns of the group, the number of rows before it, and the arguments.
        """
        for first, block in numbered(self, group_rows(self.entries)):
            yield work(block, first, *arguments)

    def digests(self) -> Iterable[bytes]:
        """Yield what stands for the numbers of each group."""
        return map(digest, self.blocks(group_rows(self.entries)))


class HeldRows(Rows):
    """Rows in memory. An epoch's order is `default_rng([seed, epoch]).permutation(count)`."""

    held: Block

    def __init__(self, columns: Mapping[str, Array]) -> None:
        self.held = dict(columns)
        for array in self.held.values():
            array.setflags(write=False)
        self.entries = {name: array.shape[1:] for name, array in self.held.items()}

    @property
    def count(self) -> int:
        """How many rows there are."""
        return length_of(self.held)

    def hold(self) -> HeldRows:
        """Return these rows."""
        return self

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all rows in order, `size` at a time; the arrays are views."""
        for start in range(0, self.count, size):
            yield {name: array[start : start + size] for name, array in self.held.items()}

    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[Block]:
        """Yield all rows in the order of an epoch, without the first `skip` batches."""
        order = np.random.default_rng([seed, epoch]).permutation(self.count)
        names, arrays = list(self.held), list(self.held.values())
        for start in range(skip * size, self.count, size):
            chosen = order[start : start + size]
            yield dict(zip(names, [array[chosen] for array in arrays], strict=True))


class FileRows(Rows):
    """Rows that are read from their files whenever they are needed.

    They are shuffled within blocks of at most `most_bytes`, and 64 MiB: rows that are far from each
    other in the files do not change places, so files should not be sorted by what is to be learnt.
    `started` is a pass in which `least` rows were seen, and that the first user of blocks goes on
    with.
    """

    def __init__(
        self,
        source: Source,
        names: Sequence[str],
        count: int | None = None,
        most_bytes: int = SHUFFLED_BYTES,
        started: Iterator[Block] | None = None,
        least: int = 0,
    ) -> None:
        self._shuffled_bytes = min(SHUFFLED_BYTES, most_bytes)
        self._source = source
        self._names = list(names)
        self._count = count
        self._started = started
        self.least = least
        """So many rows there are at least."""
        self.entries = {name: source.columns[name] for name in names}

    @property
    def count(self) -> int:
        """How many rows there are, which the end of a pass tells. Raises FileError."""
        if self._count is None:
            self._count = sum(map(length_of, self.blocks(rows_at_once(self.entries))))
        return self._count

    def hold(self) -> HeldRows:
        """Return the same rows in memory. Raises FileError when they are too many."""
        from gradcli.data.source import read

        return HeldRows(read(self._source, self._names))

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all rows in order, `size` at a time. Raises FileError."""
        started, self._started = self._started, None
        passing = self._source.blocks(self._names, size) if started is None else started
        count = 0
        for block in passing if started is None else rebatched(passing, size):
            count += length_of(block)
            yield block
        self._count = count

    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[Block]:
        """Yield all rows in the order of an epoch, without the first `skip` batches."""
        for number, batch in enumerate(rebatched(self._shuffled(seed, epoch), size)):
            if number >= skip:
                yield batch

    def _shuffled(self, seed: int, epoch: int) -> Iterator[Block]:
        size = max(1, self._shuffled_bytes // (8 * width(self.entries)))
        for number, block in enumerate(self.blocks(size)):
            order = np.random.default_rng([seed, epoch, number]).permutation(length_of(block))
            yield {name: array[order] for name, array in block.items()}


def numbered(data: Rows, size: int) -> Iterator[tuple[int, Block]]:
    """Yield all rows in order, `size` at a time, with the number of rows before each block."""
    start = 0
    for block in data.blocks(size):
        yield start, block
        start += length_of(block)


def rows(source: Source, names: Sequence[str], most_bytes: int) -> HeldRows | FileRows:
    """Return the rows of some columns, held in memory when they take at most `most_bytes` there.

    Otherwise the files are read again for every pass. Either way all rows are read and checked
    once. Raises FileError.
    """
    found = rows_from(source, names, most_bytes)
    _ = found.count  # reads the rest
    return found


def rows_from(source: Source, names: Sequence[str], most_bytes: int) -> HeldRows | FileRows:
    """Return what `rows` does, files being read only till `most_bytes` are there.

    The first pass over the rows goes on with these, so that one pass reads the files once.
    """
    entries = {name: source.columns[name] for name in names}
    each = 8 * width(entries)
    if source.rows is not None and source.rows * each > most_bytes:
        return FileRows(source, names, None, most_bytes, least=source.rows)
    if source.rows is not None:
        from gradcli.data.source import read

        return HeldRows(read(source, names))
    kept: list[Block] = []
    count = 0
    passing = source.blocks(names, rows_at_once(entries))
    for block in passing:
        kept.append(block)
        count += length_of(block)
        if count * each > most_bytes:
            first = chain(_released(kept), passing)
            return FileRows(source, names, None, most_bytes, first, count)
    return HeldRows({name: np.concatenate([block[name] for block in kept]) for name in names})


def _released(blocks: list[Block]) -> Iterator[Block]:
    """Yield blocks in order, each of which leaves the list, so that memory need not hold it."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def digest(block: Block) -> bytes:
    """Return what stands for the numbers of some rows, the SHA-256 of them."""
    import hashlib

    found = hashlib.sha256()
    for name in sorted(block):
        found.update(np.ascontiguousarray(block[name], dtype="<f8").tobytes())
    return found.digest()


def group_rows(entries: Mapping[str, Shape]) -> int:
    """Return how many rows are added up together, at least one."""
    return max(1, GROUP_NUMBERS // max(1, width(entries)))


class Batch(NamedTuple):
    """Some of the rows of an epoch."""

    seed: int
    epoch: int
    ranges: Mapping[int, tuple[int, int]]
    """The first and the one after the last of its rows in each group, in the epoch's order."""


def drawn(left: Counts, count: int, start: float) -> Counts:
    """Return of how many rows of each group a batch of `count` is made, of those that are left.

    They are spread evenly over the rows, from a `start` below 1 on (systematic sampling).
    """
    behind = np.cumsum(left)
    if count >= behind[-1]:
        return np.array(left)
    ends = np.ceil(behind * (count / behind[-1]) - start).astype(np.int64)
    ends[-1] = count
    return np.asarray(np.minimum(np.diff(ends, prepend=0), left))


class Store:
    """The pieces of a source, of which so many bytes stay in memory once they are read.

    Once it is known how many rows each piece has, they are cut into groups, which stay instead.
    """

    def __init__(
        self, source: Source, names: Sequence[str], pieces: Sequence[Piece], memory: int
    ) -> None:
        self._source = source
        self._names = list(names)
        self._pieces = pieces
        self._left = memory
        self._kept: dict[int, Block] = {}
        self._last: tuple[int, Block] | None = None
        """The piece that was read last, whose rows the next group may go on with."""
        self._groups: dict[int, Block] = {}
        self._cut: Cut
        self._orders: dict[int, tuple[tuple[int, int], Any]] = {}
        """The order of the rows of each group in the epoch that came last."""

    def survey(self, number: int) -> tuple[int, int]:
        """Return how many rows a piece has, and how many were left out. Raises FileError."""
        block, dropped = self._source.piece(self._pieces[number], self._names)
        if self._has_room(block):
            self._kept[number] = block
        return length_of(block), dropped

    def use(self, cut: Cut) -> None:
        """Take note of how the pieces are cut into groups."""
        self._cut = cut

    def group(self, number: int) -> Block:
        """Return the columns of a group, from memory if they are there. Raises FileError."""
        found = self._groups.get(number)
        if found is not None:
            self._last = None  # another pass begins
        else:
            found = self._assembled(number)
            while self._kept and _bytes(found) > self._left:
                self._forget(next(iter(self._kept)))
            if self._has_room(found):
                self._groups[number] = found
        return found

    def rows(self, number: int, batch: Batch | None) -> Block:
        """Return the rows of a group that belong to a batch. Raises FileError.

        The order of an epoch is `default_rng([seed, epoch, group]).permutation(rows)`.
        """
        block = self.group(number)
        if batch is None:
            return block
        epoch = batch.seed, batch.epoch
        if self._orders.get(number, (None, None))[0] != epoch:
            order = np.random.default_rng([*epoch, number]).permutation(length_of(block))
            self._orders[number] = epoch, order
        rows = self._orders[number][1][slice(*batch.ranges[number])]
        return {name: array[rows] for name, array in block.items()}

    def digest(self, number: int) -> bytes:
        """Return what stands for the numbers of a group."""
        return digest(self.group(number))

    def _has_room(self, block: Block) -> bool:
        """Return whether a block may stay in memory, and take the room that it needs."""
        size = _bytes(block)
        has_room = size <= self._left
        self._left -= size * has_room
        return has_room

    def _forget(self, number: int) -> None:
        """Give the room of a piece back."""
        self._left += _bytes(self._kept.pop(number))

    def _assembled(self, number: int) -> Block:
        """Return the columns of a group, from the pieces that it is cut from."""
        parts: list[Block] = []
        for piece, low, high in self._cut.spans(number):
            block = self._piece(piece)
            parts.append({name: array[low:high] for name, array in block.items()})
            if high == length_of(block) and piece in self._kept:
                self._forget(piece)  # groups are wanted in their order
        return {n: np.concatenate([part[n] for part in parts]) for n in self._names}

    def _piece(self, number: int) -> Block:
        found = self._kept.get(number)
        if found is None and self._last is not None and self._last[0] == number:
            found = self._last[1]
        if found is None:
            found, _ = self._source.piece(self._pieces[number], self._names)
            self._last = number, found
        return found


def _bytes(block: Block) -> int:
    return sum(array.nbytes for array in block.values())


class Cut(NamedTuple):
    """Pieces with so many rows each, cut into groups of `size` rows that follow each other."""

    counts: Sequence[int]
    size: int

    @property
    def groups(self) -> list[int]:
        """How many rows each group has."""
        total = sum(self.counts)
        return [min(self.size, total - first) for first in range(0, total, self.size)]

    def spans(self, number: int) -> Iterator[tuple[int, int, int]]:
        """Yield the pieces of a group, with the first row in each and the one after the last."""
        ends = [*accumulate(self.counts)]
        first, stop = number * self.size, min((number + 1) * self.size, ends[-1])
        piece = bisect_right(ends, first)
        while first < stop:
            start, end = ends[piece] - self.counts[piece], min(ends[piece], stop)
            if first < end:
                yield piece, first - start, end - start
            first, piece = end, piece + 1


class PieceRows(Rows):
    """Rows in groups that are computed in this process, read from the pieces of their files."""

    def __init__(self, source: Source, names: Sequence[str], memory: int) -> None:
        """Read all pieces once. Raises FileError."""
        self.source = source
        self.names = list(names)
        self.entries: Mapping[str, Shape] = {name: source.columns[name] for name in names}
        if any(dates.origin is None for dates in source.origins.values()):
            next(source.blocks(self.names, 1))  # from the first row on dates are counted
        self.pieces = source.pieces(self.names)
        self.memory = memory
        self.batch: Batch | None = None
        surveyed = self._surveyed()
        source.passed(self.pieces, surveyed)
        self.cut = Cut([rows for rows, _ in surveyed], group_rows(self.entries))
        self.groups = self.cut.groups
        """How many rows each group has."""
        if not self.least:
            message = f"every one of the {source.dropped} rows lacks a value"
            raise FileError(message)
        self._use()

    def _surveyed(self) -> list[tuple[int, int]]:
        """Return the rows of each piece, and those that were left out of it."""
        self._store = Store(self.source, self.names, self.pieces, self.memory)
        return [*map(self._store.survey, range(len(self.pieces)))]

    def _use(self) -> None:
        """Have the rows cut into groups."""
        self._store.use(self.cut)

    where = "in this process"
    """Where the pieces are computed."""

    @property
    def about(self) -> str:
        """What is computed, and where: "200 blocks on 2 workers"."""
        blocks = len(self.groups)
        return f"{blocks} block{'s' * (blocks != 1)} {self.where}"

    @property
    def shares(self) -> list[int]:
        """How many rows each group has, of a batch those that belong to it."""
        if self.batch is None:
            return self.groups
        ends = [self.batch.ranges.get(number, (0, 0)) for number in range(len(self.groups))]
        return [high - low for low, high in ends]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(self.shares)

    @property
    def least(self) -> int:
        """So many rows there are at least, whatever batch is taken."""
        return sum(self.groups)

    def hold(self) -> HeldRows:
        """Return the same rows in memory. Raises FileError when they are too many."""
        from gradcli.data.source import read

        return HeldRows(read(self.source, self.names))

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all rows in order, `size` at a time, read in this process. Raises FileError."""
        return rebatched((self.source.piece(each, self.names)[0] for each in self.pieces), size)

    def over(self, work: Callable[..., Any], *arguments: Any) -> Iterable[Any]:
        """Yield what a method makes of each group that has rows; see Rows."""
        for number in self.with_rows():
            yield work(self._store.rows(number, self.batch), number * self.cut.size, *arguments)

    def with_rows(self) -> list[int]:
        """Return the numbers of the groups that have rows, of a batch some of its rows."""
        return [number for number, rows in enumerate(self.shares) if rows]

    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[Self]:
        """Yield the rows of each batch of an epoch, `size` of them, after the first `skip` batches.

        They follow from the seed and the number of rows.
        """
        random = np.random.default_rng([seed, epoch])
        left = np.array(self.groups)
        taken = np.zeros_like(left)
        for number in range(-(-self.least // size)):
            own = drawn(left, size, random.random())
            ends = taken + own
            if number >= skip:
                found = self.copied()
                which = np.flatnonzero(own).tolist()
                ranges = {i: (int(taken[i]), int(ends[i])) for i in which}
                found.batch = Batch(seed, epoch, ranges)
                yield found
            taken, left = ends, left - own

    def copied(self) -> Self:
        """Return the same rows, which may be restricted to some."""
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        return found

    def bound(self, _: Any) -> PieceRows:
        """Return the same rows for the computations of a recipe, which are made here."""
        return self

    def digests(self) -> Iterable[bytes]:
        """Return what stands for the numbers of each group."""
        return map(self._store.digest, range(len(self.groups)))


def fingerprint(data: Rows) -> str:
    """Return a text that stands for the columns and all their numbers, the SHA-256 of them."""
    import hashlib

    found = hashlib.sha256(repr(sorted(data.entries.items())).encode())
    for part in data.digests():
        found.update(part)
    return found.hexdigest()
