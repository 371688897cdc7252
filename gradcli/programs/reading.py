"""Which nodes, and which of their numbers, a result reads at values.

Of `where` only the branch that is taken is read; an operation on arrays such as x[0] reads some
numbers of its arguments.
"""

from __future__ import annotations

from gradcli.graph.operations import TABLE, WHERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from typing_extensions import Self

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape


def live(graph: Graph, roots: Iterable[int], numbers: Mapping[int, float]) -> set[int]:
    """Return the nodes that the roots read at these values: all but branches not taken."""
    return {node for node, read in masks(graph, roots, numbers).items() if any_of(read)}


def taken(graph: Graph, node: int, numbers: Mapping[int, float] | None) -> Collection[int]:
    """Return the positions of the arguments that a node reads: `where` reads one branch."""
    operation, arguments, _ = graph.rows[node]
    if operation is WHERE and numbers is not None and not graph.shape(arguments[0]):
        return (0, 1) if numbers[arguments[0]] else (0, 2)
    return range(len(arguments))


def masks(
    graph: Graph, roots: Iterable[int], numbers: Mapping[int, Any], *, columns: bool = False
) -> dict[int, Any]:
    """Return which numbers of each node the roots read: True, False or an array of both.

    Of a branch of `where` only the numbers are read for which its condition chooses it. Below a
    node whose arguments have no values nothing was read: its value was known. With `columns` the
    numbers of a node are those of many runs, not of an array, and stay separate.
    """
    read: dict[int, Any] = dict.fromkeys(roots, True)
    for node in reversed(graph.reachable(list(read))):
        mask = read.get(node, False)
        operation, arguments, _ = graph.rows[node]
        if not numbers.keys() >= set(arguments):
            continue
        for position, argument in enumerate(arguments):
            needed = mask
            if operation is WHERE and position:
                condition = numbers[arguments[0]]
                needed = mask & (condition != 0 if position == 1 else condition == 0)
            if operation.structural and (columns or isinstance(needed, bool)):
                needed = any_of(needed)
            elif operation.structural:
                needed = numbers_read(graph, node, position, needed)
            elif not columns and not isinstance(needed, bool):
                needed = _narrowed(needed, numbers[argument])
            before = read.get(argument)
            read[argument] = needed if before is None else before | needed
    return read


def any_of(mask: Any) -> bool:
    """Return whether any number is read."""
    return mask if isinstance(mask, bool) else bool(mask.any())


def _narrowed(mask: Any, argument: Any) -> Any:
    """Return which numbers of a broadcast argument are read for any of its copies."""
    import numpy as np

    from gradcli.programs.arrays import sum_to_shape

    shape = np.shape(argument)
    if not shape:
        return any_of(mask)
    wide = np.broadcast_to(mask, np.broadcast_shapes(np.shape(mask), shape))
    return sum_to_shape(wide, shape) != 0


class Array:
    """An array that the rules of the table can be applied to, as they are to nodes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def shape(self) -> Shape:
        """The shape of the array."""
        return tuple(self.value.shape)

    def apply(self, name: str, *others: Any, payload: Any = None) -> Self:
        """Return the row `name` of the table applied to this array and others."""
        from gradcli.programs.generated import array_function

        function = array_function(TABLE[name], 1 + len(others), payload)
        inputs = [getattr(other, "value", other) for other in (self, *others)]
        return type(self)(function(*inputs))

    def __mul__(self, other: Array) -> Array:
        """Return self * other."""
        return Array(self.value * other.value)


def numbers_read(graph: Graph, node: int, position: int, mask: Any) -> Any:
    """Return which numbers of an argument a node reads for those of its value in the mask."""
    import numpy as np

    from gradcli.graph.structural import read

    operation, arguments, payload = graph.rows[node]
    units = [Array(np.ones(graph.shape(argument))) for argument in arguments]
    count = Array(np.broadcast_to(mask, graph.shape(node)) * 1.0)
    f = Array(np.zeros(graph.shape(node)))
    return read(operation, position, count, f, units, payload).value != 0
