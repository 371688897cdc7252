"""What is private to Typer does what it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gradcli.cli.commands import COMMANDS

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Terminal

RUN = """\
import sys
from gradcli.cli.app import run
code = run({words})
print(*sorted(sys.modules), file=sys.stderr)
"""


def test_texts_are_not_converted() -> None:
    """AsTyped: Typer would import pydantic, which takes longer than the command."""
    words = ["eval", "1", "--help"]
    ran = subprocess.run(
        [sys.executable, "-c", RUN.format(words=words)], capture_output=True, check=True, text=True
    )

    assert "typer" in ran.stderr.split()
    assert "pydantic" not in ran.stderr.split()


def test_words_with_a_minus_are_operands(inside: Inside) -> None:
    """OperandCommand.parse_args."""
    env = {"GRADCLI_NO_FAST": "1"}

    assert inside(["eval", "-x^2", "x=3"], env=env).out == "-9\n"
    assert inside(["eval", "x", "--digits", "2", "--", "x=1/3"], env=env).out == "0.33\n"
    assert "--digits needs a value" in inside(["eval", "1", "--digits"]).err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_in_a_pipe_has_the_groups(inside: Inside, name: str) -> None:
    """OperandCommand.format_options and collect_usage_pieces."""
    ran = inside([name, "--help"])
    group, shown = "", {}
    for line in ran.out.splitlines():
        if re.fullmatch(r"\w+:", line):
            group = line[:-1]
        elif found := re.match(r"  (?:-o, )?(--[a-z-]+)", line):
            shown[found[1]] = group
    options = COMMANDS[name].options.records().values()

    assert ran.out.startswith(f"Usage: gradcli {name} FORMULA [NAME=VALUE]... [OPTIONS]\n")
    assert ran.out.isascii() == ("…" not in ran.out)
    assert {option.name: option.group for option in options}.items() <= shown.items()


def test_help_on_a_terminal_has_panels(terminal: Terminal) -> None:
    """The markup mode, and that no word of ours is taken for markup."""
    shown = terminal("minimize", "--help", columns=100)

    assert shown.code == 0
    for group in ("Method", "Fit", "Learning", "Data", "Plot", "Output", "Result"):
        assert f"╭─ {group} ─" in shown.text
    assert "NAME[=FORM]" in shown.text


def test_commands_stand_in_their_order(inside: Inside) -> None:
    """Group.list_commands."""
    lines = inside(["--help"]).out.partition("Commands:")[2].split()

    assert [word for word in lines if word in COMMANDS][:4] == list(COMMANDS)


def test_complaints_are_ours(inside: Inside) -> None:
    """The attributes of Typer's exceptions, and the sentence of one kind."""
    ran = inside(["minimize", "x^2", "--step", "3"])
    assert (ran.code, ran.err) == (
        2,
        "error: gradcli minimize has no option --step\n  did you mean --steps?\n",
    )
    assert "did you mean 'eval'?" in inside(["evil", "1"]).err
    assert "for its value: gradcli eval '1 + 1'" in inside(["1 + 1"]).err


def test_help_whose_reader_went_away(gradcli: Command) -> None:
    """Typer ends the process itself."""
    ran = gradcli.shell('"$@" grad --help | true; "$@" grad --help > /dev/full')

    assert ran.code == 1
    assert "Traceback" not in ran.err
