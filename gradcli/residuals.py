"""Residuals of a model over data and their exact Jacobian, computed by blocks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.forward import tangents
from gradcli.calculus.rows import is_rowwise, resized
from gradcli.errors import MathematicsError
from gradcli.graph.simplify import DerivedNode
from gradcli.graph.structural import entries
from gradcli.runtime.generated import function
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gradcli.graph.node import Graph
    from gradcli.objective import Objective
    from gradcli.optimize.solver import Matrix, Vector

BLOCK_NUMBERS = 1_000_000
"""How many numbers of the Jacobian are made at a time when rows can be taken in blocks."""


class ModelResiduals:
    """The weighted residuals of an objective that is a sum of squares.

    `node` is that of the unweighted residuals and `weights` are what their squares are multiplied
    with, one number for each residual, or None. Residuals are undefined where one is not finite,
    which raises MathematicsError.
    """

    def __init__(self, objective: Objective, node: int, weights: Vector | None) -> None:
        graph = objective.graph
        self._objective = objective
        self._node = node
        shape = graph.shape(node)
        self.count = int(np.prod(shape))
        self._roots = None if weights is None else np.sqrt(weights)
        self._compiled: dict[int, tuple[Callable[..., Any], Callable[..., Any]]] = {}
        free = graph.variables([node])
        self._names = [name for name in objective.constants if name in free]
        self._rows = shape[0] if shape else 1
        """Rows of the residuals; each row is one residual or several."""
        # Arrays as long as the residuals are data, and the rest belongs to every row.
        self._sliced = {
            name for name in self._names if shape and graph.shape(free[name])[:1] == shape[:1]
        }
        whole = not is_rowwise(graph, node, [free[name] for name in self._sliced])
        most = BLOCK_NUMBERS // max(1, objective_size(objective) * (self.count // self._rows))
        self._block = self._rows if whole else min(self._rows, max(64, most))
        self.is_linear = self._constant_jacobian()

    def values(self, point: Vector) -> Vector:
        """Return the residuals; raise MathematicsError where one is not finite."""
        return np.concatenate(
            [
                self._checked(self._run(start, stop, point, 0), start)
                for start, stop in self._ranges()
            ]
        )

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield the residuals and their Jacobian by the parameters' numbers, rows by rows."""
        for start, stop in self._ranges():
            residual, *columns = self._run(start, stop, point, 1)
            values = self._checked((residual,), start)
            matrix = np.empty((len(values), len(columns)), order="F")
            for place, column in enumerate(columns):
                matrix[:, place] = np.ravel(column)
            if self._roots is not None:
                matrix *= self._weights(start, len(values))[:, None]
            if not np.isfinite(matrix).all():
                message = "a derivative of the residuals is not finite"
                raise MathematicsError(message)
            yield values, matrix

    def _ranges(self) -> Iterator[tuple[int, int]]:
        for start in range(0, self._rows, self._block):
            yield start, min(start + self._block, self._rows)

    def _weights(self, start: int, count: int) -> Vector:
        assert self._roots is not None  # noqa: S101 - the caller has seen it
        first = start * (self.count // self._rows)
        return self._roots[first : first + count]

    def _checked(self, outputs: Sequence[Any], start: int) -> Vector:
        values = np.array(outputs[0], dtype=np.float64).ravel()
        if self._roots is not None:
            values *= self._weights(start, len(values))
        if not np.isfinite(values).all():
            message = "a residual is not finite"
            raise MathematicsError(message)
        return values

    def _run(self, start: int, stop: int, point: Vector, kind: int) -> Any:
        """Return the residuals of some rows, and for kind 1 also the columns of the Jacobian."""
        length = stop - start
        if length not in self._compiled:
            self._compiled[length] = self._compile(length)
        constants = self._objective.constants
        data = [
            constants[name][start:stop]
            if name in self._sliced and length < self._rows
            else constants[name]
            for name in self._names
        ]
        try:
            return self._compiled[length][kind](*self._layout(point), *data)
        except (ValueError, OverflowError, ZeroDivisionError):
            message = "a residual is undefined"
            raise MathematicsError(message) from None

    def _layout(self, point: Vector) -> list[Any]:
        from gradcli.objective import Layout

        return Layout(self._objective.shapes).blocks(point)

    def _compile(self, length: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return the functions of so many rows: residuals, and residuals with Jacobian."""
        graph, node, columns = self._derived(length)
        names = [*self._objective.parameters, *self._names]
        return (
            function(program(graph, [node]), names),
            function(program(graph, [node, *columns]), names),
        )

    def _derived(self, length: int) -> tuple[Graph, int, list[int]]:
        """Return a graph with the residuals of so many rows, and a node for each derivative."""
        original = self._objective.graph
        free = original.variables([self._node])
        shapes = {name: (length, *original.shape(free[name])[1:]) for name in self._sliced}
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
                    DerivedNode(graph, one).apply("place", payload=(key, shape)).id
                    if shape
                    else one
                )
                columns += tangents(graph, [node], {nodes[name]: seed})
        return graph, node, columns

    def _constant_jacobian(self) -> bool:
        """Return whether no derivative depends on a parameter: the model is linear in them."""
        graph, _, columns = self._derived(
            min(self._block, 2) if self._block < self._rows else self._rows
        )
        moving = graph.variables(columns).keys() & set(self._objective.parameters)
        return not moving


def _like(graph: Graph, node: int, other: int) -> int:
    from gradcli.calculus.reverse import spread

    return spread(graph, node, graph.shape(other))


def objective_size(objective: Objective) -> int:
    """Return how many numbers the parameters of an objective have."""
    from math import prod

    return sum(prod(shape) for shape in objective.shapes)
