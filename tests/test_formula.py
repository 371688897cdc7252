"""The Python API: formulas made by text or by Python, their numbers, and their errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gradcli
from gradcli import (
    Formula,
    FormulaError,
    MathematicsError,
    NameValueError,
    functions,
    parse,
    variable,
    variables,
)
from gradcli.graph.node import Graph, Node

if TYPE_CHECKING:
    from gradcli.minimize.minimum import Iterate


def identical(one: Node, other: Node) -> bool:
    graph = Graph()
    return graph.adopt(one.graph, one.id) == graph.adopt(other.graph, other.id)


# ---------------------------------------------------------------- formulas from Python


def test_python_operators_build_the_graph_of_the_text() -> None:
    x, y = variables("x y")
    for built, text in [
        ((1 - x) ** 2 + 100 * (y - x**2) ** 2, "(1 - x)^2 + 100*(y - x^2)^2"),
        (x + 1, "x + 1"),
        (1 + x, "1 + x"),
        (x - 1, "x - 1"),
        (1 - x, "1 - x"),
        (x * -2, "x*-2"),
        (2 / x, "2/x"),
        (x / 2.5, "x/2.5"),
        (-(x**2), "-x^2"),
        ((-x) ** 2, "(-x)^2"),
        (2**x, "2^x"),
        (x**y**2, "x^y^2"),
        (x**-0.5, "x^-0.5"),
        (+x, "x"),
        (abs(x), "abs(x)"),
        (x % 3, "mod(x, 3)"),
        (3 % x, "mod(3, x)"),
        (x < y, "x < y"),
        (x <= 1, "x <= 1"),
        (x > y, "x > y"),
        (x >= y, "x >= y"),
        (x > 1, "x > 1"),
        (np.float64(2.5) * x, "2.5*x"),
        (x + np.float64(2.5), "x + 2.5"),
    ]:
        assert isinstance(built, Formula), text
        assert identical(built, parse(text)), text


def test_the_built_in_sum() -> None:
    x, y, z = variables("x y z")
    assert identical(sum([x, y, z]), parse("x + y + z"))  # type: ignore[arg-type]
    assert identical(sum(k * x for k in (1, 2, 3)), parse("1*x + 2*x + 3*x"))  # type: ignore[arg-type]
    assert identical(sum([x, y], start=z), parse("z + x + y"))
    assert str(0 + x) == "x", "the 0 that sum starts with"
    assert str(0.0 + x) == "0 + x", "a 0 that somebody wrote"


def test_linear_regression_as_a_python_function() -> None:
    columns = [(0.0, 1.1), (1.0, 2.9), (2.0, 5.2), (3.0, 6.8)]

    def loss(slope: Any, offset: Any) -> Any:
        return sum((slope * x + offset - y) ** 2 for x, y in columns) / len(columns)

    formula = loss(*variables("a b"))
    assert isinstance(formula, Formula)
    assert formula.evaluate(a=2, b=1) == pytest.approx(loss(2.0, 1.0))
    x, y = np.array(columns).T
    residual = 2 * x + 1 - y
    assert formula.gradient(a=2, b=1) == pytest.approx(
        {"a": 2 * np.mean(residual * x), "b": 2 * np.mean(residual)}
    )
    found = formula.minimize(a=0, b=0, lr=0.1, steps=2000)
    slope, offset = np.polyfit(x, y, 1)
    assert found.parameters == pytest.approx({"a": slope, "b": offset}, abs=1e-7)


def test_graphs_can_be_mixed() -> None:
    f, g = parse("u = x*y; sin(u) + u"), parse("u = x*y; cos(u)")
    both = f * g
    assert isinstance(both, Formula)
    assert both.graph is f.graph
    assert both.free_names == ["x", "y"]
    assert both.evaluate(x=2, y=3) == pytest.approx((math.sin(6) + 6) * math.cos(6))
    assert str(both) == "u = x*y; (sin(u) + u)*cos(u)"
    assert f.evaluate(x=2, y=3) == pytest.approx(math.sin(6) + 6), "f is as it was"
    size = len(f.graph)
    for _ in range(3):
        _ = f * g
    assert len(f.graph) == size, "a foreign node is copied once"
    f.graph.check()


def test_composing_formulas() -> None:
    f = parse("x^2 + 1")
    assert str(f**2 + 1) == "(x^2 + 1)^2 + 1"
    assert str(functions.sin(f)) == "sin(x^2 + 1)"
    assert functions.log(f).gradient(x=3)["x"] == pytest.approx(0.6)  # type: ignore[attr-defined]


def test_a_formula_is_neither_true_nor_false() -> None:
    x = variable("x")
    with pytest.raises(TypeError, match=r"functions\.where"):
        bool(x)
    with pytest.raises(TypeError, match="neither true nor false"):
        _ = 1 if x > 0 else 2
    with pytest.raises(TypeError):
        _ = 0 < x < 1
    with pytest.raises(TypeError):
        max(x, variable("y"))


def test_equality_is_identity() -> None:
    x = variable("x")
    assert x == x.at(x.id)
    assert x != variable("x")
    assert x + 1 == x + 1, "equal parts are the same node"
    assert (x != "x") is True
    assert len({x, x.at(x.id), x + 1}) == 2


def test_python_values_that_are_no_numbers() -> None:
    x = variable("x")
    for other in ("2", None, [1], True, 1j):
        with pytest.raises(TypeError):
            _ = x + other
        with pytest.raises(TypeError):
            _ = other * x
    for number in (math.inf, -math.inf, math.nan):
        with pytest.raises(FormulaError, match="not a number that a formula can hold"):
            _ = x + number


# ---------------------------------------------------------------- names


def test_variables() -> None:
    x, y, z = variables("x, y z")
    assert x.graph is y.graph is z.graph
    assert [v.free_names for v in (x, y, z)] == [["x"], ["y"], ["z"]]
    assert variable("x₁").free_names == ["x₁"]
    assert variable("e").free_names == ["e"], "e may be given another meaning"


@pytest.mark.parametrize(
    "name", ["", "1x", "x y", "x-y", "é", "x.y", "sin", "ln", "pi", "π", "tau"]
)
def test_names_that_cannot_be_free(name: str) -> None:
    with pytest.raises(FormulaError):
        variable(name)


@pytest.mark.parametrize("word", ["and", "or", "not"])
def test_words_of_the_language_are_no_names(word: str) -> None:
    with pytest.raises(FormulaError):
        variable(word)


def test_no_names_at_all() -> None:
    with pytest.raises((FormulaError, ValueError)):
        variables("")


def test_free_names_in_order_of_appearance() -> None:
    assert parse("b*a + c^b - pi").free_names == ["b", "a", "c"]
    assert parse("1 + 2").free_names == []
    assert parse("u = x; u*u").free_names == ["x"]


# ---------------------------------------------------------------- numbers


def test_evaluate_takes_a_mapping_or_keywords_or_both() -> None:
    f = parse("x - 2*y")
    assert f.evaluate(x=5, y=1) == 3
    assert f.evaluate({"x": 5, "y": 1}) == 3
    assert f.evaluate({"x": 5}, y=1) == 3
    assert f.evaluate({"x": 0, "y": 1}, x=5) == 3, "a keyword wins"
    assert parse("values + self").evaluate({"values": 1, "self": 2}) == 3
    assert f.evaluate({"y": np.float64(1), "x": np.int64(5)}) == 3
    assert parse("2^10").evaluate() == 1024


def test_what_was_promised_of_log_and_sine() -> None:
    f = parse("log(x^2 + sin(3*x*y))")
    total = 4 + math.sin(18)
    assert f.evaluate(x=2, y=3) == pytest.approx(math.log(total), rel=1e-15)
    gradient = f.gradient(x=2, y=3)
    assert gradient["x"] == pytest.approx((4 + 9 * math.cos(18)) / total, rel=1e-14)
    assert gradient["y"] == pytest.approx(6 * math.cos(18) / total, rel=1e-14)


def test_gradient_by_some_names() -> None:
    f = parse("x^2*y + z")
    point = {"x": 3, "y": 2, "z": 1}
    assert f.gradient(point) == {"x": 12, "y": 9, "z": 1}
    assert f.gradient(point, wrt=["z", "x"]) == {"z": 1, "x": 12}
    assert f.gradient(point, wrt=["x", "x"]) == {"x": 12}
    assert f.gradient(point, wrt=[]) == {}
    for mode in ("reverse", "forward"):
        assert f.gradient(point, mode=mode) == {"x": 12, "y": 9, "z": 1}
    assert f.gradient(point, mode="finite") == pytest.approx({"x": 12, "y": 9, "z": 1})
    with pytest.raises(gradcli.UsageError, match="reverse, forward, finite"):
        f.gradient(point, mode="backward")


def test_hessian() -> None:
    # Rosenbrock: ∂²/∂x² = 2 - 400(y - 3x²), ∂²/∂x∂y = -400x, ∂²/∂y² = 200.
    f = parse("(1 - x)^2 + 100*(y - x^2)^2")
    assert f.hessian(x=-1.2, y=1) == {
        "x": {"x": pytest.approx(2 - 400 * (1 - 3 * 1.44)), "y": pytest.approx(480)},
        "y": {"x": pytest.approx(480), "y": pytest.approx(200)},
    }
    assert f.hessian({"x": 1, "y": 1}, wrt=["y"]) == {"y": {"y": 200}}
    assert parse("2*x + 1").hessian(x=3) == {"x": {"x": 0}}


def test_derivatives_are_formulas() -> None:
    f = parse("x^2*y + sin(y)")
    derivatives = f.derivatives()
    assert derivatives["x"].evaluate(x=3, y=5) == 30
    assert str(f.readable_derivatives()["x"]) == "2*x*y"
    assert derivatives["x"].derivatives(["y"])["y"].evaluate(x=3) == 6
    assert f.derivatives(["y"])["y"].evaluate(x=3, y=0) == 10


def test_notes_of_kinks_come_with_their_place() -> None:
    (note,) = parse("1 + abs(x - 2)").at_values(x=2).notes()
    assert note.span == (4, 14)
    assert note.formula == "abs(x - 2)"
    assert "kink at 0" in str(note)
    assert ": abs(x - 2)" in str(note)
    (built,) = (abs(variable("x")) + 1).at_values(x=0).notes()
    assert built.span is None


# ---------------------------------------------------------------- errors


def mistake(action: Any) -> gradcli.GradcliError:
    with pytest.raises(gradcli.GradcliError) as caught:
        action()
    return caught.value


def test_a_missing_value() -> None:
    error = mistake(lambda: parse("x + y*z").evaluate(x=1, z=2))
    assert isinstance(error, NameValueError)
    assert error.message == "no value is given for y"
    assert error.hint == "add y=…"
    assert error.source == "x + y*z"
    assert error.span == (4, 5)
    assert "for y, z" in mistake(lambda: parse("x + y*z").evaluate(x=1)).message
    assert "y is given but not used" in (mistake(lambda: parse("x").evaluate(y=1)).hint or "")
    many = " + ".join(f"x{i}" for i in range(20))
    assert mistake(lambda: parse(many).evaluate()).message.endswith("x4 and 15 more")


def test_an_unused_value() -> None:
    error = mistake(lambda: parse("alpha + 1").evaluate(alpha=1, beta=2))
    assert isinstance(error, NameValueError)
    assert error.message == "the formula does not use beta"
    assert error.hint == "remove beta=…"
    assert (
        mistake(lambda: parse("alpha").evaluate(alpha=1, alhpa=2)).hint == "did you mean 'alpha'?"
    )


def test_a_value_that_is_not_finite() -> None:
    for value in (math.nan, math.inf, -math.inf):
        error = mistake(lambda bad=value: parse("x + 1").evaluate(x=bad))
        assert isinstance(error, NameValueError)
        assert "the value of x" in error.message
        assert "finite" in error.message


def test_a_value_that_is_no_number() -> None:
    for value in ("abc", None, 1j, [[1], [2, 3]]):
        with pytest.raises((NameValueError, TypeError, ValueError)):
            parse("x + 1").evaluate(x=value)


def test_wrt_an_unknown_name() -> None:
    error = mistake(lambda: parse("alpha*beta").gradient({"alpha": 1, "beta": 2}, wrt=["bata"]))
    assert error.message == "the formula has no name 'bata'"
    assert error.hint == "did you mean 'beta'?"
    with pytest.raises(NameValueError):
        parse("2 + 3").gradient(wrt=["x"])


def test_mathematics_errors_of_formulas_that_were_built() -> None:
    x = variable("x")
    error = mistake(lambda: functions.log(x - 3).evaluate(x=1))  # type: ignore[attr-defined]
    assert isinstance(error, MathematicsError)
    assert error.source == "log(x - 3)"
    assert error.values == ("x - 3 = -2", "x = 1")


def test_a_derivative_that_is_infinite_names_the_part() -> None:
    error = mistake(lambda: parse("3 + sqrt(x*y)").gradient(x=0, y=2))
    assert error.message == "the derivative of sqrt(x*y) is infinite at x*y = 0"
    assert error.span == (4, 13)


def test_exit_codes_of_errors() -> None:
    assert mistake(lambda: parse("1 +")).exit_code == 2
    assert mistake(lambda: parse("x").evaluate()).exit_code == 2
    assert mistake(lambda: parse("log(-1)").evaluate()).exit_code == 1


# ---------------------------------------------------------------- minimize


def test_minimize_a_parabola() -> None:
    # a² - 10a + 28 = (a - 5)² + 3; a step of rate r multiplies the distance from 5 by 1 - 2r.
    found = parse("a^2 - 10*a + 28").minimize(a=6, lr=0.1, steps=20)
    assert found.minimum == pytest.approx(3 + 0.8**40, rel=1e-14)
    assert found.parameters == {"a": pytest.approx(5 + 0.8**20, rel=1e-14)}
    assert found.gradient_norm == pytest.approx(2 * 0.8**20, rel=1e-12)
    assert (found.steps, found.method, found.converged) == (20, "gd", False)
    assert [record.step for record in found.history] == list(range(21))
    for record in found.history:
        assert record.parameters == {"a": pytest.approx(5 + 0.8**record.step)}
        assert record.value == pytest.approx(3 + 0.8 ** (2 * record.step))
        assert record.learning_rate == 0.1


def test_minimize_until_the_gradient_is_small() -> None:
    found = parse("(x - 1)^2 + (y + 2)^2").minimize(x=0, y=0, lr=0.25)
    assert found.converged
    assert found.parameters == pytest.approx({"x": 1, "y": -2}, abs=1e-8)
    assert found.gradient_norm <= 1e-8
    assert "converged" in found.reason
    coarse = parse("(x - 1)^2 + (y + 2)^2").minimize(x=0, y=0, lr=0.25, tol=0.1)
    assert coarse.steps < found.steps


def test_minimize_follows_the_steps_of_a_plain_loop() -> None:
    x, y, rate = -1.2, 1.0, 1e-3
    for _ in range(100):
        slope_x = -2 * (1 - x) - 400 * x * (y - x * x)
        slope_y = 200 * (y - x * x)
        x, y = x - rate * slope_x, y - rate * slope_y
    found = parse("(1 - x)^2 + 100*(y - x^2)^2").minimize(x=-1.2, y=1, lr=rate, steps=100)
    assert found.parameters == pytest.approx({"x": x, "y": y}, rel=1e-9)


def test_minimize_observed_step_by_step() -> None:
    seen: list[Iterate] = []
    found = parse("x^2").minimize({"x": 1}, lr=0.5, steps=3, observe=seen.append)
    assert [record.value for record in seen] == [1, 0]
    assert found.history == []


def test_minimize_what_diverges() -> None:
    found = parse("x^2").minimize(x=1, lr=10)
    assert not found.converged
    assert "diverged" in found.reason
    assert math.isfinite(found.minimum)
    assert found.minimum <= 1


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("2πr^2", "for a product write π*r"),
        ("τ_1*x", "add τ_1=…"),
        ("A^T*x", "a transpose is written A.T"),
        ("(1 + 2i)*x", "there are no complex numbers"),
    ],
)
def test_a_name_of_another_notation_is_explained(source: str, hint: str) -> None:
    with pytest.raises(NameValueError) as caught:
        parse(source).evaluate(A=1, x=1, r=1)
    assert hint in str(caught.value)


def test_minimize_mistakes() -> None:
    with pytest.raises(NameValueError, match="nothing to minimise"):
        parse("1 + 2").minimize()
    with pytest.raises(NameValueError, match="no value is given for y"):
        parse("x + y").minimize(x=1)
    with pytest.raises(MathematicsError, match="log is undefined at -1"):
        parse("log(x)").minimize(x=-1)
    with pytest.raises(MathematicsError, match="is infinite"):
        parse("sqrt(x)").minimize(x=0)


def test_minimize_past_an_idle_branch() -> None:
    found = parse("where(x > 0, (x - 1)^2, log(x))").minimize(x=3, lr=0.25)
    assert found.converged
    assert found.parameters == pytest.approx({"x": 1}, abs=1e-8)


# ---------------------------------------------------------------- the rest


def test_compiled() -> None:
    function = parse("(1 - x)^2 + 100*(y - x^2)^2").compiled(["x", "y"])
    assert function(-1.2, 1.0) == pytest.approx((24.2, -215.6, -88.0))
    assert parse("x*y").compiled(["y", "x"])(3.0, 5.0) == (15.0, 5.0, 3.0)
    with pytest.raises(ValueError, match=r"math domain error|expected a positive"):
        parse("log(x)").compiled(["x"])(-1.0)
    with pytest.raises(OverflowError):
        parse("exp(x)").compiled(["x"])(1000.0)
    with pytest.raises(ZeroDivisionError):
        parse("1/x").compiled(["x"])(0.0)
    assert parse("3").compiled([])() == (3.0,)


def test_text_and_repr() -> None:
    f = parse("x ** 2+1")
    assert (str(f), f.text, repr(f)) == (
        "x**2 + 1",
        "x**2 + 1",
        "gradcli.parse('x**2 + 1')",
    )


def test_the_public_names() -> None:
    for name in gradcli.__all__:
        assert getattr(gradcli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gradcli.nothing
    assert gradcli.__version__[0].isdigit()
