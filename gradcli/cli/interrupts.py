"""Signals during a run: the step that is being made ends first, so that nothing is lost."""

from __future__ import annotations

# The part of `signal` in C: the rest takes a millisecond to import.
import _signal as signal  # type: ignore[import-not-found]
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gradcli.errors import Terminated
from gradcli.solvers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PATIENCE = 1.0
"""Seconds that a step may take to its end; then, or at a second signal, it is broken off."""


class Stop(Observer):
    """Whether a run is to end, by Ctrl-C, SIGTERM or SIGHUP, before its next step."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The first signal that came."""
        self._is_over = False

    def stop(self) -> bool:
        """Return whether a signal came; whoever asks will end the run, and may take time for it."""
        if self.number is not None:
            self.end()
        return self.number is not None

    def end(self) -> None:
        """Let what follows the run take its time: only a second signal breaks it off."""
        self._is_over = True
        _alarm(0)

    @property
    def code(self) -> int | None:
        """The exit code of a process that a signal ended; None without one."""
        return None if self.number is None else 128 + self.number

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Take note of a signal; the second one ends the block at once."""
        if self.number is not None:
            raise Terminated(number)
        self.number = number
        if not self._is_over:
            _alarm(PATIENCE)

    def lose_patience(self, _number: int, _frame: FrameType | None) -> None:
        """End the step that takes so long."""
        raise Terminated(self.number or signal.SIGINT)


@contextmanager
def after_the_step() -> Iterator[Stop]:
    """Give the block what says whether a signal came.

    Terminated, a KeyboardInterrupt, is raised only when nobody asks for a second, or at the second
    signal.
    """
    stop = Stop()
    threading = sys.modules.get("threading")  # without it there is one thread
    if threading is not None and threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread gets signals
        return
    handlers = dict.fromkeys(Terminated.SIGNALS, stop.take) | {"SIGALRM": stop.lose_patience}
    before = {
        name: signal.signal(getattr(signal, name), handler)
        for name, handler in handlers.items()
        if hasattr(signal, name)
    }
    try:
        yield stop
    finally:
        _alarm(0)
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
