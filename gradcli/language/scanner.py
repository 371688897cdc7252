"""Formula text to tokens: the terminals of the grammar, with implicit products made visible.

The whole text is cut by one regular expression, and each distinct piece is classified once, so
that a million tokens cost little more than the cutting. Positions are worked out only when an
error needs them.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcli.language.tables import Tables

END = "$END"
ILLEGAL = "ILLEGAL"
_IGNORED = {"SPACE", "COMMENT"}
_OPENING = {"LPAR", "LSQB"}
_CLOSING = {"RPAR", "RSQB"}
_BEFORE_IMPLICIT = {"NUMBER", "RPAR"}
_AFTER_IMPLICIT = {"NAME", "LPAR"}
_IMPLICIT_POSSIBLE = re.compile(r"[0-9.)](?:[^\W\d]|_|\()")


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
        place = self._kept[index] if self._kept else index
        return self._starts[place]

    def span(self, index: int) -> tuple[int, int]:
        """Return the range of the source that a token takes."""
        start = self.start(index)
        return start, start + len(self.texts[index])


class Scanner:
    """Cuts text into the terminals of a grammar."""

    def __init__(self, tables: Tables) -> None:
        self._strings = tables.strings
        self._patterns = [(name, re.compile(pattern)) for name, pattern in tables.patterns]
        joined = "|".join(pattern for _, pattern in tables.patterns)
        self._cut = re.compile(f"{joined}|[\\s\\S]")

    def kind(self, text: str) -> str:
        """Return the terminal that a piece of text is, or ILLEGAL."""
        if text in self._strings:
            return self._strings[text]
        for name, pattern in self._patterns:
            if pattern.fullmatch(text):
                return name
        return ILLEGAL

    def scan(self, source: str) -> Tokens:
        """Return the tokens of `source`; characters outside the language become ILLEGAL tokens."""
        pieces = self._cut.findall(source)
        kinds_of = {text: self.kind(text) for text in set(pieces)}
        present = set(kinds_of.values())
        pieces.append("")
        kinds_of[""] = END
        kinds = [kinds_of[piece] for piece in pieces]
        if present.isdisjoint(("SPACE", "COMMENT", "NEWLINE")) and not _IMPLICIT_POSSIBLE.search(
            source
        ):
            return Tokens(source, kinds, pieces, pieces, [])
        return _arranged(source, kinds, pieces)


def _arranged(source: str, all_kinds: list[str], pieces: list[str]) -> Tokens:
    """Return the tokens without blanks and comments, with IMPLICIT where a product is meant.

    A newline outside parentheses is a SEPARATOR, except beside another one and at either end.
    """
    kinds: list[str] = []
    kept: list[int] = []
    depth = 0
    is_call: list[bool] = []  # for each open parenthesis, whether a name stands before it
    closed_call = False
    for place, kind in enumerate(all_kinds):
        if kind in _IGNORED:
            continue
        adjacent = bool(kept) and kept[-1] == place - 1
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
            and not _misspelt_number(pieces[place - 1], pieces[place])
        ):
            kinds.append("IMPLICIT")
            kept.append(place)
        if kind == "RPAR":
            closed_call = is_call.pop() if is_call else False
        kinds.append(kind)
        kept.append(place)
    _drop_last_newlines(kinds, kept, pieces)
    texts = [
        "" if kind == "IMPLICIT" else pieces[place] for kind, place in zip(kinds, kept, strict=True)
    ]
    return Tokens(source, kinds, texts, pieces, kept)


def _misspelt_number(number: str, name: str) -> bool:
    """Return whether a number and the name that touches it are a number of another notation.

    `1e`, `2e+3x` cut short, `0x1F`, `0b1`, `1_000`: none of them is read as a product.
    """
    return (
        name in {"e", "E"} or name[0] == "_" or (number == "0" and name[0] in "xXbBoO")
    ) and number != ")"


def _drop_last_newlines(kinds: list[str], kept: list[int], pieces: list[str]) -> None:
    while len(kinds) > 1 and kinds[-2] == "SEPARATOR" and pieces[kept[-2]].endswith("\n"):
        del kinds[-2], kept[-2]
