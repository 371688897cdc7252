"""What the words and options of `minimize` say: read, checked, with the data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.cli import arguments
from gradcli.cli.data import check_syntax, reading
from gradcli.cli.options import MEMORY_OF_MANY
from gradcli.cli.output import note
from gradcli.errors import (
    FormulaError,
    NameValueError,
    ShapeError,
    UsageError,
    listed,
)
from gradcli.formula import Formula, parse
from gradcli.language.bindings import binding, bindings
from gradcli.language.bindings import limits as limits_of
from gradcli.language.names import is_name, names_in
from gradcli.language.parser import finding
from gradcli.minimize.task import Request
from gradcli.options import spelled
from gradcli.records import NamedTuple
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.data import Shares
    from gradcli.cli.options import Minimize
    from gradcli.data.rows import Rows
    from gradcli.data.source import Source
    from gradcli.language.bindings import Binding
    from gradcli.minimize.settings import Settings


class Start(NamedTuple):
    """The words of a minimisation: a formula, where it starts, and what does not move."""

    source: str
    values: dict[str, Any]
    fixed: dict[str, Any]
    bounds: dict[str, tuple[float, float]]

    def shapes(self) -> dict[str, Any]:
        """Return the shapes of all values by name."""
        return {name: shape_of(x, name) for name, x in {**self.fixed, **self.values}.items()}


class MinimizeProblem(NamedTuple):
    """What the words and options say, read and checked, and the data."""

    formula: Formula
    start: Start
    settings: Settings
    rows: Rows | None
    source: Source | None
    also: Sequence[MinimizeProblem] = ()
    """The models of --also, over the same rows."""

    @property
    def request(self) -> Request:
        """What is to be minimised."""
        start, formula = self.start, self.formula
        data: Any = {}
        if self.rows is not None:
            from gradcli.rows.columns import values_of

            data = values_of(self.rows)
        return Request(formula, formula.origin, start.values, start.fixed, data, self.settings)

    def about(self) -> str:
        """Return who computes the rows, to follow what a step is; nothing where that is plain."""
        about: str = getattr(self.rows, "about", "")
        return about and f", {about}"


def read(words: Sequence[str], options: Minimize, share: Shares | None = None) -> MinimizeProblem:
    """Return the formula, its starts and its data, in pieces where `share` makes them."""
    start = read_start(words, options.fix, options.limits, options.seed)
    if options.data:
        check_syntax(start.source, [*start.values, *start.fixed])
    also = [arguments.split([text])[0] for text in options.also]
    starts = [_with_parameters(each, options) for each in _shared(start, also)]
    rows, source = _rows(starts[0], options, also, share)
    first, *others = [_over(rows, source, each, options, share) for each in starts]
    return first._replace(also=others)


def _over(
    rows: Rows | None,
    source: Source | None,
    start: Start,
    options: Minimize,
    share: Shares | None,
) -> MinimizeProblem:
    """Return a formula with its start over the rows."""
    shapes = {**dict.fromkeys(() if rows is None else rows.entries, ()), **start.shapes()}
    try:
        formula = formula_over(rows, start.source, shapes)
    except ShapeError as error:
        raise arguments.explained(error, start.source, shapes) from None
    columns = () if source is None else (*source.columns, *[""] * source.unnamed)
    _check_single(formula, start.source, columns)
    has_no_start = not start.values
    if has_no_start:
        start = _without_start(formula, start, columns)
    settings = options.replaced(
        bounds=start.bounds, columns=columns, may_replace_start=has_no_start and bool(start.values)
    )
    if source is not None:
        settings = settings.replaced(location=source.location)
    if share is not None:
        rows = share.bound(rows, formula, start, settings)
    return MinimizeProblem(formula, start, settings, rows, source)


def _shared(start: Start, also: Sequence[str]) -> list[Start]:
    """Return the start of each model: what is given for the names that stand in it.

    The first one has what is for none of them as well.
    """
    texts = [start.source, *also]
    names = [names_in(text) for text in texts]
    strange = {*start.values, *start.fixed, *start.bounds}.difference(*names)
    names[0] = {*names[0], *strange}
    return [
        Start(
            text,
            *(
                {name: value for name, value in each.items() if name in own}
                for each in (start.values, start.fixed, start.bounds)
            ),
        )
        for text, own in zip(texts, names, strict=True)
    ]


def read_start(
    words: Sequence[str], fixed: Sequence[str], limits: Sequence[str], seed: int
) -> Start:
    """Return what the words of `minimize` say: operands, --fix and --bounds.

    Random starts are drawn from `seed`. Raises NameValueError for a range as a value.
    """
    try:
        source, pairs = arguments.split(words)
    except FormulaError as error:
        for found in map(binding, error.repairs):
            if found.is_range:
                error.hint = _bounded(found.name, found.text)
        raise
    if source == "-":
        source = arguments.stdin()
    draw = arguments.Draws(seed)
    values = {binding.name: _single(binding, draw) for binding in pairs}
    fixed_values = {binding.name: _single(binding, draw) for binding in bindings(fixed)}
    bounds = {}
    for name, low, high in limits_of(limits):
        least = float("-inf") if low is None else _single(low, draw)
        most = float("inf") if high is None else _single(high, draw)
        if not isinstance(least, float) or not isinstance(most, float):
            message = f"a bound of {name} is an array"
            raise NameValueError(message, hint="bounds are numbers, which hold for every entry")
        bounds[name] = (least, most)
    return Start(source, values, fixed_values, bounds)


def _single(binding: Binding, draw: arguments.Draws) -> Any:
    if binding.is_range:
        hint = _bounded(binding.name, binding.text)
        raise arguments.needs_one_value(binding.name, "minimize", hint)
    if binding.error is not None:
        message = f"{binding.name} has an error behind ±, and minimize takes plain values"
        raise NameValueError(message, hint=f"leave out the error of {binding.name}")
    return arguments.value(binding, draw)


def _bounded(name: str, text: str) -> str | None:
    """Return the start and the bounds to write in place of a range; None for linspace."""
    low, *further = text.split(":")
    if not further:
        return None
    return f"write {name}={low} --bounds {name}={low}:{further[0]} to stay between these"


def _check_single(formula: Formula, text: str, columns: Sequence[str]) -> None:
    """Raise UsageError for a formula of rows where `y ~` before it makes it a model of a column."""
    own = formula.free_names
    free = [column for column in columns if is_name(column) and column not in own]
    response = "y" if "y" in free else free[0] if len(free) == 1 else None
    if response is None or formula.is_model or not any(column in own for column in columns):
        return
    from gradcli.language.repairs import LONGEST_SHOWN

    model = f"{response} ~ {text}"
    if formula.shape and finding(model) is None and len(model) <= LONGEST_SHOWN:
        message = "the formula has a value in each row of the data, and minimize needs one number"
        raise UsageError(message, hint=f"write '{model}' for a fit, or take its sum or mean")


def formula_over(rows: Rows | None, text: str, shapes: Mapping[str, Any]) -> Formula:
    """Return the formula that the text stands for over rows, after its notes are said."""
    if rows is None:
        return arguments.formula(text, shapes)
    from gradcli.rows.columns import over_rows

    return arguments.said(over_rows(partial(parse, text), rows, shapes))


def _without_start(formula: Formula, start: Start, columns: Sequence[str]) -> Start:
    """Return the start of a model over data that was given none: all its parameters at 1."""
    from gradcli.minimize.task import unstarted

    values = unstarted(formula, formula.origin, start.fixed, columns)
    if values:
        names = listed(list(values))
        note(f"no start is given: {names} start{'s' * (len(values) == 1)} at 1")
    return start._replace(values=values)


def _with_parameters(start: Start, options: Minimize) -> Start:
    """Return the start with the values of --params for the names of the formula."""
    known = arguments.needed(arguments.parameters(options), start.source, start.values)
    more = {name: value for name, value in known.items() if name not in start.fixed}
    return start._replace(values={**start.values, **more})


def _rows(
    start: Start, options: Minimize, also: Sequence[str], share: Shares | None
) -> tuple[Rows | None, Source | None]:
    """Return the rows of --data with the columns that the formula mentions, or one of `also`."""
    others = [name for name in (options.weights, options.sigma) if name is not None]
    if not options.data:
        if others:
            message = f"{others[0]} is to be a column, and there is no --data"
            raise UsageError(message, hint="for example --data points.csv")
        if options.learns:
            message = "--batch and --epochs take rows, and there is no --data"
            raise UsageError(message, hint="for example --data train.npz")
        return None, None
    from gradcli.rows.columns import HELD_BYTES, rows

    memory = MEMORY_OF_MANY << 20 if options.learns else HELD_BYTES
    if options.memory is not None:
        memory = options.memory << 20
    others += [name for text in also for name in names_in(text)]
    keywords = reading(options)
    return rows(options.data, start.source, others, start.shapes(), memory, share, **keywords)


def check(options: Minimize) -> None:
    """Raise UsageError for files that cannot be written so, and options that do not go together."""
    if options.json and options.every is not None:
        message = "--every shows steps, and --json is one object"
        raise UsageError(message, hint="--log steps.csv writes every step to a file")
    of_all = ("confidence", "absolute_sigma", "errors", "profile", "also", "predictions", "report")
    for field in (*of_all, "maximize", "subject_to"):
        if options.has(field) and options.learns:
            message = f"{spelled(field)} does not go with --batch and --epochs"
            hint = f"leave out {spelled(field)}"
            if field in of_all:
                hint = "standard errors need a fit to all rows at once"
            raise UsageError(message, hint=hint)
    for field in options.given("checkpoint", "resume", "subject_to", "report"):
        if options.also:
            message = f"--also fits several models, and {spelled(field)} is about one"
            raise UsageError(message, hint=f"leave out --also or {spelled(field)}")
