"""Student's t distribution against mpmath's incomplete beta function."""

from typing import Any

import mpmath
import pytest

from gradcli.solvers.statistics.student import MANY, quantile, two_sided

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
        assert two_sided(t, freedom) == pytest.approx(expected, rel=1e-12, abs=1e-300)
        assert two_sided(-t, freedom) == two_sided(t, freedom)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_what_lies_within_a_quantile(freedom: int) -> None:
    for confidence in CONFIDENCES:
        outside = float(probability(quantile(confidence, freedom), freedom))
        assert outside == pytest.approx(1 - confidence, rel=1e-12)


@pytest.mark.parametrize("freedom", [1, 12, MANY + 1])
def test_the_ends_of_the_line(freedom: int) -> None:
    assert two_sided(0.0, freedom) == 1
    assert two_sided(float("inf"), freedom) == 0
    assert quantile(0.0, freedom) == 0
    assert quantile(1.0, freedom) == float("inf")
