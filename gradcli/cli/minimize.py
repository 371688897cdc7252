"""gradcli minimize: the way down, step by step, and where it ends."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING

from gradcli.cli import arguments
from gradcli.cli.output import csv_text, json_text, note, width
from gradcli.errors import ExitCode, UsageError, printable
from gradcli.graph.text import number_text, value_text
from gradcli.objective import entries
from gradcli.optimize.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from gradcli.cli.output import Output
    from gradcli.formula import Minimum
    from gradcli.optimize.run import Record

LAST_STEPS = 3
"""How many of the last steps a thinned table always shows."""

_CODES = {
    Ending.CONVERGED: ExitCode.DONE,
    Ending.COMPLETED: ExitCode.DONE,
    Ending.EXHAUSTED: ExitCode.NOT_CONVERGED,
    Ending.DIVERGED: ExitCode.NOT_CONVERGED,
    Ending.INTERRUPTED: ExitCode.INTERRUPTED,
}


def minimize(
    words: Sequence[str],
    output: Output,
    *,
    method: str | None = None,
    rate: str | None = None,
    steps: str | None = None,
    tolerance: str | None = None,
    every: str | None = None,
    log: str | None = None,
    seed: int = 0,
) -> ExitCode:
    """Print the steps and the minimum; the exit code says whether it converged."""
    learning_rate = arguments.positive("--lr", rate)
    step_count = arguments.whole("--steps", steps, least=0)
    norm = arguments.not_negative("--tol", tolerance)
    stride = arguments.whole("--every", every, least=1)
    if log is not None and not log.endswith((".csv", ".jsonl")):
        message = f"--log writes a .csv or a .jsonl file, not '{printable(log, 60)}'"
        raise UsageError(message)
    problem = arguments.problem(words, seed).without_ranges("minimize")
    names = entries(problem.formula.checked(problem.values))
    with _log_file(log) as file:
        watchers: list[Watcher] = []
        if file is not None and log is not None:
            watchers.append(LogFile(names, file, json=log.endswith(".jsonl")))
        rows = None
        if output.pretty:
            rows = Table(stride)
            watchers.append(rows)
        elif not output.json:
            watchers.append(Rows(names, output, stride))

        def observe(record: Record) -> None:
            for watcher in watchers:
                watcher.see(record)

        found = problem.formula.minimize(
            problem.values,
            method="gd" if method is None else method,
            rate=learning_rate,
            steps=step_count,
            tolerance=norm,
            observe=observe,
        )
        for watcher in watchers:
            watcher.end()
    if rows is not None:
        rows.show(names, output)
    _result(problem.formula.origin.source if problem.formula.origin else "", found, output)
    return _CODES[found.outcome.reason.ending]


def _log_file(path: str | None) -> IO[str] | nullcontext[None]:
    if path is None:
        return nullcontext(None)
    from gradcli.data.files import replacing

    return replacing(path)  # type: ignore[return-value]


def _result(expression: str, found: Minimum, output: Output) -> None:
    if output.json:
        output.document(
            {
                "expression": expression,
                "method": found.method,
                "converged": found.converged,
                "reason": found.reason,
                "steps": found.steps,
                "evaluations": found.evaluations,
                "minimum": found.minimum,
                "parameters": found.parameters,
                "gradient_norm": found.gradient_norm,
                "statistics": None,
                "warnings": [],
            }
        )
    elif output.pretty:
        output.line(found.reason)
        output.line("")
        output.line(f"minimum {output.number(found.minimum)}")
        for name, value in found.parameters.items():
            output.line(f"{name} = {output.number(value)}")
    else:
        note(f"{found.method}, {found.reason}")
        if not found.converged and found.outcome.reason.ending is not Ending.COMPLETED:
            best = ", ".join(f"{n} = {value_text(x)}" for n, x in found.parameters.items())
            note(f"best: {number_text(found.minimum)} at {best}")
    output.finish()


class Watcher:
    """Sees every record of a run as it is made."""

    def see(self, record: Record) -> None:
        """Take note of a record."""

    def end(self) -> None:
        """Take note that the run is over."""


class Rows(Watcher):
    """Prints every step, or each n-th and the last, as it is made."""

    def __init__(self, names: Sequence[str], output: Output, stride: int | None) -> None:
        self._output = output
        self._stride = stride or 1
        self._skipped: Record | None = None
        self._header: list[str] | None = ["step", "value", *names, "gradient_norm", "learning_rate"]

    def see(self, record: Record) -> None:
        """Print the record if it is one of those to show."""
        if record.step % self._stride:
            self._skipped = record
            return
        self._skipped = None
        self._print(record)

    def end(self) -> None:
        """Print the last record if it was passed over."""
        if self._skipped is not None:
            self._print(self._skipped)

    def _print(self, record: Record) -> None:
        separator = "," if self._output.csv else "\t"
        if self._header is not None:  # only now: an error at the start prints nothing
            header = self._header
            text = csv_text([header]).rstrip("\n") if separator == "," else separator.join(header)
            self._output.stream(text)
            self._header = None
        numbers = (record.value, *record.point, record.gradient_norm, record.learning_rate)
        cells = [str(record.step), *[self._output.number(x) for x in numbers]]
        self._output.stream(separator.join(cells))


class LogFile(Watcher):
    """Writes every step to a CSV or JSON-lines file, with numbers that read back exactly."""

    def __init__(self, names: Sequence[str], file: IO[str], *, json: bool) -> None:
        self._columns = ["step", "value", *names, "gradient_norm", "learning_rate"]
        self._file = file
        self._json = json
        if not json:
            file.write(csv_text([self._columns]))

    def see(self, record: Record) -> None:
        """Write the record."""
        numbers = (record.value, *record.point, record.gradient_norm, record.learning_rate)
        if self._json:
            row = dict(zip(self._columns, (record.step, *numbers), strict=True))
            self._file.write(json_text(row) + "\n")
        else:
            self._file.write(",".join([str(record.step), *map(repr, numbers)]) + "\n")


class Table(Watcher):
    """Keeps the steps that fit a terminal: evenly thinned, the last ones always."""

    def __init__(self, stride: int | None) -> None:
        self._stride = stride or 1
        self._fixed = stride is not None
        self._kept: list[Record] = []
        self._last: deque[Record] = deque(maxlen=LAST_STEPS)
        self._room = max(8, _height() - 12)

    def see(self, record: Record) -> None:
        """Keep the record, for now or for good."""
        self._last.append(record)
        if record.step % self._stride == 0:
            self._kept.append(record)
            if not self._fixed and len(self._kept) > 2 * self._room:
                self._stride *= 2
                self._kept = [r for r in self._kept if r.step % self._stride == 0]

    def show(self, names: Sequence[str], output: Output) -> None:
        """Add the table to the output, with as many columns as fit."""
        kept = self._kept
        while not self._fixed and len(kept) > self._room:
            self._stride *= 2
            kept = [r for r in kept if r.step % self._stride == 0]
        shown = {record.step: record for record in (*kept, *self._last)}
        cells = [
            [
                str(record.step),
                output.cell(record.value),
                *[output.cell(x) for x in record.point],
                output.cell(record.gradient_norm),
            ]
            for record in (shown[step] for step in sorted(shown))
        ]
        headers = ["step", "value", *names, "|gradient|"]
        fitting = _fitting(headers, cells)
        hidden = len(headers) - len(fitting)
        output.table(
            [headers[i] for i in fitting], [[row[i] for i in fitting] for row in cells], right=0
        )
        if hidden:
            output.line(f"{hidden} more parameter{'s' * (hidden > 1)} do not fit this width")


def _fitting(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that fit the terminal: step, value, gradient, then parameters in order."""
    sizes = [max(len(row[i]) for row in (headers, *cells)) + 3 for i in range(len(headers))]
    room = width() - sizes[0] - sizes[1] - sizes[-1]
    shown = [0, 1]
    for place in range(2, len(headers) - 1):
        room -= sizes[place]
        if room < 0:
            break
        shown.append(place)
    return [*shown, len(headers) - 1]


def _height() -> int:
    import os

    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines
    except (OSError, AttributeError, ValueError):
        return 24
