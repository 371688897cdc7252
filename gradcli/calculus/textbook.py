"""The vjps of operations on arrays as a textbook writes them.

The rules that are run reshape and broadcast; pictures and lessons show these, from the same row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.graph import structural
from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import Operation
from gradcli.graph.simplify import DerivedNode
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self

    from gradcli.graph.shapes import Shape


OUTER = Operation("outer", None, arity=(2, 2), shape=lambda x, y: (*x, *y))
"""The products of all pairs of two vectors. It is no row of the table: it is shown, never run."""


class TextbookRule(NamedTuple):
    """The derivative with respect to an argument, when that with respect to the value is g."""

    graph: Graph
    """A graph of its own."""
    root: int
    slope: int
    """The node that stands for g."""
    value: int
    """That of the value of the operation."""
    arguments: tuple[int, ...]
    """Those of its arguments; numbers stand for themselves."""
    words: list[tuple[str, dict[str, Any]]]
    """What follows the formula, which is one of each line of numbers along an axis.

    They are keys of the table of words (gradcli.pictures.wording), each with its parts.
    """


def rule(graph: Graph, node: int, position: int) -> TextbookRule | None:
    """Return the vjp with respect to an argument of an operation on arrays; None where it is 0.

    Raises MathematicsError where an operation has no derivative with respect to the argument.
    """
    operation, arguments, payload = graph.rows[node]
    shapes = [graph.shape(argument) for argument in arguments]
    shape, words = graph.shape(node), list[tuple[str, dict[str, Any]]]()
    if operation.payload == "axis" and payload is not None and len(shapes[0]) > 1:
        shapes[0], words = (shapes[0][payload],), [("vjp axis", {"axis": payload})]
        shape = () if len(shape) < len(graph.shape(arguments[0])) else shapes[0]
    own = Graph()
    value, slope = [_leaf(own, name, shape) for name in ("f", "g")]
    leaves = [
        _leaf(own, str(index), one)
        if (number := graph.number(argument)) is None or one
        else _Node(own, own.constant(number))
        for index, (argument, one) in enumerate(zip(arguments, shapes, strict=True))
    ]
    axis = None if operation.payload == "axis" and len(shapes[0]) == 1 else payload
    found = structural.textbook(operation, position, slope, value, tuple(leaves), axis)
    formula, *behind = found if isinstance(found, tuple) else (found,)
    if not isinstance(formula, Node):
        return None
    if not behind and len(formula.shape) > len(shapes[position]):
        behind = ["vjp repeated"]
    if behind:
        words.insert(0, (behind[0], dict(*behind[1:])))
    return TextbookRule(
        own, formula.id, slope.id, value.id, tuple(leaf.id for leaf in leaves), words
    )


class _Node(DerivedNode):
    """A node of a rule."""

    __slots__ = ()

    def outer(self, other: Self) -> Self:
        """Return the products of all pairs."""
        return self.at(self.graph.add(OUTER, (self.id, other.id)))


def _leaf(graph: Graph, name: str, shape: Shape) -> _Node:
    return _Node(graph, graph.variable(name, shape))
