"""Fits and trainings whose rows machine code works out, against those of NumPy."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli import MathematicsError, UsageError, parse
from gradcli.data.rows import HeldRows
from gradcli.graph.shapes import Rows
from gradcli.minimize.minimize import minimize
from gradcli.minimize.residuals import BLOCK_ROWS
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request, Task, task
from gradcli.minimize.training import Batches, Training
from gradcli.programs.llvm import rows
from gradcli.solvers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

GENERATOR = np.random.default_rng(3)
ROWS = BLOCK_ROWS + 77
X = GENERATOR.uniform(0.5, 4, ROWS)
Y = 2 * np.exp(-0.7 * X) + 0.3 + GENERATOR.normal(0, 0.1, ROWS)
U = GENERATOR.uniform(1, 2, ROWS)
DATA = {"x": X, "y": Y, "u": U}
START = {"a": 1.5, "b": 0.5, "c": 0.25}

MODELS = [
    "y ~ a*exp(-b*x) + c",
    "y ~ a + b*x + c*x^2",
    "log(y + 3) ~ a*sin(b*x)^c",
    "y ~ where(x > b, a*x, c*x^2)",
    "sum((a*x + b*c - y)^2)",
    "y ~ a*x + b + 0*c",
]


def fit_of(text: str, engine: str, start: dict[str, Any] | None = None, **settings: Any) -> Task:
    start = start or START
    shapes = {name: np.shape(value) for name, value in start.items()}
    formula = parse(text, shapes | dict.fromkeys(DATA, (Rows(ROWS),)))
    return task(
        Request(formula, formula.origin, start, {}, DATA, Settings(engine=engine, **settings))
    )


def stacked(found: Task, point: Any) -> tuple[Any, Any]:
    assert found.fit is not None
    parts = list(found.fit.residuals.blocks(point))
    values = list(found.fit.residuals.values(point))
    np.testing.assert_array_equal(np.concatenate(values), np.concatenate([v for v, _ in parts]))
    return np.concatenate([v for v, _ in parts]), np.concatenate([m for _, m in parts])


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each block that machine code has filled."""
    filled: list[int] = []
    original = rows.filling

    def counting(*arguments: Any) -> Any:
        run = original(*arguments)

        def counted(count: int, *values: Any) -> bool:
            filled.append(count)
            return run(count, *values)

        return counted

    monkeypatch.setattr(rows, "filling", counting)
    return filled


@pytest.mark.parametrize("weights", [None, "u"])
@pytest.mark.parametrize("text", MODELS)
def test_the_residuals_and_jacobian_of_numpy(
    text: str, weights: str | None, kernels: list[int]
) -> None:
    if weights and "~" not in text:
        weights = None
    point = np.array([*START.values()])

    found, jacobian = stacked(fit_of(text, "native", weights=weights), point)

    assert kernels == [BLOCK_ROWS, 77] * 2
    expected, matrix = stacked(fit_of(text, "python", weights=weights), point)
    assert kernels == [BLOCK_ROWS, 77] * 2
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(jacobian, matrix, rtol=1e-12, atol=1e-14)


def test_parameters_that_are_arrays(kernels: list[int]) -> None:
    text, start = "y ~ w[0]*exp(-w[1]*x) + w[2]", {"w": np.array([1.5, 0.5, 0.25])}

    found, jacobian = stacked(fit_of(text, "native", start), start["w"])

    assert kernels
    e = np.exp(-0.5 * X)
    np.testing.assert_allclose(np.abs(found), np.abs(1.5 * e + 0.25 - Y), rtol=1e-13, atol=1e-14)
    signs = np.sign(jacobian[0, 0])
    columns = np.column_stack([e, -1.5 * X * e, np.ones(ROWS)])
    np.testing.assert_allclose(signs * jacobian, columns, rtol=1e-13)


def test_where_there_is_no_value_both_engines_refuse() -> None:
    for engine in ("native", "python"):
        with pytest.raises(MathematicsError):
            stacked(fit_of("y ~ a*log(x - b) + c", engine), np.array([1.0, 2.0, 0.0]))


def test_fits_agree(kernels: list[int]) -> None:
    formula = parse("y ~ a*exp(-b*x) + c")
    native = formula.minimize(START, data={"x": X, "y": Y}, engine="native")
    python = formula.minimize(START, data={"x": X, "y": Y}, engine="python")

    assert kernels
    assert native.converged
    assert native.parameters == pytest.approx(python.parameters, rel=1e-11)
    assert native.statistics is not None
    assert python.statistics is not None
    assert native.statistics.rss == pytest.approx(python.statistics.rss, rel=1e-13)


def test_engines_of_compiled_functions() -> None:
    formula = parse("mean((a*x - y)^2)")
    for engine in ("auto", "python", "native"):
        value, slope = formula.compiled(["a"], data={"x": X, "y": Y}, engine=engine)(1.5)
        residual = 1.5 * X - Y
        assert value == pytest.approx(float(np.mean(residual**2)), rel=1e-13)
        assert slope == pytest.approx(float(np.mean(2 * residual * X)), rel=1e-13)
    with pytest.raises(UsageError, match="auto, python, native"):
        formula.compiled(["a"], data={"x": X, "y": Y}, engine="fortran")


def trained(engine: str) -> Training:
    formula = parse("mean((a*x + b - y)^2)", {"x": (ROWS,), "y": (ROWS,)})
    data = HeldRows({"x": X, "y": Y})
    how = Settings(lr=0.01, engine=engine)
    start = {"a": 0.0, "b": 0.0}
    return Training(Request(formula, formula.origin, start, {}, data, how), Batches(2048, 3))


@pytest.mark.parametrize("engine", ["auto", "native"])
def test_batches_of_many_rows(engine: str, repaid_by: Callable[[int], None]) -> None:
    repaid_by(5 * 2048)
    found = trained(engine).run().parameters

    a = b = 0.0
    for epoch in range(3):
        order = np.random.default_rng([0, epoch]).permutation(ROWS)
        for first in range(0, ROWS, 2048):
            x, y = X[order[first : first + 2048]], Y[order[first : first + 2048]]
            residual = a * x + b - y
            a -= 0.01 * 2 * float(np.mean(residual * x))
            b -= 0.01 * 2 * float(np.mean(residual))
    assert found == pytest.approx({"a": a, "b": b}, rel=1e-12)


class Stop(Observer):
    """Keeps the state after some batches, and stops there."""

    wants_state = True

    def __init__(self, after: int) -> None:
        self.after = after
        self.state: Any = None

    def save(self, step: int, state: dict[str, Any], **_: Any) -> None:  # noqa: ARG002
        self.after -= 1
        if self.after == 0:
            self.state = copy.deepcopy(state)

    def stop(self) -> bool:
        return self.state is not None


@pytest.mark.parametrize("engine", ["auto", "native"])
def test_a_resumed_training_gives_the_same_bits(
    engine: str, repaid_by: Callable[[int], None]
) -> None:
    repaid_by(5 * 2048)
    whole = trained(engine).run().parameters
    stop = Stop(7)
    trained(engine).run([stop])

    resumed = trained(engine)
    resumed.restore(stop.state)

    assert resumed.run().parameters == whole


class States(Observer):
    """Keeps the state after every step."""

    wants_state = True

    def __init__(self) -> None:
        self.states: dict[int, Any] = {}

    def following(self, step: int) -> int:
        return step + 1

    def save(self, step: int, state: dict[str, Any], **_: Any) -> None:
        self.states[step] = copy.deepcopy(state)


@pytest.mark.parametrize("method", ["gd", "adam", "lbfgs"])
def test_a_resumed_run_gives_the_same_bits(method: str, repaid_by: Callable[[int], None]) -> None:
    repaid_by(10 * ROWS)
    rows = Rows(ROWS)
    formula = parse("mean((a*exp(-b*x) + c - y)^2)", {"x": (rows,), "y": (rows,)})
    kept = States()

    def run(**more: Any) -> Any:
        how = Settings(method=method, steps=40, tol=0.0)
        data = {"x": X, "y": Y}
        return minimize(formula, START, origin=formula.origin, data=data, settings=how, **more)

    whole = run(observers=[kept])
    assert len(kept.states) > 10
    for step in (1, 5, 9, 10, 11, 30):
        again = run(observers=[States()], resumed=kept.states[min(step, max(kept.states))])
        assert (again.parameters, again.evaluations) == (whole.parameters, whole.evaluations)
