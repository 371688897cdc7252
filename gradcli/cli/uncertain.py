"""Errors of values: the options that say them, and how the error of a result is shown."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from gradcli.cli.options import Eval, Uncertain
from gradcli.cli.output import note, say_notes
from gradcli.errors import (
    MathematicsError,
    NameValueError,
    ShapeError,
    UsageError,
)
from gradcli.language.bindings import is_number
from gradcli.records import NamedTuple
from gradcli.sheets import Column, cells, headings
from gradcli.sheets import show as show_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.options import Draw, Grad
    from gradcli.cli.output import Output
    from gradcli.findings import Note
    from gradcli.point import Point
    from gradcli.programs.trace import Step
    from gradcli.tables.uncertain import RowErrors
    from gradcli.uncertainty.propagation import Inputs, Samples, Uncertainty


def relative(slopes: Mapping[str, Any], problem: Problem, point: Any) -> dict[str, Any]:
    """Return the elasticities x/f df/dx: by how many percent the value moves for one of x.

    Raises MathematicsError for a value of 0, of which there is no part.
    """
    if not point.value:
        message = "the value is 0, so that it has no relative derivatives"
        raise MathematicsError(message, hint="leave out --relative")
    values = {**problem.data, **problem.values}
    return {
        name: (values[name] if values.get(name) is not None else point.at(name))
        * slope
        / point.value
        for name, slope in slopes.items()
    }


class Errors:
    """The errors of a command's names: of its words, its options and a saved fit."""

    def __init__(self, options: Eval | Grad | Draw | None = None) -> None:
        self._fitted: Inputs | None = None
        """What the fit of --params knows about the errors of its parameters."""
        if options is not None and options.params is not None:
            from gradcli.data.parameters import covariance
            from gradcli.uncertainty.propagation import of_fit

            known = covariance(options.params)
            self._fitted = None if known is None else of_fit(*known)
        if not isinstance(options, Uncertain):
            options = Eval()
        self.correlations = {pair: float(text) for pair, text in options.correlate.items()}
        sigmas = options.sigma_of
        self.numbers = {name: float(text) for name, text in sigmas.items() if is_number(text)}
        self.columns = {name: text for name, text in sigmas.items() if name not in self.numbers}
        self.confidence = options.confidence
        self.samples = options.samples if isinstance(options, Eval) else None
        self._seed = options.seed
        asked = (self.correlations, self.numbers, self.columns, self.confidence, self.samples)
        self.is_asked = any(asked) or (isinstance(options, Eval) and options.errors)
        """Whether errors are asked for, and not only known from a saved fit."""

    def of(self, problem: Problem) -> Inputs | None:
        """Return the uncertain numbers of a formula; None where nothing says that there are any.

        Raises NameValueError for names that the formula does not use.
        """
        errors = {**problem.errors, **self.numbers}
        if not (errors or self.is_asked or self._fitted):
            return None
        from gradcli.uncertainty.propagation import NONE, inputs

        own = problem.formula.free_names
        for name in {**self.numbers, **self.columns}:
            if name not in own:
                message = f"--sigma-of names {name}, which the formula does not use"
                raise NameValueError(message, hint=f"its names are {', '.join(own[:5])}")
            if name in problem.errors:
                message = f"{name} has two errors, one behind ± and one of --sigma-of"
                raise NameValueError(message, hint="leave out one of them")
        fitted = (self._fitted or NONE).only([name for name in own if name not in errors])
        found = inputs(errors, self.correlations, fitted)
        if not found.names and self.is_asked and not self.columns:
            message = "no name of the formula has an error"
            raise NameValueError(message, hint="give errors as x=1.0±0.1, or --sigma-of x=0.1")
        return found if found.names or self.columns else None

    def are_needed(self, problem: Problem) -> bool:
        """Whether there must be an error: only a saved fit may give none."""
        return bool(problem.errors or self.is_asked)

    def refuse(self, problem: Problem, message: str, hint: str) -> None:
        """Say that errors are left out; where they are needed, as an error."""
        if self.are_needed(problem):
            raise UsageError(problem.prefix + message, hint=f"{hint}, or leave out the errors")
        if self.of(problem) is not None:
            note(f"{problem.prefix}{message}")

    def are_wanted(self, problem: Problem, output: Output) -> bool:
        """Whether the error is to be shown: a pipe that only --params gave errors gets a number."""
        return self.are_needed(problem) or output.json or output.pretty

    def at(self, point: Point, problem: Problem, output: Output | None = None) -> Result | None:
        """Return the value with its error; None where no name has one, or none is wanted.

        Where only a saved fit would give it and cannot, a note says so.
        """
        from gradcli.uncertainty.propagation import propagate

        is_wanted = output is None or self.are_wanted(problem, output)
        inputs = self.of(problem) if is_wanted else None
        if inputs is None:
            return None
        for name in {**self.numbers, **self.columns}:
            if name in problem.data:
                message = (
                    f"the formula has one value for all rows; errors of {name} do not go into it"
                )
                hint = f"leave out --sigma-of {name}, or write the formula of a row"
                raise UsageError(problem.prefix + message, hint=hint)
        try:
            found = propagate(point, inputs)
        except (MathematicsError, ShapeError) as error:
            if self.are_needed(problem):
                raise
            note(f"{problem.prefix}the value has no standard error: {error.message}")
            return None
        drawn = None
        if self.samples is not None:
            from gradcli.uncertainty.propagation import sampled

            graph, root = problem.formula.graph, problem.formula.id
            values = {**problem.data, **problem.values}
            drawn = sampled(graph, root, values, inputs, found, self.samples, self._seed)
        notes = [*point.remarks, *point.notes(inputs.bases)]
        return Result(found, self.confidence, inputs, drawn, notes)

    def of_rows(self, problem: Problem) -> RowErrors | None:
        """Return the uncertain numbers of a table; None for a table without errors.

        Raises NameValueError for arrays, which have many.
        """
        if self.samples is not None or self.confidence is not None:
            option = "--samples" if self.samples is not None else "--confidence"
            message = f"{option} is for one value, and the formula has many"
            raise UsageError(message, hint="a table has the standard error of each value")
        inputs = self.of(problem)
        if inputs is None:
            return None
        from gradcli.tables.uncertain import RowErrors

        other = next((name for name in inputs.names if "[" in name), None)
        if other is None:
            return RowErrors(inputs, self.columns)
        message = f"{other} is a number of an array, and a table takes errors of single numbers"
        if self.are_needed(problem):
            hint = f"write a name of its own in place of {other}"
            raise NameValueError(message, hint=hint)
        note(f"{problem.prefix}the values have no standard errors: {message}")
        return None


# ---------------------------------------------------------------- one value


VALUE = (
    Column("value", attrgetter("uncertainty.value")),
    Column("standard_error", attrgetter("uncertainty.standard_error")),
    Column("second_order_value", lambda result: result.second and result.second.value),
    Column(
        "second_order_standard_error",
        lambda result: result.second and result.second.standard_error,
    ),
)
"""A value with its error, to first order and to second where there is one."""
INTERVAL = (
    Column("low", lambda result: result.interval[0]),
    Column("high", lambda result: result.interval[1]),
)
DRAWN = (
    Column("monte_carlo_mean", attrgetter("drawn.mean")),
    Column("monte_carlo_standard_error", attrgetter("drawn.standard_error")),
    Column("monte_carlo_low", lambda result: result.drawn.interval[0]),
    Column("monte_carlo_high", lambda result: result.drawn.interval[1]),
)
BUDGET = (
    Column("name", is_label=True),
    Column("derivative"),
    Column("standard_error", terminal="std. error"),
    *(Column("contribution"), Column("share")),
)
"""What each name contributes to the error."""


class Result:
    """A value with its error, an interval where one is wanted, and what draws say of it."""

    def __init__(
        self,
        uncertainty: Uncertainty,
        confidence: float | None = None,
        inputs: Inputs | None = None,
        drawn: Samples | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        self.uncertainty = uncertainty
        self.inputs = inputs
        self.notes = notes
        self.second = uncertainty.second_order
        self.drawn = drawn
        self.confidence = confidence
        self.interval = () if confidence is None else uncertainty.interval(confidence)

    @property
    def columns(self) -> list[Column]:
        """What there is to be shown of it."""
        asked = [*(INTERVAL if self.interval else ()), *(DRAWN if self.drawn else ())]
        return [*VALUE, *asked]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        uncertainty = self.uncertainty
        content: dict[str, Any] = {
            "value": uncertainty.value,
            "standard_error": uncertainty.standard_error,
            "second_order": None if self.second is None else self.second._asdict(),
            "budget": uncertainty.shares,
        }
        if self.interval:
            content["confidence"] = self.confidence
            content["interval"] = list(self.interval)
            content["degrees_of_freedom"] = uncertainty.freedom
        if self.drawn is not None:
            content["monte_carlo"] = self.drawn._asdict()
        return content

    def with_errors(self, steps: list[Step]) -> list[Step]:
        """Return the steps of a run with the errors of its inputs and of the result."""
        from gradcli.uncertainty.propagation import with_errors

        return steps if self.inputs is None else with_errors(steps, self.inputs, self.uncertainty)

    def show(self, columns: Sequence[Column], output: Output) -> None:
        """Add some of its numbers to what a pipe gets, a row for each."""
        texts = cells(columns, self, output)
        for row in zip(headings(columns, output.form), texts, strict=True):
            output.cells(row)

    def show_first_order(self, output: Output) -> None:
        """Add the value with its error, and the interval, to a terminal."""
        output.line(str(self.uncertainty))
        if self.interval:
            low, high = map(output.cell, self.interval)
            output.line(f"{low} to {high} with probability {self.confidence:g}")

    def say(self, prefix: str) -> None:
        """Print a note where the second order changes the standard error much."""
        if self.uncertainty.is_curved and self.second is not None:
            first, second = self.uncertainty.standard_error, self.second.standard_error
            note(
                f"{prefix}the second order moves the standard error from "
                f"{first:.4g} to {second:.4g}; --samples N draws the distribution"
            )


def show(problem: Problem, result: Result, output: Output) -> None:
    """Add a value with its error to the output."""
    say_notes(result.notes, problem.prefix)
    if output.json:
        said = {"notes": [str(remark) for remark in result.notes]} if result.notes else {}
        output.document(problem.document() | result.document() | said)
    elif output.pretty:
        _on_terminal(result, output)
    elif output.csv:
        output.label = None
        show_table(result.columns, [result], output)
    else:
        result.show(result.columns, output)
    if not output.pretty:  # a terminal shows both orders
        result.say(problem.prefix)


def _on_terminal(result: Result, output: Output) -> None:
    from gradcli.uncertainty.number import shown

    result.show_first_order(output)
    if result.second is not None and result.uncertainty.is_curved:
        output.line(f"{shown(*result.second)} to second order")
    drawn = result.drawn
    if drawn is not None:
        low, high = map(output.cell, drawn.interval)
        output.line(
            f"{shown(drawn.mean, drawn.standard_error)} of {drawn.samples} draws, 95 % of them "
            f"from {low} to {high}"
        )
        holds = "holds" if drawn.first_order_holds else "does not hold"
        output.line(f"the linear law {holds} to {output.cell(drawn.tolerance)} (JCGM 101, 8.1)")


# ---------------------------------------------------------------- budget


class Part(NamedTuple):
    """A row of the budget, which has in CSV all derivatives and what each is relative to."""

    name: str
    derivative: float
    standard_error: float | None = None
    contribution: float | None = None
    share: float | None = None
    relative: float | None = None


def show_budget(
    result: Result, gradient: Mapping[str, Any], relative: Mapping[str, Any] | None, output: Output
) -> None:
    """Add the error of the value and its budget: what each name contributes.

    As CSV, which is one table, it has all derivatives, and the `relative` ones where wanted.
    """
    found = result.uncertainty
    beside = relative or {}
    rows = [Part(name, *share, beside.get(name)) for name, share in found.budget.items()]
    if output.csv:
        rows = [Part("value", found.value, found.standard_error), *rows]
        rows += [
            Part(name, slope, relative=beside.get(name))
            for name, slope in gradient.items()
            if name not in found.budget
        ]
        rows += [Part(*end) for end in zip(("low", "high"), result.interval, strict=False)]
        more = [] if relative is None else [Column("relative")]
        show_table([*BUDGET, *more], rows, output)
        return
    if output.pretty:
        result.show_first_order(output)
    else:
        result.show([VALUE[1], *(INTERVAL if result.interval else ())], output)
        output.line("")
    show_table(BUDGET, rows, output)
