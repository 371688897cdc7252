"""gradcli grad: derivatives, as numbers where values are given and as formulas where not."""

from __future__ import annotations

from types import SimpleNamespace

from gradcli.cli.batch import answered
from gradcli.cli.output import NODE, said_of_digits, say_notes
from gradcli.errors import ExitCode, MathematicsError, NameValueError, UsageError
from gradcli.options import spelled
from gradcli.point import Point
from gradcli.sheets import Column, Entries, documents, ours, show
from gradcli.values import check_single, names_to_nodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from gradcli.cli.arguments import Problem
    from gradcli.cli.data import OverRows
    from gradcli.cli.options import Grad
    from gradcli.cli.output import Output
    from gradcli.findings import Note
    from gradcli.formula import Formula
    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Edge, Step
    from gradcli.tables.sums import Sums


FORMULA = (Column("name", lambda row: row[0]), Column("derivative", lambda row: row[1]))
"""A derivative as a formula."""
SLOPE = (
    Column("name", lambda row: row[0], is_label=True),
    Column("at", lambda row: row[2], rows=None),
    Column("derivative", lambda row: row[1]),
)
"""A derivative as a number."""


ESTIMATE = (
    Column("name", is_label=True),
    Column("step", digits=None),
    *(Column("estimate"), Column("derivative"), Column("error")),
)
"""The forward difference for a step, and how far it is off."""

NUMERIC = "nodes", "hessian", "check", "step", "mode", "strict", "relative"
"""The options that make sense for one point only."""
FORMS = *NUMERIC, "latex"
"""The options for more than value and derivatives."""


def run(words: Sequence[str], options: Grad) -> ExitCode:
    """Print value and derivatives, or whatever form of them is options.

    With files of data, print them in each of their rows, or once for all of them.
    """
    _check_together(options)
    return answered(words, options, _at_point, _over_all, _wrt, structure=True)


def _at_point(problem: Problem, output: Output, options: Grad) -> None:
    """Print value and derivatives; without any values, the derivatives as formulas."""
    names = _names(options.wrt, problem)
    if problem.formula.free_names and not problem.values:
        _needs_no_values(problem, options)
        _formulas(problem, names, output, options)
    else:
        _numbers(problem.at_values(output), problem, names, output, options)


def _over_all(over: OverRows, output: Output, options: Grad) -> None:
    """Print value and derivatives once for all rows of the data."""
    problem = over.problem()
    names = _names(options.wrt, problem)
    if options.wrt is None:
        names = [name for name in names if name not in problem.data]
        if not names:
            message = "no name has one value for all rows, to differentiate with respect to"
            hint = f"--wrt {next(iter(problem.data), 'x')} differentiates with respect to a column"
            raise NameValueError(message, hint=hint)
    own = problem.formula.free_names
    is_whole = any(name in problem.data or name not in own for name in names)
    is_uncertain = over.is_held_for_errors(output)
    if is_uncertain or is_whole or {*options.given(*FORMS)} - {"strict"}:
        over.formula.hold()
        problem = over.problem()
    _numbers(over.at_values(output, names), problem, names, output, options)


def _wrt(problem: Problem, output: Output, options: Grad) -> list[str]:
    """Return the names of the derivatives in a table. Raises errors for what takes one point."""
    names = _names(options.wrt, problem)
    if problem.known is not None and problem.known.are_wanted(problem, output):
        message = "many derivatives are shown without standard errors"
        problem.known.refuse(problem, message, "gradcli eval shows that of each value")
    for field in options.given(*FORMS) if problem.ranges or problem.data else ():
        raise problem.needs_one_value(spelled(field))
    return names


def _names(wrt: str | None, problem: Problem) -> list[str]:
    """Return the names to differentiate with respect to: those of --wrt, or all."""
    if wrt is None:
        return problem.formula.free_names
    names = [name.strip() for name in wrt.split(",")]
    if not all(names):
        message = "--wrt needs names"
        raise NameValueError(message, hint="for example --wrt x,y")
    return list(names_to_nodes(problem.formula.graph, problem.formula.id, names))


def _check_together(options: Grad) -> None:
    """Raise UsageError for two options of which one would do nothing."""
    for field, why in (
        ("check", "compares all modes"),
        ("step", "compares with the exact derivative"),
        ("hessian", "is exact, in one way"),
    ):
        if options.has(field) and options.mode != "reverse":
            message = f"{spelled(field)} {why}, and --mode chooses one"
            raise UsageError(message, hint="leave out one of them")
    if options.nodes and options.mode == "finite":
        message = "finite differences make no pass over the nodes"
        raise UsageError(message, hint="leave out --nodes, or choose --mode forward")
    forms = options.given("nodes", "hessian", "check", "step", "latex")
    tables = [spelled(field) for field in forms]
    if options.relative and tables and not options.json:
        message = (
            f"--relative is a column beside the derivatives, and {tables[0]} shows other numbers"
        )
        raise UsageError(message, hint="leave out one of them, or write --json")
    if options.csv and len(tables) > 1:
        message = f"--csv is one table, and {tables[0]} and {tables[1]} are two"
        raise UsageError(message, hint="leave out one of them, or write --json")


def _needs_no_values(problem: Problem, options: Grad) -> None:
    known = problem.known
    options_of_errors = ["a standard error"] if known is not None and known.is_asked else []
    fields = [field for field in options.given(*NUMERIC) if field != "hessian"]
    for option in [*map(spelled, fields), *options_of_errors]:
        raise problem.needs_values(option)


# ---------------------------------------------------------------- formulas


def _formulas(problem: Problem, names: list[str], output: Output, options: Grad) -> None:
    """Print the derivatives as formulas, or the second ones."""
    check_single(problem.formula.graph, problem.formula.id, problem.formula.origin)
    found = problem.formula.readable_derivatives(names)
    notes = problem.notes()
    remarks = [str(remark) for remark in notes]
    document: dict[str, Any] = {"expression": problem.source, "derivatives": _texts(found, options)}
    if options.hessian:
        second = {name: _derived(slope, names) for name, slope in found.items()}
        document["hessian"] = {name: _texts(row, options) for name, row in second.items()}
    if output.json:
        output.document(document | {"notes": remarks})
    elif options.hessian and not options.latex and not output.pretty:
        show(_matrix(document["hessian"]), names, output)
    elif output.csv and not options.hessian:
        show(FORMULA, document["derivatives"].items(), output)
    else:
        slopes: dict[tuple[str, ...], Formula] = {(n,): slope for n, slope in found.items()}
        if options.hessian:
            slopes = {
                (n, other): slope for n, row in second.items() for other, slope in row.items()
            }
        output.lines([_equation(by, slope, output, options) for by, slope in slopes.items()])
    say_notes(notes, problem.prefix)


def _texts(slopes: Mapping[str, Formula], options: Grad) -> dict[str, str]:
    return {name: slope.latex if options.latex else str(slope) for name, slope in slopes.items()}


def _derived(slope: Formula, names: Sequence[str]) -> dict[str, Formula]:
    """Return the derivatives of a derivative; it is 0 with respect to a name it does not have."""
    check_single(slope.graph, slope.id, None)
    own = names_to_nodes(slope.graph, slope.id, None)
    parts = {
        part
        for each in slope.graph.reachable([slope.id])
        for part in slope.graph.names.get(each, ())
    }
    found = slope.readable_derivatives([name for name in names if name in own or name in parts])
    return {name: found[name] if name in found else slope.number(0) for name in names}


def _matrix(matrix: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    """Return the columns of a matrix by names."""
    return [
        Column("", lambda name: name, is_label=True),
        Entries(matrix, lambda name: list(matrix[name].values())),
    ]


def _equation(names: Sequence[str], slope: Formula, output: Output, options: Grad) -> str:
    """Return a line that says what a derivative with respect to one or two names is."""
    if options.latex:
        return _latex_equation(names, slope)
    if not output.pretty:
        return "\t".join([*names, str(slope)])
    order = "²" if len(names) > 1 else ""
    return f"∂{order}/{''.join(f'∂{name}' for name in names)} = {slope}"


def _latex_equation(names: Sequence[str], derivative: Formula, value: str = "") -> str:
    """Return what the derivative is, as a formula and maybe as a number, in LaTeX."""
    from gradcli.graph.printing import latex, latex_names

    graph = derivative.graph
    named = latex_names(graph)
    order = "^{2}" if len(names) > 1 else ""
    below = " ".join(rf"\partial {named[name]}" for name in names)
    return rf"\frac{{\partial{order} f}}{{{below}}} = {latex(graph, derivative.id, value)}"


# ---------------------------------------------------------------- numbers


def _numbers(
    point: Point | Sums,
    problem: Problem,
    names: list[str],
    output: Output,
    options: Grad,
) -> None:
    notes = point.notes(names) if isinstance(point, Point) else point.notes
    if options.strict and notes:
        raise _strict(notes, problem)
    document = problem.document() | {"value": point.value}
    gradient = point.gradient(names, options.mode) if isinstance(point, Point) else point.gradient
    document["gradient"] = gradient
    document |= said_of_digits(point)
    notes = [*notes, *point.lost]
    document["notes"] = [str(remark) for remark in notes]
    parts = None
    if options.relative:
        from gradcli.cli.uncertain import relative

        document["relative"] = parts = relative(gradient, problem, point)
    found = problem.with_error(point, output) if isinstance(point, Point) else None
    if found is not None:
        from gradcli.cli import uncertain

        shares = {name: share._asdict() for name, share in found.uncertainty.budget.items()}
        document |= {**found.document(), "budget": shares}
    shown = isinstance(point, Point) and _forms(point, problem, names, document, output, options)
    if output.json:
        output.document(document)
    else:
        if found is not None and shown and output.csv:
            message = "--csv is one table, and that of the standard errors would be another"
            raise UsageError(message, hint="leave out one of them, or write --json")
        if not shown and (found is None or not output.csv):
            _gradient_table(problem, point, gradient, output, parts)
        if found is not None:
            uncertain.show_budget(found, gradient, parts, output)
    if found is not None:
        found.say(problem.prefix)
    say_notes(notes, problem.prefix)


def _forms(
    point: Point,
    problem: Problem,
    names: list[str],
    document: dict[str, Any],
    output: Output,
    options: Grad,
) -> bool:
    """Show the other forms that are wanted, or add them to the document; say if there are any."""

    def add(key: str, content: Any, columns: Sequence[Column], items: Iterable[Any]) -> None:
        document[key] = content
        if not output.json:
            show(columns, items, output)

    if options.hessian:
        matrix = point.hessian(names)
        add("hessian", matrix, _matrix(matrix), matrix)
    if options.nodes:
        is_forward = options.mode == "forward"
        steps = point.run(names, forward=is_forward).steps
        columns = _node_columns(problem.formula.graph, steps, output, is_forward=is_forward)
        # The backward pass begins with the result, the forward pass with the inputs.
        order = steps if is_forward else steps[::-1]
        add("nodes", documents(columns, steps), columns, order)
    if options.check:
        check = point.check(names)
        modes = [
            Column(mode, getattr(check, mode).__getitem__, digits=None)
            for mode in check._fields[:3]
        ]
        by_name = Column("name", lambda name: name, is_label=True)
        add("check", check._asdict(), [by_name, *modes], check.reverse)
        largest = output.number(float(f"{check.largest_difference:.2g}"))
        if output.pretty:
            output.line(f"largest difference {largest}")
        elif not output.json and not output.csv:
            output.cells(["largest difference", largest])
    if options.step:
        rows = _estimates(point, names, options.step)
        add("increments", documents(ESTIMATE, rows), ESTIMATE, rows)
    if options.latex:
        found = problem.formula.readable_derivatives(names)
        texts = document["derivatives"] = {name: each.latex for name, each in found.items()}
        slopes = document["gradient"]
        if output.csv:
            listed = [(name, text, slopes[name]) for name, text in texts.items()]
            show([*FORMULA, Column("value", lambda row: row[2])], listed, output)
        elif not output.json:
            output.lines(
                [
                    _latex_equation([name], each, output.number(slopes[name]))
                    for name, each in found.items()
                ]
            )
    is_latex = options.latex and (output.csv or bool(names))
    return is_latex or bool(options.given("hessian", "nodes", "check", "step"))


def _strict(notes: Sequence[Note], problem: Problem) -> MathematicsError:
    """Return the notes as an error, for --strict."""
    more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    first = notes[0]
    return MathematicsError(
        f"{first.sentence}{more}",
        source=problem.source if first.span else None,
        span=first.span,
        hint="without --strict this is a note",
    )


def _gradient_table(
    problem: Problem,
    point: Point | Sums,
    gradient: dict[str, float],
    output: Output,
    parts: dict[str, Any] | None = None,
) -> None:
    """Add value and derivatives, and with `parts` what each is relative to value and name."""
    columns = [*SLOPE, *([] if parts is None else [Column("relative", lambda row: row[3])])]
    beside = dict.fromkeys(gradient) if parts is None else parts
    if output.pretty:
        output.line(f"value {output.number(point.value)}")
        values = problem.data | problem.values
        if isinstance(point, Point):
            values |= {name: point.at(name) for name in gradient if name not in values}
        rows = [(name, slope, values[name], beside[name]) for name, slope in gradient.items()]
        if rows:
            show(columns, rows, output)
        return
    rows = [
        (*ours(["value"], gradient), point.value, None, None),
        *[(name, slope, None, beside[name]) for name, slope in gradient.items()],
    ]
    output.facts(columns, rows)


def _estimates(point: Point, names: Sequence[str], increments: Sequence[float]) -> list[Any]:
    """Return for each step h and name the difference (f(x + h) - f(x))/h and what it is off."""
    from gradcli.calculus.differences import forward_difference

    exact = point.gradient(names)
    for name in names:
        if not isinstance(point.at(name), float):
            message = f"--step varies single numbers, and {name} is an array"
            raise UsageError(message, hint="choose the names with --wrt")
    found = []
    for name in names:
        for step in increments:
            estimate = forward_difference(point.along(name), point.at(name), step)
            known = exact[name]
            found.append(
                SimpleNamespace(
                    name=name,
                    step=step,
                    estimate=estimate,
                    derivative=known,
                    error=estimate - known,
                )
            )
    return found


def _node_columns(
    graph: Graph, steps: Sequence[Step], output: Output, *, is_forward: bool
) -> list[Column]:
    """Return what is shown of nodes: on each edge the local derivative.

    Operations on arrays have none; there it is what flows back to the input.

    The backward pass has gradients, the forward pass tangents, a column for each number with
    respect to which one differentiates.
    """
    gradients = {step.id: step.gradient for step in steps}
    titles = {s.id: s.name or (f"#{s.id}" if s.inputs else s.formula) for s in steps}

    def slope(index: int, edge: Edge, step: Step) -> str:
        if edge.local is not None or step.gradient is None or gradients[edge.node] is None:
            return "" if edge.local is None else output.cell(edge.local)
        from gradcli.pictures.graph.words import flowing

        return flowing(graph, step, index, f"∂f/∂{titles[step.id]}")

    def edges(step: Step) -> str:
        slopes = [slope(index, edge, step) for index, edge in enumerate(step.inputs)]
        return ", ".join(
            f"{titles[edge.node]}: {each}"
            for edge, each in zip(step.inputs, slopes, strict=True)
            if each
        )

    def inputs(step: Step) -> list[dict[str, Any]]:
        return [{"node": edge.node, "local": edge.local} for edge in step.inputs]

    *before, value, digits = NODE
    slopes = [Column("gradient")]
    if is_forward:
        names = [f"∂/∂{name}" for name in steps[-1].tangents]
        slopes = [
            Column("tangents", rows=None, terminal=None),
            Entries(names, lambda step: list(step.tangents.values()), json=None),
        ]
    return [
        *before,
        Column("local derivatives", edges, json=None, is_text=True),
        value,
        digits,
        *slopes,
        Column("inputs", inputs, rows=None, terminal=None),
    ]
