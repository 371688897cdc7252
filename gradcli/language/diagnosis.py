"""Tokens that cannot stand where they do: one sentence, the place, and what was probably notations.

What is proposed here is only a candidate: `repairs` tries it before it is printed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gradcli.graph.precedence import COMPARISON, POWER, PRODUCT
from gradcli.language import notations
from gradcli.language.characters import condition, with_factors
from gradcli.language.names import CONSTANTS, FUNCTION_NAMES, is_function, is_reserved, suggestion
from gradcli.language.numerals import (
    comma,
    groups,
    items,
    misspelt_number,
    range_without_step,
    thousands,
)
from gradcli.language.repairs import ENDS, PAIRS, SIGNS, STARTS, Edit, Finding, Repair, filled
from gradcli.language.scanner import END, is_misspelt_number

if TYPE_CHECKING:
    from gradcli.language.repairs import Found, Operands

EQUALITY = "'=' defines a name at the start of a line; equality is written =="
TWO_READINGS = "add parentheses or '*'"


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
        words = "write {} for whole division; a comment starts with #"
        first, end = tokens.before(index - 1, PRODUCT), tokens.after(index + 1, POWER)
        otherwise = words.format("floor(a/b)")
        if first is None or end is None:
            return None, Repair(otherwise=otherwise), None
        left, right = tokens.text(first, index - 2), tokens.text(index + 1, end)
        edits = (tokens.replaced(first, end, f"floor({left}/{right})"),)
        return None, Repair(edits, words, otherwise, is_guess=True), None
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
    left, right = tokens.source.split("=")
    return f" to compare; to solve, solve({left.strip()} == {right.strip()}, {free.pop()}, 1)"


def _free_names(tokens: Operands, first: int, end: int) -> set[str]:
    """Return the names that some tokens leave free."""
    return {
        tokens.texts[place]
        for place in range(first, end)
        if tokens.kinds[place] == "NAME"
        and tokens.kinds[place + 1] != "LPAR"
        and tokens.texts[place] not in CONSTANTS
        and not is_reserved(tokens.texts[place])
    }


def solve_call(tokens: Operands, index: int) -> Repair | None:
    """Return the repair of solve(x^2 = 2), which lacks the name and a start; `index` is inside."""
    kinds = tokens.kinds
    opening = tokens.unclosed(index)
    closing = None if opening is None else tokens.matching(opening)
    if not opening or closing is None or tokens.texts[opening - 1] != "solve":
        return None
    free = _free_names(tokens, opening, closing)
    signs = [place for place in range(opening, closing) if kinds[place] == "EQUALS"]
    if len(tokens.arguments(opening, closing)) > 1 or len(signs) > 1:
        return None
    if len(free) != 1:
        return Repair(
            otherwise=f"name what is to be found, for example {notations.EXAMPLES['solve']}"
        )
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


def _mismatched(tokens: Operands, opening: int, index: int) -> Found:
    """A bracket that another closes: `(1]`, or `[(1]`, where one is missing."""
    kinds = tokens.kinds
    right = {"LPAR": ")", "LSQB": "]"}[kinds[opening]]
    message = (
        f"this '{tokens.texts[opening]}' is closed by '{right}', not by '{tokens.texts[index]}'"
    )
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
        span = (tokens.start(index - 2), tokens.span(index)[1])
        repair = Repair(example=name)
        if name in CONSTANTS:
            repair = Repair((Edit(*span, name),))
        elif not is_function(name):
            repair = Repair(otherwise=notations.absent(name) or did_you_mean(name, FUNCTION_NAMES))
        return f"{name} is called without an argument", repair, span
    span = (tokens.start(index - 1), tokens.span(index)[1])
    return "nothing stands between the parentheses", Repair(), span


def _separators(tokens: Operands, index: int, accepted: set[str]) -> Found:
    if tokens.kinds[index] != "SEPARATOR":
        return None
    if END in accepted:
        message = "only definitions (u = …) may come before the last part of a formula"
        first = max((i + 1 for i in range(index) if tokens.kinds[i] == "SEPARATOR"), default=0)
        return message, Repair(), (tokens.start(first), tokens.span(index - 1)[1])
    if index == 0 or tokens.kinds[index - 1] == "SEPARATOR":
        return "nothing stands before this ';'", Repair(otherwise="remove it"), None
    return None


def _expectation(tokens: Operands, index: int, accepted: set[str]) -> str:
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
        return f"{last} needs its argument in parentheses", _argument(tokens, index), None
    units = _units(tokens, index)
    if units is not None:
        return units
    foreign = notations.FOREIGN & {word, last}
    if foreign:
        span = tokens.span(index if word in foreign else index - 1)
        return f"'{foreign.pop()}' has no meaning in a formula", Repair(), span
    numbers = kinds[index - 1] == "NUMBER" == kind
    if numbers and is_touching:
        words = "a number has one point, and no exponent after it: 1.25"
        span = (tokens.start(index - 1), tokens.span(index)[1])
        return f"{last}{word} is not a number", Repair(otherwise=words), span
    message = "an operator is missing between two parts"
    if word in notations.INFIX and kinds[index + 1] in {*STARTS, *SIGNS}:
        return message, Repair(_infix(tokens, index, notations.INFIX[word])), None
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
        return f"{shown} can be read two ways", Repair(edits, otherwise=TWO_READINGS), span
    words = "write {}"
    if word in notations.UNITS and kinds[index - 1] == "NUMBER":
        words = "a formula has no units; for a product write {}"
    return message, Repair(edits, words, is_guess=True), None


def _units(tokens: Operands, index: int) -> Found:
    """Quantities with units: `3 km in m`."""
    kinds, texts = tokens.kinds, tokens.texts
    for place in range(index, len(kinds) - 1):
        if texts[place] in notations.CONVERSIONS and kinds[place - 1] == "NAME" == kinds[place + 1]:
            break
    else:
        return None
    last = place - 2 - (kinds[place - 2] == "IMPLICIT")
    is_plain = kinds[last] in {"NUMBER", "RPAR"}
    if not is_plain and kinds[index - 1] != "NUMBER":
        return None
    first = tokens.before(last + 1, PRODUCT) if is_plain else None
    template = notations.conversion(texts[place - 1], texts[place + 1])
    edits: tuple[Edit, ...] = ()
    if first is not None and template is not None:
        converted = filled(template, {"x": tokens.text(first, last)})
        edits = (tokens.replaced(first, place + 1, converted),)
    otherwise = "multiply by the factor between two units, as 3*1000 is 3 km in m"
    span = (tokens.start(place - 1), tokens.span(place + 1)[1])
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
    exponent = _before_signs(kinds, first)
    quotient = _before_signs(kinds, power)
    found = []
    if quotient >= 0 and kinds[quotient] == "SLASH":
        whole = tokens.before(edge, PRODUCT) or 0
        start = tokens.start(whole)
        above, below = tokens.text(whole, quotient - 1), tokens.text(quotient + 1, edge - 1)
        sign = tokens.texts[quotient]
        found += [f"({above}{sign}{below})*{right}", f"{above}{sign}({below}*{right})"]
    else:
        start = tokens.start(power)
        found += [f"({tokens.text(power, edge - 1)})*{right}"]
    if exponent >= 0 and kinds[exponent] == "POWER" and kinds[first] != "LPAR":
        raised = tokens.source[start : tokens.span(exponent)[1]]
        found += [f"{raised}({tokens.text(exponent + 1, edge - 1)}*{right})"]
    if len(found) == 1:
        start = tokens.start(first)
        found = [f"{tokens.text(first, edge - 1)}*{right}"]
    return tuple(Edit(start, end, one) for one in found)


def _before_signs(kinds: list[str], place: int) -> int:
    place -= 1
    while place >= 0 and kinds[place] in SIGNS and (place == 0 or kinds[place - 1] not in ENDS):
        place -= 1
    return place


def _argument(tokens: Operands, index: int) -> Repair:
    """Return the repair for `sin x`; `sin x^2` and `sin 2x` may be read in two ways."""
    name = tokens.texts[index - 1]
    short, long = tokens.after(index), tokens.after(index, POWER)
    while long is not None and tokens.kinds[long + 1] == "IMPLICIT":
        long = tokens.after(long + 2, POWER)
    edits = []
    for end in dict.fromkeys((short, long)):
        if end is not None and long is not None:
            call = f"{name}({tokens.unwrapped(index, end)})"
            edits.append(tokens.replaced(index - 1, *with_factors(tokens, call, end, long)[::-1]))
    return Repair(tuple(edits))


def _infix(tokens: Operands, index: int, template: str) -> tuple[Edit, ...]:
    first, last = tokens.before(index, PRODUCT), tokens.after(index + 1, POWER)
    if first is None or last is None:
        return ()
    parts = {"a": tokens.unwrapped(first, index - 1), "b": tokens.unwrapped(index + 1, last)}
    return (tokens.replaced(first, last, filled(template, parts)),)
