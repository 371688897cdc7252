"""Many steps of a first-order method at once, as machine code."""

from __future__ import annotations

import ctypes
from functools import reduce
from operator import add, or_
from typing import TYPE_CHECKING, Any

from gradcli.programs.llvm.emitter import DOUBLE, LONG, MACHINE, POINTER, Double, Kernel, emit
from gradcli.programs.loop import RATE, TIME, Loop, Order, Runner, Stretch, clipped, squares, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.programs.llvm.emitter import Truth
    from gradcli.programs.program import Program


def runner(loop: Loop, constants: Sequence[float]) -> Runner:
    """Return the loop as machine code."""
    run = kernel(loop).function()
    count = len(loop.parameters)
    here = 1 + 2 * count  # value, point and gradient
    fixed = _array(constants)
    now = (ctypes.c_double * (here + loop.memory * count))()
    there = (ctypes.c_double * (here + 1))()

    def take(order: Order) -> Stretch:
        state, before, rates, most, threshold, lowest = order
        now[:] = list(state)
        there[here] = 0.0
        is_same = isinstance(rates, float)
        each = _array([rates] if isinstance(rates, float) else rates)
        most = most if isinstance(rates, float) else min(most, len(rates))
        steps = run(now, before, each, not is_same, most, threshold, lowest, there, fixed)
        best = int(there[here])
        return Stretch(steps, now[:], best, there[:here] if best else ())

    return take


def _array(numbers: Sequence[float]) -> Any:
    return (ctypes.c_double * max(len(numbers), 1))(*numbers)


def kernel(loop: Loop) -> Kernel:
    """Return the loop as a function that returns how many steps it took.

    Its arguments are the state, which it changes, how many steps led there, the rates, their
    stride (0 or 1), the most steps to take, the threshold, the lowest value, the array for
    the best state and its step, and the constants.
    """
    kinds = [POINTER, DOUBLE, POINTER, LONG, LONG, DOUBLE, DOUBLE, POINTER, POINTER]
    made = Kernel(LONG, kinds)
    state, before, rates, stride, most, threshold, lowest, best, constants = made.arguments
    builder = made.builder
    here = 1 + 2 * len(loop.parameters)
    size = here + loop.memory * len(loop.parameters)
    fixed = [made.loaded(constants, index) for index in range(len(loop.constants))]
    slots = [made.slot(made.loaded(state, index).value) for index in range(size)]
    lowest_so_far, done_so_far = made.slot(lowest), made.slot(LONG(0))
    end = builder.append_basic_block("finish")

    def emitted(program: Program, variables: Mapping[str, Double], _: str = "") -> list[Double]:
        outputs, fault = emit(builder, program, variables)
        faults.append(fault)
        return outputs

    with made.loop(LONG(0), most, LONG(1)) as done:
        faults: list[Truth] = []
        rate = made.loaded(rates, builder.mul(done, stride))
        following = builder.add(done, LONG(1))
        time = Double(builder, builder.fadd(before, builder.sitofp(following, DOUBLE)))
        now = [Double(builder, builder.load(slot)) for slot in slots]
        coefficients = emitted(loop.stepping.coefficients, {TIME: time, RATE: rate})
        new, finite = step(
            loop, emitted, lambda x, limits: clipped(MACHINE, x, *limits), now, coefficients, fixed
        )
        is_wrong = reduce(or_, faults, reduce(add, finite).is_not_finite())
        with builder.if_then(is_wrong.value):
            builder.branch(end)
        for number, slot in zip(new, slots, strict=True):
            builder.store(number.value, slot)
        builder.store(following, done_so_far)
        is_lower = new[0] < Double(builder, builder.load(lowest_so_far))
        with builder.if_then(is_lower.value):
            builder.store(new[0].value, lowest_so_far)
            made.store([*new[:here], Double(builder, builder.sitofp(following, DOUBLE))], best)
        has_arrived = reduce(add, squares(loop, MACHINE, new)) <= Double(builder, threshold)
        with builder.if_then(has_arrived.value):
            builder.branch(end)
    builder.branch(end)
    builder.position_at_end(end)
    made.store([Double(builder, builder.load(slot)) for slot in slots], state)
    builder.ret(builder.load(done_so_far))
    return made
