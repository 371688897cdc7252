"""A picture of a moment of the backward pass: the gradients that are filled in so far."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError
from gradcli.options import example, spelled
from gradcli.pictures.graph.sentences import about_step
from gradcli.pictures.lesson.flow import flows
from gradcli.pictures.wording import say

if TYPE_CHECKING:
    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch


def until(sketch: Sketch, count: int) -> Sketch:
    """Return the sketch as it is after so many steps of the backward pass.

    In each step one operation hands its gradient on to all its inputs, that of the result first.
    A gradient that is a sum has the terms that have arrived. Raises UsageError for more steps than
    there are.
    """
    found = flows(sketch)
    steps = [list(group) for _, group in groupby(found, lambda flow: flow.head.key)]
    if count > len(steps):
        message = f"{spelled('until')} {count} is beyond the backward pass, of {len(steps)} steps"
        raise UsageError(message, hint=f"for example {example('until', len(steps))}")
    awaited = Counter(flow.tail.key for flow in found)
    sums: dict[str, Any] = {b.key: b.step.gradient for b in sketch.boxes if b.key not in awaited}
    followed = set()
    for flow in [flow for step in steps[:count] for flow in step]:
        key = flow.tail.key
        awaited[key] -= 1
        # The last sum is the gradient itself, so that no other rounding shows.
        sums[key] = sums.get(key, 0.0) + flow.amount if awaited[key] else flow.tail.step.gradient
        followed |= {arrow.key for arrow in flow.arrows}
    shown: dict[str, Box] = {}
    for box in sketch.boxes:
        step = box.step._replace(gradient=sums.get(box.key))
        awaits = awaited[box.key] > 0
        sentence = about_step(sketch.graph, step, box.role, live=box.live)
        shown[box.key] = box._replace(
            step=step,
            sentence=say("so far", sentence=sentence) if awaits and box.key in sums else sentence,
            awaits=awaits,
        )

    def moved(arrow: Arrow) -> Arrow:
        return arrow._replace(
            tail=shown[arrow.tail.key],
            head=shown[arrow.head.key],
            strength=arrow.strength if arrow.key in followed else None,
        )

    key = "moment" if len(steps) != 1 else "moment of one"
    return sketch._replace(
        boxes=list(shown.values()),
        arrows=[moved(arrow) for arrow in sketch.arrows],
        moment=say(key, count=count, total=len(steps)),
    )
