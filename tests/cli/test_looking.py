"""Data before any fit: what a picture shows, against the numbers of the file as csv reads them."""

from __future__ import annotations

import csv
import itertools
import math
import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.cli import plots
from gradcli.pictures.plots.characters import Style, lines
from gradcli.pictures.plots.chart import (
    CLASSES,
    Axis,
    Chart,
    Field,
    Line,
    Panel,
    Points,
    Trail,
    axes,
)
from gradcli.pictures.plots.figure import figure
from gradcli.pictures.plots.looks import Looks, dressed
from gradcli.pictures.plots.picture import _settings, drawn
from gradcli.plotting.data import ScatterPoints, coloured, with_points

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside

X = np.linspace(0.5, 8, 16)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a decay, two moons and two logs, in which commands run."""
    noise = random.Random(3)  # noqa: S311 - no secret
    with (tmp_path / "decay.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Time (s)", "U (mV)", "n"])
        for k in range(40):
            time = 0.1 + k / 8
            rows.writerow([time, 5 * math.exp(-time / 2) + noise.gauss(0, 0.1), k])
    with (tmp_path / "moons.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["label", "v", "u"])
        for k in range(30):
            a = math.pi * k / 29
            rows.writerow([0, math.sin(a), math.cos(a)])
            rows.writerow([1, 0.5 - math.sin(a), 1 - math.cos(a)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> list[Chart]:
    """The charts that commands draw, as they go to whoever draws them."""
    made: list[Chart] = []

    def drawable(chart: Chart) -> Chart:
        made.append(chart)
        return chart

    monkeypatch.setattr(plots, "drawable", drawable)
    return made


def column(path: Path, place: int) -> list[float]:
    with path.open(newline="", encoding="utf-8") as file:
        return [float(row[place]) for row in itertools.islice(csv.reader(file), 1, None)]


def marks(panel: Panel, kind: type[Any]) -> list[Any]:
    return [mark for mark in panel.marks if isinstance(mark, kind)]


# ---------------------------------------------------------------- a column against another


def test_a_column_against_another_with_a_model(
    inside: Inside, here: Path, charts: list[Chart]
) -> None:
    words = ["eval", "U", "--data", "decay.csv", "--x", "Time", "a=5", "b=2"]
    ran = inside([*words, "--with", "a*exp(-Time/b)", "--with", "a/2", "--plot", "a.svg"])

    assert (ran.code, ran.err) == (0, "")
    time, voltage = column(here / "decay.csv", 0), column(here / "decay.csv", 1)
    assert [[float(cell) for cell in row] for row in ran.rows[1:]] == [
        [t, u, u] for t, u in zip(time, voltage, strict=True)
    ]
    (panel,) = charts[0].panels
    assert (panel.x_label, panel.y_label) == ("Time (s)", "U (mV)")
    (points,) = marks(panel, Points)
    assert (points.x.tolist(), points.y.tolist()) == (time, voltage)
    model, level = marks(panel, Line)
    assert (model.x.min(), model.x.max()) == (min(time), max(time))
    exact = [5 * math.exp(-t / 2) for t in model.x.tolist()]
    np.testing.assert_allclose(model.y, exact, rtol=1e-14)
    assert set(level.y.tolist()) == {2.5}
    assert (model.label, level.label) == ("a*exp(-Time/b)", "a/2")


def test_x_may_be_a_formula_of_columns(inside: Inside, here: Path, charts: list[Chart]) -> None:
    words = ["eval", "log(U + 1)", "--data", "decay.csv", "--x", "Time*n/s", "s=60"]
    ran = inside([*words, "--plot", "a.png"])

    assert ran.code == 0
    (points,) = marks(charts[0].panels[0], Points)
    time, voltage, number = [column(here / "decay.csv", place) for place in range(3)]
    assert points.x.tolist() == [t * n / 60 for t, n in zip(time, number, strict=True)]
    np.testing.assert_allclose(points.y, [math.log(u + 1) for u in voltage], rtol=1e-14)
    assert charts[0].panels[0].x_label == "Time*n/s"


def test_rows_that_are_left_out_are_left_out_of_both(
    inside: Inside, here: Path, charts: list[Chart]
) -> None:
    (here / "gaps.csv").write_text("x,y\n1,10\n,20\n3,\n4,40\n", encoding="utf-8")
    ran = inside(["eval", "y", "--data", "gaps.csv", "--x", "x", "--drop-missing", "--plot", "-"])

    assert ran.code == 0
    (points,) = marks(charts[0].panels[0], Points)
    assert (points.x.tolist(), points.y.tolist()) == ([1, 4], [10, 40])


def test_parameters_of_a_file_make_the_model(
    inside: Inside, here: Path, charts: list[Chart]
) -> None:
    (here / "p.json").write_text('{"a": 5, "b": 2, "unused": 1}', encoding="utf-8")
    words = ["eval", "U", "--data", "decay.csv", "--x", "Time", "--params", "p.json"]
    assert inside([*words, "--with", "a*exp(-Time/b)", "--plot", "-"]).code == 0
    (model,) = marks(charts[0].panels[0], Line)
    np.testing.assert_allclose(model.y, 5 * np.exp(-model.x / 2), rtol=1e-14)


def test_curves_beside_a_formula_over_a_range(inside: Inside, charts: list[Chart]) -> None:
    words = ["eval", "sin(x)", "x=0:2:0.5", "c=0.25", "--plot", "-"]
    ran = inside([*words, "--with", "x - x^3/6", "--with", "c"])

    assert ran.code == 0
    own, series, level = marks(charts[0].panels[0], Line)
    np.testing.assert_allclose(own.y, np.sin(own.x), rtol=1e-14)
    np.testing.assert_allclose(series.y, series.x - series.x**3 / 6, rtol=1e-14)
    assert level.y.tolist() == [0.25] * 5


# ---------------------------------------------------------------- points over a plot


def test_moons_lie_on_their_boundary(inside: Inside, here: Path, charts: list[Chart]) -> None:
    words = ["eval", "tanh(v - sin(3*u))", "u=-1.5:2.5:0.5", "v=-1:1.5:0.5"]
    ran = inside([*words, "--points", "moons.csv", "--plot", "a.svg"])

    assert ran.code == 0
    assert ran.out == inside(words).out
    label, v, u = [column(here / "moons.csv", place) for place in range(3)]
    rows = list(zip(label, u, v, strict=True))
    for kind, mark in enumerate(marks(charts[0].panels[0], Points)):
        expected = [(x, y) for k, x, y in rows if k == kind]
        assert list(zip(mark.x.tolist(), mark.y.tolist(), strict=True)) == expected
        assert mark.label == f"label = {kind}"


CIRCLE = ["eval", "x^2 + y^2", "x=-2:2:0.05", "y=-2:2:0.05"]


@pytest.mark.usefixtures("here")
def test_a_boundary_is_where_the_value_is(inside: Inside, charts: list[Chart]) -> None:
    words = [*CIRCLE, "--level", "1", "--level", "2.25", "--level", "99"]
    ran = inside([*words, "--plot", "a.svg"])

    assert ran.code == 0
    assert ran.err == "note: nothing in the plot has the value 99 of --level\n"
    with _settings():
        (at, _) = figure(charts[0]).axes
        lines = [c for c in at.collections if np.ravel(c.get_linewidth()).tolist() == [2.2]]
        assert at.get_legend_handles_labels()[1] == ["value = 1", "value = 2.25"]
    for radius, line in zip([1, 1.5], lines, strict=True):
        corners = np.concatenate([path.vertices for path in line.get_paths()])
        np.testing.assert_allclose(np.hypot(*corners.T), radius, atol=1e-3)
        # All around: no quarter of the circle is without a corner.
        assert {(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)} <= {
            *map(tuple, np.sign(corners).tolist())
        }
    for name in ("a.png", "-"):
        assert inside([*words, "--plot", name]).code == 0


@pytest.mark.parametrize("unicode", [True, False])
def test_a_boundary_in_characters(inside: Inside, charts: list[Chart], *, unicode: bool) -> None:
    assert inside([*CIRCLE, "--level", "1", "--plot", "-"]).code == 0
    drawn_lines = list(lines(charts[0], Style(80, unicode)))
    assert "  = value = 1" in drawn_lines
    rows = [re.split("[│┤|+] ?", line, maxsplit=1)[1] for line in drawn_lines[2:22]]
    for row, y in zip(rows, np.linspace(2, -2, 20).tolist(), strict=True):
        if abs(y) > 1.2:
            assert "=" not in row
        elif abs(y) < 0.8:
            x = np.linspace(-2, 2, max(map(len, rows)))
            found = x[[k for k, letter in enumerate(row) if letter == "="]]
            assert abs(found.min() + math.sqrt(1 - y * y)) < 0.25
            assert abs(found.max() - math.sqrt(1 - y * y)) < 0.25


def test_a_level_of_a_curve_is_a_line(inside: Inside, charts: list[Chart]) -> None:
    assert inside(["eval", "exp(x)", "x=0:2:0.01", "--level", "2", "--plot", "-"]).code == 0
    _, level = marks(charts[0].panels[0], Line)
    assert (level.x.tolist(), level.y.tolist(), level.label) == ([0, 2], [2, 2], "value = 2")


@pytest.mark.usefixtures("here")
def test_a_surface_has_the_values_of_the_formula(inside: Inside, charts: list[Chart]) -> None:
    words = ["eval", "x^2 - y", "x=-1:1:0.1", "y=0:3:0.1"]
    ran = inside([*words, "--surface", "--plot", "a.svg"])

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == inside(words).out
    assert charts[0].panels[0].surface
    with _settings():
        (at,) = figure(charts[0]).axes
        assert at.name == "3d"
        faces = vars(at.collections[0])["_faces"]
        corners = np.concatenate([np.reshape(f, (-1, 3)) for f in faces])
    np.testing.assert_allclose(corners[:, 2], corners[:, 0] ** 2 - corners[:, 1], atol=1e-12)
    assert (corners.min(axis=0).round(12).tolist(), corners.max(axis=0).round(12).tolist()) == (
        [-1, 0, -3],
        [1, 3, 1],
    )


@pytest.mark.usefixtures("here")
def test_the_way_of_a_run_lies_on_its_surface(inside: Inside, charts: list[Chart]) -> None:
    words = ["minimize", "x^2 + 3*y^2", "x=2", "y=-1", "--lr", "0.1", "--steps", "12"]
    assert inside([*words, "--surface", "--plot", "a.png"]).code == 0
    (trail,) = marks(charts[0].panels[1], Trail)
    np.testing.assert_allclose(trail.z, trail.x**2 + 3 * trail.y**2, rtol=1e-13)
    with _settings():
        at = figure(charts[0]).axes[1]
        way = next(line for line in at.lines if line.get_label() == "steps")
        x, y, z = way.get_data_3d()  # type: ignore[attr-defined]
    (field,) = marks(charts[0].panels[1], Field)
    height = np.ptp(field.z)
    np.testing.assert_allclose(z, x**2 + 3 * y**2, atol=0.011 * height)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["eval", "x^2", "x=0:1:0.1", "--surface", "--plot", "a.svg"], "over two ranges"),
        ([*CIRCLE, "--surface", "--plot", "-"], "characters cannot"),
        ([*CIRCLE, "--surface"], "--plot"),
        (["grad", *CIRCLE[1:], "--surface", "--plot", "a.svg"], "hide behind a surface"),
        ([*CIRCLE, "--level", "inf", "--plot", "-"], "--level"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_no_surface_and_no_level(inside: Inside, words: list[str], expected: str) -> None:
    ran = inside(words)
    assert ran.code == 2
    assert expected in ran.err


def test_points_beyond_a_contour_are_counted(inside: Inside, here: Path) -> None:
    words = ["eval", "u*v", "u=0:1:0.5", "v=0:1:0.5", "--points", "moons.csv", "--plot", "-"]
    ran = inside(words)
    _, v, u = [column(here / "moons.csv", place) for place in range(3)]
    outside = sum(not (0 <= x <= 1 and 0 <= y <= 1) for x, y in zip(u, v, strict=True))

    assert ran.err == f"note: {outside} of 60 points are outside of the plot\n"


def test_points_over_curves_and_the_way_of_a_run(
    inside: Inside, here: Path, charts: list[Chart]
) -> None:
    (here / "p.txt").write_text("0,5;2,5\n1;2\n", encoding="utf-8")
    words = ["--points", "p.txt", "--plot", "-"]
    refused = inside(["grad", "x^2", "x=0:2:0.5", *words])
    assert refused.code != 0
    assert "--header" in refused.err or "--decimal" in refused.err
    words += ["--header", "p,q", "--decimal", ","]
    for command in (["grad", "x^2", "x=0:2:0.5"], ["minimize", "x^2 + (y-2)^2", "x=2", "y=3"]):
        ran = inside([*command, *words])
        assert ran.code == 0
        (points,) = [mark for panel in charts.pop().panels for mark in marks(panel, Points)]
        assert (points.x.tolist(), points.y.tolist(), points.label) == (
            [0.5, 1],
            [2.5, 2],
            "p.txt",
        )


def test_many_numbers_are_colours_and_few_are_kinds() -> None:
    many = coloured(X, X, X, "z")
    assert [mark.colour is X for mark in many] == [True]
    kinds = coloured(X, X, np.arange(16.0) % CLASSES, "z")
    assert [mark.label for mark in kinds] == [f"z = {k}" for k in range(CLASSES)]
    assert sum(len(mark.x) for mark in kinds) == 16
    texts = coloured(X, X, np.arange(16.0) % 2, "kind", ["oak", "elm"])
    assert [mark.label for mark in texts] == ["kind = oak", "kind = elm"]
    chart = Chart("t", [Panel("x", "y", [*many, *kinds])])
    for unicode in (True, False):
        assert any("0.5 … 9" in row for row in lines(chart, Style(60, unicode)))


# ---------------------------------------------------------------- other runs


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_curve_of_another_log(
    inside: Inside, here: Path, charts: list[Chart], ending: str
) -> None:
    run = ["minimize", "(step-3)^2 + value^2", "step=1", "value=1"]
    inside([*run, "--lr", "0.1", "--steps", "9", "--log", f"a.{ending}"])
    assert (here / f"a.{ending}").exists()
    ran = inside([*run, "--lr", "0.3", "--steps", "5", "--overlay", f"a.{ending}", "--plot", "-"])

    assert ran.code == 0
    own, other = marks(charts[0].panels[0], Line)
    assert (own.label, other.label) == ("this run", f"a.{ending}")
    # Gradient descent with rate r on a square has (1 - 2r)^(2k) of its value after k steps.
    np.testing.assert_allclose(other.y, [5 * 0.8 ** (2 * k) for k in range(10)], rtol=1e-12)
    np.testing.assert_allclose(own.y, [5 * 0.4 ** (2 * k) for k in range(6)], rtol=1e-12)
    assert other.x.tolist() == list(range(10))


def test_the_curves_of_a_log_of_epochs(inside: Inside, here: Path, charts: list[Chart]) -> None:
    words = ["minimize", "mean((U - a*Time)^2)", "a=0", "--data", "decay.csv", "--epochs", "3"]
    words += ["--validate", "decay.csv", "--metric", "mean(abs(U - a*Time))", "--batch", "9"]
    inside([*words, "--lr", "0.01", "--log", "e.csv"])
    ran = inside([*words, "--lr", "0.02", "--overlay", "e.csv", "--plot", "-"])

    assert ran.code == 0
    objective, metric = charts[0].panels
    with (here / "e.csv").open(newline="", encoding="utf-8") as file:
        log = list(csv.DictReader(file))
    drawn_of = {mark.label: mark.y.tolist() for mark in marks(objective, Line)}
    for label, name in (
        ("objective on the data", "value"),
        ("objective on --validate", "validation"),
    ):
        assert drawn_of[f"{label} of e.csv"] == [float(row[name]) for row in log]
    assert marks(metric, Line)[1].y.tolist() == [float(row["metric"]) for row in log]


# ---------------------------------------------------------------- looks


def test_words_scales_and_size(inside: Inside, here: Path, charts: list[Chart]) -> None:
    words = ["eval", "U", "--data", "decay.csv", "--x", "Time", "--with", "5*exp(-Time/2)"]
    words += ["--title", "$T_{", "--xlabel", "along", "--ylabel", "up", "--log-x", "--log-y"]
    ran = inside([*words, "--size", "6x3", "--plot", "a.png"])

    assert ran.code == 0
    content = (here / "a.png").read_bytes()
    assert [int.from_bytes(content[k : k + 4], "big") for k in (16, 20)] == [900, 450]
    with _settings():
        (at,) = figure(charts[0]).axes
    assert (at.get_xscale(), at.get_yscale()) == ("log", "log")
    assert (at.get_xlabel(), at.get_ylabel(), charts[0].title) == ("along", "up", "$T_{")
    (line,) = marks(charts[0].panels[0], Line)
    steps = np.diff(np.log(line.x))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)  # even along the axis
    text = inside([*words, "--size", "50x7", "--plot", "-"]).out.splitlines()
    assert max(map(len, text)) == 50
    assert sum("│" in row or "┤" in row for row in text) == 7


def test_what_has_no_logarithm_is_a_gap_and_said() -> None:
    x = np.array([-1.0, 0, 1, 10])
    made = dressed(Chart("t", [Panel("x", "y", [Points(x, x + 2)])]), Looks(log_x=True))

    assert np.isnan(made.panels[0].marks[0].x).tolist() == [True, True, False, False]
    assert made.notes == ["2 numbers along x that have no logarithm: gaps in the plot"]
    flat = dressed(Chart("t", [Panel("x", "y", [Points(x, -x * x)])]), Looks(log_y=True))
    assert not flat.panels[0].log
    assert "not logarithmic" in flat.notes[0]


@pytest.mark.parametrize("low", [-12.0, -1, 0, 0.1, 2.9])
@pytest.mark.parametrize("size", [0.02, 0.3, 0.9, 1.5, 4, 40, 500])
@pytest.mark.parametrize("most", [2, 5, 8])
def test_every_logarithmic_axis_has_a_scale(low: float, size: float, most: int) -> None:
    axis = Axis(low, min(low + size, 300), log=True)
    found = axis.labels(most)

    assert len(found) >= 2
    for share, text in found:
        place = math.log10(float(text)) if not text.startswith("1e") else float(text[2:])
        assert share == pytest.approx((place - axis.low) / (axis.high - axis.low), abs=1e-3)
        assert -1e-9 <= share <= 1 + 1e-9


def test_a_scale_stands_on_both_axes() -> None:
    x = 10.0**X
    for log_x, log_y in itertools.product((False, True), repeat=2):
        panel = Panel("x", "y", [Line(x, x**2)], log=log_y, log_x=log_x)
        text = list(lines(Chart("t", [panel]), Style(80)))
        assert max(map(len, text)) <= 80
        assert sum("┤" in row for row in text) >= 2
        assert len(text[-2].split()) >= 2  # the numbers below the axis
        assert axes(panel)[0].log == log_x


@pytest.mark.slow  # as two processes in tests/plotting/test_picture.py, with points
def test_the_same_picture_in_every_run(gradcli: Command) -> None:
    numbers = "t,y,k\n1,2,0.5\n2,3,1\n3,1,2\n1,1,7\n1,3,8\n1,2,9\n2,2,3\n"
    for name in ("d.csv", "p.csv"):
        (gradcli.folder / name).write_text(numbers, encoding="utf-8")
    kinds = [["eval", "y", "--data", "d.csv", "--x", "t", "--with", "t+1", "--log-x"]]
    kinds += [["eval", "t*y", "t=1:3:0.5", "y=1:3:0.5", "--points", "p.csv", "--size", "5x4"]]
    for words in kinds:
        pictures = []
        for seed in ("1", "2"):
            ran = gradcli(*words, "--plot", "a.svg", env={"PYTHONHASHSEED": seed})
            assert ran.code == 0
            pictures.append((gradcli.folder / "a.svg").read_bytes())
        assert pictures[0] == pictures[1]


def test_points_of_every_kind_are_drawn() -> None:
    field = Field(X, X, np.outer(X, X), "z")
    for base in (Panel("x", "y", [field]), Panel("x", "y", [Line(X, X)])):
        for colour in (X, np.arange(16.0) % 3):
            columns = {"p": X, "q": X, "c": colour}
            points = ScatterPoints("p.csv", columns, {}, {name: name for name in columns})
            made = with_points(Chart("t", [base]), points)
            assert b"<svg" in drawn(made, "svg")
            assert sum(len(mark.x) for mark in marks(made.panels[0], Points)) == 16
