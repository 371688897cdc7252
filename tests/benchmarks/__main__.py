"""Every comparison with peers: `python -m tests.benchmarks [NAMES…] [--runs N] [--write]`.

What is compared is run in turn, and the table shows the median ratio with the least and the
greatest. A peer that is not installed is a row that says so; `pip install --group bench` installs
those that are packages of Python. `--write` keeps the tables in tests/benchmarks/results.md and
quotes them in README.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import tempfile
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Section, machine, table, versions, write
from tests.benchmarks.timing import Clock

SUBJECTS = (
    "start",
    "call",
    "loop",
    "rows",
    "growth",
    "reading",
    "fits",
    "cutest",
    "training",
    "workers",
    "replicated",
)


def main() -> None:
    """Run the subjects that are named, or all, and print their tables."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--runs", type=int, default=10, help="of each comparison (10)")
    parser.add_argument("--processor", action="store_true", help="seconds of the processor")
    parser.add_argument("--write", action="store_true", help="keep the tables")
    parser.add_argument("--list", action="store_true", help="what there is to compare")
    wanted = parser.parse_args()
    modules = {name: importlib.import_module(f"tests.benchmarks.{name}") for name in SUBJECTS}
    if wanted.list:
        for name, module in modules.items():
            print(f"{name}: {(module.__doc__ or '').splitlines()[0]}")
        return
    if unknown := set(wanted.names) - set(SUBJECTS):
        parser.error(f"no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    print(f"{machine()}\n{versions()}", flush=True)
    clock = "the processor" if wanted.processor else "the clock on the wall"
    measured = (
        f"{dt.datetime.now(tz=dt.timezone.utc).date()}, {wanted.runs} runs, seconds of {clock}"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), wanted.runs, Clock(wanted.processor))
        for name in wanted.names or SUBJECTS:
            rows = modules[name].rows(bench)
            print(f"\n## {name}\n\n{table(rows)}", flush=True)
            if wanted.write:
                write({name: Section(measured, rows)})


if __name__ == "__main__":
    main()
