"""The columns of data files that a formula uses, read into memory."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import FileError, NameValueError, ShapeError, printable
from gradcli.language.names import CONSTANTS, NAME, REBINDABLE, is_function
from gradcli.point import few

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.data.source import Source
    from gradcli.graph.shapes import Shape

STAND_IN = 9973
"""A number of rows that no other axis is likely to have."""


def used(source: Source, text: str, others: Collection[str] = ()) -> list[str]:
    """Return the columns whose names stand in the text of a formula, or among `others`.

    Raises NameValueError for a column that has the name of a constant which the formula uses.
    """
    mentioned = {*NAME.findall(_without_comments(text)), *others}
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
    if not names:
        message = f"the formula uses no column of {printable(paths[0], 200)}"
        shown = [printable(name, 30) for name in source.columns]
        raise FileError(message, hint=f"its columns are {few(shown)}")
    return source, names


def read(
    paths: Sequence[str],
    text: str,
    others: Collection[str] = (),
    shapes: Mapping[str, Shape] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the columns of the files that the text of a formula mentions, as arrays.

    `others` are columns besides those of the formula, and `shapes` those of its other names.
    `options` are those of `opened`. Raises FileError for what cannot be read.
    """
    from gradcli.data.source import read as read_columns

    source, names = opened(paths, text, others, **options)
    for name in names:
        if source.columns[name] and _takes_numbers(text, [*names, *source.columns], shapes or {}):
            count = prod(source.columns[name])
            message = f"{name} has {count} numbers in each row, and the formula takes it for one"
            raise FileError(message, hint=f"write {name} @ w, {name}[:, 0] or sum({name}, axis=1)")
    return dict(read_columns(source, names))


def _takes_numbers(text: str, names: Sequence[str], shapes: Mapping[str, Shape]) -> bool:
    """Return whether a formula could be read if all columns had one number in each row."""
    from gradcli.language.parser import parse

    plain = dict.fromkeys(names, (STAND_IN,))
    try:
        parse(text, {**shapes, **plain})
    except ShapeError:
        return False
    return True


def _without_comments(text: str) -> str:
    return "\n".join(line.partition("#")[0] for line in text.split("\n"))
