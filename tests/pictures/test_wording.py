"""The words of pictures and lessons stand in one table: another language is another file.

A second table is made of the first, in which every letter of a word is one of another script. What
is drawn with it has no word in the letters of ours but names, functions and formulas.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import gradcli
from gradcli.graph.forms import FORMS
from gradcli.graph.operations import FUNCTIONS, TABLE
from gradcli.minimize.minimum import Epoch
from gradcli.pictures import wording
from gradcli.pictures.graph.words import ORDINALS
from gradcli.pictures.wording import ENGLISH, PART, VARIABLE, table
from gradcli.plotting.replay import OFFERED
from tests.cli.conftest import run_inside as inside
from tests.pictures.graph.test_svg import assert_plain
from tests.pictures.lesson.test_descent_page import LEARN, LINE, PARABOLA, VALLEY
from tests.pictures.lesson.test_page import Page, assert_closed
from tests.pictures.reader import END, HOME, MARKS, RIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.pictures.conftest import Statement
    from tests.pictures.reader import Reader

FOLDER = Path(wording.__file__).parent
OTHER = {ord("A") + 32 * small + place: 0x10D0 + place for small in (0, 1) for place in range(26)}
"""Georgian letters for ours."""
WORD = re.compile(r"(?<![\w.])[A-Za-z_]{2}[A-Za-z_0-9]*(?![\w…])")
MARK = re.compile("[\U000f0000-\U000ffffd]")
SHOWN = ("title", "aria-label", "aria-valuetext", "alttext", "placeholder")
"""The attributes that are read, or heard."""
SPOKEN = {"outer", "inf", "nan", "ln"}
"""Other words of formulas."""

VALUES: dict[str, Any] = {
    "A": [[1.0, 2.0], [-3.0, 4.0]],
    "w": [0.5, -1.5],
    "x": 2.0,
    "y": 3.0,
    "b": -1.0,
}
FORMULAS: list[tuple[str, dict[str, Any]]] = [
    ("u = x/y; v = -u; where(x > b, log(x, y), x^2)*v + clip(b, 0, x)", {}),
    ("u = sin(3*x*y); where(b > 0, log(b), u*x^3) - exp(u) + x*(b < 0)", {}),
    ("sum((A @ w - y)^2) + b*w[0] + max(w) + median(w) - norm(A[:, 1])", {}),
    ("sum(softmax(A*x, axis=1) @ w) + cross_entropy(A, [0, 1]) + prod(w) + mean(A, axis=0)[1]", {}),
    ("sum(where(w > 0, log(w), w^2))*x", {"local": "both"}),
    ("a = A.T @ A; sum(a*zeros(2, 2) + x) + sum(reshape(linspace(0, 1, 40), 40)*x)", {}),
    ("integrate(exp(-x*t^2), t, 0, y)*sum(x^k, k, 1, 9) + solve(z^3 - z == y, z, 2)", {}),
    ("prod(k + x, k, 1, 9) - solve(z^3 - z == y, z, 0, 9)", {"parts": True}),
    ("u = x*y; v = exp(u/9); v + u*b", {"only_named": True}),
    ("e = x*y; d = e + b; d*d", {"until": 2}),
    ("x + b", {"until": 1}),
    ("voigt(x, y, b^2) + besselj(1, x) + hypot(x, y)", {"local": "formula"}),
    (" + ".join(f"p{place}" for place in range(14)), {}),
    ("2 + 3", {"gradient": False}),
]


def wording_of(name: str) -> dict[str, str]:
    """The words of a file."""
    found: dict[str, str] = json.loads((FOLDER / name).read_text("utf-8"))
    return found


def written(folder: Path, change: Any = None) -> Path:
    """The file of the second table, with a `change` to it."""
    english = wording_of(ENGLISH)
    words = {key: "".join(_translated(text)) for key, text in english.items()}
    words["language"] = "ka"
    if change is not None:
        change(words)
    path = folder / "georgian.json"
    path.write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
    return path


def _translated(text: str) -> Iterator[str]:
    for place, part in enumerate(PART.split(text)):
        yield f"{{{part}}}" if place % 2 else part.translate(OTHER)


@pytest.fixture
def georgian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The second table is in use."""
    monkeypatch.setenv(VARIABLE, str(written(tmp_path)))
    table.cache_clear()
    yield
    table.cache_clear()


def read(texts: Iterable[str], source: str) -> str:
    """The texts, which must have no word in our letters but names and functions."""
    whole = "\n".join(texts)
    english = {word for text in wording_of(ENGLISH).values() for word in WORD.findall(text)}
    own = {*WORD.findall(source), *SPOKEN, *(FUNCTIONS.keys() - english)}
    strange = {
        (found[0], whole[max(0, found.start() - 20) : found.end() + 20])
        for found in WORD.finditer(whole)
        if found[0] not in own
        and not (found[0] in FUNCTIONS and whole[found.end() : found.end() + 1] == "(")
    }
    assert strange == set()
    return whole


def of_svg(content: bytes) -> Iterator[str]:
    """What a picture, or a formula, shows and tells."""
    for element in ET.fromstring(content).iter():  # noqa: S314 - of our own making
        if not element.tag.endswith("style"):
            yield element.text or ""
        yield from [text for name, text in element.attrib.items() if name in SHOWN]


def of_page(content: bytes) -> Iterator[str]:
    """What a page shows before its script runs."""
    for tag, attributes, texts in Page(content).elements:
        yield from [str(text) for name, text in attributes.items() if name in SHOWN]
        # The command is quoted as it speaks.
        if tag not in {"style", "script"} and attributes.get("lang") != "en":
            yield "".join(texts)


def of_data(data: Any) -> Iterator[str]:
    """The texts that the script of a lesson has, without keys, kinds and programs."""
    if isinstance(data, str):
        is_key = re.fullmatch(r"[en]\d+", data)
        yield from of_svg(data.encode()) if data.startswith("<math") else [data][bool(is_key) :]
    elif isinstance(data, dict):
        for key, inside in data.items():
            if key == "marks":
                yield from of_data([parts for _, *parts in inside])
            elif key not in {"part", "words", "program"}:
                yield from of_data(inside)
    elif isinstance(data, list):
        for inside in data:
            yield from of_data(inside)


@pytest.mark.usefixtures("georgian", "graphviz")
@pytest.mark.parametrize(("source", "options"), FORMULAS)
def test_a_picture_speaks_the_language_of_the_table(
    source: str, options: dict[str, Any], statements: Callable[[str], list[Statement]]
) -> None:
    formula = gradcli.parse(source, {name: np.shape(value) for name, value in VALUES.items()})
    values = {name: VALUES[name] for name in formula.free_names if name in VALUES}
    for statement in statements(formula.draw(values, format="dot", **options).decode()):
        read([*statement.texts, statement.attributes.get("tooltip", "")], source)
    if "until" not in options:
        content = formula.draw(values, format="html", rankdir="TB", **options)
        assert content.startswith(b'<!doctype html>\n<html lang="ka">')
        read([*of_page(content), *of_data(Page(content).data)], source)


@pytest.mark.usefixtures("georgian", "graphviz")
def test_what_is_read_aloud_speaks_it_too() -> None:
    formula = gradcli.parse("u = log(x); where(x > 3, -u, u*abs(y))")
    picture = formula.draw(x=gradcli.uncertain(2, 0.1), y=3, until=1)
    assert ET.fromstring(picture).get("lang") == "ka"  # noqa: S314 - of our own making
    read(of_svg(picture), str(formula))
    read(of_svg(gradcli.parse("x*y").draw()), "x*y")
    assert 'class="root" lang="ka"' in str(formula.lesson(x=2, y=3)._repr_html_()).replace("\\", "")


def test_every_word_is_used_and_every_word_is_there() -> None:
    rows = [*TABLE.values(), *FORMS.values()]
    used = {f"noun {row.noun}" for row in rows if row.noun}
    used |= {f"role {role}" for row in rows for role in (*row.roles, *ORDINALS)}
    used |= {f"role {role}" for role in ("start", "from", "to", "inside")}
    used |= {f"run {column}" for column in Epoch._fields}
    used |= {f"heading {column}" for column in ("node", "value", "digits", "gradient", "tangent")}
    graph = FOLDER.parent / "graph"
    latex = "".join((graph / name).read_text("utf-8") for name in ("printing.py", "operations.py"))
    used |= {f"latex {word}" for word in re.findall(r"\\text\{\{(\w+)", latex)}
    assert used <= table().keys()
    sources = [path for ends in ("py", "js", "html") for path in FOLDER.rglob(f"*.{ends}")]
    others = ("graph/structural.py", "calculus/textbook.py", "plotting/replay.py")
    sources += [FOLDER.parent / name for name in others]
    code = "\n".join([path.read_text("utf-8") for path in sources])
    unused = [
        key
        for key in table().keys() - used - {f"run {method}" for method in OFFERED}
        if not any(
            text in code for text in (f'"{key}"', f"words.{key}", f"${key}".replace(" ", "_"))
        )
    ]
    assert unused == []


def _lost(words: dict[str, str]) -> None:
    del words["end"]


def _changed(words: dict[str, str]) -> None:
    words["equals"] = "{name} = {valeu}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_lost, "it lacks 'end'"),
        (_changed, "'equals' has other parts than in English"),
        (lambda words: words.update(end=3), "it is no object of printable texts by their keys"),
        (lambda words: words.update(end="\0"), "it is no object of printable texts by their keys"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    words = ["draw", "x*y", "--format", "dot"]
    for path in (written(tmp_path, change), tmp_path / "absent.json"):
        table.cache_clear()
        ran = inside(words, env={VARIABLE: str(path)})
        table.cache_clear()
        assert ran.code == 2
        assert ran.out == ""
        assert (message if "georgian" in str(path) else "No such file") in ran.err
        assert "in English it is" in ran.err or f"unset {VARIABLE}" in ran.err


@pytest.mark.usefixtures("graphviz")
def test_no_word_becomes_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hostile(words: dict[str, str]) -> None:
        words |= {key: f"{text}</p><i>&\"'$end}}\\" for key, text in words.items()}

    monkeypatch.setenv(VARIABLE, str(written(tmp_path, hostile)))
    table.cache_clear()
    formula = gradcli.parse("where(x > 0, log(x), x)*mean(w, axis=0)", {"w": (2,)})
    for values in (None, {"x": 2.0, "w": VALUES["w"]}):
        assert_closed(formula.draw(values, format="html"))
        assert_plain(formula.draw(values))
    table.cache_clear()


# ---------------------------------------------------------------- pages in use

DESCENTS = [
    PARABOLA,
    [*LINE[:-2], "--steps", "4"],
    [*VALLEY[:4], "--method", "newton"],
    ["minimize", "a + b", "a=1", "b=1", "--subject-to", "a^2 + b^2 <= 1"],
    [
        *LEARN,
        "--validate",
        "moons.csv",
        "--metric",
        "mean((logistic(tanh(x @ W + b) @ v) > 0.5) == t)",
    ],
]


@pytest.fixture
def descent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Path]:
    """A function from the words of a command to its page."""
    lines = "".join(f"{k},{1 + k * k / 9}\n" for k in range(8))
    (tmp_path / "points.csv").write_text("x,y\n" + lines, encoding="utf-8")
    moons = "".join(f"{k % 7},{k % 5},{k % 2}\n" for k in range(40))
    (tmp_path / "moons.csv").write_text("x1,x2,t\n" + moons, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def write(words: list[str]) -> Path:
        ran = inside([*words, "-o", "lesson.html"])
        assert (tmp_path / "lesson.html").exists(), ran.err
        return tmp_path / "lesson.html"

    return write


@pytest.mark.usefixtures("georgian")
def test_the_page_of_a_descent_speaks_it(descent: Callable[[list[str]], Path]) -> None:
    for words in (PARABOLA, LEARN):
        content = descent(words).read_bytes()
        read(of_page(content), " ".join(words))
        assert content.startswith(b'<!doctype html>\n<html lang="ka">')


HEARD = """
const heard = new Set();
for (const element of document.querySelectorAll("body *")) {
  if (element.closest("script, style, noscript, [lang=en]")) continue;
  for (const node of element.childNodes) if (node.nodeType === 3) heard.add(node.textContent);
  for (const name of arguments[0]) heard.add(element.getAttribute(name) ?? "");
}
return [...heard];
"""
"""What a page shows and tells at a step."""
SET = """
const input = document.getElementById(arguments[0]);
if (!input?.offsetParent) return;
input.value = arguments[1];
input.dispatchEvent(new Event("change"));
"""


CLICK = """
const button = document.getElementById(arguments[0]);
if (button.offsetParent) button.click();
"""


class TestInBrowser:
    """Pages in Chromium."""

    pytestmark = MARKS

    def heard(self, reader: Reader) -> list[str]:
        """What is shown and told at the steps of a page."""
        found = []
        for key in (HOME, *[RIGHT] * 40, END):
            reader.press(key)
            found += reader.run(HEARD, SHOWN)
        return found

    @pytest.mark.usefixtures("georgian")
    @pytest.mark.parametrize(("source", "options"), [*FORMULAS[1:3], FORMULAS[6]])
    def test_a_lesson(
        self, reader: Reader, tmp_path: Path, source: str, options: dict[str, Any]
    ) -> None:
        path = tmp_path / "lesson.html"
        formula = gradcli.parse(source, {name: np.shape(value) for name, value in VALUES.items()})
        values = {name: VALUES[name] for name in formula.free_names}
        path.write_bytes(formula.draw(values, format="html", **options))
        reader.open(path)
        texts = self.heard(reader)
        for name in ("descend", "descend", "theme", "guessing", "check", "reveal", "play"):
            reader.run(CLICK, name)
            reader.pause()
            texts += reader.run(HEARD, SHOWN)
        whole = read(texts, source)
        assert MARK.search(whole) is None
        assert re.search("[\u10d0-\u10ff]", whole)

    @pytest.mark.usefixtures("georgian")
    @pytest.mark.parametrize("words", DESCENTS, ids=lambda words: words[1][:9])
    def test_a_descent(
        self, reader: Reader, descent: Callable[[list[str]], Path], words: list[str]
    ) -> None:
        reader.open(descent(words))
        reader.pause()
        texts = self.heard(reader)
        for name, value in (("method", "1"), ("rate", "9"), ("method", "2"), ("count", "3")):
            reader.run(SET, name, value)
            reader.pause()
            texts += reader.run(HEARD, SHOWN)
        read(texts, " ".join([*words, *OFFERED, "newton"]))
