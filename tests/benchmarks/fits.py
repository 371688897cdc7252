"""All fits of the NIST data sets, a process for each, beside gnuplot's `fit` and SciPy.

A fit counts as right when each parameter has four correct digits.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.bench import available, program
from tests.benchmarks.report import FASTER, PROJECT, compared
from tests.benchmarks.timing import environment, in_turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

FOLDER = PROJECT / "tests" / "reference" / "nist"
RIGHT = 1e-4
GNUPLOT = "gnuplot fit"


class Problem(NamedTuple):
    """A data set with a start."""

    name: str
    model: str
    response: str
    columns: list[str]
    predictors: list[str]
    start: dict[str, float]
    certified: dict[str, float]
    file: Path

    def is_right(self, found: Mapping[str, float]) -> bool:
        """Return whether the parameters are those that are certified."""
        return all(
            abs(found.get(name, float("nan")) - value) <= RIGHT * abs(value)
            for name, value in self.certified.items()
        )


def problems() -> list[Problem]:
    """Return every set with each of its starts; linear sets start at 1."""
    sets = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))["sets"]
    return [
        Problem(
            f"{name}-{number}",
            row["model"],
            row["response"],
            row["columns"],
            row["predictors"],
            start,
            row["certified"],
            FOLDER / row["csv"],
        )
        for name, row in sets.items()
        for number, start in enumerate(_starts(row), 1)
    ]


def _starts(row: Mapping[str, Any]) -> list[dict[str, float]]:
    if row["kind"] == "linear":
        return [dict.fromkeys(row["parameters"], 1.0)]
    return [row["start1"], row["start2"]]


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    every = problems()
    makers = {
        GNUPLOT: partial(_by_gnuplot, bench, every),
        "scipy curve_fit": partial(_by_scipy, every),
    }
    commands = {"gradcli": [by_gradcli(bench, problem) for problem in every]}
    peers, missing = available(makers)
    commands |= peers
    right = {name: _right(name, words, every) for name, words in commands.items()}
    actions = {name: partial(_all, bench, words) for name, words in commands.items()}
    counts = ", ".join(f"{name} {count}" for name, count in right.items())
    what = f"all {len(every)} NIST fits (right: {counts})"
    return compared(what, in_turn(actions, bench.runs), {GNUPLOT: FASTER}, missing)


def _all(bench: Bench, words: list[list[str]]) -> float:
    return sum(bench.clock.process(each, fails=True) for each in words)


def _right(name: str, words: list[list[str]], every: list[Problem]) -> int:
    """Return how many of the fits find what is certified."""
    read = read_gradcli if name == "gradcli" else read_lines
    ran = [
        subprocess.run(each, check=False, capture_output=True, text=True, env=environment())
        for each in words
    ]
    return sum(p.is_right(read(done.stdout)) for p, done in zip(every, ran, strict=True))


def by_gradcli(bench: Bench, problem: Problem) -> list[str]:
    """Return the command that fits."""
    model = f"{problem.response} ~ {problem.model}"
    return [
        bench.gradcli,
        "minimize",
        model,
        *_starts_of(problem),
        "--data",
        str(problem.file),
        "--json",
    ]


def _starts_of(problem: Problem) -> list[str]:
    return [f"{name}={value!r}" for name, value in problem.start.items()]


def read_gradcli(output: str) -> dict[str, float]:
    """Return the parameters that a fit printed."""
    found: dict[str, float] = json.loads(output)["parameters"] if output else {}
    return found


def _by_gnuplot(bench: Bench, every: list[Problem]) -> list[list[str]]:
    path = program("gnuplot")
    found: list[list[str]] = []
    for problem in every:
        script = bench.folder / f"{problem.name}.gp"
        script.write_text(gnuplot_script(problem), encoding="utf-8")
        found.append([path, str(script)])
    return found


def _by_scipy(every: list[Problem]) -> list[list[str]]:
    if importlib.util.find_spec("scipy") is None:
        name = "scipy"
        raise ModuleNotFoundError(name)
    script = str(Path(__file__).with_name("curve_fit.py"))
    return [
        [
            *(sys.executable, script, str(problem.file)),
            problem.model.replace("^", "**").replace("atan", "arctan"),
            problem.response,
            *_starts_of(problem),
        ]
        for problem in every
    ]


def gnuplot_script(problem: Problem) -> str:
    """Return the script that fits and prints every parameter."""
    names = ",".join(problem.predictors)
    places = {name: place for place, name in enumerate(problem.columns, 1)}
    using = [str(places[name]) for name in problem.predictors]
    response = re.sub(
        r"\w+", lambda w: f"${places[w[0]]}" if w[0] in places else w[0], problem.response
    )
    using.append(f"({response})")
    via = ",".join(problem.start)
    return "\n".join(
        [
            "set datafile separator ','",
            "set fit quiet logfile '/dev/null'",
            f"set dummy {names}",
            f"f({names}) = {problem.model.replace('^', '**')}",
            *(f"{name} = {value!r}" for name, value in problem.start.items()),
            f"fit f({names}) '{problem.file}' skip 1 using {':'.join(using)} via {via}",
            "set print '-'",
            *(f"print sprintf('{name} %.17g', {name})" for name in problem.start),
        ]
    )


def read_lines(output: str) -> dict[str, float]:
    """Return the parameters that a script printed, NAME VALUE on a line."""
    pairs = [line.split() for line in output.splitlines()]
    return {name: float(value) for name, value in pairs}
