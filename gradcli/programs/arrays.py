"""Array operations that NumPy has not under one name, and what all of them run with."""

from __future__ import annotations

import math
from functools import cache, lru_cache, partial, partialmethod, reduce
from itertools import repeat
from math import isfinite, prod
from operator import gt, lt
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.bodies import (
    COMPARING,
    EXACT,
    LEAVES,
    OF_TWO,
    PYTHON,
    Dialect,
    Text,
    executed,
    template,
)
from gradcli.graph.operations import TABLE, extreme
from gradcli.graph.shapes import ROWS
from gradcli.graph.special import direction, two_square

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.graph.operations import Operation
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
        return FIXED | FUNCTIONS.named()

    def where(self, condition: Text, x: Text | float, y: Text | float) -> Text:
        """Return x where the condition holds, else y."""
        if isinstance(x, float) and isinstance(y, float) and (x, y) == (1.0, 0.0):
            return Text(self, "({0} * 1.0)", (condition,))
        return super().where(condition, x, y)

    def _folded(self, form: str, *numbers: Text) -> Text:
        """Return the extreme number, and 0 for zeros of any sign; nan if one of them is."""
        found: Text = reduce(lambda x, y: Text(self, form, (x, y)), numbers) + 0.0
        return found

    max = partialmethod(_folded, "np.maximum({0}, {1})")
    min = partialmethod(_folded, "np.minimum({0}, {1})")

    def direction(self, x: Text, y: Text) -> Text:
        """Return x/hypot(x, y), by the body where a number of the array is very large or small."""
        size = abs(x) + abs(y)
        is_usual = (size > 2.0**-500) & (size < 2.0**500)
        return self.choose(is_usual, _share_of_length, direction, x, y)

    def of_floats(self, function: Callable[..., float]) -> Callable[..., Any]:
        """Return a function of floats as one of arrays, number by number; nan without a value."""
        return over_each(
            function, lambda *x: np.full(np.broadcast_shapes(*map(np.shape, x)), np.nan)
        )

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
        functions = {name: of_library(name) for name in INEXACT}
        own = ArrayFunctions(functions["exp"], functions["log1p"])
        return super().names() | functions | own.named()


@cache
def of_library(name: str) -> Callable[..., Any]:
    """Return a function of the math module for arrays and numbers, which are broadcast.

    Where it has no value the result is NumPy's, inf or nan.
    """
    in_numpy = NumPy.functions.get(name, "").partition("(")[0].removeprefix("np.")
    return over_each(getattr(math, name), getattr(np, in_numpy, None))


def over_each(function: Callable[..., float], others: Any) -> Callable[..., Any]:
    """Return a function of floats for arrays and numbers, which are broadcast.

    Where it has no value the result is that of a function of arrays, or inf.
    """

    def unless(other: float, *numbers: float) -> float:
        try:
            return function(*numbers)
        except OverflowError:
            return other * math.inf
        except (ValueError, ZeroDivisionError):
            return other

    def apply(*arguments: Any) -> Any:
        shapes = {np.shape(argument) for argument in arguments}
        if shapes == {()}:
            numbers = [*map(float, arguments)]
            try:
                return np.float64(function(*numbers))
            except (ValueError, OverflowError, ZeroDivisionError):
                return np.float64(unless(float(others(*arguments)), *numbers))
        if len(shapes - {()}) > 1:
            arguments = tuple(np.broadcast_arrays(*arguments))
        flat = [np.ravel(x).tolist() if np.ndim(x) else repeat(float(x)) for x in arguments]
        (shape,) = {np.shape(argument) for argument in arguments} - {()}
        try:
            found = np.fromiter(map(function, *flat), np.float64, prod(shape))
        except (ValueError, OverflowError, ZeroDivisionError):
            known = np.ravel(others(*arguments)).tolist()
            found = np.fromiter(map(unless, known, *flat), np.float64, len(known))
        return found.reshape(shape)

    return apply


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
    position = p * (_count(x, axis) - 1)
    part = position - np.floor(position)
    order = np.sort(x, axis=axis)
    found = np.zeros(x.shape)
    for which, weight in ((np.floor(position), 1.0 - part), (np.ceil(position), part)):
        picked = np.take(order, int(which), axis=axis)
        equal = x == (picked if axis is None else np.expand_dims(picked, axis))
        found += weight * equal / np.sum(equal, axis=axis, keepdims=True)
    return found


def sum_to_shape(x: Any, shape: Shape) -> Any:
    """Return x summed over the axes along which the shape was repeated."""
    x = np.asarray(x)
    if x.size == prod(shape):  # only axes of length 1 were added
        return x.reshape(shape)
    more = x.ndim - len(shape)
    short = [more + i for i, length in enumerate(shape) if length == 1 and x.shape[more + i] != 1]
    return np.reshape(np.add.reduce(x, axis=(*range(more), *short)), shape)


def _count(x: Any, axis: int | None) -> int:
    """Return how many numbers there are along an axis, or at all."""
    return int(np.size(x) if axis is None else np.shape(x)[axis])


def _is_finite(found: Any) -> bool:
    return isfinite(found) if found.ndim == 0 else bool(np.isfinite(found).all())


def _rescued(found: Any, function: Any, x: Any, axis: int | None) -> Any:
    """Return what a function gives that grows in proportion, without overflow on its way."""
    return np.where(np.isfinite(found), found, function(np.multiply(x, SMALL), axis=axis) / SMALL)


class ArrayFunctions:
    """Functions of arrays by the names that the rows call, also for symbols in place of numbers."""

    def __init__(self, exp: Function = np.exp, log1p: Function = np.log1p) -> None:
        self.exp = exp
        self.log1p = log1p

    def named(self) -> dict[str, Any]:
        """Return those that rows call."""
        return {name: getattr(self, name) for name in CALLED}

    def scattered(self, x: Any, key: Any, shape: Shape) -> Any:
        """Return zeros of the shape with x where the key says."""
        x = np.asarray(x)
        found = np.zeros(shape, np.result_type(x, np.float64))
        found[key] = x[()]
        return found

    def summed(self, x: Any, axis: int | None) -> Any:
        """Return the sum over an axis, or over all; too large only where the result is."""
        found = np.add.reduce(x, axis=axis)
        return found if _is_finite(found) else _rescued(found, np.add.reduce, x, axis)

    def mean(self, x: Any, axis: int | None) -> Any:
        """Return the mean over an axis, or over all, also where the sum is too large."""
        found = np.add.reduce(x, axis=axis) / _count(x, axis)
        return found if _is_finite(found) else _rescued(found, np.mean, x, axis)

    def norm(self, x: Any, axis: int | None) -> Any:
        """Return the Euclidean norm, scaled so that no square overflows or vanishes."""
        size = np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0)
        scale = np.where((size == 0) | ~np.isfinite(size), 1.0, size)
        squares = np.sum((x / scale) ** 2, axis=axis, keepdims=True)
        return np.squeeze(scale * np.sqrt(squares), axis=axis)

    def deviations(self, x: Any, axis: int | None) -> Any:
        """Return how far each number is from the mean; exactly 0 where all are equal."""
        x = np.asarray(x)
        first = x.ravel()[:1].reshape((1,) * x.ndim) if axis is None else np.take(x, [0], axis=axis)
        shifted = x - first
        middle = self.mean(shifted, axis)
        return shifted - (middle if axis is None else np.expand_dims(middle, axis))

    def var(self, x: Any, axis: int | None) -> Any:
        """Return the mean square distance from the mean; exactly 0 where all are equal."""
        return self.mean(np.square(self.deviations(x, axis)), axis)

    def std(self, x: Any, axis: int | None) -> Any:
        """Return the root of the variance, without overflow of the squares."""
        x = np.asarray(x)
        found = self._deviation(x, axis)
        return found if _is_finite(found) else _rescued(found, self._deviation, x, axis)

    def _deviation(self, x: Any, axis: int | None) -> Any:
        return self.norm(self.deviations(x, axis), axis) / np.sqrt(_count(x, axis))

    def top(self, x: Any, axis: int | None) -> Any:
        """Return the greatest number over an axis, which is kept."""
        return np.max(x, axis=axis, keepdims=True)

    def logsumexp(self, x: Any, axis: int | None) -> Any:
        """Return log(sum(exp(x))) without overflow."""
        top, more = self.top_and_more(x, axis)
        return np.squeeze(top + more, axis=axis)

    def top_and_more(self, x: Any, axis: int | None) -> tuple[Any, Any]:
        """Return max(x), and log(sum(exp(x))) - max(x), exact when tiny; axes are kept."""
        x = np.asarray(x)
        top = self.top(x, axis)
        grown = np.array(self.exp(x - top))
        # The largest gives exactly 1, which log1p adds itself.
        if axis is None or x.size == x.shape[axis]:
            grown.flat[np.argmax(x)] = 0.0
        elif x.ndim == 2 and axis == 1:  # the rows of a batch, where every microsecond counts
            grown[np.arange(len(x)), x.argmax(axis=1)] = 0.0
        else:
            np.put_along_axis(grown, np.expand_dims(np.argmax(x, axis=axis), axis), 0.0, axis=axis)
        return top, self.log1p(np.add.reduce(grown, axis=axis, keepdims=True))

    def softmax(self, x: Any, axis: int | None) -> Any:
        """Return exp(x)/sum(exp(x)) without overflow."""
        grown = self.exp(x - self.top(x, axis))
        return grown / np.sum(grown, axis=axis, keepdims=True)

    def logsoftmax(self, x: Any, axis: int | None) -> Any:
        """Return the logarithm of softmax, exact where softmax is 0 or almost 1."""
        top, more = self.top_and_more(x, axis)
        return (x - top) - more

    def onehot(self, x: Any, classes: int) -> Any:
        """Return 1 at the class of each x and 0 elsewhere; nan for a number that is no class."""
        x = np.asarray(x)
        hits = x[..., None] == np.arange(classes)
        found = hits * 1.0
        if np.count_nonzero(hits) < x.size:
            found[~hits.any(axis=-1)] = np.nan
        return found

    def cross_entropy(self, score: Any, target: Any) -> Any:
        """Return the mean over rows of -log softmax(score) at the target."""
        target = np.asarray(target)
        if target.shape == score.shape:
            logs = self.logsoftmax(score, score.ndim - 1)
            return -np.sum(target * logs) / (len(score) if score.ndim == 2 else 1)
        rows = score.reshape(-1, score.shape[-1])
        labels = target.ravel()
        classes = labels.astype(np.intp)
        is_class = (classes == labels) & (classes >= 0) & (classes < rows.shape[1])
        if not is_class.all():
            return np.float64(np.nan)
        top, more = self.top_and_more(rows, 1)
        below = top[:, 0] - rows[np.arange(len(rows)), classes]
        return np.add.reduce(below + more[:, 0]) / len(rows)


CALLED = (
    *("scattered", "summed", "mean", "norm", "var", "std", "logsumexp", "softmax", "logsoftmax"),
    *("onehot", "cross_entropy"),
)
FUNCTIONS = ArrayFunctions()
FIXED: dict[str, Any] = {"np": np, "inf": np.inf, "nan": np.nan, "slice": slice} | {
    f.__name__: f for f in (sum_to_shape, chosen, erf, erfc, quantile, quantile_shares)
}
"""What stands for the same in all generated NumPy code."""
NUMPY = NumPy()
LIBM = Libm()


def array_code(operation: Operation, arguments: Sequence[str], payload: Any, m: Dialect) -> str:
    """Return the NumPy expression of one operation on arguments that are names or numbers."""
    text = template(m, operation, len(arguments), payload)
    return text.format(*arguments, p=repr(payload), all=", ".join(arguments))


def _source(operation: Operation, count: int, payload: Any) -> str:
    """Return the source of a function of the number of rows and the arguments of an operation."""
    names = [f"p{index}" for index in range(count)]
    code = array_code(operation, names, payload, LIBM)
    return f"def generated({', '.join([repr(ROWS), *names])}):\n    return {code}"


@lru_cache(maxsize=1000)
def array_function(operation: Operation, count: int, payload: Any) -> Callable[..., Any]:
    """Return the operation on NumPy arrays and numbers, with IEEE 754 results.

    They are to the last bit those of the operation's `value`, where it has one. Where the payload
    holds ROWS, their number is an argument by keyword.
    """
    compute = executed(_source(operation, count, payload), LIBM.namespace())

    @np.errstate(all="ignore")
    def evaluate(*inputs: Any, rows: int | None = None) -> Any:
        return compute(rows, *inputs)

    return evaluate


class Array:
    """An array that the rules of the table can be applied to, as they are to nodes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def shape(self) -> Shape:
        """The shape of the array."""
        return tuple(self.value.shape)

    def apply(self, name: str, *others: Any, payload: Any = None) -> Array:
        """Return the row `name` of the table applied to this array and others."""
        function = array_function(TABLE[name], 1 + len(others), payload)
        inputs = [getattr(other, "value", other) for other in (self, *others)]
        return Array(function(*inputs))

    def __mul__(self, other: Array) -> Array:
        """Return self * other."""
        return Array(self.value * other.value)


# ---------------------------------------------------------------- symbols


def structural(
    flat: Flat, operation: Operation, inputs: list[Any], payload: Any, rows: int | None = None
) -> Any:
    """Return an operation on arrays, whose inputs are numbers of the target of `flat`.

    `rows` is how long columns are. Raises NameError for one that needs to know the numbers.
    """
    text = _source(operation, len(inputs), payload)
    namespace = {"np": flat, "sum_to_shape": sum_to_shape, "slice": slice, **flat.named()}
    return executed(text, namespace)(rows, *[np.asarray(value, object) for value in inputs])


class Flat(ArrayFunctions):
    """NumPy over symbols of a target m: arrays of objects, each of which becomes a number later.

    It has other functions where NumPy would ask a symbol for its value, or hold it to be a number.
    """

    def __init__(self, m: Any) -> None:
        super().__init__(lambda x: self.each(m.exp, x), lambda x: self.each(m.log1p, x))
        self.m = m

    def __getattr__(self, name: str) -> Any:
        """Return a function of NumPy; NameError for one that must know numbers."""
        if name not in MOVES:
            raise NameError(name)
        return getattr(np, name)

    def _folded(self, compare: Callable[[Any, Any], Any], x: Any, axis: int | None = None) -> Any:
        """Return the extreme number over an axis, or over all."""
        fold = partial(extreme, self.m, compare)
        x = self.each(self.m.of, x)
        if axis is None:
            return reduce(fold, np.ravel(x))
        return reduce(np.frompyfunc(fold, 2, 1), np.moveaxis(x, axis, 0))

    max = partialmethod(_folded, gt)
    min = partialmethod(_folded, lt)

    def each(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Return a function of each number."""
        return np.frompyfunc(function, len(arrays), 1)(*arrays)

    def summed(self, x: Any, axis: int | None) -> Any:
        """Return the sum over an axis, or over all."""
        return np.add.reduce(x, axis=axis)

    def mean(self, x: Any, axis: int | None) -> Any:
        """Return the mean over an axis, or over all."""
        return np.add.reduce(x, axis=axis) / _count(x, axis)

    def std(self, x: Any, axis: int | None) -> Any:
        """Return the root of the variance."""
        return self.each(self.m.sqrt, self.var(x, axis))

    def norm(self, x: Any, axis: int | None) -> Any:
        """Return the Euclidean norm."""
        return self.each(self.m.sqrt, np.add.reduce(x * x, axis=axis))

    def argmax(self, x: Any, axis: int | None = None) -> Any:
        """Return the index of the first of the greatest numbers over an axis, or over all."""
        m = self.m

        def further(before: Any, now: Any) -> Any:
            (top, index), (x, here) = before, now
            is_more = (x > top) | (x != x)  # noqa: PLR0124 - nan
            return m.where(is_more, x, top), m.where(is_more, here, index)

        lines = np.moveaxis(np.ravel(x) if axis is None else x, axis or 0, 0)
        found = np.empty(lines.shape[1:], object)
        for key in np.ndindex(found.shape):
            pairs = [(m.of(line[key] if key else line), float(k)) for k, line in enumerate(lines)]
            found[key] = reduce(further, pairs)[1]
        return found[()] if found.ndim == 0 else found

    def onehot(self, x: Any, classes: int) -> Any:
        """Return 1 at the class of each x and 0 elsewhere; nan for a number that is no class."""
        m = self.m
        one, none = m.of(1.0), m.of(0.0)
        found = self.each(
            lambda x, k: m.where(m.of(x) == k, one, none), x[..., None], np.arange(classes) * 1.0
        )
        return found / np.add.reduce(found, axis=-1, keepdims=True)

    def cross_entropy(self, score: Any, target: Any) -> Any:
        """Return the mean over rows of -log softmax(score) at the target."""
        logs = self.logsoftmax(score, score.ndim - 1)
        weights = target if target.shape == score.shape else self.onehot(target, score.shape[-1])
        return -np.add.reduce(weights * logs, axis=None) / (len(score) if score.ndim == 2 else 1)

    def keepdims(self, found: Any, x: Any, axis: int | None) -> Any:
        """Return what was reduced with its axis, of length 1."""
        if axis is None:
            return np.full((1,) * np.ndim(x), found, object)
        return np.expand_dims(found, axis)

    def top(self, x: Any, axis: int | None) -> Any:
        """Return the greatest number over an axis, which is kept."""
        return self.keepdims(self.max(x, axis), x, axis)

    def top_and_more(self, x: Any, axis: int | None) -> tuple[Any, Any]:
        """Return max(x), and log(sum(exp(x))) - max(x), exact even when it is tiny; axes are kept.

        The first of the largest gives exactly 1, which log1p adds itself.
        """
        m = self.m
        top = self.top(x, axis)
        lines = np.ravel(x - top) if axis is None else np.moveaxis(x - top, axis, 0)
        seen, total = 0.0, 0.0
        for away in lines:
            is_top = self.each(lambda x: m.where(m.of(x) == 0.0, 1.0, 0.0), away)
            is_first = is_top * (1.0 - seen)
            total += self.each(lambda first, x: m.where(first, 0.0, m.exp(x)), is_first, away)
            seen = self.each(lambda a, b: m.where(m.of(a) > 0.0, 1.0, b), seen, is_top)
        return top, self.keepdims(self.log1p(total), x, axis)


MOVES = frozenset({"stack", "broadcast_arrays", "broadcast_to", "reshape", "transpose", "prod"}) | {
    *("cumsum", "square", "zeros", "ones", "eye", "linspace", "arange", "shape"),
}
"""The functions of NumPy that work on objects."""
