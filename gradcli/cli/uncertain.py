"""Errors of values: the options that say them, and how the error of a result is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.cli.options import Eval
from gradcli.cli.output import note
from gradcli.errors import MathematicsError, NameValueError, UsageError, printable
from gradcli.headings import ours
from gradcli.language.bindings import is_number
from gradcli.language.names import is_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.options import Grad
    from gradcli.cli.output import Output
    from gradcli.point import Point
    from gradcli.tables.ranges import Block
    from gradcli.uncertainty.inputs import Inputs, Saved
    from gradcli.uncertainty.propagation import Uncertainty
    from gradcli.uncertainty.sampling import Samples


def _correlations(words: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return what --correlate says, by pairs of names. Raises UsageError."""
    found: dict[tuple[str, str], float] = {}
    for word in words:
        names, _, text = word.rpartition("=")
        pair = [name.strip() for name in _pair(names)]
        if len(pair) != 2 or not is_number(text.strip().lstrip("+-")):
            message = f"--correlate takes NAME,NAME=R, not '{printable(word, 60)}'"
            raise UsageError(message, hint="for example --correlate x,y=0.5")
        first, second = pair
        if (first, second) in found or (second, first) in found:
            message = f"--correlate gives {first},{second} twice"
            raise UsageError(message)
        found[first, second] = float(text)
    return found


def _sigmas(words: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Return what --sigma-of says: errors that are numbers, and those that are columns."""
    numbers: dict[str, float] = {}
    columns: dict[str, str] = {}
    for word in words:
        name, _, text = word.partition("=")
        if not is_name(name) or not (is_number(text) or is_name(text)):
            shown = printable(word, 60)
            message = f"--sigma-of takes NAME=NUMBER or NAME=COLUMN, not '{shown}'"
            raise UsageError(message, hint="for example --sigma-of x=0.1")
        if name in numbers or name in columns:
            message = f"--sigma-of gives {name} twice"
            raise UsageError(message)
        if is_number(text):
            numbers[name] = float(text)
        else:
            columns[name] = text
    return numbers, columns


def relative(slopes: Mapping[str, Any], problem: Problem, here: Any) -> dict[str, Any]:
    """Return the elasticities x/f df/dx: by how many percent the value moves for one of x.

    Raises MathematicsError for a value of 0, of which there is no part.
    """
    if not here.value:
        message = "the value is 0, so that it has no relative derivatives"
        raise MathematicsError(message, hint="leave out --relative")
    given = {**problem.data, **problem.values}
    return {
        name: (given[name] if given.get(name) is not None else here.at(name)) * slope / here.value
        for name, slope in slopes.items()
    }


def _pair(text: str) -> list[str]:
    """Return the names of a pair: w[0,1],b are two."""
    found, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return found


class Errors:
    """The errors of a command's names: of its words, its options and a saved fit."""

    def __init__(
        self,
        options: Eval | Grad | None = None,
        saved: Saved | None = None,
    ) -> None:
        options = options or Eval()
        self.correlations = _correlations(options.correlate)
        self.numbers, self.columns = _sigmas(options.sigma_of)
        self.confidence = options.confidence
        self.samples = options.samples if isinstance(options, Eval) else None
        self._saved = saved
        self._seed = options.seed
        asked = (self.correlations, self.numbers, self.columns, self.confidence, self.samples)
        self.is_asked = any(asked) or (isinstance(options, Eval) and options.errors)
        """Whether errors are asked for, and not only known from a saved fit."""

    def of(self, problem: Problem) -> Inputs | None:
        """Return the uncertain numbers of a formula; None where nothing says that there are any.

        Raises NameValueError for names that the formula does not use.
        """
        given = {**problem.errors, **self.numbers}
        if not (given or self.is_asked or self._saved):
            return None
        from gradcli.uncertainty.inputs import inputs

        own = problem.formula.free_names
        for name in {**self.numbers, **self.columns}:
            if name not in own:
                message = f"--sigma-of names {name}, which the formula does not use"
                raise NameValueError(message, hint=f"its names are {', '.join(own[:5])}")
            if name in problem.errors:
                message = f"{name} has two errors, one behind ± and one of --sigma-of"
                raise NameValueError(message, hint="leave out one of them")
        saved = None
        if self._saved is not None:
            saved = self._saved.of([name for name in own if name not in given])
        found = inputs(given, self.correlations, saved)
        if not found.names and self.is_asked and not self.columns:
            message = "no name of the formula has an error"
            raise NameValueError(message, hint="give errors as x=1.0±0.1, or --sigma-of x=0.1")
        return found if found.names or self.columns else None

    def is_wanted(self, problem: Problem, output: Output) -> bool:
        """Whether the error is to be shown: a pipe that only --params gave errors gets a number."""
        return bool(problem.errors or self.is_asked or output.json or output.pretty)

    def at(self, here: Point, problem: Problem, given: Inputs) -> Uncertainty | None:
        """Return the value with its error; None where only a saved fit would give it and cannot."""
        from gradcli.uncertainty.propagation import propagate

        if problem.formula.shape and not (problem.errors or self.is_asked):
            return None
        try:
            return propagate(here, given)
        except MathematicsError as error:
            if problem.errors or self.is_asked:
                raise
            note(f"{problem.where}the value has no standard error: {error.message}")
            return None

    def drawn(self, problem: Problem, given: Inputs, found: Uncertainty) -> Samples | None:
        """Return what draws of the inputs say; None where none are asked for."""
        if self.samples is None:
            return None
        from gradcli.uncertainty.sampling import sampled

        formula, values = problem.formula, {**problem.data, **problem.values}
        return sampled(formula.graph, formula.id, values, given, found, self.samples, self._seed)


# ---------------------------------------------------------------- one value


def show(
    problem: Problem,
    found: Uncertainty,
    errors: Errors,
    given: Inputs,
    output: Output,
) -> None:
    """Add a value with its error to the output."""
    drawn = errors.drawn(problem, given, found)
    if output.json:
        content = document(found, errors.confidence)
        if drawn is not None:
            content["monte_carlo"] = drawn._asdict()
        output.document(problem.document() | content)
    elif output.pretty:
        _on_terminal(found, drawn, errors.confidence, output)
    else:
        rows = [[key, output.number(number)] for key, number in _rows(found, drawn, errors)]
        if output.csv:
            output.label = None
            output.table([key for key, _ in rows], [[text for _, text in rows]])
        else:
            for row in rows:
                output.cells(row)
    if not output.pretty:  # a terminal shows both orders
        say(found, problem.where)


def document(found: Uncertainty, confidence: float | None) -> dict[str, Any]:
    """Return a value with its error as JSON has it."""
    content: dict[str, Any] = {
        "value": found.value,
        "standard_error": found.standard_error,
        "second_order": None if found.second_order is None else found.second_order._asdict(),
        "budget": found.shares,
    }
    if confidence is not None:
        content["confidence"] = confidence
        content["interval"] = list(found.interval(confidence))
        content["degrees_of_freedom"] = found.freedom
    return content


def _rows(
    found: Uncertainty, drawn: Samples | None, errors: Errors
) -> Iterator[tuple[str, float | None]]:
    yield "value", found.value
    yield "standard_error", found.standard_error
    second = found.second_order
    yield "second_order_value", None if second is None else second.value
    yield "second_order_standard_error", None if second is None else second.standard_error
    if errors.confidence is not None:
        low, high = found.interval(errors.confidence)
        yield "low", low
        yield "high", high
    if drawn is not None:
        yield "monte_carlo_mean", drawn.mean
        yield "monte_carlo_standard_error", drawn.standard_error
        yield "monte_carlo_low", drawn.interval[0]
        yield "monte_carlo_high", drawn.interval[1]


def _on_terminal(
    found: Uncertainty, drawn: Samples | None, confidence: float | None, output: Output
) -> None:
    from gradcli.uncertainty.number import shown

    output.line(str(found))
    if found.second_order is not None and found.is_curved:
        output.line(f"{shown(*found.second_order)} to second order")
    if confidence is not None:
        low, high = found.interval(confidence)
        output.line(f"{output.cell(low)} to {output.cell(high)} with probability {confidence:g}")
    if drawn is not None:
        low, high = drawn.interval
        output.line(
            f"{shown(drawn.mean, drawn.standard_error)} of {drawn.samples} draws, 95 % of them "
            f"from {output.cell(low)} to {output.cell(high)}"
        )
        holds = "holds" if drawn.first_order_holds else "does not hold"
        output.line(f"the linear law {holds} to {output.cell(drawn.tolerance)} (JCGM 101, 8.1)")


def say(found: Uncertainty, where: str = "") -> None:
    """Say where the first order does not tell the error."""
    if found.is_curved and found.second_order is not None:
        second = found.second_order.standard_error
        note(
            f"{where}the second order moves the standard error from "
            f"{found.standard_error:.4g} to {second:.4g}; --samples N draws the distribution"
        )


# ---------------------------------------------------------------- budget


def add_budget(content: dict[str, Any], found: Uncertainty, confidence: float | None) -> None:
    """Add the error of a value and its parts to a document."""
    content |= document(found, confidence)
    content["budget"] = {name: share._asdict() for name, share in found.budget.items()}


def budget_table(
    found: Uncertainty,
    gradient: Mapping[str, Any],
    parts: Mapping[str, Any],
    confidence: float | None,
    output: Output,
) -> None:
    """Add the error of the value and its budget: what each name contributes.

    As CSV, which is one table, it has all derivatives, and the `parts` of --relative.
    """
    ends = (
        () if confidence is None else zip(("low", "high"), found.interval(confidence), strict=True)
    )
    interval = [[name, output.cell(number)] for name, number in ends]
    headers = ["name", "derivative", "standard_error", "contribution", "share"]
    rows = [
        [name, *[output.cell(number) for number in share]] for name, share in found.budget.items()
    ]
    if output.csv:
        rows = [["value", output.number(found.value), output.number(found.standard_error)], *rows]
        rows += [[n, output.number(x)] for n, x in gradient.items() if n not in found.budget]
        headers += ["relative"] if parts else []
        filled = [row + [""] * (len(headers) - len(row)) for row in [*rows, *interval]]
        if parts:
            for row in filled:
                row[-1] = output.number(parts.get(row[0]))
        output.table(headers, filled)
        return
    if output.pretty:
        headers[2] = "std. error"
        output.line(str(found))
        if interval:
            output.line(
                f"{' to '.join(row[1] for row in interval)} with probability {confidence:g}"
            )
    else:
        for row in (["standard_error", output.number(found.standard_error)], *interval):
            output.cells(row)
        output.line("")
    output.table(headers, rows, right=1)


# ---------------------------------------------------------------- tables


class WithErrors:
    """A table of values with a column of their standard errors in place of their derivatives."""

    def __init__(
        self, table: Any, given: Inputs, wrt: Sequence[str], columns: Mapping[str, int]
    ) -> None:
        self._table = table
        self._given = given
        self._wrt = list(wrt)
        self._columns = dict(columns)

    @property
    def kinks(self) -> dict[int, str]:
        """What is to be said about derivatives, by node."""
        kinks: dict[int, str] = self._table.kinks
        return kinks

    def notes(self) -> list[str]:
        """Return what is to be said about digits."""
        notes: list[str] = self._table.notes()
        return notes

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of the table in order."""
        import numpy as np

        given = self._given
        for block in self._table.blocks():
            parts = np.zeros((len(self._wrt), len(block.value)))
            for place, (name, slope) in enumerate(zip(self._wrt, block.slopes, strict=True)):
                if name in self._columns:
                    sigma = _checked(name, block.inputs[self._columns[name]])
                else:
                    sigma = given.errors[given.names.index(name)]
                parts[place] = slope * sigma
            order = [given.names.index(n) if n in given.names else -1 for n in self._wrt]
            matrix = np.eye(len(order))
            for i, a in enumerate(order):
                for j, b in enumerate(order):
                    if a >= 0 and b >= 0:
                        matrix[i, j] = given.correlation[a, b]
            variance = np.einsum("ir,ij,jr->r", parts, matrix, parts)
            yield block._replace(slopes=[np.sqrt(np.maximum(variance, 0.0))])


def _checked(name: str, sigma: Any) -> Any:
    import numpy as np

    if np.any(sigma < 0):
        place = int(np.argmax(sigma < 0))
        message = f"the standard error of {name} is {sigma[place]:g} in a row"
        raise NameValueError(message, hint="a standard error is at least 0")
    return sigma


def of_rows(problem: Problem, errors: Errors | None) -> tuple[Inputs, list[str]] | None:
    """Return the uncertain numbers of a table, and their names; None for a table without errors.

    Raises NameValueError for arrays, which have many.
    """
    if not problem.errors and (errors is None or not errors.is_asked):
        return None
    errors = errors or Errors()
    if errors.samples is not None or errors.confidence is not None:
        option = "--samples" if errors.samples is not None else "--confidence"
        message = f"{option} is for one value, and the formula has many"
        raise UsageError(message, hint="a table has the standard error of each value")
    given = errors.of(problem)
    if given is None:
        return None
    names = list(dict.fromkeys([*given.names, *errors.columns]))
    other = next((name for name in names if "[" in name), None)
    if other is not None:
        message = f"{other} is a number of an array, and a table takes errors of single numbers"
        raise NameValueError(message)
    return given, names


def heading(theirs: Sequence[str]) -> list[str]:
    """Return the headings of a value and its error, beside those of columns."""
    return ours(["value", "standard_error"], theirs)
