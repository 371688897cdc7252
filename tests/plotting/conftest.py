"""Formulas over ranges and charts of any text, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gradcli.formula import parse
from gradcli.pictures.plots.chart import Arrows, Band, Chart, Field, Line, Panel, Points, Trail
from gradcli.plotting.curves import Function
from gradcli.tables.ranges import Range

Made = Callable[..., Function]
Plot = Callable[..., Chart]

HOSTILE = [
    "$x_{",
    r"$\frac{1}{0}$ \alpha",
    "<&>\"'",
    "]]></svg><script>alert(1)</script>",
    "x\n# a comment\n + 1",
    "\x00\x01\x1b[31m\u202e\ufeff",
    "a" * 10_000,
    "x + " * 2_500,
    "αβγ日本語",
    "\ud800",
    "",
    "%s %d {0} {x}",
]


def stepped(name: str, *limits: float) -> Range:
    """The range from start to stop by step, as if these were typed."""
    return Range.stepped(name, *[Fraction(repr(x)) for x in limits])


def function(text: str, wrt: Sequence[str] = (), **ranges: tuple[float, float, float]) -> Function:
    """The formula over ranges, each as (start, stop, step)."""
    given: dict[str, Any] = {name: stepped(name, *r) for name, r in ranges.items()}
    return Function(parse(text), {}, given, wrt)


@pytest.fixture(scope="session")
def made() -> Made:
    """A formula over ranges."""
    return function


def every_mark(title: str, *labels: str) -> Chart:
    """A chart of every kind of mark, with the same words wherever words stand."""
    x = np.linspace(0, 1, 11)
    text = labels[0] if labels else title
    grid = np.add.outer(x, x**2)
    curve = Panel(
        text,
        text,
        [
            Band(x, x - 0.1, x + 0.1, text),
            Points(x, x**2, text, np.full(11, 0.1)),
            Line(x, x**3, text),
            Line(x, np.where(x > 0.5, x, np.nan), text),
        ],
    )
    arrows = Arrows(x, x, np.full(11, 0.1), np.full(11, 0.1), text)
    field = Panel(text, text, [Field(x, x, grid, text), arrows, Trail(x, x**2)])
    return Chart(title, [curve, field])


@pytest.fixture(scope="session")
def plot() -> Plot:
    """A chart of every kind of mark."""
    return every_mark


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text[:12]))
def hostile(request: pytest.FixtureRequest) -> str:
    """A text that means something to a terminal, to TeX or to XML."""
    text: str = request.param
    return text
