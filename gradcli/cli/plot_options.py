"""The options of plots as records: where a plot goes, how it looks, and what lies in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

from gradcli.cli.options import Option
from gradcli.errors import UsageError, printable

if TYPE_CHECKING:
    from gradcli.plotting.looks import Looks

INCHES = 1.0, 40.0
COLUMNS = 20, 1000
ROWS = 4, 500
"""The limits of --size."""


class Against(NamedTuple):
    """What stands beside the formula in a plot of eval."""

    x: Annotated[
        str | None,
        Option("--x", "Plot the rows of --data against this column, or a formula of it.", "NAME"),
    ] = None
    curves: Annotated[
        list[str] | None,
        Option("--with", "Another curve in the plot, such as a model; repeatable.", "FORMULA"),
    ] = None


class PlotOptions(NamedTuple):
    """The options as they were typed."""

    plot: Annotated[
        str | None,
        Option("--plot", "A plot as .svg, .png or .pdf; - draws it in the terminal.", "FILE"),
    ] = None
    points: Annotated[
        str | None,
        Option(
            "--points",
            "Lay points over the plot: a file of x, y and perhaps what colours them.",
            "FILE",
        ),
    ] = None
    title: Annotated[str | None, Option("--title", "The title of the plot.", "TEXT")] = None
    xlabel: Annotated[str | None, Option("--xlabel", "The label of its x axis.", "TEXT")] = None
    ylabel: Annotated[str | None, Option("--ylabel", "The label of its y axis.", "TEXT")] = None
    log_x: Annotated[bool, Option("--log-x", "A logarithmic x axis.")] = False
    log_y: Annotated[bool, Option("--log-y", "A logarithmic y axis.")] = False
    size: Annotated[
        str | None,
        Option("--size", "Width and height in inches, or in characters with --plot -.", "WxH"),
    ] = None

    def files(self) -> dict[str, list[str] | None]:
        """Return the files that are read, by option."""
        return {"--points": [self.points] if self.points is not None else None}

    def is_wanted(self, more: Any = None) -> bool:
        """Return whether there is a plot; `more` is a record of other options of plots.

        Raises UsageError for an option that belongs to a plot where there is none.
        """
        if self.plot is not None:
            return True
        for record in (self, *([] if more is None else [more])):
            for flag, value in given(record):
                message = f"{flag} belongs to --plot"
                typed = flag if value is True else f"{flag} {example(value)}"
                raise UsageError(message, hint=f"for example --plot - {typed}")
        return False

    def looks(self, *, is_text: bool) -> Looks:
        """Return how the plot is to look. Raises UsageError for a size that is none."""
        from gradcli.plotting.looks import Looks

        size = None if self.size is None else _size(self.size, is_text=is_text)
        return Looks(self.title, self.xlabel, self.ylabel, self.log_x, self.log_y, size)


def given(record: Any) -> list[tuple[str, Any]]:
    """Return the flags of a record that were given, with their values."""
    return [
        (annotation.__metadata__[0].flag, getattr(record, field))
        for field, annotation in get_type_hints(type(record), include_extras=True).items()
        if getattr(record, field) not in (None, False)
    ]


def example(value: Any) -> str:
    """Return the value of an option as it may be typed."""
    import shlex

    return shlex.quote(printable(value if isinstance(value, str) else value[0], 60))


def _size(text: str, *, is_text: bool) -> tuple[float, float]:
    found = re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?)[x×](\d{1,4}(?:\.\d{1,4})?)", text, re.ASCII)
    limits = (COLUMNS, ROWS) if is_text else (INCHES, INCHES)
    size = None if found is None else (float(found[1]), float(found[2]))
    is_good = size is not None and all(
        low <= number <= high and (number.is_integer() or not is_text)
        for number, (low, high) in zip(size, limits, strict=True)
    )
    if size is None or not is_good:
        (least, most), (lowest, highest) = limits
        unit = "characters" if is_text else "inches"
        message = (
            f"--size is WIDTHxHEIGHT in {unit}, from {least:g}x{lowest:g} to {most:g}x{highest:g}, "
            f"not '{printable(text, 60)}'"
        )
        raise UsageError(message, hint=f"for example --size {'100x30' if is_text else '6x4'}")
    return size
