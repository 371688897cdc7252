"""Characters and numbers of other notations, and the conditions that are written with them.

Numbers such as 1,000 and 1 000 000, 1,5, 0x1F, and lists without brackets.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

from gradcli.errors import escaped
from gradcli.graph.precedence import OR, POWER, PRODUCT, SUM
from gradcli.language import notations
from gradcli.language.repairs import BINARY, CLOSING, ENDS, SIGNS, Edit, Finding, Repair, filled
from gradcli.language.scanner import END, SCANNER

if TYPE_CHECKING:
    from gradcli.language.repairs import Found, Operands

CONDITION = "a condition is written where(condition, a, b)"


def illegal_character(tokens: Operands, index: int) -> Finding:
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


def _of_character(tokens: Operands, index: int, character: str) -> Repair:
    if character in _REPAIRS:
        return _REPAIRS[character](tokens, index)
    for table, repair in _TABLES:
        if character in table:
            return repair(tokens, index, table[character])
    if unicodedata.category(character) == "Zs":
        return Repair((tokens.edit(index, index, " "),))
    if character == "∞" and "integrate" in tokens.texts:  # as a limit
        return Repair((tokens.edit(index, index, "inf"),), otherwise=notations.NO_INFINITY)
    if "！" <= character <= "～":  # as wide as an ideograph
        return Repair((tokens.edit(index, index, chr(ord(character) - 0xFEE0)),))
    return Repair(otherwise=notations.WORDS.get(character))


def _dollar(tokens: Operands, index: int) -> Repair:
    if tokens.kinds[index + 1] == "NUMBER":
        return Repair(otherwise="columns of --data are named by their headings, or by --header A,B")
    return Repair((tokens.edit(index, index, ""),), otherwise="names are written without '$'")


def _point(tokens: Operands, index: int) -> Repair:
    if index and tokens.kinds[index - 1] == "NAME":
        return Repair(otherwise="names have no parts; a formula reaches nothing but its own names")
    return Repair(otherwise="a number has digits around its point: 0.5")


def _operator(tokens: Operands, index: int, sign: str) -> Repair:
    """Return the repair for an operator of another language: `⋅`, `&`, `&&`, `||`."""
    last = index + (tokens.texts[index] in "|&" and tokens.texts[index + 1] == tokens.texts[index])
    level = BINARY[SCANNER.kind(sign.strip())]
    edits = tokens.joined(index, last, sign, level)
    return Repair(edits, otherwise=f"write a{sign}b")


def _bars(tokens: Operands, index: int) -> Repair:
    """Return the repair for `|x|`, `a | b` or `a || b`."""
    bars = [position for position, other in enumerate(tokens.texts) if other == "|"]
    is_first = index == 0 or tokens.kinds[index - 1] not in ENDS - {"NUMBER"}
    if len(bars) == 1 or (bars[1] == index + 1 and tokens.before(index) is not None):
        return _operator(tokens, index, " or ")
    closing = bars[1]
    if not is_first or tokens.kinds[closing - 1] not in ENDS:
        return Repair(otherwise="the absolute value is abs(x), and a condition a or b")
    value = f"abs({tokens.text(index + 1, closing - 1)})"
    return Repair((_after_factor(tokens, index, closing, value),))


def _after_factor(tokens: Operands, index: int, last: int, formula: str) -> Edit:
    """Return the edit that puts an expression in place of tokens, as a factor if one is before."""
    first = tokens.before(index)
    if first is None:
        return tokens.replaced(index, last, formula)
    return tokens.edit(first, last, f"{tokens.text(first, index - 1)}*{formula}")


def _sign(tokens: Operands, index: int, template: str) -> Repair:
    """Return the repair for a sign before its operand: `√x`, `³√x`, `¬x`."""
    words = f"write {template}" if template.isascii() else None
    if template != "sqrt(x)" or not index or tokens.kinds[index - 1] != "SUPERSCRIPT":
        return prefix(tokens, index, template)._replace(otherwise=words)
    if index > 1 and tokens.kinds[index - 2] in ENDS:
        return Repair(otherwise=None if tokens.after(index + 1) else words)
    order = unicodedata.normalize("NFKC", tokens.texts[index - 1])
    root = {"2": template, "3": "cbrt(x)"}.get(order, f"x^(1/{order})")
    return prefix(tokens, index, root, index - 1)._replace(otherwise=words)


def prefix(tokens: Operands, index: int, template: str, first: int | None = None) -> Repair:
    """Return the repair for a sign or a function before its operand x: `√x`, `sin x`.

    What it applies to may be one operand, or its power or product. The sign starts at `first`.
    """
    kinds = tokens.kinds
    last, longest = tokens.after(index + 1), tokens.after(index + 1, POWER)
    while longest is not None and kinds[longest + 1] == "IMPLICIT":
        longest = tokens.after(longest + 2, POWER)
    ends = list(dict.fromkeys(end for end in (last, longest) if end is not None))
    is_atom = kinds[index + 1] in {"NUMBER", "NAME"} and kinds[index + 2] != "LPAR"
    if kinds[index] == "ILLEGAL" and is_atom and last is not None and last > index + 1:
        ends = [index + 1, last]  # a postfix
    edits = []
    for end in ends:
        made, reached = filled(template, {"x": tokens.unwrapped(index + 1, end)}), end
        if kinds[end + 1] == "IMPLICIT" and end < ends[-1]:
            # A product may be implied after a number, 2x, but not after a call.
            made, reached = f"{made}*{tokens.text(end + 2, ends[-1])}", ends[-1]
        edits.append(
            _after_factor(tokens, index, reached, made)
            if first is None
            else tokens.replaced(first, reached, made)
        )
    return Repair(tuple(edits))


def infix(tokens: Operands, first: int, last: int, template: str) -> tuple[Edit, ...]:
    """Return the edit for an operator, the tokens from `first` to `last`, between a and b."""
    start, end = tokens.before(first, PRODUCT), tokens.after(last + 1, POWER)
    if start is None or end is None:
        return ()
    parts = {"a": tokens.unwrapped(start, first - 1), "b": tokens.unwrapped(last + 1, end)}
    return (tokens.replaced(start, end, filled(template, parts)),)


def _fraction(tokens: Operands, index: int, fraction: str) -> Repair:
    if index and tokens.kinds[index - 1] == "NUMBER":
        mixed = f"{tokens.texts[index - 1]} + {fraction}"
        return Repair((tokens.replaced(index - 1, index, mixed),))
    return Repair((tokens.replaced(index, index, fraction),), otherwise=f"write {fraction}")


def _percent(tokens: Operands, index: int) -> Repair:
    """Return the repair for `5 % 3`, a remainder, or `50%`, a part; `50%-3` may be either."""
    kinds = tokens.kinds
    otherwise = Repair(otherwise="the remainder of a division is mod(a, b)")
    atom = tokens.before(index)
    if atom is None:
        return otherwise
    edits: list[Edit] = []
    last = tokens.after(index + 1, POWER)
    is_signed = kinds[index + 1] in SIGNS
    spaced = tokens.start(index) > tokens.span(index - 1)[1]
    sign_spaced = is_signed and tokens.start(index + 2) > tokens.span(index + 1)[1]
    if last is not None and not (is_signed and sign_spaced and not spaced):
        edits += infix(tokens, index, index, "mod(a, b)")
    elif last is None and kinds[index + 1] not in {*BINARY, *CLOSING, "COMMA", END}:
        return otherwise
    if last is None or (is_signed and (sign_spaced or not spaced)):
        part = f"{tokens.text(atom, index - 1)}/100"
        edits.append(tokens.replaced(atom, index, part))
        total = tokens.before(atom - 1, SUM) if atom and kinds[atom - 1] in SIGNS else None
        if total is not None:
            whole, sign = tokens.text(total, atom - 2), tokens.texts[atom - 1]
            raised = filled("a*(1 + b)".replace("+", sign), {"a": whole, "b": part})
            edits.append(tokens.edit(total, index, raised))
    return Repair(tuple(edits))


def condition(tokens: Operands, index: int) -> Repair:
    """Return the repair for `c ? a : b` and `a if c else b`, of which a token is ? or if."""
    word = tokens.texts[index]
    first = tokens.before(index, OR)
    other = _partner(tokens, index, word, {"?": ":", "if": "else"}[word])
    if first is None or other is None:
        return Repair(otherwise=CONDITION)
    last = _end_of_part(tokens, other)
    parts = [(first, index - 1), (index + 1, other - 1), (other + 1, last)]
    if any(start > end for start, end in parts):
        return Repair(otherwise=CONDITION)
    texts = [tokens.text(start, end) for start, end in parts]
    if word == "if":
        texts[:2] = texts[1], texts[0]
    edit = tokens.replaced(first, last, f"where({', '.join(texts)})")
    return Repair((edit,), otherwise=CONDITION)


def _partner(tokens: Operands, index: int, opening: str, closing: str) -> int | None:
    """Return the text `closing` that belongs to the `opening` at a token, in the same brackets."""
    waiting = 0
    for position in tokens.beside(index):
        if tokens.kinds[position] == "SEPARATOR":
            return None
        waiting += (tokens.texts[position] == opening) - (tokens.texts[position] == closing)
        if waiting == 0:
            return position
    return None


def _end_of_part(tokens: Operands, index: int) -> int:
    """Return the last token of the part that holds a token: up to a comma, bracket or line end."""
    last = index
    for last in tokens.beside(index):
        if tokens.kinds[last] in {"COMMA", "SEPARATOR", "TILDE", END}:
            break
    return last - 1


def _braces(tokens: Operands, index: int) -> Repair:
    closing = _partner(tokens, index, "{", "}") if tokens.texts[index] == "{" else None
    if closing is None:
        return Repair(otherwise="parentheses are ( )")
    inside = tokens.text(index, closing)[1:-1]
    commas = [p for p in tokens.beside(index + 1) if tokens.kinds[p] == "COMMA"]
    is_call = index > 0 and tokens.kinds[index - 1] == "NAME"
    made = f"[{inside}]" if commas and commas[0] < closing and not is_call else f"({inside})"
    return Repair((tokens.edit(index, closing, made),), otherwise="parentheses are ( )")


_REPAIRS = {
    "|": _bars,
    "%": _percent,
    "?": condition,
    "{": _braces,
    "}": _braces,
    "$": _dollar,
    ".": _point,
}
"""The repairs of characters that several things are written with."""
_TABLES = (
    (notations.OPERATORS, _operator),
    (notations.PREFIXES, _sign),
    (notations.FRACTIONS, _fraction),
)
"""The characters with a formula that replaces them, and how it does."""


# ---------------------------------------------------------------- numbers


def range_without_step(tokens: Operands, index: int) -> Found:
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


def misspelt_number(tokens: Operands, index: int) -> Found:
    """Say what is wrong with `1e`, `1_000` or `0x1F`, whose name is the token at `index`."""
    number, name = tokens.texts[index - 1], tokens.texts[index]
    span = tokens.span(index - 1, index)
    if name in {"e", "E"}:
        readings = (f"{number}e0", f"{number}*{name}")
        edits = tuple(tokens.replaced(index - 1, index, reading) for reading in readings)
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


def thousands(tokens: Operands, first: int, last: int) -> tuple[Edit, ...]:
    """Return the edit for digits in groups of three: 1,000 or 1 000 000."""
    groups = [text for text in tokens.texts[first : last + 1] if text != ","]
    if not re.fullmatch(r"\d{1,3}(,\d{3})+(\..*)?", ",".join(groups)):
        return ()
    return (tokens.replaced(first, last, "".join(groups)),)


def decimal_comma(tokens: Operands, index: int) -> tuple[Edit, ...]:
    """Return the edits for a comma between the digits of numbers: 1,000 and 1,5 and 1.000,5."""
    kinds = tokens.kinds
    if index == 0 or kinds[index - 1] != "NUMBER":
        return ()
    first = last = index - 1
    while (
        kinds[last + 1 : last + 3] == ["COMMA", "NUMBER"]
        and tokens.start(last + 2) == tokens.span(last)[1] + 1
    ):
        last += 2
    whole_number = thousands(tokens, first, last)
    whole, part = tokens.texts[first], tokens.texts[last]
    if last != first + 2 or not part.isdecimal() or (whole_number and part == "000"):
        return whole_number
    if not re.fullmatch(r"\d*(\.\d{3})*", whole):
        return ()
    return (*whole_number, tokens.replaced(first, last, f"{whole.replace('.', '')}.{part}"))


def items(tokens: Operands) -> str | None:
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


def comma(tokens: Operands, index: int, opening: int | None, start: str) -> Repair:
    """Return the repair for a comma outside of a call or array: `1,000`, `1,5`, `1,2,3`, `x, y`."""
    numbers = decimal_comma(tokens, index)
    if opening is None:
        first, last = tokens.line(index)
        if tokens.kinds[first + 1] == "EQUALS":
            first += 2
        inside = tokens.text(first, last)
    else:
        first, closing = opening, tokens.matching(opening)
        if closing is None:
            return Repair(numbers)
        last, inside = closing, tokens.text(opening + 1, closing - 1)
    array = tokens.edit(first, last, f"[{', '.join(map(str.strip, inside.split(',')))}]")
    is_list = not numbers or ((start == "value" or opening is not None) and "000" not in inside)
    return Repair((*numbers, array) if is_list else numbers, is_guess=not numbers)
