"""A formula as the function that an optimiser calls: a point in, value and gradient out.

Some names are parameters, which move; the others have values that stay, such as columns of data.
"""

from __future__ import annotations

from math import isfinite, prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError, listed
from gradcli.limits import GENERATED_NODES
from gradcli.point import Lines, Point
from gradcli.programs.engines import Compiled, Formula, check, engine, repays
from gradcli.programs.interpreter import finite, run
from gradcli.values import names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin
    from gradcli.programs.program import Program
    from gradcli.solvers.solver import Function, Matrix, Vector


def with_gradient(
    graph: Graph, result: int, parameters: Sequence[str], others: Sequence[str]
) -> Program:
    """Return the program of the value and the gradient.

    Raises NameValueError for a free name that is neither a parameter nor one of the `others`.
    """
    from gradcli.calculus.reverse import gradient
    from gradcli.programs.program import program

    nodes = names_to_nodes(graph, result, parameters)
    missing = [name for name in names_to_nodes(graph, result) if name not in (*nodes, *others)]
    if missing:
        message = f"no parameter stands for {listed(missing)}"
        raise NameValueError(message, hint="name all free names of the formula")
    slopes = gradient(graph, result, nodes.values())
    outputs = [result, *(slopes[node] for node in nodes.values())]
    return program(graph, outputs)


SUMMED_ROWS = 1 << 10
"""The fewest rows for which sums of one number a row are computed in a fused pass."""
MANY_ROWS = 1 << 16
"""From so many rows on, blocks of them that stay in the cache are faster than all at once."""
WEIGHT = "weight of a row"
"""The name of the weights in a formula; no name that anyone can type."""


def compiled(
    graph: Graph,
    result: int,
    parameters: Sequence[str],
    engine: str = "auto",
) -> Callable[..., tuple[Any, ...]]:
    """Return a Python function from the parameters' values to the value and the gradient.

    It checks nothing: where there is no value it raises ValueError, OverflowError or
    ZeroDivisionError, or returns nan or inf. Raises UsageError for an engine that does not exist or
    is not installed.
    """
    check(engine)
    made = Compiled(
        with_gradient(graph, result, parameters, ()), parameters, engine, same_bits=True
    )
    if repays(engine, 0.0):
        made.speed_up()
    return made.run


class Layout:
    """How the values of the parameters, numbers and arrays, lie behind each other in a vector."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
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

    def owners(self, names: Sequence[str]) -> list[str]:
        """Return for each number the name of its parameter."""
        return [name for name, size in zip(names, self._sizes, strict=True) for _ in range(size)]

    def repeated(self, values: Sequence[float]) -> Vector:
        """Return the vector that holds the same value for all numbers of a parameter."""
        import numpy as np

        return np.repeat(np.array(values, dtype=np.float64), self._sizes)


class Objective:
    """Value and gradient at a point given as the list of the parameters' values.

    It runs generated Python, and the interpreter where that finds no value: the interpreter knows
    why, and reads past a branch of `where` that is not taken. A formula too large to be worth
    compiling is always interpreted. `location` returns where a row of data
    stands, as in `Lines`; without it messages name no row.
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
        location: Callable[[int], str] | None = None,
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
        self._location = location
        self._fixed = tuple(self.constants.values())
        self._fast: Compiled | None = None
        self._program: Program | None = None
        self._second: Callable[..., Matrix] | None = None
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
            found = self._finite(self._fast.run(*point, *self._fixed))
        except (ValueError, OverflowError, ZeroDivisionError):
            found = None
        return found or self.checked(point)

    def _finite(self, outputs: Sequence[Any]) -> tuple[float, list[Any]] | None:
        """Return value and gradient as floats and arrays; None if one is not finite."""
        value, *slopes = outputs
        if self.graph.has_arrays:
            value = float(value)
            slopes = [s if p else float(s) for s, p in zip(slopes, self.shapes, strict=True)]
            total = value + sum([s if isinstance(s, float) else float(s.sum()) for s in slopes])
        else:
            total = value + sum(slopes)
        return (value, slopes) if total - total == 0 else None  # finite only if all terms are

    def formula(self) -> Formula | None:
        """Return the same function of numbers as a program; None for one of arrays."""
        if self._program is None or self._program.has_arrays:
            return None
        return Formula(self._program, self.parameters, self.constants, self.count, self.engine)

    def count(self, evaluations: int) -> None:
        """Take note of evaluations made by another function."""
        self.evaluations += evaluations

    def in_memory(self) -> dict[str, Any]:
        """Return all values that stay and are in memory, by name."""
        return self.constants

    @property
    def row_count(self) -> int:
        """How many rows there are of data in memory."""
        known = self.in_memory()
        return next((len(known[name]) for name in self.graph.columns if name in known), 0)

    def obstacle(self) -> str | None:
        """Return why the engine chosen cannot run this, None if it can."""
        if self._program is None:
            return f"the formula has more than {GENERATED_NODES:,} operations"
        return engine(self.engine).obstacle(self._program)

    def is_native(self) -> bool:
        """Return whether what is computed row by row should be machine code."""
        return False

    def whole(self) -> Objective:
        """Return the same objective over all rows at once."""
        return self

    def hessian(self, point: Sequence[Any]) -> Matrix:
        """Return the exact second derivatives with respect to all parameters, shape (p, p).

        Raises MathematicsError where one is not finite.
        """
        import numpy as np

        if self._second is None:
            self._second = self._by_columns() if any(self.shapes) else self._by_entries()
        try:
            matrix = self._second(*point)
        except (ValueError, OverflowError, ZeroDivisionError):
            matrix = None
        if matrix is not None and np.isfinite(matrix).all():
            return matrix
        rows = self.at(point).hessian(self.parameters)  # which knows what is wrong with it
        return np.array([[row[name] for name in rows] for row in rows.values()])

    def _by_entries(self) -> Callable[..., Matrix]:
        """Return the function that works out each second derivative of numbers, half of them."""
        import numpy as np

        from gradcli.calculus.forward import hessian
        from gradcli.programs.program import program

        rows = hessian(self.graph, self.result, list(self.nodes.values()))
        count = len(rows)
        lower = [rows[i][j] for i in range(count) for j in range(i + 1)]
        names = [*self.parameters, *self.constants]
        made = Compiled(program(self.graph, lower), names, self.engine)
        below = np.tril_indices(count)
        runs = 0

        def matrix(*point: float) -> Matrix:
            nonlocal runs
            runs += 1
            if runs > made.due:
                made.speed_up()
            found = np.empty((count, count))
            found[below] = made.run(*point, *self._fixed)
            found.T[below] = found[below]
            return found

        return matrix

    def _by_columns(self) -> Callable[..., Matrix]:
        """Return the function that works out the Hessian column by column."""
        columns = self.columns_of_hessians([self.result], [*self.parameters, *self.constants])

        def matrix(*point: Any) -> Matrix:
            (found,) = columns(*point, *self._fixed)
            found *= 0.5
            found += found.T.copy()
            return found

        return matrix

    def columns_of_hessians(
        self, roots: Sequence[int], names: Sequence[str]
    ) -> Callable[..., list[Matrix]]:
        """Return the function from the values of names to the Hessians of some nodes.

        Each is multiplied with each unit vector.
        """
        import numpy as np

        from gradcli.calculus.forward import hessian_times, rate_name
        from gradcli.programs.program import function, program

        graph, layout = self.graph, self.layout
        nodes, rates = list(self.nodes.values()), list(map(rate_name, self.parameters))
        direction = {
            node: graph.variable(rate, shape)
            for node, rate, shape in zip(nodes, rates, self.shapes, strict=True)
        }
        products = [n for root in roots for n in hessian_times(graph, root, nodes, direction)]
        run = function(program(graph, products), [*names, *rates])

        def matrices(*values: Any) -> list[Matrix]:
            columns = [run(*values, *layout.blocks(unit)) for unit in np.eye(layout.count)]
            return [
                np.array([layout.vector(column[k : k + len(nodes)]) for column in columns])
                for k in range(0, len(products), len(nodes))
            ]

        return matrices

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
        result = self.at(point)
        slopes = result.gradient(self.parameters)
        return result.value, [slopes[name] for name in self.parameters]

    def at(self, point: Sequence[Any]) -> Point:
        """Return the formula at a point. Raises MathematicsError where it has no finite value."""
        for name, value in zip(self.parameters, point, strict=True):
            if not finite(value):
                message = f"the parameter {name} became infinite"
                raise MathematicsError(message)
        values = {**dict(zip(self.parameters, point, strict=True)), **self.constants}
        lines = Lines(self.graph.columns, self._location) if self._location else None
        return Point(self.graph, self.result, values, self._origin, lines=lines)


class VectorObjective:
    """An objective as a function of one vector: what second-order methods need."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._layout = objective.layout

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return value and gradient; raise MathematicsError where either is not finite."""
        value, slopes = self._objective(self._layout.blocks(point))
        return value, self._layout.vector(slopes)

    def hessian(self, point: Vector) -> Matrix:
        """Return the exact second derivatives; raise MathematicsError where one is not finite."""
        return self._objective.hessian(self._layout.blocks(point))


class PartialFunction:
    """A function of a vector as one of all its numbers but that at `index`, which has a value."""

    def __init__(self, function: Function, index: int, value: float) -> None:
        self._function = function
        self._index = index
        self._value = value

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return value and gradient; raise MathematicsError where either is not finite."""
        import numpy as np

        value, gradient = self._function(np.insert(point, self._index, self._value))
        return value, np.delete(gradient, self._index)

    def hessian(self, point: Vector) -> Matrix:
        """Return the exact second derivatives; raise MathematicsError where one is not finite."""
        import numpy as np

        matrix = self._function.hessian(np.insert(point, self._index, self._value))
        return np.delete(np.delete(matrix, self._index, axis=0), self._index, axis=1)


def rounded(
    objective: Objective, start: Sequence[float], kinks: Sequence[int]
) -> Callable[[float], Function]:
    """Return the function that gives an objective of numbers with kinks rounded over a width.

    The width of each of the `kinks` is in units of how far it is from the start.
    """
    from gradcli.calculus.kinks import WIDTH
    from gradcli.calculus.kinks import rounded as with_rounded
    from gradcli.graph.node import Node

    graph = objective.graph
    values = {**dict(zip(objective.parameters, start, strict=True)), **objective.constants}
    numbers = run(graph, graph.reachable([objective.result]), values, ieee=True).numbers
    sizes = {node: _size([numbers[a] for a in graph.rows[node][1]]) for node in kinks}
    smooth = with_rounded(Node(graph, objective.result), sizes)
    names = [*objective.parameters, WIDTH]
    made = Objective(graph, smooth.id, names, None, objective.constants, engine=objective.engine)
    whole = VectorObjective(made)
    return lambda width: PartialFunction(whole, len(start), width)


def _size(numbers: Sequence[float]) -> float:
    """Return how far an operation of some numbers is from its kink; at it, how large they are."""
    distance = max(numbers) - min(numbers) if len(numbers) > 1 else abs(numbers[0])
    size = distance or max(map(abs, numbers)) or 1.0
    return size if isfinite(size) else 1.0


def is_for_blocks(count: int, engine: str, *, is_plain: bool) -> bool:
    """Return whether so many rows are computed by blocks rather than all at once.

    `is_plain` says whether what is summed is one number of each row.
    """
    least = 1 if repays(engine, 0.0) else SUMMED_ROWS
    return count >= MANY_ROWS or (count >= least and is_plain)
