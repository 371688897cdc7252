"""A model and its data: which sum of squares is minimised, and what a fit reports."""

from __future__ import annotations

from functools import cached_property
from math import fsum, prod
from typing import TYPE_CHECKING, Any

from gradcli.calculus.squares import Squares, squares, sum_of_terms
from gradcli.errors import FileError, NameValueError, UsageError
from gradcli.graph.node import Node
from gradcli.graph.shapes import sized
from gradcli.minimize.objective import WEIGHT
from gradcli.options import example, spelled
from gradcli.point import Point
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin
    from gradcli.minimize.objective import Objective
    from gradcli.solvers.covariance import Weights
    from gradcli.solvers.robust import Loss
    from gradcli.solvers.solver import Vector
    from gradcli.solvers.statistics import Statistics
    from gradcli.solvers.vectors import Box


class Column(NamedTuple):
    """A column of rows that are not held."""

    name: str
    entry: Shape
    """The shape of its entry in a row."""


class Weighting(NamedTuple):
    """How much each residual counts."""

    weights: Any = None
    """What each square is multiplied with, numbers or a column; None when all count the same."""
    sigma: Any = None
    """The standard deviation of each observation, whose squares are divided by its square."""
    absolute: bool = False
    """Whether `sigma` is known as it is, and not only up to a common factor."""

    @property
    def is_given(self) -> bool:
        """Whether anything is said about weights."""
        return self.weights is not None or self.sigma is not None or self.absolute

    @property
    def is_of_rows(self) -> bool:
        """Whether there is no number for each residual that must be held: there is a column."""
        return self.column is not None or (self.weights is None and self.sigma is None)

    @property
    def column(self) -> Column | None:
        """The column of weights or deviations, of rows that are not held."""
        column = self.sigma if self.weights is None else self.weights
        return column if isinstance(column, Column) else None

    def check(self) -> None:
        """Raise UsageError for what does not go together."""
        if self.weights is not None and self.sigma is not None:
            message = f"{spelled('weights')} and {spelled('sigma')} exclude each other"
            raise UsageError(message, hint="the weight of a square is 1/sigma^2")
        if self.absolute and self.sigma is None:
            message = f"{spelled('absolute_sigma')} needs {spelled('sigma')}"
            raise UsageError(message, hint=f"give {example('sigma', 'dy')} too")

    def node(self, residual: Node, count: int) -> int | None:
        """Return what the squares of `count` residuals are multiplied with; None for nothing.

        It is the name `WEIGHT`, or made of a column of rows that are not held. Raises
        NameValueError for columns that do not fit.
        """
        graph, column = residual.graph, self.column
        if self.weights is None and self.sigma is None:
            return None
        if column is None:
            return graph.variable(WEIGHT, residual.shape)
        if residual.shape[1:] != () or column.entry != ():
            raise self._miscounted(count // prod(residual.shape[1:]) * prod(column.entry), count)
        node = residual.at(graph.variable(column.name, residual.shape))
        return node.id if self.sigma is None else (1 / node**2).id

    def _miscounted(self, own: int, count: int) -> NameValueError:
        kind = "weight" if self.sigma is None else "sigma"
        return NameValueError(f"there are {own} {kind}s for {count} observations")

    def factors(self, count: int, numbers: Any = None, before: int = 0) -> Vector | None:
        """Return what each of `count` squares is multiplied with; None when all count the same.

        `numbers` are those of some rows of a column, with so many before them. Raises
        NameValueError for weights that are negative, all 0, or of another number.
        """
        import numpy as np

        is_part = numbers is not None
        if numbers is None:
            numbers = self.sigma if self.weights is None else self.weights
        if numbers is None:
            return None
        kind = "weight" if self.sigma is None else "sigma"
        values = np.array(numbers, dtype=np.float64)
        if values.shape not in {(), (count,)}:
            raise self._miscounted(values.size, count)
        values = np.broadcast_to(values, (count,))
        bad = values < 0 if self.sigma is None else values <= 0
        if bad.any() or not np.isfinite(values).all():
            index = int(np.argmax(bad | ~np.isfinite(values)))
            least = "at least 0" if self.sigma is None else "greater than 0"
            row = before + index + 1
            message = f"the {kind} of row {row} is {values[index]!s}; it must be {least}"
            raise FileError(message)
        if not is_part and not values.any():
            raise all_zero()
        if self.sigma is None:
            return np.array(values)
        with np.errstate(over="ignore", under="ignore"):
            factors = 1 / values**2
        if not np.isfinite(factors).all() or not factors.all():
            message = "a sigma is too small or too large to be squared"
            raise FileError(message)
        return factors


def all_zero() -> FileError:
    """Return the error for weights that leave no row."""
    message = "all weights are 0"
    return FileError(message, hint="give a weight greater than 0 to some rows")


def weighted(formula: Node, squares: Squares, loss: Loss | None) -> Node:
    """Return the objective of a model with weights, a robust loss, or both.

    It is sum(w*r^2), or with a loss of scale C the sum of C^2*rho(w*(r/C)^2).
    """
    residual = Node(formula.graph, squares.residual)
    square = residual**2
    if squares.weight is not None:
        square = residual.at(squares.weight) * square
    if loss is not None:
        square = loss.formula(square)
    return square.apply("sum") if square.shape else square


class Fit:
    """The residuals of an objective that is a sum of squares, and the statistics of a fit."""

    def __init__(
        self,
        objective: Objective,
        squares: Squares,
        weighting: Weighting,
        loss: Loss | None,
        rows: Rows | None = None,
        *,
        is_plain: bool = False,
    ) -> None:
        self.objective = objective
        self.squares = squares
        self.rows = rows
        self.is_plain = is_plain
        """Whether there are no data: a sum of squares of the parameters alone, not a fit."""
        self.weighting = weighting
        self.loss = loss
        from gradcli.minimize.residuals import ModelResiduals

        self.residuals = ModelResiduals(objective, squares.residual, squares.weight, rows)
        self.is_linear = self.residuals.is_linear and loss is None

    def response(self) -> Vector | None:
        """Return the observations, one for each residual; None where no single term is them."""
        return None if self.squares.response is None else self._of_data(self.squares.response)

    def order(self) -> Vector | None:
        """Return the one column of numbers that the model is a function of; None without one."""
        names = self.objective.graph.variables([self.squares.residual])
        data = self.objective.in_memory()
        response = None if self.squares.response is None else self.squares.response
        columns = [name for name, node in names.items() if node != response and name in data]
        columns = [name for name in columns if getattr(data[name], "ndim", 0) == 1]
        return data[columns[0]] if len(columns) == 1 else None

    def _of_data(self, node: int | None, block: Block | None = None) -> Vector:
        """Return what a node that no parameter changes is for each residual, maybe of a block."""
        import numpy as np

        assert node is not None  # noqa: S101 - the caller has seen it
        objective = self.objective
        if block is None or self.rows is None:
            values, rows = objective.in_memory(), objective.row_count
        else:
            from gradcli.data.columns import length_of

            values, rows = {**objective.constants, **block}, length_of(block)
        shape = sized(objective.graph.shape(self.squares.residual), rows)
        return np.broadcast_to(Point(objective.graph, node, values).value, shape).ravel()

    @cached_property
    def weights(self) -> Weights | None:
        """What there is to know of the weights, from one pass; None where there are none.

        Raises FileError for a column that holds what is no weight.
        """
        if self.squares.weight is None:
            return None
        from gradcli.solvers.covariance import Weights

        parts: list[Weights] = []
        for part in self._over(self.weights_of_rows):
            if isinstance(part, FileError):
                raise part
            parts.append(part)
        if not parts:  # a worker has no rows before it is asked for something
            return None
        found = Weights.total(parts)
        if self.weighting.column is not None and not found.observations:
            raise all_zero()
        return found

    def weights_of_rows(self, block: Block, first: int) -> Weights | FileError:
        """Return what there is to know of the weights of some rows with so many before them."""
        from gradcli.data.columns import length_of
        from gradcli.solvers.covariance import Weights

        column = self.weighting.column
        if column is not None:
            try:
                self.weighting.factors(length_of(block), block[column.name], first)
            except FileError as error:  # it is the same wherever the rows are looked at
                return error
        return Weights.of(self._of_data(self.squares.weight, block))

    @property
    def has_positive_weights(self) -> bool:
        """Whether the objective is truly a sum of squares: no weight is negative."""
        return self.weights is None or self.weights.least >= 0

    def statistics(
        self,
        point: Vector,
        names: Sequence[str],
        box: Box,
        confidence: float,
        rss: float | None = None,
    ) -> tuple[Statistics, list[str]]:
        """Return the report of the fit at a point, and warnings about it.

        `names` are those of the numbers of the point. A parameter on its limit counts as fixed.
        `rss` is the sum of squares where it is known better than from the residuals.
        """
        from gradcli.solvers.statistics import summary

        found, warnings = summary(
            self.residuals,
            point,
            names,
            free=box.inside(point),
            rss=rss,
            total=self._total(),
            weights=self.weights,
            confidence=confidence,
            absolute_sigma=self.weighting.absolute,
            loss=self.loss,
        )
        if self.squares.response is None:
            why = "R² does not exist, for no single term of the residuals is the response"
            warnings = [*warnings, why]
        return found, warnings

    def check_influence(self) -> None:
        """Raise UsageError unless the influence of each row can be computed."""
        if self.loss is not None:
            message = f"{spelled('influence')} is for least squares, without {spelled('loss')}"
            raise UsageError(message, hint="leave out one of them")
        if self.squares.response is None:
            message = f"{spelled('influence')} needs a response, which the parameters follow"
            raise UsageError(message, hint="write the model as y ~ …, with y a column")

    def _total(self) -> float | None:
        """Return the weighted sum of squares of the response about its mean; None without one."""
        if self.squares.response is None:
            return None
        mean = total = 0.0
        for _ in range(2):  # the second one about the mean, lest digits be lost
            found = [*self._over(self.moments, mean)]
            count = fsum(number for number, _, _ in found)
            deviation = fsum(first for _, first, _ in found) / count
            total = fsum(second for _, _, second in found) - count * deviation**2
            mean += deviation
        return total

    def moments(self, block: Block, _: int, about: float) -> tuple[float, float, float]:
        """Return moments of the response of some rows about a number: those of order 0, 1 and 2.

        The first is the sum of the weights, or of as many ones.
        """
        deviation = self._of_data(self.squares.response, block) - about
        if self.squares.weight is None:
            return float(deviation.size), float(deviation.sum()), float((deviation**2).sum())
        weights = self._of_data(self.squares.weight, block)
        return float(weights.sum()), float(weights @ deviation), float(weights @ deviation**2)

    def _over(self, work: Callable[..., Any], *arguments: Any) -> Iterable[Any]:
        """Return what a method makes of each group of rows; data without rows are one block."""
        if self.rows is None:
            return [work(self.objective.in_memory(), 0, *arguments)]
        return self.rows.over(work, *arguments)


def recognised(
    formula: Node,
    origin: Origin | None,
    parameters: Mapping[str, int],
    data: Collection[str],
    rows: int,
) -> Squares | None:
    """Return the sum of squares over data that the formula is; None when it is something else.

    Its residuals must depend on an array among `data`, the names that do not move; of columns there
    are so many `rows`.
    """
    graph = formula.graph
    found = squares(graph, formula.id, list(parameters.values()), rows)
    if found is None:
        return None
    if origin is not None and origin.is_model:
        left = graph.rows[found.residual][1][0]
        is_free = left in graph.depending_on(parameters.values(), graph.below(left))
        found = found._replace(response=None if is_free else left, sign=1)
    names = graph.variables([found.residual])
    has_columns = any(graph.shape(names[name]) for name in names if name in data)
    return found if has_columns else None


def plain_squares(formula: Node, parameters: Mapping[str, int], rows: int) -> Squares | None:
    """Return the squares of a sum such as (1-x)^2 + 100*(y-x^2)^2; None when it is none."""
    graph, free = formula.graph, list(parameters.values())
    if formula.graph.shape(formula.id):
        return None
    residual = sum_of_terms(graph, formula.id, free)
    if residual is None:
        return squares(graph, formula.id, free, rows)
    return Squares(residual, None, None)
