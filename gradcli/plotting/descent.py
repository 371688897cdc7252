"""A minimisation as a chart: the objective step by step, and the path of one or two parameters.

The path is drawn on the curve of the objective, or over its contour. A fit of one predictor shows
the data with the fitted curve and its confidence band, and below them the residuals: its steps are
of interest only where a first-order method was to make them. Learning in epochs shows what was
measured after each. The curves of logs that other runs wrote may lie over those of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.input import shown
from gradcli.data.source import open_source
from gradcli.data.source import read as read_columns
from gradcli.errors import FileError, MathematicsError
from gradcli.graph.literals import number_text
from gradcli.minimize.settings import SECOND_ORDER
from gradcli.pictures.plots.chart import (
    Band,
    Chart,
    Field,
    Line,
    Panel,
    Points,
    Trail,
    is_wide,
    positive,
)
from gradcli.plotting.curves import CENTRAL, both, broken, check_curves, ends_around, with_gaps
from gradcli.records import NamedTuple
from gradcli.sheets import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.minimize.minimum import Epoch, Iterate, Minimum
    from gradcli.pictures.plots.chart import Vector

    Objective = Callable[[Sequence[Any]], tuple[float, Any]]
    from collections.abc import Sequence

    from gradcli.minimize.predictions import Predictions

CURVE = 401
"""How many points the curve of an objective, or of a fit, has."""
GRID = 81
"""How many points the contour of an objective has along each side."""
GRID_NUMBERS = 2e8
"""How many numbers of the data are gone through for a contour or a curve; of many rows it is
coarser."""
COARSEST = 25
FARTHEST = 1e100
"""The largest coordinate of a path that is drawn; a run may diverge."""
MARGIN = 0.2
"""The margin of a contour around the path of the steps, as a share of its extent."""
KEPT_STEPS = 4096
"""How many steps a plot shows at the most, evenly spaced, besides the last one."""
ROWS = 20_000
"""How many rows of the data are drawn at the most, evenly spaced."""
RESIDUALS = 0.5
"""Height of the residuals' panel, relative to that of the fit."""
CURVE_MARGIN = 0.8
"""The margin of a curve of one parameter around the path, as a share of its extent."""


def chart(
    minimum: Minimum,
    iterates: Sequence[Iterate],
    objective: Objective | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    numbers: int = 1,
    sigma: Vector | None = None,
    confidence: float = 0.95,
    overlays: Sequence[Overlay] = (),
    others: Sequence[Minimum] = (),
) -> Chart:
    """Return the plot of a minimisation, from its steps or its epochs.

    `objective` is what was minimised, for the curve of one parameter or the contour of two, which
    stay inside the `limits`; it goes through so many `numbers` of data. `sigma` are the standard
    deviations of the observations and `confidence` that of the band. `overlays` are the curves of
    other runs, and `others` the fits of other models, of which a plot of a fit shows the curves.
    """
    if minimum.epochs:
        return _learning(minimum, overlays)
    notes: list[str] = []
    panels = []
    fit = minimum.predictions
    if fit is not None and fit.predictor is not None:
        models = {each.expression: each.predictions for each in (minimum, *others) if others}
        panels = _fit_panels(fit, fit.predictor, sigma, confidence, notes, models)
        if minimum.method in SECOND_ORDER and not overlays:
            title = "" if others else minimum.expression
            return Chart(title, panels, stacked=True, notes=notes)
        del panels[1:]
    panels.append(_progress(iterates, overlays, notes))
    if has_trajectory(minimum):
        names = list(minimum.parameters)
        panels.append(_trajectory(iterates, names, objective, limits or {}, numbers, notes))
    return Chart(minimum.expression, panels, notes=notes)


def has_trajectory(minimum: Minimum) -> bool:
    """Return whether the plot shows the path of the parameters, and so needs the objective."""
    kinds = [isinstance(value, float) for value in minimum.parameters.values()]
    if minimum.epochs or len(kinds) not in {1, 2} or not all(kinds):
        return False
    fit = minimum.predictions
    is_fit = fit is not None and fit.predictor is not None
    return not is_fit or minimum.method not in SECOND_ORDER


def _progress(iterates: Sequence[Iterate], overlays: Sequence[Overlay], notes: list[str]) -> Panel:
    """Return the objective step by step."""
    steps = np.array([iterate.step for iterate in iterates], dtype=np.float64)
    values = np.array([iterate.value for iterate in iterates])
    return _panel("step", "objective", _overlaid(steps, values, "", "value", overlays), notes)


def _overlaid(
    x: Vector, y: Vector, label: str, quantity: str, overlays: Sequence[Overlay]
) -> dict[str, tuple[Vector, Vector]]:
    """Return a curve of this run and those of others, by their labels."""
    others = {
        f"{label} of {log.path}" if label else log.path: log.curves[quantity]
        for log in overlays
        if quantity in log.curves
    }
    return {label or ("this run" if others else ""): (x, y), **others}


def _panel(
    x_label: str, y_label: str, curves: Mapping[str, tuple[Vector, Vector]], notes: list[str]
) -> Panel:
    """Return curves over steps or epochs, with a logarithmic scale where it helps."""
    check_curves(len(curves), "leave out some of --overlay")
    log = is_wide(np.concatenate([y for _, y in curves.values()]))
    lines = []
    for label, (x, y) in curves.items():
        zeros = x[y == 0]
        if log and zeros.size:
            zero = f"{label or f'the {y_label}'} is 0 at {x_label} {zeros[0]:g}"
            more = f" and {zeros.size - 1} more" if zeros.size > 1 else ""
            notes.append(f"{zero}{more}, which a logarithmic scale cannot show")
        lines.append(Line(x, positive(y) if log else y, label))
    return Panel(x_label, y_label, lines, log=log, counted=True)


def _learning(minimum: Minimum, overlays: Sequence[Overlay]) -> Chart:
    """Return what was measured after each epoch: the objective, and below it the metric."""
    notes: list[str] = []
    x = np.array([epoch.epoch for epoch in minimum.epochs], dtype=np.float64)
    value = _column(minimum.epochs, "value")
    if minimum.epochs[0].validation is not None:
        unseen = _column(minimum.epochs, "validation")
        curves = _overlaid(x, value, "objective on the data", "value", overlays)
        curves |= _overlaid(x, unseen, "objective on --validate", "validation", overlays)
    else:
        curves = _overlaid(x, value, "", "value", overlays)
    panels = [_panel("epoch", "objective", curves, notes)]
    if minimum.epochs[0].metric is not None:
        metric = _column(minimum.epochs, "metric")
        panels.append(
            _panel("epoch", "metric", _overlaid(x, metric, "", "metric", overlays), notes)
        )
    return Chart(minimum.expression, panels, stacked=True, notes=notes)


def _column(epochs: Sequence[Epoch], name: str) -> Vector:
    found = [getattr(epoch, name) for epoch in epochs]
    return np.array([np.nan if x is None else x for x in found], dtype=np.float64)


# ---------------------------------------------------------------- one or two parameters


def _trajectory(
    iterates: Sequence[Iterate],
    names: Sequence[str],
    objective: Objective | None,
    limits: Mapping[str, tuple[float, float]],
    numbers: int,
    notes: list[str],
) -> Panel:
    """Return the path of one parameter on the curve of the objective, of two over its contour."""
    points = np.array([[iterate.parameters[name] for name in names] for iterate in iterates])
    near = (np.abs(points) <= FARTHEST).all(axis=1)
    if not near.all():
        notes.append(f"{(~near).sum()} steps beyond {number_text(FARTHEST)} are not on the way")
    paths = points[near].T
    heights = np.array([iterate.value for iterate in iterates])[near]
    is_curve = len(names) == 1
    labels = (names[0], "objective" if is_curve else names[1])
    across, up = paths if len(names) > 1 else (*paths, heights)
    trail = Trail(across, up, None if is_curve else heights)
    if objective is None:
        plot = "curve" if is_curve else "contour"
        notes.append(f"the data are read in blocks, so the plot has no {plot} of the objective")
        return Panel(*labels, [trail])
    part = CURVE_MARGIN if is_curve else MARGIN
    ends = [
        _axis_limits(path, limits.get(name, (-np.inf, np.inf)), part)
        for name, path in zip(names, paths, strict=True)
    ]
    points_of = GRID_NUMBERS / numbers
    if is_curve:
        (x,) = [np.linspace(*end, int(np.clip(points_of, COARSEST, CURVE))) for end in ends]

        def evaluate(at: Vector) -> Vector:
            return np.array([_value(objective, [a]) for a in at.tolist()])

        y = evaluate(x)
        curve = Line(*with_gaps(x, y, broken(x, y, evaluate)))
        return Panel(*labels, [curve, trail])
    count = int(np.clip(points_of**0.5, COARSEST, GRID))
    x, y = [np.linspace(*end, count) for end in ends]
    z = np.array([[_value(objective, [a, b]) for a in x.tolist()] for b in y.tolist()])
    return Panel(*labels, [Field(x, y, z, "objective", is_wide(z)), trail])


def _axis_limits(path: Vector, limits: tuple[float, float], part: float) -> tuple[float, float]:
    """Return the limits of an axis that shows a path and a margin on either side."""
    low, high = float(path.min()), float(path.max())
    margin = part * (high - low) or part * abs(low) or 1.0
    low, high = max(low - margin, limits[0]), min(high + margin, limits[1])
    return low, high


def _value(objective: Objective, point: Sequence[Any]) -> float:
    try:
        return objective(point)[0]
    except MathematicsError:
        return float("nan")


MEASURED = ("value", "validation", "metric")
"""What a log of epochs may hold of each."""


# ---------------------------------------------------------------- logs and steps


class Overlay(NamedTuple):
    """What was measured in another run: x and y by what it is, over its steps or epochs."""

    path: str
    counts: str
    """"step" or "epoch"."""
    curves: Mapping[str, tuple[Vector, Vector]]


def read_log(path: str) -> Overlay:
    """Return the curves of a file of --log. Raises FileError for a file that is none."""
    source = open_source([path], drop_missing=True)
    names = list(source.columns)
    counts = names[0].removeprefix(PREFIX)
    if counts == "epoch":
        chosen = {name: name for name in MEASURED if name in names}
    elif counts == "step" and len(names) > 1:
        chosen = {"value": names[1]}
    else:
        chosen = {}
    if "value" not in chosen:
        message = f"{shown(path)} is no log of minimize: its first column is no step or epoch"
        raise FileError(message, hint="--overlay takes a file that --log wrote")
    curves = {}
    for quantity, name in chosen.items():
        columns = read_columns(source, [names[0], name])
        curves[quantity] = np.asarray(columns[names[0]]), np.asarray(columns[name])
    return Overlay(path, counts, curves)


# ---------------------------------------------------------------- a fit of one predictor


def _fit_panels(
    fit: Predictions,
    predictor: str,
    sigma: Vector | None,
    confidence: float,
    notes: list[str],
    models: Mapping[str, Predictions | None],
) -> list[Panel]:
    """Return a panel of the data with the curve and its band, and one of the residuals below it.

    `sigma` are the standard deviations of the observations. Of several `models`, by what they are
    called, all have curves. What is left out is said in `notes`.
    """
    stride = -(-fit.count // ROWS)
    if stride > 1:
        notes.append(f"the plot shows one of each {stride} rows of the data")
    parts = []
    start, least, most = 0, np.inf, -np.inf
    for block in fit.blocks():
        fitted, residual = (block[name] for name in fit.names[-4:-2])
        rows = np.arange(-start % stride, len(fitted), stride)
        start += len(fitted)
        least, most = min(least, block[predictor].min()), max(most, block[predictor].max())
        parts.append([column[rows] for column in (block[predictor], fitted + residual, residual)])
    x, y, residuals = (np.concatenate(column) for column in zip(*parts, strict=True))
    error = None if sigma is None else np.broadcast_to(sigma, (fit.count,))[::stride]
    grid = np.linspace(least, most, CURVE) if most > least else x[:1]
    fitted, low, high = _curve(fit, grid)

    def evaluate(points: Vector) -> Vector:
        return _curve(fit, points)[0]

    gaps = broken(grid, fitted, evaluate)
    _, low = with_gaps(grid, low, gaps)
    _, high = with_gaps(grid, high, gaps)
    grid, fitted = with_gaps(grid, fitted, gaps)
    marks: list[Any] = []
    if np.isfinite(low).any():
        marks.append(Band(grid, low, high, f"{100 * confidence:g} % confidence band"))
    bars = "" if error is None else " ± sigma"
    marks.append(Points(x, y, f"data{bars}", error))
    first, *others = models or ["fit"]
    marks.append(Line(grid, fitted, first))
    for name in others:
        other = models[name]
        if other is None or other.predictor != predictor:
            notes.append(f"{name} is no function of {predictor} alone: it has no curve")
        else:
            marks.append(Line(grid, _curve(other, grid)[0], name))
    ends = grid[[0, -1]]
    beside: list[Any] = [Line(ends, np.zeros(len(ends))), Points(x, residuals, error=error)]
    limits = _limits(y if error is None else np.concatenate([y - error, y + error]), marks, notes)
    return [
        Panel(predictor, fit.response, marks, limits=limits),
        Panel(
            predictor, "residual of the first" if others else "residual", beside, height=RESIDUALS
        ),
    ]


def _limits(data: Vector, marks: Sequence[Any], notes: list[str]) -> tuple[float, float] | None:
    """Return where to cut the axis of a curve or band that somewhere goes far off, as at a pole.

    The data and the central parts of curve and band are always shown; None shows all of it.
    """
    named = [getattr(mark, name, None) for mark in marks for name in ("y", "low", "high")]
    drawn = [values[np.isfinite(values)] for values in named if values is not None]
    whole = np.concatenate([data, *drawn])
    central = [np.quantile(values, CENTRAL) for values in drawn if values.size]
    inner = np.concatenate([data, *central])
    low, high = float(inner.min()), float(inner.max())
    cut = ends_around(whole, low, high)
    if cut is not None:
        notes.append(f"the fit goes far beyond the data; its axis is cut at {both(cut)}")
    return cut


def _curve(fit: Predictions, points: Vector) -> tuple[Vector, Vector, Vector]:
    """Return fitted values and the ends of their band at points; nan where there is none."""
    try:
        table = fit.along(points)
        columns = table.columns()
        names = table.names
        return columns[names[-4]], columns[names[-2]], columns[names[-1]]
    except MathematicsError:
        if len(points) == 1:
            gap = np.array([np.nan])
            return gap, gap, gap
        parts = [_curve(fit, points[i : i + 1]) for i in range(len(points))]
        fitted, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
        return fitted, low, high
