"""The table of engines, with one more row in it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli import UsageError, parse
from gradcli.programs import engine as python
from gradcli.programs import engines

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.programs.program import Program

MODULE = "tests.solvers.counting_engine"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an engine was asked to make that stands in the table before the others."""
    asked: list[str] = []

    def passing_on(name: str) -> Callable[..., Any]:
        def make(*arguments: Any) -> Any:
            asked.append(name)
            return getattr(python, name)(*arguments)

        return make

    def obstacle(*programs: Program) -> str | None:
        return "it knows no arrays" if any(p.has_arrays for p in programs) else None

    module = ModuleType(MODULE)
    for name in ("require", "function", "runner", "sums"):
        setattr(module, name, passing_on(name))
    module.obstacle = obstacle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    monkeypatch.setattr(engines, "TABLE", {"counting": MODULE, **engines.TABLE})
    return asked


def test_an_engine_that_was_added_does_it_all(made: list[str]) -> None:
    value, slope = parse("x^2").compiled(["x"], engine="counting")(3.0)
    assert (value, slope, made) == (9.0, 6.0, ["require", "function"])

    parse("x^2").minimize(x=1, method="gd", steps=300, engine="counting")
    assert made[2:] == ["require", "runner", "function"]

    data = {"x": np.arange(3.0), "y": np.ones(3)}
    over_rows = parse("sum((a*x - y)^2)").compiled(["a"], data=data, engine="counting")
    assert over_rows(1.0) == (2.0, 4.0)
    assert made[5:] == ["require", "sums"]


def test_what_it_cannot_do_is_said_and_done_in_python(made: list[str]) -> None:
    found = parse("sum(w*w)", {"w": (2,)}).minimize(
        w=[1.0, 2.0], method="lbfgs", steps=3, engine="counting"
    )

    assert found.warnings == ["engine='counting': it knows no arrays, so it is computed in Python"]
    assert made == ["require"]


@pytest.mark.usefixtures("made")
def test_the_choice_of_the_user() -> None:
    assert engines.faster("python") is None
    assert engines.faster("auto") is sys.modules[MODULE]
    engines.check("auto")
    with pytest.raises(UsageError, match="one of auto, counting, python, native, not 'c'"):
        engines.check("c")


@pytest.mark.parametrize(
    ("choice", "expected"), [("auto", None), ("python", False), ("native", True)]
)
def test_when_machine_code_repays_itself(choice: str, expected: bool | None) -> None:
    making = engines.STARTING + 50 * engines.COMPILING
    for seconds, is_enough in ((0.0, False), (2.9 * making, False), (3.1 * making, True)):
        wanted = is_enough if expected is None else expected
        assert engines.repays(choice, seconds, 50) is wanted
