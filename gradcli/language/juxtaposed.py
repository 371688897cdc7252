"""Two operands with nothing between them, and what may be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.precedence import POWER, PRODUCT
from gradcli.language import meant
from gradcli.language.characters import python_condition, with_factors
from gradcli.language.names import is_function
from gradcli.language.numerals import groups, items, misspelt_number, thousands
from gradcli.language.operands import (
    ENDS,
    SIGNS,
    STARTS,
    after,
    before,
    text,
    unwrapped,
)
from gradcli.language.repairs import (
    Edit,
    Repair,
    filled,
    replaced,
)
from gradcli.language.scanner import is_misspelt_number

if TYPE_CHECKING:
    from gradcli.language.scanner import Tokens

    Span = tuple[int, int]
    Found = tuple[str | None, Repair, Span | None] | None
    """A sentence, None for what was expected; the repair; the place, None for that of the token."""


def two_operands(tokens: Tokens, index: int, accepted: set[str], start: str) -> Found:
    """Two operands with nothing between them: `2 3`, `x y`, `sin x`, `sin(1)(2)`, `e^2x`."""
    kinds = tokens.kinds
    kind, word = kinds[index], tokens.texts[index]
    if kind not in STARTS or "STAR" not in accepted or kinds[index - 1] not in ENDS:
        return None
    last = tokens.texts[index - 1]
    is_touching = tokens.start(index) == tokens.span(index - 1)[1]
    if kinds[index - 1] == "NUMBER" and is_touching and is_misspelt_number(last, word):
        return misspelt_number(tokens, index)
    if word == "if":
        return "a condition is written with where", python_condition(tokens, index), None
    if kinds[index - 1] == "NAME" and is_function(last):
        return f"{last} needs its argument in parentheses", _argument(tokens, index), None
    foreign = meant.FOREIGN & {word, last}
    if foreign:
        span = tokens.span(index if word in foreign else index - 1)
        return f"'{foreign.pop()}' has no meaning in a formula", Repair(), span
    numbers = kinds[index - 1] == "NUMBER" == kind
    if numbers and is_touching:
        words = "a number has one point, and no exponent after it: 1.25"
        span = (tokens.start(index - 1), tokens.span(index)[1])
        return f"{last}{word} is not a number", Repair(otherwise=words), span
    message = "an operator is missing between two parts"
    if word in meant.INFIX and kinds[index + 1] in {*STARTS, *SIGNS}:
        return message, Repair(_infix(tokens, index, meant.INFIX[word])), None
    if word in {"x", "X"} and kinds[index - 1] == "NUMBER" == kinds[index + 1]:
        other = tokens.texts[index + 1]
        edit = Edit(tokens.start(index - 1), tokens.span(index + 1)[1], f"{last}*{other}")
        return message, Repair((edit,)), None
    edits = products(tokens, index)
    if numbers:
        first, end = groups(tokens, index - 1, None)
        whole = thousands(tokens, first, end)
        array = items(tokens) if start == "value" else None
        others = (Edit(0, len(tokens.source), array),) if array else edits
        edits = whole if tokens.texts[end] == "000" else (*whole, *others)
    elif len(edits) > 1:
        span = (edits[0].start, edits[0].end)
        shown = tokens.source[slice(*span)]
        return f"{shown} can be read two ways", Repair(edits, otherwise=APART), span
    return message, Repair(edits, is_guess=True), None


APART = "add parentheses or '*'"


def products(tokens: Tokens, index: int) -> tuple[Edit, ...]:
    """Return the edits that make a product of the operand at a token and the one before it.

    After a quotient, 1/2x, and after an exponent, e^2x, there is one for each reading.
    """
    kinds = tokens.kinds
    edge = index - (kinds[index - 1] == "IMPLICIT")
    first, power = before(tokens, edge), before(tokens, edge, POWER)
    last = after(tokens, index, POWER)
    if first is None or power is None or last is None:
        return ()
    right = text(tokens, index, last)
    end = tokens.span(last)[1]
    exponent = _before_signs(kinds, first)
    quotient = _before_signs(kinds, power)
    found = []
    if quotient >= 0 and kinds[quotient] == "SLASH":
        whole = before(tokens, edge, PRODUCT) or 0
        start = tokens.start(whole)
        above, below = text(tokens, whole, quotient - 1), text(tokens, quotient + 1, edge - 1)
        sign = tokens.texts[quotient]
        found += [f"({above}{sign}{below})*{right}", f"{above}{sign}({below}*{right})"]
    else:
        start = tokens.start(power)
        found += [f"({text(tokens, power, edge - 1)})*{right}"]
    if exponent >= 0 and kinds[exponent] == "POWER" and kinds[first] != "LPAR":
        raised = tokens.source[start : tokens.span(exponent)[1]]
        found += [f"{raised}({text(tokens, exponent + 1, edge - 1)}*{right})"]
    if len(found) == 1:
        start = tokens.start(first)
        found = [f"{text(tokens, first, edge - 1)}*{right}"]
    return tuple(Edit(start, end, one) for one in found)


def _before_signs(kinds: list[str], place: int) -> int:
    place -= 1
    while place >= 0 and kinds[place] in SIGNS and (place == 0 or kinds[place - 1] not in ENDS):
        place -= 1
    return place


def _argument(tokens: Tokens, index: int) -> Repair:
    """Return the repair for `sin x`; `sin x^2` and `sin 2x` may be read in two ways."""
    name = tokens.texts[index - 1]
    short, long = after(tokens, index), after(tokens, index, POWER)
    while long is not None and tokens.kinds[long + 1] == "IMPLICIT":
        long = after(tokens, long + 2, POWER)
    edits = []
    for end in dict.fromkeys((short, long)):
        if end is not None and long is not None:
            call = f"{name}({unwrapped(tokens, index, end)})"
            edits.append(replaced(tokens, index - 1, *with_factors(tokens, call, end, long)[::-1]))
    return Repair(tuple(edits))


def _infix(tokens: Tokens, index: int, template: str) -> tuple[Edit, ...]:
    first, last = before(tokens, index, PRODUCT), after(tokens, index + 1, POWER)
    if first is None or last is None:
        return ()
    parts = {"a": unwrapped(tokens, first, index - 1), "b": unwrapped(tokens, index + 1, last)}
    return (replaced(tokens, first, last, filled(template, parts)),)
