"""Derivatives of integrals, sums, products and roots with respect to what they depend on.

An integral is differentiated under its sign and at its limits (Leibniz), and where a condition
inside switches at a place that moves. A root moves by the implicit function theorem. The results
are nodes of the same kinds, so that second derivatives follow.
"""

from __future__ import annotations

from gradcli.errors import FormulaError
from gradcli.graph.forms import (
    INTEGRAL,
    PRODUCT_OVER,
    ROOT,
    SUM_OVER,
    Bound,
    closed,
    inlined,
)
from gradcli.graph.operations import (
    ADD,
    COMPARISONS,
    MULTIPLY,
    NAMED_CONSTANT,
    SUBTRACT,
    TABLE,
    WHERE,
    Operation,
)
from gradcli.graph.printing import label
from gradcli.graph.simplify import DerivedNode, simplified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.graph.node import Graph

    Slope = Callable[[Graph, int, int], int]


def partial(graph: Graph, node: int, position: int, slope: Slope) -> DerivedNode | float:
    """Return the derivative of a node that binds a name with respect to one of its arguments.

    `slope` differentiates a node with respect to another one below it. Raises FormulaError where
    there is no derivative: with respect to a limit of a sum.
    """
    try:
        return _partial(graph, node, position, slope)
    except FormulaError as error:
        error.node = node  # the outermost form, whose text is known
        raise


def _partial(graph: Graph, node: int, position: int, slope: Slope) -> DerivedNode | float:
    operation, arguments, bound = graph.rows[node]
    index = position - bound.limits + 1
    if operation is INTEGRAL:
        if index <= 0:
            numbers = [arguments[position], *arguments[bound.limits :]]
            at_limit = _inlined(graph, bound, bound.roots[0], numbers)
            return at_limit if position else -at_limit
        return _under_the_sign(graph, node, index, slope) + _at_switches(graph, node, index, slope)
    if operation is ROOT:
        return 0 if index <= 0 else _implicit(graph, node, index, slope)
    if index <= 0:
        what = "sum" if operation is SUM_OVER else "product"
        limit = label(graph, arguments[position])
        message = f"a {what} has no derivative with respect to {limit}, which is a limit of it"
        raise FormulaError(message, hint="choose other names with --wrt")
    return _under_the_sign(graph, node, index, slope)


def _under_the_sign(graph: Graph, node: int, index: int, slope: Slope) -> DerivedNode:
    """Return the integral, sum or product of derivatives with respect to a number from outside."""
    operation, _, bound = graph.rows[node]
    body = bound.graph
    leaf = bound.leaf(index)
    roots = [slope(body, root, leaf) for root in bound.roots]
    if operation is PRODUCT_OVER:
        roots = [*bound.roots, *roots]
    elif body.number(roots[0]) == 0:
        return DerivedNode(graph, graph.constant(0))
    return DerivedNode(graph, rebound(graph, node, body, roots))


def rebound(graph: Graph, node: int, body: Graph, roots: list[int]) -> int:
    """Return a node of the same kind and limits, with other roots over the same names."""
    operation, arguments, bound = graph.rows[node]
    made, taken = closed(body, roots, bound.leaf(0), bound.name, bound.limits)
    passed = [arguments[bound.limits - 1 + int(body.rows[leaf][2])] for leaf in taken]
    return graph.add(operation, (*arguments[: bound.limits], *passed), made)


def _implicit(graph: Graph, node: int, index: int, slope: Slope) -> DerivedNode:
    """Return how a root moves: -F_c/F_x, at the root."""
    _, arguments, bound = graph.rows[node]
    numbers = [node, *arguments[bound.limits :]]
    moved = _inlined(graph, bound, slope(bound.graph, bound.roots[1], bound.leaf(index)), numbers)
    rate = _inlined(graph, bound, bound.roots[2], numbers)
    return -moved / rate


def _inlined(
    graph: Graph,
    bound: Bound,
    part: int,
    numbers: Sequence[int],
    replaced: Mapping[int, int] | None = None,
) -> DerivedNode:
    return DerivedNode(graph, inlined(graph, bound, part, numbers, replaced))


# ---------------------------------------------------------------- as it would be typed


def spelled(graph: Graph, node: int, typed: Callable[[Graph, int], int]) -> int:
    """Return a node that binds a name in operations that a formula is typed with.

    `typed` does that for a node of a body.
    """
    operation, _, bound = graph.rows[node]
    if operation is PRODUCT_OVER and len(bound.roots) > 1:
        return typed(graph, _product_rule(graph, node, len(bound.roots) - 1, ()))
    roots = [typed(bound.graph, bound.roots[0]), *bound.roots[1:]]
    return node if roots[0] == bound.roots[0] else rebound(graph, node, bound.graph, roots)


def _product_rule(graph: Graph, node: int, directions: int, without: tuple[int, ...]) -> int:
    """Return the derivative of a product in directions, a set of bits, as sums of products.

    The factors at the places `without` are left out. One factor takes some of the directions, the
    last among them, and the others the rest.
    """
    operation, arguments, bound = graph.rows[node]
    limits, taken = arguments[:2], arguments[2:]
    name = bound.name
    at = graph.variable(f"{len(without) + 1} {name}")

    def factor(part: int) -> int:
        found = inlined(graph, bound, bound.roots[part], [at, *taken])
        for other in without:
            is_other = graph.add(TABLE[COMPARISONS["=="]], (at, other))
            unit = graph.constant(0 if part else 1)
            found = simplified(graph, WHERE, (is_other, unit, found))
        return found

    def over(form: Operation, body: int) -> int:
        made, passed = closed(graph, [body], at, name, 2)
        return graph.add(form, (*limits, *passed), made)

    if not directions:
        return over(operation, factor(0))
    last = 1 << (directions.bit_length() - 1)
    total = graph.constant(0)
    for part in range(last, directions + 1):
        if part & directions != part:
            continue
        rest = _product_rule(graph, node, directions ^ part, (*without, at))
        term = simplified(graph, MULTIPLY, (factor(part), rest))
        if bound.graph.number(bound.roots[part]) != 0:
            total = simplified(graph, ADD, (total, over(SUM_OVER, term)))
    return total


# ---------------------------------------------------------------- conditions that switch


def _at_switches(graph: Graph, node: int, index: int, slope: Slope) -> DerivedNode:
    """Return what an integral gains where a condition in it switches at a place that moves.

    Where f is a for g > 0 and b for g < 0, and g is linear in x, it is (a - b) g_c/abs(g_x) at
    g = 0.
    """
    _, arguments, bound = graph.rows[node]
    body, outside = bound.graph, arguments[2:]
    zero = graph.constant(0)
    total = DerivedNode(graph, zero)
    for (left, right), steps in _switches(bound, index).items():
        gap = simplified(body, SUBTRACT, (left, right))
        steep, moves = [slope(body, gap, bound.leaf(leaf)) for leaf in (0, index)]
        if 0 in {body.number(steep), body.number(moves)}:
            continue
        if steep in body.depending_on([bound.leaf(0)], body.reachable([steep])):
            message = (
                "the derivative of this integral is not known: a condition in it switches at a"
                f" place that moves, and is not linear in {bound.name}"
            )
            raise FormulaError(message, hint="split the integral where the condition switches")
        shift, rate = [_inlined(graph, bound, part, [zero, *outside]) for part in (gap, steep)]
        at = -shift / rate
        numbers = [at.id, *outside]
        moved = _inlined(graph, bound, moves, numbers)
        sides = [{step: graph.constant(values[side]) for step, values in steps} for side in (0, 1)]
        above, below = [_inlined(graph, bound, bound.roots[0], numbers, side) for side in sides]
        known = graph.number(rate.id)
        size = abs(rate) if known is None else rate.number(abs(known))
        total = total + _within(at, (above - below) * moved / size, arguments)
    return total


def _within(at: DerivedNode, gain: DerivedNode, limits: tuple[int, ...]) -> DerivedNode:
    """Return a gain where a place is between the limits, else 0; negative for swapped limits."""
    graph = at.graph
    low, high = [None if infinity(graph, limit) else at.at(limit) for limit in limits[:2]]
    is_swapped = infinity(graph, limits[0]) > 0 or infinity(graph, limits[1]) < 0
    if low is None or high is None:
        inside = at.number(1)
        if low is not None:
            inside = at < low if is_swapped else low < at
        elif high is not None:
            inside = high < at if is_swapped else at < high
        gain = -gain if is_swapped else gain
    else:
        inside = (at - low) * (high - at) > 0
        first, last = graph.fixed(low.id), graph.fixed(high.id)
        if first is None or last is None:
            gain = gain * ((high - low) / abs(high - low))
        elif last < first:
            gain = -gain
    return at.at(simplified(graph, WHERE, (inside.id, gain.id, graph.constant(0))))


def infinity(graph: Graph, node: int) -> float:
    """Return 1 or -1 for a limit that is infinite, else 0."""
    operation, _, payload = graph.rows[node]
    return {"inf": 1, "-inf": -1}.get(payload, 0) if operation is NAMED_CONSTANT else 0


def _switches(
    bound: Bound, index: int
) -> dict[tuple[int, int], list[tuple[int, tuple[float, float]]]]:
    """Return the conditions of a body that switch where a number from outside says.

    For each pair of sides the conditions that compare them, with their values where the first side
    is greater, and where it is less.
    """
    body = bound.graph
    nodes = body.reachable(bound.roots[:1])
    in_x, in_c = [body.depending_on([bound.leaf(leaf)], nodes) for leaf in (0, index)]
    found: dict[tuple[int, int], list[tuple[int, tuple[float, float]]]] = {}
    for node in nodes:
        operation, arguments, _ = body.rows[node]
        if node not in in_x or node not in in_c:
            continue
        if operation.jump is not None and operation.switch is None:
            message = (
                f"the derivative of this integral is not known: {operation.name} in it jumps at"
                " places that move"
            )
            raise FormulaError(message)
        values = operation.switch
        if values is None:
            continue
        sides = (arguments[0], arguments[-1] if len(arguments) > 1 else body.constant(0))
        difference, parts, _ = body.rows[sides[0]]
        if difference is SUBTRACT and body.number(sides[1]) == 0:
            sides = (parts[0], parts[1])
        if sides[::-1] in found:
            sides, values = (sides[1], sides[0]), (values[1], values[0])
        found.setdefault(sides, []).append((node, values))
    return found
