"""The distribution of a result by drawing its inputs (JCGM 101: Monte Carlo)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.graph.structural import entries
from gradcli.values import entry_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.uncertainty.inputs import Inputs, Matrix
    from gradcli.uncertainty.propagation import Order, Uncertainty

AT_ONCE = 1 << 16
"""How many draws are worked out together."""
PART = 0.95
"""The part of the draws in the interval."""
QUANTILE = 1.959963984540054
"""Of the normal distribution: between its two signs lies that part."""


class Samples(NamedTuple):
    """What the draws say: mean, standard error, and the shortest interval of 95 % of them."""

    samples: int
    seed: int
    mean: float
    standard_error: float
    interval: tuple[float, float]
    tolerance: float
    """Half a unit in the second digit of the first-order error (JCGM 101, 7.9.2)."""
    first_order_holds: bool
    """Whether value ± 1.96 errors ends within the tolerance of the draws' (JCGM 101, 8.1)."""
    second_order_holds: bool | None


def sampled(
    graph: Graph,
    result: int,
    values: Mapping[str, Any],
    given: Inputs,
    found: Uncertainty,
    count: int,
    seed: int,
) -> Samples:
    """Return what `count` normal draws of the inputs make of a formula.

    The same seed gives the same draws. Raises MathematicsError where a draw has no value.
    """
    results = np.concatenate([*_results(graph, result, values, given, count, seed)])
    bad = int(np.count_nonzero(~np.isfinite(results)))
    if bad:
        message = f"the formula has no value for {bad} of {count} draws of its inputs"
        hint = "their normal distributions reach beyond where it is defined"
        raise MathematicsError(message, hint=hint)
    results.sort()
    mean = float(np.mean(results))
    inside = min(math.ceil(PART * count), count - 1)
    widths = results[inside:] - results[: count - inside]
    first = int(np.argmin(widths))
    interval = float(results[first]), float(results[first + inside])
    low = int((1 - PART) / 2 * count)
    ends = float(results[low]), float(results[min(low + inside, count - 1)])
    deviation = float(np.std(results, ddof=1)) if count > 1 else 0.0
    size = found.standard_error or deviation
    tolerance = 0.5 * 10.0 ** (math.floor(math.log10(size)) - 1) if size else 0.0

    def holds(order: Order | Uncertainty) -> bool:
        half = QUANTILE * order.standard_error
        differences = (order.value - half - ends[0], order.value + half - ends[1])
        return max(map(abs, differences)) <= tolerance

    second = None if found.second_order is None else holds(found.second_order)
    return Samples(count, seed, mean, deviation, interval, tolerance, holds(found), second)


def _results(
    graph: Graph, result: int, values: Mapping[str, Any], given: Inputs, count: int, seed: int
) -> Any:
    """Yield the results of some draws at a time."""
    generator = np.random.default_rng(seed)
    root = _root(given.correlation)
    nodes = graph.variables([result])
    moving = {name: node for name, node in nodes.items() if name in given.bases}
    fixed = {name: values[name] for name in nodes if name not in moving}
    places = {
        name: [
            given.names.index(entry) if (entry := entry_name(name, key)) in given.names else None
            for key in entries(graph.shape(node))
        ]
        for name, node in moving.items()
    }
    compute = _computed(graph, result, [*moving, *fixed], [*fixed.values()])
    for start in range(0, count, AT_ONCE):
        rows = min(AT_ONCE, count - start)
        draws = generator.standard_normal((rows, len(given.names))) @ root.T * given.errors
        columns = []
        for name, node in moving.items():
            middle = np.asarray(values[name], dtype=float).ravel()
            moved = np.tile(middle, (rows, 1))
            for column, place in enumerate(places[name]):
                if place is not None:
                    moved[:, column] += draws[:, place]
            columns.append(moved.reshape(rows, *graph.shape(node)))
        yield compute(columns, rows)


def _root(correlation: Matrix) -> Matrix:
    """Return a matrix whose product with its transpose is the correlation matrix."""
    values, vectors = np.linalg.eigh(correlation)
    found: Matrix = vectors * np.sqrt(np.clip(values, 0.0, None))
    return found


def _computed(graph: Graph, result: int, names: list[str], fixed: list[Any]) -> Any:
    """Return the function from columns of draws to the results; the last names are `fixed`."""
    from gradcli.programs.generated import function
    from gradcli.programs.program import program

    whole = program(graph, [result])
    if not graph.has_arrays:
        compute = function(whole._replace(has_arrays=True), names)

        def together(columns: Sequence[Any], rows: int) -> Any:
            (found,) = compute(*columns, *fixed)
            return np.broadcast_to(np.asarray(found, dtype=float), (rows,))

        return together
    each = function(whole, names)

    def one_by_one(columns: Sequence[Any], rows: int) -> Any:
        return np.array([float(each(*[x[i] for x in columns], *fixed)[0]) for i in range(rows)])

    return one_by_one
