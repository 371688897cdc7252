"""A step of a fit on many machines, simulated: `python -m tests.benchmarks.scale`.

The rows lie in blocks, and each worker makes of its blocks, which follow each other, what the
driver needs. Workers end at slightly different times; whoever receives takes one answer after the
other. Two ways are compared: the one that is built, in which the driver gets the triangle of each
block, and a tree, in which a worker joins those that the fixed tree joins, and hands them to the
first of its group, which does the same before the driver gets them. Both join the same triangles in
the same order, and so give the same bits.

The seconds and bytes below are those of one machine and one network; what is printed follows from
them alone, so that the manual can show it.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from gradcli.data.rows import group_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_IN_BLOCK = group_rows({"x": (), "y": ()})
"""Rows of two columns that are added up together."""

WIRE = 1.25e9
"""Bytes a second of a network of 10 Gbit/s."""

MESSAGE = 2e-4
"""Seconds that a message costs whoever receives it: Dask needs 2.7 ms for two and back."""

ENVELOPE = 1000
"""Bytes of a message besides its numbers."""

ROWS_PER_SECOND = {10: 8e6, 50: 6e5}
"""Rows that one thread makes triangular in a second, by the number of parameters; measured."""

JOIN = {10: 1.4e-5, 50: 4.8e-5}
"""Seconds to join two triangles, by the number of parameters; measured."""

UNEVEN = 0.03
"""The standard deviation of the time that workers take, relative to its mean."""

GROUP = 64
"""Workers that hand their answers to one of them, in a tree."""

CASES = [
    (rows, parameters, workers)
    for rows, some in ((10**9, (10, 100, 1000)), (10**12, (1000, 10_000, 100_000)))
    for parameters in ROWS_PER_SECOND
    for workers in some
]


class Step(NamedTuple):
    """What a step costs."""

    messages: int
    received: float
    """Bytes that the driver gets."""
    driver: float
    """Seconds that the driver is busy."""
    seconds: float


def triangle(parameters: int) -> int:
    """Return the bytes of what a block gives: R with Qᵀr as a square, and the size of r."""
    return 8 * ((parameters + 1) ** 2 + 1)


def cover(start: int, stop: int) -> Iterator[range]:
    """Yield the largest nodes of a tree of pairs of pairs … that make the blocks start to stop."""
    while start < stop:
        most = 1 << ((stop - start).bit_length() - 1)
        end = start + (min(start & -start, most) if start else most)
        yield range(start, end)
        start = end


def nodes(start: int, stop: int) -> int:
    """Return how many nodes of the tree cover the blocks start to stop."""
    return sum(1 for _ in cover(start, stop))


def served(arrivals: list[tuple[float, float]]) -> float:
    """Return when the last of some answers is taken: they come at a time, each takes a while."""
    free = 0.0
    for time, takes in sorted(arrivals):
        free = max(free, time) + takes
    return free


def flat(rows: int, parameters: int, workers: int) -> Step:
    """Return the step in which the driver gets the triangle of each block."""
    blocks, taking = _shares(rows, parameters, workers)
    each = triangle(parameters) / WIRE + JOIN[parameters]
    starts = [w * blocks // workers for w in range(workers + 1)]
    own = [stop - start for start, stop in pairwise(starts)]
    out = workers * (8 * parameters + ENVELOPE) / WIRE
    busy = [MESSAGE + n * each + ENVELOPE / WIRE for n in own]
    ends = [(out + n * taking[w], busy[w]) for w, n in enumerate(own)]
    received = blocks * triangle(parameters) + workers * ENVELOPE
    return Step(2 * workers, received, out + sum(busy), served(ends))


def tree(rows: int, parameters: int, workers: int) -> Step:
    """Return the step in which workers, and then the first of each group, join what they can."""
    blocks, taking = _shares(rows, parameters, workers)
    size, join = triangle(parameters), JOIN[parameters]
    starts = [w * blocks // workers for w in range(workers + 1)]
    out = 2 * GROUP * (8 * parameters + ENVELOPE) / WIRE
    received, to_driver = 0, []
    for first in range(0, workers, GROUP):
        last = min(first + GROUP, workers)
        ends = []
        for w in range(first, last):
            own, left = starts[w + 1] - starts[w], nodes(starts[w], starts[w + 1])
            done = out + own * taking[w] + (own - left) * join
            ends.append((done, MESSAGE + (left * size + ENVELOPE) / WIRE + left * join))
        left = nodes(starts[first], starts[last])
        received += left * size + ENVELOPE
        to_driver.append((served(ends), MESSAGE + (left * size + ENVELOPE) / WIRE + left * join))
    busy = sum(takes for _, takes in to_driver)
    return Step(2 * workers + 2 * len(to_driver), received, out + busy, served(to_driver))


def _shares(rows: int, parameters: int, workers: int) -> tuple[int, list[float]]:
    """Return the number of blocks, and the seconds that each worker takes for one."""
    uneven = random.Random(workers)  # noqa: S311 - a simulation
    one = ROWS_IN_BLOCK / ROWS_PER_SECOND[parameters]
    taking = [one * max(0.5, uneven.gauss(1, UNEVEN)) for _ in range(workers)]
    return math.ceil(rows / ROWS_IN_BLOCK), taking


def limit(rows: int, parameters: int) -> int:
    """Return with how many workers, built as it is, the driver is as busy as each of them."""
    blocks = math.ceil(rows / ROWS_IN_BLOCK)
    work = rows / ROWS_PER_SECOND[parameters]
    least = blocks * (triangle(parameters) / WIRE + JOIN[parameters])
    each = MESSAGE + (8 * parameters + 2 * ENVELOPE) / WIRE
    # work/W = least + each·W
    return round(2 * work / (least + math.sqrt(least**2 + 4 * each * work)))


HEADS = (
    *("rows", "parameters", "workers", "messages", "to the driver", "driver busy", "step"),
    *("tree: to the driver", "driver busy", "step"),
)


def table() -> str:
    """Return the steps of all cases as Markdown."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
    for rows, parameters, workers in CASES:
        one, other = flat(rows, parameters, workers), tree(rows, parameters, workers)
        cells = [f"10^{len(str(rows)) - 1}", str(parameters), f"{workers:,}", f"{one.messages:,}"]
        for step in (one, other):
            cells += [_bytes(step.received), _seconds(step.driver), _seconds(step.seconds)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def limits() -> str:
    """Return where the driver becomes the limit, as Markdown."""
    lines = ["| rows | parameters | workers |", "| --- | --- | --- |"]
    for rows in (10**9, 10**12):
        for parameters in ROWS_PER_SECOND:
            found = f"{limit(rows, parameters):,}"
            lines.append(f"| 10^{len(str(rows)) - 1} | {parameters} | {found} |")
    return "\n".join(lines) + "\n"


def reading(rows: int = 10**12, columns: int = 2, workers: int = 1000) -> str:
    """Return what the rows themselves take."""
    size = 8 * rows * columns
    return (
        f"The rows themselves: two columns of 10^{len(str(rows)) - 1} numbers are {_bytes(size)}, "
        f"of which {workers:,} workers hold {_bytes(size / workers)} each, or read them again for "
        f"each evaluation, in {_seconds(size / workers / WIRE)} or more."
    )


def _bytes(count: float) -> str:
    power = int(math.log10(count) / 3)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:,.0f} s"


if __name__ == "__main__":
    print(table())
    print(limits())
    print(reading())
