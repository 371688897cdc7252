"""What stands in a box or on an arrow, as tables in Graphviz's HTML-like language.

Every text passes through `_text`, which makes it printable and escapes it.
"""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.pictures.graph.sentences import marks_of, symbol, told
from gradcli.pictures.graph.style import GRADIENT, INK, MUTED, PAINTS, RULE, Colour
from gradcli.pictures.graph.words import (
    expression,
    fit,
    flowing,
    local_formula,
    percent,
    quantity,
    value_of,
)
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch
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


class Options(NamedTuple):
    """How a picture is drawn."""

    gradient: bool = True
    """Whether gradients are shown, and the arrows are as wide as gradient flows through them."""
    rankdir: str = "LR"
    local: str = "number"
    """What stands on an arrow: the local derivative as "number", "formula", "both" or "none"."""
    room: int = 0
    """Points that a number has at least, where it can become longer."""


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
    for note in told(sketch.notes):
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
        f'<TD PORT="a{place}" BORDER="1" SIDES="{side}" COLOR="{RULE.light}" CELLPADDING="4">'
        f"{_text(name, MUTED, 8)}</TD>"
        for place, name in enumerate(names)
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
    is_number = formula.lstrip("-").replace(".", "").isdigit()
    if is_number:
        formula = formula.replace("-", "−")
    shown = "" if edge.local is None else quantity(edge.local, ARRAY)
    if options.local == "none" or (shown and step.value is None):
        return None  # a branch that is not taken has no slope where it has no value
    if not shown or options.local == "formula":
        shown = formula or shown
    elif options.local == "both" and formula not in {"", shown}:
        shown = f"{formula} = {shown}"
    if not shown and arrow.tail.role != "constant" and (step.value is None or _is_moved(arrow)):
        shown = flowing(sketch.graph, step, arrow.place, _slope(sketch, arrow.head), EXPRESSION)
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


def _is_moved(arrow: Arrow) -> bool:
    """Return whether a gradient flows back along an arrow."""
    return arrow.head.step.gradient is not None and arrow.tail.step.gradient is not None


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
