"""--plot: plots beside the results of eval, grad and minimize, in files and with characters."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING
from unittest import mock
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside, Terminal

SIGNATURES = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}

DATA = "t,y,s\n0,5.02,.1\n1,3.75,.1\n2,2.94,.1\n3,2.41,.1\n4,1.86,.1\n5,1.63,.1\n6,1.43,.1\n"

ROSENBROCK = ("minimize", "(1-x)^2 + 100*(y-x^2)^2", "x=-1.2", "y=1")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, in which commands run."""
    (tmp_path / "decay.csv").write_text(DATA, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only(folder: Path) -> set[str]:
    """What is in the folder besides the data."""
    return {path.name for path in folder.iterdir()} - {"decay.csv"}


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("ending", ["svg", "png", "pdf", "SVG"])
def test_the_ending_chooses_the_format_and_the_table_is_printed(
    inside: Inside, here: Path, ending: str
) -> None:
    words = ["eval", "x^2", "x=0:2:1"]
    ran = inside([*words, "--plot", f"curve.{ending}"])

    assert ran == inside(words)
    assert ran.out == "x\tvalue\n0\t0\n1\t1\n2\t4\n"
    content = (here / f"curve.{ending}").read_bytes()
    assert content.startswith(SIGNATURES[ending.lower()])
    assert only(here) == {f"curve.{ending}"}


def test_as_a_process(gradcli: Command) -> None:
    ran = gradcli("eval", "x^2", "x=0:2:1", "--plot", "curve.svg")

    assert (ran.code, ran.err) == (0, "")
    root = ET.parse(gradcli.folder / "curve.svg").getroot()  # noqa: S314 - of our own making
    assert root.tag.endswith("svg")


@pytest.mark.parametrize(
    "words",
    [
        ["grad", "x^3 + y", "x=-1:1:0.5", "y=2"],
        ["grad", "sin(x)*y", "x=-1:1:0.5", "y=0:1:0.5"],
        ["eval", "sin(x)*y", "x=-1:1:0.5", "y=0:1:0.5"],
        ["grad", "a*x", "x=-1:1:0.5", "a=2", "--wrt", "a"],
        ["eval", "log(y)", "--data", "decay.csv"],
        ["eval", "t*y", "--data", "decay.csv", "--json"],
        ["grad", "(a*t - y)^2", "a=2", "--data", "decay.csv", "--csv"],
        ["minimize", "a^2 - 10*a + 28", "a=6", "--lr", "0.1", "--steps", "20"],
        ROSENBROCK,
        [*ROSENBROCK, "--json"],
        ["minimize", "y ~ a*exp(-b*t) + c", "a=5", "b=1", "c=0", "--data", "decay.csv"],
        ["minimize", "y ~ a*t + b", "a=5", "b=1", "--data", "decay.csv", "--sigma", "s"],
        ["minimize", "y ~ a*t + b", "a=5", "b=1", "--data", "decay.csv", "--loss", "huber(1)"],
        ["minimize", "y ~ a*t + b", "a=5", "b=1", "--data", "decay.csv", "--memory", "0"],
        ["minimize", "sum(w^2)", "w=[1, 2, 3]"],
        ["minimize", "x^2 + y^2", "x=1", "y=1", "--starts", "3", "--bounds", "x=-2:2"],
        ["minimize", "x^2", "x=1", "--lr", "10", "--steps", "2000"],
    ],
    ids=" ".join,
)
def test_the_result_is_the_same_beside_a_plot(inside: Inside, here: Path, words: list[str]) -> None:
    plain, plotted = inside(words), inside([*words, "--plot", "plot.png"])

    assert (plotted.code, plotted.out) == (plain.code, plain.out)
    assert "Traceback" not in plotted.err
    assert (here / "plot.png").read_bytes().startswith(SIGNATURES["png"])


@pytest.mark.parametrize("size", ["1e-323", "1e-300", "1e300", "1e308"])
def test_huge_and_tiny_numbers_are_drawn_without_a_word(
    inside: Inside, here: Path, size: str
) -> None:
    del here
    for target in ("curve.png", "-"):
        ran = inside(["eval", f"x*{size}", "x=-1:1:0.25", "--plot", target])
        assert (ran.code, ran.err) == (0, "")


def test_a_gap_is_counted_and_nan_in_the_table(inside: Inside, here: Path) -> None:
    ran = inside(["eval", "1/x", "x=-1:1:0.5", "--plot", "curve.svg"])

    assert ran.code == 0
    assert ran.rows[3] == ["0", "nan"]
    assert ran.err == "note: the formula has no value at x = 0: a gap in the plot\n"
    assert inside(["eval", "1/x", "x=-1:1:0.5"]).code == 1
    assert only(here) == {"curve.svg"}


def test_several_formulas_share_a_plot(inside: Inside, here: Path) -> None:
    ran = inside(["eval", "-", "x=0:3:1.5", "--plot", "curves.svg"], "sin(x)\ncos(x)\n")

    assert ran.code == 0
    assert [row[:2] for row in ran.rows] == [
        ["formula", "x"],
        *(["sin(x)", "0"], ["sin(x)", "1.5"], ["sin(x)", "3"]),
        *(["cos(x)", "0"], ["cos(x)", "1.5"], ["cos(x)", "3"]),
    ]
    assert only(here) == {"curves.svg"}


def test_learning_shows_its_epochs(inside: Inside, here: Path) -> None:
    words = ["minimize", "mean((y - a*t - b)^2)", "a=0", "b=4", "--data", "decay.csv"]
    words += ["--batch", "3", "--epochs", "4", "--lr", "0.01", "--save", "p.json"]
    words += ["--validate", "decay.csv", "--metric", "mean(abs(y - a*t - b))"]
    ran = inside([*words, "--plot", "epochs.svg"])

    assert ran.code == 0
    assert ran.out == inside(words).out
    assert only(here) == {"epochs.svg", "p.json"}
    drawn = inside([*words, "--plot", "-"])
    assert "epoch" in drawn.out
    assert "learning_rate" not in drawn.out
    assert "metric" in drawn.out


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["eval", "x", "x=0:1:0.5", "--plot", "a.gif"], "a .svg, .png or .pdf file, not 'a.gif'"),
        (["eval", "x", "x=0:1:0.5", "--plot", ""], "not ''"),
        (["eval", "x", "x=0:1:0.5", "--plot", "svg"], "not 'svg'"),
        (["eval", "(", "--plot", "a.gif"], "not 'a.gif'"),
        (["minimize", "(", "--plot", "a.gif"], "not 'a.gif'"),
        (["eval", "x", "x=1", "--plot", "a.svg"], "--plot needs a range"),
        (["eval", "1", "--plot", "a.svg"], "--plot needs a range"),
        (["grad", "x", "--plot", "a.svg"], "--plot needs a range"),
        (["eval", "x", "x=0:1:0.5", "--plot", "-", "--json"], "where --json writes as well"),
        (["minimize", "x^2", "x=1", "--plot", "-", "--csv"], "where --csv writes as well"),
        (["eval", "x", "x=0:1:0.5", "--trace", "--plot", "a.svg"], "--trace shows one point"),
        (["grad", "x", "x=0:1:0.5", "--hessian", "--plot", "a.svg"], "--hessian needs one value"),
        (
            ["eval", "x+y+z", "x=0:1:1", "y=0:1:1", "z=0:1:1", "--plot", "a.svg"],
            "one or two ranges, and there are 3",
        ),
        (["eval", "mean(y)", "--data", "decay.csv", "--plot", "a.svg"], "one for all"),
        (
            ["grad", "mean(a*y)", "a=1", "--data", "decay.csv", "--plot", "a.svg"],
            "one for all",
        ),
        (["eval", "x", "x=0:1:0.5", "--plot", "a.svg", "-o", "a.svg"], "the file of --plot"),
        (["minimize", "x^2", "x=1", "--plot", "a.svg", "--log", "./a.svg"], "--log writes"),
        (["eval", "x", "x=0:1:1", "--plot", "a.svg", "--plots", "a"], "no option --plots"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_are_refused_before_anything_is_done(
    inside: Inside, here: Path, words: list[str], complaint: str
) -> None:
    ran = inside(words)

    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err
    assert only(here) == set()


@pytest.mark.parametrize(
    "words", [["eval", "x", "x=0:1:0.5"], ROSENBROCK], ids=["eval", "minimize"]
)
@pytest.mark.parametrize("path", ["no/such/a.svg", "a\0.svg", "folder.svg"])
def test_a_file_that_cannot_be_written_is_found_first(
    inside: Inside, here: Path, words: list[str], path: str
) -> None:
    (here / "folder.svg").mkdir()
    ran = inside([*words, "--plot", path])

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert only(here) == {"folder.svg"}


def test_no_input_is_written_over(inside: Inside, here: Path) -> None:
    (here / "in.svg").write_text(DATA, encoding="utf-8")
    for words in (
        ["eval", "y", "--data", "in.svg"],
        ["minimize", "y ~ a*t", "a=1", "--data", "in.svg"],
    ):
        ran = inside([*words, "--plot", "./in.svg"])
        assert ran.code == 2
        assert "the file of --data" in ran.err
    assert (here / "in.svg").read_text(encoding="utf-8") == DATA


def test_nothing_to_see_is_an_error_and_leaves_the_old_file(inside: Inside, here: Path) -> None:
    (here / "old.svg").write_text("old", encoding="utf-8")
    ran = inside(["eval", "log(x)", "x=-3:-1:1", "--plot", "old.svg"])

    assert (ran.code, ran.out) == (1, "")
    assert "no point of the range has a value: log is undefined at -3" in ran.err
    assert (here / "old.svg").read_text(encoding="utf-8") == "old"


def test_without_matplotlib_there_is_a_sentence_and_the_terminal(
    inside: Inside, here: Path
) -> None:
    with mock.patch("importlib.util.find_spec", return_value=None):
        ran = inside(["eval", "x", "x=0:1:0.5", "--plot", "a.svg"])
    assert (ran.code, ran.out) == (1, "")
    assert "plots are drawn by matplotlib, which is not installed" in ran.err
    assert "pip install 'gradcli[plot]'" in ran.err
    assert only(here) == set()


def test_the_terminal_needs_no_matplotlib(gradcli: Command) -> None:
    (gradcli.folder / "matplotlib.py").write_text("raise ImportError", encoding="utf-8")
    env = {"PYTHONPATH": os.pathsep.join([str(gradcli.folder), *filter(None, sys.path)])}
    ran = gradcli(*ROSENBROCK, "--plot", "-", env=env)

    assert ran.code == 0
    assert "S start, E end of the steps" in ran.out


# ---------------------------------------------------------------- characters


def test_characters_take_the_place_of_the_table(inside: Inside) -> None:
    ran = inside(["eval", "sin(x)", "x=-5:5:0.1", "--plot", "-"])

    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert max(map(len, lines)) == 80
    assert lines[0].strip() == "sin(x)"
    assert lines[-1].strip() == "x"
    assert any("\u2801" <= character <= "\u28ff" for character in ran.out)


def test_an_encoding_without_dots_gets_ascii(gradcli: Command) -> None:
    ran = gradcli(
        "eval", "sin(x)", "x=-5:5:0.1", "--plot", "-", env={"PYTHONIOENCODING": "latin-1"}
    )

    assert ran.code == 0
    assert ran.out.isascii()
    assert "*" in ran.out
    assert "\\u" not in ran.out


@pytest.mark.parametrize("columns", [30, 80, 132])
def test_a_plot_is_as_wide_as_the_terminal(terminal: Terminal, columns: int) -> None:
    screen = terminal("eval", "sin(x)", "x=-5:5:0.1", "--plot", "-", columns=columns)

    assert screen.code == 0
    assert max(len(line.rstrip()) for line in screen.text.splitlines()) == columns
    assert "\x1b[34m" in screen.raw
    assert screen.raw.count("\x1b[0m") >= 10


def test_no_colours_where_they_are_not_wanted(terminal: Terminal) -> None:
    words = ("eval", "sin(x)", "x=-5:5:0.1", "--plot", "-")

    assert "\x1b" not in terminal(*words, env={"NO_COLOR": "1"}).raw
    assert "\x1b" not in terminal(*words, "--color", "never").raw


def test_the_result_of_a_minimisation_stands_beside_its_plot(inside: Inside) -> None:
    ran = inside([*ROSENBROCK, "--plot", "-"])

    assert ran.rows[:3] == [["minimum", "0"], ["x", "1"], ["y", "1"]]
    assert "objective" in ran.out
    assert "E end of the steps" in ran.out
    assert "the objective is 0 at step" in ran.err


def test_the_plot_goes_where_the_result_goes(inside: Inside, here: Path) -> None:
    ran = inside(["eval", "x", "x=0:1:0.01", "--plot", "-", "-o", "plot.txt"])

    assert (ran.code, ran.out) == (0, "")
    text = (here / "plot.txt").read_text(encoding="utf-8")
    assert text == inside(["eval", "x", "x=0:1:0.01", "--plot", "-"]).out


def test_a_kink_is_said_beside_a_plot(inside: Inside) -> None:
    words = ["grad", "abs(x)", "x=-1:1:0.5"]
    note = inside(words).err

    assert note.startswith("note: abs has a kink")
    assert inside([*words, "--plot", "-"]).err == note


def test_errors_name_the_line_and_are_json_where_asked(inside: Inside, here: Path) -> None:
    words = ["eval", "-", "x=0:1:0.5", "--plot", "a.svg", "--json"]
    ran = inside(words, "x\nlog(-1-x)\n")

    assert (ran.code, ran.out) == (1, "")
    assert json.loads(ran.err)["error"]["message"].startswith("line 2: no point of the range")
    assert only(here) == set()
