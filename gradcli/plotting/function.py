"""A formula whose names have values or ranges, as one thing to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.graph.printing import label
from gradcli.tables.ranges import Range, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.formula import Formula
    from gradcli.pictures.plots.chart import Vector
    from gradcli.tables.uncertain import RowErrors


class Function(NamedTuple):
    """A formula, the values of its names, the ranges of others, and what is to be shown of it."""

    formula: Formula
    values: Mapping[str, Any]
    ranges: Mapping[str, Range]
    wrt: Sequence[str] = ()
    allow_nonfinite: bool = False
    errors: RowErrors | None = None
    """The uncertain numbers among its values, whose errors make a band."""
    where: str = ""
    """Which line of several it is, for messages."""

    @property
    def text(self) -> str:
        """The formula as it was typed."""
        return self.formula.origin.source if self.formula.origin else str(self.formula)

    def table(self, ranges: Mapping[str, Range]) -> Table:
        """Return its table over ranges, in which nan stands for what does not exist."""
        nonfinite = self.allow_nonfinite
        return Table(
            self.formula,
            self.values,
            ranges,
            self.wrt,
            allow_nonfinite=nonfinite,
            gaps=True,
            certain=False,
        )

    def columns(self, points: Vector) -> list[Vector]:
        """Return value and derivatives at points of its one range; nan where there is none."""
        (name,) = self.ranges
        blocks = self.table({name: Range.through(points)}).blocks()
        return joined([[block.value, *block.slopes] for block in blocks])

    def error(self, points: Vector) -> Vector | None:
        """Return the standard error of the value at points of its one range; None without any."""
        if self.errors is None:
            return None
        from gradcli.tables.uncertain import WithErrors

        (name,) = self.ranges
        known = self.errors._replace(second=False)
        table = self._replace(wrt=known.names).table({name: Range.through(points)})
        return joined([block.slopes for block in WithErrors(table, known, [name]).blocks()])[0]

    def kinks(self, table: Table) -> list[str]:
        """Return what is to be said about derivatives that are one-sided somewhere in a table."""
        return [
            f"{self.where}{sentence}: {label(self.formula.graph, node)}"
            for node, sentence in list(table.kinks.items())[:5]
        ]

    def nowhere(self) -> MathematicsError:
        """Return the error for a formula that has no value at any point: that of the first."""
        start = {name: float(r.at(np.array([0]))[0]) for name, r in self.ranges.items()}
        try:
            self.formula.at_values({**self.values, **start})
        except MathematicsError as error:
            error.message = f"{self.where}no point of the range has a value: {error.message}"
            return error
        return MathematicsError(f"{self.where}no point of the range has a finite value")


def joined(blocks: Sequence[Sequence[Vector]]) -> list[Vector]:
    """Return whole columns from those of blocks."""
    return [np.concatenate(column) for column in zip(*blocks, strict=True)]
