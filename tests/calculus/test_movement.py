"""0 times infinity: a part that does not move has the derivative 0, however steep what it is in.

The reference is mpmath, which varies the name in the formula itself: where a factor is 0 whatever
the name is, the function is constant.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from gradcli import MathematicsError, parse
from gradcli.calculus import forward, reverse
from gradcli.graph.operations import AND_ALSO, NOT_SO, OR_ELSE, WHERE
from gradcli.programs.llvm import machine

if TYPE_CHECKING:
    from collections.abc import Callable

STEEP: dict[str, Callable[[Any], Any]] = {
    "sqrt({})": mp.sqrt,
    "cbrt({})": mp.cbrt,
    "({})^0.3": lambda u: u ** mpf("0.3"),
    "({})^b": lambda u: u ** mpf("0.6"),
    "asin(1 - ({}))": lambda u: mp.asin(1 - u),
    "acosh(1 + ({}))": lambda u: mp.acosh(1 + u),
    "xlogx({})": lambda u: u * mp.log(u) if u else mpf(0),
}
"""Functions of a number >= 0 whose derivative is infinite where the number is 0."""

PRODUCTS = [
    "k*x",
    "x*k",
    "x/k",
    "x/(k*c)",
    "k*c*x",
    "c*(x*(k + c))/2",
    "-(-k*x)",
    "2*(k*x)/c",
    "(k*x)*(k + 1)",
    "k*exp(-k*c)*x",
    "(k*x)^2",
    "abs(k*x)",
    "(k*x)^2*k",
    "1 - exp(-k*x)",
    "k*x + x*c/k",
    "where(x > 0, k, 0)",
    "where(c > 0, k*x, k)",
]
"""Of k, which moves, c and x, which stay: numbers >= 0 that do not move where x is 0."""
KNOWN = {"exp": mp.exp, "abs": abs, "where": lambda c, x, y: x if c else y}


def exact(steep: str, product: str, x: float, order: int) -> float:
    """The derivative with respect to k at k = 0.4, c = 0.7."""
    with mp.workdps(40):
        given = {**KNOWN, "c": mpf("0.7"), "x": mpf(x)}
        text = product.replace("^", "**")

        def value(k: Any) -> Any:
            return STEEP[steep](eval(text, {**given, "k": k}))  # noqa: S307 - one of ours

        return float(mp.diff(value, mpf("0.4"), order).real)


GIVEN = {"k": 0.4, "c": 0.7, "b": 0.6}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("steep", STEEP)
@pytest.mark.parametrize("x", [0.0, 0.3])
def test_a_number_in_every_way(steep: str, product: str, x: float) -> None:
    formula = parse(steep.format(product))
    values = {name: {**GIVEN, "x": x}[name] for name in formula.free_names}
    slope = pytest.approx(exact(steep, product, x, 1), rel=1e-9, abs=1e-12)
    bend = pytest.approx(exact(steep, product, x, 2), rel=1e-8, abs=1e-12)

    for mode in ("reverse", "forward"):
        assert formula.gradient(values, wrt=["k"], mode=mode)["k"] == slope, mode
    assert formula.hessian(values, wrt=["k"])["k"]["k"] == bend
    formula.graph.check()
    # With the other names in the formula itself, node by node.
    given = [f"{name} = {values[name]}; " for name in ("b", "c", "x") if name in values]
    assert parse("".join(given) + steep.format(product)).run(k=0.4).gradient["k"] == slope


ENGINES = ["python"] + ["native"] * machine.is_available()


@settings(max_examples=60)
@given(
    st.sampled_from(list(STEEP)),
    st.sampled_from(list(PRODUCTS)),
    st.lists(st.sampled_from([0.0, 0.0, 0.2, 0.5]), min_size=1, max_size=4),
    st.sampled_from(ENGINES),
)
def test_rows_in_every_way(steep: str, product: str, column: list[float], engine: str) -> None:
    formula = parse(f"sum({steep.format(product)})", {"x": (len(column),)})
    data = {"x": np.array(column), "c": 0.7, "b": 0.6}
    data = {name: value for name, value in data.items() if name in formula.free_names}
    by_rows = [exact(steep, product, x, 1) for x in column]
    wanted = pytest.approx(sum(by_rows), rel=1e-9, abs=1e-12)

    for mode in ("reverse", "forward"):
        assert formula.gradient({**data, "k": 0.4}, wrt=["k"], mode=mode)["k"] == wanted, mode
    bend = formula.hessian({**data, "k": 0.4}, wrt=["k"])["k"]["k"]
    assert bend == pytest.approx(sum(exact(steep, product, x, 2) for x in column), rel=1e-8)
    if "k" in formula.free_names and "x" in data:
        assert formula.compiled(["k"], data=data, engine=engine)(0.4)[1] == wanted


def test_arrays_that_are_moved_and_added_up() -> None:
    v = [0.0, 1.0]
    for text in (
        "sum((k*v)^0.3)",
        "sum((k*v)[0:2]^0.3)",
        "sum([k*v[0], k*v[1]]^0.3)",
        "sum(cumsum(k*v)^0.3)",
        "sum(transpose([k*v, 0*v])[:, 0]^0.3)",
        "sum(([[1, 0], [0, 1]]@(k*v))^0.3)",
        "sum(k*v[0:1])^0.3 + (k*v[1])^0.3",
    ):
        for mode in ("reverse", "forward"):
            found = parse(text, {"v": (2,)}).gradient(k=2, v=v, wrt=["k"], mode=mode)
            assert found["k"] == pytest.approx(0.3 * 2**-0.7), (text, mode)


@pytest.mark.parametrize(
    "text",
    [
        "sqrt((k - 3)^2)",  # a kink
        "((k - 3)^4)^0.2",  # |k - 3|^0.8, infinite on both sides
        "sqrt((k - 3)*(k - 3))",
        "((k - 3)*(k - 3)*(k - 3)^2)^0.2",
        "sqrt((k - 3)*exp(k))",
        "sqrt(2*(k - 3))",
        "(c*(k - 3))^0.5",
        "xlogx((k - 3)/c)",
    ],
)
def test_what_moves_keeps_its_error(text: str) -> None:
    formula = parse(text)
    values = {"k": 3, "c": 2} if "c" in formula.free_names else {"k": 3}
    for mode in ("reverse", "forward"):
        with pytest.raises(MathematicsError, match="is infinite at"):
            formula.gradient(values, wrt=["k"], mode=mode)


def test_each_name_by_itself() -> None:
    # x is 0 and b is not, so only b is without effect.
    here = parse("sqrt(b*x)").at_values({"b": 2, "x": 0}, allow_nonfinite=True)
    for mode in ("reverse", "forward"):
        assert here.gradient(mode=mode) == {"b": 0, "x": math.inf}, mode
    assert here.hessian()["b"]["b"] == 0
    with pytest.raises(MathematicsError, match=r"sqrt\(b\*x\) is infinite"):
        parse("sqrt(b*x)").gradient(b=2, x=0)


def test_the_part_that_is_named_is_at_fault() -> None:
    with pytest.raises(MathematicsError, match=r"sqrt\(k - 1\) is infinite") as caught:
        parse("sqrt(k*x) + sqrt(k - 1)").gradient(k=1, x=0, wrt=["k"])
    assert caught.value.span == (12, 23)


def test_a_derivative_as_a_formula_can_be_differentiated_by_any_name() -> None:
    # x/(2*sqrt(k*x)): its derivative with respect to x is infinite at 0, not 0.
    slope = parse("sqrt(k*x)").derivatives(["k"])["k"]
    assert str(slope) == "1/(2*sqrt(k*x))*x"
    with pytest.raises(MathematicsError):
        slope.gradient(k=1, x=0, wrt=["x"])


def test_other_formulas_pay_nothing() -> None:
    # Neither products without a steep function nor steep functions of what always moves.
    both = [reverse.gradient, forward.gradient]
    for text, modes in (
        ("(1 - x)^2 + 100*(y - x^2)^2", both),
        ("exp(-x*y)*a", both),
        ("sqrt(x^2 + y^2)", both),
        ("sqrt(x*a + a)", [reverse.gradient]),
    ):
        parsed = parse(text)
        before = len(parsed.graph)
        for gradient in modes:
            gradient(parsed.graph, parsed.id, parsed.graph.variables([parsed.id]).values())
        made = {parsed.graph.rows[node][0] for node in range(before, len(parsed.graph))}
        assert made.isdisjoint({WHERE, AND_ALSO, OR_ELSE, NOT_SO}), text
