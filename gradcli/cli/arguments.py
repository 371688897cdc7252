"""The words of the command line: where the formula is, and what its names are to be."""

from __future__ import annotations

import math
import sys
from itertools import islice

from gradcli.errors import (
    FileError,
    FormulaError,
    MathematicsError,
    NameValueError,
    ShapeError,
    UsageError,
)
from gradcli.exact.decimals import DOUBLE_DIGITS
from gradcli.formula import Formula, parse
from gradcli.language.bindings import bindings
from gradcli.language.names import RANDOM, is_free, names_in
from gradcli.limits import SOURCE_CHARACTERS
from gradcli.values import shape_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any

    from gradcli.cli.options import Data
    from gradcli.cli.output import Output
    from gradcli.errors import GradcliError
    from gradcli.findings import Note
    from gradcli.graph.shapes import Shape
    from gradcli.language.bindings import Binding
    from gradcli.point import Point
    from gradcli.tables.ranges import Range

BYTE_ORDER_MARK = "\ufeff"
"""The byte order mark that some editors write before a text; it is removed from files and stdin."""

LONGEST_LINE = 4 * SOURCE_CHARACTERS
"""The most bytes of a line: four for each character of the longest formula."""

_DEFINED = r"(?:^|[;\n])[^=;\n]*(?<![<>!=])=(?!=)"
"""The left side of a definition in a formula: `u =` or `f(t) =`."""


def separated(
    words: Iterable[str], with_value: Collection[str]
) -> tuple[list[str], list[list[str]]]:
    """Return the operands among words, and the options, each with the value behind it.

    Options are --name, -o and -h; those `with_value` take the next word. Everything behind "--" is
    an operand, and so are formulas such as -x^2 and --3.
    """
    operands: list[str] = []
    options: list[list[str]] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands += rest
        elif is_option(word):
            options.append([word, *(islice(rest, 1) if word in with_value else ())])
        else:
            operands.append(word)
    return operands, options


def is_option(word: str) -> bool:
    """Return whether a word is an option rather than a formula."""
    return word in {"-o", "-h"} or (word.startswith("--") and word[2:3].isalpha())


class Problem:
    """A formula with the values of its names; `prefix` of messages says which line it is."""

    __slots__ = ("data", "errors", "formula", "known", "prefix", "ranges", "shapes", "values")

    def __init__(
        self,
        formula: Formula,
        values: dict[str, Any],
        prefix: str = "",
        ranges: dict[str, Range] | None = None,
        data: dict[str, Any] | None = None,
        shapes: Mapping[str, Shape] | None = None,
        errors: Mapping[str, Any] | None = None,
        known: Any = None,
    ) -> None:
        self.formula = formula
        self.values = values
        self.prefix = prefix
        self.ranges = ranges or {}
        """The names that take many values, one after the other."""
        self.data = data or {}
        """The names whose values are columns of data files."""
        self.errors = errors or {}
        """The standard errors of names that were given with one, x=1.0±0.1."""
        self.known = known
        """The uncertain.Errors of words, options and a saved fit, where any of them has some."""
        self.shapes = shapes or {}
        """The shapes of names that have one without a value."""

    @property
    def source(self) -> str:
        """The formula as it was typed."""
        return self.formula.source

    def document(self) -> dict[str, Any]:
        """Return what the JSON of every command begins with."""
        return {"expression": self.source, "variables": self.values}

    def at_values(self, output: Output | None = None) -> Point:
        """Return the formula at these values, with as many certain digits as are asked for."""
        if output is None:
            return self.formula.at_values(self.values)
        return self.formula.at_values(
            self.values, allow_nonfinite=output.allow_nonfinite, digits=output.digits
        )

    def with_error(self, point: Point, output: Output | None = None) -> Any:
        """Return the value with its error, an uncertain.Result; None where there is none."""
        return None if self.known is None else self.known.at(point, self, output)

    def notes(self) -> list[Note]:
        """Return what is to be said about names without values: which operations take one number.

        An operation on arrays has no other meaning for a number, so an array may have been meant.
        """
        from gradcli.findings import Note
        from gradcli.graph.printing import label

        graph, root = self.formula.graph, self.formula.id
        nodes = graph.reachable([root])
        varying = graph.depending_on(graph.variables([root]).values(), nodes)
        found = []
        for node in nodes:
            operation, inputs, _ = graph.rows[node]
            shapes = [graph.shape(node), *[graph.shape(below) for below in inputs]]
            if operation.structural and inputs and node in varying and not any(shapes):
                name = next(iter(graph.variables([node])))
                sentence = (
                    f"{operation.name} has one number here, since a name without a value is one; "
                    f"for an array give its shape, as in {name}=shape(3)"
                )
                found.append(Note(sentence, self.formula.span(node), label(graph, node)))
        return found

    def needs_one_value(self, option: str) -> GradcliError:
        """Return the error for an option or a command that takes one value: here are many."""
        for name in self.ranges:
            return needs_one_value(name, option)
        message = f"the formula has a value in each row of the data, and {option} needs one value"
        return UsageError(message, hint="take its sum or mean")

    def needs_values(self, option: str, more: str = "") -> UsageError:
        """Return the error for an option that means nothing without values of the names."""
        names = " ".join(f"{name}=…" for name in self.formula.free_names[:5])
        return UsageError(f"{option} needs values", hint=f"add {names}{more}")


class Request:
    """One formula of a command with the values of its names."""

    __slots__ = ("beside", "prefix", "typed", "values")

    def __init__(
        self,
        typed: str | None,
        values: dict[str, Any],
        prefix: str,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        self.typed = typed
        """The formula; None for a line that is too long to be kept."""
        self.values = values
        self.prefix = prefix
        """What a message about it begins with, "line 3: "; empty where it is the only one."""
        self.beside = beside or {}
        """The values of names of formulas beside it, such as a curve of its plot."""

    @property
    def text(self) -> str:
        """The formula. Raises FormulaError for a line that is too long."""
        if self.typed is None:
            raise FormulaError(f"the formula is longer than {LONGEST_LINE} bytes")
        return self.typed


def parameters(options: Data) -> dict[str, Any]:
    """Return the values of --params by name. Raises FileError."""
    if options.params is None:
        return {}
    from gradcli.data.parameters import load

    return dict(load(options.params, "--params"))


def needed(
    parameters: Mapping[str, Any], text: str, values: Collection[str] = ()
) -> dict[str, Any]:
    """Return the parameters whose names stand in a formula that does not define them itself.

    Raises NameValueError for a parameter that is among the names of `values` too.
    """
    if not parameters:
        return {}
    import re

    for name in parameters:
        if name in values:
            message = f"{name} is given a value, and --params has one for it"
            raise NameValueError(message, hint=f"remove {name}=…")
    own = {name for match in re.finditer(_DEFINED, text) for name in names_in(match[0].strip())}
    wanted = names_in(text) - own
    return {name: value for name, value in parameters.items() if name in wanted}


def needs_one_value(name: str, command: str, hint: str | None = None) -> NameValueError:
    """Return the error for a name that takes many values."""
    message = f"{name} is a range, and {command} needs one value"
    return NameValueError(message, hint=hint or f"write {name}=1")


def split(words: Sequence[str]) -> tuple[str, list[Binding]]:
    """Return the text of a formula and what the words behind it bind; "@FILE" is read.

    A byte-order mark at the start of a file is none of its characters.
    """
    if not words:
        message = "no formula is given"
        raise UsageError(message, hint="for example: gradcli eval 'x^2 + 1' x=3")
    first, *rest = words
    try:
        pairs = bindings(rest)
    except (FormulaError, NameValueError) as error:
        from gradcli.cli.operands import operand_hint

        error.hint = operand_hint(first, rest) or error.hint
        raise
    if first.startswith("@"):
        from gradcli.data.files import read_text

        if first == "@":
            message = "no name of a file stands behind @"
            raise UsageError(message, hint="for example: gradcli eval @formula.txt")
        return read_text(first[1:], 4 * SOURCE_CHARACTERS).removeprefix(BYTE_ORDER_MARK), pairs
    return first, pairs


def formula(source: str, shapes: Mapping[str, Any], prefix: str = "") -> Formula:
    """Return the formula of the command line, after its notes are said on stderr."""
    return said(parse(source, shapes), prefix)


def said(formula: Formula, prefix: str = "") -> Formula:
    """Return the formula, after its notes are said on stderr."""
    from gradcli.cli.output import note

    for sentence in formula.origin.notes if formula.origin else ():
        note(prefix + sentence)
    return formula


def explained(
    error: ShapeError, source: str, shapes: Mapping[str, Any], value: str = "…"
) -> ShapeError:
    """Return the error, its repair being a value for the name that was taken for a number."""
    import re

    unknown = [
        name
        for name in sorted(names_in(source) - shapes.keys())
        if is_free(name) and not re.search(rf"\b{name}\b\s*(?:\([^)]*\))?\s*=", source)
    ]
    if unknown:
        error.hint = (
            f"{unknown[0]} has no value and is taken for a number; add {unknown[0]}={value}"
        )
    return error


def shapes_of(
    pairs: Sequence[Binding], parameters: Mapping[str, Any] | None = None
) -> dict[str, Shape]:
    """Return the shapes that stand in place of values; raise NameValueError when some are values.

    There are none when all names have values.
    """
    shapes = {binding.name: shape for binding in pairs if (shape := binding.shape) is not None}
    values = [binding.name for binding in pairs if binding.name not in shapes]
    if shapes and (values or parameters):
        name = next(iter(shapes))
        other = values[0] if values else next(iter(parameters or ()))
        message = f"{other} has a value and {name} only a shape"
        sizes = ", ".join(map(str, shapes[name]))
        raise NameValueError(message, hint=f"give {name} values, such as {name}=normal({sizes})")
    return shapes


def problem_of(
    source: str,
    values: Mapping[str, Any],
    prefix: str = "",
    optional: Mapping[str, Any] | None = None,
    structure: Mapping[str, Shape] | None = None,
    known: Any = None,
) -> Problem:
    """Return a formula with its values; `optional` are those of names that need not be used.

    `structure` has the shapes of names that have one without a value. `known` are the errors that
    options and a saved fit give.
    """
    values, errors = without_errors(values)
    optional = optional or {}
    every = {**values, **optional}
    shapes = {n: () if hasattr(x, "listed") else shape_of(x) for n, x in every.items()}
    if structure is None or every:
        found = formula(source, shapes, prefix)
    else:
        shapes = dict(structure)
        try:
            found = formula(source, shapes, prefix)
        except ShapeError as error:
            raise explained(error, source, shapes, "shape(3)") from None
    used = {name: optional[name] for name in found.free_names if name in optional}
    own = {**values, **used}
    ranges = {name: value for name, value in own.items() if hasattr(value, "listed")}
    single = {name: value for name, value in own.items() if name not in ranges}
    unused = [name for name in ranges if name not in found.free_names]
    if unused:
        found.checked({**single, **dict.fromkeys(ranges, 0.0)})  # raises, naming what is wrong
    if structure and any(not found.graph.has_name(name) for name in structure):
        found.checked(dict.fromkeys([*found.free_names, *structure], 0.0))  # raises, naming it
    return Problem(found, single, prefix, ranges, shapes=structure, errors=errors, known=known)


def curve(text: str, values: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> Problem:
    """Return the formula of --with; a name that takes many values becomes one without any."""
    mentioned = names_in(text)
    own = {n: v for n, v in values.items() if n in mentioned and not hasattr(v, "listed")}
    return problem_of(text, own, "--with: ", needed(parameters or {}, text, own))


def without_errors(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return the values alone, and the standard errors of those that have one."""
    if all(isinstance(value, float) for value in values.values()):
        return values, {}
    from gradcli.uncertainty.number import split

    return split(values)


def values(pairs: Sequence[Binding], seed: int) -> dict[str, Any]:
    """Return what each NAME=VALUE word stands for: a number, an array or a Range."""
    draw = Draws(seed)
    return {binding.name: value(binding, draw) for binding in pairs}


class Draws:
    """Random arrays, one after the other from one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generator: Any = None

    def array(self, kind: str, shape: tuple[int, ...], limits: tuple[float, ...]) -> Any:
        """Return the next random array of a kind, such as uniform between `limits`."""
        if self._generator is None:
            import numpy as np

            self._generator = np.random.default_rng(self._seed)
        drawn = getattr(self._generator, RANDOM[kind][1])(*limits, shape)
        return drawn if shape else float(drawn)


def value(binding: Binding, draw: Draws) -> Any:
    """Return what a NAME=VALUE word stands for. Raises NameValueError for a shape."""
    if binding.error is not None:
        from gradcli.uncertainty.number import uncertain

        return uncertain(_value(binding, draw), value(binding.error, draw))
    return _value(binding, draw)


def _value(binding: Binding, draw: Draws) -> Any:
    if binding.number is not None:
        return binding.number
    if binding.shape is not None:
        name, sizes = binding.name, ", ".join(map(str, binding.shape))
        message = f"{name} has only a shape, and a value is needed"
        hint = f"write {name}=normal({sizes}) or {name}=zeros({sizes}); "
        hint += "grad and draw show formulas of shapes"
        raise NameValueError(message, hint=hint)
    built = binding.built
    assert built is not None  # noqa: S101 - a binding is a number or a formula
    drawn = {name: draw.array(kind, shape, limits) for name, kind, shape, limits in built.draws}
    nodes = built.range or (built.root,)
    try:
        found = []
        for node in nodes:
            part = Formula(built.graph, node, built.origin)
            own = {name: drawn[name] for name in part.free_names}
            found.append(_defined(part, own))
    except MathematicsError as error:
        message = f"in the value of {binding.name}: {error.message}"
        raise NameValueError(
            message, source=error.source, span=error.span, values=error.values
        ) from None
    if not binding.is_range:
        return found[0]
    from gradcli.tables import ranges

    if built.range is None:
        if len(found[0]) == 0:
            message = f"the range of {binding.name} has no point"
            raise NameValueError(message, hint=f"write {binding.name}=linspace(0, 1, 11)")
        return ranges.Range.through(found[0])
    from fractions import Fraction

    from gradcli.exact.certain import fraction_of

    exact = [fraction_of(built.graph, node) for node in built.range]
    # sqrt(0.02) and what is drawn at random stand for their doubles.
    limits = [
        Fraction(number) if value is None else value
        for value, number in zip(exact, found, strict=True)
    ]
    return ranges.Range.stepped(binding.name, *limits, is_exact=None not in exact)


def _defined(formula: Formula, drawn: Mapping[str, Any]) -> Any:
    """Return the value of a formula without names, which knows where it comes from: 1/3, pi/2."""
    from gradcli.exact.alarm import Defined

    point = formula.at_values(drawn)
    if drawn or formula.shape:
        return formula.at_values(drawn, certain=False).value
    value = point.value
    if point.digits[""] < DOUBLE_DIGITS and point.has_doubles:
        error = float(point.bound())
        value = formula.at_values(certain=False).value
    else:
        error = math.ulp(value)
    return Defined(value, formula.graph, formula.id, error)


def stdin() -> str:
    """Return all of stdin, without the end of its last line. Raises FileError."""
    text = read_stdin(stdin_stream().read).decode("utf-8", "surrogateescape")
    return text.removeprefix(BYTE_ORDER_MARK).rstrip("\n")


def read_stdin(read: Callable[..., bytes], *most: int) -> bytes:
    """Return what a method of the stream of stdin reads. Raises FileError."""
    try:
        return read(*most)
    except OSError as error:
        message = f"cannot read stdin: {(error.strerror or str(error)).lower()}"
        raise FileError(message) from None


def stdin_stream() -> Any:
    """Return the bytes of stdin as a stream. Raises FileError."""
    if sys.stdin is None:
        message = "stdin is closed"
        raise FileError(message)
    return sys.stdin.buffer
