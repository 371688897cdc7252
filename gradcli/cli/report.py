"""The result of a minimisation: the parameters, and for a fit what is known about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.cli.output import note
from gradcli.errors import printable
from gradcli.graph.literals import number_text, value_text
from gradcli.headings import ours
from gradcli.minimization.layout import entries, numbers
from gradcli.optimize.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.derived import Quantity
    from gradcli.cli.output import Output
    from gradcli.minimization.minimum import Constraint, Minimum
    from gradcli.optimize.statistics.summary import Statistics

CORRELATED_PARAMETERS = 8
"""Up to so many parameters a terminal shows their correlations."""
SHOWN_MINIMA = 10
"""How many of the minima of several starts are listed."""

_STATISTICS = {
    "observations": "observations",
    "degrees_of_freedom": "degrees of freedom",
    "rss": "residual sum of squares",
    "residual_standard_error": "residual standard error",
    "r_squared": "R²",
    "aic": "AIC",
    "bic": "BIC",
}
"""The single numbers of a fit, by their names in the JSON, as a terminal calls them."""


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
    from gradcli.cli.uncertain import document

    return document(quantity.known, confidence)


def _quantity_cells(quantity: Quantity, confidence: float) -> list[float | None]:
    """Return value, standard error, t, p and interval of a quantity, as of a parameter."""
    known = quantity.known
    if known is None:
        return [None if quantity.value - quantity.value != 0 else quantity.value, *[None] * 5]
    from gradcli.optimize.statistics.inference import finite, tail_probability

    error = known.standard_error
    t = finite(known.value / error) if error else None
    p = None if t is None else tail_probability(t, known.freedom)
    return [known.value, error, t, p, *known.interval(confidence)]


def say(found: Minimum, output: Output) -> None:
    """Say on stderr how a plain result came about; a terminal and JSON have it in the result."""
    if output.json:
        return
    if not output.pretty:
        note(f"{found.method} ({found.why}): {found.reason}")
        if found.ending not in {Ending.CONVERGED, Ending.COMPLETED}:
            which = "best" if found.is_best else "last"
            note(f"{which}: {_at(found.minimum, found.parameters)}")
        if found.best is not None:
            note(f"{found.better} on the way: {_at(found.best.minimum, found.best.parameters)}")
        if found.minima:
            best, count = found.minima[0], len(found.minima)
            ends = f"{count} different end{'s' * (count != 1)}"
            reached = f"the {found.extreme} was reached from {best.times} of {found.starts} starts"
            note(f"{ends}; {reached}")
        for constraint in found.constraints if found.converged else ():
            note(_constrained(constraint, found.what))
    for warning in found.warnings:
        note(f"warning: {warning}")


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
        _fit_table(found, found.statistics, output, confidence, quantities)
        if not output.csv:
            output.line("")
            labels = ours(list(_STATISTICS), entries(found.parameters))
            for field, label in zip(_STATISTICS, labels, strict=True):
                value = getattr(found.statistics, field)
                output.line(f"{label}\t{output.number(value)}")
        return
    own = ours([found.what], found.parameters)
    rows = [[*own, output.number(found.minimum)]]
    rows += [[name, output.number(value)] for name, value in found.parameters.items()]
    rows += [[each.name, output.number(each.value)] for each in quantities]
    if output.csv:
        output.table(["name", "value"], rows)
        return
    for row in rows:
        output.line("\t".join(row))


def _fit_table(
    found: Minimum,
    fit: Statistics,
    output: Output,
    confidence: float,
    quantities: Sequence[Quantity],
) -> None:
    """Add the table of the parameters with their errors, and of quantities that follow."""
    names = entries(found.parameters)
    headers = ["parameter", "value", "standard_error", "t_value", "p_value", "low", "high"]
    if output.pretty:
        headers = ["parameter", "value", "std. error", "t", "p", "from", "to"]
    point = numbers(list(found.parameters.values()))
    lines: list[tuple[str, list[float | None]]] = []
    for name, value in zip(names, point, strict=True):
        interval = fit.confidence_intervals[name] or (None, None)
        cells = [value, fit.standard_errors[name], fit.t_values[name], fit.p_values[name]]
        lines.append((name, [*cells, *interval]))
    lines += [(each.name, _quantity_cells(each, confidence)) for each in quantities]
    rows = []
    for name, numbers_of in lines:
        if output.pretty and output.digits is None:
            shown = [output.cell(numbers_of[0]), *map(_short, numbers_of[1:4])]
            shown += map(output.cell, numbers_of[4:])
        else:
            shown = [output.number(x) for x in numbers_of]
        rows.append([name, *shown])
    output.table(headers, rows, right=1)


def _short(value: float | None) -> str:
    return "" if value is None else number_text(float(f"{value:.4g}"))


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
        _fit_table(found, fit, output, confidence, quantities)
        percent = number_text(float(f"{100 * confidence:.6g}"))
        output.line(f"from … to: {percent} % confidence interval")
        output.line("")
        _statistics(fit, output)
        _correlation(fit, output)
    for constraint in found.constraints if found.converged else ():
        output.line(_constrained(constraint, found.what))
    _minima(found, output)


def _statistics(fit: Statistics, output: Output) -> None:
    """Add the single numbers of a fit, a line each."""
    for field, words in _STATISTICS.items():
        value = getattr(fit, field)
        if value is not None:
            output.line(f"{words:<24} {output.cell(value)}")
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
    rows = [
        [
            output.cell(each.minimum),
            str(each.times),
            *[output.cell(x) for x in numbers(list(each.parameters.values()))],
        ]
        for each in found.minima[:SHOWN_MINIMA]
    ]
    output.table([*ours(["value", "times"], names), *names], rows, right=0)


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
