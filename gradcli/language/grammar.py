"""The grammar, compiled by Lark into LALR(1) tables and terminals, and stored as a module."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from gradcli.language.automaton import automaton
from gradcli.language.tables import FORMAT, Production, Tables


def compiled(text: str) -> Tables:
    """Return the tables of a grammar, made by Lark."""
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    made = Lark(text, parser="lalr", lexer="basic", start=["formula", "value", "choice"])
    # Lark's own serialisation of a stand-alone parser: plain lists and dictionaries.
    data, memo = made.memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    tokens: dict[int, str] = table["tokens"]
    productions: dict[int, Production] = {}
    states: list[dict[str, int | Production]] = [{} for _ in table["states"]]
    for state, actions in table["states"].items():
        for token, (is_reduction, argument) in actions.items():
            if is_reduction:
                number = argument["@"]
                if number not in productions:
                    productions[number] = _production(memo[number])
                states[state][tokens[token]] = productions[number]
            else:
                states[state][tokens[token]] = argument
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


def _production(rule: dict[str, Any]) -> Production:
    length = len(rule["expansion"])
    alias = rule["alias"]
    inlined = length == 1 and alias is None and rule["options"]["expand1"]
    origin: str = rule["origin"]["name"]
    return Production(origin, length, None if inlined else alias or origin)


def module(text: str) -> str:
    """Return the source of the module `gradcli.language.stored`: the tables of a grammar.

    It holds nothing but literals, which Python keeps as bytecode. In a state n >= 0 shifts to state
    n, and ~n reduces by production n. Lark numbers both anew each time; here they are numbered in
    the order of a walk from the start states, so that builds are reproducible.
    """
    made = compiled(text)
    terminals = automaton(made)
    starts = dict(sorted(made.starts.items()))
    order = list(starts.values())
    numbers = {state: number for number, state in enumerate(order)}
    productions: dict[Production, int] = {}
    states = []
    for state in order:
        row = {}
        for symbol, action in sorted(made.states[state].items(), key=itemgetter(0)):
            if isinstance(action, Production):
                row[symbol] = ~productions.setdefault(action, len(productions))
                continue
            if action not in numbers:
                numbers[action] = len(order)
                order.append(action)
            row[symbol] = numbers[action]
        states.append(row)
    values = {
        "format": FORMAT,
        "grammar": text,
        "rules": tuple((p.rule, p.length, p.callback) for p in productions),
        "states": tuple(states),
        "starts": {start: numbers[state] for start, state in starts.items()},
        "strings": made.strings,
        "patterns": tuple(made.patterns),
        "classes": terminals.classes,
        "steps": terminals.steps,
        "accepted": terminals.accepted,
    }
    lines = [f"    {name!r}: {value!r}," for name, value in values.items()]
    return "\n".join(
        ['"""Made from grammars/expression.lark."""', "", "STORED = {", *lines, "}", ""]
    )
