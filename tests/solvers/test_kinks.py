"""The shortest vector in a convex hull beside scipy's non-negative least squares."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from gradcli.solvers.kinks import shortest

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
