"""The numbers and formulas in a picture: short, and free of control characters.

Everything that a user typed passes through `fit` on its way into a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, printable
from gradcli.graph.operations import TABLE
from gradcli.graph.precedence import ATOM, POWER, PRODUCT
from gradcli.graph.printing import Spoken, write
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gradcli.calculus.textbook import TextbookRule
    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Edge, Step

BROADCAST = TABLE["broadcast"]
LONGEST = 200
"""Characters of any one text in a picture."""


def number(value: float) -> str:
    """Return a number with four digits and a true minus sign: −0.751, 1.2e−5, inf."""
    digits, _, exponent = f"{value or 0.0:.4g}".partition("e")
    text = f"{digits}e{int(exponent)}" if exponent else digits
    return text.replace("-", "−")


def quantity(value: Any, longest: int) -> str:
    """Return a number or an array as text; a long array by its shape and range: 20×3, −1 … 4."""
    if isinstance(value, int | float):
        return number(value)
    if value.size <= longest:
        text = _nested(value.tolist())
        if len(text) <= longest:
            return text
    shape = extent(value)
    return f"{shape}, {number(value.min())} … {number(value.max())}" if value.size else shape


def extent(value: Any) -> str:
    """Return the shape of an array in words: 20×3, 100 numbers."""
    shape = "×".join(str(length) for length in value.shape)
    return say("numbers", count=shape) if len(value.shape) == 1 else shape


def percent(part: float) -> str:
    """Return a part of a whole as text: 12.5 %."""
    return f"{number(float(f'{100 * part:.3g}'))} %"


def value_of(step: Step, longest: int) -> str:
    """Return the value of a step as text, with its standard error where it has one."""
    shown = quantity(step.value, longest)
    return (
        shown
        if step.standard_error is None
        else f"{shown} ± {quantity(step.standard_error, longest)}"
    )


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(part) for part in value)}]"
    return number(value)


def fit(text: str, longest: int = LONGEST) -> str:
    """Return `text` without anything unprintable, cut with … when it is longer than `longest`."""
    clean = printable(text[: longest + 1])
    return clean if len(clean) <= longest else clean[: longest - 1].rstrip() + "…"


def expression(graph: Graph, node: int, longest: int = LONGEST) -> str:
    """Return the formula of one node in terms of the names below it, in one short line."""
    return fit(_written(graph, node, _names(graph, node), graph.rows[node][1]), longest)


def argument(graph: Graph, node: int, longest: int = LONGEST) -> str:
    """Return how a user of the node speaks of it: by its name, or else by its formula."""
    return fit(graph.name_of(node) or expression(graph, node, longest), longest)


def local_formula(graph: Graph, step: Step, edge: Edge, longest: int = LONGEST) -> str:
    """Return the local derivative of a step by one input as a formula; "" when it is not known.

    A chain `3*x*y` is one step, so its derivative is a product. A named step may stand in it
    itself: `1 - h^2` for h = tanh(x). What would be too long is written with the input left out,
    where there is but one: `1 - tanh(…)^2`.
    """
    names = _names(graph)
    text = _product(graph, step.id, edge.formula, names, {})
    left_out = _left_out(graph, [below.node for below in step.inputs])
    if len(text) > longest and len(left_out) == 1:
        text = min(text, _product(graph, step.id, edge.formula, names, left_out), key=len)
    return fit(text, longest)


def flowing(graph: Graph, step: Step, place: int, slope: str, longest: int = LONGEST) -> str:
    """Return in words what flows back to an input through an operation on arrays; "" for nothing.

    `slope` is what the derivative with respect to the step is called.
    """
    from gradcli.calculus.textbook import rule

    if step.operation == FORMULA or not graph.rows[step.id][0].structural:
        return ""
    try:
        found = rule(graph, step.id, place)
    except MathematicsError:
        return ""
    if found is None:
        return ""
    names, levels = {found.slope: slope}, {found.slope: POWER}
    for leaf, node in zip(
        (found.value, *found.arguments), (step.id, *graph.rows[step.id][1]), strict=True
    ):
        if found.graph.number(leaf) is None:
            names[leaf] = argument(graph, node, longest)
            levels[leaf] = ATOM if graph.name_of(node) else graph.rows[node][0].level
    text = ""
    for shown in (names, {**dict.fromkeys(names, "…"), found.slope: slope}):
        spoken = Spoken(found.graph, shown)
        spoken.levels = levels
        text = shown.get(found.root) or spoken.write(found.root) or ""
        text = f"{text} {behind(found)}".rstrip()
        if len(text) <= longest:
            break
    return fit(text, longest)


def behind(found: TextbookRule) -> str:
    """Return the words that follow a formula of what flows back."""
    return " ".join([say(key, **parts) for key, parts in found.words])


def whole_local_formula(graph: Graph, step: Step, edge: Edge, longest: int) -> str | None:
    """Return the local derivative as a formula that can be parsed; None where there is none."""
    names = _names(graph)
    shown = factors(graph, edge.formula)
    if any(write(graph, node, names, longest) is None for node in shown):
        return None
    text = _product(graph, step.id, edge.formula, names, {}, longest)
    return text if 0 < len(text) <= longest else None


def factors(graph: Graph, chain: Sequence[int]) -> Sequence[int]:
    """Return the factors of a local derivative from the end of a chain, without ones.

    A number that is repeated to fill an array is shown as a number.
    """
    rows = [graph.rows[node] for node in chain]
    narrow = [
        arguments[0] if operation is BROADCAST else node
        for node, (operation, arguments, _) in zip(chain, rows, strict=True)
    ]
    return [node for node in reversed(narrow) if graph.number(node) != 1] or narrow[:1]


def _product(
    graph: Graph,
    own: int,
    chain: Sequence[int],
    names: dict[int, str],
    left_out: dict[int, str],
    longest: int = 2 * LONGEST,
) -> str:
    """Return the text of a product, whose factors are those of a chain from its end.

    It is the derivative of the node `own`, which is not written by its name alone.
    """
    shown = factors(graph, chain)
    texts: list[str] = []
    for node in shown:
        is_name = node in names and node != own
        text = names[node] if is_name else _written(graph, node, left_out | names, (), longest)
        binds = ATOM if is_name else graph.rows[node][0].level
        # Only the first factor of a product may be a product or quotient itself.
        loose = len(shown) > 1 and binds < PRODUCT + bool(texts)
        texts.append(f"({text})" if loose else text)
    return "*".join(texts)


def _written(
    graph: Graph,
    node: int,
    names: Mapping[int, str],
    arguments: Iterable[int],
    longest: int = 2 * LONGEST,
) -> str:
    """Return the node's text; of one that is far too long only the last operation."""
    text = write(graph, node, names, longest)
    if text is None:
        text = write(graph, node, {**_left_out(graph, arguments), **names}, longest)
    return "…" if text is None else text


def _names(graph: Graph, node: int | None = None) -> dict[int, str]:
    """Return the names that the user gave to nodes, other than this one."""
    return {
        other: next(iter(given)) for other, given in graph.names.items() if other != node and given
    }


def _left_out(graph: Graph, nodes: Iterable[int]) -> dict[int, str]:
    """Return … as the text of each node that is not a leaf."""
    return {node: "…" for node in nodes if graph.rows[node][1]}
