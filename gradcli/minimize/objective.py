"""A formula as the function that an optimiser calls: a point in, value and gradient out.

Some names are parameters, which move; the others have values that stay, such as columns of data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, NameValueError, few
from gradcli.limits import GENERATED_NODES
from gradcli.minimize.layout import Layout
from gradcli.point import Lines, Point
from gradcli.programs.engines import Compiled, Formula, engine
from gradcli.programs.interpreter import finite
from gradcli.values import names_to_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.data.pieces import PieceRows
    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin
    from gradcli.programs.program import Program
    from gradcli.solvers.solver import Matrix


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
        message = f"no parameter stands for {few(missing)}"
        raise NameValueError(message, hint="name all free names of the formula")
    slopes = gradient(graph, result, nodes.values())
    outputs = [result, *(slopes[node] for node in nodes.values())]
    return program(graph, outputs)


WEIGHT = "weight of a row"
"""The name of the weights in a formula; no name that anyone can type."""


class Objective:
    """Value and gradient at a point given as the list of the parameters' values.

    It runs generated Python, and the interpreter where that finds no value: the interpreter knows
    why, and reads past a branch of `where` that is not taken. A formula too large to be worth
    compiling is always interpreted. Where rows of data stand is known to `place`, as `Lines` has
    it; without it messages name no row.
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
        place: Callable[[int], str] | None = None,
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
        self._place = place
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

    is_in_blocks = False
    """Whether rows are not held, so that second derivatives are those of `hessian`."""

    def hessian(self, point: Sequence[Any]) -> Matrix:
        """Return the second derivatives of an objective in blocks, shape (p, p)."""
        raise NotImplementedError

    def use_rows(self, rows: PieceRows) -> None:
        """Take other rows; see RowsObjective, which alone is computed in pieces."""
        raise NotImplementedError

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
        lines = Lines(self.graph.columns, self._place) if self._place else None
        return Point(self.graph, self.result, values, self._origin, lines=lines)


def total_of(slopes: Sequence[Any], shapes: Sequence[Shape]) -> float:
    """Return the sum of all numbers of a gradient, which is finite only if each of them is."""
    parts = [s.sum() if shape else s for s, shape in zip(slopes, shapes, strict=True)]
    return float(sum(parts))
