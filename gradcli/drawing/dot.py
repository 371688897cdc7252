"""Boxes and arrows as DOT, the language of Graphviz; the same formula gives the same text.

All attributes are ours but for the labels and tooltips, which are escaped.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from gradcli.drawing.labels import card, heading, local
from gradcli.drawing.sentences import marks
from gradcli.drawing.style import FLOW, FONT, LINE, PAINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.drawing.labels import Options
    from gradcli.drawing.sketch import Arrow, Box, Sketch

PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*|-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)")
"""What needs no quotes: names and numbers."""
KEYWORDS = {"node", "edge", "graph", "digraph", "subgraph", "strict"}

DOTS_PER_INCH = 192
"""Of a PNG: sharp on a display of high resolution."""


def dot(sketch: Sketch, title: str, options: Options, *, opaque: bool = False) -> str:
    """Return the sketch as DOT; `opaque` for a PNG, which cannot adapt to what is behind it."""
    whole = {
        "bgcolor": "white" if opaque else "transparent",
        "fontname": FONT,
        "label": heading(sketch, title, options),
        "labeljust": "l",
        "labelloc": "t",
        "nodesep": "0.3",
        "nslimit": "1",  # a bound on Graphviz's work, which a large picture needs
        "pad": "0.15",
        "rankdir": options.rankdir,
        "ranksep": "0.5" if options.local == "none" else "0.25",
        **({"dpi": str(DOTS_PER_INCH)} if opaque else {}),
    }
    nodes = {"fontname": FONT, "height": "0", "margin": "0", "shape": "box", "width": "0"}
    lines = [
        _statement("graph", whole, first=""),
        _statement("node", nodes),
        _statement("edge", {"arrowsize": "0.7", "fontname": FONT}),
    ]
    lines += [_statement(_quoted(box.key), _node(sketch, box, options)) for box in sketch.boxes]
    arrives, leaves = ("w", "e") if options.rankdir == "LR" else ("n", "s")
    for arrow in sketch.arrows:
        tail, head = arrow.tail.key, arrow.head.key
        if marks(arrow.head.step.operation, len(arrow.head.step.inputs)):
            head += f":a{arrow.place}:{arrives}"
        attributes = _edge(arrow, options)
        label = local(sketch, arrow, options)
        if label is None:
            if options.local != "none" and arrow.tail.role != "constant":
                attributes["minlen"] = "2"  # as long as one that has a label
            lines.append(_arrow(tail, head, attributes))
            continue
        # An arrow runs through its label, so that nobody can mistake which one it belongs to.
        first, middle, last = parts(arrow)
        shown = {"class": "local", "id": middle, "label": label, "shape": "plain"}
        lines.append(_statement(_quoted(middle), shown | {"tooltip": attributes["tooltip"]}))
        begins = attributes | {"arrowhead": "none", "id": first}
        lines.append(_arrow(tail, f"{middle}:{arrives}", begins))
        lines.append(_arrow(f"{middle}:{leaves}", head, attributes | {"id": last}))
    return "digraph formula {\n" + "".join(f"\t{line}\n" for line in lines) + "}\n"


def _statement(subject: str, attributes: Mapping[str, str], first: str = "label") -> str:
    """Return a statement of DOT, its attributes in the order of their names after the first."""
    ordered = sorted(attributes.items(), key=lambda pair: (pair[0] != first, pair[0]))
    listed = " ".join(f"{name}={_quoted(text)}" for name, text in ordered)
    return f"{subject} [{listed}]"


def _arrow(tail: str, head: str, attributes: Mapping[str, str]) -> str:
    """Return an arrow between nodes with ports, KEY:PORT."""
    ends = [":".join(map(_quoted, end.split(":"))) for end in (tail, head)]
    return _statement(" -> ".join(ends), attributes)


def _quoted(text: str) -> str:
    """Return a text as DOT has it: markup in <…> and plain names as they are, others in quotes."""
    if text.startswith("<") or (PLAIN.fullmatch(text) and text not in KEYWORDS):
        return text
    return '"' + text.replace('"', r"\"") + '"'


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
    return escape(sentence).replace("\\", r"\\")
