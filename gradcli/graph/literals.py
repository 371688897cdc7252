"""Numbers, arrays and indices as they are typed, and results as strict JSON."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Self

    from gradcli.graph.shapes import Key


class Numeral(float):
    """The double nearest to a number that is known by its text: 9007199254740993, 1/3, 1e-400.

    Two are equal if their texts are, and none is equal to a plain double, so that numbers that are
    the same double are not merged.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: float, text: str) -> Self:
        """Return the numeral."""
        made = super().__new__(cls, value)
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same number."""
        return isinstance(other, Numeral) and other.text == self.text

    def __ne__(self, other: object) -> bool:
        """Return whether they are different numbers."""
        return not self == other

    __hash__ = float.__hash__

    def __neg__(self) -> Numeral:
        """Return the number with the other sign."""
        text = self.text
        return Numeral(-float(self), text[1:] if text[0] == "-" else f"-{text}")


LONGEST = 4_000
"""Characters of a number that is read exactly; of a longer one its double is taken."""
LARGEST_EXPONENT = 5_000
"""Powers of ten of the numbers that are read exactly."""


def numeral(text: str) -> float:
    """Return a decimal number as a double, which knows its text where it stands for another one."""
    value = float(text)
    if len(text) < 16 and 1e-290 < abs(value) < 1e300:
        return value  # of 15 digits or fewer each double has but one decimal
    digits, exponent = _digits(text)
    if len(text) > LONGEST or abs(exponent) > LARGEST_EXPONENT:
        return value
    return value if _digits(repr(value)) == (digits, exponent) else Numeral(value, text.lower())


def exactly(value: Any) -> float:
    """Return a number of Python, or the text of one, as a double that knows what it stands for.

    Raises ValueError for a text that is no number.
    """
    if isinstance(value, float):
        # Other classes of doubles, such as NumPy's, say no more than the double.
        return value if hasattr(value, "__slots__") else float(value)
    if isinstance(value, str):
        return numeral(value.strip())
    numerator, denominator = value.as_integer_ratio()
    if denominator == 1 and abs(numerator) < 2**53:
        return float(numerator)
    if isinstance(value, int) or not hasattr(value, "numerator"):  # an int, or a Decimal
        return numeral(str(value))
    return Numeral(numerator / denominator, f"{numerator}/{denominator}")


def is_single(value: Any) -> bool:
    """Return whether a value is one number: of Python, its fractions and decimals, or a text."""
    return isinstance(value, float | int | str) or hasattr(value, "as_integer_ratio")


def _digits(text: str) -> tuple[str, int]:
    """Return the digits of a decimal number without zeros at the ends, and its exponent."""
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    if not exponent.lstrip("+-").isdecimal() and exponent:
        return text, 0  # inf
    whole, _, parts = mantissa.partition(".")
    digits = (whole + parts).lstrip("0")
    ended = digits.rstrip("0")
    scale = int(exponent[:20] or 0) - len(parts) + len(digits) - len(ended)
    return ended, scale if ended else 0


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same double: 3, 0.1, 1e-5, inf; 0 for -0."""
    return value.text if isinstance(value, Numeral) else double_text(float(value))


def double_text(value: float) -> str:
    """Return what `number_text` does for a plain double, of which there may be millions."""
    text = repr(value + 0.0)  # which turns -0.0 into 0.0, and nothing else
    if "e" in text:
        digits, exponent = text.split("e")
        return f"{digits.removesuffix('.0')}e{int(exponent)}"
    return text.removesuffix(".0")


def to_decimals(value: float, decimals: int) -> str:
    """Return a number with so many decimals: of what it says as a decimal, a half away from 0."""
    from decimal import ROUND_HALF_UP, Context, Decimal

    text = number_text(value)
    exact = Decimal(repr(float(value)) if "/" in text else text)
    unit = Decimal((0, (1,), -decimals))
    rounded = exact.quantize(unit, ROUND_HALF_UP, Context(prec=11_000))
    return f"{rounded or abs(rounded):f}"


def to_digits(value: float, digits: int) -> float:
    """Return a double of so many significant digits; a half of the last one goes away from 0."""
    rounded = f"{value:.{min(digits, 17)}g}"
    mantissa, _, exponent = double_text(value).partition("e")
    last = mantissa.replace(".", "").strip("-0")
    if len(last) == digits + 1 and last[-1] == "5":  # which binary digits may lie below
        from decimal import ROUND_UP, Context

        rounded = str(
            Context(prec=digits, rounding=ROUND_UP).create_decimal(f"{mantissa}e{exponent or 0}")
        )
    return float(rounded)


def value_text(value: Any, longest: int = 8, text: Callable[[float], str] = number_text) -> str:
    """Return a number, or an array as it is typed; a long one by its shape, first and last.

    `text` writes each number.
    """
    if isinstance(value, int | float):
        return text(value)
    if value.size <= longest or longest < 0:
        return array_text(value.tolist(), text)
    flat = value.ravel()
    ends = [", ".join(text(x) for x in part) for part in (flat[:3], flat[-3:])]
    return f"array of shape {value.shape}: {ends[0]}, … {ends[1]}"


def array_text(value: Any, text: Callable[[float], str] = number_text) -> str:
    """Return nested lists as an array literal: [[1, 2], [3, 4]]."""
    if isinstance(value, list):
        return f"[{', '.join(array_text(part, text) for part in value)}]"
    return text(value)


def key_text(key: Key) -> str:
    """Return an index as it is typed: 0, 1:, :, ::2."""
    items = []
    for item in key:
        if isinstance(item, tuple):
            start, stop, step = ["" if limit is None else str(limit) for limit in item]
            items.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            items.append(str(item))
    return ", ".join(items)


# ---------------------------------------------------------------- JSON

MANY, EXACT = 1e13, 2.0**53
"""Whole numbers between these are written without a point."""

SCHEMA = 1
"""The form of the results: it rises when a key goes or changes its meaning."""


def json_text(content: dict[str, Any], *, keeps_sign: bool = False) -> str:
    """Return strict JSON in one line: inf and nan as the strings "inf", "-inf" and "nan".

    So is a number of more digits than a double has.
    A result shows -0.0 as 0.0; a record, such as a line of a log, `keeps_sign`.
    """
    import json

    return json.dumps(_strict(content, keeps_sign), allow_nan=False)


def _strict(content: Any, keeps_sign: bool) -> Any:
    if isinstance(content, float):
        if content - content != 0 or isinstance(content, Numeral):
            return number_text(content)
        if keeps_sign:
            return content
        # Of so many digits the last may be that of the units: none is certain behind the point.
        return (
            int(content) if MANY <= abs(content) < EXACT and content.is_integer() else content + 0.0
        )
    if isinstance(content, dict):
        return {key: _strict(value, keeps_sign) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value, keeps_sign) for value in content]
    if hasattr(content, "tolist"):  # a NumPy array
        return _strict(content.tolist(), keeps_sign)
    return content
