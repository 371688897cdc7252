"""Derivatives in operations that a formula is typed with.

The rules of differentiation make operations that nobody types: zeros with an array in a part of
them, a number repeated, 0/0 that is 0. Here each becomes what a reader knows. An index goes through
what was computed to the entries that it picks, so that the derivative with respect to x of a
formula of [x, y] is one of numbers. The values are those of the original wherever both are defined.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from gradcli.graph import structural
from gradcli.graph.operations import (
    ADD,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    RATIO,
    SCALED,
    SUBTRACT,
    TABLE,
    VARIABLE,
    WHERE,
)
from gradcli.graph.precedence import COMPARISON
from gradcli.graph.simplify import DerivedNode, broadcast_to, simplified

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
    from typing import Any

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation
    from gradcli.graph.shapes import Key, Shape

    Part = tuple[int | range, ...]
    """For each axis of a node the entry, or the entries in order, that are wanted."""
    Steps = Generator[tuple[int, Part], int, int]
    """Yields parts of other nodes, is sent the nodes that are these parts, and returns a node."""
    Rule = Callable[["_Parts", int, Part], Steps]

ARRAY, BROADCAST, COLLAPSE, CUMSUM = [
    TABLE[name] for name in ("array", "broadcast", "collapse", "cumsum")
]
INDEX, MATMUL, SCATTER, PROD = [TABLE[name] for name in ("index", "matmul", "scatter", "prod")]
RESHAPE, SUM, TRANSPOSE = [TABLE[name] for name in ("reshape", "sum", "transpose")]
EYE, ONES, ZEROS = [TABLE[name] for name in ("eye", "ones", "zeros")]

MOST_PARTS = 100_000
"""How many parts of nodes are taken inside; further ones stay an index of the whole."""
LARGEST_UNIT = 4_000_000
"""Numbers of an array that stands in a derivative to leave out one factor of each product."""
SPELLED_OUT = 6
"""An array of at most so many numbers may be written number by number, as may their product."""


def spelled(
    graph: Graph,
    own: Iterable[int],
    roots: Sequence[int],
    names: Collection[int] = (),
    of_body: Callable[[Graph, int], int] | None = None,
) -> list[int]:
    """Return nodes that equal `roots` and are made of operations that can be typed.

    `own` are the nodes that the user typed, which stay; each of `names` is taken as a name.
    `of_body` does the same for what a name is bound in, and may do more.
    """
    own = frozenset(own)
    if graph.has_arrays:
        parts = _Parts(graph, own, frozenset(names))
        roots = [parts.root(root) for root in roots]
    return _typed(graph, own | frozenset(names), roots, of_body or _typed_body)


def spelled_edges(
    graph: Graph, root: int, partials: Mapping[tuple[int, int], int]
) -> dict[tuple[int, int], int]:
    """Return the local derivatives of the formula `root` as they would be typed, by edge."""
    own = graph.reachable([root])
    return dict(zip(partials, spelled(graph, own, list(partials.values())), strict=True))


def _typed(
    graph: Graph,
    own: frozenset[int],
    roots: Sequence[int],
    of_body: Callable[[Graph, int], int],
) -> list[int]:
    """Return the roots with each operation that only rules make replaced by its spelling."""
    nodes = [node for node in graph.reachable(roots) if node not in own]
    if not any(graph.rows[node][0].spelled or graph.rows[node][0].binds for node in nodes):
        return list(roots)

    def add(graph: Graph, operation: Operation, arguments: tuple[int, ...], payload: Any) -> int:
        if operation.spelled is not None:
            handles = [DerivedNode(graph, argument) for argument in arguments]
            typed: int = operation.spelled(None, *operation.with_payload(handles, payload)).id
            return typed
        if operation.binds:
            from gradcli.calculus import bound

            return bound.spelled(graph, graph.add(operation, arguments, payload), of_body)
        return simplified(graph, operation, arguments, payload)

    made = graph.copy(graph, nodes, {node: node for node in own}, add)
    return [made[root] for root in roots]


def _typed_body(graph: Graph, root: int) -> int:
    return _typed(graph, frozenset(), [root], _typed_body)[0]


class _Parts:
    """Finds parts of nodes, each once. Rules ask for parts of other nodes, and nothing recurses."""

    def __init__(self, graph: Graph, own: frozenset[int], names: frozenset[int]) -> None:
        self.graph = graph
        self.own = own
        self.names = names
        self.made: dict[tuple[int, Part], int] = {}
        self.known = self._known()

    def root(self, node: int) -> int:
        """Return the node to be read for a result; few numbers one by one rather than scattered."""
        found = self.find(node, whole(self.graph.shape(node)))
        shape = self.graph.shape(node)
        is_short = 0 < len(shape) < 3 and 0 < prod(shape) <= SPELLED_OUT
        if is_short and any(
            self.graph.rows[below][0] is SCATTER and below not in self.own
            for below in self.graph.below(found)
        ):
            return self._listed(found, shape, ())
        return found

    def _listed(self, node: int, shape: Shape, key: tuple[int, ...]) -> int:
        """Return the array as one of its numbers."""
        if len(key) == len(shape):
            return self.find(node, key)
        numbers = [self._listed(node, shape, (*key, i)) for i in range(shape[len(key)])]
        return self.graph.add(ARRAY, tuple(numbers))

    def find(self, node: int, part: Part) -> int:
        """Return the part of a node, with all that it is made of."""
        waiting: list[tuple[tuple[int, Part], Steps]] = []
        request = (node, part)
        while True:
            answer = self.made.get(request)
            if answer is None:
                waiting.append((request, self._steps(*request)))
            while waiting:
                try:
                    request = waiting[-1][1].send(answer)  # type: ignore[arg-type]
                    break
                except StopIteration as end:
                    finished, _ = waiting.pop()
                    answer = self.made[finished] = end.value
            else:
                assert answer is not None  # noqa: S101 - every rule returns a node
                return answer

    def _known(self) -> dict[int, int]:
        """Return what rules make of an operation on arrays, and how a mathematician writes it."""
        found: dict[int, int] = {}
        for node in sorted(self.own):
            operation, arguments, axis = self.graph.rows[node]
            x = DerivedNode(self.graph, arguments[0]) if arguments else None
            if x is None or not x.shape:
                continue
            if operation in {TABLE["std"], TABLE["var"]}:
                mean = structural.wide(x.apply("mean", payload=axis), x, axis)
                found[structural.deviations(x, axis).id] = (x - mean).id
            elif operation is PROD and (others := _others(x, axis)) is not None:
                found[structural.others(x, axis).id] = others
        return {node: shown for node, shown in found.items() if node != shown}

    # ------------------------------------------------------------ rules

    def _steps(self, node: int, part: Part) -> Steps:
        graph = self.graph
        operation, arguments, payload = graph.rows[node]
        shape = graph.shape(node)
        is_whole = part == whole(shape)
        if node in self.names:
            return self.indexed(node, part)
        if node in self.known:
            return (yield self.known[node], part)
        if is_whole and node in self.own:
            if operation is INDEX and graph.rows[arguments[0]][0] is ARRAY:
                return (yield from _of_index(self, node, part))
            return node
        if not is_whole and len(self.made) > MOST_PARTS:
            return self.indexed((yield node, whole(shape)), part)
        rule = RULES.get(operation)
        if rule is not None:
            return (yield from rule(self, node, part))
        if not arguments:
            number = None if is_whole else _filling(operation, part)
            if number is None:
                return self.indexed(node, part)
            return broadcast_to(graph, graph.constant(number), shape_of(part))
        if (
            operation.level == COMPARISON
            and not is_whole
            and not all(map(self._is_held, arguments))
        ):
            return self.indexed((yield node, whole(shape)), part)
        if operation.shape is not None:
            found = yield from _each((a, whole(graph.shape(a))) for a in arguments)
            return self.indexed(graph.add(operation, tuple(found), payload), part)
        found = yield from _each((a, aligned(part, shape, graph.shape(a))) for a in arguments)
        return (yield from self.elementwise(operation, tuple(found), payload, shape_of(part)))

    def _is_held(self, node: int) -> bool:
        """Return whether the entries of a node are not computed, or one by one.

        An entry that is computed alone may differ by rounding from that of a whole array, and then
        it is not equal any more to what it was.
        """
        operation = self.graph.rows[node][0]
        return not self.graph.shape(node) or operation in {ARRAY, VARIABLE}

    def elementwise(
        self, operation: Operation, arguments: tuple[int, ...], payload: Any, shape: Shape
    ) -> Steps:
        """Return an operation number by number: what is 0 but in a part of it stays so."""
        graph = self.graph
        zero = graph.constant(0)
        arguments = tuple([zero if self.is_zero(a) else self._narrow(a, shape) for a in arguments])
        if operation is WHERE and (value := graph.number(arguments[0])) is not None:
            return broadcast_to(graph, arguments[1 if value else 2], shape)
        scaling = arguments if operation in {MULTIPLY, SCALED} else ()
        scaling = arguments[:1] if operation in {NEGATE, DIVIDE, RATIO} else scaling
        if zero in scaling:
            return self.zero(shape)
        for argument in scaling:
            row, _, where = graph.rows[argument]
            if row is SCATTER and where[1] == shape:
                part = normalised(where[0], shape)
                parts = yield from _each(
                    (a, aligned(part, shape, graph.shape(a))) for a in arguments
                )
                inner = self.elementwise(operation, tuple(parts), payload, shape_of(part))
                return self.scattered((yield from inner), part, shape)
        return broadcast_to(graph, simplified(graph, operation, arguments, payload), shape)

    def _narrow(self, node: int, shape: Shape) -> int:
        """Return the node without new first axes of length 1, which others have anyway."""
        operation, arguments, own = self.graph.rows[node]
        if operation is not RESHAPE or len(own) > len(shape) or node in self.own:
            return node
        before = self.graph.shape(arguments[0])
        more = len(own) - len(before)
        fits = more > 0 and own == (1,) * more + before and own != shape
        return arguments[0] if fits else node

    # ------------------------------------------------------------ building

    def is_zero(self, node: int) -> bool:
        """Return whether a node is made of zeros."""
        operation, arguments, _ = self.graph.rows[node]
        if operation is BROADCAST:
            node = arguments[0]
        return operation is ZEROS or self.graph.number(node) == 0

    def zero(self, shape: Shape) -> int:
        """Return zeros."""
        return broadcast_to(self.graph, self.graph.constant(0), shape)

    def scattered(self, node: int, part: Part, shape: Shape) -> int:
        """Return zeros of the shape with the node in a part of them."""
        if part == whole(shape):
            return node
        if self.is_zero(node):
            return self.zero(shape)
        operation, arguments, payload = self.graph.rows[node]
        if operation is SCATTER and node not in self.own:
            return self.scattered(
                arguments[0], composed(part, normalised(payload[0], payload[1])), shape
            )
        return self.graph.add(SCATTER, (node,), (key_of(part, shape), shape))

    def indexed(self, node: int, part: Part) -> int:
        shape = self.graph.shape(node)
        if part == whole(shape):
            return node
        return simplified(self.graph, INDEX, (node,), key_of(part, shape))

    def reshaped(self, node: int, shape: Shape) -> int:
        """Return the same numbers in another shape."""
        operation, arguments, _ = self.graph.rows[node]
        if operation is BROADCAST and not self.graph.shape(arguments[0]):
            node = arguments[0]
        if not self.graph.shape(node):
            return broadcast_to(self.graph, node, shape)
        return node if self.graph.shape(node) == shape else self.graph.add(RESHAPE, (node,), shape)

    def reduced(self, operation: Operation, node: int, axis: int | None) -> int:
        """Return a reduction over an axis; None is all."""
        axis = None if len(self.graph.shape(node)) == 1 else axis
        return self.graph.add(operation, (node,), axis)

    def summed(self, node: int, axes: Sequence[int]) -> Steps:
        """Return the sum over axes; that over zeros with something in a part is that over it."""
        graph = self.graph
        shape = graph.shape(node)
        if not axes:
            return node
        rest = tuple([length for axis, length in enumerate(shape) if axis not in axes])
        operation, arguments, payload = graph.rows[node]
        if self.is_zero(node):
            return self.zero(rest)
        if node not in self.own and operation is BROADCAST and not graph.shape(arguments[0]):
            count = graph.constant(prod(shape) / prod(rest) if prod(rest) else 0)
            return broadcast_to(graph, simplified(graph, MULTIPLY, (count, arguments[0])), rest)
        if node not in self.own and operation is SCATTER:
            part = normalised(payload[0], shape)
            kept = tuple([item for axis, item in enumerate(part) if axis not in axes])
            ranges = [axis for axis, item in enumerate(part) if isinstance(item, range)]
            inside = [position for position, axis in enumerate(ranges) if axis in axes]
            inner = yield from self.summed(arguments[0], inside)
            return self.scattered(inner, kept, rest)
        # Most of an array in a part of zeros, or of a repeated number, need not be added up.
        is_short = any(graph.rows[argument][0] in {SCATTER, BROADCAST} for argument in arguments)
        if node not in self.own and (
            operation is NEGATE or (operation in {ADD, SUBTRACT} and is_short)
        ):
            sides = []
            for argument in arguments:
                side = yield from self.summed(broadcast_to(graph, argument, shape), axes)
                sides.append(side)
            return simplified(graph, operation, tuple(sides))
        if operation is ARRAY and len(shape) == 1 and len(arguments) <= SPELLED_OUT:
            return reduce(lambda x, y: simplified(graph, ADD, (x, y)), arguments)
        if len(axes) == len(shape):
            return graph.add(SUM, (node,), None)
        for axis in sorted(axes, reverse=True):
            node = self.reduced(SUM, node, axis)
        return node


# ---------------------------------------------------------------- rules of operations on arrays


def _each(wanted: Iterable[tuple[int, Part]]) -> Generator[tuple[int, Part], int, list[int]]:
    """Return the nodes that are parts of nodes."""
    found = []
    for one in wanted:
        found.append((yield one))  # noqa: PERF401
    return found


def _filling(operation: Operation, part: Part) -> float | None:
    """Return the number that a part of zeros, ones or the unit matrix is made of, if it is one."""
    if operation is EYE and all(isinstance(item, int) for item in part):
        return float(part[0] == part[1])
    return {ZEROS: 0.0, ONES: 1.0}.get(operation)


def _of_array(parts: _Parts, node: int, part: Part) -> Steps:
    arguments = parts.graph.rows[node][1]
    first = part[0]
    if isinstance(first, int):
        return (yield arguments[first], part[1:])
    if not first:
        return parts.zero(shape_of(part))
    found = yield from _each((arguments[position], part[1:]) for position in first)
    return parts.graph.add(ARRAY, tuple(found))


def _of_index(parts: _Parts, node: int, part: Part) -> Steps:
    _, (argument,), key = parts.graph.rows[node]
    return (yield argument, composed(normalised(key, parts.graph.shape(argument)), part))


def _of_scatter(parts: _Parts, node: int, part: Part) -> Steps:
    """Return what a part of zeros sees of the array in another part of them."""
    _, (argument,), (key, shape) = parts.graph.rows[node]
    inside: list[int | range] = []
    where: list[int | range] = []
    for filled, wanted in zip(normalised(key, shape), part, strict=True):
        common = _common(filled, wanted)
        if common is None:
            return parts.zero(shape_of(part))
        inside += [] if isinstance(filled, int) else [common[0]]
        where += [] if isinstance(wanted, int) else [common[1]]
    found = yield argument, tuple(inside)
    return parts.scattered(found, tuple(where), shape_of(part))


def _common(filled: int | range, wanted: int | range) -> tuple[int | range, int | range] | None:
    """Return where both meet, as positions in each; None when they do not."""
    first, second = [range(i, i + 1) if isinstance(i, int) else i for i in (filled, wanted)]
    meets = [position for position, entry in enumerate(second) if entry in first]
    if not meets:
        return None
    inside = [first.index(second[position]) for position in meets]
    if isinstance(filled, int) or isinstance(wanted, int):
        return inside[0], meets[0]
    return _progression(inside), _progression(meets)


def _progression(numbers: Sequence[int]) -> range:
    """Return whole numbers at equal distances as a range."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    return range(numbers[0], numbers[-1] + (1 if step > 0 else -1), step)


def _of_broadcast(parts: _Parts, node: int, part: Part) -> Steps:
    _, (argument,), shape = parts.graph.rows[node]
    found = yield argument, aligned(part, shape, parts.graph.shape(argument))
    return broadcast_to(parts.graph, found, shape_of(part))


def _of_reshape(parts: _Parts, node: int, part: Part) -> Steps:
    """Return a part where only axes of length 1 come or go, or a single number."""
    graph = parts.graph
    _, (argument,), shape = graph.rows[node]
    before = graph.shape(argument)
    wide = [item for item, length in zip(part, shape, strict=True) if length != 1]
    if [n for n in before if n != 1] == [n for n in shape if n != 1]:
        items = iter(wide)
        inside = tuple([0 if length == 1 else next(items) for length in before])
        return parts.reshaped((yield argument, inside), shape_of(part))
    if all(isinstance(item, int) for item in part):
        position = 0
        for item, length in zip(part, shape, strict=True):
            position = position * length + item
        digits: list[int] = []
        for length in reversed(before):
            position, digit = divmod(position, length)
            digits.append(digit)
        return (yield argument, tuple(reversed(digits)))
    found = yield argument, whole(before)
    return parts.indexed(parts.reshaped(found, shape), part)


def _of_transpose(parts: _Parts, node: int, part: Part) -> Steps:
    graph = parts.graph
    _, (argument,), _ = graph.rows[node]
    found = yield argument, part[::-1]
    shape = shape_of(part)
    if len(shape) < 2 or parts.is_zero(found):
        return found if len(shape) < 2 else parts.zero(shape)
    operation, arguments, _ = graph.rows[found]
    if operation is TRANSPOSE:
        return arguments[0]
    if operation is BROADCAST and not graph.shape(arguments[0]):
        return broadcast_to(graph, arguments[0], shape)
    return graph.add(TRANSPOSE, (found,))


def _of_collapse(parts: _Parts, node: int, part: Part) -> Steps:
    graph = parts.graph
    _, (argument,), shape = graph.rows[node]
    before = graph.shape(argument)
    more = len(before) - len(shape)
    gone = {*range(more)}
    gone |= {more + i for i, n in enumerate(shape) if n == 1 and before[more + i] != 1}
    wanted = (*map(range, before[:more]), *part)
    inside = tuple([range(n) if i in gone else wanted[i] for i, n in enumerate(before)])
    found = yield argument, inside
    ranges = [axis for axis, item in enumerate(inside) if isinstance(item, range)]
    axes = [position for position, axis in enumerate(ranges) if axis in gone]
    return parts.reshaped((yield from parts.summed(found, axes)), shape_of(part))


def _along(parts: _Parts, node: int, part: Part) -> Generator[Any, int, tuple[int, int | None]]:
    """Return what a part of a reduction is made of, and the axis there; None is all."""
    _, (argument,), axis = parts.graph.rows[node]
    shape = parts.graph.shape(argument)
    if axis is None or not shape:
        return (yield argument, whole(shape)), None
    found = yield argument, (*part[:axis], range(shape[axis]), *part[axis:])
    return found, sum(isinstance(item, range) for item in part[:axis])


def _of_sum(parts: _Parts, node: int, part: Part) -> Steps:
    found, axis = yield from _along(parts, node, part)
    axes = range(len(parts.graph.shape(found))) if axis is None else [axis]
    return (yield from parts.summed(found, axes))


def _of_reduction(parts: _Parts, node: int, part: Part) -> Steps:
    """Return a part of a reduction over an axis, which is one of a part."""
    graph = parts.graph
    operation = graph.rows[node][0]
    found, axis = yield from _along(parts, node, part)
    length = graph.shape(found)
    if operation is PROD and len(length) == 1 and 0 < length[0] <= SPELLED_OUT:
        factors = yield from _each((found, (position,)) for position in range(length[0]))
        return reduce(lambda x, y: simplified(graph, MULTIPLY, (x, y)), factors)
    return parts.reduced(operation, found, axis)


def _of_cumsum(parts: _Parts, node: int, part: Part) -> Steps:
    graph = parts.graph
    _, (argument,), axis = graph.rows[node]
    shape = graph.shape(argument)
    if not shape:
        return (yield argument, ())
    axis = len(shape) - 1 if axis is None else axis
    item = part[axis]
    before = sum(isinstance(i, range) for i in part[:axis])
    summed = range(item + 1) if isinstance(item, int) else range(shape[axis])
    found = yield argument, (*part[:axis], summed, *part[axis + 1 :])
    if isinstance(item, int):
        return (yield from parts.summed(found, [before]))
    sums = parts.zero(graph.shape(found))
    if not parts.is_zero(found):
        sums = graph.add(CUMSUM, (found,), before)
    here = list(whole(graph.shape(sums)))
    here[before] = item
    return parts.indexed(sums, tuple(here))


def _of_matmul(parts: _Parts, node: int, part: Part) -> Steps:
    graph = parts.graph
    _, (left, right), _ = graph.rows[node]
    rows, columns = graph.shape(left), graph.shape(right)
    inner = range(rows[-1])
    wanted = list(part)
    of_left: Part = (wanted.pop(0), inner) if len(rows) == 2 else (inner,)
    of_right: Part = (inner, wanted.pop(0)) if len(columns) == 2 else (inner,)
    first = yield left, of_left
    second = yield right, of_right
    for one, other, axis in ((first, second, 0), (second, first, len(graph.shape(first)) - 1)):
        operation, inputs, payload = graph.rows[one]
        if parts.is_zero(one):
            return parts.zero(shape_of(part))
        if one in parts.own or len(graph.shape(one)) != 1:
            continue
        if operation is BROADCAST and not graph.shape(inputs[0]):
            factor = yield from parts.summed(other, [axis])
        elif operation is SCATTER and isinstance(payload[0][0], int):
            key = list(whole(graph.shape(other)))
            key[axis] = payload[0][0] % len(inner)
            factor = yield other, tuple(key)
        else:
            continue
        product = (inputs[0], factor)
        return (yield from parts.elementwise(MULTIPLY, product, None, shape_of(part)))
    return graph.add(MATMUL, (first, second))


RULES: dict[Operation, Rule] = {
    ARRAY: _of_array,
    INDEX: _of_index,
    SCATTER: _of_scatter,
    BROADCAST: _of_broadcast,
    RESHAPE: _of_reshape,
    TRANSPOSE: _of_transpose,
    COLLAPSE: _of_collapse,
    SUM: _of_sum,
    CUMSUM: _of_cumsum,
    MATMUL: _of_matmul,
    **{TABLE[name]: _of_reduction for name in ("prod", "mean", "greatest", "least", "norm")},
}
"""Operations whose parts are parts of their arguments; of others the whole is computed."""


def _others(x: DerivedNode, axis: int | None) -> int | None:
    """Return the products of all others as ones where a row of the unit matrix has its 1."""
    shape = x.shape
    if axis is None:
        flat = structural.reshape(x, (prod(shape),))
        found = _others(flat, 0)
        return None if found is None else structural.reshape(x.at(found), shape).id
    count, before, after = shape[axis], shape[:axis], shape[axis + 1 :]
    if len(shape) > 8 or count * prod(shape) > LARGEST_UNIT:
        return None
    unit = structural.reshape(
        x.apply_to("eye", payload=(count,)), (count, count) + (1,) * len(after)
    )
    wide = structural.reshape(x, (*before, 1, count, *after)) if before else x
    chosen = x.apply_to("where", unit, 1, wide)
    return chosen.apply("prod", payload=axis + 1).id


# ---------------------------------------------------------------- parts


def whole(shape: Shape) -> Part:
    """Return the part that is all."""
    return tuple([range(length) for length in shape])


def shape_of(part: Part) -> Shape:
    """Return the shape of a part."""
    return tuple([len(item) for item in part if isinstance(item, range)])


def normalised(key: Key, shape: Shape) -> Part:
    """Return an index as a part: for each axis where it goes."""
    items = [
        range(length)[slice(*item)] if isinstance(item, tuple) else item % length
        for item, length in zip(key, shape, strict=False)
    ]
    return (*items, *whole(shape[len(items) :]))


def key_of(part: Part, shape: Shape) -> Key:
    """Return a part as the shortest index: 1:, ::-1."""
    items: list[Any] = []
    for item, length in zip(part, shape, strict=True):
        if isinstance(item, int):
            items.append(item)
            continue
        end = item[-1] + (1 if item.step > 0 else -1) if item else item.start
        keys = product((None, item.start), (None, end), (None, item.step))
        items.append(next(key for key in keys if range(length)[slice(*key)] == item))
    while items and items[-1] == (None, None, None):
        items.pop()
    return tuple(items)


def composed(outer: Part, inner: Part) -> Part:
    """Return the part of a part."""
    remaining = iter(inner)
    return tuple([i if isinstance(i, int) else _entries(i, next(remaining)) for i in outer])


def _entries(entries: range, wanted: int | range) -> int | range:
    """Return the entries at some positions."""
    if isinstance(wanted, int):
        return entries[wanted]
    found = entries[wanted.start : wanted.stop if wanted.stop >= 0 else None : wanted.step]
    return _progression(found) if found else found


def aligned(part: Part, shape: Shape, other: Shape) -> Part:
    """Return the part of an array of shape `other` that a part of what it is broadcast to reads."""
    more = len(shape) - len(other)
    first = [0 if isinstance(item, int) else range(1) for item in part[more:]]
    wanted = zip(part[more:], first, shape[more:], other, strict=True)
    return tuple([item if length == long else one for item, one, long, length in wanted])
