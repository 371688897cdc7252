"""A formula as the function that an optimiser calls: a point in, value and gradient out.

Some names are parameters, which move; the others have values that stay, such as columns of data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError
from gradcli.limits import GENERATED_NODES
from gradcli.optimize.engines import Compiled, Formula
from gradcli.point import Point, entry_name, few, names_to_nodes
from gradcli.runtime.interpreter import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin
    from gradcli.optimize.solver import Matrix, Vector
    from gradcli.runtime.program import Program


def compiled(
    graph: Graph,
    result: int,
    parameters: Sequence[str],
    others: Sequence[str] = (),
    engine: str = "auto",
) -> Callable[..., tuple[Any, ...]]:
    """Return a Python function from the parameters' values to (value, derivative by each).

    The values of the `others` follow those of the parameters. It checks nothing: where there is no
    value it raises ValueError, OverflowError or ZeroDivisionError, or returns nan or inf.
    """
    program = with_gradient(graph, result, parameters, others)
    made = Compiled(program, [*parameters, *others], engine)
    if engine == "native":
        made.speed_up()
    return made.run


def with_gradient(
    graph: Graph, result: int, parameters: Sequence[str], others: Sequence[str]
) -> Program:
    """Return the program of the value and the derivative by each parameter.

    Raises NameValueError for a free name that is neither a parameter nor one of the `others`.
    """
    from gradcli.calculus.reverse import gradient
    from gradcli.runtime.program import program

    nodes = names_to_nodes(graph, result, parameters)
    missing = [name for name in names_to_nodes(graph, result) if name not in (*nodes, *others)]
    if missing:
        message = f"no parameter stands for {few(missing)}"
        raise NameValueError(message, hint="name all free names of the formula")
    slopes = gradient(graph, result, nodes.values())
    outputs = [result, *(slopes[node] for node in nodes.values())]
    return program(graph, outputs)


class Objective:
    """Value and gradient at a point given as the list of the parameters' values.

    It runs generated Python, and the interpreter where that finds no value: the interpreter knows
    why, and reads past a branch of `where` that is not taken. A formula too large to be worth
    compiling is always interpreted.
    """

    def __init__(
        self,
        graph: Graph,
        result: int,
        parameters: Sequence[str],
        origin: Origin | None = None,
        constants: Mapping[str, Any] | None = None,
        *,
        is_compiled: bool = True,
        engine: str = "auto",
    ) -> None:
        self.graph = graph
        self.result = result
        self.parameters = list(parameters)
        self.nodes = names_to_nodes(graph, result, parameters)
        self.shapes = [graph.shape(node) for node in self.nodes.values()]
        self.layout = Layout(self.shapes)
        self.size = self.layout.count
        """How many numbers the parameters have."""
        self.evaluations = 0
        """How often the formula was evaluated."""
        self.constants = dict(constants or {})
        self.engine = engine
        self._origin = origin
        self._fixed = tuple(self.constants.values())
        self._fast: Compiled | None = None
        self._program: Program | None = None
        if is_compiled and len(graph.reachable([result])) <= GENERATED_NODES:
            self._program = with_gradient(graph, result, self.parameters, list(self.constants))
            names = [*self.parameters, *self.constants]
            self._fast = Compiled(self._program, names, engine)

    def __call__(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        self.evaluations += 1
        if self._fast is None:
            return self.checked(point)
        if self.evaluations > self._fast.due:
            self._fast.speed_up()
        try:
            value, *slopes = self._fast.run(*point, *self._fixed)
        except (ValueError, OverflowError, ZeroDivisionError):
            return self.checked(point)
        if self.graph.has_arrays:
            value = float(value)
            slopes = [s if p else float(s) for s, p in zip(slopes, self.shapes, strict=True)]
            total = value + total_of(slopes, self.shapes)
        else:
            total = value + sum(slopes)
        # A sum is finite only if its terms are; when it is not, look closely.
        return (value, slopes) if total - total == 0 else self.checked(point)

    def formula(self) -> Formula | None:
        """Return the same function of numbers as a program; None for one of arrays."""
        if self._program is None or self._program.has_arrays:
            return None
        return Formula(self._program, self.parameters, self.constants, self.count, self.engine)

    def count(self, evaluations: int) -> None:
        """Take note of evaluations that were made elsewhere."""
        self.evaluations += evaluations

    def in_memory(self) -> dict[str, Any]:
        """Return all values that stay and are in memory, by name."""
        return self.constants

    def obstacle(self) -> str | None:
        """Return why this cannot be machine code, None if it can; imports llvmlite."""
        if self._program is None:
            return f"the formula has more than {GENERATED_NODES:,} operations"
        from gradcli.native.emitter import obstacle

        return obstacle(self._program)

    def is_native(self) -> bool:
        """Return whether what is worked out row by row should be machine code."""
        return False

    def whole(self) -> Objective:
        """Return the same objective over all rows at once."""
        return self

    def use(self, values: Mapping[str, Any]) -> None:
        """Give those of the constants that are named other values, of the same shapes."""
        for name in self.constants:
            if name in values:
                self.constants[name] = values[name]
        self._fixed = tuple(self.constants.values())

    def values(self, point: Sequence[Any]) -> dict[str, Any]:
        """Return the values of the parameters by name; arrays are the caller's own."""
        return {
            name: value.copy() if shape else value
            for name, value, shape in zip(self.parameters, point, self.shapes, strict=True)
        }

    def checked(self, point: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return what a call does, found by the interpreter, which checks every step."""
        here = self.at(point)
        slopes = here.gradient(self.parameters)
        return here.value, [slopes[name] for name in self.parameters]

    def at(self, point: Sequence[Any]) -> Point:
        """Return the formula at a point. Raises MathematicsError where it has no finite value."""
        for name, value in zip(self.parameters, point, strict=True):
            if not finite(value):
                message = f"the parameter {name} became infinite"
                raise MathematicsError(message)
        values = {**dict(zip(self.parameters, point, strict=True)), **self.constants}
        return Point(self.graph, self.result, values, self._origin)


def total_of(slopes: Sequence[Any], shapes: Sequence[Shape]) -> float:
    """Return the sum of all numbers of a gradient, which is finite only if each of them is."""
    parts = [s.sum() if shape else s for s, shape in zip(slopes, shapes, strict=True)]
    return float(sum(parts))


class VectorObjective:
    """The same function of one vector, with its Hessian: what second-order methods need."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._second: Callable[..., Matrix] | None = None
        self._hessians = 0
        self.layout = objective.layout

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return value and gradient; raise MathematicsError where either is not finite."""
        value, slopes = self._objective(self.layout.blocks(point))
        return value, self.layout.vector(slopes)

    def hessian(self, point: Vector) -> Matrix:
        """Return the exact second derivatives; raise MathematicsError where one is not finite."""
        import numpy as np

        if self._second is None:
            self._second = self._compiled_hessian()
        blocks = self.layout.blocks(point)
        try:
            matrix = self._second(*blocks)
        except (ValueError, OverflowError, ZeroDivisionError):
            matrix = None
        if matrix is None or not np.isfinite(matrix).all():
            matrix = self._checked_hessian(blocks)
        return matrix

    def _compiled_hessian(self) -> Callable[..., Matrix]:
        objective = self._objective.whole()
        if any(objective.shapes):
            return self._by_columns(objective)
        import numpy as np

        from gradcli.calculus.hessian import hessian
        from gradcli.runtime.program import program

        graph = objective.graph
        rows = hessian(graph, objective.result, list(objective.nodes.values()))
        count = len(rows)
        lower = [rows[i][j] for i in range(count) for j in range(i + 1)]
        names = [*objective.parameters, *objective.constants]
        made = Compiled(program(graph, lower), names, objective.engine)
        below = np.tril_indices(count)
        fixed = tuple(objective.constants.values())

        def matrix(*point: float) -> Matrix:
            self._hessians += 1
            if self._hessians > made.due:
                made.speed_up()
            found = np.empty((count, count))
            found[below] = made.run(*point, *fixed)
            found.T[below] = found[below]
            return found

        return matrix

    def _by_columns(self, objective: Objective) -> Callable[..., Matrix]:
        """Return the function that multiplies the Hessian with each unit vector."""
        import numpy as np

        from gradcli.calculus.hessian import hessian_times
        from gradcli.runtime.generated import function
        from gradcli.runtime.program import program

        layout = self.layout
        graph = objective.graph
        rates = {
            name: (f"rate of {name}", graph.shape(node))  # no name that anyone can type
            for name, node in objective.nodes.items()
        }
        direction = {
            objective.nodes[name]: graph.variable(rate, shape)
            for name, (rate, shape) in rates.items()
        }
        product = hessian_times(graph, objective.result, list(objective.nodes.values()), direction)
        names = [*objective.parameters, *objective.constants, *(rate for rate, _ in rates.values())]
        run = function(program(graph, product), names)
        fixed = tuple(objective.constants.values())

        def matrix(*point: Any) -> Matrix:
            units = np.eye(layout.count)
            columns = [layout.vector(run(*point, *fixed, *layout.blocks(unit))) for unit in units]
            half: Matrix = 0.5 * np.array(columns)
            half += half.T.copy()
            return half

        return matrix

    def _checked_hessian(self, blocks: Sequence[Any]) -> Matrix:
        """Return the Hessian found by the interpreter, which knows what is wrong with it."""
        import numpy as np

        whole = self._objective.whole()
        rows = whole.at(blocks).hessian(whole.parameters)
        return np.array([[row[name] for name in rows] for row in rows.values()])


class Layout:
    """How the values of the parameters, numbers and arrays, lie behind each other in a vector."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        from math import prod

        self._shapes = list(shapes)
        self._sizes = [prod(shape) for shape in shapes]
        self.count = sum(self._sizes)
        """The length of the vector."""

    def blocks(self, vector: Vector) -> list[Any]:
        """Return the values of the parameters."""
        if not any(self._shapes):
            numbers_only: list[Any] = vector.tolist()
            return numbers_only
        found: list[Any] = []
        start = 0
        for shape, size in zip(self._shapes, self._sizes, strict=True):
            part = vector[start : start + size]
            found.append(part.reshape(shape) if shape else float(part[0]))
            start += size
        return found

    def vector(self, blocks: Sequence[Any]) -> Vector:
        """Return the numbers of all parameters."""
        import numpy as np

        if not any(self._shapes):
            return np.array(blocks, dtype=np.float64)
        return np.concatenate([np.ravel(block) for block in blocks]).astype(np.float64)

    def repeated(self, values: Sequence[float]) -> Vector:
        """Return the vector that holds the same value for all numbers of a parameter."""
        import numpy as np

        return np.repeat(np.array(values, dtype=np.float64), self._sizes)


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


def numbers(point: Sequence[Any]) -> list[float]:
    """Return the numbers of a point, a vector or a list of the parameters' values, in order."""
    if hasattr(point, "tolist"):
        listed: list[float] = point.tolist()
        return listed
    found: list[float] = []
    for value in point:
        if isinstance(value, float):
            found.append(value)
        else:
            found += value.ravel().tolist()
    return found
