"""Reports of fits against NIST's certified errors, printed output of R, scipy and statsmodels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import mpmath
import numpy as np
import pytest
from scipy import optimize, stats

from gradcli.solvers.covariance import Weights
from gradcli.solvers.distributions import MANY, central_quantile, tail_probability
from gradcli.solvers.levenberg import LevenbergMarquardt
from gradcli.solvers.linear import LinearLeastSquares
from gradcli.solvers.robust import loss
from gradcli.solvers.solver import run
from gradcli.solvers.statistics import summary
from gradcli.solvers.vectors import Box
from tests.solvers.nist import FormulaResiduals, data_sets, digits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.solvers.solver import Vector
    from gradcli.solvers.statistics import Statistics

SETS = data_sets()
LEAST_DIGITS = {"Filip": 6.5}
MOST_ERROR = {"Filip": 1e-8}
"""Of the residual sum: Filip's powers, to the tenth, are rounded before they get here."""


@pytest.mark.parametrize("name", SETS)
def test_certified_errors(name: str) -> None:
    row = SETS[name]
    method: Any = LinearLeastSquares if row.is_linear else LevenbergMarquardt
    residuals = row.residuals()
    outcome = run(method(residuals, row.starts[-1], Box.unbounded(len(row.parameters))))
    point = outcome.record.point
    found, _ = summary(residuals, point, row.parameters, rss=outcome.record.value)
    assert digits(errors_of(found), row.errors, 11) > LEAST_DIGITS.get(name, 10.2)
    error = MOST_ERROR.get(name, 1e-9)
    assert found.rss == pytest.approx(row.rss, rel=error)
    assert found.residual_standard_error == pytest.approx(row.residual_sd, rel=error)
    assert found.degrees_of_freedom == residuals.count - len(row.parameters)


class Printed(NamedTuple):
    """What R prints, to the digits it prints."""

    model: str
    columns: dict[str, list[float]]
    start: dict[str, float]
    coefficients: dict[str, tuple[float, float, float, float]]
    """Estimate, standard error, t value and p value."""
    residual_error: float
    freedom: int
    r_squared: float | None = None
    aic: float | None = None
    bic: float | None = None


PUROMYCIN = Printed(  # summary(nls(rate ~ Vm*conc/(K + conc), Puromycin, state == "treated"))
    "Vm*conc/(K + conc)",
    {
        "conc": [0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.1, 1.1],
        "y": [76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200],
    },
    {"Vm": 200, "K": 0.05},
    {
        "Vm": (2.127e02, 6.947e00, 30.61, 3.24e-11),
        "K": (6.412e-02, 8.281e-03, 7.743, 1.57e-05),
    },
    10.93,
    10,
)
DNASE = Printed(  # summary(nls(density ~ SSlogis(log(conc), Asym, xmid, scal), DNase1)), ?nls
    "Asym/(1 + exp((xmid - log(conc))/scal))",
    {
        "conc": [
            *(0.04882812, 0.04882812, 0.1953125, 0.1953125, 0.390625, 0.390625, 0.78125, 0.78125),
            *(1.5625, 1.5625, 3.125, 3.125, 6.25, 6.25, 12.5, 12.5),
        ],
        "y": [
            *(0.017, 0.018, 0.121, 0.124, 0.206, 0.215, 0.377, 0.374),
            *(0.614, 0.609, 1.019, 1.001, 1.334, 1.364, 1.730, 1.710),
        ],
    },
    {"Asym": 3, "xmid": 0, "scal": 1},
    {
        "Asym": (2.34518, 0.07815, 30.01, 2.17e-13),
        "xmid": (1.48309, 0.08135, 18.23, 1.22e-10),
        "scal": (1.04146, 0.03227, 32.27, 8.51e-14),
    },
    0.01919,
    13,
)
CARS = Printed(  # summary, AIC and BIC of lm(dist ~ speed, cars)
    "a + b*speed",
    {
        "speed": [
            *(4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14),
            *(15, 15, 15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22),
            *(23, 24, 24, 24, 24, 25),
        ],
        "y": [
            *(2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60),
            *(80, 20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64),
            *(66, 54, 70, 92, 93, 120, 85),
        ],
    },
    {"a": 1, "b": 1},
    {"a": (-17.5791, 6.7584, -2.601, 0.0123), "b": (3.9324, 0.4155, 9.464, 1.49e-12)},
    15.38,
    48,
    0.6511,
    419.1569,
    424.8929,
)


@pytest.mark.parametrize("printed", [PUROMYCIN, DNASE, CARS], ids=["Puromycin", "DNase1", "cars"])
def test_summaries_of_r(printed: Printed) -> None:
    columns = {name: np.array(values, dtype=float) for name, values in printed.columns.items()}
    response = columns["y"]
    total = float(np.sum((response - response.mean()) ** 2))
    fitted = fit(f"{printed.model} - y", columns, printed.start, total=total)
    found = fitted.report
    for (name, row), value in zip(printed.coefficients.items(), fitted.point, strict=True):
        numbers = (
            value,
            found.standard_errors[name],
            found.t_values[name],
            found.p_values[name],
        )
        for number, text in zip(numbers, row, strict=True):
            assert number is not None
            assert number == pytest.approx(text, rel=3e-4 if abs(text) > 1e-4 else 4e-3, abs=5e-5)
            assert abs(text) > 1e-4 or number == pytest.approx(text, rel=4e-3)
    assert found.residual_standard_error == pytest.approx(printed.residual_error, rel=4e-4)
    assert found.degrees_of_freedom == printed.freedom
    if printed.aic is not None:
        assert found.r_squared == pytest.approx(printed.r_squared, abs=5e-5)
        assert found.aic == pytest.approx(printed.aic, abs=5e-5)
        assert found.bic == pytest.approx(printed.bic, abs=5e-5)


X = np.linspace(0, 4, 12)
Y = 3 * np.exp(-0.7 * X) + 0.1 * np.sin(9 * X)
START = {"a": 1.0, "b": 1.0}
SIGMA = 0.05 + 0.03 * X


@pytest.mark.parametrize("absolute", [False, True])
def test_weighted_fits_as_in_scipy(*, absolute: bool) -> None:
    point, covariance = optimize.curve_fit(
        lambda x, a, b: a * np.exp(-b * x),
        X,
        Y,
        p0=[1.0, 1.0],
        sigma=SIGMA,
        absolute_sigma=absolute,
        jac=lambda x, a, b: np.column_stack([np.exp(-b * x), -a * x * np.exp(-b * x)]),
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
    )
    weights = SIGMA**-2
    fitted = fit(
        "(a*exp(-b*x) - y)/s",
        {"x": X, "y": Y, "s": SIGMA},
        {"a": 1, "b": 1},
        weights=Weights.of(weights),
        absolute_sigma=absolute,
    )
    np.testing.assert_allclose(fitted.point, point, rtol=1e-7)
    errors = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose(errors_of(fitted.report), errors, rtol=1e-6)
    expected = covariance[0, 1] / errors[0] / errors[1]
    assert fitted.report.correlation["a"]["b"] == pytest.approx(expected, rel=1e-6)
    residuals = point[0] * np.exp(-point[1] * X) - Y
    freedom = len(X) - 2
    scale = 1.0 if absolute else np.sqrt(np.sum(weights * residuals**2) / len(X))
    likelihood = float(np.sum(stats.norm.logpdf(residuals, scale=SIGMA * scale)))
    count = 2 if absolute else 3
    assert fitted.report.aic == pytest.approx(-2 * likelihood + 2 * count, rel=1e-10)
    assert fitted.report.bic == pytest.approx(-2 * likelihood + np.log(12) * count, rel=1e-10)
    distribution = stats.norm if absolute else stats.t(freedom)
    half = distribution.ppf(0.975) * errors[0]
    assert fitted.report.confidence_intervals["a"] == pytest.approx(
        (point[0] - half, point[0] + half), rel=1e-6
    )
    assert fitted.report.p_values["b"] == pytest.approx(
        2 * distribution.sf(point[1] / errors[1]), rel=1e-4
    )


def test_rows_of_weight_zero_do_not_count() -> None:
    weights = np.where(np.arange(12) % 4 == 0, 0.0, 2.0)
    columns = {"x": X, "y": Y, "w": np.sqrt(weights)}
    all_rows = fit("w*(a*exp(-b*x) - y)", columns, START, total=5.0, weights=Weights.of(weights))
    some = {name: column[weights > 0] for name, column in columns.items()}
    some_rows = fit(
        "w*(a*exp(-b*x) - y)", some, START, total=5.0, weights=Weights.of(weights[weights > 0])
    )
    assert all_rows.report.observations == 9
    one, other = all_rows.report.document(), some_rows.report.document()
    assert (one.pop("correlation")["a"]) == pytest.approx(other.pop("correlation")["a"], rel=1e-12)
    assert one.pop("confidence_intervals")["b"] == pytest.approx(
        other.pop("confidence_intervals")["b"], rel=1e-12
    )
    pairs = zip(one.pop("covariance")["matrix"], other.pop("covariance")["matrix"], strict=True)
    for row, numbers in pairs:
        assert row == pytest.approx(numbers, rel=1e-12)
    for field, value in one.items():
        if isinstance(value, float | dict):
            assert value == pytest.approx(other[field], rel=1e-12), field
        else:
            assert value == other[field], field


STACK_LOSS: Vector = np.array(  # Brownlee, Statistical Theory and Methodology, 1965, page 454
    [
        *([80, 27, 89, 42], [80, 27, 88, 37], [75, 25, 90, 37], [62, 24, 87, 28], [62, 22, 87, 18]),
        *([62, 23, 87, 18], [62, 24, 93, 19], [62, 24, 93, 20], [58, 23, 87, 15], [58, 18, 80, 14]),
        *([58, 18, 89, 14], [58, 17, 88, 13], [58, 18, 82, 11], [58, 19, 93, 12], [50, 18, 89, 8]),
        *([50, 18, 86, 7], [50, 19, 72, 8], [50, 19, 79, 8], [50, 20, 80, 9], [56, 20, 82, 15]),
        [70, 20, 91, 15],
    ],
    dtype=float,
)


def test_robust_errors_as_in_statsmodels() -> None:
    # RLM(stackloss, HuberT()) of statsmodels prints -41.0265 (9.792), 0.8294 (0.111),
    # 0.9261 (0.303), -0.1278 (0.129), at the scale 2.4407137948148447 that it estimates.
    columns = dict(zip(("u", "v", "w", "y"), STACK_LOSS.T, strict=True))
    fitted = fit(
        "a + b*u + c*v + d*w - y",
        columns,
        {"a": 0, "b": 1, "c": 1, "d": 1},
        loss=loss("huber", [1.345 * 2.4407137948148447]),
    )
    np.testing.assert_allclose(fitted.point, [-41.0265, 0.8294, 0.9261, -0.1278], atol=5e-5)
    errors = errors_of(fitted.report)
    np.testing.assert_allclose(errors, [9.792, 0.111, 0.303, 0.129], atol=5e-4)
    assert (fitted.report.r_squared, fitted.report.aic, fitted.report.bic) == (None, None, None)
    assert "do not exist for a robust loss" in fitted.warnings[0]


def test_no_degrees_of_freedom() -> None:
    fitted = fit("a*exp(-b*x) - y", {"x": X[:2], "y": Y[:2]}, {"a": 1, "b": 1})
    assert fitted.warnings[0] == (
        "2 observations for 2 parameters leave no degrees of freedom,"
        " so standard errors do not exist"
    )
    assert fitted.report.residual_standard_error is None
    assert fitted.report.standard_errors == {"a": None, "b": None}
    assert fitted.report.confidence_intervals == {"a": None, "b": None}
    assert fitted.report.correlation["a"] == {"a": None, "b": None}


def test_parameters_that_are_not_determined_are_named() -> None:
    columns = {"x": X, "y": Y}
    fitted = fit("a + b + c*x + 0*d - y", columns, {"a": 1, "b": 2, "c": 1, "d": 5})
    assert fitted.warnings[0].startswith("the data do not determine a, b and d: they can change")
    errors = fitted.report.standard_errors
    assert (errors["a"], errors["b"], errors["d"]) == (None, None, None)
    line = stats.linregress(X, Y)
    # c keeps the error of a line, with the degrees of freedom of four parameters
    expected = float(line.stderr) * np.sqrt(10 / 8)
    assert errors["c"] == pytest.approx(expected, rel=1e-12)
    assert fitted.report.correlation["c"] == {"a": None, "b": None, "c": 1.0, "d": None}


def test_products_of_parameters_are_not_determined() -> None:
    fitted = fit("a*b*x - y", {"x": X, "y": Y}, {"a": 1, "b": 2})
    assert fitted.warnings[0].startswith("the data do not determine a and b")


def test_strong_correlation_is_a_warning() -> None:
    columns = {"x": X + 1e4, "y": Y}
    fitted = fit("a + b*x - y", columns, {"a": 1, "b": 1})
    assert "strongly correlated estimates: a and b (-0.99999" in fitted.warnings[0]
    # of a line, -mean/root of the mean square
    expected = -np.mean(columns["x"]) / np.sqrt(np.mean(columns["x"] ** 2))
    assert fitted.report.correlation["a"]["b"] == pytest.approx(expected, rel=1e-12)


def test_a_perfect_fit() -> None:
    fitted = fit("a*x - y", {"x": X, "y": 2 * X}, {"a": 2}, total=1.0)
    assert fitted.report.standard_errors == {"a": 0.0}
    assert fitted.report.t_values == {"a": None}
    assert fitted.report.p_values == {"a": None}
    assert (fitted.report.aic, fitted.report.bic) == (None, None)
    assert fitted.report.r_squared == 1.0
    assert "all residuals are 0" in fitted.warnings[0]


def test_a_fit_perfect_but_for_rounding() -> None:
    y = 3.1 * np.exp(-0.73 * X) + 1e-16 * np.arange(12)
    total = float(np.sum((y - y.mean()) ** 2))
    fitted = fit("a*exp(-b*x) - y", {"x": X, "y": y}, {"a": 1, "b": 1}, total=total)
    assert fitted.warnings == [
        "the residuals are rounding errors of a perfect fit, and so are all errors"
    ]


def test_a_constant_response_has_no_r_squared() -> None:
    fitted = fit("a*x - y", {"x": X, "y": np.ones(12)}, {"a": 1}, total=0.0)
    assert fitted.report.r_squared is None
    assert fitted.warnings == ["the response is constant, so R² does not exist"]


def test_sums_of_squares_that_underflow() -> None:
    """All that is no square is that of the data in another unit."""
    usual = fit("a*exp(-b*x) - y", {"x": X, "y": Y}, {"a": 1, "b": 1})
    tiny = fit("a*exp(-b*x) - y", {"x": X, "y": Y * 1e-200}, {"a": 1e-200, "b": 1}, total=0.0)
    assert tiny.report.rss == 0
    assert tiny.report.residual_standard_error == pytest.approx(
        float(usual.report.residual_standard_error or 0) * 1e-200, rel=1e-12
    )
    np.testing.assert_allclose(
        errors_of(tiny.report) / [1e-200, 1], errors_of(usual.report), rtol=1e-9
    )
    assert tiny.report.r_squared is None
    # -2 log L of n numbers grows by 2 n log(unit)
    assert float(tiny.report.aic or 0) == pytest.approx(
        float(usual.report.aic or 0) + 24 * np.log(1e-200), rel=1e-12
    )
    assert len(tiny.warnings) == 2
    assert all("underflows" in warning for warning in tiny.warnings)


def test_a_line_through_one_point() -> None:
    fitted = fit("a*x + b - y", {"x": X[1:2], "y": np.array([3.1])}, {"a": 1, "b": 0}, total=0.0)
    perfect = "the residuals are rounding errors of a perfect fit, and so are all errors"
    assert fitted.report.rss == 0 or perfect in fitted.warnings
    assert any(
        warning.startswith("1 observation for 2 parameters leaves no")
        for warning in fitted.warnings
    )
    assert any("so they have no standard errors" in warning for warning in fitted.warnings)


def test_rounding_is_seen_where_the_response_is_constant() -> None:
    residuals = FormulaResiduals("a*x - y", {"x": np.full(3, 3.0), "y": np.full(3, 0.3)}, ["a"])
    _, warnings = summary(residuals, np.array([0.1]), ["a"], total=0.0)  # 3·0.1 is 0.3 + 5.6e-17
    assert warnings == [
        "the residuals are rounding errors of a perfect fit, and so are all errors",
        "the response is constant, so R² does not exist",
    ]


def test_absolute_sigmas_mean_nothing_to_a_loss() -> None:
    columns, start = {"x": X, "y": Y}, {"a": 1, "b": 1}
    how = {"loss": loss("huber", [0.1])}
    relative = fit("a*exp(-b*x) - y", columns, start, **how)
    absolute = fit("a*exp(-b*x) - y", columns, start, absolute_sigma=True, **how)
    assert absolute.report == relative.report
    (warning,) = set(absolute.warnings) - set(relative.warnings)
    assert "count as relative ones, not as absolute ones" in warning


def test_fixed_parameters_have_no_errors() -> None:
    residuals = FormulaResiduals("a*exp(-b*x) - y", {"x": X, "y": Y}, ["a", "b"])
    free = np.array([True, False])
    found, warnings = summary(residuals, np.array([3.0, 0.7]), ["a", "b"], free=free)
    slope = np.exp(-0.7 * X)
    deviation = np.sqrt(np.sum((3 * slope - Y) ** 2) / 11)
    expected = float(deviation / np.linalg.norm(slope))
    assert found.degrees_of_freedom == 11
    assert found.standard_errors["a"] == pytest.approx(expected, rel=1e-14)
    assert found.standard_errors["b"] is None
    assert found.correlation == {"a": {"a": 1.0, "b": None}, "b": {"a": None, "b": None}}
    assert "b is at its limit, so it has no standard error" in warnings
    assert found.document()["confidence_intervals"]["b"] is None


class Fitted(NamedTuple):
    """A fit and its report."""

    point: Vector
    report: Statistics
    warnings: list[str]


def errors_of(report: Statistics) -> Vector:
    """Return the standard errors as an array, all of which exist."""
    errors = list(report.standard_errors.values())
    assert None not in errors
    return np.array(errors, dtype=float)


def fit(
    source: str, columns: Mapping[str, Vector], start: Mapping[str, float], **how: Any
) -> Fitted:
    """Return the report of a fit without bounds."""
    names = list(start)
    residuals = FormulaResiduals(source, columns, names)
    point = np.array([*start.values()], dtype=float)
    chosen = how.get("loss")
    solver = LevenbergMarquardt(residuals, point, Box.unbounded(len(names)), loss=chosen)
    point = run(solver).record.point
    return Fitted(point, *summary(residuals, point, names, **how))


# ------------------------------------------- Student's t, beside mpmath's incomplete beta function

FREEDOMS = [1, 2, 3, 4, 5, 7, 10, 20, 41, 100, 199, 200, 201, 999, MANY, MANY + 1]
RATIOS = [1e-9, 1e-3, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 20.0, 100.0, 1e3, 1e6, 1e20]
CONFIDENCES = [1e-6, 0.01, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.999999, 1 - 1e-12]


def probability(t: float, freedom: int) -> Any:
    """Return the probability beyond t and -t with 30 digits."""
    with mpmath.workdps(30):
        inside = freedom / (freedom + mpmath.mpf(t) ** 2)
        half = mpmath.mpf(freedom) / 2
        return mpmath.betainc(half, 0.5, 0, inside, regularized=True)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_the_probability_of_a_ratio(freedom: int) -> None:
    for t in RATIOS:
        expected = float(probability(t, freedom))
        assert tail_probability(t, freedom) == pytest.approx(expected, rel=1e-12, abs=1e-300)
        assert tail_probability(-t, freedom) == tail_probability(t, freedom)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_what_lies_within_a_quantile(freedom: int) -> None:
    for confidence in CONFIDENCES:
        outside = float(probability(central_quantile(confidence, freedom), freedom))
        assert outside == pytest.approx(1 - confidence, rel=1e-12)


@pytest.mark.parametrize("freedom", [1, 12, MANY + 1])
def test_the_ends_of_the_line(freedom: int) -> None:
    assert tail_probability(0.0, freedom) == 1
    assert tail_probability(float("inf"), freedom) == 0
    assert central_quantile(0.0, freedom) == 0
    assert central_quantile(1.0, freedom) == float("inf")
