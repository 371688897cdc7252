"""Integrals and roots against closed forms and mpmath, and the bound of the error."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from mpmath import mp, mpf

from gradcli import parse
from gradcli.errors import MathematicsError
from gradcli.graph import roots
from gradcli.graph.forms import integrated
from gradcli.graph.near import NEAR, Near
from gradcli.graph.quadrature import reached

if TYPE_CHECKING:
    from collections.abc import Callable

mp.dps = 30
pi, exp, log, sqrt, quad = mp.pi, mp.exp, mp.log, mp.sqrt, mp.quad
HALF = mpf(1) / 2

# Integrand, limits, the value in closed form, or where there is none by mpmath at 30 digits.
INTEGRALS: list[tuple[str, str, str, Callable[[], Any]]] = [
    ("1/(1+25*x^2)", "-1", "1", lambda: 2 * mp.atan(5) / 5),
    ("exp(x)*cos(x)", "0", "pi/2", lambda: (exp(pi / 2) - 1) / 2),
    ("x^20", "0", "1", lambda: mpf(1) / 21),
    ("abs(x^2 - 2)*exp(x)", "-inf", "0", lambda: 2 * (2 + 2 * sqrt(2)) * exp(-sqrt(2))),
    ("gamma(x)", "1", "2", lambda: quad(mp.gamma, [1, 2])),
    ("sin(x)", "-1", "1", lambda: mpf(0)),
    ("0", "0", "1", lambda: mpf(0)),
    ("1e-20*exp(-x^2)", "0", "1", lambda: mpf("1e-20") * mp.erf(1) * sqrt(pi) / 2),
    ("1e200*x", "0", "1", lambda: mpf("5e199")),
    ("1/x", "1", "1e10", lambda: log(mpf(10) ** 10)),
    # singular at an end: at 0, and where numbers near the end are hardly told from it
    ("sqrt(x)", "0", "1", lambda: mpf(2) / 3),
    ("x^(-0.9)", "0", "1", lambda: mpf(10)),
    ("log(x)^2", "0", "1", lambda: mpf(2)),
    ("log(x)/sqrt(x)", "0", "1", lambda: mpf(-4)),
    ("1/sqrt(x*(1-x))", "0", "1", lambda: pi),
    ("1/sqrt(1-x^2)", "-1", "1", lambda: pi),
    ("(1-x)^(-0.3)", "0", "1", lambda: 1 / mpf("0.7")),
    ("log(x)*log(1-x)", "0", "1", lambda: 2 - pi**2 / 6),
    ("log(cos(x))", "0", "pi/2", lambda: -pi * log(2) / 2),
    ("sqrt(tan(x))", "0", "pi/2", lambda: pi * sqrt(2) / 2),
    (
        "1/sqrt(1-cos(x))^0.5",
        "0",
        "1",
        lambda: quad(lambda x: (2 * mp.sin(x / 2) ** 2) ** -0.25, [0, 1]),
    ),
    # infinite ranges, of all scales
    ("1/(1+x^2)", "0", "inf", lambda: pi / 2),
    ("exp(-x)/sqrt(x)", "0", "inf", lambda: sqrt(pi)),
    ("exp(-1000*x)", "0", "inf", lambda: mpf(1) / 1000),
    ("exp(-0.001*x)", "0", "inf", lambda: mpf(1000)),
    ("exp(-x)*sin(10*x)", "0", "inf", lambda: mpf(10) / 101),
    ("x^3/expm1(x)", "0", "inf", lambda: pi**4 / 15),
    ("1/(x*sqrt(x^2-1))", "1", "inf", lambda: pi / 2),
    ("x^2*exp(-x^2)", "-inf", "inf", lambda: sqrt(pi) / 2),
    ("exp(-(x-50)^2)", "-inf", "inf", lambda: sqrt(pi)),
    ("exp(-((x-1234)/0.01)^2)", "-inf", "inf", lambda: sqrt(pi) / 100),
    # to infinity, swinging, and falling slowly or not at all
    ("sin(x)/x", "0", "inf", lambda: pi / 2),
    ("cos(x)/(1+x^2)", "-inf", "inf", lambda: pi / mp.e),
    ("sin(x^2)", "0", "inf", lambda: sqrt(pi / 8)),
    ("cos(x)/sqrt(x)", "0", "inf", lambda: sqrt(pi / 2)),
    ("log(x)*sin(x)/x", "0", "inf", lambda: -pi * mp.euler / 2),
    # kinks, jumps, poles inside, narrow peaks
    ("abs(sin(x))", "0", "10", lambda: quad(lambda x: abs(mp.sin(x)), [0, pi, 2 * pi, 3 * pi, 10])),
    ("floor(x)", "0", "4.5", lambda: mpf(8)),
    ("where(x<0.123456,1,x^2)", "0", "1", lambda: mpf("0.123456") + (1 - mpf("0.123456") ** 3) / 3),
    ("max(x,1-x)", "0", "1", lambda: mpf(3) / 4),
    ("sqrt(abs(x-0.7))", "0", "1", lambda: (mpf("0.7") ** 1.5 + mpf("0.3") ** 1.5) * 2 / 3),
    ("1/sqrt(abs(x^2-0.5))", "0", "1", lambda: pi / 2 + mp.acosh(sqrt(2))),
    ("tanh(1000*(x-0.3))", "0", "1", lambda: log(mp.cosh(700) / mp.cosh(300)) / 1000),
    ("1/(x^2+1e-6)", "-1", "1", lambda: 2000 * mp.atan(1000)),
    (
        "1+exp(-((x^2-0.5)/0.0001)^2)",
        "0",
        "1",
        lambda: 1 + quad(lambda x: exp(-(((x * x - HALF) * 10000) ** 2)), [0.7, sqrt(HALF), 0.72]),
    ),
    # many oscillations
    ("sin(100*x)^2", "0", "1", lambda: HALF - mp.sin(200) / 400),
    ("cos(200*x)", "0", "10", lambda: mp.sin(2000) / 200),
    ("sin(1/x)", "0.01", "1", lambda: quad(lambda u: mp.sin(u) / u**2, [*range(1, 101)])),
]


@pytest.mark.parametrize(("body", "low", "high", "value"), INTEGRALS)
def test_integrals(body: str, low: str, high: str, value: Callable[[], Any]) -> None:
    formula = parse(f"integrate({body}, x, {low}, {high})")
    bound = formula.payload
    limits = [float(end) if "inf" in end else parse(end).evaluate() for end in (low, high)]
    found, error, _ = integrated(bound, *limits)
    want = value()
    assert abs(found - want) <= error
    # A limit such as pi/2 is not where the pole is: of those, half of the digits are known.
    assert error <= (1e-6 if "tan" in body or "x^2-0.5))" in body else 1e-10) * max(1e-3, abs(want))
    assert formula.at_values(certain=False).value == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("integrate(1/x, x, 0, 1)", "does not converge"),
        ("integrate(1/(x - 0.3), x, 0, 1)", "does not converge"),
        ("integrate(1/(1 - x), x, 0, 1)", "does not converge"),
        ("integrate(1/x, x, 1, inf)", "does not converge"),
        ("integrate(sin(x), x, 0, inf)", "does not converge"),
        ("integrate(x*cos(x), x, 0, inf)", "does not converge"),
        ("integrate(exp(x), x, 0, inf)", "no value at x ="),
        ("integrate(log(x), x, -1, 1)", "no value at x = -0."),
        ("sum(1/k, k, -1, 2)", "the one with k = 0"),
        ("sum(k, k, 1, 2.5)", "must be whole numbers, not 2.5"),
        ("prod(k, k, 1, 1e9)", "at most 10000000 terms"),
        ("solve(x^2 + 1, x, 1)", "the value closest to 0 is 1"),
        ("solve(exp(x), x, 1)", "no root is found from 1"),
        ("solve(x^2 + 1, x, -1, 1)", "the signs there are the same (2 and 2)"),
        ("solve(tan(x), x, 1, 2)", "the sign changes at a pole"),
        ("solve(log(x), x, -1, 2)", "no value at -1"),
    ],
)
def test_what_has_no_value_says_why(text: str, words: str) -> None:
    with pytest.raises(MathematicsError, match=re.escape(words)):
        parse(text).evaluate()


@pytest.mark.parametrize(
    ("body", "start", "root"),
    [
        ("cos(x) == x", "1", lambda: mp.findroot(lambda x: mp.cos(x) - x, 0.7)),
        ("x*exp(x) == 1", "0.5", lambda: mp.lambertw(1)),
        ("tan(x) == x", "4.5", lambda: mp.findroot(lambda x: mp.tan(x) - x, 4.49)),
        ("x^3 - 2*x - 5", "2", lambda: mp.findroot(lambda x: x**3 - 2 * x - 5, 2.1)),
        ("atan(x)", "3", lambda: mpf(0)),  # where Newton's steps alone grow without end
        ("cbrt(x - 2)", "5", lambda: mpf(2)),  # likewise
        ("x^2 - 1e10", "1", lambda: mpf(10) ** 5),
        ("log(x) == 5", "0.01", lambda: exp(5)),
        ("sqrt(x) - 3", "100", lambda: mpf(9)),
        ("exp(x) == 1e-8", "3", lambda: -8 * log(10)),
        ("(x - 1)^2", "2", lambda: mpf(1)),
        ("x^2", "1", lambda: mpf(0)),
        ("(x - 3)^5", "7", lambda: mpf(3)),
        ("x^5 - x - 1", "0, 2", lambda: mp.findroot(lambda x: x**5 - x - 1, 1.2)),
        ("sin(x)", "3, 3.5", lambda: pi),
        ("sign(x - 0.3)*sqrt(abs(x - 0.3))", "0, 1", lambda: mpf("0.3")),
    ],
)
def test_roots(body: str, start: str, root: Callable[[], Any]) -> None:
    found = parse(f"solve({body}, x, {start})").evaluate()
    want = root()
    assert abs(found - want) <= 4 * roots.EPSILON * max(abs(want), 1e-3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 - x^2", lambda x: 1 - x * x),
        ("log(x)/(1 - x)", lambda x: log(x) / (1 - x)),
        ("exp(x) - e", lambda x: exp(x) - mp.e),
        ("cos(x - 1) - 1", lambda x: mp.cos(x - 1) - 1),
        ("sqrt(x) - 1", lambda x: sqrt(x) - 1),
        ("(x^1.5 - 1)*tan(x)", lambda x: (x**1.5 - 1) * mp.tan(x)),
        ("abs(x - 1)/x", lambda x: abs(x - 1) / x),
    ],
)
@pytest.mark.parametrize("distance", [-1e-3, 1e-9, -1e-25])
def test_numbers_beside_a_place_keep_their_digits(
    text: str, value: Callable[[Any], Any], distance: float
) -> None:
    bound = parse(f"integrate({text}, x, 0, 1)").payload
    with mp.workdps(100):
        want = value(mpf(1) + mpf(distance))
        found = float(bound.body(bound.roots[0])(NEAR, Near(1.0, distance)))
        # e is a double, which is not Euler's number to all digits.
        assert abs(found - want) <= 1e-14 * abs(want) + (2e-16 if "e" in text[-2:] else 0)
    assert math.isfinite(found)


@pytest.mark.parametrize(
    ("low", "high"), [(-3, 5), (2, math.inf), (-math.inf, 2), (-math.inf, math.inf)]
)
def test_an_interval_is_gone_through_from_low_to_high(low: float, high: float) -> None:
    length = high - low if high - low < math.inf else 1.0
    points = [reached(share / 20, low, high) for share in range(1, 20)]
    assert [x for x, _ in points] == sorted([x for x, _ in points])
    assert all(low < x < high for x, _ in points)
    for position, (x, rate) in enumerate(points, 1):
        near, _ = reached(position / 20 + 1e-7, low, high)
        assert (near - x) / 1e-7 == pytest.approx(rate * length, rel=1e-4)
