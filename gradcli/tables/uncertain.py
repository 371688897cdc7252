"""Tables with the standard errors of their values, to first and second order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import NameValueError
from gradcli.records import NamedTuple
from gradcli.uncertainty.propagation import MOST_INPUTS, first_order, second_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gradcli.tables.ranges import Block
    from gradcli.uncertainty.propagation import Inputs

KEYS = "standard_error", "second_order_value", "second_order_standard_error"
"""Columns beside each value in place of its derivatives; the last two are of second order."""


class RowErrors(NamedTuple):
    """The uncertain names of a table: numbers with an error for all rows, and with a column."""

    inputs: Inputs
    columns: Mapping[str, str]
    """The columns of standard errors by name."""
    second: bool = True
    """Whether the second order is wanted."""

    @property
    def names(self) -> list[str]:
        """The names with an error other than 0, with respect to which a table is differentiated."""
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


def with_errors(
    blocks: Iterable[Block], errors: RowErrors, inputs: Sequence[str]
) -> Iterator[Block]:
    """Yield blocks of a table with columns of KEYS in place of derivatives with respect to names.

    `inputs` are the names of its first columns. Raises NameValueError for a standard error in a
    row that is negative.
    """
    names = errors.names
    known = errors.inputs.only([name for name in names if name not in errors.columns])
    constants = dict(zip(known.names, known.errors, strict=True))
    correlation = np.eye(len(names))
    positions = np.ix_(*2 * [[names.index(name) for name in known.names]])
    correlation[positions] = known.correlation
    for block in blocks:
        value = np.asarray(block.value, dtype=np.float64)
        sizes = np.empty((len(names), len(value)))
        for row, name in zip(sizes, names, strict=True):
            column = errors.columns.get(name)
            row[:] = constants[name] if column is None else block.inputs[inputs.index(column)]
            if np.any(row < 0):
                message = f"the standard error of {name} is {row[np.argmax(row < 0)]:g} in a row"
                raise NameValueError(message, hint="a standard error is at least 0")
        slopes = np.array(block.slopes, dtype=np.float64).reshape(sizes.shape)
        more: Sequence[Any] = ()
        with np.errstate(all="ignore"):
            parts = np.where(sizes > 0, slopes * sizes, 0.0)
            error, _ = first_order(parts, correlation)
            if errors.has_second:
                hessian = np.zeros((len(names), *sizes.shape))
                i, j = np.tril_indices(len(names))
                triangle = np.array(block.second, dtype=np.float64).reshape(len(i), len(value))
                hessian[i, j] = hessian[j, i] = triangle
                hessian[(sizes == 0)[:, None] | (sizes == 0)[None]] = 0.0
                more = second_order(value, error, hessian, sizes, correlation)
        yield block._replace(slopes=[error, *_or_none(more)], second=())


def _or_none(columns: Sequence[Any]) -> list[Any]:
    """Return columns with None in each row in which one of them is not finite."""
    missing = ~np.isfinite(columns).all(axis=0)
    return [np.where(missing, None, each) if missing.any() else each for each in columns]
