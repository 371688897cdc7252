"""One moment of a lesson, and the words that all moments share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.pictures.graph.words import argument, extent, fit, quantity
from gradcli.pictures.lesson.notation import Math, combined, enclosed, formula

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.pictures.graph.sketch import Box, Sketch

NAME = 32
"""Characters of what a node is called in a sentence."""
ARRAY = 40
"""Characters of an array that are shown."""
LONGEST = 72
"""Characters of a formula in an equation."""


class Frame(NamedTuple):
    """One moment of the lesson."""

    part: str
    """Where in the lesson: "start", "forward", "backward", "tangent" or "end"."""
    title: str
    words: str
    """What happens, in a sentence or two."""
    equation: str = ""
    """The same as arithmetic."""
    outcome: str = ""
    """How a gradient has grown."""
    boxes: tuple[str, ...] = ()
    """Keys of the boxes that it is about, the one that changes first."""
    arrows: tuple[str, ...] = ()
    values: Mapping[str, str] = {}
    """Values that are known from now on, by box."""
    gradients: Mapping[str, str] = {}
    """Gradients as far as they have been added up, by box."""
    complete: tuple[str, ...] = ()
    """Boxes whose gradient is complete now."""
    tangents: Mapping[str, str] = {}
    """Tangents that are known from now on, by box."""
    needs: str = ""
    """The box that the result must read for this moment to come."""


def called(sketch: Sketch, box: Box) -> Math:
    """Return what a sentence calls a node: its name, the letter of the result, or its formula."""
    step = box.step
    if step.name or box.role == "result":
        name = step.name or sketch.letter
        return Math(fit(name, NAME), sketch.letters.get(name, ""))
    return formula(sketch, step.id, argument(sketch.graph, step.id, NAME))


def slope(sketch: Sketch, box: Box) -> Math:
    """Return the gradient of a node as a formula: ∂f/∂u, ∂f/∂(x^2)."""
    letter = Math(fit(sketch.letter, NAME), sketch.letters.get(sketch.letter, ""))
    return derivative(letter, as_factor(sketch, box))


def as_factor(sketch: Sketch, box: Box) -> str:
    """Return what a node is called, a formula in parentheses."""
    name = called(sketch, box)
    return name if box.step.name or box.role == "result" else enclosed(name)


def derivative(of: str, wrt: str) -> Math:
    """Return a derivative as a formula: ∂u/∂x."""
    return combined("∂{0}/∂{1}", r"\frac{{\partial {0}}}{{\partial {1}}}", of, wrt)


def shown(value: Any, longest: int = ARRAY) -> str:
    """Return a number, or an array, which is short or told by its shape and range."""
    text = quantity(value, longest)
    if isinstance(value, int | float):
        return text
    shape = extent(value)
    ends = text.removeprefix(f"{shape}, ")
    return text if ends == text else f"{shape} ({ends})"


def factor(text: str) -> str:
    """Return a formula or number in parentheses, if it needs them as the factor of a product."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == " " and depth == 0:
            return enclosed(text)
    return enclosed(text) if text.startswith(("-", "−")) else text
