"""A formula over the rows of data files: what it is in each row, or one value for all of them.

A formula that is computed row by row reads its files in blocks, so that the memory needed is that
of a block, and so does one of sums and means over rows if they are many; any other has all its
columns in memory.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.calculus.rows import is_rowwise, resized
from gradcli.data.rows import begun
from gradcli.errors import FileError, NameValueError, ShapeError
from gradcli.formula import Formula, parse
from gradcli.point import as_value, shape_of
from gradcli.rows.columns import HELD_BYTES, OTHER_STAND_IN, STAND_IN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.rows import FileRows
    from gradcli.data.source import Source
    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape
    from gradcli.minimization.reductions import Split

NUMBERS = 1 << 18
"""About how many numbers of one step are worked out together, 2 MiB of doubles."""

MOST_ROWS = 1 << 16
"""The most rows that are worked out together."""


class InSums(NamedTuple):
    """A formula that is worked out from sums over rows."""

    rows: FileRows
    parts: Split


class RowFormula:
    """A formula some of whose names are columns of data, the others having `values`.

    `columns` are those that it uses, with the shape of one row's entry; `paths` name the files in
    messages. Raises ShapeError and NameValueError for names that do not fit, and FileError when
    all rows are needed at once and do not fit in memory.
    """

    def __init__(
        self,
        text: str,
        values: Mapping[str, Any],
        source: Source,
        names: Sequence[str],
        paths: Sequence[str] = (),
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
        self.sums: InSums | None = None
        """What is added up over blocks of rows, when the formula is worked out like that."""
        self._text, self._given = text, values
        self._shapes = {name: shape_of(value, name) for name, value in values.items()}
        self._entries = {name: source.columns[name] for name in names}
        plain, other = self._at_rows(STAND_IN), self._at_rows(OTHER_STAND_IN)
        self.per_row = False
        """Whether there is a value for each row; else there is one for all of them."""
        if plain is None or other is None:
            self._hold()
            self.per_row = self.formula.shape[:1] == (self._count,)
        else:
            self.per_row = plain.shape[:1] == (STAND_IN,)
            is_same = _has_same_steps(plain, other)
            if is_same and is_rowwise(plain.graph, plain.id, self._data_nodes(plain)):
                self.formula = plain
                self._check_values()
            elif self._split(plain) is None:
                self._hold()
            else:
                self._begin(plain if is_same else None)
        free = self.formula.free_names
        self.columns = {name: shape for name, shape in self._entries.items() if name in free}
        self.per_row = self.per_row and bool(self.columns)
        nodes = self.formula.graph.variables([self.formula.id])
        self.values = {
            name: as_value(name, value, self.formula.graph.shape(nodes[name]))
            for name, value in values.items()
            if name in nodes
        }

    # ------------------------------------------------------------ how it is read

    def _begin(self, formula: Formula | None) -> None:
        """Read so many rows as are held, and the formula, None when it depends on their number."""
        rows = begun(self.source, list(self._entries), HELD_BYTES)
        if rows.held is not None:
            self._hold(rows.held)
            return
        formula = self._at_rows(rows.count) if formula is None else formula
        parts = None if formula is None else self._split(formula)
        if formula is None or parts is None:
            self._hold()
            return
        self.formula = formula
        self.sums = InSums(rows, parts)
        self._check_values()

    def hold(self) -> None:
        """Have all columns in memory, for what sums over blocks do not give. Raises FileError."""
        if self.sums is not None:
            self._hold()

    def _hold(self, columns: dict[str, Any] | None = None) -> None:
        self.held = _read(self.source, list(self._entries)) if columns is None else columns
        self.sums = None
        self.formula = parse(self._text, self._shapes | _sized(self._entries, self._count))
        known = {*self._given, *self.held}
        free = self.formula.free_names
        if not known.issuperset(free) or known.difference(free, self._entries):
            self.formula.checked({**self._given, **self.held})  # raises, naming what is wrong

    @property
    def _count(self) -> int:
        """How many rows are held."""
        return len(next(iter((self.held or {}).values()), ()))

    def _at_rows(self, rows: int) -> Formula | None:
        """Return the formula read for a number of rows; None when shapes do not fit."""
        try:
            return parse(self._text, self._shapes | _sized(self._entries, rows))
        except ShapeError:
            return None

    def _check_values(self) -> None:
        """Raise NameValueError for names without a value, and for values without a name."""
        import numpy as np

        shapes = _sized(self._entries, 1)
        single = parse(self._text, self._shapes | shapes)
        single.checked({**self._given, **{name: np.zeros(shapes[name]) for name in shapes}})

    def _split(self, formula: Formula) -> Split | None:
        """Return the formula as one of sums over rows; None when it is none."""
        from gradcli.minimization.reductions import split

        parts = split(formula, self._data_nodes(formula))
        return parts if parts is not None and parts.parts else None

    def _data_nodes(self, formula: Formula) -> list[int]:
        nodes = formula.graph.variables([formula.id])
        return [nodes[name] for name in self._entries if name in nodes]

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
        """Yield the columns in blocks of rows; one block when all are needed at once."""
        if self.held is not None:
            yield self.data
            return
        yield from self.source.blocks(list(self.columns), self.rows_at_once())

    def rows_at_once(self) -> int:
        """Return how many rows are worked out together, every step of them being kept."""
        graph = self.formula.graph
        nodes = graph.reachable([self.formula.id])
        active = graph.depending_on(self.column_nodes().values(), nodes)
        widest = max(prod(graph.shape(node)[1:]) for node in active)
        return max(1, min(MOST_ROWS, NUMBERS // widest))

    def column_nodes(self) -> dict[str, int]:
        """Return the nodes of the columns."""
        nodes = self.formula.graph.variables([self.formula.id])
        return {name: nodes[name] for name in self.columns}

    def of_length(self, rows: int) -> tuple[Graph, int]:
        """Return a graph of its own with the formula for so many rows."""
        shapes = _sized(self._entries, rows)
        return resized(self.formula.graph, self.formula.id, shapes)


def _sized(entries: Mapping[str, Shape], rows: int) -> dict[str, Shape]:
    return {name: (rows, *entry) for name, entry in entries.items()}


def _has_same_steps(formula: Formula, other: Formula) -> bool:
    """Return whether a formula has the same steps for all numbers of rows.

    `other` is the formula for another number of rows; that number itself, as in x/len(x), makes
    them differ.
    """
    graph, root = formula.graph, formula.id
    return [graph.rows[node] for node in graph.reachable([root])] == [
        other.graph.rows[node] for node in other.graph.reachable([other.id])
    ]


def _read(source: Source, names: Sequence[str]) -> dict[str, Any]:
    """Return whole columns. Raises FileError, which says why, when they do not fit in memory."""
    from gradcli.data.source import read

    try:
        return dict(read(source, names))
    except FileError as error:
        if error.hint is not None and "--batch" in error.hint:
            error.hint = (
                "this formula needs all rows at once; one that is computed row by row, "
                "or is made of sums and means over rows, does not"
            )
        raise
