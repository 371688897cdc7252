"""The semantic actions of the grammar: a callback for each production, which makes its node."""

from __future__ import annotations

from gradcli.graph.literals import Numeral, numeral
from gradcli.graph.operations import (
    ADD,
    AND_ALSO,
    COMPARISONS,
    CONSTANT_POWER,
    DIVIDE,
    FACTORIAL,
    IN_DEGREES,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT_SO,
    OR_ELSE,
    POWER_OF,
    SUBTRACT,
    TABLE,
    VARIABLE,
)
from gradcli.graph.shapes import SCALAR
from gradcli.language.functions import LARGEST, Calls, Fault, Function
from gradcli.language.names import CONSTANTS, REBINDABLE, fixed_meaning, is_reserved
from gradcli.limits import DERIVED_NODES, out_of_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from gradcli.graph.operations import Operation
    from gradcli.graph.shapes import Shape
    from gradcli.language.functions import Argument

Item = int | tuple[int | None, int | None, int | None]
"""An index along one axis."""

_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")


def _infix(operation: Operation) -> Callable[[Builder, int, str, int], int]:
    """Return the callback that joins two operands by an operation."""

    def joined(self: Builder, left: int, _sign: str, right: int) -> int:
        return self.graph.add(operation, (left, right))

    return joined


def _unary(operation: Operation, operand: int) -> Callable[..., int]:
    """Return the callback that applies an operation to the symbol `operand`: 1 behind a sign."""

    def applied(self: Builder, *symbols: Any) -> int:
        return self.graph.add(operation, (symbols[operand],))

    return applied


class Builder(Calls):
    """Builds the graph of one formula, whose node is `result` when the parse has ended."""

    def __init__(self, shapes: Mapping[str, Shape], start: str) -> None:
        super().__init__(shapes, start)
        self.result = -1
        self.range: tuple[int, int, int] | None = None
        """Start, stop and step of a value start:stop:step."""
        self.notes: list[str] = []
        self.is_model = False
        """Whether the formula is a model to be fitted, y ~ …; its result is the sum of squares."""
        self.chosen: tuple[str, list[Argument]] = ("", [])
        """The name and the arguments of the value of an option."""
        self._last = ""
        """The name that was defined last."""
        self._meanings: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    # ------------------------------------------------------------ atoms

    def number(self, text: str) -> int:
        """A literal."""
        node = self._numbers.get(text)
        if node is None:
            value = numeral(text)
            reason = out_of_range(text, value)
            if reason is not None and not isinstance(value, Numeral):
                message = f"this number {reason}"
                raise Fault(message)
            node = self._numbers[text] = self.graph.constant(value)
        return node

    def name(self, text: str) -> int:
        """A name: a parameter, a definition, a constant or a free name."""
        self._used.add(text)
        node = self._meanings.get(text)
        if node is None:
            node = self._meanings[text] = self._meaning(text)
        return node

    def _meaning(self, text: str) -> int:
        if " " in text:  # bound: a node of its own, which no finished formula reads
            return self.graph.variable(text)
        if text in CONSTANTS and text not in self._outer_shapes:
            return self.graph.add(NAMED_CONSTANT, (), CONSTANTS[text])
        if text in self._functions or is_reserved(text):
            message = f"{text} is a function and needs arguments"
            raise Fault(message, kind="bare function")
        return self.graph.variable(text, self._outer_shapes.get(text, SCALAR))

    def group(self, _opening: str, node: int, _closing: str) -> int:
        """A parenthesised expression."""
        return node

    def first_argument(self, argument: Any) -> list[Any]:
        """The first of several arguments, parts of an array or indices."""
        return [argument]

    first_element = first_index = first_argument

    def next_argument(self, arguments: list[Any], _comma: str, argument: Any) -> list[Any]:
        """One more of them."""
        arguments.append(argument)
        return arguments

    next_element = next_index = next_argument

    def keyword(self, name: str, _equals: str, node: int) -> tuple[str, int]:
        """A named argument, axis=0."""
        if name == "axis":
            self._whole(node, "an axis")
        return name, node

    # ------------------------------------------------------------ arrays

    def array(self, _opening: str, elements: list[int], _closing: str) -> int:
        """[x, y, z]."""
        return self.graph.add(TABLE["array"], tuple(elements))

    def indexed(self, node: int, _opening: str, key: list[Item], _closing: str) -> int:
        """x[0], A[:, 1]."""
        return self.graph.add(TABLE["index"], (node,), tuple(key))

    def whole_index(self, node: int) -> Item:
        """An index that is one number."""
        return self._whole(node, "an index")

    def slice_index(self, start: int | None, _colon: str, stop: int | None) -> Item:
        """start:stop."""
        return start, stop, None

    def stepped_index(
        self, start: int | None, _c: str, stop: int | None, _d: str, step: int | None
    ) -> Item:
        """start:stop:step."""
        if step == 0:
            message = "the step of a slice must not be 0"
            raise Fault(message, -1)
        return start, stop, step

    def no_bound(self) -> None:
        """A missing limit of a slice."""

    def some_bound(self, node: int) -> int:
        """A limit of a slice."""
        return self._whole(node, "a limit of a slice")

    def range_value(self, start: int, _c: str, stop: int, _d: str, step: int) -> None:
        """start:stop:step as the value of a name."""
        self.range = (start, stop, step)
        self.result = stop

    # ------------------------------------------------------------ operators

    add = _infix(ADD)
    subtract = _infix(SUBTRACT)
    multiply = _infix(MULTIPLY)
    """x*y, written out or implied."""
    divide = _infix(DIVIDE)
    matrix_product = _infix(TABLE["matmul"])
    """A @ B."""
    system = _infix(ADD)
    """Several models, whose squares are added up."""
    both = _infix(AND_ALSO)
    """X and y."""
    either = _infix(OR_ELSE)
    """X or y."""
    negate = _unary(NEGATE, 1)
    """-x."""
    invert = _unary(NOT_SO, 1)
    """Not x."""
    factorial = _unary(FACTORIAL, 0)
    """X!."""
    in_degrees = _unary(IN_DEGREES, 0)
    """30°, an angle in radians."""
    transposed = _unary(TABLE["transpose"], 0)
    """A.T."""

    def ambiguous_division(self, _quotient: int, _implicit: str, _factor: int) -> int:
        """1/2x, which some read as (1/2)x and some as 1/(2x)."""
        message = "this division can be read two ways"
        raise Fault(message, -3, -1, kind="ambiguous division")

    def affirm(self, _sign: str, node: int) -> int:
        """+x, which is x."""
        return node

    def raise_to(self, base: int, sign: str, exponent: int) -> int:
        """x^y or x**y, which is written as it was first typed."""
        for row in (CONSTANT_POWER, POWER_OF):
            self.graph.spellings.setdefault(row.name, sign)
        return self.graph.add(*self.graph.power_row(base, exponent))

    def raise_to_superscript(self, base: int, text: str) -> int:
        """x², with the exponent in superscript digits."""
        exponent = float(text.translate(_SUPERSCRIPTS))
        if exponent > LARGEST or exponent < -LARGEST:
            message = "this exponent is too large for a double (at most 1.8e308)"
            raise Fault(message)
        return self.graph.add(CONSTANT_POWER, (base,), exponent)

    # ------------------------------------------------------------ conditions

    def chain_start(self, left: int, sign: str, right: int) -> tuple[int, int]:
        """X < y: the comparison, and its right side for a chain."""
        return self.graph.add(TABLE[COMPARISONS[sign]], (left, right)), right

    def chain_link(self, chain: tuple[int, int], sign: str, right: int) -> tuple[int, int]:
        """X < y < z, which is x < y and y < z."""
        before, middle = chain
        link = self.graph.add(TABLE[COMPARISONS[sign]], (middle, right))
        return self.graph.add(AND_ALSO, (before, link)), right

    def chain_result(self, chain: tuple[int, int]) -> int:
        """A chain of comparisons that is complete."""
        return chain[0]

    # ------------------------------------------------------------ definitions

    def define_name(self, name: str, _equals: str, node: int) -> None:
        """U = …, a named intermediate."""
        self._check_definable(name, -3)
        self._check_not_used_before(name, node)
        if name == REBINDABLE:
            self.notes.append("e is what the formula defines, not 2.718…")
        self.graph.give_name(node, name)
        self._meanings[name] = self.defined[name] = node
        self._used.discard(name)
        self._last = name

    def function_head(
        self, name: str, _opening: str, arguments: list[Argument], _closing: str, _equals: str
    ) -> str:
        """f(t) =, whose parameters are placeholders in the body that follows."""
        self._check_definable(name, -5)
        parameters: dict[str, int] = {}
        for node in arguments:
            if not isinstance(node, int) or self.graph.rows[node][0] is not VARIABLE:
                message = "a parameter must be a name that means nothing else"
                raise Fault(message, -3, hint=f"for example {name}(t) = t^2; {name}(3)")
            payload = self.graph.rows[node][2]
            if payload in parameters:
                message = f"the parameter {payload} is named twice"
                raise Fault(message, -3)
            parameters[payload] = self.graph.placeholder(payload)
        hidden = {parameter: self._meanings.get(parameter) for parameter in parameters}
        self._head = (name, parameters, hidden)
        self._last = name
        self._meanings.update(parameters)
        return name

    def define_function(self, name: str, body: int) -> None:
        """f(t) = …, a function that the user defines."""
        assert self._head is not None  # noqa: S101 - the head was reduced before the body
        _, parameters, hidden = self._head
        for parameter, node in hidden.items():
            if node is None:
                del self._meanings[parameter]
            else:
                self._meanings[parameter] = node
        self._head = None
        nodes = tuple(self.graph.below(body))
        self._functions[name] = Function(tuple(parameters.values()), body, nodes)
        self._used.discard(name)

    def definitions(self, *_: object) -> None:
        """Several definitions."""

    def _check_definable(self, name: str, part: int) -> None:
        fixed = fixed_meaning(name)
        if fixed is not None:
            message = f"{name} is {fixed} and cannot be redefined"
        elif name in self.defined or name in self._functions:
            message = f"{name} is defined twice"
        elif name in self._outer_shapes:
            message = f"{name} is defined in the formula and given a value as well"
            raise Fault(message, part, hint="use another name", kind="definition")
        else:
            return
        raise Fault(message, part, hint="use another name")

    def _check_not_used_before(self, name: str, node: int) -> None:
        if name not in self._meanings:
            return
        earlier = [node, *self.defined.values(), *(f.body for f in self._functions.values())]
        if self._meanings[name] in self.graph.reachable(earlier):
            if self._meanings[name] in self.graph.reachable([node]):
                message = f"{name} is defined by itself"
                raise Fault(message, -3, hint="use another name for the new value")
            message = f"{name} is used before it is defined"
            raise Fault(message, -3, hint="put its definition first")

    # ------------------------------------------------------------ the end

    def model(self, response: int, _tilde: str, prediction: int) -> int:
        """Y ~ f, which stands for sum((y - f)^2)."""
        self.is_model = True
        residual = self.graph.add(SUBTRACT, (response, prediction))
        square = self.graph.add(*self.graph.power_row(residual, self.graph.constant(2)))
        return self.graph.add(TABLE["sum"], (square,)) if self.graph.shape(square) else square

    def bare_choice(self, name: str, *_: str) -> None:
        """The value of an option without settings, or with empty parentheses."""
        self.chosen = (name, [])

    choice_of_defaults = bare_choice

    def choice(self, name: str, _opening: str, arguments: list[Argument], _closing: str) -> None:
        """The value of an option, with settings."""
        self.chosen = (name, arguments)

    def last_definition(self, _: object) -> None:
        """A formula that ends with a definition, which is the result."""
        name = self._last
        if name in self.defined:
            node = self.defined[name]
            is_only = len(self.defined) + len(self._functions) == 1
            if is_only and self.graph.number(node) is not None:
                message = "the formula is missing: this only gives a name to a number"
                raise Fault(message, -1, kind="definition")
        else:
            function = self._functions[name]
            named = [self.graph.rows[node][2] for node in function.parameters]
            node = self._expanded(name, [self.name(parameter) for parameter in named])
        self._used.add(name)
        self.formula(node)

    def formula(self, *parts: int) -> None:
        """The whole: definitions, then the result."""
        for name in [*self.defined, *self._functions]:
            if name not in self._used:
                message = f"{name} is defined but never used"
                raise Fault(message, None, definition=name, hint="use it or leave it out")
        self.result = parts[-1]
        self.graph.limit = DERIVED_NODES
        if REBINDABLE in self._outer_shapes and REBINDABLE in self._used:
            self.notes.append("e is the value given, not 2.718…")

    def value(self, node: int) -> None:
        """The whole of a value: one expression."""
        self.result = node
