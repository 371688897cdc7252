"""Whole pictures, letter for letter, as DOT: whoever changes how they look sees it in the diff.

After a change that was meant, `python -m tests.pictures.graph.test_golden` writes the files anew;
look at the pictures (`dot -Tsvg tests/pictures/graph/golden/sine.dot`) before they are committed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcli

GOLDEN = Path(__file__).parent / "golden"

PICTURES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "product": ("c*(a + b)", {"a": 2, "b": -3, "c": 10}, {}),
    "sum": ("(a*b + c)*d", {"a": 2, "b": -3, "c": 10, "d": -2}, {"rankdir": "TB"}),
    "sine": ("log(x^2 + sin(3*x*y))", {"x": 2, "y": 3}, {}),
    "structure": ("log(x^2 + sin(3*x*y))", {}, {}),
    "neuron": (
        "tanh(w1*x1 + w2*x2 + b)",
        {"x1": 2, "x2": 0, "w1": -3, "w2": 1, "b": 6.8813735870195432},
        {"local": "both"},
    ),
    "named": (
        "r = 2*pi; u = x^2; v = sin(r*x*y); where(u > v, log(u + v), sqrt(u - v))",
        {"x": 1.5, "y": 0.25},
        {"only_named": True, "local": "both"},
    ),
    "arrays": ("u = W @ x; sum(u*[1, -2])", {"W": [[1.0, 2.0], [3.0, 4.0]], "x": [0.5, -1]}, {}),
}
"""Formula, values and options by the name of the file."""


def drawn(name: str) -> bytes:
    """The picture as DOT."""
    source, values, options = PICTURES[name]
    shapes = {name: np.shape(value) for name, value in values.items()}
    return gradcli.parse(source, shapes).draw(values, format="dot", **options)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_as_they_were(name: str) -> None:
    expected = (GOLDEN / f"{name}.dot").read_text(encoding="utf-8")
    assert drawn(name).decode().splitlines() == expected.splitlines()


def test_no_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == PICTURES.keys()


def test_every_picture_is_the_same_in_any_process() -> None:
    script = "import sys, tests.pictures.graph.test_golden as g\nfor n in g.PICTURES: "
    script += "sys.stdout.buffer.write(g.drawn(n))"
    ran = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert ran[0] == ran[1] == b"".join(map(drawn, PICTURES))


if __name__ == "__main__":
    for picture in PICTURES:
        (GOLDEN / f"{picture}.dot").write_bytes(drawn(picture))
