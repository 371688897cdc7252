"""Rosenbrock's valley in N dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize

from gradcli import parse

if TYPE_CHECKING:
    from gradcli import Formula
    from tests.arrays.conftest import Along, Dense, EveryWay

SOURCE = "sum(100*(x[1:] - x[:-1]^2)^2 + (1 - x[:-1])^2)"


def valley(size: int) -> Formula:
    return parse(SOURCE, {"x": (size,)})


@pytest.mark.parametrize("size", [2, 3, 10, 25])
def test_value_and_derivatives(size: int, every_way: EveryWay, dense: Dense, along: Along) -> None:
    x = np.random.default_rng(size).uniform(-1.5, 1.5, size)
    direction = np.linspace(-1, 1, size)

    ways = every_way(SOURCE, {"x": x})

    assert ways.value == pytest.approx(optimize.rosen(x), rel=1e-14)
    np.testing.assert_allclose(ways.gradient["x"], optimize.rosen_der(x), rtol=1e-12, atol=1e-10)
    product = along(SOURCE, {"x": x}, "x", direction)
    np.testing.assert_allclose(
        product, optimize.rosen_hess_prod(x, direction), rtol=1e-12, atol=1e-10
    )
    if size <= 10:
        np.testing.assert_allclose(
            dense(ways.point.hessian()), optimize.rosen_hess(x), rtol=1e-12, atol=1e-10
        )


def test_the_minimum_is_exact() -> None:
    point = valley(1000).at_values(x=np.ones(1000))

    assert point.value == 0
    assert not np.any(point.gradient()["x"])


def test_one_number_has_no_valley() -> None:
    point = valley(1).at_values(x=[3.0])

    assert point.value == 0
    assert point.gradient()["x"].tolist() == [0]


def test_a_hundred_thousand_dimensions() -> None:
    x = np.random.default_rng(1).uniform(-1.5, 1.5, 100_000)
    point = valley(x.size).at_values(x=x)

    assert point.value == pytest.approx(optimize.rosen(x), rel=1e-12)
    np.testing.assert_allclose(point.gradient()["x"], optimize.rosen_der(x), rtol=1e-12, atol=1e-10)
    assert point.notes() == []


@pytest.mark.slow
def test_a_descent_of_a_hundred_thousand_dimensions() -> None:
    found = valley(100_000).minimize(x=np.zeros(100_000), lr=1e-4, steps=20)

    assert found.steps == 20
    assert found.minimum < found.history[0].value
