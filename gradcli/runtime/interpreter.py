"""Runs a program once and keeps every value.

A step that has no value (log of -1, an overflow) does not end the run: it leaves nan and a fault.
Only when a result truly reads a faulty step, not past the branch of a `where` that is not taken, is
the fault reported.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.operations import (
    CONSTANT,
    NAMED_CONSTANT,
    NAMED_VALUES,
    VARIABLE,
    WHERE,
    Operation,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from gradcli.graph.node import Graph

Ieee = "Callable[[Operation, Sequence[float], Any], float]"


class Values(NamedTuple):
    """Every value of one run, by node id, and the nodes that have none."""

    numbers: dict[int, float]
    faults: set[int]


def run(
    graph: Graph,
    nodes: Iterable[int],
    variables: Mapping[str, float],
    *,
    ieee: bool = False,
    known: Values | None = None,
) -> Values:
    """Return the values of `nodes`, which must be in topological order and closed under arguments.

    With `ieee` a step without a value gives the IEEE 754 result, inf or nan, and is no fault;
    derivatives are run like that, since only their end result counts. What is `known` already is
    taken from there.
    """
    numbers: dict[int, float] = {} if known is None else dict(known.numbers)
    faults: set[int] = set() if known is None else set(known.faults)
    rows = graph.rows
    for node in nodes:
        if known is not None and node in known.numbers:
            continue
        operation, arguments, payload = rows[node]
        try:
            if len(arguments) == 2:
                x, y = arguments
                if payload is None:
                    value = operation.value(numbers[x], numbers[y])  # type: ignore[misc]
                else:
                    value = operation.value(numbers[x], numbers[y], payload)  # type: ignore[misc]
            elif not arguments:
                value = leaf(operation, payload, variables)
            else:
                inputs = [numbers[argument] for argument in arguments]
                if payload is not None:
                    inputs.append(payload)
                value = operation.value(*inputs)  # type: ignore[misc]
        except (ValueError, OverflowError, ZeroDivisionError):
            value = math.nan
        if value - value != 0:
            if ieee:
                value = _ieee(operation, [numbers[a] for a in arguments], payload, value)
            else:
                faults.add(node)
                value = math.nan
        numbers[node] = value
    return Values(numbers, faults)


def leaf(operation: Operation, payload: Any, variables: Mapping[str, float]) -> float:  # noqa: ANN401
    """Return the value of a constant or variable."""
    if operation is CONSTANT:
        return float(payload)
    if operation is VARIABLE:
        return variables[payload]
    if operation is NAMED_CONSTANT:
        return NAMED_VALUES[payload]
    message = f"{operation} has no value of its own"
    raise TypeError(message)


def _ieee(operation: Operation, inputs: list[float], payload: Any, value: float) -> float:  # noqa: ANN401
    from gradcli.runtime.generated import ieee_function

    if not inputs:
        return value
    return ieee_function(operation, len(inputs), payload)(*inputs)


def live(graph: Graph, roots: Iterable[int], numbers: Mapping[int, float]) -> set[int]:
    """Return the nodes that the roots read at these values: all but branches not taken."""
    reading = set(roots)
    rows = graph.rows
    for node in range(max(reading, default=-1), -1, -1):
        if node in reading:
            operation, arguments, _ = rows[node]
            if operation is WHERE:
                condition = arguments[0]
                reading.add(condition)
                reading.add(arguments[1] if numbers[condition] else arguments[2])
            else:
                reading.update(arguments)
    return reading


def first_fault(graph: Graph, roots: Collection[int], values: Values) -> int | None:
    """Return the first node without a value that the roots read; None if there is none."""
    if not values.faults:
        return None
    reading = live(graph, roots, values.numbers)
    return min(values.faults & reading, default=None)
