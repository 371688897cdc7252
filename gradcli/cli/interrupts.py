"""Ctrl-C during a run: the step that is being made ends first, so that nothing is half written."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 1.0
"""Seconds that a step may take to its end; then, or at a second Ctrl-C, it is broken off."""


@contextmanager
def after_the_step() -> Iterator[Callable[[], bool]]:
    """Give the block a function that says whether Ctrl-C was pressed.

    KeyboardInterrupt is raised only when nobody asks for a second, or at the second Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread gets signals
        return
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    def lose_patience(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    alarm = signal.signal(signal.SIGALRM, lose_patience) if hasattr(signal, "SIGALRM") else None
    try:
        yield lambda: pressed
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, before)
        if alarm is not None:
            signal.signal(signal.SIGALRM, alarm)
