"""Formula text to graph: an LALR(1) driver over Lark's tables that calls the builder as it goes.

No tree is kept and nothing recurses: the stack of the driver is a list. Chains of rules that only
stand for their one part (an atom is a power is a sign is a term …) are followed once and
remembered, which is most of what a parser for formulas does.

The first pass works without positions. When something is wrong the text is parsed again with them,
so that correct formulas do not pay for messages.
"""

from __future__ import annotations

from gradcli.errors import FormulaError, ShapeError
from gradcli.graph.node import Growing
from gradcli.language.builder import Builder, Fault
from gradcli.language.scanner import END, ILLEGAL, SCANNER, TABLES, Tokens
from gradcli.language.tables import Reduction, Tables
from gradcli.limits import SOURCE_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from gradcli.graph.shapes import Shape
    from gradcli.language.repairs import Finding

    Given = Collection[str] | Mapping[str, Shape]

Span = tuple[int, int]


class Unexpected(Exception):  # noqa: N818 - a signal inside this module, not an error for users
    """A token that the grammar does not allow here; `state` is the parser's stack of states."""

    def __init__(self, index: int, states: list[int]) -> None:
        super().__init__(index)
        self.index = index
        self.states = states


def parse(source: str, given: Given = (), start: str = "formula") -> Builder:
    """Return the builder that holds the graph and result of `source`.

    `given` are the names that have values outside the formula; they may rebind `e`. `start` is
    "formula", "value" (one expression, for NAME=VALUE) or "choice" (a name with its settings).
    Raises FormulaError with span and hint.
    """
    if len(source) > SOURCE_CHARACTERS:
        message = f"the formula has {len(source)} characters; at most {SOURCE_CHARACTERS} are read"
        raise FormulaError(message)
    built = _read(source, given, start)
    if isinstance(built, Builder):
        return built
    from gradcli.language import repairs

    hint, formulas = repairs.hint(source, built.repair, lambda text: finding(text, given, start))
    error = built.error(built.message, source=source, span=built.span, hint=hint)
    error.repairs = tuple(formulas)
    raise error


def finding(source: str, given: Given = (), start: str = "formula") -> Finding | None:
    """Return what is wrong with a text; None for one that can be read. As `parse`."""
    from gradcli.language.repairs import Finding

    try:
        found = _read(source, given, start)
    except FormulaError as error:  # the graph is too large
        return Finding(error.message, (0, len(source)))
    return None if isinstance(found, Builder) else found


def _read(source: str, given: Given, start: str) -> Builder | Finding:
    """Return the builder that has read a text, or what is wrong with it."""
    tokens = SCANNER.scan(source)
    builder = Builder(given)
    try:
        with Growing():
            drive(tokens, builder, start)
    except Unexpected as unexpected:
        return _misplaced(tokens, unexpected, start)
    except (Fault, ShapeError):
        return _meaningless(source, given, start)
    return builder


def locate(source: str, given: Given = (), start: str = "formula") -> dict[int, Span]:
    """Return where each node of a formula stands in its text, as half-open ranges.

    The formula is parsed again in the same way, so the ids are those of the first time.
    """
    spans: dict[int, Span] = {}
    drive(SCANNER.scan(source), Builder(given), start, Positions(spans))
    return spans


class Positions:
    """The spans of the parts on the parser's stack, and of the nodes made from them."""

    def __init__(self, nodes: dict[int, Span]) -> None:
        self.stack: list[Span] = []
        self.nodes = nodes

    def shift(self, span: Span) -> None:
        """Note the span of a token."""
        self.stack.append(span)

    def reduce(self, parts: int, value: Any, start: int) -> None:
        """Note the span of a rule's parts as that of the node they made; none stand at `start`."""
        if parts == 0:
            self.stack.append((start, start))
            return
        span = (self.stack[-parts][0], self.stack[-1][1])
        del self.stack[-parts:]
        self.stack.append(span)
        if isinstance(value, int):
            self.nodes.setdefault(value, span)


class Completed:
    """A rule whose parts are on the stack, as seen from the terminal `kind` that follows it."""

    __slots__ = ("kind", "method", "parts", "rule")

    def __init__(self, reduction: Reduction, kind: str) -> None:
        self.rule = reduction.rule
        self.parts = reduction.parts
        self.kind = kind
        self.method: Any = getattr(Builder, reduction.method) if reduction.method else None


class State(dict["Any", "Any"]):
    """What to do in one state of the parser, found out when it is first asked for.

    For a terminal it is the State to go to, the rule that is Completed or None; for a rule the
    State to go to; and for one Completed above this state the State that follows and what to do
    there, past all rules that only stand for it.
    """

    __slots__ = ("_states", "number")

    def __init__(self, states: States, number: int) -> None:
        super().__init__()
        self._states = states
        self.number = number

    def __missing__(self, met: Any) -> Any:
        """Find out what to do, and remember it."""
        if met.__class__ is Completed:
            after = self[met.rule]
            action = after[met.kind]
            while action.__class__ is Completed and action.method is None:
                after = self[action.rule]
                action = after[met.kind]
            found: Any = (after, action)
        else:
            found = self._states.action(self.number, met)
        self[met] = found
        return found


class States:
    """The parser's states, whose rules the builder's methods complete.

    A formula meets few of the states and actions of the grammar, so they are made when first met.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._states: dict[int, State] = {}
        self._completed: dict[tuple[Reduction, str], Completed] = {}
        self._ends = [tables.states[first][start] for start, first in tables.starts.items()]

    def first(self, start: str) -> State:
        """Return the state in which a start rule begins."""
        return self.state(self._tables.starts[start])

    def state(self, number: int) -> State:
        """Return the state with this number in the tables."""
        found = self._states.get(number)
        if found is None:
            found = self._states[number] = State(self, number)
        return found

    def action(self, number: int, symbol: str) -> State | Completed | None:
        """Return what the tables say of a terminal or rule in a state."""
        action = self._tables.states[number].get(symbol)
        if action is None:
            # The tables end where the start rule is complete; there the end of the text fits too.
            return self.state(number) if symbol == END and number in self._ends else None
        if isinstance(action, int):
            return self.state(action)
        key = (action, symbol)
        found = self._completed.get(key)
        if found is None:
            found = self._completed[key] = Completed(action, symbol)
        return found


STATES = States(TABLES)


def drive(tokens: Tokens, builder: Builder, start: str, positions: Positions | None = None) -> None:
    """Shift and reduce until the end of the text is shifted behind the start rule.

    Raises Unexpected at a token that the grammar does not allow, and passes on the builder's Fault.
    """
    state = STATES.first(start)
    stack = [state]
    values: list[Any] = []
    # The one loop that every token passes through: spelled out, for calls would double its time.
    for index, (kind, text) in enumerate(zip(tokens.kinds, tokens.texts, strict=True)):
        action = state[kind]
        while action.__class__ is Completed:
            parts = builder.parts = action.parts
            if parts == 1:
                value = values[-1] = action.method(builder, values[-1])
            elif parts == 3:
                last = values.pop()
                middle = values.pop()
                value = values[-1] = action.method(builder, values[-1], middle, last)
                del stack[-2:]
            elif parts == 0:
                value = action.method(builder)
                values.append(value)
                stack.append(state)
            else:
                value = action.method(builder, *values[-parts:])
                values[-parts:] = [value]
                del stack[1 - parts :]
            if positions is not None:
                positions.reduce(parts, value, tokens.start(index) if parts == 0 else 0)
            state, action = stack[-2][action]
            stack[-1] = state
        if action is None:
            raise Unexpected(index, [state.number for state in stack])
        stack.append(action)
        values.append(text)
        state = action
        if positions is not None:
            positions.shift(tokens.span(index))


def acceptable(tables: Tables, states: list[int]) -> set[str]:
    """Return the terminals that could truly follow, found by trying each on the tables."""
    found = set()
    for kind in tables.states[states[-1]]:
        if kind.isupper() or kind == "$END":
            removed: list[int] = []
            depth = len(states)
            state = states[-1]
            while True:
                action = tables.states[state].get(kind)
                if not isinstance(action, Reduction) or action.rule in tables.starts:
                    break
                # Below the first `depth` states the stack is untouched; `removed` is what is new.
                for _ in range(action.parts):
                    if removed:
                        removed.pop()
                    else:
                        depth -= 1
                below = removed[-1] if removed else states[depth - 1]
                state = _next(tables, below, action.rule)
                removed.append(state)
            if action is not None:
                found.add(kind)
    return found


def _next(tables: Tables, state: int, rule: str) -> int:
    after = tables.states[state][rule]
    assert isinstance(after, int)  # noqa: S101 - after a rule the tables never reduce
    return after


def _misplaced(tokens: Tokens, unexpected: Unexpected, start: str) -> Finding:
    """Return what is wrong with a token that the grammar does not allow."""
    from gradcli.language import diagnosis

    if ILLEGAL in tokens.kinds:
        return diagnosis.illegal_character(tokens, tokens.kinds.index(ILLEGAL))
    accepted = acceptable(TABLES, unexpected.states)
    return diagnosis.unexpected_token(tokens, unexpected.index, accepted, start)


def _meaningless(source: str, given: Given, start: str) -> Finding:
    """Return what is wrong with a rule whose parts do not fit, found again with positions."""
    from gradcli.language import diagnosis
    from gradcli.language.repairs import Finding

    tokens = SCANNER.scan(source)
    positions = Positions({})
    builder = Builder(given)
    try:
        drive(tokens, builder, start, positions)
    except Fault as fault:
        if ILLEGAL in tokens.kinds:
            return diagnosis.illegal_character(tokens, tokens.kinds.index(ILLEGAL))
        return diagnosis.of_fault(tokens, fault, positions.stack)
    except ShapeError as error:
        first, last = positions.stack[-builder.parts], positions.stack[-1]
        return diagnosis.of_shapes(tokens, error, (first[0], last[1]))
    return Finding("the formula cannot be read", (0, len(source)))
