"""The forward pass of a lesson: each node computed from its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.drawing.lesson.frames import LONGEST, Frame, called, factor, shown, told
from gradcli.drawing.sentences import about_step, listed
from gradcli.drawing.words import expression, fit, quantity
from gradcli.graph.precedence import ATOM, COMPARISON
from gradcli.graph.printing import write
from gradcli.runtime.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.drawing.sketch import Arrow, Box, Sketch

SHORT = 22
"""Characters of an array that stands in place of its name."""


def forward(sketch: Sketch) -> Iterator[Frame]:
    """Yield a frame with all that is given, and one for each node that is computed."""
    arrows: dict[str, list[Arrow]] = {}
    for arrow in sketch.arrows:
        arrows.setdefault(arrow.head.key, []).append(arrow)
    given = [box for box in sketch.boxes if box.role != "constant" and not box.step.inputs]
    if given:
        yield _inputs(sketch, given)
    for box in sketch.boxes:
        if box.key in arrows:
            if sketch.boxes[-1].step.value is None:
                yield _formula(sketch, box, arrows[box.key])
            elif box.live and box.step.value is not None:
                yield _computed(sketch, box, arrows[box.key])
            else:
                yield _idle(sketch, box, arrows[box.key])


def _inputs(sketch: Sketch, boxes: Sequence[Box]) -> Frame:
    """Return the frame of what is given."""
    names = [called(sketch, box) for box in boxes]
    title = "The inputs" if len(boxes) > 1 else "The input"
    keys = tuple(box.key for box in boxes)
    if boxes[0].step.value is None:
        return Frame("start", title, f"All is computed from {listed(names)}.", boxes=keys)
    values = {box.key: told(box.step) for box in boxes}
    equation = listed(
        [f"{name} = {value}" for name, value in zip(names, values.values(), strict=True)]
    )
    words = "Everything else is computed from what is given."
    if not sketch.arrows:
        words = "There is nothing to compute."
    return Frame("start", title, words, equation, boxes=keys, values=values)


def _formula(sketch: Sketch, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node without values."""
    names = dict.fromkeys(called(sketch, arrow.tail) for arrow in arrows)
    return _frame(sketch, box, arrows, f"It is computed from {listed([*names])}.")


def _computed(sketch: Sketch, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node that the result reads."""
    read = [arrow for arrow in arrows if arrow.live]
    given = {
        f"{factor(called(sketch, arrow.tail))} = {shown(arrow.tail.step.value)}": None
        for arrow in read
        if arrow.tail.role != "constant" and arrow.tail.step.value is not None
    }
    value = told(box.step)
    words = f"With {listed([*given])}, the value is {value}." if given else f"The value is {value}."
    idle = [arrow for arrow in arrows if not arrow.live]
    if box.step.operation == "where" and len(idle) == 1:
        state = "holds" if idle[0].place == 2 else "does not hold"
        words += f" The condition {state}, so {called(sketch, idle[0].tail)} is not taken."
    if sketch.graph.rows[box.step.id][0].level <= COMPARISON and isinstance(box.step.value, float):
        words += " That stands for true." if box.step.value else " That stands for false."
    return _frame(sketch, box, read, words, _with_numbers(sketch, box, arrows), value)


def _idle(sketch: Sketch, box: Box, arrows: Sequence[Arrow]) -> Frame:
    """Return the frame of a node on a branch that is not taken, or not by every entry."""
    if box.live:
        words = "Not every entry has a value; the result reads only those that have one."
        partly = _frame(sketch, box, arrows, words)
        return partly._replace(values={box.key: "partly"})
    words = "This branch is not taken: the result does not read it"
    if box.step.value is None:
        idle = _frame(sketch, box, arrows, f"{words}, and it has no value here.")
        return idle._replace(values={box.key: "not taken"})
    value = shown(box.step.value)
    return _frame(sketch, box, arrows, f"{words}. Its value would be {value}.", "", value)


def _frame(
    sketch: Sketch,
    box: Box,
    arrows: Sequence[Arrow],
    words: str,
    numbers: str = "",
    value: str = "",
) -> Frame:
    """Return the frame whose equation is name = formula = numbers = value."""
    step = box.step
    name = called(sketch, box) if step.name or box.role == "result" else ""
    parts = [name, expression(sketch.graph, step.id, LONGEST), numbers, value]
    sign = " → " if sketch.graph.rows[step.id][0].level <= COMPARISON else " = "
    equation = {part.replace("-", "−"): part for part in parts if part}
    return Frame(
        "forward",
        about_step(sketch.graph, step._replace(value=None, gradient=None), box.role),
        words,
        sign.join(equation.values()),
        boxes=(box.key,),
        arrows=tuple(arrow.key for arrow in arrows),
        values={box.key: value} if value else {},
    )


def _with_numbers(sketch: Sketch, box: Box, arrows: Sequence[Arrow]) -> str:
    """Return the formula of a node with numbers in place of its inputs: sin(18).

    Arrays that are long keep their names. It is "" when the text is too long.
    """
    graph, names = sketch.graph, {}
    encloses = graph.rows[box.step.id][0].level == ATOM and box.step.operation != FORMULA
    for arrow in arrows:
        step = arrow.tail.step
        if arrow.tail.role == "constant" and step.operation != "named constant":
            continue
        value: Any = step.value
        text = "" if value is None else quantity(value, SHORT)
        if not isinstance(value, int | float) and not text.startswith("["):
            text = called(sketch, arrow.tail)
        names[step.id] = text if encloses else factor(text)
    return fit(write(graph, box.step.id, names, LONGEST) or "")
