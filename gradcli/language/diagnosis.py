"""Syntax errors in words: one sentence, the place, and the formula that was probably meant."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

from gradcli.errors import FormulaError, escaped
from gradcli.language.names import CONSTANTS, FUNCTION_NAMES, is_function, suggestion
from gradcli.language.scanner import END

if TYPE_CHECKING:
    from gradcli.language.builder import Fault
    from gradcli.language.scanner import Tokens

    Span = tuple[int, int]

_OPERAND_ENDS = {"NUMBER", "NAME", "RPAR", "BANG", "SUPERSCRIPT"}
_OPERAND_STARTS = {"NUMBER", "NAME", "LPAR", "IMPLICIT"}
_LONGEST_REPAIR = 120

# What a character of another notation stands for here.
_INSTEAD = {
    "√": "write sqrt(x)",
    "∛": "write cbrt(x)",
    "½": "write 1/2",
    "¼": "write 1/4",
    "¾": "write 3/4",
    "∞": "there is no infinity; use a large number such as 1e300",
    "∑": "write the sum out",
    "∂": "derivatives come from: gradcli grad",
    "{": "use parentheses: ( )",
    "}": "use parentheses: ( )",
    '"': "a formula has no strings",
    "'": "a formula has no strings; for a derivative use: gradcli grad",
    "`": "a formula has no strings",
    "\\": "write functions by name: sqrt(x), sin(x)",
    "$": "write names without '$'",
    "µ": "write μ (Greek mu) or mu",
    "∙": "write a*b",
    "⋅": "write a*b",
    "∗": "write a*b",
    "⁄": "write a/b",
    "∕": "write a/b",
    "–": "write a minus sign: -",
    "—": "write a minus sign: -",
    "⩽": "write <=",
    "⩾": "write >=",
    "∧": "write a and b",
    "∨": "write a or b",
    "¬": "write not a",
}


def illegal_character(tokens: Tokens, index: int) -> FormulaError:
    """Return the error for a character that the language does not have."""
    character = tokens.texts[index]
    span = tokens.span(index)
    hint = _operator_repair(tokens, index) or _INSTEAD.get(character)
    if character == "." and hint is None:
        hint = "a number has digits around its point: 0.5"
        if index and tokens.kinds[index - 1] == "NAME":
            hint = "names have no parts; a formula reaches nothing but its own names"
    message = f"{_described(character)} has no meaning in a formula"
    return FormulaError(message, source=tokens.source, span=span, hint=hint)


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


def _operator_repair(tokens: Tokens, index: int) -> str | None:
    """Return the repair for an operator of another language, with its own operands."""
    character = tokens.texts[index]
    left, right = operand_before(tokens, index), operand_after(tokens, index + 1)
    if character == "|":
        closing = next(
            (i for i in range(index + 1, len(tokens.texts)) if tokens.texts[i] == "|"), None
        )
        if closing is not None and closing > index + 1 and left is None:
            inside = tokens.source[tokens.start(index) + 1 : tokens.start(closing)]
            return _repair(f"abs({inside.strip()})")
        if closing == index + 1:
            right = operand_after(tokens, index + 2)
        return _repair(f"{left} or {right}") if left and right else "write a or b"
    if character == "&":
        if tokens.texts[index + 1] == "&":
            right = operand_after(tokens, index + 2)
        return _repair(f"{left} and {right}") if left and right else "write a and b"
    if character == "%":
        if left and right:
            return _repair(f"mod({left}, {right})")
        return _repair(f"{left}/100") if left else "write mod(a, b)"
    if character == "?":
        return _ternary(tokens, index)
    if character == "√" and right:
        return _repair(f"sqrt({right})")
    return None


def _ternary(tokens: Tokens, index: int) -> str:
    colon = next((i for i in range(index, len(tokens.texts)) if tokens.texts[i] == ":"), None)
    if colon is None or not index or colon == index + 1 or tokens.kinds[colon + 1] == END:
        return "write where(condition, a, b)"
    source = tokens.source
    condition = source[: tokens.start(index)].strip()
    chosen = source[tokens.start(index) + 1 : tokens.start(colon)].strip()
    other = source[tokens.start(colon) + 1 :].strip()
    return _repair(f"where({condition}, {chosen}, {other})") or "write where(condition, a, b)"


def _repair(formula: str) -> str | None:
    return f"write {formula}" if len(formula) <= _LONGEST_REPAIR else None


def operand_before(tokens: Tokens, index: int) -> str | None:
    """Return the text of the operand that ends just before a token: a number, name, call, group."""
    last = index - 1
    if last < 0 or tokens.kinds[last] not in _OPERAND_ENDS:
        return None
    first = last
    while first > 0 and tokens.kinds[first] in {"BANG", "SUPERSCRIPT"}:
        first -= 1
    if tokens.kinds[first] == "RPAR":
        opening = _opening(tokens, first)
        if opening is None:
            return None
        first = opening
        if first and tokens.kinds[first - 1] == "NAME":
            first -= 1
    return tokens.source[tokens.start(first) : tokens.span(last)[1]]


def operand_after(tokens: Tokens, index: int) -> str | None:
    """Return the text of the operand that starts at a token, with its sign."""
    first = index
    kinds = tokens.kinds
    while index < len(kinds) and kinds[index] in {"MINUS", "PLUS", "IMPLICIT"}:
        index += 1
    if index >= len(kinds) or kinds[index] not in {"NUMBER", "NAME", "LPAR"}:
        return None
    last = index
    if kinds[index] == "NAME" and kinds[index + 1] == "LPAR":
        index += 1
    if kinds[index] == "LPAR":
        closing = _closing(tokens, index)
        if closing is None:
            return None
        last = closing
    return tokens.source[tokens.start(first) : tokens.span(last)[1]]


def _opening(tokens: Tokens, closing: int) -> int | None:
    depth = 0
    for index in range(closing, -1, -1):
        depth += (tokens.kinds[index] == "RPAR") - (tokens.kinds[index] == "LPAR")
        if depth == 0:
            return index
    return None


def _closing(tokens: Tokens, opening: int) -> int | None:
    depth = 0
    for index in range(opening, len(tokens.kinds)):
        depth += (tokens.kinds[index] == "LPAR") - (tokens.kinds[index] == "RPAR")
        if depth == 0:
            return index
    return None


def unexpected_token(tokens: Tokens, index: int, accepted: set[str]) -> FormulaError:
    """Return the error for a token that cannot stand where it does."""
    kind, text = tokens.kinds[index], tokens.texts[index]
    source = tokens.source
    before = tokens.kinds[index - 1] if index else None
    span = tokens.span(index)
    if kind == END:
        end = tokens.span(index - 1)[1] if index else len(source)
        span = (end, end + 1)
    if kind == END and index == 0:
        return FormulaError("the formula is empty", hint="write one, for example 'x^2 + 1'")
    for explain in (_definition_last, _two_operands, _equals_sign, _brackets, _separators):
        found = explain(tokens, index, accepted)
        if found is not None:
            message, hint, wider = found
            return FormulaError(message, source=source, span=wider or span, hint=hint)
    message = _expectation(tokens, index, accepted)
    hint = None
    if kind == "TILDE":
        hint = "a model is one line, y ~ f, in which '~' stands once and outside of parentheses"
    if kind == "COMPARISON" and before in {"EQUALS", "COMPARISON"}:
        pair = tokens.texts[index - 1] + text
        hint = {"<>": "write !=", "=<": "write <=", "=>": "write >="}.get(pair)
    if kind == "SLASH" and before == "SLASH":
        hint = "write floor(a/b) for whole division; a comment starts with #"
    if kind == "STAR" and before == "SLASH":
        hint = "a comment starts with #"
    if kind == "BANG" and before == "BANG":
        message, hint = "a double factorial is not part of the language", "write (x!)! or x!"
    return FormulaError(message, source=source, span=span, hint=hint)


_Found = tuple[str, str | None, "Span | None"] | None


def _two_operands(tokens: Tokens, index: int, accepted: set[str]) -> _Found:
    """Two operands with nothing between them: `2 3`, `x y`, `sin x`, `sin(1)(2)`, `1,5`."""
    kind, text = tokens.kinds[index], tokens.texts[index]
    left = operand_before(tokens, index)
    if kind not in _OPERAND_STARTS or left is None or "STAR" not in accepted:
        return None
    if tokens.kinds[index - 1] == "NUMBER" and tokens.kinds[index] == "NAME":
        adjacent = tokens.start(index) == tokens.span(index - 1)[1]
        if adjacent:
            return _misspelt_number(tokens, index)
    right = operand_after(tokens, index)
    before = tokens.texts[index - 1]
    if text == "if":
        return "a condition is written with where", _python_condition(tokens, index), None
    if tokens.kinds[index - 1] == "NAME" and is_function(before):
        hint = _repair(f"{before}({right})") if right else None
        return f"{before} needs its argument in parentheses", hint, None
    foreign = {"for", "in", "import", "lambda", "return", "def", "let"} & {text, before}
    if foreign:
        word = foreign.pop()
        span = tokens.span(index if word == text else index - 1)
        return f"'{word}' has no meaning in a formula", None, span
    if tokens.kinds[index - 1] == "NUMBER" and kind == "NUMBER":
        joined = left + text
        if text.startswith(".") and tokens.start(index) == tokens.span(index - 1)[1]:
            span = (tokens.start(index - 1), tokens.span(index)[1])
            return (
                f"{joined} is not a number",
                "a number has one point, and no exponent after it: 1.25",
                span,
            )
    message = "an operator is missing between two parts"
    return message, _repair(f"{left}*{right}") if right else None, None


def _misspelt_number(tokens: Tokens, index: int) -> _Found:
    number, name = tokens.texts[index - 1], tokens.texts[index]
    span = (tokens.start(index - 1), tokens.span(index)[1])
    if name in {"e", "E"}:
        hint = f"write {number}e0 for the number, {number}*e for a product"
        return f"{number}{name} is a number without its exponent", hint, span
    if name[0] == "_":
        digits = (number + name).replace("_", "")
        return "a number has no separators", _repair(digits) if digits.isdecimal() else None, span
    return "numbers are decimal", _decimal(number + name), span


def _decimal(digits: str) -> str:
    """Return the repair of 0x1F, 0b101 or 0o17."""
    base = {"x": 16, "b": 2, "o": 8}[digits[1].lower()]
    if len(digits) <= 20:
        with suppress(ValueError):
            return f"write {int(digits, base)}"
    return "write the number in decimal digits"


def _python_condition(tokens: Tokens, index: int) -> str:
    otherwise = next(
        (i for i in range(index, len(tokens.texts)) if tokens.texts[i] == "else"), None
    )
    if otherwise is None:
        return "write where(condition, a, b)"
    source = tokens.source
    chosen = source[: tokens.start(index)].strip()
    condition = source[tokens.span(index)[1] : tokens.start(otherwise)].strip()
    other = source[tokens.span(otherwise)[1] :].strip()
    return _repair(f"where({condition}, {chosen}, {other})") or "write where(condition, a, b)"


def _equals_sign(tokens: Tokens, index: int, _accepted: set[str]) -> _Found:
    if tokens.kinds[index] != "EQUALS":
        return None
    left, right = operand_before(tokens, index), operand_after(tokens, index + 1)
    if index and tokens.kinds[index - 1] == "COMPARISON":
        return "'===' has no meaning in a formula", "write ==", None
    if left is None:
        return "'=' defines a name, and no name stands before it", "write u = …; …", None
    if tokens.texts[index + 1] in {"<", ">"}:
        sign = tokens.texts[index + 1]
        return f"'={sign}' has no meaning in a formula", f"write {sign}=", None
    message = "'=' defines a name at the start of a line; equality is written =="
    hint = _repair(f"{left} == {right}") if right else None
    return message, hint, None


def _brackets(tokens: Tokens, index: int, accepted: set[str]) -> _Found:
    kinds = tokens.kinds
    kind = kinds[index]
    if kind in {"RPAR", "RSQB"}:
        if kind == "RPAR" and index and kinds[index - 1] == "LPAR":
            return _nothing_inside(tokens, index)
        if END in accepted or "SEPARATOR" in accepted:
            mark = tokens.texts[index]
            opening = "(" if mark == ")" else "["
            return f"this '{mark}' closes nothing", f"remove it, or add a '{opening}' before", None
        return None
    opening_index = _unclosed(tokens, index)
    closing = _CLOSED_BY.get(kinds[opening_index]) if opening_index is not None else None
    if kind == END and closing and (closing[0] in accepted):
        missing = 1
        if closing[0] == "RPAR":
            missing = kinds[:index].count("LPAR") - kinds[:index].count("RPAR")
        mark = closing[1]
        message = f"a '{mark}' is missing" if missing <= 1 else f"{missing} '{mark}' are missing"
        return message, None, None
    if kind == "COMMA":
        if opening_index is None:
            return _stray_comma(tokens, index)
        if kinds[opening_index] == "LPAR" and not (
            opening_index and kinds[opening_index - 1] == "NAME"
        ):
            return "a group in parentheses holds one expression", "arrays are written [1, 2]", None
    return None


_CLOSED_BY = {"LPAR": ("RPAR", ")"), "LSQB": ("RSQB", "]")}


def _nothing_inside(tokens: Tokens, index: int) -> _Found:
    """Empty parentheses, mostly a call without arguments."""
    if index > 1 and tokens.kinds[index - 2] == "NAME":
        name = tokens.texts[index - 2]
        span = (tokens.start(index - 2), tokens.span(index)[1])
        if is_function(name):
            return f"{name} is called without an argument", f"write {name}(x)", span
        hint = f"write {name}" if name in CONSTANTS else _unknown(name)
        return f"{name} is called without an argument", hint, span
    span = (tokens.start(index - 1), tokens.span(index)[1])
    return "nothing stands between the parentheses", None, span


def _unclosed(tokens: Tokens, before: int) -> int | None:
    """Return the last bracket that is still open before a token."""
    depth = 0
    for index in range(before - 1, -1, -1):
        kind = tokens.kinds[index]
        depth += (kind in {"RPAR", "RSQB"}) - (kind in {"LPAR", "LSQB"})
        if depth < 0:
            return index
    return None


def _stray_comma(tokens: Tokens, index: int) -> _Found:
    kinds = tokens.kinds
    hint = None
    if index and kinds[index - 1] == "NUMBER" and kinds[index + 1] == "NUMBER":
        whole, part = tokens.texts[index - 1], tokens.texts[index + 1]
        if whole.isdecimal() and part.isdecimal():
            hint = _repair(f"{whole}.{part}")
    return "',' separates the arguments of a function", hint, None


def _unknown(name: str) -> str | None:
    close = suggestion(name, FUNCTION_NAMES)
    return f"did you mean '{close}'?" if close else None


def _definition_last(tokens: Tokens, index: int, accepted: set[str]) -> _Found:
    """A formula that ends with a definition: `u = 3`."""
    if tokens.kinds[index] != END or "SEPARATOR" not in accepted or END in accepted:
        return None
    first = max((i + 1 for i in range(index) if tokens.kinds[i] == "SEPARATOR"), default=0)
    name = tokens.texts[first]
    message = "the formula ends with a definition and computes nothing"
    is_function = tokens.kinds[first + 1] == "LPAR"
    hint = f"add what to compute, such as '; {name}{'(1)' if is_function else ''}'"
    if first == 0 and not is_function and (right := operand_after(tokens, 2)):
        hint += f"; to compare, write {name} == {right}"
    return message, hint, (tokens.start(first), tokens.span(index - 1)[1])


def _separators(tokens: Tokens, index: int, accepted: set[str]) -> _Found:
    if tokens.kinds[index] != "SEPARATOR":
        return None
    if END in accepted:
        message = "only definitions (u = …) may come before the last part of a formula"
        start = 0
        for i in range(index):
            if tokens.kinds[i] == "SEPARATOR":
                start = i + 1
        return message, None, (tokens.start(start), tokens.span(index - 1)[1])
    if index == 0 or tokens.kinds[index - 1] == "SEPARATOR":
        return "nothing stands before this ';'", "remove it", None
    return None


def _expectation(tokens: Tokens, index: int, accepted: set[str]) -> str:
    """Return "expected … after …" in words, never a terminal's name."""
    kind, text = tokens.kinds[index], tokens.texts[index]
    if "NUMBER" in accepted:
        wanted = "an operand"
    elif "NAME" in accepted:
        wanted = "a name"
    elif accepted == {"LPAR"}:
        wanted = "'('"
    else:
        wanted = "an operator"
    if not index:
        return f"expected {wanted} before '{text}'"
    before = tokens.texts[index - 1]
    if tokens.kinds[index - 1] == "SEPARATOR":
        after = f"expected {wanted} after the ';' or line end"
    else:
        after = f"expected {wanted} after '{before}'"
    if kind == END:
        return after
    return f"{after}, not '{text}'" if text.strip() else f"{after}, not a new line"


def of_fault(tokens: Tokens, fault: Fault, stack: list[Span]) -> FormulaError:
    """Return the error for a rule whose parts do not fit together."""
    source = tokens.source
    message, hint = fault.message, fault.hint
    if fault.first is None or fault.last is None:
        return FormulaError(
            message, source=source, span=_definition(tokens, fault.definition), hint=hint
        )
    span = (stack[fault.first][0], stack[fault.last][1])
    if fault.kind == "ambiguous division":
        message, hint = _two_readings(tokens, stack)
    elif fault.kind == "bare function":
        hint = _function_power(tokens, span) or hint
    elif fault.kind == "product":
        name = source[span[0] : span[1]]
        inside = source[stack[-2][0] : stack[-2][1]]
        repair = _repair(f"{name}*({inside})")
        hint = f"for a product {repair}" if repair else None
    elif fault.kind == "keyword":
        index = next(
            i
            for i in range(len(tokens.kinds))
            if tokens.kinds[i] == "EQUALS" and tokens.start(i) >= span[0]
        )
        found = _equals_sign(tokens, index, set())
        assert found is not None  # noqa: S101 - the token is an EQUALS
        message, hint, span = found[0], found[1], tokens.span(index)
    return FormulaError(message, source=source, span=span, hint=hint)


def _definition(tokens: Tokens, name: str | None) -> Span:
    """Return where a name is defined."""
    starts = [0, *(i + 1 for i, kind in enumerate(tokens.kinds) if kind == "SEPARATOR")]
    for index in starts:
        if tokens.texts[index] == name and tokens.kinds[index + 1] in {"EQUALS", "LPAR"}:
            return tokens.span(index)
    return (0, 1)


def _two_readings(tokens: Tokens, stack: list[Span]) -> tuple[str, str | None]:
    """Return message and hint for a/bc: both readings, written out."""
    source = tokens.source
    quotient, factor = stack[-3], stack[-1]
    depth, slash = 0, quotient[0]
    for index, kind in enumerate(tokens.kinds):
        start = tokens.start(index)
        if start >= quotient[1]:
            break
        if start >= quotient[0]:
            depth += (kind == "LPAR") - (kind == "RPAR")
            if kind == "SLASH" and depth == 0:
                slash = start
    above = source[quotient[0] : slash].strip()
    below = source[slash + 1 : quotient[1]].strip()
    right = source[factor[0] : factor[1]]
    whole = source[quotient[0] : factor[1]]
    first, second = f"({above}/{below})*{right}", f"{above}/({below}*{right})"
    if len(whole) > _LONGEST_REPAIR:
        return "this division can be read two ways", "add parentheses or '*'"
    return f"{whole} can be read two ways", f"write {first} or {second}"


def _function_power(tokens: Tokens, span: Span) -> str | None:
    """Return the repair of sin^2(x)."""
    index = next((i for i in range(len(tokens.kinds)) if tokens.start(i) == span[0]), 0)
    kinds = tokens.kinds
    name = tokens.texts[index]
    if kinds[index + 1] == "SUPERSCRIPT":
        argument = operand_after(tokens, index + 2)
        return (
            _repair(f"{name}{_parenthesised(argument)}{tokens.texts[index + 1]}")
            if argument
            else None
        )
    if kinds[index + 1] != "POWER" or kinds[index + 2] != "NUMBER":
        return None
    after = index + 3
    while kinds[after] == "IMPLICIT":
        after += 1
    argument = operand_after(tokens, after)
    if argument is None:
        return None
    return _repair(f"{name}{_parenthesised(argument)}^{tokens.texts[index + 2]}")


def _parenthesised(text: str) -> str:
    return text if text.startswith("(") else f"({text})"
