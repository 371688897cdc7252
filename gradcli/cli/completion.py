"""What TAB proposes: names in formulas, columns of --data, files."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradcli.errors import GradcliError
from gradcli.language.names import FUNCTION_NAMES, is_name, names_in

_LAST_NAME = re.compile(r"[^\W\d]\w*$")


def within(incomplete: str, names: list[str]) -> list[str]:
    """Return what the last name of an unfinished formula may become: one of `names`, a function."""
    last = _LAST_NAME.search(incomplete)
    if last is None:
        return []
    before = incomplete[: last.start()]
    known = [*names, *(f"{name}(" for name in FUNCTION_NAMES)]
    return [before + name for name in known if name.startswith(last[0])]


def words(ctx: Any, incomplete: str) -> list[str]:
    """Return what an operand may become: a formula, @FILE, or NAME= for a name of the formula."""
    if incomplete.startswith("@"):
        return ["@" + path for path in paths(incomplete[1:])]
    typed = ctx.params.get("words")
    if not typed:
        return within(incomplete, data_columns(ctx, ""))
    named = {word.partition("=")[0] for word in typed[1:]}
    return [f"{name}=" for name in formula_names(ctx, incomplete) if name not in named]


def formula_names(ctx: Any, incomplete: str) -> list[str]:
    """Return the names of the formula that are no columns, for --wrt, --fix and --bounds."""
    typed = ctx.params.get("words") or [""]
    columns = data_columns(ctx, "")
    names = [name for name in sorted(names_in(_text(typed[0]))) if name not in FUNCTION_NAMES]
    return [name for name in names if name.startswith(incomplete) and name not in columns]


def data_columns(ctx: Any, incomplete: str) -> list[str]:
    """Return the columns of the files of --data, for options that take one."""
    files = ctx.params.get("data") or ()
    return [name for file in files for name in columns(file) if name.startswith(incomplete)]


def columns(file: str) -> list[str]:
    """Return the columns of a file that are names; none for a file that cannot be read so."""
    from gradcli.data.remote import is_address
    from gradcli.data.source import open_source

    with suppress(GradcliError, OSError):
        if file != "-" and not is_address(file):  # nobody waits for a network at TAB
            return [name for name in open_source([file]).columns if is_name(name)]
    return []


def help_words(incomplete: str) -> list[str]:
    """Return the topics and functions that gradcli help explains."""
    from gradcli.manual import topics

    return [name for name in (*topics(), *FUNCTION_NAMES) if name.startswith(incomplete)]


def _text(word: str) -> str:
    """Return the formula of a word; an unreadable file has none."""
    if not word.startswith("@"):
        return word
    with suppress(OSError, ValueError):
        return Path(word[1:]).read_text("utf-8", "replace")
    return ""


def paths(incomplete: str) -> list[str]:
    """Return the files and folders that an unfinished path may become."""
    folder, slash, name = incomplete.rpartition("/")
    with suppress(OSError, ValueError):
        inside = sorted(Path((folder + slash) or ".").iterdir())
        return [
            f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
            for path in inside
            if path.name.startswith(name) and (name or not path.name.startswith("."))
        ]
    return []


def _formula(ctx: Any, incomplete: str) -> list[str]:
    return within(incomplete, [*data_columns(ctx, ""), *formula_names(ctx, "")])


def _assigned(ctx: Any, incomplete: str) -> list[str]:
    return [f"{name}=" for name in formula_names(ctx, incomplete)]


OF: dict[str, Any] = {
    "COLUMN": data_columns,
    "COLUMN[=FORM]": data_columns,
    "NAMES": formula_names,
    "NAME=VALUE": _assigned,
    "NAME=LOW:HIGH": _assigned,
    "FORMULA": _formula,
    "FILE": paths,
    "LOG": paths,
}
"""What proposes the value of an option, by what help calls that value."""
