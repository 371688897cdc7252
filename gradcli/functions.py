"""The functions of the language for use in Python: `functions.sin(x)` of a node is a node.

Every name that can be called in a formula is here: sin, log (also with a base), where, sigmoid …,
and for conditions equal, not_equal, both, either, invert. Numbers mix freely with nodes; a function
of numbers alone is a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.node import Node
from gradcli.graph.operations import ALIASES, FUNCTIONS, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

_CONDITIONS = {
    "equal": "equal",
    "not_equal": "not equal",
    "both": "and",
    "either": "or",
    "invert": "not",
}

__all__ = sorted({*FUNCTIONS, *ALIASES, *_CONDITIONS})  # noqa: PLE0605 - the names of the table


def _function(name: str) -> Callable[..., Node]:
    row_name = ALIASES.get(name, _CONDITIONS.get(name, name))

    def apply(*arguments: Node | float) -> Node:
        row = TABLE[row_name]
        given = list(arguments)
        payload = None
        if row_name == "log" and len(given) > 1:
            row = TABLE["log to a base"]
        elif row.payload is not None:
            payload = int(given.pop(0 if row.payload == "first" else -1))  # type: ignore[arg-type]
        if not row.accepts(len(given)):
            message = f"{name} does not take {len(arguments)} arguments"
            raise TypeError(message)
        for argument in given:
            if isinstance(argument, Node):
                return argument.apply_to(row.name, *given, payload=payload)
        message = f"{name} takes at least one node; make one with gradcli.variable(name)"
        raise TypeError(message)

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
