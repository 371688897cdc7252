"""The backward pass of a lesson: gradients that grow by what flows back along each arrow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gradcli.drawing.lesson.flow import flows, slope_name
from gradcli.drawing.lesson.frames import LONGEST, Frame, called, factor, shown, slope
from gradcli.drawing.words import fit, local_formula
from gradcli.graph.printing import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.drawing.lesson.flow import Flow
    from gradcli.drawing.sketch import Sketch

COLLECTED = 120
"""Characters of a gradient that is a sum of formulas."""


def backward(sketch: Sketch) -> Iterator[Frame]:
    """Yield a frame with which the pass begins, and one for each arrow that is followed back.

    There are none for a run without a backward pass, or when nothing depends on a free name.
    """
    found = flows(sketch)
    result = sketch.boxes[-1]
    if not found and result.step.operation != "variable":
        return
    awaited = Counter(flow.tail.key for flow in found)
    yield _turn(sketch, awaited)
    arrived: Counter[str] = Counter()
    sums: dict[str, Any] = {}
    for flow in found:
        key = flow.tail.key
        arrived[key] += 1
        parts = (arrived[key], awaited[key])
        if result.step.value is None:
            yield _collected(sketch, flow, sums, parts)
        else:
            yield _added(sketch, flow, sums, parts)


def _turn(sketch: Sketch, awaited: Mapping[str, int]) -> Frame:
    """Return the frame between the passes, in which every gradient gets its first number."""
    result = sketch.boxes[-1]
    one = "1" if result.step.value is None else shown(result.step.gradient)
    starts = {
        box.key: "0"
        for box in sketch.boxes
        if box.key in awaited or box.step.gradient is not None or box is result
    }
    words = f"{called(sketch, result)} changes just as much as itself, so its gradient is 1."
    if awaited:
        words += " Every other gradient starts at 0 and collects what flows back along the arrows."
    return Frame(
        "backward",
        "The way back begins at the result",
        words,
        f"{slope(sketch, result)} = {one}",
        boxes=(result.key,),
        gradients={**starts, result.key: one},
        complete=tuple(key for key in starts if key not in awaited),
    )


def _added(sketch: Sketch, flow: Flow, sums: dict[str, Any], parts: tuple[int, int]) -> Frame:
    """Return the frame that adds a number, or an array, to the gradient of an input."""
    before = sums.get(flow.tail.key, 0.0)
    # The last sum is the gradient itself, so that no other rounding shows.
    after = flow.tail.step.gradient if parts[0] == parts[1] else before + flow.amount
    sums[flow.tail.key] = after
    equation = [_term(sketch, flow), _product(flow), shown(flow.amount)]
    outcome = f"{slope(sketch, flow.tail)} was {shown(before)}, becomes {shown(after)}"
    return _frame(sketch, flow, equation, outcome, shown(after), parts)


def _collected(sketch: Sketch, flow: Flow, sums: dict[str, Any], parts: tuple[int, int]) -> Frame:
    """Return the frame that adds a formula to the gradient of an input."""
    term = _term(sketch, flow) or f"what {slope(sketch, flow.head)} hands back"
    sums[flow.tail.key] = f"{sums[flow.tail.key]} + {term}" if parts[0] > 1 else term
    collected = fit(sums[flow.tail.key], COLLECTED)
    outcome = f"{slope(sketch, flow.tail)} is {collected}"
    return _frame(sketch, flow, [term], outcome, collected, parts)


def _frame(
    sketch: Sketch,
    flow: Flow,
    equation: Sequence[str],
    outcome: str,
    collected: str,
    parts: tuple[int, int],
) -> Frame:
    tail, count = flow.tail, parts[1]
    complete = parts[0] == count
    if count > 1:
        outcome += f" ({parts[0]} of {count} parts)"
    return Frame(
        "backward",
        f"Back from {called(sketch, flow.head)} to {called(sketch, tail)}",
        _reason(sketch, flow),
        f"{slope(sketch, tail)} += {' = '.join(dict.fromkeys(filter(None, equation)))}",
        f"{outcome}.",
        (tail.key, flow.head.key),
        tuple(arrow.key for arrow in flow.arrows),
        gradients={tail.key: collected},
        complete=(tail.key,) if complete else (),
    )


def _term(sketch: Sketch, flow: Flow) -> str:
    """Return what flows as a formula, ∂f/∂v · cos(u); "" when it is too long."""
    arriving = slope(sketch, flow.head)
    if flow.rule is None:
        return f"{arriving} · {factor(_local(sketch, flow))}"
    graph = sketch.graph
    names = {
        arrow.tail.step.id: factor(called(sketch, arrow.tail))
        for arrow in sketch.arrows
        if arrow.head.key == flow.head.key
    }
    names[flow.head.step.id] = factor(called(sketch, flow.head))
    names[graph.variable(slope_name(flow.head), graph.shape(flow.head.step.id))] = arriving
    return names.get(flow.rule) or write(graph, flow.rule, names, LONGEST) or ""


def _product(flow: Flow) -> str:
    """Return what flows with numbers, 0.3078 · 0.6603; "" where they are too many."""
    factors = (flow.head.step.gradient, flow.arrows[0].edge.local)
    if flow.rule is not None or not all(map(_is_short, factors)):
        return ""
    first, second = [shown(number) for number in factors]
    return f"{first} · {factor(second)}"


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) or shown(value).startswith("[")


def _local(sketch: Sketch, flow: Flow) -> str:
    """Return the local derivative as a formula, or as a number where none is known."""
    edge = flow.arrows[0].edge
    formula = local_formula(sketch.graph, flow.head.step, edge, LONGEST)
    if formula.lstrip("-").replace(".", "").isdigit():
        return formula.replace("-", "−")
    return formula or ("…" if edge.local is None else shown(edge.local))


def _reason(sketch: Sketch, flow: Flow) -> str:
    """Return in words why so much flows."""
    head, tail = called(sketch, flow.head), called(sketch, flow.tail)
    arrow = flow.arrows[0]
    gradient: Any = flow.head.step.gradient
    if not arrow.live:
        return f"{tail} is not taken: {head} does not change with it, and no gradient flows there."
    if flow.rule is not None:
        return f"Each part of {tail} gets back what {head} has collected from it."
    local = arrow.edge.local
    much = _local(sketch, flow) if local is None or not _is_short(local) else shown(local)
    words = f"{head} changes {_times(much)} as much as {tail}"
    if flow.head.role == "result" or gradient is None:
        return f"{words}."
    if not isinstance(gradient, int | float):
        return f"{words}, entry by entry."
    return f"{words}, and {sketch.letter} {_times(shown(gradient))} as much as {head}."


def _times(much: str) -> str:
    return "just" if much == "1" else f"{much} times"
