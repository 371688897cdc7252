"""Values with an error: x=1.0±0.1, x=5+-2%, x='[1±0.1, 2+/-0.1]'."""

from __future__ import annotations

import re

from gradcli.errors import NameValueError, printable

NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+\-−]?\d+)?"
# Behind an operand; +-3 and 2*+-3 have two signs, and 1e+-3 is no number.
_SIGN = re.compile(r"(?<![0-9.][eE])(?:±|(?<=[\w.)\]!%°])[ \t]*\+/?[-−])")
_ERROR = re.compile(rf"[ \t]*({NUMBER})[ \t]*(%?)[ \t]*")
_PERCENT = re.compile(rf"([+\-−]?)({NUMBER})[ \t]*%")
_IN_LAST_DIGITS = re.compile(r"([+\-−]?)(\d+(?:\.\d*)?|\.\d+)\((\d+)\)((?:[eE][+\-−]?\d+)?)")


def parts(name: str, text: str) -> tuple[str, str] | None:
    """Return a value without its errors, and a value that is the errors; None where it has none.

    Raises NameValueError for an error that is no number, and where two meanings are possible.
    """
    value, error = [], []
    done = 0
    is_found = False
    for start, end in _entries(text):
        found = _SIGN.search(text, start, end)
        left = text[start:end] if found is None else text[start : found.start()]
        value += [text[done:start], left]
        error.append(text[done:start])
        error.append("0" if found is None else _error(name, text, left, found.span(), end))
        is_found = is_found or found is not None
        done = end
    if not is_found:
        return None
    return "".join([*value, text[done:]]), "".join([*error, text[done:]])


def _entries(text: str) -> list[tuple[int, int]]:
    """Return where the numbers of a value are: it, or the entries of its lists."""
    found: list[tuple[int, int]] = []
    opened: list[str] = []
    start = 0
    for position, character in enumerate(text):
        if character in "([":
            opened.append(character)
            if character == "[" and "(" not in opened:
                start = position + 1
        elif character in ")]" or (character == "," and opened and "(" not in opened):
            if "(" not in opened and opened:
                found.append((start, position))
                start = position + 1
            if character in ")]" and opened:
                opened.pop()
    if not found or _SIGN.search(text, start):
        return [(0, len(text))]  # a number, or a list with one error for all
    return [(a, b) for a, b in found if text[a:b].strip()]


def _error(name: str, text: str, left: str, sign: tuple[int, int], end: int) -> str:
    """Return the error of an entry as a value."""
    found = _ERROR.fullmatch(text, sign[1], end)
    left, right = left.strip(), text[sign[1] : end].strip()
    if right.startswith("(") and right.endswith(")"):  # a formula of numbers
        return f"0*({left}) + {right}" if "[" in left else right
    if found is None:
        message = f"in the value of {name}: behind ± stands a number >= 0, or a percentage"
        hint = f"for example {name}=1.0±0.1 or {name}=5±2%"
        raise NameValueError(message, source=text, span=(sign[0], end), hint=hint)
    if left.endswith("%"):
        message = f"in the value of {name}: a percentage with an error can be read two ways"
        hint = f"write the numbers, as in {name}=0.05±0.01"
        raise NameValueError(message, source=text, span=(0, end), hint=hint)
    if found[2]:
        return f"abs({left})*{found[1]}/100"
    return f"0*({left}) + {found[1]}" if "[" in left else found[1]


def percentage(text: str) -> str | None:
    """Return the number that 5% is, as text; None for another value."""
    found = _PERCENT.fullmatch(text.strip())
    if found is None:
        return None
    mantissa, _, exponent = found[2].lower().replace("−", "-").partition("e")
    return f"{found[1]}{mantissa}e{int(exponent or 0) - 2}"


def check_digits(name: str, text: str) -> None:
    """Raise NameValueError for 2.5(3), which is 7.5 for some and 2.5±0.3 for others."""
    found = _IN_LAST_DIGITS.fullmatch(text.strip())
    if found is None:
        return
    sign, number, digits, exponent = found.groups()
    positions = len(number.partition(".")[2])
    scaled = digits.rjust(positions + 1, "0")
    error = f"{scaled[:-positions]}.{scaled[-positions:]}" if positions else digits
    shown = printable(text, 60)
    message = f"{shown} can be read two ways: a product, or a number with an error behind it"
    product = f"{sign}{number}*{digits}{exponent}"
    hint = f"write {name}={product} or {name}={sign}{number}{exponent}±{error}{exponent}"
    raise NameValueError(message, source=text, span=(0, len(text)), hint=hint)
