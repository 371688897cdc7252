"""The graph of a formula as data, for scripts: what a picture shows, with every digit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.graph import printing
from gradcli.graph.strict_json import SCHEMA, json_text
from gradcli.pictures.graph.sketch import role, selected
from gradcli.pictures.graph.words import whole_local_formula

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.graph.node import Graph
    from gradcli.programs.trace import Edge, Step

LONGEST = 10_000
"""Characters of the longest formula of a local derivative; a longer one is null."""


def data(graph: Graph, result: int, steps: Sequence[Step], notes: Sequence[str] = ()) -> bytes:
    """Return the graph as one object of strict JSON, in a line.

    It has the expression, the id of its result, its value, the notes about its derivatives, and the
    nodes, inputs before their users, as `gradcli grad --nodes --json` has them. Besides, each has
    its role, its shape and whether the result reads it (live), and each of its inputs a position,
    the local derivative as a formula, and whether it is read.
    """
    shown, constants = selected(graph, result, steps)
    drawn = {step.id for step in shown} | constants
    nodes = [
        _node(graph, step, role(step, result, constants)) for step in steps if step.id in drawn
    ]
    content = {
        "schema": SCHEMA,
        "expression": printing.formula(graph, result),
        "value": steps[-1].value,
        "result": result,
        "notes": [*notes],
        "nodes": nodes,
    }
    return f"{json_text(content)}\n".encode()


def _node(graph: Graph, step: Step, its_role: str) -> dict[str, Any]:
    has_parts = its_role != "constant"
    return {
        "id": step.id,
        "name": step.name,
        "formula": step.formula,
        "operation": step.operation,
        "role": its_role,
        "shape": list(graph.shape(step.id)),
        "value": step.value,
        **({} if step.standard_error is None else {"standard_error": step.standard_error}),
        **({} if step.share is None else {"share": step.share}),
        "gradient": step.gradient,
        "live": step.live,
        **({"parts": [part._asdict() for part in step.parts]} if step.parts else {}),
        "inputs": [
            _input(graph, step, edge, position)
            for position, edge in enumerate(step.inputs if has_parts else ())
        ],
    }


def _input(graph: Graph, step: Step, edge: Edge, position: int) -> dict[str, Any]:
    return {
        "node": edge.node,
        "position": position,
        "local": edge.local,
        "formula": whole_local_formula(graph, step, edge, LONGEST),
        "live": edge.live and step.live,
    }
