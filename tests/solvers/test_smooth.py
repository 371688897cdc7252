"""What newton and lbfgs both keep: published minima, bounds, bits after a pause, earlier points."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradcli.solvers.first_order.lbfgs import LBFGS
from gradcli.solvers.newton import Newton
from gradcli.solvers.observer import Each
from gradcli.solvers.solver import run
from gradcli.solvers.stopping import Ending
from tests.solvers import problems
from tests.solvers.problems import Compiled, Problem

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector

Method = type[Newton] | type[LBFGS]

METHODS = pytest.mark.parametrize("method", [Newton, LBFGS])
# From these starts the way down ends in a local minimum (Trigonometric, Ackley, Biggs), or where
# the gradient is below 1e-8 and the value above 1e-8.
ELSEWHERE: dict[Method, set[str]] = {
    Newton: {"Ackley (2-D)"},
    LBFGS: {"Trigonometric (n=3)", "Ackley (2-D)", "Biggs EXP6", "Gulf research and development"},
}
ALL = problems.published() + problems.MGH + problems.CLASSICS
FROM_STANDARD_STARTS = [
    pytest.param(method, problem, id=f"{method.name} {problem.name}")
    for method, elsewhere in ELSEWHERE.items()
    for problem in ALL
    if problem.name not in elsewhere
]


@pytest.mark.parametrize(("method", "problem"), FROM_STANDARD_STARTS)
def test_published_minima_are_reached(method: Method, problem: Problem) -> None:
    outcome = run(method(problem.function, problem.point, box=problem.box))
    assert outcome.reason.ending is Ending.CONVERGED, outcome.reason
    within = 1e-8 * max(1.0, abs(problem.minimum))
    assert outcome.record.value <= problem.minimum + within


@METHODS
@pytest.mark.parametrize("problem", problems.bounded(), ids=lambda p: p.name)
def test_published_minima_within_bounds_are_reached(method: Method, problem: Problem) -> None:
    # Moré, Garbow and Hillstrom print these to six digits; minima.json has more.
    outcome = run(method(problem.function, problem.point, box=problem.box))
    assert outcome.reason.ending is Ending.CONVERGED
    assert outcome.record.value == pytest.approx(problem.minimum, rel=1e-8, abs=1e-14)


@METHODS
@pytest.mark.parametrize("text", ["x", "-x^2", "-exp(x)"])
def test_what_has_no_minimum_is_said_to_have_none(method: Method, text: str) -> None:
    outcome = run(method(Compiled(text, ["x"]), np.array([1.0])))
    assert outcome.reason.ending is Ending.DIVERGED
    assert "falls without limit" in outcome.reason.sentence
    assert outcome.steps < 300


@METHODS
def test_a_stopped_run_goes_on_bit_for_bit(method: Method) -> None:
    problem = problems.published()[1]
    whole, halves, other = (method(problem.function, problem.point) for _ in range(3))
    for _ in range(60):
        whole.step()
    for _ in range(25):
        halves.step()
    other.restore(json.loads(json.dumps(halves.state(), default=np.ndarray.tolist)))
    for _ in range(35):
        other.step()
    assert other.point.tobytes() == whole.point.tobytes()
    assert (other.value, other.rate) == (whole.value, whole.rate)


@METHODS
def test_earlier_points_are_not_changed(method: Method) -> None:
    problem = problems.published()[0]
    kept: list[tuple[Vector, list[float]]] = []
    run(
        method(problem.function, problem.point),
        observer=Each(lambda r: kept.append((r.point, r.point.tolist()))),
    )
    assert len(kept) > 10
    assert all(point.tolist() == copy for point, copy in kept)
