"""The digits that a minimum says are certain are right, and few are warned of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath import mp, mpf

from gradcli import parse
from gradcli.minimize.diagnostics import FEW_DIGITS

if TYPE_CHECKING:
    from gradcli.minimize.minimum import Minimum

NIST = Path(__file__).parent.parent / "reference" / "nist"
SETS: dict[str, dict[str, Any]] = json.loads((NIST / "index.json").read_text())["sets"]
CERTIFIED = 10
"""Digits of the certified deviations on which a fit can be counted."""


def fitted(name: str) -> Minimum:
    row = SETS[name]
    start = row.get("start2") or dict.fromkeys(row["certified"], 1.0)
    path = NIST / row["csv"]
    names = path.read_text().splitlines()[0].split(",")
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    columns = dict(zip(names, table.T, strict=True))
    return parse(f"{row['response']} ~ {row['model']}").minimize(start, data=columns)


@pytest.mark.parametrize("name", ["Norris", "Filip", "Longley", "Wampler4", "Thurber", "Misra1b"])
def test_standard_errors_have_the_digits_that_are_said(name: str) -> None:
    found = fitted(name)
    assert found.statistics is not None
    digits = found.digits["standard_errors"]
    for parameter, deviation in SETS[name]["certified_sd"].items():
        own = found.statistics.standard_errors[parameter]
        assert own == pytest.approx(deviation, rel=10.0 ** (1 - min(digits, CERTIFIED)))
    assert digits >= 4
    said = [w for w in found.warnings if "standard errors are certain" in w]
    assert bool(said) == (digits < FEW_DIGITS)


def test_fitted_values_have_the_digits_that_are_said() -> None:
    x, y = np.array([1.0, 2, 3, 4]), np.array([2.1, 3.9, 6.2, 7.8])
    model = "y ~ a*(1 - cos(1e-6*x))*1e14 + b"
    found = parse(model).minimize({"a": 1, "b": 0}, data={"x": x, "y": y})
    assert found.predictions is not None
    shown = found.predictions.columns()["fitted"]
    with mp.workdps(60):
        a, b = (mpf(found.parameters[name]) for name in "ab")
        truths = [a * (1 - mp.cos(mpf("1e-6") * k)) * mpf("1e14") + b for k in (1, 2, 3, 4)]
    digits = found.digits["predictions"]
    assert 1 <= digits < FEW_DIGITS
    for value, truth in zip(shown, truths, strict=True):
        assert value == pytest.approx(float(truth), rel=10.0 ** (1 - digits))
    said = " ".join(found.warnings)
    assert f"about {digits} digits of some fitted values are certain" in said
    assert "of the standard errors" in said
    assert "rounding may hide a gradient of" in said


def test_an_everyday_minimum_has_no_warning() -> None:
    found = parse("(1-x)^2 + 100*(y-x^2)^2 + exp(x)").minimize({"x": -1.2, "y": 1.0})
    assert found.warnings == []
    assert found.digits["minimum"] >= 13
    assert found.document()["digits"] == found.digits


def test_a_maximum_is_called_so() -> None:
    found = parse("-(1 - (x - 1)^2)").minimize({"x": 3.0}).swapped()
    assert found.document()["digits"].keys() == {"maximum", "gradient_norm"}
