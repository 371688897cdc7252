"""Errors of results against published budgets, mpmath and draws."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcli
from gradcli import parse
from gradcli.errors import NameValueError
from gradcli.language.bindings import binding
from gradcli.uncertainty.number import shown, uncertain
from gradcli.uncertainty.propagation import inputs, of_fit, propagate, sampled

CASES = json.loads((Path(__file__).parent.parent / "reference" / "uncertainty.json").read_text())
VALUES = [case for case in CASES if "kind" not in case]


def given_values(case: dict[str, Any]) -> tuple[dict[str, Any], dict[tuple[str, str], float]]:
    """The values of a case's words, and its correlations."""
    values: dict[str, Any] = {}
    correlations = {}
    words = iter(case["argv"][2:])
    for word in words:
        if word == "--correlate":
            names, _, number = next(words).partition("=")
            first, second = names.split(",")
            correlations[first, second] = float(number)
            continue
        bound = binding(word)
        assert bound.error is not None
        parts = []
        for part in (bound, bound.error):
            built = part.built
            parts.append(
                part.number
                if built is None
                else gradcli.Formula(built.graph, built.root).evaluate()
            )
        values[bound.name] = gradcli.uncertain(*parts)
    return values, correlations


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case["name"])
def test_published_budgets_and_mpmath(case: dict[str, Any]) -> None:
    values, correlations = given_values(case)
    found = gradcli.parse(case["argv"][1]).uncertainty(values, correlations=correlations)
    scale = case["scale"]
    assert found.value == pytest.approx(case["value"], rel=case["rtol"], abs=1e-12 * scale)
    assert found.standard_error == pytest.approx(
        case["standard_error"], rel=1e-11, abs=1e-13 * scale
    )
    assert found.second_order is not None
    second = case["second_order"]
    assert found.second_order.value == pytest.approx(second["value"], rel=1e-10, abs=1e-12 * scale)
    error = found.second_order.standard_error
    assert error == pytest.approx(second["standard_error"], rel=1e-10, abs=1e-13 * scale)
    if case["budget"]:
        assert math.fsum(found.shares.values()) == pytest.approx(1)
        for name, share in case["budget"].items():
            assert found.shares[name] == pytest.approx(share, rel=1e-9, abs=1e-12)


OBSERVED = {
    "V": [5.007, 4.994, 5.005, 4.990, 4.999],
    "I": [19.663e-3, 19.639e-3, 19.640e-3, 19.685e-3, 19.678e-3],
    "p": [1.0456, 1.0438, 1.0468, 1.0428, 1.0433],
}
"""Five sets of simultaneous observations, JCGM 100 (GUM), table H.2."""


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [
        ("V/I*cos(p)", 127.732, 0.071),
        ("V/I*sin(p)", 219.847, 0.295),
        ("V/I*p^0", 254.260, 0.236),
    ],
)
def test_the_observations_of_the_gum(text: str, value: float, error: float) -> None:
    """Resistance, reactance and impedance as table H.3 publishes them."""
    rows = np.array([*OBSERVED.values()])
    means = dict(zip(OBSERVED, rows.mean(axis=1).tolist(), strict=True))
    covariance = (np.cov(rows) / rows.shape[1]).tolist()
    known = of_fit([*OBSERVED], covariance, None)
    assert known.correlations == {
        ("V", "I"): pytest.approx(-0.36, abs=0.005),
        ("V", "p"): pytest.approx(0.86, abs=0.005),
        ("I", "p"): pytest.approx(-0.65, abs=0.005),
    }
    found = propagate(parse(text).at_values(means), known)
    assert found.value == pytest.approx(value, abs=6e-4)
    assert found.standard_error == pytest.approx(error, abs=6e-4)


NUMBERS = st.floats(0.1, 10)
MATRIX = st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=3, max_size=3)


@settings(max_examples=50)
@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), MATRIX)
def test_arrays_and_numbers_agree(point: tuple[float, ...], rows: list[list[float]]) -> None:
    """The same inputs as three names and as one array, correlated by any matrix."""
    covariance = (np.array(rows) @ np.array(rows).T + np.eye(3)).tolist()
    alone = gradcli.parse("a*exp(b) + c^2/a").at_values(dict(zip("abc", point, strict=True)))
    array = gradcli.parse("x[0]*exp(x[1]) + x[2]^2/x[0]", {"x": (3,)}).at_values(x=[*point])
    one = propagate(alone, of_fit([*"abc"], covariance, 7))
    names = [f"x[{place}]" for place in range(3)]
    other = propagate(array, of_fit(names, covariance, 7))
    assert one.freedom == other.freedom == 7
    assert one.standard_error == pytest.approx(other.standard_error, rel=1e-12)
    assert one.second_order == pytest.approx(other.second_order, rel=1e-12)
    gradient = np.array([*alone.gradient().values()])
    expected = math.sqrt(gradient @ np.array(covariance) @ gradient)
    assert one.standard_error == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_of_a_polynomial_of_degree_2_the_second_order_is_exact() -> None:
    """Moments of the normal distribution: x² of mean m and error s."""
    for m, s in ((0.0, 10.0), (1.5, 0.2), (-3.0, 4.0)):
        found = gradcli.parse("x^2").evaluate(x=uncertain(m, s))
        assert found.second_order is not None
        assert found.second_order.value == pytest.approx(m * m + s * s)
        assert found.second_order.standard_error == pytest.approx(
            math.sqrt(4 * m * m * s * s + 2 * s**4)
        )


def test_draws_have_the_moments_and_the_shortest_interval() -> None:
    """Of exp(x), x normal: the lognormal distribution; with correlation 1 x - y is constant."""
    formula = gradcli.parse("exp(x)*(1 + y - z)")
    here = formula.at_values(x=1, y=2, z=2)
    known = inputs({"x": 0.3, "y": 0.5, "z": 0.5}, {("y", "z"): 1.0})
    found = propagate(here, known)
    drawn = [
        sampled(formula.graph, formula.id, here.variables, known, found, 100_000, seed)
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    mean = math.exp(1 + 0.3**2 / 2)
    assert drawn[0].mean == pytest.approx(mean, rel=0.01)
    assert drawn[0].standard_error == pytest.approx(mean * math.sqrt(math.expm1(0.09)), rel=0.02)
    low, high = drawn[0].interval
    central = [math.exp(1 + sign * 0.3 * 1.96) for sign in (-1, 1)]
    assert high - low < central[1] - central[0]
    assert not drawn[0].first_order_holds  # 2.72 ± 0.82 is no lognormal distribution
    line = gradcli.parse("2*x[0] + x[1]", {"x": (2,)})
    at = line.at_values(x=[1, 2])
    known = inputs({"x": np.array([0.3, 0.4])})
    linear = sampled(line.graph, line.id, at.variables, known, propagate(at, known), 20_000, 3)
    assert linear.standard_error == pytest.approx(math.hypot(0.6, 0.4), rel=0.03)
    assert linear.first_order_holds == linear.second_order_holds


def test_where_second_derivatives_do_not_exist_the_first_order_stands_alone() -> None:
    found = gradcli.parse("sqrt(x)*0 + y").evaluate(x=uncertain(0.0, 0.0), y=uncertain(1, 0.5))
    assert found.standard_error == 0.5  # an error of 0 needs no derivative, and there is none here
    many = {f"x{place}": uncertain(1.0, 0.1) for place in range(60)}
    text = " + ".join(f"{name}^2" for name in many)
    found = gradcli.parse(text).evaluate(many)
    assert found.second_order is None
    assert found.standard_error == pytest.approx(0.2 * math.sqrt(60))


def test_correlations_that_no_numbers_have() -> None:
    errors = {"x": 0.1, "y": 0.1, "z": 0.1}
    pairs = {("x", "y"): 0.9, ("y", "z"): 0.9, ("x", "z"): -0.9}
    with pytest.raises(NameValueError, match="no numbers have the correlations"):
        inputs(errors, pairs)
    with pytest.raises(NameValueError, match="names w, which has no error"):
        inputs(errors, {("x", "w"): 0.5})
    with pytest.raises(NameValueError, match="the correlation of x and y is -2"):
        inputs(errors, {("x", "y"): -2.0})


@pytest.mark.parametrize(("value", "error"), [(1.0, -0.1), (math.inf, 1.0), ([1, 2], [1, 2, 3])])
def test_an_error_is_a_number_of_at_least_0(value: Any, error: Any) -> None:
    with pytest.raises(NameValueError):
        uncertain(value, error)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (9.81234, 0.31, "9.81 ± 0.31"),
        (0.0, 0.996, "0.0 ± 1.0"),
        (50000838.0, 31.7, "50000838 ± 32"),
        (1.7266e-5, 1.76e-6, "(1.73 ± 0.18)e-05"),
        (1e20, 3e18, "(1.000 ± 0.030)e+20"),
        (0.0012341, 2.1e-6, "0.0012341 ± 0.0000021"),
        (2.0, 0.0, "2 ± 0"),
        (-127.732, 0.06999, "-127.732 ± 0.070"),
        (50000838.0, 320.0, "50000840 ± 320"),
    ],
)
def test_values_are_rounded_to_two_digits_of_the_error(
    value: float, error: float, text: str
) -> None:
    assert shown(value, error) == text


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12))
def test_what_is_shown_is_near(value: float, error: float) -> None:
    text = shown(value, error)
    factor = 1.0
    if text.startswith("("):
        text, _, exponent = text[1:].partition(")e")
        factor = 10.0 ** int(exponent)
    middle, _, spread = text.partition(" ± ")
    assert float(spread) * factor == pytest.approx(error, rel=0.051)
    assert abs(float(middle) * factor - value) <= 0.051 * error + 1e-12 * abs(value)
