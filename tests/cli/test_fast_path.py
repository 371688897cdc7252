"""`eval` and `grad` with no option, --json or --csv go round Typer; nobody may notice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Ran, Strange

SLOW = {"GRADCLI_NO_FAST": "1"}

WORDS = Path(__file__).parent.parent / "reference" / "words.jsonl"
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
    with mock.patch("gradcli.cli.commands.request", side_effect=AssertionError("not fast")):
        assert inside(["eval", "1+1"]).out == "2\n"
        assert "not fast" in inside(["eval", "1+1"], env=SLOW).err
        assert inside(["eval", "1+1", "--csv"]).out == "value\n2\n"
        assert "not fast" in inside(["eval", "1+1", "--digits", "3"]).err


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
    st.sampled_from(["@nosuch", "@.", ""]),
)


@given(st.sampled_from(["eval", "grad"]), st.lists(operands, max_size=4))
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
