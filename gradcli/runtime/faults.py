"""Why a step has no value or no derivative, in words with its numbers."""

from __future__ import annotations

from math import isfinite

from gradcli.graph.literals import number_text, value_text
from gradcli.graph.operations import (
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    POWER_OF,
    TABLE,
    VARIABLE,
)
from gradcli.graph.printing import label
from gradcli.runtime import interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation

MOST_TESTED = 100_000
"""A larger array is not searched for kinks, one number after the other."""
SHOWN_VALUES = 5
"""How many values a message lists; the rest are counted."""

_RESULTS = {
    "sum": "the sum",
    "mean": "the mean",
    "prod": "a product",
    "matmul": "the matrix product",
    "dot": "the product",
}
"""What the values of operations on arrays are called."""
TOO_LARGE = "is too large for a double (at most 1.8e308)"


def undefined_value(graph: Graph, node: int, numbers: Mapping[int, Any], read: Any = True) -> str:
    """Return the sentence for a node whose inputs have values and which has none.

    `read` says which numbers of an array the result reads: of those one is shown.
    """
    operation, arguments, payload = graph.rows[node]
    inputs = [numbers[argument] for argument in arguments]
    if graph.has_arrays and (graph.shape(node) or any(graph.shape(a) for a in arguments)):
        return _undefined_array(graph, node, numbers, read)
    extra = [] if payload is None else [payload]
    return _undefined_number(operation, inputs, extra)


def _undefined_number(operation: Operation, inputs: list[float], extra: list[Any]) -> str:
    if operation.domain and not operation.domain[0](*inputs, *extra):
        needs = operation.domain[1]
        if operation.undefined:
            return operation.undefined
        if operation in {POWER_OF, CONSTANT_POWER}:
            base, exponent = [number_text(x) for x in (*inputs, *extra)]
            base = f"({base})" if base.startswith("-") else base
            return f"{base}^{exponent} is undefined (needs {needs})"
        name = operation.typed or operation.name
        return f"{name} is undefined at {_listed(inputs)} (needs {needs})"
    said = operation.reason(*inputs, *extra) if operation.reason else None
    if said:
        return said
    what = f"the {operation.noun}" if operation.noun else f"{operation.name}({_listed(inputs)})"
    return f"{what} {TOO_LARGE}"


def _undefined_array(graph: Graph, node: int, numbers: Mapping[int, Any], read: Any) -> str:
    """Return the sentence for an array with a number that has no value: the first such number."""
    import numpy as np

    operation, arguments, payload = graph.rows[node]
    shape = np.shape(numbers[node])
    bad = np.argwhere(~np.isfinite(numbers[node]) & read) if shape else [()]
    place = tuple(int(i) for i in bad[0])
    where = f" at [{', '.join(map(str, place))}]" if shape else ""
    if operation.name in {"onehot", "cross_entropy"}:
        classes = payload if payload is not None else graph.shape(arguments[0])[-1]
        for number in np.ravel(numbers[arguments[-1]]).tolist():
            if number not in range(classes):
                needs = f"a whole number from 0 to {classes - 1}"
                return f"{number_text(number)} is no class (needs {needs})"
    if operation.structural:
        what = _RESULTS.get(operation.name, operation.name)
        return f"{what} {TOO_LARGE}{where}"
    inputs = [float(np.broadcast_to(numbers[a], shape)[place]) for a in arguments]
    extra = [] if payload is None else [payload]
    return _undefined_number(operation, inputs, extra) + where


def repair(
    graph: Graph, node: int, root: int, numbers: Mapping[int, Any] | None = None
) -> str | None:
    """Return the function that has a value where a part has none.

    For sin(x)/x and x*log(x) at 0 it is the limit, for a third as exponent the real cube root.
    """
    operation, arguments, payload = graph.rows[node]
    if operation in {POWER_OF, CONSTANT_POWER}:
        exponent = payload if operation is CONSTANT_POWER else (numbers or {}).get(arguments[1])
        if isinstance(exponent, float) and abs(exponent) < 1e6:
            thirds = round(3 * exponent)
            if thirds / 3 == exponent and thirds % 3:
                root_of = f"cbrt({label(graph, arguments[0])})"
                return f"the real value is {root_of if thirds == 1 else f'{root_of}^{thirds}'}"
    if operation is DIVIDE:
        above, below = arguments
        if graph.rows[above][:2] == (TABLE["sin"], (below,)):
            x = label(graph, below)
            return f"sinc({x}) is sin({x})/{x} and 1 at 0"
    if operation is TABLE["log"]:
        product = (arguments[0], node)
        for user in graph.reachable([root]):
            if graph.rows[user][0] is MULTIPLY and graph.rows[user][1] in {product, product[::-1]}:
                x = label(graph, arguments[0])
                return f"xlogx({x}) is {x}*log({x}) and 0 at 0"
    return None


def undefined_derivative(
    graph: Graph, node: int, position: int, partial: int, numbers: Mapping[int, Any]
) -> str:
    """Return the sentence for an edge whose derivative, the node `partial`, is not finite."""
    arguments = graph.rows[node][1]
    by = ""
    if len(arguments) > 1:
        by = f" with respect to {_called(graph, arguments[position])}"
    where = " and ".join(
        f"{_called(graph, a)} = {value_text(numbers[a])}"
        for a in dict.fromkeys(arguments)
        if graph.rows[a][0] not in {CONSTANT, NAMED_CONSTANT}
    )
    state = state_of(graph, partial, numbers)
    return f"the derivative of {label(graph, node)}{by} {state}" + (f" at {where}" if where else "")


def state_of(graph: Graph, derivative: int, numbers: Mapping[int, Any]) -> str:
    """Return what is wrong with a derivative that is not finite: it is infinite, or the like.

    It is too large for a double, not infinite, where the first step on its way that is not finite
    is defined for its arguments.
    """
    found = numbers[derivative]
    slopes = [found] if isinstance(found, float) else found.ravel().tolist()
    exists = all(slope == slope for slope in slopes)  # noqa: PLR0124 - true but for nan
    if _overflows(graph, derivative, numbers):
        return TOO_LARGE if exists else "cannot be worked out: a part of it " + TOO_LARGE
    return "is infinite" if exists else "does not exist"


def _overflows(graph: Graph, root: int, numbers: Mapping[int, Any]) -> bool:
    """Return whether the first step without a finite value that a node reads has one too large."""
    for node in sorted(interpreter.live(graph, [root], numbers)):
        if not interpreter.finite(numbers[node]):
            operation, arguments, payload = graph.rows[node]
            inputs = [numbers[argument] for argument in arguments]
            if operation.structural or operation.domain is None:
                return True
            if graph.shape(node):
                inputs = _first_faulty(numbers[node], inputs)
            return operation.domain[0](*inputs, *([] if payload is None else [payload]))
    return True


def _first_faulty(value: Any, inputs: Iterable[Any]) -> list[float]:
    """Return the inputs of the first number of an array that is not finite."""
    import numpy as np

    place = tuple(np.argwhere(~np.isfinite(value))[0])
    return [float(np.broadcast_to(x, value.shape)[place]) for x in inputs]


def values_below(graph: Graph, node: int, numbers: Mapping[int, float]) -> tuple[str, ...]:
    """Return "NAME = NUMBER" for the inputs of a node and the free names it depends on."""
    arguments = graph.rows[node][1]
    shown: list[int] = [a for a in dict.fromkeys(arguments) if _has_news(graph, a)]
    shown += [v for v in graph.variables([node]).values() if v not in shown]
    lines = [f"{_called(graph, n)} = {value_text(numbers[n])}" for n in shown[:SHOWN_VALUES]]
    if len(shown) > SHOWN_VALUES:
        lines.append(f"and {len(shown) - SHOWN_VALUES} more")
    return tuple(lines)


def kinks(graph: Graph, nodes: Iterable[int], numbers: Mapping[int, float]) -> dict[int, str]:
    """Return the sentence for each of the nodes that is at a kink or jump at these values."""
    found: dict[int, str] = {}
    for node in nodes:
        operation, arguments, payload = graph.rows[node]
        extra = [] if operation.payload is None else [payload]
        for special in (operation.kink, operation.jump):
            if special and _is_at(special[0], [numbers[a] for a in arguments], extra, operation):
                found[node] = special[1]
    return found


def doubts(graph: Graph, nodes: Iterable[int], numbers: Mapping[int, Any]) -> dict[int, str]:
    """Return what is to be said of nodes whose values have few certain digits."""
    found: dict[int, str] = {}
    for node in nodes:
        operation, arguments, payload = graph.rows[node]
        inputs = [numbers[argument] for argument in arguments]
        if operation.doubt and all(isinstance(x, float) for x in inputs):
            said = operation.doubt(*inputs, payload)
            found |= {} if said is None else {node: said}
    return found


def _is_at(
    test: Callable[..., bool], inputs: list[Any], extra: list[Any], operation: Operation
) -> bool:
    """Return whether a test holds for the inputs, or for any of their numbers that are finite."""
    if not operation.structural and all(isinstance(x, float) for x in inputs):
        return all(map(isfinite, inputs)) and bool(test(*inputs, *extra))
    import numpy as np

    if operation.structural:
        return bool(test(*[np.asarray(x) for x in inputs], *extra))
    each = np.broadcast_arrays(*inputs)
    if each[0].size > MOST_TESTED:
        return False
    numbers = np.stack(each).reshape(len(each), -1).T
    known = numbers[np.isfinite(numbers).all(axis=1)].tolist()
    return any(test(*row, *extra) for row in known)


def _called(graph: Graph, node: int) -> str:
    """Return the user's name for a node, or its formula."""
    return graph.name_of(node) or label(graph, node)


def _has_news(graph: Graph, node: int) -> bool:
    """Return whether a node's value is not plain from its text."""
    operation = graph.rows[node][0]
    return operation not in {CONSTANT, NAMED_CONSTANT, VARIABLE} and not (
        operation is NEGATE and graph.number(node) is not None
    )


def _listed(numbers: Iterable[float]) -> str:
    return ", ".join(number_text(x) for x in numbers)
