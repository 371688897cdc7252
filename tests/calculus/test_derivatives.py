"""Derivatives of whole formulas: both modes, 50 digits of mpmath, sympy, and what they cost."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from gradcli import MathematicsError, parse, variables
from gradcli.calculus import forward, reverse
from gradcli.calculus.differences import derivative, forward_difference
from gradcli.formula import Formula
from gradcli.graph.operations import TABLE, WHERE
from gradcli.programs import interpreter
from gradcli.programs.program import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.node import Graph

Exact = Any
"""A number of mpmath, which has no types."""

# ---------------------------------------------------------------- random formulas

SMOOTH: dict[str, Callable[..., Exact]] = {
    "sin": mp.sin,
    "cos": mp.cos,
    "tanh": mp.tanh,
    "atan": mp.atan,
    "asinh": mp.asinh,
    "sinh": mp.sinh,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "log2": lambda x: mp.log(x, 2),
    "sqrt": mp.sqrt,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.ncdf(x),
    "sinc": lambda x: mpf(1) if x == 0 else mp.sin(x) / x,
    "gamma": mp.gamma,
    "hypot": mp.hypot,
    "atan2": mp.atan2,
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negate": lambda x: -x,
    "power": lambda x, y: mp.exp(y * mp.log(x)),
    "where": lambda c, x, y: x if c > 0 else y,
    "less": lambda x, y: mpf(1 if x < y else 0),
}
POSITIVE_ONLY = {"log", "log2", "sqrt", "power", "gamma"}
FIRST = ["sin", "cos", "tanh", "atan", "asinh", "sinh", "exp", "expm1", "erf", "erfc", "sigmoid"]
FIRST += ["softplus", "silu", "gelu", "sinc", "log", "log1p", "log2", "sqrt", "gamma", "negate"]
BOTH = ["add", "subtract", "multiply", "divide", "hypot", "atan2", "power"] + 2 * [
    "add",
    "multiply",
]


@st.composite
def smooth_formulas(draw: st.DrawFn) -> tuple[Formula, dict[str, float]]:
    """A formula of x, y, z and a point around which it is smooth and of moderate size."""
    x, y, z = variables("x y z")
    values = {name: draw(st.sampled_from([-1.3, -0.45, 0.35, 0.8, 1.6, 2.2])) for name in "xyz"}
    made: list[Formula] = [x, y, z]
    for _ in range(draw(st.integers(3, 14))):
        near, far = made[-1], made[draw(st.integers(-len(made), -1))]
        kind = draw(st.integers(0, 9))
        if kind < 4:
            name = draw(st.sampled_from(FIRST))
            argument = near if name not in POSITIVE_ONLY else near * near + 0.5
            new = argument.apply(name)
        elif kind < 8:
            name = draw(st.sampled_from(BOTH))
            if name in {"divide", "hypot", "atan2"}:
                far = far * far + 0.75
            base = near * near + 0.5 if name == "power" else near
            new = base.apply(name, far)
        elif kind == 8:
            new = near ** draw(st.sampled_from([2, 3, 4]))
        else:
            new = near.apply_to("where", near < far, near * far, far - near)
        if abs(size(new, values)) > 50:
            new = new.apply("tanh") if draw(st.booleans()) else new.apply("atan")
        made.append(new)
    return made[-1], values


def size(node: Any, values: dict[str, float]) -> float:
    """The value of a part, infinite where it has none."""
    try:
        names = node.graph.variables([node.id])
        return float(Formula(node.graph, node.id).evaluate({n: values[n] for n in names}))
    except MathematicsError:
        return math.inf


def exact_function(formula: Formula) -> Callable[..., Exact]:
    """The formula over numbers of mpmath, node by node with mpmath's own functions."""
    graph = formula.graph
    order = graph.reachable([formula.id])

    def run(*arguments: Exact) -> Exact:
        given_values = dict(zip(formula.free_names, arguments, strict=True))
        found: dict[int, Exact] = {}
        for node in order:
            operation, inputs, payload = graph.rows[node]
            if operation.name == "variable":
                found[node] = given_values[payload]
            elif operation.name == "constant":
                found[node] = mpf(payload)
            elif operation.name == "constant power":
                found[node] = found[inputs[0]] ** mpf(payload)
            else:
                found[node] = SMOOTH[operation.name](*[found[i] for i in inputs])
        return found[formula.id]

    return run


def assume_moderate(formula: Formula, point: dict[str, float]) -> None:
    """Leave out what no double could follow: huge parts, huge slopes, and ties of conditions."""
    try:
        run = formula.run(point)
    except MathematicsError:
        assume(False)
        raise
    for step in run.steps:
        assume(step.value is not None and abs(step.value) < 1e4)
        assume(abs(step.gradient or 0) < 1e4)
        if formula.graph.rows[step.id][0].name == "less":
            left, right = (run.step(node) for node in formula.at(step.id).inputs)
            assume(abs((left.value or 0) - (right.value or 0)) > 1e-3)


@settings(max_examples=200)
@given(smooth_formulas())
def test_gradients_of_random_formulas(drawn: tuple[Formula, dict[str, float]]) -> None:
    formula, values = drawn
    names = formula.free_names
    assume(names)
    point = {name: values[name] for name in names}
    assume_moderate(formula, point)
    with mp.workdps(50):
        exact = exact_function(formula)
        arguments = tuple(mpf(point[name]) for name in names)
        assert formula.evaluate(point) == pytest.approx(
            float(exact(*arguments)), rel=1e-9, abs=1e-9
        )
        for place, name in enumerate(names):
            orders = tuple(int(place == other) for other in range(len(names)))
            expected = float(mp.diff(exact, arguments, orders))
            for mode in ("reverse", "forward"):
                got = formula.gradient(point, mode=mode)[name]
                assert got == pytest.approx(expected, rel=1e-9, abs=1e-8), (str(formula), mode)


@settings(max_examples=80)
@given(smooth_formulas())
def test_hessians_of_random_formulas(drawn: tuple[Formula, dict[str, float]]) -> None:
    formula, values = drawn
    names = formula.free_names
    assume(names)
    point = {name: values[name] for name in names}
    assume_moderate(formula, point)
    matrix = formula.hessian(point)
    assume(all(abs(entry) < 1e4 for line in matrix.values() for entry in line.values()))
    with mp.workdps(50):
        exact = exact_function(formula)
        arguments = tuple(mpf(point[name]) for name in names)
        for (i, one), (j, other) in itertools.combinations_with_replacement(enumerate(names), 2):
            orders = tuple(int(place == i) + int(place == j) for place in range(len(names)))
            expected = float(mp.diff(exact, arguments, orders))
            assert matrix[one][other] == matrix[other][one]
            assert matrix[one][other] == pytest.approx(expected, rel=1e-8, abs=1e-6), str(formula)


@settings(max_examples=100)
@given(smooth_formulas())
def test_forward_mode_equals_reverse_mode_at_every_node(
    drawn: tuple[Formula, dict[str, float]],
) -> None:
    formula, values = drawn
    graph, root = formula.graph, formula.id
    point = {name: values[name] for name in formula.free_names}
    assume_moderate(formula, point)
    inner = [node for node in graph.reachable([root]) if graph.rows[node][1]][:6]
    backward = reverse.gradient(graph, root, inner)
    graph.check()
    upward = forward.gradient(graph, root, inner)
    graph.check()
    needed = graph.reachable([*backward.values(), *upward.values()])
    numbers = interpreter.run(graph, needed, point, ieee=True).numbers
    for node in inner:
        one, other = numbers[backward[node]], numbers[upward[node]]
        assert one == pytest.approx(other, rel=1e-10, abs=1e-10)


@settings(max_examples=60)
@given(smooth_formulas())
def test_finite_differences_agree(drawn: tuple[Formula, dict[str, float]]) -> None:
    formula, values = drawn
    point = {name: values[name] for name in formula.free_names}
    # A step of the differences may reach into another branch, where they mean nothing.
    assume(
        all(formula.graph.rows[n][0] is not WHERE for n in formula.graph.reachable([formula.id]))
    )
    assume(point)
    assume_moderate(formula, point)
    at_point = formula.at_values(point)
    for name, slope in at_point.gradient().items():
        found = derivative(at_point.along(name), point[name])
        assert abs(found.value - slope) <= 1e-5 * max(1.0, abs(slope)) + 10 * found.error


def test_differences_of_known_functions() -> None:
    for function, x, slope in [
        (math.sin, 0.7, math.cos(0.7)),
        (math.exp, 2.0, math.exp(2.0)),
        (lambda x: x**5, 3.0, 405.0),
        (lambda x: 1 / x, 1e-3, -1e6),
        (math.log, 1e6, 1e-6),
        (lambda x: 7.0 + 0 * x, 1.0, 0.0),
    ]:
        found = derivative(function, x)
        assert found.value == pytest.approx(slope, rel=1e-8, abs=1e-9)
        assert abs(found.value - slope) <= 10 * found.error + 1e-9 * abs(slope)


def test_differences_beside_the_end_of_a_domain() -> None:
    def logarithm(x: float) -> float:
        return math.log(x) if x > 0 else math.nan

    assert derivative(logarithm, 0.01).value == pytest.approx(100, rel=1e-6)
    assert math.isnan(derivative(logarithm, -1.0).value)
    # (e^h - 1)/h - 1 is h/2 to first order.
    assert forward_difference(math.exp, 0.0, 1e-3) - 1 == pytest.approx(5e-4, rel=1e-3)


# ---------------------------------------------------------------- against sympy

AGAINST_SYMPY = [
    ("(1 - x)^2 + 100*(y - x^2)^2", {"x": -1.2, "y": 1.0}),
    ("log(x^2 + sin(3*x*y))", {"x": 2.0, "y": 3.0}),
    ("x^y", {"x": 1.7, "y": 2.3}),
    ("exp(-x^2/2)/sqrt(2*pi)*y^3", {"x": 0.6, "y": -1.1}),
    ("atan2(y, x)*hypot(x, y)", {"x": 0.8, "y": -1.7}),
    ("sin(x*y)*cos(y*z) + tan(x/z)", {"x": 0.7, "y": 1.3, "z": 2.1}),
    ("(x*y + sin(x*y))^2/(x*y)", {"x": 1.1, "y": 0.9}),
    ("gamma(x)*erf(y) + asinh(x*y)", {"x": 2.4, "y": 0.3}),
    ("log(1 + exp(a*b + c)) - a*b*c", {"a": 0.5, "b": -1.5, "c": 0.25}),
    ("sqrt(x^2 + y^2 + z^2)^3 - x*y*z/(1 + x^2)", {"x": 1.0, "y": 2.0, "z": -2.0}),
    ("cosh(x)/sinh(y) + acos(x/3)*atanh(y/3)", {"x": 0.9, "y": 1.4}),
]


@pytest.mark.parametrize(("text", "values"), AGAINST_SYMPY, ids=[t for t, _ in AGAINST_SYMPY])
def test_gradient_and_hessian_equal_those_of_sympy(text: str, values: dict[str, float]) -> None:
    symbols = {name: sympy.Symbol(name, real=True) for name in values}
    x, y = (symbols.get(name) for name in "xy")
    there = {symbol: sympy.Rational(values[name]) for name, symbol in symbols.items()}
    rewritten = text.replace("^", "**").replace("hypot(x, y)", "sqrt(x**2 + y**2)")
    expression = sympy.sympify(rewritten, locals={**symbols, "gamma": sympy.gamma})
    assert x is not None or y is None
    formula = parse(text)
    gradient, matrix = formula.gradient(values), formula.hessian(values)
    assert formula.evaluate(values) == pytest.approx(float(expression.subs(there).evalf(30)))
    for name, symbol in symbols.items():
        first = sympy.diff(expression, symbol)
        assert gradient[name] == pytest.approx(float(first.subs(there).evalf(30)), rel=1e-12)
        for other, symbol_2 in symbols.items():
            second = float(sympy.diff(first, symbol_2).subs(there).evalf(30))
            assert matrix[name][other] == pytest.approx(second, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(("text", "values"), AGAINST_SYMPY, ids=[t for t, _ in AGAINST_SYMPY])
def test_a_hessian_times_a_vector_is_the_product(text: str, values: dict[str, float]) -> None:
    point = parse(text).at_values(values)
    matrix = point.hessian()
    vector = {name: 0.3 + place for place, name in enumerate(values)}
    product = point.hessian_times(vector)
    for name, line in matrix.items():
        expected = sum(line[other] * vector[other] for other in vector)
        assert product[name] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    first = next(iter(values))
    column = point.hessian_times({first: 1.0})
    assert column == pytest.approx({name: matrix[name][first] for name in values})


@pytest.mark.parametrize(("text", "values"), AGAINST_SYMPY, ids=[t for t, _ in AGAINST_SYMPY])
def test_derivatives_can_be_differentiated_again_and_again(
    text: str, values: dict[str, float]
) -> None:
    formula = parse(text)
    name = next(iter(values))
    symbols = {n: sympy.Symbol(n, real=True) for n in values}
    rewritten = text.replace("^", "**").replace("hypot(x, y)", "sqrt(x**2 + y**2)")
    expression = sympy.sympify(rewritten, locals={**symbols, "gamma": sympy.gamma})
    there = {symbol: sympy.Rational(values[n]) for n, symbol in symbols.items()}
    third = formula
    for _ in range(3):
        third = third.derivatives([name])[name]
    expected = float(sympy.diff(expression, symbols[name], 3).subs(there).evalf(30))
    point = {n: values[n] for n in third.free_names}
    assert third.evaluate(point) == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_checked_in_three_ways() -> None:
    check = parse("log(x^2 + sin(3*x*y))").at_values({"x": 2, "y": 3}).check()
    assert check.reverse == pytest.approx(check.forward, rel=1e-14)
    assert check.reverse == pytest.approx(check.finite, rel=1e-8)
    assert check.largest_difference < 1e-8


@pytest.mark.parametrize("size", [1e-250, 1e-30, 1.0, 1e30])
def test_the_check_is_relative(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    here = parse("a*sin(x)").at_values({"a": size, "x": 1.0})
    assert here.check(["x"]).largest_difference < 1e-10
    # Where the true derivative is 0, rounding is no difference.
    there = parse("a*sin(x)").at_values({"a": size, "x": math.pi / 2})
    assert there.check(["x"]).largest_difference < 1e-6
    # A rule that is wrong by half of it is seen, whatever the size.
    monkeypatch.setattr(TABLE["sin"], "partials", (lambda _, x: 1.5 * x.apply("cos"),))
    wrong = parse("a*sin(x)").at_values({"a": size, "x": 1.0})
    assert wrong.check(["x"]).largest_difference == pytest.approx(1 / 3, rel=1e-6)


def test_what_finite_differences_cannot_tell_is_no_agreement() -> None:
    """x^1.5 has no values on the left of 0, so that no difference can be compared there."""
    check = parse("x^1.5").at_values(x=0.0).check()
    assert (check.reverse, check.forward) == ({"x": 0.0}, {"x": 0.0})
    assert math.isnan(check.finite["x"])
    assert math.isnan(check.largest_difference)


@pytest.mark.parametrize(
    ("source", "value", "truth"),
    [
        # mpmath, the derivative at 80 digits
        ("(1 - cos(x))/x^2", "1e-8", "-8.33333333333333332777777777777777779e-10"),
        ("tanh(x)", "20", "1.6993417021166355836928828104e-17"),
        ("x^2 + sqrt(x)", "0.3", "1.5128709291752768557616163047"),
        ("exp(1000*x)/exp(999)", "1", "2718.2818284590452353602874714"),
    ],
)
def test_the_check_sees_all_digits(source: str, value: str, truth: str) -> None:
    check = parse(source).at_values({"x": value}).check()
    assert check.finite["x"] == pytest.approx(float(truth), rel=2e-15)
    assert check.largest_difference < 1e-13


# ---------------------------------------------------------------- many names


def chained_rosenbrock(names: int) -> str:
    terms = [f"100*(x{i + 1} - x{i}^2)^2 + (1 - x{i})^2" for i in range(names - 1)]
    return " + ".join(terms)


def test_a_thousand_names_in_one_pass_backward() -> None:
    count = 1000
    formula = parse(chained_rosenbrock(count))
    values = {f"x{i}": math.sin(i) for i in range(count)}
    before = len(formula.graph)
    gradient = formula.gradient(values)
    assert len(formula.graph) < 5 * before, "one pass, not one for each name"
    # By hand: -400·x_i·(x_{i+1} - x_i²) - 2(1 - x_i), and 200·(x_i - x_{i-1}²) from before.
    x = [math.sin(i) for i in range(count)]
    for i in range(count):
        slope = 0.0
        if i < count - 1:
            slope += -400 * x[i] * (x[i + 1] - x[i] ** 2) - 2 * (1 - x[i])
        if i:
            slope += 200 * (x[i] - x[i - 1] ** 2)
        assert gradient[f"x{i}"] == pytest.approx(slope, rel=1e-11, abs=1e-11)
    graph = formula.graph
    nodes = graph.variables([formula.id])
    # Forward mode along a direction is the gradient's product with it …
    direction = {name: math.cos(i) for i, name in enumerate(nodes)}
    seeds = {nodes[name]: graph.constant(rate) for name, rate in direction.items()}
    (tangent,) = forward.tangents(graph, [formula.id], seeds)
    slope = interpreter.run(graph, graph.reachable([tangent]), values).numbers[tangent]
    assert slope == pytest.approx(sum(gradient[n] * r for n, r in direction.items()), rel=1e-11)
    # … and along one name, the derivative by it.
    some = [*nodes][::125]
    assert formula.gradient(values, wrt=some, mode="forward") == pytest.approx(
        {name: gradient[name] for name in some}, rel=1e-11
    )


@pytest.mark.slow
def test_forward_mode_by_each_of_a_thousand_names() -> None:
    formula = parse(chained_rosenbrock(1000))
    values = {f"x{i}": math.sin(i) for i in range(1000)}
    assert formula.gradient(values, mode="forward") == pytest.approx(
        formula.gradient(values), rel=1e-11, abs=1e-11
    )


def test_by_a_few_of_many_names_only_their_paths_are_followed() -> None:
    formula = parse(" + ".join(f"sin(x{i})*cos(x{i})" for i in range(500)))
    before = len(formula.graph)
    formula.gradient({f"x{i}": 1.0 for i in range(500)}, wrt=["x3"])
    assert len(formula.graph) - before < 30


def test_what_does_not_depend_has_derivative_zero() -> None:
    graph = parse("x*y").graph
    x, y = graph.variables([len(graph) - 1]).values()
    z = graph.variable("z")
    assert graph.number(reverse.gradient(graph, len(graph) - 2, [z])[z]) == 0
    assert graph.number(forward.gradient(graph, x, [y])[y]) == 0
    assert graph.number(forward.hessian(graph, x, [x])[0][0]) == 0
    assert graph.number(reverse.gradient(graph, x, [x])[x]) == 1


# ---------------------------------------------------------------- what a gradient costs

# How many instructions the value and the local derivatives of one operation take together, where
# that is more than 5. In a gradient each argument takes two more: a product and a sum.
COSTLY = {
    "powlog": 8,
    "log to a base": 7,
    "direction": 7,
    "asin": 6,
    "acos": 7,
    "atan2": 7,
    "acosh": 7,
    "sphericalj": 7,
    "max": 9,
    "min": 9,
    "clip": 20,
    "erf": 7,
    "erfc": 8,
    "silu": 7,
    "gelu": 15,
}


def arithmetic(graph: Graph, outputs: list[int]) -> int:
    """The number of instructions of a program that compute something."""
    return sum(1 for step in program(graph, outputs).instructions if step.inputs)


def with_gradient(formula: Formula) -> int:
    graph, root = formula.graph, formula.id
    slopes: list[int] = []
    for node in graph.variables([root]).values():
        try:
            slopes += reverse.gradient(graph, root, [node]).values()
        except MathematicsError as error:  # an order, a whole number
            assert "has no derivative with respect to" in error.message  # noqa: PT017
    return arithmetic(graph, [root, *slopes])


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.value])
def test_the_gradient_of_one_operation(name: str) -> None:
    row = TABLE[name]
    count = max(row.arity[0], 1)
    names = variables(" ".join("abcdef"[:count]))
    payload = {"constant power": 2.5, "powlog": 2}.get(name, 1 if row.payload else None)
    one = names[0].apply(name, *names[1:], payload=payload)
    assert with_gradient(one) <= COSTLY.get(name, 9 if row.library else 5)


@settings(max_examples=200)
@given(smooth_formulas())
def test_the_gradient_costs_a_few_times_the_value(drawn: tuple[Formula, dict[str, float]]) -> None:
    formula, _ = drawn
    graph, root = formula.graph, formula.id
    operations = [graph.rows[n] for n in graph.reachable([root]) if graph.rows[n][1]]
    bound = sum(COSTLY.get(row.name, 5) + 2 * len(inputs) for row, inputs, _ in operations)
    assert with_gradient(formula) <= bound


CHEAP = ["add", "subtract", "multiply", "negate", "sin", "cos", "exp", "tanh", "log", "sqrt"]
CHEAP += ["sigmoid", "softplus", "divide"]


@st.composite
def everyday_formulas(draw: st.DrawFn) -> Formula:
    made: list[Formula] = [*variables("x y z")]
    for _ in range(draw(st.integers(5, 30))):
        row = TABLE[draw(st.sampled_from(CHEAP))]
        parts = [made[draw(st.integers(-min(len(made), 6), -1))] for _ in range(row.arity[0])]
        made.append(parts[0].apply(row.name, *parts[1:]))
    return made[-1]


@settings(max_examples=200)
@given(everyday_formulas())
def test_value_and_gradient_take_at_most_five_times_the_value(formula: Formula) -> None:
    alone = arithmetic(formula.graph, [formula.id])
    assume(alone > 0)
    both = with_gradient(formula)
    assert both <= 5 * alone, f"{both} instructions for {alone}: {formula}"
