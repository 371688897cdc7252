"""The terminals of the grammar as one deterministic finite automaton, the scanner of short texts.

Importing `re` and compiling the patterns of the grammar takes longer than everything else that
happens to a short formula, so the automaton is built together with gradcli, from the partial
derivatives of the patterns: Valentin Antimirov, "Partial derivatives of regular expressions and
finite automaton constructions", Theoretical Computer Science 155 (1996).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcli.language.tables import Automaton

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.language.tables import Tables

Rest = tuple[Any, ...]
"""The remainder of a pattern: the items of a parsed regular expression, in sequence."""


def automaton(tables: Tables) -> Automaton:
    """Return the automaton of all terminals; where two match, the fixed string wins."""
    fixed = set(tables.strings.values())
    terminals = sorted(tables.patterns, key=lambda terminal: terminal[0] not in fixed)
    start = tuple(frozenset({_parsed(pattern)}) for _, pattern in terminals)
    letters = sorted({c for rests in start for rest in rests for c in _characters(rest)})
    numbers = {start: 0}
    dead = tuple(frozenset[Rest]() for _ in terminals)
    rows: list[list[int]] = []
    for state in (to_do := [start]):
        row = []
        for letter in ("", *letters):  # "" stands for all characters that no pattern names
            after = tuple(frozenset(r for x in rests for r in _after(x, letter)) for rests in state)
            if after != dead and after not in numbers:
                numbers[after] = len(numbers)
                to_do.append(after)
            row.append(numbers.get(after, -1))
        rows.append(row)
    columns: dict[tuple[int, ...], int] = {}
    classes = [columns.setdefault(column, len(columns)) for column in zip(*rows, strict=True)]
    accepted = [
        next(
            (name for (name, _), rests in zip(terminals, state, strict=True) if _ends(rests)), None
        )
        for state in numbers
    ]
    named = zip(letters, classes[1:], strict=True)
    return Automaton(
        {letter: number for letter, number in named if number},
        tuple(zip(*columns, strict=True)),
        tuple(accepted),
    )


def _parsed(pattern: str) -> Rest:
    """Return a regular expression as Python's own parser reads it, in nested tuples."""
    parser = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

    def frozen(item: Any) -> Any:
        if isinstance(item, int | None):  # the numbers of operators are named integers
            return str(item) if hasattr(item, "name") else item
        return tuple(map(frozen, item))

    items: Rest = frozen(parser.parse(pattern))
    return items


def _after(rest: Rest, letter: str) -> Iterator[Rest]:
    """Yield the partial derivatives of `rest` with respect to a letter."""
    if not rest:
        return
    first, *others = rest
    characters = _one_of(first)
    if characters is None:
        for longer in _unfolded(*first):
            yield from _after((*longer, *others), letter)
    elif (letter in characters) != _excludes(first):
        yield tuple(others)


def _ends(rests: frozenset[Rest]) -> bool:
    """Return whether one of the remainders matches the empty string."""
    return any(
        not rest
        or (
            _one_of(rest[0]) is None
            and _ends(frozenset((*longer, *rest[1:]) for longer in _unfolded(*rest[0])))
        )
        for rest in rests
    )


def _one_of(item: Any) -> set[str] | None:
    """Return the characters that an item names; None when it does not match one character."""
    kind, content = item
    if kind in {"LITERAL", "NOT_LITERAL"}:
        return {chr(content)}
    if kind != "IN":
        return None
    ranges = [(x, x) if what == "LITERAL" else x for what, x in content if what != "NEGATE"]
    return {chr(code) for low, high in ranges for code in range(low, high + 1)}


def _excludes(item: Any) -> bool:
    kind, content = item
    return kind == "NOT_LITERAL" or (kind == "IN" and ("NEGATE", None) in content)


def _unfolded(kind: str, content: Any) -> list[Rest]:
    """Return the sequences of items that a group, an alternation or a repetition expands to."""
    if kind == "SUBPATTERN":
        return [content[-1]]
    if kind == "BRANCH":
        return list(content[1])
    if kind != "MAX_REPEAT":
        message = f"a terminal of the grammar uses {kind}, which the automaton does not know"
        raise ValueError(message)
    least, most, items = content
    once_more = (max(0, least - 1), most if most == "MAXREPEAT" else most - 1, items)
    found = [] if most == 0 else [(*items, (kind, once_more))]
    return found if least else [(), *found]


def _characters(rest: Rest) -> set[str]:
    """Return every character that the items name."""
    found: set[str] = set()
    for kind, content in rest:
        named = _one_of((kind, content))
        if named is not None:
            found |= named
        elif kind == "MAX_REPEAT":
            found |= _characters(content[-1])
        else:
            found.update(*map(_characters, _unfolded(kind, content)))
    return found
