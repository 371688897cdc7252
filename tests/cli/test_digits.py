"""Digits of tables: a row says what a point says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Inside

OVERFLOW = "a*x*exp(x)/exp(x - 1)"
"""Its value is a e x, also where exp(x) is too large for a double."""


@pytest.mark.parametrize("rows", ["x=711:713:1", "data"])
def test_rows_that_overflow_on_the_way_have_values(
    inside: Inside, tmp_path: Path, rows: str
) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x\n711\n712\n713\n")
    words = ["--data", str(path)] if rows == "data" else [rows]
    ran = inside(["grad", OVERFLOW, "a=3", *words, "--wrt", "x,a", "--csv"])
    assert (ran.code, ran.err) == (0, "")
    _, *lines = ran.out.splitlines()
    table = [[float(cell) for cell in line.split(",")] for line in lines]
    assert [row[0] for row in table] == [711, 712, 713]
    for x, value, by_x, by_a in table:
        assert [value, by_x, by_a] == pytest.approx(
            [3 * math.e * x, 3 * math.e, math.e * x], rel=1e-13
        )


def test_a_row_without_a_value_is_still_named(inside: Inside, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x\n712\n-3\n")
    ran = inside(["eval", "exp(x)/exp(x - 1) + sqrt(x)", "--data", str(path)])
    assert ran.code != 0
    assert "sqrt is undefined at -3" in ran.err
    assert "row 2" in ran.err
    path.write_text("x\n3\n800\n")
    ran = inside(["eval", "exp(x)", "--data", str(path)])
    assert "exp(800) is too large for a double" in ran.err
