"""Named columns, what every kind of data file is read into, and their checks."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.input import shown
from gradcli.errors import FileError, NameValueError, listed, printable
from gradcli.language.names import is_name, suggestion
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from gradcli.data.cells import Codes, Dates
    from gradcli.data.input import Input
    from gradcli.graph.shapes import Shape

    Array = NDArray[np.float64]
    Block = dict[str, Array]

MOST_COLUMNS = 100_000
"""The most columns of a file."""

NUMBERS_AT_ONCE = 1 << 16
"""About how many numbers a reader makes at a time, 512 KiB of doubles."""

FIRST_WORD = r"\w+"
"""The word with which a heading such as `Time (s)` or `U[V]` begins."""

DROP_HINT = "--drop-missing leaves out the rows in which a value is missing"


class Part(NamedTuple):
    """A part of a file that can be read without the others; its ends are what the reader says."""

    start: int
    stop: int
    name: str
    """What messages call it: "row group 3"."""


class Reader(ABC):
    """One file. A missing value is nan in its blocks where rows may be dropped, else an error."""

    single = False
    """Whether the format holds one nameless array, so that files are joined side by side."""
    rows: int | None = None
    unnamed = 0
    """How many columns have no heading, so that no formula can name them."""
    comments = 0
    """How many comment lines stood among the rows in the last pass."""
    header = ""
    """Where the headings stand, as messages say it."""

    def __init__(self, source: Input, *, drop_missing: bool = False) -> None:
        self.path = source.path
        self.columns: dict[str, Shape] = {}
        self._where = shown(source.path)
        self._source = source
        self._drop_missing = drop_missing

    @property
    def repair(self) -> str | None:
        """What to do where columns are missing because the header is not where it should be."""
        return None

    def line_of(self, row: int) -> str | None:  # noqa: ARG002 - only text has lines
        """Return where a row, counted from 0, begins: "line 7"; None where nothing says it."""
        return None

    @abstractmethod
    def blocks(
        self, names: Sequence[str], codes: Mapping[str, Codes | Dates], part: Part | None = None
    ) -> Iterator[Block]:
        """Yield the columns, of a part of the file where one is given, in blocks of any size.

        Columns in `codes` are texts or dates. A part may have no rows. Raises FileError.
        """

    def parts(self, rows: int) -> Sequence[Part]:  # noqa: ARG002 - for readers that divide a file
        """Return the parts in order, of about so many rows where that can be chosen.

        There is none where the file must be read as a whole.
        """
        return ()


def quoted(text: str, longest: int = 40) -> str:
    """Return a name or a cell as messages show it."""
    return f"'{printable(text, longest)}'"


def unknown_column(path: str, name: str, known: Sequence[str]) -> FileError:
    """Return the error for a column that the file lacks."""
    closest = suggestion(name, known[:1000])
    message = f"{shown(path)}: there is no column {quoted(name)}"
    if closest is not None:
        message += f"; did you mean {quoted(closest)}?"
    return FileError(message, hint=f"columns: {listed(known)}")


def ambiguous_column(path: str, name: str, headings: Sequence[str]) -> FileError:
    """Return the error for a word with which several headings begin."""
    shown_headings = " or ".join(quoted(heading) for heading in headings[:3])
    message = f"{shown(path)}: {quoted(name)} may be {shown_headings}"
    return FileError(message, hint=f"--column '{name}={printable(headings[0], 40)}' says which")


def named(
    headings: Iterable[str], given: Mapping[str, str], where: str
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the heading of each column by the name it is known by, and the ambiguous words.

    A heading that is no name, such as `Time (s)`, is known by its first word when that is a name
    and no other heading begins with it; `given` are names that the user chose. Raises FileError
    for a given heading that is not there.
    """
    headings = list(headings)
    chosen: dict[str, str] = {}
    for name, heading in given.items():
        found = heading.strip(" \t")
        if found not in headings:
            raise unknown_column(where, found, headings)
        if name in headings and name != found:
            message = f"{where}: there is a column {quoted(name)} already"
            raise FileError(message, hint=f"give {quoted(found)} another name")
        chosen[name] = found
    taken = set(chosen.values())
    words: dict[str, list[str]] = {}
    for heading in headings:
        word = re.match(FIRST_WORD, heading)
        if heading not in taken and word is not None and is_name(word[0]):
            words.setdefault(word[0], []).append(heading)
    known = set(headings) | set(chosen)
    aliases = {
        only: word for word, (only, *more) in words.items() if not more and word not in known
    }
    names = {aliases.get(heading, heading): heading for heading in headings if heading not in taken}
    several = {word: list(all_of) for word, all_of in words.items() if len(all_of) > 1}
    ambiguous = {word: all_of for word, all_of in several.items() if word not in known}
    return {**names, **chosen}, ambiguous


def columns_of(data: Any, wanted: Collection[str]) -> dict[str, Any]:
    """Return the columns of a table in memory that are `wanted`, by name, as the table holds them.

    A table is a mapping, or has `columns` or `column_names` and gives each by its name, as those
    of pandas, polars and pyarrow and record arrays of NumPy do. A heading that is no name, such as
    `Time (s)`, is known by its first word. Raises NameValueError for what is no table.
    """
    if isinstance(data, Mapping):
        return dict(data)
    records = getattr(getattr(data, "dtype", None), "names", None)
    found: Any
    for found in (getattr(data, "column_names", None), records, getattr(data, "columns", None)):
        if isinstance(found, list | tuple) or hasattr(found, "tolist"):
            headings = {str(heading): heading for heading in found}
            names, _ = named(headings, {}, "data")
            return {name: data[headings[own]] for name, own in names.items() if name in wanted}
    message = f"data of type {type(data).__name__} has no named columns"
    raise NameValueError(message, hint="give a mapping from names to arrays, or a table")


def no_rows(where: str, hint: str | None = None) -> FileError:
    """Return the error for a file without data."""
    return FileError(f"{where}: there are no rows of data", hint=hint)


def checked(array: Array, where: str, first_row: int, *, drop_missing: bool) -> Array:
    """Return the array if its numbers are finite, apart from nan where rows may be dropped.

    Raises FileError, naming the row; `first_row` is the number of its first one, from 1.
    """
    finite = np.isfinite(array)
    if finite.all():
        return array
    wrong = ~finite & ~np.isnan(array) if drop_missing else ~finite
    if not wrong.any():
        return array
    index = np.argwhere(wrong)[0]
    value = float(array[tuple(index)])
    location = f"row {first_row + int(index[0])}"
    if len(index) > 1:
        location += f", entry {', '.join(str(int(i) + 1) for i in index[1:])}"
    hint = DROP_HINT if np.isnan(value) else None
    raise FileError(f"{where}, {location}: {value} is not a finite number", hint=hint)


def width(entries: Mapping[str, Shape]) -> int:
    """Return how many numbers a row with entries of these shapes has."""
    return sum(map(prod, entries.values()))


def rows_at_once(entries: Mapping[str, Shape], numbers: int | None = None) -> int:
    """Return how many rows make about so many numbers, at least one.

    The numbers are those of a block where they are not given.
    """
    return max(1, (numbers or NUMBERS_AT_ONCE) // max(1, width(entries)))


def rebatched(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """Yield the same rows in blocks of `size`, but for the last, which may be shorter."""
    waiting: list[Block] = []
    count = 0
    for block in blocks:
        length = length_of(block)
        if not length:
            continue
        waiting.append(block)
        count += length
        if count < size:
            continue
        whole = concatenated(waiting)
        start = 0
        while count - start >= size:
            yield {name: array[start : start + size] for name, array in whole.items()}
            start += size
        waiting = [{name: array[start:] for name, array in whole.items()}] if start < count else []
        count -= start
    if waiting:
        yield concatenated(waiting)


def length_of(block: Block) -> int:
    """Return the number of rows of a block."""
    return len(next(iter(block.values())))


def concatenated(blocks: Sequence[Block]) -> Block:
    """Return blocks that follow each other as one."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
