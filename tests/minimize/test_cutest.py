"""Problems of CUTEst from their starts, with the options that nobody gives."""

from __future__ import annotations

import math

import pytest

from gradcli import parse
from tests.benchmarks.cutest import Case, cases, profile

CASES = {case.name: case for case in cases()}
MULTIMODAL = {"ELATVIDUB", "LEVYMONT5", "LEVYMONT6", "LEVYMONT7", "LEVYMONT8", "LEVYMONT9"}
"""Problems whose start lies in the valley of another minimum."""
EVERY = 8
"""One of so many is among the tests that always run."""


def is_solved(case: Case, starts: int | None = None) -> bool:
    """Return whether the minimum is found, and has the value that is told, within the bounds."""
    found = parse(case.formula).minimize(
        case.start, fix=case.fix, bounds=case.limits or None, starts=starts
    )
    point = found.parameters
    names = {**point, **case.fix}
    value = parse(case.formula).evaluate(names)
    inside = all(low <= point[name] <= high for name, (low, high) in case.limits.items())
    return inside and case.is_solved(found.minimum) and case.is_solved(float(value))


@pytest.mark.parametrize("name", sorted(CASES)[::EVERY])
def test_some_problems(name: str) -> None:
    assert is_solved(CASES[name], 50 if name in MULTIMODAL else None)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CASES))
def test_every_problem(name: str) -> None:
    assert is_solved(CASES[name], 50 if name in MULTIMODAL else None)


def test_the_profile_of_solvers() -> None:
    taken = {"a": [10.0, 30.0, math.inf, math.inf], "b": [20.0, 10.0, 5.0, math.inf]}

    assert profile(taken) == {"a": [0.25, 0.25, 0.5, 0.5, 0.5], "b": [0.5, 0.75, 0.75, 0.75, 0.75]}
