"""The functions of the language for use in Python: the same node as the same text."""

from __future__ import annotations

import pytest

from gradcli import functions, parse, variable, variables
from gradcli.formula import Formula
from gradcli.graph.node import Graph
from gradcli.graph.operations import ALIASES, FUNCTIONS, TABLE

ELEMENTWISE = sorted(
    name
    for name, row in {
        **FUNCTIONS,
        **{alias: FUNCTIONS[row] for alias, row in ALIASES.items()},
    }.items()
    if not row.structural and row.value is not None
)
OF_ARRAYS = ["sum", "mean", "prod", "var", "std", "norm", "max", "min", "argmax", "cumsum"]
OF_ARRAYS += ["logsumexp", "softmax", "logsoftmax"]


def identical(one: Formula, other: Formula) -> bool:
    graph = Graph()
    return graph.adopt(one.graph, one.id) == graph.adopt(other.graph, other.id)


def same(built: object, text: str) -> bool:
    """Whether what Python built is the node of a text."""
    assert isinstance(built, Formula)
    return identical(built, parse(text))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_function_makes_the_node_of_its_text(name: str) -> None:
    row = TABLE[ALIASES.get(name, name)]
    count = max(row.arity[0], 1)
    names = variables(" ".join("xyz"[:count]))
    arguments: list[object] = [*names]
    if row.payload in {"first", "last"}:
        arguments.insert(0 if row.payload == "first" else count, 2)
    typed = ", ".join(str(argument) for argument in arguments)
    assert same(getattr(functions, name)(*arguments), f"{name}({typed})")


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_every_function_of_an_array(name: str) -> None:
    vector = variable("x", (3,))
    assert identical(getattr(functions, name)(vector), parse(f"{name}(x)", {"x": (3,)}))
    matrix = variable("x", (2, 3))
    for axis in (0, 1, -1):
        assert identical(
            getattr(functions, name)(matrix, axis=axis),
            parse(f"{name}(x, axis={axis})", {"x": (2, 3)}),
        )


def test_all_names_are_there_and_no_others() -> None:
    assert functions.__all__ == sorted(functions.__all__)
    for name in functions.__all__:
        made = getattr(functions, name)
        assert callable(made)
        assert made.__name__ == name
        assert name in made.__doc__
        assert getattr(functions, name) is made
    for name in ("sinn", "open", "pi", "multiply", "__import__"):
        with pytest.raises(AttributeError):
            getattr(functions, name)


def test_numbers_mix_with_nodes() -> None:
    x = variable("x")
    assert same(functions.max(1, x, 2.5), "max(1, x, 2.5)")
    assert same(functions.where(x > 0, 1, -1), "where(x > 0, 1, -1)")
    assert same(functions.atan2(1, x), "atan2(1, x)")
    assert same(functions.log(x, 2), "log(x, 2)")
    assert same(functions.log(10, x), "log(10, x)")
    assert same(functions.clip(x, -1, 1), "clip(x, -1, 1)")
    assert same(functions.factorial(x + 1), "(x + 1)!")
    assert same(functions.polygamma(1, x), "polygamma(1, x)")


def test_conditions() -> None:
    x, y = variables("x y")
    assert same(functions.equal(x, 1), "x == 1")
    assert same(functions.not_equal(x, y), "x != y")
    assert same(functions.both(x > 0, y <= 1), "x > 0 and y <= 1")
    assert same(functions.either(x < 0, y >= 1), "x < 0 or y >= 1")
    assert same(functions.invert(x < 0), "not x < 0")
    assert same(x > 0, "x > 0")


def test_nodes_of_different_graphs_are_joined() -> None:
    x, other_x = variable("x"), variable("x")
    assert x.graph is not other_x.graph
    assert same(functions.hypot(x, other_x), "hypot(x, x)")
    assert same(functions.max(x, parse("u = 3*y; u + 1"), 2), "u = 3*y; max(x, u + 1, 2)")


def test_arrays() -> None:
    x, y = variables("x y")
    assert same(functions.array(x, y, 3), "[x, y, 3]")
    assert same(functions.sum(functions.array(x, y)), "sum([x, y])")
    assert same(functions.dot(functions.array(x, y), functions.array(y, 1)), "dot([x, y], [y, 1])")
    matrix, vector = variable("A", (2, 3)), variable("v", (3,))
    made = functions.matmul(matrix, vector)
    assert made.shape == (2,)
    assert isinstance(made, Formula)
    assert identical(made, parse("A @ v", {"A": (2, 3), "v": (3,)}))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: functions.sin(), "sin takes at least one node"),
        (lambda _: functions.sin(1.0), "sin takes at least one node"),
        (lambda x: functions.sin(x, x), "sin does not take 2 arguments"),
        (functions.atan2, "atan2 does not take 1 arguments"),
        (lambda x: functions.where(x, x), "where does not take 2 arguments"),
        (functions.max, "max does not take 1 arguments"),
        (lambda x: functions.log(x, x, x), "log does not take 3 arguments"),
        (lambda x: functions.hypot(x, "y"), "hypot takes nodes and numbers, not str"),
        (lambda x: functions.hypot(x, None), "hypot takes nodes and numbers, not NoneType"),
        (lambda x: functions.hypot(x, True), "hypot takes nodes and numbers, not bool"),
        (lambda x: functions.sin(x, axis=0), "sin has no argument axis"),
    ],
)  # fmt: skip
def test_mistakes(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(TypeError, match=words):
        call(variable("x"))
