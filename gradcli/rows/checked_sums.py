"""A formula of sums over rows worked out step by step, to say what is to be said about each row.

That is where it has no value or no derivative, with the row at fault, and where it has kinks.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.calculus.rows import copied
from gradcli.data.columns import length_of
from gradcli.data.rows import numbered
from gradcli.errors import MathematicsError
from gradcli.graph.node import Graph
from gradcli.graph.operations import WHERE
from gradcli.language.origin import CopiedOrigin
from gradcli.minimization.reductions import Totals, reduction_name
from gradcli.point import Point
from gradcli.rows.faults import fault_of_part
from gradcli.runtime.interpreter import Values, finite, first_fault, live, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.data.columns import Block
    from gradcli.findings import Note
    from gradcli.language.origin import Origin
    from gradcli.rows.formula import InSums, RowFormula


class _Sized(NamedTuple):
    """The formula for a number of rows, in a graph of its own."""

    graph: Graph
    root: int
    parts: list[int]
    """The nodes of the reductions."""
    origin: Origin | None


class CheckedSums:
    """One pass over the rows that checks every step of every block; see RowSums."""

    def __init__(
        self, formula: RowFormula, sums: InSums, wrt: Sequence[str], *, allow_nonfinite: bool
    ) -> None:
        self._formula = formula
        self._node = formula.formula
        self._rows, self._parts = sums
        self._wrt = list(wrt)
        self._nonfinite = allow_nonfinite
        self._made: dict[int, _Sized] = {}
        self._undefined: dict[int, MathematicsError] = {}
        """Why a reduction has no value."""
        self._without_slope: dict[int, MathematicsError] = {}
        self.notes: dict[Note, None] = {}
        """What is to be said about the derivatives: kinks and jumps."""

    def __call__(self) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives. Raises MathematicsError and FileError."""
        totals = Totals(self._parts.is_mean, len(self._wrt))
        row: Block = {}
        for first, block in numbered(self._rows, self._formula.rows_at_once()):
            row = row or {name: array[:1].copy() for name, array in block.items()}
            totals.add(length_of(block), self._of_block(block, first))
        return self._outer(*totals.found(), row)

    def _of_block(self, block: Block, first: int) -> list[Any]:
        """Return the reductions of a block with so many rows before it, and their derivatives.

        Where one has none it is nan, and why is kept: maybe the formula does not read it.
        """
        sized = self._of_length(length_of(block))
        reductions: list[Any] = []
        slopes: list[Any] = []
        for place, part in enumerate(sized.parts):
            moving = self._moving(sized.graph, part)
            here = self._part(sized, place, block, first)
            if here is not None and moving:
                self.notes |= dict.fromkeys(here.notes(moving))
            rates = {} if here is None else self._rates(here, place, moving)
            reductions.append(nan if here is None else here.value)
            slopes += [rates.get(name, 0.0) for name in self._wrt]
        return [*reductions, *slopes]

    def _part(self, sized: _Sized, place: int, block: Block, first: int) -> Point | None:
        """Return a reduction over a block; None where it is undefined, in this block or before."""
        if place in self._undefined:
            return None
        try:
            return self._point(sized, sized.parts[place], block)
        except MathematicsError as error:
            node = self._parts.parts[place]
            self._undefined[place] = fault_of_part(self._formula, error, node, block, first)
            if self._reads_all():
                raise self._undefined[place] from None
            return None

    def _rates(self, here: Point, place: int, moving: Sequence[str]) -> dict[str, Any]:
        """Return the derivatives of a reduction over a block; none where one does not exist."""
        if place in self._without_slope:
            return {}
        try:
            return here.gradient(moving)
        except MathematicsError as error:
            if self._reads_all():
                raise
            self._without_slope[place] = error
            return {}

    def _reads_all(self) -> bool:
        """Return whether the formula reads all its reductions, whatever the numbers."""
        return all(operation is not WHERE for operation, _, _ in self._parts.outer.rows)

    def _outer(
        self, reductions: Sequence[Any], slopes: Sequence[Sequence[Any]], row: Block
    ) -> tuple[Any, dict[str, Any]]:
        """Return value and derivatives, given the reductions and theirs. Raises MathematicsError.

        With them goes a row of the data, whose own numbers the formula does not read.
        """
        sized = self._of_length(1)
        graph, root = sized.graph, sized.root
        numbers = dict(zip(sized.parts, reductions, strict=True))
        wrong = {node for node, number in numbers.items() if not finite(number)}
        known = Values(numbers, set() if self._nonfinite else wrong)
        values = {**self._formula.values, **row}
        found = run(graph, graph.reachable([root]), values, ieee=self._nonfinite, known=known)
        fault = first_fault(graph, [root], found)
        for place, error in self._undefined.items():
            if sized.parts[place] == fault:
                raise error
        try:
            here = self._point(sized, root, row, known)
            if not self._wrt:
                return here.value, {}
            self.notes |= dict.fromkeys(here.notes(self._wrt))
            read = live(graph, [root], found.numbers)
            places = [place for place, part in enumerate(sized.parts) if part in read]
            return here.value, self._chained(here, places, reductions, slopes)
        except MathematicsError as error:
            raise self._without_row(error) from None

    def _chained(
        self,
        here: Point,
        places: Sequence[int],
        reductions: Sequence[Any],
        slopes: Sequence[Sequence[Any]],
    ) -> dict[str, Any]:
        """Return the derivatives by the chain rule, given those of the reductions that are read."""
        for place in places:
            if place in self._without_slope:
                raise self._without_slope[place]
        outer, result, parts, *_ = self._parts
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

    # ------------------------------------------------------------ the formula for some rows

    def _of_length(self, length: int) -> _Sized:
        """Return the formula for so many rows; but for the last, all blocks have as many."""
        if length not in self._made:
            graph, root = self._node.graph, self._node.id
            nodes = graph.reachable([root])
            copy = Graph()
            data = self._formula.column_nodes()
            known = {
                node: copy.variable(name, (length, *self._rows.entries[name]))
                for name, node in data.items()
            }
            copies = dict(zip(nodes, copied(graph, nodes, copy, known), strict=True))
            for node, same in copies.items():
                for name in graph.names.get(node, ()):
                    copy.give_name(same, name)
            origin = self._node.origin
            self._made[length] = _Sized(
                copy,
                copies[root],
                [copies[part] for part in self._parts.parts],
                None if origin is None else CopiedOrigin(origin, copies),
            )
        return self._made[length]

    def _point(
        self, sized: _Sized, node: int, data: Mapping[str, Any], known: Values | None = None
    ) -> Point:
        return Point(
            sized.graph,
            node,
            {**self._formula.values, **data},
            sized.origin,
            allow_nonfinite=self._nonfinite,
            known=known,
        )

    def _moving(self, graph: Graph, node: int) -> list[str]:
        """Return those of the names to differentiate by on which a node depends."""
        names = graph.variables([node])
        return [name for name in self._wrt if name in names]

    def _without_row(self, error: MathematicsError) -> MathematicsError:
        """Return the error of the formula of reductions without the numbers of a row."""
        if error not in self._without_slope.values():
            error.values = tuple(
                line for line in error.values if line.partition(" = ")[0] not in self._rows.entries
            )
        return error
