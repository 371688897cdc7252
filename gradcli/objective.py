"""A formula as the function that an optimiser calls: a point in, value and gradient out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.errors import MathematicsError
from gradcli.limits import GENERATED_NODES
from gradcli.point import Point, names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.graph.node import Graph
    from gradcli.language.origin import Origin


def compiled(
    graph: Graph, result: int, parameters: Sequence[str]
) -> Callable[..., tuple[float, ...]]:
    """Return a Python function from the parameters' values to (value, derivative by each).

    It checks nothing: where there is no value it raises ValueError, OverflowError or
    ZeroDivisionError, or returns nan or inf.
    """
    from gradcli.calculus.reverse import gradient
    from gradcli.runtime.generated import function
    from gradcli.runtime.program import program

    nodes = names_to_nodes(graph, result, parameters)
    slopes = gradient(graph, result, nodes.values())
    outputs = [result, *(slopes[node] for node in nodes.values())]
    return function(program(graph, outputs), parameters)


class Objective:
    """Value and gradient at a point given as a list of numbers.

    It runs generated Python, and the interpreter where that finds no value: the interpreter knows
    why, and reads past a branch of `where` that is not taken. A formula too large to be worth
    compiling is always interpreted.
    """

    def __init__(
        self, graph: Graph, result: int, parameters: Sequence[str], origin: Origin | None = None
    ) -> None:
        self._graph = graph
        self._result = result
        self._parameters = list(parameters)
        self._origin = origin
        self._fast: Callable[..., tuple[float, ...]] | None = None
        if len(graph.reachable([result])) <= GENERATED_NODES:
            self._fast = compiled(graph, result, self._parameters)

    def __call__(self, point: Sequence[float]) -> tuple[float, list[float]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        if self._fast is not None:
            try:
                value, *slope = self._fast(*point)
            except (ValueError, OverflowError, ZeroDivisionError):
                return self._careful(point)
            # A sum is finite only if its terms are; when it is not, look closely.
            total = value + sum(slope)
            if total - total == 0:
                return value, slope
        return self._careful(point)

    def _careful(self, point: Sequence[float]) -> tuple[float, list[float]]:
        values = dict(zip(self._parameters, point, strict=True))
        for name, value in values.items():
            if value - value != 0:
                message = f"the parameter {name} became infinite"
                raise MathematicsError(message)
        here = Point(self._graph, self._result, values, self._origin)
        slopes = here.gradient()
        return here.value, [slopes[name] for name in self._parameters]
