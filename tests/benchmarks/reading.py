"""Reading a CSV file of 400,000 rows and three columns, beside pyarrow, pandas and NumPy.

All read doubles on one thread, and all must read the same numbers.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.data.source import open_source, read
from tests.benchmarks.report import FASTER, Bar, compared
from tests.benchmarks.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

COUNT = 400_000
NAMES = ("x", "y", "z")
FORMATS = {"six decimals": "%.6f", "17 digits": "%.17g", "exponents": "%.10e"}
LOADTXT = "numpy.loadtxt"
BARS: dict[str, Bar] = {LOADTXT: FASTER}


def by_gradcli(path: str) -> Any:
    """Return the columns as --data reads them."""
    return list(read(open_source([path]), NAMES).values())


def by_pyarrow(path: str) -> Any:
    """Return the columns as pyarrow reads them on one thread."""
    from pyarrow import csv

    table = csv.read_csv(path, csv.ReadOptions(use_threads=False))
    return [table[name].to_numpy() for name in NAMES]


def by_pandas(path: str) -> Any:
    """Return the columns as pandas reads them, rounded to the nearest double."""
    import pandas as pd

    table = pd.read_csv(path, float_precision="round_trip")
    return [table[name].to_numpy() for name in NAMES]


def by_numpy(path: str) -> Any:
    """Return the columns as numpy.loadtxt reads them."""
    return list(np.loadtxt(path, delimiter=",", skiprows=1).T)


READERS: dict[str, Callable[[str], Any]] = {
    "gradcli": by_gradcli,
    "pyarrow, one thread": by_pyarrow,
    "pandas, round_trip": by_pandas,
    LOADTXT: by_numpy,
}
NEEDS = {"pyarrow, one thread": "pyarrow", "pandas, round_trip": "pandas"}


def rows(bench: Bench) -> list[Row]:
    """Return the rows of the table."""
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(COUNT, len(NAMES))) * 100
    missing = [who for who, name in NEEDS.items() if importlib.util.find_spec(name) is None]
    readers = {who: reader for who, reader in READERS.items() if who not in missing}
    found: list[Row] = []
    for what, form in FORMATS.items():
        path = str(bench.folder / f"{what}.csv")
        np.savetxt(path, numbers, form, delimiter=",", header=",".join(NAMES), comments="")
        expected = by_numpy(path)
        for who, reader in readers.items():
            assert all(map(np.array_equal, reader(path), expected)), who

        def timed(reader: Callable[[str], Any], path: str = path) -> Callable[[], float]:
            def action() -> float:
                before = bench.clock.now()
                reader(path)
                return bench.clock.now() - before

            return action

        taken = in_turn({who: timed(reader) for who, reader in readers.items()}, bench.runs)
        found += compared(f"400,000 rows of three numbers, {what}", taken, BARS, missing)
    return found
