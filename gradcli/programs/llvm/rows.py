"""Programs over long columns of numbers as machine code: one loop over the rows.

LLVM makes several rows at once of it. Sums are kept in registers for a block of rows, so their
additions come in another order than one after the other; nothing else is reordered. Blocks are
distributed over the processors, and their sums come back in the order of the blocks.
"""

from __future__ import annotations

import ctypes
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from gradcli.programs.llvm import machine
from gradcli.programs.llvm.emitter import emit
from gradcli.programs.llvm.machine import vectorised
from gradcli.programs.llvm.numbers import BIT, DOUBLE, LONG, POINTER, Double, address, loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.programs.llvm.numbers import Truth
    from gradcli.programs.program import Program

BLOCK = 8192
"""How many rows are summed before the sum is stored: the fewer, the smaller its error."""
AT_ONCE = 16
"""How many blocks a thread takes at a time."""

_SIGNATURE = re.compile(r"(?m)^(define .*\))$")

IN_ANY_ORDER = ("reassoc", "contract", "nsz")
"""What LLVM may do with the additions of a sum, so that it can keep several parts of it."""


def sums(
    program: Program,
    pairs: Sequence[tuple[int, int]],
    columns: Sequence[str],
    shared: Sequence[str],
) -> Callable[..., list[list[float]] | None]:
    """Return the function that sums products of two numbers of each row.

    It is that of `programs.rows.sums`, but for a fault, where the result is None: then a step may
    have no value although the sums have one.
    """
    code = machine.compiled(sums_source(program, pairs, columns, shared), is_vectorised=True)
    arguments = [ctypes.c_int64] * 3 + [ctypes.c_void_p] * (2 + len(columns))
    kernel = code.function("run", arguments, ctypes.c_bool)

    def run(first: int, last: int, *values: Any) -> list[list[float]] | None:
        constants = np.array(values[: len(shared)], np.float64)
        arrays = [column.ctypes.data for column in values[len(shared) :]]
        found = np.empty((-(-(last - first) // BLOCK), len(pairs)))

        faults: list[int] = []

        def work(start: int, stop: int) -> None:
            rows = first + start * BLOCK, min(first + stop * BLOCK, last)
            if kernel(*rows, BLOCK, constants.ctypes.data, found[start:].ctypes.data, *arrays):
                faults.append(start)

        in_threads(work, len(found), AT_ONCE)
        return None if faults else found.tolist()

    return run


def filling(program: Program, columns: Sequence[str], shared: Sequence[str]) -> Callable[..., bool]:
    """Return the function that puts the outputs of each row into arrays.

    It takes the number of rows, the values of the names `shared`, the columns, and an array for
    each output; all arrays are contiguous. It returns whether there was a fault, or an output that
    is not finite.
    """
    code = machine.compiled(_filling_source(program, columns, shared), is_vectorised=True)
    count = len(columns) + len(program.outputs)
    arguments = [ctypes.c_int64] * 2 + [ctypes.c_void_p] * (1 + count)
    kernel = code.function("run", arguments, ctypes.c_bool)

    def run(rows: int, *values: Any) -> bool:
        constants = np.array(values[: len(shared)], np.float64)
        arrays = [array.ctypes.data for array in values[len(shared) :]]
        return bool(kernel(0, rows, constants.ctypes.data, *arrays))

    return run


def sums_source(
    program: Program,
    pairs: Sequence[tuple[int, int]],
    columns: Sequence[str],
    shared: Sequence[str],
) -> str:
    """Return `i1 run(first, last, size, double* shared, double* sums, double* column…)`."""
    kinds = [LONG, LONG, LONG, POINTER, POINTER, *[POINTER] * len(columns)]
    kernel = _Kernel(kinds)
    first, last, size, constants, results, *data = kernel.arguments
    known = kernel.loaded(constants, shared)
    entry, each, loop, after, done = kernel.blocks("each", "loop", "after", "done")
    entry.cbranch(entry.icmp_signed("<", first, last), each.block, done.block)

    start, target, before = each.phi(LONG), each.phi(POINTER), each.phi(BIT)
    beyond = each.add(start, size, flags=["nsw"])
    stop = each.select(each.icmp_signed("<", beyond, last), beyond, last)
    each.branch(loop.block)

    row, fault = loop.phi(LONG), loop.phi(BIT)
    totals = [loop.phi(DOUBLE) for _ in pairs]
    outputs, hidden = kernel.row(loop, program, known, dict(zip(columns, data, strict=True)), row)
    numbers = dict(zip(program.outputs, outputs, strict=True))
    grown = []
    for total, (left, right) in zip(totals, pairs, strict=True):
        product = numbers[left].value
        if right >= 0:
            product = loop.fmul(product, numbers[right].value, flags=["contract"])
        grown.append(loop.fadd(total, product, flags=IN_ANY_ORDER))
    fault_now = fault if hidden is None else loop.or_(fault, hidden.value)
    following = loop.add(row, LONG(1), flags=["nsw"])
    loop.cbranch(loop.icmp_signed("<", following, stop), loop.block, after.block)

    for k, total in enumerate(grown):
        after.store(total, address(after, target, k))
    next_target = address(after, target, len(pairs))
    after.cbranch(after.icmp_signed("<", stop, last), each.block, done.block)
    result = done.phi(BIT)
    done.ret(result)

    _incoming(start, (first, entry), (stop, after))
    _incoming(target, (results, entry), (next_target, after))
    _incoming(before, (BIT(0), entry), (fault_now, after))
    _incoming(row, (start, each), (following, loop))
    _incoming(fault, (before, each), (fault_now, loop))
    for total, now in zip(totals, grown, strict=True):
        _incoming(total, (DOUBLE(-0.0), each), (now, loop))
    _incoming(result, (BIT(0), entry), (fault_now, after))
    return kernel.text()


def _filling_source(program: Program, columns: Sequence[str], shared: Sequence[str]) -> str:
    """Return `i1 run(first, last, double* shared, double* column…, double* output…)`."""
    arrays = len(columns) + len(program.outputs)
    kernel = _Kernel([LONG, LONG, POINTER, *[POINTER] * arrays])
    first, last, constants, *data = kernel.arguments
    known = kernel.loaded(constants, shared)
    entry, loop, done = kernel.blocks("loop", "done")
    entry.cbranch(entry.icmp_signed("<", first, last), loop.block, done.block)

    row, fault = loop.phi(LONG), loop.phi(BIT)
    named = dict(zip(columns, data, strict=False))
    outputs, hidden = kernel.row(loop, program, known, named, row)
    for output, array in zip(outputs, data[len(columns) :], strict=True):
        loop.store(output.value, address(loop, array, row))
    wrong = reduce(or_, [n.is_not_finite() for n in outputs] + ([] if hidden is None else [hidden]))
    fault_now = loop.or_(fault, wrong.value)
    following = loop.add(row, LONG(1), flags=["nsw"])
    loop.cbranch(loop.icmp_signed("<", following, last), loop.block, done.block)
    result = done.phi(BIT)
    done.ret(result)

    _incoming(row, (first, entry), (following, loop))
    _incoming(fault, (BIT(0), entry), (fault_now, loop))
    _incoming(result, (BIT(0), entry), (fault_now, loop))
    return kernel.text()


class _Kernel:
    """The function `run` of a module of its own."""

    def __init__(self, kinds: Sequence[Any]) -> None:
        self._module = ir.Module("rows")
        self._made = ir.Function(self._module, ir.FunctionType(BIT, kinds), "run")
        for argument in self._made.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        self.arguments = self._made.args
        self._entry = ir.IRBuilder(self._made.append_basic_block("entry"))

    def loaded(self, array: Any, names: Sequence[str]) -> dict[str, Double]:
        """Return the numbers of an array, read before everything else, by name."""
        return {name: loaded(self._entry, array, k) for k, name in enumerate(names)}

    def blocks(self, *names: str) -> list[Any]:
        """Return builders at the function's beginning and in new blocks."""
        return [self._entry, *(ir.IRBuilder(self._made.append_basic_block(n)) for n in names)]

    def row(
        self,
        builder: Any,
        program: Program,
        known: dict[str, Double],
        columns: dict[str, Any],
        row: Any,
    ) -> tuple[list[Double], Truth | None]:
        """Return the outputs of a program for a row, and whether there is a fault."""
        values = {name: Double(builder, number.value) for name, number in known.items()}
        values |= {name: loaded(builder, array, row) for name, array in columns.items()}
        return emit(builder, program, values)

    def text(self) -> str:
        """Return the module."""
        # Wide registers are spilled around a call, where they must not cross lines of the cache.
        text = _SIGNATURE.sub(r'\1 "stackrealign"', str(self._module))
        return vectorised(text)


def _incoming(phi: Any, *ways: tuple[Any, Any]) -> None:
    """Add the incoming values of a phi, each with the block that it comes from."""
    for value, builder in ways:
        phi.add_incoming(value, builder.block)


# ---------------------------------------------------------------- threads, which give up the GIL


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
