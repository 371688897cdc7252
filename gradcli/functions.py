"""The functions of the language for use in Python: `functions.sin(x)` of a node is a node.

Every name that can be called in a formula is here: sin, log (also with a base), where, sigmoid …;
for arrays sum, mean, softmax … with `axis=`; for conditions equal, not_equal, both, either, invert;
and array, which puts nodes and numbers into an array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.graph.node import Node
from gradcli.graph.operations import ALIASES, FUNCTIONS
from gradcli.graph.shapes import axis_of
from gradcli.language.functions import row_of

if TYPE_CHECKING:
    from collections.abc import Callable

_OTHERS = {
    "equal": "equal",
    "not_equal": "not equal",
    "both": "and",
    "either": "or",
    "invert": "not",
    "array": "array",
    "matmul": "matmul",
}
_MADE = {name for name, row in FUNCTIONS.items() if row.arity == (0, 0)}

__all__ = sorted({*FUNCTIONS, *ALIASES, *_OTHERS} - _MADE)  # noqa: PLE0605 - names of the table


def _function(name: str) -> Callable[..., Node]:
    row_name = ALIASES.get(name, _OTHERS.get(name, name))

    def apply(*arguments: Node | float, axis: int | None = None) -> Node:
        operands: list[Any] = list(arguments)
        if name == "array" and len(operands) == 1 and not isinstance(operands[0], Node):
            operands = list(operands[0])
        node = next((argument for argument in operands if isinstance(argument, Node)), None)
        if node is None:
            message = f"{name} takes at least one node; make one with gradcli.variable(name)"
            raise TypeError(message)
        payload: Any = None
        row = row_of(row_name, len(operands), bool(node.shape))
        if row.payload in {"first", "last"}:
            payload = int(operands.pop(0 if row.payload == "first" else -1))
        if row.payload == "sizes":
            payload = tuple([int(size) for size in operands[1:]])
            operands = operands[:1]
        if row.payload == "axis":
            payload = axis_of(row_name, node.shape, axis, last=row.over_last)
        elif axis is not None:
            message = f"{name} has no argument axis"
            raise TypeError(message)
        if not row.accepts(len(operands)):
            message = f"{name} does not take {len(arguments)} arguments"
            raise TypeError(message)
        return node.apply_to(row.name, *operands, payload=payload)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"Return the node {name}(…)."
    return apply


def __getattr__(name: str) -> Callable[..., Node]:
    """Return the function of this name."""
    if name not in __all__:
        message = f"gradcli has no function {name}"
        raise AttributeError(message)
    made = globals()[name] = _function(name)
    return made
