"""The columns of data files that a formula uses, and the shapes that they give it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import FileError, NameValueError, ShapeError, printable
from gradcli.graph.node import Node
from gradcli.language.names import CONSTANTS, REBINDABLE, is_function, names_in
from gradcli.limits import ELEMENTS
from gradcli.point import few

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.data.columns import Array
    from gradcli.data.rows import FileRows, HeldRows, Rows
    from gradcli.data.source import Source
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin

STAND_IN = 9973
"""A number of rows that no other axis is likely to have."""
OTHER_STAND_IN = 10_007
"""Another one: what differs between the two depends on how many rows there are."""
HELD_BYTES = 1 << 24
"""How much data is held in memory, 16 MiB; more is read in blocks for each evaluation."""


def used(source: Source, text: str, others: Collection[str] = ()) -> list[str]:
    """Return the columns whose names stand in the text of a formula, or among `others`.

    Raises NameValueError for a column that has the name of a constant which the formula uses.
    """
    mentioned = {*names_in(text), *others}
    names = [name for name in source.columns if name in mentioned and not is_function(name)]
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
    from gradcli.data.source import open_source

    files = open_source(paths, **options)
    source: Source = files.classified(classes) if classes else files
    if matrix:
        from gradcli.data.gathered import gathered

        source = gathered(source, matrix)
    names = used(source, text, others)
    for name in sorted({*names_in(text), *others} & source.ambiguous.keys()):
        from gradcli.data.columns import ambiguous_column

        raise ambiguous_column(paths[0], name, source.ambiguous[name])
    if not names:
        message = f"the formula uses no column of {printable(paths[0], 200)}"
        shown = [printable(name, 30) for name in source.columns]
        raise FileError(message, hint=source.repair or f"its columns are {few(shown)}")
    return source, names


def rows(
    paths: Sequence[str],
    text: str,
    others: Collection[str] = (),
    shapes: Mapping[str, Shape] | None = None,
    memory: int = HELD_BYTES,
    **options: Any,
) -> tuple[HeldRows | FileRows, Source]:
    """Return the rows of the columns that the text of a formula mentions, and where they are from.

    They are held when they take at most `memory` bytes. `others` are columns besides those of the
    formula, and `shapes` those of its other names; `options` are those of `opened`. Raises
    FileError for what cannot be read.
    """
    from gradcli.data.rows import rows as rows_of

    source, names = opened(paths, text, others, **options)
    for name in names:
        if source.columns[name] and _takes_numbers(text, [*names, *source.columns], shapes or {}):
            count = prod(source.columns[name])
            message = f"{name} has {count} numbers in each row, and the formula takes it for one"
            raise FileError(message, hint=f"write {name} @ w, {name}[:, 0] or sum({name}, axis=1)")
    return rows_of(source, names, memory), source


def values_of(rows_given: HeldRows | FileRows) -> dict[str, Array] | FileRows:
    """Return what a task takes as its data: columns in memory, or rows in files."""
    return rows_given if rows_given.held is None else rows_given.held


def shapes_of(
    rows_given: HeldRows | FileRows, text: str, shapes: Mapping[str, Shape]
) -> dict[str, Shape]:
    """Return the shapes with which a formula over these rows is read, those of its data.

    More rows than an array may have are read as another number of them. Raises FileError when the
    formula depends on that number itself, as by len(x).
    """
    count = rows_given.count
    widest = max([prod(entry) for entry in rows_given.entries.values()], default=1)
    if count * widest > ELEMENTS:
        count = _stand_in(text, rows_given, shapes)
    return {name: (count, *entry) for name, entry in rows_given.entries.items()}


def _stand_in(text: str, rows_given: Rows, shapes: Mapping[str, Shape]) -> int:
    from gradcli.language.parser import parse

    first, second = [
        parse(text, {**shapes, **{n: (count, *e) for n, e in rows_given.entries.items()}})
        for count in (STAND_IN, OTHER_STAND_IN)
    ]
    if first.graph.rows != second.graph.rows:
        message = f"the formula depends on the number of rows, and {rows_given.count} are too many"
        raise FileError(message, hint=f"at most {ELEMENTS} numbers are held in memory")
    return STAND_IN


def with_shapes(
    formula: Node, origin: Origin | None, shapes: Mapping[str, Shape]
) -> tuple[Node, Origin | None]:
    """Return a formula read again for names of these shapes, such as other numbers of rows.

    One that was not typed is copied; what it says with explicit sizes stays as it is.
    """
    from gradcli.calculus.rows import resized
    from gradcli.language.parser import parse

    if origin is None:
        return Node(*resized(formula.graph, formula.id, shapes)), None
    parsed = parse(origin.source, shapes)
    return Node(parsed.graph, parsed.root), parsed.origin


def _takes_numbers(text: str, names: Sequence[str], shapes: Mapping[str, Shape]) -> bool:
    """Return whether a formula could be read if all columns had one number in each row."""
    from gradcli.language.parser import parse

    plain = dict.fromkeys(names, (STAND_IN,))
    try:
        parse(text, {**shapes, **plain})
    except ShapeError:
        return False
    return True
