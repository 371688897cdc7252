"""The page of a lesson: whole, closed, and with nothing in it that a user's text could become."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import DrawingError
from gradcli.formula import Formula, parse
from gradcli.graph.node import Graph
from gradcli.pictures.graph import style
from gradcli.pictures.graph.picture import picture
from gradcli.pictures.lesson.figures import FIRST_MARK

pytestmark = pytest.mark.usefixtures("graphviz")

EXAMPLE = "log(x^2 + sin(3*x*y))"
VOID = {"meta", "input", "path", "polygon", "polyline", "ellipse"}
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer"),
    *("h1", "h2", "p", "b", "div", "button", "input", "noscript", "script"),
    *("form", "label", "select"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("svg", "g", "text", "path", "polygon", "polyline", "ellipse"),
    *("span", "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot"),
    *("msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd"),
}


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes and their own text, in order."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[str] = []
        self.inside: list[list[str]] = []
        self.feed(content.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs), []))
        if tag == "math":  # which says in its parent what it shows
            self.inside[-1].append(dict(attrs)["alttext"] or "")
        if tag not in VOID:
            self.open.append(tag)
            self.inside.append(self.elements[-1][2])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.inside[-1].append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def texts(self, wanted: str) -> list[str]:
        """The own text of each element of a kind."""
        return ["".join(text) for tag, _, text in self.elements if tag == wanted]

    def ids(self) -> list[str]:
        """Every id."""
        return [str(attributes["id"]) for _, attributes, _ in self.elements if "id" in attributes]

    def classed(self, tag: str, name: str) -> list[str]:
        """The text of each element of a kind and a class."""
        return [
            "".join(text)
            for own, attributes, text in self.elements
            if own == tag and name in str(attributes.get("class", "")).split()
        ]

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The frames that the script reads."""
        found: list[dict[str, Any]] = self.data["frames"]
        return found

    @property
    def data(self) -> dict[str, Any]:
        """All that the script reads."""
        found: dict[str, Any] = json.loads(self.texts("script")[0])
        return found

    @property
    def given(self) -> str:
        """What the first frame says, with the inputs in place of their marks."""
        return self.plain(self.frames[0]["equation"])

    def plain(self, text: str) -> str:
        """A text with inputs and formulas in place of their marks."""
        start = (self.data["live"] or {"start": []})["start"]
        for place, (kind, *parts) in enumerate(self.data["marks"]):
            if kind == "number" and parts[0] < len(start):
                text = text.replace(chr(FIRST_MARK + place), f"{start[parts[0]]:g}")
            if kind == "math":
                text = text.replace(chr(FIRST_MARK + place), parts[0])
        return text

    @property
    def heading(self) -> str:
        """The heading as text, which its formulas say too, and so does the text in their place."""
        ((_, attributes, _),) = [one for one in self.elements if one[0] == "h1"]
        label = str(attributes["aria-label"])
        lines, said = self.classed("span", "set")[0], self.classed("span", "said")[0]
        assert lines == said == label
        return label

    def keys(self) -> list[str]:
        """The keys of the parts of the picture."""
        listed = [attributes.get("data-key") for _, attributes, _ in self.elements]
        return [key for key in listed if key is not None]


def assert_closed(content: bytes) -> Page:
    """Nothing runs but the one script, nothing is fetched, and the policy says so."""
    taken = Page(content)
    for tag, attributes, _ in taken.elements:
        assert tag in OURS
        assert not {"src", "href", "xlink:href", "style", "action", "srcdoc"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert len(taken.ids()) == len(set(taken.ids()))
    data, script = taken.texts("script")
    (sheet,) = taken.texts("style")
    assert "<" not in data
    assert not re.search(r"url\(|@import|https?:", sheet + script)
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (sheet, script)]
    (policy,) = [
        attributes["content"]
        for tag, attributes, _ in taken.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return taken


@pytest.fixture(scope="module")
def example(graphviz: None) -> bytes:
    """The page of the example."""
    assert graphviz is None
    return parse(EXAMPLE).draw(x=2, y=3, format="html")


def test_the_page_is_closed(example: bytes) -> None:
    taken = assert_closed(example)
    assert [taken.heading] == taken.texts("title")[:1] == [f"f = {EXAMPLE}"]
    # Nothing is told before its time: the titles of nodes have no numbers of the run.
    assert taken.texts("title")[1:3] == ["input x", "x^2"]
    assert example.startswith(b'<!doctype html>\n<html lang="en">')


def test_the_script_knows_every_part_of_the_picture(example: bytes) -> None:
    taken = Page(example)
    keys, ids = set(taken.keys()), set(taken.ids())
    for frame in taken.frames:
        named = [*frame["boxes"], *frame["arrows"], *frame["complete"]]
        assert {*named, *frame["values"], *frame["gradients"]} <= keys
    assert {f"n{place}" for place in range(8)} | {f"e{place}" for place in range(8)} <= keys
    script = taken.texts("script")[1]
    assert set(re.findall(r'byId\("(\w+)"\)', script)) <= ids


def test_the_table_and_the_picture_show_the_end(example: bytes) -> None:
    taken = Page(example)
    cells = [text for tag, _, texts in taken.elements if tag == "td" for text in texts]
    assert cells[:6] == ["2", "17", "3.06", "4", "17", "0.3078"]
    values = [text.strip() for text in taken.classed("text", "value")]
    slopes = [text.strip() for text in taken.classed("text", "slope")]
    # There are two pictures, from left to right and from top to bottom.
    assert sorted(values) == sorted(
        2 * (["value"] * 7 + ["2", "3", "4", "18", "−0.751", "3.249", "1.178"])
    )
    assert {"∂f/∂x", "3.06", "∂f/∂y", "1.219", "0.2032", "1"} <= set(slopes)
    assert sorted(taken.classed("text", "local")) == sorted(
        2 * ["4", "9", "6", "0.6603", "1", "1", "0.3078"]
    )
    lines = taken.classed("path", "line")
    assert len(lines) == 2 * (8 + 7 + 7)  # seven have a label in the middle
    assert len(taken.classed("path", "bridge")) == 2 * 7  # and a line below it


def test_names_are_not_taken_for_values() -> None:
    taken = Page(parse("value = a*slope; value + 7").draw({"a": 2, "slope": 3}, format="html"))
    words = [text.strip() for text in taken.classed("text", "value")]
    assert sorted(words) == sorted(2 * (["value"] * 4 + ["2", "3", "6", "13"]))


def test_without_values_there_is_no_column_for_them() -> None:
    taken = assert_closed(parse(EXAMPLE).draw(format="html"))
    assert taken.texts("th")[:2] == ["Node", "Gradient"]
    assert not taken.classed("text", "value")
    forward = assert_closed(parse(EXAMPLE).draw(format="html", gradient=False))
    assert "Gradient" not in forward.texts("th")


def test_forward_only() -> None:
    taken = assert_closed(parse(EXAMPLE).draw(x=2, y=3, format="html", gradient=False))
    assert {frame["part"] for frame in taken.frames} == {"start", "forward", "end"}
    assert not taken.classed("text", "slope")


def test_the_options_of_a_picture_count_here_too() -> None:
    formula = parse(EXAMPLE)
    wide, tall = [
        Page(formula.draw(x=2, y=3, format="html", rankdir=way)).elements for way in ("LR", "TB")
    ]
    (first, narrow), (second,) = [
        [attributes for tag, attributes, _ in elements if tag == "svg"] for elements in (wide, tall)
    ]
    assert float(str(first["width"])[:-2]) > float(str(first["height"])[:-2])
    for other in (narrow, second):
        assert float(str(other["width"])[:-2]) < float(str(other["height"])[:-2])
    told = Page(formula.draw(x=2, y=3, format="html", local="formula"))
    assert "cos(3*x*y)" in told.classed("text", "local")
    with pytest.raises(DrawingError, match="at most 3 nodes"):
        formula.draw(x=2, y=3, format="html", most_nodes=3)


def test_the_same_formula_gives_the_same_bytes(example: bytes) -> None:
    assert parse(EXAMPLE).draw(x=2, y=3, format="html") == example


NASTY = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    '"><img src=x onerror=alert(1)>',
    "]]></style><b>",
    "&lt;b&gt; &amp; ${x} $title \\u003c",
    "\u2028\u2029\u202e\x00\ud800",
]


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_name_stays_text(name: str) -> None:
    assert_text(name)


@settings(max_examples=8)
@given(st.text(max_size=60))
def test_any_name_stays_text(name: str) -> None:
    assert_text(name)


def assert_text(name: str) -> None:
    """A page about this name is closed, and says the name wherever it is due."""
    graph = Graph()
    x = Formula(graph, graph.variable(name))
    formula = Formula(graph, (x * x / 3).id)
    graph.give_name((x * x).id, name)
    for steps in (formula.structure(), formula.run({name: 2.0}).steps):
        taken = assert_closed(picture(graph, formula.id, steps, "html"))
        assert len([tag for tag, _, _ in taken.elements if tag == "script"]) == 2
        assert taken.given.endswith(" = 2") or not taken.given
        if name.isprintable() and 0 < len(name) <= 32:
            assert name in taken.given + taken.plain(taken.frames[0]["words"])
            assert name in taken.texts("b")


def test_what_the_script_hides_is_drawn_in_the_colours_it_is_told_by() -> None:
    # A value is known by ink that is not bold, and a gradient by its colour.
    assert len({style.INK, style.MUTED, style.GRADIENT, style.PAGE}) == 4
