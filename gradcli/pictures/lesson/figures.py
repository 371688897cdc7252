"""The numbers of a lesson as text: as they are, or as marks that the page puts numbers in place of.

A mark is one character of a private plane of Unicode, which nothing that a user typed can hold (it
would have been escaped). It stands for an entry of `Marks.marks`.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from gradcli.calculus.reverse import input_cotangents
from gradcli.pictures.graph.sketch import moves
from gradcli.pictures.graph.words import extent, quantity
from gradcli.pictures.lesson.notation import ARRAY, as_mathml, factor, settled, shown
from gradcli.pictures.wording import say
from gradcli.programs import interpreter
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.pictures.graph.sketch import Arrow, Box, Sketch
    from gradcli.pictures.lesson.notation import Frame


FIRST_MARK = 0xF0000
"""The first character that is a mark."""
MOST_SET = 100
"""Boxes of a lesson whose formulas are set as mathematics; those of a larger one stay text, since
they would make the page many times as large."""


class Quantity(NamedTuple):
    """A number or an array as it is now, and where a page finds it."""

    number: Any
    symbol: Any = None
    """The slots of the program; None for what stays as printed."""


class Marks:
    """Marks, and what they stand for."""

    def __init__(self) -> None:
        self.marks: list[list[Any]] = []
        self._known: dict[str, str] = {}

    def mark(self, kind: str, *parts: Any) -> str:
        """Return the character of a mark."""
        key = repr((kind, parts))
        if key not in self._known:
            self._known[key] = chr(FIRST_MARK + len(self.marks))
            self.marks.append([kind, *parts])
        return self._known[key]

    def math(self, plain: str, latex: str) -> str:
        """Return the mark of a formula, which the page sets as mathematics."""
        return self.mark("math", plain, as_mathml(latex, plain))


class Symbols(NamedTuple):
    """Where a program computes what a picture shows."""

    m: Any
    """The instructions."""
    values: Mapping[int, Any]
    """By the ids of steps; None for those that are not computed."""
    gradients: Mapping[int, Any]
    tangents: Mapping[int, Any]
    locals: Mapping[tuple[int, int], Any]
    """By the id of the step and the position of its input."""
    inputs: Mapping[str, Any]
    """The inputs of the program by name."""
    seeds: Mapping[str, Any]
    """The rates of the inputs by name: 1 for the one that tangents are asked for, else 0."""
    start: list[float]
    """The inputs of the program to begin with."""


class Figures(Marks):
    """The numbers of a run: as they are, or as marks of the slots that `symbols` says."""

    def __init__(
        self, sketch: Sketch, symbols: Symbols | None = None, *, typeset: bool = False
    ) -> None:
        super().__init__()
        self.sketch = sketch
        self.is_live = symbols is not None
        """Whether a page computes the numbers, so that they may change."""
        self.symbols = symbols or Symbols(None, {}, {}, {}, {}, {}, {}, [])
        self.typeset = typeset and len(sketch.boxes) <= MOST_SET
        """Whether formulas are marks too, which the page sets as mathematics."""
        self._surely = self._surely_read()

    def settled(self, frames: Iterable[Frame]) -> list[Frame]:
        """Return the frames with each formula in them as plain text, or as a mark."""
        found = [
            frame._replace(
                title=self._settled(frame.title),
                words=self._settled(frame.words),
                equation=self._settled(frame.equation),
                outcome=self._settled(frame.outcome),
            )
            for frame in frames
        ]
        for mark in self.marks:  # to which those of formulas are added
            mark[1:] = [self._settled(part) if isinstance(part, str) else part for part in mark[1:]]
        return found

    def _settled(self, text: str) -> str:
        return settled(text, self.math if self.typeset else lambda plain, _: plain)

    def value(self, box: Box) -> Quantity:
        """Return the value of a box."""
        return Quantity(box.step.value, self.symbols.values.get(box.step.id))

    def gradient(self, box: Box) -> Quantity:
        """Return the gradient of a box."""
        return Quantity(box.step.gradient, self.symbols.gradients.get(box.step.id))

    def tangent(self, box: Box) -> Quantity:
        """Return the tangent of a box, which until an input is chosen looks like its value."""
        symbol = self.symbols.tangents.get(box.step.id)
        return Quantity(None if symbol is None else box.step.value, symbol)

    def local(self, arrow: Arrow) -> Quantity:
        """Return the local derivative of an arrow."""
        key = (arrow.head.step.id, arrow.position)
        return Quantity(arrow.edge.local, self.symbols.locals.get(key))

    def amount(self, flow: Flow) -> Quantity:
        """Return what flows back along an arrow; nothing where no gradient arrives."""
        gradient = self.gradient(flow.head).symbol
        if gradient is None:
            return Quantity(flow.amount)
        m = self.symbols.m
        if flow.rule is not None:
            inputs = {**self.symbols.inputs, slope_name(flow.head): gradient}
            return Quantity(flow.amount, m.run(self.sketch.graph, [flow.rule], inputs)[flow.rule])
        local = self.local(flow.arrows[0]).symbol
        if local is None:
            return Quantity(flow.amount)

        def product(g: Any, d: Any) -> Any:
            return m.where(g != 0.0, g * d, 0.0)

        if _is_number(gradient) and _is_number(local):
            return Quantity(flow.amount, product(gradient, local))
        import numpy as np

        from gradcli.programs.arrays import sum_to_shape

        found = np.frompyfunc(product, 2, 1)(gradient, local)
        found = sum_to_shape(found, self.sketch.graph.shape(flow.tail.step.id))
        return Quantity(flow.amount, found[()] if np.ndim(found) == 0 else found)

    def sum(self, before: Quantity, more: Quantity) -> Quantity:
        """Return the sum of two quantities."""
        known = before.symbol is not None and more.symbol is not None
        number = before.number + more.number
        return Quantity(number, before.symbol + more.symbol if known else None)

    def shown(self, amount: Quantity, longest: int = ARRAY) -> str:
        """Return a number, or an array, in full where it is short, else as its shape and range."""
        symbol = amount.symbol
        if symbol is None:
            return "" if amount.number is None else shown(amount.number, longest)
        if _is_number(symbol):
            return self.mark("number", symbol.slot)
        slots = [number.slot for number in symbol.ravel()]
        is_short = amount.number is None or quantity(amount.number, longest).startswith("[")
        if is_short and len(slots) <= longest:
            return self._nested(symbol)
        shape = extent(symbol)
        if not slots:
            return shape
        return f"{shape} ({self.mark('least', slots)} … {self.mark('greatest', slots)})"

    def _nested(self, symbol: Any) -> str:
        if _is_number(symbol):
            return self.mark("number", symbol.slot)
        return f"[{', '.join([self._nested(part) for part in symbol])}]"

    def if_known(self, quantity: Quantity, yes: str, no: str) -> str:
        """Return one of two texts by whether there is a value."""
        if _is_number(quantity.symbol):
            return self.mark("known", quantity.symbol.slot, yes, no)
        return no if quantity.number is None else yes

    def value_text(self, box: Box) -> str:
        """Return the value of a box, with its standard error where it has one."""
        error = box.step.standard_error
        return self.shown(self.value(box)) + ("" if error is None else f" ± {shown(error)}")

    def _number_of(self, text: str) -> Any:
        """Return the slot of the number that a text is the mark of; None for another text."""
        index = ord(text) - FIRST_MARK if len(text) == 1 else -1
        if 0 <= index < len(self.marks) and self.marks[index][0] == "number":
            return self.marks[index][1]
        return None

    def factor(self, text: str) -> str:
        """Return a formula or number in parentheses, if it needs them as a factor."""
        number = self._number_of(text)
        return factor(text) if number is None else self.mark("factor", number)

    def times(self, text: str) -> str:
        """Return how many times as much: "just" for once."""
        number = self._number_of(text)
        if number is not None:
            return self.mark("times", number)
        return say("just") if text == "1" else say("times", number=text)

    def either(self, condition: Box, yes: str, no: str) -> str:
        """Return one of two texts by a condition of the formula."""
        symbol = self.value(condition).symbol
        if not _is_number(symbol) or yes == no:
            return yes if condition.step.value else no
        return self.mark("either", symbol.slot, yes, no)

    def at_start(self, text: str) -> str:
        """Return a text that is true of the inputs as they were given."""
        return self.mark("start", text, "") if self.is_live else text

    def if_read(self, part: Box | Arrow, yes: str, no: str) -> str:
        """Return one of two texts by whether the result reads a part of the picture."""
        if not self.is_live:
            return yes if part.live else no
        if self.is_surely_read(part) or yes == no:
            return yes
        return self.mark("read", part.key, yes, no)

    def may_be_read(self, part: Box | Arrow) -> bool:
        """Return whether the result reads a part of the picture, now or for other inputs."""
        return part.live or not self.is_surely_read(part)

    def is_surely_read(self, part: Box | Arrow) -> bool:
        """Return whether the result reads a part of the picture whenever it reads it now."""
        return not self.is_live or part.key in self._surely

    def chooses(self, box: Box) -> Any:
        """Return the slot of the condition by which a box reads one of two branches, or None."""
        if box.step.operation != "where" or not box.step.inputs:
            return None
        condition: Any = self.symbols.values.get(box.step.inputs[0].node)
        return condition.slot if _is_number(condition) else None

    def _surely_read(self) -> set[str]:
        """Return the keys of what the result reads for all inputs."""
        found = {self.sketch.boxes[-1].key}
        for arrow in reversed(self.sketch.arrows):
            is_branch = arrow.position > 0 and self.chooses(arrow.head) is not None
            if arrow.head.key in found and not is_branch:
                found |= {arrow.key, arrow.tail.key}
        return found


def _is_number(symbol: Any) -> bool:
    return hasattr(symbol, "slot")


# ---------------------------------------------------------------- the parts of a gradient


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
