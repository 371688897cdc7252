"""Numbers of other notations: 1,000 and 1 000 000, 1,5, 0x1F, and lists without brackets."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gradcli.language.repairs import SIGNS, Edit, Repair
from gradcli.language.scanner import END

if TYPE_CHECKING:
    from gradcli.language.repairs import Found, Operands


def range_without_step(tokens: Operands, index: int) -> Found:
    """A range without its step, as the value of a name: `0:3`."""
    kinds = tokens.kinds
    if kinds[index] != END or kinds.count("COLON") not in {1, 2} or kinds[0] == "COLON":
        return None
    low, high, *_ = [part.strip() for part in tokens.source.split(":")]
    if not high:
        return None
    step = "1"
    with suppress(ValueError):
        width = float(high) - float(low)
        step = "1" if width >= 1 else "-1" if width <= -1 else f"{width / 10:.12g}"
    edit = Edit(0, len(tokens.source), f"{low}:{high}:{step}")
    return "a range has a start, a stop and a step", Repair((edit,)), None


def misspelt_number(tokens: Operands, index: int) -> Found:
    """Say what is wrong with `1e`, `1_000` or `0x1F`, whose name is the token at `index`."""
    number, name = tokens.texts[index - 1], tokens.texts[index]
    span = (tokens.start(index - 1), tokens.span(index)[1])
    if name in {"e", "E"}:
        readings = (f"{number}e0", f"{number}*{name}")
        edits = tuple(tokens.replaced(index - 1, index, reading) for reading in readings)
        return f"{number}{name} is a number without its exponent", Repair(edits), span
    if name[0] == "_":
        digits = (number + name).replace("_", "")
        edits = (Edit(*span, digits),) if digits.isdecimal() else ()
        return "a number has no separators", Repair(edits), span
    base = {"x": 16, "b": 2, "o": 8}[name[0].lower()]
    edits = ()
    with suppress(ValueError):
        if len(name) <= 20:
            edits = (Edit(*span, str(int(number + name, base))),)
    otherwise = "a number has decimal digits only"
    return "numbers are decimal", Repair(edits, otherwise=otherwise), span


def groups(tokens: Operands, first: int, separator: str | None) -> tuple[int, int]:
    """Return the first and last token of the numbers around one, which a separator joins.

    None stands for blanks.
    """
    kinds = tokens.kinds
    width = 1 if separator is None else 2

    def follows(place: int, other: int) -> bool:
        if not 0 <= other < len(kinds) or kinds[place] != "NUMBER" or kinds[other] != "NUMBER":
            return False
        low, high = min(place, other), max(place, other)
        return separator is None or (
            kinds[low + 1] == separator and tokens.start(high) == tokens.span(low)[1] + 1
        )

    last = first
    while follows(first, first - width):
        first -= width
    while follows(last, last + width):
        last += width
    return first, last


def thousands(tokens: Operands, first: int, last: int) -> tuple[Edit, ...]:
    """Return the edit for digits in groups of three: 1,000 or 1 000 000."""
    groups = [word for word in tokens.texts[first : last + 1] if word.strip(" ,")]
    *whole, end = groups
    digits, _, _ = end.partition(".")
    is_grouped = (
        len(groups) > 1
        and len(groups[0]) <= 3
        and all(group.isdecimal() for group in [*whole, digits])
        and all(len(group) == 3 for group in [*whole[1:], digits])
    )
    return (tokens.replaced(first, last, "".join(groups)),) if is_grouped else ()


def decimal_comma(tokens: Operands, index: int) -> tuple[Edit, ...]:
    """Return the edits for a comma between the digits of numbers: 1,000 and 1,5 and 1.000,5."""
    if index == 0 or tokens.kinds[index - 1] != "NUMBER":
        return ()
    first, last = groups(tokens, index - 1, "COMMA")
    whole_number = thousands(tokens, first, last)
    if whole_number and (last > first + 2 or set(tokens.texts[last]) & {"."}):
        return whole_number
    whole, part = tokens.texts[first], tokens.texts[last]
    if last != first + 2 or not part.isdecimal() or (whole_number and part == "000"):
        return whole_number
    points = whole.split(".")
    if len(points) > 1 and not all(len(group) == 3 for group in points[1:]):
        return ()
    if not "".join(points).isdecimal():
        return ()
    return (*whole_number, tokens.replaced(first, last, f"{''.join(points)}.{part}"))


def items(tokens: Operands) -> str | None:
    """Return numbers that blanks separate as an array; None for anything else."""
    words: list[str] = []
    for kind, word in zip(tokens.kinds, tokens.texts, strict=True):
        if kind == "NUMBER" and words and words[-1] in {"+", "-"}:
            words[-1] += word
        elif kind == "NUMBER" or kind in SIGNS:
            words.append(word)
        elif kind != END:
            return None
    return f"[{', '.join(words)}]"


def comma(tokens: Operands, index: int, opening: int | None, start: str) -> Repair:
    """Return the repair for a comma outside of a call or array: `1,000`, `1,5`, `1,2,3`, `x, y`."""
    if opening is None:
        first = 0
        for place in range(index):
            if tokens.kinds[place] in {"SEPARATOR", "EQUALS"}:
                first = place + 1
        last = index
        while last < len(tokens.kinds) and tokens.kinds[last + 1] == "COMMA":
            last += 1
        while tokens.kinds[last + 1] not in {"SEPARATOR", END}:
            last += 1
        inside = tokens.text(first, last)
        listed = Edit(tokens.start(first), tokens.span(last)[1], "")
    else:
        closing = tokens.matching(opening)
        if closing is None:
            return Repair(decimal_comma(tokens, index))
        inside = tokens.text(opening + 1, closing - 1)
        listed = Edit(tokens.start(opening), tokens.span(closing)[1], "")
    numbers = decimal_comma(tokens, index)
    items = ", ".join(part.strip() for part in inside.split(","))
    array = listed._replace(text=f"[{items}]")
    is_list = not numbers or ((start == "value" or opening is not None) and "000" not in inside)
    edits = (*numbers, array) if is_list else numbers
    return Repair(edits, is_guess=not numbers)
