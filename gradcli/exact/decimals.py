"""Decimal texts of numbers that are known better than a double, and doubles of few digits."""

from __future__ import annotations

import math
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fractions import Fraction

DOUBLE_DIGITS = 17
"""Significant digits that tell any two doubles apart."""
MOST_DIGITS = 10_000
"""Significant digits that may be asked for."""
WHOLE = 2.0**53
"""Whole numbers below this are doubles, and so are their sums and products."""
LONGEST_WHOLE = 40
"""Digits of the longest whole number that is written out."""
LARGEST_WRITTEN = 10.0**LONGEST_WHOLE
"""Whole numbers up to here are written out."""
ENOUGH = 13
"""A value with more significant digits than these is right to so many: it is off by less than a
unit of its last digit."""
PART = 1e-13
"""So is one that may be off by this part of it."""
WRITTEN_OUT = 1e16
"""Below this whole numbers are written without an exponent."""
LEAST_NORMAL = 2.0**-1022


def certain_digits(value: float, error: float) -> int:
    """Return how many significant digits of a value are certain that is so far off at most."""
    if not error < math.inf or value - value != 0:
        return 0
    if error <= 0.5 * math.ulp(value) or (abs(value) < LEAST_NORMAL and error <= math.ulp(value)):
        return DOUBLE_DIGITS
    if not value:
        return 0
    # One unit of the last digit is at least twice the error.
    unit = math.ceil(math.log10(2 * error) - 1e-9)
    first = math.floor(math.log10(abs(value)))
    first -= 10.0**first > abs(value)  # the logarithm of 0.00999…98 is rounded to -2
    return max(0, first - unit + 1)


def to_digits(value: float, digits: int) -> float:
    """Return a value rounded to significant digits."""
    return value if digits >= DOUBLE_DIGITS or not digits else float(f"{value:.{digits}g}")


def nearest(numerator: int, denominator: int) -> float:
    """Return the double nearest to a fraction, inf where it is too large for one."""
    try:
        return numerator / denominator + 0.0
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def digits_of(numerator: int, denominator: int, count: int) -> tuple[int, int]:
    """Return d and e so that d 10^e is a fraction rounded to so many significant digits."""
    if not numerator:
        return 0, 0
    size = abs(numerator)
    bits = size.bit_length() - denominator.bit_length()
    exponent = math.floor(bits * math.log10(2)) - count
    while True:
        above, below = size, denominator
        if exponent > 0:
            below *= 10**exponent
        else:
            above *= 10**-exponent
        digits = (2 * above + below) // (2 * below)
        if digits < 10**count:
            return (digits if numerator > 0 else -digits), exponent
        exponent += 1


def text_of(digits: int, exponent: int, most: int) -> str:
    """Return d 10^e as text, without zeros at its end, written out if there are `most` digits."""
    if not digits:
        return "0"
    sign, figures = ("-" if digits < 0 else ""), whole_text(abs(digits))
    first = len(figures) + exponent - 1  # the power of ten of the first digit
    figures = figures.rstrip("0")
    if not -5 < first < most:
        point = f".{figures[1:]}" if len(figures) > 1 else ""
        return f"{sign}{figures[0]}{point}e{first}"
    if first < 0:
        return f"{sign}0.{'0' * (-first - 1)}{figures}"
    figures = figures.ljust(first + 1, "0")
    point = f".{figures[first + 1 :]}" if len(figures) > first + 1 else ""
    return f"{sign}{figures[: first + 1]}{point}"


def whole_text(value: int) -> str:
    """Return a whole number of any length as text."""
    if value.bit_length() < 10_000 or not hasattr(sys, "set_int_max_str_digits"):
        return str(value)
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return str(value)
    finally:
        sys.set_int_max_str_digits(limit)


def fraction_text(value: Fraction, digits: int) -> str:
    """Return a fraction rounded to significant digits as text."""
    return text_of(*digits_of(value.numerator, value.denominator, digits), max(digits, 16))
