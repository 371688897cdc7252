"""Formula text to graph: an LALR(1) parser over Lark's tables that calls the builder as it goes.

No tree is kept and nothing recurses: the stack of the parser is a list. Unit productions (an atom
is a power is a sign is a term …) are followed once and remembered, which is most of what a parser
for formulas does.

Reading a formula works without positions, so that correct formulas do not pay for messages. When a
production is at fault, the tokens are traced up to it, without building the graph again.
"""

from __future__ import annotations

from gradcli.errors import FormulaError, ShapeError
from gradcli.graph.node import Growing
from gradcli.graph.shapes import SCALAR
from gradcli.language.builder import Builder
from gradcli.language.functions import Fault
from gradcli.language.names import BINDERS, renamed
from gradcli.language.origin import Origin, Span
from gradcli.language.scanner import END, ILLEGAL, SCANNER, TABLES, Tokens
from gradcli.limits import SOURCE_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, Final

    from gradcli.graph.shapes import Shape
    from gradcli.language.repairs import Finding
    from gradcli.language.tables import Production, Tables

    Names = Collection[str] | Mapping[str, Shape]


class Unexpected(Exception):  # noqa: N818 - a signal inside this module, not an error for users
    """A token that the grammar does not allow: its index, and the states on the parser's stack."""


class Misfit(Exception):  # noqa: N818 - as above
    """A production whose symbols do not fit: the index of the token behind it, and its Reduce.

    The third argument is the number of symbols on the stack.
    """


class Parsed:
    """What a text says: a graph and the node of the result. It never changes."""

    def __init__(self, origin: Origin, built: Builder) -> None:
        self.graph: Final = built.graph
        self.root: Final = built.result
        self.origin: Final = origin
        self.definitions: Final = built.defined
        """The nodes that the formula names, by name."""
        self.range: Final = built.range
        """Start, stop and step of a value start:stop:step."""
        self.draws: Final = tuple(built.draws)
        """Random arrays of a value: the free name of each, its distribution, shape and limits."""
        self.named_shape: Final = built.named_shape
        """In a value: the free name that stands for shape(3), a name's shape without a value."""
        self.choice: Final = built.chosen
        """The name and the arguments of the value of an option."""


def parse(source: str, names: Names = (), start: str = "formula") -> Parsed:
    """Return the graph that a text stands for.

    `names` have values outside the formula; they may rebind `e`. `start` is
    "formula", "value" (one expression, for NAME=VALUE) or "choice" (a name with its settings).
    Raises FormulaError with span and hint.
    """
    if len(source) > SOURCE_CHARACTERS:
        message = f"the formula has {len(source)} characters; at most {SOURCE_CHARACTERS} are read"
        raise FormulaError(message)
    found = _read(source, names, start)
    if isinstance(found, Parsed):
        return found
    from gradcli.language import repairs

    repair = repairs.rewritten(source, start, found.repair)
    hint, formulas = repairs.hint(source, repair, lambda text: finding(text, names, start))
    error = found.error(found.message, source=source, span=found.span, hint=hint)
    error.repairs = tuple(formulas)
    raise error


def finding(source: str, names: Names = (), start: str = "formula") -> Finding | None:
    """Return what is wrong with a text; None for one that can be read. As `parse`."""
    from gradcli.language.repairs import Finding

    try:
        found = _read(source, names, start)
    except FormulaError as error:  # the graph is too large
        return Finding(error.message, (0, len(source)))
    return None if isinstance(found, Parsed) else found


def _read(source: str, names: Names, start: str) -> Parsed | Finding:
    """Return what a text says, or what is wrong with it."""
    shapes: Any = names if hasattr(names, "items") else dict.fromkeys(names, SCALAR)
    tokens = SCANNER.scan(source)
    builder = Builder(shapes, start)
    try:
        with Growing():
            drive(tokens, builder, start)
    except (Unexpected, Misfit) as signal:
        return _explained(tokens, signal, start)
    origin = Origin(source, shapes, start, locate, tuple(builder.notes), is_model=builder.is_model)
    return Parsed(origin, builder)


def locate(
    source: str, shapes: Mapping[str, Shape], start: str, until: int | None = None
) -> dict[int, Span]:
    """Return the half-open range of a text that each node was read from, up to the node `until`.

    The text is read again in the same way, so the ids are those of the first time.
    """
    nodes: dict[int, Span] = {}
    trace(SCANNER.scan(source), start, Builder(shapes, start), nodes, until)
    return nodes


class Reduce:
    """The action of a production whose symbols are on the stack, before the terminal `kind`."""

    __slots__ = ("callback", "kind", "length", "rule")

    def __init__(self, production: Production, kind: str) -> None:
        self.rule, self.length, method = production
        self.kind = kind
        self.callback: Any = getattr(Builder, method) if method else None


class State(dict["Any", "Any"]):
    """The actions of one state of the parser, each found when it is first asked for.

    For a terminal the action is the State to shift to, a Reduce or None; for a rule it is the State
    to go to; and for a Reduce above this state, the State that follows and the action there, behind
    all unit productions without a callback.
    """

    __slots__ = ("_states", "number")

    def __init__(self, states: States, number: int) -> None:
        super().__init__()
        self._states = states
        self.number = number

    def __missing__(self, key: Any) -> Any:
        """Find an action and remember it."""
        if key.__class__ is Reduce:
            after = self[key.rule]
            action = after[key.kind]
            while action.__class__ is Reduce and action.callback is None:
                after = self[action.rule]
                action = after[key.kind]
            found: Any = (after, action)
        else:
            found = self._states.action(self.number, key)
        self[key] = found
        return found


class States(dict["int", "State"]):
    """The states of the parser by number, whose productions call the builder's methods.

    A formula visits few of the states of the grammar, so they are made when first visited.
    """

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables
        self._reductions: dict[tuple[int, str], Reduce] = {}
        self._ends = [tables.states[first][start] for start, first in tables.starts.items()]

    def __missing__(self, number: int) -> State:
        """Make a state and remember it."""
        return self.setdefault(number, State(self, number))

    def first(self, start: str) -> State:
        """Return the initial state of a start rule."""
        return self[self._tables.starts[start]]

    def action(self, number: int, symbol: str) -> State | Reduce | None:
        """Return the action of the tables on a terminal or rule in a state."""
        action = self._tables.states[number].get(symbol)
        if action is None:
            # The tables end where the start rule is complete; there the end of the text fits too.
            return self[number] if symbol == END and number in self._ends else None
        if action >= 0:
            return self[action]
        made = Reduce(self._tables.productions[~action], symbol)
        return self._reductions.setdefault((action, symbol), made)


STATES = States(TABLES)


def with_bound_names(tokens: Tokens) -> Sequence[str]:
    """Return the texts of the tokens, with a name of its own for each name that is bound."""
    if BINDERS.isdisjoint(tokens.texts):
        return tokens.texts
    return renamed(tokens.kinds, tokens.texts)


def drive(tokens: Tokens, builder: Builder, start: str) -> None:
    """Shift and reduce until the end of the text is shifted behind the start rule.

    Raises Unexpected at a token that the grammar does not allow, and Misfit from a Fault or a
    ShapeError of the builder.
    """
    state = STATES.first(start)
    stack = [state]
    values: list[Any] = []
    index = 0
    action: Any = None
    # The one loop that every token passes through: spelled out, for calls would double its time.
    try:
        for index, (kind, text) in enumerate(
            zip(tokens.kinds, with_bound_names(tokens), strict=True)
        ):
            action = state[kind]
            while action.__class__ is Reduce:
                length = action.length
                if length == 1:
                    values[-1] = action.callback(builder, values[-1])
                elif length == 3:
                    last = values.pop()
                    middle = values.pop()
                    values[-1] = action.callback(builder, values[-1], middle, last)
                    del stack[-2:]
                elif length == 0:
                    values.append(action.callback(builder))
                    stack.append(state)
                else:
                    values[-length:] = [action.callback(builder, *values[-length:])]
                    del stack[1 - length :]
                state, action = stack[-2][action]
                stack[-1] = state
            if action is None:
                raise Unexpected(index, [state.number for state in stack])
            stack.append(action)
            values.append(text)
            state = action
    except (Fault, ShapeError) as fault:
        raise Misfit(index, action, len(stack) - 1) from fault


def trace(
    tokens: Tokens,
    start: str,
    builder: Builder | None = None,
    nodes: dict[int, Span] | None = None,
    until: int | Misfit | None = None,
) -> list[Span]:
    """Return the ranges of the text that the symbols on the stack take, as `drive` moves them.

    `builder` makes the nodes, whose ranges are added to `nodes`; `until` stops behind a node, or
    before a production.
    """
    state = STATES.first(start)
    stack = [state]
    values: list[Any] = []
    spans: list[Span] = []
    texts = with_bound_names(tokens)
    for index, kind in enumerate(tokens.kinds):
        action = state[kind]
        while action.__class__ is Reduce:
            if isinstance(until, Misfit) and until.args == (index, action, len(spans)):
                return spans
            first = len(spans) - action.length
            spans[first:] = [span] = [
                (spans[first][0], spans[-1][1]) if action.length else (tokens.start(index),) * 2
            ]
            if builder is not None and nodes is not None:
                value = action.callback(builder, *values[first:])
                values[first:] = [value]
                if isinstance(value, int):
                    nodes.setdefault(value, span)
                    if value == until:
                        return spans
            stack[first + 1 :] = [state]
            state, action = stack[first][action]
            stack[-1] = state
        stack.append(action)
        values.append(texts[index])
        spans.append(tokens.span(index))
        state = action
    return spans


def acceptable(tables: Tables, states: list[int]) -> set[str]:
    """Return the terminals that could truly follow, found by trying each on the tables."""
    found = set()
    for kind in tables.states[states[-1]]:
        if kind.isupper() or kind == END:
            removed: list[int] = []
            depth = len(states)
            state = states[-1]
            while (action := tables.states[state].get(kind)) is not None and action < 0:
                rule, length, _ = tables.productions[~action]
                if rule in tables.starts:
                    break
                # Below the first `depth` states the stack is untouched; `removed` is what is new.
                for _ in range(length):
                    if removed:
                        removed.pop()
                    else:
                        depth -= 1
                state = tables.states[removed[-1] if removed else states[depth - 1]][rule]
                removed.append(state)
            if action is not None:
                found.add(kind)
    return found


def _explained(tokens: Tokens, signal: Unexpected | Misfit, start: str) -> Finding:
    """Return what is wrong with a token, or with a production whose symbols do not fit."""
    from gradcli.language import calls, characters, diagnosis
    from gradcli.language.repairs import Operands

    operands, error = Operands(tokens), signal.__cause__
    if ILLEGAL in tokens.kinds and not isinstance(error, ShapeError):
        return characters.illegal_character(operands, tokens.kinds.index(ILLEGAL))
    if isinstance(signal, Unexpected):
        index, states = signal.args
        return diagnosis.unexpected_token(operands, index, acceptable(TABLES, states), start)
    spans = trace(tokens, start, until=signal)
    if isinstance(error, Fault):
        return calls.of_fault(operands, error, spans)
    assert isinstance(error, ShapeError)  # noqa: S101 - nothing else is raised as a Misfit
    span = (spans[-signal.args[1].length][0], spans[-1][1])
    return calls.of_shapes(operands, error, span)
