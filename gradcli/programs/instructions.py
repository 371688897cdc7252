"""Nodes as instructions over numbers, as data: what the interpreter in a page runs.

One more target of gradcli.graph.bodies. An instruction is `[op, destination, argument, …]`; the
destination and the arguments are slots of numbers. Arrays are their numbers, one by one. `program`
of `Instructions` tells the whole format, pictures/lesson/interpreter.js runs it.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from gradcli.graph.bodies import Symbol, SymbolicTarget, applied
from gradcli.graph.operations import VARIABLE, known_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gradcli.graph.bodies import Body
    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation

MOST_NUMBERS = 28 * 28
"""Numbers of an array that are computed one by one; nothing is computed from a larger one."""
MOST_INSTRUCTIONS = 20_000
"""Instructions of a program; what would need more is not computed."""
PER_NODE = 2000
"""Instructions that one node may need, beside one for each number of an array."""


ORDERED = frozenset({"besselj", "bessely", "besseli", "besselk"})
"""Functions of gradcli.graph.scientific that the interpreter has for a whole first argument."""
LIBRARY = ORDERED | {
    *("ellipk", "ellipe", "elliptic_b", "elliptic_d"),
    *("lambertw", "lambertw_slope"),
}
"""All functions of gradcli.graph.scientific that the interpreter has."""
FOLDED: dict[str, Callable[..., float]] = {
    "negative": operator.neg,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
"""Operations that are carried out at once where their numbers are known."""


class UnavailableError(Exception):
    """There are no instructions for an operation, or they would be too many."""


class Number(Symbol):
    """A number, or a condition that is 1 or 0, in a slot of a program."""

    __slots__ = ("known", "m", "slot")

    def __init__(self, m: Instructions, slot: int, known: float | None = None) -> None:
        self.m = m
        self.slot = slot
        self.known = known

    def done(self, sign: str, *parts: Number | float) -> Number:
        """Return the number that an operator makes of others."""
        return self.m.call(sign, *parts)

    def __bool__(self) -> bool:
        """Raise UnavailableError: a branch cannot be taken before there is a number."""
        raise UnavailableError


class Instructions(SymbolicTarget):
    """The target: it collects the instructions of the bodies that are run with it.

    The same instruction of the same numbers is there once.
    """

    def __init__(self, count: int = 0, whole: Instructions | None = None) -> None:
        """Begin a program of `count` inputs, or a function of a `whole` program."""
        self._size = 0
        self.inputs = [self._new() for _ in range(count)]
        self._constants: dict[str, Number] = {}
        self._code: list[list[Any]] = []
        self._found: dict[tuple[Any, ...], Number] = {}
        self.functions: dict[str, dict[str, Any]] = whole.functions if whole else {}
        """The functions of the whole program by name."""
        self.tables: dict[str, list[float]] = whole.tables if whole else {}

    # ------------------------------------------------------------ the target

    def where(self, condition: Number, x: Number | float, y: Number | float) -> Number:
        """Return x where the condition holds, else y; both are computed."""
        return self.call("where", condition, x, y)

    def choose(self, condition: Number, f: Body, g: Body, *arguments: Any) -> Number:
        """Return f(m, *arguments) where the condition holds, else g(m, *arguments)."""
        numbers, known = self.divided(arguments)
        functions = [self._function(body, len(numbers), *known) for body in (f, g)]
        return self._append("choose", [condition.slot, *functions, *[x.slot for x in numbers]])

    def pick(self, table: Callable[[], list[float]], index: Number) -> Number:
        """Return the number of a table at an index, which must be one of its indices."""
        name = table.__name__
        if name not in self.tables:
            self.tables[name] = table()
        return self._append("pick", [index.slot, [*self.tables].index(name)])

    def constant(self, x: Number | float) -> float | None:
        """Return the value of a number that is known now, else None."""
        return x.known if isinstance(x, Number) else x

    def literal(self, x: float) -> Number:
        """Return a number that stands in a formula."""
        return self.of(float(x))

    def outside(self, *_: Any) -> Number:
        """Raise UnavailableError: no body can be written for a function of floats."""
        raise UnavailableError

    def library(self, row: Operation, *arguments: Number | float) -> Number:
        """Return a function of SciPy that the interpreter has too.

        Raises UnavailableError for others, and for Bessel functions of an order that is not known,
        or not a whole number.
        """
        order = self.constant(arguments[0])
        is_whole = order is not None and order.is_integer()
        if row.name not in LIBRARY or (row.name in ORDERED and not is_whole):
            raise UnavailableError
        return self.call(row.name, *arguments)

    # ------------------------------------------------------------ the program

    def of(self, x: Number | float) -> Number:
        """Return a number that may be known now as one of the program."""
        if isinstance(x, Number):
            return x
        name = repr(float(x))
        if name not in self._constants:
            self._constants[name] = self._new(float(x))
        return self._constants[name]

    def _new(self, known: float | None = None) -> Number:
        self._size += 1
        return Number(self, self._size - 1, known)

    def call(self, name: str, *arguments: Number | float) -> Number:
        """Return the number that an operation of the interpreter makes of others."""
        known = [self.constant(argument) for argument in arguments]
        if name in FOLDED and None not in known:
            return self.of(FOLDED[name](*known))
        return self._append(name, [self.of(argument).slot for argument in arguments])

    def _append(self, op: str, arguments: list[int]) -> Number:
        key = (op, *arguments)
        if key not in self._found:
            if len(self._code) >= MOST_INSTRUCTIONS:
                raise UnavailableError
            self._found[key] = self._new()
            self._code.append([op, self._found[key].slot, *arguments])
        return self._found[key]

    def _function(self, body: Body, count: int, *payload: Any) -> int:
        """Return the index of a body among the functions of the whole program."""
        name = "_".join([body.__name__, str(count), *map(str, payload)])
        if name not in self.functions:
            self.functions[name] = {}  # its index, whatever it calls
            inner = Instructions(count, self)
            result = inner.of(body(inner, *inner.inputs, *payload))
            self.functions[name] = inner.alone() | {"result": result.slot}
        return [*self.functions].index(name)

    def alone(self) -> dict[str, Any]:
        """Return the program for JSON without the functions and tables that it names."""
        constants = [[x.slot, _json(float(name))] for name, x in self._constants.items()]
        return {
            "inputs": len(self.inputs),
            "size": self._size,
            "constants": constants,
            "code": self._code,
        }

    def program(self) -> dict[str, Any]:
        """Return the program for JSON.

        The `inputs` are the first numbers of `size`; `constants` are pairs of a slot and its
        number, and `code` the instructions in order. `choose` names a condition, two `functions`,
        of which only one runs, and their arguments; a function is a program with the slot of its
        `result`. `pick` names the slot of an index, and one of the `tables`.
        """
        functions, tables = [*self.functions.values()], [*self.tables.values()]
        return {**self.alone(), "functions": functions, "tables": tables}

    def run(
        self,
        graph: Graph,
        roots: Iterable[int],
        values: Mapping[str, Any],
        known: Mapping[int, float] | None = None,
    ) -> dict[int, Any]:
        """Return the value of each node below the roots, a number or an array of numbers.

        `values` are those of the names, and `known` those of nodes that no name changes. It is
        None for another node that there are no instructions for, and for all that depend on it.
        """
        found: dict[int, Any] = {}
        for node in graph.reachable(list(roots)):
            try:
                found[node] = self._value(graph, node, found, values)
            except UnavailableError:
                found[node] = self.of(known[node]) if known and node in known else None
        return found

    def _value(
        self, graph: Graph, node: int, found: Mapping[int, Any], values: Mapping[str, Any]
    ) -> Any:
        operation, arguments, payload = graph.rows[node]
        if operation is VARIABLE:
            return values.get(payload)
        number = known_number(operation, payload)
        if number is not None:
            return self.of(number)
        inputs = [found[argument] for argument in arguments]
        shape = graph.shape(node)
        is_small = all(isinstance(n, int) for n in shape) and math.prod(shape) <= MOST_NUMBERS
        if not is_small or any(value is None for value in inputs):
            raise UnavailableError
        before = len(self._code)
        if not operation.structural and not graph.has_arrays:
            value: Any = self._applied(operation, inputs, payload)
        else:
            value = self._of_arrays(operation, inputs, payload)
        if len(self._code) - before > PER_NODE + math.prod(shape):
            raise UnavailableError
        return value

    def _applied(self, operation: Operation, inputs: Iterable[Any], payload: Any) -> Number:
        numbers = operation.with_payload(map(self.of, inputs), payload)
        return self.of(applied(operation, self, *numbers))

    def _of_arrays(self, operation: Operation, inputs: list[Any], payload: Any) -> Any:
        """Return an operation on arrays, which are arrays of the numbers of this program."""
        from gradcli.programs.arrays import Flat, structural

        flat = Flat(self)
        if not operation.structural:
            return flat.each(lambda *x: self._applied(operation, x, payload), *inputs)
        try:
            value = structural(flat, operation, inputs, payload)
        except NameError:
            raise UnavailableError from None
        return flat.each(self.of, value)


def _json(x: float) -> float | str:
    """Return a number as JSON has it, inf and nan as the text that JavaScript reads."""
    if math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else f"{'-' if x < 0 else ''}Infinity"
