"""Graph to straight-line program: the steps that lead to some outputs, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.operations import VARIABLE, Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.graph.node import Graph


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


def program(graph: Graph, outputs: Sequence[int]) -> Program:
    """Return the program that computes the outputs."""
    rows = graph.rows
    instructions = [
        Instruction(rows[node][0], rows[node][1], node, rows[node][2])
        for node in graph.reachable(outputs)
    ]
    variables = [i.payload for i in instructions if i.operation is VARIABLE]
    return Program(instructions, list(outputs), variables, graph.has_arrays)
