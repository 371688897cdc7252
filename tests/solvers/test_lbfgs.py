"""L-BFGS: published minima, bounds, many variables, and ends that say what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import minimize

from gradcli.errors import MathematicsError
from gradcli.solvers.bounds import Box
from gradcli.solvers.observer import Each
from gradcli.solvers.run import Outcome, run
from gradcli.solvers.second_order.lbfgs import LBFGS
from gradcli.solvers.stopping import Ending
from tests.solvers import problems
from tests.solvers.problems import Compiled, Problem

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector

# Local minima (Trigonometric, Ackley, Biggs), or a gradient below 1e-8 at a value above 1e-8.
ELSEWHERE = {"Trigonometric (n=3)", "Ackley (2-D)", "Biggs EXP6", "Gulf research and development"}
SINGLE = [
    p for p in problems.published() + problems.MGH + problems.CLASSICS if p.name not in ELSEWHERE
]


class Chained:
    """The extended Rosenbrock function in many variables, Moré–Garbow–Hillstrom 21."""

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        odd, even = point[::2], point[1::2]
        bend, rest = even - odd**2, 1 - odd
        gradient = np.empty_like(point)
        gradient[::2], gradient[1::2] = -400 * odd * bend - 2 * rest, 200 * bend
        return float(100 * bend @ bend + rest @ rest), gradient

    def hessian(self, point: Vector) -> Vector:
        raise AssertionError(point)  # never asked for


def solved(text: str, start: dict[str, float]) -> Outcome:
    point = np.array(list(start.values()), dtype=float)
    return run(LBFGS(Compiled(text, list(start)), point))


@pytest.mark.parametrize("problem", SINGLE, ids=lambda p: p.name)
def test_published_minima_are_reached_from_the_standard_start(problem: Problem) -> None:
    outcome = run(LBFGS(problem.function, problem.point, box=problem.box))
    assert outcome.reason.ending is Ending.CONVERGED, outcome.reason
    within = 1e-8 * max(1.0, abs(problem.minimum))
    assert outcome.record.value <= problem.minimum + within


@pytest.mark.parametrize("problem", problems.bounded(), ids=lambda p: p.name)
def test_published_minima_within_bounds_are_reached(problem: Problem) -> None:
    outcome = run(LBFGS(problem.function, problem.point, box=problem.box))
    assert outcome.reason.ending is Ending.CONVERGED
    assert outcome.record.value == pytest.approx(problem.minimum, rel=1e-8, abs=1e-14)


def test_many_variables() -> None:
    start = np.tile([-1.2, 1.0], 10_000)
    outcome = run(LBFGS(Chained(), start))
    assert outcome.reason.ending is Ending.CONVERGED
    assert np.max(np.abs(outcome.record.point - 1)) < 1e-7
    assert outcome.steps < 100


def test_many_bounds_agree_with_scipy() -> None:
    generator = np.random.default_rng(3)
    lower = generator.uniform(-1, 0.9, 200)
    box = Box(lower, lower + generator.uniform(0.05, 2, 200))
    start = np.tile([-1.2, 1.0], 100)
    theirs = minimize(
        Chained(),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(box.lower, box.upper, strict=True)),
        options={"ftol": 0, "gtol": 1e-9, "maxiter": 5000, "maxfun": 20000},
    )
    ours = run(LBFGS(Chained(), start, box=box))
    assert ours.reason.ending is Ending.CONVERGED
    assert ours.record.value == pytest.approx(theirs.fun, rel=1e-10)
    assert np.all((box.lower <= ours.record.point) & (ours.record.point <= box.upper))


@pytest.mark.parametrize("text", ["x", "-x^2", "-exp(x)"])
def test_what_has_no_minimum_is_said_to_have_none(text: str) -> None:
    outcome = solved(text, {"x": 1})
    assert outcome.reason.ending is Ending.DIVERGED
    assert "falls without limit" in outcome.reason.sentence


def test_rounding_is_the_end_where_the_gradient_cannot_be_small() -> None:
    # Meyer's problem (MGH 10): the gradient is noise of 1e-4 and more at the minimum.
    problem = next(p for p in problems.MGH if p.name == "Meyer")
    outcome = run(LBFGS(problem.function, problem.point))
    assert outcome.record.gradient_norm > 1e-8
    assert "cannot become lower" in outcome.reason.sentence


@pytest.mark.parametrize("text", ["max(x,-2*x)", "abs(x-1)+abs(y)+0*x"])
def test_a_kink_is_not_called_converged(text: str) -> None:
    names = {"x": 7.0, "y": 3.0} if "y" in text else {"x": 7.0}
    outcome = solved(text, names)
    assert outcome.record.value == pytest.approx(0, abs=1e-8)
    assert outcome.reason.ending is Ending.STALLED


def test_undefined_regions_are_avoided() -> None:
    assert solved("x-log(x)", {"x": 1e-5}).record.point[0] == pytest.approx(1, rel=1e-7)
    with pytest.raises(MathematicsError):
        solved("log(x)", {"x": -1})


def test_a_stopped_run_goes_on_bit_for_bit() -> None:
    problem = problems.published()[1]
    whole = LBFGS(problem.function, problem.point)
    halves = LBFGS(problem.function, problem.point)
    for _ in range(60):
        whole.step()
    for _ in range(25):
        halves.step()
    kept = json.loads(json.dumps(halves.state(), default=np.ndarray.tolist))
    other = LBFGS(problem.function, problem.point)
    other.restore(kept)
    for _ in range(35):
        other.step()
    assert other.point.tobytes() == whole.point.tobytes()
    assert (other.value, other.rate) == (whole.value, whole.rate)


def test_earlier_points_are_not_changed() -> None:
    problem = problems.published()[0]
    kept: list[tuple[Vector, list[float]]] = []
    run(
        LBFGS(problem.function, problem.point),
        observer=Each(lambda r: kept.append((r.point, r.point.tolist()))),
    )
    assert len(kept) > 10
    assert all(point.tolist() == copy for point, copy in kept)
