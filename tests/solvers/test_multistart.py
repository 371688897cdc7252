"""Several starts: where they are, what their ends have in common, and what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradcli.errors import MathematicsError
from gradcli.solvers.multistart import STEPS, distinct, points, runs
from gradcli.solvers.newton import Newton
from gradcli.solvers.solver import Outcome, Record, run
from gradcli.solvers.stopping import Ending, Reason
from gradcli.solvers.vectors import Box
from tests.solvers import problems
from tests.solvers.problems import Compiled, Problem

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector

SEVERAL = ["Six-hump camel", "Ackley (2-D)", "Levy (2-D)", "Griewank (2-D)", "Schwefel (2-D)"]
SEVERAL += ["Drop-wave", "Hosaki", "Trigonometric (n=3)", "Chebyquad (n=2)", "Easom"]
SEVERAL += ["Univariate Problem02", "Bohachevsky 2", "Osborne 1", "Gulf research and development"]
MANY = [p for p in problems.published() if p.name in SEVERAL] + problems.MULTIMODAL


def outcome(value: float, *point: float, ending: Ending = Ending.CONVERGED) -> Outcome:
    record = Record(3, value, np.array(point), 0.0, 1.0)
    return Outcome(record, Reason(ending, ""), 3, value, record)


def test_the_given_start_is_first_and_the_rest_repeats_for_a_seed() -> None:
    start, box = np.array([1.0, -2.0]), Box.unbounded(2)
    one, again, other = (points(start, box, 12, seed) for seed in (7, 7, 8))
    assert one[0].tolist() == start.tolist()
    assert len(one) == 12
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[1], other[1])


def test_a_box_is_filled_one_start_in_each_slice() -> None:
    box = Box(np.array([-4.0, 10.0]), np.array([4.0, 50.0]))
    spread = np.array(points(np.array([0.0, 20.0]), box, 41, 1)[1:])
    slices = np.floor((spread - box.lower) / (box.upper - box.lower) * 40)
    assert np.array_equal(np.sort(slices, axis=0), np.tile(np.arange(40.0)[:, None], 2))


def test_one_limit_is_kept_and_the_scales_are_mixed() -> None:
    box = Box(np.array([0.0]), np.array([np.inf]))
    spread = np.abs(np.concatenate(points(np.array([1e-3]), box, 101, 1)[1:]) - 1e-3)
    assert np.all(spread >= -1e-3)
    assert 10 < np.sum(spread < 1e-2) < 90  # sizes of the start itself
    assert np.sum(spread > 0.1) > 20  # sizes of 1


def test_ends_are_grouped_and_sorted() -> None:
    found = distinct(
        [
            outcome(2.0, 1.0),
            outcome(1.0, 5.0),
            outcome(2.0 + 1e-10, 1.0 + 1e-6),
            outcome(1.0, -5.0),
            outcome(-1e99, 1e50, ending=Ending.DIVERGED),
            outcome(1.5, 3.0, ending=Ending.COMPLETED),
            outcome(0.5, 4.0, ending=Ending.EXHAUSTED),
        ]
    )
    values = [(m.outcome.record.value, m.outcome.record.point[0], m.times) for m in found]
    assert [m.is_converged for m in found] == [False, True, True, True]
    assert values == [(0.5, 4.0, 1), (1.0, 5.0, 1), (1.0, -5.0, 1), (2.0, 1.0, 2)]


def test_when_all_diverge_that_is_the_result() -> None:
    found = distinct([outcome(-1e99, 1.0, ending=Ending.DIVERGED)])
    assert found[0].outcome.reason.ending is Ending.DIVERGED


def test_an_end_where_one_run_converged_is_a_minimum() -> None:
    found = distinct([outcome(1.0, 2.0), outcome(1 - 1e-12, 2.0, ending=Ending.EXHAUSTED)])
    assert [(m.times, m.is_converged) for m in found] == [(2, True)]


def test_the_widest_box_and_starts_at_its_end() -> None:
    """Its width is too large for a double."""
    box = Box(np.array([-1e308, -np.inf]), np.array([1e308, np.inf]))
    found = points(np.array([3.0, 1e308]), box, 20, 1)
    assert all(np.all(np.isfinite(point)) and np.all(np.abs(point) < 1.8e308) for point in found)
    spread = sorted(point[0] for point in found[1:])
    assert spread[0] < -8e307
    assert spread[-1] > 8e307


def test_starts_without_a_value_are_drawn_again() -> None:
    function = Compiled("x-log(x)", ["x"])
    found = runs(lambda x: run(Newton(function, x)), np.array([0.2]), Box.unbounded(1), 20, 1)
    assert len(found.outcomes) == 20
    assert found.undefined > 0
    minima = distinct(found.outcomes)
    assert [m.times for m in minima] == [20]
    assert minima[0].outcome.record.value == pytest.approx(1, rel=1e-14)


def test_no_start_with_a_value_is_an_error() -> None:
    def attempt(point: Vector) -> Outcome:
        raise MathematicsError(f"undefined at {point}")

    with pytest.raises(MathematicsError, match=r"undefined at \[3\.\]"):
        runs(attempt, np.array([3.0]), Box.unbounded(1), 4, 1)


def test_runs_that_diverge_do_not_hide_a_minimum() -> None:
    # By hand: x³ - 3x has its only minimum, -2, at 1, and falls without limit to the left.
    function = Compiled("x^3-3*x", ["x"])
    found = runs(lambda x: run(Newton(function, x)), np.array([-4.0]), Box.unbounded(1), 20, 1)
    assert found.outcomes[0].reason.ending is Ending.DIVERGED
    best = distinct(found.outcomes)[0]
    assert best.outcome.record.point[0] == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("problem", MANY, ids=lambda p: p.name)
def test_fifty_starts_find_the_global_minimum(problem: Problem) -> None:
    # Published minima; some functions are lower outside the region they were published for.
    function, box = problem.function, problem.box or Box.unbounded(len(problem.point))
    found = runs(
        lambda x: run(Newton(function, x, box=box), steps=STEPS), problem.point, box, 50, 1
    )
    best = distinct(found.outcomes)[0].outcome.record.value
    assert best <= problem.minimum + 1e-8 * max(1.0, abs(problem.minimum))
