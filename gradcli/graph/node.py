"""The formula as data: a pool of interned nodes, and a handle on one of them.

A node is a row `(operation, ids of its arguments, payload)`; its id is its place in the pool. The
same row twice is the same node, and arguments exist before their user, so that ids in rising order
are a topological order: every pass over a formula is a loop over ids, and nothing recurses.
"""

from __future__ import annotations

import gc
from itertools import compress
from operator import index

from gradcli.errors import FormulaError, ShapeError
from gradcli.graph.literals import Numeral
from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    PLACEHOLDER,
    POWER_OF,
    SUBTRACT,
    TABLE,
    VARIABLE,
    Operation,
    known_number,
)
from gradcli.graph.shapes import COUNT, ROWS, SCALAR, Shape, broadcast, checked, shown
from gradcli.limits import DERIVED_NODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from typing_extensions import Self

    N = TypeVar("N", bound="Node")

Row = tuple[Operation, tuple[int, ...], "Any"]


_SUMS = frozenset({ADD, SUBTRACT, NEGATE})

MANY = 100_000
"""Move new objects to the oldest generation, which is seldom collected, from this number on."""


class Growing:
    """Pauses the cyclic garbage collector while many nodes are made.

    It would traverse the growing graph again and again, and no node is garbage.
    """

    __slots__ = ("_was_enabled",)

    def __enter__(self) -> None:
        """Pause the collector."""
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        """Resume it if it was enabled; many new objects join the oldest generation."""
        if self._was_enabled:
            if gc.get_count()[0] > MANY and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


class Graph:
    """A growing pool of interned nodes.

    `rows[i]` is node i. Nodes are never changed or removed; derivatives are added to the same pool.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.limit = DERIVED_NODES
        """How many nodes there may be."""
        self.names: dict[int, dict[str, None]] = {}
        """Names that the user gave to nodes (`u = 3*x`); a node may have several."""
        self.spellings: dict[str, str] = {}
        """How operations were first typed that have more than one spelling: "sigmoid" as
        "logistic", "power" as "**"."""
        self._ids: dict[Row, int] = {}
        self._shapes: dict[int, Shape] = {}
        self._unknown: set[int] = set()
        self.has_arrays = False
        """Whether any node is an array, or an operation of arrays on a number."""
        self.columns: dict[str, int] = {}
        """The free names whose values have a part for each row of the data, and their nodes."""
        self._imported: dict[int, tuple[Graph, dict[int, int]]] = {}
        """By the id of another graph, that graph and the copies here of its nodes."""
        self._below: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        """The roots that `reachable` was asked for last, and its answer."""

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.rows)

    def add(
        self,
        operation: Operation,
        arguments: tuple[int, ...] = (),
        payload: Any = None,
    ) -> int:
        """Return the id of the node with this row, which is new only if the pool lacks it.

        Raises FormulaError when the pool would pass the limit of nodes.
        """
        row = (operation, arguments, payload)
        rows = self.rows
        new = len(rows)
        node = self._ids.setdefault(row, new)
        if node == new:
            if new >= self.limit:
                del self._ids[row]
                message = f"the formula has more than {self.limit} nodes"
                raise FormulaError(message, hint="functions of your own count once per call")
            rows.append(row)
            if operation.shape is not None or self._shapes or self._unknown:
                self._infer_shape(node)
        return node

    def _infer_shape(self, node: int) -> None:
        """Record the shape of the newest node; remove it and raise ShapeError if it has none."""
        operation, arguments, payload = self.rows[node]
        if not self._unknown.isdisjoint(arguments):
            self._unknown.add(node)
            return
        shapes = [self._shapes.get(argument, SCALAR) for argument in arguments]
        try:
            if operation.shape is None:
                shape = broadcast(*shapes) if any(shapes) else SCALAR
            else:
                shape = checked(operation.shape(*operation.with_payload(shapes, payload)))
        except ShapeError:
            del self._ids[self.rows.pop()]
            raise
        if shape:
            self._shapes[node] = shape
        if shape or operation.structural:
            self.has_arrays = True

    def with_count(self, variables: Mapping[str, Any]) -> tuple[Mapping[str, Any], int | None]:
        """Return the values of names, that of the number of rows among them, and this number.

        It is None where none of the values is a column.
        """
        count = next((len(variables[name]) for name in self.columns if name in variables), None)
        return variables if count is None else {**variables, COUNT: float(count)}, count

    def placeholder(self, name: str) -> int:
        """Return the node of a parameter, whose shape is that of the argument of each call."""
        node = self.add(PLACEHOLDER, (), name)
        self._unknown.add(node)
        return node

    def is_unknown(self, node: int) -> bool:
        """Return whether the node's shape depends on a parameter."""
        return node in self._unknown

    def constant(self, value: float) -> int:
        """Return the node of a number; a negative one is the negation of a constant, as typed."""
        if value < 0 or (value == 0 and str(value)[0] == "-"):
            return self.add(NEGATE, (self.add(CONSTANT, (), -float(value)),))
        return self.add(CONSTANT, (), value if isinstance(value, Numeral) else float(value))

    def variable(self, name: str, shape: Shape = SCALAR) -> int:
        """Return the node of a free name, whose value has this shape."""
        count = len(self.rows)
        node = self.add(VARIABLE, (), name)
        if node < count and self.shape(node) != shape:
            both = f"{shown(self.shape(node))} and {shown(shape)}"
            message = f"the name {name} is used with two shapes, {both}"
            raise ShapeError(message, hint="use two names")
        if shape:
            whole = [length if length == ROWS else index(length) for length in shape]
            self._shapes[node] = checked(tuple(whole))
            self.has_arrays = True
            if shape[0] == ROWS:
                self.columns[name] = node
        return node

    def number(self, node: int) -> float | None:
        """Return the number that `node` was typed as (`3` or `-3`), or None.

        One that is no double has none.
        """
        operation, arguments, payload = self.rows[node]
        if operation is CONSTANT:
            return None if isinstance(payload, Numeral) else float(payload)
        if operation is NEGATE:
            inner, _, value = self.rows[arguments[0]]
            if inner is CONSTANT and not isinstance(value, Numeral):
                return -float(value)
        return None

    def has_name(self, name: str) -> bool:
        """Return whether a free name was ever made a node, even if only its length is used."""
        return (VARIABLE, (), name) in self._ids

    def fixed(self, node: int) -> float | None:
        """Return the value of a node made of numbers alone, None when it has none.

        For sizes and limits that must be known before anything runs, such as zeros(2*5).
        """
        values: dict[int, float] = {}
        for step in self.reachable([node]):
            operation, arguments, payload = self.rows[step]
            number = known_number(operation, payload)
            if number is None and operation.value is not None:
                number = operation.at([values[a] for a in arguments], payload)
            if number is None or number != number:  # noqa: PLR0124 - nan
                return None
            values[step] = number
        return values[node]

    def power_row(self, base: int, exponent: int) -> Row:
        """Return the row of base^exponent; of a number as exponent it is the payload."""
        number = self.number(exponent)
        if number is not None:
            return CONSTANT_POWER, (base,), number
        return POWER_OF, (base, exponent), None

    def shape(self, node: int) -> Shape:
        """Return the shape of a node's value."""
        return self._shapes.get(node, SCALAR)

    def name_of(self, node: int) -> str | None:
        """Return the first name that the user gave to the node, a variable's own name, or None."""
        names = self.names.get(node)
        if names:
            return next(iter(names))
        operation, _, payload = self.rows[node]
        return payload if operation is VARIABLE else None

    def give_name(self, node: int, name: str) -> None:
        """Record the user's `name` of a node for tables, messages and pictures.

        A number or a free name keeps its own.
        """
        if not self.rows[node][1]:
            return
        self.names.setdefault(node, {})[name] = None

    def reachable(self, roots: Iterable[int]) -> Sequence[int]:
        """Return the ids that the roots depend on, roots included, in topological order."""
        roots = tuple(roots)
        if not roots:
            return ()
        # Nodes never change, and successive passes ask for the same roots.
        if roots == self._below[0]:
            return self._below[1]
        last = max(roots)
        wanted = bytearray(last + 1)
        for root in roots:
            wanted[root] = 1
        rows = self.rows
        for node in range(last, -1, -1):
            if wanted[node]:
                for argument in rows[node][1]:
                    wanted[argument] = 1
        found = tuple(compress(range(last + 1), wanted))
        self._below = (roots, found)
        return found

    def walk(
        self, roots: Iterable[int], into: Callable[[int], Iterable[int]] | None = None
    ) -> list[int]:
        """Return what the roots depend on, each node once, in the order in which text has them.

        A node comes before its arguments. `into` returns those of a node to go on to, the last one
        first; without it they are all.
        """
        rows = self.rows
        found: dict[int, None] = {}
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found[node] = None
                waiting += reversed(rows[node][1]) if into is None else into(node)
        return list(found)

    def terms(self, root: int, inner: Callable[[int], bool]) -> list[tuple[int, int]]:
        """Return the terms of a sum, in the order of the text, each with its sign, 1 or -1.

        Where `inner` says so a sum, difference or negation is entered; all else is a term.
        """
        found: list[tuple[int, int]] = []
        waiting = [(root, 1)]
        while waiting:
            node, sign = waiting.pop()
            operation, arguments, _ = self.rows[node]
            if operation in _SUMS and inner(node):
                waiting.append((arguments[-1], sign if operation is ADD else -sign))
                waiting += [(argument, sign) for argument in arguments[:-1]]
            else:
                found.append((node, sign))
        return found

    def below(self, root: int, stops: Collection[int] = ()) -> list[int]:
        """Return what `reachable` does for one root, in time that depends on the result alone.

        The nodes `stops`, and what only they lead to, are left out.
        """
        rows = self.rows
        if root in stops:
            return []
        return sorted(self.walk([root], lambda node: [a for a in rows[node][1] if a not in stops]))

    def depending_on(self, sources: Iterable[int], nodes: Sequence[int]) -> set[int]:
        """Return those of `nodes` (in topological order) whose value a source can change."""
        active = set(sources)
        rows = self.rows
        for node in nodes:
            if not active.isdisjoint(rows[node][1]):
                active.add(node)
        return active

    def variables(self, roots: Iterable[int]) -> dict[str, int]:
        """Return the free names below the roots and their nodes, in order of appearance."""
        rows = self.rows
        return {rows[node][2]: node for node in self.reachable(roots) if rows[node][0] is VARIABLE}

    def adopt(self, other: Graph, root: int) -> int:
        """Return the node of this graph that equals `root` of another one, copied if need be.

        Every foreign node is copied once, however often graphs are joined.
        """
        if other is self:
            return root
        copies = self._copies(other)
        nodes = other.below(root, copies)
        self.copy(other, nodes, copies)
        for node in nodes:
            for name in other.names.get(node, ()):
                self.give_name(copies[node], name)
        return copies[root]

    def copy(
        self,
        other: Graph,
        nodes: Iterable[int],
        copies: dict[int, int],
        add: Callable[[Graph, Operation, tuple[int, ...], Any], int] | None = None,
    ) -> dict[int, int]:
        """Add nodes of another graph, in topological order, to their `copies`, and return these.

        What has one already, a name or what stands in place of a part, stays. `add` makes a copy.
        """
        add = add or Graph.add
        for node in nodes:
            if node not in copies:
                operation, arguments, payload = other.rows[node]
                if operation is VARIABLE:
                    copies[node] = self.variable(payload, other.shape(node))
                    continue
                mapped = tuple([copies[argument] for argument in arguments])
                copies[node] = add(self, operation, mapped, payload)
        return copies

    def identify(self, other: Graph, nodes: Mapping[int, int]) -> None:
        """Let nodes of another graph be those of this one wherever parts of it are adopted."""
        self._copies(other).update(nodes)

    def _copies(self, other: Graph) -> dict[int, int]:
        # The other graph is kept beside its id, so that its identity stays its own.
        return self._imported.setdefault(id(other), (other, {}))[1]

    def check(self) -> None:
        """Raise AssertionError unless the pool is sound; tests call it after every pass."""
        assert len(self._ids) == len(self.rows), "a row stands twice"  # noqa: S101
        for node, (operation, arguments, payload) in enumerate(self.rows):
            assert self._ids[operation, arguments, payload] == node, "a row has another's id"  # noqa: S101
            assert all(0 <= a < node for a in arguments), "an argument follows its user"  # noqa: S101
            assert operation.accepts(len(arguments)), f"{operation} of {len(arguments)}"  # noqa: S101
            needless = operation.payload is None
            assert payload is None if needless else True, f"payload of {operation}"  # noqa: S101


def _operator(operation: Operation, *, reflected: bool = False) -> Callable[[N, object], N]:
    """Return an operator of nodes, or the one with its operands in the other order."""

    def apply(self: N, other: object) -> N:
        node = self.resolve(other)
        if node is None:
            return NotImplemented  # type: ignore[no-any-return]
        return self.build(operation, (node, self.id) if reflected else (self.id, node))

    return apply


class Node:
    """A handle on a node of a graph; arithmetic on it adds nodes, just as the same text would.

    `id` is its index in `graph.rows`. Nodes of different graphs can be mixed: the right one is
    copied into the left one's graph. Comparisons (`x < 1`) build nodes too, but `==` compares
    identity: use `functions.equal` for a node.
    """

    __slots__ = ("graph", "id")
    # NumPy arrays leave arithmetic with a node to the node.
    __array_ufunc__ = None

    def __init__(self, graph: Graph, node: int) -> None:
        self.graph = graph
        self.id = node

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same node of the same graph."""
        return isinstance(other, Node) and self.graph is other.graph and self.id == other.id

    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return hash((id(self.graph), self.id))

    def __bool__(self) -> bool:
        """Refuse: a node has no value yet that could decide a Python `if`."""
        raise TypeError("a node is neither true nor false before it is run; use functions.where")

    @property
    def operation(self) -> Operation:
        """The row of the table that makes this node."""
        return self.graph.rows[self.id][0]

    @property
    def payload(self) -> Any:
        """The constant, name or exponent that belongs to the node; None for most."""
        return self.graph.rows[self.id][2]

    @property
    def inputs(self) -> tuple[Self, ...]:
        """The nodes that this one is computed from, in order."""
        kind, graph = type(self), self.graph
        return tuple([kind(graph, node) for node in graph.rows[self.id][1]])

    @property
    def shape(self) -> Shape:
        """The shape of the node's value; () for a number."""
        return self.graph.shape(self.id)

    @property
    def name(self) -> str | None:
        """The user's name for the node, or None."""
        return self.graph.name_of(self.id)

    def at(self, node: int) -> Self:
        """Return a handle of the same kind on another node of the graph."""
        return type(self)(self.graph, node)

    def number(self, value: float) -> Self:
        """Return a constant in the same graph."""
        return self.at(self.graph.constant(value))

    def constant(self, name: str) -> Self:
        """Return a named constant, `pi`, `tau` or `e`, in the same graph."""
        return self.at(self.graph.add(NAMED_CONSTANT, (), name))

    def build(self, operation: Operation, arguments: tuple[int, ...], payload: Any = None) -> Self:
        """Return the node of an operation on nodes of this graph, as written."""
        return self.at(self.graph.add(operation, arguments, payload))

    def resolve(self, other: object) -> int | None:
        """Return the id in this graph of a node or number; None when it is neither."""
        if isinstance(other, Node):
            if other.graph is self.graph:
                return other.id
            return self.graph.adopt(other.graph, other.id)
        if isinstance(other, int | float) and not isinstance(other, bool):
            value = float(other)
            if value - value != 0:
                raise FormulaError(f"{value} is not a number that a formula can hold")
            return self.graph.constant(value)
        if hasattr(other, "tolist"):  # a NumPy array or number
            listed = other.tolist()
            return self._resolve_list(listed) if isinstance(listed, list) else self.resolve(listed)
        return None

    def _resolve_list(self, listed: list[Any]) -> int | None:
        """Return the id of an array made of nested lists; None when they hold something else."""
        parts = [
            self._resolve_list(part) if isinstance(part, list) else self.resolve(part)
            for part in listed
        ]
        ids = [part for part in parts if part is not None]
        return self.graph.add(TABLE["array"], tuple(ids)) if len(ids) == len(parts) else None

    def apply(self, name: str, *others: object, payload: Any = None) -> Self:
        """Return the row `name` of the table applied to this node and others."""
        return self.apply_to(name, self, *others, payload=payload)

    def apply_to(self, name: str, *arguments: object, payload: Any = None) -> Self:
        """Return the row `name` of the table applied to nodes or numbers, in this graph."""
        ids = []
        for argument in arguments:
            node = self.resolve(argument)
            if node is None:
                raise TypeError(f"{name} takes nodes and numbers, not {type(argument).__name__}")
            ids.append(node)
        return self.build(TABLE[name], tuple(ids), payload)

    __add__, _added_to = _operator(ADD), _operator(ADD, reflected=True)
    __sub__, __rsub__ = _operator(SUBTRACT), _operator(SUBTRACT, reflected=True)
    __mul__, __rmul__ = _operator(MULTIPLY), _operator(MULTIPLY, reflected=True)
    __truediv__, __rtruediv__ = _operator(DIVIDE), _operator(DIVIDE, reflected=True)
    __mod__, __rmod__ = _operator(TABLE["mod"]), _operator(TABLE["mod"], reflected=True)
    __matmul__, __rmatmul__ = _operator(TABLE["matmul"]), _operator(TABLE["matmul"], reflected=True)
    # Comparisons are nodes of value 1 or 0; Python turns `1 < x` into `x > 1`.
    __lt__, __le__ = _operator(TABLE["less"]), _operator(TABLE["less or equal"])
    __gt__, __ge__ = _operator(TABLE["greater"]), _operator(TABLE["greater or equal"])

    def __radd__(self, other: object) -> Self:
        """Return other + self; the 0 that the built-in sum starts with adds nothing."""
        return self if isinstance(other, int) and other == 0 else self._added_to(other)

    def __neg__(self) -> Self:
        """Return -self."""
        return self.build(NEGATE, (self.id,))

    def __pos__(self) -> Self:
        """Return self."""
        return self

    def __abs__(self) -> Self:
        """Return the absolute value."""
        return self.apply("abs")

    def __pow__(self, other: object) -> Self:
        """Return self ** other; a number becomes a constant exponent."""
        exponent = self.resolve(other)
        if exponent is None:
            return NotImplemented
        return self.build(*self.graph.power_row(self.id, exponent))

    def __rpow__(self, other: object) -> Self:
        """Return other ** self."""
        base = self.resolve(other)
        return NotImplemented if base is None else self.at(base) ** self

    def __getitem__(self, key: object) -> Self:
        """Return self[key], the key made of whole numbers and slices."""
        items = key if isinstance(key, tuple) else (key,)
        payload = tuple([_slice(k) if isinstance(k, slice) else index(k) for k in items])
        return self.build(TABLE["index"], (self.id,), payload)

    def __iter__(self) -> Iterator[Self]:
        """Yield the parts along the first axis; a single number has none."""
        if not self.shape:
            raise TypeError("a single number has no parts")
        return (self[position] for position in range(self.shape[0]))

    @property
    def T(self) -> Self:  # noqa: N802 - as NumPy has it
        """The array with its axes reversed."""
        return self.apply("transpose")


def _slice(key: slice) -> tuple[int | None, int | None, int | None]:
    """Return a slice as the payload of an index. Raises TypeError for limits that are not whole."""
    start, stop, step = [
        None if limit is None else index(limit) for limit in (key.start, key.stop, key.step)
    ]
    if step == 0:
        raise ShapeError("the step of a slice must not be 0")
    return start, stop, step
