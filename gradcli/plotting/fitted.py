"""A fit of one predictor as panels: the data, the fitted curve and its band, and the residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.pictures.plots.chart import Band, Line, Panel, Points
from gradcli.plotting.curves import CENTRAL, both, broken, is_far, with_gaps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.minimize.predictions import Predictions
    from gradcli.pictures.plots.chart import Vector

CURVE = 401
"""Points of a fitted curve."""
ROWS = 20_000
"""How many rows of the data are drawn at the most, evenly spaced."""
RESIDUALS = 0.5
"""How high the residuals are drawn, against the fit."""


def panels(
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
        places = np.arange(-start % stride, len(fitted), stride)
        start += len(fitted)
        least, most = min(least, block[predictor].min()), max(most, block[predictor].max())
        parts.append([column[places] for column in (block[predictor], fitted + residual, residual)])
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
    low, high = inner.min(), inner.max()
    if not is_far(whole, low, high):
        return None
    room = (high - low) / 2
    cut = float(max(low - room, whole.min())), float(min(high + room, whole.max()))
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
