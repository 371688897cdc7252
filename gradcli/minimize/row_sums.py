"""A formula of sums and means over rows at a point, every step of every block checked.

It is what finds out why a fast pass over the rows gave no finite value or derivative, and what is
to be said about the derivatives.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from gradcli.data.columns import length_of
from gradcli.data.rows import HeldRows, numbered
from gradcli.errors import MathematicsError
from gradcli.point import Lines, Point
from gradcli.programs.interpreter import Values, finite
from gradcli.records import NamedTuple
from gradcli.rows.reductions import Totals, reduction_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.findings import Note
    from gradcli.graph.node import Node
    from gradcli.language.origin import Origin
    from gradcli.rows.reductions import Split


class Look(NamedTuple):
    """What every step says about some rows."""

    values: list[Any]
    """The reductions and the derivatives of each; nan where one has none."""
    errors: dict[int, MathematicsError]
    """Why a reduction has no value or no derivative, by its node."""
    notes: list[Note]


class RowSums:
    """The value of a formula that is `split` into reductions over rows, and its derivatives.

    `columns` are those of the rows, `values` those of the other names, `wrt` those to differentiate
    with respect to. `location` returns where a row stands, as in `Lines`; without it none is named.
    """

    def __init__(
        self,
        formula: Node,
        origin: Origin | None,
        split: Split,
        columns: Collection[str],
        values: Mapping[str, Any],
        wrt: Sequence[str],
        location: Callable[[int], str] | None,
        *,
        allow_nonfinite: bool = False,
    ) -> None:
        self._formula, self._origin, self._split = formula, origin, split
        self._parts = split.parts
        self._columns, self._values, self._wrt = columns, values, list(wrt)
        self._location = location
        self._nonfinite = allow_nonfinite
        self._errors: dict[int, MathematicsError] = {}
        self._notes: dict[Note, None] = {}
        self.value: Any
        self.gradient: dict[str, Any]
        """The derivative with respect to each of the names."""
        self.notes: list[Note] = []
        """What is to be said about the derivatives: kinks and jumps."""

    def found(self, looks: Iterable[tuple[int, Look]]) -> RowSums:
        """Return this with value and gradient, from looks at numbers of rows.

        Raises MathematicsError, unless results need not be finite.
        """
        totals = Totals(self._split, len(self._wrt))
        for rows, look in looks:
            totals.add(rows, look.values)
            self._errors = look.errors | self._errors
            self._notes |= dict.fromkeys(look.notes)
        self.value, self.gradient = self._outer(*totals.found())
        self.notes = list(self._notes)
        return self

    def look(self, block: Block, first: int, size: int) -> Look:
        """Return what every step says about rows with so many before them, `size` at a time."""
        totals = Totals(self._split, len(self._wrt))
        for before, some in numbered(HeldRows(block), size):
            totals.add(length_of(some), self._of_block(some, first + before))
        reductions, slopes = totals.found()
        found = [*reductions, *[slope for of_one in slopes for slope in of_one]]
        return Look(found, self._errors, list(self._notes))

    def _of_block(self, block: Block, first: int) -> list[Any]:
        """Return the reductions of a block with so many rows before it, and their derivatives.

        Where one has none it is nan, and why is kept: maybe the formula does not read it.
        """
        reductions: list[Any] = []
        slopes: list[Any] = []
        for part in self._parts:
            value, rates, names = nan, {}, self._names_of(part)
            if part not in self._errors:
                try:
                    point = self._at(part, block, first, allow_nonfinite=self._nonfinite)
                    if names:
                        self._notes |= dict.fromkeys(point.notes(names))
                        rates = point.gradient(names)
                    value = point.value
                except MathematicsError as error:
                    self._errors[part] = error
            reductions.append(value)
            slopes += [rates.get(name, 0.0) for name in self._wrt]
        return [*reductions, *slopes]

    def _outer(
        self, reductions: Sequence[Any], slopes: Sequence[Sequence[Any]]
    ) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives by the chain rule, from the reductions and theirs."""
        root = self._formula.id
        numbers = dict(zip(self._parts, reductions, strict=True))
        point = self._at(root, known=Values(numbers, set()), allow_nonfinite=True)
        read = [part for part in self._parts if part in point.read]
        for part in read:
            if part in self._errors:
                raise self._errors[part]
        if not self._nonfinite:
            wrong = {part for part in read if not finite(numbers[part])}
            point = self._at(root, known=Values(numbers, wrong))
        if not self._wrt:
            return point.value, {}
        self._notes |= dict.fromkeys(point.notes(self._wrt))
        nodes = self._formula.graph.variables([root])
        own = {name: nodes[name] for name in self._wrt}
        rates = point.slopes(own | {reduction_name(part): part for part in read})
        found = {name: rates[name] for name in own}
        for part, of_part in zip(self._parts, slopes, strict=True):
            names = self._names_of(part) if part in read else ()
            for name, slope in zip(self._wrt, of_part, strict=True):
                if name in names:
                    found[name] = found[name] + rates[reduction_name(part)] * slope
        for name, slope in found.items():
            if not (self._nonfinite or finite(slope)):
                message = f"the derivative with respect to {name} is infinite or too large here"
                raise MathematicsError(message)
        return point.value, found

    def _at(
        self,
        node: int,
        block: Mapping[str, Any] | None = None,
        first: int = 0,
        *,
        known: Values | None = None,
        allow_nonfinite: bool = False,
    ) -> Point:
        return Point(
            self._formula.graph,
            node,
            {**self._values, **(block or {})},
            self._origin,
            allow_nonfinite=allow_nonfinite,
            known=known,
            lines=Lines(self._columns, self._location, first) if self._location else None,
        )

    def _names_of(self, part: int) -> list[str]:
        """Return those of the names in `wrt` on which a reduction depends."""
        names = self._formula.graph.variables([part])
        return [name for name in self._wrt if name in names]
