"""The tables of the grammar: terminals, states and productions, as the build stored them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Production = tuple[str, int, str | None]
    """An alternative of a rule: the rule, the number of its symbols, and the builder's method for
    them; None for a single symbol that the rule passes on."""

FORMAT = 2
"""Version of the stored tables; incremented when their form changes, so that old ones are void."""


class Tables:
    """What the scanner and the parser need to know of the grammar."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.productions: Sequence[Production] = values["productions"]
        self.states: Sequence[Mapping[str, int]] = values["states"]
        """For each state the action on a terminal or rule: n >= 0 goes to state n, and ~n reduces
        by production n."""
        self.starts: Mapping[str, int] = values["starts"]
        """Initial state of each start rule."""
        self.strings: Mapping[str, str] = values["strings"]
        """Terminals that are one fixed string, by that string."""
        self.patterns: Sequence[tuple[str, str]] = values["patterns"]
        """All terminals as (name, regular expression), in order of priority."""
        self.classes: Mapping[str, int] = values["classes"]
        """The same terminals as one deterministic finite automaton, which starts in state 0: the
        class of each character of the language, where 0 is that of all others."""
        self.steps: Sequence[Sequence[int]] = values["steps"]
        """`steps[state][class]` is the next state of the automaton, or -1."""
        self.accepted: Sequence[str | None] = values["accepted"]
        """For each of its states the terminal that a token is when it ends there, or None."""
