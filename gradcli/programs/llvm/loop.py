"""Many steps of a first-order method at once, as machine code."""

from __future__ import annotations

import ctypes
from functools import reduce
from operator import add, or_
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from gradcli.programs.llvm import machine
from gradcli.programs.llvm.emitter import emit
from gradcli.programs.llvm.numbers import (
    DOUBLE,
    LONG,
    POINTER,
    Double,
    Truth,
    address,
    constant,
    loaded,
    where,
)
from gradcli.programs.loop import (
    POINT,
    RATE,
    SLOPE,
    TIME,
    Loop,
    Order,
    Runner,
    Stretch,
    coefficient,
    kept,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def runner(loop: Loop, constants: Sequence[float]) -> Runner:
    """Return the loop as machine code."""
    doubles = ctypes.POINTER(ctypes.c_double)
    whole, number = ctypes.c_int64, ctypes.c_double
    kinds = [doubles, number, doubles, whole, whole, number, number, doubles, doubles]
    run = machine.compiled(source(loop)).function("steps", kinds, whole)
    count = len(loop.parameters)
    here = 1 + 2 * count  # value, point and gradient
    fixed = _array(constants)
    now = (number * (here + loop.memory * count))()
    there = (number * (here + 1))()

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


def source(loop: Loop) -> str:
    """Return the module with the function `steps`, which returns how many steps it took.

    Its arguments are the state, which it changes, how many steps led there, the rates, their
    stride (0 or 1), the most steps to take, the threshold, the lowest value, the array for
    the best state and its step, and the constants.
    """
    module = ir.Module("loop")
    kind = ir.FunctionType(
        LONG,
        [POINTER, DOUBLE, POINTER, LONG, LONG, DOUBLE, DOUBLE, POINTER, POINTER],
    )
    made = ir.Function(module, kind, "steps")
    for argument in made.args:
        if argument.type == POINTER:
            argument.add_attribute("noalias")
    _Writer(loop, made).write()
    return str(module)


class _Writer:
    """Writes the function; what changes lies in slots, which LLVM makes registers."""

    def __init__(self, loop: Loop, made: ir.Function) -> None:
        self._loop = loop
        self._blocks = {
            name: made.append_basic_block(name)
            for name in ("entry", "head", "step", "keep", "best", "next", "end")
        }
        self._arguments = made.args
        self._here = 1 + 2 * len(loop.parameters)
        """How many numbers value, point and gradient are."""
        self._builder = builder = ir.IRBuilder(self._blocks["entry"])
        size = self._here + loop.memory * len(loop.parameters)
        self._state = [builder.alloca(DOUBLE) for _ in range(size)]
        self._lowest = builder.alloca(DOUBLE)
        self._done = builder.alloca(LONG)

    def _begin(self, block: str) -> tuple[ir.IRBuilder, dict[str, ir.Block]]:
        self._builder.position_at_end(self._blocks[block])
        return self._builder, self._blocks

    def write(self) -> None:
        """Write the function."""
        state, before, rates, stride, most, threshold, lowest, best, constants = self._arguments
        builder, blocks = self._begin("entry")
        fixed = [loaded(builder, constants, index) for index in range(len(self._loop.constants))]
        for index, slot in enumerate(self._state):
            builder.store(loaded(builder, state, index).value, slot)
        builder.store(lowest, self._lowest)
        builder.store(LONG(0), self._done)
        builder.branch(blocks["head"])

        builder, blocks = self._begin("head")
        done = builder.load(self._done)
        builder.cbranch(builder.icmp_signed("<", done, most), blocks["step"], blocks["end"])

        builder, blocks = self._begin("step")
        rate = loaded(builder, rates, builder.mul(done, stride))
        following = builder.add(done, LONG(1))
        time = Double(builder, builder.fadd(before, builder.sitofp(following, DOUBLE)))
        new, is_right = self._step(rate, time, fixed)
        builder.cbranch(is_right.value, blocks["keep"], blocks["end"])

        builder, blocks = self._begin("keep")
        for number, slot in zip(new, self._state, strict=True):
            builder.store(number.value, slot)
        builder.store(following, self._done)
        is_lower = new[0] < Double(builder, builder.load(self._lowest))
        builder.cbranch(is_lower.value, blocks["best"], blocks["next"])

        builder, blocks = self._begin("best")
        builder.store(new[0].value, self._lowest)
        for index, number in enumerate(new[: self._here]):
            builder.store(number.value, address(builder, best, index))
        step = builder.sitofp(following, DOUBLE)
        builder.store(step, address(builder, best, self._here))
        builder.branch(blocks["next"])

        builder, blocks = self._begin("next")
        has_arrived = self._square(new) <= Double(builder, threshold)
        builder.cbranch(has_arrived.value, blocks["end"], blocks["head"])

        builder, blocks = self._begin("end")
        for index, slot in enumerate(self._state):
            builder.store(builder.load(slot), address(builder, state, index))
        builder.ret(builder.load(self._done))

    def _step(self, rate: Double, time: Double, fixed: list[Double]) -> tuple[list[Double], Truth]:
        """Return the state after a step, and whether it can be trusted."""
        loop, builder = self._loop, self._builder
        count = len(loop.parameters)
        current = [Double(builder, builder.load(slot)) for slot in self._state]
        points, slopes = current[1 : 1 + count], current[1 + count : self._here]
        coefficients, update = loop.stepping
        now, fault = emit(builder, coefficients, {TIME: time, RATE: rate})
        faults = [fault]
        shared = {coefficient(index): number for index, number in enumerate(now)}
        moved, remembered = [], []
        for i in range(count):
            start = self._here + loop.memory * i
            own = {kept(k): current[start + k] for k in range(loop.memory)}
            local = {POINT: points[i], SLOPE: slopes[i], **own, **shared}
            (new, *rest), fault = emit(builder, update, local)
            faults.append(fault)
            moved.append(new)
            remembered += rest
        inside = [
            x if limits is None else _clipped(x, limits)
            for x, limits in zip(moved, loop.bounds, strict=True)
        ]
        variables = dict(zip([*loop.parameters, *loop.constants], [*inside, *fixed], strict=True))
        (value, *found), fault = emit(builder, loop.function, variables)
        faults.append(fault)
        total = reduce(add, [value, *found, *moved])
        is_wrong = reduce(or_, [f for f in faults if f is not None], total.is_not_finite())
        is_right = Truth(builder, builder.not_(is_wrong.value))
        return [value, *inside, *found, *remembered], is_right

    def _square(self, state: list[Double]) -> Any:
        """Return the square of the norm of the part of the gradient that can be followed."""
        count = len(self._loop.parameters)
        points, slopes = state[1 : 1 + count], state[1 + count : self._here]
        squares = []
        for x, g, limits in zip(points, slopes, self._loop.bounds, strict=True):
            square = g * g
            if limits is not None:
                low, high = limits
                is_stopped = ((x <= low) & (g > 0.0)) | ((x >= high) & (g < 0.0))
                square = where(is_stopped, 0.0, square)
            squares.append(square)
        return reduce(add, squares)


def _clipped(x: Double, limits: tuple[float, float]) -> Double:
    low, high = (constant(x.builder, limit) for limit in limits)
    above = where(low > x, low, x)
    return where(high < above, high, above)
