"""A formula over the rows of data files: what it is in each row, or one value for all of them.

A formula that is computed row by row reads its files in blocks, so that the memory needed is that
of a block, and so does one of sums and means over rows if they are many; any other has all its
columns in memory.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.data.rows import rows_from
from gradcli.errors import NameValueError, ShapeError, TooManyRowsError
from gradcli.formula import Formula, parse
from gradcli.graph.shapes import ROWS
from gradcli.language.names import names_in
from gradcli.point import Lines, Point
from gradcli.rows.columns import HELD_BYTES, read_by_rows
from gradcli.rows.reductions import is_rowwise, split
from gradcli.values import checked, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from gradcli.data.rows import FileRows, PieceRows
    from gradcli.data.source import Source
    from gradcli.graph.shapes import Shape

NUMBERS = 1 << 18
"""About how many numbers of one step are computed together, 2 MiB of doubles."""

MOST_ROWS = 1 << 16
"""The most rows that are computed together."""


class RowFormula:
    """A formula some of whose names are columns of data, the others having `values`.

    `columns` are those that it uses, and those of `others`, with the shape of one row's entry;
    `paths` name the files in messages, and `share` makes rows in pieces for sums over them. Raises
    ShapeError and NameValueError for names that do not fit, FileError when all rows are needed at
    once and do not fit in memory, and UsageError when they are to be shared.
    """

    def __init__(
        self,
        text: str,
        values: Mapping[str, Any],
        source: Source,
        names: Sequence[str],
        paths: Sequence[str] = (),
        others: Collection[str] = (),
        share: Callable[[Source, Sequence[str]], PieceRows] | None = None,
    ) -> None:
        both = [name for name in names if name in values]
        if both:
            message = f"{both[0]} is a column of the data and is given a value as well"
            raise NameValueError(message, hint=f"remove {both[0]}=… or give it another name")
        self.source = source
        self.paths = list(paths)
        self.held: dict[str, Any] | None = None
        """The columns, when all rows are needed at once."""
        self.formula: Formula
        self.sums: FileRows | PieceRows | None = None
        """The rows, when the formula is one of sums over them that are added up by blocks."""
        self.text = text
        self._share = share
        self._shapes = {name: shape_of(value, name) for name, value in values.items()}
        self._entries = {name: source.columns[name] for name in names}
        formula = self._over_rows()
        if formula is not None and share is None and is_rowwise(formula.graph, formula.id):
            self.formula = formula
        elif _splits(formula) or (formula is None and "len" in names_in(text)):
            self._begin(formula)
        else:
            self._hold()
        self.values = checked(self.formula, values, self.formula.origin, self._entries)
        free = {*self.formula.free_names, *others}
        self.columns = {name: shape for name, shape in self._entries.items() if name in free}
        read, count = (self.formula, self._count) if formula is None else (formula, ROWS)
        self.per_row = read.shape[:1] == (count,) and bool(self.columns)
        """Whether there is a value for each row; else there is one for all of them."""

    # ------------------------------------------------------------ how it is read

    def _over_rows(self, count: int | None = None) -> Formula | None:
        """Return the formula read with the length ROWS; None when shapes do not fit."""
        return read_by_rows(partial(parse, self.text), self._shapes, self._entries, count)

    def _begin(self, formula: Formula | None) -> None:
        """Read so many rows as are held, and the formula, None when it asks for their number."""
        names, source, share = list(self._entries), self.source, self._share
        rows = rows_from(source, names, HELD_BYTES) if share is None else share(source, names)
        if rows.held is None:
            formula = self._over_rows(rows.count) if formula is None else formula
            if formula is not None and _splits(formula):
                self.formula, self.sums = formula, rows
                return
        self._hold(rows.held)

    def hold(self) -> None:
        """Have all columns in memory, for what sums over blocks do not give. Raises FileError."""
        if self.sums is not None:
            self._hold()

    def _hold(self, columns: dict[str, Any] | None = None) -> None:
        if self._share is not None:
            from gradcli.minimize.minimize import not_shared

            raise not_shared()
        if columns is None:
            from gradcli.data.source import read

            try:
                columns = dict(read(self.source, list(self._entries)))
            except TooManyRowsError as error:
                error.hint = (
                    "this formula needs all rows at once; one that is computed row by row, "
                    "or is made of sums and means over rows, does not"
                )
                raise
        self.held = columns
        self.sums = None
        shapes = {name: (self._count, *entry) for name, entry in self._entries.items()}
        self.formula = parse(self.text, self._shapes | shapes)

    @property
    def _count(self) -> int:
        """How many rows are held."""
        return len(next(iter((self.held or {}).values()), ()))

    # ------------------------------------------------------------ its rows

    @property
    def entry(self) -> Shape:
        """The shape of the value in one row."""
        return self.formula.shape[1:]

    @property
    def data(self) -> dict[str, Any]:
        """The columns in memory, for a formula that needs all rows at once."""
        return {name: (self.held or {})[name] for name in self.columns}

    def blocks(self) -> Iterator[dict[str, Any]]:
        """Return the columns in blocks of rows; one block when all are needed at once."""
        if self.held is not None:
            return iter([self.data])
        return self.source.blocks(list(self.columns), self.rows_at_once())

    def of_one_row(self) -> Formula:
        """Return the formula of one row, if it needs no others and has only numbers, or itself."""
        found = self.formula
        if self.held is None:
            with suppress(ShapeError):
                found = found.with_shapes(self._shapes | self._entries)
        return self.formula if found.graph.has_arrays else found

    def rows_at_once(self) -> int:
        """Return how many rows are computed together, every step of them being kept."""
        graph = self.formula.graph
        shapes = map(graph.shape, graph.reachable([self.formula.id]))
        widest = max([prod(shape[1:]) for shape in shapes if ROWS in shape], default=1)
        return max(1, min(MOST_ROWS, NUMBERS // widest))

    def at(self, columns: Mapping[str, Any], first: int = 0, **how: Any) -> Point:
        """Return the formula over a block of rows that has so many before it.

        `how` are keywords of Point. Raises MathematicsError for a row without a value, naming it.
        """
        found, values = self.formula, {**self.values, **columns}
        lines = Lines(self.columns, self.source.location, first)
        return Point(found.graph, found.id, values, found.origin, lines=lines, **how)


def _splits(formula: Formula | None) -> bool:
    """Return whether a formula is one of sums over rows."""
    parts = None if formula is None else split(formula)
    return parts is not None and bool(parts.parts)
