"""Program to Python source, for programs that run many times.

The source is straight-line: numbered locals, the names of our own operations, and `repr` of floats.
Nothing that a user typed is ever part of it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcli.graph.bodies import PYTHON, Dialect, executed, template
from gradcli.graph.operations import (
    AND_ALSO,
    LEAVES,
    OR_ELSE,
    VARIABLE,
    Operation,
    known_number,
)
from gradcli.graph.shapes import COUNT, ROWS
from gradcli.programs.program import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gradcli.programs.program import Instruction, Program

DEEPEST = 30
"""How deep expressions are nested in one statement; Python reads up to 200 parentheses."""


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The names of the settings in malloc.h."""
KEPT = 1 << 28
"""How many bytes may lie unused, 256 MiB."""
LARGEST = 1 << 25
"""The largest block of which this is possible, 32 MiB."""


def function(
    program: Program, parameters: Sequence[str], *, same_bits: bool = False
) -> Callable[..., tuple[float, ...]]:
    """Return a Python function from the parameters' values, in order, to the outputs' values.

    It raises ValueError, OverflowError or ZeroDivisionError where a step has no value, and returns
    nan or inf where arithmetic does. Numbers are those of the interpreter, and with `same_bits`
    arrays are; else NumPy's own functions serve, many times as fast, within the rows' `ulps`.
    """
    if not program.has_arrays:
        return executed(source(program, parameters), PYTHON.namespace())
    import numpy as np

    from gradcli.programs.arrays import LIBM, NUMPY

    keep_memory()
    m = LIBM if same_bits else NUMPY
    compute = executed(source(program, parameters, m), m.namespace())

    def quiet(*values: Any) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            outputs: tuple[Any, ...] = compute(*values)
            return outputs

    return quiet


@cache
def keep_memory() -> None:
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


def source(program: Program, parameters: Sequence[str], m: Dialect = PYTHON) -> str:
    """Return the source of the function in a dialect, that of arrays if the program has some."""
    local = {name: f"p{index}" for index, name in enumerate(parameters)}
    head = f"def generated({', '.join(local.values())}):"
    column = next((local[name] for name in program.columns if name in local), None)
    if column is not None:
        head += f"\n    {ROWS} = {column}.shape[0]"
        local[COUNT] = repr(ROWS)
    if program.has_arrays:
        lines, outputs = _array_statements(program, local, m)
    else:
        lines, outputs = statements(program, local, named=False)
    results = "".join(f"{output}, " for output in outputs)
    return "\n".join([head, *[f"    {line}" for line in lines], f"    return ({results})"])


def statements(
    program: Program, local: Mapping[str, str], prefix: str = "v", *, named: bool = True
) -> tuple[list[str], list[str]]:
    """Return a program as statements, and the expressions of its outputs after them.

    `local` are the names or numbers that stand for its variables; its own names have a prefix.
    With `named` the outputs are names or numbers too, and may be read more than once.
    """
    program = shared(program)
    terms: dict[int, str] = {}
    depths: dict[int, int] = {}
    lines: list[str] = []
    reads = _reads(program, named=named)
    for operation, inputs, output, payload in program.instructions:
        depths[output] = 0
        if not inputs:
            terms[output] = leaf_text(operation, payload, local)
            continue
        code = template(PYTHON, operation, len(inputs), payload)
        depth = 1 + max([depths[node] for node in inputs])
        text = code.format(*[terms[node] for node in inputs])
        # What is read once stands where it is read: Python is faster without the name.
        if reads[output] == 1 and depth < DEEPEST:
            terms[output] = f"({text})"
            depths[output] = depth
        else:
            lines.append(f"{prefix}{output} = {text}")
            terms[output] = f"{prefix}{output}"
    return lines, [terms[output] for output in program.outputs]


def _reads(program: Program, *, named: bool) -> dict[int, int]:
    """Return how often the text of each node is read where its users are written out."""
    reads = {instruction.output: 0 for instruction in program.instructions}
    for operation, inputs, _, payload in program.instructions:
        if inputs:
            code = template(PYTHON, operation, len(inputs), payload)
            # Python's `and` and `or` skip the second condition; it counts if it has no value.
            least = 2 if operation in {AND_ALSO, OR_ELSE} else 0
            for index, node in enumerate(inputs):
                reads[node] += max(least, code.count(f"{{{index}}}"))
    for output in program.outputs:
        reads[output] += 2 if named else 1
    return reads


def leaf_text(operation: Operation, payload: Any, local: Mapping[str, str]) -> str:
    """Return the name or number that stands for a leaf."""
    if operation is VARIABLE:
        return local[payload]
    return repr(known_number(operation, payload))


def _array_statements(
    program: Program, local: Mapping[str, str], m: Dialect
) -> tuple[list[str], list[str]]:
    from gradcli.programs.arrays import array_code

    terms: dict[int, str] = {}
    lines: list[str] = []
    for step, arguments, finished in array_steps(program, local, terms):
        name = terms[step.output] = f"v{step.output}"
        lines.append(f"{name} = {array_code(step.operation, arguments, step.payload, m)}")
        # Memory that is not read again is given back at once, for the next array.
        if dead := [term for term in finished if term[0] == "v"]:
            lines.append(f"del {', '.join(dead)}")
    return lines, [terms[output] for output in program.outputs]


def array_steps(
    program: Program, local: Mapping[str, str], terms: dict[int, str]
) -> Iterator[tuple[Instruction, list[str], list[str]]]:
    """Yield each step with the names of its arguments, and those that nothing reads after it.

    `terms` are the names of all nodes so far: leaves are entered here, steps by the caller.
    """
    steps = program.instructions
    last = {node: index for index, step in enumerate(steps) for node in step.inputs}
    last |= dict.fromkeys(program.outputs, len(steps))
    for index, step in enumerate(steps):
        if step.operation in LEAVES:
            terms[step.output] = leaf_text(step.operation, step.payload, local)
            continue
        finished = [terms[n] for n in dict.fromkeys(step.inputs) if last[n] == index]
        yield step, [terms[node] for node in step.inputs], finished
