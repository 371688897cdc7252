"""--plot: where the plot goes, and what it shows of a result; and the page of a minimisation."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from gradcli.cli.data import check_writable, read_points
from gradcli.cli.output import note, width
from gradcli.data.files import ending
from gradcli.errors import UsageError, printable
from gradcli.pictures.plots.looks import Looks, drawable, dressed
from gradcli.plotting.descent import KEPT_STEPS
from gradcli.records import NamedTuple
from gradcli.solvers.observer import Thinned
from gradcli.values import entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.data import OverRows
    from gradcli.cli.minimize_arguments import MinimizeProblem
    from gradcli.cli.options import Eval, Grad, Minimize, Plot
    from gradcli.cli.output import Output
    from gradcli.minimize.minimum import Epoch, Iterate, Minimum
    from gradcli.pictures.plots.chart import Chart
    from gradcli.plotting.curves import Function
    from gradcli.plotting.data import ScatterPoints
    from gradcli.plotting.descent import Overlay
    from gradcli.tables.ranges import Range
    from gradcli.tables.uncertain import RowErrors

INCHES = 1.0, 40.0
COLUMNS = 20, 1000
ROWS = 4, 500
"""The least and greatest --size: inches of a picture, columns and rows of characters."""
MOST_STEPS = 300
"""The most steps that a lesson page records, evenly spaced."""
BRAILLE_AND_BLOCKS = "⣿█┤→•"
"""Characters that the encoding must have for a plot of Braille dots and blocks in the terminal."""


class Target(NamedTuple):
    """A file with the format of its ending, or the terminal, which has none."""

    path: str
    picture_format: str | None
    looks: Looks = Looks()
    points: str | None = None
    """The file of points to lie over it."""

    @property
    def is_text(self) -> bool:
        """Whether the plot is drawn with characters, as the result on stdout."""
        return self.picture_format is None


def target(options: Plot, output: Output) -> Target:
    """Return where the plot goes and what it is to look like.

    Raises errors for looks, a file or a matplotlib that will not do.
    """
    path = options.plot or ""
    if path == "-":
        if output.json or output.csv:
            option = "--json" if output.json else "--csv"
            message = f"--plot - draws on stdout, where {option} writes as well"
            raise UsageError(message, hint="give a file, for example --plot curve.svg")
        return Target(path, None, _looks(options, is_text=True), options.points)
    check_writable(options)
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        from gradcli.pictures.plots.picture import missing

        raise missing()
    return Target(path, ending(path), _looks(options, is_text=False), options.points)


def _looks(options: Plot, *, is_text: bool) -> Looks:
    """Return how the plot is to look. Raises UsageError for what it cannot be."""
    size = None if options.size is None else _size(options.size, is_text=is_text)
    if options.surface and is_text:
        message = "--surface draws in three dimensions, which characters cannot"
        raise UsageError(message, hint="give a file, for example --plot surface.svg")
    return Looks(**{name: getattr(options, name) for name in Looks._fields} | {"size": size})


def _size(text: str, *, is_text: bool) -> tuple[float, float]:
    found = re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?)[x×](\d{1,4}(?:\.\d{1,4})?)", text, re.ASCII)
    limits = (COLUMNS, ROWS) if is_text else (INCHES, INCHES)
    size = None if found is None else (float(found[1]), float(found[2]))
    is_good = size is not None and all(
        low <= number <= high and (number.is_integer() or not is_text)
        for number, (low, high) in zip(size, limits, strict=True)
    )
    if size is None or not is_good:
        (least, most), (lowest, highest) = limits
        unit = "characters" if is_text else "inches"
        message = (
            f"--size is WIDTHxHEIGHT in {unit}, from {least:g}x{lowest:g} to {most:g}x{highest:g}, "
            f"not '{printable(text, 60)}'"
        )
        raise UsageError(message, hint=f"for example --size {'100x30' if is_text else '6x4'}")
    return size


def show(
    chart: Chart,
    to: Target,
    output: Output,
    points: ScatterPoints | None = None,
    headings: Mapping[str, str] | None = None,
) -> None:
    """Write the plot to its file, or add it to the output, and say its notes.

    `points` lie over it; `headings` are those of columns, for its labels.
    """
    if points is not None:
        from gradcli.plotting.data import with_points

        chart = with_points(chart, points)
    chart = drawable(dressed(chart, to.looks, headings))
    if to.picture_format is None:
        from gradcli.pictures.plots.characters import Style, lines

        style = Style(width() if output.pretty else 80, _is_fine(output), output.colored)
        for line in lines(chart, style):
            output.line(line)
    else:
        from gradcli.data import files
        from gradcli.pictures.plots.picture import drawn

        files.write(to.path, drawn(chart, to.picture_format))
    for sentence in chart.notes:
        note(sentence)


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
    problems: Sequence[tuple[Problem, Sequence[str]]],
    to: Target,
    output: Output,
    options: Eval | Grad,
    beside: Sequence[Problem] = (),
) -> None:
    """Draw formulas over their ranges; with a file, print their tables as well.

    With each formula come the names of its derivatives; without --wrt the plot has only those with
    respect to ranges, the slopes that one sees in it. Formulas `beside` them are only drawn, over
    the ranges of the first. A point without a value is a gap in the plot and nan in the table.
    """
    from gradcli.cli import tables
    from gradcli.plotting.functions import chart

    is_chosen = getattr(options, "wrt", None) is not None
    functions = []
    for problem, wrt in problems:
        shown = [name for name in wrt if is_chosen or name in problem.ranges]
        functions.append(_function(problem, output, problem.ranges, shown))
    functions += [_function(problem, output, problems[0][0].ranges) for problem in beside]
    points = None if to.points is None else read_points(options, to.points)
    show(chart(functions), to, output, points)
    if to.is_text:
        return
    for problem, wrt in problems:
        output.label = problem.source if problem.prefix else None
        tables.show(problem, output, wrt, gaps=True)


def _function(
    problem: Problem, output: Output, ranges: Mapping[str, Range], wrt: Sequence[str] = ()
) -> Function:
    """Return a formula with its values over ranges, as it is to be drawn."""
    from gradcli.plotting.curves import Function

    nonfinite, errors = output.allow_nonfinite, None if wrt else _row_errors(problem)
    return Function(problem.formula, problem.values, ranges, wrt, nonfinite, errors, problem.prefix)


def _row_errors(problem: Problem) -> RowErrors | None:
    """Return the uncertain numbers of what is to be drawn; a contour shows none."""
    if problem.known is None:
        return None
    if len(problem.ranges) > 1:
        problem.known.refuse(problem, "a contour shows no standard errors", "give one range")
        return None
    found: RowErrors | None = problem.known.of_rows(problem)
    return found


def over_rows(
    over: OverRows,
    wrt: Sequence[str],
    to: Target,
    output: Output,
) -> None:
    """Draw a formula over the rows of data; with a file, print its table as well."""
    from gradcli.cli import tables
    from gradcli.plotting.data import chart

    if to.points is not None:
        message = "--points lies over a curve or a contour, and the rows of --data are points"
        raise UsageError(message, hint="leave out --points")
    made = chart(
        over.formula,
        wrt,
        over.against,
        [_function(p, output, {}) for p in over.curves],
        errors=None if wrt else _row_errors(over.problem()),
        allow_nonfinite=output.allow_nonfinite,
        log_x=to.looks.log_x,
    )
    show(made, to, output, headings=over.formula.source.headings)
    if not to.is_text:
        tables.show_rows(over, output, wrt)


# ---------------------------------------------------------------- minimize


class MinimumPlot(Thinned):
    """The plot of a minimisation; it keeps the steps that it needs as they are made."""

    def __init__(self, to: Target, output: Output, options: Minimize) -> None:
        super().__init__(KEPT_STEPS)
        self._to = to
        self._output = output
        self._points: ScatterPoints | None = None
        if to.points is not None:
            if options.learns:
                message = "--points lies over a contour or a fit, and epochs have curves alone"
                raise UsageError(message, hint="leave out --points")
            self._points = read_points(options, to.points)
        self._overlays: list[Overlay] = []
        for path in options.overlay:
            from gradcli.plotting.descent import read_log

            log = read_log(path)
            counts = "epoch" if options.learns else "step"
            if log.counts != counts:
                message = f"{printable(path, 60)} has {log.counts}s, and this run has {counts}s"
                raise UsageError(message, hint=f"leave out --overlay {printable(path, 60)}")
            self._overlays.append(log)

    @property
    def is_text(self) -> bool:
        """Whether the plot is drawn with characters on stdout."""
        return self._to.is_text

    def check(self, problem: MinimizeProblem) -> None:
        """Raise UsageError for points where it is sure that nothing is for them to lie over."""
        count = len(entries(problem.start.values))
        if self._points is not None and problem.rows is None and count > 2:
            message = f"--points lies over the contour of two parameters, and this run has {count}"
            hold = ", or hold others with --fix"
            raise UsageError(message, hint=f"leave out --points{hold}")

    def show(self, minimum: Minimum, problem: MinimizeProblem, others: Sequence[Minimum]) -> None:
        """Write the plot of what was found, or add it to the output; beside it are `others`."""
        from gradcli.plotting.data import takes_points

        iterates = self.iterates
        if not minimum.epochs and not iterates:
            note("no epoch was completed, so there is no plot")
        else:
            chart = _chart(minimum, iterates, problem, self._overlays, others)
            headings = None if problem.source is None else problem.source.headings
            points = self._points
            if points is not None and not takes_points(chart):
                note("the plot has no contour and no fit of one predictor for --points to lie over")
                points = None
            show(chart, self._to, self._output, points, headings)


def _chart(
    minimum: Minimum,
    iterates: Sequence[Iterate],
    problem: MinimizeProblem,
    overlays: Sequence[Overlay],
    others: Sequence[Minimum],
) -> Chart:
    from gradcli.minimize.task import task
    from gradcli.plotting.descent import chart, has_trajectory

    request, settings = problem.request, problem.settings
    is_held = isinstance(request.data, dict)
    objective, numbers = None, 1
    if has_trajectory(minimum) and is_held:
        objective = task(request).objective
        numbers = max([array.size for array in request.data.values()], default=1)
    sigma = None
    if settings.sigma is not None and problem.rows is not None:
        sigma = (request.data if is_held else request.data.hold().held)[settings.sigma]
    bounds, confidence = problem.start.bounds, settings.confidence
    return chart(minimum, iterates, objective, bounds, numbers, sigma, confidence, overlays, others)


# ---------------------------------------------------------------- minimize -o


class Lesson(Thinned):
    """The page of a minimisation; it keeps the steps and the epochs that it shows."""

    def __init__(self, path: str) -> None:
        super().__init__(MOST_STEPS)
        self._path = path
        self._epochs: list[tuple[int, Sequence[Any]]] = []

    def epoch(self, epoch: Epoch, point: Sequence[Any] | None) -> None:
        """Keep the parameters after an epoch."""
        if point is not None:
            self._epochs.append((epoch.epoch, point))

    def write(self, minimum: Minimum, problem: MinimizeProblem) -> None:
        """Write the page of what was found."""
        from gradcli.data import files
        from gradcli.graph.printing import latex_lines
        from gradcli.pictures.lesson.page import descent
        from gradcli.plotting.replay import learned, replay

        if self._epochs:
            content = learned(problem.request, minimum, self._epochs)
        elif self.iterates:
            content = replay(problem.request, minimum, self.iterates)
        else:
            note("no epoch was completed, so there is no lesson")
            return
        said = f"{minimum.method} ({minimum.why}) {minimum.reason}"
        formula = problem.formula
        lines = latex_lines(formula.graph, formula.id, is_model=formula.is_model)
        files.write(self._path, descent(problem.start.source, lines, content, said))
