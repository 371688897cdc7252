"""Integrals, sums, products and roots: proved to the last place, or with an error that holds."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from mpmath import mp, mpf

from gradcli import parse
from gradcli.graph.literals import number_text

BODIES = [
    "exp(-a*x^2)*cos(b*x)",
    "1/(a + x^2)",
    "sin(a*x + b)/(2 + cos(x))",
    "log(1 + a*x^2)",
    "sqrt(a + b*x + x^4)",
    "x^3*exp(-b*x)",
    "atan(a*x)*x",
    "tanh(b*x - a)",
    "erf(a*x)*exp(-x)",
    "(a + x^2)^b",
    "x^4 - a*x^3 + b",
    "cosh(a*x)/(1 + b*x^2)",
    "besselj(1, a*x)",
    "zeta(1 + b + x)",
    "lambertw(a*x)",
]
EQUATIONS = [  # with the left and the right end of what holds one root
    ("cos(a*x) - b*x", "0", "pi/(2*a)"),
    ("x*exp(b*x) - a", "0", "a"),
    ("x^3 + a*x - b", "0", "b/a"),
    ("log(x) + a*x - b", "exp(-a)/10^4", "1 + b/a + exp(b)"),
    ("x - a*sin(x)/4 - b", "b - 1", "b + 1"),
    ("x + tanh(a*x) - b", "b - 1", "b"),
    ("exp(a*x) - b - 3", "0", "(b + 3)/a"),
    ("x^5 + a*x^2 - b", "0", "1 + b"),
    ("sqrt(x^2 + a) + x - 3*b", "-9", "3*b"),
    ("atan(b*x) + x - a", "0", "a"),
]


NAMES = ("exp", "sin", "cos", "log", "sqrt", "atan", "tanh", "erf", "cosh", "pi")
NAMES_TOO = ("zeta", "besselj", "lambertw", "gamma", "catalan", "root")


def meant(text: str, **values: Any) -> Any:
    """The value of a formula by mpmath, to the digits it works with."""
    names = {n: getattr(mp, n) for n in (*NAMES, *NAMES_TOO)}
    return eval(text.replace("^", "**"), {"__builtins__": {}}, {**names, **values})  # noqa: S307


def at(text: str, names: dict[str, Any], x: Any) -> Any:
    return meant(text, x=x, **names)


def drawn(kind: str, count: int) -> list[tuple[str, dict[str, float], Fraction]]:
    """Formulas, values of their names, and what mpmath has to 40 digits."""
    draw = random.Random(f"{kind} 20")  # noqa: S311
    cases = []
    with mp.workdps(50):
        for place in range(count):
            point = {name: round(draw.uniform(0.3, 2), draw.randint(1, 4)) for name in "ab"}
            exact = {name: mpf(repr(value)) for name, value in point.items()}
            if kind == "integral":
                body = BODIES[place % len(BODIES)]
                low, high = sorted(round(draw.uniform(0, 3), 2) for _ in range(2))
                cuts = mp.linspace(mpf(repr(low)), mpf(repr(high)), 5)
                value = mp.quad(partial(at, body, exact), cuts)
                text = f"integrate({body}, x, {low}, {high})"
            else:
                body, *ends = EQUATIONS[place % len(EQUATIONS)]
                bracket = [meant(end, **exact) for end in ends]
                value = mp.findroot(
                    partial(at, body, exact),
                    bracket,
                    solver="anderson",
                    tol=mpf(10) ** -90,
                    maxsteps=200,
                )
                text = f"solve({body} == 0, x, {', '.join(ends)})"
            point = {n: value for n, value in point.items() if n in re.split(r"\W+", text)}
            cases.append((text, point, Fraction(Decimal(mp.nstr(value, 42)))))
    return cases


def check(cases: list[tuple[str, dict[str, float], Fraction]]) -> None:
    for text, point, truth in cases:
        here = parse(text).at_values(point)
        assert (text, point, here.value) == (text, point, float(truth))
        assert here.proofs == {"": True}
        assert not here.remarks


@pytest.mark.parametrize("kind", ["integral", "root"])
def test_proved_to_the_last_place(kind: str) -> None:
    check(drawn(kind, 15))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["integral", "root"])
def test_a_hundred_are_proved_to_the_last_place(kind: str) -> None:
    check(drawn(kind, 100))


@pytest.mark.parametrize("kind", ["integral", "root"])
def test_without_the_library_the_bound_holds(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    for text, point, truth in drawn(kind, 30):
        here = parse(text).at_values(point)
        plain = parse(text).at_values(point, certain=False).value
        printed = number_text(here.value)
        assert abs(Fraction(plain) - truth) <= here.bound(), text
        last = Fraction(10) ** int(Decimal(printed).as_tuple().exponent)
        assert abs(Fraction(printed) - truth) <= last, text
        assert not any(here.proofs.values())
        assert here.digits[""] >= 12


def told(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "gradcli", *words, "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_fifty_digits() -> None:
    with mp.workdps(60):
        integral = mp.sqrt(mp.pi) / 2 * mp.erf(1)
        root = mp.findroot(lambda x: mp.cos(x) - x, 0.7)
        total = mp.nsum(lambda k: 1 / mpf(k) ** 2, [1, 50])
        wanted = {
            "integrate(exp(-x^2), x, 0, 1)": integral,
            "solve(cos(x) == x, x, 1)": root,
            "sum(1/k^2, k, 1, 50)": total,
            "solve(integrate(exp(-t^2), t, 0, x) == 1/2, x, 0.4)": mp.erfinv(1 / mp.sqrt(mp.pi)),
            "integrate(abs(x - 0.3)*sqrt(x), x, 0, 1)": mp.quad(
                lambda x: abs(x - mpf(3) / 10) * mp.sqrt(x), [0, mpf(3) / 10, 1]
            ),
            "integrate(integrate(cos(x*y), y, 0, x), x, 0, 1)": mp.si(1) / 2,
        }
        for text, value in wanted.items():
            found = told("eval", text, "--digits", "50")
            assert found["value"] == mp.nstr(value, 50), text
            assert found["proved"] is True


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("where(x > a, 1, 0)", "0.3"),
        ("where(x > a, 2, 1)*x^0", "1.3"),
        ("where((x > a)*(x < 0.9), 1, 0)", "0.2"),
        ("where(x > a, where(x > 0.8, 3, 2), 1)", "1.5"),
        ("where(x^2 > a^2, -1, 1)", "0.4"),
        ("max(x > a, x < 0.1)", "0.4"),
        ("sign(sign(x - a))", "-0.4"),
    ],
)
def test_steps_are_not_taken_for_analytic(body: str, value: str) -> None:
    """Sums of lengths. On a disc in which a condition is open a body is no function at all."""
    here = parse(f"integrate({body}, x, 0, 1)").at_values(a=0.7)
    assert number_text(here.value) == value


def test_what_is_no_number_goes_through_functions_of_balls() -> None:
    """An integral that no ball is found of, inside functions that the library has as methods."""
    text = "solve(4*x + atan(integrate(k^-0.7*(1 + k), k, 0, 1 + tanh(x)^2))/3 == erf(a), x, 0)"

    def root(a: Any) -> Any:
        """∫ k^-0.7 (1 + k) over [0, c] is 10/3 c^0.3 + 10/13 c^1.3."""

        def f(x: Any) -> Any:
            c = 1 + mp.tanh(x) ** 2
            integral = 10 * c ** mpf("0.3") / 3 + 10 * c ** mpf("1.3") / 13
            return 4 * x + mp.atan(integral) / 3 - mp.erf(a)

        return mp.exp(mp.findroot(f, 0.1))

    with mp.workdps(30):
        slope = mp.diff(root, mpf("1.52"))
    gradient = parse(f"exp({text})").gradient(a=1.52)
    assert gradient["a"] == pytest.approx(float(slope), rel=1e-9)


def test_gradients_are_proved_too() -> None:
    words = ("integrate(exp(-a*x), x, 0, b)*solve(x*exp(x) == a, x, 0.5)", "a=0.7", "b=1.3")
    found = told("grad", *words)
    assert found["proved"] is True
    with mp.workdps(40):
        a, b = mpf("0.7"), mpf("1.3")
        w = mp.lambertw(a).real
        area = (1 - mp.exp(-a * b)) / a
        by_a = (b * mp.exp(-a * b) - area) / a * w + area * w / (a * (1 + w))
        assert found["gradient"] == {"a": float(by_a), "b": float(mp.exp(-a * b) * w)}


def test_arrays_are_proved_number_by_number() -> None:
    found = told("eval", "[integrate(exp(-a*x), x, 0, 1), 1 - cos(1e-9), 2]", "a=0.5")
    with mp.workdps(30):
        assert found["value"] == [float(2 - 2 * mp.exp(-0.5)), 5e-19, 2]
    assert found["proved"] is True
    found = told("eval", "[integrate(exp(-a*x), x, 0, 1), integrate(sin(x)/x, x, 0, inf)]", "a=2")
    assert found["value"][0] == float((1 - mp.exp(-2)) / 2)
    assert "proved" not in found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("integrate(sin(x)/x, x, 0, inf)", math.pi / 2),  # it swings as it falls
        ("solve(exp(x) - 1 - x, x, 1)", 0),  # a root that counts twice
        ("integrate(exp(-x), x, 0, inf)*solve(sin(x)^2, x, 3)", math.pi),
    ],
)
def test_what_cannot_be_proved_is_not_said_to_be(text: str, value: float) -> None:
    here = parse(text).at_values()
    assert abs(here.value - value) <= here.bound()
    assert here.proofs == {"": False}


IMPROPER = {
    "exp(-a*x^2), x, -inf, inf": "sqrt(pi / a)",
    "x^b*exp(-a*x), x, 0, inf": "gamma(b + 1) / a ** (b + 1)",
    "exp(-a*x)*cos(b*x), x, 0, inf": "a / (a * a + b * b)",
    "1/(a + x^2), x, 0, inf": "pi / (2 * sqrt(a))",
    "x^3/(exp(x) - 1), x, 0, inf": "pi**4 / 15",
    "1/sqrt(a - x), x, 0, a": "2 * sqrt(a)",
    "1/sqrt(x*(1 - x)), x, 0, 1": "pi",
    "x^(-0.9), x, 0, b": "10 * root(b, 10)",
    "log(x)^2, x, 0, 1": "2",
    "log(x)/(1 + x^2), x, 1, inf": "catalan",
    "erfc(a*x), x, 0, inf": "1 / (a * sqrt(pi))",
    "exp(-abs(x - a)/b), x, -inf, inf": "2 * b",
    "1/cosh(a*x), x, inf, -inf": "-pi / a",
    "exp(-a*x)/sqrt(x), x, 0, inf": "sqrt(pi / a)",
    "atan(x)/(1 + x^2), x, 0, inf": "pi**2 / 8",
    "softplus(-a*x), x, 0, inf": "pi**2 / (12 * a)",
}


@pytest.mark.parametrize("text", IMPROPER)
def test_integrals_to_infinity_and_to_poles_are_proved(text: str) -> None:
    draw = random.Random(text)  # noqa: S311
    given = {name: f"{draw.uniform(0.6, 1.5):.2f}" for name in "ab"}
    formula = parse(f"integrate({text})")
    values: dict[str, Any] = {name: given[name] for name in formula.free_names}
    with mp.workdps(60):
        truth = meant(IMPROPER[text], **{name: mpf(x) for name, x in given.items()})
        here = formula.at_values({name: float(x) for name, x in values.items()})
        assert here.value == float(truth)
        assert here.proofs == {"": True}
        found = formula.evaluate(digits=20, **values)
        assert found == Decimal(mp.nstr(truth, 20))


@pytest.mark.parametrize("exponent", [0, 3, 12])
@pytest.mark.parametrize("text", IMPROPER)
def test_functions_far_out_are_within_their_bounds(text: str, exponent: int) -> None:
    pytest.importorskip("flint")
    from flint import arb, ctx

    from gradcli.exact.balls import BALLS
    from gradcli.exact.proofs import evaluated
    from gradcli.exact.tails import TAILS, Asymptote, Function

    ctx.prec = 200
    formula = parse(f"integrate({text})")
    (bound,) = [row[2] for row in formula.graph.rows if row[0].binds]
    taken = [arb(2) / 3 for _ in bound.graph.variables(bound.roots[:1]).keys() - {"0"}]
    ends = [arb(1), arb("inf"), arb("-inf"), arb(0)]
    Asymptote.start = arb(2) ** exponent
    for end in ends:
        side = -1 if end.is_finite() or end < 0 else 1
        x = (
            Function(end, Asymptote(arb(1), -1))
            if end.is_finite()
            else Function(arb(0), Asymptote(arb(side), 1))
        )
        try:
            given = (x, *[Function(y) for y in taken])
            found = evaluated(TAILS, bound, bound.roots[0], given)
        except (ArithmeticError, TypeError):
            continue
        for far in (1, 1.5, 10, 1000):
            u = Asymptote.start * far
            place = end + 1 / u if end.is_finite() else side * u
            truth = evaluated(BALLS, bound, bound.roots[0], (place, *taken))
            f = found.f
            held = found.c
            if f is not None:
                power = sum((a * u**r for r, a in f.powers), arb(0))
                held = held + f.k * u**f.p * power.exp()
            assert not held.is_finite() or held.overlaps(truth), (end, far)


def test_an_argument_that_errs_moves_a_form(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "integrate(cos(x + 1e9*a), x, 0, 1) + solve(x^3 == 1e9*a - 7e8, x, 1)"
    monkeypatch.setitem(sys.modules, "flint", None)
    here = parse(text).at_values({"a": 0.7})
    with mp.workdps(30):
        truth = mp.sin(1 + mpf(7) * 10**8) - mp.sin(mpf(7) * 10**8)
    assert abs(here.value - float(truth)) <= here.bound()
    assert here.remarks
