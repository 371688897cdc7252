"""A program as a function that runs as machine code."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING

from llvmlite import ir

from gradcli.native import machine
from gradcli.native.doubles import DOUBLE, Double
from gradcli.native.emitter import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.runtime.program import Program

BIT = ir.IntType(1)


def function(program: Program, parameters: Sequence[str]) -> Callable[..., tuple[float, ...]]:
    """Return a function from the parameters' values, in order, to the outputs' values.

    The values must be finite. Where a step has no value it raises ValueError, or an output is inf
    or nan; the interpreter knows more then. Several threads may call it at once.
    """
    code = machine.compiled(source(program, parameters))
    run = code.function("run", [ctypes.c_char_p, ctypes.c_void_p], ctypes.c_bool)
    count = len(parameters)
    # Each call has memory of its own, for others may come while the code runs, and as bytes, for
    # ctypes is slow at filling and reading arrays.
    given = struct.Struct(f"{count}d")
    found = struct.Struct(f"{len(program.outputs)}d")
    memory = ctypes.c_char * found.size

    def compute(*values: float) -> tuple[float, ...]:
        if len(values) != count:
            message = f"the function takes {count} values, not {len(values)}"
            raise TypeError(message)
        outputs = memory()
        if run(given.pack(*values), ctypes.byref(outputs)):
            message = "a step has no value"
            raise ValueError(message)
        return found.unpack(outputs)

    return compute


def source(program: Program, parameters: Sequence[str]) -> str:
    """Return the module with `i1 run(double* inputs, double* outputs)`, which says if it failed."""
    module = ir.Module("program")
    pointer = DOUBLE.as_pointer()
    made = ir.Function(module, ir.FunctionType(BIT, [pointer, pointer]), "run")
    given, wanted = made.args
    wanted.add_attribute("noalias")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    variables = {
        name: Double(builder, loaded(builder, given, place))
        for place, name in enumerate(parameters)
    }
    outputs, fault = emit(builder, program, variables)
    for place, output in enumerate(outputs):
        stored(builder, wanted, place, output)
    builder.ret(BIT(0) if fault is None else fault.value)
    return str(module)


def loaded(builder: ir.IRBuilder, array: ir.Value, place: int) -> ir.Value:
    """Return the number at a place of an array of doubles."""
    return builder.load(_at(builder, array, place), typ=DOUBLE)


def stored(builder: ir.IRBuilder, array: ir.Value, place: int, number: Double) -> None:
    """Put a number at a place of an array of doubles."""
    builder.store(number.value, _at(builder, array, place))


def _at(builder: ir.IRBuilder, array: ir.Value, place: int) -> ir.Value:
    return builder.gep(
        array, [ir.Constant(ir.IntType(32), place)], inbounds=True, source_etype=DOUBLE
    )
