"""gradcli grad: derivatives, as numbers where values are given and as formulas where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.cli import arguments
from gradcli.cli.output import note
from gradcli.errors import ExitCode, GradcliError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.output import Output
    from gradcli.formula import Note
    from gradcli.runtime.trace import Step


def differentiate(
    words: Sequence[str],
    output: Output,
    *,
    nodes: bool = False,
    hessian: bool = False,
    allow_nonfinite: bool = False,
) -> ExitCode:
    """Print value and derivatives; with `nodes` the backward pass, with `hessian` the matrix."""
    for problem in arguments.problems(words):
        try:
            if problem.formula.free_names and not problem.values:
                if nodes or hessian:
                    message = f"--{'nodes' if nodes else 'hessian'} needs values"
                    names = " ".join(f"{name}=…" for name in problem.formula.free_names[:5])
                    raise UsageError(message, hint=f"add {names}")
                _formulas(problem, output)
            else:
                _numbers(problem, output, nodes, hessian, allow_nonfinite)
        except GradcliError as error:
            error.message = problem.where + error.message
            raise
    output.finish()
    return ExitCode.DONE


def _formulas(problem: Problem, output: Output) -> None:
    derivatives = {name: str(d) for name, d in problem.formula.derivatives().items()}
    if output.json:
        output.document({"expression": _expression(problem), "derivatives": derivatives})
    elif output.pretty:
        for name, derivative in derivatives.items():
            output.line(f"∂/∂{name} = {derivative}")
    else:
        if output.csv:
            output.table(["name", "derivative"], [list(pair) for pair in derivatives.items()])
            return
        for name, derivative in derivatives.items():
            output.line(f"{name}\t{derivative}")


def _numbers(
    problem: Problem, output: Output, nodes: bool, hessian: bool, allow_nonfinite: bool
) -> None:
    formula = problem.formula
    steps: list[Step] = []
    if nodes:
        run = formula.run(problem.values, allow_nonfinite=allow_nonfinite)
        value, gradient, notes, steps = run.value, run.gradient, run.notes, run.steps
    else:
        value, gradient, notes = formula.value_and_gradient(
            problem.values, allow_nonfinite=allow_nonfinite
        )
    matrix = (
        formula.hessian(problem.values, allow_nonfinite=allow_nonfinite) if hessian else None
    )
    for remark in notes:
        note(problem.where + _note_text(remark))
    if output.json:
        document: dict[str, Any] = {
            "expression": _expression(problem),
            "variables": problem.values,
            "value": value,
            "gradient": gradient,
            "notes": [_note_text(remark) for remark in notes],
        }
        if matrix is not None:
            document["hessian"] = matrix
        if nodes:
            document["nodes"] = [_node(step) for step in steps]
        output.document(document)
    elif nodes:
        _node_table(steps, output)
    elif matrix is not None:
        names = list(matrix)
        rows = [[name, *[output.cell(matrix[name][other]) for other in names]] for name in names]
        output.table(["", *names], rows, right=1)
    elif output.pretty:
        rows = [
            [name, output.cell(problem.values[name]), output.cell(slope)]
            for name, slope in gradient.items()
        ]
        output.line(f"value {output.number(value)}")
        if rows:
            output.table(["name", "at", "derivative"], rows, right=1)
    else:
        rows = [["value", output.number(value)]]
        rows += [[name, output.number(slope)] for name, slope in gradient.items()]
        if output.csv:
            output.table(["name", "derivative"], rows)
        else:
            for row in rows:
                output.line("\t".join(row))


def _node(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "name": step.name,
        "formula": step.formula,
        "operation": step.operation,
        "value": step.value,
        "gradient": step.gradient,
        "inputs": [{"node": edge.node, "local": edge.local} for edge in step.inputs],
    }


def _node_table(steps: Sequence[Step], output: Output) -> None:
    """Add the backward pass: result first, on each edge the local derivative."""
    titles = {step.id: step.name or (f"#{step.id}" if step.inputs else step.formula) for step in steps}
    rows = []
    for step in reversed(steps):
        edges = [
            f"{titles[edge.node]}: {output.cell(edge.local)}"
            for edge in step.inputs
            if edge.local is not None
        ]
        rows.append(
            [
                f"#{step.id}",
                step.name or "",
                step.formula,
                ", ".join(edges),
                output.cell(step.value),
                output.cell(step.gradient),
            ]
        )
    headers = ["node", "name", "formula", "local derivatives", "value", "gradient"]
    output.table(headers, rows, right=4)


def _note_text(remark: Note) -> str:
    return f"{remark.sentence}: {remark.formula}"


def _expression(problem: Problem) -> str:
    assert problem.formula.origin is not None  # noqa: S101 - it was read from words
    return problem.formula.origin.source
