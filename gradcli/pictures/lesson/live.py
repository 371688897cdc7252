"""What a page needs to follow its inputs: the program of both passes, and where its numbers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.calculus.forward import rate_name, tangents_of_all
from gradcli.calculus.reverse import backward
from gradcli.errors import MathematicsError
from gradcli.graph.structural import entries
from gradcli.pictures.graph.dot import ARRAY, EXPRESSION, is_map
from gradcli.pictures.graph.words import fit, is_numeral, local_formula
from gradcli.pictures.lesson.figures import Figures, Symbols
from gradcli.pictures.lesson.notation import called
from gradcli.programs import trace
from gradcli.programs.instructions import MOST_NUMBERS, Instructions, UnavailableError

MOST_FIELDS = 16
"""The most numbers of an array that get an input field each."""

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gradcli.pictures.graph.sketch import Arrow, Sketch


def live(sketch: Sketch, *, gradient: bool, only_named: bool) -> Figures | None:
    """Return the numbers of a run as marks of a program.

    None for a structure without values, for one that nothing can be changed in, for inputs with
    standard errors, and when nothing that the result depends on can be computed in a page.
    """
    steps = [box.step for box in sketch.boxes]
    inputs = {step.name: step for step in steps if step.operation == "variable" and step.name}
    if not inputs or any(s.value is None or s.standard_error is not None for s in inputs.values()):
        return None
    try:
        symbols = _symbols(sketch, inputs, gradient=gradient, only_named=only_named)
    except (UnavailableError, MathematicsError):
        return None
    if all(symbols.values.get(s.id) is None for s in steps if s.inputs) and len(steps) > 1:
        return None
    return Figures(sketch, symbols, typeset=True)


def _symbols(
    sketch: Sketch, inputs: Mapping[str, trace.Step], *, gradient: bool, only_named: bool
) -> Symbols:
    graph, result = sketch.graph, sketch.boxes[-1].step.id
    nodes = graph.variables([result])
    sizes = {name: _size(graph.shape(node)) for name, node in nodes.items()}
    seeded = [name for name, node in nodes.items() if gradient and not graph.shape(node)]
    m = Instructions(sum(sizes.values()) + len(seeded))
    free = iter(m.inputs)
    variables: dict[str, Any] = {}
    start: list[float] = []
    for name, node in nodes.items():
        taken = [next(free) for _ in range(sizes[name])]
        value: Any = inputs[name].value
        if not graph.shape(node):
            variables[name] = taken[0]
            start.append(float(value))
        elif taken:
            import numpy as np

            variables[name] = np.array(taken, object).reshape(graph.shape(node))
            start += value.ravel().tolist()
    seeds = {name: next(free) for name in seeded}
    rates = {rate_name(name): seed for name, seed in seeds.items()}
    order = graph.reachable([result])
    varying = graph.depending_on(nodes.values(), order)
    steps = [box.step for box in sketch.boxes]
    fixed = {
        step.id: float(step.value)
        for step in steps
        if isinstance(step.value, int | float) and step.id not in varying
    }
    found = m.run(graph, [result], variables, fixed)
    values = {node: found[node] for node in order}
    if not gradient:
        return Symbols(m, values, {}, {}, {}, variables, seeds, start)
    if only_named:
        gradients, steps = _named(sketch, m, variables, fixed)
    else:
        derived = backward(graph, result, sorted(varying))
        roots = [*derived.gradient.values(), *derived.locals.values()]
        found = m.run(graph, roots, variables, fixed)
        gradients = {node: found[slope] for node, slope in derived.gradient.items()}
        local = {edge: found[node] for edge, node in derived.locals.items()}
        steps = trace.steps(graph, result, local=local)
    locals_of = {
        (step.id, position): edge.local
        for step in steps
        for position, edge in enumerate(step.inputs)
        if edge.local is not None
    }
    seeds_of = {nodes[name]: name for name in seeded}
    tangents = _tangents(sketch, m, variables | rates, seeds_of, fixed)
    return Symbols(m, values, gradients, tangents, locals_of, variables, seeds, start)


def _size(shape: tuple[Any, ...]) -> int:
    """Return how many inputs an array is; none for one that is too large."""
    count = 1
    for length in shape:
        count *= length if isinstance(length, int) else MOST_NUMBERS + 1
    return count if count <= MOST_NUMBERS else 0


def _named(
    sketch: Sketch, m: Instructions, variables: Mapping[str, Any], fixed: Mapping[int, float]
) -> tuple[dict[int, Any], list[trace.Step]]:
    """Return the gradients of named nodes, and these as steps with the derivatives between them."""
    from gradcli.calculus.named import links, named_gradient

    graph, result = sketch.graph, sketch.boxes[-1].step.id
    between = links(graph, result)
    slopes, derivatives = named_gradient(graph, result, between)
    found = m.run(graph, derivatives, variables, fixed)
    steps = trace.named_steps(graph, between, derivatives=found)
    return {node: found[slope] for node, slope in slopes.items()}, steps


def _tangents(
    sketch: Sketch,
    m: Instructions,
    variables: Mapping[str, Any],
    seeded: Mapping[int, str],
    fixed: Mapping[int, float],
) -> dict[int, Any]:
    """Return the tangents by node, for rates of the inputs that are inputs of the program too."""
    graph, result = sketch.graph, sketch.boxes[-1].step.id
    seeds = {node: graph.variable(rate_name(name)) for node, name in seeded.items()}
    try:
        rates = tangents_of_all(graph, [result], seeds)
    except MathematicsError:
        return {}
    found = m.run(graph, list(rates.values()), variables, fixed)
    return {node: found[rate] for node, rate in rates.items()}


def data(figures: Figures, local: str) -> dict[str, object]:
    """Return for JSON what the page's script needs beside the frames.

    `local` is what stands on an arrow: "number", "formula", "both" or "none".
    """
    sketch, symbols = figures.sketch, figures.symbols
    shown_boxes = {box.key: box for box in sketch.boxes if box.role != "constant"}
    boxes = {
        key: [
            figures.shown(quantity, ARRAY)
            for quantity in (figures.value(box), figures.gradient(box), figures.tangent(box))
        ]
        for key, box in shown_boxes.items()
    }
    arrows = [
        [arrow.key, arrow.tail.key, arrow.head.key, arrow.position, *_strength(figures, arrow)]
        for arrow in sketch.arrows
    ]
    result = figures.value(sketch.boxes[-1]).symbol
    return {
        "start": symbols.start,
        "inputs": [*_inputs(figures)],
        "moves": [*_moves(figures)],
        "seeds": {fit(name): seed.slot for name, seed in symbols.seeds.items()},
        "names": {key: called(sketch, box) for key, box in shown_boxes.items()},
        "boxes": boxes,
        "maps": {
            key: _slots(symbol)
            for key, box in shown_boxes.items()
            if is_map(box.step.value) and (symbol := figures.value(box).symbol) is not None
        },
        "arrows": arrows,
        "locals": {a.key: text for a in sketch.arrows if (text := _on_arrow(figures, a, local))},
        "chooses": {
            box.key: slot for box in sketch.boxes if (slot := figures.chooses(box)) is not None
        },
        "box": sketch.boxes[-1].key,
        "result": getattr(result, "slot", None),
        "program": symbols.m.program(),
    }


def printed(figures: Figures) -> list[str]:
    """Return what the nodes are called that the page cannot compute, but shows as printed."""
    sketch = figures.sketch
    boxes = [box for box in sketch.boxes if box.role != "constant"]
    return [called(sketch, box) for box in boxes if figures.value(box).symbol is None]


def _on_arrow(figures: Figures, arrow: Arrow, local: str) -> str:
    """Return the text on an arrow, as pictures.graph.dot has it; "" for one that stays."""
    quantity = figures.local(arrow)
    if local not in {"number", "both"} or quantity.symbol is None:
        return ""
    text = figures.shown(quantity, ARRAY)
    formula = local_formula(figures.sketch.graph, arrow.head.step, arrow.edge, EXPRESSION)
    is_both = local == "both" and formula and not is_numeral(formula)
    return f"{formula} = {text}" if is_both else text


def _inputs(figures: Figures) -> Iterator[dict[str, object]]:
    """Yield the name and slot of each number that can be changed, those of short arrays too."""
    for box in figures.sketch.boxes:
        symbol = figures.symbols.inputs.get(box.step.name or "")
        if box.step.operation != "variable" or symbol is None:
            continue
        name, slots = fit(box.step.name or ""), _slots(symbol)
        if hasattr(symbol, "slot"):
            yield {"name": name, "slot": symbol.slot}
        elif len(slots) <= MOST_FIELDS:
            for index, slot in zip(entries(symbol.shape), slots, strict=True):
                yield {"name": f"{name}[{', '.join(map(str, index))}]", "slot": slot}


def _moves(figures: Figures) -> Iterator[list[int]]:
    """Yield the slot of each number of the inputs, and that of its gradient."""
    for box in figures.sketch.boxes:
        symbol = figures.symbols.inputs.get(box.step.name or "")
        slope = figures.gradient(box).symbol
        if box.step.operation == "variable" and symbol is not None and slope is not None:
            pairs = zip(_slots(symbol), _slots(slope), strict=True)
            yield from [list(pair) for pair in pairs]


def _strength(figures: Figures, arrow: Arrow) -> tuple[list[int], float]:
    """Return numbers and a factor: their length times it is how much gradient flows."""
    from gradcli.pictures.graph.sketch import moves

    gradient, local = figures.gradient(arrow.head).symbol, figures.local(arrow).symbol
    if gradient is not None and local is not None:
        return _slots(gradient * local), 1.0
    arrived = figures.gradient(arrow.tail).symbol
    if arrived is not None and moves(figures.sketch.graph, arrow.head.step):
        uses = sum(other.tail.key == arrow.tail.key for other in figures.sketch.arrows)
        return _slots(arrived), 1 / uses
    return [], 0.0


def _slots(symbol: Any) -> list[int]:
    if hasattr(symbol, "slot"):
        return [symbol.slot]
    return [number.slot for number in symbol.ravel()]
