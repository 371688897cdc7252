"""gradcli draw: the graph of a formula as a picture."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gradcli.cli import arguments
from gradcli.cli.output import Output, is_terminal, say_notes
from gradcli.data.files import ending, is_special
from gradcli.drawing.picture import FORMATS
from gradcli.errors import ExitCode, UsageError, printable
from gradcli.limits import DRAWN_NODES
from gradcli.options import spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.options import Draw
    from gradcli.findings import Note


def draw(words: Sequence[str], options: Draw) -> ExitCode:
    """Write the picture to stdout or to the file that was named; its ending chooses the format."""
    chosen = _format(options)
    if not FORMATS[chosen].is_picture:
        for field in options.given("rankdir", "local", "most_nodes"):
            name = spelled(field)
            message = (
                f"{name} is about a picture, and --format {chosen} holds all data of the graph"
            )
            raise UsageError(message, hint=f"leave out {name}")
    problem = arguments.problem(words, options.seed).without_ranges("draw")
    if options.local in {"number", "both"} and problem.formula.free_names and not problem.values:
        names = " ".join(f"{name}=…" for name in problem.formula.free_names[:5])
        message = f"--local {options.local} needs values"
        raise UsageError(message, hint=f"add {names}, or write --local formula")
    if FORMATS[chosen].starts and options.path is None and is_terminal(sys.stdout):
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
        gradient=not options.no_grad,
        rankdir=options.rankdir,
        local=options.local,
        only_named=options.only_named,
        most_nodes=DRAWN_NODES if options.most_nodes is None else options.most_nodes,
        observe=notes.append,
    )
    Output.of(options).binary(content)
    say_notes(notes if problem.values else [*notes, *problem.notes()])
    return ExitCode.DONE


def _format(options: Draw) -> str:
    path = options.path
    if options.format is not None:
        return options.format
    if path is None:
        return "svg"
    chosen = ending(path)
    if not chosen and is_special(path):
        return "svg"  # as on stdout
    if chosen not in FORMATS:
        message = f"no picture format has the ending of '{printable(path, 60)}'"
        hint = f"use .{', .'.join(FORMATS)}, or give --format"
        raise UsageError(message, hint=hint)
    return chosen
