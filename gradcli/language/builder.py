"""Grammar rules to nodes: one method a rule, called by the parser as soon as a rule is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcli.graph.node import Graph
from gradcli.graph.operations import (
    ADD,
    ALIASES,
    AND_ALSO,
    COMPARISONS,
    CONSTANT_POWER,
    DIVIDE,
    FACTORIAL,
    FUNCTIONS,
    LOG_TO_BASE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT_SO,
    OR_ELSE,
    PLACEHOLDER,
    SUBTRACT,
    TABLE,
    VARIABLE,
)
from gradcli.language.names import (
    CONSTANTS,
    FUNCTION_NAMES,
    REBINDABLE,
    is_function,
    suggestion,
)

if TYPE_CHECKING:
    from collections.abc import Collection

LARGEST = 1.7976931348623157e308
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")


class Fault(Exception):  # noqa: N818 - becomes a FormulaError once its place is known
    """Something wrong with the meaning of a rule.

    `first` and `last` count the rule's parts from its end (-1 is the last one); None stands for the
    place where `definition` is defined. `kind` names a special message of `diagnosis`.
    """

    def __init__(
        self,
        message: str,
        first: int | None = -1,
        last: int | None = None,
        *,
        hint: str | None = None,
        definition: str | None = None,
        kind: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.first = first
        self.last = first if last is None else last
        self.hint = hint
        self.definition = definition
        self.kind = kind


class Function(NamedTuple):
    """A function of the user's own: a part of the graph with placeholders to be replaced."""

    parameters: tuple[int, ...]
    body: int
    nodes: tuple[int, ...]


class Builder:
    """Builds the graph of one formula; `result` is its value's node once the parse is done."""

    def __init__(self, given: Collection[str] = ()) -> None:
        self.graph = Graph()
        self.result = -1
        self.notes: list[str] = []
        self._given = given
        self._meanings: dict[str, int] = {}
        self._functions: dict[str, Function] = {}
        self._defined: dict[str, int] = {}
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._head: tuple[str, dict[str, int], dict[str, int | None]] | None = None

    # ------------------------------------------------------------ atoms

    def number(self, text: str) -> int:
        """A literal."""
        node = self._numbers.get(text)
        if node is None:
            value = float(text)
            if value > LARGEST:
                message = "this number is too large for a double (at most 1.8e308)"
                raise Fault(message)
            node = self._numbers[text] = self.graph.constant(value)
        return node

    def name(self, text: str) -> int:
        """A name on its own: a parameter, a definition, a constant or a free name."""
        self._used.add(text)
        node = self._meanings.get(text)
        if node is None:
            node = self._meanings[text] = self._meaning(text)
        return node

    def _meaning(self, text: str) -> int:
        if text in CONSTANTS and text not in self._given:
            return self.graph.add(NAMED_CONSTANT, (), CONSTANTS[text])
        if text in self._functions or is_function(text):
            message = f"{text} is a function and needs arguments"
            raise Fault(message, kind="bare function", hint=f"write {text}(…)")
        return self.graph.variable(text)

    def group(self, _opening: str, node: int, _closing: str) -> int:
        """A parenthesised expression."""
        return node

    def call(self, name: str, _opening: str, arguments: list[int], _closing: str) -> int:
        """A function applied to arguments."""
        self._used.add(name)
        if name in self._functions:
            return self._expanded(name, arguments)
        if self._head and name == self._head[0]:
            message = f"{name} calls itself; a function must be made of others"
            raise Fault(message, -4)
        if name in self._defined or name in self._given or name in CONSTANTS:
            message = f"{name} is a number, not a function"
            raise Fault(message, -4, kind="product")
        if not is_function(name):
            close = suggestion(name, [*FUNCTION_NAMES, *self._functions])
            message = f"unknown function '{name}'"
            if close:
                raise Fault(message, -4, hint=f"did you mean '{close}'?")
            raise Fault(message, -4, kind="product")
        return self._applied(ALIASES.get(name, name), name, arguments)

    def _applied(self, name: str, typed: str, arguments: list[int]) -> int:
        operation = FUNCTIONS[name]
        payload = None
        if name == "log" and len(arguments) == 2:
            operation = LOG_TO_BASE
        elif name == "log" and len(arguments) > 2:
            message = f"{typed} takes 1 or 2 arguments, {len(arguments)} are given"
            raise Fault(message, -4, -1, hint=f"write {typed}(x) or {typed}(x, base)")
        elif operation.payload is not None:
            arguments, payload = self._with_payload(typed, operation.payload, arguments)
        if not operation.accepts(len(arguments)):
            wanted = _arity(operation.arity, extra=payload is not None)
            message = (
                f"{typed} takes {wanted}, {_are_given(len(arguments) + (payload is not None))}"
            )
            raise Fault(message, -4, -1)
        return self.graph.add(operation, tuple(arguments), payload)

    def _with_payload(self, name: str, where: str, arguments: list[int]) -> tuple[list[int], int]:
        place = 0 if where == "first" else -1
        value = self.graph.number(arguments[place])
        if value is None or value < 0 or value != int(value):
            which = "first" if place == 0 else "last"
            message = f"the {which} argument of {name} must be a whole number >= 0, as a number"
            raise Fault(message, -4, -1)
        rest = arguments[1:] if place == 0 else arguments[:-1]
        return rest, int(value)

    def _expanded(self, name: str, arguments: list[int]) -> int:
        function = self._functions[name]
        if len(arguments) != len(function.parameters):
            count = len(function.parameters)
            message = f"{name} takes {_arity((count, count))}, {_are_given(len(arguments))}"
            raise Fault(message, -4, -1)
        replaced = dict(zip(function.parameters, arguments, strict=True))
        return self.graph.copy(function.nodes, function.body, replaced)

    def first_argument(self, node: int) -> list[int]:
        """The first argument of a call."""
        return [node]

    def next_argument(self, arguments: list[int], _comma: str, node: int) -> list[int]:
        """One more argument of a call."""
        arguments.append(node)
        return arguments

    # ------------------------------------------------------------ operators

    def add(self, left: int, _sign: str, right: int) -> int:
        """X + y."""
        return self.graph.add(ADD, (left, right))

    def subtract(self, left: int, _sign: str, right: int) -> int:
        """X - y."""
        return self.graph.add(SUBTRACT, (left, right))

    def multiply(self, left: int, _sign: str, right: int) -> int:
        """x*y, written out or implied."""
        return self.graph.add(MULTIPLY, (left, right))

    def divide(self, left: int, _sign: str, right: int) -> int:
        """x/y."""
        return self.graph.add(DIVIDE, (left, right))

    def ambiguous_division(self, _quotient: int, _implicit: str, _factor: int) -> int:
        """1/2x, which some read as (1/2)x and some as 1/(2x)."""
        message = "this division can be read two ways"
        raise Fault(message, -3, -1, kind="ambiguous division")

    def negate(self, _sign: str, node: int) -> int:
        """-x."""
        return self.graph.add(NEGATE, (node,))

    def affirm(self, _sign: str, node: int) -> int:
        """+x, which is x."""
        return node

    def raise_to(self, base: int, _sign: str, exponent: int) -> int:
        """x^y."""
        return self.graph.power(base, exponent)

    def raise_to_superscript(self, base: int, text: str) -> int:
        """x², with the exponent in superscript digits."""
        exponent = float(text.translate(_SUPERSCRIPTS))
        if exponent > LARGEST or exponent < -LARGEST:
            message = "this exponent is too large for a double (at most 1.8e308)"
            raise Fault(message)
        return self.graph.add(CONSTANT_POWER, (base,), exponent)

    def factorial(self, node: int, _sign: str) -> int:
        """X!."""
        return self.graph.add(FACTORIAL, (node,))

    # ------------------------------------------------------------ conditions

    def chain_start(self, left: int, sign: str, right: int) -> tuple[int, int]:
        """X < y: the comparison, and y in case that it is compared further."""
        return self.graph.add(TABLE[COMPARISONS[sign]], (left, right)), right

    def chain_link(self, chain: tuple[int, int], sign: str, right: int) -> tuple[int, int]:
        """X < y < z, which is x < y and y < z."""
        before, middle = chain
        link = self.graph.add(TABLE[COMPARISONS[sign]], (middle, right))
        return self.graph.add(AND_ALSO, (before, link)), right

    def chain_result(self, chain: tuple[int, int]) -> int:
        """A chain of comparisons that is complete."""
        return chain[0]

    def both(self, left: int, _word: str, right: int) -> int:
        """X and y."""
        return self.graph.add(AND_ALSO, (left, right))

    def either(self, left: int, _word: str, right: int) -> int:
        """X or y."""
        return self.graph.add(OR_ELSE, (left, right))

    def invert(self, _word: str, node: int) -> int:
        """Not x."""
        return self.graph.add(NOT_SO, (node,))

    # ------------------------------------------------------------ definitions

    def define_name(self, name: str, _equals: str, node: int) -> None:
        """U = …, a named intermediate."""
        self._check_definable(name, -3)
        self._check_not_used_before(name, node)
        if name == REBINDABLE:
            self.notes.append("e is what the formula defines, not 2.718…")
        self.graph.give_name(node, name)
        self._meanings[name] = self._defined[name] = node
        self._used.discard(name)

    def function_head(
        self, name: str, _opening: str, arguments: list[int], _closing: str, _equals: str
    ) -> str:
        """f(t) =, which gives its parameters their meaning in the body that follows."""
        self._check_definable(name, -5)
        parameters: dict[str, int] = {}
        for node in arguments:
            operation, _, payload = self.graph.rows[node]
            if operation is not VARIABLE:
                message = "a parameter must be a name that means nothing else"
                raise Fault(message, -3, hint=f"write {name}(t) = …")
            if payload in self._given:
                message = f"the parameter {payload} has the name of a value that is given"
                raise Fault(message, -3, hint="use another name for the parameter")
            if payload in parameters:
                message = f"the parameter {payload} is named twice"
                raise Fault(message, -3)
            parameters[payload] = self.graph.add(PLACEHOLDER, (), payload)
        hidden = {parameter: self._meanings.get(parameter) for parameter in parameters}
        self._head = (name, parameters, hidden)
        self._meanings.update(parameters)
        return name

    def define_function(self, name: str, body: int) -> None:
        """f(t) = …, a function of one's own."""
        assert self._head is not None  # noqa: S101 - the head was reduced before the body
        _, parameters, hidden = self._head
        for parameter, node in hidden.items():
            if node is None:
                del self._meanings[parameter]
            else:
                self._meanings[parameter] = node
        self._head = None
        nodes = tuple(self.graph.reachable([body]))
        self._functions[name] = Function(tuple(parameters.values()), body, nodes)
        self._used.discard(name)

    def definitions(self, *_: object) -> None:
        """Several definitions."""

    def _check_definable(self, name: str, part: int) -> None:
        if is_function(name):
            message = f"{name} is a function of the language and cannot be redefined"
        elif name in CONSTANTS and name != REBINDABLE:
            message = f"{name} is a constant and cannot be redefined"
        elif name in self._defined or name in self._functions:
            message = f"{name} is defined twice"
        elif name in self._given:
            message = f"{name} is defined in the formula and given a value as well"
        else:
            return
        raise Fault(message, part, hint="use another name")

    def _check_not_used_before(self, name: str, node: int) -> None:
        if name not in self._meanings:
            return
        earlier = [node, *self._defined.values(), *(f.body for f in self._functions.values())]
        if self._meanings[name] in self.graph.reachable(earlier):
            if self._meanings[name] in self.graph.reachable([node]):
                message = f"{name} is defined by itself"
                raise Fault(message, -3, hint="use another name for the new value")
            message = f"{name} is used before it is defined"
            raise Fault(message, -3, hint="put its definition first")

    # ------------------------------------------------------------ the end

    def formula(self, *parts: int) -> None:
        """The whole: definitions, then the result."""
        for name in [*self._defined, *self._functions]:
            if name not in self._used:
                message = f"{name} is defined but never used"
                raise Fault(message, None, definition=name, hint="use it or leave it out")
        self.result = parts[-1]
        if REBINDABLE in self._given and REBINDABLE in self._used:
            self.notes.append("e is the value given, not 2.718…")

    def value(self, node: int) -> None:
        """The whole of a value: one expression."""
        self.result = node


def _arity(arity: tuple[int, int], *, extra: bool = False) -> str:
    least, most = arity
    if most < 0:
        return f"{least} or more arguments"
    count = least + extra
    return f"{count} argument{'s' if count != 1 else ''}"


def _are_given(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'} given"
