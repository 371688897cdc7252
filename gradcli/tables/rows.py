"""A formula over the rows of data files as a table, computed block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError, ShapeError
from gradcli.exact.certain import Certain, bounds, worked_out
from gradcli.exact.decimals import DOUBLE_DIGITS
from gradcli.language.origin import where
from gradcli.options import spelled
from gradcli.programs import interpreter
from gradcli.programs.explain import Explainer
from gradcli.tables.certain import MOST_ROWS, CertainColumns
from gradcli.tables.ranges import Block, derivatives
from gradcli.values import names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.point import Point
    from gradcli.tables.formula import RowFormula


class RowTable:
    """Values, and derivatives with respect to `wrt`, of a formula in each row of the data.

    With `second` there are second derivatives too. They are with respect to parameters that are
    numbers, and columns of one number a row. Raises ShapeError for
    others, and NameValueError for columns when all rows are needed at once.
    """

    def __init__(
        self,
        formula: RowFormula,
        wrt: Sequence[str] = (),
        *,
        allow_nonfinite: bool = False,
        digits: int | None = None,
        second: bool = False,
    ) -> None:
        self._second = second
        self._digits = digits
        self._certain = CertainColumns(digits, allow_nonfinite=allow_nonfinite)
        self.kinks: dict[int, str] = {}
        """What is to be said about derivatives, by node, once the blocks have been computed."""
        self._formula = formula
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        if wrt:
            _check_derivatives(formula, wrt)
        self._single = single = formula.single()
        """The formula of one row, if it has only numbers."""
        self._slopes: list[int] = []
        """Its derivatives."""
        if single is not None and wrt:
            nodes = [*names_to_nodes(single.graph, single.id, wrt).values()]
            self._slopes = derivatives(single.graph, single.id, nodes, second=second)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order, checked block by block.

        Raises MathematicsError for a row without a value, naming it.
        """
        import numpy as np

        first = 0
        for columns in self._formula.blocks():
            is_held = self._formula.held is not None
            here = self._at(columns, first)
            value, slopes = here.value, []
            self._rates: Mapping[int, Any] = {}
            if self._wrt:
                found = self._of_one_row(columns)
                if found is None:
                    found = here.of_rows(self._wrt)
                    found += here.second_of_rows(self._wrt) if self._second else []
                elif not self._nonfinite:
                    first_ones = np.broadcast_arrays(*found[: len(self._wrt)])
                    wrong = ~np.all([np.isfinite(x) for x in first_ones], axis=0)
                    self._look_at(wrong, columns, first)
                slopes = [np.broadcast_to(slope, value.shape) for slope in found]
                self.kinks |= here.kinks(self._wrt)
            if not is_held:
                value, *slopes = self._with_certain_digits(here, columns, value, slopes)
            count = len(self._wrt)
            yield Block(list(columns.values()), value, slopes[:count], slopes[count:])
            first += len(value)

    def _at(self, columns: Mapping[str, Any], first: int) -> Point:
        """Return the formula over a block of rows.

        Raises MathematicsError for a row without a value. Where only doubles lead to none, it is
        nan or inf, to be worked out.
        """
        is_held, digits = self._formula.held is not None, self._digits
        try:
            return self._formula.at(
                columns, first, allow_nonfinite=self._nonfinite, certain=is_held, digits=digits
            )
        except MathematicsError:
            wrong = None if is_held else self._wrong(columns)
            if wrong is None or wrong.sum() > MOST_ROWS:
                raise
        self._look_at(wrong, columns, first)
        return self._formula.at(columns, first, allow_nonfinite=True)

    def _wrong(self, columns: Mapping[str, Any]) -> Any:
        """Return an array that says which rows read a step that has no value in doubles."""
        graph, root = self._formula.formula.graph, self._formula.formula.id
        values = {**self._formula.values, **columns}
        found = interpreter.run(graph, graph.reachable([root]), values)
        nodes = names_to_nodes(graph, root)
        explainer = Explainer(graph, root, found, [nodes[n] for n in columns if n in nodes])
        return explainer.wrong_rows(len(next(iter(columns.values()))))

    def _look_at(self, rows: Any, columns: Mapping[str, Any], first: int) -> None:
        """Raise the error of the first of some rows that has no value or no derivative."""
        import numpy as np

        count = len(next(iter(columns.values())))
        for index in np.broadcast_to(rows, count).nonzero()[0].tolist():
            one = {name: column[index : index + 1] for name, column in columns.items()}
            here = self._formula.at(one, first + index, certain=True, digits=self._digits)
            if self._wrt:
                here.of_rows(self._wrt)

    def _of_one_row(self, columns: Mapping[str, Any]) -> list[Any] | None:
        """Return the derivatives as they are at a point, to the last bit, but in each row.

        None where a row has arrays.
        """
        if self._single is None:
            return None
        graph, values = self._single.graph, {**self._formula.values, **columns}
        order = graph.reachable(self._slopes)
        self._rates = interpreter.run(graph, order, values, ieee=True, columns=True).numbers
        return [self._rates[slope] for slope in self._slopes]

    def notes(self) -> list[str]:
        """Return what is to be said about digits, once the blocks have been computed."""
        return self._certain.notes()

    def _with_certain_digits(
        self, here: Point, columns: Mapping[str, Any], value: Any, slopes: list[Any]
    ) -> list[Any]:
        """Return value and derivatives with the digits that are certain."""
        worked = [(value, here.bound())]
        values = self._formula.values
        if self._single is None:
            graph, nodes = self._formula.formula.graph, [self._formula.formula.id]
            # Derivatives of rows with arrays are those of doubles.
            worked += [(slope, 0.0) for slope in slopes]
        else:
            graph, nodes = self._single.graph, [self._single.id, *self._slopes]
            order = graph.reachable(self._slopes)
            errors = bounds(graph, order, self._rates, {**values, **columns}) if order else {}
            worked += [(x, errors[n]) for x, n in zip(slopes, self._slopes, strict=True)]

        def row(index: int) -> list[Any]:
            if self._single is None:
                one = {name: column[index : index + 1] for name, column in columns.items()}
                found = worked_out(graph, nodes, {**values, **one}, self._digits)[nodes[0]]
                alone = found[0] if hasattr(found, "ndim") else found
                return [alone, *[Certain(x[index], DOUBLE_DIGITS) for x in slopes]]
            numbers = {name: float(column[index]) for name, column in columns.items()}
            made = worked_out(graph, nodes, {**values, **numbers}, self._digits)
            return [made[node] for node in nodes]

        return self._certain.of_block(worked, row)


def _check_derivatives(formula: RowFormula, wrt: Sequence[str]) -> None:
    """Raise the error for what cannot be differentiated in each row."""
    origin = formula.formula.origin
    if formula.entry:
        message = "derivatives in each row are those of a number, and the formula has several there"
        raise ShapeError(message, hint="take one entry, or their sum", **where(origin))
    nodes = names_to_nodes(formula.formula.graph, formula.formula.id, wrt)
    option = spelled("wrt")
    for name, node in nodes.items():
        shape = formula.formula.graph.shape(node)
        if name in formula.columns and formula.held is not None:
            message = f"each row depends on several rows of {name}: it has no derivative"
            hint = f"choose parameters with {option}, or take the sum or mean of the formula"
            raise NameValueError(message, hint=hint, **where(origin, node))
        if shape[name in formula.columns :]:
            message = f"derivatives in each row are with respect to numbers, and {name} is an array"
            raise ShapeError(message, hint=f"choose names with {option}", **where(origin, node))
