"""Plots as files: well-formed, the same bytes every time, and harmless whatever the formula is."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.text import Text

from gradcli.pictures.plots.characters import Style, lines
from gradcli.pictures.plots.chart import (
    CURVES,
    Band,
    Chart,
    Field,
    Line,
    Panel,
    Points,
    is_wide,
    positive,
)
from gradcli.pictures.plots.figure import COLOURS, MARKERS, STYLES, figure, lonely, powers
from gradcli.pictures.plots.looks import LARGEST, drawable
from gradcli.pictures.plots.picture import DOTS_PER_INCH, _settings, drawn
from gradcli.plotting.functions import chart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.pictures.plots.chart import Mark, Vector
    from tests.plotting.conftest import Made, Plot

SVG = "{http://www.w3.org/2000/svg}"
X = np.linspace(0, 1, 11)


def kinds() -> Iterator[Any]:
    """Charts of every kind but that of the fixture."""
    wide = 10.0 ** (8 * X)
    yield pytest.param(Chart("x", [Panel("x", "y", [Line(X, wide)], log=True)]), id="log")
    field = Field(X, X, np.outer(wide, wide), "z", log=True)
    yield pytest.param(Chart("x", [Panel("x", "y", [field])]), id="log field")
    panels = [Panel("x", str(k), [Line(X, X)]) for k in range(3)]
    yield pytest.param(Chart("x", panels, stacked=True), id="stacked")
    cut = Field(X, X, np.where(X > 0.5, 1 / (X - 0.5 + 1e-9), np.nan) * np.ones((11, 1)), "z")
    cut = cut._replace(limits=(3.0, 9.0))
    yield pytest.param(Chart("x", [Panel("x", "y", [cut])]), id="cut field")


@pytest.mark.parametrize("made_chart", list(kinds()))
def test_an_svg_is_well_formed_and_asks_for_nothing(made_chart: Chart) -> None:
    content = drawn(made_chart, "svg")
    root = ET.fromstring(content)  # noqa: S314 - of our own making

    assert root.tag == f"{SVG}svg"
    tags = {element.tag for element in root.iter()}
    assert f"{SVG}script" not in tags
    links = [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href") and not value.startswith(("#", "data:image/png;base64,"))
    ]
    assert links == []


def test_a_png_has_the_size_of_its_figure(plot: Plot) -> None:
    content = drawn(plot("x"), "png")

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(content[k : k + 4], "big") for k in (16, 20))
    inches = figure(plot("x")).get_size_inches()
    assert (width, height) == tuple(round(size * DOTS_PER_INCH) for size in inches)
    assert content.endswith(b"IEND\xaeB`\x82")


def test_a_pdf_is_one(plot: Plot) -> None:
    content = drawn(plot("x"), "pdf")

    assert content.startswith(b"%PDF-1.")
    assert content.rstrip().endswith(b"%%EOF")
    assert b"CreationDate" not in content


def test_two_processes_give_the_same_bytes() -> None:
    script = """\
import hashlib
import numpy as np
from gradcli.pictures.plots.chart import Chart, Field, Line, Panel, Points, Trail
from gradcli.pictures.plots.picture import drawn
x = np.linspace(0, 1, 11)
marks = [Field(x, x, np.outer(x, x), "z"), Trail(x, x), Points(x, x, "p", x), Line(x, x, "l")]
chart = Chart("t", [Panel("x", "y", marks)])
for picture_format in ("svg", "png", "pdf"):
    print(hashlib.sha256(drawn(chart, picture_format)).hexdigest())
"""
    found = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": epoch},
        ).stdout
        for seed, epoch in (("1", "0"), ("2", "99999999"))
    ]

    assert found[0] == found[1]
    assert len(set(found[0].split())) == 3


def test_no_text_is_read_as_anything_but_text(hostile: str, plot: Plot) -> None:
    content = drawn(plot(hostile), "svg")
    root = ET.fromstring(content)  # noqa: S314 - of our own making

    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert len(content) < 500_000


@pytest.mark.parametrize("text", ["$x_{", "$a$", r"\alpha $\beta$"])
def test_dollars_stay_dollars(text: str, plot: Plot) -> None:
    made_figure = figure(plot(text))
    texts = [t for t in made_figure.findobj(Text) if isinstance(t, Text) and text in t.get_text()]

    assert len(texts) >= 8
    assert not any(t.get_parse_math() for t in texts)


def test_the_users_settings_do_not_matter(plot: Plot) -> None:
    import matplotlib as mpl

    expected = drawn(plot("x"), "svg")
    with mpl.rc_context({"lines.linewidth": 9, "text.usetex": True, "font.size": 30}):
        assert drawn(plot("x"), "svg") == expected
        assert mpl.rcParams["lines.linewidth"] == 9


def test_pyplot_is_not_used() -> None:
    script = """\
import sys
import numpy as np
from gradcli.pictures.plots.chart import Chart, Line, Panel
from gradcli.pictures.plots.picture import drawn
drawn(Chart("t", [Panel("x", "y", [Line(np.arange(3.0), np.arange(3.0))])]), "png")
assert "matplotlib.pyplot" not in sys.modules
assert "tkinter" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_lines_of_a_figure_have_the_numbers_of_the_chart(made: Made) -> None:
    at = figure(chart([made("sin(x)", ["x"], x=(0, 6, 0.5))])).axes

    x = np.arange(0, 6.25, 0.5)
    np.testing.assert_allclose(
        np.asarray(at[0].lines[0].get_xydata()), np.stack([x, np.sin(x)], 1), atol=1e-15
    )
    np.testing.assert_allclose(
        np.asarray(at[1].lines[0].get_xydata()), np.stack([x, np.cos(x)], 1), atol=1e-15
    )
    assert at[0].get_shared_x_axes().joined(at[0], at[1])
    assert (at[0].get_ylabel(), at[1].get_ylabel(), at[1].get_xlabel()) == ("value", "∂f/∂x", "x")


def test_the_levels_of_a_contour_hold_all_values(made: Made) -> None:
    plotted = chart([made("(1-x)^2 + 100*(y-x^2)^2", x=(-2, 2, 0.1), y=(-1, 3, 0.1))])
    made_figure = figure(plotted)

    filled: Any = made_figure.axes[0].collections[0]
    field = plotted.panels[0].field
    assert field is not None
    assert field.log
    positive = field.z[field.z > 0]
    assert filled.levels[0] <= positive.min()
    assert filled.levels[-1] >= field.z.max()
    np.testing.assert_allclose(
        np.diff(np.log10(filled.levels)), 0.5 * round(2 * np.diff(np.log10(filled.levels))[0])
    )
    assert made_figure.axes[1].get_ylabel() == "value"


@pytest.mark.parametrize(("low", "high"), [(1, 1000), (1e-30, 1e12), (3, 400), (1e-300, 1e300)])
def test_powers_are_few_and_surround_the_values(low: float, high: float) -> None:
    found = powers(low, high)

    assert found[0] <= low * (1 + 1e-12)
    assert found[-1] >= high * (1 - 1e-12)
    assert 3 <= len(found) <= 28


def test_curves_differ_in_black_and_white_too() -> None:
    looks = {(STYLES[k % len(STYLES)], MARKERS[k // len(STYLES)]) for k in range(CURVES)}
    colours = {(COLOURS[k % len(COLOURS)], k % len(STYLES)) for k in range(CURVES)}

    assert len(looks) == CURVES
    assert len(colours) == CURVES


def test_colours_are_seen_on_white() -> None:
    for colour in COLOURS:
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = np.dot([0.2126, 0.7152, 0.0722], linear)
        assert 1.05 / (luminance + 0.05) > 2.2


@pytest.mark.parametrize(
    "y",
    [
        10.0 ** (306 * X),
        10.0 ** (-320 * X),
        10.0 ** (620 * X - 312),
        1.7e308 * np.sin(9 * X),
        1e-310 * X,
        0 * X,
        0 * X + 3,
        1e15 + X,
        np.full(11, np.nan),
        np.full(11, 1e300),
    ],
)
@pytest.mark.parametrize("log", [True, False])
def test_any_numbers_can_be_drawn(y: Vector, *, log: bool) -> None:
    line = Line(X, positive(y) if log else y)
    made_chart = drawable(Chart("x", [Panel("x", "y", [line], log=log)]))

    assert drawn(made_chart, "svg").startswith(b"<?xml")
    large = int((np.abs(line.y) > LARGEST).sum()) if log else 0
    assert len(made_chart.notes) == (large > 0)
    shown: Any = made_chart.panels[0].marks[0]
    assert int(np.isnan(shown.y).sum()) == large + int(np.isnan(line.y).sum())
    assert all(list(lines(made_chart, Style(unicode=unicode))) for unicode in (True, False))


@pytest.mark.parametrize("size", [5e-324, 3e-310, 2e-300, 1e-250, 1.0, 1e280, 1e300, 1.7e308])
def test_an_axis_counts_in_powers_of_ten_that_its_label_says(size: float) -> None:
    marks: list[Mark] = [
        Line(X * size, X * size),
        Points(X * size, X * size, error=X * size / 2),
        Band(X * size, -X * size, X * size),
    ]
    limits = (-size / 2, size / 2)
    panel = drawable(Chart("x", [Panel("x", "y", marks, limits=limits)])).panels[0]

    unit = float(panel.y_label.removeprefix("y").removeprefix(" / ") or 1)
    assert panel.x_label == panel.y_label.replace("y", "x")
    assert (unit == 1) == (1e-280 <= size <= 1e290)
    line, points, band = panel.marks
    assert isinstance(line, Line)
    assert isinstance(points, Points)
    assert isinstance(band, Band)
    assert points.error is not None
    np.testing.assert_allclose(line.x * unit, X * size, rtol=1e-15)
    np.testing.assert_allclose(line.y * unit, X * size, rtol=1e-15)
    np.testing.assert_allclose(band.low * unit, -X * size, rtol=1e-15)
    np.testing.assert_allclose(points.error * unit, X * size / 2, rtol=1e-15)
    assert panel.limits == (-size / 2 / unit, size / 2 / unit)


def test_panels_above_each_other_count_x_alike() -> None:
    small = Panel("x", "y", [Line(X * 1e300, X)])
    large = Panel("x", "y", [Line(X * 1e301, X)])
    panels = drawable(Chart("x", [small, large], stacked=True)).panels

    assert [panel.x_label for panel in panels] == ["x / 1e301"] * 2


def test_a_small_curve_is_no_straight_line() -> None:
    made_chart = drawable(Chart("x", [Panel("x", "y", [Line(X, 1e-300 * X**2)])]))
    with _settings():
        (axes,) = figure(made_chart).axes

    low, high = axes.get_ylim()
    assert high - low < 2
    assert high > 0.5


def test_a_field_that_is_the_same_everywhere_says_its_value() -> None:
    field = Field(X, X, np.full((11, 11), 2.5), "z")
    with _settings():
        _, bar = figure(Chart("x", [Panel("x", "y", [field])])).axes

    assert [label.get_text() for label in bar.get_yticklabels()] == ["2.5"]


@pytest.mark.parametrize(
    "z", [1.7e308 * np.outer(np.sin(9 * X), X), np.ones((11, 11)), 10.0 ** (300 * np.outer(X, X))]
)
def test_any_field_can_be_drawn(z: Vector) -> None:
    field = Field(X, X, z, "z", log=is_wide(z))

    assert drawn(drawable(Chart("x", [Panel("x", "y", [field])])), "png").startswith(b"\x89PNG")


def test_points_between_gaps_are_seen() -> None:
    y = np.array([1, np.nan, 2, np.nan, 3, 4, np.nan])

    assert lonely(y).tolist() == [True, False, True, False, False, False, False]


def test_a_million_points_make_a_small_file(made: Made) -> None:
    for text in ("sin(5000*x)", "tan(500*x)", "mod(1000*x, 1)"):
        content = drawn(chart([made(text, x=(0, 1, 1e-6))]), "svg")
        assert len(content) < 2_000_000


def test_a_wild_contour_makes_a_small_file(made: Made) -> None:
    function = made("sin(60*x)*cos(50*y)", ["x", "y"], x=(0, 3, 0.005), y=(0, 3, 0.005))

    assert len(drawn(chart([function]), "svg")) < 2_000_000


def test_many_points_make_a_small_file() -> None:
    x = np.random.default_rng(0).normal(size=(2, 40_000))
    made_chart = Chart("x", [Panel("x", "y", [Points(x[0], x[1], "p", np.abs(x[0]))])])

    assert len(drawn(made_chart, "svg")) < 2_000_000
