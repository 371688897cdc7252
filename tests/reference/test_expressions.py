"""Values and derivatives of formulas that were computed by other programs; see SOURCE.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mpmath import mp, mpf

from gradcli import parse

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "expressions.json").read_text(encoding="utf-8")
)
EACH = pytest.mark.parametrize("case", CASES, ids=[case["expr"] for case in CASES])


def close(got: float, expected: str, rtol: float, atol: float) -> bool:
    """Whether a number is the expected one, which has more digits than a double."""
    with mp.workdps(40):
        exact = mpf(expected)
        return bool(abs(mpf(got) - exact) <= max(rtol * abs(exact), atol))


def test_there_are_cases() -> None:
    assert len(CASES) > 50
    assert sum(bool(case.get("grad")) for case in CASES) > 30


@EACH
def test_value(case: dict[str, Any]) -> None:
    got = parse(case["expr"]).evaluate(case["vars"])
    assert close(got, case["value_str"], case.get("rtol", 1e-12), 1e-15), (got, case["value_str"])


@EACH
def test_gradient(case: dict[str, Any]) -> None:
    if not case.get("grad"):
        assert parse(case["expr"]).gradient(case["vars"]) == {}
        return
    rtol = case.get("rtol", 1e-12)
    for mode in ("reverse", "forward"):
        gradient = parse(case["expr"]).gradient(case["vars"], mode=mode)
        assert set(gradient) == set(case["grad"])
        for name, expected in case["grad_str"].items():
            # Where the derivative is exactly 0 the terms that cancel are of size 1.
            atol = 1e-12 if float(expected) == 0 else 0
            assert close(gradient[name], expected, rtol, atol), (mode, name, gradient, expected)


@EACH
def test_generated_code(case: dict[str, Any]) -> None:
    formula = parse(case["expr"])
    value, *slopes = formula.compiled(list(case["vars"]))(*case["vars"].values())
    assert value == formula.evaluate(case["vars"])
    gradient = formula.gradient(case["vars"])
    assert slopes == pytest.approx([gradient[name] for name in case["vars"]], rel=1e-15)


@EACH
def test_text_and_derivatives_as_formulas(case: dict[str, Any]) -> None:
    formula = parse(case["expr"])
    again = parse(str(formula))
    assert again.evaluate(case["vars"]) == formula.evaluate(case["vars"])
    for name, derivative in formula.derivatives().items():
        text = parse(str(derivative))
        point = {n: case["vars"][n] for n in text.free_names}
        expected = case["grad_str"][name]
        atol = 1e-12 if float(expected) == 0 else 0
        assert close(text.evaluate(point), expected, case.get("rtol", 1e-12), atol), str(derivative)
