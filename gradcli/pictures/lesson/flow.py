"""What flows back along each arrow: the parts that a gradient is the sum of.

Reverse mode adds them up and keeps the sums only; a lesson shows how each sum grows.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from gradcli.calculus.reverse import input_cotangents
from gradcli.pictures.graph.sketch import moves
from gradcli.programs import interpreter
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch


class Flow(NamedTuple):
    """What one node adds to the gradient of one of its inputs."""

    arrows: tuple[Arrow, ...]
    """Along which; several where an operation on whole arrays reads the same input twice."""
    amount: Any
    """Its part of the gradient of the input, of the input's shape; None without values."""
    rule: int | None = None
    """Of an operation that moves or sums numbers: the amount as a node over `slope_name`."""

    @property
    def head(self) -> Box:
        """The node whose vjp it is."""
        return self.arrows[0].head

    @property
    def tail(self) -> Box:
        """The input whose gradient it is a part of."""
        return self.arrows[0].tail


def flows(sketch: Sketch, may_be_read: Callable[[Box], bool] | None = None) -> list[Flow]:
    """Return what flows along the arrows, in the order of the backward pass.

    A branch of `where` that is not taken gets 0 from it, and passes nothing on, unless
    `may_be_read` says that the result reads it for other inputs. The list is
    empty when nothing depends on a free name, and for a run without a backward pass.
    """
    varying = _varying(sketch)
    by_head = [list(arrows) for _, arrows in groupby(sketch.arrows, lambda arrow: arrow.head.key)]
    found: list[Flow] = []
    for arrows in reversed(by_head):
        head = arrows[0].head
        if head.key not in varying or not (may_be_read(head) if may_be_read else head.live):
            continue
        leading = [arrow for arrow in arrows if arrow.tail.key in varying]
        plain = [a for a in leading if a.edge.formula or a.edge.local is not None]
        found += [Flow((arrow,), _multiplied(sketch.graph, arrow)) for arrow in plain]
        if moves(sketch.graph, head.step):
            found += _rearranged(sketch, head, [arrow for arrow in leading if arrow not in plain])
    return _measured(sketch, found)


def slope_name(box: Box) -> str:
    """Return what a rule calls the gradient of a node; no formula can have this name."""
    return f"gradient of {box.step.id}"


def _varying(sketch: Sketch) -> Collection[str]:
    """Return the boxes that a free name can change, if their gradients are known or not needed."""
    boxes = [box for box in sketch.boxes if box.role != "constant"]
    if boxes[-1].step.value is not None:
        return {box.key for box in boxes if box.step.gradient is not None}
    ids = [box.step.id for box in boxes]
    inputs = [box.step.id for box in boxes if box.step.operation == "variable"]
    active = sketch.graph.depending_on(inputs, sketch.graph.reachable(ids[-1:]))
    return {box.key for box in boxes if box.step.id in active}


def _multiplied(graph: Graph, arrow: Arrow) -> Any:
    """Return the gradient of the head times the local derivative, summed where it was repeated.

    Where no gradient arrives, nothing leaves, even if the local derivative is infinite there.
    """
    gradient: Any = arrow.head.step.gradient
    local: Any = arrow.edge.local
    if gradient is None or local is None:
        return None
    if isinstance(gradient, int | float) and isinstance(local, int | float):
        return gradient * local if gradient else 0.0
    import numpy as np

    from gradcli.programs.arrays import sum_to_shape

    with np.errstate(all="ignore"):
        product = np.where(gradient == 0, 0.0, np.multiply(gradient, local))
    return sum_to_shape(product, graph.shape(arrow.tail.step.id))


def _rearranged(sketch: Sketch, head: Box, arrows: Sequence[Arrow]) -> Iterator[Flow]:
    """Yield what an operation on arrays adds to the gradients, as rules to be run."""
    graph, node = sketch.graph, head.step.id
    slope = graph.variable(slope_name(head), graph.shape(node))
    inputs = [edge.node for edge in head.step.inputs]
    by = list({arrow.edge.node: None for arrow in arrows})
    rules = input_cotangents(graph, node, slope, inputs, by)
    for below, rule in rules.items():
        yield Flow(tuple(a for a in arrows if a.edge.node == below), None, rule)


def _measured(sketch: Sketch, found: Sequence[Flow]) -> list[Flow]:
    """Return the flows with the amounts of those that are rules, if there are values."""
    ruled = [flow for flow in found if flow.rule is not None]
    if not ruled or sketch.boxes[-1].step.value is None:
        return list(found)
    graph = sketch.graph
    # What is selected must equal what it is selected from, and values are rounded when they are
    # certain; so the heads are computed anew.
    heads = {flow.head.step.id for flow in ruled}
    known: dict[int, Any] = {
        box.step.id: box.step.value
        for box in sketch.boxes
        if box.step.value is not None and box.step.id not in heads
    }
    slopes: Mapping[str, Any] = {slope_name(f.head): f.head.step.gradient for f in ruled}
    nodes = graph.reachable([flow.rule for flow in ruled if flow.rule is not None])
    own = interpreter.Values(known, set())
    numbers = interpreter.run(graph, nodes, slopes, ieee=True, known=own).numbers
    return [
        flow if flow.rule is None else flow._replace(amount=numbers[flow.rule]) for flow in found
    ]
