"""First-order methods step by step, against PyTorch (see reference/torch/SOURCE.md)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import optimize

from gradcli import MathematicsError, UsageError
from gradcli.language.bindings import choice
from gradcli.solvers.first_order.descent import Descent
from gradcli.solvers.first_order.methods import METHODS
from gradcli.solvers.first_order.schedules import schedule
from gradcli.solvers.settings import checked
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    Objective = Callable[[list[Any]], tuple[float, list[Any]]]

FOLDER = Path(__file__).parents[1] / "reference/torch"
TRACES: list[dict[str, Any]] = json.loads((FOLDER / "traces.json").read_text(encoding="utf-8"))
BLOCKS: list[dict[str, Any]] = json.loads((FOLDER / "blocks.json").read_text(encoding="utf-8"))
TABLE = {name: method.settings for name, method in METHODS.items()}


def rosenbrock(point: list[Any]) -> tuple[float, list[Any]]:
    x, y = point
    inner = y - x * x
    value = 100 * inner * inner + (1 - x) * (1 - x)
    return value, [-400 * x * inner - 2 * (1 - x), 200 * inner]


def beale(point: list[Any]) -> tuple[float, list[Any]]:
    x, y = point
    a, b, c = (n - x * (1 - y**k) for k, n in enumerate((1.5, 2.25, 2.625), 1))
    by_x = -2 * (a * (1 - y) + b * (1 - y**2) + c * (1 - y**3))
    return a * a + b * b + c * c, [by_x, 2 * x * (a + 2 * b * y + 3 * c * y**2)]


def quadratic(point: list[Any]) -> tuple[float, list[Any]]:
    x, y = point
    return x * x + 10 * y * y, [2 * x, 20 * y]


OBJECTIVES = {"rosenbrock": rosenbrock, "beale": beale, "quadratic": quadratic}

WEIGHTS = np.array([[1.0, 4.0, 0.25], [9.0, 0.5, 2.0]])
START = [np.array([[0.5, -1.2, 2.0], [0.0, 1.5, -0.3]]), 0.75]


def mixed(point: list[Any]) -> tuple[float, list[Any]]:
    matrix, number = point
    pull = WEIGHTS * (matrix - number)
    value = float((pull * (matrix - number)).sum() / 2 + number**4 / 4 + np.cos(matrix).sum())
    return value, [pull - np.sin(matrix), float(number**3 - pull.sum())]


def in_one_array(objective: Objective) -> Objective:
    """The same objective of one block, an array of all numbers."""

    def function(point: list[Any]) -> tuple[float, list[Any]]:
        value, gradient = objective(point[0].tolist())
        return value, [np.array(gradient)]

    return function


def descent(text: str, function: Objective, start: list[Any], **more: Any) -> Descent:
    name, positional, given = choice("--method", text)
    settings = checked("method", name, TABLE, positional, given)
    return Descent(function, start, METHODS[name], settings, **more)


def close(got: Any, want: Any) -> bool:
    """Whether numbers agree to 12 digits, or to 1e-13 where they cross 0."""
    return bool(np.all(np.abs(got - np.array(want)) <= np.maximum(1e-12 * np.abs(want), 1e-13)))


def test_every_method_has_a_trace() -> None:
    names = {choice("--method", case["method"])[0] for case in TRACES}

    assert names | {"sgd"} == set(METHODS)
    assert {case["method"] for case in BLOCKS} >= set(METHODS) - {"sgd"}


@pytest.mark.parametrize("arrays", [False, True], ids=["numbers", "array"])
@pytest.mark.parametrize("case", TRACES, ids=lambda c: f"{c['method']}-{c['function']}-{c['lr']}")
def test_points_are_those_of_torch(case: dict[str, Any], *, arrays: bool) -> None:
    objective: Objective = OBJECTIVES[case["function"]]
    start: list[Any] = case["start"]
    if arrays:
        objective, start = in_one_array(objective), [np.array(start)]
    solver = descent(case["method"], objective, start, rate=case["lr"], tolerance=0.0)

    last = max(map(int, case["points"]))

    for t in range(last + 1):
        assert solver.arrived() is None
        point = solver.point[0] if arrays else np.array(solver.point)
        assert close(point, case["points"].get(str(t), point)), f"step {t}"
        if t < last:
            solver.step()


@pytest.mark.parametrize("case", BLOCKS, ids=lambda case: case["method"])
def test_a_number_and_a_matrix_move_as_in_torch(case: dict[str, Any]) -> None:
    usual = "(" not in case["method"]  # then the rate is the default one too
    solver = descent(case["method"], mixed, START, rate=None if usual else case["lr"])

    for t in range(1, 31):
        solver.step()
        if str(t) in case["points"]:
            matrix, number = case["points"][str(t)]
            assert close(solver.point[0], matrix)
            assert close(solver.point[1], number)
    assert type(solver.point[1]) is float
    assert solver.rate == case["lr"]


def test_sgd_is_gd_by_another_name() -> None:
    gd = descent("gd(momentum=0.5)", quadratic, [3.0, 1.0])
    sgd = descent("sgd(momentum=0.5)", quadratic, [3.0, 1.0])
    for _ in range(5):
        gd.step()
        sgd.step()

    assert (gd.name, sgd.name) == ("gd", "sgd")
    assert gd.point == sgd.point


@pytest.mark.parametrize("name", METHODS)
def test_records_keep_their_arrays(name: str) -> None:
    solver = descent(name, mixed, START)
    points = []
    for _ in range(4):
        points.append((solver.point, solver.point[0].copy(), solver.point[1]))
        solver.step()

    for point, matrix, number in points:
        assert np.array_equal(point[0], matrix)
        assert point[1] == number


def test_the_start_stays_the_callers() -> None:
    start = np.array([1, 2])
    solver = descent("gd", lambda p: (float(p[0] @ p[0]), [2 * p[0]]), [start], rate=0.25)
    start[0] = 9
    solver.step()

    assert solver.point[0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    "name", [*METHODS, "gd(momentum=0.9)", "rmsprop(momentum=0.5, centered=1)"]
)
@pytest.mark.parametrize("plan", [None, "plateau(factor=0.5, patience=0)", "cosine(t_max=4)"])
def test_a_restored_run_goes_on_bit_for_bit(name: str, plan: str | None) -> None:
    def made() -> Descent:
        rates = schedule(*choice("--schedule", plan)) if plan else None
        return descent(name, mixed, START, rate=0.02, schedule=rates)

    def seen(solver: Descent) -> list[Any]:
        point = [solver.point[0].tolist(), solver.point[1]]
        return [solver.steps, point, solver.value, solver.gradient_norm, solver.rate]

    solver = made()
    states, history = [solver.state()], [seen(solver)]
    for _ in range(8):
        solver.step()
        states.append(solver.state())
        history.append(seen(solver))

    for t, state in enumerate(states):
        again = made()
        again.restore(state)
        assert seen(again) == history[t]
        for expected in history[t + 1 :]:
            again.step()
            assert seen(again) == expected


def test_the_rate_is_that_of_the_step_that_led_here() -> None:
    plan = schedule("step", [1, 0.5], {})
    solver = descent("gd", quadratic, [1.0, 1.0], rate=0.01, schedule=plan)
    rates = [solver.rate]
    for _ in range(3):
        solver.step()
        rates.append(solver.rate)

    assert rates == [0.01, 0.01, 0.005, 0.0025]


def test_a_plateau_hears_of_the_value_after_each_step() -> None:
    plan = schedule("plateau", [], {"factor": 0.5, "patience": 0})
    solver = descent("gd", lambda _: (1.0, [1.0]), [0.0], rate=0.1, schedule=plan)
    rates = []
    for _ in range(4):
        solver.step()
        rates.append(solver.rate)

    assert rates == [0.1, 0.1, 0.05, 0.025]  # the first value is the lowest so far


def test_arrival_is_told_by_the_norm_of_the_gradient() -> None:
    solver = descent("gd", quadratic, [1.5, 0.2], tolerance=5.0)  # gradient (3, 4)
    reason = solver.arrived()

    assert solver.gradient_norm == 5.0
    assert reason is not None
    assert reason.ending is Ending.CONVERGED
    assert reason.sentence == "converged: the gradient norm has reached 5"
    assert descent("gd", quadratic, [1.5, 0.2], tolerance=4.999).arrived() is None


def test_tolerance_0_never_stops() -> None:
    solver = descent("gd(momentum=0.5)", quadratic, [1.0, 0.0], rate=0.5, tolerance=0.0)
    solver.step()

    assert (solver.point, solver.gradient_norm) == ([0.0, 0.0], 0.0)
    assert solver.arrived() is None
    solver.step()
    assert solver.point == [-0.5, 0.0]  # momentum goes on


@pytest.mark.parametrize("scale", [1e307, 1e200, 1.0, 1e-95, 1e-100, 1e-105, 1e-200])
def test_the_norm_neither_overflows_nor_vanishes(scale: float) -> None:
    gradient = [np.array([[3.0, 0.0], [0.0, 4.0]]) * scale, 12.0 * scale, np.zeros((0, 3))]
    solver = descent("gd", lambda _: (0.0, gradient), [np.ones((2, 2)), 1.0, np.zeros((0, 3))])

    assert solver.gradient_norm == pytest.approx(13 * scale, rel=1e-15)


# Σ (p - c)² within a box: the nearest point of the box is its minimum.
LOW, HIGH = np.array([-1.0, 0.0, 0.5]), np.array([1.0, 2.0, 0.75])
CENTRE = np.array([3.0, 1.0, -4.0])


@pytest.mark.parametrize(
    ("name", "rate"),
    [("gd", 0.1), ("gd(momentum=0.5)", 0.1), ("rprop(step_min=1e-12)", 0.1), ("adam", 0.01)],
)
def test_points_stay_within_bounds_and_arrive_there(name: str, rate: float) -> None:
    def function(point: list[Any]) -> tuple[float, list[Any]]:
        array, number = point
        value = float(((array - CENTRE) ** 2).sum() + (number - 9) ** 2)
        return value, [2 * (array - CENTRE), 2 * (number - 9.0)]

    bounds = [(LOW, HIGH), (-2.0, 4.0)]
    solver = descent(name, function, [np.array([0.0, 0.5, 0.6]), 0.0], rate=rate, bounds=bounds)
    for _ in range(3000):
        if solver.arrived():
            break
        solver.step()
        assert ((solver.point[0] >= LOW) & (solver.point[0] <= HIGH)).all()
        assert -2.0 <= solver.point[1] <= 4.0
    best = optimize.lsq_linear(np.eye(4), [*CENTRE, 9.0], ([*LOW, -2.0], [*HIGH, 4.0]))

    assert solver.arrived() is not None
    assert [*solver.point[0], solver.point[1]] == pytest.approx(best.x, abs=1e-8)


def test_blocks_without_bounds_are_free() -> None:
    solver = descent("gd", quadratic, [3.0, 1.0], rate=0.01, bounds=[None, (0.9, math.inf)])
    for _ in range(10):
        solver.step()

    assert solver.point == [pytest.approx(3 * 0.98**10, rel=1e-14), 0.9]
    assert solver.gradient_norm == pytest.approx(2 * solver.point[0])


def test_a_start_outside_goes_to_the_nearest_point_inside() -> None:
    assert descent("gd", quadratic, [3.0, 1.0], bounds=[(-1, 2), (2, 4)]).point == [2.0, 2.0]


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("gd", [1.0, 1.0], "a parameter became infinite"),
        ("gd", [np.ones(2), 1.0], "a parameter became infinite"),
        ("adam(eps=0)", [1.0, 1.0], "a parameter became undefined"),
        ("adam(eps=0)", [np.ones(2), 1.0], "a parameter became undefined"),
    ],
)
def test_a_parameter_that_is_lost_ends_the_run(text: str, start: list[Any], message: str) -> None:
    slope = 0.0 if "eps" in text else 1e308

    def function(point: list[Any]) -> tuple[float, list[Any]]:
        return 1.0, [np.full(p.shape, slope) if isinstance(p, np.ndarray) else slope for p in point]

    solver = descent(text, function, start, rate=1e3)
    before = solver.state()

    with pytest.raises(MathematicsError, match=message):
        solver.step()
    assert solver.state() == before  # also the same arrays


@pytest.mark.parametrize(("value", "word"), [(math.inf, "infinite"), (math.nan, "undefined")])
def test_a_value_that_is_lost_ends_the_run(value: float, word: str) -> None:
    solver = descent("gd", lambda p: (1.0 if p[0] == 2 else value, [1.0]), [2.0])

    with pytest.raises(MathematicsError, match=f"the objective became {word}"):
        solver.step()
    assert (solver.point, solver.value, solver.steps) == ([2.0], 1.0, 0)


def test_a_rate_that_overflows_ends_the_run() -> None:
    plan = schedule("exponential", [1e200], {})
    solver = descent("gd", lambda _: (1.0, [0.1]), [0.0], rate=1e-3, schedule=plan)
    solver.step()
    solver.step()

    with pytest.raises(MathematicsError, match="the learning rate became infinite"):
        solver.step()


def test_centered_rmsprop_survives_a_constant_gradient() -> None:
    """PyTorch takes the root of a mean square less a squared mean that rounds to below 0."""
    for start, slope in ([0.0], [0.35]), ([np.zeros(3)], [np.full(3, 0.35)]):
        solver = descent("rmsprop(centered=1, alpha=0.5)", lambda _, s=slope: (1.0, s), start)  # type: ignore[misc]
        for _ in range(200):
            solver.step()
        assert np.all(np.asarray(solver.point[0]) < 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gd(nesterov=1)", "nesterov needs a momentum above 0 and no dampening"),
        ("gd(nesterov=1, momentum=0.9, dampening=0.1)", "nesterov needs a momentum"),
        ("rprop(step_min=2, step_max=1)", "step_min of rprop, 2, is above its step_max, 1"),
    ],
)
def test_settings_must_fit_together(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        descent(text, quadratic, [1.0, 1.0])
    assert caught.value.hint


def test_numbers_need_no_numpy() -> None:
    program = """
import sys
from gradcli.solvers.first_order.descent import Descent
from gradcli.solvers.first_order.methods import METHODS
from gradcli.solvers.first_order.schedules import schedule
for method in METHODS.values():
    solver = Descent(
        lambda p: (p[0] ** 2, [2 * p[0]]), [1.0], method,
        schedule=schedule("plateau", [], {}), bounds=[(0, 3)],
    )
    solver.step()
    assert solver.arrived() is None
print("numpy" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
