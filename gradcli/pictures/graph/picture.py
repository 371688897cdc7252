"""The graph of a formula as a picture: steps to DOT, DOT to a drawing, a drawing to a good SVG."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import DrawingError, UsageError
from gradcli.graph import printing
from gradcli.graph.operations import NEGATE, TABLE
from gradcli.limits import DRAWN_NODES
from gradcli.options import check_word, example, spelled
from gradcli.pictures.graph.words import expression, fit
from gradcli.pictures.wording import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Step

DIRECTIONS = ("LR", "TB")
LOCALS = ("number", "formula", "both", "none")

ARRAY = TABLE["array"]
MOST_TANGLED = 1000
"""By how many boxes the arrows may be too long, together, for each to have a label: of a picture
with more, Graphviz would need much longer than a second, and nobody could follow the arrows."""
MOST_TWICE = 60
"""Boxes of a lesson that is drawn in both directions, for broad and for narrow windows."""
ROOM = 48
"""Points that the numbers of a lesson have at least, since they change."""
LONGEST_TITLE = 1000
"""Characters of the formula as the title of an SVG, which is read aloud, not shown."""


def picture(
    graph: Graph,
    result: int,
    steps: Sequence[Step],
    picture_format: str = "svg",
    *,
    gradient: bool = True,
    rankdir: str = "LR",
    local: str | None = None,
    only_named: bool = False,
    most_nodes: int = DRAWN_NODES,
    notes: Sequence[str] = (),
    until: int | None = None,
) -> bytes:
    """Return the picture of the steps that lead to `result`, "svg", "png", "pdf" or "dot".

    With "json" it is not a picture but all that is shown in one, as data, and with "html" a
    page that tells the run step by step. `only_named` says that the steps are those of named
    nodes.

    Steps with values show them, and with `gradient` their gradients and how much gradient flows
    along each arrow. `local` is what stands on an arrow: the local derivative as "number",
    "formula", "both" or "none"; None means the number when gradients are shown, and where there
    are no numbers the formula, but nothing in a picture that is a tangle of long arrows. `notes`
    are sentences about the derivatives, which stand below the formula. With `until` gradients are
    those after so many steps of the backward pass. Raises DrawingError for more than `most_nodes`
    steps and when Graphviz is missing or fails, and UsageError for an option that does not exist
    or says nothing here.
    """
    check_word("format", picture_format, FORMATS)
    check_word("rankdir", rankdir, DIRECTIONS)
    if local is not None:
        check_word("local", local, LOCALS)
    chosen = FORMATS[picture_format]
    if until is not None:
        _check_until(chosen, steps, gradient=gradient)
    if not chosen.is_picture:
        return chosen.make(Picture(graph, result, steps, notes))
    from gradcli.pictures.graph.labels import Options
    from gradcli.pictures.graph.sketch import size, sketch, tangle

    nodes, arrows = size(graph, result, steps)
    if nodes > most_nodes or arrows > 2 * most_nodes:
        named = None if only_named else _named(graph, result)
        raise _too_large(f"{nodes} nodes and {arrows} arrows", most_nodes, named)
    drawn = sketch(graph, result, steps, notes)
    if local is None:
        local = "number" if gradient and tangle(drawn) <= MOST_TANGLED else "none"
    options = Options(gradient, rankdir, local)
    if until is not None:
        from gradcli.pictures.graph.until import until as moment

        drawn = moment(drawn, until)
        steps = [b.step._replace(gradient=None) if b.awaits else b.step for b in drawn.boxes]
    return chosen.make(Picture(graph, result, steps, notes, drawn, options, only_named))


def check_size(
    graph: Graph, result: int, most_nodes: int = DRAWN_NODES, *, only_named: bool = False
) -> None:
    """Raise DrawingError when a picture would surely be refused, before anything is computed.

    A chain such as x + y + z is drawn as one node, and an array of numbers too. But each operation
    that a chain takes up brings an arrow, so that more operations than nodes and arrows are allowed
    together are too many in any case.
    """
    if only_named:
        named = _named(graph, result)
        if named > most_nodes:
            raise _too_large(f"{named} named nodes", most_nodes, None)
        return
    rows = [graph.rows[node] for node in graph.reachable([result])]
    operations = sum(bool(row[1]) and row[0] not in {NEGATE, ARRAY} for row in rows)
    if operations > 3 * most_nodes:
        raise _too_large(f"{len(rows)} nodes", most_nodes, _named(graph, result))


def _named(graph: Graph, result: int) -> int:
    """Return how many nodes --only-named would leave."""
    from gradcli.calculus.named import named_nodes

    return len(named_nodes(graph, result))


def _check_until(chosen: Format, steps: Sequence[Step], *, gradient: bool) -> None:
    """Raise UsageError for a picture that has no moments, or has them all."""
    own = spelled("until")
    if not chosen.has_moment:
        message = f"{own} is one moment of a picture, and this format has the whole pass"
        raise UsageError(message, hint=f"leave out {own}")
    if steps[-1].value is None or not gradient:
        message = f"{own} shows gradients, and there are none without values"
        raise UsageError(message, hint=f"give values, or leave out {own}")


def _too_large(size: str, most_nodes: int, named: int | None) -> DrawingError:
    """Return the error for a large picture; `named` are the nodes that --only-named would leave."""
    message = f"the graph has {size}; a picture has at most {most_nodes} nodes"
    message += f" and {2 * most_nodes} arrows"
    more = example("most_nodes", "N")
    hint = f"draw a part of the formula, or allow more: {more}"
    if named is not None and named <= most_nodes:
        hint = (
            f"{spelled('only_named')} leaves {named}: inputs, named parts (u = …;) and the result; "
        )
        hint += f"or allow more: {more}"
    return DrawingError(message, hint=hint)


def _formula(graph: Graph, result: int) -> str:
    """Return the formula for heading and title; a huge one without what its names stand for."""
    if len(graph.reachable([result])) > LONGEST_TITLE:
        return expression(graph, result, LONGEST_TITLE)
    return printing.formula(graph, result)


def _heading(formula: str, letter: str) -> str:
    """Return the formula as an equation for the letter that its derivatives are written with."""
    definitions, separator, last = formula.rpartition("; ")
    return f"{definitions}{separator}{letter} = {last}"


# ---------------------------------------------------------------- formats


class Picture(NamedTuple):
    """What is to be drawn, and how."""

    graph: Graph
    result: int
    steps: Sequence[Step]
    notes: Sequence[str]
    sketch: Any = None
    options: Any = None
    only_named: bool = False

    def heading(self) -> str:
        """Return the formula as an equation for the letter that its derivatives have."""
        return _heading(_formula(self.graph, self.result), self.sketch.letter)

    def dot(self, heading: str, *, opaque: bool = False) -> str:
        """Return the picture as text for Graphviz."""
        from gradcli.pictures.graph.dot import dot

        return dot(self.sketch, heading, self.options, opaque=opaque)


class Format(NamedTuple):
    """A format of pictures."""

    make: Callable[[Picture], bytes]
    starts: bytes = b""
    """What its bytes start with, for one that is no text."""
    is_picture: bool = True
    """Whether options about its looks and its size mean something to it."""
    has_moment: bool = True
    """Whether it shows the backward pass at one moment."""


def _svg(picture: Picture) -> bytes:
    from gradcli.pictures.graph.render import render
    from gradcli.pictures.graph.sentences import about_picture
    from gradcli.pictures.graph.svg import finished

    content = render(lambda: picture.dot(picture.heading()), "svg")
    drawn = picture.sketch
    sentences = {part.key: part.sentence for part in (*drawn.boxes, *drawn.arrows)}
    title = fit(_formula(picture.graph, picture.result), LONGEST_TITLE)
    about = about_picture(picture.steps, picture.notes)
    if drawn.moment:
        about += " " + say("gradients at", moment=drawn.moment)
    return finished(content, title, about, sentences)


def _by_graphviz(name: str, starts: bytes, *, opaque: bool = False) -> Format:
    """Return a format that Graphviz writes as it is."""

    def make(picture: Picture) -> bytes:
        from gradcli.pictures.graph.render import render

        return render(lambda: picture.dot(picture.heading(), opaque=opaque), name, starts)

    return Format(make, starts)


def _lesson(picture: Picture) -> bytes:
    from gradcli.pictures.graph.render import render
    from gradcli.pictures.graph.sentences import listed
    from gradcli.pictures.lesson.figures import Figures
    from gradcli.pictures.lesson.live import data, live, printed
    from gradcli.pictures.lesson.page import page
    from gradcli.pictures.lesson.story import lesson

    drawn, options = picture.sketch, picture.options
    told = lesson(drawn, gradient=options.gradient)
    figures = live(drawn, gradient=options.gradient, only_named=picture.only_named)
    shown = figures or Figures(drawn, typeset=True)
    frames, limits = lesson(drawn, gradient=options.gradient, figures=shown).frames, ""
    if figures is not None:
        fixed = printed(figures)
        limits = say("printed", names=listed(fixed)) if fixed else ""
    elif told.has_values and any(box.step.operation == "variable" for box in drawn.boxes):
        limits = say("printed all")
    ways = {"wide": "LR", "tall": "TB"} if options.rankdir == "LR" else {"alone": "TB"}
    if len(drawn.boxes) > MOST_TWICE:
        ways = {"alone": options.rankdir}
    turned = {
        view: picture._replace(options=options._replace(rankdir=way, room=ROOM))
        for view, way in ways.items()
    }
    views = {view: render(partial(one.dot, ""), "svg") for view, one in turned.items()}
    script_data = {
        "letter": drawn.letter,
        "limits": limits,
        "frames": [frame._asdict() for frame in frames],
        "marks": shown.marks,
        "live": figures and data(figures, options.local),
    }
    return page(told, views, picture.heading(), script_data)


def _data(picture: Picture) -> bytes:
    from gradcli.pictures.graph.data import data

    return data(picture.graph, picture.result, picture.steps, picture.notes)


FORMATS = {
    "svg": Format(_svg),
    "png": _by_graphviz("png", b"\x89PNG\r\n\x1a\n", opaque=True),
    "pdf": _by_graphviz("pdf", b"%PDF-"),
    "dot": Format(lambda picture: picture.dot(picture.heading()).encode()),
    "json": Format(_data, is_picture=False, has_moment=False),
    "html": Format(_lesson, has_moment=False),
}
"""The formats by their names, which are the endings of their files too."""
