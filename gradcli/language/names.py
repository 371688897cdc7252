"""What a name can mean, and what the user may have meant by one that is unknown."""

from __future__ import annotations

from gradcli.graph.operations import ALIASES, FUNCTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

CONSTANTS = {"pi": "pi", "π": "pi", "tau": "tau", "τ": "tau", "e": "e"}
"""Named constants as typed, and as the graph calls them."""

KEYWORDS = {"and", "or", "not"}
"""Words of the language that are no names."""

REBINDABLE = "e"
"""The one constant whose name may be given to something else."""

FORMS = {"diff", "integrate", "solve"}
"""Functions that take a name besides formulas; where no parenthesis follows they are names."""

ONLY_HERE = {"len", "normal", "scatter", "uniform", *FORMS}
"""Functions that the builder works out itself."""

FUNCTION_NAMES = sorted(
    {name for name, row in FUNCTIONS.items() if not row.internal} | {*ALIASES, *ONLY_HERE}
)
"""The functions to suggest: those that a user would type."""


def is_name(text: str) -> bool:
    """Return whether a text has the form of a name, as grammars/expression.lark has it."""
    from gradcli.language.scanner import SCANNER

    return SCANNER.kind(text) == "NAME" or text in KEYWORDS


def names_in(text: str) -> set[str]:
    """Return the names that stand anywhere in a formula, outside of comments."""
    import re

    from gradcli.language.scanner import TABLES

    name = re.compile(dict(TABLES.patterns)["NAME"])
    return {found for line in text.split("\n") for found in name.findall(line.partition("#")[0])}


def is_function(name: str) -> bool:
    """Return whether `name` is a function of the language."""
    return name in FUNCTIONS or name in ALIASES or name in ONLY_HERE


def is_reserved(name: str) -> bool:
    """Return whether `name` is a function wherever it stands, and can be nothing else.

    Of other functions it is the name only where a parenthesis follows.
    """
    row = FUNCTIONS.get(name)
    return is_function(name) and (name not in FORMS if row is None else row.reserved)


def meant(name: str) -> str | None:
    """Return what to say about a free name that has another meaning elsewhere: PI, inf."""
    from gradcli.language.meant import CONSTANTS as ELSEWHERE
    from gradcli.language.meant import NO_INFINITY, NOT_FINITE

    if name in NOT_FINITE:
        return NO_INFINITY
    return f"did you mean '{ELSEWHERE[name]}'?" if name in ELSEWHERE else None


LEAST_SLIP = 0.8
"""What a letter counts that was struck twice; each other slip counts more."""


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to a misspelt one, or None when nothing is close.

    Swapping two neighbours, or case, counts as one slip, as does a letter too many, too few or
    wrong; one slip is allowed for every three letters.
    """
    if len(name) > 40:
        return None
    best: tuple[float, int, int, str] | None = None
    most = max(1, (len(name) + 1) // 3)
    for candidate in known:
        if abs(len(candidate) - len(name)) * LEAST_SLIP > most:
            continue
        distance = _distance(name, candidate)
        if distance <= most and distance < len(name):
            alike = _common_start(name, candidate)
            rank = (distance, -alike, abs(len(candidate) - len(name)), candidate)
            if best is None or rank < best:
                best = rank
    return best[3] if best else None


def _common_start(first: str, second: str) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


def _distance(typed: str, known: str) -> float:
    """Return the edit distance with transpositions (optimal string alignment)."""
    if typed.lower() == known.lower():
        return 0.5
    before: list[float] = []
    row: list[float] = [float(i) for i in range(len(known) + 1)]
    for i, a in enumerate(typed, 1):
        before, last, row = row, before, [float(i)]
        for j, b in enumerate(known, 1):
            # A letter struck twice comes before a wrong one: sinn is sin.
            extra = LEAST_SLIP if i > 1 and a == typed[i - 2] else 1
            cost = min(before[j] + extra, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == known[j - 2] and typed[i - 2] == b:
                # Swapped letters come before a wrong one: sqtr is sqrt.
                cost = min(cost, last[j - 2] + 0.9)
            row.append(cost)
    return row[-1]
