"""Programs to machine code: the instructions, wherever they are needed.

Nothing may be hidden. Where Python raises an exception, machine code has inf or nan, and these
usually reach the outputs, which the caller looks at. Where an operation could hide one, as 1/inf
and comparisons do, the emitter keeps a flag, the fault: when it is set the outputs do not count,
and Python has to look closely. What happens in a branch of `where` that is not taken is no fault.
"""

from __future__ import annotations

import ctypes
import struct
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple

from llvmlite import ir

from gradcli.graph.operations import (
    LEAVES,
    VARIABLE,
    WHERE,
    known_number,
)
from gradcli.programs.llvm import machine
from gradcli.programs.llvm.numbers import (
    BIT,
    NEVER,
    POINTER,
    Double,
    Truth,
    address,
    constant,
    loaded,
    write,
)
from gradcli.programs.program import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gradcli.graph.operations import Operation
    from gradcli.programs.program import Instruction, Program


class Emitted(NamedTuple):
    """What a program computes, as values of machine code."""

    outputs: list[Double]
    fault: Truth | None
    """Whether the outputs may be wrong although they are finite; None if that cannot be."""


def emit(builder: Any, program: Program, variables: Mapping[str, Double]) -> Emitted:
    """Write a program's instructions where the builder stands, and return its outputs.

    `variables` are the values of its free names, which must be finite.
    """
    program = shared(program)
    values: dict[int, Double] = {}
    faults = _Faults(program)
    for step in program.instructions:
        operation, inputs, output, payload = step
        if operation is VARIABLE:
            values[output] = variables[payload]
        elif (number := known_number(operation, payload)) is not None:
            values[output] = constant(builder, number)
        else:
            arguments = [values[node] for node in inputs]
            for position in operation.hidden(len(inputs), payload):
                faults.check(step, inputs[position], arguments[position])
            values[output] = write(operation, arguments, payload)
        faults.follow(step, values)
    return Emitted([values[node] for node in program.outputs], faults.all())


class _Faults:
    """The faults of a program so far: those that are always read, and those of branches."""

    def __init__(self, program: Program) -> None:
        self._always = _always_read(program)
        self._found: list[Truth] = []
        self._hidden: dict[int, Truth] = {}
        """For a node that only branches read, whether it has a fault or reads one."""
        self._known: dict[int, Truth] = {}
        self._finite: set[int] = set()

    def check(self, step: Instruction, node: int, value: Double) -> None:
        """Record a fault where a step would hide that a node is not finite."""
        if node in self._finite:
            return
        if node not in self._known:
            self._known[node] = value.is_not_finite()
        self._add(step.output, self._known[node])
        if step.output in self._always:
            self._finite.add(node)  # or the fault is known, whoever else asks

    def follow(self, step: Instruction, values: Mapping[int, Double]) -> None:
        """Take the faults of a step's inputs on to its output."""
        operation, inputs, output, payload = step
        if operation in LEAVES or self._is_finite(operation, inputs, payload):
            self._finite.add(output)
        if operation is WHERE:
            condition, first, second = inputs
            self._pass([condition], output)
            x, y = self._hidden.get(first), self._hidden.get(second)
            if x is not None or y is not None:
                builder = values[condition].builder
                none = Truth(builder, NEVER)
                taken = (values[condition] != 0.0).value
                bit = builder.select(taken, (x or none).value, (y or none).value)
                self._add(output, Truth(builder, bit))
        else:
            self._pass(inputs, output)

    def all(self) -> Truth | None:
        """Return whether any fault is read."""
        return reduce(or_, self._found) if self._found else None

    def _is_finite(self, operation: Operation, inputs: tuple[int, ...], payload: Any) -> bool:
        """Return whether a value is finite unless there is a fault."""
        checked = operation.hidden(len(inputs), payload)
        return operation.is_finite and all(
            node in self._finite or position in checked for position, node in enumerate(inputs)
        )

    def _pass(self, inputs: Iterable[int], output: int) -> None:
        for fault in {id(f): f for f in map(self._hidden.get, inputs) if f is not None}.values():
            self._add(output, fault)

    def _add(self, output: int, fault: Truth) -> None:
        if output in self._always:
            self._found.append(fault)
            return
        before = self._hidden.get(output)
        if before is not fault:
            self._hidden[output] = fault if before is None else before | fault


def _always_read(program: Program) -> set[int]:
    """Return the nodes that the outputs read whatever branches are taken."""
    read = set(program.outputs)
    for operation, inputs, output, _ in reversed(program.instructions):
        if output in read:
            read.update(inputs[:1] if operation is WHERE else inputs)
    return read


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
    code = machine.compiled(source(program, parameters))
    run = code.function("run", [ctypes.c_char_p, ctypes.c_void_p], ctypes.c_bool)
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


def source(program: Program, parameters: Sequence[str]) -> str:
    """Return the module with `i1 run(double* inputs, double* outputs)`, which says if it failed."""
    module = ir.Module("program")
    made = ir.Function(module, ir.FunctionType(BIT, [POINTER, POINTER]), "run")
    inputs, results = made.args
    results.add_attribute("noalias")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    variables = {name: loaded(builder, inputs, index) for index, name in enumerate(parameters)}
    outputs, fault = emit(builder, program, variables)
    for index, output in enumerate(outputs):
        builder.store(output.value, address(builder, results, index))
    builder.ret(BIT(0) if fault is None else fault.value)
    return str(module)
