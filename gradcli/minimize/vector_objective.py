"""An objective as a function of one vector, with its Hessian: what second-order methods need."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from gradcli.programs.engines import Compiled
from gradcli.programs.interpreter import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.minimize.objective import Objective
    from gradcli.solvers.solver import Function, Matrix, Vector


def rounded(
    objective: Objective, start: Sequence[float], kinks: Sequence[int]
) -> Callable[[float], Function]:
    """Return the function that gives an objective of numbers with kinks rounded over a width.

    The width of each of the `kinks` is in units of how far it is from the start.
    """
    from gradcli.calculus.rounding import WIDTH
    from gradcli.calculus.rounding import rounded as with_rounded
    from gradcli.graph.node import Node
    from gradcli.minimize.objective import Objective

    graph = objective.graph
    values = {**dict(zip(objective.parameters, start, strict=True)), **objective.constants}
    numbers = run(graph, graph.reachable([objective.result]), values, ieee=True).numbers
    sizes = {node: _size([numbers[a] for a in graph.rows[node][1]]) for node in kinks}
    smooth = with_rounded(Node(graph, objective.result), sizes)
    names = [*objective.parameters, WIDTH]
    made = Objective(graph, smooth.id, names, None, objective.constants, engine=objective.engine)
    whole = VectorObjective(made)
    return lambda width: _Slice(whole, width)


def _size(numbers: Sequence[float]) -> float:
    """Return how far an operation of some numbers is from its kink; at it, how large they are."""
    apart = max(numbers) - min(numbers) if len(numbers) > 1 else abs(numbers[0])
    size = apart or max(map(abs, numbers)) or 1.0
    return size if isfinite(size) else 1.0


class _Slice:
    """A function of all numbers but the last, which has a value."""

    def __init__(self, function: VectorObjective, last: float) -> None:
        self._function = function
        self._last = last

    def _point(self, point: Vector) -> Vector:
        import numpy as np

        return np.append(point, self._last)

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return value and gradient; raise MathematicsError where either is not finite."""
        value, slopes = self._function(self._point(point))
        return value, slopes[:-1]

    def hessian(self, point: Vector) -> Matrix:
        """Return the exact second derivatives; raise MathematicsError where one is not finite."""
        return self._function.hessian(self._point(point))[:-1, :-1]


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

        blocks = self.layout.blocks(point)
        if self._objective.is_in_blocks:
            return self._objective.hessian(blocks)
        if self._second is None:
            self._second = self._compiled_hessian()
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
        from gradcli.programs.program import program

        graph = objective.graph
        rows = hessian(graph, objective.result, list(objective.nodes.values()))
        count = len(rows)
        lower = [rows[i][j] for i in range(count) for j in range(i + 1)]
        names = [*objective.parameters, *objective.constants]
        made = Compiled(program(graph, lower), names, objective.engine)
        below = np.tril_indices(count)
        constants = objective.constants  # whose values may change

        def matrix(*point: float) -> Matrix:
            self._hessians += 1
            if self._hessians > made.due:
                made.speed_up()
            found = np.empty((count, count))
            found[below] = made.run(*point, *constants.values())
            found.T[below] = found[below]
            return found

        return matrix

    def _by_columns(self, objective: Objective) -> Callable[..., Matrix]:
        """Return the function that multiplies the Hessian with each unit vector."""
        import numpy as np

        from gradcli.calculus.forward import rate_name
        from gradcli.calculus.hessian import hessian_times
        from gradcli.programs.generated import function
        from gradcli.programs.program import program

        layout = self.layout
        graph = objective.graph
        rates = {
            name: (rate_name(name), graph.shape(node)) for name, node in objective.nodes.items()
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
