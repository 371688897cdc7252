"""How far doubles may lead an integral, sum, product or root away from its true value.

The alarm goes through the body at points of the bound name, with the errors of what is taken from
outside; to this comes the error that the method itself leaves.
"""

from __future__ import annotations

import math

from gradcli.exact.decimals import WHOLE
from gradcli.graph import forms
from gradcli.graph.forms import INTEGRAL, ROOT, SUM_OVER
from gradcli.graph.quadrature import reached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gradcli.graph.forms import Bound
    from gradcli.graph.operations import Operation

    Uncertain = tuple[float, float]
    """A number, and how far it may be off."""
    Body = Callable[[Bound, int, Uncertain, list[Uncertain]], Uncertain]
    """The alarm of a node of a body: for the bound name and what is taken from outside."""

SAMPLES = 15
"""Points at which the body of an integral is evaluated."""
MOST_TERMS = 1000
"""Of a longer sum or product so many terms stand for all."""


def form_error(
    body: Body,
    operation: Operation,
    bound: Bound,
    value: float,
    inputs: list[float],
    errors: list[float],
) -> float:
    """Return how far the value of a form may be from the true one; inf where nothing is known."""
    # An infinite limit is exact.
    arguments = [
        (x, error if abs(x) < math.inf else 0.0) for x, error in zip(inputs, errors, strict=True)
    ]
    if not all(error < math.inf for _, error in arguments):
        return math.inf
    limits, taken = arguments[: bound.limits], arguments[bound.limits :]
    try:
        if operation is INTEGRAL:
            found = _of_integral(body, bound, value, inputs, limits, taken)
        elif operation is ROOT:
            found = _of_root(body, bound, value, taken)
        else:
            found = _of_series(body, operation, bound, value, limits, taken)
    except (ValueError, ArithmeticError):
        return math.inf
    return found if found >= 0 else math.inf


def _of_integral(
    body: Body,
    bound: Bound,
    value: float,
    inputs: list[float],
    limits: list[Uncertain],
    taken: list[Uncertain],
) -> float:
    low, high = inputs[:2]
    root = bound.roots[0]
    found = forms.integrated(bound, low, high, *inputs[2:])
    total = found.error
    size = off = 0.0
    for k in range(SAMPLES):
        x, weight = reached((k + 0.5) / SAMPLES, low, high)
        at, error = body(bound, root, (x, math.ulp(x)), taken)
        if error < math.inf and abs(at) < math.inf:
            size += abs(at) * weight
            off += error * weight
    if size:
        total += off / size * found.size
    elif low - low == 0 == high - high:
        total += off / SAMPLES * abs(high - low)
    for position, (limit, error) in enumerate(limits):
        if not error:
            continue
        at, around = body(bound, root, (limit, error), taken)
        if around < math.inf and abs(at) < math.inf:
            total += (abs(at) + around) * error
        else:  # where the function has no value there
            moved = [*inputs]
            other = limits[1 - position][0]
            moved[position] = limit + math.copysign(error + math.ulp(limit), other - limit)
            total += 2 * abs(forms.integrated(bound, *moved).value - value)
    return total


def _of_root(body: Body, bound: Bound, value: float, taken: list[Uncertain]) -> float:
    at, error = body(bound, bound.roots[1], (value, 0.0), taken)
    if not at and not error:
        return 0.0
    slope, _ = body(bound, bound.roots[2], (value, 0.0), taken)
    return 2 * (abs(at) + error) / abs(slope) + math.ulp(value)


def _of_series(
    body: Body,
    operation: Operation,
    bound: Bound,
    value: float,
    limits: list[Uncertain],
    taken: list[Uncertain],
) -> float:
    if any(error for _, error in limits):
        return math.inf  # they are whole, or they are not
    first, last = [int(limit) for limit, _ in limits]
    count = last - first + 1
    step = max(-(-count // MOST_TERMS), 1)
    among = range(first, last + 1, step)
    terms = [[body(bound, root, (float(k), 0.0), taken) for k in among] for root in bound.roots]
    if operation is SUM_OVER:
        error = math.fsum([error for _, error in terms[0]]) * step
        is_exact = not error and step == 1 and value.is_integer() and abs(value) < WHOLE
        return 0.0 if is_exact else error + 0.5 * math.ulp(value)
    outer = _product((abs(x) + step * e for x, e in listed) for listed in terms)
    inner = _product((abs(x) for x, _ in listed) for listed in terms)
    own = (2 * count + 2) * len(terms) * math.ulp(1.0)
    through = outer / inner - 1 if step > 1 and inner else outer - inner
    if step > 1:
        return abs(value) * (through + own)
    is_exact = outer == inner and len(terms) == 1 and _all_whole(terms[0], inner)
    return 0.0 if is_exact else through + own * outer


def _product(roots: Iterable[Iterable[Any]]) -> float:
    return float(forms.multiplied([iter(listed) for listed in roots]))


def _all_whole(terms: list[Uncertain], size: float) -> bool:
    return size < WHOLE and all(x.is_integer() and not error for x, error in terms)
