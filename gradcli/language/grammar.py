"""The grammar, compiled by Lark into LALR(1) tables and terminals, and stored as a module.

Importing `re` and compiling the patterns of the grammar takes longer than everything else that
happens to a short formula, so the terminals are stored as one deterministic finite automaton, made
from the partial derivatives of the patterns: Valentin Antimirov, "Partial derivatives of regular
expressions and finite automaton constructions", Theoretical Computer Science 155 (1996).
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcli.language.tables import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.language.tables import Production

Rest = tuple[Any, ...]
"""The remainder of a pattern: the items of a parsed regular expression, in sequence."""


def compiled(text: str) -> dict[str, Any]:
    """Return the tables of a grammar, made by Lark: what gradcli.language.tables.Tables holds.

    Lark numbers states and productions anew each time; here they are numbered in the order of a
    walk from the start states, so that builds are reproducible.
    """
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    made = Lark(text, parser="lalr", lexer="basic", start=["formula", "value", "choice"])
    # Lark's own serialisation of a stand-alone parser: plain lists and dictionaries.
    data, memo = made.memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    starts = dict(sorted(table["start_states"].items()))
    order = list(starts.values())
    numbers = {state: number for number, state in enumerate(order)}
    productions: dict[int, int] = {}
    states = []
    for state in order:
        row = {}
        actions = {table["tokens"][symbol]: how for symbol, how in table["states"][state].items()}
        for symbol, (is_reduction, argument) in sorted(actions.items()):
            if is_reduction:
                row[symbol] = ~productions.setdefault(argument["@"], len(productions))
                continue
            row[symbol] = numbers.setdefault(argument, len(order))
            order += [argument] * (len(numbers) - len(order))
        states.append(row)
    terminals = sorted(
        (memo[t["@"]] for t in data["parser"]["lexer_conf"]["terminals"]),
        key=lambda t: (-t["priority"], -len(t["pattern"]["value"]), t["name"]),
    )
    strings: dict[str, str] = {}
    patterns = []
    for t in terminals:
        pattern: str = t["pattern"]["value"]
        if t["pattern"]["__type__"] == "PatternStr":
            strings[pattern] = t["name"]
            pattern = re.escape(pattern)
        patterns.append((t["name"], pattern))
    return {
        "format": FORMAT,
        "grammar": text,
        "productions": [_production(memo[number]) for number in productions],
        "states": states,
        "starts": {start: numbers[state] for start, state in starts.items()},
        "strings": strings,
        "patterns": patterns,
        **automaton(patterns, {*strings.values()}),
    }


def _production(rule: dict[str, Any]) -> Production:
    length = len(rule["expansion"])
    alias = rule["alias"]
    inlined = length == 1 and alias is None and rule["options"]["expand1"]
    origin: str = rule["origin"]["name"]
    return origin, length, None if inlined else alias or origin


def module(text: str) -> str:
    """Return the source of the module `gradcli.language.stored`: the tables of a grammar.

    It holds nothing but literals, which Python keeps as bytecode.
    """
    lines = [f"    {name!r}: {value!r}," for name, value in compiled(text).items()]
    return "\n".join(
        ['"""Made from grammars/expression.lark."""', "", "STORED = {", *lines, "}", ""]
    )


# ---------------------------------------------------------------- the terminals as an automaton


def automaton(patterns: list[tuple[str, str]], fixed: set[str]) -> dict[str, Any]:
    """Return the automaton of terminals, as Tables has it; where two match, a fixed one wins."""
    terminals = sorted(patterns, key=lambda terminal: terminal[0] not in fixed)
    start = tuple(frozenset(_heads(_parsed(pattern))) for _, pattern in terminals)
    letters = sorted({c for _, pattern in terminals for c in _characters(_parsed(pattern))})
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
    return {
        "classes": {c: number for c, number in zip(letters, classes[1:], strict=True) if number},
        "steps": tuple(zip(*columns, strict=True)),
        "accepted": [
            next((name for (name, _), r in zip(terminals, state, strict=True) if () in r), None)
            for state in numbers
        ],
    }


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
    named = _one_of(*rest[0]) if rest else None
    if named is not None and (letter in named[0]) != named[1]:
        yield from _heads(rest[1:])


def _heads(rest: Rest) -> Iterator[Rest]:
    """Yield the sequences that a remainder may be, each empty or with a character at its head."""
    if not rest or _one_of(*rest[0]) is not None:
        yield rest
    else:
        for longer in _unfolded(*rest[0]):
            yield from _heads((*longer, *rest[1:]))


def _one_of(kind: str, content: Any) -> tuple[set[str], bool] | None:
    """Return the characters that an item names, and whether it matches all others instead.

    None when it does not match one character.
    """
    if kind in {"LITERAL", "NOT_LITERAL"}:
        return {chr(content)}, kind == "NOT_LITERAL"
    if kind != "IN":
        return None
    ranges = [(x, x) if what == "LITERAL" else x for what, x in content if what != "NEGATE"]
    named = {chr(code) for low, high in ranges for code in range(low, high + 1)}
    return named, ("NEGATE", None) in content


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
        named = _one_of(kind, content)
        if named is not None:
            found |= named[0]
        elif kind == "MAX_REPEAT":
            found |= _characters(content[-1])
        else:
            found.update(*map(_characters, _unfolded(kind, content)))
    return found
