"""The columns of data files that a formula uses, and the shapes that they give it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

from gradcli.errors import FileError, NameValueError, ShapeError, printable
from gradcli.graph.node import Graph, Node
from gradcli.graph.shapes import Rows
from gradcli.language.names import CONSTANTS, REBINDABLE, is_reserved, names_in
from gradcli.limits import ELEMENTS
from gradcli.rows.reductions import split

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gradcli.data.columns import Array
    from gradcli.data.rows import Rows as DataRows
    from gradcli.data.source import Source
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin

F = TypeVar("F", bound=Node)

HELD_BYTES = 1 << 24
"""How much data is held in memory, 16 MiB; more is read in blocks for each evaluation."""


def used(source: Source, text: str, others: Collection[str] = ()) -> list[str]:
    """Return the columns whose names stand in the text of a formula, or among `others`.

    Raises NameValueError for a column that has the name of a constant which the formula uses.
    """
    mentioned = {*names_in(text), *others}
    names = [name for name in source.columns if name in mentioned and not is_reserved(name)]
    for name in names:
        if name in CONSTANTS and name != REBINDABLE:
            message = f"the column {name} has the name of a constant"
            raise NameValueError(message, hint="give the column another name")
    return names


def opened(
    paths: Sequence[str],
    text: str,
    others: Collection[str] = (),
    *,
    matrix: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
    **options: Any,
) -> tuple[Source, list[str]]:
    """Return the rows of the files and the columns that the text of a formula mentions.

    `others` are columns besides those of the formula. `matrix` gathers the columns that match a
    pattern into one, and those of `classes` hold texts that become whole numbers. `options` are
    those of `data.source.open_source`. Raises FileError for what cannot be read.
    """
    from gradcli.data.columns import ambiguous_column
    from gradcli.data.source import open_source
    from gradcli.errors import listed

    files = open_source(paths, **options)
    source = files.classified(classes) if classes else files
    if matrix:
        source = source.gathered(matrix)
    names = used(source, text, others)
    for name in sorted({*names_in(text), *others} & source.ambiguous.keys()):
        raise ambiguous_column(paths[0], name, source.ambiguous[name])
    if not names:
        message = f"the formula uses no column of {printable(paths[0], 200)}"
        hint = f"its columns are {listed(source.columns)}"
        if source.repair is not None:  # the line that it names may be one of units
            is_header = names_in(text) & names_in(source.repair)
            hint = source.repair if is_header else f"{hint}; {source.repair}"
        raise FileError(message, hint=hint)
    return source, names


def rows(
    paths: Sequence[str],
    text: str,
    others: Collection[str] = (),
    shapes: Mapping[str, Shape] | None = None,
    memory: int = HELD_BYTES,
    share: Callable[[Source, Sequence[str]], Any] | None = None,
    **options: Any,
) -> tuple[DataRows, Source]:
    """Return the rows of the columns that the text of a formula mentions, and where they are from.

    They are held when they take at most `memory` bytes, but where `share` makes rows in pieces.
    `others` are columns besides those of the formula, and `shapes` those of its other names;
    `options` are those of `opened`. Raises FileError for what cannot be read.
    """
    from gradcli.data.rows import rows as rows_of

    source, names = opened(paths, text, others, **options)
    read = partial(typed, text)
    single = dict.fromkeys([*names, *source.columns], ())
    for name in names:
        if source.columns[name] and read_by_rows(read, shapes or {}, single) is not None:
            count = prod(source.columns[name])
            message = f"{name} has {count} numbers in each row, and the formula takes it for one"
            raise FileError(message, hint=f"write {name} @ w, {name}[:, 0] or sum({name}, axis=1)")
    return share(source, names) if share else rows_of(source, names, memory), source


def values_of(rows_given: DataRows) -> dict[str, Array] | DataRows:
    """Return what a task takes as its data: columns in memory, or rows in files."""
    return rows_given if rows_given.held is None else rows_given.held


def by_rows(
    read: Callable[[Mapping[str, Shape]], F],
    shapes: Mapping[str, Shape],
    entries: Mapping[str, Shape],
    count: int | None = None,
) -> F | None:
    """Return a formula of sums and means over rows, with the length ROWS; None when it is none.

    `read` reads it for the shapes of its names: `shapes`, and those of columns with these
    `entries`. What it makes of the number of rows itself, as by len(x), needs their `count`.
    """
    formula = read_by_rows(read, shapes, entries, count)
    return None if formula is None or split(formula) is None else formula


def read_by_rows(
    read: Callable[[Mapping[str, Shape]], F],
    shapes: Mapping[str, Shape],
    entries: Mapping[str, Shape],
    count: int | None = None,
) -> F | None:
    """Return a formula with the length ROWS, whatever it makes of them; None where it cannot be."""
    rows: Any = Rows(count)
    try:
        return read({**shapes, **{name: (rows, *entry) for name, entry in entries.items()}})
    except ShapeError:
        return None


def over_rows(
    read: Callable[[Mapping[str, Shape]], F], data: DataRows, shapes: Mapping[str, Shape]
) -> F:
    """Return a formula over rows of data, with the length ROWS or, if need be, their number.

    Raises FileError when it needs the number and there are too many.
    """
    found = by_rows(read, shapes, data.entries, data.count)
    if found is not None:
        return found
    widest = max([prod(entry) for entry in data.entries.values()], default=1)
    if data.count * widest > ELEMENTS:
        message = f"the formula needs all rows at once, and {data.count} are too many"
        raise FileError(message, hint=f"at most {ELEMENTS} numbers are held in memory")
    return read({**shapes, **{name: (data.count, *e) for name, e in data.entries.items()}})


def columns_among(shapes: Mapping[str, Shape]) -> tuple[dict[str, Shape], int]:
    """Return the entries of the arrays that are columns, as most arrays are, and their length."""
    lengths = Counter(shape[0] for shape in shapes.values() if shape)
    count = max(lengths, key=lambda length: (lengths[length], length), default=0)
    return {name: shape[1:] for name, shape in shapes.items() if shape[:1] == (count,)}, count


class Typed(Node):
    """A formula with the place where it was typed, None if it was not."""

    __slots__ = ("origin",)

    def __init__(self, graph: Graph, node: int, origin: Origin | None = None) -> None:
        super().__init__(graph, node)
        self.origin = origin


def typed(text: str, shapes: Mapping[str, Shape]) -> Typed:
    """Return the formula that a text stands for."""
    from gradcli.language.parser import parse

    parsed = parse(text, shapes)
    return Typed(parsed.graph, parsed.root, parsed.origin)


def with_shapes(formula: Node, origin: Origin | None, shapes: Mapping[str, Shape]) -> Typed:
    """Return a formula read again for names of these shapes.

    One that was not typed is copied; what it says with explicit sizes stays as it is.
    """
    if origin is not None:
        return typed(origin.source, {**dict.fromkeys(origin.shapes, ()), **shapes})
    copy = Graph()
    names = formula.graph.variables([formula.id])
    changed = {names[n]: copy.variable(n, shape) for n, shape in shapes.items() if n in names}
    copy.identify(formula.graph, changed)
    return Typed(copy, copy.adopt(formula.graph, formula.id))
