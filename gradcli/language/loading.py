"""The tables of the grammar: stored when gradcli was built, or else made by Lark."""

from __future__ import annotations

import os

from gradcli.language.tables import FORMAT, Automaton, Production, Tables

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
