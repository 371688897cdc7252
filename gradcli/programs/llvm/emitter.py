"""Programs and loops of steps to machine code.

One more target of gradcli.graph.bodies: what is written with its numbers, `1 / (1 + x)`, becomes
instructions where a builder of llvmlite stands. A body computes the same in the same order, with
the same functions of the C library, so that the numbers are those of Python. Both branches of
`where` are computed, so that a loop over rows can be vectorised; only `choose` jumps, in a function
of its own.

Nothing may be hidden. Where Python raises an exception, machine code has inf or nan, and these
usually reach the outputs, which the caller looks at. Where an operation could hide one, as 1/inf
and comparisons do, the emitter keeps a flag, the fault: when it is set the outputs do not count,
and Python has to look closely. What happens in a branch of `where` that is not taken is no fault.
"""

from __future__ import annotations

import ctypes
import re
import struct
from contextlib import contextmanager
from functools import cache, reduce
from operator import add, or_
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from gradcli.graph.bodies import Symbol, SymbolicTarget, applied
from gradcli.graph.operations import LEAVES, VARIABLE, WHERE, known_number
from gradcli.programs.llvm import machine
from gradcli.programs.loop import RATE, TIME, Loop, Order, Runner, Stretch, clipped, squares, step
from gradcli.programs.program import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gradcli.graph.bodies import Body
    from gradcli.programs.program import Instruction, Program

DOUBLE, BIT, LONG = ir.DoubleType(), ir.IntType(1), ir.IntType(64)
POINTER = DOUBLE.as_pointer()
NEVER = BIT(0)
_KINDS = {DOUBLE: ctypes.c_double, LONG: ctypes.c_int64, BIT: ctypes.c_bool}
"""What ctypes calls the types; all others are pointers."""
_SIGNATURE = re.compile(r"(?m)^(define .*\))$")
INSTRUCTIONS = {
    "+": "fadd",
    "-": "fsub",
    "*": "fmul",
    "/": "fdiv",
    "negative": "fneg",
    "and": "and_",
    "or": "or_",
    "xor": "xor",
}
"""What llvmlite calls the operators; the others compare."""


class Truth(Symbol):
    """A condition."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def done(self, sign: str, *parts: Any) -> Any:
        """Return what an operator makes of conditions."""
        write = getattr(self.builder, INSTRUCTIONS[sign])
        return Truth(self.builder, write(*[part.value for part in parts]))


class Double(Truth):
    """A number."""

    __slots__ = ()

    def done(self, sign: str, *parts: Any) -> Any:
        """Return what an operator makes of numbers."""
        builder = self.builder
        if sign == "abs":
            return call("fabs", self)
        values = [double(builder, part).value for part in parts]
        if sign in INSTRUCTIONS:
            return Double(builder, getattr(builder, INSTRUCTIONS[sign])(*values))
        compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
        return Truth(builder, compare(sign, *values))

    def is_not_finite(self) -> Truth:
        """Return whether it is inf, -inf or nan."""
        infinite = ir.Constant(DOUBLE, float("inf"))
        size = abs(self).value
        return Truth(self.builder, self.builder.fcmp_unordered("==", size, infinite))


def double(builder: Any, number: Double | float) -> Double:
    """Return a number that may be known now as a double."""
    if isinstance(number, Double):
        return number
    return Double(builder, ir.Constant(DOUBLE, float(number)))


def call(name: str, *arguments: Double) -> Double:
    """Return the value of a function that LLVM knows, or of one of the C library."""
    builder = arguments[0].builder
    module = builder.module
    kind = ir.FunctionType(DOUBLE, [DOUBLE] * len(arguments))
    if name in machine.INTRINSICS:
        function = module.declare_intrinsic(f"llvm.{name}", [DOUBLE], kind)
    else:
        function = module.globals.get(name) or ir.Function(module, kind, name)
        # LLVM may leave out, move and merge calls, but not put what it deems as good in their
        # place: its pow(x, 2) is not always the library's.
        for attribute in ("nobuiltin", "readnone", "nounwind"):
            function.attributes.add(attribute)
    return Double(builder, builder.call(function, [argument.value for argument in arguments]))


class Machine(SymbolicTarget):
    """Machine code, written where the builder of its numbers stands."""

    def call(self, name: str, *arguments: Double | float) -> Double:
        """Return a function of numbers."""
        builder = self.divided(arguments)[0][0].builder
        return call(name, *[double(builder, argument) for argument in arguments])

    def where(self, condition: Truth, x: Double | float, y: Double | float) -> Double:
        """Return x where the condition holds, else y; both are computed."""
        builder = condition.builder
        values = [double(builder, number).value for number in (x, y)]
        return Double(builder, builder.select(condition.value, *values))

    def constant(self, x: Double | float) -> float | None:
        """Return the value of a number that is known now, else None."""
        if not isinstance(x, Double):
            return x
        return float(x.value.constant) if isinstance(x.value, ir.Constant) else None

    def pick(self, table: Callable[[], list[float]], index: Double) -> Double:
        """Return the number of a table at an index, which must be one of its indices."""
        builder = index.builder
        name = f"table_{table.__name__}"
        numbers = builder.module.globals.get(name)
        if numbers is None:
            kind = ir.ArrayType(DOUBLE, len(table()))
            numbers = ir.GlobalVariable(builder.module, kind, name)
            numbers.linkage = "private"
            numbers.global_constant = True
            numbers.initializer = ir.Constant(kind, table())
        slot = builder.fptoui(index.value, ir.IntType(32))
        entry = builder.gep(numbers, [ir.Constant(ir.IntType(32), 0), slot], inbounds=True)
        return Double(builder, builder.load(entry, typ=DOUBLE))

    def choose(self, condition: Truth, f: Body, g: Body, *arguments: Any) -> Double:
        """Return f(m, *arguments) where the condition holds, else g(m, *arguments)."""
        builder = condition.builder
        numbers, known = self.divided(arguments)
        name = "_".join([f.__name__, "or", g.__name__, *map(str, known)])
        function = builder.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(DOUBLE, [BIT, *[DOUBLE] * len(numbers)])
            function = ir.Function(builder.module, kind, name)
            function.linkage = "internal"
            function.attributes.add("readnone")
            function.attributes.add("nounwind")
            entry = ir.IRBuilder(function.append_basic_block("entry"))
            blocks = [function.append_basic_block() for _ in range(2)]
            entry.cbranch(function.args[0], *blocks)
            for body, block in zip((f, g), blocks, strict=True):
                inside = ir.IRBuilder(block)
                inner = [Double(inside, value) for value in function.args[1:]]
                inside.ret(double(inside, body(self, *inner, *known)).value)
        values = [condition.value, *[number.value for number in numbers]]
        return Double(builder, builder.call(function, values))


MACHINE = Machine()


# ---------------------------------------------------------------- instructions


def emit(
    builder: Any, program: Program, variables: Mapping[str, Double]
) -> tuple[list[Double], Truth]:
    """Write a program's instructions where the builder stands; return its outputs and the fault.

    `variables` are the values of its free names, which must be finite. The fault is whether the
    outputs may be wrong although they are finite.
    """
    program = shared(program)
    values: dict[int, Double] = {}
    always_read = _always_read(program)
    fault = Truth(builder, NEVER)
    in_branch: dict[int, Truth] = {}
    """For a node that only branches read, whether it has a fault or reads one."""
    finite: set[int] = set()
    """The nodes that are finite unless there is a fault."""
    is_lost = cache(lambda node: values[node].is_not_finite())
    for instruction in program.instructions:
        operation, inputs, output, payload = instruction
        hidden = operation.hidden(len(inputs), payload)
        checked = dict.fromkeys(inputs[i] for i in hidden if inputs[i] not in finite)
        faults = list(map(is_lost, checked))
        values[output] = _value(builder, instruction, values, variables)
        if output in always_read:
            finite.update(checked)
        if operation in LEAVES or (
            operation.is_finite
            and all(node in finite or i in hidden for i, node in enumerate(inputs))
        ):
            finite.add(output)
        if operation is WHERE and not in_branch.keys().isdisjoint(inputs[1:]):
            branches = [in_branch.get(node, Truth(builder, NEVER)).value for node in inputs[1:]]
            is_first = (values[inputs[0]] != 0.0).value
            faults.append(Truth(builder, builder.select(is_first, *branches)))
        read = inputs[:1] if operation is WHERE else inputs
        faults += [in_branch[node] for node in dict.fromkeys(read) if node in in_branch]
        if output in always_read:
            fault = reduce(or_, faults, fault)
        elif faults:
            in_branch[output] = reduce(or_, {id(each): each for each in faults}.values())
    return [values[node] for node in program.outputs], fault


def _value(
    builder: Any,
    instruction: Instruction,
    values: Mapping[int, Double],
    variables: Mapping[str, Double],
) -> Double:
    operation, inputs, _, payload = instruction
    if operation is VARIABLE:
        return variables[payload]
    number = known_number(operation, payload)
    if number is not None:
        return double(builder, number)
    operands = operation.with_payload([values[node] for node in inputs], payload)
    return double(builder, applied(operation, MACHINE, *operands))


def _always_read(program: Program) -> set[int]:
    """Return the nodes that the outputs read whatever branches are taken."""
    read = set(program.outputs)
    for operation, inputs, output, _ in reversed(program.instructions):
        if output in read:
            read.update(inputs[:1] if operation is WHERE else inputs)
    return read


# ---------------------------------------------------------------- functions


class Kernel:
    """The function `run` in a module of its own; a builder writes it from beginning to end.

    Arrays that are arguments do not overlap. With `is_vectorised` it has a loop over rows, of which
    LLVM makes several at once.
    """

    def __init__(self, result: Any, kinds: Sequence[Any], *, is_vectorised: bool = False) -> None:
        self._module = ir.Module("gradcli")
        self._types = [_KINDS.get(kind, ctypes.c_void_p) for kind in (result, *kinds)]
        self._is_vectorised = is_vectorised
        made = ir.Function(self._module, ir.FunctionType(result, kinds), "run")
        for argument in made.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        self.arguments = made.args
        self.builder = ir.IRBuilder(made.append_basic_block("entry"))

    def address(self, array: Any, index: Any) -> Any:
        """Return the address of a number of an array of doubles."""
        index = LONG(index) if isinstance(index, int) else index
        return self.builder.gep(array, [index], inbounds=True, source_etype=DOUBLE)

    def loaded(self, array: Any, index: Any) -> Double:
        """Return a number of an array of doubles."""
        value = self.builder.load(self.address(array, index), typ=DOUBLE)
        return Double(self.builder, value)

    def named(self, array: Any, names: Sequence[str]) -> dict[str, Double]:
        """Return the numbers at the beginning of an array by name."""
        return {name: self.loaded(array, index) for index, name in enumerate(names)}

    def store(self, numbers: Iterable[Double], array: Any) -> None:
        """Store numbers at the beginning of an array."""
        for index, number in enumerate(numbers):
            self.builder.store(number.value, self.address(array, index))

    def slot(self, value: Any) -> Any:
        """Return memory for what changes, which LLVM makes a register, with its first value."""
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(value.type)
        self.builder.store(value, slot)
        return slot

    @contextmanager
    def loop(self, first: Any, last: Any, step: Any) -> Iterator[Any]:
        """Write what follows as a loop over first, first + step, … below last; yield the index."""
        builder = self.builder
        index = self.slot(first)
        head, body, end = [builder.append_basic_block(name) for name in ("head", "body", "end")]
        builder.branch(head)
        builder.position_at_end(head)
        now = builder.load(index)
        builder.cbranch(builder.icmp_signed("<", now, last), body, end)
        builder.position_at_end(body)
        yield now
        builder.store(builder.add(now, step, flags=["nsw"]), index)
        builder.branch(head)
        builder.position_at_end(end)

    def text(self) -> str:
        """Return the module."""
        text = str(self._module)
        if not self._is_vectorised:
            return text
        # Wide registers are spilled around a call, where they must not cross lines of the cache.
        return machine.vectorised(_SIGNATURE.sub(r'\1 "stackrealign"', text))

    def function(self) -> Any:
        """Return the function as machine code."""
        return machine.compiled(self.text(), *self._types, is_vectorised=self._is_vectorised)


def function(
    program: Program,
    parameters: Sequence[str],
    *,
    same_bits: bool = False,  # noqa: ARG001 - they always are
) -> Callable[..., tuple[float, ...]]:
    """Return a function from the parameters' values, in order, to the outputs' values.

    The values must be finite. Where a step has no value it raises ValueError, or an output is inf
    or nan; the interpreter knows more then. Several threads may call it at once.
    """
    run = kernel(program, parameters).function()
    count = len(parameters)
    # Each call has memory of its own, for others may come while the code runs, and as bytes, for
    # ctypes is slow at filling and reading arrays.
    inputs = struct.Struct(f"{count}d")
    results = struct.Struct(f"{len(program.outputs)}d")
    memory = ctypes.c_char * results.size

    def compute(*values: float) -> tuple[float, ...]:
        if len(values) != count:
            message = f"the function takes {count} values, not {len(values)}"
            raise TypeError(message)
        outputs = memory()
        if run(inputs.pack(*values), ctypes.byref(outputs)):
            message = "a step has no value"
            raise ValueError(message)
        return results.unpack(outputs)

    return compute


def kernel(program: Program, parameters: Sequence[str]) -> Kernel:
    """Return `i1 run(double* inputs, double* outputs)`, which says if it failed."""
    made = Kernel(BIT, [POINTER, POINTER])
    inputs, results = made.arguments
    outputs, fault = emit(made.builder, program, made.named(inputs, parameters))
    made.store(outputs, results)
    made.builder.ret(fault.value)
    return made


# ---------------------------------------------------------------- many steps at once


def runner(loop: Loop, constants: Sequence[float]) -> Runner:
    """Return the loop as machine code."""
    run = loop_kernel(loop).function()
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


def loop_kernel(loop: Loop) -> Kernel:
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
