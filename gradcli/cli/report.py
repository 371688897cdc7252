"""The result of a minimisation: the parameters, and for a fit what is known about them."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from gradcli.cli.output import csv_text, note
from gradcli.errors import FormulaError, MathematicsError, UsageError, listed
from gradcli.formula import parse
from gradcli.minimize.minimum import ESTIMATES, Best, Estimate
from gradcli.records import NamedTuple
from gradcli.sheets import Column, documents, ours
from gradcli.sheets import show as show_table
from gradcli.solvers.stopping import Ending
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.minimize_arguments import MinimizeProblem
    from gradcli.cli.output import Output
    from gradcli.formula import Formula
    from gradcli.minimize.minimum import Minimum
    from gradcli.minimize.predictions import Predictions
    from gradcli.solvers.observer import Observer
    from gradcli.uncertainty.propagation import Uncertainty

LINES = 1 << 12
"""Lines of a predictions file that are formatted at a time, to bound the memory of their texts."""
PARAMETERS = (Column("name", itemgetter(0)), Column("value", itemgetter(1)))
"""The minimum and where it is."""
COMPARED = (
    Column("model", is_label=True),
    Column("formula", is_label=True),
    Column("parameters", terminal="params"),
    Column("degrees_of_freedom", terminal="df"),
    Column("rss", terminal="RSS", digits=4),
    Column("aic", terminal="AIC", digits=4),
    Column("bic", terminal="BIC", digits=4),
    Column("nested"),
    Column("f_value", terminal="F", digits=4),
    Column("f_p_value", terminal="p", digits=4),
)
"""The table of several models."""


def show(
    minimum: Minimum, output: Output, confidence: float, quantities: Sequence[Quantity] = ()
) -> None:
    """Add the result to the output: JSON, rows or tables, with the quantities of --report."""
    if output.json:
        document = minimum.document()
        if quantities:
            document["report"] = {each.name: _document(each, confidence) for each in quantities}
        output.document(document)
    else:
        if minimum.statistics is None:
            more = [Estimate(each.name, each.value) for each in quantities]
        else:
            more = [_estimate(each, confidence) for each in quantities]
        if output.pretty:
            minimum.show(output, more)
        else:
            _plain(minimum, output, more)
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


def say(minimum: Minimum, output: Output, which: str = "") -> None:
    """Say on stderr how a plain result came about; a terminal and JSON have it in the result.

    `which` says of which of several models it is.
    """
    if output.json:
        return
    if not output.pretty or which:
        note(f"{which}{minimum.method} ({minimum.why}) {minimum.reason}")
        if minimum.ending not in {Ending.CONVERGED, Ending.COMPLETED}:
            point = "best" if minimum.is_best else "last"
            note(f"{which}{point}: {Best(minimum.minimum, minimum.parameters).shown}")
        for sentence in minimum.on_the_way:
            note(f"{which}{sentence}")
        if minimum.minima:
            times = minimum.minima[0].times
            reached = f"the {minimum.extreme} was reached from {times} of {minimum.starts} starts"
            note(f"{which}{minimum.ends}; {reached}")
        for sentence in minimum.constraint_sentences():
            note(sentence)
    for warning in minimum.warnings:
        note(f"warning: {which}{warning}")


def _plain(minimum: Minimum, output: Output, more: Sequence[Estimate]) -> None:
    """Add one table, or for a fit two with an empty line between, every number in full."""
    if minimum.statistics is not None:
        show_table(ESTIMATES, minimum.estimates(more), output)
        if not output.csv:
            output.line("")
            for name, text in minimum.measures(output):
                output.line(f"{name}\t{text}")
        return
    rows = [
        (*ours([minimum.what], minimum.parameters), minimum.minimum),
        *minimum.parameters.items(),
        *[(each.parameter, each.value) for each in more],
    ]
    output.facts(PARAMETERS, rows)


def about(minimum: Minimum) -> dict[str, Any]:
    """Return what a file of parameters says beside them."""
    known = {} if minimum.statistics is None else {"covariance": minimum.statistics.covariance}
    return {
        "expression": minimum.expression,
        minimum.what: minimum.minimum,
        "method": minimum.method,
        "converged": minimum.converged,
        **known,
    }


def write_predictions(
    path: str, predictions: Predictions, classes: Mapping[str, Sequence[str]]
) -> None:
    """Write the table, whole or not at all; numbers read back exactly, and what is none is empty.

    `classes` are the texts that the numbers of a column stand for. Raises FileError.
    """
    from gradcli.data import files

    names = predictions.names
    with files.writing(path) as file:
        file.write(csv_text([names]))
        for block in predictions.blocks():
            for start in range(0, len(block[names[0]]), LINES):
                some = slice(start, start + LINES)
                columns = [_cells(block[name][some].tolist(), classes.get(name)) for name in names]
                rows = zip(*columns, strict=True)
                lines = csv_text(rows) if classes else "\n".join(map(",".join, rows)) + "\n"
                file.write(lines)
    for warning in predictions.warnings:
        note(f"warning: {warning}")


def _cells(numbers: Sequence[float], texts: Sequence[str] | None) -> list[str]:
    if texts is not None:
        return [texts[int(number)] for number in numbers]
    return ["" if math.isnan(number) else repr(number) for number in numbers]


# ---------------------------------------------------------------- --report


class Quantity(NamedTuple):
    """A quantity with its value, and its error where the parameters have theirs."""

    name: str
    value: float
    known: Uncertainty | None
    warning: str | None = None


def read_quantities(texts: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, Formula]:
    """Return the quantities of --report, formulas of the parameters of the fit and what is fixed.

    Raises UsageError for names that are no parameters.
    """
    shapes = {name: shape_of(value, name) for name, value in parameters.items()}
    quantities: dict[str, Formula] = {}
    for name, text in texts.items():
        if name in parameters:
            message = f"--report gives the name {name}, which means something else"
            raise UsageError(message, hint="give the quantity another name")
        try:
            formula = parse(text.strip(), shapes)
        except FormulaError as error:
            error.message = f"--report {name}: {error.message}"
            raise
        other = [used for used in formula.free_names if used not in parameters]
        if other:
            message = f"--report {name} uses {listed(other)}, which is no parameter"
            raise UsageError(message, hint=f"the parameters are {listed(list(parameters))}")
        if formula.shape:
            message = f"--report {name} is an array, and a quantity is a number"
            raise UsageError(message, hint="take one entry, or the sum")
        quantities[name] = formula
    return quantities


def evaluated(
    wanted: Mapping[str, Formula], minimum: Minimum, fixed: Mapping[str, Any]
) -> list[Quantity]:
    """Return each quantity at the parameters that were found, with its error."""
    known = None if minimum.statistics is None else minimum.statistics.covariance
    values = {**fixed, **minimum.parameters}
    return [_quantity(name, formula, values, known) for name, formula in wanted.items()]


def _quantity(
    name: str, formula: Formula, values: Mapping[str, Any], known: Mapping[str, Any] | None
) -> Quantity:
    own = formula.free_names
    try:
        point = formula.at_values({used: values[used] for used in own})
    except MathematicsError as error:
        return Quantity(name, float("nan"), None, f"{name}: {error.message}")
    if known is None:
        return Quantity(name, point.value, None)
    from gradcli.uncertainty.propagation import of_fit, propagate

    fitted = of_fit(known["names"], known["matrix"], known["degrees_of_freedom"])
    try:
        return Quantity(name, point.value, propagate(point, fitted.only(own)))
    except MathematicsError as error:
        warning = f"{name} has no standard error: {error.message}"
        return Quantity(name, point.value, None, warning)


# ---------------------------------------------------------------- --also


class Comparison:
    """The models of --also beside the first one; all are of the same rows."""

    def __init__(self, problem: MinimizeProblem, stop: Observer) -> None:
        from gradcli.minimize.comparing import Model, check

        self._models = [Model(*each.request) for each in (problem, *problem.also)]
        self._stop = stop
        self._warnings: list[str] = []
        self.fits: list[Minimum] = []
        """Where the fits led, those of the other models behind the first one."""
        check(self._models)

    def run(self, first: Minimum) -> None:
        """Fit the other models."""
        from gradcli.minimize.minimize import minimize

        self.fits = [first]
        for model in self._models[1:]:
            minimum = minimize(**model._asdict(), observers=[self._stop], predicts=True)
            self.fits.append(minimum)

    def show(self, output: Output) -> None:
        """Add the fits to the output."""
        from gradcli.minimize.comparing import compared

        rows, self._warnings = compared(self._models, self.fits, self._stop)
        if output.json:
            first, *others = [fit.document() for fit in self.fits]
            first["warnings"] = [*first["warnings"], *self._warnings]
            table = documents(COMPARED, rows)
            output.document({**first, "also": others, "comparison": table})
            return
        if not output.csv:
            estimates = [
                estimate._replace(model=index + 1)
                for index, minimum in enumerate(self.fits)
                for estimate in minimum.estimates()
            ]
            show_table([Column("model", is_label=True), *ESTIMATES], estimates, output)
            fit = next((minimum for minimum in self.fits if minimum.statistics is not None), None)
            if output.pretty and fit is not None:
                output.line(fit.meaning)
            output.line("")
        show_table(COMPARED, rows, output)
        if output.pretty:
            output.line("F test of each model against the largest one that is nested in it")

    def say(self, output: Output) -> None:
        """Say on stderr how the fits came about."""
        for index, fit in enumerate(self.fits):
            say(fit, output, f"model {index + 1}: ")
        if not output.json:
            for warning in self._warnings:
                note(f"warning: {warning}")
