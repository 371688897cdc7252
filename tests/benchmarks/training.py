"""An epoch of learning, beside PyTorch on the same data, model, batches and order of rows.

The data have the size of MNIST: 60,000 pictures of 28×28 bytes and their classes, in IDX files.
Softmax regression and a multilayer perceptron are trained on them through the command line and with
PyTorch, in float64 as gradcli and in float32, its default. All divide the bytes by 255 in each
batch, and must find the same loss. An epoch is what a further one takes, with the data in
memory. Each works on one thread, because small products only wait for a second one.
"""

from __future__ import annotations

import json
import struct
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.benchmarks.bench import available
from tests.benchmarks.report import FASTER, compared
from tests.benchmarks.timing import environment, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

ROWS = 60_000
SEED = 0
RATE = 0.01
HIDDEN = 128
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
KINDS = ("float64", "float32")
LOSS_APART = {"float64": 1e-9, "float32": 1e-4}

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
NAMES = {"linear": "softmax regression", "mlp": f"the perceptron 784-{HIDDEN}-10"}


class Plan(NamedTuple):
    """What is trained, in batches of how many rows, over how many epochs after the first."""

    model: str
    batch: int
    more: int

    def __str__(self) -> str:
        return f"an epoch of {NAMES[self.model]}, {ROWS:,} rows, batch {self.batch}"


PLANS = [Plan("mlp", 16, 2), Plan("linear", 1, 1)]
WITH_BAR = PLANS[0]


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    img, label = write_files(bench.folder, ROWS)
    return [row for plan in PLANS for row in _rows(bench, plan, img, label)]


def _rows(bench: Bench, plan: Plan, img: Any, label: Any) -> list[Row]:
    loss = first_loss(bench, plan)
    makers = {f"torch {kind}": partial(pytorch, bench, plan, img, label, kind) for kind in KINDS}
    peers, missing = available(makers)
    epochs = {}
    for kind, (name, (theirs, epoch)) in zip(KINDS, peers.items(), strict=False):
        if abs(loss - theirs) > LOSS_APART[kind] * theirs:
            message = f"{plan}: the loss is {loss}, and {theirs} with {name}"
            raise ArithmeticError(message)
        epochs[name] = epoch
    taken = in_turn({"gradcli": lambda: further_epoch(bench, plan), **epochs}, bench.runs)
    bars = dict.fromkeys(makers, FASTER) if plan == WITH_BAR else {}
    return compared(str(plan), taken, bars, missing)


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


def words(bench: Bench, plan: Plan, epochs: int) -> list[str]:
    """Return the command that trains."""
    found: list[str] = [bench.gradcli, "minimize", *FORMULAS[plan.model], "--json"]
    for name in FILES:
        found += ["--data", str(bench.folder / name)]
    for name, value in {"batch": plan.batch, "epochs": epochs, "lr": RATE, "seed": SEED}.items():
        found += [f"--{name}", str(value)]
    return found


def first_loss(bench: Bench, plan: Plan) -> float:
    """Return the mean loss of the first epoch."""
    command = words(bench, plan, 1)
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment())
    loss: float = json.loads(ran.stdout)["epochs"][0]["value"]
    return loss


def further_epoch(bench: Bench, plan: Plan) -> float:
    """Return the seconds of an epoch after the first."""
    one = bench.clock.process(words(bench, plan, 1))
    return (bench.clock.process(words(bench, plan, 1 + plan.more)) - one) / plan.more


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


def pytorch(
    bench: Bench, plan: Plan, img: Any, label: Any, kind: str
) -> tuple[float, Callable[[], float]]:
    """Return the loss of a first epoch of PyTorch's plain loop, and what times a further one."""
    import torch

    torch.set_num_threads(1)
    number = getattr(torch, kind)
    parameters = [
        torch.tensor(array, dtype=number, requires_grad=True) for array in starts(plan.model)
    ]
    pictures, classes = torch.tensor(img, dtype=number), torch.tensor(label, dtype=torch.long)
    optimizer = torch.optim.SGD(parameters, lr=RATE)
    loss_of = torch.nn.CrossEntropyLoss()
    order = torch.from_numpy(np.random.default_rng([SEED, 0]).permutation(len(img)))

    def epoch() -> float:
        total = 0.0
        for rows in order.split(plan.batch):
            score = torch.addmm(parameters[1], pictures[rows] / 255, parameters[0])
            if plan.model == "mlp":
                score = torch.addmm(parameters[3], torch.sigmoid(score), parameters[2])
            loss = loss_of(score, classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(order)

    return epoch(), lambda: bench.clock.once(epoch)
