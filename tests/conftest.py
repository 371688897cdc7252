"""What every test runs under: the same random examples each time, and no settings of the user."""

import pytest
from hypothesis import settings

# Deterministic, so that a failure is one that everybody can repeat; without deadlines, because a
# machine that is busy with something else is not a fault.
settings.register_profile("gradcli", deadline=None, derandomize=True)
settings.load_profile("gradcli")


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the variables that change what commands print."""
    for name in ("COLUMNS", "FORCE_COLOR", "GRADCLI_DEBUG", "GRADCLI_NO_FAST", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
