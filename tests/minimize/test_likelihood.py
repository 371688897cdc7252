"""Standard errors from the Hessian, against closed forms, sympy and published numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from scipy import optimize, stats

from gradcli import parse
from gradcli.errors import UsageError
from gradcli.solvers.statistics import ProfilePoint, ends
from gradcli.solvers.vectors import Box

if TYPE_CHECKING:
    from gradcli.minimize.minimum import Minimum
    from gradcli.solvers.statistics import Statistics

# Tobacco budworms, of 20 moths a dose: Venables and Ripley, Modern Applied Statistics with S, 2002,
# page 190.
LDOSE = np.tile(np.arange(6.0), 2)
DEAD = np.array([1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16.0])
MALE = np.repeat([1.0, 0.0], 6)
MOTHS = {"ldose": LDOSE, "dead": DEAD, "male": MALE}
BUDWORM = "eta = f*(1-male) + m*male + b*ldose; sum(20*softplus(eta) - dead*eta)"

NIST = Path(__file__).parents[1] / "reference/nist"
TIGHT: dict[str, Any] = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}

TIMES = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10], dtype=float)
DECAY = np.array([5.02, 3.75, 2.94, 2.41, 1.86, 1.63, 1.43, 1.18, 1.09])
SIGMA = np.array([0.1, 0.1, 0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.02])
DATA = {"t": TIMES, "y": DECAY}
MODEL = "y ~ a*exp(-b*t) + c"
START = {"a": 5, "b": 1, "c": 0}


def report(found: Minimum) -> Statistics:
    assert found.statistics is not None
    return found.statistics


def budworm(**how: Any) -> Minimum:
    return parse(BUDWORM).minimize(f=0, m=0, b=0, data=MOTHS, errors="hessian", **how)


def test_a_logistic_regression() -> None:
    """The Hessian is X'WX; of the deviance, AIC and BIC follow from the likelihood's definition."""
    found = budworm()
    x = np.stack([1 - MALE, MALE, LDOSE], axis=1)
    eta = x @ np.array(list(found.parameters.values()))
    chance = 1 / (1 + np.exp(-eta))
    covariance = np.linalg.inv(x.T @ (x * (20 * chance * (1 - chance))[:, None]))
    errors = np.sqrt(np.diag(covariance))
    value = -float(np.sum(DEAD * np.log(chance) + (20 - DEAD) * np.log(1 - chance)))
    fit = report(found)

    assert x.T @ (DEAD - 20 * chance) == pytest.approx(0, abs=1e-10)
    assert list(fit.standard_errors.values()) == pytest.approx(errors, rel=1e-12)
    assert fit.covariance["names"] == ["f", "m", "b"]
    assert np.allclose(fit.covariance["matrix"], covariance, rtol=1e-12, atol=0)
    assert (fit.aic, fit.bic) == pytest.approx((2 * value + 6, 2 * value + 3 * math.log(12)))
    assert (fit.observations, fit.degrees_of_freedom, fit.rss) == (12, None, None)
    z = np.array(list(found.parameters.values())) / errors
    assert list(fit.t_values.values()) == pytest.approx(z, rel=1e-11)
    assert list(fit.p_values.values()) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def test_the_dose_that_kills_a_quarter() -> None:
    """MASS's dose.p gives 2.231265 with the error 0.2499089 (README of the R package investr).

    R's glm stops where the deviance changes by 1e-8.
    """
    found = budworm()
    f, _, b = found.parameters.values()
    dose = (math.log(0.25 / 0.75) - f) / b
    gradient = np.array([-1 / b, 0, -dose / b])

    assert dose == pytest.approx(2.231265, abs=5e-7)
    error = math.sqrt(gradient @ np.array(report(found).covariance["matrix"]) @ gradient)
    assert error == pytest.approx(0.2499089, rel=1e-6)


def test_a_likelihood_without_data() -> None:
    """Ten exponential waits of 25 hours in all: the rate is 10/25, its error the rate over √10."""
    found = parse("25*r - 10*log(r)").minimize(r=1, errors="hessian", confidence=0.9)
    fit = report(found)

    assert fit.standard_errors["r"] == pytest.approx(0.4 / math.sqrt(10), rel=1e-9)
    half = stats.norm.ppf(0.95) * 0.4 / math.sqrt(10)
    assert fit.confidence_intervals["r"] == pytest.approx((0.4 - half, 0.4 + half), rel=1e-8)
    assert fit.aic == pytest.approx(2 * (10 - 10 * math.log(0.4)) + 2)
    assert (fit.observations, fit.bic) == (None, None)


def test_a_normal_sample() -> None:
    """The errors are s/√n and s/√(2n), with the root of the mean square for s."""
    formula = "sum((y - m)^2/(2*s^2) + log(s) + log(2*pi)/2)"
    found = parse(formula).minimize(m=1, s=1, data={"y": DECAY}, errors="hessian")
    fit, s, n = report(found), DECAY.std(), len(DECAY)

    errors = list(fit.standard_errors.values())
    assert errors == pytest.approx([s / math.sqrt(n), s / math.sqrt(2 * n)], rel=1e-9)
    logarithm = stats.norm.logpdf(DECAY, DECAY.mean(), s).sum()
    assert fit.aic == pytest.approx(4 - 2 * logarithm)
    assert fit.bic == pytest.approx(2 * math.log(n) - 2 * logarithm)


@pytest.mark.parametrize(
    "formula", ["sum((y - m)^2/(2*0.1^2))", "sum((y - m)^2)/0.02 + mean([m])*0"]
)
def test_known_deviations(formula: str) -> None:
    """A typed sum of squares is minimised by lm, and is a likelihood as it stands."""
    found = parse(formula).minimize(m=1, data={"y": DECAY}, errors="hessian")

    assert report(found).standard_errors["m"] == pytest.approx(0.1 / 3, rel=1e-10)
    assert report(found).aic == pytest.approx(2 * np.sum((DECAY - DECAY.mean()) ** 2) / 0.02 + 2)


def test_an_array_of_parameters() -> None:
    found = parse("sum(exp(w) - k*w)").minimize(
        w=[0, 0.0, 0], data=None, fix={"k": [4.0, 9, 25]}, errors="hessian"
    )

    # Of a Poisson count k the logarithm of the mean has the error 1/√k.
    errors = report(found).standard_errors
    assert errors == pytest.approx({"w[0]": 1 / 2, "w[1]": 1 / 3, "w[2]": 1 / 5}, rel=1e-8)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_model_is_the_normal_likelihood(*, absolute: bool) -> None:
    """The covariance is that of the second derivatives of the sum of squares, by sympy."""
    how: dict[str, Any] = {"sigma": SIGMA, "absolute_sigma": absolute, "errors": "hessian"}
    found = parse(MODEL).minimize(START, data=DATA, **how)
    a, b, c, t, y, s = sympy.symbols("a b c t y s")
    square = ((y - a * sympy.exp(-b * t) - c) / s) ** 2
    second = sympy.lambdify((a, b, c, t, y, s), sympy.hessian(square, (a, b, c)))
    rows = zip(TIMES, DECAY, SIGMA, strict=True)
    hessian = sum(np.array(second(*found.parameters.values(), *row)) for row in rows)
    fit = report(found)
    scale = 1.0 if absolute else found.minimum / 6
    covariance = scale * np.linalg.inv(hessian / 2)
    quantile = stats.norm.ppf(0.975) if absolute else stats.t.ppf(0.975, 6)

    assert fit.errors == "hessian"
    assert np.allclose(fit.covariance["matrix"], covariance, rtol=1e-9, atol=0)
    half = quantile * math.sqrt(covariance[1, 1])
    b_found = found.parameters["b"]
    assert fit.confidence_intervals["b"] == pytest.approx((b_found - half, b_found + half))
    from_jacobian = report(parse(MODEL).minimize(START, data=DATA, sigma=SIGMA))
    assert fit.standard_errors["b"] != pytest.approx(from_jacobian.standard_errors["b"], rel=1e-4)
    assert (fit.rss, fit.r_squared) == (from_jacobian.rss, from_jacobian.r_squared)


def test_what_is_not_determined_and_what_is_at_its_limit() -> None:
    singular = parse("cosh(x + y) + z^2").minimize(x=1, y=2, z=1, errors="hessian")
    assert report(singular).standard_errors == {"x": None, "y": None, "z": pytest.approx(0.5**0.5)}
    matrix, freedom = [[pytest.approx(0.5)]], None
    assert report(singular).covariance == {
        "names": ["z"],
        "matrix": matrix,
        "degrees_of_freedom": freedom,
    }
    assert any("determine x and y" in warning for warning in singular.warnings)

    limited = parse("(x - 1)^2/2 + (y - x)^2/2").minimize(
        x=0, y=0, bounds={"x": (-1, 0.5)}, errors="hessian"
    )
    assert report(limited).standard_errors == {"x": None, "y": pytest.approx(1)}
    assert any("x is at its limit" in warning for warning in limited.warnings)


def test_a_run_that_did_not_converge_says_so() -> None:
    found = parse("25*r - 10*log(r)").minimize(r=1, errors="hessian", steps=1)

    assert "the run did not converge, so the report is not that of a minimum" in found.warnings


@pytest.mark.parametrize(
    ("formula", "how", "part"),
    [
        ("mean((y - a)^2)", {"errors": "hessian"}, "a mean over rows"),
        ("a^2 - mean(log(y*a))", {"errors": "hessian"}, "a mean over rows"),
        ("y ~ a", {"errors": "hessian", "loss": "cauchy"}, "a robust loss is no likelihood"),
        ("y ~ a", {"profile": True, "loss": "cauchy"}, "a robust loss is no likelihood"),
        ("y ~ a", {"errors": "hessien"}, "errors must be one of jacobian, hessian"),
        ("sum(exp(a*y))", {"errors": "jacobian"}, "errors='jacobian' needs a fit"),
        ("sum(exp(a*y))", {"profile": True}, "profile needs a fit"),
    ],
)
def test_what_is_no_likelihood(formula: str, how: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        parse(formula).minimize(a=1, data={"y": DECAY}, **how)


# ------------------------------------------------------------ profiles

# R's data set Puromycin, the treated cells: Bates and Watts, Nonlinear Regression Analysis, 1988.
PUROMYCIN = {
    "c": np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.10], 2),
    "v": np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200.0]),
}


def test_the_profile_of_r() -> None:
    """R's confint(nls(v ~ a*c/(b + c))), which interpolates, as HeuristicLab's tests have it."""
    found = parse("v ~ a*c/(b + c)").minimize(a=200, b=0.05, data=PUROMYCIN, profile=True)
    intervals = report(found).confidence_intervals

    assert report(found).intervals == "profile"
    assert intervals["a"] == pytest.approx((197.30212848, 229.29006490), rel=1e-5)
    assert intervals["b"] == pytest.approx((0.04692517, 0.08615995), rel=2e-4)


@pytest.mark.parametrize("how", [{}, {"sigma": SIGMA}, {"sigma": SIGMA, "absolute_sigma": True}])
def test_the_profile_of_a_fit_by_scipy(how: dict[str, Any]) -> None:
    """With b held the model is linear, so its profile is a matter of least squares alone."""
    found = parse(MODEL).minimize(START, data=DATA, profile=True, confidence=0.9, **how)
    fit, sigma = report(found), how.get("sigma", 1.0)
    scale = 1.0 if "absolute_sigma" in how else found.minimum / 6
    normal = "absolute_sigma" in how
    quantile = stats.norm.ppf(0.95) if normal else stats.t.ppf(0.95, 6)

    def excess(b: float) -> float:
        x = np.stack([np.exp(-b * TIMES), np.ones(9)], axis=1) / np.reshape(sigma, (-1, 1))
        rss = np.linalg.lstsq(x, DECAY / sigma, rcond=None)[1][0]
        return float((rss - found.minimum) / scale - quantile**2)

    b = found.parameters["b"]
    parts = ((0.1, b), (b, 1.0))
    ends = [optimize.brentq(excess, low, high, xtol=1e-14) for low, high in parts]
    assert fit.confidence_intervals["b"] == pytest.approx(ends, rel=1e-8)


@pytest.mark.parametrize("name", ["BoxBOD", "Misra1a", "Rat42", "Nelson"])
def test_the_profiles_of_nist(name: str) -> None:
    """With a number held at its end, scipy finds residuals that are as much larger as t says."""
    row = json.loads((NIST / "index.json").read_text())["sets"][name]
    data = np.loadtxt(NIST / row["csv"], delimiter=",", skiprows=1)
    columns = dict(zip(row["columns"], data.T, strict=True))
    model = parse(f"{row['response']} ~ {row['model']}")
    found = model.minimize(row["start2"], data=columns, profile=True)
    names, best = list(found.parameters), np.array(list(found.parameters.values()))
    residual = sympy.lambdify(
        [*names, *columns], sympy.sympify(f"{row['model']} - ({row['response']})")
    )
    quantile = stats.t.ppf(0.975, row["degrees_of_freedom"])
    for place, ends_of in enumerate(report(found).confidence_intervals.values()):
        assert ends_of is not None
        for end in ends_of:
            assert end is not None

            def held(point: np.ndarray[Any, Any], place: int = place, end: float = end) -> Any:
                return residual(*np.insert(point, place, end), *columns.values())

            start = np.delete(best, place)
            fit = optimize.least_squares(held, start, x_scale=abs(start), method="lm", **TIGHT)
            ratio = (2 * fit.cost - found.minimum) / (found.minimum / row["degrees_of_freedom"])
            assert ratio == pytest.approx(quantile**2, rel=1e-6)


def test_the_profile_of_a_likelihood_by_scipy() -> None:
    found = parse("25*r - 10*log(r)").minimize(r=1, errors="hessian", profile=True)
    quantile = stats.chi2.ppf(0.95, 1)
    least = 10 - 10 * math.log(0.4)

    def excess(r: float) -> float:
        return float(2 * (25 * r - 10 * math.log(r) - least) - quantile)

    parts = ((0.01, 0.4), (0.4, 2.0))
    ends = [optimize.brentq(excess, low, high, xtol=1e-14) for low, high in parts]
    assert report(found).confidence_intervals["r"] == pytest.approx(ends, rel=1e-9)


def test_the_profile_of_a_logistic_regression_by_scipy() -> None:
    found = budworm(profile=True)
    x = np.stack([1 - MALE, MALE], axis=1)

    def lowest(b: float) -> float:
        def value(point: np.ndarray[Any, Any]) -> float:
            eta = x @ point + b * LDOSE
            return float(np.sum(20 * np.logaddexp(0, eta) - DEAD * eta))

        return float(optimize.minimize(value, [-3, -2], method="Nelder-Mead", tol=1e-12).fun)

    for end in report(found).confidence_intervals["b"] or ():
        assert end is not None
        excess = 2 * (lowest(end) - found.minimum)
        assert excess == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-8)


def test_the_profile_of_a_linear_model_is_that_of_its_errors() -> None:
    how: dict[str, Any] = {"data": DATA, "weights": 1 / SIGMA}
    model = parse("y ~ a + b*t + c*t^2")
    plain, profile = (model.minimize(a=0, b=0, c=0, profile=p, **how) for p in (False, True))

    for name, interval in report(profile).confidence_intervals.items():
        assert interval == pytest.approx(report(plain).confidence_intervals[name], rel=1e-8)


def test_ends_that_do_not_exist() -> None:
    """A curve that is nearly straight has no largest b and a; a limit may come first."""
    rows = {"c": PUROMYCIN["c"][:4], "v": PUROMYCIN["v"][:4]}
    found = parse("v ~ a*c/(b + c)").minimize(a=200, b=0.05, data=rows, profile=True)
    low, high = report(found).confidence_intervals["a"] or (None, None)
    assert low is not None
    assert high is None
    assert any(w.startswith("the profile of a has no upper end: ") for w in found.warnings)

    bounds = {"b": (0.05, 0.07)}
    found = parse("v ~ a*c/(b + c)").minimize(
        a=200, b=0.06, data=PUROMYCIN, profile=True, bounds=bounds
    )
    assert report(found).confidence_intervals["b"] is None
    assert "the profile of b has no lower end: the limit 0.05 comes first" in found.warnings
    assert "the profile of b has no upper end: the limit 0.07 comes first" in found.warnings


@pytest.mark.parametrize(
    ("tilt", "why"), [(1, "the likelihood rises again"), (6, "there is a lower minimum, near -")]
)
def test_another_minimum_on_the_way(tilt: int, why: str) -> None:
    """The minimum near 2 has another one beside it, near -2, behind a ridge."""
    how: dict[str, Any] = {"errors": "hessian", "profile": True, "confidence": 0.9999999}
    found = parse(f"(x^2 - 4)^2 + {tilt}*x").minimize(x=2, **how)
    low, high = report(found).confidence_intervals["x"] or (0, 0)

    assert (low, found.parameters["x"] > 0) == (None, True)
    assert high is not None
    (warning,) = found.warnings
    assert warning.startswith("the profile of x has no lower end: ")
    assert why in warning


def test_a_run_without_a_minimum_has_no_profile() -> None:
    found = parse(MODEL).minimize(START, data=DATA, profile=True, steps=1)

    assert "without a minimum there is no profile of the likelihood" in found.warnings
    assert report(found).intervals == "standard_errors"


def test_an_interrupted_profile_keeps_what_was_found() -> None:
    """The run is interrupted in the middle of the profile of b."""
    asked = iter(range(1000))
    found, missing = ends(
        lambda _, start: ProfilePoint(float(start[0] ** 2), float(2 * start[0]), start),
        0,
        np.zeros(1),
        np.ones(1),
        1.96,
        Box.unbounded(1),
        lambda: next(asked) > 0,
    )

    assert found == [pytest.approx(-1.96), None]
    assert missing == ["no upper end: the run was interrupted"]
