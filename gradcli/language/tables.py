"""The grammar, compiled by Lark into LALR(1) tables and terminals."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent.parent


class Reduction(NamedTuple):
    """A grammar rule as the parser applies it: how many parts make which rule, by which method."""

    rule: str
    parts: int
    method: str | None
    """Name of the builder's method; None for a rule of one part that stands for that part."""


class Tables(NamedTuple):
    """What the parser needs to know of the grammar."""

    states: list[dict[str, int | Reduction]]
    """For each state what to do on a terminal or rule: go to a state, or reduce."""
    starts: dict[str, int]
    """First state by start rule."""
    strings: dict[str, str]
    """Terminals that are one fixed text: text to terminal."""
    patterns: list[tuple[str, str]]
    """All terminals as (name, regular expression), in the order in which they are tried."""


def grammar_file() -> Path:
    """Return the path of the grammar, in an installed package or in a checkout."""
    for folder in (HERE, HERE.parent):
        path = folder / "grammars" / "expression.lark"
        if path.exists():
            return path
    message = "grammars/expression.lark is missing from this installation"
    raise FileNotFoundError(message)


def load() -> Tables:
    """Return the tables of the grammar file, made by Lark."""
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    compiled = Lark(
        grammar_file().read_text(encoding="utf-8"),
        parser="lalr",
        lexer="basic",
        start=["formula", "value", "choice"],
    )
    # The form in which Lark itself stores a stand-alone parser: plain lists and dictionaries.
    data, memo = compiled.memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    tokens: dict[int, str] = table["tokens"]
    states: list[dict[str, int | Reduction]] = [{} for _ in table["states"]]
    for state, actions in table["states"].items():
        for token, (is_reduction, argument) in actions.items():
            action = _reduction(memo[argument["@"]]) if is_reduction else argument
            states[state][tokens[token]] = action
    terminals = sorted(
        (memo[t["@"]] for t in data["parser"]["lexer_conf"]["terminals"]),
        key=lambda t: (-t["priority"], -len(t["pattern"]["value"]), t["name"]),
    )
    return Tables(
        states,
        table["start_states"],
        {
            t["pattern"]["value"]: t["name"]
            for t in terminals
            if t["pattern"]["__type__"] == "PatternStr"
        },
        [(t["name"], _regular_expression(t["pattern"])) for t in terminals],
    )


def _regular_expression(pattern: dict[str, Any]) -> str:
    from re import escape

    value: str = pattern["value"]
    return escape(value) if pattern["__type__"] == "PatternStr" else value


def _reduction(rule: dict[str, Any]) -> Reduction:
    parts = len(rule["expansion"])
    alias = rule["alias"]
    inlined = parts == 1 and alias is None and rule["options"]["expand1"]
    origin: str = rule["origin"]["name"]
    return Reduction(origin, parts, None if inlined else alias or origin)
