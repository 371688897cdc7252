"""What `minimize` finds: the point, how it was reached, and what a fit says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import printable
from gradcli.graph.literals import number_text, value_text
from gradcli.records import NamedTuple
from gradcli.sheets import Column, Entries, Html, Lines, cells, headings, show
from gradcli.solvers.stopping import Ending, counted
from gradcli.values import entries, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.minimize.predictions import Predictions
    from gradcli.sheets import Sheet
    from gradcli.solvers.statistics import Statistics


class Iterate(NamedTuple):
    """Where a run stood after a number of steps; number 0 is the start."""

    step: int
    value: float
    parameters: dict[str, Any]
    gradient_norm: float
    learning_rate: float

    def swapped(self) -> Iterate:
        """Return the same step towards the maximum of the negative of what was minimised."""
        return self._replace(value=-self.value)


class Constraint(NamedTuple):
    """A constraint at the point that was found."""

    text: str
    value: float
    """Its left side, of a chain the middle."""
    multiplier: float
    """The derivative of the optimum with respect to the right side."""
    active: bool
    """Whether it holds with equality."""

    def sentence(self, quantity: str) -> str:
        """Return the constraint with what its multiplier means for a minimum or a maximum."""
        text = printable(self.text, 120)
        if not self.active:
            return f"{text}: not active"
        rate = self.multiplier
        verb = "rises" if rate > 0 else "falls"
        change = f"the {quantity} {verb} by {number_text(float(f'{abs(rate):.4g}'))}"
        return f"{text}: active; for each 1 that the limit grows, {change}"


class Found(NamedTuple):
    """One of the minima that several starts led to."""

    minimum: float
    parameters: dict[str, Any]
    times: int
    """How many of the starts ended there."""


class Best(NamedTuple):
    """The lowest point of a run that ended at a higher one, as its settings asked."""

    minimum: float
    parameters: dict[str, Any]

    @property
    def shown(self) -> str:
        """The value and where it is, in a line."""
        point = ", ".join(f"{name} = {value_text(x, 5)}" for name, x in self.parameters.items())
        return f"{number_text(self.minimum)} at {point}"


class Epoch(NamedTuple):
    """What was learnt in one pass over all rows; epochs count from 1."""

    epoch: int
    step: int
    """How many steps were taken so far."""
    value: float
    """The mean over the rows of the objective of their batch, as it was before its step."""
    validation: float | None
    """The objective on the rows for validation, after the epoch."""
    metric: float | None
    """The metric on the rows for validation, after the epoch."""
    learning_rate: float

    def document(self) -> dict[str, Any]:
        """Return the fields that are known."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Estimate(NamedTuple):
    """What a fit says about one parameter."""

    parameter: str
    value: float | None
    standard_error: float | None = None
    t_value: float | None = None
    p_value: float | None = None
    low: float | None = None
    high: float | None = None
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
"""The additional single numbers of a fit with known standard deviations, a line each."""

INTERVALS = {"standard_errors": "confidence interval", "profile": "profile likelihood interval"}
"""What the intervals of a fit are called."""


CORRELATED_PARAMETERS = 8
"""The most parameters for which the report shows the correlations."""
SHOWN_MINIMA = 10
"""How many of the minima of several starts are listed."""


class Minimum(NamedTuple):
    """What `minimize` found; `document()` is the command's JSON, but for what options are called.

    `minimum`, `parameters` and `gradient_norm` are of one point: the last one of a run that
    converged or took the steps or epochs asked for, else the best.
    """

    expression: str
    parameters: dict[str, Any]
    minimum: float
    gradient_norm: float
    method: str
    why: str
    """Why this method ran, in words."""
    reason: str
    """Why it stopped, as a sentence with its numbers."""
    ending: Ending
    steps: int
    evaluations: int
    statistics: Statistics | None
    """The report of a fit; None when the formula is no sum of squares over data."""
    warnings: list[str]
    history: Sequence[Iterate] = ()
    """Every step from the start on, unless they were observed as they were made."""
    minima: Sequence[Found] = ()
    """The distinct minima of several starts, best first; empty for one start."""
    starts: int = 1
    """How many starts were tried."""
    epochs: Sequence[Epoch] = ()
    """The passes over the rows, where they were taken in batches."""
    predictions: Predictions | None = None
    """Fitted values, residuals and confidence band, row by row; None where nothing is fitted."""
    latest: Sequence[Iterate] = ()
    """The last steps, also where others were observed."""
    best: Best | None = None
    """The lowest point on the way, where the run went on from there to a higher one as asked."""
    constraints: Sequence[Constraint] = ()
    """The constraints at the point, in the order in which they were given."""
    digits: Mapping[str, int] = {}
    """How many digits are certain of the parts: those of the worst number of each."""
    confidence: float = 0.95
    """The probability of the confidence intervals."""
    is_maximum: bool = False
    """Whether `minimum` is a maximum, and "best" the highest."""

    def swapped(self) -> Minimum:
        """Return a minimum of the negative of a formula as the maximum of the formula."""
        reason = self.reason
        if self.ending is Ending.DIVERGED:
            reason = "diverged: the objective grows without limit, or has no value on the way up"
        return self._replace(
            minimum=-self.minimum,
            reason=reason,
            latest=[iterate.swapped() for iterate in self.latest],
            minima=[found._replace(minimum=-found.minimum) for found in self.minima],
            best=None if self.best is None else self.best._replace(minimum=-self.best.minimum),
            constraints=[c._replace(multiplier=0.0 - c.multiplier) for c in self.constraints],
            is_maximum=True,
        )

    @property
    def what(self) -> str:
        """What was found: "minimum" or "maximum"."""
        return "maximum" if self.is_maximum else "minimum"

    @property
    def better(self) -> str:
        """What a better value is: "lower" or "higher"."""
        return "higher" if self.is_maximum else "lower"

    @property
    def extreme(self) -> str:
        """What the best value is: "lowest" or "highest"."""
        return "highest" if self.is_maximum else "lowest"

    @property
    def converged(self) -> bool:
        """Whether the point is known to be as good as a minimum."""
        return self.ending is Ending.CONVERGED

    @property
    def is_best(self) -> bool:
        """Whether no known point is lower; a training that is cut short keeps its last one."""
        return bool(self.latest) or self.ending is Ending.DIVERGED

    def estimates(self, more: Sequence[Estimate] = ()) -> list[Estimate]:
        """Return what a fit says about its parameters, and `more`; none where it is no fit."""
        fit = self.statistics
        if fit is None:
            return []
        values = numbers(list(self.parameters.values()))
        own = [
            Estimate(
                name,
                value,
                fit.standard_errors[name],
                fit.t_values[name],
                fit.p_values[name],
                *(fit.confidence_intervals[name] or (None, None)),
            )
            for name, value in zip(entries(self.parameters), values, strict=True)
        ]
        return [*own, *more]

    def measures(self, sheet: Sheet) -> list[tuple[str, str]]:
        """Return the single numbers of a fit, or of a likelihood the few that it has."""
        fit = self.statistics
        if fit is None:
            return []
        columns = [*STATISTICS, *(c for c in CHI_SQUARED if fit.chi_squared is not None)]
        if fit.rss is None:
            columns = [c for c in STATISTICS if c.values(fit) != [None]]
            columns.insert(0, Column(self.what, lambda _: self.minimum))
        users = Entries(entries(self.parameters), list)
        names = headings([*columns, users], sheet.form)
        return list(zip(names, cells(columns, fit, sheet), strict=False))

    @property
    def meaning(self) -> str:
        """What the intervals of the estimates are."""
        percent = number_text(float(f"{100 * self.confidence:.6g}"))
        kind = "standard_errors" if self.statistics is None else self.statistics.intervals
        return f"from … to: {percent} % {INTERVALS[kind]}"

    @property
    def on_the_way(self) -> list[str]:
        """What is said about a better point on the way: a sentence, or nothing."""
        best = self.best
        return [] if best is None else [f"{self.better} on the way: {best.shown}"]

    def constraint_sentences(self) -> list[str]:
        """Return each constraint of an optimum with what its multiplier means."""
        return [each.sentence(self.what) for each in self.constraints] if self.converged else []

    def show(self, sheet: Sheet, more: Sequence[Estimate] = ()) -> None:
        """Write the report as a reader sees it, with `more` estimates than the parameters."""
        sheet.line(f"{self.method}: {self.why}")
        sheet.line(self.reason)
        sheet.line("")
        if self.statistics is None:
            sheet.line(f"{self.what} {sheet.number(self.minimum)}")
            for name, value in [*self.parameters.items(), *[(e.parameter, e.value) for e in more]]:
                sheet.line(f"{name} = {sheet.number(value)}")
            for sentence in self.on_the_way:
                sheet.line(sentence)
        else:
            show(ESTIMATES, self.estimates(more), sheet)
            sheet.line(self.meaning)
            sheet.line("")
            for name, text in self.measures(sheet):
                if text:
                    sheet.line(f"{name:<24} {text}")
            if self.statistics.r_squared is not None:
                sheet.line("R² is 1 - RSS/TSS, for a nonlinear model no share of variance")
            self._show_correlation(sheet, self.statistics.correlation)
        for sentence in self.constraint_sentences():
            sheet.line(sentence)
        if self.minima:
            self._show_minima(sheet)

    def _show_correlation(
        self, sheet: Sheet, correlation: Mapping[str, Mapping[str, float | None]]
    ) -> None:
        names = list(correlation)
        if not 1 < len(names) <= CORRELATED_PARAMETERS:
            return
        sheet.line("")
        sheet.line("correlation of the estimates")
        rows = []
        for index, name in enumerate(names[1:], 1):
            known = [correlation[name][other] for other in names[:index]]
            texts = ["" if value is None else f"{value:.3f}" for value in known]
            rows.append([name, *texts, *[""] * (len(names) - 1 - index)])
        sheet.table(["", *names[:-1]], rows, right=1)

    def _show_minima(self, sheet: Sheet) -> None:
        """Write the distinct minima of several starts."""
        sheet.line("")
        sheet.line(f"{self.ends} of {self.starts} starts, {self.extreme} first")
        columns = [
            Column("value", lambda each: each.minimum),
            Column("times"),
            Entries(entries(self.parameters), lambda each: numbers(list(each.parameters.values()))),
        ]
        show(columns, self.minima[:SHOWN_MINIMA], sheet)

    @property
    def ends(self) -> str:
        """How many different ends several starts had, in words."""
        return counted(len(self.minima), "different end")

    def _written(self, sheet: Lines) -> str:
        """Return the report and the warnings as text."""
        self.show(sheet)
        for warning in self.warnings:
            sheet.line(f"warning: {warning}")
        return "\n".join(sheet.lines)

    def __str__(self) -> str:
        """Return the report as a terminal shows it, and the warnings."""
        return self._written(Lines())

    def __repr__(self) -> str:
        """Return the report; the fields have the rest."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it."""
        return self._written(Html())

    def document(self) -> dict[str, Any]:
        """Return everything that the command's JSON holds, as plain values and arrays."""
        from gradcli.graph.literals import SCHEMA

        content = {
            "schema": SCHEMA,
            "expression": self.expression,
            "method": self.method,
            "converged": self.converged,
            "reason": self.reason,
            "steps": self.steps,
            "evaluations": self.evaluations,
            self.what: self.minimum,
            "parameters": self.parameters,
            "gradient_norm": self.gradient_norm,
            "statistics": None if self.statistics is None else self.statistics.document(),
            "warnings": self.warnings,
        }
        if self.digits:
            parts = {self.what if name == "minimum" else name: n for name, n in self.digits.items()}
            content["digits"] = parts
        if self.best is not None:
            content["best"] = self.best._asdict()
        if self.constraints:
            content["constraints"] = [constraint._asdict() for constraint in self.constraints]
        if self.epochs:
            content["epochs"] = [epoch.document() for epoch in self.epochs]
        if self.minima:
            content["minima"] = [found._asdict() for found in self.minima]
        return content
