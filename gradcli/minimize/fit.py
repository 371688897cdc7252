"""A model and its data: which sum of squares is minimised, and what a fit reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.calculus.squares import Squares, squares, sum_of_terms
from gradcli.errors import FileError, NameValueError, UsageError
from gradcli.graph.node import Node
from gradcli.graph.shapes import sized
from gradcli.options import example, spelled
from gradcli.point import Point

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.data.rows import Rows
    from gradcli.language.origin import Origin
    from gradcli.minimize.objective import Objective
    from gradcli.solvers.losses import Loss
    from gradcli.solvers.solver import Vector
    from gradcli.solvers.statistics.summary import Statistics
    from gradcli.solvers.vectors import Box

WEIGHT = "weight of a row"
"""The name of the weights in a formula; no name that anyone can type."""


class Weighting(NamedTuple):
    """How much each residual counts."""

    weights: Any = None
    """What each square is multiplied with; None when all count the same."""
    sigma: Any = None
    """The standard deviation of each observation, whose squares are divided by its square."""
    absolute: bool = False
    """Whether `sigma` is known as it is, and not only up to a common factor."""

    @property
    def is_given(self) -> bool:
        """Whether anything is said about weights."""
        return self.weights is not None or self.sigma is not None or self.absolute

    def factors(self, count: int) -> Vector | None:
        """Return what each of `count` squares is multiplied with; None when all count the same.

        Raises NameValueError for weights that are negative, all 0, or of another number.
        """
        import numpy as np

        if self.weights is not None and self.sigma is not None:
            message = f"{spelled('weights')} and {spelled('sigma')} exclude each other"
            raise UsageError(message, hint="the weight of a square is 1/sigma^2")
        if self.absolute and self.sigma is None:
            message = f"{spelled('absolute_sigma')} needs {spelled('sigma')}"
            raise UsageError(message, hint=f"give {example('sigma', 'dy')} too")
        given = self.sigma if self.weights is None else self.weights
        if given is None:
            return None
        what = "weight" if self.sigma is None else "sigma"
        values = np.array(given, dtype=np.float64)
        if values.shape not in {(), (count,)}:
            message = f"there are {values.size} {what}s for {count} observations"
            raise NameValueError(message)
        values = np.broadcast_to(values, (count,))
        bad = values < 0 if self.sigma is None else values <= 0
        if bad.any() or not np.isfinite(values).all():
            place = int(np.argmax(bad | ~np.isfinite(values)))
            least = "at least 0" if self.sigma is None else "greater than 0"
            message = f"the {what} of row {place + 1} is {values[place]!s}; it must be {least}"
            raise FileError(message)
        if not values.any():
            message = "all weights are 0"
            raise FileError(message, hint="give a weight greater than 0 to some rows")
        if self.sigma is None:
            return np.array(values)
        with np.errstate(over="ignore", under="ignore"):
            factors = 1 / values**2
        if not np.isfinite(factors).all() or not factors.all():
            message = "a sigma is too small or too large to be squared"
            raise FileError(message)
        return factors


def weighted(formula: Node, found: Squares, loss: Loss | None, *, has_weights: bool) -> Node:
    """Return the objective of a model with weights, a robust loss, or both.

    It is sum(w*r^2), or with a loss of scale C the sum of C^2*rho(w*(r/C)^2). The weights are the
    name `WEIGHT`, an array as long as the residuals.
    """
    residual = Node(formula.graph, found.residual)
    square = residual**2
    if has_weights:
        shape = residual.shape
        square = residual.at(formula.graph.variable(WEIGHT, shape)) * square
    if loss is not None:
        square = loss.formula(square)
    return square.apply("sum") if square.shape else square


class Fit:
    """The residuals of an objective that is a sum of squares, and the statistics of a fit."""

    def __init__(
        self,
        objective: Objective,
        found: Squares,
        weighting: Weighting,
        loss: Loss | None,
        factors: Vector | None,
        rows: Rows | None = None,
        *,
        is_plain: bool = False,
    ) -> None:
        self.objective = objective
        self.found = found
        self.rows = rows
        self.is_plain = is_plain
        """Whether there are no data: a sum of squares of the parameters alone, not a fit."""
        self.weighting = weighting
        self.loss = loss
        if factors is None and found.weight is not None:
            factors = self._of_data(found.weight)
        from gradcli.minimize.residuals import ModelResiduals

        self.factors = factors
        self.factor = found.factor
        """What the sum of the weighted squares is multiplied with to be the objective."""
        self.sign = found.sign
        """1 or -1, the sign that the response has in the residuals."""
        self.residual = found.residual
        """The node of the residuals without their weights."""
        self.residuals = ModelResiduals(objective, found.residual, factors, rows)
        self.is_linear = self.residuals.is_linear and loss is None

    def response(self) -> Vector | None:
        """Return the observations, one for each residual; None where no single term is them."""
        return None if self.found.response is None else self._of_data(self.found.response)

    def order(self) -> Vector | None:
        """Return the one column of numbers that the model is a function of; None without one."""
        names = self.objective.graph.variables([self.residual])
        held = self.objective.in_memory()
        response = None if self.found.response is None else self.found.response
        columns = [name for name, node in names.items() if node != response and name in held]
        columns = [name for name in columns if getattr(held[name], "ndim", 0) == 1]
        return held[columns[0]] if len(columns) == 1 else None

    def _of_data(self, node: int) -> Vector:
        """Return what a node that no parameter changes is for each residual."""
        return self._for_rows(node, self.objective.in_memory(), self.objective.row_count)

    def _for_rows(self, node: int, values: Mapping[str, Any], rows: int) -> Vector:
        import numpy as np

        graph = self.objective.graph
        shape = sized(graph.shape(self.found.residual), rows)
        return np.broadcast_to(Point(graph, node, values).value, shape).ravel()

    @property
    def has_positive_weights(self) -> bool:
        """Whether the objective is truly a sum of squares: no weight is negative."""
        return self.factors is None or bool((self.factors >= 0).all())

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
        from gradcli.solvers.statistics.summary import summary, with_limits

        free = box.inside(point)
        found, warnings = summary(
            self.residuals,
            point,
            [name for name, is_free in zip(names, free, strict=True) if is_free],
            free=free,
            rss=rss,
            total=self._total(),
            weights=self.factors,
            confidence=confidence,
            absolute_sigma=self.weighting.absolute,
            loss=self.loss,
        )
        if self.found.response is None:
            why = "R² does not exist, for no single term of the residuals is the response"
            warnings = [*warnings, why]
        return with_limits(found, warnings, names, free)

    def check_influence(self) -> None:
        """Raise UsageError unless the influence of each row can be told."""
        if self.loss is not None:
            message = f"{spelled('influence')} is for least squares, without {spelled('loss')}"
            raise UsageError(message, hint="leave out one of them")
        if self.found.response is None:
            message = f"{spelled('influence')} needs a response, which the parameters follow"
            raise UsageError(message, hint="write the model as y ~ …, with y a column")

    def _total(self) -> float | None:
        """Return the weighted sum of squares of the response about its mean; None without one."""
        import numpy as np

        if self.found.response is None:
            return None
        if self.rows is not None and self.factors is None:
            return self._total_by_blocks(self.rows)
        response = self._of_data(self.found.response)
        mean = np.average(response, weights=self.factors)
        apart = response - mean
        apart = apart - np.average(apart, weights=self.factors)
        squares_about = apart**2 if self.factors is None else self.factors * apart**2
        return float(np.sum(squares_about))

    def _total_by_blocks(self, rows: Rows) -> float:
        """Return the sum of squares of the response about its mean, in two passes over the rows."""
        from math import fsum

        mean = total = 0.0
        for _ in range(2):  # the second one about the mean, lest digits be lost
            found = [*self._moments(rows, mean)]
            count = sum(number for number, _, _ in found)
            apart = fsum(first for _, first, _ in found) / count
            total = fsum(second for _, _, second in found) - count * apart**2
            mean += apart
        return total

    def _moments(self, rows: Rows, about: float) -> Iterable[tuple[int, float, float]]:
        """Yield the moments of each piece or block of rows."""
        from gradcli.data.columns import rows_at_once
        from gradcli.data.pieces import Divided

        if isinstance(rows, Divided):
            return rows.over(self.moments, about)
        size = rows_at_once(rows.entries)
        return (self.moments(block, 0, about) for block in rows.blocks(size))

    def moments(self, block: Block, _: int, about: float) -> tuple[int, float, float]:
        """Return count, sum and sum of squares of the response of some rows about a number."""
        assert self.found.response is not None  # noqa: S101 - the caller has seen it
        values = {**self.objective.constants, **block}
        count = len(next(iter(block.values())))
        apart = self._for_rows(self.found.response, values, count) - about
        return apart.size, float(apart.sum()), float((apart**2).sum())


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
        moves = left in graph.depending_on(parameters.values(), graph.below(left))
        found = found._replace(response=None if moves else left, sign=1)
    names = graph.variables([found.residual])
    given = any(graph.shape(names[name]) for name in names if name in data)
    return found if given else None


def plain_squares(formula: Node, parameters: Mapping[str, int], rows: int) -> Squares | None:
    """Return the squares of a sum such as (1-x)^2 + 100*(y-x^2)^2; None when it is none."""
    graph, moving = formula.graph, list(parameters.values())
    if formula.graph.shape(formula.id):
        return None
    residual = sum_of_terms(graph, formula.id, moving)
    if residual is None:
        return squares(graph, formula.id, moving, rows)
    return Squares(residual, None, None)
