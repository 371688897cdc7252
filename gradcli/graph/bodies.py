"""Bodies of operations as text: each function of numbers is written once, `body(m, x, y, …)`.

A body computes with the operators of Python and with the functions of m, the target. Over floats
it would simply run; here x, y … stand for text, and what the body returns is the text of a Python
or NumPy expression. Machine code (gradcli.programs.llvm) is one more target, instructions that a
page runs (gradcli.programs.instructions) are another, and so can be any other arithmetic.

A target has the functions `LEAVES`; `where(condition, x, y)`; `choose(condition, f, g, *numbers)`,
which computes only the one of the bodies f and g that is needed; `pick(table, index)`, a number of
`table()`; `constant(x)`, the value of x where it is known now; `literal(x)`, a number of the
formula; `outside(name, make, numbers)`, the value of a function of floats, such as an integral; and
`own`, the names of the rows for which it has a function that stands in place of their bodies. A
target of text has `library(row, *numbers)` too, a function that SciPy helps to compute.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from functools import cache, lru_cache, partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Body = Callable[..., Any]
    """From a target, numbers and a payload to a number; untyped, for there are many targets."""

DEEPEST = 25
"""How deep expressions are nested in one statement; Python reads up to 200 parentheses."""
LONGEST_INLINE = 5
"""A body of more steps is a function of its own, and not written where it is used."""

LEAVES: dict[str, Callable[..., float]] = {
    name: getattr(math, name)
    for name in (
        *("exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "pow", "sin", "cos", "tan"),
        *("asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
        *("erf", "erfc", "floor", "ceil", "fmod", "copysign"),
    )
} | {"rint": round}
"""The functions of one or two numbers that every target has, for floats."""
EXACT = frozenset({"sqrt", "floor", "ceil", "fmod", "copysign", "rint"})
"""Those that are exact or rounded correctly, so that each library gives the same bits. Others are
as good as their library: NumPy's depend on its version and on what the processor has."""
COMPARING = ("<", "<=", ">", ">=", "==", "!=")
OF_TWO = frozenset({"pow", "atan2", "fmod", "copysign", "hypot"})
"""Those of two numbers."""

_WORD = re.compile(r"[a-z]\w+")


def _operator(sign: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return an operator, and the same with its operands in the other order.

    It leaves arrays of numbers to NumPy.
    """

    def apply(first: Symbol, second: Any) -> Any:
        known = isinstance(second, Symbol | float | int)
        return first.done(sign, first, second) if known else NotImplemented

    def reflected(second: Symbol, first: Any) -> Any:
        known = isinstance(first, float | int)
        return second.done(sign, first, second) if known else NotImplemented

    return apply, reflected


class Symbol:
    """A number or condition of a target that has no value yet: operators are written down."""

    __slots__ = ()

    done: Callable[..., Any]
    """Returns what the operator `sign` makes of `parts`, or "negative" and "abs" of a number; a
    method of each target's symbols. No abstract class: `isinstance` of one takes four times as
    long, and it is asked for every operation."""

    __add__, __radd__ = _operator("+")
    __sub__, __rsub__ = _operator("-")
    __mul__, __rmul__ = _operator("*")
    __truediv__, __rtruediv__ = _operator("/")
    # Comparisons with nan never hold, but `!=` always does.
    __lt__, __le__ = _operator("<")[0], _operator("<=")[0]
    __gt__, __ge__ = _operator(">")[0], _operator(">=")[0]
    __eq__, __ne__ = _operator("==")[0], _operator("!=")[0]
    __and__, __or__, __xor__ = _operator("and")[0], _operator("or")[0], _operator("xor")[0]
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> Any:
        """Return the number with the other sign."""
        return self.done("negative", self)

    def __abs__(self) -> Any:
        """Return the number without its sign."""
        return self.done("abs", self)


class SymbolicTarget(ABC):
    """A target whose numbers are symbols, but for those that are known now, which are floats."""

    own: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Return whether there is a function of the name."""
        return name in LEAVES

    @abstractmethod
    def call(self, name: str, *arguments: Any) -> Any:
        """Return a function of numbers of which some are symbols."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a function of the target, which numbers that are known are put through now."""
        if not self.has(name):
            raise AttributeError(name)

        def apply(*arguments: Any) -> Any:
            if any(isinstance(argument, Symbol) for argument in arguments):
                return self.call(name, *arguments)
            return float(LEAVES[name](*arguments))

        return apply

    def constant(self, x: Any) -> float | None:
        """Return the value of a number that is known now, else None."""
        return None if isinstance(x, Symbol) else x

    @staticmethod
    def divided(arguments: Iterable[Any]) -> tuple[list[Any], list[Any]]:
        """Return those of the arguments that are symbols, and those that are known now."""
        both: tuple[list[Any], list[Any]] = [], []
        for argument in arguments:
            both[not isinstance(argument, Symbol)].append(argument)
        return both


class Text(Symbol):
    """A number or condition as text: a form with {0}, {1} … for its parts."""

    __slots__ = ("form", "m", "parts")

    def __init__(self, m: Dialect, form: str, parts: tuple[Text | float, ...] = ()) -> None:
        self.m = m
        self.form = form
        self.parts = parts

    def done(self, sign: str, *parts: Text | float) -> Text:
        """Return an operator as text."""
        return Text(self.m, self.m.forms[sign], parts)


class Dialect(SymbolicTarget):
    """A target whose numbers are text."""

    forms: dict[str, str]
    """The text of operators and of `where`."""
    functions: dict[str, str]
    """The text of functions."""
    choice: str
    """The text of `choose`, of two functions of the same numbers."""
    is_lazy: bool
    """Whether `where`, `and` and `or` compute only what they need."""

    def __init__(self) -> None:
        self.called: dict[str, Later] = {}
        """The functions that texts have been seen to call, by name."""

    def has(self, name: str) -> bool:
        """Return whether there is a function of the name."""
        return name in self.functions

    def call(self, name: str, *arguments: Text | float) -> Text:
        """Return a function of the dialect."""
        return Text(self, self.functions[name], arguments)

    def where(self, condition: Text, x: Text | float, y: Text | float) -> Text:
        """Return x where the condition holds, else y."""
        return Text(self, self.forms["where"], (condition, x, y))

    def literal(self, x: float) -> Text:
        """Return a number that stands in a formula."""
        return Text(self, repr(float(x)))

    def outside(
        self, name: str, make: Callable[[], Callable[..., float]], arguments: tuple[Any, ...]
    ) -> Text:
        """Return the value of a function of floats that no body can be written for."""
        return self._called(name, lambda: self.of_floats(make()), arguments)

    def _called(
        self, name: str, make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...]
    ) -> Text:
        """Return a call of the function `name`, which is made when it is first called."""
        self.called.setdefault(name, Later(make))
        return Text(self, f"{name}({_marks(len(arguments))})", arguments)

    def of_floats(self, function: Callable[..., float]) -> Callable[..., Any]:
        """Return a function of floats as one of the numbers of the target."""
        return function

    def pick(self, table: Callable[[], list[float]], index: Text) -> Text:
        """Return the number of a table at an index, which must be one of its indices."""
        name = f"table_{table.__name__}"
        return self._called(name, partial(self.table, table), (index,))

    @abstractmethod
    def table(self, table: Callable[[], list[float]]) -> Any:
        """Return the function from an index to a number of a table."""

    def choose(self, condition: Text, f: Body, g: Body, *arguments: Any) -> Text:
        """Return f(m, *arguments) where the condition holds, else g(m, *arguments)."""
        (one, given), (other, _) = self.call_of(f, arguments), self.call_of(g, arguments)
        call = self.choice.format(one=one, other=other, numbers=_marks(len(given), 1))
        return Text(self, call, (condition, *given))

    def library(self, row: Any, *arguments: Text | float) -> Text:
        """Return a function of gradcli.graph.scientific, which is imported when it is called."""
        return self._called(f"library_{row.name}", partial(self.from_library, row), arguments)

    @abstractmethod
    def from_library(self, row: Any) -> Callable[..., Any]:
        """Return a function of gradcli.graph.scientific for the numbers of the dialect."""

    def call_of(self, body: Body, arguments: tuple[Any, ...]) -> tuple[str, tuple[Text, ...]]:
        """Return the name of a body as a function, and those of its arguments that are text.

        Others are known now: for each value of them there is a function.
        """
        given, known = self.divided(arguments)
        name = "_".join(["b", body.__name__.strip("_"), *map(str, known)])
        self.called.setdefault(name, Later(partial(self.function, body, len(given), *known)))
        return name, tuple(given)

    def function(self, body: Body, count: int, *payload: Any) -> Callable[..., Any]:
        """Return a body as a function of `count` numbers."""
        names = [f"x{position}" for position in range(count)]
        lines, result = emitted(body(self, *[Text(self, n) for n in names], *payload), self)
        lines = [f"def generated({', '.join(names)}):", *lines, f"return {result}"]
        text = "\n    ".join(lines)
        return executed(text, self.namespace())

    def namespace(self) -> dict[str, Any]:
        """Return what texts may call, and have been seen to call."""
        return self.names() | self.called

    @abstractmethod
    def names(self) -> dict[str, Any]:
        """Return what every text may call."""


class Python(Dialect):
    """Python's floats; functions raise an exception where there is no value."""

    forms = {  # noqa: RUF012 - never changed
        **{sign: f"({{0}} {sign} {{1}})" for sign in (*COMPARING, *"+-*/")},
        "negative": "(-{0})",
        "abs": "abs({0})",
        "and": "({0} and {1})",
        "or": "({0} or {1})",
        "xor": "({0} != {1})",
        "where": "({1} if {0} else {2})",
    }
    functions = {  # noqa: RUF012 - never changed
        name: f"{name}({{0}}, {{1}})" if name in OF_TWO else f"{name}({{0}})"
        for name in (*LEAVES, "hypot")
    }
    choice = "({one}({numbers}) if {{0}} else {other}({numbers}))"
    own = frozenset({"hypot"})  # from Python 3.10 on it is rounded as the body is
    is_lazy = True

    def names(self) -> dict[str, Any]:
        """Return what every text may call."""
        others = {"abs": abs, "hypot": math.hypot, "min": min, "max": max}
        return LEAVES | others | {"inf": math.inf, "nan": math.nan}

    def where(self, condition: Text, x: Text | float, y: Text | float) -> Text:
        """Return x where the condition holds, else y."""
        # As a condition, x != 0 is what Python takes x for.
        if condition.form == self.forms["!="] and isinstance(condition.parts[1], float):
            return Text(self, self.forms["where"], (condition.parts[0], x, y))
        return super().where(condition, x, y)

    def table(self, table: Callable[[], list[float]]) -> Any:
        """Return the function from an index to a number of a table, which is made when needed."""
        return lambda index: table()[int(index)]

    def from_library(self, row: Any) -> Callable[..., float]:
        """Return a function of gradcli.graph.scientific for floats."""
        from gradcli.graph.scientific import of_numbers

        return of_numbers(row)


PYTHON = Python()


def emitted(root: Text | float, m: Dialect) -> tuple[list[str], str]:
    """Return the statements that lead to a number, and the expression that is the number.

    What is read more than once has a name. In a lazy dialect it gets its name where it is first
    read, unless it is always read: so nothing is computed that the result does not depend on.
    """
    return _Writer(m.is_lazy).of(root)


class _Writer:
    def __init__(self, is_lazy: bool) -> None:
        self._is_lazy = is_lazy
        self._reads: dict[int, int] = {}
        self._always: frozenset[int] = frozenset()
        self._names: dict[int, str] = {}
        self._known: set[int] = set()
        """What has a value wherever the text has come to."""
        self._lines: list[str] = []

    def of(self, root: Text | float) -> tuple[list[str], str]:
        """Return the statements and the expression of a number."""
        if not isinstance(root, Text) or not root.parts:
            return [], self._text(root)
        order = _in_order(root)
        for node in order:
            for position, part in enumerate(node.parts):
                times = node.form.count(f"{{{position}}}")
                self._reads[id(part)] = self._reads.get(id(part), 0) + times
        self._always = self._surely_read(order)
        depths: dict[int, int] = {}
        for node in order:
            key = id(node)
            depth = 1 + max([depths.get(id(part), 0) for part in node.parts])
            is_cut = self._reads.get(key, 0) > 1 or depth > DEEPEST
            depths[key] = 0 if is_cut else depth
            if is_cut and key in self._always:
                text = self._expression(node)
                self._lines.append(f"{self._named(key)} = {_bare(text)}")
                self._known.add(key)
        return self._lines, _bare(self._text(root))

    def _surely_read(self, order: list[Text]) -> frozenset[int]:
        """Return the parts that are read whatever branches are taken."""
        if not self._is_lazy or not any(_skips(node) for node in order):
            return frozenset(map(id, order))
        surely: dict[int, frozenset[int]] = {}
        for node in order:
            read = [surely.get(id(part), frozenset()) for part in node.parts]
            if " if " in node.form:
                read = [read[0], frozenset.intersection(*read[1:])]
            elif _skips(node):
                read = read[:1]
            surely[id(node)] = frozenset([id(node)]).union(*read)
        return surely[id(order[-1])]

    def _text(self, node: Text | float) -> str:
        """Return the text of a number."""
        if not isinstance(node, Text):
            text = repr(float(node))
            return f"({text})" if text[0] == "-" else text
        if not node.parts:
            return node.form
        key = id(node)
        if key in self._known:
            return self._names[key]
        text = self._expression(node)
        if self._reads.get(key, 0) > 1:
            self._known.add(key)
            return f"({self._named(key)} := {text})"
        return text

    def _named(self, key: int) -> str:
        return self._names.setdefault(key, f"t{len(self._names)}")

    def _expression(self, node: Text) -> str:
        first, *rest = node.parts
        texts = [self._text(first)]
        before = set(self._known)
        after: list[set[int]] = []
        for part in rest:
            texts.append(self._text(part))
            if self._is_lazy and _skips(node):
                after.append(self._known)
                self._known = set(before)
        if len(after) > 1:
            self._known |= set.intersection(*after)
        return node.form.format(*texts)


def _in_order(root: Text) -> list[Text]:
    """Return what a number is made of, without arguments and known numbers; parts come first."""
    found: dict[int, Text] = {}
    waiting = [root]
    while waiting:
        node = waiting[-1]
        left = [p for p in node.parts if isinstance(p, Text) and p.parts and id(p) not in found]
        if left:
            waiting += left
        else:
            found[id(waiting.pop())] = node
    return list(found.values())


def _skips(node: Text) -> bool:
    """Return whether a lazy dialect computes only some parts of it."""
    return any(word in node.form for word in (" if ", " and ", " or "))


def _bare(text: str) -> str:
    """Return a text without the parentheses around all of it."""
    if text[0] != "(" or text[-1] != ")":
        return text
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and position < len(text) - 1:
            return text
    return text[1:-1]


def applied(operation: Any, m: Any, *inputs: Any) -> Any:
    """Return an operation on numbers of a target: by its own function of the name, or the body."""
    if operation.body is None or operation.name in m.own:
        return getattr(m, operation.name)(*inputs)
    return operation.body(m, *inputs)


@lru_cache(maxsize=2000)
def template(m: Dialect, operation: Any, count: int, payload: Any) -> str:
    """Return the expression of an operation on `count` numbers, {0}, {1} … standing for them.

    A short body is written out, a long one is called. One on arrays is as its row has it.
    """
    if operation.structural:
        return str(operation.array(payload) if callable(operation.array) else operation.array)
    marks = [Text(m, f"{{{position}}}") for position in range(count)]
    inputs = operation.with_payload(marks, payload)
    root = applied(operation, m, *inputs)
    if not isinstance(root, Text) or len(_in_order(root)) <= LONGEST_INLINE:
        lines, text = emitted(root, m)
        if not lines and ":=" not in text:
            return text
    label = "_".join(["f", operation.name.replace(" ", "_"), str(count), *map(str, inputs[count:])])
    made = partial(m.function, partial(applied, operation), count, *inputs[count:])
    m.called.setdefault(label, Later(made))
    return f"{label}({_marks(count)})"


def _marks(count: int, first: int = 0) -> str:
    """Return the marks of arguments in a form, separated by commas: {0}, {1}."""
    return ", ".join([f"{{{position}}}" for position in range(first, first + count)])


def float_function(operation: Any) -> Callable[..., float]:
    """Return an operation that has a body as a function of floats, and of its payload if any."""
    body = partial(applied, operation)
    if operation.payload is not None:
        count = operation.arity[0]
        made = cache(lambda payload: PYTHON.function(body, count, payload))
        return lambda *arguments: made(arguments[-1])(*arguments[:-1])
    if operation.arity[1] < 0:
        of_many = cache(lambda count: PYTHON.function(body, count))
        return lambda *arguments: of_many(len(arguments))(*arguments)
    return PYTHON.function(body, operation.arity[0])


def executed(text: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """Return the function `generated` of a source, which knows the names of the namespace alone.

    The source is made of numbered locals, functions of ours and `repr` of floats; nothing that a
    user typed is ever part of it. This is the only place that runs generated text.
    """
    scope: dict[str, Any] = {"__builtins__": {}, **namespace}
    code = compile(text, "<generated>", "exec")
    for name in set(_WORD.findall(text)):
        if isinstance(scope.get(name), Later):
            scope[name] = scope[name].in_scope(scope, name)
    exec(code, scope)  # noqa: S102 - see above
    made: Callable[..., Any] = scope["generated"]
    return made


class Later:
    """A function that is made when it is first called."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Callable[..., Any]]) -> None:
        self._make = cache(make)

    def in_scope(self, scope: dict[str, Any], name: str) -> Callable[..., Any]:
        """Return what makes the function, puts it in its place in the scope, and calls it."""

        def first(*arguments: Any) -> Any:
            made = scope[name] = self._make()
            return made(*arguments)

        return first
