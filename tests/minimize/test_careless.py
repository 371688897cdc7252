"""Fits from careless starts find the fit that SciPy finds from the truth, or say that they may not.

See tests/benchmarks/starts.py for other tools.
"""

from __future__ import annotations

import pytest

from gradcli import parse
from gradcli.errors import MathematicsError
from tests.minimize.careless import CASES, Case

UNDEFINED = {"power shifted"}
"""Models without a value at the start, which is an error."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_fit_is_found(case: Case) -> None:
    data = case.data(seed=4)
    if case.name in UNDEFINED:
        with pytest.raises(MathematicsError, match="undefined at the start"):
            parse(case.model).minimize(case.start, data=data)
        start = {}
    else:
        start = case.start
    found = parse(case.model).minimize(start, data=data)

    assert case.is_right(case.rss(found.parameters, data), case.lowest(data), data)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.1, 1, 10], ids="starts of {}".format)
@pytest.mark.parametrize("noise", [1, 5], ids="{} times the noise".format)
def test_none_is_silent(size: float, noise: float) -> None:
    wrong = []
    for case in CASES:
        louder = case._replace(noise=noise * case.noise, start=dict.fromkeys(case.truth, size))
        data = louder.data(seed=5)
        try:
            found = parse(case.model).minimize(louder.start, data=data)
        except MathematicsError:
            continue
        if not case.is_right(case.rss(found.parameters, data), louder.lowest(data), data):
            wrong.append(case.name)
            assert found.warnings or not found.converged, case.name
    assert len(wrong) <= 0.05 * len(CASES), wrong


def test_the_start_that_led_to_the_fit_is_said() -> None:
    case = next(case for case in CASES if case.name == "sine")
    found = parse(case.model).minimize(case.start, data=case.data(seed=4))
    (said,) = found.warnings

    assert said.startswith("the first end had R² 0.")
    assert "a better one was found from start " in said
    assert said.endswith(f" of {found.starts}")


def test_one_start_is_one_run() -> None:
    case = next(case for case in CASES if case.name == "sine")
    data = case.data(seed=4)
    found = parse(case.model).minimize(case.start, data=data, starts=1)

    assert found.starts == 1
    assert case.rss(found.parameters, data) > 10 * case.lowest(data)
    assert "R² is " in found.warnings[0]


def test_the_same_twice() -> None:
    case = next(case for case in CASES if case.name == "two gauss ones")
    ends = [parse(case.model).minimize(case.start, data=case.data(seed=4)) for _ in range(2)]

    assert repr(ends[0].parameters) == repr(ends[1].parameters)
