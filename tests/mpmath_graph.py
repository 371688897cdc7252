"""Formulas over numbers of mpmath: every operation by mpmath's own functions, arrays of objects."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from mpmath import mp, mpf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.graph.node import Graph

Exact = Any
"""A number of mpmath, or an array of them."""


def _guarded(function: Callable[..., Exact]) -> Callable[..., Exact]:
    """The function with nan where mpmath raises: a branch that is not taken may have no value."""

    def call(*arguments: Exact) -> Exact:
        try:
            return function(*arguments)
        except (ValueError, ZeroDivisionError, TypeError, OverflowError):
            return mp.nan

    return call


def _is_true(x: Exact) -> bool:
    return bool(x != 0)


NUMBERS: dict[str, Callable[..., Exact]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negate": lambda x: -x,
    "power": lambda x, y: x**y,
    "constant power": lambda x, n: x**n,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log to a base": mp.log,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "xlogx": lambda x: mpf(0) if x == 0 else x * mp.log(x),
    "hypot": mp.hypot,
    "sinc": mp.sinc,
    "cot": mp.cot,
    "sec": mp.sec,
    "csc": mp.csc,
    "radians": mp.radians,
    "sphericalj": lambda x, n: mp.sqrt(mp.pi / (2 * x)) * mp.besselj(n + mpf(0.5), x),
    "abs": abs,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "mod": lambda x, y: x - y * mp.floor(x / y),
    "max": max,
    "min": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "less": lambda x, y: mpf(x < y),
    "less or equal": lambda x, y: mpf(x <= y),
    "greater": lambda x, y: mpf(x > y),
    "greater or equal": lambda x, y: mpf(x >= y),
    "equal": lambda x, y: mpf(x == y),
    "not equal": lambda x, y: mpf(x != y),
    "and": lambda x, y: mpf(_is_true(x) and _is_true(y)),
    "or": lambda x, y: mpf(_is_true(x) or _is_true(y)),
    "not": lambda x: mpf(not _is_true(x)),
    "where": lambda condition, x, y: x if _is_true(condition) else y,
    "gamma": mp.gamma,
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))),
    "digamma": lambda x: mp.psi(0, x),
    "polygamma": lambda x, n: mp.psi(n, x),
    "factorial": mp.factorial,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else mpf("0.01") * x,
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.ncdf(x),
    # What only rules of derivatives make.
    "cathetus": lambda x: mp.sqrt(1 - x * x),
    "direction": lambda x, y: mpf(0) if x == y == 0 else x / mp.hypot(x, y),
    "logistic_density": lambda x: mp.exp(-x) / (1 + mp.exp(-x)) ** 2,
    "powlog": lambda x, y, k: mpf(0) if x == 0 < y else x**y * mp.log(x) ** k,
    "ratio": lambda x, y: mpf(0) if x == y == 0 else x / y,
    "scaled": lambda x, y: mpf(0) if x == 0 else x * y,
    "sech_squared": lambda x: mp.sech(x) ** 2,
}


def _elementwise(name: str, arguments: list[Exact]) -> Exact:
    function = _guarded(NUMBERS[name])
    if not any(isinstance(x, np.ndarray) for x in arguments):
        return function(*arguments)
    return np.frompyfunc(function, len(arguments), 1)(*arguments)


def _mean(x: Exact, axis: int | None) -> Exact:
    return np.sum(x, axis=axis) / mpf(x.size if axis is None else x.shape[axis])


def _kept(reduced: Exact, axis: int | None) -> Exact:
    return reduced if axis is None else np.expand_dims(reduced, axis)


def _var(x: Exact, axis: int | None) -> Exact:
    return _mean((x - _kept(_mean(x, axis), axis)) ** 2, axis)


def _root(x: Exact) -> Exact:
    return _elementwise("sqrt", [x])


def _exp(x: Exact) -> Exact:
    return _elementwise("exp", [x])


def _softmax(x: Exact, axis: int | None) -> Exact:
    return _exp(x) / _kept(np.sum(_exp(x), axis=axis), axis)


def _placed(x: Exact, payload: Any) -> Exact:
    found = np.full(payload[1], mpf(0), dtype=object)
    found[_key(payload[0])] = x
    return found


def _key(payload: Any) -> Any:
    return tuple(slice(*item) if isinstance(item, tuple) else item for item in payload)


def _onehot(x: Exact, classes: int) -> Exact:
    return np.array([mpf(int(x) == i) for i in range(classes)], dtype=object)


def _cross_entropy(score: Exact, target: Exact) -> Exact:
    logs = _elementwise("log", [_softmax(score, score.ndim - 1)])
    if isinstance(target, np.ndarray) and target.shape == score.shape:
        return -np.sum(target * logs) / (len(score) if score.ndim == 2 else 1)
    return -logs[int(target)]


ARRAYS: dict[str, Callable[..., Exact]] = {
    "array": lambda *x: np.stack([np.asarray(part, dtype=object) for part in x]),
    "index": lambda x, key: x[_key(key)],
    "scatter": _placed,
    "reshape": np.reshape,
    "broadcast": np.broadcast_to,
    "transpose": np.transpose,
    "matmul": lambda x, y: x @ y,
    "dot": lambda x, y: x @ y,
    "sum": lambda x, axis: np.sum(x, axis=axis),
    "mean": _mean,
    "prod": lambda x, axis: np.prod(x, axis=axis),
    "var": _var,
    "std": lambda x, axis: _root(_var(x, axis)),
    "norm": lambda x, axis: _root(np.sum(x * x, axis=axis)),
    "greatest": lambda x, axis: np.max(x, axis=axis),
    "least": lambda x, axis: np.min(x, axis=axis),
    "cumsum": lambda x, axis: np.cumsum(x, axis=axis),
    "logsumexp": lambda x, axis: _elementwise("log", [np.sum(_exp(x), axis=axis)]),
    "softmax": _softmax,
    "logsoftmax": lambda x, axis: _elementwise("log", [_softmax(x, axis)]),
    "mse": lambda x, y: _mean((x - y) ** 2, None),
    "cross_entropy": _cross_entropy,
    "onehot": _onehot,
    "zeros": lambda shape: np.full(shape, mpf(0), dtype=object),
    "ones": lambda shape: np.full(shape, mpf(1), dtype=object),
    "eye": lambda n: np.array([[mpf(i == j) for j in range(n[0])] for i in range(n[0])], object),
}

CONSTANTS = {"pi": lambda: +mp.pi, "tau": lambda: 2 * mp.pi, "e": lambda: +mp.e}


def exact(
    graph: Graph, root: int, values: Mapping[str, Exact], known: Mapping[int, Exact] | None = None
) -> dict[int, Exact]:
    """The values of the nodes that `root` is computed from, itself included; some may be known."""
    found: dict[int, Exact] = dict(known or {})
    for node in _above(graph, root, found):
        operation, inputs, payload = graph.rows[node]
        name = operation.name
        arguments = [found[i] for i in inputs]
        if name == "variable":
            found[node] = values[payload]
        elif name == "constant":
            found[node] = mpf(payload)
        elif name == "named constant":
            found[node] = CONSTANTS[payload]()
        elif name in NUMBERS:
            extra = [mpf(payload)] if name == "constant power" else []
            extra = [payload] if name in {"polygamma", "sphericalj", "powlog"} else extra
            found[node] = _elementwise(name, arguments + extra)
        else:
            given = [payload] if operation.payload is not None else []
            found[node] = ARRAYS[name](*arguments, *given)
    return found


def _above(graph: Graph, root: int, known: Mapping[int, Exact]) -> list[int]:
    found: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node not in found and node not in known:
            found.add(node)
            waiting += graph.rows[node][1]
    return sorted(found)


def slopes(function: Callable[[Exact], Exact], at: Exact) -> Exact:
    """The derivative of a function of a number, or by each number of an array, by mpmath."""
    if not isinstance(at, np.ndarray):
        return mp.diff(function, at)
    found = np.empty(at.shape, dtype=object)
    for place in itertools.product(*map(range, at.shape)):

        def moved(x: Exact, place: tuple[int, ...] = place) -> Exact:
            there = at.copy()
            there[place] = x
            return function(there)

        found[place] = mp.diff(moved, at[place])
    return found
