"""Which engine runs the steps of a first-order method: Python or machine code."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import UsageError, printable
from gradcli.runtime.generated import function
from gradcli.runtime.loop import runner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.runtime.loop import Loop, Order, Runner, Stretch
    from gradcli.runtime.program import Program

ENGINES = ("auto", "python", "native")
RUNNING = 3e-8
"""What an operation takes in Python, in seconds, roughly."""
STARTING, COMPILING = 0.05, 1e-4
"""What LLVM takes before the first operation, and for each of them."""
NATIVE_RUNS = 100
"""After so many runs a program is machine code where the user wants that."""
WORTH = 3
"""Machine code is made when Python takes so many times as long as LLVM needs for that."""


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
        self._run: Runner | None = None
        self._is_final = False
        self._spent = 0.0
        if engine == "native":
            self._chosen(0)

    def take(self, order: Order, remaining: int) -> Stretch:
        """Take the steps of an order, of so many that may remain."""
        run = self._chosen(remaining)
        start = time.perf_counter()
        stretch = run(order)
        self._spent += time.perf_counter() - start
        return stretch

    def _chosen(self, remaining: int) -> Runner:
        if not self._is_final and self._is_worth_it(remaining):
            self._is_final = True
            if self._can_be_native():
                from gradcli.native.loop import runner as native

                self._run = native(self._loop, self._constants)
        if self._run is None:
            self._run = runner(self._loop, self._constants)
        return self._run

    def _is_worth_it(self, remaining: int) -> bool:
        if self._engine != "auto":
            return self._engine == "native"
        expected = remaining * self._loop.size * RUNNING
        return max(expected, self._spent) > WORTH * _making(self._loop.size)

    def _can_be_native(self) -> bool:
        return can_be_native((self._loop.function, *self._loop.stepping), self._engine)


def _making(size: int) -> float:
    """Return how many seconds LLVM needs to make machine code of so many operations."""
    return STARTING + COMPILING * size


def can_be_native(programs: Sequence[Program], engine: str) -> bool:
    """Return whether programs can be machine code, and may be."""
    from gradcli.native.machine import is_available

    if engine == "python" or not is_available():
        return False
    from gradcli.native.emitter import supports

    return all(map(supports, programs))


class Compiled:
    """A program that is run again and again: in Python, until machine code has been repaid.

    Like that of `runtime.generated`, `run` raises ValueError, OverflowError or ZeroDivisionError
    where a step has no value, or returns nan or inf.
    """

    def __init__(
        self, program: Program, names: Sequence[str], engine: str, *, same_bits: bool = False
    ) -> None:
        self._program = program
        self._names = names
        self._engine = engine
        self.run = function(program, names, same_bits=same_bits)
        """From the values of the names to those of the outputs."""
        size = max(len(program.instructions), 1)
        worth = WORTH * _making(size) / (RUNNING * size)
        self.due = min(worth, NATIVE_RUNS) if engine == "native" else worth
        """After so many runs `speed_up` is to be called."""

    def speed_up(self) -> None:
        """Let `run` be machine code from now on, if it can."""
        self.due = math.inf
        if can_be_native([self._program], self._engine):
            from gradcli.native.functions import function as native

            self.run = native(self._program, self._names)
