"""The backward pass of a lesson: gradients that grow by what flows back along each arrow."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.calculus.spelling import spelled
from gradcli.graph.printing import write
from gradcli.graph.shapes import sized
from gradcli.pictures.graph.words import fit, is_numeral
from gradcli.pictures.lesson.figures import flows, slope_name
from gradcli.pictures.lesson.notation import (
    EQUATION,
    Frame,
    Math,
    back,
    called,
    combined,
    factor,
    followed,
    formula,
    local,
    shown,
    slope,
)
from gradcli.pictures.wording import say
from gradcli.programs.trace import FORMULA
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.pictures.graph.sketch import Sketch
    from gradcli.pictures.lesson.figures import Figures, Flow, Quantity

COLLECTED = 120
"""The most characters of a gradient that is a sum of formulas."""


class _Part(NamedTuple):
    """Which part of a gradient, of how many."""

    position: int
    total: int
    are_counted: bool


def backward(figures: Figures) -> Iterator[Frame]:
    """Yield a frame with which the pass begins, and one for each arrow that is followed back.

    There are none for a run without a backward pass, or when nothing depends on a free name.
    """
    sketch = figures.sketch
    found = flows(sketch, figures.may_be_read)
    result = sketch.boxes[-1]
    if not found and result.step.operation != "variable":
        return
    awaited = Counter(flow.tail.key for flow in found)
    yield _turn(figures, awaited)
    # Where branches may be taken or not, the parts are not counted.
    unsure = {flow.tail.key for flow in found if not figures.is_surely_read(flow.head)}
    arrived: Counter[str] = Counter()
    sums: dict[str, Any] = {}
    for flow in found:
        key = flow.tail.key
        arrived[key] += 1
        parts = _Part(arrived[key], awaited[key], key not in unsure)
        if result.step.value is None:
            yield _collected(figures, flow, sums, parts)
        else:
            yield _added(figures, flow, sums, parts)


def _turn(figures: Figures, awaited: Mapping[str, int]) -> Frame:
    """Return the frame between the passes, in which every gradient gets its first number."""
    sketch = figures.sketch
    result = sketch.boxes[-1]
    one = "1" if result.step.value is None else figures.shown(figures.gradient(result))
    starts = {
        box.key: "0"
        for box in sketch.boxes
        if box.key in awaited or box.step.gradient is not None or box is result
    }
    words = say("turn words", name=called(sketch, result))
    if awaited:
        words += say("others start")
    return Frame(
        "backward",
        say("turn"),
        words,
        f"{slope(sketch, result)} = {one}",
        boxes=(result.key,),
        gradients={**starts, result.key: one},
        complete=tuple(key for key in starts if key not in awaited),
    )


def _added(figures: Figures, flow: Flow, sums: dict[str, Any], parts: _Part) -> Frame:
    """Return the frame that adds a number, or an array, to the gradient of an input."""
    amount, before = figures.amount(flow), sums.get(flow.tail.key)
    # The last sum is the gradient itself, so that no other rounding shows.
    after = amount if before is None else figures.sum(before, amount)
    after = figures.gradient(flow.tail) if parts.position == parts.total else after
    sums[flow.tail.key] = after
    equation = [_term(figures, flow), _product(figures, flow), figures.shown(amount)]
    start = "0" if before is None else figures.shown(before)
    name, end = slope(figures.sketch, flow.tail), figures.shown(after)
    outcome = say("was becomes", slope=name, before=start, after=end)
    return _frame(figures, flow, equation, outcome, end, parts)


def _collected(figures: Figures, flow: Flow, sums: dict[str, Any], parts: _Part) -> Frame:
    """Return the frame that adds a formula to the gradient of an input."""
    sketch = figures.sketch
    own = term = _term(figures, flow) or say("hands back", slope=slope(sketch, flow.head))
    if parts.position > 1:
        term = combined("{0} + {1}", "{0} + {1}", sums[flow.tail.key], term)
    sums[flow.tail.key] = term
    collected = term if len(term) <= COLLECTED else fit(term, COLLECTED)
    outcome = say("collects", slope=slope(sketch, flow.tail), sum=collected)
    return _frame(figures, flow, [own], outcome, collected, parts)


def _frame(
    figures: Figures,
    flow: Flow,
    equation: Sequence[str],
    outcome: str,
    collected: str,
    parts: _Part,
) -> Frame:
    sketch, tail = figures.sketch, flow.tail
    complete = parts.position == parts.total
    if parts.total > 1 and parts.are_counted:
        outcome += say("parts", part=parts.position, count=parts.total)
    terms = " = ".join(dict.fromkeys(map(format, filter(None, equation))))
    return Frame(
        "backward",
        say("back", head=called(sketch, flow.head), tail=called(sketch, tail)),
        _reason(figures, flow),
        f"{slope(sketch, tail)} += {terms}",
        f"{outcome}.",
        (tail.key, flow.head.key),
        tuple(arrow.key for arrow in flow.arrows),
        gradients={tail.key: collected},
        complete=(tail.key,) if complete else (),
        needs=flow.head.key,
    )


def _term(figures: Figures, flow: Flow) -> str:
    """Return what flows as a formula, ∂f/∂v · cos(u); "" when it is too long."""
    sketch = figures.sketch
    arriving = slope(sketch, flow.head)
    if flow.rule is None:
        term = combined(
            "{0} · {1}", r"{0} \cdot {1}", arriving, figures.factor(_local(figures, flow))
        )
        head, tail = [sketch.graph.shape(box.step.id) for box in (flow.head, flow.tail)]
        if prod(sized(head, 1)) <= prod(sized(tail, 1)):
            return term
        if not tail:
            return combined("sum({0})", r"\sum\left({0}\right)", term)
        return followed(term, say("vjp repeated"))
    arrow = flow.arrows[0]
    if len(flow.arrows) == 1 and flow.head.step.operation != FORMULA:
        return back(sketch, flow.head.step, arrow.position, arriving, EQUATION)
    return _of_formula(sketch, flow, flow.rule, arriving)


def _of_formula(sketch: Sketch, flow: Flow, rule: int, arriving: Math) -> str:
    """Return what flows through several operations; "" when it is too long."""
    graph = sketch.graph
    own = {flow.head.step.id, *[edge.node for edge in flow.head.step.inputs]}
    (shown,) = spelled(graph, own, [rule], own)
    names: dict[int, str] = {
        arrow.tail.step.id: factor(called(sketch, arrow.tail))
        for arrow in sketch.arrows
        if arrow.head.key == flow.head.key
    }
    names[flow.head.step.id] = factor(called(sketch, flow.head))
    names[graph.variable(slope_name(flow.head), graph.shape(flow.head.step.id))] = arriving
    text = names.get(shown) or write(graph, shown, names, EQUATION)
    return formula(sketch, shown, text, names) if text else ""


def _product(figures: Figures, flow: Flow) -> str:
    """Return what flows with numbers, 0.3078 · 0.6603; "" where they are too many."""
    factors = (figures.gradient(flow.head), figures.local(flow.arrows[0]))
    if flow.rule is not None or not all(map(_is_short, factors)):
        return ""
    first, second = map(figures.shown, factors)
    product = f"{first} · {figures.factor(second)}"
    is_sum = first.startswith("[") and isinstance(flow.amount, int | float)
    return f"sum({product})" if is_sum else product


def _is_short(quantity: Quantity) -> bool:
    number: Any = quantity.number
    if number is None:
        return quantity.symbol is not None
    return isinstance(number, int | float) or shown(number).startswith("[")


def _local(figures: Figures, flow: Flow) -> str:
    """Return the local derivative as a formula, or as a number where none is known."""
    arrow = flow.arrows[0]
    found = local(figures.sketch, flow.head.step, arrow.edge, EQUATION)
    if is_numeral(found):
        return found.replace("-", "−")
    return found or figures.shown(figures.local(arrow)) or "…"


def _reason(figures: Figures, flow: Flow) -> str:
    """Return in words why so much flows."""
    sketch = figures.sketch
    head, tail = called(sketch, flow.head), called(sketch, flow.tail)
    arrow = flow.arrows[0]
    no_flow = say("no flow", head=head, tail=tail)
    if not figures.may_be_read(arrow):
        return no_flow
    if flow.rule is not None:
        return say("each gets back", head=head, tail=tail)
    slope_of, gradient = figures.local(arrow), figures.gradient(flow.head)
    much = figures.shown(slope_of) if _is_short(slope_of) else _local(figures, flow)
    words = say("changes", head=head, times=figures.times(much), tail=tail)
    if flow.head.role == "result" or gradient.number is None:
        words += "."
    elif not isinstance(gradient.number, int | float):
        words = say("entry by entry", words=words)
    else:
        times = figures.times(figures.shown(gradient))
        letter = Math(sketch.letter, sketch.letters.get(sketch.letter, ""))
        words = say("and result", words=words, letter=letter, times=times, head=head)
    return figures.if_read(arrow, words, no_flow)
