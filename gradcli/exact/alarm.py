"""The alarm: a bound of the rounding errors of a run in doubles, over the same nodes.

The error of a node is that of its arguments, times the local partial derivatives of its row, and
that of its own rounding, which its row knows too. Where an argument is so uncertain that a
derivative says little, or where the value jumps, the row is asked for its values at the ends.

Numbers and arrays of numbers go through the same rules; `Floats` and `Arrays` are their kernels.
"""

from __future__ import annotations

import math
import operator

from gradcli.errors import MathematicsError
from gradcli.exact.decimals import WHOLE
from gradcli.graph.literals import Numeral
from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    FACTORIAL,
    MOD,
    MULTIPLY,
    NAMED_CONSTANT,
    NAMED_VALUES,
    NEGATE,
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
_ARITHMETIC = frozenset({ADD, SUBTRACT, MULTIPLY, DIVIDE, CONSTANT_POWER, POWER_OF, MOD, FACTORIAL})


class Slope:
    """A number, or an array, in the place of a node: the rule of a partial derivative makes others.

    `k` is the kernel that it belongs to.
    """

    __slots__ = ("k", "value")
    __array_ufunc__ = None
    id = 0

    def __init__(self, k: Any, value: Any) -> None:
        self.k = k
        self.value = k.number(value)

    def apply(self, name: str, *others: Any, payload: Any = None) -> Slope:
        """Return the value of the row `name` at this number and others."""
        return self.apply_to(name, self, *others, payload=payload)

    def apply_to(self, name: str, *arguments: Any, payload: Any = None) -> Slope:
        """Return the value of the row `name` at numbers."""
        return self.number(self.k.value(TABLE[name], payload, list(map(_number, arguments))))

    def number(self, value: Any) -> Slope:
        """Return a number."""
        return Slope(self.k, value)

    def constant(self, name: str) -> Slope:
        """Return π or e."""
        return self.number(NAMED_VALUES[name])

    def __neg__(self) -> Slope:
        """Return the number with the other sign."""
        return self.number(-self.value)


def _number(x: Any) -> Any:
    return x.value if isinstance(x, Slope) else x


def _arithmetic(function: Callable[..., Any], name: str) -> None:
    """Add a function of two numbers as an operator, from both sides."""
    setattr(Slope, f"__{name}__", lambda x, y: x.number(function(x.value, _number(y))))
    setattr(Slope, f"__r{name}__", lambda y, x: y.number(function(x, y.value)))


for _function in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
    _arithmetic(_function, _function.__name__)


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


class Floats:
    """Numbers, one by one."""

    literal_error = staticmethod(literal_error)
    ulp = staticmethod(math.ulp)
    number = float
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


def bounds_of(
    k: Any,
    graph: Graph,
    nodes: Iterable[int],
    numbers: Mapping[int, Any],
    variables: Mapping[str, Any],
) -> dict[int, Any]:
    """Return for each node how far its value may be from the true one; inf where nothing is known.

    `numbers` are the values of a run at `variables`, and `nodes` in topological order. The values
    are those of a kernel k.
    """
    errors: dict[int, Any] = {}
    variables, rows = graph.with_count(variables)
    for node in nodes:
        operation, arguments, payload = graph.rows[node]
        if operation is VARIABLE:
            errors[node] = k.literal_error(variables[payload])
            continue
        if operation is CONSTANT:
            errors[node] = literal_error(payload)
            continue
        value = numbers[node]
        if (operation is ADD or operation is MULTIPLY) and k is FLOATS and value - value == 0:
            # Most steps of a long formula, and of its derivative, take this short way.
            first, second = arguments
            x, y = numbers[first], numbers[second]
            rule = _of_sum if operation is ADD else of_product
            errors[node] = rule(value, x, y, errors[first], errors[second])
            continue
        inputs = [numbers[argument] for argument in arguments]
        own = [errors[argument] for argument in arguments]
        is_finite = k.isfinite(value)
        found: Any = math.inf
        if not k.any(is_finite):
            pass
        elif operation is NAMED_CONSTANT:
            found = 2.0**-52
        elif operation.structural:
            found = k.structural(operation, payload, value, inputs, own, rows)
        elif is_of_itself(operation, arguments):
            found = k.where(k.isfinite(own[0]), 0.0, math.inf)
        elif operation is ADD or operation is SUBTRACT:
            x, y = inputs
            found = _of_sum(value, x, y if operation is ADD else -y, *own)
        else:
            found = step(k, operation, payload, value, inputs, own)
        errors[node] = k.where(is_finite, found, math.inf)
    return errors


def _of_sum(value: Any, x: Any, y: Any, first: Any, second: Any) -> Any:
    """Return the error of a sum; what it loses by rounding is exact (Knuth's TwoSum)."""
    part = value - x
    return first + second + abs((x - (value - part)) + (y - part))


def of_product(value: float, x: float, y: float, first: float, second: float) -> float:
    """Return what `step` returns for a product of two numbers with errors, in a third of the time.

    A test holds the two together.
    """
    if not value:
        is_exact = not (x and y)
    else:
        is_whole = abs(value) < WHOLE and x.is_integer() and y.is_integer()
        is_exact = is_whole and not (first or second)
        if not is_exact and abs(value) > 2.0**-1000:
            is_exact = FLOATS.is_power_of_two(x) or FLOATS.is_power_of_two(y)
    own = 0.0 if is_exact else 0.5 * math.ulp(value) or LEAST
    if first or second:
        return abs(x) * second + abs(y) * first + first * second + own
    return own


def is_of_itself(operation: Operation, arguments: tuple[int, ...]) -> bool:
    """Return whether a value is certain whatever that of its arguments is: x - x, x/x and x < x."""
    return (
        len(arguments) == 2
        and arguments[0] == arguments[1]
        and (operation is SUBTRACT or operation is DIVIDE or operation.level == COMPARISON)
    )


def step(  # noqa: C901, PLR0912 - a case for each kind of operation
    k: Any, operation: Operation, payload: Any, value: Any, inputs: list[Any], errors: list[Any]
) -> Any:
    """Return the error of a value from those of the inputs, in the arithmetic of a kernel k.

    The value is that of an elementwise operation other than a sum or a difference.
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
    if operation.level <= COMPARISON:
        found = k.nothing
        if is_sure:
            return found
        if operation.level == COMPARISON:
            inputs, errors = [inputs[0] - inputs[1]], [errors[0] + errors[1]]
        for x, error in zip(inputs, errors, strict=True):
            found = k.where((error > 0) & (abs(x) <= error), math.inf, found)
        return found
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
    if operation is MULTIPLY:
        x, y = inputs
        return abs(x) * errors[1] + abs(y) * errors[0] + errors[0] * errors[1] + own
    if operation is DIVIDE:
        divisor = abs(inputs[1]) - errors[1]
        through = (errors[0] + abs(value) * errors[1]) / k.where(divisor > 0, divisor, 1.0)
        return k.where(divisor > 0, through, math.inf) + own
    if operation is MOD:
        return _of_mod(k, inputs, errors) + own
    if operation.jump is None:
        found = _by_partials(k, operation, payload, value, inputs, errors)
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
    return numbers[root], bounds_of(FLOATS, graph, nodes, numbers, arguments)[root]


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
    if ulps:
        found = ulps * k.ulp(value)
        found = k.where(found > 0, found, LEAST)
        exact = _is_exact(k, operation, payload, value, inputs) if k.any(sure) else False
        exact = exact if exact is False else exact & sure
        if operation in _PRODUCTS:
            zeros, scales = (inputs, inputs) if operation is MULTIPLY else (inputs[:1], inputs[1:])
            for x in zeros:
                exact = exact | ((value == 0) & (x == 0))
            for x in scales:
                exact = exact | (k.is_power_of_two(x) & (abs(value) > 2.0**-1000))
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
    arguments = tuple([Slope(k, x) for x in inputs])
    try:
        found = _number(operation.partial(position, Slope(k, value), arguments, payload))
    except (MathematicsError, ValueError, ArithmeticError, AttributeError, TypeError):
        return math.inf  # some rules need a graph, or refuse
    return k.where(found == found, found, math.inf)  # noqa: PLR0124 - nan: there is none


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
