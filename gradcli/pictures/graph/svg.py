"""The SVG of Graphviz made accessible, adaptable, and reduced to plain shapes.

It gets a title and description, a sentence on every part, and a style sheet that knows the dark; it
loses links, comments and whatever else is not one of the shapes a picture of ours is made of.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from zlib import crc32

from gradcli.errors import DrawingError
from gradcli.pictures.graph.style import style_sheet
from gradcli.pictures.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

SVG = "{http://www.w3.org/2000/svg}"

SHAPES = {"svg", "g", "title", "path", "polygon", "polyline", "ellipse", "text"}
"""The elements that are kept; of others, links for example, only what is inside."""

ATTRIBUTES = {
    *("class", "d", "id", "points", "transform", "viewBox", "width", "height"),
    *("cx", "cy", "rx", "ry", "x", "y"),
    *("fill", "fill-opacity", "stroke", "stroke-dasharray", "stroke-opacity", "stroke-width"),
    *("font-family", "font-size", "font-weight", "text-anchor", "textLength"),
}
"""The attributes that are kept; none of them can refer to anything."""

ARROW_PART = re.compile(r"(e\d+)[abc]")
"""The ids that `dot.parts` gives."""


def parsed(svg: bytes) -> ET.Element | None:
    """Return the root of an SVG; None when it is not one, or defines entities of its own."""
    if b"<!ENTITY" in svg:
        return None
    try:
        root = ET.fromstring(svg)  # noqa: S314 - it defines no entities to expand
    except (ET.ParseError, ValueError, LookupError):
        return None
    return root if root.tag == f"{SVG}svg" else None


def finished(svg: bytes, title: str, description: str, sentences: Mapping[str, str]) -> bytes:
    """Return the SVG with a title, a description and `sentences` by the id of node or edge."""
    # Several pictures may stand in one page, where ids must differ.
    key = f"g{crc32(svg):08x}"
    root = shapes(svg)
    for group in root.iter("g"):
        sentence = sentences.get(group.attrib.pop("id", ""))
        own = group.find("title")
        if own is not None and sentence is None:
            group.remove(own)
        elif own is not None:
            own.text = sentence
    root.attrib = {
        "xmlns": SVG.strip("{}"),
        "class": "gradcli",
        "lang": say("language"),
        "role": "img",
        "aria-labelledby": f"{key}-title {key}-desc",
        **root.attrib,
    }
    head = [("title", title), ("desc", description), ("style", style_sheet())]
    for index, (tag, text) in enumerate(head):
        element = ET.Element(tag, {} if tag == "style" else {"id": f"{key}-{tag}"})
        element.text = text
        element.tail = "\n"
        root.insert(index, element)
    text = markup(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def shapes(svg: bytes) -> ET.Element:
    """Return the SVG as known shapes with known attributes, outside any namespace.

    An arrow that runs through its label is one group again. Raises DrawingError when it is no SVG.
    """
    found = parsed(svg)
    if found is None:
        message = "Graphviz answered with something else than a picture"
        raise DrawingError(message)
    holder = ET.Element("holder")
    waiting = [(found, holder)]
    while waiting:
        source, parent = waiting.pop()
        tag = source.tag.removeprefix(SVG)
        inside = parent
        if tag in SHAPES:
            attributes = {name: text for name, text in source.attrib.items() if name in ATTRIBUTES}
            inside = ET.SubElement(parent, tag, attributes)
            inside.text, inside.tail = source.text, source.tail
        waiting += [(child, inside) for child in reversed(source)]
    for parent in list(holder[0].iter("g")):
        _join_arrows(parent)
    _hoist_font(holder[0])
    return holder[0]


def _hoist_font(root: ET.Element) -> None:
    """Say once which font all texts have, and nothing of where most of them begin."""
    texts = list(root.iter("text"))
    families = {text.get("font-family", "") for text in texts}
    for text in texts:
        if len(families) == 1:
            root.attrib |= {"font-family": text.attrib.pop("font-family", "")}
        if text.get("text-anchor") == "start":
            del text.attrib["text-anchor"]


def _join_arrows(parent: ET.Element) -> None:
    """Make one group of an arrow up to its label, the label, and the arrow on from it."""
    arrows: dict[str, ET.Element] = {}
    for group in list(parent):
        match = ARROW_PART.fullmatch(group.get("id", ""))
        if match is None:
            continue
        first = arrows.setdefault(match[1], group)
        first.set("id", match[1])
        if "edge" in group.get("class", ""):
            first.set("class", group.get("class", ""))
        if first is not group:
            first.extend(part for part in group if part.tag != "title")
            parent.remove(group)


def markup(root: ET.Element) -> str:
    """Return the text of an SVG; DrawingError when it is nested too deeply to be written."""
    try:
        return ET.tostring(root, encoding="unicode")
    except RecursionError:
        message = "Graphviz answered with a picture that is nested too deeply"
        raise DrawingError(message) from None
