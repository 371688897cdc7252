"""Formulas of a lesson: text, and the LaTeX of the same from which the page's MathML is made.

A formula that is put in a sentence brings both with it, between separators that nobody sees; at the
end they become plain text, or marks that the page sets as mathematics.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gradcli.calculus.textbook import rule
from gradcli.graph.mathml import mathml
from gradcli.graph.precedence import ATOM, POSTFIX, PRODUCT
from gradcli.graph.printing import Latex
from gradcli.pictures.graph.words import (
    LONGEST,
    argument,
    behind,
    description,
    extent,
    factors,
    fit,
    flowing,
    leaves,
    local_formula,
    quantity,
)
from gradcli.pictures.wording import say
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from gradcli.pictures.graph.sketch import Box, Sketch
    from gradcli.programs.trace import Edge, Step


SEPARATOR = "\u2063"
"""Stands before, between and behind the text of a formula and its LaTeX."""
TEXT = re.compile(r"\\text\{(if|otherwise|axis|with)\b")
"""The words that gradcli.graph.printing and the table of operations write."""
SET = re.compile(f"{SEPARATOR}([^{SEPARATOR}]*){SEPARATOR}([^{SEPARATOR}]*){SEPARATOR}")


class Math(str):
    """The text of a formula; in a format string it brings its LaTeX with it."""

    __slots__ = ("latex",)

    latex: str
    """"" for one that stays text, since it is cut."""

    def __new__(cls, text: str, latex: str = "") -> Self:
        """Return the text with its LaTeX."""
        made = super().__new__(cls, text)
        made.latex = "" if text.endswith("…") else latex
        return made

    def __format__(self, form: str) -> str:
        """Return the text and the LaTeX between separators."""
        if not self.latex:
            return str(self)
        return f"{SEPARATOR}{self!s}{SEPARATOR}{self.latex}{SEPARATOR}"


def latex_of(text: str) -> str:
    """Return the LaTeX of a text: of a formula its own, of a number or a mark the same."""
    return text.latex if isinstance(text, Math) else text.replace("−", "-")


def enclosed(text: str) -> str:
    """Return a formula or number in parentheses."""
    if isinstance(text, Math):
        return Math(f"({text!s})", rf"\left({text.latex}\right)" if text.latex else "")
    return f"({text})"


def combined(form: str, latex: str, *parts: str) -> Math:
    """Return formulas in a form, which is also given in LaTeX; {0}, {1} … stand for them."""
    text = form.format(*[str(part) for part in parts])
    known = all(latex_of(part) for part in parts)
    return Math(text, latex.format(*map(latex_of, parts)) if known else "")


def followed(formula: Math, words: str) -> Math:
    """Return a formula with words behind it."""
    return Math(f"{formula!s} {words}", _followed(formula.latex, words))


def _followed(latex: str, words: str) -> str:
    return rf"{latex} \text{{ {_plain(words)}}}" if latex and words else latex


def as_mathml(latex: str, plain: str) -> str:
    """Return MathML, with the words that the printer of LaTeX has in the language of the page."""
    worded = TEXT.sub(lambda found: rf"\text{{{_plain(say(f'latex {found[1]}'))}", latex)
    return mathml(worded, plain)


def _plain(words: str) -> str:
    """Return words as they may stand in a group of LaTeX."""
    return re.sub(r"[\\{}]", "", words)


def formula(sketch: Sketch, node: int, text: str, names: Mapping[int, str] | None = None) -> Math:
    """Return the text of a node with its LaTeX.

    `names` are texts that stand in place of nodes; elsewhere those that the user named have names.
    """
    if not text or "…" in text or not sketch.letters:
        return Math(text)
    graph = sketch.graph
    shown = {
        other: sketch.letters[name]
        for other, given in graph.names.items()
        if other != node and (name := next(iter(given), "")) in sketch.letters
    }
    shown |= {other: latex_of(name) for other, name in (names or {}).items()}
    if not all(shown.values()):
        return Math(text)
    dialect = Latex(graph, shown, sketch.letters)
    return Math(text, dialect.write(node) or "")


def settled(text: str, set_math: Callable[[str, str], str]) -> str:
    """Return a sentence with each formula replaced by what `set_math` makes of text and LaTeX."""
    return SET.sub(lambda found: set_math(found[1], found[2]), text)


def title(sketch: Sketch, box: Box) -> str:
    """Return a node in words: u, the sine of x; its formulas are set."""

    def show(node: int, text: str) -> str:
        return f"{formula(sketch, node, text)}"

    step = box.step
    said = description(sketch.graph, step, box.role, show)
    plain = description(sketch.graph, step, box.role)
    return said if len(plain) <= LONGEST else fit(plain)


def local(sketch: Sketch, step: Step, edge: Edge, longest: int) -> Math:
    """Return the local derivative of a step with respect to an input as a formula; "" for none."""
    text = local_formula(sketch.graph, step, edge, longest)
    graph, shown = sketch.graph, factors(sketch.graph, edge.formula)
    parts = [(node, formula(sketch, node, "own")) for node in shown] if text else []
    latex = [
        rf"\left({part.latex}\right)"
        if len(parts) > 1 and Latex(graph, {}).level(node) < PRODUCT + bool(index)
        else part.latex
        for index, (node, part) in enumerate(parts)
    ]
    return Math(text, "" if "…" in text else r" \cdot ".join(latex))


def back(sketch: Sketch, step: Step, index: int, slope: Math, longest: int) -> Math:
    """Return what flows back to an input through an operation on arrays, in words."""
    text = flowing(sketch.graph, step, index, str(slope), longest)
    found = rule(sketch.graph, step.id, index) if slope.latex and text and "…" not in text else None
    if found is None:
        return Math(text)
    graph, names, levels = sketch.graph, {found.slope: slope.latex}, {found.slope: POSTFIX}
    dialect = Latex(found.graph, names, {})
    own = Latex(graph, {})
    for leaf, node in leaves(graph, step, found):
        name = graph.name_of(node)
        names[leaf] = sketch.letters[name] if name else formula(sketch, node, "own").latex
        levels[leaf] = ATOM if name else own.level(node)
    dialect.levels = levels
    latex = names.get(found.root) or dialect.write(found.root) or ""
    return Math(text, _followed(latex, behind(found)))


NAME = 32
"""The most characters of a node's name in a sentence."""
ARRAY = 40
"""The most characters of an array; a longer one is shown as shape and range."""
EQUATION = 72
"""The most characters of a formula in an equation."""


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
    """Return a number, or an array, in full where it is short, else as its shape and range."""
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
