"""Robust losses and fits with them against scipy.optimize.least_squares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import differentiate, optimize

from gradcli import Formula, parse
from gradcli.errors import UsageError
from gradcli.solvers.levenberg import LevenbergMarquardt
from gradcli.solvers.losses import LOSSES
from gradcli.solvers.robust import loss
from gradcli.solvers.solver import run
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import Box
from tests.solvers.nist import data_sets

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector

scipy_least_squares: Any = optimize.least_squares
derivative: Any = differentiate.derivative

SETS = data_sets()
RESIDUALS = np.array([-30.0, -2.0, -1.4, -0.3, 0.0, 1e-9, 0.5, 1.0, 1.6, 4.0, 1e8])


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [1.0, 1.5, 1e-3, 40.0])
def test_values_are_those_of_scipy(name: str, scale: float) -> None:
    for residual in RESIDUALS:
        # One residual that no parameter changes: scipy's cost is half of what it makes of it.
        found = scipy_least_squares(
            lambda p, r=residual: np.array([r + 0 * p[0]]), [0.0], loss=name, f_scale=scale
        )
        expected = 2 * found.cost
        value = loss(name, [scale]).values(np.array([residual]))[0]
        assert value == pytest.approx(expected, rel=1e-13, abs=1e-15 * scale**2)


@pytest.mark.parametrize("name", LOSSES)
def test_influence_is_the_derivative(name: str) -> None:
    chosen = loss(name, [1.5])
    points = np.array([-4.0, -1.2, 0.2, 0.9, 1.7, 6.0])
    influence, slope = chosen.influence(points)
    first = derivative(lambda r: chosen.values(np.ravel(r)).reshape(np.shape(r)) / 2, points)
    second = derivative(lambda r: chosen.influence(np.ravel(r))[0].reshape(np.shape(r)), points)
    np.testing.assert_allclose(influence, first.df, rtol=1e-7)
    np.testing.assert_allclose(slope, second.df, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_the_formula_of_a_loss_has_its_values(name: str) -> None:
    chosen = loss(name, [], {"scale": 1.5})
    node = chosen.formula(parse("r") ** 2)
    formula = Formula(node.graph, node.id)
    for residual in [-4.0, -1.5, -0.2, 0.0, 0.7, 2.5]:
        value = chosen.values(np.array([residual]))[0]
        slope = 2 * chosen.influence(np.array([residual]))[0][0]
        assert formula.evaluate(r=residual) == pytest.approx(value, rel=1e-14)
        assert formula.gradient(r=residual)["r"] == pytest.approx(slope, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ["Misra1a", "Chwirut2", "Gauss1", "Rat42"])
def test_fits_as_in_scipy(name: str, kind: str) -> None:
    row = SETS[kind]
    scale = 0.7 * row.residual_sd
    chosen = loss(name, [scale])
    solver = LevenbergMarquardt(
        row.residuals(), row.starts[1], Box.unbounded(len(row.parameters)), loss=chosen
    )
    outcome = run(solver)
    expected = scipy_least_squares(
        # Copies: before version 1.16 SciPy changes what it is given.
        lambda point: np.array(next(row.residuals().values(point))),
        row.starts[1],
        lambda point: np.array(next(row.residuals().blocks(point))[1]),
        x_scale="jac",
        loss=name,
        f_scale=scale,
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
        max_nfev=2000,
    )
    assert outcome.reason.ending is Ending.CONVERGED
    assert outcome.record.value <= 2 * expected.cost * (1 + 1e-12)
    np.testing.assert_allclose(outcome.record.point, expected.x, rtol=1e-6)
    assert cosine(outcome.record.point, solver) < 1e-12


def cosine(point: Vector, solver: LevenbergMarquardt) -> float:
    """Return how far the influences are from orthogonal to the columns of the Jacobian."""
    assert solver.loss is not None
    values, jacobian = next(iter(solver.residuals.blocks(point)))
    influence, _ = solver.loss.influence(values)
    sizes = np.linalg.norm(jacobian, axis=0) * np.linalg.norm(influence)
    return float(np.max(np.abs(jacobian.T @ influence) / sizes))


@pytest.mark.parametrize("method", ["lm", "newton", "lbfgs"])
def test_a_loss_is_added_by_its_formula_alone(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """The loss of Geman and McClure, z/(1+z); the minimum is that of its formula written out."""
    monkeypatch.setitem(LOSSES, "geman", lambda z: z / (1 + z))
    x, y = np.arange(8.0), np.array([1.0, 2.9, 5.2, 7.1, 20, 11.1, 12.8, 15.1])
    start = {"a": 1.9, "b": 1.1}
    model = parse("y ~ a*x + b", {"x": x.shape, "y": y.shape})
    found = model.minimize(start, data={"x": x, "y": y}, loss="geman(2)", method=method)
    text = "sum(4*((y-a*x-b)/2)^2/(1 + ((y-a*x-b)/2)^2))"
    written = parse(text, {"x": x.shape, "y": y.shape}).minimize(start, data={"x": x, "y": y})

    assert found.minimum == pytest.approx(written.minimum, rel=1e-12)
    assert found.parameters == pytest.approx(written.parameters, rel=1e-7)


def test_a_large_scale_is_least_squares() -> None:
    row = SETS["Misra1a"]
    box = Box.unbounded(2)
    for name in LOSSES:
        solver = LevenbergMarquardt(row.residuals(), row.starts[1], box, loss=loss(name, [1e9]))
        np.testing.assert_allclose(run(solver).record.point, row.certified, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "positional", "given", "message"),
    [
        ("hubber", [], {}, "no loss 'hubber'"),
        ("huber", [0], {}, "greater than 0"),
        ("huber", [math.inf], {}, "greater than 0"),
        ("huber", [[1, 2]], {}, "greater than 0"),
        ("huber", [1, 2], {}, "huber has 1 setting, not 2"),
        ("cauchy", [1], {"scale": 2}, "scale of cauchy is given twice"),
        ("soft_l1", [], {"width": 2}, "no setting 'width'"),
    ],
)
def test_settings_that_mean_nothing(
    name: str, positional: list[object], given: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        loss(name, positional, given)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [1e-160, 1.0, 1e160])
def test_costs_whose_squares_are_no_doubles(name: str, scale: float) -> None:
    """The root of the costs is in the unit of the residuals, as values() is where it can be."""
    expected = math.sqrt(np.sum(loss(name).values(np.array([3.0, -0.5]))))
    residuals = scale * np.array([3.0, -0.5])
    assert loss(name, [scale]).norm(residuals) == pytest.approx(scale * expected, rel=1e-14)
    # Far below the scale a cost is a square: the root is the hypotenuse of 3 and 4.
    tiny = np.array([3e-170, 4e-170])
    assert loss(name).norm(tiny) == pytest.approx(5e-170, rel=1e-14)


def test_beyond_the_scale_of_huber_there_is_no_curvature() -> None:
    """The cost is a straight line there: its second derivative is 0, not what rounding leaves."""
    residuals = np.concatenate([np.linspace(-3, 3, 1000), np.geomspace(1.01e-9, 1e9, 1000)])
    _, slopes = loss("huber", (1e-9,)).influence(residuals)
    assert not slopes.any()
