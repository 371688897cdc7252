"""Training on digits, epoch by epoch, against PyTorch (see reference/pytorch_digits.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.training.conftest import Gradcli

FILE = Path(__file__).parents[1] / "reference/pytorch_digits.json"
REFERENCE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
RUNS: list[dict[str, Any]] = REFERENCE["runs"]


def words(run: dict[str, Any]) -> list[str]:
    """The command of a run, but for its files."""
    model = REFERENCE["models"][run["model"]]
    chosen = ["--schedule", run["schedule"]] if "schedule" in run else []
    numbers = (word for name in ("batch", "epochs", "lr", "seed") for word in (name, run[name]))
    return [
        model["formula"],
        *(f"{name}={start}" for name, start in model["starts"].items()),
        "--method",
        run["method"],
        *(f"--{word}" if isinstance(word, str) else str(word) for word in numbers),
        *chosen,
        "--validate",
        "test.npz",
        "--metric",
        model["metric"],
    ]


def name_of(run: dict[str, Any]) -> str:
    """What a test of a run is called."""
    return "-".join(str(run[key]) for key in ("model", "method", "batch", "seed"))


@pytest.mark.parametrize("run", RUNS, ids=map(name_of, RUNS))
def test_every_epoch_is_that_of_torch(gradcli: Gradcli, run: dict[str, Any]) -> None:
    trained = gradcli.trained(*words(run), "--json", "--save", "p.npz")

    assert len(trained.epochs) == run["epochs"]
    for got, want in zip(trained.epochs, run["history"], strict=True):
        assert set(got) == set(want)
        assert (got["epoch"], got["step"]) == (want["epoch"], want["step"])
        assert got["metric"] == want["metric"]  # a number of rows
        for key in ("value", "validation", "learning_rate"):
            assert got[key] == pytest.approx(want[key], rel=1e-10, abs=0), key
    with np.load(gradcli.folder / "p.npz", allow_pickle=False) as saved:
        squares = {name: float((saved[name] ** 2).sum()) for name in saved.files}
    # Adam divides a gradient by its size: where a batch has exactly a tenth of its rows of a class,
    # the first gradient of b is rounding alone, 0 or 1e-17, and moves b by 1e-11.
    assert squares == pytest.approx(run["sums_of_squares"], rel=1e-9, abs=0)


def test_the_method_is_sgd_and_the_seed_0_unless_named(gradcli: Gradcli) -> None:
    run = RUNS[0]
    assert (run["method"], run["seed"]) == ("sgd", 0)
    given = words(run)
    for word in ("--method", "--seed"):
        place = given.index(word)
        del given[place : place + 2]

    trained = gradcli.trained(*given, "--json")

    assert trained.document["method"] == "sgd"
    values = [epoch["value"] for epoch in trained.epochs]
    assert values == pytest.approx([epoch["value"] for epoch in run["history"]], rel=1e-10, abs=0)
