"""The engine that is always there: generated Python, and NumPy for arrays and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.programs.generated import function
from gradcli.programs.loop import runner
from gradcli.programs.rows import sums

if TYPE_CHECKING:
    from gradcli.programs.program import Program

__all__ = ["function", "obstacle", "require", "runner", "sums"]


def require() -> None:
    """Do nothing: it can be used."""


def obstacle(*_: Program) -> str | None:
    """Return None: it runs every program."""
    return None
