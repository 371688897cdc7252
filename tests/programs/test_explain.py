"""A row without a value is explained as the same numbers alone are, and it is the first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import MathematicsError, parse
from gradcli.graph.shapes import ROWS
from gradcli.point import Lines, Point
from tests.random_formulas import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.formula import Formula

TEXTS = texts(["cbrt", "asin", "log1p"], ["max", "hypot", "atan2"], ["1/3", "-0.5"])
STEEP = st.builds(
    "{}({})*({})".format,
    st.sampled_from(["sqrt", "cbrt", "asin", "acosh", "abs", "xlogx"]),
    st.sampled_from(
        ["x*z", "x + z - 1", "x^2*z", "x*y + z", "where(x > 0, x*z, z^2)", "abs(x - z)"]
    ),
    st.sampled_from(["1", "y", "z", "where(x > y, sqrt(y), z)"]),
)
NUMBERS = st.sampled_from([-800.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 800.0])
COLUMNS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6)


def over_rows(text: str, rows: list[tuple[float, float]], z: float) -> Callable[[], Point]:
    """The formula over columns x and y, with z the same in every row."""
    formula = parse(text, {"x": (ROWS,), "y": (ROWS,)})
    values: dict[str, Any] = dict(zip("xy", np.array(rows).T, strict=True)) | {"z": z}
    lines = Lines(["x", "y"], " of d.csv (line {})".format)
    return lambda: Point(formula.graph, formula.id, values, formula.origin, lines=lines)


def complaint(work: Callable[[], Any]) -> MathematicsError | None:
    try:
        work()
    except MathematicsError as error:
        return error
    return None


def at(formula: Formula, values: Mapping[str, float]) -> Point:
    return formula.at_values({n: x for n, x in values.items() if n in formula.free_names})


@settings(max_examples=300, deadline=None)
@given(TEXTS.filter(lambda text: "x" in text.replace("exp", "")), COLUMNS, NUMBERS)
def test_the_first_row_without_value(text: str, rows: list[tuple[float, float]], z: float) -> None:
    formula = parse(text)
    points = [{"x": x, "y": y, "z": z} for x, y in rows]
    alone = [complaint(partial(at, formula, point)) for point in points]
    faulty = [row for row, error in enumerate(alone) if error is not None]
    found = complaint(over_rows(text, rows, z))

    assert (found is None) == (not faulty)
    if found is None:
        return
    message, _, where = found.message.partition(" in row ")
    # What is the same in every row is no row's fault.
    likely = faulty[:1] if where else faulty
    same = [(e.message, e.values, e.hint, e.span) for e in map(alone.__getitem__, likely) if e]
    assert (message, found.values, found.hint, found.span) in same
    assert where in {"", f"{faulty[0] + 1} of d.csv (line {faulty[0]})"}


@settings(max_examples=300, deadline=None)
@given(STEEP, COLUMNS, NUMBERS)
def test_a_row_without_derivative(text: str, rows: list[tuple[float, float]], z: float) -> None:
    formula = parse(text)
    whole = over_rows(f"sum({text})", rows, z)
    if complaint(whole) is not None:
        return
    found = complaint(lambda: whole().gradient(["z"]))
    if found is None or " in row " not in found.message:
        return
    message, _, where = found.message.partition(" in row ")
    row = int(where.split()[0]) - 1
    here = at(formula, {"x": rows[row][0], "y": rows[row][1], "z": z})
    with pytest.raises(MathematicsError) as caught:
        here.gradient(["z"])
    assert (caught.value.message, caught.value.values) == (message, found.values)
