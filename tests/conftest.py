"""What every test runs under: the same random examples each time, and no settings of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from gradcli import Formula

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_DOUBLES = {
    *("arrays", "programs", "rows"),
    *("test_where.py", "test_expressions.py", "test_quadrature.py", "test_bound.py"),
}
"""Folders and modules whose tests are about what a run in doubles gives, often bit by bit."""

# Deterministic, so that a failure is one that everybody can repeat; without deadlines, because a
# machine that is busy with something else is not a fault.
settings.register_profile("gradcli", deadline=None, derandomize=True)
settings.load_profile("gradcli")


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the variables that change what commands print."""
    for name in ("COLUMNS", "FORCE_COLOR", "GRADCLI_DEBUG", "GRADCLI_NO_FAST", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", autouse=True)
def doubles(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let formulas have the values of doubles, as engines have them, where tests are about these.

    Elsewhere values have the digits that are certain.
    """
    with pytest.MonkeyPatch.context() as patch:
        if OF_DOUBLES.intersection(request.path.parts):
            defaults = Formula.at_values.__kwdefaults__
            assert defaults is not None
            patch.setitem(defaults, "certain", False)
        yield
