"""Each row of the table of operations as machine code.

A lowering computes what the row's Python code does, in the same order and with the same functions
of the C library, so that the numbers are the same; where Python raises an exception it gives inf or
nan. There are no branches, so that a loop over rows can be vectorised.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection
from functools import cache, reduce
from typing import Any, NamedTuple

from llvmlite import ir

from gradcli.graph.operations import SQRT_2, TABLE, Operation
from gradcli.native import special
from gradcli.native.doubles import DOUBLE, Double, Truth, call, intrinsic, where

Positions = Callable[[int, Any], Collection[int]]
"""Some of the arguments of an operation, from their number and the payload."""


class Lowering(NamedTuple):
    """How an operation becomes machine code."""

    write: Callable[..., Double]
    """From the arguments and the payload, if there is one, to the value."""
    swallows: Positions
    """The arguments of which inf or nan may leave no trace in the value."""
    is_finite: bool
    """Whether the value is always finite when the arguments are."""


LOWERINGS: dict[Operation, Lowering] = {}
"""The operations that can be machine code; the others move arrays."""

LIBRARY = (
    *("exp", "expm1", "log", "log2", "log10", "log1p", "pow", "cbrt", "hypot", "fmod", "sin"),
    *("cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh"),
    *("atanh", "tgamma", "lgamma", "erf", "erfc"),
)
"""The functions of the C library that are called."""
INEXACT = {
    TABLE[name]
    for name in (
        *("gamma", "lgamma", "factorial", "hypot", "cbrt"),
        *("digamma", "polygamma", "sphericalj"),
    )
}
"""Python has its own gamma, lgamma and hypot, before 3.11 its own cbrt, and the last ones are those
of SciPy: they differ from those here by a few units in the last place."""


def can_be_written(operation: Operation, payload: Any) -> bool:
    """Return whether an operation can be machine code."""
    highest = special.HIGHEST.get(operation.name, math.inf)
    return operation in LOWERINGS and (payload is None or payload <= highest)


def _nothing(count: int, payload: Any) -> Collection[int]:  # noqa: ARG001
    return ()


def _first(count: int, payload: Any) -> Collection[int]:  # noqa: ARG001
    return (0,)


def _second(count: int, payload: Any) -> Collection[int]:  # noqa: ARG001
    return (1,)


def _all(count: int, payload: Any) -> Collection[int]:  # noqa: ARG001
    return range(count)


def _row(
    name: str,
    write: Callable[..., Double],
    swallows: Positions = _nothing,
    *,
    is_finite: bool = False,
) -> None:
    LOWERINGS[TABLE[name]] = Lowering(write, swallows, is_finite)


@cache
def _library(name: str) -> Callable[..., Double]:
    """Return the call of a function of the C library."""
    return lambda *arguments: call(name, *arguments)


exp, log, pow_, gamma = map(_library, ["exp", "log", "pow", "tgamma"])
erfc = _library("erfc")

# ---------------------------------------------------------------- arithmetic

_row("add", operator.add)
_row("subtract", operator.sub)
_row("multiply", operator.mul)
_row("divide", operator.truediv, _second)
_row("negate", operator.neg, is_finite=True)


def _sqrt(x: Double) -> Double:
    return intrinsic("sqrt", x)


def _constant_power(x: Double, n: float) -> Double:
    if n == 2:
        return x * x
    if n == 3:
        return x * x * x
    if n == 4:
        square = x * x
        return square * square
    if n == -1:
        return 1.0 / x
    if n == 0.5:
        return _sqrt(x)
    return pow_(x, x.of(n))


def _powlog(x: Double, y: Double, k: int) -> Double:
    logarithm = log(x)
    factor = logarithm if k == 1 else pow_(logarithm, x.of(k))
    return where(x.equals(0.0) & (y > 0.0), 0.0, pow_(x, y) * factor)


_row("constant power", _constant_power, lambda _, n: () if n > 0 else (0,))
_row("power", pow_, _all)
_row("powlog", _powlog, _all)
_row("scaled", lambda x, y: where(x.equals(0.0), 0.0, x * y), _all)
_row("ratio", lambda x, y: where(x.equals(0.0) & y.equals(0.0), 0.0, x / y), _second)

# ---------------------------------------------------------------- exponential and logarithm


def _log_to_base(x: Double, base: Double) -> Double:
    general = where(base > 0.0, log(x) / log(base), math.nan)
    if isinstance(base.value, ir.Constant):
        known = {2.0: "log2", 10.0: "log10"}.get(base.value.constant)
        return general if known is None else call(known, x)
    by_ten = where(base.equals(10.0), call("log10", x), general)
    return where(base.equals(2.0), call("log2", x), by_ten)


for _name in ("log", "log2", "log10", "log1p", "tan", "asin", "acos", "sinh", "cosh"):
    _row(_name, _library(_name))
for _name in ("acosh", "atanh", "hypot", "lgamma"):
    _row(_name, _library(_name))
for _name in ("sin", "cos", "asinh", "cbrt"):
    _row(_name, _library(_name), is_finite=True)
for _name in ("exp", "expm1"):
    _row(_name, _library(_name), _first)
for _name in ("atan", "tanh", "erf", "erfc"):
    _row(_name, _library(_name), _first, is_finite=True)
_row("log to a base", _log_to_base, _all)
_row("sqrt", _sqrt)
_row("xlogx", lambda x: where(x.equals(0.0), 0.0, x * log(x)))
_row("gamma", gamma)
_row("digamma", special.digamma)
_row("polygamma", special.polygamma, _first)
_row("sphericalj", special.sphericalj)


def _atan2(y: Double, x: Double) -> Double:
    return where(x.equals(0.0) & y.equals(0.0), math.nan, call("atan2", y, x))


_row("atan2", _atan2, _all)
_row("sinc", lambda x: where(x.equals(0.0), 1.0, call("sin", x) / x), is_finite=True)

_FACTORIALS = [float(math.factorial(n)) for n in range(171)]


def _factorial(x: Double) -> Double:
    builder = x.builder
    whole = (x >= 0.0) & (x <= 170.0) & x.equals(intrinsic("floor", x))
    place = builder.fptoui(where(whole, x, 0.0).value, ir.IntType(32))
    kind = ir.ArrayType(DOUBLE, len(_FACTORIALS))
    table = builder.module.globals.get("factorials")
    if table is None:
        table = ir.GlobalVariable(builder.module, kind, "factorials")
        table.linkage = "private"
        table.global_constant = True
        table.initializer = ir.Constant(kind, _FACTORIALS)
    entry = builder.gep(table, [ir.Constant(ir.IntType(32), 0), place], inbounds=True)
    exact = Double(builder, builder.load(entry, typ=DOUBLE))
    return where(whole, exact, where(abs(x) >= 1.0, x * gamma(x), gamma(x + 1.0)))


_row("factorial", _factorial)

# ---------------------------------------------------------------- steps, kinks and comparisons


def _whole(name: str) -> Callable[[Double], Double]:
    # Python's are integers, which know no -0.
    return lambda x: intrinsic(name, x) + 0.0


def _round(x: Double) -> Double:
    size = abs(x)
    below = intrinsic("floor", size)
    away = below + where(size - below >= 0.5, 1.0, 0.0)
    return where(size >= 2.0**52, x, intrinsic("copysign", away, x))


def _mod(x: Double, y: Double) -> Double:
    rest = call("fmod", x, y)
    moved = where((y < 0.0) ^ (rest < 0.0), rest + y, rest)
    return where(rest.equals(0.0), intrinsic("copysign", rest.of(0.0), y), moved)


def _extreme(is_better: Callable[[Double, Double], Truth]) -> Callable[..., Double]:
    def write(*arguments: Double) -> Double:
        found = reduce(lambda x, y: where(is_better(y, x), y, x), arguments)
        has_nan = reduce(operator.or_, [x.differs(x) for x in arguments])
        return where(has_nan, math.nan, found)

    return write


_greatest, _least = _extreme(operator.gt), _extreme(operator.lt)

_row("abs", abs, is_finite=True)
_row("sign", lambda x: where(x > 0.0, 1.0, where(x < 0.0, -1.0, x)), _first, is_finite=True)
_row("floor", _whole("floor"), is_finite=True)
_row("ceil", _whole("ceil"), is_finite=True)
_row("round", _round, is_finite=True)
_row("mod", _mod, _second)
_row("max", _greatest, _all, is_finite=True)
_row("min", _least, _all, is_finite=True)
_row("clip", lambda x, low, high: _least(_greatest(x, low), high), _all, is_finite=True)


def _condition(name: str, test: Callable[..., Truth]) -> None:
    _row(name, lambda *arguments: test(*arguments).number(), _all, is_finite=True)


_condition("less", operator.lt)
_condition("less or equal", operator.le)
_condition("greater", operator.gt)
_condition("greater or equal", operator.ge)
_condition("equal", Double.equals)
_condition("not equal", Double.differs)
_condition("and", lambda x, y: x.differs(0.0) & y.differs(0.0))
_condition("or", lambda x, y: x.differs(0.0) | y.differs(0.0))
_condition("not", lambda x: x.equals(0.0))
_row(
    "where",
    lambda condition, x, y: where(condition.differs(0.0), x, y),
    _first,
    is_finite=True,
)

# ---------------------------------------------------------------- activations


def _sigmoid(x: Double) -> Double:
    grown = exp(-abs(x))
    return where(x >= 0.0, 1.0, grown) / (1.0 + grown)


def _softplus(x: Double) -> Double:
    return where(x < 0.0, 0.0, x) + call("log1p", exp(-abs(x)))


_row("sigmoid", _sigmoid, _first, is_finite=True)
_row("softplus", _softplus, _first, is_finite=True)
_row("relu", lambda x: where(x <= 0.0, 0.0, x), _first, is_finite=True)
_row("leaky_relu", lambda x: where(x > 0.0, x, 0.01 * x), is_finite=True)
_row("elu", lambda x: where(x > 0.0, x, call("expm1", x)), _first, is_finite=True)
_row("silu", lambda x: x * _sigmoid(x), is_finite=True)
_row("gelu", lambda x: 0.5 * x * erfc(-x / SQRT_2), is_finite=True)
