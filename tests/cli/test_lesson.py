"""gradcli draw as a lesson: a page of HTML, on stdout or in a file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside

LOG = "u = 3*x*y; v = sin(u); log(x^2 + v)"
AT = ("x=2", "y=3")


def told(page: str) -> str:
    """The equations of a page, one a line, with its formulas as text; its numbers are marks."""
    found = re.search(r'id="content">(.*?)</script>', page)
    assert found
    data = json.loads(found[1])
    lines = "\n".join(frame["equation"] for frame in data["frames"])
    for place, (kind, *parts) in enumerate(data["marks"]):
        if kind == "math":
            lines = lines.replace(chr(0xF0000 + place), parts[0])
    return lines


def test_the_ending_chooses_the_lesson(gradcli: Command, tmp_path: Path) -> None:
    path = tmp_path / "lesson.html"
    assert gradcli("draw", LOG, *AT, "-o", str(path)) == (0, "", "")
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert "∂f/∂u += ∂f/∂v · cos(u) = " in told(page)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lesson.html"]


def test_the_lesson_on_stdout_is_the_same_each_time(gradcli: Command, inside: Inside) -> None:
    words = ("draw", LOG, *AT, "--format", "html")
    first, second = [gradcli(*words, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")]
    assert (first.code, first.err) == (0, "")
    assert first.out == second.out == inside(words).out


@pytest.mark.parametrize(
    ("words", "there", "missing"),
    [
        (["--no-grad"], "v = sin(u) = sin(", "+= "),
        (["--only-named"], "∂f/∂v += ∂f/∂f · 1/(x^2 + v)", "∂f/∂(x^2)"),
        (["--rankdir", "TB"], "∂f/∂(x^2)", "--rankdir"),
    ],
)
def test_options_of_the_picture_shape_the_lesson(
    inside: Inside, words: list[str], there: str, missing: str
) -> None:
    lines = told(inside(["draw", LOG, *AT, "--format", "html", *words]).out)
    assert there in lines
    assert missing not in lines


def test_without_values_the_lesson_is_told_in_formulas(inside: Inside) -> None:
    ran = inside(["draw", LOG, "--format", "html"])
    assert (ran.code, ran.err) == (0, "")
    assert "∂f/∂u += ∂f/∂v · cos(u)" in told(ran.out)


def test_what_a_user_typed_is_escaped(inside: Inside) -> None:
    page = inside(["draw", "a < b and b > c", "a=1", "b=2", "c=1", "--format", "html"]).out
    assert '<h1 class="short" aria-label="f = a &lt; b and b &gt; c">' in page
    assert "\\u003c b" in page
    assert "a < b" in told(page)


def test_a_lesson_needs_graphviz_as_a_picture_does(gradcli: Command) -> None:
    path = gradcli.folder / "old.html"
    path.write_text("old", encoding="utf-8")
    block = "import sys; sys.modules['pygraphviz'] = None; import gradcli.cli.app as a; a.main()"
    words = [gradcli.words[0], "-c", block, "draw", LOG, "-o", "old.html"]
    ran = gradcli.shell('shift 3; PATH=; "$@"', *words)
    assert (ran.code, ran.out) == (1, "")
    assert "gradcli[draw]" in ran.err
    assert path.read_text(encoding="utf-8") == "old"


def test_too_many_nodes_are_refused(inside: Inside) -> None:
    ran = inside(["draw", LOG, *AT, "--format", "html", "--max-nodes", "4"])
    assert ran.code == 1
    assert "--max-nodes" in ran.err
