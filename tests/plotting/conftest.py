"""Formulas over ranges, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gradcli.formula import parse
from gradcli.plotting.function import Function
from gradcli.table import Range

Made = Callable[..., Function]


def function(text: str, wrt: Sequence[str] = (), **ranges: tuple[float, float, float]) -> Function:
    """The formula over ranges, each as (start, stop, step)."""
    given: dict[str, Any] = {name: Range.stepped(name, *r) for name, r in ranges.items()}
    return Function(parse(text), {}, given, wrt)


@pytest.fixture(scope="session")
def made() -> Made:
    """A formula over ranges."""
    return function
