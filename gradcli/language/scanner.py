"""Formula text to tokens: the terminals of the grammar, with implicit products made visible.

A long text is split by one regular expression, and each distinct token is classified once, so that
a million tokens cost little more than the splitting. A short one is split by the automaton that was
stored with the tables, which takes less time than importing `re`. Positions are computed only when
an error needs them.
"""

from __future__ import annotations

import os
from itertools import accumulate

from gradcli.language.tables import FORMAT, Tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

END = "$END"
ILLEGAL = "ILLEGAL"
SHORT = 2000
"""The automaton splits so many characters in less time than importing and compiling `re` takes."""

_IGNORED = {"SPACE", "COMMENT"}
_OPENING = {"LPAR", "LSQB"}
_CLOSING = {"RPAR", "RSQB"}
_SIGNS = {"PLUS", "MINUS"}
_BEFORE_IMPLICIT = {"NUMBER", "RPAR"}
_AFTER_IMPLICIT = {"NAME", "LPAR"}
_IMPLICIT_POSSIBLE = r"[0-9.)](?:[^\W\d]|_|\()"


class Tokens:
    """The tokens of one text: `kinds[i]` is the terminal and `texts[i]` the characters of token i.

    The last token is END, with no characters.
    """

    __slots__ = ("_kept", "_pieces", "_starts", "kinds", "source", "texts")

    def __init__(
        self, source: str, kinds: list[str], texts: list[str], pieces: list[str], kept: list[int]
    ) -> None:
        self.source = source
        self.kinds = kinds
        self.texts = texts
        self._pieces = pieces
        self._kept = kept
        self._starts: list[int] = []

    def start(self, index: int) -> int:
        """Return the position in the source of the first character of a token."""
        if not self._starts:
            self._starts = [0, *accumulate(map(len, self._pieces))]
        position = self._kept[index] if self._kept else index
        return self._starts[position]

    def span(self, index: int) -> tuple[int, int]:
        """Return the range of the source that a token takes."""
        start = self.start(index)
        return start, start + len(self.texts[index])


class Scanner:
    """Splits text into the terminals of a grammar."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._cut: Any = None
        """The regular expression of all terminals, compiled with the next two."""
        self._implicit_possible: Any = None
        self._whole: Any = None

    def kind(self, text: str) -> str:
        """Return the terminal that matches a whole text, or ILLEGAL."""
        if text in self._tables.strings:
            return self._tables.strings[text]
        if len(text) <= SHORT:
            kind, end = next(_cut_by(self._tables, text), (ILLEGAL, 0))
            return kind if end == len(text) else ILLEGAL
        self._compile()
        found = self._whole.fullmatch(text)
        return ILLEGAL if found is None else found.lastgroup

    def scan(self, source: str) -> Tokens:
        """Return the tokens of `source`; characters outside the language become ILLEGAL tokens."""
        if len(source) <= SHORT:
            kinds, pieces, start = [], [], 0
            for kind, end in _cut_by(self._tables, source):
                kinds.append(kind)
                pieces.append(source[start:end])
                start = end
            return _arranged(source, [*kinds, END], [*pieces, ""])
        self._compile()
        pieces = self._cut.findall(source)
        kinds_of = {text: self.kind(text) for text in set(pieces)}
        present = set(kinds_of.values())
        pieces.append("")
        kinds_of[""] = END
        kinds = [kinds_of[piece] for piece in pieces]
        if present.isdisjoint(("SPACE", "COMMENT", "NEWLINE")) and not (
            self._implicit_possible.search(source)
        ):
            return Tokens(source, kinds, pieces, pieces, [])
        return _arranged(source, kinds, pieces)

    def _compile(self) -> None:
        """Compile the regular expressions, once."""
        if self._cut is not None:
            return
        import re

        patterns = self._tables.patterns
        named = [f"(?P<{name}>{pattern})" for name, pattern in patterns]
        self._whole = re.compile("|".join(named))
        self._implicit_possible = re.compile(_IMPLICIT_POSSIBLE)
        self._cut = re.compile("|".join([*(pattern for _, pattern in patterns), r"[\s\S]"]))


def _cut_by(tables: Tables, text: str) -> Iterator[tuple[str, int]]:
    """Yield the terminal and the end of each token of a text; the longest match wins."""
    classes, steps, accepted = tables.classes, tables.steps, tables.accepted
    start, size = 0, len(text)
    while start < size:
        kind, end = ILLEGAL, start + 1
        state = 0
        for position in range(start, size):
            state = steps[state][classes.get(text[position], 0)]
            if state < 0:
                break
            terminal = accepted[state]
            if terminal is not None:
                kind, end = terminal, position + 1
        yield kind, end
        start = end


def _arranged(source: str, all_kinds: list[str], pieces: list[str]) -> Tokens:
    """Return the tokens without spaces and comments, with IMPLICIT for each implicit product.

    A newline outside parentheses is a SEPARATOR, except beside another one and at either end.
    """
    kinds: list[str] = []
    kept: list[int] = []
    depth = 0
    is_call: list[bool] = []  # for each open parenthesis, whether a name stands before it
    closed_call = False
    for position, kind in enumerate(all_kinds):
        if kind in _IGNORED:
            continue
        adjacent = bool(kept) and kept[-1] == position - 1
        if kind == "NEWLINE":
            if depth or not kinds or kinds[-1] == "SEPARATOR":
                continue
            kind = "SEPARATOR"  # noqa: PLW2901 - the newline plays this part from here on
        elif kind in _OPENING:
            if kind == "LPAR":
                is_call.append(bool(kinds) and kinds[-1] == "NAME")
            depth += 1
        elif kind in _CLOSING:
            depth = max(0, depth - 1)
        if (
            kind in _AFTER_IMPLICIT
            and adjacent
            and kinds[-1] in _BEFORE_IMPLICIT
            and not (kinds[-1] == "RPAR" and closed_call)
            and not (kinds[-1] == "NUMBER" and _is_exponent(kinds))
            and not is_misspelt_number(pieces[position - 1], pieces[position])
        ):
            kinds.append("IMPLICIT")
            kept.append(position)
        if kind == "RPAR":
            closed_call = is_call.pop() if is_call else False
        kinds.append(kind)
        kept.append(position)
    while len(kinds) > 1 and kinds[-2] == "SEPARATOR" and pieces[kept[-2]].endswith("\n"):
        del kinds[-2], kept[-2]
    texts = [
        "" if kind == "IMPLICIT" else pieces[position]
        for kind, position in zip(kinds, kept, strict=True)
    ]
    return Tokens(source, kinds, texts, pieces, kept)


def _is_exponent(kinds: list[str]) -> bool:
    """Return whether the number that is the last token is an exponent: e^2x has two readings."""
    position = len(kinds) - 2
    while position > 0 and kinds[position] in _SIGNS:
        position -= 1
    return position > 0 and kinds[position] == "POWER"


def is_misspelt_number(number: str, name: str) -> bool:
    """Return whether a number and the name that touches it are a number of another notation.

    `1e`, `2e+3x` cut short, `0x1F`, `0b1`, `1_000`: none of them is read as a product.
    """
    return (
        name in {"e", "E"} or name[0] == "_" or (number == "0" and name[0] in "xXbBoO")
    ) and number != ")"


# ---------------------------------------------------------------- the tables of the grammar

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


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


def load() -> Tables:
    """Return the tables that the build stored, or that Lark makes where these do not fit."""
    text = grammar()
    try:
        from gradcli.language.stored import STORED as values  # noqa: N811
    except ImportError:
        values = {}
    if (values.get("format"), values.get("grammar")) != (FORMAT, text):
        from gradcli.language.grammar import compiled

        values = compiled(text)
    return Tables(values)


TABLES = load()
SCANNER = Scanner(TABLES)
