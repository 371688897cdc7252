"""Forms that bind a name: their values and derivatives, three ways; and what names mean in them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import parse
from gradcli.errors import FormulaError, GradcliError, MathematicsError
from gradcli.graph.node import Graph

if TYPE_CHECKING:
    from gradcli.formula import Formula

CASES = json.loads((Path(__file__).parents[1] / "reference" / "bound.json").read_text())
EXPRESSIONS = [case for case in CASES if "kind" not in case]


def is_near(found: float, want: float, relative: float, absolute: float) -> bool:
    return abs(found - want) <= max(relative * abs(want), absolute)


@pytest.mark.parametrize("case", EXPRESSIONS, ids=lambda case: case["name"])
def test_values_and_derivatives_of_mpmath(case: dict[str, Any]) -> None:
    values = {name: float(value) for name, value in case["vars"].items()}
    formula = parse(case["expr"])
    relative, absolute = case["rtol"], case.get("atol", 1e-300)
    assert is_near(formula.evaluate(values), case["value"], relative, absolute)
    if case["grad"]:
        gradient = formula.gradient(values)
        size = abs(case["value"]) + max(map(abs, case["grad"].values()))
        for name, want in case["grad"].items():
            assert is_near(gradient[name], want, 10 * relative, max(10 * absolute, relative * size))


FORMS = [
    "integrate(exp(-a*x^2)*b, x, 0, b)",
    "integrate(x^a*exp(-b*x), x, 0, inf)",
    "integrate(where(x > a, b*x^2, x), x, 0, 2)",
    "integrate(abs(b*x - a), x, 0, 2)",
    "integrate(max(x - a, b*x/3), x, 0, 2)",
    "integrate((a < x)*(x > a)*exp(-b*x), x, 3, -1)",
    "integrate(integrate(exp(-a*x*y), y, b - 1, x), x, 0, a)",
    "integrate(sum(a^k*x^k/k, k, 1, 5), x, 0, b)",
    "sum(x^2*a/(b + x), x, 1, 20)",
    "sum(sum(a^(j/k)*b, j, 1, k), k, 1, 4)",
    "prod(a*k + b, k, 1, 6)",
    "prod(0.7 - k*a, k, 1, 5)*b",
    "solve(x*exp(b*x) == a, x, 0.5)",
    "solve(E - a*sin(E)/2 == b, E, 1)^2",
    "solve(integrate(exp(-t^2*a), t, 0, x) == b/2, x, 0.4)",
    "u = a*b; integrate(cos(u*x), x, 0, u)/u",
    "f(t) = integrate(t^x, x, 0, b); f(a)*f(2*a)",
    "diff(sin(a*b)*a^2, a) + diff(integrate(exp(a*x), x, 0, b), a, 2)",
]


@pytest.mark.parametrize("text", FORMS)
def test_derivatives_three_ways_and_second_ones(text: str) -> None:
    formula = parse(text)
    point = {"a": 0.7, "b": 1.3}
    assert formula.at_values(point).check().largest_difference < 1e-7
    second = formula.hessian(point)
    step = 1e-5
    for name, value in point.items():
        ends = [formula.gradient({**point, name: value + h}) for h in (-step, step)]
        for other in point:
            difference = (ends[1][other] - ends[0][other]) / (2 * step)
            assert is_near(second[name][other], difference, 1e-6, 1e-6)


@pytest.mark.parametrize("text", FORMS)
def test_what_is_printed_reads_back_and_so_do_derivatives(text: str) -> None:
    formula = parse(text)
    again = parse(str(formula))
    both = Graph()
    assert both.adopt(formula.graph, formula.id) == both.adopt(again.graph, again.id)
    point = {"a": 0.7, "b": 1.3}
    wanted = formula.gradient(point)
    for name, derivative in formula.readable_derivatives().items():
        read = parse(str(derivative))
        values = {n: x for n, x in point.items() if n in read.free_names}
        assert is_near(read.evaluate(values), wanted[name], 1e-9, 1e-12)


def test_a_product_with_a_factor_0_has_all_its_derivatives() -> None:
    formula = parse("prod(x - k, k, 1, 5)")
    # (x - 1)(x - 2)(x - 3)(x - 4)(x - 5) is y^5 - 5 y^3 + 4 y with y = x - 3.
    for x in (1.0, 3.0, 5.0, 2.5):
        y = x - 3
        assert is_near(formula.gradient({"x": x})["x"], 5 * y**4 - 15 * y**2 + 4, 1e-12, 1e-12)
        assert is_near(formula.hessian({"x": x})["x"]["x"], 20 * y**3 - 30 * y, 1e-12, 1e-12)


# ---------------------------------------------------------------- what a name means


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("integrate(x*integrate(x, x, 0, x), x, 0, 2)", "integrate(x*x^2/2, x, 0, 2)"),
        ("x = 3*a; integrate(x + a, x, 0, 1) + x", "integrate(t + a, t, 0, 1) + 3*a"),
        ("f(x) = integrate(x*t, t, 0, 1); f(a)", "a/2"),
        ("f(t) = integrate(t + x, x, 0, 1); f(x)", "x + 1/2"),
        ("sum(sum(k, k, 1, k), k, 1, 3)", "1 + 3 + 6"),
        ("integrate(e^e, e, 0, 1)", "integrate(t^t, t, 0, 1)"),
        ("sum(k, k, 3, 2) + prod(k, k, 3, 2)", "0 + 1"),
        ("integrate(f, f, 0, 2)", "2"),
        ("sum([1, 2, 3]) + sum([[1], [2]], axis=0)[0]", "9"),
        ("u = x^2; diff(u, x) + diff(u*x, u)", "3*x"),
        ("f(t) = diff(t^3, t); f(x) + f(2)", "3*x^2 + 12"),
        ("integrate(diff(x^3*a, x), x, 0, 2)", "8*a"),
        ("solve(x^2 == y, x, 1)", "sqrt(y)"),
        ("diff + integrate*solve", "diff + integrate*solve"),
        ("solve(a, b, c) = a + b*c; solve(x, y, 3)", "x + 3*y"),
        ("integrate(diff*integrate(solve, solve, 0, diff), diff, 0, 1)", "1/8"),
    ],
)
def test_names(text: str, same: str) -> None:
    one, other = parse(text), parse(same)
    assert set(one.free_names) == set(other.free_names)
    point = {name: 0.7 + 0.4 * place for place, name in enumerate(sorted(one.free_names))}
    assert is_near(one.evaluate(point), other.evaluate(point), 1e-12, 1e-14)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("integrate(x^2)", "integrate is written integrate(f, x, a, b)"),
        ("integrate(x^2, 2*x, 0, 1)", "the second argument of integrate is the name"),
        ("integrate(x^2, sin, 0, 1)", "the second argument of integrate is the name"),
        ("solve(x^2 - 2, x)", "solve is written"),
        ("diff(x^2, 3)", "the second argument of diff is a name"),
        ("diff(x^2, x, 0.5)", "must be a whole number"),
        ("integrate(sum([x, 1]), x, 0, 1)", "array that depends on the bound name x"),
        ("integrate(f, x, 0, inf*2)", "inf"),
        ("1 + inf", "inf"),
    ],
)
def test_what_is_no_form_is_refused(text: str, words: str) -> None:
    with pytest.raises(GradcliError) as raised:
        parse(text).evaluate(dict.fromkeys({"f", "k"} & set(parse(text).free_names), 1.0))
    assert words in str(raised.value)


def test_an_integral_that_swings_to_infinity_has_the_derivatives_that_exist() -> None:
    formula = parse("integrate(cos(a*x)/(1 + x^2), x, 0, inf)")
    point = {"a": 0.7}  # pi/2 exp(-a)
    value = math.pi / 2 * math.exp(-0.7)
    assert is_near(formula.evaluate(point), value, 1e-13, 0)
    assert is_near(formula.gradient(point)["a"], -value, 1e-12, 0)
    with pytest.raises(MathematicsError, match="does not exist"):
        formula.hessian(point)  # that of x^2 cos(a x)/(1 + x^2) falls to no limit


def test_a_limit_of_a_sum_has_no_derivative() -> None:
    formula = parse("sum(x^k, k, 1, n)")
    point = {"x": 0.5, "n": 3.0}
    assert formula.evaluate(point) == 0.875
    assert formula.gradient(point, wrt=["x"]) == {"x": 1 + 1 + 0.75}
    with pytest.raises(FormulaError, match="no derivative with respect to n"):
        formula.gradient(point)


def test_a_switch_that_is_not_linear_is_refused() -> None:
    formula = parse("integrate(where(x^2 > a, x, 0), x, 0, 2)")
    assert is_near(formula.evaluate(a=1.0), 1.5, 1e-12, 0)
    with pytest.raises(FormulaError, match="not linear in x"):
        formula.gradient(a=1.0)


# ---------------------------------------------------------------- in every engine


NUMBERS = st.floats(0.2, 2.0)


@settings(max_examples=25)
@given(st.sampled_from(FORMS), NUMBERS, NUMBERS)
def test_compiled_and_interpreted_agree(text: str, a: float, b: float) -> None:
    formula: Formula = parse(text)
    try:
        here = formula.at_values({"a": a, "b": b}, certain=False)
        value, gradient = here.value, here.gradient()
    except MathematicsError:
        return
    found = formula.compiled(["a", "b"])(a, b)
    assert repr(found[0]) == repr(value)
    for slope, name in zip(found[1:], "ab", strict=True):
        assert is_near(slope, gradient[name], 1e-12, 1e-12)


def test_arrays_and_columns_are_taken_number_by_number() -> None:
    formula = parse("integrate(w*x^2, x, 0, b)", {"w": (3,)})
    assert formula.evaluate(w=[3.0, 6.0, 9.0], b=1.0).tolist() == [1.0, 2.0, 3.0]
    whole = parse("sum(integrate(w*x^2, x, 0, b))", {"w": (3,)})
    gradient = whole.gradient(w=[3.0, 6.0, 9.0], b=1.0)
    assert [round(slope, 12) for slope in gradient["w"].tolist()] == [round(1 / 3, 12)] * 3
    assert is_near(gradient["b"], 18.0, 1e-12, 0)


@pytest.mark.parametrize(
    "text",
    [
        "solve(x^3 + a*x == t, x, 1)",
        "solve(x*exp(x*a) == t, x, 0, 9)",
        "integrate(exp(-a*x*t), x, 0, t)",
        "sum(a^k*t/k, k, 1, 4)",
        "prod(a + t/k, k, 1, 4)",
        "solve(integrate(exp(-a*s^2), s, 0, x) == t/9, x, 0.4)",
    ],
)
def test_of_an_array_it_is_that_of_each_number(text: str) -> None:
    array = [0.5, 1.0, 2.0, 3.0]
    whole = parse(f"sum({text})", {"t": (len(array),)}).gradient(a=0.7, t=array)
    alone = [parse(text).gradient(a=0.7, t=t) for t in array]
    assert whole["t"].tolist() == pytest.approx([each["t"] for each in alone], rel=1e-12)
    assert whole["a"] == pytest.approx(math.fsum(each["a"] for each in alone), rel=1e-12)
