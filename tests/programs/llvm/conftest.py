"""When machine code over rows repays itself, said by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradcli.minimize import rows_objective
from gradcli.programs import engines

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def repaid_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let machine code be made once so many rows have been worked out, all runs together."""

    def after(rows: int) -> None:
        making = engines.WORTH * (engines.STARTING + engines.VECTORISING)
        monkeypatch.setattr(rows_objective, "RUNNING_ROW", making / (rows - 0.5))

    return after
