"""Tables in memory as named columns: those of pandas, polars, pyarrow, and NumPy's records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradcli.data.columns import named
from gradcli.errors import NameValueError

if TYPE_CHECKING:
    from collections.abc import Collection


def columns_of(data: Any, wanted: Collection[str]) -> dict[str, Any]:
    """Return the columns of a table that are `wanted`, by name, as the table holds them.

    A table is a mapping, or has `columns` or `column_names` and gives each by its name, as those
    of pandas, polars and pyarrow and record arrays of NumPy do. A heading that is no name, such as
    `Time (s)`, is known by its first word. Raises NameValueError for what is no table.
    """
    if isinstance(data, Mapping):
        return dict(data)
    headings: list[Any] | None = next(
        (
            list(found)  # type: ignore[arg-type]
            for found in (
                getattr(data, "column_names", None),
                getattr(getattr(data, "dtype", None), "names", None),
                getattr(data, "columns", None),
            )
            if isinstance(found, list | tuple) or hasattr(found, "tolist")
        ),
        None,
    )
    if headings is None:
        message = f"data of type {type(data).__name__} has no named columns"
        raise NameValueError(message, hint="give a mapping from names to arrays, or a table")
    texts = {str(heading): heading for heading in headings}
    names, _ = named(texts, {}, "data")
    return {name: data[texts[own]] for name, own in names.items() if name in wanted}
