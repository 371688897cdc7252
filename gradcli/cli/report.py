"""The result of a minimisation: the parameters, and for a fit what is known about them."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from gradcli.cli.output import csv_text, note
from gradcli.data import files
from gradcli.headings import ours
from gradcli.minimize.minimum import ESTIMATES, Best, Estimate
from gradcli.sheets import Column
from gradcli.sheets import show as show_table
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.given import Quantity
    from gradcli.cli.output import Output
    from gradcli.minimize.minimum import Minimum
    from gradcli.minimize.predictions import Predictions

LINES = 1 << 12
"""How many lines are made at a time; a number takes more memory as a text."""
PARAMETERS = (Column("name", itemgetter(0)), Column("value", itemgetter(1)))
"""The minimum and where it is."""


def show(
    found: Minimum, output: Output, confidence: float, quantities: Sequence[Quantity] = ()
) -> None:
    """Add the result to the output: JSON, rows or tables, with the quantities of --report."""
    if output.json:
        document = found.document()
        if quantities:
            document["report"] = {each.name: _document(each, confidence) for each in quantities}
        output.document(document)
    else:
        if found.statistics is None:
            more = [Estimate(each.name, each.value) for each in quantities]
        else:
            more = [_estimate(each, confidence) for each in quantities]
        if output.pretty:
            found.show(output, more)
        else:
            _plain(found, output, more)
    for each in quantities:
        if each.warning is not None:
            note(f"warning: {each.warning}")


def _document(quantity: Quantity, confidence: float) -> dict[str, Any]:
    if quantity.known is None:
        value = quantity.value
        return {"value": None if value - value != 0 else value, "standard_error": None}
    from gradcli.cli.uncertain import Result

    return Result(quantity.known, confidence=confidence).document()


def _estimate(quantity: Quantity, confidence: float) -> Estimate:
    """Return value, standard error, t, p and interval of a quantity, as of a parameter."""
    known = quantity.known
    if known is None:
        value = quantity.value
        return Estimate(quantity.name, None if value - value != 0 else value)
    from gradcli.solvers.distributions import finite, tail_probability

    error = known.standard_error
    t = finite(known.value / error) if error else None
    p = None if t is None else tail_probability(t, known.freedom)
    return Estimate(quantity.name, known.value, error, t, p, *known.interval(confidence))


def say(found: Minimum, output: Output, which: str = "") -> None:
    """Say on stderr how a plain result came about; a terminal and JSON have it in the result.

    `which` says of which of several models it is.
    """
    if output.json:
        return
    if not output.pretty or which:
        note(f"{which}{found.method} ({found.why}) {found.reason}")
        if found.ending not in {Ending.CONVERGED, Ending.COMPLETED}:
            point = "best" if found.is_best else "last"
            note(f"{which}{point}: {Best(found.minimum, found.parameters).shown}")
        for sentence in found.on_the_way:
            note(f"{which}{sentence}")
        if found.minima:
            times = found.minima[0].times
            reached = f"the {found.extreme} was reached from {times} of {found.starts} starts"
            note(f"{which}{found.ends}; {reached}")
        for sentence in found.told_constraints():
            note(sentence)
    for warning in found.warnings:
        note(f"warning: {which}{warning}")


def _plain(found: Minimum, output: Output, more: Sequence[Estimate]) -> None:
    """Add one table, or for a fit two with an empty line between, every number in full."""
    if found.statistics is not None:
        show_table(ESTIMATES, found.estimates(more), output)
        if not output.csv:
            output.line("")
            for name, text in found.measures(output):
                output.line(f"{name}\t{text}")
        return
    rows = [
        (*ours([found.what], found.parameters), found.minimum),
        *found.parameters.items(),
        *[(each.parameter, each.value) for each in more],
    ]
    output.facts(PARAMETERS, rows)


def compare(fits: Sequence[Minimum], output: Output) -> None:
    """Add the table of the parameters of several models, with the number of each before them."""
    rows = [
        estimate._replace(model=place + 1)
        for place, found in enumerate(fits)
        for estimate in found.estimates()
    ]
    show_table([Column("model", is_label=True), *ESTIMATES], rows, output)
    first = next((found for found in fits if found.statistics is not None), None)
    if output.pretty and first is not None:
        output.line(first.meaning)


def about(found: Minimum) -> dict[str, Any]:
    """Return what a file of parameters says beside them."""
    known = {} if found.statistics is None else {"covariance": found.statistics.covariance}
    return {
        "expression": found.expression,
        found.what: found.minimum,
        "method": found.method,
        "converged": found.converged,
        **known,
    }


def write_predictions(path: str, found: Predictions, classes: Mapping[str, Sequence[str]]) -> None:
    """Write the table, whole or not at all; numbers read back exactly, and what is none is empty.

    `classes` are the texts that the numbers of a column stand for. Raises FileError.
    """
    names = found.names
    with files.writing(path) as file:
        file.write(csv_text([names]))
        for block in found.blocks():
            for start in range(0, len(block[names[0]]), LINES):
                some = slice(start, start + LINES)
                columns = [_cells(block[name][some].tolist(), classes.get(name)) for name in names]
                rows = zip(*columns, strict=True)
                lines = csv_text(rows) if classes else "\n".join(map(",".join, rows)) + "\n"
                file.write(lines)
    for warning in found.warnings:
        note(f"warning: {warning}")


def _cells(numbers: Sequence[float], texts: Sequence[str] | None) -> list[str]:
    if texts is not None:
        return [texts[int(number)] for number in numbers]
    return ["" if math.isnan(number) else repr(number) for number in numbers]
