"""Writes pytorch_digits.json: two models trained on digits by PyTorch in float64, epoch by epoch.

`python pytorch_digits.py` needs torch, scikit-learn and numpy; the tests read what it wrote. An
epoch's value is the mean over its rows of the loss before the step, its validation and metric are
those of the test part after the epoch, its learning_rate is that of its steps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

TEST_ROWS = 450

LINEAR = {
    "formula": "cross_entropy(img @ W + b, label)",
    "metric": "mean(argmax(img @ W + b) != label)",
    "starts": {"W": "zeros(64,10)", "b": "zeros(10)"},
}
MLP = {
    "formula": "cross_entropy(logistic(img @ W1 + b1) @ W2 + b2, label)",
    "metric": "mean(argmax(logistic(img @ W1 + b1) @ W2 + b2) != label)",
    "starts": {
        "W1": "normal(64,32)*0.1",
        "b1": "zeros(32)",
        "W2": "normal(32,10)*0.1",
        "b2": "zeros(10)",
    },
}

SGD = {"method": "sgd", "lr": 0.1, "torch": ("SGD", {})}
MOMENTUM = {"method": "sgd(momentum=0.9)", "lr": 0.05, "torch": ("SGD", {"momentum": 0.9})}
ADAM = {"method": "adam", "lr": 0.01, "torch": ("Adam", {})}
# 1347 rows are 26 batches of 50 and one of 47.
USUAL = {"batch": 50, "epochs": 8}

RUNS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("linear", SGD, {**USUAL, "seed": 0}),
    ("linear", MOMENTUM, {**USUAL, "seed": 1}),
    ("linear", ADAM, {**USUAL, "seed": 2}),
    ("linear", {**SGD, "lr": 0.01}, {"batch": 1, "epochs": 2, "seed": 3}),
    ("linear", SGD, {"batch": 5000, "epochs": 8, "seed": 4}),
    ("mlp", SGD, {**USUAL, "seed": 0}),
    ("mlp", MOMENTUM, {**USUAL, "seed": 1}),
    ("mlp", ADAM, {**USUAL, "seed": 2}),
    ("mlp", SGD, {"batch": 1, "epochs": 2, "seed": 3}),
    ("mlp", ADAM, {**USUAL, "seed": 5, "schedule": "exponential(gamma=0.8)"}),
]


def digits() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return pictures and classes of both parts, split as in README."""
    img, label = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(img))
    parts = {"test": order[:TEST_ROWS], "train": order[TEST_ROWS:]}
    return {
        name: (torch.tensor(img[rows] / 16), torch.tensor(label[rows], dtype=torch.long))
        for name, rows in parts.items()
    }


def starts(model: str, seed: int) -> dict[str, torch.Tensor]:
    """Return the parameters in the order in which they are drawn."""
    generator = np.random.default_rng(seed)
    if model == "linear":
        made = {"W": np.zeros((64, 10)), "b": np.zeros(10)}
    else:
        made = {
            "W1": generator.standard_normal((64, 32)) * 0.1,
            "b1": np.zeros(32),
            "W2": generator.standard_normal((32, 10)) * 0.1,
            "b2": np.zeros(10),
        }
    return {name: torch.tensor(array, requires_grad=True) for name, array in made.items()}


def scores(model: str, p: dict[str, torch.Tensor], img: torch.Tensor) -> torch.Tensor:
    """Return the scores before softmax."""
    if model == "linear":
        return img @ p["W"] + p["b"]
    return torch.sigmoid(img @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


def train(
    model: str,
    rule: dict[str, Any],
    plan: dict[str, Any],
    data: dict[str, tuple[torch.Tensor, torch.Tensor]],
) -> dict[str, Any]:
    """Return the settings of a run and what each epoch gave."""
    parameters = starts(model, plan["seed"])
    name, settings = rule["torch"]
    optimizer = getattr(torch.optim, name)(parameters.values(), lr=rule["lr"], **settings)
    schedule = None
    if "schedule" in plan:
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
    loss_of = torch.nn.CrossEntropyLoss()
    img, label = data["train"]
    held_img, held_label = data["test"]
    epochs, steps = [], 0
    for epoch in range(plan["epochs"]):
        order = np.random.default_rng([plan["seed"], epoch]).permutation(len(img))
        total = 0.0
        rate = optimizer.param_groups[0]["lr"]
        for start in range(0, len(order), plan["batch"]):
            rows = torch.tensor(order[start : start + plan["batch"]])
            optimizer.zero_grad()
            loss = loss_of(scores(model, parameters, img[rows]), label[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            steps += 1
        if schedule is not None:
            schedule.step()
        with torch.no_grad():
            held = scores(model, parameters, held_img)
            validation = loss_of(held, held_label).item()
            metric = (held.argmax(1) != held_label).double().mean().item()
        epochs.append(
            {
                "epoch": epoch + 1,
                "step": steps,
                "value": total / len(img),
                "validation": validation,
                "metric": metric,
                "learning_rate": rate,
            }
        )
    final = {name: (array**2).sum().item() for name, array in parameters.items()}
    settings = {"model": model, "method": rule["method"], "lr": rule["lr"], **plan}
    return {**settings, "sums_of_squares": final, "history": epochs}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    data = digits()
    found = {
        "torch": torch.__version__,
        "models": {"linear": LINEAR, "mlp": MLP},
        "runs": [train(model, rule, plan, data) for model, rule, plan in RUNS],
    }
    lines = [f'"{key}": {json.dumps(value)}' for key, value in found.items() if key != "runs"]
    runs = ",\n".join(json.dumps(run).replace(' {"epoch"', '\n {"epoch"') for run in found["runs"])
    text = "{" + ",\n".join([*lines, f'"runs": [\n{runs}\n]']) + "}\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
