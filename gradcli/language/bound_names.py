"""Which names of a text are bound: x in the first argument of integrate(x^2, x, 0, 1).

The builder works from the inside out, so it must know beforehand what a name means. Before a text
is read, each bound name gets a name of its own that nobody can type; the innermost form wins.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPENING, _CLOSING = {"LPAR", "LSQB"}, {"RPAR", "RSQB"}


class _Call(NamedTuple):
    start: int
    """The token behind the parenthesis."""
    commas: list[int]
    is_form: bool


def renamed(
    kinds: Sequence[str], texts: Sequence[str], binders: Mapping[str, tuple[int, int]]
) -> Sequence[str]:
    """Return the texts of the tokens, with a name of its own for each bound name.

    `binders` are the functions that bind one when they have so many arguments.
    """
    ends = _scopes(kinds, texts, binders)
    found = list(texts)
    scopes: dict[str, list[tuple[int, str]]] = {}
    leaving: dict[int, list[str]] = {}
    for place, text in enumerate(texts):
        if place in ends:
            last = ends[place]
            name = texts[last]
            scopes.setdefault(name, []).append((last, f"{place} {name}"))
            leaving.setdefault(last, []).append(name)
        if kinds[place] == "NAME" and scopes.get(text) and kinds[place + 1] != "LPAR":
            found[place] = scopes[text][-1][1]
        for name in leaving.pop(place, ()):
            scopes[name].pop()
    return found


def _scopes(
    kinds: Sequence[str], texts: Sequence[str], binders: Mapping[str, tuple[int, int]]
) -> dict[int, int]:
    """Return for the first token of each body that of the bound name behind it."""
    found: dict[int, int] = {}
    waiting: list[_Call] = []
    for place, kind in enumerate(kinds):
        if kind in _OPENING:
            named = place and kinds[place - 1] == "NAME" and texts[place - 1] in binders
            waiting.append(_Call(place + 1, [], bool(named)))
        elif kind == "COMMA" and waiting:
            waiting[-1].commas.append(place)
        elif kind in _CLOSING and waiting:
            start, commas, is_form = waiting.pop()
            if is_form and kinds[place + 1] == "EQUALS":  # the user's own function
                own = texts[start - 2]
                others = {name: counts for name, counts in binders.items() if name != own}
                return _scopes(kinds, texts, others)
            if not is_form or not commas or kinds[commas[0] + 1] != "NAME":
                continue
            least, most = binders[texts[start - 2]]
            end = commas[1] if len(commas) > 1 else place
            if least <= len(commas) + 1 <= most and end == commas[0] + 2:
                found[start] = commas[0] + 1
    return found
