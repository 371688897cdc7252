"""Errors in words: one sentence, the place, and the formula that was probably meant.

What is proposed here is only a candidate: `repairs` tries it before it is printed.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

from gradcli.errors import ShapeError, escaped
from gradcli.graph.precedence import COMPARISON, OR, POWER, PRODUCT, SUM
from gradcli.language import meant
from gradcli.language.names import CONSTANTS, FUNCTION_NAMES, is_function, suggestion
from gradcli.language.repairs import (
    BINARY,
    ENDS,
    PAIRS,
    SIGNS,
    STARTS,
    Edit,
    Finding,
    Repair,
    after,
    arguments,
    before,
    filled,
    joined,
    matching,
    replaced,
    text,
    unwrapped,
)
from gradcli.language.scanner import END, SCANNER, is_misspelt_number

if TYPE_CHECKING:
    from gradcli.language.builder import Fault
    from gradcli.language.scanner import Tokens

    Span = tuple[int, int]

_CONDITION = "a condition is written where(condition, a, b)"


# ---------------------------------------------------------------- characters


def illegal_character(tokens: Tokens, index: int) -> Finding:
    """Return what is wrong with a character that the language does not have."""
    character = tokens.texts[index]
    message = f"{_described(character)} has no meaning in a formula"
    return Finding(message, tokens.span(index), _of_character(tokens, index, character))


def _described(character: str) -> str:
    """Return a character as the message names it: shown, escaped, and by its Unicode name."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"the byte {escaped(character)}, which is not UTF-8,"
    if 33 <= code < 127:
        return f"'{character}'"
    name = unicodedata.name(character, "")
    shown = f"'{character}'" if character.isprintable() else escaped(character)
    return f"the character {shown} (U+{code:04X}{', ' + name if name else ''})"


def _of_character(tokens: Tokens, index: int, character: str) -> Repair:
    start = tokens.start(index)
    one_edit = {
        "$": "",
        **({" ": " "} if unicodedata.category(character) != "Zs" else {character: " "}),
        **({character: chr(ord(character) - 0xFEE0)} if "！" <= character <= "～" else {}),
    }
    if character == "|":
        return _bars(tokens, index)
    if character in meant.OPERATORS:
        return _operator(tokens, index, meant.OPERATORS[character])
    if character in meant.PREFIXES:
        return _prefix(tokens, index, meant.PREFIXES[character])
    if character in meant.FRACTIONS:
        return _fraction(tokens, index, meant.FRACTIONS[character])
    if character in one_edit:
        words = "names are written without '$'" if character == "$" else None
        return Repair((Edit(start, start + 1, one_edit[character]),), otherwise=words)
    if character == "%":
        return _percent(tokens, index)
    if character == "?":
        return _ternary(tokens, index)
    if character in "{}":
        return _braces(tokens, index)
    if character == "°":
        first = before(tokens, index)
        if first is None:
            return Repair(otherwise="an angle of 30 degrees is 30*pi/180")
        angle = f"{text(tokens, first, index - 1)}*pi/180"
        return Repair((replaced(tokens, first, index, angle),))
    if character == ".":
        if index and tokens.kinds[index - 1] == "NAME":
            return Repair(
                otherwise="names have no parts; a formula reaches nothing but its own names"
            )
        return Repair(otherwise="a number has digits around its point: 0.5")
    return Repair(otherwise=meant.WORDS.get(character))


def _operator(tokens: Tokens, index: int, sign: str) -> Repair:
    """Return the repair for an operator of another language: `⋅`, `&`, `&&`, `||`."""
    last = index + (tokens.texts[index] in "|&" and tokens.texts[index + 1] == tokens.texts[index])
    level = BINARY[SCANNER.kind(sign.strip())]
    edits = joined(tokens, index, last, sign, level)
    return Repair(edits, otherwise=f"write a{sign}b")


def _bars(tokens: Tokens, index: int) -> Repair:
    """Return the repair for `|x|`, `a | b` or `a || b`."""
    bars = [place for place, other in enumerate(tokens.texts) if other == "|"]
    is_first = index == 0 or tokens.kinds[index - 1] not in ENDS - {"NUMBER"}
    if len(bars) == 1 or (bars[1] == index + 1 and before(tokens, index) is not None):
        return _operator(tokens, index, " or ")
    closing = bars[1]
    if not is_first or tokens.kinds[closing - 1] not in ENDS:
        return Repair(otherwise="the absolute value is abs(x), and a condition a or b")
    value = f"abs({text(tokens, index + 1, closing - 1)})"
    return Repair((_after_factor(tokens, index, closing, value),))


def _after_factor(tokens: Tokens, index: int, last: int, formula: str) -> Edit:
    """Return the edit that puts an expression in place of tokens, as a factor if one is before."""
    first = before(tokens, index)
    if first is None:
        return replaced(tokens, index, last, formula)
    factor = text(tokens, first, index - 1)
    return Edit(tokens.start(first), tokens.span(last)[1], f"{factor}*{formula}")


def _prefix(tokens: Tokens, index: int, template: str) -> Repair:
    """Return the repair for `√x`: what it takes may be one operand, or its power or product."""
    kinds = tokens.kinds
    last = after(tokens, index + 1)
    otherwise = Repair(otherwise=f"write {template}" if template.isascii() else None)
    if last is None:
        return otherwise
    first = index
    if template == "sqrt(x)" and index and kinds[index - 1] == "SUPERSCRIPT":
        if index > 1 and kinds[index - 2] in ENDS:
            return Repair()
        first = index - 1
        order = unicodedata.normalize("NFKC", tokens.texts[first])
        template = {"2": template, "3": "cbrt(x)"}.get(order, f"x^(1/{order})")
    ends = [last]
    if kinds[index + 1] in {"NUMBER", "NAME"} and kinds[index + 2] != "LPAR" and last > index + 1:
        ends = [index + 1, last]  # a postfix
    elif kinds[last + 1] in {"POWER", "IMPLICIT"}:
        longer = after(tokens, index + 1, POWER)
        while longer is not None and kinds[longer + 1] == "IMPLICIT":
            longer = after(tokens, longer + 2, POWER)
        ends = [last] if longer is None else [last, longer]
    edits = []
    for end in ends:
        root = filled(template, {"x": unwrapped(tokens, index + 1, end)})
        root, reached = _with_factors(tokens, root, end, ends[-1])
        edits.append(
            _after_factor(tokens, index, reached, root)
            if first == index
            else replaced(tokens, first, reached, root)
        )
    return Repair(tuple(edits), otherwise=otherwise.otherwise)


def _with_factors(tokens: Tokens, call: str, end: int, last: int) -> tuple[str, int]:
    """Return a call in place of what ends at a token, and the token up to which it now reaches.

    An implicit product may follow a number, 2x, but not a call.
    """
    if tokens.kinds[end + 1] != "IMPLICIT":
        return call, end
    return f"{call}*{text(tokens, end + 2, last)}", last


def _fraction(tokens: Tokens, index: int, fraction: str) -> Repair:
    if index and tokens.kinds[index - 1] == "NUMBER":
        mixed = f"{tokens.texts[index - 1]} + {fraction}"
        return Repair((replaced(tokens, index - 1, index, mixed),))
    return Repair((replaced(tokens, index, index, fraction),), otherwise=f"write {fraction}")


def _percent(tokens: Tokens, index: int) -> Repair:
    """Return the repair for `5 % 3`, a remainder, or `50%`, a part; `50%-3` may be either."""
    kinds = tokens.kinds
    first, atom = before(tokens, index, PRODUCT), before(tokens, index)
    if first is None or atom is None:
        return Repair(otherwise="the remainder of a division is mod(a, b)")
    edits = []
    last = after(tokens, index + 1, POWER)
    is_signed = kinds[index + 1] in SIGNS
    spaced = tokens.start(index) > tokens.span(index - 1)[1]
    sign_spaced = is_signed and tokens.start(index + 2) > tokens.span(index + 1)[1]
    if last is not None and not (is_signed and sign_spaced and not spaced):
        left, right = text(tokens, first, index - 1), text(tokens, index + 1, last)
        edits.append(replaced(tokens, first, last, f"mod({left}, {right})"))
    elif last is None and kinds[index + 1] not in {*BINARY, *PAIRS.values(), "COMMA", END}:
        return Repair(otherwise="the remainder of a division is mod(a, b)")
    if last is None or (is_signed and (sign_spaced or not spaced)):
        part = f"{text(tokens, atom, index - 1)}/100"
        edits.append(replaced(tokens, atom, index, part))
        total = before(tokens, atom - 1, SUM) if atom and kinds[atom - 1] in SIGNS else None
        if total is not None:
            whole, sign = text(tokens, total, atom - 2), tokens.texts[atom - 1]
            raised = filled("a*(1 + b)".replace("+", sign), {"a": whole, "b": part})
            edits.append(Edit(tokens.start(total), tokens.span(index)[1], raised))
    return Repair(tuple(edits))


def _ternary(tokens: Tokens, index: int) -> Repair:
    """Return the repair for `c ? a : b`."""
    first, colon = before(tokens, index, OR), _partner(tokens, index, "?", ":")
    if first is None or colon is None:
        return Repair(otherwise=_CONDITION)
    last = _end_of_part(tokens, colon)
    parts = [(first, index - 1), (index + 1, colon - 1), (colon + 1, last)]
    return _where(tokens, first, last, parts)


def _python_condition(tokens: Tokens, index: int) -> Repair:
    """Return the repair for `a if c else b`."""
    first, other = before(tokens, index, OR), _partner(tokens, index, "if", "else")
    if first is None or other is None:
        return Repair(otherwise=_CONDITION)
    last = _end_of_part(tokens, other)
    parts = [(index + 1, other - 1), (first, index - 1), (other + 1, last)]
    return _where(tokens, first, last, parts)


def _where(tokens: Tokens, first: int, last: int, parts: list[tuple[int, int]]) -> Repair:
    if any(start > end for start, end in parts):
        return Repair(otherwise=_CONDITION)
    inside = ", ".join(text(tokens, start, end) for start, end in parts)
    return Repair((replaced(tokens, first, last, f"where({inside})"),), otherwise=_CONDITION)


def _partner(tokens: Tokens, index: int, opening: str, closing: str) -> int | None:
    """Return the text `closing` that belongs to the `opening` at a token, in the same brackets."""
    depth = waiting = 0
    for place in range(index, len(tokens.kinds)):
        kind = tokens.kinds[place]
        depth += (kind in PAIRS) - (kind in PAIRS.values())
        if depth < 0 or kind == "SEPARATOR":
            return None
        if depth == 0:
            waiting += (tokens.texts[place] == opening) - (tokens.texts[place] == closing)
            if waiting == 0:
                return place
    return None


def _end_of_part(tokens: Tokens, index: int) -> int:
    """Return the last token of the part that holds a token: up to a comma, bracket or line end."""
    depth = 0
    for place in range(index, len(tokens.kinds)):
        kind = tokens.kinds[place]
        if depth == 0 and kind in {*PAIRS.values(), "COMMA", "SEPARATOR", "TILDE", END}:
            return place - 1
        depth += (kind in PAIRS) - (kind in PAIRS.values())
    return len(tokens.kinds) - 2


def _braces(tokens: Tokens, index: int) -> Repair:
    closing = _partner(tokens, index, "{", "}") if tokens.texts[index] == "{" else None
    if closing is None:
        return Repair(otherwise="parentheses are ( )")
    start, end = tokens.start(index), tokens.span(closing)[1]
    inside = tokens.source[start + 1 : end - 1]
    commas, depth = 0, 0
    for place in range(index + 1, closing):
        depth += (tokens.kinds[place] in PAIRS) - (tokens.kinds[place] in PAIRS.values())
        commas += depth == 0 and tokens.kinds[place] == "COMMA"
    is_call = index > 0 and tokens.kinds[index - 1] == "NAME"
    made = f"[{inside}]" if commas and not is_call else f"({inside})"
    return Repair((Edit(start, end, made),), otherwise="parentheses are ( )")


# ---------------------------------------------------------------- tokens


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
        _definition_last(tokens, index, accepted)
        or (_range_without_step(tokens, index) if start == "value" else None)
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


_Found = tuple[str | None, Repair, "Span | None"] | None
"""A sentence, None for what was expected; the repair; the place, None for that of the token."""


def _signs(tokens: Tokens, index: int) -> _Found:
    """Operators that are written in another way: `<>`, `//`, `!!`, `:=`."""
    kind = tokens.kinds[index]
    last = tokens.kinds[index - 1] if index else None
    pair = tokens.texts[index - 1] + tokens.texts[index] if index else ""
    if kind == "TILDE":
        words = "a model is one line, y ~ f, in which '~' stands once and outside of parentheses"
        return None, Repair(otherwise=words), None
    if kind == "COMPARISON" and last in {"EQUALS", "COMPARISON"}:
        sign = {"<>": "!=", "=<": "<=", "=>": ">="}.get(pair)
        edits = joined(tokens, index - 1, index, sign, COMPARISON) if sign else ()
        return None, Repair(edits, otherwise=f"write {sign}" if sign else None), None
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
        edits = (
            ()
            if first is None
            else (replaced(tokens, first, index, f"({text(tokens, first, index - 1)})!"),)
        )
        words = "the factorial of a factorial is {}"
        return "a double factorial is not part of the language", Repair(edits, words), None
    if kind == "COLON" and tokens.kinds[index + 1] == "EQUALS":
        edit = Edit(tokens.start(index), tokens.span(index + 1)[1], "=")
        return None, Repair((edit,)), None
    return None


def _range_without_step(tokens: Tokens, index: int) -> _Found:
    """A range without its step, as the value of a name: `0:3`."""
    kinds = tokens.kinds
    if kinds[index] != END or kinds.count("COLON") not in {1, 2} or kinds[0] == "COLON":
        return None
    low, high, *_ = [part.strip() for part in tokens.source.split(":")]
    if not high:
        return None
    step = "1"
    with suppress(ValueError):
        width = float(high) - float(low)
        step = "1" if width >= 1 else "-1" if width <= -1 else f"{width / 10:.12g}"
    edit = Edit(0, len(tokens.source), f"{low}:{high}:{step}")
    return "a range has a start, a stop and a step", Repair((edit,)), None


def _two_operands(tokens: Tokens, index: int, accepted: set[str], start: str) -> _Found:
    """Two operands with nothing between them: `2 3`, `x y`, `sin x`, `sin(1)(2)`, `e^2x`."""
    kinds = tokens.kinds
    kind, word = kinds[index], tokens.texts[index]
    if kind not in STARTS or "STAR" not in accepted or kinds[index - 1] not in ENDS:
        return None
    last = tokens.texts[index - 1]
    is_touching = tokens.start(index) == tokens.span(index - 1)[1]
    if kinds[index - 1] == "NUMBER" and is_touching and is_misspelt_number(last, word):
        return _misspelt_number(tokens, index)
    if word == "if":
        return "a condition is written with where", _python_condition(tokens, index), None
    if kinds[index - 1] == "NAME" and is_function(last):
        return f"{last} needs its argument in parentheses", _argument(tokens, index), None
    foreign = {"for", "in", "import", "lambda", "return", "def", "let"} & {word, last}
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
        first, end = _groups(tokens, index - 1, None)
        thousands = _thousands(tokens, first, end)
        items = _items(tokens) if start == "value" else None
        others = (Edit(0, len(tokens.source), items),) if items else edits
        edits = thousands if tokens.texts[end] == "000" else (*thousands, *others)
    elif len(edits) > 1:
        span = (edits[0].start, edits[0].end)
        shown = tokens.source[slice(*span)]
        return f"{shown} can be read two ways", Repair(edits, otherwise=_APART), span
    return message, Repair(edits, is_guess=True), None


_APART = "add parentheses or '*'"


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
            edits.append(replaced(tokens, index - 1, *_with_factors(tokens, call, end, long)[::-1]))
    return Repair(tuple(edits))


def _infix(tokens: Tokens, index: int, template: str) -> tuple[Edit, ...]:
    first, last = before(tokens, index, PRODUCT), after(tokens, index + 1, POWER)
    if first is None or last is None:
        return ()
    parts = {"a": unwrapped(tokens, first, index - 1), "b": unwrapped(tokens, index + 1, last)}
    return (replaced(tokens, first, last, filled(template, parts)),)


def _misspelt_number(tokens: Tokens, index: int) -> _Found:
    number, name = tokens.texts[index - 1], tokens.texts[index]
    span = (tokens.start(index - 1), tokens.span(index)[1])
    if name in {"e", "E"}:
        readings = (f"{number}e0", f"{number}*{name}")
        edits = tuple(replaced(tokens, index - 1, index, reading) for reading in readings)
        return f"{number}{name} is a number without its exponent", Repair(edits), span
    if name[0] == "_":
        digits = (number + name).replace("_", "")
        edits = (Edit(*span, digits),) if digits.isdecimal() else ()
        return "a number has no separators", Repair(edits), span
    base = {"x": 16, "b": 2, "o": 8}[name[0].lower()]
    edits = ()
    with suppress(ValueError):
        if len(name) <= 20:
            edits = (Edit(*span, str(int(number + name, base))),)
    otherwise = "a number has decimal digits only"
    return "numbers are decimal", Repair(edits, otherwise=otherwise), span


# ---------------------------------------------------------------- numbers and commas


def _groups(tokens: Tokens, first: int, separator: str | None) -> tuple[int, int]:
    """Return the first and last token of the numbers around one, which a separator joins.

    None stands for blanks.
    """
    kinds = tokens.kinds
    width = 1 if separator is None else 2

    def follows(place: int, other: int) -> bool:
        if not 0 <= other < len(kinds) or kinds[place] != "NUMBER" or kinds[other] != "NUMBER":
            return False
        low, high = min(place, other), max(place, other)
        return separator is None or (
            kinds[low + 1] == separator and tokens.start(high) == tokens.span(low)[1] + 1
        )

    last = first
    while follows(first, first - width):
        first -= width
    while follows(last, last + width):
        last += width
    return first, last


def _thousands(tokens: Tokens, first: int, last: int) -> tuple[Edit, ...]:
    """Return the edit for digits in groups of three: 1,000 or 1 000 000."""
    groups = [word for word in tokens.texts[first : last + 1] if word.strip(" ,")]
    *whole, end = groups
    digits, _, _ = end.partition(".")
    is_grouped = (
        len(groups) > 1
        and len(groups[0]) <= 3
        and all(group.isdecimal() for group in [*whole, digits])
        and all(len(group) == 3 for group in [*whole[1:], digits])
    )
    return (replaced(tokens, first, last, "".join(groups)),) if is_grouped else ()


def decimal_comma(tokens: Tokens, index: int) -> tuple[Edit, ...]:
    """Return the edits for a comma between the digits of numbers: 1,000 and 1,5 and 1.000,5."""
    if index == 0 or tokens.kinds[index - 1] != "NUMBER":
        return ()
    first, last = _groups(tokens, index - 1, "COMMA")
    thousands = _thousands(tokens, first, last)
    if thousands and (last > first + 2 or set(tokens.texts[last]) & {"."}):
        return thousands
    whole, part = tokens.texts[first], tokens.texts[last]
    if last != first + 2 or not part.isdecimal() or (thousands and part == "000"):
        return thousands
    points = whole.split(".")
    if len(points) > 1 and not all(len(group) == 3 for group in points[1:]):
        return ()
    if not "".join(points).isdecimal():
        return ()
    return (*thousands, replaced(tokens, first, last, f"{''.join(points)}.{part}"))


def _items(tokens: Tokens) -> str | None:
    """Return numbers that blanks separate as an array; None for anything else."""
    words: list[str] = []
    for kind, word in zip(tokens.kinds, tokens.texts, strict=True):
        if kind == "NUMBER" and words and words[-1] in {"+", "-"}:
            words[-1] += word
        elif kind == "NUMBER" or kind in SIGNS:
            words.append(word)
        elif kind != END:
            return None
    return f"[{', '.join(words)}]"


def _comma(tokens: Tokens, index: int, opening: int | None, start: str) -> Repair:
    """Return the repair for a comma outside of a call or array: `1,000`, `1,5`, `1,2,3`, `x, y`."""
    if opening is None:
        first = 0
        for place in range(index):
            if tokens.kinds[place] in {"SEPARATOR", "EQUALS"}:
                first = place + 1
        last = index
        while last < len(tokens.kinds) and tokens.kinds[last + 1] == "COMMA":
            last += 1
        while tokens.kinds[last + 1] not in {"SEPARATOR", END}:
            last += 1
        inside = text(tokens, first, last)
        listed = Edit(tokens.start(first), tokens.span(last)[1], "")
    else:
        closing = matching(tokens, opening)
        if closing is None:
            return Repair(decimal_comma(tokens, index))
        inside = text(tokens, opening + 1, closing - 1)
        listed = Edit(tokens.start(opening), tokens.span(closing)[1], "")
    numbers = decimal_comma(tokens, index)
    items = ", ".join(part.strip() for part in inside.split(","))
    array = listed._replace(text=f"[{items}]")
    is_list = not numbers or ((start == "value" or opening is not None) and "000" not in inside)
    edits = (*numbers, array) if is_list else numbers
    return Repair(edits, is_guess=not numbers)


# ---------------------------------------------------------------- signs, brackets, definitions


def _equals_sign(tokens: Tokens, index: int) -> _Found:
    kinds = tokens.kinds
    if kinds[index] != "EQUALS":
        return None
    if index and kinds[index - 1] == "COMPARISON":
        sign = tokens.texts[index - 1]
        edits = joined(tokens, index - 1, index, sign, COMPARISON)
        return (
            f"'{sign}=' has no meaning in a formula",
            Repair(edits, otherwise=f"write {sign}"),
            None,
        )
    if index == 0 or kinds[index - 1] not in ENDS:
        words = "a definition is u = 3*x; u^2"
        return "'=' defines a name, and no name stands before it", Repair(otherwise=words), None
    if tokens.texts[index + 1] in {"<", ">"}:
        sign = tokens.texts[index + 1] + "="
        edits = joined(tokens, index, index + 1, sign, COMPARISON)
        message = f"'={sign[0]}' has no meaning in a formula"
        return message, Repair(edits, otherwise=f"write {sign}"), None
    edits = joined(tokens, index, index, " == ", COMPARISON)
    return _EQUALITY, Repair(edits, "write {}" + _solution(tokens, index)), None


_EQUALITY = "'=' defines a name at the start of a line; equality is written =="


def _keyword(tokens: Tokens, equals: int, fault: Fault) -> Repair:
    """Return the repair for `f(x=1)`: a comparison, or another name of an argument."""
    name = tokens.span(equals - 1)
    close = suggestion(tokens.texts[equals - 1], ["axis"])
    named = Repair((Edit(*name, "axis"),), "did you mean 'axis'?", fault.hint)
    edits = joined(tokens, equals, equals, " == ", COMPARISON)
    return Repair(edits, otherwise=named if close else fault.hint)


def _solution(tokens: Tokens, index: int) -> str:
    """Return how an equation is solved, when the formula is one equation in one name."""
    free = {
        word
        for place, word in enumerate(tokens.texts)
        if tokens.kinds[place] == "NAME" and tokens.kinds[place + 1] != "LPAR"
    }
    free -= {name for name in free if name in CONSTANTS or is_function(name)}
    if len(free) != 1 or tokens.kinds.count("EQUALS") > 1 or "SEPARATOR" in tokens.kinds:
        return ""
    depth = sum((kind in PAIRS) - (kind in PAIRS.values()) for kind in tokens.kinds[:index])
    source = tokens.source.strip()
    if depth or "COMPARISON" in tokens.kinds or len(source) > 60 or not source.isprintable():
        return ""
    left, right = tokens.source.split("=")
    return (
        f" to compare; to solve: gradcli minimize '{left.strip()} ~ {right.strip()}' {free.pop()}=1"
    )


def _brackets(tokens: Tokens, index: int, accepted: set[str], start: str) -> _Found:
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
        return message, _comma(tokens, index, opening, start), None
    return None


def _mismatched(tokens: Tokens, opening: int, index: int) -> _Found:
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


def _nothing_inside(tokens: Tokens, index: int) -> _Found:
    """Empty parentheses, mostly a call without arguments."""
    if index > 1 and tokens.kinds[index - 2] == "NAME":
        name = tokens.texts[index - 2]
        span = (tokens.start(index - 2), tokens.span(index)[1])
        repair = Repair(example=name)
        if name in CONSTANTS:
            repair = Repair((Edit(*span, name),))
        elif not is_function(name):
            repair = Repair(otherwise=_did_you_mean(name, FUNCTION_NAMES))
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


def _definition_last(tokens: Tokens, index: int, accepted: set[str]) -> _Found:
    """A formula that ends with a definition: `u = 3`."""
    kinds = tokens.kinds
    if kinds[index] != END or "SEPARATOR" not in accepted or END in accepted:
        return None
    first = max((i + 1 for i in range(index) if kinds[i] == "SEPARATOR"), default=0)
    called = tokens.texts[first]
    closing = matching(tokens, first + 1) if kinds[first + 1] == "LPAR" else None
    if closing is not None:
        called += f"({', '.join('1' for _ in arguments(tokens, first + 1, closing))})"
    last = len(tokens.source)
    end = tokens.span(index - 1)[1]
    edits = (Edit(end, last, f"; {called}"),)
    repair = Repair(edits, "add what to compute: {}")
    if first == 0 and kinds[1] == "EQUALS":
        compared = joined(tokens, 1, 1, " == ", COMPARISON)
        if compared:
            repair = Repair(
                (*edits, *compared),
                "add what to compute: {0}; to compare, write {1}",
                Repair(compared, "to compare, write {}"),
            )
    message = "the formula ends with a definition and computes nothing"
    return message, repair, (tokens.start(first), end)


def _separators(tokens: Tokens, index: int, accepted: set[str]) -> _Found:
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


# ---------------------------------------------------------------- meanings


def of_fault(tokens: Tokens, fault: Fault, stack: list[Span]) -> Finding:
    """Return what is wrong with a rule whose parts do not fit together."""
    otherwise = Repair(otherwise=fault.hint)
    if fault.first is None or fault.last is None:
        return Finding(fault.message, _definition(tokens, fault.definition), otherwise)
    span = (stack[fault.first][0], stack[fault.last][1])
    first = _token_at(tokens, span[0])
    if fault.kind == "ambiguous division":
        edits = products(tokens, _token_at(tokens, stack[-1][0]))
        span = (edits[0].start, edits[0].end) if edits else span
        message = f"{tokens.source[slice(*span)]} can be read two ways"
        return Finding(message, span, Repair(edits, otherwise=_APART))
    if fault.kind == "bare function":
        return Finding(fault.message, span, _function_power(tokens, first))
    if fault.kind in {"unknown function", "product", "arguments"}:
        return _of_call(tokens, first, fault, span)
    if fault.kind == "keyword":
        index = next(
            place for place in range(first, len(tokens.kinds)) if tokens.kinds[place] == "EQUALS"
        )
        return Finding(_EQUALITY, tokens.span(index), _keyword(tokens, index, fault))
    return Finding(fault.message, span, otherwise)


def of_shapes(tokens: Tokens, error: ShapeError, span: Span) -> Finding:
    """Return what is wrong with a rule whose parts have shapes that do not fit."""
    signs = [
        place
        for place, kind in enumerate(tokens.kinds)
        if kind == "AT" and span[0] <= tokens.start(place) < span[1]
    ]
    edits = joined(tokens, signs[-1], signs[-1], "*", PRODUCT) if signs and error.hint else ()
    repair = Repair(edits, "for numbers write {}", error.hint)
    return Finding(error.message, span, repair, ShapeError)


def _of_call(tokens: Tokens, index: int, fault: Fault, span: Span) -> Finding:
    """Return what is wrong with a call of an unknown function, or of one with other arguments."""
    name = tokens.texts[index]
    closing = matching(tokens, index + 1)
    given = arguments(tokens, index + 1, closing) if closing is not None else []
    meaning = meant.meaning(name, len(given)) if fault.kind != "product" else None
    message = fault.message
    if name == "if" and fault.kind == "unknown function":
        message = "a condition is written with where"
        fault.hint = _CONDITION
    if closing is not None and meaning is not None:
        parts = dict(zip(meaning.parameters, given, strict=True))
        edits = tuple(
            replaced(tokens, index, closing, filled(body, parts)) for body in meaning.bodies
        )
        return Finding(message, span, Repair(edits, otherwise=fault.hint))
    if fault.kind == "arguments":
        commas = [i for i in range(index, closing or index) if tokens.kinds[i] == "COMMA"]
        edits = decimal_comma(tokens, commas[0]) if len(commas) == 1 else ()
        return Finding(message, span, Repair(edits, otherwise=fault.hint))
    if name in meant.ABSENT and fault.kind == "unknown function":
        words = meant.ABSENT[name]
        if name in meant.DERIVATIVES and given and index == 0 and closing == len(tokens.kinds) - 2:
            wrt = f" --wrt {given[1]}" if len(given) == 2 and given[1].isidentifier() else ""
            function = Edit(0, len(tokens.source), given[0])
            if len(given) <= 2:
                command = "derivatives come from: gradcli grad '{}'" + wrt
                return Finding(message, span, Repair((function,), command, words))
        return Finding(message, span, Repair(otherwise=words))
    product = Repair(products(tokens, index + 1), "for a product write {}", is_guess=True)
    if fault.kind == "unknown function" and not meant.is_known(name):
        close = suggestion(name, [*FUNCTION_NAMES, *fault.names])
        if close is not None:
            end = index if closing is None else closing
            call = close + text(tokens, index, end)[len(name) :]
            edit = Edit(tokens.start(index), tokens.span(end)[1], call)
            return Finding(message, span, Repair((edit,), f"did you mean '{close}'?", product))
    elif fault.kind == "unknown function":
        return Finding(message, span, Repair(otherwise=fault.hint))
    return Finding(message, span, product)


def _did_you_mean(name: str, known: list[str]) -> str | None:
    close = None if meant.is_known(name) else suggestion(name, known)
    return f"did you mean '{close}'?" if close else None


def _token_at(tokens: Tokens, start: int) -> int:
    """Return the token that begins at a place of the source; of two, the one with characters."""
    return next(
        place
        for place in range(len(tokens.kinds))
        if tokens.start(place) == start and tokens.kinds[place] != "IMPLICIT"
    )


def _definition(tokens: Tokens, name: str | None) -> Span:
    """Return where a name is defined."""
    starts = [0, *(i + 1 for i, kind in enumerate(tokens.kinds) if kind == "SEPARATOR")]
    for index in starts:
        if tokens.texts[index] == name and tokens.kinds[index + 1] in {"EQUALS", "LPAR"}:
            return tokens.span(index)
    return (0, 1)


def _function_power(tokens: Tokens, index: int) -> Repair:
    """Return the repair of sin^2(x) and sin⁻¹(x), or of a function that stands alone."""
    kinds = tokens.kinds
    name = tokens.texts[index]
    example = Repair(example=name)
    if not is_function(name):
        example = Repair(otherwise=f"its arguments stand in parentheses behind {name}")
    if kinds[index + 1] == "SUPERSCRIPT":
        exponent, place = unicodedata.normalize("NFKC", tokens.texts[index + 1]), index + 2
        exponent = exponent.replace("−", "-")
    elif kinds[index + 1] == "POWER":
        place = index + 2 + (kinds[index + 2] in SIGNS)
        exponent = "".join(tokens.texts[index + 2 : place + 1]).replace("−", "-")
        is_number = kinds[place] == "NUMBER"
        place += 1
        if not is_number:
            return example
    else:
        return example
    while kinds[place] == "IMPLICIT":
        place += 1
    last = after(tokens, place)
    if last is None or kinds[place] in SIGNS or kinds[last + 1] in {"POWER", "IMPLICIT"}:
        return example
    argument = unwrapped(tokens, place, last)
    if exponent == "-1":
        inverse = meant.INVERSES.get(name)
        made = f"{inverse}({argument})" if inverse else f"1/{name}({argument})"
    else:
        made = f"{name}({argument})^{exponent}"
    return Repair((replaced(tokens, index, last, made),))
