"""A run frame by frame: the forward pass, then the backward pass, in words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.pictures.graph.words import about_picture, expression, in_words
from gradcli.pictures.lesson import notation
from gradcli.pictures.lesson.backward import backward
from gradcli.pictures.lesson.figures import Figures
from gradcli.pictures.lesson.forward import forward, tangent
from gradcli.pictures.lesson.notation import Frame, called, slope
from gradcli.pictures.wording import say
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.pictures.graph.sketch import Sketch


class Row(NamedTuple):
    """A node in the table beside the picture, as it is at the end of the lesson."""

    key: str
    name: str
    formula: str
    """How it is computed; "" for an input."""
    value: str
    gradient: str
    digits: str = ""
    """How many digits of the value are certain in doubles; "" where nobody looked."""
    latex: tuple[str, str] = ("", "")
    """Name and formula in LaTeX; "" for what stays text."""


class Lesson(NamedTuple):
    """A run of a formula."""

    frames: list[Frame]
    rows: list[Row]
    has_values: bool
    has_gradients: bool
    sketch: Sketch

    @property
    def has_digits(self) -> bool:
        """Whether it is known how many digits are certain."""
        return any(row.digits for row in self.rows)


def lesson(sketch: Sketch, *, gradient: bool = True, figures: Figures | None = None) -> Lesson:
    """Return the lesson about a run, or about a structure without values.

    Forward, a frame computes a node from its inputs. Backward, it adds to the gradient of an input
    what flows back along one arrow; there is no backward pass when `gradient` is False. With live
    `figures` their marks stand for the numbers, and there are frames of forward mode too.
    """
    figures = figures or Figures(sketch)
    back = [*backward(figures)] if gradient else []
    rates = [*tangent(figures)] if back and figures.is_live else []
    found = [*forward(figures), *back, *rates, _end(figures, gradient=bool(back))]
    frames = figures.settled(found)
    values: dict[str, str] = {}
    gradients: dict[str, str] = {}
    for frame in frames:
        values |= frame.values
        gradients |= frame.gradients
    has_values = sketch.boxes[-1].step.value is not None
    rows = [*_rows(sketch, values, gradients)]
    return Lesson(frames, rows, has_values, bool(back), sketch)


def _end(figures: Figures, *, gradient: bool) -> Frame:
    """Return the closing frame."""
    sketch = figures.sketch
    result = sketch.boxes[-1]
    inputs = [box.key for box in sketch.boxes if box.step.operation == "variable"]
    keys = tuple(dict.fromkeys([result.key, *inputs]))
    if result.step.value is not None:
        words = about_picture([box.step for box in sketch.boxes], sketch.notes)
    elif gradient:
        words = say("all collected")
    else:
        words = say("all computed")
    title = say("result" if result.step.value is not None else "all told")
    if not figures.is_live:
        return Frame("end", title, words, boxes=keys)
    value = figures.shown(figures.value(result))
    slopes = [
        say("equals", name=slope(sketch, box), value=figures.shown(figures.gradient(box)))
        for box in sketch.boxes
        if gradient and box.step.operation == "variable"
    ]
    equation = say("equals", name=called(sketch, result), value=value)
    return Frame("end", title, figures.at_start(words), equation, in_words(slopes), boxes=keys)


def _rows(sketch: Sketch, values: dict[str, str], gradients: dict[str, str]) -> Iterator[Row]:
    for box in sketch.boxes:
        if box.role != "constant":
            text = expression(sketch.graph, box.step.id) if box.step.inputs else ""
            formula = notation.formula(sketch, box.step.id, text)
            is_called = box.step.name or box.role == "result" or not formula
            name = called(sketch, box) if is_called else notation.Math("")
            digits = "" if box.step.digits is None else str(box.step.digits)
            numbers = values.get(box.key, ""), gradients.get(box.key, "")
            latex = (name.latex, formula.latex)
            yield Row(box.key, str(name), str(formula), *numbers, digits, latex)
