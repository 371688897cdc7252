"""What a comparison found, as rows of a table, and the file in which the tables are kept."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks.timing import Spread, ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PROJECT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results.md"
README = PROJECT / "README.md"
QUOTED = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)
"""The place in README where the rows with a bar are quoted."""

HEADS = ("what", "gradcli", "peer", "ratio", "bar", "met")
PEERS = ("autograd", "casadi", "jax", "llvmlite", "micrograd", "numba", "numpy", "sympy", "torch")
PROGRAMS = (
    ("bc", "--version"),
    ("gcc", "--version"),
    ("gnuplot", "--version"),
    ("maxima", "--version"),
    ("octave", "--version"),
    ("qalc", "--version"),
)


class Row(NamedTuple):
    """A row of the table, ready to be read."""

    what: str
    ours: str
    peer: str
    ratio: str = ""
    bar: str = ""
    met: str = ""

    def __str__(self) -> str:
        return f"| {' | '.join(self)} |"


class Bar(NamedTuple):
    """How large the ratio may be: at most so large, or smaller than that."""

    most: float
    is_open: bool = False

    def __str__(self) -> str:
        return f"{'<' if self.is_open else '≤'} {self.most:g} ×"

    def is_met(self, ratio: float) -> bool:
        """Return whether a ratio is small enough."""
        return ratio < self.most if self.is_open else ratio <= self.most


FASTER = Bar(1, is_open=True)


def compared(
    what: str,
    taken: Mapping[str, Sequence[float]],
    bars: Mapping[str, Bar] | None = None,
    missing: Iterable[str] = (),
    shown: Callable[[float], str] | None = None,
) -> list[Row]:
    """Return a row for each peer: what gradcli took, what the peer took, and the ratio.

    `taken` begins with what gradcli took; `bars` are by peer, and `missing` the peers that are not
    installed.
    """
    shown = shown or seconds
    bars = bars or {}
    (ours, *peers) = taken
    rows = []
    for peer in peers:
        spread = ratios(taken[ours], taken[peer])
        bar = bars.get(peer)
        rows.append(
            Row(
                what,
                shown(Spread.of(taken[ours]).median),
                f"{peer}: {shown(Spread.of(taken[peer]).median)}",
                f"{_short(spread.median)} ({_short(spread.least)}..{_short(spread.most)})",
                str(bar) if bar else "",
                ("yes" if bar.is_met(spread.median) else "no") if bar else "",
            )
        )
    mine = shown(Spread.of(taken[ours]).median)
    rows += [
        Row(what, mine, f"{peer}: not installed", "", str(bars[peer]) if peer in bars else "")
        for peer in missing
    ]
    return rows


def seconds(number: float) -> str:
    """Return seconds with the unit that suits them, 1.23 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if number >= size:
            return f"{_short(number / size)} {unit}"
    return f"{_short(number / 1e-9)} ns"


def megabytes(number: float) -> str:
    """Return bytes in MB."""
    return f"{number / 1e6:.0f} MB"


def _short(number: float) -> str:
    """Return a number with three digits, and without an exponent."""
    return f"{number:.0f}" if number >= 100 else f"{number:#.3g}".rstrip(".")


def table(rows: Sequence[Row]) -> str:
    """Return a table in Markdown."""
    return "\n".join(
        [str(Row(*HEADS)), "| " + " | ".join(["---"] * len(HEADS)) + " |", *map(str, rows)]
    )


def machine() -> str:
    """Return the kind of this machine, as one line."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next(
            (ln.split(":")[1].strip() for ln in lines if ln.startswith("model name")), model
        )
    return (
        f"{os.cpu_count()} × {model}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def versions() -> str:
    """Return the peers that are installed with their versions, as one line."""
    found = []
    for name in PEERS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    for name, option in PROGRAMS:
        if path := shutil.which(name):
            ran = subprocess.run([path, option], capture_output=True, text=True, check=False)
            number = re.search(r"\d+(\.\d+| patchlevel )+(\d+)?", ran.stdout.split("\n")[0])
            found.append(
                f"{name} {number[0].replace(' patchlevel ', '.') if number else ''}".strip()
            )
    return ", ".join(found)


class Section(NamedTuple):
    """The rows of one subject, and when and how they were measured."""

    measured: str
    rows: list[Row]


def read(text: str) -> dict[str, Section]:
    """Return the sections of the file of results, by subject."""
    found = {}
    for part in text.split("\n## ")[1:]:
        name, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line]
        cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[3:]]
        found[name] = Section(lines[0], [Row(*row) for row in cells])
    return found


def written(sections: Mapping[str, Section], machine_kind: str, peers: str) -> str:
    """Return the text of the file of results."""
    head = (
        "# Results\n\nWritten by `python -m tests.benchmarks --write`. A ratio is gradcli's time "
        "divided by the peer's, the median (least..greatest) of runs in turn; `bar` is how large "
        f"it may be.\n\nMachine: {machine_kind}.\n\nPeers: {peers}.\n"
    )
    parts = [f"\n## {n}\n\n{s.measured}\n\n{table(s.rows)}\n" for n, s in sections.items()]
    return head + "".join(parts)


def quoted(results: str) -> str:
    """Return what README says of the results: date, machine, and the rows that have a bar."""
    sections = read(results)
    (kind,) = re.findall(r"^Machine: (.*)\.$", results, re.MULTILINE)
    rows = [row for section in sections.values() for row in section.rows if row.bar]
    dates = sorted({section.measured.partition(",")[0] for section in sections.values()})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"Measured {when} on {kind}:\n\n{table(rows)}\n"


def write(sections: Mapping[str, Section]) -> None:
    """Put sections into the file of results, keeping the others, and quote them in README."""
    kept = read(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results = written({**kept, **sections}, machine(), versions())
    RESULTS.write_text(results, encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    said = quoted(results)
    README.write_text(QUOTED.sub(lambda _: said, readme), encoding="utf-8")
