"""Fits from careless starts beside others: `python -m tests.benchmarks.starts [--write]`.

Right is a sum of squares within 1e-4 of the lowest one known; wrong and said, one with an error, a
warning or no success; wrong and silent, any other. Each tool has its defaults and works in this
process, but for gnuplot, which is one of its own. `--write` keeps the table in
tests/benchmarks/starts.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit, least_squares

from gradcli import parse
from gradcli.errors import GradcliError
from tests.benchmarks.report import machine, seconds
from tests.minimize.careless import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.minimize.careless import Array

    Data = Mapping[str, Array]

SEEDS = (1, 2, 3)
WRITTEN = Path(__file__).with_name("starts.md")


class End(NamedTuple):
    """Where a fit ended, and whether it said that something may be wrong."""

    point: dict[str, float]
    is_said: bool


def by_gradcli(case: Case, data: Data) -> End:
    """Fit with gradcli."""
    try:
        found = parse(case.model).minimize(case.start, data=dict(data))
    except GradcliError:
        return End({}, is_said=True)
    return End(found.parameters, is_said=not found.converged or bool(found.warnings))


def by_gradcli_once(case: Case, data: Data) -> End:
    """Fit with gradcli from the one start."""
    try:
        found = parse(case.model).minimize(case.start, data=dict(data), starts=1)
    except GradcliError:
        return End({}, is_said=True)
    return End(found.parameters, is_said=not found.converged or bool(found.warnings))


def by_curve_fit(case: Case, data: Data) -> End:
    """Fit with scipy.optimize.curve_fit."""
    names = list(case.start)

    def model(grid: Array, *point: float) -> Array:
        return case.value(dict(zip(names, point, strict=True)), grid)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", OptimizeWarning)
        try:
            found, _ = curve_fit(model, data[case.column], data["y"], list(case.start.values()))
        except (RuntimeError, ValueError):
            return End({}, is_said=True)
    return End(dict(zip(names, found.tolist(), strict=True)), is_said=bool(heard))


def by_least_squares(case: Case, data: Data) -> End:
    """Fit with scipy.optimize.least_squares."""
    names = list(case.start)

    def residuals(point: Array) -> Array:
        here = dict(zip(names, point.tolist(), strict=True))
        return data["y"] - case.value(here, data[case.column])

    try:
        found = least_squares(residuals, list(case.start.values()))
    except ValueError:
        return End({}, is_said=True)
    return End(dict(zip(names, found.x.tolist(), strict=True)), is_said=not found.success)


def by_lmfit(case: Case, data: Data) -> End:
    """Fit with lmfit."""
    lmfit: Any = importlib.import_module("lmfit")
    names = list(case.start)
    parameters = lmfit.Parameters()
    for name, value in case.start.items():
        parameters.add(name, value=value)

    def residuals(here: Any) -> Any:
        return data["y"] - case.value({n: here[n].value for n in names}, data[case.column])

    try:
        found = lmfit.minimize(residuals, parameters)
    except (ValueError, TypeError):
        return End({}, is_said=True)
    return End(
        {n: found.params[n].value for n in names}, is_said=not (found.success and found.errorbars)
    )


def by_gnuplot(case: Case, data: Data) -> End:
    """Fit with gnuplot's `fit`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data"
        np.savetxt(file, np.column_stack([data[case.column], data["y"]]), fmt="%.17g")
        model = case.model.partition("~")[2].replace("^", "**")
        for ours, theirs in (("max(x-k, 0)", "(x>k ? x-k : 0)"), ("min(x, k)", "(x<k ? x : k)")):
            model = model.replace(ours, theirs)
        # 1 and 2 are whole numbers there, and 1/2 is 0.
        model = re.sub(r"(?<![\w.*])(\d+)(?![\w.])", r"\1.0", model)
        lines = [
            "set fit quiet logfile '/dev/null'",
            f"f(x) = {model}",
            *(f"{name} = {value!r}" for name, value in case.start.items()),
            f"fit f(x) '{file}' using 1:2 via {','.join(case.start)}",
            "set print '-'",
            *(f"print sprintf('{name} %.17g', {name})" for name in case.start),
        ]
        done = subprocess.run(
            ["gnuplot", "-e", "; ".join(lines)], check=False, capture_output=True, text=True
        )
    pairs = [line.split() for line in done.stdout.splitlines()]
    is_said = done.returncode != 0 or "arning" in done.stderr or "ingular" in done.stderr
    return End({name: float(value) for name, value in pairs}, is_said)


def tools() -> dict[str, Callable[[Case, Data], End]]:
    """Return the tools that are installed."""
    found: dict[str, Callable[[Case, Data], End]] = {
        "gradcli": by_gradcli,
        "gradcli --starts 1": by_gradcli_once,
        "scipy curve_fit": by_curve_fit,
        "scipy least_squares": by_least_squares,
    }
    if importlib.util.find_spec("lmfit") is not None:
        found["lmfit"] = by_lmfit
    if shutil.which("gnuplot"):
        found["gnuplot"] = by_gnuplot
    return found


def table() -> str:
    """Return the table, in Markdown."""
    fits = [(case, case.data(seed)) for case in CASES for seed in SEEDS]
    lowest = [case.lowest(data) for case, data in fits]
    lines = [
        f"| of {len(fits)} fits | right | wrong and said | wrong and silent | median time |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, fit in tools().items():
        right = said = 0
        times = []
        for (case, data), least in zip(fits, lowest, strict=True):
            began = time.perf_counter()
            end = fit(case, data)
            times.append(time.perf_counter() - began)
            if end.point and case.is_right(case.rss(end.point, data), least, data):
                right += 1
            else:
                said += end.is_said
        silent = len(fits) - right - said
        taken = seconds(statistics.median(times))
        lines.append(f"| {name} | {right} | {said} | {silent} | {taken} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.starts", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the table")
    wanted = parser.parse_args()
    text = f"# Fits from careless starts\n\n{__doc__}\nMachine: {machine()}.\n\n{table()}\n"
    print(text)
    if wanted.write:
        WRITTEN.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
