"""gradcli grad: derivatives, as numbers where values are given and as formulas where not."""

from __future__ import annotations

from gradcli.cli import arguments
from gradcli.cli.batch import Formulas, answered
from gradcli.cli.output import node_heading, say_notes
from gradcli.errors import ExitCode, MathematicsError, NameValueError, UsageError
from gradcli.headings import ours
from gradcli.point import Point, check_single, names_to_nodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gradcli.cli.arguments import Problem
    from gradcli.cli.batch import Request
    from gradcli.cli.data_options import DataOptions
    from gradcli.cli.output import Output
    from gradcli.cli.plots import Target
    from gradcli.cli.uncertain import Errors
    from gradcli.findings import Check, Note
    from gradcli.formula import Formula
    from gradcli.runtime.trace import Step
    from gradcli.tables.sums import Sums


class Wanted:
    """What is to be shown: the options of the command."""

    def __init__(
        self,
        wrt: str | None = None,
        mode: str = "reverse",
        check: bool = False,
        increments: Sequence[str] = (),
        nodes: bool = False,
        hessian: bool = False,
        latex: bool = False,
        strict: bool = False,
        allow_nonfinite: bool = False,
        seed: int = 0,
        plot: Target | None = None,
        errors: Errors | None = None,
        relative: bool = False,
    ) -> None:
        self.wrt = wrt
        self.mode = mode
        self.check = check
        self.increments = increments
        self.nodes = nodes
        self.hessian = hessian
        self.latex = latex
        self.strict = strict
        self.allow_nonfinite = allow_nonfinite
        self.seed = seed
        self.plot = plot
        self.errors = errors
        self.relative = relative


def differentiate(
    words: Sequence[str],
    output: Output,
    wanted: Wanted | None = None,
    data: DataOptions | None = None,
) -> ExitCode:
    """Print value and derivatives, or whatever form of them is wanted.

    With files of `data`, print them in each of their rows, or once for all of them.
    """
    wanted = Wanted() if wanted is None else wanted
    _check_together(wanted, output)
    increments = [_increment(text) for text in wanted.increments]
    files = None if data is None else data.if_any(words, wanted.plot and wanted.plot.points)
    parameters = None if data is None or files is not None else data.parameters()
    # Shapes stand in place of values where formulas are wanted.
    has_shapes = wanted.plot is None and files is None
    formulas = Formulas(words, wanted.seed, parameters, structure=has_shapes)

    def answer(request: Request) -> None:
        if files is not None:
            _over_rows(request, output, files, wanted, increments)
            return
        problem = formulas.problem(request)
        names = _names(wanted.wrt, problem)
        if problem.ranges and (problem.errors or (wanted.errors and wanted.errors.is_asked)):
            raise _no_errors()
        if problem.ranges:
            _table(problem, names, output, wanted)
        elif problem.formula.free_names and not problem.values:
            _needs_no_values(problem, wanted)
            _formulas(problem, names, output, latex=wanted.latex)
        else:
            here = problem.at_values(allow_nonfinite=wanted.allow_nonfinite)
            _numbers(here, problem, names, output, wanted, increments)

    with output:
        if wanted.plot is None:
            return answered(formulas, output, answer)
        if files is not None:
            answer(formulas.one("--plot over data"))
            return ExitCode.DONE
        from gradcli.cli import plots

        if wanted.errors is not None and wanted.errors.is_asked:
            raise _no_errors()
        shown = (_to_plot(problem, wanted) for problem in formulas.problems())
        plots.over_ranges(
            shown, wanted.plot, output, allow_nonfinite=wanted.allow_nonfinite, data=data
        )
    return ExitCode.DONE


def _over_rows(
    request: Request,
    output: Output,
    data: DataOptions,
    wanted: Wanted,
    increments: Sequence[float],
) -> None:
    """Print value and derivatives in each row of the data, or once for all rows."""
    from gradcli.cli import tables

    with data.opened(request) as over:
        problem = over.problem()
        names = _names(wanted.wrt, problem)
        is_uncertain = bool(over.errors or (wanted.errors and wanted.errors.is_asked))
        if is_uncertain and (over.per_row or wanted.plot is not None):
            raise _no_errors()
        if over.per_row or wanted.plot is not None:
            for option, is_given in _other_options(wanted).items():
                if is_given:
                    raise over.needs_one(option)
            if wanted.plot is not None:
                from gradcli.cli import plots

                nonfinite = wanted.allow_nonfinite
                plots.over_rows(over, names, wanted.plot, output, allow_nonfinite=nonfinite)
            else:
                tables.show_rows(over, output, names, allow_nonfinite=wanted.allow_nonfinite)
            return
        if wanted.wrt is None:
            names = [name for name in names if name not in problem.data]
            if not names:
                message = "no name has one value for all rows, to differentiate by"
                hint = f"--wrt {next(iter(problem.data), 'x')} differentiates by a column"
                raise NameValueError(message, hint=hint)
        forms = _other_options(wanted) | {"--strict": False}
        own = problem.formula.free_names
        if (
            is_uncertain
            or any(forms.values())
            or any(name in problem.data or name not in own for name in names)
        ):
            over.formula.hold()
            problem = over.problem()
        here = over.at_values(names, allow_nonfinite=wanted.allow_nonfinite)
        _numbers(here, problem, names, output, wanted, increments)


def _no_errors() -> UsageError:
    message = "many derivatives are shown without standard errors"
    return UsageError(message, hint="gradcli eval shows that of each value")


def _increment(text: str) -> float:
    step = arguments.positive("--step", text)
    assert step is not None  # noqa: S101 - the option has a value
    return step


def _names(wrt: str | None, problem: Problem) -> list[str]:
    """Return the names to differentiate by: those of --wrt, or all."""
    if wrt is None:
        return problem.formula.free_names
    names = [name.strip() for name in wrt.split(",")]
    if not all(names):
        message = "--wrt needs names"
        raise NameValueError(message, hint="for example --wrt x,y")
    return list(names_to_nodes(problem.formula.graph, problem.formula.id, names))


def _numeric_options(wanted: Wanted) -> dict[str, bool]:
    """Return the options that make sense for one point only, and whether they are given."""
    return {
        "--nodes": wanted.nodes,
        "--hessian": wanted.hessian,
        "--check": wanted.check,
        "--step": bool(wanted.increments),
        "--mode": wanted.mode != "reverse",
        "--strict": wanted.strict,
        "--relative": wanted.relative,
    }


def _check_together(wanted: Wanted, output: Output) -> None:
    """Raise UsageError for two options of which one would do nothing."""
    forms = _other_options(wanted)
    for option, is_given, why in (
        ("--check", wanted.check, "compares all modes"),
        ("--step", bool(wanted.increments), "compares with the exact derivative"),
        ("--hessian", wanted.hessian, "is exact, in one way"),
    ):
        if is_given and wanted.mode != "reverse":
            message = f"{option} {why}, and --mode chooses one"
            raise UsageError(message, hint="leave out one of them")
    if wanted.nodes and wanted.mode == "finite":
        message = "finite differences make no pass over the nodes"
        raise UsageError(message, hint="leave out --nodes, or choose --mode forward")
    other = next(
        (o for o in ("--nodes", "--hessian", "--check", "--step", "--latex") if forms[o]), None
    )
    if wanted.relative and other is not None and not output.json:
        message = f"--relative is a column beside the derivatives, and {other} shows other numbers"
        raise UsageError(message, hint="leave out one of them, or write --json")
    forms |= {"--mode": False, "--strict": False, "--relative": False}
    tables = [option for option, is_given in forms.items() if is_given]
    if output.csv and len(tables) > 1:
        message = f"--csv is one table, and {tables[0]} and {tables[1]} are two"
        raise UsageError(message, hint="leave out one of them, or write --json")


def _other_options(wanted: Wanted) -> dict[str, bool]:
    """Return the options for more than value and derivatives, and whether they are given."""
    return _numeric_options(wanted) | {"--latex": wanted.latex}


def _needs_no_values(problem: Problem, wanted: Wanted) -> None:
    options = _numeric_options(wanted)
    given = next((option for option, is_given in options.items() if is_given), None)
    if given is None and wanted.errors is not None and wanted.errors.is_asked:
        given = "a standard error"
    if given is not None:
        names = " ".join(f"{name}=…" for name in problem.formula.free_names[:5])
        message = f"{given} needs values"
        raise UsageError(message, hint=f"add {names}")


def _check_ranges(problem: Problem, wanted: Wanted) -> None:
    """Raise an error for an option that makes no sense over a range."""
    for option, is_given in _other_options(wanted).items():
        if is_given:
            problem.without_ranges(option)


def _to_plot(problem: Problem, wanted: Wanted) -> tuple[Problem, list[str], list[str]]:
    """Return the problem, the names to differentiate by in its plot, and those in its table.

    Without --wrt the plot has the names that have a range: the slopes that one sees in it.
    """
    _check_ranges(problem, wanted)
    names = _names(wanted.wrt, problem)
    shown = names if wanted.wrt is not None else [name for name in names if name in problem.ranges]
    return problem, shown, names


def _table(problem: Problem, names: list[str], output: Output, wanted: Wanted) -> None:
    """Print value and derivatives for every point of the ranges."""
    from gradcli.cli import tables

    _check_ranges(problem, wanted)
    tables.show(problem, output, names, allow_nonfinite=wanted.allow_nonfinite)


# ---------------------------------------------------------------- formulas


def _formulas(problem: Problem, names: list[str], output: Output, *, latex: bool) -> None:
    check_single(problem.formula.graph, problem.formula.id, problem.formula.origin)
    found = problem.formula.readable_derivatives(names)
    texts = {name: d.latex if latex else str(d) for name, d in found.items()}
    notes = problem.notes()
    if output.json:
        remarks = [str(remark) for remark in notes]
        output.document({"expression": problem.source, "derivatives": texts, "notes": remarks})
    elif output.csv:
        output.table(["name", "derivative"], [list(pair) for pair in texts.items()])
    elif latex:
        _lines([_latex_equation(name, derivative) for name, derivative in found.items()], output)
    else:
        lines = [
            f"∂/∂{name} = {text}" if output.pretty else f"{name}\t{text}"
            for name, text in texts.items()
        ]
        _lines(lines, output)
    say_notes(notes, problem.where)


def _lines(lines: Sequence[str], output: Output) -> None:
    """Add lines; of many formulas each has one, which begins with it."""
    if output.label is None:
        for line in lines:
            output.line(line)
    else:
        output.cells(lines)


def _latex_equation(name: str, derivative: Formula, value: str = "") -> str:
    """Return what the derivative is, as a formula and maybe as a number, in LaTeX."""
    from gradcli.graph.printing import latex, latex_names

    graph = derivative.graph
    named = latex_names(graph)[name]
    return rf"\frac{{\partial f}}{{\partial {named}}} = {latex(graph, derivative.id, value)}"


# ---------------------------------------------------------------- numbers


def _numbers(
    here: Point | Sums,
    problem: Problem,
    names: list[str],
    output: Output,
    wanted: Wanted,
    increments: Sequence[float],
) -> None:
    notes = here.notes(names) if isinstance(here, Point) else here.notes
    if wanted.strict and notes:
        raise _strict(notes, problem)
    document = problem.document() | {"value": here.value}
    gradient = here.gradient(names, wanted.mode) if isinstance(here, Point) else here.gradient
    document["gradient"] = gradient
    document["notes"] = [str(remark) for remark in notes]
    parts = None
    if wanted.relative:
        from gradcli.cli.uncertain import relative

        document["relative"] = parts = relative(gradient, problem, here)
    found = None
    if isinstance(here, Point) and (problem.errors or wanted.errors is not None):
        from gradcli.cli import uncertain

        errors = wanted.errors or uncertain.Errors()
        given = errors.of(problem)
        if given is not None and errors.is_wanted(problem, output):
            found = errors.at(here, problem, given)
        if found is not None:
            uncertain.add_budget(document, found, errors.confidence)
    shown = isinstance(here, Point) and _forms(
        here, problem, names, document, output, wanted, increments
    )
    if output.json:
        output.document(document)
    else:
        if found is not None and shown and output.csv:
            message = "--csv is one table, and that of the standard errors would be another"
            raise UsageError(message, hint="leave out one of them, or write --json")
        if not shown and (found is None or not output.csv):
            _gradient_table(problem, here, gradient, output, parts)
        if found is not None:
            uncertain.budget_table(found, gradient, parts or {}, errors.confidence, output)
    if found is not None:
        uncertain.say(found, problem.where)
    say_notes(notes, problem.where)


def _forms(
    here: Point,
    problem: Problem,
    names: list[str],
    document: dict[str, Any],
    output: Output,
    wanted: Wanted,
    increments: Sequence[float],
) -> bool:
    """Show the other forms that are wanted, or add them to the document; say if there are any."""
    shown = False
    if wanted.hessian:
        document["hessian"] = matrix = here.hessian(names)
        shown = _hessian_table(matrix, output)
    if wanted.nodes:
        is_forward = wanted.mode == "forward"
        steps = here.run(names, forward=is_forward).steps
        document["nodes"] = [_node(step, is_forward=is_forward) for step in steps]
        shown = _node_table(steps, output, is_forward=is_forward)
    if wanted.check:
        check = here.check(names)
        document["check"] = check._asdict()
        shown = _check_table(check, output)
    if increments:
        rows = _forward_errors(here, names, increments)
        document["increments"] = [{"step": step, "errors": errors} for step, errors in rows]
        shown = _increment_table(rows, names, output)
    if wanted.latex:
        found = problem.formula.readable_derivatives(names)
        document["derivatives"] = {name: d.latex for name, d in found.items()}
        values = {name: output.number(document["gradient"][name]) for name in found}
        if output.csv:
            rows_of = [[n, document["derivatives"][n], values[n]] for n in found]
            output.table(["name", "derivative", "value"], rows_of)
            return True
        lines = [_latex_equation(name, each, values[name]) for name, each in found.items()]
        if lines and not output.json:
            _lines(lines, output)
        shown = shown or bool(lines)
    return shown


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
    here: Point | Sums,
    gradient: dict[str, float],
    output: Output,
    parts: dict[str, Any] | None = None,
) -> None:
    """Add value and derivatives, and with `parts` what each is relative to value and name."""
    value = here.value
    if output.pretty:
        output.line(f"value {output.number(value)}")
        given = problem.data | problem.values
        if isinstance(here, Point):
            given |= {name: here.at(name) for name in gradient if name not in given}
        rows = [
            [name, output.cell(given[name]), output.cell(slope), *_relative(name, parts, output)]
            for name, slope in gradient.items()
        ]
        if rows:
            headers = ["name", "at", "derivative", *(["relative"] if parts else [])]
            output.table(headers, rows, right=1)
        return
    rows = [[*ours(["value"], gradient), output.number(value)]]
    rows += [
        [name, output.number(slope), *_relative(name, parts, output)]
        for name, slope in gradient.items()
    ]
    if output.csv:
        if parts:
            rows[0].append("")
        output.table(["name", "derivative", *(["relative"] if parts else [])], rows)
    else:
        _lines(["\t".join(row) for row in rows], output)


def _relative(name: str, parts: dict[str, Any] | None, output: Output) -> list[str]:
    return [] if parts is None else [output.cell(parts[name])]


def _hessian_table(matrix: dict[str, dict[str, float]], output: Output) -> bool:
    if not output.json:
        names = list(matrix)
        rows = [[name, *[output.cell(matrix[name][other]) for other in names]] for name in names]
        output.table(["", *names], rows, right=1)
    return True


def _check_table(check: Check, output: Output) -> bool:
    if output.json:
        return True
    rows = [[name, *[output.number(way[name]) for way in check[:3]]] for name in check.reverse]
    output.table(["name", "reverse", "forward", "finite"], rows, right=1)
    if not output.csv:
        largest = output.number(float(f"{check.largest_difference:.2g}"))
        if output.pretty:
            output.line(f"largest difference {largest}")
        else:
            output.cells(["largest difference", largest])
    return True


def _forward_errors(
    here: Point, names: Sequence[str], increments: Sequence[float]
) -> list[tuple[float, dict[str, float]]]:
    """Return for each step h the error of (f(x + h) - f(x))/h against the exact derivative."""
    from gradcli.calculus.differences import forward_difference

    exact = here.gradient(names)
    for name in names:
        if not isinstance(here.at(name), float):
            message = f"--step varies single numbers, and {name} is an array"
            raise UsageError(message, hint="choose the names with --wrt")
    return [
        (
            step,
            {
                name: forward_difference(here.along(name), here.at(name), step) - exact[name]
                for name in names
            },
        )
        for step in increments
    ]


def _increment_table(
    rows: list[tuple[float, dict[str, float]]], names: Sequence[str], output: Output
) -> bool:
    if not output.json:
        cells = [
            [output.number(step), *[output.cell(errors[name]) for name in names]]
            for step, errors in rows
        ]
        headers = ["step", *[f"error of {name}" for name in names]]
        output.table(headers, cells, right=0)
    return True


def _node(step: Step, *, is_forward: bool) -> dict[str, Any]:
    return {
        "id": step.id,
        "name": step.name,
        "formula": step.formula,
        "operation": step.operation,
        "value": step.value,
        **({"tangents": step.tangents} if is_forward else {"gradient": step.gradient}),
        "inputs": [{"node": edge.node, "local": edge.local} for edge in step.inputs],
    }


def _node_table(steps: Sequence[Step], output: Output, *, is_forward: bool) -> bool:
    """Add a pass over the nodes, on each edge the local derivative.

    The backward pass begins with the result and has gradients, the forward pass with the inputs
    and has tangents, a column for each number with respect to which one differentiates.
    """
    if output.json:
        return True
    titles = {s.id: s.name or (f"#{s.id}" if s.inputs else s.formula) for s in steps}
    rows = []
    for step in steps if is_forward else reversed(steps):
        edges = [
            f"{titles[edge.node]}: {output.cell(edge.local)}"
            for edge in step.inputs
            if edge.local is not None
        ]
        row = [f"#{step.id}", step.name or "", step.formula, ", ".join(edges)]
        slopes = step.tangents.values() if is_forward else [step.gradient]
        rows.append([*row, output.cell(step.value), *map(output.cell, slopes)])
    headers = ["node", "name", node_heading(output), "local derivatives", "value"]
    headers += [f"∂/∂{name}" for name in steps[-1].tangents] if is_forward else ["gradient"]
    output.table(headers, rows, right=4)
    return True
