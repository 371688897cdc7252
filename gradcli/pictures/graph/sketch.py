"""What is drawn, before it is text: boxes and arrows, each with its role.

A constant has a box for each use, so that numbers stay beside what they are used in and no long
lines lead to them. Boxes are numbered in the order of the formula's nodes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from gradcli.graph.forms import INTEGRAL, PRODUCT_OVER, ROOT, inlined
from gradcli.graph.printing import Text, latex_names
from gradcli.pictures.graph.words import about_edge, about_step, fit, names_of, number
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA, Part
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Edge, Step


WORD = re.compile(r"\w+")
"""Any name that can be typed."""


class Box(NamedTuple):
    """One node of the picture."""

    key: str
    step: Step
    role: str
    """Key of `style.PAINTS`, but for "idle"."""
    live: bool
    tree: bool
    """Whether nothing below it is used twice, so that it can be laid out as it is written."""
    sentence: str
    """The sentence that describes it."""
    awaits: bool = False
    """Whether more has yet to flow into its gradient, in a picture of a moment of the pass."""


class Arrow(NamedTuple):
    """One line of the picture, from an input to what is computed from it."""

    key: str
    tail: Box
    head: Box
    edge: Edge
    position: int
    """Position of the input among those of the head."""
    live: bool
    strength: float | None
    """Share of the strongest flow of gradient through the picture; None where none flows."""
    sentence: str
    """The sentence that describes it."""


class Sketch(NamedTuple):
    """The boxes and arrows of a picture, inputs before their users."""

    graph: Graph
    boxes: list[Box]
    arrows: list[Arrow]
    letter: str
    """What the result is called in ∂f/∂x."""
    notes: Sequence[str] = ()
    """What is to be said about the derivatives, such as that one is taken at a kink."""
    letters: dict[str, str] = {}  # noqa: RUF012 - of a named tuple, which sets it always
    """The names in LaTeX; none where a name is no word, so that formulas stay text."""
    moment: str = ""
    """Up to where the backward pass has come, where it is not at its end."""


class Options(NamedTuple):
    """How a picture is drawn."""

    gradient: bool = True
    """Whether gradients are shown, and the arrows are as wide as gradient flows through them."""
    rankdir: str = "LR"
    local: str = "number"
    """What stands on an arrow: the local derivative as "number", "formula", "both" or "none"."""
    room: int = 0
    """Points that a number has at least, where it can become longer."""


def sketch(graph: Graph, result: int, steps: Sequence[Step], notes: Sequence[str] = ()) -> Sketch:
    """Return what is to be drawn of the steps that lead to `result`, and said beside them."""
    by_id = {step.id: step for step in steps}
    shown, constants = selected(graph, result, steps)
    uses = Counter(edge.node for step in shown for edge in step.inputs)
    flows = _flows(graph, shown, by_id, uses)
    letter = _letter(graph, result, steps)
    strongest = max((flow for flow in flows.values() if flow < math.inf), default=0.0)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    drawn: dict[int, Box] = {}

    def box(step: Step, kind: str, tails: Sequence[Box] = (), *, live: bool) -> Box:
        tree = all(t.role == "constant" or (t.tree and uses[t.step.id] == 1) for t in tails)
        sentence = about_step(graph, step, kind, live=live)
        boxes.append(Box(f"n{len(boxes)}", step, kind, live, tree, sentence))
        return boxes[-1]

    for step in shown:
        tails: list[Box] = []
        for edge in step.inputs:
            below = by_id[edge.node]
            live = step.live and below.live and edge.live
            tails.append(drawn.get(edge.node) or box(below, "constant", live=live))
        head = box(step, role(step, result, constants), tails, live=step.live)
        drawn[step.id] = head
        for position, (edge, tail) in enumerate(zip(step.inputs, tails, strict=True)):
            live = step.live and tail.live and edge.live
            flow = flows.get((step.id, position), 0.0)
            strength = min(flow / strongest, 1.0) if flow and strongest else 1.0 if flow else None
            sentence = about_edge(graph, step, edge, letter)
            key = f"e{len(arrows)}"
            arrows.append(Arrow(key, tail, head, edge, position, live, strength, sentence))
    names = [name for own in graph.names.values() for name in own]
    letters = latex_names(graph, dict.fromkeys([*names, letter]))
    if not all(map(WORD.fullmatch, letters)):
        letters = {}  # nobody can type such a name
    return Sketch(graph, boxes, arrows, letter, notes, letters)


def tangle(sketch: Sketch) -> int:
    """Return by how many boxes the arrows are longer than from one box to the next, together."""
    depth: dict[str, int] = {box.key: 0 for box in sketch.boxes}
    for arrow in sketch.arrows:
        depth[arrow.head.key] = max(depth[arrow.head.key], depth[arrow.tail.key] + 1)
    return sum(
        depth[arrow.head.key] - depth[arrow.tail.key] - 1
        for arrow in sketch.arrows
        if arrow.tail.role not in {"constant", "input"}
    )


def size(graph: Graph, result: int, steps: Sequence[Step]) -> tuple[int, int]:
    """Return how many nodes, each constant counted once, and how many arrows would be drawn."""
    shown, constants = selected(graph, result, steps)
    return len(shown) + len(constants), sum(len(step.inputs) for step in shown)


def selected(graph: Graph, result: int, steps: Sequence[Step]) -> tuple[list[Step], set[int]]:
    """Return the steps to draw once, in order, and those to draw at each use: the constants.

    A constant is a number, an array of nothing but numbers, which has no parts then, or a named
    formula of nothing but numbers.
    """
    constants: set[int] = set()
    for step in steps:
        parts = [edge.node for edge in step.inputs]
        is_number = graph.number(step.id) is not None
        is_number = is_number or (not parts and step.operation != "variable")
        is_array = step.operation == "array" and all(
            part in constants or graph.number(part) is not None for part in parts
        )
        if (is_number or is_array) and step.id != result:
            constants.add(step.id)
    used = {result}
    for step in reversed(steps):
        if step.id in used and step.id not in constants:
            used.update(edge.node for edge in step.inputs)
    shown = [step for step in steps if step.id in used and step.id not in constants]
    return shown, used & constants


def role(step: Step, result: int, constants: Collection[int]) -> str:
    """Return what a step is: "input", "operation", "result" or "constant"."""
    if step.id == result:
        return "result"
    if step.id in constants:
        return "constant"
    return "input" if step.operation == "variable" else "operation"


def _flows(
    graph: Graph, shown: Sequence[Step], steps: Mapping[int, Step], uses: Mapping[int, int]
) -> dict[tuple[int, int], float]:
    """Return how much gradient flows along each arrow: |gradient · local derivative|.

    An operation that moves or sums numbers has no local derivative. There it is what arrives at the
    input, of which each of several arrows is given the same part.
    """
    found = {}
    for step in shown:
        for position, edge in enumerate(step.inputs):
            arrived = steps[edge.node].gradient
            if step.gradient is not None and edge.local is not None:
                found[step.id, position] = _length(step.gradient, edge.local)
            elif arrived is not None and moves(graph, step):
                found[step.id, position] = _length(arrived, 1 / uses[edge.node])
    return found


def moves(graph: Graph, step: Step) -> bool:
    """Return whether a step moves or sums numbers, so that it may lack local derivatives."""
    return step.operation == FORMULA or graph.rows[step.id][0].structural


def _length(gradient: Any, local: Any) -> float:
    """Return the Euclidean length of a product of numbers or arrays; infinity for nan."""
    if isinstance(gradient, int | float) and isinstance(local, int | float):
        length = abs(gradient * local)
    else:
        import numpy as np

        with np.errstate(all="ignore"):
            length = float(np.sqrt(np.square(gradient * local).sum()))
    return math.inf if math.isnan(length) else length


def _letter(graph: Graph, result: int, steps: Sequence[Step]) -> str:
    """Return the result's own name if it is short, or else a letter that no other node has."""
    own = next(iter(graph.names.get(result, ())), None)
    if own is not None and len(own) <= 6:
        return own
    used = {step.name for step in steps}
    return next((letter for letter in "fghFGHpqrzABC" if letter not in used), say("kind result"))


# ---------------------------------------------------------------- the parts of forms

# Of an integral what is integrated at the nodes of a quadrature, of a sum or product its first
# terms, of a root the equation at the ends and its derivative at the root.

TERMS = 5
"""The most terms of a sum or product that are shown."""
LONGEST = 40
"""The most characters of a formula among the parts."""


def with_parts(graph: Graph, steps: Sequence[Step]) -> list[Step]:
    """Return the steps, those that bind a name with their parts."""
    values = {step.id: step.value for step in steps}
    return [
        step._replace(parts=tuple(_parts(graph, step, values)))
        if graph.rows[step.id][0].binds and step.live
        else step
        for step in steps
    ]


def _parts(graph: Graph, step: Step, values: Mapping[int, Any]) -> Iterator[Part]:
    operation, arguments, bound = graph.rows[step.id]
    formulas = [_formula(graph, step.id, root) for root in bound.roots]
    numbers: list[Any] = [values.get(argument) for argument in arguments]
    if any(value is None for value in numbers):
        numbers = []
    limits, taken = numbers[: bound.limits], numbers[bound.limits :]

    def value(x: float, root: int = 0) -> float:
        try:
            return float(bound.at(bound.roots[root], taken)(x))
        except (ValueError, ArithmeticError):
            return math.nan

    if operation is ROOT:
        yield Part(say("part zero", formula=formulas[1]))
        yield from [Part(_at(bound.name, x), value(x, 1)) for x in limits]
        rate = None if step.value is None or not numbers else value(step.value, 2)
        yield Part(say("part derivative", formula=formulas[2]), rate)
        return
    yield Part(formulas[0])
    if not numbers:
        return
    if operation is INTEGRAL:
        from gradcli.graph.quadrature import gauss_points

        nodes = gauss_points(*limits)
        yield from [Part(_at(bound.name, x), value(x)) for x, _ in nodes]
        whole = math.fsum(weight * value(x) for x, weight in nodes)
        yield Part(say("part gauss", count=len(nodes)), whole)
        return
    low, high = limits
    count = int(high - low) + 1
    terms = [low + offset for offset in range(min(count, TERMS))]
    yield from [Part(_at(bound.name, x), value(x)) for x in terms]
    if count > TERMS:
        key = "part more factors" if operation is PRODUCT_OVER else "part more terms"
        yield Part(say(key, count=count - TERMS))


def _at(name: str, x: float) -> str:
    return say("part at", name=name, value=number(x))


def _formula(graph: Graph, node: int, root: int) -> str:
    """Return a body of a form as text."""
    _, arguments, bound = graph.rows[node]
    leaf = graph.variable(f"0 {bound.name}")
    shown = inlined(graph, bound, root, [leaf, *arguments[bound.limits :]], as_typed=True)
    text = Text(graph, names_of(graph))
    return fit(text.names.get(shown) or text.write(shown) or "", LONGEST)
