"""What the tests of pictures share: steps of a formula, and DOT taken apart again."""

from __future__ import annotations

import html
import re
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from gradcli.formula import Formula, parse
from gradcli.pictures.graph.dot import dot
from gradcli.pictures.graph.sketch import Options, Sketch, sketch
from tests.pictures.reader import BROWSER, DRIVER, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gradcli.programs.trace import Step

# One attribute: an HTML-like label, a quoted string, or a plain word.
ATTRIBUTE = re.compile(r'(\w+)=(?:<(<TABLE.*?</TABLE>)>|"((?:[^"\\]|\\.)*)"|([\w.]+))(?= |$)')


class Statement(NamedTuple):
    """A line of DOT: a node "n0" or an edge "n0 -> n1:a0:w", and its attributes."""

    subject: str
    attributes: dict[str, str]

    @property
    def texts(self) -> list[str]:
        """What can be read in the label, in order."""
        label = self.attributes.get("label")
        parts = ET.fromstring(label).itertext() if label else []  # noqa: S314 - of our own making
        return [part.strip() for part in parts if part.strip()]


def steps_of(formula: Formula, values: dict[str, Any] | None) -> list[Step]:
    """The steps of a run, or without values those of the structure."""
    return formula.structure() if values is None else formula.run(values).steps


def taken_apart(source: str) -> list[Statement]:
    """Every node and edge of DOT text; fails on a line that is not wholly understood."""
    first, *lines, last = source.splitlines()
    assert (first, last) == ("digraph formula {", "}")
    found = []
    for line in lines:
        match = re.fullmatch(r"\t([\w:]+(?: -> [\w:]+)?) \[(.*)\]", line)
        assert match, line
        assert ATTRIBUTE.sub("", match[2]).strip() == "", line
        attributes = {
            name: table or html.unescape(quoted.replace("\\\\", "\\")) or word
            for name, table, quoted, word in ATTRIBUTE.findall(match[2])
        }
        found.append(Statement(match[1], attributes))
    return found


def joined(statements: list[Statement]) -> dict[str, Statement]:
    """Boxes and arrows by id; an arrow that runs through its label is one statement again."""
    found: dict[str, Statement] = {}
    for statement in statements:
        key = statement.attributes["id"]
        before = found.get(key[:-1])
        if key[0] == "n" or key[-1] not in "abc":
            found[key] = statement
        else:
            attributes = {**(before.attributes if before else {}), **statement.attributes}
            subject = statement.subject  # in order: the label, up to it, and on from it
            if before and key[-1] == "c":
                subject = " -> ".join([before.subject.split()[0], subject.split()[-1]])
            found[key[:-1]] = Statement(subject, attributes)
    return {key: found[key] for key in sorted(found, key=lambda key: (key[0] == "e", int(key[1:])))}


@pytest.fixture(scope="session")
def statements() -> Callable[[str], list[Statement]]:
    """The function that takes DOT apart: the defaults of graph, nodes and edges first."""
    return taken_apart


@pytest.fixture(scope="session")
def by_id() -> Callable[[str], dict[str, Statement]]:
    """A function from DOT to its boxes and arrows by their ids."""
    return lambda source: joined(taken_apart(source)[3:])


@pytest.fixture
def sketched() -> Callable[..., Sketch]:
    """A function from a formula's text and values to its sketch."""

    def make(source: str, values: dict[str, Any] | None = None) -> Sketch:
        shapes = {name: np.shape(value) for name, value in (values or {}).items()}
        formula = parse(source, shapes)
        return sketch(formula.graph, formula.id, steps_of(formula, values))

    return make


@pytest.fixture
def drawn(sketched: Callable[..., Sketch]) -> Callable[..., dict[str, Statement]]:
    """A function from a formula's text, values and options to the statements by subject."""

    def make(
        source: str, values: dict[str, Any] | None = None, **options: object
    ) -> dict[str, Statement]:
        text = dot(sketched(source, values), source, Options(**options))  # type: ignore[arg-type]
        return joined(taken_apart(text)[3:])

    return make


@pytest.fixture(scope="session")
def graphviz() -> None:
    """Skip where nothing can draw."""
    if shutil.which("dot") is None and find_spec("pygraphviz") is None:
        pytest.fail("needs dot, or pygraphviz from the extra draw")


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A browser without a window."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield started
    started.quit()


@pytest.fixture
def reader(driver: Any) -> Iterator[Reader]:
    """A reader, whose browser had nothing to complain about in the end."""
    yield Reader(driver)
    assert driver.get_log("browser") == []


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory, graphviz: None) -> Callable[..., Path]:
    """A function from a formula and values to the file of its lesson, which is made once."""
    assert graphviz is None
    folder = tmp_path_factory.mktemp("lessons")
    made: dict[str, Path] = {}

    def make(source: str, values: dict[str, Any] | None = None, **options: Any) -> Path:
        key = repr((source, values, options))
        if key not in made:
            path = folder / f"{len(made)}.html"
            path.write_bytes(parse(source).draw(values, format="html", **options))
            made[key] = path
        return made[key]

    return make
