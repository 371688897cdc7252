"""The graph of a formula as a picture: steps to DOT, DOT to a drawing, a drawing to a good SVG."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import DrawingError, UsageError
from gradcli.graph import printing
from gradcli.graph.operations import NEGATE, TABLE
from gradcli.limits import DRAWN_NODES
from gradcli.options import check_word, example, spelled
from gradcli.pictures.graph.words import expression, fit, whole_local_formula
from gradcli.pictures.wording import say
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.graph.node import Graph
    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch
    from gradcli.programs.trace import Edge, Step

DIRECTIONS = ("LR", "TB")
LOCALS = ("number", "formula", "both", "none")

ARRAY = TABLE["array"]
MOST_TANGLED = 1000
"""By how many boxes the arrows may be too long, together, for each to have a label: of a picture
with more, Graphviz would need much longer than a second, and nobody could follow the arrows."""
MOST_TWICE = 60
"""Boxes of a lesson that is drawn in both directions, for broad and for narrow windows."""
LONGEST_FORMULA = 10_000
"""Characters of the longest formula of a local derivative; a longer one is null."""
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
    page that explains the run step by step. `only_named` says that the steps are those of named
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
    from gradcli.pictures.graph.sketch import Options, size, sketch, tangle

    nodes, arrows = size(graph, result, steps)
    if nodes > most_nodes or arrows > 2 * most_nodes:
        named = None if only_named else _named(graph, result)
        raise _too_large(f"{nodes} nodes and {arrows} arrows", most_nodes, named)
    drawn = sketch(graph, result, steps, notes)
    if local is None:
        local = "number" if gradient and tangle(drawn) <= MOST_TANGLED else "none"
    options = Options(gradient, rankdir, local)
    if until is not None:
        drawn = _until(drawn, until)
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


# ---------------------------------------------------------------- a moment of the pass


def _until(sketch: Sketch, count: int) -> Sketch:
    """Return the sketch as it is after so many steps of the backward pass.

    In each step one operation passes its gradient to all its inputs, that of the result first.
    A gradient that is a sum has the terms that have arrived. Raises UsageError for more steps than
    there are.
    """
    from collections import Counter
    from itertools import groupby

    from gradcli.pictures.graph.words import about_step
    from gradcli.pictures.lesson.figures import flows

    found = flows(sketch)
    steps = [list(group) for _, group in groupby(found, lambda flow: flow.head.key)]
    if count > len(steps):
        message = f"{spelled('until')} {count} is beyond the backward pass, of {len(steps)} steps"
        raise UsageError(message, hint=f"for example {example('until', len(steps))}")
    awaited = Counter(flow.tail.key for flow in found)
    sums: dict[str, Any] = {b.key: b.step.gradient for b in sketch.boxes if b.key not in awaited}
    followed = set()
    for flow in [flow for step in steps[:count] for flow in step]:
        key = flow.tail.key
        awaited[key] -= 1
        # The last sum is the gradient itself, so that no other rounding shows.
        sums[key] = sums.get(key, 0.0) + flow.amount if awaited[key] else flow.tail.step.gradient
        followed |= {arrow.key for arrow in flow.arrows}
    shown: dict[str, Box] = {}
    for box in sketch.boxes:
        step = box.step._replace(gradient=sums.get(box.key))
        awaits = awaited[box.key] > 0
        sentence = about_step(sketch.graph, step, box.role, live=box.live)
        shown[box.key] = box._replace(
            step=step,
            sentence=say("so far", sentence=sentence) if awaits and box.key in sums else sentence,
            awaits=awaits,
        )

    def at_moment(arrow: Arrow) -> Arrow:
        return arrow._replace(
            tail=shown[arrow.tail.key],
            head=shown[arrow.head.key],
            strength=arrow.strength if arrow.key in followed else None,
        )

    key = "moment" if len(steps) != 1 else "moment of one"
    return sketch._replace(
        boxes=list(shown.values()),
        arrows=[at_moment(arrow) for arrow in sketch.arrows],
        moment=say(key, count=count, total=len(steps)),
    )


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
        definitions, separator, last = _formula(self.graph, self.result).rpartition("; ")
        return f"{definitions}{separator}{self.sketch.letter} = {last}"

    def equations(self) -> list[str]:
        """Return the lines of the heading in LaTeX; none for one that stays text."""
        is_huge = len(self.graph.reachable([self.result])) > LONGEST_TITLE
        if is_huge or not self.sketch.letters:
            return []
        return printing.latex_lines(self.graph, self.result, self.sketch.letter)

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
    from gradcli.pictures.graph.words import about_picture

    content = render(lambda: picture.dot(picture.heading()), "svg")
    from gradcli.pictures.graph.svg import finished

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
    from gradcli.pictures.graph.words import in_words
    from gradcli.pictures.lesson.figures import Figures
    from gradcli.pictures.lesson.live import data, live, printed
    from gradcli.pictures.lesson.page import page
    from gradcli.pictures.lesson.story import lesson

    drawn, options = picture.sketch, picture.options
    plain = lesson(drawn, gradient=options.gradient)
    figures = live(drawn, gradient=options.gradient, only_named=picture.only_named)
    shown = figures or Figures(drawn, typeset=True)
    frames, limits = lesson(drawn, gradient=options.gradient, figures=shown).frames, ""
    if figures is not None:
        fixed = printed(figures)
        limits = say("printed", names=in_words(fixed)) if fixed else ""
    elif plain.has_values and any(box.step.operation == "variable" for box in drawn.boxes):
        limits = say("printed all")
    ways = {"wide": "LR", "tall": "TB"} if options.rankdir == "LR" else {"alone": "TB"}
    if len(drawn.boxes) > MOST_TWICE:
        ways = {"alone": options.rankdir}
    turned = {
        view: picture._replace(options=options._replace(rankdir=way, room=ROOM))
        for view, way in ways.items()
    }
    views = {view: render(partial(one.dot, ""), "svg") for view, one in turned.items()}
    content = {
        "letter": drawn.letter,
        "limits": limits,
        "frames": [frame._asdict() for frame in frames],
        "marks": shown.marks,
        "live": figures and data(figures, options.local),
    }
    return page(plain, views, picture.heading(), picture.equations(), content)


def _data(picture: Picture) -> bytes:
    """Return the graph as one object of strict JSON, in a line: what is shown, with every digit.

    It has the expression, the id of its result, its value, the notes about its derivatives, and the
    nodes, inputs before their users, as `gradcli grad --nodes --json` has them. Besides, each has
    its role, its shape and whether the result reads it (live), and each of its inputs a position,
    the local derivative as a formula, and whether it is read.
    """
    from gradcli.graph.literals import SCHEMA, json_text
    from gradcli.pictures.graph.sketch import role, selected

    graph, result, steps = picture.graph, picture.result, picture.steps
    shown, constants = selected(graph, result, steps)
    drawn = {step.id for step in shown} | constants
    nodes = [
        _node(graph, step, role(step, result, constants)) for step in steps if step.id in drawn
    ]
    content = {
        "schema": SCHEMA,
        "expression": printing.formula(graph, result),
        "value": steps[-1].value,
        "result": result,
        "notes": [*picture.notes],
        "nodes": nodes,
    }
    return f"{json_text(content)}\n".encode()


def _node(graph: Graph, step: Step, its_role: str) -> dict[str, Any]:
    has_parts = its_role != "constant"
    return {
        "id": step.id,
        "name": step.name,
        "formula": step.formula,
        "operation": step.operation,
        "role": its_role,
        "shape": list(graph.shape(step.id)),
        "value": step.value,
        **({} if step.standard_error is None else {"standard_error": step.standard_error}),
        **({} if step.share is None else {"share": step.share}),
        "gradient": step.gradient,
        "live": step.live,
        **({"parts": [part._asdict() for part in step.parts]} if step.parts else {}),
        "inputs": [
            _input(graph, step, edge, position)
            for position, edge in enumerate(step.inputs if has_parts else ())
        ],
    }


def _input(graph: Graph, step: Step, edge: Edge, position: int) -> dict[str, Any]:
    return {
        "node": edge.node,
        "position": position,
        "local": edge.local,
        "formula": whole_local_formula(graph, step, edge, LONGEST_FORMULA),
        "live": edge.live and step.live,
    }


FORMATS = {
    "svg": Format(_svg),
    "png": _by_graphviz("png", b"\x89PNG\r\n\x1a\n", opaque=True),
    "pdf": _by_graphviz("pdf", b"%PDF-"),
    "dot": Format(lambda picture: picture.dot(picture.heading()).encode()),
    "json": Format(_data, is_picture=False, has_moment=False),
    "html": Format(_lesson, has_moment=False),
}
"""The formats by their names, which are the endings of their files too."""
