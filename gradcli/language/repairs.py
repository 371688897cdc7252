"""Repairs of a formula: each is tried before it is printed.

A repair is an edit of the text. What is printed is the formula that the edit makes, or of a long
one the part that is new; either is printed only if it can be read. Where two readings are possible
there is an edit for each, and all of them are printed or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import FormulaError
from gradcli.graph.precedence import (
    ATOM,
    POSTFIX,
)
from gradcli.language.operands import (
    BINARY,
    ENDS,
    POSTFIXES,
    STARTS,
    after,
    before,
    level_at,
    level_of,
    text,
)
from gradcli.language.scanner import SCANNER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.language.scanner import Tokens

    Reader = Callable[[str], "Finding | None"]
    """Reads a text, and returns what is wrong with it; None for a formula."""

LONGEST_SHOWN = 120
"""Characters of a formula that is printed as a repair; of a longer one only the new part is."""
LONGEST_TRIED = 20_000
"""Characters of a formula whose repairs are tried; a longer one has none, which saves time."""
MOST_EDITS = 12
"""How many faults of one formula are repaired together."""


class Edit(NamedTuple):
    """What is to stand in place of the characters from `start` to `end` of a text."""

    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """Return the text with the edit made."""
        return source[: self.start] + self.text + source[self.end :]


class Repair(NamedTuple):
    """What may be meant: `edits` are several where there are several readings."""

    edits: tuple[Edit, ...] = ()
    words: str = "write {}"
    """What is said; {} stands for the formulas."""
    otherwise: str | Repair | None = None
    """What is said when no edit leads to a formula."""
    is_guess: bool = False
    """Whether the edit is a guess, with which no other repair is to be combined."""
    example: str | None = None
    """A function, of which a call is shown when no edit leads to a formula."""


class Finding(NamedTuple):
    """What is wrong with a formula: a sentence, its place, and the repair."""

    message: str
    span: tuple[int, int]
    repair: Repair = Repair()
    error: type[FormulaError] = FormulaError


def hint(source: str, repair: Repair, read: Reader) -> tuple[str | None, list[str]]:
    """Return what is said to repair a formula, and the formulas in it. `read` tries a text."""
    found = formulas(source, repair, read)
    if not found and repair.example is not None:
        found = example(repair.example, read)
    if found:
        words = repair.words
        return words.format(*(found if "{0}" in words else [" or ".join(found)])), found
    if isinstance(repair.otherwise, Repair):
        return hint(source, repair.otherwise, read)
    return repair.otherwise, []


def formulas(source: str, repair: Repair, read: Reader) -> list[str]:
    """Return the formulas to be printed for a repair: one for each edit, or none at all."""
    if not repair.edits or len(source) > LONGEST_TRIED:
        return []
    made = [_completed(source, edit, repair, read) for edit in repair.edits]
    wholes = [whole for whole, found in made if found is None]
    if len(wholes) == len(made) and all(map(_can_be_shown, wholes)):
        return list(dict.fromkeys(wholes))
    # Elsewhere the formula may be wrong too, or it is long: what is new can still be shown.
    for (whole, found), edit in zip(made, repair.edits, strict=True):
        if found is not None and whole == edit.applied(source) and _meets(found.span, edit):
            return []
    parts = [edit.text.strip() for edit in repair.edits]
    if all(_can_be_shown(part) and read(part) is None for part in parts):
        return list(dict.fromkeys(parts))
    return []


def _completed(source: str, edit: Edit, repair: Repair, read: Reader) -> tuple[str, Finding | None]:
    """Return the text after an edit and those that it still needs, and what is wrong with it."""
    made = edit.applied(source)
    found = read(made)
    # What is too long to be shown whole need not become right everywhere.
    for _ in range(MOST_EDITS if _can_be_shown(made) else 1):
        if found is None or len(found.repair.edits) != 1:
            break
        if found.repair.is_guess and found.repair.words != repair.words:
            break  # nothing is guessed after something else
        longer = found.repair.edits[0].applied(made)
        after = read(longer)
        if after is not None and after.repair == found.repair:
            break
        made, found = longer, after
    return made, found


def _meets(span: tuple[int, int], edit: Edit) -> bool:
    return span[0] < edit.start + len(edit.text) and edit.start < span[1]


def _can_be_shown(text: str) -> bool:
    return len(text) <= LONGEST_SHOWN and text.isprintable()


# ---------------------------------------------------------------- edits


def replaced(tokens: Tokens, first: int, last: int, formula: str) -> Edit:
    """Return the edit that puts an expression in place of some tokens.

    It is put in parentheses where what stands beside it would tear it apart.
    """
    kinds = tokens.kinds
    level = level_of(formula)
    left = kinds[first - 1] if first else ""
    right = kinds[last + 1]
    outer = level_at(kinds, first - 1) if left in {*BINARY, "NOT"} else -1
    inner = POSTFIX if right in {*POSTFIXES, "LSQB"} else BINARY.get(right, -1)
    is_torn = (
        max(outer, inner) > level
        or (outer == level and left in {"SLASH", "AT", "MINUS", "COMPARISON"})
        or (inner == level and right in {"POWER", "COMPARISON"})
        or (level < ATOM and (left in ENDS or right in STARTS))
        or (left == "IMPLICIT" and formula[:1].isdigit())
    )
    if is_torn:
        formula = f"({formula})"
    return Edit(tokens.start(first), tokens.span(last)[1], formula)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Return an expression with expressions in place of some of its names."""
    tokens = SCANNER.scan(template)
    made = template
    for place in reversed(range(len(tokens.kinds))):
        if tokens.texts[place] in parts and tokens.kinds[place] == "NAME":
            made = replaced(tokens, place, place, parts[tokens.texts[place]]).applied(made)
    return made


def joined(tokens: Tokens, index: int, last: int, sign: str, level: int) -> tuple[Edit, ...]:
    """Return the edit that puts an operator of a level in place of the tokens `index` to `last`.

    With `last` before `index` it is put between two tokens. The edit spans the operands on both
    sides, so that what is shown of it is a formula; without two operands there is none.
    """
    first, end = before(tokens, index, level + 1), after(tokens, last + 1, level + 1)
    if first is None or end is None:
        return ()
    left, right = text(tokens, first, index - 1), text(tokens, last + 1, end)
    if last >= index:
        source = tokens.source
        gap = source[tokens.span(index - 1)[1] : tokens.start(index)]
        other = source[tokens.span(last)[1] : tokens.start(last + 1)]
        blank = " " if sign.startswith(" ") else ""
        sign = f"{gap or blank}{sign.strip()}{other or blank}"
    return (Edit(tokens.start(first), tokens.span(end)[1], f"{left}{sign}{right}"),)


_EXAMPLES = ("x", "x, y", "x, y, z", "1, x", "3", "[1, 2]", "[1, 2], [3, 4]", "0, 1, 11")


def example(name: str, read: Reader) -> list[str]:
    """Return a call of a function of the language, as an example; none when there is none."""
    calls = [f"{name}({inside})" for inside in _EXAMPLES]
    return [call for call in calls if read(call) is None][:1]
