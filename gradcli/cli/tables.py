"""Tables over ranges: a row for each point, on a terminal, in a pipe, as CSV and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.cli.output import note
from gradcli.graph.text import label, number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.output import Output
    from gradcli.table import Block, Table

SHOWN_ROWS = 40
"""A longer table is shown on a terminal by its first and last rows."""


def show(
    problem: Problem,
    output: Output,
    wrt: Sequence[str] = (),
    *,
    allow_nonfinite: bool = False,
) -> None:
    """Print inputs, value and derivatives by `wrt` for every point of the ranges."""
    from gradcli.table import Table

    table = Table(
        problem.formula, problem.values, problem.ranges, wrt, allow_nonfinite=allow_nonfinite
    )
    headers = [*problem.ranges, "value", *[f"d/d{name}" for name in wrt]]
    if output.json:
        output.document(_document(problem, table, wrt))
    elif output.pretty:
        _pretty(table, headers, output)
    else:
        separator = "," if output.csv else "\t"
        head = [separator.join(headers)]
        for block in table.blocks():  # the first one comes only if all points have values
            columns = [_texts(column, output) for column in _columns(block)]
            output.block([*head, *map(separator.join, zip(*columns, strict=True))])
            head = []
    for node, sentence in list(table.kinks.items())[:5]:
        note(f"{problem.where}{sentence}: {label(problem.formula.graph, node)}")


def _columns(block: Block) -> list[Any]:
    return [*block.inputs, block.value, *block.slopes]


def _texts(column: Any, output: Output) -> list[str]:
    write = number_text if output.digits is None else output.number
    return [write(x) for x in column.tolist()]


def _document(problem: Problem, table: Table, wrt: Sequence[str]) -> dict[str, Any]:
    collected: list[list[float]] = [[] for _ in range(len(problem.ranges) + 1 + len(wrt))]
    for block in table.blocks():
        for whole, part in zip(collected, _columns(block), strict=True):
            whole.extend(part.tolist())
    names = list(problem.ranges)
    document: dict[str, Any] = {
        "expression": problem.source,
        "columns": dict(zip(names, collected, strict=False)),
        "value": collected[len(names)],
    }
    if wrt:
        document["gradient"] = dict(zip(wrt, collected[len(names) + 1 :], strict=True))
    return document


def _pretty(table: Table, headers: Sequence[str], output: Output) -> None:
    half = SHOWN_ROWS // 2
    hidden = table.rows - SHOWN_ROWS
    hidden = 0 if hidden == 1 else hidden  # the line that says so would be as long
    rows: list[list[str]] = []
    for place, row in enumerate(_rows(table)):
        if hidden <= 0 or place < half or place >= table.rows - half:
            rows.append([output.cell(x) for x in row])
        elif place == half:
            rows.append(["…"] * len(headers))
    output.table(headers, rows)
    if hidden > 0:
        output.line(f"{hidden} rows in between are not shown; a pipe gets them all")


def _rows(table: Table) -> Iterator[tuple[float, ...]]:
    for block in table.blocks():
        yield from zip(*[column.tolist() for column in _columns(block)], strict=True)
