"""Residuals of a model over data and their exact Jacobian, computed by blocks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.forward import tangents
from gradcli.calculus.rows import is_rowwise, resized
from gradcli.data.columns import length_of
from gradcli.data.rows import HeldRows, numbered
from gradcli.errors import MathematicsError
from gradcli.graph.simplify import DerivedNode
from gradcli.graph.structural import entries
from gradcli.runtime.generated import function
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.graph.node import Graph
    from gradcli.minimization.machine_code import MachineCode
    from gradcli.minimization.objective import Objective
    from gradcli.optimize.solver import Matrix, Vector

BLOCK_NUMBERS = 1 << 17
"""How many numbers of the Jacobian are made at a time when rows can be taken in blocks, 1 MiB."""
BLOCK_ROWS = 1 << 13
"""The most rows that are made at a time; for longer vectors NumPy would wait for more threads."""


class ModelResiduals:
    """The weighted residuals of an objective that is a sum of squares.

    `node` is that of the unweighted residuals and `weights` are what their squares are multiplied
    with, one number for each residual, or None. `data` are the rows of an objective that does not
    hold them. Residuals are undefined where one is not finite, which raises MathematicsError.
    """

    def __init__(
        self, objective: Objective, node: int, weights: Vector | None, data: Rows | None = None
    ) -> None:
        graph = objective.graph
        self._objective = objective
        self._node = node
        self._roots = None if weights is None else np.sqrt(weights)
        self._compiled: dict[tuple[int, bool], Callable[..., Any]] = {}
        self._machine_code: dict[bool, MachineCode | None] = {}
        free = graph.variables([node])
        self._fixed = {n: value for n, value in objective.constants.items() if n in free}
        shape = graph.shape(node)
        if data is None:
            # Arrays as long as the residuals are data, and the rest belongs to every row.
            same = [n for n in self._fixed if shape and graph.shape(free[n])[:1] == shape[:1]]
            if same and is_rowwise(graph, node, [free[name] for name in same]):
                data = HeldRows({name: self._fixed.pop(name) for name in same})
        self._data = data
        self._names = [] if data is None else [name for name in data.entries if name in free]
        rows = (shape[0] if shape else 1) if data is None else data.count
        self._width = int(np.prod(shape[1:]))
        """How many residuals a row has."""
        self.count = rows * self._width
        most = BLOCK_NUMBERS // max(1, objective.size * self._width)
        self._block = rows if data is None else min(rows, BLOCK_ROWS, max(64, most))
        self.is_linear = self._constant_jacobian()

    def values(self, point: Vector) -> Iterator[Vector]:
        """Yield the residuals by blocks; raise MathematicsError where one is not finite."""
        self._objective.evaluations += 1
        for start, block in self._blocks():
            residual, _ = self._run(block, point, has_slopes=False)
            yield self._checked(residual, start)

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield the residuals and their Jacobian by the parameters' numbers, rows by rows."""
        self._objective.evaluations += 1
        for start, block in self._blocks():
            residual, matrix = self._run(block, point, has_slopes=True)
            values = self._checked(residual, start)
            if self._roots is not None:
                matrix *= self._weights(start, len(values))[:, None]
            if not np.isfinite(matrix).all():
                message = "a derivative of the residuals is not finite"
                raise MathematicsError(message)
            yield values, matrix

    def _blocks(self) -> Iterator[tuple[int, Block]]:
        """Yield the place of the first row of each block, and its data."""
        return iter([(0, {})]) if self._data is None else numbered(self._data, self._block)

    def _weights(self, start: int, count: int) -> Vector:
        assert self._roots is not None  # noqa: S101 - the caller has seen it
        first = start * self._width
        return self._roots[first : first + count]

    def _checked(self, residual: Any, start: int) -> Vector:
        values = np.array(residual, dtype=np.float64).ravel()
        if self._roots is not None:
            values *= self._weights(start, len(values))
        if not np.isfinite(values).all():
            message = "a residual is not finite"
            raise MathematicsError(message)
        return values

    def _run(self, block: Block, point: Vector, *, has_slopes: bool) -> tuple[Any, Matrix]:
        """Return the residuals of some rows, and their Jacobian or a matrix without columns."""
        length = length_of(block) if block else self._block
        parameters = self._objective.layout.blocks(point)
        values = [*parameters, *self._fixed.values()]
        if self._objective.is_native():
            if has_slopes not in self._machine_code:
                self._machine_code[has_slopes] = self._assembled(has_slopes=has_slopes)
            machine_code = self._machine_code[has_slopes]
            found = None if machine_code is None else machine_code(values, block, length)
            if found is not None:
                return found
        if (length, has_slopes) not in self._compiled:
            graph, outputs = self._outputs(length, has_slopes=has_slopes)
            names = [*self._objective.parameters, *self._fixed, *self._names]
            self._compiled[length, has_slopes] = function(program(graph, outputs), names)
        data = [block[name] for name in self._names]
        try:
            residual, *columns = self._compiled[length, has_slopes](*values, *data)
        except (ValueError, OverflowError, ZeroDivisionError):
            message = "a residual is undefined"
            raise MathematicsError(message) from None
        matrix = np.empty((length * self._width, len(columns)), order="F")
        for place, column in enumerate(columns):
            matrix[:, place] = np.ravel(column)
        return residual, matrix

    def _outputs(self, length: int, *, has_slopes: bool) -> tuple[Graph, list[int]]:
        """Return a graph and in it the residuals of so many rows, and maybe the derivatives."""
        graph, node, columns = self._derived(length)
        return graph, [node, *columns] if has_slopes else [node]

    def _assembled(self, *, has_slopes: bool) -> MachineCode | None:
        """Return the residuals, and maybe their derivatives, as machine code if that can be."""
        from gradcli.minimization.machine_code import machine_code

        graph, outputs = self._outputs(min(self._block, 2), has_slopes=has_slopes)
        names = graph.variables(outputs)
        columns = {name: names[name] for name in self._names if name in names}
        return machine_code(graph, outputs, columns, [*self._objective.parameters, *self._fixed])

    def _derived(self, length: int) -> tuple[Graph, int, list[int]]:
        """Return a graph with the residuals of so many rows, and a node for each derivative."""
        original = self._objective.graph
        entries_of = {} if self._data is None else self._data.entries
        shapes = {name: (length, *entries_of[name]) for name in self._names}
        graph, node = resized(original, self._node, shapes)
        one = graph.constant(1)
        nodes = graph.variables([node])
        columns: list[int] = []
        for name in self._objective.parameters:
            if name not in nodes:  # it moves, but not these residuals
                shape = original.shape(self._objective.nodes[name])
                zero = graph.constant(0)
                columns += [_like(graph, zero, node)] * len(entries(shape))
                continue
            shape = graph.shape(nodes[name])
            for key in entries(shape):
                seed = (
                    DerivedNode(graph, one).apply("scatter", payload=(key, shape)).id
                    if shape
                    else one
                )
                columns += tangents(graph, [node], {nodes[name]: seed})
        return graph, node, columns

    def _constant_jacobian(self) -> bool:
        """Return whether no derivative depends on a parameter: the model is linear in them."""
        length = self._block if self._data is None else min(self._block, 2)
        graph, _, columns = self._derived(length)
        moving = graph.variables(columns).keys() & set(self._objective.parameters)
        return not moving


def _like(graph: Graph, node: int, other: int) -> int:
    from gradcli.graph.simplify import broadcast_to

    return broadcast_to(graph, node, graph.shape(other))
