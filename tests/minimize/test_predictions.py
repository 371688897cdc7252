"""Fitted values and their confidence band, against scipy.optimize.curve_fit and NumPy, and R."""

from __future__ import annotations

import functools
import tracemalloc
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
from scipy import optimize, stats

import gradcli.minimize.residuals
from gradcli import parse
from gradcli.minimize.minimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gradcli.minimize.minimum import Minimum
    from gradcli.minimize.predictions import Predictions

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]

TIMES = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10], dtype=float)
DECAY = np.array([5.02, 3.75, 2.94, 2.41, 1.86, 1.63, 1.43, 1.18, 1.09])
SIGMA = np.array([0.1, 0.1, 0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.02])
DATA = {"t": TIMES, "y": DECAY}
MODEL = "y ~ a*exp(-b*t) + c"
START = {"a": 5, "b": 1, "c": 0}


def decay(t: Vector, a: float, b: float, c: float) -> Vector:
    return np.asarray(a * np.exp(-b * t) + c)


def decay_slopes(t: Vector, a: float, b: float, c: float) -> Matrix:
    del c
    return np.stack([np.exp(-b * t), -a * t * np.exp(-b * t), np.ones_like(t)], axis=1)


def fit(source: str, start: dict[str, Any], data: dict[str, Any], **more: Any) -> Minimum:
    return parse(source, {n: np.shape(x) for n, x in {**data, **start}.items()}).minimize(
        start, data=data, **more
    )


def table(found: Minimum) -> tuple[dict[str, Vector], list[str]]:
    """The columns of the predictions, and their warnings."""
    assert found.predictions is not None
    return found.predictions.columns(), found.predictions.warnings


def half_widths(slopes: Matrix, covariance: Matrix, quantile: float) -> Vector:
    """The delta method: the variance of a fitted value is j C jᵀ."""
    return np.asarray(quantile * np.sqrt(np.sum((slopes @ covariance) * slopes, axis=1)))


def curve_fit(
    model: Callable[..., Vector], slopes: Callable[..., Matrix], start: Sequence[float], **more: Any
) -> tuple[Vector, Matrix]:
    """The parameters and their covariance as scipy finds them, with an exact Jacobian."""
    given = {"xdata": TIMES, "ydata": DECAY, **more}
    found, covariance = optimize.curve_fit(
        model, p0=start, jac=slopes, xtol=1e-15, ftol=1e-15, gtol=1e-15, **given
    )
    return np.asarray(found), np.asarray(covariance)


def same(found: Vector, expected: Vector, rel: float = 1e-7) -> None:
    np.testing.assert_allclose(found, expected, rtol=rel, atol=0)


# ------------------------------------------------------------ the numbers


@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_a_model(confidence: float) -> None:
    columns, warnings = table(fit(MODEL, START, DATA, confidence=confidence))
    point, covariance = curve_fit(decay, decay_slopes, [5, 1, 0])
    quantile = stats.t.ppf(0.5 + confidence / 2, 6)
    fitted = decay(TIMES, *point)
    half = half_widths(decay_slopes(TIMES, *point), covariance, quantile)

    assert warnings == []
    assert list(columns) == ["t", "y", "fitted", "residual", "low", "high"]
    np.testing.assert_array_equal(columns["t"], TIMES)
    np.testing.assert_array_equal(columns["y"], DECAY)
    same(columns["fitted"], fitted, 1e-9)
    np.testing.assert_allclose(columns["residual"], DECAY - fitted, atol=1e-9)
    same(columns["fitted"] - columns["low"], half)
    same(columns["high"] - columns["fitted"], half)


def test_r_says_the_same_of_the_cars() -> None:
    """predict(lm(dist ~ speed, cars), interval = "confidence"), as printed with three digits."""
    speed = [4, 4, 7, 7, 8, 9, *[10] * 3, 11, 11, *[12] * 4, *[13] * 4, *[14] * 4, *[15] * 3]
    speed += [16, 16, *[17] * 3, *[18] * 4, *[19] * 3, *[20] * 5, 22, 23, *[24] * 4, 25]
    dist = [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60]
    dist += [80, 20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66]
    dist += [54, 70, 92, 93, 120, 85]
    data = {"speed": np.array(speed, dtype=float), "dist": np.array(dist, dtype=float)}
    columns, _ = table(fit("dist ~ a + b*speed", {"a": 0, "b": 1}, data))
    printed = {
        row[0]: row[1:]
        for row in zip(*[columns[n] for n in ("speed", "fitted", "low", "high")], strict=True)
    }

    assert printed[12] == pytest.approx([29.6, 24.4, 34.8], abs=0.05)
    assert printed[19] == pytest.approx([57.1, 51.8, 62.4], abs=0.05)
    assert printed[24] == pytest.approx([76.8, 68.4, 85.2], abs=0.05)


def test_sigma_is_divided_out_again() -> None:
    columns, _ = table(fit(MODEL, START, DATA, sigma=SIGMA))
    point, covariance = curve_fit(decay, decay_slopes, [5, 1, 0], sigma=SIGMA)
    half = half_widths(decay_slopes(TIMES, *point), covariance, stats.t.ppf(0.975, 6))

    same(columns["fitted"], decay(TIMES, *point), 1e-9)
    np.testing.assert_allclose(columns["residual"], DECAY - decay(TIMES, *point), atol=1e-9)
    same(columns["high"] - columns["fitted"], half)


def test_known_sigma_has_the_quantile_of_the_normal_distribution() -> None:
    columns, _ = table(fit(MODEL, START, DATA, sigma=SIGMA, absolute_sigma=True))
    point, covariance = curve_fit(decay, decay_slopes, [5, 1, 0], sigma=SIGMA, absolute_sigma=True)
    half = half_widths(decay_slopes(TIMES, *point), covariance, stats.norm.ppf(0.975))

    same(columns["high"] - columns["fitted"], half)


def test_a_row_of_weight_zero_is_predicted_from_the_others() -> None:
    weights = np.array([1, 1, 1, 1, 0, 1, 1, 1, 1.0])
    columns, _ = table(fit(MODEL, START, DATA, weights=weights))
    used = weights > 0
    point, covariance = curve_fit(
        decay, decay_slopes, [5, 1, 0], xdata=TIMES[used], ydata=DECAY[used]
    )
    half = half_widths(decay_slopes(TIMES, *point), covariance, stats.t.ppf(0.975, 5))

    same(columns["fitted"], decay(TIMES, *point), 1e-9)
    same(columns["high"] - columns["fitted"], half)


def test_weights_inside_a_formula_are_a_column_too() -> None:
    weights = 1 / SIGMA**2
    start, data = {"a": 5, "b": 1, "c": 0}, {**DATA, "w": weights}
    written, _ = table(fit("sum(w*(y - a*exp(-b*t) - c)^2)", start, data))
    apart, _ = table(fit(MODEL, start, DATA, weights=weights))

    np.testing.assert_array_equal(written.pop("w"), weights)
    assert written.keys() == apart.keys()
    for name in ("fitted", "residual", "low", "high"):
        np.testing.assert_allclose(written[name], apart[name], atol=1e-9)


def test_a_parameter_at_its_limit_counts_as_known() -> None:
    columns, warnings = table(fit(MODEL, START, DATA, bounds={"c": (0, 0.5)}))
    point, covariance = curve_fit(
        lambda t, a, b: decay(t, a, b, 0.5),
        lambda t, a, b: decay_slopes(t, a, b, 0.5)[:, :2],
        [5, 1],
    )
    slopes = decay_slopes(TIMES, point[0], point[1], 0.5)[:, :2]
    fitted = decay(TIMES, point[0], point[1], 0.5)
    half = half_widths(slopes, covariance, stats.t.ppf(0.975, 7))

    assert warnings == []
    same(columns["fitted"], fitted)
    same(columns["high"] - columns["fitted"], half, 1e-6)


def test_a_loss_has_the_spread_of_its_influence() -> None:
    """Parameters from scipy.optimize.least_squares; H1 of statsmodels' RLM in NumPy."""
    scale = 0.03
    columns, _ = table(fit(MODEL, START, DATA, loss=f"huber({scale})"))

    def distances(point: Vector) -> Vector:
        return np.asarray(decay(TIMES, *point) - DECAY)

    point = optimize.least_squares(
        distances,
        [5, 1, 0],
        loss="huber",
        f_scale=scale,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    ).x
    slopes = decay_slopes(TIMES, *point)
    residual = DECAY - decay(TIMES, *point)
    influence = np.clip(residual, -scale, scale)
    slope = np.mean(np.abs(residual) <= scale)
    correction = 1 + 3 / 9 * (1 - slope) / slope  # var ψ' / (mean ψ')² for ψ' of 0 and 1
    variance = correction**2 * np.sum(influence**2) / 6 / slope**2
    covariance = variance * np.linalg.inv(slopes.T @ slopes)

    assert 0 < slope < 1
    same(columns["fitted"], decay(TIMES, *point), 1e-6)
    half = half_widths(slopes, covariance, stats.t.ppf(0.975, 6))
    same(columns["high"] - columns["fitted"], half, 1e-5)


# ------------------------------------------------------------ what a response is


@pytest.mark.parametrize(
    "source",
    [
        "y ~ a + b*t",
        "sum((y - a - b*t)^2)",
        "sum((a + b*t - y)^2)",
        "mean((-y + a + b*t)^2)",
        "mean((-y + (a + b*t))^2)",
        "mse(a + b*t, y)",
        "mse(y, a + b*t)",
        "norm(y - (a + b*t))^2",
    ],
)
def test_every_way_to_write_it_has_the_same_sign(source: str) -> None:
    columns, warnings = table(fit(source, {"a": 1, "b": 1}, DATA))
    slope, intercept = np.polyfit(TIMES, DECAY, 1)

    assert warnings == []
    same(columns["fitted"], intercept + slope * TIMES, 1e-9)
    np.testing.assert_allclose(columns["residual"], DECAY - columns["fitted"], atol=1e-12)


def test_a_response_may_be_a_formula() -> None:
    columns, _ = table(fit("log(y) ~ a + b*t", {"a": 1, "b": 1}, DATA))
    slope, intercept = np.polyfit(TIMES, np.log(DECAY), 1)

    same(columns["fitted"], intercept + slope * TIMES, 1e-9)
    np.testing.assert_array_equal(columns["y"], DECAY)


def test_a_model_of_the_negative() -> None:
    columns, _ = table(fit("-y ~ a + b*t", {"a": 1, "b": 1}, DATA))
    slope, intercept = np.polyfit(TIMES, -DECAY, 1)

    same(columns["fitted"], intercept + slope * TIMES, 1e-9)
    np.testing.assert_allclose(columns["residual"], -DECAY - columns["fitted"], atol=1e-12)


def test_an_offset_belongs_to_the_model() -> None:
    """The left side is the response, though z is a term without parameters as well."""
    columns, _ = table(fit("y ~ a + b*t + z", {"a": 1, "b": 1}, {**DATA, "z": TIMES**2}))
    slope, intercept = np.polyfit(TIMES, DECAY - TIMES**2, 1)

    same(columns["fitted"], intercept + slope * TIMES + TIMES**2, 1e-9)


def test_without_a_response_there_are_residuals_alone() -> None:
    columns, warnings = table(
        fit("sum(((y - a - b*t)/s)^2)", {"a": 1, "b": 1}, {**DATA, "s": SIGMA})
    )
    slope, intercept = np.polyfit(TIMES, DECAY, 1, w=1 / SIGMA)

    assert list(columns) == ["t", "y", "s", "residual"]
    np.testing.assert_allclose(
        columns["residual"], (DECAY - intercept - slope * TIMES) / SIGMA, atol=1e-9
    )
    assert warnings == ["there are no fitted values: the residuals have no one term that is data"]


def test_several_residuals_in_a_row_have_columns_of_their_own() -> None:
    both = np.stack([DECAY, np.sqrt(DECAY)], axis=1)
    columns, _ = table(fit("m ~ a*[[1, 2]] + b", {"a": 1, "b": 1}, {"m": both}))
    design = np.stack([np.tile([1.0, 2.0], 9), np.ones(18)], axis=1)
    point, rss, *_ = np.linalg.lstsq(design, both.ravel(), rcond=None)
    covariance = rss[0] / 16 * np.linalg.inv(design.T @ design)
    half = half_widths(design, covariance, stats.t.ppf(0.975, 16)).reshape(9, 2)
    fitted = (design @ point).reshape(9, 2)

    names = [f"{name}[{i}]" for name in ("m", "fitted", "residual", "low", "high") for i in (0, 1)]
    assert list(columns) == names
    for i in (0, 1):
        np.testing.assert_array_equal(columns[f"m[{i}]"], both[:, i])
        same(columns[f"fitted[{i}]"], fitted[:, i], 1e-9)
        np.testing.assert_allclose(columns[f"residual[{i}]"], both[:, i] - fitted[:, i], atol=1e-9)
        same(columns[f"high[{i}]"] - columns[f"fitted[{i}]"], half[:, i])


def test_a_parameter_may_be_an_array() -> None:
    design = np.stack([np.ones(9), TIMES, TIMES**2], axis=1)
    columns, _ = table(fit("y ~ x @ w", {"w": np.zeros(3)}, {"x": design, "y": DECAY}))
    point, rss, *_ = np.linalg.lstsq(design, DECAY, rcond=None)
    covariance = rss[0] / 6 * np.linalg.inv(design.T @ design)

    assert list(columns) == ["x[0]", "x[1]", "x[2]", "y", "fitted", "residual", "low", "high"]
    np.testing.assert_array_equal(columns["x[1]"], TIMES)
    same(columns["fitted"], design @ point, 1e-9)
    half = half_widths(design, covariance, stats.t.ppf(0.975, 6))
    same(columns["high"] - columns["fitted"], half)


def test_rows_that_depend_on_each_other() -> None:
    """A sum up to each row is no function of that row alone, so all are taken at once."""
    columns, warnings = table(fit("y ~ a + b*cumsum(t)", {"a": 1, "b": 1}, DATA))
    slope, intercept = np.polyfit(np.cumsum(TIMES), DECAY, 1)

    assert warnings == []
    same(columns["fitted"], intercept + slope * np.cumsum(TIMES), 1e-9)
    np.testing.assert_array_equal(columns["t"], TIMES)


def test_residuals_that_are_not_one_for_each_row() -> None:
    """Without columns of the data, for it is not known to which rows they belong."""
    columns, warnings = table(fit("y[1:] ~ a*y[:-1]", {"a": 1}, {"y": DECAY}))
    factor = DECAY[1:] @ DECAY[:-1] / (DECAY[:-1] @ DECAY[:-1])

    assert list(columns) == ["fitted", "residual", "low", "high"]
    same(columns["fitted"], factor * DECAY[:-1], 1e-9)
    assert len(warnings) == 1
    assert "not one for each row" in warnings[0]


def test_columns_that_are_called_as_the_results_are() -> None:
    columns, _ = table(fit("high ~ a + b*low", {"a": 1, "b": 1}, {"low": TIMES, "high": DECAY}))

    assert list(columns) == ["low", "high", "fitted", "residual", "gradcli.low", "gradcli.high"]
    np.testing.assert_array_equal(columns["low"], TIMES)
    assert (columns["gradcli.low"] < columns["fitted"]).all()


# ------------------------------------------------------------ where there is no band


def test_parameters_that_are_not_determined_do_not_matter_where_their_product_is() -> None:
    """a*b has one value; the degrees of freedom are those of the report, 9 - 2."""
    columns, warnings = table(fit("y ~ a*b*t", {"a": 1, "b": 2}, DATA))
    factor = TIMES @ DECAY / (TIMES @ TIMES)
    rss = np.sum((DECAY - factor * TIMES) ** 2)
    half = stats.t.ppf(0.975, 7) * np.sqrt(rss / 7 / (TIMES @ TIMES)) * TIMES

    assert warnings == []
    np.testing.assert_allclose(columns["fitted"], factor * TIMES, rtol=1e-9)
    np.testing.assert_allclose(columns["high"] - columns["fitted"], half, rtol=1e-7)


def test_a_row_whose_parameters_no_other_row_determines() -> None:
    """One row alone has b, whose weight is 0: all that is known of it is the start."""
    only = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0.0])
    data = {**DATA, "z": only}
    columns, warnings = table(fit("y ~ a*t + b*z", {"a": 1, "b": 2}, data, weights=1 - only))
    has_band = ~np.isnan(columns["low"])

    np.testing.assert_array_equal(has_band, only == 0)
    np.testing.assert_array_equal(np.isnan(columns["high"]), only == 1)
    assert np.isfinite(columns["fitted"]).all()
    assert warnings == [
        "1 fitted value has no confidence band: the parameters they depend on are not determined"
    ]


@pytest.mark.parametrize(
    ("source", "start", "rows", "more", "why"),
    [
        ("y ~ a + b*t", {"a": 1, "b": 1}, 2, {}, "no degrees of freedom"),
        ("y ~ a + b*t", {"a": 1, "b": 1}, 1, {}, "no degrees of freedom"),
        ("y ~ a*t", {"a": 5.5}, 9, {"bounds": {"a": (5, 6)}}, "at their limits"),
        ("y ~ a + 0*t", {"a": 1}, 8, {"loss": "huber(1e-9)"}, "the scale of the loss"),
    ],
)
def test_no_band(
    source: str, start: dict[str, Any], rows: int, more: dict[str, Any], why: str
) -> None:
    data = {name: column[:rows] for name, column in DATA.items()}
    columns, warnings = table(fit(source, start, data, **more))

    assert np.isnan(columns["low"]).all()
    assert np.isnan(columns["high"]).all()
    np.testing.assert_allclose(columns["residual"], data["y"] - columns["fitted"], atol=1e-12)
    assert len(warnings) == 1
    assert why in warnings[0]


def test_too_many_parameters_for_a_band() -> None:
    design = np.eye(300, 201)
    found = fit(
        "y ~ x @ w", {"w": np.zeros(201)}, {"x": design, "y": np.arange(300.0)}, method="lbfgs"
    )
    columns, warnings = table(found)

    np.testing.assert_allclose(columns["fitted"][:201], np.arange(201), atol=1e-6)
    assert np.isnan(columns["low"]).all()
    assert warnings == [
        "there is no confidence band of the fitted values: there are more than 200 parameters"
    ]


def test_a_perfect_fit_has_a_band_without_width() -> None:
    columns, _ = table(fit("y ~ a + b*t", {"a": 0, "b": 0}, {"t": TIMES, "y": 1 + 2 * TIMES}))

    np.testing.assert_allclose(columns["low"], 1 + 2 * TIMES, atol=1e-12)
    np.testing.assert_allclose(columns["high"], 1 + 2 * TIMES, atol=1e-12)


def test_what_is_no_fit_has_no_predictions() -> None:
    assert parse("(x - 1)^2").minimize(x=0).predictions is None
    squares = "(1-x)^2 + 100*(y-x^2)^2"
    assert parse(squares).minimize(x=0, y=0, method="lm").predictions is None


# ------------------------------------------------------------ block by block


def streamed(path: Path, source: str, start: dict[str, float]) -> Predictions:
    """The predictions of a fit to rows that are read again for every pass."""
    from gradcli.rows.columns import over_rows, rows, values_of

    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(start, ())
    read, _ = rows([str(path)], source, [], shapes, 0)
    assert read.held is None
    formula = over_rows(functools.partial(parse, source), read, shapes)
    found = minimize(formula, start, origin=formula.origin, data=values_of(read)).predictions
    assert found is not None
    return found


@pytest.mark.parametrize("source", [MODEL, "log(y) ~ a - b*t + 0*c", "mse(a + b*t + c*t^2, y)"])
def test_rows_in_files_are_those_in_memory(tmp_path: Path, source: str) -> None:
    path = tmp_path / "decay.npz"
    times = np.linspace(0, 10, 1000)
    data = {"t": times, "y": decay(times, 4, 0.4, 1) + 0.1 * np.sin(40 * times)}
    np.savez(path, t=times, y=data["y"])
    held, _ = table(fit(source, START, data))
    with mock.patch.object(gradcli.minimize.residuals, "BLOCK_NUMBERS", 300):
        found = streamed(path, source, {name: float(x) for name, x in START.items()})
        blocks = list(found.blocks())

    assert len(blocks) == 10
    assert found.count == 1000
    assert found.names == list(held)
    for name, column in held.items():
        parts = np.concatenate([block[name] for block in blocks])
        np.testing.assert_allclose(parts, column, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_many_rows_in_memory_with_weights() -> None:
    """So many rows are taken in blocks, and the weights are among them."""
    count = (1 << 16) + 3
    times = np.linspace(0, 10, count)
    values = decay(times, 4, 0.4, 1) + 0.1 * np.sin(1e3 * times)
    weights = 1 + times
    data = {"t": times, "y": values}
    columns, _ = table(fit("y ~ a + b*t", {"a": 1, "b": 1}, data, weights=weights))
    (slope, intercept), covariance = np.polyfit(times, values, 1, w=np.sqrt(weights), cov=True)
    slopes = np.stack([times, np.ones(count)], axis=1)
    half = half_widths(slopes, covariance, stats.t.ppf(0.975, count - 2))

    assert list(columns) == ["t", "y", "fitted", "residual", "low", "high"]
    np.testing.assert_allclose(columns["fitted"], intercept + slope * times, atol=1e-9)
    np.testing.assert_allclose(columns["high"] - columns["fitted"], half, rtol=1e-7)


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "decay.npz"
    count = 1_000_000
    times = np.linspace(0, 10, count)
    np.savez(path, t=times, y=decay(times, 4, 0.4, 1) + 0.1 * np.sin(1e3 * times))
    found = streamed(path, "y ~ a + b*t", {"a": 1.0, "b": 1.0})
    tracemalloc.start()
    try:
        rows = sum(len(block["fitted"]) for block in found.blocks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert rows == count
    assert peak < 24e6  # the table has six columns, 48 MB
