"""Graph to straight-line program, and program to a Python function for many runs.

A program is the steps that lead to some outputs, and nothing else. Its source is straight-line too:
numbered locals, the names of our own operations, and `repr` of floats. Nothing that a user typed is
ever part of it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError
from gradcli.graph.bodies import PYTHON, Dialect, executed, template
from gradcli.graph.literals import Numeral
from gradcli.graph.operations import (
    ADD,
    AND_ALSO,
    CONSTANT,
    CONSTANT_POWER,
    LEAVES,
    MULTIPLY,
    OR_ELSE,
    VARIABLE,
    Operation,
    known_number,
)
from gradcli.graph.shapes import COUNT, ROWS
from gradcli.limits import out_of_range
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph

_COMMUTATIVE = frozenset({ADD, MULTIPLY})

DEEPEST = 30
"""How deep expressions are nested in one statement; Python reads up to 200 parentheses."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The names of the settings in malloc.h."""
KEPT = 1 << 28
"""How many bytes may lie unused, 256 MiB."""
LARGEST = 1 << 25
"""The largest block of which this is possible, 32 MiB."""


class Instruction(NamedTuple):
    """One step: put `operation` of the values of `inputs` into `output` (all are node ids)."""

    operation: Operation
    inputs: tuple[int, ...]
    output: int
    payload: Any


class Program(NamedTuple):
    """Instructions in the order of their ids, without dead ones."""

    instructions: list[Instruction]
    outputs: list[int]
    variables: list[str]
    """The free names that the program reads, in order of appearance."""
    has_arrays: bool
    """Whether any value is an array, so that the program runs on NumPy."""
    columns: tuple[str, ...] = ()
    """The names whose values have a part for each row, whether the program reads them or not."""


def program(graph: Graph, outputs: Sequence[int]) -> Program:
    """Return the program that computes the outputs.

    Raises MathematicsError for a number that only exact arithmetic has.
    """
    rows = graph.rows
    instructions = [
        Instruction(rows[node][0], rows[node][1], node, rows[node][2])
        for node in graph.reachable(outputs)
    ]
    for operation, _, _, number in instructions:
        if operation is CONSTANT and isinstance(number, Numeral):
            reason = out_of_range(number.text, number)
            if reason is not None:
                message = f"{number.text[:40]} {reason}"
                hint = "only eval and grad at one point know such numbers"
                raise MathematicsError(message, hint=hint)
    variables = [i.payload for i in instructions if i.operation is VARIABLE]
    columns = tuple(graph.columns)
    return Program(instructions, list(outputs), variables, graph.has_arrays, columns)


def shared(program: Program) -> Program:
    """Return a program of numbers that computes each value once, for the same outputs.

    There a*b and b*a are one instruction, x^2 and x*x as well, and what is made of constants alone
    is a constant. All values are those that the interpreter finds.
    """
    first: dict[tuple[Operation, tuple[int, ...], Any], int] = {}
    stands_for: dict[int, int] = {}
    constants: dict[int, float] = {}
    kept: list[Instruction] = []
    for instruction in program.instructions:
        step = instruction
        operation, arguments, output, payload = step
        inputs = tuple([stands_for[argument] for argument in arguments])
        if inputs != arguments:
            step = Instruction(operation, inputs, output, payload)
        if operation is CONSTANT_POWER and payload == 2:
            step = Instruction(MULTIPLY, inputs * 2, output, None)
        value = _constant(step, constants)
        if value is not None:
            constants[output] = value
            step = Instruction(CONSTANT, (), output, value)
        operation, inputs, _, payload = step
        if operation in _COMMUTATIVE and inputs[0] > inputs[1]:
            inputs = (inputs[1], inputs[0])
        # Zeros as text, for 0.0 and -0.0 are equal.
        key = (operation, inputs, payload or repr(payload))
        stands_for[output] = first.setdefault(key, output)
        if stands_for[output] == output:
            kept.append(step)
    outputs = [stands_for[output] for output in program.outputs]
    read = {*outputs, *(node for step in kept for node in step.inputs)}
    needed = [step for step in kept if step.output in read]
    return program._replace(instructions=needed, outputs=outputs)


def _constant(step: Instruction, constants: Mapping[int, float]) -> float | None:
    """Return the value of a step that is made of constants alone, None when it has none."""
    operation, inputs, _, payload = step
    number = known_number(operation, payload)
    if number is not None or operation.value is None or not constants.keys() >= set(inputs):
        return number
    value = operation.at([constants[node] for node in inputs], payload)
    return value if value - value == 0 else None


# ---------------------------------------------------------------- Python


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
    return np.errstate(all="ignore")(compute)


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
