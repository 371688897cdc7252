"""gradcli draw: the graph of a formula as a picture."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from gradcli.cli import arguments
from gradcli.errors import ExitCode, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.output import Output

FORMATS = ("svg", "png", "pdf", "dot")


def draw(
    words: Sequence[str], output: Output, *, picture_format: str | None = None, seed: int = 0
) -> ExitCode:
    """Write the picture to stdout or to the file that was named; its ending chooses the format."""
    chosen = _format(picture_format, output.path)
    problem = arguments.problem(words, seed).without_ranges("draw")
    content = problem.formula.draw(problem.values, format=chosen)
    output.binary(content)
    return ExitCode.DONE


def _format(given: str | None, path: str | None) -> str:
    if given is not None:
        if given not in FORMATS:
            message = f"--format must be one of {', '.join(FORMATS)}, not '{printable(given, 60)}'"
            raise UsageError(message)
        return given
    if path is None:
        return "svg"
    ending = PurePath(path).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        message = f"no picture format has the ending of '{printable(path, 60)}'"
        hint = f"use .{', .'.join(FORMATS)}, or give --format"
        raise UsageError(message, hint=hint)
    return ending
