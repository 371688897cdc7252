"""README.md names every command and every option."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from gradcli.cli.commands import app

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parent.parent.parent / "README.md"

GROUP: Any = typer.main.get_command(app)


def options(command: Any) -> Iterator[str]:
    """The names of a command's options, but for those of every program."""
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            yield from (*parameter.opts, *parameter.secondary_opts)


DOCUMENTED = sorted(
    {
        *(f"gradcli {name}" for name in GROUP.commands),
        *(name for command in (GROUP, *GROUP.commands.values()) for name in options(command)),
    }
)


def test_the_walk_finds_commands_and_options() -> None:
    assert {"gradcli eval", "gradcli grad", "gradcli minimize", "gradcli draw"} <= set(DOCUMENTED)
    assert {"-o", "--output", "--json", "--lr", "--version"} <= set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_readme_names_it(name: str) -> None:
    text = README.read_text(encoding="utf-8")

    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)


@pytest.mark.parametrize("name", list(GROUP.commands))
def test_every_option_has_a_word_of_help(name: str) -> None:
    command = GROUP.commands[name]

    assert command.help
    assert all(parameter.help for parameter in command.params)
