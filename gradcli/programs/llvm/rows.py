"""Programs over long columns of numbers as machine code: one loop over the rows.

LLVM makes several rows at once of it. Sums are kept in registers for a block of rows, so their
additions come in another order than one after the other; nothing else is reordered. Blocks are
distributed over the processors, and their sums come back in the order of the blocks.
"""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.programs.llvm.emitter import BIT, DOUBLE, LONG, NEVER, POINTER, Double, Kernel, emit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.programs.program import Program

BLOCK = 8192
"""How many rows are summed before the sum is stored: the fewer, the smaller its error."""
AT_ONCE = 16
"""How many blocks a thread takes at a time."""
HANDOFF = 2e-4
"""Seconds: rows that one thread sums sooner are not shared; waking another takes about as long."""

IN_ANY_ORDER = ("reassoc", "contract", "nsz")
"""What LLVM may do with the additions of a sum, so that it can keep several parts of it."""
ZERO = DOUBLE(-0.0)
"""What a sum begins with; 0.0 would change the sign of a sum of negative zeros."""


def sums(
    program: Program,
    pairs: Sequence[tuple[int, int]],
    columns: Sequence[str],
    shared: Sequence[str],
) -> Callable[..., list[list[float]] | None]:
    """Return the function that sums products of two numbers of each row.

    It is that of `programs.engine.sums`, but for a fault, where the result is None: then a step may
    have no value although the sums have one.
    """
    kernel = sums_kernel(program, pairs, columns, shared).function()
    pace = math.inf  # seconds for a block, the fastest so far

    def run(first: int, last: int, *values: Any) -> list[list[float]] | None:
        constants = np.array(values[: len(shared)], np.float64)
        arrays = [column.ctypes.data for column in values[len(shared) :]]
        found = np.empty((-(-(last - first) // BLOCK), len(pairs)))

        faults: list[int] = []

        def work(start: int, stop: int) -> None:
            nonlocal pace
            began = time.perf_counter()
            rows = first + start * BLOCK, min(first + stop * BLOCK, last)
            if kernel(*rows, BLOCK, constants.ctypes.data, found[start:].ctypes.data, *arrays):
                faults.append(start)
            pace = min(pace, (time.perf_counter() - began) / max(1, stop - start))

        in_threads(work, len(found), AT_ONCE if pace * len(found) > HANDOFF else len(found))
        return None if faults else found.tolist()

    return run


def filling(program: Program, columns: Sequence[str], shared: Sequence[str]) -> Callable[..., bool]:
    """Return the function that puts the outputs of each row into arrays.

    It takes the number of rows, the values of the names `shared`, the columns, and an array for
    each output; all arrays are contiguous. It returns whether there was a fault, or an output that
    is not finite.
    """
    kernel = _filling_kernel(program, columns, shared).function()

    def run(rows: int, *values: Any) -> bool:
        constants = np.array(values[: len(shared)], np.float64)
        arrays = [array.ctypes.data for array in values[len(shared) :]]
        return bool(kernel(0, rows, constants.ctypes.data, *arrays))

    return run


def sums_kernel(
    program: Program,
    pairs: Sequence[tuple[int, int]],
    columns: Sequence[str],
    shared: Sequence[str],
) -> Kernel:
    """Return `i1 run(first, last, size, double* shared, double* sums, double* column…)`."""
    kinds = [LONG, LONG, LONG, *[POINTER] * (2 + len(columns))]
    kernel = Kernel(BIT, kinds, is_vectorised=True)
    first, last, size, constants, results, *data = kernel.arguments
    builder, known = kernel.builder, kernel.named(constants, shared)
    arrays = dict(zip(columns, data, strict=True))
    fault, target = kernel.slot(NEVER), kernel.slot(results)
    totals = [kernel.slot(ZERO) for _ in pairs]
    with kernel.loop(first, last, size) as start:
        for total in totals:
            builder.store(ZERO, total)
        beyond = builder.add(start, size, flags=["nsw"])
        stop = builder.select(builder.icmp_signed("<", beyond, last), beyond, last)
        with kernel.loop(start, stop, LONG(1)) as row:
            of_row = known | {name: kernel.loaded(array, row) for name, array in arrays.items()}
            outputs, found = emit(builder, program, of_row)
            builder.store(builder.or_(builder.load(fault), found.value), fault)
            numbers = dict(zip(program.outputs, outputs, strict=True))
            for total, (left, right) in zip(totals, pairs, strict=True):
                product = numbers[left].value
                if right >= 0:
                    product = builder.fmul(product, numbers[right].value, flags=["contract"])
                grown = builder.fadd(builder.load(total), product, flags=IN_ANY_ORDER)
                builder.store(grown, total)
        sums_of = builder.load(target)
        kernel.store([Double(builder, builder.load(total)) for total in totals], sums_of)
        builder.store(kernel.address(sums_of, len(pairs)), target)
    builder.ret(builder.load(fault))
    return kernel


def _filling_kernel(program: Program, columns: Sequence[str], shared: Sequence[str]) -> Kernel:
    """Return `i1 run(first, last, double* shared, double* column…, double* output…)`."""
    count = len(columns) + len(program.outputs)
    kernel = Kernel(BIT, [LONG, LONG, POINTER, *[POINTER] * count], is_vectorised=True)
    first, last, constants, *data = kernel.arguments
    builder, known = kernel.builder, kernel.named(constants, shared)
    arrays = dict(zip(columns, data, strict=False))
    fault = kernel.slot(NEVER)
    with kernel.loop(first, last, LONG(1)) as row:
        of_row = known | {name: kernel.loaded(array, row) for name, array in arrays.items()}
        outputs, found = emit(builder, program, of_row)
        found = reduce(or_, [output.is_not_finite() for output in outputs], found)
        builder.store(builder.or_(builder.load(fault), found.value), fault)
        for output, array in zip(outputs, data[len(columns) :], strict=True):
            builder.store(output.value, kernel.address(array, row))
    builder.ret(builder.load(fault))
    return kernel


# ---------------------------------------------------------------- threads, which give up the GIL


def in_threads(work: Callable[[int, int], None], count: int, size: int) -> None:
    """Do work(start, stop) for parts of range(count), `size` each, in any order and side by side.

    The caller does its share and never waits for more than what another thread has started.
    """
    helpers = 0 if count <= size else min(idle(), -(-count // size) - 1)
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
