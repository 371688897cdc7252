"""Which engine runs a program: the table of engines, and when machine code repays itself."""

from __future__ import annotations

import math
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from gradcli.options import check_word
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.programs.loop import Loop, Order, Runner, Stretch
    from gradcli.programs.program import Program

TABLE = {"python": "gradcli.programs.engine", "native": "gradcli.programs.llvm.machine"}
"""The module of each engine, which is an Engine; it is imported when it is asked for."""
PYTHON, AUTO = "python", "auto"
"""The engine that is always there, and the choice that goes on with a faster one if it repays."""

RUNNING = 3e-8
"""Seconds that an operation takes in generated Python, roughly."""
RUNNING_ROW = 5e-9
"""Seconds that NumPy takes for a row of a sum. They are counted, not measured, so that a run always
gives the same numbers."""
STARTING, COMPILING = 0.05, 1e-4
"""Seconds that LLVM takes before the first operation, and for each of them."""
VECTORISING = 0.3
"""Seconds more for a loop over rows. LLVM also takes 80 MB, and most fits are over before."""
WORTH = 3
"""Machine code repays itself when Python takes so many times as long as making it does."""
COMPILED_RUNS = 100
"""After so many runs a function is machine code where the user wants that."""


def choices() -> tuple[str, ...]:
    """Return what a user may choose from."""
    return (AUTO, *TABLE)


class Engine(Protocol):
    """What runs programs: a module with these functions."""

    def require(self) -> None:
        """Raise UsageError unless the engine can be used."""

    def obstacle(self, *programs: Program) -> str | None:
        """Return why it cannot run the programs, None if it can."""

    def function(
        self, program: Program, names: Sequence[str], *, same_bits: bool = False
    ) -> Callable[..., tuple[Any, ...]]:
        """Return the function from the values of the names to those of the outputs.

        It raises ValueError, OverflowError or ZeroDivisionError where a step has no value, or
        returns nan or inf. Numbers are those of the interpreter, and with `same_bits` arrays are.
        """

    def runner(self, loop: Loop, constants: Sequence[float]) -> Runner:
        """Return a loop of steps, ready to run."""

    def sums(
        self,
        program: Program,
        pairs: Sequence[tuple[int, int]],
        columns: Sequence[str],
        shared: Sequence[str],
    ) -> Callable[..., Any]:
        """Return the function that sums products of two numbers of each row.

        A pair holds two of the program's outputs, and -1 instead of the second stands for 1. The
        function takes the numbers of the first row and behind the last one, the values of the names
        `shared` and the columns, contiguous arrays. It returns the sums of each block; None where a
        step may have no value although the sums have one.
        """


class Compiler(Engine, Protocol):
    """An engine that makes machine code, which is faster than Python and takes time to make."""

    def filling(
        self, program: Program, columns: Sequence[str], shared: Sequence[str]
    ) -> Callable[..., bool]:
        """Return the function that puts the outputs of each row into arrays.

        It takes the number of rows, the values of the names `shared`, the columns, and an array for
        each output; all arrays are contiguous. It returns whether a step may have no value.
        """


def engine(name: str) -> Engine:
    """Return the engine of a name."""
    return cast("Engine", import_module(TABLE[name]))


def check(choice: str) -> None:
    """Raise UsageError for an engine that does not exist or is not installed."""
    check_word("engine", choice, choices())
    if choice != AUTO:
        engine(choice).require()


def faster(choice: str, *programs: Program) -> Compiler | None:
    """Return the engine that runs programs faster than Python; None if none can, or may."""
    for name in TABLE:
        if name != PYTHON and choice in {AUTO, name}:
            found = engine(name)
            if found.obstacle(*programs) is None:
                return cast("Compiler", found)
    return None


def repays(choice: str, seconds: float, size: int = 0, extra: float = 0.0) -> bool:
    """Return whether machine code of so many operations repays itself.

    `seconds` are those that Python takes for the same work, and `extra` ones are needed to make it.
    """
    if choice != AUTO:
        return choice != PYTHON
    return seconds > WORTH * (STARTING + extra + COMPILING * size)


class Formula(NamedTuple):
    """An objective as a program, so that whole runs can be compiled."""

    program: Program
    """From the parameters and constants to the value and the gradient."""
    parameters: Sequence[str]
    constants: Mapping[str, float]
    counted: Callable[[int], None]
    """Takes note of so many evaluations more."""
    engine: str
    """AUTO, or one of the table."""


class Steps:
    """A loop that begins in Python and goes on as machine code when that repays itself.

    Both take the same steps, to the last bit; where machine code may differ in the last digits it
    runs only when it is asked for.
    """

    def __init__(self, loop: Loop, constants: Sequence[float], choice: str) -> None:
        self._loop = loop
        self._constants = constants
        self._choice = choice
        self._run: Runner | None = None
        self._is_final = False
        self._spent = 0.0
        if repays(choice, 0.0):
            self._chosen(0)

    def take(self, order: Order, remaining: int) -> Stretch:
        """Take the steps of an order, of so many that may remain."""
        run = self._chosen(remaining)
        start = time.perf_counter()
        stretch = run(order)
        self._spent += time.perf_counter() - start
        return stretch

    def _chosen(self, remaining: int) -> Runner:
        loop = self._loop
        seconds = max(remaining * loop.size * RUNNING, self._spent)
        found: Engine | None = None
        if not self._is_final and repays(self._choice, seconds, loop.size):
            self._is_final = True
            found = faster(self._choice, loop.function, *loop.stepping)
        if found is not None or self._run is None:
            self._run = (found or engine(PYTHON)).runner(loop, self._constants)
        return self._run


class Compiled:
    """A function that is run again and again: in Python, until machine code has been repaid."""

    def __init__(
        self, program: Program, names: Sequence[str], choice: str, *, same_bits: bool = False
    ) -> None:
        from gradcli.programs.program import function

        self._made = program, names
        self._choice = choice
        self.run = function(program, names, same_bits=same_bits)
        """From the values of the names to those of the outputs; see Engine."""
        size = max(len(program.instructions), 1)
        due = WORTH * (STARTING + COMPILING * size) / (RUNNING * size)
        self.due = due if choice == AUTO else min(due, COMPILED_RUNS)
        """After so many runs `speed_up` is to be called."""

    def speed_up(self) -> None:
        """Let `run` be machine code from now on, if it can."""
        self.due = math.inf
        program, names = self._made
        found = faster(self._choice, program)
        if found is not None:
            self.run = found.function(program, names)
