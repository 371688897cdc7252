"""Every formula that a message suggests can be read, and has the value that was meant."""

from __future__ import annotations

import json
import math
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.constants import (
    atm,
    bar,
    calorie,
    day,
    eV,
    foot,
    gallon,
    giga,
    hour,
    inch,
    kilo,
    liter,
    mile,
    nano,
    ounce,
    pound,
    week,
    yard,
)

from gradcli import FormulaError, parse
from gradcli.language import notations
from tests.random_formulas import texts

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE = Path(__file__).parent.parent / "reference"


def failure(source: str) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        parse(source)
    return caught.value


def value(formula: str, **values: Any) -> Any:
    """The value of a formula where its names have values, whichever of them it uses."""
    read = parse(formula, {name: np.shape(given) for name, given in values.items()})
    return read.evaluate({name: values[name] for name in values if name in read.free_names})


def nearly(number: float) -> Any:
    return pytest.approx(number, rel=1e-12, abs=1e-300)


# ---------------------------------------------------------------- what the other notation means

# What is typed, and what other programs make of it: numbers by Python and mpmath. Several numbers
# are several readings, in the order in which they are shown.
MEANT: list[tuple[str, list[Any]]] = [
    # numbers
    ("1,000*2", [2000]),
    ("1,234,567", [1234567]),
    ("12,345.5 + 1", [12346.5]),
    ("1,500", [1500, 1.5]),
    ("1.234.567,5", []),
    ("1.234,5", [1234.5]),
    ("1,5*2", [3]),
    ("2*(1,5)", [3, [2, 10]]),
    ("1 000 000", [1000000]),
    ("2 300", [2300, 600]),
    ("1_000", [1000]),
    ("1'000'000 + 1", [1000001]),
    ("1’000.5", [1000.5]),
    ("0x1F + 1", [32]),
    ("1,2,3", [[1, 2, 3]]),
    ("(1, 2)", [[1, 2]]),
    ("sqrt(2,25)", [1.5]),
    ("2½", [2.5]),
    ("9^½", [3]),
    ("2E + 1", [3, None]),
    # operators
    ("5 mod 3", [2]),
    ("2*5 mod 3", [1]),
    ("-5 mod 3", [1]),
    ("-5 % 3", [-5 % 3]),
    ("2*5 % 3 + 1", [2 * 5 % 3 + 1]),
    ("7 % 4 % 2", [7 % 4 % 2]),
    ("50%", [0.5]),
    ("10/50%", [20]),
    ("200*50% + 3", [103]),
    ("100 + 10%", [100.1, 110]),
    ("7//2", [3]),
    ("-7//2", [-7 // 2]),
    ("2*7//2*3", [2 * 7 // 2 * 3]),
    ("7 div 2", [3]),
    ("2 x 3", [6]),
    ("2 3", [6]),
    ("2 3 4", [24]),
    ("2 ⋅ 3 – 1", [5]),
    ("1 ∧ 0 or 1", [1]),
    ("1 > 0 && 2 > 3", [0]),
    ("1 > 0 || 2 > 3", [1]),
    ("1 > 2 ? 3 : 2 > 1 ? 4 : 5", [4]),
    ("2*(3 if 1 > 2 else 4)", [8]),
    ("3 =< 4", [1]),
    ("3 <> 4", [1]),
    ("3 === 4", [0]),
    ("2^2=4", [1]),
    ("u := 3; u + 1", [4]),
    ("3!!", [math.factorial(math.factorial(3))]),
    # two readings
    ("1/2(3)", [1.5, 1 / 6]),
    ("e^2(3)", [math.exp(2) * 3, math.exp(6)]),
    ("2^3(2)", [16, 64]),
    ("2^-1(4)", [2, 2**-4]),
    ("1/2^2(3)", [0.75, 1 / 12, 1 / 64]),
    ("√4(9)", [18, 6]),
    ("√4^2", [4, 4]),
    ("sin 2(3)", [math.sin(2) * 3, math.sin(6)]),
    # functions and signs around operands
    ("√(2)", [math.sqrt(2)]),
    ("3√4", [6]),
    ("³√8", [2]),
    ("⁴√81", [3]),
    ("∛27", [3]),
    ("2*|-3| + |-1|", [7]),
    ("2|-3|", [6]),
    ("sin⁻¹(1)", [mpmath.asin(1)]),
    ("2*cos^-1(0.5)", [2 * mpmath.acos(0.5)]),
    ("sin^2(3)", [mpmath.sin(3) ** 2]),
    ("log²(3)", [mpmath.log(3) ** 2]),
    ("floor^-1(4.5)", [0.25]),
    ("sin 3", [mpmath.sin(3)]),
    ("{1 + 2}*{3}", [9]),
    ("{1, 2}", [[1, 2]]),
    ("$2 + $3", []),
    ("２＋３", [5]),
    ("1\xa0+ 1", [2]),
    ("(1]", [1]),
    ("[1)", [[1]]),
    ("[(1], 2]", [1]),
    ("pow(-2, 3)^2", [64]),
    ("2/ctg(1)", [2 * mpmath.tan(1)]),
    ("-cotan(1)^2", [-mpmath.cot(1) ** 2]),
    ("3ncr(5, 2)", [30]),
    ("2^lb(8)", [8]),
    ("log3(9)", [2]),
    ("log₂(8)", [3]),
    ("sinn(1) + sqtr(4)", [mpmath.sin(1) + 2]),
    ("sqtr(4)", [2]),
    ("gcd(12, 18, 8)", [2]),
    ("lcm(4, 6, 10)", [60]),
    ("t = 3; tsin(t) + 1", [3 * mpmath.sin(3) + 1]),
    ("t = 3; 2 - tlog(t)^2", [2 - 3 * mpmath.log(3) ** 2]),
    ("t = 3; 2/tlog(t)", []),
    ("where(3 = 3, 1, 2)", [1]),
    ("sum([[1, 2], [3, 4]], axes=0)", [[4, 6]]),
    ("2 @ 3", [6]),
    ("5 choose 2", [10]),
    ("mean(1, 2, 6)", [3]),
    ("mean(1,5)", [1.5, 3]),
    # words and names of other languages
    ("= 1 + 1", [2]),
    ("1 + 1 =", [2]),
    ("1 + 1;", [2]),
    ("print(1 + 1)", [2]),
    ("return 1 + 1", [2]),
    ("x^2, x=3", [9]),
    ("x^2 for x = 3", [9]),
    ("sqrt(x) where x=4", [2]),
    ("let x = 3; x^2", [9]),
    ("x <- 3; x^2", [9]),
    ("def f(x): return x^2; f(3)", [9]),
    ("function f(x) = x^2; f(3)", [9]),
    ("f = lambda x, y: x*y; f(2, 3)", [6]),
    ("f := x -> x^2; f(3)", [9]),
    ("f = x => x^2; f(3)", [9]),
    ("if 2 > 1 then 3 else 4", [3]),
    ("piecewise((3, 2 > 1), (4, True))", [3]),
    ("!1", [0]),
    ("15% of 80", [12]),
    ("sin 30 deg", [mpmath.sin(mpmath.pi / 6)]),
    ("cos(60 degrees)", [mpmath.cos(mpmath.pi / 3)]),
    ("[1 2 3]", [[1, 2, 3]]),
    ("[1; -2; 3]", [[1, -2, 3]]),
    ("np.sin(np.pi/6)", [mpmath.sin(mpmath.pi / 6)]),
    ("Math.sqrt(Math.PI)", [mpmath.sqrt(mpmath.pi)]),
    ("torch.tensor([1, 2]).pow(2).sum()", [5]),
    ("math.atan2(1, 2)", [mpmath.atan2(1, 2)]),
    ("scipy.special.gammaln(7)", [mpmath.loggamma(7)]),
    ("integrate(x^2, (x, 0, 1))", [mpmath.mpf(1) / 3]),
    ("int(x^2, x, 0, 1)", [mpmath.mpf(1) / 3]),
    ("integrate(exp(-x^2), x, -∞, ∞)", [mpmath.sqrt(mpmath.pi)]),
    ("1 + integrate(1/x^2, x, 1, ∞)", [2]),
    ("1/∞", []),
    ("Σ(k^2, k, 1, 3)", [14]),
    ("2*Π(k, k, 1, 4)", [48]),
    ("integrate(x^2, x)", [mpmath.mpf(1) / 3]),
    ("Sum(1/k^2, (k, 1, 2))", [1.25]),
    ("sum(k^2, k=1..3)", [14]),
    ("sum(k^2 for k in range(4))", [14]),
    ("sum(k^2 for k in range(2, 4))", [13]),
    ("solve(x^2 - 4 = 0, x)", [2]),
    ("solve(x^2 - 4, x)", [2]),
    ("solve(x^2 = 2)", [mpmath.sqrt(2)]),
    ("solve(x = 2)", [2]),
    ("solve(x^2 == 2)", [mpmath.sqrt(2)]),
    ("1 + solve(x^2 - 4)", [3]),
    ("solve()", [mpmath.findroot(lambda x: mpmath.cos(x) - x, 1)]),
    ("solve(a*x = 2)", []),
    # units
    ("3 km in m", [3000]),
    ("3km to m", [3000]),
    ("1 + (2 + 1) cm in m", [1.03]),
    ("2^3 min as h", [mpmath.mpf(8) / 60]),
    ("5 kg", [None]),
    ("36 km/h in m/s", []),
    ("20 C in F", []),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "values"), MEANT, ids=ascii)
def test_a_repair_has_the_value_that_was_meant(typed: str, values: list[Any]) -> None:
    error = failure(typed)
    assert len(error.repairs) == len(values), error.hint
    for formula, wanted in zip(error.repairs, values, strict=True):
        assert formula in (error.hint or "") or "did you mean" in (error.hint or "")
        if wanted is None:  # a name that the user must give a value
            assert parse(formula).free_names
        elif isinstance(wanted, list):
            assert value(formula).tolist() == wanted
        else:
            assert value(formula) == nearly(float(wanted))


LENGTHS = {"mile": mile, "yd": yard, "ft": foot, "inch": inch, "in": inch, "km": kilo, "nm": nano}
OTHERS = {
    ("lb", "kg"): pound,
    ("oz", "kg"): ounce,
    ("week", "s"): week,
    ("days", "s"): day,
    ("gal", "L"): gallon / liter,
    ("atm", "Pa"): atm,
    ("bar", "Pa"): bar,
    ("cal", "J"): calorie,
    ("eV", "J"): eV,
    ("kWh", "J"): kilo * hour,
    ("GHz", "Hz"): giga,
}


@pytest.mark.parametrize(
    ("units", "factor"), [*(((unit, "m"), size) for unit, size in LENGTHS.items()), *OTHERS.items()]
)
def test_a_conversion_of_units_is_that_of_scipy(units: tuple[str, str], factor: float) -> None:
    for (unit, other), wanted in ((units, 7 * factor), (units[::-1], 7 / factor)):
        (formula,) = failure(f"7 {unit} in {other}").repairs
        assert value(formula) == pytest.approx(wanted, rel=1e-15)


# The functions of other languages by those who define them: Python, mpmath, and for the words of
# trigonometry and statistics their definitions.
sample = [1.5, 2.0, 4.0]
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(["lg", "log_10", "log₁₀"], mpmath.log10),
    **dict.fromkeys(["lb", "ld", "log_2", "log₂"], lambda x: mpmath.log(x, 2)),
    "exp2": lambda x: mpmath.power(2, x),
    "exp10": lambda x: mpmath.power(10, x),
    **dict.fromkeys(["sgn", "signum"], mpmath.sign),
    "fabs": math.fabs,
    "C": lambda n, k: math.comb(int(n), int(k)),
    "P": lambda n, k: math.perm(int(n), int(k)),
    "ceiling": math.ceil,
    "int": int,
    **dict.fromkeys(["truncate", "fix"], math.trunc),
    "fract": mpmath.frac,
    "round": lambda x, n: round(x, int(n)),
    **dict.fromkeys(["fmod", "rem"], math.fmod),
    "modulo": lambda x, y: x % y,
    **dict.fromkeys(["pow", "power"], mpmath.power),
    **dict.fromkeys(["sqr", "square"], lambda x: x * x),
    "cube": lambda x: x * x * x,
    **dict.fromkeys(["root", "nthroot"], lambda x, n: mpmath.root(x, int(n))),
    "tg": mpmath.tan,
    **dict.fromkeys(["arctg", "arctan"], mpmath.atan),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    **dict.fromkeys(["arctan2", "atan"], mpmath.atan2),
    **dict.fromkeys(["arcsinh", "arsinh"], mpmath.asinh),
    **dict.fromkeys(["arccosh", "arcosh"], mpmath.acosh),
    **dict.fromkeys(["arctanh", "artanh"], mpmath.atanh),
    **dict.fromkeys(["ctg", "cotg", "cotan"], mpmath.cot),
    "cosec": mpmath.csc,
    "coth": mpmath.coth,
    "sech": mpmath.sech,
    "csch": mpmath.csch,
    **dict.fromkeys(["acot", "arccot"], mpmath.acot),
    **dict.fromkeys(["asec", "arcsec"], mpmath.asec),
    **dict.fromkeys(["acsc", "arccsc"], mpmath.acsc),
    "acoth": mpmath.acoth,
    "asech": mpmath.asech,
    "acsch": mpmath.acsch,
    "sind": lambda x: mpmath.sin(mpmath.radians(x)),
    "cosd": lambda x: mpmath.cos(mpmath.radians(x)),
    "tand": lambda x: mpmath.tan(mpmath.radians(x)),
    "rad2deg": mpmath.degrees,
    "deg2rad": mpmath.radians,
    **dict.fromkeys(["ncr", "comb", "choose", "binom", "binomial"], mpmath.binomial),
    **dict.fromkeys(["npr", "perm"], lambda n, k: math.perm(int(n), int(k))),
    "fact": mpmath.factorial,
    "tgamma": mpmath.gamma,
    **dict.fromkeys(["gammaln", "lngamma", "loggamma"], mpmath.loggamma),
    "psi": mpmath.digamma,
    "logit": lambda x: mpmath.log(x) - mpmath.log(1 - x),
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "normcdf": mpmath.ncdf,
    "normpdf": mpmath.npdf,
    **dict.fromkeys(["if", "iff", "iif", "ifelse"], lambda c, a, b: a if c else b),
    "clamp": lambda x, a, b: min(max(x, a), b),
    **dict.fromkeys(["average", "avg"], statistics.fmean),
    "product": math.prod,
    "rms": lambda x: math.sqrt(statistics.fmean([one * one for one in x])),
    "amax": max,
    "amin": min,
    "maximum": max,
    "minimum": min,
    "argmin": lambda x: x.index(min(x)),
    **dict.fromkeys(["stdev", "sd"], statistics.stdev),
    **dict.fromkeys(["count", "length", "size"], len),
    **dict.fromkeys(["array", "tensor", "float"], lambda x: x),
    "mse_loss": lambda x, y: (x - y) ** 2,
    "heaviside": lambda x: float(x > 0),
    **dict.fromkeys(["Phi", "pnorm"], mpmath.ncdf),
    "dnorm": mpmath.npdf,
    **{f"j{n}": lambda x, n=n: mpmath.besselj(n, x) for n in (0, 1)},
    **{f"y{n}": lambda x, n=n: mpmath.bessely(n, x) for n in (0, 1)},
    "variance": statistics.variance,
    "gcd": lambda *numbers: math.gcd(*map(int, numbers)),
    "lcm": lambda *numbers: math.lcm(*map(int, numbers)),
}
POINTS: dict[str, list[Any]] = {
    **{key: [(0.3,), (8.0,)] for key in ["lg", "lb", "ld", "log_10", "log₁₀", "log_2", "log₂"]},
    **{key: [(0.3,), (0.9,)] for key in ["arcsin", "arccos", "arctanh", "artanh", "logit"]},
    **{key: [(1.5,), (7.0,)] for key in ["arccosh", "arcosh", "asec", "arcsec", "acsc", "arccsc"]},
    "acoth": [(1.5,), (-7.0,)],
    **{key: [(0.3,), (7.5,)] for key in ["y0", "y1"]},
    "asech": [(0.3,), (0.9,)],
    **{key: [(0.3,), (7.5,)] for key in ["gammaln", "lngamma", "loggamma", "tgamma", "psi"]},
    "fact": [(0.0,), (5.0,)],
    **{
        key: [(5.0, 2.0), (6.0, 0.0)]
        for key in ["C", "P", "ncr", "comb", "choose", "binom", "binomial"]
    },
    **{key: [(5.0, 2.0), (6.0, 0.0)] for key in ["npr", "perm"]},
    "round": [(2.346, 2.0), (-7.04, 1.0)],
    **{key: [(2.5, 3.0), (7.0, 4.0)] for key in ["root", "nthroot", "pow", "power"]},
    **{key: [(0.3,), (7.0,)] for key in ["acot", "arccot"]},
    **{key: [(12.0, 18.0, 8.0), (4.0, 6.0, 10.0)] for key in ["gcd", "lcm"]},
}
USUAL: dict[int, list[Any]] = {
    1: [(2.7,), (-2.7,), (0.4,)],
    2: [(5.5, 2.0), (-5.5, 2.0)],
    3: [(1.0, 2.0, 3.0)],
}
OVER_ARRAYS = {
    "count",
    "length",
    "size",
    "average",
    "avg",
    "product",
    "rms",
    "amax",
    "amin",
    "argmin",
    "stdev",
    "sd",
    "variance",
}


@pytest.mark.parametrize(("name", "count"), notations.meanings(), ids=str)
def test_what_a_function_of_another_language_means(name: str, count: int) -> None:
    found = notations.meaning(name, count)
    assert found is not None
    points: list[Any] = [(sample,)] if name in OVER_ARRAYS else POINTS.get(name, USUAL[count])
    for point in points:
        wanted = float(FUNCTIONS[name](*point))
        given_values = dict(zip(found.parameters, point, strict=True))
        values = [value(body, **given_values) for body in found.bodies]
        # Where programs differ, one of the readings is the one of the reference.
        assert any(one == nearly(wanted) for one in values), (point, values, wanted)
        if len(values) == 1 or point[0] != point[0]:
            assert values[0] == nearly(wanted)
        written = ", ".join(str(argument) for argument in point)
        assert [value(repair) for repair in failure(f"{name}({written})").repairs] == values


def test_each_function_of_another_language_has_its_reference() -> None:
    assert {name for name, _ in notations.meanings()} == set(FUNCTIONS)


@pytest.mark.parametrize("name", notations.ABSENT)
def test_what_no_formula_stands_for_is_no_product_and_no_other_function(name: str) -> None:
    error = failure(f"{name}(x, 2)")
    assert "unknown function" in error.message
    assert not error.repairs or "gradcli grad" in (error.hint or "")
    for word in ("*(", "did you mean"):
        assert word not in (error.hint or "")


def test_inverses() -> None:
    for name, inverse in notations.INVERSES.items():
        x = 1.4 if name in {"acosh", "cosh"} else 0.4
        assert value(f"{inverse}({name}(x))", x=x) == nearly(x)


def test_without_a_known_shape_no_formula_of_arrays_is_suggested() -> None:
    assert failure("stdev(x)").repairs == ()


# ---------------------------------------------------------------- formulas in another notation

ATOMS = st.sampled_from(
    ["x", "y", "2", "0.5", "(x + y)", "(x - 2)", "sin(y)", "(-x)", "3*y", "x^2"]
)


def _wrapped(part: str) -> str:
    return part if re.fullmatch(r"\w+|\d\.\d|\([^()]*\)|\w+\([^()]*\)", part) else f"({part})"


def two(left: tuple[str, str], right: tuple[str, str]) -> st.SearchStrategy[tuple[str, str]]:
    """A formula of two parts in our notation and in another one that means the same."""
    (a, other_a), (b, other_b) = left, right
    safe = [_wrapped(part) for part in (a, b)]
    other = [_wrapped(part) for part in (other_a, other_b)]
    forms = [
        ("mod({}, {})", "{} % {}"),
        ("mod({}, {})", "{} mod {}"),
        ("floor({}/{})", "{} // {}"),
        ("{}^{}", "pow({}, {})"),
        ("{}*{}", "{} ⋅ {}"),
        ("{} - {}", "{} – {}"),
        ("({} > 0) and ({} > 1)", "({} > 0) && ({} > 1)"),
        ("({} > 0) or ({} > 1)", "({} > 0) || ({} > 1)"),
        ("where({0} > 0, {0}, {1})", "{0} > 0 ? {0} : {1}"),
        ("where({0} > 0, {0}, {1})", "{0} if {0} > 0 else {1}"),
        ("{} >= {}", "{} => {}"),
        ("atan2({}, {})", "arctan2({}, {})"),
        ("abs({})*cbrt({})", "|{}|*∛{}"),
        ("radians({}) + log10(abs({}) + 1)", "deg2rad({}) + lg(|{}| + 1)"),
        ("sin({})^2 - cot({})", "sin²({}) - cotan({})"),
    ]
    return st.sampled_from([(ours.format(*safe), theirs.format(*other)) for ours, theirs in forms])


LEAVES = ATOMS.map(lambda atom: (atom, atom))
PAIRS = st.tuples(LEAVES, LEAVES).flatmap(lambda parts: two(*parts))
DEEPER = st.tuples(PAIRS, LEAVES).flatmap(lambda parts: two(*parts))


@settings(max_examples=400)
@given(PAIRS | DEEPER)
def test_a_formula_in_another_notation_is_repaired_to_what_it_means(pair: tuple[str, str]) -> None:
    ours, theirs = pair
    try:
        parse(theirs)
    except FormulaError as caught:
        error = caught
    else:
        return
    if len(error.repairs) != 1:
        return  # several readings, or none because something else is wrong as well
    (formula,) = error.repairs
    assert formula in (error.hint or ""), error.hint
    # The whole formula, or a part of it where the rest has no certain repair.
    assert str(parse(formula)) in str(parse(ours)), (theirs, formula)
    if len(formula) > len(theirs):
        assert str(parse(formula)) == str(parse(ours)), (theirs, formula)


# ---------------------------------------------------------------- formulas with slips

STRAY = [*"()[]{},;:=<>+-*/^!%&|?~@°√½'\"$ .0123456789eExyz²⁻¹⋅"]
STRAY += [
    "mod ",
    " if ",
    " else ",
    "sin ",
    "pow(",
    "lg(",
    "and ",
    "cot(",
    "//",
    "!!",
    "==",
    ", 000",
]
STRAY += ["\n"]


@st.composite
def slips(draw: st.DrawFn) -> str:
    """A formula in which a few characters are missing, doubled, exchanged or too many."""
    text = draw(texts(("cbrt", "asin"), ("atan2", "max", "mod"), ("-2",)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["delete", "insert", "double", "replace"]))
        rest = text[place + 1 :]
        if kind == "delete":
            text = text[:place] + rest
        elif kind == "insert":
            text = text[:place] + draw(st.sampled_from(STRAY)) + text[place:]
        elif kind == "double":
            text = text[:place] + text[place : place + 1] + text[place:]
        else:
            text = text[:place] + draw(st.sampled_from(STRAY)) + rest
    return text


@settings(max_examples=200)
@given(slips())
@example("f(t) = t; g(t) = u = t; ff(x) + f(x)")
@example("sin(x)%2 + |x")
@example("u = 2 3; u // 2")
def test_every_formula_that_is_suggested_can_be_read(source: str) -> None:
    check_repairs(source)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(slips())
def test_every_formula_that_is_suggested_for_many_can_be_read(source: str) -> None:
    check_repairs(source)


def check_repairs(source: str) -> None:
    """What is suggested for a text can be read, and stands in the hint."""
    try:
        parse(source)
    except FormulaError as caught:
        error = caught
    else:
        return
    for formula in error.repairs:
        assert parse(formula).free_names is not None
        assert formula != source
        assert formula in (error.hint or "") or (error.hint or "").startswith("did you mean")
    written = re.fullmatch(
        r"(?:for \w+ \w+ |for numbers )?write (.*?)(?: (for|to) .*)?", error.hint or ""
    )
    if written and not error.repairs and written[1] not in {"!=", "<=", ">=", "=="}:
        for formula in written[1].split(" or "):
            parse(formula)


FORMULAS = [
    json.loads(line)["argv"][1]
    for line in (REFERENCE / "words.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    if len(json.loads(line)["argv"]) > 1
]


@pytest.mark.parametrize("source", FORMULAS, ids=ascii)
def test_the_repairs_of_the_bad_inputs_can_be_read(source: str) -> None:
    check_repairs(source)
