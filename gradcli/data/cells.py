"""What a cell of a table says: a number, a missing value, a date, a text of a class.

This is the one place that knows how numbers are written in files.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from gradcli.errors import FileError, listed, printable
from gradcli.limits import out_of_range
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUS = "\u2212"
"""The minus sign of typography, which counts as a hyphen-minus."""

MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "."}
"""The cells of a missing value, in small letters."""

MOST_CLASSES = 100_000
"""The most different texts of a column that --classes turns into numbers."""

# Patterns as text: re compiles each at its first use, which most runs never come to.
GROUPS = r"[+-]?[0-9]{1,3}([,.' _])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]*)?%?"
ALIKE = {" ": "\u00a0\u202f\u2009", "'": "\u2019"}
"""What typography writes between groups of digits in the place of a blank or an apostrophe."""
FRACTION = r"\.([0-9]+)"
INFINITE = r"(?i)[+-]?inf(?:inity)?"
DATE = r"[0-9]{1,4}([-./])[0-9]{1,2}\1[0-9]{1,4}(?:,?[T ].*)?|[0-9]{1,2}:[0-9]{2}.*"
DAYS = "%d.%m.%Y %d.%m.%y %d/%m/%Y %m/%d/%Y %d/%m/%y %m/%d/%y %d-%m-%Y %m-%d-%Y %Y/%m/%d %Y.%m.%d"
TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
DATE_FORMS = (
    *TIMES,
    *(f"{day}{time}" for day in DAYS.split() for time in ("", *(f" {time}" for time in TIMES))),
    *(f"{day}, {time}" for day in DAYS.split() for time in TIMES),
)
"""Forms of dates besides ISO 8601, for datetime.strptime."""

MAY_VANISH = rb"[eEdD]-0*[1-9][0-9][0-9]|0{200}"
"""What stands in a number other than 0 whose nearest double is 0.

It is below 2.5e-324: where its exponent is above -100, more than 200 zeros follow its point.
"""


class CellError(Exception):
    """Why a cell cannot be used, as the end of a sentence, and the repair."""

    def __init__(self, reason: str, hint: str | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.column = column


class Notation:
    """How numbers and missing values are written.

    `decimal` stands before the fraction, `thousands` between groups of three digits ("" where
    nothing may), `missing` are texts that stand for a missing value besides the usual ones; one
    that is a number stands for every spelling of it.
    """

    def __init__(
        self, decimal: str = ".", thousands: str = "", missing: tuple[str, ...] = ()
    ) -> None:
        self.decimal = decimal
        self.thousands = thousands
        self._missing = {text.strip(" \t").lower() for text in missing} | MISSING
        numbers = filter(None, map(self._match, missing))
        self.missing_numbers = frozenset(map(self._double, numbers))
        """The numbers that stand for a missing value, such as -9999."""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # float() is too lenient: it reads nan, 1_000 and the digits of other scripts.
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        whole = rf"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]+)" if self.thousands else "[0-9]+"
        mantissa = rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)"
        return re.compile(rf"([+-]?{mantissa})(?:[eEdD]([+-]?[0-9]+))?(%?)")

    def is_missing(self, cell: str) -> bool:
        """Return whether a cell stands for a missing value."""
        text = cell.strip(" \t")
        if len(text) >= 100:
            return False
        if text.lower() in self._missing:
            return True
        if not self.missing_numbers:
            return False
        match = self._match(text)
        return match is not None and self._double(match) in self.missing_numbers

    def is_number(self, cell: str) -> bool:
        """Return whether a cell holds a number, a percentage included."""
        return self._match(cell) is not None

    def number(self, cell: str) -> float:
        """Return the double nearest to the number in a cell; 5% is 0.05. Raises CellError."""
        match = self._match(cell)
        if match is None:
            raise CellError(*self._why_not(cell))
        value = self._double(match)
        reason = out_of_range(match[1], value)
        if reason is not None:
            raise CellError(reason)
        return value

    def _match(self, cell: str) -> re.Match[str] | None:
        return self._pattern.fullmatch(_typed(cell, self.thousands))

    def _double(self, match: re.Match[str]) -> float:
        mantissa, exponent, percent = match.groups()
        if self.thousands:
            mantissa = mantissa.replace(self.thousands, "")
        # Shifted by the exponent, not divided, so that it is rounded once.
        power = int((exponent or "0")[:20]) - (2 if percent else 0)
        return float(f"{mantissa.replace(self.decimal, '.')}e{power}")

    def _why_not(self, cell: str) -> tuple[str, str | None]:
        text = _typed(cell, "".join(ALIKE))
        if re.fullmatch(INFINITE, text):
            return "is not a finite number", None
        grouped = re.fullmatch(GROUPS, text)
        mark = grouped[1] if grouped and not self.thousands else self.thousands
        hints = []
        for decimal, thousands in ((self.decimal, mark), (",", self.thousands), (",", mark)):
            words = [f"--thousands {_quoted(thousands)}"] if thousands != self.thousands else []
            words += [f"--decimal {decimal}"] if decimal != self.decimal else []
            if words and decimal != thousands and Notation(decimal, thousands).is_number(text):
                digits = text.replace(thousands, "") if thousands else text
                hints.append(f"{' '.join(words)} reads it as {digits.replace(decimal, '.')[:40]}")
        return "is not a number", "; ".join(dict.fromkeys(hints)) or None


def _typed(cell: str, marks: str) -> str:
    """Return a cell as it is typed, with these marks between groups in the place of those alike."""
    text = cell.strip(" \t").replace(MINUS, "-")
    for mark in () if text.isascii() else marks:
        for other in ALIKE.get(mark, ""):
            text = text.replace(other, mark)
    return text


def _quoted(mark: str) -> str:
    """Return a mark between groups of digits as a shell reads it."""
    return {" ": "' '", "'": '"\'"'}.get(mark, mark)


class TextOptions(NamedTuple):
    """How the text of a table is to be read, where it does not say so itself."""

    separator: str | None = None
    decimal: str = "."
    thousands: str = ""
    header: tuple[str, ...] = ()
    skip_lines: int = 0
    skip: frozenset[int] = frozenset()
    missing: tuple[str, ...] = ()
    encoding: str | None = None

    @property
    def notation(self) -> Notation:
        """How numbers and missing values are written."""
        return Notation(self.decimal, self.thousands, self.missing)


def is_percentage(cell: str) -> bool:
    """Return whether a number is written as a percentage."""
    return cell.rstrip(" \t").endswith("%")


@cache
def _patterns(end: str, blanks: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a cell in quotes, whose text is its group, and of another one."""
    around = "" if end == "\\ " else f"[{blanks}]*"
    quoted_cell = rf'{around}"([^"]*(?:""[^"]*)*)"{around}(?={end}|\Z)'
    return re.compile(quoted_cell), re.compile(rf'[^"{end}]*(?={end}|\Z)')


class Dialect(NamedTuple):
    """The character between cells; where it is a blank, several count as one."""

    separator: str

    @property
    def blanks(self) -> str:
        """The characters that may stand on a blank line."""
        return " " if self.separator in "\t " else " \t"

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line without its end. Raises CellError for a stray quote."""
        if self.separator == " ":
            line = line.replace("\t", " ").strip(" ")
        if '"' not in line:
            cells = line.split(self.separator)
            return [cell for cell in cells if cell] if self.separator == " " else cells
        cells = []
        at = 0
        quoted_cell, plain_cell = _patterns(re.escape(self.separator), self.blanks)
        while True:
            match = quoted_cell.match(line, at)
            if match is not None:
                cells.append(match[1].replace('""', '"'))
            else:
                match = plain_cell.match(line, at)
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


def date_hint(name: str, cell: str) -> str | None:
    """Return the options that read a cell of a column as a date; None where it is none."""
    if not re.fullmatch(DATE, cell):
        return None
    try:
        Dates()[cell]
    except CellError:
        forms = [form for form in DATE_FORMS if _has_form(cell, form)]
        options = [f"--dates '{name}={form}'" for form in forms]
        return f"{' or '.join(options)} reads it" if options else None
    return f"--dates {name} reads dates as days, times as seconds"


def _has_form(cell: str, form: str) -> bool:
    try:
        datetime.strptime(cell, form)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True


class Codes(dict[str, int]):
    """The number of each text of a column of classes; while `growing` a new text gets the next one.

    Else a text that is new raises CellError.
    """

    def __init__(self, column: str, texts: Iterable[str] = (), *, growing: bool = False) -> None:
        super().__init__((text, i) for i, text in enumerate(texts))
        self.column = column
        self.growing = growing

    def __missing__(self, text: str) -> int:
        if not self.growing:
            raise CellError("is not one of the classes", f"classes: {listed(self)}")
        if len(self) >= MOST_CLASSES:
            name = printable(self.column, 40)
            message = f"column '{name}' holds more than {MOST_CLASSES} different texts"
            hint = "--classes is for a column with a few texts that repeat"
            raise FileError(message, hint=hint)
        self[text] = len(self)
        return self[text]


class Dates:
    """Dates and times as numbers: days since the first one, seconds where times stand in the cells.

    `form` is that of datetime.strptime; None is ISO 8601. `origin` is the first date, which
    counts as 0, None until one was read.
    """

    def __init__(self, form: str | None = None, origin: datetime | None = None) -> None:
        self.form = form
        self.origin = origin
        self.has_times = bool(form and re.search(r"%[HIMSfpXcTR]", form))

    @property
    def unit(self) -> str:
        """What the numbers count."""
        return "seconds" if self.has_times else "days"

    def __getitem__(self, cell: str) -> float:
        """Return the days or seconds since the origin. Raises CellError."""
        moment = self._moment(cell)
        if self.origin is None:
            self.has_times = self.has_times or ":" in cell
            self.origin = moment
        if (moment.tzinfo is None) != (self.origin.tzinfo is None):
            raise CellError("has a time zone and others have none, or the other way round")
        passed = moment - self.origin
        if self.has_times:
            return passed.total_seconds()
        if ":" in cell:
            raise CellError("has a time, unlike the first date of the column")
        return float(passed.days)

    def _moment(self, cell: str) -> datetime:
        try:
            if self.form is not None:
                return datetime.strptime(cell, self.form)  # noqa: DTZ007 - as the cell says
            if len(cell) == 10:
                return datetime.combine(date.fromisoformat(cell), datetime.min.time())
            # Python 3.10 knows neither the letter for Greenwich nor fractions of other lengths.
            cell = re.sub(FRACTION, lambda found: f".{found[1]:0<6.6}", cell)
            return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", cell))
        except ValueError:
            form = self.form or "YYYY-MM-DD, or with a time YYYY-MM-DDTHH:MM:SS"
            hint = None if self.form else "for others give the form, as --dates 't=%d.%m.%Y'"
            raise CellError(f"is not a date of the form {printable(form, 60)}", hint) from None
