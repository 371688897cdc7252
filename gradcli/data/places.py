"""Where a row of a data file stands, for messages about its numbers."""

from __future__ import annotations

from gradcli.data.csv import records
from gradcli.data.input import Input
from gradcli.data.lines import line_blocks, line_feeds


def line_of_row(path: str, row: int) -> int | None:
    """Return the line of a CSV file in which a row, counted from 0, begins; None for other files.

    Cells in quotes may hold line breaks, so it is found by reading the file again.
    """
    name = path.lower()
    if not name.removesuffix(".gz").endswith((".csv", ".tsv")):
        return None
    before = -1  # the header is no row
    for lines in line_blocks(Input(path, compressed=name.endswith(".gz")), b" \t"):
        if b'"' not in lines.text:
            count = line_feeds(lines.text)
            if before + count > row:
                return lines.number + row - before
            before += count
            continue
        for number, _, _ in records(lines):
            if before == row:
                return number
            before += 1
    return None
