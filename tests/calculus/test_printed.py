"""Every text that is printed as a derivative is true, and reads back: against mpmath."""

from __future__ import annotations

import html
import re
import sys
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath import mp, mpf

from gradcli import MathematicsError, parse
from gradcli.calculus.spelling import spelled
from gradcli.graph.printing import write
from gradcli.language.names import FUNCTION_NAMES
from gradcli.pictures.graph import dot
from gradcli.pictures.graph.sketch import Options, sketch
from gradcli.pictures.lesson.figures import flows, slope_name
from tests.latex_reader import read
from tests.mpmath_graph import Exact, exact, slopes
from tests.random_formulas import Drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.formula import Formula
    from gradcli.graph.shapes import Shape

WIDEST = 10_000
"""Formulas whose value or derivative is larger say little: they are left out, and counted."""
DIGITS = 40
FUNCTIONS = {*FUNCTION_NAMES, "f", "sphericalj"}
"""What a printed text may call: what the language documents."""


class Wrong(AssertionError):  # noqa: N818 - a failure of a test, which is no error of a program
    """A text that is not true, with all that is needed to see it."""


def repeatable(seed: int | str) -> Random:
    """Random choices that are the same in each run."""
    return Random(seed)  # noqa: S311 - nothing secret


def close(got: Exact, want: Exact) -> bool:
    """Whether all numbers agree to 1e-9; a single number stands for each entry."""
    got, want = np.broadcast_arrays(np.asarray(got, object), np.asarray(want, object))
    return all(
        abs(mp.mpmathify(x) - y) <= mpf("1e-9") * max(1, abs(y))
        for x, y in zip(got.ravel(), want.ravel(), strict=True)
    )


def value(text: str, values: Mapping[str, Exact]) -> Exact:
    """What a text is that was printed, read by the language and evaluated by mpmath."""
    shapes: dict[str, Shape] = {name: np.shape(x) for name, x in values.items()}
    names = set(re.findall(r"[^\W\d]\w*", text))
    formula = parse(text, {name: shape for name, shape in shapes.items() if name in names})
    called = set(re.findall(r"([^\W\d]\w*)\(", text)) - {"and", "or", "not"}
    assert called <= FUNCTIONS, f"{called - FUNCTIONS} in {text}"
    return exact(formula.graph, formula.id, values)[formula.id]


def place(random: Random, shape: Shape) -> Any:
    """A number, or an array of them, of few binary digits: what is equal is so in doubles too."""
    numbers = [random.randint(300, 1900) / 1024 for _ in range(int(np.prod(shape)))]
    return np.reshape(numbers, shape) if shape else numbers[0]


def point(formula: Formula, random: Random) -> dict[str, Exact]:
    """Random values for the names, at which the formula is smooth; empty when there are none."""
    nodes = formula.graph.variables([formula.id])
    for _ in range(4):
        found: dict[str, Exact] = {}
        for name, node in nodes.items():
            found[name] = place(random, formula.graph.shape(node))
        try:
            here = formula.at_values(found)
            gradient = here.gradient()
        except MathematicsError:
            continue
        sizes = [abs(here.value), *(np.max(np.abs(slope)) for slope in gradient.values())]
        if max(sizes) < WIDEST and not here.notes() and not has_power_of_zero(formula, found):
            return {
                name: np.vectorize(mpf, otypes=[object])(x) if np.shape(x) else mpf(x)
                for name, x in found.items()
            }
    return {}


def has_power_of_zero(formula: Formula, values: Mapping[str, Any]) -> bool:
    """Whether 0^y is worked out, whose derivative by y is the limit of 0^y*log(0)."""
    steps = {step.id: step for step in formula.run(values).steps}
    powers = [step for step in steps.values() if step.operation == "power"]
    bases: list[Any] = [steps[step.inputs[0].node].value for step in powers]
    return any(np.any(np.equal(base, 0)) for base in bases)


def truth(formula: Formula, values: Mapping[str, Exact], name: str) -> Exact:
    """The derivative of the formula by a name, by mpmath."""

    def at(x: Exact) -> Exact:
        return exact(formula.graph, formula.id, {**values, name: x})[formula.id]

    return slopes(at, values[name])


def check(source: str, shapes: Mapping[str, Shape], random: Random, counts: Counter[str]) -> None:
    """Read back all that is printed about one formula, at a random point."""
    formula = parse(source, shapes)
    if not formula.free_names:
        counts["constant"] += 1
        return
    values = point(formula, random)
    if not values:
        counts["without a smooth point"] += 1
        return
    counts["formulas"] += 1
    for name, derivative in formula.readable_derivatives().items():
        want = truth(formula, values, name)
        text = str(derivative)
        counts["texts"] += 1
        counts["texts with let lines"] += "t1 =" in text
        if not close(value(text, values), want):
            raise Wrong(f"d/d{name} of {source} is not {text} at {values}, but {want}")
        assert derivative.shape == np.shape(values[name])
        shown = derivative.latex
        counts["LaTeX"] += 1
        if not close(value(read(shown), values), want):
            raise Wrong(f"d/d{name} of {source} is not {shown} at {values}, but {want}")
    for only_named in (False, True):
        check_picture(formula, values, counts, only_named=only_named)


def check_picture(
    formula: Formula, values: Mapping[str, Exact], counts: Counter[str], *, only_named: bool
) -> None:
    """Read back the local derivative on every arrow of a picture, between single numbers."""
    graph = formula.graph
    numbers = exact(graph, formula.id, values)
    steps = formula.structure(only_named=only_named)
    named = {step.name: numbers[step.id] for step in steps if step.name is not None}
    drawn = sketch(graph, formula.id, steps)
    sums: dict[tuple[int, int], Exact] = {}
    texts: dict[tuple[int, int], list[str]] = {}
    for arrow in drawn.arrows:
        shown = dot.local(drawn, arrow, Options(local="formula"))
        head, tail = arrow.head.step.id, arrow.edge.node
        if shown is None or graph.shape(head) or graph.shape(tail):
            continue
        text = html.unescape(re.sub(r"<.*?>", "", shown.removeprefix("<"))).strip("<>")
        text = text.replace("−", "-")
        if "…" in text:
            sums[head, tail] = mp.nan
            continue
        texts.setdefault((head, tail), []).append(text)
        sums[head, tail] = sums.get((head, tail), mpf(0)) + value(text, {**values, **named})
    for (head, tail), got in sums.items():
        if mp.isnan(got):
            counts["labels cut short"] += 1
            continue
        known = {
            edge.node: numbers[edge.node]
            for step in steps
            if step.id == head
            for edge in step.inputs
        }

        def at(x: Exact, head: int = head, tail: int = tail, known: Any = known) -> Exact:
            return exact(graph, head, values, {**known, tail: x})[head]

        counts["labels"] += 1
        if not close(got, slopes(at, numbers[tail])):
            raise Wrong(f"{texts[head, tail]} on an arrow of {formula} at {values}")


def run(seeds: range) -> Counter[str]:
    """Check a formula for each seed, every second one with arrays; return the counts."""
    counts: Counter[str] = Counter()
    with mp.workdps(DIGITS):
        for seed in seeds:
            random = repeatable(seed)
            drawn = Drawn(random, arrays=seed % 2 == 1)
            check(drawn.source, drawn.shapes, random, counts)
    return counts


def test_everything_printed_about_random_formulas_is_true() -> None:
    counts = run(range(200))
    assert counts["formulas"] > 120
    assert min(counts["texts"], counts["LaTeX"], counts["labels"]) > 100


@pytest.mark.slow
def test_everything_printed_about_ten_thousand_formulas_is_true(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = run(range(1000, 17_000))
    with capsys.disabled():
        told = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        sys.stdout.write(f"\nread back: {told}\n")
    assert counts["formulas"] >= 10_000


OVER_ARRAYS = {
    (3,): """std(w) prod(w) var(w) w[0]*w[1] sum(w[1:]*w[:-1]) mean((a*w+b)^2) softmax(w)[1] sum(w)
        logsumexp(w) norm(w) max(w) min(w) mean(w) w@w sum(w@[[1,2,3],[3,4,5],[6,7,8]]) w[-1]^2
        sum(where(w>1,w^2,a*w)) sum(cumsum(w)^2) sum(cumsum(w)[1:]) cross_entropy(w,1) mse(w,a)
        cross_entropy(w,[0.5,0.25,0.25]) sum(log(a*w)) sum(w*[x,y,a]) [w[0],x]@[x,w[2]] sum(w/w)
        logsoftmax(w)[0] sum(w[::-1]*w*[1,2,3]) sum([w,2*w].T[1]) prod(w[1:]) sum(reshape(w,1,3))
        std(w-a) var([w[0],x,y]) dot(w[:2],w[1:]) sum(exp(w)*w)/sum(w)
        sum(scatter(w[1:],zeros(4)[::3])^2)
        sum([w]*transpose([w])) max(w,axis=0)*x prod([w,w],axis=1)[1]""",
    (9,): """prod(w) w[0]*w[5] sum(w[1:]*w[:-1]) sum(w[::2]*w[:5]) sum(w[7:1:-2]^2) cumsum(w)[4]^2
        sum(w[1:][::2]*w[8:0:-2]) std(w)/norm(w)""",
    (
        2,
        3,
    ): """sum(std(A,axis=1)) sum(prod(A,axis=0)) sum(prod(A,axis=1)^2) prod(A) var(A) A[0,1]*A[1,0]
        sum(mean(A,axis=0)^2) sum(softmax(A)[:,0]) sum(softmax(A,axis=0)[0]) sum(A.T@A)
        sum((A@[1,2,3])^2)
        sum(var(A,axis=0)) sum(A[:,1:]*A[:,:2]) sum(A-mean(A,axis=0))^2 sum([1,2]@A) sum(A*A[0])
        sum(norm(A,axis=1)) max(A) sum(max(A,axis=1)) logsumexp(A) sum(logsumexp(A,axis=0)*[1,2,3])
        sum(cumsum(A,axis=0)^2) sum(cumsum(A)[:,1]) sum(A[1]@A.T) reshape(A,3,2)[1,1]^2
        sum(A*[1,2,3])
        cross_entropy(A,[[0.5,0.5,0],[0,1,0]]) mean(A@A.T) sum(where(A>1,A*a,A^2)) A[1]@A[0]""",
    (2, 2, 2): """sum(T[0]@T[1]) sum(sum(T,axis=1)^2) sum(prod(T,axis=1)) sum(T[:,0,1:]*T[1,:,:1])
        sum(std(T,axis=1)) sum(mean(T,axis=0)@[1,2]) sum(transpose(T)[1]*T[0])""",
}
"""Formulas of arrays that have these shapes."""


@pytest.mark.parametrize(
    ("source", "shape"),
    [(text, shape) for shape, listed in OVER_ARRAYS.items() for text in listed.split()],
)
def test_formulas_of_arrays_read_back(source: str, shape: Shape) -> None:
    counts: Counter[str] = Counter()
    array = "wAT"[len(shape) - 1]
    with mp.workdps(DIGITS):
        check(source, {array: shape}, repeatable(source), counts)
    assert counts["texts"] > 0


@pytest.mark.parametrize(
    ("source", "shape", "printed"),
    [
        ("std(w)", (3,), "(w - mean(w))/(3*std(w))"),
        ("w @ w", (3,), "2*w"),
        ("sum(w)", (3,), "ones(3)"),
        ("w[0]*w[1]", (2,), "[w[1], w[0]]"),
        ("sum(w[1:]*w[:-1])", (9,), "scatter(w[:-1], zeros(9)[1:]) + scatter(w[1:], zeros(9)[:8])"),
        ("prod(w)", (9,), "prod(where(eye(9), 1, w), axis=1)"),
    ],
)
def test_what_an_array_formula_looks_like(source: str, shape: Shape, printed: str) -> None:
    assert str(parse(source, {"w": shape}).readable_derivatives()["w"]) == printed


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("x^2 + x + y", {"x": "2*x + 1", "y": "1"}),
        (
            "(a + b)*a*x + (a + b)*b*x",
            {"a": "a*x + b*x + x*(a + b)", "b": "a*x + b*x + x*(a + b)", "x": "(a + b)^2"},
        ),
        ("y - tan(x)", {"y": "1", "x": "-tan(x)^2 - 1"}),
        ("x + 0.5*b + b", {"x": "1", "b": "1.5"}),
        ("prod([a, b, c])", {"a": "b*c", "b": "a*c", "c": "a*b"}),
        ("var([a, b])", {"a": "a - mean([a, b])", "b": "b - mean([a, b])"}),
        ("cumsum([a, b])[1]", {"a": "1", "b": "1"}),
        ("v = [x, y, z]; v[0]*v[1] + v[2]", {"x": "y", "y": "x", "z": "1"}),
        ("sum(log(a*[1, 2, 3]))", {"a": "3/a"}),
    ],
)
def test_what_a_derivative_looks_like(source: str, printed: dict[str, str]) -> None:
    found = parse(source).readable_derivatives()
    assert {name: str(derivative) for name, derivative in found.items()} == printed


@pytest.mark.parametrize(
    "source",
    ["(1e200*x)^2*1e-300", "(1e-200*x)^2*1e300", "(1e200*x)^2*(1e-200*y)^2", "1e308*x + 1e308*x"],
)
def test_numbers_beyond_a_double_stay_as_they_were_typed(source: str) -> None:
    formula = parse(source)
    values = {"x": mpf("0.75"), "y": mpf("1.25")}
    for name, derivative in formula.readable_derivatives().items():
        with mp.workdps(DIGITS):
            assert close(value(str(derivative), values) / truth(formula, values, name), 1)


def test_a_long_sum_takes_time_in_proportion() -> None:
    """Time for four times the terms, beside that for the terms; the square would be 16 times."""
    times = []
    for count in (1_000, 4_000):
        formula = parse("(" + " + ".join(f"sin({i}*x)*y - x" for i in range(1, count)) + ")^2 + x")
        start = time.process_time()
        found = formula.readable_derivatives()
        times.append(time.process_time() - start)
        assert str(found["y"]).count("sin(") == 2 * (count - 1)
    assert times[1] < 9 * times[0]


@pytest.mark.parametrize(
    ("source", "shapes"),
    [
        ("u = w[1]; u^2", {"w": (3,)}),
        ("A[0, 1]*2", {"A": (2, 2)}),
        ("sum(softmax(w)*[1, 2, 3])", {"w": (3,)}),
        ("std(w) + prod(w)", {"w": (3,)}),
        ("norm(A @ w)", {"A": (2, 3), "w": (3,)}),
        ("sum(mean(A, axis=1)^2)", {"A": (2, 3)}),
    ],
)
def test_what_a_lesson_says_flows_back_reads_back(source: str, shapes: dict[str, Shape]) -> None:
    """The whole derivative is what flows back along the arrows, each read as it is written."""
    formula = parse(source, shapes)
    values = point(formula, repeatable(1))
    graph = formula.graph
    numbers = exact(graph, formula.id, values)
    drawn = sketch(graph, formula.id, formula.structure())
    arrived: dict[int, Exact] = {formula.id: mpf(1)}
    with mp.workdps(DIGITS):
        for flow in flows(drawn):
            head, tail = flow.head.step, flow.tail.step
            names = {node: f"n{node}" for node in (head.id, *(edge.node for edge in head.inputs))}
            if flow.rule is None:
                text = f"g*({write(graph, flow.arrows[0].edge.formula[0], names)})"
            else:
                slope = graph.variable(slope_name(flow.head), graph.shape(head.id))
                (shown,) = spelled(graph, names, [flow.rule], names)
                text = str(write(graph, shown, {**names, slope: "g"}))
            given = {f"n{node}": numbers[node] for node in names}
            part = value(text, {**given, **values, "g": arrived[head.id]})
            arrived[tail.id] = arrived.get(tail.id, mpf(0)) + part
        for name, node in graph.variables([formula.id]).items():
            assert close(arrived[node], truth(formula, values, name)), (source, name)


@pytest.mark.parametrize(
    "source",
    ["u = (a^0.5)^-2; v = w[1]*a*w; max(u*v)", "max(exp(a*w))", "min(sin([a, 2*a, w[1]]))"],
)
def test_what_is_compared_is_computed_as_it_was_typed(source: str) -> None:
    """u*v[1] is w[1]^2 but for rounding, and would not equal the greatest of u*v."""
    formula = parse(source, {"w": (3,)})
    for step in range(1, 40):
        values = {"a": step / 20, "w": np.array([0.5, 1.7, 0.2])}
        want = formula.gradient(values)
        for name, derivative in formula.readable_derivatives().items():
            again = parse(str(derivative), {"w": (3,)})
            got = again.evaluate({free: values[free] for free in again.free_names})
            assert got == pytest.approx(want[name], rel=1e-12)
