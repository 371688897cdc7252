"""The handwritten digits of scikit-learn as two files, and a way to train on them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 120
"""How long a command may take at the most; what is expected is a hundredth of it."""

TEST_ROWS = 450


class Trained(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What --json printed."""
        content: dict[str, Any] = json.loads(self.out)
        return content

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The rows of the epochs."""
        rows: list[dict[str, Any]] = self.document["epochs"]
        return rows

    @property
    def cells(self) -> list[list[str]]:
        """The tab-separated cells of stdout."""
        return [line.split("\t") for line in self.out.splitlines()]


class Gradcli:
    """`python -m gradcli` in a folder with train.npz and test.npz."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str) -> Trained:
        """Run a command to its end, whatever that is."""
        ran = subprocess.run(
            [sys.executable, "-m", "gradcli", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd=self.folder,
            timeout=SECONDS,
        )
        return Trained(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    def trained(self, *words: str) -> Trained:
        """Run `minimize` on the training part; it must end well."""
        ran = self("minimize", *words, "--data", "train.npz")
        assert ran.code == 0, ran.err
        return ran

    def log(self, name: str) -> list[dict[str, float]]:
        """The rows of a log."""
        with (self.folder / name).open(newline="", encoding="utf-8") as file:
            return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


class Digits(NamedTuple):
    """One part of the digits: pictures of 8×8 numbers from 0 to 1, and classes."""

    img: np.ndarray[Any, np.dtype[np.float64]]
    label: np.ndarray[Any, np.dtype[np.int64]]


@pytest.fixture(scope="session")
def digits() -> dict[str, Digits]:
    """The digits, split as in README."""
    img, label = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(img))
    test, train = order[:TEST_ROWS], order[TEST_ROWS:]
    return {
        "train": Digits(img[train] / 16, label[train]),
        "test": Digits(img[test] / 16, label[test]),
    }


@pytest.fixture(scope="session")
def data(digits: dict[str, Digits], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.npz and test.npz."""
    folder = tmp_path_factory.mktemp("digits")
    for name, part in digits.items():
        np.savez(folder / f"{name}.npz", img=part.img, label=part.label)
    return folder


@pytest.fixture
def gradcli(data: Path, tmp_path: Path) -> Gradcli:
    """Gradcli in a folder of its own that has the two files."""
    for name in ("train.npz", "test.npz"):
        (tmp_path / name).symlink_to(data / name)
    return Gradcli(tmp_path)
