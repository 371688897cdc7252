"""The forms that bind a name: integrals, sums and products over a number, and roots.

They are no rows of the table, since a call that binds a name is a form of the language. A node of
one holds the formula that it is applied to, its body, as a graph of its own: the payload is a
`Bound`. What the body takes from outside, besides numbers, are arguments of the node behind its
limits: free names, and parts that the user named. So the node is one more function of numbers, and
whatever works on functions of numbers works on it.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from itertools import count

from gradcli.errors import FormulaError
from gradcli.graph import quadrature, roots
from gradcli.graph.bodies import PYTHON, applied
from gradcli.graph.literals import number_text, to_digits
from gradcli.graph.near import NEAR, Near
from gradcli.graph.node import Graph
from gradcli.graph.operations import (
    ADD,
    DEFERRED,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    PLACEHOLDER,
    SUBTRACT,
    TABLE,
    VARIABLE,
    Operation,
    every,
    known_number,
)
from gradcli.graph.precedence import ATOM, OR, PRODUCT, SERIES, SUM
from gradcli.graph.simplify import simplified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    Line = tuple[float, float]
    """The value at 0, and the slope."""

DEEPEST = 6
"""How many bound names may stand inside of each other: each multiplies the time."""
MOST_TERMS = 10_000_000
"""Refuse a sum of more terms, which would take seconds."""
DOUBTFUL = 1e-10
"""Report an error that is larger than this, relative to the integral of abs(f)."""
MOST_KNOWN = 1000
"""Integrals that are cached, since the alarm asks for their errors."""
MOST_CUTS = 50
"""The most zeros of linear parts at which an interval is cut."""
MOST_CURVED = 8
"""The most parts of a body whose zeros are looked for."""
SAMPLES = 41
"""Points between the limits at which the signs of such a part are compared."""

_FREE = frozenset({VARIABLE, PLACEHOLDER, DEFERRED})
_serial = count()


class Bound:
    """A body, or several of the same names: the bound name, and `taken` numbers from outside.

    In `graph` the free name "0" is the bound one and "1", "2" … are the arguments of the node
    behind its `limits`. Two are equal when they are alike but for the bound name.
    """

    def __init__(
        self, graph: Graph, roots: tuple[int, ...], name: str, limits: int, taken: int
    ) -> None:
        self.graph = graph
        self.roots = roots
        """The nodes of the bodies: the formula itself first, then what belongs to it."""
        self.name = name
        """The bound name as typed."""
        self.limits = limits
        """How many arguments of the node stand before those that the bodies take."""
        self.taken = taken
        self.serial = next(_serial)
        inner = [payload.depth for operation, _, payload in graph.rows if operation.binds]
        self.depth = 1 + max(inner, default=0)
        """How many bound names stand inside of each other."""
        # Derivatives will be added to the graph.
        self._identity = limits, taken, roots, tuple(graph.rows)
        self._hash = hash(self._identity)
        self._functions: dict[int, Callable[..., float]] = {}
        self.wasted = 0.0
        """Seconds spent on more digits that could not be had (gradcli.exact.certain)."""

    def __eq__(self, other: object) -> bool:
        """Return whether both are alike but for the bound name."""
        return self is other or (
            isinstance(other, Bound)
            and self._hash == other._hash
            and self._identity == other._identity
        )

    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it is made of; functions are made again."""
        return Bound, (self.graph, self.roots, self.name, self.limits, self.taken)

    def __str__(self) -> str:
        """Return what tells it from others in the names of generated functions."""
        return str(self.serial)

    def over(self, *roots: int) -> Bound:
        """Return the same with other roots, nodes of its graph."""
        return Bound(self.graph, roots, self.name, self.limits, self.taken)

    def leaf(self, position: int) -> int:
        """Return the node of the bound name (0), or of a number from outside (1, 2 …)."""
        return self.graph.variable(str(position))

    def body(self, root: int) -> Callable[..., Any]:
        """Return a node of the body as a function of a target and numbers, as those of rows are."""
        rows = self.graph.rows
        nodes = self.graph.reachable([root])

        def body(m: Any, *numbers: Any) -> Any:
            values: dict[int, Any] = {}
            for node in nodes:
                operation, arguments, payload = rows[node]
                if operation is VARIABLE:
                    values[node] = numbers[int(payload)]
                elif (number := known_number(operation, payload)) is not None:
                    values[node] = m.literal(number)
                else:
                    inputs = [values[argument] for argument in arguments]
                    values[node] = applied(operation, m, *operation.with_payload(inputs, payload))
            return values[root]

        return body

    def function(self, node: int) -> Callable[..., float]:
        """Return a node of the body as a Python function of the bound name and of what is taken.

        It raises ValueError, OverflowError or ZeroDivisionError, or returns nan or inf, where there
        is no value.
        """
        if node not in self._functions:
            self._functions[node] = PYTHON.function(self.body(node), 1 + self.taken)
        return self._functions[node]

    def at(self, node: int, taken: Sequence[float]) -> Callable[[float], float]:
        """Return such a function of the bound name alone, for these numbers from outside."""
        body = self.function(node)
        return lambda x: body(x, *taken)


def closed(
    graph: Graph, roots: Sequence[int], leaf: int, name: str, limits: int
) -> tuple[Bound, tuple[int, ...]]:
    """Return bodies of the bound name `leaf`, and the nodes that they take from outside.

    These are the free names, what the user named, and operations on arrays, as far as they do not
    depend on the bound name. Raises FormulaError for a body that is no number, or too deep.
    """
    rows = graph.rows
    below = graph.reachable(roots)
    inside = graph.depending_on([leaf], below)
    free = graph.depending_on([node for node in below if rows[node][0] in _FREE], below)
    taken: dict[int, int] = {}
    made = Graph()
    copies: dict[int, int] = {}

    def is_taken(node: int) -> bool:
        operation = rows[node][0]
        if node in inside or node == leaf:
            return False
        if operation in _FREE or operation.structural:
            return True
        return node in free and node in graph.names

    def into(node: int) -> Sequence[int]:
        return () if is_taken(node) else rows[node][1][::-1]

    order = graph.walk(reversed(roots), into)
    for node in order:  # as they are typed, so that they stay in this order
        if node == leaf:
            copies[leaf] = made.variable("0")
        elif is_taken(node):
            taken[node] = len(taken) + 1
            copies[node] = made.variable(str(taken[node]))
    if any(rows[node][0].structural for node in order if node not in copies):
        message = f"an array that depends on the bound name {name} has no meaning here"
        raise FormulaError(message, hint="write it out with numbers")
    made.copy(graph, sorted(order), copies)
    bound = Bound(made, tuple([copies[root] for root in roots]), name, limits, len(taken))
    if bound.depth > DEEPEST:
        raise FormulaError(f"at most {DEEPEST} bound names may stand inside of each other")
    return bound, tuple(taken)


def inlined(
    graph: Graph,
    bound: Bound,
    root: int,
    numbers: Sequence[int],
    replaced: Mapping[int, int] | None = None,
    *,
    as_typed: bool = False,
) -> int:
    """Return a node of a body as a node of `graph`, with nodes in place of its free names.

    `replaced` are nodes of the body for which others of `graph` stand. Nodes are made as short as
    they can be, or `as_typed`.
    """
    body = bound.graph
    known = {node: numbers[int(name)] for name, node in body.variables([root]).items()}
    known |= replaced or {}
    add = Graph.add if as_typed else simplified
    return graph.copy(body, body.reachable([root]), known, add)[root]


def residual(graph: Graph, root: int) -> int:
    """Return the node that is 0 where an equation holds: x - y for x == y, else the node itself."""
    operation, arguments, _ = graph.rows[root]
    return graph.add(SUBTRACT, arguments) if operation is TABLE["equal"] else root


# ---------------------------------------------------------------- values


def integral(bound: Bound, *arguments: float) -> float:
    """Return the integral between limits. Raises ValueError with a sentence."""
    return integrated(bound, *arguments).value


@lru_cache(MOST_KNOWN)
def integrated(bound: Bound, low: float, high: float, *taken: float) -> quadrature.Integral:
    """Return the integral with a bound of its error. Raises ValueError with a sentence."""
    near_body = bound.body(bound.roots[0])

    def near(end: float, distance: float) -> float:
        return float(near_body(NEAR, Near(end, distance), *map(Near, taken)))

    try:
        cuts = _cuts(bound, (low, high), taken)
        return quadrature.integral(bound.at(bound.roots[0], taken), low, high, cuts, near)
    except quadrature.Undefined as fault:
        message = (
            f"the integral does not exist: what is integrated has no value at"
            f" {bound.name} = {fault.x:.6g}"
        )
        raise quadrature.Diverged(message) from None


def doubt(*arguments: Any) -> str | None:
    """Return what is to be said of an integral that is not known to most of its digits."""
    *numbers, bound = arguments
    found = integrated(bound, *numbers)
    if not found.error > DOUBTFUL * found.size:
        return None
    return f"the integral is known to about {number_text(to_digits(found.error, 1))}"


def _cuts(bound: Bound, ends: tuple[float, float], taken: Sequence[float]) -> list[float]:
    """Return where parts of a body are 0, so that it may be singular, kinked or steep.

    These are abs(x - a), 1/(x - a), exp(-(x - a)^2/c). The parts that are linear in the bound name
    are solved; of others, changes of sign between the ends are searched.
    """
    lines: dict[int, Line | None] = {}
    zeros: dict[float, None] = {}
    curved: dict[int, None] = {}
    rows = bound.graph.rows
    for node in bound.graph.reachable(bound.roots[:1]):
        operation, arguments, payload = rows[node]
        if operation is VARIABLE:
            position = int(payload)
            line: Line | None = (taken[position - 1], 0.0) if position else (0.0, 1.0)
        elif (number := known_number(operation, payload)) is not None:
            line = (number, 0.0)
        else:
            inputs = [pair for argument in arguments if (pair := lines[argument])]
            line = _line(operation, inputs, payload) if len(inputs) == len(arguments) else None
        # Where the two sides of a comparison are equal it switches: its own value is no line.
        lines[node] = None if line and line[1] and _compares(operation) else line
        if line is not None:
            if line[1] and len(zeros) < MOST_CUTS:
                zeros[-line[0] / line[1]] = None
        elif _compares(operation):
            if len(arguments) == 2:
                curved[bound.graph.add(SUBTRACT, arguments)] = None
        elif operation in {ADD, SUBTRACT}:
            curved[node] = None
        elif operation.kink or operation.jump:
            curved |= {argument: None for argument in arguments if lines[argument] is None}
    found = [position for position in zeros if position - position == 0]
    for node in list(curved)[:MOST_CURVED]:
        found += _crossings(bound.at(node, taken), *sorted(ends))
    return found


def _compares(operation: Operation) -> bool:
    """Return whether an operation switches where two arguments are equal: x < y, max(x, y)."""
    return operation.arity[0] == 2 and bool(operation.kink or operation.switch)


def _crossings(part: Callable[[float], float], low: float, high: float) -> Iterator[float]:
    """Yield where a function changes its sign between samples of an interval."""
    f = quadrature.or_nan(part)
    before = last = math.nan
    for k in range(SAMPLES):
        x, _ = quadrature.reached((k + 0.5) / SAMPLES, low, high)
        y = f(x)
        if y < 0 < last or last < 0 < y:
            yield quadrature.crossing(f, before, x)
        before, last = x, y


def _line(operation: Operation, inputs: Sequence[Line], payload: Any) -> Line | None:
    """Return an operation on lines as a line; what compares two as their difference."""
    if not any(slope for _, slope in inputs):
        value = operation.at([at for at, _ in inputs], payload)
        return None if math.isnan(value) else (value, 0.0)
    if operation is NEGATE:
        return -inputs[0][0], -inputs[0][1]
    if len(inputs) != 2:
        return None
    (a, m), (b, n) = inputs
    if operation is ADD:
        return a + b, m + n
    if operation is SUBTRACT or _compares(operation):
        return a - b, m - n
    if operation is MULTIPLY and not (m and n):
        return a * b, a * n + b * m
    return (a / b, m / b) if operation is DIVIDE and not n and b else None


def _whole(low: float, high: float, what: str) -> range:
    """Return the numbers from one limit to the other."""
    for limit in (low, high):
        if limit != math.floor(limit) or abs(limit) > 2**53:
            raise ValueError(f"the limits of a {what} must be whole numbers, not {limit:.6g}")
    if high - low >= MOST_TERMS:
        raise ValueError(f"a {what} has at most {MOST_TERMS} terms, not {high - low + 1:.0f}")
    return range(int(low), int(high) + 1)


def _terms(bound: Bound, root: int, among: range, taken: tuple[float, ...]) -> Iterator[float]:
    body = bound.at(root, taken)
    k = 0
    try:
        for k in among:
            yield body(float(k))
    except (ValueError, ArithmeticError):
        raise ValueError(f"a term has no value: the one with {bound.name} = {k}") from None


def sum_over(bound: Bound, low: float, high: float, *taken: float) -> float:
    """Return the sum between limits. Raises ValueError with a sentence."""
    return math.fsum(_terms(bound, bound.roots[0], _whole(low, high, "sum"), taken))


def product_over(bound: Bound, low: float, high: float, *taken: float) -> float:
    """Return the product between limits. Raises ValueError with a sentence."""
    among = _whole(low, high, "product")
    return float(multiplied([_terms(bound, root, among, taken) for root in bound.roots]))


def multiplied(roots: Sequence[Iterator[Any]]) -> Any:
    """Return a product from the terms of each root.

    With more than one root it is a derivative. The root at position s, its bits read as a set of
    directions, is that derivative of the factor, and the value is the derivative of the product in
    all directions: the coefficient of e1 e2 … in the product of the sums of roots times their e's,
    whose squares are 0. So a factor that is 0 does no harm.
    """
    count = len(roots)
    found: list[Any] = [1.0] + [0.0] * (count - 1)
    for factors in zip(*roots, strict=True):
        found = [
            sum(found[s ^ part] * factors[part] for part in range(s + 1) if s & part == part)
            for s in range(count)
        ]
    return found[-1]


def root(bound: Bound, *arguments: float) -> float:
    """Return the root near a start, or between two ends. Raises ValueError with a sentence."""
    limits, taken = arguments[: bound.limits], arguments[bound.limits :]
    f, slope = [bound.at(node, taken) for node in bound.roots[1:]]
    find = roots.from_start if bound.limits == 1 else roots.between
    return find(f, slope, *limits)


# ---------------------------------------------------------------- rows


class Form(Operation):
    """The row of a form, which is in no table of operations."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what finds the row again, for pickle."""
        return form_of, (self.typed,)


def _form(
    compute: Callable[..., float],
    name: str,
    noun: str,
    latex: str | tuple[Any, ...],
    **columns: Any,
) -> Operation:
    """Return the row of a form; `compute` gives its value from a Bound and the node's arguments."""
    kind = compute.__name__

    def value(*arguments: Any) -> float:
        return compute(arguments[-1], *arguments[:-1])

    def body(m: Any, *arguments: Any) -> Any:
        *numbers, bound = arguments
        return m.outside(f"{kind}_{bound}", lambda: partial(compute, bound), tuple(numbers))

    def reason(*arguments: Any) -> str | None:
        try:
            value(*arguments)
        except (ValueError, ArithmeticError) as error:
            return str(error)
        return None

    return Form(
        kind,
        body,
        value=value,
        arity=(1, -1),
        ulps=64,
        partials=lambda *_: 0,  # what it is only differentiation tells (gradcli.calculus.bound)
        payload="bound",
        typed=name,
        hides=every,
        noun=noun,
        latex=latex,
        binds=True,
        reason=reason,
        **columns,
    )


INTEGRAL = _form(
    integral,
    "integrate",
    "integral",
    (r"\int_{{{1}}}^{{{2}}} {0} \, \mathrm{{d}}{p}", SERIES, SUM, SUM, PRODUCT),
    symbol="∫",
    doubt=doubt,
)
SUM_OVER = _form(
    sum_over,
    "sum",
    "sum",
    (r"\sum_{{{p} = {1}}}^{{{2}}} {0}", SERIES, SUM, SUM, PRODUCT),
    symbol="Σ",
)
PRODUCT_OVER = _form(
    product_over,
    "prod",
    "product",
    (r"\prod_{{{p} = {1}}}^{{{2}}} {0}", SERIES, SUM, SUM, PRODUCT),
    symbol="Π",
)
ROOT = _form(
    root,
    "solve",
    "root",
    (r"\operatorname{{solve}}_{{{p}}}\left({0}, {1!r}\right)", ATOM, OR, SUM),
    symbol="solve",
)
FORMS = {row.typed: row for row in (INTEGRAL, SUM_OVER, PRODUCT_OVER, ROOT)}
"""The forms by the name that is typed."""


def form_of(name: str) -> Operation:
    """Return the row of a form."""
    return FORMS[name]
