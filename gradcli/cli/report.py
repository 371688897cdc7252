"""The result of a minimisation: the parameters, and for a fit what is known about them."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli.columns import Column, Entries, cells, headings
from gradcli.cli.columns import show as show_table
from gradcli.cli.output import csv_text, note
from gradcli.data import files
from gradcli.errors import printable
from gradcli.graph.literals import number_text, value_text
from gradcli.headings import ours
from gradcli.solvers.stopping import Ending
from gradcli.values import entries, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.derived import Quantity
    from gradcli.cli.output import Output
    from gradcli.minimize.minimum import Constraint, Minimum
    from gradcli.minimize.predictions import Predictions
    from gradcli.solvers.statistics.summary import Statistics

CORRELATED_PARAMETERS = 8
"""Up to so many parameters a terminal shows their correlations."""
LINES = 1 << 12
"""How many lines are made at a time; a number takes more memory as a text."""
SHOWN_MINIMA = 10
"""How many of the minima of several starts are listed."""


class Estimate(NamedTuple):
    """What a fit says about one parameter."""

    parameter: str
    value: float | None
    standard_error: float | None
    t_value: float | None
    p_value: float | None
    low: float | None
    high: float | None
    model: float | None = None
    """The number of the model, where there are several."""


ESTIMATES = (
    Column("parameter", is_label=True),
    Column("value"),
    Column("standard_error", terminal="std. error", digits=4),
    Column("t_value", terminal="t", digits=4),
    Column("p_value", terminal="p", digits=4),
    Column("low", terminal="from"),
    Column("high", terminal="to"),
)
"""The table of the parameters of a fit."""

STATISTICS = (
    Column("observations"),
    Column("degrees_of_freedom", terminal="degrees of freedom"),
    Column("rss", terminal="residual sum of squares"),
    Column("residual_standard_error", terminal="residual standard error"),
    Column("r_squared", terminal="R²"),
    Column("aic", terminal="AIC"),
    Column("bic", terminal="BIC"),
)
"""The single numbers of a fit, a line each."""

CHI_SQUARED = (
    Column("chi_squared", terminal="χ²"),
    Column("chi_squared_p_value", terminal="p value of χ²"),
)
"""Those of a fit with known deviations besides."""

INTERVALS = {"standard_errors": "confidence interval", "profile": "profile likelihood interval"}
"""What the intervals of a fit are called."""

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
    elif output.pretty:
        _on_terminal(found, output, confidence, quantities)
    else:
        _plain(found, output, confidence, quantities)
    for each in quantities:
        if each.warning is not None:
            note(f"warning: {each.warning}")


def _document(quantity: Quantity, confidence: float) -> dict[str, Any]:
    if quantity.known is None:
        value = quantity.value
        return {"value": None if value - value != 0 else value, "standard_error": None}
    from gradcli.cli.uncertain import Result

    return Result(quantity.known, confidence=confidence).document()


def _quantity_cells(quantity: Quantity, confidence: float) -> list[float | None]:
    """Return value, standard error, t, p and interval of a quantity, as of a parameter."""
    known = quantity.known
    if known is None:
        return [None if quantity.value - quantity.value != 0 else quantity.value, *[None] * 5]
    from gradcli.solvers.statistics.inference import finite, tail_probability

    error = known.standard_error
    t = finite(known.value / error) if error else None
    p = None if t is None else tail_probability(t, known.freedom)
    return [known.value, error, t, p, *known.interval(confidence)]


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
            note(f"{which}{point}: {_at(found.minimum, found.parameters)}")
        if found.best is not None:
            best = found.best
            note(f"{which}{found.better} on the way: {_at(best.minimum, best.parameters)}")
        if found.minima:
            lowest, count = found.minima[0], len(found.minima)
            ends = f"{count} different end{'s' * (count != 1)}"
            reached = (
                f"the {found.extreme} was reached from {lowest.times} of {found.starts} starts"
            )
            note(f"{which}{ends}; {reached}")
        for constraint in found.constraints if found.converged else ():
            note(_constrained(constraint, found.what))
    for warning in found.warnings:
        note(f"warning: {which}{warning}")


def _constrained(constraint: Constraint, what: str) -> str:
    """Return a constraint with what its multiplier means."""
    text = printable(constraint.text, 120)
    if not constraint.active:
        return f"{text}: not active"
    rate = constraint.multiplier
    verb = "rises" if rate > 0 else "falls"
    change = f"the {what} {verb} by {number_text(float(f'{abs(rate):.4g}'))}"
    return f"{text}: active; for each 1 that the limit grows, {change}"


def _at(value: float, parameters: Mapping[str, Any]) -> str:
    """Return a value and the parameters that it is at, in a line."""
    point = ", ".join(f"{name} = {value_text(x, 5)}" for name, x in parameters.items())
    return f"{number_text(value)} at {point}"


def _plain(
    found: Minimum, output: Output, confidence: float, quantities: Sequence[Quantity]
) -> None:
    """Add one table, or for a fit two with an empty line between, every number in full."""
    if found.statistics is not None:
        estimates = _estimates(found, found.statistics, confidence, quantities)
        show_table(ESTIMATES, estimates, output)
        if not output.csv:
            output.line("")
            for name, text in _measures(found, found.statistics, output):
                output.line(f"{name}\t{text}")
        return
    rows = [
        (*ours([found.what], found.parameters), found.minimum),
        *found.parameters.items(),
        *[(each.name, each.value) for each in quantities],
    ]
    if output.csv:
        show_table(PARAMETERS, rows, output)
        return
    for row in rows:
        output.line("\t".join(cells(PARAMETERS, row, output)))


def _measures(found: Minimum, fit: Statistics, output: Output) -> list[tuple[str, str]]:
    """Return the single numbers of a report: of a fit, or of a likelihood the few that it has."""
    columns = [*STATISTICS, *(c for c in CHI_SQUARED if fit.chi_squared is not None)]
    if fit.rss is None:
        columns = [c for c in STATISTICS if c.values(fit) != [None]]
        columns.insert(0, Column(found.what, lambda _: found.minimum))
    users = Entries(entries(found.parameters), list)
    names = headings([*columns, users], output.form)
    return list(zip(names, cells(columns, fit, output), strict=False))


def compare(fits: Sequence[Minimum], output: Output, confidence: float) -> None:
    """Add the table of the parameters of several models, with the number of each before them."""
    rows = [
        estimate._replace(model=place + 1)
        for place, found in enumerate(fits)
        if found.statistics is not None
        for estimate in _estimates(found, found.statistics, confidence, ())
    ]
    show_table([Column("model", is_label=True), *ESTIMATES], rows, output)
    first = next((found.statistics for found in fits if found.statistics is not None), None)
    if output.pretty and first is not None:
        output.line(_meaning(first, confidence))


def _meaning(fit: Statistics, confidence: float) -> str:
    """Return what the intervals in the table are."""
    percent = number_text(float(f"{100 * confidence:.6g}"))
    return f"from … to: {percent} % {INTERVALS[fit.intervals]}"


def _estimates(
    found: Minimum, fit: Statistics, confidence: float, quantities: Sequence[Quantity]
) -> list[Estimate]:
    """Return what is said about the parameters, and about quantities that follow from them."""
    names = entries(found.parameters)
    return [
        Estimate(
            name,
            value,
            fit.standard_errors[name],
            fit.t_values[name],
            fit.p_values[name],
            *(fit.confidence_intervals[name] or (None, None)),
        )
        for name, value in zip(names, numbers(list(found.parameters.values())), strict=True)
    ] + [Estimate(each.name, *_quantity_cells(each, confidence)) for each in quantities]


def _on_terminal(
    found: Minimum, output: Output, confidence: float, quantities: Sequence[Quantity]
) -> None:
    output.line(f"{found.method}: {found.why}")
    output.line(found.reason)
    output.line("")
    fit = found.statistics
    if fit is None:
        output.line(f"{found.what} {output.number(found.minimum)}")
        for name, value in found.parameters.items():
            output.line(f"{name} = {output.number(value)}")
        for each in quantities:
            output.line(f"{each.name} = {output.number(each.value)}")
        if found.best is not None:
            output.line(
                f"{found.better} on the way: {_at(found.best.minimum, found.best.parameters)}"
            )
    else:
        show_table(ESTIMATES, _estimates(found, fit, confidence, quantities), output)
        output.line(_meaning(fit, confidence))
        output.line("")
        _statistics(found, fit, output)
        _correlation(fit, output)
    for constraint in found.constraints if found.converged else ():
        output.line(_constrained(constraint, found.what))
    _minima(found, output)


def _statistics(found: Minimum, fit: Statistics, output: Output) -> None:
    """Add the single numbers of a fit, a line each."""
    for name, text in _measures(found, fit, output):
        if text:
            output.line(f"{name:<24} {text}")
    if fit.r_squared is not None:
        output.line("R² is 1 - RSS/TSS, for a nonlinear model no share of variance")


def _correlation(fit: Statistics, output: Output) -> None:
    names = list(fit.correlation)
    if not 1 < len(names) <= CORRELATED_PARAMETERS:
        return
    output.line("")
    output.line("correlation of the estimates")
    rows = [
        [name, *[_correlated(fit.correlation[name][other]) for other in names[:place]]]
        for place, name in enumerate(names)
    ]
    filled = [row + [""] * (len(names) - len(row)) for row in rows[1:]]
    output.table(["", *names[:-1]], filled, right=1)


def _correlated(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _minima(found: Minimum, output: Output) -> None:
    """Add the distinct minima of several starts."""
    if not found.minima:
        return
    output.line("")
    count = len(found.minima)
    ends = f"{count} different end{'s' * (count != 1)}"
    output.line(f"{ends} of {found.starts} starts, {found.extreme} first")
    names = entries(found.parameters)
    columns = [
        Column("value", lambda each: each.minimum),
        Column("times"),
        Entries(names, lambda each: numbers(list(each.parameters.values()))),
    ]
    show_table(columns, found.minima[:SHOWN_MINIMA], output)


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
