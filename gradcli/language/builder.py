"""The semantic actions of the grammar: a callback for each production, which makes its node."""

from __future__ import annotations

from math import prod

from gradcli.errors import ShapeError
from gradcli.graph.node import Graph
from gradcli.graph.operations import (
    ADD,
    ALIASES,
    AND_ALSO,
    COMPARISONS,
    CONSTANT_POWER,
    DEFERRED,
    DIVIDE,
    FACTORIAL,
    FUNCTIONS,
    LOG_TO_BASE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    NOT_SO,
    OR_ELSE,
    SUBTRACT,
    TABLE,
    VARIABLE,
)
from gradcli.graph.shapes import SCALAR, axis_of, broadcast, checked, shown
from gradcli.language.names import CONSTANTS, REBINDABLE, is_function
from gradcli.limits import DERIVED_NODES, NODES, out_of_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gradcli.graph.shapes import Shape

Argument = int | tuple[str, int]
"""An argument of a call: a node, or a name and a node."""
Item = int | tuple[int | None, int | None, int | None]
"""An index along one axis."""

EXTREMES = {row.typed: name for name, row in TABLE.items() if row.typed and row.structural}
"""Functions of several numbers that reduce one array, and the rows that do: max, greatest."""
OVER_LAST_AXIS = {"argmax", "softmax", "logsoftmax", "cumsum"}
"""Functions whose default axis is the last one."""
MAKERS = {
    "zeros": (1, 9),
    "ones": (1, 9),
    "eye": (1, 1),
    "linspace": (3, 3),
    "range": (1, 3),
    "len": (1, 1),
    "normal": (1, 9),
    "uniform": (2, 9),
}
"""Functions of constants that make arrays, and their least and greatest number of arguments."""
ZEROS = TABLE["zeros"]

LARGEST = 1.7976931348623157e308
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")


class Fault(Exception):  # noqa: N818 - becomes a FormulaError once its place is known
    """A semantic error of a production.

    `first` and `last` count the symbols of the production from its end (-1 is the last one); None
    stands for the definition of `definition`. `kind` selects a message of `diagnosis`.
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
        names: Collection[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.first = first
        self.last = first if last is None else last
        self.hint = hint
        self.definition = definition
        self.kind = kind
        self.names = names
        """The user's functions, one of which may be meant."""


class Function:
    """A function that the user defined: nodes with placeholders, copied at each call."""

    __slots__ = ("body", "nodes", "parameters")

    def __init__(self, parameters: tuple[int, ...], body: int, nodes: tuple[int, ...]) -> None:
        self.parameters = parameters
        self.body = body
        self.nodes = nodes


class Builder:
    """Builds the graph of one formula, whose node is `result` when the parse has ended.

    `given` are the names with values outside the formula, and their shapes; `start` is the start
    rule of the grammar.
    """

    def __init__(self, given: Mapping[str, Shape], start: str) -> None:
        self.graph = Graph()
        self.graph.limit = NODES
        self.result = -1
        self.range: tuple[int, int, int] | None = None
        """Start, stop and step of a value start:stop:step."""
        self.draws: list[tuple[str, str, Shape, tuple[float, ...]]] = []
        """Random arrays of a value: the free name of each, its distribution, shape and limits."""
        self.named_shape: int | None = None
        """In a value: the free name that stands for shape(3), a name's shape without a value."""
        self.notes: list[str] = []
        self.is_model = False
        """Whether the formula is a model to be fitted, y ~ …; its result is the sum of squares."""
        self.chosen: tuple[str, list[Argument]] = ("", [])
        """The name and the arguments of the value of an option."""
        self._given = given
        self._is_value = start == "value"
        self._meanings: dict[str, int] = {}
        self._functions: dict[str, Function] = {}
        self.defined: dict[str, int] = {}
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._head: tuple[str, dict[str, int], dict[str, int | None]] | None = None

    @property
    def typed(self) -> dict[int, str]:
        """The numbers of the text by their nodes, as they were typed."""
        return {node: text for text, node in self._numbers.items()}

    # ------------------------------------------------------------ atoms

    def number(self, text: str) -> int:
        """A literal."""
        node = self._numbers.get(text)
        if node is None:
            value = float(text)
            reason = out_of_range(text, value)
            if reason is not None:
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
        if text in CONSTANTS and text not in self._given:
            return self.graph.add(NAMED_CONSTANT, (), CONSTANTS[text])
        if text in self._functions or is_function(text):
            message = f"{text} is a function and needs arguments"
            raise Fault(message, kind="bare function")
        return self.graph.variable(text, self._given.get(text, SCALAR))

    def group(self, _opening: str, node: int, _closing: str) -> int:
        """A parenthesised expression."""
        return node

    def call(self, name: str, _opening: str, arguments: list[Argument], _closing: str) -> int:
        """A function applied to arguments."""
        self._used.add(name)
        plain = [a for a in arguments if isinstance(a, int)]
        keywords = {}
        if len(plain) < len(arguments):
            keywords = dict([a for a in arguments if not isinstance(a, int)])
        if name in self._functions:
            self._checked_keywords(name, keywords)
            return self._expanded(name, plain)
        if self._head and name == self._head[0]:
            message = f"{name} calls itself; a function must be made of others"
            raise Fault(message, -4)
        if name in self.defined or name in self._given or name in CONSTANTS:
            message = f"{name} is a number, not a function"
            raise Fault(message, -4, kind="product")
        if name == "shape" and self._is_value:
            return self._shape_alone(plain, keywords)
        if not is_function(name):
            message = f"unknown function '{name}'"
            raise Fault(message, -4, kind="unknown function", names=self._functions)
        if len(plain) + len(keywords) < len(arguments):
            message = "an argument is named twice"
            raise Fault(message, -4, -1)
        if name in MAKERS:
            return self._made(name, plain, keywords)
        if name == "scatter":
            self._checked_keywords(name, keywords)
            return self._scattered(plain)
        return self._applied(ALIASES.get(name, name), name, plain, keywords)

    def _applied(
        self, name: str, typed: str, arguments: list[int], keywords: dict[str, int]
    ) -> int:
        if name == "len":
            return self._made(name, arguments, keywords)
        operation = FUNCTIONS[name]
        payload: object = None
        if (operation.payload == "axis" or (name in EXTREMES and len(arguments) == 1)) and any(
            self.graph.is_unknown(node) for node in arguments
        ):
            inputs = (*arguments, *keywords.values())
            return self.graph.add(DEFERRED, inputs, (name, typed, len(arguments), (*keywords,)))
        if name in EXTREMES and len(arguments) == 1 and self.graph.shape(arguments[0]):
            operation = TABLE[EXTREMES[name]]
        if operation.payload == "axis":
            if len(arguments) == 1:
                payload = self._axis(typed, arguments[0], keywords.pop("axis", None))
                self._checked_keywords(typed, keywords)
                return self.graph.add(operation, tuple(arguments), payload)
        else:
            self._checked_keywords(typed, keywords)
        if name == "log" and len(arguments) == 2:
            operation = LOG_TO_BASE
        elif name == "log" and len(arguments) > 2:
            message = f"{typed} takes 1 or 2 arguments, {len(arguments)} are given"
            hint = f"write {typed}(x) or {typed}(x, base)"
            raise Fault(message, -4, -1, kind="arguments", hint=hint)
        elif operation.payload == "sizes":
            payload = tuple([self._whole(node, "a size", -4, -1) for node in arguments[1:]])
            arguments = arguments[:1]
            self._check_sizes(typed, arguments[0], payload)
        elif operation.payload in {"first", "last"}:
            arguments, payload = self._with_payload(typed, operation.payload, arguments)
        if not operation.accepts(len(arguments)):
            wanted = _arity(operation.arity, extra=payload is not None)
            if name in EXTREMES:
                wanted = "2 or more numbers, or one array"
            message = (
                f"{typed} takes {wanted}, {_are_given(len(arguments) + (payload is not None))}"
            )
            raise Fault(message, -4, -1, kind="arguments")
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

    def _scattered(self, arguments: list[int]) -> int:
        """Return zeros with x in a part of them: scatter(x, zeros(5)[1:3])."""
        rows = self.graph.rows
        target, inputs, key = rows[arguments[-1]]
        if len(arguments) != 2 or target is not TABLE["index"] or rows[inputs[0]][0] is not ZEROS:
            message = "scatter takes an array and the part of zeros that is to hold it"
            raise Fault(message, -4, -1, hint="write scatter(x, zeros(5)[1:3])")
        x, shape = arguments[0], self.graph.shape(inputs[0])
        return self.graph.add(TABLE["scatter"], (x,), (key, shape))

    def _expanded(self, name: str, arguments: list[int]) -> int:
        function = self._functions[name]
        if len(arguments) != len(function.parameters):
            count = len(function.parameters)
            message = f"{name} takes {_arity((count, count))}, {_are_given(len(arguments))}"
            raise Fault(message, -4, -1)
        copies = dict(zip(function.parameters, arguments, strict=True))
        graph = self.graph
        for node in function.nodes:
            if node in copies:
                continue
            operation, inputs, payload = graph.rows[node]
            changed = tuple([copies[argument] for argument in inputs])
            if operation is DEFERRED:
                called, typed, count, words = payload
                keywords = dict(zip(words, changed[count:], strict=True))
                copies[node] = self._applied(called, typed, list(changed[:count]), keywords)
            else:
                copies[node] = node if changed == inputs else graph.add(operation, changed, payload)
        return copies[function.body]

    def first_argument(self, argument: Argument) -> list[Argument]:
        """The first argument of a call."""
        return [argument]

    def next_argument(
        self, arguments: list[Argument], _comma: str, argument: Argument
    ) -> list[Argument]:
        """One more argument of a call."""
        arguments.append(argument)
        return arguments

    def keyword(self, name: str, _equals: str, node: int) -> tuple[str, int]:
        """A named argument, axis=0."""
        if name == "axis":
            self._whole(node, "an axis")
        return name, node

    # ------------------------------------------------------------ arrays

    def first_element(self, node: int) -> list[int]:
        """The first part of an array."""
        return [node]

    def next_element(self, elements: list[int], _comma: str, node: int) -> list[int]:
        """One more part of an array."""
        elements.append(node)
        return elements

    def array(self, _opening: str, elements: list[int], _closing: str) -> int:
        """[x, y, z]."""
        return self.graph.add(TABLE["array"], tuple(elements))

    def indexed(self, node: int, _opening: str, key: list[Item], _closing: str) -> int:
        """x[0], A[:, 1]."""
        return self.graph.add(TABLE["index"], (node,), tuple(key))

    def first_index(self, item: Item) -> list[Item]:
        """The first index of several."""
        return [item]

    def next_index(self, key: list[Item], _comma: str, item: Item) -> list[Item]:
        """One more index."""
        key.append(item)
        return key

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

    def transposed(self, node: int, _mark: str) -> int:
        """A.T."""
        return self.graph.add(TABLE["transpose"], (node,))

    def matrix_product(self, left: int, _sign: str, right: int) -> int:
        """A @ B."""
        return self.graph.add(TABLE["matmul"], (left, right))

    def range_value(self, start: int, _c: str, stop: int, _d: str, step: int) -> None:
        """start:stop:step as the value of a name."""
        self.range = (start, stop, step)
        self.result = stop

    def _whole(self, node: int, what: str, first: int = -1, last: int | None = None) -> int:
        value = self.graph.fixed(node)
        if value is None or value != value // 1 or abs(value) > 2**53:
            message = f"{what} must be a whole number"
            raise Fault(message, first, last)
        return int(value)

    def _axis(self, name: str, node: int, axis: int | None) -> int | None:
        shape = self.graph.shape(node)
        if axis is None:
            return len(shape) - 1 if name in OVER_LAST_AXIS and shape else None
        return axis_of(name, shape, self._whole(axis, "an axis", -4))

    def _check_sizes(self, name: str, node: int, wanted: Shape) -> None:
        """Raise a Fault for sizes that reshape, broadcast and collapse cannot give."""
        given = self.graph.shape(node)
        count = prod(given)
        try:
            fits = count == prod(checked(wanted))
            if name == "broadcast":
                fits = broadcast(given, wanted) == wanted
            elif name == "collapse":
                fits = broadcast(given, wanted) == given
        except ShapeError:
            fits = False
        if not fits:
            message = f"{name} cannot make the shape {shown(wanted)} of {shown(given)}"
            raise Fault(message, -4, -1)

    def _checked_keywords(self, name: str, keywords: dict[str, int]) -> None:
        if keywords:
            other = next(iter(keywords))
            message = f"{name} has no argument named {other}"
            # Only axis is ever a name of an argument: what else stands before "=" is compared.
            kind = None if other == "axis" else "keyword"
            raise Fault(message, -4, -1, kind=kind, hint="reductions of arrays take axis=0")

    def _made(self, name: str, arguments: list[int], keywords: dict[str, int]) -> int:
        """Return an array made of numbers: zeros(2, 3), linspace(0, 1, 11), len(x)."""
        self._checked_keywords(name, keywords)
        least, most = MAKERS[name]
        if not least <= len(arguments) <= most:
            message = f"{name} takes {_between(least, most)}, {_are_given(len(arguments))}"
            raise Fault(message, -4, -1)
        if name == "len":
            if self.graph.is_unknown(arguments[0]):
                return self.graph.add(DEFERRED, tuple(arguments), (name, name, 1, ()))
            shape = self.graph.shape(arguments[0])
            if not shape:
                message = "len needs an array, not a single number"
                raise Fault(message, -4, -1)
            return self.graph.constant(float(shape[0]))
        if name == "linspace":
            start, stop = [self._fixed(node) for node in arguments[:2]]
            count = self._whole(arguments[2], "the number of points", -4, -1)
            return self.graph.add(TABLE[name], (), (start, stop, count))
        if name in {"normal", "uniform"}:
            return self._drawn(name, arguments)
        sizes = [self._whole(node, "a size", -4, -1) for node in arguments]
        if name == "range":
            if len(sizes) == 3 and sizes[2] == 0:
                message = "the step of a range must not be 0"
                raise Fault(message, -4, -1)
            limits = (0, sizes[0], 1) if len(sizes) == 1 else (*sizes, 1)[:3]
            return self.graph.add(TABLE[name], (), limits)
        if name == "eye" and len(sizes) != 1:
            message = "eye takes 1 argument, the number of rows"
            raise Fault(message, -4, -1)
        return self.graph.add(TABLE[name], (), tuple(sizes))

    def _fixed(self, node: int) -> float:
        value = self.graph.fixed(node)
        if value is None or value - value != 0:
            message = "this must be a number that is known before anything runs"
            raise Fault(message, -4, -1)
        return value

    def _shape_alone(self, arguments: list[int], keywords: dict[str, int]) -> int:
        """Return the name that stands for shape(2, 3), which says how large a value would be."""
        self._checked_keywords("shape", keywords)
        if not arguments:
            message = "shape takes the lengths of the axes, none is given"
            raise Fault(message, -4, -1, hint="write shape(3) or shape(2, 3)")
        sizes = tuple([self._whole(node, "a size", -4, -1) for node in arguments])
        self.named_shape = self.graph.variable("shape", checked(sizes))
        return self.named_shape

    def _drawn(self, name: str, arguments: list[int]) -> int:
        if not self._is_value:
            message = f"{name} is a random start and stands in NAME=VALUE words only"
            raise Fault(message, -4, -1, hint=f"write w={name}(…) behind the formula")
        limits = () if name == "normal" else tuple([self._fixed(node) for node in arguments[:2]])
        sizes = arguments if name == "normal" else arguments[2:]
        if limits and not 0 <= limits[1] - limits[0] <= LARGEST:
            message = "uniform takes a lower and an upper limit, not too far apart"
            raise Fault(message, -4, -1, hint="write uniform(-1, 1, …)")
        shape = checked(tuple([self._whole(node, "a size", -4, -1) for node in sizes]))
        free = f"{name}#{len(self.draws)}"
        self.draws.append((free, name, shape, limits))
        return self.graph.variable(free, shape)

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
        self._meanings[name] = self.defined[name] = node
        self._used.discard(name)

    def function_head(
        self, name: str, _opening: str, arguments: list[Argument], _closing: str, _equals: str
    ) -> str:
        """f(t) =, whose parameters are placeholders in the body that follows."""
        self._check_definable(name, -5)
        parameters: dict[str, int] = {}
        for node in arguments:
            if not isinstance(node, int):
                message = "a parameter must be a name that means nothing else"
                raise Fault(message, -3, hint=f"for example {name}(t) = t^2; {name}(3)")
            operation, _, payload = self.graph.rows[node]
            if operation is not VARIABLE:
                message = "a parameter must be a name that means nothing else"
                raise Fault(message, -3, hint=f"for example {name}(t) = t^2; {name}(3)")
            if payload in self._given:
                message = f"the parameter {payload} has the name of a value that is given"
                raise Fault(message, -3, hint="use another name for the parameter")
            if payload in parameters:
                message = f"the parameter {payload} is named twice"
                raise Fault(message, -3)
            parameters[payload] = self.graph.placeholder(payload)
        hidden = {parameter: self._meanings.get(parameter) for parameter in parameters}
        self._head = (name, parameters, hidden)
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
        if is_function(name):
            message = f"{name} is a function of the language and cannot be redefined"
        elif name in CONSTANTS and name != REBINDABLE:
            message = f"{name} is a constant and cannot be redefined"
        elif name in self.defined or name in self._functions:
            message = f"{name} is defined twice"
        elif name in self._given:
            message = f"{name} is defined in the formula and given a value as well"
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
        square = self.graph.power(residual, self.graph.constant(2))
        return self.graph.add(TABLE["sum"], (square,)) if self.graph.shape(square) else square

    def bare_choice(self, name: str) -> None:
        """The value of an option without settings."""
        self.chosen = (name, [])

    def choice_of_defaults(self, name: str, _opening: str, _closing: str) -> None:
        """The value of an option with empty parentheses."""
        self.chosen = (name, [])

    def choice(self, name: str, _opening: str, arguments: list[Argument], _closing: str) -> None:
        """The value of an option, with settings."""
        self.chosen = (name, arguments)

    def formula(self, *parts: int) -> None:
        """The whole: definitions, then the result."""
        for name in [*self.defined, *self._functions]:
            if name not in self._used:
                message = f"{name} is defined but never used"
                raise Fault(message, None, definition=name, hint="use it or leave it out")
        self.result = parts[-1]
        self.graph.limit = DERIVED_NODES
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


def _between(least: int, most: int) -> str:
    if least == most:
        return _arity((least, most))
    return f"{least} to {most} arguments"


def _are_given(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'} given"
