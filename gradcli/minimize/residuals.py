"""Residuals of a model over data and their exact Jacobian, computed by blocks of rows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.forward import rate_name, tangents, units
from gradcli.data.columns import length_of
from gradcli.data.rows import HeldRows, numbered
from gradcli.errors import MathematicsError
from gradcli.programs.program import function, program
from gradcli.rows.reductions import is_rowwise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.minimize.objective import Objective
    from gradcli.rows.sums import InRows
    from gradcli.solvers.solver import Mask, Matrix, Vector

BLOCK_NUMBERS = 1 << 17
"""How many numbers of the Jacobian are made at a time when rows can be taken in blocks, 1 MiB."""
BLOCK_ROWS = 1 << 13
"""The most rows that are made at a time; for longer vectors NumPy would wait for more threads."""

VALUES, ALONG = "values", "along"
"""The forms of residuals without a Jacobian, and with its derivative along a direction too."""


class ModelResiduals:
    """The weighted residuals of an objective that is a sum of squares.

    `node` is that of the unweighted residuals and `weight` that of what their squares are
    multiplied with, or None. `data` are the rows of an objective that does not hold them. Residuals
    are undefined where one is not finite, which raises MathematicsError.
    """

    def __init__(
        self, objective: Objective, node: int, weight: int | None, data: Rows | None = None
    ) -> None:
        graph = objective.graph
        self._objective = objective
        self._node = node
        self._weight = weight
        self._compiled: dict[str, Callable[..., Any]] = {}
        self._machine_code: dict[str, InRows | None] = {}
        self._weights_of: Callable[..., Any] | None = None
        free = graph.variables([node])
        weighing = () if weight is None else graph.variables([weight])
        shape = graph.shape(node)
        fixed = {n: x for n, x in objective.constants.items() if n in free or n in weighing}
        if data is None and is_rowwise(graph, node):
            columns = [name for name in fixed if name in graph.columns]
            data = HeldRows({name: fixed.pop(name) for name in columns})
        self._fixed = {name: value for name, value in fixed.items() if name in free}
        self._weighing = {name: fixed.get(name) for name in weighing}
        """The names that the weight has, and their values where these are not those of rows."""
        self._data = data
        self._is_native = False
        self._names = [] if data is None else [name for name in data.entries if name in free]
        rows = (shape[0] if shape else 1) if data is None else data.count
        self._width = prod(shape[1:])
        """How many residuals a row has."""
        self.count = rows * self._width
        most = BLOCK_NUMBERS // max(1, objective.size * self._width)
        self._block = rows if data is None else min(rows, BLOCK_ROWS, max(64, most))
        self.slopes = self._derivatives()
        """The nodes of the derivatives with respect to each number of the parameters."""
        self.is_linear = not any(map(self._met, self.slopes))
        """Whether no derivative depends on a parameter: the model is linear in them."""
        self.block: Block = {}
        """The data of the rows that came last."""

    def _met(self, node: int) -> set[str]:
        """Return the parameters that a node depends on."""
        return self._objective.graph.variables([node]).keys() & set(self._objective.parameters)

    def linear(self) -> Mask:
        """Return in which numbers together the residuals are linear when the others stay."""
        owners = self._objective.layout.owners(self._objective.parameters)
        met = [self._met(column) for column in self.slopes]
        found = np.zeros(len(owners), dtype=bool)
        names: set[str] = set()
        others: set[str] = set()
        # First those that exclude the fewest.
        for number in sorted(range(len(owners)), key=lambda i: len(met[i])):
            name = owners[number]
            if name not in met[number] and name not in others and not names & met[number]:
                found[number] = True
                names.add(name)
                others |= met[number]
        return found

    def each(
        self, form: str, work: Callable[..., Any], arguments: tuple[Any, ...], *more: Any
    ) -> Iterable[Any]:
        """Yield what is made of each group of the rows; see solver.each."""
        if self._data is None:
            yield work(getattr(self, form)(*arguments), *more)
        else:
            self._begin()
            job = form, work, arguments, more, self._is_native
            yield from self._data.over(self.of_group, *job)

    def of_group(
        self,
        block: Block,
        _: int,
        form: str,
        work: Callable[..., Any],
        arguments: tuple[Any, ...],
        more: tuple[Any, ...],
        is_native: bool,
    ) -> Any:
        """Return what is made of some rows, by machine code if that is wanted."""
        self._is_native = is_native
        return work(self._rows_of(form, HeldRows(block), *arguments), *more)

    def _begin(self) -> None:
        """Count a pass over the rows, by which it is decided whether machine code repays."""
        self._objective.evaluations += 1
        self._is_native = self._objective.is_native()

    def values(self, point: Vector) -> Iterator[Vector]:
        """Yield the residuals by blocks; raise MathematicsError where one is not finite."""
        self._begin()
        return self._rows_of("values", self._data, point)

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield the residuals and their Jacobian, block by block."""
        self._begin()
        return self._rows_of("blocks", self._data, point)

    def along(self, point: Vector, direction: Vector) -> Iterator[tuple[Vector, Matrix, Matrix]]:
        """Yield residuals, Jacobian, and the derivative of the Jacobian along a direction."""
        self._begin()
        return self._rows_of("along", self._data, point, direction)

    def used(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield what `blocks` does, but for the rows of weight 0."""
        self._begin()
        return self._rows_of("used", self._data, point)

    def _rows_of(
        self, form: str, data: Rows | None, point: Vector, direction: Vector | None = None
    ) -> Iterator[Any]:
        """Yield the weighted residuals, and the derivatives of a form, rows by rows."""
        values = self._objective.layout.blocks(point)
        rates = [] if direction is None else self._objective.layout.blocks(direction)
        order = "blocks" if form == "used" else form
        for _, block in self._blocks(data):
            self.block = block
            residual, matrix = self._run(block, values, order, rates)
            roots = np.ones(1) if self._weight is None else self._roots(block, np.shape(residual))
            found = self._checked(residual, roots)
            if form == VALUES:
                yield found
                continue
            if self._weight is not None:
                matrix *= roots[:, None]
            if not np.isfinite(matrix).all():
                message = "a derivative of the residuals is not finite"
                raise MathematicsError(message)
            if form == "used":
                used = np.broadcast_to(roots != 0, found.shape)
                found, matrix = found[used], matrix[used]
            yield (found, *np.hsplit(matrix, 2)) if form == ALONG else (found, matrix)

    def _blocks(self, data: Rows | None) -> Iterator[tuple[int, Block]]:
        """Yield the place of the first row of each block, and its data."""
        return iter([(0, {})]) if data is None else numbered(data, self._block)

    def weights(self, block: Block, shape: Sequence[int]) -> Vector:
        """Return what the squares of residuals of this shape are multiplied with, in one row."""
        graph, node = self._objective.graph, self._weight
        assert node is not None  # noqa: S101 - the caller has seen it
        if self._weights_of is None:
            self._weights_of = function(program(graph, [node]), list(self._weighing))
        (found,) = self._weights_of(*({**self._weighing, **block}[name] for name in self._weighing))
        return np.broadcast_to(np.asarray(found, dtype=np.float64), shape).ravel()

    def _roots(self, block: Block, shape: Sequence[int]) -> Vector:
        with np.errstate(invalid="ignore"):
            return np.sqrt(self.weights(block, shape))

    def _checked(self, residual: Any, roots: Vector) -> Vector:
        values = np.array(residual, dtype=np.float64).ravel()
        if self._weight is not None:
            values *= roots
        if not np.isfinite(values).all():
            message = "a residual is not finite"
            raise MathematicsError(message)
        return values

    def _run(
        self, block: Block, parameters: Sequence[Any], form: str, rates: Sequence[Any]
    ) -> tuple[Any, Matrix]:
        """Return the residuals of some rows, and the columns of their derivatives."""
        length = length_of(block) if block else self._block
        values = [*parameters, *self._fixed.values()]
        if self._is_native and form != ALONG:
            if form not in self._machine_code:
                self._machine_code[form] = self._assembled(form)
            machine_code = self._machine_code[form]
            found = None if machine_code is None else machine_code(values, block, length)
            if found is not None:
                return found
        if form not in self._compiled:
            free = self._objective.parameters
            names = [*free, *self._fixed, *self._names, *map(rate_name, free[: len(rates)])]
            outputs = self._outputs(form)
            self._compiled[form] = function(program(self._objective.graph, outputs), names)
        data = [block[name] for name in self._names]
        try:
            residual, *columns = self._compiled[form](*values, *data, *rates)
        except (ValueError, OverflowError, ZeroDivisionError):
            message = "a residual is undefined"
            raise MathematicsError(message) from None
        matrix = np.empty((length * self._width, len(columns)), order="F")
        for number, column in enumerate(columns):
            matrix[:, number] = np.ravel(column)
        return residual, matrix

    def _outputs(self, form: str) -> list[int]:
        """Return the nodes of the residuals, and of the derivatives of a form.

        The second ones are how the first change at the rates of the parameters, names of their own.
        """
        first = [self._node, *(() if form == VALUES else self.slopes)]
        if form != ALONG:
            return first
        graph = self._objective.graph
        rates = {
            node: graph.variable(rate_name(name), graph.shape(node))
            for name, node in self._objective.nodes.items()
        }
        return [*first, *tangents(graph, self.slopes, rates)]

    def _assembled(self, form: str) -> InRows | None:
        """Return the residuals, and maybe their derivatives, as machine code if that can be."""
        from gradcli.rows.sums import machine_code

        objective = self._objective
        names = [*objective.parameters, *self._fixed]
        return machine_code(objective.graph, self._outputs(form), names, objective.engine)

    def _derivatives(self) -> list[int]:
        """Return the derivatives of the residuals with respect to each number, as nodes."""
        graph = self._objective.graph
        return [
            tangents(graph, [self._node], {node: unit})[0]
            for node in self._objective.nodes.values()
            for _, unit in units(graph, node)
        ]
