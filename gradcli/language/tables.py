"""What the scanner and the parser know of the grammar: terminals, states and productions.

These tables were stored when gradcli was built, or are made by Lark.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 1
"""Version of the stored tables; incremented when their form changes, so that old ones are void."""


class Production:
    """An alternative of a grammar rule: how many symbols it has, and the callback for them."""

    __slots__ = ("callback", "length", "rule")

    def __init__(self, rule: str, length: int, callback: str | None) -> None:
        self.rule = rule
        self.length = length
        self.callback = callback
        """Name of a method of the builder; None for a single symbol that the rule passes on."""


class Automaton:
    """All terminals as one deterministic finite automaton, which starts in state 0.

    `classes` maps the characters of the language to classes, and 0 is the class of all others;
    `steps[state][class]` is the next state, or -1, and `accepted[state]` the terminal that a token
    is when it ends there, or None.
    """

    __slots__ = ("accepted", "classes", "steps")

    def __init__(
        self,
        classes: Mapping[str, int],
        steps: Sequence[Sequence[int]],
        accepted: Sequence[str | None],
    ) -> None:
        self.classes = classes
        self.steps = steps
        self.accepted = accepted


class Tables:
    """What the parser needs to know of the grammar."""

    __slots__ = ("automaton", "patterns", "starts", "states", "strings")

    def __init__(
        self,
        states: Sequence[Mapping[str, int | Production]],
        starts: Mapping[str, int],
        strings: Mapping[str, str],
        patterns: Sequence[tuple[str, str]],
        automaton: Automaton | None = None,
    ) -> None:
        self.states = states
        """For each state the action on a terminal or rule: the next state, or a reduction."""
        self.starts = starts
        """Initial state of each start rule."""
        self.strings = strings
        """Terminals that are one fixed string, by that string."""
        self.patterns = patterns
        """All terminals as (name, regular expression), in order of priority."""
        self.automaton = automaton
        """The same terminals without `re`; None when the tables were not stored."""


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load() -> Tables:
    """Return the tables of the grammar."""
    text = grammar()
    stored = read(text)
    if stored is not None:
        return stored
    from gradcli.language.grammar import compiled

    return compiled(text)


def grammar() -> str:
    """Return the text of the grammar, of an installed package or of a checkout."""
    for folder in (_PACKAGE, os.path.dirname(_PACKAGE)):
        try:
            with open(f"{folder}/grammars/expression.lark", encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            continue
    message = "grammars/expression.lark is missing from this installation"
    raise FileNotFoundError(message)


def read(text: str) -> Tables | None:
    """Return the tables that the build stored, None when there are none or of another grammar."""
    try:
        from gradcli.language.stored import STORED
    except ImportError:
        return None
    if STORED["format"] != FORMAT or STORED["grammar"] != text:
        return None
    rules = [Production(*rule) for rule in STORED["rules"]]
    states = [
        {symbol: action if action >= 0 else rules[~action] for symbol, action in row.items()}
        for row in STORED["states"]
    ]
    automaton = Automaton(STORED["classes"], STORED["steps"], STORED["accepted"])
    return Tables(states, STORED["starts"], STORED["strings"], STORED["patterns"], automaton)
