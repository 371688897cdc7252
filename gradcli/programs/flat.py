"""Operations on arrays of symbols: NumPy's arrays of objects, each of which becomes a number later.

The rows' own NumPy expressions run on them, with other functions where NumPy would ask a symbol for
its value, or hold it to be a number.
"""

from __future__ import annotations

from functools import partial, reduce
from operator import gt, lt
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.bodies import executed
from gradcli.graph.operations import extreme
from gradcli.graph.shapes import ROWS
from gradcli.programs.arrays import deviations, sum_to_shape
from gradcli.programs.generated import array_code, arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.operations import Operation


def structural(
    flat: Flat, operation: Operation, inputs: list[Any], payload: Any, rows: int | None = None
) -> Any:
    """Return an operation on arrays, whose inputs are numbers of the target of `flat`.

    `rows` is how long columns are. Raises NameError for one that needs to know the numbers.
    """
    names = [f"p{index}" for index in range(len(inputs))]
    code = array_code(operation, names, payload, arrays(same_bits=True))
    text = f"def generated({', '.join(names)}):\n    return {code}"
    namespace = {"np": flat, "sum_to_shape": sum_to_shape, "slice": slice, repr(ROWS): rows}
    namespace |= {"exp": 0, "log1p": 0} | {name: getattr(flat, name) for name in FUNCTIONS}
    return executed(text, namespace)(*[np.asarray(value, object) for value in inputs])


class Flat:
    """NumPy over symbols of a target m."""

    def __init__(self, m: Any) -> None:
        self.m = m

    def __getattr__(self, name: str) -> Any:
        """Return a function of NumPy; NameError for one that must know numbers."""
        if name not in MOVES:
            raise NameError(name)
        return getattr(np, name)

    def max(self, x: Any, axis: int | None = None) -> Any:
        """Return the greatest number over an axis, or over all."""
        return self._folded(gt, x, axis)

    def min(self, x: Any, axis: int | None = None) -> Any:
        """Return the least number over an axis, or over all."""
        return self._folded(lt, x, axis)

    def _folded(self, compare: Callable[[Any, Any], Any], x: Any, axis: int | None) -> Any:
        fold = partial(extreme, self.m, compare)
        x = np.frompyfunc(self.m.of, 1, 1)(x)
        if axis is None:
            return reduce(fold, np.ravel(x))
        return reduce(np.frompyfunc(fold, 2, 1), np.moveaxis(x, axis, 0))

    def each(self, function: Callable[[Any], Any], x: Any) -> Any:
        """Return a function of each number."""
        return np.frompyfunc(function, 1, 1)(x)

    def scattered(self, x: Any, key: Any, shape: Any) -> Any:
        """Return zeros of the shape with x where the key says."""
        found = np.full(shape, 0.0, object)
        found[key] = x[()] if np.ndim(x) == 0 else x
        return found

    def summed(self, x: Any, axis: int | None) -> Any:
        """Return the sum over an axis, or over all."""
        return np.add.reduce(x, axis=axis)

    def mean(self, x: Any, axis: int | None) -> Any:
        """Return the mean over an axis, or over all."""
        return np.add.reduce(x, axis=axis) / (np.size(x) if axis is None else np.shape(x)[axis])

    def var(self, x: Any, axis: int | None) -> Any:
        """Return the mean square distance from the mean; exactly 0 where all are equal."""
        away = deviations(x, axis, self.mean)
        return self.mean(away * away, axis)

    def std(self, x: Any, axis: int | None) -> Any:
        """Return the root of the variance."""
        return self.each(self.m.sqrt, self.var(x, axis))

    def norm(self, x: Any, axis: int | None) -> Any:
        """Return the Euclidean norm."""
        return self.each(self.m.sqrt, np.add.reduce(x * x, axis=axis))

    def logsumexp(self, x: Any, axis: int | None, *_: Any) -> Any:
        """Return log(sum(exp(x))) without overflow."""
        top, more = self.top_and_more(x, axis)
        return np.squeeze(top + more, axis=axis)

    def softmax(self, x: Any, axis: int | None, *_: Any) -> Any:
        """Return exp(x)/sum(exp(x)) without overflow."""
        grown = self.each(self.m.exp, x - self.kept(self.max(x, axis), x, axis))
        return grown / np.add.reduce(grown, axis=axis, keepdims=True)

    def logsoftmax(self, x: Any, axis: int | None, *_: Any) -> Any:
        """Return the logarithm of softmax, exact where softmax is 0 or almost 1."""
        top, more = self.top_and_more(x, axis)
        return (x - top) - more

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
        is_class = np.frompyfunc(lambda x, k: m.where(m.of(x) == k, one, none), 2, 1)
        found = is_class(x[..., None], np.arange(classes, dtype=float))
        total = np.add.reduce(found, axis=-1, keepdims=True)
        return found / total

    def cross_entropy(self, score: Any, target: Any, *_: Any) -> Any:
        """Return the mean over rows of -log softmax(score) at the target."""
        logs = self.logsoftmax(score, score.ndim - 1)
        weights = target if target.shape == score.shape else self.onehot(target, score.shape[-1])
        return -np.add.reduce(weights * logs, axis=None) / (len(score) if score.ndim == 2 else 1)

    def kept(self, found: Any, x: Any, axis: int | None) -> Any:
        """Return what was reduced with its axis, of length 1."""
        if axis is None:
            return np.full((1,) * np.ndim(x), found, object)
        return np.expand_dims(found, axis)

    def top_and_more(self, x: Any, axis: int | None) -> tuple[Any, Any]:
        """Return max(x), and log(sum(exp(x))) - max(x), exact even when it is tiny; axes are kept.

        The first of the largest gives exactly 1, which log1p adds itself.
        """
        m = self.m
        top = self.kept(self.max(x, axis), x, axis)
        lines = np.ravel(x - top) if axis is None else np.moveaxis(x - top, axis, 0)
        one, select, both = [
            np.frompyfunc(function, count, 1)
            for function, count in (
                (lambda away: m.where(m.of(away) == 0.0, 1.0, 0.0), 1),
                (lambda used, away: m.where(used, 0.0, m.exp(away)), 2),
                (lambda a, b: m.where(m.of(a) > 0.0, 1.0, b), 2),
            )
        ]
        seen, total = 0.0, 0.0
        for away in lines:
            is_top = one(away)
            total = total + select(is_top * (1.0 - seen), away)
            seen = both(seen, is_top)
        return top, self.kept(self.each(self.m.log1p, total), x, axis)


HELPERS = {"each", "kept", "top_and_more"}
FUNCTIONS = tuple([name for name in vars(Flat) if name[0] != "_" and name not in HELPERS])
"""The functions by the names that the rows call."""
MOVES = frozenset({"stack", "broadcast_arrays", "broadcast_to", "reshape", "transpose", "prod"}) | {
    *("cumsum", "zeros", "ones", "eye", "linspace", "arange", "shape"),
}
"""The functions of NumPy that work on objects."""
