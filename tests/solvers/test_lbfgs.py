"""L-BFGS: published minima, bounds, many variables, and ends that say what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import minimize

from gradcli.errors import MathematicsError
from gradcli.solvers.first_order.lbfgs import LBFGS
from gradcli.solvers.solver import Outcome, run
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import Box
from tests.solvers import problems
from tests.solvers.problems import Compiled

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector


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
