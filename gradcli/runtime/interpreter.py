"""Runs a program once and keeps every value.

A step that has no value (log of -1, an overflow) does not end the run: it leaves nan and a fault.
Only when a result truly reads a faulty step, not past the branch of a `where` that is not taken, is
the fault reported.
"""

from __future__ import annotations

import math

from gradcli.graph.operations import (
    CONSTANT,
    LEAVES,
    NAMED_CONSTANT,
    NAMED_VALUES,
    VARIABLE,
    WHERE,
    Operation,
)
from gradcli.graph.shapes import COUNT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
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
            if len(arguments) == 2:
                x, y = arguments
                if payload is None:
                    value = operation.value(numbers[x], numbers[y])
                else:
                    value = operation.value(numbers[x], numbers[y], payload)
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
            if ieee:
                value = _ieee(operation, [numbers[a] for a in arguments], payload, value)
            else:
                faults.add(node)
                value = math.nan
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
    from gradcli.runtime.generated import array_function

    numbers, faults = _known(known, ieee=ieee)
    rows = next((len(variables[name]) for name in graph.columns if name in variables), None)
    if rows is not None:
        variables = {**variables, COUNT: float(rows)}
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
    if operation is CONSTANT:
        return float(payload)
    if operation is VARIABLE:
        return variables[payload]
    if operation is NAMED_CONSTANT:
        return NAMED_VALUES[payload]
    message = f"{operation} has no value of its own"
    raise TypeError(message)


def _ieee(operation: Operation, inputs: list[float], payload: Any, value: float) -> float:
    from gradcli.runtime.generated import ieee_function

    if not inputs:
        return value
    return ieee_function(operation, len(inputs), payload)(*inputs)


def live(graph: Graph, roots: Iterable[int], numbers: Mapping[int, float]) -> set[int]:
    """Return the nodes that the roots read at these values: all but branches not taken."""
    if graph.has_arrays:
        return {node for node, read in masks(graph, roots, numbers).items() if _any(read)}
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
    if graph.has_arrays:
        return _first_array_fault(graph, roots, values)
    reading = live(graph, roots, values.numbers)
    return min(values.faults & reading, default=None)


def masks(
    graph: Graph, roots: Iterable[int], numbers: Mapping[int, Any], *, columns: bool = False
) -> dict[int, Any]:
    """Return which numbers of each node the roots read: True, False or an array of both.

    Of a branch of `where` only the numbers are read for which its condition chooses it. With
    `columns` the numbers of a node are those of many runs, not of an array, and stay apart.
    """
    import numpy as np

    from gradcli.runtime.reading import numbers_read

    read: dict[int, Any] = dict.fromkeys(roots, True)
    for node in reversed(graph.reachable(roots)):
        mask = read.get(node, False)
        operation, arguments, _ = graph.rows[node]
        for position, argument in enumerate(arguments):
            needed = mask
            if operation is WHERE and position:
                holds = np.not_equal(numbers[arguments[0]], 0)
                needed = mask & holds if position == 1 else mask & ~holds
            if operation.structural and (columns or isinstance(needed, bool)):
                needed = _any(needed)
            elif operation.structural:
                needed = numbers_read(graph, node, position, needed)
            elif not columns and not isinstance(needed, bool):
                needed = _narrowed(needed, graph.shape(argument))
            before = read.get(argument)
            read[argument] = needed if before is None else before | needed
    return read


def _any(mask: Any) -> bool:
    return mask if isinstance(mask, bool) else bool(mask.any())


def _narrowed(mask: Any, shape: tuple[int, ...]) -> Any:
    """Return which numbers of a broadcast argument are read for any of its copies."""
    import numpy as np

    mask = np.asarray(mask)
    if not shape:
        return bool(mask.any())
    mask = mask.any(axis=tuple(range(mask.ndim - len(shape)))) if mask.ndim > len(shape) else mask
    for axis, length in enumerate(shape):
        if mask.ndim == len(shape) and length == 1 and mask.shape[axis] > 1:
            mask = mask.any(axis=axis, keepdims=True)
    return mask


def _first_array_fault(graph: Graph, roots: Collection[int], values: Values) -> int | None:
    import numpy as np

    read = masks(graph, roots, values.numbers)
    for node in sorted(values.faults):
        bad = ~np.isfinite(values.numbers[node])
        if np.any(bad & read.get(node, False)):
            return node
    return None
