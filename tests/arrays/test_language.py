"""Arrays in the rest of the language and of the API: functions of one's own, definitions, nodes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli import Formula, functions, parse


def evaluated(source: str, **values: Any) -> Any:
    shapes = {name: np.shape(value) for name, value in values.items()}
    found = parse(source, shapes).evaluate(values)
    return found if isinstance(found, float) else found.tolist()


def whole(node: Any) -> Formula:
    """What a function or an operator made of formulas is a formula."""
    assert isinstance(node, Formula)
    return node


A = [[1.0, 2.0], [3.0, 5.0]]


# ---------------------------------------------------------------- functions of one's own


@pytest.mark.parametrize(
    ("definition", "body"),
    [
        ("f(t) = softmax(t)", "softmax(A)"),
        ("f(t) = cumsum(t)", "cumsum(A)"),
        ("f(t) = logsoftmax(t)", "logsoftmax(A)"),
        ("f(t) = argmax(t)", "argmax(A)"),
        ("f(t) = t @ t", "A @ A"),
        ("f(t) = t[0]", "A[0]"),
        ("f(t) = t[:, -1]", "A[:, -1]"),
        ("f(t) = t.T @ t", "A.T @ A"),
        ("f(t) = sum(t, axis=0)", "sum(A, axis=0)"),
        ("f(t) = sum(t)/len(t)", "sum(A)/len(A)"),
        ("f(t) = max(t)", "max(A)"),
        ("f(t) = (t - mean(t, axis=0))/std(t, axis=0)", "(A - mean(A, axis=0))/std(A, axis=0)"),
        ("f(t) = dot(t[0], t[1])", "dot(A[0], A[1])"),
        ("f(t) = cross_entropy(t, [0, 1])", "cross_entropy(A, [0, 1])"),
        ("f(t) = mse(t, 0)", "mse(A, 0)"),
        ("f(t) = [t, 2*t]", "[A, 2*A]"),
        ("f(t) = zeros(2, 2) + t", "A"),
        ("f(t) = max(t, 2)", "max(A, 2)"),
        ("f(t) = where(t > 1, log(t), t)", "where(A > 1, log(A), A)"),
        ("g(t) = t @ t; f(t) = g(t) - t", "A @ A - A"),
        ("f(s, t) = s @ t; g(t) = f(t, [1, 1])", None),
    ],
)
def test_functions_of_ones_own_take_arrays(definition: str, body: str | None) -> None:
    if body is None:
        assert evaluated(f"{definition}; sum(g(A))", A=A) == 11
        return
    assert evaluated(f"{definition}; f(A)", A=A) == evaluated(body, A=A)


def test_one_function_for_several_shapes() -> None:
    source = "f(t) = sum(softmax(t)*t); f(A) + f(A[0]) + f([1, 2, 3])"
    expected = "sum(softmax(A)*A) + sum(softmax(A[0])*A[0]) + sum(softmax([1, 2, 3])*[1, 2, 3])"

    assert evaluated(source, A=A) == evaluated(expected, A=A)


def test_a_function_that_is_given_a_number_where_it_needs_an_array() -> None:
    source = "f(t) = t[0]; f(A) + f(3)"
    with pytest.raises(gradcli.FormulaError, match="a single number cannot be indexed") as caught:
        parse(source, {"A": (2,)})

    assert caught.value.span is not None
    assert source[slice(*caught.value.span)] in {"f(3)", "t[0]"}


# ---------------------------------------------------------------- formulas without shapes


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("sum(x)", 6.0),
        ("norm(x)^2", pytest.approx(14)),
    ],
)
def test_values_give_the_names_their_shapes(source: str, value: Any) -> None:
    """The API takes what the command line takes: a formula, then its values."""
    formula = parse(source)

    assert formula.evaluate(x=[1, 2, 3]) == value
    assert np.shape(formula.gradient(x=[1, 2, 3])["x"]) == (3,)


def test_several_shapes_one_after_the_other() -> None:
    formula = parse("sum(x*y)")

    assert formula.evaluate(x=[1, 2], y=3) == 9
    assert formula.evaluate(x=2, y=3) == 6
    assert formula.evaluate(x=[[1], [2]], y=[1, 10]) == 33
    assert formula.gradient(x=[[1], [2]], y=[1, 10])["x"].tolist() == [[11], [11]]
    assert formula.run(x=[1, 2], y=3).gradient["y"] == 3


# ---------------------------------------------------------------- values


def test_kinds_of_values() -> None:
    for value in (
        [1, 2, 3],
        (1, 2, 3),
        np.array([1, 2, 3]),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([1, 2, 3], dtype=">f8"),
        np.array([[1, 0], [2, 0], [3, 0]])[:, 0],
        range(1, 4),
    ):
        found = parse("sum(x^2/2)").at_values(x=value)
        assert found.value == 7
        assert found.gradient()["x"].dtype == np.float64
    for number in (2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.array(2), True + 1):
        found = parse("x^3").at_values(x=number)
        assert found.value == 8
        assert type(found.value) is float
        assert type(found.gradient()["x"]) is float


def test_a_point_does_not_change_when_an_array_does() -> None:
    x = np.array([1.0, 2.0, 3.0])
    point = parse("sum(x^2)").at_values(x=x)
    x[0] = 100

    assert point.gradient()["x"].tolist() == [2, 4, 6]
    assert point.variables["x"].tolist() == [1, 2, 3]


def test_results_are_the_callers_own() -> None:
    point = parse("sum(x)").at_values(x=[1.0, 2.0, 3.0])
    gradient = point.gradient()["x"]
    gradient += 1

    assert gradient.tolist() == [2, 2, 2]
    assert point.gradient()["x"].tolist() == [1, 1, 1]


def test_the_value_of_a_name_is_not_the_array_that_was_given() -> None:
    x = np.array([1.0, 2.0])
    value = parse("x").evaluate(x=x)
    value[0] = 9

    assert x.tolist() == [1, 2]


# ---------------------------------------------------------------- second derivatives


def test_hessian_times_an_array() -> None:
    point = parse("sum(x)^2*y + x @ x", {"x": (3,)}).at_values(x=[1.0, 2.0, 3.0], y=2.0)
    direction = {"x": np.array([1.0, 0.0, -2.0]), "y": 3.0}
    matrix = point.hessian()
    along = [1.0, 0.0, -2.0, 3.0]
    expected = [
        sum(value * part for value, part in zip(row.values(), along, strict=True))
        for row in matrix.values()
    ]

    found = point.hessian_times(direction)

    assert [*found["x"].tolist(), found["y"]] == expected


def test_hessian_times_takes_lists() -> None:
    point = parse("sum(x)^2").at_values(x=[1, 2])

    assert point.hessian_times({"x": [1, 0]})["x"].tolist() == [2, 2]


def test_hessian_times_a_direction_of_another_shape() -> None:
    point = parse("sum(x)^2").at_values(x=[1, 2, 3])

    for wrong in (1.0, [1.0, 2.0], [[1.0, 0.0, 0.0]]):
        with pytest.raises(gradcli.GradcliError, match="x"):
            point.hessian_times({"x": wrong})


def test_names_of_second_derivatives() -> None:
    matrix = parse("sum(A)^2*b").at_values(A=[[1, 2], [3, 4]], b=1).hessian()

    assert list(matrix) == ["A[0,0]", "A[0,1]", "A[1,0]", "A[1,1]", "b"]
    assert matrix["A[0,1]"]["A[1,0]"] == 2
    assert matrix["b"]["A[1,1]"] == matrix["A[1,1]"]["b"] == 20
    assert matrix["b"]["b"] == 0


def test_check_of_arrays() -> None:
    found = (
        parse("norm(x)*sum(sin(A) @ x)", {"x": (2,), "A": (2, 2)}).at_values(x=[1, 2], A=A).check()
    )

    assert found.largest_difference < 1e-9
    for way in found[:3]:
        assert np.shape(way["x"]) == (2,)
        assert np.shape(way["A"]) == (2, 2)


# ---------------------------------------------------------------- derivatives as formulas


@pytest.mark.parametrize(
    "source",
    [
        "sum(x^2)",
        "x @ x",
        "norm(x)",
        "sum(x[1:]*x[:-1])",
        "prod(x)",
        "sum(softmax(x)*x)",
        "mean(exp(x))*x[0]",
        "logsumexp(x) + max(x)",
        "where(x[0] > 0, sum(log(x)), 0)",
        "sum([x, 2*x] @ x)",
        "cross_entropy(x, 1)",
    ],
)
def test_derivatives_as_formulas_have_the_same_values(source: str) -> None:
    formula = parse(source, {"x": (3,)})
    x = [0.5, 1.25, 2.0]
    numbers = formula.gradient(x=x)["x"]

    exact = formula.derivatives()["x"]
    readable = formula.readable_derivatives()["x"]

    assert exact.shape == readable.shape == (3,)
    assert exact.evaluate(x=x).tolist() == numbers.tolist()
    np.testing.assert_allclose(readable.evaluate(x=x), numbers, rtol=1e-13)


@pytest.mark.parametrize("source", ["sum(x^2)", "x @ x", "norm(x)"])
def test_derivatives_as_text_read_back(source: str) -> None:
    """Nobody can type a function that only derivatives have."""
    derivative = parse(source, {"x": (3,)}).readable_derivatives()["x"]

    again = parse(str(derivative), {"x": (3,)})
    values = {name: [1.0, 2.0, 4.0] for name in again.free_names}

    np.testing.assert_allclose(
        np.broadcast_to(again.evaluate(values), (3,)), derivative.evaluate(values), rtol=1e-14
    )


@pytest.mark.parametrize("source", ["sum([x, 2*x])", "[x, 2*y] @ [y, 1]", "mean([x, y])*x"])
def test_derivatives_by_numbers_read_back_too(source: str) -> None:
    formula = parse(source)
    values = dict.fromkeys(formula.free_names, 1.5)
    for name, derivative in formula.readable_derivatives().items():
        text = str(derivative)
        again = parse(text)

        assert again.evaluate({n: values[n] for n in again.free_names}) == pytest.approx(
            formula.gradient(values)[name]
        )


# ---------------------------------------------------------------- nodes in Python


def test_arithmetic_on_nodes_is_that_of_the_text() -> None:
    x, b = gradcli.variable("x", (2,)), gradcli.variable("b")
    w = gradcli.variable("W", (2, 2))

    made = functions.sum((w @ x + b) ** 2) + x[0] * w.T[1, 0] - x[::-1][1]

    assert str(made) == "sum((W @ x + b)^2) + x[0]*transpose(W)[1, 0] - x[::-1][1]"
    assert isinstance(made, Formula)
    assert made.evaluate(x=[1, 2], b=1, W=A) == 36 + 196 + 2 - 1
    assert [str(part) for part in x] == ["x[0]", "x[1]"]
    assert w.shape == (2, 2)
    made.graph.check()


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "@"])
@pytest.mark.parametrize("first", [True, False])
def test_nodes_and_numpy_arrays(sign: str, first: bool) -> None:
    """A NumPy array is an array of the formula or refused; it is not taken apart into nodes."""
    operation = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "@": operator.matmul,
    }[sign]
    x, c = gradcli.variable("x", (2,)), np.array([1.0, 10.0])
    try:
        made = operation(c, x) if first else operation(x, c)
    except TypeError:
        return
    assert isinstance(made, Formula)
    assert whole(functions.sum(made)).gradient(x=[1, 2])["x"].shape == (2,)


def test_indices_in_python() -> None:
    x = gradcli.variable("x", (3,))

    assert str(x[np.int64(1)]) == "x[1]"
    assert str(x[-1:0:-1]) == "x[-1:0:-1]"
    for wrong in (1.5, "a", None, 0.0, [0, 1]):
        with pytest.raises((TypeError, gradcli.FormulaError)):
            x[wrong]
    with pytest.raises((ValueError, gradcli.FormulaError)):
        x[::0]


@pytest.mark.parametrize("shape", [(-3,), (2, -1), (2.5,)])
def test_variables_of_impossible_shapes(shape: Any) -> None:
    with pytest.raises((gradcli.GradcliError, TypeError, ValueError)):
        gradcli.variable("x", shape)


def test_a_name_has_one_shape() -> None:
    """A name that is a number here and an array there is a mistake, not a new shape."""
    small, large = gradcli.variable("x"), gradcli.variable("x", (3,))

    with pytest.raises(gradcli.GradcliError, match="x"):
        _ = small * functions.sum(large)
    with pytest.raises(gradcli.GradcliError, match="x"):
        _ = gradcli.variable("x", (2,)) + large


def test_graphs_of_arrays_are_joined() -> None:
    x, y = gradcli.variable("x", (2,)), gradcli.variable("y", (2,))
    joined = whole(functions.sum(x * y) + functions.dot(y, y))

    assert joined.evaluate(x=[1, 2], y=[3, 4]) == 36
    assert joined.gradient(x=[1, 2], y=[3, 4])["y"].tolist() == [7, 10]
    joined.graph.check()


def test_compiled_functions_take_arrays() -> None:
    f = parse("sum(x^2)*y", {"x": (2,)}).compiled(["x", "y"])
    value, by_x, by_y = f(np.array([1.0, 2.0]), 3.0)

    assert (value, by_x.tolist(), by_y) == (15, [6, 12], 5)


def test_minimize_in_python() -> None:
    found = parse("sum((W - [[1, 2], [3, 4]])^2) + (b - 5)^2").minimize(
        W=np.zeros((2, 2)), b=0.0, lr=0.25, steps=100
    )

    assert found.parameters["W"] == pytest.approx(np.array([[1, 2], [3, 4]]))
    assert found.parameters["b"] == pytest.approx(5)
    assert found.history[0].parameters["W"].tolist() == [[0, 0], [0, 0]]
    assert found.converged
