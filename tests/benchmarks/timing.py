"""Seconds and memory: of functions, of whole processes, and of several things in turn.

What is compared is run in turn, A B C A B C …, and every ratio is of two runs that followed each
other, so that a machine which is slow for a while is slow for both.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LONG_ENOUGH = 0.02
"""Seconds that a measurement takes at least, so that the clock is fine enough for it."""


class Spread(NamedTuple):
    """The median of some numbers, and the least and the greatest of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Return the spread of numbers."""
        return cls(statistics.median(numbers), min(numbers), max(numbers))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return the spread of the ratios, run by run."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])


def in_turn(actions: Mapping[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """Return the seconds of every action in each run."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(runs):
        for name, action in actions.items():
            taken[name].append(action())
    return taken


class Clock(NamedTuple):
    """The seconds of the clock on the wall, or those that processors worked for this process.

    The latter say more on a machine that does other work as well, but sum up over threads.
    """

    is_processor: bool = False

    def now(self) -> float:
        """Return a time, of which differences count."""
        return time.process_time() if self.is_processor else time.perf_counter()

    def once(self, function: Callable[[], object]) -> float:
        """Return the seconds of one call."""
        start = self.now()
        function()
        return self.now() - start

    def repeated(self, function: Callable[[int], object]) -> Callable[[], float]:
        """Return an action: the seconds for each of so many repetitions as take long enough.

        `function` repeats something as often as it is told to.
        """
        count = 1
        while self.once(partial(function, count)) < LONG_ENOUGH:
            count *= 2
        many = partial(function, count)
        return lambda: self.once(many) / count

    def process(self, words: list[str], *, fails: bool = False) -> float:
        """Return the seconds of a whole process whose output goes nowhere.

        Raises RuntimeError when it fails, unless it may.
        """
        actions = [(os.POSIX_SPAWN_OPEN, place, os.devnull, os.O_RDWR, 0) for place in (0, 1, 2)]
        start = time.perf_counter()
        child = os.posix_spawnp(words[0], words, environment(), file_actions=actions)
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - start
        if status and not fails:
            message = f"{' '.join(words)} failed"
            raise RuntimeError(message)
        return used.ru_utime + used.ru_stime if self.is_processor else wall


def environment() -> dict[str, str]:
    """Return the environment of processes: Python may write bytecode, and numbers use one thread.

    Small products only wait for a second thread.
    """
    left_out = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "GRADCLI_NO_FAST"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def peak_memory() -> int:
    """Return the most bytes of memory that this process has had.

    It is asked of the process itself, because what the kernel tells about a child that has ended
    (ru_maxrss) includes the parent from which it was forked.
    """
    if not sys.platform.startswith("linux"):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return 1024 * int(kilobytes)
