"""Newton's method: published minima, saddles, kinks, bounds, and ends that say what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import MathematicsError
from gradcli.solvers.newton import Newton
from gradcli.solvers.quadratic import Spectrum, boxed, change, minimum
from gradcli.solvers.solver import Outcome, run
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import Box
from tests.solvers import problems
from tests.solvers.problems import Compiled

if TYPE_CHECKING:
    from gradcli.solvers.solver import Vector


def solved(text: str, start: dict[str, float], box: Box | None = None) -> Outcome:
    point = np.array(list(start.values()), dtype=float)
    return run(Newton(Compiled(text, list(start)), point, box=box))


def test_every_evaluation_is_inside_the_box() -> None:
    problem = problems.bounded()[2]
    function = problem.function
    box = problem.box or Box.unbounded(3)

    class Watched:
        def __call__(self, point: Vector) -> tuple[float, Vector]:
            assert np.all((box.lower <= point) & (point <= box.upper))
            return function(point)

        def hessian(self, point: Vector) -> Vector:
            assert np.all((box.lower <= point) & (point <= box.upper))
            return function.hessian(point)

    outcome = run(Newton(Watched(), problem.point, box=box))
    assert outcome.record.point[0] == 0.8  # exactly on its limit
    assert outcome.record.gradient_norm <= 1e-8


def test_fixed_variables_stay_where_they_are() -> None:
    box = Box(np.array([2.0, -9.0]), np.array([2.0, 9.0]))
    outcome = solved("(x-5)^2+(y-x)^2", {"x": 0, "y": 0}, box)
    assert outcome.record.point.tolist() == [2.0, 2.0]
    assert outcome.reason.ending is Ending.CONVERGED


@pytest.mark.parametrize("start", [0, -3, 1e3])
def test_a_parabola_is_solved_to_the_last_digit(start: float) -> None:
    assert solved("(x-5)^2+1", {"x": start}).record.point[0] == 5


def test_a_large_value_does_not_cost_digits() -> None:
    # By hand: the minimum of 1e4*(x-5)^2 + (y-x)^2 + 1e10 is at (5, 5).
    outcome = solved("1e4*(x-5)^2+(y-x)^2*exp(x)+1e10", {"x": 0, "y": 3})
    assert outcome.record.point == pytest.approx([5, 5], rel=1e-14)
    assert outcome.reason.ending is Ending.CONVERGED


@pytest.mark.parametrize(
    ("text", "least"), [("x^4-x^2", -0.25), ("cos(x)", -1), ("x^6-x^3", -0.25)]
)
def test_flat_starts_that_are_no_minimum_are_left(text: str, least: float) -> None:
    # By hand; the derivative at 0 is 0 in all of them.
    outcome = solved(text, {"x": 0})
    assert outcome.record.value == pytest.approx(least, rel=1e-14)
    assert outcome.reason.ending is Ending.CONVERGED


def test_a_saddle_in_the_way_is_left() -> None:
    outcome = solved("x^2-y^2+y^4", {"x": 1, "y": 0})
    assert outcome.record.value == pytest.approx(-0.25, rel=1e-14)


@pytest.mark.parametrize("power", [4, 6, 8])
def test_minima_without_curvature_are_reached(power: int) -> None:
    outcome = solved(f"(x-1)^{power}+(x-1)^{power + 2}", {"x": 3})
    assert outcome.record.point[0] == pytest.approx(1, abs=1e-8)
    assert outcome.steps < 60


@pytest.mark.parametrize(
    ("text", "start"),
    [("x^3", 1), ("x^3+1", 0), ("-x^2", 0)],
)
def test_saddles_and_maxima_without_a_minimum_are_left(text: str, start: float) -> None:
    outcome = solved(text, {"x": start})
    assert outcome.reason.ending is Ending.DIVERGED
    assert "falls without limit" in outcome.reason.sentence
    assert outcome.steps < 300


@pytest.mark.parametrize("text", ["exp(-x)", "1/x", "-log(x)"])
def test_a_slope_that_fades_away_is_convergence(text: str) -> None:
    outcome = solved(text, {"x": 1})
    assert outcome.reason.ending is Ending.CONVERGED
    assert 0 < outcome.record.gradient_norm <= 1e-8
    assert outcome.reason.sentence.endswith("but only as it levels off without an end")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["exp(-c*x)", "1/(c*x)", "sigmoid(-c*x)", "-atan(c*x)", "exp(-c*x^2)"]),
    st.floats(0.1, 10),
    st.floats(-1e3, 1e3),
    st.floats(0.5, 3),
)
def test_it_is_said_of_such_slopes_and_of_no_minimum(
    text: str, scale: float, offset: float, start: float
) -> None:
    body = text.replace("c", repr(scale))
    levels = solved(f"{body} + {offset!r}", {"x": start})
    assert levels.reason.ending is not Ending.CONVERGED or "levels off" in levels.reason.sentence
    for sound in (f"({body} - {start + 1})^2 + x^2", f"cosh(x) + {body}", f"x^4 + {offset!r}"):
        found = solved(sound, {"x": start})
        assert "levels off" not in found.reason.sentence


@pytest.mark.parametrize(
    ("text", "start", "least"),
    [
        ("max(x,-2*x)", {"x": 7}, 0),
        ("abs(x)+(y-3)^2", {"x": 5, "y": 7}, 0),
        # By hand: where x - 1 = y + 2 and both are 3 - x - y.
        ("max(abs(x-1),abs(y+2),abs(x+y-3))", {"x": 5, "y": 5}, 4 / 3),
    ],
)
def test_the_minimum_at_a_kink_is_reached_where_no_step_leads_on(
    text: str, start: dict[str, float], least: float
) -> None:
    outcome = solved(text, start)
    assert outcome.record.value == pytest.approx(least, abs=1e-9)
    assert outcome.reason.ending is Ending.STALLED
    assert "kink" in outcome.reason.sentence


def test_undefined_regions_are_avoided() -> None:
    # By hand: the derivative 1 - 1/x is 0 at 1, and x*log(x) has its minimum -1/e at 1/e.
    assert solved("x-log(x)", {"x": 1e-5}).record.point[0] == pytest.approx(1, rel=1e-15)
    assert solved("x*log(x)", {"x": 300}).record.value == pytest.approx(-np.exp(-1), rel=1e-15)


def test_a_start_without_a_value_is_an_error() -> None:
    with pytest.raises(MathematicsError):
        solved("log(x)", {"x": -1})


def test_a_start_without_a_hessian_is_left_down_the_gradient() -> None:
    # By hand: -x + x^1.5 has its minimum at (2/3)^2; its second derivative at 0 is infinite.
    outcome = solved("x^1.5-x", {"x": 0}, Box(np.zeros(1), np.ones(1)))
    assert outcome.record.point[0] == pytest.approx(4 / 9, rel=1e-14)


# ---------------------------------------------------------------- the model


def brute_force(gradient: Vector, hessian: Vector, radius: float) -> float:
    """Return the lowest value of the model on a fine polar grid of the disc."""
    angles = np.linspace(0, 2 * np.pi, 4001)
    lengths = np.linspace(0, radius, 401)
    steps = (lengths[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], -1)).reshape(-1, 2)
    values = steps @ gradient + 0.5 * np.einsum("ki,ij,kj->k", steps, hessian, steps)
    return float(values.min())


MODELS = [
    ([1, 2], [[2, 0], [0, 3]], 10),
    ([1, 2], [[2, 0], [0, 3]], 0.1),
    ([1, 2], [[2, 5], [5, 3]], 1),
    ([0, 1], [[-1, 0], [0, 3]], 2),  # the hard case
    ([1e-18, 1], [[-1, 0], [0, 3]], 2),  # hard but for rounding
    ([0, 0], [[-1, 0.5], [0.5, 3]], 2),
    ([1, 1], [[0, 0], [0, 0]], 3),
    ([0, 1], [[0, 0], [0, 2]], 3),
]


@pytest.mark.parametrize(("gradient", "hessian", "radius"), MODELS)
def test_the_subproblem_is_solved_exactly(
    gradient: list[float], hessian: list[list[float]], radius: float
) -> None:
    g, h = np.array(gradient, dtype=float), np.array(hessian, dtype=float)
    step = minimum(g, Spectrum.of(h), radius)
    assert np.linalg.norm(step) <= radius * (1 + 1e-9)
    assert change(g, h, step) <= brute_force(g, h, radius) + 1e-9


@pytest.mark.parametrize(("gradient", "hessian", "radius"), MODELS)
def test_boxed_steps_stay_inside_and_go_down(
    gradient: list[float], hessian: list[list[float]], radius: float
) -> None:
    g, h = np.array(gradient, dtype=float), np.array(hessian, dtype=float)
    lower, upper = np.array([-0.3, -0.05]), np.array([0.0, 0.2])
    steps = [boxed(g, h, np.ones(2), radius, (lower, upper), sign) for sign in (1, -1)]
    assert all(np.all((lower <= step) & (step <= upper)) for step in steps)
    assert min(change(g, h, step) for step in steps) < 0


@pytest.mark.parametrize("power", [-250, -100, 100, 250])
def test_the_subproblem_in_huge_and_tiny_units(power: int) -> None:
    """A model times a number has the same minimum, whether or not its squares are doubles."""
    for gradient, hessian, radius in MODELS:
        g, h = np.array(gradient, dtype=float), np.array(hessian, dtype=float)
        unit = 2.0 ** (3 * power)
        expected = minimum(g, Spectrum.of(h), radius)
        np.testing.assert_allclose(minimum(g * unit, Spectrum.of(h * unit), radius), expected)


@pytest.mark.parametrize(
    ("text", "start", "minimum_at"),
    [
        ("(x-1)^2*1e300", 0.0, 1.0),
        ("x^2", 1e154, 0.0),
        ("x^4", 1e77, 0.0),
        ("(x-3)^4", 1e70, 3.0),
        ("(x-3)^2*1e-250", 1e10, 3.0),
    ],
)
def test_numbers_whose_squares_are_too_large(text: str, start: float, minimum_at: float) -> None:
    # Minima by hand. The gradient of the last is below the tolerance from the beginning.
    outcome = solved(text, {"x": start})
    assert outcome.reason.ending is Ending.CONVERGED, outcome.reason
    assert np.isfinite(outcome.record.gradient_norm)
    assert outcome.record.point[0] == pytest.approx(minimum_at, abs=1e-9)


def test_a_step_lost_in_rounding_is_no_minimum_where_the_slope_does_not_turn() -> None:
    # The square of the logarithm falls there with a slope of -1.4e303, by hand.
    outcome = solved("log(x)^2", {"x": 1e-300})
    assert outcome.reason.ending is Ending.STALLED
    assert "a second derivative is not finite here" in outcome.reason.sentence
    assert outcome.record.gradient_norm == pytest.approx(2 * 690.7755278982137e300, rel=1e-12)


BEALE = "(1.5-x+x*y)^2+(2.25-x+x*y^2)^2+(2.625-x+x*y^3)^2"


def test_a_valley_that_leads_to_infinity_is_no_minimum() -> None:
    """Beale's function has one minimum, 0 at (3, 0.5), and falls towards 0.452 for y = 1."""
    outcome = solved(BEALE, {"x": -3.0, "y": 0.9})
    assert outcome.reason.ending is Ending.STALLED
    assert "neither the value nor the gradient clearly smaller" in outcome.reason.sentence
    assert outcome.record.value == pytest.approx(0.45201, abs=1e-5)
    assert outcome.steps < 2000


def test_hopeless_valleys_are_given_up() -> None:
    """From some starts Kowalik and Osborne's function falls ever more slowly to infinity."""
    problem = next(p for p in problems.published() if "Kowalik" in p.name)
    generator = np.random.default_rng(3)
    ends = [
        run(Newton(problem.function, problem.point + generator.uniform(-3, 3, 4)))
        for _ in range(12)
    ]
    assert max(end.steps for end in ends) < 2500
    assert sum(end.reason.ending is Ending.CONVERGED for end in ends) >= 3
    assert min(end.record.value for end in ends) == pytest.approx(3.07505603849e-4, rel=1e-9)
