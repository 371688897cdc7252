"""The step of a first-order rule for arrays: pass after pass by NumPy, or one of machine code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.programs import engines
from gradcli.programs.loop import POINT, SLOPE, coefficient, kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.first_order.rules import Coefficients, Functions, Memory, Next, Rule

SMALL = 2_000
"""Numbers up to which the few passes of NumPy cost no more than a call of machine code."""


class ArrayUpdate:
    """The `Update` of a rule for arrays; both ways give the same bits.

    `engine` is "python" for NumPy, "native" for machine code, or "auto" for machine code as soon
    as it is worth it.
    """

    def __init__(self, rule: Rule, engine: str) -> None:
        self._rule = rule
        self._engine = engine
        self._fused: Callable[..., bool] | None = None
        self._spent = 0.0
        self._is_final = False

    def __call__(self, p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        """Return the next point and memory. Raises MathematicsError for a point not finite."""
        if p.size <= SMALL:
            return self._passes(p, g, memory, now, of)
        if self._fused is None and not self._is_final and engines.repays(self._engine, self._spent):
            self._is_final = True
            self._fused = self._compiled(len(now))
        if self._fused is None:
            start = time.perf_counter()
            moved = self._passes(p, g, memory, now, of)
            self._spent += time.perf_counter() - start
            return moved
        given = [_whole(x, p.shape) for x in (p, g, *memory)]
        found = [np.empty(p.shape) for _ in (p, *memory)]
        if self._fused(p.size, *now, *given, *found):
            return self._passes(p, g, memory, now, of)
        return found[0], tuple(found[1:])

    def _passes(self, *given: Any) -> Next:
        moved = self._rule.update(*given)
        if not np.isfinite(moved[0]).all():
            what = "undefined" if np.isnan(moved[0]).any() else "infinite"
            raise MathematicsError(f"a parameter became {what}")
        return moved

    def _compiled(self, coefficients: int) -> Callable[..., bool] | None:
        from gradcli.solvers.first_order.tracing import traced

        update = traced(self._rule).update
        found = engines.faster(self._engine, update)
        columns = [POINT, SLOPE, *map(kept, range(len(self._rule.memory)))]
        shared = [*map(coefficient, range(coefficients))]
        return None if found is None else found.filling(update, columns, shared)


def _whole(x: Any, shape: tuple[int, ...]) -> Any:
    """Return a number or an array as an array without gaps."""
    return np.full(shape, x) if isinstance(x, float) else np.ascontiguousarray(x)
