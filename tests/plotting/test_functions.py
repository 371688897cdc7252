"""The numbers in the plots of formulas, against NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gradcli.errors import MathematicsError, UsageError
from gradcli.formula import parse
from gradcli.pictures.plots.chart import Arrows, Field, Line, is_wide, positive
from gradcli.plotting.curves import Function, outline
from gradcli.plotting.functions import GRID, chart
from gradcli.tables.ranges import Range

if TYPE_CHECKING:
    from gradcli.pictures.plots.chart import Vector
    from tests.plotting.conftest import Made


def test_a_curve_has_the_values_of_its_function(made: Made) -> None:
    plot = chart([made("sin(x)*exp(x/3)", x=(-5, 5, 0.01))])

    (panel,) = plot.panels
    (line,) = panel.marks
    assert isinstance(line, Line)
    np.testing.assert_allclose(line.x, np.linspace(-5, 5, 1001), atol=1e-12)
    np.testing.assert_allclose(line.y, np.sin(line.x) * np.exp(line.x / 3), rtol=1e-14)
    assert (plot.title, panel.x_label, panel.y_label) == ("sin(x)*exp(x/3)", "x", "value")
    assert plot.notes == []


def test_the_derivative_has_a_panel_of_its_own(made: Made) -> None:
    plot = chart([made("x^3 - x", ["x"], x=(-2, 2, 0.5))])

    assert plot.stacked
    assert [panel.y_label for panel in plot.panels] == ["value", "∂f/∂x"]
    slope: Any = plot.panels[1].marks[0]
    np.testing.assert_allclose(slope.y, 3 * slope.x**2 - 1)


def test_a_point_without_a_value_is_a_gap_and_is_counted(made: Made) -> None:
    plot = chart([made("log(x)", x=(-1, 1, 0.25))])

    line: Any = plot.panels[0].marks[0]
    assert np.isnan(line.y).tolist() == [True] * 5 + [False] * 4
    assert plot.notes == [
        "the formula has no value at 5 of 9 points, the first at x = -1: gaps in the plot"
    ]


def test_a_step_without_a_value_is_a_gap_even_where_the_result_is_finite(made: Made) -> None:
    line: Any = chart([made("1/(1/x)", x=(-1, 1, 0.5))]).panels[0].marks[0]

    assert np.isnan(line.y).tolist() == [False, False, True, False, False]


def test_a_derivative_may_have_gaps_where_the_value_has_none(made: Made) -> None:
    panels = chart([made("sqrt(x)", ["x"], x=(0, 4, 1))]).panels
    value: Any = panels[0].marks[0]
    slope: Any = panels[1].marks[0]

    assert not np.isnan(value.y).any()
    assert np.isnan(slope.y).tolist() == [True, False, False, False, False]


def test_a_formula_of_arrays_has_gaps_point_by_point() -> None:
    ranges = {"x": Range.through(np.array([-1.0, 0.0, 1.0]))}
    plot = chart([Function(parse("sum(log([x, x+3]))"), {}, ranges, ["x"])])

    value: Any = plot.panels[0].marks[0]
    slope: Any = plot.panels[1].marks[0]
    np.testing.assert_allclose(value.y, [np.nan, np.nan, np.log(4)])
    np.testing.assert_allclose(slope.y, [np.nan, np.nan, 1 + 1 / 4])


def test_no_line_crosses_a_pole(made: Made) -> None:
    plot = chart([made("tan(x)", x=(-2, 2, 0.01))])

    line: Any = plot.panels[0].marks[0]
    left, right = line.y[:-1], line.y[1:]
    assert not ((left > 50) & (right < -50)).any()
    assert np.nanmax(line.y) > 1000
    assert int(np.isnan(line.y).sum()) == 2
    assert plot.panels[0].limits is not None
    assert "has a pole" in plot.notes[0]


def test_several_curves_share_a_panel_and_have_labels(made: Made) -> None:
    texts = ["sin(x)", "cos(x)", "x/3"]
    plot = chart([made(text, x=(0, 3, 0.1)) for text in texts])

    (panel,) = plot.panels
    assert [mark.label for mark in panel.marks if isinstance(mark, Line)] == texts


def test_several_formulas_have_their_derivatives_below(made: Made) -> None:
    plot = chart([made(text, ["x"], x=(1, 3, 0.5)) for text in ("x^2", "1/x")])

    values, slopes = plot.panels
    assert [mark.label for mark in values.marks if isinstance(mark, Line)] == ["x^2", "1/x"]
    square, inverse = [mark for mark in slopes.marks if isinstance(mark, Line)]
    np.testing.assert_allclose(square.y, 2 * square.x)
    np.testing.assert_allclose(inverse.y, -1 / inverse.x**2)
    with pytest.raises(UsageError, match="derivatives by other names"):
        chart([made("x^2", ["x"], x=(1, 3, 1)), made("x", x=(1, 3, 1))])


def test_curves_with_and_without_a_pole_share_limits(made: Made) -> None:
    plot = chart([made(text, x=(-5, 5, 0.01)) for text in ("1/x", "3*x")])

    assert plot.panels[0].limits is not None
    low, high = plot.panels[0].limits
    assert (low, high) == (-15, 15)


def test_a_contour_has_the_values_of_its_function(made: Made) -> None:
    plot = chart([made("x^2 - 3*y", ["x", "y"], x=(-1, 2, 0.5), y=(0, 4, 1))])

    (panel,) = plot.panels
    field, arrows = panel.marks
    assert isinstance(field, Field)
    x, y = np.meshgrid(np.linspace(-1, 2, 7), np.linspace(0, 4, 5))
    np.testing.assert_allclose(field.z, x**2 - 3 * y)
    assert (panel.x_label, panel.y_label) == ("x", "y")
    assert isinstance(arrows, Arrows)
    np.testing.assert_allclose(arrows.u / arrows.v, 2 * arrows.x / -3, atol=1e-12)
    length = np.hypot(arrows.u / 3, arrows.v / 4)
    np.testing.assert_allclose(length, length[0])


def test_arrows_do_not_depend_on_the_order_of_the_names(made: Made) -> None:
    function = made("y^2*x", ["y", "x"], x=(1, 2, 0.25), y=(1, 3, 0.25))
    (panel,) = chart([function]).panels

    arrows: Any = panel.marks[1]
    np.testing.assert_allclose(arrows.u / arrows.v, arrows.y / (2 * arrows.x))


def test_another_derivative_has_a_contour_of_its_own(made: Made) -> None:
    function = made("y^2*x", ["y"], x=(1, 2, 0.25), y=(1, 3, 0.25))
    value, slope = [panel.field for panel in chart([function]).panels]

    assert value is not None
    assert slope is not None
    x, y = np.meshgrid(slope.x, slope.y)
    np.testing.assert_allclose(value.z, y**2 * x)
    np.testing.assert_allclose(slope.z, 2 * y * x)
    assert slope.label == "∂f/∂y"


def test_a_kink_and_a_gap_of_a_derivative_are_said(made: Made) -> None:
    plot = chart([made("abs(x) + sqrt(y)", ["x", "y"], x=(-1, 1, 1), y=(0, 4, 1))])

    assert plot.notes[0].startswith("abs has a kink at 0")
    plot = chart([made("abs(x) + sqrt(y)", ["y"], x=(-1, 1, 1), y=(0, 4, 1))])
    gaps = "its derivative with respect to y has no value at 3 of 15 points: gaps in the plot"
    assert gaps in plot.notes


def test_a_large_grid_is_thinned_and_that_is_said(made: Made) -> None:
    plot = chart([made("x*y", x=(0, 1, 0.0001), y=(0, 1, 0.5))])

    field: Any = plot.panels[0].marks[0]
    assert field.z.shape == (3, GRID)
    assert (field.x[0], field.x[-1]) == (0, 1)
    np.testing.assert_allclose(field.z, np.outer([0, 0.5, 1], field.x))
    assert plot.notes == [f"the plot shows {GRID} of 10001 points along x"]


def test_a_million_points_keep_their_envelope(made: Made) -> None:
    line: Any = chart([made("sin(5000*x)", x=(0, 1, 1e-6))]).panels[0].marks[0]

    assert len(line.x) < 20_000
    assert (line.x[0], line.x[-1]) == (0, 1)
    pieces = np.array_split(line.y, 500)
    assert min(piece.max() for piece in pieces) > 0.999
    assert max(piece.min() for piece in pieces) < -0.999


@given(
    arrays.arrays(np.float64, st.integers(1, 200), elements=st.floats(-9, 9) | st.just(np.nan)),
    st.integers(1, 30),
)
def test_an_outline_keeps_ends_extremes_and_gaps(y: Vector, size: int) -> None:
    places = outline(y, size)

    assert (np.diff(places) > 0).all()
    assert {0, len(y) - 1} <= set(places.tolist())
    for start in range(0, len(y), size):
        piece = y[start : start + size]
        kept = y[places[(places >= start) & (places < start + size)]]
        assert np.isnan(piece).any() == np.isnan(kept).any()
        if not np.isnan(piece).all():
            assert np.nanmax(piece) == np.nanmax(kept)
            assert np.nanmin(piece) == np.nanmin(kept)


@pytest.mark.parametrize(
    ("values", "wide"),
    [
        ([1, 50], False),
        ([1, 101], True),
        ([1, 100], False),
        ([0, 1, 1000], True),
        ([-1, 1, 1000], False),
        ([0, 0], False),
        ([np.nan, 1, 1e9], True),
        ([np.nan], False),
    ],
)
def test_when_a_logarithmic_scale_helps(values: list[float], wide: bool) -> None:
    assert is_wide(np.array(values, dtype=float)) is wide


def test_what_a_logarithmic_scale_cannot_show() -> None:
    assert np.isnan(positive(np.array([-1.0, 0, 2, np.nan]))).tolist() == [True, True, False, True]


def test_what_makes_no_plot(made: Made) -> None:
    with pytest.raises(UsageError, match="needs a range"):
        chart([made("1+1")])
    with pytest.raises(UsageError, match="one or two ranges, and there are 3"):
        chart([made("x+y+z", x=(0, 1, 1), y=(0, 1, 1), z=(0, 1, 1))])
    with pytest.raises(UsageError, match="share no axis"):
        chart([made("x", x=(0, 1, 1)), made("y", y=(0, 1, 1))])
    with pytest.raises(UsageError, match="contours of several"):
        chart([made("x+y", x=(0, 1, 1), y=(0, 1, 1))] * 1 + [made("x*y", x=(0, 1, 1), y=(0, 1, 1))])
    with pytest.raises(UsageError, match="goes beyond 1e290"):
        chart([made("x", x=(1e300, 1e301, 1e300))])
    with pytest.raises(UsageError, match="needs two"):
        chart([made("x", x=(1, 1, 1))])
    with pytest.raises(UsageError, match="tells 32 curves apart"):
        chart([made(f"{k}*x", x=(0, 1, 1)) for k in range(2, 36)])
    with pytest.raises(MathematicsError, match="no point of the range has a value: log"):
        chart([made("log(x)", x=(-3, -1, 1))])
