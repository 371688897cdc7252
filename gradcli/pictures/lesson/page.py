"""The pages of a lesson: a graph through both passes, and a minimisation that runs again."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from gradcli.pictures.graph import style
from gradcli.pictures.graph.render import markup, shapes
from gradcli.pictures.graph.sentences import about_step
from gradcli.pictures.graph.words import fit
from gradcli.pictures.lesson import template
from gradcli.pictures.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.pictures.graph.sketch import Sketch
    from gradcli.pictures.lesson.story import Lesson

GREY = re.compile(r"#(..)\1\1|white|black")
"""The colours of the cells of an array, and of nothing else."""
NUMBERS = re.compile(r"-?[\d.]+")


def page(
    told: Lesson,
    views: Mapping[str, bytes],
    formula: str,
    equations: Sequence[str],
    content: Mapping[str, object],
) -> bytes:
    """Return the page of a graph.

    `views` are the pictures as Graphviz has drawn them, by their class: "wide" and "tall", of which
    one is seen, or one alone. `formula` is the heading, whose lines `equations` are in LaTeX, and
    `content` what the script reads. Raises DrawingError when a picture is none.
    """
    return template.page(
        "graph",
        formula,
        equations,
        content,
        picture="\n".join([_picture(told.sketch, svg, view) for view, svg in views.items()]),
        head=_head(told),
        rows="\n".join(_rows(told)),
    )


def descent(
    formula: str, equations: Sequence[str], content: Mapping[str, object], notes: str
) -> bytes:
    """Return the page of a run; `content` is what plotting.replay tells of it."""
    notes = escape(fit(notes))
    return template.page("descent", formula, equations, content, notes=notes, head="", rows="")


def _picture(sketch: Sketch, svg: bytes, view: str) -> str:
    """Return the SVG with keys on boxes and arrows, and classes on what appears only in time."""
    boxes = {box.key: box for box in sketch.boxes}
    keys = boxes.keys() | {arrow.key for arrow in sketch.arrows}
    root = shapes(svg)
    for group in root.iter("g"):
        key = group.attrib.pop("id", "")
        if key in keys:
            group.set("data-key", key)
        own = group.find("title")
        if own is None:
            continue
        box = boxes.get(key)
        if box is None:
            group.remove(own)
        else:
            bare = box.step._replace(value=None, gradient=None)
            own.text = about_step(sketch.graph, bare, box.role)
        if "edge" in group.get("class", "").split():
            _mark_edge(group)
        elif box is not None and box.role != "constant":
            _mark_node(group)
    root.attrib = {
        "class": f"gradcli {view}",
        "role": "img",
        "aria-label": say("graph"),
        **root.attrib,
    }
    return markup(root)


def _mark_node(group: ET.Element) -> None:
    """Give classes to the value and the gradient in a box, which are told by their looks.

    Only the value is in ink and of its size, with its word before it, and only the gradient has
    its colour, its word too. The numbers may get other widths.
    """
    for polygon in group.iter("polygon"):
        if GREY.fullmatch(polygon.get("fill", "")):
            polygon.set("class", "cell value")
    before: ET.Element | None = None
    for text in group.iter("text"):
        if text.get("fill") == style.GRADIENT.light:
            is_number = before is not None and before.get("class") == "slope"
            _mark(text, "slope number" if is_number else "slope")
        elif text.get("fill") == style.INK.light and text.get("font-weight") != "bold":
            _mark(text, "value number")
            if before is not None:
                _mark(before, "value")
        elif (text.text or "").endswith(say("not taken")):
            _mark(text, "untaken")
        before = text


def _mark(text: ET.Element, name: str) -> None:
    """Give a class to a text, which then is as wide as its letters."""
    text.set("class", name)
    text.attrib.pop("textLength", None)


def _mark_edge(group: ET.Element) -> None:
    """Give classes to the lines of an arrow and to the label that it runs through.

    The two lines get a bridge between them, which runs below the label.
    """
    for text in group.iter("text"):
        _mark(text, "local")
    lines = list(group.iter("path"))
    for line in lines:
        line.set("class", "line")
    if len(lines) == 2:
        ends = [NUMBERS.findall(line.get("d", "")) for line in lines]
        path = f"M{','.join(ends[0][-2:])}L{','.join(ends[1][:2])}"
        bridge = ET.Element("path", {**lines[0].attrib, "class": "line bridge", "d": path})
        group.insert(0, bridge)


def _head(told: Lesson) -> str:
    """Return the row of headings; a run without values or gradients has no column for them."""
    names = ["node"]
    names += ["value"] if told.has_values else []
    names += ["digits"] if told.has_digits else []
    names += ["gradient"] if told.has_gradients else []
    names += ["tangent"] if told.has_gradients and told.has_values else []
    cells = [
        f'<th scope="col" class="{name}">{escape(say(f"heading {name}"))}</th>' for name in names
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _rows(told: Lesson) -> Iterator[str]:
    """Yield the rows of the table as they are at the end."""
    for row in told.rows:
        name, formula = map(template.typeset, (row.name, row.formula), row.latex)
        named = " = ".join(filter(None, [name and f"<b>{name}</b>", formula]))
        cells = f'<th scope="row">{named}</th>'
        if told.has_values:
            cells += f'<td data-kind="values">{escape(row.value)}</td>'
        if told.has_digits:
            cells += f'<td class="digits">{row.digits}</td>'
        if told.has_gradients:
            cells += f'<td data-kind="gradients" class="gradient">{escape(row.gradient)}</td>'
        if told.has_gradients and told.has_values:
            cells += '<td data-kind="tangents" class="tangent"></td>'
        yield f'<tr data-node="{row.key}">{cells}</tr>'
