"""Every example of README.md and of the manual runs, and prints and draws what is shown."""

from __future__ import annotations

import difflib
import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "gradcli" / "manual").glob("*.md"))]

FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: what it is written in, on which page, where, and what it says."""

    language: str
    page: Path
    line: int
    text: str


class Example(NamedTuple):
    """A command at a prompt and everything below it, up to the next prompt."""

    command: str
    output: str


def blocks(page: Path, language: str) -> list[Block]:
    """The fenced blocks of a language."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match[1], page, text.count("\n", 0, match.start()) + 1, match[2])
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if block.language == language]


def name_of(block: Block) -> str:
    """The page and the line, to name a test."""
    return f"{block.page.stem}-{block.line}"


def examples(session: str) -> list[Example]:
    """The commands behind "$ ", continued behind "> " or a backslash, with what they print."""
    found: list[Example] = []
    command: list[str] = []
    output: list[str] = []
    for line in [*session.splitlines(), "$ "]:
        if line.startswith("$ "):
            if command:
                found.append(Example("\n".join(command), "\n".join(output).strip("\n")))
            command, output = [line[2:]], []
        elif command and not output and (line.startswith("> ") or command[-1].endswith("\\")):
            command.append(line.removeprefix("> "))
        else:
            output.append(line.rstrip())
    return found


def fits(printed: str, shown: str) -> bool:
    """Whether a text is the one shown, where each … stands for any text."""
    parts = [re.escape(part) for part in shown.split("…")]
    return re.fullmatch(".*".join(parts), printed, re.DOTALL) is not None


def run(session: list[Example], folder: Path) -> list[tuple[str, str]]:
    """What each command of a session prints on stdout and on stderr.

    All run in one shell, so that a variable or a folder is there for the next.
    """
    mark = "\x1e"
    lines = (f"{example.command}\nprintf '{mark}' | tee /dev/stderr" for example in session)
    ran = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd=folder,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
        },
        timeout=300,
    )
    out, err = (stream.decode().split(mark) for stream in (ran.stdout, ran.stderr))
    assert len(out) == len(err) == len(session) + 1, "the shell stopped in between"
    return list(zip(map(trimmed, out[:-1]), map(trimmed, err[:-1]), strict=True))


def trimmed(text: str) -> str:
    """The text without blanks at the ends of lines and empty lines at its ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def words(picture: str) -> list[str]:
    """What is written in an SVG, sorted: its titles and texts; Matplotlib has them as comments.

    Where it stands, and how lines run, depends on the fonts and programs of a machine.
    """
    found = re.findall(r"<(?:text|title|desc)\b[^>]*>([^<]*)<|<!--([^-]*)-->", picture)
    return sorted(trimmed("".join(texts)) for texts in found)


def slow(page: Path) -> tuple[pytest.MarkDecorator, ...]:
    """The mark of a page that draws many pictures, or learns: its sessions take many seconds."""
    return (pytest.mark.slow,) if page.stem in {"learning", "pictures"} else ()


def marked(found: list[Block]) -> list[Any]:
    """The blocks as parameters of a test, by page and line."""
    return [pytest.param(each, id=name_of(each), marks=slow(each.page)) for each in found]


SESSIONS = [block for page in PAGES for block in blocks(page, "console")]
PYTHON = [block for page in PAGES for block in blocks(page, "python")]
PICTURES = [
    (page, shown)
    for page in PAGES
    for shown in re.findall(r"\]\(([./]*\.github/images/[^)]+)\)", page.read_text("utf-8"))
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """A folder for each page: what an earlier session wrote, a later one may read."""
    return {page: tmp_path_factory.mktemp(page.stem) for page in PAGES}


@pytest.fixture(scope="module")
def names() -> dict[Path, dict[str, Any]]:
    """What the Python blocks of each page define, each for those below it."""
    return {page: {} for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_there_are_examples(page: Path) -> None:
    tables = re.findall(
        r"^\| written \| is \| for example \|$", page.read_text("utf-8"), re.MULTILINE
    )
    assert blocks(page, "console") or blocks(page, "python") or tables


@pytest.mark.parametrize("block", marked(SESSIONS))
def test_console(folders: dict[Path, Path], block: Block) -> None:
    session = examples(block.text)
    assert session, "a console block shows commands behind '$ '"

    for example, (out, err) in zip(session, run(session, folders[block.page]), strict=True):
        # A reader does not know which of the two streams a terminal gets first.
        assert fits(trimmed(f"{out}\n{err}"), example.output) or (
            fits(trimmed(f"{err}\n{out}"), example.output)
        ), "\n".join(
            [
                f"$ {example.command}",
                *difflib.ndiff(example.output.splitlines(), [*out.splitlines(), *err.splitlines()]),
            ]
        )


@pytest.mark.parametrize("block", marked(PYTHON))
def test_python(
    folders: dict[Path, Path],
    names: dict[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    block: Block,
) -> None:
    monkeypatch.chdir(folders[block.page])
    title = f"{block.page.name}, line {block.line}"
    parsed = doctest.DocTestParser().get_doctest(block.text, {}, title, str(block.page), block.line)
    parsed.globs = names[block.page]
    complaints: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    found = runner.run(parsed, out=complaints.append, clear_globs=False)

    assert parsed.examples, "a python block shows statements behind '>>> '"
    assert found.failed == 0, "".join(complaints)


def test_how_a_session_is_read() -> None:
    session = "$ echo 1 \\\n  2\n1 2\n\n$ cat <<X\n> a\n> X\na\n$ true\n"

    assert examples(session) == [
        Example("echo 1 \\\n  2", "1 2"),
        Example("cat <<X\na\nX", "a"),
        Example("true", ""),
    ]


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("a\nb\nc", "a\n…\nc", True),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("a\nb", "a", False),
        ("a = 1.5", "a = …", True),
        ("b = 1.5", "a = …", False),
    ],
)
def test_how_an_output_is_compared(printed: str, shown: str, same: bool) -> None:
    assert fits(printed, shown) is same


def test_how_a_session_is_run(tmp_path: Path) -> None:
    session = examples("$ x=1\n$ echo $x >&2\n$ false\n$ cat\n$ gradcli eval '1+1'\n")

    assert run(session, tmp_path) == [("", ""), ("", "1"), ("", ""), ("", ""), ("2", "")]


@pytest.mark.parametrize(
    ("page", "shown"),
    [pytest.param(page, shown, id=Path(shown).stem, marks=slow(page)) for page, shown in PICTURES],
)
def test_picture(folders: dict[Path, Path], page: Path, shown: str) -> None:
    made = folders[page] / Path(shown).name
    assert made.exists(), f"an example must write {made.name}; run all tests of this file"
    expected, found = (
        words(path.read_text(encoding="utf-8")) for path in (page.parent / shown, made)
    )
    assert len(found) > 5
    assert found == expected
