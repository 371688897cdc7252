"""Boxes and arrows as DOT, the language of Graphviz; the same formula gives the same text.

All attributes are ours but for the labels and tooltips, which are escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import graphviz

from gradcli.pictures.graph.labels import card, heading, local
from gradcli.pictures.graph.sentences import marks_of
from gradcli.pictures.graph.style import FLOW, FONT, LINE, PAINTS

if TYPE_CHECKING:
    from gradcli.pictures.graph.labels import Options
    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch

DOTS_PER_INCH = 192
"""Of a PNG: sharp on a display of high resolution."""


def dot(sketch: Sketch, title: str, options: Options, *, opaque: bool = False) -> str:
    """Return the sketch as DOT; `opaque` for a PNG, which cannot adapt to what is behind it."""
    picture = graphviz.Digraph("formula", engine="dot")
    picture.attr(
        "graph",
        bgcolor="white" if opaque else "transparent",
        fontname=FONT,
        label=heading(sketch, title, options),
        labeljust="l",
        labelloc="t",
        nodesep="0.3",
        nslimit="1",  # a bound on Graphviz's work, which a large picture needs
        pad="0.15",
        rankdir=options.rankdir,
        ranksep="0.5" if options.local == "none" else "0.25",
        **({"dpi": str(DOTS_PER_INCH)} if opaque else {}),
    )
    picture.attr("node", fontname=FONT, height="0", margin="0", shape="box", width="0")
    picture.attr("edge", arrowsize="0.7", fontname=FONT)
    for box in sketch.boxes:
        picture.node(box.key, **_node(sketch, box, options))
    arrives, leaves = ("w", "e") if options.rankdir == "LR" else ("n", "s")
    for arrow in sketch.arrows:
        tail, head = arrow.tail.key, arrow.head.key
        if marks_of(sketch.graph, arrow.head.step):
            head += f":a{arrow.place}:{arrives}"
        attributes = _edge(arrow, options)
        label = local(sketch, arrow, options)
        if label is None:
            if options.local != "none" and arrow.tail.role != "constant":
                attributes["minlen"] = "2"  # as long as one that has a label
            picture.edge(tail, head, **attributes)
            continue
        # An arrow runs through its label, so that nobody can mistake which one it belongs to.
        first, middle, last = parts(arrow)
        shown = {"class": "local", "id": middle, "label": label, "shape": "plain"}
        picture.node(middle, **shown, tooltip=attributes["tooltip"])
        begins = attributes | {"arrowhead": "none", "id": first}
        picture.edge(tail, f"{middle}:{arrives}", **begins)
        picture.edge(f"{middle}:{leaves}", head, **attributes | {"id": last})
    return str(picture.source)


def parts(arrow: Arrow) -> tuple[str, str, str]:
    """Return the ids of an arrow that runs through its label: up to it, the label, on from it."""
    return f"{arrow.key}a", f"{arrow.key}b", f"{arrow.key}c"


def _node(sketch: Sketch, box: Box, options: Options) -> dict[str, str]:
    """Return the attributes of a box."""
    paint = PAINTS[box.role if box.live else "idle"]
    attributes = {
        "class": box.role if box.live else f"{box.role} idle",
        "color": paint.border.light,
        "fillcolor": paint.fill.light,
        "id": box.key,
        "label": card(sketch, box, options),
        "peripheries": "2" if box.role == "result" else "1",
        "style": "rounded,filled" if box.live else "rounded,filled,dashed",
        "tooltip": _tooltip(box.sentence),
    }
    return {**attributes, "ordering": "in"} if box.tree and box.step.inputs else attributes


def _edge(arrow: Arrow, options: Options) -> dict[str, str]:
    """Return the attributes of an arrow, but for its label."""
    flow = arrow.strength if options.gradient and arrow.live else None
    return {
        "class": "idle" if not arrow.live else "still" if flow is None else "flow",
        "color": LINE.light if flow is None else FLOW.light,
        "id": arrow.key,
        "penwidth": "0.80" if flow is None else f"{1 + 2.6 * flow:.2f}",
        "style": "solid" if arrow.live else "dashed",
        "tooltip": _tooltip(arrow.sentence),
    }


def _tooltip(sentence: str) -> str:
    r"""Return a sentence as an attribute: no entity, no \N that Graphviz would replace."""
    return str(graphviz.escape(escape(sentence)))
