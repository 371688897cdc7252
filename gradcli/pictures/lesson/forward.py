"""The forward passes of a lesson: each node computed from its inputs, and with it its tangent.

The tangent is the rate at which a node changes with one input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.precedence import ATOM, COMPARISON
from gradcli.graph.printing import write
from gradcli.pictures.graph.words import about_parts, expression, in_words
from gradcli.pictures.lesson.notation import (
    EQUATION,
    Frame,
    Math,
    as_factor,
    called,
    combined,
    derivative,
    formula,
    title,
)
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch
    from gradcli.pictures.lesson.figures import Figures


SHORT = 22
"""The most characters of an array that replaces its name in an equation."""


def forward(figures: Figures) -> Iterator[Frame]:
    """Yield a frame with all inputs, and one for each node that is computed."""
    sketch = figures.sketch
    arrows = arrows_to(sketch)
    inputs = [box for box in sketch.boxes if box.role != "constant" and not box.step.inputs]
    if inputs:
        yield _inputs(figures, inputs)
    for box in sketch.boxes:
        if box.key in arrows:
            if sketch.boxes[-1].step.value is None:
                yield _formula(figures, box, arrows[box.key])
            else:
                yield _node(figures, box, arrows[box.key])


def arrows_to(sketch: Sketch) -> dict[str, list[Arrow]]:
    """Return the arrows that lead to each box that some lead to."""
    found: dict[str, list[Arrow]] = {}
    for arrow in sketch.arrows:
        found.setdefault(arrow.head.key, []).append(arrow)
    return found


def _inputs(figures: Figures, boxes: Sequence[Box]) -> Frame:
    """Return the frame of the inputs."""
    names = [called(figures.sketch, box) for box in boxes]
    title = say("inputs" if len(boxes) > 1 else "input")
    keys = tuple(box.key for box in boxes)
    if boxes[0].step.value is None:
        return Frame(
            "start",
            title,
            say("all from", names=in_words([f"{name}" for name in names])),
            boxes=keys,
        )
    values = {box.key: figures.value_text(box) for box in boxes}
    pairs = zip(names, values.values(), strict=True)
    equations = in_words([say("equals", name=name, value=value) for name, value in pairs])
    words = say("everything from given" if figures.sketch.arrows else "nothing to compute")
    return Frame("start", title, words, equations, boxes=keys, values=values)


def _formula(figures: Figures, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node without values."""
    names = dict.fromkeys(f"{called(figures.sketch, arrow.tail)}" for arrow in arrows)
    return _frame(figures, box, arrows, say("computed from", names=in_words([*names])))


def _node(figures: Figures, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node, as it is when the result reads it and when it does not."""
    if not figures.may_be_read(box) or (box.live and box.step.value is None):
        return _idle(figures, box, arrows)
    computed = _computed(figures, box, arrows)
    idle = _idle(figures, box, arrows)
    value = computed.values[box.key]
    if value != idle.values[box.key]:
        value = figures.if_read(box, value, idle.values[box.key])
    texts = [
        figures.if_read(box, getattr(computed, f), getattr(idle, f)) for f in ("words", "equation")
    ]
    return computed._replace(words=texts[0], equation=texts[1], values={box.key: value})


def _computed(figures: Figures, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node that the result reads."""
    sketch = figures.sketch
    read = [arrow for arrow in arrows if arrow.live]
    value = figures.value_text(box)
    words = _with(figures, read, value)
    condition = arrows[0].tail
    if box.step.operation == "where" and len(arrows) == 3 and len(read) == 2:
        texts = []
        for key, taken, other in (("condition holds", 1, 2), ("condition fails", 2, 1)):
            with_these = _with(figures, [arrows[0], arrows[taken]], value)
            texts.append(with_these + say(key, name=called(sketch, arrows[other].tail)))
        words = figures.either(condition, *texts)
        read = read if not figures.is_live else list(arrows)
    if sketch.graph.rows[box.step.id][0].level <= COMPARISON and isinstance(box.step.value, float):
        words += figures.either(box, say("is true"), say("is false"))
    if box.step.parts:
        words += figures.at_start(f" {about_parts(box.step)}")
    return _frame(figures, box, read, words, _with_numbers(figures, box, arrows), value)


def _with(figures: Figures, arrows: Sequence[Arrow], value: str) -> str:
    """Return in words what a value is computed from."""
    values: dict[str, None] = {}
    for arrow in arrows:
        tail = figures.value(arrow.tail)
        is_known = tail.number is not None or hasattr(tail.symbol, "slot")
        if arrow.tail.role != "constant" and is_known:
            name = figures.factor(called(figures.sketch, arrow.tail))
            values[say("equals", name=name, value=figures.shown(tail))] = None
    if not values:
        return say("value is", value=value)
    return say("with", given=in_words([*values]), value=value)


def _idle(figures: Figures, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node on a branch that is not taken, or not by every entry."""
    if box.live and box.step.value is None:
        frame = _frame(figures, box, arrows, say("partly idle"))
        return frame._replace(values={box.key: say("partly")})
    quantity = figures.value(box)
    value = figures.shown(quantity)
    words = figures.if_known(quantity, say("idle", value=value), say("idle without value"))
    full, bare = [_frame(figures, box, arrows, words, "", text) for text in (value, "")]
    return full._replace(
        equation=figures.if_known(quantity, full.equation, bare.equation),
        values={box.key: figures.if_known(quantity, value, say("not taken"))},
    )


def _frame(
    figures: Figures,
    box: Box,
    arrows: Sequence[Arrow],
    words: str,
    numbers: str = "",
    value: str = "",
) -> Frame:
    """Return the frame whose equation is name = formula = numbers = value."""
    sketch, step = figures.sketch, box.step
    name = called(sketch, box) if step.name or box.role == "result" else ""
    own = formula(sketch, step.id, expression(sketch.graph, step.id, EQUATION))
    parts = [name, own, numbers, value]
    sign = " → " if sketch.graph.rows[step.id][0].level <= COMPARISON else " = "
    distinct = {part.replace("-", "−"): part for part in parts if part}
    return Frame(
        "forward",
        title(sketch, box),
        words,
        sign.join([f"{part}" for part in distinct.values()]),
        boxes=(box.key,),
        arrows=tuple(arrow.key for arrow in arrows),
        values={box.key: value} if value else {},
    )


def _with_numbers(figures: Figures, box: Box, arrows: Sequence[Arrow]) -> str:
    """Return the formula of a node with numbers in place of its inputs: sin(18).

    Arrays that are long keep their names. It is "" when the text is too long.
    """
    graph, names = figures.sketch.graph, dict[int, str]()
    encloses = graph.rows[box.step.id][0].level == ATOM and box.step.operation != FORMULA
    for arrow in arrows:
        step = arrow.tail.step
        if arrow.tail.role == "constant" and step.operation != "named constant":
            continue
        value = figures.value(arrow.tail)
        name: str = called(figures.sketch, arrow.tail)
        text = figures.shown(value, SHORT)
        is_number = hasattr(value.symbol, "slot") or isinstance(value.number, int | float)
        if not is_number and (value.number is None or not text.startswith("[")):
            text = name
        text, name = (text, name) if encloses else map(figures.factor, (text, name))
        names[step.id] = figures.if_read(arrow, text, figures.if_known(value, text, name))
    whole = write(graph, box.step.id, names, EQUATION)
    return formula(figures.sketch, box.step.id, whole, names) if whole else ""


MOST_TERMS = 4
"""The most inputs of a node whose terms are written out."""


def tangent(figures: Figures) -> Iterator[Frame]:
    """Yield a frame with which the pass begins, and one for each node that an input can change."""
    sketch = figures.sketch
    arrows = arrows_to(sketch)
    varying = {box.key for box in sketch.boxes if figures.tangent(box).symbol is not None}
    inputs = [box for box in sketch.boxes if box.key in varying and not box.step.inputs]
    if not inputs or not figures.symbols.seeds:
        return
    mark = figures.mark("seed")
    seed = Math(mark, rf"\mathit{{{mark}}}")
    yield Frame(
        "tangent",
        say("seeds"),
        say("seed words", seed=seed),
        f"{derivative(seed, seed)} = 1",
        boxes=tuple(box.key for box in inputs),
        tangents={box.key: figures.shown(figures.tangent(box)) for box in inputs},
    )
    for box in sketch.boxes:
        if box.key in varying and box.key in arrows:
            yield _changing(figures, box, arrows[box.key], seed)


def _changing(figures: Figures, box: Box, arrows: Sequence[Arrow], seed: str) -> Frame:
    """Return the frame of a node: ∂v/∂x = cos(u) · ∂u/∂x = 0.6603 · 9 = 5.943."""
    name = called(figures.sketch, box)
    value = figures.shown(figures.tangent(box))
    leading = [arrow for arrow in arrows if figures.tangent(arrow.tail).symbol is not None]
    symbols = [figures.local(arrow).symbol for arrow in leading]
    symbols += [figures.tangent(arrow.tail).symbol for arrow in leading]
    parts = [_rate(figures, box, seed)]
    words = say("rate alone", name=name, value=value, seed=seed)
    if len(leading) <= MOST_TERMS and all(hasattr(symbol, "slot") for symbol in symbols):
        words = say("rate words", name=name)
        rates = [_rate(figures, arrow.tail, seed) for arrow in leading]
        for factors in (rates, [_of(figures, arrow) for arrow in leading]):
            terms = [
                combined("{0} · {1}", r"{0} \cdot {1}", _local(figures, arrow), rate)
                for arrow, rate in zip(leading, factors, strict=True)
            ]
            parts.append(" + ".join(map(format, terms)))
    return Frame(
        "tangent",
        say("how fast", name=name),
        words,
        " = ".join(map(format, [*parts, value])),
        boxes=(box.key,),
        arrows=tuple(arrow.key for arrow in leading),
        tangents={box.key: value},
        needs=box.key,
    )


def _rate(figures: Figures, box: Box, seed: str) -> str:
    """Return the tangent of a node as a formula: ∂u/∂x, ∂(x^2)/∂x."""
    return derivative(as_factor(figures.sketch, box), seed)


def _local(figures: Figures, arrow: Arrow) -> str:
    return figures.factor(figures.shown(figures.local(arrow)))


def _of(figures: Figures, arrow: Arrow) -> str:
    return figures.factor(figures.shown(figures.tangent(arrow.tail)))
