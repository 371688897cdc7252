"""`minimize --predictions`: the CSV file with fitted values, residuals and confidence band."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, stats

import gradcli.minimize.residuals

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.cli.conftest import Inside

    Vector = NDArray[np.float64]

TIMES = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10], dtype=float)
DECAY = np.array([5.02, 3.75, 2.94, 2.41, 1.86, 1.63, 1.43, 1.18, 1.09])
LINE = ("minimize", "y ~ a + b*t", "a=1", "b=0")
FIT = (*LINE, "--data", "decay.csv", "--predictions", "out.csv")
WRITTEN = ["t", "y", "fitted", "residual", "low", "high"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with decay.csv in it."""
    monkeypatch.chdir(tmp_path)
    kinds = ["new", "old, worn", "new", "new", "old, worn", "new", "new", "old, worn", "new"]
    rows = zip(TIMES.tolist(), DECAY.tolist(), kinds, strict=True)
    lines = [f'{t!r},{y!r},"{kind}",1\n' for t, y, kind in rows]
    (tmp_path / "decay.csv").write_text("t,y,kind,unused\n" + "".join(lines))
    return tmp_path


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, as texts."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def numbers(path: Path) -> dict[str, Vector]:
    header, rows = read(path)
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


def refused(ran: tuple[int, str, str], *parts: str, code: int = 2) -> None:
    assert ran[:2] == (code, "")
    assert ran[2].startswith("error: ")
    for part in parts:
        assert part in ran[2]


def test_the_columns_and_numbers(folder: Path, inside: Inside) -> None:
    """Against scipy.optimize.curve_fit and the delta method in NumPy."""
    ran = inside([*FIT, "--confidence", "0.9"])
    found = numbers(folder / "out.csv")
    point, covariance = optimize.curve_fit(lambda t, a, b: a + b * t, TIMES, DECAY)
    slopes = np.stack([np.ones(9), TIMES], axis=1)
    half = stats.t.ppf(0.95, 7) * np.sqrt(np.sum((slopes @ covariance) * slopes, axis=1))

    assert ran.code == 0
    assert "warning" not in ran.err
    assert list(found) == WRITTEN
    np.testing.assert_array_equal(found["t"], TIMES)
    np.testing.assert_array_equal(found["y"], DECAY)
    np.testing.assert_allclose(found["fitted"], slopes @ point, rtol=1e-7)
    np.testing.assert_allclose(found["residual"], DECAY - slopes @ point, atol=1e-7)
    np.testing.assert_allclose(found["fitted"] - found["low"], half, rtol=1e-6)
    np.testing.assert_allclose(found["high"] - found["fitted"], half, rtol=1e-6)


def test_the_numbers_are_those_of_the_python_api(folder: Path, inside: Inside) -> None:
    """Every digit is there, so what is read back is the same double."""
    inside(FIT)
    from gradcli import parse

    predictions = (
        parse(LINE[1], {"a": (), "b": (), "t": (9,), "y": (9,)})
        .minimize(a=1, b=0, data={"t": TIMES, "y": DECAY})
        .predictions
    )
    assert predictions is not None
    for name, column in predictions.columns().items():
        np.testing.assert_array_equal(numbers(folder / "out.csv")[name], column)


def test_the_output_is_the_same_as_without(folder: Path, inside: Inside) -> None:
    ran = inside([*FIT, "--json"])

    assert ran == inside([*LINE, "--data", "decay.csv", "--json"])
    assert json.loads(ran.out)["converged"]
    assert (folder / "out.csv").exists()


def test_the_file_is_data_again(folder: Path, inside: Inside) -> None:
    del folder
    fitted = json.loads(inside([*FIT, "--json"]).out)
    ran = inside(["eval", "sum(residual^2)", "--data", "out.csv", "--json"])

    assert json.loads(ran.out)["value"] == pytest.approx(fitted["minimum"], rel=1e-12)


def test_texts_are_written_as_they_were(folder: Path, inside: Inside) -> None:
    model = ["minimize", "y ~ a + b*kind + c*t", "a=1", "b=0", "c=0", "--classes", "kind"]
    ran = inside([*model, "--data", "decay.csv", "--predictions", "out.csv"])
    header, rows = read(folder / "out.csv")

    assert ran.code == 0
    assert sorted(header[:3]) == ["kind", "t", "y"]
    assert [row[header.index("kind")] for row in rows][:2] == ["new", "old, worn"]
    assert len(rows) == 9


def test_data_in_blocks(folder: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a file that is not held in memory, a few at a time, in their order."""
    inside(FIT)
    held = (folder / "out.csv").read_bytes()
    times = np.linspace(0, 10, 500)
    lines = [f"{t!r},{t * t!r}\n" for t in times.tolist()]
    (folder / "long.csv").write_text("t,y\n" + "".join(lines))
    monkeypatch.setattr(gradcli.minimize.residuals, "BLOCK_NUMBERS", 200)
    long = [*LINE, "--data", "long.csv", "--memory", "0", "--predictions", "out.csv"]
    assert inside(long).code == 0
    found = numbers(folder / "out.csv")
    slope, intercept = np.polyfit(times, times**2, 1)

    np.testing.assert_array_equal(found["t"], times)
    np.testing.assert_allclose(found["fitted"], intercept + slope * times, atol=1e-9)
    assert inside([*FIT, "--memory", "0"]).code == 0
    assert numbers(folder / "out.csv")["high"].tolist() == pytest.approx(
        [float(line.split(b",")[5]) for line in held.splitlines()[1:]], rel=1e-12
    )


def test_where_there_is_no_band_the_cells_are_empty(folder: Path, inside: Inside) -> None:
    (folder / "two.csv").write_text("t,y\n0,1\n1,3\n")
    ran = inside([*LINE, "--data", "two.csv", "--predictions", "out.csv"])
    header, rows = read(folder / "out.csv")

    assert ran.code == 0
    assert header == WRITTEN
    assert [row[4:] for row in rows] == [["", ""], ["", ""]]
    np.testing.assert_allclose([float(row[2]) for row in rows], [1, 3])
    assert "warning: there is no confidence band" in ran.err


def test_residuals_without_a_response(folder: Path, inside: Inside) -> None:
    squares = ["minimize", "sum(((y - a)/(1 + t))^2)", "a=1"]
    ran = inside([*squares, "--data", "decay.csv", "--predictions", "out.csv"])

    assert ran.code == 0
    assert sorted(read(folder / "out.csv")[0]) == ["residual", "t", "y"]
    assert "warning: there are no fitted values" in ran.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["x^2", "x=1", "--predictions", "out.csv"], ["a model y ~ … or a sum of squares"]),
        (["(1-x)^2 + (x*y)^2", "x=1", "y=1", "--method", "lm", "--predictions", "out.csv"], []),
        ([*LINE[1:], "--data", "decay.csv", "--predictions", "out.txt"], [".csv", "out.txt"]),
        ([*LINE[1:], "--data", "decay.csv", "--predictions", "decay.csv"], ["write over"]),
        ([*FIT[1:], "--epochs", "2"], ["--batch and --epochs"]),
    ],
)
def test_refusals(folder: Path, inside: Inside, words: list[str], parts: list[str]) -> None:
    before = (folder / "decay.csv").read_bytes()
    refused(inside(["minimize", *words]), "--predictions", *parts)

    assert (folder / "decay.csv").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["decay.csv"]


def test_a_folder_that_does_not_exist_is_seen_before_the_run(folder: Path, inside: Inside) -> None:
    ran = inside([*FIT[:-1], "nowhere/out.csv"])

    refused(ran, "nowhere", code=1)
    assert [path.name for path in folder.iterdir()] == ["decay.csv"]


def test_a_run_that_fails_leaves_the_old_file(folder: Path, inside: Inside) -> None:
    (folder / "out.csv").write_text("old\n")
    wrong = ["minimize", "y ~ a*log(b - 1)", "a=1", "b=0", "--data", "decay.csv"]

    assert inside([*wrong, "--predictions", "out.csv"]).code == 1
    assert (folder / "out.csv").read_text() == "old\n"
    assert inside(FIT).code == 0
    assert read(folder / "out.csv")[0] == WRITTEN
    assert sorted(path.name for path in folder.iterdir()) == ["decay.csv", "out.csv"]
