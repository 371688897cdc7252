"""What a fitted model says about each row of its data, and what each row does to the fit.

With the weighted Jacobian J of the residuals and R of its QR factors, the leverage of a row j of J
is h = |R⁻ᵀj|², and Cook's distance r² h / (p s² (1-h)²) (Cook 1977). The derivative of the
parameters with respect to a response y is that of the implicit function: H dθ/dy = -∂²S/∂θ∂y,
where H is the exact Hessian of the sum of squares S, and not JᵀJ alone.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.rows import HeldRows
from gradcli.errors import UsageError
from gradcli.graph.shapes import sized
from gradcli.minimize.objective import WEIGHT, Objective
from gradcli.minimize.residuals import ModelResiduals
from gradcli.options import spelled
from gradcli.point import Point
from gradcli.records import NamedTuple
from gradcli.rows.reductions import is_rowwise
from gradcli.sheets import ours
from gradcli.solvers.vectors import norms
from gradcli.values import entry_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gradcli.data.rows import Rows
    from gradcli.minimize.fit import Fit
    from gradcli.solvers.covariance import Band
    from gradcli.solvers.solver import Mask, Matrix, Vector


class Influence(NamedTuple):
    """What is the same for all rows of a fit."""

    free: Mask
    root: Matrix
    """R⁻¹."""
    turned: Matrix
    """(I + R⁻ᵀ K R⁻¹)⁻¹, K being what the curvature of the model adds to JᵀJ in the Hessian."""
    variance: float
    """s², of a residual of weight 1."""

    def of_rows(
        self, residual: Vector, jacobian: Matrix, weights: Vector | None
    ) -> tuple[Vector, Vector, Matrix]:
        """Return leverage, Cook's distance and the derivatives of the parameters of some rows.

        `residual` is response - fitted and `jacobian` its derivative, both without weights.
        """
        ones = np.ones(len(residual)) if weights is None else weights
        rows = jacobian[:, self.free] @ self.root
        with np.errstate(all="ignore"):
            leverage = ones * norms(rows.T) ** 2
            count = int(np.sum(self.free)) * self.variance
            distance = ones * residual**2 * leverage / (count * (1.0 - leverage) ** 2)
        follows = np.zeros((len(residual), len(self.free)))
        follows[:, self.free] = -ones[:, None] * (rows @ self.turned.T @ self.root.T)
        return leverage, distance, follows


def influence_of(
    residuals: ModelResiduals, point: Vector, free: Mask, rss: float | None
) -> Influence:
    """Return what the influence of rows is made of, in passes over all of them.

    Raises UsageError where the data do not determine the parameters, or leave no freedom.
    """
    factor: Matrix = np.zeros((0, int(np.sum(free))))
    squares = 0.0
    for values, jacobian in residuals.blocks(point):
        factor = np.array(np.linalg.qr(np.vstack([factor, jacobian[:, free]]), mode="r"))
        squares += float(values @ values)
    freedom = residuals.count - factor.shape[1]
    diagonal = np.abs(np.diag(factor))
    scale = norms(factor)
    if freedom <= 0 or not factor.size or np.any(diagonal <= 1e-14 * scale):
        needs = "a fit whose data determine all parameters, and some more"
        message = f"{spelled('influence')} needs {needs}"
        raise UsageError(message, hint="fix the parameters that are not determined")
    root = np.linalg.solve(factor, np.eye(len(factor)))
    curvature = np.zeros_like(root)
    if not residuals.is_linear:
        for column, index in enumerate(np.flatnonzero(free)):
            direction = np.zeros(len(point))
            direction[index] = 1.0
            for values, _, turns in residuals.along(point, direction):
                curvature[:, column] += values @ turns[:, free]
    inner = np.eye(len(root)) + root.T @ ((curvature + curvature.T) / 2) @ root
    variance = (squares if rss is None else rss) / freedom
    turned = np.array(np.linalg.inv(inner), dtype=np.float64)
    return Influence(free, np.array(root, dtype=np.float64), turned, variance)


class Predictions:
    """A table with a row for each of the data; it is computed again in every pass over it.

    Its columns are those of the data that the formula uses, `fitted` with its confidence band from
    `low` to `high`, and `residual`, the response minus `fitted`, without weights. The response of
    log(y) ~ a + b*x is log(y), and so `fitted` is a logarithm. An array in each row has a column
    for each number, x[0], x[1], …; and so has the rest when there are several residuals in a row.
    A sum of squares whose residuals have no one term that is data has no fitted values, only
    residuals. A name that a column of the data has already is preceded by gradcli., as it is
    everywhere.

    With `influence` there are its leverage, its Cook's distance, and da/dy, the derivative of each
    parameter a with respect to the response y of the row.
    """

    def __init__(
        self,
        fit: Fit,
        point: Vector,
        columns: Sequence[str],
        free: Mask,
        confidence: float,
        rss: float | None = None,
        *,
        missing: str | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        """Make the table of a fit at a point; nothing is worked out before it is read.

        `columns` are the names of the data, and only parameters that are `free` have errors. `rss`
        is the sum of squares where it is known better than from the residuals. `missing` says why
        there is to be no confidence band. With `names`, those of the numbers of the point, there is
        the influence of each row.
        """
        self._fit = fit
        self._point, self._free = point, free
        self._confidence, self._rss, self._missing = confidence, rss, missing
        self._parameters = names
        self._residual = fit.squares.residual
        self._response, self._sign = fit.squares.response, fit.squares.sign
        self._entry = fit.objective.graph.shape(self._residual)[1:]
        self.warnings: list[str] = []
        """What the last pass over the rows found missing, in words."""
        self._set(fit.objective, fit.rows, columns)

    def _set(self, objective: Objective, rows: Rows | None, columns: Iterable[str]) -> None:
        """Take the rows of an objective."""
        graph = objective.graph
        self._objective, self._rows = objective, rows
        in_memory = sized(graph.shape(self._residual)[:1], objective.row_count)
        self.count = rows.count if rows is not None else prod(in_memory)
        """How many rows there are."""
        free = graph.variables([objective.result])
        used = [name for name in columns if name in free]
        self._columns = {name: size for name in used if (size := self._size(name)) is not None}
        self._named = self._names()

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        shapes = {**self._columns, **dict.fromkeys(self._named, self._entry)}
        return [entry for name, shape in shapes.items() for entry in entry_names(name, shape)]

    def blocks(self) -> Iterator[dict[str, Vector]]:
        """Yield the columns by name, some rows at a time; nan in low and high where none is.

        Raises MathematicsError where a residual has no value, and FileError.
        """
        self.warnings = self._missing_columns()
        known, why = (None, None) if self._response is None else self._band()
        influence = None
        if self._parameters is not None:
            influence = influence_of(self._fit.residuals, self._point, self._free, self._rss)
        if why is not None:
            self.warnings.append(f"there is no confidence band of the fitted values: {why}")
        names = self.names
        lost = 0
        is_derived = known is not None or influence is not None
        for data, residual, response, jacobian, all_values in self._parts(is_derived=is_derived):
            columns = [part for array in data for part in _flat(array)]
            if response is None:
                columns += _flat(residual)
            else:
                fitted = response - residual
                half = np.full(fitted.shape, np.nan)
                if known is not None and jacobian is not None:
                    half = known.halves(jacobian).reshape(fitted.shape)
                    lost += int(np.isnan(half).sum())
                for array in (fitted, residual, fitted - half, fitted + half):
                    columns += _flat(array)
                if influence is not None and jacobian is not None:
                    weights = self._of_rows(self._fit.squares.weight, all_values, residual.shape)
                    leverage, distance, follows = influence.of_rows(
                        residual.ravel(),
                        self._sign * jacobian,
                        None if weights is None else weights.ravel(),
                    )
                    for column in (leverage, distance, *follows.T):
                        columns += _flat(column.reshape(residual.shape))
            yield dict(zip(names, columns, strict=True))
        if lost:
            values = "fitted value has" if lost == 1 else "fitted values have"
            why = "the parameters they depend on are not determined"
            self.warnings.append(f"{lost} {values} no confidence band: {why}")

    def _band(self) -> tuple[Band | None, str | None]:
        """Return the confidence band, or why there is none."""
        if self._missing is not None:
            return None, self._missing
        from gradcli.solvers.covariance import band

        fit = self._fit
        return band(
            fit.residuals,
            self._point,
            self._free,
            fit.weights,
            fit.loss,
            self._confidence,
            rss=self._rss,
            is_sigma_known=fit.weighting.absolute,
        )

    def columns(self) -> dict[str, Vector]:
        """Return the whole columns by name."""
        blocks = list(self.blocks())
        return {name: np.concatenate([block[name] for block in blocks]) for name in self.names}

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the table worked out, for pickle: programs stay where they were compiled."""
        columns = self.columns()
        return Table, (columns, self.warnings, self.predictor, self.response)

    @property
    def predictor(self) -> str | None:
        """The one column of single numbers, besides the response, that fitted values depend on.

        None where there are none or several, and where a row's value depends on other rows.
        """
        graph = self._objective.graph
        if self._response is None or self._entry:
            return None
        nodes = graph.variables([self._residual])
        used = [name for name in self._columns if name in nodes]
        if not is_rowwise(graph, self._residual):
            return None
        free = graph.variables([self._response])
        others = [name for name in used if name not in free]
        return others[0] if len(others) == 1 and not self._columns[others[0]] else None

    @property
    def response(self) -> str:
        """The response as it is called; empty without one."""
        if self._response is None:
            return ""
        from gradcli.graph.printing import label

        return label(self._objective.graph, self._response)

    def along(self, values: Vector) -> Predictions:
        """Return the table of the same fit for other values of its one predictor.

        The response, which does not matter for fitted values and band, is that of the first row.
        """
        assert self.predictor is not None  # noqa: S101 - the caller has seen it
        whole = self._objective
        first = whole.in_memory() if self._rows is None else next(iter(self._rows.blocks(1)))
        columns = {name: np.full(len(values), float(first[name][0])) for name in self._columns}
        columns[self.predictor] = values
        fixed = {name: x for name, x in whole.constants.items() if name not in self._columns}
        objective = Objective(
            whole.graph, whole.result, whole.parameters, None, fixed, is_compiled=False
        )
        known = self._fit, self._point, [*columns], self._free, self._confidence, self._rss
        made = Predictions(*known, missing=self._missing)
        made._set(objective, HeldRows(columns), columns)
        return made

    def _parts(
        self, *, is_derived: bool
    ) -> Iterator[tuple[list[Any], Any, Any, Matrix | None, Mapping[str, Any]]]:
        """Yield data, residuals, response, Jacobian and all values of some rows at a time."""
        residuals = ModelResiduals(self._objective, self._residual, None, self._rows)
        known = self._objective.constants
        parts: Iterator[tuple[Vector, Matrix | None]]
        if is_derived:
            parts = ((values, jacobian) for values, jacobian in residuals.blocks(self._point))
        else:
            parts = ((values, None) for values in residuals.values(self._point))
        start = 0
        for values, jacobian in parts:
            residual = self._sign * values.reshape(-1, *self._entry)
            rows = slice(start, start + len(residual))
            start = rows.stop
            block = residuals.block
            if self._rows is None:
                own = [*self._columns, *({WEIGHT} & known.keys())]
                block = {name: known[name][rows] for name in own}
            columns = [block[name] for name in self._columns]
            all_values = {**known, **block}
            response = self._of_rows(self._response, all_values, residual.shape)
            yield columns, residual, response, jacobian, all_values

    def _of_rows(self, node: int | None, values: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
        """Return a node in some rows as an array of this shape; None without one."""
        if node is None:
            return None
        graph = self._objective.graph
        known = {name: values[name] for name in graph.variables([node])}
        return np.broadcast_to(Point(graph, node, known).value, shape)

    def _size(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a row's entry of a column; None when it has none for each row."""
        if self._rows is not None:
            return self._rows.entries.get(name)
        graph = self._objective.graph
        shape = graph.shape(graph.variables([self._objective.result])[name])
        has_rows = graph.shape(self._residual)[:1] == shape[:1] != ()
        return shape[1:] if has_rows else None

    def _names(self) -> list[str]:
        own = ["residual"] if self._response is None else ["fitted", "residual", "low", "high"]
        if self._parameters is not None:
            follows = [f"d{name}/d{self.response}" for name in self._parameters]
            own += ["leverage", "cooks_distance", *follows]
        return ours(own, self._columns)

    def _missing_columns(self) -> list[str]:
        """Return what is missing from the table whatever the rows hold."""
        found: list[str] = []
        if not self._columns:
            found.append(
                "the residuals are not one for each row of the data, whose columns are left out"
            )
        if self._response is None:
            found.append("there are no fitted values: the residuals have no one term that is data")
        return found


class Table(NamedTuple):
    """The table of fitted values of a fit that was pickled, to be read as Predictions are."""

    known: dict[str, Vector]
    warnings: list[str]
    predictor: str | None
    response: str

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.known)

    def blocks(self) -> Iterator[dict[str, Vector]]:
        """Yield all rows."""
        yield self.known

    def columns(self) -> dict[str, Vector]:
        """Return the whole columns by name."""
        return self.known


def _flat(array: Any) -> list[Vector]:
    """Return a column for each number of a row's entry."""
    return list(array.reshape(len(array), -1).T)
