"""The operands among the tokens of a text, right or wrong: where each begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.precedence import (
    AND,
    ATOM,
    COMPARISON,
    NOT,
    OR,
    POSTFIX,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
)
from gradcli.language.scanner import SCANNER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.language.scanner import Tokens

BINARY = {
    "OR": OR,
    "AND": AND,
    "COMPARISON": COMPARISON,
    "PLUS": SUM,
    "MINUS": SUM,
    "STAR": PRODUCT,
    "SLASH": PRODUCT,
    "AT": PRODUCT,
    "IMPLICIT": PRODUCT,
    "POWER": POWER,
}
"""The terminals between two operands, and how tightly each binds."""
POSTFIXES = {"BANG", "DEGREE", "SUPERSCRIPT", "TRANSPOSED"}
ENDS = {"NUMBER", "NAME", "RPAR", "RSQB", *POSTFIXES}
"""The terminals with which an operand can end."""
STARTS = {"NUMBER", "NAME", "LPAR", "LSQB"}
"""The terminals with which an operand without a sign can start."""
SIGNS = {"PLUS", "MINUS"}
PAIRS = {"LPAR": "RPAR", "LSQB": "RSQB"}


def before(tokens: Tokens, index: int, level: int = POSTFIX) -> int | None:
    """Return the first token of the operand that ends before token `index`.

    It holds all operators that bind at least as tightly as `level`. None where none ends there.
    """
    kinds = tokens.kinds
    first = _atom_before(tokens, index)
    while first:
        kind = kinds[first - 1]
        if is_sign(kinds, first - 1):
            if (POWER if _is_in_exponent(kinds, first - 1) else SIGN) < level:
                break
            first -= 1
        elif kind == "NOT" and level <= NOT:
            first -= 1
        elif BINARY.get(kind, -1) >= level:
            longer = _atom_before(tokens, first - 1)
            if longer is None:
                break
            first = longer
        else:
            break
    return first


def is_sign(kinds: Sequence[str], place: int) -> bool:
    """Return whether a token is a sign, and no operator between two operands."""
    return kinds[place] in SIGNS and not (place and kinds[place - 1] in ENDS)


def _is_in_exponent(kinds: Sequence[str], sign: int) -> bool:
    while sign >= 0 and kinds[sign] in SIGNS:
        sign -= 1
    return sign >= 0 and kinds[sign] == "POWER"


def _atom_before(tokens: Tokens, index: int) -> int | None:
    """Return the first token of the name, number, call, group or array that ends before a token."""
    kinds = tokens.kinds
    place = index - 1
    while place >= 0:
        kind = kinds[place]
        if kind in {"NUMBER", "NAME"}:
            return place
        if kind in PAIRS.values():
            opening = matching(tokens, place)
            if opening is None:
                return None
            before_it = kinds[opening - 1] if opening else ""
            if kind == "RPAR":
                return opening - 1 if before_it == "NAME" else opening
            if before_it not in ENDS:
                return opening
            place = opening  # an index: what is indexed belongs to it
        elif kind not in POSTFIXES:
            return None
        place -= 1
    return None


def after(tokens: Tokens, index: int, level: int = POSTFIX) -> int | None:
    """Return the last token of the operand that starts at token `index`, signs before it included.

    It holds all operators that bind at least as tightly as `level`. None where none starts there.
    """
    kinds = tokens.kinds
    place: int | None = index
    while place is not None:
        while kinds[place] in SIGNS or (kinds[place] == "NOT" and level <= NOT):
            place += 1
        place = _atom_after(tokens, place)
        if place is None or BINARY.get(kinds[place + 1], -1) < level:
            break
        place += 2
    return place


def _atom_after(tokens: Tokens, place: int) -> int | None:
    """Return the last token of the number, name, call, group or array that starts at a token."""
    kinds = tokens.kinds
    if kinds[place] not in STARTS:
        return None
    if kinds[place] == "NAME" and kinds[place + 1] == "LPAR":
        place += 1
    end = matching(tokens, place) if kinds[place] in PAIRS else place
    while end is not None and kinds[end + 1] in {*POSTFIXES, "LSQB"}:
        end = matching(tokens, end + 1) if kinds[end + 1] == "LSQB" else end + 1
    return end


def matching(tokens: Tokens, place: int) -> int | None:
    """Return the bracket that belongs to the one at `place`; None when it has none."""
    kinds = tokens.kinds
    opens = kinds[place] in PAIRS
    waiting: list[str] = []
    step = 1 if opens else -1
    partner = PAIRS if opens else {closing: opening for opening, closing in PAIRS.items()}
    while 0 <= place < len(kinds):
        kind = kinds[place]
        if kind in partner:
            waiting.append(partner[kind])
        elif kind in partner.values():
            if waiting.pop() != kind:
                return None
            if not waiting:
                return place
        place += step
    return None


def text(tokens: Tokens, first: int, last: int) -> str:
    """Return the text of some tokens, with what lies between them."""
    return tokens.source[tokens.start(first) : tokens.span(last)[1]]


def unwrapped(tokens: Tokens, first: int, last: int) -> str:
    """Return the text of an operand, of a group without its parentheses."""
    if tokens.kinds[first] == "LPAR" and matching(tokens, first) == last:
        first, last = first + 1, last - 1
    return text(tokens, first, last)


def arguments(tokens: Tokens, opening: int, closing: int) -> list[str]:
    """Return the texts between a bracket and its partner that commas separate."""
    found = []
    depth, first = 0, opening + 1
    for place in range(opening + 1, closing + 1):
        kind = tokens.kinds[place]
        if depth == 0 and (kind == "COMMA" or place == closing):
            found.append(text(tokens, first, place - 1) if place > first else "")
            first = place + 1
        depth += (kind in PAIRS) - (kind in PAIRS.values())
    return found


def level_of(formula: str) -> int:
    """Return how tightly the loosest operator of an expression binds."""
    kinds = SCANNER.scan(formula).kinds
    found = ATOM
    depth = 0
    for place, kind in enumerate(kinds):
        depth += (kind in PAIRS) - (kind in PAIRS.values())
        if depth == 0:
            found = min(found, level_at(kinds, place))
    return found


def level_at(kinds: Sequence[str], place: int) -> int:
    """Return how tightly the operator binds that a token is; ATOM for one that is none."""
    kind = kinds[place]
    if is_sign(kinds, place):
        return SIGN
    if kind in POSTFIXES:
        return POSTFIX
    return BINARY.get(kind, {"NOT": NOT, "ILLEGAL": OR}.get(kind, ATOM))
