"""gradcli minimize --also: models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.cli import report
from gradcli.cli.output import note
from gradcli.minimize.comparing import Model, check, compared
from gradcli.minimize.minimize import minimize
from gradcli.rows.columns import values_of
from gradcli.sheets import Column, documents, show

if TYPE_CHECKING:
    from gradcli.cli.given import Given
    from gradcli.cli.output import Output
    from gradcli.minimize.minimum import Minimum
    from gradcli.solvers.observer import Observer

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


class Comparison:
    """The models of --also beside the first one; all are of the same rows."""

    def __init__(self, given: Given, stop: Observer) -> None:
        self._models = [_model(each) for each in (given, *given.also)]
        self._stop = stop
        self._warnings: list[str] = []
        self.fits: list[Minimum] = []
        """Where the fits led, those of the other models behind the first one."""
        check(self._models)

    def run(self, first: Minimum) -> None:
        """Fit the other models."""
        self.fits = [first]
        for model in self._models[1:]:
            found = minimize(
                model.formula,
                model.start,
                origin=model.origin,
                fixed=model.fixed,
                data=model.data,
                settings=model.settings,
                observers=[self._stop],
                predicts=True,
            )
            self.fits.append(found)

    def show(self, output: Output) -> None:
        """Add the fits to the output."""
        rows, self._warnings = compared(self._models, self.fits, self._stop)
        if output.json:
            first, *others = [fit.document() for fit in self.fits]
            first["warnings"] = [*first["warnings"], *self._warnings]
            table = documents(COMPARED, rows)
            output.document({**first, "also": others, "comparison": table})
            return
        if not output.csv:
            report.compare(self.fits, output)
            output.line("")
        show(COMPARED, rows, output)
        if output.pretty:
            output.line("F test of each model against the largest one that is nested in it")

    def say(self, output: Output) -> None:
        """Say on stderr how the fits came about."""
        for place, fit in enumerate(self.fits):
            report.say(fit, output, f"model {place + 1}: ")
        if not output.json:
            for warning in self._warnings:
                note(f"warning: {warning}")


def _model(given: Given) -> Model:
    assert given.rows is not None  # noqa: S101 - checked with the options
    start, formula = given.start, given.formula
    data = values_of(given.rows)
    return Model(formula, formula.origin, start.values, start.fixed, data, given.settings)
