"""A formula over the rows of data files: what it is in each row, or one value for all of them.

A formula that is computed row by row reads its files in blocks, so that the memory needed is that
of a block; any other has all its columns in memory.
"""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.calculus.rows import is_rowwise, resized
from gradcli.data.input import shown
from gradcli.data.places import line_of_row
from gradcli.errors import FileError, MathematicsError, NameValueError, ShapeError
from gradcli.formula import Formula, parse
from gradcli.point import as_value, shape_of
from gradcli.rows.columns import OTHER_STAND_IN, STAND_IN
from gradcli.runtime import interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.data.source import Source
    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape

NUMBERS = 1 << 18
"""About how many numbers of one step are worked out together, 2 MiB of doubles."""

AT_ROW = re.compile(r" at \[[0-9]+(?:, )?([^]]*)\]\Z")
"""The place of a number in an array of rows; the row is said in other words."""

MOST_ROWS = 1 << 16
"""The most rows that are worked out together."""


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
        shapes = {name: shape_of(value, name) for name, value in values.items()}
        entries = {name: source.columns[name] for name in names}
        self.source = source
        self.paths = list(paths)
        self.held: dict[str, Any] | None = None
        """The columns, when all rows are needed at once."""
        plain = _at_rows(text, shapes, entries, STAND_IN)
        other = _at_rows(text, shapes, entries, OTHER_STAND_IN)
        self.per_row = False
        """Whether there is a value for each row; else there is one for all of them."""
        if plain is not None and other is not None:
            self.per_row = plain.shape[:1] == (STAND_IN,)
        if plain is not None and other is not None and _streams(plain, other, names):
            self.formula = plain
            single = parse(text, shapes | _sized(entries, 1))
            single.checked({**values, **_zeros(entries)})
        else:
            self.held = _held(source, names)
            rows = len(next(iter(self.held.values())))
            self.formula = parse(text, shapes | _sized(entries, rows))
            known = {*values, *self.held}
            if not known.issuperset(self.formula.free_names) or known.difference(
                self.formula.free_names, names
            ):
                self.formula.checked({**values, **self.held})  # raises, naming what is wrong
            if plain is None or other is None:
                self.per_row = self.formula.shape[:1] == (rows,)
        free = self.formula.free_names
        self.columns = {name: shape for name, shape in entries.items() if name in free}
        self.per_row = self.per_row and bool(self.columns)
        nodes = self.formula.graph.variables([self.formula.id])
        self.values = {
            name: as_value(name, value, self.formula.graph.shape(nodes[name]))
            for name, value in values.items()
            if name in nodes
        }
        self._entries = entries

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
        graph = self.formula.graph
        nodes = graph.reachable([self.formula.id])
        active = graph.depending_on(self.column_nodes().values(), nodes)
        widest = max(prod(graph.shape(node)[1:]) for node in active)
        size = max(1, min(MOST_ROWS, NUMBERS // widest))
        yield from self.source.blocks(list(self.columns), size)

    def column_nodes(self) -> dict[str, int]:
        """Return the nodes of the columns."""
        nodes = self.formula.graph.variables([self.formula.id])
        return {name: nodes[name] for name in self.columns}

    def of_length(self, rows: int) -> tuple[Graph, int]:
        """Return a graph of its own with the formula for so many rows."""
        shapes = _sized(self._entries, rows)
        return resized(self.formula.graph, self.formula.id, shapes)

    # ------------------------------------------------------------ what goes wrong

    def fault(self, block: Mapping[str, Any], first: int = 0) -> MathematicsError:
        """Return the error for a block in which the formula has no value, naming its row.

        `first` is the number of rows before the block.
        """
        graph, root = self.formula.graph, self.formula.id
        found = interpreter.run(graph, graph.reachable([root]), {**self.values, **block})
        row = self._first_bad_row(found, len(next(iter(block.values()))))
        if row is not None and self.held is None:
            error = self.fault_of_row(block, row)
            if error is not None:
                return self.placed(error, first + row)
            block = {name: column[row : row + 1] for name, column in block.items()}
        try:
            self._read_for(block).at_values({**self.values, **block})
        except MathematicsError as error:
            return error if row is None else self.placed(error, first + row)
        return MathematicsError("the formula has no finite value")

    def _read_for(self, block: Mapping[str, Any]) -> Formula:
        """Return the formula read for the columns of a block."""
        shapes = {n: shape_of(value, n) for n, value in {**self.values, **block}.items()}
        return self.formula.with_shapes(shapes)

    def place(self, error: MathematicsError) -> None:
        """Name the row in the error of a formula over all rows, when a row is at fault."""
        if self.held is None:
            return
        found = interpreter.run(
            self.formula.graph,
            self.formula.graph.reachable([self.formula.id]),
            {**self.values, **self.data},
        )
        row = self._first_bad_row(found, len(next(iter(self.held.values()))), one_step=True)
        if row is not None:
            self.placed(error, row)

    def _first_bad_row(
        self, found: interpreter.Values, rows: int, *, one_step: bool = False
    ) -> int | None:
        """Return the first row in which a step that is read has no value; None if there is none.

        A step that does not depend on the data is no row's fault. With `one_step` only the first
        step without a value counts.
        """
        import numpy as np

        graph, root = self.formula.graph, self.formula.id
        read = interpreter.masks(graph, [root], found.numbers)
        active = graph.depending_on(self.column_nodes().values(), graph.reachable([root]))
        first = interpreter.first_fault(graph, [root], found)
        if first not in active:  # what follows from it is no row's fault either
            return None
        steps = {first} if one_step else found.faults
        bad = np.zeros(rows, dtype=bool)
        for node in steps & active:
            wrong = ~np.isfinite(found.numbers[node]) & read.get(node, False)
            if wrong.shape[:1] == (rows,):
                bad |= wrong.reshape(rows, -1).any(axis=1)
        places = np.flatnonzero(bad)
        return int(places[0]) if len(places) else None

    def fault_of_row(
        self, block: Mapping[str, Any], row: int, wrt: Sequence[str] = ()
    ) -> MathematicsError | None:
        """Return the error of one row alone, in which the entries of columns are what they are.

        None when the formula cannot be read for one row, or has a value there.
        """
        entries = {n: x[row] if x.ndim > 1 else float(x[row]) for n, x in block.items()}
        try:
            single = self._read_for(entries)
            here = single.at_values({**self.values, **entries})
            if wrt and not single.shape:
                here.gradient(wrt)
        except MathematicsError as error:
            return error
        except ShapeError:
            return None
        return None

    def placed(self, error: MathematicsError, row: int) -> MathematicsError:
        """Return the error with the row, counted from 0, in its message."""
        error.message = AT_ROW.sub(r" at [\1]", error.message).removesuffix(" at []")
        error.message += f" in row {row + 1}"
        if self.source.dropped:
            error.message += f", not counting the {self.source.dropped} left out so far"
        elif len(self.paths) == 1:
            line = line_of_row(self.paths[0], row)
            error.message += f" of {shown(self.paths[0])}"
            error.message += f" (line {line})" if line is not None else ""
        return error


def _at_rows(
    text: str, shapes: Mapping[str, Shape], entries: Mapping[str, Shape], rows: int
) -> Formula | None:
    """Return the formula read for a number of rows; None when shapes do not fit."""
    try:
        return parse(text, {**shapes, **_sized(entries, rows)})
    except ShapeError:
        return None


def _sized(entries: Mapping[str, Shape], rows: int) -> dict[str, Shape]:
    return {name: (rows, *entry) for name, entry in entries.items()}


def _zeros(entries: Mapping[str, Shape]) -> dict[str, Any]:
    import numpy as np

    return {name: np.zeros(shape) for name, shape in _sized(entries, 1).items()}


def _streams(formula: Formula, other: Formula, names: Sequence[str]) -> bool:
    """Return whether a formula is computed row by row, with the same steps for all lengths.

    `other` is the formula for another number of rows; that number itself, as in x/len(x), makes
    them differ.
    """
    graph, root = formula.graph, formula.id
    free = graph.variables([root])
    data = [free[name] for name in names if name in free]
    same = [formula.graph.rows[node] for node in graph.reachable([root])] == [
        other.graph.rows[node] for node in other.graph.reachable([other.id])
    ]
    return same and is_rowwise(graph, root, data)


def _held(source: Source, names: Sequence[str]) -> dict[str, Any]:
    """Return whole columns. Raises FileError, which says why, when they do not fit in memory."""
    from gradcli.data.source import read

    try:
        return dict(read(source, names))
    except FileError as error:
        if error.hint is not None and "--batch" in error.hint:
            error.hint = (
                "this formula needs all rows at once; one that is computed row by row does not"
            )
        raise
