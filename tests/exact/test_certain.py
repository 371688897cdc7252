"""Digits that are printed are right: with python-flint, and with a note without it."""

from __future__ import annotations

import decimal
import math
import random
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from gradcli import Formula, parse
from gradcli.calculus.reverse import gradient
from gradcli.errors import GradcliError
from gradcli.exact import alarm, certain
from gradcli.graph.literals import Numeral, number_text
from gradcli.graph.operations import MULTIPLY
from tests.exact.announced import CASES, ONE_UNIT, found, silent, units
from tests.mpmath_graph import exact
from tests.random_formulas import Drawn

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES = sorted({case["name"] for case in CASES})


@pytest.fixture
def no_flint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an environment without python-flint."""
    monkeypatch.setitem(sys.modules, "flint", None)


MOST = Fraction(10**300)
"""More units in the last place are as many."""


def complaint(text: str, truth: Fraction) -> str | None:
    """What is wrong with a printed number: its last digit, or fewer than 13 digits."""
    in_doubles, in_text = units(text, truth)
    few = abs(Fraction(text) - truth) > abs(truth) / 10**13
    if in_doubles <= ONE_UNIT or (in_text <= ONE_UNIT and not few):
        return None
    off = float(min(in_doubles, MOST))
    return f"{text} should be {truth.limit_denominator(10**25)}: off by {off:.3g} ulps"


FACTORS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 0.5, 3.0, 5e-324, 2.0**53, 2.0**54, 1e-160, 1e200]
)
ERRORS = st.sampled_from([0.0, 5e-324, math.inf]) | st.floats(0, 1e300)


@settings(max_examples=500)
@given(FACTORS, FACTORS, ERRORS, ERRORS)
def test_the_short_way_of_a_product_is_the_rule_of_products(
    x: float, y: float, first: float, second: float
) -> None:
    product = x * y
    assume(math.isfinite(product))
    whole = alarm.step(alarm.FLOATS, MULTIPLY, None, product, [x, y], [first, second])
    assert repr(alarm.of_product(product, x, y, first, second)) == repr(whole)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_printed_is_right(family: str) -> None:
    wrong = []
    for case in CASES:
        if case["name"] == family:
            _, pairs = found(case)
            for text, truth in pairs:
                if "text" in case:
                    wrong += [] if text == truth else [(case["expr"], text, truth)]
                elif sentence := complaint(text, Fraction(truth)):
                    wrong.append((case["expr"], case["vars"], sentence))
    assert wrong == []


@pytest.mark.usefixtures("no_flint")
@pytest.mark.parametrize("family", FAMILIES)
def test_without_the_library_what_is_wrong_is_announced(family: str) -> None:
    assert [case for case in CASES if case["name"] == family and silent(case)] == []


def test_a_note_says_where_digits_are_lost(no_flint: None) -> None:  # noqa: ARG001
    here = parse("u = 1 - cos(x); 3*u").at_values(x=1e-7)
    assert here.value == pytest.approx(1.5e-14, rel=0.01)
    (note,) = here.lost
    assert note.formula == "1 - cos(x)"
    assert note.span == (4, 14)
    assert "digits are certain" in str(note)
    assert here.digits[""] < 3


# ---------------------------------------------------------------- random formulas


def decimals(random_: random.Random, names: list[str]) -> dict[str, str]:
    """A decimal of one to three digits for each name."""
    return {name: f"{random_.randint(-400, 400)}e-{random_.randint(1, 4)}" for name in names}


def truths(formula: Formula, roots: list[int], values: dict[str, str]) -> list[Any] | None:
    """The values of nodes with 60 digits, by mpmath; None where they cannot be told from 0."""
    found = []
    for digits in (60, 90):
        with mp.workdps(digits):
            point = {name: mpf(x) for name, x in values.items()}
            known: dict[int, Any] = {}
            for root in roots:
                known = exact(formula.graph, root, point, known)
            found.append([known[root] for root in roots])
    first, second = found
    with mp.workdps(60):
        pairs = zip(first, second, strict=True)
        same = all(mp.isfinite(y) and abs(x - y) <= abs(y) * mpf(10) ** -25 for x, y in pairs)
    return second if same else None


def count_alarms(count: int, seed: int) -> dict[str, int]:
    """Let the alarm judge random formulas at random decimals, and count what it says.

    An alarm is false where the double itself has 13 right digits, and missed where it has not and
    what is let pass is wrong in its last digit.
    """
    random_ = random.Random(seed)  # noqa: S311 - draws examples
    counts = dict.fromkeys(("numbers", "alarms", "false", "missed", "formulas", "ringing"), 0)
    while counts["formulas"] < count:
        source = Drawn(random_, arrays=False).source
        formula = parse(source)
        values = decimals(random_, formula.free_names)
        try:
            here = formula.at_values({n: float(x) for n, x in values.items()}, certain=False)
            here.gradient()
        except GradcliError:
            continue
        nodes = formula.graph.variables([formula.id])
        slopes = gradient(formula.graph, formula.id, nodes.values())
        roots = [formula.id, *slopes.values()]
        expected = truths(formula, roots, values)
        if expected is None:
            continue
        counts["formulas"] += 1
        numbers = here._with(roots).numbers  # noqa: SLF001 - the same run
        doubles = {name: float(x) for name, x in values.items()}
        errors = certain.bounds(formula.graph, formula.graph.reachable(roots), numbers, doubles)
        rang = False
        for root, truth in zip(roots, expected, strict=True):
            value = numbers[root]
            exactly = to_fraction(truth)
            passed = certain.let_pass(value, float(errors[root]))
            counts["numbers"] += 1
            if passed is None:
                rang = True
                counts["alarms"] += 1
                counts["false"] += complaint(number_text(value), exactly) is None
            elif complaint(number_text(passed.value), exactly):
                counts["missed"] += 1
        counts["ringing"] += rang
    return counts


TINY = 20_000
"""Numbers below 2 to the power of minus this are alike to any double."""


def to_fraction(x: Any) -> Fraction:
    """A number of mpmath as a fraction."""
    sign, mantissa, exponent, length = mpf(x)._mpf_
    if exponent + length < -TINY:  # far below the least double, and a fraction of many bits
        mantissa, exponent = 1, -TINY
    found: Fraction = Fraction(-mantissa if sign else mantissa) * Fraction(2) ** exponent
    return found


def test_no_alarm_is_missed() -> None:
    counts = count_alarms(150, 1)
    assert counts["missed"] == 0
    assert counts["numbers"] > 300
    assert counts["ringing"] < counts["formulas"] / 4


def test_digits_just_below_a_power_of_ten_are_counted_from_the_first() -> None:
    """0.00999…98 begins in the third place behind the point, and its logarithm is rounded to -2."""
    below = math.nextafter(-0.01, 0)
    passed = certain.let_pass(below, 2.5 * math.ulp(below))
    assert passed is not None
    assert passed.value == -0.01


@pytest.mark.slow
def test_no_alarm_is_missed_in_ten_thousand_formulas() -> None:
    counts = count_alarms(10_000, 2)
    assert counts["missed"] == 0


@pytest.mark.parametrize("source", ["u - u", "u/u", "u < u", "u == u", "u >= u"])
@pytest.mark.parametrize("inside", ["1 - cos(x)", "x^2/3", "[x/3, sin(x)]"])
def test_what_is_so_of_any_number_raises_no_alarm(source: str, inside: str) -> None:
    formula = parse(f"u = {inside}; {source}")
    here = formula.at_values({"x": 1e-4}, certain=False)
    assert not (here.bound() != 0).any() if formula.shape else here.bound() == 0


# ---------------------------------------------------------------- in Python


def test_values_are_decimals_fractions_and_texts() -> None:
    f = parse("1 - cos(x)")
    with mp.workdps(60):
        truth = decimal.Decimal(mp.nstr(1 - mp.cos(mpf("1e-9")), 30))
    for value in (1e-9, "1e-9", decimal.Decimal("1e-9"), Fraction(1, 10**9)):
        assert f.evaluate(x=value) == 5e-19
        assert f.evaluate(x=value, digits=30) == truth
    assert parse("3*x").evaluate(x=Fraction(1, 3)) == 1
    assert parse("x - 2^60").evaluate(x=2**60 + 1) == 1
    assert f.gradient(x="1e-9", digits=25)["x"] == decimal.Decimal("9.999999999999999998333333e-10")


@pytest.mark.parametrize("text", ["a tenth", "1/3", ""])
def test_a_text_that_is_no_number_is_no_value(text: str) -> None:
    with pytest.raises(GradcliError, match="the value of x is not a number"):
        parse("x").evaluate(x=text)


def test_compiled_gives_plain_doubles() -> None:
    f = parse("x + 0.2")
    assert f.evaluate(x=0.1) == 0.3
    assert f.compiled(["x"])(0.1)[0] == 0.1 + 0.2


def test_a_numeral_is_equal_to_its_own_text_alone() -> None:
    one, other = Numeral(0.1, "0.10000000000000001"), Numeral(0.1, "0.10000000000000002")
    assert one != other
    assert one != 0.1
    assert -one == Numeral(-0.1, "-0.10000000000000001")
    assert parse("0.10000000000000001 - 0.1").evaluate() == 1e-17


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("exp(1000)/exp(999)", math.e),
        ("sqrt(0.3 - 3*0.1)", 0),
        ("acos(3*0.1/0.3)", 0),
        ("1e-400*1e400", 1),
        ("log(1e400)/log(10)", 400),
        ("where(0.1 + 0.2 > 0.3, 1/0, 2)", 2),
        ("sum([1e20, 3, -1e20])", 3),
        ("argmax([0.3, 0.1 + 0.2 + 1e-20])", 1),
        ("prod([1e200, 1e200, 1e-300])", 1e100),
    ],
)
def test_what_only_rounding_spoils_has_a_value(formula: str, value: float) -> None:
    assert parse(formula).evaluate() == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "formula", ["log(-0.1)", "1/0", "exp(1000)", "1/(1/0)", "10^400", "0^(-1)"]
)
def test_what_has_no_value_is_still_refused(formula: str) -> None:
    with pytest.raises(GradcliError):
        parse(formula).evaluate()


@settings(max_examples=60)
@given(
    first=st.decimals("0.001", "9.999", places=3),
    second=st.decimals("0.001", "9.999", places=3),
    body=st.sampled_from(["1/{0}", "log({0})", "mod(1, {0})", "digamma({0})"]),
)
def test_a_pole_is_known_beside_which_rounding_leads(
    first: decimal.Decimal, second: decimal.Decimal, body: str
) -> None:
    zero = f"({first} + x - {first + second})"
    with pytest.raises(GradcliError, match=r"division by zero|undefined at (\d, |)0"):
        parse(body.format(zero)).evaluate(x=str(second))
    assert parse(f"where(y > 0, {body.format(zero)}, 2)").evaluate(x=str(second), y=-1) == 2


@pytest.mark.parametrize("digits", range(14, 40))
@pytest.mark.parametrize(
    ("formula", "function"),
    [
        ("atanh(1 - {})", lambda h: mp.atanh(1 - h)),
        ("log1p({} - 1)", mp.log),
        ("gamma({} - 1)", lambda h: mp.gamma(h - 1)),
        ("acosh(1 + {})", lambda h: mp.acosh(1 + h)),
        ("asin(1 - {})", lambda h: mp.asin(1 - h)),
    ],
)
def test_a_value_is_known_close_to_where_there_is_none(
    digits: int, formula: str, function: Any
) -> None:
    with mp.workdps(100):
        truth = float(function(mpf(10) ** -digits))
    assert parse(formula.format(f"1e-{digits}")).evaluate() == pytest.approx(truth, rel=1e-13)


@pytest.mark.parametrize("digits", range(14, 40))
@pytest.mark.parametrize(
    "formula",
    ["asin(1 + {})", "acos(-1 - {})", "atanh(1 + {})", "acosh(1 - {})", "sqrt(1 - 1 - {})"],
)
def test_what_lies_just_outside_is_outside(digits: int, formula: str) -> None:
    with pytest.raises(GradcliError, match="is undefined at"):
        parse(formula.format(f"1e-{digits}")).evaluate()


def test_a_fraction_for_a_quantile_is_asked_for() -> None:
    with pytest.raises(
        GradcliError, match=r"quantile is undefined \(needs a fraction from 0 to 1\)"
    ):
        parse("quantile([1, 2, 3], 2)").evaluate()


def test_arrays_are_looked_at_number_by_number() -> None:
    found = parse("[0.1 + 0.2, 1 - cos(1e-9), 2^70]").evaluate()
    assert [number_text(x) for x in found.tolist()] == ["0.3", "5e-19", "1180591620717411303424"]


@pytest.mark.parametrize("text", ["1e-400", "-3e-400", "3*1e-400", "[1e-400, 1][0]"])
def test_a_number_too_small_for_a_double_is_not_0(text: str) -> None:
    found = parse(text).evaluate()
    truth = Fraction(-3 if text[0] == "-" else 3 if text[0] == "3" else 1, 10**400)

    assert Fraction(number_text(found)) == truth


@given(
    st.lists(st.fractions(0, 100, max_denominator=20), min_size=1, max_size=7),
    st.sampled_from(["0", "1/3", "0.3", "0.5", "0.75", "1"]),
)
def test_a_quantile_is_that_of_fractions(numbers: list[Fraction], part: str) -> None:
    """By the seventh definition of Hyndman and Fan (1996)."""
    text = f"quantile([{', '.join(map(str, numbers))}], {part})"
    place = Fraction(part) * (len(numbers) - 1)
    ordered, below = sorted(numbers), math.floor(place)
    above = ordered[math.ceil(place)]
    truth = ordered[below] + (place - below) * (above - ordered[below])

    assert float(parse(text).evaluate()) == pytest.approx(float(truth), rel=1e-13, abs=1e-13)
    if part not in {"1/3", "0.3"} and all(number.denominator == 1 for number in numbers):
        point = parse(text).at_values()
        assert point.value == truth
        assert not point.lost


@pytest.mark.parametrize("middle", ["median({})", "quantile({}, 0.5)"])
def test_a_middle_that_lost_its_digits_is_announced(middle: str) -> None:
    here = parse(middle.format("[x + 3e16 - 3e16, 5, 0.1]")).at_values(x=2.3333)
    assert abs(here.value - 2.3333) < 1e-3 or here.lost


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("besselj(0, 2.5)", lambda: mp.besselj(0, mpf("2.5"))),
        ("besselk(0.3, x)", lambda: mp.besselk(mpf("0.3"), mpf("0.7"))),
        ("zeta(x + 2)", lambda: mp.zeta(mpf("2.7"))),
        ("betainc(2, x, 0.1)", lambda: mp.betainc(2, mpf("0.7"), 0, mpf("0.1"), regularized=True)),
        ("gammaq(x, 30)", lambda: mp.gammainc(mpf("0.7"), 30, regularized=True)),
        ("lambertw(-0.367879)", lambda: mp.lambertw(mpf("-0.367879")).real),
        ("ellipe(x) - pi/2", lambda: mp.ellipe(mpf("0.7")) - mp.pi / 2),
        ("nCr(60, 30) + x - 0.7", lambda: mp.binomial(60, 30)),
    ],
)
def test_functions_of_scipy_have_as_many_digits_as_are_asked_for(
    text: str, value: Callable[[], Any]
) -> None:
    with mp.workdps(60):
        truth = decimal.Decimal(mp.nstr(value(), 50))
        formula = parse(text)
        names: dict[str, Any] = dict.fromkeys(formula.free_names, "0.7")
        assert formula.evaluate(digits=50, **names) == truth


def test_a_gradient_of_a_bessel_function_has_them_too() -> None:
    with mp.workdps(60):
        truth = decimal.Decimal(mp.nstr(mp.besselj(2, mpf("2.5"), derivative=1), 40))
    assert parse("besselj(2, x)").gradient(x="2.5", digits=40)["x"] == truth


def test_arrays_that_overflow_on_the_way_have_values() -> None:
    found = parse("[exp(1000)/exp(999), 1]").evaluate()
    assert found.tolist() == pytest.approx([math.e, 1], rel=1e-15)
