"""The alarm: a bound of the rounding errors of a run in doubles, over the same nodes.

The error of a node is that of its arguments, times the local partial derivatives of its row, and
that of its own rounding, which its row knows too. Where an argument is so uncertain that a
derivative says little, or where the value jumps, the row is asked for its values at the ends.

Numbers and arrays of numbers go through the same rules; `Floats` and `Arrays` are their kernels.
"""

from __future__ import annotations

import math

from gradcli.errors import MathematicsError
from gradcli.exact.decimals import WHOLE
from gradcli.graph.literals import Numeral
from gradcli.graph.operations import (
    ADD,
    AND_ALSO,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    FACTORIAL,
    MOD,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT_SO,
    OR_ELSE,
    POWER_OF,
    SUBTRACT,
    TABLE,
    VARIABLE,
    WHERE,
)
from gradcli.graph.precedence import COMPARISON
from gradcli.programs import interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from typing_extensions import Self

    from gradcli.graph.forms import Bound
    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation

LEAST = 5e-324
"""The least double above 0: what an underflow may have lost."""
LARGEST_RADICAND = 2.0**48
"""Of whole numbers below this, a root that is rounded right to a whole number is exact."""
LARGEST_LINEAR = 1e-6
"""Relative error of an argument above which the row is evaluated at both ends of its interval."""
_CONDITIONS = frozenset({AND_ALSO, OR_ELSE, NOT_SO})
_ARITHMETIC = frozenset({ADD, SUBTRACT, MULTIPLY, DIVIDE, CONSTANT_POWER, POWER_OF, MOD, FACTORIAL})


class Slope(float):
    """A number in the place of a node: what the rule of a partial derivative makes is a number."""

    __slots__ = ()
    id = 0

    def apply(self, name: str, *others: Any, payload: Any = None) -> Slope:
        """Return the value of the row `name` at this number and others."""
        row = TABLE[name]
        return Slope(row.value(*row.with_payload((self, *others), payload)))

    def apply_to(self, name: str, *arguments: Any, payload: Any = None) -> Slope:
        """Return the value of the row `name` at numbers."""
        return Slope(arguments[0]).apply(name, *arguments[1:], payload=payload)

    def number(self, value: float) -> Slope:
        """Return a number."""
        return Slope(value)

    def constant(self, name: str) -> Slope:
        """Return π or e."""
        return Slope(getattr(math, name))


def _over_slopes(name: str) -> Callable[..., Slope]:
    own = getattr(float, name)

    def operator(self: Slope, *others: float) -> Slope:
        return Slope(own(self, *others))

    return operator


OPERATORS = (
    *("__neg__", "__pow__", "__add__", "__radd__", "__sub__", "__rsub__"),
    *("__mul__", "__rmul__", "__truediv__", "__rtruediv__"),
)
"""The arithmetic that rules of partial derivatives are written in."""
for _name in OPERATORS:
    setattr(Slope, _name, _over_slopes(_name))


class Floats:
    """Numbers, one by one."""

    ulp = staticmethod(math.ulp)
    number = Slope
    nothing = 0.0

    @staticmethod
    def value(operation: Operation, payload: Any, inputs: Iterable[float]) -> float:
        """Return the value of a row; nan where it has none."""
        return operation.at(inputs, payload)

    @staticmethod
    def where(condition: bool, x: float, y: float) -> float:
        """Return x where the condition holds, else y."""
        return x if condition else y

    @staticmethod
    def each(function: Callable[..., float], value: float, *lists: list[float]) -> float:
        """Return a function of a value and of lists of numbers that belong to it."""
        return function(value, *lists)

    any = staticmethod(bool)
    isfinite = staticmethod(math.isfinite)
    floor = staticmethod(math.floor)
    rint = staticmethod(round)

    @staticmethod
    def is_power_of_two(x: float) -> bool:
        """Return whether products with a number are exact."""
        return abs(math.frexp(x)[0]) == 0.5


FLOATS = Floats()


class Defined(float):
    """The value of a name that is a formula without names, 1/3 or pi/2: a node of a graph."""

    __slots__ = ("error", "graph", "node")
    error: float
    graph: Graph
    node: int

    def __new__(cls, value: float, graph: Graph, node: int, error: float) -> Self:
        """Return the value, which is off by `error` at most."""
        made = super().__new__(cls, value)
        made.graph, made.node, made.error = graph, node, error
        return made


def literal_error(value: float) -> float:
    """Return how far a double may be from the decimal that it stands for."""
    if isinstance(value, Defined):
        return value.error
    if isinstance(value, Numeral):
        return math.ulp(value) if value - value == 0 else math.inf
    if abs(value) < 1e5 and (value * 1024.0).is_integer():
        return 0.0
    if value.is_integer() and abs(value) < WHOLE:
        return 0.0
    return 0.5 * math.ulp(value) or LEAST


def bounds_of_numbers(
    graph: Graph, nodes: Iterable[int], numbers: Mapping[int, Any], variables: Mapping[str, Any]
) -> dict[int, Any]:
    """Return for each node how far its value may be from the true one; inf where nothing is known.

    `numbers` are the values of a run at `variables`, and `nodes` in topological order.
    """
    errors: dict[int, float] = {}
    rows = graph.rows
    ulp = math.ulp
    for node in nodes:
        operation, arguments, payload = rows[node]
        value = numbers[node]
        if value - value != 0:
            errors[node] = math.inf
        elif is_of_itself(operation, arguments) and errors[arguments[0]] < math.inf:
            errors[node] = 0.0
        elif operation is ADD or operation is SUBTRACT:
            first, second = arguments
            x, y = numbers[first], numbers[second]
            lost = _lost(x, y if operation is ADD else -y, value)
            errors[node] = errors[first] + errors[second] + lost
        elif operation is MULTIPLY:
            first, second = arguments
            x, y = numbers[first], numbers[second]
            one, other = errors[first], errors[second]
            error = 0.0
            if one or other:
                error = abs(x) * other + abs(y) * one + one * other
            if not _is_exact_product(x, y, value):
                error += 0.5 * ulp(value) or LEAST
            errors[node] = error
        elif not arguments:
            errors[node] = leaf_error(operation, payload, variables)
        else:
            errors[node] = step(
                FLOATS,
                operation,
                payload,
                value,
                [numbers[a] for a in arguments],
                [errors[a] for a in arguments],
            )
    return errors


def _lost(x: Any, y: Any, total: Any) -> Any:
    """Return how much a sum loses by rounding, exactly (Knuth's TwoSum)."""
    part = total - x
    return abs((x - (total - part)) + (y - part))


def is_of_itself(operation: Operation, arguments: tuple[int, ...]) -> bool:
    """Return whether a value is certain whatever that of its arguments is: x - x, x/x and x < x."""
    return (
        len(arguments) == 2
        and arguments[0] == arguments[1]
        and (operation is SUBTRACT or operation is DIVIDE or operation.level == COMPARISON)
    )


def _is_exact_product(x: float, y: float, product: float) -> bool:
    if not product:
        return not (x and y)
    if x.is_integer() and y.is_integer() and abs(product) < WHOLE:
        return True
    if abs(product) < 2.0**-1000:
        return False
    return abs(math.frexp(x)[0]) == 0.5 or abs(math.frexp(y)[0]) == 0.5


def leaf_error(operation: Operation, payload: Any, variables: Mapping[str, Any]) -> float:
    """Return how far the value of a node without arguments may be from the true one."""
    if operation is CONSTANT:
        return literal_error(payload)
    if operation is VARIABLE:
        return literal_error(variables[payload])
    return 2.0**-52 if operation is NAMED_CONSTANT else 0.0


def step(  # noqa: C901, PLR0912 - a case for each kind of operation
    k: Any, operation: Operation, payload: Any, value: Any, inputs: list[Any], errors: list[Any]
) -> Any:
    """Return the error of a value from those of the inputs, in the arithmetic of a kernel k.

    The value is that of an elementwise operation.
    """
    if operation is NEGATE:
        return errors[0]
    if operation.binds:
        from gradcli.exact.form_errors import form_error

        return k.each(
            lambda *each: form_error(_body, operation, payload, *each), value, inputs, errors
        )
    sure: Any = True
    for error in errors:
        sure = sure & (error == 0)
    is_sure = not k.any(sure == 0)
    if operation is WHERE:
        open_ = (errors[0] > 0) & (abs(inputs[0]) <= errors[0])
        return k.where(open_, math.inf, k.where(inputs[0] != 0, errors[1], errors[2]))
    if operation.level == COMPARISON or operation in _CONDITIONS:
        found = k.nothing
        if is_sure:
            return found
        if operation in _CONDITIONS:
            for x, error in zip(inputs, errors, strict=True):
                found = k.where((error > 0) & (abs(x) <= error), math.inf, found)
            return found
        both = errors[0] + errors[1]
        return k.where((both > 0) & (abs(inputs[0] - inputs[1]) <= both), math.inf, found)
    if operation.selects:
        # The true value is one of those that may be it.
        reach, found = sum(errors), k.nothing
        for x, error in zip(inputs, errors, strict=True):
            is_near = abs(x - value) <= reach
            found = k.where(is_near & (error > found), error, found)
        return found
    own = _rounding(k, operation, payload, value, inputs, sure)
    if is_sure:
        return own
    if operation is DIVIDE:
        divisor = abs(inputs[1]) - errors[1]
        through = (errors[0] + abs(value) * errors[1]) / k.where(divisor > 0, divisor, 1.0)
        return k.where(divisor > 0, through, math.inf) + own
    if operation is MOD:
        return _of_mod(k, inputs, errors) + own
    if operation.jump is None:
        found = _by_partials(k, operation, payload, value, inputs, errors)
        if operation is MULTIPLY:
            found = found + errors[0] * errors[1]
    else:
        found = k.nothing
    return found + _at_the_ends(k, operation, payload, value, inputs, errors) + own


def _body(
    bound: Bound, root: int, x: tuple[float, float], taken: list[tuple[float, float]]
) -> tuple[float, float]:
    """Return a node of a body with its error, where the bound name is x."""
    graph = bound.graph
    nodes = graph.reachable([root])
    arguments = {
        str(position): Defined(number, graph, root, error)
        for position, (number, error) in enumerate([x, *taken])
    }
    numbers = interpreter.run(graph, nodes, arguments).numbers
    return numbers[root], bounds_of_numbers(graph, nodes, numbers, arguments)[root]


def _rounding(
    k: Any,
    operation: Operation,
    payload: Any,
    value: Any,
    inputs: list[Any],
    sure: Any,
) -> Any:
    """Return how far the step itself may be off, besides the errors of its inputs.

    Where `sure` there are none of these.
    """
    ulps, moved = operation.error(payload)
    found = k.nothing
    if operation is ADD or operation is SUBTRACT:
        x, y = inputs
        return _lost(x, y if operation is ADD else -y, value)
    if ulps:
        found = ulps * k.ulp(value)
        found = k.where(found > 0, found, LEAST)
        exact = _is_exact(k, operation, payload, value, inputs) if k.any(sure) else False
        exact = exact if exact is False else exact & sure
        if operation is DIVIDE:
            exact = exact | (k.is_power_of_two(inputs[1]) & (abs(value) > 2.0**-1000))
        if operation in _PRODUCTS:
            zero = inputs[0] == 0
            if operation is MULTIPLY:
                zero = zero | (inputs[1] == 0)
                for x in inputs:
                    exact = exact | (k.is_power_of_two(x) & (abs(value) > 2.0**-1000))
            exact = exact | ((value == 0) & zero)
        if exact is not False:
            found = k.where(exact, 0.0, found)
    if moved:
        for position, x in enumerate(inputs):  # that of an order has no derivative
            slope = abs(_partial(k, operation, position, payload, value, inputs))
            found = found + k.where(k.isfinite(slope), moved * k.ulp(x) * slope, 0.0)
    return found


_PRODUCTS = frozenset({MULTIPLY, DIVIDE, CONSTANT_POWER})


def _is_exact(k: Any, operation: Operation, payload: Any, value: Any, inputs: list[Any]) -> Any:
    """Return whether a value is exact: of whole numbers, or of 0 where it is 0, 1/4, 1/2 or 1."""
    size = abs(value)
    if operation in _ARITHMETIC or operation.ulps == 0.5:
        exact = (size < WHOLE) & (value == k.floor(value))
        most = WHOLE if operation in _ARITHMETIC else LARGEST_RADICAND
        for x in inputs:
            exact = exact & (abs(x) < most) & (x == k.floor(x))
        if operation is DIVIDE:
            exact = exact & (value * inputs[1] == inputs[0])
        if operation is CONSTANT_POWER:
            is_root = payload == 0.5
            is_whole = payload >= 0 and payload == payload // 1
            is_small = size * size < LARGEST_RADICAND
            exact = exact & (is_whole | (inputs[0] == 1) | (is_root & is_small))
        if operation is POWER_OF:
            exact = exact & (inputs[1] >= 0)
        return exact
    zero: Any = True
    for x in inputs:
        zero = zero & (x == 0)
    if not k.any(zero):
        return False
    return zero & ((size == 0) | (size == 0.25) | (size == 0.5) | (size == 1))


def _of_mod(k: Any, inputs: list[Any], errors: list[Any]) -> Any:
    """Return the error of a remainder; inf where the quotient may be on either side of a whole."""
    x, y = inputs
    quotient = x / k.where(y != 0, y, 1.0)
    size = abs(k.where(y != 0, y, 1.0))
    reach = (errors[0] + abs(quotient) * errors[1]) / size + k.ulp(quotient)
    near = abs(quotient - k.rint(quotient)) <= reach
    found = errors[0] + abs(quotient) * errors[1]
    return k.where((found > 0) & near, math.inf, found)


def _by_partials(
    k: Any, operation: Operation, payload: Any, value: Any, inputs: list[Any], errors: list[Any]
) -> Any:
    found = k.nothing
    for position, error in enumerate(errors):
        if k.any(error != 0):
            slope = abs(_partial(k, operation, position, payload, value, inputs))
            # 0 times an infinite slope is 0: what does not err moves nothing.
            found = found + k.where(error > 0, slope, 0.0) * error
    return found


def _partial(
    k: Any, operation: Operation, position: int, payload: Any, value: Any, inputs: list[Any]
) -> Any:
    """Return the derivative with respect to an argument as a number; inf where it has none."""
    if operation is CONSTANT_POWER:
        base = inputs[0]
        slope = payload * value / k.where(base != 0, base, 1.0)
        return k.where(base != 0, slope, 1.0 if payload == 1 else 0.0 if payload > 1 else math.inf)
    arguments = tuple([k.number(x) for x in inputs])
    try:
        found = operation.partial(position, k.number(value), arguments, payload)
    except (MathematicsError, ValueError, ArithmeticError, AttributeError, TypeError):
        return math.inf  # some rules need a graph, or refuse
    return getattr(found, "value", found)


def _at_the_ends(
    k: Any, operation: Operation, payload: Any, value: Any, inputs: list[Any], errors: list[Any]
) -> Any:
    """Return how far the values at the ends of uncertain arguments are from the value.

    At a jump it is inf when they differ at all.
    """
    found = k.nothing
    for position, (x, error) in enumerate(zip(inputs, errors, strict=True)):
        uncertain = error > 0 if operation.jump is not None else error > LARGEST_LINEAR * abs(x)
        uncertain = uncertain & k.isfinite(error)
        if not k.any(uncertain):
            found = k.where(k.isfinite(error), found, math.inf)
            continue
        reach = error + k.ulp(x)
        for end in (x + reach, x - reach):
            moved = [*inputs]
            moved[position] = k.where(uncertain, end, x)
            away = abs(k.value(operation, payload, moved) - value)
            away = k.where(away == away, away, math.inf)  # noqa: PLR0124 - nan: there is no value
            if operation.jump is not None:
                away = k.where(away > 0, math.inf, 0.0)
            found = k.where(uncertain & (away > found), away, found)
        found = k.where(k.isfinite(error), found, math.inf)
    return found
