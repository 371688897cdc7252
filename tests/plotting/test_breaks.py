"""Where curves are broken: known jumps and poles of textbook functions, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.plotting.curves import broken, limits_at_pole, with_gaps

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.pictures.plots.chart import Vector

X = np.linspace(-5, 5, 1002)  # 0 is not among them


def quiet(function: Callable[[Vector], Vector]) -> Callable[[Vector], Vector]:
    def evaluate(x: Vector) -> Vector:
        with np.errstate(all="ignore"):
            found = function(x)
        return np.where(np.isfinite(found), found, np.nan)

    return evaluate


@pytest.mark.parametrize(
    ("function", "places"),
    [
        (lambda x: 1 / x, [0]),
        (lambda x: 1 / (x - 0.123), [0.123]),
        (np.tan, [-1.5 * np.pi, -0.5 * np.pi, 0.5 * np.pi, 1.5 * np.pi]),
        (np.floor, [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5]),
        (np.sign, [0]),
        (lambda x: np.arctan(1 / x), [0]),
        (lambda x: x + np.where(x > 2, 1.0, 0.0), [2]),
    ],
)
def test_it_is_broken_at_poles_and_jumps(
    function: Callable[[Vector], Vector], places: list[float]
) -> None:
    evaluate = quiet(function)
    found = broken(X, evaluate(X), evaluate)

    assert len(found) == len(places)
    for place, pole in zip(found, places, strict=True):
        assert X[place] <= pole <= X[place + 1]


@pytest.mark.parametrize(
    "function",
    [
        np.sin,
        lambda x: np.sin(1000 * x),
        lambda x: np.tanh(1e6 * x),
        np.abs,
        lambda x: np.sqrt(np.abs(x)),
        np.cbrt,
        lambda x: 1 / ((x - 1) ** 2 + 1e-4),
        np.exp,
        lambda x: 1e300 * np.sin(x),
        lambda x: 0 * x,
        lambda x: 1 + 1e-13 * x,  # which rounding makes steps of
    ],
)
def test_a_continuous_curve_is_whole(function: Callable[[Vector], Vector]) -> None:
    evaluate = quiet(function)

    assert broken(X, evaluate(X), evaluate).tolist() == []
    assert limits_at_pole(X, evaluate(X), evaluate) is None


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4),
    st.floats(-4.9, 4.9),
    st.floats(0.001, 1e6),
)
def test_a_jump_in_a_polynomial_is_found_where_it_is(
    coefficients: list[float], place: float, height: float
) -> None:
    size = height + 100 * float(np.abs(np.polyval(coefficients, X)).max())

    def evaluate(x: Vector) -> Vector:
        values: Vector = np.polyval(coefficients, x) + np.where(x >= place, size, 0)
        return values

    found = broken(X, evaluate(X), evaluate)

    assert [X[i] < place <= X[i + 1] for i in found] == [True]


def test_a_gap_stands_in_the_middle_of_its_interval() -> None:
    x, y = with_gaps(np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 5, 6]), np.array([1]))

    assert x.tolist() == [0, 1, 1.5, 2, 3]
    assert np.isnan(y).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("function", [lambda x: 1 / x, lambda x: 1 / x**2, np.tan])
def test_the_axis_is_cut_at_a_pole(function: Callable[[Vector], Vector]) -> None:
    evaluate = quiet(function)
    y = evaluate(X)
    cut = limits_at_pole(X, y, evaluate)

    assert cut is not None
    low, high = cut
    share = np.mean((y >= low) & (y <= high))
    assert share >= 0.9
    assert high - low < np.ptp(y) / 2


def test_a_steep_end_is_no_pole() -> None:
    evaluate = quiet(lambda x: np.exp(3 * x))

    assert limits_at_pole(X, evaluate(X), evaluate) is None
