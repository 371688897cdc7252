"""The textbook rules of operations on arrays, read back and compared with what is run.

The gradients that are run are compared with mpmath in tests/arrays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli import MathematicsError, parse
from gradcli.calculus.textbook import rule
from gradcli.graph.operations import TABLE
from gradcli.graph.printing import Spoken
from gradcli.pictures.graph.words import behind

if TYPE_CHECKING:
    from gradcli.calculus.textbook import TextbookRule

RANDOM = np.random.default_rng(3)
VALUES: dict[str, Any] = {
    "A": RANDOM.normal(size=(2, 3)),
    "B": RANDOM.normal(size=(3, 2)),
    "v": np.array([0.5, -1.25, 2.0]),
    "w": np.array([1.5, 0.25]),
    "T": np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]),
    "x": np.float64(0.75),
}
# fmt: off
FORMULAS = [
    "[v, 2*v]", "[x, x^2, 3]", "v[1]", "A[:, 1]", "A[1, ::-1]", "v[::2]", "scatter(x, zeros(3)[1])",
    "scatter(w, zeros(2, 2)[:, 1])", "broadcast(v, 2, 3)", "broadcast(x, 3)", "collapse(A, 3)",
    "reshape(A, 3, 2)", "reshape(A, 6)", "transpose(A)", "A @ B", "A @ v", "w @ A", "v @ v",
    "v @ (v + 1)", "dot(v, v + 1)", "sum(v)", "sum(A)", "sum(A, axis=0)", "sum(A, axis=1)",
    "mean(v)", "mean(A, axis=0)", "mean(A, axis=1)", "prod(v)", "prod(A, axis=1)", "var(v)",
    "var(A, axis=0)", "std(v)", "std(A, axis=1)", "norm(v)", "norm(A)", "norm(A, axis=0)",
    "quantile(v, 0.4)", "quantile(v, 0.5)", "quantile(A, 0.3, axis=1)", "median(w)", "median(v)",
    "median(A, axis=0)", "max(v)", "max(A)", "max([1, 2, x, 2])", "min(A, axis=1)", "argmax(v)",
    "cumsum(v)", "cumsum(A, axis=0)", "cumsum(A, axis=1)", "logsumexp(v)", "logsumexp(A, axis=1)",
    "softmax(v)", "softmax(A, axis=0)", "softmax(A, axis=1)", "logsoftmax(v)",
    "logsoftmax(A, axis=0)", "cross_entropy(v, 1)", "cross_entropy(A, [0, 2])",
    "cross_entropy(A, T)", "cross_entropy(2*v, [0.2, 0.3, 0.5])", "cross_entropy(3*v, [1, 2, 3])",
    "mse(v, 2*v)", "mse(A, v)", "mse(x, v)", "onehot(x*0 + 1, 3)",
]
# fmt: on
MADE_ALONE = {"zeros", "ones", "eye", "linspace", "range"}
"""Arrays without arguments, to which nothing flows."""


def text_of(found: TextbookRule) -> str:
    """The formula over g, f and the arguments x0, x1."""
    names = {found.slope: "g", found.value: "f"}
    names |= {
        leaf: f"x{place}"
        for place, leaf in enumerate(found.arguments)
        if found.graph.number(leaf) is None
    }
    return names.get(found.root) or str(Spoken(found.graph, names).write(found.root))


def evaluated(text: str, values: dict[str, Any]) -> Any:
    """The value of a formula as it is shown."""
    typed = text.replace(" · ", "*").replace("ᵀ", ".T")
    typed = re.sub(
        r"outer\((\w+), (\w+)\)",
        lambda pair: f"reshape({pair[1]}, {len(values[pair[1]])}, 1)*{pair[2]}",
        typed,
    )
    formula = parse(typed, {name: np.shape(value) for name, value in values.items()})
    return formula.evaluate({name: values[name] for name in formula.free_names})


def meant(g: Any, words: str, x: Any, p: Any) -> Any:
    """The numbers that a formula with the value g and the words behind it stand for."""
    if not words or words.startswith("where"):
        return g
    if words.startswith("for each number"):
        return np.broadcast_to(g, np.shape(x))
    if found := re.fullmatch(r"at \[(.+)\], 0 elsewhere", words):
        array = np.zeros(np.shape(x))
        key = [
            slice(*[int(end) if end else None for end in item.split(":")])
            if ":" in item
            else int(item)
            for item in found[1].split(", ")
        ]
        array[tuple(key)] = g
        return array
    if words == "times the product of the others":
        return g * np.array([np.prod(np.delete(x, place)) for place in range(len(x))])
    if words == "summed over what was repeated":
        lead = g.ndim - np.ndim(x)
        return g.sum(axis=tuple(range(lead)))
    assert "the number" in words
    at = (0.5 if "middle" in words else float(p)) * (len(x) - 1)
    low, part, order = int(at), at % 1, np.argsort(x)
    shares = np.zeros(len(x))
    shares[order[low]] += 1 - part
    if part:
        shares[order[low + 1]] += part
    return g * shares


def read_back(
    found: TextbookRule, g: Any, f: Any, inputs: list[Any], position: int, axis: Any
) -> Any:
    """The array that is shown, line by line where it is shown for lines."""
    text, words = text_of(found), behind(found)
    match = re.search(r" ?along axis (\d)$", words)
    if match is None:
        values = {"g": g, "f": f} | {f"x{place}": x for place, x in enumerate(inputs)}
        return meant(evaluated(text, values), words, inputs[position], inputs[-1])
    assert int(match[1]) == axis
    words, x = words[: match.start()], np.moveaxis(inputs[0], axis, 0)
    lines = []
    for place in range(x.shape[1]):
        own = [
            np.moveaxis(each, axis, 0)[:, place] if np.ndim(each) == 2 else each[place]
            for each in (g, f)
        ]
        values = {"g": own[0], "f": own[1], "x0": x[:, place]}
        value = evaluated(text, values | {f"x{n}": y for n, y in enumerate(inputs) if n})
        lines.append(meant(value, words, x[:, place], inputs[-1]))
    return np.moveaxis(np.array(lines), 0, 1 - axis)


@pytest.mark.parametrize("source", FORMULAS)
def test_what_is_told_is_what_is_run(source: str) -> None:
    formula = parse(source, {name: np.shape(value) for name, value in VALUES.items()})
    graph, node = formula.graph, formula.id
    operation, arguments, payload = graph.rows[node]
    assert operation.structural
    sources = [formula.__class__(graph, argument) for argument in arguments]
    inputs = [np.asarray(one.evaluate({n: VALUES[n] for n in one.free_names})) for one in sources]
    value = np.asarray(formula.evaluate({n: VALUES[n] for n in formula.free_names}))
    g = RANDOM.normal(size=value.shape)
    for position, one in enumerate(inputs):
        try:
            found = rule(graph, node, position)
        except MathematicsError:
            assert operation.name == "quantile"
            assert position == 1
            continue
        plain = type(formula)(graph, node)
        want = slope_of(plain, g, inputs, position)
        if found is None:
            assert not np.any(want)
            continue
        text = text_of(found)
        assert not any(name in text for name, row in TABLE.items() if row.internal)
        assert text.count("reshape(") <= (operation.name == "reshape")
        axis = payload if operation.payload == "axis" else None
        got = read_back(found, g, value, inputs, position, axis)
        assert np.shape(got) == np.shape(one)
        assert got == pytest.approx(want, rel=1e-9, abs=1e-12), (text, behind(found))


def slope_of(formula: Any, g: Any, inputs: list[Any], position: int) -> Any:
    """The gradient that is run, of the operation alone on numbers that are given to it."""
    from gradcli.calculus.reverse import gradient
    from gradcli.formula import Formula
    from gradcli.graph.node import Graph

    operation, arguments, payload = formula.graph.rows[formula.id]
    graph = Graph()
    places = []
    for place, (argument, one) in enumerate(zip(arguments, inputs, strict=True)):
        number = formula.graph.number(argument)
        is_free = place == position or number is None
        places.append(graph.variable(f"x{place}", one.shape) if is_free else graph.constant(number))
    made = graph.add(operation, tuple(places), payload)
    slope = graph.variable("g", np.shape(g))
    total = graph.add(TABLE["sum"], (graph.add(TABLE["multiply"], (made, slope)),), None)
    found = Formula(graph, gradient(graph, total, [places[position]])[places[position]])
    known = {"g": g} | {f"x{place}": one for place, one in enumerate(inputs)}
    return found.evaluate({name: known[name] for name in found.free_names})


def test_every_row_is_told() -> None:
    found = set()
    for source in FORMULAS:
        formula = parse(source, {name: np.shape(value) for name, value in VALUES.items()})
        found.add(formula.graph.rows[formula.id][0].name)
    rows = {name for name, row in TABLE.items() if row.structural}
    assert rows - found == MADE_ALONE | {"quantile_shares"}
