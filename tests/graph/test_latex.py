r"""LaTeX and MathML of formulas: readers that know mathematics find the graph of the text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given, settings

from gradcli import MathematicsError, parse
from gradcli.graph.mathml import mathml
from gradcli.graph.node import Graph, Node
from gradcli.graph.operations import (
    CONSTANT_POWER,
    NAMED_CONSTANT,
    NEGATE,
    POWER_OF,
    VARIABLE,
)
from gradcli.graph.printing import latex_lines, latex_names, write
from tests.graph.test_text import FORMULAS, squared_again_and_again
from tests.latex_reader import read
from tests.mathml_reader import latex as from_mathml

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.formula import Formula
    from gradcli.graph.shapes import Shape

REFERENCE = Path(__file__).parent.parent / "reference"


def raised(base: Node, exponent: float | Node) -> Node:
    """A power, of e the exponential function, as `mathematics` has both."""
    if base.operation.name != "exp" or base.inputs[0].graph.number(base.inputs[0].id) != 1:
        return base**exponent
    return (base.number(exponent) if isinstance(exponent, int | float) else exponent).apply("exp")


# What LaTeX writes as mathematics does, in terms of what the reader reads.
SAME: dict[str, Callable[..., Node]] = {
    "log2": lambda x: x.apply("log to a base", 2),
    "log10": lambda x: x.apply("log to a base", 10),
    "log1p": lambda x: (1 + x).apply("log"),
    "lgamma": lambda x: abs(x.apply("gamma")).apply("log"),
    "digamma": lambda x: x.apply("polygamma", payload=0),
    "hypot": lambda x, y: (raised(x, 2) + raised(y, 2)).apply("sqrt"),
    "xlogx": lambda x: signed(x * x.apply("log")),
    "powlog": lambda x, y, k: signed(raised(x, y) * x.apply("log") ** k),
    "scaled": lambda x, y: signed(x * y),
    "ratio": lambda x, y: x / y,
}


def signed(product: Node) -> Node:
    """A product whose left factor is negated as the negated product, which is the same number."""
    left, right = product.inputs
    return (
        -signed(product.build(product.operation, (left.inputs[0].id, right.id)))
        if left.operation is NEGATE
        else product
    )


def mathematics(formula: Node) -> Node:
    """A formula with what is one thing in mathematics written in one way."""
    old, graph = formula.graph, Graph()
    new: dict[int, Node] = {}
    for node in old.reachable([formula.id]):
        operation, arguments, payload = old.rows[node]
        inputs = [new[argument] for argument in arguments]
        extra = () if payload is None else (payload,)
        if operation is VARIABLE:
            made = Node(graph, graph.variable(payload, old.shape(node)))
        elif operation.binds:
            # Of what a name is bound in, only the formula counts here.
            body = mathematics(Node(payload.graph, payload.roots[0]))
            kept = Node(
                graph, graph.variable(f"{operation.name} of {write(body.graph, body.id, {})}")
            )
            made = kept.apply("max", *inputs)
        elif operation.name in SAME:
            made = SAME[operation.name](*inputs, *extra)
        elif operation is NAMED_CONSTANT and payload == "e":
            made = Node(graph, graph.constant(1)).apply("exp")
        elif operation in {POWER_OF, CONSTANT_POWER} and old.rows[arguments[0]][::2] == (
            NAMED_CONSTANT,
            "e",
        ):
            exponent = inputs[1] if operation is POWER_OF else Node(graph, graph.constant(payload))
            made = exponent.apply("exp")
        else:
            made = Node(graph, graph.add(operation, tuple(i.id for i in inputs), payload))
            made = signed(made) if operation.name in {"multiply", "matmul"} else made
        new[node] = made
    return new[formula.id]


def assert_says_the_same(formula: Formula) -> None:
    """The LaTeX of a formula is that of the same graph, and so is the MathML made of it."""
    graph = formula.graph
    names = {shown: name for name, shown in latex_names(graph).items()}
    shapes = {name: graph.shape(node) for name, node in graph.variables([formula.id]).items()}
    for latex in (formula.latex, from_mathml(mathml(formula.latex))):
        text = read(latex, names)
        both = Graph()
        one, other = [mathematics(f) for f in (formula, parse(text, shapes))]
        same = both.adopt(one.graph, one.id) == both.adopt(other.graph, other.id)
        assert same, (str(formula), latex, text)


@settings(max_examples=300)
@given(FORMULAS)
def test_latex_says_what_the_text_says(formula: Formula) -> None:
    assert_says_the_same(formula)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("y ~ a*x + b", [("y", "a*x + b")]),
        ("k = 2*a; log(y) ~ k*x", [("log(y)", "k*x")]),
        ("y ~ a*x; z ~ a*x^2", [("y", "a*x"), ("z", "a*x^2")]),
    ],
)
@pytest.mark.parametrize("rows", [(), (4,)])
def test_a_model_is_written_as_one(
    source: str, lines: list[tuple[str, str]], rows: tuple[int, ...]
) -> None:
    formula = parse(source, dict.fromkeys("xyz", rows))
    found = latex_lines(formula.graph, formula.id, is_model=True)
    models = [line for line in found if r"\sim" in line]
    assert len(found) == len(source.split("; "))
    for (y, f), latex in zip(lines, models, strict=True):
        again = from_mathml(mathml(latex))
        for told in (latex, again):
            left, right = told.split(r"\sim")
            for text, part in ((y, left), (f, right)):
                assert str(parse(read(part))) == str(parse(text))


def test_lines_are_definitions_and_the_result() -> None:
    formula = parse("n = x1*w1 + b; o = tanh(n)")
    lines = latex_lines(formula.graph, formula.id, "o")
    assert lines == ["n = x_{1} w_{1} + b", r"o = \tanh\left(n\right)"]


def test_parentheses_grow_with_what_they_enclose() -> None:
    """A single line keeps them as they are; a fraction, a sum with limits or a table does not."""
    for source, sizes in {
        "(a + b)*c": ["false"] * 2,
        "log(x^2 + sin(3*x*y))": ["false"] * 4,
        "(a/b + c)*d": [None] * 2,
        "sqrt(x)*(sqrt(a/b) + 1)": [None] * 2,
        "sin(1 + (x + y)/z)*(x + 1)": [None, None, "false", "false"],
    }.items():
        root = ET.fromstring(mathml(parse(source).latex))  # noqa: S314 - our own
        signs = [sign for sign in root.iter("mo") if sign.text in {"(", ")"}]
        assert [sign.get("stretchy") for sign in signs] == sizes, source


def test_squares_of_e_are_those_of_the_exponential_function() -> None:
    assert_says_the_same(parse("u = pi + pi; hypot(e, u)"))


@given(FORMULAS)
def test_so_does_that_of_derivatives(formula: Formula) -> None:
    try:
        derivatives = formula.derivatives()
    except MathematicsError:  # with respect to an order, or a whole number
        assume(False)
    for derivative in derivatives.values():
        assert_says_the_same(derivative)


# ---------------------------------------------------------------- arrays, and what looks alike

SHAPES = {"A": (2, 3), "B": (3, 2), "S": (2, 2), "v": (3,), "w": (3,)}
# fmt: off
ARRAYS = [
    "A @ B", "A @ v + [1, 2]", "v @ w", "dot(v, w)*x", "A.T", "transpose(A)[0]", "A[0]", "A[0, 1]",
    "A[:, 0]", "A[-1, 1:]", "v[::-1]", "v[::2]*v[1:]", "(A @ B)[0]^2", "A[0][1]", "A.T[0]",
    "(A[0].T)[1]", "S.T @ S", "x*v", "v*x", "v*w", "v*w*x", "x*v*w", "2*v", "v*2", "v/w", "v^2",
    "2^v", "v^w", "-v*w", "v*-w", "-(v @ w)", "-v @ w", "v @ -w", "A @ (B @ S)", "(A @ B) @ S",
    "A*2 @ B", "(x*A) @ B", "x*(A @ B)", "v*[1, 2, 3]", "[1, 2, 3]", "[x]", "[x, y + 1, -z]",
    "[[1, 2], [3, 4]]", "[[x], [y]]", "[[x, y]]", "[v, w]", "[A, A]", "[[v, w]]",
    "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "[v[0], 2]*x", "r = [1, x]; [r, [3, 4]]", "[a < b]",
    "[a < b, b < a]", "[a and b]", "(a < b)*c", "[(a < b) < c]", "sum(v)", "sum(v)*x", "x*sum(v)",
    "sum(v) + x", "x + sum(v)", "x - sum(v)", "sum(v*w)", "sum(v + w)", "sum(-v)", "-sum(v)",
    "sum(v)^2", "sum(v^2)/3", "sum(A, axis=0)", "sum(A, axis=1)[0]", "sum(sum(A, axis=0))",
    "sum(v > 0)", "sum(A, axis=-1)", "sum(v @ w)", "prod(v)", "prod(A, axis=0)*v", "2*prod(v) - 1",
    "mean(v)", "mean(A, axis=1)", "var(A, axis=0)", "std(v)", "std(A, axis=1)", "norm(v)",
    "norm(A, axis=0)[1]", "norm(v - w)^2", "max(v)", "min(A, axis=1)", "max(x, y, z)", "max(v, 0)",
    "max(v) + max(x, y)", "argmax(A)", "argmax(A, axis=0)", "cumsum(v)[1]", "cumsum(A, axis=0)",
    "logsumexp(v)", "softmax(A)", "softmax(A, axis=0)[0]", "logsoftmax(v)", "cross_entropy(v, 1)",
    "cross_entropy(A, w[:2])", "mse(v, w)", "onehot(v, 3)", "zeros(2, 3)", "ones(3)*v",
    "eye(2) @ A", "linspace(0, 1, 3)*v", "linspace(-1.5, 1e6, 3)", "range(3)", "range(1, 4)*v",
    "range(5, -1, -2)", "reshape(A, 3, 2)", "broadcast(v, 2, 3)", "collapse(A, 3)",
    "where(v > 0, v, 0)", "where(A > 0 and A < 1, A, w)", "(v == max(v))/sum(v == max(v))", "not v",
    "not (v < w) or v", "abs(v)", "floor(v)/ceil(w)", "exp(v)*exp(x)", "exp(v)[0]", "sqrt(v)[0]",
    "v!", "mod(v, 2)", "hypot(v, w)", "log(v, 2)", "u = v*w; sum(u) + u[0]", "len(v)*x",
    "f(t) = t @ t; f(v) + f(w)", "sin(v)[0]",
]
NUMBERS = [
    "x1*x_1 + x₁^2", "alpha*α + beta", "mu_x*mu_y", "long_name*rate", "_x + x_ + x__y", "e_1*e",
    "pi_1 + pi*tau", "E*e^x", "T*v.T", "gamma(x)*Gamma*(y + 1)", "sigma*(x + 1) + sigmoid(x)",
    "psi*(x + 1) + digamma(x) + polygamma(1, x)", "j1*(x + 1) + sphericalj(1, x)", "psi^2*(x + 1)",
    "phi*φ", "top^top", "1e-5*x", "x*1e-5", "1e-5^x", "x^1e-5", "1e300", "2*1e5*x", "2*3", "x*2",
    "x*2^3", "x*2!", "x*2^y*2", "x*(2*y)", "1.5*10^-5", "xlogx(x + 1)*y", "xlogx(2)*x",
    "x*xlogx(x)", "log1p(x - 1)", "log1p(x + y)", "mod(a, b)*c", "mod(a + b, c) - 1",
    "1 - mod(a, b)", "mod(mod(a, b), c)", "where(a, b, c)*x", "where(a, b, c)^2",
    "1 - where(a, b, c)", "where(a, b, c) - 1", "where(a < b, where(c, 1, 2), 3)", "a < b",
    "a < b < c", "(a < b) + 1", "sqrt(a < b)", "x^(a < b)", "(a < b)^2", "not (not a)", "not a < b",
    "(not a) < b", "a/b/c", "a/(b/c)", "(a/b)^2", "(a/b)*c", "a*(b/c)", "-a/b", "-(a/b)", "a - -b",
    "--a", "a!^b", "(a!)!", "a^b^c", "(a^b)^c", "abs(a)^2", "floor(-a)", "exp(a)^2", "exp(exp(a))",
    "e^a", "e^2", "exp(1)", "cbrt(a)^2", "leaky_relu(a)",
]
BOUND = [
    "integrate(x^2 + 1, x, 0, a)", "2*integrate(a*x, x, -b, b)^2", "sum(k^2, k, 1, n)/n",
    "integrate(exp(-x^2), x, -inf, inf)", "integrate(integrate(x*y, y, 0, x), x, 0, a) - 1",
    "prod(1 - x/k, k, 1, 4)*x", "sum(sum(j*k, j, 1, k), k, 1, 3)", "solve(x^2 == a, x, 1)^2",
    "solve(cos(x) - a*x, x, 0, 1) + x", "u = a^2; integrate(u*x, x, 0, u)",
    "f(t) = integrate(t*x, x, 0, 1); f(x) + f(2*x)",
    "integrate(x < a, x, 0, 1)", "integrate(where(x < a, x, 2), x, 0, 1)", "-sum(-k, k, 1, 2)",
]
# fmt: on


@pytest.mark.parametrize("text", [*ARRAYS, *NUMBERS, *BOUND])
def test_of_arrays_and_of_what_looks_alike(text: str) -> None:
    assert_says_the_same(parse(text, SHAPES))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("sum(A, axis=0)[0]", r"{\left(\sum_{\text{axis } 0} A\right)}_{[0]}"),
        (
            "x*sum(zeros(2, 3) + 1)",
            r"x \left(\sum \left(\operatorname{zeros}\left(2, 3\right) + 1\right)\right)",
        ),
        ("max(v) - max(x, 0)", r"\max\left(v\right) - \max\left(x, 0\right)"),
        ("A @ v*x", r"A \, v x"),
        ("v*w", r"v \odot w"),
        ("A.T[1:, 0]", r"{\left(A^{\top}\right)}_{[1:, 0]}"),
        ("[[1, x], [y, 2]]", r"\begin{bmatrix} 1 & x \\ y & 2 \end{bmatrix}"),
        ("(a < b)*c", r"\left[a < b\right] c"),
        (
            "where(a < b, 1, c)",
            r"\begin{cases} 1 & \text{if } a < b \\ c & \text{otherwise} \end{cases}",
        ),
        ("a/(b + 1)*x1^2", r"\frac{a}{b + 1} x_{1}^{2}"),
        ("e^x + exp(-x)", r"e^{x} + e^{-x}"),
        ("1.5e-7*x*2", r"1.5 \times 10^{-7} x \cdot 2"),
        ("t = 3*x; u = sin(t); t*u", r"t u \quad \text{with } t = 3 x,\; u = \sin\left(t\right)"),
        ("x1 + x_1 + x₁ + β*beta", r"\mathit{x1} + \mathit{x\_1} + x_{1} + \beta \mathit{beta}"),
    ],
    ids=str,
)
def test_latex_of(text: str, latex: str) -> None:
    assert parse(text, SHAPES).latex == latex


# ---------------------------------------------------------------- the corpus


def formulas_of_the_manual() -> list[str]:
    """What the manual gives to commands, but for what it shows to be wrong."""
    pages = (REFERENCE.parent.parent / "gradcli" / "manual").glob("*.md")
    text = "\n".join(p.read_text(encoding="utf-8") for p in pages if p.stem != "arrays")
    typed = re.findall(r"^\$ gradcli (?:eval|grad|minimize|draw) '([^']+)'", text, re.MULTILINE)
    return sorted({text for text in typed if text not in {"sinn(x) + 1", "1/2x"}})


LAYERS = {"img": (3, 64), "label": (3,), "W": (64, 10), "b": (10,)}
LAYERS |= {"W1": (64, 64), "b1": (64,), "W2": (64, 10), "b2": (10,)}
MOONS = {"W1": (2, 8), "b1": (8,), "W2": (8, 1), "b2": (1,)}


def formulas_of_the_reference(file: str) -> dict[str, dict[str, Shape]]:
    """The formulas of a file, with the shapes that their names have."""
    cases = json.loads((REFERENCE / file).read_text(encoding="utf-8"))
    found = {}
    for case in cases:
        values = case["points"][0]["vars"] if "points" in case else case["vars"]
        shapes = {name: parse(str(value)).shape for name, value in values.items()}
        found[case["expr"]] = shapes
    return found


CORPUS = {
    **{
        text: LAYERS if "img" in text else MOONS if "W1" in text else {}
        for text in formulas_of_the_manual()
    },
    **formulas_of_the_reference("expressions.json"),
    **formulas_of_the_reference("printed.json"),
}


@pytest.mark.parametrize("text", CORPUS)
def test_of_every_formula_and_of_its_derivatives(text: str) -> None:
    formula = parse(text, CORPUS[text])
    assert_says_the_same(formula)
    for derivative in [*formula.derivatives().values(), *formula.readable_derivatives().values()]:
        assert_says_the_same(derivative)


def test_there_are_formulas_in_the_corpus() -> None:
    assert len(CORPUS) > 150
    assert any(shape for shapes in CORPUS.values() for shape in shapes.values())


# ---------------------------------------------------------------- size


def test_shared_parts_do_not_explode() -> None:
    lengths = [len(squared_again_and_again(times).latex) for times in (50, 100, 200)]
    assert lengths[0] < 50 * 30
    assert lengths[2] - lengths[1] < 2.5 * (lengths[1] - lengths[0])


def test_what_is_written_twice_does_not_explode() -> None:
    text = "xlogx(" * 60 + "x" + ")" * 60
    assert len(parse(text).latex) < 60 * 60
    assert_says_the_same(parse(text))


def test_depth_does_not_matter() -> None:
    text = "sin(" * 50_000 + "x" + ")" * 50_000
    assert parse(text).latex == r"\sin\left(" * 50_000 + "x" + r"\right)" * 50_000
