"""The value of a formula for every row of data, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.calculus.rows import resized
from gradcli.data.columns import NUMBERS_AT_ONCE, length_of
from gradcli.data.rows import width
from gradcli.point import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gradcli.data.rows import Rows
    from gradcli.graph.node import Graph


def row_values(graph: Graph, node: int, constants: Mapping[str, Any], rows: Rows) -> Iterator[Any]:
    """Yield the values of a node that is computed row by row, as arrays of some rows each.

    Raises MathematicsError where one is not finite, and FileError.
    """
    free = graph.variables([node])
    fixed = {name: constants[name] for name in free if name in constants}
    made: dict[int, tuple[Graph, int]] = {}
    for block in rows.blocks(max(1, NUMBERS_AT_ONCE // width(rows.entries))):
        length = length_of(block)
        data = {name: array for name, array in block.items() if name in free}
        if length not in made:
            made[length] = resized(graph, node, {name: array.shape for name, array in data.items()})
        yield Point(*made[length], {**fixed, **data}).value
