"""Calls of functions: the arguments that they take, and the nodes that they make."""

from __future__ import annotations

from math import prod

from gradcli.errors import FormulaError, ShapeError
from gradcli.graph.node import Graph
from gradcli.graph.operations import (
    ALIASES,
    COMPARISONS,
    DEFERRED,
    LOG_TO_BASE,
    NAMED_CONSTANT,
    NEGATE,
    PLACEHOLDER,
    TABLE,
    VARIABLE,
)
from gradcli.graph.shapes import axis_of, broadcast, checked, shown
from gradcli.language.names import (
    CONSTANTS,
    FORMS,
    ONLY_HERE,
    RANDOM,
    is_form,
    is_function,
    is_reserved,
)
from gradcli.limits import NODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from gradcli.graph.operations import Operation
    from gradcli.graph.shapes import Shape

Argument = int | tuple[str, int]
"""An argument of a call: a node, or a name and a node."""
EXTREMES = {row.typed: name for name, row in TABLE.items() if row.typed and row.structural}
"""Functions of several numbers that reduce one array, and the rows that do: max, greatest."""
MAKERS = {
    "zeros": (1, 9),
    "ones": (1, 9),
    "eye": (1, 1),
    "linspace": (3, 3),
    "range": (1, 3),
    "len": (1, 1),
    **{name: (max(numbers, 1), 9) for name, (numbers, _) in RANDOM.items()},
}
"""Functions of constants that make arrays, and their least and greatest number of arguments."""
ZEROS = TABLE["zeros"]
MOST_ORDERS = 20
"""How often a formula is differentiated: each time it may become several times longer."""

LARGEST = 1.7976931348623157e308


class Fault(Exception):  # noqa: N818 - becomes a FormulaError once its position is known
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


def of_call(message: str, *, hint: str | None = None, kind: str | None = None) -> Fault:
    """Return the fault of a whole call, from its name to the closing parenthesis."""
    return Fault(message, -4, -1, hint=hint, kind=kind)


class Function:
    """A function that the user defined: nodes with placeholders, copied at each call."""

    __slots__ = ("body", "nodes", "parameters")

    def __init__(self, parameters: tuple[int, ...], body: int, nodes: tuple[int, ...]) -> None:
        self.parameters = parameters
        self.body = body
        self.nodes = nodes


def row_of(name: str, count: int, has_arrays: bool) -> Operation:
    """Return the row that a call makes: log(x, base) and max(array) have rows of their own."""
    if name == "log" and count == 2:
        return LOG_TO_BASE
    return TABLE[EXTREMES.get(name, name) if has_arrays and count == 1 else name]


class Calls:
    """The part of the builder that makes the nodes of calls, with all that a call can mean.

    `shapes` are those of the names with values outside the formula; `start` is the start
    rule of the grammar.
    """

    def __init__(self, shapes: Mapping[str, Shape], start: str) -> None:
        self.graph = Graph()
        self.graph.limit = NODES
        self.draws: list[tuple[str, str, Shape, tuple[float, ...]]] = []
        """Random arrays of a value: the free name of each, its distribution, shape and limits."""
        self.named_shape: int | None = None
        """In a value: the free name that stands for shape(3), a name's shape without a value."""
        self.defined: dict[str, int] = {}
        """The nodes of the names that the formula defines."""
        self._outer_shapes = shapes
        self._is_value = start == "value"
        self._functions: dict[str, Function] = {}
        self._head: tuple[str, dict[str, int], dict[str, int | None]] | None = None
        """The function that is being defined: its name, its parameters, and what these hide."""
        self._used: set[str] = set()

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
        if name in self.defined or name in self._outer_shapes or name in CONSTANTS:
            message = f"{name} is a number, not a function"
            raise Fault(message, -4, kind="product")
        if name == "shape" and self._is_value:
            return self._shape_alone(plain, keywords)
        if not is_function(name):
            message = f"unknown function '{name}'"
            raise Fault(message, -4, kind="unknown function", names=self._functions)
        if len(plain) + len(keywords) < len(arguments):
            raise of_call("an argument is named twice")
        own = ALIASES.get(name, name)
        if own in ALIASES.values():
            self.graph.spellings.setdefault(own, name)
        return self._applied(own, name, plain, keywords)

    def _applied(
        self, name: str, typed: str, arguments: list[int], keywords: dict[str, int]
    ) -> int:
        takes_name = is_form(name, len(arguments))
        if takes_name or name in MAKERS or name in ONLY_HERE:
            self._checked_keywords(typed, keywords)
            if takes_name:
                return self._form(name, arguments)
            return self._made(name, arguments) if name in MAKERS else self._scattered(arguments)
        operation = row_of(name, len(arguments), any(map(self.graph.shape, arguments)))
        payload: object = None
        if (operation.payload == "axis" or (name in EXTREMES and len(arguments) == 1)) and any(
            self.graph.is_unknown(node) for node in arguments
        ):
            return self._deferred(name, typed, arguments, keywords)
        if operation.payload == "axis":
            if operation.accepts(len(arguments)):
                node = keywords.pop("axis", None)
                axis = None if node is None else self._whole(node, "an axis", -4)
                shape = self.graph.shape(arguments[0])
                payload = axis_of(typed, shape, axis, last=operation.over_last)
                self._checked_keywords(typed, keywords)
                return self.graph.add(operation, tuple(arguments), payload)
        else:
            self._checked_keywords(typed, keywords)
        if operation.payload == "sizes":
            payload = self._sizes(arguments[1:])
            arguments = arguments[:1]
            self._check_sizes(typed, arguments[0], payload)
        elif operation.payload in {"first", "last"}:
            arguments, payload = self._with_payload(typed, operation.payload, arguments)
        if not operation.accepts(len(arguments)):
            extra = payload is not None
            least, most = [n + extra for n in operation.arity]
            hint = f"write {typed}(x) or {typed}(x, base)" if name == "log" else None
            count = len(arguments) + extra
            raise _wrong_count(typed, least, most, count, kind="arguments", hint=hint)
        return self.graph.add(operation, tuple(arguments), payload)

    def _deferred(
        self, name: str, typed: str, arguments: list[int], keywords: Mapping[str, int]
    ) -> int:
        """Return a call with arguments whose shapes are not known before a function is called."""
        inputs = (*arguments, *keywords.values())
        return self.graph.add(DEFERRED, inputs, (name, typed, len(arguments), (*keywords,)))

    def _form(self, name: str, arguments: list[int]) -> int:
        """Return the node of a form: its body, the name that it binds and its limits."""
        from gradcli.graph.forms import ROOT, closed, form_of, residual

        use, example, counts = FORMS[name]
        hint = f"for example {example}{'; a limit may be inf' * (name == 'integrate')}"
        if len(arguments) not in counts:
            raise of_call(f"{name} is written {use}", hint=hint, kind="form")
        if name == "diff":
            return self._differentiated(arguments, use, hint)
        graph, form = self.graph, form_of(name)
        body, leaf, *limits = arguments
        typed = graph.rows[leaf][2] if graph.rows[leaf][0] is VARIABLE else None
        bound_name = typed.partition(" ")[2] if typed else ""
        if not bound_name or is_reserved(bound_name):
            message = f"the second argument of {name} is the name that it binds: {use}"
            raise of_call(message, hint=hint)
        if any(graph.is_unknown(node) for node in arguments):
            return self._deferred(name, name, arguments, {})
        finite, limits = limits, [*map(self._limit, limits)] if form is not ROOT else limits
        if name != "integrate" and limits != finite:
            message = f"{name} ends at a whole number, and inf is none"
            raise of_call(message, hint="take as many terms as matter, for example 100000")
        try:
            payload, taken = closed(graph, [body], leaf, bound_name, len(limits))
        except FormulaError as error:
            raise of_call(error.message, hint=error.hint) from None
        if form is ROOT:
            from gradcli.calculus.reverse import slope

            sign = (graph.rows[body][0].infix or "").strip()
            if sign in COMPARISONS and sign != "==":
                message = f"{name} finds where two sides are equal, and {sign} does not say so"
                raise of_call(message, hint=hint)
            # In the body, where what was taken from an array is one number.
            zero = residual(payload.graph, payload.roots[0])
            rate = slope(payload.graph, zero, payload.leaf(0))
            payload = payload.over(payload.roots[0], zero, rate)
        return graph.add(form, (*limits, *taken), payload)

    def _limit(self, node: int) -> int:
        """Return a limit of an integral, in which inf is infinity unless it has a value."""
        operation, arguments, payload = self.graph.rows[node]
        sign = ""
        if operation is NEGATE:
            sign = "-"
            operation, arguments, payload = self.graph.rows[arguments[0]]
        if operation is VARIABLE and payload == "inf" and "inf" not in self._outer_shapes:
            return self.graph.add(NAMED_CONSTANT, (), f"{sign}inf")
        return node

    def _differentiated(self, arguments: list[int], use: str, hint: str) -> int:
        """Return the derivative of a node with respect to another one, which may be repeated."""
        from gradcli.calculus.reverse import slope

        graph = self.graph
        found, by, *times = arguments
        if graph.rows[by][0] not in {VARIABLE, PLACEHOLDER} and by not in graph.names:
            raise of_call(f"the second argument of diff is a name: {use}", hint=hint)
        count = self._whole(times[0], "the order of a derivative", -4, -1) if times else 1
        if not 0 <= count <= MOST_ORDERS:
            raise of_call(f"the order of a derivative is a whole number from 0 to {MOST_ORDERS}")
        below = graph.below(found)
        if any(graph.rows[node][0] is DEFERRED for node in below):
            message = "diff cannot look into a function of an array before it is called"
            raise of_call(message, hint="write the derivative outside of the function")
        if graph.shape(found):
            raise of_call("diff takes a formula that is one number")
        for _ in range(count):
            found = slope(graph, found, by)
        return found

    def _with_payload(self, name: str, where: str, arguments: list[int]) -> tuple[list[int], int]:
        rest = [*arguments]
        value = self.graph.number(rest.pop(0 if where == "first" else -1))
        if value is None or value < 0 or value != int(value):
            message = f"the {where} argument of {name} must be a whole number >= 0, as a number"
            raise of_call(message)
        return rest, int(value)

    def _scattered(self, arguments: list[int]) -> int:
        """Return zeros with x in a part of them: scatter(x, zeros(5)[1:3])."""
        rows = self.graph.rows
        target, inputs, key = rows[arguments[-1]]
        if len(arguments) != 2 or target is not TABLE["index"] or rows[inputs[0]][0] is not ZEROS:
            message = "scatter takes an array and the part of zeros that is to hold it"
            raise of_call(message, hint="write scatter(x, zeros(5)[1:3])")
        x, shape = arguments[0], self.graph.shape(inputs[0])
        return self.graph.add(TABLE["scatter"], (x,), (key, shape))

    def _expanded(self, name: str, arguments: list[int]) -> int:
        function = self._functions[name]
        count = len(function.parameters)
        if len(arguments) != count:
            raise _wrong_count(name, count, count, len(arguments))
        copies = dict(zip(function.parameters, arguments, strict=True))

        def add(graph: Graph, operation: Operation, inputs: tuple[int, ...], payload: Any) -> int:
            if operation is not DEFERRED:
                return graph.add(operation, inputs, payload)
            called, typed, count, words = payload
            keywords = dict(zip(words, inputs[count:], strict=True))
            return self._applied(called, typed, list(inputs[:count]), keywords)

        return self.graph.copy(self.graph, function.nodes, copies, add)[function.body]

    def _made(self, name: str, arguments: list[int]) -> int:
        """Return an array made of numbers: zeros(2, 3), linspace(0, 1, 11), len(x)."""
        least, most = MAKERS[name]
        if not least <= len(arguments) <= most:
            raise _wrong_count(name, least, most, len(arguments))
        if name == "len":
            if self.graph.is_unknown(arguments[0]):
                return self._deferred(name, name, arguments, {})
            shape = self.graph.shape(arguments[0])
            if not shape:
                raise of_call("len needs an array, not a single number")
            return self.graph.constant(float(shape[0]))
        if name == "linspace":
            start, stop = [self._fixed(node) for node in arguments[:2]]
            count = self._whole(arguments[2], "the number of points", -4, -1)
            return self.graph.add(TABLE[name], (), (start, stop, count))
        if name in RANDOM:
            return self._drawn(name, arguments)
        sizes = self._sizes(arguments)
        if name == "range":
            if sizes[2:] == (0,):
                raise of_call("the step of a range must not be 0")
            sizes = (0, *sizes, 1) if len(sizes) == 1 else (*sizes, 1)[:3]
        return self.graph.add(TABLE[name], (), sizes)

    def _shape_alone(self, arguments: list[int], keywords: dict[str, int]) -> int:
        """Return the name that stands for shape(2, 3), which says how large a value would be."""
        self._checked_keywords("shape", keywords)
        if not arguments:
            message = "shape takes the lengths of the axes, none is given"
            raise of_call(message, hint="write shape(3) or shape(2, 3)")
        self.named_shape = self.graph.variable("shape", checked(self._sizes(arguments)))
        return self.named_shape

    def _drawn(self, name: str, arguments: list[int]) -> int:
        if not self._is_value:
            message = f"{name} is a random start and stands in NAME=VALUE words only"
            raise of_call(message, hint=f"write w={name}(…) behind the formula")
        limits = tuple([self._fixed(node) for node in arguments[: RANDOM[name][0]]])
        if name == "uniform" and not 0 <= limits[1] - limits[0] <= LARGEST:
            message = "uniform takes a lower and an upper limit, at most 1.8e308 apart"
            raise of_call(message, hint="write uniform(-1, 1, …)")
        shape = checked(self._sizes(arguments[len(limits) :]))
        free = f"{name}#{len(self.draws)}"
        self.draws.append((free, name, shape, limits))
        return self.graph.variable(free, shape)

    def _check_sizes(self, name: str, node: int, wanted: Shape) -> None:
        """Raise a Fault for sizes that reshape, broadcast and collapse cannot give."""
        own = self.graph.shape(node)
        count = prod(own)  # raises ShapeError where the number of rows is not known
        try:
            fits = count == prod(checked(wanted))
            if name != "reshape":
                fits = broadcast(own, wanted) == (wanted if name == "broadcast" else own)
        except ShapeError:
            fits = False
        if not fits:
            raise of_call(f"{name} cannot make the shape {shown(wanted)} of {shown(own)}")

    def _checked_keywords(self, name: str, keywords: dict[str, int]) -> None:
        if keywords:
            other = next(iter(keywords))
            message = f"{name} has no argument named {other}"
            # Only axis is ever a name of an argument: what else stands before "=" is compared.
            kind = None if other == "axis" else "keyword"
            raise of_call(message, kind=kind, hint="reductions of arrays take axis=0")

    def _whole(self, node: int, what: str, first: int = -1, last: int | None = None) -> int:
        value = self.graph.fixed(node)
        if value is None or value != value // 1 or abs(value) > 2**53:
            message = f"{what} must be a whole number"
            raise Fault(message, first, last)
        return int(value)

    def _sizes(self, nodes: list[int]) -> tuple[int, ...]:
        return tuple([self._whole(node, "a size", -4, -1) for node in nodes])

    def _fixed(self, node: int) -> float:
        value = self.graph.fixed(node)
        if value is None or value - value != 0:
            raise of_call("this must be a number that is known before anything runs")
        return value


_OTHER_COUNTS = {"log": "1 or 2 arguments"} | dict.fromkeys(
    EXTREMES, "2 or more numbers, or one array"
)
"""How many arguments functions take that are several rows of the table."""


def _wrong_count(name: str, least: int, most: int, count: int, **more: str | None) -> Fault:
    """Return the fault of a call with fewer or more arguments than a function takes."""
    many = f"{least} or more" if most < 0 else f"{least} to {most}" if least < most else f"{least}"
    wanted = _OTHER_COUNTS.get(ALIASES.get(name, name), f"{many} argument{'s' * (many != '1')}")
    return of_call(f"{name} takes {wanted}, {count} {'is' if count == 1 else 'are'} given", **more)
