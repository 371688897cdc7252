"""Certain digits of tables: bounds for whole columns, and rows with too few of them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.exact import arrays
from gradcli.exact.certain import has_balls
from gradcli.exact.decimals import DOUBLE_DIGITS, ENOUGH, may_be_whole
from gradcli.graph.literals import Numeral

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_ROWS = 10_000
"""How many rows of a table are worked out anew."""


class CertainColumns:
    """The columns of a table with the digits that are certain."""

    def __init__(
        self, digits: int | None, *, allow_nonfinite: bool = False, gaps: bool = False
    ) -> None:
        self._nonfinite = allow_nonfinite
        self._gaps = gaps
        self._digits = digits
        self._tried = 0
        self._left = 0
        self._worst = DOUBLE_DIGITS

    def of_block(
        self, worked: Sequence[tuple[Any, Any]], row: Callable[[int], Sequence[Any]]
    ) -> list[Any]:
        """Return the columns of a block of rows, given each with the bound of its errors.

        `row` works out a row of the block anew: a Certain for each column, or None, or an array of
        these.
        """
        count = max([len(value) for value, _ in worked if np.ndim(value)])
        columns: list[Any] = []
        short = np.zeros(count, dtype=bool)
        least = np.full(count, DOUBLE_DIGITS)
        for value, bound in worked:
            shape = value.shape if np.ndim(value) else (count,)
            column, error = np.broadcast_to(value, shape), np.broadcast_to(bound, shape)
            shown, kept, bad = arrays.passed(column, error, self._digits)
            columns.append(shown)
            least = np.minimum(least, kept.reshape(count, -1).min(axis=1))
            if self._digits is None:
                bad = bad | may_be_whole(column)
            # In a plot what has no value is a gap, and inf and nan may be wanted. Elsewhere it
            # has one that only the doubles on its way do not lead to.
            if self._nonfinite or self._gaps:
                bad = bad & (np.isfinite(column) if self._nonfinite else ~np.isnan(column))
            short |= bad.reshape(count, -1).any(axis=1)
        if self._tried + np.count_nonzero(short) > MOST_ROWS and self._digits is None:
            short &= least < ENOUGH
        for index in np.flatnonzero(short).tolist():
            is_found = self._tried < MOST_ROWS
            if is_found:
                self._tried += 1
                is_found = self._enter(columns, index, row(index))
            if not is_found and least[index] < (self._digits or ENOUGH):
                self._left += 1
                self._worst = min(self._worst, int(least[index]))
        return columns

    @staticmethod
    def _enter(columns: list[Any], index: int, found: Sequence[Any]) -> bool:
        """Enter a row that was worked out into the columns; return whether all of it was."""
        is_whole = True
        for k, made in enumerate(found):
            shape = columns[k].shape[1:]
            for key in np.ndindex(shape):
                entry = made[key] if hasattr(made, "ndim") else made
                if entry is None:
                    is_whole = False
                    continue
                if isinstance(entry.value, Numeral) and columns[k].dtype != object:
                    columns[k] = columns[k].astype(object)
                at = (index, *key)
                columns[k][at] = entry.value
        return is_whole

    def notes(self) -> list[str]:
        """Return what is to be said about rows whose digits are not certain."""
        if not self._left:
            return []
        rows = "1 row" if self._left == 1 else f"{self._left} rows"
        wanted = self._digits or ENOUGH
        note = f"fewer than {wanted} digits are certain in {rows}, {self._worst} in the worst"
        return [note + f"; a table of up to {MOST_ROWS} rows has them" * has_balls()]
