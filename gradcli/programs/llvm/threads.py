"""Work in several threads, for functions that give up the GIL."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def in_threads(work: Callable[[int, int], None], count: int, size: int) -> None:
    """Do work(start, stop) for parts of range(count), `size` each, in any order and side by side.

    The caller does its share and never waits for more than what another thread has started.
    """
    helpers = min(idle(), -(-count // size) - 1)
    if helpers < 1:
        work(0, count)
        return
    starts = iter(range(0, count, size))

    def share() -> None:
        for start in starts:  # all threads draw from it, and each gets its own
            work(start, min(start + size, count))

    # A child made by fork() has none of its parent's threads, so the process is part of the key.
    others = [pool(os.getpid()).submit(share) for _ in range(helpers)]
    share()
    for other in others:
        if not other.cancel():
            other.result()


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def idle() -> int:
    """Return how many processors nobody uses at this moment; on a busy machine threads only wait.

    Linux tells how many threads run, the caller's among them; elsewhere nobody else's does.
    """
    try:
        running = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        running = 1
    return processors() - running


@cache
def pool(process: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """Return the threads besides the caller's own."""
    return ThreadPoolExecutor(max(1, processors() - 1), thread_name_prefix="gradcli")
