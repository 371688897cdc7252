"""A formula as the function that an optimiser calls: a point in, value and gradient out."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError
from gradcli.limits import GENERATED_NODES
from gradcli.point import Point, entry_name, few, names_to_nodes
from gradcli.runtime.interpreter import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    missing = [name for name in names_to_nodes(graph, result) if name not in nodes]
    if missing:
        message = f"no parameter stands for {few(missing)}"
        raise NameValueError(message, hint="name all free names of the formula")
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
        nodes = names_to_nodes(graph, result, parameters)
        self._shapes = {name: graph.shape(node) for name, node in nodes.items()}
        self._has_arrays = graph.has_arrays
        self._fast: Callable[..., tuple[Any, ...]] | None = None
        if len(graph.reachable([result])) <= GENERATED_NODES:
            self._fast = compiled(graph, result, self._parameters)

    def __call__(self, point: Sequence[float]) -> tuple[float, list[float]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        if self._fast is not None:
            try:
                if self._has_arrays:
                    value, slope = self._with_arrays(point)
                else:
                    value, *slope = self._fast(*point)
            except (ValueError, OverflowError, ZeroDivisionError):
                return self.checked(point)
            # A sum is finite only if its terms are; when it is not, look closely.
            total = value + sum(slope)
            if total - total == 0:
                return value, slope
        return self.checked(point)

    def values(self, point: Sequence[float]) -> dict[str, Any]:
        """Return the numbers of a point as the values of the parameters."""
        if not self._has_arrays:
            return dict(zip(self._parameters, point, strict=True))
        import numpy as np

        found: dict[str, Any] = {}
        start = 0
        for name in self._parameters:
            shape = self._shapes[name]
            stop = start + prod(shape)
            found[name] = np.array(point[start:stop]).reshape(shape) if shape else point[start]
            start = stop
        return found

    def flat(self, values: Mapping[str, Any]) -> list[float]:
        """Return the values of the parameters as the numbers of a point."""
        numbers: list[float] = []
        for name in self._parameters:
            value = values[name]
            numbers += [value] if isinstance(value, float) else value.ravel().tolist()
        return numbers

    def _with_arrays(self, point: Sequence[float]) -> tuple[float, list[float]]:
        assert self._fast is not None  # noqa: S101 - the caller has seen it
        value, *slopes = self._fast(*self.values(point).values())
        numbers = [
            x if shape else float(x) for x, shape in zip(slopes, self._shapes.values(), strict=True)
        ]
        return float(value), self.flat(dict(zip(self._parameters, numbers, strict=True)))

    def checked(self, point: Sequence[float]) -> tuple[float, list[float]]:
        """Return what a call does, found by the interpreter, which checks every step."""
        values = self.values(point)
        for name, value in values.items():
            if not finite(value):
                message = f"the parameter {name} became infinite"
                raise MathematicsError(message)
        here = Point(self._graph, self._result, values, self._origin)
        return here.value, self.flat(here.gradient(self._parameters))


def entries(values: Mapping[str, Any]) -> list[str]:
    """Return the names of the numbers that values are made of: a, w[0], w[1], W[0,1]."""
    found: list[str] = []
    for name, value in values.items():
        if isinstance(value, float):
            found.append(name)
        else:
            import numpy as np

            found += [entry_name(name, key) for key in np.ndindex(value.shape)]
    return found
