"""What the C library does with the memory of arrays that come and go."""

from __future__ import annotations

import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The names of the settings in malloc.h."""
KEPT = 1 << 28
"""How many bytes may lie unused, 256 MiB."""
LARGEST = 1 << 25
"""The largest block of which this is possible, 32 MiB."""


@cache
def keep() -> None:
    """Keep the memory of arrays for the next ones, where the C library is glibc.

    It would give blocks of a MiB back to the system, which clears each anew when it is asked for:
    a step of a program with such arrays takes up to half as long again then. The whole process is
    concerned; glibc itself goes up to the same largest block, but only as such blocks are freed.
    """
    if sys.platform != "linux":
        return
    import ctypes

    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(M_TRIM_THRESHOLD, KEPT)
        setting(M_MMAP_THRESHOLD, LARGEST)
