"""The sizes that a formula and its data give to parameters, beside what dimensions tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcli import parse
from gradcli.minimize.magnitudes import Magnitudes
from gradcli.minimize.refit import Attempts
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request, Task, task
from gradcli.solvers.qr import linearised

X = np.linspace(200.0, 260.0, 31)
"""Numbers with the size 260 and the range 60."""


def problem(model: str, **start: float) -> Task:
    """The task of fitting a model to X and some y."""
    data = {"x": X, "y": 3 + np.sin(X / 9)}
    shapes = dict.fromkeys(data, (len(X),)) | dict.fromkeys(start, ())
    shaped = parse(model).with_shapes(shapes)
    return task(Request(shaped, shaped.origin, start, {}, data, Settings()))


def sizes(model: str, **start: float) -> dict[str, float]:
    """The middle of what is drawn for each parameter that has no location, wave or phase."""
    made = problem(model, **start)
    assert made.fit is not None
    objective = made.objective
    magnitudes = Magnitudes(
        objective.graph, made.fit.squares.residual, objective.nodes, objective.in_memory()
    )
    point = objective.layout.vector(made.start)
    numbers = list(range(len(point)))
    drawn = magnitudes.drawn(np.full(len(point), 0.4), point, numbers)
    return dict(zip(made.names, drawn.tolist(), strict=True))


@pytest.mark.parametrize(
    ("model", "name", "size"),
    [
        ("y ~ exp(-b*x)", "b", 1 / 60),
        ("y ~ exp(-x/q)", "q", 60),
        ("y ~ exp(-b*x^2)", "b", 1 / (260**2 - 200**2)),
        ("y ~ exp(-E/(8.314*x))", "E", 1 / (1 / (8.314 * 200) - 1 / (8.314 * 260))),
        ("y ~ a*x/(1 + K*x)", "K", 1 / 260),
        ("y ~ 1/(1 + (x/c)^n)", "c", 260),
        ("y ~ 1/(1 + (x/c)^n)", "n", 1),
        ("y ~ exp(-(x - m)^2/(2*s^2))", "s", 60 / 2**0.5),
        ("y ~ tanh((x - m)/w)", "w", 60),
        ("y ~ exp(x/(n*0.025))", "n", 60 / 0.025),
    ],
)
def test_a_size_is_what_dimensions_tell(model: str, name: str, size: float) -> None:
    names = [n for n in parse(model).free_names if n not in {"x", "y"}]

    found = sizes(model, **dict.fromkeys(names, 1.0))[name]
    assert math.log(found) == pytest.approx(math.log(size), abs=math.log(2))


@pytest.mark.parametrize("sign", ["x - m", "m - x", "-m + x"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.84])
def test_a_place_lies_among_the_data(sign: str, share: float) -> None:
    made = problem(f"y ~ exp(-({sign})^2)", m=1.0)
    assert made.fit is not None
    objective = made.objective
    magnitudes = Magnitudes(
        objective.graph, made.fit.squares.residual, objective.nodes, objective.in_memory()
    )
    (location,) = magnitudes.drawn(np.array([share]), np.array([1.0]), [0])

    assert 200 <= location <= 260


@pytest.mark.parametrize(
    ("model", "linear"),
    [
        ("y ~ a*exp(-b*x) + c", "a c"),
        ("y ~ d + (a - d)/(1 + (x/c)^b)", "a d"),
        ("y ~ q*k*x/(1 + k*x)", "q"),
        ("y ~ a*b*x + c", "a c"),
        ("y ~ 1/(1 + exp(-b*(x - a)))", ""),
        ("y ~ a*sin(w*x) + b*cos(w*x)", "a b"),
    ],
)
def test_the_linear_parameters(model: str, linear: str) -> None:
    names = [n for n in parse(model).free_names if n not in {"x", "y"}]
    made = problem(model, **dict.fromkeys(names, 1.0))
    assert made.fit is not None
    found = made.fit.residuals.linear()

    assert {n for n, yes in zip(made.names, found, strict=True) if yes} == set(linear.split())


def test_a_start_is_drawn_with_its_best_linear_parameters() -> None:
    """Another least-squares solution of the same system: numpy's."""
    made = problem("y ~ a*exp(-b*x/60) + c", a=1.0, b=2.0, c=1.0)
    assert made.fit is not None
    attempts = Attempts(
        made.objective, made.fit, np.array([1.0, 2.0, 1.0]), made.box(), seed=0, most=100
    )
    near = attempts.near()
    assert near is not None
    columns = np.column_stack([np.exp(-2 * X / 60), np.ones_like(X)])
    expected, *_ = np.linalg.lstsq(columns, 3 + np.sin(X / 9), rcond=None)

    assert near[[0, 2]] == pytest.approx(expected, rel=1e-8)
    assert near[1] == 2
    lengths = [linearised(made.fit.residuals, start).norm for start in attempts.drawn()]
    assert lengths == sorted(lengths)
