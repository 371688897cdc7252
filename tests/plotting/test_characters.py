"""Plots of characters: their shape, their axes, and that they show what they should."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.errors import columns
from gradcli.pictures.plots.characters import LETTERS, PATTERNS, Style, lines
from gradcli.pictures.plots.chart import (
    CURVES,
    Axis,
    Band,
    Chart,
    Field,
    Line,
    Panel,
    Points,
    Trail,
    decades,
    tick_text,
    ticks,
)
from gradcli.plotting.functions import chart

if TYPE_CHECKING:
    from gradcli.pictures.plots.chart import Mark
    from tests.plotting.conftest import Made, Plot

ASCII = Style(unicode=False)
COLOUR = re.compile(r"\x1b\[\d+m")


def text(made_chart: Chart, style: Style = Style()) -> list[str]:  # noqa: B008 - never changed
    return list(lines(made_chart, style))


def inner(found: list[str]) -> list[str]:
    """The rows of the first panel behind its axis."""
    return [
        re.split(r"[|+│┤]", line, maxsplit=1)[1]
        for line in found
        if re.match(r"[^|+│┤└]*[|│┤]", line) or re.match(r" *-?[\d.e-]+ \+", line)
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 133, 300])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal(width: int, plot: Plot, *, unicode: bool) -> None:
    found = text(plot("x^2"), Style(width, unicode))

    assert max(columns(line) for line in found) <= width
    assert max(columns(line) for line in found) > width - 3
    assert all(line == line.rstrip() for line in found)


def test_ascii_is_ascii(plot: Plot) -> None:
    assert "\n".join(text(plot("x^2"), ASCII)).isascii()


@pytest.mark.parametrize("unicode", [True, False])
def test_no_formula_reaches_the_terminal_as_an_order(
    hostile: str, plot: Plot, *, unicode: bool
) -> None:
    found = text(plot(hostile), Style(80, unicode))

    assert all(line.isprintable() for line in found)
    assert max(columns(line) for line in found) <= 80


def test_colours_only_where_they_are_wanted(plot: Plot) -> None:
    plain = text(plot("x"))
    colored = text(plot("x"), Style(colored=True))

    assert not any(COLOUR.search(line) for line in plain)
    assert any(COLOUR.search(line) for line in colored)
    assert [COLOUR.sub("", line).rstrip() for line in colored] == plain


def test_a_straight_line_goes_from_corner_to_corner(made: Made) -> None:
    found = text(chart([made("x", x=(0, 1, 0.01))]), Style(61, unicode=False))
    rows = inner(found)

    assert len(rows) == 20
    places = [[k for k, c in enumerate(row) if c == "*"] for row in rows]
    assert places[-1][0] == 0
    assert places[0][-1] == max(len(row) for row in rows) - 1
    middles = [np.mean(place) for place in places]
    slope = np.diff(middles)
    assert (slope < 0).all()
    assert np.ptp(slope[1:-1]) <= 1


def test_a_curve_has_its_values_at_the_right_rows(made: Made) -> None:
    rows = inner(text(chart([made("sin(x)", x=(-3, 3, 0.01))]), Style(75, unicode=False)))
    width = max(map(len, rows))

    for number, row in enumerate(rows):
        for column in [k for k, c in enumerate(row) if c == "*"]:
            x = -3 + 6 * column / (width - 1)
            low, high = np.sin(x - 6 / width), np.sin(x + 6 / width)
            y = 1 - 2 * number / (len(rows) - 1)
            assert min(low, high) - 0.1 <= y <= max(low, high) + 0.1


def test_no_line_crosses_a_pole_of_characters(made: Made) -> None:
    rows = inner(text(chart([made("1/x", x=(-1, 1, 0.01))]), Style(75, unicode=False)))
    middle = max(map(len, rows)) // 2

    assert {row.ljust(80)[middle] for row in rows[5:15]} == {" "}


def test_several_curves_are_told_apart_without_colours(made: Made) -> None:
    plotted = chart([made(name, x=(0, 6, 0.01)) for name in ("sin(x)", "cos(x)")])
    found, plain = text(plotted), text(plotted, ASCII)

    samples = [line.split()[0] for line in found[-2:]]
    assert samples[0] != samples[1]
    assert [line.split() for line in plain[-2:]] == [["*", "sin(x)"], ["+", "cos(x)"]]
    assert len(set(PATTERNS)) == len(PATTERNS)
    assert len(set(LETTERS)) == len(LETTERS) == CURVES


def test_more_curves_than_patterns_have_letters(made: Made) -> None:
    plotted = chart([made(f"x/{k}", x=(1, 6, 0.1)) for k in range(1, 10)])

    assert [line.split()[0] for line in text(plotted)[-9:]] == list(LETTERS[:9])


def test_a_field_goes_from_light_to_dark() -> None:
    x = np.linspace(0, 1, 50)
    found = text(Chart("", [Panel("x", "y", [Field(x, x, np.outer(np.ones(50), x))])]), ASCII)

    (row, *_) = {line[line.index("|") + 1 :] for line in found if "|" in line}
    assert re.fullmatch(r" +\.+:+\++#+", row)
    assert (
        found[-1].split() == "0 [ ] 0.2 [.] 0.4 [:] 0.6 [+] 0.8 [#] 1".replace("[ ]", "[ ]").split()
    )


@pytest.mark.parametrize("width", [20, 30, 40, 80])
def test_every_shade_is_explained_in_a_narrow_terminal(width: int) -> None:
    x = np.linspace(0, 1, 30)
    field = Field(x, x, np.add.outer(x, 1000 * x), "z")
    found = text(Chart("x", [Panel("x", "y", [field])]), Style(width))

    key = " ".join(
        line.strip() for line in found[found.index(next(w for w in found if "└" in w)) :]
    )
    assert re.findall(r"\[(.)\]", key) == list(" ░▒▓█")
    assert key.endswith("1e3")


def test_a_way_has_its_ends_marked_and_data_lie_above_the_fit() -> None:
    x = np.linspace(0, 1, 5)
    way = "\n".join(text(Chart("", [Panel("x", "y", [Trail(x, x)])]), ASCII))
    assert way.count("S") == way.count("E") == 2  # on the way, and where they are explained

    marks: list[Mark] = [Points(x, x, "data"), Band(x, x - 0.1, x + 0.1, "band"), Line(x, x, "fit")]
    fit = "\n".join(text(Chart("", [Panel("x", "y", marks)]), ASCII))
    assert fit.count("o") - "o data".count("o") == 5


def test_panels_above_each_other_share_x_column_by_column() -> None:
    x = np.linspace(0, 10, 11)
    wide = Panel("x", "y", [Line(x, 12345 * x)])
    small = Panel("x", "residual", [Line(x, x)], height=0.5)
    found = text(Chart("", [wide, small], stacked=True))

    corners = [line.index("└") for line in found if "└" in line]
    ticks = [line for line in found if re.fullmatch(r" *0 +\d[ \d]*", line)]
    gap = found.index("", 1)
    assert len(corners) == 2
    assert corners[0] == corners[1]
    assert len(ticks) == 2
    assert ticks[0] == ticks[1]
    assert len(found[gap:]) < gap


def test_a_logarithmic_axis_has_powers_of_ten() -> None:
    steps = np.arange(9.0)
    panel = Panel("step", "objective", [Line(steps, 10.0**-steps)], log=True)
    found = text(Chart("", [panel]), ASCII)

    labels = [line.split()[0] for line in found if re.match(r" *1e", line)]
    assert labels == sorted(labels, key=float, reverse=True)
    assert len(labels) >= 4
    columns_of = [line.rindex("*") for line in found if "*" in line]
    assert columns_of == sorted(columns_of)


finite = st.floats(-1e300, 1e300)


@given(finite, finite, st.integers(1, 30))
def test_ticks_are_few_round_and_between(low: float, high: float, most: int) -> None:
    low, high = min(low, high), max(low, high)
    found = ticks(low, high, most)

    if high - low > 1e-9 * max(abs(low), abs(high)) and high - low > 1e-290:
        assert len(found) <= most + 1
        room = 1e-6 * (high - low)
        assert all(low - room <= tick <= high + room for tick in found)
        steps = np.diff(found)
        assert np.ptp(steps) <= 1e-6 * (high - low) if len(steps) else True


def test_ticks_are_multiples_of_one_two_or_five() -> None:
    assert ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    np.testing.assert_allclose(ticks(-0.25, 0.25, 5), [-0.2, -0.1, 0, 0.1, 0.2])
    assert ticks(0, 3000, 4) == [0, 1000, 2000, 3000]
    assert ticks(3, 3, 4) == [3]


def test_powers_of_ten_are_whole_and_round() -> None:
    assert decades(0, 3, 5) == [0, 1, 2, 3]
    assert decades(-0.3, 2.2, 20) == [0, 1, 2]
    assert decades(-300, 289, 9) == [-300, -200, -100, 0, 100, 200]
    assert decades(-21.4, 1.4, 5) == [-20, -15, -10, -5, 0]


@given(st.floats(-320, 300), st.floats(0, 600), st.integers(1, 30))
def test_powers_of_ten_are_few_and_between(low: float, span: float, most: int) -> None:
    found = decades(low, low + span, most)

    assert len(found) <= most + 1 or len(found) <= span + 1
    assert all(power == int(power) for power in found)
    assert all(low - 1e-6 <= power <= low + span + 1e-6 for power in found)


def test_ticks_have_short_texts() -> None:
    found = ticks(-0.3, 0.3, 6)

    texts = [tick_text(tick, 0.1) for tick in found]
    assert texts == ["-0.3", "-0.2", "-0.1", "0", "0.1", "0.2", "0.3"]
    assert tick_text(1000.02, 0.01) == "1000.02"
    assert tick_text(3e20, 1e20) == "3e20"


@given(st.lists(finite, min_size=2, max_size=30), st.booleans())
def test_any_numbers_can_be_drawn(values: list[float], unicode: bool) -> None:
    y = np.array(values)
    panel = Panel("x", "y", [Line(np.arange(float(len(y))), y), Points(y, y)])
    found = text(Chart("t", [panel]), Style(60, unicode))

    assert max(columns(line) for line in found) <= 60


def test_places_on_an_axis() -> None:
    assert Axis(0, 10).positions(np.array([0, 5, 10.0]), 11).tolist() == [0, 5, 10]
    shares = Axis(0, 2, log=True).positions(np.array([1, 10, 100, 0]), 3)
    np.testing.assert_allclose(shares, [0, 1, 2, np.nan])


@pytest.mark.parametrize("unicode", [True, False])
def test_a_field_without_any_value_is_all_gaps(*, unicode: bool) -> None:
    axis = np.array([0.0, 1.0])
    field = Field(axis, axis, np.full((2, 2), np.nan))
    found = text(Chart("", [Panel("x", "y", [field])]), Style(40, unicode))

    assert set("".join(inner(found))) == {"?"}
    assert found[-1] == "  ? no value"
