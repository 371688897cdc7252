"""Which nodes move at all when some nodes do: what 0 times an infinite partial derivative is.

`sqrt(b*x)` does not move with b where x is 0. Its derivative with respect to b is 0 there, although
the chain rule multiplies an infinite partial by 0. That is read from the graph: a factor that does
not depend on b is 0. A rate that is 0 is not enough: `((c - 3)^4)^0.2` moves at 3, and its
derivative there is infinite. Both modes ask for the condition, and only where a partial can be
infinite, so that other formulas pay nothing.
"""

from __future__ import annotations

from gradcli.calculus.masks import both, branch, either, pushforward
from gradcli.graph.operations import (
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    SCALED,
    WHERE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gradcli.calculus.masks import Mask
    from gradcli.graph.node import Graph


class Movement:
    """The masks of the numbers that move when the nodes `free` do; `active` depend on those."""

    def __init__(self, graph: Graph, free: Collection[int], active: Collection[int]) -> None:
        self._graph = graph
        self._free = free
        self._active = active
        self._moving: dict[int, Mask] = {}
        self._nonzero: dict[int, Mask] = {}

    def mask(self, node: int) -> Mask:
        """Return where an active node moves."""
        if node not in self._moving:
            for below in self._graph.below(node, self._moving):
                self._nonzero[below] = self._not_zero(below)
                self._moving[below] = self._moves(below) if below in self._active else None
        return self._moving[node]

    def _moves(self, node: int) -> Mask:
        graph = self._graph
        operation, arguments, _ = graph.rows[node]
        if node in self._free:
            return None
        places = [place for place, argument in enumerate(arguments) if argument in self._active]
        if operation.structural:
            return self._carried(node, places)
        ways = [self._moving[arguments[place]] for place in places]
        if operation is WHERE:
            ways = [
                both(graph, branch(graph, node, place), way)
                for place, way in zip(places, ways, strict=True)
                if place
            ]
        return both(graph, either(graph, ways), self._nonzero[node])

    def _carried(self, node: int, places: Sequence[int]) -> Mask:
        """Return what an operation that moves or adds up numbers makes of its arguments' masks."""
        operation, arguments, _ = self._graph.rows[node]
        masks = {place: self._moving[arguments[place]] for place in places}
        if not operation.linear or all(mask is None for mask in masks.values()):
            return None
        return pushforward(self._graph, node, masks)

    def _not_zero(self, node: int) -> Mask:
        """Return where the factors of a product that do not move are not 0."""
        operation, arguments, payload = self._graph.rows[node]
        if node not in self._active:
            is_number = operation is NAMED_CONSTANT or bool(self._graph.number(node))
            return None if is_number else node
        if operation is MULTIPLY or operation is SCALED:
            return both(self._graph, *[self._nonzero[argument] for argument in arguments])
        if operation in {NEGATE, DIVIDE} or (operation is CONSTANT_POWER and payload > 0):
            return self._nonzero[arguments[0]]
        return None
