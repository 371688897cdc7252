"""A minimisation as data for a page that runs it again: programs, steps, points, a boundary.

The programs are those of the formula, its gradient and the rules of first-order methods, as
instructions that the interpreter in the page runs.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.calculus.readable import readable
from gradcli.calculus.reverse import gradient
from gradcli.formula import Formula
from gradcli.graph.printing import Latex, Text, latex_names
from gradcli.language.bindings import choice
from gradcli.minimize.methods import first_order
from gradcli.minimize.settings import SECOND_ORDER
from gradcli.minimize.task import task
from gradcli.pictures.lesson.figures import Marks
from gradcli.pictures.wording import say
from gradcli.programs.instructions import Instructions
from gradcli.programs.loop import POINT, RATE, slot
from gradcli.solvers import stopping
from gradcli.solvers.first_order.fused import in_one
from gradcli.solvers.first_order.methods import METHODS
from gradcli.values import entries, entry_names, numbers, shape_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.minimize.minimum import Iterate, Minimum
    from gradcli.minimize.task import Request, Task
    from gradcli.solvers.first_order.fused import Step

OFFERED = ("gd", "gd(momentum=0.9)", "adam")
"""The methods that a page offers; it may have words for them."""
LARGEST = 80_000
"""Characters of a program in a page; a formula that needs more is not run there."""
FIRST_SHARE = 0.2
"""The share of the distance to the minimum that the first step takes, where --lr was not given."""
LEAST_STEPS = 20
"""The fewest steps that a page offers, where --steps was not given."""
ROWS = 400
"""The most rows of the data that a page shows as points."""
KEPT_NUMBERS = 5000
"""How many numbers of parameters after epochs a page has; of more, some epochs are left out."""
KEPT_DIGITS = 7
"""Digits of each of the parameters after epochs."""
LISTED = 6
"""How many numbers of the parameters a page has fields for."""
RULE_DIGITS = 6
"""Digits of the numbers in a rule."""
LONGEST_RULE = 400
"""Characters of a rule in LaTeX; a longer one is not shown."""


def replay(request: Request, minimum: Minimum, steps: Sequence[Iterate]) -> dict[str, Any]:
    """Return a run as data for its page, `steps` being those that were made.

    Without a program of the objective, which large formulas and long data have not, the page
    shows the steps and runs nothing.
    """
    settings = request.settings
    problem = _task(request) if isinstance(request.data, dict) else None
    content: dict[str, Any] = {
        "names": entries(dict(request.start)),
        "start": numbers(list(request.start.values())),
        "factor": -1 if settings.maximize else 1,
        "rows": [_row(step) for step in steps],
        "tolerance": stopping.TOLERANCE if settings.tol is None else settings.tol,
    }
    if problem is not None:
        content["limits"] = _limits(problem)
        content |= _live(problem, minimum)
    marks = Marks()
    content |= _methods(request, minimum, steps, marks)
    content |= _notation(request, content["names"][:LISTED], marks)
    return content | {"marks": marks.marks}


def _notation(request: Request, names: Sequence[str], marks: Marks) -> dict[str, Any]:
    """Return the marks of the names and of what a step of plain descent does to each of them."""
    letters, updates = {}, {}
    known = latex_names(request.formula.graph)
    for number, name in enumerate(names):
        base, _, index = name.partition("[")
        letter = f"{{{known[base]}}}_{{[{index}}}" if index else known[base]
        letters[name] = marks.math(name, letter)
        first = 4 * number
        before, rate, slope, after = (
            marks.mark("factor" if offset == 2 else "number", first + offset) for offset in range(4)
        )
        updates[name] = marks.math(
            say("run update", name=name, before=before, rate=rate, slope=slope, after=after),
            rf"{letter} \leftarrow {before} - {rate} \cdot {slope} = {after}",
        )
    return {"letters": letters, "updates": updates}


def _shaped(request: Request, columns: Mapping[str, Any]) -> Formula:
    """Return the formula of a request over columns of a known length."""
    values = {**request.start, **request.fixed, **columns}
    formula = Formula(request.formula.graph, request.formula.id, request.origin)
    return formula.with_shapes({name: shape_of(value, name) for name, value in values.items()})


def _task(request: Request) -> Task:
    """Return the task of a request, for a maximum that of the negative, over columns in memory."""
    shaped = _shaped(request, request.data)
    node = -shaped if request.settings.maximize else shaped
    return task(request._replace(formula=node, origin=shaped.origin))


def _row(step: Iterate) -> list[Any]:
    point = numbers(list(step.parameters.values()))
    return [step.step, *map(_json, [step.value, *point, step.gradient_norm, step.learning_rate])]


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _limits(problem: Task) -> list[list[float | None]] | None:
    """Return the bounds of each number of the parameters; None where there are none."""
    if problem.limits is None:
        return None
    box = problem.box()
    return [
        [_json(low), _json(high)]
        for low, high in zip(*(side.tolist() for side in box), strict=True)
    ]


# ---------------------------------------------------------------- programs


def program(
    graph: Graph, roots: Iterable[int], inputs: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the program of some nodes, whose `outputs` are the slots of all their numbers.

    `inputs` are shapes by name, in the order in which their numbers come, and `known` are values.
    It is None for what there are no instructions for, and for a program that is too large.
    """
    m = Instructions(_size(inputs))
    return _finished(m, graph, roots, {**_constants(m, known), **_inputs(m, inputs)})


def _size(inputs: Mapping[str, Any]) -> int:
    return sum(math.prod(shape) for shape in inputs.values())


def _inputs(m: Instructions, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first inputs of a program as values of these shapes by name."""
    found: dict[str, Any] = {}
    first = 0
    for name, shape in inputs.items():
        numbers_of = m.inputs[first : first + math.prod(shape)]
        found[name] = np.array(numbers_of, dtype=object).reshape(shape)[()]
        first += len(numbers_of)
    return found


def _constants(m: Instructions, known: Mapping[str, Any]) -> dict[str, Any]:
    slots = np.frompyfunc(m.of, 1, 1)
    return {name: slots(np.asarray(value, dtype=object)) for name, value in known.items()}


def _finished(
    m: Instructions, graph: Graph, roots: Iterable[int], inputs: Mapping[str, Any]
) -> dict[str, Any] | None:
    roots = list(roots)
    found = m.run(graph, roots, inputs)
    if any(found[root] is None for root in roots):
        return None
    outputs = [number.slot for root in roots for number in np.ravel(found[root]).tolist()]
    made = {**m.program(), "outputs": outputs}
    return made if len(json.dumps(made)) <= LARGEST else None


def _live(problem: Task, minimum: Minimum) -> dict[str, Any]:
    """Return what a page needs to compute the objective and its gradient, and to draw a fit."""
    objective = problem.objective
    graph, nodes = objective.graph, objective.nodes
    slopes = gradient(graph, objective.result, nodes.values())
    roots = [objective.result, *(slopes[node] for node in nodes.values())]
    inputs = {name: graph.shape(node) for name, node in nodes.items()}
    points = _points(problem, minimum)
    variable = (
        {} if points is None else {n: np.shape(objective.constants[n]) for n in points["moves"]}
    )
    known = {n: value for n, value in objective.constants.items() if n not in variable}
    made = program(graph, roots, {**inputs, **variable}, known)
    if made is None and variable and points is not None:
        points["moves"] = []
        made = program(graph, roots, inputs, objective.constants)
    return {"objective": made, **({} if points is None else {"data": points})}


def _points(problem: Task, minimum: Minimum) -> dict[str, Any] | None:
    """Return the points of a fit of one predictor and the program of its curve, or None.

    `moves` are the columns whose values are inputs of the objective, x before y: those of a
    response that is a column as it stands.
    """
    fit, predictions = problem.fit, minimum.predictions
    if fit is None or predictions is None or predictions.predictor is None:
        return None
    objective, name, label = problem.objective, predictions.predictor, predictions.response
    x, y = objective.constants[name], fit.response()
    if y is None or len(x) > ROWS:
        return None
    columns = {n: v for n, v in objective.constants.items() if np.shape(v)[:1] == (len(x),)}
    is_plain = label in columns and label != name
    # Residuals of rows that are all alike are one number: the response less the model there.
    inputs = {n: objective.graph.shape(node) for n, node in objective.nodes.items()}
    m = Instructions(_size(inputs) + 1)
    values = {**_constants(m, objective.constants), **_inputs(m, inputs)}
    for own, column in columns.items():
        alike = 0.0 if own == label else float(column[0])
        values[own] = np.full(len(x), m.inputs[-1] if own == name else m.of(alike), dtype=object)
    curve = _finished(m, objective.graph, [fit.squares.residual], values)
    if curve is None:
        return None
    return {
        "x": name,
        "y": label,
        "points": [np.asarray(x).tolist(), np.asarray(y).tolist()],
        "moves": [name, label] if is_plain else [],
        "curve": curve,
        "response": 0.0 if is_plain else float(y[0]),
        "side": fit.squares.sign,
    }


def _methods(
    request: Request, minimum: Minimum, steps: Sequence[Iterate], marks: Marks
) -> dict[str, Any]:
    """Return the methods that a page offers, that of the run first, and its learning rate."""
    options = request.settings
    own = [] if minimum.method in SECOND_ORDER else [(options.method or minimum.method).strip()]
    offered = [] if options.subject_to else OFFERED  # no rule here keeps to constraints
    methods = []
    for text in dict.fromkeys([*own, *offered]):
        name, positional, keywords = choice("method", text)
        settings = first_order(name, positional, keywords, "").settings
        rule = METHODS[name].rule(**settings)
        step = in_one(rule)
        made = program(step.graph, step.outputs, dict.fromkeys(step.names, ()), {})
        if made is not None:
            shown = {"label": text, "program": made, "memory": list(rule.memory)}
            methods.append(shown | {"rule": rule_lines(step, marks)})
    first, last = steps[0], steps[-1]
    rate = METHODS[minimum.method].rate if own else 0.0
    if options.lr is not None:
        rate = options.lr
    elif not own:
        ends = [np.array(numbers(list(step.parameters.values()))) for step in (first, last)]
        distance = float(np.linalg.norm(ends[1] - ends[0]))
        slope = first.gradient_norm
        rate = float(f"{FIRST_SHARE * distance / slope:.1g}") if distance and slope else 0.1
    content = {
        "methods": methods,
        "rate": rate,
        "steps": options.steps or max(last.step, LEAST_STEPS),
    }
    if not own:
        content["solver"] = minimum.method
    if options.schedule is not None and len(steps) == last.step + 1:
        content["rates"] = [step.learning_rate / rate for step in steps[1:]]
    return content


class _Short(Latex):
    """Formulas whose numbers have few digits."""

    def number(self, value: float) -> str:
        return super().number(float(f"{value:.{RULE_DIGITS}g}"))


def rule_lines(step: Step, marks: Marks) -> list[str]:
    """Return the marks of a step of a rule, line by line; none for one that is long.

    What is kept comes first, and the next point follows from it.
    """
    graph, (point, *memory) = step.graph, step.outputs
    memory_nodes = [graph.variable(slot(index)) for index in range(len(memory))]
    letters = dict(zip(memory_nodes, "mvu", strict=False))
    new = {
        node: letters[old]
        for old, node in zip(memory_nodes, memory, strict=True)
        if node != old and node in graph.below(point)
    }
    (after,) = readable(graph, (), [point], new)
    equations = [*zip(new.values(), readable(graph, (), list(new)), strict=True), (POINT, after)]
    rate = graph.variable(RATE)
    texts, lines = [
        [
            f"{name} {arrow} {kind(graph, named if name == POINT else own).write(node)}"
            for name, node in equations
        ]
        for kind, arrow, own in (
            (Text, "←", {**letters, rate: "η"}),
            (_Short, r"\leftarrow", {**letters, rate: r"\eta"}),
        )
        for named in [{**own, **new}]
    ]
    tells_old = not {*memory_nodes}.isdisjoint(graph.below(point, [*new]))
    is_long = sum(map(len, lines)) > LONGEST_RULE
    return [] if tells_old or is_long else list(map(marks.math, texts, lines))


# ---------------------------------------------------------------- learning in epochs


def learned(
    request: Request, minimum: Minimum, parameters: Sequence[tuple[int, Sequence[Any]]]
) -> dict[str, Any]:
    """Return a run in epochs as data for its page; `parameters` are those after each, in order.

    With a network of two inputs come its points, its program and the parameters after some epochs.
    """
    content: dict[str, Any] = {"epochs": [epoch.document() for epoch in minimum.epochs]}
    boundary = _boundary(request) if isinstance(request.data, dict) else None
    if boundary is not None:
        size = len(numbers(list(request.start.values())))
        stride = max(1, -(-len(parameters) * size // KEPT_NUMBERS))
        sampled = [*parameters[::-stride]][::-1]
        boundary["after"] = [
            [epoch, [float(f"{x:.{KEPT_DIGITS}g}") for x in numbers(point)]]
            for epoch, point in sampled
        ]
        content["boundary"] = boundary
    return content


def _boundary(request: Request) -> dict[str, Any] | None:
    """Return the network that a formula is of two numbers in each row, and the points; or None."""
    own, start = request.formula.graph.variables([request.formula.id]), request.start
    used = {name: np.asarray(request.data[name]) for name in own if name in request.data}
    two = {name: np.repeat(values[:1], 2, axis=0) for name, values in used.items()}
    shaped = _shaped(request, two)
    graph = shaped.graph
    nodes = graph.variables([shaped.id])
    for label, values in used.items():
        inputs = [name for name in used if name != label]
        if values.ndim != 1 or sum(math.prod(used[n].shape[1:]) for n in inputs) != 2:
            continue
        parameters = [nodes[n] for n in start if n in nodes]
        output = _narrow(graph, shaped.id, [nodes[n] for n in inputs], nodes[label], parameters)
        if output is None or graph.shape(output)[:1] != (2,):
            continue
        if not nodes.keys() >= start.keys():
            return None
        rows = {name: used[name].shape[1:] for name in inputs}
        shapes = {**{name: graph.shape(nodes[name]) for name in start}, **rows}
        m = Instructions(_size(shapes))
        symbols = {**_constants(m, {**request.fixed, label: two[label]}), **_inputs(m, shapes)}
        # Two rows that are alike: the numbers of the first are those of any row.
        symbols |= {name: np.array([symbols[name]] * 2, dtype=object) for name in inputs}
        made = _finished(m, graph, [output], symbols)
        if made is None:
            return None
        made["outputs"] = made["outputs"][: len(made["outputs"]) // 2]
        stride = -(-len(values) // ROWS)
        across = np.concatenate([used[n].reshape(len(values), -1) for n in inputs], axis=1)[
            ::stride
        ]
        names = [entry for name in inputs for entry in entry_names(name, used[name].shape[1:])]
        points = [*across.T.tolist(), values[::stride].tolist()]
        return {"network": made, "inputs": names, "label": label, "points": points}
    return None


def _narrow(
    graph: Graph, result: int, inputs: Collection[int], label: int, parameters: Collection[int]
) -> int | None:
    """Return the last node through which alone the result depends on the inputs; None without one.

    It depends on a parameter, and not on the label.
    """
    below = graph.reachable([result])
    depends_on_label = graph.depending_on([label], below)
    depends_on_parameter = graph.depending_on(parameters, below)
    for node in reversed(below):
        if node in depends_on_label or node not in depends_on_parameter or node == result:
            continue
        if not set(inputs) & set(graph.below(result, [node])):
            return node
    return None
