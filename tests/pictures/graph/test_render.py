"""Programs that draw, and programs that crash, hang, lie or are not there."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from gradcli.errors import DrawingError
from gradcli.pictures.graph import render as module
from gradcli.pictures.graph.picture import FORMATS
from gradcli.pictures.graph.render import Answer, render, run, well_formed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "digraph { a -> b }"
ASLEEP = 60
"""Seconds that a program sleeps for which nobody should wait."""
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"/>'

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that makes a shell script the only `dot`, on a machine without pygraphviz."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    def write(script: str) -> None:
        path = folder / "dot"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    return write


def test_dot_gets_the_source_and_answers(install: Callable[[str], None]) -> None:
    install(f"""echo '{PICTURE[:-2]}><title>'"$1"; cat | tr '<>' '  '; echo '</title></svg>'""")
    answer = render(lambda: "x" * 1_000_000, "svg").decode()
    assert "-Tsvg" in answer
    assert answer.count("x" * 1000) == 1000


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("kill -SEGV $$", "crashed"),
        ("echo hello", "something else than a picture"),
        ("cat", "something else than a picture"),
        (f"echo '{PICTURE}'; exit 3", "status 3"),
        ("echo 'Error: syntax error' >&2; exit 1", "Error: syntax error"),
        (r"printf '\033]0;title\007\n' >&2; exit 1", r"\x1b]0;title\x07"),
        ("exec <&-; exit 1", "status 1"),
        ("exec >&-", "something else than a picture"),
        ("echo '<html/>'", "something else than a picture"),
        ("echo '<svg xmlns=\"http://www.w3.org/2000/svg\">'", "something else than a picture"),
        (r"printf '\377\376\000'", "something else than a picture"),
    ],
)
def test_a_dot_that_fails_is_an_error_with_a_cure(
    install: Callable[[str], None], script: str, says: str
) -> None:
    install(script)
    with pytest.raises(DrawingError) as caught:
        render(lambda: "y" * 200_000, "svg")
    assert says in str(caught.value)
    assert "apt install graphviz" in str(caught.value)
    assert "pip install 'gradcli[draw]'" in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


def test_without_any_graphviz_both_cures_are_named(
    install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del install
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DrawingError, match="not installed") as caught:
        render(lambda: SOURCE, "svg")
    assert "apt install graphviz" in str(caught.value)
    assert "pip install 'gradcli[draw]'" in str(caught.value)


def test_a_dot_that_cannot_be_started(install: Callable[[str], None], tmp_path: Path) -> None:
    install("")
    (tmp_path / "bin" / "dot").write_text("#!/no/such/program\n", encoding="utf-8")
    with pytest.raises(DrawingError):
        render(lambda: SOURCE, "svg")


def is_running(process: int) -> bool:
    """Whether a process exists and is not merely waiting to be forgotten."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as status:  # noqa: PTH123 - one word
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_ends(process: int) -> None:
    end = time.monotonic() + ASLEEP / 2
    while is_running(process):
        assert time.monotonic() < end, "it still runs"
        time.sleep(0.01)


def test_a_dot_that_hangs_is_stopped_with_its_children(
    install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(f"sleep {ASLEEP} & echo $! > '{tmp_path}/child'; echo $$ > '{tmp_path}/parent'; wait")
    monkeypatch.setattr(module, "run", partial(run, seconds=0.5))
    begin = time.monotonic()
    with pytest.raises(DrawingError, match=r"within 0\.5 s"):
        render(lambda: SOURCE * 10_000, "svg")
    assert time.monotonic() - begin < ASLEEP / 2
    for name in ("child", "parent"):
        assert_ends(int((tmp_path / name).read_text(encoding="utf-8")))


def test_a_dot_that_closes_its_output_and_hangs_is_stopped(
    install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(f"echo '{PICTURE}'; exec >&- 2>&-; sleep {ASLEEP}")
    monkeypatch.setattr(module, "run", partial(run, seconds=0.5))
    begin = time.monotonic()
    with pytest.raises(DrawingError, match="was stopped"):
        render(lambda: SOURCE, "svg")
    assert time.monotonic() - begin < ASLEEP / 2


def test_a_dot_whose_child_holds_the_output_does_not_hold_us(
    install: Callable[[str], None], tmp_path: Path
) -> None:
    install(f"sleep {ASLEEP} & echo $! > '{tmp_path}/child'; echo '{PICTURE}'")
    begin = time.monotonic()
    assert render(lambda: SOURCE, "svg").decode().strip() == PICTURE
    assert time.monotonic() - begin < ASLEEP / 2
    assert_ends(int((tmp_path / "child").read_text(encoding="utf-8")))


def test_an_endless_answer_is_stopped(
    install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("while :; do echo '<svg><svg><svg><svg><svg><svg><svg><svg>'; done")
    monkeypatch.setattr(module, "LARGEST", 100_000)
    with pytest.raises(DrawingError) as caught:
        render(lambda: SOURCE, "svg")
    assert "did not finish" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "name", "is_good"),
    [
        (Answer(0, PICTURE.encode(), ""), "svg", True),
        (Answer(1, PICTURE.encode(), ""), "svg", False),
        (Answer(0, b"\x89PNG\r\n\x1a\nx", ""), "png", True),
        (Answer(0, b"PNG", ""), "png", False),
        (Answer(0, b"%PDF-1.5\n", ""), "pdf", True),
        (Answer(0, b"", ""), "pdf", False),
        (Answer(0, PICTURE.encode(), ""), "png", False),
    ],
)
def test_only_pictures_are_believed(answer: Answer, name: str, *, is_good: bool) -> None:
    assert well_formed(answer, FORMATS[name].starts) is is_good


@pytest.mark.skipif(find_spec("pygraphviz") is None, reason="needs pygraphviz")
@pytest.mark.parametrize("script", [None, "kill -SEGV $$", "echo hello", "exit 1"])
@pytest.mark.parametrize("picture_format", ["svg", "png", "pdf"])
def test_pygraphviz_draws_where_dot_does_not(
    install: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str | None,
    picture_format: str,
) -> None:
    if script is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        install(script)
    monkeypatch.setattr(module, "find_spec", find_spec)
    starts = FORMATS[picture_format].starts
    content = render(lambda: SOURCE, picture_format, starts)
    assert well_formed(Answer(0, content, ""), starts)


@pytest.mark.parametrize(
    "source",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "raise SystemExit(5)",
        "1/0",
        "def AGraph(string): raise ValueError(string)",
        "",
    ],
)
def test_a_broken_pygraphviz_does_not_break_us(
    install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    install("exit 1")
    (tmp_path / "pygraphviz").mkdir()
    path = tmp_path / "pygraphviz" / "__init__.py"
    path.write_text(source, encoding="utf-8")
    program = partial(ModuleSpec, loader=None, origin=str(path))
    monkeypatch.setattr(module, "find_spec", program)
    # Not behind the packages that are installed.
    script = module.PYGRAPHVIZ.replace("append(sys.argv[1])", "insert(0, sys.argv[1])")
    monkeypatch.setattr(module, "PYGRAPHVIZ", script)
    with pytest.raises(DrawingError, match="pygraphviz") as caught:
        render(lambda: SOURCE, "svg")
    assert "Traceback" not in str(caught.value)


def test_a_machine_without_fonts_is_told_so(install: Callable[[str], None]) -> None:
    # Without fonts each letter is drawn as a box, so that all are equally wide.
    install(
        """case $1 in
        -Tplain) echo 'graph 1 2 1'; echo 'node n0 1 1 0.9 0.3'; echo 'node n1 1 1 0.9 0.3';;
        *) printf '%s' '%PDF-1.5';;
        esac"""
    )
    with pytest.raises(DrawingError, match="font"):
        render(lambda: SOURCE, "pdf", b"%PDF-")


def test_nothing_is_said_on_stderr(graphviz: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert graphviz is None
    render(lambda: SOURCE, "svg")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_programs_run_in_a_group_of_their_own() -> None:
    answer = run([sys.executable, "-c", "import os; print(os.getpgid(0) == os.getpid())"], str)
    assert answer == Answer(0, b"True\n", "")
