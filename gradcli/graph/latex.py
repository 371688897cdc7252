"""Graph to LaTeX: fractions instead of slashes, no signs between factors where none are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.operations import (
    ATOM,
    COMPARISON,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    FACTORIAL,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT,
    OR,
    PLACEHOLDER,
    POWER,
    POWER_OF,
    PRODUCT,
    RATIO,
    SIGN,
    SUM,
    VARIABLE,
    WHERE,
)
from gradcli.graph.text import number_text

if TYPE_CHECKING:
    from gradcli.graph.node import Graph

_SMALL = """alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho
    sigma tau upsilon varphi chi psi omega"""
_CAPITAL = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
_GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψω", _SMALL.split(), strict=True)) | dict(
    zip("ΓΔΘΛΞΠΣΥΦΨΩ", _CAPITAL.split(), strict=True)
)
_GREEK_NAMES = {*_GREEK.values(), "epsilon", "phi"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_PLAIN = {"sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"}

_LEVELS = {"exp": POWER, "mod": SUM, "scaled": PRODUCT, "powlog": PRODUCT, "xlogx": PRODUCT}
"""How tightly a function binds that LaTeX writes without a name and parentheses."""
_OPERANDS = {"hypot": ATOM, "powlog": ATOM, "xlogx": ATOM, "scaled": POWER, "mod": POWER}
"""How tightly the arguments of such a function must bind."""

Piece = str | tuple[int, int]


def latex(graph: Graph, root: int) -> str:
    """Return the node as LaTeX for mathematics mode, without definitions or abbreviations."""
    written: list[str] = []
    waiting: list[Piece] = [(root, OR)]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            written.append(piece)
            continue
        node, level = piece
        parts = _pieces(graph, node)
        if _level(graph, node) < level:
            parts = [r"\left(", *parts, r"\right)"]
        waiting += reversed(parts)
    return "".join(written)


def name_latex(name: str) -> str:
    r"""Return a name as LaTeX: x1 is x_{1}, alpha is \alpha, rate is \mathit{rate}."""
    base, _, index = name.translate(_SUBSCRIPTS).strip("_").partition("_")
    digits = base.rstrip("0123456789")
    if digits and digits != base:
        index = base[len(digits) :] + ("," + index if index else "")
        base = digits
    index = index.replace("_", ",")
    if base in _GREEK:
        shown = "\\" + _GREEK[base]
    elif base in _GREEK_NAMES:
        shown = "\\" + base
    elif len(base) == 1:
        shown = base
    else:
        escaped = (base or name).replace("_", r"\_")
        shown = rf"\mathit{{{escaped}}}"
    return f"{shown}_{{{index}}}" if index else shown


def number_latex(value: float) -> str:
    """Return a number as LaTeX, a power of ten for an exponent."""
    digits, _, exponent = number_text(value).partition("e")
    if not exponent:
        return digits
    power = f"10^{{{exponent}}}"
    return power if digits == "1" else rf"{digits} \cdot {power}"


def _level(graph: Graph, node: int) -> int:
    operation, _, payload = graph.rows[node]
    if operation in {DIVIDE, RATIO}:
        return ATOM - 1  # a fraction needs parentheses below a power only
    if operation is CONSTANT and "e" in number_text(payload):
        return PRODUCT
    return _LEVELS.get(operation.name, operation.level)


def _pieces(graph: Graph, node: int) -> list[Piece]:
    operation, arguments, payload = graph.rows[node]
    if operation is CONSTANT:
        return [number_latex(payload)]
    if operation in {VARIABLE, PLACEHOLDER}:
        return [name_latex(payload)]
    if operation is NAMED_CONSTANT:
        return ["e" if payload == "e" else "\\" + payload]
    if operation is MULTIPLY:
        return [(arguments[0], PRODUCT), _between(graph, arguments[1]), (arguments[1], SIGN + 1)]
    if operation in {DIVIDE, RATIO}:
        return [r"\frac{", (arguments[0], OR), "}{", (arguments[1], OR), "}"]
    if operation is NEGATE:
        return ["-", (arguments[0], PRODUCT)]
    if operation is CONSTANT_POWER:
        return [(arguments[0], ATOM), "^{", number_latex(payload), "}"]
    if operation is POWER_OF:
        return [(arguments[0], ATOM), "^{", (arguments[1], OR), "}"]
    if operation is FACTORIAL:
        return [(arguments[0], ATOM), "!"]
    if operation is WHERE:
        condition, chosen, other = arguments
        return [
            r"\begin{cases} ",
            *((chosen, OR), r" & \text{if } ", (condition, OR), r" \\ "),
            *((other, OR), r" & \text{otherwise} \end{cases}"),
        ]
    if operation.latex is not None and operation.level < ATOM:
        return _filled(operation.latex, arguments, payload, _operand_levels(operation.level))
    if operation.latex is not None:
        least = _OPERANDS.get(operation.name, OR)
        return _filled(operation.latex, arguments, payload, (least, least, least))
    name = (
        "\\" + operation.name
        if operation.name in _PLAIN
        else (rf"\operatorname{{{operation.name.replace('_', chr(92) + '_')}}}")
    )
    listed: list[Piece] = []
    for argument in arguments:
        listed += [", ", (argument, OR)] if listed else [(argument, OR)]
    return [name, r"\left(", *listed, r"\right)"]


def _operand_levels(level: int) -> tuple[int, int, int]:
    """Return how tightly the operands of an infix operation must bind."""
    if level == COMPARISON:
        return SUM, SUM, OR
    if level == NOT:
        return SUM, OR, OR
    return level, level + 1, OR


def _filled(
    template: str, arguments: tuple[int, ...], payload: object, levels: tuple[int, ...]
) -> list[Piece]:
    """Return a template of the table cut into text and arguments."""
    marks = [f"\0{place}\0" for place in range(len(arguments))]
    shown = [number_latex(float(payload))] if isinstance(payload, int | float) else []
    parts = template.format(*marks, *shown).split("\0")
    # Every second part is the number of an argument.
    return [
        (arguments[int(part)], levels[int(part)]) if place % 2 else part
        for place, part in enumerate(parts)
    ]


def _between(graph: Graph, right: int) -> str:
    r"""Return the sign of a product: none, or \cdot before a digit."""
    node = right
    while True:
        operation, arguments, _ = graph.rows[node]
        if operation in {CONSTANT, NEGATE}:
            return r" \cdot "
        if operation in {CONSTANT_POWER, POWER_OF, FACTORIAL, MULTIPLY} and arguments:
            node = arguments[0]
            continue
        return " "
