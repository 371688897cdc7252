"""The step of each rule for arrays: one pass of machine code gives the bits of NumPy's passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.errors import MathematicsError
from gradcli.solvers.first_order import rules
from gradcli.solvers.first_order.array_update import SMALL, ArrayUpdate
from gradcli.solvers.first_order.methods import METHODS

if TYPE_CHECKING:
    from gradcli.solvers.first_order.rules import Rule

SETTINGS = [
    *((name, {}) for name in METHODS),
    ("gd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("gd", {"momentum": 0.9, "dampening": 0.5}),
    ("rmsprop", {"centered": True, "momentum": 0.5}),
]


def rule_of(name: str, given: dict[str, Any]) -> Rule:
    """Return a rule with its usual settings, but for those given."""
    method = METHODS[name]
    return method.rule(**{setting.name: setting.default for setting in method.settings} | given)


def steps(update: Any, rule: Rule, shape: tuple[int, ...]) -> list[Any]:
    """Return the points and memories of a few steps along gradients drawn at random."""
    generator = np.random.default_rng(0)
    of = rules.array_functions()
    p, memory = generator.standard_normal(shape), rule.memory
    found = []
    for t in range(1, 6):
        g = generator.standard_normal(shape[::-1]).T  # with its numbers in another order
        g[0] = 0.0
        now = rule.coefficients(t, 0.01, rules.NUMBERS)
        with np.errstate(all="ignore"):
            p, memory = update(p, g, memory, now, of)
        found += [p, *memory]
    return found


@pytest.mark.parametrize(("name", "given"), SETTINGS)
def test_machine_code_gives_the_same_bits(name: str, given: dict[str, Any]) -> None:
    pytest.importorskip("llvmlite")
    rule = rule_of(name, given)
    shape = (SMALL // 10, 11)
    plain = steps(rule.update, rule, shape)
    fused = steps(ArrayUpdate(rule, "native"), rule, shape)
    for expected, got in zip(plain, fused, strict=True):
        assert np.array_equal(np.broadcast_to(expected, np.shape(got)), got)


@pytest.mark.parametrize("engine", ["python", "native"])
@pytest.mark.parametrize("size", [5, SMALL + 1])
@pytest.mark.parametrize(("slope", "word"), [(np.inf, "infinite"), (np.nan, "undefined")])
def test_a_point_that_is_lost(engine: str, size: int, slope: float, word: str) -> None:
    pytest.importorskip("llvmlite")
    rule = rule_of("gd", {})
    update = ArrayUpdate(rule, engine)
    p, g = np.zeros(size), np.zeros(size)
    g[-1] = slope
    with pytest.raises(MathematicsError, match=f"a parameter became {word}"):
        update(p, g, (), rule.coefficients(1, 0.1, rules.NUMBERS), rules.array_functions())


def test_machine_code_is_made_when_numpy_has_taken_long(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr("gradcli.programs.engines.WORTH", 0.0)
    rule = rule_of("adam", {})
    shape = (SMALL // 10, 11)
    plain = steps(rule.update, rule, shape)
    fused = steps(ArrayUpdate(rule, "auto"), rule, shape)
    for expected, got in zip(plain, fused, strict=True):
        assert np.array_equal(np.broadcast_to(expected, np.shape(got)), got)
