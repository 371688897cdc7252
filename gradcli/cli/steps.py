"""The steps of a minimisation as they are made: rows, a log file, a table, a live line."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gradcli.cli.output import csv_text, width
from gradcli.graph.strict_json import json_text
from gradcli.headings import ours
from gradcli.minimization.layout import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gradcli.cli.output import Output
    from gradcli.minimization.minimum import Iterate

QUIET_SECONDS = 0.5
"""How long a run may take before a line says that it is at work."""


class Watcher:
    """Sees every step of a run as it is made."""

    def see(self, iterate: Iterate) -> None:
        """Take note of a step."""

    def following(self, step: int) -> int | None:
        """Return the next step after this one that it wants to see for sure, or None."""
        return step + 1

    def end(self) -> None:
        """Take note that the run is over."""


class Rows(Watcher):
    """Prints each n-th step and the last one, as it is made."""

    def __init__(self, names: Sequence[str], output: Output, stride: int) -> None:
        self._output = output
        self._stride = stride
        self._skipped: Iterate | None = None
        self._header: list[str] | None = columns(names)

    def see(self, iterate: Iterate) -> None:
        """Print the step if it is one of those to show."""
        if iterate.step % self._stride:
            self._skipped = iterate
            return
        self._skipped = None
        self._print(iterate)

    def following(self, step: int) -> int:
        """Return the next step to print."""
        return _multiple(step, self._stride)

    def end(self) -> None:
        """Print the last step if it was passed over."""
        if self._skipped is not None:
            self._print(self._skipped)

    def _print(self, iterate: Iterate) -> None:
        separator = "," if self._output.csv else "\t"
        if self._header is not None:  # only now: an error at the start prints nothing
            header = self._header
            text = csv_text([header]).rstrip("\n") if separator == "," else separator.join(header)
            self._output.stream(text)
            self._header = None
        cells = [str(iterate.step), *[self._output.number(x) for x in _numbers(iterate)]]
        self._output.stream(separator.join(cells))


class LogFile(Watcher):
    """Writes every step to the file of --log."""

    def __init__(self, names: Sequence[str], log: Log) -> None:
        self._log = log
        self._columns: list[str] | None = columns(names)

    def see(self, iterate: Iterate) -> None:
        """Write the step."""
        if self._columns is not None:  # only now: an error at the start leaves the file of before
            self._log.begin(self._columns)
            self._columns = None
        self._log.row([iterate.step, *_numbers(iterate)])


class Log:
    """Rows of a CSV or JSON-lines file, with numbers that read back exactly."""

    def __init__(self, add: Callable[[str], None], *, json: bool) -> None:
        self._add = add
        self._json = json
        self._columns: list[str] = []

    def begin(self, columns: list[str]) -> None:
        """Begin the file with the headings of its columns."""
        self._columns = columns
        self._add("" if self._json else csv_text([columns]))

    def row(self, row: Sequence[float | None]) -> None:
        """Write a row; None is an empty cell in CSV."""
        if self._json:
            line = json_text(dict(zip(self._columns, row, strict=True)), keeps_sign=True)
        else:
            line = ",".join(["" if x is None else repr(x) for x in row])
        self._add(line + "\n")


@contextmanager
def log_file(path: str | None) -> Iterator[Log | None]:
    """Give the block the log of --log, which can be followed while the run lasts."""
    if path is None:
        yield None
        return
    from gradcli.data.files import growing

    with growing(path) as add:
        yield Log(add, json=path.endswith(".jsonl"))


def columns(names: Sequence[str]) -> list[str]:
    """Return the headings of the steps of parameters with these names."""
    step, value, norm, rate = ours(["step", "value", "gradient_norm", "learning_rate"], names)
    return [step, value, *names, norm, rate]


class Table(Watcher):
    """Keeps the steps that fit a terminal: evenly thinned, the last ones always."""

    def __init__(self, stride: int | None) -> None:
        self._stride = stride or 1
        self._fixed = stride is not None
        self._kept: list[Iterate] = []
        self._room = max(8, _height() - 14)

    def see(self, iterate: Iterate) -> None:
        """Keep the step, for now or for good."""
        if iterate.step % self._stride == 0:
            self._kept.append(iterate)
            if not self._fixed and len(self._kept) > 2 * self._room:
                self._stride *= 2
                self._kept = [r for r in self._kept if r.step % self._stride == 0]

    def following(self, step: int) -> int:
        """Return the next step to keep."""
        return _multiple(step, self._stride)

    def show(self, names: Sequence[str], output: Output, latest: Sequence[Iterate]) -> None:
        """Add the table, and the latest steps, to the output, with as many columns as fit."""
        kept = self._kept
        while not self._fixed and len(kept) > self._room:
            self._stride *= 2
            kept = [r for r in kept if r.step % self._stride == 0]
        shown = {iterate.step: iterate for iterate in (*kept, *latest)}
        cells = [
            [str(step), *[output.cell(x) for x in _numbers(shown[step])[:-1]]]
            for step in sorted(shown)
        ]
        headers = [*ours(["step", "value"], names), *names, "|gradient|"]
        fitting = _fitting(headers, cells)
        hidden = len(headers) - len(fitting)
        output.table(
            [headers[i] for i in fitting], [[row[i] for i in fitting] for row in cells], right=0
        )
        if hidden:
            do = "s do" if hidden > 1 else " does"
            output.line(f"{hidden} more parameter{do} not fit this width")


class LiveLine(Watcher):
    """On a terminal, a line on stderr that says how far a long run is, and goes when it ends."""

    def __init__(self) -> None:
        self._next = time.monotonic() + QUIET_SECONDS
        self._shown = False

    def see(self, iterate: Iterate) -> None:
        """Write the line anew, a few times a second."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.2
        text = (
            f"step {iterate.step}, value {iterate.value:.6g}, "
            f"|gradient| {iterate.gradient_norm:.2g} (Ctrl-C stops)"
        )
        self._write("\r\x1b[K" + text[: width(sys.stderr) - 1])
        self._shown = True

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = False

    def _write(self, text: str) -> None:
        with suppress(OSError, AttributeError):
            sys.stderr.write(text)
            sys.stderr.flush()


def _multiple(step: int, stride: int) -> int:
    """Return the first multiple of the stride above a step."""
    return step - step % stride + stride


def _numbers(iterate: Iterate) -> list[float]:
    """Return the numbers of a step in the order of the columns."""
    point = numbers(list(iterate.parameters.values()))
    return [iterate.value, *point, iterate.gradient_norm, iterate.learning_rate]


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
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines
    except (OSError, AttributeError, ValueError):
        return 24
