"""What can go wrong, as one tree of exceptions; each is a sentence, a location and a repair."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_MESSAGE = 600
"""Characters of any one sentence that are shown; the rest is cut and said to be cut."""


class ExitCode(int):
    """How the program ends, for the shell; `enum` would double the time to import this module."""

    DONE: ExitCode  # the answer is on stdout
    FAILED: ExitCode  # the run failed: mathematics, data, files
    USAGE: ExitCode  # the words are wrong: options, formula, names, values
    NOT_CONVERGED: ExitCode  # minimize stopped without converging; the best point is printed
    INTERRUPTED: ExitCode  # Ctrl-C
    BROKEN_PIPE: ExitCode  # the reader of stdout went away


ExitCode.DONE = ExitCode(0)
ExitCode.FAILED = ExitCode(1)
ExitCode.USAGE = ExitCode(2)
ExitCode.NOT_CONVERGED = ExitCode(3)
ExitCode.INTERRUPTED = ExitCode(130)
ExitCode.BROKEN_PIPE = ExitCode(141)


class GradcliError(Exception):
    """Base of every error that gradcli raises on purpose.

    `message` is one sentence, `hint` the repair (or None). `source` is the text at fault and
    `span` the half-open range of its characters to underline. `values` are the lines
    "where NAME = NUMBER" below the caret.
    """

    kind = "error"
    exit_code = ExitCode.FAILED
    node: int | None = None
    """The node at fault, where who raises it does not know the text."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        source: str | None = None,
        span: tuple[int, int] | None = None,
        values: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.source = source
        self.span = span
        self.values = values

    def __str__(self) -> str:
        """Return the message as the terminal shows it, 80 columns wide."""
        return self.render()

    def render(self, width: int = 80) -> str:
        """Return the sentence, the source line with its caret, the values and the repair."""
        lines = [printable(line, LONGEST_MESSAGE) for line in self.message.split("\n")]
        if self.source is not None and self.span is not None:
            lines += underlined(self.source, self.span, width)
        if self.values:
            lines.append("  where " + printable(", ".join(self.values), LONGEST_MESSAGE))
        if self.hint:
            lines.append("  " + printable(self.hint, LONGEST_MESSAGE))
        return "\n".join(lines)


class Terminated(KeyboardInterrupt):
    """A signal arrived; open files are put right on the way out, as they are at Ctrl-C."""

    SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
    """Those that end the program in good order."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class FormulaError(GradcliError):
    """A formula or a value that cannot be read."""

    kind = "formula"
    exit_code = ExitCode.USAGE
    repairs: tuple[str, ...] = ()
    """The formulas, or words NAME=VALUE, that the hint suggests, each of which can be read."""


class ShapeError(FormulaError):
    """Arrays whose shapes do not fit, or an index that does not exist."""

    kind = "shape"


class NameValueError(GradcliError):
    """A NAME=VALUE word that is unreadable, repeated, unused or missing."""

    kind = "value"
    exit_code = ExitCode.USAGE


class UsageError(GradcliError):
    """A command, option or setting that does not exist or does not fit."""

    kind = "usage"
    exit_code = ExitCode.USAGE


class MathematicsError(GradcliError):
    """A value or derivative that is undefined, infinite or too large."""

    kind = "mathematics"


class FileError(GradcliError):
    """A file that cannot be read or written."""

    kind = "file"


class TooManyRowsError(FileError):
    """A file of more rows than memory has room for."""


class ClusterError(GradcliError):
    """Workers that cannot be reached, or that cannot compute what they are to."""

    kind = "cluster"


class DrawingError(GradcliError):
    """A picture that cannot be drawn."""

    kind = "drawing"


def printable(text: str, longest: int | None = None) -> str:
    r"""Return `text` fit for a terminal: what is not printable as \x1b or \u202e, cut if long.

    A password in an address, https://user:password@host, is shown as "…".
    """
    if "://" in text and "@" in text:
        import re

        text = re.sub(r"(://[^/:@\s]*):[^/\s]*@", r"\1:…@", text)
    if longest is not None and len(text) > longest:
        text = f"{text[:longest]}… ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escaped(c) for c in text)


def escaped(character: str) -> str:
    r"""Return one character as an escape; a stray byte of invalid UTF-8 as \x80."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries bytes of argv that are not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def columns(text: str) -> int:
    """Return how many terminal columns `text` takes: 0 for a combining mark, 2 for a wide one."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def underlined(source: str, span: tuple[int, int], width: int) -> list[str]:
    """Return the line of `source` that holds `span` and a line of carets below it.

    The line is cut on either side so that the start of the span is visible in `width` columns.
    """
    start, end = span
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", start)
    line_end = len(source) if line_end < 0 else line_end
    end = max(start, min(end, line_end))
    room = max(20, width - 6)
    cut_start, cut_end = line_start, line_end
    if line_end - line_start > room:
        shown = min(end, start + room // 2)  # the culprit, or as much of it as leaves context
        cut_start = max(line_start, min(start - (room - (shown - start)) // 2, line_end - room))
        cut_end = min(line_end, cut_start + room)
        end = min(end, cut_end)
    before = ("…" if cut_start > line_start else "") + printable(source[cut_start:start])
    culprit = printable(source[start:end])
    after = printable(source[end:cut_end]) + ("…" if cut_end < line_end else "")
    return [
        f"  {before}{culprit}{after}".rstrip(),
        "  " + " " * columns(before) + "^" * max(1, columns(culprit)),
    ]


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first few names, made printable, and how many more there are."""
    names = list(names)
    text = ", ".join([printable(name, 60) for name in names[:most]])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"


def enumerated(words: Iterable[str], conjunction: str = "and") -> str:
    """Return words as they stand in a sentence: this, that and another."""
    *others, last = words
    return f"{', '.join(others)} {conjunction} {last}" if others else last
