"""What each observation does to a fit, against refits, mpmath and the hat matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from gradcli import UsageError, parse
from gradcli.minimize.minimize import minimize
from gradcli.minimize.settings import Settings
from tests.solvers.nist import data_sets


def influence(model: str, start: dict[str, float], data: dict[str, Any], **more: Any) -> Any:
    """The fitted parameters, and the columns of the table with the influence of rows."""
    shapes = {name: column.shape for name, column in data.items()}
    formula = parse(model, shapes)
    found = minimize(
        formula,
        start,
        origin=formula.origin,
        data=data,
        settings=Settings(tol=1e-15, **more),
        predicts=True,
        influences=True,
    )
    assert found.predictions is not None
    return found.parameters, found.predictions.columns()


@pytest.mark.parametrize("name", ["Misra1a", "DanWood", "Rat42"])
def test_parameters_follow_each_response_as_refits_say(name: str) -> None:
    """Central differences of refits, within 1e-6."""
    known = data_sets()[name]
    model = f"{known.response} ~ {known.model}"
    data, y = dict(known.columns), known.response
    start = dict(zip(known.parameters, known.certified.tolist(), strict=True))
    _, table = influence(model, start, data)
    for row in (0, len(data[y]) // 2, len(data[y]) - 1):
        step = 1e-4 * known.residual_sd
        ends = []
        for sign in (1, -1):
            moved = data[y].copy()
            moved[row] += sign * step
            ends.append(influence(model, start, {**data, y: moved})[0])
        sizes = [abs(table[f"d{b}/d{y}"][row]) for b in start]
        for b, size in zip(start, sizes, strict=True):
            slope = (ends[0][b] - ends[1][b]) / (2 * step)
            # A refit knows its parameters to about 1e-15 of their size.
            allowed = 1e-6 * size + 4e-15 * abs(start[b]) / step
            assert slope == pytest.approx(table[f"d{b}/d{y}"][row], abs=allowed)


def test_the_exact_hessian_is_in_it() -> None:
    """Of y ~ a*x^b (DanWood): the implicit derivative with 40 digits, within 1e-10."""
    known = data_sets()["DanWood"]
    x, y = ([mpf(float(v)) for v in known.columns[name]] for name in ("x", "y"))
    start = dict(zip(known.parameters, known.certified.tolist(), strict=True))
    _, table = influence(f"y ~ {known.model}", start, dict(known.columns))
    with mp.workdps(40):

        def squares(a: Any, b: Any) -> Any:
            return sum((v - a * u**b) ** 2 for u, v in zip(x, y, strict=True))

        def slope(place: int) -> Any:
            orders = [(1, 0), (0, 1)][place]
            return lambda a, b: mp.diff(squares, (a, b), orders)

        a, b = mp.findroot([slope(0), slope(1)], [mpf(v) for v in start.values()])
        second = [[(2, 0), (1, 1)], [(1, 1), (0, 2)]]
        hessian = mp.matrix(
            [[mp.diff(squares, (a, b), orders) for orders in row] for row in second]
        )
        for row, u in enumerate(x):
            cross = mp.matrix([2 * u**b, 2 * a * u**b * mp.log(u)])
            wanted = mp.lu_solve(hessian, cross)
            for name, exact in zip(known.parameters, wanted, strict=True):
                assert table[f"d{name}/dy"][row] == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5, 1.0, 3.0, 1.0]])
def test_of_a_linear_model_they_are_the_hat_matrix(weights: list[float] | None) -> None:
    """Leverage and Cook's distance as defined, and the parameters as linear maps of y."""
    x = np.array([0.0, 1, 2, 3, 4, 9])
    y = np.array([1.0, 2.5, 2.0, 4.5, 4.0, 12.0])
    more = {} if weights is None else {"weights": np.array(weights)}
    _, table = influence("y ~ a + b*x", {"a": 1.0, "b": 1.0}, {"x": x, "y": y}, **more)
    w = np.ones(6) if weights is None else np.array(weights)
    design = np.column_stack([np.ones(6), x])
    solved = np.linalg.solve(design.T @ (w[:, None] * design), design.T * w)
    hat = np.diag(design @ solved)
    residual = y - design @ (solved @ y)
    variance = np.sum(w * residual**2) / 4
    assert table["leverage"] == pytest.approx(hat, rel=1e-12)
    cook = w * residual**2 * hat / (2 * variance * (1 - hat) ** 2)
    assert table["cooks_distance"] == pytest.approx(cook, rel=1e-9)
    assert table["da/dy"] == pytest.approx(solved[0], rel=1e-9, abs=1e-12)
    assert table["db/dy"] == pytest.approx(solved[1], rel=1e-9, abs=1e-12)
    assert np.sum(table["leverage"]) == pytest.approx(2)


def test_what_has_no_influence() -> None:
    data = {"x": np.array([0.0, 1, 2]), "y": np.array([1.0, 2, 4])}
    with pytest.raises(UsageError, match="least squares"):
        influence("y ~ a + b*x", {"a": 1.0, "b": 1.0}, data, loss="huber(1.35)")
    with pytest.raises(UsageError, match="needs a response"):
        influence("sum((a + b*x - 2)^2)", {"a": 1.0, "b": 1.0}, {"x": data["x"]})
    with pytest.raises(UsageError, match="determine all parameters"):
        influence("y ~ a + b*x + c*x^2", {"a": 1.0, "b": 1.0, "c": 0.0}, data)
