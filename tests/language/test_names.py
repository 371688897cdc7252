"""What an unknown name may have been meant to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli import FormulaError, MathematicsError, parse, variable
from gradcli.graph.operations import FUNCTIONS, TABLE
from gradcli.language.bindings import binding
from gradcli.language.names import FUNCTION_NAMES, is_function, is_name, suggestion

LISTED = """
    sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp expm1 log ln log2 log10
    log1p sqrt cbrt hypot abs sign floor ceil round mod min max clip gamma lgamma digamma factorial
    erf erfc sigmoid logistic softplus relu leaky_relu elu silu gelu where xlogx sinc
"""
OF_THE_LANGUAGE = LISTED.split()


def test_the_functions_of_the_language_are_there() -> None:
    assert [name for name in OF_THE_LANGUAGE if not is_function(name)] == []
    assert set(OF_THE_LANGUAGE) <= set(FUNCTION_NAMES)
    assert not is_function("pi")
    assert not is_function("multiply")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sinn", "sin"),
        ("sqtr", "sqrt"),
        ("sqr", "sqrt"),
        ("sqrrt", "sqrt"),
        ("Sin", "sin"),
        ("SQRT", "sqrt"),
        ("cso", "cos"),
        ("tann", "tan"),
        ("arctan", "atan"),
        ("expo", "exp"),
        ("logg", "log"),
        ("lgo", "log"),
        ("signum", "sign"),
        ("ceiling", None),
        ("gama", "gamma"),
        ("sigmoind", "sigmoid"),
        ("softpluss", "softplus"),
        ("relu6", "relu"),
        ("leakyrelu", "leaky_relu"),
        ("factorail", "factorial"),
        ("hypto", "hypot"),
        ("wehre", "where"),
        ("maximum", None),
        ("frobnicate", None),
        ("x", None),
        ("qq", None),
        ("", None),
        ("integrat", "integrate"),
        ("s" * 41, None),
        ("sin" * 1000, None),
    ],
)
def test_suggestions(typed: str, meant: str | None) -> None:
    assert suggestion(typed, FUNCTION_NAMES) == meant


def test_internal_functions_are_not_suggested() -> None:
    for typed in ("powlo", "scaledd", "ratios", "sphericaljj", "rati"):
        assert suggestion(typed, FUNCTION_NAMES) not in {"powlog", "scaled", "ratio", "sphericalj"}


def one_slip(name: str) -> list[str]:
    """All words that are one swap, one letter too many, too few or wrong away from a name."""
    cuts = [(name[:i], name[i:]) for i in range(len(name) + 1)]
    swapped = [a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1]
    shorter = [a + b[1:] for a, b in cuts if b]
    longer = [a + "q" + b for a, b in cuts]
    wrong = [a + "q" + b[1:] for a, b in cuts if b]
    return [word for word in swapped + shorter + longer + wrong if word not in FUNCTIONS]


@pytest.mark.parametrize("name", [name for name in OF_THE_LANGUAGE if len(name) > 3])
def test_one_slip_in_a_long_name_still_finds_something(name: str) -> None:
    for typed in one_slip(name):
        assert suggestion(typed, [name]) == name
        assert suggestion(typed, FUNCTION_NAMES) is not None


@given(st.text(max_size=50), st.lists(st.text(max_size=12), max_size=5))
def test_a_suggestion_is_one_of_the_known_names(typed: str, known: list[str]) -> None:
    assert suggestion(typed, known) in {None, *known}


def test_the_order_of_the_known_names_does_not_matter() -> None:
    for typed in ("sinn", "sqtr", "atn", "log3", "cosh2", "axb"):
        assert suggestion(typed, FUNCTION_NAMES) == suggestion(typed, FUNCTION_NAMES[::-1])


def test_names_are_ascii_and_greek() -> None:
    for name in ("x", "_", "x1", "x₁", "alpha", "α", "Ω_2", "ς", "long_name_3"):
        assert is_name(name)
    for other in ("", "1x", "₁x", "é", "ά", "x y", "x-y", "x.y", "х", "ſ", "\u212a", "x²", "x\n"):
        assert not is_name(other)


NEWER = [row for row in TABLE.values() if not row.reserved and not row.internal]


@pytest.mark.parametrize("name", [row.name for row in NEWER])
def test_a_newer_function_is_one_only_where_a_parenthesis_follows(name: str) -> None:
    """Formulas that were written before it was there keep their meaning."""
    assert parse(f"2*{name} + 1", {name: ()}).evaluate({name: 3.0}) == 7
    assert parse(f"2*{name} + 1").free_names == [name]
    assert parse(f"{name} = 3; 2*{name}").evaluate() == 6
    assert parse(f"{name}(t) = t + 1; {name}(2)").evaluate() == 3
    assert variable(name).free_names == [name]
    assert binding(f"{name}=2").number == 2
    with pytest.raises(FormulaError, match=f"{name} is a number, not a function"):
        parse(f"{name}(2)", {name: ()})


def test_the_newer_functions_are_there() -> None:
    names = """nCr nPr gcd lcm trunc frac cot sec csc degrees radians median quantile voigt erfcx
    besselj bessely besseli besselk beta lbeta gammap gammaq betainc zeta ellipk ellipe lambertw"""
    assert {row.name for row in NEWER} == {*names.split()} <= {*FUNCTION_NAMES}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("nCr(5, 2)", 10),
        ("nPr(5, 2)", 20),
        ("gcd(12, 18) + lcm(4, 6)", 18),
        ("trunc(-2.7) + frac(2.75)", -1.25),
        ("median([1, 9, 2])", 2),
        ("quantile([1, 2, 4, 9], 0.25)", 1.75),
        ("degrees(pi) + radians(180)/pi", 181),
        ("sin(30°)", 0.5),
        ("cos(60°)^2 + 2*180°/pi", 2.25),
        # By mpmath: quad(besselj(0, x), [0, 1]), and its first zero.
        ("integrate(besselj(0, x), x, 0, 1)", 0.919730410089760239),
        ("solve(besselj(0, x), x, 2.4)", 2.404825557695772769),
    ],
)
def test_everyday_functions(text: str, number: float) -> None:
    assert parse(text).evaluate() == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["2 + «besselj(n, x)»", "x*«gcd(n, 4)»", "x*«gammap(n, x)»", "x + «quantile([1, 2], n)»"],
)
def test_a_derivative_that_does_not_exist_points_at_its_part(text: str) -> None:
    before, part = text.split("«", maxsplit=1)[0], text[text.index("«") + 1 : text.index("»")]
    formula = parse(text.replace("«", "").replace("»", ""))
    values = {"n": 1.0, "x": 2.0}
    for derive in (formula.derivatives, lambda: formula.gradient(values, wrt=["n"])):
        with pytest.raises(
            MathematicsError, match="has no derivative with respect to its"
        ) as error:
            derive()
        assert error.value.span == (len(before), len(before) + len(part))
    if "x" in part or before:
        assert formula.gradient(values, wrt=["x"])
