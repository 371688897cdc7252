"""One run of a formula: which step is at fault, and what is not held against it."""

from __future__ import annotations

import math

import pytest

from gradcli import MathematicsError, parse
from gradcli.graph.operations import TABLE, WHERE
from gradcli.programs import interpreter
from gradcli.programs.explain import Explainer, live
from gradcli.programs.program import program


def failure(formula: str, **values: float) -> MathematicsError:
    with pytest.raises(MathematicsError) as caught:
        parse(formula).evaluate(values)
    return caught.value


def culprit(formula: str, **values: float) -> str:
    error = failure(formula, **values)
    assert error.source == formula
    assert error.span
    return formula[slice(*error.span)]


@pytest.mark.parametrize(
    ("formula", "values", "part", "sentence"),
    [
        ("log(x^2 - y)", {"x": 0.5, "y": 1.5}, "log(x^2 - y)", "log is undefined at -1.25"),
        ("1 + 1/(x - x)", {"x": 3}, "1/(x - x)", "division by zero"),
        ("sqrt(x) + log(x)", {"x": -1}, "sqrt(x)", "sqrt is undefined at -1"),
        ("log(sqrt(x) - 2)", {"x": -1}, "sqrt(x)", "sqrt is undefined at -1"),
        ("log(sqrt(x) - 2)", {"x": 1}, "log(sqrt(x) - 2)", "log is undefined at -1"),
        ("log(-1) + sqrt(-1)", {}, "log(-1)", "log is undefined at -1"),
        ("exp(x)*2", {"x": 1000}, "exp(x)", "exp(1000) is too large for a double"),
        ("x*x*x", {"x": 1e200}, "x*x", "the product is too large"),
        ("x + x", {"x": 1.7e308}, "x + x", "the sum is too large"),
        ("-x - x", {"x": 1.7e308}, "-x - x", "the difference is too large"),
        ("1/x", {"x": 1e-320}, "1/x", "the quotient is too large"),
        ("x^y", {"x": 10, "y": 400}, "x^y", "the power is too large"),
        ("x^y", {"x": -8, "y": 0.5}, "x^y", "(-8)^0.5 is undefined"),
        ("x^-2", {"x": 0}, "x^-2", "0^-2 is undefined"),
        ("0^-1", {}, "0^-1", "0^-1 is undefined"),
        ("log(x, 1)", {"x": 3}, "log(x, 1)", "log is undefined at 3, 1"),
        ("mod(x, 0)", {"x": 3}, "mod(x, 0)", "mod is undefined at 3, 0"),
        ("(x - 4)!", {"x": 3}, "(x - 4)!", "factorial is undefined at -1"),
        ("171!", {}, "171!", "factorial(171) is too large"),
        ("u = log(x); u + u", {"x": -2}, "log(x)", "log is undefined at -2"),
        ("f(t) = log(t); f(x - 5)", {"x": 2}, "f(x - 5)", "log is undefined at -3"),
        ("asin(2)", {}, "asin(2)", "asin is undefined at 2 (needs a number from -1 to 1)"),
    ],
)
def test_the_first_step_without_a_value_is_named(
    formula: str, values: dict[str, float], part: str, sentence: str
) -> None:
    assert culprit(formula, **values) == part
    assert sentence in failure(formula, **values).message


def test_the_message_shows_the_numbers_of_the_step() -> None:
    assert failure("log(x^2 - y)", x=0.5, y=1.5).values == ("x^2 - y = -1.25", "x = 0.5", "y = 1.5")
    assert failure("log(x)", x=-1).values == ("x = -1",)
    assert failure("log(-1)").values == ()
    assert failure("u = x - 3; log(u)", x=2).values == ("u = -1", "x = 2")


def test_the_message_as_a_whole() -> None:
    assert failure("log(x^2 - y)", x=0.5, y=1.5).render() == (
        "log is undefined at -1.25 (needs a number > 0)\n"
        "  log(x^2 - y)\n"
        "  ^^^^^^^^^^^^\n"
        "  where x^2 - y = -1.25, x = 0.5, y = 1.5"
    )


def test_a_message_of_many_numbers_is_short() -> None:
    names = [f"x{i}" for i in range(100)]
    error = failure("log(" + " - ".join(names) + ")", **dict.fromkeys(names, 1.0))
    assert error.values[-1] == "and 96 more"
    assert len(error.render()) < 1500


@pytest.mark.parametrize(
    ("formula", "x", "value"),
    [
        ("where(x > 0, log(x), 7)", -1, 7),
        ("where(x > 0, 1/0, x)", -1, -1),
        ("where(x > 0, x, sqrt(x))", 4, 4),
        ("where(x > 0, where(x > 5, log(5 - x), x), log(x))", 3, 3),
        ("u = log(x); where(x > 0, u + u, 1) + where(x > 0, u, 2)", -1, 3),
        ("where(x > 0, exp(1000), 1)", -1, 1),
        ("where(1, x, log(-x))", 2, 2),
    ],
)
def test_idle_branches_are_not_held_against_it(formula: str, x: float, value: float) -> None:
    assert parse(formula).evaluate(x=x) == value


@pytest.mark.parametrize(
    ("formula", "x", "part"),
    [
        ("where(x > 0, log(x), 7) + log(x)", -1, "log(x)"),
        ("where(log(x) > 0, 1, 2)", -1, "log(x)"),
        ("where(x > 0, 1, 2) + where(x > 0, 1, log(x))", -1, "log(x)"),
        ("log(x) > 0", -1, "log(x)"),
        ("log(x) == log(x)", -1, "log(x)"),
        ("not log(x)", -1, "log(x)"),
        ("0 and log(x)", -1, "log(x)"),
        ("1 or log(x)", -1, "log(x)"),
        ("0*log(x)", -1, "log(x)"),
        ("log(x)^0", -1, "log(x)"),
        ("max(1, log(x))", -1, "log(x)"),
        ("min(log(x), 1)", -1, "log(x)"),
        ("sign(log(x))", -1, "log(x)"),
        ("relu(log(x))", -1, "log(x)"),
        ("1/exp(x)", 1000, "exp(x)"),
        ("atan(x*x)", 1e200, "x*x"),
        ("x*x > 1", 1e200, "x*x"),
    ],
)
def test_what_is_made_of_a_faulty_step_has_no_value(formula: str, x: float, part: str) -> None:
    assert culprit(formula, x=x) == part


def test_allowing_what_is_not_finite() -> None:
    for formula, x, value in [
        ("1/x", 0, math.inf),
        ("-1/x", 0, -math.inf),
        ("log(x)", 0, -math.inf),
        ("log(x)", -1, math.nan),
        ("x*x", 1e200, math.inf),
        ("1/(x*x)", 1e200, 0),
        ("atan(x*x)", 1e200, math.pi / 2),
        ("x*x > 1", 1e200, 1),
        ("log(x) > 0", -1, 0),
        ("log(x) == log(x)", -1, 0),
        ("x*x - x*x", 1e200, math.nan),
        ("exp(-x*x)", 1e200, 0),
        ("0*log(x)", 0, math.nan),
        ("where(x > 0, x, 1/0)", 1, 1),
        ("sqrt(x)^0", -1, 1),
    ]:
        got = parse(formula).evaluate({"x": x}, allow_nonfinite=True)
        assert got == pytest.approx(value, nan_ok=True), formula


def test_faults_and_live_steps() -> None:
    formula = parse("where(x > 0, log(x), sqrt(-x)) + x")
    graph, root = formula.graph, formula.id
    nodes = graph.reachable([root])
    found = interpreter.run(graph, nodes, {"x": -4.0})
    names = {graph.rows[node][0].name for node in found.faults}
    assert names == {"log"}
    assert all(math.isnan(found.numbers[node]) for node in found.faults)
    read = live(graph, [root], found.numbers)
    assert {graph.rows[n][0].name for n in set(nodes) - read} == {"log"}
    assert Explainer(graph, root, found).value() is None
    other = interpreter.run(graph, nodes, {"x": 4.0})
    assert {graph.rows[n][0].name for n in other.faults} == {"sqrt"}
    assert not interpreter.run(graph, nodes, {"x": 4.0}, ieee=True).faults


def test_the_condition_is_always_read() -> None:
    formula = parse("where(x > y, x, y)")
    graph = formula.graph
    found = interpreter.run(graph, graph.reachable([formula.id]), {"x": 2.0, "y": 1.0})
    assert live(graph, [formula.id], found.numbers) == set(range(len(graph)))
    assert graph.rows[formula.id][0] is WHERE


def test_programs_have_no_dead_steps_and_inputs_before_their_users() -> None:
    formula = parse("u = x*y; v = sin(u); u + log(2) - v^y")
    parse("unrelated + 1")
    graph = formula.graph
    graph.add(TABLE["cos"], (0,))  # nobody asks for it
    made = program(graph, [formula.id])
    assert made.outputs == [formula.id]
    assert made.variables == ["x", "y"]
    seen: set[int] = set()
    for operation, inputs, output, _ in made.instructions:
        assert operation.name != "cos"
        assert seen.issuperset(inputs)
        seen.add(output)
    used = {i for step in made.instructions for i in step.inputs} | {formula.id}
    assert used == seen


def test_values_of_constants() -> None:
    assert parse("pi").evaluate() == math.pi
    assert parse("τ").evaluate() == math.tau
    assert parse("e").evaluate() == math.e
    assert parse("0.1 + 0.2").evaluate() == 0.30000000000000004
