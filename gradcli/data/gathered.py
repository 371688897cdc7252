"""Columns gathered into one row vector: --matrix img=pixel* makes img of all the pixel columns."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

import numpy as np

from gradcli.data.columns import quoted, unknown_column
from gradcli.errors import FileError, few

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.cells import Dates
    from gradcli.data.columns import Block
    from gradcli.data.source import Piece, Source
    from gradcli.graph.shapes import Shape


def gathered(source: Source, patterns: Mapping[str, str]) -> Source:
    """Return the source with a new column of row vectors for each name.

    Its entries are those of the columns that match the pattern, in the order of the file; `*`
    stands for any characters and `?` for one. Raises FileError when none matches, when one holds
    vectors itself, or when the new name is taken.
    """
    if not patterns:
        return source
    return Gathered(source, patterns)


class Gathered:
    """A source some of whose columns are made of several; see gathered."""

    def __init__(self, source: Source, patterns: Mapping[str, str]) -> None:
        self._source = source
        self._parts: dict[str, list[str]] = {}
        self.columns: dict[str, Shape] = dict(source.columns)
        for name, pattern in patterns.items():
            if name in source.columns:
                raise FileError(
                    f"the data has a column {quoted(name)} already",
                    hint=f"give {quoted(pattern)} another name",
                )
            parts = _matching(source, pattern)
            self._parts[name] = parts
            self.columns[name] = (len(parts),)

    @property
    def rows(self) -> int | None:
        """How many rows there are, or None when only reading can tell."""
        return self._source.rows

    @property
    def dropped(self) -> int:
        """How many rows the last pass left out because a value was missing."""
        return self._source.dropped

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """The texts of each column of classes."""
        return self._source.classes

    @property
    def headings(self) -> Mapping[str, str]:
        """The heading of each column as it stands in the files."""
        return self._source.headings

    @property
    def ambiguous(self) -> Mapping[str, Sequence[str]]:
        """Words with which several headings begin."""
        return self._source.ambiguous

    @property
    def unnamed(self) -> int:
        """How many columns have no heading."""
        return self._source.unnamed

    @property
    def comments(self) -> int:
        """How many comment lines stood among the rows in the last pass."""
        return self._source.comments

    @property
    def origins(self) -> Mapping[str, Dates]:
        """The columns of dates, each with the date that counts as 0 once it was read."""
        return self._source.origins

    @property
    def repair(self) -> str | None:
        """What to do where columns are missing because the header is not where it should be."""
        return self._source.repair

    def place(self, row: int) -> str:
        """Return where a row, counted from 0, stands."""
        return self._source.place(row)

    def blocks(self, names: Sequence[str], size: int) -> Iterator[Block]:
        """Yield the columns in blocks of `size` rows; see Source. Raises FileError."""
        for name in names:
            if name not in self.columns:
                raise unknown_column("the data", name, list(self.columns))
        return self._stacked(names, self._source.blocks(self._stored(names), size))

    def pieces(self, names: Sequence[str]) -> list[Piece]:
        """Return the pieces that all rows of these columns are made of; see Source."""
        return self._source.pieces(self._stored(names))

    def piece(self, piece: Piece, names: Sequence[str]) -> tuple[Block, int]:
        """Return the columns of a piece, and how many rows were left out; see Source."""
        block, dropped = self._source.piece(piece, self._stored(names))
        return next(self._stacked(names, iter([block]))), dropped

    def passed(self, pieces: Sequence[Piece], counts: Sequence[tuple[int, int]]) -> None:
        """Take note of the rows that pieces had, and of how many were left out of each."""
        self._source.passed(pieces, counts)

    def _stored(self, names: Sequence[str]) -> list[str]:
        return [part for name in names for part in self._parts.get(name, [name])]

    def _stacked(self, names: Sequence[str], blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            yield {
                name: np.stack([block[part] for part in self._parts[name]], axis=1)
                if name in self._parts
                else block[name]
                for name in names
            }


def _matching(source: Source, pattern: str) -> list[str]:
    """Return the columns that match, in order. Raises FileError."""
    matches = _matcher(pattern)
    parts = [
        name
        for name in source.columns
        if matches.fullmatch(name) or matches.fullmatch(source.headings[name])
    ]
    if not parts:
        raise FileError(
            f"no column matches {quoted(pattern)}", hint=f"columns: {few(source.columns)}"
        )
    for part in parts:
        if source.columns[part]:
            raise FileError(f"{quoted(part)} holds vectors, which cannot be gathered")
        if part in source.classes:
            raise FileError(f"{quoted(part)} holds classes, which cannot be gathered")
    return parts


def _matcher(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern, in which only * and ? are special."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
