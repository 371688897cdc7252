"""Characters of other notations, and the conditions that are written with them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from gradcli.errors import escaped
from gradcli.graph.precedence import OR, POWER, PRODUCT, SUM
from gradcli.language import notations
from gradcli.language.repairs import BINARY, ENDS, PAIRS, SIGNS, Edit, Finding, Repair, filled
from gradcli.language.scanner import END, SCANNER

if TYPE_CHECKING:
    from gradcli.language.repairs import Operands


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
    start = tokens.start(index)
    one_edit = {
        "$": "",
        **({" ": " "} if unicodedata.category(character) != "Zs" else {character: " "}),
        **({character: chr(ord(character) - 0xFEE0)} if "！" <= character <= "～" else {}),
    }
    if character == "|":
        return _bars(tokens, index)
    if character in notations.OPERATORS:
        return _operator(tokens, index, notations.OPERATORS[character])
    if character in notations.PREFIXES:
        return _prefix(tokens, index, notations.PREFIXES[character])
    if character in notations.FRACTIONS:
        return _fraction(tokens, index, notations.FRACTIONS[character])
    if character == "$" and tokens.kinds[index + 1] == "NUMBER":
        return Repair(otherwise="columns of --data are named by their headings, or by --header A,B")
    if character in one_edit:
        words = "names are written without '$'" if character == "$" else None
        return Repair((Edit(start, start + 1, one_edit[character]),), otherwise=words)
    if character == "%":
        return _percent(tokens, index)
    if character == "?":
        return condition(tokens, index)
    if character in "{}":
        return _braces(tokens, index)
    if character == ".":
        if index and tokens.kinds[index - 1] == "NAME":
            return Repair(
                otherwise="names have no parts; a formula reaches nothing but its own names"
            )
        return Repair(otherwise="a number has digits around its point: 0.5")
    return Repair(otherwise=notations.WORDS.get(character))


def _operator(tokens: Operands, index: int, sign: str) -> Repair:
    """Return the repair for an operator of another language: `⋅`, `&`, `&&`, `||`."""
    last = index + (tokens.texts[index] in "|&" and tokens.texts[index + 1] == tokens.texts[index])
    level = BINARY[SCANNER.kind(sign.strip())]
    edits = tokens.joined(index, last, sign, level)
    return Repair(edits, otherwise=f"write a{sign}b")


def _bars(tokens: Operands, index: int) -> Repair:
    """Return the repair for `|x|`, `a | b` or `a || b`."""
    bars = [place for place, other in enumerate(tokens.texts) if other == "|"]
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
    factor = tokens.text(first, index - 1)
    return Edit(tokens.start(first), tokens.span(last)[1], f"{factor}*{formula}")


def _prefix(tokens: Operands, index: int, template: str) -> Repair:
    """Return the repair for `√x`: what it takes may be one operand, or its power or product."""
    kinds = tokens.kinds
    last = tokens.after(index + 1)
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
        longer = tokens.after(index + 1, POWER)
        while longer is not None and kinds[longer + 1] == "IMPLICIT":
            longer = tokens.after(longer + 2, POWER)
        ends = [last] if longer is None else [last, longer]
    edits = []
    for end in ends:
        root = filled(template, {"x": tokens.unwrapped(index + 1, end)})
        root, reached = with_factors(tokens, root, end, ends[-1])
        edits.append(
            _after_factor(tokens, index, reached, root)
            if first == index
            else tokens.replaced(first, reached, root)
        )
    return Repair(tuple(edits), otherwise=otherwise.otherwise)


def with_factors(tokens: Operands, call: str, end: int, last: int) -> tuple[str, int]:
    """Return a call in place of what ends at a token, and the token up to which it now reaches.

    An implicit product may follow a number, 2x, but not a call.
    """
    if tokens.kinds[end + 1] != "IMPLICIT":
        return call, end
    return f"{call}*{tokens.text(end + 2, last)}", last


def _fraction(tokens: Operands, index: int, fraction: str) -> Repair:
    if index and tokens.kinds[index - 1] == "NUMBER":
        mixed = f"{tokens.texts[index - 1]} + {fraction}"
        return Repair((tokens.replaced(index - 1, index, mixed),))
    return Repair((tokens.replaced(index, index, fraction),), otherwise=f"write {fraction}")


def _percent(tokens: Operands, index: int) -> Repair:
    """Return the repair for `5 % 3`, a remainder, or `50%`, a part; `50%-3` may be either."""
    kinds = tokens.kinds
    first, atom = tokens.before(index, PRODUCT), tokens.before(index)
    if first is None or atom is None:
        return Repair(otherwise="the remainder of a division is mod(a, b)")
    edits = []
    last = tokens.after(index + 1, POWER)
    is_signed = kinds[index + 1] in SIGNS
    spaced = tokens.start(index) > tokens.span(index - 1)[1]
    sign_spaced = is_signed and tokens.start(index + 2) > tokens.span(index + 1)[1]
    if last is not None and not (is_signed and sign_spaced and not spaced):
        left, right = tokens.text(first, index - 1), tokens.text(index + 1, last)
        edits.append(tokens.replaced(first, last, f"mod({left}, {right})"))
    elif last is None and kinds[index + 1] not in {*BINARY, *PAIRS.values(), "COMMA", END}:
        return Repair(otherwise="the remainder of a division is mod(a, b)")
    if last is None or (is_signed and (sign_spaced or not spaced)):
        part = f"{tokens.text(atom, index - 1)}/100"
        edits.append(tokens.replaced(atom, index, part))
        total = tokens.before(atom - 1, SUM) if atom and kinds[atom - 1] in SIGNS else None
        if total is not None:
            whole, sign = tokens.text(total, atom - 2), tokens.texts[atom - 1]
            raised = filled("a*(1 + b)".replace("+", sign), {"a": whole, "b": part})
            edits.append(Edit(tokens.start(total), tokens.span(index)[1], raised))
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
    for place in tokens.beside(index):
        if tokens.kinds[place] == "SEPARATOR":
            return None
        waiting += (tokens.texts[place] == opening) - (tokens.texts[place] == closing)
        if waiting == 0:
            return place
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
    start, end = tokens.start(index), tokens.span(closing)[1]
    inside = tokens.source[start + 1 : end - 1]
    commas = [p for p in tokens.beside(index + 1) if tokens.kinds[p] == "COMMA"]
    is_call = index > 0 and tokens.kinds[index - 1] == "NAME"
    made = f"[{inside}]" if commas and commas[0] < closing and not is_call else f"({inside})"
    return Repair((Edit(start, end, made),), otherwise="parentheses are ( )")
