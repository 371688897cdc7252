"""The special functions as machine code against mpmath: few units in the last place, everywhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mpmath
import pytest

from gradcli import parse
from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE
from gradcli.graph.special import cotangent_derivative
from gradcli.native.functions import function
from gradcli.native.special import HIGHEST
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = 1.4616321449683623
"""Where digamma is zero (OEIS A030169)."""
EDGES = [1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0, 15.0, 30.0]
EDGES += [math.nextafter(x, toward) for x in EDGES for toward in (0.0, math.inf)]
RIGHT = [2.0 ** (k / 5) for k in range(-100, 180)] + EDGES
LEFT = [-x for x in RIGHT if x < 50 and x != math.floor(x)]


def machine_code(name: str, payload: Any = None) -> Callable[[float], float]:
    graph = Graph()
    node = graph.add(TABLE[name], (graph.variable("x"),), payload)
    compute = function(program(graph, [node]), ["x"])
    return lambda x: compute(x)[0]


def farthest(
    compute: Callable[[float], float],
    expected: Callable[[Any], Any],
    points: Iterable[float],
    slack: float = 0.0,
) -> float:
    """The largest error in units in the last place, of what is more than the slack."""
    found = 0.0
    with mpmath.workdps(50):
        for x in points:
            exact = expected(mpmath.mpf(x))
            error = abs(mpmath.mpf(compute(x)) - exact) - slack
            found = max(found, float(error / math.ulp(float(exact))))
    return found


def test_digamma() -> None:
    near = [ROOT, *(ROOT + sign * 2.0**-k for k in range(2, 52) for sign in (1, -1))]
    compute = machine_code("digamma")
    assert farthest(compute, mpmath.digamma, [*RIGHT, *near]) < 3
    assert farthest(compute, mpmath.digamma, LEFT, 1e-15) < 3


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, HIGHEST["polygamma"]])
def test_polygamma(n: int) -> None:
    def expected(x: Any) -> Any:
        return mpmath.polygamma(n, x)

    points = [x for x in RIGHT if x < 1e5]
    assert farthest(machine_code("polygamma", n), expected, points) < 5


@pytest.mark.parametrize("n", [1, 2, 3])
def test_polygamma_by_reflection(n: int) -> None:
    def expected(x: Any) -> Any:
        return mpmath.polygamma(n, x)

    slack = 0.0 if n % 2 else 1e-14 * math.pi**n  # of even order it has zeros
    assert farthest(machine_code("polygamma", n), expected, LEFT, slack) < 12


@pytest.mark.parametrize("n", [0, 1, 2, 5, HIGHEST["sphericalj"]])
def test_spherical_bessel_functions(n: int) -> None:
    def expected(x: Any) -> Any:
        size = abs(x)
        found = mpmath.sqrt(mpmath.pi / (2 * size)) * mpmath.besselj(n + mpmath.mpf(1) / 2, size)
        return found if x > 0 else (-1) ** n * found

    points = [sign * x for x in RIGHT if 1e-4 < x < 1e3 for sign in (1, -1)]
    assert farthest(machine_code("sphericalj", n), expected, points, 1e-16) < 20  # 200 with SciPy


def test_the_start_and_the_ends() -> None:
    assert machine_code("sphericalj", 1)(0.0) == 0
    assert machine_code("sphericalj", 0)(0.0) == 1
    for x in (0.0, -1.0, -1e300):
        assert math.isnan(machine_code("digamma")(x))
        assert math.isnan(machine_code("polygamma", 2)(x))
    assert machine_code("digamma")(1e300) == pytest.approx(math.log(1e300), rel=1e-15)
    assert machine_code("polygamma", 1)(1e200) == pytest.approx(1e-200, rel=1e-15)


def test_derivatives_of_the_cotangent() -> None:
    """Those that mpmath finds by differences."""
    for n in range(6):
        with mpmath.workdps(40):
            exact = mpmath.diff(lambda x: mpmath.cot(mpmath.pi * x), mpmath.mpf("0.3"), n)
        cotangent = 1 / math.tan(math.pi * 0.3)
        found = sum(c * cotangent**k for k, c in enumerate(cotangent_derivative(n)))
        assert found == pytest.approx(float(exact), rel=1e-13)


def test_a_gradient_of_them() -> None:
    formula = parse("lgamma(x)*sinc(y) + x!")
    slopes = formula.derivatives().values()
    compute = function(program(formula.graph, [slope.id for slope in slopes]), ["x", "y"])
    point = {"x": 3.7, "y": 2.1}
    assert compute(*point.values()) == pytest.approx([*formula.gradient(point).values()], rel=1e-14)
