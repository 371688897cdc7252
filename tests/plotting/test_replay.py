"""What the page of a minimisation is given: its programs, run in node, and where a network narrows.

Steps are compared with those that the Python rules make, which are tested against torch.optim.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gradcli.formula import parse
from gradcli.language.bindings import choice
from gradcli.language.names import names_in
from gradcli.minimize.methods import first_order
from gradcli.minimize.minimum import Epoch
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request
from gradcli.pictures.lesson.figures import FIRST_MARK, Marks
from gradcli.plotting.replay import OFFERED, learned, program, replay, rule_lines
from gradcli.solvers.first_order.descent import Descent
from gradcli.solvers.first_order.fused import in_one
from gradcli.solvers.first_order.methods import METHODS, NUMBERS
from tests.javascript import NODE, evaluated, runs
from tests.latex_reader import read
from tests.mathml_reader import latex

needs_node = pytest.mark.skipif(NODE is None, reason="needs node")

STEPS = """
return data.map(({ program, memory, slopes, rate }) => {
  const { numbers, run } = interpreter(program);
  let point = 0.5, kept = memory;
  return slopes.map((slope, t) => {
    [t + 1, rate, point, slope, ...kept].forEach((x, place) => { numbers[place] = x; });
    run();
    [point, ...kept] = program.outputs.map((place) => numbers[place]);
    return point;
  });
});"""


@needs_node
def test_every_rule_makes_the_same_steps_in_a_page() -> None:
    slopes = [1.5, -0.25, 0.75, -2.0, 0.0, 1e-3, 3.0, -0.5]
    jobs, expected = [], []
    for name, method in METHODS.items():
        settings = {setting.name: setting.default for setting in method.settings}
        rule = method.rule(**settings)
        step = in_one(rule)
        made = program(step.graph, step.outputs, dict.fromkeys(step.names, ()), {})
        assert made is not None, name
        jobs.append({"program": made, "memory": rule.memory, "slopes": slopes, "rate": 0.1})
        solver = Descent(lambda _: (0.0, [0.0]), [0.5], method, rate=0.1)
        points = []
        for slope in slopes:
            solver.follow([slope])
            points.append(solver.point[0])
        expected.append(points)
    found = evaluated(["library.js", "interpreter.js"], STEPS, jobs)
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-14)


@pytest.mark.parametrize("text", ["gd", "gd(momentum=0.9)", *METHODS])
def test_a_rule_is_told_as_it_steps(text: str) -> None:
    """Line by line, as text and as mathematics; what could be misread is not told."""
    name, positional, keywords = choice("method", text)
    rule = METHODS[name].rule(**first_order(name, positional, keywords, "").settings)
    marks = Marks()
    shown = [marks.marks[ord(mark) - FIRST_MARK][1:] for mark in rule_lines(in_one(rule), marks)]
    assert shown or text not in OFFERED
    texts = [plain.split(" ← ") for plain, _ in shown]
    set_lines = [latex(markup).split(r"\leftarrow") for _, markup in shown]
    for lines in (texts, [[one.strip(), read(other)] for one, other in set_lines]):
        point, memory = 0.5, rule.memory
        now = {"p": point, **dict(zip("mvu", memory, strict=False))}
        for t, slope in enumerate([1.5, -0.25, 0.75, -2.0, 0.5] if shown else [], 1):
            steps = rule.coefficients(t, 0.1, NUMBERS)
            point, memory = rule.update(point, slope, memory, steps, NUMBERS)
            known = {"g": slope, "t": float(t), "η": 0.1, "eta": 0.1}
            for one, other in lines:
                formula = parse(other)
                now[one] = formula({n: {**known, **now}[n] for n in formula.free_names})
            assert now["p"] == pytest.approx(point, rel=1e-4)


def content(
    source: str,
    start: dict[str, Any],
    data: dict[str, Any] | None = None,
    fixed: dict[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """What the page of a run is given, through JSON as the page has it."""
    shapes = {name: np.shape(value) for name, value in (data or {}).items()}
    formula = parse(
        source, shapes | {n: np.shape(v) for n, v in {**start, **(fixed or {})}.items()}
    )
    steps: list[Any] = []
    settings = Settings(**options)
    found = formula.minimize(start, data=data, fix=fixed, observe=steps.append, **options)
    columns = {name: np.asarray(value, float) for name, value in (data or {}).items()}
    values = {n: float(v) if np.ndim(v) == 0 else np.asarray(v, float) for n, v in start.items()}
    request = Request(formula, formula.origin, values, fixed or {}, columns, settings)
    made: dict[str, Any] = json.loads(json.dumps(replay(request, found, steps), allow_nan=False))
    return made


@needs_node
@pytest.mark.parametrize("maximize", [False, True])
def test_the_objective_and_its_gradient_are_those_of_the_formula(maximize: bool) -> None:
    source = "exp(-x^2)*cos(3*y) + y^2/10"
    made = content(source, {"x": 0.3, "y": 0.2}, lr=0.1, steps=3, maximize=maximize)
    points = [[0.3, 0.2], [-1.0, 2.5], [4.0, -0.1]]
    (found,) = runs(
        [{"program": made["objective"], "points": points, "results": made["objective"]["outputs"]}]
    )
    for (x, y), (value, by_x, by_y) in zip(points, found, strict=True):
        sign = made["factor"]
        exact = [
            np.exp(-x * x) * np.cos(3 * y) + y * y / 10,
            -2 * x * np.exp(-x * x) * np.cos(3 * y),
            -3 * np.exp(-x * x) * np.sin(3 * y) + y / 5,
        ]
        np.testing.assert_allclose([sign * value, sign * by_x, sign * by_y], exact, rtol=1e-13)


X = np.array([0.0, 1, 2, 3, 4])
Y = np.array([1.2, 2.9, 5.1, 7.0, 8.8])


@needs_node
@pytest.mark.parametrize(
    ("source", "response", "moves"),
    [("y ~ a*x + b", Y, ["x", "y"]), ("log(y) ~ a*x + b", np.log(Y), [])],
)
def test_a_fit_has_points_that_move_and_a_curve(
    source: str, response: Any, moves: list[str]
) -> None:
    made = content(source, {"a": 1.0, "b": 0.0}, {"x": X, "y": Y})
    data = made["data"]
    assert (data["x"], data["moves"]) == ("x", moves)
    np.testing.assert_allclose(data["points"], [X, response], rtol=1e-15)
    cells = [*X, *(Y + 1)] if moves else []
    moved = response + 1 if moves else response
    jobs: list[dict[str, Any]] = [
        {
            "program": made["objective"],
            "points": [[2.0, 0.5, *cells]],
            "results": made["objective"]["outputs"],
        },
        {
            "program": data["curve"],
            "points": [[2.0, 0.5, 1.5]],
            "results": data["curve"]["outputs"],
        },
    ]
    ((objective,),), ((residual,),) = [[[r] for r in found] for found in runs(jobs)]
    away = 2 * X + 0.5 - moved
    np.testing.assert_allclose(
        objective, [sum(away**2), 2 * sum(away * X), 2 * sum(away)], rtol=1e-13
    )
    model = data["response"] - data["side"] * residual[0]
    assert model == pytest.approx(2 * 1.5 + 0.5, rel=1e-15)


@needs_node
def test_names_that_do_not_move_are_constants() -> None:
    made = content("a^2*c + sum(w)*a", {"a": 1.0}, fixed={"c": 2.0, "w": np.array([3.0, 4])})
    program = made["objective"]
    ((found,),) = runs([{"program": program, "points": [[5.0]], "results": program["outputs"]}])
    assert found == [85, 27]


def test_what_a_page_cannot_run_is_shown_as_it_was() -> None:
    rows = np.linspace(0, 1, 2000)
    made = content("mean((y - a*x)^2)", {"a": 0.5}, {"x": rows, "y": 2 * rows}, lr=0.1, steps=3)
    assert made["objective"] is None
    assert [row[0] for row in made["rows"]] == [0, 1, 2, 3]
    assert content("x + y", {"x": 0, "y": 0}, subject_to=["x^2 + y^2 <= 1"])["methods"] == []


def test_the_method_of_the_run_comes_first_and_second_order_has_a_usable_rate() -> None:
    labels = [
        m["label"] for m in content("x^2", {"x": 1}, method="adam(beta1=0.8)", steps=2)["methods"]
    ]
    assert labels == ["adam(beta1=0.8)", "gd", "gd(momentum=0.9)", "adam"]
    made = content("a^2 - 10*a + 28", {"a": 6.0})
    # One step with it goes a fifth of the way: f'' is 2, so the rate is 0.2/2.
    assert (made["rate"], made["solver"]) == (0.1, "newton")


NETWORKS = [
    (
        "p = logistic(tanh(x @ W + b) @ v); mean(-t*log(p) - (1 - t)*log(1 - p))",
        1,
        ["x[0]", "x[1]"],
    ),
    ("mean(max(0, 1 - (2*t - 1)*(tanh(x @ W + b) @ v)))", 1, ["x[0]", "x[1]"]),
    ("cross_entropy(tanh(x @ W + b) @ V, t)", 3, ["x[0]", "x[1]"]),
    ("mean((t - tanh(c*u + d*w))^2)", 1, ["u", "w"]),
    ("mean((x @ [1, 2] - t + c)^2)", None, []),
]


@needs_node
@pytest.mark.parametrize(("source", "count", "names"), NETWORKS)
def test_the_network_is_found_where_all_inputs_pass(
    source: str, count: int | None, names: list[str]
) -> None:
    random = np.random.default_rng(1)
    data: dict[str, Any] = {"x": random.normal(size=(6, 2)), "t": np.array([0.0, 1, 0, 1, 1, 0])}
    data |= {"u": data["x"][:, 0], "w": data["x"][:, 1]}
    start: dict[str, Any] = {
        "W": random.normal(size=(2, 4)),
        "b": np.zeros(4) + 0.1,
        "v": random.normal(size=4),
    }
    start |= {"V": random.normal(size=(4, 3)), "c": 0.5, "d": -0.5}
    used = names_in(source)
    data, start = [{n: v for n, v in each.items() if n in used} for each in (data, start)]
    formula = parse(source, {name: np.shape(value) for name, value in {**data, **start}.items()})
    request = Request(formula, formula.origin, start, {}, data, Settings())
    found = parse("q^2").minimize(q=1)._replace(epochs=[Epoch(1, 1, 0.5, None, None, 0.1)])
    made = learned(request, found, [(1, list(start.values()))])
    if count is None:
        assert "boundary" not in made
        return
    boundary = made["boundary"]
    assert boundary["inputs"] == names
    ((_, parameters),) = boundary["after"]
    exact = [number for value in start.values() for number in np.ravel(value).tolist()]
    np.testing.assert_allclose(parameters, exact, rtol=1e-6)
    network = boundary["network"]
    assert len(network["outputs"]) == count
    point = [0.3, -0.7]
    ((said,),) = runs(
        [{"program": network, "points": [[*exact, *point]], "results": network["outputs"]}]
    )
    hidden: Any = np.tanh(np.array(point) @ start["W"] + start["b"]) if "W" in start else None
    if "V" in start:
        expected: Any = hidden @ start["V"]
    elif hidden is not None:
        score = hidden @ start["v"]
        expected = 1 / (1 + np.exp(-score)) if "logistic" in source else score
    else:
        expected = np.tanh(0.5 * point[0] - 0.5 * point[1])
    np.testing.assert_allclose(said, np.ravel(expected), rtol=1e-13)
