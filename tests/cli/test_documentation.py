"""README.md names every command and every option, with the commands that have it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradcli.cli.commands import COMMANDS

if TYPE_CHECKING:
    from gradcli.cli.commands import Command

README = Path(__file__).parent.parent.parent / "README.md"
ROW = re.compile(r"^\| (`-.*?) \| ([a-z, ]+) \| (.+) \|$", re.MULTILINE)
OF_TYPER = {"-h", "--help", "--version", "--install-completion", "--show-completion"}


def rows() -> dict[str, set[str]]:
    """The spellings of options in README's table, `--lr R`, and the commands that they have."""
    found: dict[str, set[str]] = {}
    for spellings, commands, _ in ROW.findall(README.read_text(encoding="utf-8")):
        names = set(COMMANDS) if commands == "all" else set(commands.split(", "))
        for spelling in re.findall(r"`([^`]+)`", spellings):
            found[spelling] = names
    return found


def test_the_table_of_options_is_that_of_the_records() -> None:
    expected: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for option in command.options.records().values():
            for flag in option.flags:
                expected.setdefault(f"{flag} {option.metavar}".strip(), set()).add(command.name)

    assert {name: of for name, of in rows().items() if name not in OF_TYPER} == expected


def test_the_table_has_the_options_of_every_program() -> None:
    assert set(rows()) >= OF_TYPER


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_option_has_a_word_of_help(command: Command) -> None:
    assert command.help
    for option in command.options.records().values():
        assert option.help.endswith(".")
        assert bool(option.metavar) == (option.values is not None)
        assert option.group
