"""When an objective has no minimum: how to tell that it falls without limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.solvers import stopping
from gradcli.solvers.stopping import Ending, Reason

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector

NOTHING = 1e-20
"""A step that is so small a share of how far the run has been is none, even at 0."""
FAR = 1e15
"""Points so many times farther away than the start, or 1, have no minimum between them."""
DEEP = 1e100
"""A value so many times farther below 0 than the start's from it is on its way to -infinity."""
DEEPEST = 1e300


class Start:
    """How large the variables and the value were where a run began."""

    def __init__(self, point: Vector, value: float) -> None:
        self.sizes: Vector = np.maximum(np.abs(point), 1.0)
        self.value = abs(value)

    def falling(self, point: Vector, value: float) -> Reason | None:
        """Return the reason of a run that is on its way to minus infinity; None while it is not."""
        deep = value < -min(DEEP * max(1.0, self.value), DEEPEST)
        if not deep and np.all(np.abs(point) <= FAR * self.sizes):
            return None
        last = stopping.short(value)
        sentence = f"diverged: the objective falls without limit (last value {last})"
        return Reason(Ending.DIVERGED, sentence)
