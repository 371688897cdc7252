"""How many rows a second are learnt from, beside PyTorch on the same data, model and batches.

`python tests/benchmarks/training.py` writes IDX files of the size of MNIST (60,000 pictures of
28×28 bytes and their classes) into a temporary folder, trains softmax regression and a multilayer
perceptron on them through the command line and with PyTorch (float64, as gradcli; and float32, its
default), and prints a table. Both take the rows in the same order, divide the bytes by 255 in each
batch, and must find the same loss. "command" is the whole command, which starts, reads and checks
the files and trains one epoch; "epoch" is what a further epoch takes. Each works on one thread,
because small products only wait for a second one, and seconds are those of the processor, so that
other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

SEED = 0
RATE = 0.01
HIDDEN = 128
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")

FORMULAS = {
    "linear": ("cross_entropy(img/255 @ W + b, label)", "W=zeros(784,10)", "b=zeros(10)"),
    "mlp": (
        "cross_entropy(logistic(img/255 @ W1 + b1) @ W2 + b2, label)",
        f"W1=normal(784,{HIDDEN})*0.05",
        f"b1=zeros({HIDDEN})",
        f"W2=normal({HIDDEN},10)*0.05",
        "b2=zeros(10)",
    ),
}


class Taken(NamedTuple):
    """Seconds for a whole command and for one epoch of it, and the loss of the first epoch."""

    command: float | None
    epoch: float
    loss: float


def write_files(folder: Path, rows: int) -> tuple[Any, Any]:
    """Write pictures that can be told apart by class, and return them with their classes."""
    generator = np.random.default_rng(SEED)
    patterns = generator.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    label = generator.integers(0, 10, rows, dtype=np.uint8)
    img = generator.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    kept = generator.random((rows, 28, 28), dtype=np.float32) < 0.2
    img[kept] = patterns[label][kept]
    for name, array in zip(FILES, (img, label), strict=True):
        head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(head + array.tobytes())
    return img.reshape(rows, -1), label


def of_children() -> float:
    """Return the seconds of the processor that commands have taken so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(folder: Path, model: str, batch: int, epochs: int) -> tuple[float, float]:
    """Train from the command line; return the seconds and the loss of the first epoch."""
    words = [*FORMULAS[model], *(word for name in FILES for word in ("--data", name))]
    for name, value in {"batch": batch, "epochs": epochs, "lr": RATE, "seed": SEED}.items():
        words += [f"--{name}", str(value)]
    start = of_children()
    ran = subprocess.run(
        [sys.executable, "-m", "gradcli", "minimize", *words, "--json"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    seconds = of_children() - start
    return seconds, json.loads(ran.stdout)["epochs"][0]["value"]


def gradcli(folder: Path, model: str, batch: int, more: int) -> Taken:
    """Time one epoch and `more` further ones from the command line."""
    one, loss = command(folder, model, batch, 1)
    several, _ = command(folder, model, batch, 1 + more)
    return Taken(one, (several - one) / more, loss)


def starts(model: str) -> list[Any]:
    """Return the parameters that the command line draws."""
    if model == "linear":
        return [np.zeros((784, 10)), np.zeros(10)]
    generator = np.random.default_rng(SEED)
    first = generator.standard_normal((784, HIDDEN)) * 0.05
    return [
        first,
        np.zeros(HIDDEN),
        generator.standard_normal((HIDDEN, 10)) * 0.05,
        np.zeros(10),
    ]


def pytorch(img: Any, label: Any, model: str, batch: int, kind: str) -> Taken:
    """Time a second epoch of the plain loop of PyTorch, data in memory."""
    import torch

    torch.set_num_threads(1)
    number = getattr(torch, kind)
    parameters = [torch.tensor(array, dtype=number, requires_grad=True) for array in starts(model)]
    pictures, classes = torch.tensor(img, dtype=number), torch.tensor(label, dtype=torch.long)
    optimizer = torch.optim.SGD(parameters, lr=RATE)
    loss_of = torch.nn.CrossEntropyLoss()

    def epoch(order: Any) -> float:
        total = 0.0
        for rows in order.split(batch):
            score = torch.addmm(parameters[1], pictures[rows] / 255, parameters[0])
            if model == "mlp":
                score = torch.addmm(parameters[3], torch.sigmoid(score), parameters[2])
            loss = loss_of(score, classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(order)

    order = torch.from_numpy(np.random.default_rng([SEED, 0]).permutation(len(img)))
    loss = epoch(order)
    start = process_time()
    epoch(order)
    return Taken(None, process_time() - start, loss)


def main() -> None:
    """Time every model with every size of batch and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 1])
    parser.add_argument("--model", choices=FORMULAS, nargs="+", default=list(FORMULAS))
    wanted = parser.parse_args()
    has_torch = importlib.util.find_spec("torch") is not None
    if not has_torch:
        print("torch is not installed: its columns are left out")
    kinds = ["float64", "float32"] if has_torch else []
    heads = ["model", "batch", "command", "epoch", "rows/s"]
    heads += [head for kind in kinds for head in (f"torch {kind}", "times as fast", "loss apart")]
    print("\t".join(heads))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        img, label = write_files(folder, wanted.rows)
        for model in wanted.model:
            for batch in wanted.batch:
                ours = gradcli(folder, model, batch, 1 if batch < 8 else 10)
                speed = wanted.rows / ours.epoch
                cells = [model, str(batch), f"{ours.command:.2f} s", f"{ours.epoch:.2f} s"]
                cells.append(f"{speed:.0f}")
                for kind in kinds:
                    theirs = pytorch(img, label, model, batch, kind)
                    apart = abs(ours.loss - theirs.loss) / theirs.loss
                    other = wanted.rows / theirs.epoch
                    cells += [f"{other:.0f}", f"{speed / other:.2f}", f"{apart:.0e}"]
                print("\t".join(cells), flush=True)


if __name__ == "__main__":
    main()
