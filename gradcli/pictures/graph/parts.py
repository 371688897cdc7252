"""The parts of an integral, sum, product or root, which is one node of a picture.

Of an integral what is integrated at the nodes of a quadrature, of a sum or product its first terms,
of a root the equation at the ends and its derivative at the root.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcli.graph.forms import INTEGRAL, PRODUCT_OVER, ROOT, inlined
from gradcli.graph.printing import Text
from gradcli.pictures.graph.words import fit, names_of, number
from gradcli.pictures.wording import say
from gradcli.programs.trace import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Step

TERMS = 5
"""How many terms of a sum or product are shown."""
LONGEST = 40
"""Characters of a formula."""


def with_parts(graph: Graph, steps: Sequence[Step]) -> list[Step]:
    """Return the steps, those that bind a name with their parts."""
    values = {step.id: step.value for step in steps}
    return [
        step._replace(parts=tuple(_parts(graph, step, values)))
        if graph.rows[step.id][0].binds and step.live
        else step
        for step in steps
    ]


def _parts(graph: Graph, step: Step, values: Mapping[int, Any]) -> Iterator[Part]:
    operation, arguments, bound = graph.rows[step.id]
    formulas = [_formula(graph, step.id, root) for root in bound.roots]
    numbers: list[Any] = [values.get(argument) for argument in arguments]
    if any(value is None for value in numbers):
        numbers = []
    limits, taken = numbers[: bound.limits], numbers[bound.limits :]

    def value(x: float, root: int = 0) -> float:
        try:
            return float(bound.at(bound.roots[root], taken)(x))
        except (ValueError, ArithmeticError):
            return math.nan

    if operation is ROOT:
        yield Part(say("part zero", formula=formulas[1]))
        yield from [Part(_at(bound.name, x), value(x, 1)) for x in limits]
        rate = None if step.value is None or not numbers else value(step.value, 2)
        yield Part(say("part derivative", formula=formulas[2]), rate)
        return
    yield Part(formulas[0])
    if not numbers:
        return
    if operation is INTEGRAL:
        from gradcli.graph.quadrature import gauss_points

        nodes = gauss_points(*limits)
        yield from [Part(_at(bound.name, x), value(x)) for x, _ in nodes]
        whole = math.fsum(weight * value(x) for x, weight in nodes)
        yield Part(say("part gauss", count=len(nodes)), whole)
        return
    low, high = limits
    count = int(high - low) + 1
    terms = [low + offset for offset in range(min(count, TERMS))]
    yield from [Part(_at(bound.name, x), value(x)) for x in terms]
    if count > TERMS:
        key = "part more factors" if operation is PRODUCT_OVER else "part more terms"
        yield Part(say(key, count=count - TERMS))


def _at(name: str, x: float) -> str:
    return say("part at", name=name, value=number(x))


def _formula(graph: Graph, node: int, root: int) -> str:
    """Return a body of a form as text."""
    _, arguments, bound = graph.rows[node]
    leaf = graph.variable(f"0 {bound.name}")
    shown = inlined(graph, bound, root, [leaf, *arguments[bound.limits :]], as_typed=True)
    text = Text(graph, names_of(graph))
    return fit(text.names.get(shown) or text.write(shown) or "", LONGEST)
