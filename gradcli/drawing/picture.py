"""The graph of a formula as a picture: steps to DOT, DOT to a drawing, a drawing to a good SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.calculus.named import named_nodes
from gradcli.drawing.words import expression, fit
from gradcli.errors import DrawingError, UsageError, printable
from gradcli.graph import printing
from gradcli.graph.operations import NEGATE, TABLE
from gradcli.limits import DRAWN_NODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.graph.node import Graph
    from gradcli.runtime.trace import Step

FORMATS = ("svg", "png", "pdf", "dot", "json", "html")
DIRECTIONS = ("LR", "TB")
LOCALS = ("number", "formula", "both", "none")

ARRAY = TABLE["array"]
MOST_TANGLED = 1000
"""By how many boxes the arrows may be too long, together, for each to have a label: of a picture
with more, Graphviz would need much longer than a second, and nobody could follow the arrows."""
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
) -> bytes:
    """Return the picture of the steps that lead to `result`, "svg", "png", "pdf" or "dot".

    With "json" it is not a picture but all that is shown in one, as data, and with "html" a
    page that tells the run step by step. `only_named` says that the steps are those of named
    nodes.

    Steps with values show them, and with `gradient` their gradients and how much gradient flows
    along each arrow. `local` is what stands on an arrow: the local derivative as "number",
    "formula", "both" or "none"; None means the number when gradients are shown, and where there
    are no numbers the formula, but nothing in a picture that is a tangle of long arrows. `notes`
    are sentences about the derivatives, which stand below the formula. Raises
    DrawingError for more than `most_nodes` steps and when Graphviz is missing or fails, and
    UsageError for an option that does not exist.
    """
    _check("format", picture_format, FORMATS)
    _check("rankdir", rankdir, DIRECTIONS)
    if local is not None:
        _check("local", local, LOCALS)
    if picture_format == "json":
        from gradcli.drawing.data import data

        return data(graph, result, steps, notes)
    from gradcli.drawing.dot import dot
    from gradcli.drawing.labels import Options
    from gradcli.drawing.sketch import size, sketch, tangle

    nodes, arrows = size(graph, result, steps)
    if nodes > most_nodes or arrows > 2 * most_nodes:
        named = None if only_named else len(named_nodes(graph, result))
        raise _too_large(f"{nodes} nodes and {arrows} arrows", most_nodes, named)
    drawn = sketch(graph, result, steps, notes)
    formula = _formula(graph, result)
    if local is None:
        local = "number" if gradient and tangle(drawn) <= MOST_TANGLED else "none"
    options = Options(gradient, rankdir, local)
    heading = _heading(formula, drawn.letter)
    if picture_format == "html":
        from gradcli.drawing.lesson.page import page
        from gradcli.drawing.lesson.story import lesson
        from gradcli.drawing.render import render

        told = lesson(drawn, gradient=gradient)
        return page(drawn, told, render(dot(drawn, "", options), "svg"), heading)
    source = dot(drawn, heading, options, opaque=picture_format == "png")
    if picture_format == "dot":
        return source.encode()
    from gradcli.drawing.render import render

    content = render(source, picture_format)
    if picture_format != "svg":
        return content
    from gradcli.drawing.sentences import about_picture
    from gradcli.drawing.svg import finished

    sentences = {box.key: box.sentence for box in drawn.boxes}
    sentences |= {arrow.key: arrow.sentence for arrow in drawn.arrows}
    return finished(content, fit(formula, LONGEST_TITLE), about_picture(steps, notes), sentences)


def check_size(
    graph: Graph, result: int, most_nodes: int = DRAWN_NODES, *, only_named: bool = False
) -> None:
    """Raise DrawingError when a picture would surely be refused, before anything is computed.

    A chain such as x + y + z is drawn as one node, and an array of numbers too. But each operation
    that a chain takes up brings an arrow, so that more operations than nodes and arrows are allowed
    together are too many in any case.
    """
    named = len(named_nodes(graph, result))
    if only_named:
        if named > most_nodes:
            raise _too_large(f"{named} named nodes", most_nodes, None)
        return
    rows = [graph.rows[node] for node in graph.reachable([result])]
    operations = sum(bool(row[1]) and row[0] not in {NEGATE, ARRAY} for row in rows)
    if operations > 3 * most_nodes:
        raise _too_large(f"{len(rows)} nodes", most_nodes, named)


def _too_large(size: str, most_nodes: int, named: int | None) -> DrawingError:
    """Return the error for a large picture; `named` are the nodes that --only-named would leave."""
    message = f"the graph has {size}; a picture has at most {most_nodes} nodes"
    message += f" and {2 * most_nodes} arrows"
    hint = "draw a part of the formula, or allow more: --max-nodes N"
    if named is not None and named <= most_nodes:
        hint = f"--only-named leaves {named}: inputs, named parts (u = …;) and the result; "
        hint += "or allow more: --max-nodes N"
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


def _check(option: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        message = f"--{option} must be one of {', '.join(known)}, not '{printable(given, 60)}'"
        raise UsageError(message)
