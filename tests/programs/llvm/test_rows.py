"""Machine code over columns against Python's own functions, and against NumPy's pass over rows."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import MathematicsError, parse
from gradcli.graph.shapes import ROWS
from gradcli.minimize.rows_objective import RowsObjective
from gradcli.minimize.task import objective_over
from gradcli.programs import engine as python
from gradcli.programs.llvm import machine, rows
from gradcli.programs.llvm.machine import obstacle, vectorised
from gradcli.programs.program import Program, program
from tests.programs.llvm.test_operations import (
    NAMES,
    PAYLOADS,
    POINTS,
    SCALAR,
    TEXTS,
    attempt,
    of_formula,
    single,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.operations import Operation

VECTOR_ULPS = 8
"""The functions for several doubles have errors of up to 4 units, and powlog multiplies two."""
TINY = 1e-300
"""Where doubles lose digits, those functions may lose more."""
GENERATOR = np.random.default_rng(11)


@pytest.mark.parametrize("row", SCALAR, ids=lambda row: row.name)
def test_the_same_numbers_as_python_in_every_row(row: Operation) -> None:
    counts = [max(row.arity[0], 1)] if row.arity[1] > 0 else [2, 3]
    for payload, count in itertools.product(PAYLOADS.get(row.name, [None]), counts):
        run = rows.filling(single(row, count, payload), NAMES[:count], [])
        extra = () if payload is None else (payload,)
        expected = [attempt(row.value, *point, *extra) for point in POINTS[count]]
        points = [p for p, e in zip(POINTS[count], expected, strict=True) if math.isfinite(e)]
        wanted = np.array([e for e in expected if math.isfinite(e)])
        if not points:
            continue
        found = np.empty(len(points))

        columns = [np.array(column) for column in zip(*points, strict=True)]
        fault = run(len(points), *columns, found)

        assert not fault
        ulps = VECTOR_ULPS + row.error(payload)[0]
        moved = [row.error(payload)[1] * math.ulp(max(map(abs, p))) for p in points]
        allowed = [
            ulps * math.ulp(number) + TINY + more
            for number, more in zip(wanted.tolist(), moved, strict=True)
        ]
        wrong = ~(np.abs(found - wanted) <= allowed)
        assert not wrong.any(), (payload, np.array(points)[wrong], found[wrong], wanted[wrong])


def test_the_functions_for_several_doubles_that_the_processor_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if machine.library() is None:
        pytest.skip("only glibc on x86-64 has them")
    widths = {"avx2": "_ZGVdN4v_exp", "avx512f": "_ZGVeN8v_exp"}
    for has in itertools.product((False, True), repeat=2):
        features = dict(zip(widths, has, strict=True))
        monkeypatch.setattr(machine, "processor", lambda features=features: features)
        machine.variants.cache_clear()
        text = rows.sums_source(of_formula(parse("exp(x)")), [(1, -1)], ["x"], [])
        for feature, name in widths.items():
            assert (name in text) == features[feature]
        assert ("nobuiltin" in text) == (not any(has))
    machine.variants.cache_clear()


def test_a_module_without_functions_stays_as_it_is() -> None:
    assert vectorised("define void @f() { ret void }") == "define void @f() { ret void }"


# ---------------------------------------------------------------- sums

TEXT = "mean((a*exp(-b*x) + c - y)^2) + sum(where(x > a, sin(x*c), c*y^3))"


def objective(columns: dict[str, Any], engine: str, text: str = TEXT) -> RowsObjective:
    formula = parse(text, dict.fromkeys(columns, (ROWS,)))
    free = formula.free_names
    parameters = [name for name in ("a", "b", "c") if name in free]
    used = {name: value for name, value in columns.items() if name in free}
    found, _ = objective_over(formula, formula.origin, parameters, used, engine)
    assert isinstance(found, RowsObjective)
    return found


def columns_of(count: int) -> dict[str, Any]:
    x = GENERATOR.uniform(0, 4, count)
    return {"x": x, "y": 2 * np.exp(-0.7 * x) + GENERATOR.normal(0, 0.1, count)}


@pytest.mark.parametrize(
    "count", [1, 2, 7, 8, 9, 63, 1025, 8191, 8192, 8193, 16384, 131_072, 140_001]
)
def test_the_sums_of_numpy(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = columns_of(count)
    whole = objective(data, "native").whole()
    # Only the machine code may give the result.
    monkeypatch.setattr(python, "sums", lambda *_: None)
    monkeypatch.setattr(RowsObjective, "whole", None)
    monkeypatch.setattr(RowsObjective, "_by_blocks", None)

    value, slopes = objective(data, "native")([1.5, 0.5, 0.25])

    expected, gradient = whole([1.5, 0.5, 0.25])
    scale = max(map(abs, gradient))
    assert value == pytest.approx(expected, rel=1e-13)
    assert slopes == pytest.approx(gradient, rel=1e-12, abs=1e-13 * scale)


def test_no_rows() -> None:
    graph_program = of_formula(parse("x^2"))
    run = rows.sums(graph_program, [(graph_program.outputs[0], -1)], ["x"], [])

    assert run(0, 0, np.empty(0)) == []


@pytest.mark.parametrize("count", [3, 200_000])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_columns_that_are_not_finite(bad: float, count: int) -> None:
    values = GENERATOR.uniform(1, 2, count)
    values[count // 2] = bad
    whole = of_formula(parse("1/x + exp(-x^2)"))
    run = rows.sums(whole, [(whole.outputs[0], -1)], ["x"], [])

    found = run(0, count, values)

    assert found is None or not np.isfinite(np.sum(found))


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    data = columns_of(300_007)
    point = [1.5, 0.5, 0.25]
    found = set()
    for processors, at_once in itertools.product((1, 2, 3, 8), (1, 5, 16)):
        monkeypatch.setattr(rows, "processors", lambda count=processors: count)
        monkeypatch.setattr(rows, "idle", lambda count=processors: count - 1)
        monkeypatch.setattr(rows, "AT_ONCE", at_once)
        rows.pool.cache_clear()
        machine_code = objective(data, "native")
        for _ in range(3):
            value, slopes = machine_code(point)
            found.add((value, *slopes))
    rows.pool.cache_clear()

    assert len(found) == 1


def test_every_part_is_done_once_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "processors", lambda: 4)
    rows.pool.cache_clear()
    for idle, count in itertools.product((-2, 0, 1, 3), (0, 1, 5, 64, 1000)):
        monkeypatch.setattr(rows, "idle", lambda idle=idle: idle)
        done: list[int] = []
        rows.in_threads(lambda start, stop: done.extend(range(start, stop)), count, 7)  # noqa: B023
        assert sorted(done) == list(range(count))
    rows.pool.cache_clear()


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "idle", lambda: 1)

    def fails(start: int, stop: int) -> None:
        raise ValueError(start, stop)

    with pytest.raises(ValueError, match=r"\d+, \d+"):
        rows.in_threads(fails, 20, 7)


def test_where_there_is_no_value_numpy_explains() -> None:
    data = {"x": GENERATOR.uniform(1, 2, 70_000)}
    with pytest.raises(MathematicsError, match="log is undefined at"):
        objective(data, "native", "mean(log(x - a))")([1.5])
    found, _ = objective(data, "native", "mean(where(x > 1.5, log(x - 1.5), x)*a)")([2.0])
    x = data["x"]
    expected = np.mean(np.where(x > 1.5, np.log(np.where(x > 1.5, x - 1.5, 1)), x)) * 2
    assert found == pytest.approx(float(expected), rel=1e-12)


def test_machine_code_is_made_once_it_repays(
    monkeypatch: pytest.MonkeyPatch, repaid_by: Callable[[int], None]
) -> None:
    made: list[int] = []
    original = rows.sums

    def counting(*arguments: Any) -> Any:
        made.append(1)
        return original(*arguments)

    monkeypatch.setattr(rows, "sums", counting)
    repaid_by(20 * 2000)
    auto = objective(columns_of(2000), "auto")
    for evaluation in range(1, 25):
        auto([1.5, 0.5, 0.25])
        assert bool(made) == (evaluation >= 20)
    assert len(made) == 1
    python = objective(columns_of(2000), "python")
    python.evaluations = 20
    python([1.5, 0.5, 0.25])
    assert len(made) == 1


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(0, 2**32 - 1))
def test_random_formulas(text: str, seed: int) -> None:
    """Each row has the numbers that it has alone, up to what the rounding of a few steps does."""
    formula = parse(text)
    whole: Program = program(formula.graph, [formula.id])
    names = formula.free_names
    if not names or obstacle(whole) is not None:
        return
    generator = np.random.default_rng(seed)
    data = {name: generator.choice([-3.7, -1.0, -0.2, 0.3, 1.0, 2.5], 40) for name in names}
    found = np.empty(40)

    rows.filling(whole, names[:-1], names[-1:])(
        40, data[names[-1]][0], *[data[name] for name in names[:-1]], found
    )

    data[names[-1]][:] = data[names[-1]][0]
    for row in range(40):
        point = {name: float(column[row]) for name, column in data.items()}
        try:
            value = formula.evaluate(point)
            near = [formula.evaluate({**point, n: v * (1 + 1e-12)}) for n, v in point.items()]
        except MathematicsError:
            continue
        # Where the next points have quite other values, rounding may decide between them too.
        change = max(abs(other - value) for other in near)
        if change <= 1e-9 * abs(value):
            assert found[row] == pytest.approx(value, rel=1e-9, abs=1e-12), (text, point)
