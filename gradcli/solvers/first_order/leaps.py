"""Many steps of a first-order method at once: what it stands on, as a loop of programs sees it."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from gradcli.programs.engines import Steps, repays
from gradcli.programs.loop import Loop, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.programs.engines import Formula
    from gradcli.programs.loop import Stretch
    from gradcli.solvers.first_order.rules import Memory, Rule
    from gradcli.solvers.first_order.schedules import Schedule

KEPT = 3
"""How many of the last leaps can be retraced."""

Parts = tuple[float, "list[float]", "list[float]", "list[Memory]"]
"""Value, point, gradient and memory."""


class Leaps:
    """Takes many steps at once, and remembers where the last leaps began."""

    def __init__(
        self,
        formula: Formula,
        rule: Rule,
        bounds: Sequence[tuple[float, float] | None],
        tolerance: float,
    ) -> None:
        self._formula = formula
        self._rule = rule
        self._bounds = bounds
        self._tolerance = tolerance
        self._engine = self._made() if repays(formula.engine, 0.0) else None
        self._last: deque[tuple[Order, int]] = deque(maxlen=KEPT)

    @property
    def is_made(self) -> bool:
        """Whether the loop is compiled already."""
        return self._engine is not None

    def order(
        self,
        before: int,
        state: Parts,
        rates: float | Sequence[float],
        most: int,
        lowest: float,
    ) -> Order:
        """Return the order for up to `most` steps from a state that `before` steps led to."""
        value, point, gradient, memory = state
        flat = [value, *point, *gradient, *(number for kept in memory for number in kept)]
        return Order(flat, before, rates, most, self._threshold(), lowest)

    def take(self, order: Order, remaining: int) -> Stretch:
        """Return where the steps of an order lead, of `remaining` ones; see `Leaping`."""
        if self._engine is None:
            self._engine = self._made()
        found = self._engine.take(order, remaining)
        if found.steps:
            self._formula.counted(found.steps)
            self._last.append((order, found.steps))
        return found

    def retraced(self, step: int) -> tuple[Parts, float] | None:
        """Return the state after a step of one of the last leaps, and the step's rate."""
        for order, steps in reversed(self._last):
            count = step - order.before
            if 0 < count <= steps and self._engine is not None:
                again = self._engine.take(order._replace(most=count), remaining=count)
                # The step after it, which is wanted next, is not far from here.
                self._last.append((order.after(count, again.state), steps - count))
                return self.parted(again.state), order.rate(count)
        return None

    def parted(self, state: Sequence[float]) -> Parts:
        """Return value, point, gradient and memory, as far as the numbers of a state have them."""
        count, width = len(self._bounds), len(self._rule.memory)
        end = 1 + 2 * count
        kept = [tuple(state[end + i * width : end + (i + 1) * width]) for i in range(count)]
        return state[0], list(state[1 : 1 + count]), list(state[1 + count : end]), kept

    def _made(self) -> Steps:
        from gradcli.solvers.first_order.tracing import traced

        formula = self._formula
        names = list(formula.constants)
        stepping = traced(self._rule)
        loop = Loop(formula.program, formula.parameters, names, stepping, self._bounds)
        return Steps(loop, list(formula.constants.values()), formula.engine)

    def _threshold(self) -> float:
        """Return the square of a norm at which the point may have arrived, or -1."""
        if self._tolerance == 0:
            return -1.0
        # A little more, because the norm that decides is rounded otherwise.
        return max(self._tolerance * self._tolerance * (1 + 1e-9), sys.float_info.min)


def known_rates(
    schedule: Schedule | None, base: float, before: int, count: int
) -> float | list[float]:
    """Return the learning rate of all the steps after `before`, or of each as far as it is finite.

    The schedule must be one that is fixed.
    """
    if schedule is None:
        return float(base)
    rates: list[float] = []
    with suppress(OverflowError):
        rates.extend(schedule.rate(step, base) for step in range(before, before + count))
    return rates
