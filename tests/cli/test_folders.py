"""Many files are one table: the same rows give the same bits, however they are cut and stored."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.data.source import open_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.cli.conftest import Inside

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

FILES = 200
SOURCES = ("one.csv", "csv", "one.parquet", "parquet/*.parquet")

DECAY = "mean((a*exp(-b*x) + c - y)^2)"
AT = ("a=1", "b=1", "c=1")
BLOCKS = ("--memory", "0")


def store(folder: Path, sizes: list[int]) -> Mapping[str, np.ndarray[Any, Any]]:
    """Write the same rows to one file and to many, as CSV and as Parquet."""
    generator = np.random.default_rng(3)
    x = generator.uniform(0, 3, sum(sizes))
    columns = {"x": x, "y": 2 * np.exp(-1.3 * x) + 0.5 + 0.01 * generator.normal(size=len(x))}
    ends = np.cumsum(sizes).tolist()
    parts = {
        f"part-{i:03}": slice(e - n, e) for i, (n, e) in enumerate(zip(sizes, ends, strict=True))
    }
    for kind in ("csv", "parquet"):
        (folder / kind).mkdir()
        for name, rows in {"../one": slice(None), **parts}.items():
            path = folder / kind / f"{name}.{kind}"
            part = {key: column[rows] for key, column in columns.items()}
            if kind == "parquet":
                parquet.write_table(pyarrow.table(part), path, row_group_size=50)
            else:
                pairs = zip(*(column.tolist() for column in part.values()), strict=True)
                lines = ["x,y", *(f"{a!r},{b!r}" for a, b in pairs)]
                path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return columns


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of 1 to 100 rows, and the same rows in one."""
    folder: Path = tmp_path_factory.mktemp("many")
    store(folder, np.random.default_rng(5).integers(1, 101, FILES).tolist())
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "a*exp(-b*x) - y", "a=1", "b=1"),
        ("eval", "mean(x > 1) + sum(y)"),
        ("grad", DECAY, *AT),
        ("minimize", "y ~ a*exp(-b*x) + c", *AT),
        pytest.param(("minimize", "y ~ a*exp(-b*x) + c", *AT, *BLOCKS), marks=pytest.mark.slow),
        ("minimize", DECAY, *AT, "--method", "newton"),
        ("minimize", DECAY, *AT, "--method", "lbfgs"),
        pytest.param(
            ("minimize", DECAY, *AT, "--method", "lbfgs", *BLOCKS), marks=pytest.mark.slow
        ),
        ("minimize", DECAY, *AT, "--method", "adam", "--lr", "0.05", "--steps", "5"),
        pytest.param(
            ("minimize", DECAY, *AT, "--method", "adam", "--lr", "0.05", "--steps", "2", *BLOCKS),
            marks=pytest.mark.slow,
        ),
        ("minimize", DECAY, *AT, "--batch", "64", "--epochs", "2", "--lr", "0.05"),
        pytest.param(
            ("minimize", DECAY, *AT, "--batch", "64", "--epochs", "1", "--lr", "0.05", *BLOCKS),
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda words: "-".join(word for word in words if word.isalnum()),
)
def test_the_same_rows_give_the_same_bits(
    words: tuple[str, ...], stored: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stored)
    runs = [inside([*words, "--json", "--data", source]) for source in SOURCES]

    first, *others = [
        run.out.replace(source, "DATA") for run, source in zip(runs, SOURCES, strict=True)
    ]
    assert all(run.code in {0, 3} for run in runs), runs[0].err
    assert json.loads(first)
    assert [other == first for other in others] == [True] * len(others)


def test_files_follow_each_other_in_the_order_of_their_names(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("run10", "run2", "run1", "Run3"):
        (tmp_path / f"{name}.csv").write_text(f"x\n{name[3:]}\n", encoding="utf-8")
    for words in (["."], ["*.csv"]):
        assert inside(["eval", "x", "--data", *words]).rows[1:] == [
            [x, x] for x in ("3", "1", "10", "2")
        ]
    run = inside(["eval", "x", "--data", "run2.csv", "--data", "run*.csv"])
    assert [row[0] for row in run.rows[1:]] == ["2", "1", "10", "2"]


def broken(folder: Path, name: str, content: str | bytes) -> None:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("b.csv", "x,y\n1,2\n3,oops\n", "b.csv: line 3, column 2 (y): 'oops' is not a number"),
        ("b.csv", "x,y\n1,2\n3\n", "b.csv: line 3 has 1 cell, but line 1 names 2 columns"),
        ("b.csv", "# from B\nx,z\n1,2\n", "b.csv: line 2 has no column 'y', as ./a.csv has"),
        ("b.csv", "x,y,z\n1,2,3\n", "b.csv: line 1 has a column 'z', unlike ./a.csv"),
        ("b.csv", "x,y\n", "b.csv: there are no rows of data"),
        ("b.csv", "", "b.csv: the file is empty"),
        ("b.csv", "x,y\n1,2\n-1,2\n", "(needs a number > 0) in row 4, line 3 of ./b.csv"),
        ("b.parquet", b"PAR1 and no more", "b.parquet: pyarrow cannot read this as Parquet"),
    ],
)  # fmt: skip
def test_one_broken_file_among_many_is_named(
    name: str,
    content: str | bytes,
    said: str,
    inside: Inside,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for good in ("a.csv", "c.csv"):
        broken(tmp_path, good, "x,y\n1,2\n3,4\n")
    broken(tmp_path, name, content)
    for words in (["eval", "sum(y*log(x))"], ["grad", "sum(y*log(a*x))", "a=1"]):
        run = inside([*words, "--data", "."])
        assert run.code == 1
        assert said in run.err.replace("error: ./", "")


def test_a_row_of_parquet_among_many_is_named(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, last in (("a", 3.0), ("b", -1.0), ("c", 4.0)):
        parquet.write_table(pyarrow.table({"x": [1.0, 2.0, last]}), f"{name}.parquet")
    run = inside(["eval", "sum(log(x))", "--data", "."])
    assert "in row 6, row 3 of ./b.parquet" in run.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_opening_many_files_costs_less_than_reading_them(kind: str, tmp_path: Path) -> None:
    store(tmp_path, [5000] * FILES)
    taken: list[tuple[float, float]] = []
    for _ in range(5):
        begun = time.perf_counter()
        source = open_source([str(tmp_path / kind)])
        opened = time.perf_counter()
        assert sum(len(block["x"]) for block in source.blocks(["x", "y"], 1 << 16)) == FILES * 5000
        taken.append((opened - begun, time.perf_counter() - opened))
    assert min(opening for opening, _ in taken) < min(reading for _, reading in taken)
