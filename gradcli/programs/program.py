"""Graph to straight-line program: the steps that lead to some outputs, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import MathematicsError
from gradcli.graph.literals import Numeral
from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    CONSTANT_POWER,
    MULTIPLY,
    VARIABLE,
    Operation,
    known_number,
)
from gradcli.limits import out_of_range
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.graph.node import Graph


_COMMUTATIVE = frozenset({ADD, MULTIPLY})


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
