"""The forms that bind a name, integrate, sum, prod and solve: their rows and their values.

They are no rows of the table, since a call that binds a name is a form of the language. A value is
a Python function of limits and numbers from outside.
"""

from __future__ import annotations

import math

from gradcli.graph import quadrature, roots
from gradcli.graph.literals import number_text, to_digits
from gradcli.graph.near import NEAR, Near
from gradcli.graph.operations import (
    ADD,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    SUBTRACT,
    VARIABLE,
    Operation,
    every,
    known_number,
)
from gradcli.graph.precedence import ATOM, SERIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from gradcli.graph.bound import Bound

    Line = tuple[float, float]
    """The value at 0, and the slope."""

MOST_TERMS = 10_000_000
"""Refuse a sum of more terms, which would take seconds."""
DOUBTFUL = 1e-10
"""Report an error that is larger than this, relative to the integral of abs(f)."""
MOST_KNOWN = 1000
"""Integrals of a body that are cached, since the alarm asks for their errors."""
MOST_CUTS = 50
"""The most zeros of linear parts at which an interval is cut."""
MOST_CURVED = 8
"""The most parts of a body whose zeros are looked for."""
SAMPLES = 41
"""Points between the limits at which the signs of such a part are compared."""


def integral(bound: Bound) -> Callable[..., float]:
    """Return the integral as a function of its limits and of what the body takes from outside."""
    return lambda *arguments: integrated(bound, *arguments).value


def integrated(bound: Bound, low: float, high: float, *taken: float) -> quadrature.Integral:
    """Return the integral with a bound of its error. Raises ValueError with a sentence."""
    key = (low, high, *taken)
    found = bound.known.get(key)
    if found is None:
        if len(bound.known) >= MOST_KNOWN:
            bound.known.clear()
        found = bound.known[key] = _integrated(bound, *key)
    return found


def _integrated(bound: Bound, low: float, high: float, *taken: float) -> quadrature.Integral:
    body = bound.function(0)

    def f(x: float) -> float:
        return body(x, *taken)

    near_body = bound.body(bound.roots[0])

    def near(end: float, distance: float) -> float:
        return float(near_body(NEAR, Near(end, distance), *map(Near, taken)))

    try:
        cuts = zeros(bound, taken)
        cuts += [x for part in curved(bound) for x in _crossings(part, (low, high), taken)]
        return quadrature.integral(f, low, high, cuts, near)
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


def zeros(bound: Bound, taken: Sequence[float]) -> list[float]:
    """Return where the parts of a body that are linear in the bound name are 0.

    There a kink, a pole or a narrow peak is: abs(x - a), 1/(x - a), exp(-(x - a)^2/c).
    """
    lines: dict[int, Line | None] = {}
    found: dict[float, None] = {}
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
        if line and line[1] and len(found) < MOST_CUTS:
            found[-line[0] / line[1]] = None
    return [position for position in found if position - position == 0]


def curved(bound: Bound) -> list[Callable[..., float]]:
    """Return the parts of a body that may be 0 and are not linear in the bound name, as functions.

    Of those that are, `zeros` knows the zeros.
    """
    if bound.parts is None:
        rows = bound.graph.rows
        nodes = bound.graph.reachable(bound.roots[:1])
        degrees = dict.fromkeys(nodes, 0)
        found: dict[int, None] = {}
        for node in nodes:
            operation, arguments, _ = rows[node]
            inputs = [degrees[argument] for argument in arguments]
            highest = max(inputs, default=int(operation is VARIABLE and node == bound.leaf(0)))
            if highest and operation not in {VARIABLE, ADD, SUBTRACT, NEGATE}:
                total = sum(inputs)
                is_line = operation is MULTIPLY or (operation is DIVIDE and not inputs[1])
                highest = total if is_line and total < 2 else 2
            degrees[node] = highest
            if _compares(operation):
                if max(inputs) > 1 and len(arguments) == 2:
                    found[bound.graph.add(SUBTRACT, arguments)] = None
            elif highest > 1 and operation in {ADD, SUBTRACT}:
                found[node] = None
            elif operation.kink or operation.jump:
                found |= {a: None for a in arguments if degrees[a] > 1}
        bound.parts = [bound.as_function(node) for node in list(found)[:MOST_CURVED]]
    return bound.parts


def _compares(operation: Operation) -> bool:
    """Return whether an operation switches where two arguments are equal: x < y, max(x, y)."""
    return operation.arity[0] == 2 and bool(operation.kink or operation.switch)


def sample_points(low: float, high: float, count: int) -> Iterator[tuple[float, float]]:
    """Yield numbers between two limits, which may be infinite, and how far around each it is."""
    for k in range(count):
        share = (k + 0.5) / count
        away, around = share / (1 - share), 1 / (1 - share) ** 2
        if abs(high - low) < math.inf:
            yield low + (high - low) * share, 1.0
        elif abs(low) < math.inf:
            yield low + math.copysign(away, high), around
        elif abs(high) < math.inf:
            yield high + math.copysign(away, low), around
        else:
            angle = math.pi * (share - 0.5)
            yield math.tan(angle), 1 / math.cos(angle) ** 2


def _crossings(
    part: Callable[..., float], ends: tuple[float, float], taken: Sequence[float]
) -> Iterator[float]:
    """Yield where a function changes its sign between samples of an interval."""
    f = quadrature.or_nan(lambda x: part(x, *taken))
    before = last = math.nan
    for x, _ in sample_points(min(ends), max(ends), SAMPLES):
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


def _terms(bound: Bound, position: int, among: range, taken: tuple[float, ...]) -> Iterator[float]:
    body = bound.function(position)
    k = 0
    try:
        for k in among:
            yield body(float(k), *taken)
    except (ValueError, ArithmeticError):
        raise ValueError(f"a term has no value: the one with {bound.name} = {k}") from None


def sum_over(bound: Bound) -> Callable[..., float]:
    """Return the sum as a function of its limits and of what the body takes from outside."""

    def value(low: float, high: float, *taken: float) -> float:
        return math.fsum(_terms(bound, 0, _whole(low, high, "sum"), taken))

    return value


def product_over(bound: Bound) -> Callable[..., float]:
    """Return the product as a function of its limits and of what the body takes from outside."""

    def value(low: float, high: float, *taken: float) -> float:
        among = _whole(low, high, "product")
        positions = range(len(bound.roots))
        return float(multiplied([_terms(bound, position, among, taken) for position in positions]))

    return value


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


def root(bound: Bound) -> Callable[..., float]:
    """Return the root as a function of a start, or of two ends, and of what the body takes."""
    body, rate = bound.function(1), bound.function(2)

    def value(*arguments: float) -> float:
        limits, taken = arguments[: bound.limits], arguments[bound.limits :]

        def f(x: float) -> float:
            return body(x, *taken)

        def slope(x: float) -> float:
            return rate(x, *taken)

        find = roots.from_start if bound.limits == 1 else roots.between
        return find(f, slope, *limits)

    return value


# ---------------------------------------------------------------- rows


class Form(Operation):
    """The row of a form, which is in no table of operations."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what finds the row again, for pickle."""
        return form_of, (self.typed,)


def _form(
    make: Callable[[Bound], Callable[..., float]],
    name: str,
    noun: str,
    latex: tuple[str, str, int],
    **columns: Any,
) -> Operation:
    """Return the row of a form; `make` gives its value as a function of the node's arguments."""
    kind = make.__name__

    def value(*arguments: Any) -> float:
        return make(arguments[-1])(*arguments[:-1])

    def body(m: Any, *arguments: Any) -> Any:
        *numbers, bound = arguments
        return m.outside(f"{kind}_{bound}", lambda: make(bound), tuple(numbers))

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
        binds=latex,
        reason=reason,
        **columns,
    )


# The LaTeX of a form: before the body, with {x} for the name and {0}, {1} for the limits; behind
# it; and the level of all.
INTEGRAL = _form(
    integral,
    "integrate",
    "integral",
    (r"\int_{{{0}}}^{{{1}}} ", r" \, \mathrm{{d}}{x}", SERIES),
    symbol="∫",
    doubt=doubt,
)
SUM_OVER = _form(sum_over, "sum", "sum", (r"\sum_{{{x} = {0}}}^{{{1}}} ", "", SERIES), symbol="Σ")
PRODUCT_OVER = _form(
    product_over, "prod", "product", (r"\prod_{{{x} = {0}}}^{{{1}}} ", "", SERIES), symbol="Π"
)
ROOT = _form(
    root,
    "solve",
    "root",
    (r"\operatorname{{solve}}_{{{x}}}\left(", r", {limits}\right)", ATOM),
    symbol="solve",
)
FORMS = {row.typed: row for row in (INTEGRAL, SUM_OVER, PRODUCT_OVER, ROOT)}
"""The forms by the name that is typed."""


def form_of(name: str) -> Operation:
    """Return the row of a form."""
    return FORMS[name]
