"""Minima told from plateaus, saddles, maxima and jumps, by a look around the end of a run.

What each point is follows from the definition of its function. The shortest vector in a convex hull
is found beside scipy's non-negative least squares.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from gradcli.solvers.surroundings import Lower, Surroundings, shortest
from gradcli.solvers.vectors import Box
from tests.solvers.problems import Compiled

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector

NAMES = ["x", "y", "z"]


def looked(text: str, *point: float, slope: float = 1e-8) -> Lower | bool:
    function = Compiled(text, NAMES[: len(point)])
    return Surroundings(function, np.array(point), Box.unbounded(len(point))).lower(slope)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("x^2", [0]),
        ("x^4", [0]),
        ("x^8", [1e-31]),
        ("5 + x^20", [0]),
        ("1e6 + (x-3)^2", [3]),
        ("1e-6*(x-1)^2", [1]),
        ("abs(x)", [0]),
        ("relu(x-1)", [-4]),
        ("(x-1)^4 + (y-2)^4", [1, 2]),
        ("(x-y)^2", [5, 5]),
        ("x^2 + 0*y", [0, 7]),
        ("hypot(x-1, y-2)", [1, 2]),
        ("x^2 - 2*x + 1", [1]),
        ("sin(x) + x/10", [-math.acos(-0.1) - 2 * math.pi * 1000]),
        ("exp(-x)", [18.5]),
    ],
)
def test_a_minimum_stays_one(text: str, point: list[float]) -> None:
    """Local minima too, and points that only the tolerance makes one, of convex functions."""
    assert looked(text, *point) is False


@pytest.mark.parametrize(
    ("text", "point", "is_flat"),
    [
        ("tanh(x)^2", [25], True),
        ("atan(sinh(x))^2", [500], True),
        ("where(x > 1, (x-2)^2, 5)", [0], True),
        ("floor(x)^2", [5.5], True),
        ("(y-1)^2 + tanh(x)^2", [25, 1], True),
        ("tanh(x)^2", [12], False),
        ("-x^2", [0], False),
        ("cos(x)", [0], False),
        ("x^3", [0], False),
        ("x^2 - y^2", [0, 0], False),
        ("x*y", [0, 0], False),
        ("-(x-y)^4", [3, 3], False),
    ],
)
def test_what_is_no_minimum_is_seen(text: str, point: list[float], is_flat: bool) -> None:
    found = looked(text, *point)
    assert isinstance(found, Lower)
    assert found.is_flat is is_flat
    names = NAMES[: len(point)]
    assert (
        Compiled(text, names)(found.point)[0]
        == found.value
        < Compiled(text, names)(np.array(point, float))[0]
    )


def test_where_nothing_changes() -> None:
    assert looked("where(x > 1e6, 1, 0)", 3) is True


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=3),
    st.floats(1e-6, 1e6),
    st.sampled_from([2, 4, 6]),
    st.floats(-1e3, 1e3),
)
def test_the_minimum_of_a_convex_function_passes_at_any_scale(
    centre: list[float], scale: float, power: int, offset: float
) -> None:
    def function(point: Vector) -> tuple[float, Vector]:
        apart = point - centre
        return offset + scale * float(np.sum(apart**power)), scale * power * apart ** (power - 1)

    around = Surroundings(function, np.array(centre), Box.unbounded(len(centre)))
    assert around.lower(1e-8) is False


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("abs(x)", [1e-20]),
        ("abs(x) + x^2", [-3e-20]),
        ("hypot(x-1, y-2)", [0.9999999999999998, 1.9999999999999998]),
        ("max(x, -2*x) + 100*abs(y-3)", [-1e-15, 3]),
        ("abs(x-1) + 100*abs(y-x^2)", [1, 1]),
        ("sqrt(abs(x))", [1e-22]),
    ],
)
def test_a_minimum_on_a_kink_is_proved(text: str, point: list[float]) -> None:
    function = Compiled(text, NAMES[: len(point)])
    box = Box.unbounded(len(point))
    shortest = Surroundings(function, np.array(point, float), box).kink(1e-8)
    assert shortest is not None
    assert shortest <= 1e-8


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("abs(x)", [1e-3]),
        ("-abs(x)", [1e-20]),
        ("abs(x) - abs(y)", [1e-20, 1e-20]),
        ("abs(x) + y", [1e-20, 0]),
        ("where(x < 1, -x, 5)", [0.9999999999999999]),
        ("abs(x-1) + 100*abs(y-x^2)", [0.5, 0.25]),
        ("(x-3)^2", [2]),
    ],
)
def test_a_slope_a_jump_or_a_ridge_is_none(text: str, point: list[float]) -> None:
    function = Compiled(text, NAMES[: len(point)])
    box = Box.unbounded(len(point))
    assert Surroundings(function, np.array(point, float), box).kink(1e-8) is None


WHOLE = st.integers(-5, 5).map(float)
NUMBERS = st.one_of(WHOLE, st.floats(-5, 5).map(lambda x: round(x, 6)))


@st.composite
def hulls(draw: st.DrawFn) -> list[list[float]]:
    """Return vectors of one length, often repeated, on a line, or around 0."""
    size = draw(st.integers(1, 5))
    vector = st.lists(NUMBERS, min_size=size, max_size=size)
    return draw(st.lists(vector, min_size=1, max_size=11))


@given(hulls())
def test_the_shortest_vector_of_a_hull(hull: list[list[float]]) -> None:
    rows = np.array(hull)
    largest = max(1.0, float(np.max(np.abs(rows))))
    found = shortest(rows)
    system = np.vstack([rows.T / largest, np.ones(len(rows))])
    inside, distance = nnls(system, np.append(found / largest, 1.0))

    # In the hull, and no vector of it reaches less far along it: these two make it the shortest.
    assert distance <= 1e-12, inside
    assert np.min(rows @ found) >= found @ found - 1e-12 * largest**2
