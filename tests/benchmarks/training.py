"""An epoch of learning, beside PyTorch on the same data, model, batches and order of rows.

The data are the handwritten digits of scikit-learn, as README learns them, and 60,000 pictures of
28×28 bytes with their classes, the size of MNIST. Softmax regression and multilayer perceptrons are
trained on them through the command line and with PyTorch, in float64 as gradcli and in float32, its
default. All divide the bytes by 255 (the digits by 16) in each batch, and must find the same loss.
An epoch is what a further one takes, with the data in memory. Each works on one thread, because
small products only wait for a second one.
"""

from __future__ import annotations

import json
import struct
import subprocess
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.benchmarks.bench import available
from tests.benchmarks.report import FASTER, compared
from tests.benchmarks.timing import environment, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Bar, Row

PICTURES, DIGITS = 60_000, 1_797
SEED = 0
RATE = 0.01
KINDS = ("float64", "float32")
LOSS_APART = {"float64": 1e-9, "float32": 1e-4}


class Model(NamedTuple):
    """What is trained, and on which pictures."""

    name: str
    rows: int
    largest: int
    """The value of a white pixel."""
    widths: tuple[int, ...]
    """How many numbers there are in a picture, in a hidden layer, and of classes."""

    def words(self) -> list[str]:
        """Return the formula and the starts."""
        score = f"img/{self.largest}"
        starts = []
        for layer, (before, after) in enumerate(pairwise(self.widths), 1):
            score = f"{'logistic' if layer > 1 else ''}({score}) @ W{layer} + b{layer}"
            start = f"normal({before},{after})*0.05" if self.is_deep else f"zeros({before},{after})"
            starts += [f"W{layer}={start}", f"b{layer}=zeros({after})"]
        return [f"cross_entropy({score}, label)", *starts]

    def starts(self) -> list[Any]:
        """Return the parameters that the command line draws."""
        generator = np.random.default_rng(SEED)
        found: list[Any] = []
        for before, after in pairwise(self.widths):
            drawn = generator.standard_normal((before, after)) * 0.05 * self.is_deep
            found += [drawn, np.zeros(after)]
        return found

    @property
    def is_deep(self) -> bool:
        """Whether there is a hidden layer."""
        return len(self.widths) > 2

    def __str__(self) -> str:
        return f"{self.name}, {self.rows:,} rows"


TUTORIAL = Model("the perceptron 64-64-10 of README", DIGITS, 16, (64, 64, 10))
PERCEPTRON = Model("a perceptron 784-128-10", PICTURES, 255, (784, 128, 10))
REGRESSION = Model("softmax regression", PICTURES, 255, (784, 10))


class Plan(NamedTuple):
    """What is trained in batches of how many rows, over how many epochs after the first."""

    model: Model
    batch: int
    more: int
    bar: Bar | None = None

    def __str__(self) -> str:
        return f"an epoch of {self.model}, batch {self.batch}"


PLANS = [
    Plan(TUTORIAL, 16, 40, FASTER),
    Plan(PERCEPTRON, 16, 2, FASTER),
    Plan(REGRESSION, 64, 4),
]


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    return [row for plan in PLANS for row in _rows(bench, plan, *write_files(bench, plan.model))]


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
    bars = {} if plan.bar is None else dict.fromkeys(makers, plan.bar)
    return compared(str(plan), taken, bars, missing)


def write_files(bench: Bench, model: Model) -> tuple[Any, Any]:
    """Write the pictures and their classes as the IDX files of a model, and return them."""
    img, label = digits() if model.rows == DIGITS else pictures(model.rows)
    for path, array in zip(files(bench, model), (img, label), strict=True):
        head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        path.write_bytes(head + array.tobytes())
    return img.reshape(len(img), -1), label


def files(bench: Bench, model: Model) -> list[Path]:
    """Return the paths of the pictures and of their classes."""
    kinds = "images-idx3", "labels-idx1"
    return [bench.folder / f"of-{model.rows}-{kind}-ubyte" for kind in kinds]


def digits() -> tuple[Any, Any]:
    """Return the handwritten digits of scikit-learn and their classes."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images.astype(np.uint8), found.target.astype(np.uint8)


def pictures(rows: int) -> tuple[Any, Any]:
    """Return pictures that can be told apart by class, and their classes."""
    generator = np.random.default_rng(SEED)
    patterns = generator.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    label = generator.integers(0, 10, rows, dtype=np.uint8)
    img = generator.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    kept = generator.random((rows, 28, 28), dtype=np.float32) < 0.2
    img[kept] = patterns[label][kept]
    return img, label


def words(bench: Bench, plan: Plan, epochs: int) -> list[str]:
    """Return the command that trains."""
    found: list[str] = [bench.gradcli, "minimize", *plan.model.words(), "--json"]
    for path in files(bench, plan.model):
        found += ["--data", str(path)]
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


def pytorch(
    bench: Bench, plan: Plan, img: Any, label: Any, kind: str
) -> tuple[float, Callable[[], float]]:
    """Return the loss of a first epoch of PyTorch's plain loop, and what times a further one."""
    import torch

    torch.set_num_threads(1)
    number = getattr(torch, kind)
    parameters = [
        torch.tensor(array, dtype=number, requires_grad=True) for array in plan.model.starts()
    ]
    pictures, classes = torch.tensor(img, dtype=number), torch.tensor(label, dtype=torch.long)
    optimizer = torch.optim.SGD(parameters, lr=RATE)
    loss_of = torch.nn.CrossEntropyLoss()
    order = torch.from_numpy(np.random.default_rng([SEED, 0]).permutation(len(img)))

    def epoch() -> float:
        total = 0.0
        for rows in order.split(plan.batch):
            score = torch.addmm(parameters[1], pictures[rows] / plan.model.largest, parameters[0])
            if plan.model.is_deep:
                score = torch.addmm(parameters[3], torch.sigmoid(score), parameters[2])
            loss = loss_of(score, classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(order)

    return epoch(), lambda: bench.clock.once(epoch)
