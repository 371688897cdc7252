"""Every option has its words, and README is short."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradcli.cli.commands import COMMANDS

if TYPE_CHECKING:
    from gradcli.cli.commands import Command

README = Path(__file__).parent.parent.parent / "README.md"


def test_readme_is_short_and_names_every_command() -> None:
    text = README.read_text(encoding="utf-8")

    assert text.count("\n") <= 250
    assert all(f"gradcli {name}" in text for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_option_has_a_word_of_help(command: Command) -> None:
    assert command.help
    for option in command.options.records().values():
        assert option.help.endswith(".")
        assert bool(option.metavar) == (option.values is not None)
        assert option.group
