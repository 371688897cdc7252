"""What `minimize` finds: the point, how it was reached, and what a fit says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.minimize.predictions import Predictions
    from gradcli.solvers.statistics.summary import Statistics


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


class Found(NamedTuple):
    """One of the minima that several starts led to."""

    minimum: float
    parameters: dict[str, Any]
    times: int
    """How many of the starts ended there."""


class Best(NamedTuple):
    """The lowest point of a run that was to end elsewhere."""

    minimum: float
    parameters: dict[str, Any]


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

    def report(self) -> list[list[str]]:
        """Return the rows of the report, headings first: the parameters, for a fit with errors."""
        from gradcli.graph.literals import value_text
        from gradcli.values import entries, numbers

        fit = self.statistics
        if fit is None:
            point = [[name, value_text(value)] for name, value in self.parameters.items()]
            return [["name", "value"], [self.what, value_text(self.minimum)], *point]
        rows = [["parameter", "value", "standard error", "from", "to"]]
        names, point_of = entries(self.parameters), numbers(list(self.parameters.values()))
        for name, value in zip(names, point_of, strict=True):
            interval = fit.confidence_intervals[name] or (None, None)
            cells = [value, fit.standard_errors[name], *interval]
            rows.append([name, *["" if x is None else f"{x:.6g}" for x in cells]])
        return rows

    def __str__(self) -> str:
        """Return the report as text, and how the run ended."""
        rows = self.report()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, f"{self.method} ({self.why}) {self.reason}"])

    def __repr__(self) -> str:
        """Return the report; the fields have the rest."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it."""
        from html import escape

        kinds = ["th", *["td"] * len(self.report())]
        rows = [
            "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in row)
            for kind, row in zip(kinds, self.report(), strict=False)
        ]
        table = "".join(f"<tr>{row}</tr>" for row in rows)
        ending = escape(f"{self.method} ({self.why}) {self.reason}")
        return f"<table>{table}</table><p>{ending}</p>"

    def document(self) -> dict[str, Any]:
        """Return everything that the command's JSON holds, as plain values and arrays."""
        from gradcli.graph.strict_json import SCHEMA

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
