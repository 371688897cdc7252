"""The man pages have every command and option, and are well formed; wheels carry them."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from gradcli.cli.commands import COMMANDS
from grammars import man_pages

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def plain(page: str) -> str:
    """The text of a page, with nothing escaped."""
    text = page
    for character, escape in reversed(man_pages.ESCAPES.items()):
        text = text.replace(escape, character)
    return re.sub(r"\\f[BR]|\\&", "", text)


def test_every_option_stands_on_the_page_of_its_command() -> None:
    pages = man_pages.pages("1.2.3")

    assert set(pages) == {"gradcli.1", *(f"gradcli-{name}.1" for name in COMMANDS)}
    for name, command in COMMANDS.items():
        text = plain(pages[f"gradcli-{name}.1"])
        assert text.startswith(f".TH GRADCLI-{name.upper()} 1 ")
        for option in command.options.records().values():
            spelling = f"{', '.join(option.flags)} {option.metavar}".strip()
            assert f".TP\n{spelling}\n" in text
            assert option.help in text.replace("\n", " ")
        assert all(example in text for example in command.examples)
        assert f".TP\ngradcli {name}\n" in plain(pages["gradcli.1"])


def test_they_are_as_man_pages_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    places = man_pages.written(str(tmp_path), man_pages.pages("1.2.3"))

    assert set(places.values()) == {f"share/man/man1/{path.name}" for path in tmp_path.iterdir()}
    for path in tmp_path.iterdir():
        text = path.read_text("utf-8")
        assert "1970-01-01" in text
        assert text.isascii()
        requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
        assert requests <= {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".EX", ".EE"}
    mandoc = shutil.which("mandoc")
    if mandoc is not None:
        ran = subprocess.run(
            [mandoc, "-T", "lint", *places], capture_output=True, text=True, check=False
        )
        assert ran.stdout == ""
