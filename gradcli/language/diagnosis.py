"""Tokens that cannot stand where they do: one sentence, the span, and a repair.

What is proposed here is only a candidate: `repairs` tries it before it is printed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gradcli.graph.precedence import COMPARISON, POWER, PRODUCT
from gradcli.language import notations
from gradcli.language.characters import (
    comma,
    condition,
    infix,
    items,
    misspelt_number,
    prefix,
    range_without_step,
    thousands,
)
from gradcli.language.names import CONSTANTS, FUNCTION_NAMES, is_free, is_function, suggestion
from gradcli.language.repairs import ENDS, PAIRS, SIGNS, STARTS, Edit, Finding, Repair, filled
from gradcli.language.scanner import END, is_misspelt_number

if TYPE_CHECKING:
    from gradcli.language.repairs import Found, Operands

EQUALITY = "'=' defines a name at the start of a line; equality is written =="
TWO_READINGS = "add parentheses or '*'"
MARKS = {"(": ")", "[": "]", ")": "(", "]": "["}
"""Brackets and their partners."""


def unexpected_token(tokens: Operands, index: int, accepted: set[str], start: str) -> Finding:
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
        or _two_operands(tokens, index, accepted, start)
        or _equals_sign(tokens, index)
        or _brackets(tokens, index, accepted, start)
        or _separators(tokens, index, accepted)
        or _signs(tokens, index)
    )
    if found is None:
        return Finding(_expectation(tokens, index, accepted), span)
    message, repair, wider = found
    return Finding(message or _expectation(tokens, index, accepted), wider or span, repair)


def _signs(tokens: Operands, index: int) -> Found:
    """Operators that are written in another way: `<>`, `//`, `!!`, `:=`."""
    kind = tokens.kinds[index]
    last = tokens.kinds[index - 1] if index else None
    if kind == "TILDE":
        words = "a model is one line, y ~ f, in which '~' stands once and outside of parentheses"
        return None, Repair(otherwise=words), None
    if kind == "SLASH" == last:
        template, words = (
            notations.INFIX["div"],
            "write {} for whole division; a comment starts with #",
        )
        edits = infix(tokens, index - 1, index, template)
        return None, Repair(edits, words, words.format(template), is_guess=True), None
    if kind == "STAR" and last == "SLASH":
        return None, Repair(otherwise="a comment starts with #"), None
    if kind == "BANG" == last:
        first = tokens.before(index)
        message, repair = "a double factorial is not part of the language", Repair()
        if first is not None:
            twice = tokens.replaced(first, index, f"({tokens.text(first, index - 1)})!")
            repair = Repair((twice,), "the factorial of a factorial is {}")
        return message, repair, None
    return None


def _equals_sign(tokens: Operands, index: int) -> Found:
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
    solved = solve_call(tokens, index)
    if solved is not None:
        return EQUALITY, solved, None
    edits = tokens.joined(index, index, " == ", COMPARISON)
    return EQUALITY, Repair(edits, "write {}" + _solution(tokens, index)), None


def _solution(tokens: Operands, index: int) -> str:
    """Return how an equation is solved, when the formula is one equation in one name."""
    free = _free_names(tokens, 0, len(tokens.kinds) - 1)
    if len(free) != 1 or tokens.kinds.count("EQUALS") > 1 or "SEPARATOR" in tokens.kinds:
        return ""
    source = tokens.source.strip()
    is_inside = tokens.unclosed(index) is not None
    if is_inside or "COMPARISON" in tokens.kinds or len(source) > 60 or not source.isprintable():
        return ""
    left, right = tokens.text(0, index - 1), tokens.text(index + 1, len(tokens.kinds) - 2)
    return f" to compare; to solve, solve({left} == {right}, {free.pop()}, 1)"


def _free_names(tokens: Operands, first: int, end: int) -> set[str]:
    """Return the names that some tokens leave free."""
    kinds, texts = tokens.kinds, tokens.texts
    names = [i for i in range(first, end) if kinds[i] == "NAME" and kinds[i + 1] != "LPAR"]
    return {texts[i] for i in names if is_free(texts[i])}


def solve_call(tokens: Operands, index: int) -> Repair | None:
    """Return the repair of solve(x^2 = 2), which lacks the name and a start; `index` is inside."""
    kinds = tokens.kinds
    opening = tokens.unclosed(index)
    closing = None if opening is None else tokens.matching(opening)
    if not opening or closing is None or tokens.texts[opening - 1] != "solve":
        return None
    free = _free_names(tokens, opening, closing)
    signs = [position for position in range(opening, closing) if kinds[position] == "EQUALS"]
    if len(tokens.arguments(opening, closing)) > 1 or len(signs) > 1:
        return None
    if len(free) != 1:
        example = notations.EXAMPLES["solve"]
        return Repair(otherwise=f"name what is to be found, for example {example}")
    ends = [opening, *signs, closing]
    sides = [tokens.text(a + 1, b - 1) for a, b in pairwise(ends)]
    call = f"solve({' == '.join(sides)}, {free.pop()}, 1)"
    return Repair((tokens.replaced(opening - 1, closing, call),), "write {} to start at 1")


def _brackets(tokens: Operands, index: int, accepted: set[str], start: str) -> Found:
    kinds = tokens.kinds
    kind, mark = kinds[index], tokens.texts[index]
    opening = tokens.unclosed(index)
    if kind in PAIRS.values():
        if kind == "RPAR" and index and kinds[index - 1] == "LPAR":
            return _nothing_inside(tokens, index)
        if opening is not None and PAIRS[kinds[opening]] in accepted:
            return _mismatched(tokens, opening, index)
        if END in accepted or "SEPARATOR" in accepted:
            words = f"remove it, or add a '{MARKS[mark]}' before"
            return f"this '{mark}' closes nothing", Repair(otherwise=words), None
        return None
    closing = PAIRS[kinds[opening]] if opening is not None else None
    if kind == END and opening is not None and closing in accepted:
        mark = MARKS[tokens.texts[opening]]
        missing = kinds.count("LPAR") - kinds.count("RPAR") if mark == ")" else 1
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


def _mismatched(tokens: Operands, opening: int, index: int) -> Found:
    """A bracket that another closes: `(1]`, or `[(1]`, where one is missing."""
    kinds = tokens.kinds
    left, other = tokens.texts[opening], tokens.texts[index]
    right = MARKS[left]
    message = f"this '{left}' is closed by '{right}', not by '{other}'"
    outer = tokens.unclosed(opening)
    inside = tokens.text(opening, index - 1)
    end = tokens.span(index)[1]
    if outer is not None and PAIRS[kinds[outer]] == kinds[index]:
        end = tokens.start(index)
    edit = Edit(tokens.start(opening), end, inside + right)
    return message, Repair((edit,)), None


def did_you_mean(name: str, known: list[str]) -> str | None:
    """Return the question after a known name that is close to another one, if there is one."""
    close = None if notations.is_known(name) else suggestion(name, known)
    return f"did you mean '{close}'?" if close else None


def _nothing_inside(tokens: Operands, index: int) -> Found:
    """Empty parentheses, mostly a call without arguments."""
    if index > 1 and tokens.kinds[index - 2] == "NAME":
        name = tokens.texts[index - 2]
        span = tokens.span(index - 2, index)
        repair = Repair(example=name)
        if name in CONSTANTS:
            repair = Repair((Edit(*span, name),))
        elif not is_function(name):
            repair = Repair(otherwise=notations.absent(name) or did_you_mean(name, FUNCTION_NAMES))
        return f"{name} is called without an argument", repair, span
    return "nothing stands between the parentheses", Repair(), tokens.span(index - 1, index)


def _separators(tokens: Operands, index: int, accepted: set[str]) -> Found:
    if tokens.kinds[index] != "SEPARATOR":
        return None
    if END in accepted:
        message = "only definitions (u = …) may come before the last part of a formula"
        signs = [tokens.span(i) for i, text in enumerate(tokens.texts) if text == "=="]
        edits: tuple[Edit, ...] = ()
        if len(signs) == tokens.kinds.count("SEPARATOR") + 1:
            source = tokens.source
            for start, end in reversed(signs):
                source = f"{source[:start]}~{source[end:]}"
            edits = (Edit(0, len(tokens.source), source),)
        system = Repair(edits, "for a system of equations that gradcli minimize solves, write {}")
        return message, system, tokens.span(*tokens.line(index))
    if index == 0 or tokens.kinds[index - 1] == "SEPARATOR":
        return "nothing stands before this ';'", Repair(otherwise="remove it"), None
    return None


def _expectation(tokens: Operands, index: int, accepted: set[str]) -> str:
    """Return "expected … after …" in words, never a terminal's name."""
    kind, word = tokens.kinds[index], tokens.texts[index]
    wanted = "'('" if accepted == {"LPAR"} else "an operator"
    if accepted & {"NUMBER", "NAME"}:
        wanted = "an operand" if "NUMBER" in accepted else "a name"
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


# ---------------------------------------------------------------- operands side by side


def _two_operands(tokens: Operands, index: int, accepted: set[str], start: str) -> Found:
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
        return "a condition is written with where", condition(tokens, index), None
    if kinds[index - 1] == "NAME" and is_function(last):
        repair = prefix(tokens, index - 1, f"{last}(x)")
        return f"{last} needs its argument in parentheses", repair, None
    units = _units(tokens, index)
    if units is not None:
        return units
    if notations.FOREIGN & {word, last}:
        foreign = index if word in notations.FOREIGN else index - 1
        message = f"'{tokens.texts[foreign]}' has no meaning in a formula"
        return message, Repair(), tokens.span(foreign)
    numbers = kinds[index - 1] == "NUMBER" == kind
    if numbers and is_touching:
        repair = Repair(otherwise="a number has one point, and no exponent after it: 1.25")
        return f"{last}{word} is not a number", repair, tokens.span(index - 1, index)
    message = "an operator is missing between two parts"
    if word in notations.INFIX and kinds[index + 1] in {*STARTS, *SIGNS}:
        return message, Repair(infix(tokens, index, index, notations.INFIX[word])), None
    if word in {"x", "X"} and kinds[index - 1] == "NUMBER" == kinds[index + 1]:
        edit = tokens.edit(index - 1, index + 1, f"{last}*{tokens.texts[index + 1]}")
        return message, Repair((edit,)), None
    edits = products(tokens, index)
    if numbers:
        end = index
        while kinds[end + 1] == "NUMBER":
            end += 1
        whole = thousands(tokens, index - 1, end)
        array = items(tokens) if start == "value" else None
        others = (Edit(0, len(tokens.source), array),) if array else edits
        edits = whole if tokens.texts[end] == "000" else (*whole, *others)
    elif len(edits) > 1:
        span = (edits[0].start, edits[0].end)
        shown = tokens.source[slice(*span)]
        return f"{shown} can be read two ways", Repair(edits, otherwise=TWO_READINGS), span
    words = "write {}"
    if word in notations.UNITS and kinds[index - 1] == "NUMBER":
        words = "a formula has no units; for a product write {}"
    return message, Repair(edits, words, is_guess=True), None


def _units(tokens: Operands, index: int) -> Found:
    """Quantities with units: `3 km in m`."""
    kinds, texts = tokens.kinds, tokens.texts
    words = [i for i in range(index, len(kinds)) if texts[i] in notations.CONVERSIONS]
    position = next((i for i in words if kinds[i - 1] == "NAME" == kinds[i + 1]), None)
    if position is None:
        return None
    last = position - 2 - (kinds[position - 2] == "IMPLICIT")
    is_plain = kinds[last] in {"NUMBER", "RPAR"}
    if not is_plain and kinds[index - 1] != "NUMBER":
        return None
    first = tokens.before(last + 1, PRODUCT) if is_plain else None
    template = notations.conversion(texts[position - 1], texts[position + 1])
    edits: tuple[Edit, ...] = ()
    if first is not None and template is not None:
        converted = filled(template, {"x": tokens.text(first, last)})
        edits = (tokens.replaced(first, position + 1, converted),)
    otherwise = "multiply by the factor between two units, as 3*1000 is 3 km in m"
    span = tokens.span(position - 1, position + 1)
    return "a formula has no units", Repair(edits, otherwise=otherwise), span


def products(tokens: Operands, index: int) -> tuple[Edit, ...]:
    """Return the edits that make a product of the operand at a token and the one before it.

    After a quotient, 1/2x, and after an exponent, e^2x, there is one for each reading.
    """
    kinds = tokens.kinds
    edge = index - (kinds[index - 1] == "IMPLICIT")
    first, power = tokens.before(edge), tokens.before(edge, POWER)
    last = tokens.after(index, POWER)
    if first is None or power is None or last is None:
        return ()
    right = tokens.text(index, last)
    end = tokens.span(last)[1]
    exponent, quotient = tokens.before_signs(first), tokens.before_signs(power)
    found = []
    if kinds[quotient] == "SLASH":
        whole = tokens.before(edge, PRODUCT) or 0
        start = tokens.start(whole)
        above, below = tokens.text(whole, quotient - 1), tokens.text(quotient + 1, edge - 1)
        sign = tokens.texts[quotient]
        found += [f"({above}{sign}{below})*{right}", f"{above}{sign}({below}*{right})"]
    else:
        start = tokens.start(power)
        found += [f"({tokens.text(power, edge - 1)})*{right}"]
    if kinds[exponent] == "POWER" and kinds[first] != "LPAR":
        raised = tokens.source[start : tokens.span(exponent)[1]]
        found += [f"{raised}({tokens.text(exponent + 1, edge - 1)}*{right})"]
    if len(found) == 1:
        start = tokens.start(first)
        found = [f"{tokens.text(first, edge - 1)}*{right}"]
    return tuple(Edit(start, end, one) for one in found)
