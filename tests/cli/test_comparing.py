"""Several models beside each other, and what is said about likelihoods, from the command line."""

from __future__ import annotations

import csv
import io
import itertools
import json
from typing import TYPE_CHECKING

import pytest
from scipy import stats

from gradcli import parse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Inside, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

# R's data set cars: Ezekiel, Methods of Correlation Analysis, 1930.
SPEED = [4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14]
SPEED += [15, 15, 15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23]
SPEED += [24, 24, 24, 24, 25]
DIST = [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80]
DIST += [20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54]
DIST += [70, 92, 93, 120, 85]

DECAY = "t,y\n0,5.02\n1,3.75\n2,2.94\n3,2.41\n4,1.86\n5,1.63\n6,1.43\n8,1.18\n10,1.09\n"
SHORT = ["minimize", "y ~ a*exp(-b*t)", "a=5", "b=1", "c=0", "--data", "decay.csv"]
ALSO = [*SHORT, "--also", "y ~ a*exp(-b*t) + c"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the data."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{s},{d}\n" for s, d in zip(SPEED, DIST, strict=True))
    (tmp_path / "cars.csv").write_text(f"speed,dist\n{rows}")
    (tmp_path / "decay.csv").write_text(DECAY)
    return tmp_path


def test_polynomials_as_in_r(folder: Path, inside: Inside) -> None:
    """R's example(cars): anova() of lm(dist ~ poly(speed, degree)) for degrees 1 to 4.

    There every F is against the largest model; only in the last row that is the same.
    """
    del folder
    models = ["dist ~ a + b*speed", *(f"dist ~ a + b*speed + {x}" for x in ("c*speed^2",))]
    models += [f"{models[-1]} + d*speed^3", f"{models[-1]} + d*speed^3 + k*speed^4"]
    words = ["minimize", models[0], "a=0", "b=0", "c=0", "d=0", "k=0", "--data", "cars.csv"]
    for model in models[1:]:
        words += ["--also", model]
    rows = json.loads(inside([*words, "--json"]).out)["comparison"]

    assert [row["formula"] for row in rows] == models
    assert [row["parameters"] for row in rows] == [2, 3, 4, 5]
    assert [row["degrees_of_freedom"] for row in rows] == [48, 47, 46, 45]
    assert [round(row["rss"]) for row in rows] == [11354, 10825, 10634, 10298]
    assert [row["nested"] for row in rows] == [None, 1, 2, 3]
    assert rows[3]["f_value"] == pytest.approx(1.4707, abs=5e-5)
    assert rows[3]["f_p_value"] == pytest.approx(0.2316, abs=5e-5)
    rss = [row["rss"] for row in rows]
    for row, (one, other) in zip(rows[1:], itertools.pairwise(rss), strict=True):
        freedom = row["degrees_of_freedom"]
        ratio = (one - other) / (other / freedom)
        assert row["f_value"] == pytest.approx(ratio, rel=1e-9)
        assert row["f_p_value"] == pytest.approx(stats.f.sf(ratio, 1, freedom), rel=1e-9)


@pytest.mark.parametrize(
    ("one", "other", "is_nested"),
    [
        ("y ~ a*exp(-b*t)", "y ~ a*exp(-b*t) + c", True),
        ("y ~ p + q*t", "y ~ a + b*t + c*t^2", True),  # other names
        ("y ~ a*2^(-t/h)", "y ~ c + p*exp(-b*t)", True),  # another form
        ("y ~ a*exp(-b*t)", "y ~ a*exp(-b*t) + c*exp(-k*t)", True),
        ("y ~ a", "y ~ a*exp(-b*t)", True),
        ("y ~ a*t", "y ~ a*t^h", True),  # for an exponent of 1
        ("y ~ a*exp(-b*t)", "y ~ a + b*t + c*t^2", False),
        ("y ~ a + b*t", "y ~ a/(1 + b*t) + c*t^2", False),
        ("y ~ a*exp(-b*t)", "y ~ a + b*t", False),  # as many parameters
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_nested(inside: Inside, one: str, other: str, *, is_nested: bool) -> None:
    starts = ["a=5", "b=0.5", "c=0.1", "k=0.1", "p=3", "q=-0.1", "h=2"]
    used = [s for s in starts if s[0] in (one + other).replace("exp", "")]
    words = ["minimize", one, "--also", other, *used, "--data", "decay.csv", "--json"]
    _, row = json.loads(inside(words).out)["comparison"]

    assert row["nested"] == (1 if is_nested else None)
    assert (row["f_value"] is not None) == is_nested


def test_every_model_is_fitted_as_it_is_alone(folder: Path, inside: Inside) -> None:
    del folder
    both = json.loads(inside([*ALSO, "--json"]).out)
    (other,) = both["also"]
    alone = [["minimize", "y ~ a*exp(-b*t)", "a=5", "b=1"]]
    alone += [["minimize", "y ~ a*exp(-b*t) + c", "a=5", "b=1", "c=0"]]
    for found, words in zip((both, other), alone, strict=True):
        expected = json.loads(inside([*words, "--data", "decay.csv", "--json"]).out)
        assert {name: found[name] for name in expected} == expected


@pytest.mark.usefixtures("folder")
def test_the_tables(inside: Inside) -> None:
    ran = inside(ALSO)
    document = json.loads(inside([*ALSO, "--json"]).out)
    estimates, table = (part.splitlines() for part in ran.out.split("\n\n"))
    names = [row.split("\t")[:2] for row in estimates]

    assert names == [["model", "parameter"], *map(list, ("1a", "1b", "2a", "2b", "2c"))]
    values = [float(row.split("\t")[2]) for row in estimates[1:]]
    assert values == [x for m in (document, *document["also"]) for x in m["parameters"].values()]
    header, *rows = [row.split("\t") for row in table]
    for row, expected in zip(rows, document["comparison"], strict=True):
        read = [None if not x else x if "y" in x else float(x) for x in row]
        assert dict(zip(header, read, strict=True)) == expected
    assert [line.split(" (")[0] for line in ran.err.splitlines()] == [
        "note: model 1: lm",
        "note: model 2: lm",
    ]
    listed = list(csv.reader(io.StringIO(inside([*ALSO, "--csv"]).out)))
    assert listed == [header, *rows]


def test_on_a_terminal(terminal: Terminal) -> None:
    (terminal.folder / "decay.csv").write_text(DECAY)
    screen = terminal(*ALSO, "--profile")

    assert any(line.split()[:2] == ["model", "parameter"] for line in screen.lines)
    assert "from … to: 95 % profile likelihood interval" in screen.lines
    assert "F test of each model against the largest one that is nested in it" in screen.lines


def test_rows_are_those_in_which_no_model_lacks_a_value(folder: Path, inside: Inside) -> None:
    (folder / "gaps.csv").write_text("x,z,y\n1,2,1\n2,,3\n3,5,4\n4,1,7\n5,2,8\n")
    words = ["minimize", "y ~ a + b*x", "a=0", "b=0", "c=0", "--also", "y ~ a + b*x + c*z"]
    found = json.loads(inside([*words, "--data", "gaps.csv", "--drop-missing", "--json"]).out)

    assert [each["statistics"]["observations"] for each in (found, *found["also"])] == [4, 4]


def test_data_from_stdin_and_weights(folder: Path, inside: Inside) -> None:
    del folder
    words = [*ALSO[:5], *ALSO[7:], "--sigma", "s", "--json"]
    text = "\n".join(f"{x},{1 if i else 's'}" for i, x in enumerate(DECAY.splitlines()))
    weighted = json.loads(inside([*words, "--data", "-"], text).out)
    plain = json.loads(inside([*ALSO, "--json"]).out)

    assert weighted["comparison"] == plain["comparison"]


def test_the_curves_of_all_models(folder: Path, inside: Inside) -> None:
    words = [*ALSO, "--also", "y ~ a + c*t", "--plot", "models.svg"]
    assert inside(words).code == 0
    picture = (folder / "models.svg").read_text()

    for label in ("y ~ a*exp(-b*t)", "y ~ a*exp(-b*t) + c", "y ~ a + c*t", "residual of the first"):
        assert f"<!-- {label} -->" in picture or f">{label}<" in picture


@pytest.mark.usefixtures("folder")
def test_a_model_of_another_predictor_has_no_curve(folder: Path, inside: Inside) -> None:
    (folder / "two.csv").write_text("x,z,y\n1,2,1\n2,3,3\n3,5,4\n4,1,7\n5,2,8\n")
    words = ["minimize", "y ~ a + b*x", "a=0", "b=0", "--also", "y ~ a + b*z", "--data", "two.csv"]
    ran = inside([*words, "--plot", "two.svg"])

    assert "y ~ a + b*z is no function of x alone: it has no curve" in ran.err


@pytest.mark.parametrize(
    ("words", "part", "code"),
    [
        (
            ["--also", "log(y) ~ a - b*t"],
            "models of y and of log(y) have no residuals to compare",
            2,
        ),
        (["--also", "sum((y - a)^2)"], "--also compares models of data", 2),
        (["--also", "y ~ a + d*t"], "d has no start", 2),
        (["--also", "y ~ a + c*t", "d=1"], "the formula does not use d", 2),
        (["--also", "y ~ a + *t"], "expected an operand", 2),
        (["--also", "y ~ a", "--batch", "2"], "--also does not go with --batch", 2),
        (
            ["--also", "y ~ a", "--checkpoint", "c"],
            "--also fits several models, and --checkpoint",
            2,
        ),
        (
            ["--also", "y ~ a", "--report", "h=1/b"],
            "--also fits several models, and --report is",
            2,
        ),
        (["--also", "y ~ a + log(t)"], "log", 1),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_compared(inside: Inside, words: list[str], part: str, code: int) -> None:
    given = [word for word in SHORT if word != "c=0" or "c*t" in words[1]]
    ran = inside([*given, *words])

    assert ran.code == code
    assert ran.out == ""
    assert part in ran.err.splitlines()[0]


def test_without_data(inside: Inside) -> None:
    ran = inside(["minimize", "y ~ a*x", "a=1", "--fix", "x=[1,2]", "--also", "y ~ a"])

    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "error: --also belongs to --data",
    )


def test_one_that_did_not_converge(folder: Path, inside: Inside) -> None:
    del folder
    ran = inside(
        ["minimize", "y ~ a + b*t", *SHORT[2:], "--also", "y ~ c*exp(-a*t)", "--steps", "2"]
    )

    assert ran.code == 0
    ran = inside([*ALSO, "--seconds", "1e-9"])
    assert ran.code == 3
    assert ran.err.count("did not converge, so the report is not that of a minimum") == 2


def test_a_larger_model_that_fits_worse(folder: Path, inside: Inside) -> None:
    """From so large a frequency the sine ends at a minimum that is worse than no sine at all."""
    (folder / "two.csv").write_text("x,y\n1,1\n2,3\n3,4\n4,7\n5,8\n6,9\n")
    words = ["minimize", "y ~ a", "a=1", "b=900", "--also", "y ~ a + sin(b*x)"]
    found = json.loads(inside([*words, "--data", "two.csv", "--starts", "1", "--json"]).out)

    one, other = found["comparison"]
    assert one["rss"] < other["rss"]
    assert (other["nested"], other["f_value"]) == (1, None)
    (warning,) = found["warnings"]
    assert warning.startswith("model 1 is nested in model 2 and fits better, so this is not at")


def test_a_model_from_a_file_and_rows_in_blocks(folder: Path, inside: Inside) -> None:
    (folder / "model.txt").write_text("y ~ a*exp(-b*t) + c")
    held = json.loads(inside([*SHORT, "--also", "@model.txt", "--json"]).out)
    blocks = json.loads(inside([*SHORT, "--also", "@model.txt", "--memory", "0", "--json"]).out)

    assert held["comparison"] == json.loads(inside([*ALSO, "--json"]).out)["comparison"]
    assert [row["nested"] for row in held["comparison"]] == [None, 1]
    assert [row["nested"] for row in blocks["comparison"]] == [None, None]
    assert any("which models are nested is not known" in w for w in blocks["warnings"])
    for one, other in zip(held["comparison"], blocks["comparison"], strict=True):
        assert one["rss"] == pytest.approx(other["rss"], rel=1e-9)


# ------------------------------------------------------------ likelihoods


LINE = "25*r - 10*log(r)"


def test_errors_from_the_hessian(inside: Inside) -> None:
    words = ["minimize", LINE, "r=1", "--errors", "hessian"]
    plain, document = inside(words), json.loads(inside([*words, "--json"]).out)
    found = parse(LINE).minimize(r=1, errors="hessian")
    assert found.statistics is not None

    assert plain.rows[1][2] == repr(found.statistics.standard_errors["r"])
    assert [row[0] for row in plain.rows[3:]] == ["minimum", "aic"]
    assert float(plain.rows[3][1]) == found.minimum
    assert document == json.loads(json.dumps(found.document()))


def test_a_likelihood_that_is_maximized(inside: Inside) -> None:
    upside_down = ["minimize", "10*log(r) - 25*r", "r=1", "--maximize"]
    how = ["--errors", "hessian", "--profile", "--json"]
    highest = json.loads(inside([*upside_down, *how]).out)
    lowest = json.loads(inside(["minimize", LINE, "r=1", *how]).out)

    assert highest["statistics"] == lowest["statistics"]
    assert highest["maximum"] == -lowest["minimum"]


def test_rows_in_blocks_have_no_hessian(folder: Path, inside: Inside) -> None:
    del folder
    words = ["minimize", "sum(exp(a*t) - y*a*t)", "a=0", "--data", "decay.csv"]
    ran = inside([*words, "--errors", "hessian", "--memory", "0"])

    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "error: --errors hessian needs the data in memory, and they are read in blocks",
    )


def test_an_end_that_does_not_exist_is_an_empty_cell(inside: Inside) -> None:
    words = [
        "minimize",
        "x^2/(1 + x^2) + y^2",
        "x=0.2",
        "y=0.3",
        "--errors",
        "hessian",
        "--profile",
    ]
    ran = inside(words)

    assert ran.rows[1][5:] == ["", ""]
    assert ran.err.count("the likelihood hardly falls as far as") == 2
    assert (
        json.loads(inside([*words, "--json"]).out)["statistics"]["confidence_intervals"]["x"]
        is None
    )
