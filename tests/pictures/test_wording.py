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
from gradcli.graph.operations import FUNCTIONS, TABLE
from gradcli.pictures import wording
from gradcli.pictures.lesson import page
from gradcli.pictures.wording import ENGLISH, PART, VARIABLE, table
from tests.cli.conftest import run_inside as inside
from tests.pictures.lesson.test_page import VOID, Page
from tests.pictures.reader import MARKS

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
    ("u = sin(3*x*y); where(b > 0, log(b), u^x) - u + x*(b < 0)", {}),
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
