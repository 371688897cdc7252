"""The file of --predictions: what a fit says about each row, as CSV."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcli.cli.output import csv_text, note
from gradcli.data import files
from gradcli.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.minimization.predictions import Predictions

LINES = 1 << 12
"""How many lines are made at a time; a number takes more memory as a text."""


def check_ending(path: str) -> None:
    """Raise UsageError for a file that is no CSV."""
    if not path.endswith(".csv"):
        message = f"--predictions writes a .csv file, not '{printable(path, 60)}'"
        raise UsageError(message, hint="for example --predictions fitted.csv")


def write(path: str, found: Predictions, classes: Mapping[str, Sequence[str]]) -> None:
    """Write the table, whole or not at all; numbers read back exactly, and what is none is empty.

    `classes` are the texts that the numbers of a column stand for. Raises FileError.
    """
    names = found.names
    with files.writing(path) as file:
        file.write(csv_text([names]))
        for block in found.blocks():
            for start in range(0, len(block[names[0]]), LINES):
                some = slice(start, start + LINES)
                columns = [_cells(block[name][some].tolist(), classes.get(name)) for name in names]
                rows = zip(*columns, strict=True)
                lines = csv_text(rows) if classes else "\n".join(map(",".join, rows)) + "\n"
                file.write(lines)
    for warning in found.warnings:
        note(f"warning: {warning}")


def _cells(numbers: Sequence[float], texts: Sequence[str] | None) -> list[str]:
    if texts is not None:
        return [texts[int(number)] for number in numbers]
    return ["" if math.isnan(number) else repr(number) for number in numbers]
