"""The NIST StRD data sets, and residuals of a formula over columns of data."""

from __future__ import annotations

import csv
import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli import parse
from gradcli.calculus.forward import tangents
from gradcli.errors import MathematicsError
from gradcli.programs.program import function, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.solvers.solver import Matrix, Vector

FOLDER = Path(__file__).parents[1] / "reference" / "nist"


class DataSet(NamedTuple):
    """A model with its data, starts and certified results."""

    name: str
    model: str
    response: str
    columns: dict[str, Vector]
    parameters: list[str]
    starts: list[Vector]
    certified: Vector
    errors: Vector
    rss: float
    residual_sd: float
    is_linear: bool

    def residuals(self, rows: int | None = None) -> FormulaResiduals:
        """Return the residuals of the model, in blocks of `rows` rows."""
        source = f"({self.model}) - {self.response}"
        return FormulaResiduals(source, self.columns, self.parameters, rows)


class FormulaResiduals:
    """Residuals from a formula of numbers (the parameters) and columns (the data)."""

    def __init__(
        self,
        source: str,
        columns: Mapping[str, Vector],
        parameters: Sequence[str],
        rows: int | None = None,
    ) -> None:
        self.count = len(next(iter(columns.values())))
        self.rows = self.count if rows is None else rows
        self.columns = list(columns.values())
        self.evaluations = 0
        formula = parse(source, dict.fromkeys(columns, (self.count,)))
        graph = formula.graph
        nodes = graph.variables([formula.id])
        slopes = [
            tangents(graph, [formula.id], {nodes[name]: graph.constant(1)})[0]
            for name in parameters
        ]
        names = [*columns, *parameters]
        self._value = function(program(graph, [formula.id]), names)
        self._both = function(program(graph, [formula.id, *slopes]), names)
        rates = {nodes[name]: graph.variable(f"rate of {name}") for name in parameters}
        turned = tangents(graph, slopes, rates)
        rated = [*names, *(f"rate of {name}" for name in parameters)]
        self._all = function(program(graph, [formula.id, *slopes, *turned]), rated)

    def values(self, point: Vector) -> Iterator[Vector]:
        """Yield the residuals."""
        self.evaluations += 1
        (found,) = self._value(*self.columns, *point.tolist())
        yield self._checked(found)

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield residuals and Jacobian."""
        found = self._both(*self.columns, *point.tolist())
        values, *slopes = [self._checked(array) for array in found]
        jacobian = np.column_stack(slopes)
        for first in range(0, self.count, self.rows):
            rows = slice(first, first + self.rows)
            yield values[rows].copy(), jacobian[rows].copy()

    def along(self, point: Vector, direction: Vector) -> Iterator[tuple[Vector, Matrix, Matrix]]:
        """Yield residuals, Jacobian and how it changes along a direction."""
        found = self._all(*self.columns, *point.tolist(), *direction.tolist())
        values, *columns = [self._checked(array) for array in found]
        slopes, turned = np.hsplit(np.column_stack(columns), 2)
        for first in range(0, self.count, self.rows):
            rows = slice(first, first + self.rows)
            yield values[rows].copy(), slopes[rows].copy(), turned[rows].copy()

    def _checked(self, found: Any) -> Vector:
        array = np.broadcast_to(np.asarray(found, dtype=float), (self.count,))
        if not np.all(np.isfinite(array)):
            message = "a residual or its derivative is not finite"
            raise MathematicsError(message)
        return array


@cache
def data_sets() -> dict[str, DataSet]:
    """Return the sets by name."""
    index = json.loads((FOLDER / "index.json").read_text())
    return {name: _data_set(name, row) for name, row in index["sets"].items()}


def _data_set(name: str, row: Mapping[str, Any]) -> DataSet:
    with (FOLDER / row["csv"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parameters = list(row["certified"])
    starts = [row["start1"], row["start2"]] if row["start1"] else [dict.fromkeys(parameters, 1.0)]
    return DataSet(
        name,
        row["model"],
        row["response"],
        {column: np.array([float(line[column]) for line in rows]) for column in rows[0]},
        parameters,
        [np.array([start[p] for p in parameters]) for start in starts],
        np.array([row["certified"][p] for p in parameters]),
        np.array([row["certified_sd"][p] for p in parameters]),
        row["rss"],
        row["residual_sd"],
        row["kind"] == "linear",
    )


def digits(found: Vector, certified: Vector, most: float) -> float:
    """Return the correct digits of the worst number, -log10 of the relative error."""
    return min(_digits(f, c, most) for f, c in zip(found, certified, strict=True))


def _digits(found: float, certified: float, most: float) -> float:
    if found == certified:
        return most
    error = abs(found - certified) / (abs(certified) or 1.0)
    return max(0.0, min(most, -math.log10(error)))
