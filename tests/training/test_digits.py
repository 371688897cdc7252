"""The classic tutorial's two programs, each one command: what it learns, prints and writes."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import expit, log_softmax

if TYPE_CHECKING:
    from pathlib import Path

    from tests.training.conftest import Digits, Gradcli

LINEAR = ("cross_entropy(img @ W + b, label)", "W=zeros(64,10)", "b=zeros(10)")
LINEAR_ERROR = "mean(argmax(img @ W + b) != label)"
MLP = (
    "cross_entropy(logistic(img @ W1 + b1) @ W2 + b2, label)",
    "W1=normal(64,64)*0.1",
    "b1=zeros(64)",
    "W2=normal(64,10)*0.1",
    "b2=zeros(10)",
)
MLP_ERROR = "mean(argmax(logistic(img @ W1 + b1) @ W2 + b2) != label)"

Saved = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


def saved(path: Path) -> Saved:
    """The arrays of an NPZ file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def linear_scores(p: Saved, part: Digits) -> np.ndarray[Any, np.dtype[np.float64]]:
    return part.img @ p["W"] + p["b"]


def mlp_scores(p: Saved, part: Digits) -> np.ndarray[Any, np.dtype[np.float64]]:
    return expit(part.img @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


@pytest.mark.parametrize(
    ("model", "metric", "rate", "scores", "most"),
    [
        (LINEAR, LINEAR_ERROR, "0.1", linear_scores, 0.06),
        (MLP, MLP_ERROR, "0.5", mlp_scores, 0.04),
    ],
    ids=["linear", "mlp"],
)
@pytest.mark.parametrize("seed", ["0", pytest.param("1", marks=pytest.mark.slow)])
def test_unseen_digits_are_recognised(
    gradcli: Gradcli,
    digits: dict[str, Digits],
    model: tuple[str, ...],
    metric: str,
    rate: str,
    scores: Any,
    most: float,
    seed: str,
) -> None:
    gradcli.trained(
        *model,
        *("--batch", "8", "--epochs", "40", "--lr", rate, "--seed", seed),
        *("--validate", "test.npz", "--metric", metric, "--log", "log.csv", "--save", "p.npz"),
    )
    found = scores(saved(gradcli.folder / "p.npz"), digits["test"])
    label = digits["test"].label
    error = np.mean(found.argmax(axis=1) != label)

    assert error < most
    last = gradcli.log("log.csv")[-1]
    assert last["metric"] == error
    # The loss by SciPy from the parameters that were written.
    loss = -log_softmax(found, axis=1)[np.arange(len(label)), label].mean()
    assert last["validation"] == pytest.approx(loss, rel=1e-12)
    printed = gradcli("eval", metric, "--data", "test.npz", "--params", "p.npz")
    assert printed.code == 0, printed.err
    assert float(printed.out) == pytest.approx(error, rel=1e-12)


def test_log_json_and_pipe_say_the_same(gradcli: Gradcli) -> None:
    command = (
        *LINEAR,
        *("--batch", "100", "--epochs", "3", "--lr", "0.1", "--schedule", "exponential(gamma=0.5)"),
        *("--validate", "test.npz", "--metric", LINEAR_ERROR),
    )
    epochs = gradcli.trained(*command, "--json", "--log", "log.csv").epochs
    piped = gradcli.trained(*command).cells

    columns = ["epoch", "step", "value", "validation", "metric", "learning_rate"]
    assert [list(epoch) for epoch in epochs] == [columns] * 3
    first = (gradcli.folder / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first.split(",") == columns
    assert gradcli.log("log.csv") == epochs
    assert piped[0] == columns
    assert [[float(cell) for cell in row] for row in piped[1:4]] == [
        list(epoch.values()) for epoch in epochs
    ]
    assert [epoch["learning_rate"] for epoch in epochs] == [0.1, 0.05, 0.025]
    assert [epoch["step"] for epoch in epochs] == [14, 28, 42]


def test_nothing_is_said_of_data_that_was_not_given(gradcli: Gradcli) -> None:
    command = (*LINEAR, "--batch", "100", "--epochs", "1", "--lr", "0.1", "--json")

    assert list(gradcli.trained(*command).epochs[0]) == ["epoch", "step", "value", "learning_rate"]
    held = gradcli.trained(*command, "--validate", "test.npz").epochs[0]
    assert list(held) == ["epoch", "step", "value", "validation", "learning_rate"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(gradcli: Gradcli) -> None:
    command = (*MLP, "--batch", "64", "--epochs", "2", "--lr", "0.1")
    for name, seed in {"a": "7", "b": "7", "c": "8"}.items():
        gradcli.trained(*command, "--seed", seed, "--save", f"{name}.npz")
    a, b, c = ((gradcli.folder / f"{name}.npz").read_bytes() for name in "abc")

    assert a == b
    assert a != c


def test_one_epoch_after_another_goes_on_from_the_saved_parameters(gradcli: Gradcli) -> None:
    command = (LINEAR[0], "--batch", "8", "--epochs", "1", "--lr", "0.1", "--json")
    gradcli.trained(*LINEAR, *command[1:], "--save", "p0.npz")
    before = gradcli("eval", LINEAR[0], "--data", "train.npz", "--params", "p0.npz")
    ran = gradcli.trained(*command, "--params", "p0.npz", "--save", "p1.npz")
    after = gradcli("eval", LINEAR[0], "--data", "train.npz", "--params", "p1.npz")

    assert before.code == after.code == 0, before.err + after.err
    assert float(after.out) < ran.epochs[0]["value"] < 1.1 * float(before.out)


def test_a_rate_that_is_too_large_is_said_to_be(gradcli: Gradcli) -> None:
    words = ("--batch", "8", "--epochs", "3", "--lr", "1e308")
    ran = gradcli("minimize", *LINEAR, "--data", "train.npz", *words)

    assert ran.code == 3
    assert "diverged" in ran.err
    assert "smaller --lr" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("--batch", "0", "--epochs", "1"),
        ("--batch", "-8", "--epochs", "1"),
        ("--batch", "8", "--epochs", "0"),
        ("--batch", "1.5", "--epochs", "1"),
        ("--batch", "8", "--epochs", "1", "--method", "lbfgs"),
        ("--batch", "8", "--epochs", "1", "--metric", LINEAR_ERROR),
        (
            "--batch",
            "8",
            "--epochs",
            "1",
            "--validate",
            "test.npz",
            "--metric",
            "mean(img @ W + c)",
        ),
        ("--batch", "8", "--epochs", "1", "--validate", "test.npz", "--metric", "img @ W"),
        ("--batch", "8", "--epochs", "1", "--steps", "10"),
    ],
    ids=" ".join,
)
def test_words_that_cannot_be_meant_are_refused_before_learning(
    gradcli: Gradcli, words: tuple[str, ...]
) -> None:
    ran = gradcli("minimize", *LINEAR, "--data", "train.npz", *words, "--save", "p.npz")

    assert ran.code == 2, ran.err
    assert ran.out == ""
    assert ran.err.startswith(("error:", "Error:", "Usage:"))
    assert not (gradcli.folder / "p.npz").exists()


def idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """An array in the format of MNIST, as its page describes it."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.slow
def test_pictures_of_the_shape_of_mnist_are_learnt(gradcli: Gradcli) -> None:
    generator = np.random.default_rng(0)
    patterns = generator.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    for name, rows in {"train": 6000, "t10k": 1000}.items():
        label = generator.integers(0, 10, rows, dtype=np.uint8)
        noise = generator.random((rows, 28, 28)) < 0.5
        img = np.where(noise, generator.integers(0, 256, noise.shape), patterns[label])
        (gradcli.folder / f"{name}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx(img.astype(np.uint8)))
        )
        (gradcli.folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(label))
    train, test = (
        (f"{name}-images-idx3-ubyte.gz", f"{name}-labels-idx1-ubyte") for name in ("train", "t10k")
    )
    formula = "cross_entropy(img/255 @ W + b, label)"
    metric = "mean(argmax(img/255 @ W + b) != label)"
    for batch, rate in {"64": "0.1", "1": "0.01"}.items():
        ran = gradcli(
            *("minimize", formula, "W=zeros(784,10)", "b=zeros(10)"),
            *(word for path in train for word in ("--data", path)),
            *("--batch", batch, "--epochs", "1", "--lr", rate),
            *("--save", "p.npz", "--json"),
        )
        assert ran.code == 0, ran.err
        assert ran.epochs[0]["step"] == -(-6000 // int(batch))
        printed = gradcli(
            *("eval", metric, "--params", "p.npz"),
            *(word for path in test for word in ("--data", path)),
        )
        assert printed.code == 0, printed.err
        # Half of each picture is the pattern of its class: far from the 0.9 of guessing.
        assert float(printed.out) < 0.05
