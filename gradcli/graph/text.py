"""Graph to formula text: parsing the text again gives the identical node.

Parentheses stand only where the grammar needs them. A node that the user named is written as a
definition (`u = 3*x*y; sin(u)`); so are shared parts when the text would otherwise explode, which
keeps its length linear in the number of nodes.
"""

from __future__ import annotations

from gradcli.graph.operations import (
    ATOM,
    COMPARISON,
    CONSTANT,
    CONSTANT_POWER,
    FUNCTIONS,
    NAMED_CONSTANT,
    NAMED_VALUES,
    NEGATE,
    NOT_SO,
    OR,
    PLACEHOLDER,
    POSTFIX,
    POWER_OF,
    SIGN,
    SUM,
    VARIABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation
    from gradcli.graph.shapes import Key

Piece = str | tuple[int, int]
"""A part of a node's text: characters, or an argument and the level it must at least bind with."""

_NAMES = {"log to a base": "log", "greatest": "max", "least": "min"}
"""Rows that are called by another name."""

LABEL_LENGTH = 60
"""The longest text of one node in a table; what is longer refers to its arguments as #id."""


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same double: 3, 0.1, 1e-5, inf."""
    text = repr(float(value))
    if "e" in text:
        digits, exponent = text.split("e")
        return f"{digits.removesuffix('.0')}e{int(exponent)}"
    return text.removesuffix(".0")


def value_text(value: Any, longest: int = 8) -> str:
    """Return a number, or an array as it is typed; a long one by its shape, first and last."""
    if isinstance(value, int | float):
        return number_text(value)
    if value.size <= longest or longest < 0:
        return array_text(value.tolist())
    flat = value.ravel()
    ends = [", ".join(number_text(x) for x in part) for part in (flat[:3], flat[-3:])]
    return f"array of shape {value.shape}: {ends[0]}, … {ends[1]}"


def array_text(value: Any) -> str:
    """Return nested lists as an array literal: [[1, 2], [3, 4]]."""
    if isinstance(value, list):
        return f"[{', '.join(array_text(part) for part in value)}]"
    return number_text(value)


def pieces(graph: Graph, node: int) -> list[Piece]:
    """Return the parts of the node's text in order."""
    operation, arguments, payload = graph.rows[node]
    level = operation.level
    if operation is CONSTANT:
        return [number_text(payload)]
    if operation in {VARIABLE, NAMED_CONSTANT, PLACEHOLDER}:
        return [str(payload)]
    if operation is NEGATE:
        return ["-", (arguments[0], SIGN)]
    if operation is NOT_SO:
        return ["not ", (arguments[0], level)]
    if operation is CONSTANT_POWER:
        return [(arguments[0], POSTFIX), "^" + number_text(payload)]
    if operation is POWER_OF:
        return [(arguments[0], POSTFIX), "^", (arguments[1], SIGN)]
    if level == POSTFIX:
        return [(arguments[0], ATOM), str(operation.infix)]
    if level == COMPARISON:
        return [(arguments[0], SUM), str(operation.infix), (arguments[1], SUM)]
    if level < ATOM:
        return [(arguments[0], level), str(operation.infix), (arguments[1], level + 1)]
    if operation.name == "array":
        return ["[", *_separated([(argument, OR) for argument in arguments]), "]"]
    if operation.name == "index":
        return [(arguments[0], ATOM), f"[{key_text(payload)}]"]
    return _call(operation, arguments, payload)


def _call(operation: Operation, arguments: tuple[int, ...], payload: Any) -> list[Piece]:
    """Return the parts of a function call, with the payload where it is typed."""
    name = _NAMES.get(operation.name, operation.name)
    listed: list[Piece] = [(argument, OR) for argument in arguments]
    if operation.payload == "first":
        listed.insert(0, number_text(payload))
    elif operation.payload == "last":
        listed.append(number_text(payload) if isinstance(payload, int | float) else str(payload))
    elif operation.payload == "axis" and payload is not None:
        listed.append(f"axis={payload}")
    elif operation.payload in {"shape", "values", "sizes"}:
        listed += [number_text(size) for size in payload]
    return [name + "(", *_separated(listed), ")"]


def _separated(listed: list[Piece]) -> list[Piece]:
    pieces: list[Piece] = []
    for position, piece in enumerate(listed):
        pieces += [", ", piece] if position else [piece]
    return pieces


def key_text(key: Key) -> str:
    """Return an index as it is typed: 0, 1:, :, ::2."""
    items = []
    for item in key:
        if isinstance(item, tuple):
            start, stop, step = ["" if limit is None else str(limit) for limit in item]
            items.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            items.append(str(item))
    return ", ".join(items)


def write(
    graph: Graph, node: int, names: Mapping[int, str], longest: int | None = None
) -> str | None:
    """Return the node's text with `names` in place of named arguments.

    With `longest`, None when the text is longer; the work then stops there.
    """
    written: list[str] = []
    length = 0
    waiting: list[Piece] = [*reversed(pieces(graph, node))]
    while waiting:
        # Every piece that waits will be a character at least.
        if longest is not None and length + len(waiting) > longest:
            return None
        piece = waiting.pop()
        if isinstance(piece, str):
            written.append(piece)
            length += len(piece)
            continue
        argument, level = piece
        if argument in names:
            waiting.append(names[argument])
        elif graph.rows[argument][0].level < level:
            waiting += [")", *reversed(pieces(graph, argument)), "("]
        else:
            waiting += reversed(pieces(graph, argument))
    return None if longest is not None and length > longest else "".join(written)


def label(graph: Graph, node: int, longest: int = LABEL_LENGTH) -> str:
    """Return the formula of one node in terms of the names below it, in one short line.

    A longer formula is written in terms of the node's own arguments: `#41 + x`.
    """
    names = {n: next(iter(given)) for n, given in graph.names.items() if n != node and given}
    text = write(graph, node, names, longest)
    if text is not None:
        return text
    arguments = graph.rows[node][1]
    shallow = {a: short(graph, a) for a in arguments}
    text = write(graph, node, shallow, longest)
    return text if text is not None else f"{graph.rows[node][0].name}(… {len(arguments)} terms)"


def short(graph: Graph, node: int) -> str:
    """Return the name or number of a node, or `#id` for one that has neither."""
    operation = graph.rows[node][0]
    if operation in {CONSTANT, VARIABLE, NAMED_CONSTANT}:
        return str(write(graph, node, {}))
    return graph.name_of(node) or f"#{node}"


def definitions(graph: Graph, roots: Collection[int]) -> dict[int, str]:
    """Return the nodes to write as definitions of the texts of `roots`, and their names.

    These are the nodes that the user named; and when the texts would be many times longer than
    the graph, every shared part, named t1, t2 …
    """
    nodes = graph.reachable(roots)
    taken = {*NAMED_VALUES, *FUNCTIONS}
    if not any(graph.rows[n][0] is NAMED_CONSTANT and graph.rows[n][2] == "e" for n in nodes):
        taken.discard("e")
    taken |= graph.variables(roots).keys()
    uses: dict[int, int] = dict.fromkeys(nodes, 0)
    for node in nodes:
        for argument in graph.rows[node][1]:
            uses[argument] += 1
    names: dict[int, str] = {}
    for node in nodes:
        for name in graph.names.get(node, ()):
            if name not in taken and node not in names and (uses[node] or node not in roots):
                taken.add(name)
                names[node] = name
    if _length(graph, nodes, names, roots) > 200 + 16 * len(nodes):
        number = 0
        for node in nodes:
            if uses[node] > 1 and node not in names and graph.rows[node][1]:
                number += 1
                while f"t{number}" in taken:
                    number += 1
                names[node] = f"t{number}"
    return dict(sorted(names.items()))


def _length(
    graph: Graph, nodes: Sequence[int], names: Mapping[int, str], roots: Collection[int]
) -> float:
    """Return about how many characters the texts take, without writing them."""
    lengths: dict[int, float] = {}
    total = 0.0
    for node in nodes:
        length = 3.0
        for argument in graph.rows[node][1]:
            length += len(names[argument]) if argument in names else lengths[argument]
        lengths[node] = length
        if node in names or node in roots:
            total += length
    return total


def formula(graph: Graph, root: int) -> str:
    """Return the text of `root`: definitions first, then the result, separated by "; "."""
    names = definitions(graph, [root])
    lines = [
        f"{name} = {write(graph, node, names)}" for node, name in names.items() if node != root
    ]
    return "; ".join([*lines, str(write(graph, root, names))])
