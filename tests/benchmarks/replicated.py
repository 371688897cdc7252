"""NIST data sets, each repeated to ten million rows, fitted by no, one, two and five workers.

Whatever computes them, and after a worker was killed at a random moment, the fit must be the same
bytes of JSON, and its parameters those that are certified: repeated rows do not move the minimum.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.fits import problems
from tests.benchmarks.report import Row, seconds
from tests.benchmarks.timing import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.fits import Problem

ROWS = 10_000_000
FILES = 4
GROUP = 300_000
"""Rows of a row group, which is none of those that are added up together."""
SHORTEST = 0.1
"""Seconds before a kill that are not halved: by then no worker has begun."""
NAMES = ("Norris-1", "Misra1a-2", "Thurber-2")
"""A linear model, one of two parameters and one of seven, from the nearer start."""


class Run(NamedTuple):
    """A run of gradcli."""

    out: str
    err: str
    seconds: float
    killed: int
    """How many workers were killed."""


def stored(problem: Problem, rows: int, folder: Path) -> Path:
    """Write the data of a problem so often that there are so many rows; return the folder."""
    found = folder / problem.name
    found.mkdir()
    table = np.loadtxt(problem.file, delimiter=",", skiprows=1, ndmin=2)
    known = dict(zip(problem.columns, table.T, strict=True))
    for number, places in enumerate(np.array_split(np.arange(rows) % len(table), FILES)):
        columns = {name: column[places] for name, column in known.items()}
        pq.write_table(pa.table(columns), found / f"{number}.parquet", row_group_size=GROUP)
    return found


def fitted(problem: Problem, data: Path, workers: int | None, kill_after: float = 0.0) -> Run:
    """Fit rows on so many workers, None for no such option; after some seconds one is killed."""
    words = ["minimize", f"{problem.response} ~ {problem.model}", "--json", "--data", str(data)]
    words += [f"{name}={value!r}" for name, value in problem.start.items()]
    # Fewer rows than these fit in memory, where a fit is looked at more closely.
    words += ["--memory", "1"] if workers is None else ["--workers", str(workers)]
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "gradcli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        killed: list[int] = []

        def kill() -> None:
            with suppress(psutil.Error):
                spawned = psutil.Process(process.pid).children()
                victims = [one for one in spawned if "spawn_main" in " ".join(one.cmdline())]
                for victim in victims[:1]:
                    victim.kill()
                    killed.append(victim.pid)

        timer = threading.Timer(kill_after, kill)
        if kill_after:
            timer.start()
        out, err = process.communicate()
        timer.cancel()
    return Run(out, err, time.monotonic() - begun, len(killed))


def runs(problem: Problem, data: Path, seed: int) -> dict[str, Run]:
    """Return the fits on none, one, two and five workers, on two of which one is killed.

    A fit that ends before the kill, because the machine became faster, is repeated with half the
    time before it.
    """
    found = {"none": fitted(problem, data, None)}
    for count in (0, 1, 2, 5):
        found[f"{count} workers"] = fitted(problem, data, count)
    moment = random.Random(seed).uniform(0.3, 0.9) * found["2 workers"].seconds  # noqa: S311
    while (run := fitted(problem, data, 2, moment)).killed == 0 and moment > SHORTEST:
        moment /= 2
    found["2 workers, one killed"] = run
    return found


def rows(bench: Bench) -> list[Row]:
    """Return the rows of the table."""
    found: list[Row] = []
    for problem in problems():
        if problem.name not in NAMES:
            continue
        each = runs(problem, stored(problem, ROWS, bench.folder), bench.runs)
        alone = each.pop("none")
        for what, run in each.items():
            is_same = run.out == alone.out != ""
            is_same = is_same and problem.is_right(json.loads(run.out)["parameters"])
            if not is_same:
                print(what, run.out, run.err)
            found.append(
                Row(
                    f"{problem.name.partition('-')[0]} repeated to {ROWS:,} rows, {what}",
                    seconds(run.seconds),
                    f"without --workers: {seconds(alone.seconds)}",
                    bar="the same bytes",
                    met="yes" if is_same else "no",
                )
            )
    return found
