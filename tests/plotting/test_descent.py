"""Plots of minimisations: the steps, the contour, a fit's curve and band, epochs.

The band is compared with the textbook formula for a straight line, and with the one for a model
that is linear in its parameters, worked out with NumPy and the t quantile of SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from gradcli.errors import MathematicsError
from gradcli.formula import parse
from gradcli.minimize.minimum import Epoch, Iterate
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request, task
from gradcli.pictures.plots.chart import Band, Field, Line, Points, Trail
from gradcli.plotting.descent import KEPT_STEPS, chart, has_trajectory
from gradcli.solvers.observer import Thinned

X = np.array([0.3, 1.0, 1.7, 2.2, 3.1, 4.8, 6.0, 6.4])
Y = np.array([1.1, 2.3, 2.9, 4.1, 4.4, 7.2, 8.9, 8.4])


def fit(model: str, start: dict[str, float], **options: Any) -> Any:
    data = {"x": X, "y": Y}
    steps = Thinned(KEPT_STEPS)
    formula = parse(model, {"x": X.shape, "y": Y.shape})
    found = formula.minimize(start, data=data, observe=steps.step, **options)
    return found, steps.iterates


def marks(panel: Any, kind: type) -> list[Any]:
    return [mark for mark in panel.marks if isinstance(mark, kind)]


# ---------------------------------------------------------------- steps


def iterate(step: int) -> Iterate:
    return Iterate(step, 1.0 / (step + 1), {"a": float(step)}, 0.0, 0.0)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 12, 1000, 12345])
def test_steps_are_thinned_evenly_and_keep_both_ends(count: int) -> None:
    steps = Thinned(10)
    for step in range(count):
        steps.step(iterate(step))

    kept = [found.step for found in steps.iterates]

    assert (kept[0], kept[-1]) == (0, count - 1)
    assert len(kept) <= 11
    assert len(kept) >= min(count, 5)
    assert len(set(np.diff(kept[:-1]).tolist())) <= 1


def test_the_objective_is_shown_step_by_step() -> None:
    steps = Thinned(KEPT_STEPS)
    found = parse("a^2 - 10*a + 28").minimize(a=6, lr=0.1, steps=20, observe=steps.step)
    plot = chart(found, steps.iterates)

    panel = plot.panels[0]
    (line,) = marks(panel, Line)
    a = 5 + 0.8 ** np.arange(21)
    np.testing.assert_allclose(line.y, a**2 - 10 * a + 28)
    assert line.x.tolist() == list(range(21))
    assert not panel.log
    assert panel.counted


# ---------------------------------------------------------------- one parameter


def way(source: str, start: dict[str, float], **options: Any) -> Any:
    """The last panel of a run, with the objective that it is drawn with."""
    formula, steps = parse(source), Thinned(KEPT_STEPS)
    found = formula.minimize(start, observe=steps.step, **options)
    bounds = options.get("bounds")
    objective = task(Request(formula, formula.origin, start, {}, {}, Settings())).objective
    return chart(found, steps.iterates, objective, bounds)


def test_one_parameter_rolls_down_the_curve() -> None:
    panel = way("a^2 - 10*a + 28", {"a": 6.0}, lr=0.1, steps=20).panels[1]

    (curve,), (trail,) = marks(panel, Line), marks(panel, Trail)
    a = 5 + 0.8 ** np.arange(21)
    np.testing.assert_allclose(trail.x, a, rtol=1e-15)
    np.testing.assert_allclose(trail.y, (a - 5) ** 2 + 3)
    np.testing.assert_allclose(curve.y, (curve.x - 5) ** 2 + 3)
    assert np.interp([5, 6], curve.x, curve.x).tolist() == [5, 6]
    assert (panel.x_label, panel.y_label) == ("a", "objective")


def test_the_curve_of_an_objective_ends_at_bounds_and_is_broken_at_a_pole() -> None:
    bounded = way("(a-2)^2", {"a": 0.2}, bounds={"a": (0.0, 1.0)}).panels[1]
    (curve,) = marks(bounded, Line)
    assert (curve.x[0], curve.x[-1]) == (0, 1)

    broken = way("1/a + a", {"a": 0.3}, lr=0.05, steps=50).panels[1]
    (curve,) = marks(broken, Line)
    gaps = curve.x[np.isnan(curve.y)]
    assert gaps.size == 1
    assert abs(gaps[0]) < 0.01


def test_a_parameter_that_diverges_is_followed_as_far_as_it_can_be_drawn() -> None:
    plot = way("a^2 - 10*a + 28", {"a": 6.0}, lr=1.1, steps=5000)

    (trail,) = marks(plot.panels[1], Trail)
    # The distance from 5 grows by 1.2 in each step, and the 1264th is the last within 1e100.
    assert len(trail.x) == 1 + int(np.log(1e100) / np.log(1.2))
    np.testing.assert_allclose(np.abs(trail.x - 5), 1.2 ** np.arange(len(trail.x)), rtol=1e-9)
    assert any("beyond 1e100 are not on the way" in note for note in plot.notes)
    assert plot.panels[0].log


def test_a_wide_objective_has_a_logarithmic_scale_and_zeros_are_said() -> None:
    steps = Thinned(KEPT_STEPS)
    found = parse("(1-x)^2 + 100*(y-x^2)^2").minimize(x=-1.2, y=1, observe=steps.step)
    plot = chart(found, steps.iterates)

    panel = plot.panels[0]
    assert panel.log
    (line,) = marks(panel, Line)
    values = np.array([found.value for found in steps.iterates])
    np.testing.assert_array_equal(line.y, np.where(values > 0, values, np.nan))
    zero = steps.iterates[int(np.argmin(values))].step
    assert values.min() == 0
    assert plot.notes[0] == (
        f"the objective is 0 at step {zero}, which a logarithmic scale cannot show"
    )


# ---------------------------------------------------------------- two parameters


def test_two_parameters_have_a_way_on_the_contour() -> None:
    formula = parse("(1-x)^2 + 100*(y-x^2)^2")
    start = {"x": -1.2, "y": 1.0}
    steps = Thinned(KEPT_STEPS)
    found = formula.minimize(start, observe=steps.step)
    objective = task(Request(formula, formula.origin, start, {}, {}, Settings())).objective
    panel = chart(found, steps.iterates, objective).panels[1]

    (trail,) = marks(panel, Trail)
    (field,) = marks(panel, Field)
    assert (trail.x[0], trail.y[0]) == (-1.2, 1)
    assert (trail.x[-1], trail.y[-1]) == (1, 1)
    x, y = np.meshgrid(field.x, field.y)
    np.testing.assert_allclose(field.z, (1 - x) ** 2 + 100 * (y - x**2) ** 2, rtol=1e-12)
    assert field.x[0] < trail.x.min() < trail.x.max() < field.x[-1]
    assert field.y[0] < trail.y.min() < trail.y.max() < field.y[-1]
    assert field.log


def test_the_contour_stays_inside_bounds_and_has_gaps() -> None:
    formula = parse("(x-2)^2 + y*log(y)")
    start = {"x": 0.5, "y": 0.1}
    steps = Thinned(KEPT_STEPS)
    bounds = {"x": (0.0, 1.0)}
    found = formula.minimize(start, observe=steps.step, bounds=bounds)
    objective = task(Request(formula, formula.origin, start, {}, {}, Settings())).objective
    panel = chart(found, steps.iterates, objective, bounds).panels[1]

    (field,) = marks(panel, Field)
    assert field.x[0] >= 0
    assert field.x[-1] <= 1
    assert np.isfinite(field.z[field.y > 0]).all()


def test_a_way_that_does_not_move_has_room_around_it() -> None:
    formula = parse("x^2 + y^2")
    found = formula.minimize(x=0, y=0)
    objective = task(
        Request(formula, formula.origin, {"x": 0, "y": 0}, {}, {}, Settings())
    ).objective
    panel = chart(found, found.history, objective).panels[1]

    (field,) = marks(panel, Field)
    assert np.ptp(field.x) > 0
    assert np.ptp(field.y) > 0


def test_a_way_that_diverges_is_followed_as_far_as_it_can_be_drawn() -> None:
    formula = parse("x^2 + 3*y^2")
    found = formula.minimize(x=1, y=1, lr=10, steps=2000)
    objective = task(
        Request(formula, formula.origin, {"x": 1, "y": 1}, {}, {}, Settings())
    ).objective
    plot = chart(found, found.history, objective)

    (trail,) = marks(plot.panels[1], Trail)
    y = np.array([iterate.parameters["y"] for iterate in found.history])
    np.testing.assert_array_equal(trail.y, y[np.abs(y) <= 1e100])
    lost = int((np.abs(y) > 1e100).sum())
    assert lost > 0
    assert f"{lost} steps beyond 1e100 are not on the way" in plot.notes


# ---------------------------------------------------------------- fits


def textbook(grid: Any, basis: Any, weights: Any = 1.0, confidence: float = 0.95) -> Any:
    """Fitted values and half the band: t s sqrt(vᵀ (AᵀWA)⁻¹ v)."""
    a = basis(X)
    root = np.sqrt(np.broadcast_to(weights, X.shape))[:, None]
    coefficients, *_ = np.linalg.lstsq(root * a, root[:, 0] * Y, rcond=None)
    freedom = len(X) - a.shape[1]
    rss = np.sum((root[:, 0] * (Y - a @ coefficients)) ** 2)
    inverse = np.linalg.inv((root * a).T @ (root * a))
    v = basis(grid)
    spread = np.sqrt(rss / freedom * np.einsum("ij,jk,ik->i", v, inverse, v))
    return v @ coefficients, stats.t.ppf(0.5 + confidence / 2, freedom) * spread


def line(x: Any) -> Any:
    return np.stack([x, np.ones_like(x)], axis=1)


def test_a_straight_line_has_the_band_of_the_textbook() -> None:
    found, iterates = fit("y ~ a*x + b", {"a": 1.0, "b": 0.0})
    panel = chart(found, iterates).panels[0]

    (band,), (curve,), (points,) = (marks(panel, kind) for kind in (Band, Line, Points))
    np.testing.assert_array_equal(points.x, X)
    np.testing.assert_allclose(points.y, Y, rtol=1e-14)
    assert (curve.x[0], curve.x[-1]) == (X.min(), X.max())
    fitted, half = textbook(curve.x, line)
    np.testing.assert_allclose(curve.y, fitted, rtol=1e-12)
    np.testing.assert_allclose(band.high - band.low, 2 * half, rtol=1e-9)
    # Once more by the formula of every textbook: t s sqrt(1/n + (x - mean)^2/Sxx).
    slope, start = np.polyfit(X, Y, 1)
    s = np.sqrt(np.sum((Y - slope * X - start) ** 2) / (len(X) - 2))
    about = 1 / len(X) + (curve.x - X.mean()) ** 2 / np.sum((X - X.mean()) ** 2)
    expected = stats.t.ppf(0.975, len(X) - 2) * s * np.sqrt(about)
    np.testing.assert_allclose(band.high - curve.y, expected, rtol=1e-9)
    assert (panel.x_label, panel.y_label) == ("x", "y")
    assert band.label == "95 % confidence band"


@pytest.mark.parametrize("method", [None, "lm", "newton", "lbfgs"])
def test_a_fit_stands_above_its_residuals_and_no_steps(method: str | None) -> None:
    found, iterates = fit("y ~ a*x + b", {"a": 1.0, "b": 0.0}, method=method)
    plot = chart(found, iterates)

    above, below = plot.panels
    assert plot.stacked
    assert (above.y_label, below.y_label) == ("y", "residual")
    (points,), (zero,) = marks(below, Points), marks(below, Line)
    np.testing.assert_array_equal(points.x, X)
    np.testing.assert_allclose(points.y, Y - np.polyval(np.polyfit(X, Y, 1), X), atol=1e-6)
    assert (zero.x.tolist(), zero.y.tolist()) == ([X.min(), X.max()], [0, 0])
    assert below.height < above.height
    assert not has_trajectory(found)


@pytest.mark.parametrize("options", [{"method": "adam"}, {"lr": 1e-3}])
def test_a_fit_by_a_first_order_method_shows_its_steps(options: dict[str, Any]) -> None:
    found, iterates = fit("y ~ a*x + b", {"a": 1.0, "b": 0.0}, steps=5, **options)

    labels = [panel.y_label for panel in chart(found, iterates).panels]
    assert labels == ["y", "objective", "b"]
    assert has_trajectory(found)


def test_sigma_gives_error_bars_and_a_weighted_band() -> None:
    sigma = 0.1 + 0.05 * X
    found, iterates = fit(
        "y ~ a*sin(x) + b*x + c",
        {"a": 1.0, "b": 1.0, "c": 0.0},
        sigma=sigma,
        confidence=0.5,
    )
    panel = chart(found, iterates, sigma=sigma, confidence=0.5).panels[0]

    (band,), (curve,), (points,) = (marks(panel, kind) for kind in (Band, Line, Points))
    np.testing.assert_array_equal(points.error, sigma)
    (residuals,) = marks(chart(found, iterates, sigma=sigma).panels[1], Points)
    np.testing.assert_array_equal(residuals.error, sigma)

    def basis(x: Any) -> Any:
        return np.stack([np.sin(x), x, np.ones_like(x)], axis=1)

    fitted, half = textbook(curve.x, basis, 1 / sigma**2, 0.5)
    np.testing.assert_allclose(curve.y, fitted, rtol=1e-9)
    np.testing.assert_allclose(band.high - band.low, 2 * half, rtol=1e-8)
    assert band.label == "50 % confidence band"


def test_the_curve_of_a_transformed_response_is_transformed() -> None:
    found, iterates = fit("log(y) ~ a*x + b", {"a": 1.0, "b": 0.0})
    panel = chart(found, iterates).panels[0]

    (curve,), (points,) = marks(panel, Line), marks(panel, Points)
    assert panel.y_label == "log(y)"
    np.testing.assert_allclose(points.y, np.log(Y))
    np.testing.assert_allclose(curve.y, np.polyval(np.polyfit(X, np.log(Y), 1), curve.x))


def test_rows_by_blocks_give_the_same_curve() -> None:
    found, iterates = fit("y ~ a*x + b", {"a": 1.0, "b": 0.0})
    expected: Any = chart(found, iterates).panels[0].marks
    times = 3000  # enough rows to be taken in blocks
    data = {"x": np.tile(X, times), "y": np.tile(Y, times)}
    formula = parse("y ~ a*x + b", {name: array.shape for name, array in data.items()})
    long = formula.minimize({"a": 1.0, "b": 0.0}, data=data)
    plot = chart(long, long.history)
    panel = plot.panels[0]

    (curve,), (points,) = marks(panel, Line), marks(panel, Points)
    np.testing.assert_allclose(curve.y, expected[2].y, rtol=1e-9)
    assert len(points.x) == 8 * times // 2
    np.testing.assert_array_equal(points.x, data["x"][::2])
    assert "the plot shows one of each 2 rows of the data" in plot.notes


def test_the_curve_is_broken_at_a_pole() -> None:
    x = np.array([-2.0, -1.5, -1, 1, 1.5, 2])
    data = {"x": x, "y": 1 / x}
    formula = parse("y ~ a/x", {"x": (6,), "y": (6,)})
    found = formula.minimize({"a": 2.0}, data=data)
    (curve,) = marks(chart(found, found.history).panels[0], Line)

    gaps = np.flatnonzero(np.isnan(curve.y))
    assert len(gaps) == 1
    assert curve.x[gaps[0]] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("sigma", [None, np.linspace(0.1, 0.6, 6)])
def test_a_pole_between_the_data_leaves_them_room(sigma: Any) -> None:
    x = np.array([-2.0, -1.5, -1, 1.001, 1.5, 2])
    y = 0.001 / x
    data = {"x": x, "y": y}
    formula = parse("y ~ a/x", {"x": (6,), "y": (6,)})
    found = formula.minimize({"a": 2.0}, data=data, sigma=sigma)
    plot = chart(found, found.history, sigma=sigma)

    panel = plot.panels[0]
    (curve,) = marks(panel, Line)
    error = 0 if sigma is None else sigma
    (band,) = marks(panel, Band)
    edges = [curve.y, band.low, band.high]
    central = [np.nanquantile(values, [0.05, 0.95]) for values in edges]
    low = min((y - error).min(), np.min(central))
    high = max((y + error).max(), np.max(central))
    reach = np.nanmax(edges) - np.nanmin(edges)
    if reach > 4 * (high - low):
        room = (high - low) / 2
        assert panel.limits is not None
        np.testing.assert_allclose(panel.limits, (low - room, high + room))
        assert "the fit goes far beyond the data; its axis is cut at" in plot.notes[-1]
    else:
        assert panel.limits is None
    assert (panel.limits is None) == (sigma is not None)


def test_a_wide_band_is_seen() -> None:
    x = np.array([1.0, 2, 3, 4])
    data = {"x": x, "y": np.array([2.0, 3, 5, 4])}
    formula = parse("y ~ a*x^2 + b*x + c", {"x": (4,), "y": (4,)})
    found = formula.minimize({"a": 1.0, "b": 0.0, "c": 0.0}, data=data)
    panel = chart(found, found.history).panels[0]

    (band,) = marks(panel, Band)
    assert band.high.max() - band.low.min() > 4 * np.ptp(data["y"])
    assert panel.limits is None


def test_a_curve_far_from_the_data_is_seen() -> None:
    found, iterates = fit("y ~ a*x + b", {"a": 500.0, "b": 900.0}, method="adam", steps=2)

    panel = chart(found, iterates).panels[0]
    assert panel.limits is None


@pytest.mark.parametrize("model", ["y ~ a*x/mean(x)", "y ~ a + 0*b"])
def test_without_one_predictor_there_is_no_curve(model: str) -> None:
    start = {"a": 1.0, "b": 1.0} if "b" in model else {"a": 1.0}
    found, iterates = fit(model, start)

    assert chart(found, iterates).panels[0].y_label == "objective"


def test_a_curve_has_a_gap_where_the_model_is_undefined() -> None:
    x = np.array([-3.0, -2, -1, 1, 2, 3])
    data = {"x": x, "y": np.sqrt(np.abs(x**2 - 1))}
    formula = parse("y ~ a*sqrt(x^2 - 1)", {"x": (6,), "y": (6,)})
    found = formula.minimize({"a": 2.0}, data=data)
    (curve,) = marks(chart(found, found.history).panels[0], Line)

    np.testing.assert_array_equal(np.isnan(curve.y), np.abs(curve.x) < 1)


# ---------------------------------------------------------------- epochs


def test_epochs_show_what_was_measured() -> None:
    found = parse("x^2").minimize(x=1)
    epochs = [Epoch(k, 10 * k, 8.0 / k, 9.0 / k, 0.5 / k, 0.1) for k in (1, 2, 3)]
    plot = chart(found._replace(epochs=epochs), [])

    objective, metric = plot.panels
    data, validation = marks(objective, Line)
    assert (data.y.tolist(), validation.y.tolist()) == ([8, 4, 8 / 3], [9, 4.5, 3])
    assert marks(metric, Line)[0].y.tolist() == [0.5, 0.25, 0.5 / 3]
    assert plot.stacked
    assert data.x.tolist() == [1, 2, 3]


def test_an_objective_without_a_value_is_a_gap_in_the_contour() -> None:
    def objective(point: Any) -> tuple[float, Any]:
        if point[0] < 0:
            message = "no value"
            raise MathematicsError(message)
        return float(sum(point)), None

    found = parse("x + y").minimize(x=0, y=0, method="gd", steps=1)
    found = found._replace(parameters={"x": 1.0, "y": 1.0})
    iterates = [Iterate(k, 1.0, {"x": float(k), "y": 1.0}, 0, 0) for k in (0, 1)]
    (field,) = marks(chart(found, iterates, objective).panels[1], Field)

    np.testing.assert_array_equal(np.isnan(field.z).all(axis=0), field.x < 0)
