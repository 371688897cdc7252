"""The forms that bind a name, integrate, sum, prod and solve: their rows and their values.

They are no rows of the table, since a call that binds a name is a form of the language. A value is
a Python function of limits and numbers from outside.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial

from gradcli.graph import quadrature, roots
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
from gradcli.graph.precedence import ATOM, OR, PRODUCT, SERIES, SUM

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
"""Integrals that are cached, since the alarm asks for their errors."""
MOST_CUTS = 50
"""The most zeros of linear parts at which an interval is cut."""
MOST_CURVED = 8
"""The most parts of a body whose zeros are looked for."""
SAMPLES = 41
"""Points between the limits at which the signs of such a part are compared."""


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
    return f"the integral is known to about {found.error:.1g}"


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
