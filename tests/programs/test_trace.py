"""A run node by node: the numbers of two tutorials on backpropagation, and idle branches."""

from __future__ import annotations

import math

import pytest

from gradcli import functions, parse, variables
from gradcli.formula import Formula
from gradcli.programs.trace import Step, steps


def by_formula(listed: list[Step]) -> dict[str, Step]:
    return {step.formula: step for step in listed}


def test_log_of_a_sum_with_a_sine() -> None:
    # By hand: s = x² + sin(3xy) = 4 + sin 18; d ln s/ds = 1/s; d sin t/dt = cos 18.
    run = parse("log(x^2 + sin(3*x*y))").run(x=2, y=3)
    total = 4 + math.sin(18)
    assert run.value == pytest.approx(math.log(total), rel=1e-15)
    found = by_formula(run.steps)
    assert list(found) == [
        "x",
        "x^2",
        "3",
        "y",
        "3*x*y",
        "sin(3*x*y)",
        "x^2 + sin(3*x*y)",
        "log(x^2 + sin(3*x*y))",
    ]
    value = {text: step.value for text, step in found.items()}
    assert value["x^2"] == 4
    assert value["3*x*y"] == 18
    assert value["sin(3*x*y)"] == pytest.approx(-0.7509872467716762)
    assert value["x^2 + sin(3*x*y)"] == pytest.approx(3.249012753228324)
    gradient = {text: step.gradient for text, step in found.items()}
    assert gradient["x^2 + sin(3*x*y)"] == pytest.approx(1 / total, rel=1e-15)
    assert gradient["3*x*y"] == pytest.approx(math.cos(18) / total, rel=1e-15)
    # The tutorial's own numbers, in single precision.
    assert gradient["log(x^2 + sin(3*x*y))"] == 1
    assert gradient["x^2 + sin(3*x*y)"] == pytest.approx(0.30778584, abs=5e-8)
    assert gradient["sin(3*x*y)"] == pytest.approx(0.30778584, abs=5e-8)
    assert gradient["x^2"] == pytest.approx(0.30778584, abs=5e-8)
    assert gradient["3*x*y"] == pytest.approx(0.20323612, abs=5e-8)
    assert gradient["x"] == pytest.approx(4 / total + 9 * math.cos(18) / total)
    assert gradient["y"] == pytest.approx(6 * math.cos(18) / total)
    assert gradient["3"] is None
    local = {
        (text, by_id(run.steps, edge.node).formula): edge.local
        for text, step in found.items()
        for edge in step.inputs
    }
    assert local["log(x^2 + sin(3*x*y))", "x^2 + sin(3*x*y)"] == pytest.approx(0.3078, abs=5e-5)
    assert local["x^2 + sin(3*x*y)", "x^2"] == 1
    assert local["x^2 + sin(3*x*y)", "sin(3*x*y)"] == 1
    assert local["sin(3*x*y)", "3*x*y"] == pytest.approx(0.6603, abs=5e-5)
    assert local["3*x*y", "x"] == 9
    assert local["3*x*y", "y"] == 6
    assert local["3*x*y", "3"] is None
    assert local["x^2", "x"] == 4


def by_id(listed: list[Step], node: int) -> Step:
    return next(step for step in listed if step.id == node)


def test_a_product_of_a_sum() -> None:
    run = parse("(a*b + c)*d").run(a=2, b=-3, c=10, d=-2)
    assert run.value == -8
    assert run.gradient == {"a": 6, "b": -4, "c": -2, "d": 4}
    found = by_formula(run.steps)
    assert (found["a*b"].value, found["a*b"].gradient) == (-6, -2)
    assert (found["a*b + c"].value, found["a*b + c"].gradient) == (4, -2)
    assert [edge.local for edge in found["a*b"].inputs] == [-3, 2]
    assert [edge.local for edge in found["a*b + c"].inputs] == [1, 1]
    assert [edge.local for edge in found["(a*b + c)*d"].inputs] == [-2, 4]


def test_names_of_intermediates_are_kept() -> None:
    run = parse("e = a*b; f = e + c; f*d").run(a=2, b=-3, c=10, d=-2)
    assert [step.name for step in run.steps if step.name] == ["a", "b", "e", "c", "f", "d"]
    named = {step.name: step for step in run.steps if step.name}
    assert (named["e"].formula, named["e"].value, named["e"].gradient) == ("a*b", -6, -2)
    assert (named["f"].formula, named["f"].value, named["f"].gradient) == ("e + c", 4, -2)
    assert run.steps[-1].formula == "f*d"


def test_inputs_stand_before_their_users() -> None:
    run = parse("u = x*y; where(x > 0, sin(u)*u, sqrt(u)) + max(x, y, u) - 3*x*y").run(x=2, y=3)
    seen: set[int] = set()
    for step in run.steps:
        assert {edge.node for edge in step.inputs} <= seen
        seen.add(step.id)
    assert run.steps[-1].gradient == 1


def test_a_chain_of_the_same_operation_is_one_step() -> None:
    run = parse("a*b*c*d + a + b + c").run(a=2, b=3, c=5, d=7)
    assert [step.operation for step in run.steps] == ["variable"] * 4 + ["multiply", "add"]
    found = by_formula(run.steps)
    assert [edge.local for edge in found["a*b*c*d"].inputs] == [105, 70, 42, 30]
    assert [edge.local for edge in run.steps[-1].inputs] == [1, 1, 1, 1]


def test_a_chain_stops_at_what_is_named_or_shared() -> None:
    run = parse("u = a + b; u + c").run(a=1, b=2, c=3)
    assert [step.formula for step in run.steps] == ["a", "b", "a + b", "c", "u + c"]
    shared = parse("(a + b + c)*(a + b)").run(a=1, b=2, c=3)
    assert "a + b" in by_formula(shared.steps)
    grouped = parse("a + (b + c)").run(a=1, b=2, c=3)
    assert "b + c" in by_formula(grouped.steps)


def test_a_long_chain_is_one_step_of_many_inputs() -> None:
    count = 300
    text = " + ".join(f"{k}*x{k}" for k in range(count))
    run = parse(text).run({f"x{k}": 1.0 for k in range(count)})
    assert len(run.steps[-1].inputs) == count
    assert all(edge.local == 1 for edge in run.steps[-1].inputs)


def test_idle_branches() -> None:
    run = parse("where(x > 0, log(x), x^2)").run(x=-3)
    found = by_formula(run.steps)
    assert not found["log(x)"].live
    assert found["log(x)"].value is None
    assert found["log(x)"].gradient == 0
    assert found["x^2"].live
    assert found["x^2"].value == 9
    assert found["x^2"].gradient == 1
    assert found["x > 0"].live
    assert run.gradient == {"x": -6}


def test_gradients_add_up_along_edges() -> None:
    run = parse("u = x*y; v = sin(u) + x; exp(v/u) - v*y^2").run(x=0.7, y=1.3)
    incoming = dict.fromkeys([step.id for step in run.steps], 0.0)
    incoming[run.steps[-1].id] = 1.0
    for step in reversed(run.steps):
        for edge in step.inputs:
            if edge.local is not None and step.gradient is not None:
                incoming[edge.node] += step.gradient * edge.local
    for step in run.steps:
        if step.gradient is not None:
            assert step.gradient == pytest.approx(incoming[step.id], rel=1e-12)


def test_a_forward_pass_alone() -> None:
    run = parse("log(x*y)").at_values({"x": 2, "y": 3}).run(backward=False)
    assert [step.value for step in run.steps] == [2, 3, 6, pytest.approx(math.log(6))]
    assert all(step.gradient is None for step in run.steps)
    assert all(edge.local is None for step in run.steps for edge in step.inputs)
    assert run.gradient == {}


def test_a_structure_has_no_numbers() -> None:
    listed = parse("sin(x)*y").structure()
    assert [step.formula for step in listed] == ["x", "sin(x)", "y", "sin(x)*y"]
    assert all(step.value is None and step.gradient is None for step in listed)
    assert all(step.live for step in listed)


def test_the_local_derivatives_as_formulas() -> None:
    formula = parse("sin(3*x*y)")
    listed = formula.structure()
    found = by_formula(listed)

    def local(step: str, place: int) -> list[str]:
        edge = found[step].inputs[place]
        return [str(Formula(formula.graph, node)) for node in edge.formula]

    assert local("sin(3*x*y)", 0) == ["cos(3*x*y)"]
    assert local("3*x*y", 1) == ["y", "3"]
    assert local("3*x*y", 2) == ["3*x"]
    assert found["3*x*y"].inputs[0].formula == ()


def test_the_step_of_a_node() -> None:
    x, y = variables("x y")
    inner = functions.sin(x * y)
    formula = inner * inner + y
    run = Formula(formula.graph, formula.id).run(x=1, y=2)
    assert run.step(inner).value == pytest.approx(math.sin(2))
    assert run.step(inner).gradient == pytest.approx(2 * math.sin(2))
    with pytest.raises(KeyError, match="not part of the formula"):
        run.step(functions.cos(x))


def test_steps_of_a_plain_graph() -> None:
    formula = parse("x + 1")
    listed = steps(formula.graph, formula.id)
    assert [(step.operation, step.value) for step in listed] == [
        ("variable", None),
        ("constant", None),
        ("add", None),
    ]
