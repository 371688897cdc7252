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
from gradcli.graph.operations import WHERE
from gradcli.graph.shapes import sized
from gradcli.minimization.rows_objective import RowsObjective
from gradcli.point import Point, check_single
from gradcli.rows.reductions import Totals, reduction_name, split
from gradcli.runtime.faults import MOST_TESTED
from gradcli.runtime.interpreter import Values, finite, first_fault, live, run
from gradcli.tables.faults import fault_of_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.findings import Note
    from gradcli.graph.node import Graph
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
        self._undefined: dict[int, MathematicsError] = {}
        """Why a reduction has no value, by its node."""
        self._without_slope: dict[int, MathematicsError] = {}
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
        row: Block = {}
        for first, block in numbered(self._rows, self._formula.rows_at_once()):
            row = row or {name: array[:1].copy() for name, array in block.items()}
            totals.add(length_of(block), self._of_block(block, first))
        return self._outer(*totals.found(), row)

    def _of_block(self, block: Block, first: int) -> list[Any]:
        """Return the reductions of a block with so many rows before it, and their derivatives.

        Where one has none it is nan, and why is kept: maybe the formula does not read it.
        """
        reductions: list[Any] = []
        slopes: list[Any] = []
        for part in self._split.parts:
            moving = self._moving(self._node.graph, part)
            here = self._part(part, block, first)
            if here is not None and moving:
                self._notes |= dict.fromkeys(here.notes(moving))
            rates = {} if here is None else self._rates(here, part, moving)
            reductions.append(nan if here is None else here.value)
            slopes += [rates.get(name, 0.0) for name in self._wrt]
        return [*reductions, *slopes]

    def _part(self, part: int, block: Block, first: int) -> Point | None:
        """Return a reduction over a block; None where it is undefined, in this block or before."""
        if part in self._undefined:
            return None
        try:
            return self._point(part, block)
        except MathematicsError as error:
            self._undefined[part] = fault_of_part(self._formula, error, part, block, first)
            if self._reads_all():
                raise self._undefined[part] from None
            return None

    def _rates(self, here: Point, part: int, moving: Sequence[str]) -> dict[str, Any]:
        """Return the derivatives of a reduction over a block; none where one does not exist."""
        if part in self._without_slope:
            return {}
        try:
            return here.gradient(moving)
        except MathematicsError as error:
            if self._reads_all():
                raise
            self._without_slope[part] = error
            return {}

    def _reads_all(self) -> bool:
        """Return whether the formula reads all its reductions, whatever the numbers."""
        return all(operation is not WHERE for operation, _, _ in self._split.outer.rows)

    def _outer(
        self, reductions: Sequence[Any], slopes: Sequence[Sequence[Any]], row: Block
    ) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives, given the reductions and theirs. Raises MathematicsError.

        With them goes a row of the data, whose own numbers the formula does not read.
        """
        graph, root = self._node.graph, self._node.id
        numbers = dict(zip(self._split.parts, reductions, strict=True))
        wrong = {node for node, number in numbers.items() if not finite(number)}
        known = Values(numbers, set() if self._nonfinite else wrong)
        values = {**self._formula.values, **row}
        found = run(graph, graph.reachable([root]), values, ieee=self._nonfinite, known=known)
        fault = first_fault(graph, [root], found)
        if fault in self._undefined:
            raise self._undefined[fault]
        try:
            here = self._point(root, row, known)
            if not self._wrt:
                return here.value, {}
            self._notes |= dict.fromkeys(here.notes(self._wrt))
            read = live(graph, [root], found.numbers)
            places = [place for place, part in enumerate(self._split.parts) if part in read]
            return here.value, self._chained(here, places, reductions, slopes)
        except MathematicsError as error:
            if error not in self._without_slope.values():  # without the numbers of that row
                error.values = tuple(
                    [text for text in error.values if text.partition(" = ")[0] not in row]
                )
            raise

    def _chained(
        self,
        here: Point,
        places: Sequence[int],
        reductions: Sequence[Any],
        slopes: Sequence[Sequence[Any]],
    ) -> dict[str, Any]:
        """Return the derivatives by the chain rule, given those of the reductions that are read."""
        outer, result, parts, *_ = self._split
        for place in places:
            if parts[place] in self._without_slope:
                raise self._without_slope[parts[place]]
        given = {reduction_name(place): number for place, number in enumerate(reductions)}
        point = Point(
            outer, result, {**self._formula.values, **given}, allow_nonfinite=self._nonfinite
        )
        direct = self._moving(outer, result)
        try:
            rates = point.gradient([*direct, *map(reduction_name, places)])
        except MathematicsError:
            here.gradient(self._wrt)  # raises, in the words of the formula itself
            raise
        found = {name: rates.get(name, 0.0) for name in self._wrt}
        for place in places:
            moving = self._moving(self._node.graph, parts[place])
            for name, slope in zip(self._wrt, slopes[place], strict=True):
                if name in moving:
                    found[name] = found[name] + rates[reduction_name(place)] * slope
        for name, slope in found.items():
            if not (self._nonfinite or finite(slope)):
                message = f"the derivative with respect to {name} is infinite or too large here"
                raise MathematicsError(message)
        return found

    def _point(self, node: int, data: Mapping[str, Any], known: Values | None = None) -> Point:
        return Point(
            self._node.graph,
            node,
            {**self._formula.values, **data},
            self._node.origin,
            allow_nonfinite=self._nonfinite,
            known=known,
        )

    def _moving(self, graph: Graph, node: int) -> list[str]:
        """Return those of the names to differentiate by on which a node depends."""
        names = graph.variables([node])
        return [name for name in self._wrt if name in names]
