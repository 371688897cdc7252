"""--plot: where the plot goes, and what it shows of a command's result."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from gradcli.cli.output import note, width
from gradcli.cli.steps import Watcher
from gradcli.cli.written import check_written
from gradcli.errors import UsageError, printable
from gradcli.plotting.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.data_options import OverRows
    from gradcli.cli.given import Given
    from gradcli.cli.output import Output
    from gradcli.minimization.minimum import Iterate, Minimum
    from gradcli.plotting.chart import Chart
    from gradcli.plotting.function import Function

FORMATS = ("svg", "png", "pdf")
BRAILLE_AND_BLOCKS = "⣿█┤→•"
"""What an encoding must have for a fine plot in the terminal."""


class Target(NamedTuple):
    """A file with the format of its ending, or the terminal, which has none."""

    path: str
    picture_format: str | None

    @property
    def is_text(self) -> bool:
        """Whether the plot is drawn with characters, as the result on stdout."""
        return self.picture_format is None


def target(path: str, output: Output, others: Mapping[str, str]) -> Target:
    """Return where the plot goes.

    `others` are the files of other options. Raises UsageError for a name without a known ending
    or that is one of the others, and errors for a file or a matplotlib that will not do.
    """
    if path == "-":
        if output.json or output.csv:
            option = "--json" if output.json else "--csv"
            message = f"--plot - draws on stdout, where {option} writes as well"
            raise UsageError(message, hint="give a file, for example --plot curve.svg")
        return Target(path, None)
    ending = PurePath(path).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        message = f"--plot writes a .svg, .png or .pdf file, not '{printable(path, 60)}'"
        raise UsageError(message, hint="for example --plot curve.svg; --plot - draws here")
    check_written("--plot", path, others)
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        from gradcli.plotting.picture import missing

        raise missing()
    return Target(path, ending)


def show(chart: Chart, to: Target, output: Output) -> None:
    """Write the plot to its file, or add it to the output, and say its notes."""
    if to.picture_format is None:
        from gradcli.plotting.canvas import Style
        from gradcli.plotting.characters import lines

        style = Style(_columns(output), _is_fine(output), output.colored)
        for line in lines(chart, style):
            output.line(line)
    else:
        from gradcli.data import files
        from gradcli.plotting.picture import drawn

        files.write(to.path, drawn(chart, to.picture_format))
    for sentence in chart.notes:
        note(sentence)


def _columns(output: Output) -> int:
    return width() if output.pretty else 80


def _is_fine(output: Output) -> bool:
    """Return whether where the output goes can show dots and blocks."""
    encoding = "utf-8" if output.path is not None else getattr(sys.stdout, "encoding", None)
    try:
        BRAILLE_AND_BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return output.path is not None or os.environ.get("TERM") != "dumb" or not output.pretty


# ---------------------------------------------------------------- eval and grad


def over_ranges(
    problems: Iterable[tuple[Problem, Sequence[str], Sequence[str]]],
    to: Target,
    output: Output,
    *,
    allow_nonfinite: bool,
) -> None:
    """Draw formulas over their ranges; with a file, print their tables as well.

    With each formula come the names to differentiate by, those of the plot and those of the table.
    A point without a value is a gap in the plot and nan in the table.
    """
    from gradcli.cli import tables
    from gradcli.plotting.function import Function
    from gradcli.plotting.functions import chart

    listed = list(problems)
    functions: list[Function] = [
        Function(p.formula, p.values, p.ranges, wrt, allow_nonfinite, p.where)
        for p, wrt, _ in listed
    ]
    show(chart(functions), to, output)
    if to.is_text:
        return
    for problem, _, wrt in listed:
        output.label = problem.source if problem.where else None
        tables.show(problem, output, wrt, allow_nonfinite=allow_nonfinite, gaps=True)


def over_rows(
    over: OverRows, wrt: Sequence[str], to: Target, output: Output, *, allow_nonfinite: bool
) -> None:
    """Draw a formula over the rows of data; with a file, print its table as well."""
    from gradcli.cli import tables
    from gradcli.plotting.data import chart

    show(chart(over.formula, wrt, allow_nonfinite=allow_nonfinite), to, output)
    if not to.is_text:
        tables.show_rows(over, output, wrt, allow_nonfinite=allow_nonfinite)


# ---------------------------------------------------------------- minimize


class MinimumPlot(Watcher):
    """The plot of a minimisation; it keeps the steps that it needs as they are made."""

    def __init__(self, path: str, output: Output, others: Mapping[str, str]) -> None:
        self._to = target(path, output, others)
        self._output = output
        self._steps = Steps()

    @property
    def is_text(self) -> bool:
        """Whether the plot is drawn with characters on stdout."""
        return self._to.is_text

    def see(self, iterate: Iterate) -> None:
        """Keep the step if it is one of those to show."""
        self._steps.see(iterate)

    def following(self, step: int) -> int:
        """Return the next step to keep."""
        return self._steps.following(step)

    def show(self, found: Minimum, given: Given) -> None:
        """Write the plot of what was found, or add it to the output."""
        iterates = self._steps.iterates
        if not found.epochs and not iterates:
            note("no epoch was completed, so there is no plot")
        else:
            show(_chart(found, iterates, given), self._to, self._output)


def _chart(found: Minimum, iterates: Sequence[Iterate], given: Given) -> Chart:
    from gradcli.minimization.task import task
    from gradcli.plotting.descent import chart, has_way
    from gradcli.rows.columns import values_of

    start, settings = given.start, given.settings
    held = {} if given.rows is None else given.rows.held
    objective, numbers = None, 1
    if has_way(found) and held is not None:
        objective = task(
            given.formula, given.formula.origin, start.values, start.fixed, held, settings
        ).objective
        numbers = max([array.size for array in held.values()], default=1)
    sigma = None
    if settings.sigma is not None and given.rows is not None:
        rows = values_of(given.rows)
        columns = rows if isinstance(rows, dict) else rows.hold().held
        sigma = columns[settings.sigma]
    bounds, confidence = start.bounds, settings.confidence
    return chart(found, iterates, objective, bounds, numbers, sigma, confidence)
