"""The rows of some columns, held in memory or read again from their files for every pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.columns import length_of, rebatched, rows_at_once, width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gradcli.data.columns import Array, Block
    from gradcli.data.source import Source
    from gradcli.graph.shapes import Shape

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
        for place, batch in enumerate(rebatched(self._shuffled(seed, epoch), size)):
            if place >= skip:
                yield batch

    def _shuffled(self, seed: int, epoch: int) -> Iterator[Block]:
        size = max(1, self._shuffled_bytes // (8 * width(self.entries)))
        for place, block in enumerate(self.blocks(size)):
            order = np.random.default_rng([seed, epoch, place]).permutation(length_of(block))
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
            return FileRows(source, names, None, most_bytes, chain(kept, passing), count)
    return HeldRows({name: np.concatenate([block[name] for block in kept]) for name in names})


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
