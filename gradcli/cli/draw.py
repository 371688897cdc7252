"""gradcli draw: the graph of a formula as a picture."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gradcli.cli.output import Output, is_terminal, say_notes, width
from gradcli.data.files import ending, is_special
from gradcli.errors import ExitCode, UsageError, printable
from gradcli.limits import DRAWN_NODES
from gradcli.options import spelled
from gradcli.pictures.graph.picture import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.cli.arguments import Problem
    from gradcli.cli.options import Draw
    from gradcli.cli.uncertain import Result
    from gradcli.findings import Note
    from gradcli.programs.trace import Step

NUMBER_WIDTH = 13
"""Width, in characters, of each column of numbers beside the tree on a terminal."""
DEEPEST = 20
"""Levels of the tree that are indented further; the next one begins at the left again."""


def run(words: Sequence[str], options: Draw) -> ExitCode:
    """Write the picture to stdout or to the file that was named; its ending chooses the format.

    On a terminal, without a file, print the graph as a tree.
    """
    chosen = _format(options)
    if not FORMATS[chosen].is_picture:
        for field in options.given("rankdir", "local", "most_nodes"):
            name = spelled(field)
            message = (
                f"{name} is about a picture, and --format {chosen} holds all data of the graph"
            )
            raise UsageError(message, hint=f"leave out {name}")
    if FORMATS[chosen].starts and options.path is None and is_terminal(sys.stdout):
        message = f"a terminal cannot show a {chosen} picture"
        raise UsageError(message, hint=f"write it to a file: -o graph.{chosen}")
    with _problem(words, options) as problem:
        _draw(problem, chosen, options)
    return ExitCode.DONE


@contextmanager
def _problem(words: Sequence[str], options: Draw) -> Iterator[Problem]:
    """Give the block the formula with the values of its names, those of files among them."""
    from gradcli.cli import data
    from gradcli.cli.batch import Formulas

    data.check(options, words)
    has_data = bool(options.data)
    formulas = Formulas(words, options, structure=not has_data, lines=has_data)
    request = formulas.one("draw")
    if not has_data:
        problem = formulas.problem(request)
        if problem.ranges:
            raise problem.needs_one_value("draw")
        yield problem
        return
    with data.opened(options, request, formulas.known) as over:
        if over.per_row:
            raise over.problem().needs_one_value("draw")
        over.formula.hold()
        yield over.problem()


def _draw(problem: Problem, chosen: str, options: Draw) -> None:
    values = {**problem.data, **problem.values}
    if options.local in {"number", "both"} and problem.formula.free_names and not values:
        raise problem.needs_values(f"--local {options.local}", ", or write --local formula")
    output = Output(options)
    most = DRAWN_NODES if options.most_nodes is None else options.most_nodes
    notes: list[Note] = []
    result: Result | None = None
    if problem.known is not None and problem.known.of(problem) is not None:
        result = problem.with_error(problem.formula.at_values(values))
    inputs, correlations = values, None
    if result is not None and result.inputs is not None:
        from gradcli.uncertainty.number import Uncertain

        uncertain, correlations = result.inputs, result.inputs.correlations
        inputs = {
            name: Uncertain(value, uncertain.of(name, value)) if name in uncertain.bases else value
            for name, value in values.items()
        }
    if options.format is None and output.pretty:
        if options.until is not None:
            message = "--until is a moment of a picture, and a terminal gets the graph as lines"
            raise UsageError(message, hint="write it to a file: -o graph.svg")
        shown = problem.formula
        if values or not shown.free_names:
            run = shown.at_values(values).run(
                backward=not options.no_grad, only_named=options.only_named
            )
            steps, notes = run.steps, run.notes
            steps = steps if result is None else result.with_errors(steps)
        else:
            steps = shown.structure(only_named=options.only_named)
        if options.parts:
            from gradcli.pictures.graph.sketch import with_parts

            steps = with_parts(shown.graph, steps)
        with output:
            tree(steps, output, most)
    else:
        content = problem.formula.draw(
            inputs,
            format=chosen,
            gradient=not options.no_grad,
            rankdir=options.rankdir,
            local=options.local,
            only_named=options.only_named,
            parts=options.parts,
            most_nodes=most,
            correlations=correlations,
            until=options.until,
            observe=notes.append,
        )
        output.binary(content)
    say_notes(notes if values else [*notes, *problem.notes()])


def tree(steps: Sequence[Step], output: Output, most: int) -> None:
    """Add the graph as lines, the result first and below each node what it is made of.

    A part that is used more than once is shown once, and named where it comes again.
    """
    by_id = {step.id: step for step in steps}
    has_errors = any(step.standard_error is not None for step in steps)
    rows: list[tuple[str, Sequence[str]]] = []
    seen: set[int] = set()
    waiting = [(steps[-1].id, 0)]
    while waiting:
        node, depth = waiting.pop()
        step = by_id[node]
        is_again = node in seen and bool(step.inputs)
        name = f"{step.name} = " if step.name and step.inputs and step.name != step.formula else ""
        indent = "  " * (depth % DEEPEST)
        found = [step.value, *([step.standard_error] if has_errors else []), step.gradient]
        numbers = [_short(each, output) for each in found]
        rows.append((indent + name + step.formula, ["(above)"] if is_again else numbers))
        if not is_again:
            rows += [
                (f"{indent}  {part.what}", [_short(part.value, output)]) for part in step.parts
            ]
            waiting += [(edge.node, depth + 1) for edge in reversed(step.inputs)]
        seen.add(node)
    shown = rows[:most]
    room = max(12, width() - 2 * NUMBER_WIDTH - 2)
    size = min(max(len(label) for label, _ in shown), room)
    titles = ["value", *(["std. error"] if has_errors else []), "gradient"]
    if any(step.value is not None for step in steps):
        headings = "  ".join(f"{title:>{NUMBER_WIDTH}}" for title in titles)
        output.line(f"{'':{size}}  {headings}")
    for label, cells in shown:
        cut = label if len(label) <= size else label[: size - 1] + "…"
        ends = "  ".join(f"{cell:>{NUMBER_WIDTH}}" for cell in cells)
        output.line(f"{cut:{size}}  {ends}".rstrip())
    if len(rows) > most:
        output.line(f"and {len(rows) - most} more lines; --max-nodes {len(rows)} shows them")
    output.line("-o graph.svg draws a picture, -o lesson.html a lesson step by step")


def _short(value: Any, output: Output) -> str:
    """Return a number, or of a long array the shape."""
    cell = output.cell(value)
    return cell if len(cell) <= NUMBER_WIDTH else f"array {value.shape}"


def _format(options: Draw) -> str:
    path = options.path
    if options.format is not None:
        return options.format
    if path is None:
        return "svg"
    chosen = ending(path)
    if not chosen and is_special(path):
        return "svg"  # as on stdout
    if chosen not in FORMATS:
        message = f"no picture format has the ending of '{printable(path, 60)}'"
        hint = f"use .{', .'.join(FORMATS)}, or give --format"
        raise UsageError(message, hint=hint)
    return chosen
