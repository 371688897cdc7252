"""Tokens that cannot stand where they do: one sentence, the place, and what was probably meant.

What is proposed here is only a candidate: `repairs` tries it before it is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.graph.precedence import COMPARISON, POWER, PRODUCT
from gradcli.language import meant
from gradcli.language.calls import EQUALITY, did_you_mean
from gradcli.language.juxtaposed import two_operands
from gradcli.language.names import CONSTANTS, FUNCTION_NAMES, is_function, is_reserved
from gradcli.language.numerals import comma, range_without_step
from gradcli.language.operands import (
    ENDS,
    PAIRS,
    after,
    before,
    text,
)
from gradcli.language.repairs import (
    Edit,
    Finding,
    Repair,
    joined,
    replaced,
)
from gradcli.language.scanner import END

if TYPE_CHECKING:
    from gradcli.language.scanner import Tokens

    Span = tuple[int, int]
    Found = tuple[str | None, Repair, Span | None] | None
    """A sentence, None for what was expected; the repair; the place, None for that of the token."""


def unexpected_token(tokens: Tokens, index: int, accepted: set[str], start: str) -> Finding:
    """Return what is wrong with a token that cannot stand where it does.

    `accepted` are the terminals that could, and `start` is the start rule.
    """
    kind = tokens.kinds[index]
    span = tokens.span(index)
    if kind == END:
        end = tokens.span(index - 1)[1] if index else len(tokens.source)
        span = (end, end + 1)
    if kind == END and index == 0:
        return Finding("the formula is empty", span, Repair(otherwise="for example x^2 + 1"))
    found = (
        (range_without_step(tokens, index) if start == "value" else None)
        or two_operands(tokens, index, accepted, start)
        or _equals_sign(tokens, index)
        or _brackets(tokens, index, accepted, start)
        or _separators(tokens, index, accepted)
        or _signs(tokens, index)
    )
    if found is None:
        return Finding(_expectation(tokens, index, accepted), span)
    message, repair, wider = found
    return Finding(message or _expectation(tokens, index, accepted), wider or span, repair)


def _signs(tokens: Tokens, index: int) -> Found:
    """Operators that are written in another way: `<>`, `//`, `!!`, `:=`."""
    kind = tokens.kinds[index]
    last = tokens.kinds[index - 1] if index else None
    if kind == "TILDE":
        words = "a model is one line, y ~ f, in which '~' stands once and outside of parentheses"
        return None, Repair(otherwise=words), None
    if kind == "SLASH" == last:
        words = "write {} for whole division; a comment starts with #"
        first, end = before(tokens, index - 1, PRODUCT), after(tokens, index + 1, POWER)
        otherwise = words.format("floor(a/b)")
        if first is None or end is None:
            return None, Repair(otherwise=otherwise), None
        left, right = text(tokens, first, index - 2), text(tokens, index + 1, end)
        edits = (replaced(tokens, first, end, f"floor({left}/{right})"),)
        return None, Repair(edits, words, otherwise, is_guess=True), None
    if kind == "STAR" and last == "SLASH":
        return None, Repair(otherwise="a comment starts with #"), None
    if kind == "BANG" == last:
        first = before(tokens, index)
        message, repair = "a double factorial is not part of the language", Repair()
        if first is not None:
            twice = replaced(tokens, first, index, f"({text(tokens, first, index - 1)})!")
            repair = Repair((twice,), "the factorial of a factorial is {}")
        return message, repair, None
    return None


def _equals_sign(tokens: Tokens, index: int) -> Found:
    kinds = tokens.kinds
    if kinds[index] != "EQUALS":
        return None
    if index and kinds[index - 1] == "COMPARISON":
        return f"'{tokens.texts[index - 1]}=' has no meaning in a formula", Repair(), None
    if index == 0 or kinds[index - 1] not in ENDS:
        words = "a definition is u = 3*x; u^2"
        return "'=' defines a name, and no name stands before it", Repair(otherwise=words), None
    if tokens.texts[index + 1] in {"<", ">"}:
        return f"'={tokens.texts[index + 1]}' has no meaning in a formula", Repair(), None
    edits = joined(tokens, index, index, " == ", COMPARISON)
    return EQUALITY, Repair(edits, "write {}" + _solution(tokens, index)), None


def _solution(tokens: Tokens, index: int) -> str:
    """Return how an equation is solved, when the formula is one equation in one name."""
    free = {
        word
        for place, word in enumerate(tokens.texts)
        if tokens.kinds[place] == "NAME" and tokens.kinds[place + 1] != "LPAR"
    }
    free -= {name for name in free if name in CONSTANTS or is_reserved(name)}
    if len(free) != 1 or tokens.kinds.count("EQUALS") > 1 or "SEPARATOR" in tokens.kinds:
        return ""
    depth = sum((kind in PAIRS) - (kind in PAIRS.values()) for kind in tokens.kinds[:index])
    source = tokens.source.strip()
    if depth or "COMPARISON" in tokens.kinds or len(source) > 60 or not source.isprintable():
        return ""
    left, right = tokens.source.split("=")
    return f" to compare; to solve, solve({left.strip()} == {right.strip()}, {free.pop()}, 1)"


def _brackets(tokens: Tokens, index: int, accepted: set[str], start: str) -> Found:
    kinds = tokens.kinds
    kind, mark = kinds[index], tokens.texts[index]
    opening = _unclosed(tokens, index)
    if kind in PAIRS.values():
        if kind == "RPAR" and index and kinds[index - 1] == "LPAR":
            return _nothing_inside(tokens, index)
        if opening is not None and PAIRS[kinds[opening]] in accepted:
            return _mismatched(tokens, opening, index)
        if END in accepted or "SEPARATOR" in accepted:
            words = f"remove it, or add a '{'(' if mark == ')' else '['}' before"
            return f"this '{mark}' closes nothing", Repair(otherwise=words), None
        return None
    closing = PAIRS[kinds[opening]] if opening is not None else None
    if kind == END and closing in accepted:
        mark = {"RPAR": ")", "RSQB": "]"}[str(closing)]
        missing = 1
        if mark == ")":
            missing = kinds[:index].count("LPAR") - kinds[:index].count("RPAR")
        message = f"a '{mark}' is missing" if missing <= 1 else f"{missing} '{mark}' are missing"
        return message, Repair(), None
    if kind == "COMMA":
        if opening is None:
            message = "',' separates the arguments of a function"
        elif kinds[opening] == "LPAR" and not (opening and kinds[opening - 1] == "NAME"):
            message = "a group in parentheses holds one expression"
        else:
            return None
        return message, comma(tokens, index, opening, start), None
    return None


def _mismatched(tokens: Tokens, opening: int, index: int) -> Found:
    """A bracket that another closes: `(1]`, or `[(1]`, where one is missing."""
    kinds = tokens.kinds
    right = {"LPAR": ")", "LSQB": "]"}[kinds[opening]]
    message = (
        f"this '{tokens.texts[opening]}' is closed by '{right}', not by '{tokens.texts[index]}'"
    )
    outer = _unclosed(tokens, opening)
    inside = text(tokens, opening, index - 1)
    end = tokens.span(index)[1]
    if outer is not None and PAIRS[kinds[outer]] == kinds[index]:
        end = tokens.start(index)
    edit = Edit(tokens.start(opening), end, inside + right)
    return message, Repair((edit,)), None


def _nothing_inside(tokens: Tokens, index: int) -> Found:
    """Empty parentheses, mostly a call without arguments."""
    if index > 1 and tokens.kinds[index - 2] == "NAME":
        name = tokens.texts[index - 2]
        span = (tokens.start(index - 2), tokens.span(index)[1])
        repair = Repair(example=name)
        if name in CONSTANTS:
            repair = Repair((Edit(*span, name),))
        elif not is_function(name):
            repair = Repair(otherwise=meant.absent(name) or did_you_mean(name, FUNCTION_NAMES))
        return f"{name} is called without an argument", repair, span
    span = (tokens.start(index - 1), tokens.span(index)[1])
    return "nothing stands between the parentheses", Repair(), span


def _unclosed(tokens: Tokens, index: int) -> int | None:
    """Return the last bracket that is still open before a token."""
    depth = 0
    for place in range(index - 1, -1, -1):
        kind = tokens.kinds[place]
        depth += (kind in PAIRS.values()) - (kind in PAIRS)
        if depth < 0:
            return place
    return None


def _separators(tokens: Tokens, index: int, accepted: set[str]) -> Found:
    if tokens.kinds[index] != "SEPARATOR":
        return None
    if END in accepted:
        message = "only definitions (u = …) may come before the last part of a formula"
        first = max((i + 1 for i in range(index) if tokens.kinds[i] == "SEPARATOR"), default=0)
        return message, Repair(), (tokens.start(first), tokens.span(index - 1)[1])
    if index == 0 or tokens.kinds[index - 1] == "SEPARATOR":
        return "nothing stands before this ';'", Repair(otherwise="remove it"), None
    return None


def _expectation(tokens: Tokens, index: int, accepted: set[str]) -> str:
    """Return "expected … after …" in words, never a terminal's name."""
    kind, word = tokens.kinds[index], tokens.texts[index]
    if "NUMBER" in accepted:
        wanted = "an operand"
    elif "NAME" in accepted:
        wanted = "a name"
    elif accepted == {"LPAR"}:
        wanted = "'('"
    else:
        wanted = "an operator"
    if not index:
        return f"expected {wanted} before '{word}'"
    last = tokens.texts[index - 1]
    if tokens.kinds[index - 1] == "SEPARATOR":
        sentence = f"expected {wanted} after the ';' or line end"
    else:
        sentence = f"expected {wanted} after '{last}'"
    if kind == END:
        return sentence
    return f"{sentence}, not '{word}'" if word.strip() else f"{sentence}, not a new line"
