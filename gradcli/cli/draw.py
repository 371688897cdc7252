"""gradcli draw: the graph of a formula as a picture."""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from gradcli.cli import arguments
from gradcli.cli.output import is_terminal, say_notes
from gradcli.data.files import is_special
from gradcli.drawing.picture import FORMATS
from gradcli.errors import ExitCode, UsageError, printable
from gradcli.limits import DRAWN_NODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.output import Output
    from gradcli.findings import Note


BINARY = ("png", "pdf")
"""The formats that are no text."""


class Style(NamedTuple):
    """How the picture is to look: the options of the command."""

    picture_format: str | None = None
    gradient: bool = True
    rankdir: str = "LR"
    local: str | None = None
    only_named: bool = False
    most_nodes: str | None = None


def draw(words: Sequence[str], output: Output, style: Style, *, seed: int = 0) -> ExitCode:
    """Write the picture to stdout or to the file that was named; its ending chooses the format."""
    chosen = _format(style.picture_format, output.path)
    most = arguments.whole("--max-nodes", style.most_nodes, least=1)
    if chosen == "json":
        _check_data(style)
    problem = arguments.problem(words, seed).without_ranges("draw")
    if style.local in {"number", "both"} and problem.formula.free_names and not problem.values:
        names = " ".join(f"{name}=…" for name in problem.formula.free_names[:5])
        message = f"--local {style.local} needs values"
        raise UsageError(message, hint=f"add {names}, or write --local formula")
    if chosen in BINARY and output.path is None and is_terminal(sys.stdout):
        message = f"a terminal cannot show a {chosen} picture"
        raise UsageError(message, hint=f"write it to a file: -o graph.{chosen}")
    notes: list[Note] = []
    values = problem.values
    if problem.errors:
        from gradcli.uncertainty.number import Uncertain

        errors = problem.errors
        values = {n: Uncertain(x, errors[n]) if n in errors else x for n, x in values.items()}
    content = problem.formula.draw(
        values,
        format=chosen,
        gradient=style.gradient,
        rankdir=style.rankdir,
        local=style.local,
        only_named=style.only_named,
        most_nodes=DRAWN_NODES if most is None else most,
        observe=notes.append,
    )
    output.binary(content)
    say_notes(notes if problem.values else [*notes, *problem.notes()])
    return ExitCode.DONE


def _check_data(style: Style) -> None:
    """Raise UsageError for an option about the look of a picture, which data do not have."""
    for option, is_given in (
        ("--rankdir", style.rankdir != Style().rankdir),
        ("--local", style.local is not None),
        ("--max-nodes", style.most_nodes is not None),
    ):
        if is_given:
            message = f"{option} is about a picture, and --format json holds all data of the graph"
            raise UsageError(message, hint=f"leave out {option}")


def _format(given: str | None, path: str | None) -> str:
    if given is not None:
        if given not in FORMATS:
            message = f"--format must be one of {', '.join(FORMATS)}, not '{printable(given, 60)}'"
            raise UsageError(message)
        return given
    if path is None:
        return "svg"
    ending = PurePath(path).suffix.lower().removeprefix(".")
    if not ending and is_special(path):
        return "svg"  # as on stdout
    if ending not in FORMATS:
        message = f"no picture format has the ending of '{printable(path, 60)}'"
        hint = f"use .{', .'.join(FORMATS)}, or give --format"
        raise UsageError(message, hint=hint)
    return ending
