"""gradcli draw: pictures that a browser can show and a program can read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

LOG = "log(x^2 + sin(3*x*y))"
AT = ("x=2", "y=3")
SVG = "{http://www.w3.org/2000/svg}"


def text_of(svg: str) -> str:
    """Everything that the picture says, true minus signs as ASCII."""
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    return " ".join("".join(root.itertext()).split()).replace("−", "-")


def test_svg_on_stdout(gradcli: Command) -> None:
    ran = gradcli("draw", LOG, *AT)
    root = ET.fromstring(ran.out)  # noqa: S314 - our own text

    assert (ran.code, ran.err) == (0, "")
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == LOG
    assert description is not None
    assert "1.178" in (description.text or "")


def test_svg_shows_values_gradients_and_local_derivatives(inside: Inside) -> None:
    shown = text_of(inside(["draw", LOG, *AT]).out)

    for number in ("1.178", "3.249", "-0.751", "18", "0.3078", "0.2032", "0.6603", "3.06", "1.219"):
        assert number in shown


def test_svg_without_values_shows_the_structure(inside: Inside) -> None:
    ran = inside(["draw", LOG])
    shown = text_of(ran.out)

    assert ran.code == 0
    assert "cos(3xy)" in re.sub(r"[ *·]", "", shown)
    assert not re.search(r"value [-\d]", shown)


def test_svg_shows_the_names_of_the_user(inside: Inside) -> None:
    shown = text_of(inside(["draw", "speed = a*b; speed + c", "a=2", "b=-3", "c=10"]).out)

    assert "speed" in shown
    assert "-6" in shown


def test_svg_holds_nothing_but_the_picture(inside: Inside) -> None:
    svg = inside(["draw", "a <= b and α > 0", "a=1", "b=2", "α=3"]).out

    assert not re.search(r"<script|<image|href=\"(?!#)|url\(|javascript:|<foreignObject", svg)
    assert re.search(r"prefers-color-scheme: ?dark", svg)


def test_dot(inside: Inside) -> None:
    ran = inside(["draw", LOG, *AT, "--format", "dot"])

    assert ran.code == 0
    assert ran.out.startswith("digraph")
    # x, x^2, 3, y, 3*x*y, the sine, the sum, the logarithm
    assert len(set(re.findall(r"^\s*(n\d+) \[", ran.out, re.MULTILINE))) == 8
    assert len(set(re.findall(r" id=(e\d+)", ran.out))) == 8
    assert "0.3078" in ran.out
    assert "0.6603" in ran.out


def test_dot_is_the_same_every_time(gradcli: Command) -> None:
    words = ("draw", LOG, *AT, "--format", "dot")
    first, second = (gradcli(*words, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2"))

    assert first.code == 0
    assert first == second


def test_dot_needs_no_graphviz(gradcli: Command) -> None:
    block = "import sys; sys.modules['pygraphviz'] = None; import gradcli.cli.app as a; a.main()"
    words = [gradcli.words[0], "-c", block, "draw", LOG, "-o", "g.dot"]
    ran = gradcli.shell('shift 3; PATH=; "$@"', *words)

    assert ran == (0, "", "")
    assert (gradcli.folder / "g.dot").read_text().startswith("digraph")


def test_without_graphviz_both_cures_are_named(gradcli: Command) -> None:
    block = "import sys; sys.modules['pygraphviz'] = None; import gradcli.cli.app as a; a.main()"
    words = [gradcli.words[0], "-c", block, "draw", LOG, "-o", "g.svg"]
    ran = gradcli.shell('shift 3; PATH=; "$@"', *words)

    assert (ran.code, ran.out) == (1, "")
    assert "Graphviz" in ran.err
    assert "gradcli[draw]" in ran.err
    assert list(gradcli.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("g.svg", b"<"),
        ("g.SVG", b"<"),
        ("g.png", b"\x89PNG\r\n"),
        ("g.pdf", b"%PDF-"),
        ("g.dot", b""),
        ("g.json", b'{"schema": 1, "expression": "x*y", "value": 2.0, '),
    ],
)
def test_the_ending_chooses_the_format(
    tmp_path: Path, inside: Inside, name: str, beginning: bytes
) -> None:
    path = tmp_path / name

    assert inside(["draw", "x*y", "x=1", "y=2", "-o", str(path)]) == (0, "", "")
    assert path.read_bytes().startswith(beginning)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_format_wins_over_the_ending(tmp_path: Path, inside: Inside) -> None:
    path = tmp_path / "g.txt"

    assert inside(["draw", "x*y", "--format", "dot", "-o", str(path)]).code == 0
    assert path.read_text().startswith("digraph")


def test_json(inside: Inside) -> None:
    ran = inside(["draw", LOG, *AT, "--format", "json"])
    nodes = json.loads(ran.out)["nodes"]
    of_grad = json.loads(inside(["grad", LOG, *AT, "--nodes", "--json"]).out)["nodes"]

    assert (ran.code, ran.err) == (0, "")
    assert len(nodes) == len(of_grad) == 8
    for node, same in zip(nodes, of_grad, strict=True):
        assert same.pop("digits") > 14
        inputs = [{key: edge[key] for key in ("node", "local")} for edge in node["inputs"]]
        assert {key: node[key] for key in same} | {"inputs": inputs} == same


KINKS = "relu(x) + abs(x)"


@pytest.mark.parametrize("picture_format", ["svg", "dot", "json", "html"])
@pytest.mark.parametrize("options", [[], ["--only-named"]])
def test_notes_at_kinks(inside: Inside, picture_format: str, options: list[str]) -> None:
    """Those of grad, on stderr and in the picture."""
    said = inside(["grad", KINKS, "x=0"]).err
    ran = inside(["draw", KINKS, "x=0", "--format", picture_format, *options])

    assert (ran.code, ran.err) == (0, said)
    notes = [line.removeprefix("note: ") for line in said.splitlines()]
    if picture_format == "json":
        assert json.loads(ran.out)["notes"] == notes
    else:
        shown = " ".join(re.sub(r"<[^>]*>", " ", ran.out).split())
        for note in notes:
            assert note in shown
    for words in (["x=1"], [], ["x=0", "--no-grad"]):
        elsewhere = inside(["draw", KINKS, *words, "--format", picture_format, *options])
        assert (elsewhere.err, "kink" in elsewhere.out) == ("", False)


def test_many_notes_are_counted(inside: Inside) -> None:
    source = " + ".join(f"abs({n}*x)" for n in range(2, 12))
    ran = inside(["draw", source, "x=0", "--format", "svg"])

    assert ran.err.count("kink") == 5
    assert "and 5 more" in ran.err
    assert "and 5 more notes" in text_of(ran.out)


def test_no_program_of_the_current_folder_runs(gradcli: Command) -> None:
    """An empty or relative entry of PATH leads there, and files may come from anywhere."""
    for folder in (gradcli.folder, gradcli.folder / "bin"):
        folder.mkdir(exist_ok=True)
        program = folder / "dot"
        program.write_text("#!/bin/sh\n>ran\nexit 1\n")
        program.chmod(0o755)
    for path in ("", ".", ":/usr/bin:/bin", "./bin:.:bin::/usr/bin:/bin", "bin/../bin"):
        gradcli("draw", "x^2", "-o", "g.svg", env={"PATH": path})
        assert not (gradcli.folder / "ran").exists()
    gradcli("draw", "x^2", "-o", "g.svg", env={"PATH": str(gradcli.folder / "bin")})
    assert (gradcli.folder / "ran").exists()


def test_only_named(inside: Inside) -> None:
    source = "u = x^2; v = sin(3*x*y); log(u + v)"
    shown = text_of(inside(["draw", source, *AT, "--only-named"]).out)

    # ∂v/∂y = 3·x·cos(3xy) = 6·cos 18
    assert "3.962" in shown
    assert "3.249" not in shown  # the sum, which has no name
    assert "3.962" not in text_of(inside(["draw", source, *AT]).out)


def test_what_is_too_large_is_told_how_to_be_drawn(inside: Inside) -> None:
    many = "+".join(f"sin({n}*x)" for n in range(500))
    unnamed, named = [inside(["draw", source, "x=1"]) for source in (many, f"u = {many}; u^2")]

    assert "--only-named leaves 2:" in unnamed.err
    assert "--only-named leaves 3:" in named.err
    assert "--max-nodes N" in named.err
    assert inside(["draw", f"u = {many}; u^2", "x=1", "--only-named"]).code == 0


def test_a_png_on_stdout(gradcli: Command) -> None:
    ran = gradcli.shell('"$@" | head -c 8 | od -An -c', "draw", "x*y", "--format", "png")

    assert ran == (0, " 211   P   N   G  \\r  \\n 032  \\n\n", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["x**"], 2),
        (["log(x)", "x=-1"], 1),
        (["x*y", "x=1"], 2),
        (["x", "x=1", "y=1"], 2),
        (["x^2", "--format", "exe"], 2),
        (["x^2", "-o", "g.exe"], 2),
        (["x^2", "-o", "g"], 2),
        (["x^2", "-o", "nosuch/g.svg"], 1),
        (["+".join(f"sin({n}*x)" for n in range(500)), "x=1"], 1),
        ([], 2),
    ],
)
def test_what_cannot_be_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside, words: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.svg").write_text("old")
    ran = inside(["draw", "-o", "old.svg", *words])

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert "fault" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["old.svg"]
    assert (tmp_path / "old.svg").read_text() == "old"


@pytest.mark.parametrize("picture_format", ["png", "pdf"])
def test_no_bytes_are_thrown_at_a_terminal(terminal: Terminal, picture_format: str) -> None:
    screen = terminal("draw", "x^2", "--format", picture_format)

    assert screen.code == 2
    assert screen.text.splitlines() == [
        f"error: a terminal cannot show a {picture_format} picture",
        f"  write it to a file: -o graph.{picture_format}",
    ]
    assert terminal("draw", "x^2", "--format", picture_format, "-o", "graph").code == 0
    assert (terminal.folder / "graph").stat().st_size > 0


def test_a_terminal_shows_text(terminal: Terminal) -> None:
    assert terminal("draw", "x^2", "--format", "dot").code == 0


def test_moments_of_the_backward_pass(inside: Inside, tmp_path: Path) -> None:
    words = ["draw", "(a*b + c)*d", "a=2", "b=-3", "c=10", "d=-2", "--until"]
    files = []
    for step in range(4):
        path = tmp_path / f"{step}.svg"
        assert inside([*words, str(step), "-o", str(path)]).code == 0
        files.append(path.read_text(encoding="utf-8"))
    assert len(set(files)) == 4
    assert "The gradients are those after 2 of 3 steps of the backward pass." in files[2]
    assert "∂f/∂a" in files[2]
    assert "gradient 6" not in files[2]
    assert "gradient 6" in files[3]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["x=2", "--until", "9"], "--until 9 is beyond the backward pass, of 1 step"),
        (["--until", "1"], "--until shows gradients, and there are none without values"),
        (["x=2", "--no-grad", "--until", "1"], "--until shows gradients"),
        (["x=2", "--until", "1", "--format", "html"], "has the whole pass"),
        (["x=2", "--until", "1", "--format", "json"], "has the whole pass"),
        (["x=2", "--until", "-1"], "--until must be a whole number"),
    ],
)
def test_a_moment_that_is_none_is_refused(inside: Inside, words: list[str], expected: str) -> None:
    ran = inside(["draw", "x^2", *words])
    assert ran.code == 2
    assert expected in ran.err
    assert ran.out == ""
