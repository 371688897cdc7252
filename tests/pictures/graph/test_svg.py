"""The finished SVG: accessible, adaptable, and made of shapes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import DrawingError
from gradcli.formula import Formula, parse
from gradcli.graph.node import Graph
from gradcli.pictures.graph.picture import picture
from gradcli.pictures.graph.style import COLOURS, style_sheet
from gradcli.pictures.graph.svg import ATTRIBUTES, SHAPES, finished

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "{http://www.w3.org/2000/svg}"
EXAMPLE = "log(x^2 + sin(3*x*y))"


def elements(svg: bytes) -> Iterator[tuple[str, dict[str, str], str]]:
    """Each element's tag, attributes and text."""
    for element in ET.fromstring(svg).iter():  # noqa: S314 - of our own making
        assert element.tag.startswith(NAMESPACE)
        yield element.tag.removeprefix(NAMESPACE), element.attrib, element.text or ""


def classes(svg: bytes) -> list[str]:
    """The first class of each group."""
    found = [attributes.get("class", "") for tag, attributes, _ in elements(svg) if tag == "g"]
    return [words.split()[0] for words in found if words]


def assert_plain(svg: bytes) -> None:
    """Nothing in the picture runs, links or refers to anything."""
    for tag, attributes, text in elements(svg):
        assert tag in SHAPES | {"desc", "style"}
        assert set(attributes) <= ATTRIBUTES | {"lang", "role", "aria-labelledby"}
        assert not any("url" in value.lower() or ":" in value for value in attributes.values())
        assert tag != "style" or text == style_sheet()
    for word in (b"<script", b"<image", b"<a ", b"href", b"<!DOCTYPE", b"<!--", b"<?xml-"):
        assert word not in svg


@pytest.fixture(scope="module")
def example(graphviz: None) -> bytes:
    """The picture of the example."""
    assert graphviz is None
    return parse(EXAMPLE).draw(x=2, y=3)


def test_the_picture_has_every_node_and_arrow(example: bytes) -> None:
    assert classes(example).count("node") == 8
    assert classes(example).count("edge") == 8
    texts = [text for tag, _, text in elements(example) if tag == "text"]
    assert texts.count("0.3078") == 4  # three gradients and one local derivative
    assert {"0.6603", "9", "6", "4", "−0.751", "1.178", "1.219"} <= {t.strip() for t in texts}


def test_the_picture_is_plain(example: bytes) -> None:
    assert_plain(example)
    assert example.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<svg ')


def test_the_picture_can_be_read_aloud(example: bytes) -> None:
    root = ET.fromstring(example)  # noqa: S314 - of our own making
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{NAMESPACE}title", f"{NAMESPACE}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == EXAMPLE
    assert description.text == (
        "The value is 1.178 at x = 2 and y = 3. "
        "The derivative is 3.06 with respect to x and 1.219 with respect to y."
    )


def test_each_part_tells_its_sentence(example: bytes) -> None:
    titles = [text for tag, _, text in elements(example) if tag == "title"]
    assert "sin of 3*x*y: value −0.751, gradient 0.3078" in titles
    assert "∂/∂(3*x*y) sin = cos(3*x*y) = 0.6603" in titles
    assert len(titles) == len(set(titles)) == 1 + 8 + 8


def test_colours_are_those_of_the_style_sheet(example: bytes) -> None:
    light = {colour.light for colour in COLOURS.values()} | {"none", "transparent"}
    for _, attributes, _ in elements(example):
        assert {attributes.get("fill", "none"), attributes.get("stroke", "none")} <= light


def test_identifiers_differ_between_pictures(example: bytes) -> None:
    def identifiers(svg: bytes) -> set[str]:
        return {attributes["id"] for _, attributes, _ in elements(svg) if "id" in attributes}

    assert len(identifiers(example)) == 2
    assert not identifiers(example) & identifiers(parse("x + 1").draw(x=2))


@pytest.mark.usefixtures("graphviz")
@settings(max_examples=15)
@given(st.text(max_size=40))
def test_no_name_breaks_the_picture(name: str) -> None:
    graph = Graph()
    x = Formula(graph, graph.variable(name))
    formula = Formula(graph, (x * x / 3).id)
    graph.give_name((x * x).id, name)
    svg = picture(graph, formula.id, formula.structure())
    assert_plain(svg)
    assert classes(svg).count("node") == 4
    assert classes(svg).count("edge") == 4


HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '


def test_what_is_no_shape_is_left_out() -> None:
    content = (
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://example.org/svg11.dtd">'
        f"{HEAD}onload='run()'><!-- note --><script>run()</script>"
        '<g id="n0" class="node"><title>n0</title><a xlink:href="http://example.org">'
        '<path d="M0,0" onclick="run()" fill="none"/></a><image xlink:href="file.png"/></g>'
        '<g id="other"><title>other</title><foreignObject><text>kept</text></foreignObject></g>'
        "</svg>"
    )
    svg = finished(content.encode(), "x < 1", "words & more", {"n0": "a <sentence>"})
    assert_plain(svg)
    found = list(elements(svg))
    assert ("path", {"d": "M0,0", "fill": "none"}, "") in found
    assert ("text", {}, "kept") in found
    titles = [text for tag, _, text in found if tag == "title"]
    assert titles == ["x < 1", "a <sentence>"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg",
        b"<html/>",
        b"\x89PNG\r\n\x1a\n",
        b'<svg xmlns="http://example.org"/>',
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        b'<?xml version="1.0" encoding="no-such"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        f"{HEAD}>{'<g>' * 50_000}{'</g>' * 50_000}</svg>".encode(),
    ],
)
def test_what_is_no_svg_is_refused(content: bytes) -> None:
    with pytest.raises(DrawingError):
        finished(content, "title", "description", {})
