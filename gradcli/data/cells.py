"""The cells of a line of CSV, and the number in a cell: decimal digits, a point, an exponent."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
"""A number of the language of formulas with a sign, and blanks around it.

float() is too lenient: it reads nan, 1_000 and the digits of other scripts.
"""

MISSING = {"", "na", "nan", "null"}
"""The cells of a missing value, in small letters."""

DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)


class CellError(Exception):
    """Why a cell cannot be used, as the end of a sentence, and the repair."""

    def __init__(self, reason: str, hint: str | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.column = column


class Dialect(NamedTuple):
    """The character between cells; where it is a blank, several count as one."""

    separator: str
    quoted_cell: re.Pattern[str]
    plain_cell: re.Pattern[str]

    @classmethod
    def of(cls, separator: str) -> Dialect:
        """Return the rules for cells with one ASCII character between them."""
        blanks = "" if separator == " " else " " if separator == "\t" else " \t"
        around = f"[{blanks}]*" if blanks else ""
        end = re.escape(separator)
        return cls(
            separator,
            re.compile(rf'{around}"([^"]*(?:""[^"]*)*)"{around}(?={end}|\Z)'),
            re.compile(rf'[^"{end}]*(?={end}|\Z)'),
        )

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line without its end. Raises CellError for a stray quote."""
        if self.separator == " ":
            line = line.strip(" ")
        if '"' not in line:
            cells = line.split(self.separator)
            return [cell for cell in cells if cell] if self.separator == " " else cells
        cells = []
        at = 0
        while True:
            match = self.quoted_cell.match(line, at)
            if match is not None:
                cells.append(match[1].replace('""', '"'))
            else:
                match = self.plain_cell.match(line, at)
                if match is None:
                    reason = 'has a quote " that does not enclose the whole cell'
                    hint = 'inside a quoted cell, write "" for a quote'
                    raise CellError(reason, hint, len(cells))
                cells.append(match[0])
            at = match.end()
            if at == len(line):
                return cells
            at += 1
            while self.separator == " " and line[at] == " ":
                at += 1


def is_missing(cell: str) -> bool:
    """Return whether a cell stands for a missing value: empty, NA, nan or null."""
    return len(cell) < 100 and cell.strip(" \t").lower() in MISSING


def number(cell: str) -> float:
    """Return the double nearest to the decimal number in a cell. Raises CellError."""
    if NUMBER.fullmatch(cell) is None:
        raise CellError(*_why_not(cell))
    value = float(cell)
    if math.isinf(value):
        raise CellError("is too large for a double, which ends at 1.8e308")
    return value


def _why_not(cell: str) -> tuple[str, str | None]:
    text = cell.strip(" \t")
    if INFINITE.fullmatch(text):
        return "is not a finite number", None
    if THOUSANDS.fullmatch(text):
        return "is not a number", "write 1000, not 1,000, and 1.5, not 1,5"
    if DECIMAL_COMMA.fullmatch(text):
        return "is not a number", "write a decimal point: 1.5, not 1,5"
    return "is not a number", None
