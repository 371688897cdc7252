"""Data larger than memory: ten times the rows take no more memory, whatever the file."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted in KiB on Linux"),
]

ROWS = 500_000
"""How many rows of two numbers the small file has: 8 MB of doubles, about 9 MB of CSV."""

FIT = ("y ~ a*exp(-b*x) + c", "a=1", "b=1", "c=0", "--steps", "3")
ABSOLUTE = (
    *("mean(abs(a*x + b - y))", "a=0", "b=0"),
    *("--method", "gd", "--lr", "0.1", "--steps", "3"),
)
BATCHES = (
    *("mean((a*x + b - y)^2)", "a=0", "b=0", "--lr", "1e-3"),
    *("--memory", "1", "--batch", "64", "--epochs", "1"),
)


SCRIPT = """\
import sys
from gradcli.cli.app import run
code = run(sys.argv[1:])
with open("/proc/self/status") as file:
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
with open("peak", "w") as file:
    file.write(peak)
sys.exit(code)
"""
"""Runs a command and keeps its peak. That of rusage is no smaller than the peak of the parent."""


class Peak(NamedTuple):
    """How a command ended, and the most memory that it had, in KiB."""

    code: int
    kibibytes: int
    err: str


def peak(folder: Path, command: str, *words: str) -> Peak:
    """Run a command."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, command, *words],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    kibibytes = int((folder / "peak").read_text(encoding="utf-8"))
    return Peak(ran.returncode, kibibytes, ran.stderr)


def written(folder: Path, kind: str, times: int) -> list[str]:
    """The words that name a file with so many times the same rows."""
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 2, ROWS)
    y = 2 * np.exp(-1.3 * x) + 0.5 + 0.01 * generator.normal(size=ROWS)
    path = folder / f"d{times}.{kind}"
    lines = [f"{a:.6f},{b:.6f}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    if kind == "files":
        path.mkdir()
        for i in range(20 * times):
            part = lines[i % 20 :: 20]
            (path / f"{i:03}.csv").write_text("x,y\n" + "".join(part), encoding="utf-8")
    elif kind == "csv":
        block = "".join(lines)
        with path.open("w", encoding="utf-8") as file:
            file.write("x,y\n")
            file.writelines([block] * times)
    elif kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        table = pyarrow.table({"x": np.tile(x, times), "y": np.tile(y, times)})
        parquet.write_table(table, path, row_group_size=100_000)
    elif kind == "npz":
        np.savez(path, x=np.tile(x, times), y=np.tile(y, times))
    else:
        np.save(path, np.tile(np.column_stack([x, y]), (times, 1)))
    return ["--data", path.name]


def ratio(folder: Path, kind: str, words: Sequence[str], codes: Sequence[int] = (0,)) -> float:
    """The peak over ten times the rows, relative to that over the rows."""
    found = []
    for times in (1, 10):
        data = written(folder, kind, times)
        stem = f"d{times}"
        run = peak(folder, "minimize", *(word.replace("STEM", stem) for word in words), *data)
        assert run.code in codes, run.err
        assert ("the data are read in blocks" in run.err) == (times == 10 or "--memory" in words)
        found.append(run.kibibytes)
    return found[1] / found[0]


@pytest.mark.parametrize("words", [FIT, ABSOLUTE, BATCHES], ids=["fit", "absolute", "batches"])
@pytest.mark.parametrize("kind", ["csv", "files", "npz", "parquet"])
def test_ten_times_the_rows(tmp_path: Path, kind: str, words: tuple[str, ...]) -> None:
    # Ten times the files have ten times the readers, and eight threads open them.
    assert ratio(tmp_path, kind, words) < (1.3 if kind == "files" else 1.2)


@pytest.mark.parametrize("more", [(), ("--memory", "1", "--batch", "64", "--epochs", "1")])
def test_ten_times_the_rows_of_a_matrix(tmp_path: Path, more: tuple[str, ...]) -> None:
    words = ["mean(abs(STEM[:, 0]*a + b - STEM[:, 1]))", "a=0", "b=0", "--lr", "0.01", *more]
    words += [] if more else ["--method", "gd", "--steps", "3"]
    assert ratio(tmp_path, "npy", words) < 1.2


@pytest.mark.parametrize("command", ["eval", "grad"])
@pytest.mark.parametrize("formula", ["mean((a*x + b - y)^2)", "mean(max(a*x, b) > y)*a*b"])
@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_thirty_times_the_rows_of_a_mean(
    tmp_path: Path, kind: str, formula: str, command: str
) -> None:
    found = []
    for times in (3, 30):  # 24 MB of doubles, and more than is held already
        run = peak(tmp_path, command, formula, "a=1", "b=2", *written(tmp_path, kind, times))
        assert (run.code, run.err) == (0, "")
        found.append(run.kibibytes)

    assert found[1] / found[0] < 1.1


def test_an_error_in_the_last_row_of_a_mean(tmp_path: Path) -> None:
    found = []
    for rows in (3_000_000, 30_000_000):
        x = np.ones(rows)
        x[-1] = -1
        np.save(tmp_path / "x.npy", x)
        run = peak(tmp_path, "grad", "mean(log(x))*a", "a=1", "--data", "x.npy")
        assert run.code == 1
        assert f"log is undefined at -1 (needs a number > 0) in row {rows}" in run.err
        found.append(run.kibibytes)

    assert found[1] / found[0] < 1.1
