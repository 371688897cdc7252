"""The sentences and numbers of a lesson, against mpmath, sympy and the gradient they add up to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from gradcli.formula import parse
from gradcli.pictures.graph.sketch import Sketch, sketch
from gradcli.pictures.lesson.figures import flows
from gradcli.pictures.lesson.story import Lesson, lesson

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.pictures.lesson.notation import Frame

    Sketched = Callable[..., Sketch]

TUTORIAL = "u = 3*x*y; v = sin(u); log(x^2 + v)"


def shown(number: Any) -> str:
    """A number as the lesson writes it."""
    return f"{float(number):.4g}".replace("-", "−")


def equations(told: Lesson, part: str) -> list[str]:
    """The arithmetic of one pass."""
    return [frame.equation for frame in told.frames if frame.part == part]


def frame_of(told: Lesson, title: str) -> Frame:
    """The only frame with this title."""
    (found,) = [frame for frame in told.frames if frame.title == title]
    return found


def named_only(source: str, values: dict[str, Any]) -> Sketch:
    """The sketch of the named parts alone."""
    formula = parse(source, {name: np.shape(value) for name, value in values.items()})
    steps = formula.at_values(values).run(only_named=True).steps
    return sketch(formula.graph, formula.id, steps)


# ---------------------------------------------------------------- the tutorial, by mpmath


def test_the_forward_pass_of_the_tutorial(sketched: Sketched) -> None:
    told = lesson(sketched(TUTORIAL, {"x": 2.0, "y": 3.0}))
    sine = shown(mpmath.sin(18))
    total, result = shown(4 + mpmath.sin(18)), shown(mpmath.log(4 + mpmath.sin(18)))
    assert equations(told, "start") == ["x = 2 and y = 3"]
    assert equations(told, "forward") == [
        "u = 3*x*y = 3*2*3 = 18",
        f"v = sin(u) = sin(18) = {sine}",
        "x^2 = 2^2 = 4",
        f"x^2 + v = 4 + ({sine}) = {total}",
        f"f = log(x^2 + v) = log({total}) = {result}",
    ]
    assert frame_of(told, "v, the sin of u").words == f"With u = 18, the value is {sine}."


def test_the_backward_pass_of_the_tutorial(sketched: Sketched) -> None:
    told = lesson(sketched(TUTORIAL, {"x": 2.0, "y": 3.0}))
    outer, inner = 1 / (4 + mpmath.sin(18)), mpmath.cos(18)
    g, c, u = shown(outer), shown(inner), shown(outer * inner)
    assert equations(told, "backward") == [
        "∂f/∂f = 1",
        f"∂f/∂(x^2 + v) += ∂f/∂f · 1/(x^2 + v) = 1 · {g} = {g}",
        f"∂f/∂(x^2) += ∂f/∂(x^2 + v) · 1 = {g} · 1 = {g}",
        f"∂f/∂v += ∂f/∂(x^2 + v) · 1 = {g} · 1 = {g}",
        f"∂f/∂x += ∂f/∂(x^2) · 2*x = {g} · 4 = {shown(4 * outer)}",
        f"∂f/∂u += ∂f/∂v · cos(u) = {g} · {c} = {u}",
        f"∂f/∂x += ∂f/∂u · 3*y = {u} · 9 = {shown(9 * outer * inner)}",
        f"∂f/∂y += ∂f/∂u · 3*x = {u} · 6 = {shown(6 * outer * inner)}",
    ]
    by_x = mpmath.diff(lambda x: mpmath.log(x**2 + mpmath.sin(9 * x)), 2)
    first, last = [f.outcome for f in told.frames if f.boxes[0] == "n0" and f.outcome]
    assert first == f"∂f/∂x was 0, becomes {shown(4 * outer)} (1 of 2 parts)."
    assert last == f"∂f/∂x was {shown(4 * outer)}, becomes {shown(by_x)} (2 of 2 parts)."
    assert frame_of(told, "Back from v to u").words == (
        f"v changes {c} times as much as u, and f {g} times as much as v."
    )


FORMULAS = [
    ("x*y + sin(x)", {"x": 0.5, "y": 4.0}),
    ("x^2*y^3 - x/y + exp(-x*y)", {"x": -1.5, "y": 0.75}),
    ("x - x*3 - (-x) + x*x*x", {"x": -2.0}),
    ("a = x + y; b = a*a; b/a + tanh(b - 3)", {"x": 1.25, "y": 0.5}),
    ("sqrt(x^2 + y^2)*atan(y/x)", {"x": 3.0, "y": -4.0}),
]


@pytest.mark.parametrize(("source", "values"), FORMULAS)
def test_the_table_agrees_with_sympy(
    sketched: Sketched, source: str, values: dict[str, float]
) -> None:
    rows = {row.name: row for row in lesson(sketched(source, values)).rows}
    *definitions, last = source.split(";")
    known: dict[str, Any] = {}
    for definition in definitions:
        name, text = definition.split("=")
        known[name.strip()] = sympy.sympify(text, locals=known)
    formula = sympy.sympify(last, locals=known)
    letter = next(letter for letter in ("f", "g") if letter not in values)
    assert rows[letter].value == shown(formula.evalf(30, values))
    for name in values:
        assert rows[name].gradient == shown(sympy.diff(formula, name).evalf(30, subs=values))


# ---------------------------------------------------------------- parts add up to gradients


def assert_parts_add_up(drawn: Sketch) -> None:
    """What flows to a node has its shape, and is its gradient in sum."""
    parts: dict[int, Any] = defaultdict(float)
    for flow in flows(drawn):
        assert np.shape(flow.amount) == drawn.graph.shape(flow.tail.step.id)
        parts[flow.tail.step.id] = parts[flow.tail.step.id] + flow.amount
    assert parts
    for box in drawn.boxes[:-1]:
        if box.step.gradient is not None:
            found = parts[box.step.id]
            np.testing.assert_allclose(found, box.step.gradient, rtol=1e-9, atol=1e-12)


@given(
    st.sampled_from(
        [
            "x*y + y*sin(x)*x",
            "a = x*x; b = a + y; a*b/(1 + b^2) - x",
            "where(x > y, x^2*y, exp(y) - x) + max(x, y, 1)",
            "where(x > 0, log(x), x^2) * where(y > 0, sqrt(y), 3*x)",
            "hypot(x, y) + abs(x - y)^3",
        ]
    ),
    st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3),
    st.floats(-3, 3).filter(lambda y: abs(y) > 1e-3),
)
def test_parts_of_numbers_add_up(source: str, x: float, y: float) -> None:
    formula = parse(source)
    steps = formula.run({"x": x, "y": y}).steps
    assert_parts_add_up(sketch(formula.graph, formula.id, steps))


MATRIX, VECTOR, COLUMN = [[1.0, 2.0], [-3.0, 4.0]], [0.5, -1.5], [[2.0], [5.0]]
ARRAYS: list[tuple[str, dict[str, Any]]] = [
    ("sum((A @ w - y)^2)", {"A": MATRIX, "w": VECTOR, "y": [1.0, 2.0]}),
    ("sum(A*w + A/c) + sum(w)*b", {"A": MATRIX, "w": VECTOR, "c": COLUMN, "b": 3.0}),
    ("dot(w, w)*mean(w) + w[0]*max(w)", {"w": VECTOR}),
    ("sum(A @ A) + sum(transpose(A)*A)", {"A": MATRIX}),
    ("sum(softmax(w)*w) + norm(w) + prod(w)", {"w": VECTOR}),
    ("sum(where(w > 0, log(w), w^2))", {"w": VECTOR}),
    ("sum([b, b^2, w[1]]) + mse(w, [b, 1])", {"w": VECTOR, "b": 2.0}),
    ("cross_entropy(A, [0, 1]) + std(A) + sum(A, axis=0)[1]", {"A": MATRIX}),
]


@pytest.mark.parametrize(("source", "values"), ARRAYS)
def test_parts_of_arrays_add_up(sketched: Sketched, source: str, values: dict[str, Any]) -> None:
    assert_parts_add_up(sketched(source, values))


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("u = 3*x*y; v = sin(u) + x; log(x^2 + v)", {"x": 2.0, "y": 3.0}),
        ("h = tanh(A @ w); r = h - h[0]; sum(r^2) + h[0]", {"A": MATRIX, "w": VECTOR}),
        ("h = where(x > 0, log(x), -x)*2; h^2", {"x": -2.0}),
    ],
)
def test_parts_between_named_nodes_add_up(source: str, values: dict[str, Any]) -> None:
    assert_parts_add_up(named_only(source, values))


# ---------------------------------------------------------------- how it is told


def test_each_sum_begins_where_the_last_one_ended(sketched: Sketched) -> None:
    drawn = sketched("x*y + y*sin(x)*x - x/y", {"x": 0.7, "y": -1.3})
    told = lesson(drawn)
    before: dict[str, str] = {}
    complete: set[str] = set()
    for frame in told.frames:
        if frame.outcome:
            tail = frame.boxes[0]
            assert tail not in complete
            assert f"was {before[tail]}, becomes {frame.gradients[tail]}" in frame.outcome
        before |= frame.gradients
        complete |= {*frame.complete}
    assert {box.key for box in drawn.boxes if box.role != "constant"} == complete == {*before}
    assert {row.key: row.gradient for row in told.rows} == before


def test_every_node_is_computed_once_and_after_its_inputs(sketched: Sketched) -> None:
    drawn = sketched("a = x*y; where(a > 2, a + 1, exp(a)) + pi*x", {"x": 2.0, "y": 3.0})
    told = [frame for frame in lesson(drawn).frames if frame.part in {"start", "forward"}]
    order = [key for frame in told for key in frame.boxes]
    assert sorted(order) == sorted(box.key for box in drawn.boxes if box.role != "constant")
    for arrow in drawn.arrows:
        if arrow.tail.role != "constant":
            assert order.index(arrow.tail.key) < order.index(arrow.head.key)


def test_a_branch_that_is_not_taken_is_said_to_be_idle(sketched: Sketched) -> None:
    told = lesson(sketched("where(x > 0, log(x), x^2)", {"x": -2.0}))
    assert "not taken" in frame_of(told, "log of x").words
    assert frame_of(told, "x > 0").words.endswith("That stands for false.")
    chosen = frame_of(told, "result, where of x > 0, log(x) and x^2")
    assert chosen.words.endswith("The condition does not hold, so log(x) is not taken.")
    assert chosen.equation.endswith("= where(0, log(x), 4) = 4")
    assert "no gradient flows" in frame_of(told, "Back from f to log(x)").words
    assert not [frame for frame in told.frames if frame.title == "Back from log(x) to x"]
    assert [(row.value, row.gradient) for row in told.rows if row.formula == "log(x)"] == [
        ("not taken", "0")
    ]
    partly = lesson(sketched("sum(where(w > 0, log(w), w^2))", {"w": VECTOR}))
    assert "Not every entry has a value" in frame_of(partly, "log of w").words
    taken = lesson(sketched("where(x > 0, log(x), x^2)", {"x": 2.0}))
    assert "would be 4" in frame_of(taken, "x^2").words


def test_without_values_it_is_told_in_formulas(sketched: Sketched) -> None:
    told = lesson(sketched("u = 3*x*y; log(x^2 + sin(u))"))
    assert not told.has_values
    assert told.has_gradients
    assert "u = 3*x*y" in equations(told, "forward")
    assert "∂f/∂u += ∂f/∂(sin(u)) · cos(u)" in equations(told, "backward")
    # The parts may come in any order, but both must stand in the sum.
    (x,) = [row.gradient for row in told.rows if row.name == "x"]
    assert sorted(x.split(" + ")) == ["∂f/∂(x^2) · 2*x", "∂f/∂u · 3*y"]
    assert not any(frame.values for frame in told.frames)


def test_without_values_parts_make_the_derivative(sketched: Sketched) -> None:
    told = lesson(sketched("u = x*y; v = u^2 + x; sin(v)*u"))
    x, y = sympy.symbols("x y")
    known: dict[str, Any] = {"x": x, "y": y, "u": x * y, "v": (x * y) ** 2 + x}
    slopes: dict[str, Any] = {}
    for row in reversed(told.rows):
        text = row.gradient.replace("·", "*")
        for name, slope in slopes.items():
            text = text.replace(name, f"({slope})")
        own = row.name or f"({row.formula})"
        slopes[f"∂f/∂{own}"] = sympy.sympify(text, locals=known)
    formula = sympy.sin(known["v"]) * known["u"]
    assert sympy.simplify(slopes["∂f/∂x"] - sympy.diff(formula, x)) == 0
    assert sympy.simplify(slopes["∂f/∂y"] - sympy.diff(formula, y)) == 0


def test_arrays_are_short_or_told_by_their_shape(sketched: Sketched) -> None:
    values = {"A": np.arange(40.0).reshape(20, 2), "w": [1.0, 2.0], "y": np.arange(20.0)}
    told = lesson(sketched("sum((A @ w - y)^2)", values))
    assert "A = 20×2 (0 … 39), w = [1, 2]" in equations(told, "start")[0]
    assert "A @ w = A @ [1, 2] = 20 numbers (2 … 116)" in equations(told, "forward")
    assert any(
        text.startswith("∂f/∂w += Aᵀ @ ∂f/∂(A @ w) = [") for text in equations(told, "backward")
    )


def test_what_flows_back_into_a_number_that_is_repeated_is_a_sum(sketched: Sketched) -> None:
    told = lesson(sketched("sum(x*w)", {"x": 2.0, "w": [1.0, 2.0]}))
    assert "∂f/∂x += sum(∂f/∂(x*w) · w) = sum([1, 1] · [1, 2]) = 3" in equations(told, "backward")


def test_what_is_selected_is_found_where_it_was_selected_from(sketched: Sketched) -> None:
    """The value of min has 13 certain digits, so that it may equal no number of A."""
    told = lesson(sketched("min(A, axis=0)[1]", {"A": np.arange(6.0).reshape(2, 3) / 3 + 0.1}))
    assert equations(told, "backward")[-1].endswith("= [[0, 1, 0], [0, 0, 0]]")


def test_what_flows_back_into_one_entry_is_told_with_its_place(sketched: Sketched) -> None:
    told = lesson(sketched("A[0, 1]*2", {"A": MATRIX}))
    assert equations(told, "backward")[-1] == (
        "∂f/∂A += ∂f/∂(A[0, 1]) at [0, 1], 0 elsewhere = [[0, 2], [0, 0]]"
    )
    named = lesson(named_only("u = w[1]; u^2", {"w": VECTOR}))
    assert equations(named, "backward")[-1] == "∂f/∂w += ∂f/∂u · [0, 1] = −3 · [0, 1] = [0, −3]"


def test_what_has_no_gradient_has_no_backward_pass(sketched: Sketched) -> None:
    drawn = sketched(TUTORIAL, {"x": 2.0, "y": 3.0})
    for told in (lesson(drawn, gradient=False), lesson(sketched("3 + 4*2", {}))):
        assert not told.has_gradients
        assert not equations(told, "backward")
        assert not any(row.gradient for row in told.rows)


@pytest.mark.parametrize("values", [{"x": 2.0}, None])
def test_a_single_name_is_a_lesson_too(sketched: Sketched, values: dict[str, float] | None) -> None:
    told = lesson(sketched("x", values))
    assert [frame.part for frame in told.frames] == ["start", "backward", "end"]
    assert equations(told, "backward") == ["∂f/∂x = 1"]


def test_negative_numbers_stand_in_parentheses(sketched: Sketched) -> None:
    told = lesson(sketched("x^2 - y*x + abs(y)", {"x": -2.0, "y": -3.0}))
    forward = equations(told, "forward")
    assert "x^2 = (−2)^2 = 4" in forward
    assert "y*x = (−3)*(−2) = 6" in forward
    assert "abs(y) = abs(−3) = 3" in forward


def test_telling_twice_says_the_same(sketched: Sketched) -> None:
    drawn = sketched("sum(A @ w) + dot(w, w)", {"A": MATRIX, "w": VECTOR})
    assert lesson(drawn) == lesson(drawn)
