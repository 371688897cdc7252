"""Tables over ranges: a row for each point, on a terminal, in a pipe, as CSV and as JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.cli.output import SHOWN_NOTES, note
from gradcli.errors import GradcliError, MathematicsError, ShapeError
from gradcli.graph.literals import double_text, number_text
from gradcli.graph.printing import label as node_label
from gradcli.limits import ELEMENTS
from gradcli.records import NamedTuple
from gradcli.sheets import ours
from gradcli.values import entry_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.data import OverRows
    from gradcli.cli.output import Output
    from gradcli.graph.shapes import Shape
    from gradcli.tables import ranges
    from gradcli.tables.ranges import Block
    from gradcli.tables.rows import RowTable

    Table = ranges.Table | RowTable


SHOWN_ROWS = 40
"""The most rows of a table on a terminal; of a longer one the first and last rows are shown."""


HELD = 16 << 20
"""Characters of a table that are buffered, so that an early error leaves stdout empty."""


def show(
    problem: Problem,
    output: Output,
    wrt: Sequence[str] = (),
    *,
    gaps: bool = False,
) -> None:
    """Print inputs, value and derivatives with respect to `wrt` for every point of the ranges.

    Beside a plot with `gaps`, which has said what is to be said, nan stands for what has no value.
    Where names have errors, so has each value, in place of derivatives.
    """
    from gradcli.tables import ranges

    names = list(problem.ranges)

    make = partial(ranges.Table, problem.formula, problem.values, problem.ranges, gaps=gaps)
    table = _shown(_Headings(problem, names, names, (), wrt), make, output)
    kinks = [] if gaps else list(table.kinks)[:SHOWN_NOTES]
    for sentence in [*kinks, *[*table.notes(), *_single(problem)][:SHOWN_NOTES]]:
        note(problem.prefix + sentence)


class _Headings(NamedTuple):
    """What the columns of a table are called."""

    problem: Problem
    names: list[str]
    """Of the first columns."""
    inputs: list[str]
    """Of these, where one with arrays is many."""
    entry: Shape
    """The shape of a value."""
    wrt: Sequence[str] = ()
    errors: Sequence[str] = ()
    """What stands beside the value in place of derivatives."""

    def listed(self) -> list[str]:
        """Return the headings: those of the user, and ours, which step aside for them."""
        more = self.errors or [f"d/d{name}" for name in self.wrt]
        return [*self.inputs, *ours([*entry_names("value", self.entry), *more], self.inputs)]


def _shown(head: _Headings, make: Callable[..., Table], output: Output) -> Table:
    """Print a table, with standard errors in place of derivatives where there are some; return it.

    Where only a saved fit would give them and a row has none, a note says so.
    """
    problem, known = head.problem, None
    make = partial(make, allow_nonfinite=output.allow_nonfinite, digits=output.digits)
    errors = None if head.wrt else problem.known
    if errors is not None and errors.are_wanted(problem, output):
        known = errors.of_rows(problem)
    if errors is not None and known is not None:
        from gradcli.tables.uncertain import with_errors

        try:
            table = make(known.names, second=known.has_second)
            blocks = with_errors(table.blocks(), known, head.names)
            _print(head._replace(errors=known.keys), blocks, output)
        except (MathematicsError, ShapeError) as error:
            if errors.are_needed(problem):
                raise
            note(f"{problem.prefix}the values have no standard errors: {error.message}")
        else:
            return table
    table = make(head.wrt)
    _print(head, table.blocks(), output)
    return table


def _print(head: _Headings, blocks: Iterable[Block], output: Output) -> None:
    if output.json:
        output.document(_document(head, blocks))
    elif output.pretty:
        _pretty(blocks, head.listed(), output)
    else:
        _write_held(_lines(blocks, head.listed(), output), output)


def show_rows(over: OverRows, output: Output, wrt: Sequence[str] = ()) -> None:
    """Print columns, value and derivatives with respect to `wrt` for every row of the data.

    Nothing is written until HELD characters are worked out, so that of a shorter table an error
    leaves nothing in a pipe.
    """
    from gradcli.tables.rows import RowTable

    formula = over.formula

    names = list(formula.columns)
    inputs = [entry for each in formula.columns.items() for entry in entry_names(*each)]
    head = _Headings(over.problem(), names, inputs, formula.entry, wrt)
    table = _shown(head, partial(RowTable, formula), output)
    for sentence in [*list(table.kinks)[:SHOWN_NOTES], *table.notes()]:
        note(over.prefix + sentence)


def _write_held(blocks: Iterable[list[str]], output: Output) -> None:
    """Write blocks of lines, the first of them only when HELD characters are there."""
    waiting: list[list[str]] = []
    length = 0
    for lines in blocks:
        if length <= HELD:
            waiting.append(lines)
            length += sum(map(len, lines))
            continue
        for before in waiting:
            output.block(before)
        waiting.clear()
        output.block(lines)
    for before in waiting:
        output.block(before)


def _single(problem: Problem) -> list[str]:
    """Return what is to be said about sums and the like of one number, as sum(x) over a range."""
    graph, root = problem.formula.graph, problem.formula.id
    order = graph.reachable([root])
    varying = {node for name, node in graph.variables([root]).items() if name in problem.ranges}
    example = next(iter(problem.ranges))
    return [
        f"{graph.rows[node][0].name} has one number in each row; for all numbers at once give an "
        f"array, as in {example}=[1, 2, 3]: {node_label(graph, node)}"
        for node in sorted(graph.depending_on(varying, order))
        if graph.rows[node][0].payload == "axis" and not graph.shape(graph.rows[node][1][0])
    ]


def _columns(block: Block) -> list[Any]:
    return [*block.inputs, block.value, *block.slopes]


def _flat(block: Block) -> Iterator[Any]:
    """Yield the columns of a block, those of arrays as one for each number of an entry."""
    for column in _columns(block):
        if column.ndim == 1:
            yield column
        else:
            yield from column.reshape(len(column), -1).T


def _lines(blocks: Iterable[Block], headers: Sequence[str], output: Output) -> Iterator[list[str]]:
    """Yield the lines of a table, block by block, below the headers."""
    separator = "," if output.csv else "\t"
    label = output.text([output.labelled([])]).rstrip("\n")
    label += separator if label else ""
    head: list[str] | None = None
    for block in blocks:
        if head is None:  # only now: an error before leaves none
            head = output.text(output.heading(headers)).splitlines()
        columns = [_texts(column, output) for column in _flat(block)]
        yield [*head, *[label + separator.join(row) for row in zip(*columns, strict=True)]]
        head = []


def _texts(column: Any, output: Output) -> list[str]:
    write = double_text if getattr(column, "dtype", None) == "float64" else number_text
    if output.is_rounded:
        write = output.number
    return ["" if x is None else write(x) for x in column.tolist()]


def _document(head: _Headings, blocks: Iterable[Block]) -> dict[str, Any]:
    """Return a table as JSON."""
    more = head.errors or head.wrt
    collected: list[list[Any]] = [[] for _ in [*head.names, "value", *more]]
    count = 0
    for block in blocks:
        count += sum(column.size for column in _columns(block))
        if count > ELEMENTS:
            message = f"more than {ELEMENTS} numbers are too many for one JSON object"
            raise GradcliError(message, hint="--csv writes rows as they are computed")
        for whole, part in zip(collected, _columns(block), strict=True):
            whole.extend(part.tolist())
    beside = dict(zip(more, collected[len(head.names) + 1 :], strict=True))
    return {
        "expression": head.problem.source,
        "columns": dict(zip(head.names, collected, strict=False)),
        "value": collected[len(head.names)],
        **(beside if head.errors or not beside else {"gradient": beside}),
    }


def _pretty(blocks: Iterable[Block], headers: Sequence[str], output: Output) -> None:
    """Show the first rows and the last ones, of a table that may be of any length."""
    half = SHOWN_ROWS // 2
    first: list[tuple[float, ...]] = []
    last: list[tuple[float, ...]] = []
    count = 0
    for block in blocks:
        columns = list(_flat(block))
        rows = len(block.value)
        taken = min(half - len(first), rows)
        first += zip(*[column[:taken].tolist() for column in columns], strict=True)
        # One more than is shown: the line that says what is hidden would be as long as a row.
        ends = [column[max(taken, rows - half - 1) :].tolist() for column in columns]
        last = [*last, *zip(*ends, strict=True)][-half - 1 :]
        count += rows
    hidden = count - SHOWN_ROWS
    shown = [[output.cell(x) for x in row] for row in first]
    if hidden > 1:
        shown.append(["…"] * len(headers))
        last = last[1:]
    shown += [[output.cell(x) for x in row] for row in last]
    output.table(headers, shown)
    if hidden > 1:
        output.line(f"{hidden} rows in between are not shown; a pipe gets them all")
