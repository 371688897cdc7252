"""A formula over columns of values: value, derivatives and their certain digits, row by row.

Whole columns are computed in doubles. Rows that have no value in doubles are computed again one by
one, for the error of the first of them, and so are rows with too few certain digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import FormulaError, MathematicsError
from gradcli.exact import arrays
from gradcli.exact.certain import bounds, has_balls, worked_out
from gradcli.exact.decimals import DOUBLE_DIGITS, ENOUGH, may_be_whole
from gradcli.graph.literals import Numeral
from gradcli.graph.printing import label
from gradcli.language.origin import located
from gradcli.programs.explain import Explainer
from gradcli.programs.interpreter import run
from gradcli.values import names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.formula import Formula
    from gradcli.graph.node import Graph

    Explain = Callable[[int, bool], object]
    """Raises the error of a row without a value, unless it has one of certain digits; the second
    argument says whether to look for these."""

MOST_ROWS = 10_000
"""How many rows are computed again one by one, with more digits than doubles have."""


class Columns:
    """Value and derivatives with respect to `wrt` of a formula over columns, the others `values`.

    The formula is that of one row, or that of columns with the length ROWS; when it `needs_all` it
    is that of all rows. With `second` there are second derivatives too. With `gaps` nan stands for
    what has no value. As many `digits` are certain as are asked for; none are counted unless they
    are to be `certain`.
    """

    def __init__(
        self,
        formula: Formula,
        values: Mapping[str, Any],
        wrt: Sequence[str],
        *,
        allow_nonfinite: bool = False,
        gaps: bool = False,
        certain: bool = True,
        digits: int | None = None,
        second: bool = False,
        needs_all: bool = False,
    ) -> None:
        self._graph = graph = formula.graph
        self._values, self._count = dict(values), len(wrt)
        self._nonfinite, self._gaps, self._digits = allow_nonfinite, gaps, digits
        self._needs_all = needs_all
        nodes = [*names_to_nodes(graph, formula.id, wrt).values()]
        derivatives = _in_rows if graph.has_arrays else _of_numbers
        try:
            slopes = derivatives(graph, formula.id, nodes, second=second)
        except (FormulaError, MathematicsError) as error:
            raise located(error, formula.origin) from None
        self._roots = [formula.id, *slopes]
        # Derivatives of rows with arrays are those of doubles.
        is_counted = not graph.has_arrays or needs_all
        self._counted = self._roots[: certain * (len(self._roots) if is_counted else 1)]
        self._dependent = graph.depending_on(nodes, graph.reachable([formula.id]))
        self.kinks: dict[str, None] = {}
        """Notes about kinks and jumps, in order, once the columns have been computed."""
        self._tried = 0
        self._left = 0
        self._worst = DOUBLE_DIGITS

    def doubles(
        self, columns: Mapping[str, Any], explain: Explain | None = None
    ) -> tuple[list[Any], Mapping[int, Any]]:
        """Return value and derivatives in doubles, and the values of all nodes.

        A step may be infinite and the result finite, as in 1/(1/x) at 0: that is an error for one
        point, and so it is here. A branch of `where` that a row does not take is not read.
        """
        graph, root, count = self._graph, self._roots[0], _length(columns)
        values = {**self._values, **columns}
        found = run(graph, graph.reachable(self._roots), values, columns=not graph.has_arrays)
        shape = count, *graph.shape(root)[1:]
        worked = [np.broadcast_to(found.numbers[node], shape) for node in self._roots]
        names = graph.variables([root])
        explainer = Explainer(graph, root, found, [names[n] for n in columns if n in names])
        for node, sentence in explainer.kinks(self._dependent).items():
            self.kinks[f"{sentence}: {label(graph, node)}"] = None
        if self._gaps or explain is not None:
            bad = explainer.wrong_rows(count)
        if self._gaps:
            worked = [np.where(bad | ~np.isfinite(each), np.nan, each) for each in worked]
        elif explain is not None:
            for each in worked[: 1 + self._count]:
                bad |= ~np.isfinite(each).reshape(count, -1).all(axis=1)
            rows = np.flatnonzero(bad).tolist()
            for row in rows[:1] if self._needs_all else rows:
                explain(row, len(rows) <= MOST_ROWS)
        return worked, found.numbers

    def rounded(self, columns: Mapping[str, Any], explain: Explain | None = None) -> list[Any]:
        """Return value and derivatives with the digits that are certain."""
        worked, numbers = self.doubles(columns, explain)
        if self._counted:
            worked[: len(self._counted)] = self._with_digits(columns, worked, numbers)
        return worked

    def _with_digits(
        self, columns: Mapping[str, Any], doubles: Sequence[Any], numbers: Mapping[int, Any]
    ) -> list[Any]:
        """Return those of the doubles whose digits are counted with the digits that are certain."""
        graph, count = self._graph, _length(columns)
        order = graph.reachable(self._counted)
        errors = bounds(graph, order, numbers, {**self._values, **columns})
        found: list[Any] = []
        short = np.zeros(count, dtype=bool)
        least = np.full(count, DOUBLE_DIGITS)
        for node, column in zip(self._counted, doubles, strict=False):
            error = np.broadcast_to(errors[node], column.shape)
            shown, kept, bad = arrays.passed(column, error, self._digits)
            found.append(shown)
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
        exact: dict[int, Any] = {}
        for index in np.flatnonzero(short).tolist():
            is_found = self._tried < MOST_ROWS
            if is_found:
                self._tried += 1
                if not (exact and self._needs_all):
                    values = {**self._values, **self._row(columns, index)}
                    exact = worked_out(graph, self._counted, values, self._digits)
                at = index if self._needs_all else 0
                made = [exact[node] for node in self._counted]
                is_found = _enter(found, index, [x[at] if hasattr(x, "ndim") else x for x in made])
            if not is_found and least[index] < (self._digits or ENOUGH):
                self._left += 1
                self._worst = min(self._worst, int(least[index]))
        return found

    def _row(self, columns: Mapping[str, Any], index: int) -> Mapping[str, Any]:
        """Return the values with which one row is computed: all columns when it needs all rows."""
        if self._needs_all:
            return columns
        if self._graph.has_arrays:
            return {name: column[index : index + 1] for name, column in columns.items()}
        return {name: float(column[index]) for name, column in columns.items()}

    def notes(self) -> list[str]:
        """Return the notes about digits, once the blocks have been computed."""
        if not self._left:
            return []
        rows = "1 row" if self._left == 1 else f"{self._left} rows"
        wanted = self._digits or ENOUGH
        note = f"fewer than {wanted} digits are certain in {rows}, {self._worst} in the worst"
        return [note + f"; a table of up to {MOST_ROWS} rows has them" * has_balls()]


def _enter(columns: list[Any], index: int, found: Sequence[Any]) -> bool:
    """Enter a row that was worked out into the columns; return whether all of it was."""
    is_whole = True
    for k, made in enumerate(found):
        for key in np.ndindex(columns[k].shape[1:]):
            entry = made[key] if hasattr(made, "ndim") else made
            if entry is None:
                is_whole = False
                continue
            if isinstance(entry.value, Numeral) and columns[k].dtype != object:
                columns[k] = columns[k].astype(object)
            at = (index, *key)
            columns[k][at] = entry.value
    return is_whole


def _length(columns: Mapping[str, Any]) -> int:
    return len(next(iter(columns.values())))


def _of_numbers(graph: Graph, root: int, nodes: Sequence[int], *, second: bool) -> list[int]:
    """Return the derivatives with respect to nodes, and then the second ones where wanted."""
    from gradcli.calculus.forward import hessian
    from gradcli.calculus.reverse import gradient

    slopes = gradient(graph, root, nodes)
    matrix = hessian(graph, root, nodes) if second else []
    triangle = [entry for index, row in enumerate(matrix) for entry in row[: index + 1]]
    return [*(slopes[node] for node in nodes), *triangle]


def _in_rows(graph: Graph, root: int, nodes: Sequence[int], *, second: bool) -> list[int]:
    """Return what `_of_numbers` does for a formula whose value has a number for each row.

    Each row depends on its own row of a column only, so one forward pass with all its numbers
    dependent gives the derivatives in all rows.
    """
    from gradcli.calculus.forward import rate_between

    slopes = [rate_between(graph, root, graph.reachable([root]), node) for node in nodes]
    pairs = [(slope, other) for k, slope in enumerate(slopes) for other in nodes[: k + 1]]
    return slopes + [
        rate_between(graph, slope, graph.reachable([slope]), other)
        for slope, other in pairs * second
    ]
