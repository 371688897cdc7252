"""`where` under differentiation: the derivative is that of the branch that is taken, and no other.

The reference is Python itself: it decides the conditions, and what is left is a formula without
`where`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from gradcli import MathematicsError, parse
from gradcli.calculus import forward, reverse
from gradcli.graph.operations import AND_ALSO, NOT_SO, OR_ELSE, WHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Part(NamedTuple):
    """A formula as text, and the same with every `where` decided at some values."""

    text: str
    decide: Callable[[Mapping[str, float]], str]


def fixed(text: str) -> Part:
    return Part(text, lambda _: text)


def joined(pattern: str, *parts: Part) -> Part:
    return Part(
        pattern.format(*[part.text for part in parts]),
        lambda values: pattern.format(*[part.decide(values) for part in parts]),
    )


def compared(left: Part, sign: str, right: Part) -> Part:
    return joined(f"({{}}) {sign} ({{}})", left, right)


def branched(condition: Part, chosen: Part, other: Part) -> Part:
    def decide(values: Mapping[str, float]) -> str:
        taken = (
            chosen if parse(condition.decide(values)).evaluate(known(condition, values)) else other
        )
        return taken.decide(values)

    return Part(f"where({condition.text}, {chosen.text}, {other.text})", decide)


def known(part: Part, values: Mapping[str, float]) -> dict[str, float]:
    return {name: values[name] for name in parse(part.decide(values)).free_names}


# Some of these have no value or no derivative at some points: a good idle branch.
FUNCTIONS = [
    "sqrt({})",
    "log({})",
    "1/({})",
    "({})^0.5",
    "exp({})",
    "sin({})",
    "asin({})",
    "({})^2",
]
ARITHMETIC = [
    "({}) + ({})",
    "({}) - ({})",
    "({})*({})",
    "atan2({}, {})",
    "({})^({})",
    "hypot({}, {})",
]
LOGIC = ["({}) and ({})", "({}) or ({})"]
LEAVES = st.sampled_from(["x", "y", "x*y", "2", "0.5", "x - y", "sqrt(x)", "log(y)"]).map(fixed)


def longer(parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    comparison = st.builds(compared, parts, st.sampled_from(["<", ">", "<=", ">="]), parts)
    logic = st.builds(joined, st.sampled_from(LOGIC), comparison, comparison)
    negated = st.builds(joined, st.just("not ({})"), comparison)
    condition = comparison | logic | negated
    where = st.builds(branched, condition, parts, parts)
    return (
        where
        | where
        | st.builds(joined, st.sampled_from(ARITHMETIC), parts, parts)
        | st.builds(joined, st.sampled_from(FUNCTIONS), parts)
    )


PARTS = st.recursive(LEAVES, longer, max_leaves=20)
VALUES = st.sampled_from([-2.5, -1.0, -0.3, 0.4, 1.0, 1.7, 3.2])


def outcome(action: Callable[[], dict[str, float]]) -> dict[str, float] | None:
    try:
        return action()
    except MathematicsError:
        return None


@settings(max_examples=400)
@given(PARTS, VALUES, VALUES)
def test_the_gradient_is_that_of_the_branch_that_is_taken(part: Part, x: float, y: float) -> None:
    assume("where" in part.text)
    values = {"x": x, "y": y}
    try:
        decided = part.decide(values)
    except MathematicsError:
        return  # a condition has no value: the same error as below, tested on its own
    plain, formula = parse(decided), parse(part.text)
    point = {name: values[name] for name in formula.free_names}
    expected_value = outcome(lambda: {"value": plain.evaluate(known(fixed(decided), values))})
    got_value = outcome(lambda: {"value": formula.evaluate(point)})
    assert got_value == expected_value
    if expected_value is None:
        return
    expected = outcome(lambda: plain.gradient(known(fixed(decided), values)))
    for mode in ("reverse", "forward"):
        got = outcome(lambda m=mode: formula.gradient(point, mode=m))  # type: ignore[misc]
        assert (got is None) == (expected is None), mode
        if got is not None and expected is not None:
            wanted = {name: expected.get(name, 0.0) for name in got}
            assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9), mode
    formula.graph.check()


@settings(max_examples=150)
@given(PARTS, VALUES, VALUES)
def test_so_is_the_hessian(part: Part, x: float, y: float) -> None:
    assume("where" in part.text)
    values = {"x": x, "y": y}
    try:
        decided = part.decide(values)
        plain, formula = parse(decided), parse(part.text)
        expected = plain.hessian(known(fixed(decided), values))
    except MathematicsError:
        return
    largest = max((abs(v) for line in expected.values() for v in line.values()), default=0)
    assume(largest < 1e6)
    point = {name: values[name] for name in formula.free_names}
    for name, line in formula.hessian(point).items():
        for other, second in line.items():
            wanted = expected.get(name, {}).get(other, 0.0)
            assert second == pytest.approx(wanted, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize(
    ("formula", "x", "slope"),
    [
        # one branch has no derivative, or an infinite one
        ("where(x > 0, sqrt(x), 0)", -3, 0),
        ("where(x > 0, sqrt(x), 0)", 4, 0.25),
        ("where(x >= 1, sqrt(x - 1), 1)", 0.5, 0),
        ("where(x == 0, 1, sin(x)/x)", 0, 0),
        ("where(x > 0, log(x), x)", 0, 1),
        ("where(x > 0, x, 1/x)", 0.5, 1),
        ("sqrt(where(x > 0, x, 1))", -3, 0),
        ("where(x > 0, 1, 2)*sqrt(abs(x))", 4, 0.25),
        # nested, in branches and in conditions
        ("where(x > 0, where(x > 1, log(x), sqrt(x)), x^2)", 2, 0.5),
        ("where(x > 0, where(x > 1, log(x), sqrt(x)), x^2)", 0.25, 1),
        ("where(x > 0, where(x > 1, log(x), sqrt(x)), x^2)", -3, -6),
        ("where(where(x > 0, x - 2, x + 2) > 0, x^2, x^3)", 3, 6),
        ("where(where(x > 0, x - 2, x + 2) > 0, x^2, x^3)", 1, 3),
        ("where(where(x > 0, x - 2, x + 2) > 0, x^2, x^3)", -1, -2),
        ("where(where(x > 0, x - 2, x + 2) > 0, x^2, x^3)", -3, 27),
        # the same part in both branches, and outside
        ("where(x > 0, sqrt(x), -sqrt(-x)) + x", -4, 1.25),
        ("u = sqrt(x); where(x > 0, u, 0) + where(x > 0, u, 1)", -3, 0),
        ("u = sqrt(x); where(x > 0, u, 0) + where(x > 0, u, 1)", 4, 0.5),
        ("u = x^2; where(x > 0, u, -u)", -3, 6),
        ("u = x^2; where(x > 0, u, -u) + u", -3, 0),
        ("u = log(x); where(x > 1, u, where(x > 0, 2*u, 0))", 0.5, 4),
        ("u = log(x); where(x > 1, u, where(x > 0, 2*u, 0))", -1, 0),
        ("u = sqrt(x); where(x > 4, u, 0) + where(x > 1, u*2, x)", 9, 0.5),
        ("u = sqrt(x); where(x > 4, u, 0) + where(x > 1, u*2, x)", 2.25, 2 / 3),
        ("u = sqrt(x); where(x > 4, u, 0) + where(x > 1, u*2, x)", -1, 1),
        # chains
        ("where(x < 1, x, where(x < 2, x^2, where(x < 3, x^3, x^4)))", 0.5, 1),
        ("where(x < 1, x, where(x < 2, x^2, where(x < 3, x^3, x^4)))", 1.5, 3),
        ("where(x < 1, x, where(x < 2, x^2, where(x < 3, x^3, x^4)))", 2.5, 18.75),
        ("where(x < 1, x, where(x < 2, x^2, where(x < 3, x^3, x^4)))", 4, 256),
        # conditions made of others
        ("where(x > 0 and x < 2, log(x), 0)", 1, 1),
        ("where(x > 0 and x < 2, log(x), 0)", -1, 0),
        ("where(0 < x < 2, log(x), 0)", 3, 0),
        ("where(x < 0 or x > 2, x, x^2)", 1, 2),
        ("where(not x > 0, 0, sqrt(x))", -1, 0),
        ("where(not not (x > 0), sqrt(x), 0)", -1, 0),
        ("where(x, 1/x, 5)", 0, 0),
        ("where(x, 1/x, 5)", 2, -0.25),
        # the same condition twice, and its opposite
        ("where(x > 0, log(x), 0)*where(x > 0, x, 1)", 1, 1),
        ("where(x > 0, log(x), 1)*where(not x > 0, x, 2)", -3, 1),
    ],
)
def test_by_hand(formula: str, x: float, slope: float) -> None:
    for mode in ("reverse", "forward"):
        assert parse(formula).gradient(x=x, mode=mode) == pytest.approx({"x": slope}), mode


SHAPES = [(), (1,), (3,), (1, 1), (1, 3), (2, 1), (2, 3)]
"""All that can be broadcast to (2, 3)."""
WHOLE = (2, 3)
SINGULAR: dict[str, Callable[[Any], Any]] = {
    "sqrt({})": mp.sqrt,
    "log({})": mp.log,
    "{}^0.3": lambda x: mp.power(x, mpf("0.3")),
    "1/{}": lambda x: 1 / x,
    "xlogx({})": lambda x: x * mp.log(x),
    "acosh(1 + {})": lambda x: mp.acosh(1 + x),
}
"""Functions without a value or a derivative at numbers that are not positive."""
CARRIED: dict[str, Callable[[Any], Any]] = {
    "{}": lambda u: u,
    "reshape({}, 3, 2)": lambda u: u.reshape(3, 2),
    "transpose({})": np.transpose,
    "{} @ [1, 2, 3]": lambda u: u @ [1, 2, 3],
    "{}[1]": lambda u: u[1],
    "{}[:, 0:2]": lambda u: u[:, 0:2],
    "cumsum({}, axis=1)": lambda u: np.cumsum(u, axis=1),
    "[{0}, {0}][1]": lambda u: u,
    "mean({}, axis=0)": lambda u: np.mean(u, axis=0),
}
"""What is made of the outcome, linear in it; of its numbers not all need be read."""


class Broadcast(NamedTuple):
    """sum(weights * carried(where(c, f(a), g(b)))), and which numbers of a and b that reads."""

    text: str
    shapes: dict[str, tuple[int, ...]]
    values: dict[str, Any]
    read: dict[str, Any]
    """For a and b how often each number is read, with its weight."""
    functions: dict[str, Callable[[Any], Any]]

    def derivatives(self, order: int) -> dict[str, Any]:
        """From mpmath, number by number; 0 for what is not read."""
        found = {}
        for name, weights in self.read.items():
            slopes = np.zeros(self.shapes[name])
            for place in np.ndindex(slopes.shape):
                if weights[place]:
                    at = mpf(float(self.values[name][place]))
                    slope = mp.diff(self.functions[name], at, order)
                    slopes[place] = weights[place] * float(slope)
            found[name] = slopes
        return found


@st.composite
def broadcasts(draw: st.DrawFn) -> Broadcast:
    shapes = {name: draw(st.sampled_from(SHAPES)) for name in "abc"}
    shapes["w"] = WHOLE
    names = {name: draw(st.sampled_from(list(SINGULAR))) for name in "ab"}
    carried = draw(st.sampled_from(list(CARRIED)))
    condition = np.array(draw(st.lists(st.booleans(), min_size=6, max_size=6))).reshape(WHOLE)
    chosen = condition[tuple(slice(n) for n in (1, 1, *shapes["c"])[-2:])].reshape(shapes["c"])
    branches = [text.format(name) for name, text in names.items()]
    outcome = f"(w*where(c > 0.5, {', '.join(branches)}))"
    # By how much the result grows with each number of the outcome.
    grown = np.array([np.sum(CARRIED[carried](unit)) for unit in np.eye(6).reshape(6, *WHOLE)])
    weights = np.arange(1.0, 7.0).reshape(WHOLE)
    values: dict[str, Any] = {"c": chosen * 1.0, "w": weights}
    read: dict[str, Any] = {}
    for name, taken in (("a", chosen), ("b", ~chosen)):
        spread = np.broadcast_to(taken, WHOLE) * grown.reshape(WHOLE) * weights
        read[name] = summed_to(spread, shapes[name])
        positive = draw(st.sampled_from([0.3, 1.7, 2.5]))
        idle = draw(st.sampled_from([0.0, -2.0]))
        values[name] = np.where(
            read[name] != 0, positive + np.arange(read[name].size).reshape(shapes[name]), idle
        )
    functions = {name: SINGULAR[text] for name, text in names.items()}
    return Broadcast(f"sum({carried.format(outcome)})", shapes, values, read, functions)


def summed_to(array: Any, shape: tuple[int, ...]) -> Any:
    """What broadcasting from the shape repeated, added up again."""
    longer = (1,) * (array.ndim - len(shape)) + shape
    axes = tuple(axis for axis, length in enumerate(longer) if length == 1)
    return array.sum(axis=axes, keepdims=True).reshape(shape)


@settings(max_examples=120)
@given(broadcasts())
def test_branches_and_conditions_of_any_shape(case: Broadcast) -> None:
    formula = parse(case.text, case.shapes)
    slopes, bends = case.derivatives(1), case.derivatives(2)
    values = {name: case.values[name] for name in formula.free_names}
    for mode in ("reverse", "forward"):
        found = formula.gradient(values, wrt=["a", "b"], mode=mode)
        for name, wanted in slopes.items():
            assert found[name] == pytest.approx(wanted, rel=1e-9, abs=1e-12), mode
    data = {name: values[name] for name in ("c", "w")}
    _, *compiled = formula.compiled(["a", "b"], data=data)(values["a"], values["b"])
    for got, wanted in zip(compiled, slopes.values(), strict=True):
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    matrix = formula.hessian(values, wrt=["a", "b"])
    diagonal = [line[name] for name, line in matrix.items()]
    wanted = np.concatenate([np.ravel(bend) for bend in bends.values()])
    assert diagonal == pytest.approx(wanted, rel=1e-8, abs=1e-12)
    formula.graph.check()


def test_the_branch_that_is_taken_may_have_no_derivative() -> None:
    with pytest.raises(MathematicsError, match=r"sqrt\(x\) is infinite"):
        parse("where(x >= 0, sqrt(x), 1)").gradient(x=0)


def wheres(formula: str) -> int:
    """How many `where` the derivative has."""
    parsed = parse(formula)
    (slope,) = parsed.derivatives(["x"]).values()
    needed = parsed.graph.reachable([slope.id])
    return sum(parsed.graph.rows[node][0] is WHERE for node in needed)


def test_masks_are_written_once() -> None:
    # c or not c is always: both branches join to one where, as a person would write it.
    assert wheres("where(x > 0, log(x), x^2)") == 1
    assert wheres("u = x^2; where(y > 0, sin(u), exp(u))") == 1
    assert wheres("x^2*sin(x)") == 0
    assert wheres("where(y > 0, 1, 2)*x") == 1
    assert wheres("where(y > 0, 1, 2) + x") == 0


def test_text_of_gated_derivatives() -> None:
    assert str(parse("where(x > 0, log(x), x^2)").derivatives()["x"]) == "where(x > 0, 1/x, 2*x)"
    assert str(parse("where(x > 0, sqrt(x), 0)").derivatives()["x"]) == (
        "where(x > 0, 1/(2*sqrt(x)), 0)"
    )


def test_graphs_without_where_have_no_masks() -> None:
    parsed = parse("log(x^2 + sin(3*x*y))*max(x, y)^y")
    before = len(parsed.graph)
    reverse.gradient(parsed.graph, parsed.id, list(parsed.graph.variables([parsed.id]).values()))
    forward.gradient(parsed.graph, parsed.id, list(parsed.graph.variables([parsed.id]).values()))
    made = {parsed.graph.rows[node][0] for node in range(before, len(parsed.graph))}
    assert made.isdisjoint({WHERE, AND_ALSO, OR_ELSE, NOT_SO})


def test_a_where_of_values_and_a_fault_in_the_condition() -> None:
    with pytest.raises(MathematicsError, match="log is undefined at -1"):
        parse("where(log(x) > 0, x, 1)").gradient(x=-1)
    assert math.isnan(
        parse("where(log(x) > 0, x, 1)*log(x)").at_values({"x": -1}, allow_nonfinite=True).value
    )


@pytest.mark.parametrize("mode", ["reverse", "forward", "finite"])
@pytest.mark.parametrize(
    ("formula", "slopes"),
    [
        ("where(x > 5, max(w), 0) + sum(w)", [1, 1, 1]),
        ("where(x < 5, 2*sum(w), max(w)) + w[1]", [2, 3, 2]),
        ("where(x > 5, norm(w), where(x > 0, w[2]^2, prod(w)))", [0, 0, 8]),
    ],
)
def test_a_reduction_that_is_not_taken_hands_nothing_to_a_name(
    formula: str, slopes: list[float], mode: str
) -> None:
    values = {"x": 1.0, "w": [1.0, 2.0, 4.0]}
    found = parse(formula, {"w": (3,)}).gradient(values, mode=mode)["w"]
    assert found.tolist() == pytest.approx(slopes, rel=1e-7, abs=1e-7)
