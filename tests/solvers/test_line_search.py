"""The line search: the test functions of Moré and Thuente, rounding, and undefined stretches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradcli.errors import MathematicsError
from gradcli.solvers.first_order.lbfgs import (
    FALL,
    SLOPE,
    LinePoint,
    Search,
    armijo,
    wolfe,
)
from gradcli.solvers.vectors import Box

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.solver import Vector


def searched(
    function: Callable[[float], tuple[float, float]], rounding: float = 0.0
) -> tuple[Search, LinePoint]:
    """Return the search of a function of a number, with its derivative, from 0 upwards."""

    def vector(point: Vector) -> tuple[float, Vector]:
        value, slope = function(float(point[0]))
        if not math.isfinite(value):
            raise MathematicsError("undefined")
        return value, np.array([slope])

    start = LinePoint(0.0, np.zeros(1), *vector(np.zeros(1)), function(0.0)[1])
    return Search(vector, start, np.ones(1), rounding), start


# Moré and Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20
# (1994), functions 1, 2 and (with Yanai, Ozawa and Kaneko) 4 to 6.
def first(t: float) -> tuple[float, float]:
    return -t / (t * t + 2), (t * t - 2) / (t * t + 2) ** 2


def second(t: float) -> tuple[float, float]:
    s = t + 0.004
    return s**5 - 2 * s**4, 5 * s**4 - 8 * s**3


def yanai(b1: float, b2: float) -> Callable[[float], tuple[float, float]]:
    def gamma(b: float) -> float:
        return math.sqrt(1 + b * b) - b

    def function(t: float) -> tuple[float, float]:
        left, right = math.hypot(1 - t, b2), math.hypot(t, b1)
        return (
            gamma(b1) * left + gamma(b2) * right,
            gamma(b1) * (t - 1) / left + gamma(b2) * t / right,
        )

    return function


@pytest.mark.parametrize("length", [1e-3, 1e-1, 1e1, 1e3])
@pytest.mark.parametrize(
    "function", [first, second, yanai(1e-3, 1e-3), yanai(1e-2, 1e-3), yanai(1e-3, 1e-2)]
)
def test_the_strong_wolfe_conditions_hold(
    function: Callable[[float], tuple[float, float]], length: float
) -> None:
    search, start = searched(function)
    found = wolfe(search, length)
    assert found is not None
    assert found.value <= start.value + FALL * found.length * start.slope
    assert abs(found.slope) <= SLOPE * abs(start.slope)


def test_the_longest_length_is_kept() -> None:
    search, _ = searched(lambda t: (-t, -1.0))
    found = wolfe(search, 1.0, longest=7.0)
    assert found is not None
    assert found.length == 7.0


def test_undefined_stretches_count_as_too_far() -> None:
    def function(t: float) -> tuple[float, float]:
        return (
            (-math.sqrt(1 - t) * t, 0.5 * t / math.sqrt(1 - t) - math.sqrt(1 - t))
            if (t < 1)
            else (math.nan, math.nan)
        )

    search, start = searched(function)
    found = wolfe(search, 50.0)
    assert found is not None
    assert 0 < found.length < 1
    assert found.value < start.value


def test_values_equal_but_for_rounding_are_told_apart_by_slopes() -> None:
    # 1e10 + (t - 1)²·1e-8 is 1e10 in doubles for all t around 1.
    search, _ = searched(lambda t: (1e10, 2e-8 * (t - 1)), rounding=1e-3)
    found = wolfe(search, 0.01)
    assert found is not None
    assert abs(found.slope) <= SLOPE * 2e-8


def test_a_line_that_only_rises_leads_nowhere() -> None:
    # The slope at 0 is a lie, as at a kink.
    search, _ = searched(lambda t: (t, 1.0 if t > 0 else -1.0))
    assert wolfe(search, 1.0) is None


def test_a_bent_path_is_searched_by_halves() -> None:
    def function(point: Vector) -> tuple[float, Vector]:
        return float((point - 3) @ (point - 3)), 2 * (point - 3)

    here = np.array([0.0, 0.0])
    value, gradient = function(here)
    start = LinePoint(0.0, here, value, gradient, -1.0)
    box = Box(np.full(2, -np.inf), np.array([1.0, 9.0]))
    found = armijo(Search(function, start, -gradient), box, 2.0)
    assert found is not None
    assert found.length == 0.5
    assert found.point.tolist() == [1.0, 6.0]
