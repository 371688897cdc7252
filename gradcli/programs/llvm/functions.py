"""A program as a function that runs as machine code."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING

from llvmlite import ir

from gradcli.programs.llvm import machine
from gradcli.programs.llvm.doubles import BIT, POINTER, address, loaded
from gradcli.programs.llvm.emitter import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.programs.program import Program


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
