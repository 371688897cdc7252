"""Boxes and arrows as DOT, the language of Graphviz; the same formula gives the same text.

All attributes are ours but for the labels and tooltips, which are escaped.
"""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING, Any

import graphviz

from gradcli.pictures.graph.style import (
    FLOW,
    FONT,
    GRADIENT,
    INK,
    LINE,
    MUTED,
    PAINTS,
    RULE,
    Colour,
)
from gradcli.pictures.graph.words import (
    expression,
    fit,
    flowing,
    is_numeral,
    local_formula,
    marks_of,
    percent,
    quantity,
    shown_notes,
    symbol,
    value_of,
)
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.pictures.graph.sketch import Arrow, Box, Options, Sketch
    from gradcli.programs.trace import Step


EXPRESSION = 28
"""Characters of a sub-expression or local derivative that are shown."""
ARRAY = 22
"""Characters of an array that are shown."""
MAP = 28
"""The most rows and columns of an array that is drawn as cells, white for the least number."""
TITLE_LINE = 72
"""Characters in a line of the title."""
NOTE_LINE = 100
"""Characters in a line of a note."""
_GAP = '<TD HEIGHT="8"></TD>'


def heading(sketch: Sketch, title: str, options: Options) -> str:
    """Return the label above the picture: the formula, what the arrows mean, and notes."""
    shown = fit(title)
    parts = [shown] if len(shown) <= TITLE_LINE else shown.split("; ")
    lines = [
        line for part in parts for line in textwrap.wrap(part, TITLE_LINE, break_on_hyphens=False)
    ]
    rows = [_text(line, INK, 13, bold=True) for line in lines]
    legend = []
    if any(local(sketch, arrow, options) for arrow in sketch.arrows):
        legend.append(say("legend local"))
    if options.gradient and any(arrow.strength for arrow in sketch.arrows):
        legend.append(say("legend width"))
    if any(is_map(box.step.value) for box in sketch.boxes):
        legend.append(say("legend map"))
    legend += [sketch.moment] if sketch.moment else []
    if legend:
        rows.append(_text("; ".join(legend), MUTED, 9))
    for note in shown_notes(sketch.notes):
        rows += [_text(line, INK, 10) for line in textwrap.wrap(note, NOTE_LINE)]
    cells = [f'<TD ALIGN="LEFT">{row}</TD>' for row in rows]
    return f"<{_table([*cells, _GAP])}>"


def card(sketch: Sketch, box: Box, options: Options) -> str:
    """Return the label of a box: what it is, its numbers, and marks where arrows arrive."""
    body = _table(
        _constant(sketch, box) if box.role == "constant" else _lines(sketch, box, options)
    )
    names = marks_of(sketch.graph, box.step) if box.role != "constant" else ()
    padding = 3 if box.role == "constant" else 6
    if not names:
        return f"<{_table([_padded(body, padding)])}>"
    side = "R" if options.rankdir == "LR" else "B"
    cells = [
        f'<TD PORT="a{position}" BORDER="1" SIDES="{side}" COLOR="{RULE.light}" CELLPADDING="4">'
        f"{_text(name, MUTED, 8)}</TD>"
        for position, name in enumerate(names)
    ]
    if side == "R":
        rows = [cells[0] + _padded(body, padding, f' ROWSPAN="{len(names)}"'), *cells[1:]]
    else:
        rows = ["".join(cells), _padded(body, padding, f' COLSPAN="{len(names)}"')]
    return f"<{_table(rows)}>"


def local(sketch: Sketch, arrow: Arrow, options: Options) -> str | None:
    """Return the label of an arrow, its local derivative; None where it has none."""
    step, edge = arrow.head.step, arrow.edge
    formula = local_formula(sketch.graph, step, edge, EXPRESSION)
    is_number = is_numeral(formula)
    if is_number:
        formula = formula.replace("-", "−")
    shown = "" if edge.local is None else quantity(edge.local, ARRAY)
    if options.local == "none" or (shown and step.value is None):
        return None  # a branch that is not taken has no slope where it has no value
    if not shown or options.local == "formula":
        shown = formula or shown
    elif options.local == "both" and formula not in {"", shown}:
        shown = f"{formula} = {shown}"
    gets = step.value is None or (
        step.gradient is not None and arrow.tail.step.gradient is not None
    )
    if not shown and arrow.tail.role != "constant" and gets:
        shown = flowing(sketch.graph, step, arrow.position, _slope(sketch, arrow.head), EXPRESSION)
    if not shown:
        return None
    text = _text(shown, GRADIENT if arrow.live else MUTED, 10)
    room = 0 if is_number or options.local == "formula" else options.room * 7 // 8
    return f"<{_table([_padded(_table([f'<TD{_width(room)}>{text}</TD>']), 3)])}>"


def is_map(value: Any) -> bool:
    """Return whether an array is too long to be written, but not to be drawn number by number."""
    if value is None or isinstance(value, int | float) or not 1 <= value.ndim <= 2:
        return False
    return 0 < max(value.shape) <= MAP and not quantity(value, ARRAY).startswith("[")


def _map(value: Any) -> str:
    """Return an array as a table of grey cells; one that is no finite number stays clear."""
    import numpy as np

    rows = np.atleast_2d(np.where(np.isfinite(value), value, np.nan))
    least, greatest = np.nanmin(rows, initial=np.inf), np.nanmax(rows, initial=-np.inf)
    shares = (rows - least) / (greatest - least or 1.0)
    size = max(3, min(9, 90 // max(rows.shape)))
    cell = f'<TD FIXEDSIZE="TRUE" WIDTH="{size}" HEIGHT="{size}"'
    cells = ["".join([f"{cell}{_grey(share)}></TD>" for share in row.tolist()]) for row in shares]
    lines = "".join([f"<TR>{row}</TR>" for row in cells])
    high, wide = (size * length for length in rows.shape)
    fixed = f'FIXEDSIZE="TRUE" WIDTH="{wide}" HEIGHT="{high}"'
    return (
        f'<TABLE {fixed} BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{lines}</TABLE>'
    )


def _grey(share: float) -> str:
    """Return the colour of a cell: white for 0, black for 1."""
    level = f"{round(255 * (1 - share)):02x}" if share == share else ""  # noqa: PLR0124 - nan
    return f' BGCOLOR="#{level * 3}"' if level else ""


def _slope(sketch: Sketch, box: Box) -> str:
    """Return what the gradient of a box is called in it."""
    name = box.step.name
    return f"∂{sketch.letter}/∂{fit(name) if name and len(name) <= 4 else '·'}"


def _lines(sketch: Sketch, box: Box, options: Options) -> list[str]:
    """Return the lines in the box of an operation or input."""
    graph, step = sketch.graph, box.step
    is_input = box.role == "input" or step.operation == "variable"
    kind = [say("kind input")] if is_input else []
    kind += [say("kind result")] if box.role == "result" else []
    kind += [] if box.live else [say("not taken")]
    name = step.name or _sign(sketch, step)
    lines = [_cell(fit(name, EXPRESSION), INK, 15, bold=True)]
    if step.inputs:
        lines.append(_cell(expression(graph, step.id, EXPRESSION), MUTED, 9))
    if kind:
        accent = PAINTS[box.role if box.live else "idle"].accent
        lines.append(_cell(", ".join(kind), accent, 9))
    facts = []
    if is_map(step.value):
        lines.append(_padded(_map(step.value), 2))
    if step.value is not None:
        facts.append(_fact(say("fact value"), value_of(step, ARRAY), MUTED, INK, options.room))
    elif options.room and not box.live:
        # For other inputs there is one.
        facts.append(_fact(say("fact value"), "–", MUTED, INK, options.room))
    if step.share is not None:
        facts.append(_fact(say("fact share"), percent(step.share), MUTED, INK, 0))
    if options.gradient and (step.gradient is not None or box.awaits):
        known = [] if step.gradient is None else [quantity(step.gradient, ARRAY)]
        slope = " + ".join([*known, "…"] if box.awaits else known)
        facts.append(_fact(_slope(sketch, box), slope, GRADIENT, GRADIENT, options.room))
    for part in step.parts:
        what = fit(part.what, EXPRESSION)
        shown = "" if part.value is None else quantity(part.value, ARRAY)
        facts.append(_fact(what if shown else "", shown or what, MUTED, MUTED, options.room))
    if facts:
        lines.append(_padded(_table(facts), 2))
    return lines


def _sign(sketch: Sketch, step: Step) -> str:
    """Return how a step without a name is headed: its operation, or what the title calls it."""
    if step.operation == FORMULA:
        return sketch.letter
    return symbol(sketch.graph, step) if step.inputs else expression(sketch.graph, step.id)


def _constant(sketch: Sketch, box: Box) -> list[str]:
    """Return the lines in the box of a constant: how it was typed, and pi also as a number."""
    step = box.step
    typed = expression(sketch.graph, step.id, EXPRESSION)
    lines = [_cell(f"{fit(step.name, EXPRESSION)} = {typed}" if step.name else typed, MUTED, 11)]
    is_typed = step.operation == "array" or sketch.graph.number(step.id) is not None
    if step.value is not None and not is_typed:
        lines.append(_cell(quantity(step.value, ARRAY), MUTED, 9))
    return lines


def _fact(word: str, value: str, dim: Colour, strong: Colour, room: int) -> str:
    """Return two cells, a word and its number; the words end and the numbers start together."""
    return (
        f'<TD ALIGN="RIGHT">{_text(word + " ", dim, 9)}</TD>'
        f'<TD ALIGN="LEFT"{_width(room)}>{_text(value, strong, 11)}</TD>'
    )


def _width(room: int) -> str:
    return f' WIDTH="{room}"' if room else ""


def _padded(content: str, padding: int, attributes: str = "") -> str:
    return f'<TD CELLPADDING="{padding}"{attributes}>{content}</TD>'


def _cell(text: str, colour: Colour, size: int, *, bold: bool = False) -> str:
    return f"<TD>{_text(text, colour, size, bold=bold)}</TD>"


def _text(text: str, colour: Colour, size: int, *, bold: bool = False) -> str:
    """Return text in a font; an empty one would be a mistake in the language of Graphviz."""
    inner = escape(fit(text)) or " "
    inner = f"<B>{inner}</B>" if bold else inner
    return f'<FONT COLOR="{colour.light}" POINT-SIZE="{size}">{inner}</FONT>'


def _table(rows: Iterable[str]) -> str:
    """Return a table without lines and space of its own; each row is its cells."""
    lines = "".join(f"<TR>{row}</TR>" for row in rows)
    plain = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"'
    return f"<TABLE {plain}>{lines}</TABLE>"


DOTS_PER_INCH = 192
"""Resolution of a PNG: sharp on a display of high resolution."""


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
            head += f":a{arrow.position}:{arrives}"
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
