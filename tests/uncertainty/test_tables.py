"""Standard errors in tables against those at each point."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradcli.data.source import open_source
from gradcli.formula import parse
from gradcli.tables import ranges as ranged
from gradcli.tables.formula import RowFormula
from gradcli.tables.ranges import Range
from gradcli.tables.rows import RowTable
from gradcli.tables.uncertain import KEYS, RowErrors, with_errors
from gradcli.uncertainty.propagation import inputs, propagate

if TYPE_CHECKING:
    from pathlib import Path

    from gradcli.data.source import Source

T = np.array([0.5, 1.0, 2.0, 3.0])
KNOWN = inputs({"a": 0.3, "b": 0.2, "c": 0.0}, {("a", "b"): -0.6})
VALUES = {"a": 1.2, "b": 0.7, "c": 2.0}
FORMULAS = [
    "a*exp(-b*t)*c",
    "a^2*t + b*c",
    "integrate(a*exp(-x*b), x, 0, t)*c",
    "solve(x^3 + a*x == t*b, x, 1) + c",
]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A file with the column t."""
    path = tmp_path / "t.csv"
    path.write_text("t\n" + "".join(f"{t!r}\n" for t in T.tolist()))
    return open_source([str(path)])


def check(table: ranged.Table | RowTable, text: str, known: RowErrors) -> None:
    blocks = [*with_errors(table.blocks(), known, ["t"])]
    found = [np.concatenate([block.slopes[k] for block in blocks]) for k in range(len(KEYS))]
    for place, t in enumerate(T.tolist()):
        point = propagate(parse(text).at_values(VALUES, t=t), KNOWN)
        assert point.second_order is not None
        expected = [point.standard_error, *point.second_order]
        assert [column[place] for column in found] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("text", [*FORMULAS, "sum([a, b*t, c]^3)"])
def test_over_a_range_each_value_has_the_errors_of_its_point(text: str) -> None:
    known = RowErrors(KNOWN, {})
    assert known.names == ["a", "b"]  # an error of 0 needs no derivative
    ranges = {"t": Range.through(T)}
    check(ranged.Table(parse(text), VALUES, ranges, known.names, second=True), text, known)


@pytest.mark.parametrize("text", FORMULAS)
def test_in_a_row_each_value_has_the_errors_of_its_point(text: str, source: Source) -> None:
    known = RowErrors(KNOWN, {})
    formula = RowFormula(text, VALUES, source, ["t"])
    check(RowTable(formula, known.names, second=True), text, known)
    needs_all = re.sub(r"\bt\b", "(t + mean(t))", text)
    here = re.sub(r"\bt\b", f"(t + {T.mean().item()!r})", text)
    formula = RowFormula(needs_all, VALUES, source, ["t"])
    check(RowTable(formula, known.names, second=True), here, known)


def test_without_second_derivatives_there_is_no_second_order() -> None:
    """Of x^1.5 at 0 the first derivative is 0 and the second infinite."""
    given = inputs({"x": 0.1})
    known = RowErrors(given, {})
    ranges = {"t": Range.through(T)}
    table = ranged.Table(parse("x^1.5*t"), {"x": 0.0}, ranges, known.names, second=True)
    (block,) = with_errors(table.blocks(), known, ["t"])
    assert [column.tolist() for column in block.slopes[1:]] == [[None] * len(T)] * 2
    many = inputs({f"x{place}": 0.1 for place in range(51)})
    assert RowErrors(many, {}).keys == KEYS[:1]
