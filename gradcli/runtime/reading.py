"""Which numbers of its arguments an operation on arrays reads, at values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.operations import TABLE
from gradcli.graph.structural import read
from gradcli.runtime.generated import array_function

if TYPE_CHECKING:
    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape


class Array:
    """An array that the rules of the table can be applied to, as they are to nodes."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.shape: Shape = np.shape(value)

    def apply(self, name: str, *others: Array, payload: Any = None) -> Array:
        """Return the row `name` of the table applied to this array and others."""
        function = array_function(TABLE[name], 1 + len(others), payload)
        return Array(function(self.value, *[other.value for other in others]))

    def __mul__(self, other: Array) -> Array:
        """Return self * other."""
        return Array(self.value * other.value)


def numbers_read(graph: Graph, node: int, position: int, mask: Any) -> Any:
    """Return which numbers of an argument a node reads for those of its value in the mask."""
    operation, arguments, payload = graph.rows[node]
    units = [Array(np.ones(graph.shape(argument))) for argument in arguments]
    count = Array(np.broadcast_to(mask, graph.shape(node)) * 1.0)
    f = Array(np.zeros(graph.shape(node)))
    return read(operation, position, count, f, units, payload).value != 0
