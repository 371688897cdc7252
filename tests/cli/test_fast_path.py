"""Correct words are read without Typer; nobody may notice."""

from __future__ import annotations

import ast
import itertools
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcli.cli.commands import COMMANDS, Invocation, plain
from gradcli.cli.typer_program import program, request
from tests.cli.test_option_pairs import CONTEXTS, sample

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Ran, Strange

SLOW = {"GRADCLI_NO_FAST": "1"}

TESTS = Path(__file__).parent.parent
WORDS = TESTS / "reference" / "words.jsonl"
_, *REFUSED = (json.loads(line) for line in WORDS.read_text(encoding="utf-8").splitlines())

ACCEPTED = [
    ["eval", "1+1"],
    ["eval", "log(x^2 + sin(3*x*y))", "x=2", "y=3"],
    ["eval", "-x^2", "x=3"],
    ["eval", "--3"],
    ["eval", "-"],
    ["eval", "x", "x=pi/2"],
    ["eval", "e = a*b; f = e + c; f*d", "a=2", "b=-3", "c=10", "d=-2"],
    ["eval", "e", "e=3"],
    ["eval", "u = x²·π − 1; u≥0", "x=1"],
    ["eval", "α_1 + β₂", "α_1=1", "β₂=2"],
    ["eval", " 1 \n # a comment"],
    ["grad", "log(x^2 + sin(3*x*y))", "x=2", "y=3"],
    ["grad", "x*exp(-x)"],
    ["grad", "a*x + b"],
    ["grad", "2*3"],
    ["grad", "-x", "x=-1"],
    ["grad", "abs(x) + max(x, y)", "x=0", "y=0"],
    ["grad", "-"],
    ["eval", "x", "--json", "x=pi/2"],
    ["eval", "--csv", "-", "--csv"],
    ["eval", "x^2", "x=1:3:1", "--json"],
    ["grad", "abs(x)", "x=0", "--json"],
    ["grad", "--csv", "x*y", "x=1", "y=2"],
    ["eval", "x/3", "x=1", "--digits", "4", "--trace"],
    ["grad", "x*y", "x=1", "y=2", "--wrt", "x", "--wrt", "y"],
    ["minimize", "a^2-10*a+28", "a=6", "--lr", "0.1", "--steps", "20"],
    ["minimize", "--steps", "0", "x^2", "--bounds", "x=-1:1", "--", "x=1"],
    ["draw", "x*y", "x=2", "y=3", "--format", "dot", "-o", "-"],
]


def both(inside: Inside, words: list[str], stdin: str = "1\n2*3\n") -> Ran:
    """How the command ends, which is the same either way."""
    fast, slow = inside(words, stdin), inside(words, stdin, SLOW)
    assert fast == slow
    return fast


@pytest.mark.parametrize("words", ACCEPTED, ids=" ".join)
def test_what_is_accepted(inside: Inside, words: list[str]) -> None:
    assert both(inside, words).code == 0


@pytest.mark.parametrize("case", REFUSED, ids=[case["id"] for case in REFUSED])
def test_what_is_refused(inside: Inside, strange: Strange, case: dict[str, Any]) -> None:
    ran = both(inside, case["argv"])

    assert ran.code in case["exit"], case["why"]
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "fault" not in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.encode()) <= 4096
    assert strange(ran.err) == set()


@pytest.mark.parametrize("command", ["eval", "grad"])
@pytest.mark.parametrize("extra", [[], ["--json"], ["--csv"], ["x=2"], ["x=0:1:1"]])
def test_lines_some_of_which_are_wrong(inside: Inside, command: str, extra: list[str]) -> None:
    ran = both(inside, [command, "-", *extra], "\ufeffx^2 # a\n\n1/0\nx +\nabs(x)\n")

    assert ran.code in {1, 2}
    assert "line 4" in (ran.out if "--json" in extra else ran.err)


@pytest.mark.parametrize(
    "words",
    [["eval", "log(x", "x=1"], ["grad", "sqrt(x)", "x=0"], ["grad", "x*abs(y)", "x=1", "y=0"]],
)
def test_as_processes(gradcli: Command, words: list[str]) -> None:
    assert gradcli(*words) == gradcli(*words, env=SLOW)


def test_the_two_ways_are_two(inside: Inside) -> None:
    with mock.patch("gradcli.cli.typer_program.request", side_effect=AssertionError("not fast")):
        assert inside(["eval", "1+1"]).out == "2\n"
        assert "not fast" in inside(["eval", "1+1"], env=SLOW).err
        assert inside(["eval", "1+1", "--digits", "3"]).out == "2\n"
        for words in (
            ["eval", "1", "--help"],
            ["eval", "1", "--digit", "3"],
            ["eval"],
            ["evil", "1"],
        ):
            assert "not fast" in inside(words).err


def strings(node: ast.AST) -> list[str] | None:
    """The words that a list, a tuple or the arguments of a call are, if all of them are texts."""
    parts = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [])
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    return texts if len(texts) == len(parts) else None


def corpus() -> list[list[str]]:
    """The command lines of README and of the manual, of the tests, and of what must be refused."""
    found = [case["argv"] for case in REFUSED] + ACCEPTED
    for path in TESTS.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lists = (ast.Call, ast.List, ast.Tuple)
        found += [
            words for node in ast.walk(tree) if isinstance(node, lists) and (words := strings(node))
        ]
    pages = [TESTS.parent / "README.md", *(TESTS.parent / "gradcli" / "manual").glob("*.md")]
    for page in pages:
        found += [
            list(itertools.takewhile(lambda word: not word.endswith(";"), words))
            for line in page.read_text(encoding="utf-8").splitlines()
            if line.startswith("$ gradcli ") and (words := shlex.split(line, comments=True)[2:])
        ]
    for command, contexts in CONTEXTS.items():
        for option in COMMANDS[command].options.records().values():
            found += [[command, *words, *sample(command, option.name)] for words in contexts]
    known = {tuple(words) for words in found if words and words[0] in COMMANDS}
    return sorted(list(words) for words in known)


def test_all_known_words_are_read_alike() -> None:
    """What Typer makes of them is what is made of them without it, but for what is left to it."""
    programs = {name: program([name]) for name in COMMANDS}
    lines = corpus()
    left = []
    with mock.patch("gradcli.cli.typer_program.program", lambda words: programs[words[0]]):
        for words in lines:
            fast = plain(words)
            if fast is None:
                left.append(words)
                continue
            slow = request(words)
            assert isinstance(slow, Invocation)
            assert (slow.command, slow.operands, slow.texts) == (
                fast.command,
                fast.operands,
                fast.texts,
            ), words

    assert len(lines) > 1000
    assert len(left) < len(lines) / 20


PIECES = [
    *("1", "2.5", "x", "y", "e", "pi", "xy", "sin", "sinn", "abs", "log", "where", "f", "0"),
    *("+", "-", "*", "/", "^", "(", ")", ",", ";", "=", "==", "<", "!", "[", "]", "@", "#", "~"),
    *(" ", "\n", "é", "²", "−", "\u202e", "\x1b", "\udc80", "1e308", "1e-320"),
]
pieces = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
operands = st.one_of(
    pieces,
    st.builds("{}={}".format, st.sampled_from(["x", "y", "e", "pi", ""]), pieces),
    st.sampled_from(["-", "--", "-x", "-o", "--json", "--csv", "--digits", "--nosuch", "-h"]),
    st.sampled_from(["--digits=3", "--lr", "--steps", "2", "--trace", "--seed", "--format", "dot"]),
    st.sampled_from(["@nosuch", "@.", ""]),
)


@given(st.sampled_from(list(COMMANDS)), st.lists(operands, max_size=5))
@example("eval", ["x", "--", "x=1"])
@example("eval", ["--"])
@settings(max_examples=150)
def test_whatever_the_words(
    inside: Inside,
    tmp_path_factory: pytest.TempPathFactory,
    command: str,
    words: list[str],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.getbasetemp())  # -o may write a file
        both(inside, [command, *words], "x + 1\n")
