"""Decimal numbers to the nearest doubles, whole columns at a time, eight digits in one word.

Digits are read eight at a time from 64-bit words (D. Lemire, "Number parsing at a gigabyte per
second", Software: Practice and Experience 51, 2021, gives the multiplications). The digits as a
whole number m below 2^64 and the power 10^k of the point are exact, so that m / 10^k in doubles
(m < 2^53) or in 80-bit numbers is rounded once; where the second rounding, from 80 bits to 64,
could err, and for every number of another form, float() decides.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from gradcli.limits import out_of_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcli.data.columns import Array

    Words = NDArray[np.uint64]
    Offsets = NDArray[np.intp]

MOST_DIGITS = 19
"""Any whole number of so many digits is below 2^64."""

PADDING = 32
"""Bytes before the text, so that the words before its first number exist."""

IRREGULAR_SHARE = 8
"""Give up when more than 1 cell in 8 is no plain decimal."""

LITTLE_ENDIAN = sys.byteorder == "little"
EXTENDED = (
    LITTLE_ENDIAN and np.finfo(np.longdouble).nmant == 63 and np.dtype(np.longdouble).itemsize == 16
)
"""Whether a long double has the 64 bits of x87 and lies in 16 bytes, as on Linux for x86."""

POWERS = np.array([10**k for k in range(MOST_DIGITS + 1)], np.uint64)
# Divisors that are exact: 10^k = 2^k 5^k, and 5^19 is below 2^53.
DIVISORS = POWERS.astype(np.float64)
LONG_DIVISORS = POWERS.astype(np.longdouble)

MOST_POWER = 22
"""The largest power of ten that is a double."""

TENS = np.array([10.0**k for k in range(MOST_POWER + 1)])

KEEP = np.array([(2**64 - 1) ^ (2 ** (64 - 8 * count) - 1) for count in range(9)], np.uint64)
"""The bytes of a word that hold its last `count` characters."""


ZEROS, OVER_NINE, HIGH = np.array([0x30, 0x76, 0x80], np.uint64) * np.uint64(0x0101010101010101)


def columns(text: bytes, separator: bytes, width: int, positions: list[int]) -> list[Array] | None:
    """Return columns of a table of numbers, or None when another reader should look at it.

    `text` holds digits, signs, points, e, blanks, the separator and LF, which ends each line.
    """
    if not LITTLE_ENDIAN:
        return None
    padded = b"0" * PADDING + text + b"0" * (16 - len(text) % 8)
    characters = np.frombuffer(padded, np.uint8)
    ends_at = (characters == separator[0]) | (characters == ord("\n"))
    # Where every cell has an exponent, a table has twice as many columns; else float() reads it.
    exponents = b"e" in text or b"E" in text
    if exponents:
        exponent_at = (characters == ord("e")) | (characters == ord("E"))
        count = np.count_nonzero(exponent_at)
        exponents = count == np.count_nonzero(ends_at) and _alternate(
            exponent_at[ends_at | exponent_at]
        )
    if exponents:
        ends_at |= exponent_at
    events = np.flatnonzero(ends_at | (characters == ord(".")))
    enders = np.flatnonzero(ends_at[events])
    ends = events[enders]
    if not _is_table(characters, ends, width * 2 if exponents else width):
        return None
    # The event before the end of a cell is its point, if it lies in the cell.
    points = events[enders - 1]
    points[0] = PADDING - 1 if not enders[0] else points[0]
    starts = np.empty_like(ends)
    starts[0] = PADDING
    np.add(ends[:-1], 1, out=starts[1:])
    points = np.where(points >= starts, points, ends)

    cells = (starts, points, ends)
    if exponents:
        mantissas = [at[::2].reshape(-1, width).T[positions].ravel() for at in cells]
        powers = [at[1::2].reshape(-1, width).T[positions].ravel() for at in cells]
        values = _with_exponents(characters, *mantissas, *powers)
        return None if values is None else list(values.reshape(len(positions), -1))
    if positions == list(range(width)):
        values = _values(characters, *cells)
        return None if values is None else list(values.reshape(-1, width).T)
    chosen = [at.reshape(-1, width).T[positions].ravel() for at in cells]
    values = _values(characters, *chosen)
    return None if values is None else list(values.reshape(len(positions), -1))


def _alternate(marks: NDArray[np.bool_]) -> bool:
    """Return whether every other one is set, from the first to the last but one."""
    return len(marks) % 2 == 0 and bool(marks[::2].all()) and not marks[1::2].any()


def _is_table(characters: NDArray[np.uint8], ends: Offsets, width: int) -> bool:
    """Whether each line has `width` cells."""
    if len(ends) % width:
        return False
    line_ends = (characters[ends] == ord("\n")).reshape(-1, width)
    return bool(line_ends[:, -1].all()) and int(line_ends.sum()) == len(line_ends)


def _values(
    characters: NDArray[np.uint8], starts: Offsets, points: Offsets, ends: Offsets
) -> Array | None:
    whole, after, negative, irregular = _parts(characters, starts, points, ends)
    if whole.max() < 2**53:
        values = whole.astype(np.float64)
        values /= DIVISORS.take(after, mode="clip")
    elif EXTENDED:
        quotient = whole.astype(np.longdouble)
        quotient /= LONG_DIVISORS.take(after, mode="clip")
        irregular |= quotient.view(np.uint64)[::2] & np.uint64(0x7FF) == 0x400  # half-way
        values = quotient.astype(np.float64)
    else:
        irregular |= whole >= 2**53
        values = whole / DIVISORS.take(after, mode="clip")
    np.negative(values, out=values, where=negative)
    return values if _reparsed(values, irregular, characters, starts, ends) else None


def _with_exponents(
    characters: NDArray[np.uint8],
    starts: Offsets,
    points: Offsets,
    ends: Offsets,
    powers_start: Offsets,
    powers_point: Offsets,
    powers_end: Offsets,
) -> Array | None:
    """Return mantissas times powers of ten; exact factors, rounded once, or read by float()."""
    whole, after, negative, irregular = _parts(characters, starts, points, ends)
    sizes, decimals, below, also_irregular = _parts(
        characters, powers_start, powers_point, powers_end
    )
    irregular |= also_irregular | (decimals > 0) | (powers_point != powers_end)
    irregular |= (whole >= 2**53) | (sizes > MOST_POWER)
    powers = np.minimum(sizes, MOST_POWER + 1).astype(np.intp)
    np.negative(powers, out=powers, where=below)
    powers -= after
    irregular |= np.abs(powers) > MOST_POWER
    values = whole.astype(np.float64)
    values *= TENS.take(np.maximum(powers, 0), mode="clip")
    values /= TENS.take(np.maximum(-powers, 0), mode="clip")
    np.negative(values, out=values, where=negative)
    return values if _reparsed(values, irregular, characters, starts, powers_end) else None


def _parts(
    characters: NDArray[np.uint8], starts: Offsets, points: Offsets, ends: Offsets
) -> tuple[Words, Offsets, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the digits as whole numbers, how many stand after the point, which are negative.

    The last tells which are no plain decimals, so that float() has to read them.
    """
    signs = characters[starts]
    negative = signs == ord("-")
    before = points - starts
    before -= negative | (signs == ord("+"))
    after = ends - points - 1
    np.maximum(after, 0, out=after)
    words = characters[: len(characters) // 8 * 8].view(np.uint64)
    whole, irregular = _digits(words, points, before)
    if after.any():
        fraction, also_irregular = _digits(words, ends, after)
        irregular |= also_irregular
        irregular |= (before + after > MOST_DIGITS) & (whole != 0)
        whole *= POWERS.take(after, mode="clip")
        whole += fraction
    irregular |= before + after == 0
    return whole, after, negative, irregular


def _digits(words: Words, ends: Offsets, counts: Offsets) -> tuple[Words, NDArray[np.bool_]]:
    """Return the whole numbers of `counts` digits before `ends`, and which are none."""
    numbers, wrong = _eight(words, ends, counts)
    most = int(counts.max())
    for done in (8, 16):
        if most > done:
            more, also_wrong = _eight(words, ends - done, counts - done)
            more *= POWERS[done]
            numbers += more
            wrong |= also_wrong
    wrong |= counts > MOST_DIGITS
    return numbers, wrong


def _eight(words: Words, ends: Offsets, counts: Offsets) -> tuple[Words, NDArray[np.bool_]]:
    """Return the numbers of the last eight digits before `ends`, or of `counts` if fewer."""
    first = ends - 8
    shift = (first & 7).astype(np.uint64)
    shift <<= np.uint64(3)
    first >>= 3
    digits = words.take(first, mode="clip")
    digits >>= shift
    first += 1
    upper = words.take(first, mode="clip")
    upper <<= np.uint64(1)
    np.subtract(np.uint64(63), shift, out=shift)
    upper <<= shift
    digits |= upper
    digits ^= ZEROS
    digits &= KEEP.take(counts, mode="clip")
    wrong = ((digits + OVER_NINE) | digits) & HIGH != 0
    digits *= np.uint64(10 * 256 + 1)
    digits >>= np.uint64(8)
    digits &= np.uint64(0x00FF00FF00FF00FF)
    digits *= np.uint64(100 * 65536 + 1)
    digits >>= np.uint64(16)
    digits &= np.uint64(0x0000FFFF0000FFFF)
    digits *= np.uint64(10000 * 2**32 + 1)
    digits >>= np.uint64(32)
    return digits, wrong


def _reparsed(
    values: Array,
    irregular: NDArray[np.bool_],
    characters: NDArray[np.uint8],
    starts: Offsets,
    ends: Offsets,
) -> bool:
    """Parse irregular cells by float(); return whether all are numbers that a double can hold."""
    indices = np.flatnonzero(irregular)
    if len(indices) > len(values) // IRREGULAR_SHARE + 10:
        return False
    text = characters.tobytes()
    for index in indices.tolist():
        try:
            cell = text[starts[index] : ends[index]]
            values[index] = value = float(cell)
        except ValueError:
            return False
        if out_of_range(cell.decode("ascii"), value) is not None:
            return False
    return True
