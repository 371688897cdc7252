"""Names that a formula depends on by jumps alone, told from its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradcli import parse
from gradcli.calculus.kinks import explained, without_slope
from gradcli.graph.operations import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

JUMPS = [
    "trunc(x)",
    "floor(x)",
    "ceil(x)",
    "round(x)",
    "sign(x)",
    "(x > 3)",
    "(x == 3)",
    "argmax([x, 2, 1])",
]
"""By the definition of each: constant but for jumps."""


def of(text: str, name: str = "x") -> tuple[bool, str]:
    """Whether the derivative is 0 everywhere, and why."""
    formula = parse(text)
    node = formula.graph.variables([formula.id])[name]
    flat = without_slope(formula.graph, formula.id, [node])
    return bool(flat), explained(formula.graph, formula.id, [node])


@pytest.mark.parametrize(
    "around", ["{}", "{}^2 + 1", "exp(-{})*y", "mean([{}, y])", "where(y > 1, {}, 2)"]
)
@pytest.mark.parametrize("jump", JUMPS)
def test_whatever_is_made_of_jumps_has_no_slope(jump: str, around: str) -> None:
    """What is made of jumps jumps, unless another part or another name moves it."""
    assert of(around.format(jump))[0]
    assert not of(around.format(jump) + " + x/7")[0]
    assert not of(around.format(jump) + "*y", "y")[0]


@pytest.mark.parametrize(
    "text",
    [
        "x^2",
        "x^4",
        "abs(x)",
        "mod(x, 2)",
        "frac(x)",
        "where(x > 1, x, 2)",
        "relu(x)",
        "clip(x, 0, 1)",
        "tanh(x)^2",
    ],
)
def test_a_slope_that_is_0_at_points_or_on_plateaus_is_one(text: str) -> None:
    assert not of(text)[0]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cos(x) == x", ["write cos(x) ~ x"]),
        ("mean((2*x == y)*1)", ["write 2*x ~ y"]),
        ("3*floor(x)^2", ["floor(x) changes only by jumps"]),
        ("where(x > 1, 2, 3)", ["where(x > 1, 2, 3) changes only by jumps"]),
        ("x - x", ["does not depend on it"]),
    ],
)
def test_the_reason_names_the_part_and_the_repair(text: str, parts: Sequence[str]) -> None:
    flat, why = of(text)
    assert flat
    for part in parts:
        assert part in why


def test_every_operation_that_jumps_by_its_row_is_known_here() -> None:
    """The rows of mod and frac have jumps as well, but rise between them."""
    jumping = {name for name, row in TABLE.items() if row.jump is not None} - {"mod", "frac"}
    comparisons = {"less", "less or equal", "greater", "greater or equal", "equal", "not equal"}
    assert jumping == comparisons | {"floor", "ceil", "round", "sign", "trunc"}
