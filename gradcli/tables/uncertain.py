"""Tables with the standard errors of their values, to first and second order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gradcli.errors import NameValueError
from gradcli.records import NamedTuple
from gradcli.uncertainty.propagation import MOST_INPUTS, first_order, second_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.tables.ranges import Block
    from gradcli.uncertainty.propagation import Inputs

KEYS = "standard_error", "second_order_value", "second_order_standard_error"
"""What stands beside each value, in place of its derivatives; where needed only the first."""


class Table(Protocol):
    """A table that is worked out block by block, and what is to be said about it in the end."""

    @property
    def kinks(self) -> dict[int, str]:
        """What is to be said about derivatives, by node."""

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order."""

    def notes(self) -> list[str]:
        """Return what is to be said about digits, after the rows."""


class RowErrors(NamedTuple):
    """The uncertain names of a table: numbers with an error for all rows, and with a column."""

    inputs: Inputs
    columns: Mapping[str, str]
    """The columns of standard errors by name."""
    second: bool = True
    """Whether the second order is wanted."""

    @property
    def names(self) -> list[str]:
        """The names whose errors matter, to differentiate by."""
        known = zip(self.inputs.names, self.inputs.errors.tolist(), strict=True)
        return list(dict.fromkeys([*(name for name, size in known if size), *self.columns]))

    @property
    def keys(self) -> Sequence[str]:
        """What stands beside each value."""
        return KEYS if self.has_second else KEYS[:1]

    @property
    def has_second(self) -> bool:
        """Whether there is a second order: it is wanted, and there are few enough names."""
        return self.second and len(self.names) <= MOST_INPUTS


class WithErrors:
    """A table of values with columns of KEYS in place of its derivatives by the uncertain names.

    `inputs` are the names of its first columns. Raises NameValueError for a standard error in a
    row that is negative.
    """

    def __init__(self, table: Table, errors: RowErrors, inputs: Sequence[str]) -> None:
        self._table = table
        self._names, self._has_second = errors.names, errors.has_second
        self._columns = {name: inputs.index(column) for name, column in errors.columns.items()}
        known = errors.inputs.only([name for name in self._names if name not in errors.columns])
        self._sizes = dict(zip(known.names, known.errors, strict=True))
        self._correlation = np.eye(len(self._names))
        positions = np.ix_(*2 * [[self._names.index(name) for name in known.names]])
        self._correlation[positions] = known.correlation

    @property
    def kinks(self) -> dict[int, str]:
        """What is to be said about derivatives, by node."""
        return self._table.kinks

    def notes(self) -> list[str]:
        """Return what is to be said about digits."""
        return self._table.notes()

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order."""
        for block in self._table.blocks():
            value = np.asarray(block.value, dtype=np.float64)
            shape = len(self._names), len(value)
            sizes = np.array([np.broadcast_to(s, len(value)) for s in self._errors(block)])
            sizes = sizes.reshape(shape)
            slopes = np.array(block.slopes, dtype=np.float64).reshape(shape)
            with np.errstate(all="ignore"):
                parts = np.where(sizes > 0, slopes * sizes, 0.0)
                error, _ = first_order(parts, self._correlation)
                more = self._second(block, value, error, sizes) if self._has_second else ()
            yield block._replace(slopes=[error, *map(_or_none, more)], second=())

    def _errors(self, block: Block) -> Iterator[Any]:
        for name in self._names:
            if name not in self._columns:
                yield self._sizes[name]
                continue
            sigma = block.inputs[self._columns[name]]
            if np.any(sigma < 0):
                negative = sigma[int(np.argmax(sigma < 0))]
                message = f"the standard error of {name} is {negative:g} in a row"
                raise NameValueError(message, hint="a standard error is at least 0")
            yield sigma

    def _second(self, block: Block, value: Any, error: Any, sizes: Any) -> tuple[Any, Any]:
        """Return value and standard error of second order; nan where there are none."""
        count = len(self._names)
        hessian = np.zeros((count, count, len(value)))
        i, j = np.tril_indices(count)
        triangle = np.array(block.second, dtype=np.float64).reshape(len(i), len(value))
        hessian[i, j] = hessian[j, i] = triangle
        hessian[(sizes == 0)[:, None] | (sizes == 0)[None]] = 0.0
        found = second_order(value, error, hessian, sizes, self._correlation)
        bad = ~np.isfinite(found).all(axis=0)
        return tuple(np.where(bad, np.nan, each) for each in found)  # type: ignore[return-value]


def _or_none(column: Any) -> Any:
    """Return a column with None for nan."""
    missing = np.isnan(column)
    return np.where(missing, None, column) if missing.any() else column
