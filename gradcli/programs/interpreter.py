"""Runs a program once and keeps every value.

A step that has no value (log of -1, an overflow) does not end the run: it leaves nan and a fault.
Only when a result truly reads a faulty step, not past the branch of a `where` that is not taken, is
the fault reported.
"""

from __future__ import annotations

import math

from gradcli.graph.operations import (
    LEAVES,
    NAMED_CONSTANT,
    VARIABLE,
    Operation,
    known_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gradcli.graph.node import Graph


class Values:
    """Every value of one run, by node id, and the nodes that have none."""

    __slots__ = ("faults", "numbers")

    def __init__(self, numbers: dict[int, float], faults: set[int]) -> None:
        self.numbers = numbers
        self.faults = faults


def run(
    graph: Graph,
    nodes: Iterable[int],
    variables: Mapping[str, float],
    *,
    ieee: bool = False,
    known: Values | None = None,
    columns: bool = False,
) -> Values:
    """Return the values of `nodes`, which must be in topological order and closed under arguments.

    With `ieee` a step without a value gives the IEEE 754 result, inf or nan, and is no fault;
    derivatives are run like that, since only their end result counts. What is `known` already is
    taken from there. With `columns` the values of numbers are those of many runs, in arrays.
    """
    if graph.has_arrays or columns:
        return _run_arrays(graph, nodes, variables, ieee=ieee, known=known, columns=columns)
    numbers, faults = _known(known, ieee=ieee)
    rows = graph.rows
    for node in nodes:
        if node in numbers:
            continue
        operation, arguments, payload = rows[node]
        try:
            if len(arguments) == 2 and payload is None:
                x, y = arguments
                value = operation.value(numbers[x], numbers[y])
            elif not arguments:
                value = leaf(operation, payload, variables)
            else:
                inputs = [numbers[argument] for argument in arguments]
                if payload is not None:
                    inputs.append(payload)
                value = operation.value(*inputs)
        except (ValueError, OverflowError, ZeroDivisionError):
            value = math.nan
        if value - value != 0 and operation is not NAMED_CONSTANT:
            if not ieee:
                faults.add(node)
                value = math.nan
            elif arguments:
                import numpy as np

                from gradcli.programs.arrays import array_function

                compute = array_function(operation, len(arguments), payload)
                # A float of Python would raise where one of NumPy gives inf.
                value = float(compute(*[np.float64(numbers[argument]) for argument in arguments]))
        numbers[node] = value
    return Values(numbers, faults)


def _known(known: Values | None, *, ieee: bool) -> tuple[dict[int, Any], set[int]]:
    """Return the values to begin with.

    A step that had no value is run again when it may have an IEEE 754 one: a derivative can read
    the square in a branch that is not taken, and be right when that square is infinite.
    """
    if known is None:
        return {}, set()
    if not ieee:
        return dict(known.numbers), set(known.faults)
    return {n: value for n, value in known.numbers.items() if n not in known.faults}, set()


def _run_arrays(
    graph: Graph,
    nodes: Iterable[int],
    variables: Mapping[str, Any],
    *,
    ieee: bool,
    known: Values | None,
    columns: bool,
) -> Values:
    """Do what `run` does where some values are NumPy arrays.

    A step without a value leaves its array as IEEE 754 has it, so that the numbers that have one
    are not lost: which of them a result reads is found by `live`.
    """
    from gradcli.programs.arrays import array_function

    numbers, faults = _known(known, ieee=ieee)
    variables, rows = graph.with_count(variables)
    for node in nodes:
        if node in numbers:
            continue
        operation, arguments, payload = graph.rows[node]
        if operation in LEAVES:
            value = leaf(operation, payload, variables)
        else:
            inputs = [numbers[argument] for argument in arguments]
            value = array_function(operation, len(inputs), payload)(*inputs, rows=rows)
            if not (columns or graph.shape(node)):
                value = float(value)
        if not ieee and operation is not NAMED_CONSTANT and not finite(value):
            faults.add(node)
        numbers[node] = value
    return Values(numbers, faults)


def finite(value: Any) -> bool:
    """Return whether a number, or every number of an array, is finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    import numpy as np

    return bool(np.isfinite(value).all())


def leaf(operation: Operation, payload: Any, variables: Mapping[str, Any]) -> Any:
    """Return the value of a constant or variable."""
    return variables[payload] if operation is VARIABLE else known_number(operation, payload)
