"""Deep and long formulas: nothing recurses, work grows with the text, and limits are told."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from gradcli import FormulaError, parse, variable
from gradcli.graph.node import Graph
from gradcli.limits import NODES, SOURCE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.formula import Formula

T = TypeVar("T")


@pytest.fixture
def shallow() -> Iterator[None]:
    """Allow Python no more than 200 nested calls; what is imported late is imported before."""
    parse("sin(x) + 1").run(x=1)
    parse("sin(x)").hessian(x=1)
    with pytest.raises(FormulaError):
        parse("sin(x")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    yield
    sys.setrecursionlimit(before)


def in_a_thread(function: Callable[[], T]) -> T:
    """The outcome of a function that starts at the bottom of a fresh stack of calls."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def used_in_every_way(source: str, **values: float) -> tuple[float, dict[str, float], Formula, str]:
    """Parse, evaluate, differentiate and print; return value, gradient, formula and text."""

    def use() -> tuple[float, dict[str, float], Formula, str]:
        formula = parse(source)
        value, gradient = formula.evaluate(values), formula.gradient(values)
        return value, gradient, formula, str(formula)

    return in_a_thread(use)


DEEP = 50_000
NESTED = {
    "parentheses": ("(" * DEEP + "x" + ")" * DEEP, 0.5, 1.0, 1),
    "signs": ("-" * DEEP + "x", 0.5, 1.0, DEEP + 1),
    "calls": ("abs(" * DEEP + "x" + ")" * DEEP, 0.5, 1.0, DEEP + 1),
    "groups": ("(" * DEEP + "x" + "+1)" * DEEP, DEEP + 0.5, 1.0, DEEP + 2),
    "to the right": ("(1+" * DEEP + "x" + ")" * DEEP, DEEP + 0.5, 1.0, DEEP + 2),
    "where": ("where(x>0," * DEEP + "x" + ",2)" * DEEP, 0.5, 1.0, DEEP + 4),
    "max": ("max(0," * DEEP + "x" + ")" * DEEP, 0.5, 1.0, DEEP + 2),
}

ALIKE = {"max", "to the right", "signs"}
"""Those that take the same ways through the program as others."""


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind in ALIKE else ()) for kind in NESTED],
)
def test_deeply_nested(kind: str) -> None:
    source, value, slope, nodes = NESTED[kind]
    got, gradient, formula, text = used_in_every_way(source, x=0.5)
    assert got == value
    assert gradient == {"x": slope}
    assert len(formula.graph.reachable([formula.id])) == nodes
    again = in_a_thread(lambda: parse(text))
    assert again.graph.rows == formula.graph.rows[: len(again.graph)]
    assert in_a_thread(lambda: str(formula.derivatives()["x"]))
    formula.graph.check()


@pytest.mark.usefixtures("shallow")
def test_a_tower_of_powers() -> None:
    # 1^(1^(1^ … ^x)): the value is 1 and so is every power below.
    formula = in_a_thread(lambda: parse("1^" * DEEP + "x"))
    assert in_a_thread(lambda: formula.evaluate(x=0.5)) == 1
    assert in_a_thread(lambda: formula.gradient(x=0.5)) == {"x": 0}


@pytest.mark.usefixtures("shallow")
def test_a_long_sum() -> None:
    terms = 30_000  # three nodes each
    source = "+".join(f"{k}*x" for k in range(terms))
    value, gradient, formula, text = used_in_every_way(source, x=2.0)
    assert value == terms * (terms - 1)
    assert gradient == {"x": terms * (terms - 1) / 2}
    assert text.count("+") == terms - 1
    assert len(formula.graph.reachable([formula.id])) == 3 * terms


@pytest.mark.usefixtures("shallow")
def test_a_long_chain_of_definitions() -> None:
    count = 20_000
    source = "u0=x;" + "".join(f"u{i + 1}=u{i}+1;" for i in range(count)) + f"u{count}*x"
    value, gradient, _, text = used_in_every_way(source, x=1.0)
    assert value == count + 1
    assert gradient == {"x": count + 2}
    assert text.startswith("u1 = x + 1; u2 = u1 + 1; ")


@pytest.mark.usefixtures("shallow")
def test_errors_deep_inside() -> None:
    for source in (
        "(" * DEEP,
        "(" * DEEP + "x" + ")" * (DEEP - 1),
        "sin(" * DEEP + ")",
        "-" * DEEP,
    ):

        def fail(wrong: str = source) -> str:
            with pytest.raises(FormulaError) as caught:
                parse(wrong)
            return caught.value.render()

        assert len(in_a_thread(fail)) < 500


@pytest.mark.usefixtures("shallow")
def test_a_deep_formula_built_in_python_is_freed_and_printed() -> None:
    def build() -> int:
        x = variable("x")
        total = x
        for _ in range(DEEP):
            total = total + x
        return len(str(total))

    assert in_a_thread(build) == 4 * DEEP + 1


# ---------------------------------------------------------------- work in line with the text

SHAPES: dict[str, Callable[[int], str]] = {
    "sum": lambda n: "+".join(f"{k}*x" for k in range(1, n + 1)),
    "product": lambda n: "*".join(f"sin({k}+x)" for k in range(n)),
    "nested": lambda n: "sin(" * n + "x" + ")" * n,
    "where": lambda n: "+".join(f"where(x>{k},{k}*x,y)" for k in range(n)),
    "nested where": lambda n: "".join(f"where(x>{k}," for k in range(n)) + "x" + ",y)" * n,
    "definitions": lambda n: "u0=x;" + "".join(f"u{i + 1}=u{i}*u{i};" for i in range(n)) + f"u{n}",
    "powers": lambda n: "+".join(f"x^{k}" for k in range(n)),
    "functions": lambda n: "f(t)=t^2+sin(t);" + "+".join(f"f(x+{k})" for k in range(n)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_graphs_grow_in_line_with_the_text(shape: str) -> None:
    typed, derived, written = [], [], []
    for n in (100, 200, 400):
        formula = parse(SHAPES[shape](n))
        typed.append(len(formula.graph))
        slopes = formula.derivatives()
        derived.append(len(formula.graph))
        written.append(sum(len(str(slope)) for slope in slopes.values()))
    for sizes in (typed, derived):
        assert sizes[2] - sizes[1] == pytest.approx(2 * (sizes[1] - sizes[0]), rel=0.02)
    assert written[2] - written[1] < 2.5 * (written[1] - written[0]) + 100


@pytest.mark.parametrize("shape", SHAPES)
def test_parsing_and_deriving_twice_the_text_asks_for_twice_the_nodes(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [0]
    add = Graph.add

    def counted(self: Graph, *row: Any) -> int:
        asked[0] += 1
        return add(self, *row)

    monkeypatch.setattr(Graph, "add", counted)
    counts = []
    for n in (200, 400, 800):
        asked[0] = 0
        parse(SHAPES[shape](n)).derivatives()
        counts.append(asked[0])
    assert counts[2] - counts[1] < 2.1 * (counts[1] - counts[0])


def seconds(function: Callable[[], object], times: int = 3) -> float:
    """The least of the processor's time, which does not go on while others run."""
    best = float("inf")
    for _ in range(times):
        begun = time.process_time()
        function()
        best = min(best, time.process_time() - begun)
    return best


def ones(formula: Formula) -> dict[str, float]:
    return dict.fromkeys(formula.free_names, 1.0)


WORK: dict[str, tuple[int, Callable[[int], str], Callable[[Formula], object]]] = {
    "parse": (4000, SHAPES["sum"], id),
    "evaluate": (2000, SHAPES["sum"], lambda f: f.evaluate(x=1)),
    "gradient": (1000, SHAPES["sum"], lambda f: f.gradient(x=1)),
    "gradient of nested calls": (1000, SHAPES["nested"], lambda f: f.gradient(x=1)),
    "print": (2000, SHAPES["sum"], str),
    "print derivatives": (500, SHAPES["nested"], lambda f: str(f.derivatives()["x"])),
    "every node": (60, lambda n: "+".join(f"sin(x*{k})" for k in range(n)), lambda f: f.run(x=1)),
    "every node, nested": (500, SHAPES["nested"], lambda f: f.run(x=1)),
    "notes": (
        40,
        lambda n: "+".join(f"abs({k}*x)" for k in range(n)),
        lambda f: f.at_values(x=0).notes(),
    ),
    "many names": (
        1500,
        lambda n: "+".join(f"x{k}" for k in range(n)),
        lambda f: f.checked(ones(f)),
    ),
    "definitions": (1000, SHAPES["definitions"], str),
    "definitions of one thing": (
        1000,
        lambda n: "".join(f"u{k}=x+1;" for k in range(n)) + "+".join(f"u{k}" for k in range(n)),
        id,
    ),
    "functions": (
        500,
        lambda n: (
            "".join(f"f{k}(t)=t+{k};" for k in range(n)) + "+".join(f"f{k}(x)" for k in range(n))
        ),
        id,
    ),
    "places": (1000, SHAPES["sum"], lambda f: f.origin and f.origin.spans()),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORK)
def test_time_grows_in_line_with_the_text(kind: str) -> None:
    size, shape, work = WORK[kind]
    small, large = shape(size), shape(10 * size)
    # 100 times as long if it were quadratic.
    assert seconds(lambda: work(parse(large))) < 30 * seconds(lambda: work(parse(small))) + 0.01


@pytest.mark.slow
def test_a_sum_of_a_million_terms_takes_ten_times_as_long_as_one_of_a_hundred_thousand() -> None:
    def work(terms: int) -> None:
        assert parse("+".join(["x*y"] * terms)).gradient(x=1, y=2) == {"x": 2 * terms, "y": terms}

    assert seconds(lambda: work(1_000_000), 1) < 30 * seconds(lambda: work(100_000), 1)


PEAK = """
from gradcli import parse

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

parse("sin(x)").gradient(x=1)
before = peak()
formula = parse({text})
formula.gradient(x=0.5, y=1.5)
print(len(formula.graph), before, peak())
"""
LONG = {
    "sum": "'+'.join(str(k) + '*x*y' for k in range({n} // 4))",
    "calls": "'+'.join(f'sin({{k}}*x)*exp(-y/{{k}})' for k in range(1, {n} // 8))",
    "nested": "'sin(' * {n} + 'x*y' + ')' * {n}",
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("kind", LONG)
def test_the_gradient_of_a_million_nodes_fits_into_2_gb(kind: str) -> None:
    def kilobytes(n: int) -> int:
        script = PEAK.format(text=LONG[kind].format(n=n))
        output = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        nodes, before, after = map(int, output.split())
        assert nodes > n
        assert after < 2_000_000
        return after - before

    # Ten times the nodes, not a hundred times the memory.
    assert kilobytes(800_000) < 15 * kilobytes(80_000)


# ---------------------------------------------------------------- limits


def test_a_text_beyond_the_limit_is_refused_at_once() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("x" * (SOURCE_CHARACTERS + 1))
    assert f"{SOURCE_CHARACTERS + 1} characters" in caught.value.message
    assert str(SOURCE_CHARACTERS) in caught.value.message
    assert len(caught.value.render()) < 500


@pytest.mark.slow
def test_the_largest_text() -> None:
    assert SOURCE_CHARACTERS == 4 * 1024 * 1024
    padded = "x + 1".ljust(SOURCE_CHARACTERS)
    assert parse(padded).evaluate(x=1) == 2
    name = "q" * SOURCE_CHARACTERS
    assert parse(name).free_names == [name]
    commented = "x # ".ljust(SOURCE_CHARACTERS, "c")
    assert parse(commented).free_names == ["x"]


@pytest.mark.slow
def test_the_largest_graph() -> None:
    assert NODES == 2_000_000
    most = "x" + "+x" * (NODES - 1)
    assert len(most) <= SOURCE_CHARACTERS
    formula = parse(most)
    assert len(formula.graph) == NODES
    assert formula.evaluate(x=1) == NODES
    with pytest.raises(FormulaError, match="more than 2000000 nodes"):
        parse(most + "+x")


@pytest.mark.slow
def test_functions_of_functions_are_counted_where_they_are_called() -> None:
    doubling = "f0(t)=t+1;" + "".join(f"f{k + 1}(t)=f{k}(2*t)+f{k}(3*t+1);" for k in range(30))
    with pytest.raises(FormulaError, match="more than 2000000 nodes"):
        parse(doubling + "f30(x)")


def test_a_literal_of_any_length_is_read_or_refused() -> None:
    assert parse("0." + "1" * 100_000).evaluate() == 1 / 9
    assert parse("0" * 100_000 + "7").evaluate() == 7
    assert parse("0e-" + "9" * 100_000).evaluate() == 0
    for digits, much in (
        ("9" * 100_000, "large"),
        ("1e" + "9" * 100_000, "large"),
        ("1e-" + "9" * 100_000, "small"),
        ("0." + "0" * 100_000 + "1", "small"),
    ):
        with pytest.raises(FormulaError, match=f"too {much} for a double"):
            parse(digits)
