"""An evaluation that workers share: what the message costs, what the second worker brings.

Value and gradient of mean((y - a*exp(-b*x) - c)^2), and the triangle of its residuals; all on this
machine, by workers of one thread. The memory of the driver is looked at over many evaluations.
"""

from __future__ import annotations

import os
import statistics
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from gradcli.cluster.session import Choice, Session, SharedRows
from gradcli.data.source import open_source
from gradcli.formula import parse
from gradcli.minimize.minimize import Recipe
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request, task
from gradcli.rows.columns import over_rows
from gradcli.solvers.qr import linearised
from tests.benchmarks.report import Bar, Row, compared, seconds
from tests.benchmarks.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench

MANY = 8_000_000
"""Rows of which two columns take 128 MB."""
FEW = 1000
TEXT = "mean((y - a*exp(-b*x) - c)^2)"
START = {"a": 2.0, "b": 1.0, "c": 0.1}
MOST = 0.005
"""Seconds that sharing may add to an evaluation."""
TWICE = Bar(1 / 1.7)
STEPS = 300
"""Evaluations over which memory is looked at."""
GROWTH = 4 << 20
"""Bytes by which it may grow."""


def stored(folder: Path, count: int) -> list[str]:
    """Write columns of so many rows and return their files."""
    random = np.random.default_rng(0)
    x = random.uniform(0, 4, count)
    y = 2.5 * np.exp(-0.7 * x) + 0.3 + random.normal(0, 0.01, count)
    folder.mkdir(exist_ok=True)
    for name, column in (("x", x), ("y", y)):
        np.save(folder / f"{name}.npy", column)
    return [str(folder / f"{name}.npy") for name in ("x", "y")]


def evaluations(session: Session, paths: Sequence[str]) -> dict[str, Callable[[], Any]]:
    """Return what evaluates the objective, and what linearises its residuals, on workers."""
    rows: Any = SharedRows(session, open_source(paths), ["x", "y"], 1 << 30)
    rows = rows.bound(Recipe.of(TEXT, START, {}, Settings(engine="python")))
    shapes = dict.fromkeys(START, ())
    formula = over_rows(partial(parse, TEXT), rows, shapes)
    problem = task(Request(formula, formula.origin, START, {}, rows, Settings(engine="python")))
    assert problem.fit is not None
    point = np.array([*START.values()])
    residuals = problem.fit.residuals
    found: dict[str, Callable[[], Any]] = {
        "value and gradient": partial(problem.objective, [*START.values()]),
        "triangle": partial(linearised, residuals, point),
    }
    for evaluate in found.values():
        evaluate()  # the worker compiles its program
    return found


def busiest(session: Session, evaluate: Callable[[], Any], runs: int) -> list[float]:
    """Return the processor time of the worker that needs most of it, in each of some runs.

    It tells how long an evaluation takes where each worker has a core of its own.
    """
    pids = session.client.run(os.getpid).values()
    processes = [psutil.Process(pid) for pid in pids]

    def used() -> list[float]:
        return [process.cpu_times().user + process.cpu_times().system for process in processes]

    found = []
    for _ in range(runs):
        before = used()
        for _ in range(4):  # the system counts hundredths of a second
            evaluate()
        found.append(max(b - a for a, b in zip(before, used(), strict=True)) / 4)
    return found


def rows(bench: Bench) -> list[Row]:
    """Return the rows of the table."""
    found: list[Row] = []
    few, many = stored(bench.folder / "few", FEW), stored(bench.folder / "many", MANY)
    sessions = {count: Session(Choice(count), print) for count in (1, 2)}

    def timed(evaluate: Callable[[], Any]) -> Callable[[], float]:
        def action() -> float:
            before = bench.clock.now()
            evaluate()
            return bench.clock.now() - before

        return action

    try:
        light = evaluations(sessions[2], few)
        for what, evaluate in light.items():
            taken = [timed(evaluate)() for _ in range(20 * bench.runs)]
            median = statistics.median(taken)
            met = "yes" if median <= MOST else "no"
            what = f"{what} of {FEW:,} rows, 2 workers"  # noqa: PLW2901 - as the table has it
            found.append(Row(what, seconds(median), "", "", f"≤ {seconds(MOST)}", met))
        heavy = {count: evaluations(session, many) for count, session in sessions.items()}
        for what in light:
            actions = {f"{count} workers": timed(heavy[count][what]) for count in (2, 1)}
            bars = {"1 workers": TWICE}
            found += compared(f"{what} of {MANY:,} rows", in_turn(actions, bench.runs), bars)
            busy = {
                f"{count} workers": busiest(sessions[count], heavy[count][what], bench.runs)
                for count in (2, 1)
            }
            processor = f"{what} of {MANY:,} rows, processor of the busiest worker"
            found += compared(processor, busy, bars)
        process = psutil.Process()
        before = process.memory_info().rss
        for _ in range(STEPS):
            heavy[2]["value and gradient"]()
        grown = process.memory_info().rss - before
        met = "yes" if grown <= GROWTH else "no"
        what = f"memory of the driver over {STEPS} evaluations of {MANY:,} rows"
        found.append(Row(what, f"{grown / 1e6:.1f} MB", "", "", f"≤ {GROWTH / 1e6:.1f} MB", met))
    finally:
        for session in sessions.values():
            session.close()
    return found
