"""Which engine runs the steps of a first-order method: Python or machine code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import UsageError, printable
from gradcli.runtime.loop import Leap, Loop, Stretch, leap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.runtime.program import Program

ENGINES = ("auto", "python", "native")
SECONDS = 0.1
"""A run that Python needs longer for is worth the start of LLVM, which takes about as long."""
SECONDS_PER_OPERATION = 3e-8
"""What an operation takes in Python, roughly."""
COMPILED = 3_000
"""Up to so many operations LLVM needs no more than a second."""


def check(engine: str) -> None:
    """Raise UsageError for an engine that does not exist or is not installed."""
    if engine not in ENGINES:
        message = f"--engine must be one of {', '.join(ENGINES)}, not '{printable(engine, 60)}'"
        raise UsageError(message)
    if engine == "native":
        from gradcli.native.machine import require

        require()


class Formula(NamedTuple):
    """An objective as a program, so that whole runs can be compiled."""

    program: Program
    """From the parameters and constants to the value and the derivative by each parameter."""
    parameters: Sequence[str]
    constants: Mapping[str, float]
    counted: Callable[[int], None]
    """Takes note of so many evaluations more."""
    engine: str
    """One of ENGINES."""


class Engine:
    """A loop that begins in Python and goes on as machine code when that is worth it.

    Both take the same steps, to the last bit; where machine code may differ in the last digits it
    runs only when it is asked for.
    """

    def __init__(self, loop: Loop, constants: Sequence[float], engine: str) -> None:
        self._loop = loop
        self._constants = constants
        self._engine = engine
        self._take: Leap | None = None
        self._is_final = False
        self._spent = 0.0

    def take(
        self,
        state: Sequence[float],
        before: int,
        rates: float | Sequence[float],
        most: int,
        threshold: float,
        lowest: float,
        *,
        remaining: int,
    ) -> Stretch:
        """Take steps, as `Leap` does, of so many that may remain."""
        run = self._chosen(remaining)
        start = time.perf_counter()
        stretch = run(state, before, rates, most, threshold, lowest)
        self._spent += time.perf_counter() - start
        return stretch

    def _chosen(self, remaining: int) -> Leap:
        if not self._is_final and self._is_worth_it(remaining):
            self._is_final = True
            if self._can_be_native():
                from gradcli.native.loop import leap as native

                self._take = native(self._loop, self._constants)
        if self._take is None:
            self._take = leap(self._loop, self._constants)
        return self._take

    def _is_worth_it(self, remaining: int) -> bool:
        if self._engine != "auto":
            return self._engine == "native"
        expected = remaining * self._loop.size * SECONDS_PER_OPERATION
        return min(expected, SECONDS) + self._spent > 2 * SECONDS or expected > 5 * SECONDS

    def _can_be_native(self) -> bool:
        from gradcli.native.machine import is_available

        if not is_available() or (self._engine == "auto" and self._loop.size > COMPILED):
            return False
        from gradcli.native import loop

        return loop.can_be(self._loop, exactly=self._engine == "auto")
