"""What the scanner and the parser know of the grammar: terminals, states and productions."""

from __future__ import annotations

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
