"""What a name can mean, and what the user may have meant by one that is unknown."""

from __future__ import annotations

from gradcli.graph.operations import ALIASES, FUNCTIONS, NAMED_VALUES, SPELLINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

CONSTANTS = {name: name for name, x in NAMED_VALUES.items() if x - x == 0} | SPELLINGS
"""Named constants as typed, and as the graph calls them."""

KEYWORDS = {"and", "or", "not"}
"""Words of the language that are no names."""

REBINDABLE = "e"
"""The one constant whose name may be given to something else."""

FORMS = {
    "integrate": ("integrate(f, x, a, b)", "integrate(x^2, x, 0, 1)", {4}),
    "sum": ("sum(f, k, 1, n)", "sum(k^2, k, 1, 10)", {4}),
    "prod": ("prod(f, k, 1, n)", "prod(k, k, 1, 10)", {4}),
    "solve": (
        "solve(f == g, x, start) or solve(f == g, x, low, high)",
        "solve(cos(x) == x, x, 1)",
        {3, 4},
    ),
    "diff": ("diff(f, x) or diff(f, x, 2)", "diff(x^3, x)", {2, 3}),
}
"""Functions that take a name besides formulas: how each is written, an example, and how many
arguments it takes. Those that are functions of numbers as well are forms with as many only.

Where no parenthesis follows, those that are nothing else are names.
"""

BINDERS = FORMS.keys() - {"diff"}
"""The functions that bind a name."""

RANDOM = {"normal": (0, "standard_normal"), "uniform": (2, "uniform")}
"""Random starts: how many numbers stand before the sizes, and the method of NumPy's generator."""

ONLY_HERE = {"len", "scatter", *RANDOM, *(FORMS.keys() - FUNCTIONS.keys())}
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
    """Return the names that stand anywhere in a formula, right or wrong."""
    from gradcli.language.scanner import SCANNER

    tokens = SCANNER.scan(text)
    return {word for kind, word in zip(tokens.kinds, tokens.texts, strict=True) if kind == "NAME"}


def is_function(name: str) -> bool:
    """Return whether `name` is a function of the language."""
    return name in FUNCTIONS or name in ALIASES or name in ONLY_HERE


def is_reserved(name: str) -> bool:
    """Return whether `name` is a function wherever it stands, and can be nothing else.

    Of other functions it is the name only where a parenthesis follows.
    """
    row = FUNCTIONS.get(name)
    return is_function(name) and (name not in FORMS if row is None else row.reserved)


def fixed_meaning(name: str) -> str | None:
    """Return what a name is that can be nothing else: "a constant"; None for a free name."""
    if name in KEYWORDS:
        return "a word of the language"
    if is_reserved(name):
        return "a function"
    return "a constant" if name in CONSTANTS and name != REBINDABLE else None


def is_form(name: str, count: int) -> bool:
    """Return whether a call with so many arguments takes a name."""
    return name in FORMS and (name not in FUNCTIONS or count in FORMS[name][2])


def is_free(name: str) -> bool:
    """Return whether a name has no meaning but that of a value given to it."""
    return name != REBINDABLE and fixed_meaning(name) is None


# ---------------------------------------------------------------- bound names


def renamed(kinds: Sequence[str], texts: Sequence[str]) -> Sequence[str]:
    """Return the texts of the tokens, with a name of its own for each bound name.

    Such is x in the first argument of integrate(x^2, x, 0, 1). The builder works from the inside
    out, so it must know beforehand what a name means: before a text is read, each bound name gets
    one that nobody can type; the innermost form wins.
    """
    ends = _scopes(kinds, texts, BINDERS)
    found = list(texts)
    scopes: dict[str, list[tuple[int, str]]] = {}
    leaving: dict[int, list[str]] = {}
    for position, text in enumerate(texts):
        if position in ends:
            last = ends[position]
            name = texts[last]
            scopes.setdefault(name, []).append((last, f"{position} {name}"))
            leaving.setdefault(last, []).append(name)
        if kinds[position] == "NAME" and scopes.get(text) and kinds[position + 1] != "LPAR":
            found[position] = scopes[text][-1][1]
        for name in leaving.pop(position, ()):
            scopes[name].pop()
    return found


def _scopes(kinds: Sequence[str], texts: Sequence[str], binders: Collection[str]) -> dict[int, int]:
    """Return for the first token of each body that of the bound name behind it."""
    found: dict[int, int] = {}
    waiting: list[tuple[int, list[int], bool]] = []
    """For each open parenthesis the token behind it, its commas, and whether a name is bound."""
    for position, kind in enumerate(kinds):
        if kind in {"LPAR", "LSQB"}:
            named = position and kinds[position - 1] == "NAME" and texts[position - 1] in binders
            waiting.append((position + 1, [], bool(named)))
        elif kind == "COMMA" and waiting:
            waiting[-1][1].append(position)
        elif kind in {"RPAR", "RSQB"} and waiting:
            start, commas, is_binder = waiting.pop()
            if is_binder and kinds[position + 1] == "EQUALS":  # the user's own function
                return _scopes(kinds, texts, {*binders} - {texts[start - 2]})
            if not is_binder or not commas or kinds[commas[0] + 1] != "NAME":
                continue
            end = commas[1] if len(commas) > 1 else position
            if is_form(texts[start - 2], len(commas) + 1) and end == commas[0] + 2:
                found[start] = commas[0] + 1
    return found


# ---------------------------------------------------------------- misspelt names


LEAST_SLIP = 0.8
"""What a letter counts that was struck twice; each other slip counts more."""


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to a misspelt one, or None when nothing is close.

    Swapping two neighbours, or case, counts as one slip, as does a letter too many, too few or
    wrong; one slip is allowed for every three letters.
    """
    if len(name) > 40:
        return None
    found = []
    most = max(1, (len(name) + 1) // 3)
    for candidate in known:
        if abs(len(candidate) - len(name)) * LEAST_SLIP > most:
            continue
        distance = _distance(name, candidate)
        if distance <= most and distance < len(name):
            alike = _common_start(name, candidate)
            found.append((distance, -alike, abs(len(candidate) - len(name)), candidate))
    return min(found)[-1] if found else None


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
