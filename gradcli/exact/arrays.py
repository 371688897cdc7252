"""Certain digits of arrays: bounds of their rounding errors, and their exact values or balls.

Operations of numbers go through the rules of `alarm`. What an operation on arrays rounds, and what
it is of numbers that are no doubles, stands here, a function each.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.exact.alarm import LEAST, bounds_of, literal_error
from gradcli.exact.decimals import (
    DOUBLE_DIGITS,
    LEAST_NORMAL,
    WHOLE,
    are_enough,
    is_padded,
    safe_digits,
)
from gradcli.graph.operations import TABLE
from gradcli.graph.special import two_product
from gradcli.programs.arrays import FUNCTIONS, Flat, array_function, structural

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.operations import Operation

HALF_UNIT = 2.0**-53
"""How far a rounded number is off at most, as a part of it."""
PAIRWISE = 25.0
"""Roundings inside a block of NumPy's pairwise summation, whose blocks are added in pairs."""


TOGETHER = 1 << 16
"""Numbers whose errors are computed at once: long columns take no memory for what lies between."""


def literal_errors(values: Any) -> Any:
    """Return how far doubles may be from the decimals that they stand for."""
    if not np.ndim(values):
        return literal_error(values if hasattr(values, "__slots__") else float(values))
    errors = np.empty(np.shape(values))
    flat, found = np.ravel(values), errors.reshape(-1)
    for first in range(0, flat.size, TOGETHER):
        some = flat[first : first + TOGETHER]
        size, scaled = np.abs(some), some * 1024.0
        exact = (size < 1e5) & (scaled == np.floor(scaled))
        exact |= (size < WHOLE) & (some == np.floor(some))
        rounded = np.maximum(0.5 * np.spacing(size), LEAST)
        found[first : first + TOGETHER] = np.where(exact, 0.0, rounded)
    return errors


# ---------------------------------------------------------------- errors of operations on arrays


def _structural(
    operation: Operation,
    payload: Any,
    value: Any,
    inputs: list[Any],
    errors: list[Any],
    rows: int | None,
) -> Any:
    errors = [np.broadcast_to(e, np.shape(x)) for e, x in zip(errors, inputs, strict=True)]
    if not inputs:
        return 2 * np.spacing(np.abs(value)) if operation.payload == "values" else 0.0
    own = _ERRORS.get(operation.name)
    if own is not None:
        axes = (payload,) if operation.payload == "axis" else ()
        return own(value, *[x for pair in zip(inputs, errors, strict=True) for x in pair], *axes)
    # A linear one moves errors as it moves numbers, and adds up what it rounds.
    move = array_function(operation, len(inputs), payload)
    found = move(*errors, rows=rows)
    terms = sum(map(np.size, inputs)) / max(1, np.size(value))
    if operation.name == "cumsum":
        terms = np.shape(inputs[0])[payload or 0] if np.ndim(inputs[0]) else 1
    if terms <= 1 or operation.name in {"index", "array"}:
        return found
    size = move(*[np.abs(x) for x in inputs], rows=rows)
    is_whole = all(np.all(x == np.floor(x)) for x in inputs)
    if is_whole and not any(map(np.any, errors)) and np.all(size < WHOLE):
        return found
    return found + _roundings(inputs[0], payload, terms) * HALF_UNIT * size


def _roundings(x: Any, axis: Any, terms: float) -> float:
    """Return how many roundings a sum of so many terms has on its way."""
    if axis is None or np.ndim(x) == 1 or axis == np.ndim(x) - 1:
        return min(terms, PAIRWISE + math.log2(max(terms, 1)))
    return terms


def _count(x: Any, axis: int | None) -> int:
    return int(np.size(x) if axis is None else np.shape(x)[axis])


def _sum_error(x: Any, axis: int | None) -> float:
    return (_roundings(x, axis, _count(x, axis)) + 3) * HALF_UNIT


def _kept(x: Any, axis: int | None, function: Any) -> Any:
    return function(x, axis=axis, keepdims=True)


def _of_product(value: Any, x: Any, e: Any, y: Any, d: Any) -> Any:  # noqa: ARG001 - as all have
    x, y = np.abs(x), np.abs(y)
    terms = np.shape(x)[-1]
    whole = not (np.any(e) or np.any(d)) and np.all(x == np.floor(x)) and np.all(y == np.floor(y))
    size = x @ y
    own = 0.0 if whole and np.all(size < WHOLE) else terms * HALF_UNIT * size
    return e @ (y + d) + x @ d + own


def _of_mean(value: Any, x: Any, e: Any, axis: int | None) -> Any:  # noqa: ARG001
    return np.mean(e, axis=axis) + _sum_error(x, axis) * np.mean(np.abs(x), axis=axis)


def _of_var(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    middle = _kept(x, axis, np.mean)
    first = np.ravel(x)[:1] if axis is None else np.take(x, [0], axis=axis)
    away, shifted = np.abs(x - middle), np.abs(x - first)
    moved = e + _kept(e, axis, np.mean) + HALF_UNIT * (2 * shifted + 2 * away)
    moved = moved + _sum_error(x, axis) * _kept(shifted, axis, np.mean)
    same = _kept(shifted, axis, np.max) == 0
    moved = np.where(same & (_kept(e, axis, np.max) == 0), 0.0, moved)
    return np.mean(2 * away * moved + moved**2, axis=axis) + _sum_error(x, axis) * value


def _of_std(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    found = _of_var(value**2, x, e, axis)
    return np.where(value > 0, found / np.where(value > 0, value, 1.0), np.sqrt(found))


def _of_norm(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    own = np.where(value == 0, 0.0, (_sum_error(x, axis) + 4 * HALF_UNIT) * value)
    return np.sqrt(np.sum(e**2, axis=axis)) + own


def _of_prod(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    parts = np.where(x != 0, e / np.where(x != 0, np.abs(x), 1.0), np.where(e > 0, math.inf, 0.0))
    whole = not np.any(e) and np.all(x == np.floor(x)) and np.all(np.abs(value) < WHOLE)
    own = 0.0 if whole else _count(x, axis) * HALF_UNIT
    found = np.abs(value) * (np.expm1(np.sum(parts, axis=axis)) + own)
    lost = np.any((x == 0) & (e > 0), axis=axis)
    return np.where(lost, math.inf, np.where(value == 0, 0.0, found))


def _of_argmax(value: Any, x: Any, e: Any, axis: int | None) -> Any:  # noqa: ARG001
    near = x + e >= _kept(x - e, axis, np.max)
    several = np.sum(near, axis=axis) > 1
    return np.where(several & (np.max(e, axis=axis) > 0), math.inf, 0.0)


def _of_quantile(value: Any, x: Any, e: Any, p: Any, d: Any, axis: int | None) -> Any:
    # A number in order moves at most as far as the one that moves most.
    span = np.max(x, axis=axis) - np.min(x, axis=axis)
    wide = value if axis is None else np.expand_dims(value, axis)
    is_between = np.min(np.abs(x - wide), axis=axis) > 0
    own = np.where(is_between, 4 * HALF_UNIT * np.max(np.abs(x), axis=axis), 0.0)
    return np.max(e, axis=axis) + _place_error(x, p, d, axis) * span + own


def _of_shares(value: Any, x: Any, e: Any, p: Any, d: Any, axis: int | None) -> Any:
    ordered = np.sort(np.ravel(x) if axis is None else x, axis=axis or 0)
    is_open = np.any(e > 0) and np.any(np.diff(ordered, axis=axis or 0) <= 2 * np.max(e))
    position, reach = p * (_count(x, axis) - 1), _place_error(x, p, d, axis)
    is_whole = np.abs(position - np.rint(position)) <= reach
    return np.where(is_open, math.inf, np.where((value > 0) | is_whole, reach, 0.0))


def _place_error(x: Any, p: Any, d: Any, axis: int | None) -> Any:
    """Return how far the position of a quantile may be off; 0 where no bit of it is lost."""
    last = _count(x, axis) - 1
    is_exact = (np.max(d) == 0) & (p * 1024 == np.rint(p * 1024))
    return np.where(is_exact, 0.0, np.max(d) * last + 4 * HALF_UNIT * (last + 1))


def _of_logsumexp(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    own = (_count(x, axis) ** 0.5 + 12) * HALF_UNIT
    return np.max(e, axis=axis) + own + np.spacing(np.abs(value))


def _of_softmax(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    below = _kept(x, axis, np.max) - x
    own = _sum_error(x, axis) + (below + 6) * HALF_UNIT
    return value * np.expm1(e + _kept(e, axis, np.max) + own) + LEAST


def _of_logsoftmax(value: Any, x: Any, e: Any, axis: int | None) -> Any:
    own = (_count(x, axis) ** 0.5 + 12) * HALF_UNIT
    return e + _kept(e, axis, np.max) + own + 2 * np.spacing(np.abs(value))


def _of_cross_entropy(value: Any, score: Any, e: Any, target: Any, d: Any) -> Any:
    last = np.ndim(score) - 1
    logs = FUNCTIONS.logsoftmax(score, last)
    own = _of_logsoftmax(logs, score, e, last)
    if np.shape(target) != np.shape(score):
        return np.where(np.any(d), math.inf, np.max(own) + 4 * np.spacing(np.abs(value)))
    size = np.abs(target * logs)
    rows = len(score) if np.ndim(score) == 2 else 1
    found = d * np.abs(logs) + (np.abs(target) + d) * own + _sum_error(size, None) * size
    return np.sum(found) / rows


def _of_mse(value: Any, x: Any, e: Any, y: Any, d: Any) -> Any:
    away = np.abs(x - y)
    moved = e + d + HALF_UNIT * away
    return np.mean(2 * away * moved + moved**2) + _sum_error(away, None) * value


_ERRORS: dict[str, Callable[..., Any]] = {
    "matmul": _of_product,
    "dot": _of_product,
    "mean": _of_mean,
    "var": _of_var,
    "std": _of_std,
    "norm": _of_norm,
    "prod": _of_prod,
    **dict.fromkeys(("greatest", "least"), lambda _, _x, e, axis: np.max(e, axis=axis)),
    "argmax": _of_argmax,
    "quantile": _of_quantile,
    "median": lambda value, x, e, axis: _of_quantile(value, x, e, 0.5, 0.0, axis),
    "quantile_shares": _of_shares,
    "logsumexp": _of_logsumexp,
    "softmax": _of_softmax,
    "logsoftmax": _of_logsoftmax,
    "cross_entropy": _of_cross_entropy,
    "mse": _of_mse,
    "onehot": lambda _, _x, e: np.where(np.any(e > 0), math.inf, 0.0),
}


class Arrays:
    """Arrays of numbers, or of the values of one number in many runs."""

    nothing = 0.0
    literal_error = staticmethod(literal_errors)
    structural = staticmethod(_structural)
    number = staticmethod(partial(np.asarray, dtype=np.float64))
    any = staticmethod(np.any)
    where = staticmethod(np.where)
    isfinite = staticmethod(np.isfinite)
    floor = staticmethod(np.floor)
    rint = staticmethod(np.rint)

    @staticmethod
    def ulp(x: Any) -> Any:
        """Return one unit in the last place."""
        return np.spacing(np.abs(x))

    @staticmethod
    def is_power_of_two(x: Any) -> Any:
        """Return whether products with numbers are exact."""
        return np.abs(np.frexp(x)[0]) == 0.5

    @staticmethod
    def value(operation: Operation, payload: Any, inputs: list[Any]) -> Any:
        """Return the values of a row; nan or inf where it has none."""
        return array_function(operation, len(inputs), payload)(*inputs)

    @staticmethod
    def each(function: Callable[..., float], value: Any, *lists: list[Any]) -> Any:
        """Return a function of each value and of lists of numbers that belong to it."""

        def of_one(first: float, *others: float) -> float:
            left = iter(others)
            return function(first, *[list(islice(left, len(listed))) for listed in lists])

        return np.asarray(over_each(of_one, value, *chain(*lists)), np.float64)


ARRAYS = Arrays()


@np.errstate(all="ignore")
def bounds_of_arrays(*arguments: Any) -> dict[int, Any]:
    """Return for each node how far its numbers may be from the true ones, as `alarm` does."""
    return bounds_of(ARRAYS, *arguments)


# ---------------------------------------------------------------- digits of many numbers

_POWERS = np.array([10.0**k for k in range(23)])


def certain_digits(values: Any, errors: Any) -> Any:
    """Return how many significant digits of each value are certain, as `decimals` has it."""
    with np.errstate(all="ignore"):
        size, ulp = np.abs(values), np.spacing(np.abs(values))
        unit = np.ceil(np.log10(2 * errors) - 1e-9)
        first = np.floor(np.log10(size))
        first -= 10.0**first > size  # as in `decimals`
        kept = first - unit + 1
        kept = np.where(np.isfinite(kept), np.maximum(kept, 0), 0)
        full = (errors <= 0.5 * ulp) | ((size < LEAST_NORMAL) & (errors <= ulp))
    return np.where(full, DOUBLE_DIGITS, kept)


def passed(values: Any, errors: Any, digits: int | None = None) -> tuple[Any, Any, Any]:
    """Return values with their certain digits, how many these are, and where they are too few."""
    kept = certain_digits(values, errors)
    shown = rounded(values, kept)
    with np.errstate(all="ignore"):
        safe = kept if digits is None else safe_digits(kept, errors)
        enough = are_enough(values, shown, safe, errors, digits)
        shown = np.where(is_padded(values, kept), values, shown)
    return shown, kept, ~(enough & np.isfinite(values))


def rounded(values: Any, digits: Any) -> Any:
    """Return values rounded to significant digits, each the double nearest to the decimal."""
    found = np.array(values, dtype=np.float64)
    digits = np.broadcast_to(digits, found.shape)
    wanted = (digits > 0) & (digits < DOUBLE_DIGITS) & np.isfinite(found) & (found != 0)
    with np.errstate(all="ignore"):
        positions = digits - 1 - np.floor(np.log10(np.abs(found)))
        short = wanted & (np.abs(positions) < len(_POWERS))
        positions = np.where(short, positions, 0.0).astype(np.intp)
        scale = _POWERS[np.abs(positions)]
        short &= positions >= 0
        # The product has twice the digits, so that halves round as in decimals; whole numbers below
        # 2^53 and these powers of ten are doubles, so that the quotient is rounded once.
        product, error = two_product(found, scale)
        whole = np.rint(product)
        rest = (product - whole) + error
        whole = whole + np.where(rest > 0.5, 1.0, np.where(rest < -0.5, -1.0, 0.0))
        short &= (np.abs(whole) < WHOLE) & (np.abs(rest) != 0.5)
        found = np.where(short, whole / scale, found)
    for position in np.argwhere(wanted & ~short):
        at = tuple(position)
        found[at] = float(f"{found[at]:.{int(digits[at])}g}")
    return found


# ---------------------------------------------------------------- other arithmetic


@np.errstate(all="ignore")  # the function says what has no value
def over_each(function: Callable[..., Any], *values: Any) -> Any:
    """Return a function of each number of arrays, in an array of objects; of numbers the value."""
    return np.frompyfunc(function, len(values), 1)(*values)


@np.errstate(all="ignore")  # its own arithmetic says what has no value
def value_of(
    target: Any, operation: Operation, inputs: list[Any], payload: Any, rows: int | None = None
) -> Any:
    """Return the value of an operation on arrays in the arithmetic of a target."""
    if not operation.structural:
        return over_each(lambda *x: target.apply(operation, list(x), payload), *inputs)
    try:
        if operation is TABLE["linspace"]:
            found = _linspace(target, payload)
        elif not inputs:
            from gradcli.exact.numbers import fraction

            code = array_function(operation, 0, payload)(rows=rows)
            return over_each(lambda x: target.number.convert(fraction(x)), code)
        else:
            wrapped = [np.asarray(over_each(target.number, x), dtype=object) for x in inputs]
            found = structural(Exact(target), operation, wrapped, payload, rows)
    except (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError):
        return None
    return over_each(target.number.of, found)


class Exact(Flat):
    """NumPy over numbers of other arithmetic, in which nothing overflows and no digit is lost."""

    def top_and_more(self, x: Any, axis: int | None) -> tuple[Any, Any]:
        """Return max(x), and log(sum(exp(x))) - max(x); axes are kept."""
        top = self.top(x, axis)
        total = np.add.reduce(self.each(self.m.exp, x - top), axis=axis)
        return top, self.keepdims(self.each(self.m.log, total), x, axis)


def _linspace(m: Any, limits: Any) -> Any:
    from gradcli.exact.numbers import fraction

    start, stop, count = limits
    first, last = fraction(float(start)), fraction(float(stop))
    step = (last - first) / max(1, int(count) - 1)
    return over_each(lambda k: m.number(m.number.convert(first + k * step)), np.arange(count))
