"""Rows in numbered pieces, each computed by itself: what one process does, or several share.

The pieces are those of the files, in their order, so that what is made of them depends on neither
who computes a piece nor when.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from gradcli.data.columns import length_of, rebatched, rows_at_once
from gradcli.data.rows import FileRows, HeldRows
from gradcli.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.data.source import Piece, Source
    from gradcli.graph.shapes import Shape

    Counts = NDArray[np.int64]


class Batch(NamedTuple):
    """Some of the rows of an epoch."""

    seed: int
    epoch: int
    ranges: Mapping[int, tuple[int, int]]
    """The first and the one after the last of its rows in each piece, in the epoch's order."""


def drawn(left: Counts, count: int, start: float) -> Counts:
    """Return of how many rows of each piece a batch of `count` is made, of those that are left.

    They are spread evenly over the rows, from a `start` below 1 on (systematic sampling).
    """
    behind = np.cumsum(left)
    if count >= behind[-1]:
        return np.array(left)
    ends = np.ceil(behind * (count / behind[-1]) - start).astype(np.int64)
    ends[-1] = count
    return np.asarray(np.minimum(np.diff(ends, prepend=0), left))


class Store:
    """The pieces of a source, of which so many bytes stay in memory once they are read."""

    def __init__(self, source: Source, names: Sequence[str], memory: int) -> None:
        self._source = source
        self._names = list(names)
        self._left = memory
        self._kept: dict[int, Block] = {}
        self._orders: dict[int, tuple[tuple[int, int], Any]] = {}
        """The order of the rows of each piece in the epoch that came last."""

    def read(self, number: int, piece: Piece) -> tuple[Block, int]:
        """Return the columns of a piece, and how many rows were left out. Raises FileError."""
        block, dropped = self._source.piece(piece, self._names)
        size = sum(array.nbytes for array in block.values())
        if size <= self._left:
            self._left -= size
            self._kept[number] = block
        return block, dropped

    def block(self, number: int, piece: Piece) -> Block:
        """Return the columns of a piece, from memory if they are there. Raises FileError."""
        found = self._kept.get(number)
        return self.read(number, piece)[0] if found is None else found

    def rows(self, number: int, piece: Piece, batch: Batch | None) -> Block:
        """Return the rows of a piece that belong to a batch. Raises FileError.

        The order of an epoch is `default_rng([seed, epoch, piece]).permutation(rows)`.
        """
        block = self.block(number, piece)
        if batch is None:
            return block
        epoch = batch.seed, batch.epoch
        if self._orders.get(number, (None, None))[0] != epoch:
            order = np.random.default_rng([*epoch, number]).permutation(length_of(block))
            self._orders[number] = epoch, order
        rows = self._orders[number][1][slice(*batch.ranges[number])]
        return {name: array[rows] for name, array in block.items()}

    def survey(self, number: int, piece: Piece) -> tuple[int, int]:
        """Return how many rows a piece has, and how many were left out of it."""
        block, dropped = self.read(number, piece)
        return length_of(block), dropped

    def digest(self, number: int, piece: Piece) -> bytes:
        """Return what stands for the numbers of a piece, the SHA-256 of them."""
        import hashlib

        digest = hashlib.sha256()
        block = self.block(number, piece)
        for name in sorted(block):
            digest.update(np.ascontiguousarray(block[name], dtype="<f8").tobytes())
        return digest.digest()


@runtime_checkable
class Divided(Protocol):
    """Rows whose pieces are computed one by one."""

    def over(self, work: Callable[..., Any], *arguments: Any) -> Iterable[Any]:
        """Yield what a method makes of each piece, in the order of the pieces.

        It takes the columns of the piece, the number of rows before it, and the arguments.
        """


class PieceRows:
    """Rows in pieces that are computed in this process."""

    held = None

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
        self._prepare()
        surveyed = self._surveyed()
        source.passed(self.pieces, surveyed)
        self.counts = [rows for rows, _ in surveyed]
        self._firsts = [0, *accumulate(self.counts)]
        if not self.least:
            message = f"every one of the {source.dropped} rows lacks a value"
            raise FileError(message)

    def _prepare(self) -> None:
        """Make ready for reading."""
        self._store = Store(self.source, self.names, self.memory)

    def _surveyed(self) -> list[tuple[int, int]]:
        """Return the rows of each piece, and those that were left out of it."""
        return [self._store.survey(*each) for each in enumerate(self.pieces)]

    where = "in this process"
    """Where the pieces are computed."""

    @property
    def about(self) -> str:
        """What is computed, and where: "200 blocks on 2 workers"."""
        blocks = len(self.pieces)
        return f"{blocks} block{'s' * (blocks != 1)} {self.where}"

    @property
    def shares(self) -> list[int]:
        """How many rows each piece has, of a batch those that belong to it."""
        if self.batch is None:
            return self.counts
        ends = [self.batch.ranges.get(number, (0, 0)) for number in range(len(self.counts))]
        return [high - low for low, high in ends]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(self.shares)

    @property
    def least(self) -> int:
        """So many rows there are at least, whatever batch is taken."""
        return self._firsts[-1]

    def hold(self) -> HeldRows:
        """Return the same rows in memory. Raises FileError when they are too many."""
        from gradcli.data.source import read

        return HeldRows(read(self.source, self.names))

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all rows in order, `size` at a time, read in this process. Raises FileError."""
        store = Store(self.source, self.names, 0)
        return rebatched((store.block(*each) for each in enumerate(self.pieces)), size)

    def over(self, work: Callable[..., Any], *arguments: Any) -> Iterable[Any]:
        """Yield what a method makes of each piece that has rows; see Divided."""
        for number in self.with_rows():
            block = self._store.rows(number, self.pieces[number], self.batch)
            yield work(block, self._firsts[number], *arguments)

    def with_rows(self) -> list[int]:
        """Return the numbers of the pieces that have rows, of a batch some of its rows."""
        return [number for number, rows in enumerate(self.shares) if rows]

    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[Self]:
        """Yield the rows of each batch of an epoch, `size` of them, after the first `skip` batches.

        They follow from the seed and the pieces.
        """
        random = np.random.default_rng([seed, epoch])
        left = np.array(self.counts)
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

    def digests(self) -> list[bytes]:
        """Return what stands for the numbers of each piece."""
        return [self._store.digest(*each) for each in enumerate(self.pieces)]


def fingerprint(data: Rows) -> str:
    """Return a text that stands for the columns and all their numbers, the SHA-256 of them."""
    import hashlib

    digest = hashlib.sha256()
    digest.update(repr(sorted(data.entries.items())).encode())
    if isinstance(data, PieceRows):
        for part in data.digests():
            digest.update(part)
        return digest.hexdigest()
    for block in data.blocks(rows_at_once(data.entries)):
        for name in sorted(block):
            digest.update(np.ascontiguousarray(block[name], dtype="<f8").tobytes())
    return digest.hexdigest()


SomeRows: TypeAlias = HeldRows | FileRows | PieceRows
"""Rows in memory, read again and again, or in pieces."""
