"""The loop of a trust region with a model of a line, and what shows that a run leads nowhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from gradcli.solvers import stopping
from gradcli.solvers.newton import IDLE
from gradcli.solvers.stopping import Ending
from gradcli.solvers.trust_region import TRIALS, Progress, Trial, TrustRegion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.solvers.solver import Vector
    from gradcli.solvers.stopping import Reason


class Spot(NamedTuple):
    """A point of a line."""

    point: Vector
    length: float = 1.0
    value: float = 0.0
    gradient_norm: float = 1.0


class Line(TrustRegion[Spot]):
    """A model that promises a fall of 1 over a step as long as the radius, from 0 upwards."""

    def __init__(self, falls: list[float], length: float = 1.0) -> None:
        self.radii: list[float] = []
        self.undamped: list[list[float]] = []
        self.has_another_way = True
        self._at = Spot(np.zeros(1))
        self._falls = falls
        self._length = length
        self._radius = 1.0

    def _is_settled(self) -> bool:
        return not self._falls

    def _trial(self) -> Trial:
        self.radii.append(self._radius)
        length = self._length * self._radius
        return Trial(np.array([length]), length, 1.0, -2.0)

    def _look(self, trial: Trial) -> tuple[float, Spot | None]:
        fall = self._falls.pop(0) if self._falls else -1.0
        return fall, Spot(self.point + trial.length) if fall >= 1e-4 else None

    def _accept(self, there: Spot) -> None:
        self._at = there

    def _undamped(self) -> Iterator[Spot]:
        lengths = self.undamped.pop(0) if self.undamped else []
        yield from (Spot(np.array([length]), length) for length in lengths)

    def _verdict(self) -> Reason:
        return stopping.stalled("no way on")

    def _goes_on(self) -> bool:
        again, self.has_another_way = self.has_another_way, False
        return again

    @property
    def radius(self) -> float:
        return self._radius


def lowest(slope: float, fall: float) -> float:
    """Return where the parabola with a slope at 0 and a fall at 1 is lowest, by numpy."""
    shares = np.array([0.0, 1e-3, 1.0])
    bend = -fall - slope
    bend, slope, _ = np.polyfit(shares, slope * shares + bend * shares**2, 2)
    return float(-slope / (2 * bend))


@pytest.mark.parametrize(
    ("fall", "length", "radius"),
    [
        (1.0, 1.0, 2.0),  # as promised: the region grows
        (0.75, 1.0, 2.0),
        (0.5, 1.0, 1.0),  # neither good nor poor
        (0.5, 0.3, 0.6),  # a step well inside: the region follows it
        (0.25, 1.0, 0.5),
        (0.1, 0.3, 0.15),
        (-1.0, 1.0, lowest(-2.0, -1.0)),
        (-3.0, 1.0, lowest(-2.0, -3.0)),
        (-1e9, 1.0, 0.1),
        (-math.inf, 1.0, 0.1),  # undefined
    ],
)
def test_the_region_follows_what_came_of_a_step(fall: float, length: float, radius: float) -> None:
    """The rule of MINPACK's lmder: 1/10 to 1/2 where the step was poor, twice where it was good."""
    falls = [fall] if fall > 0 else [fall, 0.5]
    solver = Line(falls, length)
    assert solver.step() is None
    after = solver.radius if fall > 0 else solver.radii[1]
    assert after == pytest.approx(radius, rel=1e-9)
    assert solver.point == pytest.approx(length * (1.0 if fall > 0 else radius), rel=1e-9)


def test_a_step_is_given_up_and_another_way_is_tried_once() -> None:
    solver = Line([-1.0] * 2 * TRIALS)
    assert solver.step() is None
    assert len(solver.radii) == TRIALS
    reason = solver.step()
    assert reason is not None
    assert reason.ending is Ending.STALLED
    assert solver.point == 0


def test_undamped_steps_are_taken_while_they_become_shorter() -> None:
    solver = Line([])
    solver.has_another_way = False
    solver.undamped = [[1.2, 0.5, 0.1], [0.49, 0.2], [0.19, 0.3]]
    lengths = []
    while solver.step() is None:
        lengths.append(float(solver.point[0]))
    assert lengths == [0.5, 0.2]
    assert not solver.radii  # the trust region is not asked again


def test_progress_is_lower_values_or_gradients() -> None:
    progress = Progress(np.array([0.5, 4.0]), 1.0, 1.0, IDLE)
    for _ in range(IDLE - 1):
        progress.observe(1.0 - 1e-13, 0.95, 1e-12)
    assert not progress.is_over
    copy = Progress(np.zeros(2), 5.0, 5.0, IDLE)
    copy.restore(progress.state())
    copy.observe(1.0 - 1e-13, 0.95, 1e-12)
    assert copy.is_over
    progress.observe(1.0 - 1e-9, 1.0, 1e-12)
    assert progress.state() == [1.0 - 1e-9, 1.0, 0, 1.0, 1.0, 4.0]
    progress.observe(1.0 - 2e-9, 1.0, 1e-6)  # too little, so far away
    assert progress.state()[2] == 1
    progress.observe(1.0, 0.8, 1e-6)
    assert progress.state() == [1.0 - 1e-9, 0.8, 0, 1.0, 1.0, 4.0]
