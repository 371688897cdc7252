"""Text that is out to deceive: no order for a terminal, no mark-up, no flood comes out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside, Ran, Strange

LONGEST = 4096

NASTY = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\",
    "\x1bPq\x1b\\",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\x90\x9c",
    "\x00",
    "\x07\x08\x0b\x0c\r",
    "\x7f",
    "\u202eevil\u202c",
    "\u2066x\u2069",
    "\u200b\u200d\ufeff",
    "\U000e0041",
    "\u2028\u2029",
    "\ue000",
    "\uffff",
    "\udc80\udcff",
    "\ud800",
    "[red]x[/red]",
    "[/]",
    "[link=http://example.com]x[/link]",
    ":smile:",
    "\\[bold]",
    "<b>x</b>&amp;",
    "%s %n {0} ${HOME} $(id) `id`",
    "\u0301\u0302\u0303" * 100,
    "𝕏" * 200,
    "漢" * 200,
]

COMMON = {NASTY[0], "\x00", "\x7f", "\u202eevil\u202c", "\udc80\udcff", "[red]x[/red]", "漢" * 200}


def harmless(ran: Ran, strange: Strange) -> None:
    """Neither stream holds what a terminal obeys, and the message is one that can be read."""
    assert ran.code in {0, 1, 2, 3}
    assert strange(ran.err) == set()
    assert strange(ran.out, "\n\t") == set()
    assert len(ran.err.encode()) <= LONGEST
    assert "Traceback" not in ran.err
    assert "unexpected fault" not in ran.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "nasty",
    [
        pytest.param(
            nasty, marks=() if nasty in COMMON else pytest.mark.slow, id=ascii(nasty)[1:20]
        )
        for nasty in NASTY
    ],
)
def test_wherever_it_stands(folder: Path, inside: Inside, strange: Strange, nasty: str) -> None:
    for words in (
        [nasty],
        ["eval", nasty],
        ["eval", f"1 + {nasty}"],
        ["eval", f"1 # {nasty}"],
        ["eval", f"sin({nasty})"],
        ["eval", f"{nasty} = 1; 2"],
        ["eval", f"x{nasty}", "x=1"],
        ["eval", "x", f"x={nasty}"],
        ["eval", "x", f"{nasty}=1"],
        ["eval", "x", "x=1", nasty],
        ["eval", f"@{nasty}"],
        ["eval", "1", "--digits", nasty],
        ["eval", "1", "--color", nasty],
        ["eval", "1", f"--{nasty}"],
        ["eval", "1", f"--x{nasty}"],
        ["eval", "1", f"--json={nasty}"],
        ["eval", "1", "-o", f"missing/{nasty}"],
        ["grad", nasty],
        ["grad", f"x*{nasty}", "x=1", "--nodes"],
        ["minimize", "x^2", f"x={nasty}"],
        ["minimize", "x^2", "x=1", "--lr", nasty],
        ["minimize", "x^2", "x=1", "--steps", nasty],
        ["minimize", "x^2", "x=1", "--method", nasty],
        ["minimize", "x^2", "x=1", "--log", nasty],
        ["minimize", "x^2", "x=1", "--steps", "1", "--log", f"missing/{nasty}.csv"],
        ["draw", nasty],
        ["draw", "x", "--format", nasty],
        ["draw", "x", "-o", nasty],
    ):
        harmless(inside(words), strange)
        if nasty in COMMON:
            harmless(inside([*words, "--json"]), strange)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("nasty", NASTY[:20], ids=lambda text: ascii(text)[1:20])
def test_in_files_and_on_stdin(folder: Path, inside: Inside, strange: Strange, nasty: str) -> None:
    content = f"u = 1\n{nasty}\nu + 1".encode("utf-8", "surrogatepass")
    (folder / "formula.txt").write_bytes(content)

    harmless(inside(["eval", "@formula.txt"]), strange)
    harmless(inside(["eval", "-"], content), strange)
    harmless(inside(["eval", "-", "--json"], content), strange)


def test_mark_up_is_shown_as_it_is(inside: Inside) -> None:
    assert "  [red]1[/red]" in inside(["eval", "[red]1[/red]"]).err.splitlines()
    assert "'[/]'" in inside(["eval", "1", "--digits", "[/]"]).err
    assert "'[bold]x'" in inside(["eval", "@[bold]x"]).err
    assert "<b>" in inside(["eval", "1 <b> 2"]).err


def test_an_escape_is_shown_as_its_name(gradcli: Command) -> None:
    ran = gradcli("eval", "1 + \x1b[31m", "--json")

    assert ran.code == 2
    assert "\\\\x1b" in ran.err
    assert "\\u202e" in gradcli("eval", "1 + \u202e").err


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "x" * 100_000],
        ["eval", "1 + " * 20_000],
        ["eval", "(" * 100_000],
        ["eval", "1" * 100_000],
        ["eval", "é" * 100_000],
        ["eval", "\x1b" * 100_000],
        ["eval", "𝕏" * 100_000],
        ["eval", "'" * 100_000],
        ["eval", "+".join(f"n{number}" for number in range(10_000))],
        ["eval", "log(-1*" + "1*" * 20_000 + "1)"],
        [
            "eval",
            f"log({'+'.join(f'x{n}' for n in range(999))})",
            *(f"x{n}=-1" for n in range(999)),
        ],
        ["eval", "1", *(f"n{number}=1" for number in range(5000))],
        ["eval", "x", "x=" + "1" * 100_000],
        ["eval", "x", "x" * 100_000 + "=1"],
        ["eval", "1", "--digits", "9" * 100_000],
        ["eval", "1", "--" + "x" * 100_000],
        ["eval", "1", "-o", "x" * 100_000],
        ["eval", "@" + "x" * 100_000],
        ["x" * 100_000],
        ["minimize", "x^2", "x=1", "--method", "x" * 100_000],
        ["grad", "+".join(f"abs(x{n})" for n in range(200)), *(f"x{n}=0" for n in range(200))],
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_a_flood_is_dammed(
    folder: Path, inside: Inside, strange: Strange, words: list[str]
) -> None:
    del folder
    harmless(inside(words), strange)
    harmless(inside([*words, "--json"]), strange)


alphabet = st.one_of(st.characters(), st.sampled_from("()+-*/^=;#'\"[]{}<>&\\%$ x1"))
texts = st.one_of(st.sampled_from(NASTY), st.text(alphabet, max_size=12))
# No file is ever written: the folder does not exist.
names = texts.map(lambda text: "missing/x" + text.replace("/", ""))

commands = st.one_of(
    st.lists(texts, max_size=3),
    st.tuples(
        st.sampled_from(["eval", "grad", "minimize"]),
        st.sampled_from(["{}", "1 + {}", "x*{}", "sin({})", "1 # {}", "{0} = 1; {0}"]).flatmap(
            lambda pattern: texts.map(pattern.format)
        ),
        st.one_of(texts, texts.map("x={}".format), texts.map("{}=1".format), st.just("x=1")),
    ),
    st.tuples(st.just("eval"), st.just("1"), st.sampled_from(["--digits", "--color"]), texts),
    st.tuples(st.just("eval"), st.just("1"), texts.map("--{}".format)),
    st.tuples(st.just("eval"), st.just("1"), st.just("-o"), names),
    st.tuples(st.just("eval"), texts.map("@{}".format)),
    st.tuples(
        st.just("minimize"),
        *(st.just("x^2"), st.just("x=1"), st.just("--steps"), st.just("1")),
        st.sampled_from(["--lr", "--tol", "--every", "--method", "--steps"]),
        texts,
    ),
)


@given(commands, st.booleans())
@settings(max_examples=200)
def test_whatever_the_words(
    inside: Inside, strange: Strange, words: tuple[str, ...] | list[str], json: bool
) -> None:
    harmless(inside([*words, "--json"] if json else words), strange)
