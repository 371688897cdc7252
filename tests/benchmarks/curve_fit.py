"""A fit as a short script for SciPy does it: `python curve_fit.py FILE MODEL RESPONSE NAME=START…`.

The model is written for NumPy; the parameters are printed, NAME VALUE on a line.
"""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import curve_fit

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(words: Sequence[str]) -> None:
    """Fit and print."""
    file, model, response, *starts = words
    names = [start.partition("=")[0] for start in starts]
    with open(file, encoding="utf-8", newline="") as opened:  # noqa: PTH123 - as scripts do
        head, *rows = list(csv.reader(opened))
    table = np.array(rows, dtype=float)
    functions = {name: getattr(np, name) for name in ("arctan", "exp", "log", "pi")}
    columns = functions | dict(zip(head, table.T, strict=True))
    code = compile(model, "<model>", "eval")

    def value(_: Any, *point: float) -> Any:
        return eval(code, columns | dict(zip(names, point, strict=True)))  # noqa: S307 - our own

    y = eval(response, columns)  # noqa: S307 - our own
    start = [float(word.partition("=")[2]) for word in starts]
    found, _ = curve_fit(value, np.arange(len(y)), y, start)
    for name, number in zip(names, found, strict=True):
        print(name, repr(float(number)))


if __name__ == "__main__":
    main(sys.argv[1:])
