"""Forward mode in a lesson: how fast each node changes when one input does, found on the way up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.pictures.lesson.forward import arrows_to
from gradcli.pictures.lesson.frames import Frame, as_factor, called, derivative
from gradcli.pictures.lesson.notation import Math, combined
from gradcli.pictures.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.pictures.graph.sketch import Arrow, Box
    from gradcli.pictures.lesson.figures import Figures

MOST_TERMS = 4
"""Inputs of a node whose terms are written out."""


def tangent(figures: Figures) -> Iterator[Frame]:
    """Yield a frame with which the pass begins, and one for each node that an input can change."""
    sketch = figures.sketch
    arrows = arrows_to(sketch)
    moving = {box.key for box in sketch.boxes if figures.tangent(box).symbol is not None}
    inputs = [box for box in sketch.boxes if box.key in moving and not box.step.inputs]
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
        if box.key in moving and box.key in arrows:
            yield _node(figures, box, arrows[box.key], seed)


def _node(figures: Figures, box: Box, arrows: Sequence[Arrow], seed: str) -> Frame:
    """Return the frame of a node: ∂v/∂x = cos(u) · ∂u/∂x = 0.6603 · 9 = 5.943."""
    name = called(figures.sketch, box)
    value = figures.shown(figures.tangent(box))
    leading = [arrow for arrow in arrows if figures.tangent(arrow.tail).symbol is not None]
    locals_of = [figures.local(arrow).symbol for arrow in leading]
    parts = [_rate(figures, box, seed)]
    words = say("rate alone", name=name, value=value, seed=seed)
    is_told = len(leading) <= MOST_TERMS and all(hasattr(s, "place") for s in locals_of)
    if is_told and all(hasattr(figures.tangent(arrow.tail).symbol, "place") for arrow in leading):
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
