"""What a picture tells those who point at a part of it, or who hear it read aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.literals import key_text, number_text
from gradcli.graph.operations import CONSTANT_POWER, TABLE, VARIABLE
from gradcli.graph.precedence import ATOM, POWER
from gradcli.pictures.graph.parts import bounds
from gradcli.pictures.graph.words import (
    LONGEST,
    argument,
    expression,
    fit,
    flowing,
    local_formula,
    percent,
    quantity,
    value_of,
)
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Edge, Step

ORDINALS = ("1st", "2nd", "3rd")

SHOWN_NOTES = 5
"""How many notes stand beside a picture."""
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
        return tuple(f"[{place}]" for place in range(count))
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
    told_what = what(graph, step, role)
    facts = [] if live else [say("not taken")]
    if step.value is not None:
        facts.append(say("has value", value=value_of(step, 40)))
    elif not live:
        facts.append(say("no value"))
    if step.share is not None:
        facts.append(say("has share", share=percent(step.share)))
    if step.gradient is not None:
        facts.append(say("has gradient", gradient=quantity(step.gradient, 40)))
    told = ", ".join(facts)
    return fit(f"{fit(told_what, LONGEST - len(told) - 2)}: {told}" if told else told_what)


def about_edge(graph: Graph, step: Step, edge: Edge, letter: str = "f") -> str:
    """Return the local derivative in full: "∂/∂(3*x*y) sin = cos(3*x*y) = 0.6603".

    An operation on arrays has none; there it is what flows back, in which the result of all is
    called by its `letter`.
    """
    below = argument(graph, edge.node, 50)
    above = fit(step.name, 50) if step.name else expression(graph, step.id, 50)
    formula = local_formula(graph, step, edge, 90)
    loose = graph.rows[edge.node][0].level < ATOM and not graph.name_of(edge.node)
    if not formula:
        place = next(place for place, other in enumerate(step.inputs) if other is edge)
        head = above if step.name or graph.rows[step.id][0].level == ATOM else f"({above})"
        tail = f"({below})" if loose else below
        back = flowing(graph, step, place, f"∂{letter}/∂{head}", 120)
        said = say("part of", part=below, whole=above)
        gets = say("gets", slope=f"∂{letter}/∂{tail}", flow=back)
        return fit(f"{said}: {gets}" if back else said)
    if loose:
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


def told(notes: Sequence[str]) -> list[str]:
    """Return the notes beside a picture, the first of very many and how many more there are."""
    shown = [fit(say("note", note=note)) for note in notes[:SHOWN_NOTES]]
    more = len(notes) - len(shown)
    key = "more notes" if more > 1 else "one more note"
    return [*shown, say(key, count=more)] if more else shown


def about_picture(steps: Sequence[Step], notes: Sequence[str] = ()) -> str:
    """Return the description of the picture: value and gradient of the result, and notes."""
    return " ".join([_about_result(steps), *[f"{note}." for note in told(notes)]])


def _about_result(steps: Sequence[Step]) -> str:
    result = steps[-1]
    inputs = [step for step in steps if step.operation == "variable"]
    if result.value is None:
        names = listed([fit(str(step.name), 30) for step in inputs])
        return say("no values" if names else "no values and names", names=names)
    places, slopes = [], []
    for step in inputs:
        name = fit(str(step.name), 30)
        if step.value is not None:
            places.append(say("equals", name=name, value=value_of(step, 40)))
        if step.gradient is not None:
            slopes.append(say("with respect to", slope=quantity(step.gradient, 40), name=name))
    key = "value at" if places else "value is"
    said = [say(key, value=value_of(result, 40), places=listed(places))]
    parts = [
        say("share from", share=percent(step.share), name=fit(str(step.name), 30))
        for step in inputs
        if step.share is not None
    ]
    said += [say("variance", parts=listed(parts))] if parts else []
    said += [say("derivative", slopes=listed(slopes))] if slopes else []
    return " ".join(said)


def _as_it_is(node: int, text: str) -> str:  # noqa: ARG001 - others show the node
    return text


def what(graph: Graph, step: Step, role: str, show: Callable[[int, str], str] = _as_it_is) -> str:
    """Return a node in words: "sin of 3*x*y", "result, the product of a and b".

    `show` returns how the text of a node is written.
    """
    if role == "constant" or not (step.inputs or step.operation == "variable"):
        named = f"{fit(step.name, 60)} = " if step.name else ""
        said = say("constant", formula=f"{named}{show(step.id, expression(graph, step.id))}")
    else:
        said = _what(graph, step, show)
    return say("as result", what=said) if role == "result" else said


def _what(graph: Graph, step: Step, show: Callable[[int, str], str]) -> str:
    operation, _, payload = graph.rows[step.id]
    if operation is VARIABLE:
        return say("free", name=show(step.id, str(step.name)))
    has_noun = operation.noun is not None and operation.level != POWER
    is_said = has_noun or (operation.level == ATOM and payload is None)
    if operation.binds and step.operation != FORMULA:
        parts = bounds(graph, step.id)
    elif is_said and step.operation != FORMULA:
        parts = listed([show(e.node, argument(graph, e.node, 60)) for e in step.inputs])
    else:
        said = show(step.id, expression(graph, step.id))
        return say("named", name=fit(step.name, 60), what=said) if step.name else said
    called = say(f"noun {operation.noun}") if operation.noun else symbol(graph, step)
    said = say("of", operation=called, parts=parts)
    return say("named the", name=fit(step.name, 60), what=said) if step.name else said


def listed(words: Sequence[str]) -> str:
    """Return "a, b and c"; of very many the first, and how many more there are."""
    if len(words) > SEVERAL:
        words = [*words[: SEVERAL - 1], say("more", count=len(words) - SEVERAL + 1)]
    if len(words) < 2:
        return "".join(words)
    return say("and", first=", ".join(words[:-1]), last=words[-1])
