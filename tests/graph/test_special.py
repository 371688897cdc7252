"""The special functions against mpmath, where the table of operations does not look so closely."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mpmath
import pytest
from mpmath import mp, mpf

from gradcli import parse
from gradcli.graph import special
from gradcli.graph.operations import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RIGHT = [2.0 ** (k / 2) for k in range(-40, 72)]
EDGES = [0.25, 0.5, 1.0, 1.25, 1.75, 2.0, 2.5, 3.0, 10.0, 11.0, 12.0, 13.0, 15.0, 30.0, 171.0]
RIGHT += [x for edge in EDGES for x in (edge, math.nextafter(edge, 0), math.nextafter(edge, 1e9))]
POLES = [-float(n) for n in range(1, 60, 2)]
BESIDE_POLES = [x for pole in POLES for x in (math.nextafter(pole, 1), math.nextafter(pole, -99))]
BESIDE_POLES += [pole + s * 2.0**-k for pole in POLES for k in range(1, 45, 9) for s in (1, -1)]
LEFT = [-x for x in RIGHT if x < 150 and x != math.floor(x)] + [x for x in BESIDE_POLES if x < 0]


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """Compute every expected number with 50 digits."""
    with mp.workdps(50):
        yield


def farthest(name: str, expected: Callable[[Any], Any], points: Iterable[float], *n: int) -> float:
    """The largest error of a row in units in the last place."""
    found = 0.0
    for x in points:
        if x <= 0 and x == math.floor(x):
            continue
        exact = expected(mpf(x))
        if (abs(exact) < 1.7e308 and x != math.floor(x)) or x > 0:
            error = abs(mpf(TABLE[name].value(x, *n)) - exact)
            found = max(found, float(error / math.ulp(float(exact))))
    return found


def log_gamma(x: Any) -> Any:
    return mp.loggamma(x) if x > 0 else mp.log(abs(mp.gamma(x)))


def zeros_of_log_gamma() -> list[Any]:
    """Where |Γ| is 1, found by mpmath: two between every two poles from -2 on."""
    found = [mpf(1), mpf(2)]
    for k in range(2, 19):
        middle = mpf(-k) - mpf("0.6")  # where |Γ| is less than 1
        for pole in (-k, -(k + 1)):
            ends = [mpf(pole), middle]
            for _ in range(200):
                half = sum(ends) / 2
                ends[0 if log_gamma(half) > 0 else 1] = half
            found.append(half)
    return found


def test_the_logarithm_of_gamma_beside_its_zeros() -> None:
    points = []
    for zero in zeros_of_log_gamma():
        near = below = float(zero)
        for _ in range(4):
            near, below = math.nextafter(near, math.inf), math.nextafter(below, -math.inf)
            points += [near, below]
        points += [
            float(zero) + s * abs(zero - round(zero) or 1) * 2.0**-k
            for k in range(2, 50)
            for s in (1, -1)
        ]
    points = [float(x) for x in points if x not in {1.0, 2.0}]
    assert farthest("lgamma", log_gamma, points) < 5
    assert [TABLE["lgamma"].value(x) for x in (1.0, 2.0)] == [0, 0]


@pytest.mark.parametrize("points", [RIGHT, LEFT], ids=["right", "left"])
def test_gamma_and_its_logarithm(points: list[float]) -> None:
    assert farthest("lgamma", log_gamma, points) < 5
    assert farthest("gamma", mp.gamma, [x for x in points if abs(x) < 170]) < 6


def test_the_zeros_are_those_of_mpmath() -> None:
    table, step = special.zeros_of_lgamma(), special.ZERO_NUMBERS
    found = [mpf(high) + mpf(low) for high, low in zip(table[::step], table[1::step], strict=True)]
    for zero, expected in zip(found, zeros_of_log_gamma()[2:], strict=False):
        assert min(abs(other - expected) for other in found) < abs(expected) * mpf(2) ** -104, zero


def test_digamma() -> None:
    zero = float(special.DIGAMMA_ZERO)
    near = [zero, *(zero + sign * 2.0**-k for k in range(2, 52) for sign in (1, -1))]
    assert farthest("digamma", mp.digamma, [*RIGHT, *near]) < 5


@pytest.mark.parametrize("n", [1, 2, 4, 7, 40])
def test_polygamma(n: int) -> None:
    def expected(x: Any) -> Any:
        with mp.workdps(150):  # where its two parts cancel
            return mp.polygamma(n, x)

    bound = TABLE["polygamma"].error(n)[0]
    assert farthest("polygamma", expected, [x for x in RIGHT if x < 1e5], n) < 5
    halves = [k - 0.5 for k in range(-25, 0)]
    odd = [x for x in LEFT if x > -40 and n % 2]
    assert farthest("polygamma", expected, [*halves, *odd, *BESIDE_POLES[:60]], n) < bound


@pytest.mark.parametrize("n", [0, 1, 2, 5, 10, 40, 100])
def test_spherical_bessel_functions(n: int) -> None:
    for x in [x for x in RIGHT if 1e-4 < x < 1e3]:
        exact = mp.sqrt(mp.pi / (2 * mpf(x))) * mp.besselj(n + mpf(1) / 2, mpf(x))
        found = TABLE["sphericalj"].value(x, n)
        ulps, moved = TABLE["sphericalj"].error(n)
        allowed = ulps * math.ulp(float(exact)) + moved * math.ulp(x) * (1 / x if x > n else 0)
        assert abs(found - exact) <= allowed + 1e-290, x
        assert TABLE["sphericalj"].value(-x, n) == (-1) ** n * found


def test_the_start_and_the_ends() -> None:
    bessel, digamma, polygamma = (TABLE[n].value for n in ("sphericalj", "digamma", "polygamma"))
    assert [bessel(0.0, 1), bessel(0.0, 0)] == [0, 1]
    for pole in (0.0, -1.0, -1e300):
        for function, order in ((digamma, ()), (polygamma, (2,))):
            with pytest.raises(ZeroDivisionError):
                function(pole, *order)
    assert digamma(1e300) == pytest.approx(math.log(1e300), rel=1e-15)
    assert polygamma(1e200, 1) == pytest.approx(1e-200, rel=1e-15)


def test_derivatives_of_the_cotangent() -> None:
    """Those that mpmath finds by differences."""
    for n in range(6):
        exact = mpmath.diff(lambda x: mpmath.cot(mpmath.pi * x), mpf("0.3"), n)
        cotangent = 1 / math.tan(math.pi * 0.3)
        found = sum(c * cotangent**k for k, c in enumerate(special.cotangent_derivative(n)))
        assert found == pytest.approx(float(exact), rel=1e-13)


def test_numbers_typed_in_are_those_of_mpmath() -> None:
    """Euler's constant, log(2π), the zero of digamma and the value of lgamma there."""
    assert abs(mpf(special.ONE_MINUS_EULER) - (1 - mp.euler)) < mpf(10) ** -45
    assert abs(mpf(special.LOG_2_PI) - mp.log(2 * mp.pi)) < mpf(10) ** -55
    zero = mpf(special.DIGAMMA_ZERO)
    assert abs(mp.digamma(zero)) < mpf(10) ** -50
    assert abs(mpf(special.LEAST_LGAMMA) - mp.loggamma(zero)) < mpf(10) ** -34


def test_the_hessian_of_digamma_at_half_integers() -> None:
    for x in (-0.5, -1.5, -7.5):
        exact = float(mp.polygamma(2, mpf(x)))
        assert parse("digamma(x)").hessian(x=x)["x"]["x"] == pytest.approx(exact, rel=1e-15)
