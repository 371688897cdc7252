"""A formula of sums and means over the rows of data files, and its derivatives, block by block.

One quick pass gives value and derivatives. Where it finds none, and where every row must be looked
at for what is to be said about it, another one checks each step of each block.
"""

from __future__ import annotations

from math import nan, prod
from typing import TYPE_CHECKING, Any

from gradcli.data.columns import length_of
from gradcli.data.rows import numbered
from gradcli.errors import MathematicsError
from gradcli.graph.shapes import sized
from gradcli.minimization.rows_objective import RowsObjective
from gradcli.point import check_single
from gradcli.rows.reductions import Totals, reduction_name, split
from gradcli.runtime.explain import MOST_TESTED
from gradcli.runtime.interpreter import Values, finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.data.columns import Block
    from gradcli.findings import Note
    from gradcli.tables.formula import RowFormula


class RowSums:
    """What a Point says of a formula over all rows, its value and derivatives by names `wrt`.

    Raises MathematicsError where it has no value, naming the row if one is at fault, ShapeError for
    derivatives of an array, and FileError.
    """

    def __init__(
        self, formula: RowFormula, wrt: Sequence[str] = (), *, allow_nonfinite: bool = False
    ) -> None:
        rows, parts = formula.sums, split(formula.formula)
        assert rows is not None  # noqa: S101 - the caller has seen that
        assert parts is not None  # noqa: S101 - it is a formula of sums
        self._formula = formula
        self._node = formula.formula
        self._rows, self._split = rows, parts
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        self._errors: dict[int, MathematicsError] = {}
        """Why a reduction has no value or no derivative, by its node."""
        self._notes: dict[Note, None] = {}
        if wrt:
            check_single(self._node.graph, self._node.id, self._node.origin)
        quick = None if self._is_to_be_looked_at() else self._quick()
        self.value: Any
        self.gradient: dict[str, Any]
        """The derivative by each of the names."""
        self.value, self.gradient = self._checked() if quick is None else quick
        self.notes = list(self._notes)
        """What is to be said about the derivatives: kinks and jumps."""

    def _is_to_be_looked_at(self) -> bool:
        """Return whether the values of all steps are needed: for an array, or to find kinks.

        As anywhere, numbers of each row are not searched for kinks when there are very many.
        """
        graph, root = self._node.graph, self._node.id
        if graph.shape(root):
            return True
        count = self._formula.source.rows or self._rows.least
        nodes = graph.variables([root])
        for node in graph.depending_on([nodes[n] for n in self._wrt], graph.reachable([root])):
            operation = graph.rows[node][0]
            is_small = prod(sized(graph.shape(node), count)) <= MOST_TESTED
            if (operation.kink or operation.jump) and (operation.structural or is_small):
                return True
        return False

    def _quick(self) -> tuple[float, dict[str, Any]] | None:
        """Return value and derivatives as an optimiser gets them; None where one is not finite."""
        values = self._formula.values
        constants = {name: value for name, value in values.items() if name not in self._wrt}
        node = self._node
        objective = RowsObjective(node, self._wrt, node.origin, constants, self._rows, "python")
        try:
            value, slopes = objective([values[name] for name in self._wrt])
        except MathematicsError:
            return None
        return value, dict(zip(self._wrt, slopes, strict=True))

    # ------------------------------------------------------------ each step of each block

    def _checked(self) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives, and keep what is to be said about them."""
        totals = Totals(self._split.is_mean, len(self._wrt))
        for first, block in numbered(self._rows, self._formula.rows_at_once()):
            totals.add(length_of(block), self._of_block(block, first))
        return self._outer(*totals.found())

    def _of_block(self, block: Block, first: int) -> list[Any]:
        """Return the reductions of a block with so many rows before it, and their derivatives.

        Where one has none it is nan, and why is kept: maybe the formula does not read it.
        """
        reductions: list[Any] = []
        slopes: list[Any] = []
        for part in self._split.parts:
            value, rates, moving = nan, {}, self._moving(part)
            if part not in self._errors:
                try:
                    here = self._formula.at(block, first, part, allow_nonfinite=self._nonfinite)
                    if moving:
                        self._notes |= dict.fromkeys(here.notes(moving))
                        rates = here.gradient(moving)
                    value = here.value
                except MathematicsError as error:
                    self._errors[part] = error
            reductions.append(value)
            slopes += [rates.get(name, 0.0) for name in self._wrt]
        return [*reductions, *slopes]

    def _outer(
        self, reductions: Sequence[Any], slopes: Sequence[Sequence[Any]]
    ) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives by the chain rule, given the reductions and theirs.

        Raises MathematicsError.
        """
        graph, parts = self._node.graph, self._split.parts
        numbers = dict(zip(parts, reductions, strict=True))
        here = self._formula.at({}, known=Values(numbers, set()), allow_nonfinite=True)
        read = [part for part in parts if part in here.read]
        for part in read:
            if part in self._errors:
                raise self._errors[part]
        if not self._nonfinite:
            wrong = {part for part in read if not finite(numbers[part])}
            here = self._formula.at({}, known=Values(numbers, wrong))
        if not self._wrt:
            return here.value, {}
        self._notes |= dict.fromkeys(here.notes(self._wrt))
        nodes = graph.variables([self._node.id])
        own = {name: nodes[name] for name in self._wrt}
        rates = here.slopes(own | {reduction_name(part): part for part in read})
        found = {name: rates[name] for name in own}
        for part, of_part in zip(parts, slopes, strict=True):
            moving = self._moving(part) if part in read else ()
            for name, slope in zip(self._wrt, of_part, strict=True):
                if name in moving:
                    found[name] = found[name] + rates[reduction_name(part)] * slope
        for name, slope in found.items():
            if not (self._nonfinite or finite(slope)):
                message = f"the derivative with respect to {name} is infinite or too large here"
                raise MathematicsError(message)
        return here.value, found

    def _moving(self, part: int) -> list[str]:
        """Return those of the names to differentiate by on which a reduction depends."""
        names = self._node.graph.variables([part])
        return [name for name in self._wrt if name in names]
