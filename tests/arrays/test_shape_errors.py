"""What does not fit is an error before anything runs: a sentence, both shapes, the right place."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradcli
from gradcli import FormulaError, NameValueError, parse
from gradcli.errors import ShapeError
from gradcli.limits import ELEMENTS

X = {"x": (3,), "y": (2,), "A": (2, 3), "B": (2, 2), "T": (2, 2, 2), "n": (), "none": (0,)}


class Wrong(NamedTuple):
    """A formula with an error: what its message says, and the part that is underlined."""

    source: str
    words: tuple[str, ...]
    part: str


WRONG = [
    # shapes that do not meet
    Wrong("1 + sum(x + y)*2", ("(3,)", "(2,)"), "x + y"),
    Wrong("sum(x*2 - y)", ("(3,)", "(2,)"), "x*2 - y"),
    Wrong("sum(A * y)", ("(2, 3)", "(2,)"), "A * y"),
    Wrong("sum(A / B)", ("(2, 3)", "(2, 2)"), "A / B"),
    Wrong("sum(x^y)", ("(3,)", "(2,)"), "x^y"),
    Wrong("sum(x < y)", ("(3,)", "(2,)"), "x < y"),
    Wrong("sum(max(x, 1, y))", ("(3,)", "(2,)"), "max(x, 1, y)"),
    Wrong("sum(where(x > 0, x, y))", ("(3,)", "(2,)"), "where(x > 0, x, y)"),
    Wrong("sum(atan2(x, y)) + 1", ("(3,)", "(2,)"), "atan2(x, y)"),
    Wrong("u = x + y; sum(u)", ("(3,)", "(2,)"), "x + y"),
    Wrong("sum(x\n + y)", ("(3,)", "(2,)"), "x\n + y"),
    Wrong("sum(x > 0 and y > 0)", ("(3,)", "(2,)"), "x > 0 and y > 0"),
    Wrong("sum(0 < x < y)", ("(3,)", "(2,)"), "0 < x < y"),
    Wrong("mse(x, y)", ("(3,)", "(2,)"), "mse(x, y)"),
    # matrix products
    Wrong("sum(2*(A @ y))", ("(2, 3)", "(2,)"), "A @ y"),
    Wrong("sum(x @ A)", ("(3,)", "(2, 3)"), "x @ A"),
    Wrong("sum(A @ A)", ("(2, 3)", "(2, 3)"), "A @ A"),
    Wrong("x @ y", ("(3,)", "(2,)"), "x @ y"),
    Wrong("dot(x, y)", ("(3,)", "(2,)"), "dot(x, y)"),
    Wrong("dot(A, A)", ("(2, 3)",), "dot(A, A)"),
    Wrong("sum(x @ n)", ("(3,)", "()"), "x @ n"),
    Wrong("n @ n", ("()",), "n @ n"),
    Wrong("sum(T @ y)", ("(2, 2, 2)", "(2,)"), "T @ y"),
    # indices
    Wrong("x[3] + 1", ("3", "length 3"), "x[3]"),
    Wrong("1 + x[-4]", ("-4", "length 3"), "x[-4]"),
    Wrong("A[2, 0]", ("2", "length 2"), "A[2, 0]"),
    Wrong("A[0, 3]", ("3", "length 3"), "A[0, 3]"),
    Wrong("sum(A[:, -4])", ("-4", "length 3"), "A[:, -4]"),
    Wrong("x[0, 1]", ("2 indices", "(3,)", "1 axis"), "x[0, 1]"),
    Wrong("A[0][1][0]", ("number",), "A[0][1][0]"),
    Wrong("A[0, 1, :]", ("3 indices", "(2, 3)", "2 axes"), "A[0, 1, :]"),
    Wrong("n[0]", ("number",), "n[0]"),
    Wrong("none[0]", ("0", "length 0"), "none[0]"),
    Wrong("x[:1][1]", ("1", "length 1"), "x[:1][1]"),
    Wrong("x[0.5]", ("whole number",), "0.5"),
    Wrong("x[n]", ("whole number",), "n"),
    Wrong("x[x]", ("whole number",), "x"),
    Wrong("x[1:n]", ("whole number",), "n"),
    Wrong("x[1/2:]", ("whole number",), "1/2"),
    Wrong("x[::0]", ("step", "0"), "0"),
    Wrong("x[10^300]", ("whole number",), "10^300"),
    # literals
    Wrong("sum([[1, 2], [3]])", ("(2,)", "(1,)"), "[[1, 2], [3]]"),
    Wrong("sum([1, [2]])", ("()", "(1,)"), "[1, [2]]"),
    Wrong("sum([x, y])", ("(3,)", "(2,)"), "[x, y]"),
    Wrong("sum([[1], [2], 3])", ("(1,)", "()"), "[[1], [2], 3]"),
    # axes
    Wrong("sum(x, axis=1)", ("(3,)", "axis 1"), "sum(x, axis=1)"),
    Wrong("1 + sum(A, axis=-3)[0]", ("(2, 3)", "axis -3"), "sum(A, axis=-3)"),
    Wrong("sum(softmax(x, axis=2))", ("(3,)", "axis 2"), "softmax(x, axis=2)"),
    Wrong("max(n, axis=0)", ("max",), "max(n, axis=0)"),
    Wrong("sum(x, axis=0.5)", ("whole number",), "0.5"),
    Wrong("sum(x, axis=n)", ("whole number",), "n"),
    # nothing to reduce
    *[
        Wrong(f"1 + {name}(none)", (name, "empty"), f"{name}(none)")
        for name in ("mean", "max", "min", "std", "var", "argmax", "logsumexp")
    ],
    Wrong("sum(mean(zeros(0, 3), axis=0))", ("mean", "empty"), "mean(zeros(0, 3), axis=0)"),
    Wrong("mse(none, none)", ("mse", "empty"), "mse(none, none)"),
    Wrong("cross_entropy(none, 0)", ("cross_entropy", "empty"), "cross_entropy(none, 0)"),
    # losses
    Wrong("cross_entropy(A, x)", ("(3,)", "(2, 3)"), "cross_entropy(A, x)"),
    Wrong("cross_entropy(A, B)", ("(2, 2)", "(2, 3)"), "cross_entropy(A, B)"),
    Wrong("cross_entropy(A, 1)", ("()", "(2, 3)"), "cross_entropy(A, 1)"),
    Wrong("cross_entropy(T, B)", ("(2, 2, 2)",), "cross_entropy(T, B)"),
    Wrong("cross_entropy(n, 0)", ("()",), "cross_entropy(n, 0)"),
    Wrong("sum(onehot(x, n))", ("whole number",), "onehot(x, n)"),
    # makers
    Wrong("sum(zeros(2.5))", ("whole number",), "zeros(2.5)"),
    Wrong("sum(zeros(n))", ("whole number",), "zeros(n)"),
    Wrong("sum(ones(-1))", ("negative",), "ones(-1)"),
    Wrong("sum(eye(2, 3))", ("eye takes 1 argument",), "eye(2, 3)"),
    Wrong("sum(range(1, 2, 0))", ("step", "0"), "range(1, 2, 0)"),
    Wrong("sum(linspace(0, 1))", ("linspace takes 3 arguments",), "linspace(0, 1)"),
    Wrong("sum(linspace(0, 1, 2.5))", ("whole number",), "linspace(0, 1, 2.5)"),
    Wrong("sum(linspace(0, 1, -2))", ("negative",), "linspace(0, 1, -2)"),
    Wrong("sum(linspace(0, n, 3))", ("number",), "linspace(0, n, 3)"),
    Wrong("len(n)", ("len", "number"), "len(n)"),
    Wrong("sum(normal(3))", ("normal", "NAME=VALUE"), "normal(3)"),
    Wrong("sum(uniform(0, 1, 3))", ("uniform", "NAME=VALUE"), "uniform(0, 1, 3)"),
    # arguments
    Wrong("sum(x, y)", ("sum takes 1 argument",), "sum(x, y)"),
    Wrong("sum(x, 0)", ("sum takes 1 argument",), "sum(x, 0)"),
    Wrong("sin(x, axis=0)", ("sin", "axis"), "sin(x, axis=0)"),
    Wrong("dot(x, x, axis=0)", ("dot", "axis"), "dot(x, x, axis=0)"),
    Wrong("max(x, y, axis=0)", ("max", "axis"), "max(x, y, axis=0)"),
    Wrong("sum(x, axis=0, axis=0)", ("twice",), "sum(x, axis=0, axis=0)"),
    Wrong("max(n)", ("max",), "max(n)"),
    Wrong("sum = 3; sum", ("sum",), "sum"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong.source for wrong in WRONG])
def test_what_does_not_fit(wrong: Wrong) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(wrong.source, X)
    error = caught.value
    sentence = error.message

    assert all(word in sentence for word in wrong.words), sentence
    assert "\n" not in sentence
    assert "NoneType" not in sentence
    assert error.source == wrong.source
    assert error.span is not None
    assert wrong.source[slice(*error.span)] == wrong.part


def test_the_error_is_the_first_one_read() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("sum(x + y) + sum(A @ A)", X)

    assert caught.value.span == (4, 9)


def test_shapes_without_source_have_their_sentence_too() -> None:
    x, y = gradcli.variable("x", (3,)), gradcli.variable("y", (2,))

    with pytest.raises(ShapeError, match=r"\(3,\) and \(2,\)"):
        _ = x + y
    with pytest.raises(ShapeError, match=r"\(3,\) @ \(2,\)"):
        _ = x @ y
    with pytest.raises(ShapeError, match="index 3"):
        _ = x[3]
    x.graph.check()  # what failed left nothing behind


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1, 2, 3]], ("(1, 3)", "(3,)")),
        ([1, 2], ("(2,)", "(3,)")),
        (5, ("()", "(3,)")),
        ([], ("(0,)", "(3,)")),
        (np.ones((3, 1)), ("(3, 1)", "(3,)")),
    ],
)
def test_values_of_another_shape(value: Any, words: tuple[str, ...]) -> None:
    made = gradcli.variable("x", (3,))

    with pytest.raises(NameValueError, match="the value of x") as caught:
        made.evaluate(x=value)

    assert all(word in caught.value.message for word in words)


@pytest.mark.parametrize(
    "value",
    [
        [[1], [2, 3]],
        "abc",
        ["a"],
        [1j],
        [None],
        [1, float("nan")],
        [float("inf")],
        None,
        {},
        pytest.param(object(), id="an object"),
    ],
    ids=str,
)
def test_values_that_are_none(value: Any) -> None:
    with pytest.raises(NameValueError, match="the value of x"):
        parse("sum(x)").evaluate(x=value)


def test_a_formula_read_for_one_shape_is_read_again_for_another() -> None:
    formula = parse("sum(x^2)", {"x": (3,)})

    assert formula.evaluate(x=[1, 2, 3]) == 14
    assert formula.evaluate(x=[1, 2]) == 5
    assert formula.evaluate(x=3) == 9
    assert formula.evaluate(x=[[1, 2], [3, 4]]) == 30
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        parse("x @ [1, 2, 3]", {"x": (3,)}).evaluate(x=[1, 2])


def test_a_derivative_of_an_array_is_refused() -> None:
    for call in ("gradient", "hessian", "check"):
        point = parse("1 + x").at_values(x=[1, 2])
        with pytest.raises(ShapeError, match=r"\(2,\)") as caught:
            getattr(point, call)()
        assert caught.value.span == (0, 5)


# ---------------------------------------------------------------- sizes

ABSURD = [
    "sum(zeros(10^9, 10^9))",
    "sum(zeros(10^15))",
    "sum(ones(50000001))",
    "sum(eye(10^5))",
    "sum(linspace(0, 1, 10^12))",
    "sum(range(10^15))",
    "sum(range(-2^53, 2^53))",
    "sum(onehot(0, 1000000000))",
    "sum(onehot(zeros(10000), 10000))",
    "sum(zeros(10^4, 1) * zeros(1, 10^4))",
    "sum(zeros(10^4, 1) @ zeros(1, 10^4))",
    "sum(zeros(10^4) + zeros(10^4, 1) > 0)",
    "sum([ones(3*10^7), ones(3*10^7)])",
    "sum(where(zeros(10^4, 1), zeros(1, 10^4), 0))",
    "sum(max(zeros(10^4, 1), zeros(1, 10^4)))",
    "mse(zeros(10^4, 1), zeros(1, 10^4))",
]
VALUES = [
    "x=zeros(10^9, 10^9)",
    "x=normal(10^5, 10^5)",
    "x=uniform(0, 1, 10^9)",
    "x=linspace(0, 1, 10^9)*1",
    "x=linspace(0, 1, 10^9)",
    "x=0:1:1e-12",
    "x=-1e308:1e308:1e-300",
]
MEMORY = """\
from pathlib import Path
from gradcli.cli.app import run
codes = [run(["eval", "sum(x)", word]) for word in {values}]
codes += [run(["eval", source]) for source in {sources}]
# What resource.getrusage reports begins with the peak of the process that started this one.
(peak,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
print(max(codes), min(codes), peak.split()[1])
"""


@pytest.mark.parametrize("source", ABSURD)
def test_absurd_sizes_are_refused(source: str) -> None:
    with pytest.raises(ShapeError, match=f"more than {ELEMENTS} numbers") as caught:
        parse(source)

    assert caught.value.span is not None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read as Linux tells it")
def test_absurd_sizes_take_no_memory() -> None:
    script = MEMORY.format(values=VALUES, sources=ABSURD)
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    most, least, peak = map(int, ran.stdout.split())

    assert ran.stderr.count("error: ") == len(VALUES) + len(ABSURD)
    assert (least, most) == (2, 2)
    assert "Traceback" not in ran.stderr
    assert "unexpected" not in ran.stderr
    assert peak < 200_000, "in kilobytes; the smallest of what is refused would take 400,000"


def test_the_largest_array_is_allowed() -> None:
    parse(f"sum(zeros({ELEMENTS}))")
    parse(f"sum(zeros(5, {ELEMENTS // 5}))")


@pytest.mark.parametrize("depth", [1, 9, 32])
def test_literals_of_several_axes(depth: int) -> None:
    found = parse(f"{'[' * depth}7{']' * depth}").evaluate()

    assert found.shape == (1,) * depth
    assert found.sum() == 7


@pytest.mark.parametrize("depth", [65, 500])
def test_literals_of_more_axes_than_numpy_has(depth: int) -> None:
    with pytest.raises(ShapeError, match="axes"):
        parse(f"sum({'[' * depth}7{']' * depth})").evaluate()


def test_a_literal_of_many_numbers() -> None:
    numbers = np.random.default_rng(1).normal(size=5000)
    source = f"[{', '.join(map(repr, numbers.tolist()))}]"

    assert parse(source).evaluate().tolist() == numbers.tolist()
    gradient = parse(f"x @ {source}", {"x": (5000,)}).gradient(x=np.ones(5000))
    assert gradient["x"].tolist() == numbers.tolist()
