"""What watches a minimisation: rows, a log file, a table, a live line, the end by a signal."""

from __future__ import annotations

# The part of `signal` in C: the rest takes a millisecond to import.
import _signal as signal  # type: ignore[import-not-found]
import math
import os
import select
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gradcli.cli.output import csv_text, is_terminal, width
from gradcli.errors import Terminated
from gradcli.graph.literals import json_text
from gradcli.sheets import Column, Entries, cells, headings
from gradcli.solvers.observer import Observer, Thinned
from gradcli.values import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from gradcli.cli.output import Output
    from gradcli.minimize.minimum import Epoch, Iterate

QUIET_SECONDS = 0.5
"""Seconds that a run may take before a line on stderr says how far it is."""
WIDTH = 11
"""Width, in characters, of a number in rows that a terminal gets as they are made."""
PATIENCE = 1.0
"""Seconds that a step may take after a signal; then, or at a second signal, it is interrupted."""


def columns(names: Sequence[str]) -> list[Column]:
    """Return the columns of steps, `names` being those of the numbers of the parameters."""
    return [
        Column("step"),
        Column("value"),
        Entries(names, lambda iterate: numbers(list(iterate.parameters.values()))),
        Column("gradient_norm", terminal="|gradient|"),
        Column("learning_rate", terminal=None),
    ]


class Stream:
    """Rows that are printed as they are made, below their headings."""

    def __init__(self, columns: Sequence[Column], output: Output) -> None:
        self._columns = columns
        self._output = output
        self._has_started = False

    def row(self, item: Any) -> None:
        """Print a row."""
        output = self._output
        rows = [cells(self._columns, item, output)]
        if not self._has_started:  # only now: an error at the start prints nothing
            rows.insert(0, headings(self._columns, output.form))
            self._has_started = True
        for row in rows:
            if output.pretty:
                output.stream("  ".join(cell.rjust(WIDTH) for cell in row))
            else:
                output.stream(output.text([row]).rstrip("\n"))
        if output.pretty and sys.stdout is not None:
            sys.stdout.flush()


class Rows(Observer):
    """Prints each n-th step and the last one, as it is made."""

    def __init__(self, names: Sequence[str], output: Output, stride: int) -> None:
        self._stream = Stream(columns(names), output)
        self.stride: int = stride
        self._skipped: Iterate | None = None

    def step(self, record: Iterate) -> None:
        """Print the step if it is one of those to show."""
        self._skipped = record if record.step % self.stride else None
        if self._skipped is None:
            self._stream.row(record)

    def end(self) -> None:
        """Print the last step if it was passed over."""
        skipped, self._skipped = self._skipped, None
        if skipped is not None:
            self._stream.row(skipped)


LOG_FORMATS: dict[str, Callable[[list[str], list[Any] | None], str]] = {
    ".csv": lambda keys, row: csv_text(
        [keys if row is None else ["" if x is None else repr(x) for x in row]]
    ),
    ".jsonl": lambda keys, row: (
        "" if row is None else json_text(dict(zip(keys, row, strict=True)), keeps_sign=True) + "\n"
    ),
}
"""The lines of a log by the ending of its file: of headings and values, at first of headings."""


class Log(Observer):
    """Rows of a log file, with numbers that read back exactly."""

    stride = 1

    def __init__(self, add: Callable[[str], None], columns: Sequence[Column], ending: str) -> None:
        self._add = add
        self._line = LOG_FORMATS[ending]
        self._columns = columns
        self._keys: list[str] = []

    def step(self, record: Iterate) -> None:
        """Write the row of a step."""
        self._write(record)

    def epoch(self, epoch: Epoch, point: Sequence[Any] | None) -> None:  # noqa: ARG002
        """Write the row of an epoch."""
        self._write(epoch)

    def _write(self, item: Any) -> None:
        if not self._keys:  # only now: an error at the start leaves the file of before
            self._keys = headings(self._columns, "rows")
            self._add(self._line(self._keys, None))
        row = [value for column in self._columns for value in column.values(item)]
        self._add(self._line(self._keys, row))


@contextmanager
def log_file(path: str | None, columns: Sequence[Column]) -> Iterator[Log | None]:
    """Give the block the log of --log, which can be followed while the run lasts."""
    if path is None:
        yield None
        return
    from gradcli.data.files import growing

    with growing(path) as add:
        yield Log(add, columns, next(filter(path.endswith, LOG_FORMATS)))


class Table(Thinned):
    """Keeps the steps that fit a terminal: evenly thinned, the last ones always."""

    def __init__(self, stride: int | None) -> None:
        room = max(8, _height() - 14)
        self._room = None if stride is not None else room
        super().__init__(None if stride is not None else 2 * room, stride or 1)

    def show(self, names: Sequence[str], output: Output, latest: Sequence[Iterate]) -> None:
        """Add the table, and the latest steps, to the output, with as many columns as fit."""
        self.thin(self._room)
        shown = {iterate.step: iterate for iterate in (*self._sampled, *latest)}
        table = columns(names)
        headers = headings(table, output.form)
        rows = [cells(table, shown[step], output) for step in sorted(shown)]
        index = headers.index(names[0])
        fitting = _fitting([headers, *rows], range(index, index + len(names)))
        hidden = len(headers) - len(fitting)
        output.table([headers[i] for i in fitting], [[row[i] for i in fitting] for row in rows])
        if hidden:
            do = "s do" if hidden > 1 else " does"
            output.line(f"{hidden} more parameter{do} not fit this width")


class Periodic(Observer):
    """Looks at a long run a few times a second, of whatever run the steps are."""

    sees_all_runs = True

    def __init__(self, *, is_wanted: bool) -> None:
        self._next = 0.0 if is_wanted else math.inf

    def start(self) -> None:
        """Begin to count the seconds."""
        self._next += time.monotonic() + QUIET_SECONDS

    def step(self, record: Iterate) -> None:
        """Look at the step if it is time to."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.2
            self.look(record)

    def look(self, record: Iterate) -> None:
        """Look at a step."""


class LiveLine(Periodic):
    """On a terminal, a line on stderr that says how far a long run is, and goes when it ends."""

    def __init__(self, about: Callable[[], str]) -> None:
        super().__init__(is_wanted=is_terminal(sys.stderr))
        self._shown = False
        self._about = about
        """Returns what is to be said besides of who computes."""

    def look(self, record: Iterate) -> None:
        """Write the line anew."""
        text = (
            f"step {record.step}, value {record.value:.6g}, "
            f"|gradient| {record.gradient_norm:.2g}{self._about()} (Ctrl-C stops)"
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


class Reader(Periodic):
    """Ends a run for whose result nobody waits: the reader of the pipe went away."""

    def __init__(self, output: Output) -> None:
        super().__init__(is_wanted=output.path is None)

    def look(self, record: Iterate) -> None:  # noqa: ARG002 - whatever the step
        """Look after the reader. Raises BrokenPipeError."""
        if _is_left(sys.stdout):
            raise BrokenPipeError


def _is_left(stream: Any) -> bool:
    """Return whether a stream is a pipe that no one reads any more, as far as can be known."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)  # errors and hang-ups are always reported
        return bool(poll.poll(0))
    except (OSError, AttributeError, ValueError):  # no file, or Windows, which has no poll
        return False


def _fitting(rows: Sequence[Sequence[str]], parameters: range) -> list[int]:
    """Return the columns that fit the terminal: all others, and of the parameters the first."""
    sizes = [max(len(row[i]) for row in rows) + 3 for i in range(len(rows[0]))]
    room = width() - sum(size for i, size in enumerate(sizes) if i not in parameters)
    shown = []
    for index in range(len(sizes)):
        if index in parameters:
            room -= sizes[index]
        if index not in parameters or room >= 0:
            shown.append(index)
    return shown


def _height() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines
    except (OSError, AttributeError, ValueError):
        return 24


# ---------------------------------------------------------------- signals


class Stop(Observer):
    """Whether a run is to end, by Ctrl-C, SIGTERM or SIGHUP, before its next step."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The first signal that came."""
        self._is_over = False

    def stop(self) -> bool:
        """Return whether a signal came; whoever asks will end the run, and may take time for it."""
        if self.number is not None:
            self.end()
        return self.number is not None

    def end(self) -> None:
        """Let what follows the run take its time: only a second signal breaks it off."""
        self._is_over = True
        _alarm(0)

    @property
    def code(self) -> int | None:
        """The exit code of a process that a signal ended; None without one."""
        return None if self.number is None else 128 + self.number

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Take note of a signal; the second one ends the block at once."""
        if self.number is not None:
            raise Terminated(number)
        self.number = number
        if not self._is_over:
            _alarm(PATIENCE)

    def lose_patience(self, _number: int, _frame: FrameType | None) -> None:
        """End the step that takes so long."""
        raise Terminated(self.number or signal.SIGINT)


@contextmanager
def after_the_step() -> Iterator[Stop]:
    """Give the block what says whether a signal came.

    Terminated, a KeyboardInterrupt, is raised only when nobody asks for a second, or at the second
    signal.
    """
    stop = Stop()
    threading = sys.modules.get("threading")  # without it there is one thread
    if threading is not None and threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread gets signals
        return
    handlers = dict.fromkeys(Terminated.SIGNALS, stop.take) | {"SIGALRM": stop.lose_patience}
    before = {
        name: signal.signal(getattr(signal, name), handler)
        for name, handler in handlers.items()
        if hasattr(signal, name)
    }
    try:
        yield stop
    finally:
        _alarm(0)
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
