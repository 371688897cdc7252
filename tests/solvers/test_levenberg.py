"""Fits against NIST's certified numbers, scipy and published minima, and what they trip over."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from scipy import optimize

from gradcli.errors import MathematicsError
from gradcli.solvers.levenberg import LevenbergMarquardt
from gradcli.solvers.linear import LinearLeastSquares
from gradcli.solvers.solver import run
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import Box
from tests.solvers.nist import FormulaResiduals, data_sets, digits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gradcli.solvers.solver import Matrix, Outcome, Vector

scipy_least_squares: Any = optimize.least_squares

SETS = data_sets()
NONLINEAR = [
    pytest.param(name, number, id=f"{name} from start {number + 1}")
    for name, row in SETS.items()
    if not row.is_linear
    for number in (0, 1)
]

LINEAR = {
    "Norris": 13.5,
    "NoInt1": 14.5,
    "Filip": 7.4,
    "Longley": 14,
    "Wampler1": 14.5,
    "Wampler4": 14.5,
}
"""Correct digits of the worst parameter; Filip's powers are rounded before they get here."""


@pytest.mark.parametrize(("name", "number"), NONLINEAR)
def test_certified_fits(name: str, number: int) -> None:
    row = SETS[name]
    solver = LevenbergMarquardt(row.residuals(), row.starts[number], unbounded(row.parameters))
    outcome = run(solver)
    assert outcome.reason.ending is Ending.CONVERGED
    # NIST certifies eleven digits, of which the last is rounded.
    assert digits(outcome.record.point, row.certified, 11) > 10.3
    assert outcome.record.value == pytest.approx(row.rss, rel=1e-9)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("rows", [None, 7])
def test_certified_linear_fits(name: str, rows: int | None) -> None:
    row = SETS[name]
    solver = LinearLeastSquares(row.residuals(rows), row.starts[0], unbounded(row.parameters))
    outcome = run(solver)
    assert outcome.reason.sentence == "converged: the model is linear and was solved at once"
    assert outcome.steps == 1
    assert digits(outcome.record.point, row.certified, 15) > LINEAR[name]
    tiny = 1e-18 * float(np.sum(row.columns["y"] ** 2))
    assert outcome.record.value == pytest.approx(row.rss, rel=1e-8, abs=tiny)


def test_blocks_of_rows_give_the_same_fit() -> None:
    row = SETS["Thurber"]
    solver = LevenbergMarquardt(row.residuals(5), row.starts[0], unbounded(row.parameters))
    assert digits(run(solver).record.point, row.certified, 11) > 10.3


class Problem(NamedTuple):
    """A problem of Moré, Garbow and Hillstrom, Testing Unconstrained Optimization Software, 1981.

    The residuals depend on k = 1, 2, … up to `observations`; `minima` are sums of squares.
    """

    name: str
    source: str
    observations: int
    start: dict[str, float]
    minima: tuple[float, ...]


PROBLEMS = [
    Problem("1", "where(k < 2, 10*(b - a^2), 1 - a)", 2, {"a": -1.2, "b": 1}, (0,)),
    Problem(
        "2",
        "where(k < 2, -13 + a + ((5 - b)*b - 2)*b, -29 + a + ((b + 1)*b - 14)*b)",
        2,
        {"a": 0.5, "b": -2},
        (0, 48.9842),
    ),
    Problem(
        "3", "where(k < 2, 1e4*a*b - 1, exp(-a) + exp(-b) - 1.0001)", 2, {"a": 0, "b": 1}, (0,)
    ),
    Problem("6", "2 + 2*k - (exp(k*a) + exp(k*b))", 10, {"a": 0.3, "b": 0.4}, (124.362,)),
    Problem(
        "16",
        "(a + k/5*b - exp(k/5))^2 + (c + d*sin(k/5) - cos(k/5))^2",
        20,
        {"a": 25, "b": 5, "c": -5, "d": -1},
        (85822.2,),
    ),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_published_minima(problem: Problem) -> None:
    outcome = fit(problem.source, {"k": np.arange(1.0, problem.observations + 1)}, problem.start)
    assert outcome.reason.ending is Ending.CONVERGED
    assert any(outcome.record.value == pytest.approx(m, rel=1e-5) for m in problem.minima)


def test_large_curved_residuals_are_fitted_to_the_last_digits() -> None:
    # Gauss-Newton steps lead away from this minimum. The digits are those of Newton's method with
    # 50 digits in mpmath.
    problem = PROBLEMS[-1]
    outcome = fit(problem.source, {"k": np.arange(1.0, 21)}, problem.start)
    expected = BROWN_DENNIS
    assert digits(outcome.record.point, np.array(expected), 13) > 12


BROWN_DENNIS = [
    -11.594439904762165,
    13.203630051207204,
    -0.40343948817685952,
    0.2367787744557363,
]

BOXES: list[Any] = [
    ("Misra1a", 1, [0, 0], [np.inf, 5.2e-4], {1}),
    ("Misra1a", 1, [0, 0], [200, 1], {0}),
    ("Rat42", 1, [0, 0, 0], [70, np.inf, 0.065], {0, 2}),
    ("Thurber", 1, [0] * 7, [1280, np.inf, 500, *[np.inf] * 3, 0.04], {0, 2}),
    ("MGH17", 1, [0, 0, -1, 0, 0], [np.inf] * 5, {2}),
    ("Kirby2", 1, [1.7, *[-np.inf] * 4], [np.inf] * 5, {0}),
    ("Lanczos3", 1, [0.1, *[0] * 5], [np.inf] * 6, {0}),
    ("Rat42", 0, [0, 0, 0], [1000, 1000, 1000], set()),
]


@pytest.mark.parametrize(("name", "number", "lower", "upper", "stopped"), BOXES)
def test_bounds_as_in_scipy(
    name: str, number: int, lower: list[float], upper: list[float], stopped: set[int]
) -> None:
    row = SETS[name]
    box = Box(np.array(lower, dtype=float), np.array(upper, dtype=float))
    residuals = Watched(row.residuals(), box)
    start = box.clipped(row.starts[number])
    outcome = run(LevenbergMarquardt(residuals, start, box))
    expected = scipy_least_squares(
        lambda point: next(row.residuals().values(point)),
        np.clip(start, box.lower + 1e-12, box.upper),
        lambda point: next(row.residuals().blocks(point))[1],
        bounds=(box.lower, box.upper),
        x_scale="jac",
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
    )
    point = outcome.record.point
    assert outcome.reason.ending is Ending.CONVERGED
    assert set(np.flatnonzero((point == box.lower) | (point == box.upper))) == stopped
    assert outcome.record.value <= 2 * expected.cost * (1 + 1e-11)
    np.testing.assert_allclose(point, expected.x, rtol=1e-6)


def test_bounds_that_do_not_matter_change_nothing() -> None:
    row = SETS["Misra1a"]
    wide = Box(np.array([0.0, 0.0]), np.array([1e6, 1.0]))
    inside = run(LevenbergMarquardt(row.residuals(), row.starts[1], wide))
    free = run(LevenbergMarquardt(row.residuals(), row.starts[1], unbounded("ab")))
    assert inside.record.point.tolist() == free.record.point.tolist()


@pytest.mark.parametrize(
    ("lower", "upper"),
    [([-0.2, 0], [5, 5]), ([0.2, 0], [5, 0.5]), ([1, 0], [1, 5]), ([-1, -1], [5, 5])],
)
def test_linear_bounds_as_in_scipy(lower: list[float], upper: list[float]) -> None:
    x = np.linspace(0, 4, 9)
    y = 3 * np.exp(-0.7 * x)
    residuals = FormulaResiduals("a*x + b - y", {"x": x, "y": y}, ["a", "b"])
    box = Box(np.array(lower, dtype=float), np.array(upper, dtype=float))
    found = run(LinearLeastSquares(residuals, np.array([1.0, 1.0]), box)).record.point
    slack = 1e-14 * (box.lower == box.upper)  # scipy wants some room
    matrix = np.column_stack([x, np.ones(9)])
    expected = optimize.lsq_linear(matrix, y, (box.lower, box.upper + slack), "bvls", tol=1e-14)
    np.testing.assert_allclose(found, expected.x, rtol=1e-12, atol=1e-13)


X = np.linspace(0, 4, 9)
Y = 3 * np.exp(-0.7 * X) + 0.1 * np.sin(9 * X)


@pytest.mark.parametrize("power", [-150, 0, 150])
def test_huge_and_tiny_units_change_nothing_else(power: int) -> None:
    unit = 10.0**power
    plain = fit("a*exp(-b*x) - y", {"x": X, "y": Y}, {"a": 1, "b": 1})
    units = {"a": unit, "b": 1}
    response = fit("a*exp(-b*x) - y", {"x": X, "y": Y * unit}, units)
    predictor = fit("a*exp(-b*x) - y", {"x": X * unit, "y": Y}, {"a": 1, "b": 1 / unit})
    point = plain.record.point
    np.testing.assert_allclose(response.record.point, point * [unit, 1], rtol=1e-13)
    np.testing.assert_allclose(predictor.record.point, point / [1, unit], rtol=1e-13)


@pytest.mark.parametrize("power", [-150, 150])
def test_huge_and_tiny_units_of_linear_models(power: int) -> None:
    unit = 10.0**power
    exact = np.polyfit(X, Y, 1)
    for scale in ((1, unit), (unit, 1)):
        columns = {"x": X * scale[0], "y": Y * scale[1]}
        found = fit("a*x + b - y", columns, {"a": 1, "b": 1}, LinearLeastSquares).record.point
        expected = exact * [scale[1] / scale[0], scale[1]]
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_start_that_is_the_solution() -> None:
    outcome = fit("a*exp(-b*x) - y", {"x": X, "y": 3 * np.exp(-0.5 * X)}, {"a": 3, "b": 0.5})
    assert outcome.steps == 0
    assert outcome.reason.ending is Ending.CONVERGED
    assert outcome.record.point.tolist() == [3, 0.5]


def test_residuals_of_zero() -> None:
    outcome = fit("a*exp(-b*x) - y", {"x": X, "y": 3 * np.exp(-0.7 * X)}, {"a": 0, "b": 0})
    assert outcome.reason.ending is Ending.CONVERGED
    np.testing.assert_allclose(outcome.record.point, [3, 0.7], rtol=1e-15)


@pytest.mark.parametrize("method", [LevenbergMarquardt, LinearLeastSquares])
@pytest.mark.parametrize(
    ("source", "columns", "start", "expected"),
    [
        ("a*x - y", {"x": [2], "y": [4]}, {"a": 1}, 0),
        ("a*x + b - y", {"x": [2], "y": [4]}, {"a": 1, "b": 1}, 0),
        ("a + b + 0*y - y", {"y": [1, 2, 6]}, {"a": 1, "b": 5}, 14),
        ("a + b + c*x - y", {"x": [0, 1, 2], "y": [1, 0, 1]}, {"a": 1, "b": 1, "c": 1}, 2 / 3),
    ],
)
def test_too_few_data(
    source: str, columns: Any, start: dict[str, float], expected: float, method: Any
) -> None:
    outcome = fit(source, columns, start, method)
    assert outcome.reason.ending is Ending.CONVERGED
    assert outcome.record.value == pytest.approx(expected, abs=1e-28)


@pytest.mark.parametrize(
    ("source", "start", "method"),
    [
        ("a*b*x - y", {"a": 0, "b": 0}, LevenbergMarquardt),
        ("abs(a)*x - y", {"a": 0}, LevenbergMarquardt),
        ("a*exp(-b*(x + 1e9)) - y", {"a": 1, "b": 1}, LevenbergMarquardt),
        ("0*a + x - y", {"a": 1}, LevenbergMarquardt),
        ("0*a + x - y", {"a": 1}, LinearLeastSquares),
        ("floor(a)*x - y", {"a": 0.5}, LinearLeastSquares),
    ],
)
def test_where_no_parameter_changes_the_residuals_there_is_no_minimum(
    source: str, start: dict[str, float], method: Any
) -> None:
    # By hand: every column of the Jacobian is 0 there, and the residuals are not.
    outcome = fit(source, {"x": [1, 2, 4], "y": [3, 1, 5]}, start, method)
    assert outcome.reason.ending is Ending.STALLED
    assert "no parameter changes the residuals" in outcome.reason.sentence
    assert outcome.record.point.tolist() == list(start.values())


def test_a_parameter_on_its_way_to_infinity_is_not_converged() -> None:
    # By hand: exp(a x) is above 0, and nearest to -1 for a = -infinity.
    outcome = fit("exp(a*x) - y", {"x": [1, 2, 3, 4], "y": [-1, -1, -1, -1]}, {"a": -1})
    assert outcome.reason.ending is Ending.STALLED
    assert outcome.record.value == pytest.approx(4, rel=1e-15)


@pytest.mark.parametrize("power", [-200, -300])
@pytest.mark.parametrize("method", [LinearLeastSquares, LevenbergMarquardt])
def test_tiny_data(power: int, method: Any) -> None:
    """Squares of such numbers are 0; the answer is numpy's for the data in another unit."""
    x = np.arange(1.0, 9)
    y = 2 * x + 1 + np.array([0.1, -0.2, 0.15, 0, -0.1, 0.2, -0.05, 0.02])
    unit = 10.0**power
    outcome = fit("a*x + b - y", {"x": x, "y": y * unit}, {"a": 1, "b": 0}, method)
    assert outcome.reason.ending is Ending.CONVERGED
    expected = np.polyfit(x, y, 1) * unit
    np.testing.assert_allclose(outcome.record.point, expected, rtol=1e-12, atol=0)


def test_products_of_parameters() -> None:
    x = np.linspace(0, 4, 9)
    y = 2 * x + np.sin(x)
    outcome = fit("a*b*x - y", {"x": x, "y": y}, {"a": 1, "b": 1})
    assert outcome.reason.ending is Ending.CONVERGED
    slope = float(x @ y / (x @ x))
    assert math.prod(outcome.record.point) == pytest.approx(slope, rel=1e-15)


def test_steps_to_where_the_model_is_undefined_are_taken_back() -> None:
    x = np.linspace(0, 4, 9)
    y = np.log(2 * x + 0.1) + 0.01 * np.cos(5 * x)
    expected = scipy_least_squares(
        lambda p: np.log(p[0] * x + p[1]) - y, [2, 0.1], xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    outcome = fit("log(a*x + b) - y", {"x": x, "y": y}, {"a": 1, "b": 5})
    assert outcome.reason.ending is Ending.CONVERGED
    np.testing.assert_allclose(outcome.record.point, expected.x, rtol=1e-6)


def test_an_undefined_start_is_an_error() -> None:
    with pytest.raises(MathematicsError):
        fit("log(a*x) - y", {"x": X + 1, "y": Y}, {"a": -1})


def test_residuals_too_large_to_be_squared_are_an_error() -> None:
    with pytest.raises(MathematicsError, match="too large"):
        fit("a*x - y", {"x": X, "y": Y * 1e200}, {"a": 1})


@pytest.mark.parametrize("tolerance", [0.0, 1e-12, 1e-6, 1e-3])
def test_tolerances(tolerance: float) -> None:
    tight = fit("a*exp(-b*x) - y", {"x": X, "y": Y}, {"a": 1, "b": 1})
    outcome = fit("a*exp(-b*x) - y", {"x": X, "y": Y}, {"a": 1, "b": 1}, tolerance=tolerance)
    assert outcome.reason.ending is Ending.CONVERGED
    assert (outcome.steps < tight.steps) == (tolerance > 0)
    np.testing.assert_allclose(outcome.record.point, tight.record.point, rtol=1e-14 + tolerance)


def unbounded(parameters: Any) -> Box:
    """Return a box without limits."""
    return Box.unbounded(len(parameters))


def fit(
    source: str,
    columns: Mapping[str, Any],
    start: Mapping[str, float],
    method: Any = LevenbergMarquardt,
    **settings: Any,
) -> Outcome:
    """Return the outcome of a fit without bounds."""
    arrays = {name: np.array(column, dtype=float) for name, column in columns.items()}
    residuals = FormulaResiduals(source, arrays, list(start))
    point = np.array(list(start.values()), dtype=float)
    return run(method(residuals, point, unbounded(start), **settings))


class Watched:
    """Residuals that are never to be evaluated outside of a box."""

    def __init__(self, residuals: FormulaResiduals, box: Box) -> None:
        self.residuals = residuals
        self.box = box
        self.count = residuals.count

    def values(self, point: Vector) -> Iterator[Vector]:
        assert np.all((self.box.lower <= point) & (point <= self.box.upper))
        return self.residuals.values(point)

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        assert np.all((self.box.lower <= point) & (point <= self.box.upper))
        return self.residuals.blocks(point)

    def along(self, point: Vector, direction: Vector) -> Iterator[tuple[Vector, Matrix, Matrix]]:
        assert np.all((self.box.lower <= point) & (point <= self.box.upper))
        return self.residuals.along(point, direction)
