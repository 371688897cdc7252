"""Array operations that NumPy has not under one name, and what all of them run with."""

from __future__ import annotations

import math
from functools import cache, reduce
from itertools import repeat
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.bodies import COMPARING, EXACT, LEAVES, OF_TWO, PYTHON, Dialect, Text
from gradcli.graph.special import direction, two_square

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.shapes import Shape

    Function = Callable[[Any], Any]

SMALL = 2.0**-64
"""What numbers are multiplied with where their sum overflows; fewer than 2^64 can be added up."""


class NumPy(Dialect):
    """Arrays and numbers, with inf and nan where there is no value, by NumPy's own functions.

    These are the fastest, and differ in the last bits from those that numbers alone run with.
    """

    forms = {  # noqa: RUF012 - never changed
        **{sign: f"({{0}} {sign} {{1}})" for sign in (*COMPARING, *"+-*")},
        "/": "np.divide({0}, {1})",
        "negative": "(-{0})",
        "abs": "np.abs({0})",
        "and": "({0} & {1})",
        "or": "({0} | {1})",
        "xor": "({0} ^ {1})",
        "where": "np.where({0}, {1}, {2})",
    }
    functions = {  # noqa: RUF012 - never changed
        **{
            name: f"np.{name}({{0}}, {{1}})" if name in OF_TWO else f"np.{name}({{0}})"
            for name in LEAVES
        },
        **{name: f"np.arc{name[1:]}({{0}})" for name in LEAVES if name[0] == "a"},
        "pow": "np.power({0}, {1})",
        "atan2": "np.arctan2({0}, {1})",
        "erf": "erf({0})",
        "erfc": "erfc({0})",
        "relu": "np.maximum({0}, 0.0) + 0.0",
        "sign": "np.sign({0})",
        "hypot": "np.hypot({0}, {1})",
        "clip": "np.minimum(np.maximum({0}, {1}), {2}) + 0.0",
    }
    # One pass in place of many.
    choice = "chosen({{0}}, {one}, {other}, {numbers})"
    own = frozenset({"relu", "sign", "clip", "max", "min", "hypot", "direction"})
    is_lazy = False

    def names(self) -> dict[str, Any]:
        """Return what every text may call."""
        return fixed_names()

    def where(self, condition: Text, x: Text | float, y: Text | float) -> Text:
        """Return x where the condition holds, else y."""
        if isinstance(x, float) and isinstance(y, float) and (x, y) == (1.0, 0.0):
            return Text(self, "({0} * 1.0)", (condition,))
        return super().where(condition, x, y)

    def max(self, *numbers: Text) -> Text:
        """Return the greatest number, and 0 for zeros of any sign; nan if one of them is."""
        return self._reduced("np.maximum({0}, {1})", numbers)

    def min(self, *numbers: Text) -> Text:
        """Return the least number, and 0 for zeros of any sign; nan if one of them is."""
        return self._reduced("np.minimum({0}, {1})", numbers)

    def direction(self, x: Text, y: Text) -> Text:
        """Return x/hypot(x, y), by the body where a number of the array is very large or small."""
        size = abs(x) + abs(y)
        is_usual = (size > 2.0**-500) & (size < 2.0**500)
        return self.choose(is_usual, _share_of_length, direction, x, y)

    def _reduced(self, form: str, numbers: tuple[Text, ...]) -> Text:
        found: Text = reduce(lambda x, y: Text(self, form, (x, y)), numbers) + 0.0
        return found

    def of_floats(self, function: Callable[..., float]) -> Callable[..., Any]:
        """Return a function of floats as one of arrays, number by number; nan without a value."""

        def each(*arguments: Any) -> Any:
            parts = np.broadcast_arrays(*arguments)
            found = np.empty(parts[0].shape)
            numbers = zip(*[part.ravel().tolist() for part in parts], strict=True)
            for index, inputs in enumerate(numbers):
                try:
                    found.flat[index] = function(*inputs)
                except (ValueError, OverflowError, ZeroDivisionError):
                    found.flat[index] = np.nan
            return found

        return each

    def table(self, table: Callable[[], list[float]]) -> Any:
        """Return the function from indices to numbers of a table."""
        return lambda index: np.take(table(), np.asarray(index).astype(np.intp))

    def from_library(self, row: Any) -> Callable[..., Any]:
        """Return a function of gradcli.graph.scientific for arrays."""
        from gradcli.graph.scientific import of_arrays

        return of_arrays(row)


def _share_of_length(m: NumPy, x: Text, y: Text) -> Text:
    share: Text = x / m.hypot(x, y)
    return share


INEXACT = {name: form for name, form in PYTHON.functions.items() if name not in EXACT}
"""The functions of the C library, as they are called one by one."""


class Libm(NumPy):
    """Arrays that are equal to the last bit to what numbers alone give, by the same functions."""

    functions = NumPy.functions | INEXACT
    own = NumPy.own - {"direction"}  # numbers have its body

    def names(self) -> dict[str, Any]:
        """Return what every text may call."""
        return super().names() | {name: element_by_element(name) for name in INEXACT}


@cache
def element_by_element(name: str) -> Callable[..., Any]:
    """Return a function of the math module for arrays and numbers, which are broadcast.

    Where it has no value the result is NumPy's, inf or nan.
    """
    function: Callable[..., float] = getattr(math, name)
    in_numpy = NumPy.functions.get(name, "").partition("(")[0].removeprefix("np.")

    def unless(other: float, *numbers: float) -> float:
        if other == other:  # noqa: PLR0124 - not nan
            try:
                return function(*numbers)
            except OverflowError:
                return math.copysign(math.inf, other)
            except ValueError:
                pass
        return other

    def apply(*arguments: Any) -> Any:
        shapes = {np.shape(argument) for argument in arguments}
        if shapes == {()}:
            try:
                return np.float64(function(*arguments))
            except (ValueError, OverflowError):
                return np.float64(unless(getattr(np, in_numpy)(*arguments), *arguments))
        if len(shapes - {()}) > 1:
            arguments = tuple(np.broadcast_arrays(*arguments))
        flat = [np.ravel(x).tolist() if np.ndim(x) else repeat(float(x)) for x in arguments]
        (shape,) = {np.shape(argument) for argument in arguments} - {()}
        try:
            found = np.fromiter(map(function, *flat), np.float64, prod(shape))
        except (ValueError, OverflowError):
            others = np.ravel(getattr(np, in_numpy)(*arguments)).tolist()
            found = np.fromiter(map(unless, others, *flat), np.float64, len(others))
        return found.reshape(shape)

    return apply


NUMPY = NumPy()
LIBM = Libm()


@cache
def fixed_names() -> dict[str, Any]:
    """Return the names that stand for the same in all generated NumPy code."""
    functions = (
        scattered,
        sum_to_shape,
        summed,
        mean,
        chosen,
        erf,
        erfc,
        norm,
        logsumexp,
        std,
        var,
        quantile,
        quantile_shares,
        softmax,
        logsoftmax,
        cross_entropy,
        onehot,
    )
    constants = {"inf": np.inf, "nan": np.nan, "slice": slice, "exp": np.exp, "log1p": np.log1p}
    return {"np": np, **constants} | {f.__name__: f for f in functions}


def chosen(condition: Any, f: Callable[..., Any], g: Callable[..., Any], *arguments: Any) -> Any:
    """Return f of the arguments where the condition holds, else g, neither of more than needed."""
    condition = np.asarray(condition)
    if condition.all() or not condition.any():
        only = (f if condition.all() else g)(*arguments)
        # What is computed alone need not read all that the shape depends on.
        shape = np.broadcast_shapes(condition.shape, *map(np.shape, arguments))
        return only if np.shape(only) == shape else np.broadcast_to(only, shape).copy()
    condition, *parts = np.broadcast_arrays(condition, *arguments)
    found = np.empty(condition.shape)
    found[condition] = f(*[part[condition] for part in parts])
    found[~condition] = g(*[part[~condition] for part in parts])
    return found


def erf(x: Any) -> Any:
    """Return the error function."""
    from scipy import special

    return special.erf(x)


def erfc(x: Any) -> Any:
    """Return 1 - erf(x); SciPy's own has rounded x² on the way to exp(-x²), which counts far out.

    There it is exp(-x²) erfcx(x), with x² to twice the digits, and in two factors for the sake of
    what is smaller than any normal double.
    """
    from scipy import special

    found = special.erfc(x)
    if not np.any(np.greater(x, 2.0)):
        return found
    far = np.clip(x, 2.0, 30.0)
    square, error = two_square(far)
    half = np.exp(square * -0.5)
    return np.where(np.greater(x, 2.0), half * (special.erfcx(far) * (1.0 - error)) * half, found)


def scattered(x: Any, key: Any, shape: Shape) -> Any:
    """Return zeros of the shape with x where the key says."""
    result = np.zeros(shape)
    result[key] = x
    return result


def sum_to_shape(x: Any, shape: Shape) -> Any:
    """Return x summed over the axes along which the shape was repeated."""
    x = np.asarray(x)
    if x.size == prod(shape):  # only axes of length 1 were added
        return x.reshape(shape)
    more = x.ndim - len(shape)
    short = [more + i for i, length in enumerate(shape) if length == 1 and x.shape[more + i] != 1]
    return np.reshape(np.add.reduce(x, axis=(*range(more), *short)), shape)


def summed(x: Any, axis: int | None) -> Any:
    """Return the sum over an axis, or over all; too large only where the result is."""
    found = np.add.reduce(x, axis=axis)
    return found if _is_finite(found) else _rescued(found, np.add.reduce, x, axis)


def mean(x: Any, axis: int | None) -> Any:
    """Return the mean over an axis, or over all, also where the sum is too large for a double."""
    found = np.add.reduce(x, axis=axis) / (np.size(x) if axis is None else np.shape(x)[axis])
    return found if _is_finite(found) else _rescued(found, np.mean, x, axis)


def _is_finite(found: Any) -> bool:
    return isfinite(found) if found.ndim == 0 else bool(np.isfinite(found).all())


def _rescued(found: Any, function: Any, x: Any, axis: int | None) -> Any:
    """Return what a function gives that grows in proportion, without overflow on its way."""
    return np.where(np.isfinite(found), found, function(np.multiply(x, SMALL), axis=axis) / SMALL)


def norm(x: Any, axis: int | None) -> Any:
    """Return the Euclidean norm, scaled so that no square overflows or vanishes."""
    size = np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0)
    scale = np.where((size == 0) | ~np.isfinite(size), 1.0, size)
    squares = np.sum((x / scale) ** 2, axis=axis, keepdims=True)
    return np.squeeze(scale * np.sqrt(squares), axis=axis)


def deviations(x: Any, axis: int | None, mean: Callable[..., Any] = mean) -> Any:
    """Return how far each number is from the mean; exactly 0 where all are equal."""
    x = np.asarray(x)
    first = x.ravel()[:1].reshape((1,) * x.ndim) if axis is None else np.take(x, [0], axis=axis)
    shifted = x - first
    middle = mean(shifted, axis)
    return shifted - (middle if axis is None else np.expand_dims(middle, axis))


def var(x: Any, axis: int | None) -> Any:
    """Return the mean square distance from the mean."""
    return mean(deviations(x, axis) ** 2, axis)


def std(x: Any, axis: int | None) -> Any:
    """Return the root of the variance, without overflow of the squares."""
    x = np.asarray(x)
    found = _deviation(x, axis)
    return found if _is_finite(found) else _rescued(found, _deviation, x, axis)


def _deviation(x: Any, axis: int | None) -> Any:
    return norm(deviations(x, axis), axis) / np.sqrt(x.size if axis is None else x.shape[axis])


def logsumexp(x: Any, axis: int | None, exp: Function, log1p: Function) -> Any:
    """Return log(sum(exp(x))) without overflow."""
    top, more = _top_and_more(x, axis, exp, log1p)
    return np.squeeze(top + more, axis=axis)


def _top_and_more(x: Any, axis: int | None, exp: Function, log1p: Function) -> tuple[Any, Any]:
    """Return max(x), and log(sum(exp(x))) - max(x), exact even when it is tiny; axes are kept."""
    x = np.asarray(x)
    top = np.max(x, axis=axis, keepdims=True)
    grown = np.array(exp(x - top))
    # The largest gives exactly 1, which log1p adds itself.
    if axis is None or x.size == x.shape[axis]:
        grown.flat[np.argmax(x)] = 0.0
    elif x.ndim == 2 and axis == 1:  # the rows of a batch, where every microsecond counts
        grown[np.arange(len(x)), x.argmax(axis=1)] = 0.0
    else:
        np.put_along_axis(grown, np.expand_dims(np.argmax(x, axis=axis), axis), 0.0, axis=axis)
    return top, log1p(np.add.reduce(grown, axis=axis, keepdims=True))


def quantile(x: Any, p: Any, axis: int | None) -> Any:
    """Return the number below which the part p lies, linear between neighbours; nan outside 0..1.

    That is the seventh definition of Hyndman and Fan (1996), as NumPy and R have it.
    """
    x = np.asarray(x)
    if not 0.0 <= p <= 1.0 or not np.isfinite(x).all():
        return np.max(x * np.nan, axis=axis)
    return np.quantile(x, p, axis=axis)


def quantile_shares(x: Any, p: Any, axis: int | None) -> Any:
    """Return how much each number counts in a quantile; equal ones share it equally."""
    x = np.asarray(x)
    if not 0.0 <= p <= 1.0 or not np.isfinite(x).all():
        return x * np.nan
    position = p * ((x.size if axis is None else x.shape[axis]) - 1)
    part = position - np.floor(position)
    order = np.sort(x, axis=axis) if axis is not None else np.sort(x, axis=None)
    found = np.zeros(x.shape)
    for which, weight in ((np.floor(position), 1.0 - part), (np.ceil(position), part)):
        picked = np.take(order, [int(which)], axis=axis or 0)
        equal = x == (picked if axis is not None else picked.reshape((1,) * x.ndim))
        found += weight * equal / np.sum(equal, axis=axis, keepdims=True)
    return found


def softmax(x: Any, axis: int | None, exp: Function) -> Any:
    """Return exp(x)/sum(exp(x)) without overflow."""
    grown = exp(x - np.max(x, axis=axis, keepdims=True))
    return grown / np.sum(grown, axis=axis, keepdims=True)


def logsoftmax(x: Any, axis: int | None, exp: Function, log1p: Function) -> Any:
    """Return the logarithm of softmax, exact where softmax is 0 or almost 1."""
    top, more = _top_and_more(x, axis, exp, log1p)
    return (x - top) - more


def onehot(x: Any, classes: int) -> Any:
    """Return 1 at the class of each x and 0 elsewhere; nan for a number that is no class."""
    x = np.asarray(x)
    hits = x[..., None] == np.arange(classes)
    found = hits * 1.0
    if np.count_nonzero(hits) < x.size:
        found[~hits.any(axis=-1)] = np.nan
    return found


def cross_entropy(score: Any, target: Any, exp: Function, log1p: Function) -> Any:
    """Return the mean over rows of -log softmax(score) at the target."""
    target = np.asarray(target)
    if target.shape == score.shape:
        logs = logsoftmax(score, score.ndim - 1, exp, log1p)
        return -np.sum(target * logs) / (len(score) if score.ndim == 2 else 1)
    rows = score.reshape(-1, score.shape[-1])
    labels = target.ravel()
    classes = labels.astype(np.intp)
    is_class = (classes == labels) & (classes >= 0) & (classes < rows.shape[1])
    if not is_class.all():
        return np.float64(np.nan)
    top, more = _top_and_more(rows, 1, exp, log1p)
    below = top[:, 0] - rows[np.arange(len(rows)), classes]
    return np.add.reduce(below + more[:, 0]) / len(rows)
