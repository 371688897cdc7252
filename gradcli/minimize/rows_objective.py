"""Formulas of sums and means over rows as functions to be minimised, computed by blocks of rows.

The rows need not fit in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.forward import hessian
from gradcli.calculus.reverse import gradient
from gradcli.data.columns import length_of, rows_at_once
from gradcli.data.rows import HeldRows
from gradcli.errors import MathematicsError
from gradcli.graph.node import Node
from gradcli.minimize.objective import (
    MANY_ROWS,
    Objective,
    VectorObjective,
    is_for_blocks,
)
from gradcli.point import Point
from gradcli.programs.engines import AUTO, PYTHON, RUNNING_ROW, VECTORISING, repays
from gradcli.programs.engines import engine as engine_of
from gradcli.programs.generated import function
from gradcli.programs.program import program
from gradcli.rows.reductions import Totals, split
from gradcli.rows.sums import sums
from gradcli.values import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import PieceRows, Rows
    from gradcli.language.origin import Origin
    from gradcli.minimize.row_sums import Look, RowSums
    from gradcli.rows.sums import Sums
    from gradcli.solvers.solver import Mask, Matrix


class RowsObjective(Objective):
    """An objective over rows, computed by blocks: of files, or of memory that fits the cache.

    `formula` is one of sums and means, with the length ROWS; its data are the entries of `rows`,
    `parameters` and `constants` the rest. `engine` is "native" for machine code, "python", or
    "auto".
    """

    def __init__(
        self,
        formula: Node,
        parameters: Sequence[str],
        origin: Origin | None,
        constants: Mapping[str, Any],
        rows: Rows,
        engine: str = AUTO,
        location: Callable[[int], str] | None = None,
    ) -> None:
        parts = split(formula)
        assert parts is not None  # noqa: S101 - the caller has seen that it is one of sums
        super().__init__(
            formula.graph,
            formula.id,
            parameters,
            origin,
            constants,
            is_compiled=False,
            engine=engine,
            location=location,
        )
        free = formula.graph.variables([formula.id])
        self._rows = rows
        self._parts = parts
        self._names = [name for name in rows.entries if name in free]
        self._block = rows_at_once(rows.entries)
        self._inner: Callable[..., tuple[Any, ...]] | None = None
        self._outer: Callable[..., tuple[Any, ...]] | None = None
        self._curved: Callable[..., list[Any]] | None = None
        self._outer_curved: tuple[VectorObjective, Mask] | None = None
        self._whole: Objective | None = None
        self._is_small = False
        """Whether these are rows for which blocks do not repay."""
        self.is_in_blocks = rows.held is None or rows.count >= MANY_ROWS
        """Whether second derivatives are made by blocks of rows."""
        self._sums = sums(
            formula.graph,
            parts,
            dict(zip(self.parameters, self.shapes, strict=True)),
            list(self.constants),
        )

    def __call__(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        return self.fast(point) or self._look_closely(point)

    def fast(self, point: Sequence[Any]) -> tuple[float, list[Any]] | None:
        """Return value and gradient; None where it takes a closer look to find them or a fault."""
        self.evaluations += 1
        if self._is_small:
            return self.whole()(point)
        try:
            found = None if self._sums is None else self._summed(point, self._sums)
            # Sums that vanish are not trusted.
            outcome = None if found is None else self._finite(found)
            return outcome or self._finite(self._by_blocks(point))
        except (ValueError, OverflowError, ZeroDivisionError):
            return None

    def _summed(self, point: Sequence[Any], sums_: Sums) -> tuple[Any, ...] | None:
        """Return value and gradient from one pass; None where the sums cannot be trusted."""
        values = [*point, *self.constants.values()]
        choice = self.engine if self.is_native() else PYTHON
        found, count = [], 0
        for rows, sums_of in self._rows.over(self.sums_of, values, choice):
            if sums_of is None:
                return None
            found.append(sums_of)
            count += rows
        return sums_.found(values, found, count)

    def sums_of(
        self, block: Block, _: int, values: Sequence[Any], choice: str
    ) -> tuple[int, list[float] | None]:
        """Return the number of rows and the sums over them, of an objective that has them."""
        assert self._sums is not None  # noqa: S101 - the caller has seen it
        return length_of(block), self._sums.of_block(values, block, choice)

    def closely(self, point: Sequence[Any], *, allow_nonfinite: bool = False) -> RowSums:
        """Return value and gradient, every step of every block checked. Raises MathematicsError."""
        values = {**self.values(point), **self.constants}
        looks = self._rows.over(self.looked_at, values, allow_nonfinite)
        return self._close(values, allow_nonfinite=allow_nonfinite).found(looks)

    def looked_at(
        self, block: Block, first: int, values: Mapping[str, Any], allow_nonfinite: bool
    ) -> tuple[int, Look]:
        """Return the number of rows and what every step says about them."""
        close = self._close(values, allow_nonfinite=allow_nonfinite)
        return length_of(block), close.look(block, first, self._block)

    def _close(self, values: Mapping[str, Any], *, allow_nonfinite: bool) -> RowSums:
        from gradcli.minimize.row_sums import RowSums

        return RowSums(
            Node(self.graph, self.result),
            self._origin,
            self._parts,
            self._rows.entries,
            values,
            self.parameters,
            self._location,
            allow_nonfinite=allow_nonfinite,
        )

    def _look_closely(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return what a call does, every step of every block checked."""
        found = self.closely(point)
        return found.value, [found.gradient[name] for name in self.parameters]

    def obstacle(self) -> str | None:
        """Return why the engine chosen cannot run this, None if it can."""
        if self._sums is None:
            return "the formula is no sum of numbers, one of each row"
        return engine_of(self.engine).obstacle(self._sums.of_a_row)

    def is_native(self) -> bool:
        """Return whether machine code repays what making it takes.

        It is a matter of evaluations, not of time, so that a run always gives the same numbers.
        """
        # Counting the rows of files may take a pass over them.
        rows = self._rows.count if self.engine == AUTO else 0
        seconds = self.evaluations * rows * RUNNING_ROW
        return repays(self.engine, seconds, extra=VECTORISING)

    def use(self, values: Mapping[str, Any]) -> None:
        """Give those of the constants and columns that are named other values."""
        super().use(values)
        self._outer_curved = None  # it has the constants
        if self._whole is not None:
            self._whole.use(values)
        if self._rows.held is not None:
            self._rows = HeldRows({n: values.get(n, old) for n, old in self._rows.held.items()})
            self._is_small = not is_for_blocks(
                self._rows.count, self.engine, is_plain=self._sums is not None
            )

    def use_rows(self, rows: PieceRows) -> None:
        """Take other rows of the same columns."""
        self._rows = rows

    def in_memory(self) -> dict[str, Any]:
        """Return all values that stay and are in memory, by name."""
        return {**self.constants, **(self._rows.held or {})}

    def whole(self) -> Objective:
        """Return the same objective over all rows at once; they must be in memory."""
        if self._whole is None:
            names = self.graph.variables([self.result])
            constants = {name: value for name, value in self.in_memory().items() if name in names}
            self._whole = Objective(
                self.graph,
                self.result,
                self.parameters,
                self._origin,
                constants,
                location=self._location,
            )
        return self._whole

    def checked(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return what a call does, every step checked if the rows are few."""
        is_small = self._rows.held is not None and self._rows.count < MANY_ROWS
        return self._look_closely(point) if is_small else self(point)

    def _by_blocks(self, point: Sequence[Any]) -> list[Any]:
        """Return value and gradient for rows of any shape, by the chain rule."""
        if self._outer is None:
            self._outer = self._compiled_outer()
        values = [*point, *self.constants.values()]
        sums = Totals(self._parts, len(self.parameters))
        for rows, found_of in self._rows.over(self.reductions_of, values):
            sums.add(rows, found_of)
        totals, slopes = sums.found()
        value, *by = self._outer(*values, *totals)
        count = len(self.parameters)
        found = list(by[:count])
        for weight, slope in zip(by[count:], slopes, strict=True):
            found = [f + weight * s for f, s in zip(found, slope, strict=True)]
        return [value, *found]

    def reductions_of(self, block: Block, _: int, values: Sequence[Any]) -> tuple[int, list[Any]]:
        """Return the number of rows, and their reductions and the derivatives of these."""
        if self._inner is None:
            self._inner = self._compiled_inner()
        return self._in_blocks(self._inner, block, values, len(self.parameters))

    def _in_blocks(
        self, run: Callable[..., Any], block: Block, values: Sequence[Any], each: int
    ) -> tuple[int, list[Any]]:
        """Return reductions and `each` derivatives of every one, worked out some rows at a time."""
        sums = Totals(self._parts, each)
        for some in HeldRows(block).blocks(self._block):
            sums.add(length_of(some), run(*values, *[some[name] for name in self._names]))
        totals, slopes = sums.found()
        return length_of(block), [*totals, *[slope for of_one in slopes for slope in of_one]]

    def hessian(self, point: Sequence[Any]) -> Matrix:
        """Return the second derivatives with respect to all parameters.

        Of rows that are not in memory they come from one pass.

        With the reductions s(p) of the outer formula F(p, s) they are ZᵀF''Z + Σ dF/ds_k s_k'',
        where Z is the identity above s'. Raises MathematicsError where one is not finite.
        """
        if not self.is_in_blocks:
            return self.whole().hessian(point)
        size = self.layout.count
        values = [*point, *self.constants.values()]
        parts = Totals(self._parts, 2)
        try:
            for rows, curved in self._rows.over(self.curvatures_of, values):
                parts.add(rows, curved)
            totals, both = parts.found()
            if self._outer_curved is None:
                self._outer_curved = self._outer_objective()
            outer, is_met = self._outer_curved
            arguments = np.append(self.layout.vector(point), totals)[is_met]
            chain = np.vstack([np.eye(size), *[first for first, _ in both]])[is_met]
            found = chain.T @ outer.hessian(arguments) @ chain
            weights = outer(arguments)[1][len(arguments) - len(both) :]
            for weight, (_, second) in zip(weights, both, strict=True):
                found = found + weight * second
        except (ValueError, OverflowError, ZeroDivisionError):
            found = np.full((size, size), np.nan)
        if not np.isfinite(found).all():
            message = "a second derivative is not finite or does not exist"
            raise MathematicsError(message)
        return np.asarray((found + found.T) / 2)

    def curvatures_of(self, block: Block, _: int, values: Sequence[Any]) -> tuple[int, list[Any]]:
        """Return the number of rows, their reductions, and gradient and Hessian of each."""
        if self._curved is None:
            self._curved = self._compiled_curved()
        return self._in_blocks(self._curved, block, values, 2)

    def _compiled_curved(self) -> Callable[..., list[Any]]:
        """Return the function from all values to reductions, their gradients and Hessians."""
        layout, graph, parts = self.layout, self.graph, self._parts.parts
        nodes = list(self.nodes.values())
        first = [node for part in parts for node in gradient(graph, part, nodes).values()]
        names = [*self.parameters, *self.constants, *self._names]
        second: Callable[..., list[Matrix]]
        entries: list[int] = []
        if any(self.shapes):
            second = self.columns_of_hessians(parts, names)
        else:  # one program computes it all
            below = np.tril_indices(layout.count)
            for part in parts:
                rows = hessian(graph, part, nodes)
                entries += [rows[i][j] for i, j in zip(*below, strict=True)]
        start, end = len(parts), len(parts) + len(first)
        run = function(program(graph, [*parts, *first, *entries]), names)

        def curved(*values: Any) -> list[Any]:
            found = run(*values)
            vectors = [
                layout.vector(found[k : k + len(nodes)]) for k in range(start, end, len(nodes))
            ]
            if entries:
                matrices = list(np.empty((len(parts), layout.count, layout.count)))
                for matrix, some in zip(
                    matrices, np.reshape(found[end:], (len(parts), -1)), strict=True
                ):
                    matrix[below] = matrix.T[below] = some
            else:
                matrices = second(*values)
            pairs = zip(vectors, matrices, strict=True)
            return [*found[:start], *(each for pair in pairs for each in pair)]

        return curved

    def _outer_objective(self) -> tuple[VectorObjective, Mask]:
        """Return the outer formula as a function of parameters and reductions.

        It takes those numbers of both that occur in it, which the mask selects.
        """
        outer, result = self._parts.outer, self._parts.result
        reductions = self._parts.names
        known = outer.variables([result])
        names = [name for name in (*self.parameters, *reductions) if name in known]
        constants = {name: value for name, value in self.constants.items() if name in known}
        owners = [*self.layout.owners(self.parameters), *reductions]
        is_met = np.array([owner in known for owner in owners])
        return VectorObjective(Objective(outer, result, names, None, constants)), is_met

    def _compiled_outer(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function of parameters, constants and reductions to value and slopes."""
        parts = self._parts
        slopes = parts.slopes(dict(zip(self.parameters, self.shapes, strict=True)))
        names = [*self.parameters, *self.constants, *parts.names]
        return function(program(parts.outer, [parts.result, *slopes]), names)

    def _compiled_inner(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function from all values to the sums over some rows and their slopes."""
        outputs = list(self._parts.parts)
        for part in self._parts.parts:
            outputs += gradient(self.graph, part, self.nodes.values()).values()
        names = [*self.parameters, *self.constants, *self._names]
        return function(program(self.graph, outputs), names)


def measure(
    formula: Node,
    origin: Origin | None,
    fixed: Mapping[str, Any],
    parameters: Mapping[str, Any],
    data: Mapping[str, Any] | Rows,
) -> Callable[[Mapping[str, Any]], float]:
    """Return the function from the parameters to the value of the formula on these rows.

    Rows in files are read for every call if the formula has the length ROWS, and else held in
    memory. Raises NameValueError for names without a value.
    """
    names = formula.graph.variables([formula.id])
    known = {name: value for name, value in {**fixed, **parameters}.items() if name in names}
    if not isinstance(data, Mapping):
        checked(formula, known, origin, data.entries)
        if formula.graph.columns:
            used = [name for name in parameters if name in names]
            others = {name: fixed[name] for name in fixed if name in names}
            objective = RowsObjective(formula, used, origin, others, data)
            return lambda values: objective([values[name] for name in used])[0]
        data = data.hold().held
    columns = {name: value for name, value in data.items() if name in names}
    checked(formula, {**known, **columns}, origin)

    def value(values: Mapping[str, Any]) -> float:
        now = {name: values.get(name, default) for name, default in known.items()}
        found: float = Point(formula.graph, formula.id, {**now, **columns}, origin).value
        return found

    return value
