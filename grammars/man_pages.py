"""The man pages: what --help says of the program and of each command, in the language of man(7)."""

from __future__ import annotations

import os
import re
import textwrap
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from gradcli import manual
from gradcli.cli import help as known
from gradcli.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENVIRONMENT = {
    "NO_COLOR, FORCE_COLOR": "No colours, or colours in a pipe too.",
    "COLUMNS": "The width of tables, in place of that of the terminal.",
    "GRADCLI_HISTORY": "0 turns the history of the prompt off.",
    "GRADCLI_DEBUG": "1 shows the traceback of an unexpected fault.",
}
FILES = {"$XDG_STATE_HOME/gradcli/history": "The history of the prompt."}

ESCAPES = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "^": r"\(ha",
    "~": r"\(ti",
    "`": r"\(ga",
    "…": r"\&...",
}


def pages(version: str) -> dict[str, str]:
    """Return the man pages of a version by the names of their files."""
    found = {"gradcli.1": _program(version)}
    for name, command in COMMANDS.items():
        options = [
            part
            for group, rows in known.groups(command).items()
            for part in (f".SS {_text(group)}", *_rows(rows))
        ]
        lines = [
            *_head(f"gradcli-{name}", command.help, known.usage(command), version),
            *_paragraphs([command.help, command.about]),
            ".SH OPTIONS",
            *options,
            *_ending(
                command.examples, ["gradcli", *(f"gradcli-{n}" for n in COMMANDS if n != name)]
            ),
        ]
        found[f"gradcli-{name}.1"] = "\n".join(lines) + "\n"
    return found


def _program(version: str) -> str:
    examples = [command.examples[0] for command in COMMANDS.values()]
    topics = ", ".join(manual.topics())
    lines = [
        *_head("gradcli", known.SUMMARY, "gradcli COMMAND ...", version),
        *_paragraphs([known.SUMMARY, known.ABOUT, f"The topics of gradcli help are {topics}."]),
        ".SH COMMANDS",
        *_rows([(f"gradcli {name}", command.help) for name, command in COMMANDS.items()]),
        ".SH OPTIONS",
        *_rows(known.PROGRAM_OPTIONS),
        ".SH ENVIRONMENT",
        *_rows(ENVIRONMENT.items()),
        ".SH FILES",
        *_rows(FILES.items()),
        *_ending(examples, [f"gradcli-{name}" for name in COMMANDS]),
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, what: str, usage: str, version: str) -> list[str]:
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    made = (
        datetime.fromtimestamp(int(seconds), timezone.utc)
        if seconds
        else datetime.now(timezone.utc)
    )
    first = what.partition(";")[0].rstrip(".")
    return [
        f'.TH {_text(name.upper())} 1 {made:%Y-%m-%d} "gradcli {version}" gradcli',
        ".SH NAME",
        rf"{_text(name)} \- {_text(first[:1].lower() + first[1:])}",
        ".SH SYNOPSIS",
        f".B {_text(usage.partition(' [')[0])}",
        *(_text("[" + rest) for _, mark, rest in [usage.partition(" [")] if mark),
        ".SH DESCRIPTION",
    ]


def _paragraphs(texts: Iterable[str]) -> list[str]:
    """Return paragraphs, each sentence on a line of its own, as man pages are written."""
    lines: list[str] = []
    for text in texts:
        sentences = re.split(r"(?<=[.;:]) (?=[A-Z])", text)
        lines += [*([".PP"] if lines else []), *(line for s in sentences for line in _lines(s))]
    return lines


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [
        line for left, right in rows for line in (".TP", rf"\fB{_text(left)}\fR", *_lines(right))
    ]


def _lines(text: str) -> list[str]:
    """Return a text in lines that are short enough for mandoc."""
    return textwrap.wrap(_text(text), 78, break_long_words=False, break_on_hyphens=False)


def _ending(examples: Iterable[str], others: Iterable[str]) -> list[str]:
    *first, last = (f".BR {_text(other)} (1)" for other in others)
    return [
        ".SH EXIT STATUS",
        *_rows(known.EXIT_CODES),
        ".SH EXAMPLES",
        ".EX",
        *map(_text, examples),
        ".EE",
        ".SH SEE ALSO",
        *(f"{other} ," for other in first),
        last,
    ]


def _text(text: str) -> str:
    """Return a text with its special characters escaped, and none at the start of a line."""
    escaped = "".join(ESCAPES.get(character, character) for character in text)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def written(folder: str, pages: Mapping[str, str]) -> dict[str, str]:
    """Write the pages into a folder; return where each belongs in an installation, by path."""
    places = {}
    for name, page in pages.items():
        path = Path(folder, name)
        path.write_text(page, encoding="utf-8")
        places[str(path)] = f"share/man/man1/{name}"
    return places
