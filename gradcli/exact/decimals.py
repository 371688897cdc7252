"""Decimal texts of numbers that are known better than a double, and doubles of few digits."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fractions import Fraction
    from typing import Any

DOUBLE_DIGITS = 17
"""Significant digits with which any two doubles differ."""
MOST_DIGITS = 10_000
"""Significant digits that may be asked for."""
WHOLE = 2.0**53
"""Whole numbers below this are doubles, and so are their sums and products."""
LARGEST_WRITTEN = 10**40
"""Whole numbers below this are written out."""
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


def safe_digits(kept: Any, error: Any) -> Any:
    """Return how many digits are certain as they are printed, of a number or of each of an array.

    One unit in the last place of a double may be two of 17 digits.
    """
    return kept - 2 * ((kept == DOUBLE_DIGITS) & (error > 0))


def are_enough(value: Any, rounded: Any, kept: Any, error: Any, digits: int | None) -> Any:
    """Return whether the digits that are certain are enough, of a number or of each of an array."""
    if digits is not None:
        return kept >= digits
    is_close = abs(rounded - value) + error <= PART * abs(value)
    return ((kept > ENOUGH) | ((kept > 0) & is_close)) & (is_padded(value, kept) == 0)


def is_padded(value: Any, kept: Any) -> Any:
    """Return whether zeros would stand behind the certain digits, up to the point."""
    size = abs(value)
    return (kept < DOUBLE_DIGITS) & (10.0**kept <= size) & (size < WRITTEN_OUT)


def may_be_whole(value: Any) -> Any:
    """Return whether numbers may be whole ones with more digits than a double has."""
    return (abs(value) >= WHOLE) & (abs(value) < LARGEST_WRITTEN)


def nearest(value: Fraction) -> float:
    """Return the double nearest to a fraction, inf where it is too large for one."""
    try:
        return float(value) + 0.0
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def fraction_text(value: Fraction, digits: int) -> str:
    """Return a fraction rounded to significant digits as text; a half is rounded up.

    It has an exponent where zeros would stand behind its digits, or more than three before them.
    """
    from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal

    context = Context(prec=digits, rounding=ROUND_HALF_UP, Emin=MIN_EMIN, Emax=MAX_EMAX)
    rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    rounded = rounded.normalize(context)
    if -5 < rounded.adjusted() < max(digits, 16):
        return f"{rounded:f}"
    mantissa, _, exponent = f"{rounded:e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
