"""What is drawn, before it is text: boxes and arrows, each with its role.

A constant has a box for each use, so that numbers stay beside what they are used in and no long
lines lead to them. Boxes are numbered in the order of the formula's nodes.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from gradcli.drawing.sentences import about_edge, about_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.graph.node import Graph
    from gradcli.runtime.trace import Edge, Step


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
    """What is told about it."""


class Arrow(NamedTuple):
    """One line of the picture, from an input to what is computed from it."""

    key: str
    tail: Box
    head: Box
    edge: Edge
    place: int
    """Position of the input among those of the head."""
    live: bool
    strength: float | None
    """Share of the strongest flow of gradient through the picture; None where none flows."""
    sentence: str
    """What is told about it."""


class Sketch(NamedTuple):
    """The boxes and arrows of a picture, inputs before their users."""

    graph: Graph
    boxes: list[Box]
    arrows: list[Arrow]
    letter: str
    """What the result is called in ∂f/∂x."""


CONSTANTS = {"constant", "named constant"}


def sketch(graph: Graph, result: int, steps: Sequence[Step]) -> Sketch:
    """Return what is to be drawn of the steps that lead to `result`."""
    by_id = {step.id: step for step in steps}
    strongest = max((flow for step in steps for flow in _flows(step) if flow < math.inf), default=0)
    uses = Counter(edge.node for step in steps for edge in step.inputs)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    drawn: dict[int, Box] = {}

    def box(step: Step, tails: Sequence[Box] = (), *, live: bool) -> Box:
        tree = all(t.role == "constant" or (t.tree and uses[t.step.id] == 1) for t in tails)
        role = _role(step, result)
        sentence = about_step(graph, step, result=role == "result", live=live)
        new = Box(f"n{len(boxes)}", step, role, live, tree, sentence)
        boxes.append(new)
        return new

    for step in steps:
        if step.operation in CONSTANTS and step.id != result:
            continue
        taken = _taken(step, by_id)
        tails: list[Box] = []
        for place, edge in enumerate(step.inputs):
            below = by_id[edge.node]
            live = step.live and below.live and place in taken
            tails.append(drawn.get(edge.node) or box(below, live=live))
        head = drawn[step.id] = box(step, tails, live=step.live)
        for place, (edge, tail) in enumerate(zip(step.inputs, tails, strict=True)):
            live = step.live and tail.live and place in taken
            strength = _strength(step, edge, strongest)
            sentence = about_edge(graph, step, edge)
            key = f"e{len(arrows)}"
            arrows.append(Arrow(key, tail, head, edge, place, live, strength, sentence))
    return Sketch(graph, boxes, arrows, _letter(graph, result, steps))


def _role(step: Step, result: int) -> str:
    if step.id == result:
        return "result"
    if step.operation in CONSTANTS:
        return "constant"
    return "operation" if step.inputs else "input"


def _taken(step: Step, steps: dict[int, Step]) -> Sequence[int]:
    """Return the positions of the inputs that a step reads: `where` reads one of its branches."""
    condition = steps[step.inputs[0].node].value if step.operation == "where" else None
    if condition is None:
        return range(len(step.inputs))
    return (0, 1) if condition else (0, 2)


def _flows(step: Step) -> list[float]:
    """Return how much gradient flows into each input, infinity where there is no number."""
    return [flow for edge in step.inputs if (flow := _flow(step, edge)) is not None]


def _flow(step: Step, edge: Edge) -> float | None:
    if step.gradient is None or edge.local is None:
        return None
    flow = abs(step.gradient * edge.local)
    return math.inf if math.isnan(flow) else flow


def _strength(step: Step, edge: Edge, strongest: float) -> float | None:
    flow = _flow(step, edge)
    if not flow:
        return None
    return min(flow / strongest, 1.0) if strongest else 1.0


def _letter(graph: Graph, result: int, steps: Sequence[Step]) -> str:
    """Return the result's own name if it is short, or else a letter that no other node has."""
    own = graph.names.get(result)
    if own and len(own[0]) <= 6:
        return own[0]
    used = {step.name for step in steps}
    return next((letter for letter in "fghFGHpqrzABC" if letter not in used), "result")
