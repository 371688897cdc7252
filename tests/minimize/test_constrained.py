"""Minima and maxima under constraints: published optima, multipliers, what cannot be met."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradcli import parse
from gradcli.errors import FormulaError, UsageError
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from gradcli import Formula
    from gradcli.minimize.minimum import Minimum

CASES = json.loads((Path(__file__).parents[1] / "reference" / "bound.json").read_text())
CONSTRAINED = [case for case in CASES if case.get("kind") == "constrained"]


def ends(text: str) -> tuple[float, float]:
    low, high = text.split(":")
    return float(low or "-inf"), float(high or "inf")


def found(case: dict[str, Any], subject_to: list[str] | None = None) -> Minimum:
    return parse(case["expr"]).minimize(
        {name: float(value) for name, value in case["start"].items()},
        bounds={name: ends(text) for name, text in case["bounds"].items()} or None,
        maximize=case["maximize"],
        subject_to=case["subject_to"] if subject_to is None else subject_to,
    )


@pytest.mark.parametrize("case", CONSTRAINED, ids=lambda case: case["name"])
def test_problems_of_hock_and_schittkowski(case: dict[str, Any]) -> None:
    minimum = found(case)
    assert minimum.converged
    assert minimum.minimum == pytest.approx(case["optimum"], rel=1e-8, abs=1e-8)
    for place, constraint in enumerate(minimum.constraints):
        if case["active"]:
            assert constraint.active == case["active"][place]
        if case["multipliers"]:
            want = case["multipliers"][place]
            assert abs(constraint.multiplier) == pytest.approx(want, rel=1e-5, abs=1e-6)


PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "reference" / "hock_schittkowski.json").read_text()
)
LONG = {"hs008", "hs017", "hs019", "hs023", "hs044", "hs072", "hs073", "hs113"}


def difference(text: str) -> tuple[Formula, str]:
    """What a constraint says of the difference of its sides, and how they compare."""
    left, sign, right = re.split(r"(<=|>=|==)", text)
    return parse(f"({left}) - ({right})"), sign


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(each, id=each["name"], marks=[pytest.mark.slow] * (each["name"] in LONG))
        for each in PUBLISHED
    ],
)
def test_published_optima_and_what_karush_kuhn_and_tucker_say(case: dict[str, Any]) -> None:
    minimum = found({**case, "maximize": False})
    assert minimum.converged
    assert minimum.minimum == pytest.approx(case["optimum"], rel=2e-7, abs=2e-7)
    point = minimum.parameters
    objective = parse(case["expr"])
    left = dict.fromkeys(point, 0.0) | objective.gradient(
        {n: point[n] for n in objective.free_names}
    )
    size = 1e-5 * (1 + max(map(abs, left.values())))
    for constraint in minimum.constraints:
        apart, sign = difference(constraint.text)
        here = apart.at_values({name: point[name] for name in apart.free_names})
        # A multiplier is the derivative of the optimum with respect to the right side.
        for name, slope in here.gradient().items():
            left[name] -= constraint.multiplier * slope
        if sign != "==":
            assert constraint.multiplier * {">=": 1, "<=": -1}[sign] > -size
            assert abs(constraint.multiplier) < size or abs(here.value) < 1e-6
    for name, slope in left.items():
        low, high = ends(case["bounds"].get(name, ":"))
        at_low, at_high = [abs(point[name] - end) < 1e-7 * (1 + abs(end)) for end in (low, high)]
        assert slope < size or at_low
        assert slope > -size or at_high


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(
    ("formula", "texts"),
    [
        ("(x - 3)^2 + (y - 2)^2", ["x + 2*y <= {}"]),
        ("x^2 + y^2", ["x*y >= {}", "x <= 4"]),
        ("x + y", ["x^2 + y^2 == {}", "x >= y"]),
        ("x^2 + x*y + y^2", ["{} <= x + y <= 9"]),
        ("exp(x) + exp(-2*y)", ["x == y + {}"]),
    ],
)
def test_a_multiplier_is_the_derivative_by_the_right_side(
    formula: str, texts: list[str], *, maximize: bool
) -> None:
    """By differences of the optima; the right side of a chain is the limit that is active."""
    limit, step = 2.0, 1e-4
    text = f"-({formula})" if maximize else formula

    def optimum(right: float) -> Minimum:
        constraints = [text.replace("{}", repr(right)) for text in texts]
        return parse(text).minimize(x=1.2, y=1.1, subject_to=constraints, maximize=maximize)

    here = optimum(limit)
    assert here.converged
    change = (optimum(limit + step).minimum - optimum(limit - step).minimum) / (2 * step)
    assert here.constraints[0].multiplier == pytest.approx(change, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("formula", "constraints"),
    [
        ("x + y", ["x^2 + y^2 <= 1", "x + y >= 3"]),
        ("x^2", ["x >= 1", "x <= 0"]),
        ("x*y", ["x == y", "x == y + 1"]),
    ],
)
def test_what_cannot_be_met_is_said(formula: str, constraints: list[str]) -> None:
    minimum = parse(formula).minimize(
        dict.fromkeys(parse(formula).free_names, 0.5) | {"x": 0.5}, subject_to=constraints
    )
    assert minimum.ending is Ending.STALLED
    assert "may be infeasible" in minimum.reason


def test_without_end() -> None:
    assert parse("x^2").minimize(x=1.0, maximize=True).ending is Ending.DIVERGED
    falling = parse("x - y").minimize(x=1.0, y=1.0, subject_to=["x <= y"])
    assert falling.ending is Ending.DIVERGED


def test_a_name_of_a_constraint_alone_is_a_parameter() -> None:
    minimum = parse("(x - 1)^2").minimize(x=3.0, s=1.0, subject_to=["x + s == 3"])
    assert minimum.parameters == pytest.approx({"x": 1.0, "s": 2.0})


def test_an_integral_may_be_minimised_under_a_constraint() -> None:
    # The line through 0 that is closest to sin on [0, pi] has the slope 3/pi^2: by hand.
    formula = parse("integrate((a*x + b - sin(x))^2, x, 0, pi)")
    minimum = formula.minimize(a=1.0, b=1.0, subject_to=["b == 0"])
    assert minimum.parameters["a"] == pytest.approx(3 / 3.141592653589793**2, rel=1e-12)


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("x + 1", "a constraint is a comparison"),
        ("x < 1", "a constraint is a comparison"),
        ("x != 1", "a constraint is a comparison"),
        ("[x, 1] <= 2", "an array"),
        ("x <=", "expected an operand"),
    ],
)
def test_what_is_no_constraint_is_refused(constraint: str, words: str) -> None:
    with pytest.raises(FormulaError, match=words):
        parse("x^2").minimize(x=1.0, subject_to=[constraint])


def test_options_that_do_not_go_together() -> None:
    for options in ({"starts": 3}, {"method": "adam"}, {"loss": "huber"}):
        with pytest.raises(UsageError, match="subject_to"):
            parse("x^2").minimize(x=1.0, subject_to=["x >= 2"], **options)
    with pytest.raises(UsageError, match="maximize"):
        parse("x ~ 2").minimize(x=1.0, maximize=True)


def test_a_system_of_equations() -> None:
    minimum = parse("x + y ~ 3; x*y ~ 2").minimize(x=0.9, y=2.3)
    assert minimum.parameters == pytest.approx({"x": 1.0, "y": 2.0})
    assert minimum.minimum < 1e-20
