"""Every row of the table as machine code against the row's own Python code, and random formulas."""

from __future__ import annotations

import itertools
import math
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import MathematicsError, parse
from gradcli.formula import Formula
from gradcli.graph.bodies import LEAVES
from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE, Operation
from gradcli.point import no_location
from gradcli.programs import program as generated
from gradcli.programs.arrays import array_function
from gradcli.programs.llvm import machine
from gradcli.programs.llvm.emitter import function, kernel
from gradcli.programs.llvm.machine import LIBRARY, obstacle
from gradcli.programs.program import Program, program
from gradcli.tables.formula import RowFormula
from gradcli.tables.ranges import Range, Table
from gradcli.tables.rows import RowTable
from tests.random_formulas import LENGTH, Drawn, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMES = ["a", "b", "c"]
PAYLOADS: dict[str, list[Any]] = {
    "constant power": [2.0, 3.0, 4.0, -1.0, 0.5, 0.0, 1.0, -2.0, 5.0, 2.5, -0.5, 1 / 3],
    "powlog": [1, 2, 3],
    "polygamma": [0, 1, 2, 3, 5, 21, 171],
    "sphericalj": [0, 1, 2, 3, 15],
}

SIZES = [0.0, 5e-324, 1e-300, 1e-160, 1e-8, 0.1, 0.25, 0.5, 1 - 2**-53, 1.0, 1 + 2**-52, 1.5, 2.0]
SIZES += [2.5, math.e, 3.0, math.pi, 4.0, 7.25, 10.0, 17.3, 100.0, 170.0, 171.5, 345.6, 709.7]
SIZES += [710.0, 745.2, 1e3, 2.0**52 + 1, 1e16, 1e22, 1e100, 1e154, 1e200, 1.7976931348623157e308]
# The fractional parts of k·φ fill the interval evenly, the same way each time.
EVEN = [k * 0.6180339887498949 % 1 for k in range(1, 200)]
SIZES += [2.0 ** (80 * u - 40) for u in EVEN] + [30 * u for u in EVEN]
REAL = [sign * size for size in SIZES for sign in (1.0, -1.0)]
FEW = [sign * size for size in SIZES[:35] for sign in (1.0, -1.0)]
SOME = [sign * size for size in (0.0, 1e-300, 0.5, 1.0, 2.0, 1e300) for sign in (1.0, -1.0)]
POINTS: dict[int, list[tuple[float, ...]]] = {
    1: [(x,) for x in REAL],
    2: [*itertools.product(FEW, FEW), *zip(REAL, REAL[7:], strict=False)],
    3: [*itertools.product(SOME, SOME, SOME)],
}

SCALAR = [
    row
    for row in TABLE.values()
    if row.value is not None and not row.structural and not row.library
]
LIBRARY_ROWS = [row for row in TABLE.values() if row.library]


def single(row: Operation, count: int, payload: Any) -> Program:
    """The row as a program of the names a, b, c."""
    graph = Graph()
    names = tuple([graph.variable(name) for name in NAMES[:count]])
    return program(graph, [graph.add(row, names, payload)])


def of_formula(formula: Formula) -> Program:
    """Value and gradient."""
    slopes = formula.derivatives()
    return program(formula.graph, [formula.id, *(slope.id for slope in slopes.values())])


def attempt(compute: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return compute(*arguments)
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def values(compute: Callable[..., tuple[float, ...]], *point: float) -> tuple[float, ...] | None:
    try:
        return compute(*point)
    except ValueError:
        return None


def shown(compute: Callable[..., Any], *arguments: Any) -> str:
    """The bits of a value as text; all that is no value is the same."""
    found = attempt(compute, *arguments)
    number = found[0] if isinstance(found, tuple) else found
    return repr(number) if math.isfinite(number) else "no value"


def counts_of(row: Operation) -> list[int]:
    return [row.arity[0]] if row.arity[1] > 0 else [2, 3]


@pytest.mark.parametrize("row", SCALAR, ids=lambda row: row.name)
def test_all_engines_give_the_same_bits(row: Operation) -> None:
    """Interpreter, generated Python, machine code, arrays and tables: signs of zero included."""
    wrong = []
    for payload, count in itertools.product(PAYLOADS.get(row.name, [None]), counts_of(row)):
        whole, points = single(row, count, payload), POINTS[count]
        python, native = generated.function(whole, NAMES[:count]), function(whole, NAMES[:count])
        columns = np.array(points).T
        of_arrays = array_function(row, count, payload)
        of_tables = generated.function(
            whole._replace(has_arrays=True), NAMES[:count], same_bits=True
        )
        listed = [of_arrays(*columns), *of_tables(*columns)]
        arrays, tables = (np.broadcast_to(found, len(points)) for found in listed)
        extra = () if payload is None else (payload,)
        for location, point in enumerate(points):
            expected = shown(row.value, *point, *extra)
            found = [shown(engine, *point) for engine in (python, native)]
            numbers = of_arrays(*map(np.float64, point)), arrays[location], tables[location]
            found += [shown(float, number) for number in numbers]
            if set(found) != {expected}:
                wrong.append((point, payload, expected, found))
    assert wrong == []


@pytest.mark.parametrize("row", LIBRARY_ROWS, ids=lambda row: row.name)
def test_without_machine_code_all_other_engines_give_the_same_bits(row: Operation) -> None:
    """What SciPy computes: numbers, generated Python and arrays of every length."""
    count, payload = row.arity[0], 1 if row.payload else None
    whole = single(row, count, payload)
    assert obstacle(whole) == f"{row.name} has no machine code"
    points = [tuple(x + location * 0.4 for location in range(count)) for x in EVEN[:40]]
    python = generated.function(whole, NAMES[:count])
    arrays = array_function(row, count, payload)
    columns = [np.array(column) for column in zip(*points, strict=True)]
    extra = () if payload is None else (payload,)
    for point, found in zip(points, np.asarray(arrays(*columns)).tolist(), strict=True):
        expected = shown(row.value, *point, *extra)
        assert {shown(python, *point), shown(lambda x: x, found)} == {expected}, point
        assert shown(lambda *x: float(arrays(*x)), *point) == expected


@pytest.mark.parametrize("row", SCALAR, ids=lambda row: row.name)
def test_what_is_not_finite_leaves_a_trace(row: Operation) -> None:
    """An argument that overflowed on the way gives a fault or shows in the value."""
    count = max(row.arity[0], 1)
    payload = PAYLOADS.get(row.name, [None])
    for extra, location in itertools.product(payload, range(count)):
        if row.name == "where" and location:
            continue  # a branch, which may be the one that is not taken
        graph = Graph()
        names = [graph.variable(name) for name in NAMES[:count]]
        square = graph.add(TABLE["multiply"], (names[location], names[location]))
        negative = graph.add(TABLE["negate"], (square,))
        undefined = graph.add(TABLE["add"], (square, negative))
        for lost in (square, negative, undefined):
            arguments = (*names[:location], lost, *names[location + 1 :])
            whole = program(graph, [graph.add(row, arguments, extra)])
            compute = function(whole, NAMES[:count])
            for other in SOME:
                found = values(compute, *[1e200 if i == location else other for i in range(count)])
                assert found is None or not math.isfinite(found[0]), (extra, location, other)


def test_only_known_functions_are_called() -> None:
    called: set[str] = set()
    for row in SCALAR:
        count = max(row.arity[0], 1)
        for payload in PAYLOADS.get(row.name, [None]):
            text = kernel(single(row, count, payload), NAMES[:count]).text()
            called |= {*re.findall(r'@"([^"]*)"', text)}
    assert called & {*LEAVES} == {*LIBRARY}


def test_without_a_function_of_the_library_nothing_is_machine_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "has", lambda _: False)
    assert obstacle(of_formula(parse("x + 1"))) == "the C library lacks a function"


def test_programs_that_cannot_be_machine_code() -> None:
    assert obstacle(of_formula(parse("gamma(x) + sinc(x)"))) is None
    assert obstacle(of_formula(parse("polygamma(20, x) + sphericalj(30, x)"))) is None
    assert obstacle(of_formula(parse("sum([x, y])"))) is not None
    assert obstacle(of_formula(parse("x^y + erf(x)"))) is None


def test_a_branch_that_is_not_taken_is_no_fault() -> None:
    branches = of_formula(parse("where(x > 0, 1/exp(1/x), 1/(1/x^3 + 1/(x + 1)))"))
    compute = function(branches, ["x"])
    assert compute(0.5) == parse("1/exp(1/x)").compiled(["x"])(0.5)
    assert values(compute, 1e-3) is None  # exp overflows
    assert compute(-1e-3) == parse("1/(1/x^3 + 1/(x + 1))").compiled(["x"])(-1e-3)
    assert values(compute, -1.0) is None  # 1/0
    nested = of_formula(parse("where(x > 0, where(y > 0, 1/(1/y), 1/(1/(x - 1))), y)"))
    compute = function(nested, ["x", "y"])
    assert compute(1.0, 2.0) is not None
    assert values(compute, 1.0, -2.0) is None
    assert compute(2.0, -2.0) is not None
    assert compute(-1.0, 0.0) is not None


def test_several_threads_may_call_a_function_at_once() -> None:
    compute = parse("sin(x)*exp(-y*y) + x").compiled(["x", "y"], engine="native")
    wrong: list[float] = []

    def work(x: float) -> None:
        expected = compute(x, 0.5)
        wrong.extend(x for _ in range(10_000) if compute(x, 0.5) != expected)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, [0.5, 1.0, 2.0, 3.0]))
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


def test_as_many_values_as_parameters() -> None:
    compute = parse("a*b").compiled(["a", "b"], engine="native")
    assert compute(2, 3) == (6.0, 3.0, 2.0)
    for values_given in [(2,), (2, 3, 4)]:
        with pytest.raises(TypeError, match=f"takes 2 values, not {len(values_given)}"):
            compute(*values_given)
    assert parse("2^10").compiled([], engine="native")() == (1024.0,)


def test_nothing_that_was_typed_is_in_the_module() -> None:
    text = kernel(of_formula(parse("secret^2*sin(secret) + other")), ["secret", "other"]).text()
    assert "secret" not in text
    assert "other" not in text


MORE = ["cosh", "asin", "atanh", "cbrt", "lgamma", "digamma", "gamma", "sinc", "round", "softplus"]
MORE += ["elu", "leaky_relu", "silu", "erfc", "log1p", "expm1", "acos", "sign", "xlogx", "asinh"]
TEXTS = texts(MORE, ["max", "min", "atan2", "mod", "hypot", "log"], ["5", "-2"])
VALUES = st.sampled_from([-3.7, -1.0, -0.2, 0.0, -0.0, 0.3, 1.0, 2.5, 40.0, 1e200])
POINTS_OF_TEXTS = st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=3, max_size=6)


def at_point(formula: Formula, point: Mapping[str, float]) -> tuple[float, ...]:
    """Value and gradient of the interpreter. Raises MathematicsError."""
    here = formula.at_values(point, certain=False)
    return here.value, *here.gradient().values()


def compare_engines(text: str, points: list[tuple[float, ...]]) -> int:
    """Raise AssertionError unless all engines give the same bits; return how many numbers.

    Generated code may give up where the interpreter has a value, past a branch that is not taken,
    but never give another one.
    """
    formula = parse(text)
    names = formula.free_names
    whole = of_formula(formula)
    engines = [function(whole, names), generated.function(whole, names)]
    compared = 0
    good: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    message: str | None
    for numbers in points:
        point = dict(zip(names, numbers, strict=False))
        found = [attempt(engine, *point.values()) for engine in engines]
        native, *others = [
            f if isinstance(f, tuple) and all(map(math.isfinite, f)) else None for f in found
        ]
        try:
            expected = at_point(formula, point)
            good.append((tuple(point.values()), expected))
        except MathematicsError as problem:
            message = problem.message
        else:
            message = None
        if message is not None:
            assert native is None, (text, point)
            # Generated Python does not look at what overflows and is then only compared.
            assert others == [None] or "too large" in message, (text, point)
            continue
        for numbers_found in filter(None, (native, *others)):
            assert repr(numbers_found) == repr(expected), (text, point)
            compared += len(numbers_found)
    if names and good:
        compared += compare_arrays(text, names, good)
        compared += compare_tables(formula, names, points)
    return compared


def compare_arrays(
    text: str, names: list[str], good: list[tuple[tuple[float, ...], tuple[float, ...]]]
) -> int:
    """Raise AssertionError unless the formula over arrays gives what it gives in each place."""
    columns = dict(zip(names, np.array([point for point, _ in good]).T, strict=True))
    total = parse(f"sum({text})", {name: (len(good),) for name in names})
    alone = parse(text, {name: (len(good),) for name in names})
    found = [alone.evaluate(columns), *total.gradient(columns).values()]
    rows = zip(*[np.broadcast_to(f, len(good)).tolist() for f in found], strict=True)
    for (point, expected), (value, *slopes) in zip(good, rows, strict=True):
        assert repr(value) == repr(expected[0]), (text, point)
        # Constants are not folded in the same places, which can only change the sign of a zero.
        unsigned = [slope + 0.0 for slope in expected[1:]]
        assert repr([slope + 0.0 for slope in slopes]) == repr(unsigned), (text, point)
    return (1 + len(names)) * len(good)


def compare_tables(formula: Formula, names: list[str], points: list[tuple[float, ...]]) -> int:
    """Raise AssertionError unless tables over a range and over rows give what points do.

    The first name moves, the others stay as they are in the first point.
    """
    (first, *_), column = names, np.array([numbers[0] for numbers in points])
    fixed = dict(zip(names[1:], points[0][1:], strict=False))
    moving = {first: Range.through(column)}
    (block,) = Table(formula, fixed, moving, names, gaps=True, certain=False).blocks()
    good = []
    for x, *found in zip(column.tolist(), block.value, *block.slopes, strict=True):
        try:
            expected = at_point(formula, {first: x, **fixed})
        except MathematicsError:
            assert not np.isfinite(found).all(), (str(formula), x, fixed)
        else:
            good.append((x, expected))
            assert repr((*map(float, found),)) == repr(expected), (str(formula), x, fixed)
    rows: Any = SimpleNamespace(
        columns={first: ()},
        blocks=lambda *_: [{first: np.array([x for x, _ in good])}],
        location=no_location,
    )
    if not good:
        return 0
    assert formula.origin
    of_rows = RowTable(RowFormula(formula.origin.source, fixed, rows, [first]), names)
    (block,) = of_rows.blocks()
    listed = zip(good, block.value, *block.slopes, strict=True)
    for (x, _), *found in listed:  # a table over rows has the digits that are certain, as a point
        try:
            here = formula.at_values({first: x, **fixed}, certain=True)
            expected = here.value, *here.gradient().values()
        except MathematicsError:  # exactly, by fractions: a table runs in doubles beside a pole
            continue
        # A point may know more digits: those of an exact fraction.
        wanted = pytest.approx([float(number) for number in expected], rel=1e-12)
        assert [float(number) for number in found] == wanted, (formula, x, fixed)
    return 2 * (1 + len(names)) * len(good)


@pytest.mark.parametrize("row", [r for r in SCALAR if r.kink or r.jump], ids=lambda row: row.name)
def test_what_has_no_value_is_at_no_kink(row: Operation) -> None:
    graph = Graph()
    x = graph.variable("x")
    two = graph.constant(2.0)
    undefined = graph.add(TABLE["divide"], (two, x))
    step = graph.add(row, (undefined, *[two] * (counts_of(row)[0] - 1)))
    points = Range.through(np.array([0.0, 1.5]))
    (block,) = Table(Formula(graph, step), {}, {"x": points}, ["x"], gaps=True).blocks()
    assert np.isnan(block.value).tolist() == [True, False]


def compare_reductions(random: Random) -> int:
    """Raise AssertionError unless sums, products and the like are those of the generated code."""
    drawn = Drawn(random, arrays=True)
    formula = parse(drawn.source, drawn.shapes)
    point: dict[str, Any] = {
        name: np.array([random.uniform(-2, 2) for _ in range(LENGTH)])
        if name in drawn.shapes
        else random.choice([random.uniform(-2, 2), 0.0, -0.0, 1.0])
        for name in formula.free_names
    }
    try:
        here = formula.at_values(point)
        expected = here.value, *here.gradient().values()
    except MathematicsError:
        return 0
    found = attempt(formula.compiled([*point]), *point.values())
    if not isinstance(found, tuple):
        return 0
    texts_of = [[repr(np.asarray(x).tolist()) for x in numbers] for numbers in (found, expected)]
    assert texts_of[0] == texts_of[1], (drawn.source, point)
    return len(found)


RANDOM = st.builds(Random, st.integers(0, 2**32))


@settings(max_examples=80)
@given(TEXTS, POINTS_OF_TEXTS, RANDOM)
def test_random_formulas(text: str, points: list[tuple[float, ...]], random: Random) -> None:
    compare_engines(text, points)
    compare_reductions(random)


@pytest.mark.slow
def test_ten_thousand_random_formulas() -> None:
    counts: list[int] = []

    @settings(max_examples=10_000, deadline=None, database=None)
    @given(TEXTS, POINTS_OF_TEXTS, RANDOM)
    def run(text: str, points: list[tuple[float, ...]], random: Random) -> None:
        counts.append(compare_engines(text, points) + compare_reductions(random))

    run()
    print(f"{2 * len(counts)} formulas, {sum(counts)} numbers compared")  # noqa: T201 - with -s
    assert len(counts) >= 10_000
