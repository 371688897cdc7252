"""The words of a picture: its numbers and formulas, and the sentences on its parts.

The sentences are for those who point at a part of the picture, or have it read aloud. All is short
and free of control characters: everything that a user typed passes through `fit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError, printable
from gradcli.graph.literals import key_text, number_text
from gradcli.graph.operations import CONSTANT_POWER, TABLE, VARIABLE
from gradcli.graph.precedence import ATOM, POWER, PRODUCT
from gradcli.graph.printing import Spoken, Text, write
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gradcli.calculus.textbook import TextbookRule
    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Edge, Step


BROADCAST = TABLE["broadcast"]
LONGEST = 200
"""The most characters of one text in a picture."""


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
    error = step.standard_error
    shown = quantity(step.value, longest)
    return shown if error is None else f"{shown} ± {quantity(error, longest)}"


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
    return fit(_written(graph, node, names_of(graph, node), graph.rows[node][1]), longest)


def argument(graph: Graph, node: int, longest: int = LONGEST) -> str:
    """Return how a user of the node speaks of it: by its name, or else by its formula."""
    return fit(graph.name_of(node) or expression(graph, node, longest), longest)


def local_formula(graph: Graph, step: Step, edge: Edge, longest: int = LONGEST) -> str:
    """Return the local derivative of a step by one input as a formula; "" when it is not known.

    A chain `3*x*y` is one step, so its derivative is a product. A named step may stand in it
    itself: `1 - h^2` for h = tanh(x). What would be too long is written with the input left out,
    where there is but one: `1 - tanh(…)^2`.
    """
    names = names_of(graph)
    text = _product(graph, step.id, edge.formula, names, {})
    left_out = _left_out(graph, [below.node for below in step.inputs])
    if len(text) > longest and len(left_out) == 1:
        text = min(text, _product(graph, step.id, edge.formula, names, left_out), key=len)
    return fit(text, longest)


def flowing(graph: Graph, step: Step, position: int, slope: str, longest: int = LONGEST) -> str:
    """Return in words what flows back to an input through an operation on arrays; "" for nothing.

    `slope` is what the derivative with respect to the step is called.
    """
    from gradcli.calculus.textbook import rule

    if step.operation == FORMULA or not graph.rows[step.id][0].structural:
        return ""
    try:
        found = rule(graph, step.id, position)
    except MathematicsError:
        return ""
    if found is None:
        return ""
    names, levels = {found.slope: slope}, {found.slope: POWER}
    for leaf, node in leaves(graph, step, found):
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


def leaves(graph: Graph, step: Step, found: TextbookRule) -> list[tuple[int, int]]:
    """Return the leaves of a formula of what flows back that are no numbers, and their nodes."""
    nodes = (step.id, *graph.rows[step.id][1])
    pairs = zip((found.value, *found.arguments), nodes, strict=True)
    return [(leaf, node) for leaf, node in pairs if found.graph.number(leaf) is None]


def is_numeral(text: str) -> bool:
    """Return whether a formula is nothing but a number."""
    return text.lstrip("-").replace(".", "").isdigit()


def behind(rule: TextbookRule) -> str:
    """Return the words that follow a formula of what flows back."""
    return " ".join([say(key, **parts) for key, parts in rule.words])


def whole_local_formula(graph: Graph, step: Step, edge: Edge, longest: int) -> str | None:
    """Return the local derivative as a formula that can be parsed; None where there is none."""
    names = names_of(graph)
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
        is_compound = len(shown) > 1 and binds < PRODUCT + bool(texts)
        texts.append(f"({text})" if is_compound else text)
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


def names_of(graph: Graph, node: int | None = None) -> dict[int, str]:
    """Return the names that the user gave to nodes, other than this one."""
    return {other: next(iter(own)) for other, own in graph.names.items() if other != node and own}


def _left_out(graph: Graph, nodes: Iterable[int]) -> dict[int, str]:
    """Return … as the text of each node that is not a leaf."""
    return {node: "…" for node in nodes if graph.rows[node][1]}


# ---------------------------------------------------------------- sentences

ORDINALS = ("1st", "2nd", "3rd")

SHOWN_NOTES = 5
"""The most notes beside a picture."""
SEVERAL = 12
"""The most things that a sentence lists."""


def symbol(graph: Graph, step: Step) -> str:
    """Return the sign or name of a step's operation: ×, sin, ^2."""
    operation, _, payload = graph.rows[step.id]
    if operation is CONSTANT_POWER:
        return "^" + number_text(payload).replace("-", "−")
    if operation.name == "array":
        return "[ ]"
    if operation.name == "index":
        return f"[{key_text(payload)}]"
    return operation.symbol


def marks(operation: str, count: int) -> tuple[str, ...]:
    """Return what the arguments are called; empty where their order is all the same."""
    if operation == "array":
        return tuple(f"[{index}]" for index in range(count))
    row = TABLE.get(operation)  # None for several steps in one
    if count < 2 or row is None or row.commutative:
        return ()
    return _roles((row.roles or ORDINALS)[:count])


def marks_of(graph: Graph, step: Step) -> tuple[str, ...]:
    """Return what the arguments of a step are called: of a form the limits, and what is inside."""
    operation, _, payload = graph.rows[step.id]
    if not operation.binds or step.operation == FORMULA:
        return marks(step.operation, len(step.inputs))
    limits = ("start",) if payload.limits == 1 else ("from", "to")
    return _roles((*limits, *["inside"] * payload.taken))


def _roles(roles: Sequence[str]) -> tuple[str, ...]:
    return tuple(say(f"role {role}") for role in roles)


def about_step(graph: Graph, step: Step, role: str = "operation", *, live: bool = True) -> str:
    """Return the sentence on one node: "sin of 3*x*y: value −0.751, gradient 0.3078"."""
    subject = description(graph, step, role)
    facts = [] if live else [say("not taken")]
    if step.value is not None:
        facts.append(say("has value", value=value_of(step, 40)))
    elif not live:
        facts.append(say("no value"))
    if step.share is not None:
        facts.append(say("has share", share=percent(step.share)))
    if step.gradient is not None:
        facts.append(say("has gradient", gradient=quantity(step.gradient, 40)))
    text = ", ".join(facts)
    return fit(f"{fit(subject, LONGEST - len(text) - 2)}: {text}" if text else subject)


def about_edge(graph: Graph, step: Step, edge: Edge, letter: str = "f") -> str:
    """Return the local derivative in full: "∂/∂(3*x*y) sin = cos(3*x*y) = 0.6603".

    An operation on arrays has none; there it is what flows back, in which the result of all is
    called by its `letter`.
    """
    below = argument(graph, edge.node, 50)
    above = fit(step.name, 50) if step.name else expression(graph, step.id, 50)
    formula = local_formula(graph, step, edge, 90)
    is_compound = graph.rows[edge.node][0].level < ATOM and not graph.name_of(edge.node)
    if not formula:
        position = next(position for position, other in enumerate(step.inputs) if other is edge)
        head = above if step.name or graph.rows[step.id][0].level == ATOM else f"({above})"
        tail = f"({below})" if is_compound else below
        back = flowing(graph, step, position, f"∂{letter}/∂{head}", 120)
        said = say("part of", part=below, whole=above)
        gets = say("gets", slope=f"∂{letter}/∂{tail}", flow=back)
        return fit(f"{said}: {gets}" if back else said)
    if is_compound:
        below = f"({below})"
    if not step.name:
        is_atom = graph.rows[step.id][0].level == ATOM
        is_call = is_atom and len(step.inputs) == 1 and step.operation != FORMULA
        above = symbol(graph, step) if is_call else above if is_atom else f"({above})"
    said = f"∂/∂{below} {above} = {formula}"
    if edge.local is None or step.value is None:
        return fit(said)
    shown = quantity(edge.local, 40)
    return fit(said if shown == formula.replace("-", "−") else f"{said} = {shown}")


def about_parts(step: Step) -> str:
    """Return the parts of a step in a sentence; "" when it has none."""
    if not step.parts:
        return ""
    texts = [
        part.what if part.value is None else f"{part.what}: {number(part.value)}"
        for part in step.parts
    ]
    return say("parts are", parts="; ".join(texts))


def bounds(graph: Graph, node: int) -> str:
    """Return what a form is taken of, in words: exp(-x^2) for x from 0 to b."""
    _, arguments, bound = graph.rows[node]
    text = Text(graph, names_of(graph))
    body, name = text.body(node)
    formula = text.names.get(body) or text.write(body) or ""
    limits = [text.names.get(limit) or text.write(limit) for limit in arguments[: bound.limits]]
    if len(limits) == 1:
        return say("form near", formula=formula, name=name, place=limits[0])
    return say("form between", formula=formula, name=name, low=limits[0], high=limits[1])


def shown_notes(notes: Sequence[str]) -> list[str]:
    """Return the notes beside a picture, the first of very many and how many more there are."""
    shown = [fit(say("note", note=note)) for note in notes[:SHOWN_NOTES]]
    more = len(notes) - len(shown)
    key = "more notes" if more > 1 else "one more note"
    return [*shown, say(key, count=more)] if more else shown


def about_picture(steps: Sequence[Step], notes: Sequence[str] = ()) -> str:
    """Return the description of the picture: value and gradient of the result, and notes."""
    return " ".join([_about_result(steps), *[f"{note}." for note in shown_notes(notes)]])


def _about_result(steps: Sequence[Step]) -> str:
    result = steps[-1]
    inputs = [step for step in steps if step.operation == "variable"]
    if result.value is None:
        names = in_words([fit(str(step.name), 30) for step in inputs])
        return say("no values" if names else "no values and names", names=names)
    places, slopes = [], []
    for step in inputs:
        name = fit(str(step.name), 30)
        if step.value is not None:
            places.append(say("equals", name=name, value=value_of(step, 40)))
        if step.gradient is not None:
            slopes.append(say("with respect to", slope=quantity(step.gradient, 40), name=name))
    key = "value at" if places else "value is"
    said = [say(key, value=value_of(result, 40), places=in_words(places))]
    parts = [
        say("share from", share=percent(step.share), name=fit(str(step.name), 30))
        for step in inputs
        if step.share is not None
    ]
    said += [say("variance", parts=in_words(parts))] if parts else []
    said += [say("derivative", slopes=in_words(slopes))] if slopes else []
    return " ".join(said)


def description(
    graph: Graph, step: Step, role: str, show: Callable[[int, str], str] = lambda _, text: text
) -> str:
    """Return a node in words: "sin of 3*x*y", "result, the product of a and b".

    `show` returns how the text of a node is written.
    """
    if role == "constant" or not (step.inputs or step.operation == "variable"):
        named = f"{fit(step.name, 60)} = " if step.name else ""
        said = say("constant", formula=f"{named}{show(step.id, expression(graph, step.id))}")
    else:
        said = _phrase(graph, step, show)
    return say("as result", what=said) if role == "result" else said


def _phrase(graph: Graph, step: Step, show: Callable[[int, str], str]) -> str:
    operation, _, payload = graph.rows[step.id]
    if operation is VARIABLE:
        return say("free", name=show(step.id, str(step.name)))
    has_noun = operation.noun is not None and operation.level != POWER
    is_said = has_noun or (operation.level == ATOM and payload is None)
    if operation.binds and step.operation != FORMULA:
        parts = bounds(graph, step.id)
    elif is_said and step.operation != FORMULA:
        parts = in_words([show(e.node, argument(graph, e.node, 60)) for e in step.inputs])
    else:
        said = show(step.id, expression(graph, step.id))
        return say("named", name=fit(step.name, 60), what=said) if step.name else said
    called = say(f"noun {operation.noun}") if operation.noun else symbol(graph, step)
    said = say("of", operation=called, parts=parts)
    return say("named the", name=fit(step.name, 60), what=said) if step.name else said


def in_words(words: Sequence[str]) -> str:
    """Return "a, b and c"; of very many the first, and how many more there are."""
    if len(words) > SEVERAL:
        words = [*words[: SEVERAL - 1], say("more", count=len(words) - SEVERAL + 1)]
    if len(words) < 2:
        return "".join(words)
    return say("and", first=", ".join(words[:-1]), last=words[-1])
